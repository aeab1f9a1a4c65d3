import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import kaplan_meier, npmle
from survival_bzd.estimate.interval_censored import maximum

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "interval_censored.json").read_text(encoding="utf-8")
)
INF = math.inf


def intervals(lower, upper, weight=None):
    upper = np.array(upper, dtype=np.float64)
    lower = np.array(lower, dtype=np.float64)
    time = np.where(np.isfinite(upper), upper, np.maximum(lower, 0))
    return TimeToEvent(time, np.isfinite(upper), "months", lower=lower, upper=upper, weight=weight)


def curve_of(lower, upper, weight=None):
    (curve,) = npmle(intervals(lower, upper, weight))
    return curve


def visits(rng, n, *, missed=0.2, relapse=0.15):
    when = np.array([1, 2, 3, 6, 9, 12, 18, 24.0])
    time = rng.exponential(1 / relapse, n)
    seen = rng.random((n, when.size)) >= missed
    lower = np.where(seen & (when < time[:, None]), when, 0).max(axis=1)
    upper = np.where(seen & (when >= time[:, None]), when, INF).min(axis=1)
    return lower, upper


def continuous(rng, n):
    time = rng.exponential(6, n)
    seen = np.cumsum(rng.exponential(2, (n, 8)), axis=1)
    lower = np.where(seen < time[:, None], seen, 0).max(axis=1)
    upper = np.where(seen >= time[:, None], seen, INF).min(axis=1)
    return lower, upper


def incidence(curve, lower, upper):
    """Return which support interval lies in which patient's interval, from the definition."""
    lower, upper = np.array(lower, dtype=float), np.array(upper, dtype=float)
    low, high = curve.support_lower, curve.support_upper
    exact = low == high
    begins = np.where(
        exact,
        (low > lower[:, None]) | ((low == lower[:, None]) & (lower == upper)[:, None]),
        low >= np.maximum(lower, 0)[:, None],
    )
    return (begins & (high <= upper[:, None])).astype(float)


def log_likelihood(curve, lower, upper, weight=None):
    weight = np.ones(len(lower)) if weight is None else np.array(weight)
    return float(weight @ np.log(incidence(curve, lower, upper) @ curve.mass))


@pytest.mark.parametrize("name", REFERENCE)
def test_agrees_with_r_survfit(name, column):
    # Regenerate with tests/reference/interval_censored.R.
    r = REFERENCE[name]
    lower, upper = column(r["data"]["lower"]), column(r["data"]["upper"])
    lower = np.where(np.isnan(lower), -INF, lower)
    upper = np.where(np.isnan(upper), INF, upper)
    weight = column(r["data"]["weight"])
    curve = curve_of(lower, upper, weight)
    assert curve.violation <= 1e-9
    # R leaves mass of up to 0.006 where there is none among bounds that are all different.
    apart = 1e-2 if name == "continuous" else 1e-3
    assert_allclose(curve.at(r["time"]).survival, r["survival"], atol=apart)
    assert_allclose(curve.at(column(r["jump"])).survival, column(r["curve"]), atol=apart)
    assert curve.log_likelihood >= r["log_likelihood"] - 1e-12
    assert_allclose(curve.log_likelihood, r["log_likelihood"], rtol=1e-4)
    if name == "continuous":
        return
    if isinstance(r["median"], float | int):
        assert_allclose(curve.median.estimate, r["median"], rtol=1e-9)
    else:
        assert curve.median.reason.startswith("not reached")


def test_by_hand():
    # One relapse in (0, 2], one in (1, 3], one still free at 3: all of the first two in (1, 2].
    curve = curve_of([0, 1, 3], [2, 3, INF])
    assert_array_equal(curve.support_lower, [1, 3])
    assert_array_equal(curve.support_upper, [2, INF])
    assert_allclose(curve.mass, [2 / 3, 1 / 3])
    at = curve.at([0, 1, 1.2, 1.5, 2, 3, 3.1])
    assert_array_equal(at.resolved, [True, True, False, False, True, True, False])
    assert_allclose(at.survival, [1, 1, 1, 1 / 3, 1 / 3, 1 / 3, math.nan])
    assert_allclose(at.lowest[:5], [1, 1, 1 / 3, 1 / 3, 1 / 3])
    assert_allclose(at.highest[:5], [1, 1, 1, 1, 1 / 3])
    assert at.reasons[2] == "not resolved: the data leave it open between 0.3333 and 1"
    assert at.reasons[-1] == "not estimable: follow-up ends at 3 months"
    assert curve.median.estimate == 1.5
    assert curve.quantile(0.9).reason == "not reached: survival stays above 0.1"


