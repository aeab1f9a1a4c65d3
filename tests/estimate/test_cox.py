import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import cox

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "cox.json").read_text(encoding="utf-8")
)
DATA = REFERENCE["data"]

FORMULA = "group + age + sex"
ARGUMENTS = {
    "plain": {},
    "interaction": {},
    "whole": {"weight": "whole"},
    "ipw": {"weight": "ipw"},
    "clusters": {"cluster": True},
    "late": {"entry": True},
    "strata": {"strata": True},
    "everything": {"weight": "ipw", "cluster": True, "entry": True, "strata": True},
}
CASES = [(ties, kind) for ties, kinds in REFERENCE["fits"].items() for kind in kinds]


@pytest.fixture
def fit(patients):
    def of_case(ties, kind, **options):
        use = ARGUMENTS[kind]
        data = DATA if use.get("entry") else {**DATA, "entry": None}
        if use.get("cluster"):
            options["cluster"] = DATA["cluster"]
        if use.get("strata"):
            options["strata"] = DATA["stratum"]
        formula = "age*sex + np.log(dose + 1)" if kind == "interaction" else FORMULA
        tte = patients(data, weight=use.get("weight"), covariates=True)
        return cox(tte, formula, ties=ties, **options)

    return of_case


def in_r_order(fit, kind):
    """R puts interactions last; we keep the formula's order."""
    names = list(fit.terms)
    if kind != "interaction":
        return list(range(len(names)))
    return sorted(range(len(names)), key=lambda i: ":" in names[i])


@pytest.mark.parametrize(("ties", "kind"), CASES)
def test_agrees_with_r_coxph(ties, kind, fit):
    # Regenerate with tests/reference/cox.R.
    r = REFERENCE["fits"][ties][kind]
    model = fit(ties, kind)
    order = in_r_order(model, kind)
    assert (model.n, model.n_events, model.left_out) == (r["n"], r["n_events"], 120 - r["n"])
    for name in ("coef", "std_error", "lower", "upper", "p_value"):
        assert_allclose(getattr(model, name)[order], r[name], rtol=1e-6, err_msg=name)
    if r["robust_std_error"] is None:
        assert np.isnan(model.robust_std_error).all()
    else:
        assert_allclose(model.robust_std_error[order], r["robust_std_error"], rtol=1e-6)
    assert_allclose([model.loglik_null, model.loglik_fitted], r["loglik"], rtol=1e-9)
    for name in ("likelihood_ratio", "wald", "score"):
        assert_allclose(getattr(model, name).statistic, r[name], rtol=1e-6, err_msg=name)
    concordance = model.concordance
    assert_allclose([concordance.estimate, concordance.std_error], r["concordance"], rtol=1e-6)
    assert model.separated == ()
    assert model.reasons == ("",) * len(order)


@pytest.mark.parametrize("transform", ["km", "rank", "identity"])
@pytest.mark.parametrize(("ties", "kind"), [case for case in CASES if case[0] != "exact"])
def test_proportional_hazards_agree_with_r_cox_zph(ties, kind, transform, fit):
    tests = list(fit(ties, kind, transform=transform).proportional_hazards)
    if kind == "interaction":
        tests.sort(key=lambda test: (test.term == "GLOBAL", ":" in test.term))
    expected = np.array(REFERENCE["fits"][ties][kind]["zph"][transform])
    assert tests[-1].term == "GLOBAL"
    assert_allclose([[t.statistic, t.df, t.p_value] for t in tests], expected, rtol=1e-6)


def test_log_time_agrees_with_r_cox_zph(patients):
    r = REFERENCE["log_time"]
    tte = patients({**r["data"], "entry": None}, covariates=True)
    tests = cox(tte, FORMULA, transform="log").proportional_hazards
    assert_allclose([[t.statistic, t.df, t.p_value] for t in tests], r["zph"], rtol=1e-6)


def test_an_event_on_day_zero_leaves_the_test_on_log_time_undefined(fit):
    tests = fit("efron", "plain", transform="log").proportional_hazards
    assert all(math.isnan(test.statistic) for test in tests)


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_without_ties_the_tie_rules_agree(ties, patients):
    r = REFERENCE["untied"]
    model = cox(patients(r["data"], covariates=True), "x + z", ties=ties)
    assert_allclose(model.coef, r["fit"]["coef"], rtol=1e-6)
    assert_allclose(model.std_error, r["fit"]["std_error"], rtol=1e-6)
    zph = [[t.statistic, t.df, t.p_value] for t in model.proportional_hazards]
    assert_allclose(zph, r["fit"]["zph"]["km"], rtol=1e-6)


