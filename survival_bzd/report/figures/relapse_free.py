"""The relapse-free curve, with the numbers at risk under its axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survival_bzd.report.figures.sheet import (
    DASHES,
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
from survival_bzd.report.rounding import count, counted, displayed, level, listed, with_p
from survival_bzd.report.time_axis import Tick, axis_ticks
from survival_bzd.report.wording import (
    FEW_AT_RISK,
    at_risk_note,
    axis_label,
    group_words,
    origin_words,
    slug,
    spaced,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survival_bzd.endpoint.time_to_event import TimeToEvent
    from survival_bzd.estimate import KaplanMeier
    from survival_bzd.report.paper_results import PaperResults

TICK_ROOM = 5.5
"""Between the axis and its label's top, in mm: tick marks and tick labels."""

PROPORTIONS = 0.62
"""Height of the plot over its width, at most `TALLEST` mm."""
TALLEST = 80.0

KEY_LINE = 8.5
"""Room for a line's sample before its name, in mm."""

WIDEST_LABEL = 0.25
"""Labels of rows that take more of the width than this stand above their numbers."""

MOST_MARKS = 200
"""More censoring marks than this on one curve would hide it."""

MOST_BANDS = 2
"""With more curves the bands would cover each other: limits are then drawn as thin lines."""

COUNTS = {"at_risk": "At risk", "events": "Relapsed", "censored": "Censored"}

Floats = NDArray[np.float64]

Key = list[tuple[int | None, str]]
"""Lines of the key: the place of the curve whose sample stands before the words."""
_Rows = list[tuple[str, list[str]]]
"""Rows under the axis: a label and a number per tick."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where things stand on the sheet, in mm from its top left corner."""

    left: float
    width: float
    key: float
    plot: float
    height: float
    label: float
    table: float
    stacked: bool
    notes: float
    bottom: float


def _layout(
    results: PaperResults, key: Key, table: _Rows, notes: list[str], size: Size, last: Tick
) -> _Layout:
    """Go from top to bottom: key, plot, axis label, numbers at risk, notes."""
    line = line_height(size.points)
    labels = [extent(label, size.points) for label, _ in table]
    stacked = max(labels) > WIDEST_LABEL * size.width
    beside = 0.0 if stacked else max(labels)
    numbers = max(extent(numbers[0], size.points) for _, numbers in table) / 2
    left = MARGIN + max(beside + numbers, extent("100", size.points) + line + 3) + 3
    width = size.width - left - MARGIN - extent(last.label, size.points) / 2
    height = min(TALLEST, PROPORTIONS * width)
    top = top_margin(size, synthetic=results.synthetic)
    plot = top + line * len(key) + 1.5
    label = plot + height + TICK_ROOM
    table_top = label + line + 2
    notes_top = table_top + line * (len(table) * (2 if stacked else 1) + 1) + 2
    return _Layout(
        left=left,
        width=width,
        key=top,
        plot=plot,
        height=height,
        label=label,
        table=table_top,
        stacked=stacked,
        notes=notes_top,
        bottom=notes_top + note_height(notes, size),
    )


def _drawn(
    results: PaperResults,
    curves: list[KaplanMeier],
    name: str,
    size: Size,
    ticks: tuple[Tick, ...],
) -> Figure:
    key = _key(results, curves, size)
    table = _rows(curves, ticks)
    notes = note_lines(" ".join([_note(curves, results.tte), *_competing(results.tte)]), size)
    at = _layout(results, key, table, notes, size, ticks[-1])
    sheet = Sheet(size, at.bottom, synthetic=results.synthetic)
    draw_key(sheet, key, at.key)
    axes = sheet.axes(at.left, at.plot, at.width, at.height)
    draw_axes(axes, curves, ticks)
    for place, curve in enumerate(curves):
        _draw_curve(axes, curve, place, banded=len(curves) <= MOST_BANDS)
    middle = at.left + at.width / 2, at.plot + at.height / 2
    words = axis_label(results.endpoint, results.tte.unit)
    sheet.text(middle[0], at.label, words, ha="center", va="top")
    turned = {"rotation": 90, "ha": "center", "va": "center"}
    sheet.text(MARGIN + line_height(size.points) / 2, middle[1], "Relapse-free (%)", **turned)
    end = axes.get_xlim()[1]
    _draw_table(sheet, table, at, [at.left + one.place / end * at.width for one in ticks])
    sheet.notes(at.notes, notes)
    return sheet.finish(name, *_words(results, curves))


