"""Compute the numbers of a study again with other software, and say where and why they differ.

lifelines, scikit-survival, statsmodels and, where it is installed, R `survival`. None of their
numbers reaches a paper; their known defects are named beside a difference.
"""

from __future__ import annotations

import csv
import io
import math
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survival_bzd.errors import SurvivalBzdError
from survival_bzd.estimate import (
    aalen_johansen,
    cox,
    kaplan_meier,
    logrank,
    npmle,
    restricted_mean,
)
from survival_bzd.estimate.cox_model.design import Design, design
from survival_bzd.study import Study, time_to_event
from survival_bzd.study.opening import group_labels
from survival_bzd.study.results import horizons

if TYPE_CHECKING:
    from survival_bzd.endpoint import TimeToEvent

CLOSED, ITERATED, EARLY = 1e-9, 1e-5, 1e-3
"""Relative differences that count as agreement: closed-form, and iterated by software that stops
earlier than this package does."""

Values = dict[str, float]

BETWEEN = "S({:g}) between visits"
"""The quantity of the interval-censored curve."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What another package says of one number.

    Attributes
    ----------
    quantity : the number.
    package : who else computed it.
    ours, theirs : the two values.
    agrees : whether they are the same within the tolerance.
    reason : why they differ, where it is known; empty where they agree.
    """

    quantity: str
    package: str
    ours: float
    theirs: float
    agrees: bool
    reason: str

    @property
    def explained(self) -> bool:
        """Whether a difference has a known reason."""
        return bool(self.reason)


@dataclass(frozen=True, eq=False)
class _Question:
    """The data of a study in the forms that the packages take."""

    tte: TimeToEvent
    group: Any
    times: tuple[float, ...]
    tau: float
    designs: Mapping[str, Design]


def second_opinions(study: Study) -> tuple[Opinion, ...]:
    """Compute curves, median, restricted mean, test and hazard ratios of a study elsewhere.

    Parameters
    ----------
    study : an opened study; the groups and formulas are those of its paper.

    Returns
    -------
    tuple of Opinion
        One for each number and package that computes it.
    """
    question = _question(study)
    ours = _ours(question)
    opinions = []
    for package, ask in PACKAGES.items():
        with warnings.catch_warnings():
            # What they warn of is theirs; what matters here is the number.
            warnings.simplefilter("ignore")
            theirs = ask(question)
        for quantity, value in theirs.items():
            if quantity in ours:
                opinions.append(_opinion(quantity, package, ours[quantity], value))
    return tuple(opinions)


def missing_packages() -> tuple[str, ...]:
    """Name the packages that cannot be asked here."""
    missing = [name for name, module in MODULES.items() if find_spec(module) is None]
    return (*missing, *(() if shutil.which("Rscript") else ("R",)))


def _question(study: Study) -> _Question:
    tte = time_to_event(study)
    by = study.paper.by
    (curve,) = kaplan_meier(tte)
    last = curve.last_time
    times = tuple(horizon.time for horizon in horizons(study) if horizon.time <= last)
    everybody = np.ones(tte.n, dtype=bool)
    designs = {formula: design(formula, tte.covariates, everybody) for formula in study.paper.cox}
    group = None if by is None else group_labels(tte, by)
    return _Question(tte, group, times, last, designs)


def _intervals(question: _Question) -> tuple[Any, Any] | None:
    """Return the bounds of the relapses where visits leave some open; None where they do not."""
    tte = question.tte
    upper = np.where(tte.relapsed, tte.upper, np.inf)
    between = bool(((tte.lower < upper) & np.isfinite(upper)).any())
    return (tte.lower, upper) if between and _plain(question) else None


def _between_visits(question: _Question) -> Values:
    """Estimate survival where relapses lie between visits, at the times that these resolve."""
    if _intervals(question) is None:
        return {}
    (curve,) = npmle(question.tte)
    at = curve.at(question.times)
    return {
        BETWEEN.format(time): float(at.survival[place])
        for place, time in enumerate(question.times)
        if at.resolved[place]
    }


