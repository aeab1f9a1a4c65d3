"""Cumulative incidence of each cause where several compete."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.competing_risks.counting import (
    CauseCounts,
    cause_name,
    causes_of,
    count_causes,
)
from survival_bzd.estimate.influence import jackknife_covariances
from survival_bzd.estimate.limits import SCALES, limits_of
from survival_bzd.estimate.quantities import (
    Floats,
    choice,
    frozen,
    labels,
    normal_quantile,
    sealed,
)
from survival_bzd.estimate.risk_sets import Group, Indices, cells, split
from survival_bzd.estimate.tally import CHUNK
from survival_bzd.estimate.times_asked import followed_until, held, present, snapped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IncidenceAt:
    """Cumulative incidence at given times.

    Attributes
    ----------
    time : (m,) the times asked for, in the curve's unit.
    at_risk : (m,) weights under observation just before the time: follow-up >= time, entry < time.
    incidence, std_error, lower, upper : (m,) P(T <= time, cause), its standard error and limits.
    reasons : (m,) why there is no estimate; ``""`` where there is one.
    """

    time: Floats
    at_risk: Floats
    incidence: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CumulativeIncidence:
    """A curve that rises at each event of one cause, the other causes taking patients away.

    Arrays of shape (k,) have one element per distinct follow-up time, censorings too, ascending.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    cause, name : code of the cause, and what it is called.
    n : patients.
    n_events : sum of the weights of those with an event of this cause.
    time : (k,) follow-up times, in `unit`.
    at_risk, events, other_events, censored : (k,) sums of weights; at risk just before the time,
        events of this cause and of the others.
    incidence : (k,) estimate of P(T <= time, cause).
    std_error : (k,) its standard error.
    lower, upper : (k,) pointwise limits from `time` until the next; NaN where incidence is 0 or 1.
    event_free : (k,) estimate of P(T > time): with the incidences of all causes it makes 1.
    variance : ``"jackknife"`` or ``"greenwood"``.
    limits : scale on which the limits are symmetric.
    confidence : pointwise coverage of the limits.
    unit : unit of `time`.
    entry_time, entered : (m,) distinct late entries and the weights that enter just after them.
    """

    group: str | None
    cause: int
    name: str
    n: int
    n_events: float
    time: Floats
    at_risk: Floats
    events: Floats
    other_events: Floats
    censored: Floats
    incidence: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    event_free: Floats
    variance: str
    limits: str
    confidence: float
    unit: str
    entry_time: Floats
    entered: Floats

    @property
    def last_time(self) -> float:
        """The last follow-up time; nothing is estimated beyond it."""
        return float(self.time[-1])

    def at(self, times: Sequence[float] | Floats) -> IncidenceAt:
        """Return the incidence at given times, in the curve's unit, in the order given.

        Beyond the last follow-up time there is no estimate, unless nobody was free of events by
        then.

        Parameters
        ----------
        times : zero or more; times that differ from a follow-up time by rounding mean that time.
        """
        asked = snapped(times, self.time, "incidence")
        beyond = (asked > self.last_time) & (self.event_free[-1] > 0)
        columns = (
            (0.0, self.incidence),
            (0.0, self.std_error),
            (math.nan, self.lower),
            (math.nan, self.upper),
        )
        incidence, std_error, lower, upper = held(asked, self.time, columns, beyond)
        ended = self.events + self.other_events + self.censored
        late = (self.entry_time, self.entered)
        return IncidenceAt(
            time=frozen(times),
            at_risk=frozen(present(asked, self.time, self.at_risk, ended, late)),
            incidence=frozen(incidence),
            std_error=frozen(std_error),
            lower=frozen(lower),
            upper=frozen(upper),
            reasons=followed_until(beyond, self.last_time, self.unit),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per follow-up time; column names are this class's field names."""
        import pandas as pd

        columns = (
            "time", "at_risk", "events", "other_events", "censored", "incidence", "std_error",
            "lower", "upper", "event_free",
        )  # fmt: skip
        return pd.DataFrame({name: getattr(self, name) for name in columns})

    def __repr__(self) -> str:
        who = "" if self.group is None else f"{self.group}: "
        return (
            f"<CumulativeIncidence of {self.name}: {who}{self.n} patients, "
            f"{self.n_events:g} events, {self.incidence[-1]:.3g} at {self.last_time:g} {self.unit}>"
        )


