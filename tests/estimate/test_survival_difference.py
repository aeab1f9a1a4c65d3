import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import survival_difference

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "survival_difference.json").read_text("utf-8")
)
CASES = [("data", "tests", 0), ("data", "tests", 1), ("data", "tests", 2),
         ("late", "late_tests", 0), ("data", "ipw", 0)]  # fmt: skip
NUMBERS = ("estimate", "std_error", "lower", "upper", "statistic", "p_value")


@pytest.mark.parametrize("limits", ["log-log", "plain"])
@pytest.mark.parametrize(("data", "case", "index"), CASES)
def test_agrees_with_r_survfit(data, case, index, limits, patients):
    # Regenerate with tests/reference/survival_difference.R.
    data, r = REFERENCE[data], REFERENCE[case][index]
    tte = patients(data, weight="ipw" if case == "ipw" else None)
    (one,) = survival_difference(
        tte, data["group"], r["time"], limits=limits, confidence=r["level"]
    )
    for name in NUMBERS:
        assert_allclose(getattr(one, name), r[limits][name], rtol=1e-9, err_msg=name)
    assert (one.group, one.reference, one.df, one.reason) == ("b", "a", 1, "")


def test_by_hand():
    # Without censoring both are shares: 3 of 4 and 1 of 5 after day 6.
    tte = TimeToEvent([1, 7, 8, 9, 1, 2, 3, 6, 9], [1] * 9)
    (plain,) = survival_difference(tte, list("aaaabbbbb"), 6, limits="plain")
    error = math.sqrt(0.75 * 0.25 / 4 + 0.2 * 0.8 / 5)
    assert_allclose(plain.estimate, 0.2 - 0.75)
    assert_allclose(plain.std_error, error)
    assert_allclose(
        [plain.lower, plain.upper], -0.55 + 1.959963984540054 * error * np.array([-1, 1])
    )
    (scaled,) = survival_difference(tte, list("aaaabbbbb"), 6)
    variance = [0.25 / (4 * 0.75) / math.log(0.75) ** 2, 0.8 / (5 * 0.2) / math.log(0.2) ** 2]
    z = (math.log(-math.log(0.2)) - math.log(-math.log(0.75))) / math.sqrt(sum(variance))
    assert_allclose(scaled.statistic, z**2)
    assert_allclose(scaled.p_value, math.erfc(z / math.sqrt(2)))


def test_swapping_the_groups_turns_the_difference_round():
    data = REFERENCE["data"]
    tte, group = TimeToEvent(data["time"], data["event"]), np.array(data["group"])
    (one,) = survival_difference(tte, group, 84)
    (other,) = survival_difference(tte, np.where(group == "a", "c", "b"), 84)
    assert (other.group, other.reference) == ("c", "b")
    assert_allclose(other.estimate, -one.estimate)
    assert_allclose([other.lower, other.upper], [-one.upper, -one.lower])
    assert_allclose(other.p_value, one.p_value)


def test_rows_and_the_scale_of_weights_do_not_matter():
    data = REFERENCE["data"]
    tte = TimeToEvent(data["time"], data["event"], weight=data["ipw"])
    scaled = TimeToEvent(data["time"], data["event"], weight=np.multiply(data["ipw"], 0.37))
    order = np.random.default_rng(8).permutation(tte.n)
    group = np.array(data["group"])
    (one,) = survival_difference(tte, group, 84)
    (shuffled,) = survival_difference(tte.select(order), group[order], 84)
    (smaller,) = survival_difference(scaled, group, 84)
    for name in NUMBERS:
        assert_allclose(getattr(shuffled, name), getattr(one, name), rtol=1e-9)
        assert_allclose(getattr(smaller, name), getattr(one, name), rtol=1e-9)


def test_each_group_is_compared_with_the_first():
    data = REFERENCE["data"]
    group = np.resize(["a", "b", "c"], len(data["time"]))
    found = survival_difference(TimeToEvent(data["time"], data["event"]), group, 56)
    assert [(one.group, one.reference) for one in found] == [("b", "a"), ("c", "a")]


@pytest.mark.parametrize(
    ("time", "at", "reason"),
    [
        ([5, 6, 7, 9, 1, 2, 3, 9], 4, "survival of a group is 0 or 1"),
        ([1, 2, 7, 9, 1, 2, 3, 3], 3, "survival of a group is 0 or 1"),
    ],
)
def test_without_a_standard_error_there_is_no_test(time, at, reason):
    for limits in ("log-log", "plain"):
        (one,) = survival_difference(
            TimeToEvent(time, [1] * 8), list("aaaabbbb"), at, limits=limits
        )
        assert reason in one.reason
        assert not math.isnan(one.estimate)
        assert np.isnan([one.std_error, one.lower, one.upper, one.statistic, one.p_value]).all()


def test_nothing_is_estimated_past_the_follow_up_of_a_group():
    tte = TimeToEvent([5, 6, 7, 9, 1, 2, 3, 3], [1, 0, 1, 1, 1, 1, 0, 0])
    (one,) = survival_difference(tte, list("aaaabbbb"), 8)
    assert math.isnan(one.estimate)
    assert one.reason == "not estimable: follow-up ends at 3 days"


def test_what_is_refused():
    tte = TimeToEvent([1, 2, 3], [1, 1, 0])
    with pytest.raises(NotEstimable, match="one group only"):
        survival_difference(tte, ["a", "a", "a"], 1)
    with pytest.raises(BadInput, match="limits must be one of"):
        survival_difference(tte, ["a", "a", "b"], 1, limits="logit")
    with pytest.raises(BadInput, match="zero or more"):
        survival_difference(tte, ["a", "a", "b"], -1)


def test_size_and_coverage_at_22_patients():
    # 1000 studies, true difference 0: log-log holds its size; plain is known to be liberal.
    draw = np.random.default_rng(23)
    group = np.repeat(["a", "b"], 11)
    rejected = {"log-log": 0, "plain": 0}
    covered = tested = 0
    for _ in range(1000):
        time, end = draw.exponential(100, 22), draw.uniform(60, 300, 22)
        tte = TimeToEvent(np.minimum(time, end), time <= end)
        for limits in rejected:
            (one,) = survival_difference(tte, group, 60, limits=limits)
            rejected[limits] += one.p_value < 0.05
        tested += not one.reason
        (one,) = survival_difference(tte, group, 60)
        covered += one.lower <= 0 <= one.upper
    assert tested > 980
    assert 0.02 < rejected["log-log"] / tested < 0.065
    assert rejected["plain"] / tested < 0.1
    assert 0.93 < covered / tested < 0.98
