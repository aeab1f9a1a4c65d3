import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import (
    BaselineHazard,
    baseline_hazard,
    logrank,
    plan_trial,
    schoenfeld_events,
    schoenfeld_power,
    simulate_power,
)
from survival_bzd.estimate.planning import simulation

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "planning.json").read_text(encoding="utf-8")
)
CONSTANT = BaselineHazard(rates=(0.15,))
VISITS = [1, 2, 3, 6, 9, 12, 18, 24]


def test_events_agree_with_the_formula_in_r():
    # Regenerate with tests/reference/planning.R.
    r = REFERENCE["formula"]
    for hr, power, alpha, ratio, events in zip(
        r["hr"], r["power"], r["alpha"], r["r"], r["events"], strict=True
    ):
        found = schoenfeld_events(hr, power=power, alpha=alpha, allocation=ratio)
        assert_allclose(found, events, rtol=1e-9)
        back = schoenfeld_power(hr, events, alpha=alpha, allocation=ratio)
        assert_allclose(back, power, rtol=1e-9)


def test_events_by_hand():
    # (1.959964 + 0.841621)^2 = 7.848880; log(0.5)^2 / 4 = 0.120113.
    assert_allclose(schoenfeld_events(0.5), 7.848880 / 0.1201133, rtol=1e-6)
    assert_allclose(schoenfeld_events(2), schoenfeld_events(0.5))
    assert schoenfeld_events(0.5, power=0.01) == 0


@pytest.mark.parametrize("design", REFERENCE["designs"])
def test_event_probabilities_agree_with_r_integrate(design, column):
    breaks = () if design["breaks"] is None else tuple(column(design["breaks"]))
    base = BaselineHazard(rates=tuple(column(design["rates"])), breaks=breaks)
    found = base.event_probability(
        design["hr"], follow_up=design["follow_up"], accrual=design["accrual"],
        dropout=design["dropout"],
    )  # fmt: skip
    assert_allclose(found, design["seen"], rtol=1e-9)


def test_event_probability_by_hand():
    assert_allclose(CONSTANT.event_probability(2, follow_up=10), 1 - math.exp(-3))
    long = CONSTANT.event_probability(1, follow_up=1e6, dropout=0.05)
    assert_allclose(long, 0.15 / 0.20)
    # Evenly over 10: the mean of 1 - exp(-0.15 u) for u from 2 to 12.
    mean = 1 - (math.exp(-0.3) - math.exp(-1.8)) / 1.5
    assert_allclose(CONSTANT.event_probability(1, follow_up=2, accrual=10), mean)


def test_nobody_is_followed_beyond_the_last_visit():
    capped = CONSTANT.event_probability(1, follow_up=6, accrual=12, longest=10)
    # Of 12 that come evenly, those in the first 8 are followed for 10, the others for 6 to 10.
    expected = 2 / 3 * (1 - math.exp(-1.5))
    expected += 1 / 3 - (math.exp(-0.9) - math.exp(-1.5)) / (0.15 * 12)
    assert_allclose(capped, expected)
    two = plan_trial(0.5, n=400, baseline=CONSTANT, follow_up=6, accrual=12, longest=10)
    found = simulate_power(two, simulations=400)
    assert_allclose(found.events, 200 * sum(two.event_probability), rtol=0.01)


def test_the_baseline_and_its_inverse():
    base = BaselineHazard(rates=(0.3, 0.1, 0.02), breaks=(2, 7))
    assert_allclose(base.cumulative(np.array([0, 1, 2, 7, 17])), [0, 0.3, 0.6, 1.1, 1.3])
    time = np.array([[0.0, 0.5], [2.0, 100.0]])
    assert_allclose(base.when(base.cumulative(time)), time)
    assert_allclose(base.survival(np.array([2.0]), 0.5), math.exp(-0.3))


def test_a_plan_counts_patients_by_events():
    two = plan_trial(0.5, power=0.9, allocation=2, baseline=CONSTANT, follow_up=12)
    part = (1 - math.exp(-1.8)) / 3 + 2 * (1 - math.exp(-0.9)) / 3
    total = schoenfeld_events(0.5, power=0.9, allocation=2) / part
    assert (two.n_reference, two.n_treated) == (math.ceil(total / 3), math.ceil(total * 2 / 3))
    assert two.n == two.n_reference + two.n_treated
    back = plan_trial(0.5, n=two.n, allocation=2, baseline=CONSTANT, follow_up=12)
    assert 0.9 <= back.power < 0.91
    by_events = plan_trial(0.5, events=two.events, allocation=2)
    assert_allclose(by_events.power, 0.9)
    assert by_events.n is None
    assert plan_trial(0.5).power == 0.8


def test_the_test_of_a_study_is_our_log_rank_and_r_s():
    draw = np.random.default_rng(8)
    time, happened = draw.exponential(10, (5, 40)), draw.random((5, 40)) < 0.7
    treated = np.arange(40) >= 15
    found = simulation._log_rank(time, happened, treated)
    for place in range(5):
        ours = logrank(TimeToEvent(time[place], happened[place]), treated)
        assert_allclose(found[place], ours.statistic, rtol=1e-9)
    r = REFERENCE["log_rank"]
    visits = np.unique(r["time"])
    where, event = np.searchsorted(visits, r["time"])[None], np.array(r["event"])[None] == 1
    tables = simulation._tables(
        np.where(event, where, visits.size), where, np.array(r["treated"]) == 1, visits.size
    )
    assert_allclose(simulation._log_rank_of_tables(*tables), r["statistic"], rtol=1e-9)


