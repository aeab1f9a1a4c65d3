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
    from survival_bzd.estimate.lost_patients import (
        CensoringWeighted,
        DeltaAdjusted,
        LossBounds,
        TippingPoint,
    )

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
class LostResults:
    """What the lost decide, of the endpoint as declared.

    Attributes
    ----------
    lost, censored : who was lost, of all who were censored.
    bounds : at each time.
    adjusted : at the main time, for each delta.
    tipping : of the declared conclusion; None where none is declared.
    weighted : weighted for being lost; None where no covariates are declared for that, or it cannot
        be estimated, and then why in `not_weighted`.
    not_estimable : why there is nothing else; empty where there is.
    """

    lost: int
    censored: int
    bounds: tuple[LossBounds, ...]
    adjusted: tuple[DeltaAdjusted, ...]
    tipping: TippingPoint | None
    weighted: CensoringWeighted | None
    not_weighted: str
    not_estimable: str


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
    lost : what the lost decide; None where nobody is at risk.
    """

    label: str
    variants: tuple[VariantResults, ...]
    times: tuple[float, ...]
    formula: str | None
    confidence: float
    control_group: bool
    lost: LostResults | None = None

    @property
    def factors(self) -> tuple[str, ...]:
        """In what the variants differ."""
        return tuple(self.variants[0].specification.choices) if self.variants else ()

    @property
    def term(self) -> str:
        """Whose hazard ratio it is."""
        return next((one.term for one in self.variants if one.term), "")


def sensitivity_tables(results: SensitivityResults) -> tuple[Table, ...]:
    """Return the table of every variant, and that of what the lost decide."""
    variants = _variants_table(results)
    return (variants,) if results.lost is None else (variants, lost_table(results, results.lost))


def _variants_table(results: SensitivityResults) -> Table:
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
    return Table(
        key="sensitivity",
        title=f"{results.label}: {len(results.variants)} variants of its rules",
        header=tuple(header),
        rows=tuple(rows),
        align="l" * len(factors) + "r" * (len(header) - len(factors)),
        columns=tuple(_columns(results)),
        notes=tuple(_notes(results)),
    )


def lost_table(results: SensitivityResults, lost: LostResults) -> Table:
    """Return the table of what the lost decide."""
    found = list(_assumptions(lost))
    return Table(
        key="lost",
        title=f"{results.label}: what became of the lost",
        header=("What became of the lost", "Days", "Relapse-free, %"),
        rows=tuple(
            (words, digits(time), percent_with_limits(one.estimate, one.lower, one.upper))
            for words, time, one in found
        ),
        align="lrr",
        columns=(
            ("assumption", tuple(words for words, _, _ in found)),
            ("time", tuple(time for _, time, _ in found)),
            *_limits("survival", [one for _, _, one in found]),
        ),
        notes=tuple(_lost_notes(lost, results.confidence)),
    )


def _assumptions(lost: LostResults) -> Iterator[tuple[str, float, Estimate]]:
    """Yield what is assumed of the lost, the time, and what follows."""
    for bound in lost.bounds:
        yield "as the others (Kaplan-Meier)", bound.time, bound.as_is
        yield "all relapsed when they were lost", bound.time, bound.all_relapse
        yield "none relapsed", bound.time, bound.none_relapses
    for one in lost.adjusted:
        yield f"relapsed {digits(one.delta)} times as fast", one.time, one.pooled
    if lost.weighted is not None:
        from survival_bzd.estimate import Estimate

        times = [bound.time for bound in lost.bounds]
        here = lost.weighted.curve.at(times)
        for place, time in enumerate(times):
            yield (
                f"as others alike in {lost.weighted.formula} (weights)",
                time,
                Estimate(
                    estimate=float(here.survival[place]),
                    lower=float(here.lower[place]),
                    upper=float(here.upper[place]),
                    std_error=float(here.std_error[place]),
                    reason=here.reasons[place],
                ),
            )


def _lost_notes(lost: LostResults, confidence: float) -> Iterator[str]:
    """Say who counts as lost, and from when on the conclusion turns."""
    yield (
        f"Of the endpoint as declared. Lost: {lost.lost} of the {lost.censored} who were censored, "
        "all but those followed to the end of the study."
    )
    if lost.not_estimable:
        yield f"Nothing else is estimated: {lost.not_estimable}."
    if lost.adjusted:
        first = lost.adjusted[0]
        yield (
            f"Times as fast: {first.imputations} imputations (seed {first.seed}), pooled by "
            "Rubin's rules."
        )
    if lost.tipping is not None:
        yield tipping_sentence(lost.tipping, confidence)
    if lost.weighted is not None:
        one = lost.weighted
        yield (
            f"Weights: stabilised, {decimal(one.least, 2)} to {decimal(one.greatest, 2)}, of a Cox "
            f"model of being lost; robust error over {one.n} patients."
        )
        yield from one.warnings
    if lost.not_weighted:
        yield f"No weights: {lost.not_weighted}."


def tipping_sentence(tipping: TippingPoint, confidence: float) -> str:
    """Say how much likelier the lost must be to relapse before the conclusion turns."""
    what = f"Relapse-free at {digits(tipping.time)} days above {percent(tipping.above)}%"
    turns = (
        f"the estimate turns where the lost relapse {decimal(tipping.delta, 2)} times as fast"
        if not tipping.reason
        else tipping.reason
    )
    limit = (
        f"the lower {level(confidence)} limit where they relapse "
        f"{decimal(tipping.limit_delta, 2)} times as fast"
        if not tipping.limit_reason
        else tipping.limit_reason
    )
    return f"{what}: {turns}; {limit}."


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
        "lost": None if results.lost is None else _lost(results.lost),
    }


def _lost(lost: LostResults) -> dict[str, Any]:
    found: dict[str, Any] = {
        "lost": lost.lost,
        "censored": lost.censored,
        "bounds": [
            {
                "time": one.time,
                "lost_before": one.lost,
                "as_is": _estimate(one.as_is),
                "all_relapse": _estimate(one.all_relapse),
                "none_relapses": _estimate(one.none_relapses),
            }
            for one in lost.bounds
        ],
        "delta_adjusted": [
            {
                "time": one.time,
                "delta": one.delta,
                "expected": _number(one.expected),
                "pooled": _estimate(one.pooled),
                "imputations": one.imputations,
                "seed": one.seed,
            }
            for one in lost.adjusted
        ],
        "not_estimable": lost.not_estimable or None,
        "tipping_point": None,
        "weighted": None,
        "not_weighted": lost.not_weighted or None,
    }
    if (one := lost.tipping) is not None:
        found["tipping_point"] = {
            "time": one.time,
            "above": one.above,
            "delta": _number(one.delta),
            "reason": one.reason or None,
            "limit_delta": _number(one.limit_delta),
            "limit_reason": one.limit_reason or None,
        }
    if (weights := lost.weighted) is not None:
        found["weighted"] = {
            "formula": weights.formula,
            "patients": weights.n,
            "lost": weights.lost,
            "left_out": weights.left_out,
            "least_weight": weights.least,
            "greatest_weight": weights.greatest,
            "warnings": list(weights.warnings),
            "survival": [
                {"time": time, **_estimate(value)}
                for words, time, value in _assumptions(lost)
                if words.endswith("(weights)")
            ],
        }
    return found


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
