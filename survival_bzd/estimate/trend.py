"""Whether the hazard of relapse rises or falls across ordered groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.log_rank import LogRank, logrank
from survival_bzd.estimate.quantities import Floats, Test, frozen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogRankTrend:
    """A log-rank test for trend.

    Attributes
    ----------
    statistic, df, p_value : the chi-square test on 1 degree of freedom; NaN where the data do not
        determine it.
    reason : why not, then.
    z : root of the statistic, above 0 where groups of higher score have more events than expected.
    scores : (g,) score of each group of `overall`.
    overall : the test of the same groups without an order.
    """

    statistic: float
    df: int
    p_value: float
    reason: str
    z: float
    scores: Floats
    overall: LogRank


def logrank_trend(
    tte: TimeToEvent,
    by: ArrayLike,
    scores: Mapping[str, float],
    *,
    strata: ArrayLike | None = None,
    weights: str = "fleming-harrington",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRankTrend:
    r"""Test for trend across ordered groups, :math:`(a'(O - E))^2 / a'Va` with scores a.

    Adding a constant to the scores or multiplying them by one changes nothing.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries.
    by : (n,) labels
        The groups.
    scores : mapping of label to number
        One for every group, as a dose. There is no default: labels need not be in order.
    strata, weights, rho, gamma
        As for `logrank`.

    Returns
    -------
    LogRankTrend

    Raises
    ------
    NotEstimable
        If there are fewer than two groups.
    BadInput
        If a group has no score, or all scores are the same.

    Notes
    -----
    Agrees with the score test of R ``coxph(Surv(time, event) ~ score, ties = "exact")``, and with
    ``survdiff``'s observed, expected and variance, to 1e-9 relative
    (``tests/reference/weighted_log_rank.json``).

    References
    ----------
    .. [1] Tarone RE (1975). Biometrika 62:679-682. doi:10.1093/biomet/62.3.679

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([9, 12, 5, 7, 2, 3], [1, 1, 1, 1, 1, 1])
    >>> dose = ["none", "none", "low", "low", "high", "high"]
    >>> trend = logrank_trend(tte, dose, {"none": 0, "low": 10, "high": 20})
    >>> trend.overall.groups, round(trend.z, 4), round(trend.p_value, 4)
    (('high', 'low', 'none'), 2.583, 0.0098)
    """
    overall = logrank(tte, by, strata=strata, weights=weights, rho=rho, gamma=gamma)
    score = _in_order(overall.groups, scores)
    # From their mean, so that a large common part of the scores does not cost digits.
    contrast = score - score.mean()
    variance = float(contrast @ overall.variance @ contrast)
    if variance <= 1e-12 * float(contrast**2 @ np.diag(overall.variance)):
        z = math.nan
        test = Test.none(1, "not estimable: at the events only one score is at risk, or none occur")
    else:
        z = float(contrast @ (overall.observed - overall.expected)) / math.sqrt(variance)
        test = Test.chi_square(z * z, 1)
    return LogRankTrend(
        statistic=test.statistic,
        df=test.df,
        p_value=test.p_value,
        reason=test.reason,
        z=z,
        scores=frozen(score),
        overall=overall,
    )


def _in_order(groups: tuple[str, ...], scores: Mapping[str, float]) -> Floats:
    """Return the scores in the order of the groups; all are finite and not all the same."""
    remedy = "Give every group a number, such as its dose; at least two must differ."
    faults = [
        Fault(rule="every group needs a score", remedy=remedy, value=group)
        for group in groups
        if not math.isfinite(scores.get(group, math.nan))
    ]
    if not faults and len({float(scores[group]) for group in groups}) == 1:
        faults = [Fault(rule="the scores of the groups must not all be the same", remedy=remedy)]
    if faults:
        raise BadInput(faults)
    return np.array([scores[group] for group in groups], dtype=np.float64)
