"""Results for programs and terminals: JSON documents whose keys are a contract, and tables.

An undefined number is null in a document, and the object it stands in has ``reasons``: {key: why}.
Times stay in the unit of the data; nothing is rounded in a document.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from survival_bzd.report.phrases import percent_with_limits, ratio_with_limits, with_limits
from survival_bzd.report.rounding import count, counted, decimal, digits, level, p_value, with_p
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import AT_RISK_NOTE, FITS, LIMITS, TESTS, chi_square, fitted_by

if TYPE_CHECKING:
    from survival_bzd.estimate import (
        CoxFit,
        Estimate,
        ExactLogRank,
        HazardTable,
        IntervalCoxFit,
        KaplanMeier,
        LogRank,
        RestrictedMean,
        RestrictedMeanDifference,
        Test,
    )

Document = dict[str, Any]

_STEPS = ("time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper")
_AT = ("time", "at_risk", "survival", "std_error", "lower", "upper")
_RMST = ("tau", "estimate", "std_error", "lower", "upper")
_WINDOW = ("lower_edge", "upper_edge", "events", "person_time", "rate", "lower", "upper")
_TERM = ("coef", "std_error", "robust_std_error", "hazard_ratio", "lower", "upper", "p_value")

UNDEFINED = "not estimable from these data"
AT_ONE = "survival is 1: nobody has relapsed, so there are no limits"
AT_ZERO = "survival has reached 0"
NOT_ROBUST = "there are no clusters, nor weights that are not whole"


def json_object(values: Mapping[str, Any], reasons: Mapping[str, str] | None = None) -> Document:
    """Write values as JSON has them: whole numbers whole, undefined ones null and explained."""
    written = {key: json_number(value) for key, value in values.items()}
    given = reasons or {}
    why = {
        key: given.get(key) or UNDEFINED
        for key, value in values.items()
        if isinstance(value, float) and written[key] is None
    }
    return {**written, "reasons": why} if why else written


def json_number(value: Any) -> Any:
    """Return a number as JSON has it: whole numbers whole, null where undefined."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _limited(one: Estimate | RestrictedMean, names: Sequence[str], **reasons: str) -> Document:
    return json_object({name: float(getattr(one, name)) for name in names}, reasons)


# --- km ------------------------------------------------------------------------------------------


def km_document(
    curves: Sequence[KaplanMeier],
    *,
    at: Sequence[float] = (),
    restricted_means: Sequence[RestrictedMean] = (),
    no_mean: Mapping[str | None, str] | None = None,
    left_out: int = 0,
) -> Document:
    """Write relapse-free curves as a JSON document.

    Parameters
    ----------
    curves : one per group.
    at : times at which survival is given as well, in the curves' unit.
    restricted_means : of the same groups.
    no_mean : group -> why it has none.
    left_out : rows that were left out because a value is missing.

    Returns
    -------
    dict
        ``curves``: per group ``group``, ``n``, ``events``, ``median``, ``at``, ``rmst``, ``steps``;
        ``conventions``; ``left_out``.
    """
    means = {mean.group: mean for mean in restricted_means}
    return {
        "curves": [
            _curve(curve, at, means.get(curve.group), (no_mean or {}).get(curve.group))
            for curve in curves
        ],
        "conventions": _curve_conventions(curves[0]) if curves else {},
        "left_out": left_out,
    }


def _curve(
    curve: KaplanMeier, at: Sequence[float], mean: RestrictedMean | None, no_mean: str | None
) -> Document:
    median = curve.median
    document: Document = {
        "group": curve.group,
        "n": curve.n,
        "events": json_number(float(curve.n_events)),
        "median": _limited(
            median,
            ("estimate", "lower", "upper"),
            estimate=median.reason,
            lower=median.lower_reason or median.reason,
            upper=median.upper_reason or median.reason,
        ),
        "at": _survival_at(curve, at),
    }
    if mean is not None:
        document["rmst"] = _limited(mean, _RMST)
    elif no_mean is not None:
        document["rmst"] = {**dict.fromkeys(_RMST), "reasons": dict.fromkeys(_RMST, no_mean)}
    document["steps"] = [
        _step({name: float(getattr(curve, name)[place]) for name in _STEPS})
        for place in range(len(curve.time))
    ]
    return document


