"""The sheet of a figure of curves: key above, axes with horizons, notes below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from survival_bzd.report.figures.relapse_free import (
    KEY_LINE,
    PROPORTIONS,
    TALLEST,
    TICK_ROOM,
    draw_axes,
    draw_key,
)
from survival_bzd.report.figures.sheet import (
    MARGIN,
    Sheet,
    extent,
    line_height,
    note_height,
    note_lines,
    top_margin,
    wrapped,
)
from survival_bzd.report.figures.sizes import Size
from survival_bzd.report.time_axis import axis_ticks
from survival_bzd.report.wording import axis_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survival_bzd.report.paper_results import PaperResults


def curve_sheet(
    results: PaperResults, size: Size, *, names: Sequence[str], upward: str, note: str
) -> tuple[Sheet, Axes]:
    """Lay out the sheet of curves of all patients, and return its empty axes.

    Parameters
    ----------
    results : of the paper; its horizons and Kaplan-Meier curve of all patients fix the time axis.
    size : journal size.
    names : one line of the key for each curve, in the order of the line styles.
    upward : label of the vertical axis.
    note : what stands below.
    """
    line = line_height(size.points)
    notes = note_lines(note, size)
    room = size.width - 2 * MARGIN - KEY_LINE
    key = [
        (place if row == 0 else None, part)
        for place, words in enumerate(names)
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
    draw_axes(axes, [curve for curve in results.curves if curve.group is None], ticks)
    words = axis_label(results.endpoint, results.tte.unit)
    sheet.text(left + width / 2, label, words, ha="center", va="top")
    turned = {"rotation": 90, "ha": "center", "va": "center"}
    sheet.text(MARGIN + line / 2, plot + height / 2, upward, **turned)
    sheet.notes(bottom, notes)
    return sheet, axes
