"""Relapse-free curves that a fitted Cox model predicts for given covariates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood
from survival_bzd.estimate.cox_model.problem import Problem
from survival_bzd.estimate.cox_model.result import CoxFit
from survival_bzd.estimate.limits import SCALES, limits_of
from survival_bzd.estimate.quantities import Estimate, Floats, choice, frozen, normal_quantile

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxCurve:
    """The curve of one patient: a step function that drops at each relapse time of the stratum.

    Arrays have shape (k,), one element per distinct follow-up time of the stratum, ascending.

    Attributes
    ----------
    profile : which row of the covariates; 0 for the baseline.
    stratum : label of the stratum; None where there are none.
    time : follow-up times, in `unit`.
    at_risk, events, censored : weights of those who were fitted, in the stratum.
    hazard : cumulative hazard of the patient until `time`.
    hazard_std_error : its standard error.
    survival : P(T > time) = exp(-hazard).
    std_error : standard error of `survival` itself.
    lower, upper : pointwise limits of `survival`; NaN where it is 1.
    limits, confidence : conventions of the limits.
    unit, label : unit of the times, and what the event is.
    """

    profile: int
    stratum: str | None
    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    hazard: Floats
    hazard_std_error: Floats
    survival: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    limits: str
    confidence: float
    unit: str
    label: str

    def at(self, times: Sequence[float] | Floats) -> tuple[Estimate, ...]:
        """Return survival at given times; beyond the last follow-up time nothing is estimated."""
        return tuple(self._at(float(time)) for time in times)

    def _at(self, time: float) -> Estimate:
        if not time <= self.time[-1]:
            reason = f"not estimable: follow-up of the stratum ends at {self.time[-1]:g}"
            return Estimate(estimate=math.nan, reason=reason)
        position = int(np.searchsorted(self.time, time, side="right")) - 1
        if position < 0 or self.survival[position] == 1:
            none = "not estimable: no relapse until then"
            return Estimate(estimate=1.0, std_error=0.0, lower_reason=none, upper_reason=none)
        return Estimate(
            estimate=float(self.survival[position]),
            std_error=float(self.std_error[position]),
            lower=float(self.lower[position]),
            upper=float(self.upper[position]),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per follow-up time; column names are this class's field names."""
        import pandas as pd

        columns = (
            "time", "at_risk", "events", "censored", "hazard", "hazard_std_error", "survival",
            "std_error", "lower", "upper",
        )  # fmt: skip
        return pd.DataFrame({name: getattr(self, name) for name in columns})

    def __repr__(self) -> str:
        where = "" if self.stratum is None else f", stratum {self.stratum}"
        return f"<CoxCurve: profile {self.profile}{where}, {self.time.size} times>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Baseline:
    """Sums up to each cell, for a patient whose risk is 1 on the scale of the likelihood.

    Attributes
    ----------
    hazard, spread : (k,) cumulative hazard, and its variance had the coefficients been known.
    mean : (k, q) sum of the mean covariates of those at risk, each times its hazard.
    shift : log risk of this patient, counted from the centre of the covariates.
    """

    hazard: Floats
    spread: Floats
    mean: Floats
    shift: float


