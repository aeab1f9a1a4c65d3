"""How well relapse is predicted, with the error of saying so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survival_bzd.estimate.quantities import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictionScore:
    """A measure of a model's predictions, or of two models' the difference.

    Attributes
    ----------
    model : ``"kaplan-meier"`` (no covariates), ``"cox"`` or ``"forest"``.
    against : the model that is subtracted; None for a measure itself.
    measure : ``"concordance"``, ``"integrated_brier"`` or ``"auc"``.
    time : of the area under the ROC curve, or tau.
    estimate : mean over the splits, each judged on patients who were not fitted.
    std_error, lower, upper : by the corrected variance over the splits, t limits.
    apparent : the same measure of a fit to everybody, judged on everybody.
    repeat_sd : standard deviation of the repeats' means: what the luck of dividing adds.
    splits : how many splits have the measure.
    by_split : (s,) the measure in every split; NaN where it is undefined.
    reason : why there is no estimate, or no limits; ``""`` where there are both.
    """

    model: str
    against: str | None
    measure: str
    time: float
    estimate: float
    std_error: float
    lower: float
    upper: float
    apparent: float
    repeat_sd: float
    splits: int
    by_split: Floats
    reason: str = ""

    @property
    def optimism(self) -> float:
        """The apparent measure less the cross-validated one."""
        return self.apparent - self.estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionSplit:
    """One division into those who are fitted and those who are predicted.

    Attributes
    ----------
    repeat, fold : which, from 1.
    n_train, events_train, n_test, events_test : patients and events on both sides.
    """

    repeat: int
    fold: int
    n_train: int
    events_train: int
    n_test: int
    events_test: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossValidation:
    """How well models predict relapse in patients who were not fitted.

    Attributes
    ----------
    formula : of the covariates.
    terms : names of the columns that Cox's model and the forest are given.
    n, n_events, left_out : patients; how many had the event; left out for a missing covariate.
    models : names, in order.
    scores : every measure of every model.
    differences : the same of one model less another, on the same splits.
    splits : all of them, by repeat and fold.
    folds, repeats, seed : the division.
    tau : until when concordance and Brier score look.
    followed_at_tau : probability of being followed until just before tau.
    penalty, trees, min_leaf : settings; trees is 0 without a forest.
    confidence, unit, label : conventions.
    warnings : what a reader must know, in sentences.
    """

    formula: str
    terms: tuple[str, ...]
    n: int
    n_events: int
    left_out: int
    models: tuple[str, ...]
    scores: tuple[PredictionScore, ...]
    differences: tuple[PredictionScore, ...]
    splits: tuple[PredictionSplit, ...]
    folds: int
    repeats: int
    seed: int
    tau: float
    followed_at_tau: float
    penalty: str
    trees: int
    min_leaf: int
    confidence: float
    unit: str
    label: str
    warnings: tuple[str, ...]

    def score(
        self, model: str, measure: str, time: float | None = None, *, against: str | None = None
    ) -> PredictionScore:
        """Return one measure of a model, or its difference from another model.

        Raises
        ------
        KeyError
            If there is none.
        """
        for one in (*self.scores, *self.differences):
            same = (one.model, one.measure, one.against) == (model, measure, against)
            if same and (time is None or math.isclose(one.time, time)):
                return one
        raise KeyError(f"there is no {measure} of {model} at {time}")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measure and model, differences last."""
        import pandas as pd

        columns = (
            "model", "against", "measure", "time", "estimate", "std_error", "lower", "upper",
            "apparent", "optimism", "repeat_sd", "splits", "reason",
        )  # fmt: skip
        every = (*self.scores, *self.differences)
        return pd.DataFrame({name: [getattr(one, name) for one in every] for name in columns})

    def __repr__(self) -> str:
        return (
            f"<CrossValidation: {self.formula}; {self.n} patients, {self.n_events} events, "
            f"{self.repeats} times {self.folds} folds>"
        )
