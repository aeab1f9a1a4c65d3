"""Proportional hazards models of interval-censored times for programs and terminals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from survival_bzd.report.documents import chi_square_document, cox_term, json_object
from survival_bzd.report.phrases import ratio_with_limits
from survival_bzd.report.rounding import counted, decimal, level, p_value
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import LIMITS

if TYPE_CHECKING:
    from survival_bzd.estimate import IntervalCoxFit

Document = dict[str, Any]

NOT_ORDERED = "intervals do not say who relapsed first"
NO_RESIDUALS = "the test is not defined for intervals"
VARIANCES = {
    "information": "the curvature of the profile likelihood",
    "scores": "the squares of the patients' scores",
}


def interval_cox_document(fit: IntervalCoxFit, *, left_out: int = 0) -> Document:
    """Write a model of interval-censored times as a JSON document.

    Returns
    -------
    dict
        As `cox_document`: ``n``, ``events``, ``terms``, ``loglik``, ``tests``, ``conventions``,
        ``warnings``, ``left_out``; ``concordance`` and ``proportional_hazards`` are null, with
        ``reasons``; and ``intervals``: how many patients are ``exact``, ``between``, ``before`` and
        ``censored``, and by how much the conditions of the maximum are missed.
    """
    return {
        "n": fit.n,
        "events": fit.n_events,
        "terms": [cox_term(fit, place) for place in range(len(fit.terms))],
        "loglik": json_object({"null": float(fit.loglik_null), "fitted": float(fit.loglik_fitted)}),
        "tests": {
            name: chi_square_document(getattr(fit, name))
            for name in ("likelihood_ratio", "wald", "score")
        },
        "concordance": None,
        "proportional_hazards": None,
        "reasons": {"concordance": NOT_ORDERED, "proportional_hazards": NO_RESIDUALS},
        "intervals": {
            "exact": fit.n_exact,
            "between": fit.n_interval,
            "before": fit.n_before,
            "censored": fit.n_censored,
            "kuhn_tucker": float(fit.violation),
            "slope": float(fit.slope),
        },
        "conventions": {
            "formula": fit.formula,
            "interval": "(lower, upper]; equal bounds are an exact time, with Breslow's likelihood",
            "variance": fit.variance,
            "limits": fit.limits,
            "confidence": fit.confidence,
            "robust": fit.robust,
        },
        "warnings": list(fit.warnings),
        "left_out": left_out,
    }


def interval_cox_tables(fit: IntervalCoxFit) -> tuple[Table, ...]:
    """Write a model of interval-censored times as a table of hazard ratios."""
    names = (
        "coef", "std_error", "robust_std_error", "hazard_ratio", "lower", "upper", "p_value",
    )  # fmt: skip
    lines: Sequence[dict[str, Value]] = [
        {"term": term, **{name: float(getattr(fit, name)[place]) for name in names}}
        for place, term in enumerate(fit.terms)
    ]
    rows = tuple(
        (
            term,
            decimal(float(fit.coef[place]), 4),
            ratio_with_limits(
                *(float(getattr(fit, name)[place]) for name in ("hazard_ratio", "lower", "upper"))
            ),
            p_value(float(fit.p_value[place])),
        )
        for place, term in enumerate(fit.terms)
    )
    errors = "robust" if fit.robust else f"errors from {VARIANCES[fit.variance]}"
    limits = LIMITS.get(fit.limits, fit.limits) + (f", {errors}" if fit.limits == "wald" else "")
    return (
        Table(
            key="cox",
            title=f"Cox model of interval-censored times: {fit.formula}",
            header=("Term", "Coefficient", f"Hazard ratio ({level(fit.confidence)} CI)", "p"),
            rows=rows,
            align="lrrr",
            columns=columns_of(lines),
            notes=(
                f"{counted(fit.n, 'patient')}, {counted(fit.n_events, 'event')}: {fit.n_exact} "
                f"exact, {fit.n_interval} between two visits, {fit.n_before} before the first.",
                f"Maximum likelihood, any baseline; limits: {limits}.",
                *fit.warnings,
            ),
        ),
    )
