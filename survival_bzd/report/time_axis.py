"""Where a time axis has its ticks, so that a figure and the table under it cannot differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survival_bzd.report.rounding import DAYS_PER_MONTH, MINUS, digits, displayed

if TYPE_CHECKING:
    from survival_bzd.estimate import KaplanMeier

STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
"""Distances between ticks in months: those that divide a year, or whole years."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of a time axis.

    Attributes
    ----------
    time : in the unit of the follow-up; m whole months are day floor(30.4375 m).
    place : in the unit displayed.
    label : as printed.
    """

    time: float
    place: float
    label: str


def ticks(last: float, unit: str, *, most: int = 9) -> tuple[Tick, ...]:
    """Choose the ticks of an axis from 0 to `last`.

    Parameters
    ----------
    last : the last follow-up time, in `unit`.
    unit : unit of the follow-up; an axis of days is labelled in months.
    most : how many ticks fit.

    Examples
    --------
    >>> [tick.label for tick in ticks(730, "days")]
    ['0', '3', '6', '9', '12', '15', '18', '21', '24']
    >>> [tick.time for tick in ticks(300, "days")]
    [0.0, 60.0, 121.0, 182.0, 243.0]
    """
    step = _step(displayed(last, unit), most, months=unit == "days")
    made = (_tick(step * place, unit) for place in range(most + 1))
    return tuple(one for one in made if one.time <= last)


def ticks_around(first: float, last: float, unit: str) -> tuple[Tick, ...]:
    """Choose the ticks of an axis that begins before 0.

    Examples
    --------
    >>> [tick.label for tick in ticks_around(-100, 365, "days")]
    ['\u22122', '0', '2', '4', '6', '8', '10', '12']
    """
    after = ticks(max(last, 0.0), unit)
    before = [
        Tick(-one.time, -one.place, f"{MINUS}{one.label}")
        for one in reversed(after[1:])
        if -one.time >= first
    ]
    return (*before, *after)


def axis_ticks(curves: Sequence[KaplanMeier]) -> tuple[Tick, ...]:
    """Choose the ticks that the figure of these curves and its risk table share."""
    last = max((float(curve.time[-1]) for curve in curves if len(curve.time)), default=0.0)
    return ticks(last, curves[0].unit)


def _tick(label: float, unit: str) -> Tick:
    time = DAYS_PER_MONTH * label if unit == "days" else float(label)
    if unit == "days" and float(label).is_integer():
        time = float(math.floor(time))
    return Tick(time=time, place=displayed(time, unit), label=digits(label))


def _step(end: float, most: int, *, months: bool) -> float:
    """Choose the least step with which no more than `most` ticks are needed."""
    if end <= 0:
        return 1.0
    # The last tick of a follow-up of 365 days is 12 months, though they are 11.99.
    end += 1 / DAYS_PER_MONTH if months else 0
    if months and end >= STEPS[0]:
        for step in STEPS:
            if end // step + 1 <= most:
                return float(step)
    magnitude = 10.0 ** math.floor(math.log10(end / most))
    factors = (1, 2, 5, 10, 20)
    return next(magnitude * one for one in factors if end // (magnitude * one) + 1 <= most)
