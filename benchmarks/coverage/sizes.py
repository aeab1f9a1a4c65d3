"""Studies without a difference that ask whether a test finds one at the 5% level."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from benchmarks.coverage.intervals import Answers
from benchmarks.coverage.studies import (
    ARM,
    FEW_CENSORED,
    PAIR,
    PAIRED_ARM,
    PATIENTS,
    SETTINGS,
    THIRDS,
    uniform_in_pairs,
)
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate import (
    cox,
    exact_logrank,
    logrank,
    logrank_trend,
    max_combo,
    pairwise_logrank,
    restricted_mean_difference,
    restricted_mean_ratio,
    survival_difference,
)

LEVEL = 0.05
STRATUM = np.arange(PATIENTS) % 2


def rejects(p_value: float) -> bool | None:
    """Whether a test finds a difference; None where the data do not determine it."""
    return None if math.isnan(p_value) else bool(p_value < LEVEL)


def _studies(random: np.random.Generator) -> dict[str, TimeToEvent]:
    """Draw a study in each setting, and one of which an arm is followed a third as long."""
    drawn = {name: setting.draw(random) for name, setting in SETTINGS.items()}
    drawn["one arm followed less"] = FEW_CENSORED.draw(random, followed=1 - ARM * 2 / 3)
    return drawn


def two_arms(random: np.random.Generator) -> Answers:
    """Compare 11 with 11."""
    answers: Answers = {}
    for column, tte in _studies(random).items():
        p = {
            "log-rank": logrank(tte, ARM).p_value,
            "Fleming-Harrington rho = 1": logrank(tte, ARM, rho=1).p_value,
            "Fleming-Harrington gamma = 1": logrank(tte, ARM, gamma=1).p_value,
            "Tarone-Ware": logrank(tte, ARM, weights="tarone-ware").p_value,
            "Gehan": logrank(tte, ARM, weights="gehan").p_value,
            "Peto": logrank(tte, ARM, weights="peto").p_value,
            "log-rank, 2 strata": logrank(tte, ARM, strata=STRATUM).p_value,
            "exact log-rank": exact_logrank(tte, ARM, limit=0, draws=999).p_value,
        }
        answers |= {(row, column): rejects(value) for row, value in p.items()}
    return answers


def largest_of_four(random: np.random.Generator) -> Answers:
    """Compare 11 with 11 by the max-combo test."""
    drawn = _studies(random).items()
    return {("max-combo", column): rejects(max_combo(tte, ARM).p_value) for column, tte in drawn}


def three_groups(random: np.random.Generator) -> Answers:
    """Compare 8, 7 and 7."""
    scores = {"0": 0.0, "1": 1.0, "2": 2.0}
    answers: Answers = {}
    for column, setting in SETTINGS.items():
        tte = setting.draw(random)
        pairs = pairwise_logrank(tte, THIRDS)
        adjusted = [pair.p_adjusted for pair in pairs if not math.isnan(pair.p_adjusted)]
        answers["log-rank, 2 df", column] = rejects(logrank(tte, THIRDS).p_value)
        exact = exact_logrank(tte, THIRDS, limit=0, draws=999)
        answers["exact log-rank", column] = rejects(exact.p_value)
        trend = logrank_trend(tte, THIRDS, scores)
        answers["trend", column] = rejects(trend.p_value)
        answers["any of 3 pairs, Holm", column] = rejects(min(adjusted, default=math.nan))
    return answers


def at_a_time(random: np.random.Generator) -> Answers:
    """Compare survival at day 60 and means up to day 84, 11 with 11."""
    tte = FEW_CENSORED.draw(random)
    column = "few censored"
    answers: Answers = {}
    for limits in ("log-log", "plain"):
        (found,) = survival_difference(tte, ARM, 60, limits=limits)
        answers[f"survival at day 60, {limits}", column] = rejects(found.p_value)
    for row, make in (
        ("difference of means", restricted_mean_difference),
        ("ratio of means", restricted_mean_ratio),
    ):
        try:
            answers[row, column] = rejects(make(tte, ARM, tau=84)[0].p_value)
        except NotEstimable:
            answers[row, column] = None
    return answers


def cox_model(random: np.random.Generator) -> Answers:
    """Fit Cox's model to one covariate and to two that do nothing."""
    answers: Answers = {}
    for column, setting in SETTINGS.items():
        covariates = pd.DataFrame(
            {"arm": ARM, "score": random.standard_normal(PATIENTS)}, dtype=float
        )
        tte = setting.draw(random, covariates=covariates)
        one, both = cox(tte, "arm"), cox(tte, "arm + score")
        for name, fit in (("arm", one), ("arm + score", both)):
            answers |= {
                (f"Wald, {name}", column): rejects(fit.wald.p_value),
                (f"likelihood ratio, {name}", column): rejects(fit.likelihood_ratio.p_value),
                (f"score, {name}", column): rejects(fit.score.p_value),
            }
        firth = cox(tte, "arm", penalty="firth")
        answers["Firth, likelihood ratio, arm", column] = rejects(float(firth.p_value[0]))
    return answers


def cox_robust(random: np.random.Generator) -> Answers:
    """Fit Cox's model to an arm that does nothing, where pairs of patients resemble each other."""
    answers: Answers = {}
    for column, arm in (("between pairs", PAIRED_ARM), ("within pairs", STRATUM)):
        tte = FEW_CENSORED.draw(
            random,
            uniform=uniform_in_pairs(random),
            covariates=pd.DataFrame({"arm": arm}, dtype=float),
        )
        for row, cluster in (("robust Wald, pairs as clusters", PAIR), ("Wald", None)):
            fit = cox(tte, "arm", cluster=cluster)
            answers[row, column] = rejects(float(fit.p_value[0]))
    return answers


def proportional_hazards(random: np.random.Generator) -> Answers:
    """Grambsch and Therneau's tests where hazards are proportional, the ratios 2 and 1.65."""
    covariates = pd.DataFrame({"arm": ARM, "score": random.standard_normal(PATIENTS)}, dtype=float)
    log_hazard = math.log(2) * covariates["arm"] + 0.5 * covariates["score"]
    tte = FEW_CENSORED.draw(random, log_hazard=log_hazard, covariates=covariates)
    answers: Answers = {}
    for transform in ("km", "rank", "identity", "log"):
        fit = cox(tte, "arm + score", transform=transform)
        for test in fit.proportional_hazards:
            answers[f"transform {transform}", test.term] = rejects(test.p_value)
    return answers
