import itertools
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import bootstrap_survival, kaplan_meier
from survival_bzd.estimate.bootstrap import _drawn, _kinds, _survival
from survival_bzd.estimate.risk_sets import split

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "bootstrap.json").read_text(encoding="utf-8")
)


def censored(rng, n, *, days=False):
    relapse, end = rng.exponential(100, n), rng.uniform(20, 300, n)
    time = np.minimum(relapse, end)
    return TimeToEvent(np.ceil(time) if days else time, relapse <= end)


def curves_of(tte, drawn, times):
    """Return the curves of resamples that are given as positions of patients."""
    (group,) = split(tte, None)
    kinds = _kinds(group)
    kind = kinds.of_patient
    counts = np.array([np.bincount(kind[rows], minlength=kinds.patients.size) for rows in drawn])
    return _survival(kinds, counts, np.array(times, dtype=np.float64))


@pytest.mark.parametrize("case", REFERENCE)
def test_curves_of_given_resamples_agree_with_r(case, patients, column):
    # Regenerate with tests/reference/bootstrap.R.
    r = REFERENCE[case]
    drawn = [np.array(rows) - 1 for rows in r["drawn"]]
    ours = curves_of(patients(r["data"]), drawn, r["time"])
    assert_allclose(ours, [column(row) for row in r["survival"]], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("days", [True, False])
def test_curves_of_given_resamples_are_those_of_kaplan_meier(days):
    rng = np.random.default_rng(11)
    for n in (1, 3, 22, 200):
        tte = censored(rng, n, days=days)
        drawn = rng.integers(0, n, size=(20, n))
        times = [0.0, 10.0, 50.0, float(tte.time.max()), 400.0]
        expected = [kaplan_meier(tte.select(rows))[0].at(times).survival for rows in drawn]
        assert_allclose(curves_of(tte, drawn, times), expected, rtol=1e-12)


def test_by_hand():
    # Three patients: 27 equally likely draws, few different curves.
    tte = TimeToEvent([2, 4, 6], [1, 0, 1])
    (drawn,) = bootstrap_survival(tte, [3, 5], 40_000, 7)
    expected = Counter()
    for rows in itertools.product(range(3), repeat=3):
        at = kaplan_meier(tte.select(rows))[0].at([3, 5]).survival
        expected[tuple(np.nan_to_num(at, nan=9).round(6).tolist())] += 1 / 27
    found = Counter(map(tuple, np.nan_to_num(drawn.curves, nan=9).round(6).tolist()))
    assert found.keys() == expected.keys()
    for curve, share in expected.items():
        assert abs(found[curve] / 40_000 - share) < 4 * math.sqrt(share / 40_000)
    assert_allclose(drawn.survival, 2 / 3)
    assert_array_equal(drawn.defined, (~np.isnan(drawn.curves)).sum(0))


@pytest.mark.parametrize("repeat", [1, 40])
def test_draws_are_as_often_each_patient_as_chance_has_it(repeat):
    # Few kinds are drawn as kinds, many as patients; both are the same multinomial.
    time = np.repeat(np.arange(1, 9), repeat)
    (group,) = split(TimeToEvent(time, np.ones(time.size)), None)
    kinds = _kinds(group)
    counts = np.concatenate(list(_drawn(np.random.default_rng(3), kinds, 4000)))
    n = time.size
    assert counts.shape == (4000, 8)
    assert (counts.sum(1) == n).all()
    assert_allclose(counts.mean(0), n / 8, rtol=0.06)
    assert_allclose(counts.var(0), n / 8 * 7 / 8, rtol=0.12)
    assert_allclose(np.cov(counts[:, 0], counts[:, 5])[0, 1], -n / 64, rtol=0.6)


def test_limits_are_percentiles_and_the_error_is_greenwoods_in_large_samples():
    tte = censored(np.random.default_rng(5), 1000)
    times = [20, 80, 150]
    (drawn,) = bootstrap_survival(tte, times, 2000, 5, confidence=0.9)
    at = kaplan_meier(tte, limits="plain", confidence=0.9)[0].at(times)
    assert_allclose(drawn.survival, at.survival)
    assert_allclose(drawn.std_error, at.std_error, rtol=0.07)
    assert_allclose([drawn.lower, drawn.upper], [at.lower, at.upper], atol=0.006)
    assert_allclose(drawn.lower, np.quantile(drawn.curves, 0.05, axis=0))
    assert_allclose(drawn.std_error, drawn.curves.std(axis=0, ddof=1))


def test_same_seed_same_curves_and_another_seed_others():
    tte = censored(np.random.default_rng(5), 40)
    one, same, other = (bootstrap_survival(tte, [30], 200, seed)[0] for seed in (1, 1, 2))
    assert_array_equal(one.curves, same.curves)
    assert (one.curves != other.curves).any()
    with pytest.raises(ValueError, match="read-only"):
        one.curves[0] = 1


def test_groups_are_drawn_within():
    tte = TimeToEvent([5, 9, 20, 30, 25, 30], [1, 1, 0, 0, 0, 0])
    a, b = bootstrap_survival(tte, [10], 300, 4, by=["a"] * 4 + ["b"] * 2)
    assert [(a.group, a.n), (b.group, b.n)] == [("a", 4), ("b", 2)]
    assert a.curves.std() > 0
    assert (b.curves == 1).all()
    assert b.upper.tolist() == b.lower.tolist() == [1]


def test_weights_that_are_counts_do_not_cancel_to_a_rounding_error():
    tte = TimeToEvent([1, 2, 2, 3], [1, 1, 1, 1], weight=[0.1, 0.7, 0.2, 0.3])
    (drawn,) = bootstrap_survival(tte, [3], 200, 1)
    assert (drawn.curves == 0).all()


def test_nothing_is_said_past_the_last_follow_up():
    tte = TimeToEvent([5, 9, 20, 30], [1, 0, 0, 0])
    (drawn,) = bootstrap_survival(tte, [10, 25, 31], 500, 2)
    assert drawn.reasons == ("", "", "not estimable: follow-up ends at 30 days")
    assert np.isnan([drawn.survival[2], drawn.std_error[2], drawn.lower[2]]).all()
    assert drawn.defined[2] == 0
    # The patient followed to day 30 is missing from (3/4)^4 of the resamples.
    assert abs(drawn.defined[1] / 500 - (1 - 0.75**4)) < 0.08
    assert drawn.defined[0] > drawn.defined[1]
    assert list(drawn.to_frame()["time"]) == [10, 25, 31]


def test_a_time_that_differs_by_rounding_is_the_follow_up_time():
    tte = TimeToEvent([0.3, 0.9, 0.9], [1, 0, 0])
    (near,), (same,) = (bootstrap_survival(tte, [t], 50, 3) for t in (0.1 + 0.2, 0.3))
    assert_array_equal(near.curves, same.curves)


def test_what_cannot_be_is_bad_input():
    tte = TimeToEvent([5, 9], [1, 0])
    with pytest.raises(BadInput, match="replicates of a bootstrap"):
        bootstrap_survival(tte, [5], 1)
    with pytest.raises(BadInput, match="seed of a bootstrap"):
        bootstrap_survival(tte, [5], 10, -1)
    with pytest.raises(BadInput, match="zero or more"):
        bootstrap_survival(tte, [-5], 10)
