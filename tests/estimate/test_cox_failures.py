"""What Newton's method does where it cannot do its work."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate import cox, cox_path
from survival_bzd.estimate.cox_model import elastic_net, maximise
from survival_bzd.estimate.cox_model.likelihood import Slopes
from survival_bzd.estimate.cox_model.profile import profile_limit


@pytest.fixture
def tte():
    rng = np.random.default_rng(23)
    frame = pd.DataFrame({"x": rng.normal(size=40), "z": rng.normal(size=40)})
    return TimeToEvent(rng.integers(1, 15, 40), rng.random(40) < 0.7, covariates=frame)


def test_a_fit_that_did_not_converge_says_so(tte, monkeypatch):
    monkeypatch.setattr(maximise, "MAX_STEPS", 1)
    model = cox(tte, "x + z")
    assert model.separated == ()
    assert "did not converge" in model.warnings[0]
    monkeypatch.undo()
    assert cox(tte, "x + z").warnings == ()


def test_a_path_that_did_not_converge_is_refused(tte, monkeypatch):
    monkeypatch.setattr(elastic_net, "MAX_STEPS", 1)
    with pytest.raises(NotEstimable, match="did not converge"):
        cox_path(tte, "x + z", penalty=[0.5], folds=0)


def test_a_free_term_that_did_not_converge_is_refused(tte, monkeypatch):
    monkeypatch.setattr(maximise, "MAX_STEPS", 1)
    with pytest.raises(NotEstimable, match="did not converge"):
        cox_path(tte, "x + z", free=["x"], folds=0)


def test_singular_information_has_a_step_but_no_variance():
    singular = np.array([[1.0, 1.0], [1.0, 1.0]])
    step = maximise.solve(singular, np.array([2.0, 2.0]))
    # The shortest of the steps that solve it.
    assert_allclose(step, [1.0, 1.0])
    assert np.isnan(maximise.inverse(singular)).all()
    without = np.array([[4.0, 0.0], [0.0, 0.0]])
    assert np.isnan(maximise.inverse(without)).any()
    assert_allclose(maximise.solve(without, np.array([2.0, 0.0])), [0.5, 0.0])


class Cliff:
    """Falls off wherever one goes."""

    p = 1

    def slopes(self, beta):
        return Slopes(
            loglik=0.0 if beta[0] == 0 else -np.inf,
            score=np.array([1.0]),
            information=np.array([[1.0]]),
        )


class Plain:
    """Rises without end and without a curve that a step could be found from."""

    p = 1

    def slopes(self, beta):
        return Slopes(loglik=float(beta[0]), score=np.array([1.0]), information=np.array([[0.5]]))


def test_where_no_step_climbs_the_search_ends_where_it_began():
    found = maximise.maximise(Cliff(), np.zeros(1), np.arange(1))
    assert not found.converged
    assert found.beta[0] == 0
    assert not found.step.any()


def test_a_likelihood_without_a_maximum_ends_the_search_unconverged():
    found = maximise.maximise(Plain(), np.zeros(1), np.arange(1))
    assert not found.converged
    assert found.beta[0] == pytest.approx(2 * maximise.MAX_STEPS)


def test_a_profile_that_never_falls_has_no_limit():
    best = maximise.Maximum(
        beta=np.zeros(1), slopes=Plain().slopes(np.zeros(1)), step=np.zeros(1), converged=True
    )
    assert np.isnan(profile_limit(Plain(), best, 0, 1.0, 1.96, 1e-10))


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
@pytest.mark.parametrize("n", [8, 20, 48, 200])
def test_a_covariate_that_orders_the_events_separates_however_far_it_reaches(
    n: int, ties: str
) -> None:
    frame = pd.DataFrame({"x": -np.arange(float(n))})
    fit = cox(TimeToEvent(np.arange(1.0, n + 1), np.ones(n, int), covariates=frame), "x", ties=ties)
    assert fit.separated == ("x",)
    assert fit.coef[0] == np.inf
