"""Whether groups stay relapse-free equally long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate.quantities import Floats, Test, frozen, labels
from survival_bzd.estimate.risk_sets import Cells, Indices, cells, merge_near_equal, sums

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
    observed, expected : (g,) events, weighted by S(t-) to the power `rho`.
    variance : (g, g) variance of `observed - expected`.
    rho : 0 for the log-rank test, 1 for the Peto and Peto modification of Gehan's test.
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
class _Table:
    """Counts of each cell: of everybody, and what each group has of them."""

    place: Cells
    at_risk: Floats
    events: Floats
    share: Floats
    weight: Floats


def logrank(
    tte: TimeToEvent,
    by: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRank:
    r"""Test whether groups have the same hazard of relapse: log-rank and the G-rho family.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries. Whole weights count patients
        more than once; where a weight is not whole, the variance is robust.
    by : (n,) labels
        The groups.
    strata : (n,) labels, optional
        Patients are compared within a stratum only.
    rho : float, default 0
        Each event counts S(t-) to this power: more than 0 gives early relapses more weight.

    Returns
    -------
    LogRank

    Raises
    ------
    NotEstimable
        If there are fewer than two groups.
    BadInput
        If a label is missing.

    Notes
    -----
    Agrees with R ``survdiff`` to 1e-9 relative; with late entry to the score test of
    ``coxph(ties = "exact")``; with weights that are not whole to its robust score test with
    ``ties = "breslow"`` (``tests/reference/log_rank.json``).

    References
    ----------
    .. [1] Mantel N (1966). Cancer Chemother Rep 50:163-170.
    .. [2] Harrington DP, Fleming TR (1982). Biometrika 69:553-566. doi:10.1093/biomet/69.3.553

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([1, 2, 3, 4], [1, 1, 1, 1])
    >>> test = logrank(tte, ["a", "a", "b", "b"])
    >>> test.observed, test.expected.round(4), round(test.statistic, 4)
    (array([2., 2.]), array([0.8333, 3.1667]), 2.8824)
    """
    groups, member = labels(by, tte.n, "by")
    if len(groups) < 2:
        raise NotEstimable(
            f"There is only one group to compare ({', '.join(groups) or 'nobody'}). "
            "Name a column with at least two values."
        )
    stratum = None if strata is None else labels(strata, tte.n, "strata")[1]
    time, entry = merge_near_equal(tte.time, tte.entry)
    table = _table(tte, cells(time, entry, stratum), member, len(groups), rho)
    weighted = table.weight * table.events
    event = tte.relapsed
    observed = _by_group(table.weight[table.place.last], tte.weight, event, member, len(groups))
    expected = weighted @ table.share
    robust = tte.weight is not None and bool((tte.weight % 1 != 0).any())
    variance = _robust_variance(tte, table, member) if robust else _variance(table)
    test = _test(observed, expected, variance)
    return LogRank(
        statistic=test.statistic,
        df=test.df,
        p_value=test.p_value,
        reason=test.reason,
        groups=groups,
        n=np.bincount(member, minlength=len(groups)).astype(np.int64),
        observed=frozen(observed),
        expected=frozen(expected),
        variance=frozen(variance),
        rho=rho,
        robust=robust,
    )


def _table(tte: TimeToEvent, place: Cells, member: Indices, g: int, rho: float) -> _Table:
    """Count each cell, over all groups and in each."""
    at_risk = place.at_risk(tte.weight)
    events = place.totals(tte.weight, tte.relapsed)
    within = [place.at_risk(_of_group(member == group, tte.weight)) for group in range(g)]
    return _Table(
        place=place,
        at_risk=at_risk,
        events=events,
        share=np.stack(within, axis=1) / at_risk[:, None],
        weight=np.ones(place.k) if rho == 0 else _survival_before(place, events / at_risk) ** rho,
    )


def _of_group(inside: NDArray[np.bool_], weight: Floats | None) -> Floats:
    return inside.astype(np.float64) if weight is None else np.where(inside, weight, 0.0)


def _survival_before(place: Cells, hazard: Floats) -> Floats:
    """Return the pooled S(t-) of each cell's stratum."""
    before = np.ones(place.k)
    for a, b in zip(place.starts[:-1], place.starts[1:], strict=True):
        before[a + 1 : b] = np.cumprod(1 - hazard[a : b - 1])
    return before


def _by_group(
    values: Floats, weight: Floats | None, event: NDArray[np.bool_], member: Indices, g: int
) -> Floats:
    """Sum the values of the patients with the event by group."""
    each = values if weight is None else values * weight
    return sums(member[event], each[event], g)


def _variance(table: _Table) -> Floats:
    """Return the hypergeometric variance of observed less expected."""
    left = np.where(table.at_risk > 1, table.at_risk - 1, np.inf)
    scale = table.weight**2 * table.events * (table.at_risk - table.events) / left
    diagonal: Floats = np.diag(scale @ table.share)
    return diagonal - table.share.T @ (scale[:, None] * table.share)


def _robust_variance(tte: TimeToEvent, table: _Table, member: Indices) -> Floats:
    """Return the sum of squares of what each patient adds to observed less expected."""
    hazard = table.weight * table.events / table.at_risk
    own = np.eye(table.share.shape[1])[member]
    last = table.place.last
    event = np.where(tte.relapsed, table.weight[last], 0.0)[:, None]
    exposure = table.place.over_follow_up(hazard)[:, None]
    expected = table.place.over_follow_up(hazard[:, None] * table.share)
    score = event * (own - table.share[last]) - (own * exposure - expected)
    each = score if tte.weight is None else score * tte.weight[:, None]
    squares: Floats = each.T @ each
    return squares


def _test(observed: Floats, expected: Floats, variance: Floats) -> Test:
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
