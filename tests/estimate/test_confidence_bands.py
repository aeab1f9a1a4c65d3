import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import confidence_bands, kaplan_meier
from survival_bzd.estimate.brownian_bridge import (
    equal_precision_value,
    hall_wellner_value,
    scaled_stays_within,
    stays_within,
)

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "confidence_bands.json").read_text(encoding="utf-8")
)
KINDS = ["equal-precision", "hall-wellner"]
METHODS = {
    "epband": ("equal-precision", "plain"),
    "logep": ("equal-precision", "log-log"),
    "hall-wellner": ("hall-wellner", "plain"),
    "loghall": ("hall-wellner", "log-log"),
}


def duration(low, high):
    return math.log(high * (1 - low) / (low * (1 - high))) / 2


def heavily_censored(rng, n):
    relapse, end = rng.exponential(100, n), rng.uniform(20, 300, n)
    return TimeToEvent(np.minimum(relapse, end), relapse <= end)


# --- critical values -----------------------------------------------------------------------------


def test_hall_wellner_values_agree_with_the_tables_of_km_ci():
    # Regenerate with tests/reference/confidence_bands.R; four decimals are printed.
    table = REFERENCE["tables"]["hall-wellner"]
    ours = [
        hall_wellner_value(a, b, 0.95) for a, b in zip(table["low"], table["high"], strict=True)
    ]
    assert_allclose(ours, table["value"], atol=1e-4)


def test_equal_precision_values_agree_with_the_tables_of_km_ci():
    # Its tables solve the approximation of Miller and Siegmund; the last lines show that.
    table = REFERENCE["tables"]["equal-precision"]
    lengths = [duration(a, b) for a, b in zip(table["low"], table["high"], strict=True)]
    ours = [equal_precision_value(length, 0.95) for length in lengths]
    assert_allclose(ours, table["value"], atol=0.032)
    c = np.array(table["value"])
    density = np.exp(-(c**2) / 2) / math.sqrt(2 * math.pi)
    approximation = 4 * density / c + density * (c - 1 / c) * 2 * np.array(lengths)
    assert_allclose(approximation, 0.05, atol=2e-5)


def test_whole_bridge_has_the_distribution_of_kolmogorov():
    k = np.array([0.8, 1.2, 1.6])
    j = np.arange(1, 50)[:, None]
    kolmogorov = 1 - 2 * ((-1.0) ** (j - 1) * np.exp(-2 * j**2 * k**2)).sum(0)
    assert_allclose([stays_within(0, 1 - 1e-12, one) for one in k], kolmogorov, atol=1e-9)
    assert_allclose([stays_within(1e-10, 1 - 1e-12, one) for one in k], kolmogorov, atol=1e-9)


def test_scaled_bridge_agrees_with_differences_in_time_and_place():
    # Made with 2,000 places and 4,000 steps of Crank and Nicolson on u' = u'' - x u'.
    for length, c, outside in (
        (2.638, 3.1149, 0.0494120),
        (0.626, 2.6744, 0.0499781),
        (0.01, 2.2, 0.0366114),
        (1.946, 3.014, 0.0499107),
    ):
        assert_allclose(1 - scaled_stays_within(length, c), outside, atol=1e-6)


def test_probabilities_agree_with_simulated_bridges():
    rng = np.random.default_rng(1980)
    low, high, paths, steps = 0.2, 0.7, 20_000, 200
    v = np.geomspace(low / (1 - low), high / (1 - high), steps + 1)
    walk = np.sqrt(v[0]) * rng.standard_normal(paths)
    inside = {"stays": np.ones(paths), "scaled": np.ones(paths)}
    bound = {"stays": 1.1 * (1 + v), "scaled": 2.3 * np.sqrt(v)}
    for kind, line in bound.items():
        inside[kind] *= np.abs(walk) <= line[0]
    for step in range(steps):
        gap = v[step + 1] - v[step]
        onward = walk + math.sqrt(gap) * rng.standard_normal(paths)
        for kind, line in bound.items():
            for side in (1, -1):
                # Between two points a Brownian motion crosses a line with this probability.
                room = np.maximum(line[step] - side * walk, 0)
                room = room * np.maximum(line[step + 1] - side * onward, 0)
                inside[kind] *= -np.expm1(-2 * room / gap)
        walk = onward
    assert_allclose(inside["stays"].mean(), stays_within(low, high, 1.1), atol=0.009)
    at_once = scaled_stays_within(duration(low, high), 2.3)
    assert_allclose(inside["scaled"].mean(), at_once, atol=0.009)


