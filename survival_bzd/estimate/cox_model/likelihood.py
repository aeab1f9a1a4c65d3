"""Cox's partial likelihood with its derivatives, from sums over the risk sets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.cox_model.ordered_moments import OrderedMoments
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Indices, sums
from survival_bzd.estimate.tally import CHUNK

LEAST_RISK = 1e-150
"""Least sum of risks, the largest being 1, whose square a number can hold."""

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
    def weighted(self) -> bool:
        """Whether a case weight is not 1."""
        return bool((self.weight != 1).any())

    @cached_property
    def spread(self) -> Floats:
        """(p,) standard deviation of each covariate."""
        each = ((c, self.weight * c) if self.weighted else (c, c) for c in self.x.T)
        squares = [column @ weighted for column, weighted in each]
        spread: Floats = np.sqrt(np.array(squares) / self.weight.sum())
        return spread

    def every(self, stride: int) -> Sample:
        """Return one patient in `stride`, on a scale of the cells in which these end."""
        rows, place = slice(None, None, stride), self.place
        used, last = np.unique(place.last[rows], return_inverse=True)
        part = Cells(
            time=place.time[used],
            starts=np.unique(np.searchsorted(used, place.starts)),
            last=last,
            first=None if place.first is None else np.searchsorted(used, place.first[rows]),
        )
        x = np.asfortranarray(self.x[rows])
        return Sample(x=x, event=self.event[rows], weight=self.weight[rows], place=part)

    def only(self, columns: Indices) -> Sample:
        """Return the sample with some of the covariates."""
        return self if columns.size == self.x.shape[1] else replace(self, x=self.x[:, columns])


class Slopes:
    """The log likelihood at one point with what Newton's method asks for.

    Attributes
    ----------
    loglik : the log likelihood.
    score : (p,) its first derivative.
    information : (p, p) its second derivative, sign changed; worked out when it is asked for, if
        what was given is how.
    """

    def __init__(
        self, *, loglik: float, score: Floats, information: Floats | Callable[[], Floats]
    ) -> None:
        self.loglik = loglik
        self.score = score
        self._information = information

    @property
    def information(self) -> Floats:
        """Work the information out, once."""
        if callable(self._information):
            self._information = self._information()
        return self._information

    def only(self, columns: Indices) -> Slopes:
        """Return the slopes at 0 of the model with some of the covariates."""
        if columns.size == self.score.size:
            return self
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
class Deaths:
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
        place, event = sample.place, sample.event
        people = np.bincount(place.last[event], minlength=place.k)
        mass = sums(place.last[event], sample.weight[event], place.k)
        several = people > 1 if ties == "efron" else np.zeros(place.k, dtype=np.bool_)
        self._single = np.flatnonzero((people > 0) & ~several)
        self._single_mass = mass[self._single]
        self._tied = _Tied.of(np.flatnonzero(several), people, mass, sample)
        self._event_weight = np.where(event, sample.weight, 0.0)
        self._event_sum = sample.x.T @ self._event_weight
        self._ordered = OrderedMoments.of(sample.x, event, place)

    @cached_property
    def deaths(self) -> Deaths:
        """The terms of the likelihood, one by one."""
        return _deaths(self.sample, self.ties)

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
        seen = float(self._event_weight @ eta)
        rates = self._rates(eta)
        if not math.isfinite(rates.log_sum):
            # exp(x beta) underflows: the step went far beyond where the likelihood can be told.
            nowhere = np.full(self.p, np.nan)
            return Slopes(loglik=-np.inf, score=nowhere, information=np.diag(nowhere))
        lived = self.exposure(rates)
        lived *= rates.risk
        return Slopes(
            loglik=seen - rates.log_sum,
            score=self._event_sum - self.sample.x.T @ lived,
            information=lambda: self._information(rates, lived, None),
        )

    def hazards(self, beta: Floats) -> Hazards:
        """Return the sums over the risk sets from which residuals and tests are made."""
        eta = self.sample.x @ beta
        rates = self._rates(eta - eta.max())
        s1, d1 = self._moments(rates.risk)
        each = {field.name: getattr(rates, field.name) for field in fields(rates)}
        return Hazards(**each, s1=s1, d1=d1)

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
        lived: Floats = total[place.last]
        if self._tied.rows.size:
            # Those with the event are spared a part of their own cell.
            lived[self._tied.rows] -= b[place.last[self._tied.rows]]
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
        if self._ordered is not None:
            squares = self._ordered.squares(rates.risk, alpha, beta, gamma)
        else:
            s1, d1 = self._moments(rates.risk)
            squares = weighted_products(s1, alpha, s1)
            if self._tied.cell.size:
                cross = weighted_products(s1, beta, d1)
                squares -= cross + cross.T
                squares += weighted_products(d1, gamma, d1)
        information: Floats = weighted_products(self.sample.x, lived, self.sample.x) - squares
        return (information + information.T) / 2

    def _rates(self, eta: Floats) -> Rates:
        """Return the sums for linear predictors of which the largest is near 0, in their place."""
        place, tied = self.sample.place, self._tied
        risk = np.exp(eta, out=eta)
        if self.sample.weighted:
            risk *= self.sample.weight
        at_risk = place.onward(sums(place.last, risk, place.k))
        if place.first is not None:
            at_risk = at_risk - _entering(place, risk)
        each = np.zeros((5, place.k))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            denominator = at_risk[self._single]
            denominator[denominator < LEAST_RISK] = 0.0
            log_sum = float(self._single_mass @ np.log(denominator))
            hazard = self._single_mass / denominator
            each[0, self._single] = hazard
            hazard /= denominator
            each[2, self._single] = hazard
            if tied.cell.size:
                dying = sums(place.last[tied.rows], risk[tied.rows], place.k)
                log_sum += tied.add_terms(at_risk[tied.cell], dying[tied.cell], each)
        a, b, alpha, beta, gamma = each
        return Rates(risk=risk, log_sum=log_sum, a=a, b=b, alpha=alpha, beta=beta, gamma=gamma)

    def _moments(self, risk: Floats) -> tuple[Floats, Floats]:
        """Return for each cell the (k, p) sums of risk times x over the risk set and the events."""
        place, x = self.sample.place, self.sample.x
        # Each cell has two bins: of those whose follow-up ends there, and of those with the event.
        if x.size <= FEW_CELLS:
            each = (risk * x.T).ravel()
            bins: Floats = np.bincount(self._bins, each, 2 * place.k * self.p).astype(np.float64)
            bins = bins.reshape(self.p, -1)
        else:
            bins = self._binned(risk)
        dying = bins[:, 1::2].T
        at_risk = place.onward(bins[:, ::2].T + dying)
        if place.first is not None:
            at_risk = at_risk - _entering(place, risk[:, None] * x)
        return at_risk, dying

    @cached_property
    def _bins(self) -> Indices:
        """The bin of each covariate of each patient, covariates one after the other."""
        place = self.sample.place
        where = 2 * place.last + self.sample.event
        each: Indices = where + 2 * place.k * np.arange(self.p)[:, None]
        return each.ravel()

    def _binned(self, risk: Floats) -> Floats:
        """Return the sums of risk times each covariate in each bin, of many patients."""
        place, x = self.sample.place, self.sample.x
        bins = np.zeros((self.p, 2 * place.k))
        step = CHUNK if place.k <= FEW_CELLS else risk.size
        for start in range(0, risk.size, step):
            rows = slice(start, start + step)
            where = 2 * place.last[rows]
            where += self.sample.event[rows]
            for total, column in zip(bins, x[rows].T, strict=True):
                total += np.bincount(where, risk[rows] * column, minlength=total.size)
        return bins


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tied:
    """The cells in which several terms share a risk set.

    Attributes
    ----------
    cell, mass : (t,) such cells, and the weight of each of their terms.
    fraction : of each term, the share of the cell's events already taken out of the risk set.
    starts : (t + 1,) first term of each cell, and how many there are.
    rows : the patients who have the event in one.
    """

    cell: Indices
    mass: Floats
    fraction: Floats
    starts: Indices
    rows: Indices

    @classmethod
    def of(cls, cell: Indices, people: Indices, mass: Floats, sample: Sample) -> _Tied:
        """List the terms of cells with events of so many people and so much weight."""
        if not cell.size:
            return _NOT_TIED
        count = people[cell]
        starts = np.concatenate([[0], np.cumsum(count)])
        fraction = np.arange(starts[-1], dtype=np.float64)
        fraction -= np.repeat(starts[:-1], count)
        fraction /= np.repeat(count, count)
        among = np.zeros(people.size, dtype=np.bool_)
        among[cell] = True
        return cls(
            cell=cell,
            mass=mass[cell] / count,
            fraction=fraction,
            starts=starts,
            rows=np.flatnonzero(sample.event & among[sample.place.last]),
        )

    def add_terms(self, at_risk: Floats, dying: Floats, sums_of: Floats) -> float:
        """Set the five sums of the tied cells; return the sum of mass times log denominator.

        Cells come in pieces whose terms stay in the cache.
        """
        log_sum = 0.0
        for first, last in pairwise(self._pieces()):
            starts = self.starts[first:last]
            count = self.starts[first + 1 : last + 1] - starts
            fraction = self.fraction[starts[0] : self.starts[last]]
            terms = np.empty((6, fraction.size))
            denominator = terms[5]
            np.multiply(fraction, np.repeat(-dying[first:last], count), out=denominator)
            denominator += np.repeat(at_risk[first:last], count)
            denominator[denominator < LEAST_RISK] = 0.0
            np.divide(1.0, denominator, out=terms[0])
            np.multiply(terms[0], fraction, out=terms[1])
            np.multiply(terms[0], terms[0], out=terms[2])
            np.multiply(terms[2], fraction, out=terms[3])
            np.multiply(terms[3], fraction, out=terms[4])
            np.log(denominator, out=denominator)
            total = np.add.reduceat(terms, starts - starts[0], axis=1)
            total *= self.mass[first:last]
            sums_of[:, self.cell[first:last]] = total[:5]
            log_sum += float(total[5].sum())
        return log_sum

    def _pieces(self) -> list[int]:
        """Return the first cell of each piece, and how many cells there are."""
        step = CHUNK // 4
        if self.fraction.size <= step:
            return [0, self.cell.size]
        cuts = np.searchsorted(self.starts, np.arange(0, self.fraction.size, step))
        return [*np.unique(cuts).tolist(), self.cell.size]


_NOT_TIED = _Tied(
    cell=np.empty(0, dtype=np.intp),
    mass=np.empty(0),
    fraction=np.empty(0),
    starts=np.zeros(1, dtype=np.intp),
    rows=np.empty(0, dtype=np.intp),
)


def _entering(place: Cells, values: Floats) -> Floats:
    """Return the sum over those who enter after each cell, within its stratum."""
    assert place.first is not None
    entering = sums(place.first, values, place.k)
    return place.onward(entering) - entering


def weighted_products(a: Floats, weight: Floats, b: Floats) -> Floats:
    """Return a' diag(weight) b of (n, p) matrices, by pieces that stay in the cache."""
    step = max(CHUNK // (1 + b.shape[1]), 256)
    if weight.size <= step:
        whole: Floats = a.T @ (weight[:, None] * b)
        return whole
    total = np.zeros((a.shape[1], b.shape[1]))
    for start in range(0, weight.size, step):
        rows = slice(start, start + step)
        total += a[rows].T @ (weight[rows, None] * b[rows])
    return total


def _deaths(sample: Sample, ties: str) -> Deaths:
    """List the terms of the likelihood."""
    people = sample.place.totals(None, sample.event).astype(np.intp)
    mass = sample.place.totals(sample.weight, sample.event)
    cell = np.flatnonzero(people)
    if ties == "breslow":
        starts = np.arange(cell.size)
        return Deaths(cell=cell, starts=starts, fraction=np.zeros(cell.size), mass=mass[cell])
    count = people[cell]
    starts = np.cumsum(count) - count
    place = np.arange(count.sum()) - np.repeat(starts, count)
    each = np.repeat(cell, count)
    return Deaths(
        cell=each,
        starts=starts,
        fraction=place / people[each],
        mass=mass[each] / people[each],
    )