def cox_curves(
    fit: CoxFit,
    covariates: pd.DataFrame | None = None,
    *,
    strata: ArrayLike | None = None,
    limits: str = "log-log",
    confidence: float = 0.95,
) -> tuple[CoxCurve, ...]:
    r"""Predict the relapse-free curves of patients with given covariates.

    The hazard at a time with events is that of Efron after Efron's ties,
    :math:`\bar w \sum_{q<d} 1 / (S - q D / d)`, with d events of mean weight :math:`\bar w`, and S
    and D the sums of :math:`w e^{x\beta}` over those at risk and those with the event; else
    Breslow's :math:`\bar w d / S`. A patient's cumulative hazard is its sum times
    :math:`e^{x\beta}`, and :math:`S(t) = \exp(-H(t))`.

    Parameters
    ----------
    fit : CoxFit
        A model whose coefficients are all finite and constant in time.
    covariates : DataFrame of m rows, optional
        The covariates of the formula. By default one patient whose covariates are all 0 and whose
        factors have their reference level: the baseline.
    strata : (m,) labels, optional
        The stratum of each patient; by default a curve in every stratum.
    limits : {"log-log", "log", "plain", "arcsin", "logit"}
        Scale on which the limits are symmetric.
    confidence : float, default 0.95
        Pointwise coverage of the limits.

    Returns
    -------
    tuple of CoxCurve
        By patient, and for each by stratum.

    Raises
    ------
    NotEstimable
        If a coefficient is infinite, or changes with time.
    BadInput
        If a covariate, level, stratum or option cannot be used.

    Notes
    -----
    Agrees with R ``survfit(coxph(...), newdata, conf.type = "log-log")``, whose ``std.err`` is
    `hazard_std_error`, to 1e-6 relative (``tests/reference/cox_curves.json``). Where errors are
    robust, the part of the variance that comes from the coefficients is robust and the other is
    not, as in R. Limits are NaN where survival is 1; R prints 1 there for log and plain.

    References
    ----------
    .. [1] Tsiatis AA (1981). Ann Stat 9:93-108. doi:10.1214/aos/1176345335
    .. [2] Therneau TM, Grambsch PM (2000). Modeling Survival Data, section 10.2. Springer.
           doi:10.1007/978-1-4757-3294-8

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> from survival_bzd.estimate.cox_model.fit import cox
    >>> covariates = pd.DataFrame({"dose": [10.0, 20, 5, 30, 15, 8]})
    >>> tte = TimeToEvent([30, 12, 90, 12, 60, 45], [1, 1, 0, 1, 0, 1], covariates=covariates)
    >>> (curve,) = cox_curves(cox(tte, "dose"), pd.DataFrame({"dose": [10.0]}))
    >>> curve.survival.round(3)
    array([0.865, 0.68 , 0.495, 0.495, 0.495])
    """
    choice("limits", limits, SCALES)
    z = normal_quantile(confidence)
    problem = fit.problem
    rows = _profiles(fit, covariates)
    wanted = _wanted_strata(problem, strata, len(rows))
    beta = fit.coef[problem.columns]
    variance = fit.covariance[np.ix_(problem.columns, problem.columns)]
    base = _baseline(fit, beta)
    place, weight = problem.sample.place, problem.sample.weight
    at_risk = place.at_risk(weight)
    events, ended = place.totals(weight, problem.sample.event), place.totals(weight)
    # A difference of two sums of weights could leave rounding where nobody is censored.
    everybody = place.totals(None, problem.sample.event) == place.totals(None)
    censored = np.where(everybody, 0.0, ended - events)
    spans = list(pairwise(place.starts.tolist()))
    curves = []
    for profile, row in enumerate(rows):
        risk = math.exp(float(row @ beta) - base.shift)
        off = base.mean - np.outer(base.hazard, row)
        hazard = base.hazard * risk
        error = risk * np.sqrt(base.spread + np.sum((off @ variance) * off, axis=1))
        survival = np.exp(-hazard)
        std_error = survival * error
        lower, upper = limits_of(survival, std_error, limits, z)
        for stratum in wanted[profile]:
            a, b = spans[stratum]
            curves.append(
                CoxCurve(
                    profile=profile,
                    stratum=problem.strata[stratum] if problem.strata else None,
                    time=frozen(place.time[a:b]),
                    at_risk=frozen(at_risk[a:b]),
                    events=frozen(events[a:b]),
                    censored=frozen(censored[a:b]),
                    hazard=frozen(hazard[a:b]),
                    hazard_std_error=frozen(error[a:b]),
                    survival=frozen(survival[a:b]),
                    std_error=frozen(std_error[a:b]),
                    lower=frozen(lower[a:b]),
                    upper=frozen(upper[a:b]),
                    limits=limits,
                    confidence=confidence,
                    unit=problem.unit,
                    label=problem.label,
                )
            )
    return tuple(curves)


def _profiles(fit: CoxFit, covariates: pd.DataFrame | None) -> Floats:
    """Return the (m, q) covariates of the patients asked for, centred as the sample is."""
    problem = fit.problem
    if problem.design.coding is None:
        raise NotEstimable(
            "A coefficient changes with time, so covariates alone do not determine a curve."
        )
    if fit.separated:
        raise NotEstimable(
            f"The coefficient of {', '.join(fit.separated)} is infinite, so no curve can be drawn. "
            "Firth's penalised likelihood gives finite estimates."
        )
    if covariates is None:
        return -problem.centre[None, :]
    rows: Floats = problem.design.rows_for(covariates)[:, problem.columns] - problem.centre
    return rows


def _wanted_strata(
    problem: Problem, strata: ArrayLike | None, patients: int
) -> list[Sequence[int]]:
    """Return the positions of the strata in which each patient's curve is wanted."""
    count = max(len(problem.strata), 1)
    if strata is None:
        return [range(count)] * patients
    asked = [str(label) for label in np.asarray(strata, dtype=object)]
    unknown = [label for label in asked if label not in problem.strata]
    if unknown or len(asked) != patients:
        raise BadInput(_stratum_faults(problem, unknown, patients))
    return [[problem.strata.index(label)] for label in asked]


def _stratum_faults(problem: Problem, unknown: list[str], patients: int) -> Iterator[Fault]:
    known = ", ".join(problem.strata) or "none"
    for label in unknown or [f"{patients} strata wanted"]:
        yield Fault(
            rule=f"each of the {patients} patients must have a stratum that was fitted",
            remedy=f"The strata are: {known}.",
            column="strata",
            value=label,
        )


def _baseline(fit: CoxFit, beta: Floats) -> _Baseline:
    """Sum the hazards of the model; exact ties have Breslow's, as in R."""
    sample = fit.problem.sample
    h = PartialLikelihood(sample, "efron" if fit.ties == "efron" else "breslow").hazards(beta)
    # The likelihood divides all risks by a constant; it is read where the risk is highest.
    eta = sample.x @ beta
    top = int(np.argmax(eta))
    return _Baseline(
        hazard=sample.place.cumulative(h.a),
        spread=sample.place.cumulative(h.alpha),
        mean=sample.place.cumulative(h.alpha[:, None] * h.s1 - h.beta[:, None] * h.d1),
        shift=float(eta[top] - math.log(h.risk[top] / sample.weight[top])),
    )