def _several_causes(question: _Question) -> bool:
    """Say whether something else than the event of interest happened."""
    return bool((question.tte.event > 1).any())


def _incidence(
    cause: int, time: float, estimate: float, error: float, lower: float, upper: float
) -> Values:
    named = _survival(time, estimate, error, lower, upper)
    return {f"F{cause}{key.removeprefix('S')}": value for key, value in named.items()}


def _ours(question: _Question) -> Values:
    tte = question.tte
    (curve,) = kaplan_meier(tte)
    (mean,) = restricted_mean(tte, tau=question.tau)
    at = curve.at(question.times)
    values: Values = {}
    for place, time in enumerate(question.times):
        values.update(
            _survival(time, at.survival[place], at.std_error[place], at.lower[place],
                      at.upper[place])
        )  # fmt: skip
    for rising in aalen_johansen(tte) if _several_causes(question) else ():
        found = rising.at(question.times)
        columns = (found.incidence, found.std_error, found.lower, found.upper)
        for place, time in enumerate(question.times):
            values.update(_incidence(rising.cause, time, *(float(c[place]) for c in columns)))
    values.update(_between_visits(question))
    median = curve.median
    values["median"] = median.estimate
    values["median lower"], values["median upper"] = median.lower, median.upper
    values["restricted mean"] = mean.estimate
    values["restricted mean standard error"] = mean.std_error
    if question.group is not None:
        values["log-rank"] = logrank(tte, question.group).statistic
    for formula in question.designs:
        fit = cox(tte, formula)
        values.update(_cox_values(formula, fit.coef, fit.std_error))
        values[f"{formula}: log likelihood"] = fit.loglik_fitted
        values[f"{formula}: concordance"] = fit.concordance.estimate
        values[f"{formula}: proportional hazards, all terms"] = fit.proportional_hazards[
            -1
        ].statistic
    return values


def _survival(time: float, estimate: float, error: float, lower: float, upper: float) -> Values:
    label = f"S({time:g})"
    return {
        label: float(estimate),
        f"{label} standard error": float(error),
        f"{label} lower": float(lower),
        f"{label} upper": float(upper),
    }


def _cox_values(formula: str, coefficients: Any, errors: Any) -> Values:
    values: Values = {}
    for place, (coefficient, error) in enumerate(zip(coefficients, errors, strict=True), 1):
        values[f"{formula}: coefficient {place}"] = float(coefficient)
        values[f"{formula}: standard error {place}"] = float(error)
    return values


def _plain(question: _Question) -> bool:
    """Say whether the data have neither weights nor late entries."""
    return question.tte.weight is None and question.tte.entry is None


def _lifelines(question: _Question) -> Values:
    if not _plain(question):
        return {}
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test
    from lifelines.utils import restricted_mean_survival_time

    tte = question.tte
    curve = KaplanMeierFitter().fit(tte.time, tte.relapsed)
    steps = curve.confidence_interval_
    values: Values = {}
    for time in question.times:
        row = steps.index.searchsorted(time, side="right") - 1
        found = _survival(time, curve.predict(time), math.nan, *steps.iloc[row])
        values.update({key: value for key, value in found.items() if "error" not in key})
    bounds = _intervals(question)
    if bounds is not None:
        # Its intervals hold their lower bound; ours, as R's, do not.
        lower = np.where(bounds[0] < bounds[1], bounds[0] + 1e-6, bounds[0])
        between = KaplanMeierFitter().fit_interval_censoring(lower, bounds[1], tol=1e-10)
        steps = between.survival_function_["NPMLE_estimate_upper"]
        for time in question.times:
            # A row has survival before it; after the last one it is 0.
            row = steps.index.searchsorted(time + 1e-5, side="right")
            values[BETWEEN.format(time)] = float([*steps, 0.0][row])
    values["median"] = float(curve.median_survival_time_)
    mean, variance = restricted_mean_survival_time(curve, t=question.tau, return_variance=True)
    values["restricted mean"] = float(mean)
    values["restricted mean standard error"] = math.sqrt(variance)
    if question.group is not None:
        test = multivariate_logrank_test(tte.time, question.group, tte.relapsed)
        values["log-rank"] = float(test.test_statistic)
    for formula, asked in question.designs.items():
        frame = pd.DataFrame(asked.matrix, columns=[f"x{n}" for n in range(len(asked.names))])
        frame = frame.assign(time=tte.time[asked.kept], event=tte.relapsed[asked.kept])
        fit = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-10})
        values.update(_cox_values(formula, fit.params_, fit.standard_errors_))
        values[f"{formula}: log likelihood"] = float(fit.log_likelihood_)
        values[f"{formula}: concordance"] = float(fit.concordance_index_)
    return values


