"""Cox's partial likelihood with its derivatives, from sums over the risk sets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Indices, sums
from survival_bzd.estimate.tally import CHUNK


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """What Cox's model is fitted to.

    Attributes
    ----------
    x : (n, p) covariates, each centred.
    event : (n,) whether the follow-up ended with the event.
    weight : (n,) case weights.
    place : where each patient stands on the time scale of their stratum.
    """

    x: Floats
    event: NDArray[np.bool_]
    weight: Floats
    place: Cells

    @cached_property
    def spread(self) -> Floats:
        """(p,) standard deviation of each covariate."""
        squares = np.array([self.weight @ (column * column) for column in self.x.T])
        spread: Floats = np.sqrt(squares / self.weight.sum())
        return spread

    def only(self, columns: Indices) -> Sample:
        """Return the sample with some of the covariates."""
        return self if columns.size == self.x.shape[1] else replace(self, x=self.x[:, columns])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slopes:
    """The log likelihood at one point with what Newton's method asks for.

    Attributes
    ----------
    loglik : the log likelihood.
    score : (p,) its first derivative.
    information : (p, p) its second derivative, sign changed.
    """

    loglik: float
    score: Floats
    information: Floats

    def only(self, columns: Indices) -> Slopes:
        """Return the slopes at 0 of the model with some of the covariates."""
        return Slopes(
            loglik=self.loglik,
            score=self.score[columns],
            information=self.information[np.ix_(columns, columns)],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extension:
    """Derivatives at one point of the model to which each covariate times g(time) is added.

    Attributes
    ----------
    score : (p,) gradient of the added coefficients, at 0.
    plain, once, twice : (p, p) information of the fitted coefficients, between fitted and added,
        and of the added.
    """

    score: Floats
    plain: Floats
    once: Floats
    twice: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Deaths:
    """The terms of the likelihood: one per event (Efron) or event time (Breslow).

    Attributes
    ----------
    cell : (m,) cell of the term.
    starts : the first term of each cell that has one.
    fraction : (m,) share of the cell's events already taken out of the risk set.
    mass : (m,) weight of the term.
    """

    cell: Indices
    starts: Indices
    fraction: Floats
    mass: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hazards:
    r"""Sums over the terms of each cell, at one point.

    With risk r = w exp(x beta), S its sum over the risk set, D over the events of the cell, the
    denominators are S - f D. Superscripts on S and D, 0 and 1, are powers of x.

    Attributes
    ----------
    risk : (n,) w exp(x beta), but for a constant.
    log_sum : sum of mass times log denominator.
    s1, d1 : (k, p) sums of r x over the risk set and over the events.
    a, b : (k,) sums of mass / denominator, and of the same times f.
    alpha, beta, gamma : (k,) sums of mass f**q / denominator**2 for q = 0, 1, 2.
    """

    risk: Floats
    log_sum: float
    s1: Floats
    d1: Floats
    a: Floats
    b: Floats
    alpha: Floats
    beta: Floats
    gamma: Floats


class PartialLikelihood:
    """Efron's or Breslow's partial likelihood of a sample."""

    def __init__(self, sample: Sample, ties: str) -> None:
        self.sample = sample
        self.ties = ties
        self.deaths = _deaths(sample, ties)
        self._event_weight = np.where(sample.event, sample.weight, 0.0)
        self._event_sum = sample.x.T @ self._event_weight
        # Each cell has two bins: of those whose follow-up ends there, and of those with the event.
        self._bin = 2 * sample.place.last + sample.event

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.sample.x.shape[1])

    def slopes(self, beta: Floats) -> Slopes:
        """Return the log likelihood, its gradient and the information."""
        eta = self.sample.x @ beta
        eta -= eta.max()
        hazards = self._hazards(eta)
        if not np.isfinite(hazards.log_sum):
            # exp(x beta) underflows: the step went far beyond where the likelihood can be told.
            nowhere = np.full(self.p, np.nan)
            return Slopes(loglik=-np.inf, score=nowhere, information=np.diag(nowhere))
        lived = hazards.risk * self.exposure(hazards)
        return Slopes(
            loglik=float(self._event_weight @ eta) - hazards.log_sum,
            score=self._event_sum - self.sample.x.T @ lived,
            information=self._information(hazards, lived, None),
        )

    def hazards(self, beta: Floats) -> Hazards:
        """Return the sums over the risk sets from which residuals and tests are made."""
        eta = self.sample.x @ beta
        return self._hazards(eta - eta.max())

    def extension(self, beta: Floats, g: Floats) -> Extension:
        """Return the score and information of the model extended by x times g, per cell."""
        sample = self.sample
        h = self.hazards(beta)
        weight = self._event_weight * g[sample.place.last]
        lived, once, twice = (h.risk * self.exposure(h, f) for f in (None, g, g**2))
        return Extension(
            score=sample.x.T @ (weight - once),
            plain=self._information(h, lived, None),
            once=self._information(h, once, g),
            twice=self._information(h, twice, g**2),
        )

    def exposure(self, hazards: Hazards, g: Floats | None = None) -> Floats:
        """Return (n,) the hazard each patient lived through, each cell's counted `g` times."""
        a, b = (hazards.a, hazards.b) if g is None else (g * hazards.a, g * hazards.b)
        place = self.sample.place
        total = place.cumulative(a)
        # Those with the event are spared a part of their own cell.
        lived: Floats = np.stack([total, total - b], axis=1).ravel()[self._bin]
        if place.first is not None:
            lived -= np.append(total - a, 0.0)[place.first]
        return lived

    def _information(self, hazards: Hazards, lived: Floats, g: Floats | None) -> Floats:
        """Return the information, each cell's counted `g` times; `lived` is the risk lived through.

        The sum over cells of a sum over the risk set is a sum over patients of the hazard each
        lived through, so no moment matrix is needed for any single time.
        """
        h = hazards
        alpha, beta, gamma = (
            each if g is None else g * each for each in (h.alpha, h.beta, h.gamma)
        )
        squares = weighted_products(h.s1, alpha, h.s1)
        if self.ties == "efron":
            cross = weighted_products(h.s1, beta, h.d1)
            squares += weighted_products(h.d1, gamma, h.d1) - (cross + cross.T)
        information: Floats = weighted_products(self.sample.x, lived, self.sample.x) - squares
        return (information + information.T) / 2

    def _hazards(self, eta: Floats) -> Hazards:
        """Return the sums for linear predictors of which the largest is near 0."""
        deaths = self.deaths
        risk = np.exp(eta)
        risk *= self.sample.weight
        at_risk, dying = self._moments(risk)
        denominator = at_risk[0][deaths.cell] - deaths.fraction * dying[0][deaths.cell]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_sum = float(deaths.mass @ np.log(denominator))
            hazard = deaths.mass / denominator
            steep = hazard / denominator
        return Hazards(
            risk=risk,
            log_sum=log_sum,
            s1=at_risk[1:].T,
            d1=dying[1:].T,
            a=self._per_cell(hazard),
            b=self._per_cell(hazard * deaths.fraction),
            alpha=self._per_cell(steep),
            beta=self._per_cell(steep * deaths.fraction),
            gamma=self._per_cell(steep * deaths.fraction**2),
        )

    def _moments(self, risk: Floats) -> tuple[Floats, Floats]:
        """Return (1 + p, k) sums of risk and of risk times x, over the risk sets and the events."""
        place, x = self.sample.place, self.sample.x
        bins = np.zeros((1 + self.p, 2 * place.k))
        step = CHUNK if 8 * place.k <= CHUNK else risk.size
        for start in range(0, risk.size, step):
            rows = slice(start, start + step)
            where, part = self._bin[rows], risk[rows]
            bins[0] += np.bincount(where, part, minlength=bins.shape[1])
            for column in range(self.p):
                product = part * x[rows, column]
                bins[1 + column] += np.bincount(where, product, minlength=bins.shape[1])
        dying = bins[:, 1::2]
        at_risk = place.onward((bins[:, ::2] + dying).T).T
        if place.first is not None:
            moments = np.column_stack([risk, risk[:, None] * x])
            entering = sums(place.first, moments, place.k)
            at_risk = at_risk - (place.onward(entering) - entering).T
        return at_risk, dying

    def _per_cell(self, values: Floats) -> Floats:
        """Sum (m,) values of the terms by cell; the terms of a cell lie together."""
        deaths, total = self.deaths, np.zeros(self.sample.place.k)
        total[deaths.cell[deaths.starts]] = np.add.reduceat(values, deaths.starts)
        return total


def weighted_products(a: Floats, weight: Floats, b: Floats) -> Floats:
    """Return a' diag(weight) b of (n, p) matrices, by pieces that stay in the cache."""
    total = np.zeros((a.shape[1], b.shape[1]))
    step = max(CHUNK // (1 + b.shape[1]), 256)
    for start in range(0, weight.size, step):
        rows = slice(start, start + step)
        total += a[rows].T @ (weight[rows, None] * b[rows])
    return total


def _deaths(sample: Sample, ties: str) -> _Deaths:
    """List the terms of the likelihood."""
    people = sample.place.totals(None, sample.event).astype(np.intp)
    mass = sample.place.totals(sample.weight, sample.event)
    cell = np.flatnonzero(people)
    if ties == "breslow":
        starts = np.arange(cell.size)
        return _Deaths(cell=cell, starts=starts, fraction=np.zeros(cell.size), mass=mass[cell])
    count = people[cell]
    starts = np.cumsum(count) - count
    place = np.arange(count.sum()) - np.repeat(starts, count)
    each = np.repeat(cell, count)
    return _Deaths(
        cell=each,
        starts=starts,
        fraction=place / people[each],
        mass=mass[each] / people[each],
    )
