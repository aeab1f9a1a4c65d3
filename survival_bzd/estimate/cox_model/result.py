"""What a fitted Cox model says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from survival_bzd.estimate.cox_model.problem import Problem
from survival_bzd.estimate.cox_model.proportional_hazards import PhTest
from survival_bzd.estimate.quantities import Estimate, Floats, Test

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class CoxFit:
    """A fitted Cox model. Arrays have shape (p,), one element per coefficient.

    Attributes
    ----------
    formula : as given.
    n, n_events, left_out : patients used; how many of them had the event; patients left out because
        a covariate, stratum or cluster is missing.
    terms : names of the coefficients, in the formula's order.
    coef : log hazard ratios. Infinite where the likelihood rises for ever; NaN where a covariate is
        determined by those before it.
    std_error, robust_std_error : standard errors; the robust ones are NaN unless there are clusters
        or weights that are not whole.
    hazard_ratio, lower, upper, p_value : by the robust error where there is one. With profile
        limits the p-values are those of the likelihood-ratio test, so that both agree.
    covariance : (p, p) of the coefficients; the robust one where there is one.
    loglik_null, loglik_fitted : log likelihood (Firth: penalised) at 0 and at the fit.
    likelihood_ratio, wald, score : tests of all coefficients. The score test is never penalised.
    ties, penalty, limits, confidence : conventions; penalty is ``"none"`` or ``"firth"``.
    robust : whether limits and p-values are by the robust error.
    events_per_parameter : events per coefficient.
    separated : coefficients that the data drive to infinity.
    reasons : why a coefficient is not a finite number; ``""`` if it is.
    warnings : what a reader must know, in sentences.
    proportional_hazards : tests per formula term, the last ``GLOBAL``, on the scale `transform`.
    transform : time scale of these tests.
    problem : what was fitted; curves and residuals are made of it.
    """

    formula: str
    n: int
    n_events: int
    left_out: int
    terms: tuple[str, ...]
    coef: Floats
    std_error: Floats
    robust_std_error: Floats
    hazard_ratio: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    covariance: Floats
    loglik_null: float
    loglik_fitted: float
    likelihood_ratio: Test
    wald: Test
    score: Test
    ties: str
    penalty: str
    limits: str
    confidence: float
    robust: bool
    events_per_parameter: float
    separated: tuple[str, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    transform: str
    concordance_of: Callable[[], Estimate]
    proportional_hazards_of: Callable[[], tuple[PhTest, ...]]
    problem: Problem

    @cached_property
    def concordance(self) -> Estimate:
        """How often the higher hazard relapses first."""
        return self.concordance_of()

    @cached_property
    def proportional_hazards(self) -> tuple[PhTest, ...]:
        """Tests per formula term, the last ``GLOBAL``, on the scale `transform`."""
        return self.proportional_hazards_of()

    def to_frame(self) -> pd.DataFrame:
        """Return the hazard table: one row per coefficient."""
        import pandas as pd

        columns = (
            "coef", "std_error", "robust_std_error", "hazard_ratio", "lower", "upper", "p_value",
        )  # fmt: skip
        numbers = {name: getattr(self, name) for name in columns}
        return pd.DataFrame({"term": list(self.terms), **numbers})

    def __repr__(self) -> str:
        return f"<CoxFit: {self.formula}; {self.n} patients, {self.n_events} events>"
