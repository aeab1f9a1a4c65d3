"""Whether groups stay relapse-free equally long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate.event_weights import EventWeights, event_weights
from survival_bzd.estimate.quantities import Floats, Test, frozen, label_codes, labels
from survival_bzd.estimate.risk_sets import (
    Cells,
    Indices,
    Scale,
    cells,
    merge_near_equal,
    sums,
)
from survival_bzd.estimate.tally import compact_tally, parts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogRank:
    """A log-rank test of g groups, or one of its family.

    Attributes
    ----------
    statistic, df, p_value : the chi-square test; NaN where the data do not determine it.
    reason : why not, then.
    groups : labels of the groups, in order.
    n : (g,) patients.
    observed, expected : (g,) events, each multiplied by its weight in the test.
    variance : (g, g) variance of `observed - expected`.
    rho, gamma : powers of S(t-) and 1 - S(t-); rho 1 is the Peto and Peto modification of Gehan's
        test in R's words.
    weights : which member of the family: ``"logrank"``, ``"fleming-harrington"``, ...
    robust : whether the variance is robust (weights that are not whole).
    """

    statistic: float
    df: int
    p_value: float
    reason: str
    groups: tuple[str, ...]
    n: NDArray[np.int64]
    observed: Floats
    expected: Floats
    variance: Floats
    rho: float
    gamma: float
    weights: str
    robust: bool

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group: its patients, observed and expected events."""
        import pandas as pd

        return pd.DataFrame(
            {
                "group": list(self.groups),
                "n": self.n,
                "observed": self.observed,
                "expected": self.expected,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Counts of each cell: of everybody, and what each group has of them.

    Attributes
    ----------
    at_risk, events : (k,) sums of weights over all groups.
    share : (k, g) what part of those at risk is in each group.
    weight : (k,) how much an event counts.
    """

    at_risk: Floats
    events: Floats
    share: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventTable(Shares):
    """The counts with the k cells, by which they are carried over to patients."""

    place: Cells


def logrank(
    tte: TimeToEvent,
    by: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    weights: str = "fleming-harrington",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRank:
    r"""Test whether groups have the same hazard of relapse: the weighted log-rank family.

    Sums :math:`w(t) (d_g - d n_g / n)` over the event times, for each group g; its variance is
    hypergeometric, :math:`w^2 d (n - d) / (n - 1)` times that of the shares :math:`n_g / n`. Events
    d, numbers at risk n and weights w are those of a stratum.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries. Whole weights count patients
        more than once; where a weight is not whole, the variance is robust.
    by : (n,) labels
        The groups.
    strata : (n,) labels, optional
        Patients are compared within a stratum only.
    weights : {"fleming-harrington", "logrank", "tarone-ware", "gehan", "peto"}
        How much an event counts: :math:`S(t-)^\rho (1 - S(t-))^\gamma` with the pooled
        Kaplan-Meier estimate, which by default is 1 as in ``"logrank"``; the square root of n; n
        itself; or Peto and Peto's own estimate :math:`\prod_{s \le t} (1 - d / (n + 1))`, which
        takes in the events at t and is not the ``rho=1`` of R.
    rho, gamma : float, default 0
        Powers of Fleming and Harrington: more rho gives early relapses more weight, more gamma
        late ones.

    Returns
    -------
    LogRank

    Raises
    ------
    NotEstimable
        If there are fewer than two groups, or events would have infinite weights.
    BadInput
        If a label is missing, or `weights` and the powers do not fit.

    Notes
    -----
    Agrees with R ``survdiff(rho=)`` to 1e-9 relative; with late entry to the score test of
    ``coxph(ties = "exact")``; with weights that are not whole to its robust score test with
    ``ties = "breslow"`` (``tests/reference/log_rank.json``). The other weights agree with the same
    score tests of a covariate that is the group times w(t), on rows split at the event times
    (``tests/reference/weighted_log_rank.json``).

    References
    ----------
    .. [1] Mantel N (1966). Cancer Chemother Rep 50:163-170.
    .. [2] Harrington DP, Fleming TR (1982). Biometrika 69:553-566. doi:10.1093/biomet/69.3.553
    .. [3] Fleming TR, Harrington DP (1991). Counting Processes and Survival Analysis, chapter 7.
           Wiley. doi:10.1002/9781118150672
    .. [4] Gehan EA (1965). Biometrika 52:203-223. doi:10.1093/biomet/52.1-2.203
    .. [5] Tarone RE, Ware J (1977). Biometrika 64:156-160. doi:10.1093/biomet/64.1.156
    .. [6] Peto R, Peto J (1972). J R Stat Soc A 135:185-207. doi:10.2307/2344317

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([1, 2, 3, 4], [1, 1, 1, 1])
    >>> test = logrank(tte, ["a", "a", "b", "b"])
    >>> test.observed, test.expected.round(4), round(test.statistic, 4)
    (array([2., 2.]), array([0.8333, 3.1667]), 2.8824)
    """
    kind = event_weights(weights, rho, gamma)
    groups, code = label_codes(by, tte.n, "by")
    _at_least_two(groups)
    robust = takes_robust_variance(tte)
    if strata is None and tte.entry is None and tte.weight is None:
        n, observed, expected, variance = _each_once(tte, code, len(groups), kind)
    else:
        member = code.astype(np.intp, copy=False)
        table = tabulate(tte, placed(tte, strata), member, len(groups), kind)
        weight = table.weight[table.place.last]
        observed = _by_group(weight, tte.weight, tte.relapsed, member, len(groups))
        expected = _expected(table)
        if robust:
            influence = influences(tte, table, member)
            variance = influence.T @ influence
        else:
            variance = _variance(table)
        n = np.bincount(member, minlength=len(groups)).astype(np.int64)
    test = difference_test(observed, expected, variance)
    return LogRank(
        statistic=test.statistic,
        df=test.df,
        p_value=test.p_value,
        reason=test.reason,
        groups=groups,
        n=n,
        observed=frozen(observed),
        expected=frozen(expected),
        variance=frozen(variance),
        rho=kind.rho,
        gamma=kind.gamma,
        weights=kind.name,
        robust=robust,
    )


def compared(tte: TimeToEvent, by: ArrayLike) -> tuple[tuple[str, ...], Indices]:
    """Return the groups and the group of each patient; there must be two groups or more."""
    groups, member = labels(by, tte.n, "by")
    _at_least_two(groups)
    return groups, member


def _at_least_two(groups: tuple[str, ...]) -> None:
    if len(groups) < 2:
        raise NotEstimable(
            f"There is only one group to compare ({', '.join(groups) or 'nobody'}). "
            "Name a column with at least two values."
        )


def placed(tte: TimeToEvent, strata: ArrayLike | None) -> Cells:
    """Place the patients on the scale of the distinct times of each stratum."""
    stratum = None if strata is None else labels(strata, tte.n, "strata")[1]
    time, entry = merge_near_equal(tte.time, tte.entry)
    return cells(time, entry, stratum)


def takes_robust_variance(tte: TimeToEvent) -> bool:
    """Whether there are weights that are not whole, so that they cannot count patients."""
    return tte.weight is not None and bool((tte.weight % 1 != 0).any())


def tabulate(
    tte: TimeToEvent, place: Cells, member: Indices, g: int, kind: EventWeights
) -> EventTable:
    """Count each cell, over all groups and in each."""
    at_risk = place.at_risk(tte.weight)
    events = place.totals(tte.weight, tte.relapsed)
    within = [place.at_risk(_of_group(member == group, tte.weight)) for group in range(g)]
    return EventTable(
        place=place,
        at_risk=at_risk,
        events=events,
        share=np.stack(within, axis=1) / at_risk[:, None],
        weight=kind.at(place, at_risk, events),
    )


def _each_once(
    tte: TimeToEvent, code: NDArray[np.integer], g: int, kind: EventWeights
) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Count patients without weights, strata or late entries, in pieces that stay in the cache.

    Returns
    -------
    Each group's patients, and the observed and expected events with their variance.
    """
    small: type[np.integer] = np.uint8 if g <= 128 else np.intp
    ending: NDArray[np.integer] = code.astype(small)
    ending *= 2
    ending += tte.relapsed
    time, counts = compact_tally(tte.time, ending, 2 * g, merge=True)
    n: NDArray[np.int64] = counts.sum(axis=1, dtype=np.int64).reshape(g, 2).sum(axis=1)
    observed, expected, variance = np.zeros(g), np.zeros(g), np.zeros((g, g))
    remaining = n[:, None]
    for run in parts(time.size) if kind.local else [slice(None)]:
        events = counts[1::2, run]
        ended = counts[::2, run] + events
        through = np.cumsum(ended, axis=1, dtype=np.int64)
        within = (remaining - through + ended).astype(np.float64)
        remaining = remaining - through[:, -1:]
        at_risk, happened = within.sum(axis=0), events.sum(axis=0, dtype=np.float64)
        place = Scale(time=time[run], starts=np.array([0, at_risk.size]))
        weight = kind.at(place, at_risk, happened)
        within /= at_risk
        shares = Shares(at_risk=at_risk, events=happened, share=within.T, weight=weight)
        observed += events @ weight
        expected += _expected(shares)
        variance += _variance(shares)
    return n, observed, expected, variance


def _of_group(inside: NDArray[np.bool_], weight: Floats | None) -> Floats:
    return inside.astype(np.float64) if weight is None else np.where(inside, weight, 0.0)


def _by_group(
    values: Floats, weight: Floats | None, event: NDArray[np.bool_], member: Indices, g: int
) -> Floats:
    """Sum the values of the patients with the event by group."""
    each = values if weight is None else values * weight
    return sums(member[event], each[event], g)


def _expected(table: Shares) -> Floats:
    """Return the events that each group would have, were its hazard that of all."""
    expected: Floats = (table.weight * table.events) @ table.share
    return expected


def _variance(table: Shares) -> Floats:
    """Return the hypergeometric variance of observed less expected."""
    scale = table.weight**2 * spread(table.at_risk, table.events)
    diagonal: Floats = np.diag(scale @ table.share)
    return diagonal - table.share.T @ (scale[:, None] * table.share)


def spread(at_risk: Floats, events: Floats) -> Floats:
    """Return d (n - d) / (n - 1), by which the variance of a share becomes that of its events."""
    return events * (at_risk - events) / np.where(at_risk > 1, at_risk - 1, np.inf)


def influences(tte: TimeToEvent, table: EventTable, member: Indices) -> Floats:
    """Return the (n, g) amounts that each patient adds to observed less expected."""
    hazard = table.weight * table.events / table.at_risk
    own = np.eye(table.share.shape[1])[member]
    last = table.place.last
    event = np.where(tte.relapsed, table.weight[last], 0.0)[:, None]
    exposure = table.place.over_follow_up(hazard)[:, None]
    expected = table.place.over_follow_up(hazard[:, None] * table.share)
    score: Floats = event * (own - table.share[last]) - (own * exposure - expected)
    return score if tte.weight is None else score * tte.weight[:, None]


def difference_test(observed: Floats, expected: Floats, variance: Floats) -> Test:
    """Test the groups that could have had an event; one is determined by the others."""
    informative = np.flatnonzero(expected > 0)[1:]
    df = max(informative.size, 0)
    if not df:
        return Test.none(0, "not estimable: at the events only one group is at risk, or none occur")
    difference = (observed - expected)[informative]
    block = variance[np.ix_(informative, informative)]
    scale = np.sqrt(np.diag(block))
    if not (scale > 0).all():
        return Test.none(df, "not estimable: a group's events do not vary")
    correlation = block / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        return Test.none(df, "not estimable: the groups' events determine each other")
    z = difference / scale
    return Test.chi_square(float(z @ np.linalg.solve(correlation, z)), int(df))
