"""How far an interval-censored curve is from Kaplan-Meier of the same patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.interval_censored.npmle import IntervalCurve
from survival_bzd.estimate.kaplan_meier import KaplanMeier
from survival_bzd.estimate.quantities import Floats

MONTH = {"days": 30.4375, "weeks": 30.4375 / 7, "months": 1.0, "years": 1 / 12}
"""A month in each unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """Where two curves differ most.

    Attributes
    ----------
    time : when; the earliest, where there are several.
    difference : Kaplan-Meier less the interval-censored curve.
    """

    time: float
    difference: float


def seen_months_apart(tte: TimeToEvent) -> bool:
    """Say whether an event is known no nearer than to a month: then Kaplan-Meier is late."""
    width = (tte.upper - tte.lower)[tte.relapsed & np.isfinite(tte.upper)]
    month = MONTH.get(tte.unit)
    return month is not None and bool((width > month).any())


def farthest_apart(usual: KaplanMeier, between: IntervalCurve) -> Apart:
    """Find where the curves differ most, among the times at which both are known."""
    steps = [np.zeros(1), usual.time, between.support_lower, between.support_upper]
    marks: Floats = np.unique(np.concatenate(steps))
    marks = marks[marks <= min(usual.last_time, between.last_time)]
    # Between two marks both are level, or the interval-censored one is open.
    times = np.unique(np.concatenate([marks, (marks[1:] + marks[:-1]) / 2]))
    found = between.at(times)
    difference = np.where(found.resolved, usual.at(times).survival - found.survival, np.nan)
    if np.isnan(difference).all():
        return Apart(time=0.0, difference=0.0)
    place = int(np.nanargmax(np.abs(difference)))
    return Apart(time=float(times[place]), difference=float(difference[place]))
