"""What the rules decide: every variant of an endpoint, estimated."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from survival_bzd.endpoint.grid import Sensitivity, Specification, derive_each, grid
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import Estimate, cox, kaplan_meier, npmle
from survival_bzd.estimate.lost_patients import (
    DeltaAdjusted,
    censoring_weighted,
    delta_adjusted,
    loss_bounds,
    tipping_point,
)
from survival_bzd.report.paper_results import Horizon
from survival_bzd.report.sensitivity import (
    LostResults,
    SensitivityResults,
    SurvivalHere,
    VariantResults,
)
from survival_bzd.study.opening import Study, endpoint_of, evidence_of

__all__ = ["asked_of", "sensitivity"]

UNDEFINED = math.nan


def sensitivity(
    study: Study,
    name: str,
    *,
    at_days: tuple[float, ...] = (),
    formula: str | None = None,
    confidence: float = 0.95,
    jobs: int = 1,
    seed: int = 0,
    progress: Callable[[str], None] = lambda step: None,
) -> SensitivityResults:
    """Derive and estimate every variant of an endpoint.

    Parameters
    ----------
    study : a study with records.
    name : which of its endpoints.
    at_days : where the curves are reported, the main one last; by default as declared.
    formula : the Cox model whose first term is of interest; by default as declared.
    confidence : coverage of the limits.
    jobs : how many variants at once; the results are the same.
    seed : of the imputations of what became of the lost.
    progress : called with what is being done.
    """
    statements = evidence_of(study)
    progress("laying out the variants")
    asked, specifications = grid(study.declaration, name)
    times = at_days or horizon_days(study, asked)
    model = formula or asked.formula or (study.paper.cox[0] if study.paper.cox else None)
    total, every = len(specifications), max(1, len(specifications) // 10)

    def told(done: int) -> None:
        if done % every == 0 or done == total:
            progress(f"{done} of {total} variants")

    declared: list[TimeToEvent] = []

    def work(place: int, tte: TimeToEvent) -> VariantResults:
        if specifications[place].declared:
            declared.append(tte)
        return _estimated(specifications[place], tte, times, model, confidence)

    estimates = derive_each(
        statements,
        [one.endpoint for one in specifications],
        work,
        jobs=jobs,
        progress=told,
    )
    return SensitivityResults(
        label=endpoint_of(study).label,
        variants=tuple(estimates),
        times=times,
        formula=model,
        confidence=confidence,
        control_group=study.declaration.study.control_group,
        lost=_lost_results(declared[0], asked, times, seed, confidence) if declared[0].n else None,
    )


FOLLOWED = ("study_end", "cut_off", "end_of_observation")
"""Reasons of a censoring at the end of the study; whoever is censored otherwise was lost."""

DELTAS = (0.5, 2.0, 3.0, 5.0)
"""How many times as fast the lost relapse, where nothing is declared."""


def _lost_results(
    tte: TimeToEvent, asked: Sensitivity, times: tuple[float, ...], seed: int, confidence: float
) -> LostResults:
    """Estimate what became of the lost under each assumption."""
    censored = tte.event == 0
    reasons = np.full(tte.n, "", dtype=object) if tte.reason is None else tte.reason
    lost = censored & ~np.isin(reasons.astype(str), FOLLOWED)
    bounds = tuple(loss_bounds(tte, lost, time, confidence=confidence) for time in times)
    main = times[-1]
    adjusted: tuple[DeltaAdjusted, ...] = ()
    tipping, weighted, not_weighted, not_estimable = None, None, "", ""
    try:
        adjusted = tuple(
            delta_adjusted(tte, lost, main, delta, seed=seed, confidence=confidence)
            for delta in asked.deltas or DELTAS
        )
        if (said := asked.conclusion) is not None:
            tipping = tipping_point(
                tte, lost, said.at_days, said.above, seed=seed, confidence=confidence
            )
    except NotEstimable as error:
        not_estimable = str(error)
    if asked.lost_by is not None:
        try:
            weighted = censoring_weighted(tte, lost, asked.lost_by, confidence=confidence)
        except NotEstimable as error:
            not_weighted = str(error)
    return LostResults(
        lost=int(lost.sum()),
        censored=int(censored.sum()),
        bounds=bounds,
        adjusted=adjusted,
        tipping=tipping,
        weighted=weighted,
        not_weighted=not_weighted,
        not_estimable=not_estimable,
    )


def asked_of(study: Study, endpoint: str | None) -> str:
    """Return the name of the endpoint in use."""
    known = list(study.declaration.endpoint)
    return endpoint or study.paper.endpoint or next(iter(known), "")


def horizon_days(study: Study, asked: Sensitivity) -> tuple[float, ...]:
    """Return where the curves are reported: as the grid says, or the endpoint."""
    if asked.at_days:
        return tuple(asked.at_days)
    months = sorted(endpoint_of(study).horizons_months)
    return tuple(Horizon.of_months(month).time for month in months)


def _estimated(
    specification: Specification,
    tte: TimeToEvent,
    times: tuple[float, ...],
    formula: str | None,
    confidence: float,
) -> VariantResults:
    """Estimate one variant: both curves at the horizons, the median, the hazard ratio."""
    enrolled = tte.flow.enrolled if tte.flow else tte.n
    events = int(tte.relapsed.sum())
    nothing = Estimate(estimate=UNDEFINED, reason="nobody reached the origin")
    if not tte.n:
        nowhere = tuple(
            SurvivalHere(time=time, survival=nothing, between=UNDEFINED) for time in times
        )
        return VariantResults(
            specification=specification, enrolled=enrolled, patients=0, relapses=0, median=nothing,
            survival=nowhere, ratio=nothing, term="",
        )  # fmt: skip
    curve = kaplan_meier(tte, confidence=confidence)[0]
    here = curve.at(times)
    between, why = _between(tte, times)
    ratio, term = _ratio(tte, formula, confidence)
    return VariantResults(
        specification=specification,
        enrolled=enrolled,
        patients=tte.n,
        relapses=events,
        median=curve.median,
        survival=tuple(
            SurvivalHere(
                time=time,
                survival=Estimate(
                    estimate=float(here.survival[place]),
                    lower=float(here.lower[place]),
                    upper=float(here.upper[place]),
                    std_error=float(here.std_error[place]),
                    reason=here.reasons[place],
                ),
                between=between[place],
                between_reason=why[place],
            )
            for place, time in enumerate(times)
        ),
        ratio=ratio,
        term=term,
    )


def _between(
    tte: TimeToEvent, times: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Estimate the interval-censored curve, or say why there is none."""
    try:
        found = npmle(tte)[0].at(times)
    except (BadInput, NotEstimable) as error:
        return (UNDEFINED,) * len(times), (str(error),) * len(times)
    return tuple(float(one) for one in found.survival), found.reasons


def _ratio(tte: TimeToEvent, formula: str | None, confidence: float) -> tuple[Estimate, str]:
    """Estimate the hazard ratio of the first term, or say why there is none."""
    if formula is None:
        return Estimate(estimate=UNDEFINED, reason="no model is declared"), ""
    if not tte.relapsed.any():
        return Estimate(estimate=UNDEFINED, reason="there are no relapses"), ""
    try:
        fit = cox(tte, formula, confidence=confidence)
    except NotEstimable as error:
        return Estimate(estimate=UNDEFINED, reason=str(error)), ""
    if fit.terms[0] in fit.separated:
        return Estimate(estimate=UNDEFINED, reason="the data separate it"), fit.terms[0]
    return (
        Estimate(
            estimate=float(fit.hazard_ratio[0]),
            lower=float(fit.lower[0]),
            upper=float(fit.upper[0]),
            std_error=float(fit.std_error[0]),
        ),
        fit.terms[0],
    )
