import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import cause_specific_cox, cox, fine_gray

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "fine_gray.json").read_text(encoding="utf-8")
)
NEW = pd.DataFrame(REFERENCE["new"])


def assert_incidence(fit, expected):
    assert_allclose(fit.incidence(NEW).at(REFERENCE["ask"]), expected, rtol=1e-6)


@pytest.mark.parametrize("case", REFERENCE["crr"])
def test_agrees_with_r_crr(case, patients):
    # Regenerate with tests/reference/fine_gray.R.
    r = REFERENCE["crr"][case]
    groups = None if len(set(r["cengroup"])) == 1 else r["cengroup"]
    fit = fine_gray(
        patients(r["data"], covariates=True), "age + sex", cause=r["cause"], censoring=groups
    )
    assert_allclose(fit.coef, r["coef"], rtol=1e-6)
    assert_allclose([fit.loglik_null, fit.loglik_fitted], r["loglik"], rtol=1e-9)
    # crr lets all patients into the term of each group of censoring; we the group's own.
    assert_allclose(fit.covariance, r["variance"], rtol=1e-6 if groups is None else 0.02)
    assert_incidence(fit, r["at"])
    assert fit.warnings == ()


@pytest.mark.parametrize("case", REFERENCE["finegray"])
def test_agrees_with_r_finegray(case, patients):
    r = REFERENCE["finegray"][case]
    fit = fine_gray(
        patients(r["data"], covariates=True),
        "age + sex",
        cause=r["cause"],
        method="finegray",
        censoring=r["strata"],
        strata=r["strata"],
        cluster=r["cluster"],
        ties=r["ties"],
    )
    assert_allclose(fit.coef, r["coef"], rtol=1e-6)
    assert_allclose([fit.loglik_null, fit.loglik_fitted], r["loglik"], rtol=1e-9)
    assert_allclose(fit.covariance, r["variance"], rtol=1e-6)
    if r["at"]:
        assert_incidence(fit, r["at"])
    else:
        with pytest.raises(NotEstimable, match="strata"):
            fit.incidence(NEW)


@pytest.mark.parametrize("case", REFERENCE["cause_specific"])
def test_cause_specific_agrees_with_r_coxph(case, patients):
    r = REFERENCE["cause_specific"][case]
    fit = cause_specific_cox(patients(r["data"], covariates=True), "age + sex", cause=r["cause"])
    assert_allclose(fit.coef, r["coef"], rtol=1e-6)
    assert_allclose(fit.std_error, r["std_error"], rtol=1e-6)


@pytest.fixture
def tte():
    rng = np.random.default_rng(12)
    x = pd.DataFrame({"dose": rng.normal(size=70), "arm": rng.choice(["a", "b"], 70)})
    return TimeToEvent(rng.integers(1, 30, 70), rng.integers(0, 3, 70), covariates=x)


def test_score_is_the_derivative_of_the_likelihood(tte):
    from survival_bzd.estimate.competing_risks.subdistribution import Subdistribution

    x = np.column_stack([tte.covariates["dose"], tte.covariates["arm"] == "b"])
    likelihood = Subdistribution(x, tte.time, tte.event == 1, tte.event == 2, None)
    at, step = np.array([0.3, -0.2]), 1e-6
    slopes = likelihood.slopes(at)
    for place in range(2):
        move = np.eye(2)[place] * step
        up, down = likelihood.slopes(at + move), likelihood.slopes(at - move)
        assert slopes.score[place] == pytest.approx((up.loglik - down.loglik) / 2 / step, rel=1e-6)
        assert_allclose(slopes.information[place], (down.score - up.score) / 2 / step, rtol=1e-6)
    assert_allclose(likelihood.influences(at).sum(axis=0), slopes.score, atol=1e-9)


def test_without_other_events_it_is_coxs_model(tte):
    alone = TimeToEvent(tte.time, tte.event == 1, covariates=tte.covariates)
    ours, cox_fit = fine_gray(alone, "dose + arm"), cox(alone, "dose + arm", ties="breslow")
    assert ours.terms == cox_fit.terms
    assert_allclose(ours.coef, cox_fit.coef, rtol=1e-7)
    weighted = fine_gray(alone, "dose + arm", method="finegray")
    assert_allclose(weighted.coef, cox(alone, "dose + arm").coef, rtol=1e-7)


def test_without_censoring_those_with_another_event_stay_to_the_end(tte):
    code = np.where(tte.event == 0, 1, tte.event)
    everybody = TimeToEvent(tte.time, code, covariates=tte.covariates)
    stay = TimeToEvent(np.where(code == 2, 99, tte.time), code == 1, covariates=tte.covariates)
    ours = fine_gray(everybody, "dose")
    assert_allclose(ours.coef, cox(stay, "dose", ties="breslow").coef, rtol=1e-7)
    assert_allclose(
        fine_gray(everybody, "dose", method="finegray").coef, cox(stay, "dose").coef, rtol=1e-7
    )


@pytest.mark.parametrize("method", ["crr", "finegray"])
def test_order_of_rows_does_not_matter(tte, method):
    rows = np.random.default_rng(3).permutation(tte.n)
    one, other = (fine_gray(t, "dose + arm", method=method) for t in (tte, tte.select(rows)))
    assert_allclose(one.coef, other.coef, rtol=1e-7)
    assert_allclose(one.std_error, other.std_error, rtol=1e-7)


def test_rows_that_miss_a_covariate_are_left_out_and_counted(tte):
    x = tte.covariates.copy()
    x.loc[[3, 9], "dose"] = np.nan
    holes = TimeToEvent(tte.time, tte.event, covariates=x)
    for method in ("crr", "finegray"):
        fit = fine_gray(holes, "dose", method=method)
        assert (fit.n, fit.left_out) == (68, 2)


@pytest.mark.parametrize("method", ["crr", "finegray"])
def test_separation_and_redundant_covariates_are_named(method):
    x = pd.DataFrame({"z": [1.0, 1, 1, 0, 0, 0, 0, 0], "twice": [2.0, 2, 2, 0, 0, 0, 0, 0]})
    tte = TimeToEvent([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 0, 2, 0, 2, 0], covariates=x)
    fit = fine_gray(tte, "z + twice", method=method)
    assert fit.coef[0] == math.inf
    assert math.isnan(fit.coef[1])
    assert "infinite" in fit.reasons[0]
    assert any("Separation" in warning for warning in fit.warnings)
    with pytest.raises(NotEstimable):
        fit.incidence(x)


def test_what_cannot_be_fitted_is_refused(tte):
    with pytest.raises(BadInput, match="code of an event; there are 1, 2"):
        fine_gray(tte, "dose", cause=7)
    with pytest.raises(BadInput, match="crr has no form for strata"):
        fine_gray(tte, "dose", strata=[1] * tte.n)
    with pytest.raises(BadInput, match="Efron"):
        fine_gray(tte, "dose", ties="efron")
    none = TimeToEvent([1, 2], [2, 0], covariates=pd.DataFrame({"dose": [1.0, 2]}))
    with pytest.raises(NotEstimable, match="had the event"):
        fine_gray(none, "dose")
    same = TimeToEvent([1, 2], [1, 2], covariates=pd.DataFrame({"dose": [1.0, 1]}))
    with pytest.raises(NotEstimable, match="varies"):
        fine_gray(same, "dose")
