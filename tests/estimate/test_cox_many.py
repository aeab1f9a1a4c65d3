"""What is done otherwise for many patients gives the numbers of few."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import cox
from survival_bzd.estimate.cox_model import maximise, ordered_moments, problem
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample
from survival_bzd.estimate.risk_sets import cells

RESULTS = ("coef", "std_error", "loglik_null", "loglik_fitted")


def cohort(n, decimals, *, late=False, weights=False):
    """Return n patients, many or few of them with the same times, and a stratum for each."""
    rng = np.random.default_rng([n, decimals])
    frame = pd.DataFrame({"dose": rng.normal(3, 2, n), "arm": rng.integers(0, 2, n).astype(float)})
    risk = np.exp(0.3 * frame["dose"] - 0.5 * frame["arm"]).to_numpy()
    time = np.round(rng.exponential(100, n) / risk, decimals) + 1
    tte = TimeToEvent(
        time,
        rng.random(n) < 0.6,
        entry=time * rng.random(n) if late else None,
        weight=rng.integers(1, 4, n).astype(float) if weights else None,
        covariates=frame,
    )
    return tte, rng.integers(0, 3, n)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("options", [{}, {"late": True}, {"weights": True}])
@pytest.mark.parametrize("decimals", [0, 2, 6])
def test_a_start_at_the_maximum_of_a_part_changes_nothing(ties, options, decimals, monkeypatch):
    tte, strata = cohort(7000, decimals, **options)
    plain = cox(tte, "dose + arm", ties=ties, strata=strata)
    monkeypatch.setattr(maximise, "ENOUGH", 100)
    assert maximise.near_maximum(plain.problem.efron, plain.problem.null)[0].all()
    found = cox(tte, "dose + arm", ties=ties, strata=strata)
    for name in RESULTS:
        assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-9)


@pytest.mark.parametrize("decimals", [2, 6])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_sums_in_the_order_of_time_are_those_of_any_order(decimals, ties, monkeypatch):
    tte, strata = cohort(9000, decimals, weights=True)
    found = cox(tte, "dose + arm", ties=ties, strata=strata)
    likelihood = PartialLikelihood(found.problem.efron.sample, ties)
    assert likelihood._ordered is not None
    monkeypatch.setattr(ordered_moments, "PIECE", 10**9)
    x = tte.covariates.to_numpy()
    place = cells(tte.time, None, strata)
    sample = Sample(x=x - found.problem.centre, event=tte.relapsed, weight=tte.weight, place=place)
    plain = PartialLikelihood(sample, ties)
    assert plain._ordered is None
    beta = np.array([0.2, -0.1])
    there, here = likelihood.slopes(beta), plain.slopes(beta)
    assert_allclose(there.loglik, here.loglik, rtol=1e-12)
    assert_allclose(there.score, here.score, rtol=1e-9)
    assert_allclose(there.information, here.information, rtol=1e-11)


def test_a_part_without_a_maximum_is_not_started_from(monkeypatch):
    monkeypatch.setattr(maximise, "ENOUGH", 100)
    tte, _ = cohort(4000, 2)
    frame = tte.covariates.copy()
    # Those of the part who have it never relapse, but others do.
    order = problem._by_time(cells(tte.time, None), tte.relapsed)
    order = np.arange(tte.n) if order is None else order
    part = np.isin(np.arange(tte.n), order[:: maximise.STRIDE])
    frame["rare"] = (np.arange(tte.n) % 7 == 0) & ~(part & tte.relapsed)
    frame["absent"] = (np.arange(tte.n) % 5 == 0) & ~part
    frame = frame.astype(float)
    for name in ("rare", "absent"):
        data = TimeToEvent(tte.time, tte.event, covariates=frame)
        fit = cox(data, f"dose + {name}")
        begin, at = maximise.near_maximum(fit.problem.efron, fit.problem.null)
        assert not begin.any()
        assert at is fit.problem.null
        assert fit.separated == ()


def test_separation_is_found_among_many(monkeypatch):
    monkeypatch.setattr(maximise, "ENOUGH", 100)
    tte, _ = cohort(4000, 2)
    frame = tte.covariates.assign(never=((np.arange(tte.n) % 3 == 0) & ~tte.relapsed).astype(float))
    fit = cox(TimeToEvent(tte.time, tte.event, covariates=frame), "dose + never")
    assert fit.separated == ("never",)
    assert np.isneginf(fit.coef[1])
