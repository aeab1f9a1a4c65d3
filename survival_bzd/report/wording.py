"""The words that tables, figures and prose share."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from survival_bzd.report.rounding import (
    DAYS_PER_MONTH,
    count,
    decimal,
    digits,
    displayed_unit,
)

if TYPE_CHECKING:
    import pandas as pd

    from survival_bzd.endpoint.time_to_event import FlowLeaf, TimeToEvent
    from survival_bzd.estimate import CoxFit
    from survival_bzd.report.paper_results import EndpointFacts

SYNTHETIC = "Synthetic data"
"""Stands on every table, figure and document of a study whose records are made up."""

FEW_AT_RISK = 5
"""A curve with fewer patients at risk than this is drawn lighter: its end rests on very few."""

AT_RISK_NOTE = (
    "Number at risk at t: patients followed to t or longer, those who relapse at t included"
)
"""Where nobody enters late; see `at_risk_note`."""

ORIGINS = {
    "confirmed_abstinence": "confirmed abstinence",
    "first_negative": "the first negative sample",
    "discontinuation": "discontinuation",
    "enrolment": "enrolment",
    "last_treatment": "the last treatment",
}
"""Time zero, as an axis label says it after "since"."""

SOURCES = {
    "visits": "self-report at visits",
    "urine": "urine samples",
    "use_days": "use calendars",
    "use_windows": "use calendars' covered periods",
    "fills": "prescription fills",
}

VERDICTS = {
    "use": "use",
    "no_use": "no use",
    "possession": "possession",
    "not_assessed": "not assessed",
}

CHI_SQUARE = "\N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO}"

FITS = {"efron": "Efron", "breslow": "Breslow", "exact": "Exact", "firth": "Firth"}
"""How a table calls what `fitted_by` names."""

LIMITS = {
    "wald": "Wald",
    "profile": "profile likelihood",
    "beta": "beta product (method of moments)",
}

TESTS = {
    "logrank": "Log-rank test",
    "fleming-harrington": "Fleming-Harrington test",
    "tarone-ware": "Tarone-Ware test",
    "gehan": "Gehan's test",
    "peto": "Peto and Peto's test",
}
"""How a table calls a test between groups by the weights of its events."""

_OUTCOMES = {"relapse": "Relapsed", "censored": "Censored", "not at risk": "Not at risk"}

_REASONS = {
    "pattern": "By the evidence of use",
    "gap": "Nothing known for too long",
    "last_statement": "Last statement about use",
    "nothing_recorded": "Nothing recorded after time zero",
    "cut_off": "Follow-up cut off",
    "study_end": "End of study",
    "loss": "Lost to follow-up",
    "never_confirmed": "Abstinence never confirmed",
    "no_use": "No statement of use to search from",
    "no_treatment": "No treatment recorded",
    "no_date": "No date of time zero",
    "observation_ended_before_origin": "Observation ended before time zero",
    "entered_after_end": "Entered after the follow-up ended",
}
"""The reasons of the endpoint layer, for a reader."""


def spaced(code: str) -> str:
    """Write a coded name as words: ``last_statement`` becomes ``last statement``."""
    return code.replace("_", " ").strip()


def quoted(words: str) -> str:
    """Put a name that begins as its authors wrote it into quotation marks."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{words}\N{RIGHT DOUBLE QUOTATION MARK}"


def substance_words(name: str) -> str:
    """Name a class of substances.

    Examples
    --------
    >>> substance_words("z_drug"), substance_words("opioid_agonist")
    ('Z-drug', 'opioid agonist')
    """
    return re.sub(r"^z drug", "Z-drug", spaced(name))


def sentence(words: str) -> str:
    """Start words with a capital, leaving the others as they are."""
    return words[:1].upper() + words[1:]


