"""The rules of an endpoint, as `study.toml` declares them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from survival_bzd.endpoint.library import definitions
from survival_bzd.errors import Fault
from survival_bzd.records.declaration import (
    DECLARATION,
    Declared,
    StudyDeclaration,
    line_of,
    validate,
)

OTHER = "other"
"""Stands in a table of washouts for every drug, or assay, that is not named."""

NOT_COUNTED = "not_counted"
"""The class of substances that stand in the records and never count."""

After = Literal["use", "enrolment", "last_treatment"]
Source = Literal["visits", "urine", "use_days", "fills"]
Outcome = Literal["death", "withdrawal", "loss", "study_end"]


class ConfirmedAbstinence(Declared):
    """The clock starts on the day of the last of `negatives` consecutive negatives."""

    at: Literal["confirmed_abstinence"]
    negatives: int = Field(default=2, ge=1)
    after: After


class FirstNegative(Declared):
    """The clock starts on the day of the first of `negatives` consecutive negatives.

    With more than one this knows the future: a patient is at risk only because later negatives
    came (immortal time).
    """

    at: Literal["first_negative"]
    negatives: int = Field(default=1, ge=1)
    after: After


class Discontinuation(Declared):
    """The clock starts when possession has stopped: more than `grace_days` days without supply.

    On the day that this became known, or with `clock` on the last day covered: then it knows the
    future, because nobody could fill a prescription until it was known. `grace_days` is that of the
    pattern `refill` where it is not said. `after` says where the search begins.
    """

    at: Literal["discontinuation"]
    grace_days: int | None = Field(default=None, ge=0)
    after: Literal["enrolment", "last_treatment", "first_fill"] = "enrolment"
    clock: Literal["confirmed", "last_covered"] = "confirmed"


class Enrolment(Declared):
    """The clock starts on the day of enrolment."""

    at: Literal["enrolment"]


class LastTreatment(Declared):
    """The clock starts on the day of the last treatment."""

    at: Literal["last_treatment"]


class OriginColumn(Declared):
    """The clock starts on a date that stands in the patients table."""

    at: Literal["column"]
    column: str


class AnyUse(Declared):
    """Any day of use is a relapse."""

    rule: Literal["any_use"]


class Consecutive(Declared):
    """A relapse is `k` positives in a row: on different days, no negative between."""

    rule: Literal["consecutive"]
    k: int = Field(ge=1)


class KOfN(Declared):
    """A relapse is `k` positives among `n` assessed days in a row."""

    rule: Literal["k_of_n"]
    k: int = Field(ge=1)
    n: int = Field(ge=1)


class UseDays(Declared):
    """A relapse is `days` days of use within `within_days` days."""

    rule: Literal["use_days"]
    days: int = Field(ge=1)
    within_days: int = Field(ge=1)


class Weeks(Declared):
    """A relapse is `weeks` weeks of use in a row, or `or_days` days in a row that a calendar names.

    Weeks count from the origin. A week in which nothing is assessed breaks the run, is skipped, or
    counts as use.
    """

    rule: Literal["weeks"]
    weeks: int = Field(ge=1)
    or_days: int | None = Field(default=None, ge=1)
    missing_week: Literal["breaks", "skipped", "use"] = "breaks"


class Refill(Declared):
    """A fill is a relapse, as is any use that another source of the endpoint names.

    Possession has stopped after more than `grace_days` days in a row without supply.
    """

    rule: Literal["refill"]
    grace_days: int = Field(ge=0)


class DoseShare(Declared):
    """A relapse is a dose of a share of the baseline or more, in a day's use or a fill.

    `baseline` is the column of patients with the dose in mg. It is compared with mg of the drug in
    the column `drug`, or with mg of diazepam under the named table of equivalents; without either,
    one substance only may stand in the records.
    """

    rule: Literal["dose_share"]
    share: float = Field(gt=0, allow_inf_nan=False)
    baseline: str
    drug: str | None = None
    equivalents: str | None = None


class Supply(Declared):
    """How long a fill lasts.

    With `stockpile` early refills carry over. A fill that does not say how many days it supplies
    counts for `days_if_empty`.
    """

    stockpile: bool = True
    days_if_empty: int = Field(default=1, ge=1)


class IgnoreMissing(Declared):
    """However long the silence, the next statement decides."""

    rule: Literal["ignore"]


class MissingAs(Declared):
    """Silence of more than `gap_days` after an assessed day is relapse, or censors.

    With `look_back` a statement also ends the silence of the earlier days that it speaks of.
    """

    rule: Literal["relapse", "censor"]
    gap_days: int = Field(ge=1)
    look_back: bool = False


class LateEntry(Declared):
    """The patient was found free on the date in this column and enters the risk set then."""

    column: str


def _end_of_observation(value: object) -> object:
    """Read a date that is written as text; refuse what is no end, in one sentence."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return dt.date.fromisoformat(value)
    if value in ("last_statement", "outcome") or type(value) in (dt.date, int):
        return value
    raise ValueError('it must be "last_statement", "outcome", or a day')


