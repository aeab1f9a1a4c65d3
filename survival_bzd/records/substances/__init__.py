"""Benzodiazepines and Z-drugs: their names in records, equivalents, and what urine tests see.

For research on records; not for prescribing. The data, each number with its source, are in
`dictionary.toml`.
"""

from survival_bzd.records.substances.assays import (
    DetectionWindow,
    Visibility,
    assay_kind,
    detection_window,
    unseen,
    visibility,
)
from survival_bzd.records.substances.dictionary import (
    Assay,
    Dictionary,
    EquivalentTable,
    Substance,
    dictionary,
    substance,
)
from survival_bzd.records.substances.equivalents import (
    Equivalent,
    diazepam_equivalent,
    equivalents,
)
from survival_bzd.records.substances.matching import Match, match

__all__ = [
    "Assay",
    "DetectionWindow",
    "Dictionary",
    "Equivalent",
    "EquivalentTable",
    "Match",
    "Substance",
    "Visibility",
    "assay_kind",
    "detection_window",
    "diazepam_equivalent",
    "dictionary",
    "equivalents",
    "match",
    "substance",
    "unseen",
    "visibility",
]
