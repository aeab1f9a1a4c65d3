"""A forest plot of the hazard ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from survival_bzd.report.figures.sheet import (
    GREY,
    MARGIN,
    OKABE_ITO,
    Figure,
    Sheet,
    Style,
    extent,
    line_height,
    note_height,
    note_lines,
    styled,
    top_margin,
    wrapped,
)
from survival_bzd.report.figures.sizes import Size, size_named
from survival_bzd.report.phrases import ratio_with_limits
from survival_bzd.report.rounding import NOT_ESTIMABLE, counted, digits, level, p_value
from survival_bzd.report.tables.models import NO_CONTROL_GROUP, estimable
from survival_bzd.report.wording import FITS, fitted_by, term_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survival_bzd.estimate import CoxFit
    from survival_bzd.report.paper_results import PaperResults

GAP = 2.0
LABEL_ROOM = 5.5
"""Between the axis and its label's top, in mm."""
LEAST_AXIS = 22.0
"""With less room in mm for the axis, the labels go on lines of their own."""

WIDEST = 64.0
"""Limits beyond this, or below its inverse, are drawn as arrows."""

MOST_TICKS = 7
MARKERS = ("s", "D", "o", "^")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plot: words only where it has no ratio.

    Attributes
    ----------
    label : words on the left.
    heading : whether they name a model.
    ratio, text, p : the hazard ratio with its limits, and what is printed of it.
    fit : place of the kind of fit among those shown.
    """

    label: str
    heading: bool = False
    ratio: tuple[float, float, float] | None = None
    text: str = ""
    p: str = ""
    fit: int = 0


def forest_figure(results: PaperResults) -> Figure | None:
    """Draw the hazard ratios of every model, one line per term and fit."""
    if not results.cox:
        return None
    size = size_named(results.size)
    with styled("forest", size):
        return _drawn(results, size)


def _lines(results: PaperResults, kinds: list[str]) -> list[Line]:
    """Write a heading per formula, and under it each term, the fits of it one below the other."""
    lines: list[Line] = []
    for formula, group in groupby(results.cox, key=lambda fit: fit.formula):
        fits = list(group)
        first = fits[0]
        heading = f"{formula} ({counted(first.n, 'patient')}, {counted(first.n_events, 'relapse')})"
        lines.append(Line(heading, heading=True))
        for place, term in enumerate(first.terms):
            words = term_words(term, results.tte.covariates, results.labels)
            lines += [
                _line("" if row else words, fit, place, kinds.index(fitted_by(fit)))
                for row, fit in enumerate(fits)
            ]
    return lines


def _line(label: str, fit: CoxFit, place: int, kind: int) -> Line:
    ratio = (float(fit.hazard_ratio[place]), float(fit.lower[place]), float(fit.upper[place]))
    if not estimable(fit, place) or math.isnan(ratio[0]):
        nothing = (math.nan, math.nan, math.nan)
        return Line(label, ratio=nothing, text=NOT_ESTIMABLE, p=NOT_ESTIMABLE, fit=kind)
    p = p_value(float(fit.p_value[place]))
    return Line(label, ratio=ratio, text=ratio_with_limits(*ratio), p=p, fit=kind)


def _fitted_to(lines: list[Line], size: Size, head: str) -> list[Line]:
    """Put the labels on lines of their own if the axis would have too little room beside them."""
    if _room(lines, size, head) - _widest(lines, size) >= LEAST_AXIS:
        return lines
    stacked: list[Line] = []
    for one in lines:
        if one.ratio is not None and one.label:
            stacked.append(Line(one.label))
        stacked.append(replace(one, label="") if one.ratio is not None else one)
    return stacked


def _room(lines: list[Line], size: Size, head: str) -> float:
    """Return the width in mm that labels and axis share."""
    texts = max(extent(words, size.points) for words in (head, *(one.text for one in lines)))
    return size.width - 2 * MARGIN - texts - _p_width(lines, size) - 3 * GAP


def _p_width(lines: list[Line], size: Size) -> float:
    return max(extent(words, size.points) for words in ("p", *(one.p for one in lines)))


def _widest(lines: list[Line], size: Size) -> float:
    return max(extent(one.label, size.points) for one in lines if one.ratio is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where things stand on the sheet, in mm from its top left corner.

    `rows` has each line's top, and `labels` its words, broken to their column.
    """

    top: float
    axis: float
    axis_width: float
    axis_bottom: float
    ratio: float
    rows: list[float]
    labels: list[list[str]]
    notes: float
    bottom: float


