"""The likelihood of exact, interval-censored, left- and right-censored times, and its maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.parametric_model.distributions import Array, Model
from survival_bzd.estimate.quantities import Floats

IMAGINARY = 1e-30
STEPS = 200
DECREMENT = 1e-18
"""Twice what the log-likelihood could still gain, relative to itself, where Newton's steps end."""

FLAT = 1e-8
"""Smallest eigenvalue of the information, each parameter scaled to 1, that is not rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Times:
    """What is known of the m patients' times.

    Attributes
    ----------
    lower, upper : (m,) the time lies in (lower, upper]; equal where it is known, upper infinite
        where it is right-censored.
    entry : (m,) late entry, 0 where there is none.
    weight : (m,) case weights.
    """

    lower: Floats
    upper: Floats
    entry: Floats
    weight: Floats

    @property
    def exact(self) -> NDArray[np.bool_]:
        """(m,) whether the time is known."""
        known: NDArray[np.bool_] = np.equal(self.lower, self.upper)
        return known

    @property
    def right(self) -> NDArray[np.bool_]:
        """(m,) whether the time is right-censored."""
        return np.isinf(self.upper)


def contributions(model: Model, theta: Array, times: Times) -> Array:
    """Return the logarithm of each patient's likelihood, without the weight.

    Exact times contribute their density, so the values of all models are on one scale: that of the
    unit of time.
    """
    exact, right = times.exact, times.right
    inside = ~(exact | right)
    with np.errstate(all="ignore"):
        rows = model.cumulative(theta, times.entry)
        start = model.cumulative(theta, times.lower)
        rows = rows - start
        rows[exact] += model.hazard(theta, times.lower[exact])[0]
        if inside.any():
            passed = model.cumulative(theta, times.upper[inside]) - start[inside]
            rows[inside] += np.log(-np.expm1(-passed))
    return rows


def log_likelihood(model: Model, theta: Floats, times: Times) -> float:
    """Return the log-likelihood; minus infinity where it is not defined."""
    value = float(times.weight @ contributions(model, theta, times))
    return value if np.isfinite(value) else -np.inf


def scores(model: Model, theta: Floats, times: Times) -> Floats:
    """Return each patient's (m, p) derivatives, without the weight."""
    columns = []
    for place in range(theta.size):
        moved = theta.astype(np.complex128)
        moved[place] += IMAGINARY * 1j
        columns.append(contributions(model, moved, times).imag / IMAGINARY)
    return np.stack(columns, axis=1)


def gradient(model: Model, theta: Floats, times: Times) -> Floats:
    """Return the (p,) derivative of the log-likelihood."""
    slope: Floats = times.weight @ scores(model, theta, times)
    return slope


def information(model: Model, theta: Floats, times: Times) -> Floats:
    """Return the (p, p) observed information: the slope of the exact derivative."""
    rows = []
    for place in range(theta.size):
        step = np.zeros_like(theta)
        step[place] = 6e-6 * max(1.0, abs(float(theta[place])))
        up, down = gradient(model, theta + step, times), gradient(model, theta - step, times)
        rows.append((down - up) / (2 * step[place]))
    matrix = np.array(rows)
    symmetric: Floats = (matrix + matrix.T) / 2
    return symmetric


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """Where the likelihood is largest.

    Attributes
    ----------
    theta : (p,) there.
    value : the log-likelihood.
    covariance : (p, p) inverse of the information.
    found : whether the derivative vanishes there and the information is positive.
    """

    theta: Floats
    value: float
    covariance: Floats
    found: bool


def maximise(model: Model, theta: Floats, times: Times) -> Maximum:
    """Go by Newton's steps, damped where the likelihood is not concave, until nothing is gained."""
    value = log_likelihood(model, theta, times)
    for _ in range(STEPS):
        slope, curvature = gradient(model, theta, times), information(model, theta, times)
        if not (np.isfinite(slope).all() and np.isfinite(curvature).all()):
            break
        step, covariance = _newton(slope, curvature)
        gain = float(slope @ step)
        concave = bool(np.isfinite(covariance).all())
        if concave and gain < DECREMENT * max(1.0, abs(value)):
            # One last step: it gains nothing that the value shows, but halves the wrong digits.
            final = theta + step
            return Maximum(theta=final, value=log_likelihood(model, final, times),
                           covariance=covariance, found=True)  # fmt: skip
        theta, value, moved = _search(model, theta, value, step, gain, times)
        if not moved:
            # Rounding hides what is left: a maximum if what is left is nothing.
            found = concave and gain < 1e-12 * max(1.0, abs(value))
            return Maximum(theta=theta, value=value, covariance=covariance, found=found)
    nothing = np.full((theta.size, theta.size), np.nan)
    return Maximum(theta=theta, value=value, covariance=nothing, found=False)


def _newton(slope: Floats, curvature: Floats) -> tuple[Floats, Floats]:
    """Return an uphill step and the inverse of the curvature, NaN where that is not positive."""
    size = np.sqrt(np.maximum(np.abs(np.diag(curvature)), 1e-100))
    values, vectors = np.linalg.eigh(curvature / np.outer(size, size))
    along = vectors.T @ (slope / size)
    step = vectors @ (along / np.maximum(np.abs(values), 1e-6)) / size
    if values.min() <= FLAT:
        return step, np.full_like(curvature, np.nan)
    return vectors @ (along / values) / size, (vectors / values) @ vectors.T / np.outer(size, size)


def _search(
    model: Model, theta: Floats, value: float, step: Floats, gain: float, times: Times
) -> tuple[Floats, float, bool]:
    """Shorten the step until the likelihood grows."""
    length = min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
    for _ in range(50):
        tried = theta + length * step
        reached = log_likelihood(model, tried, times)
        if reached > value + 1e-4 * length * gain or (length == 1 and reached > value):
            return tried, reached, True
        length /= 2
    return theta, value, False
