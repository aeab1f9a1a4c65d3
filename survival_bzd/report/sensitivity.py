"""What the rules decide, as a table of every variant and as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from survival_bzd.report.phrases import percent_with_limits, ratio_with_limits, with_limits
from survival_bzd.report.rounding import NOT_REACHED, count, decimal, digits, level, percent
from survival_bzd.report.table import Table, Value

if TYPE_CHECKING:
    from survival_bzd.endpoint.grid import Specification
    from survival_bzd.estimate import Estimate

HEADS = {
    "sources": "Sources",
    "conflict": "Conflict",
    "origin": "Time zero",
    "pattern": "Relapse",
    "equivalents": "Equivalents",
    "washout_days": "Washout",
    "missing": "Silence",
    "dated": "Dated",
    "population": "Population",
    "end": "End",
}
"""The factors in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalHere:
    """Relapse-free at one time: by Kaplan-Meier with limits, and interval-censored.

    Attributes
    ----------
    time : in days.
    survival : Kaplan-Meier.
    between : of the interval-censored curve; NaN where it cannot be estimated, and then why in
        `between_reason`, which also says where the data leave it open.
    """

    time: float
    survival: Estimate
    between: float
    between_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResults:
    """What one variant of an endpoint finds.

    Attributes
    ----------
    specification : which.
    enrolled, patients, relapses : patients enrolled, at risk, and who of these relapsed.
    median : days until half have relapsed.
    survival : at each time asked for.
    ratio : the hazard ratio of interest; `term` is whose.
    """

    specification: Specification
    enrolled: int
    patients: int
    relapses: int
    median: Estimate
    survival: tuple[SurvivalHere, ...]
    ratio: Estimate
    term: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityResults:
    """Every variant of one endpoint.

    Attributes
    ----------
    label : the endpoint.
    variants : in the order of the grid.
    times : where the curves are reported, in days; the last is the main one.
    formula : the Cox model; None where there is none.
    confidence : coverage of the limits.
    control_group : whether the study has one.
    """

    label: str
    variants: tuple[VariantResults, ...]
    times: tuple[float, ...]
    formula: str | None
    confidence: float
    control_group: bool

    @property
    def factors(self) -> tuple[str, ...]:
        """In what the variants differ."""
        return tuple(self.variants[0].specification.choices) if self.variants else ()

    @property
    def term(self) -> str:
        """Whose hazard ratio it is."""
        return next((one.term for one in self.variants if one.term), "")


def sensitivity_tables(results: SensitivityResults) -> tuple[Table, ...]:
    """Return the table of every variant."""
    factors = results.factors
    ratio = bool(results.term)
    header = [*(HEADS[factor] for factor in factors), "Patients", "Relapses", "Median, days"]
    for time in results.times:
        header += [f"S({digits(time)}), %", "NPMLE"]
    header += [f"HR {results.term}"] if ratio else []
    rows = [
        (
            *_marked(one, factors),
            count(one.patients),
            count(one.relapses),
            _days(one.median),
            *(cell for here in one.survival for cell in _here(here)),
            *([_three(one.ratio)] if ratio else []),
        )
        for one in results.variants
    ]
    return (
        Table(
            key="sensitivity",
            title=f"{results.label}: {len(results.variants)} variants of its rules",
            header=tuple(header),
            rows=tuple(rows),
            align="l" * len(factors) + "r" * (len(header) - len(factors)),
            columns=tuple(_columns(results)),
            notes=tuple(_notes(results)),
        ),
    )


def _marked(one: VariantResults, factors: tuple[str, ...]) -> list[str]:
    """Write the choices; the declared endpoint has an asterisk."""
    cells = [one.specification.choices[factor] for factor in factors]
    if one.specification.declared and cells:
        cells[0] = f"* {cells[0]}"
    return cells


def _days(median: Estimate) -> str:
    texts = [
        decimal(value, 0 if float(value).is_integer() else 1, undefined=NOT_REACHED)
        for value in (median.estimate, median.lower, median.upper)
    ]
    return with_limits(texts[0], texts[1], texts[2])


