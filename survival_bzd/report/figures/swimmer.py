"""A swimmer plot: every patient's evidence, and how the follow-up ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from survival_bzd.report.figures.sheet import (
    GREY,
    INK,
    OKABE_ITO,
    PALE,
    Figure,
    Sheet,
    extent,
    line_height,
    styled,
    wrapped,
)
from survival_bzd.report.figures.sizes import Size, size_named
from survival_bzd.report.rounding import counted, displayed
from survival_bzd.report.time_axis import Tick, ticks_around
from survival_bzd.report.wording import (
    axis_label,
    outcome_heading,
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

MARGIN = 2.0
GAP = 2.0
TALLEST_ROW = 4.0
"""Height of a patient's row in mm, at most: urine in its upper half, reports in the lower."""
TALLEST = 170.0
"""Height of all rows in mm, at most."""
LANES = {"urine": -0.22, "report": 0.22, "middle": 0.0}
MARK = 2.6
"""Size of a mark in points."""

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
    style: dict[str, Any]


def _open(colour: str) -> dict[str, Any]:
    return {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.6}


def _filled(colour: str) -> dict[str, Any]:
    return {"markerfacecolor": colour, "markeredgecolor": colour, "markeredgewidth": 0.3}


MARKS = {
    "urine_no_use": Mark("Urine negative", "urine", {"marker": "o", **_open(BLUE)}),
    "urine_use": Mark("Urine positive", "urine", {"marker": "o", **_filled(VERMILLION)}),
    "urine_not_assessed": Mark("Urine not assessed", "urine", {"marker": "x", **_open(GREY)}),
    "washed_out": Mark("Positive, washed out", "urine", {"marker": "v", **_open(PURPLE)}),
    "report_no_use": Mark("Report of no use", "report", {"marker": "|", **_open(BLUE)}),
    "report_use": Mark("Report of use", "report", {"marker": "s", **_filled(VERMILLION)}),
    "report_not_assessed": Mark("Missed or not answered", "report", {"marker": "x", **_open(GREY)}),
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
    followed = sorted(zip((-tte.time).tolist(), map(str, tte.patient_id), strict=True))
    at_risk = [patient for _, patient in followed]
    if results.trace is None:
        return at_risk
    known = set(at_risk)
    others = dict.fromkeys(str(one) for one in results.trace["patient_id"] if str(one) not in known)
    return [*at_risk, *others]


def _drawn(results: PaperResults, trace: pd.DataFrame, size: Size) -> Figure:
    tte, unit = results.tte, results.tte.unit
    patients = swimmers(results)
    apart = tte.n if tte.n < len(patients) else None
    marks = _marks(trace)
    legend = _legend(tte, marks)
    days = [
        *trace["day"].dropna().tolist(),
        *trace["from_day"].dropna().tolist(),
        *tte.time.tolist(),
    ]
    ticks = ticks_around(min(0.0, *days), max(days), unit)
    line = line_height(size.points)
    left = MARGIN + max(extent(patient, size.points) for patient in patients) + GAP
    top = MARGIN + (line if results.synthetic else 0) + 1
    rows = len(patients) + (apart is not None)
    tall = min(TALLEST_ROW, TALLEST / rows)
    plot_height = rows * tall + 1
    columns = _columns(legend, size)
    legend_top = top + plot_height + 5.5 + line + 2.5
    legend_rows = -(-len(legend) // columns)
    note = wrapped(_note(results, marks), size.width - 2 * MARGIN, size.points - 1)
    note_top = legend_top + legend_rows * (line + 0.4) + 1.5
    height = note_top + len(note) * line_height(size.points - 1) + MARGIN
    sheet = Sheet(size, height, synthetic=results.synthetic)
    axes = sheet.axes(left, top, size.width - left - MARGIN - 1, plot_height)
    place = {one: row + (apart is not None and row >= apart) for row, one in enumerate(patients)}
    _draw_axes(axes, ticks, (min(0.0, *days), max(days)), unit, rows, tall)
    for patient, row in place.items():
        sheet.text(left - GAP, top + 0.5 + (row + 0.5) * tall, patient, ha="right", va="center")
    if apart is not None:
        words = "Never at risk; from the start of the search"
        sheet.text(left + 1, top + 0.5 + (apart + 0.5) * tall, words, va="center", color=GREY)
    _draw_bars(axes, tte, place)
    for name, frame in marks.items():
        _draw_marks(axes, MARKS[name], frame, place, unit)
    _draw_ends(axes, tte, place)
    sheet.text(
        left + (size.width - left - MARGIN) / 2,
        top + plot_height + 5.5,
        axis_label(results.endpoint, unit),
        ha="center",
        va="top",
    )
    _draw_legend(sheet, legend, legend_top, columns)
    for row, words in enumerate(note):
        sheet.text(
            MARGIN,
            note_top + row * line_height(size.points - 1),
            words,
            va="top",
            fontsize=size.points - 1,
            color=GREY,
        )
    alt = (
        f"Swimmer plot of {counted(len(patients), 'patient')}: statements about use in time, and "
        f"the end of each follow-up; {counted(int(tte.relapsed.sum()), 'relapse')}."
    )
    return sheet.finish("swimmer", "Evidence and outcome of every patient", alt)


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
        f"A bar is the time at risk, from {time_zero(results.endpoint) or 'time zero'} to the end of "
        "follow-up. Upper half of a row: urine; lower half: reports and prescriptions.",
        "Thin line: a period that a calendar of use covers."
        if (
            marks.get("report_no_use") is not None
            and (marks["report_no_use"]["source"] == "use_windows").any()
        )
        else "",
    ]
    return " ".join(part for part in parts if part)


def _legend(tte: TimeToEvent, marks: dict[str, pd.DataFrame]) -> list[tuple[dict[str, Any], str]]:
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


def _end_style(code: int) -> dict[str, Any]:
    return _ENDS.get(code, _OTHER_END)


def _columns(legend: list[tuple[dict[str, Any], str]], size: Size) -> int:
    """Return how many columns the legend has room for."""
    widest = max(extent(words, size.points) for _, words in legend) + 7
    return max(1, int((size.width - 2 * MARGIN) // widest))


# --- drawing -------------------------------------------------------------------------------------


def _draw_axes(
    axes: Axes,
    ticks: tuple[Tick, ...],
    span: tuple[float, float],
    unit: str,
    rows: int,
    tall: float,
) -> None:
    first, last = (displayed(day, unit) for day in span)
    pad = 0.02 * (last - first) or 1.0
    axes.set_xlim(first - pad, last + pad)
    axes.set_ylim(rows + 0.5 / tall, -0.5 / tall)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xticks([one.place for one in ticks], [one.label for one in ticks])
    axes.axvline(0, color=PALE, linewidth=0.6, zorder=0)


def _draw_bars(axes: Axes, tte: TimeToEvent, place: dict[str, int]) -> None:
    for patient, time in zip(tte.patient_id, tte.time.tolist(), strict=True):
        axes.barh(
            place[str(patient)] + 0.5,
            displayed(time, tte.unit),
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
        tte.patient_id, tte.time.tolist(), tte.event.tolist(), strict=True
    ):
        axes.plot(
            [displayed(time, tte.unit)],
            [place[str(patient)] + 0.5],
            zorder=5,
            clip_on=False,
            linestyle="none",
            **_end_style(code),
        )


def _draw_legend(
    sheet: Sheet, legend: list[tuple[dict[str, Any], str]], top: float, columns: int
) -> None:
    """Lay the legend out in columns of equal width, filled row by row."""
    line = line_height(sheet.size.points) + 0.4
    width = (sheet.width - 2 * MARGIN) / columns
    for number, (style, words) in enumerate(legend):
        left = MARGIN + (number % columns) * width
        middle = top + (number // columns + 0.5) * line
        sheet.line([left + 2], [middle], linestyle="none", **{"markersize": MARK, **style})
        sheet.text(left + 4.5, middle, words, va="center")
