"""Covariates and the cumulative incidence of one cause: the model of Fine and Gray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.competing_risks.censoring import observable_after
from survival_bzd.estimate.competing_risks.counting import cause_name, checked_cause
from survival_bzd.estimate.competing_risks.subdistribution import Subdistribution
from survival_bzd.estimate.cox_model.curves import cox_curves
from survival_bzd.estimate.cox_model.design import Design, design
from survival_bzd.estimate.cox_model.fit import cox, few_events
from survival_bzd.estimate.cox_model.likelihood import Sample
from survival_bzd.estimate.cox_model.maximise import (
    Maximum,
    independent_columns,
    inverse,
    maximise,
    monotone_direction,
    solve,
)
from survival_bzd.estimate.cox_model.result import CoxFit
from survival_bzd.estimate.quantities import (
    Floats,
    Test,
    choice,
    frozen,
    is_missing,
    labels,
    normal_quantile,
    two_sided_p,
)
from survival_bzd.estimate.risk_sets import Indices, merge_near_equal
from survival_bzd.estimate.times_asked import snapped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictedIncidence:
    """Cumulative incidence that a model predicts for m patients: steps at the k event times.

    Attributes
    ----------
    time : (k,) times of the cause, ascending, in `unit`.
    incidence : (m, k) P(T <= time, cause) of each.
    last_time : the last follow-up time; nothing is predicted beyond it.
    unit : unit of the times.
    """

    time: Floats
    incidence: Floats
    last_time: float
    unit: str

    def at(self, times: Sequence[float] | Floats) -> Floats:
        """Return the (m, j) incidence at given times; NaN beyond the last follow-up time."""
        asked = snapped(times, np.append(self.time, self.last_time), "incidence")
        start = np.zeros((self.incidence.shape[0], 1))
        steps = np.concatenate([start, self.incidence], axis=1)
        found = steps[:, np.searchsorted(self.time, asked, side="right")]
        found[:, asked > self.last_time] = math.nan
        return frozen(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class FineGrayFit:
    """A fitted model of the subdistribution hazard. Arrays have shape (p,), one per coefficient.

    Attributes
    ----------
    formula : as given.
    cause, name : code of the cause, and what it is called.
    method : ``"crr"`` or ``"finegray"``.
    n, n_events, n_other_events, left_out : patients used; how many of them had the cause, and
        another; patients left out because a covariate or label is missing.
    terms : names of the coefficients, in the formula's order.
    coef : log subdistribution hazard ratios. Infinite where the likelihood rises for ever; NaN
        where a covariate is determined by those before it.
    std_error : robust standard errors.
    hazard_ratio, lower, upper, p_value : by Wald.
    covariance : (p, p) of the coefficients, robust.
    loglik_null, loglik_fitted : log pseudo-likelihood at 0 and at the fit.
    wald : test of all coefficients.
    ties, confidence : conventions.
    reasons : why a coefficient is not a finite number; ``""`` if it is.
    warnings : what a reader must know, in sentences.
    """

    formula: str
    cause: int
    name: str
    method: str
    n: int
    n_events: int
    n_other_events: int
    left_out: int
    terms: tuple[str, ...]
    coef: Floats
    std_error: Floats
    hazard_ratio: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    covariance: Floats
    loglik_null: float
    loglik_fitted: float
    wald: Test
    ties: str
    confidence: float
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    baseline: _Baseline | CoxFit

    def incidence(self, covariates: pd.DataFrame) -> PredictedIncidence:
        """Predict the cumulative incidence of m patients with these covariates.

        Raises
        ------
        NotEstimable
            If a coefficient is not a finite number, or there are strata.
        BadInput
            If a covariate is missing, or a level has not been seen.

        Notes
        -----
        With ``"crr"`` as R ``predict(crr)``, with ``"finegray"`` as R ``survfit(coxph)`` of the
        weighted rows (``tests/reference/fine_gray.json``).
        """
        if isinstance(self.baseline, CoxFit):
            return _from_curves(self.baseline, covariates)
        if not np.isfinite(self.coef).all():
            raise NotEstimable(
                "Incidence cannot be predicted where a coefficient is not a finite number."
            )
        return self.baseline.predict(covariates, self.coef)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient."""
        import pandas as pd

        columns = ("coef", "std_error", "hazard_ratio", "lower", "upper", "p_value")
        numbers = {name: getattr(self, name) for name in columns}
        return pd.DataFrame({"term": list(self.terms), **numbers})

    def __repr__(self) -> str:
        return (
            f"<FineGrayFit of {self.name}: {self.formula}; {self.n} patients, "
            f"{self.n_events} events>"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Baseline:
    """The incidence of a patient at the centre, from which those of others follow."""

    design: Design
    centre: Floats
    time: Floats
    steps: Floats
    last_time: float
    unit: str

    def predict(self, covariates: pd.DataFrame, coef: Floats) -> PredictedIncidence:
        """Predict for the rows of a table."""
        risk = np.exp((self.design.rows_for(covariates) - self.centre) @ coef)
        return PredictedIncidence(
            time=frozen(self.time),
            incidence=frozen(-np.expm1(-risk[:, None] * np.cumsum(self.steps))),
            last_time=self.last_time,
            unit=self.unit,
        )


def fine_gray(
    tte: TimeToEvent,
    formula: str,
    *,
    cause: int = 1,
    method: str = "crr",
    censoring: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    ties: str | None = None,
    confidence: float = 0.95,
) -> FineGrayFit:
    r"""Model the cumulative incidence of one cause: subdistribution hazard ratios of covariates.

    The model is :math:`F(t | x) = 1 - \exp(-H(t) e^{x\beta})`. Who had another event stays in the
    risk set with the weight :math:`G(t) / G(T)` of still being followed.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with covariates.
    formula : str
        As for `cox`.
    cause : int, default 1
        Code of the cause.
    method : {"crr", "finegray"}
        As R ``cmprsk::crr``: Breslow's ties, a variance that accounts for the estimation of G; it
        has no form for weights, late entries, strata and clusters. Or as R ``survival::finegray``
        followed by a weighted ``coxph``, which has; there the variance takes G as known.
    censoring : (n,) labels, optional
        Groups that each have their own G: `cengroup` of ``crr``, `strata()` of ``finegray``.
    strata : (n,) labels, optional
        A baseline for each; for ``"finegray"``.
    cluster : (n,) labels, optional
        Rows that belong together; for ``"finegray"``. By default each is alone.
    ties : {"breslow", "efron"}, optional
        Breslow's with ``"crr"``; with ``"finegray"`` Efron's unless asked for otherwise.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    FineGrayFit

    Raises
    ------
    NotEstimable
        If there is no event of the cause, or no covariate varies.
    BadInput
        If the cause, the formula or an option cannot be used.

    Notes
    -----
    Agrees with R ``cmprsk::crr(gtol = 1e-12)`` and ``coxph(weights = fgwt, cluster = id)`` of
    ``finegray`` to 1e-6 relative (``tests/reference/fine_gray.json``). With several groups of
    censoring, ``crr`` lets patients of all groups into the variance that comes from the G of each;
    here only those of the group are.

    The two methods differ in two ways: at a tie ``finegray`` puts the event before the censoring
    when it estimates G, and ``crr`` does not; and in the variance.

    References
    ----------
    .. [1] Fine JP, Gray RJ (1999). J Am Stat Assoc 94:496-509.
           doi:10.1080/01621459.1999.10474144
    .. [2] Geskus RB (2011). Biometrics 67:39-49. doi:10.1111/j.1541-0420.2010.01420.x

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> covariates = pd.DataFrame({"dose": [10.0, 20, 5, 30, 15, 8]})
    >>> tte = TimeToEvent([30, 12, 90, 12, 60, 45], [1, 1, 0, 1, 2, 1], covariates=covariates)
    >>> fit = fine_gray(tte, "dose")
    >>> fit.terms, fit.hazard_ratio.round(3)
    (('dose',), array([1.11]))
    """
    choice("method", method, ("crr", "finegray"))
    choice("ties", ties or "efron", ("breslow", "efron"))
    checked_cause(tte, cause)
    given = {"censoring": censoring, "strata": strata, "cluster": cluster}
    _check(tte, method, ties, given)
    usable = _complete(tte, given)
    normal_quantile(confidence)
    if method == "crr":
        return _crr(tte, formula, cause, usable, censoring, confidence)
    return _weighted(tte, formula, cause, usable, given, ties or "efron", confidence)


def cause_specific_cox(
    tte: TimeToEvent,
    formula: str,
    *,
    cause: int = 1,
    ties: str = "efron",
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    penalty: str = "none",
    limits: str | None = None,
    confidence: float = 0.95,
) -> CoxFit:
    """Fit Cox's model to the hazard of one cause: the other causes censor.

    Parameters
    ----------
    tte, formula, ties, strata, cluster, penalty, limits, confidence
        As for `cox`.
    cause : int, default 1
        Code of the cause.

    Returns
    -------
    CoxFit

    Raises
    ------
    NotEstimable
        If there is no event of the cause, or no covariate varies among those at risk at one.
    BadInput
        If the cause, the formula or an option cannot be used.

    Notes
    -----
    Agrees with R ``coxph(Surv(time, event == cause) ~ x)`` (``tests/reference/fine_gray.json``).

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> covariates = pd.DataFrame({"dose": [10.0, 20, 5, 30, 15, 8]})
    >>> tte = TimeToEvent([30, 12, 90, 12, 60, 45], [1, 1, 0, 2, 2, 1], covariates=covariates)
    >>> cause_specific_cox(tte, "dose").n_events
    3
    """
    checked_cause(tte, cause)
    alone = replace(
        tte,
        event=np.equal(tte.event, cause),
        upper=np.where(tte.event == cause, tte.upper, np.inf),
        label=cause_name(tte, cause),
    )
    return cox(
        alone, formula, ties=ties, strata=strata, cluster=cluster, penalty=penalty,
        limits=limits, confidence=confidence,
    )  # fmt: skip


def _check(
    tte: TimeToEvent, method: str, ties: str | None, given: dict[str, ArrayLike | None]
) -> None:
    """Refuse what the method has no form for."""
    late = tte.entry is not None and not bool(np.isnan(tte.entry).all())
    present = [
        *(("weights",) if tte.weight is not None else ()),
        *(("late entries",) if late else ()),
        *(name for name in ("strata", "cluster") if given[name] is not None),
        *(("Efron's ties",) if ties == "efron" else ()),
    ]
    if method == "crr" and present:
        raise BadInput(
            [
                Fault(
                    rule=f"crr has no form for {', '.join(present)}",
                    remedy='Take method "finegray".',
                )
            ]
        )


def _complete(tte: TimeToEvent, given: dict[str, ArrayLike | None]) -> np.ndarray:
    """Return who misses none of the labels."""
    usable = np.ones(tte.n, dtype=np.bool_)
    for name, column in given.items():
        if column is not None:
            values = np.asarray(column)
            if values.shape != (tte.n,):
                raise ValueError(f"{name} has shape {values.shape}, but there are {tte.n} rows")
            usable &= ~is_missing(values)
    return usable


# --- as crr --------------------------------------------------------------------------------------


def _crr(
    tte: TimeToEvent,
    formula: str,
    cause: int,
    usable: np.ndarray,
    censoring: ArrayLike | None,
    confidence: float,
) -> FineGrayFit:
    model = design(formula, tte.covariates, usable)
    kept = model.kept
    time, _ = merge_near_equal(tte.time[kept], None)
    code = tte.event[kept]
    event = code == cause
    _check_events(tte, event, cause)
    group = None
    if censoring is not None:
        group = labels(np.asarray(censoring)[kept], int(kept.sum()), "censoring")[1]
    centre = model.matrix.mean(axis=0)
    full = Subdistribution(model.matrix - centre, time, event, (code > 0) & ~event, group)
    start = full.slopes(np.zeros(full.p)).information
    columns = _informative(full, start, formula)
    likelihood = full.only(columns)
    q = columns.size
    null = likelihood.slopes(np.zeros(q))
    best = maximise(likelihood, np.zeros(q), np.arange(q), at=null)
    direction = monotone_direction(
        Sample(x=likelihood.x, event=event, weight=np.ones(time.size), place=likelihood.membership),
        best.step,
    )
    influence = likelihood.influences(best.beta)
    bread = inverse(best.slopes.information)
    variance = bread @ (influence.T @ influence) @ bread
    finite = np.ones(q, dtype=np.bool_) if direction is None else direction == 0
    beta = best.beta if direction is None else np.where(
        finite, best.beta, np.copysign(np.inf, direction))  # fmt: skip
    some = likelihood.deaths > 0
    return _result(
        model, columns, beta, np.where(np.outer(finite, finite), variance, np.nan),
        {
            "formula": formula, "cause": cause, "name": cause_name(tte, cause), "method": "crr",
            "n": int(kept.sum()), "n_events": int(event.sum()),
            "n_other_events": int(((code > 0) & ~event).sum()),
            "left_out": tte.n - int(kept.sum()), "ties": "breslow", "confidence": confidence,
            "loglik_null": null.loglik, "loglik_fitted": best.slopes.loglik,
            "warnings": _warnings(model, columns, finite, best, int(event.sum())),
            "baseline": _Baseline(
                design=model, centre=centre, time=likelihood.place.time[some],
                steps=likelihood.baseline(best.beta)[some], last_time=float(time.max()),
                unit=tte.unit,
            ),
        },
    )  # fmt: skip


def _check_events(tte: TimeToEvent, event: np.ndarray, cause: int) -> None:
    if not event.any():
        raise NotEstimable(
            f"None of the {event.size} patients had the event ({cause_name(tte, cause)}), so there "
            "is no incidence to compare."
        )


def _informative(likelihood: Subdistribution, information: Floats, formula: str) -> Indices:
    """Return the columns about which the data say anything new."""
    most = likelihood.event.sum() * likelihood.x.var(axis=0)
    varies = np.diag(information) > 1e-10 * most
    columns = independent_columns(np.where(np.outer(varies, varies), information, 0.0))
    if not columns.size:
        raise NotEstimable(
            f"No covariate of {formula} varies among the patients at risk at an event, so there "
            "is nothing to estimate."
        )
    return columns


def _result(
    model: Design, columns: Indices, beta: Floats, variance: Floats, known: dict[str, object]
) -> FineGrayFit:
    """Put what was estimated among all coefficients."""
    p = len(model.names)
    coef, covariance = np.full(p, np.nan), np.full((p, p), np.nan)
    coef[columns] = beta
    covariance[np.ix_(columns, columns)] = variance
    std_error = np.sqrt(np.diag(covariance))
    z = normal_quantile(float(str(known["confidence"])))
    reasons = ["not estimable: determined by the covariates before it"] * p
    for column, value in zip(columns, beta, strict=True):
        endless = "infinite: separation, the likelihood rises for ever"
        reasons[column] = "" if math.isfinite(value) else endless
    known["wald"] = (
        Test.chi_square(float(beta @ solve(variance, beta)), beta.size)
        if np.isfinite(beta).all()
        else Test.none(beta.size, "not estimable: a coefficient is infinite")
    )
    return FineGrayFit(
        terms=model.names,
        coef=frozen(coef),
        std_error=frozen(std_error),
        hazard_ratio=frozen(np.exp(coef)),
        lower=frozen(np.exp(coef - z * std_error)),
        upper=frozen(np.exp(coef + z * std_error)),
        p_value=frozen(two_sided_p(coef / std_error)),
        covariance=frozen(covariance),
        reasons=tuple(reasons),
        **known,  # type: ignore[arg-type]
    )


def _warnings(
    model: Design, columns: Indices, finite: np.ndarray, best: Maximum, events: int
) -> tuple[str, ...]:
    """Collect what a reader must know."""
    found = []
    if not finite.all():
        names = ", ".join(model.names[column] for column in columns[~finite])
        found.append(f"Separation: the data drive the coefficient of {names} to infinity.")
    elif not best.converged:
        found.append("The likelihood did not converge; the coefficients are not to be relied on.")
    redundant = [name for column, name in enumerate(model.names) if column not in columns]
    if redundant:
        found.append(f"Determined by the covariates before: {', '.join(redundant)}.")
    if events < 5 * columns.size:
        ratio = events / columns.size
        found.append(few_events(ratio))
    return tuple(found)


# --- as finegray ---------------------------------------------------------------------------------


def _weighted(
    tte: TimeToEvent,
    formula: str,
    cause: int,
    usable: np.ndarray,
    given: dict[str, ArrayLike | None],
    ties: str,
    confidence: float,
) -> FineGrayFit:
    """Fit Cox's model to rows in which those with another event stay, by their weight."""
    kept = design(formula, tte.covariates, usable).kept
    part = tte.select(kept)
    column = {
        name: None if values is None else np.asarray(values)[kept] for name, values in given.items()
    }
    _check_events(tte, part.event == cause, cause)
    rows, source = _expanded(part, cause, column["censoring"])
    clusters = np.arange(part.n) if column["cluster"] is None else column["cluster"]
    fit = cox(
        rows, formula, ties=ties, confidence=confidence, cluster=clusters[source],
        strata=None if column["strata"] is None else column["strata"][source],
    )  # fmt: skip
    return FineGrayFit(
        formula=formula,
        cause=cause,
        name=cause_name(tte, cause),
        method="finegray",
        n=part.n,
        n_events=int(np.count_nonzero(part.event == cause)),
        n_other_events=int(np.count_nonzero((part.event > 0) & (part.event != cause))),
        left_out=tte.n - part.n,
        terms=fit.terms,
        coef=fit.coef,
        std_error=fit.robust_std_error,
        hazard_ratio=fit.hazard_ratio,
        lower=fit.lower,
        upper=fit.upper,
        p_value=fit.p_value,
        covariance=fit.covariance,
        loglik_null=fit.loglik_null,
        loglik_fitted=fit.loglik_fitted,
        wald=fit.wald,
        ties=ties,
        confidence=confidence,
        reasons=fit.reasons,
        # Weighted rows have no Firth's likelihood to advise.
        warnings=tuple(said.split(" Firth's")[0] for said in fit.warnings),
        baseline=fit,
    )


def _expanded(
    tte: TimeToEvent, cause: int, censoring: ArrayLike | None
) -> tuple[TimeToEvent, Indices]:
    """Add to the rows those of patients with another event, after it; say whose each is."""
    time, entry = merge_near_equal(tte.time, tte.entry)
    event = tte.event == cause
    other = (tte.event > 0) & ~event
    group = np.zeros(tte.n, dtype=np.intp)
    if censoring is not None:
        group = labels(censoring, tte.n, "censoring")[1]
    at = np.unique(time[event])
    found = []
    for label in range(int(group.max()) + 1):
        members = np.flatnonzero(group == label)
        cuts, observable = observable_after(
            time[members], None if entry is None else entry[members], tte.event[members] == 0
        )
        stayed = members[other[members]]
        found.append(_intervals(time, stayed, at, cuts, observable))
    source, start, stop, weight = (
        np.concatenate([part[place] for part in found]) for place in range(4)
    )
    whose = np.concatenate([np.arange(tte.n), source.astype(np.intp)])
    given = np.ones(tte.n) if tte.weight is None else tte.weight
    frame = tte.covariates
    return TimeToEvent(
        np.concatenate([time, stop]),
        np.concatenate([event, np.zeros(source.size, dtype=np.bool_)]),
        tte.unit,
        entry=np.concatenate([np.full(tte.n, np.nan) if entry is None else entry, start]),
        weight=np.concatenate([np.ones(tte.n), weight]) * given[whose],
        covariates=None if frame is None else frame.iloc[whose].reset_index(drop=True),
        label=cause_name(tte, cause),
    ), whose


def _intervals(
    time: Floats, stayed: Indices, at: Floats, cuts: Floats, observable: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return source, start, stop and weight of the rows of those who stay after another event.

    Between two cuts the weight is constant; a row ends at the last event there, `at`.
    """
    run = np.searchsorted(cuts, at)
    runs, ends = np.unique(run[::-1], return_index=True)
    stops = at[::-1][ends]
    own = np.searchsorted(cuts, time[stayed])
    first = np.searchsorted(stops, time[stayed], side="right")
    count = runs.size - first
    who = np.repeat(np.arange(stayed.size), count)
    piece = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    piece += np.repeat(first, count)
    begins = np.concatenate([[-np.inf], cuts])[runs][piece]
    start = np.maximum(begins, time[stayed][who])
    still, then = observable[runs[piece]], observable[own[who]]
    # Where nobody is followed any more, G has come to 0 and there is no row.
    weight = np.divide(still, then, out=np.zeros_like(still), where=still > 0)
    real = weight > 0
    return stayed[who][real].astype(np.float64), start[real], stops[piece][real], weight[real]


def _from_curves(fit: CoxFit, covariates: pd.DataFrame) -> PredictedIncidence:
    """Predict from the weighted Cox model."""
    if fit.problem.strata:
        raise NotEstimable("Incidence is not predicted by a model with strata.")
    curves = cox_curves(fit, covariates)
    happened = curves[0].events > 0
    return PredictedIncidence(
        time=frozen(curves[0].time[happened]),
        incidence=frozen([1.0 - curve.survival[happened] for curve in curves]),
        last_time=float(curves[0].time[-1]),
        unit=curves[0].unit,
    )