def slug(words: str) -> str:
    """Write words as part of a key: ``C(grp)[T.patchOnly]`` becomes ``grp_patch_only``.

    Examples
    --------
    >>> slug("dose + C(sex)"), slug("sex[T.male]"), slug("Taper + CBT")
    ('dose_sex', 'sex_male', 'taper_cbt')
    """
    bare = re.sub(r"\bC\(", "", words).replace("[T.", "[")
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", bare)
    return re.sub(r"[^0-9a-z]+", "_", split.lower()).strip("_") or "_"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Give each name a slug of its own, numbering those that would share one.

    Examples
    --------
    >>> slugs(["A+", "A-", "B"])
    {'A+': 'a', 'A-': 'a_2', 'B': 'b'}
    """
    given: dict[str, str] = {}
    for name in dict.fromkeys(names):
        stem = slug(name)
        candidates = itertools.chain([stem], (f"{stem}_{number}" for number in itertools.count(2)))
        given[name] = next(one for one in candidates if one not in given.values())
    return given


def time_zero(endpoint: EndpointFacts) -> str:
    """Name the origin; empty where the times came ready made."""
    code = str(endpoint.origin.get("at", ""))
    if code == "column":
        return spaced(str(endpoint.origin.get("column", "the origin")))
    return ORIGINS.get(code, spaced(code))


def origin_words(endpoint: EndpointFacts) -> str:
    """Name time zero, as a title says it after "since"."""
    return time_zero(endpoint) or "the start of follow-up"


def group_words(by: str | None, group: str | None) -> str:
    """Name a group with its covariate; everybody is "All"."""
    return "All" if group is None else f"{by or 'group'}: {group}"


def outcome_words(tte: TimeToEvent, event: int) -> str:
    """Name an event code."""
    return "censored" if event == 0 else spaced(tte.causes[event - 1])


def at_risk_note(tte: TimeToEvent) -> str:
    """Say who is counted at risk, of patients who enter late too where there are any."""
    late = tte.entry is not None and bool((tte.entry == tte.entry).any())
    return AT_RISK_NOTE + ("; who enters late counts after the entry" if late else "")


def patient_names(tte: TimeToEvent) -> list[str]:
    """Name the patients; rows that have no names are numbered from 1."""
    if tte.patient_id is None:
        return [str(row) for row in range(1, tte.n + 1)]
    return [str(patient) for patient in tte.patient_id]


def chi_square(statistic: float, df: float) -> str:
    """Write a chi-square statistic with its degrees of freedom."""
    return f"{CHI_SQUARE} = {decimal(statistic, 2)}, {count(df)} df"


def axis_label(endpoint: EndpointFacts, unit: str) -> str:
    """Label a time axis with its unit and origin, such as ``Months since enrolment``."""
    origin = time_zero(endpoint)
    words = sentence(spaced(displayed_unit(unit)))
    return f"{words} since {origin}" if origin else f"{words} of follow-up"


def month_of(day: float) -> int | None:
    """Return m where `day` is the horizon floor(30.4375 m) of m months, else None.

    Examples
    --------
    >>> month_of(365.0), month_of(84.0)
    (12, None)
    """
    months = round(day / DAYS_PER_MONTH)
    return months if int(DAYS_PER_MONTH * months) == day else None


def window_words(lower: float, upper: float, unit: str) -> tuple[str, str]:
    """Name a window of time: its key, such as ``month_0_3``, and its words, ``0 to 3 months``."""
    if unit == "days":
        months = month_of(lower), month_of(upper)
        if None not in months:
            return f"month_{months[0]}_{months[1]}", f"{months[0]} to {months[1]} months"
    edges = digits(lower), digits(upper)
    key = f"{slug(unit).removesuffix('s')}_{slug(edges[0])}_{slug(edges[1])}"
    return key, f"{edges[0]} to {edges[1]} {unit}"


def tick(value: float) -> str:
    """Write a time of an axis or a table: whole if it is."""
    return digits(value) if float(value).is_integer() else decimal(value, 1)


def leaf_words(leaf: FlowLeaf) -> str:
    """Say a leaf of the flow on one line: its outcome, and its reason where that adds something."""
    if leaf.outcome == "not at risk":
        return reason_words(leaf)
    heading = outcome_heading(leaf.outcome)
    if leaf.reason in (leaf.outcome, "pattern", ""):
        return heading
    reason = reason_words(leaf)
    return f"{heading}: {reason[:1].lower()}{reason[1:]}"


def outcome_heading(outcome: str) -> str:
    """Name how a follow-up ended."""
    return _OUTCOMES.get(outcome, sentence(spaced(outcome)))


def reason_words(leaf: FlowLeaf) -> str:
    """Say the reason of a leaf."""
    return _REASONS.get(leaf.reason, sentence(spaced(leaf.reason)))


def covariate_words(name: str, labels: Mapping[str, str]) -> str:
    """Name a covariate: by its label, or by its column."""
    return labels.get(name) or spaced(name)


def term_words(
    term: str, covariates: pd.DataFrame | None, labels: Mapping[str, str] | None = None
) -> str:
    """Say a coefficient: a level is named with the level it is compared with.

    Examples
    --------
    >>> import pandas as pd
    >>> term_words("C(sex)[T.male]", pd.DataFrame({"sex": ["male", "female"]}))
    'sex: male vs female'
    """
    matched = re.fullmatch(r"(?:C\()?([^\[\]()]+)\)?\[(?:T\.)?(.+)\]", term)
    names = labels or {}
    if matched is None:
        return covariate_words(term, names)
    column, shown = matched.groups()
    words = f"{covariate_words(column, names)}: {shown}"
    if covariates is None or column not in covariates.columns:
        return words
    reference = sorted(covariates[column].dropna().unique())[0]
    return words if str(reference) == shown else f"{words} vs {reference}"


def fitted_by(fit: CoxFit) -> str:
    """Name what makes two fits of one formula differ: ``firth``, or how ties are handled."""
    return fit.ties if fit.penalty == "none" else fit.penalty
