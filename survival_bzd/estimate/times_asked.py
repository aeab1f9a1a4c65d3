"""Times at which a user asks for an estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.tally import NEAR


def snapped(times: Sequence[float] | Floats, known: Floats, what: str) -> Floats:
    """Move times that are one of the ascending known times but for rounding onto it."""
    asked = np.array(times, dtype=np.float64)
    broken = np.flatnonzero(~(np.isfinite(asked) & (asked >= 0)))
    if broken.size:
        raise BadInput(
            Fault(
                rule=f"a time at which {what} is asked for must be zero or more",
                remedy="Count times from the origin, in the unit of the follow-up.",
                value=f"{asked[row]:g}",
            )
            for row in broken
        )
    below = np.clip(np.searchsorted(known, asked) - 1, 0, None)
    for position in (below, np.clip(below + 1, None, known.size - 1)):
        near = np.abs(known[position] - asked) <= NEAR * np.maximum(1.0, asked)
        asked = np.where(near, known[position], asked)
    return asked


def held(
    asked: Floats,
    time: Floats,
    curves: Sequence[tuple[float | Floats, Floats]],
    beyond: NDArray[np.bool_],
) -> list[Floats]:
    """Return what step functions hold at the times asked for, NaN where these are `beyond`.

    Parameters
    ----------
    asked : (m,) times.
    time : (k,) where the functions step.
    curves : of each function the value before the first step, and the (k,) values from each on; or
        of s functions side by side the (s,) and the (k, s) values.
    beyond : (m,) whether there is no estimate.
    """
    step = np.searchsorted(time, asked, side="right")
    columns = [np.concatenate([[start], curve])[step] for start, curve in curves]
    for column in columns:
        column[beyond] = math.nan
    return columns


def followed_until(beyond: NDArray[np.bool_], last: float, unit: str) -> tuple[str, ...]:
    """Return why there is no estimate at times `beyond` the last follow-up; ``""`` elsewhere."""
    text = f"not estimable: follow-up ends at {last:g} {unit}"
    return tuple(text if out else "" for out in beyond)


def present(
    asked: Floats, time: Floats, at_risk: Floats, ended: Floats, late: tuple[Floats, Floats]
) -> Floats:
    """Return the (m,) weights of those with entry < time asked <= follow-up.

    Parameters
    ----------
    asked : (m,) times.
    time, at_risk, ended : (k,) follow-up times, weights at risk just before, weights that end.
    late : distinct late entries, and the weights that enter just after them.
    """
    entry_time, entered = late
    step = np.searchsorted(time, asked)
    position = np.minimum(step, time.size - 1)
    if not entry_time.size:
        return np.where(step < time.size, at_risk[position], 0.0)
    not_yet_ended = np.concatenate([np.cumsum(ended[::-1])[::-1], [0.0]])[step]
    later = np.concatenate([np.cumsum(entered[::-1])[::-1], [0.0]])
    exact = not_yet_ended - later[np.searchsorted(entry_time, asked)]
    # At a follow-up time the stored number is shown, not a sum that differs by rounding.
    return np.where(time[position] == asked, at_risk[position], np.maximum(exact, 0))
