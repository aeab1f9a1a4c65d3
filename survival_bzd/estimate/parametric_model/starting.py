"""Where lifelines finds the maximum; our own formulas then finish and check it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from survival_bzd.estimate.parametric_model.distributions import (
    Cure,
    LogLogistic,
    LogNormal,
    Model,
    Piecewise,
    Spline,
    Weibull,
)
from survival_bzd.estimate.parametric_model.likelihood import Times
from survival_bzd.estimate.quantities import Floats

EARLY = 1e-9
"""What stands for time 0 where lifelines would take its logarithm, in units of the mean time."""


def by_lifelines(model: Model, times: Times) -> Floats | None:
    """Fit a model with lifelines; None where it does not converge.

    lifelines goes astray on times in the thousands and knows no time 0, so times are divided by
    their mean, patients who say nothing are left out, and the parameters brought back.
    """
    told = times.right <= (times.lower > 0)
    if told.sum() < 2:
        # lifelines takes a column of one for a number.
        return None
    lower, upper = times.lower[told], times.upper[told]
    unit = float(np.where(np.isinf(upper), lower, upper).mean())
    lower, upper = np.maximum(lower / unit, EARLY), upper / unit
    entry, exact = times.entry[told] / unit, times.exact[told]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        from lifelines.exceptions import ConvergenceError

        fitter = _fitter(model, unit)
        further = {"entry": entry, "weights": times.weight[told]}
        try:
            if (exact | np.isinf(upper)).all():
                fitter.fit(lower, exact, **further)
            else:
                fitter.fit_interval_censoring(np.where(exact, upper, lower), upper, **further)
        except (ConvergenceError, ValueError, np.linalg.LinAlgError):
            return None
        found = np.asarray(fitter._fitted_parameters_, dtype=np.float64)
    if not np.isfinite(found).all():
        return None
    theta = _TRANSLATED[type(model)](found, unit)
    return theta if np.isfinite(theta).all() else None


def _fitter(model: Model, unit: float) -> Any:
    import lifelines

    if isinstance(model, Piecewise):
        if not model.breaks:
            return lifelines.ExponentialFitter()
        return lifelines.PiecewiseExponentialFitter([edge / unit for edge in model.breaks])
    if isinstance(model, Spline):
        return lifelines.SplineFitter(np.array(model.knots) / unit)
    if isinstance(model, Cure):
        return lifelines.MixtureCureFitter(base_fitter=lifelines.WeibullFitter())
    makers: dict[type[Model], Callable[[], Any]] = {
        Weibull: lifelines.WeibullFitter,
        LogNormal: lifelines.LogNormalFitter,
        LogLogistic: lifelines.LogLogisticFitter,
    }
    return makers[type(model)]()


def _scale_shape(found: Floats, unit: float) -> Floats:
    return np.log(found * [unit, 1.0])


def _mu_sigma(found: Floats, unit: float) -> Floats:
    return np.array([found[0] + math.log(unit), math.log(found[1])])


def _rates(found: Floats, unit: float) -> Floats:
    return -np.log(found * unit)


def _spline(found: Floats, unit: float) -> Floats:
    theta = found.copy()
    theta[0] -= found[1] * math.log(unit)
    return theta


def _cure(found: Floats, unit: float) -> Floats:
    cured = found[0]
    return np.concatenate([[math.log(cured / (1 - cured))], _scale_shape(found[1:], unit)])


_TRANSLATED: dict[type[Model], Callable[[Floats, float], Floats]] = {
    Weibull: _scale_shape,
    LogLogistic: _scale_shape,
    LogNormal: _mu_sigma,
    Piecewise: _rates,
    Spline: _spline,
    Cure: _cure,
}


def plain(model: Model, times: Times) -> Floats:
    """Return a start that needs no fit: a constant hazard, and half of the censored cured."""
    ends = np.where(times.right, times.lower, (times.lower + times.upper) / 2)
    events = float(times.weight[~times.right].sum())
    rate = events / float(times.weight @ np.maximum(ends - times.entry, 0))
    if isinstance(model, Piecewise):
        return np.full(len(model.parameters), math.log(rate))
    if isinstance(model, Spline):
        return np.array([math.log(rate), 1.0, *np.zeros(len(model.knots) - 2)])
    if isinstance(model, LogNormal):
        return np.array([-math.log(rate), 0.0])
    if isinstance(model, Cure):
        censored = float(times.weight @ times.right) / float(times.weight.sum())
        cured = min(max(censored / 2, 0.02), 0.9)
        return np.array([math.log(cured / (1 - cured)), math.log((1 - cured) / rate / 2), 0.0])
    return np.array([-math.log(rate), 0.0])
