import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import nelson_aalen, smoothed_hazard
from survival_bzd.estimate.smoothed_hazard import CELLS, _kernel


def censored(rng, n, *, shape=1.0):
    relapse, end = 100 * rng.weibull(shape, n), rng.uniform(20, 300, n)
    return TimeToEvent(np.minimum(relapse, end), relapse <= end)


def smooth(tte, **options):
    (one,) = smoothed_hazard(tte, **options)
    return one


def test_by_hand():
    # 1 of 5 at 10, 1 of 4 at 20, 1 of 2 at 40; 30 is 20 away from the ends at 0 and 60, so the
    # kernel is 3/4 (1 - x^2) with x = 1, 1/2, -1/2.
    tte = TimeToEvent([10, 20, 30, 40, 60], [1, 1, 0, 1, 0])
    one = smooth(tte, times=[30], bandwidth=20, end=60, confidence=0.9)
    k = 9 / 16 / 20
    hazard, error = k * (1 / 4 + 1 / 2), k * math.sqrt(1 / 16 + 1 / 4)
    assert_allclose([one.hazard[0], one.std_error[0]], [hazard, error])
    factor = math.exp(1.6448536269514722 * error / hazard)
    assert_allclose([one.lower[0], one.upper[0]], [hazard / factor, hazard * factor])
    assert (one.chosen_by, one.bandwidth, one.end, one.n_events) == ("given", 20, 60, 3)
    # At 0 the kernel is 12 (1 + x) (x + 1/2): nothing at x = -1/2, nothing at -1.
    assert_allclose(smooth(tte, times=[0], bandwidth=20, end=60).hazard, 0, atol=1e-18)
    # Mirrored at the end: the event 20 before 60 is at x = -1.
    assert_allclose(smooth(tte, times=[60], bandwidth=20, end=60).hazard, 0, atol=1e-18)


@pytest.mark.parametrize("time", [0.0, 3.0, 10.0, 19.0, 20.0, 50.0, 81.0, 95.0, 100.0])
def test_kernels_weigh_to_one_and_are_centred_up_to_both_ends(time):
    point, weight = np.polynomial.legendre.leggauss(10)
    low, high = max(time - 20, 0.0), min(time + 20, 100.0)
    at = low + (high - low) * (point + 1) / 2
    part = weight * (high - low) / 2 * _kernel(np.array([[time]]), at, 20.0, 100.0)[0]
    assert_allclose(part.sum(), 1, rtol=1e-10)
    assert_allclose(part @ (time - at), 0, atol=1e-9)
    outside = np.array([low - 1e-9, high + 1e-9])
    assert _kernel(np.array([[time]]), outside, 20.0, 100.0).tolist() == [[0, 0]]


def test_hazard_that_is_a_straight_line_is_reproduced_up_to_both_ends():
    # 2,000 short intervals, in each one event among as many patients as make the step.
    at = (np.arange(2000) + 0.5) / 20
    copies = np.round(400 / (1 + at / 100)).astype(int)
    time = np.repeat(at, copies)
    event = np.concatenate([np.arange(n) == 0 for n in copies])
    entry = np.repeat(at - 0.05, copies)
    entry[entry < 0.01] = np.nan
    tte = TimeToEvent(np.append(time, 100), np.append(event, 0), entry=np.append(entry, 99.975))
    one = smooth(tte, times=[0, 5, 20, 50, 90, 100], bandwidth=20, end=100)
    assert one.reasons == ("",) * 6
    assert_allclose(one.hazard, 20 / 400 * (1 + one.time / 100), rtol=2e-3)


def test_rate_of_a_constant_hazard_is_held_as_often_as_the_limits_say():
    rng = np.random.default_rng(83)
    held, trials = np.zeros(3), 300
    for _ in range(trials):
        one = smooth(censored(rng, 100), times=[0, 50, 100], bandwidth=50, end=120)
        held += (one.lower < 0.01) & (one.upper > 0.01)
    assert (np.abs(held / trials - 0.95) < 0.04).all()


def test_bandwidth_minimises_the_criterion_that_is_stated():
    tte = censored(np.random.default_rng(20), 30)
    one = smooth(tte, end=150.0)
    (steps,) = nelson_aalen(tte)
    used = (steps.events > 0) & (steps.time <= 150)
    at, step = steps.time[used], (steps.events / steps.at_risk)[used]

    def hazard(t, b, keep):
        q = min(1, t / b, (150 - t) / b)
        total = 0.0
        for u, height in zip(at[keep], step[keep], strict=True):
            x = (u - t if 150 - t < t else t - u) / b
            if -1 <= x <= q:
                shape = x * (1 - 2 * q) + (3 * q * q - 2 * q + 1) / 2
                total += 12 * (1 + x) / (1 + q) ** 4 * shape * height / b
        return total

    everyone = np.ones(at.size, dtype=bool)
    grid = np.linspace(0, 150, 202)
    candidates = np.geomspace(75, 3, 40)
    scores = []
    for b in candidates:
        squared = [hazard(t, b, everyone) ** 2 for t in grid]
        others = [
            hazard(t, b, everyone & (np.arange(at.size) != i)) * step[i] for i, t in enumerate(at)
        ]
        scores.append(np.trapezoid(squared, grid) - 2 * sum(others))
    assert_allclose(one.bandwidth, candidates[int(np.argmin(scores))])
    assert one.chosen_by == "cross-validation"


def test_more_patients_and_more_bend_ask_for_a_smaller_bandwidth():
    few = smooth(censored(np.random.default_rng(4), 100, shape=0.5), end=150)
    many = smooth(censored(np.random.default_rng(4), 20_000, shape=0.5), end=150)
    assert many.bandwidth < few.bandwidth


