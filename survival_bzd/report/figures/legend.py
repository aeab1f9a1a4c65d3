"""A legend of marks with their words, below a drawing."""

from __future__ import annotations

from survival_bzd.report.figures.sheet import MARGIN, Sheet, Style, extent, line_height
from survival_bzd.report.figures.sizes import Size

Legend = list[tuple[Style, str]]
"""Marks with their words."""

LEGEND_MARK = 4.5
"""Room for a mark before its words, in mm."""
MARK = 2.6
"""Size of a mark in points."""


def legend_columns(legend: Legend, size: Size) -> int:
    """Return how many columns the legend has room for."""
    widest = max(extent(words, size.points) for _, words in legend)
    widest += LEGEND_MARK + 1.5
    return max(1, int((size.width - 2 * MARGIN) // widest))


def legend_height(legend: Legend, size: Size) -> float:
    """Return the height of the legend in mm."""
    return -(-len(legend) // legend_columns(legend, size)) * (line_height(size.points) + 0.4)


def draw_legend(sheet: Sheet, legend: Legend, top: float) -> None:
    """Lay the legend out in columns of equal width, filled row by row, from `top` mm down."""
    columns = legend_columns(legend, sheet.size)
    line = line_height(sheet.size.points) + 0.4
    width = (sheet.width - 2 * MARGIN) / columns
    for number, (style, words) in enumerate(legend):
        left = MARGIN + (number % columns) * width
        middle = top + (number // columns + 0.5) * line
        sheet.line([left + 2], [middle], **{"linestyle": "none", "markersize": MARK, **style})
        sheet.text(left + LEGEND_MARK, middle, words, va="center")
