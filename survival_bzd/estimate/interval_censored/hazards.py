"""The likelihood of proportional hazards, maximised over the baseline for given coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.cox_model.likelihood import Slopes
from survival_bzd.estimate.interval_censored.maximum import System, fewest, joined, quadratic
from survival_bzd.estimate.interval_censored.support import ends, support
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Indices

TOLERANCE = 1e-10
"""How far the Kuhn-Tucker conditions may be missed: hazard at the maximum over what it should be,
less 1."""

POLISHED = 1e-8
"""The same where no step improves on the likelihood any more."""

_STEPS = 60

_ENDLESS = 100.0
"""Log hazard ratios are less: beyond, nobody else at risk can be told from nobody."""

_FLAT = 1e-16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """The m places where the baseline hazard can jump, and what each of n patients says of them.

    Those of a stratum lie together, times ascending.

    Attributes
    ----------
    lower, upper : (m,) the jump lies in (lower, upper], or at the time where they are equal.
    starts : (s + 1,) first place of each of the s strata, and m.
    tail : (s, 2) bounds of where the curve of a stratum falls to 0, after its last place.
    last_time : (s,) last finite bound of each stratum.
    start, until : (n,) the patient lived through the places start, ..., until - 1.
    first, last : (h,) the jumps of which one was the event of those who had one.
    held : (h,) who they are.
    exact : (h,) whether the time is known.
    """

    lower: Floats
    upper: Floats
    starts: Indices
    tail: Floats
    last_time: Floats
    start: Indices
    until: Indices
    first: Indices
    last: Indices
    held: Indices
    exact: NDArray[np.bool_]

    @property
    def m(self) -> int:
        """Number of places."""
        return int(self.lower.size)

    def lived(self, values: Floats) -> Floats:
        """Sum (m,) values over the places that each patient lived through."""
        upto = _upto(values)
        return upto[self.until] - upto[self.start]

    def run(self, values: Floats) -> Floats:
        """Sum (m,) values over the places at which those held can have had their event."""
        upto = _upto(values)
        return upto[self.last + 1] - upto[self.first]

    def over_lived(self, values: Floats) -> Floats:
        """Sum (n,) values over those who lived through each place."""
        return self._spread(self.start, self.until, values)

    def over_run(self, values: Floats) -> Floats:
        """Sum (h,) values over those who can have had their event at each place."""
        return self._spread(self.first, self.last + 1, values)

    def _spread(self, begin: Indices, end: Indices, values: Floats) -> Floats:
        kept = end > begin
        change: Floats = np.bincount(end[kept] - 1, values[kept], self.m).astype(np.float64)
        inside = kept & ~np.isin(begin, self.starts)
        change -= np.bincount(begin[inside] - 1, values[inside], self.m)
        # From the last place: the fewer live through it the smaller are the sums.
        for a, b in pairwise(self.starts.tolist()):
            change[a:b] = np.cumsum(change[a:b][::-1])[::-1]
        return change


def _upto(values: Floats) -> Floats:
    upto = np.zeros(values.size + 1)
    np.cumsum(values, out=upto[1:])
    return upto


def places(lower: Floats, upper: Floats, stratum: Indices | None) -> Places:
    """Find where the baseline of each stratum can jump.

    Hazard is best where it costs fewest patients and serves most. That is at the exact times, and
    in the intersections that end where an interval does and begin after the last bound up to which
    somebody is known to be free, exact times among these. In the last intersection of a stratum
    nobody is: there the curve falls to 0, and all who can have had their event there have had it by
    then with certainty once they lived until their lower bound.
    """
    codes = np.zeros(lower.size, dtype=np.intp) if stratum is None else stratum
    parts = [_part(lower, upper, np.flatnonzero(codes == one)) for one in range(codes.max() + 1)]
    starts = np.cumsum([0, *(part.m for part in parts)])
    n = lower.size
    start, until = np.empty(n, dtype=np.intp), np.empty(n, dtype=np.intp)
    for one, (part, shift) in enumerate(zip(parts, starts[:-1], strict=True)):
        rows = np.flatnonzero(codes == one)
        start[rows], until[rows] = shift, shift + part.until
    shifts = starts[:-1]
    return Places(
        lower=np.concatenate([part.lower for part in parts]),
        upper=np.concatenate([part.upper for part in parts]),
        starts=starts,
        tail=np.concatenate([part.tail for part in parts]),
        last_time=np.concatenate([part.last_time for part in parts]),
        start=start,
        until=until,
        first=np.concatenate([part.first + s for part, s in zip(parts, shifts, strict=True)]),
        last=np.concatenate([part.last + s for part, s in zip(parts, shifts, strict=True)]),
        held=np.concatenate([part.held for part in parts]),
        exact=np.concatenate([part.exact for part in parts]),
    )


def _part(lower: Floats, upper: Floats, rows: Indices) -> Places:
    """Find the places of one stratum."""
    placed = ends(lower[rows], upper[rows])
    left, right = placed.left, placed.right
    exact = left % 3 == 0
    # Who has an exact time is known to be free until then, and says nothing of what comes after.
    begin, end = support(np.where(exact, left + 2, left),
                         np.where(exact, 3 * placed.level.size + 1, right))  # fmt: skip
    point = np.unique(left[exact])
    # At an exact time hazard serves more than shortly before it.
    alone = ~np.isin(end, point + 1)
    begin, end = np.concatenate([begin[alone], point]), np.concatenate([end[alone], point + 1])
    order = np.argsort(begin)
    begin, end = begin[order], end[order]
    tail, begin, end = (begin[-1], end[-1]), begin[:-1], end[:-1]
    first = np.searchsorted(begin, left)
    last = np.searchsorted(end, right, side="right") - 1
    held = np.flatnonzero(exact | (right < tail[1]))
    times = placed.times(np.array([*begin, tail[0]], dtype=np.intp)).clip(min=0.0)
    return Places(
        lower=times[:-1],
        upper=placed.times(end),
        starts=np.array([0, begin.size]),
        tail=np.array([[times[-1], float(placed.times(np.array([tail[1]]))[0])]]),
        last_time=np.array([placed.level[-1] if placed.level.size else 0.0]),
        start=np.zeros(rows.size, dtype=np.intp),
        until=first + exact,
        first=first[held],
        last=last[held],
        held=rows[held],
        exact=exact[held],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """The jumps that maximise the likelihood for given coefficients.

    Attributes
    ----------
    hazard : (m,) the jumps.
    gradient : (m,) events that are expected at each place over the hazard ratios of those who lived
        through it, as a share of the jump: 1 where there is one and at most 1 elsewhere.
    violation : by how much that is missed, at most.
    loglik : log likelihood.
    """

    hazard: Floats
    gradient: Floats
    violation: float
    loglik: float


class ProfileLikelihood:
    """The log likelihood of the coefficients, at the best baseline for them.

    Its slopes are exact: the score is that of the whole likelihood, since the baseline is at its
    maximum, and the information is that of the coefficients less what the jumps take of it.
    """

    def __init__(self, x: Floats, weight: Floats, places: Places) -> None:
        self.x, self.weight, self.places = x, weight, places
        self._hazard: Floats | None = None

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return int(self.x.shape[1])

    def only(self, columns: Indices) -> ProfileLikelihood:
        """Return the likelihood with some of the covariates."""
        return ProfileLikelihood(self.x[:, columns], self.weight, self.places)

    def slopes(self, beta: Floats) -> Slopes:
        """Return the profile log likelihood with its gradient and an information to climb by."""
        nothing = np.full((self.p, self.p), np.nan)
        log_ratio = self.x @ beta
        if not np.abs(log_ratio).max() < _ENDLESS:
            return Slopes(loglik=-np.inf, score=nothing[0], information=nothing)
        ratio, found = np.exp(log_ratio), self.baseline(beta)
        if not np.isfinite(found.loglik):
            return Slopes(loglik=-np.inf, score=nothing[0], information=nothing)
        return Slopes(
            loglik=found.loglik,
            score=self.x.T @ (self.weight * self._by_log_ratio(ratio, found)[0]),
            information=lambda: self._climbing(ratio, found),
        )

    def information(self, beta: Floats) -> tuple[Floats, Floats]:
        """Return the information of the coefficients that the jumps leave, and what there was."""
        ratio, found = np.exp(self.x @ beta), self.baseline(beta)
        return self._informations(ratio, found)

    def baseline(self, beta: Floats) -> Baseline:
        """Maximise over the jumps, from those that were best last time."""
        ratio = np.exp(self.x @ beta)
        found = None
        if self._hazard is not None:
            found = _maximise(self.places, self.weight, ratio, self._hazard)
        if found is None or not found.violation <= POLISHED:
            # From jumps that are far too large the way back is long.
            found = _maximise(self.places, self.weight, ratio, self._start(ratio))
        if np.isfinite(found.loglik):
            self._hazard = found.hazard
        return found

    def patient_scores(self, beta: Floats) -> Floats:
        """Return the (n, p) efficient scores: of the coefficients less what the jumps explain."""
        ratio, found = np.exp(self.x @ beta), self.baseline(beta)
        scores = self.x * self._by_log_ratio(ratio, found)[0][:, None]
        held, odds = self.places.held, _odds(self.places, ratio, found.hazard)[0]
        _, least = self._favourable(ratio, found)
        for column in range(self.p):
            scores[:, column] += ratio * self.places.lived(least[:, column])
            scores[held, column] -= ratio[held] * odds * self.places.run(least[:, column])
        return scores

    def _start(self, ratio: Floats) -> Floats:
        """Jump at the fewest places that lie in every run, as much as one step of EM makes it."""
        places = self.places
        chosen = fewest(places.first, places.last, places.m)
        hazard = np.zeros(places.m)
        hazard[chosen] = 1.0
        events = places.over_run(self.weight[places.held] / places.run(hazard))
        scale = self.weight * ratio
        at_risk = places.over_lived(scale) + places.over_run(scale[places.held])
        hazard[chosen] = (events / at_risk)[chosen]
        return hazard

    def _by_log_ratio(self, ratio: Floats, found: Baseline) -> tuple[Floats, Floats]:
        """Return the first and second derivatives of each patient's term by their log ratio."""
        lived = ratio * self.places.lived(found.hazard)
        first, second = -lived, -lived.copy()
        held = self.places.held
        odds, bend = _odds(self.places, ratio, found.hazard)
        run = ratio[held] * self.places.run(found.hazard)
        first[held] += run * odds
        second[held] += run * odds + run * run * bend
        return first, second

    def _climbing(self, ratio: Floats, found: Baseline) -> Floats:
        """Return the information; where the profile bends the other way that of the terms."""
        left, own = self._informations(ratio, found)
        return left if bool((np.linalg.eigvalsh(left) > 0).all()) else own

    def _informations(self, ratio: Floats, found: Baseline) -> tuple[Floats, Floats]:
        _, second = self._by_log_ratio(ratio, found)
        own: Floats = -(self.x * (self.weight * second)[:, None]).T @ self.x
        cross, least = self._favourable(ratio, found)
        left = own - cross.T @ least
        return (left + left.T) / 2, own

    def _favourable(self, ratio: Floats, found: Baseline) -> tuple[Floats, Floats]:
        """Return how the coefficients and jumps bend together, and the jumps that answer to them.

        Both are (m, p), 0 where there is no jump.
        """
        places, weight = self.places, self.weight
        held = places.held
        odds, bend = _odds(places, ratio, found.hazard)
        run = ratio[held] * places.run(found.hazard)
        gain = weight[held] * ratio[held] * (odds + run * bend)
        cost = weight * ratio
        kept = np.flatnonzero(found.hazard > 0)
        system = _system(places, weight, ratio, found.hazard, kept)
        cross, least = np.zeros((2, places.m, self.p))
        for column in range(self.p):
            x = self.x[:, column]
            both = places.over_lived(cost * x) - places.over_run(gain * x[held])
            cross[kept, column] = both[kept]
            least[kept, column] = system.solve(np.arange(kept.size), both[kept])
        return cross, least


