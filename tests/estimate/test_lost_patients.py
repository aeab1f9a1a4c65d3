"""What the lost decide: by hand on a few patients, and where the truth is known."""

import math

import numpy as np
import pandas as pd
import pytest

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import kaplan_meier
from survival_bzd.estimate.lost_patients import (
    censoring_weighted,
    delta_adjusted,
    loss_bounds,
    tipping_point,
)

# Five patients: relapses on days 10 and 30, lost on days 20 and 25, free until day 50.
FIVE = TimeToEvent([10, 20, 25, 30, 50], [1, 0, 0, 1, 0])
LOST = np.array([False, True, True, False, False])


def test_bounds_by_hand():
    found = loss_bounds(FIVE, LOST, 40)
    assert found.lost == 2
    assert found.as_is.estimate == pytest.approx(4 / 5 * 1 / 2)
    assert found.all_relapse.estimate == pytest.approx(1 / 5)
    assert found.none_relapses.estimate == pytest.approx(3 / 5)


def test_delta_by_hand():
    # S falls to .8 on day 10 and to .4 on day 30: who was lost at .8 is free with (1/2)^delta.
    for delta in (0, 0.5, 1, 2, 7):
        found = delta_adjusted(FIVE, LOST, 40, delta, imputations=2)
        assert found.expected == pytest.approx((1 + 2 * 0.5**delta) / 5)
    assert delta_adjusted(FIVE, LOST, 40, 0, imputations=2).expected == pytest.approx(3 / 5)
    assert delta_adjusted(FIVE, LOST, 40, 1, imputations=2).expected == pytest.approx(
        kaplan_meier(FIVE)[0].at([40]).survival[0]
    )


def test_tipping_point_by_hand():
    # (1 + 2 * 2^-delta) / 5 = 0.3 where 2^-delta = 1/4.
    found = tipping_point(FIVE, LOST, 40, 0.3, imputations=2)
    assert found.delta == pytest.approx(2, rel=2e-3)
    assert math.isnan(found.limit_delta)
    never = tipping_point(FIVE, LOST, 40, 0.1, imputations=2)
    assert math.isnan(never.delta)
    assert "stays above" in never.reason
    already = tipping_point(FIVE, LOST, 40, 0.5, imputations=2)
    assert "even if the lost are like the others" in already.reason


def test_who_is_lost_is_censored():
    with pytest.raises(BadInput, match="must be censored"):
        loss_bounds(FIVE, ~LOST, 40)


def test_no_limits_where_an_imputation_has_none():
    found = delta_adjusted(FIVE, LOST, 5, 1, imputations=3)
    assert found.expected == 1
    assert math.isnan(found.pooled.lower)


def simulated(n: int, seed: int, delta: float):
    """Relapses at a constant hazard, that of the lost delta times it once they are lost."""
    draws = np.random.default_rng(seed)
    relapse, gone = draws.exponential(100, n), draws.exponential(120, n)
    after = gone + (relapse - gone) / delta
    truth = np.where(relapse > gone, after, relapse)
    end = 150.0
    time = np.minimum(np.minimum(relapse, gone), end)
    event = (relapse <= np.minimum(gone, end)).astype(int)
    return TimeToEvent(time, event), (event == 0) & (time < end), truth


@pytest.mark.parametrize("delta", [0.5, 1, 3])
def test_the_truth_is_found_where_the_lost_relapse_faster(delta):
    tte, lost, truth = simulated(4000, 7, delta)
    known = float((truth > 100).mean())
    found = delta_adjusted(tte, lost, 100, delta, imputations=8, seed=3)
    assert found.expected == pytest.approx(known, abs=0.02)
    assert found.pooled.estimate == pytest.approx(found.expected, abs=0.01)
    assert found.pooled.lower < known < found.pooled.upper
    bounds = loss_bounds(tte, lost, 100)
    assert bounds.all_relapse.estimate < known < bounds.none_relapses.estimate


