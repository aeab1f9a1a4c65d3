"""For how long after the origin a positive urine may be left over from before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from survival_bzd.endpoint.declaration import OTHER, Endpoint
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import Evidence
from survival_bzd.records.declaration import DECLARATION
from survival_bzd.records.engine import literal, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Washout:
    """How long the positives of one drug, by one assay, are not assessed.

    Attributes
    ----------
    name : the analyte, or the patient's drug where `washout_by` names a column.
    assay : as written in the records; None for every other assay.
    days : positives on days 1 to this one after the origin are not assessed.
    source : whose number it is: a key of the dictionary's sources, or ``"study.toml"``.
    """

    name: str
    assay: str | None
    days: int
    source: str


def washouts(evidence: Evidence, endpoint: Endpoint) -> tuple[Washout, ...]:
    """Return the washout of each drug and assay; none where one number holds for all.

    Raises
    ------
    BadInput
        If the dictionary is asked for a window that no source gives; each drug and assay is named.
    """
    said = endpoint.washout_days
    if isinstance(said, int):
        return ()
    if isinstance(said, str):
        return _published(evidence, endpoint, chronic=said == "long_use")
    return tuple(_declared(said))


def _declared(said: Mapping[str, int | Mapping[str, int]]) -> Iterator[Washout]:
    """Yield what `study.toml` says, the assays of a drug before its other ones."""
    for name, days in said.items():
        if name == OTHER:
            continue
        by_assay = {OTHER: days} if isinstance(days, int) else days
        for assay in sorted(by_assay, key=lambda assay: assay == OTHER):
            yield Washout(
                name=name,
                assay=None if assay == OTHER else assay,
                days=by_assay[assay],
                source=DECLARATION,
            )


def _published(evidence: Evidence, endpoint: Endpoint, *, chronic: bool) -> tuple[Washout, ...]:
    """Look up the detection window of each drug and assay among the positives of the study."""
    found, faults = [], []
    for name, assay in _pairs(evidence, endpoint):
        window, lacks = _window(name, assay, chronic=chronic)
        if window is None:
            faults.append(_unpublished(evidence, name, assay, lacks))
        else:
            days, source = window
            found.append(Washout(name=name or "", assay=assay, days=days, source=source))
    if faults:
        raise BadInput(faults)
    return tuple(found)


def _pairs(evidence: Evidence, endpoint: Endpoint) -> list[tuple[str | None, str | None]]:
    """Return the drugs and assays of the positives that count."""
    name = f"patients.{quoted(endpoint.washout_by)}" if endpoint.washout_by else "urine.analyte"
    classes = ", ".join(map(literal, endpoint.substances))
    return [
        (pair[0], pair[1])
        for pair in evidence.records.engine.rows(
            f"SELECT DISTINCT {name}, urine.assay FROM urine "
            "JOIN patients ON patients.patient_id = urine.patient_id "
            "JOIN substance ON substance.name = urine.analyte "
            f"WHERE urine.result = 'positive' AND substance.class IN ({classes}) ORDER BY 1, 2"
        )
    ]


def _window(
    name: str | None, assay: str | None, *, chronic: bool
) -> tuple[tuple[int, str] | None, str]:
    """Return (days, source) of a drug by an assay, or None and what is lacking."""
    from survival_bzd.records.substances import assay_kind, detection_window, match

    (drug,) = match([name or ""])
    kind = assay_kind(assay or "")
    if not drug.inn:
        return None, "the drug is not one of the dictionary"
    if kind is None:
        return None, "the kind of assay is not known"
    window = detection_window(drug.inn, kind)
    if window is None:
        return None, "no source says for how long the assay finds the drug"
    if not chronic:
        return (math.ceil(window.upper), window.source), ""
    if window.chronic_upper is None:
        return None, "no source says for how long after long use"
    longest = max(window.upper, window.chronic_upper)
    source = window.source if longest == window.upper else window.chronic_source
    return (math.ceil(longest), source), ""


def _unpublished(evidence: Evidence, name: str | None, assay: str | None, lacks: str) -> Fault:
    tables = evidence.records.declaration.tables
    return Fault(
        rule=f"a published washout needs a drug and an assay: {lacks}",
        remedy="Say the days in washout_days, as in { diazepam = 30, other = 7 }; where the "
        "analyte is a class, name the column of the patients' drug in washout_by.",
        file=tables["urine"].file,
        column="analyte, assay",
        value=f"{name or 'no drug'}, {assay or 'no assay'}",
    )
