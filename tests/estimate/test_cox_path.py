import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import cox, cox_path
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample
from survival_bzd.estimate.risk_sets import cells

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "cox_ridge.json").read_text(encoding="utf-8")
)
DATA = REFERENCE["data"]


@pytest.mark.parametrize("kind", ["plain", "free", "strata", "late"])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_ridge_agrees_with_r(ties, kind, patients):
    # Regenerate with tests/reference/cox_ridge.R.
    tte = patients(DATA if kind == "late" else {**DATA, "entry": None}, covariates=True)
    path = cox_path(
        tte, "age + dose + sex", l1_ratio=0, penalty=REFERENCE["theta"], ties=ties, folds=0,
        strata=DATA["stratum"] if kind == "strata" else None,
        free=["sex"] if kind == "free" else (),
    )  # fmt: skip
    assert_allclose(path.coef, REFERENCE["fits"][ties][kind], rtol=1e-6)


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(61)
    n = 120
    x = rng.normal(size=(n, 8))
    x[:, 1] += x[:, 0]
    x[:, 3] *= 1000
    hazard = np.exp(0.9 * x[:, 0] - 0.6 * x[:, 2])
    time = np.ceil(rng.exponential(20 / hazard))
    limit = rng.integers(5, 40, n)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(8)])
    frame["g"] = rng.choice(list("abc"), n)
    entry = np.where((rng.random(n) < 0.2) & (time > 2), 1.0, np.nan)
    return TimeToEvent(
        np.minimum(time, limit), time <= limit, entry=entry, weight=rng.uniform(0.5, 2, n),
        covariates=frame,
    )  # fmt: skip


FORMULA = " + ".join([f"x{i}" for i in range(8)] + ["g"])


def likelihood_of(tte, names, ties="efron"):
    x = np.column_stack([tte.covariates[name] for name in names])
    place = cells(tte.time, tte.entry)
    return PartialLikelihood(
        Sample(x=x - x.mean(axis=0), event=tte.relapsed, weight=tte.weight, place=place), ties
    )


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.05])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_every_point_of_the_path_meets_the_conditions_of_an_optimum(ties, l1_ratio, cohort):
    names = [f"x{i}" for i in range(8)]
    path = cox_path(cohort, " + ".join(names), l1_ratio=l1_ratio, ties=ties, folds=0)
    assert path.penalty.size == 50
    assert path.violation.max() < 1e-9
    likelihood = likelihood_of(cohort, names, ties)
    scale = cohort.covariates[names].std(ddof=1).to_numpy()
    assert_allclose(path.scale, scale)
    for penalty, coef, loglik in zip(path.penalty, path.coef, path.loglik, strict=True):
        at = likelihood.slopes(coef)
        assert_allclose(at.loglik, loglik, rtol=1e-12)
        # By unit of the covariate's deviation, so that each is judged on one scale.
        slope = (at.score - penalty * (1 - l1_ratio) * scale**2 * coef) / scale
        held = penalty * l1_ratio
        inside = coef != 0
        assert_allclose(slope[inside], held * np.sign(coef[inside]), atol=1e-9)
        assert (np.abs(slope[~inside]) <= held + 1e-9).all()
    if l1_ratio == 1:
        assert not path.coef[0].any()
        assert path.coef[1].any()
        assert (np.diff(path.loglik) >= -1e-9).all()
    assert_allclose(path.coef[-1], cox(cohort, " + ".join(names), ties=ties).coef, rtol=0.15)


