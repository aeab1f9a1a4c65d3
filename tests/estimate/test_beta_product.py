import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import follow_up, kaplan_meier, proportion

TIED = TimeToEvent([3, 3, 5, 7, 7, 7, 9, 12, 12, 15], [1, 1, 0, 1, 0, 1, 0, 1, 0, 0])


def beta(tte, confidence=0.95):
    (curve,) = kaplan_meier(tte, limits="beta", confidence=confidence)
    return curve


def heavily_censored(rng, n=22):
    relapse, end = rng.exponential(100, n), rng.uniform(20, 120, n)
    return TimeToEvent(np.minimum(relapse, end), relapse <= end)


def test_agrees_with_the_limits_that_the_authors_printed():
    # Fay and Brittain's notes on discrete data in R bpcp: relapses at 3, 7, 8 and 14.
    curve = beta(TimeToEvent([3, 7, 8, 14], [1, 1, 1, 1]))
    assert_allclose(curve.lower, [0.194120450, 0.067585986, 0.006309463, 0], atol=5e-10)
    assert_allclose(curve.upper, [0.9936905, 0.9324140, 0.8058796, 0.6023646], atol=5e-8)
    assert_allclose(curve.at([0, 2]).lower, 0.397635364, atol=5e-10)
    assert curve.at([0, 2]).upper.tolist() == [1, 1]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_without_censoring_limits_are_those_of_clopper_and_pearson_at_every_time(confidence):
    rng = np.random.default_rng(22)
    for n in (1, 2, 22, 300):
        time = rng.integers(1, 40, size=n)
        curve = beta(TimeToEvent(time, np.ones(n)), confidence)
        asked = np.arange(0, 41)
        at = curve.at(asked)
        free = [proportion(int((time > t).sum()), n, confidence=confidence) for t in asked]
        assert_allclose(at.lower, [share.lower for share in free], rtol=1e-10)
        assert_allclose(at.upper, [share.upper for share in free], rtol=1e-10)


def test_by_hand():
    # 1 of 4 relapses at 2, a second is censored at 3. Until then the upper limit is the quantile
    # of B(4, 1), at p: p^4 = 0.975; the lower that of B(4, 1) B(3, 1) = B(3, 2):
    # 4 p^3 - 3 p^4 = 0.025.
    curve = beta(TimeToEvent([2, 3, 5, 5], [1, 0, 0, 0]))
    assert_allclose(curve.upper, 0.975**0.25, rtol=1e-12)
    assert_allclose(4 * curve.lower[0] ** 3 - 3 * curve.lower[0] ** 4, 0.025, rtol=1e-10)
    # With 2 left it is B(4, 1) B(2, 1): means 4/5 * 2/3, mean squares 4/6 * 2/4.
    m, s = 8 / 15, 1 / 3
    a, b = m * (m - s) / (s - m * m), (1 - m) * (m - s) / (s - m * m)
    from scipy.special import betainc

    assert_allclose(betainc(a, b, curve.lower[1]), 0.025, rtol=1e-10)
    assert curve.lower[2] == 0


def test_nobody_relapsed_is_no_certainty():
    curve = beta(TimeToEvent([4, 8, 9], [0, 0, 0]))
    assert curve.upper.tolist() == [1, 1, 1]
    assert_allclose(curve.lower, [0.025 ** (1 / 2), 0.025, 0])
    assert_allclose(curve.at([0]).lower, 0.025 ** (1 / 3))


def test_relapse_on_day_zero_leaves_nothing_before_it():
    curve = beta(TimeToEvent([0, 5, 5, 5], [1, 0, 0, 0]))
    assert curve.at([0]).lower == curve.lower[0]
    assert curve.median.lower == 0


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_limits_are_near_those_of_products_of_betas_drawn(confidence):
    # The beta with the same two moments is not the product: its upper quantiles are within 0.01,
    # its lower ones too while five are left, and within 0.022 to the last.
    rng = np.random.default_rng(14)
    tail = (1 - confidence) / 2
    for tte in (TIED, heavily_censored(rng), heavily_censored(rng, 9)):
        curve = beta(tte, confidence)
        product = np.ones(200_000)
        for place in range(curve.time.size):
            y, d = curve.at_risk[place], curve.events[place]
            if d:
                product = product * rng.beta(y - d + 1, d, size=product.size)
                assert_allclose(curve.upper[place], np.quantile(product, 1 - tail), atol=0.01)
            after = y - d - curve.censored[place]
            lower = np.quantile(product * rng.beta(after, 1, product.size), tail) if after else 0
            assert_allclose(curve.lower[place], lower, atol=0.01 if after > 4 else 0.022)


