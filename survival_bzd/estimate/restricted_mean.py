"""Mean relapse-free time up to a horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.kaplan_meier import product_limit
from survival_bzd.estimate.quantities import Floats, normal_quantile
from survival_bzd.estimate.risk_sets import RiskSets, split


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMean:
    """Mean relapse-free time from 0 to `tau`: the area under the curve.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    tau : the horizon, in `unit`.
    estimate, std_error, lower, upper : the mean, its standard error and normal limits, in `unit`.
    confidence : coverage of the limits.
    unit : unit of time.
    """

    group: str | None
    tau: float
    estimate: float
    std_error: float
    lower: float
    upper: float
    confidence: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMeanDifference:
    """How much longer the mean relapse-free time is in `group` than in `reference`.

    Attributes
    ----------
    group, reference : labels of the two groups.
    tau : the common horizon, in `unit`.
    estimate, std_error, lower, upper : the difference, its standard error and normal limits.
    p_value : of no difference.
    confidence : coverage of the limits.
    unit : unit of time.
    """

    group: str
    reference: str
    tau: float
    estimate: float
    std_error: float
    lower: float
    upper: float
    p_value: float
    confidence: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMeanRatio:
    """How many times as long the mean relapse-free time is in `group` as in `reference`.

    Attributes
    ----------
    group, reference : labels of the two groups.
    tau : the common horizon, in `unit`.
    estimate, lower, upper : the ratio and its limits, normal on the logarithm.
    log_std_error : standard error of the logarithm.
    p_value : of a ratio of 1.
    confidence : coverage of the limits.
    unit : unit of time.
    """

    group: str
    reference: str
    tau: float
    estimate: float
    log_std_error: float
    lower: float
    upper: float
    p_value: float
    confidence: float
    unit: str


def restricted_mean(
    tte: TimeToEvent,
    *,
    tau: float | None = None,
    by: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[RestrictedMean, ...]:
    r"""Estimate the mean relapse-free time up to a horizon, :math:`\int_0^\tau S(t)\,dt`.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries.
    tau : float, optional
        The horizon. By default the last follow-up time of the group that is followed shortest.
    by : (n,) labels, optional
        A mean for each label, all to the same horizon.
    confidence : float, default 0.95
        Coverage of the limits, which are symmetric.

    Returns
    -------
    tuple of RestrictedMean
        One per group; a single one without `by`.

    Raises
    ------
    NotEstimable
        If `tau` is beyond the follow-up of a group whose survival has not reached 0.
    BadInput
        If `tau` is not more than zero.

    Notes
    -----
    Agrees with R ``print(survfit, rmean=tau)`` to 1e-9 relative
    (``tests/reference/restricted_mean.json``). As there, weights count as copies of a patient also
    where they are not whole: the standard error is never robust, though that of the curve is.

    References
    ----------
    .. [1] Royston P, Parmar MKB (2013). BMC Med Res Methodol 13:152. doi:10.1186/1471-2288-13-152

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> (mean,) = restricted_mean(TimeToEvent([10, 20, 30], [1, 1, 0]), tau=30)
    >>> round(mean.estimate, 6)
    20.0
    """
    z = normal_quantile(confidence)
    groups = split(tte, by)
    horizon = min(float(group.time.max()) for group in groups) if tau is None else float(tau)
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
    means = []
    for group in groups:
        mean, std_error = _area(group.counts(), horizon, group.label, tte.unit)
        means.append(
            RestrictedMean(
                group=group.label,
                tau=horizon,
                estimate=mean,
                std_error=std_error,
                lower=mean - z * std_error,
                upper=mean + z * std_error,
                confidence=confidence,
                unit=tte.unit,
            )
        )
    return tuple(means)


def restricted_mean_difference(
    tte: TimeToEvent,
    by: ArrayLike,
    *,
    tau: float | None = None,
    confidence: float = 0.95,
) -> tuple[RestrictedMeanDifference, ...]:
    """Compare the mean relapse-free time of each group with that of the first.

    Parameters
    ----------
    tte, tau, confidence
        As for `restricted_mean`.
    by : (n,) labels
        The first label in order is the reference.

    Returns
    -------
    tuple of RestrictedMeanDifference
        One for each group but the first.

    Raises
    ------
    NotEstimable
        If there is one group only, or `tau` is beyond the follow-up of a group.

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([10, 20, 30, 40], [1, 1, 1, 1])
    >>> (difference,) = restricted_mean_difference(tte, ["a", "b", "a", "b"], tau=20)
    >>> difference.estimate
    5.0
    """
    z = normal_quantile(confidence)
    reference, *others = restricted_mean(tte, tau=tau, by=by, confidence=confidence)
    if not others:
        raise NotEstimable("There is one group only; a difference needs two.")
    differences = []
    for other in others:
        estimate = other.estimate - reference.estimate
        std_error = math.hypot(other.std_error, reference.std_error)
        p_value = math.erfc(abs(estimate) / std_error / math.sqrt(2)) if std_error else math.nan
        differences.append(
            RestrictedMeanDifference(
                group=str(other.group),
                reference=str(reference.group),
                tau=other.tau,
                estimate=estimate,
                std_error=std_error,
                lower=estimate - z * std_error,
                upper=estimate + z * std_error,
                p_value=p_value,
                confidence=confidence,
                unit=tte.unit,
            )
        )
    return tuple(differences)


def restricted_mean_ratio(
    tte: TimeToEvent,
    by: ArrayLike,
    *,
    tau: float | None = None,
    confidence: float = 0.95,
) -> tuple[RestrictedMeanRatio, ...]:
    r"""Divide the mean relapse-free time of each group by that of the first.

    The logarithm has the variance :math:`(s_1 / m_1)^2 + (s_0 / m_0)^2` by the delta method.

    Parameters
    ----------
    tte, tau, confidence
        As for `restricted_mean`.
    by : (n,) labels
        The first label in order is the reference.

    Returns
    -------
    tuple of RestrictedMeanRatio
        One for each group but the first.

    Raises
    ------
    NotEstimable
        If there is one group only, a mean is 0, or `tau` is beyond the follow-up of a group.

    References
    ----------
    .. [1] Royston P, Parmar MKB (2013). BMC Med Res Methodol 13:152.
           doi:10.1186/1471-2288-13-152

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([10, 20, 30, 40], [1, 1, 1, 1])
    >>> (ratio,) = restricted_mean_ratio(tte, ["a", "b", "a", "b"], tau=20)
    >>> round(ratio.estimate, 4)
    1.3333
    """
    z = normal_quantile(confidence)
    reference, *others = restricted_mean(tte, tau=tau, by=by, confidence=confidence)
    if not others:
        raise NotEstimable("There is one group only; a ratio needs two.")
    ratios = []
    for other in others:
        if not (reference.estimate > 0 and other.estimate > 0):
            raise NotEstimable("A mean relapse-free time is 0; a ratio needs more than that.")
        log_ratio = math.log(other.estimate / reference.estimate)
        error = math.hypot(
            other.std_error / other.estimate, reference.std_error / reference.estimate
        )
        ratios.append(
            RestrictedMeanRatio(
                group=str(other.group),
                reference=str(reference.group),
                tau=other.tau,
                estimate=math.exp(log_ratio),
                log_std_error=error,
                lower=math.exp(log_ratio - z * error),
                upper=math.exp(log_ratio + z * error),
                p_value=math.erfc(abs(log_ratio) / error / math.sqrt(2)) if error else math.nan,
                confidence=confidence,
                unit=tte.unit,
            )
        )
    return tuple(ratios)


def _area(counts: RiskSets, tau: float, label: str | None, unit: str) -> tuple[float, float]:
    """Return the area under the curve up to tau and its standard error."""
    survival = product_limit(counts)
    if tau > counts.time[-1] and survival[-1] > 0:
        who = "follow-up" if label is None else f"follow-up of {label}"
        raise NotEstimable(
            f"The mean up to {tau:g} {unit} is not estimable: {who} ends at "
            f"{counts.time[-1]:g} {unit}. Choose a tau of at most that."
        )
    steps = int(np.searchsorted(counts.time, tau, side="right"))
    width = np.diff(np.concatenate([[0.0], counts.time[:steps], [tau]]))
    rectangle = width * np.concatenate([[1.0], survival[:steps]])
    remaining: Floats = np.cumsum(rectangle[:0:-1])[::-1]
    survivors = np.where(counts.emptied, np.inf, counts.at_risk - counts.events)[:steps]
    variance = counts.events[:steps] / (counts.at_risk[:steps] * survivors)
    return float(rectangle.sum()), math.sqrt(float(remaining**2 @ variance))
