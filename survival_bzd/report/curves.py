"""The fitted curves as CSV: what a figure draws, and the numbers under its axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survival_bzd.report.rounding import displayed
from survival_bzd.report.table import Value, csv
from survival_bzd.report.time_axis import Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from survival_bzd.estimate import KaplanMeier

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


def _written(columns: dict[str, list[Value]], synthetic: bool) -> str:
    rows = len(columns["time"])
    return csv(
        (
            *((key, tuple(column)) for key, column in columns.items()),
            ("synthetic", (synthetic,) * rows),
        )
    )
