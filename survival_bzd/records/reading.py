"""A study folder becomes checked records: typed tables, every row with its file and line."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.contradictions import contradictions
from survival_bzd.records.declaration import (
    DECLARATION,
    StudyDeclaration,
    TableDeclaration,
    date_pattern,
    load_declaration,
)
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.formats import read_table
from survival_bzd.records.loading import load_text
from survival_bzd.records.named_substances import (
    NamedSubstance,
    class_substances,
    unknown_substances,
)
from survival_bzd.records.schema import (
    FURTHEST_DAY,
    SUBSTANCE_COLUMNS,
    TABLES,
    Column,
    Covariate,
    Kind,
)
from survival_bzd.records.text_table import TextTable, named

EXAMPLE = dt.date(2021, 12, 31)
PACKAGE = "survival_bzd.records"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
WHOLE = r"^[+-]?[0-9]+(\.0*)?$"
UNSEEN = r"^[\s\p{Z}]|[\s\p{Z}]$|[\p{C}]"
"""A blank of any kind at an end, or a character that cannot be seen."""
CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row without a date, left out because its table declares ``undated = "leave_out"``."""

    table: str
    file: str
    line: int
    patient: str


@dataclass(frozen=True, eq=False)
class Records:
    """The checked tables of a study.

    Attributes
    ----------
    folder : the study folder.
    declaration : its `study.toml`.
    engine : holds one typed table per declared table: the columns of `schema.TABLES`, dates as day
        numbers (days since 1970-01-01, or the study's own days), and the file's `line`; the
        `patients` table its covariates too. Rows without a date have none there.
    rows : table -> rows read.
    sha256 : file -> checksum of what was read, `study.toml` among them.
    left_out : rows left out for want of a date.
    repeated_fills : fills that stand in the records more than once, as (file, line, patient).
    substances : the names of substances in the records, and what each was taken for.
    """

    folder: Path
    declaration: StudyDeclaration
    engine: Engine
    rows: Mapping[str, int]
    sha256: Mapping[str, str]
    left_out: tuple[LeftOut, ...]
    repeated_fills: tuple[tuple[str, int, str], ...]
    substances: tuple[NamedSubstance, ...]


def read_study(folder: Path) -> Records:
    """Read and check the tables of a study folder.

    Raises
    ------
    BadInput
        With every problem of `study.toml` and of every table.
    """
    records, faults = examine(folder)
    if faults:
        raise BadInput(faults)
    return records


def examine(folder: Path) -> tuple[Records, list[Fault]]:
    """Read a study folder; return what of it can be read, and every fault.

    Raises
    ------
    BadInput
        If there is no `study.toml`, or it is not TOML.
    """
    declaration, faults = load_declaration(folder)
    engine = Engine.start()
    sha256 = {DECLARATION: _sha256(folder / DECLARATION)}
    _declare_codes(engine, declaration)
    columns: dict[str, dict[str, str]] = {}
    rows: dict[str, int] = {}
    for name, table in declaration.tables.items():
        if not table.file:
            continue
        try:
            text = read_table(
                folder / table.file,
                name=table.called,
                delimiter=table.delimiter,
                date_format=declaration.study.date_format,
                sheet=table.sheet,
                encoding=table.encoding,
                labelled=table.labelled,
            )
        except BadInput as error:
            faults += error.faults
            continue
        sha256[table.file] = _sha256(folder / table.file)
        columns[name], problems = _columns_in(text, name, table)
        faults += problems
        rows[name] = load_text(engine, f"raw_{name}", text, columns[name])
        faults += text.faults
        _type(engine, name, table, declaration, columns[name])
        faults += _cell_faults(engine, name, table, declaration, columns[name])
        if name == "patients":
            _know_patients(engine, text, columns[name])
    for name in TABLES.keys() - rows.keys():
        _load_nothing(engine, name)
    named = class_substances(engine, declaration, columns)
    faults += _study_faults(engine, declaration, columns, rows, named)
    records = Records(
        folder,
        declaration,
        engine,
        rows,
        sha256,
        tuple(_undated(engine, declaration, columns)),
        tuple(_repeated_fills(engine, declaration)),
        named,
    )
    return records, faults


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _declare_codes(engine: Engine, declaration: StudyDeclaration) -> None:
    """Put the user's own codes beside the tables, so that SQL can join them."""
    engine.execute("CREATE TABLE code (tab VARCHAR, col VARCHAR, theirs VARCHAR, ours VARCHAR)")
    codes = [
        (name, column.name, theirs, ours)
        for name, table in declaration.tables.items()
        for column in TABLES[name]
        if column.codes
        for theirs, ours in _meanings(column, table.codes.get(column.name, {})).items()
    ]
    keys = ("tab", "col", "theirs", "ours")
    engine.append("code", {key: [code[place] for code in codes] for place, key in enumerate(keys)})