def _scikit_survival(question: _Question) -> Values:
    if find_spec("sksurv") is None or not _plain(question):
        return {}
    from sksurv.compare import compare_survival
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.metrics import concordance_index_censored
    from sksurv.nonparametric import kaplan_meier_estimator
    from sksurv.util import Surv

    tte = question.tte
    times, survival, limits = kaplan_meier_estimator(tte.relapsed, tte.time, conf_type="log-log")
    values: Values = {}
    for time in question.times:
        row = np.searchsorted(times, time, side="right") - 1
        if row >= 0:
            found = _survival(time, survival[row], math.nan, limits[0][row], limits[1][row])
            values.update({key: value for key, value in found.items() if "error" not in key})
    values.update(_scikit_incidence(question))
    response = Surv.from_arrays(tte.relapsed, tte.time)
    if question.group is not None:
        values["log-rank"] = float(compare_survival(response, question.group)[0])
    for formula, asked in question.designs.items():
        fit = CoxPHSurvivalAnalysis(ties="efron", tol=1e-12, n_iter=200)
        fit.fit(asked.matrix, response[asked.kept])
        for place, coefficient in enumerate(fit.coef_, 1):
            values[f"{formula}: coefficient {place}"] = float(coefficient)
        risk = asked.matrix @ fit.coef_
        pairs = concordance_index_censored(tte.relapsed[asked.kept], tte.time[asked.kept], risk)
        values[f"{formula}: concordance"] = float(pairs[0])
    return values


def _scikit_incidence(question: _Question) -> Values:
    """Ask for the incidence of each cause, with the variance that is the jackknife's."""
    if not _several_causes(question):
        return {}
    from sksurv.nonparametric import cumulative_incidence_competing_risks

    tte = question.tte
    times, curves, limits = cumulative_incidence_competing_risks(
        tte.event.astype(int), tte.time, conf_type="log-log", var_type="Dinse_Approx"
    )
    values: Values = {}
    for time in question.times:
        row = np.searchsorted(times, time, side="right") - 1
        for cause in range(1, len(curves)) if row >= 0 else ():
            numbers = (curves[cause, row], math.nan, *limits[cause, :, row])
            found = _incidence(cause, time, *map(float, numbers))
            values.update({key: value for key, value in found.items() if "error" not in key})
    return values


def _statsmodels(question: _Question) -> Values:
    if find_spec("statsmodels") is None or not _plain(question):
        return {}
    from statsmodels.duration.api import PHReg, SurvfuncRight, survdiff

    tte = question.tte
    event = tte.relapsed.astype(int)
    curve = SurvfuncRight(tte.time, event)
    values: Values = {}
    for time in question.times:
        row = np.searchsorted(curve.surv_times, time, side="right") - 1
        if row >= 0:
            values[f"S({time:g})"] = float(curve.surv_prob[row])
            values[f"S({time:g}) standard error"] = float(curve.surv_prob_se[row])
    if question.group is not None:
        values["log-rank"] = float(survdiff(tte.time, event, question.group)[0])
    for formula, asked in question.designs.items():
        model = PHReg(tte.time[asked.kept], asked.matrix, event[asked.kept], ties="efron")
        fit = model.fit(disp=0)
        values.update(_cox_values(formula, fit.params, fit.bse))
        values[f"{formula}: log likelihood"] = float(fit.llf)
    return values