def _odds(places: Places, ratio: Floats, hazard: Floats) -> tuple[Floats, Floats]:
    """Return the derivatives of the log probability of an event by the hazard of its run.

    Of an exact time that probability is the jump itself, as in Breslow's likelihood.
    """
    run = ratio[places.held] * places.run(hazard)
    # Beyond this the event is certain.
    odds = 1 / np.where(places.exact, run, np.expm1(np.minimum(run, 500.0)))
    return odds, -odds * np.where(places.exact, odds, 1 + odds)


def _loglik(places: Places, weight: Floats, ratio: Floats, hazard: Floats) -> float:
    held = places.held
    run = ratio[held] * places.run(hazard)
    if not run.size or run.min() <= 0:
        return -np.inf
    log_event = np.log(np.where(places.exact, run, -np.expm1(-run)))
    return float(weight[held] @ log_event - (weight * ratio) @ places.lived(hazard))


def _system(
    places: Places, weight: Floats, ratio: Floats, hazard: Floats, active: Indices
) -> System:
    """Return how the likelihood bends in the jumps of some places."""
    member = np.zeros(places.m + 1, dtype=np.intp)
    member[active + 1] = 1
    position = np.cumsum(member)
    first, last = position[places.first], position[places.last + 1] - 1
    held = places.held
    # Whose event is all but certain bends next to nothing; a matrix of zeros has no inverse.
    bend = np.maximum(-_odds(places, ratio, hazard)[1], _FLAT)
    curvature = weight[held] * ratio[held] ** 2 * bend
    return System(first, last, curvature, active.size)