def test_whole_days_and_many_cells_choose_about_the_same_bandwidth():
    tte = censored(np.random.default_rng(6), 20_000, shape=0.6)
    assert tte.event.sum() > CELLS
    days = TimeToEvent(np.ceil(tte.time), tte.event)
    exact, whole = smooth(tte, end=250), smooth(days, end=250)
    assert 0.5 < exact.bandwidth / whole.bandwidth < 2
    assert_allclose(exact.hazard[20:80], whole.hazard[20:80], rtol=0.1)


def test_days_of_visits_are_not_taken_for_peaks():
    tte = censored(np.random.default_rng(7), 400)
    visits = TimeToEvent(np.ceil(tte.time / 28) * 28, tte.event)
    assert smooth(visits).bandwidth >= 28


def test_time_in_other_units_changes_units_only():
    tte = censored(np.random.default_rng(2), 60)
    days = smooth(tte)
    weeks = smooth(TimeToEvent(tte.time / 7, tte.event, unit="weeks"))
    assert_allclose(weeks.bandwidth * 7, days.bandwidth)
    assert_allclose(weeks.hazard / 7, days.hazard, rtol=1e-9)
    assert_allclose(weeks.upper / 7, days.upper, rtol=1e-9)


def test_counting_everybody_twice_leaves_the_hazard_and_narrows_its_limits():
    tte = censored(np.random.default_rng(2), 60)
    once = smooth(tte, bandwidth=40, end=150)
    twice = smooth(TimeToEvent(tte.time, tte.event, weight=np.full(60, 2)), bandwidth=40, end=150)
    assert_allclose(twice.hazard, once.hazard)
    assert_allclose(twice.std_error * math.sqrt(2), once.std_error)


def test_order_of_patients_does_not_matter_and_groups_are_their_own():
    tte = censored(np.random.default_rng(12), 80)
    arm = np.where(np.arange(80) % 2, "b", "a")
    mixed = np.random.default_rng(1).permutation(80)
    for one, other in zip(
        smoothed_hazard(tte, by=arm),
        smoothed_hazard(tte.select(mixed), by=arm[mixed]),
        strict=True,
    ):
        assert one.group == other.group
        assert_allclose(one.hazard, other.hazard)
        alone = smooth(tte.select(arm == one.group))
        assert_allclose(alone.hazard, one.hazard)
        assert alone.bandwidth == one.bandwidth


def test_ends_by_default_where_fewer_than_ten_are_at_risk():
    time = np.arange(1, 31)
    assert smooth(TimeToEvent(time, np.ones(30))).end == 21
    assert smooth(TimeToEvent(time[:9], np.ones(9))).end == 9


def test_events_after_the_end_are_not_used():
    time = np.arange(1, 31)
    until = smooth(TimeToEvent(time, np.ones(30)), end=20, bandwidth=8)
    assert until.n_events == 20
    later = TimeToEvent(time, time <= 20)
    assert_allclose(until.hazard, smooth(later, end=20, bandwidth=8).hazard)


def test_no_event_is_a_hazard_of_zero_without_limits():
    one = smooth(TimeToEvent([20, 30, 40], [0, 0, 0]), times=[5, 20])
    assert one.hazard.tolist() == [0, 0]
    assert np.isnan(one.upper).all()
    assert one.bandwidth == 20
    assert list(one.to_frame()) == ["time", "hazard", "std_error", "lower", "upper"]


def test_says_why_there_is_no_estimate():
    tte = TimeToEvent([10, 20, 30, 40, 60], [1, 1, 0, 1, 0])
    assert smooth(tte, times=[61], end=60, bandwidth=20).reasons == (
        "not estimable beyond 60 days",
    )
    wide = smooth(tte, times=[10], end=60, bandwidth=31)
    assert wide.reasons == ("not estimable: a bandwidth of 31 days is more than half of 60",)
    assert math.isnan(wide.hazard[0])
    assert "follow-up ends at 60" in smooth(tte, times=[10], end=61, bandwidth=5).reasons[0]
    at_once = smooth(TimeToEvent([0, 0], [1, 0]), times=[0])
    assert "follow-up ends at 0" in at_once.reasons[0]
    assert math.isnan(at_once.bandwidth)


def test_hazard_that_the_boundary_kernel_takes_below_zero_is_none():
    # Near time zero the kernel is negative beyond half a bandwidth.
    one = smooth(TimeToEvent([15, 60, 60], [1, 0, 0]), times=[0, 10], end=60, bandwidth=20)
    assert math.isnan(one.hazard[0])
    assert "below zero" in one.reasons[0]
    assert one.hazard[1] > 0


def test_nothing_is_said_of_times_when_nobody_was_followed():
    tte = TimeToEvent([10, 50, 60], [1, 1, 0], entry=[np.nan, 30, 35])
    one = smooth(tte, times=[5, 9, 25, 41], end=60, bandwidth=10)
    gap = "not estimable: nobody was under observation from 10 to 30 days"
    assert one.reasons == (gap, gap, gap, "")
    before = smooth(TimeToEvent([50, 60], [1, 0], entry=[5, 8]), times=[0, 30], bandwidth=20)
    assert before.reasons[0] == "not estimable: nobody was under observation from 0 to 5 days"
    assert before.reasons[1] == ""


def test_what_is_not_above_zero_is_bad_input():
    tte = TimeToEvent([10, 20], [1, 0])
    with pytest.raises(BadInput, match="bandwidth of a smoothed hazard"):
        smoothed_hazard(tte, bandwidth=0)
    with pytest.raises(BadInput, match="end of a smoothed hazard"):
        smoothed_hazard(tte, end=-3)
    with pytest.raises(BadInput, match="zero or more"):
        smoothed_hazard(tte, times=[-1])