def _layout(lines: list[Line], head: str, notes: list[str], size: Size, *, top: float) -> _Layout:
    """Give the columns of text what they need and the axis the rest, `LEAST_AXIS` at least."""
    points, line = size.points, line_height(size.points)
    room, column = _room(lines, size, head), _widest(lines, size)
    whole = size.width - 2 * MARGIN
    labels = [wrapped(one.label, column + 1 if one.ratio else whole, points) for one in lines]
    rows = [top]
    for one, words in zip(lines, labels, strict=True):
        rows.append(rows[-1] + max(1, len(words)) * line + (0.8 if one.heading else 0.4))
    axis_bottom = rows[-1] + 0.5
    notes_top = axis_bottom + LABEL_ROOM + line + 2
    return _Layout(
        top=top,
        axis=MARGIN + column + GAP,
        axis_width=room - column,
        axis_bottom=axis_bottom,
        ratio=size.width - MARGIN - _p_width(lines, size) - GAP,
        rows=rows,
        labels=labels,
        notes=notes_top,
        bottom=notes_top + note_height(notes, size),
    )


def _drawn(results: PaperResults, size: Size) -> Figure:
    kinds = list(dict.fromkeys(fitted_by(fit) for fit in results.cox))
    head = f"HR ({level(results.cox[0].confidence)} CI)"
    lines = _fitted_to(_lines(results, kinds), size, head)
    notes = note_lines(_note(results, lines), size)
    top = top_margin(size, synthetic=results.synthetic) + line_height(size.points) + 1
    at = _layout(lines, head, notes, size, top=top)
    sheet = Sheet(size, at.bottom, synthetic=results.synthetic)
    _draw_heads(sheet, at, head, kinds)
    axes = sheet.axes(at.axis, at.top, at.axis_width, at.axis_bottom - at.top)
    _draw_axes(axes, lines, at.axis_bottom - at.top)
    for place, one in enumerate(lines):
        _draw_line(sheet, axes, at, place, one)
    middle = at.axis + at.axis_width / 2
    sheet.text(middle, at.axis_bottom + LABEL_ROOM, "Hazard ratio", ha="center", va="top")
    sheet.notes(at.notes, notes)
    shown = [f"{one.label} {one.text}".strip() for one in lines if not one.heading]
    alt = f"Forest plot of hazard ratios. {'; '.join(shown)}."
    return sheet.finish("forest", "Hazard ratios of relapse from Cox models", alt)


def _draw_heads(sheet: Sheet, at: _Layout, head: str, kinds: list[str]) -> None:
    """Name the columns, and which mark is which fit if there are several."""
    above: Style = {"ha": "right", "va": "bottom", "weight": "bold"}
    sheet.text(at.ratio, at.top - 1, head, **above)
    sheet.text(sheet.width - MARGIN, at.top - 1, "p", **above)
    if len(kinds) > 1:
        _draw_key(sheet, kinds, at.top - 1 - line_height(sheet.size.points) / 2)


def _draw_line(sheet: Sheet, axes: Axes, at: _Layout, place: int, one: Line) -> None:
    """Write a line's words, and draw its ratio if it has one."""
    top, bottom = at.rows[place], at.rows[place + 1]
    weight = "bold" if one.heading else "normal"
    sheet.lines(MARGIN, top, at.labels[place], weight=weight)
    if one.ratio is None:
        return
    middle = top + line_height(sheet.size.points) / 2
    sheet.text(at.ratio, middle, one.text, ha="right", va="center")
    sheet.text(sheet.width - MARGIN, middle, one.p, ha="right", va="center")
    equal: Style = {"color": GREY, "linewidth": 0.6, "linestyle": (0, (2, 2))}
    axes.plot([1, 1], [top - at.top, bottom - at.top], **equal)
    _draw_ratio(axes, one, middle - at.top)


