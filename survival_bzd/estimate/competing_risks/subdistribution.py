"""The likelihood of Fine and Gray, and how each patient moves its maximum."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.competing_risks.censoring import followed_until
from survival_bzd.estimate.cox_model.likelihood import Slopes
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Indices, cells, sums


class Subdistribution:
    r"""Risk sets in which those with another event stay, by the weight of still being followed.

    At t a patient with another event at T counts for :math:`G(t-) / G(T-)`, with G the Kaplan-Meier
    estimate of no censoring. G factors out: over those patients sums are needed only up to T, each
    divided by its G. Ties are Breslow's.

    Attributes
    ----------
    x : (n, p) covariates, centred.
    event, other : (n,) whether the follow-up ended with the cause, or with another.
    place : where each patient ends among the k distinct times.
    followed : (k, g) probability of follow-up until just before each time, in each group.
    group : (n,) which patients share a distribution of censoring.
    """

    def __init__(
        self,
        x: Floats,
        time: Floats,
        event: NDArray[np.bool_],
        other: NDArray[np.bool_],
        group: Indices | None,
    ) -> None:
        self.x, self.event, self.other = x, event, other
        self.group = np.zeros(time.size, dtype=np.intp) if group is None else group
        self.place: Cells = cells(time, None)
        self.g = int(self.group.max()) + 1
        censored = ~(event | other)
        self.censored = censored
        self.followed = followed_until(self.place, censored, self.group, self.g)
        self.own = self.followed[self.place.last, self.group]
        self.deaths: Floats = self.place.totals(None, event)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.x.shape[1])

    def only(self, columns: Indices) -> Subdistribution:
        """Return the likelihood of some of the covariates."""
        time = self.place.time[self.place.last]
        return Subdistribution(self.x[:, columns], time, self.event, self.other, self.group)

    @cached_property
    def membership(self) -> Cells:
        """Who is in which risk set, whatever the weight: who has another event never leaves."""
        last = np.where(self.other, self.place.k - 1, self.place.last)
        return Cells(time=self.place.time, starts=self.place.starts, last=last, first=None)

    def slopes(self, beta: Floats) -> Slopes:
        """Return the log likelihood with its gradient and information."""
        eta = self.x @ beta
        shift = float(eta.max(initial=0.0))
        risk = np.exp(eta - shift)
        p = self.p
        squares = [(i, j) for i in range(p) for j in range(i + 1)]
        columns = [risk, *(risk * column for column in self.x.T)]
        columns += [columns[1 + i] * self.x[:, j] for i, j in squares]
        total = self._at_risk(np.stack(columns, axis=1))
        deaths, some = self.deaths, self.deaths > 0
        deaths, total = deaths[some], total[some]
        mean = total[:, 1 : p + 1] / total[:, :1]
        information = np.empty((p, p))
        for place, (i, j) in enumerate(squares, start=p + 1):
            spread = total[:, place] / total[:, 0] - mean[:, i] * mean[:, j]
            information[i, j] = information[j, i] = deaths @ spread
        return Slopes(
            loglik=float(eta[self.event].sum() - deaths @ (np.log(total[:, 0]) + shift)),
            score=self.x[self.event].sum(axis=0) - deaths @ mean,
            information=information,
        )

    def baseline(self, beta: Floats) -> Floats:
        """Return the (k,) steps of the cumulative subdistribution hazard at the centre."""
        return self.deaths / self._at_risk(np.exp(self.x @ beta)[:, None])[:, 0]

    def influences(self, beta: Floats) -> Floats:
        """Return the (n, p) amounts that each patient adds to the score.

        Both by their own follow-up and, if they show when censoring happens, by the weights of
        those with another event.
        """
        risk = np.exp(self.x @ beta)
        weighted = risk[:, None] * self.x
        total = self._at_risk(np.column_stack([risk, weighted]))
        mean = total[:, 1:] / total[:, :1]
        step = self.deaths / total[:, 0]
        score = self._own_follow_up(mean, step)
        score *= risk[:, None]
        score[self.event] += (self.x - mean[self.place.last])[self.event]
        for group in range(self.g):
            members = self.group == group
            score[members] += self._through_censoring(group, risk, mean, step)[members]
        return score

    def _at_risk(self, values: Floats) -> Floats:
        """Sum (n, q) values over the risk set of each time, (k, q)."""
        place = self.place
        total = place.onward(place.totals(values))
        for group in range(self.g):
            stayed = self.other & (self.group == group)
            lost = self._before(values[stayed] / self.own[stayed][:, None], stayed)
            total += self.followed[:, group, None] * lost
        return total

    def _before(self, values: Floats, rows: NDArray[np.bool_]) -> Floats:
        """Sum the values of some rows over those that ended before each time."""
        ended = sums(self.place.last[rows], values, self.place.k)
        before: Floats = np.cumsum(ended, axis=0) - ended
        return before

    def _own_follow_up(self, mean: Floats, step: Floats) -> Floats:
        """Return what each patient is expected to add to the score, for a risk of 1."""
        until = self.place.last
        drift = mean * step[:, None]
        reached, path = np.cumsum(step), np.cumsum(drift, axis=0)
        score: Floats = path[until] - self.x * reached[until][:, None]
        for group in range(self.g):
            stayed = self.other & (self.group == group)
            ends, scale = until[stayed], 1 / self.own[stayed][:, None]
            kept = self.followed[:, group]
            reached = np.cumsum(kept * step)
            path = np.cumsum(kept[:, None] * drift, axis=0)
            after = (reached[-1] - reached[ends])[:, None] * self.x[stayed]
            score[stayed] += (path[-1] - path[ends] - after) * scale
        return score

    def _through_censoring(self, group: int, risk: Floats, mean: Floats, step: Floats) -> Floats:
        """Return what each patient adds by what they tell about the censoring of a group."""
        place, kept = self.place, self.followed[:, group]
        members = self.group == group
        stayed = self.other & members
        per = (risk / self.own)[stayed]
        size = self._before(per[:, None], stayed)
        held = self._before(per[:, None] * self.x[stayed], stayed)
        # From each time on: place.onward sums what is still to come, the time itself included.
        rest = place.onward(kept * step)[:, None]
        path = place.onward((kept * step)[:, None] * mean)
        moved = held * rest - size * path
        at_risk = np.maximum(place.onward(sums(place.last[members], None, place.k)), 1.0)[:, None]
        lost = sums(place.last[members & self.censored], None, place.k)[:, None]
        compensator = np.cumsum(moved * lost / at_risk**2, axis=0)
        own = np.where(self.censored[:, None], (moved / at_risk)[place.last], 0.0)
        through: Floats = own - compensator[place.last]
        return through
