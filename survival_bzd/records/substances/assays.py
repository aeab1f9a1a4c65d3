"""What a urine test can see, and for how long after a dose.

Not every number is published: where none can be cited, the answer is unknown, not never.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.substances.dictionary import Assay, Substance, dictionary, substance
from survival_bzd.records.substances.spelling import WORD

Seen = Literal["seen", "variably", "not_seen", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """Whether an assay sees a drug.

    Attributes
    ----------
    inn, assay : of which drug, by which assay.
    verdict : ``"seen"``, ``"variably"`` (some tests miss it, or only some are known to see it),
        ``"not_seen"`` or ``"unknown"`` (no source established it).
    source : key of `Dictionary.sources`; "" where unknown.
    note : what the assay cannot see in general.
    """

    inn: str
    assay: str
    verdict: Seen
    source: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionWindow:
    """How long after a dose an assay finds a drug in urine.

    Attributes
    ----------
    inn, assay : of which drug, by which assay.
    lower, upper : days after a dose, from the least to the longest reported; the upper one is the
        washout that a single dose calls for.
    chronic_upper : days after the last dose of long use; None where no source has it.
    basis : whose numbers they are: the ``"drug"``'s own, those of the ``"metabolite"`` it is found
        as, or those of the ``"class"`` for want of better.
    source, chronic_source : keys of `Dictionary.sources`.
    note : what qualifies them.
    """

    inn: str
    assay: str
    lower: float
    upper: float
    chronic_upper: float | None
    basis: Literal["drug", "metabolite", "class"]
    source: str
    chronic_source: str
    note: str


def assay_kind(text: str) -> str | None:
    """Return the kind of assay that a word of the records means; None where it tells none.

    Examples
    --------
    >>> assay_kind("LC-MS/MS"), assay_kind("Immunoassay (dipstick)"), assay_kind("lab")
    ('mass_spectrometry', 'immunoassay', None)
    >>> assay_kind("immunoassay with glucuronidase")
    'immunoassay_glucuronidase'
    """
    said = WORD.findall(text.casefold())
    found = [
        (len(name.split()), assay.key)
        for assay in dictionary().assays.values()
        for name in assay.names
        if _holds(said, name.split())
    ]
    if "glucuronidase" in said:
        return "immunoassay_glucuronidase"
    kinds = {key for _, key in found}
    if "mass_spectrometry" in kinds:
        return "mass_spectrometry"
    return max(found)[1] if found else None


def visibility(inn: str, assay: str) -> Visibility:
    """Say whether an assay sees a drug.

    Parameters
    ----------
    inn : the substance; of a combination, its benzodiazepine is looked for.
    assay : key of `Dictionary.assays`; `assay_kind` finds it from a word of the records.

    Examples
    --------
    >>> [visibility(drug, "immunoassay").verdict for drug in ("zolpidem", "lorazepam")]
    ['not_seen', 'variably']
    """
    known = _assay(assay)
    one = substance(inn)
    if one.contains and assay not in one.verdicts:
        one = substance(one.contains)
    verdict, source = _verdict(one, assay)
    return Visibility(inn=inn, assay=assay, verdict=verdict, source=source, note=known.note)


def unseen(assay: str, inns: Iterable[str] | None = None) -> tuple[Visibility, ...]:
    """List the drugs that an assay does not see, or not reliably, or of which it is unknown.

    Parameters
    ----------
    assay : key of `Dictionary.assays`.
    inns : only these; by default all of the dictionary.
    """
    asked = dictionary().substances if inns is None else inns
    found = (visibility(inn, assay) for inn in asked)
    return tuple(one for one in found if one.verdict != "seen")


def detection_window(inn: str, assay: str) -> DetectionWindow | None:
    """Return how long after a dose an assay finds a drug in urine.

    Returns
    -------
    None where the assay does not see the drug, or no source says how long it does.

    Examples
    --------
    >>> window = detection_window("diazepam", "immunoassay")
    >>> window.lower, window.upper, window.chronic_upper, window.basis, window.source
    (5.0, 24.0, 30, 'drug', 'white_black')
    >>> detection_window("zopiclone", "immunoassay") is None
    True
    """
    known = _assay(assay)
    if visibility(inn, assay).verdict == "not_seen":
        return None
    one = substance(inn)
    if one.contains and assay not in one.windows:
        one = substance(one.contains)
    basis: Literal["drug", "metabolite", "class"] = "drug"
    found = one.windows.get(assay)
    if found is None and one.becomes is not None:
        basis, found = "metabolite", substance(one.becomes[0]).windows.get(assay)
    if found is not None:
        days, source, note = found.range, found.source, found.note
    elif known.window_days is not None and one.class_ == "benzodiazepine":
        basis, days, source, note = "class", known.window_days, known.window_source, ""
    else:
        return None
    if basis == "metabolite" and one.becomes is not None:
        note = f"found as {one.becomes[0]} ({one.becomes[1]})"
    return DetectionWindow(
        inn=inn,
        assay=assay,
        lower=days[0],
        upper=days[1],
        chronic_upper=known.chronic_days,
        basis=basis,
        source=source,
        chronic_source=known.chronic_source,
        note=note,
    )


def _assay(key: str) -> Assay:
    assays = dictionary().assays
    if key not in assays:
        rule = f"an assay is one of {', '.join(assays)}"
        raise BadInput([Fault(rule=rule, value=key, remedy="Name one of them.")])
    return assays[key]


def _verdict(one: Substance, assay: str) -> tuple[Seen, str]:
    """Return the verdict and its source; with glucuronidase a test sees no less than without."""
    if assay in one.verdicts:
        return one.verdicts[assay]
    if assay == "immunoassay_glucuronidase" and "immunoassay" in one.verdicts:
        return one.verdicts["immunoassay"]
    return "unknown", ""


def _holds(said: list[str], name: list[str]) -> bool:
    return any(said[at : at + len(name)] == name for at in range(len(said) - len(name) + 1))
