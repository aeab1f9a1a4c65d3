"""What no R package here can confirm: by derivative, and by brute force on tiny data."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import cox
from survival_bzd.estimate.concordance import (
    _BOTH,
    _ascending,
    _order,
    _smaller_before,
    concordance,
)
from survival_bzd.estimate.cox_model.exact import ExactLikelihood
from survival_bzd.estimate.cox_model.firth import FirthLikelihood
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample
from survival_bzd.estimate.risk_sets import cells

Z = 1.959963984540054


def tiny(seed, n=14, *, weights=True, late=True):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 7, n).astype(float)
    entry = np.where(rng.random(n) < 0.4, np.floor(time * rng.random(n)), np.nan)
    entry = entry if late else None
    event = rng.random(n) < 0.7
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)])
    weight = rng.uniform(0.5, 2, n) if weights else np.ones(n)
    stratum = rng.integers(0, 2, n)
    place = cells(time, entry, stratum)
    return (
        time,
        entry,
        stratum,
        Sample(x=x - x.mean(axis=0), event=event, weight=weight, place=place),
    )


def risk_set(time, entry, stratum, t, s):
    inside = (time >= t) & (stratum == s)
    return inside if entry is None else inside & ~(entry >= t)


def penalised_loglik(beta, time, entry, stratum, sample, ties, *, penalty):
    """Log likelihood and log det of the information, straight from their definitions."""
    p = beta.size
    total, information = 0.0, np.zeros((p, p))
    risk = sample.weight * np.exp(sample.x @ beta)
    for s in (0, 1):
        for t in np.unique(time[sample.event & (stratum == s)]):
            at_risk = risk_set(time, entry, stratum, t, s)
            dying = sample.event & (time == t) & (stratum == s)
            d, mass = dying.sum(), sample.weight[dying].sum()
            total += float(sample.weight[dying] @ (sample.x[dying] @ beta))
            for step in range(d if ties == "efron" else 1):
                share = risk * (at_risk - (step / d) * dying)
                w = mass / d if ties == "efron" else mass
                total -= w * math.log(share.sum())
                q = share / share.sum()
                mean = q @ sample.x
                information += w * ((sample.x.T * q) @ sample.x - np.outer(mean, mean))
    return total + (np.linalg.slogdet(information)[1] / 2 if penalty else 0.0)


@pytest.mark.parametrize("penalty", [False, True])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("seed", [1, 2])
def test_likelihood_is_what_its_definition_says(seed, ties, penalty):
    time, entry, stratum, sample = tiny(seed)
    beta = np.array([0.4, -0.7])
    likelihood = FirthLikelihood(sample, ties) if penalty else PartialLikelihood(sample, ties)

    def direct(b):
        return penalised_loglik(b, time, entry, stratum, sample, ties, penalty=penalty)

    slopes = likelihood.slopes(beta)
    # The package subtracts the largest linear predictor: the likelihood does not change.
    assert_allclose(slopes.loglik, direct(beta), rtol=1e-12)
    step = np.eye(2) * 1e-5
    numeric = [(direct(beta + h) - direct(beta - h)) / 2e-5 for h in step]
    assert_allclose(slopes.score, numeric, rtol=1e-7)
    if not penalty:
        numeric = [
            -(likelihood.slopes(beta + h).score - likelihood.slopes(beta - h).score) / 2e-5
            for h in step
        ]
        assert_allclose(slopes.information, numeric, rtol=1e-7)


def exact_loglik(beta, gamma, g, time, entry, sample):
    """Enumerate every set of patients who might have had the events."""
    total = 0.0
    for t in np.unique(time[sample.event]):
        rows = np.flatnonzero(risk_set(time, entry, np.zeros(time.size), t, 0))
        dying = np.flatnonzero(sample.event & (time == t))
        eta = sample.x @ (beta + gamma * g(t))
        sets = itertools.combinations(rows, dying.size)
        total += eta[dying].sum()
        total -= math.log(sum(math.exp(eta[list(chosen)].sum()) for chosen in sets))
    return total


@pytest.mark.parametrize("late", [False, True])
def test_discrete_likelihood_is_what_enumeration_says(late):
    time, entry, _, sample = tiny(3, weights=False, late=late)
    sample = Sample(x=sample.x, event=sample.event, weight=sample.weight, place=cells(time, entry))
    likelihood = ExactLikelihood(sample)
    beta, zero = np.array([0.4, -0.7]), np.zeros(2)
    slopes = likelihood.slopes(beta)
    assert_allclose(slopes.loglik, exact_loglik(beta, zero, math.log, time, entry, sample))
    step = np.eye(2) * 1e-5
    numeric = [
        (
            exact_loglik(beta + h, zero, math.log, time, entry, sample)
            - exact_loglik(beta - h, zero, math.log, time, entry, sample)
        )
        / 2e-5
        for h in step
    ]
    assert_allclose(slopes.score, numeric, rtol=1e-7)
    numeric = [
        -(likelihood.slopes(beta + h).score - likelihood.slopes(beta - h).score) / 2e-5
        for h in step
    ]
    assert_allclose(slopes.information, numeric, rtol=1e-7)
    extension = likelihood.extension(beta, np.log(sample.place.time))
    assert_allclose(extension.plain, slopes.information, rtol=1e-12)
    numeric = [
        (
            exact_loglik(beta, h, math.log, time, entry, sample)
            - exact_loglik(beta, -h, math.log, time, entry, sample)
        )
        / 2e-5
        for h in step
    ]
    assert_allclose(extension.score, numeric, rtol=1e-7)


@pytest.fixture
def few():
    # No relapse in group b: the ordinary likelihood is monotone.
    frame = pd.DataFrame(
        {"x": [0.3, -1.1, 0.8, 1.9, -0.4, 0.2, 1.1, -0.7], "g": [0.0, 0, 1, 0, 1, 0, 1, 0]}
    )
    tte = TimeToEvent([3, 3, 5, 7, 9, 9, 12, 12], [1, 1, 0, 1, 0, 1, 0, 0], covariates=frame)
    x = frame.to_numpy()
    sample = Sample(
        x=x - x.mean(axis=0), event=tte.relapsed, weight=np.ones(8), place=cells(tte.time, None)
    )
    return tte, FirthLikelihood(sample, "efron")


def test_firth_is_the_maximum_of_the_penalised_likelihood(few):
    from scipy.optimize import minimize

    tte, likelihood = few
    model = cox(tte, "x + g", penalty="firth")
    assert model.separated == ()
    best = minimize(
        lambda b: -likelihood.slopes(b).loglik, [0, 0], method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000},
    )  # fmt: skip
    assert_allclose(model.coef, best.x, rtol=1e-6)
    assert_allclose(model.loglik_fitted, -best.fun, rtol=1e-12)
    assert_allclose(likelihood.slopes(model.coef).score, 0, atol=1e-7)


def test_firth_profile_limits_and_p_values_by_brute_force(few):
    from scipy.optimize import brentq, minimize_scalar

    tte, likelihood = few
    model = cox(tte, "x + g", penalty="firth")
    assert model.limits == "profile"

    def profile(column, value):
        def at(other):
            beta = np.array([value, other]) if column == 0 else np.array([other, value])
            return -likelihood.slopes(beta).loglik

        found = minimize_scalar(at, bounds=(-15, 15), method="bounded", options={"xatol": 1e-10})
        return -found.fun

    for column in (0, 1):
        fall = model.loglik_fitted - profile(column, 0.0)
        assert_allclose(model.p_value[column], math.erfc(math.sqrt(fall)), rtol=1e-6)
        for limit, far in ((model.lower, -14.0), (model.upper, 14.0)):
            centre = model.coef[column]
            root = brentq(
                lambda b, column=column: (
                    2 * (model.loglik_fitted - profile(column, b)) - Z**2
                ),
                centre, far, xtol=1e-10,
            )  # fmt: skip
            assert_allclose(math.log(limit[column]), root, rtol=1e-6)


def test_firth_on_three_patients_converges_and_tests_nothing_that_one_event_cannot_tell():
    # The likelihood is that of the first event, 1 / (1 + 2 exp(b)), and its steps, of the plain
    # information, lead from one side of the maximum to its mirror image on the other.
    frame = pd.DataFrame({"grp": list("abb")})
    model = cox(TimeToEvent([5, 6, 8], [1, 0, 1], covariates=frame), "grp", penalty="auto")
    assert (model.penalty, model.warnings) == ("firth", ())
    assert_allclose(model.coef, -math.log(6), rtol=1e-6)

    def penalised(b):
        share = 2 * math.exp(b) / (1 + 2 * math.exp(b))
        return math.log(1 - share) + math.log(share * (1 - share)) / 2

    top = penalised(-math.log(6))
    for limit in (model.lower, model.upper):
        assert_allclose(2 * (top - penalised(math.log(limit[0]))), Z**2, rtol=1e-6)
    assert all(math.isnan(test.p_value) for test in model.proportional_hazards)


def test_auto_takes_firth_under_separation_or_with_few_events(few):
    tte, _ = few
    assert cox(tte, "x + g", penalty="auto").penalty == "firth"
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=40), "g": np.repeat([0.0, 1.0], 20)})
    many = TimeToEvent(rng.integers(1, 50, 40), np.ones(40), covariates=frame)
    assert cox(many, "x", penalty="auto").penalty == "none"
    # Plenty of events, all in one group.
    lone = TimeToEvent(many.time, frame["g"] == 0, covariates=frame)
    assert cox(lone, "g", penalty="none").separated == ("g",)
    assert cox(lone, "g", penalty="auto").penalty == "firth"


def test_profile_limits_meet_the_likelihood_they_are_defined_by():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"x": rng.normal(size=30)})
    tte = TimeToEvent(rng.integers(1, 12, 30), rng.random(30) < 0.6, covariates=frame)
    model = cox(tte, "x", limits="profile")
    x = frame.to_numpy()
    sample = Sample(
        x=x - x.mean(), event=tte.relapsed, weight=np.ones(30), place=cells(tte.time, None)
    )
    likelihood = PartialLikelihood(sample, "efron")
    for limit in (model.lower, model.upper):
        fall = model.loglik_fitted - likelihood.slopes(np.log(limit)).loglik
        assert_allclose(2 * fall, Z**2, rtol=1e-7)
    assert_allclose(model.p_value[0], model.likelihood_ratio.p_value, rtol=1e-7)


def pairs_by_brute_force(risk, event, time, entry, stratum, weight):
    agree = differ = tied = 0.0
    for i in np.flatnonzero(event):
        for j in range(time.size):
            later = time[j] > time[i] or (time[j] == time[i] and not event[j])
            here = risk_set(time, entry, stratum, time[i], stratum[i])[j]
            if j != i and later and here:
                w = weight[i] * weight[j]
                agree += w * (risk[i] > risk[j])
                differ += w * (risk[i] < risk[j])
                tied += w * (risk[i] == risk[j])
    return agree, differ, tied


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_concordance_counts_what_brute_force_counts(seed, late):
    time, entry, stratum, sample = tiny(seed + 10, n=25, late=late)
    risk = np.random.default_rng(seed).integers(0, 6, 25) / 4
    found = concordance(risk, sample.event, sample.place, weight=sample.weight)
    agree, differ, tied = pairs_by_brute_force(
        risk, sample.event, time, entry, stratum, sample.weight
    )
    assert_allclose(found.estimate, (agree + tied / 2) / (agree + differ + tied), rtol=1e-12)


def test_concordance_without_comparable_patients_is_not_estimable():
    place = cells(np.array([1.0, 1.0]), None)
    found = concordance(np.array([0.0, 1.0]), np.array([True, True]), place)
    assert math.isnan(found.estimate)
    assert found.reason == "not estimable: no two patients are comparable"


@pytest.mark.parametrize("size", [1, 9, 10, 11, 99, 101, 2_345])
def test_those_smaller_and_before_are_counted_in_rows_of_any_length(size, monkeypatch):
    monkeypatch.setattr("survival_bzd.estimate.concordance._SHORT", 10)
    rng = np.random.default_rng(size)
    values = rng.integers(0, max(1, size // 3), size)
    weights = rng.uniform(0.5, 2, size)
    found = _smaller_before(values[None], weights[None])[0]
    before = np.tri(size, k=-1, dtype=bool) & (values[None, :] < values[:, None])
    np.testing.assert_allclose(found, before @ weights, rtol=1e-12, atol=1e-9)


def test_numbers_too_large_to_hold_their_place_are_put_in_the_same_order():
    values = np.random.default_rng(0).integers(0, 9, (3, 40))
    np.testing.assert_array_equal(_order(values), _order(values << 58))


@pytest.mark.parametrize("size", [31, 33, 1_024, 2_345])
def test_two_counts_in_one_number_are_counted_apart(size):
    rng = np.random.default_rng(size)
    values = rng.integers(0, size // 3, size)
    event = rng.random(size) < 0.6
    found = _smaller_before(values[None], (1.0 + _BOTH * event)[None], True)[0]
    before = np.tri(size, k=-1, dtype=bool) & (values[None, :] < values[:, None])
    np.testing.assert_array_equal(found % _BOTH, before.sum(axis=1))
    np.testing.assert_array_equal(found // _BOTH, (before & event).sum(axis=1))


def test_risks_that_differ_in_their_last_bits_are_put_in_order():
    rng = np.random.default_rng(3)
    values = np.nextafter(rng.integers(-3, 4, 500) / 2, rng.choice([-9.0, 9.0], 500))
    values[:3] = -0.0, 0.0, -1e300
    np.testing.assert_array_equal(values[_ascending(values)], np.sort(values))


@pytest.mark.parametrize("strata", [1, 3])
def test_concordance_of_many_counts_what_brute_force_counts(strata):
    rng = np.random.default_rng(strata)
    time, event = rng.integers(1, 60, 400).astype(float), rng.random(400) < 0.6
    stratum, risk = np.arange(400) % strata, rng.integers(0, 90, 400) / 4
    found = concordance(risk, event, cells(time, None, stratum))
    never = np.full(400, np.nan)
    agree, differ, tied = pairs_by_brute_force(risk, event, time, never, stratum, np.ones(400))
    assert_allclose(found.estimate, (agree + tied / 2) / (agree + differ + tied), rtol=1e-12)


def test_rounding_of_weights_makes_no_patients_comparable():
    # Each enters after the one before has ended.
    place = cells(np.array([2.0, 4.0, 6.0]), np.array([1.0, 3.0, 5.0]))
    weight = np.array([1 / 3, 0.1, 0.1])
    found = concordance(np.array([0.2, 0.0, 0.1]), np.ones(3, dtype=bool), place, weight=weight)
    assert math.isnan(found.estimate)
