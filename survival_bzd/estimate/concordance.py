"""How often a higher predicted risk goes with the earlier relapse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Estimate, Floats, normal_quantile
from survival_bzd.estimate.risk_sets import Cells, Indices, sums


def concordance(
    risk: Floats,
    event: NDArray[np.bool_],
    place: Cells,
    *,
    weight: Floats | None = None,
    cluster: Indices | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Return the share of comparable pairs in which the higher risk relapses first.

    A pair is comparable if one has the event while the other is at risk and stays free beyond it;
    censored at the time of an event counts as free beyond it, two events at one time are not
    comparable. Equal risks count one half. Pairs across strata are not compared.

    Notes
    -----
    Estimate and standard error (infinitesimal jackknife) agree with R ``coxph``'s concordance to
    1e-6 relative (``tests/reference/cox.json``).

    References
    ----------
    .. [1] Therneau T, Atkinson E (2023). Concordance. Vignette of the R package survival 3.5-3.
    """
    z = normal_quantile(confidence)
    weights = np.ones(risk.size) if weight is None else weight
    agree, differ, tied = _pairs(_ranks(risk), event, place, weights)
    total = float(weights @ (agree + differ + tied)) / 2
    # Where no pair is comparable, sums of weights may leave rounding.
    if not total > float(weights.min()) ** 2 / 2:
        return Estimate(estimate=math.nan, reason="not estimable: no two patients are comparable")
    somers = float(weights @ (agree - differ)) / 2 / total
    influence = weights * ((agree - differ) - somers * (agree + differ + tied)) / total
    if cluster is not None:
        influence = sums(cluster, influence, int(cluster.max()) + 1)
    estimate, std_error = (somers + 1) / 2, math.sqrt(float(influence @ influence)) / 2
    return Estimate(
        estimate=estimate,
        std_error=std_error,
        lower=max(estimate - z * std_error, 0.0),
        upper=min(estimate + z * std_error, 1.0),
    )


def _ranks(risk: Floats) -> Indices:
    """Rank the risks; those that differ by rounding only are equal."""
    order = _ascending(risk)
    ordered = risk[order]
    near = 1e-12 * max(1.0, float(np.abs(ordered[[0, -1]]).max()))
    rank = np.empty_like(order)
    rank[order] = np.cumsum(np.diff(ordered, prepend=ordered[:1]) > near)
    return rank


def _ascending(values: Floats) -> Indices:
    """Return the order of the values.

    The place goes where a number has its last bits, as in `_order`; what that leaves out of order
    differs in these bits only, and is put in order from there.
    """
    bits = max(values.size - 1, 1).bit_length()
    packed = (values + 0.0).view(np.int64)
    # Bits of negative numbers are in the opposite order.
    packed ^= (packed >> 63) & np.iinfo(np.int64).max
    packed >>= bits
    packed <<= bits
    packed |= np.arange(values.size)
    packed.sort()
    packed &= (1 << bits) - 1
    order: Indices = packed.astype(np.intp, copy=False)
    ordered = values[order]
    if (ordered[1:] < ordered[:-1]).any():
        order = order[np.argsort(ordered, kind="stable")]
    return order


_BOTH = 1 << 26
"""What is counted at a time is less, so that two counts fit in the 53 bits of a number."""


