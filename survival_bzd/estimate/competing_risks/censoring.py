"""How long those who had another event would still have been followed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Indices, sums


def followed_until(place: Cells, censored: NDArray[np.bool_], group: Indices, g: int) -> Floats:
    """Return (k, g) the Kaplan-Meier probability that follow-up lasts to just before each time.

    As in R ``cmprsk`` an event at the time of a censoring is at risk of it, and at time 0, before
    which there is nothing, the censorings there are taken in.
    """
    key = place.last * g + group
    ended = sums(key, None, place.k * g).reshape(place.k, g)
    lost = sums(key[censored], None, place.k * g).reshape(place.k, g)
    at_risk = place.onward(ended)
    after = np.cumprod(1.0 - lost / np.maximum(at_risk, 1.0), axis=0, dtype=np.float64)
    first = after[:1] if place.time[0] == 0 else np.ones((1, g))
    before: Floats = np.concatenate([first, after[:-1]])
    return before


def observable_after(
    time: Floats, entry: Floats | None, censored: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return (m,) cuts of time, and the (m + 1,) probability of being observed between them.

    The probability is that of no censoring yet, times that of having entered. Events come just
    before the censorings at their time, as in R ``survival::finegray``.
    """
    cuts = np.unique(time[censored])
    late = None if entry is None else np.where(np.isnan(entry), -np.inf, entry)
    still = np.cumprod(np.concatenate([[1.0], 1.0 - _fractions(cuts, time, late, censored)]))
    if late is None or not late.max() > time.min():
        return cuts, still
    doors = np.unique(late)
    # Backwards in time: who is under observation at an entry is at risk of having entered there.
    there = np.searchsorted(np.sort(late), doors, side="right")
    gone = np.searchsorted(np.sort(time), doors, side="right")
    entered = np.diff(np.concatenate([[0], there]))
    not_yet = np.cumprod((1.0 - entered / (there - gone))[::-1])[::-1]
    inside = np.concatenate([not_yet[1:], [1.0]])
    every = np.unique(np.concatenate([cuts, doors[np.isfinite(doors)]]))
    places = np.concatenate([[-np.inf], every])
    entered_by = inside[np.searchsorted(doors, places, side="right") - 1]
    return every, still[np.searchsorted(cuts, places, side="right")] * entered_by


def _fractions(
    cuts: Floats, time: Floats, late: Floats | None, censored: NDArray[np.bool_]
) -> Floats:
    """Return the part of those at risk of it who are censored at each cut."""
    lost = np.bincount(np.searchsorted(cuts, time[censored]), minlength=cuts.size)
    # An event at a cut has left the risk set: it came just before.
    ended = np.searchsorted(np.sort(time[censored]), cuts)
    ended += np.searchsorted(np.sort(time[~censored]), cuts, side="right")
    begun = time.size if late is None else np.searchsorted(np.sort(late), cuts)
    fractions: Floats = lost / (begun - ended)
    return fractions
