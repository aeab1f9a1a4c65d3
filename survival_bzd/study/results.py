"""Estimate everything that the paper of a study reports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint import (
    TimeToEvent,
    counts,
    enrolled_covariates,
    observed_follow_up,
    trace,
)
from survival_bzd.errors import NotEstimable
from survival_bzd.estimate import (
    Characteristic,
    CoxFit,
    CumulativeIncidence,
    GrayTest,
    IntervalCurve,
    IntervalLimits,
    aalen_johansen,
    cox,
    describe,
    follow_up,
    gray_test,
    hazard_table,
    kaplan_meier,
    logrank,
    npmle,
    npmle_limits,
    proportion,
    restricted_mean,
)
from survival_bzd.estimate.interval_censored.apart import seen_months_apart
from survival_bzd.report.paper_results import (
    CountedProportion,
    EndpointFacts,
    Horizon,
    PaperResults,
    RecordCounts,
)
from survival_bzd.study.acute_phase import acute_results
from survival_bzd.study.guarding import guards_of
from survival_bzd.study.opening import (
    Study,
    endpoint_of,
    evidence_of,
    group_labels,
    text_labels,
    time_to_event,
)

SWIMMERS = 60
"""Above so many patients a swimmer plot cannot be read."""

FEW_EVENTS = 5.0
"""Events per parameter below which a penalised fit stands beside the ordinary one."""

SOFTWARE = (
    "numpy", "scipy", "pandas", "duckdb", "formulaic", "matplotlib", "seaborn", "python-docx",
    "jinja2", "typst",
)  # fmt: skip
"""Packages whose version can move a byte of the paper."""

Progress = Callable[[str], None]


def results(study: Study, progress: Progress = lambda step: None) -> PaperResults:
    """Estimate everything that the paper of a study reports."""
    progress("deriving the time-to-event data")
    tte = time_to_event(study)
    card, paper = study.declaration.study, study.paper
    by = None if paper.by is None else group_labels(tte, paper.by)
    progress("estimating")
    curves = kaplan_meier(tte) + (() if by is None else kaplan_meier(tte, by=by))
    between = _between_visits(study, tte, by)
    incidence, tests = _competing(tte, by)
    return PaperResults(
        study=card.name,
        title=card.title,
        synthetic=card.synthetic,
        control_group=card.control_group,
        endpoint=_facts(study),
        tte=tte,
        flow=tte.flow,
        horizons=horizons(study),
        curves=curves,
        interval_curves=between[0],
        interval_limits=between[1],
        incidence=incidence,
        gray=tests,
        follow_up=follow_up(tte) + (() if by is None else follow_up(tte, by=by)),
        restricted_means=restricted_mean(tte) + (() if by is None else restricted_mean(tte, by=by)),
        hazards=hazard_table(tte, hazard_edges(study))
        + (() if by is None else hazard_table(tte, hazard_edges(study), by=by)),
        proportions=tuple(_proportions(tte)),
        cox=tuple(fit for formula in paper.cox for fit in _cox(tte, formula)),
        logrank=None if by is None else logrank(tte, by),
        by=paper.by,
        labels=paper.labels,
        characteristics=tuple(_characteristics(study, tte)),
        follow_up_described=_observed(study, tte),
        trace=_trace(study, tte),
        records=record_counts(study),
        acute=None if study.worsening is None else acute_results(study),
        guards=guards_of(study, tte),
        versions=versions(),
        size=paper.size,
    )


def horizons(study: Study) -> tuple[Horizon, ...]:
    """Return the times at which the curve is reported."""
    rows = study.declaration.time_to_event
    if rows is not None:
        return tuple(Horizon.of_time(time, rows.unit) for time in sorted(rows.horizons))
    months = sorted(endpoint_of(study).horizons_months)
    return tuple(Horizon.of_months(month) for month in months)


def hazard_edges(study: Study) -> list[float]:
    """Return the edges of the hazard windows in the unit of the times."""
    rows = study.declaration.time_to_event
    if rows is not None and rows.unit != "days":
        return [0.0, *sorted(rows.horizons)]
    if rows is not None and "hazard_windows_months" not in study.paper.model_fields_set:
        return [0.0, *sorted(rows.horizons)]
    return [Horizon.of_months(month).time for month in study.paper.hazard_windows_months]


def versions() -> dict[str, str]:
    """Return the software in use; of Python what decides which packages the lock installs."""
    here = sys.version_info
    return {
        "survival_bzd": version("survival_bzd"),
        "Python": f"{here.major}.{here.minor}",
        **{name: version(name) for name in SOFTWARE},
    }


def _between_visits(
    study: Study, tte: TimeToEvent, by: NDArray[np.object_] | None
) -> tuple[tuple[IntervalCurve, ...], tuple[IntervalLimits, ...]]:
    """Estimate the interval-censored curves, where a relapse is known no nearer than to a month."""
    late = tte.entry is not None and not bool(np.isnan(tte.entry).all())
    if late or not seen_months_apart(tte):
        return (), ()
    times = [horizon.time for horizon in horizons(study)]
    splits: list[NDArray[np.object_] | None] = [None, *([] if by is None else [by])]
    return (
        tuple(curve for split in splits for curve in npmle(tte, by=split)),
        tuple(one for split in splits for one in npmle_limits(tte, times, by=split)),
    )


def _competing(
    tte: TimeToEvent, by: NDArray[np.object_] | None
) -> tuple[tuple[CumulativeIncidence, ...], tuple[GrayTest, ...]]:
    """Estimate the incidence of each event, where another than a relapse happened."""
    if not (tte.event > 1).any():
        return (), ()
    if by is None:
        return aalen_johansen(tte), ()
    return aalen_johansen(tte) + aalen_johansen(tte, by=by), gray_test(tte, by)


def _facts(study: Study) -> EndpointFacts:
    rows = study.declaration.time_to_event
    if rows is not None:
        return EndpointFacts(label=rows.label)
    return EndpointFacts.of(endpoint_of(study))


def _cox(tte: TimeToEvent, formula: str) -> Iterator[CoxFit]:
    """Fit a formula; where events are few or a term separates, a Firth fit stands beside it."""
    if not tte.relapsed.any():
        raise NotEstimable(
            f"a Cox model needs relapses and there are none: take `{formula}` out of [paper] cox"
        )
    fit = cox(tte, formula)
    yield fit
    if fit.separated or fit.events_per_parameter < FEW_EVENTS:
        yield cox(tte, formula, penalty="firth", limits="profile")


def _proportions(tte: TimeToEvent) -> Iterator[CountedProportion]:
    """Count who reached the origin and who was free at the last contact, of those enrolled."""
    flow = tte.flow
    if flow is None:
        free = tte.n - int(tte.relapsed.sum())
        yield CountedProportion(
            key="free_at_last_contact",
            label="Event-free at the last contact",
            proportion=proportion(free, tte.n),
        )
        return
    relapsed = flow.count("relapse", reached=True)
    free = flow.reached - relapsed
    yield CountedProportion(
        key="reached_origin",
        label="Reached the origin, of those enrolled",
        proportion=proportion(flow.reached, flow.enrolled),
    )
    yield CountedProportion(
        key="free_at_last_contact",
        label="Free at the last contact, of those enrolled",
        proportion=proportion(free, flow.enrolled),
    )
    if flow.reached:
        yield CountedProportion(
            key="free_of_those_who_reached",
            label="Free at the last contact, of those who reached the origin",
            proportion=proportion(free, flow.reached),
        )


def _characteristics(study: Study, tte: TimeToEvent) -> Iterator[Characteristic]:
    """Describe everybody enrolled (of rows: everybody in them), in all and by group.

    Who has no group is described among all only, and dates are not described.
    """
    frame = tte.covariates if study.records is None else enrolled_covariates(evidence_of(study))
    if frame is None:
        return
    names = study.paper.characteristics
    if names is None:
        patients = study.declaration.tables.get("patients")
        kinds = {} if patients is None else patients.covariates
        names = [name for name in frame.columns if kinds.get(name) != "date"]
    for name in names:
        yield describe(name, frame[name].to_numpy())
    if study.paper.by is None:
        return
    grouped = frame[frame[study.paper.by].notna()]
    groups = text_labels(grouped[study.paper.by])
    for group in sorted(set(groups)):
        for name in names:
            if name != study.paper.by:
                yield describe(name, grouped[name].to_numpy()[groups == group], group=group)


def _observed(study: Study, tte: TimeToEvent) -> Characteristic:
    if study.records is None:
        return describe("follow-up", tte.time)
    return describe("follow-up", observed_follow_up(evidence_of(study), endpoint_of(study)))


def _trace(study: Study, tte: TimeToEvent) -> Any:
    """Return the trace for the swimmer plot, where one can be drawn."""
    enrolled = tte.n if tte.flow is None else tte.flow.enrolled
    if study.records is None or enrolled > SWIMMERS:
        return None
    return trace(evidence_of(study), endpoint_of(study))


def record_counts(study: Study) -> RecordCounts | None:
    """Count what was read and what the rules set aside."""
    if study.records is None:
        return None
    said = evidence_of(study)
    per_verdict = study.records.engine.rows(
        "SELECT source, verdict, COUNT(*) FROM statement GROUP BY source, verdict "
        "ORDER BY source, verdict"
    )
    set_aside = counts(said, endpoint_of(study))
    undated: dict[str, int] = {}
    for row in study.records.left_out:
        undated[row.table] = undated.get(row.table, 0) + 1
    return RecordCounts(
        statements=tuple((source, verdict, int(count)) for source, verdict, count in per_verdict),
        conflicts=set_aside["conflicts_between_sources"] + set_aside["conflicts_within_a_source"],
        washed_out=set_aside["washed_out"],
        undated=tuple(undated.items()),
    )
