"""How many patients of each kind end at each time: whole days are counted, other times sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats

NEAR = float(np.sqrt(np.finfo(np.float64).eps))
"""Times nearer than this, absolute or relative to the mean time, are one time (R's timefix)."""

CHUNK = 1 << 15
"""Patients counted at a time, so that their keys and the counters stay in the cache."""


def tally(
    time: Floats, kind: NDArray[np.integer], kinds: int, *, merge: bool
) -> tuple[Floats, Floats]:
    """Count patients by distinct time and kind.

    Parameters
    ----------
    time : (n,) zero or more; n is at least 1.
    kind : (n,) below `kinds`, such as 0 censored and 1 event.
    kinds : how many kinds there are.
    merge : whether times that differ by rounding only are one; a chain of them is its first.

    Returns
    -------
    (k,) distinct times, ascending, and (kinds, k) patients.
    """
    counted = _by_counting(time, kind, kinds)
    return _by_sorting(time, kind, kinds, merge) if counted is None else counted


def _by_counting(
    time: Floats, kind: NDArray[np.integer], kinds: int
) -> tuple[Floats, Floats] | None:
    """Count with one counter for each day and kind; None unless all times are whole days."""
    last = time.max()
    if last >= min(max(10_000, 2 * time.size), 0.5 / NEAR):
        return None
    counters = (int(last) + 1) * kinds
    step = CHUNK if counters <= CHUNK else time.size
    counts = np.zeros(counters, dtype=np.intp)
    for start in range(0, time.size, step):
        part = time[start : start + step]
        key = part.astype(np.intp)
        if (key != part).any():
            return None
        key *= kinds
        key += kind[start : start + step]
        counts += np.bincount(key, minlength=counters)
    table = counts.reshape(-1, kinds).T
    days = np.flatnonzero(table.any(axis=0))
    return days.astype(np.float64), table[:, days].astype(np.float64)


def _by_sorting(
    time: Floats, kind: NDArray[np.integer], kinds: int, merge: bool
) -> tuple[Floats, Floats]:
    """Count in the order of time."""
    ordered, kind = _sorted(time, kind, kinds)
    new = np.empty(time.size, dtype=np.bool_)
    new[0] = True
    np.greater(ordered[1:], ordered[:-1], out=new[1:])
    if merge:
        distinct = ordered if new.all() else ordered[new]
        apart = NEAR * max(1.0, float(distinct.mean()))
        for start in range(0, time.size, CHUNK):
            gap = np.diff(ordered[start : start + CHUNK + 1])
            np.greater(gap, apart, out=new[start + 1 : start + 1 + gap.size])
    levels = ordered if new.all() else ordered[new]
    table = np.zeros((kinds, levels.size))
    last = -1
    for start in range(0, time.size, CHUNK):
        cell: NDArray[np.intp] = np.cumsum(new[start : start + CHUNK], dtype=np.intp)
        first, last = last + int(cell[0]), last + int(cell[-1])
        cell -= cell[0]
        cell *= kinds
        cell += kind[start : start + CHUNK]
        counts = np.bincount(cell, minlength=(last - first + 1) * kinds)
        table[:, first : last + 1] += counts.reshape(-1, kinds).T
    return levels, table


def _sorted(
    time: Floats, kind: NDArray[np.integer], kinds: int
) -> tuple[Floats, NDArray[np.integer]]:
    """Sort the times, and the kinds with them, without moving anything twice.

    The bits of numbers that are not negative are in the numbers' order, and follow-up times leave
    bits unused: the sign, and most of the exponents. The kind goes there, below the time.
    """
    bits = (time + 0.0).view(np.uint64)
    least = bits.min()
    room = (kinds - 1).bit_length()
    if int(bits.max() - least).bit_length() + room > 64:
        order = np.argsort(time, kind="stable")
        return time[order], kind[order]
    bits -= least
    bits <<= np.uint64(room)
    small = np.uint8 if kinds <= 256 else np.uint32
    bits |= kind.astype(small, copy=False)
    bits.sort()
    below: NDArray[np.integer] = np.empty(time.size, dtype=small)
    for start in range(0, time.size, CHUNK):
        part = bits[start : start + CHUNK]
        below[start : start + CHUNK] = part & np.uint64((1 << room) - 1)
        part >>= np.uint64(room)
        part += least
    return bits.view(np.float64), below
