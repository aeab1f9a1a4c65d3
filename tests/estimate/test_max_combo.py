import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate import logrank, max_combo
from survival_bzd.estimate.max_combo import joint_tail

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "log_rank.json").read_text("utf-8")
)
DATA = REFERENCE["data"]
TWO = np.flatnonzero(np.array(DATA["group"]) != "c")


def two_groups(**columns):
    return TimeToEvent(DATA["time"], DATA["event"], **columns).select(TWO)


GROUP = np.array(DATA["group"])[TWO]
STRATUM = np.array(DATA["stratum"])[TWO]


@pytest.mark.parametrize("weight", [None, "ipw"])
@pytest.mark.parametrize("strata", [None, STRATUM])
def test_each_z_is_that_of_the_log_rank_test(weight, strata):
    # Those agree with R: tests/reference/log_rank.R and weighted_log_rank.R.
    tte = two_groups(weight=DATA[weight] if weight else None)
    combo = max_combo(tte, GROUP, strata=strata)
    assert combo.robust == (weight == "ipw")
    for place, (rho, gamma) in enumerate(zip(combo.rho, combo.gamma, strict=True)):
        test = logrank(tte, GROUP, strata=strata, rho=rho, gamma=gamma)
        assert_allclose(combo.z[place] ** 2, test.statistic, rtol=1e-9)
        assert np.sign(combo.z[place]) == np.sign(test.observed[1] - test.expected[1])
        assert_allclose(combo.p_values[place], test.p_value, rtol=1e-9)
    assert combo.statistic == np.abs(combo.z).max()
    assert combo.p_values.min() < combo.p_value < 4 * combo.p_values.min()


def test_the_correlation_by_hand():
    # Shares of b in 4, 3, 2 at risk: 1/2, 2/3, 1/2; S(t-) 1, 3/4, 1/2; one event each, no ties.
    combo = max_combo(TimeToEvent([1, 2, 3, 4], [1, 1, 1, 0]), ["a", "b", "b", "a"])
    spread = np.array([1 / 4, 2 / 9, 1 / 4])
    before = np.array([1, 3 / 4, 1 / 2])
    weight = np.array([np.ones(3), 1 - before, before, before * (1 - before)])
    covariance = (weight * spread) @ weight.T
    error = np.sqrt(np.diag(covariance))
    assert_allclose(combo.correlation, covariance / np.outer(error, error), rtol=1e-12)
    difference = weight @ (np.array([0, 1, 1]) - np.array([1 / 2, 2 / 3, 1 / 2]))
    assert_allclose(combo.z, difference / error, rtol=1e-12, atol=1e-12)


def test_z_vary_together_as_the_correlation_says():
    # Over 500 relabellings of the patients the error of a correlation is less than 0.045.
    draw = np.random.default_rng(11)
    time, event = draw.integers(1, 200, 60), draw.random(60) < 0.8
    group = np.arange(60) % 2
    tte = TimeToEvent(time, event)
    found = max_combo(tte, group)
    z = [max_combo_z(tte, draw.permutation(group)) for _ in range(500)]
    assert np.abs(np.corrcoef(np.transpose(z)) - found.correlation).max() < 0.15


def max_combo_z(tte, group):
    tests = [logrank(tte, group, rho=r, gamma=g) for r, g in ((0, 0), (0, 1), (1, 0), (1, 1))]
    return [(t.observed - t.expected)[1] / math.sqrt(t.variance[1, 1]) for t in tests]


def test_p_is_that_of_simulated_normal_numbers():
    combo = max_combo(two_groups(), GROUP)
    size, direction = np.linalg.eigh(combo.correlation)
    root = direction * np.sqrt(np.maximum(size, 0))
    draws = np.abs(np.random.default_rng(12).standard_normal((400_000, 4)) @ root.T).max(axis=1)
    for bound in (combo.statistic, 1.0, 1.96, 2.5):
        p = joint_tail(combo.correlation, bound)
        assert abs(np.mean(draws >= bound) - p) < 4 * math.sqrt(p * (1 - p) / 400_000)