def test_limits_fall_and_hold_the_estimate():
    rng = np.random.default_rng(3)
    for n, _ in itertools.product((5, 22, 90), range(20)):
        curve = beta(heavily_censored(rng, n))
        assert (np.diff(curve.lower) <= 0).all()
        assert (np.diff(curve.upper) <= 0).all()
        assert ((curve.lower <= curve.survival) & (curve.survival <= curve.upper)).all()


def test_limits_are_kept_from_rising_after_heavy_censoring():
    event = np.zeros(355)
    event[[25, 49, 62, 93, 343]] = 1
    curve = beta(TimeToEvent(np.arange(1, 356), event), 0.99)
    assert (np.diff(curve.upper) <= 0).all()


def test_large_samples_agree_with_the_normal_limits():
    rng = np.random.default_rng(8)
    tte = TimeToEvent(rng.integers(1, 400, 1_000_000), rng.random(1_000_000) < 0.5)
    (plain,) = kaplan_meier(tte, limits="log-log")
    inside = slice(0, 380)
    curve = beta(tte)
    for side in ("lower", "upper"):
        near = getattr(plain, side)[inside]
        assert_allclose(getattr(curve, side)[inside], near, atol=2e-5)


def test_covers_as_often_as_it_says_at_n_22():
    # Two-sided 90%: each side may miss at most 5%, give or take what chance makes of 800 trials.
    rng = np.random.default_rng(2013)
    asked = [15.0, 40, 80]
    truth = np.exp(-np.array(asked) / 100)
    missed = np.zeros((2, 3))
    trials = 800
    for _ in range(trials):
        at = beta(heavily_censored(rng), 0.9).at(asked)
        missed += [at.lower > truth, at.upper < truth]
    assert (missed / trials < 0.05 + 0.02).all()


def test_median_limits_are_where_the_limits_cross_one_half():
    rng = np.random.default_rng(30)
    curve = beta(heavily_censored(rng, 60), 0.8)
    assert 0 < curve.median.lower < curve.median.estimate < curve.median.upper
    assert curve.median.lower == curve.time[np.argmax(curve.lower < 0.5)]
    assert curve.median.upper == curve.time[np.argmax(curve.upper < 0.5)]


def test_few_patients_have_a_lower_median_limit_of_zero():
    # Before anything happens, five patients do not exclude a survival below one half; six do.
    five, six = (beta(TimeToEvent(np.arange(1, n + 1), np.ones(n))) for n in (5, 6))
    assert five.median.lower == 0
    assert six.median.lower == 1


def test_upper_median_limit_is_not_reached_while_the_upper_limit_stays_above():
    median = beta(TimeToEvent([5, 9, 9], [1, 0, 0])).median
    assert math.isnan(median.upper)
    assert median.upper_reason == "not reached: the upper limit of survival stays above 0.5"


def test_reverse_kaplan_meier_has_them_too():
    (followed,) = follow_up(TimeToEvent([3, 7, 8, 14], [0, 0, 0, 0]), limits="beta")
    assert_allclose(followed.lower, beta(TimeToEvent([3, 7, 8, 14], [1, 1, 1, 1])).lower)


def test_weights_of_one_are_no_weights():
    weighted = TimeToEvent([3, 7, 8], [1, 0, 1], weight=[1, 1, 1], entry=[np.nan] * 3)
    assert_allclose(beta(weighted).upper, beta(TimeToEvent([3, 7, 8], [1, 0, 1])).upper)


def test_refuses_what_the_procedure_has_no_distribution_for():
    with pytest.raises(BadInput, match="weights other than 1"):
        beta(TimeToEvent([3, 7], [1, 0], weight=[2, 1]))
    with pytest.raises(BadInput, match="late entries"):
        beta(TimeToEvent([3, 7], [1, 0], entry=[np.nan, 4]))
    with pytest.raises(BadInput, match="clusters"):
        kaplan_meier(TimeToEvent([3, 7], [1, 0]), limits="beta", cluster=[1, 1])