def _meanings(column: Column, written: Mapping[str, list[str]]) -> dict[str, str]:
    """Return theirs -> ours of a column with codes.

    The package's own words need no mapping, unless one of them is mapped onto another: where
    ``yes`` means no, an unmapped ``no`` is not guessed at.
    """
    theirs = {code.strip(): ours for ours, codes in written.items() for code in codes}
    if any(theirs.get(code, code) != code for code in column.codes):
        return theirs
    return {**{code: code for code in column.codes}, **theirs}


def _columns_in(
    text: TextTable, name: str, table: TableDeclaration
) -> tuple[dict[str, str], list[Fault]]:
    """Return ours -> theirs for the columns that the file has; name those it should have."""
    faults = []
    columns = {}
    taken = set(table.columns.values())
    for column in _schema(name, table):
        ours = column.name
        theirs = table.columns.get(ours, ours)
        if theirs in text.header and (ours in table.columns or theirs not in taken):
            columns[ours] = theirs
        elif column.required or ours in table.columns:
            faults.append(
                Fault(
                    rule=f"the file must have this column of the table {name}",
                    remedy=f"It has {named(text.header)}. Say in {DECLARATION} which one it is: "
                    f'[tables.{name}] columns = {{ ours = "theirs" }}.',
                    file=table.called,
                    line=1,
                    value=theirs,
                )
            )
    return columns, faults


def _type(
    engine: Engine,
    name: str,
    table: TableDeclaration,
    declaration: StudyDeclaration,
    columns: Mapping[str, str],
) -> None:
    """Make the typed table `<name>` from its text: dates become day numbers here, at the door."""
    selected = []
    for column in _schema(name, table):
        if column.name in columns:
            value = _typed(column, declaration)
        else:
            value = f"CAST(NULL AS {_sql_type(column)})"
        selected.append(f"{value} AS {quoted(column.stored)}")
    joins = " ".join(
        f"LEFT JOIN code AS {quoted('code_' + column.name)} ON "
        f"{quoted('code_' + column.name)}.tab = {literal(name)} AND "
        f"{quoted('code_' + column.name)}.col = {literal(column.name)} AND "
        f"{quoted('code_' + column.name)}.theirs = TRIM(raw.{quoted(column.name)})"
        for column in TABLES[name]
        if column.kind == "code" and column.name in columns
    )
    engine.execute(
        f"CREATE TABLE {quoted(name)} AS SELECT {', '.join(selected)}, raw.line AS line "
        f"FROM raw_{name} AS raw {joins} ORDER BY raw.line"
    )


def _load_nothing(engine: Engine, name: str) -> None:
    """Make a table that the study does not have, empty, so that no step needs to ask."""
    columns = ", ".join(f"{column.stored} {_sql_type(column)}" for column in TABLES[name])
    engine.execute(f"CREATE TABLE {name} ({columns}, line INTEGER)")


def _schema(name: str, table: TableDeclaration) -> list[Column]:
    """Return the columns of a table, the covariates of this study among them."""
    kinds: Mapping[str, Kind] = {"number": "number", "text": "name", "date": "day"}
    covariates = table.covariates if name == "patients" else {}
    return [
        *TABLES[name],
        *(Covariate(key, kinds[kind], may_be_empty=True) for key, kind in covariates.items()),
    ]


def _sql_type(column: Column) -> str:
    if column.kind in ("day", "whole"):
        return "INTEGER"
    return "DOUBLE" if column.kind == "number" else "VARCHAR"


def _typed(column: Column, declaration: StudyDeclaration) -> str:
    """Return the SQL that turns a column's text into its value, or NULL where it has none."""
    cell = f"raw.{quoted(column.name)}"
    text = f"TRIM({cell})"
    if column.kind == "code":
        return f"{quoted('code_' + column.name)}.ours"
    if column.kind == "day":
        return _day(text, declaration)
    if column.kind == "whole":
        return f"CASE WHEN {_matches(text, WHOLE)} THEN TRY_CAST({text} AS INTEGER) END"
    if column.kind == "number":
        number = f"TRY_CAST({text} AS DOUBLE)"
        return f"CASE WHEN {_matches(text, NUMBER)} AND ABS({number}) < 1e300 THEN {number} END"
    if column.kind == "id":
        return f"CASE WHEN {text} <> '' THEN {cell} END"
    return f"CASE WHEN {text} <> '' THEN {text} END"


def _day(text: str, declaration: StudyDeclaration) -> str:
    """Return the SQL of a day number; the one expression that a dialect has to translate."""
    if declaration.study.dates == "days":
        day = f"TRY_CAST({text} AS INTEGER)"
        near = f"{day} BETWEEN {-FURTHEST_DAY} AND {FURTHEST_DAY}"
        return f"CASE WHEN {_matches(text, WHOLE)} AND {near} THEN {day} END"
    form = declaration.study.date_format
    day = f"CAST(try_strptime({text}, {literal(form)}) AS DATE)"
    return (
        f"CASE WHEN {_matches(text, date_pattern(form))} "
        f"AND {day} BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' "
        f"THEN {day} - DATE '1970-01-01' END"
    )


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {literal(pattern)})"


