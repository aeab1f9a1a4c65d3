"""How long do patients stay benzo-free? From follow-up records to curves, hazards and the paper.

The story of a study is in `survival_bzd.study`. The names below are the public interface; they are
loaded when first used, so that importing the package is instant.

Examples
--------
>>> from survival_bzd import TimeToEvent, kaplan_meier
>>> (curve,) = kaplan_meier(TimeToEvent([5, 12, 20, 31], [1, 0, 1, 1], unit="days"))
>>> curve.survival
array([0.75 , 0.75 , 0.375, 0.   ])
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from survival_bzd.endpoint import Endpoint as Endpoint
    from survival_bzd.endpoint import TimeToEvent as TimeToEvent
    from survival_bzd.endpoint import derive as derive
    from survival_bzd.endpoint import trace as trace
    from survival_bzd.errors import BadInput as BadInput
    from survival_bzd.errors import NotEstimable as NotEstimable
    from survival_bzd.errors import SurvivalBzdError as SurvivalBzdError

    # All that the layer exports: `_HOMES` names it for those who load it when first used.
    from survival_bzd.estimate import *  # noqa: F403
    from survival_bzd.records import evidence as evidence
    from survival_bzd.records import read_study as read_study

_HOMES = {
    "endpoint": ("Endpoint", "TimeToEvent", "derive", "trace"),
    "errors": ("BadInput", "NotEstimable", "SurvivalBzdError"),
    "estimate": (
        "PARAMETRIC_MODELS",
        "BootstrapSurvival",
        "Characteristic",
        "ConditionalSurvival",
        "ConfidenceBand",
        "CoxCurve",
        "CoxFit",
        "CoxPath",
        "CoxResiduals",
        "CumulativeIncidence",
        "Estimate",
        "ExactLogRank",
        "HazardTable",
        "IncidenceAt",
        "IntervalCurve",
        "IntervalLimits",
        "IntervalLogRank",
        "IntervalSurvivalAt",
        "KaplanMeier",
        "LogRank",
        "LogRankTrend",
        "MaxCombo",
        "NelsonAalen",
        "PairwiseLogRank",
        "ParametricAt",
        "ParametricFit",
        "PhTest",
        "PooledCox",
        "Proportion",
        "RestrictedMean",
        "RestrictedMeanDifference",
        "RestrictedMeanRatio",
        "RiskTable",
        "SmoothedHazard",
        "SurvivalAt",
        "SurvivalDifference",
        "Test",
        "aalen_johansen",
        "bootstrap_survival",
        "check_pieces",
        "conditional_survival",
        "confidence_bands",
        "cox",
        "cox_curves",
        "cox_path",
        "cox_residuals",
        "describe",
        "exact_logrank",
        "follow_up",
        "formula_variables",
        "hazard_table",
        "holm",
        "interval_logrank",
        "kaplan_meier",
        "logrank",
        "logrank_trend",
        "max_combo",
        "nelson_aalen",
        "npmle",
        "npmle_limits",
        "pairwise_logrank",
        "parametric",
        "pool",
        "proportion",
        "restricted_mean",
        "restricted_mean_difference",
        "restricted_mean_ratio",
        "smoothed_hazard",
        "survival_difference",
    ),
    "records": ("evidence", "read_study"),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"survival_bzd.{home}"), name)
    raise AttributeError(f"module 'survival_bzd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