def test_without_a_penalty_it_is_the_ordinary_fit(cohort):
    path = cox_path(cohort, FORMULA, penalty=[1.0, 0.0], folds=0)
    assert_allclose(path.coef[-1], cox(cohort, FORMULA).coef, rtol=1e-7)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_two_coefficients_by_brute_force(l1_ratio):
    from scipy.optimize import minimize

    rng = np.random.default_rng(5)
    x = rng.normal(size=(16, 2))
    time, event = rng.integers(1, 9, 16).astype(float), rng.random(16) < 0.7
    frame = pd.DataFrame(x, columns=["x0", "x1"])
    tte = TimeToEvent(time, event, weight=np.ones(16), covariates=frame)
    likelihood = likelihood_of(tte, ["x0", "x1"])
    scale = x.std(axis=0, ddof=1)
    for penalty in (4.0, 1.5, 0.3):

        def worth(b, penalty=penalty):
            own = scale * np.abs(b)
            price = penalty * (l1_ratio * own.sum() + (1 - l1_ratio) * (own**2).sum() / 2)
            return price - likelihood.slopes(np.array(b)).loglik

        # On each quadrant, and on each axis, it is smooth; the best of all is the answer.
        found = [np.zeros(2)]
        for signs in itertools.product((-1, 0, 1), repeat=2):
            bounds = [(min(0, 8 * s), max(0, 8 * s)) for s in signs]
            best = minimize(
                worth, [0.1 * s for s in signs], bounds=bounds, method="L-BFGS-B",
                options={"ftol": 1e-15, "gtol": 1e-10},
            )  # fmt: skip
            found.append(best.x)
        expected = min(found, key=worth)
        path = cox_path(tte, "x0 + x1", l1_ratio=l1_ratio, penalty=[penalty], folds=0)
        assert worth(path.coef[0]) <= worth(expected) + 1e-12
        assert_allclose(path.coef[0], expected, atol=2e-5)


def test_cross_validation_is_what_its_definition_says(cohort):
    names = ["x0", "x1", "x2"]
    path = cox_path(cohort, "x0 + x1 + x2", penalty=[12.0, 3.0], folds=4, seed=9)
    # The folds, made anew: events and others divided separately.
    rng = np.random.default_rng(9)
    event = cohort.relapsed
    order = np.concatenate(
        [rng.permutation(np.flatnonzero(event)), rng.permutation(np.flatnonzero(~event))]
    )
    fold = np.empty(cohort.n, dtype=int)
    fold[order] = np.arange(cohort.n) % 4
    whole = likelihood_of(cohort, names)
    parts = np.zeros((4, 2))
    for k in range(4):
        part = cohort.select(fold != k)
        training = likelihood_of(part, names)
        # The whole sample's deviations stand for those of the part.
        for column, penalty in enumerate((12.0, 3.0)):
            b = descend(training, penalty * path.scale)
            parts[k, column] = whole.slopes(b).loglik - training.slopes(b).loglik
    assert_allclose(path.cross_validated, parts.sum(axis=0), rtol=1e-9)
    assert_allclose(path.cross_validated_error, parts.std(axis=0, ddof=1) * 2, rtol=1e-6)
    assert path.best == int(np.argmax(path.cross_validated))


def descend(likelihood, price):
    """Minimise with the lasso by the plainest means: gradient steps and soft thresholds."""
    b = np.zeros(likelihood.p)
    step = 0.2 / np.linalg.eigvalsh(likelihood.slopes(b).information).max()
    for _ in range(20_000):
        moved = b + step * likelihood.slopes(b).score
        new = np.sign(moved) * np.maximum(np.abs(moved) - step * price, 0)
        if np.abs(new - b).max() < 1e-13:
            break
        b = new
    return b


def test_cross_validation_finds_the_covariates_that_matter(cohort):
    path = cox_path(cohort, FORMULA, folds=5, seed=1)
    assert {"x0", "x2"} <= set(path.selected)
    assert 0 < path.best < 50
    again = cox_path(cohort, FORMULA, folds=5, seed=1)
    assert_allclose(again.cross_validated, path.cross_validated, rtol=0)
    other = cox_path(cohort, FORMULA, folds=5, seed=2)
    assert (other.cross_validated != path.cross_validated).any()
    assert_allclose(other.coef, path.coef, rtol=0)
    frame = path.to_frame()
    assert list(frame.columns[:4]) == [
        "penalty", "loglik", "cross_validated", "cross_validated_error"
    ]  # fmt: skip
    assert frame.shape == (50, 14)
    assert repr(path).startswith("<CoxPath: x0 +")


