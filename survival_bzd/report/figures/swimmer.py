"""A swimmer plot: every patient's evidence, and how the follow-up ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survival_bzd.report.figures.legend import MARK, Legend, draw_legend, legend_height
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
from survival_bzd.report.rounding import counted, displayed
from survival_bzd.report.time_axis import ticks_around
from survival_bzd.report.wording import (
    axis_label,
    outcome_heading,
    patient_names,
    sentence,
    spaced,
    time_zero,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from survival_bzd.endpoint.time_to_event import TimeToEvent
    from survival_bzd.report.paper_results import PaperResults

MOST_PATIENTS = 60
"""More rows than this cannot be told apart on a page."""

GAP = 2.0
EDGE = 0.5
"""Room above the first row and below the last, in mm."""
LABEL_ROOM = 5.5
"""Between the axis and its label's top, in mm."""
TALLEST_ROW = 4.0
"""Height of a patient's row in mm, at most: urine in its upper half, reports in the lower."""
TALLEST = 170.0
"""Height of all rows in mm, at most."""
LANES = {"urine": -0.22, "report": 0.22, "middle": 0.0}

BLUE, VERMILLION, GREEN, PURPLE, _ = OKABE_ITO


@dataclass(frozen=True, slots=True)
class Mark:
    """How one kind of statement is drawn.

    Attributes
    ----------
    words : what the legend says.
    lane : which part of the row it stands in.
    style : settings of the marker.
    """

    words: str
    lane: str
    style: Style


def _open(colour: str) -> Style:
    return {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.6}


def _filled(colour: str) -> Style:
    return {"markerfacecolor": colour, "markeredgecolor": colour, "markeredgewidth": 0.3}


MARKS = {
    "urine_no_use": Mark("Urine negative", "urine", {"marker": "o", **_open(BLUE)}),
    "urine_use": Mark("Urine positive", "urine", {"marker": "o", **_filled(VERMILLION)}),
    "urine_not_assessed": Mark("Urine not assessed", "urine", {"marker": "x", **_open(GREY)}),
    "washed_out": Mark("Positive, washed out", "urine", {"marker": "v", **_open(PURPLE)}),
    "report_no_use": Mark("Report of no use", "report", {"marker": "|", **_open(BLUE)}),
    "report_use": Mark("Report of use", "report", {"marker": "s", **_filled(VERMILLION)}),
    "report_not_assessed": Mark("Missed or not answered", "report", {"marker": "s", **_open(GREY)}),
    "fill": Mark("Prescription filled", "report", {"marker": "^", **_open(GREEN)}),
    "overruled": Mark(
        "Overruled on that day",
        "middle",
        {
            "marker": "D",
            "markerfacecolor": "none",
            "markeredgecolor": INK,
            "markeredgewidth": 0.6,
            "markersize": 5.0,
        },
    ),
}
"""Kinds of statement, in the order of the legend; of several on one day the later is on top."""

_ENDS = {
    0: {"marker": ">", **_filled(INK), "markersize": 3.6},
    1: {"marker": "X", **_filled(INK), "markersize": 4.6},
}
_OTHER_END = {"marker": "P", **_filled(PURPLE), "markersize": 4.6}


def swimmer_figure(results: PaperResults) -> Figure | None:
    """Draw a row per patient, those at risk longest first, those never at risk below."""
    if results.trace is None or len(swimmers(results)) > MOST_PATIENTS:
        return None
    size = size_named(results.size)
    with styled("swimmer", size):
        return _drawn(results, results.trace, size)


