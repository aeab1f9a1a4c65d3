import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import npmle, npmle_limits
from survival_bzd.estimate.interval_censored import limits
from survival_bzd.estimate.interval_censored.support import ends, event_intervals

INF = np.inf
WHEN = np.array([1, 2, 3, 6, 9, 12, 18, 24.0])


def visits(seed, n, *, weighted=False):
    rng = np.random.default_rng(seed)
    time = rng.exponential(6, n)
    seen = rng.random((n, WHEN.size)) >= 0.2
    lower = np.where(seen & (time[:, None] > WHEN), WHEN, 0).max(axis=1)
    upper = np.where(seen & (time[:, None] <= WHEN), WHEN, INF).min(axis=1)
    weight = rng.integers(1, 4, n) if weighted else None
    return TimeToEvent(
        np.minimum(upper, 99), np.isfinite(upper), lower=lower, upper=upper, weight=weight
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_resample_has_the_curve_of_its_patients(weighted):
    tte = visits(5, 25, weighted=weighted)
    placed = ends(*event_intervals(tte))
    weight = np.ones(tte.n) if tte.weight is None else tte.weight
    times = np.array([0.0, 0.5, 1.0, 2.5, 6.0, 7.0, 12.0, 20.0, 24.0])
    rng = np.random.default_rng(1)
    for _ in range(40):
        rows = rng.integers(0, tte.n, tte.n)
        counts = np.bincount(rows, minlength=tte.n)
        values, median = limits._resample(placed, counts, weight, limits._asked(placed, times))
        (curve,) = npmle(tte.select(rows))
        at = curve.at(times)
        assert_allclose(values[0], at.lowest, atol=1e-6)
        assert_allclose(values[1], at.highest, atol=1e-6)
        assert_allclose(median, curve.median.estimate)


def test_limits_hold_the_estimate_and_come_from_the_seed():
    tte = visits(8, 60)
    times = [1, 2.5, 3, 6, 12]
    (drawn,) = npmle_limits(tte, times, 200, 3)
    (again,) = npmle_limits(tte, times, 200, 3)
    assert_array_equal(drawn.lower, again.lower)
    (curve,) = npmle(tte)
    assert_allclose(drawn.survival, curve.at(times).survival)
    assert (drawn.lower <= drawn.survival).all()
    assert (drawn.survival <= drawn.upper).all()
    assert drawn.median.lower <= drawn.median.estimate <= drawn.median.upper
    assert drawn.to_frame().shape == (5, 6)
    (wider,) = npmle_limits(tte, times, 200, 3, confidence=0.99)
    assert (wider.lower <= drawn.lower).all()
    assert (wider.upper >= drawn.upper).all()


def test_with_the_same_visits_of_everybody_limits_are_those_of_a_proportion():
    # Nobody misses a visit: the curve at a visit is a proportion, and so is that of a resample.
    lower, upper = [0.0, 6.0, 12.0], [6.0, 12.0, INF]
    parts = np.repeat([0, 1, 2], [30, 40, 30])
    tte = TimeToEvent(
        np.take([6, 12, 12], parts), parts < 2,
        lower=np.take(lower, parts), upper=np.take(upper, parts),
    )  # fmt: skip
    (drawn,) = npmle_limits(tte, [6, 12], 2000, 1)
    error = np.sqrt(drawn.survival * (1 - drawn.survival) / 100)
    assert_allclose(drawn.lower, drawn.survival - 1.96 * error, atol=0.02)
    assert_allclose(drawn.upper, drawn.survival + 1.96 * error, atol=0.02)


def test_limits_are_open_where_survival_is_one_or_zero_and_past_the_last_bound():
    tte = TimeToEvent([2, 4, 4], [1, 1, 1], lower=[1, 2, 3], upper=[2, 4, 4])
    (drawn,) = npmle_limits(tte, [0, 1, 4, 5], 50, 1)
    assert_array_equal(drawn.survival, [1, 1, 0, 0])
    assert np.isnan(drawn.lower).all()
    censored = TimeToEvent([2, 4], [1, 0], lower=[1, 4], upper=[2, INF])
    (drawn,) = npmle_limits(censored, [3, 5], 50, 1)
    assert drawn.reasons[1].startswith("not estimable: follow-up ends")
    assert drawn.median.upper_reason


def test_groups_are_resampled_each_for_itself():
    tte = visits(2, 40)
    groups = np.repeat(["a", "b"], 20)
    both = npmle_limits(tte, [6], 100, 0, by=groups)
    assert [one.group for one in both] == ["a", "b"]
    (first,) = npmle_limits(tte.select(groups == "a"), [6], 100, 0)
    assert_array_equal(both[0].lower, first.lower)


def test_too_few_replicates_are_refused():
    with pytest.raises(BadInput, match="replicates"):
        npmle_limits(visits(1, 5), [1], 1)
