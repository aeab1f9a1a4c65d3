"""Whether groups stay relapse-free equally long, where relapses lie between two visits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.assignments import (
    AT_ONCE,
    DRAWS,
    LIMIT,
    ROUNDING,
    SEED,
    Assignments,
    Block,
    blocks_of,
    check_exact,
    every_assignment,
    exact_p,
    number_of_assignments,
    quadratic_forms,
    random_assignments,
)
from survival_bzd.estimate.interval_censored.maximum import maximise
from survival_bzd.estimate.interval_censored.support import (
    ends,
    event_intervals,
    kinds,
    support,
)
from survival_bzd.estimate.log_rank import compared, takes_robust_variance
from survival_bzd.estimate.quantities import Floats, Test, choice, frozen, labels
from survival_bzd.estimate.risk_sets import Indices, sums

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("sun", "finkelstein")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalLogRank:
    """A log-rank test of g groups with interval-censored times.

    Attributes
    ----------
    statistic, df, p_value : the test; NaN where the data do not determine it. `p_value` is that of
        chi-square or of the assignments, as `method` says.
    reason : why there is none, then.
    groups : labels of the groups, in order.
    n : (g,) patients.
    score : (g,) sum of the scores of each group's patients: above zero where relapses come early.
    variance : (g, g) variance of `score` over the assignments of the patients to the groups.
    patient_score : (n,) score of each patient: with exact times 1 for an event less the cumulative
        hazard lived through.
    scores : ``"sun"`` or ``"finkelstein"``.
    method : ``"chi-square"``, ``"enumeration"`` or ``"permutation"``.
    chi_square_p_value : the p of chi-square, whatever the method.
    assignments, drawn, at_least : ways to assign the patients, how many of them were looked at, and
        how many of those had a statistic at least as large; None with chi-square.
    std_error : Monte Carlo standard error of `p_value`; NaN with chi-square.
    seed : of random assignments; None without.
    """

    statistic: float
    df: int
    p_value: float
    reason: str
    groups: tuple[str, ...]
    n: NDArray[np.int64]
    score: Floats
    variance: Floats
    patient_score: Floats
    scores: str
    method: str
    chi_square_p_value: float
    assignments: int | None
    drawn: int | None
    at_least: int | None
    std_error: float
    seed: int | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group: its patients and the sum of their scores."""
        import pandas as pd

        return pd.DataFrame({"group": list(self.groups), "n": self.n, "score": self.score})


def interval_logrank(
    tte: TimeToEvent,
    by: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    scores: str = "sun",
    exact: bool = False,
    limit: int = LIMIT,
    draws: int = DRAWS,
    seed: int = SEED,
) -> IntervalLogRank:
    r"""Test whether groups have the same hazard of relapse, with interval-censored times.

    Each patient has a score from the curve of all patients, whatever their group,

    .. math:: \frac{S(u) \Lambda(u) - S(l) \Lambda(l)}{S(l) - S(u)},

    which is the derivative of the log of their likelihood by a log hazard ratio at 0. With Sun's
    scores, hazards of the support intervals are odds that are proportional, :math:`\Lambda` sums
    the masses over the survival before them, and the scores of exact and right-censored times are
    those of the log-rank test. With Finkelstein's, hazards in continuous time are proportional and
    :math:`\Lambda = -\log S`. The statistic is the sum of the scores of each group, with its
    variance over all assignments of the patients to groups of the same sizes.

    That the assignments are equally likely means that the groups do not differ in when their
    patients are seen either: a group that is visited more often can be taken for one that relapses
    at other times.

    Parameters
    ----------
    tte : TimeToEvent
        As for `npmle`. Whole weights count patients more than once.
    by : (n,) labels
        The groups.
    strata : (n,) labels, optional
        Patients are compared within a stratum only, each with a curve of its own.
    scores : {"sun", "finkelstein"}
        Which scores.
    exact : bool
        p from the assignments themselves: all up to `limit` of them, else `draws` random ones.
    limit, draws, seed
        As for `exact_logrank`.

    Returns
    -------
    IntervalLogRank

    Raises
    ------
    NotEstimable
        If there are fewer than two groups.
    BadInput
        As `npmle`; if a weight is not whole, `scores` is not allowed, or with `exact` there are
        more than 2,000 patients.

    Notes
    -----
    The scores are checked against the numerical derivative of the likelihood, the variance and p
    against all permutations, and with exact times the scores against the log-rank test's
    (``tests/estimate/test_interval_log_rank.py``); no R package at hand has the test. R's package
    ``interval`` calls the scores ``"logrank1"`` and ``"logrank2"``.

    References
    ----------
    .. [1] Finkelstein DM (1986). Biometrics 42:845-854. doi:10.2307/2530698
    .. [2] Sun J (1996). Stat Med 15:1387-1395.
    .. [3] Fay MP, Shaw PA (2010). J Stat Softw 36(2). doi:10.18637/jss.v036.i02

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> lower, upper = [0, 0, 1, 3, 3, 6], [1, 3, 3, 6, float("inf"), float("inf")]
    >>> tte = TimeToEvent(lower, [1, 1, 1, 1, 0, 0], lower=lower, upper=upper)
    >>> test = interval_logrank(tte, list("aaabbb"), exact=True)
    >>> round(test.statistic, 4), test.at_least, test.assignments, test.p_value
    (3.9305, 2, 20, 0.1)
    """
    choice("scores", scores, SCORES)
    groups, member = compared(tte, by)
    if exact:
        check_exact(tte, limit, draws)
    elif takes_robust_variance(tte):
        raise BadInput(
            [
                Fault(
                    rule="this test needs weights that are whole numbers: it counts patients",
                    remedy="Leave the weights out, or compare the curves alone.",
                    column="weight",
                )
            ]
        )
    stratum = np.zeros(tte.n, np.intp) if strata is None else labels(strata, tte.n, "strata")[1]
    patient_score = _patient_scores(tte, stratum, scores)
    people = np.repeat(np.arange(tte.n), 1 if tte.weight is None else tte.weight.astype(np.intp))
    blocks = blocks_of(stratum[people], member[people], len(groups))
    drawn = _Drawn.of(blocks, patient_score[people], len(groups))
    score = drawn.scores(member[people][:, None])[0]
    test = drawn.test(score)
    found = IntervalLogRank(
        statistic=test.statistic,
        df=test.df,
        p_value=test.p_value,
        reason=test.reason,
        groups=groups,
        n=np.bincount(member, minlength=len(groups)).astype(np.int64),
        score=frozen(score),
        variance=frozen(drawn.variance),
        patient_score=frozen(patient_score),
        scores=scores,
        method="chi-square",
        chi_square_p_value=test.p_value,
        assignments=None,
        drawn=None,
        at_least=None,
        std_error=math.nan,
        seed=None,
    )
    if not exact:
        return found
    return _made_exact(found, drawn, blocks, member[people], (limit, draws, seed))


