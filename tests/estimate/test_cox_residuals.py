import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import cox, cox_residuals
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample
from survival_bzd.estimate.risk_sets import cells

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "cox_residuals.json").read_text(encoding="utf-8")
)
DATA = REFERENCE["data"]
ARGUMENTS = {
    "plain": {},
    "whole": {"weight": "whole"},
    "ipw": {"weight": "ipw"},
    "clusters": {"cluster": True},
    "late": {"entry": True},
    "strata": {"strata": True},
    "everything": {"weight": "ipw", "cluster": True, "entry": True, "strata": True},
}
CASES = [(ties, kind) for ties in ("efron", "breslow") for kind in ARGUMENTS]


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


def assert_close(found, expected, message):
    # Residuals near 0 are as exact as the coefficients they are computed at.
    expected = np.array(expected, dtype=float)
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max(), err_msg=message)


@pytest.mark.parametrize(("ties", "case"), CASES)
def test_agrees_with_r_residuals_coxph(ties, case, fit):
    # Regenerate with tests/reference/cox_residuals.R.
    r = REFERENCE["fits"][ties][case]
    model = fit(ties, case)
    for kind in ("martingale", "deviance", "score", "dfbeta", "dfbetas"):
        found = cox_residuals(model, kind)
        assert_close(found.values, r[kind], kind)
        assert found.rows.tolist() == [i for i in range(60) if i not in (8, 32)]
    for kind in ("martingale", "dfbeta"):
        found = cox_residuals(model, kind, by=DATA["cluster"])
        assert_close(found.values, r[f"{kind}_by"], kind)
        assert len(found.groups) == len(found.values)
        assert found.rows.size == 0
    if "schoenfeld" in r:
        for kind in ("schoenfeld", "scaled_schoenfeld"):
            found = cox_residuals(model, kind)
            assert_close(found.values, r[kind], kind)
            assert_allclose(found.time, r["event_time"])


def test_after_exact_ties_the_expected_events_are_breslows_as_in_r(patients):
    r = REFERENCE["exact"]
    model = cox(patients(r["data"], covariates=True), "age + sex", ties="exact")
    for kind in ("martingale", "deviance"):
        assert_close(cox_residuals(model, kind).values, r[kind], kind)
    with pytest.raises(NotEstimable, match="no score residuals for exact ties"):
        cox_residuals(model, "score")


def test_by_hand():
    # b = log(2)/2 as in the test of the fit: risks 1, e, 1 with e = sqrt(2).
    frame = pd.DataFrame({"x": [0.0, 1, 0]})
    model = cox(TimeToEvent([1, 2, 3], [1, 1, 0], covariates=frame), "x")
    e = math.sqrt(2)
    first, second = 1 / (2 + e), 1 / (1 + e)
    martingale = [1 - first, 1 - e * (first + second), -(first + second)]
    assert_allclose(cox_residuals(model, "martingale").values, martingale, atol=1e-12)
    deviance = [
        math.copysign(math.sqrt(-2 * (m + d * math.log(d - m if d else 1))), m)
        for m, d in zip(martingale, (1, 1, 0), strict=True)
    ]
    assert_allclose(cox_residuals(model, "deviance").values, deviance, atol=1e-7)
    schoenfeld = cox_residuals(model, "schoenfeld")
    assert_allclose(schoenfeld.values[:, 0], [-e * first, 1 - e * second], rtol=1e-9)
    assert schoenfeld.time.tolist() == [1, 2]
    variance = model.std_error[0] ** 2
    scaled = model.coef[0] + 2 * variance * schoenfeld.values[:, 0]
    assert_allclose(cox_residuals(model, "scaled_schoenfeld").values[:, 0], scaled, rtol=1e-9)


def weighted_cohort(seed=5, n=26):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 6, n).astype(float)
    entry = np.where(rng.random(n) < 0.3, np.floor(time * rng.random(n)), np.nan)
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.integers(0, 2, n).astype(float)})
    event = rng.random(n) < 0.7
    weight = rng.uniform(0.4, 3, n)
    tte = TimeToEvent(time, event, entry=entry, weight=weight, covariates=frame)
    return tte, rng.integers(0, 2, n)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_weighted_schoenfeld_residuals_add_up_to_the_slope_at_each_event_time(ties):
    # R before survival 3.8-10 is wrong here: the derivative of each time's part of the likelihood.
    tte, stratum = weighted_cohort()
    model = cox(tte, "x + z", ties=ties, strata=stratum)
    found = cox_residuals(model, "schoenfeld")
    weighted = tte.weight[found.rows, None] * found.values
    for s in (0, 1):
        for t in np.unique(found.time):
            here = (found.time == t) & (stratum[found.rows] == s)
            if not here.any():
                continue
            present = (stratum == s) & (tte.time >= t) & ~(tte.entry >= t)
            part = tte.select(present)
            sample = Sample(
                x=part.covariates.to_numpy(),
                event=part.relapsed & (part.time == t),
                weight=part.weight,
                place=cells(np.full(part.n, t), None),
            )
            likelihood = PartialLikelihood(sample, ties)
            numeric = [
                (
                    likelihood.slopes(model.coef + step).loglik
                    - likelihood.slopes(model.coef - step).loglik
                )
                / 2e-5
                for step in np.eye(2) * 1e-5
            ]
            assert_allclose(weighted[here].sum(axis=0), numeric, atol=1e-8)
    assert_allclose(weighted.sum(axis=0), 0, atol=1e-7)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_score_residuals_are_the_slopes_by_weight(ties):
    # The coefficient falls by dfbeta when a row is left out: the derivative by its weight.
    tte, stratum = weighted_cohort()
    model = cox(tte, "x + z", ties=ties, strata=stratum)
    found = cox_residuals(model, "dfbeta").values
    for row in (0, 3, 11):
        moved = []
        for step in (1e-5, -1e-5):
            weight = tte.weight.copy()
            weight[row] += step
            changed = TimeToEvent(
                tte.time, tte.event, entry=tte.entry, weight=weight, covariates=tte.covariates
            )
            moved.append(cox(changed, "x + z", ties=ties, strata=stratum).coef)
        numeric = (moved[0] - moved[1]) / 2e-5 * tte.weight[row]
        # Efron's rule gives tied events their mean weight, which the residual holds fixed, as R's.
        if ties == "breslow" or not tte.event[row]:
            assert_allclose(found[row], numeric, atol=1e-6)


