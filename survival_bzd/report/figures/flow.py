"""The flow of the patients, from enrolment to what ended their follow-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from survival_bzd.report.figures.sheet import (
    INK,
    MARGIN,
    Figure,
    Sheet,
    line_height,
    styled,
    wrapped,
)
from survival_bzd.report.figures.sizes import Size, size_named
from survival_bzd.report.wording import outcome_heading, reason_words, sentence, time_zero

if TYPE_CHECKING:
    from collections.abc import Iterable

    from survival_bzd.endpoint.time_to_event import FlowLeaf
    from survival_bzd.report.paper_results import PaperResults

PADDING = 1.5
"""Between the edge of a box and its words, in mm."""
GAP = 3.0
ARROW = 5.0
NARROWEST = 24.0
"""Boxes that would be narrower than this stand below each other."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box: where it stands, and its lines, the first of them bold.

    Attributes
    ----------
    left, top, width, height : in mm.
    lines : words, already broken to the width.
    bold : how many of the lines are bold.
    """

    left: float
    top: float
    width: float
    height: float
    lines: tuple[str, ...]
    bold: int


def flow_figure(results: PaperResults) -> Figure | None:
    """Draw who was enrolled, who reached the origin, and how the follow-up of each ended."""
    if results.flow is None:
        return None
    size = size_named(results.size)
    with styled("flow", size):
        return _drawn(results, results.flow.enrolled, results.flow.leaves, size)


def _counted(words: str, patients: int) -> str:
    return f"{words} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{patients})"


def _total(leaves: Iterable[FlowLeaf]) -> int:
    return sum(leaf.patients for leaf in leaves)


def _drawn(
    results: PaperResults, enrolled: int, leaves: tuple[FlowLeaf, ...], size: Size
) -> Figure:
    """Lay out three rows: enrolled, reached with those who did not beside them, and the ends."""
    line = line_height(size.points)
    inner = size.width - 2 * MARGIN
    half = (inner - 2 * GAP) / 2
    origin = time_zero(results.endpoint) or "origin"
    missed = [leaf for leaf in leaves if not leaf.reached]
    reached = [leaf for leaf in leaves if leaf.reached]
    top = MARGIN + (line if results.synthetic else 0)
    first = _box(MARGIN, top, half, _counted("Enrolled", enrolled), [], size)
    side_left = MARGIN + half + 2 * GAP
    side = (
        _box(
            side_left,
            first.top + first.height + ARROW / 2,
            half,
            _counted(f"Never reached {origin}", _total(missed)),
            [f"{_counted(reason_words(leaf), leaf.patients)}{_fails(leaf)}" for leaf in missed],
            size,
        )
        if missed
        else None
    )
    second_top = first.top + first.height + ARROW
    if side is not None:
        second_top = side.top + side.height + ARROW / 2
    second = _box(
        MARGIN, second_top, half, _counted(sentence(f"reached {origin}"), _total(reached)), [], size
    )
    last = _last(_ends(reached), second, size)
    boxes = [first, second, *([side] if side else []), *last]
    sheet = Sheet(
        size, max(box.top + box.height for box in boxes) + MARGIN, synthetic=results.synthetic
    )
    for box in boxes:
        _draw_box(sheet, box)
    _draw_arrows(sheet, first, second, side, last)
    words = [" ".join(box.lines) for box in boxes]
    alt = f"Flow of the patients. {'. '.join(words)}."
    return sheet.finish("flow", "Flow of the patients", alt.replace("\N{NO-BREAK SPACE}", " "))


def _last(ends: list[tuple[str, list[str]]], above: Box, size: Size) -> list[Box]:
    """Place the ends of the follow-up side by side, or below each other where that is narrow."""
    inner = size.width - 2 * MARGIN
    width = (inner - GAP * (len(ends) - 1)) / max(len(ends), 1)
    top = above.top + above.height + 2 * ARROW
    if width >= NARROWEST:
        lefts = [MARGIN + place * (width + GAP) for place in range(len(ends))]
        return [_box(left, top, width, *end, size) for left, end in zip(lefts, ends, strict=True)]
    boxes: list[Box] = []
    top = above.top + above.height + GAP
    for end in ends:
        boxes.append(_box(MARGIN + 2 * ARROW, top, inner - 2 * ARROW, *end, size))
        top = boxes[-1].top + boxes[-1].height + GAP / 2
    return boxes


def _fails(leaf: FlowLeaf) -> str:
    """Say where a patient who never reached the origin counts all the same."""
    if leaf.outcome == "not at risk":
        return ""
    return f", counted as {leaf.outcome} on day 0"


def _ends(reached: list[FlowLeaf]) -> list[tuple[str, list[str]]]:
    """Return (heading, reasons) of each way in which a follow-up ended."""
    outcomes = dict.fromkeys(leaf.outcome for leaf in reached)
    ends = []
    for outcome in outcomes:
        leaves = [leaf for leaf in reached if leaf.outcome == outcome]
        plain = len(leaves) == 1 and leaves[0].reason in (outcome, "pattern")
        items = [] if plain else [_counted(reason_words(leaf), leaf.patients) for leaf in leaves]
        ends.append((_counted(outcome_heading(outcome), _total(leaves)), items))
    return ends


def _box(left: float, top: float, width: float, heading: str, items: list[str], size: Size) -> Box:
    """Break the words to the box's width and make it as tall as they need."""
    room = width - 2 * PADDING
    # Bold letters are wider than those that `wrapped` measures.
    bold = wrapped(heading, room / 1.12, size.points)
    lines = [part for item in items for part in wrapped(item, room, size.points)]
    height = (len(bold) + len(lines)) * line_height(size.points) + 2 * PADDING
    return Box(left, top, width, height, (*bold, *lines), len(bold))