def test_p_of_known_distributions():
    one = math.erfc(1.96 / math.sqrt(2))
    assert_allclose(joint_tail(np.ones((4, 4)), 1.96), one, atol=1e-6)
    assert_allclose(joint_tail(np.ones((1, 1)), 1.96), one, atol=1e-6)
    assert_allclose(joint_tail(np.eye(2), 1.96), 1 - (1 - one) ** 2, atol=1e-6)
    assert_allclose(joint_tail(np.eye(3), 1.96), 1 - (1 - one) ** 3, atol=1e-6)
    far = math.erfc(9 / math.sqrt(2))
    assert_allclose(joint_tail(np.eye(3), 9), 3 * far, rtol=1e-3)


def test_p_agrees_with_scipy():
    from scipy.stats import multivariate_normal

    correlation = max_combo(two_groups(), GROUP).correlation
    # Three of the four determine the fourth; SciPy's integration needs its whole rank.
    three = correlation[np.ix_([0, 2, 3], [0, 2, 3])]
    inside = multivariate_normal(np.zeros(3), three, seed=1).cdf(
        np.full(3, 2.2), lower_limit=np.full(3, -2.2)
    )
    assert_allclose(joint_tail(three, 2.2), 1 - inside, atol=5e-5)


def test_swapping_the_groups_turns_z_round():
    combo = max_combo(two_groups(), GROUP)
    swapped = max_combo(two_groups(), np.where(GROUP == "a", "z", "b"))
    assert_allclose(swapped.z, -combo.z, rtol=1e-9)
    assert_allclose(swapped.p_value, combo.p_value, rtol=1e-9)


def test_rows_and_the_scale_of_weights_do_not_matter():
    order = np.random.default_rng(13).permutation(TWO.size)
    tte = two_groups(weight=DATA["ipw"])
    combo = max_combo(tte, GROUP)
    shuffled = max_combo(tte.select(order), GROUP[order])
    scaled = max_combo(two_groups(weight=np.multiply(DATA["ipw"], 3.3)), GROUP)
    assert_allclose(shuffled.z, combo.z, rtol=1e-9)
    assert_allclose(scaled.p_value, combo.p_value, rtol=1e-9)


def test_a_test_without_variance_is_left_out():
    # All events on one day: nothing is late.
    combo = max_combo(TimeToEvent([5, 5, 5, 9, 9, 9], [1, 1, 0, 0, 0, 0]), list("aabbab"))
    assert np.isnan(combo.z).tolist() == [False, True, False, True]
    assert_allclose(combo.p_value, combo.p_values[0], atol=1e-6)


def test_without_events_there_is_no_test():
    combo = max_combo(TimeToEvent([1, 2, 3], [0, 0, 0]), ["a", "b", "b"])
    assert math.isnan(combo.p_value)
    assert combo.reason.startswith("not estimable")


@pytest.mark.parametrize(("group", "said"), [(["a"] * 3, "only one"), (list("abc"), "are 3")])
def test_it_takes_two_groups(group, said):
    with pytest.raises(NotEstimable, match=said):
        max_combo(TimeToEvent([1, 2, 3], [1, 1, 0]), group)


def test_size_at_22_patients(monkeypatch):
    # 1000 studies without a difference; a coarser sphere moves p by less than 1e-4.
    module = sys.modules["survival_bzd.estimate.max_combo"]
    monkeypatch.setattr(module, "CIRCLES", 48)
    monkeypatch.setattr(module, "POINTS", 96)
    draw = np.random.default_rng(32)
    group = np.repeat(["a", "b"], 11)
    rejected = 0
    for _ in range(1000):
        time, end = draw.exponential(100, 22), draw.uniform(60, 300, 22)
        tte = TimeToEvent(np.ceil(np.minimum(time, end)), time <= end)
        rejected += max_combo(tte, group).p_value < 0.05
    assert 0.03 < rejected / 1000 < 0.075
