"""Interval-censored curves and their test for programs and terminals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from survival_bzd.report.documents import AT_ONE, AT_ZERO, json_number, json_object, time_words
from survival_bzd.report.phrases import percent_with_limits
from survival_bzd.report.rounding import counted, decimal, digits, level, percent, with_p
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import chi_square

if TYPE_CHECKING:
    from survival_bzd.estimate import Estimate, IntervalCurve, IntervalLimits, IntervalLogRank

Document = dict[str, Any]

INSIDE = (
    "inside a support interval the curve falls at its middle; lowest and highest say by how much"
)
NO_LIMITS = "no limits were asked for"
OPEN = "Between these the curve is level; inside them the data do not say how it falls."
ENDLESS = "the mass is beyond the follow-up"
SCORES = {
    "sun": "Sun's scores, those of the log-rank test",
    "finkelstein": "Finkelstein's scores, of proportional hazards in continuous time",
}


def npmle_document(
    curves: Sequence[IntervalCurve],
    limits: Sequence[IntervalLimits] = (),
    *,
    at: Sequence[float] = (),
    test: IntervalLogRank | None = None,
    no_test: str = "",
    left_out: int = 0,
) -> Document:
    """Write interval-censored curves as a JSON document.

    Parameters
    ----------
    curves : one per group.
    limits : of the same groups at the times `at`; none where no limits were asked for.
    at : times at which survival is given as well, in the curves' unit.
    test : between the groups.
    no_test : why there is none although there are groups.
    left_out : rows that were left out because a value is missing.

    Returns
    -------
    dict
        ``curves``: per group ``group``, ``n``, ``events``, ``median``, ``support`` (``lower``,
        ``upper``, ``mass``), ``at`` (``time``, ``survival``, ``lower``, ``upper``, ``resolved``,
        ``lowest``, ``highest``), ``candidates``, ``log_likelihood``, ``kuhn_tucker``; ``test``;
        ``conventions``; ``left_out``.
    """
    by_group = {one.group: one for one in limits}
    document: Document = {
        "curves": [_curve(curve, by_group.get(curve.group), at) for curve in curves]
    }
    if test is not None:
        document["test"] = interval_test_document(test)
    elif no_test:
        names = ("statistic", "df", "p_value")
        document["test"] = {**dict.fromkeys(names), "reasons": dict.fromkeys(names, no_test)}
    return {**document, "conventions": _conventions(curves, limits), "left_out": left_out}


def _curve(curve: IntervalCurve, limits: IntervalLimits | None, at: Sequence[float]) -> Document:
    median = curve.median if limits is None else limits.median
    return {
        "group": curve.group,
        "n": curve.n,
        "events": json_number(float(curve.n_events)),
        "median": _median(median, limits is not None),
        "support": [
            json_object(
                {"lower": float(lower), "upper": float(upper), "mass": float(mass)},
                {"upper": ENDLESS},
            )
            for lower, upper, mass in zip(
                curve.support_lower, curve.support_upper, curve.mass, strict=True
            )
        ],
        "at": [_point(values) for values in _survival_at(curve, limits, at)],
        "candidates": curve.candidates,
        "log_likelihood": curve.log_likelihood,
        "kuhn_tucker": curve.violation,
    }


def _median(median: Estimate, limited: bool) -> Document:
    missing = median.reason or NO_LIMITS
    return json_object(
        {"estimate": median.estimate, "lower": median.lower, "upper": median.upper},
        {
            "estimate": median.reason,
            "lower": (median.lower_reason or median.reason) if limited else missing,
            "upper": (median.upper_reason or median.reason) if limited else missing,
        },
    )


def _survival_at(
    curve: IntervalCurve, limits: IntervalLimits | None, times: Sequence[float]
) -> list[dict[str, Any]]:
    """Return survival at the times, its limits, and why something of it is missing."""
    at = curve.at(times)
    open_ended = [math.nan] * len(times)
    lower, upper = (
        open_ended if limits is None else getattr(limits, name) for name in ("lower", "upper")
    )
    return [
        {
            "group": curve.group,
            "time": float(at.time[place]),
            "survival": float(at.survival[place]),
            "lower": float(lower[place]),
            "upper": float(upper[place]),
            "resolved": bool(at.resolved[place]) and not math.isnan(at.survival[place]),
            "lowest": float(at.lowest[place]),
            "highest": float(at.highest[place]),
            "reason": at.reasons[place],
            "limited": limits is not None,
        }
        for place in range(len(times))
    ]


def _point(values: Mapping[str, Any]) -> Document:
    shown = {key: value for key, value in values.items() if key not in _ASIDE}
    if math.isnan(values["survival"]):
        return json_object(shown, dict.fromkeys(shown, values["reason"]))
    why = {1.0: AT_ONE, 0.0: AT_ZERO}.get(values["survival"], "")
    why = why or ("" if values["limited"] else NO_LIMITS)
    point = json_object(shown, dict.fromkeys(shown, why))
    if not values["resolved"]:
        point["reasons"] = {**point.get("reasons", {}), "resolved": values["reason"]}
    return point


_ASIDE = ("group", "reason", "limited")


def interval_test_document(test: IntervalLogRank) -> Document:
    """Write the test between groups: ``statistic``, ``df``, ``p_value``, ``groups``, how."""
    values: Document = {
        "statistic": test.statistic,
        "df": test.df,
        "p_value": test.p_value,
        "method": test.method,
        "scores": test.scores,
    }
    if test.method != "chi-square":
        values |= {
            "chi_square_p_value": test.chi_square_p_value,
            "assignments": test.assignments,
            "drawn": test.drawn,
            "at_least": test.at_least,
            "std_error": test.std_error,
            "seed": test.seed,
        }
    return {
        **json_object(values, dict.fromkeys(values, test.reason)),
        "groups": [
            {"group": group, "n": int(test.n[place]), "score": float(test.score[place])}
            for place, group in enumerate(test.groups)
        ],
    }


def _conventions(
    curves: Sequence[IntervalCurve], limits: Sequence[IntervalLimits]
) -> dict[str, Any]:
    if not curves:
        return {}
    return {
        "interval": "(lower, upper]; equal bounds are an exact time",
        "unresolved": INSIDE,
        "limits": "percentile, from resampled patients" if limits else "none",
        **(
            {
                "confidence": limits[0].confidence,
                "resamples": limits[0].replicates,
                "seed": limits[0].seed,
            }
            if limits
            else {}
        ),
        "unit": curves[0].unit,
    }


def npmle_tables(
    curves: Sequence[IntervalCurve],
    limits: Sequence[IntervalLimits] = (),
    *,
    at: Sequence[float] = (),
    test: IntervalLogRank | None = None,
) -> tuple[Table, ...]:
    """Write curves as a table: survival at the times `at`, or the support if there are none."""
    by_group = {one.group: one for one in limits}
    notes = [_note(curve, by_group.get(curve.group)) for curve in curves]
    if test is not None:
        notes.append(note_of_test(test))
    if not at:
        notes.append(OPEN)
    if limits:
        one = limits[0]
        of_what = "" if at else f" of the median ({level(one.confidence)})"
        notes.append(f"Limits{of_what}: percentiles of {one.replicates:,} curves of resampled "
                     f"patients, seed {one.seed}.")  # fmt: skip
    table = _at_table(curves, by_group, at, notes) if at else _support_table(curves, notes)
    return (table,)


def _at_table(
    curves: Sequence[IntervalCurve],
    limits: Mapping[str | None, IntervalLimits],
    at: Sequence[float],
    notes: Sequence[str],
) -> Table:
    points = [
        point for curve in curves for point in _survival_at(curve, limits.get(curve.group), at)
    ]
    grouped = any(curve.group is not None for curve in curves)
    lines = [{key: _cell(value) for key, value in point.items() if key not in ("reason", "limited")}
             for point in points]  # fmt: skip
    limited = next(iter(limits.values()), None)
    head = "Relapse-free, %" + ("" if limited is None else f" ({level(limited.confidence)} CI)")
    return Table(
        key="npmle",
        title=f"Interval-censored curve: {curves[0].label}",
        header=(
            *(("Group",) if grouped else ()),
            f"Time ({curves[0].unit})",
            head,
            "Resolved",
        ),
        rows=tuple(
            (
                *((str(point["group"]),) if grouped else ()),
                digits(point["time"], significant=6),
                _survival_words(point),
                _resolved_words(point),
            )
            for point in points
        ),
        align="l" * grouped + "rrl",
        columns=columns_of(lines),
        notes=tuple(notes),
    )


def _cell(value: Any) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _survival_words(point: Mapping[str, Any]) -> str:
    if not point["limited"]:
        return percent(point["survival"])
    return percent_with_limits(point["survival"], point["lower"], point["upper"])


def _resolved_words(point: Mapping[str, Any]) -> str:
    if math.isnan(point["survival"]):
        return "beyond follow-up"
    if point["resolved"]:
        return "yes"
    return f"no: {percent(point['lowest'])} to {percent(point['highest'])}"


def _support_table(curves: Sequence[IntervalCurve], notes: Sequence[str]) -> Table:
    grouped = any(curve.group is not None for curve in curves)
    lines: list[dict[str, Value]] = [
        {
            "group": curve.group,
            "lower": float(curve.support_lower[place]),
            "upper": _cell(float(curve.support_upper[place])),
            "mass": float(curve.mass[place]),
            "survival": float(curve.survival[place]),
        }
        for curve in curves
        for place in range(curve.mass.size)
    ]
    rows = [
        (
            *((str(line["group"]),) if grouped else ()),
            _time(line["lower"]),
            "beyond follow-up" if line["upper"] is None else _time(line["upper"]),
            percent(_float(line["mass"])),
            "" if line["upper"] is None else percent(_float(line["survival"])),
        )
        for line in lines
    ]
    unit = curves[0].unit
    return Table(
        key="npmle",
        title=f"Interval-censored curve: {curves[0].label}",
        header=(
            *(("Group",) if grouped else ()),
            f"After ({unit})",
            f"Until ({unit})",
            "Falls by, %",
            "Relapse-free then, %",
        ),
        rows=tuple(rows),
        align="l" * grouped + "rrrr",
        columns=columns_of(lines),
        notes=tuple(notes),
    )


def _time(value: Value) -> str:
    return digits(_float(value), significant=6)


def _float(value: Value) -> float:
    return float(value) if isinstance(value, float | int) else math.nan


def _note(curve: IntervalCurve, limits: IntervalLimits | None) -> str:
    name = "" if curve.group is None else f"{curve.group}: "
    patients, events = counted(curve.n, "patient"), counted(curve.n_events, "event")
    median = curve.median if limits is None else limits.median
    if limits is None:
        words = "NR" if math.isnan(median.estimate) else digits(median.estimate, significant=5)
    else:
        words = time_words(median, "NR")
    return f"{name}{patients}, {events}; median {words} {curve.unit}."


def note_of_test(test: IntervalLogRank) -> str:
    """Say the test in a sentence."""
    name = "Log-rank test for interval-censored times"
    if test.reason:
        return f"{name}: {test.reason}."
    found = f"{chi_square(test.statistic, test.df)}, {with_p(test.chi_square_p_value)}"
    note = f"{name} ({SCORES[test.scores]}): {found}."
    if test.method == "chi-square":
        return note
    many = f"all {test.assignments:,}" if test.seed is None else f"{test.drawn:,} random"
    error = "" if test.seed is None else f", Monte Carlo error {decimal(test.std_error, 4)}"
    return f"{note} Exact: {with_p(test.p_value)}{error}, from {many} assignments to the groups."
