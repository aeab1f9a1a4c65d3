"""The relapse-free curve, with the numbers at risk under its axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from survival_bzd.report.figures.sheet import (
    DASHES,
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
from survival_bzd.report.rounding import count, counted, displayed, level, with_p
from survival_bzd.report.time_axis import Tick, axis_ticks
from survival_bzd.report.wording import (
    AT_RISK_NOTE,
    FEW_AT_RISK,
    axis_label,
    group_words,
    origin_words,
    slug,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survival_bzd.estimate import KaplanMeier
    from survival_bzd.report.paper_results import PaperResults

MARGIN = 2.0
TICK_ROOM = 5.5
"""Between the axis and its label's top, in mm: tick marks and tick labels."""

PROPORTIONS = 0.62
"""Height of the plot over its width, at most `TALLEST` mm."""
TALLEST = 80.0

COUNTS = {"at_risk": "At risk", "events": "Relapsed", "censored": "Censored"}


def curve_figures(results: PaperResults) -> tuple[Figure, ...]:
    """Draw the curve of all patients and, where they are grouped, the curves of the groups."""
    split = [curve for curve in results.curves if curve.group is not None]
    figures = [
        _figure(results, [curve], "relapse_free") for curve in results.curves if curve.group is None
    ]
    if split:
        figures.append(_figure(results, split, f"relapse_free_by_{slug(results.by or 'group')}"))
    return tuple(figures)


def _figure(results: PaperResults, curves: list[KaplanMeier], key: str) -> Figure:
    size = size_named(results.size)
    ticks = axis_ticks(results.curves)
    with styled(key, size):
        return _drawn(results, curves, key, size, ticks)


def _drawn(
    results: PaperResults, curves: list[KaplanMeier], key: str, size: Size, ticks: tuple[Tick, ...]
) -> Figure:
    """Lay the sheet out from top to bottom: key, plot, axis label, numbers at risk, notes."""
    line = line_height(size.points)
    table = _rows(results.by, curves, ticks)
    labels = [
        extent(label, size.points) + extent(numbers[0], size.points) / 2 for label, numbers in table
    ]
    left = MARGIN + max(*labels, extent("100", size.points) + line + 3) + 2.5
    width = size.width - left - MARGIN - extent(ticks[-1].label, size.points) / 2
    height = min(TALLEST, PROPORTIONS * width)
    entries = _key(results, curves)
    note = wrapped(_note(curves), size.width - 2 * MARGIN, size.points - 1)
    plot_top = MARGIN + (line if results.synthetic else 0) + line * len(entries) + 1.5
    label_top = plot_top + height + TICK_ROOM
    table_top = label_top + line + 2
    note_top = table_top + line * (len(table) + 1) + 2
    bottom = note_top + line_height(size.points - 1) * len(note) + MARGIN
    sheet = Sheet(size, bottom, synthetic=results.synthetic)
    _draw_key(sheet, entries, left, plot_top - 1.5 - line * len(entries))
    axes = sheet.axes(left, plot_top, width, height)
    _draw_axes(axes, curves, ticks)
    for place, curve in enumerate(curves):
        _draw_curve(axes, curve, place)
    sheet.text(
        left + width / 2,
        label_top,
        axis_label(results.endpoint, results.tte.unit),
        ha="center",
        va="top",
    )
    sheet.text(
        MARGIN + line / 2,
        plot_top + height / 2,
        "Relapse-free (%)",
        rotation=90,
        ha="center",
        va="center",
    )
    end = axes.get_xlim()[1]
    _draw_table(sheet, table, table_top, [left + one.place / end * width for one in ticks])
    for place, words in enumerate(note):
        sheet.text(
            MARGIN,
            note_top + place * line_height(size.points - 1),
            words,
            va="top",
            fontsize=size.points - 1,
            color=GREY,
        )
    title, alt = _words(results, curves)
    return sheet.finish(key, title, alt)


def _words(results: PaperResults, curves: list[KaplanMeier]) -> tuple[str, str]:
    """Write the caption and the description."""
    origin = origin_words(results.endpoint)
    title = f"Patients free of relapse by time since {origin}"
    ends = [
        f"{group_words(results.by, curve.group)}: {counted(curve.n, 'patient')}, "
        f"{counted(curve.n_events, 'relapse')}"
        for curve in curves
    ]
    split = len(curves) > 1 or curves[0].group is not None
    title += f", by {results.by}" if split else ""
    alt = f"Kaplan-Meier curve of the proportion free of relapse since {origin}. {'; '.join(ends)}."
    return title, alt


def _note(curves: Sequence[KaplanMeier]) -> str:
    few = any(_few(curve).any() for curve in curves)
    parts = [
        f"Band: pointwise {level(curves[0].confidence)} limits, {curves[0].limits}.",
        "Upright marks: censored.",
        f"Lighter: fewer than {FEW_AT_RISK} at risk." if few else "",
        f"{AT_RISK_NOTE}.",
        "Relapsed, censored: up to and including t." if len(curves) == 1 else "",
    ]
    return " ".join(part for part in parts if part)


# --- the key -------------------------------------------------------------------------------------


