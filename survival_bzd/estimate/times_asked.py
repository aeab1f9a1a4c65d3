"""Times at which a user asks for an estimate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
