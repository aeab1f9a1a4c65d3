"""Who is at risk when: one pass over the follow-up times from which every estimator reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import Floats, labels
from survival_bzd.estimate.tally import NEAR, parts, tally

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSets:
    """Counts at the k distinct times of one group.

    Attributes
    ----------
    time : (k,) distinct times, ascending.
    at_risk, events, censored : (k,) sums of weights; at risk just before the time.
    emptied : (k,) whether everybody at risk has the event at the time. Decided on people, because
        sums of weights need not cancel exactly.
    entry_time, entered : (m,) distinct late entries and the weights that enter just after them.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    emptied: NDArray[np.bool_]
    entry_time: Floats
    entered: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """The distinct times of each stratum.

    A cell is a stratum and one of its distinct times; the cells of a stratum lie together, times
    ascending.

    Attributes
    ----------
    time : (k,) time of the cell.
    starts : (s + 1,) first cell of each of the s strata, and k.
    """

    time: Floats
    starts: Indices

    def cumulative(self, steps: Floats) -> Floats:
        """Return the sum of (k,) or (k, p) steps from the start of the stratum to each cell."""
        if self.starts.size == 2:
            total: Floats = np.cumsum(steps, axis=0)
            return total
        return np.concatenate([np.cumsum(part, axis=0) for part in self._strata(steps)])

    @property
    def k(self) -> int:
        """Number of cells."""
        return int(self.time.size)

    def onward(self, values: Floats) -> Floats:
        """Return the sum of (k,) or (k, p) values from each cell to the end of its stratum."""
        if self.starts.size == 2:
            rest: Floats = np.cumsum(values[::-1], axis=0)[::-1]
            return rest
        parts = [np.cumsum(part[::-1], axis=0)[::-1] for part in self._strata(values)]
        return np.concatenate(parts)

    def _strata(self, values: Floats) -> list[Floats]:
        return [values[a:b] for a, b in pairwise(self.starts.tolist())]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells(Scale):
    """Where each patient stands on the scale; at risk in the cells ``first[i] <= j <= last[i]``.

    Attributes
    ----------
    last : (n,) cell of the patient's follow-up time.
    first : (n,) cell of the first time after the late entry; None where nobody enters late.
    """

    last: Indices
    first: Indices | None

    def totals(self, values: Floats | None, rows: NDArray[np.bool_] | None = None) -> Floats:
        """Sum (n,) or (n, p) values, or count patients, by the cell in which they end."""
        last = self.last if rows is None else self.last[rows]
        return sums(last, values if values is None or rows is None else values[rows], self.k)

    def at_risk(self, values: Floats | None) -> Floats:
        """Sum (n,) or (n, p) values, or count patients, over those at risk in each cell."""
        present = self.onward(self.totals(values))
        if self.first is None:
            return present
        entering = sums(self.first, values, self.k)
        return present - (self.onward(entering) - entering)

    def over_follow_up(self, steps: Floats) -> Floats:
        """Return each patient's sum of (k,) or (k, p) steps over the cells they are at risk in."""
        total = self.cumulative(steps)
        if self.first is None:
            ended: Floats = total[self.last]
            return ended
        padded = np.concatenate([total - steps, np.zeros_like(total[:1])])
        under_observation: Floats = total[self.last] - padded[self.first]
        return under_observation