End = Annotated[
    Literal["last_statement", "outcome"] | dt.date | int, BeforeValidator(_end_of_observation)
]


def _washout(value: object) -> object:
    """Refuse what is no washout, in one sentence."""
    tables = [value, *value.values()] if isinstance(value, dict) else []
    numbers = [
        days
        for table in tables
        if isinstance(table, dict)
        for days in table.values()
        if table is not value or not isinstance(days, dict)
    ]
    if isinstance(value, dict):
        wrong = [days for days in numbers if type(days) is not int or days < 0]
    else:
        wrong = [] if value in PUBLISHED or (type(value) is int and value >= 0) else [value]
    if wrong:
        raise ValueError(
            "it must be a whole number of days, 0 or more, or a table of them by analyte (and "
            f"assay), or {' or '.join(PUBLISHED)}"
        )
    return value


PUBLISHED = ("single_dose", "long_use")
"""Words for a published detection window: after one dose, or after long use."""

WashoutDays = Annotated[
    int | Literal["single_dose", "long_use"] | dict[str, int | dict[str, int]],
    BeforeValidator(_washout),
]


class Endpoint(Declared):
    """What counts as relapse, from when, by which evidence; see the project's design of endpoints.

    Attributes
    ----------
    definition : the published definition whose keys it has, but for those that are written.
    label : what the endpoint is called in figures and prose.
    substances : classes of `[substances]` that count; by default all but `NOT_COUNTED`, and with
        the dictionary all but ``z_drug`` too.
    origin : where the clock starts.
    pattern : what makes a relapse.
    sources : the evidence that counts, in the order of trust.
    conflict : who wins between sources on one day: any use, or the first-listed source.
    dated : which day of the interval (lower, upper] the relapse is dated to.
    missing : what silence counts as.
    end : where observation ends: at the last statement, at the recorded outcome, or on a day.
    washout_days : urine positives this soon after the origin are not assessed: one number, or one
        for each analyte (and assay), or the published detection windows after a single dose or
        after long use.
    washout_by : a column of patients with the drug that they came from, instead of the analyte.
    washout_positives : all positives inside the washout, or those of a run that began before the
        origin.
    supply : how long a fill lasts.
    competing : outcomes that are events of their own.
    population : those who reached the origin, or all (who never reached it fails at day 0).
    entry : late entry.
    horizons_months : where the curve is reported.
    """

    definition: str | None = None
    label: str = Field(default="Relapse", min_length=1)
    substances: list[str] = Field(default_factory=list)
    origin: Annotated[
        ConfirmedAbstinence
        | FirstNegative
        | Discontinuation
        | Enrolment
        | LastTreatment
        | OriginColumn,
        Field(discriminator="at"),
    ]
    pattern: Annotated[
        AnyUse | Consecutive | KOfN | UseDays | Weeks | Refill | DoseShare,
        Field(discriminator="rule"),
    ] = AnyUse(rule="any_use")
    sources: list[Source] = Field(min_length=1)
    conflict: Literal["use", "first"] = "use"
    dated: Literal["detected", "onset", "midpoint", "last_negative"] = "detected"
    missing: Annotated[IgnoreMissing | MissingAs, Field(discriminator="rule")] = IgnoreMissing(
        rule="ignore"
    )
    end: End = "last_statement"
    washout_days: WashoutDays = 0
    washout_by: str | None = None
    washout_positives: Literal["all", "carry_over"] = "all"
    supply: Supply = Supply()
    competing: list[Outcome] = Field(default_factory=list)
    population: Literal["responders", "intention"] = "responders"
    entry: LateEntry | None = None
    horizons_months: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=lambda: [3.0, 6.0, 12.0, 24.0]
    )

    @property
    def knows_the_future(self) -> bool:
        """Whether time zero depends on what was seen after it (immortal time)."""
        if isinstance(self.origin, Discontinuation):
            return self.origin.clock == "last_covered"
        return isinstance(self.origin, FirstNegative) and self.origin.negatives > 1

    @property
    def washes_out(self) -> bool:
        """Whether any positive can be inside a washout."""
        return self.washout_days != 0

    @property
    def grace_days(self) -> int | None:
        """So many days in a row without supply are no end of possession; None without fills."""
        if isinstance(self.origin, Discontinuation) and self.origin.grace_days is not None:
            return self.origin.grace_days
        return self.pattern.grace_days if isinstance(self.pattern, Refill) else None

    @property
    def only_fills(self) -> bool:
        """Whether fills decide alone, so that their absence shows that there was no relapse."""
        return isinstance(self.pattern, Refill | DoseShare) and self.sources == ["fills"]


