"""All that a paper reports, in one value: the study layer fills it, this layer writes it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from survival_bzd.report.rounding import DAYS_PER_MONTH, digits
from survival_bzd.report.wording import covariate_words, slug

if TYPE_CHECKING:
    import pandas as pd

    from survival_bzd.endpoint.declaration import Endpoint
    from survival_bzd.endpoint.guards import Guard
    from survival_bzd.endpoint.time_to_event import Flow, TimeToEvent
    from survival_bzd.estimate import (
        Characteristic,
        CoxFit,
        CumulativeIncidence,
        GrayTest,
        HazardTable,
        IntervalCurve,
        IntervalLimits,
        KaplanMeier,
        LogRank,
        Proportion,
        RestrictedMean,
    )
    from survival_bzd.report.acute_phase import AcuteResults


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFacts:
    """The declared endpoint in plain values, from which the prose is written.

    The rules are the tables of ``study.toml`` as they stand there, such as
    ``{"at": "confirmed_abstinence", "negatives": 2, "after": "use"}``. Rows that came with their
    times made have an empty `origin`: nothing is said about how the times were derived.

    Attributes
    ----------
    label : what the event is, such as ``"Return to any benzodiazepine or Z-drug use"``.
    origin, pattern, missing : the rule tables.
    sources : which evidence counts, such as ``("visits", "urine")``; the order decides conflicts.
    substances : the classes whose use counts.
    conflict : ``"use"`` or ``"first"``.
    dating : ``"detected"``, ``"onset"``, ``"midpoint"`` or ``"last_negative"``.
    end : ``"last_statement"``, ``"outcome"`` or an ISO date.
    entry : the patients' column of a late entry; None where there is none.
    washout_days : urine positives on days 1 to this one are not assessed; or the table of numbers,
        or the name of the published ones.
    washout_positives : ``"all"``, or ``"carry_over"``: those of a run that began before time zero.
    competing : events that end the follow-up and keep their own code.
    population : ``"responders"`` or ``"intention"``.
    """

    label: str
    origin: Mapping[str, object] = field(default_factory=dict)
    pattern: Mapping[str, object] = field(default_factory=dict)
    missing: Mapping[str, object] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    substances: tuple[str, ...] = ()
    conflict: str = "use"
    dating: str = "detected"
    end: str = "last_statement"
    entry: str | None = None
    washout_days: int | str | Mapping[str, object] = 0
    washout_positives: str = "all"
    competing: tuple[str, ...] = ()
    population: str = "responders"

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """Take the facts from a declared endpoint."""
        return cls(
            label=endpoint.label,
            origin=endpoint.origin.model_dump(),
            pattern=endpoint.pattern.model_dump(),
            missing=endpoint.missing.model_dump(),
            sources=tuple(endpoint.sources),
            substances=tuple(endpoint.substances),
            conflict=endpoint.conflict,
            dating=endpoint.dated,
            end=str(endpoint.end),
            entry=None if endpoint.entry is None else endpoint.entry.column,
            washout_days=endpoint.washout_days,
            washout_positives=endpoint.washout_positives,
            competing=tuple(endpoint.competing),
            population=endpoint.population,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """A time at which the relapse-free proportion is reported.

    Attributes
    ----------
    key : how numbers.json calls it, such as ``"month_12"``.
    label : how a table calls it, such as ``"12 months"``.
    time : the time in the unit of the follow-up, such as 365.0.
    """

    key: str
    label: str
    time: float

    @classmethod
    def of_months(cls, months: float) -> Self:
        """Make the horizon of so many months of a follow-up in days: day floor(30.4375 m).

        Examples
        --------
        >>> Horizon.of_months(12)
        Horizon(key='month_12', label='12 months', time=365.0)
        """
        shown = digits(months)
        words = "1 month" if shown == "1" else f"{shown} months"
        return cls(
            key=f"month_{slug(shown)}", label=words, time=float(math.floor(DAYS_PER_MONTH * months))
        )

    @classmethod
    def of_time(cls, time: float, unit: str) -> Self:
        """Make the horizon of a time in the unit of the follow-up.

        Examples
        --------
        >>> Horizon.of_time(28, "days")
        Horizon(key='day_28', label='28 days', time=28.0)
        """
        shown = digits(time)
        single = unit.removesuffix("s")
        words = f"{shown} {single if shown == '1' else unit}"
        return cls(key=f"{slug(single)}_{slug(shown)}", label=words, time=float(time))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCounts:
    """What the records said, counted.

    Attributes
    ----------
    statements : (source, verdict, count) of the evidence, such as ``("urine", "no_use", 214)``.
    conflicts : days on which statements of one patient disagree.
    washed_out : positive samples inside the washout.
    undated : (table, count) of rows left out because they have no date.
    """

    statements: tuple[tuple[str, str, int], ...] = ()
    conflicts: int = 0
    washed_out: int = 0
    undated: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedProportion:
    """A proportion that the paper states, such as 14 of 22 free at the last contact.

    Attributes
    ----------
    key : how numbers.json calls it, such as ``"free_at_last_contact"``.
    label : what it is a proportion of, in words that can stand in a table.
    proportion : the counts with their limits.
    """

    key: str
    label: str
    proportion: Proportion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaperResults:
    """Everything that the paper of one study shows.

    Where a field holds one estimate per group, the estimate of all patients comes first (its
    group is None) and those of the groups follow.

    Attributes
    ----------
    study, title : the study's name (a file name) and title (words).
    synthetic : whether the records are made up; every output then says so.
    control_group : whether there is one; without it no output uses causal words.
    endpoint : the rules behind the times, for the prose.
    tte : the patients at risk. Its flow, where there is one, is `flow`.
    flow : what became of everybody enrolled; None for rows that came without records.
    horizons : times at which the relapse-free proportion is reported, increasing.
    curves : Kaplan-Meier curves of the time to relapse.
    interval_curves, interval_limits : the curves of relapses that lie between two visits, with
        limits at the horizons; empty where no visits are more than a month apart.
    incidence, gray : cumulative incidence of each event, and the test of each between the groups;
        empty where no competing event happened.
    follow_up : reverse Kaplan-Meier curves, whose median is the median follow-up.
    restricted_means : restricted mean times free of relapse.
    hazards : rates per window of time.
    proportions : the counted proportions, in the order of the text.
    cox : hazard ratios. Fits of one formula stand next to each other (Efron, then Firth).
    logrank : the test between the groups, where curves are split.
    by : the covariate that splits the curves.
    characteristics : the enrolled patients, described.
    follow_up_described : the observed follow-up of everybody enrolled, in `tte.unit`, if recorded.
    trace : the evidence of every patient (`endpoint.trace`), for the swimmer plot.
    records : the counts of what was read.
    acute : the symptoms in the acute phase; None where the study declares no worsening.
    labels : words for covariates, such as ``{"dose10": "dose, per 10 mg/day"}``; a column without
        one is called by its name.
    conventions : more (key, words) for the conventions of numbers.json.
    guards : what the derivation may hide.
    versions : software and its version, such as ``{"survival_bzd": "0.1.0", "Python": "3.11.7"}``.
    size : journal size preset of the figures.
    """

    study: str
    title: str
    endpoint: EndpointFacts
    tte: TimeToEvent
    curves: tuple[KaplanMeier, ...]
    synthetic: bool = False
    control_group: bool = False
    flow: Flow | None = None
    horizons: tuple[Horizon, ...] = ()
    interval_curves: tuple[IntervalCurve, ...] = ()
    interval_limits: tuple[IntervalLimits, ...] = ()
    incidence: tuple[CumulativeIncidence, ...] = ()
    gray: tuple[GrayTest, ...] = ()
    follow_up: tuple[KaplanMeier, ...] = ()
    restricted_means: tuple[RestrictedMean, ...] = ()
    hazards: tuple[HazardTable, ...] = ()
    proportions: tuple[CountedProportion, ...] = ()
    cox: tuple[CoxFit, ...] = ()
    logrank: LogRank | None = None
    by: str | None = None
    characteristics: tuple[Characteristic, ...] = ()
    follow_up_described: Characteristic | None = None
    trace: pd.DataFrame | None = None
    records: RecordCounts | None = None
    guards: tuple[Guard, ...] = ()
    acute: AcuteResults | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    size: str = "single"

    @property
    def by_words(self) -> str | None:
        """What the curves are split by, in words."""
        return None if self.by is None else covariate_words(self.by, self.labels)
