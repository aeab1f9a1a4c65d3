"""The courses of symptom scores in the acute phase, a panel for each scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survival_bzd.report.acute_phase import AcuteResults, ScaleResults, start_words, worse_by
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
from survival_bzd.report.rounding import counted, decimal, level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEY = "trajectories"
TITLE = "Symptom scores in the acute phase: change since the baseline of each patient, and its mean"

NARROWEST = 30.0
"""Width in mm below which a panel cannot be read."""
PROPORTIONS = 0.85
TICK_ROOM = 7.0
BETWEEN = 4.0
MEAN = OKABE_ITO[0]
_PATIENT: Style = {"color": PALE, "linewidth": 0.5, "linestyle": "-"}
_WORSE: Style = {"color": INK, "linewidth": 0.6, "linestyle": "-"}
_MARK: Style = {"marker": "o", "markersize": 2.2, "color": INK}
_CUT: Style = {"color": GREY, "linewidth": 0.8, "linestyle": (0, (4, 2))}


def trajectories_figure(results: AcuteResults, *, size: str, synthetic: bool) -> Figure:
    """Draw the change since the baseline of every patient, and its mean with limits.

    Parameters
    ----------
    results : of the acute phase.
    size : name of the journal size.
    synthetic : whether the sheet says that its data are synthetic.
    """
    preset = size_named(size)
    with styled(KEY, preset):
        return _drawn(results, preset, synthetic=synthetic)


def _drawn(results: AcuteResults, size: Size, *, synthetic: bool) -> Figure:
    line = line_height(size.points)
    notes = note_lines(_note(results), size)
    legend = _legend(results)
    left = MARGIN + line + 1.5
    ticks = extent(f"{decimal(-88, 0)}", size.points) + 2.5
    columns = _columns(len(results.scales), size, left, ticks)
    panel = (size.width - left - MARGIN - columns * ticks - (columns - 1) * BETWEEN) / columns
    height = min(panel * PROPORTIONS, 60.0)
    rows = -(-len(results.scales) // columns)
    top = top_margin(size, synthetic=synthetic)
    step = 2 * line + height + TICK_ROOM + 1
    label = top + rows * step - 1.5
    key = label + line + 2
    foot = key + legend_height(legend, size) + 1
    sheet = Sheet(size, foot + note_height(notes, size), synthetic=synthetic)
    weeks = _last_week(results)
    for place, scale in enumerate(results.scales):
        x = left + ticks + (place % columns) * (panel + ticks + BETWEEN)
        y = top + (place // columns) * step
        sheet.text(x, y + line / 2, scale.label, va="center", weight="bold")
        subtitle = f"{scale.rule.worse} is worse"
        sheet.text(x, y + 1.5 * line, subtitle, va="center", fontsize=size.points - 1, color=GREY)
        axes = sheet.axes(x, y + 2 * line + 1, panel, height)
        _panel(axes, scale, results, weeks)
    middle = left + (size.width - left) / 2
    sheet.text(middle, label, f"Weeks since {start_words(results.rules)}", ha="center", va="top")
    turned = {"rotation": 90, "ha": "center", "va": "center"}
    sheet.text(
        MARGIN + line / 2, top + rows * step / 2, "Change since the baseline (points)", **turned
    )
    draw_legend(sheet, legend, key)
    sheet.notes(foot, notes)
    return sheet.finish(KEY, TITLE, _alt(results))


def _columns(scales: int, size: Size, left: float, ticks: float) -> int:
    """Return how many panels fit side by side; four stand two by two rather than three and one."""
    room = size.width - left - MARGIN
    most = max(1, min(scales, int((room + BETWEEN) // (NARROWEST + ticks + BETWEEN))))
    rows = -(-scales // most)
    return -(-scales // rows)


def _last_week(results: AcuteResults) -> float:
    """Return where the axis of time ends."""
    days = results.phase.days[~np.isnan(results.phase.days)]
    planned = float(days.max()) / 7 if days.size else 1.0
    return max(1.0, planned)


def _panel(axes: Axes, scale: ScaleResults, results: AcuteResults, weeks: float) -> None:
    """Draw one scale: patients thin, those who got worse darker, the mean on top."""
    scores, patients = scale.scores, results.phase.n
    baseline = scores.baseline(patients)
    sign = 1 if scale.rule.worse == "higher" else -1
    rows = scores.counted() & ~np.isnan(baseline[scores.patient])
    order = np.lexsort((scores.day[rows], scores.patient[rows]))
    whose = scores.patient[rows][order]
    week = np.maximum(scores.day[rows][order], 0) / 7
    change = scores.score[rows][order] - baseline[whose]
    worse = np.zeros(patients, dtype=np.bool_)
    if scale.by_change:
        first = scale.by_change[0]
        worse = first.found["enrolled"].worse
        axes.axhline(sign * first.change.points, zorder=2, **_CUT)
    axes.axhline(0, color=INK, linewidth=0.4, zorder=1)
    for got_worse, style in ((False, _PATIENT), (True, _WORSE)):
        own = np.equal(worse[whose], got_worse)
        axes.plot(
            *_broken(whose[own], week[own], change[own]), zorder=4 if got_worse else 2, **style
        )
    if scale.by_change:
        past = scale.by_change[0].change.passed(sign * change)
        axes.plot(week[past], change[past], linestyle="none", clip_on=False, zorder=5, **_MARK)
    _mean(axes, scale)
    _scales(axes, scale, change, weeks)


def _broken(
    whose: NDArray[np.intp], week: NDArray[np.float64], change: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lines of all patients as one, broken where the next patient begins."""
    begins = np.flatnonzero(np.diff(whose)) + 1
    return np.insert(week, begins, np.nan), np.insert(change, begins, np.nan)