def _note(results: PaperResults, lines: list[Line]) -> str:
    outside = any(one.ratio is not None and _arrows(one.ratio) for one in lines)
    parts = [
        "Logarithmic axis.",
        "Arrows: limits beyond the axis." if outside else "",
        f"{NOT_ESTIMABLE}: not estimable."
        if any(one.text == NOT_ESTIMABLE for one in lines)
        else "",
        "" if results.control_group else NO_CONTROL_GROUP,
    ]
    return " ".join(part for part in parts if part)


def _draw_key(sheet: Sheet, kinds: list[str], middle: float) -> None:
    """Show which mark is which fit."""
    left = MARGIN
    for place, kind in enumerate(kinds):
        sheet.line(
            [left + 1.2],
            [middle],
            marker=MARKERS[place % len(MARKERS)],
            markersize=4,
            linestyle="none",
            **_marker(place),
        )
        words = FITS.get(kind, kind)
        sheet.text(left + 3.2, middle, words, va="center")
        left += 3.2 + extent(words, sheet.size.points) + 2 * GAP


def _marker(place: int) -> Style:
    """Fill the mark of the first kind of fit, and leave the others open."""
    colour = OKABE_ITO[place % len(OKABE_ITO)]
    return {
        "markerfacecolor": "white" if place else colour,
        "markeredgecolor": colour,
        "markeredgewidth": 0.8,
    }


def _arrows(ratio: tuple[float, float, float]) -> bool:
    return not math.isnan(ratio[0]) and (ratio[1] < 1 / WIDEST or ratio[2] > WIDEST)


def _draw_axes(axes: Axes, lines: list[Line], height: float) -> None:
    """Reach as far as the limits do, within `WIDEST`, and to 1/2 and 2 at least."""
    shown = [one.ratio for one in lines if one.ratio is not None and not math.isnan(one.ratio[0])]
    low = min([max(ratio[1], 1 / WIDEST) for ratio in shown if ratio[1] > 0] + [0.5])
    high = max([min(ratio[2], WIDEST) for ratio in shown if ratio[2] < math.inf] + [2.0])
    if any(ratio[2] > WIDEST for ratio in shown):
        high = WIDEST
    if any(ratio[1] < 1 / WIDEST for ratio in shown):
        low = 1 / WIDEST
    axes.set_xscale("log")
    axes.set_xlim(low / 1.15, high * 1.15)
    axes.set_ylim(height, 0)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    ticks = _ticks(low / 1.15, high * 1.15)
    axes.set_xticks(ticks, [_tick(tick) for tick in ticks])
    axes.minorticks_off()


def _ticks(low: float, high: float) -> list[float]:
    """Choose powers of 2, or of 4 where those would be too many."""
    for base in (2.0, 4.0):
        powers = [base**power for power in range(-6, 7)]
        ticks = [tick for tick in powers if low <= tick <= high]
        if len(ticks) <= MOST_TICKS:
            break
    return ticks


def _tick(value: float) -> str:
    """Write a tick: fractions below a half as such, for room."""
    return digits(value) if value >= 0.5 else f"1/{round(1 / value)}"


def _draw_ratio(axes: Axes, one: Line, middle: float) -> None:
    """Draw an estimate with its limits; arrows where these leave the axis."""
    if one.ratio is None or math.isnan(one.ratio[0]):
        return
    low, high = axes.get_xlim()
    estimate, lower, upper = one.ratio
    colour = OKABE_ITO[one.fit % len(OKABE_ITO)]
    axes.plot(
        [max(lower, low), min(upper, high)], [middle] * 2, color=colour, linewidth=0.9, zorder=2
    )
    for limit, edge, marker in ((lower, low, "<"), (upper, high, ">")):
        if (limit < low) if marker == "<" else (limit > high):
            axes.plot(
                [edge], [middle], marker=marker, markersize=4, color=colour, clip_on=False, zorder=3
            )
    if low <= estimate <= high:
        axes.plot(
            [estimate],
            [middle],
            marker=MARKERS[one.fit % len(MARKERS)],
            markersize=4,
            linestyle="none",
            zorder=4,
            **_marker(one.fit),
        )