def _maximise(places: Places, weight: Floats, ratio: Floats, hazard: Floats) -> Baseline:
    """Newton's method on the places with a jump, as for the curve without covariates."""
    at_risk = places.over_lived(weight * ratio)
    scale = weight[places.held] * ratio[places.held]
    loglik, total = _loglik(places, weight, ratio, hazard), float(weight.sum())
    slack = 1e-12 * (1 + abs(loglik))
    polished, gradient, violation = False, np.full(places.m, np.nan), np.inf
    for _ in range(_STEPS if np.isfinite(loglik) else 0):
        expected = places.over_run(scale * _odds(places, ratio, hazard)[0])
        gradient = expected / at_risk
        excess = gradient - 1
        violation = float(max(excess.max(), np.abs(excess[hazard > 0]).max()))
        if violation <= TOLERANCE and polished:
            break
        # Newton's steps square the error: one more than is needed costs little.
        polished = polished or violation <= TOLERANCE
        active = joined(hazard, excess)
        system = _system(places, weight, ratio, hazard, active)
        bent = places.over_run(system.curvature * places.run(hazard))
        slope = expected - at_risk
        step = np.zeros(places.m)
        step[active] = quadratic(system, hazard[active], (bent + slope)[active]) - hazard[active]
        rise, length = float(slope @ step), 1.0
        while length > 1e-10:
            reached = _loglik(places, weight, ratio, hazard + length * step)
            gain = reached - loglik
            if gain >= 1e-4 * length * rise or (rise < 1e-11 * total and gain > -slack):
                break
            length /= 2
        if not rise > 0 or length <= 1e-10:
            break
        hazard, loglik = np.maximum(hazard + length * step, 0.0), reached
    return Baseline(hazard=hazard, gradient=gradient, violation=violation, loglik=loglik)