def _key(results: PaperResults, curves: list[KaplanMeier]) -> list[tuple[int | None, str]]:
    """Name each curve by its place; one curve of everybody needs no name."""
    if len(curves) == 1 and curves[0].group is None:
        return []
    entries: list[tuple[int | None, str]] = [
        (
            place,
            f"{group_words(results.by, curve.group)} ({counted(curve.n, 'patient')}, "
            f"{counted(curve.n_events, 'relapse')})",
        )
        for place, curve in enumerate(curves)
    ]
    if results.logrank is not None:
        entries.append((None, f"Log-rank {with_p(results.logrank.p_value)}"))
    return entries


def _draw_key(sheet: Sheet, entries: list[tuple[int | None, str]], left: float, top: float) -> None:
    line = line_height(sheet.size.points)
    for row, (place, words) in enumerate(entries):
        middle = top + (row + 0.5) * line
        if place is not None:
            sheet.line([left, left + 7], [middle, middle], **_style(place))
        sheet.text(left + 8.5, middle, words, va="center")


def _style(place: int) -> dict[str, Any]:
    return {
        "color": OKABE_ITO[place % len(OKABE_ITO)],
        "linestyle": DASHES[(place % len(OKABE_ITO) + place // len(OKABE_ITO)) % len(DASHES)],
    }


# --- the curves ----------------------------------------------------------------------------------


def _draw_axes(axes: Axes, curves: Sequence[KaplanMeier], ticks: tuple[Tick, ...]) -> None:
    last = max(
        (displayed(float(curve.time[-1]), curve.unit) for curve in curves if len(curve.time)),
        default=0.0,
    )
    axes.set_xlim(0, max(last, ticks[-1].place) * 1.01 or 1.0)
    axes.set_ylim(0, 1.03)
    axes.spines["left"].set_bounds(0, 1)
    axes.set_xticks([one.place for one in ticks], [one.label for one in ticks])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100"])


def _few(curve: KaplanMeier) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say of the piece of curve that ends at each time whether few are at risk on it."""
    return np.asarray(curve.at_risk < FEW_AT_RISK)


def _draw_curve(axes: Axes, curve: KaplanMeier, place: int) -> None:
    """Draw one curve until its follow-up ends."""
    style = _style(place)
    time = np.concatenate([[0.0], curve.time]) / (
        curve.time[-1] / displayed(float(curve.time[-1]), curve.unit)
        if len(curve.time) and curve.time[-1] > 0
        else 1.0
    )
    survival = np.concatenate([[1.0], curve.survival])
    limits = [np.concatenate([[np.nan], side]) for side in (curve.lower, curve.upper)]
    few = _few(curve)
    for light, pieces in groupby(range(len(few)), key=lambda piece: bool(few[piece])):
        steps = list(pieces)
        run = slice(steps[0], steps[-1] + 2)
        colour = _tint(style["color"], 0.45) if light else style["color"]
        axes.fill_between(
            time[run],
            limits[0][run],
            limits[1][run],
            step="post",
            linewidth=0,
            color=style["color"],
            alpha=0.09 if light else 0.18,
        )
        axes.plot(
            time[run],
            survival[run],
            drawstyle="steps-post",
            color=colour,
            linestyle=style["linestyle"],
            zorder=3,
            clip_on=False,
        )
    marked = curve.censored > 0
    axes.plot(
        time[1:][marked],
        survival[1:][marked],
        linestyle="none",
        marker="|",
        markersize=4.5,
        markeredgewidth=0.7,
        color=style["color"],
        zorder=4,
        clip_on=False,
    )


def _tint(colour: str, share: float) -> tuple[float, ...]:
    """Mix a colour with white, as print does."""
    from matplotlib.colors import to_rgb

    return tuple(1 - share * (1 - part) for part in to_rgb(colour))


# --- the numbers under the axis ------------------------------------------------------------------


def _rows(
    by: str | None, curves: list[KaplanMeier], ticks: tuple[Tick, ...]
) -> list[tuple[str, list[str]]]:
    """Return (label, numbers) per row: all three counts of one curve, those at risk of several."""
    times = [one.time for one in ticks]
    if len(curves) == 1:
        table = curves[0].risk_table(times)
        return [
            (label, [count(value) for value in getattr(table, name).tolist()])
            for name, label in COUNTS.items()
        ]
    return [
        (str(curve.group), [count(value) for value in curve.risk_table(times).at_risk.tolist()])
        for curve in curves
    ]


def _draw_table(
    sheet: Sheet, table: list[tuple[str, list[str]]], top: float, places: list[float]
) -> None:
    line = line_height(sheet.size.points)
    single = table[0][0] == COUNTS["at_risk"]
    sheet.text(
        MARGIN,
        top + line / 2,
        "Number of patients" if single else "Number at risk",
        va="center",
        weight="bold",
    )
    for row, (label, numbers) in enumerate(table, start=1):
        middle = top + (row + 0.5) * line
        sheet.text(MARGIN, middle, label, va="center", color=INK)
        for place, number in zip(places, numbers, strict=True):
            sheet.text(place, middle, number, va="center", ha="center")