@pytest.mark.parametrize(("ties", "case"), CASES)
def test_sums_that_are_zero(ties, case, fit):
    model = fit(ties, case)
    weight = model.problem.sample.weight
    assert_allclose(weight @ cox_residuals(model, "martingale").values, 0, atol=1e-8)
    assert_allclose(weight @ cox_residuals(model, "score").values, 0, atol=1e-5)
    scaled = cox_residuals(model, "scaled_schoenfeld")
    of_event = np.zeros(60)
    of_event[np.flatnonzero(model.problem.design.kept)] = weight
    mean = np.average(scaled.values, axis=0, weights=of_event[scaled.rows])
    assert_allclose(mean, model.coef, rtol=1e-5, atol=1e-8)


def test_robust_errors_are_the_squares_of_dfbeta(fit):
    model = fit("efron", "everything")
    dfbeta = cox_residuals(model, "dfbeta", by=DATA["cluster"]).values
    assert_allclose(np.sqrt((dfbeta**2).sum(axis=0)), model.robust_std_error, rtol=1e-9)


def test_pieces_of_a_patient_add_up_to_the_patient():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=30)})
    time, event = rng.integers(2, 9, 30).astype(float), rng.random(30) < 0.6
    whole = cox(TimeToEvent(time, event, covariates=frame), "x")
    twice = pd.concat([frame, frame], ignore_index=True)
    pieces = TimeToEvent(
        np.concatenate([np.full(30, 1.0), time]),
        np.concatenate([np.zeros(30), event]),
        entry=np.concatenate([np.full(30, np.nan), np.full(30, 1.0)]),
        covariates=twice,
    )
    split = cox(pieces, "x")
    patient = np.tile(np.arange(30), 2)
    for kind in ("martingale", "deviance", "score", "dfbetas"):
        found = cox_residuals(split, kind, by=patient)
        assert found.groups == tuple(map(str, range(30)))
        assert_allclose(found.values, cox_residuals(whole, kind).values, atol=1e-7)


def test_deviance_of_a_patient_with_two_events_is_that_of_a_count():
    frame = pd.DataFrame({"x": [0.0, 1, 0, 1, 1, 0]})
    tte = TimeToEvent(
        [3, 6, 2, 5, 7, 7], [1, 1, 1, 0, 0, 1], entry=[np.nan, 3] + [np.nan] * 4, covariates=frame
    )
    model = cox(tte, "x")
    by = [1, 1, 2, 3, 4, 5]
    m = cox_residuals(model, "martingale", by=by).values[0]
    d = cox_residuals(model, "deviance", by=by).values[0]
    assert_allclose(d, math.copysign(math.sqrt(-2 * (m + 2 * math.log((2 - m) / 2))), m))


def test_a_redundant_coefficient_has_no_residuals_and_frames_name_the_terms():
    frame = pd.DataFrame({"x": [0.0, 1, 0, 1, 1, 0], "one": 1.0})
    model = cox(TimeToEvent([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0], covariates=frame), "one + x")
    found = cox_residuals(model, "score")
    assert np.isnan(found.values[:, 0]).all()
    assert np.isfinite(found.values[:, 1]).all()
    assert list(found.to_frame().columns) == ["row", "one", "x"]
    assert list(cox_residuals(model, "schoenfeld").to_frame().columns) == [
        "row", "time", "one", "x"
    ]  # fmt: skip
    grouped = cox_residuals(model, "deviance", by=list("aabbcc")).to_frame()
    assert list(grouped.columns) == ["group", "deviance"]
    assert grouped["group"].tolist() == ["a", "b", "c"]


def test_what_has_no_residuals(fit):
    model = fit("efron", "plain")
    with pytest.raises(BadInput, match="kind must be one of"):
        cox_residuals(model, "pearson")
    with pytest.raises(BadInput, match="not added up"):
        cox_residuals(model, "schoenfeld", by=DATA["cluster"])
    with pytest.raises(BadInput, match="by must have a value"):
        cox_residuals(model, "score", by=[None, *DATA["cluster"][1:]])
    with pytest.raises(ValueError, match="by has shape"):
        cox_residuals(model, "score", by=[1, 2])
    frame = pd.DataFrame({"g": [0.0, 0, 0, 1, 1, 1]})
    lone = cox(TimeToEvent([1, 2, 3, 9, 9, 9], [1, 1, 1, 0, 0, 0], covariates=frame), "g")
    with pytest.raises(NotEstimable, match="infinite"):
        cox_residuals(lone, "martingale")
