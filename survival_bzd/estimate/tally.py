"""How many patients of each kind end at each time: whole days are counted, other times sorted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats

NEAR = float(np.sqrt(np.finfo(np.float64).eps))
"""Times nearer than this, absolute or relative to the mean time, are one time (R's timefix)."""

CHUNK = 1 << 15
"""Patients counted at a time, so that their keys and the counters stay in the cache."""

Count = TypeVar("Count", np.float64, np.int32)


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
    return _tally(time, kind, kinds, merge, np.float64)


def compact_tally(
    time: Floats, kind: NDArray[np.integer], kinds: int, *, merge: bool
) -> tuple[Floats, NDArray[np.int32]]:
    """Do what `tally` does, in a table of half the size: fewer than 2**31 patients at a time."""
    return _tally(time, kind, kinds, merge, np.int32)


def _tally(
    time: Floats, kind: NDArray[np.integer], kinds: int, merge: bool, dtype: type[Count]
) -> tuple[Floats, NDArray[Count]]:
    counted = _by_counting(time, kind, kinds)
    if counted is None:
        return _by_sorting(time, kind, kinds, merge, dtype)
    days, table = counted
    return days, table.astype(dtype)


def parts(size: int) -> Iterator[slice]:
    """Cut `size` elements into runs that stay in the cache."""
    return (slice(start, min(start + CHUNK, size)) for start in range(0, size, CHUNK))


def _by_counting(
    time: Floats, kind: NDArray[np.integer], kinds: int
) -> tuple[Floats, NDArray[np.intp]] | None:
    """Count with one counter for each day and kind; None unless all times are whole days."""
    last = time.max()
    if last >= min(max(10_000, 2 * time.size), 0.5 / NEAR):
        return None
    counters = (int(last) + 1) * kinds
    step = 2 * CHUNK if counters <= CHUNK else time.size
    # Conversion to four bytes is what processors do fastest.
    whole = np.int32 if counters < 1 << 31 else np.intp
    counts = np.zeros(counters, dtype=np.intp)
    for start in range(0, time.size, step):
        part = time[start : start + step]
        key: NDArray[np.signedinteger[Any]] = part.astype(whole)
        if (key != part).any():
            return None
        key *= kinds
        key += kind[start : start + step]
        counts += np.bincount(key, minlength=counters)
    table = counts.reshape(-1, kinds).T
    days = np.flatnonzero(table.any(axis=0))
    return days.astype(np.float64), table[:, days]


def _by_sorting(
    time: Floats, kind: NDArray[np.integer], kinds: int, merge: bool, dtype: type[Count]
) -> tuple[Floats, NDArray[Count]]:
    """Count in the order of time; the distinct times take the place of the ordered ones."""
    ordered, kind = _sorted(time, kind, kinds)
    apart = NEAR * max(1.0, _mean_of_distinct(ordered)) if merge else 0.0
    table: NDArray[Count] = np.empty((kinds, time.size), dtype=dtype)
    k, before = 0, -np.inf
    for run in parts(time.size):
        part, code = ordered[run], kind[run]
        new = np.empty(part.size, dtype=np.bool_)
        new[0] = part[0] - before > apart
        np.greater(part[1:] - part[:-1], apart, out=new[1:])
        before = part[-1]
        first = code[new]
        cells = slice(k, k + first.size)
        for each in range(kinds):
            table[each, cells] = first == each
        joined = np.flatnonzero(~new)
        if joined.size:
            # Of the elements up to a joined one, those that joined too began no cell.
            cell = k - 1 + joined - np.arange(joined.size)
            _add(table, code[joined], cell)
        ordered[cells] = part[new]
        k += first.size
    if 2 * k < time.size:
        return ordered[:k].copy(), table[:, :k].copy()
    return ordered[:k], table[:, :k]


def _add(table: NDArray[Count], kind: NDArray[np.integer], cell: NDArray[np.intp]) -> None:
    """Add patients to the cells that they join; the cells are ascending and lie together."""
    kinds, start = len(table), int(cell[0])
    if 8 * cell.size < cell[-1] - start:
        np.add.at(table, (kind, cell), 1)
        return
    key = (cell - start) * kinds + kind
    size = int(cell[-1]) - start + 1
    joining = np.bincount(key, minlength=size * kinds).reshape(-1, kinds).T
    table[:, start : start + size] += joining.astype(table.dtype)


def _mean_of_distinct(ordered: Floats) -> float:
    """Return the mean of the distinct values."""
    total, size, before = 0.0, 0, -np.inf
    for run in parts(ordered.size):
        part = ordered[run]
        again = np.flatnonzero(part[1:] == part[:-1]) + 1
        if part[0] == before:
            again = np.append(again, 0)
        before = part[-1]
        total += float(part.sum() - part[again].sum())
        size += part.size - again.size
    return total / size


def _sorted(
    time: Floats, kind: NDArray[np.integer], kinds: int
) -> tuple[Floats, NDArray[np.integer]]:
    """Sort the times, and the kinds with them, without moving anything twice.

    The bits of numbers that are not negative are in the numbers' order, and follow-up times leave
    bits unused: the sign, and most of the exponents. The kind goes there, below the time.
    """
    least, most = ((np.float64(end) + 0.0).view(np.uint64) for end in (time.min(), time.max()))
    room = (kinds - 1).bit_length()
    used = int(most - least).bit_length() + room
    if used > 64:
        order = np.argsort(time, kind="stable")
        return time[order], kind[order]
    small = np.uint8 if kinds <= 256 else np.uint32
    bits = np.empty(time.size, dtype=np.uint64)
    for run in parts(time.size):
        part = bits[run]
        # A zero with a minus sign becomes one without.
        np.add(time[run], 0.0, out=part.view(np.float64))
        part -= least
        part <<= np.uint64(room)
        part |= kind[run].astype(small, copy=False)
    # As numbers the same bits are in the same order, and NumPy sorts numbers faster.
    (bits.view(np.float64) if used < 63 else bits).sort()
    below: NDArray[np.integer] = np.empty(time.size, dtype=small)
    for run in parts(time.size):
        part = bits[run]
        np.bitwise_and(part, np.uint64((1 << room) - 1), out=below[run], casting="unsafe")
        part >>= np.uint64(room)
        part += least
    return bits.view(np.float64), below
