"""Studies that ask whether limits hold the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.coverage.studies import (
    ARM,
    FEW_CENSORED,
    MANY_CENSORED,
    PAIR,
    PAIRED_ARM,
    PATIENTS,
    SETTINGS,
    Setting,
    uniform_in_pairs,
)
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate import (
    ConfidenceBand,
    bootstrap_survival,
    conditional_survival,
    confidence_bands,
    cox,
    cox_curves,
    follow_up,
    hazard_table,
    kaplan_meier,
    nelson_aalen,
    proportion,
    restricted_mean,
    restricted_mean_difference,
    restricted_mean_ratio,
    smoothed_hazard,
    survival_difference,
)
from survival_bzd.estimate.quantities import Estimate, Floats

Answers = dict[tuple[str, str], bool | None]
"""By row and column of a table: yes, no, or None where the study has no limits."""

LIMITS = ("log-log", "log", "plain", "arcsin", "logit", "beta")
HEIGHTS = (0.9, 0.7, 0.5, 0.3)
VISITS = (42.0, 140.0, 280.0)
LOG_RATIO = {"arm": math.log(2), "score": 0.5}


def holds(lower: float, upper: float, truth: float) -> bool | None:
    """Whether limits hold the truth; None where there are none."""
    if math.isnan(lower) or math.isnan(upper):
        return None
    return bool(lower <= truth <= upper)


def _row(
    name: str, columns: Mapping[str, float], lower: Floats, upper: Floats, row: str = ""
) -> Answers:
    """Answer for each column with its truth."""
    found = zip(columns.items(), lower, upper, strict=True)
    return {(row or name, column): holds(low, high, true) for (column, true), low, high in found}


def _survival(random: np.random.Generator, setting: Setting, times: list[float]) -> Answers:
    tte = setting.draw(random)
    truth = {f"S = {height:.2g}": float(height) for height in setting.survival(times)}
    answers: Answers = {}
    for limits in LIMITS:
        at = kaplan_meier(tte, limits=limits)[0].at(times)
        answers |= _row(limits, truth, at.lower, at.upper)
    seed = int(random.integers(2**31))
    (drawn,) = bootstrap_survival(tte, times, 1000, seed)
    return answers | _row("bootstrap percentiles", truth, drawn.lower, drawn.upper)


def survival_few_censored(random: np.random.Generator) -> Answers:
    """Pointwise limits of a curve, relapse seen at any time."""
    return _survival(random, FEW_CENSORED, [FEW_CENSORED.reached(height) for height in HEIGHTS])


def survival_many_censored(random: np.random.Generator) -> Answers:
    """Pointwise limits of a curve, relapse seen at visits."""
    return _survival(random, MANY_CENSORED, list(VISITS))


def survival_robust(random: np.random.Generator) -> Answers:
    """Limits of a curve of pairs that resemble each other, and of weighted patients."""
    times = [FEW_CENSORED.reached(height) for height in HEIGHTS]
    truth = {f"S = {height:g}": height for height in HEIGHTS}
    paired = FEW_CENSORED.draw(random, uniform=uniform_in_pairs(random))
    weighted = FEW_CENSORED.draw(random, weight=random.uniform(0.5, 2, PATIENTS))
    answers: Answers = {}
    for row, curves in (
        ("pairs, as clusters", kaplan_meier(paired, cluster=PAIR)),
        ("pairs, taken as independent", kaplan_meier(paired)),
        ("weights that are not whole", kaplan_meier(weighted)),
    ):
        at = curves[0].at(times)
        answers |= _row(row, truth, at.lower, at.upper)
    return answers


def _quantile(found: Estimate, truth: float) -> bool | None:
    """Whether limits of a time hold it; an upper limit that is not reached is infinite."""
    upper = math.inf if math.isnan(found.upper) else found.upper
    return holds(found.lower, upper, truth)


def quantiles(random: np.random.Generator) -> Answers:
    """Limits of the time until a part has relapsed, and of the median length of follow-up."""
    tte = FEW_CENSORED.draw(random)
    answers: Answers = {}
    for limits in LIMITS:
        for column, p in (("quarter", 0.25), ("median", 0.5)):
            found = kaplan_meier(tte, limits=limits)[0].quantile(p)
            answers[limits, column] = _quantile(found, FEW_CENSORED.reached(1 - p))
    (followed,) = follow_up(tte)
    middle = (FEW_CENSORED.first + FEW_CENSORED.last) / 2
    answers["length of follow-up, log-log", "median"] = _quantile(followed.median, middle)
    return answers


def _holds_throughout(band: ConfidenceBand, setting: Setting) -> bool | None:
    """Whether the true curve lies in the band from its start to its end."""
    if band.reason:
        return None
    until = np.append(band.time[1:], band.end)
    if setting.visits:
        # The true curve is level between visits.
        until = np.maximum(until - setting.visits, band.time)
    below = bool((band.lower <= setting.survival(until)).all())
    return below and bool((setting.survival(band.time) <= band.upper).all())


def bands(random: np.random.Generator) -> Answers:
    """Bands that shall hold the whole curve."""
    answers: Answers = {}
    for column, setting in SETTINGS.items():
        tte = setting.draw(random)
        for kind in ("equal-precision", "hall-wellner"):
            for limits in ("log-log", "plain", "arcsin"):
                (band,) = confidence_bands(tte, kind=kind, limits=limits)
                answers[f"{kind}, {limits}", column] = _holds_throughout(band, setting)
        at = kaplan_meier(tte)[0].at(band.time)
        pointwise = replace(band, lower=at.lower, upper=at.upper)
        answers["pointwise limits, log-log", column] = _holds_throughout(pointwise, setting)
    return answers


def conditional(random: np.random.Generator) -> Answers:
    """Survival of those who have been free for 30 days."""
    tte = FEW_CENSORED.draw(random)
    truth = {f"{height:.0%} stay free": height for height in HEIGHTS[1:]}
    times = [30 + FEW_CENSORED.reached(height) for height in HEIGHTS[1:]]
    answers: Answers = {}
    for limits in ("log-log", "beta"):
        (later,) = conditional_survival(tte, 30, times, limits=limits)
        answers |= _row(limits, truth, later.lower, later.upper)
    return answers


def cumulative_hazard(random: np.random.Generator) -> Answers:
    """Nelson-Aalen limits, and those of a hazard that is smoothed."""
    tte = FEW_CENSORED.draw(random)
    times = [FEW_CENSORED.reached(height) for height in HEIGHTS]
    truth = {f"S = {height:g}": -math.log(height) for height in HEIGHTS}
    (curve,) = nelson_aalen(tte)
    place = np.searchsorted(curve.time, times, side="right")
    lower, upper = (np.append(math.nan, side)[place] for side in (curve.lower, curve.upper))
    answers = _row("Nelson-Aalen", truth, lower, upper)
    (smooth,) = smoothed_hazard(tte, times=times, bandwidth=40, end=150)
    rate = dict.fromkeys(truth, 1 / FEW_CENSORED.mean)
    return answers | _row("smoothed hazard, bandwidth 40 days", rate, smooth.lower, smooth.upper)


def rates(random: np.random.Generator) -> Answers:
    """Exact limits of a rate in a window of follow-up."""
    (table,) = hazard_table(FEW_CENSORED.draw(random), [0, 14, 56, 112])
    truth = dict.fromkeys(("days 0 to 14", "days 14 to 56", "days 56 to 112"), 0.01)
    return _row("exact Poisson", truth, table.lower, table.upper)


def shares(random: np.random.Generator) -> Answers:
    """Exact limits of a share of 22 patients."""
    answers: Answers = {}
    for truth in (0.05, 0.1, 0.3, 0.5):
        found = proportion(int(random.binomial(PATIENTS, truth)), PATIENTS)
        answers["Clopper-Pearson", f"share = {truth:g}"] = holds(found.lower, found.upper, truth)
    return answers


def restricted_means(random: np.random.Generator) -> Answers:
    """Means up to day 84: of all, and of one arm against the other, whose hazard is twice it."""
    tte = FEW_CENSORED.draw(random)
    log_hazard = LOG_RATIO["arm"] * ARM
    unlike = FEW_CENSORED.draw(random, log_hazard=log_hazard)
    first, second = (_mean_until(84, FEW_CENSORED.mean / ratio) for ratio in (1, 2))
    answers: Answers = {}
    for row, make, truth in (
        ("mean of 22", lambda: restricted_mean(tte, tau=84), first),
        ("difference, 11 and 11",
         lambda: restricted_mean_difference(unlike, ARM, tau=84), second - first),
        ("ratio, 11 and 11", lambda: restricted_mean_ratio(unlike, ARM, tau=84), second / first),
    ):  # fmt: skip
        try:
            (found,) = make()
        except NotEstimable:
            answers[row, "84 days"] = None
            continue
        answers[row, "84 days"] = holds(found.lower, found.upper, truth)
    return answers


def _mean_until(tau: float, mean: float) -> float:
    return -mean * math.expm1(-tau / mean)


def differences(random: np.random.Generator) -> Answers:
    """Differences of survival at day 60 between two arms."""
    answers: Answers = {}
    for column, ratio in (("none", 1.0), ("twice the hazard", 2.0)):
        tte = FEW_CENSORED.draw(random, log_hazard=math.log(ratio) * ARM)
        once = float(FEW_CENSORED.survival(60))
        for limits in ("log-log", "plain"):
            (found,) = survival_difference(tte, ARM, 60, limits=limits)
            answers[limits, column] = holds(found.lower, found.upper, once**ratio - once)
    return answers


def _arm_and_score(
    random: np.random.Generator, setting: Setting, log_ratio: Mapping[str, float] = LOG_RATIO
) -> TimeToEvent:
    """Draw a study of two arms and a score of mean 0 and deviation 1."""
    covariates = pd.DataFrame({"arm": ARM, "score": random.standard_normal(PATIENTS)}, dtype=float)
    log_hazard = sum(log_ratio[name] * covariates[name].to_numpy() for name in log_ratio)
    return setting.draw(random, log_hazard=log_hazard, covariates=covariates)


def hazard_ratios(random: np.random.Generator) -> Answers:
    """Hazard ratios of two arms, 2, and of a score, 1.65 for each deviation."""
    answers: Answers = {}
    for column, setting in SETTINGS.items():
        tte = _arm_and_score(random, setting)
        for row, limits, penalty in (
            ("Wald", "wald", "none"),
            ("profile", "profile", "none"),
            ("Firth, profile", "profile", "firth"),
        ):
            fit = cox(tte, "arm + score", limits=limits, penalty=penalty)
            pairs = zip(fit.terms, fit.lower, fit.upper, strict=True)
            for term, lower, upper in pairs:
                truth = math.exp(LOG_RATIO[term])
                answers[row, f"{term}, {column}"] = holds(float(lower), float(upper), truth)
    return answers


def clustered_hazard_ratios(random: np.random.Generator) -> Answers:
    """Hazard ratios of 2 between pairs, and within them, where a pair resembles each other."""
    answers: Answers = {}
    for column, arm in (("between pairs", PAIRED_ARM), ("within pairs", np.arange(PATIENTS) % 2)):
        tte = FEW_CENSORED.draw(
            random,
            log_hazard=LOG_RATIO["arm"] * arm,
            uniform=uniform_in_pairs(random),
            covariates=pd.DataFrame({"arm": arm}, dtype=float),
        )
        for row, cluster in (("robust, pairs as clusters", PAIR), ("taken as independent", None)):
            fit = cox(tte, "arm", cluster=cluster)
            lower, upper = float(fit.lower[0]), float(fit.upper[0])
            answers[row, column] = holds(lower, upper, math.exp(LOG_RATIO["arm"]))
    return answers


def cox_predictions(random: np.random.Generator) -> Answers:
    """Curves of a patient of arm 1 and mean score, and the concordance."""
    tte = _arm_and_score(random, FEW_CENSORED)
    fit = cox(tte, "arm + score")
    concordance = fit.concordance
    answers = {
        ("concordance", "limits"): holds(
            concordance.lower, concordance.upper, concordance_of_many()
        )
    }
    if fit.separated:
        return answers
    (curve,) = cox_curves(fit, pd.DataFrame({"arm": [1.0], "score": [0.0]}))
    for height in (0.7, 0.5, 0.3):
        (found,) = curve.at([FEW_CENSORED.reached(height) / 2])
        answers["curve of arm 1", f"S = {height:g}"] = holds(found.lower, found.upper, height)
    return answers


@cache
def concordance_of_many() -> float:
    """Return the concordance of the true hazards, from 200,000 patients with the same follow-up."""
    random = np.random.default_rng(2026)
    n = 200_000
    covariates = pd.DataFrame(
        {"arm": random.integers(0, 2, n), "score": random.standard_normal(n)}, dtype=float
    )
    log_hazard = sum(LOG_RATIO[name] * covariates[name].to_numpy() for name in LOG_RATIO)
    relapse = random.exponential(FEW_CENSORED.mean, n) * np.exp(-log_hazard)
    end = random.uniform(FEW_CENSORED.first, FEW_CENSORED.last, n)
    tte = TimeToEvent(np.minimum(relapse, end), relapse <= end, covariates=covariates)
    return cox(tte, "arm + score").concordance.estimate