def swimmers(results: PaperResults) -> list[str]:
    """Return the patients from top to bottom: by follow-up, then those never at risk."""
    tte = results.tte
    followed = sorted(zip((-tte.time).tolist(), patient_names(tte), strict=True))
    at_risk = [patient for _, patient in followed]
    if results.trace is None:
        return at_risk
    known = set(at_risk)
    others = dict.fromkeys(str(one) for one in results.trace["patient_id"] if str(one) not in known)
    return [*at_risk, *others]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where things stand on the sheet, in mm from its top left corner.

    `row` is the height of a patient's row; `place` has each patient's row, and `apart` the row of
    the words above those never at risk, if there are any.
    """

    left: float
    width: float
    top: float
    row: float
    rows: int
    place: dict[str, int]
    apart: int | None
    label: float
    legend: float
    notes: float
    bottom: float


def _layout(results: PaperResults, legend: Legend, notes: list[str], size: Size) -> _Layout:
    """Go from top to bottom: the patients' rows, axis label, legend, notes."""
    line = line_height(size.points)
    patients = swimmers(results)
    apart = results.tte.n if results.tte.n < len(patients) else None
    rows = len(patients) + (apart is not None)
    row = min(TALLEST_ROW, TALLEST / rows)
    left = MARGIN + max(extent(patient, size.points) for patient in patients) + GAP
    top = top_margin(size, synthetic=results.synthetic) + 1
    label = top + rows * row + 2 * EDGE + LABEL_ROOM
    legend_top = label + line + 2.5
    notes_top = legend_top + legend_height(legend, size) + 1.5
    return _Layout(
        left=left,
        width=size.width - left - MARGIN - 1,
        top=top,
        row=row,
        rows=rows,
        place={
            patient: number + (apart is not None and number >= apart)
            for number, patient in enumerate(patients)
        },
        apart=apart,
        label=label,
        legend=legend_top,
        notes=notes_top,
        bottom=notes_top + note_height(notes, size),
    )


def _drawn(results: PaperResults, trace: pd.DataFrame, size: Size) -> Figure:
    tte, unit = results.tte, results.tte.unit
    marks = _marks(trace)
    legend = _legend(tte, marks)
    notes = note_lines(_note(results, marks), size)
    at = _layout(results, legend, notes, size)
    sheet = Sheet(size, at.bottom, synthetic=results.synthetic)
    axes = sheet.axes(at.left, at.top, at.width, at.rows * at.row + 2 * EDGE)
    shown = trace[trace["patient_id"].astype(str).isin(at.place)]
    days = [0.0, *shown["day"].dropna(), *shown["from_day"].dropna(), *tte.time.tolist()]
    _draw_axes(axes, at, min(days), max(days), unit)
    _draw_names(sheet, axes, at)
    _draw_bars(axes, tte, at.place)
    for name, frame in marks.items():
        _draw_marks(axes, MARKS[name], frame, at.place, unit)
    _draw_ends(axes, tte, at.place)
    words = axis_label(results.endpoint, unit)
    sheet.text(at.left + at.width / 2, at.label, words, ha="center", va="top")
    draw_legend(sheet, legend, at.legend)
    sheet.notes(at.notes, notes)
    alt = (
        f"Swimmer plot of {counted(len(at.place), 'patient')}: statements about use in time, and "
        f"the end of each follow-up; {counted(int(tte.relapsed.sum()), 'relapse')}."
    )
    return sheet.finish("swimmer", "Evidence and outcome of every patient", alt)


def _draw_names(sheet: Sheet, axes: Axes, at: _Layout) -> None:
    """Write each patient's name beside the row, and a heading above those never at risk."""
    for patient, row in at.place.items():
        middle = at.top + EDGE + (row + 0.5) * at.row
        sheet.text(at.left - GAP, middle, patient, ha="right", va="center")
    if at.apart is not None:
        low, high = axes.get_xlim()
        zero = at.left + at.width * (0 - low) / (high - low)
        middle = at.top + EDGE + (at.apart + 0.5) * at.row
        words = "Never at risk; time since the search began"
        sheet.text(zero + 1, middle, words, va="center", color=GREY)