def _survival_at(curve: KaplanMeier, times: Sequence[float]) -> list[Document]:
    if not times:
        return []
    at = curve.at(times)
    return [
        _step({name: float(getattr(at, name)[place]) for name in _AT}, at.reasons[place])
        for place in range(len(at.time))
    ]


def _step(values: dict[str, float], reason: str = "") -> Document:
    """Say why limits are missing where the estimate itself is there."""
    if values["survival"] == 1:
        reason = AT_ONE
    elif values["survival"] == 0:
        reason = AT_ZERO
    return json_object(values, dict.fromkeys(values, reason))


def _curve_conventions(curve: KaplanMeier) -> dict[str, Any]:
    return {
        "limits": curve.limits,
        "confidence": curve.confidence,
        "std_error": "of survival itself" + (", robust" if curve.robust else ""),
        "at_risk": AT_RISK_NOTE,
        "unit": curve.unit,
    }


def km_tables(
    curves: Sequence[KaplanMeier],
    *,
    at: Sequence[float] = (),
    restricted_means: Sequence[RestrictedMean] = (),
) -> tuple[Table, ...]:
    """Write curves as a table: the times `at`, or every follow-up time if there are none.

    Median and restricted mean stand in the notes.
    """
    lines: list[dict[str, Value]] = []
    names = _AT if at else _STEPS
    for curve in curves:
        source = curve.at(at) if at else curve
        for place in range(len(source.time)):
            values: dict[str, Value] = {name: float(getattr(source, name)[place]) for name in names}
            lines.append({"group": curve.group, **values})
    counts = [name for name in names if name in ("at_risk", "events", "censored")]
    heads = [name.replace("_", " ").capitalize() for name in counts]
    grouped = any(curve.group is not None for curve in curves)
    confidence = level(curves[0].confidence)
    rows = [
        (
            *((str(line["group"]),) if grouped else ()),
            digits(_float(line["time"]), significant=6),
            *(count(_float(line[name])) for name in counts),
            percent_with_limits(*(_float(line[name]) for name in ("survival", "lower", "upper"))),
        )
        for line in lines
    ]
    table = Table(
        key="km",
        title=f"Kaplan-Meier: {curves[0].label}",
        header=(
            *(("Group",) if grouped else ()),
            f"Time ({curves[0].unit})",
            *heads,
            f"Relapse-free, % ({confidence} CI)",
        ),
        rows=tuple(rows),
        align="l" * grouped + "r" * (2 + len(counts)),
        columns=columns_of(lines),
        notes=(
            *_curve_notes(curves, restricted_means),
            f"Limits: {LIMITS.get(curves[0].limits, curves[0].limits)}.",
        ),
    )
    return (table,)


def _float(value: Value) -> float:
    return float(value) if isinstance(value, float | int) else math.nan


def _curve_notes(curves: Sequence[KaplanMeier], means: Sequence[RestrictedMean]) -> tuple[str, ...]:
    """Say each curve's patients, relapses, median and restricted mean."""
    by_group = {mean.group: mean for mean in means}
    notes = []
    for curve in curves:
        name = "" if curve.group is None else f"{curve.group}: "
        note = f"{name}{counted(curve.n, 'patient')}, {counted(curve.n_events, 'event')}"
        note += f"; median {time_words(curve.median, 'NR')} {curve.unit}"
        mean = by_group.get(curve.group)
        if mean is not None:
            note += f"; restricted mean up to {digits(mean.tau, significant=6)} {mean.unit} "
            note += f"{time_words(mean, 'NE')}"
        notes.append(f"{note}.")
    return tuple(notes)


def time_words(one: Estimate | RestrictedMean, undefined: str) -> str:
    """Write a time with its limits in the unit of the data."""
    texts = [
        undefined if math.isnan(value) else digits(value, significant=5)
        for value in (one.estimate, one.lower, one.upper)
    ]
    return with_limits(texts[0], texts[1], texts[2])


# --- compare -------------------------------------------------------------------------------------