def _pairs(
    rank: Indices, event: NDArray[np.bool_], place: Cells, weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return each patient's weight of partners in agreeing, disagreeing and tied pairs.

    Who has an event is paired with those at risk less those who have ended by then, and who ends
    with the events before. Of one time, events come before the censored.
    """
    stratum = np.searchsorted(place.starts, place.last, side="right") - 1
    ends = 2 * place.last + 1 + ~event
    happened = np.where(event, weight, 0.0)
    if place.first is None:
        moments = _Moments(when=ends, rank=rank, stratum=stratum)
        if rank.size < _BOTH and not (weight != 1).any():
            # Two counts in one number: sums stay whole, and are taken apart afterwards.
            happened *= _BOTH
            happened += weight
            before, upto = moments.partners(happened[None], counted=True)
            earlier, later = _upper(before[0]), upto[0]
            del before
            later -= _BOTH * _upper(later)
            np.subtract(moments.everybody(weight), later, out=later)
        else:
            before, upto = moments.partners(np.stack([weight, happened]))
            later, earlier = moments.everybody(weight) - upto[0], before[1]
    else:
        # A late entry is a moment of its own: events before it are not shared, and who has not
        # entered is not at risk.
        moments = _Moments(
            when=np.concatenate([ends, 2 * place.first]),
            rank=np.tile(rank, 2),
            stratum=np.tile(stratum, 2),
        )
        end, enter = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
        streams = [(end * weight).ravel(), (enter * weight).ravel(), (end * happened).ravel()]
        before, upto = moments.partners(np.stack(streams))
        n = rank.size
        later = (before[1] - upto[0])[:, :n]
        earlier = before[2][:, :n] - before[2][:, n:]
    later *= event
    (lower, equal, higher), (lower_event, equal_event, higher_event) = later, earlier
    # Of all, those neither lower nor equal are higher.
    for all_of_them, some, others in (
        (higher, lower, equal),
        (higher_event, lower_event, equal_event),
    ):
        all_of_them -= some
        all_of_them -= others
    return lower + higher_event, higher + lower_event, equal + equal_event


def _upper(two: Floats) -> Floats:
    """Return the upper of the two counts in each number."""
    upper: Floats = np.floor(two * (1 / _BOTH))
    return upper


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moments:
    """Moments in time, each with the rank and the stratum of its patient.

    Moments of a later stratum are all later.
    """

    when: Indices
    rank: Indices
    stratum: Indices

    def partners(self, streams: Floats, *, counted: bool = False) -> tuple[Floats, Floats]:
        """Sum streams of weights, (s, m), over the earlier moments of the stratum.

        `counted` says that every weight is 1 or 1 + _BOTH.

        Returns
        -------
        before, upto : (s, 3, m) sums over those of lower rank, of equal rank, and of all; without
            and with those of the same moment.
        """
        before, upto = np.empty((2, len(streams), 3, self.when.size))
        height = self.rank
        several = bool(self.stratum.any())
        if several:
            height = self.stratum * (int(self.rank.max()) + 1) + self.rank
        _lower_before(self.when, height, streams, counted, before[:, 0], upto[:, 0])
        if several:
            # Those of earlier strata are lower and before.
            each = np.array([np.bincount(self.stratum, stream) for stream in streams])
            others = (each.cumsum(axis=1) - each)[:, self.stratum]
            before[:, 0] -= others
            upto[:, 0] -= others
        before[:, 1], upto[:, 1] = _running(height, self.when, streams)
        before[:, 2], upto[:, 2] = _running(self.stratum, self.when, streams)
        return before, upto

    def everybody(self, weight: Floats) -> Floats:
        """Return (3, m) sums over the stratum: of lower rank, of equal rank, and of all."""
        lower, upto = _running(self.stratum, self.rank, weight[None])
        every = np.bincount(self.stratum, weight)[self.stratum]
        return np.stack([lower[0], upto[0] - lower[0], every])


def _running(group: Indices, key: Indices, streams: Floats) -> tuple[Floats, Floats]:
    """Return sums over those of the same group with a smaller key, and with one not larger."""
    if np.bincount(group).max() == 1:
        return np.zeros_like(streams), streams
    keys = int(key.max()) + 1
    code = group * keys + key if group.any() else key
    if (int(group.max()) + 1) * keys > 4 * code.size:
        order = _order(code[None])[0]
        new = np.diff(code[order], prepend=-1) != 0
        code = np.empty_like(order)
        code[order] = np.cumsum(new) - 1
        starts = np.diff(group[order[new]], prepend=-1) != 0
        first = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    else:
        first = np.repeat(np.arange(int(group.max()) + 1) * keys, keys)
    smaller, not_larger = np.empty_like(streams), np.empty_like(streams)
    for row, stream in enumerate(streams):
        each = np.bincount(code, stream, minlength=first.size)
        total = np.cumsum(each)
        before = total - each
        until = before[first]
        smaller[row], not_larger[row] = (before - until)[code], (total - until)[code]
    return smaller, not_larger


def _lower_before(
    when: Indices, height: Indices, streams: Floats, counted: bool, before: Floats, upto: Floats
) -> None:
    """Sum over those that are lower and earlier, and over those lower and not later."""
    # Of one time, the highest first: then none is both earlier and lower.
    code = when * (int(height.max()) + 1) + (int(height.max()) - height)
    order = _order(code[None])[0]
    code = code[order]
    # The last of the same height and time, and the last of the same time.
    same = _last_of_run(code)
    code //= int(height.max()) + 1
    moment = _last_of_run(code)
    del code
    values = height[order]
    for row, stream in enumerate(streams):
        ordered = stream[order]
        found = _smaller_before(values[None], ordered[None], counted)[0]
        before[row, order] = found
        total = np.cumsum(ordered)
        found += total[moment]
        found -= total[same]
        upto[row, order] = found


def _last_of_run(values: Indices) -> NDArray[np.int32 | np.intp]:
    """Return for each of the ordered values the place of the last that is equal."""
    last = np.flatnonzero(values[1:] != values[:-1])
    last = np.append(last, values.size - 1).astype(_whole(values.size))
    return np.repeat(last, np.diff(last, prepend=-1))


def _whole(size: int) -> type[np.int16 | np.int32 | np.int64]:
    """Return the narrowest type for places below a size."""
    return np.int16 if size < 1 << 15 else np.int32 if size < 1 << 31 else np.int64


def _order(values: Indices) -> Indices:
    """Return the places of each row of whole numbers in order; of equal ones, the last first.

    The place goes below the number where there is room: whole numbers are sorted at a third of the
    cost of their order.
    """
    size = values.shape[1]
    bits = max(size - 1, 1).bit_length()
    room = int(values.max()).bit_length() + bits
    if room > 63:
        order: Indices = size - 1 - np.argsort(values[:, ::-1], axis=1, kind="stable")
        return order
    packed: NDArray[Any] = values.astype(np.uint32 if room <= 32 else np.int64)
    packed <<= bits
    packed |= np.arange(size, dtype=packed.dtype)[::-1]
    packed.sort(axis=1)
    packed &= (1 << bits) - 1
    np.subtract(size - 1, packed, out=packed)
    places: Indices = packed.astype(np.intp, copy=False)
    return places


def _smaller_before(
    values: NDArray[np.signedinteger], weights: Floats, counted: bool = False
) -> Floats:
    """Return for each value the weights of the smaller ones before it in its row.

    A row is cut into pieces twice: along its places, and along its values. Those in an earlier
    piece of places and a lower piece of values are read from a table of sums over both. What is
    left are those in the same piece of places, and those in the same piece of values but another
    of places: the same question about shorter rows.

    Parameters
    ----------
    values : (q, m) whole numbers.
    weights : (q, m) what is summed.
    counted : whether every weight is 1 or 1 + _BOTH.

    Returns
    -------
    (q, m) sums.
    """
    rows, size = values.shape
    if size <= _SHORT:
        return _by_counting(values, weights) if counted else _by_summing(values, weights)
    length = max(_SHORT, _SHORT * round(math.sqrt(size) / _SHORT))
    pieces = -(-size // length)
    padded = pieces * length
    if padded > size:
        most = int(values.max())
        values = np.pad(values, ((0, 0), (0, padded - size)), constant_values=most)
        weights = np.pad(weights, ((0, 0), (0, padded - size)), constant_values=1.0)
    narrow = _whole(padded)
    short = (rows * pieces, length)
    # Of equal values the last comes first, so that none is smaller and before.
    order = _order(values)
    along = (order.astype(narrow) // length).reshape(short)
    order += padded * np.arange(rows)[:, None]
    rank = np.empty((rows, padded), dtype=narrow)
    rank.ravel()[order] = np.arange(padded, dtype=narrow)
    found = _from_table(rank, weights, length)
    found += _smaller_before(rank.reshape(short), weights.reshape(short), counted).reshape(
        found.shape
    )
    level = _smaller_before(along, weights.ravel()[order].reshape(short), counted)
    del along
    found.ravel()[order] += level.reshape(found.shape)
    return found[:, :size]


def _from_table(rank: NDArray[np.signedinteger], weights: Floats, length: int) -> Floats:
    """Return the weights of those in an earlier piece of places and a lower piece of ranks."""
    rows, padded = rank.shape
    pieces = padded // length
    # A table for each row: pieces of places by pieces of values.
    cell = (rank // length).astype(np.intp)
    cell += np.repeat(np.arange(pieces) * pieces, length)
    cell += pieces**2 * np.arange(rows)[:, None]
    size = rows * pieces**2
    table = np.bincount(cell.ravel(), weights.ravel(), size).astype(np.float64, copy=False)
    sums_of = table.reshape(rows, pieces, pieces)
    before = np.zeros_like(sums_of)
    np.cumsum(sums_of[:, :-1, :-1], axis=1, out=before[:, 1:, 1:])
    np.cumsum(before, axis=2, out=before)
    found: Floats = before.ravel()[cell]
    return found


_SHORT = 32
"""Rows so short that comparing all pairs is the quickest."""


def _by_summing(values: NDArray[np.signedinteger], weights: Floats) -> Floats:
    """Answer the question for short rows, a pair of places after the other in many rows at once."""
    rows, size = values.shape
    found = np.empty((size, rows))
    for start in range(0, rows, _SHORT**2):
        part = slice(start, start + _SHORT**2)
        across, weight = np.ascontiguousarray(values[part].T), np.ascontiguousarray(weights[part].T)
        for place in range(size):
            smaller = across[:place] < across[place]
            np.einsum("ij,ij->j", smaller, weight[:place], out=found[place, part])
    return found.T


def _by_counting(values: NDArray[np.signedinteger], weights: Floats) -> Floats:
    """Answer it where two counts share a number: here they share two bytes."""
    rows, size = values.shape
    half = 1 << 8
    found = np.empty((rows, size))
    for start in range(0, rows, _SHORT**2):
        part = slice(start, start + _SHORT**2)
        across = np.ascontiguousarray(values[part].T)
        count = np.where(np.ascontiguousarray(weights[part].T) > 1, half + 1, 1).astype(np.uint16)
        counts = np.zeros(across.shape, dtype=np.uint16)
        for place in range(1, size):
            smaller = across[:place] < across[place]
            np.add.reduce(smaller * count[:place], axis=0, dtype=np.uint16, out=counts[place])
        each = found[part].T
        np.multiply(counts >> 8, _BOTH, out=each, dtype=np.float64)
        each += counts & (half - 1)
    return found
