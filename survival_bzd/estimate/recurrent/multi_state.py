"""The probability of being in each state when a patient may stop, relapse and stop again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.pieces import check_pieces
from survival_bzd.estimate.limits import SCALES, limits_of
from survival_bzd.estimate.quantities import Floats, choice, frozen, labels, normal_quantile
from survival_bzd.estimate.risk_sets import Indices, split
from survival_bzd.estimate.times_asked import followed_until, held, snapped

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-13

STAYS = -1
"""The state entered by a row that ends without a change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StateAt:
    """State probabilities at given times.

    Attributes
    ----------
    time : (m,) the times asked for, in the curve's unit.
    probability, std_error, lower, upper : (m, s) of each state.
    reasons : (m,) why there is no estimate; ``""`` where there is one.
    """

    time: Floats
    probability: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StateOccupancy:
    """The probability of being in each of s states, as step functions of time.

    Arrays of shape (k, s) have one row per distinct end of a row of follow-up, ascending, and one
    column per state.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n : patients.
    states : (s,) names.
    time : (k,) ends of rows, in `unit`.
    at_risk : (k, s) sums of weights in each state just before the time.
    entered : (k, s) sums of weights that enter each state at the time.
    probability, std_error : (k, s) of each state, and its standard error.
    lower, upper : (k, s) pointwise limits; NaN where the probability is 0 or 1.
    initial, initial_std_error : (s,) the same before the first change of state.
    limits : scale on which the limits are symmetric.
    confidence : pointwise coverage of the limits.
    unit : unit of `time`.
    """

    group: str | None
    n: int
    states: tuple[str, ...]
    time: Floats
    at_risk: Floats
    entered: Floats
    probability: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    initial: Floats
    initial_std_error: Floats
    limits: str
    confidence: float
    unit: str

    @property
    def last_time(self) -> float:
        """The last follow-up time; nothing is estimated beyond it while anybody may move."""
        return float(self.time[-1])

    def at(self, times: Sequence[float] | Floats) -> StateAt:
        """Return the probabilities at given times, in the curve's unit, in the order given.

        Beyond the last follow-up time there are none, unless everybody is in a state that nobody
        leaves.

        Parameters
        ----------
        times : zero or more; times that differ from a follow-up time by rounding mean that time.
        """
        asked = snapped(times, self.time, "a state probability")
        low, high = limits_of(
            self.initial, self.initial_std_error, self.limits, normal_quantile(self.confidence)
        )
        beyond = (asked > self.last_time) & _may_move(self.at_risk, self.probability[-1])
        columns = (
            (self.initial, self.probability),
            (self.initial_std_error, self.std_error),
            (low, self.lower),
            (high, self.upper),
        )
        probability, std_error, lower, upper = map(frozen, held(asked, self.time, columns, beyond))
        return StateAt(
            time=frozen(times),
            probability=probability,
            std_error=std_error,
            lower=lower,
            upper=upper,
            reasons=followed_until(beyond, self.last_time, self.unit),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time and state; column names are this class's field names."""
        import pandas as pd

        s = len(self.states)
        columns = ("at_risk", "entered", "probability", "std_error", "lower", "upper")
        return pd.DataFrame(
            {
                "time": np.repeat(self.time, s),
                "state": np.tile(np.array(self.states, dtype=object), self.time.size),
                **{name: getattr(self, name).ravel() for name in columns},
            }
        )

    def __repr__(self) -> str:
        who = "" if self.group is None else f"{self.group}: "
        return f"<StateOccupancy: {who}{self.n} patients, {', '.join(self.states)}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInState:
    """The mean time spent in a state from 0 to `tau`.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    state : the state.
    tau : the horizon, in `unit`.
    estimate, std_error, lower, upper : the mean, its standard error and normal limits, in `unit`;
        the limits stay within 0 and `tau`.
    confidence : coverage of the limits.
    unit : unit of time.
    """

    group: str | None
    state: str
    tau: float
    estimate: float
    std_error: float
    lower: float
    upper: float
    confidence: float
    unit: str


def multi_state(
    tte: TimeToEvent,
    patient: ArrayLike,
    state: ArrayLike,
    *,
    by: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    limits: str = "log-log",
    confidence: float = 0.95,
) -> tuple[StateOccupancy, ...]:
    r"""Estimate the probability of being in each state at each time (Aalen-Johansen).

    Of the :math:`Y_j(u)` in state j just before u, :math:`d_{jk}(u)` move to k:

    .. math:: \hat p(t) = p(0) \prod_{u \le t} (I + \hat A(u)), \qquad
        \hat A_{jk}(u) = d_{jk}(u) / Y_j(u), \quad \hat A_{jj} = -\sum_{k \ne j} \hat A_{jk}

    Parameters
    ----------
    tte : TimeToEvent
        Rows (entry, time], any number of them for a patient. The event is the state that is entered
        at the end: 0 none, else the code of its name in `causes`.
    patient : (n,) labels
        Whose row it is. Rows of one patient must not overlap.
    state : (n,) labels
        The state in which the patient is during the row.
    by : (n,) labels, optional
        A curve for each label.
    cluster : (n,) labels, optional
        Rows that belong together; by default those of a patient. Errors are always robust.
    limits : {"log-log", "log", "plain", "arcsin", "logit"}
        Scale on which the limits are symmetric.
    confidence : float, default 0.95
        Coverage of the pointwise limits.

    Returns
    -------
    tuple of StateOccupancy
        One per group in the order of the labels; a single one without `by`.

    Raises
    ------
    BadInput
        If rows of a patient overlap or contradict each other about the state.

    Notes
    -----
    Agrees with R ``survfit(Surv(entry, time, to) ~ 1, id = patient, istate = state,
    influence = TRUE)`` to 1e-9 relative (``tests/reference/multi_state.json``). As there the states
    at the start are those of everybody under observation at the first change of state (where nobody
    changes, R looks at the last end of a row, and this at the first). The standard
    error is the infinitesimal jackknife and takes in that these states are estimated too, which R
    3.5-3 leaves out without ``influence``. R takes no clusters here; they are checked against the
    influences that it gives, added within each cluster.

    References
    ----------
    .. [1] Aalen OO, Johansen S (1978). Scand J Stat 5:141-150.
    .. [2] Datta S, Satten GA (2001). Stat Probab Lett 55:403-411.
           doi:10.1016/S0167-7152(01)00155-9

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> rows = TimeToEvent([5, 12, 9], [1, 2, 0], entry=[float("nan"), 5, float("nan")],
    ...                    causes=("using", "free"))
    >>> (curve,) = multi_state(rows, ["a", "a", "b"], ["free", "using", "free"])
    >>> curve.states, curve.probability[:, 0]
    (('free', 'using'), array([0.5, 0.5, 1. ]))
    """
    choice("limits", limits, SCALES)
    z = normal_quantile(confidence)
    states, groups = _histories(tte, patient, state, by, cluster)
    return tuple(_occupancy(rows, states, limits, confidence, z, tte.unit) for rows in groups)


def time_in_state(
    tte: TimeToEvent,
    patient: ArrayLike,
    state: ArrayLike,
    *,
    tau: float | None = None,
    by: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[TimeInState, ...]:
    r"""Estimate the mean time spent in each state up to a horizon, :math:`\int_0^\tau p(t)\,dt`.

    Parameters
    ----------
    tte, patient, state, by, cluster, confidence
        As for `multi_state`.
    tau : float, optional
        The horizon. By default the last follow-up time of the group that is followed shortest.

    Returns
    -------
    tuple of TimeInState
        One per group and state; those of a group add up to `tau`.

    Raises
    ------
    NotEstimable
        If `tau` is beyond the follow-up of a group of which somebody may still move.
    BadInput
        If `tau` is not more than zero, or the rows are not in order.

    Notes
    -----
    Agrees with ``rmean`` and ``se(rmean)`` of R ``summary(fit, rmean = tau)$table``, with the fit
    as for `multi_state` (``tests/reference/multi_state.json``, 1e-9 relative). With weights R 3.5-3
    adds its influences up without them there; here they count, as they do in its ``std.err``.

    References
    ----------
    .. [1] Andersen PK (2013). Stat Med 32:5278-5285. doi:10.1002/sim.5903

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> rows = TimeToEvent([5, 12, 12], [1, 2, 0], entry=[float("nan"), 5, float("nan")],
    ...                    causes=("using", "free"))
    >>> free, using = time_in_state(rows, ["a", "a", "b"], ["free", "using", "free"], tau=10)
    >>> free.estimate, using.estimate
    (7.5, 2.5)
    """
    z = normal_quantile(confidence)
    states, groups = _histories(tte, patient, state, by, cluster)
    horizon = min(float(rows.time.max()) for rows in groups) if tau is None else float(tau)
    if not (math.isfinite(horizon) and (horizon > 0 or tau is None)):
        raise BadInput(
            [
                Fault(
                    rule="the horizon tau must be more than zero",
                    remedy="Give it in the unit of the follow-up.",
                    value=f"{horizon:g}",
                )
            ]
        )
    return tuple(
        mean for rows in groups for mean in _means(rows, states, horizon, confidence, z, tte.unit)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Histories:
    """The rows of one group, near-equal times merged.

    Attributes
    ----------
    begin, time : (m,) the row is (begin, time]; from before every time where it has no entry.
    state, to : (m,) state during the row, and the one entered at its end or `STAYS`.
    weight : (m,) case weights.
    cluster : (m,) which rows belong together, below `clusters`.
    """

    label: str | None
    n: int
    begin: Floats
    time: Floats
    state: Indices
    to: Indices
    weight: Floats
    cluster: Indices
    clusters: int

    def at_risk(self, times: Floats, state: int) -> Floats:
        """Sum the weights in a state just before each of the ascending distinct times."""
        rows = self.state == state
        weight, k = self.weight[rows], times.size
        # The times need not be those at which rows end: at risk in first <= u < after.
        first = np.searchsorted(times, self.begin[rows], side="right")
        after = np.searchsorted(times, self.time[rows], side="right")
        moves = np.bincount(first, weight, k + 1) - np.bincount(after, weight, k + 1)
        people = np.cumsum(
            np.bincount(first, minlength=k + 1) - np.bincount(after, minlength=k + 1)
        )
        there: Floats = np.cumsum(moves)[:k]
        # Sums of weights need not cancel exactly where nobody is left.
        return np.where(people[:k] > 0, there, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moment:
    """State probabilities from `time` on, and how much each cluster moves them, (s, clusters)."""

    time: float
    probability: Floats
    influence: Floats

    @property
    def std_error(self) -> Floats:
        """(s,) standard errors: the square roots of the sums of squares."""
        error: Floats = np.sqrt(np.einsum("sc,sc->s", self.influence, self.influence))
        return error


def _histories(
    tte: TimeToEvent,
    patient: ArrayLike,
    state: ArrayLike,
    by: ArrayLike | None,
    cluster: ArrayLike | None,
) -> tuple[tuple[str, ...], tuple[_Histories, ...]]:
    """Check the rows; return the names of the states, and the rows of each group."""
    groups = split(tte, by)
    check_pieces(tte, patient)
    person = labels(patient, tte.n, "patient")[1]
    member = person if cluster is None else labels(cluster, tte.n, "cluster")[1]
    occupied, now = labels(state, tte.n, "state")
    names = {code: _cause(tte, code) for code in np.unique(tte.event[tte.event > 0]).tolist()}
    states = tuple(dict.fromkeys((*occupied, *tte.causes, *names.values())))
    place = {code: states.index(name) for code, name in names.items()}
    to = np.array([place.get(code, STAYS) for code in tte.event.tolist()], dtype=np.intp)
    _check_states(tte, person, now, to, states)
    found = []
    for group in groups:
        rows = group.rows
        clusters, index = np.unique(member[rows], return_inverse=True)
        found.append(
            _Histories(
                label=group.label,
                n=int(np.unique(person[rows]).size),
                begin=_begin(group.entry, group.n),
                time=group.time,
                state=now[rows],
                to=to[rows],
                weight=np.ones(group.n) if group.weight is None else group.weight,
                cluster=index,
                clusters=int(clusters.size),
            )
        )
    return states, tuple(found)


def _begin(entry: Floats | None, n: int) -> Floats:
    """Return when rows begin: before every time where they have no entry."""
    if entry is None:
        return np.full(n, -np.inf)
    return np.where(np.isnan(entry), -np.inf, entry)


def _cause(tte: TimeToEvent, code: int) -> str:
    """Return the name of an event code; a code without a name is its own."""
    return tte.causes[code - 1] if code <= len(tte.causes) else str(code)


def _check_states(
    tte: TimeToEvent,
    person: Indices,
    now: Indices,
    to: Indices,
    states: tuple[str, ...],
) -> None:
    """Refuse rows that move to where they are, or begin elsewhere than the one before ended."""
    order = np.lexsort((_begin(tte.entry, tte.n), person))
    before, after = order[:-1], order[1:]
    left = np.where(to[before] == STAYS, now[before], to[before])
    torn = after[(person[before] == person[after]) & (left != now[after])]
    still = np.flatnonzero(to == now)
    broken = [
        (row, f"in {states[now[row]]}", "a row must begin in the state in which the one before it "
         "ended", "Correct the state, or what the row before it ended in.")
        for row in torn.tolist()
    ] + [
        (row, f"from {states[now[row]]} to {states[now[row]]}",
         "a row that ends with a change must end in another state",
         "Leave the event empty where nothing changes.")
        for row in still.tolist()
    ]  # fmt: skip
    if broken:
        raise BadInput(
            Fault(
                rule=rule,
                remedy=remedy,
                file=None if tte.file is None else str(tte.file[row]),
                line=None if tte.line is None else int(tte.line[row]),
                patient=None if tte.patient_id is None else str(tte.patient_id[row]),
                value=value if tte.line is not None else f"row {row + 1}: {value}",
            )
            for row, value, rule, remedy in broken
        )


def _moments(rows: _Histories, s: int) -> Iterator[_Moment]:
    """Yield the state probabilities at the start, and after each time at which states change."""
    changes = rows.to != STAYS
    times = np.unique(rows.time[changes])
    # Before anybody changes, the states are those of who is there at the first change.
    first = times[0] if times.size else rows.time.min()
    there = (rows.begin < first) & (rows.time >= first)
    total = rows.weight[there].sum()
    p = np.bincount(rows.state[there], rows.weight[there], s) / total
    influence = np.zeros((s, rows.clusters))
    for j in range(s):
        apart = rows.weight[there] * ((rows.state[there] == j) - p[j]) / total
        influence[j] = np.bincount(rows.cluster[there], apart, rows.clusters)
    yield _Moment(time=-math.inf, probability=p.copy(), influence=influence.copy())
    at_risk = np.stack([rows.at_risk(times, j) for j in range(s)])
    present = np.zeros((s, rows.clusters))
    entering, leaving = np.argsort(rows.begin), np.argsort(rows.time)
    enters = np.searchsorted(rows.begin[entering], times)
    leaves = np.searchsorted(rows.time[leaving], times)
    done = np.searchsorted(rows.time[leaving], times, side="right")
    entered, gone = 0, 0
    for u, time in enumerate(times.tolist()):
        arrived, left = entering[entered : enters[u]], leaving[gone : leaves[u]]
        np.add.at(present, (rows.state[arrived], rows.cluster[arrived]), rows.weight[arrived])
        np.subtract.at(present, (rows.state[left], rows.cluster[left]), rows.weight[left])
        entered, gone = int(enters[u]), int(leaves[u])
        ending = leaving[leaves[u] : done[u]]
        moved = ending[changes[ending]]
        moves = np.zeros((s, s))
        np.add.at(moves, (rows.state[moved], rows.to[moved]), rows.weight[moved])
        share = np.divide(p, at_risk[:, u], out=np.zeros(s), where=at_risk[:, u] > 0)
        step = moves / np.where(at_risk[:, u] > 0, at_risk[:, u], 1.0)[:, None]
        step -= np.diag(step.sum(axis=1))
        # Each cluster carries on what it moved before; those present add what they expect to move,
        # those who move what they do.
        leaving_from = np.flatnonzero(moves.any(axis=1))
        carried = influence[leaving_from] - share[leaving_from, None] * present[leaving_from]
        for j, from_here in zip(leaving_from.tolist(), carried, strict=True):
            for k in np.flatnonzero(step[j]).tolist():
                influence[k] += step[j, k] * from_here
        each = rows.weight[moved] * share[rows.state[moved]]
        np.add.at(influence, (rows.to[moved], rows.cluster[moved]), each)
        np.subtract.at(influence, (rows.state[moved], rows.cluster[moved]), each)
        p = p + p @ step
        yield _Moment(time=time, probability=p, influence=influence)


def _occupancy(
    rows: _Histories, states: tuple[str, ...], limits: str, confidence: float, z: float, unit: str
) -> StateOccupancy:
    """Estimate the curves of one group."""
    s = len(states)
    time = np.unique(rows.time)
    found = [(one.time, one.probability, one.std_error) for one in _moments(rows, s)]
    after = np.searchsorted([when for when, *_ in found], time, side="right") - 1
    path = np.array([p for _, p, _ in found])
    # Sums of shares that are all or nothing but for rounding are that, and have no limits.
    for whole in (0.0, 1.0):
        path[np.abs(path - whole) < ROUNDING] = whole
    probability = path[after]
    std_error = np.array([error for *_, error in found])[after]
    changes = rows.to != STAYS
    place = np.searchsorted(time, rows.time[changes]) * s + rows.to[changes]
    entered = np.bincount(place, rows.weight[changes], time.size * s).reshape(-1, s)
    lower, upper = limits_of(probability.ravel(), std_error.ravel(), limits, z)
    return StateOccupancy(
        group=rows.label,
        n=rows.n,
        states=states,
        time=frozen(time),
        at_risk=frozen(np.stack([rows.at_risk(time, j) for j in range(s)], axis=1)),
        entered=frozen(entered),
        probability=frozen(probability),
        std_error=frozen(std_error),
        lower=frozen(lower.reshape(-1, s)),
        upper=frozen(upper.reshape(-1, s)),
        initial=frozen(path[0]),
        initial_std_error=frozen(found[0][2]),
        limits=limits,
        confidence=confidence,
        unit=unit,
    )


def _means(
    rows: _Histories, states: tuple[str, ...], tau: float, confidence: float, z: float, unit: str
) -> Iterator[TimeInState]:
    """Integrate the probabilities and the influences of one group."""
    s = len(states)
    area, influence = np.zeros(s), np.zeros((s, rows.clusters))
    reached, last = 0.0, np.zeros(s)
    held = np.zeros((s, rows.clusters))
    for one in _moments(rows, s):
        until = min(max(one.time, 0.0), tau)
        area += (until - reached) * last
        influence += (until - reached) * held
        reached, last = until, one.probability
        held = one.influence.copy()
    area += (tau - reached) * last
    influence += (tau - reached) * held
    end = float(rows.time.max())
    occupied = np.bincount(rows.state, minlength=s)[None, :]
    if tau > end and _may_move(occupied, last):
        who = "follow-up" if rows.label is None else f"follow-up of {rows.label}"
        raise NotEstimable(
            f"The mean up to {tau:g} {unit} is not estimable: {who} ends at {end:g} {unit}. "
            "Choose a tau of at most that."
        )
    errors = np.sqrt(np.einsum("sc,sc->s", influence, influence))
    for state, estimate, error in zip(states, area.tolist(), errors.tolist(), strict=True):
        yield TimeInState(
            group=rows.label,
            state=state,
            tau=tau,
            estimate=estimate,
            std_error=error,
            lower=max(estimate - z * error, 0.0),
            upper=min(estimate + z * error, tau),
            confidence=confidence,
            unit=unit,
        )


def _may_move(at_risk: Floats | Indices, probability: Floats) -> bool:
    """Whether anybody is in a state in which patients were followed on; dead is none."""
    return bool((probability[at_risk.any(axis=0)] > 1e-12).any())
