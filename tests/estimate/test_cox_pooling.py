import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import cox, pool


def imputations(m=4, seed=1, n=50, **options):
    """Fits to data in which a part of z was drawn anew each time."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    time, event = rng.integers(1, 30, n), rng.random(n) < 0.6
    found = []
    for _ in range(m):
        filled = np.where(np.arange(n) < 15, rng.normal(size=n), z)
        frame = pd.DataFrame({"x": x, "z": filled})
        found.append(cox(TimeToEvent(time, event, covariates=frame), "x + z", **options))
    return found


def test_rubins_rules_by_hand():
    # Coefficients 1, 2, 3 with variances 1/4, 1/2, 3/4, in a model with 21 events.
    (first, *_) = imputations()
    fits = [
        replace(
            first, n_events=21, terms=("x",), coef=np.array([b]), std_error=np.array([s**0.5]),
            robust_std_error=np.array([np.nan]),
        )
        for b, s in ((1.0, 0.25), (2.0, 0.5), (3.0, 0.75))
    ]  # fmt: skip
    pooled = pool(fits)
    # U = 1/2, B = 1, T = 1/2 + 4/3 = 11/6, lambda = 8/11, r = 8/3.
    assert_allclose(pooled.coef, [2])
    assert_allclose([pooled.within[0], pooled.between[0]], [0.5, 1])
    assert_allclose(pooled.std_error, [math.sqrt(11 / 6)])
    assert_allclose(pooled.relative_increase, [8 / 3])
    # nu_m = 2 * (11/8)^2 = 121/32; nu_c = 20: nu_o = 21/23 * 20 * 3/11 = 1260/253.
    df = 1 / (32 / 121 + 253 / 1260)
    assert_allclose(pooled.df, [df])
    assert_allclose(pooled.fraction_missing, [(8 / 3 + 2 / (df + 3)) / (11 / 3)])
    # The t distribution, integrated: its density beyond the statistic, twice.
    statistic = 2 / math.sqrt(11 / 6)
    constant = math.gamma((df + 1) / 2) / (math.gamma(df / 2) * math.sqrt(df * math.pi))
    grid = np.linspace(0, statistic, 20_001)
    inside = np.trapezoid(constant * (1 + grid**2 / df) ** (-(df + 1) / 2), grid)
    assert_allclose(pooled.p_value, [1 - 2 * inside], rtol=1e-6)
    half = (np.log(pooled.upper) - np.log(pooled.lower)) / 2 / pooled.std_error
    grid = np.linspace(0, half[0], 20_001)
    inside = np.trapezoid(constant * (1 + grid**2 / df) ** (-(df + 1) / 2), grid)
    assert_allclose(2 * inside, 0.95, rtol=1e-6)


def test_fits_that_agree_are_one_fit_with_the_degrees_of_freedom_of_its_events():
    (fit, *_) = imputations(1)
    pooled = pool([fit, fit, fit])
    assert_allclose(pooled.coef, fit.coef)
    assert_allclose(pooled.std_error, fit.std_error)
    complete = fit.n_events - 2
    assert_allclose(pooled.df, (complete + 1) / (complete + 3) * complete)
    assert_allclose(pooled.relative_increase, 0, atol=1e-30)
    assert (pooled.upper > fit.upper).all()
    # With as many degrees of freedom as one likes, the normal distribution's limits.
    normal = pool([fit, fit], complete_df=1e9)
    assert_allclose(normal.upper, fit.upper, rtol=1e-7)
    assert_allclose(normal.p_value, fit.p_value, rtol=1e-6)


def test_order_does_not_matter_and_what_is_not_missing_loses_least():
    fits = imputations(6)
    one, other = pool(fits), pool(fits[::-1])
    assert_allclose(one.std_error, other.std_error)
    assert one.fraction_missing[1] > one.fraction_missing[0]
    assert (one.std_error**2 >= one.within).all()
    assert list(one.to_frame()["term"]) == ["x", "z"]
    assert repr(one) == "<PooledCox: x + z; 6 imputations>"


def test_robust_errors_are_pooled_where_there_are_any():
    fits = imputations(3, cluster=np.arange(50) // 2)
    pooled = pool(fits)
    assert_allclose(pooled.within, np.mean([f.robust_std_error**2 for f in fits], axis=0))


def test_what_cannot_be_pooled():
    fits = imputations(3)
    with pytest.raises(BadInput, match="two fits or more"):
        pool(fits[:1])
    with pytest.raises(BadInput, match="3 fits of 2 kinds"):
        pool([*fits[:2], imputations(1, ties="breslow")[0]])
    with pytest.raises(BadInput, match="strictly between"):
        pool(fits, confidence=95)
    with pytest.raises(NotEstimable, match="degrees of freedom"):
        pool(fits, complete_df=0)
    infinite = replace(fits[0], coef=np.array([0.1, np.inf]))
    with pytest.raises(NotEstimable, match="coefficient of z"):
        pool([infinite, *fits[1:]])


def test_limits_cover_as_often_as_they_say():
    # Coefficients around 0 with error 1, of which imputation hides a part: Rubin's own model.
    rng = np.random.default_rng(17)
    (first, *_) = imputations(1)
    covered, repeats, m = 0, 400, 5
    for _ in range(repeats):
        seen = rng.normal(0, math.sqrt(1.5))
        fits = [
            replace(
                first, n_events=40, terms=("x",), coef=np.array([seen + rng.normal(0, 0.5**0.5)]),
                std_error=np.array([1.0]), robust_std_error=np.array([np.nan]),
            )
            for _ in range(m)
        ]  # fmt: skip
        pooled = pool(fits)
        covered += bool(pooled.lower[0] < 1 < pooled.upper[0])
    assert 0.92 < covered / repeats < 0.98