def test_probabilities_run_on_from_a_point_to_an_interval():
    for c in (1.5, 3.0):
        point = math.erf(c / math.sqrt(2))
        assert_allclose(scaled_stays_within(0, c), point)
        lengths = [1e-9, 1e-7, 1e-5, 1e-3, 1e-1, 10]
        shares = [scaled_stays_within(length, c) for length in lengths]
        assert (np.diff([point, *shares]) < 0).all()
        # The first to leave are those near the walls: 4 phi(c) sqrt(T / pi).
        density = math.exp(-(c**2) / 2) / math.sqrt(2 * math.pi)
        assert_allclose(shares[1], point - 4 * density * math.sqrt(1e-7 / math.pi), atol=1e-6)
    assert_allclose(stays_within(0.3, 0.3 + 1e-12, 0.9), stays_within(0.3, 0.3, 0.9), atol=1e-5)


# --- bands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_agrees_with_km_ci_but_for_the_critical_value(case, method, patients, column):
    r = REFERENCE["cases"][case]
    theirs = r["methods"][method]
    kind, limits = METHODS[method]
    tte = patients(r["data"])
    (band,) = confidence_bands(tte, kind=kind, limits=limits)
    assert [band.start, band.end] == r["between"]
    assert_allclose(band.time, column(theirs["time"]))
    assert_allclose(band.survival, column(theirs["survival"]), rtol=1e-12)
    share = band.critical_value / theirs["critical_value"]
    assert_allclose(share, 1, atol=0.01 if kind == "equal-precision" else 0.002)
    s, lower, upper = (column(theirs[name]) for name in ("survival", "lower", "upper"))
    if limits == "plain":
        expected = np.clip(s - (s - lower) * share, 0, 1), np.clip(s + (upper - s) * share, 0, 1)
    else:
        h = -np.log(s)
        expected = (
            np.exp(-h * np.exp(np.log(-np.log(lower) / h) * share)),
            np.exp(-h * np.exp(np.log(-np.log(upper) / h) * share)),
        )
    assert_allclose(band.lower, expected[0], rtol=1e-9, atol=1e-12)
    assert_allclose(band.upper, expected[1], rtol=1e-9)


