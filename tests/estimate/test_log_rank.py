import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import logrank

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "log_rank.json").read_text(encoding="utf-8")
)
DATA = REFERENCE["data"]


def agrees(test, r):
    assert test.df == r["df"]
    assert_allclose(test.statistic, r["statistic"], rtol=1e-9)
    assert_allclose(test.p_value, r["p_value"], rtol=1e-9)
    assert_allclose(test.observed, r["observed"], rtol=1e-9)
    assert_allclose(test.expected, r["expected"], rtol=1e-9)
    assert_allclose(test.variance, r["variance"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("index", range(3))
def test_agrees_with_r_survdiff(index):
    # Regenerate with tests/reference/log_rank.R.
    tte, rho = TimeToEvent(DATA["time"], DATA["event"]), REFERENCE["rho"][index]
    agrees(logrank(tte, DATA["group"], rho=rho), REFERENCE["plain"][index])
    stratified = logrank(tte, DATA["group"], strata=DATA["stratum"], rho=rho)
    agrees(stratified, REFERENCE["strata"][index])


def test_near_equal_times_are_ties():
    r = REFERENCE["near"]
    agrees(
        logrank(TimeToEvent(r["data"]["time"], r["data"]["event"]), r["data"]["group"]), r["test"]
    )


def test_whole_weights_count_patients_more_than_once():
    tte = TimeToEvent(DATA["time"], DATA["event"], weight=DATA["whole"])
    agrees(logrank(tte, DATA["group"], strata=DATA["stratum"]), REFERENCE["whole"])


def test_late_entry_agrees_with_the_score_test_of_the_discrete_model(patients):
    r = REFERENCE["late"]
    test = logrank(patients(r["data"]), r["data"]["group"])
    assert_allclose(test.statistic, r["statistic"], rtol=1e-9)


def test_weights_that_are_not_whole_take_the_robust_variance():
    tte = TimeToEvent(DATA["time"], DATA["event"], weight=DATA["ipw"])
    test = logrank(tte, DATA["group"])
    assert test.robust
    assert_allclose(test.statistic, REFERENCE["ipw"]["statistic"], rtol=1e-9)


def test_by_hand():
    # Day 1: one of a among 2 + 2; day 2: one of b among 1 + 2; day 3: one of b, alone with none.
    test = logrank(TimeToEvent([1, 2, 2, 3], [1, 0, 1, 1]), ["a", "a", "b", "b"])
    expected = 2 / 4 + 1 / 3
    variance = 1 / 4 + 1 / 3 * 2 / 3
    assert_allclose(test.expected, [expected, 3 - expected])
    assert_allclose(test.statistic, (1 - expected) ** 2 / variance)
    assert_allclose(test.p_value, math.erfc(math.sqrt(test.statistic / 2)))
    assert test.n.tolist() == [2, 2]
    assert list(test.to_frame()["group"]) == ["a", "b"]


def test_without_events_there_is_no_test():
    test = logrank(TimeToEvent([1, 2, 3], [0, 0, 0]), ["a", "b", "b"])
    assert math.isnan(test.statistic)
    assert test.reason.startswith("not estimable")


def test_groups_that_are_never_at_risk_together_have_no_test():
    test = logrank(TimeToEvent([1, 2], [1, 1], entry=[np.nan, 1]), ["a", "b"])
    assert math.isnan(test.p_value)
    assert test.reason == "not estimable: a group's events do not vary"


def test_a_group_without_expected_events_is_left_out():
    tte = TimeToEvent([0.5, 1, 2, 3, 4], [0, 1, 1, 1, 1])
    test = logrank(tte, ["c", "a", "b", "a", "b"])
    assert test.df == 1
    assert test.expected[2] == 0


def test_one_group_cannot_be_compared():
    with pytest.raises(NotEstimable, match="only one group"):
        logrank(TimeToEvent([1, 2], [1, 1]), ["a", "a"])


def test_missing_group_is_bad_input():
    with pytest.raises(BadInput, match="row 2"):
        logrank(TimeToEvent([1, 2], [1, 1]), ["a", None])
