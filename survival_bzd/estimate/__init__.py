"""Time-to-event data become estimates: frozen results, no files, no plots."""

from survival_bzd.estimate.bootstrap import BootstrapSurvival, bootstrap_survival
from survival_bzd.estimate.competing_risks.aalen_johansen import (
    CumulativeIncidence,
    IncidenceAt,
    aalen_johansen,
)
from survival_bzd.estimate.competing_risks.fine_gray import (
    FineGrayFit,
    PredictedIncidence,
    cause_specific_cox,
    fine_gray,
)
from survival_bzd.estimate.competing_risks.gray import GrayTest, gray_test
from survival_bzd.estimate.conditional_survival import ConditionalSurvival, conditional_survival
from survival_bzd.estimate.confidence_bands import ConfidenceBand, confidence_bands
from survival_bzd.estimate.cox_model.curves import CoxCurve, cox_curves
from survival_bzd.estimate.cox_model.design import formula_variables
from survival_bzd.estimate.cox_model.diagnostics import CoxResiduals, cox_residuals
from survival_bzd.estimate.cox_model.elastic_net import CoxPath, cox_path
from survival_bzd.estimate.cox_model.fit import cox
from survival_bzd.estimate.cox_model.pieces import check_pieces
from survival_bzd.estimate.cox_model.pooling import PooledCox, pool
from survival_bzd.estimate.cox_model.proportional_hazards import PhTest
from survival_bzd.estimate.cox_model.result import CoxFit
from survival_bzd.estimate.description import Characteristic, describe
from survival_bzd.estimate.exact_log_rank import ExactLogRank, exact_logrank
from survival_bzd.estimate.hazard_table import HazardTable, hazard_table
from survival_bzd.estimate.interval_censored.limits import IntervalLimits, npmle_limits
from survival_bzd.estimate.interval_censored.log_rank import IntervalLogRank, interval_logrank
from survival_bzd.estimate.interval_censored.npmle import (
    IntervalCurve,
    IntervalSurvivalAt,
    npmle,
)
from survival_bzd.estimate.interval_censored.regression import (
    IntervalCoxFit,
    interval_cox,
    interval_cox_curves,
)
from survival_bzd.estimate.kaplan_meier import (
    KaplanMeier,
    RiskTable,
    SurvivalAt,
    follow_up,
    kaplan_meier,
)
from survival_bzd.estimate.log_rank import LogRank, logrank
from survival_bzd.estimate.max_combo import MaxCombo, max_combo
from survival_bzd.estimate.mixed_model import MeanCourse, MixedModel, mixed_model
from survival_bzd.estimate.nelson_aalen import NelsonAalen, nelson_aalen
from survival_bzd.estimate.pairwise import PairwiseLogRank, holm, pairwise_logrank
from survival_bzd.estimate.parametric_model.fit import parametric
from survival_bzd.estimate.parametric_model.result import (
    PARAMETRIC_MODELS,
    ParametricAt,
    ParametricFit,
)
from survival_bzd.estimate.planning.baseline import BaselineHazard, baseline_hazard
from survival_bzd.estimate.planning.schoenfeld import (
    TrialPlan,
    plan_trial,
    schoenfeld_events,
    schoenfeld_power,
)
from survival_bzd.estimate.planning.simulation import DetectionBias, SimulatedPower, simulate_power
from survival_bzd.estimate.prediction.cross_validation import cross_validate
from survival_bzd.estimate.prediction.result import (
    CrossValidation,
    PredictionScore,
    PredictionSplit,
)
from survival_bzd.estimate.proportion import Proportion, proportion
from survival_bzd.estimate.quantities import Estimate, Test
from survival_bzd.estimate.recurrent.mean_count import MeanCount, mean_count
from survival_bzd.estimate.recurrent.multi_state import (
    StateOccupancy,
    TimeInState,
    multi_state,
    time_in_state,
)
from survival_bzd.estimate.recurrent.regression import andersen_gill, prentice_williams_peterson
from survival_bzd.estimate.restricted_mean import (
    RestrictedMean,
    RestrictedMeanDifference,
    RestrictedMeanRatio,
    restricted_mean,
    restricted_mean_difference,
    restricted_mean_ratio,
)
from survival_bzd.estimate.smoothed_hazard import SmoothedHazard, smoothed_hazard
from survival_bzd.estimate.survival_difference import SurvivalDifference, survival_difference
from survival_bzd.estimate.trend import LogRankTrend, logrank_trend
from survival_bzd.estimate.worsening import (
    SignificantChange,
    Worsening,
    WorseningOnAny,
    reliable_change,
    threshold_change,
    worsening,
    worsening_on_any,
)

__all__ = [
    "PARAMETRIC_MODELS",
    "BaselineHazard",
    "BootstrapSurvival",
    "Characteristic",
    "ConditionalSurvival",
    "ConfidenceBand",
    "CoxCurve",
    "CoxFit",
    "CoxPath",
    "CoxResiduals",
    "CrossValidation",
    "CumulativeIncidence",
    "DetectionBias",
    "Estimate",
    "ExactLogRank",
    "FineGrayFit",
    "GrayTest",
    "HazardTable",
    "IncidenceAt",
    "IntervalCoxFit",
    "IntervalCurve",
    "IntervalLimits",
    "IntervalLogRank",
    "IntervalSurvivalAt",
    "KaplanMeier",
    "LogRank",
    "LogRankTrend",
    "MaxCombo",
    "MeanCount",
    "MeanCourse",
    "MixedModel",
    "NelsonAalen",
    "PairwiseLogRank",
    "ParametricAt",
    "ParametricFit",
    "PhTest",
    "PooledCox",
    "PredictedIncidence",
    "PredictionScore",
    "PredictionSplit",
    "Proportion",
    "RestrictedMean",
    "RestrictedMeanDifference",
    "RestrictedMeanRatio",
    "RiskTable",
    "SignificantChange",
    "SimulatedPower",
    "SmoothedHazard",
    "StateOccupancy",
    "SurvivalAt",
    "SurvivalDifference",
    "Test",
    "TimeInState",
    "TrialPlan",
    "Worsening",
    "WorseningOnAny",
    "aalen_johansen",
    "andersen_gill",
    "baseline_hazard",
    "bootstrap_survival",
    "cause_specific_cox",
    "check_pieces",
    "conditional_survival",
    "confidence_bands",
    "cox",
    "cox_curves",
    "cox_path",
    "cox_residuals",
    "cross_validate",
    "describe",
    "exact_logrank",
    "fine_gray",
    "follow_up",
    "formula_variables",
    "gray_test",
    "hazard_table",
    "holm",
    "interval_cox",
    "interval_cox_curves",
    "interval_logrank",
    "kaplan_meier",
    "logrank",
    "logrank_trend",
    "max_combo",
    "mean_count",
    "mixed_model",
    "multi_state",
    "nelson_aalen",
    "npmle",
    "npmle_limits",
    "pairwise_logrank",
    "parametric",
    "plan_trial",
    "pool",
    "prentice_williams_peterson",
    "proportion",
    "reliable_change",
    "restricted_mean",
    "restricted_mean_difference",
    "restricted_mean_ratio",
    "schoenfeld_events",
    "schoenfeld_power",
    "simulate_power",
    "smoothed_hazard",
    "survival_difference",
    "threshold_change",
    "time_in_state",
    "worsening",
    "worsening_on_any",
]
