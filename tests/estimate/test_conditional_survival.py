import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import conditional_survival, kaplan_meier

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "conditional_survival.json").read_text(
        encoding="utf-8"
    )
)


@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r_survfit_that_starts_later(case, patients, column):
    # Regenerate with tests/reference/conditional_survival.R.
    r = REFERENCE[case]
    (later,) = conditional_survival(
        patients(r["data"]), r["given"], r["time"], cluster=r["data"].get("cluster")
    )
    for name in ("survival", "std_error", "lower", "upper"):
        assert_allclose(getattr(later, name), column(r[name]), rtol=1e-9, err_msg=name)


def test_by_hand():
    # After day 3 four are left; one of 4 relapses at 4, one of 2 at 7.
    tte = TimeToEvent([2, 3, 4, 5, 7, 9], [1, 0, 1, 0, 1, 0])
    (later,) = conditional_survival(tte, 3, [3, 4, 6, 7, 10], limits="plain", confidence=0.9)
    assert later.n == 4
    assert_allclose(later.survival, [1, 3 / 4, 3 / 4, 3 / 8, np.nan])
    assert later.at_risk.tolist() == [4, 4, 2, 2, 0]
    error = 3 / 8 * math.sqrt(1 / 12 + 1 / 2)
    assert_allclose(later.std_error[3], error)
    assert_allclose(later.upper[3], 3 / 8 + 1.6448536269514722 * error)
    assert later.reasons[-1] == "not estimable: follow-up ends at 9 days"


def test_is_the_ratio_of_the_curve_at_both_times():
    rng = np.random.default_rng(9)
    tte = TimeToEvent(
        rng.integers(1, 60, 200), rng.random(200) < 0.6, weight=rng.uniform(0.5, 2, 200)
    )
    (curve,) = kaplan_meier(tte)
    for given in (0, 10, 10.5, 33):
        times = np.arange(math.ceil(given), 55)
        (later,) = conditional_survival(tte, given, times)
        ratio = curve.at(times).survival / curve.at([given]).survival
        assert_allclose(later.survival, ratio, rtol=1e-12)


def test_given_nothing_it_is_the_curve():
    tte = TimeToEvent([2, 3, 4, 5, 7, 9], [1, 0, 1, 0, 1, 0])
    (later,) = conditional_survival(tte, 0, [2, 4, 8])
    at = kaplan_meier(tte)[0].at([2, 4, 8])
    for name in ("at_risk", "survival", "std_error", "lower", "upper"):
        assert_allclose(getattr(later, name), getattr(at, name))


def test_follow_up_before_the_time_reached_changes_nothing():
    # Patients relapse or leave early in one cohort, are never there in the other.
    here = TimeToEvent([1, 2, 4, 9, 12, 15], [1, 1, 0, 1, 0, 1])
    there = TimeToEvent([9, 12, 15], [1, 0, 1])
    (one,), (other,) = (conditional_survival(tte, 4, [9, 15]) for tte in (here, there))
    assert_allclose(one.survival, other.survival)
    assert_allclose(one.lower, other.lower)


def test_relapse_at_the_time_reached_is_past_though_it_differs_by_rounding():
    tte = TimeToEvent([0.3, 0.9, 1.2], [1, 1, 0])
    (later,) = conditional_survival(tte, 0.1 + 0.2, [0.3, 0.9])
    assert later.n == 2
    assert_allclose(later.survival, [1, 0.5])


def test_beta_limits_are_those_of_the_patients_who_are_left():
    tte = TimeToEvent([1, 2, 4, 9, 12, 15], [1, 1, 0, 1, 0, 1])
    (later,) = conditional_survival(tte, 4, [4, 9], limits="beta")
    (rest,) = kaplan_meier(tte.select(tte.time > 4), limits="beta")
    assert_allclose(later.lower, rest.at([4, 9]).lower)
    assert later.upper[0] == 1


def test_fractional_weights_of_those_gone_still_make_the_error_robust():
    tte = TimeToEvent([1, 5, 6, 7, 8], [1, 1, 0, 1, 0], weight=[0.5, 2, 1, 1, 3])
    (later,) = conditional_survival(tte, 1, [5, 7])
    (robust,) = kaplan_meier(tte.select(tte.time > 1), cluster=np.arange(4))
    assert_allclose(later.std_error, robust.at([5, 7]).std_error)


def test_says_of_each_group_why_there_is_nothing():
    tte = TimeToEvent([5, 9, 3, 4, 5, 20, 30], [0, 0, 1, 1, 1, 1, 0])
    alive, fallen, followed = conditional_survival(
        tte, 10, [25], by=["alive"] * 2 + ["fallen"] * 3 + ["followed"] * 2
    )
    assert alive.reasons == ("not estimable: nobody was followed beyond 10 days",)
    assert fallen.reasons == ("not estimable: survival has reached 0 by 10 days",)
    assert math.isnan(fallen.survival[0])
    assert followed.reasons == ("",)
    assert list(followed.to_frame()["survival"]) == [0.5]


def test_times_before_the_one_reached_are_bad_input():
    tte = TimeToEvent([5, 9], [1, 0])
    with pytest.raises(BadInput, match="4 given 6"):
        conditional_survival(tte, 6, [8, 4])
    with pytest.raises(BadInput, match="zero or more"):
        conditional_survival(tte, -1, [8])
    with pytest.raises(BadInput, match="zero or more"):
        conditional_survival(tte, 5, [float("inf")])