def _cell_faults(
    engine: Engine,
    name: str,
    table: TableDeclaration,
    declaration: StudyDeclaration,
    columns: Mapping[str, str],
) -> Iterator[Fault]:
    """Name every cell that breaks the rule of its column."""
    broken = [
        (
            column.name,
            rule.format(cell=f"raw.{quoted(column.name)}", made=f"made.{quoted(column.stored)}"),
            said,
            remedy,
        )
        for column in _schema(name, table)
        if column.name in columns
        for rule, said, remedy in _rules(name, column, table, declaration)
    ]
    if not broken:
        return
    both = f"raw_{name} AS raw JOIN {quoted(name)} AS made ON made.line = raw.line"
    counted = ", ".join(f"COUNT(CASE WHEN {condition} THEN 1 END)" for _, condition, _, _ in broken)
    counts = engine.rows(f"SELECT {counted} FROM {both}")[0]
    who = "raw.patient_id" if "patient_id" in columns else "NULL"
    for (ours, condition, rule, remedy), count in zip(broken, counts, strict=True):
        if not count:
            continue
        for line, patient, value in engine.rows(
            f"SELECT raw.line, {who}, raw.{quoted(ours)} FROM {both} WHERE {condition} "
            "ORDER BY raw.line"
        ):
            yield Fault(
                rule=rule,
                remedy=remedy,
                file=table.called,
                line=line,
                column=columns[ours],
                patient=patient or None,
                value=value,
            )


def _rules(
    name: str, column: Column, table: TableDeclaration, declaration: StudyDeclaration
) -> Iterator[tuple[str, str, str]]:
    """Yield (broken, rule, remedy); `broken` is SQL of a cell that breaks the rule."""
    leaves_out = column.kind == "day" and table.undated == "leave_out"
    if not (column.may_be_empty or leaves_out):
        remedy = "Fill it in."
        if column.kind == "day":
            kept = " The patient stays enrolled then, without a day of enrolment."
            remedy = (
                f'Fill it in, or declare undated = "leave_out" in [tables.{name}].'
                f"{kept if name == 'patients' else ''}"
            )
        yield "TRIM({cell}) = ''", "a cell of this column must not be empty", remedy
    wrong = "TRIM({cell}) <> '' AND {made} IS NULL"
    empty = ", or leave it empty" if column.may_be_empty else ""
    if column.kind == "id":
        yield (
            f"TRIM({{cell}}) <> '' AND {_in_format(_matches('{cell}', UNSEEN))}",
            "an identifier must not begin or end with a blank, nor hold a character that "
            "cannot be seen",
            "Take it out; the value shows it.",
        )
    elif column.kind == "name":
        yield (
            _in_format(_matches("{cell}", CONTROL)),
            "text must not hold control characters",
            "Take them out; the value shows them.",
        )
    elif column.kind == "code":
        known = _meanings(column, table.codes.get(column.name, {}))
        yield (
            wrong,
            f"the code must be one of {', '.join(known)}; every other must be mapped",
            f"Map it in {DECLARATION}: [tables.{name}] codes = "
            f'{{ {column.name} = {{ {column.codes[0]} = ["..."] }} }}.',
        )
    elif column.kind == "day" and declaration.dates_known:
        yield (wrong, *_date_rule(declaration))
    elif column.kind == "whole":
        yield wrong, "it must be a whole number", f"Correct it{empty}."
    elif column.kind == "number":
        yield (
            wrong,
            "it must be a number with a decimal point",
            f"Write 7.5, not 7,5{'; leave it empty where it is missing' if empty else ''}.",
        )
    for holds, said in _bounds(column):
        yield f"NOT {{made}} {holds}", said, f"Correct it{empty}."


def _date_rule(declaration: StudyDeclaration) -> tuple[str, str]:
    if declaration.study.dates == "days":
        return (
            f"a day must be a whole study day, from {-FURTHEST_DAY} to {FURTHEST_DAY}",
            f'Correct it, or declare dates = "iso" in {DECLARATION} if these are dates.',
        )
    form = declaration.study.date_format
    return (
        f"a date must be a day of the years 1900 to 2100, written as {EXAMPLE:{form}} ({form})",
        f"Correct it, or declare in {DECLARATION} how dates are written: [study] date_format.",
    )


