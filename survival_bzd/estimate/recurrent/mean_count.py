"""How many relapses a patient has had by a time, on average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.cox_model.pieces import check_pieces
from survival_bzd.estimate.influence import jackknife_covariances
from survival_bzd.estimate.kaplan_meier import product_limit
from survival_bzd.estimate.quantities import Floats, choice, frozen, labels, normal_quantile
from survival_bzd.estimate.risk_sets import Group, Indices, cells, split
from survival_bzd.estimate.times_asked import followed_until, held, snapped

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-12
"""Variances smaller than this part of the squared count are 0 but for rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanCountAt:
    """The mean count at given times.

    Attributes
    ----------
    time : (m,) the times asked for, in the curve's unit.
    at_risk : (m,) weights under observation just before the time.
    mean_count, std_error, lower, upper : (m,) the mean count, its standard error and limits.
    reasons : (m,) why there is no estimate; ``""`` where there is one.
    """

    time: Floats
    at_risk: Floats
    mean_count: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanCount:
    """Mean number of events per patient: a step function that rises at each event time.

    Arrays of shape (k,) have one element per distinct end of a row, ascending.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n : patients.
    n_events, n_terminal : sums of the weights of the rows that end with the event, and with the
        one that ends the follow-up for good, such as death.
    time : (k,) ends of rows, in `unit`.
    at_risk, events, terminal : (k,) sums of weights; at risk just before the time.
    mean_count : (k,) events per patient up to and including `time`.
    std_error : (k,) its robust standard error.
    lower, upper : (k,) pointwise limits; NaN while the mean count is 0.
    limits : scale on which the limits are symmetric, ``"log"`` or ``"plain"``.
    confidence : pointwise coverage of the limits.
    unit : unit of `time`.
    label : what the event is.
    entry_time, entered : (m,) distinct beginnings of rows, and the weights that enter just after.
    """

    group: str | None
    n: int
    n_events: float
    n_terminal: float
    time: Floats
    at_risk: Floats
    events: Floats
    terminal: Floats
    mean_count: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    limits: str
    confidence: float
    unit: str
    label: str
    entry_time: Floats
    entered: Floats

    @property
    def last_time(self) -> float:
        """The last follow-up time; nothing is estimated beyond it."""
        return float(self.time[-1])

    def at(self, times: Sequence[float] | Floats) -> MeanCountAt:
        """Return the mean count at given times, in the curve's unit, in the order given.

        Beyond the last follow-up time there is no estimate.

        Parameters
        ----------
        times : zero or more; times that differ from a follow-up time by rounding mean that time.
        """
        asked = snapped(times, self.time, "a mean count")
        beyond = asked > self.last_time
        columns = (
            (0.0, self.mean_count),
            (0.0, self.std_error),
            (math.nan, self.lower),
            (math.nan, self.upper),
        )
        mean_count, std_error, lower, upper = held(asked, self.time, columns, beyond)
        return MeanCountAt(
            time=frozen(times),
            at_risk=frozen(self._at_risk(asked)),
            mean_count=frozen(mean_count),
            std_error=frozen(std_error),
            lower=frozen(lower),
            upper=frozen(upper),
            reasons=followed_until(beyond, self.last_time, self.unit),
        )

    def _at_risk(self, asked: Floats) -> Floats:
        """Sum the weights of the rows with entry < time <= end."""
        step = np.searchsorted(self.time, asked)
        there = np.concatenate([self.at_risk, [0.0]])[step]
        position = np.minimum(step, self.time.size - 1)
        # Who enters between the time and the next end of a row is not there yet.
        entered = np.concatenate([[0.0], np.cumsum(self.entered)])
        until = np.searchsorted(self.entry_time, self.time[position])
        not_yet = entered[until] - entered[np.searchsorted(self.entry_time, asked)]
        return np.maximum(np.where(step < self.time.size, there - not_yet, 0.0), 0.0)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time; column names are this class's field names."""
        import pandas as pd

        columns = (
            "time", "at_risk", "events", "terminal", "mean_count", "std_error", "lower", "upper",
        )  # fmt: skip
        return pd.DataFrame({name: getattr(self, name) for name in columns})

    def __repr__(self) -> str:
        who = "" if self.group is None else f"{self.group}: "
        return (
            f"<MeanCount: {who}{self.n} patients, {self.n_events:g} events, "
            f"{self.mean_count[-1]:.3g} per patient by {self.last_time:g} {self.unit}>"
        )