def declare(study: StudyDeclaration, name: str) -> tuple[Endpoint | None, list[Fault]]:
    """Check the endpoint `name` of a study; return it, None where unusable, and its faults."""
    at = ("endpoint", name)
    if name not in study.endpoint:
        known = ", ".join(study.endpoint) or "none"
        return None, [
            Fault(
                rule=f"an endpoint must be declared in {DECLARATION}; declared: {known}",
                remedy=f"Add [endpoint.{name}], or name one that is there.",
                value=name,
            )
        ]
    written, faults = _defined(study, name)
    endpoint, problems = validate(Endpoint, written, text=study.text, at=at)
    faults += problems
    if endpoint is None:
        return None, faults
    faults += [
        Fault(
            rule=rule,
            remedy=remedy,
            file=DECLARATION,
            column=".".join((*at, key)),
            value=value,
            line=line_of(study.text, (*at, key)),
        )
        for key, value, rule, remedy in _misfits(study, endpoint)
    ]
    if not endpoint.substances:
        endpoint = endpoint.model_copy(update={"substances": _counted_by_default(study)})
    if isinstance(endpoint.origin, Discontinuation):
        grace = endpoint.origin.model_copy(update={"grace_days": endpoint.grace_days})
        endpoint = endpoint.model_copy(update={"origin": grace})
    return endpoint, faults


def _defined(study: StudyDeclaration, name: str) -> tuple[dict[str, Any], list[Fault]]:
    """Return the keys of an endpoint: those of its published definition, where others are not."""
    written: dict[str, Any] = study.endpoint[name]
    chosen = written.get("definition")
    if not isinstance(chosen, str):
        return written, []
    known = definitions()
    if chosen in known:
        return {**known[chosen].endpoint, **written}, []
    at = ("endpoint", name, "definition")
    fault = Fault(
        rule=f"a published definition is one of {', '.join(known)}",
        remedy="Name one of them (`survival-bzd endpoints` explains them), or take it out.",
        file=DECLARATION,
        column=".".join(at),
        value=chosen,
        line=line_of(study.text, at),
    )
    return {key: value for key, value in written.items() if key != "definition"}, [fault]


