import json
import math
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import PARAMETRIC_MODELS, parametric
from survival_bzd.estimate.parametric_model import fit as fitting

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "parametric.json").read_text(encoding="utf-8")
)
# survreg's parameters are log(scale) or mu, and the log of its own scale, which is 1 / shape.
SIGNS = {
    "exponential": [-1],
    "weibull": [1, -1],
    "log-normal": [1, 1],
    "log-logistic": [1, -1],
}


def data(r, column):
    weight = None if "weight" not in r else column(r["weight"])
    if "lower" in r:
        lower, upper = column(r["lower"]), column(r["upper"])
        upper = np.where(np.isnan(upper), np.inf, upper)
        happened = np.isfinite(upper)
        return TimeToEvent(np.where(happened, upper, lower), happened, lower=lower, upper=upper)
    return TimeToEvent(column(r["time"]), column(r["event"]), weight=weight)


@pytest.mark.parametrize("case", REFERENCE["survreg"])
def test_agrees_with_survreg(case, column):
    # Regenerate with tests/reference/parametric.R.
    r = REFERENCE["survreg"][case]
    cluster = r["data"].get("cluster")
    fits = parametric(data(r["data"], column), models=list(SIGNS), cluster=cluster)
    for fit in fits:
        expected, sign = r["fits"][fit.model], np.array(SIGNS[fit.model])
        theta = [expected["location"], expected["log_scale"]][: sign.size]
        assert_allclose(fit.theta, sign * np.array(theta), rtol=1e-6, atol=1e-9)
        covariance = np.outer(sign, sign) * np.reshape(expected["covariance"], (sign.size,) * 2)
        assert_allclose(fit.covariance, covariance, rtol=1e-6, atol=1e-9)
        assert_allclose(fit.log_likelihood, expected["log_likelihood"], rtol=1e-10)
        assert_allclose(math.log(fit.median.estimate), expected["log_median"], rtol=1e-6)
        error = fit.median.std_error / fit.median.estimate
        assert_allclose(error, expected["log_median_se"], rtol=1e-6)
        assert fit.robust == (case == "clusters")


@pytest.mark.parametrize("case", REFERENCE["piecewise"])
def test_piecewise_agrees_with_poisson_regression(case, patients, column):
    r = REFERENCE["piecewise"][case]
    (fit,) = parametric(patients(r["data"]), models=["piecewise"], breaks=column(r["breaks"]))
    assert_allclose(fit.estimate, column(r["rate"]), rtol=1e-9)
    assert_allclose(fit.std_error / fit.estimate, column(r["log_rate_se"]), rtol=1e-8)


def plain_survival(fit, theta, t):
    """Write each model as a textbook does, one time at a time."""
    if t == 0:
        return 1.0
    if fit.model == "weibull":
        return math.exp(-((t / math.exp(theta[0])) ** math.exp(theta[1])))
    if fit.model == "log-logistic":
        return 1 / (1 + (t / math.exp(theta[0])) ** math.exp(theta[1]))
    if fit.model == "log-normal":
        return NormalDist().cdf(-(math.log(t) - theta[0]) / math.exp(theta[1]))
    if fit.model == "cure":
        cured = 1 / (1 + math.exp(-theta[0]))
        others = math.exp(-((t / math.exp(theta[1])) ** math.exp(theta[2])))
        return cured + (1 - cured) * others
    if fit.model == "spline":
        x, k = math.log(t), [math.log(knot) for knot in fit.knots]
        total = theta[0] + theta[1] * x
        for coefficient, knot in zip(theta[2:], k[1:-1], strict=True):
            part = (k[-1] - knot) / (k[-1] - k[0])
            cubes = [max(x - at, 0) ** 3 for at in (knot, k[0], k[-1])]
            total += coefficient * (cubes[0] - part * cubes[1] - (1 - part) * cubes[2])
        return math.exp(-math.exp(total))
    edges = [0.0, *fit.breaks, math.inf]
    spent = [max(min(t, b) - a, 0) for a, b in pairwise(edges)]
    return math.exp(-sum(math.exp(rate) * time for rate, time in zip(theta, spent, strict=True)))


