"""Cox's partial likelihood with its derivatives, from sums over the risk sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Indices, sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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

    def only(self, columns: Indices) -> Sample:
        """Return the sample with some of the covariates."""
        return Sample(x=self.x[:, columns], event=self.event, weight=self.weight, place=self.place)


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
    fraction : (m,) share of the cell's events already taken out of the risk set.
    mass : (m,) weight of the term.
    """

    cell: Indices
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
    s1, d1 : (k, p) sums of r x over the risk set and over the events.
    a, b : (k,) sums of mass / denominator, and of the same times f.
    alpha, beta, gamma : (k,) sums of mass f**q / denominator**2 for q = 0, 1, 2.
    """

    risk: Floats
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
        self._event_sum = sample.x.T @ np.where(sample.event, sample.weight, 0.0)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.sample.x.shape[1])

    def slopes(self, beta: Floats) -> Slopes:
        """Return the log likelihood, its gradient and the information."""
        eta, risk, denominator = self._denominators(beta)
        if not (denominator > 0).all():
            # exp(x beta) underflows: the step went far beyond where the likelihood can be told.
            nowhere = np.full(self.p, np.nan)
            return Slopes(loglik=-np.inf, score=nowhere, information=np.diag(nowhere))
        hazards = self._hazards(risk, denominator)
        return Slopes(
            loglik=self._loglik(eta, denominator),
            score=self._event_sum - self.sample.x.T @ (risk * self.exposure(hazards)),
            information=self.information(hazards, np.ones(self.sample.place.k)),
        )

    def hazards(self, beta: Floats) -> Hazards:
        """Return the sums over the risk sets from which residuals and tests are made."""
        _, risk, denominator = self._denominators(beta)
        return self._hazards(risk, denominator)

    def extension(self, beta: Floats, g: Floats) -> Extension:
        """Return the score and information of the model extended by x times g, per cell."""
        sample = self.sample
        h = self.hazards(beta)
        weight = np.where(sample.event, sample.weight * g[sample.place.last], 0.0)
        return Extension(
            score=sample.x.T @ (weight - h.risk * self.exposure(h, g)),
            plain=self.information(h, np.ones_like(g)),
            once=self.information(h, g),
            twice=self.information(h, g**2),
        )

    def exposure(self, hazards: Hazards, g: Floats | None = None) -> Floats:
        """Return (n,) the hazard each patient lived through, each cell's counted `g` times."""
        a, b = (hazards.a, hazards.b) if g is None else (g * hazards.a, g * hazards.b)
        lived = self.sample.place.over_follow_up(a)
        return lived - np.where(self.sample.event, b[self.sample.place.last], 0.0)

    def information(self, hazards: Hazards, g: Floats) -> Floats:
        """Return the information, each cell's counted `g` times.

        The sum over cells of a sum over the risk set is a sum over patients of the hazard each
        lived through, so no moment matrix is needed for any single time.
        """
        x = self.sample.x
        lived = hazards.risk * self.exposure(hazards, g)
        cross = hazards.s1.T @ ((g * hazards.beta)[:, None] * hazards.d1)
        squares = (
            hazards.s1.T @ ((g * hazards.alpha)[:, None] * hazards.s1)
            - (cross + cross.T)
            + hazards.d1.T @ ((g * hazards.gamma)[:, None] * hazards.d1)
        )
        information: Floats = x.T @ (lived[:, None] * x) - squares
        return (information + information.T) / 2

    def _denominators(self, beta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the linear predictor, the risks (highest near 1) and the terms' denominators."""
        sample = self.sample
        eta = sample.x @ beta
        eta = eta - eta.max()
        risk = sample.weight * np.exp(eta)
        at_risk = sample.place.at_risk(risk)[self.deaths.cell]
        dying = sample.place.totals(risk, sample.event)[self.deaths.cell]
        return eta, risk, at_risk - self.deaths.fraction * dying

    def _loglik(self, eta: Floats, denominator: Floats) -> float:
        event = self.sample.event
        return float(
            self.sample.weight[event] @ eta[event] - self.deaths.mass @ np.log(denominator)
        )

    def _hazards(self, risk: Floats, denominator: Floats) -> Hazards:
        sample, deaths = self.sample, self.deaths
        weighted = risk[:, None] * sample.x
        hazard = deaths.mass / denominator

        def per_cell(values: Floats) -> Floats:
            return sums(deaths.cell, values, sample.place.k)

        return Hazards(
            risk=risk,
            s1=sample.place.at_risk(weighted),
            d1=sample.place.totals(weighted, sample.event),
            a=per_cell(hazard),
            b=per_cell(hazard * deaths.fraction),
            alpha=per_cell(hazard / denominator),
            beta=per_cell(hazard / denominator * deaths.fraction),
            gamma=per_cell(hazard / denominator * deaths.fraction**2),
        )


def _deaths(sample: Sample, ties: str) -> _Deaths:
    """List the terms of the likelihood."""
    people = sample.place.totals(None, sample.event).astype(np.intp)
    mass = sample.place.totals(sample.weight, sample.event)
    cell = np.flatnonzero(people)
    if ties == "breslow":
        return _Deaths(cell=cell, fraction=np.zeros(cell.size), mass=mass[cell])
    count = people[cell]
    place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    each = np.repeat(cell, count)
    return _Deaths(cell=each, fraction=place / people[each], mass=mass[each] / people[each])
