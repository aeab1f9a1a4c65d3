"""The masses that maximise the likelihood of interval-censored times, by an active set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survival_bzd.errors import NotEstimable
from survival_bzd.estimate.interval_censored.support import Kinds
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Indices

TOLERANCE = 1e-10
"""How far the Kuhn-Tucker conditions may be missed, relative to the sum of weights."""

_DENSE = 600
"""Support intervals with mass above which the linear systems are sparse ones."""

_STEPS = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """The maximum of the likelihood over the masses of m support intervals.

    Attributes
    ----------
    mass : (m,) not below zero, with sum 1.
    gradient : (m,) derivative of the log likelihood by each mass, relative to the sum of weights:
        1 where there is mass and at most 1 elsewhere.
    log_likelihood : at the maximum.
    violation : by how much the gradient misses that, at most.
    """

    mass: Floats
    gradient: Floats
    log_likelihood: float
    violation: float


def maximise(
    kinds: Kinds,
    weight: Floats,
    m: int,
    *,
    start: Floats | None = None,
    tolerance: float = TOLERANCE,
) -> Maximum:
    """Maximise the sum of weight times log of the mass in each kind's run of support intervals.

    Newton's method on the support intervals with mass; where the gradient between two of these
    asks for mass, the steepest place joins them, and masses that would fall below zero leave.

    Parameters
    ----------
    kinds, m : which of the m support intervals each kind covers.
    weight : (r,) sum of the weights of each kind, above zero.
    start : (m,) masses to begin with, some in every run; by default few that lie in every run.
    tolerance : where to stop.
    """
    total = float(weight.sum())
    mass = _stabbing(kinds, weight, m) if start is None else start / start.sum()
    polished = tolerance > TOLERANCE
    for _ in range(_STEPS):
        density, gradient = _gradient(kinds, weight, mass, total)
        violation = _violation(mass, gradient)
        if violation <= tolerance and polished:
            break
        # Newton's steps square the error: one more than is needed costs little.
        polished = polished or violation <= tolerance
        moved = _step(kinds, weight, mass, density, gradient, total)
        if moved is None:
            break
        mass = moved
    if violation > max(tolerance, 1e-9):
        raise NotEstimable(
            f"the interval-censored curve did not converge: the Kuhn-Tucker conditions are missed "
            f"by {violation:.1e} of the sum of weights"
        )
    return Maximum(
        mass=mass,
        gradient=gradient,
        log_likelihood=float(weight @ np.log(density)),
        violation=violation,
    )


def _stabbing(kinds: Kinds, weight: Floats, m: int) -> Floats:
    """Begin with the fewest support intervals that lie in every run, after one step of EM."""
    mass = np.zeros(m)
    mass[fewest(kinds.first, kinds.last, m)] = 1.0
    mass *= _gradient(kinds, weight, mass, 1.0)[1]
    mass /= mass.sum()
    return mass


def fewest(first: Indices, last: Indices, m: int) -> Indices:
    """Return the fewest of m places that lie in every run."""
    nearest = np.full(m + 1, m, dtype=np.intp)
    np.minimum.at(nearest, first, last)
    following = np.minimum.accumulate(nearest[::-1])[::-1].tolist()
    chosen = []
    place = following[0]
    while place < m:
        chosen.append(place)
        place = following[place + 1]
    return np.array(chosen, dtype=np.intp)


def _gradient(kinds: Kinds, weight: Floats, mass: Floats, total: float) -> tuple[Floats, Floats]:
    """Return the mass in each run and the derivative of the log likelihood over the total."""
    upto = np.zeros(mass.size + 1)
    np.cumsum(mass, out=upto[1:])
    density = upto[kinds.last + 1] - upto[kinds.first]
    ratio = weight / (density * total)
    size = mass.size + 1
    change = np.bincount(kinds.first, ratio, size) - np.bincount(kinds.last + 1, ratio, size)
    return density, np.cumsum(change[:-1])


def _violation(mass: Floats, gradient: Floats) -> float:
    """Return how far the gradient is from 1 where there is mass, and above 1 elsewhere."""
    excess = gradient - 1
    return float(max(excess.max(), np.abs(excess[mass > 0]).max()))


def _step(
    kinds: Kinds, weight: Floats, mass: Floats, density: Floats, gradient: Floats, total: float
) -> Floats | None:
    """Return the masses after one step; None where no step improves on them any more."""
    active = joined(mass, gradient - 1)
    member = np.zeros(mass.size + 1, dtype=np.intp)
    member[active + 1] = 1
    position = np.cumsum(member)
    first, last = position[kinds.first], position[kinds.last + 1] - 1
    curvature = weight / (density * density * total)
    current, slope = mass[active], gradient[active]
    system = System(first, last, curvature, active.size)
    # The sum of the masses is 1 at the maximum of log likelihood less total times the sum.
    target = quadratic(system, current, 2 * slope - 1)
    direction = target - current
    rise = float((slope - 1) @ direction)
    length, floor = 1.0, _height(density, weight, total)
    upto = np.zeros(active.size + 1)
    while rise > 0 and length > 1e-10:
        moved = current + length * direction
        np.cumsum(moved, out=upto[1:])
        run = upto[last + 1] - upto[first]
        if run.min() > 0:
            # Masses times a constant rise highest where their sum is 1.
            gain = _height(run / upto[-1], weight, total) - floor
            if gain >= 1e-4 * length * rise or (length == 1 and rise < 1e-11):
                result = np.zeros(mass.size)
                result[active] = moved / upto[-1]
                return result
        length /= 2
    return None


def _height(density: Floats, weight: Floats, total: float) -> float:
    return float(weight @ np.log(density)) / total


def joined(mass: Floats, excess: Floats) -> Indices:
    """Return the places with mass, and between each two the one most in want of it, if any is."""
    held = mass > 0
    stretch = np.cumsum(held)
    asking = np.flatnonzero((excess > 0) & ~held)
    if asking.size:
        own = stretch[asking]
        starts = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))
        top = np.maximum.reduceat(excess[asking], starts)
        sizes = np.diff(np.append(starts, asking.size))
        best = asking[excess[asking] == np.repeat(top, sizes)]
        held = held.copy()
        held[best[np.concatenate([[True], stretch[best][1:] != stretch[best][:-1]])]] = True
    return np.flatnonzero(held)


class System:
    """The matrix sum of curvature times the outer square of each run's indicator."""

    def __init__(self, first: Indices, last: Indices, curvature: Floats, k: int) -> None:
        self.first, self.last, self.curvature, self.k = first, last, curvature, k
        self.matrix = _gram(first, last, curvature, k) if k <= _DENSE else None

    def solve(self, kept: Indices, right: Floats) -> Floats:
        """Solve for the places kept, the others being zero."""
        if self.matrix is not None:
            block: Floats = self.matrix[np.ix_(kept, kept)]
            return np.asarray(np.linalg.solve(block, right[kept]), dtype=np.float64)
        return self._sparse(kept, right[kept])

    def _sparse(self, kept: Indices, right: Floats) -> Floats:
        """Solve for the sums up to each place: each run then ties two of them together."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.linalg import splu

        held = np.zeros(self.k + 1, dtype=np.intp)
        held[kept + 1] = 1
        position = np.cumsum(held)
        # Node 0 is the sum before the first place: nothing.
        low, high = position[self.first], position[self.last + 1]
        size = kept.size + 1
        laplacian = coo_matrix(
            (
                np.concatenate([self.curvature, self.curvature, -self.curvature, -self.curvature]),
                (
                    np.concatenate([low, high, low, high]),
                    np.concatenate([low, high, high, low]),
                ),
            ),
            shape=(size, size),
        ).tocsc()[1:, 1:]
        factor = splu(
            laplacian, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )  # fmt: skip
        found = np.zeros(kept.size)
        for _ in range(2):
            # Differences of sums that are near each other lose digits: solved for again.
            upto = np.concatenate([[0.0], np.cumsum(found)])
            pull = self.curvature * (upto[high] - upto[low])
            change = np.bincount(low, pull, size) - np.bincount(high, pull, size)
            rest = right - np.cumsum(change[:-1])
            found += np.diff(factor.solve(rest - np.append(rest[1:], 0.0)), prepend=0.0)
        return found

    def value(self, x: Floats, right: Floats) -> float:
        """Return the quadratic form x'Gx / 2 - right'x."""
        upto = np.zeros(self.k + 1)
        np.cumsum(x, out=upto[1:])
        run = upto[self.last + 1] - upto[self.first]
        return float(self.curvature @ (run * run)) / 2 - float(right @ x)


def _gram(first: Indices, last: Indices, curvature: Floats, k: int) -> Floats:
    """Sum the curvature of the runs that hold both places, for every two places."""
    table = np.bincount(first * k + last, curvature, k * k).reshape(k, k)
    # Runs that begin at or before a place and end at or after another.
    held = np.cumsum(table, axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
    both: Floats = np.triu(held) + np.triu(held, 1).T
    return both


def quadratic(system: System, current: Floats, right: Floats) -> Floats:
    """Move from `current` down the quadratic form, none below zero."""
    kept = np.arange(current.size)
    bound = system.value(current, right)
    while kept.size:
        target = np.zeros(current.size)
        target[kept] = system.solve(kept, right)
        below = target[kept] <= 0
        if not below.any():
            if system.value(target, right) < bound:
                return target
            break
        kept = kept[~below]
    return _one_by_one(system, current.copy(), right)


def _one_by_one(system: System, current: Floats, right: Floats) -> Floats:
    """Do so with only the first place that reaches zero leaving at a time."""
    kept = np.arange(current.size)
    while True:
        target = np.zeros(current.size)
        target[kept] = system.solve(kept, right)
        below = kept[target[kept] <= 0]
        if not below.size:
            return target
        fall = current[below] - target[below]
        share = np.divide(current[below], fall, out=np.zeros(below.size), where=fall > 0)
        length = float(share.min())
        current = current + length * (target - current)
        current[below[share <= length]] = 0.0
        kept = np.setdiff1d(kept, below[share <= length], assume_unique=True)
        if not kept.size:
            return current
