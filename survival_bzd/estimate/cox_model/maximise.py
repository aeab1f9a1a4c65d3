"""The maximum of a concave log likelihood, or the direction in which it has none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample, Slopes
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Indices

MAX_STEPS = 200
CONVERGED = 1e-10
"""Gain in log likelihood below which a step is the last; after it the error is the square of it."""

SETTLED = 1e-19
"""Gain, as a share of the log likelihood, below which a step leaves the slopes as they are."""

ENOUGH = 1 << 16
"""Patients from which a part of them is asked first."""

STRIDE = 16
"""One patient in so many is the part."""

PATIENCE = 5
"""Steps to where the likelihood cannot be told after which it is taken to rise for ever."""

STEADY = 1e-4
"""By how much gains must shrink from step to step for the information to be used again."""


class LogLikelihood(Protocol):
    """What can be maximised."""

    @property
    def p(self) -> int:
        """Number of coefficients."""

    def slopes(self, beta: Floats) -> Slopes:
        """Return the log likelihood with its gradient and information."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """Where Newton's method ended.

    Attributes
    ----------
    beta : (p,) the point.
    slopes : likelihood, gradient and information there.
    step : (p,) the last step. Where the likelihood is monotone it points along the direction in
        which it rises for ever; else it is nearly 0.
    converged : whether the likelihood stopped rising.
    """

    beta: Floats
    slopes: Slopes
    step: Floats
    converged: bool


def maximise(
    likelihood: LogLikelihood,
    start: Floats,
    free: Indices,
    *,
    at: Slopes | None = None,
    tolerance: float = CONVERGED,
    reuse: bool = True,
) -> Maximum:
    """Maximise over the `free` coefficients, the others held, by Newton steps that climb.

    `at` are the slopes at the start, where they are known. `reuse` says whether information is
    taken for several steps, which costs more steps, and pays where information is what costs.
    """
    beta = start.copy()
    at = likelihood.slopes(beta) if at is None else at
    step = np.zeros_like(beta)
    informed, before, lost = at, 0.0, 0
    for _ in range(MAX_STEPS):
        if not reuse:
            informed = at
        step, gain = _newton(informed, at, free)
        if informed is not at and not abs(gain) <= STEADY * before:
            informed = at
            step, gain = _newton(at, at, free)
        if abs(gain) <= min(SETTLED * abs(at.loglik), tolerance):
            return Maximum(beta=beta + step, slopes=at, step=step, converged=True)
        full = step
        beta, step, reached, told = _climb(likelihood, beta, step, at)
        lost += not told
        if lost == PATIENCE:
            return Maximum(beta=beta, slopes=reached, step=full, converged=False)
        # A step by the information of another point leaves more than the square of its gain.
        last = abs(gain) <= tolerance if informed is at else abs(gain) * STEADY <= tolerance**2
        at, before = reached, abs(gain)
        if last or math.isnan(gain):
            return Maximum(beta=beta, slopes=at, step=step, converged=True)
        if not step.any():
            break
    return Maximum(beta=beta, slopes=at, step=step, converged=False)


def _newton(informed: Slopes, at: Slopes, free: Indices) -> tuple[Floats, float]:
    """Return the step up the slope by the information of a point, and what it promises."""
    if free.size == at.score.size:
        step = solve(informed.information, at.score)
    else:
        step = np.zeros_like(at.score)
        step[free] = solve(informed.information[np.ix_(free, free)], at.score[free])
    return step, float(at.score @ step)


def near_maximum(likelihood: PartialLikelihood, null: Slopes) -> tuple[Floats, Slopes]:
    """Return where to start, with the slopes there: the maximum of a part of many patients, or 0.

    It is 0 where the part has no maximum, or one at which everybody is less likely than at 0.
    """
    zero = np.zeros(likelihood.p)
    sample = likelihood.sample.every(STRIDE) if likelihood.sample.event.size >= ENOUGH else None
    if sample is None or np.count_nonzero(sample.event) < 20 * zero.size:
        return zero, null
    part = PartialLikelihood(sample, likelihood.ties)
    at = part.slopes(zero)
    if independent_columns(at.information).size < zero.size:
        return zero, null
    best = maximise(part, zero, np.arange(zero.size), at=at, tolerance=1e-3)
    if not best.converged or monotone_direction(sample, best.step) is not None:
        return zero, null
    reached = likelihood.slopes(best.beta)
    return (best.beta, reached) if reached.loglik > null.loglik else (zero, null)


def _climb(
    likelihood: LogLikelihood, beta: Floats, step: Floats, at: Slopes
) -> tuple[Floats, Floats, Slopes, bool]:
    """Take the step, halved until the likelihood does not fall by more than rounding.

    Returns the point, the step, the slopes, and whether the likelihood could be told all the way.

    Where it then falls as steeply as it had risen the step went to the far side of the maximum,
    and would go back and forth for ever: it ends where a straight line through both slopes is 0.
    """
    slack, told = 1e-12 * (1 + abs(at.loglik)), True
    for _ in range(20):
        reached = likelihood.slopes(beta + step)
        told &= reached.loglik > -math.inf
        if reached.loglik >= at.loglik - slack:
            break
        step = step / 2
    else:
        return beta, np.zeros_like(step), at, told
    rise, fall = float(at.score @ step), -float(reached.score @ step)
    if fall > rise / 2 > 0:
        shorter = step * (rise / (rise + fall))
        between = likelihood.slopes(beta + shorter)
        if between.loglik >= reached.loglik - slack:
            return beta + shorter, shorter, between, told
    return beta + step, step, reached, told


def solve(information: Floats, score: Floats) -> Floats:
    """Solve for a Newton step, on the scale on which every coefficient has information 1."""
    scale = np.sqrt(np.maximum(information.diagonal(), 1e-300))
    correlation = information / (scale[:, None] * scale)
    try:
        step: Floats = np.linalg.solve(correlation, score / scale)
    except np.linalg.LinAlgError:
        step = np.linalg.lstsq(correlation, score / scale, rcond=1e-14)[0]
    return step / scale


def inverse(information: Floats) -> Floats:
    """Invert an information matrix, on the scale on which every coefficient has information 1."""
    diagonal = information.diagonal()
    scale = np.sqrt(np.where(diagonal > 0, diagonal, np.nan))
    scales = scale[:, None] * scale
    try:
        inverted: Floats = np.linalg.inv(information / scales)
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)
    inverted /= scales
    return inverted


def independent_columns(information: Floats) -> Indices:
    """Return the columns that are not determined by those before them."""
    diagonal = information.diagonal()
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    left = information / (scale[:, None] * scale)
    kept = []
    for column in range(left.shape[0]):
        pivot = left[column, column]
        if pivot > 1e-10:
            kept.append(column)
            left = left - left[:, column, None] * (left[column] / pivot)
    return np.array(kept, dtype=np.intp)


def monotone_direction(sample: Sample, step: Floats) -> Floats | None:
    """Return the step, cleaned, if the likelihood rises along it for ever; else None.

    It does if at every event nobody at risk stands further along the direction than those who
    have it, and somebody stands less far: then the larger the coefficients, the likelier the data.
    """
    reach = np.abs(step) * sample.spread
    if not float(reach.max()) > 0.01:
        return None
    direction = np.where(reach > 1e-3 * reach.max(), step, 0.0) / reach.max()
    along = sample.x @ direction
    highest = _highest_at_risk(sample, along)[sample.place.last[sample.event]]
    lowest = -_highest_at_risk(sample, -along)[sample.place.last[sample.event]]
    own = along[sample.event]
    near = 1e-4
    rises = bool((own >= highest - near).all()) and bool((own > lowest + near).any())
    return direction if rises else None


def _highest_at_risk(sample: Sample, along: Floats) -> Floats:
    """Return in each cell the largest value among those at risk."""
    place = sample.place
    highest = np.full(place.k, -np.inf)
    if place.first is None:
        np.maximum.at(highest, place.last, along)
        for a, b in zip(place.starts[:-1], place.starts[1:], strict=True):
            highest[a:b] = np.maximum.accumulate(highest[a:b][::-1])[::-1]
        return highest
    # A late entry ends the reach of a value on both sides: widest first, each cell is set once.
    for row in np.argsort(along):
        highest[place.first[row] : place.last[row] + 1] = along[row]
    return highest
