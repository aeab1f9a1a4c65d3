"""A forest plot of the hazard ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from survival_bzd.report.figures.sheet import (
    GREY,
    INK,
    OKABE_ITO,
    Figure,
    Sheet,
    extent,
    line_height,
    styled,
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

MARGIN = 2.0
GAP = 2.0
LEAST_AXIS = 22.0
"""The axis gets at least so many mm; the words beside it are broken for that."""

WIDEST = 64.0
"""Limits beyond this, or below its inverse, are drawn as arrows."""

MOST_TICKS = 7
MARKERS = ("s", "D", "o", "^")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plot: a heading where it has no ratio.

    Attributes
    ----------
    label : words on the left.
    ratio, text, p : the hazard ratio with its limits, and what is printed of it.
    fit : place of the kind of fit among those shown.
    """

    label: str
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
        lines.append(Line(heading))
        for place, term in enumerate(first.terms):
            words = term_words(term, results.tte.covariates)
            lines += [
                _line("" if row else words, fit, place, kinds.index(fitted_by(fit)))
                for row, fit in enumerate(fits)
            ]
    return lines


def _line(label: str, fit: CoxFit, place: int, kind: int) -> Line:
    ratio = (float(fit.hazard_ratio[place]), float(fit.lower[place]), float(fit.upper[place]))
    if not estimable(fit, place) or math.isnan(ratio[0]):
        return Line(label, (math.nan,) * 3, NOT_ESTIMABLE, NOT_ESTIMABLE, kind)
    return Line(label, ratio, ratio_with_limits(*ratio), p_value(float(fit.p_value[place])), kind)


def _drawn(results: PaperResults, size: Size) -> Figure:
    points, line = size.points, line_height(size.points)
    kinds = list(dict.fromkeys(fitted_by(fit) for fit in results.cox))
    lines = _lines(results, kinds)
    heads = f"HR ({level(results.cox[0].confidence)} CI)", "p"
    text_width = max(extent(words, points) for words in (heads[0], *(one.text for one in lines)))
    p_width = max(extent(words, points) for words in (heads[1], *(one.p for one in lines)))
    room = size.width - 2 * MARGIN - text_width - p_width - 3 * GAP
    words_width = max(extent(one.label, points) for one in lines if one.ratio is not None)
    label_width = min(words_width, room - LEAST_AXIS)
    axis_left = MARGIN + label_width + GAP
    axis_width = room - label_width
    broken = [
        wrapped(one.label, label_width if one.ratio else size.width - 2 * MARGIN, points)
        for one in lines
    ]
    heights = [
        max(1, len(words)) * line + (0.8 if one.ratio is None else 0.4)
        for one, words in zip(lines, broken, strict=True)
    ]
    top = MARGIN + (line if results.synthetic else 0) + line + 1
    axis_bottom = top + sum(heights) + 0.5
    note = wrapped(_note(results, lines), size.width - 2 * MARGIN, points - 1)
    note_top = axis_bottom + 5.5 + line + 2
    height = note_top + line_height(points - 1) * len(note) + MARGIN
    sheet = Sheet(size, height, synthetic=results.synthetic)
    right = size.width - MARGIN
    sheet.text(right - p_width - GAP, top - 1, heads[0], ha="right", va="bottom", weight="bold")
    sheet.text(right, top - 1, heads[1], ha="right", va="bottom", weight="bold")
    if len(kinds) > 1:
        _draw_key(sheet, kinds, top - 1 - line / 2)
    axes = sheet.axes(axis_left, top, axis_width, axis_bottom - top)
    _draw_axes(axes, lines, axis_bottom - top)
    at = 0.0
    for one, words, tall in zip(lines, broken, heights, strict=True):
        for row, part in enumerate(words):
            sheet.text(
                MARGIN,
                top + at + (row + 0.5) * line,
                part,
                va="center",
                weight="bold" if one.ratio is None else "normal",
            )
        if one.ratio is not None:
            middle = at + line / 2
            sheet.text(right - p_width - GAP, top + middle, one.text, ha="right", va="center")
            sheet.text(right, top + middle, one.p, ha="right", va="center")
            axes.plot([1, 1], [at, at + tall], color=GREY, linewidth=0.6, linestyle=(0, (2, 2)))
            _draw_ratio(axes, one, middle)
        at += tall
    sheet.text(axis_left + axis_width / 2, axis_bottom + 5.5, "Hazard ratio", ha="center", va="top")
    for place, words in enumerate(note):
        sheet.text(
            MARGIN,
            note_top + place * line_height(points - 1),
            words,
            va="top",
            fontsize=points - 1,
            color=GREY,
        )
    alt = "Forest plot of hazard ratios. " + "; ".join(
        f"{one.label or 'the same'} {one.text}" for one in lines if one.ratio is not None
    )
    return sheet.finish("forest", "Hazard ratios of relapse from Cox models", f"{alt}.")


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


def _marker(place: int) -> dict[str, object]:
    """The first kind of fit is filled, the others are open."""
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
            color=INK,
            zorder=4,
            **_marker(one.fit),
        )