@pytest.mark.parametrize(("hazard_ratio", "n", "allocation"), [(0.8, 800, 1), (1.3, 900, 2)])
def test_power_is_schoenfelds_where_relapses_are_seen_at_once(hazard_ratio, n, allocation):
    two = plan_trial(hazard_ratio, n=n, allocation=allocation, baseline=CONSTANT, follow_up=24)
    found = simulate_power(two, simulations=1500, seed=5).continuous
    assert abs(found.estimate - two.power) < 3 * found.std_error
    assert_allclose(found.std_error, math.sqrt(two.power * (1 - two.power) / 1500), rtol=0.1)


def test_without_a_difference_the_power_is_alpha():
    two = plan_trial(1.000001, n=200, alpha=0.1, baseline=CONSTANT, follow_up=24)
    found = simulate_power(two, visits=VISITS, missed=0.2, simulations=3000)
    for power in (found.continuous, found.at_visits):
        assert abs(power.estimate - 0.1) < 3 * power.std_error


def test_visits_cost_power_and_few_visits_more():
    two = plan_trial(0.6, n=150, baseline=CONSTANT, follow_up=24)
    usual = simulate_power(two, visits=VISITS, missed=0.2, simulations=1500)
    few = simulate_power(two, visits=[12, 24], missed=0.2, simulations=1500)
    daily = simulate_power(two, visits=np.arange(1, 481) / 20, simulations=300)
    assert few.cost.estimate > usual.cost.estimate > 3 * usual.cost.std_error
    assert abs(daily.cost.estimate) < 0.02
    assert_allclose(
        usual.cost.estimate, usual.continuous.estimate - usual.at_visits.estimate, atol=1e-12
    )
    # The same patients on both sides: better known than the difference of two powers.
    apart = math.hypot(usual.continuous.std_error, usual.at_visits.std_error)
    assert usual.cost.std_error < apart / 1.5
    assert usual.events > usual.events_seen


def test_bias_of_kaplan_meier_at_detection():
    two = plan_trial(0.6, n=400, baseline=CONSTANT, follow_up=24)
    found = simulate_power(two, visits=VISITS, simulations=1000).bias
    # Nothing missed: right at each visit, and late by one visit just before it.
    assert (np.abs(found.bias) < 4 * found.monte_carlo_error).all()
    truth = np.exp(-0.15 * np.array(VISITS))
    assert_allclose(found.truth, truth)
    assert_allclose(found.before, np.append(1, truth[:-1]) - truth, atol=0.005)
    missed = simulate_power(two, visits=VISITS, missed=0.2, simulations=1000).bias
    assert (missed.bias[:-1] > 0.01).all()
    # A visit at 1 alone, attended by 4 in 5: a fifth are never in the curve, and do no harm.
    (alone,) = simulate_power(two, visits=[1], missed=0.2, simulations=1000).bias.bias
    assert abs(alone) < 0.002


def test_the_same_seed_gives_the_same_numbers():
    two = plan_trial(0.6, n=60, baseline=CONSTANT, follow_up=20, accrual=6, dropout=0.02)
    once, again, other = (
        simulate_power(two, visits=VISITS, missed=0.2, simulations=200, seed=seed)
        for seed in (3, 3, 4)
    )
    assert once.at_visits == again.at_visits
    assert once.events != other.events
    expected = 30 * sum(two.event_probability)
    assert_allclose(once.events, expected, rtol=0.05)


def test_a_baseline_from_a_study():
    tte = TimeToEvent([10, 20, 30, 5, 40], [1, 1, 0, 1, 0])
    base = baseline_hazard(tte, breaks=[15])
    assert_allclose(base.rates, [2 / 60, 1 / 45])
    assert "5 patients with 3 relapses" in base.source
    # A window without a relapse: one rate for all.
    assert_allclose(baseline_hazard(tte, breaks=[25]).rates, [3 / 105])
    with pytest.raises(NotEstimable, match="nobody"):
        baseline_hazard(TimeToEvent([5, 6], [0, 0]))


def test_one_patient_in_each_group_never_finds_anything():
    two = plan_trial(0.5, n=2, baseline=CONSTANT, follow_up=3)
    found = simulate_power(two, visits=[1, 3], simulations=50)
    assert found.continuous.estimate == found.at_visits.estimate == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hazard_ratio": 1}, "not 1"),
        ({"power": 1}, "strictly between"),
        ({"power": 0.8, "n": 20}, "only one"),
        ({"n": 20}, "baseline"),
        ({"alpha": 0}, "alpha"),
        ({"allocation": 0}, "allocation"),
        ({"events": -1}, "above 0"),
        ({"dropout": -1}, "rate"),
    ],
)
def test_plans_are_checked(wrong, said):
    with pytest.raises(BadInput, match=said):
        plan_trial(**{"hazard_ratio": 0.5, **wrong})


def test_simulations_are_checked():
    two = plan_trial(0.5, n=20, baseline=CONSTANT, follow_up=12)
    for wrong in ({"visits": [3, 2]}, {"visits": [0, 2]}, {"missed": 1}, {"simulations": 1}):
        with pytest.raises(BadInput):
            simulate_power(two, **wrong)
    with pytest.raises(BadInput, match="must have a baseline"):
        simulate_power(plan_trial(0.5))
    with pytest.raises(BadInput, match="one rate"):
        BaselineHazard(rates=(0.1, 0))
    with pytest.raises(BadInput, match="ascend"):
        BaselineHazard(rates=(0.1, 0.2), breaks=(0,))
