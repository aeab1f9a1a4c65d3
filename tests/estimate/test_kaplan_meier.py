import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import follow_up, kaplan_meier

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "kaplan_meier.json").read_text(encoding="utf-8")
)
SCALES = ["log-log", "log", "plain", "arcsin", "logit"]


@pytest.fixture
def fit(patients):
    def of_case(data, limits="log-log"):
        (curve,) = kaplan_meier(patients(data), limits=limits, cluster=data.get("cluster"))
        return curve

    return of_case


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_agrees_with_r_survfit(case, fit, column):
    # Regenerate with tests/reference/kaplan_meier.R; 17 digits stored, so only rounding differs.
    r = REFERENCE["cases"][case]
    curve = fit(r["data"])
    for name in ("time", "at_risk", "events", "censored", "survival"):
        assert_allclose(
            getattr(curve, name), column(r["curve"][name]), rtol=1e-9, atol=1e-12, err_msg=name
        )
    # R's robust error at S = 0 is 0; here it is empty whatever the variance.
    some = curve.survival > 0
    assert_allclose(curve.std_error[some], column(r["curve"]["std_error"])[some], rtol=1e-9)
    assert np.isnan(curve.std_error[~some]).all()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_limits_agree_with_r_but_where_survival_is_one(case, scale, fit, column):
    r = REFERENCE["cases"][case]
    curve = fit(r["data"], scale)
    inside = (curve.survival > 0) & (curve.survival < 1)
    for name in ("lower", "upper"):
        ours, theirs = getattr(curve, name), column(r["curve"]["limits"][scale][name])
        assert_allclose(ours[inside], theirs[inside], rtol=1e-9, atol=1e-12, err_msg=name)
        assert np.isnan(ours[~inside]).all()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_quantiles_agree_with_r(case, scale, fit, column):
    r = REFERENCE["cases"][case]
    curve = fit(r["data"], scale)
    found = [curve.quantile(p) for p in REFERENCE["p"]]
    expected = r["curve"]["limits"][scale]
    assert_allclose([q.estimate for q in found], column(expected["quantile"]), rtol=1e-9)
    assert_allclose([q.lower for q in found], column(expected["quantile_lower"]), rtol=1e-9)
    assert_allclose([q.upper for q in found], column(expected["quantile_upper"]), rtol=1e-9)
    for q in found:
        assert bool(q.reason) == math.isnan(q.estimate)
        assert bool(q.lower_reason) == math.isnan(q.lower)
        assert bool(q.upper_reason) == math.isnan(q.upper)


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_survival_at_given_times_agrees_with_r_summary(case, fit, column):
    r = REFERENCE["cases"][case]
    curve = fit(r["data"])
    asked = r["curve"]["at"]
    at = curve.at(asked["time"])
    assert_allclose(at.at_risk, column(asked["at_risk"]), rtol=1e-9, atol=1e-12)
    known = (at.time <= curve.last_time) & (at.survival > 0)
    assert_allclose(at.survival[known], column(asked["survival"])[known], rtol=1e-9)
    assert_allclose(at.std_error[known], column(asked["std_error"])[known], rtol=1e-9, atol=1e-15)
    beyond = at.time > curve.last_time
    expected = np.nan if curve.survival[-1] > 0 else 0.0
    assert_allclose(at.survival[beyond], expected)


def test_reverse_kaplan_meier_agrees_with_r(column):
    r = REFERENCE["reverse"]
    (followed,) = follow_up(TimeToEvent(r["data"]["time"], r["data"]["event"]))
    assert_allclose(followed.survival, r["survival"], rtol=1e-9)
    median = followed.median
    assert_allclose([median.estimate, median.lower, median.upper], column(r["median"]))


def test_by_hand():
    # 6 patients; at 2 one of 6 relapses, at 4 one of 4, at 7 the last one of 1.
    (curve,) = kaplan_meier(TimeToEvent([2, 3, 4, 5, 6, 7], [1, 0, 1, 0, 0, 1]))
    assert curve.at_risk.tolist() == [6, 5, 4, 3, 2, 1]
    assert_allclose(curve.survival, [5 / 6, 5 / 6, 5 / 8, 5 / 8, 5 / 8, 0])
    assert_allclose(curve.std_error[2], 5 / 8 * math.sqrt(1 / 30 + 1 / 12))
    assert math.isnan(curve.std_error[-1])


def test_patient_censored_at_a_relapse_time_is_still_at_risk():
    (curve,) = kaplan_meier(TimeToEvent([3, 3, 8], [1, 0, 1]))
    assert curve.at_risk.tolist() == [3, 1]
    assert_allclose(curve.survival, [2 / 3, 0])


def test_empty_entry_is_not_an_entry_at_zero():
    # Followed from the origin, a relapse on day 0 counts; who was found free on day 0 is at risk
    # from day 1.
    (curve,) = kaplan_meier(TimeToEvent([0, 5, 9], [1, 1, 1], entry=[np.nan, np.nan, 0]))
    assert curve.at_risk.tolist() == [2, 2, 1]
    assert_allclose(curve.survival, [0.5, 0.25, 0])


def test_competing_events_count_as_censored():
    (curve,) = kaplan_meier(TimeToEvent([1, 2, 3], [2, 1, 0]))
    assert_allclose(curve.survival, [1, 0.5, 0.5])
    (followed,) = follow_up(TimeToEvent([1, 2, 3], [2, 1, 0]))
    assert followed.events.tolist() == [0, 0, 1]