def compare_document(
    test: LogRank, *, exact: ExactLogRank | None = None, left_out: int = 0
) -> Document:
    """Write a test between groups: ``statistic``, ``df``, ``p_value``, ``groups``.

    With `exact`, of the same test, ``p_value`` is the exact one and ``exact`` says how it was
    found: ``method``, ``assignments``, ``drawn``, ``at_least``, ``std_error``, ``seed`` and
    ``asymptotic_p_value``.
    """
    reasons = dict.fromkeys(("statistic", "p_value"), test.reason)
    p = float(test.p_value if exact is None else exact.p_value)
    return {
        **json_object(
            {"statistic": float(test.statistic), "df": test.df, "p_value": p},
            reasons,
        ),
        **({} if exact is None else {"exact": _exact(exact)}),
        "groups": [
            json_object(
                {
                    "group": group,
                    "n": int(test.n[place]),
                    "observed": float(test.observed[place]),
                    "expected": float(test.expected[place]),
                }
            )
            for place, group in enumerate(test.groups)
        ],
        "conventions": {
            "weights": test.weights,
            "rho": json_number(float(test.rho)),
            "gamma": json_number(float(test.gamma)),
            "robust": test.robust,
            "p_value": "chi-square" if exact is None else "exact",
        },
        "left_out": left_out,
    }


def _exact(exact: ExactLogRank) -> Document:
    values = {
        "method": exact.method,
        "assignments": exact.assignments,
        "drawn": exact.drawn,
        "at_least": exact.at_least,
        "std_error": float(exact.std_error),
        "seed": exact.seed,
        "asymptotic_p_value": float(exact.test.p_value),
    }
    return json_object(values, dict.fromkeys(values, exact.test.reason))


def compare_tables(test: LogRank, *, exact: ExactLogRank | None = None) -> tuple[Table, ...]:
    """Write a test between groups as a table of events observed and expected."""
    p = float(test.p_value if exact is None else exact.p_value)
    lines: list[dict[str, Value]] = [
        {
            "group": group,
            "n": int(test.n[place]),
            "observed": float(test.observed[place]),
            "expected": float(test.expected[place]),
            "statistic": float(test.statistic),
            "df": test.df,
            "p_value": p,
            **({} if exact is None else {"asymptotic_p_value": float(test.p_value)}),
        }
        for place, group in enumerate(test.groups)
    ]
    found = test.reason or f"{chi_square(test.statistic, test.df)}, {with_p(test.p_value)}"
    return (
        Table(
            key="compare",
            title="Events observed and expected by group",
            header=("Group", "n", "Observed", "Expected"),
            rows=tuple(
                (
                    str(line["group"]),
                    str(line["n"]),
                    count(_float(line["observed"])),
                    decimal(_float(line["expected"]), 2),
                )
                for line in lines
            ),
            align="lrrr",
            columns=columns_of(lines),
            notes=(
                f"{_test_name(test)}: {found}.",
                *(() if exact is None or test.reason else (_exact_note(exact),)),
            ),
        ),
    )


def _test_name(test: LogRank) -> str:
    name = TESTS[test.weights]
    powers = (("rho", test.rho), ("gamma", test.gamma))
    return ", ".join([name, *(f"{power} {digits(value)}" for power, value in powers if value)])


def _exact_note(exact: ExactLogRank) -> str:
    """Say the exact p and of how many assignments of the patients it is."""
    ways = f"{exact.assignments:,}" if exact.assignments < 10**12 else f"{exact.assignments:.1e}"
    if exact.method == "enumeration":
        return f"Exact test: {with_p(exact.p_value)}, from all {ways} assignments to the groups."
    error = digits(exact.std_error, significant=1)
    return (
        f"Exact test: {with_p(exact.p_value)}, Monte Carlo error {error}, from {exact.drawn:,} "
        f"random assignments to the groups out of {ways}."
    )


# --- rmst ----------------------------------------------------------------------------------------

_MEAN = ("tau", "estimate", "std_error", "lower", "upper")


