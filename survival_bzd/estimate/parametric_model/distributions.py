"""The parametric models: cumulative hazard and hazard, as functions of unbounded parameters.

Every function takes complex parameters: a step of 1e-30 along the imaginary axis then gives the
derivative to the last digit, so no derivative is written twice.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats

Array = NDArray[Any]
"""Real or complex."""


class Model(ABC):
    """One distribution of the time to relapse; `theta` are its unbounded parameters.

    Attributes
    ----------
    name : what users call it.
    parameters : names of the parameters as reported.
    kinds : per parameter how `theta` becomes what is reported: ``"positive"`` by exp,
        ``"fraction"`` by the inverse logit, ``"any"`` as it is.
    """

    name: str
    parameters: tuple[str, ...]
    kinds: tuple[str, ...]

    @abstractmethod
    def hazard(self, theta: Array, time: Floats) -> tuple[Array, Array]:
        """Return the logarithm of the hazard and the cumulative hazard at times above 0."""

    def cumulative(self, theta: Array, time: Floats) -> Array:
        """Return the cumulative hazard at times from 0 on."""
        total = np.zeros(time.shape, dtype=theta.dtype)
        later = time > 0
        total[later] = self.hazard(theta, time[later])[1]
        return total

    def reported(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return the parameters as reported, and the derivative of each."""
        values, slopes = theta.copy(), np.ones_like(theta)
        for place, kind in enumerate(self.kinds):
            if kind == "positive":
                values[place] = slopes[place] = math.exp(theta[place])
            elif kind == "fraction":
                values[place] = 1 / (1 + math.exp(-theta[place]))
                slopes[place] = values[place] * (1 - values[place])
        return values, slopes

    def never(self, theta: Floats) -> float:
        """Return the probability that the event never happens."""
        return 0.0


class Weibull(Model):
    """S(t) = exp(-(t / scale)^shape)."""

    name = "weibull"
    parameters = ("scale", "shape")
    kinds = ("positive", "positive")

    def hazard(self, theta: Array, time: Floats) -> tuple[Array, Array]:
        """Return the logarithm of the hazard and the cumulative hazard."""
        power = np.exp(theta[1]) * (np.log(time) - theta[0])
        return theta[1] - np.log(time) + power, np.exp(power)


class LogLogistic(Model):
    """S(t) = 1 / (1 + (t / scale)^shape)."""

    name = "log-logistic"
    parameters = ("scale", "shape")
    kinds = ("positive", "positive")

    def hazard(self, theta: Array, time: Floats) -> tuple[Array, Array]:
        """Return the logarithm of the hazard and the cumulative hazard."""
        power = np.exp(theta[1]) * (np.log(time) - theta[0])
        # log(1 + exp(power)) without overflow, for complex numbers too.
        big = power.real > 0
        total = np.log1p(np.exp(np.where(big, -power, power))) + np.where(big, power, 0)
        return theta[1] - np.log(time) + power - total, total


class LogNormal(Model):
    """The logarithm of the time is normal with mean mu and standard deviation sigma."""

    name = "log-normal"
    parameters = ("mu", "sigma")
    kinds = ("any", "positive")

    def hazard(self, theta: Array, time: Floats) -> tuple[Array, Array]:
        """Return the logarithm of the hazard and the cumulative hazard."""
        from scipy.special import log_ndtr

        z = (np.log(time) - theta[0]) * np.exp(-theta[1])
        total = -log_ndtr(-z.real)
        if np.iscomplexobj(z):
            # log_ndtr loses digits of small imaginary parts: the slope by the formula instead.
            slope = np.exp(-z.real * z.real / 2 - math.log(2 * math.pi) / 2 + total)
            total = total + 1j * z.imag * slope
        density = -z * z / 2 - math.log(2 * math.pi) / 2 - theta[1] - np.log(time)
        return density + total, total


class Piecewise(Model):
    """A constant hazard in each window; without breaks the exponential distribution.

    Attributes
    ----------
    breaks : (m,) where the hazard changes, ascending, above 0; windows are (a, b].
    """

    def __init__(self, breaks: tuple[float, ...] = ()) -> None:
        self.name = "piecewise" if breaks else "exponential"
        self.breaks = breaks
        inner = tuple(f"rate {a:g} to {b:g}" for a, b in pairwise((0.0, *breaks)))
        self.parameters = (*inner, f"rate from {breaks[-1]:g}") if breaks else ("rate",)
        self.kinds = ("positive",) * len(self.parameters)

    def hazard(self, theta: Array, time: Floats) -> tuple[Array, Array]:
        """Return the logarithm of the hazard and the cumulative hazard."""
        edges = np.array([0.0, *self.breaks, np.inf])
        spent = np.clip(time[:, None], edges[:-1], edges[1:]) - edges[:-1]
        window = np.searchsorted(edges[1:-1], time, side="left")
        return theta[window], spent @ np.exp(theta)


class Spline(Model):
    """log H(t) is a natural cubic spline of log t (Royston and Parmar), linear beyond the knots.

    Attributes
    ----------
    knots : (m,) in time, ascending; the outer two included.
    """

    name = "spline"

    def __init__(self, knots: tuple[float, ...]) -> None:
        self.knots = knots
        self.parameters = tuple(f"gamma {place}" for place in range(len(knots)))
        self.kinds = ("any",) * len(knots)

    def hazard(self, theta: Array, time: Floats) -> tuple[Array, Array]:
        """Return the logarithm of the hazard and the cumulative hazard; NaN if H would fall."""
        x, knots = np.log(time), np.log(self.knots)
        value, slope = theta[0] + theta[1] * x, theta[1] * np.ones_like(x)
        for place, knot in enumerate(knots[1:-1], start=2):
            part = (knots[-1] - knot) / (knots[-1] - knots[0])
            for weight, at in ((1, knot), (-part, knots[0]), (part - 1, knots[-1])):
                beyond = np.maximum(x - at, 0)
                value = value + theta[place] * weight * beyond**3
                slope = slope + theta[place] * weight * 3 * beyond**2
        rising = np.where(slope.real > 0, slope, np.nan)
        return np.log(rising) + value - x, np.exp(value)

    def cumulative(self, theta: Array, time: Floats) -> Array:
        """Return the cumulative hazard at times from 0 on, also where it would fall."""
        total = np.zeros(time.shape, dtype=theta.dtype)
        later = time > 0
        with np.errstate(invalid="ignore"):
            total[later] = self.hazard(theta, time[later])[1]
        return total


class Cure(Model):
    """A fraction never relapses; the times of the others are Weibull."""

    name = "cure"
    parameters = ("cured fraction", "scale", "shape")
    kinds = ("fraction", "positive", "positive")

    def hazard(self, theta: Array, time: Floats) -> tuple[Array, Array]:
        """Return the logarithm of the hazard and the cumulative hazard."""
        log_rate, inner = Weibull().hazard(theta[1:], time)
        # 1 - S = (1 - c)(1 - exp(-H)), with small H kept exact.
        uncured = 1 / (1 + np.exp(theta[0]))
        total = -np.log1p(uncured * np.expm1(-inner))
        return log_rate - inner + np.log(uncured) + total, total

    def never(self, theta: Floats) -> float:
        """Return the cured fraction."""
        return float(1 / (1 + math.exp(-theta[0])))
