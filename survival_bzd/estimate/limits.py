"""Confidence limits of a probability, symmetric on a scale of choice."""

from __future__ import annotations

import numpy as np

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.tally import CHUNK

SCALES = ("log-log", "log", "plain", "arcsin", "logit")


def limits_of(survival: Floats, std_error: Floats, scale: str, z: float) -> tuple[Floats, Floats]:
    """Return the limits of survival probabilities, symmetric by `z` standard errors on `scale`.

    They stay inside [0, 1], and are NaN where survival is 0 or 1: there the standard error says
    nothing about the uncertainty.
    """
    lower, upper = np.empty_like(survival), np.empty_like(survival)
    for start in range(0, survival.size, CHUNK):
        part = slice(start, start + CHUNK)
        inside = (survival[part] > 0) & (survival[part] < 1)
        s = np.where(inside, survival[part], np.nan)
        # What overflows is clipped: within rounding of 0 or 1 a limit may be 0 or 1.
        with np.errstate(over="ignore"):
            limits = _SCALES[scale](s, z * std_error[part])
        for limit, side in zip(limits, (lower, upper), strict=True):
            np.clip(limit, 0.0, 1.0, out=side[part])
    return lower, upper


def _plain(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    return s - margin, s + margin


def _log(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    step = margin / s
    return s * np.exp(-step), s * np.exp(step)


def _log_log(s: Floats, margin: Floats) -> tuple[Floats, Floats]:
    hazard = -np.log(s)
    step = margin / (s * hazard)
    return np.exp(-hazard * np.exp(step)), np.exp(-hazard * np.exp(-step))


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