def _words(results: PaperResults, curves: list[KaplanMeier]) -> tuple[str, str]:
    """Write the caption and the description."""
    origin = origin_words(results.endpoint)
    title = f"Patients free of relapse by time since {origin}"
    ends = [
        f"{group_words(results.by_words, curve.group)}: {counted(curve.n, 'patient')}, "
        f"{counted(curve.n_events, 'relapse')}"
        for curve in curves
    ]
    split = len(curves) > 1 or curves[0].group is not None
    title += f", by {results.by_words}" if split else ""
    alt = f"Kaplan-Meier curve of the proportion free of relapse since {origin}. {'; '.join(ends)}."
    return title, alt


def _competing(tte: TimeToEvent) -> list[str]:
    """Say what the curve takes as censoring though it is an event."""
    causes = [spaced(cause) for code, cause in enumerate(tte.causes, 1) if code > 1]
    found = [cause for code, cause in enumerate(causes, 2) if (tte.event == code).any()]
    return [f"Censored includes {listed(found)}."] if found else []


def _note(curves: Sequence[KaplanMeier], tte: TimeToEvent) -> str:
    few = any(_pieces(curve)[1].any() for curve in curves)
    drawn = "Band" if len(curves) <= MOST_BANDS else "Thin lines"
    parts = [
        f"{drawn}: pointwise {level(curves[0].confidence)} limits, {curves[0].limits}.",
        "Upright marks: censored." if any(_marked(curve).any() for curve in curves) else "",
        f"Lighter: fewer than {FEW_AT_RISK} at risk." if few else "",
        f"{at_risk_note(tte)}.",
        "Relapsed, censored: up to and including t." if len(curves) == 1 else "",
    ]
    return " ".join(part for part in parts if part)


# --- the key -------------------------------------------------------------------------------------


def _key(results: PaperResults, curves: list[KaplanMeier], size: Size) -> Key:
    """Name each curve by its place, line by line; one curve of everybody needs no name."""
    if len(curves) == 1 and curves[0].group is None:
        return []
    entries: list[tuple[int | None, str]] = [
        (
            place,
            f"{group_words(results.by_words, curve.group)} ({counted(curve.n, 'patient')}, "
            f"{counted(curve.n_events, 'relapse')})",
        )
        for place, curve in enumerate(curves)
    ]
    if results.logrank is not None:
        entries.append((None, f"Log-rank {with_p(results.logrank.p_value)}"))
    room = size.width - 2 * MARGIN - KEY_LINE
    return [
        (place if row == 0 else None, part)
        for place, words in entries
        for row, part in enumerate(wrapped(words, room, size.points))
    ]


def draw_key(sheet: Sheet, key: Key, top: float) -> None:
    """Write the key, a sample of its line before each curve's words."""
    line = line_height(sheet.size.points)
    for row, (place, words) in enumerate(key):
        middle = top + (row + 0.5) * line
        if place is not None:
            sheet.line([MARGIN, MARGIN + KEY_LINE - 1.5], [middle, middle], **line_style(place))
        sheet.text(MARGIN + KEY_LINE, middle, words, va="center")


