"""Timeline-followback calendars, long and wide, become days of use and the periods asked about.

A day that nobody asked about is never a day without use: without assessed days there is no import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from survival_bzd.errors import Fault
from survival_bzd.records.declaration import Declared, StudyCard, date_pattern, load_declaration
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.imports.exports import open_export, refuse, source_of
from survival_bzd.records.imports.folder import (
    Check,
    Imported,
    add_to_study,
    faults_of_records,
    write_study,
)
from survival_bzd.records.imports.maps import MapFile, alike, read_map
from survival_bzd.records.loading import load_text
from survival_bzd.records.reading import NUMBER, WHOLE
from survival_bzd.records.schema import CENTURY, FURTHEST_DAY
from survival_bzd.records.text_table import TextTable, named

COPIED = ("study", "substances", "endpoint", "paper")
"""Sections of `study.toml` that a map may have; they are copied."""

DATE_COLUMNS = ("date", "first", "from", "to", "interview")


class Calendar(Declared):
    """How a calendar is read: the section `[calendar]` of a map.

    Attributes
    ----------
    layout : ``"long"``, a row for each day of use, or ``"wide"``, a column for each day.
    patient_id, date, substance, amount : columns; the last three of a long calendar.
    days : of a wide calendar, how the columns of days are called: ``"day_{}"``.
    first : column of the date of day 1. Without it day 1 is the day before `interview`.
    always : the substance of every cell.
    from, to : columns of the period asked about.
    interview, window_days : instead, a column, and how many days before it were asked about.
    includes_interview : whether the last of these days, and day 1, is that of the interview.
    codes : substance = [what stands in the cells, ...].
    separator : between the substances of one cell.
    no_use, not_assessed : what else stands in the cells.
    blank : what an empty cell says. In a wide calendar it says nothing unless told.
    date_format : how dates are written, or ``"days"``.
    """

    layout: Literal["long", "wide"]
    patient_id: str
    date: str | None = None
    substance: str | None = None
    amount: str | None = None
    days: str | None = None
    first: str | None = None
    always: str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    interview: str | None = None
    window_days: int | None = Field(default=None, ge=1, le=CENTURY)
    includes_interview: bool = False
    codes: dict[str, list[str]] = Field(default_factory=dict)
    separator: str | None = Field(default=None, min_length=1)
    no_use: list[str] = Field(default_factory=list)
    not_assessed: list[str] = Field(default_factory=list)
    blank: Literal["not_assessed", "no_use"] | None = None
    date_format: str = "%Y-%m-%d"

    @field_validator("date_format")
    @classmethod
    def _names_a_day(cls, form: str) -> str:
        try:
            StudyCard(name="n", title="t", synthetic=False, control_group=False,
                      date_format="%Y-%m-%d" if form == "days" else form)  # fmt: skip
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return form

    @property
    def columns(self) -> dict[str, str]:
        """Our name of a column -> theirs, for those that are named."""
        names = ("patient_id", "date", "substance", "amount", "first", "to", "interview")
        found = {name: getattr(self, name) for name in names}
        found["from"] = self.from_
        return {name: theirs for name, theirs in found.items() if theirs is not None}

    @property
    def has_windows(self) -> bool:
        """Whether the map says which days were asked about."""
        asked = self.interview is not None and self.window_days is not None
        return asked or (self.from_ is not None and self.to is not None)


@dataclass(frozen=True, slots=True)
class CalendarShare:
    """What a calendar became: rows of a table, and of how many patients."""

    table: str
    rows: int
    patients: int


@dataclass(slots=True)
class _Reading:
    map: MapFile
    calendar: Calendar
    name: str
    days: dict[str, str] = field(default_factory=dict)
    """Columns of a wide calendar -> the number or date in their name."""


def import_tlfb(
    calendar: Path,
    mapping: Path,
    into: Path | None,
    *,
    add_to: Path | None = None,
    window_days: int | None = None,
    delimiter: str | None = None,
    check: Check = faults_of_records,
) -> tuple[CalendarShare, ...]:
    """Turn a timeline-followback calendar into `use_days` and `use_windows` of a study.

    Parameters
    ----------
    calendar : CSV, long or wide.
    mapping : says how it is read; `scaffold_calendar_map` writes one to fill in.
    into : the study folder to make. None makes it in a temporary place, to see what would become.
    add_to : instead, a study folder that has no calendar yet.
    window_days : instead of the map's.
    delimiter : of the calendar; found out by default.
    check : what must find nothing wrong with the folder.

    Returns
    -------
    tuple of CalendarShare
        What was written.

    Raises
    ------
    BadInput
        With every problem of a kind.
    """
    text = open_export(calendar, delimiter)
    reading = _checked(read_map(mapping), text, window_days, adds=add_to is not None)
    engine = Engine.start()
    columns = {f"c_{ours}": theirs for ours, theirs in reading.calendar.columns.items()}
    load_text(engine, "raw_calendar", text, {**columns, **{c: c for c in reading.days}})
    refuse(text.faults)
    _type_dates(engine, reading)
    refuse(list(_date_faults(engine, reading)))
    _make_windows(engine, reading)
    _make_cells(engine, reading)
    refuse(list(_cell_faults(engine, reading)))
    refuse(list(_window_faults(engine, reading)))
    _make_asked(engine, reading)
    form = reading.calendar.date_format if add_to is None else _form_of(add_to)
    tables = _tables(reading, form, patients=add_to is None)
    sources = [source_of(calendar, "tlfb", "calendar"), source_of(mapping, "tlfb", "map")]
    if add_to is not None:
        add_to_study(engine, tables, sources, add_to, check=check)
    else:
        write_study(engine, tables, _sections(reading, sources), into, reading.map, check=check)
    counted = "SELECT COUNT(*), COUNT(DISTINCT patient_id) FROM ({query}) AS t"
    return tuple(
        CalendarShare(name, *engine.rows(counted.format(query=table.query))[0])
        for name, table in tables.items()
    )


def scaffold_calendar_map(calendar: Path, *, delimiter: str | None = None) -> str:
    """Return a commented map to fill in, with the columns that the calendar has."""
    text = open_export(calendar, delimiter)
    template = resources.files("survival_bzd.records") / "templates" / "tlfb.toml"
    return template.read_text(encoding="utf-8").replace("COLUMNS", named(text.header), 1)


def _form_of(study: Path) -> str:
    """Return how a study writes its dates."""
    card = load_declaration(study)[0].study
    return "days" if card.dates == "days" else card.date_format


def _checked(file: MapFile, text: TextTable, window_days: int | None, *, adds: bool) -> _Reading:
    """Check the map by itself and against the header of the calendar."""
    faults = file.unknown_sections(("calendar",) if adds else ("calendar", *COPIED), COPIED)
    found, problems = file.section(Calendar, "calendar")
    refuse([*faults, *problems])
    calendar = found or Calendar(layout="long", patient_id="")
    if window_days is not None:
        calendar = calendar.model_copy(update={"window_days": window_days})
    reading = _Reading(file, calendar, text.name)
    faults = list(_shape_faults(reading))
    for ours, theirs in calendar.columns.items():
        if theirs not in text.header:
            rule = f"the column must be one of the calendar: {named(text.header)}"
            remedy = f"Correct it{alike(theirs, text.header)}."
            faults.append(file.fault(rule, remedy, ("calendar", ours), theirs))
    if calendar.layout == "wide" and calendar.days is not None:
        pattern = re.escape(calendar.days).replace(re.escape("{}"), "(.+)")
        for column in text.header:
            match = re.fullmatch(pattern, column)
            if match and column not in calendar.columns.values():
                reading.days[column] = match[1]
        if not reading.days:
            rule = f"there must be columns called like {calendar.days}; the calendar has none"
            remedy = f"It has {named(text.header)}."
            faults.append(file.fault(rule, remedy, ("calendar", "days"), calendar.days))
    refuse(faults)
    return reading


def _shape_faults(reading: _Reading) -> Iterator[Fault]:
    """Name what the layout needs and the map does not say."""
    calendar = reading.calendar
    needed = {"long": ("date",), "wide": ("days",)}[calendar.layout]
    for name in needed:
        if getattr(calendar, name) is None:
            rule = f"a {calendar.layout} calendar needs {name}"
            yield reading.map.fault(rule, "Add it.", ("calendar", "layout"), calendar.layout)
    if calendar.layout == "long" and (calendar.substance is None) == (calendar.always is None):
        rule = "it must have one of substance, a column, and always, one substance for all rows"
        yield reading.map.fault(rule, "Correct it.", ("calendar", "substance"))
    if calendar.days is not None and calendar.days.count("{}") != 1:
        rule = "days must have {} where the columns have a number or a date"
        yield reading.map.fault(rule, 'As in "day_{}".', ("calendar", "days"), calendar.days)
    if not calendar.has_windows and (calendar.layout == "long" or calendar.blank == "no_use"):
        rule = "which days were asked about must be known: a day that is not there is no day free"
        remedy = "Name the columns from and to, or interview and window_days (or --window DAYS)."
        yield reading.map.fault(rule, remedy, ("calendar",))
    if calendar.window_days is not None and (calendar.interview is None or calendar.to is not None):
        rule = "window_days counts back from interview, and takes the place of from and to"
        remedy = "Name the column interview, and take from and to out; or take window_days out."
        yield reading.map.fault(rule, remedy, ("calendar", "window_days"))
    theirs = [*calendar.no_use, *calendar.not_assessed]
    theirs += [code for codes in calendar.codes.values() for code in codes]
    for code in sorted({code for code in theirs if theirs.count(code) > 1}):
        rule = "what stands in a cell has one meaning"
        yield reading.map.fault(rule, "Take it out of one of the lists.", ("calendar",), code)


def _type_dates(engine: Engine, reading: _Reading) -> None:
    """Make the table `calendar`: cells without blanks around them, dates as day numbers."""
    columns = reading.calendar.columns
    form = reading.calendar.date_format
    cells = []
    for ours in columns:
        cell = quoted(f"c_{ours}")
        # An identifier keeps its blanks, which the check of the study finds.
        text = cell if ours == "patient_id" else f"TRIM({cell})"
        cells.append(f"{text} AS c_{ours}")
        if ours in DATE_COLUMNS:
            cells.append(f"{_day(text, form)} AS d_{ours}")
    cells += [f"TRIM({quoted(day)}) AS {quoted(day)}" for day in reading.days]
    cells += [f"CAST(NULL AS INTEGER) AS d_{ours}" for ours in DATE_COLUMNS if ours not in columns]
    engine.execute(f"CREATE TABLE calendar AS SELECT line, {', '.join(cells)} FROM raw_calendar "
                   "ORDER BY line")  # fmt: skip


def _day(text: str, form: str) -> str:
    """Return SQL of a day number, NULL where the text is no date of this form."""
    if form == "days":
        day = f"TRY_CAST({text} AS INTEGER)"
        near = f"ABS({day}) <= {FURTHEST_DAY}"
        return f"CASE WHEN regexp_matches({text}, {literal(WHOLE)}) AND {near} THEN {day} END"
    return (
        f"CASE WHEN regexp_matches({text}, {literal(date_pattern(form))}) THEN "
        f"CAST(try_strptime({text}, {literal(form)}) AS DATE) - DATE '1970-01-01' END"
    )


def _written(day: str, form: str) -> str:
    """Return SQL of the text of a day number."""
    if form == "days":
        return f"CAST({day} AS VARCHAR)"
    return f"strftime(DATE '1970-01-01' + CAST({day} AS INTEGER), {literal(form)})"


def _date_faults(engine: Engine, reading: _Reading) -> Iterator[Fault]:
    """Name dates that are none, and headers of a wide calendar that are neither date nor number."""
    form = reading.calendar.date_format
    for ours in DATE_COLUMNS:
        if ours not in reading.calendar.columns:
            continue
        missing = "" if ours == "date" else f"OR c_{ours} = ''"
        for line, patient, value in engine.rows(
            f"SELECT line, c_patient_id, c_{ours} FROM calendar WHERE (c_{ours} <> '' AND "
            f"d_{ours} IS NULL) {missing} ORDER BY line"
        ):
            yield Fault(
                rule=f"it must be a date, written as {form}",
                remedy=f"Correct it, or say in {reading.map.name} how dates are written: "
                "date_format.",
                file=reading.name, line=line, column=reading.calendar.columns[ours],
                patient=patient, value=value,
            )  # fmt: skip
    counted = reading.calendar.first or reading.calendar.interview
    for column, part in reading.days.items():
        number = re.fullmatch(r"[0-9]{1,5}", part) and counted
        if not number and not engine.rows(f"SELECT {_day(literal(part), form)}")[0][0]:
            yield Fault(
                rule="the column of a day must have a date, or a number and the map a column first "
                "or interview to count from",
                remedy="Correct days, first or date_format in the map.",
                file=reading.name, line=1, value=column,
            )  # fmt: skip


def _make_windows(engine: Engine, reading: _Reading) -> None:
    """Make the table `window_asked`: one row for each period asked about, with its first line."""
    calendar = reading.calendar
    if calendar.from_ is not None and calendar.to is not None:
        bounds = "d_from", "d_to"
    elif calendar.has_windows:
        last = 0 if calendar.includes_interview else 1
        days = (calendar.window_days or 1) - 1
        bounds = f"d_interview - {last + days}", f"d_interview - {last}"
    else:
        bounds = "NULL", "NULL"
    engine.execute(
        "CREATE TABLE window_asked AS SELECT patient, from_day, to_day, MIN(line) AS line FROM "
        f"(SELECT c_patient_id AS patient, CAST({bounds[0]} AS INTEGER) AS from_day, "
        f"CAST({bounds[1]} AS INTEGER) AS to_day, line FROM calendar) AS w "
        "WHERE from_day IS NOT NULL AND to_day IS NOT NULL GROUP BY patient, from_day, to_day"
    )


def _make_cells(engine: Engine, reading: _Reading) -> None:
    """Make the table `cell`: what each substance of each cell says of which day."""
    calendar = reading.calendar
    if calendar.layout == "wide":
        source = _unpivoted(engine, reading)
    else:
        cell = "c_substance" if calendar.substance else literal(calendar.always)
        amount = "c_amount" if calendar.amount else "''"
        source = (
            f"SELECT line, c_patient_id AS patient, d_date AS day, {cell} AS cell, "
            f"{amount} AS amount, '' AS col FROM calendar WHERE d_date IS NOT NULL"
        )
    tokens = (
        f"string_split(cell, {literal(calendar.separator)})" if calendar.separator else "[cell]"
    )
    meanings = {code.strip(): ours for ours, codes in calendar.codes.items() for code in codes}
    said = "CASE token"
    for codes, meaning in ((calendar.no_use, "no_use"), (calendar.not_assessed, "not_assessed")):
        said += "".join(f" WHEN {literal(code.strip())} THEN '{meaning}'" for code in codes)
    said += f" WHEN '' THEN '{_blank(calendar)}'"
    said += "".join(f" WHEN {literal(code)} THEN 'use'" for code in {**meanings, **calendar.codes})
    named_substance = "CASE token" + "".join(
        f" WHEN {literal(code)} THEN {literal(ours)}" for code, ours in meanings.items()
    )
    substance = f"{named_substance} ELSE token END" if meanings else "token"
    otherwise, number = _otherwise(calendar)
    if calendar.layout == "wide" and calendar.always is not None:
        substance = literal(calendar.always) if not meanings else (
            f"{named_substance} ELSE {literal(calendar.always)} END"
        )  # fmt: skip
    engine.execute(
        f"CREATE TABLE cell AS SELECT line, patient, day, col, token, {said} ELSE {otherwise} END "
        f"AS said, {substance} AS substance, {number} AS amount FROM (SELECT line, patient, day, "
        f"col, amount, TRIM(UNNEST({tokens})) AS token FROM ({source}) AS s) AS t"
    )


def _blank(calendar: Calendar) -> str:
    """Return what an empty cell says; in a long calendar that has to be declared."""
    return calendar.blank or ("not_assessed" if calendar.layout == "wide" else "unknown")


def _otherwise(calendar: Calendar) -> tuple[str, str]:
    """Return SQL of what a cell without a code says, and of the amount."""
    if calendar.layout == "long":
        return ("'unknown'" if calendar.codes else "'use'"), "amount"
    if calendar.always is not None:
        is_number = f"regexp_matches(token, {literal(NUMBER)})"
        said = (
            f"CASE WHEN NOT {is_number} OR TRY_CAST(token AS DOUBLE) < 0 THEN 'unknown' "
            "WHEN TRY_CAST(token AS DOUBLE) = 0 THEN 'no_use' ELSE 'use' END"
        )
        return said, f"CASE WHEN {is_number} THEN token ELSE '' END"
    return ("'unknown'" if calendar.codes else "'use'"), "''"


def _unpivoted(engine: Engine, reading: _Reading) -> str:
    """Return SQL of one row for each cell of a wide calendar, with its day."""
    calendar = reading.calendar
    engine.execute("CREATE TABLE day_column (col VARCHAR, day INTEGER, counted INTEGER)")
    form = calendar.date_format
    for column, part in reading.days.items():
        is_number = re.fullmatch(r"[0-9]{1,5}", part) and (calendar.first or calendar.interview)
        day = "NULL" if is_number else _day(literal(part), form)
        number = int(part) if is_number else "NULL"
        engine.execute(f"INSERT INTO day_column VALUES ({literal(column)}, {day}, {number})")
    counted = "u.d_first + k.counted - 1" if calendar.first else "u.d_interview - k.counted"
    if calendar.first is None and calendar.includes_interview:
        counted += " + 1"
    listed = ", ".join(map(quoted, reading.days))
    return (
        "SELECT u.line, u.c_patient_id AS patient, "
        f"CAST(COALESCE(k.day, {counted}) AS INTEGER) AS day, "
        f"u.cell, '' AS amount, u.col FROM (UNPIVOT calendar ON {listed} INTO NAME col VALUE cell) "
        "AS u JOIN day_column AS k ON k.col = u.col"
    )


def _cell_faults(engine: Engine, reading: _Reading) -> Iterator[Fault]:
    """Name cells that nobody has said the meaning of, and amounts that are none."""
    calendar = reading.calendar
    for line, patient, column, value in engine.rows(
        "SELECT line, patient, col, token FROM cell WHERE said = 'unknown' ORDER BY line, col"
    ):
        yield Fault(
            rule="what stands in a cell must be known: a substance, no use, or not assessed",
            remedy=f"Say in {reading.map.name} what it means: codes, no_use, not_assessed, or "
            "blank for an empty cell.",
            file=reading.name, line=line, column=column or calendar.columns.get("substance"),
            patient=patient, value=value,
        )  # fmt: skip
    for line, patient, value in engine.rows(
        f"SELECT line, patient, amount FROM cell WHERE amount <> '' AND NOT "
        f"regexp_matches(amount, {literal(NUMBER)}) ORDER BY line"
    ):
        yield Fault(
            rule="it must be a number with a decimal point", remedy="Correct it, or empty it.",
            file=reading.name, line=line, column=calendar.columns.get("amount"), patient=patient,
            value=value,
        )  # fmt: skip


def _window_faults(engine: Engine, reading: _Reading) -> Iterator[Fault]:
    """Name periods that cannot be, and days outside every period asked about."""
    form = reading.calendar.date_format
    for line, patient, value in engine.rows(
        f"SELECT line, patient, {_written('from_day', form)} || ' to ' || "
        f"{_written('to_day', form)} FROM window_asked WHERE to_day < from_day OR "
        f"to_day - from_day > {CENTURY} ORDER BY line"
    ):
        yield Fault(
            rule="a period must not end before it begins, nor last a hundred years",
            remedy="Correct its dates.", file=reading.name, line=line, patient=patient, value=value,
        )  # fmt: skip
    if not reading.calendar.has_windows:
        return
    for line, patient, value in engine.rows(
        f"SELECT c.line, c.patient, {_written('c.day', form)} FROM cell AS c "
        "LEFT JOIN window_asked AS w ON w.patient = c.patient AND c.day BETWEEN w.from_day AND "
        "w.to_day WHERE w.patient IS NULL AND c.token <> '' AND c.said <> 'not_assessed' "
        "ORDER BY c.line, c.day"
    ):
        yield Fault(
            rule="a day of the calendar must lie in a period asked about",
            remedy="Correct the day or the period; where the day of the interview was asked about "
            "too, say includes_interview = true.",
            file=reading.name, line=line, patient=patient, value=value,
        )  # fmt: skip


def _make_asked(engine: Engine, reading: _Reading) -> None:
    """Make the table `asked`: the unbroken periods that were asked about and answered."""
    if reading.calendar.layout == "wide":
        inside = ""
        if reading.calendar.has_windows:
            inside = (
                " AND EXISTS (SELECT 1 FROM window_asked AS w WHERE w.patient = cell.patient AND "
                "cell.day BETWEEN w.from_day AND w.to_day)"
            )
        days = (
            "SELECT DISTINCT patient, line, day FROM cell WHERE said IN ('use', 'no_use') AND NOT "
            "EXISTS (SELECT 1 FROM cell AS n WHERE n.line = cell.line AND n.day = cell.day AND "
            f"n.said = 'not_assessed'){inside}"
        )
    else:
        days = (
            "SELECT w.patient, w.line, w.day FROM (SELECT patient, line, "
            "UNNEST(generate_series(from_day, to_day)) AS day FROM window_asked) AS w "
            "LEFT JOIN (SELECT DISTINCT patient, day FROM cell WHERE said = 'not_assessed') AS n "
            "ON n.patient = w.patient AND n.day = w.day WHERE n.patient IS NULL"
        )
    engine.execute(
        "CREATE TABLE asked AS SELECT patient, line, MIN(day) AS from_day, MAX(day) AS to_day FROM "
        "(SELECT patient, line, day, day - ROW_NUMBER() OVER (PARTITION BY patient, line "
        f"ORDER BY day) AS run FROM ({days}) AS d) AS r GROUP BY patient, line, run"
    )


def _tables(reading: _Reading, form: str, *, patients: bool) -> dict[str, Imported]:
    """Return the tables to write."""
    calendar = reading.calendar
    used = (
        f'SELECT DISTINCT patient AS patient_id, {_written("day", form)} AS "date", substance, '
        "NULLIF(amount, '') AS amount, line AS source_line FROM cell WHERE said = 'use' "
        'ORDER BY source_line, "date", substance'
    )
    asked = (
        f'SELECT patient AS patient_id, {_written("from_day", form)} AS "from", '
        f'{_written("to_day", form)} AS "to", line AS source_line FROM asked '
        "ORDER BY source_line, from_day"
    )
    everybody = (
        "SELECT c_patient_id AS patient_id, MIN(line) AS source_line FROM calendar "
        "GROUP BY c_patient_id ORDER BY source_line"
    )
    queries = {"use_days": used, "use_windows": asked}
    if patients:
        queries = {"patients": everybody, **queries}
    return {
        name: Imported(query=query, file=reading.name, columns=calendar.columns)
        for name, query in queries.items()
    }


def _sections(reading: _Reading, sources: list[dict[str, str]]) -> Mapping[str, Any]:
    """Return the sections of `study.toml`; dates stay as the calendar writes them."""
    written = reading.map.written
    sections: dict[str, Any] = {key: written[key] for key in COPIED if key in written}
    form = reading.calendar.date_format
    dates = {"dates": "days"} if form == "days" else {"dates": "iso", "date_format": form}
    sections["study"] = {**sections.get("study", {}), **dates}
    return {**sections, "provenance": sources}