def _counted_classes(study: StudyDeclaration) -> list[str]:
    return [name for name in study.substances if name != NOT_COUNTED]


def _counted_by_default(study: StudyDeclaration) -> list[str]:
    """With the dictionary a Z-drug counts only where the endpoint says so."""
    counted = _counted_classes(study)
    return [name for name in counted if name != "z_drug"] if study.dictionary else counted


def _misfits(study: StudyDeclaration, endpoint: Endpoint) -> Iterator[tuple[str, str, str, str]]:
    """Yield (key, value, rule, remedy) of what an endpoint asks and the study does not have."""
    classes = _counted_classes(study)
    for name in endpoint.substances:
        if name not in classes:
            yield (
                "substances",
                name,
                f"a class of [substances]: {', '.join(classes) or 'none yet'}",
                "Declare the class, with the names that stand in the records.",
            )
    for key, listed in (("sources", endpoint.sources), ("competing", endpoint.competing)):
        if len(set(listed)) < len(listed):
            yield key, ", ".join(listed), "each is listed once", "Take one out."
    for source in dict.fromkeys(endpoint.sources):
        if source not in study.tables:
            yield (
                "sources",
                source,
                "a source must be a table of the study",
                f"Add [tables.{source}], or take it out.",
            )
    yield from _missing_tables(study, endpoint)
    yield from _missing_columns(study, endpoint)
    yield from _idle_fills(endpoint)
    yield from _unknown_washouts(study, endpoint)
    yield from _unknown_equivalents(endpoint)
    yield from _odd_values(study, endpoint)


def _odd_values(study: StudyDeclaration, endpoint: Endpoint) -> Iterator[tuple[str, str, str, str]]:
    """Yield what no patient could fulfil, and a day that is not written as the study's days."""
    pattern = endpoint.pattern
    if isinstance(pattern, KOfN) and pattern.k > pattern.n:
        yield "pattern", f"k = {pattern.k}, n = {pattern.n}", "k is at most n", "Exchange them."
    if isinstance(pattern, UseDays) and pattern.days > pattern.within_days:
        yield (
            "pattern",
            f"{pattern.days} in {pattern.within_days} days",
            "days is at most within_days",
            "Exchange them.",
        )
    in_days = study.study.dates == "days"
    if isinstance(endpoint.end, dt.date) and in_days:
        yield "end", str(endpoint.end), "a day of a study in days is a whole number", "Write it so."
    if isinstance(endpoint.end, int) and not in_days:
        yield "end", str(endpoint.end), "a day of a study in dates is a date", 'Write "2021-12-31".'


def _idle_fills(endpoint: Endpoint) -> Iterator[tuple[str, str, str, str]]:
    """Yield what says too little, or too much, of fills."""
    origin, pattern = endpoint.origin, endpoint.pattern
    stops = isinstance(origin, Discontinuation)
    refill = isinstance(pattern, Refill)
    by_dose = isinstance(pattern, DoseShare)
    if by_dose and not {"use_days", "fills"} & {*endpoint.sources}:
        yield "pattern", pattern.rule, "it needs use_days or fills among the sources", "List one."
    if "fills" in endpoint.sources and not (stops or refill or by_dose):
        yield (
            "sources",
            "fills",
            "a fill is possession and no use: it counts with the patterns refill and dose_share, "
            "or the origin discontinuation",
            'Write pattern = { rule = "refill", grace_days = 30 }, or take fills out.',
        )
    if (stops or refill) and "fills" not in endpoint.sources:
        key = "pattern" if refill else "origin"
        yield key, "fills", "it needs fills among the sources", "List them."
    if isinstance(origin, Discontinuation) and endpoint.grace_days is None:
        yield "origin", origin.at, "it needs grace_days", "Say them, as in grace_days = 30."
    if isinstance(pattern, Refill) and pattern.grace_days != endpoint.grace_days:
        yield (
            "origin",
            f"grace_days = {endpoint.grace_days}, and {pattern.grace_days} in the pattern",
            "possession stops in one way",
            "Say it in the pattern only.",
        )
    if (stops or endpoint.only_fills) and endpoint.end == "last_statement":
        yield (
            "end",
            "last_statement",
            "that nothing was filled is known only while the fills are observed",
            'Say until when that is: "outcome", or a day.',
        )
    if endpoint.only_fills and isinstance(endpoint.missing, MissingAs):
        yield (
            "missing",
            endpoint.missing.rule,
            "where fills are the only source there is no silence",
            'Write missing = { rule = "ignore" }.',
        )