def rmst_document(
    means: Sequence[RestrictedMean],
    differences: Sequence[RestrictedMeanDifference] = (),
    *,
    left_out: int = 0,
) -> Document:
    """Write restricted means: ``restricted_means`` per group, ``differences`` from the first."""
    return {
        "restricted_means": [{"group": mean.group, **_limited(mean, _MEAN)} for mean in means],
        "differences": [
            {
                "group": one.group,
                "reference": one.reference,
                **json_object({name: float(getattr(one, name)) for name in (*_MEAN, "p_value")}),
            }
            for one in differences
        ],
        "conventions": {"confidence": means[0].confidence, "unit": means[0].unit} if means else {},
        "left_out": left_out,
    }


def rmst_tables(
    means: Sequence[RestrictedMean], differences: Sequence[RestrictedMeanDifference] = ()
) -> tuple[Table, ...]:
    """Write restricted means as a table, the differences between groups below them."""
    ones: list[tuple[str | None, RestrictedMean | RestrictedMeanDifference, float]] = [
        *((mean.group, mean, math.nan) for mean in means),
        *((f"{one.group} minus {one.reference}", one, float(one.p_value)) for one in differences),
    ]
    lines: list[dict[str, Value]] = [
        {
            "group": group,
            **{name: float(getattr(one, name)) for name in _MEAN},
            "p_value": p,
        }
        for group, one, p in ones
    ]
    notes = [f"{group}: {with_p(p)}." for group, _, p in ones if not math.isnan(p)]
    return (
        Table(
            key="rmst",
            title="Restricted mean time free of relapse",
            header=("Group", "Up to", f"Mean ({level(means[0].confidence)} CI)"),
            rows=tuple(
                (
                    "All" if line["group"] is None else str(line["group"]),
                    digits(_float(line["tau"]), significant=6),
                    with_limits(
                        *(decimal(_float(line[name]), 2) for name in ("estimate", "lower", "upper"))
                    ),
                )
                for line in lines
            ),
            align="lrr",
            columns=columns_of(lines),
            notes=(f"Times in {means[0].unit}.", *notes),
        ),
    )


# --- hazard --------------------------------------------------------------------------------------


def hazard_document(tables: Sequence[HazardTable], *, left_out: int = 0) -> Document:
    """Write rates per window: ``hazards``, per group ``group`` and ``windows``."""
    nobody = dict.fromkeys(("rate", "lower", "upper"), "nobody was at risk in this window")
    return {
        "hazards": [
            {
                "group": table.group,
                "windows": [
                    json_object(
                        {name: float(getattr(table, name)[place]) for name in _WINDOW}, nobody
                    )
                    for place in range(len(table.rate))
                ],
            }
            for table in tables
        ],
        "conventions": {
            "windows": "(a, b], the first closed at 0",
            "limits": "exact Poisson",
            "confidence": tables[0].confidence,
            "unit": tables[0].unit,
        }
        if tables
        else {},
        "left_out": left_out,
    }


def hazard_tables(tables: Sequence[HazardTable]) -> tuple[Table, ...]:
    """Write rates per window as a table, in the unit of the data."""
    lines: list[dict[str, Value]] = [
        {
            "group": table.group,
            **{name: float(getattr(table, name)[place]) for name in _WINDOW},
        }
        for table in tables
        for place in range(len(table.rate))
    ]
    unit = tables[0].unit
    grouped = any(table.group is not None for table in tables)
    rows = [
        (
            *((str(line["group"]),) if grouped else ()),
            " to ".join(
                digits(_float(line[name]), significant=6) for name in ("lower_edge", "upper_edge")
            ),
            count(_float(line["events"])),
            digits(_float(line["person_time"]), significant=6),
            with_limits(
                *(decimal(THOUSAND * _float(line[name]), 3) for name in ("rate", "lower", "upper"))
            ),
        )
        for line in lines
    ]
    return (
        Table(
            key="hazard",
            title="Rate by window of time",
            header=(
                *(("Group",) if grouped else ()),
                f"Window ({unit})",
                "Events",
                f"Person-{unit}",
                f"Rate per 1000 person-{unit} ({level(tables[0].confidence)} CI)",
            ),
            rows=tuple(rows),
            align="l" * grouped + "lrrr",
            columns=columns_of(lines),
            notes=("Windows (a, b], the first closed at 0. Limits: exact Poisson.",),
        ),
    )


THOUSAND = 1000
"""Rates per so many units of person-time stand in the table of rates."""


# --- cox -----------------------------------------------------------------------------------------