def test_the_limits_hold_the_truth_as_often_as_they_say():
    held = 0
    for seed in range(60):
        tte, lost, _ = simulated(150, seed, 3)
        found = delta_adjusted(tte, lost, 100, 3, imputations=10, seed=seed).pooled
        # exp(-1) had nobody been lost; lost at c with density exp(-c/120)/120 and 3 times after.
        c = np.linspace(0, 100, 20001)
        dies = np.exp(-c / 100) * np.exp(-c / 120) / 120 * np.exp(-3 * (100 - c) / 100)
        truth = math.exp(-1 - 100 / 120) + float(np.trapezoid(dies, c))
        held += found.lower <= truth <= found.upper
    assert held >= 52


def test_the_tipping_point_is_where_the_estimate_turns():
    tte, lost, _ = simulated(500, 1, 1)
    start = delta_adjusted(tte, lost, 100, 1).expected
    found = tipping_point(tte, lost, 100, start - 0.1, imputations=5)
    at_it = delta_adjusted(tte, lost, 100, found.delta, imputations=2)
    assert at_it.expected == pytest.approx(start - 0.1, abs=1e-3)
    # The lower limit turns first.
    assert found.limit_delta < found.delta


def loss_by_dose(n: int, seed: int):
    """A covariate raises both the hazard of relapse and that of being lost."""
    draws = np.random.default_rng(seed)
    dose = draws.integers(0, 2, n).astype(float)
    relapse = np.ceil(draws.exponential(100 * np.exp(-1.2 * dose)) / 5) * 5
    gone = np.ceil(draws.exponential(120 * np.exp(-1.5 * dose)) / 5) * 5
    time = np.minimum(np.minimum(relapse, gone), 150)
    event = (relapse <= np.minimum(gone, 150)).astype(int)
    tte = TimeToEvent(time, event, covariates=pd.DataFrame({"dose": dose}))
    truth = (math.exp(-60 / 100) + math.exp(-60 / 100 * math.exp(1.2))) / 2
    return tte, (event == 0) & (time < 150), truth


def test_weights_take_away_the_bias_of_who_was_lost():
    tte, lost, truth = loss_by_dose(4000, 5)
    naive = kaplan_meier(tte)[0].at([60]).survival[0]
    found = censoring_weighted(tte, lost, "dose")
    weighted = found.curve.at([60])
    assert naive - truth > 0.02
    assert abs(weighted.survival[0] - truth) < 0.015
    assert weighted.lower[0] < truth < weighted.upper[0]
    assert found.least < 1 < found.greatest
    assert found.warnings == ()


def test_weights_by_hand():
    # One of two with x = 1 is lost on day 10, of two with x = 0 nobody: the model separates.
    tte = TimeToEvent([10, 20, 30, 40], [0, 1, 1, 0], covariates=pd.DataFrame({"x": [1, 1, 0, 0]}))
    gone = np.array([True, False, False, False])
    with pytest.raises(NotEstimable, match="separates x"):
        censoring_weighted(tte, gone, "x")
    with pytest.raises(NotEstimable, match="nobody was lost"):
        censoring_weighted(tte, np.zeros(4, dtype=bool), "x")
    # Of four, the second and the third are lost, on days 15 and 25.
    x = np.array([0.0, 1.0, 0.0, 1.0])
    tte = TimeToEvent([10, 15, 25, 30], [1, 0, 0, 1], covariates=pd.DataFrame({"x": x}))
    gone = np.array([False, True, True, False])
    found = censoring_weighted(tte, gone, "x")
    # On day 15 one with r is lost of (1, r, r), on day 25 one with 1 of (1, r): the likelihood
    # r / (1 + 2 r) / (1 + r) is greatest at r = 1 / sqrt 2.
    r = 1 / math.sqrt(2)
    first, second = 1 / (1 + 2 * r), 1 / (1 + r)
    # Nobody relapses between day 10 and the last patient: the curve is that without weights.
    assert found.curve.at([20]).survival[0] == pytest.approx(3 / 4)
    assert len(found.warnings) == 1
    mean = math.sqrt(r)
    assert found.greatest == pytest.approx(math.exp(first * (1 - mean)))
    assert found.least == pytest.approx(math.exp((first + second) * (r - mean)))
