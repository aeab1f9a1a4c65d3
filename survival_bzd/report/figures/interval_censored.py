"""The interval-censored curve beside Kaplan-Meier of the same patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from survival_bzd.estimate.interval_censored.apart import farthest_apart
from survival_bzd.report.figures.curve_sheet import curve_sheet
from survival_bzd.report.figures.relapse_free import line_style
from survival_bzd.report.figures.sheet import Figure, styled
from survival_bzd.report.figures.sizes import Size, size_named
from survival_bzd.report.rounding import counted, decimal, displayed, displayed_unit, shown_time
from survival_bzd.report.tables.intervals import DATED
from survival_bzd.report.wording import origin_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survival_bzd.estimate import IntervalCurve, KaplanMeier
    from survival_bzd.report.paper_results import PaperResults

KEY = "interval_censored"
NOTE = (
    "Shaded: where the visits do not say when the curve falls; dotted through its middle. Maximum "
    "likelihood without a model."
)


def interval_figure(results: PaperResults) -> Figure | None:
    """Draw both curves of all patients."""
    if not results.interval_curves:
        return None
    size = size_named(results.size)
    usual = next(curve for curve in results.curves if curve.group is None)
    between = next(curve for curve in results.interval_curves if curve.group is None)
    with styled(KEY, size):
        return _drawn(results, usual, between, size)


def _drawn(results: PaperResults, usual: KaplanMeier, between: IntervalCurve, size: Size) -> Figure:
    unit = results.tte.unit
    apart = farthest_apart(usual, between)
    largest = (
        f"Farthest apart at {shown_time(apart.time, unit)} {displayed_unit(unit)}: "
        f"{decimal(100 * apart.difference, 1)} percentage points."
    )
    dated = DATED[results.endpoint.dating]
    sheet, axes = curve_sheet(
        results,
        size,
        names=(f"Kaplan-Meier: a relapse {dated}", "A relapse between two visits"),
        upward="Relapse-free (%)",
        note=f"{NOTE} {largest}",
    )
    _draw_usual(axes, usual)
    _draw_between(axes, between)
    origin = origin_words(results.endpoint)
    title = (
        f"Patients free of relapse by time since {origin}, with a relapse {dated}, and with a "
        "relapse between two visits"
    )
    alt = (
        f"Kaplan-Meier curve and interval-censored curve of {counted(usual.n, 'patient')} since "
        f"{origin}. {largest}"
    )
    return sheet.finish(KEY, title, alt)


def _draw_usual(axes: Axes, usual: KaplanMeier) -> None:
    time = [0.0, *(displayed(one, usual.unit) for one in usual.time.tolist())]
    style = {**line_style(0), "drawstyle": "steps-post"}
    axes.plot(time, [1.0, *usual.survival.tolist()], zorder=3, clip_on=False, **style)


def _draw_between(axes: Axes, between: IntervalCurve) -> None:
    """Draw the level pieces, and a box where the curve falls somehow."""
    style = line_style(1)
    colour = style["color"]
    inside = np.isfinite(between.support_upper)
    starts = [displayed(one, between.unit) for one in between.support_lower.tolist()]
    ends = [displayed(one, between.unit) for one in between.support_upper[inside].tolist()]
    heights = [1.0, *between.survival.tolist()]
    last = displayed(between.last_time, between.unit)
    level_from, level_until = [0.0, *ends], [*starts, last][: len(ends) + 1]
    for start, end, height in zip(level_from, level_until, heights, strict=False):
        axes.plot([start, end], [height, height], zorder=4, clip_on=False, **style)
    for place, (start, end) in enumerate(zip(starts, ends, strict=False)):
        high, low = heights[place], heights[place + 1]
        axes.fill_between([start, end], low, high, color=colour, alpha=0.18, linewidth=0)
        middle = (start + end) / 2
        axes.plot(
            [start, middle, middle, end], [high, high, low, low], color=colour, linewidth=0.6,
            linestyle=":", zorder=2,
        )  # fmt: skip
