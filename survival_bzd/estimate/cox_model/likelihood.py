"""Cox's partial likelihood with its derivatives, from sums over the risk sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Indices, sums
from survival_bzd.estimate.tally import CHUNK

FEW_CELLS = CHUNK // 8
"""Cells whose sums stay in the cache beside the patients that are summed."""


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

    def in_order_of_time(self) -> Sample:
        """Return the sample for sums over many cells: neighbours in time are neighbours in memory.

        Where there are few cells, their sums stay in the cache whatever the order.
        """
        if self.place.k <= FEW_CELLS:
            return self
        order = np.argsort(self.place.last, kind="stable")
        x = np.empty_like(self.x, order="F")
        for column in range(x.shape[1]):
            np.take(self.x[:, column], order, out=x[:, column])
        first = self.place.first
        place = replace(
            self.place,
            last=self.place.last[order],
            first=None if first is None else first[order],
        )
        return Sample(x=x, event=self.event[order], weight=self.weight[order], place=place)

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
class Rates:
    r"""Sums over the terms of each cell, at one point.

    With risk r = w exp(x beta), S its sum over the risk set, D over the events of the cell, the
    denominators are S - f D.

    Attributes
    ----------
    risk : (n,) w exp(x beta), but for a constant.
    log_sum : sum of mass times log denominator.
    a, b : (k,) sums of mass / denominator, and of the same times f.
    alpha, beta, gamma : (k,) sums of mass f**q / denominator**2 for q = 0, 1, 2.
    """

    risk: Floats
    log_sum: float
    a: Floats
    b: Floats
    alpha: Floats
    beta: Floats
    gamma: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hazards(Rates):
    """The rates with s1 and d1, the (k, p) sums of r x over the risk set and over the events."""

    s1: Floats
    d1: Floats


class PartialLikelihood:
    """Efron's or Breslow's partial likelihood of a sample."""

    def __init__(self, sample: Sample, ties: str) -> None:
        self.sample = sample
        self.ties = ties
        self.deaths = _deaths(sample, ties)
        self._with_terms = self.deaths.cell[self.deaths.starts]
        self._event_weight = np.where(sample.event, sample.weight, 0.0)
        self._event_sum = sample.x.T @ self._event_weight
        # Each cell has two bins: of those whose follow-up ends there, and of those with the event.
        self._bin = 2 * sample.place.last + sample.event
        self._in_order = bool((np.diff(sample.place.last) >= 0).all())

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.sample.x.shape[1])

    def only(self, columns: Indices) -> PartialLikelihood:
        """Return the likelihood of the model with some of the covariates."""
        return (
            self
            if columns.size == self.p
            else PartialLikelihood(self.sample.only(columns), self.ties)
        )

    def slopes(self, beta: Floats) -> Slopes:
        """Return the log likelihood, its gradient and the information."""
        eta = self.sample.x @ beta
        eta -= eta.max()
        rates = self._rates(eta)
        if not np.isfinite(rates.log_sum):
            # exp(x beta) underflows: the step went far beyond where the likelihood can be told.
            nowhere = np.full(self.p, np.nan)
            return Slopes(loglik=-np.inf, score=nowhere, information=np.diag(nowhere))
        lived = rates.risk * self.exposure(rates)
        return Slopes(
            loglik=float(self._event_weight @ eta) - rates.log_sum,
            score=self._event_sum - self.sample.x.T @ lived,
            information=self._information(rates, lived, None),
        )

    def hazards(self, beta: Floats) -> Hazards:
        """Return the sums over the risk sets from which residuals and tests are made."""
        eta = self.sample.x @ beta
        rates = self._rates(eta - eta.max())
        pieces = sorted(self._moments(rates.risk), key=lambda piece: piece[0].start)
        each = {field.name: getattr(rates, field.name) for field in fields(rates)}
        return Hazards(
            **each,
            s1=np.concatenate([s1 for _, s1, _ in pieces]),
            d1=np.concatenate([d1 for _, _, d1 in pieces]),
        )

    def extension(self, beta: Floats, g: Floats) -> Extension:
        """Return the score and information of the model extended by x times g, per cell."""
        sample = self.sample
        eta = sample.x @ beta
        h = self._rates(eta - eta.max())
        weight = self._event_weight * g[sample.place.last]
        lived, once, twice = (h.risk * self.exposure(h, f) for f in (None, g, g**2))
        return Extension(
            score=sample.x.T @ (weight - once),
            plain=self._information(h, lived, None),
            once=self._information(h, once, g),
            twice=self._information(h, twice, g**2),
        )

    def exposure(self, rates: Rates, g: Floats | None = None) -> Floats:
        """Return (n,) the hazard each patient lived through, each cell's counted `g` times."""
        a, b = (rates.a, rates.b) if g is None else (g * rates.a, g * rates.b)
        place = self.sample.place
        total = place.cumulative(a)
        # Those with the event are spared a part of their own cell.
        lived: Floats = np.stack([total, total - b], axis=1).ravel()[self._bin]
        if place.first is not None:
            lived -= np.append(total - a, 0.0)[place.first]
        return lived

    def _information(self, rates: Rates, lived: Floats, g: Floats | None) -> Floats:
        """Return the information, each cell's counted `g` times; `lived` is the risk lived through.

        The sum over cells of a sum over the risk set is a sum over patients of the hazard each
        lived through, so no moment matrix is needed for any single time.
        """
        alpha, beta, gamma = (
            each if g is None else g * each for each in (rates.alpha, rates.beta, rates.gamma)
        )
        squares = np.zeros((self.p, self.p))
        for cells, s1, d1 in self._moments(rates.risk):
            squares += weighted_products(s1, alpha[cells], s1)
            shared = np.flatnonzero(beta[cells])
            if shared.size:
                s1, d1, gamma_here = s1[shared], d1[shared], gamma[cells][shared]
                cross = weighted_products(s1, beta[cells][shared], d1)
                squares += weighted_products(d1, gamma_here, d1) - (cross + cross.T)
        information: Floats = weighted_products(self.sample.x, lived, self.sample.x) - squares
        return (information + information.T) / 2

    def _rates(self, eta: Floats) -> Rates:
        """Return the sums for linear predictors of which the largest is near 0."""
        deaths, place = self.deaths, self.sample.place
        risk = np.exp(eta)
        risk *= self.sample.weight
        ended = sums(self._bin, risk, 2 * place.k)
        dying, at_risk = ended[1::2], place.onward(ended[::2] + ended[1::2])
        if place.first is not None:
            at_risk = at_risk - _entering(place, risk)
        denominator = at_risk[deaths.cell] - deaths.fraction * dying[deaths.cell]
        terms = np.empty((5, deaths.cell.size))
        with np.errstate(divide="ignore", invalid="ignore"):
            log_sum = float(deaths.mass @ np.log(denominator))
            np.divide(deaths.mass, denominator, out=terms[0])
            np.multiply(terms[0], deaths.fraction, out=terms[1])
            np.divide(terms[0], denominator, out=terms[2])
            np.multiply(terms[2], deaths.fraction, out=terms[3])
            np.multiply(terms[3], deaths.fraction, out=terms[4])
        # The terms of a cell lie together.
        by_cell = np.zeros((5, place.k))
        by_cell[:, self._with_terms] = np.add.reduceat(terms, deaths.starts, axis=1)
        a, b, alpha, beta, gamma = by_cell
        return Rates(risk=risk, log_sum=log_sum, a=a, b=b, alpha=alpha, beta=beta, gamma=gamma)

    def _moments(self, risk: Floats) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield cells, and for each the (p,) sums of risk times x over the risk set and the events.

        Few cells come at once, whatever the order of the patients. Many come in pieces, the last
        first, if the patients are in the order of time: nothing of their size is ever held.
        """
        place, x = self.sample.place, self.sample.x
        if place.k > FEW_CELLS and self._in_order and place.first is None:
            yield from self._moments_in_order(risk)
            return
        bins = np.zeros((self.p, 2 * place.k))
        step = CHUNK if place.k <= FEW_CELLS else risk.size
        for start in range(0, risk.size, step):
            rows = slice(start, start + step)
            _add_by_bin(self._bin[rows], risk[rows], x[rows], bins)
        dying = bins[:, 1::2].T
        at_risk = place.onward(bins[:, ::2].T + dying)
        if place.first is not None:
            at_risk = at_risk - _entering(place, risk[:, None] * x)
        yield slice(0, place.k), at_risk, dying

    def _moments_in_order(self, risk: Floats) -> Iterator[tuple[slice, Floats, Floats]]:
        place = self.sample.place
        row = np.concatenate([[0], np.cumsum(np.bincount(place.last, minlength=place.k))])
        for first, end in reversed(list(pairwise(place.starts.tolist()))):
            carried = np.zeros((self.p, 1))
            while end > first:
                begin = max(first, end - FEW_CELLS // 2)
                rows = slice(int(row[begin]), int(row[end]))
                bins = np.zeros((self.p, 2 * (end - begin)))
                _add_by_bin(self._bin[rows] - 2 * begin, risk[rows], self.sample.x[rows], bins)
                ended = bins[:, ::2] + bins[:, 1::2]
                ended[:, -1:] += carried
                at_risk = np.ascontiguousarray(np.cumsum(ended[:, ::-1], axis=1)[:, ::-1])
                yield slice(begin, end), at_risk.T, np.ascontiguousarray(bins[:, 1::2]).T
                carried, end = at_risk[:, :1], begin


def _add_by_bin(where: Indices, risk: Floats, x: Floats, bins: Floats) -> None:
    """Add risk times x to the (p, bins) sums."""
    for total, column in zip(bins, x.T, strict=True):
        total += np.bincount(where, risk * column, minlength=total.size)


def _entering(place: Cells, values: Floats) -> Floats:
    """Return the sum over those who enter after each cell, within its stratum."""
    assert place.first is not None
    entering = sums(place.first, values, place.k)
    return place.onward(entering) - entering


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
