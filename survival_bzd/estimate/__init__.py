"""Time-to-event data become estimates: frozen results, no files, no plots."""

from survival_bzd.estimate.hazard_table import HazardTable, hazard_table
from survival_bzd.estimate.kaplan_meier import (
    KaplanMeier,
    RiskTable,
    SurvivalAt,
    follow_up,
    kaplan_meier,
)
from survival_bzd.estimate.log_rank import LogRank, logrank
from survival_bzd.estimate.nelson_aalen import NelsonAalen, nelson_aalen
from survival_bzd.estimate.proportion import Proportion, proportion
from survival_bzd.estimate.quantities import Estimate, Test
from survival_bzd.estimate.restricted_mean import (
    RestrictedMean,
    RestrictedMeanDifference,
    restricted_mean,
    restricted_mean_difference,
)

__all__ = [
    "Estimate",
    "HazardTable",
    "KaplanMeier",
    "LogRank",
    "NelsonAalen",
    "Proportion",
    "RestrictedMean",
    "RestrictedMeanDifference",
    "RiskTable",
    "SurvivalAt",
    "Test",
    "follow_up",
    "hazard_table",
    "kaplan_meier",
    "logrank",
    "nelson_aalen",
    "proportion",
    "restricted_mean",
    "restricted_mean_difference",
]
