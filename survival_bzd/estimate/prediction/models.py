"""The models whose predictions are compared: no covariates, Cox's, a random survival forest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate.cox_model.curves import cox_curves
from survival_bzd.estimate.cox_model.fit import cox
from survival_bzd.estimate.kaplan_meier import kaplan_meier
from survival_bzd.estimate.prediction.measures import Indices
from survival_bzd.estimate.quantities import Floats

REFERENCE, COX, FOREST = "kaplan-meier", "cox", "forest"

PENALISED, UNKNOWN, STUCK = "penalised", "unknown", "stuck"
"""What may be said of a Cox fit: Firth's likelihood; a column without a coefficient; no maximum."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """What a model says of m patients.

    Attributes
    ----------
    risk : (m,) the higher, the sooner.
    survival : (m, q) probabilities of being free at the q times asked for.
    remarks : what must be counted about the fit.
    """

    risk: Floats
    survival: Floats
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """How the models are fitted: Cox's penalty, the forest's trees and least patients in a leaf."""

    penalty: str
    forest: bool
    trees: int
    min_leaf: int

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return (REFERENCE, COX, FOREST) if self.forest else (REFERENCE, COX)


def predictions(
    tte: TimeToEvent, train: Indices, test: Indices, times: Floats, how: Settings, seed: int
) -> Mapping[str, Predicted]:
    """Fit every model to some patients and predict for others.

    Parameters
    ----------
    tte : follow-up, whose covariates are the columns of the design.
    train, test : rows.
    times : (q,) when the probability of being free is wanted.
    how, seed : settings, and the forest's seed.
    """
    fitted = tte.select(train)
    found = {
        REFERENCE: _reference(fitted, test.size, times),
        COX: _cox(fitted, tte.select(test), times, how.penalty),
    }
    if how.forest:
        found[FOREST] = _forest(fitted, tte.select(test), times, how, seed)
    return found


def _reference(fitted: TimeToEvent, patients: int, times: Floats) -> Predicted:
    """Predict the curve of all who were fitted for everybody."""
    (curve,) = kaplan_meier(fitted)
    survival = _steps(curve.time, curve.survival[None, :], times)
    return Predicted(risk=np.zeros(patients), survival=np.repeat(survival, patients, axis=0))


def _cox(fitted: TimeToEvent, others: TimeToEvent, times: Floats, penalty: str) -> Predicted:
    """Predict by Cox's model, its baseline hazard of the same ties as its coefficients."""
    columns = _columns(others)
    assert others.covariates is not None
    try:
        fit = cox(fitted, " + ".join(others.covariates.columns), penalty=penalty, limits="wald")
    except NotEstimable:
        # The error would name the columns of the design, which nobody wrote.
        raise NotEstimable(
            "No covariate of the formula varies among the patients at risk at an event, in "
            "everybody or in a training set, so there is nothing to predict by."
        ) from None
    if fit.separated:
        raise NotEstimable(
            "In a training set a coefficient of Cox's model is infinite (separation), so it gives "
            "no prediction. Take the penalty auto or firth, or leave the covariate out."
        )
    curves = cox_curves(fit, others.covariates)
    remarks = [
        (PENALISED, fit.penalty == "firth"),
        (UNKNOWN, bool(np.isnan(fit.coef).any())),
        (STUCK, any("did not converge" in warning for warning in fit.warnings)),
    ]
    return Predicted(
        risk=columns @ np.nan_to_num(fit.coef),
        survival=_steps(curves[0].time, np.array([curve.survival for curve in curves]), times),
        remarks=tuple(remark for remark, holds in remarks if holds),
    )


def _forest(
    fitted: TimeToEvent, others: TimeToEvent, times: Floats, how: Settings, seed: int
) -> Predicted:
    """Predict by scikit-survival's random survival forest."""
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.util import Surv

    forest = RandomSurvivalForest(
        n_estimators=how.trees,
        min_samples_split=2 * how.min_leaf,
        min_samples_leaf=how.min_leaf,
        random_state=seed,
        n_jobs=1,
    )
    forest.fit(_columns(fitted), Surv.from_arrays(fitted.relapsed, fitted.time))
    columns = _columns(others)
    survival = forest.predict_survival_function(columns, return_array=True)
    return Predicted(
        risk=forest.predict(columns), survival=_steps(forest.unique_times_, survival, times)
    )


def _columns(tte: TimeToEvent) -> Floats:
    """Return the (m, p) columns of the design."""
    assert tte.covariates is not None
    columns: Floats = tte.covariates.to_numpy(dtype=np.float64)
    return columns


def _steps(time: Floats, survival: Floats, times: Floats) -> Floats:
    """Read (m, k) step functions that drop at `time` at the (q,) times; 1 before the first."""
    padded = np.concatenate([np.ones((survival.shape[0], 1)), survival], axis=1)
    read: Floats = padded[:, np.searchsorted(time, times, side="right")]
    return read