def test_the_unit_of_a_covariate_does_not_matter(cohort):
    frame = cohort.covariates.assign(x0=lambda d: d["x0"] * 1e4 + 7e4)
    other = TimeToEvent(
        cohort.time, cohort.event, entry=cohort.entry, weight=cohort.weight, covariates=frame
    )
    a = cox_path(cohort, "x0 + x1", folds=3)
    b = cox_path(other, "x0 + x1", folds=3)
    assert_allclose(a.penalty, b.penalty, rtol=1e-9)
    assert_allclose(a.coef * [1e-4, 1], b.coef, rtol=1e-6, atol=1e-12)
    assert_allclose(a.cross_validated, b.cross_validated, rtol=1e-9)


def test_free_terms_are_not_penalised(cohort):
    path = cox_path(cohort, FORMULA, free=["x0", "g"], folds=0)
    assert not path.coef[0, 1:8].any()
    assert_allclose(path.coef[0, [0, 8, 9]], cox(cohort, "x0 + g").coef, rtol=1e-7)
    assert path.violation.max() < 1e-9
    assert path.selected == ()


def test_more_covariates_than_patients_and_columns_that_repeat_each_other():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(20, 30)), columns=[f"x{i}" for i in range(30)])
    frame["copy"], frame["one"] = frame["x0"], 1.0
    tte = TimeToEvent(rng.integers(1, 12, 20), rng.random(20) < 0.8, covariates=frame)
    path = cox_path(tte, " + ".join(frame.columns), penalty=[4.0, 2.0, 1.0], folds=0)
    assert path.violation.max() < 1e-9
    assert np.isnan(path.coef[:, -1]).all()
    assert np.isfinite(path.coef[:, :-1]).all()
    ridge = cox_path(tte, " + ".join(frame.columns), l1_ratio=0, penalty=[2.0], folds=0)
    assert_allclose(ridge.coef[0, 0], ridge.coef[0, 30], rtol=1e-7)


def test_patients_of_a_cluster_are_left_out_together(cohort):
    cluster = np.arange(cohort.n) // 4
    path = cox_path(cohort, "x0 + x1", penalty=[5.0], folds=3, seed=4, cluster=cluster)
    # As if the cluster were one patient: twins of everybody in the other fold would give more.
    plain = cox_path(cohort, "x0 + x1", penalty=[5.0], folds=3, seed=4)
    assert_allclose(path.coef, plain.coef, rtol=0)
    assert path.cross_validated[0] != plain.cross_validated[0]


def test_strata_that_a_fold_lacks_do_no_harm(cohort):
    stratum = np.where(np.arange(cohort.n) < 3, "rare", "common")
    path = cox_path(cohort, "x0 + x1", penalty=[5.0], folds=5, strata=stratum)
    assert np.isfinite(path.cross_validated).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1_ratio": 2}, "between 0 and 1"),
        ({"penalty": []}, "descending"),
        ({"penalty": [1, 2]}, "descending"),
        ({"penalty": [1, -1]}, "0 or more"),
        ({"free": ["x9"]}, "must be a term"),
        ({"free": ["x0", "x1"]}, "some term must be penalised"),
        ({"folds": 1}, "folds must be 0, or 2"),
        ({"folds": 1000}, "folds must be 0, or 2"),
        ({"ties": "exact"}, "ties must be one of"),
    ],
)
def test_options_that_make_no_sense(options, message, cohort):
    with pytest.raises(BadInput, match=message):
        cox_path(cohort, "x0 + x1", **options)


def test_what_runs_to_infinity_is_said():
    frame = pd.DataFrame({"g": [0.0, 0, 0, 1, 1, 1], "x": [1.0, 0, 2, 1, 3, 0]})
    tte = TimeToEvent([1, 2, 3, 9, 9, 9], [1, 1, 1, 0, 0, 0], covariates=frame)
    with pytest.raises(NotEstimable, match="infinity"):
        cox_path(tte, "g + x", penalty=[0.0], folds=0)
    with pytest.raises(NotEstimable, match="infinity"):
        cox_path(tte, "g + x", free=["g"], penalty=[1.0], folds=0)
    path = cox_path(tte, "g + x", penalty=[0.5], folds=0)
    assert np.isfinite(path.coef).all()
