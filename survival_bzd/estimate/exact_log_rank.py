"""Whether groups differ, without a large-sample distribution: the permutations of the groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.event_weights import EventWeights, event_weights
from survival_bzd.estimate.log_rank import (
    LogRank,
    compared,
    logrank,
    placed,
    spread,
    takes_robust_variance,
)
from survival_bzd.estimate.quantities import Floats, labels
from survival_bzd.estimate.risk_sets import Indices

LIMIT = 3_000_000
"""At most so many assignments are enumerated; 12 patients against 12 have 2,704,156."""

DRAWS = 99_999
"""Random assignments where there are more: the Monte Carlo error of a p of 0.05 is 0.0007."""

SEED = 20_101_231
"""Of the random assignments, so that the same data have the same p."""

ROUNDING = 1e-9
"""A statistic less than the observed one by this part is taken as equal to it."""

MOST = 2_000
"""At most so many patients: 99,999 assignments of them take half a minute, of more the square."""

AT_ONCE = 2_000_000
"""Patients times assignments that are held in memory at a time."""

Assignments = NDArray[np.integer]


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
    _check(tte, limit, draws)
    test = logrank(tte, by, strata=strata, weights=weights, rho=rho, gamma=gamma)
    people = np.repeat(np.arange(tte.n), 1 if tte.weight is None else tte.weight.astype(np.intp))
    member = compared(tte, by)[1][people]
    stratum = np.zeros(tte.n, np.intp) if strata is None else labels(strata, tte.n, "strata")[1]
    blocks = _blocks(stratum[people], member, len(test.groups))
    assignments = math.prod(_ways(block.sizes) for block in blocks)
    enumerated = assignments <= limit
    drawn = assignments if enumerated else draws
    at_least = 0
    if not math.isnan(test.statistic):
        design = _design(tte, people, stratum[people], event_weights(weights, rho, gamma))
        chunk = max(AT_ONCE // people.size, 1)
        if enumerated:
            source = _enumerated(blocks, assignments, chunk)
        else:
            source = _random(blocks, member, draws, seed, chunk)
        at_least = _count_at_least(design, member, len(test.groups), source)
    p_value, std_error = _p_value(at_least, drawn, enumerated, test)
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


def _check(tte: TimeToEvent, limit: int, draws: int) -> None:
    """Refuse weights that cannot count patients, too many of these, and numbers out of range."""
    faults = []
    people = tte.n if tte.weight is None else int(tte.weight.sum())
    if people > MOST:
        faults.append(
            Fault(
                rule=f"an exact test is for at most {MOST:,} patients: it would take too long",
                remedy="Leave exact out: with so many patients the chi-square p of the log-rank "
                "test is as good, unless there are very few events.",
                value=f"{people:,} patients",
            )
        )
    if takes_robust_variance(tte):
        faults.append(
            Fault(
                rule="an exact test needs weights that are whole numbers: it counts patients",
                remedy="Leave the weights out, or take the test that is not exact.",
                column="weight",
            )
        )
    if limit < 0 or draws < 1:
        faults.append(
            Fault(
                rule="limit must be 0 or more and draws 1 or more",
                remedy="Give how many assignments are enumerated at most, and how many are drawn.",
                value=f"limit {limit}, draws {draws}",
            )
        )
    if faults:
        raise BadInput(faults)


def _p_value(at_least: int, drawn: int, enumerated: bool, test: LogRank) -> tuple[float, float]:
    """Return p and its Monte Carlo error."""
    if math.isnan(test.statistic):
        return math.nan, math.nan
    if enumerated:
        return at_least / drawn, 0.0
    p = (at_least + 1) / (drawn + 1)
    return p, math.sqrt(p * (1 - p) / drawn)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """The people of one stratum, and how many of them are in each group."""

    people: Indices
    sizes: list[int]


def _blocks(stratum: Indices, member: Indices, g: int) -> list[_Block]:
    found = []
    for one in range(int(stratum.max()) + 1):
        people = np.flatnonzero(stratum == one)
        sizes = np.bincount(member[people], minlength=g).tolist()
        found.append(_Block(people=people, sizes=sizes))
    return found


def _ways(sizes: list[int]) -> int:
    """Return in how many ways people can be put into groups of these sizes."""
    return math.prod(math.comb(sum(sizes[: j + 1]), size) for j, size in enumerate(sizes))


def _enumerated(blocks: list[_Block], assignments: int, chunk: int) -> Iterator[Assignments]:
    """Yield every assignment once, a column each: a stratum's is a digit of its number."""
    n = sum(block.people.size for block in blocks)
    columns = [_every(block.sizes) for block in blocks]
    code = columns[0].dtype
    for start in range(0, assignments, chunk):
        number = np.arange(start, min(start + chunk, assignments))
        assigned = np.empty((n, number.size), dtype=code)
        for block, own in zip(blocks, columns, strict=True):
            number, digit = np.divmod(number, own.shape[1])
            assigned[block.people] = own[:, digit]
        yield assigned


def _every(sizes: list[int]) -> Assignments:
    """Return every way to put people into groups of these sizes, a column each.

    Grown person by person, the ways sorted by how many are in each group so far.
    """
    code = np.min_scalar_type(len(sizes))
    found: dict[tuple[int, ...], Assignments]
    found = {(0,) * len(sizes): np.empty((0, 1), dtype=code)}
    for _ in range(sum(sizes)):
        longer: dict[tuple[int, ...], list[Assignments]] = {}
        for filled, ways in found.items():
            for group, size in enumerate(sizes):
                if filled[group] < size:
                    key = (*filled[:group], filled[group] + 1, *filled[group + 1 :])
                    last = np.full((1, ways.shape[1]), group, dtype=code)
                    longer.setdefault(key, []).append(np.concatenate([ways, last]))
        found = {key: np.concatenate(parts, axis=1) for key, parts in longer.items()}
    (every,) = found.values()
    return every


def _random(
    blocks: list[_Block], member: Indices, draws: int, seed: int, chunk: int
) -> Iterator[Assignments]:
    """Yield random assignments, a column each; labels are shuffled within strata."""
    generator = np.random.default_rng(seed)
    member = member.astype(np.min_scalar_type(int(member.max())))
    for start in range(0, draws, chunk):
        columns = min(chunk, draws - start)
        assigned = np.empty((member.size, columns), dtype=member.dtype)
        for block in blocks:
            own = np.repeat(member[block.people][None], columns, axis=0)
            assigned[block.people] = generator.permuted(own, axis=1).T
        yield assigned


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
    return _quadratic_form(score, variance, 1e-12 * float(design.scale.sum()))


def _quadratic_form(score: Floats, variance: Floats, negligible: float) -> Floats:
    """Return score' inverse(variance) score of each; what has no variance adds nothing."""
    diagonal = np.diagonal(variance, axis1=1, axis2=2)
    varies = diagonal > negligible
    scale = np.sqrt(np.where(varies, diagonal, 1.0))
    z = np.where(varies, score / scale, 0.0)
    if z.shape[1] == 1:
        return z[:, 0] ** 2
    correlation = variance / (scale[:, :, None] * scale[:, None, :])
    correlation = np.where(varies[:, :, None] & varies[:, None, :], correlation, 0.0)
    inverse = np.linalg.pinv(correlation, rcond=1e-10, hermitian=True)
    form: Floats = np.einsum("bi,bij,bj->b", z, inverse, z)
    return form
