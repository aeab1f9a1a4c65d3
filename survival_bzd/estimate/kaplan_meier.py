"""Relapse-free survival, and how long patients were followed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.beta_product import beta_limits, limits_before
from survival_bzd.estimate.influence import robust_std_error, takes_robust_error
from survival_bzd.estimate.limits import SCALES, limits_of
from survival_bzd.estimate.quantities import (
    Estimate,
    Floats,
    choice,
    frozen,
    labels,
    normal_quantile,
    sealed,
)
from survival_bzd.estimate.risk_sets import Group, RiskSets, split
from survival_bzd.estimate.tally import NEAR, parts
from survival_bzd.estimate.times_asked import followed_until, held, present, snapped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivalAt:
    """Survival at given times.

    Attributes
    ----------
    time : (m,) the times asked for, in the curve's unit.
    at_risk : (m,) weights under observation just before the time: follow-up >= time, entry < time.
    survival, std_error, lower, upper : (m,) P(T > time), its standard error and limits.
    reasons : (m,) why there is no estimate; ``""`` where there is one.
    """

    time: Floats
    at_risk: Floats
    survival: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskTable:
    """The numbers under a curve.

    Attributes
    ----------
    time : (m,) the times asked for, in the curve's unit.
    at_risk : (m,) under observation just before the time: follow-up >= time, entry < time.
    events, censored : (m,) how many until the time, those at it included.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KaplanMeier:
    """A relapse-free curve: a step function that drops at each relapse time.

    Arrays of shape (k,) have one element per distinct follow-up time, censorings too, ascending.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n : patients.
    n_events : sum of the weights of those with the event.
    time : (k,) follow-up times, in `unit`.
    at_risk, events, censored : (k,) sums of weights; at risk just before the time.
    survival : (k,) estimate of P(T > time).
    std_error : (k,) standard error of `survival` itself; NaN where it is 0.
    lower, upper : (k,) pointwise limits from `time` until the next; NaN where survival is 0 or 1,
        but with ``limits="beta"`` defined there too.
    limits : scale on which the limits are symmetric, or ``"beta"``.
    confidence : pointwise coverage of the limits.
    robust : whether the standard error is robust (clusters or weights that are not whole).
    unit : unit of `time`.
    label : what the event is.
    entry_time, entered : (m,) distinct late entries and the weights that enter just after them.
    """

    group: str | None
    n: int
    n_events: float
    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    limits: str
    confidence: float
    unit: str
    label: str
    robust: bool = False
    entry_time: Floats = field(default_factory=lambda: frozen([]))
    entered: Floats = field(default_factory=lambda: frozen([]))

    @property
    def median(self) -> Estimate:
        """The time at which survival falls to one half."""
        return self.quantile(0.5)

    @property
    def last_time(self) -> float:
        """The last follow-up time; nothing is estimated beyond it."""
        return float(self.time[-1])

    def quantile(self, p: float) -> Estimate:
        r"""Return the time by which a fraction `p` has had the event, with limits.

        The first time at which :math:`S(t) < 1 - p`. Where S runs level at exactly 1 - p (within
        rounding) it is the middle of that plateau; one that never ends runs to the last
        follow-up time. The limits are where the limits of S cross 1 - p, in the same way.

        Parameters
        ----------
        p : strictly between 0 and 1.

        Raises
        ------
        BadInput
            If `p` is not strictly between 0 and 1.

        Notes
        -----
        Agrees with R ``quantile(survfit)`` (``tests/reference/kaplan_meier.json``), but for a
        plateau that never ends and lies above 1 - p by a rounding error: R, asked for this quantile
        alone, says NA. The median that R prints of a curve is the start of a plateau at one half
        that never ends, and not the middle.
        """
        if not 0 < p < 1:
            raise BadInput(
                [
                    Fault(
                        rule="a quantile must lie strictly between 0 and 1",
                        remedy="Write 0.5 for the median.",
                        value=f"{p:g}",
                    )
                ]
            )
        estimate, lower, upper = (
            _crossing(self.time, np.concatenate([[1 - before], 1 - curve]), p)
            for before, curve in zip(
                (1.0, *np.nan_to_num(self._before, nan=1.0)),
                (self.survival, self.lower, self.upper),
                strict=True,
            )
        )
        level = f"{1 - p:g}"
        return Estimate(
            estimate=estimate,
            lower=lower,
            upper=upper,
            reason=f"not reached: survival stays above {level}" if math.isnan(estimate) else "",
            lower_reason=_limit_reason("lower", self.lower, lower, level),
            upper_reason=_limit_reason("upper", self.upper, upper, level),
        )

    def at(self, times: Sequence[float] | Floats) -> SurvivalAt:
        """Return survival at given times, in the curve's unit, in the order given.

        Beyond the last follow-up time there is no estimate, unless survival has reached 0.

        Parameters
        ----------
        times : zero or more; times that differ from a follow-up time by rounding mean that time.
        """
        asked = snapped(times, self.time, "survival")
        beyond = (asked > self.last_time) & (self.survival[-1] > 0)
        columns = (
            (1.0, self.survival),
            (0.0, self.std_error),
            (self._before[0], self.lower),
            (self._before[1], self.upper),
        )
        survival, std_error, lower, upper = held(asked, self.time, columns, beyond)
        return SurvivalAt(
            time=frozen(times),
            at_risk=frozen(self._at_risk(asked)),
            survival=frozen(survival),
            std_error=frozen(std_error),
            lower=frozen(lower),
            upper=frozen(upper),
            reasons=followed_until(beyond, self.last_time, self.unit),
        )

    def risk_table(self, times: Sequence[float] | Floats) -> RiskTable:
        """Return the number at risk, and the events and censorings so far, at given times."""
        asked = snapped(times, self.time, "survival")
        step = np.searchsorted(self.time, asked, side="right")
        return RiskTable(
            time=frozen(times),
            at_risk=frozen(self._at_risk(asked)),
            events=frozen(np.concatenate([[0.0], np.cumsum(self.events)])[step]),
            censored=frozen(np.concatenate([[0.0], np.cumsum(self.censored)])[step]),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per follow-up time; column names are this class's field names."""
        import pandas as pd

        columns = (
            "time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper",
        )  # fmt: skip
        return pd.DataFrame({name: getattr(self, name) for name in columns})

    @property
    def _before(self) -> tuple[float, float]:
        """Limits from time zero to the first follow-up time."""
        if self.limits == "beta":
            return limits_before(self.n, self.confidence)
        return math.nan, math.nan

    def _at_risk(self, asked: Floats) -> Floats:
        """Sum the weights of those with entry < time <= follow-up."""
        late = (self.entry_time, self.entered)
        return present(asked, self.time, self.at_risk, self.events + self.censored, late)

    def __repr__(self) -> str:
        who = "" if self.group is None else f"{self.group}: "
        return (
            f"<KaplanMeier: {who}{self.n} patients, {self.n_events:g} events, "
            f"median {self.median.estimate:g} {self.unit}>"
        )


def kaplan_meier(
    tte: TimeToEvent,
    *,
    by: ArrayLike | None = None,
    limits: str = "log-log",
    confidence: float = 0.95,
    cluster: ArrayLike | None = None,
) -> tuple[KaplanMeier, ...]:
    r"""Estimate the probability of remaining relapse-free, :math:`S(t) = P(T > t)`.

    At risk at t are those with time >= t and, where there is a late entry, entry < t. Events other
    than code 1 count as censored.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries. Its unit carries over.
    by : (n,) labels, optional
        A curve for each label, in the order of the labels.
    limits : {"log-log", "log", "plain", "arcsin", "logit", "beta"}
        Scale on which the limits are symmetric; or, for small samples, those of the beta product
        procedure by the method of moments. They cover at least as often as they say without
        censoring, also where survival is 1 or 0, and move at censorings as well.
    confidence : float, default 0.95
        Pointwise coverage of the limits.
    cluster : (n,) labels, optional
        Rows that belong together. The standard error is then robust (infinitesimal jackknife over
        clusters); so it is, each row a cluster, where a weight is not a whole number.

    Returns
    -------
    tuple of KaplanMeier
        One curve per group; a single one without `by`.

    Raises
    ------
    BadInput
        If there is nobody, a label is missing, or an option is unknown; if beta limits are asked
        for with late entries, clusters, or weights other than 1.

    Notes
    -----
    Agrees with R ``survfit(conf.type=...)`` to 1e-9 relative
    (``tests/reference/kaplan_meier.json``), but for what here is NaN: the limits where survival is
    1, which R prints as 1 to 1 for log and plain; and the robust standard error where survival is
    0, which R prints as 0. For medians see `KaplanMeier.quantile`.

    Beta limits are those of R ``bpcp::bpcp(time, status, nmc=0)`` from version 1.3 on: the
    row of a follow-up time holds what bpcp prints for the interval that begins there, and from
    time zero to the first one stand the limits of no relapse among n. Without censoring they are
    the limits of ``binom.test``.

    References
    ----------
    .. [1] Kaplan EL, Meier P (1958). J Am Stat Assoc 53:457-481. doi:10.2307/2281868
    .. [2] Kalbfleisch JD, Prentice RL (2002). The Statistical Analysis of Failure Time Data,
           2nd ed., section 1.4. Wiley. doi:10.1002/9781118032985
    .. [3] Fay MP, Brittain EH, Proschan MA (2013). Biostatistics 14:723-736.
           doi:10.1093/biostatistics/kxt016

    Examples
    --------
    Four patients; the second leaves the study on day 12 without relapse.

    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([5, 12, 20, 31], [True, False, True, True], unit="days")
    >>> (curve,) = kaplan_meier(tte)
    >>> curve
    <KaplanMeier: 4 patients, 3 events, median 20 days>
    >>> curve.survival
    array([0.75 , 0.75 , 0.375, 0.   ])
    """
    member = None if cluster is None else labels(cluster, tte.n, "cluster")[1]
    return tuple(
        _curve(
            group,
            group.code == 1,
            None if member is None else member[group.rows],
            limits=limits,
            confidence=confidence,
            unit=tte.unit,
            label=tte.label,
        )
        for group in split(tte, by)
    )


def follow_up(
    tte: TimeToEvent,
    *,
    by: ArrayLike | None = None,
    limits: str = "log-log",
    confidence: float = 0.95,
) -> tuple[KaplanMeier, ...]:
    """Estimate how long patients were followed: reverse Kaplan-Meier.

    The end of observation is the event, and every event censors: the median is how long patients
    would have been followed had nobody relapsed.

    Parameters
    ----------
    tte, by, limits, confidence
        As for `kaplan_meier`.

    Returns
    -------
    tuple of KaplanMeier
        `survival` is the probability of being followed beyond `time`.

    Notes
    -----
    Agrees with R ``survfit(Surv(time, 1 - event))`` (``tests/reference/kaplan_meier.json``).

    References
    ----------
    .. [1] Schemper M, Smith TL (1996). Control Clin Trials 17:343-346.
           doi:10.1016/0197-2456(96)00075-X

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> (followed,) = follow_up(TimeToEvent([90, 180, 360, 700], [1, 0, 0, 0]))
    >>> followed.median.estimate
    360.0
    """
    return tuple(
        _curve(
            group,
            group.code == 0,
            None,
            limits=limits,
            confidence=confidence,
            unit=tte.unit,
            label="end of follow-up",
        )
        for group in split(tte, by)
    )


def _curve(
    group: Group,
    event: NDArray[np.bool_],
    cluster: NDArray[np.intp] | None,
    *,
    limits: str,
    confidence: float,
    unit: str,
    label: str,
) -> KaplanMeier:
    """Estimate the curve of one group."""
    counts = group.counts(event)
    survival = product_limit(counts)
    robust = takes_robust_error(group, cluster)
    if robust:
        std_error = robust_std_error(group, event, counts, survival, cluster)
    else:
        std_error = _greenwood(counts, survival)
    z = normal_quantile(confidence)
    if choice("limits", limits, (*SCALES, "beta")) == "beta":
        lower, upper = beta_limits(group, counts, cluster, confidence)
    else:
        lower, upper = limits_of(survival, std_error, limits, z)
    return KaplanMeier(
        group=group.label,
        n=group.n,
        n_events=float(counts.events.sum()),
        time=sealed(counts.time),
        at_risk=sealed(counts.at_risk),
        events=sealed(counts.events),
        censored=sealed(counts.censored),
        survival=sealed(survival),
        std_error=sealed(std_error),
        lower=sealed(lower),
        upper=sealed(upper),
        limits=limits,
        confidence=confidence,
        unit=unit,
        label=label,
        robust=robust,
        entry_time=sealed(counts.entry_time),
        entered=sealed(counts.entered),
    )


def product_limit(counts: RiskSets) -> Floats:
    """Return S at each distinct time; once it is 0 it stays 0."""
    survival = np.empty(counts.time.size)
    reached = 1.0
    for run in parts(survival.size):
        part = survival[run]
        np.divide(counts.events[run], counts.at_risk[run], out=part)
        np.subtract(1.0, part, out=part)
        part[counts.emptied[run]] = 0.0
        part[0] *= reached
        np.cumprod(part, out=part)
        reached = part[-1]
    return survival


def _greenwood(counts: RiskSets, survival: Floats) -> Floats:
    """Return Greenwood's standard error of S; NaN where S is 0."""
    std_error = np.empty(counts.time.size)
    reached = 0.0
    for run in parts(std_error.size):
        part, events, at_risk = std_error[run], counts.events[run], counts.at_risk[run]
        np.subtract(at_risk, events, out=part)
        part *= at_risk
        part[counts.emptied[run]] = np.nan
        np.divide(events, part, out=part)
        part[0] += reached
        np.cumsum(part, out=part)
        reached = part[-1]
        np.sqrt(part, out=part)
        part *= survival[run]
    return std_error


def _crossing(time: Floats, height: Floats, p: float) -> float:
    """Return where a curve, (k + 1,) from time 0 on, rises across `p`, as R's findq does.

    The next value at or above `p` is looked for by size and not by place: limits need not be
    monotone, and this is what R's interpolation amounts to.
    """
    place = np.concatenate([[0.0], time])
    first = _least(height, p - NEAR)
    if first is None:
        return math.nan
    after = _least(height, p + NEAR)
    if after is not None:
        return float((place[first] + place[after]) / 2)
    if abs(height[-1] - p) < NEAR:
        return float((place[first] + place[-1]) / 2)
    return math.nan


def _least(height: Floats, bound: float) -> int | None:
    """Return the position of the smallest value at or above `bound`."""
    candidate = np.where(height >= bound, height, np.inf)
    position = int(np.argmin(candidate))
    return position if candidate[position] < np.inf else None


def _limit_reason(side: str, curve: Floats, quantile: float, level: str) -> str:
    """Say why a quantile has no limit on this side."""
    if not math.isnan(quantile):
        return ""
    if bool(np.isnan(curve).all()):
        return f"not estimable: survival has no {side} limit"
    return f"not reached: the {side} limit of survival stays above {level}"