def test_groups_stand_in_the_order_of_their_labels():
    tte = TimeToEvent([1, 2, 3, 4], [1, 1, 1, 1])
    assert [c.group for c in kaplan_meier(tte, by=["10", "9", "10", "9"])] == ["9", "10"]
    assert [c.group for c in kaplan_meier(tte, by=[2.0, 1.0, 2.5, 1.0])] == ["1", "2", "2.5"]
    assert [c.group for c in kaplan_meier(tte, by=["b", "a", "a", "b"])] == ["a", "b"]
    assert [c.group for c in kaplan_meier(tte)] == [None]


def test_near_equal_times_are_merged_over_all_groups():
    tte = TimeToEvent([0.1 + 0.2, 0.3, 1.0], [1, 1, 0])
    a, b = kaplan_meier(tte, by=["a", "b", "b"])
    assert a.time[0] == b.time[0] == 0.3


def test_nothing_is_estimated_beyond_the_last_follow_up():
    (curve,) = kaplan_meier(TimeToEvent([10, 20], [1, 0]))
    at = curve.at([0, 10, 20, 20.5])
    assert_allclose(at.survival, [1, 0.5, 0.5, np.nan])
    assert at.at_risk.tolist() == [2, 2, 1, 0]
    assert at.reasons == ("", "", "", "not estimable: follow-up ends at 20 days")
    (ended,) = kaplan_meier(TimeToEvent([10, 20], [1, 1]))
    assert_allclose(ended.at([30]).survival, [0])


def test_risk_table_counts_late_entries_exactly():
    tte = TimeToEvent([10, 20, 30, 30], [1, 0, 1, 0], entry=[np.nan, 5, 12, np.nan])
    table = kaplan_meier(tte)[0].risk_table([0, 5, 6, 10, 12, 13, 30, 31])
    assert table.at_risk.tolist() == [2, 2, 3, 3, 2, 3, 2, 0]
    assert table.events.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert table.censored.tolist() == [0, 0, 0, 0, 0, 0, 2, 2]


def test_a_time_that_differs_by_rounding_is_the_follow_up_time():
    (curve,) = kaplan_meier(TimeToEvent([0.3, 0.9], [1, 0]))
    assert_allclose(curve.at([0.1 + 0.2]).survival, [0.5])
    assert curve.at([0.1 + 0.2]).at_risk.tolist() == [2]


@pytest.mark.parametrize("n", [2, 6, 8, 14, 18, 20, 22, 24, 28, 30, 54])
def test_median_is_the_middle_of_the_plateau_at_one_half(n):
    (curve,) = kaplan_meier(TimeToEvent(np.arange(1, n + 1), np.ones(n)))
    assert curve.median.estimate == (n / 2 + n / 2 + 1) / 2


def test_plateau_that_never_ends_runs_to_the_last_follow_up():
    (curve,) = kaplan_meier(TimeToEvent([1, 2, 3, 9, 9, 12], [1, 1, 1, 0, 0, 0]))
    assert curve.median.estimate == (3 + 12) / 2


def test_plateau_that_never_ends_is_found_within_rounding():
    # 12 of 24 relapse one by one: S ends a rounding error above one half, where R's quantile(),
    # asked for the median alone, says NA.
    (curve,) = kaplan_meier(TimeToEvent([*range(1, 13), *[40] * 12], [1] * 12 + [0] * 12))
    assert 0 < curve.survival[-1] - 0.5 < 1e-15
    assert curve.median.estimate == (12 + 40) / 2


def test_says_why_the_median_is_not_reached():
    median = kaplan_meier(TimeToEvent([5, 9, 9], [1, 0, 0]))[0].median
    assert math.isnan(median.estimate)
    assert median.reason == "not reached: survival stays above 0.5"


def test_clusters_of_one_are_the_robust_error_of_rows():
    tte = TimeToEvent([1, 2, 2, 5, 8], [1, 1, 0, 1, 0])
    (robust,) = kaplan_meier(tte, cluster=[1, 2, 3, 4, 5])
    (plain,) = kaplan_meier(tte)
    assert robust.robust
    # Without late entry the jackknife over patients is Greenwood's error.
    assert_allclose(robust.std_error, plain.std_error, rtol=1e-12)


def test_nobody_is_bad_input():
    with pytest.raises(BadInput, match="at least one patient"):
        kaplan_meier(TimeToEvent([], []))


def test_unknown_options_are_bad_input():
    tte = TimeToEvent([1], [1])
    with pytest.raises(BadInput, match="log-log"):
        kaplan_meier(tte, limits="loglog")
    with pytest.raises(BadInput, match="strictly between"):
        kaplan_meier(tte, confidence=95)
    with pytest.raises(BadInput, match="quantile"):
        kaplan_meier(tte)[0].quantile(1)
    with pytest.raises(BadInput, match="value in every row"):
        kaplan_meier(tte, by=[None])
    with pytest.raises(BadInput, match="zero or more"):
        kaplan_meier(tte)[0].at([-1])


def test_entry_that_collapses_by_rounding_is_bad_input():
    with pytest.raises(BadInput, match="by more than rounding"):
        kaplan_meier(TimeToEvent([0.3, 1], [1, 1], entry=[0.3 - 1e-12, np.nan]))


def test_results_are_read_only_and_shown():
    (curve,) = kaplan_meier(TimeToEvent([5, 12, 20, 31], [1, 0, 1, 1]), by=["a"] * 4)
    with pytest.raises(ValueError, match="read-only"):
        curve.survival[0] = 1
    assert repr(curve) == "<KaplanMeier: a: 4 patients, 3 events, median 20 days>"
    assert list(curve.to_frame().columns) == [
        "time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper",
    ]  # fmt: skip
