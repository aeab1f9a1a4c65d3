"""The cumulative incidence of each event that competes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from survival_bzd.report.figures.curve_sheet import curve_sheet
from survival_bzd.report.figures.relapse_free import line_style
from survival_bzd.report.figures.sheet import Figure, styled
from survival_bzd.report.figures.sizes import Size, size_named
from survival_bzd.report.rounding import counted, displayed, level, percent
from survival_bzd.report.wording import origin_words, sentence, spaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survival_bzd.estimate import CumulativeIncidence
    from survival_bzd.report.paper_results import PaperResults

KEY = "cumulative_incidence"


def incidence_figure(results: PaperResults) -> Figure | None:
    """Draw the incidence of each cause among all patients."""
    curves = [curve for curve in results.incidence if curve.group is None]
    if not curves:
        return None
    size = size_named(results.size)
    with styled(KEY, size):
        return _drawn(results, curves, size)


def _drawn(results: PaperResults, curves: list[CumulativeIncidence], size: Size) -> Figure:
    sheet, axes = curve_sheet(
        results,
        size,
        names=[_named(curve) for curve in curves],
        upward="Cumulative incidence (%)",
        note="Aalen-Johansen: who had one event can have no other, so the curves may be added. "
        f"Band: pointwise {level(curves[0].confidence)} limits, {curves[0].limits}. Numbers at "
        "risk: under the relapse-free curve.",
    )
    for place, curve in enumerate(curves):
        _draw_curve(axes, curve, place)
    origin = origin_words(results.endpoint)
    ends = "; ".join(
        f"{_named(curve)}, {percent(float(curve.incidence[-1]))}% at the end" for curve in curves
    )
    title = f"Cumulative incidence of each event by time since {origin}, the others competing"
    alt = (
        f"Cumulative incidence of the events of {counted(curves[0].n, 'patient')} since {origin}. "
        f"{ends}."
    )
    return sheet.finish(KEY, title, alt)


def _named(curve: CumulativeIncidence) -> str:
    return f"{sentence(spaced(curve.name))} ({counted(curve.n_events, 'patient')})"


def _draw_curve(axes: Axes, curve: CumulativeIncidence, place: int) -> None:
    """Draw a curve and its limits."""
    style = line_style(place)
    time = [0.0, *(displayed(one, curve.unit) for one in curve.time.tolist())]
    lower, upper = (np.array([np.nan, *side.tolist()]) for side in (curve.lower, curve.upper))
    axes.fill_between(
        time, lower, upper, step="post", color=style["color"], alpha=0.15, linewidth=0
    )
    steps = [0.0, *curve.incidence.tolist()]
    axes.plot(time, steps, drawstyle="steps-post", clip_on=False, zorder=3, **style)
