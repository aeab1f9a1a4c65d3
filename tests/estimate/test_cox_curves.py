import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import cox, cox_curves, nelson_aalen

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "cox_curves.json").read_text(encoding="utf-8")
)
DATA = REFERENCE["data"]
PROFILES = pd.DataFrame(REFERENCE["profiles"])
ARGUMENTS = {
    "plain": {},
    "whole": {"weight": "whole"},
    "ipw": {"weight": "ipw"},
    "clusters": {"cluster": True},
    "late": {"entry": True},
    "strata": {"strata": True},
    "everything": {"weight": "ipw", "cluster": True, "entry": True, "strata": True},
}


@pytest.fixture
def fit(patients):
    def of_case(ties, kind):
        use = ARGUMENTS[kind]
        return cox(
            patients(
                DATA if use.get("entry") else {**DATA, "entry": None},
                weight=use.get("weight"), covariates=True,
            ),
            "group + age + sex",
            ties=ties,
            cluster=DATA["cluster"] if use.get("cluster") else None,
            strata=DATA["stratum"] if use.get("strata") else None,
        )  # fmt: skip

    return of_case


def joined(curves, profile, name):
    return np.concatenate([getattr(c, name) for c in curves if c.profile == profile])


def assert_as_r(model, covariates, r, column):
    curves = cox_curves(model, covariates)
    for profile in range(len(r["survival"])):
        for name in ("time", "at_risk", "events", "censored"):
            assert_allclose(joined(curves, profile, name), r[name], rtol=1e-9, atol=1e-12)
        for ours, theirs in (
            ("hazard", "hazard"),
            ("survival", "survival"),
            ("hazard_std_error", "std_error"),
        ):
            found = joined(curves, profile, ours)
            assert_allclose(found, column(r[theirs][profile]), rtol=1e-6, err_msg=ours)
    for scale, sides in r["limits"].items():
        curves = cox_curves(model, covariates, limits=scale)
        for side in ("lower", "upper"):
            for profile, values in enumerate(sides[side]):
                found, survival = joined(curves, profile, side), joined(curves, profile, "survival")
                # R prints 1 to 1 where survival is 1, for log and plain limits.
                expected = np.where(survival < 1, column(values), np.nan)
                assert_allclose(found, expected, rtol=1e-6, atol=1e-12, err_msg=scale)


@pytest.mark.parametrize("kind", ARGUMENTS)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_agrees_with_r_survfit_coxph(ties, kind, fit, column):
    # Regenerate with tests/reference/cox_curves.R.
    model = fit(ties, kind)
    r = REFERENCE["fits"][ties][kind]
    assert_as_r(model, PROFILES, r["profiles"], column)
    assert_as_r(model, None, r["baseline"], column)


def test_after_exact_ties_the_hazard_is_breslows_as_in_r(patients, column):
    r = REFERENCE["exact"]
    model = cox(patients({**r["data"], "entry": None}, covariates=True), "age + sex", ties="exact")
    assert_as_r(model, pd.DataFrame({"age": [40.0], "sex": [1]}), r["curves"], column)


def test_by_hand():
    # Two events at 1 among risks a, a, 1, 1 with a = exp(b); Efron takes half of them out for the
    # second: h(1) = 1/(2a + 2) + 1/(2a + 2 - (a + 1)/2).
    frame = pd.DataFrame({"x": [1.0, 0, 1, 0]})
    model = cox(TimeToEvent([1, 1, 2, 3], [1, 1, 0, 0], covariates=frame), "x")
    assert_allclose(model.coef, 0, atol=1e-9)
    (curve,) = cox_curves(model)
    assert_allclose(curve.hazard, [1 / 4 + 1 / 3] * 3)
    # The mean covariate is 1/2 throughout, the baseline has 0: q = (1/4 + 1/3)/2.
    variance = 1 / 16 + 1 / 9 + (7 / 24) ** 2 * model.std_error[0] ** 2
    assert_allclose(curve.hazard_std_error, [math.sqrt(variance)] * 3)
    assert_allclose(curve.std_error, curve.survival * curve.hazard_std_error)


def test_without_an_effect_the_curve_is_fleming_and_harringtons():
    # Both groups are copies, so the coefficient is 0 and nothing is left but the hazard.
    time, event = np.array([2.0, 3, 3, 5, 8, 8]), np.array([1, 1, 1, 0, 1, 0])
    frame = pd.DataFrame({"x": [0.0] * 6 + [1.0] * 6})
    both = TimeToEvent(np.tile(time, 2), np.tile(event, 2), covariates=frame)
    for ties, rule in (("efron", "fleming-harrington"), ("breslow", "aalen")):
        (curve,) = cox_curves(cox(both, "x", ties=ties), pd.DataFrame({"x": [0.5]}))
        (known,) = nelson_aalen(both, ties=rule)
        assert_allclose(curve.hazard, known.hazard, rtol=1e-9)


