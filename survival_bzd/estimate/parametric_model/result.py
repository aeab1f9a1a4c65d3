"""A fitted parametric model: its parameters, its curve, its quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.limits import limits_of
from survival_bzd.estimate.parametric_model.distributions import (
    Cure,
    LogLogistic,
    LogNormal,
    Model,
    Piecewise,
    Spline,
    Weibull,
)
from survival_bzd.estimate.parametric_model.likelihood import IMAGINARY
from survival_bzd.estimate.quantities import Estimate, Floats, frozen, normal_quantile
from survival_bzd.estimate.times_asked import snapped

if TYPE_CHECKING:
    import pandas as pd


PARAMETRIC_MODELS = (
    "exponential", "weibull", "log-normal", "log-logistic", "piecewise", "spline", "cure",
)  # fmt: skip
"""What `parametric` fits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParametricAt:
    """A parametric curve at the times asked for.

    Attributes
    ----------
    time : (m,) the times.
    survival, std_error, lower, upper : (m,) survival, its standard error by the delta method, its
        log-log limits; NaN where there are none.
    extrapolated : (m,) whether the time is beyond the last follow-up time, where only the model
        speaks.
    """

    time: Floats
    survival: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    extrapolated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParametricFit:
    """One model fitted to one group.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    model : one of `PARAMETRIC_MODELS`.
    n : patients.
    n_events : events, known exactly or within an interval; weighted.
    exact, interval, left, right : patients whose time is known, lies in (lower, upper], lies in
        (0, upper], or is censored.
    parameters : (p,) names; `docs/estimators/parametric.md` has the formulas.
    estimate, std_error, lower, upper : (p,) parameters with their limits, which are symmetric on
        the logarithm (of a fraction: the logit).
    log_likelihood : at the maximum, densities in the unit of time; comparable between models.
    aic, aicc, bic : criteria, smaller is better; the last two with the sum of the weights as n.
    breaks : where the hazard of ``"piecewise"`` changes.
    knots : knots of ``"spline"``, the outer two included.
    last_time : end of the follow-up; the curve goes beyond it.
    robust : whether standard errors are robust (clusters, or weights that are not whole).
    confidence : coverage of the limits.
    unit, label : unit of time, and what the event is.
    reason : why there is no fit; ``""`` where there is one. Without one all numbers are NaN.
    theta, covariance : (p,) and (p, p) unbounded parameters, and their covariance.
    """

    group: str | None
    model: str
    n: int
    n_events: float
    exact: int
    interval: int
    left: int
    right: int
    parameters: tuple[str, ...]
    estimate: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    log_likelihood: float
    aic: float
    aicc: float
    bic: float
    breaks: tuple[float, ...]
    knots: tuple[float, ...]
    last_time: float
    robust: bool
    confidence: float
    unit: str
    label: str
    reason: str
    theta: Floats
    covariance: Floats

    @property
    def cured(self) -> float:
        """The part that never relapses after the model; 0 for all but ``"cure"``."""
        return math.nan if self.reason else self._distribution.never(self.theta)

    @property
    def median(self) -> Estimate:
        """When half have relapsed."""
        return self.quantile(0.5)

    @property
    def _distribution(self) -> Model:
        return model_of(self.model, self.breaks, self.knots)

    def at(self, times: Sequence[float] | Floats | float) -> ParametricAt:
        """Return survival at times from 0 on, in the unit of the follow-up."""
        asked = snapped(np.atleast_1d(times), np.array([self.last_time]), "survival")
        if self.reason:
            nothing = frozen(np.full(asked.size, np.nan))
            return ParametricAt(time=frozen(asked), survival=nothing, std_error=nothing,
                                lower=nothing, upper=nothing,
                                extrapolated=asked > self.last_time)  # fmt: skip
        with np.errstate(over="ignore", invalid="ignore"):
            hazard = self._distribution.cumulative(self.theta, asked)
            slopes = self._slopes(asked)
        survival = np.exp(-hazard)
        slopes[survival == 0] = 0.0
        error = survival * np.sqrt(np.einsum("tp,pq,tq->t", slopes, self.covariance, slopes))
        lower, upper = limits_of(survival, error, "log-log", normal_quantile(self.confidence))
        return ParametricAt(
            time=frozen(asked), survival=frozen(survival), std_error=frozen(error),
            lower=frozen(lower), upper=frozen(upper), extrapolated=asked > self.last_time,
        )  # fmt: skip

    def quantile(self, p: float) -> Estimate:
        """Return when a part `p` has relapsed; limits are symmetric on the logarithm of time."""
        if not 0 < p < 1:
            raise BadInput([Fault(rule="a part must lie strictly between 0 and 1",
                                  value=f"{p:g}", remedy="Write .5 for the median.")])  # fmt: skip
        if self.reason:
            return _no_time(self.reason)
        model, goal = self._distribution, -math.log1p(-p)
        never = model.never(self.theta)
        if never >= 1 - p:
            return _no_time(f"not reached: after the model {100 * never:.1f}% stay free for good")
        when = _solve(model, self.theta, goal, self.last_time)
        if when is None:
            return _no_time(f"the curve does not fall to {1 - p:g} at any time")
        at = np.array([when])
        # d log t = -(dH / d theta) / (t h).
        rate = math.exp(float(model.hazard(self.theta, at)[0][0])) * when
        slope = -self._slopes(at)[0] / rate
        error = math.sqrt(float(slope @ self.covariance @ slope))
        z = normal_quantile(self.confidence)
        upper = exp_or_infinity(math.log(when) + z * error)
        lower = when * math.exp(-z * error)
        return Estimate(estimate=when, lower=lower, upper=upper, std_error=when * error)

    def _slopes(self, times: Floats) -> Floats:
        """Return the (m, p) derivatives of the cumulative hazard."""
        columns = []
        for place in range(self.theta.size):
            moved = self.theta.astype(np.complex128)
            moved[place] += IMAGINARY * 1j
            columns.append(self._distribution.cumulative(moved, times).imag / IMAGINARY)
        return np.stack(columns, axis=1)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per parameter."""
        import pandas as pd

        return pd.DataFrame(
            {
                "parameter": self.parameters,
                "estimate": self.estimate,
                "std_error": self.std_error,
                "lower": self.lower,
                "upper": self.upper,
            }
        )


def model_of(name: str, breaks: tuple[float, ...], knots: tuple[float, ...]) -> Model:
    """Return the model of a name."""
    if name == "piecewise":
        return Piecewise(breaks)
    if name == "spline":
        return Spline(knots)
    simple: dict[str, Model] = {
        "exponential": Piecewise(), "weibull": Weibull(), "log-normal": LogNormal(),
        "log-logistic": LogLogistic(), "cure": Cure(),
    }  # fmt: skip
    return simple[name]


def exp_or_infinity(value: float) -> float:
    """Return exp, infinity where it is too large for a number."""
    return math.exp(value) if value < 700 else math.inf


def _no_time(reason: str) -> Estimate:
    return Estimate(estimate=math.nan, reason=reason, lower_reason=reason, upper_reason=reason)


def _solve(model: Model, theta: Floats, goal: float, near: float) -> float | None:
    """Return when the cumulative hazard is `goal`, searching on the logarithm of time."""
    from scipy.optimize import brentq

    def above(log_time: float) -> float:
        with np.errstate(over="ignore"):
            total = float(model.cumulative(theta, np.array([math.exp(log_time)]))[0])
        return math.log(max(total, 1e-300) / goal)

    low = high = math.log(near)
    for stretch in range(40):
        if above(low) <= 0 <= above(high):
            return (
                math.exp(brentq(above, low, high, xtol=1e-15, rtol=1e-15)) if low < high else near
            )
        low, high = max(low - 2.0**stretch, -600), min(high + 2.0**stretch, 600)
    return None
