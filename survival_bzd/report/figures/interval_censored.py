"""The interval-censored curve beside Kaplan-Meier of the same patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from survival_bzd.estimate.interval_censored.apart import farthest_apart
from survival_bzd.report.figures.relapse_free import (
    KEY_LINE,
    PROPORTIONS,
    TALLEST,
    TICK_ROOM,
    draw_axes,
    draw_key,
    line_style,
)
from survival_bzd.report.figures.sheet import (
    MARGIN,
    Figure,
    Sheet,
    extent,
    line_height,
    note_height,
    note_lines,
    styled,
    top_margin,
    wrapped,
)
from survival_bzd.report.figures.sizes import Size, size_named
from survival_bzd.report.rounding import counted, decimal, displayed, displayed_unit, shown_time
from survival_bzd.report.tables.intervals import DATED
from survival_bzd.report.time_axis import axis_ticks
from survival_bzd.report.wording import axis_label, origin_words

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
    line, unit = line_height(size.points), results.tte.unit
    apart = farthest_apart(usual, between)
    largest = (
        f"Farthest apart at {shown_time(apart.time, unit)} {displayed_unit(unit)}: "
        f"{decimal(100 * apart.difference, 1)} percentage points."
    )
    notes = note_lines(f"{NOTE} {largest}", size)
    dated = DATED[results.endpoint.dating]
    lines = (f"Kaplan-Meier: a relapse {dated}", "A relapse between two visits")
    room = size.width - 2 * MARGIN - KEY_LINE
    key = [
        (place if row == 0 else None, part)
        for place, words in enumerate(lines)
        for row, part in enumerate(wrapped(words, room, size.points))
    ]
    ticks = axis_ticks(results.curves)
    left = MARGIN + extent("100", size.points) + line + 6
    width = size.width - left - MARGIN - extent(ticks[-1].label, size.points) / 2
    height = min(TALLEST, PROPORTIONS * width)
    top = top_margin(size, synthetic=results.synthetic)
    plot = top + line * len(key) + 1.5
    label = plot + height + TICK_ROOM
    bottom = label + line + 2
    sheet = Sheet(size, bottom + note_height(notes, size), synthetic=results.synthetic)
    draw_key(sheet, key, top)
    axes = sheet.axes(left, plot, width, height)
    draw_axes(axes, [usual], ticks)
    _draw_usual(axes, usual)
    _draw_between(axes, between)
    words = axis_label(results.endpoint, unit)
    sheet.text(left + width / 2, label, words, ha="center", va="top")
    turned = {"rotation": 90, "ha": "center", "va": "center"}
    sheet.text(MARGIN + line / 2, plot + height / 2, "Relapse-free (%)", **turned)
    sheet.notes(bottom, notes)
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