def plain_log_likelihood(fit, theta, tte):
    total = 0.0
    for i in range(tte.n):
        lower, upper = float(tte.lower[i]), float(tte.upper[i])
        if upper == lower:
            # The density as a slope of survival, to the fourth order.
            h = 1e-3 * lower
            s = [plain_survival(fit, theta, lower + k * h) for k in (-2, -1, 1, 2)]
            likelihood = -(s[0] - 8 * s[1] + 8 * s[2] - s[3]) / (12 * h)
        else:
            after = 0.0 if math.isinf(upper) else plain_survival(fit, theta, upper)
            likelihood = plain_survival(fit, theta, lower) - after
        entry = 0.0 if tte.entry is None or math.isnan(tte.entry[i]) else float(tte.entry[i])
        weight = 1.0 if tte.weight is None else float(tte.weight[i])
        total += weight * math.log(likelihood / plain_survival(fit, theta, entry))
    return total


def mixed(n=60, seed=3):
    """Make exact, left-, interval- and right-censored times, late entries, weights, some cured."""
    draw = np.random.default_rng(seed)
    time = 40 * draw.weibull(0.9, n) + 0.5
    visits = np.array([0.0, 7.3, 14, 28, 56, 91, 182])
    place = np.searchsorted(visits, time) - 1
    lower = visits[place]
    upper = np.append(visits, np.inf)[place + 1]
    exact = draw.random(n) < 0.3
    lower, upper = np.where(exact, time, lower), np.where(exact, time, upper)
    censored = (draw.random(n) < 0.35) | np.isinf(upper)
    lower = np.where(censored, 182.0, lower)
    upper = np.where(censored, np.inf, upper)
    entry = np.where((draw.random(n) < 0.3) & (lower > 1), lower * draw.random(n), np.nan)
    return TimeToEvent(
        np.where(censored, lower, upper), ~censored, lower=lower, upper=upper, entry=entry,
        weight=draw.integers(1, 4, n),
    )  # fmt: skip


def test_the_derivative_of_a_plain_likelihood_vanishes():
    tte = mixed()
    for fit in parametric(tte, breaks=[10, 30]):
        assert not fit.reason, (fit.model, fit.reason)
        value = plain_log_likelihood(fit, fit.theta, tte)
        assert_allclose(fit.log_likelihood, value, rtol=1e-6)
        for place, error in enumerate(np.sqrt(np.diag(fit.covariance))):
            step = np.zeros(fit.theta.size)
            step[place] = 1e-3 * error
            up = plain_log_likelihood(fit, fit.theta + step, tte)
            down = plain_log_likelihood(fit, fit.theta - step, tte)
            # Per standard error: the numerical slope's own rounding is of this size.
            assert abs(up - down) / 2e-3 < 1e-4, (fit.model, place)
            # Any move along a parameter lowers the likelihood as the information says.
            curvature = np.linalg.inv(fit.covariance)[place, place] * step[place] ** 2
            assert_allclose(2 * value - up - down, curvature, rtol=1e-2), fit.model


@pytest.fixture
def own_start(monkeypatch):
    """Spare the time that lifelines takes, where it is not what is tested."""
    monkeypatch.setattr(fitting, "by_lifelines", lambda model, times: None)


def test_survival_and_its_error_follow_from_the_parameters(own_start):
    tte = mixed()
    for fit in parametric(tte):
        at = fit.at([0, 5, 60, 500])
        assert_allclose(at.survival, [plain_survival(fit, fit.theta, t) for t in at.time])
        for place in (1, 2, 3):
            slope = []
            for k in range(fit.theta.size):
                step = np.zeros(fit.theta.size)
                step[k] = 1e-5
                up = plain_survival(fit, fit.theta + step, at.time[place])
                slope.append((up - plain_survival(fit, fit.theta - step, at.time[place])) / 2e-5)
            expected = math.sqrt(np.array(slope) @ fit.covariance @ np.array(slope))
            assert_allclose(at.std_error[place], expected, rtol=1e-5, atol=1e-12)
            assert at.lower[place] < at.survival[place] < at.upper[place]
        assert at.survival[0] == 1
        assert np.isnan([at.lower[0], at.upper[0]]).all()
        assert at.extrapolated.tolist() == [False, False, False, True]
        for p in (0.1, 0.3):
            assert_allclose(fit.at(fit.quantile(p).estimate).survival, 1 - p)


