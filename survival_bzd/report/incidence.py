"""Competing risks for programs and terminals: cumulative incidence, Gray's test, models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from survival_bzd.report.documents import json_number, json_object
from survival_bzd.report.phrases import percent_with_limits, ratio_with_limits
from survival_bzd.report.rounding import count, counted, decimal, digits, level, p_value, with_p
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import FITS, LIMITS, chi_square, spaced

if TYPE_CHECKING:
    from survival_bzd.estimate import CumulativeIncidence, FineGrayFit, GrayTest

Document = dict[str, Any]

_AT = ("time", "incidence", "std_error", "lower", "upper")
_TERM = ("coef", "std_error", "hazard_ratio", "lower", "upper", "p_value")

NONE_YET = "no event of this cause until then, so there are no limits"
CERTAIN = "the incidence has reached 1, so there are no limits"

ERRORS = {
    "jackknife": "infinitesimal jackknife",
    "greenwood": "Greenwood type",
}

METHODS = {
    "crr": "Fine and Gray, as R cmprsk::crr",
    "finegray": "Fine and Gray, as R survival::finegray with coxph",
}


def incidence_document(
    curves: Sequence[CumulativeIncidence],
    tests: Sequence[GrayTest] = (),
    *,
    at: Sequence[float] = (),
    warnings: Sequence[str] = (),
    left_out: int = 0,
) -> Document:
    """Write cumulative incidences as a JSON document.

    Parameters
    ----------
    curves : one for each group and cause.
    tests : Gray's test of each cause.
    at : times at which the incidence is given, in the curves' unit; by default the times at which
        the group had an event of any cause.
    warnings : what a reader must know, in sentences.
    left_out : rows that were left out because a value is missing.

    Returns
    -------
    dict
        ``curves``: per group and cause ``group``, ``cause`` (its code), ``name``, ``n``,
        ``events``, ``at``; ``gray``: per cause ``cause``, ``name``, ``statistic``, ``df``,
        ``p_value``; ``conventions``; ``warnings``; ``left_out``.
    """
    return {
        "curves": [
            {
                "group": curve.group,
                "cause": curve.cause,
                "name": curve.name,
                "n": curve.n,
                "events": json_number(float(curve.n_events)),
                "at": [
                    json_object(values, dict.fromkeys(_AT, reason))
                    for values, reason in _at(curve, at)
                ],
            }
            for curve in curves
        ],
        "gray": [
            {
                "cause": test.cause,
                "name": test.name,
                **json_object(
                    {
                        "statistic": float(test.statistic),
                        "df": test.df,
                        "p_value": float(test.p_value),
                    },
                    dict.fromkeys(("statistic", "p_value"), test.reason),
                ),
            }
            for test in tests
        ],
        "conventions": {
            "estimator": "Aalen-Johansen",
            "std_error": ERRORS[curves[0].variance],
            "limits": curves[0].limits,
            "confidence": curves[0].confidence,
            "at_risk": "time >= t and entry < t",
            "unit": curves[0].unit,
            **({"gray_rho": json_number(tests[0].rho)} if tests else {}),
        },
        "warnings": list(warnings),
        "left_out": left_out,
    }


def event_times(curve: CumulativeIncidence) -> list[float]:
    """Return the times at which the group had an event of any cause."""
    times: list[float] = curve.time[(curve.events + curve.other_events) > 0].tolist()
    return times


def _at(curve: CumulativeIncidence, times: Sequence[float]) -> list[tuple[dict[str, float], str]]:
    """Return the incidence at each time, and why something of it is undefined."""
    at = curve.at(times or event_times(curve))
    columns = [getattr(at, name).tolist() for name in _AT]
    found = []
    for row, reason in zip(zip(*columns, strict=True), at.reasons, strict=True):
        values = dict(zip(_AT, row, strict=True))
        why = reason or (NONE_YET if values["incidence"] == 0 else CERTAIN)
        found.append((values, why))
    return found


def incidence_tables(
    curves: Sequence[CumulativeIncidence],
    tests: Sequence[GrayTest] = (),
    *,
    at: Sequence[float] = (),
    warnings: Sequence[str] = (),
) -> tuple[Table, ...]:
    """Write cumulative incidences as a table: the times `at`, or those with an event."""
    lines: list[dict[str, Value]] = []
    for curve in curves:
        chosen = at or event_times(curve)
        at_risk = curve.at(chosen).at_risk if chosen else np.empty(0)
        for (values, _), number in zip(_at(curve, at), at_risk.tolist(), strict=True):
            lines.append(
                {
                    "group": curve.group,
                    "cause": curve.cause,
                    "name": curve.name,
                    "at_risk": number,
                    **values,
                }
            )
    grouped = any(curve.group is not None for curve in curves)
    rows = [
        (
            *((str(line["group"]),) if grouped else ()),
            spaced(str(line["name"])),
            digits(_float(line["time"]), significant=6),
            count(_float(line["at_risk"])),
            percent_with_limits(*(_float(line[name]) for name in ("incidence", "lower", "upper"))),
        )
        for line in lines
    ]
    return (
        Table(
            key="cif",
            title="Cumulative incidence",
            header=(
                *(("Group",) if grouped else ()),
                "Cause",
                f"Time ({curves[0].unit})",
                "At risk",
                f"Incidence, % ({level(curves[0].confidence)} CI)",
            ),
            rows=tuple(rows),
            align="l" * grouped + "lrrr",
            columns=columns_of(lines),
            notes=(
                *_patients(curves),
                f"Aalen-Johansen; standard errors: {ERRORS[curves[0].variance]}; limits: "
                f"{LIMITS.get(curves[0].limits, curves[0].limits)}.",
                *(_test_words(test) for test in tests),
                *warnings,
            ),
        ),
    )


def _patients(curves: Sequence[CumulativeIncidence]) -> list[str]:
    """Say the patients of each group, and their events by cause."""
    found: dict[str | None, list[str]] = {}
    for curve in curves:
        group = found.setdefault(curve.group, [counted(curve.n, "patient")])
        group.append(f"{count(curve.n_events)} of cause {spaced(curve.name)}")
    return [
        f"{'' if group is None else f'{group}: '}{', '.join(parts)}."
        for group, parts in found.items()
    ]


def _test_words(test: GrayTest) -> str:
    found = test.reason or f"{chi_square(test.statistic, test.df)}, {with_p(test.p_value)}"
    return f"Gray's test, cause {spaced(test.name)}: {found}."


def fine_gray_document(fit: FineGrayFit) -> Document:
    """Write a model of the subdistribution hazard as a JSON document."""
    return {
        "method": fit.method,
        "cause": fit.cause,
        "name": fit.name,
        "n": fit.n,
        "events": fit.n_events,
        "other_events": fit.n_other_events,
        "terms": [
            {
                "term": term,
                **json_object(
                    {name: float(getattr(fit, name)[place]) for name in _TERM},
                    dict.fromkeys(_TERM, fit.reasons[place]),
                ),
            }
            for place, term in enumerate(fit.terms)
        ],
        "loglik": json_object({"null": fit.loglik_null, "fitted": fit.loglik_fitted}),
        "wald": json_object(
            {
                "statistic": float(fit.wald.statistic),
                "df": fit.wald.df,
                "p_value": float(fit.wald.p_value),
            },
            dict.fromkeys(("statistic", "p_value"), fit.wald.reason),
        ),
        "conventions": {
            "formula": fit.formula,
            "method": METHODS[fit.method],
            "ties": fit.ties,
            "limits": "wald",
            "std_error": "robust",
            "confidence": fit.confidence,
        },
        "warnings": list(fit.warnings),
        "left_out": fit.left_out,
    }


def fine_gray_tables(fit: FineGrayFit) -> tuple[Table, ...]:
    """Write a model of the subdistribution hazard as a table of its ratios."""
    lines: list[dict[str, Value]] = [
        {"term": term, **{name: float(getattr(fit, name)[place]) for name in _TERM}}
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
    others = counted(fit.n_other_events, "event of another cause", "events of other causes")
    return (
        Table(
            key="fine_gray",
            title=f"Incidence of cause {spaced(fit.name)}: {fit.formula}",
            header=(
                "Term",
                "Coefficient",
                f"Subdistribution hazard ratio ({level(fit.confidence)} CI)",
                "p",
            ),
            rows=tuple(rows),
            align="lrrr",
            columns=columns_of(lines),
            notes=(
                f"{counted(fit.n, 'patient')}, {counted(fit.n_events, 'event')}, {others}; "
                f"{METHODS[fit.method]}; ties: {FITS[fit.ties]}; limits: Wald, robust.",
                *fit.warnings,
            ),
        ),
    )


def _float(value: Value) -> float:
    return float(value) if isinstance(value, float | int) else math.nan