def test_near_equal_times_are_ties(patients):
    r = REFERENCE["near"]
    model = cox(patients(r["data"], covariates=True), "x")
    assert_allclose(model.coef, r["fit"]["coef"], rtol=1e-6)
    assert_allclose([model.loglik_null, model.loglik_fitted], r["fit"]["loglik"], rtol=1e-9)


def test_discrete_model_with_late_entry_agrees_with_r(patients):
    r = REFERENCE["exact_late"]
    model = cox(patients(r["data"], covariates=True), "age + sex", ties="exact")
    assert_allclose(model.coef, r["fit"]["coef"], rtol=1e-6)
    assert_allclose(model.std_error, r["fit"]["std_error"], rtol=1e-6)
    assert_allclose([model.loglik_null, model.loglik_fitted], r["fit"]["loglik"], rtol=1e-9)


def test_separation_is_found_and_named(patients):
    r = REFERENCE["separated"]
    tte = patients({**r["data"], "entry": None}, covariates=True)
    model = cox(tte, "group + age")
    assert model.separated == ("group[T.b]",)
    assert model.coef[0] == -math.inf
    assert model.hazard_ratio[0] == 0
    assert np.isnan([model.std_error[0], model.lower[0], model.p_value[0]]).all()
    assert model.reasons[0].startswith("infinite")
    assert "Separation" in model.warnings[0]
    # What is finite is at its limit, where R ends up as well.
    assert_allclose(model.coef[1:], r["coef"][1:], rtol=1e-6)
    assert_allclose(model.std_error[1:], r["std_error"][1:], rtol=1e-6)
    assert_allclose(model.loglik_fitted, r["loglik"][1], rtol=1e-9)
    assert math.isnan(model.wald.statistic)
    ph = {test.term: test.statistic for test in model.proportional_hazards}
    assert math.isnan(ph["group"])
    assert math.isfinite(ph["age"])


def test_separation_by_a_combination_of_covariates_is_named():
    # Neither x nor z tells the order of the events, their sum does.
    x = np.array([5.0, 1, 4, 0, 2, -1, 0, -3])
    z = np.array([1.0, 4, 0, 3, 0, 2, 0, 2])
    tte = TimeToEvent(np.arange(1, 9), [1] * 8, covariates=pd.DataFrame({"x": x, "z": z}))
    model = cox(tte, "x + z")
    assert model.separated == ("x", "z")
    assert (model.coef == math.inf).all()
    assert_allclose(model.loglik_fitted, 0, atol=1e-6)
    assert cox(tte, "x").separated == ()


def test_separation_with_late_entry_looks_at_who_is_there():
    frame = pd.DataFrame({"g": [1.0, 1, 0, 0, 0, 1]})
    time, event = [2, 3, 5, 6, 9, 9], [1, 1, 0, 0, 0, 0]
    late = [np.nan, np.nan, 1, np.nan, 1, np.nan]
    tte = TimeToEvent(time, event, entry=late, covariates=frame)
    assert cox(tte, "g").separated == ("g",)
    assert cox(tte, "g").coef[0] == math.inf
    # With a relapse in group 0 while group 1 is there, the coefficient is finite.
    other = TimeToEvent(time, [1, 1, 1, 0, 0, 0], entry=late, covariates=frame)
    assert cox(other, "g").separated == ()


def test_a_large_but_finite_coefficient_is_not_called_separated():
    rng = np.random.default_rng(8)
    x = rng.normal(size=400)
    # Ranks: times over many orders of magnitude would be near-equal relative to their mean.
    time = np.argsort(np.argsort(-6 * x + rng.gumbel(size=400))) + 1.0
    frame = pd.DataFrame({"x": x})
    model = cox(TimeToEvent(time, np.ones(400), covariates=frame), "x")
    assert model.separated == ()
    assert model.coef[0] > 4


def test_covariates_far_from_zero_and_far_apart_in_scale_do_no_harm():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"year": rng.integers(2015, 2021, 60) * 1e6, "x": rng.normal(size=60)})
    tte = TimeToEvent(rng.integers(1, 90, 60), rng.random(60) < 0.6, covariates=frame)
    near = frame.assign(year=(frame["year"] / 1e6 - 2018))
    small = TimeToEvent(tte.time, tte.event, covariates=near)
    a, b = cox(tte, "year + x"), cox(small, "year + x")
    assert_allclose(a.coef * [1e6, 1], b.coef, rtol=1e-8)
    assert_allclose(a.std_error * [1e6, 1], b.std_error, rtol=1e-8)


