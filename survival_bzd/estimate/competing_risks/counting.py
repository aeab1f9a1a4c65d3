"""How many end of each cause at each time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Group, cells, entries
from survival_bzd.estimate.tally import tally


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CauseCounts:
    """Counts at the k distinct times of one group.

    Attributes
    ----------
    time : (k,) distinct times, ascending.
    at_risk, censored : (k,) sums of weights; at risk just before the time.
    events : (c, k) of each cause.
    all_events : (k,) of all causes together.
    emptied : (k,) whether everybody at risk has an event; decided on people, not on weights.
    entry_time, entered : (m,) distinct late entries and the weights that enter just after them.
    """

    time: Floats
    at_risk: Floats
    censored: Floats
    events: Floats
    all_events: Floats
    emptied: NDArray[np.bool_]
    entry_time: Floats
    entered: Floats


def causes_of(tte: TimeToEvent) -> tuple[int, ...]:
    """Return the codes of the causes: those that are named and those that happened, or 1."""
    codes = tte.event
    most = int(codes.max(initial=0))
    if codes.dtype.itemsize == 1:
        # A comparison of bytes is so quick that a pass for each code is less than one count.
        happened = [code for code in range(1, most + 1) if (codes == code).any()]
    else:
        happened = np.unique(codes).tolist()
    return tuple(sorted({*happened, *range(1, len(tte.causes) + 1)} - {0})) or (1,)


def cause_name(tte: TimeToEvent, cause: int) -> str:
    """Return what a cause is called: its name, or its code where it has none."""
    return tte.causes[cause - 1] if cause <= len(tte.causes) else str(cause)


def checked_cause(tte: TimeToEvent, cause: int) -> int:
    """Return the code of a cause; say which there are if it is none."""
    known = causes_of(tte)
    if cause not in known:
        raise BadInput(
            [
                Fault(
                    rule="a cause must be the code of an event; there are "
                    f"{', '.join(map(str, known)) or 'none'}",
                    remedy="Name one of them.",
                    value=str(cause),
                )
            ]
        )
    return cause


def count_causes(group: Group, causes: tuple[int, ...]) -> CauseCounts:
    """Count one group; `causes` are all the codes that may occur."""
    kind = _kinds(group, causes)
    if group.weight is None and group.entry is None:
        # In a group of its own the times are merged already.
        levels, table = tally(group.followed, kind, len(causes) + 1, merge=group.member is None)
        all_events = table[1].copy()
        for events in table[2:]:
            all_events += events
        ended = table[0] + all_events
        at_risk = np.cumsum(ended)
        np.subtract(ended, at_risk, out=at_risk)
        at_risk += group.n
        return CauseCounts(
            time=levels,
            at_risk=at_risk,
            censored=table[0],
            events=table[1:],
            all_events=all_events,
            emptied=all_events == at_risk,
            entry_time=np.empty(0),
            entered=np.empty(0),
        )
    place = cells(group.time, group.entry)
    weight = group.weight
    events = np.array([place.totals(weight, kind == code + 1) for code in range(len(causes))])
    happened, ended = place.totals(None, kind > 0), place.totals(None)
    all_events = events.sum(axis=0)
    everybody = ended if weight is None else place.totals(weight)
    entry_time, entered = entries(group.entry, weight)
    return CauseCounts(
        time=place.time,
        at_risk=place.at_risk(weight),
        # A difference of two sums of weights could leave rounding where nobody is censored.
        censored=np.where(happened == ended, 0.0, everybody - all_events),
        events=events.reshape(len(causes), place.k),
        all_events=all_events.reshape(place.k),
        emptied=happened == place.at_risk(None),
        entry_time=entry_time,
        entered=entered,
    )


def _kinds(group: Group, causes: tuple[int, ...]) -> NDArray[np.integer]:
    """Return 0 for censored, and the place of the cause, from 1 on."""
    if causes == tuple(range(1, len(causes) + 1)):
        return group.code
    return np.searchsorted(np.array([0, *causes]), group.code)