def _marks(trace: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Sort the statements into kinds; of one kind, patient and day one is drawn."""
    report = trace["source"].isin(["visits", "use_days", "use_windows"])
    urine = trace["source"] == "urine"
    counted_ones = trace["role"] != "not counted"
    washed = trace["role"] == "washed out"
    chosen = {
        "fill": trace["source"] == "fills",
        "washed_out": washed,
        # A specimen negative for one drug and positive for another does not contradict itself.
        "overruled": (trace["role"] == "overruled")
        & ~(urine & _outdone(trace, urine & counted_ones, "no_use")),
    }
    for lane, rows in (("urine", urine), ("report", report)):
        for verdict in ("no_use", "use", "not_assessed"):
            here = rows & counted_ones & ~washed & (trace["verdict"] == verdict)
            chosen[f"{lane}_{verdict}"] = here & ~_outdone(trace, rows & counted_ones, verdict)
    frames = {name: trace[chosen[name]].drop_duplicates(["patient_id", "day"]) for name in MARKS}
    return {name: frame for name, frame in frames.items() if len(frame)}


def _outdone(trace: pd.DataFrame, rows: pd.Series[bool], verdict: str) -> pd.Series[bool]:
    """Say which statements share patient and day with one of the same lane that says more."""
    rank = {"not_assessed": 0, "no_use": 1, "use": 2}
    ranks = trace["verdict"].map(rank).where(rows, -1)
    highest = ranks.groupby([trace["patient_id"], trace["day"]]).transform("max")
    return highest > rank[verdict]


def _note(results: PaperResults, marks: dict[str, pd.DataFrame]) -> str:
    parts = [
        f"Bar: time at risk from {time_zero(results.endpoint) or 'time zero'}"
        f"{' or a later entry' if _entries(results.tte).any() else ''}. Upper half of a row: "
        "urine; lower half: reports and prescriptions.",
        "Thin line: a period that a calendar of use covers."
        if (
            marks.get("report_no_use") is not None
            and (marks["report_no_use"]["source"] == "use_windows").any()
        )
        else "",
        _without_row(results),
    ]
    return " ".join(part for part in parts if part)


def _without_row(results: PaperResults) -> str:
    """Count the patients who were never at risk and of whom no statement can be drawn."""
    missing = results.flow.enrolled - len(swimmers(results)) if results.flow else 0
    return f"Without any statement, and not drawn: {counted(missing, 'patient')}." * (missing > 0)


def _entries(tte: TimeToEvent) -> NDArray[np.float64]:
    """Return when each patient came under observation; 0 is the origin."""
    return np.zeros(tte.n) if tte.entry is None else np.nan_to_num(tte.entry)


def _legend(tte: TimeToEvent, marks: dict[str, pd.DataFrame]) -> Legend:
    """Return the marks that occur with their words: the ends first."""
    codes = sorted({int(code) for code in tte.event.tolist()}, key=lambda code: (code == 0, code))
    ends = [
        (
            _end_style(code),
            outcome_heading("censored") if code == 0 else sentence(spaced(tte.causes[code - 1])),
        )
        for code in codes
    ]
    return [*ends, *((MARKS[name].style, MARKS[name].words) for name in marks)]


def _end_style(code: int) -> Style:
    return _ENDS.get(code, _OTHER_END)


# --- drawing -------------------------------------------------------------------------------------


def _draw_axes(axes: Axes, at: _Layout, first: float, last: float, unit: str) -> None:
    low, high = displayed(first, unit), displayed(last, unit)
    pad = 0.02 * (high - low) or 1.0
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(at.rows + EDGE / at.row, -EDGE / at.row)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ticks = ticks_around(first, last, unit)
    axes.set_xticks([one.place for one in ticks], [one.label for one in ticks])
    axes.axvline(0, color=PALE, linewidth=0.6, zorder=0)


def _draw_bars(axes: Axes, tte: TimeToEvent, place: dict[str, int]) -> None:
    for patient, entry, time in zip(
        patient_names(tte), _entries(tte).tolist(), tte.time.tolist(), strict=True
    ):
        start = displayed(entry, tte.unit)
        axes.barh(
            place[patient] + 0.5,
            displayed(time, tte.unit) - start,
            left=start,
            height=0.8,
            color="#e8eef3",
            linewidth=0,
            zorder=1,
        )


def _draw_marks(
    axes: Axes, mark: Mark, frame: pd.DataFrame, place: dict[str, int], unit: str
) -> None:
    rows = [place[str(patient)] + 0.5 + LANES[mark.lane] for patient in frame["patient_id"]]
    days = [displayed(float(day), unit) for day in frame["day"]]
    for kind, start, end, row in zip(frame["source"], frame["from_day"], days, rows, strict=True):
        if kind == "use_windows":
            axes.plot(
                [displayed(float(start), unit), end],
                [row, row],
                color=BLUE,
                linewidth=0.6,
                zorder=2,
            )
    axes.plot(
        days, rows, linestyle="none", zorder=3, clip_on=False, **{"markersize": MARK, **mark.style}
    )


def _draw_ends(axes: Axes, tte: TimeToEvent, place: dict[str, int]) -> None:
    for patient, time, code in zip(
        patient_names(tte), tte.time.tolist(), tte.event.tolist(), strict=True
    ):
        axes.plot(
            [displayed(time, tte.unit)],
            [place[patient] + 0.5],
            zorder=5,
            clip_on=False,
            linestyle="none",
            **_end_style(code),
        )