def aalen_johansen(
    tte: TimeToEvent,
    *,
    by: ArrayLike | None = None,
    variance: str = "jackknife",
    limits: str = "log-log",
    confidence: float = 0.95,
    cluster: ArrayLike | None = None,
) -> tuple[CumulativeIncidence, ...]:
    r"""Estimate the probability of an event of each cause by t, :math:`P(T \le t, \text{cause})`.

    At risk at t are those with time >= t and, where there is a late entry, entry < t. Events of all
    causes at one time share its risk set.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries; event codes 1, 2, ... are the
        causes.
    by : (n,) labels, optional
        Curves for each label, in the order of the labels.
    variance : {"jackknife", "greenwood"}
        The infinitesimal jackknife over rows or clusters, as in R ``survfit``; or Greenwood's type,
        a multinomial at each time, as in R ``etm``. They are the same unless there are weights,
        late entries or clusters. Weights count patients in Greenwood's, so must be whole.
    limits : {"log-log", "log", "plain", "arcsin", "logit"}
        Scale of the incidence on which the limits are symmetric.
    confidence : float, default 0.95
        Pointwise coverage of the limits.
    cluster : (n,) labels, optional
        Rows that belong together; for the jackknife.

    Returns
    -------
    tuple of CumulativeIncidence
        One curve for each group and cause, group by group. A cause is a code that happened in any
        group, or that `tte.causes` names.

    Raises
    ------
    BadInput
        If there is nobody, no cause, a label is missing, or an option is unknown; if Greenwood's
        variance is asked for with clusters or weights that are not whole.

    Notes
    -----
    Agrees with R ``survfit(Surv(time, factor(event)) ~ 1)`` to 1e-9 relative, with ties, late
    entries, weights and clusters (``tests/reference/competing_risks.json``), but for the limits
    where incidence is 1: R prints 1 to 1 for log and plain, here they are NaN. Greenwood's
    variance agrees with R ``etm::etmCIF``.

    References
    ----------
    .. [1] Aalen OO, Johansen S (1978). Scand J Stat 5:141-150.
    .. [2] Andersen PK, Borgan O, Gill RD, Keiding N (1993). Statistical Models Based on Counting
           Processes, section IV.4. Springer. doi:10.1007/978-1-4612-4348-9

    Examples
    --------
    Six patients; two die (code 2) before they could relapse (code 1).

    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([5, 12, 12, 20, 31, 40], [1, 2, 1, 0, 2, 0], causes=("relapse", "death"))
    >>> relapse, death = aalen_johansen(tte)
    >>> relapse
    <CumulativeIncidence of relapse: 6 patients, 2 events, 0.333 at 40 days>
    >>> (relapse.incidence + death.incidence + relapse.event_free).round(12)
    array([1., 1., 1., 1., 1.])
    """
    choice("limits", limits, SCALES)
    choice("variance", variance, ("jackknife", "greenwood"))
    z = normal_quantile(confidence)
    groups = split(tte, by)
    causes = causes_of(tte)
    _check(tte, variance, cluster)
    member = None if cluster is None else labels(cluster, tte.n, "cluster")[1]
    found = []
    for group in groups:
        counts = count_causes(group, causes)
        curve = _Curves(counts)
        plain = group.weight is None and group.entry is None and member is None
        errors = (
            curve.greenwood()
            if plain or variance == "greenwood"
            else curve.jackknife(group, causes, None if member is None else member[group.rows])
        )
        event_free = sealed(curve.event_free)
        for array in (counts.time, counts.at_risk, counts.censored, counts.events):
            sealed(array)
        others = _others(counts)
        for place, cause in enumerate(causes):
            incidence, std_error = curve.incidence[place], errors[place]
            lower, upper = limits_of(incidence, std_error, limits, z)
            events = counts.events[place]
            found.append(
                CumulativeIncidence(
                    group=group.label,
                    cause=cause,
                    name=cause_name(tte, cause),
                    n=group.n,
                    n_events=float(events.sum()),
                    time=counts.time,
                    at_risk=counts.at_risk,
                    events=events,
                    other_events=others[place],
                    censored=counts.censored,
                    incidence=sealed(incidence),
                    std_error=sealed(std_error),
                    lower=sealed(lower),
                    upper=sealed(upper),
                    event_free=event_free,
                    variance=variance,
                    limits=limits,
                    confidence=confidence,
                    unit=tte.unit,
                    entry_time=sealed(counts.entry_time),
                    entered=sealed(counts.entered),
                )
            )
    return tuple(found)


def _others(counts: CauseCounts) -> list[Floats]:
    """Return the events of all causes but one, for each."""
    if len(counts.events) == 2:
        return [counts.events[1], counts.events[0]]
    return [sealed(counts.all_events - events) for events in counts.events]


def _check(tte: TimeToEvent, variance: str, cluster: ArrayLike | None) -> None:
    """Refuse what Greenwood's variance has no answer to."""
    broken = tte.weight is not None and bool((tte.weight % 1 != 0).any())
    rules = [
        (variance == "greenwood" and cluster is not None,
         "Greenwood's variance cannot account for clusters", "Take the jackknife."),
        (variance == "greenwood" and broken,
         "Greenwood's variance needs weights that are whole", "Take the jackknife."),
    ]  # fmt: skip
    faults = [Fault(rule=rule, remedy=remedy) for wrong, rule, remedy in rules if wrong]
    if faults:
        raise BadInput(faults)