def _mean(axes: Axes, scale: ScaleResults) -> None:
    course = scale.mean_change
    if course is None:
        return
    axes.fill_between(
        course.time, course.lower, course.upper, color=MEAN, alpha=0.3, linewidth=0, zorder=3
    )
    axes.plot(course.time, course.mean, color=MEAN, linewidth=1.8, zorder=6)


def _scales(axes: Axes, scale: ScaleResults, change: NDArray[np.float64], weeks: float) -> None:
    """Set the axes: every panel from week 0 to the end, its own range of points."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    sign = 1 if scale.rule.worse == "higher" else -1
    cut = scale.by_change[0].change.points if scale.by_change else 1.0
    known = [*change.tolist(), 0.0, sign * cut * 1.15, -sign * cut * 0.3]
    low, high = min(known), max(known)
    room = 0.05 * (high - low)
    axes.set_ylim(low - room, high + room)
    axes.set_xlim(-0.03 * weeks, weeks * 1.02)
    every = max(1, math.ceil(weeks / 8))
    axes.set_xticks(list(range(0, math.floor(weeks) + 1, every)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value, 0)))


def _legend(results: AcuteResults) -> Legend:
    from matplotlib.path import Path

    found: Legend = [
        ({"color": PALE, "marker": "_", "markersize": 9, "markeredgewidth": 0.8}, "A patient"),
        (
            {"color": INK, "marker": "_", "markersize": 9, "markeredgewidth": 0.6},
            "A patient who got worse",
        ),
        (dict(_MARK), "Score that is worse"),
    ]
    if any(scale.mean is not None for scale in results.scales):
        mark = {"color": MEAN, "marker": "_", "markersize": 9, "markeredgewidth": 1.8}
        found.append((mark, f"Mean, {level(results.confidence)} limits"))
    dashes = Path([(-1, 0), (-0.2, 0), (0.2, 0), (1, 0)], [Path.MOVETO, Path.LINETO] * 2)
    cut = {"color": GREY, "marker": dashes, "markersize": 9, "markeredgewidth": 0.8}
    return [*found, (cut, "Significant change")]


def _note(results: AcuteResults) -> str:
    """Say what is significant, whom the panels leave out, and what the mean is."""
    changes = "; ".join(
        f"{scale.label}, {worse_by(scale, scale.by_change[0].change)}"
        for scale in results.scales
        if scale.by_change
    )
    numbers = {scale.label: _not_drawn(scale, results) for scale in results.scales}
    left_out = [f"{label} {number}" for label, number in numbers.items() if number]
    omitted = f" Patients without a baseline, not drawn: {', '.join(left_out)}." if left_out else ""
    return (
        f"Significant change: {changes}. The mean is that of a linear mixed model. Without a "
        f"comparison group a change may be regression to the mean.{omitted}"
    )


def _not_drawn(scale: ScaleResults, results: AcuteResults) -> int:
    return int(np.isnan(scale.scores.baseline(results.phase.n)).sum())


def _alt(results: AcuteResults) -> str:
    """Put the panels into words."""
    parts = []
    for scale in results.scales:
        words = scale.label
        if scale.by_change:
            share = scale.by_change[0].found["enrolled"].any_time
            words += f": {share.successes} of {counted(share.n, 'patient')} got worse at some time"
        if scale.mean_change is not None:
            last = float(scale.mean_change.mean[-1])
            words += f"; mean change at the end {decimal(last, 1)} points"
        parts.append(words)
    return (
        "A panel for each symptom scale with the change since the baseline by week, one line for "
        f"each patient and their mean with limits. {'. '.join(parts)}."
    )