def test_the_martingale_property_every_hazard_lived_through_adds_up_to_the_events(fit):
    for ties in ("efron", "breslow"):
        model = fit(ties, "plain")
        (curve,) = cox_curves(model)
        rows = model.problem
        beta = model.coef
        lived = np.interp(rows.time, curve.time, curve.hazard)
        risk = np.exp((rows.sample.x + rows.centre) @ beta)
        total = float(lived @ risk)
        # Efron spares those with the event a part of their last step.
        assert total >= model.n_events - 1e-9
        if ties == "breslow":
            assert_allclose(total, model.n_events)


def test_a_shift_of_covariates_moves_the_baseline_and_nothing_else(fit):
    model = fit("efron", "everything")
    frame = pd.DataFrame({"group": ["b"], "age": [50.0], "sex": [1.0]})
    before = cox_curves(model, frame)
    shifted = pd.DataFrame(DATA).assign(age=lambda d: d["age"] + 1000)
    entry = np.array(DATA["entry"], dtype=float)
    tte = TimeToEvent(
        DATA["time"], DATA["event"], entry=entry, weight=DATA["ipw"], covariates=shifted
    )
    moved = cox(tte, "group + age + sex", cluster=DATA["cluster"], strata=DATA["stratum"])
    after = cox_curves(moved, frame.assign(age=1050.0))
    for one, other in zip(before, after, strict=True):
        assert_allclose(one.survival, other.survival, rtol=1e-6)
        assert_allclose(one.std_error, other.std_error, rtol=1e-6)


def test_strata_are_those_asked_for_and_factors_keep_their_coding(fit):
    model = fit("efron", "strata")
    every = cox_curves(model, PROFILES)
    assert [(c.profile, c.stratum) for c in every] == [
        (0, "1"), (0, "2"), (1, "1"), (1, "2"), (2, "1"), (2, "2")
    ]  # fmt: skip
    some = cox_curves(model, PROFILES, strata=[2, 1, 1])
    assert [(c.profile, c.stratum) for c in some] == [(0, "2"), (1, "1"), (2, "1")]
    assert_allclose(some[0].survival, every[1].survival)
    # A single level does not become the reference.
    (alone,) = cox_curves(model, PROFILES.iloc[[1]], strata=[1])
    assert_allclose(alone.survival, every[2].survival)


def test_survival_at_times(fit):
    (curve,) = cox_curves(fit("efron", "plain"), PROFILES.iloc[[0]])
    early, between, last, beyond = curve.at([-1, 30, 365, 366])
    assert (early.estimate, early.std_error) == (1, 0)
    assert "no relapse" in early.lower_reason
    assert between.estimate == curve.survival[curve.time == 28]
    assert last.lower == curve.lower[-1]
    assert math.isnan(beyond.estimate)
    assert "ends at 365" in beyond.reason
    assert list(curve.to_frame()["survival"]) == curve.survival.tolist()
    assert repr(curve) == "<CoxCurve: profile 0, 9 times>"


def test_terms_with_a_state_are_coded_as_at_the_fit(patients):
    tte = patients({**DATA, "entry": None}, covariates=True)
    a = cox(tte, "poly(age, 2) + scale(dose) + bs(dose, df=4)")
    b = cox(tte, "age + {age ** 2} + dose + bs(dose, df=4)")
    frame = pd.DataFrame({"age": [33.0, 60.0], "dose": [4.0, 30.0]})
    for one, other in zip(cox_curves(a, frame), cox_curves(b, frame), strict=True):
        assert_allclose(one.survival, other.survival, rtol=1e-6)


def test_what_cannot_be_predicted(fit, patients):
    model = fit("efron", "plain")
    with pytest.raises(BadInput, match="must have a value"):
        cox_curves(model, PROFILES.drop(columns="age"))
    with pytest.raises(BadInput, match="must have a value"):
        cox_curves(model, PROFILES.assign(age=[1, None, 2]))
    with pytest.raises(BadInput, match="not: 'z'"):
        cox_curves(model, PROFILES.assign(group="z"))
    with pytest.raises(BadInput, match="strata are: none"):
        cox_curves(model, PROFILES, strata=[1, 1, 1])
    with pytest.raises(BadInput, match="strata wanted"):
        cox_curves(fit("efron", "strata"), PROFILES, strata=[1])
    with pytest.raises(BadInput, match="limits must be one of"):
        cox_curves(model, limits="beta")
    frame = pd.DataFrame({"g": [0.0, 0, 0, 1, 1, 1]})
    lone = cox(TimeToEvent([1, 2, 3, 9, 9, 9], [1, 1, 1, 0, 0, 0], covariates=frame), "g")
    with pytest.raises(NotEstimable, match="infinite"):
        cox_curves(lone)
    firth = cox(
        TimeToEvent([1, 2, 3, 9, 9, 9], [1, 1, 1, 0, 0, 0], covariates=frame), "g", penalty="firth"
    )
    assert np.isfinite(cox_curves(firth)[0].std_error).all()