def em(matrix, weight, steps=20_000):
    """Maximise by EM, which needs nothing but the incidence."""
    mass = np.full(matrix.shape[1], 1 / matrix.shape[1])
    for _ in range(steps):
        mass *= matrix.T @ (weight / (matrix @ mass)) / weight.sum()
    return mass


def everything(lower, upper):
    """Return the incidence of every maximal intersection, from Turnbull's definition."""
    marks = sorted(
        {*((x, 0 if x == y else 2) for x, y in zip(lower, upper, strict=True))}
        | {(y, 1) for y in upper}
    )
    pairs = [(a, b) for a, b in itertools.pairwise(marks) if a[1] != 1 and b[1] == 1]
    rows = [
        [(x, 0 if x == y else 2) <= a and b <= (y, 1) for a, b in pairs]
        for x, y in zip(lower, upper, strict=True)
    ]
    return pairs, np.array(rows, dtype=float)


@pytest.mark.parametrize("seed", range(12))
def test_is_the_maximum_that_brute_force_finds(seed):
    rng = np.random.default_rng(seed)
    n = 9
    lower = rng.integers(0, 6, n).astype(float)
    upper = lower + rng.integers(0, 4, n)
    upper[rng.random(n) < 0.2] = INF
    weight = rng.integers(1, 4, n).astype(float)
    _, matrix = everything(lower, upper)

    def minus(mass):
        return -weight @ np.log(np.maximum(matrix @ mass, 1e-300))

    start = np.full(matrix.shape[1], 1 / matrix.shape[1])
    slsqp = minimize(
        minus, start, method="SLSQP", bounds=[(0, 1)] * start.size, tol=1e-14,
        constraints={"type": "eq", "fun": lambda mass: mass.sum() - 1},
    )  # fmt: skip
    best = max(-minus(em(matrix, weight)), -slsqp.fun)
    curve = curve_of(lower, upper, weight)
    assert curve.candidates == matrix.shape[1]
    assert_allclose(curve.log_likelihood, log_likelihood(curve, lower, upper, weight), rtol=1e-12)
    assert_allclose(curve.log_likelihood, best, rtol=1e-12, atol=1e-12)
    assert curve.violation <= 1e-9


@pytest.mark.parametrize("make", [visits, continuous])
@pytest.mark.parametrize("n", [5, 50, 1000])
def test_meets_the_kuhn_tucker_conditions(make, n):
    lower, upper = make(np.random.default_rng(n), n)
    curve = curve_of(lower, upper)
    pairs, matrix = everything(lower, upper)
    mass = np.zeros(len(pairs))
    place = {(low, high): at for at, ((low, _), (high, _)) in enumerate(pairs)}
    for low, high, part in zip(curve.support_lower, curve.support_upper, curve.mass, strict=True):
        mass[place[low, high]] = part
    gradient = matrix.T @ (1 / (matrix @ mass)) / n
    assert gradient.max() <= 1 + 1e-9
    assert_allclose(gradient[mass > 0], 1, atol=1e-9)
    assert_allclose(mass.sum(), 1, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 7, 100, 1500])
def test_exact_times_give_kaplan_meier(n):
    rng = np.random.default_rng(n)
    time = rng.exponential(6, n).round(1)
    event = rng.random(n) < 0.7
    weight = rng.uniform(0.5, 2, n)
    tte = TimeToEvent(time, event, weight=weight)
    (curve,), (usual,) = npmle(tte), kaplan_meier(tte)
    ask = np.append(usual.time, [0.0, 0.05, 3.33])
    ask = ask[ask <= usual.last_time]
    assert_allclose(curve.at(ask).survival, usual.at(ask).survival, atol=1e-9)
    assert curve.at(ask).resolved.all()
    assert_allclose(curve.median.estimate, usual.median.estimate)


bound = st.integers(0, 12)


