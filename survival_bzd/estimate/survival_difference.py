"""How much relapse-free survival differs between groups at a fixed time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate.kaplan_meier import SurvivalAt, kaplan_meier
from survival_bzd.estimate.quantities import Test, choice, normal_quantile

SCALES = ("log-log", "plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalDifference:
    """How much more of `group` than of `reference` is free of relapse at `time`.

    Attributes
    ----------
    group, reference : labels of the two groups.
    time : the fixed time, in `unit`.
    estimate, std_error, lower, upper : the difference of P(T > time), its standard error, limits.
    statistic, df, p_value : the chi-square test of no difference, on 1 degree of freedom.
    reason : why there is no test, then; ``""`` where there is one.
    limits : scale of the limits and of the test.
    confidence : coverage of the limits.
    unit : unit of time.
    """

    group: str
    reference: str
    time: float
    estimate: float
    std_error: float
    lower: float
    upper: float
    statistic: float
    df: int
    p_value: float
    reason: str
    limits: str
    confidence: float
    unit: str


def survival_difference(
    tte: TimeToEvent,
    by: ArrayLike,
    time: float,
    *,
    limits: str = "log-log",
    confidence: float = 0.95,
) -> tuple[SurvivalDifference, ...]:
    r"""Compare survival at a fixed time between each group and the first.

    The time has to be chosen before the curves are seen. On the log-log scale
    :math:`c = \log(-\log S)` the test is :math:`(c_1 - c_0)^2 / (v_1 + v_0)` with :math:`v` the
    variances of c; the limits of the difference square and add those of the two groups, so that
    it stays within -1 and 1: the lower one is :math:`d - \sqrt{(S_1 - l_1)^2 + (u_0 - S_0)^2}`.
    The two come from different approximations and may disagree where p is near 1 - `confidence`.
    On the plain scale both are those of a normal difference.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries. Where a weight is not whole
        the standard errors are robust.
    by : (n,) labels
        The first label in order is the reference.
    time : float
        The fixed time, in the unit of the follow-up.
    limits : {"log-log", "plain"}
        Scale of the test and the limits.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    tuple of SurvivalDifference
        One for each group but the first.

    Raises
    ------
    NotEstimable
        If there is one group only.
    BadInput
        If the time is less than zero, a label is missing or an option is unknown.

    Notes
    -----
    There is no test, and there are no limits, where survival of a group is 0 or 1 or its follow-up
    has ended: its standard error then says nothing.

    Agrees with the same formulas on R's ``summary(survfit(conf.type = limits), times = time)`` to
    1e-9 relative (``tests/reference/survival_difference.json``).

    References
    ----------
    .. [1] Klein JP, Logan B, Harhoff M, Andersen PK (2007). Stat Med 26:4505-4519.
           doi:10.1002/sim.2864
    .. [2] Zou GY, Donner A (2008). Stat Med 27:1693-1702. doi:10.1002/sim.3095

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([1, 2, 8, 9, 1, 4, 5, 9], [1, 0, 1, 1, 1, 1, 1, 0])
    >>> (one,) = survival_difference(tte, list("aaaabbbb"), 6)
    >>> one.group, one.estimate, round(one.lower, 4), round(one.upper, 4), round(one.p_value, 4)
    ('b', -0.5, -0.8201, 0.248, 0.1834)
    """
    choice("limits", limits, SCALES)
    z = normal_quantile(confidence)
    curves = kaplan_meier(tte, by=by, limits=limits, confidence=confidence)
    if len(curves) < 2:
        raise NotEstimable("There is one group only; a difference needs two.")
    points = [curve.at([time]) for curve in curves]
    differences = []
    for curve, point in zip(curves[1:], points[1:], strict=True):
        estimate, std_error, lower, upper, test = _differ(point, points[0], limits, z)
        differences.append(
            SurvivalDifference(
                group=str(curve.group),
                reference=str(curves[0].group),
                time=float(time),
                estimate=estimate,
                std_error=std_error,
                lower=lower,
                upper=upper,
                statistic=test.statistic,
                df=test.df,
                p_value=test.p_value,
                reason=test.reason,
                limits=limits,
                confidence=confidence,
                unit=tte.unit,
            )
        )
    return tuple(differences)


def _differ(
    one: SurvivalAt, other: SurvivalAt, limits: str, z: float
) -> tuple[float, float, float, float, Test]:
    """Return the difference of two curves at a time, its error and limits, and the test."""
    s, error, low, high = (
        np.array([getattr(point, name)[0] for point in (one, other)])
        for name in ("survival", "std_error", "lower", "upper")
    )
    estimate = float(s[0] - s[1])
    if np.isnan(low).any():
        reason = (
            one.reasons[0] or other.reasons[0] or "not estimable: survival of a group is 0 or 1"
        )
        return estimate, math.nan, math.nan, math.nan, Test.none(1, reason)
    std_error = math.hypot(*error)
    if limits == "log-log":
        scale, slope = np.log(-np.log(s)), s * np.log(s)
        below, above = (
            math.hypot(s[0] - low[0], high[1] - s[1]),
            math.hypot(high[0] - s[0], s[1] - low[1]),
        )
    else:
        scale, slope = s, np.ones(2)
        below = above = z * std_error
    distance = float(scale[0] - scale[1]) / math.hypot(*(error / slope))
    test = Test.chi_square(distance**2, 1)
    return estimate, std_error, estimate - below, estimate + above, test
