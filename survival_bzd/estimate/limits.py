"""Confidence limits of a probability, symmetric on a scale of choice."""

from __future__ import annotations

import numpy as np

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.tally import parts

SCALES = ("log-log", "log", "plain", "arcsin", "logit")


def limits_of(survival: Floats, std_error: Floats, scale: str, z: float) -> tuple[Floats, Floats]:
    """Return the limits of survival probabilities, symmetric by `z` standard errors on `scale`.

    They stay inside [0, 1], and are NaN where survival is 0 or 1: there the standard error says
    nothing about the uncertainty.
    """
    lower, upper = np.empty_like(survival), np.empty_like(survival)
    for run in parts(survival.size):
        s = survival[run]
        inside = (s > 0) & (s < 1)
        if not inside.all():
            s = np.where(inside, s, np.nan)
        # What overflows is cut off: within rounding of 0 or 1 a limit may be 0 or 1.
        with np.errstate(over="ignore", divide="ignore"):
            lower[run], upper[run] = _SCALES[scale](s, z * std_error[run])
    return lower, upper


def _plain(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    return np.maximum(s - margin, 0.0), np.minimum(s + margin, 1.0)


def _log(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    step = margin / s
    return s * np.exp(-step), np.minimum(s * np.exp(step), 1.0)


def _log_log(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    log = np.log(s)
    # The logarithm is negative, and so is the step: the factor is below 1.
    step = margin / s
    step /= log
    factor = np.exp(step, out=step)
    lower = log / factor
    upper = np.multiply(log, factor, out=factor)
    return np.exp(lower, out=lower), np.exp(upper, out=upper)


def _arcsin(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    angle = np.arcsin(np.sqrt(s))
    step = margin / (2 * np.sqrt(s * (1 - s)))
    return (
        np.sin(np.maximum(angle - step, 0)) ** 2,
        np.sin(np.minimum(angle + step, np.pi / 2)) ** 2,
    )


def _logit(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    odds = s / (1 - s)
    step = margin / (s * (1 - s))
    low, high = odds * np.exp(-step), odds * np.exp(step)
    return low / (1 + low), 1 / (1 + 1 / high)


_SCALES = {"plain": _plain, "log": _log, "log-log": _log_log, "arcsin": _arcsin, "logit": _logit}