def test_firth_with_clusters_takes_walds_limits_with_the_robust_error(fit):
    model = fit("efron", "clusters", penalty="firth")
    assert (model.penalty, model.limits, model.robust) == ("firth", "wald", True)
    z = 1.959963984540054
    assert_allclose(np.log(model.upper), model.coef + z * model.robust_std_error)
    plain = fit("efron", "clusters")
    assert_allclose(model.robust_std_error, plain.robust_std_error, rtol=0.1)


def test_a_fit_shows_what_it_is(fit):
    assert repr(fit("efron", "plain")) == "<CoxFit: group + age + sex; 117 patients, 58 events>"


def test_profile_limits_of_a_separated_coefficient_have_one_side():
    frame = pd.DataFrame({"g": [0.0, 0, 0, 0, 1, 1, 1, 1]})
    tte = TimeToEvent([1, 2, 3, 9, 4, 9, 9, 9], [1, 1, 1, 0, 0, 0, 0, 0], covariates=frame)
    model = cox(tte, "g", limits="profile")
    assert model.lower[0] == 0
    upper = math.log(model.upper[0])
    z = 1.959963984540054

    def loglik(b):
        return -sum(math.log(k + 4 * math.exp(b)) for k in (4, 3, 2))

    assert_allclose(loglik(upper), -math.log(24) - z**2 / 2, rtol=1e-8)


def test_by_hand():
    # A 0 fails among {0, 1, 0}, then the 1 among {1, 0}: L = 1 / (2 + e^b) * e^b / (1 + e^b).
    frame = pd.DataFrame({"x": [0.0, 1, 0]})
    model = cox(TimeToEvent([1, 2, 3], [1, 1, 0], covariates=frame), "x")
    # dlogL/db = 1 - e^b/(2 + e^b) - e^b/(1 + e^b) = 0  <=>  e^2b = 2
    assert_allclose(model.coef, [math.log(2) / 2], rtol=1e-9)
    e = math.sqrt(2)
    information = 2 * e / (2 + e) ** 2 + e / (1 + e) ** 2
    assert_allclose(model.std_error, [information**-0.5], rtol=1e-9)
    assert_allclose(model.loglik_null, -math.log(6))


def test_pharmaco_smoking_gives_the_known_numbers():
    # Regenerate with tests/reference/pharmaco_smoking.R.
    path = Path(__file__).parents[1] / "reference" / "pharmaco_smoking.json"
    r = json.loads(path.read_text(encoding="utf-8"))
    frame = pd.DataFrame(r["data"])
    tte = TimeToEvent(frame["ttr"], frame["relapse"], covariates=frame)
    model = cox(tte, "grp + age + employment")
    assert model.coef.round(5).tolist() == [0.60788, -0.03529, 0.70348, 0.65369]
    assert_allclose(model.coef, r["coef"], rtol=1e-6)
    assert_allclose(model.std_error, r["std_error"], rtol=1e-6)
    zph = [[t.statistic, t.df, t.p_value] for t in model.proportional_hazards]
    assert_allclose(zph, r["zph"], rtol=1e-6)
    assert_allclose(
        [model.concordance.estimate, model.concordance.std_error], r["concordance"], rtol=1e-6
    )


def test_missing_covariates_strata_and_clusters_are_left_out_and_counted():
    frame = pd.DataFrame({"x": [1.0, 2, np.nan, 0, 5], "g": ["a", None, "a", "b", "b"]})
    tte = TimeToEvent([1, 2, 3, 4, 5], [1, 1, 1, 1, 0], covariates=frame)
    assert cox(tte, "x").left_out == 1
    assert cox(tte, "x", strata=["s", "s", "s", None, "s"]).left_out == 2
    assert cox(tte, "x + g").n == 3
    assert cox(tte, "x", cluster=[1, np.nan, 2, 3, 4]).n == 3