def _here(here: SurvivalHere) -> tuple[str, str]:
    one = here.survival
    return percent_with_limits(one.estimate, one.lower, one.upper), percent(here.between)


def _three(one: Estimate) -> str:
    return ratio_with_limits(one.estimate, one.lower, one.upper)


def _columns(results: SensitivityResults) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Yield the columns of the CSV form."""
    found = results.variants
    yield "declared", tuple(one.specification.declared for one in found)
    for factor in results.factors:
        yield factor, tuple(one.specification.choices[factor] for one in found)
    yield "enrolled", tuple(one.enrolled for one in found)
    yield "patients", tuple(one.patients for one in found)
    yield "relapses", tuple(one.relapses for one in found)
    yield from _limits("median", [one.median for one in found])
    for place, time in enumerate(results.times):
        name = f"survival_{digits(time)}"
        yield from _limits(name, [one.survival[place].survival for one in found])
        yield f"npmle_{digits(time)}", tuple(one.survival[place].between for one in found)
    if results.term:
        yield from _limits("hazard_ratio", [one.ratio for one in found])


def _limits(name: str, found: list[Estimate]) -> Iterator[tuple[str, tuple[Value, ...]]]:
    yield name, tuple(one.estimate for one in found)
    yield f"{name}_lower", tuple(one.lower for one in found)
    yield f"{name}_upper", tuple(one.upper for one in found)


def _notes(results: SensitivityResults) -> Iterator[str]:
    """Say what the columns are, and how far the variants are apart."""
    yield (
        f"S(t): relapse-free at t days by Kaplan-Meier, with {level(results.confidence)} limits; "
        "NPMLE: the same where a relapse is only known to lie between two statements, in percent. "
        "The second does not depend on how a relapse is dated."
    )
    if any(one.specification.declared for one in results.variants):
        yield "*: the endpoint as declared."
    low, high = spread(results)
    if not math.isnan(low):
        yield (
            f"Over the variants S({digits(results.times[-1])}) is {percent(low)}% to "
            f"{percent(high)}%."
        )
    if any("first of" in one.specification.choices.get("origin", "") for one in results.variants):
        yield (
            "Time zero at the first of several negatives knows the future: who has a use between "
            "them is never at risk (immortal time)."
        )
    if results.term and not results.control_group:
        yield "There is no control group: a hazard ratio is an association, not an effect."


def spread(results: SensitivityResults) -> tuple[float, float]:
    """Return the least and the greatest survival at the main time over the variants."""
    found = [
        one.survival[-1].survival.estimate
        for one in results.variants
        if not math.isnan(one.survival[-1].survival.estimate)
    ]
    return (min(found), max(found)) if found else (math.nan, math.nan)


def sensitivity_document(results: SensitivityResults) -> dict[str, Any]:
    """Return every variant as plain values."""
    low, high = spread(results)
    return {
        "endpoint": results.label,
        "factors": list(results.factors),
        "at_days": list(results.times),
        "formula": results.formula,
        "term": results.term or None,
        "confidence": results.confidence,
        "lowest": _number(low),
        "highest": _number(high),
        "variants": [_variant(one) for one in results.variants],
    }


def _variant(one: VariantResults) -> dict[str, Any]:
    return {
        "declared": one.specification.declared,
        "choices": dict(one.specification.choices),
        "enrolled": one.enrolled,
        "patients": one.patients,
        "relapses": one.relapses,
        "median": _estimate(one.median),
        "survival": [
            {
                "time": here.time,
                **_estimate(here.survival),
                "npmle": _number(here.between),
                **({"npmle_reason": here.between_reason} if here.between_reason else {}),
            }
            for here in one.survival
        ],
        "hazard_ratio": _estimate(one.ratio),
    }


def _estimate(one: Estimate) -> dict[str, Any]:
    found: dict[str, Any] = {
        "estimate": _number(one.estimate),
        "lower": _number(one.lower),
        "upper": _number(one.upper),
    }
    if one.reason:
        found["reason"] = one.reason
    return found


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