def cox_document(fit: CoxFit, *, left_out: int = 0) -> Document:
    """Write a Cox model.

    Returns
    -------
    dict
        ``n``, ``events``, ``terms``, ``loglik``, ``tests``, ``concordance``,
        ``proportional_hazards``, ``conventions``, ``warnings``, ``left_out``.
    """
    return {
        "n": fit.n,
        "events": json_number(float(fit.n_events)),
        "terms": [cox_term(fit, place) for place in range(len(fit.terms))],
        "loglik": json_object({"null": float(fit.loglik_null), "fitted": float(fit.loglik_fitted)}),
        "tests": {
            name: chi_square_document(getattr(fit, name))
            for name in ("likelihood_ratio", "wald", "score")
        },
        "concordance": _limited(
            fit.concordance,
            ("estimate", "std_error"),
            estimate=fit.concordance.reason,
            std_error=fit.concordance.reason,
        ),
        "proportional_hazards": [
            {
                "term": one.term,
                **json_object(
                    {
                        "statistic": float(one.statistic),
                        "df": one.df,
                        "p_value": float(one.p_value),
                    }
                ),
            }
            for one in fit.proportional_hazards
        ],
        "conventions": {
            "formula": fit.formula,
            "ties": fit.ties,
            "penalty": fit.penalty,
            "limits": fit.limits,
            "confidence": fit.confidence,
            "robust": fit.robust,
            "transform": fit.transform,
        },
        "warnings": list(fit.warnings),
        "left_out": left_out,
    }


def cox_term(fit: CoxFit | IntervalCoxFit, place: int) -> Document:
    """Write one coefficient."""
    why = fit.reasons[place]
    reasons = {**dict.fromkeys(_TERM, why), "robust_std_error": why or NOT_ROBUST}
    values = {name: float(getattr(fit, name)[place]) for name in _TERM}
    return {"term": fit.terms[place], **json_object(values, reasons)}


def chi_square_document(test: Test) -> Document:
    """Write a test of all coefficients."""
    values = {"statistic": float(test.statistic), "df": test.df, "p_value": float(test.p_value)}
    return json_object(values, dict.fromkeys(values, test.reason))


def cox_tables(
    fit: CoxFit, *, name: str = "Cox model", patients: int | None = None
) -> tuple[Table, ...]:
    """Write a Cox model as a table of hazard ratios.

    `name` is what the model is called, `patients` how many there are where one may have several
    rows.
    """
    lines: list[dict[str, Value]] = [
        {
            "term": term,
            **{name: float(getattr(fit, name)[place]) for name in _TERM},
        }
        for place, term in enumerate(fit.terms)
    ]
    rows = [
        (
            str(line["term"]),
            decimal(_float(line["coef"]), 4),
            ratio_with_limits(*(_float(line[name]) for name in ("hazard_ratio", "lower", "upper"))),
            p_value(_float(line["p_value"])),
        )
        for line in lines
    ]
    kind = FITS.get(fitted_by(fit), fitted_by(fit))
    ties = f" with ties after {FITS.get(fit.ties, fit.ties)}" if fit.penalty != "none" else ""
    overall = [one for one in fit.proportional_hazards if one.term == "GLOBAL"]
    who = counted(fit.n, "patient")
    if patients is not None:
        who = f"{counted(patients, 'patient')} in {counted(fit.n, 'row')}"
    return (
        Table(
            key="cox",
            title=f"{name}: {fit.formula}",
            header=("Term", "Coefficient", f"Hazard ratio ({level(fit.confidence)} CI)", "p"),
            rows=tuple(rows),
            align="lrrr",
            columns=columns_of(lines),
            notes=(
                f"{who}, {counted(fit.n_events, 'event')}; {kind}{ties}; "
                f"limits: {LIMITS.get(fit.limits, fit.limits)}"
                f"{', robust' if fit.robust else ''}.",
                *(_proportional(one.p_value) for one in overall),
                *fit.warnings,
            ),
        ),
    )


def _proportional(p: float) -> str:
    """Give the test of proportional hazards of all terms, or say that there is none."""
    return f"Proportional hazards, all terms: {'not estimable' if math.isnan(p) else with_p(p)}."
