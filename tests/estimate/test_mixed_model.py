"""The mean course of scores: against R nlme, statsmodels' likelihood, and data that have none."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from survival_bzd.errors import NotEstimable
from survival_bzd.estimate import mixed_model

CASES = json.loads(
    (Path(__file__).parents[1] / "reference" / "mixed_model.json").read_text(encoding="utf-8")
)
MODELS = [(place, key) for place in range(len(CASES)) for key in ("intercept", "straight", "slope")]


def fitted(place, key):
    case = CASES[place]
    return mixed_model(
        case["score"],
        case["week"],
        case["patient"],
        course=case[key]["course"],
        slopes=key == "slope",
    )


@pytest.mark.parametrize(("place", "key"), MODELS)
def test_estimates_are_those_of_nlme(place, key):
    expected, fit = CASES[place][key], fitted(place, key)
    assert fit.random == (("1", "time") if key == "slope" else ("1",))
    assert not fit.warnings
    for ours, theirs in (
        (fit.coef, expected["coef"]),
        (fit.covariance, expected["covariance"]),
        (fit.random_covariance, np.reshape(expected["random"], fit.random_covariance.shape)),
        (fit.residual_variance, expected["residual"]),
        (fit.loglik, expected["loglik"]),
    ):
        np.testing.assert_allclose(ours, np.array(theirs, dtype=float), rtol=1e-9)


@pytest.mark.parametrize(("place", "key"), MODELS)
def test_statsmodels_agrees_on_the_likelihood_and_its_derivative(place, key):
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    case, fit = CASES[place], fitted(place, key)
    week = np.array(case["week"])
    powers = np.power.outer(week, np.arange(fit.coef.size))
    model = MixedLM(
        np.array(case["score"]), powers, groups=case["patient"],
        exog_re=powers[:, : len(fit.random)],
    )  # fmt: skip
    here = MixedLMParams.from_components(
        fe_params=fit.coef, cov_re=fit.random_covariance / fit.residual_variance
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = model.fit(reml=True)
    assert model.loglike(here) == pytest.approx(fit.loglik, rel=1e-10)
    assert np.abs(model.score(here)).max() < 1e-5
    # Its own search may end away from the maximum, never above it.
    assert fit.loglik >= theirs.llf - 1e-8


def test_by_hand_balanced_scores_without_a_course():
    # Three patients twice each at one time: a one-way analysis of variance.
    score = np.array([10.0, 12, 20, 22, 33, 35])
    fit = mixed_model(score, np.zeros(6), ["a", "a", "b", "b", "c", "c"])
    assert fit.terms == ("1",)
    within = 2.0  # each pair is 2 apart: 2**2 / 2
    between = np.var([11, 21, 34], ddof=1)
    assert fit.coef[0] == pytest.approx(22)
    assert fit.residual_variance == pytest.approx(within)
    assert fit.random_covariance[0, 0] == pytest.approx(between - within / 2)
    assert "one mean for all times" in fit.warnings[0]


def test_a_change_has_no_error_at_the_start_and_is_a_difference_of_means():
    fit = fitted(0, "slope")
    change, mean = fit.change_at([0, 2, 4]), fit.mean_at([0, 2, 4])
    assert (change.mean[0], change.lower[0], change.upper[0]) == (0, 0, 0)
    np.testing.assert_allclose(change.mean, mean.mean - mean.mean[0], atol=1e-12)
    assert (mean.lower < mean.mean).all()
    assert (mean.mean < mean.upper).all()


def test_units_of_scores_and_order_of_rows_do_not_matter():
    case = CASES[1]
    score, week, patient = (np.array(case[name]) for name in ("score", "week", "patient"))
    fit = mixed_model(score, week, patient)
    turned = np.random.default_rng(1).permutation(score.size)
    other = mixed_model(10 * score[turned] + 3, week[turned], patient[turned])
    np.testing.assert_allclose(other.coef[1:], 10 * fit.coef[1:], rtol=1e-8)
    np.testing.assert_allclose(other.random_covariance, 100 * fit.random_covariance, rtol=1e-7)
    days = mixed_model(score, 7 * week, patient)
    np.testing.assert_allclose(days.mean_at([14]).mean, fit.mean_at([2]).mean, rtol=1e-10)
    np.testing.assert_allclose(days.mean_at([14]).upper, fit.mean_at([2]).upper, rtol=1e-8)


def test_a_slope_that_cannot_be_told_is_left_out_and_said():
    # All patients have one slope: its variance is 0.
    week = np.tile([0.0, 2, 3, 4], 6)
    patient = np.repeat(np.arange(6), 4)
    noise = np.tile([0.5, -0.5, -0.5, 0.5], 6) * np.repeat([1, -1, 1, -1, 1, -1], 4)
    fit = mixed_model(20 + patient - 2 * week + noise, week, patient)
    assert fit.random == ("1",)
    assert "singular" in " ".join(fit.warnings)
    assert fit.coef[1] == pytest.approx(-2, abs=0.3)


def test_patients_who_do_not_differ_are_said():
    week = np.tile([0.0, 2, 4], 4)
    score = np.array([10, 13, 7] * 2 + [10, 7, 13] * 2, dtype=float)
    fit = mixed_model(score, week, np.repeat(np.arange(4), 3), slopes=False)
    assert fit.random_covariance[0, 0] == 0
    assert "variance of 0" in fit.warnings[-1]
    assert np.isfinite(fit.mean_at([0, 4]).upper).all()


@pytest.mark.parametrize(
    ("score", "week", "patient", "why"),
    [
        ([], [], [], "two patients"),
        ([1, 2, 3], [0, 1, 2], ["a"] * 3, "two patients"),
        ([1, 2, 3], [0, 0, 0], ["a", "b", "c"], "more than one score"),
        ([5, 5, 5, 5, 5, 5], [0, 1, 2, 0, 1, 2], ["a"] * 3 + ["b"] * 3, "do not vary"),
        ([5, 5, 5, 9, 9, 9], [0, 1, 2, 0, 1, 2], ["a"] * 3 + ["b"] * 3, "do not vary"),
        ([1, 2, 3, 5, 6, 7], [0, 1, 2, 0, 1, 2], ["a"] * 3 + ["b"] * 3, "do not vary"),
        ([0.0] * 6, [0, 1, 2, 0, 1, 2], ["a"] * 3 + ["b"] * 3, "do not vary"),
    ],
)
def test_what_has_no_mean_course(score, week, patient, why):
    with pytest.raises(NotEstimable, match=why):
        mixed_model(score, week, patient)
