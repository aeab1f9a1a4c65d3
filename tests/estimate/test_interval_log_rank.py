import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import interval_logrank, npmle

INF = math.inf


def intervals(lower, upper, **more):
    upper = np.array(upper, dtype=float)
    return TimeToEvent(
        np.where(np.isfinite(upper), upper, lower), np.isfinite(upper),
        lower=lower, upper=upper, **more,
    )  # fmt: skip


def some(seed, n=14):
    rng = np.random.default_rng(seed)
    lower = rng.integers(0, 8, n).astype(float)
    upper = lower + rng.integers(0, 4, n)
    upper[rng.random(n) < 0.3] = INF
    return intervals(lower, upper)


def likelihoods(tte, beta, scores):
    """Return the log likelihood of each patient with log hazard ratio `beta`, from the curve."""
    (curve,) = npmle(tte)
    before = np.append(1.0, curve.survival[:-1])
    hazard = curve.mass / before
    if scores == "sun":
        odds = np.divide(hazard, 1 - hazard, out=np.full_like(hazard, INF), where=hazard < 1)
        with np.errstate(invalid="ignore"):
            changed = np.where(hazard < 1, odds * math.exp(beta) / (1 + odds * math.exp(beta)), 1)
        survival = np.append(1.0, np.cumprod(1 - changed))
    else:
        survival = np.append(1.0, curve.survival ** math.exp(beta))
    found = np.empty(tte.n)
    for i in range(tte.n):
        point = (curve.support_lower == curve.support_upper) & (curve.support_lower == tte.lower[i])
        begins = np.where(point, tte.lower[i] == tte.upper[i], curve.support_lower >= tte.lower[i])
        inside = np.flatnonzero(begins & (curve.support_upper <= tte.upper[i]))
        found[i] = math.log(survival[inside[0]] - survival[inside[-1] + 1])
    return found


@pytest.mark.parametrize("scores", ["sun", "finkelstein"])
@pytest.mark.parametrize("seed", range(6))
def test_scores_are_the_derivative_of_the_likelihood(seed, scores):
    tte = some(seed)
    test = interval_logrank(tte, np.arange(tte.n) % 2, scores=scores)
    step = 1e-5
    slope = (likelihoods(tte, step, scores) - likelihoods(tte, -step, scores)) / (2 * step)
    assert_allclose(test.patient_score, slope, atol=1e-8)
    assert_allclose(test.patient_score.sum(), 0, atol=1e-8)


def test_scores_of_exact_times_are_those_of_the_log_rank_test():
    rng = np.random.default_rng(4)
    time = rng.integers(1, 12, 60).astype(float)
    event = rng.random(60) < 0.7
    levels = np.unique(time)
    at_risk = (time >= levels[:, None]).sum(axis=1)
    events = ((time == levels[:, None]) & event).sum(axis=1)
    hazard = np.cumsum(events / at_risk)[np.searchsorted(levels, time)]
    test = interval_logrank(TimeToEvent(time, event), rng.integers(0, 2, 60))
    assert_allclose(test.patient_score, event - hazard, atol=1e-8)


@pytest.mark.parametrize("groups", [[4, 5], [3, 3, 2]])
def test_variance_and_p_are_those_of_all_permutations(groups):
    n = sum(groups)
    tte = some(11, n)
    member = np.repeat(np.arange(len(groups)), groups)
    every = {order for order in itertools.permutations(member.tolist())}
    test = interval_logrank(tte, member, exact=True)
    sums = np.array(
        [np.bincount(order, test.patient_score, len(groups)) for order in map(list, every)]
    )
    assert_allclose(np.cov(sums.T, bias=True), test.variance, atol=1e-9)
    inverse = np.linalg.pinv(test.variance)
    statistics = np.einsum("bi,ij,bj->b", sums, inverse, sums)
    assert_allclose(test.statistic, test.score @ inverse @ test.score, rtol=1e-9)
    at_least = int((statistics >= test.statistic * (1 - 1e-9)).sum())
    assert (test.method, test.assignments, test.at_least) == ("enumeration", len(every), at_least)
    assert_allclose(test.p_value, at_least / len(every))


def test_strata_weights_and_labels():
    tte = some(3, 30)
    member = np.arange(30) % 2
    plain = interval_logrank(tte, member)
    swapped = interval_logrank(tte, 1 - member)
    assert_allclose(plain.statistic, swapped.statistic)
    assert_allclose(plain.score, swapped.score[::-1])
    twice = interval_logrank(intervals(tte.lower, tte.upper, weight=np.full(30, 2.0)), member)
    double = interval_logrank(tte.select(np.tile(np.arange(30), 2)), np.tile(member, 2))
    assert_allclose(twice.statistic, double.statistic)
    strata = np.repeat([0, 1], 15)
    both = interval_logrank(tte, member, strata=strata)
    parts = [interval_logrank(tte.select(strata == one), member[strata == one]) for one in (0, 1)]
    assert_allclose(both.score, sum(part.score for part in parts))
    assert_allclose(both.variance, sum(part.variance for part in parts))


def test_random_assignments_come_near_the_enumerated_ones():
    tte, member = some(2, 16), np.repeat([0, 1], 8)
    every = interval_logrank(tte, member, exact=True)
    drawn = interval_logrank(tte, member, exact=True, limit=0, draws=20_000)
    assert drawn.method == "permutation"
    assert abs(every.p_value - drawn.p_value) < 5 * drawn.std_error
    assert every.chi_square_p_value == interval_logrank(tte, member).p_value


def test_holds_its_level():
    rejected = 0
    for seed in range(400):
        tte = some(1000 + seed, 30)
        rejected += interval_logrank(tte, np.arange(30) % 2).p_value < 0.05
    assert 5 < rejected < 40


def test_what_cannot_be_tested_says_why():
    nobody = intervals([3, 4, 5, 5], [INF] * 4)
    test = interval_logrank(nobody, list("aabb"), exact=True)
    assert math.isnan(test.p_value)
    assert "do not vary" in test.reason
    assert test.drawn == 0
    with pytest.raises(NotEstimable, match="only one group"):
        interval_logrank(nobody, list("aaaa"))
    with pytest.raises(BadInput, match="whole"):
        interval_logrank(intervals([1, 2], [2, 3], weight=[0.5, 1]), ["a", "b"])
    with pytest.raises(BadInput, match="scores must be one of"):
        interval_logrank(nobody, list("aabb"), scores="peto")
