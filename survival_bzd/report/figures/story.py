"""One patient's story on one page: a lane per source, and how the clock ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survival_bzd.report.figures.legend import Legend, draw_legend, legend_height
from survival_bzd.report.figures.sheet import (
    GREY,
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
from survival_bzd.report.rounding import digits, displayed
from survival_bzd.report.story import dated, ending_words
from survival_bzd.report.time_axis import ticks_around
from survival_bzd.report.wording import sentence, spaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survival_bzd.endpoint.story import Entry, Story

BLUE, VERMILLION, GREEN, *_ = OKABE_ITO

WIDE = {"single": "double", "lancet-single": "lancet-double"}
"""A story needs the width of the page."""

LANES = {
    "treatments": "Treatments",
    "stays": "Hospital stays",
    "visits": "Visits",
    "urine": "Urine",
    "use_days": "Calendar of use",
    "fills": "Prescriptions",
    "outcomes": "Recorded outcome",
}
"""The lanes from top to bottom, by source; a calendar's windows are in the lane of its days."""

SINCE = {"origin": "time zero", "search": "the search for time zero began"}
"""What day 0 is, on the axis; otherwise as the story calls it."""

LANE = 6.0
"""Height of a lane in mm."""
CLOCK = 10.0
"""Height of the lane of the clock in mm."""
GAP = 2.5
LABEL_ROOM = 5.5
"""Between the axis and its label's top, in mm."""
MARK = 3.6
"""Size of a mark in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """How a kind of record is drawn: its words in the legend, and its marker."""

    words: str
    style: Style


def _open(colour: str) -> Style:
    return {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.8}


def _filled(colour: str) -> Style:
    return {"markerfacecolor": colour, "markeredgecolor": colour, "markeredgewidth": 0.4}


MARKS = {
    "not_counted": _Mark(
        words="Not counted", style={"marker": ".", **_filled(GREY), "markersize": 2.4}
    ),
    "treated": _Mark(words="Treatment", style={"marker": "v", **_filled(GREY), "markersize": 3.2}),
    "not_assessed": _Mark(words="Missed, or not assessed", style={"marker": "x", **_open(GREY)}),
    "no_use": _Mark(words="No use", style={"marker": "o", **_open(BLUE)}),
    "washed_out": _Mark(words="Positive, washed out", style={"marker": "v", **_open(INK)}),
    "use": _Mark(words="Use", style={"marker": "s", **_filled(VERMILLION)}),
    "fill": _Mark(words="Prescription and its supply", style={"marker": "^", **_open(GREEN)}),
    "outcome": _Mark(
        words="Recorded outcome", style={"marker": "P", **_filled(INK), "markersize": 4}
    ),
    "overruled": _Mark(
        words="Overruled on that day",
        style={"marker": "D", **_open(INK), "markerfacecolor": "none", "markersize": 6.2},
    ),
    "deciding": _Mark(
        words="Record that starts or stops the clock",
        style={"marker": "o", **_open(INK), "markerfacecolor": "none", "markersize": 7.6},
    ),
}
"""Kinds of record, in the order of drawing: of several at one place the later is on top."""

SPANS = {
    "search": ("Search for time zero", "#e3e3e3"),
    "washout": ("Washout", "#e6dbe3"),
    "at_risk": ("At risk", "#b9cfe0"),
    "interval": ("Interval of the relapse", "#6b6b6b"),
    "gap": ("Silence that counts as relapse", "#6b6b6b"),
    "after": ("After the clock stopped, not looked at", "#f1f1f1"),
}
"""Stretches of days with their words and colours, which stay apart in grey."""


def story_figure(story: Story, *, size: str, synthetic: bool, in_dates: bool) -> Figure:
    """Draw the story of one patient.

    Parameters
    ----------
    story : whose.
    size : a journal size; of a single column the double is taken.
    synthetic : whether the records are made up, which the sheet says then.
    in_dates : whether the study's days are dates.
    """
    preset = size_named(WIDE.get(size, size))
    with styled("story", preset):
        return _drawn(story, preset, synthetic=synthetic, in_dates=in_dates)


def _drawn(story: Story, size: Size, *, synthetic: bool, in_dates: bool) -> Figure:
    line = line_height(size.points)
    lanes = _lanes(story)
    marks = _marks(story)
    legend = _legend(story, marks)
    notes = [row for words in _notes(story) for row in note_lines(words, size)]
    head = top_margin(size, synthetic=synthetic)
    left = MARGIN + max(extent(words, size.points) for words in (*lanes.values(), "Clock")) + GAP
    width = size.width - left - MARGIN - 3
    starts = story.ending.origin_day is not None
    top = head + (3 if starts else 1) * line + 1.5
    height = LANE * len(lanes) + CLOCK
    label = top + height + LABEL_ROOM
    below = label + line + 2.5
    foot = below + legend_height(legend, size) + 1.5
    sheet = Sheet(size, foot + note_height(notes, size), synthetic=synthetic)
    title = f"Patient {story.patient}: {story.label}"
    sheet.text(MARGIN, MARGIN, title, va="top", weight="bold")
    axes = sheet.axes(left, top, width, height)
    _draw_axes(axes, story, height)
    for place, words in enumerate(lanes.values()):
        sheet.text(left - GAP, top + (place + 0.5) * LANE, words, ha="right", va="center")
        axes.axhline((place + 1) * LANE, color=PALE, linewidth=0.4, zorder=0)
    clock = LANE * len(lanes)
    sheet.text(left - GAP, top + clock + CLOCK / 2, "Clock", ha="right", va="center")
    _draw_later(axes, story)
    _draw_spans(axes, story, clock)
    _draw_outcomes(axes, story, list(lanes))
    _draw_bars(axes, story, list(lanes))
    for kind, found in marks.items():
        x = [displayed(float(_at(one)), "days") for one in found]
        y = [_middle(one, list(lanes)) for one in found]
        style = {"markersize": MARK, **MARKS[kind].style}
        axes.plot(x, y, linestyle="none", clip_on=False, zorder=4, **style)
    _draw_clock(sheet, axes, story, (left, top, width, height), in_dates=in_dates)
    words = (
        f"Months since {SINCE.get(story.zero, story.zero)} ({dated(story, 0, in_dates=in_dates)})"
    )
    sheet.text(left + width / 2, label, words, ha="center", va="top")
    draw_legend(sheet, legend, below)
    sheet.notes(foot, notes)
    alt = (
        f"The records of patient {story.patient} in time, a lane per source, and the time at risk: "
        f"{ending_words(story.ending)}."
    )
    return sheet.finish(f"story_{story.patient}", title, alt)


def _lane(entry: Entry) -> str:
    return "use_days" if entry.source == "use_windows" else entry.source


def _lanes(story: Story) -> dict[str, str]:
    """Return the lanes that hold something."""
    found = {_lane(one) for one in story.entries}
    return {source: words for source, words in LANES.items() if source in found}


def _middle(entry: Entry, lanes: Sequence[str]) -> float:
    return (lanes.index(_lane(entry)) + 0.5) * LANE


def _at(entry: Entry) -> int:
    """Where a record's mark stands: a prescription on the day it was filled."""
    return entry.from_day if entry.source == "fills" else entry.day