def _patient_scores(tte: TimeToEvent, stratum: Indices, scores: str) -> Floats:
    """Return the score of each patient from the curve of their stratum."""
    lower, upper = event_intervals(tte)
    weight = np.ones(tte.n) if tte.weight is None else tte.weight
    patient_score = np.empty(tte.n)
    for one in range(int(stratum.max()) + 1):
        rows = np.flatnonzero(stratum == one)
        placed = ends(lower[rows], upper[rows])
        begin, end = support(placed.left, placed.right)
        covered = kinds(placed.left, placed.right, begin, end)
        total = sums(covered.of_patient, weight[rows], covered.first.size)
        mass = maximise(covered, total, begin.size).mass
        survival = np.append(np.cumsum(mass[::-1])[::-1], 0.0)
        # Survival times cumulative hazard, before and after each support interval; 0 where S is.
        before = survival[:-1]
        if scores == "sun":
            hazard = np.divide(mass, before, out=np.zeros_like(mass), where=before > 0)
            product = survival * np.concatenate([[0.0], np.cumsum(hazard)])
        else:
            product = -survival * np.log(np.where(survival > 0, survival, 1.0))
        first, last = covered.first, covered.last + 1
        density = survival[first] - survival[last]
        patient_score[rows] = ((product[last] - product[first]) / density)[covered.of_patient]
    return patient_score


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """The scores of n people and how their sums vary over the assignments to g groups."""

    people_score: Floats
    variance: Floats

    @classmethod
    def of(cls, blocks: list[Block], people_score: Floats, g: int) -> _Drawn:
        """Add up the variance of the strata."""
        variance = np.zeros((g, g))
        for block in blocks:
            own, sizes = people_score[block.people], np.array(block.sizes, dtype=np.float64)
            spread = float(((own - own.mean()) ** 2).sum()) / max(own.size - 1, 1)
            variance += spread * (np.diag(sizes) - np.outer(sizes, sizes) / own.size)
        return cls(people_score=people_score, variance=variance)

    def scores(self, assigned: Assignments) -> Floats:
        """Return the sum of the scores of each group, a row for each column of assignments."""
        g = self.variance.shape[0]
        inside = [self.people_score @ (assigned == group) for group in range(g)]
        return np.stack(inside, axis=1).astype(np.float64)

    def statistics(self, score: Floats) -> Floats:
        """Return the statistics of some rows of scores; the last group follows from the others."""
        some = self.variance[:-1, :-1]
        negligible = 1e-12 * float(self.people_score @ self.people_score)
        return quadratic_forms(
            score[:, :-1], np.broadcast_to(some, (score.shape[0], *some.shape)), negligible
        )

    def test(self, score: Floats) -> Test:
        """Test one row of scores by chi-square."""
        df = score.size - 1
        if not (np.diag(self.variance) > 1e-12 * (self.people_score @ self.people_score)).all():
            return Test.none(df, "not estimable: the scores of a group's patients do not vary")
        return Test.chi_square(float(self.statistics(score[None])[0]), df)


def _made_exact(
    found: IntervalLogRank,
    drawn: _Drawn,
    blocks: list[Block],
    member: Indices,
    how: tuple[int, int, int],
) -> IntervalLogRank:
    """Replace the p of chi-square by that of the assignments."""
    limit, draws, seed = how
    assignments = number_of_assignments(blocks)
    enumerated = assignments <= limit
    looked_at = assignments if enumerated else draws
    method = "enumeration" if enumerated else "permutation"
    shown: dict[str, Any] = {
        "method": method,
        "assignments": assignments,
        "seed": None if enumerated else seed,
    }
    if math.isnan(found.statistic):
        return replace(found, drawn=0, at_least=0, **shown)
    chunk = max(AT_ONCE // member.size, 1)
    source: Iterator[Assignments]
    if enumerated:
        source = every_assignment(blocks, assignments, chunk)
    else:
        source = random_assignments(blocks, member, draws, seed, chunk)
    bound = found.statistic * (1 - ROUNDING)
    at_least = sum(int((drawn.statistics(drawn.scores(some)) >= bound).sum()) for some in source)
    p_value, std_error = exact_p(at_least, looked_at, enumerated=enumerated)
    return replace(
        found, p_value=p_value, std_error=std_error, drawn=looked_at, at_least=at_least, **shown
    )