def test_exponential_by_hand(own_start):
    (fit,) = parametric(TimeToEvent([10, 20, 30], [1, 1, 0]), models=["exponential"])
    assert_allclose(fit.estimate, [2 / 60])
    assert_allclose(fit.std_error, [2 / 60 / math.sqrt(2)])
    assert_allclose(fit.log_likelihood, 2 * math.log(2 / 60) - 2)
    assert_allclose(fit.aic, 2 - 2 * fit.log_likelihood)
    assert_allclose(fit.aicc, fit.aic + 4 / 1)
    assert_allclose(fit.bic, math.log(3) - 2 * fit.log_likelihood)
    assert_allclose(fit.median.estimate, 30 * math.log(2))
    at = fit.at(15)
    assert_allclose(at.survival, math.exp(-0.5))
    # log H is normal with error 1 / sqrt(2).
    z = NormalDist().inv_cdf(0.975)
    assert_allclose(at.lower, math.exp(-0.5 * math.exp(z / math.sqrt(2))))


def test_a_single_visit_by_hand(own_start):
    # Seen at 30 only: 3 of 8 have relapsed, so S(30) = 5/8.
    happened = np.arange(8) < 3
    tte = TimeToEvent(
        np.full(8, 30), happened, lower=np.where(happened, 0, 30),
        upper=np.where(happened, 30, np.inf),
    )  # fmt: skip
    (fit,) = parametric(tte, models=["exponential"])
    assert_allclose(fit.estimate, [-math.log(5 / 8) / 30])
    assert_allclose(fit.log_likelihood, 3 * math.log(3 / 8) + 5 * math.log(5 / 8))
    assert (fit.left, fit.right, fit.exact, fit.interval) == (3, 5, 0, 0)
    (flat,) = parametric(tte, models=["weibull"])
    assert "flat" in flat.reason
    assert math.isnan(flat.aic)


def test_piecewise_late_entry_by_hand():
    tte = TimeToEvent([12, 20, 5, 25], [1, 1, 1, 0], entry=[8, np.nan, np.nan, 15])
    (fit,) = parametric(tte, models=["piecewise"], breaks=[10])
    assert_allclose(fit.estimate, [1 / (2 + 10 + 5), 2 / (2 + 10 + 10)])
    assert fit.parameters == ("rate 0 to 10", "rate from 10")


def test_a_relapse_on_a_break_belongs_to_the_window_that_ends_there(own_start):
    (fit,) = parametric(TimeToEvent([10, 20, 30], [1, 1, 1]), models=["piecewise"], breaks=[10])
    assert_allclose(fit.estimate, [1 / 30, 2 / 30])
    assert_allclose(fit.log_likelihood, math.log(1 / 30) + 2 * math.log(2 / 30) - 3)


def test_the_unit_of_time_changes_nothing_but_the_density(own_start):
    tte = mixed()
    thousand = TimeToEvent(
        tte.time * 1000, tte.event, lower=tte.lower * 1000, upper=tte.upper * 1000,
        entry=tte.entry * 1000, weight=tte.weight,
    )  # fmt: skip
    known = float(tte.weight[tte.lower == tte.upper].sum())
    for here, there in zip(parametric(tte), parametric(thousand), strict=True):
        shift = known * math.log(1000)
        assert_allclose(there.log_likelihood, here.log_likelihood - shift, rtol=1e-10)
        assert_allclose(there.median.estimate, 1000 * here.median.estimate, rtol=1e-7)
        assert_allclose(there.at(9000).std_error, here.at(9).std_error, rtol=1e-6)


def test_models_within_models(own_start):
    tte = mixed()
    weibull, spline = parametric(tte, models=["weibull", "spline"], knots=0)
    assert_allclose(spline.log_likelihood, weibull.log_likelihood, rtol=1e-10)
    assert_allclose(spline.estimate[1], weibull.estimate[1], rtol=1e-6)
    exponential, cure = parametric(tte, models=["exponential", "cure"])
    assert exponential.log_likelihood < weibull.log_likelihood < cure.log_likelihood