def _unknown_equivalents(endpoint: Endpoint) -> Iterator[tuple[str, str, str, str]]:
    """Yield a table of equivalents that does not exist, or that nothing is left to do for."""
    pattern = endpoint.pattern
    if not isinstance(pattern, DoseShare) or pattern.equivalents is None:
        return
    from survival_bzd.records.substances import dictionary

    tables = dictionary().tables
    if pattern.equivalents not in tables:
        yield (
            "pattern",
            pattern.equivalents,
            f"a table of equivalents is one of {', '.join(tables)}; they are never averaged",
            "Name one of them.",
        )
    if pattern.drug is not None:
        yield (
            "pattern",
            f"drug = {pattern.drug}, equivalents = {pattern.equivalents}",
            "the baseline is in mg of one drug or in mg of diazepam",
            "Take one of them out.",
        )


def _unknown_washouts(
    study: StudyDeclaration, endpoint: Endpoint
) -> Iterator[tuple[str, str, str, str]]:
    """Yield the drugs of a washout that the study does not name."""
    said = endpoint.washout_days
    if not isinstance(said, dict):
        return
    known = {name for names in study.substances.values() for name in names} | {OTHER}
    for name, days in said.items():
        if name not in known:
            yield (
                "washout_days",
                name,
                "a washout is of a substance of [substances], as it is written there",
                f"Correct it, or take {OTHER}.",
            )
        elif name == OTHER and not isinstance(days, int):
            yield "washout_days", name, "for other drugs it is one number", "Write other = 14."


def _missing_tables(
    study: StudyDeclaration, endpoint: Endpoint
) -> Iterator[tuple[str, str, str, str]]:
    """Yield what needs a table that the study does not have."""
    after = getattr(endpoint.origin, "after", None)
    needs = [
        ("origin", "treatments", "last_treatment" in (endpoint.origin.at, after)),
        ("end", "outcomes", endpoint.end == "outcome"),
        ("competing", "outcomes", bool(endpoint.competing)),
    ]
    for key, table, needed in needs:
        if needed and table not in study.tables:
            yield key, table, f"it needs the table {table}", f"Add [tables.{table}]."


def _missing_columns(
    study: StudyDeclaration, endpoint: Endpoint
) -> Iterator[tuple[str, str, str, str]]:
    """Yield what needs a column of patients that is not declared."""
    patients = study.tables.get("patients")
    covariates = patients.covariates if patients else {}
    wanted = []
    if isinstance(endpoint.origin, OriginColumn):
        wanted.append(("origin", endpoint.origin.column, "date"))
    if endpoint.entry is not None:
        wanted.append(("entry", endpoint.entry.column, "date"))
    if endpoint.washout_by is not None:
        wanted.append(("washout_by", endpoint.washout_by, "text"))
    if isinstance(endpoint.pattern, DoseShare):
        wanted.append(("pattern", endpoint.pattern.baseline, "number"))
        if endpoint.pattern.drug is not None:
            wanted.append(("pattern", endpoint.pattern.drug, "text"))
    for key, column, kind in wanted:
        if (column, kind) != ("enrolled", "date") and covariates.get(column) != kind:
            yield (
                key,
                column,
                f"it must be a {kind} column of patients",
                f'Declare it: [tables.patients] covariates = {{ {column} = "{kind}" }}.',
            )