def _marks(story: Story) -> dict[str, list[Entry]]:
    """Sort the records into kinds; of one kind, lane and day one is drawn."""
    lanes = _lanes(story)
    shown = [one for one in story.entries if _lane(one) in lanes]
    positive = {(one.day, one.source) for one in shown if _kind(one) in ("use", "washed_out")}
    chosen: dict[str, dict[tuple[str, int], Entry]] = {kind: {} for kind in MARKS}
    for one in shown:
        kind, place = _kind(one), (_lane(one), _at(one))
        outweighed = kind in ("no_use", "not_assessed") and (one.day, one.source) in positive
        if kind and not outweighed:
            chosen[kind][place] = one
        if one.role == "overruled" and not outweighed:
            chosen["overruled"][place] = one
        if _decides(story, one):
            chosen["deciding"][place] = one
    assessed = {place for kind in ("no_use", "use", "washed_out") for place in chosen[kind]}
    for kind in ("not_counted", "not_assessed"):
        chosen[kind] = {place: one for place, one in chosen[kind].items() if place not in assessed}
    return {kind: list(found.values()) for kind, found in chosen.items() if found}


def _kind(entry: Entry) -> str:
    """Say how a record is drawn; empty where it is a bar only."""
    others = {"treatments": "treated", "outcomes": "outcome", "fills": "fill", "stays": ""}
    if entry.source in others:
        return others[entry.source]
    roles = {"not counted": "not_counted", "washed out": "washed_out", "carry-over": "washed_out"}
    if entry.role in roles:
        return roles[entry.role]
    if entry.source == "use_windows":
        return ""
    return "not_assessed" if entry.role == "not assessed" else entry.verdict


def _decides(story: Story, entry: Entry) -> bool:
    """Whether a record starts the clock, or stops it."""
    if entry.role in ("origin", "relapse"):
        return True
    end = story.ending
    return end.origin_day is not None and entry.file == end.file and end.line in entry.lines


def _legend(story: Story, marks: dict[str, list[Entry]]) -> Legend:
    """Return the marks and stretches that occur, with their words."""
    spans = {one.key for one in story.spans} | ({"after"} if _later(story) else set())
    bars: Legend = [
        ({"marker": "s", **_filled(colour), "markersize": 5}, words)
        for key, (words, colour) in SPANS.items()
        if key in spans
    ]
    return [*((MARKS[kind].style, MARKS[kind].words) for kind in marks), *bars]


def _later(story: Story) -> bool:
    """Whether a record is later than what stopped the clock."""
    return story.ending.time is not None and any(one.role == "after" for one in story.entries)


