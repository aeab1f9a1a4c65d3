"""Where an interval-censored curve can fall, and which stretch of that each patient covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Indices, merge_near_equal

# An end is a whole number, so that ends at one time have an order: an exact time begins, then
# intervals and exact times end, then intervals that are open on the left begin.
_EXACT, _END, _OPEN = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """The intervals (lower, upper] of n patients as places on one line.

    Attributes
    ----------
    level : (k,) distinct finite bounds, ascending, near-equal ones merged.
    left, right : (n,) where the intervals begin and end; of one end, ``left[i] < right[i]``.
    """

    level: Floats
    left: Indices
    right: Indices

    def times(self, end: Indices) -> Floats:
        """Return the times of some ends; minus and plus infinity outside the bounds."""
        padded = np.concatenate([self.level, [np.inf], [-np.inf]])
        # Place -1, that of an interval without a lower bound, is the last of the padded ones.
        times: Floats = padded[end // 3]
        return times


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kinds:
    """Patients who cover the same stretch of the support, counted together.

    Attributes
    ----------
    first, last : (r,) first and last support interval of each kind.
    of_patient : (n,) kind of each patient.
    """

    first: Indices
    last: Indices
    of_patient: Indices


def event_intervals(tte: TimeToEvent) -> tuple[Floats, Floats]:
    """Return the bounds of everybody's event; other events than code 1 censor at the lower bound.

    Raises
    ------
    BadInput
        If bounds are missing, out of order or below zero, or somebody enters late.
    """
    lower = tte.lower
    upper = np.where((tte.event == 0) | (tte.event == 1), tte.upper, np.inf)
    rules = [
        (
            np.isnan(lower) | np.isnan(upper),
            "an interval must have a lower and an upper bound",
            "Give minus infinity for an event before the first visit, infinity for censoring.",
        ),
        (
            ~((lower >= 0) | (lower == -np.inf) | np.isnan(lower)) | (lower == np.inf),
            "the lower bound of an interval must be zero or more, or minus infinity",
            "Count times from the origin; leave out who is not known to have been free of use.",
        ),
        (
            (lower > upper) | (upper < 0),
            "the lower bound of an interval must not be above its upper bound",
            "Check which visit found what; equal bounds mean an exact time.",
        ),
    ]
    faults = [
        Fault(
            rule=rule,
            remedy=remedy,
            column="lower, upper",
            value=f"{lower[row]:g}, {upper[row]:g}",
            file=None if tte.file is None else str(tte.file[row]),
            line=None if tte.line is None else int(tte.line[row]),
            patient=str(row + 1) if tte.patient_id is None else str(tte.patient_id[row]),
        )
        for broken, rule, remedy in rules
        for row in np.flatnonzero(broken)
    ]
    if tte.entry is not None and not np.isnan(tte.entry).all():
        faults.append(
            Fault(
                rule="an interval-censored curve takes no late entry: its likelihood can have its "
                "maximum at a curve that falls to 0 at once",
                remedy="Leave the entries out where everybody is followed from the origin; else "
                "take Kaplan-Meier.",
                column="entry",
            )
        )
    if faults:
        raise BadInput(faults)
    return lower, upper


def ends(lower: Floats, upper: Floats) -> Ends:
    """Place intervals on the line of their bounds; minus infinity is before every time."""
    bounds = np.concatenate([lower, upper])
    finite = np.isfinite(bounds)
    level, rank = np.unique(merge_near_equal(bounds[finite], None)[0], return_inverse=True)
    place = np.where(bounds > 0, level.size, -1)
    place[finite] = rank
    low, high = place[: lower.size], place[lower.size :]
    return Ends(
        level=level,
        left=3 * low + np.where(low == high, _EXACT, _OPEN),
        right=3 * high + _END,
    )


def support(left: Indices, right: Indices) -> tuple[Indices, Indices]:
    """Return where the maximal intersections begin and end: a beginning that an end follows."""
    line = np.unique(np.concatenate([left, right]))
    closes = line % 3 == _END
    place = np.flatnonzero(closes[1:] & ~closes[:-1])
    return line[place], line[place + 1]


def kinds(left: Indices, right: Indices, begin: Indices, end: Indices) -> Kinds:
    """Return which support intervals lie in each patient's interval: a run of them."""
    first = np.searchsorted(begin, left)
    last = np.searchsorted(end, right, side="right") - 1
    key, of_patient = np.unique(first * begin.size + last, return_inverse=True)
    return Kinds(first=key // begin.size, last=key % begin.size, of_patient=of_patient)
