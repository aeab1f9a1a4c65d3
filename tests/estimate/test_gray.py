import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate import gray_test, logrank

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "competing_risks.json").read_text(encoding="utf-8")
)["gray"]


@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r_cuminc(case, patients, column):
    # Regenerate with tests/reference/competing_risks.R; 17 digits stored.
    r = REFERENCE[case]
    strata = np.array(r["data"]["strata"])
    tests = gray_test(
        patients(r["data"]),
        np.array(r["data"]["group"]),
        strata=None if len(set(strata)) == 1 else strata,
        rho=r["rho"],
    )
    assert [test.cause for test in tests] == column(r["causes"]).tolist()
    for place, test in enumerate(tests):
        assert_allclose(test.statistic, column(r["statistic"])[place], rtol=1e-9)
        assert_allclose(test.p_value, column(r["p_value"])[place], rtol=1e-9, atol=1e-15)
        assert test.df == column(r["df"])[place]
        assert test.reason == ""


def test_scores_of_one_cause_are_those_of_the_log_rank_test():
    rng = np.random.default_rng(4)
    tte = TimeToEvent(rng.integers(1, 20, 60), rng.integers(0, 2, 60))
    group = rng.integers(0, 3, 60)
    (gray,), lr = gray_test(tte, group), logrank(tte, group)
    assert_allclose(gray.observed, lr.observed)
    assert_allclose(gray.expected, lr.expected)
    assert gray.statistic == pytest.approx(lr.statistic, rel=0.1)


def test_names_of_groups_do_not_matter(patients):
    r = REFERENCE["three"]
    tte, group = patients(r["data"]), np.array(r["data"]["group"])
    other = np.select([group == "a", group == "b"], ["z", "m"], "k")
    for one, turned in zip(gray_test(tte, group), gray_test(tte, other), strict=True):
        assert one.statistic == pytest.approx(turned.statistic, rel=1e-9)
        assert_allclose(one.variance, turned.variance[::-1, ::-1], rtol=1e-9, atol=1e-12)


def test_level_where_nothing_differs():
    # 400 studies of 60: a test at 5 percent rejects 20 times, give or take 4.4.
    rng = np.random.default_rng(8)
    rejected = 0
    for _ in range(400):
        tte = TimeToEvent(rng.integers(1, 12, 60), rng.integers(0, 3, 60))
        rejected += gray_test(tte, np.arange(60) % 2)[0].p_value < 0.05
    assert 8 <= rejected <= 34


def test_a_stratum_without_events_adds_nothing(patients):
    r = REFERENCE["two"]
    tte, group = patients(r["data"]), np.array(r["data"]["group"])
    longer = TimeToEvent([*tte.time, 3, 5], [*tte.event, 0, 0])
    strata = [0] * tte.n + [1, 1]
    alone, beside = gray_test(tte, group), gray_test(longer, [*group, "a", "b"], strata=strata)
    assert [test.statistic for test in alone] == [test.statistic for test in beside]


def test_weights_and_late_entries_have_no_test():
    weighted = TimeToEvent([1, 2, 3], [1, 2, 0], weight=[1, 2, 1])
    late = TimeToEvent([1, 2, 3], [1, 2, 0], entry=[math.nan, 1, math.nan])
    for tte in (weighted, late):
        test, _ = gray_test(tte, ["a", "b", "b"])
        assert math.isnan(test.statistic)
        assert "no form" in test.reason


def test_undetermined_tests_say_why():
    with pytest.raises(NotEstimable, match="only one group"):
        gray_test(TimeToEvent([1, 2], [1, 0]), ["a", "a"])
    tte = TimeToEvent([1, 2, 3], [1, 0, 0], causes=("relapse", "death"))
    _, death = gray_test(tte, ["a", "b", "b"])
    assert math.isnan(death.p_value)
    assert death.reason
