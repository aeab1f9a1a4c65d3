import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import holm, logrank, pairwise_logrank

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "pairwise_log_rank.json").read_text("utf-8")
)
DATA = REFERENCE["data"]


@pytest.mark.parametrize("case", ["plain", "strata"])
def test_agrees_with_r_survdiff_and_p_adjust(case):
    # Regenerate with tests/reference/pairwise_log_rank.R.
    options = {"strata": DATA["stratum"], "rho": 1} if case == "strata" else {}
    pairs = pairwise_logrank(TimeToEvent(DATA["time"], DATA["event"]), DATA["group"], **options)
    assert [one.pair for one in pairs] == [
        ("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d"),
    ]  # fmt: skip
    assert_allclose([one.test.p_value for one in pairs], REFERENCE[case]["p_value"], rtol=1e-9)
    assert_allclose([one.p_adjusted for one in pairs], REFERENCE[case]["p_adjusted"], rtol=1e-9)


def test_holm_agrees_with_r_p_adjust(column):
    r = REFERENCE["holm"]
    assert_allclose(holm(column(r["p_value"])), column(r["p_adjusted"]), rtol=1e-15)


def test_holm_by_hand():
    # 3 times .01; 2 times .02 makes it .04; .03 may not be less than that.
    assert_allclose(holm([0.03, 0.02, 0.01]), [0.04, 0.04, 0.03])
    assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert holm([]).size == 0


def test_two_groups_are_one_pair():
    tte, group = TimeToEvent([1, 2, 3, 4, 5], [1, 1, 0, 1, 1]), list("aabbb")
    (one,) = pairwise_logrank(tte, group, weights="gehan")
    assert one.test.statistic == logrank(tte, group, weights="gehan").statistic
    assert one.p_adjusted == one.test.p_value


def test_weights_and_late_entry_stay_with_their_patients():
    tte = TimeToEvent(
        DATA["time"], DATA["event"], weight=DATA["ipw"], entry=np.array(DATA["entry"], float)
    )
    group = np.array(DATA["group"])
    (*_, last) = pairwise_logrank(tte, group)
    rows = np.isin(group, ["c", "d"])
    assert last.test.robust
    assert last.test.statistic == logrank(tte.select(rows), group[rows]).statistic


def test_rows_do_not_matter_and_labels_only_order_the_pairs():
    tte, group = TimeToEvent(DATA["time"], DATA["event"]), np.array(DATA["group"])
    order = np.random.default_rng(5).permutation(tte.n)
    pairs = pairwise_logrank(tte, group)
    shuffled = pairwise_logrank(tte.select(order), group[order])
    renamed = pairwise_logrank(tte, np.where(group == "a", "z", group))
    adjusted = {frozenset(one.pair): one.p_adjusted for one in pairs}
    for one, other in zip(pairs, shuffled, strict=True):
        assert_allclose(other.p_adjusted, one.p_adjusted, rtol=1e-10)
    for one in renamed:
        pair = frozenset("a" if label == "z" else label for label in one.pair)
        assert_allclose(one.p_adjusted, adjusted[pair], rtol=1e-10)


def test_a_pair_without_a_test_does_not_count():
    # a and c are never at risk together.
    tte = TimeToEvent([1, 2, 3, 8, 9], [1, 1, 1, 1, 1], entry=[np.nan, np.nan, np.nan, np.nan, 5])
    ab, ac, bc = pairwise_logrank(tte, list("ababc"))
    assert math.isnan(ac.p_adjusted)
    assert ac.test.reason.startswith("not estimable")
    assert_allclose(
        [ab.p_adjusted, bc.p_adjusted], holm([ab.test.p_value, bc.test.p_value]), rtol=1e-12
    )


def test_groups_must_be_two_and_named():
    tte = TimeToEvent([1, 2], [1, 1])
    with pytest.raises(NotEstimable, match="only one group"):
        pairwise_logrank(tte, ["a", "a"])
    with pytest.raises(BadInput, match="row 2"):
        pairwise_logrank(tte, ["a", None])


def test_no_pair_is_found_by_chance_more_often_than_stated():
    # 600 studies of 4 groups of 11 without a difference: any of six pairs, in 5 % at most.
    draw = np.random.default_rng(22)
    group = np.repeat(list("abcd"), 11)
    found = 0
    for _ in range(600):
        time, end = draw.exponential(100, 44), draw.uniform(60, 300, 44)
        tte = TimeToEvent(np.ceil(np.minimum(time, end)), time <= end)
        found += min(one.p_adjusted for one in pairwise_logrank(tte, group)) < 0.05
    assert found / 600 < 0.07