def sums(index: Indices, values: Floats | None, k: int) -> Floats:
    """Sum (n,) or (n, p) values by an index below k; count without values."""
    if values is None or values.ndim == 1:
        return np.bincount(index, values, minlength=k).astype(np.float64, copy=False)
    columns = [np.bincount(index, column, minlength=k) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.empty((k, 0))


def merge_near_equal(time: Floats, entry: Floats | None) -> tuple[Floats, Floats | None]:
    """Make times that differ by rounding only the same, as R's ``timefix`` does.

    A chain of near-equal times becomes its first.

    Raises
    ------
    BadInput
        If an entry is no longer before its time; the rows are named.
    """
    if _whole(time) and (entry is None or _whole(entry[~np.isnan(entry)])):
        return time, entry
    late = None if entry is None else entry[~np.isnan(entry)]
    every = time if late is None else np.concatenate([time, late])
    # One sort, in which each time finds its place: a search for each costs four times as much.
    order = np.argsort(every)
    ordered = every[order]
    new = np.concatenate([[True], np.diff(ordered) > 0])
    distinct = ordered[new]
    starts = _starts(distinct)
    if starts.all():
        return time, entry
    cuts = distinct[starts]
    placed = np.empty_like(every)
    placed[order] = cuts[np.cumsum(starts) - 1][np.cumsum(new) - 1]
    merged = placed[: time.size]
    if entry is None:
        return merged, None
    merged_entry = np.where(
        np.isnan(entry), np.nan, cuts[np.searchsorted(cuts, entry, side="right") - 1]
    )
    collapsed = np.flatnonzero(merged_entry >= merged)
    if collapsed.size:
        raise BadInput(
            Fault(
                rule="a late entry must come before the end of follow-up by more than rounding",
                remedy="Leave out who was never under observation.",
                column="entry",
                value=f"row {row + 1}: {entry[row]}",
            )
            for row in collapsed
        )
    return merged, merged_entry


def _whole(values: Floats) -> bool:
    """Whether the times are whole numbers small enough that none are near-equal."""
    return not values.size or bool((values == np.floor(values)).all() and values.max() < 0.5 / NEAR)


def _starts(distinct: Floats) -> NDArray[np.bool_]:
    """Return which of the ascending distinct times begin a new time."""
    gap = np.diff(distinct)
    near = (gap <= NEAR) | (gap <= NEAR * np.mean(np.abs(distinct)))
    return np.concatenate([[True], ~near])


def cells(time: Floats, entry: Floats | None, stratum: Indices | None = None) -> Cells:
    """Place the patients on the scale of the distinct times, which must be merged already."""
    levels, position = _levels(time)
    late = None if entry is None else np.where(np.isnan(entry), -np.inf, entry)
    after = None if late is None else np.searchsorted(levels, late, side="right")
    if stratum is None:
        ends = np.array([0, levels.size])
        return Cells(time=levels, last=position, first=after, starts=ends)
    # A stratum's times are a run of whole-number keys, so the same placing works on the keys.
    base = stratum * (levels.size + 1)
    keys, last = np.unique(base + position, return_inverse=True)
    bounds = np.arange(int(stratum.max()) + 2) * (levels.size + 1)
    starts = np.unique(np.searchsorted(keys, bounds))
    first = None if after is None else np.searchsorted(keys, base + after)
    return Cells(time=levels[keys % (levels.size + 1)], last=last, first=first, starts=starts)


def _levels(time: Floats) -> tuple[Floats, Indices]:
    """Return the distinct times and each patient's position; whole days need no sort."""
    if not _countable(time):
        levels, position = np.unique(time, return_inverse=True)
        return levels, position
    day = time.astype(np.intp)
    seen = np.bincount(day) > 0
    return np.flatnonzero(seen).astype(np.float64), (np.cumsum(seen) - 1)[day]


def _countable(time: Floats) -> bool:
    """Whether the times are whole days, few enough for one counter each."""
    return _whole(time) and bool(time.size) and time.max() <= max(10_000, 2 * time.size)


def risk_sets(
    time: Floats,
    event: NDArray[np.bool_],
    *,
    entry: Floats | None = None,
    weight: Floats | None = None,
) -> RiskSets:
    """Count one group at its distinct times, which must be merged already."""
    if entry is None and weight is None:
        return _each_once(time, event, merge=False)
    place = cells(time, entry)
    happened, ended, people = place.totals(None, event), place.totals(None), place.at_risk(None)
    if weight is None:
        events, everybody, at_risk = happened, ended, people
    else:
        events, everybody = place.totals(weight, event), place.totals(weight)
        at_risk = place.at_risk(weight)
    # A difference of two sums of weights could leave rounding where nobody is censored.
    censored = np.where(happened == ended, 0.0, everybody - events)
    entry_time, entered = entries(entry, weight)
    return RiskSets(
        time=place.time,
        at_risk=at_risk,
        events=events,
        censored=censored,
        emptied=happened == people,
        entry_time=entry_time,
        entered=entered,
    )


def _each_once(time: Floats, event: NDArray[np.bool_], *, merge: bool) -> RiskSets:
    """Count patients without weights or late entries."""
    levels, (censored, events) = tally(time, event.view(np.int8), 2, merge=merge)
    at_risk = np.empty(levels.size)
    remaining = time.size
    for run in parts(levels.size):
        # Whole numbers add up faster than fractions.
        ended = (censored[run] + events[run]).astype(np.intp)
        before = np.cumsum(ended)
        before -= ended
        np.subtract(remaining, before, out=at_risk[run])
        remaining -= int(before[-1] + ended[-1])
    return RiskSets(
        time=levels,
        at_risk=at_risk,
        events=events,
        censored=censored,
        emptied=events == at_risk,
        entry_time=np.empty(0),
        entered=np.empty(0),
    )


def entries(entry: Floats | None, weight: Floats | None) -> tuple[Floats, Floats]:
    """Return the distinct late entries and the weights that enter there."""
    if entry is None:
        return np.empty(0), np.empty(0)
    late = ~np.isnan(entry)
    distinct, index = np.unique(entry[late], return_inverse=True)
    entered = np.bincount(index, None if weight is None else weight[late], minlength=distinct.size)
    return distinct, entered.astype(np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """The patients of one group, times merged over all groups.

    Attributes
    ----------
    label : the group, None where the patients are not grouped.
    member : (m,) positions of the patients in the time-to-event data; None where it is everybody.
    followed : (m,) follow-up times; as given, where it is everybody, without late entries.
    entry, weight, code : (m,) the rest of their follow-up.
    """

    label: str | None
    member: Indices | None
    followed: Floats
    entry: Floats | None
    weight: Floats | None
    code: NDArray[np.signedinteger[Any]]

    @property
    def n(self) -> int:
        """Patients."""
        return int(self.followed.size)

    @cached_property
    def time(self) -> Floats:
        """(m,) the times with near-equal ones merged."""
        return merge_near_equal(self.followed, None)[0] if self._as_given else self.followed

    @cached_property
    def rows(self) -> Indices:
        """(m,) positions of the patients in the time-to-event data."""
        return np.arange(self.n) if self.member is None else self.member

    @property
    def _as_given(self) -> bool:
        """Whether the times are still to be merged: with one group, counting does that."""
        return self.member is None and self.entry is None

    def counts(self, event: NDArray[np.bool_] | None = None) -> RiskSets:
        """Count the group; the event is code 1 unless another is given."""
        happened = np.equal(self.code, 1) if event is None else event
        if self._as_given and self.weight is None:
            return _each_once(self.followed, happened, merge=True)
        return risk_sets(self.time, happened, entry=self.entry, weight=self.weight)


def split(tte: TimeToEvent, by: ArrayLike | None) -> tuple[Group, ...]:
    """Split the patients by the labels `by`; one group of everybody where it is None.

    Raises
    ------
    BadInput
        If there is nobody, or a label is missing.
    """
    if not tte.n:
        raise BadInput(
            [
                Fault(
                    rule="there must be at least one patient at risk",
                    remedy="Check the flow of the endpoint, or the rows that were left out.",
                )
            ]
        )
    time, entry = tte.time, tte.entry
    if entry is not None and bool(np.isnan(entry).all()):
        entry = None
    if by is not None or entry is not None:
        time, entry = merge_near_equal(time, entry)
    if by is None:
        return (
            Group(label=None, member=None, followed=time, entry=entry, weight=tte.weight,
                  code=tte.event),
        )  # fmt: skip
    names, member = labels(by, tte.n, "by")
    found = []
    for position, name in enumerate(names):
        rows = np.flatnonzero(member == position)
        found.append(
            Group(
                label=name,
                member=rows,
                followed=time[rows],
                entry=None if entry is None else entry[rows],
                weight=None if tte.weight is None else tte.weight[rows],
                code=tte.event[rows],
            )
        )
    return tuple(found)
