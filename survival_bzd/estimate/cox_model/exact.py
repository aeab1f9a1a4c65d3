"""The discrete partial likelihood: which of those at risk had the event, given how many did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from survival_bzd.estimate.cox_model.likelihood import Extension, Sample, Slopes
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Indices

LEAST_SUM = 1e-290
"""Least sum over subsets by which their moments can be divided."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Subsets:
    """Moments over all subsets of d of those at risk, each likely as the product of its risks.

    Attributes
    ----------
    cell : where the d events are.
    log_sum : log of the sum over subsets, for risks divided by the largest; minus infinity where
        it is too small to be told, and with it the moments.
    mean, spread : mean and covariance of the subset's sum of x.
    """

    cell: int
    log_sum: float
    mean: Floats
    spread: Floats


class ExactLikelihood:
    """The discrete partial likelihood of a sample without weights (R ``ties = "exact"``).

    References
    ----------
    .. [1] Gail MH, Lubin JH, Rubinstein LV (1981). Biometrika 68:703-707.
           doi:10.1093/biomet/68.3.703
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self._events = sample.place.totals(None, sample.event).astype(np.intp)
        self._own = sample.place.totals(sample.x, sample.event)
        self._passes = list(_passes(sample, self._events))

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.sample.x.shape[1])

    def slopes(self, beta: Floats) -> Slopes:
        """Return the log likelihood, its gradient and the information."""
        eta = self.sample.x @ beta
        eta = eta - eta.max()
        loglik = float(eta[self.sample.event].sum())
        score, information = np.zeros(self.p), np.zeros((self.p, self.p))
        for found in self._subsets(np.exp(eta)):
            if found.log_sum == -np.inf:
                nowhere = np.full(self.p, np.nan)
                return Slopes(loglik=-np.inf, score=nowhere, information=np.diag(nowhere))
            loglik -= found.log_sum
            score += self._own[found.cell] - found.mean
            information += found.spread
        return Slopes(loglik=loglik, score=score, information=information)

    def extension(self, beta: Floats, g: Floats) -> Extension:
        """Return the score and information of the model extended by x times g, per cell."""
        eta = self.sample.x @ beta
        score, plain = np.zeros(self.p), np.zeros((self.p, self.p))
        once, twice = np.zeros_like(plain), np.zeros_like(plain)
        for found in self._subsets(np.exp(eta - eta.max())):
            step = g[found.cell]
            score += step * (self._own[found.cell] - found.mean)
            plain += found.spread
            once += step * found.spread
            twice += step**2 * found.spread
        return Extension(score=score, plain=plain, once=once, twice=twice)

    def _subsets(self, risk: Floats) -> Iterator[_Subsets]:
        """Add the patients to the risk set one by one; read the moments where events are."""
        x, p = self.sample.x, self.p
        for rows, most, readings in self._passes:
            total = np.zeros(most + 1)
            first = np.zeros((most + 1, p))
            second = np.zeros((most + 1, p, p))
            total[0], offset, done = 1.0, 0.0, 0
            for count, cell in readings:
                for row in rows[done:count]:
                    here = x[row]
                    cross = here[None, :, None] * first[:-1, None, :]
                    square = here[:, None] * here * total[:-1, None, None]
                    second[1:] += risk[row] * (
                        second[:-1] + cross + cross.transpose(0, 2, 1) + square
                    )
                    first[1:] += risk[row] * (first[:-1] + total[:-1, None] * here)
                    total[1:] += risk[row] * total[:-1]
                    if total.max() > 1e100:
                        offset += 100 * np.log(10)
                        total, first, second = total / 1e100, first / 1e100, second / 1e100
                done = count
                d = self._events[cell]
                if total[d] < LEAST_SUM:
                    yield _Subsets(cell=cell, log_sum=-np.inf, mean=first[d], spread=second[d])
                    continue
                mean = first[d] / total[d]
                yield _Subsets(
                    cell=cell,
                    log_sum=float(np.log(total[d])) + offset,
                    mean=mean,
                    spread=second[d] / total[d] - np.outer(mean, mean),
                )


def _passes(
    sample: Sample, events: Indices
) -> Iterator[tuple[Indices, int, list[tuple[int, int]]]]:
    """Plan the order in which patients join risk sets.

    Without late entry the risk sets of a stratum are nested, and one pass from the last time to
    the first serves them all; with late entry each event time has a pass of its own.

    Yields
    ------
    rows in the order of joining, the most events at a time, and (patients joined, cell) to read at.
    """
    place = sample.place
    if place.first is not None:
        for cell in np.flatnonzero(events):
            rows = np.flatnonzero((place.first <= cell) & (place.last >= cell))
            yield rows, int(events[cell]), [(rows.size, int(cell))]
        return
    order = np.argsort(-place.last, kind="stable")
    joined = np.cumsum(place.totals(None)[::-1])[::-1].astype(np.intp)
    for a, b in zip(place.starts[:-1], place.starts[1:], strict=True):
        later = int(joined[b]) if b < place.k else 0
        rows = order[later : joined[a]]
        cells = a + np.flatnonzero(events[a:b])[::-1]
        if cells.size:
            readings = [(int(joined[cell]) - later, int(cell)) for cell in cells]
            yield rows, int(events[a:b].max()), readings