def test_the_first_level_in_order_is_the_reference_and_terms_keep_their_order():
    frame = pd.DataFrame({"x": np.arange(8.0), "g": list("cabcabca"), "k": [10, 9, 2] * 2 + [9, 2]})
    tte = TimeToEvent([3, 1, 4, 1, 5, 9, 2, 6], [1] * 8, covariates=frame)
    assert cox(tte, "g + x").terms == ("g[T.b]", "g[T.c]", "x")
    assert cox(tte, "x + g").terms == ("x", "g[T.b]", "g[T.c]")
    assert cox(tte, "C(k) + x").terms == ("C(k)[T.9]", "C(k)[T.10]", "x")
    # Without an intercept in the formula a factor is coded all the same.
    assert cox(tte, "0 + g").terms == ("g[T.b]", "g[T.c]")


def test_a_covariate_determined_by_others_has_no_coefficient():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.normal(size=30), "z": rng.normal(size=30), "one": np.ones(30)})
    frame["sum"] = frame["x"] + 2 * frame["z"]
    tte = TimeToEvent(rng.integers(1, 20, 30), rng.integers(0, 2, 30), covariates=frame)
    model = cox(tte, "one + x + z + sum")
    assert np.isnan(model.coef).tolist() == [True, False, False, True]
    assert_allclose(model.coef[1:3], cox(tte, "x + z").coef, rtol=1e-9)
    assert model.reasons[3] == "not estimable: determined by the covariates before it"
    assert "one, sum" in model.warnings[0]
    assert math.isnan(model.proportional_hazards[0].statistic)
    assert model.likelihood_ratio.df == 2
    assert list(model.to_frame()["term"]) == list(model.terms)


def test_few_events_are_said():
    frame = pd.DataFrame({"x": [0.0, 1, 0, 1, 1, 0], "z": [2.0, 1, 5, 3, 4, 1]})
    tte = TimeToEvent([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0], covariates=frame)
    model = cox(tte, "x + z")
    assert model.events_per_parameter == 1.5
    assert any("1.5 events per coefficient" in text for text in model.warnings)


def test_no_event_and_no_contrast_are_not_estimable():
    frame = pd.DataFrame({"x": [0.0, 1, 1]})
    with pytest.raises(NotEstimable, match="None of the 3 patients"):
        cox(TimeToEvent([1, 2, 3], [0, 0, 0], covariates=frame), "x")
    with pytest.raises(NotEstimable, match="No covariate"):
        cox(TimeToEvent([1, 2, 3], [0, 1, 0], covariates=frame), "x")
    with pytest.raises(NotEstimable, match="No covariate"):
        cox(TimeToEvent([1, 2, 3], [1, 1, 1], covariates=frame), "x", strata=["a", "b", "b"])


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("age +", "cannot be read"),
        ("time ~ age", "no response"),
        ("1", "no response"),
        ("age + nosuch", "not a covariate: nosuch"),
        ("np.log(zero)", "finite number"),
        ("nothing(age)", "may not hold the function nothing"),
        ("C(age, 'b')", "cannot be worked out"),
        ("poly(other, 2)", "not a covariate: other"),
        ("empty", "somebody must have a value"),
    ],
)
def test_formulas_that_cannot_be_used_are_bad_input(formula, message):
    frame = pd.DataFrame({"age": [40.0, 50, 60], "zero": [0.0, 1, 2], "empty": [np.nan] * 3})
    tte = TimeToEvent([1, 2, 3], [1, 1, 0], covariates=frame)
    with pytest.raises(BadInput, match=message), np.errstate(divide="ignore"):
        cox(tte, formula)


def test_without_covariates_there_is_no_formula():
    with pytest.raises(BadInput, match="covariates are: none"):
        cox(TimeToEvent([1, 2], [1, 0]), "age")


def test_options_that_exclude_each_other_are_bad_input():
    frame = pd.DataFrame({"x": [0.0, 1, 0, 1]})
    tte = TimeToEvent([1, 2, 3, 4], [1, 1, 1, 0], covariates=frame)
    with pytest.raises(BadInput, match="exact ties and Firth"):
        cox(tte, "x", ties="exact", penalty="firth")
    with pytest.raises(BadInput, match="neither weights nor clusters"):
        cox(tte, "x", ties="exact", cluster=[1, 1, 2, 2])
    with pytest.raises(BadInput, match="profile limits cannot"):
        cox(tte, "x", limits="profile", cluster=[1, 1, 2, 2])
    with pytest.raises(BadInput, match="limits must be one of"):
        cox(tte, "x", limits="score")
    with pytest.raises(BadInput, match="strata must have one value"):
        cox(tte, "x", strata=[1, 2])