def _notes(story: Story) -> Iterator[str]:
    yield from (one for one in (story.started, story.ended, story.bounds) if one)
    spoken = (one for one in story.entries if one.source in ("visits", "use_windows"))
    if any(one.day > one.from_day for one in spoken):
        yield (
            "Lines: the days that a visit looks back on or a calendar covers, dashed where the "
            "record says use."
        )


# --- drawing -------------------------------------------------------------------------------------


def _draw_axes(axes: Axes, story: Story, height: float) -> None:
    days: list[float] = [day for one in story.entries for day in (one.day, one.from_day)]
    days += [day for one in story.spans for day in (one.first, one.last)]
    first, last = min([0, *days]), max([0, *days])
    low, high = displayed(first, "days"), displayed(last, "days")
    pad = 0.015 * (high - low) or 1.0
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    marks = ticks_around(first, last, "days")
    axes.set_xticks([one.place for one in marks], [one.label for one in marks])


def _draw_spans(axes: Axes, story: Story, clock: float) -> None:
    """Draw what the rules looked at: the washout behind all lanes, the others beside the clock."""
    for one in story.spans:
        start, end = displayed(one.first, "days"), displayed(one.last, "days")
        colour = SPANS[one.key][1]
        if one.key == "washout":
            axes.axvspan(start, end, color=colour, linewidth=0, zorder=0)
            continue
        bounds = one.key in ("interval", "gap")
        axes.barh(
            clock + (5.2 if bounds else 2.8), end - start, left=start, color=colour,
            height=1.2 if bounds else 2.6, edgecolor=INK, linewidth=0.4, zorder=2,
        )  # fmt: skip
        if bounds:
            middle, side = (start + end) / 2, "center"
            low, high = axes.get_xlim()
            if middle > high - 0.12 * (high - low):
                middle, side = end, "right"
            words = f"({digits(one.first)}, {digits(one.last)}] days"
            axes.text(middle, clock + 7.6, words, ha=side, va="center", parse_math=False)


def _draw_later(axes: Axes, story: Story) -> None:
    """Shade what was not looked at any more."""
    if _later(story) and story.ending.decided_on is not None:
        first = displayed(story.ending.decided_on - story.zero_day, "days")
        axes.axvspan(first, axes.get_xlim()[1], color=SPANS["after"][1], linewidth=0, zorder=0)


def _draw_outcomes(axes: Axes, story: Story, lanes: Sequence[str]) -> None:
    """Name each recorded outcome beside its mark."""
    low, high = axes.get_xlim()
    for one in story.entries:
        if one.source != "outcomes":
            continue
        x, away = displayed(one.day, "days"), 0.013 * (high - low)
        left = x > low + 0.2 * (high - low)
        axes.text(
            x - away if left else x + away, _middle(one, lanes), one.said.partition(": ")[2],
            ha="right" if left else "left", va="center", parse_math=False,
        )  # fmt: skip


def _draw_bars(axes: Axes, story: Story, lanes: Sequence[str]) -> None:
    """Draw the days that a record speaks of, where they are more than one."""
    for one in story.entries:
        if one.from_day == one.day or _lane(one) not in lanes:
            continue
        colour = {"use": VERMILLION, "no_use": BLUE, "possession": GREEN}.get(one.verdict, GREY)
        axes.plot(
            [displayed(one.from_day - 0.5, "days"), displayed(one.day + 0.5, "days")],
            [_middle(one, lanes)] * 2,
            color=colour,
            linewidth=2.2 if one.source in ("use_windows", "stays") else 0.9,
            linestyle=(0, (2, 1)) if one.verdict == "use" else "-",
            zorder=3,
        )


def _draw_clock(
    sheet: Sheet,
    axes: Axes,
    story: Story,
    box: tuple[float, float, float, float],
    *,
    in_dates: bool,
) -> None:
    """Mark where the clock starts and stops, through all lanes, with the day and its date."""
    left, top, width, _ = box
    low, high = axes.get_xlim()
    line = line_height(sheet.size.points)
    stops = []
    if story.ending.origin_day is not None:
        stops.append((0.0, "Clock starts"))
    if story.ending.time is not None and story.ending.origin_day is not None:
        words = f"{sentence(spaced(story.ending.outcome))}, day {digits(story.ending.time)}"
        stops.append((story.ending.time, words))
    for place, (day, words) in enumerate(stops):
        month = displayed(day, "days")
        axes.axvline(month, color=INK, linewidth=0.7, linestyle=(0, (3, 1.5)), zorder=1)
        x = left + width * (month - low) / (high - low)
        whole = float(day).is_integer()
        under = dated(story, int(day), in_dates=in_dates) if whole else ""
        room = max(extent(words, sheet.size.points), extent(under, sheet.size.points))
        right = place == 1 and x + room < sheet.width - MARGIN
        side = "left" if right else "right"
        if place == 0 and (len(stops) == 1 or x - room < MARGIN):
            side = "left"
        sheet.text(x, top - 1 - line, words, ha=side, va="bottom")
        sheet.text(x, top - 1, under, ha=side, va="bottom", color=GREY)