def mean_count(
    tte: TimeToEvent,
    patient: ArrayLike,
    *,
    terminal: ArrayLike | None = None,
    by: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    limits: str = "log",
    confidence: float = 0.95,
) -> tuple[MeanCount, ...]:
    r"""Estimate how many events a patient has had by each time, on average.

    Of :math:`Y(u)` under observation at u, :math:`d(u)` have the event, and :math:`S(u-)` are not
    dead (1 where nothing ends the follow-up for good):

    .. math:: \hat M(t) = \sum_{u \le t} \hat S(u-) \frac{d(u)}{Y(u)}

    Parameters
    ----------
    tte : TimeToEvent
        Rows (entry, time], any number of them for a patient. Code 1 is the event that may come
        again. Whoever is under observation is at risk, also while using: leave stretches out only
        if the count is meant to stand still there.
    patient : (n,) labels
        Whose row it is. Rows of one patient must not overlap.
    terminal : (n,) booleans, optional
        Which rows end with what ends the follow-up for good, such as death; by default those with a
        code above 1. On one day the event comes first.
    by : (n,) labels, optional
        A curve for each label.
    cluster : (n,) labels, optional
        Rows that belong together; by default those of a patient. Errors are always robust.
    limits : {"log", "plain"}
        Scale on which the limits are symmetric.
    confidence : float, default 0.95
        Coverage of the pointwise limits.

    Returns
    -------
    tuple of MeanCount
        One per group in the order of the labels; a single one without `by`.

    Raises
    ------
    BadInput
        If rows of a patient overlap, or a label is missing.

    Notes
    -----
    Without terminal events it agrees with ``cumhaz`` and ``std.chaz`` of R
    ``survfit(Surv(entry, time, event) ~ 1, id = patient, cluster = patient)``; with them it is the
    estimate of Ghosh and Lin and of Dong and others, and its standard error the infinitesimal
    jackknife, as by the influence functions that R gives of both its factors
    (``tests/reference/mean_count.json``, 1e-9 relative).

    References
    ----------
    .. [1] Lawless JF, Nadeau C (1995). Technometrics 37:158-168. doi:10.2307/1269617
    .. [2] Ghosh D, Lin DY (2000). Biometrics 56:554-562. doi:10.1111/j.0006-341X.2000.00554.x
    .. [3] Dong H, Robison LL, Leisenring WM, Martin LJ, Armstrong GT, Yasui Y (2015). Am J
           Epidemiol 181:532-540. doi:10.1093/aje/kwu289

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> rows = TimeToEvent([5, 12, 9], [1, 1, 0], entry=[float("nan"), 5, float("nan")])
    >>> (curve,) = mean_count(rows, ["a", "a", "b"])
    >>> curve.mean_count
    array([0.5, 0.5, 1.5])
    """
    choice("limits", limits, ("log", "plain"))
    z = normal_quantile(confidence)
    groups = split(tte, by)
    check_pieces(tte, patient)
    person = labels(patient, tte.n, "patient")[1]
    member = person if cluster is None else labels(cluster, tte.n, "cluster")[1]
    ends = tte.event > 1 if terminal is None else np.asarray(terminal, dtype=np.bool_)
    if ends.shape != (tte.n,):
        raise ValueError(f"terminal has shape {ends.shape}, but there are {tte.n} rows")
    return tuple(
        _curve(group, person[group.rows], member[group.rows], ends[group.rows], z, limits, tte,
               confidence)
        for group in groups
    )  # fmt: skip


def _curve(
    group: Group,
    person: Indices,
    cluster: Indices,
    ends: NDArray[np.bool_],
    z: float,
    limits: str,
    tte: TimeToEvent,
    confidence: float,
) -> MeanCount:
    """Estimate the mean count of one group."""
    happened = np.equal(group.code, 1)
    counts, deaths = group.counts(happened), group.counts(ends)
    alive = np.concatenate([[1.0], product_limit(deaths)[:-1]])
    count = np.cumsum(alive * counts.events / counts.at_risk)
    # M(t) moves with the hazard of the event (`own`) and, by way of S, with that of death.
    survivors = np.where(deaths.emptied, np.inf, deaths.at_risk - deaths.events)
    dying = deaths.events / (deaths.at_risk * survivors)
    place = cells(group.time, group.entry)
    gone = np.where(ends, 1 / survivors[place.last], 0.0)
    own = (
        alive * counts.events / counts.at_risk**2 + count * dying,
        np.where(happened, (alive / counts.at_risk)[place.last], 0.0) + count[place.last] * gone,
    )
    if ends.any():
        parts = jackknife_covariances(group, place, [own, (-dying, -gone)], cluster)
        variance = parts[0, 0] + 2 * count * parts[0, 1] + count**2 * parts[1, 1]
    else:
        variance = jackknife_covariances(group, place, [own], cluster)[0, 0]
    # Where everybody has the same count, weights leave rounding of a variance that is 0.
    std_error = np.sqrt(np.where(variance > ROUNDING * count**2, variance, 0.0))
    # Where everybody has had as many, or nobody any, the data say nothing of the error.
    positive = np.where(std_error > 0, count, np.nan)
    if limits == "log":
        factor = np.exp(z * std_error / positive)
        lower, upper = positive / factor, positive * factor
    else:
        lower, upper = np.maximum(positive - z * std_error, 0.0), positive + z * std_error
    return MeanCount(
        group=group.label,
        n=int(np.unique(person).size),
        n_events=float(counts.events.sum()),
        n_terminal=float(deaths.events.sum()),
        time=frozen(counts.time),
        at_risk=frozen(counts.at_risk),
        events=frozen(counts.events),
        terminal=frozen(deaths.events),
        mean_count=frozen(count),
        std_error=frozen(std_error),
        lower=frozen(lower),
        upper=frozen(upper),
        limits=limits,
        confidence=confidence,
        unit=tte.unit,
        label=tte.label,
        entry_time=frozen(counts.entry_time),
        entered=frozen(counts.entered),
    )
