"""Whether groups differ, without a large-sample distribution: the permutations of the groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.assignments import (
    AT_ONCE,
    DRAWS,
    LIMIT,
    ROUNDING,
    SEED,
    Assignments,
    blocks_of,
    check_exact,
    every_assignment,
    exact_p,
    number_of_assignments,
    quadratic_forms,
    random_assignments,
)
from survival_bzd.estimate.event_weights import EventWeights, event_weights
from survival_bzd.estimate.log_rank import (
    LogRank,
    compared,
    logrank,
    placed,
    spread,
)
from survival_bzd.estimate.quantities import Floats, labels
from survival_bzd.estimate.risk_sets import Indices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExactLogRank:
    """A log-rank test whose p is that of the assignments of the patients to the groups.

    Attributes
    ----------
    test : the test that is made exact; its own `p_value` is the chi-square one.
    p_value : part of the assignments with a statistic at least as large as the observed one;
        NaN where there is no statistic.
    std_error : Monte Carlo standard error of `p_value`; 0 where all were enumerated.
    method : ``"enumeration"`` or ``"permutation"``.
    assignments : how many ways there are to assign the patients, sizes of groups and strata kept.
    drawn : how many were looked at: all of them, or the random ones; 0 without a statistic.
    at_least : how many of those had a statistic at least as large.
    seed : of the random assignments; None where all were enumerated.
    """

    test: LogRank
    p_value: float
    std_error: float
    method: str
    assignments: int
    drawn: int
    at_least: int
    seed: int | None


def exact_logrank(
    tte: TimeToEvent,
    by: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    weights: str = "fleming-harrington",
    rho: float = 0.0,
    gamma: float = 0.0,
    limit: int = LIMIT,
    draws: int = DRAWS,
    seed: int = SEED,
) -> ExactLogRank:
    r"""Test as `logrank` does, with p from the permutations of the groups instead of chi-square.

    The statistic is computed again, its variance included, for every way to assign the patients to
    groups of the same sizes (within strata), each as likely as any other; p is the part of them
    whose statistic is at least as large. With more than `limit` ways, `draws` random ones are
    looked at, and :math:`p = (b + 1) / (B + 1)` where b of B are at least as large.

    That all assignments are equally likely means that the groups do not differ in censoring and
    late entry either. The test is exact of that hypothesis: it may reject because the groups were
    followed unequally long [1]_.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of at most 2,000 patients, with late entries. Whole weights count patients more
        than once.
    by, strata, weights, rho, gamma
        As for `logrank`.
    limit : int
        At most so many assignments are enumerated; 0 for always random ones.
    draws, seed : int
        How many random assignments, and the seed of NumPy's default generator.

    Returns
    -------
    ExactLogRank

    Raises
    ------
    NotEstimable
        If there are fewer than two groups, or events would have infinite weights.
    BadInput
        If a label is missing, a weight is not whole, there are more than 2,000 patients, or an
        option is not allowed.

    Notes
    -----
    A statistic that is less than the observed one by 1e-9 of it counts as equal. An assignment
    whose statistic has no variance counts as 0.

    Agrees with R ``survdiff(...)$chisq`` over all of ``combn``, ties in the statistic included
    (``tests/reference/exact_log_rank.json``).

    References
    ----------
    .. [1] Heinze G, Gnant M, Schemper M (2003). Biometrics 59:1151-1157.
           doi:10.1111/j.0006-341X.2003.00132.x
    .. [2] Phipson B, Smyth GK (2010). Stat Appl Genet Mol Biol 9:39. doi:10.2202/1544-6115.1585

    Examples
    --------
    Of the 20 ways to choose 3 of 6, this one and its mirror image separate the groups most.

    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> exact = exact_logrank(TimeToEvent([1, 2, 3, 4, 5, 6], [1] * 6), list("aaabbb"))
    >>> exact.at_least, exact.assignments, exact.p_value, round(exact.test.p_value, 4)
    (2, 20, 0.1, 0.0246)
    """
    check_exact(tte, limit, draws)
    test = logrank(tte, by, strata=strata, weights=weights, rho=rho, gamma=gamma)
    people = np.repeat(np.arange(tte.n), 1 if tte.weight is None else tte.weight.astype(np.intp))
    member = compared(tte, by)[1][people]
    stratum = np.zeros(tte.n, np.intp) if strata is None else labels(strata, tte.n, "strata")[1]
    blocks = blocks_of(stratum[people], member, len(test.groups))
    assignments = number_of_assignments(blocks)
    enumerated = assignments <= limit
    drawn = assignments if enumerated else draws
    at_least = 0
    if not math.isnan(test.statistic):
        design = _design(tte, people, stratum[people], event_weights(weights, rho, gamma))
        chunk = max(AT_ONCE // people.size, 1)
        if enumerated:
            source = every_assignment(blocks, assignments, chunk)
        else:
            source = random_assignments(blocks, member, draws, seed, chunk)
        at_least = _count_at_least(design, member, len(test.groups), source)
    p_value, std_error = math.nan, math.nan
    if not math.isnan(test.statistic):
        p_value, std_error = exact_p(at_least, drawn, enumerated=enumerated)
    return ExactLogRank(
        test=test,
        p_value=p_value,
        std_error=std_error,
        method="enumeration" if enumerated else "permutation",
        assignments=assignments,
        drawn=0 if math.isnan(p_value) else drawn,
        at_least=at_least,
        seed=None if enumerated else seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Design:
    """What does not depend on who is in which group, for n people and k cells with an event.

    Attributes
    ----------
    score : (n,) what each adds to observed less expected of their group.
    present : (k, n) whether each is at risk in the cell, divided by how many are.
    scale : (k,) variance of the events in a group by that of its share.
    """

    score: Floats
    present: Floats
    scale: Floats


def _design(tte: TimeToEvent, people: Indices, stratum: Indices, kind: EventWeights) -> _Design:
    entry = None if tte.entry is None else tte.entry[people]
    everybody = TimeToEvent(tte.time[people], tte.event[people], tte.unit, entry=entry)
    place = placed(everybody, stratum)
    at_risk, events = place.at_risk(None), place.totals(None, everybody.relapsed)
    weight = kind.at(place, at_risk, events)
    expected = place.over_follow_up(weight * events / at_risk)
    cell = np.flatnonzero(events > 0)
    number = np.searchsorted(place.starts, np.arange(place.k), side="right") - 1
    present = (number[cell, None] == number[place.last]) & (cell[:, None] <= place.last)
    if place.first is not None:
        present &= cell[:, None] >= place.first
    return _Design(
        score=np.where(everybody.relapsed, weight[place.last], 0.0) - expected,
        present=present / at_risk[cell, None],
        scale=(weight**2 * spread(at_risk, events))[cell],
    )


def _count_at_least(design: _Design, member: Indices, g: int, source: Iterator[Assignments]) -> int:
    """Count the assignments whose statistic is at least that of `member`."""
    (observed,) = _statistics(design, member[:, None], g)
    bound = observed * (1 - ROUNDING)
    return sum(int((_statistics(design, some, g) >= bound).sum()) for some in source)


def _statistics(design: _Design, assigned: Assignments, g: int) -> Floats:
    """Return the statistic of each column; the last group is determined by the others."""
    inside = [(assigned == group).astype(np.float64) for group in range(g - 1)]
    share = [design.present @ one for one in inside]
    score = np.stack([design.score @ one for one in inside], axis=1)
    variance = np.empty((score.shape[0], g - 1, g - 1))
    for j, k in np.ndindex(g - 1, g - 1):
        variance[:, j, k] = design.scale @ (share[j] * ((j == k) - share[k]))
    return quadratic_forms(score, variance, 1e-12 * float(design.scale.sum()))
