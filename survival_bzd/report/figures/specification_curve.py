"""The specification curve: what every variant of an endpoint finds, and its rules below."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from survival_bzd.report.figures.legend import Legend, draw_legend, legend_height
from survival_bzd.report.figures.sheet import (
    INK,
    MARGIN,
    OKABE_ITO,
    PALE,
    Figure,
    Sheet,
    Style,
    extent,
    line_height,
    note_height,
    note_lines,
    styled,
    top_margin,
)
from survival_bzd.report.figures.sizes import Size, size_named
from survival_bzd.report.rounding import counted, digits, level, percent
from survival_bzd.report.sensitivity import HEADS, SensitivityResults, VariantResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEY = "specification_curve"
CURVE_HEIGHT = 42.0
TICK_ROOM = 8.0
FACTOR_GAP = 1.2
FOUND = OKABE_ITO[0]
DECLARED = OKABE_ITO[1]


def specification_curve(results: SensitivityResults, *, size: str, synthetic: bool) -> Figure:
    """Draw survival at the main time for each variant, sorted, and the rules of each below.

    Parameters
    ----------
    results : of the variants.
    size : name of the journal size.
    synthetic : whether the sheet says that its data are synthetic.
    """
    preset = size_named(size)
    with styled(KEY, preset):
        return _drawn(results, preset, synthetic=synthetic)


def _drawn(results: SensitivityResults, size: Size, *, synthetic: bool) -> Figure:
    ordered = sorted(results.variants, key=_height)
    rows = _rows(results)
    points = size.points - 1
    line = line_height(points)
    words = max([extent(choice, points) for _, choice in rows if choice] + [0.0])
    heads = max([extent(HEADS[factor], points, "bold") for factor, _ in rows] + [0.0])
    left = MARGIN + max(words, heads) + 2.5
    left = max(left, MARGIN + line_height(size.points) + 8.5)
    width = size.width - left - MARGIN
    top = top_margin(size, synthetic=synthetic)
    board = top + CURVE_HEIGHT + 2.5
    tops, bottom = _tops(rows, board, line)
    key = bottom + 2.0
    legend = _legend(results)
    foot = key + legend_height(legend, size) + 1
    notes = note_lines(_note(results), size)
    sheet = Sheet(size, foot + note_height(notes, size), synthetic=synthetic)
    curve = sheet.axes(left, top, width, CURVE_HEIGHT)
    _curve(curve, ordered)
    turned = {"rotation": 90, "ha": "center", "va": "center"}
    time = digits(results.times[-1])
    label = f"Relapse-free at {time} days (%)"
    sheet.text(left - 8.0, top + CURVE_HEIGHT / 2, label, **turned)
    _board(sheet, rows, tops, line, left)
    axes = sheet.axes(left, board, width, bottom - board)
    _dashboard(axes, ordered, rows, [one - board for one in tops], line, bottom - board)
    draw_legend(sheet, legend, key)
    sheet.notes(foot, notes)
    title = f"{results.label}: relapse-free at {time} days under every variant of the rules"
    return sheet.finish(KEY, title, _alt(results, ordered))


def _height(one: VariantResults) -> tuple[float, float]:
    """Return what variants are sorted by; one without an estimate comes last."""
    found = one.survival[-1].survival.estimate
    between = one.survival[-1].between
    return (
        math.inf if math.isnan(found) else found,
        math.inf if math.isnan(between) else between,
    )


def _rows(results: SensitivityResults) -> list[tuple[str, str]]:
    """Return the rows of the board: a head for each factor (no choice), then its choices."""
    rows: list[tuple[str, str]] = []
    for factor in results.factors:
        rows.append((factor, ""))
        choices = dict.fromkeys(one.specification.choices[factor] for one in results.variants)
        rows += [(factor, choice) for choice in choices]
    return rows


def _tops(rows: list[tuple[str, str]], board: float, line: float) -> tuple[list[float], float]:
    """Place the rows, in mm; a factor stands apart from the one above."""
    tops, at = [], board
    for place, (_, choice) in enumerate(rows):
        at += FACTOR_GAP if place and not choice else 0.0
        tops.append(at)
        at += line
    return tops, at


def _curve(axes: Axes, ordered: list[VariantResults]) -> None:
    """Draw the estimates from the lowest to the highest, with limits and the hollow marks."""
    for place, one in enumerate(ordered):
        here = one.survival[-1]
        colour = DECLARED if one.specification.declared else FOUND
        if one.specification.declared:
            axes.axvspan(place - 0.5, place + 0.5, color=PALE, alpha=0.5, linewidth=0, zorder=0)
        if not math.isnan(here.survival.lower):
            limits = [100 * here.survival.lower, 100 * here.survival.upper]
            axes.plot([place] * 2, limits, color=colour, linewidth=0.6, zorder=1)
        axes.plot([place], [100 * here.survival.estimate], **_mark(len(ordered), colour), zorder=3)
        axes.plot([place], [100 * here.between], **_hollow(len(ordered)), zorder=2)
    axes.set_xlim(-0.8, len(ordered) - 0.2)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(100.0, high))


def _size(variants: int) -> float:
    """Return the size of a mark in points: smaller where variants are many."""
    return min(3.6, max(1.4, 120.0 / variants))


def _mark(variants: int, colour: str) -> Style:
    return {
        "marker": "o",
        "markersize": _size(variants),
        "color": colour,
        "linestyle": "none",
        "clip_on": False,
    }


def _hollow(variants: int) -> Style:
    return {
        "marker": "D",
        "markersize": _size(variants) * 0.95,
        "markerfacecolor": "none",
        "markeredgecolor": INK,
        "markeredgewidth": 0.5,
        "linestyle": "none",
        "clip_on": False,
    }


def _board(
    sheet: Sheet, rows: list[tuple[str, str]], tops: list[float], line: float, left: float
) -> None:
    """Write the factors and their choices beside the board."""
    points = sheet.size.points - 1
    for (factor, choice), top in zip(rows, tops, strict=True):
        style: Style = {"va": "center", "fontsize": points}
        if choice:
            sheet.text(left - 2.0, top + line / 2, choice, ha="right", **style)
        else:
            sheet.text(MARGIN, top + line / 2, HEADS[factor], weight="bold", **style)


def _dashboard(
    axes: Axes,
    ordered: list[VariantResults],
    rows: list[tuple[str, str]],
    tops: list[float],
    line: float,
    height: float,
) -> None:
    """Mark what each variant chooses of each factor."""
    tick = min(1.2, 60.0 / len(ordered))
    for (factor, choice), top in zip(rows, tops, strict=True):
        if not choice:
            continue
        middle = top + line / 2
        axes.axhline(middle, color=PALE, linewidth=0.3, zorder=0)
        for place, one in enumerate(ordered):
            if one.specification.choices[factor] == choice:
                colour = DECLARED if one.specification.declared else INK
                ends = [middle - 0.36 * line, middle + 0.36 * line]
                axes.plot([place] * 2, ends, color=colour, linewidth=max(0.5, tick), zorder=2)
    for place, one in enumerate(ordered):
        if one.specification.declared:
            axes.axvspan(place - 0.5, place + 0.5, color=PALE, alpha=0.5, linewidth=0, zorder=0)
    axes.set_xlim(-0.8, len(ordered) - 0.2)
    axes.set_ylim(height, 0)
    axes.axis("off")


def _legend(results: SensitivityResults) -> Legend:
    limits = level(results.confidence)
    found: Legend = [
        ({"marker": "o", "color": FOUND}, f"Kaplan-Meier, {limits} limits"),
        (
            {
                "marker": "D",
                "markerfacecolor": "none",
                "markeredgecolor": INK,
                "markeredgewidth": 0.5,
            },
            "Interval-censored",
        ),
    ]
    if any(one.specification.declared for one in results.variants):
        found.append(({"marker": "o", "color": DECLARED}, "As declared"))
    return found


def _note(results: SensitivityResults) -> str:
    patients = [one.patients for one in results.variants]
    relapses = [one.relapses for one in results.variants]
    return (
        f"{counted(len(results.variants), 'variant')} of one endpoint over the same records, "
        f"sorted; each column is one, and the marks below say which rules it has. Patients at "
        f"risk: {_range(patients)}; relapses: {_range(relapses)}."
    )


def _range(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _alt(results: SensitivityResults, ordered: list[VariantResults]) -> str:
    """Put the curve into words."""
    known = [one for one in ordered if not math.isnan(one.survival[-1].survival.estimate)]
    words = f"Specification curve of {counted(len(ordered), 'variant')}."
    if known:
        low, high = (one.survival[-1].survival.estimate for one in (known[0], known[-1]))
        words += f" Relapse-free from {percent(low)}% to {percent(high)}%."
    declared = [one for one in known if one.specification.declared]
    if declared:
        words += f" As declared {percent(declared[0].survival[-1].survival.estimate)}%."
    return f"{words} Varied: {', '.join(HEADS[factor].lower() for factor in results.factors)}."
