"""Hazard ratios, and whether they may be read as constant in time."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from survival_bzd.report.phrases import ratio_with_limits
from survival_bzd.report.rounding import (
    NOT_ESTIMABLE,
    count,
    counted,
    decimal,
    level,
    listed,
    p_value,
    with_p,
)
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import CHI_SQUARE, FITS, LIMITS, fitted_by, spaced, term_words

if TYPE_CHECKING:
    from survival_bzd.estimate import CoxFit
    from survival_bzd.report.paper_results import PaperResults

NO_CONTROL_GROUP = (
    "Without a control group these are associations among the patients at risk, not effects."
)


def cox(results: PaperResults) -> Table | None:
    """Give the hazard ratios, the fits of one formula side by side."""
    if not results.cox:
        return None
    kinds = list(dict.fromkeys(fitted_by(fit) for fit in results.cox))
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for formula, fits in groupby(results.cox, key=lambda fit: fit.formula):
        by_kind = {fitted_by(fit): fit for fit in fits}
        first = next(iter(by_kind.values()))
        for place, term in enumerate(first.terms):
            words = term_words(term, results.tte.covariates, results.labels)
            cells = [cell for kind in kinds for cell in _cells(by_kind.get(kind), place)]
            rows.append(("" if place else formula, words, *cells))
        notes.append(_note(first, results))
    interval = f"({level(results.cox[0].confidence)} CI)"
    heads = [head for kind in kinds for head in (f"{FITS.get(kind, kind)} HR {interval}", "p")]
    return Table(
        key="cox",
        title="Hazard ratios of relapse from Cox models",
        header=("Model", "Term", *heads),
        rows=tuple(rows),
        align="ll" + "rr" * len(kinds),
        columns=columns_of(
            [_line(fit, place) for fit in results.cox for place in range(len(fit.terms))]
        ),
        notes=(
            f"HR, hazard ratio. Limits: {_limits(results.cox)}.",
            *notes,
            *(() if results.control_group else (NO_CONTROL_GROUP,)),
        ),
    )


def _limits(fits: tuple[CoxFit, ...]) -> str:
    """Say which fit has which limits."""
    pairs = dict.fromkeys((fitted_by(fit), fit.limits) for fit in fits)
    return "; ".join(
        f"{FITS.get(kind, kind)}, {LIMITS.get(limits, limits)}" for kind, limits in pairs
    )


def _cells(fit: CoxFit | None, place: int) -> tuple[str, str]:
    if fit is None:
        return "", ""
    if not estimable(fit, place):
        return NOT_ESTIMABLE, NOT_ESTIMABLE
    values = (float(fit.hazard_ratio[place]), float(fit.lower[place]), float(fit.upper[place]))
    return ratio_with_limits(*values), p_value(float(fit.p_value[place]))


def estimable(fit: CoxFit, place: int) -> bool:
    """Say whether a coefficient has an estimate: one with a monotone likelihood runs away."""
    return fit.penalty != "none" or fit.terms[place] not in fit.separated


def _note(fit: CoxFit, results: PaperResults) -> str:
    """Say how much data a model rests on, and what its proportional-hazards test found."""
    parts = [
        f"{counted(fit.n, 'patient')}, {counted(fit.n_events, 'relapse')}, "
        f"{decimal(fit.events_per_parameter, 1)} events per parameter"
    ]
    if fit.left_out:
        parts.append(f"{counted(fit.left_out, 'patient')} left out for a missing value")
    if fit.separated:
        names = listed(
            [term_words(term, results.tte.covariates, results.labels) for term in fit.separated]
        )
        parts.append(f"monotone likelihood in {names}")
    parts += [
        f"proportional hazards (Grambsch-Therneau, global) {with_p(test.p_value)}"
        for test in fit.proportional_hazards
        if test.term == "GLOBAL"
    ]
    return f"{fit.formula}: {'; '.join(parts)}."


_ESTIMATES = ("coef", "std_error", "robust_std_error", "hazard_ratio", "lower", "upper", "p_value")


def _line(fit: CoxFit, place: int) -> dict[str, Value]:
    estimates: dict[str, Value] = {name: float(getattr(fit, name)[place]) for name in _ESTIMATES}
    return {
        "formula": fit.formula,
        "fit": fitted_by(fit),
        "limits": fit.limits,
        "n": fit.n,
        "events": float(fit.n_events),
        "term": fit.terms[place],
        **estimates,
        "monotone": fit.terms[place] in fit.separated,
    }


def proportional_hazards(results: PaperResults) -> Table | None:
    """Give the test of proportional hazards, per term and for all."""
    tests = [
        (fit, test)
        for fit in results.cox
        if fit.penalty == "none"
        for test in fit.proportional_hazards
    ]
    if not tests:
        return None
    return Table(
        key="proportional_hazards",
        title="Test of proportional hazards",
        header=("Model", "Term", CHI_SQUARE, "df", "p"),
        rows=tuple(
            (
                fit.formula,
                "All terms" if test.term == "GLOBAL" else spaced(test.term),
                decimal(test.statistic, 2),
                count(test.df),
                p_value(test.p_value),
            )
            for fit, test in tests
        ),
        align="llrrr",
        columns=columns_of(
            [
                {
                    "formula": fit.formula,
                    "fit": fitted_by(fit),
                    "term": test.term,
                    "statistic": test.statistic,
                    "df": int(test.df),
                    "p_value": test.p_value,
                }
                for fit, test in tests
            ]
        ),
        notes=("Grambsch-Therneau score test, Kaplan-Meier transform of time.",),
    )
