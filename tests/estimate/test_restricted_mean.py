import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import (
    restricted_mean,
    restricted_mean_difference,
    restricted_mean_ratio,
)

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "restricted_mean.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r(case, patients):
    # Regenerate with tests/reference/restricted_mean.R.
    r = REFERENCE[case]
    (mean,) = restricted_mean(patients(r["data"]), tau=r["tau"])
    assert_allclose(mean.estimate, r["estimate"], rtol=1e-9)
    assert_allclose(mean.std_error, r["std_error"], rtol=1e-9)


def test_by_hand():
    # S is 1 until 10, 2/3 until 20, 1/3 until 25: area 10 + 20/3 + 5/3.
    (mean,) = restricted_mean(TimeToEvent([10, 20, 30], [1, 1, 0]), tau=25)
    assert_allclose(mean.estimate, 10 + 20 / 3 + 5 / 3)
    after_10, after_20 = 20 / 3 + 5 / 3, 5 / 3
    assert_allclose(mean.std_error, math.sqrt(after_10**2 / 6 + after_20**2 / 2))


def test_without_censoring_it_is_the_mean_of_the_times_cut_at_tau():
    (mean,) = restricted_mean(TimeToEvent([3, 8, 8, 40], [1, 1, 1, 1]), tau=20)
    assert_allclose(mean.estimate, (3 + 8 + 8 + 20) / 4)


def test_default_tau_is_the_last_time_of_the_group_followed_shortest():
    tte = TimeToEvent([10, 50, 20, 90], [1, 0, 1, 0])
    assert [m.tau for m in restricted_mean(tte, by=["a", "a", "b", "b"])] == [50, 50]


def test_tau_beyond_the_shorter_group_is_not_estimable():
    tte = TimeToEvent([10, 50, 20, 90], [1, 0, 1, 0], unit="days")
    with pytest.raises(NotEstimable, match="follow-up of a ends at 50 days"):
        restricted_mean(tte, by=["a", "a", "b", "b"], tau=90)


def test_after_everybody_relapsed_the_mean_is_known_for_any_tau():
    (mean,) = restricted_mean(TimeToEvent([10, 20], [1, 1]), tau=500)
    assert mean.estimate == 15


def test_difference_and_its_error():
    tte = TimeToEvent([3, 9, 14, 20, 7, 15, 20, 20], [1, 1, 0, 0, 1, 1, 0, 0])
    by = ["a"] * 4 + ["b"] * 4
    a, b = restricted_mean(tte, by=by)
    (difference,) = restricted_mean_difference(tte, by)
    assert (difference.group, difference.reference) == ("b", "a")
    assert_allclose(difference.estimate, b.estimate - a.estimate)
    assert_allclose(difference.std_error, math.hypot(a.std_error, b.std_error))
    assert 0 < difference.p_value < 1
    with pytest.raises(NotEstimable, match="one group only"):
        restricted_mean_difference(tte, ["a"] * 8)


def test_tau_must_be_more_than_zero():
    with pytest.raises(BadInput, match="more than zero"):
        restricted_mean(TimeToEvent([1], [1]), tau=0)


def test_the_ratio_is_that_of_the_means_with_limits_by_the_delta_method():
    tte = TimeToEvent([3, 8, 12, 20, 5, 9, 16, 22], [1, 0, 1, 1, 1, 1, 0, 1])
    by = ["a"] * 4 + ["b"] * 4
    first, second = restricted_mean(tte, by=by, tau=15)
    (ratio,) = restricted_mean_ratio(tte, by, tau=15)
    (swapped,) = restricted_mean_ratio(tte, ["b"] * 4 + ["a"] * 4, tau=15)
    assert_allclose(ratio.estimate, second.estimate / first.estimate, rtol=1e-12)
    relative = [one.std_error / one.estimate for one in (first, second)]
    assert_allclose(ratio.log_std_error, np.hypot(*relative), rtol=1e-12)
    assert_allclose([ratio.lower, ratio.upper], [1 / swapped.upper, 1 / swapped.lower], rtol=1e-12)


def test_a_ratio_needs_two_groups_and_means_above_0():
    with pytest.raises(NotEstimable, match="two"):
        restricted_mean_ratio(TimeToEvent([3, 8], [1, 1]), ["a", "a"])
    with pytest.raises(NotEstimable, match="is 0"):
        restricted_mean_ratio(TimeToEvent([0, 8], [1, 1]), ["a", "b"], tau=5)