def test_by_hand():
    # 1 of 4 at 5, 1 of 2 at 20: S is 3/4, 3/8; sigma^2 is 1/12, 1/12 + 1/2.
    tte = TimeToEvent([5, 12, 20, 31], [1, 0, 1, 0])
    (equal,) = confidence_bands(tte, limits="plain")
    assert equal.time.tolist() == [5, 12, 20]
    c = equal.critical_value
    assert_allclose(scaled_stays_within(math.log(7) / 2, c), 0.95, atol=1e-10)
    assert_allclose(equal.lower[0], 3 / 4 * (1 - c * math.sqrt(1 / 12)))
    assert_allclose(equal.upper[2], min(1, 3 / 8 * (1 + c * math.sqrt(7 / 12))))
    (hall,) = confidence_bands(tte, kind="hall-wellner", limits="log")
    k = hall.critical_value
    assert_allclose(stays_within(1 / 4, 7 / 10, k), 0.95, atol=1e-10)
    assert_allclose(hall.lower, hall.survival * np.exp(-k * np.array([4 / 3, 4 / 3, 10 / 3]) / 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limits", ["log-log", "log", "plain", "arcsin"])
def test_band_at_one_time_is_its_pointwise_limits(kind, limits):
    tte = heavily_censored(np.random.default_rng(2), 40)
    (band,) = confidence_bands(tte, kind=kind, limits=limits, between=(60, 60), confidence=0.9)
    at = kaplan_meier(tte, limits=limits, confidence=0.9)[0].at([60])
    assert_allclose([band.lower, band.upper], [at.lower, at.upper], rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_band_is_wider_than_pointwise_limits_and_widens_with_its_range(kind):
    tte = heavily_censored(np.random.default_rng(2), 40)
    asked = [(50, 60), (30, 100), (10, 150)]
    values = [confidence_bands(tte, kind=kind, between=b)[0].critical_value for b in asked]
    assert values == sorted(values)
    (band,) = confidence_bands(tte)
    at = kaplan_meier(tte)[0].at(band.time)
    assert (band.lower < at.lower).all()
    assert (band.upper > at.upper).all()


@pytest.mark.parametrize("kind", KINDS)
def test_whole_weights_are_counts(kind):
    tte = heavily_censored(np.random.default_rng(5), 20)
    count = np.arange(20) % 3 + 1
    weighted = TimeToEvent(tte.time, tte.event, weight=count)
    repeated = tte.select(np.repeat(np.arange(20), count))
    (one,), (other,) = (confidence_bands(data, kind=kind) for data in (weighted, repeated))
    assert_allclose(one.critical_value, other.critical_value)
    assert_allclose([one.lower, one.upper], [other.lower, other.upper], rtol=1e-10)


def test_equal_precision_does_not_ask_how_long_patients_were_unobserved():
    # Cutting each follow-up in two at 50 leaves the curve and its errors, and so the band.
    tte = heavily_censored(np.random.default_rng(6), 30)
    late = tte.time > 50
    cut = TimeToEvent(
        np.concatenate([np.minimum(tte.time, 50), tte.time[late]]),
        np.concatenate([np.where(late, 0, tte.event), tte.event[late]]),
        entry=np.concatenate([np.full(30, np.nan), np.full(late.sum(), 50.0)]),
    )
    (whole,), (pieces,) = (confidence_bands(data) for data in (tte, cut))
    assert_allclose(pieces.critical_value, whole.critical_value, rtol=1e-9)
    assert_allclose(pieces.upper[-1], whole.upper[-1], rtol=1e-9)


def test_holds_the_whole_curve_as_often_as_it_says():
    # 150 patients, 95%, log-log: 150 trials leave a standard error of 1.8 points.
    rng = np.random.default_rng(44)
    held = dict.fromkeys(KINDS, 0)
    trials = 150
    for _ in range(trials):
        tte = heavily_censored(rng, 150)
        for kind in KINDS:
            (band,) = confidence_bands(tte, kind=kind, between=(20, 150))
            before = np.append(band.time[1:], band.end)
            held[kind] += bool(
                (np.exp(-band.time / 100) <= band.upper).all()
                and (np.exp(-before / 100) >= band.lower).all()
            )
    for kind in KINDS:
        assert abs(held[kind] / trials - 0.95) < 0.055


def test_groups_have_their_own_range_or_a_reason():
    tte = TimeToEvent([5, 9, 12, 20, 4, 8, 30, 40], [1, 0, 1, 1, 1, 1, 0, 0])
    a, b = confidence_bands(tte, by=["a"] * 4 + ["b"] * 4)
    assert (a.start, a.end) == (5, 12)
    assert (b.start, b.end) == (4, 8)
    a, b = confidence_bands(tte, by=["a"] * 4 + ["b"] * 4, between=(6, 40))
    assert a.reason == "not estimable: there is a band from 5 until before 20 days"
    assert a.time.size == 0
    assert math.isnan(a.critical_value)
    assert b.reason == ""
    assert b.time.tolist() == [6, 8, 30, 40]
    assert list(b.to_frame()) == ["time", "survival", "lower", "upper"]


def test_no_band_where_survival_is_only_one_or_zero():
    for time, event in (([4, 8], [0, 0]), ([4, 4], [1, 1])):
        (band,) = confidence_bands(TimeToEvent(time, event))
        assert band.reason == "not estimable: survival is only 1 or 0"
        assert math.isnan(band.start)


def test_unknown_options_are_bad_input():
    tte = TimeToEvent([4, 8, 9], [1, 1, 0])
    with pytest.raises(BadInput, match="kind must be one of"):
        confidence_bands(tte, kind="nair")
    with pytest.raises(BadInput, match="limits must be one of"):
        confidence_bands(tte, limits="logit")
    with pytest.raises(BadInput, match="between two times"):
        confidence_bands(tte, between=(8, 4))
    with pytest.raises(BadInput, match="strictly between"):
        confidence_bands(tte, confidence=95)
    with pytest.raises(BadInput, match="whole numbers"):
        confidence_bands(TimeToEvent([4, 8], [1, 0], weight=[1.5, 1]))
