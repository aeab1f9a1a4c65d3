"""Limits and tests of single coefficients from the likelihood itself."""

from __future__ import annotations

import math

import numpy as np

from survival_bzd.estimate.cox_model.maximise import CONVERGED, LogLikelihood, Maximum, maximise

ROUNDS = 60


def profile_limit(
    likelihood: LogLikelihood, best: Maximum, column: int, step: float, z: float, tolerance: float
) -> float:
    """Return where the profile log likelihood has fallen by z**2 / 2, in the direction of `step`.

    The signed root of twice the fall is nearly a straight line in the coefficient, so Newton's
    method on it needs few rounds; bisection keeps it inside what is known to hold the limit.

    Parameters
    ----------
    likelihood : what is profiled.
    best : its maximum.
    column : the coefficient.
    step : a first guess of the distance to the limit; its sign is the side.
    z : normal quantile of the confidence level.
    tolerance : convergence of the inner maximisation.

    Returns
    -------
    float
        The limit; NaN if it was not found.
    """
    others = np.delete(np.arange(likelihood.p), column)
    inner, outer = float(best.beta[column]), math.inf * step
    point = inner + step
    beta = best.beta
    for _ in range(ROUNDS):
        beta = beta.copy()
        beta[column] = point
        fit = maximise(likelihood, beta, others, tolerance=tolerance)
        beta = fit.beta
        fall = 2 * (best.slopes.loglik - fit.slopes.loglik)
        if not math.isfinite(fall):
            outer, point = point, (inner + point) / 2
            beta = best.beta
            continue
        root = math.sqrt(max(fall, 0.0))
        if abs(root - z) < 1e-9 * z:
            return point
        if root < z:
            inner = point
        else:
            outer = point
        point = _next(point, root - z, -fit.slopes.score[column] / max(root, 1e-8), inner, outer)
    return math.nan


def _next(point: float, excess: float, slope: float, inner: float, outer: float) -> float:
    """Return Newton's next point if it lies between the bounds; else a point that does."""
    guess = point - excess / slope if slope else math.nan
    low, high = min(inner, outer), max(inner, outer)
    if low < guess < high and abs(guess - inner) < 10 * (1 + abs(point - inner) + abs(inner)):
        return guess
    if math.isfinite(outer):
        return (inner + outer) / 2
    return inner + math.copysign(2 * max(abs(point - inner), 1.0), outer)


def profile_test(likelihood: LogLikelihood, best: Maximum, column: int, tolerance: float) -> float:
    """Return twice by how much the log likelihood falls when the coefficient is held at 0."""
    start = best.beta.copy()
    start[column] = 0.0
    others = np.delete(np.arange(likelihood.p), column)
    held = maximise(likelihood, start, others, tolerance=tolerance)
    return max(2 * (best.slopes.loglik - held.slopes.loglik), 0.0)


def tolerance_of(penalty: str) -> float:
    """Return how far to iterate: Firth's steps converge linearly, so they must go further."""
    return 1e-17 if penalty == "firth" else CONVERGED