def _draw_box(sheet: Sheet, box: Box) -> None:
    from matplotlib.patches import Rectangle

    sheet.add(
        Rectangle(
            (box.left, box.top), box.width, box.height, fill=False, edgecolor=INK, linewidth=0.6
        )
    )
    for row, words in enumerate(box.lines):
        middle = box.top + PADDING + (row + 0.5) * line_height(sheet.size.points)
        sheet.text(
            box.left + PADDING,
            middle,
            words,
            va="center",
            weight="bold" if row < box.bold else "normal",
        )


def _draw_arrows(sheet: Sheet, first: Box, second: Box, side: Box | None, last: list[Box]) -> None:
    x = first.left + first.width / 2
    _arrow(sheet, [x, x], [first.top + first.height, second.top])
    if side is not None:
        middle = side.top + side.height / 2
        _arrow(sheet, [x, side.left], [middle, middle])
    if last and len({box.top for box in last}) == 1:
        _branch(sheet, second, last)
    elif last:
        _spine(sheet, second, last)


def _branch(sheet: Sheet, above: Box, boxes: list[Box]) -> None:
    """Join a box with those side by side below it."""
    x, bottom = above.left + above.width / 2, above.top + above.height
    centres = [box.left + box.width / 2 for box in boxes]
    bend = bottom + ARROW
    sheet.line([x, x], [bottom, bend], color=INK, linewidth=0.6)
    sheet.line([min(x, *centres), max(x, *centres)], [bend, bend], color=INK, linewidth=0.6)
    for box, centre in zip(boxes, centres, strict=True):
        _arrow(sheet, [centre, centre], [bend, box.top])


def _spine(sheet: Sheet, above: Box, boxes: list[Box]) -> None:
    """Join a box with those below each other, along a line on the left."""
    x = MARGIN + ARROW
    end = boxes[-1].top + boxes[-1].height / 2
    sheet.line([x, x], [above.top + above.height, end], color=INK, linewidth=0.6)
    for box in boxes:
        middle = box.top + box.height / 2
        _arrow(sheet, [x, box.left], [middle, middle])


def _arrow(sheet: Sheet, x: list[float], y: list[float]) -> None:
    """Draw a line that ends in a head."""
    sheet.line(x, y, color=INK, linewidth=0.6)
    marker = ">" if y[0] == y[1] else "v"
    back = 0.9
    tip = (x[1] - back, y[1]) if marker == ">" else (x[1], y[1] - back)
    sheet.line([tip[0]], [tip[1]], marker=marker, markersize=3, color=INK, linestyle="none")
