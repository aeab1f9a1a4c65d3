"""Products of sums over risk sets, of patients in the order of time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells

PIECE = 2048
"""Cells taken at a time, so that the covariates of their patients stay in the cache."""

_BLOCK = 16
"""Columns that are summed by one product with a triangle of ones."""


class OrderedMoments:
    """Sums of risk times x over the risk sets of many cells, from the last cell to the first.

    Nothing larger than a piece is ever held.
    """

    def __init__(self, x: Floats, event: NDArray[np.bool_], place: Cells) -> None:
        self._x = x.T
        self._starts = place.starts.tolist()
        self._row = np.concatenate([[0], np.cumsum(np.bincount(place.last, minlength=place.k))])
        events = np.bincount(place.last[event], minlength=place.k)
        self._tied = np.flatnonzero(events > 1)
        self._until = self._row[self._tied + 1]
        self._since = self._until - events[self._tied]

    @classmethod
    def of(cls, x: Floats, event: NDArray[np.bool_], place: Cells) -> OrderedMoments | None:
        """Return the sums; None unless patients are by cell, events last, and none enters late."""
        if place.first is not None or place.k < PIECE:
            return None
        key = 2 * place.last + event
        return cls(x, event, place) if bool((key[1:] >= key[:-1]).all()) else None

    def squares(self, risk: Floats, alpha: Floats, beta: Floats, gamma: Floats) -> Floats:
        """Return sums over cells of alpha s s' - beta (s d' + d s') + gamma d d'.

        Here s sums risk times x over the risk set, and d over the events. The first patient of a
        cell stands for it.
        """
        p = self._x.shape[0]
        total = np.zeros((p, p))
        for first, end in reversed(list(pairwise(self._starts))):
            carried = np.zeros((p, 1))
            while end > first:
                begin = max(first, end - PIECE)
                each = self._each(risk, begin, end)
                s = _onward(each, carried)
                carried = s[:, :1].copy()
                at = self._row[begin:end] - self._row[begin]
                weight = np.zeros(s.shape[1])
                weight[at] = alpha[begin:end]
                total += (s * weight) @ s.T
                tied = slice(*np.searchsorted(self._tied, [begin, end]).tolist())
                cells = self._tied[tied]
                if cells.size:
                    d = self._dying(each, tied, int(self._row[begin]))
                    cross = (s[:, at[cells - begin]] * beta[cells]) @ d.T
                    total += (d * gamma[cells]) @ d.T - (cross + cross.T)
                end = begin
        return total

    def _each(self, risk: Floats, begin: int, end: int) -> Floats:
        """Return risk times x of the patients of some cells, and zeros up to a whole block."""
        a, b = int(self._row[begin]), int(self._row[end])
        each = np.empty((self._x.shape[0], -(-(b - a) // _BLOCK) * _BLOCK))
        np.multiply(self._x[:, a:b], risk[a:b], out=each[:, : b - a])
        each[:, b - a :] = 0.0
        return each

    def _dying(self, each: Floats, tied: slice, row: int) -> Floats:
        """Return the sums over the events of tied cells; `each` begins at a row."""
        cuts = np.stack([self._since[tied], self._until[tied]], axis=1).ravel() - row
        if cuts[-1] == each.shape[1]:
            cuts = cuts[:-1]
        sums: Floats = np.add.reduceat(each, cuts, axis=1)[:, ::2]
        return sums


def _onward(values: Floats, carried: Floats) -> Floats:
    """Return the sum of each column, those after it, and what was carried.

    A triangle of ones sums the columns of a block, which takes a third of the time of adding one
    column after the other.
    """
    p, m = values.shape
    within = values.reshape(-1, _BLOCK) @ _ONES
    after = np.empty((p, m // _BLOCK))
    after[:, -1:] = carried
    after[:, :-1] = within[:, 0].reshape(p, -1)[:, :0:-1].cumsum(axis=1)[:, ::-1] + carried
    within += after.reshape(-1, 1)
    return within.reshape(p, m)


_ONES = np.tri(_BLOCK)
