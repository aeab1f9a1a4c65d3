"""The fitted curves as CSV: what a figure draws, and the numbers under its axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from survival_bzd.report.rounding import displayed
from survival_bzd.report.table import Value, csv
from survival_bzd.report.time_axis import Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from survival_bzd.estimate import CumulativeIncidence, IntervalCurve, KaplanMeier

STEPS = ("time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper")
"""Columns of a curve's rows, one row per distinct follow-up time."""

RISK = ("time", "at_risk", "events", "censored")
"""Columns of a risk table's rows; events and censored are counted up to and including the time."""


def steps_csv(curves: Sequence[KaplanMeier], *, synthetic: bool) -> str:
    """Write the curves, one row per step; times in the unit of the follow-up and as displayed."""
    columns: dict[str, list[Value]] = {key: [] for key in ("group", *STEPS, "time_displayed")}
    for curve in curves:
        rows = len(curve.time)
        columns["group"] += [curve.group] * rows
        for key in STEPS:
            columns[key] += getattr(curve, key).tolist()
        columns["time_displayed"] += [displayed(time, curve.unit) for time in curve.time.tolist()]
    return _written(columns, synthetic)


def risk_csv(curves: Sequence[KaplanMeier], ticks: Sequence[Tick], *, synthetic: bool) -> str:
    """Write the numbers at risk at the ticks of the figure's axis."""
    columns: dict[str, list[Value]] = {key: [] for key in ("group", "tick", *RISK)}
    for curve in curves:
        table = curve.risk_table([one.time for one in ticks])
        columns["group"] += [curve.group] * len(ticks)
        columns["tick"] += [one.label for one in ticks]
        for key in RISK:
            columns[key] += getattr(table, key).tolist()
    return _written(columns, synthetic)


INCIDENCE = (
    "time", "at_risk", "events", "other_events", "censored", "incidence", "std_error", "lower",
    "upper", "event_free",
)  # fmt: skip
"""Columns of a cumulative incidence's rows; `events` are those of its cause."""


def incidence_csv(curves: Sequence[CumulativeIncidence], *, synthetic: bool) -> str:
    """Write cumulative incidences, one row per distinct follow-up time."""
    names = ("group", "cause", *INCIDENCE, "time_displayed")
    columns: dict[str, list[Value]] = {key: [] for key in names}
    for curve in curves:
        columns["group"] += [curve.group] * curve.time.size
        columns["cause"] += [curve.name] * curve.time.size
        for key in INCIDENCE:
            columns[key] += getattr(curve, key).tolist()
        columns["time_displayed"] += [displayed(time, curve.unit) for time in curve.time.tolist()]
    return _written(columns, synthetic)


def support_csv(curves: Sequence[IntervalCurve], *, synthetic: bool) -> str:
    """Write the interval-censored curves, one row per support interval; an endless one is open."""
    names = ("support_lower", "support_upper", "mass", "survival")
    columns: dict[str, list[Value]] = {key: [] for key in ("group", *names)}
    for curve in curves:
        columns["group"] += [curve.group] * curve.mass.size
        for name in names:
            values = getattr(curve, name).tolist()
            columns[name] += [value if math.isfinite(value) else None for value in values]
    for side in ("lower", "upper"):
        unit = curves[0].unit
        columns[f"{side}_displayed"] = [
            displayed(time, unit) if isinstance(time, float) else None
            for time in columns[f"support_{side}"]
        ]
    return _written(columns, synthetic)


def _written(columns: dict[str, list[Value]], synthetic: bool) -> str:
    rows = len(columns["group"])
    return csv(
        (
            *((key, tuple(column)) for key, column in columns.items()),
            ("synthetic", (synthetic,) * rows),
        )
    )