def _bounds(column: Column) -> Iterator[tuple[str, str]]:
    """Yield (condition that holds, rule) of the bounds of a number."""
    if column.least is not None:
        yield f">= {column.least:g}", f"it must be {column.least:g} or more"
    if column.above is not None:
        yield f"> {column.above:g}", f"it must be more than {column.above:g}"
    if column.most is not None:
        yield f"<= {column.most:g}", f"it must be at most {column.most:g}"


def _in_format(sql: str) -> str:
    """Keep the braces of a pattern through `str.format`, and the cell's place."""
    return sql.replace("{", "{{").replace("}", "}}").replace("{{cell}}", "{cell}")


def _know_patients(engine: Engine, text: TextTable, columns: Mapping[str, str]) -> None:
    """Make the table `known_patient`: everybody in patients, also in rows that were set aside.

    One broken row of patients must not make every other record of the patient look wrong.
    """
    if "patient_id" not in columns:
        return
    place = text.header.index(columns["patient_id"])
    half_read = [row[place] for row in text.set_aside if place < len(row)]
    engine.execute(
        "CREATE TABLE known_patient AS SELECT DISTINCT patient_id FROM patients "
        "WHERE patient_id IS NOT NULL"
    )
    engine.append("known_patient", {"patient_id": half_read})


def _study_faults(
    engine: Engine,
    declaration: StudyDeclaration,
    columns: Mapping[str, Mapping[str, str]],
    rows: Mapping[str, int],
    named: tuple[NamedSubstance, ...],
) -> Iterator[Fault]:
    """Name what breaks a rule between columns, rows and tables."""
    if "patients" in rows:
        file = declaration.tables["patients"].called
        if "patient_id" in columns["patients"]:
            yield from _duplicate_patients(engine, file, columns["patients"]["patient_id"])
        if rows["patients"] == 0:
            yield Fault(
                rule="the table patients must have a row for every patient; it has none",
                remedy="Export it again.",
                file=file,
            )
        elif "patient_id" in columns["patients"]:
            for name, theirs in columns.items():
                if name != "patients" and "patient_id" in theirs:
                    file = declaration.tables[name].called
                    yield from _unknown_patients(engine, name, file, theirs["patient_id"])
    for name, column in SUBSTANCE_COLUMNS.items():
        if column in columns.get(name, ()):
            yield from unknown_substances(engine, name, column, declaration, columns[name], named)
    yield from contradictions(engine, declaration, columns)


def _duplicate_patients(engine: Engine, file: str, column: str) -> Iterator[Fault]:
    query = (
        "SELECT line, patient_id, first_line FROM (SELECT line, patient_id, MIN(line) OVER "
        "(PARTITION BY patient_id) AS first_line FROM patients WHERE patient_id IS NOT NULL) AS p "
        "WHERE line > first_line ORDER BY line"
    )
    for line, patient, first in engine.rows(query):
        yield Fault(
            rule="a patient must stand in one row of patients",
            file=file,
            line=line,
            column=column,
            value=f"{patient}, also in line {first}",
            remedy="Take the repeated rows out, or give the patients different identifiers.",
        )


def _unknown_patients(engine: Engine, name: str, file: str, column: str) -> Iterator[Fault]:
    query = (
        f"SELECT t.line, t.patient_id FROM {name} AS t LEFT JOIN known_patient AS p "
        "ON p.patient_id = t.patient_id WHERE t.patient_id IS NOT NULL AND p.patient_id IS NULL "
        "ORDER BY t.line"
    )
    for line, patient in engine.rows(query):
        yield Fault(
            rule="a patient must stand in the table patients",
            file=file,
            line=line,
            column=column,
            value=patient,
            remedy="Add the patient there, or correct the identifier.",
        )


def _undated(
    engine: Engine, declaration: StudyDeclaration, columns: Mapping[str, Iterable[str]]
) -> Iterator[LeftOut]:
    """List the rows without a date, where the table declares that they are left out."""
    for name, present in columns.items():
        table = declaration.tables[name]
        days = [c.stored for c in TABLES[name] if c.kind == "day" and c.name in present]
        if table.undated == "error" or not days or name == "patients":
            continue
        empty = " OR ".join(f"{day} IS NULL" for day in days)
        query = f"SELECT line, patient_id FROM {name} WHERE {empty} ORDER BY line"
        for line, patient in engine.rows(query):
            yield LeftOut(name, table.called, line, patient)


def _repeated_fills(
    engine: Engine, declaration: StudyDeclaration
) -> Iterator[tuple[str, int, str]]:
    """Find fills that are the same in every column: billed twice, or exported twice."""
    query = (
        "SELECT line, patient_id FROM (SELECT line, patient_id, ROW_NUMBER() OVER (PARTITION BY "
        "patient_id, day, substance, strength_mg, quantity, days_supply ORDER BY line) AS copy "
        "FROM fills) AS f WHERE copy > 1 ORDER BY line"
    )
    for line, patient in engine.rows(query):
        yield declaration.tables["fills"].called, line, patient