def test_order_copies_and_what_lifelines_found_do_not_matter(monkeypatch):
    tte = mixed()
    once = parametric(tte)
    order = np.random.default_rng(1).permutation(tte.n)
    copies = np.repeat(np.arange(tte.n), tte.weight.astype(int))
    drawn = tte.select(copies)
    plain = TimeToEvent(
        drawn.time, drawn.event, lower=drawn.lower, upper=drawn.upper, entry=drawn.entry
    )
    monkeypatch.setattr(fitting, "by_lifelines", lambda model, times: None)
    for other in (parametric(tte.select(order)), parametric(plain)):
        for one, two in zip(once, other, strict=True):
            assert_allclose(two.theta, one.theta, rtol=1e-7, atol=1e-8)
            assert_allclose(two.aic, one.aic, rtol=1e-10)


def test_a_cured_part_means_no_median(own_start):
    tte = TimeToEvent([2, 3, 4, 6, 9, *[100] * 15], [1] * 5 + [0] * 15)
    (fit,) = parametric(tte, models=["cure"])
    assert_allclose(fit.cured, 0.75, atol=0.01)
    assert math.isnan(fit.median.estimate)
    assert fit.median.reason.startswith("not reached: after the model 7")
    assert fit.quantile(0.1).estimate < 9


def test_no_cured_part_is_said(own_start):
    draw = np.random.default_rng(2)
    (fit,) = parametric(TimeToEvent(draw.weibull(1.5, 80), np.ones(80)), models=["cure"])
    assert "Weibull" in fit.reason
    assert np.isnan(fit.estimate).all()
    assert math.isnan(fit.at(1).survival[0])
    assert fit.quantile(0.5).reason == fit.reason


def test_by_group_and_competing_events_censor():
    tte = TimeToEvent([3, 8, 12, 20, 5, 9, 16, 22], [1, 0, 1, 1, 1, 2, 0, 1])
    by = ["a"] * 4 + ["b"] * 4
    a, b = parametric(tte, by=by, models=["exponential"])
    assert (a.group, b.group, a.n, b.right) == ("a", "b", 4, 2)
    assert_allclose([a.estimate[0], b.estimate[0]], [3 / 43, 2 / 52])


def test_times_instead_of_intervals():
    tte = TimeToEvent([10, 20], [1, 0], lower=[5, 20], upper=[10, np.inf])
    (fit,) = parametric(tte, models=["exponential"], intervals=False)
    assert_allclose(fit.estimate, [1 / 30])


def test_an_event_on_day_zero():
    tte = TimeToEvent([0, 4, 9, 0], [1, 1, 0, 0])
    with pytest.raises(BadInput, match="--zero 1"):
        parametric(tte)
    (fit,) = parametric(tte, models=["exponential"], zero=1)
    rate = fit.estimate[0]
    # 1 / rate + 1 / (exp(rate) - 1) = the time of the others.
    assert_allclose(1 / rate + 1 / math.expm1(rate), 13)
    assert fit.left == 1


@pytest.mark.parametrize(
    ("time", "event", "said"),
    [
        ([5], [1], "all events are at one time"),
        ([5, 9], [0, 0], "nobody"),
        ([7, 7, 7], [1, 1, 1], "all events are at one time"),
    ],
)
def test_too_few_events_are_said(time, event, said):
    for fit in parametric(TimeToEvent(time, event)):
        if fit.model == "exponential" and any(event):
            assert_allclose(fit.estimate, [len(time) / sum(time)])
        else:
            assert fit.reason, fit.model
    assert said in parametric(TimeToEvent(time, event), models=["weibull"])[0].reason


def test_an_empty_window_is_said(own_start):
    (fit,) = parametric(TimeToEvent([5, 6, 30], [1, 1, 0]), models=["piecewise"], breaks=[10])
    assert fit.reason == "no event from 10: the rate there has no limits; choose other breaks"


def test_arguments_are_checked():
    tte = TimeToEvent([5, 9], [1, 0])
    for wrong in ({"models": ["gamma"]}, {"breaks": [5, 5]}, {"breaks": [0]}, {"knots": -1},
                  {"zero": 0}, {"confidence": 1}):  # fmt: skip
        with pytest.raises(BadInput):
            parametric(tte, **wrong)
    (fit,) = parametric(tte, models=["exponential"])
    with pytest.raises(BadInput):
        fit.quantile(1)
    with pytest.raises(BadInput):
        fit.at(-1)
    assert list(fit.to_frame().columns) == ["parameter", "estimate", "std_error", "lower", "upper"]


def test_all_models_are_fitted_by_default(own_start):
    assert tuple(fit.model for fit in parametric(mixed())) == PARAMETRIC_MODELS