class _Curves:
    r"""The curves of one group, and how the events at each time move them.

    An event of cause j at s adds :math:`S(s-)/Y` to F_j, and every event takes
    :math:`[F_j(t) - F_j(s)] / (Y - d)` off it, Y at risk and d events. With R(t) the rise of F_j
    still to come this is :math:`[R(s) - R(t)] / (Y - d)`, so that what depends on t stands outside
    of sums over s.
    """

    def __init__(self, counts: CauseCounts) -> None:
        self.counts = counts
        left = counts.all_events / counts.at_risk
        np.subtract(1.0, left, out=left)
        left[counts.emptied] = 0.0
        self.event_free: Floats = np.cumprod(left, out=left)
        self.per_event: Floats = np.empty_like(left)
        self.per_event[0] = 1.0
        self.per_event[1:] = left[:-1]
        self.per_event /= counts.at_risk
        self.incidence: Floats = counts.events * self.per_event
        for curve in self.incidence:
            np.cumsum(curve, out=curve)
        alone = np.flatnonzero(self.incidence[:, -1] > 0)
        if left[-1] == 0 and alone.size == 1:
            # Nobody is left and nothing else has happened: 1, and not a sum that rounds near it.
            self.incidence[alone[0], left == 0] = 1.0

    def _hazard(self, part: slice) -> tuple[Floats, Floats]:
        """Return the steps of Greenwood's sum, and the weights that stay at risk.

        These are infinite where nobody stays: no curve moves after that.
        """
        counts = self.counts
        at_risk, events = counts.at_risk[part], counts.all_events[part]
        survivors = at_risk - events
        survivors[counts.emptied[part]] = np.inf
        return events / (at_risk * survivors), survivors

    def greenwood(self) -> list[Floats]:
        """Return the standard errors from a multinomial at each time."""
        counts = self.counts
        causes, k = self.incidence.shape
        errors = [np.empty(k) for _ in range(causes)]
        sums, squares_before = np.zeros((causes, 2)), 0.0
        for start in range(0, k, CHUNK):
            part = slice(start, start + CHUNK)
            hazard, _ = self._hazard(part)
            squares = np.cumsum(hazard)
            squares += squares_before
            squares_before = squares[-1]
            at_risk, per_event = counts.at_risk[part], self.per_event[part]
            for cause in range(causes):
                rise = counts.events[cause, part] * per_event
                ahead = self.incidence[cause, -1] - self.incidence[cause, part]
                crossed = rise / at_risk
                linear = crossed - hazard * ahead
                own = (per_event - crossed) * rise
                crossed += linear
                crossed *= ahead
                own -= crossed
                for place, steps in enumerate((own, linear)):
                    np.cumsum(steps, out=steps)
                    steps += sums[cause, place]
                    sums[cause, place] = steps[-1]
                linear *= 2
                linear += squares * ahead
                linear *= ahead
                own += linear
                np.maximum(own, 0.0, out=own)
                np.sqrt(own, out=errors[cause][part])
        return [_settled(curve, e) for curve, e in zip(self.incidence, errors, strict=True)]

    def jackknife(
        self, group: Group, causes: tuple[int, ...], cluster: Indices | None
    ) -> list[Floats]:
        """Return the standard errors from each row's or cluster's influence."""
        counts = self.counts
        place = cells(group.time, group.entry)
        hazard, survivors = self._hazard(slice(None))
        ends = group.code > 0
        parts = [(hazard, _taken(1 / survivors, ends, place.last))]
        for events, curve, cause in zip(counts.events, self.incidence, causes, strict=True):
            rise = events * self.per_event
            ahead = curve[-1] - curve
            taken = _taken(ahead / survivors, ends, place.last)
            taken -= _taken(self.per_event, group.code == cause, place.last)
            parts.append((hazard * ahead - rise / counts.at_risk, taken))
        between = jackknife_covariances(group, place, parts, cluster)
        errors = []
        for number, curve in enumerate(self.incidence, start=1):
            ahead = curve[-1] - curve
            total = between[number, number] + ahead * (
                ahead * between[0, 0] - 2 * between[0, number]
            )
            errors.append(_settled(curve, np.sqrt(np.maximum(total, 0.0))))
        return errors


def _taken(per_event: Floats, event: NDArray[np.bool_], last: Indices) -> Floats:
    """Return what each patient's own event adds."""
    return np.where(event, per_event[last], 0.0)


def _settled(incidence: Floats, std_error: Floats) -> Floats:
    """Take off what rounding makes of the standard error of a curve at 0 or at 1."""
    std_error[: np.searchsorted(incidence, 0.0, side="right")] = 0.0
    std_error[np.searchsorted(incidence, 1.0) :] = 0.0
    return std_error