def _r(question: _Question) -> Values:
    """Ask R `survival` through a script and a file of rows."""
    if shutil.which("Rscript") is None:
        return {}
    import pandas as pd

    tte = question.tte
    rows = pd.DataFrame({"time": tte.time, "event": tte.relapsed.astype(int)})
    for name in ("entry", "weight"):
        if getattr(tte, name) is not None:
            rows[name] = getattr(tte, name)
    if _several_causes(question):
        rows["cause"] = tte.event
    bounds = _intervals(question)
    if bounds is not None:
        rows["lower"], rows["upper"] = (np.where(np.isfinite(one), one, np.nan) for one in bounds)
    if question.group is not None:
        rows["group"] = question.group
    formulas = []
    for number, (formula, asked) in enumerate(question.designs.items()):
        names = [f"x{number}_{place}" for place in range(len(asked.names))]
        where = np.flatnonzero(asked.kept)
        rows = rows.join(pd.DataFrame(asked.matrix, columns=names, index=where))
        formulas.append(f"{formula}|{' + '.join(names)}")
    with tempfile.TemporaryDirectory(prefix="survival-bzd-") as folder:
        path = Path(folder) / "rows.csv"
        rows.to_csv(path, index=False, float_format="%.17g")
        script = resources.files("survival_bzd.verify") / "second_opinion.R"
        with resources.as_file(script) as code:
            at = ",".join(f"{time:.17g}" for time in question.times)
            ran = subprocess.run(
                ["Rscript", "--vanilla", str(code), str(path), at, f"{question.tau:.17g}",
                 *formulas],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
    if ran.returncode:
        raise SurvivalBzdError(f"R could not be asked: {ran.stderr.strip()}")
    said = csv.reader(io.StringIO(ran.stdout), delimiter="\t")
    return {quantity: math.nan if value == "NA" else float(value) for quantity, value in said}


PACKAGES: Mapping[str, Callable[[_Question], Values]] = {
    "lifelines": _lifelines,
    "scikit-survival": _scikit_survival,
    "statsmodels": _statsmodels,
    "R survival": _r,
}
MODULES = {"lifelines": "lifelines", "scikit-survival": "sksurv", "statsmodels": "statsmodels"}

KNOWN = (
    ("lifelines", "median", "lifelines takes the end of a plateau at one half, not its middle"),
    ("lifelines", "restricted mean standard error",
     "lifelines integrates the wrong variance (its issue 1277)"),
    ("scikit-survival", "lower", "scikit-survival gives limits where a curve is at 0 or 1"),
    ("scikit-survival", "upper", "scikit-survival gives limits where a curve is at 0 or 1"),
    ("lifelines", "lower", "lifelines gives limits where a curve is at 0 or 1"),
    ("lifelines", "upper", "lifelines gives limits where a curve is at 0 or 1"),
    ("lifelines", "concordance", "lifelines counts pairs tied in time differently"),
    ("scikit-survival", "concordance", "scikit-survival counts pairs tied in time differently"),
)  # fmt: skip
"""(package, how the quantity ends, reason) of differences that are understood."""


def _opinion(quantity: str, package: str, ours: float, theirs: float) -> Opinion:
    tolerance = ITERATED if ":" in quantity else EARLY if "between" in quantity else CLOSED
    both_undefined = math.isnan(ours) and not math.isfinite(theirs)
    agrees = both_undefined or math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=1e-12)
    reason = "" if agrees else _known(quantity, package)
    return Opinion(quantity, package, ours, theirs, agrees, reason)


def _known(quantity: str, package: str) -> str:
    for who, ending, reason in KNOWN:
        if who == package and quantity.endswith(ending):
            return reason
    return ""


def opinion_rows(opinions: tuple[Opinion, ...]) -> Iterator[dict[str, Any]]:
    """Yield a row for each opinion, for a table."""
    for one in opinions:
        yield {
            "quantity": one.quantity,
            "ours": None if math.isnan(one.ours) else one.ours,
            "package": one.package,
            "theirs": one.theirs if math.isfinite(one.theirs) else None,
            "verdict": "agrees" if one.agrees else one.reason or "not explained",
        }
