"""Whether two groups differ, early, late or throughout: the largest of four log-rank tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate.event_weights import event_weights
from survival_bzd.estimate.log_rank import (
    EventTable,
    compared,
    influences,
    placed,
    spread,
    tabulate,
    takes_robust_variance,
)
from survival_bzd.estimate.quantities import Floats, frozen, two_sided_p
from survival_bzd.estimate.risk_sets import Indices

POWERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
"""rho and gamma of the tests: throughout, late, early, in the middle."""

CIRCLES, POINTS = 512, 1024
"""Circles of the hemisphere over which p is integrated, and points of each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxCombo:
    """The largest of four Fleming-Harrington tests between two groups, with their joint p.

    Attributes
    ----------
    statistic : the largest `abs(z)`; NaN where the data do not determine it.
    p_value : probability that the largest of four normal numbers with this correlation is as large.
    reason : why there is no test, then.
    groups : labels of the two groups.
    n : (2,) patients.
    rho, gamma : (4,) powers of the tests.
    z : (4,) above 0 where the second group has more events than expected; NaN of a test that the
        data do not determine, which is left out.
    p_values : (4,) of each test alone, two-sided.
    correlation : (4, 4) of z; NaN where z is.
    robust : whether the variances are robust (weights that are not whole).
    """

    statistic: float
    p_value: float
    reason: str
    groups: tuple[str, ...]
    n: NDArray[np.int64]
    rho: Floats
    gamma: Floats
    z: Floats
    p_values: Floats
    correlation: Floats
    robust: bool


def max_combo(tte: TimeToEvent, by: ArrayLike, *, strata: ArrayLike | None = None) -> MaxCombo:
    r"""Test two groups by the largest of four weighted log-rank tests, for hazards that may cross.

    The tests have the Fleming-Harrington weights (0, 0), (0, 1), (1, 0) and (1, 1): differences
    throughout, late, early and in the middle. Their z are normal together with the covariances
    :math:`\sum w_j w_k\, d (n - d) / (n - 1)\, p (1 - p)`, p the share of a group in those at
    risk; p-value is :math:`P(\max |Z_j| \ge \max |z_j|)`.

    Parameters
    ----------
    tte, by, strata
        As for `logrank`; two groups.

    Returns
    -------
    MaxCombo

    Raises
    ------
    NotEstimable
        If there are not two groups.
    BadInput
        If a label is missing.

    Notes
    -----
    1 - S and S add up to 1, so the four z vary in three dimensions only, and their direction is
    independent of their length: p is the mean over a sphere of the tail of chi on 3 degrees of
    freedom. It is integrated on 512 circles of 1024 points, without random numbers, to 1e-6, and
    a smaller p to 1e-3 of itself.

    z of (0, 0) and (1, 0) agree with R ``survdiff``, and of the others with score tests of
    ``coxph`` (see `logrank`). The joint p is checked against simulation and SciPy's multivariate
    normal distribution.

    References
    ----------
    .. [1] Lee JW (1996). Biometrics 52:721-725. doi:10.2307/2532911
    .. [2] Karrison TG (2016). Stata J 16:678-690. doi:10.1177/1536867X1601600308

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 1, 1, 1, 0])
    >>> test = max_combo(tte, list("aababbab"))
    >>> test.z.round(3), round(test.statistic, 3), round(test.p_value, 3)
    (array([-0.987, -0.446, -1.155, -0.394]), 1.155, 0.431)
    """
    groups, member = compared(tte, by)
    if len(groups) > 2:
        raise NotEstimable(
            f"The max-combo test compares two groups; there are {len(groups)} "
            f"({', '.join(groups)}). Compare them two at a time."
        )
    place = placed(tte, strata)
    tables = [
        tabulate(tte, place, member, 2, event_weights("fleming-harrington", *powers))
        for powers in POWERS
    ]
    robust = takes_robust_variance(tte)
    score, covariance = _joint(tte, tables, member, robust=robust)
    variance = np.diag(covariance)
    # The weights are at most 1, so that the log-rank variance is the scale of what is rounding.
    varies = variance > 1e-12 * variance[0]
    error = np.sqrt(np.where(varies, variance, np.nan))
    z = score / error
    correlation = covariance / np.outer(error, error)
    statistic, p_value = math.nan, math.nan
    if varies.any():
        statistic = float(np.nanmax(np.abs(z)))
        p_value = joint_tail(correlation[np.ix_(varies, varies)], statistic)
    return MaxCombo(
        statistic=statistic,
        p_value=p_value,
        reason="" if varies.any() else "not estimable: the groups' events do not vary",
        groups=groups,
        n=np.bincount(member, minlength=2).astype(np.int64),
        rho=frozen([rho for rho, _ in POWERS]),
        gamma=frozen([gamma for _, gamma in POWERS]),
        z=frozen(z),
        p_values=frozen(two_sided_p(z)),
        correlation=frozen(correlation),
        robust=robust,
    )


def _joint(
    tte: TimeToEvent, tables: list[EventTable], member: Indices, *, robust: bool
) -> tuple[Floats, Floats]:
    """Return observed less expected of the second group in each test, and their covariance."""
    influence = np.stack([influences(tte, table, member)[:, 1] for table in tables], axis=1)
    # What the patients add sums to observed less expected, as robust variances need it.
    score: Floats = influence.sum(axis=0)
    if robust:
        return score, influence.T @ influence
    weight = np.stack([table.weight for table in tables], axis=1)
    share = tables[0].share[:, 1]
    scale = spread(tables[0].at_risk, tables[0].events) * share * (1 - share)
    return score, weight.T @ (scale[:, None] * weight)


def joint_tail(correlation: Floats, bound: float) -> float:
    """Return P(max abs(Z) >= bound) of up to four normal numbers that vary in three dimensions."""
    from scipy.special import erfc

    size, direction = np.linalg.eigh(correlation)
    axes = np.zeros((size.size, 3))
    axes[:, -size.size :] = (direction * np.sqrt(np.maximum(size, 0.0)))[:, -3:]
    # A hemisphere is enough, and circles at equal steps of height cut it into equal areas.
    height = ((np.arange(CIRCLES) + 0.5) / CIRCLES)[:, None]
    radius = np.sqrt(1 - height**2)
    angle = (np.arange(POINTS) + 0.5) * (2 * np.pi / POINTS)
    reach = np.zeros((CIRCLES, POINTS))
    for x, y, up in axes:
        level = radius * (x * np.cos(angle) + y * np.sin(angle)) + up * height
        np.maximum(reach, np.abs(level), out=reach)
    needed = bound / reach
    tail = erfc(needed / math.sqrt(2)) + math.sqrt(2 / math.pi) * needed * np.exp(-(needed**2) / 2)
    return float(tail.mean())