def line_style(place: int) -> Style:
    """Return the colour and dashes of the curve at a place."""
    return {
        "color": OKABE_ITO[place % len(OKABE_ITO)],
        "linestyle": DASHES[(place % len(OKABE_ITO) + place // len(OKABE_ITO)) % len(DASHES)],
    }


# --- the curves ----------------------------------------------------------------------------------


def draw_axes(axes: Axes, curves: Sequence[KaplanMeier], ticks: tuple[Tick, ...]) -> None:
    """Set the axes: time until the last of the curves, percent free of relapse."""
    last = max(
        (displayed(float(curve.time[-1]), curve.unit) for curve in curves if len(curve.time)),
        default=0.0,
    )
    axes.set_xlim(0, max(last, ticks[-1].place) * 1.01 or 1.0)
    axes.set_ylim(0, 1.03)
    axes.spines["left"].set_bounds(0, 1)
    axes.set_xticks([one.place for one in ticks], [one.label for one in ticks])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100"])


def _pieces(curve: KaplanMeier) -> tuple[Floats, NDArray[np.bool_]]:
    """Return where pieces of the curve end, and whether few are at risk on each.

    A piece ends at a follow-up time, or where patients enter late: until then few may be at risk.
    """
    inside = (curve.entry_time > 0) & (curve.entry_time < curve.last_time)
    ends = np.union1d(curve.time, curve.entry_time[inside])
    return ends, np.asarray(curve.risk_table(ends).at_risk < FEW_AT_RISK)


def _draw_curve(axes: Axes, curve: KaplanMeier, place: int, *, banded: bool) -> None:
    """Draw one curve until its follow-up ends, lighter where few are at risk."""
    style = line_style(place)
    ends, few = _pieces(curve)
    time = np.array([0.0, *(displayed(one, curve.unit) for one in ends.tolist())])
    step = np.concatenate([[0], np.searchsorted(curve.time, ends, side="right")])
    survival, lower, upper = (
        np.array([first, *side.tolist()])[step]
        for first, side in ((1.0, curve.survival), (np.nan, curve.lower), (np.nan, curve.upper))
    )
    for light, pieces in groupby(range(len(few)), key=lambda piece: bool(few[piece])):
        steps = list(pieces)
        run = slice(steps[0], steps[-1] + 2)
        colour = _tint(style["color"], 0.45) if light else style["color"]
        drawn: Style = {"drawstyle": "steps-post", "clip_on": False}
        corners, low, high = _corners(time[run], lower[run], upper[run])
        if banded:
            band: Style = {"linewidth": 0, "alpha": 0.09 if light else 0.18}
            axes.fill_between(corners, low, high, color=style["color"], **band)
        for limit in () if banded else (low, high):
            axes.plot(corners, limit, color=colour, linewidth=0.4, zorder=2, clip_on=False)
        dashes: Style = {"color": colour, "linestyle": style["linestyle"]}
        axes.plot(time[run], survival[run], zorder=3, **dashes, **drawn)
    marked = _marked(curve)
    mark: Style = {"marker": "|", "markersize": 4.5, "markeredgewidth": 0.7, "linestyle": "none"}
    axes.plot(
        [displayed(one, curve.unit) for one in curve.time[marked].tolist()],
        curve.survival[marked],
        color=style["color"],
        zorder=4,
        clip_on=False,
        **mark,
    )


def _corners(time: Floats, *limits: Floats) -> tuple[Floats, ...]:
    """Return the corners of limits that each hold until the next time, also before an open one."""
    return np.repeat(time, 2)[1:], *(np.repeat(limit, 2)[:-1] for limit in limits)


def _marked(curve: KaplanMeier) -> NDArray[np.bool_]:
    """Say at which times a curve has a censoring mark."""
    marked: NDArray[np.bool_] = curve.censored > 0
    return marked if marked.sum() <= MOST_MARKS else np.zeros_like(marked)


def _tint(colour: str, share: float) -> tuple[float, ...]:
    """Mix a colour with white, as print does."""
    from matplotlib.colors import to_rgb

    return tuple(1 - share * (1 - part) for part in to_rgb(colour))


# --- the numbers under the axis ------------------------------------------------------------------


def _rows(curves: list[KaplanMeier], ticks: tuple[Tick, ...]) -> _Rows:
    """Return (label, numbers) per row: all three counts of one curve, those at risk of several."""
    tables = [curve.risk_table([one.time for one in ticks]) for curve in curves]
    if len(curves) == 1:
        return [
            (label, [count(value) for value in getattr(tables[0], name).tolist()])
            for name, label in COUNTS.items()
        ]
    return [
        (str(curve.group), [count(value) for value in table.at_risk.tolist()])
        for curve, table in zip(curves, tables, strict=True)
    ]


def _draw_table(sheet: Sheet, table: _Rows, at: _Layout, places: list[float]) -> None:
    line = line_height(sheet.size.points)
    counts = table[0][0] == COUNTS["at_risk"]
    heading = "Number of patients" if counts else "Number at risk"
    sheet.lines(MARGIN, at.table, [heading], weight="bold")
    top = at.table + line
    for label, numbers in table:
        sheet.lines(MARGIN, top, [label])
        top += line if at.stacked else 0
        for place, number in zip(places, numbers, strict=True):
            sheet.text(place, top + line / 2, number, va="center", ha="center")
        top += line