@st.composite
def some(draw):
    rows = draw(st.lists(st.tuples(bound, st.integers(-1, 5)), min_size=1, max_size=25))
    lower = [float(low) for low, _ in rows]
    upper = [INF if width < 0 else float(low + width) for low, width in rows]
    weight = draw(st.lists(st.floats(0.1, 9), min_size=len(rows), max_size=len(rows)))
    return lower, upper, weight


@settings(max_examples=80, deadline=None)
@given(some(), st.randoms())
def test_order_and_scale_do_not_matter(data, random):
    lower, upper, weight = (np.array(one) for one in data)
    curve = curve_of(lower, upper, weight)
    order = np.array(random.sample(range(lower.size), lower.size))
    other = curve_of(lower[order] * 30, upper[order] * 30, weight[order] * 7)
    assert curve.violation <= 1e-9
    ask = np.arange(0, curve.last_time + 0.25, 0.25)
    ours, theirs = curve.at(ask), other.at(ask * 30)
    assert_allclose(ours.lowest, theirs.lowest, atol=1e-6)
    assert_allclose(ours.highest, theirs.highest, atol=1e-6)
    assert_array_equal(ours.resolved, theirs.resolved)
    assert (ours.lowest <= ours.survival + 1e-9).all()
    assert (ours.survival <= ours.highest + 1e-9).all()
    assert (np.diff(ours.survival) <= 1e-12).all()


def test_dense_and_sparse_systems_give_the_same(monkeypatch):
    lower, upper = continuous(np.random.default_rng(3), 300)
    exact = np.arange(300) % 3 == 0
    lower = np.where(exact & np.isfinite(upper), upper, lower)
    dense = curve_of(lower, upper)
    monkeypatch.setattr(maximum, "_DENSE", 0)
    sparse = curve_of(lower, upper)
    assert_allclose(dense.mass, sparse.mass, atol=1e-9)
    assert_allclose(dense.log_likelihood, sparse.log_likelihood, rtol=1e-13)


def test_near_equal_bounds_are_one_bound():
    third = 0.1 + 0.2
    curve = curve_of([0, 0.3, third], [third, 1, 1])
    assert_array_equal(curve.support_upper, [0.3, 1])
    assert_allclose(curve.mass, [1 / 3, 2 / 3])
    assert curve.at([third]).resolved.all()


def test_everybody_censored_and_nobody():
    curve = curve_of([3, 5, 5], [INF, INF, INF])
    assert_allclose(curve.at([0, 3, 5, 6]).survival, [1, 1, 1, math.nan])
    assert curve.median.reason == "not reached: survival stays above 0.5"
    assert curve_of([0], [INF]).at([0]).survival[0] == 1
    with pytest.raises(BadInput, match="at least one patient"):
        npmle(TimeToEvent([], []))


def test_before_the_first_visit_and_time_zero():
    curve = curve_of([-INF, -INF, 1], [1, 2, 3])
    assert_array_equal(curve.support_lower, [0, 1])
    assert_array_equal(curve.support_upper, [1, 2])
    assert curve.at([0]).survival[0] == 1
    zero = curve_of([0, 0, 2], [0, 2, INF])
    assert_allclose(zero.at([0]).survival, 2 / 3)


def test_groups_and_competing_events():
    tte = TimeToEvent(
        [2, 3, 5, 5], [1, 2, 1, 0], lower=[1, 1, 3, 5], upper=[2, 3, 5, INF], causes=("r", "death")
    )
    both = npmle(tte, by=["a", "b", "b", "a"])
    assert [curve.group for curve in both] == ["a", "b"]
    assert both[1].n_events == 1
    assert_allclose(both[1].at([3, 5]).survival, [1, 0])


def test_bad_bounds_are_named_all_at_once():
    with pytest.raises(BadInput) as error:
        npmle(
            TimeToEvent(
                [1, 2, 3, 4],
                [1, 1, 1, 1],
                lower=[3, -1, math.nan, 4],
                upper=[1, 2, 3, 4],
                entry=[math.nan, 1, math.nan, math.nan],
            )
        )
    said = str(error.value)
    assert len(error.value.faults) == 4
    for words in ("must not be above", "zero or more", "must have a lower", "no late entry"):
        assert words in said
