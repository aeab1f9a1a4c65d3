"""A study folder becomes checked records: typed tables, every row with its file and line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import (
    DECLARATION,
    StudyDeclaration,
    TableDeclaration,
    load_declaration,
)
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.schema import SUBSTANCE_COLUMNS, TABLES, Column
from survival_bzd.records.text_table import TextTable, read_text

PACKAGE = "survival_bzd.records"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
WHOLE = r"^[+-]?[0-9]+(\.0*)?$"


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
    """

    folder: Path
    declaration: StudyDeclaration
    engine: Engine
    rows: Mapping[str, int]
    sha256: Mapping[str, str]
    left_out: tuple[LeftOut, ...]
    repeated_fills: tuple[tuple[str, int, str], ...]


def read_study(folder: Path) -> Records:
    """Read and check the tables of a study folder.

    Raises
    ------
    BadInput
        With every problem of `study.toml` and of every table.
    """
    records, faults = examine(folder)
    if faults or records is None:
        raise BadInput(faults)
    return records


def examine(folder: Path) -> tuple[Records | None, list[Fault]]:
    """Read a study folder; return its records (None if nothing can be read) and every fault."""
    declaration, faults = load_declaration(folder)
    engine = Engine.start()
    sha256 = {DECLARATION: _sha256(folder / DECLARATION)}
    _declare_codes(engine, declaration)
    rows: dict[str, int] = {}
    for name, table in declaration.tables.items():
        try:
            text = read_text(folder / table.file, name=table.file, delimiter=table.delimiter)
        except BadInput as error:
            faults += error.faults
            continue
        sha256[table.file] = _sha256(folder / table.file)
        columns, problems = _columns_in(text, name, table)
        faults += problems
        rows[name] = _load(engine, name, text, columns)
        faults += text.faults
        _type(engine, name, table, declaration, columns)
        faults += _cell_faults(engine, name, table, declaration, columns)
    for name in TABLES.keys() - rows.keys():
        _load_nothing(engine, name)
    faults += _study_faults(engine, declaration, rows)
    records = Records(
        folder,
        declaration,
        engine,
        rows,
        sha256,
        tuple(_undated(engine, declaration, rows)),
        tuple(_repeated_fills(engine, declaration, rows)),
    )
    return records, faults


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _declare_codes(engine: Engine, declaration: StudyDeclaration) -> None:
    """Put the user's own codes and substance names beside the tables, so that SQL can join them."""
    engine.execute("CREATE TABLE code (tab VARCHAR, col VARCHAR, theirs VARCHAR, ours VARCHAR)")
    engine.execute("CREATE TABLE substance (name VARCHAR, class VARCHAR)")
    for table, columns in TABLES.items():
        declared = declaration.tables.get(table)
        for column in columns:
            written = {} if declared is None else declared.codes.get(column.name, {})
            theirs = {code: ours for ours, codes in written.items() for code in codes}
            for code, ours in {**{c: c for c in column.codes}, **theirs}.items():
                engine.execute(
                    "INSERT INTO code VALUES (?, ?, ?, ?)", [table, column.name, code, ours]
                )
    for group, names in declaration.substances.items():
        for name in names:
            engine.execute("INSERT INTO substance VALUES (?, ?)", [name, group])


def _columns_in(
    text: TextTable, name: str, table: TableDeclaration
) -> tuple[dict[str, str], list[Fault]]:
    """Return ours -> theirs for the columns that the file has; name those it should have."""
    faults = []
    columns = {}
    wanted = {column.name: column.required for column in TABLES[name]}
    wanted.update(dict.fromkeys(table.covariates, True))
    for ours, required in wanted.items():
        theirs = table.columns.get(ours, ours)
        if theirs in text.header:
            columns[ours] = theirs
        elif required or ours in table.columns:
            faults.append(
                Fault(
                    rule=f"the table {name} needs the column `{theirs}`; the file has "
                    f"{', '.join(text.header)}",
                    remedy=f"Map it in {DECLARATION}: [tables.{name}] "
                    f'columns = {{ {ours} = "..." }}.',
                    file=table.file,
                    line=1,
                    column=ours,
                )
            )
    return columns, faults


def _load(engine: Engine, name: str, text: TextTable, columns: Mapping[str, str]) -> int:
    """Put the file's text into the table `raw_<name>`; return how many rows it has."""
    texts = ", ".join(f"{quoted(ours)} VARCHAR" for ours in columns)
    engine.execute(f"CREATE TABLE raw_{name} (line INTEGER{', ' if texts else ''}{texts})")
    rows = 0
    for chunk in text.chunks:
        cells = {ours: chunk.cells[theirs] for ours, theirs in columns.items()}
        engine.append(f"raw_{name}", {"line": chunk.lines, **cells})
        rows += len(chunk.lines)
    return rows


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
            value = _typed(name, column, declaration)
        else:
            value = f"CAST(NULL AS {_sql_type(column)})"
        selected.append(f"{value} AS {quoted(sql_name(column.name))}")
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
    columns = ", ".join(f"{sql_name(column.name)} {_sql_type(column)}" for column in TABLES[name])
    engine.execute(f"CREATE TABLE {name} ({columns}, line INTEGER)")


def sql_name(column: str) -> str:
    """Return the name a column has in the typed tables: words that SQL reserves are avoided."""
    return {"date": "day", "from": "from_day", "to": "to_day"}.get(column, column)


def _schema(name: str, table: TableDeclaration) -> list[Column]:
    """Return the columns of a table, the covariates of this study among them."""
    kinds = {"number": "number", "text": "name", "date": "day"}
    covariates = table.covariates if name == "patients" else {}
    known = {column.name for column in TABLES[name]}
    return [
        *TABLES[name],
        *(
            Column(key, kinds[kind], may_be_empty=True)  # type: ignore[arg-type]
            for key, kind in covariates.items()
            if key not in known
        ),
    ]


def _sql_type(column: Column) -> str:
    if column.kind in ("day", "whole"):
        return "INTEGER"
    return "DOUBLE" if column.kind == "number" else "VARCHAR"


def _typed(name: str, column: Column, declaration: StudyDeclaration) -> str:
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
        return f"CASE WHEN {_matches(text, NUMBER)} THEN TRY_CAST({text} AS DOUBLE) END"
    return f"CASE WHEN {text} <> '' THEN {cell} END"


def _day(text: str, declaration: StudyDeclaration) -> str:
    """Return the SQL of a day number; the one expression that a dialect has to translate."""
    if declaration.study.dates == "days":
        return f"CASE WHEN {_matches(text, WHOLE)} THEN TRY_CAST({text} AS INTEGER) END"
    day = f"CAST(try_strptime({text}, {literal(declaration.study.date_format)}) AS DATE)"
    return (
        f"CASE WHEN {day} BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' "
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
    who = f"raw.{quoted('patient_id')}" if "patient_id" in columns else "NULL"
    for column in _schema(name, table):
        if column.name not in columns:
            continue
        cell = f"raw.{quoted(column.name)}"
        for broken, rule, remedy in _rules(name, column, table, declaration):
            query = (
                f"SELECT raw.line, {who}, {cell} FROM raw_{name} AS raw "
                f"JOIN {quoted(name)} AS made ON made.line = raw.line "
                f"WHERE {broken.format(cell=cell, made='made.' + quoted(sql_name(column.name)))} "
                "ORDER BY raw.line"
            )
            for line, patient, value in engine.rows(query):
                yield Fault(
                    rule=rule,
                    remedy=remedy,
                    file=table.file,
                    line=line,
                    column=columns[column.name],
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
            remedy = f'Fill it in, or declare undated = "leave_out" in [tables.{name}].'
        yield "TRIM({cell}) = ''", "a cell of this column must not be empty", remedy
    wrong = "TRIM({cell}) <> '' AND {made} IS NULL"
    if column.kind == "id":
        yield (
            "{cell} <> TRIM({cell}) AND TRIM({cell}) <> ''",
            "an identifier must not begin or end with a blank",
            "Take the blank out.",
        )
    elif column.kind == "code":
        known = ", ".join(column.codes)
        yield (
            wrong,
            f"the code must be one of {known}, or mapped onto one",
            f"Map it in {DECLARATION}: [tables.{name}] codes = "
            f'{{ {column.name} = {{ {column.codes[0]} = ["..."] }} }}.',
        )
    elif column.kind == "day" and declaration.study.dates == "days":
        yield (
            wrong,
            "a day must be a whole study day",
            f'Write whole days, or declare dates = "iso" in {DECLARATION}.',
        )
    elif column.kind == "day":
        form = declaration.study.date_format
        yield (
            wrong,
            f"a date must be a day from 1900 to 2100 written as {form}",
            f"Correct it, or declare the form in use: date_format in {DECLARATION}.",
        )
    elif column.kind == "whole":
        yield wrong, "it must be a whole number", "Correct it, or leave it empty."
        yield "{made} < 0", "it must not be negative", "Correct it, or leave it empty."
    elif column.kind == "number":
        yield (
            wrong,
            "it must be a number with a decimal point",
            "Write 7.5, not 7,5; leave it empty where it is missing.",
        )
        if name in ("use_days", "fills"):
            yield "{made} < 0", "it must not be negative", "Correct it."


def _study_faults(
    engine: Engine, declaration: StudyDeclaration, rows: Mapping[str, int]
) -> Iterator[Fault]:
    """Name what breaks a rule between columns, rows and tables."""
    if "patients" in rows:
        file = declaration.tables["patients"].file
        if rows["patients"] == 0:
            yield Fault(
                rule="the table patients must have a row for every patient; it has none",
                remedy="Export it again.",
                file=file,
            )
        yield from _duplicate_patients(engine, file)
        for name in rows:
            if name != "patients":
                yield from _unknown_patients(engine, name, declaration.tables[name].file)
    for name, column in SUBSTANCE_COLUMNS.items():
        if name in rows:
            yield from _unknown_substances(engine, name, column, declaration)
    yield from _contradictions(engine, declaration, rows)


def _has(engine: Engine, name: str, column: str) -> bool:
    """Say whether the file of a table had a column."""
    found = engine.rows(
        "SELECT 1 FROM information_schema.columns WHERE table_name = ? AND column_name = ?",
        [f"raw_{name}", column],
    )
    return bool(found)


def _duplicate_patients(engine: Engine, file: str) -> Iterator[Fault]:
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
            column="patient_id",
            patient=patient,
            value=f"also in line {first}",
            remedy="Take the repeated rows out, or give the patients different identifiers.",
        )


def _unknown_patients(engine: Engine, name: str, file: str) -> Iterator[Fault]:
    query = (
        f"SELECT t.line, t.patient_id FROM {quoted(name)} AS t LEFT JOIN patients AS p "
        "ON p.patient_id = t.patient_id WHERE t.patient_id IS NOT NULL AND p.patient_id IS NULL "
        "ORDER BY t.line"
    )
    for line, patient in engine.rows(query):
        yield Fault(
            rule="a patient must stand in the table patients",
            file=file,
            line=line,
            column="patient_id",
            value=patient,
            remedy="Add the patient there, or correct the identifier.",
        )


def _unknown_substances(
    engine: Engine, name: str, column: str, declaration: StudyDeclaration
) -> Iterator[Fault]:
    query = (
        f"SELECT MIN(t.line), t.{column}, COUNT(*) FROM {quoted(name)} AS t "
        f"LEFT JOIN substance AS s ON s.name = t.{column} WHERE t.{column} IS NOT NULL AND s.name IS NULL "
        f"GROUP BY t.{column} ORDER BY 1"
    )
    for line, value, count in engine.rows(query):
        more = f" (and {count - 1} more rows)" if count > 1 else ""
        yield Fault(
            rule="a substance must be declared, also one that does not count",
            remedy=f"Add it to a class in [substances] of {DECLARATION}"
            f"{', such as not_counted' if declaration.substances else ''}.",
            file=declaration.tables[name].file,
            line=line,
            column=column,
            value=f"{value}{more}",
        )


CONTRADICTIONS = (
    (
        "visits",
        ("status", "use"),
        "status IN ('missed', 'not_required') AND use IS NOT NULL",
        "a visit that was missed or not required cannot report on use",
        "Correct its status, or empty its answer.",
        "use",
    ),
    (
        "use_windows",
        ("from", "to"),
        "from_day > to_day",
        "a window must begin before it ends",
        "Exchange the days, or correct one of them.",
        "from",
    ),
)
"""(table, columns, broken, rule, remedy, column to show): what a row cannot say at once."""


def _contradictions(
    engine: Engine, declaration: StudyDeclaration, rows: Mapping[str, int]
) -> Iterator[Fault]:
    for name, needs, broken, rule, remedy, shown in CONTRADICTIONS:
        if name in rows and all(_has(engine, name, column) for column in needs):
            query = f"SELECT line, patient_id FROM {name} WHERE {broken} ORDER BY line"
            for line, patient in engine.rows(query):
                yield Fault(
                    rule=rule,
                    remedy=remedy,
                    file=declaration.tables[name].file,
                    line=line,
                    column=shown,
                    patient=patient,
                )
    if "outcomes" in rows:
        yield from _after_death(engine, declaration, rows)


def _after_death(
    engine: Engine, declaration: StudyDeclaration, rows: Mapping[str, int]
) -> Iterator[Fault]:
    """Nobody dies twice, and nobody gives urine, attends or is treated after death."""
    file = declaration.tables["outcomes"].file
    query = (
        "SELECT line, patient_id, first_line FROM (SELECT line, patient_id, "
        "MIN(line) OVER (PARTITION BY patient_id) AS first_line, "
        "MIN(day) OVER (PARTITION BY patient_id) AS first_day, "
        "MAX(day) OVER (PARTITION BY patient_id) AS last_day FROM outcomes "
        "WHERE outcome = 'death') AS d WHERE first_day < last_day AND line > first_line "
        "ORDER BY line"
    )
    for line, patient, first in engine.rows(query):
        yield Fault(
            rule="a patient dies once",
            file=file,
            line=line,
            column="outcome",
            patient=patient,
            value=f"also in line {first}",
            remedy="Take the wrong date out.",
        )
    living = {
        "visits": "t.status = 'attended'",
        "urine": "1 = 1",
        "treatments": "1 = 1",
        "use_days": "1 = 1",
        "scales": "1 = 1",
    }
    for name, alive in living.items():
        if name not in rows:
            continue
        query = (
            f"SELECT t.line, t.patient_id, d.line FROM {name} AS t JOIN "
            "(SELECT patient_id, MIN(day) AS day, MIN(line) AS line FROM outcomes "
            "WHERE outcome = 'death' GROUP BY patient_id) AS d ON d.patient_id = t.patient_id "
            f"WHERE t.day > d.day AND {alive} ORDER BY t.line"
        )
        for line, patient, death in engine.rows(query):
            yield Fault(
                rule="nothing of a patient can be recorded after death",
                remedy=f"Compare with {file}, line {death}: one of the dates is wrong.",
                file=declaration.tables[name].file,
                line=line,
                column="date",
                patient=patient,
            )


def _undated(
    engine: Engine, declaration: StudyDeclaration, rows: Mapping[str, int]
) -> Iterator[LeftOut]:
    """List the rows without a date, where the table declares that they are left out."""
    for name in rows:
        table = declaration.tables[name]
        days = [c.name for c in TABLES[name] if c.kind == "day" and _has(engine, name, c.name)]
        if table.undated == "error" or not days or name == "patients":
            continue
        empty = " OR ".join(f"{sql_name(day)} IS NULL" for day in days)
        query = f"SELECT line, patient_id FROM {quoted(name)} WHERE {empty} ORDER BY line"
        for line, patient in engine.rows(query):
            yield LeftOut(name, table.file, line, patient)


def _repeated_fills(
    engine: Engine, declaration: StudyDeclaration, rows: Mapping[str, int]
) -> Iterator[tuple[str, int, str]]:
    """Find fills that are the same in every column: billed twice, or exported twice."""
    if "fills" not in rows:
        return
    query = (
        "SELECT line, patient_id FROM (SELECT line, patient_id, ROW_NUMBER() OVER (PARTITION BY "
        "patient_id, day, substance, strength_mg, quantity, days_supply ORDER BY line) AS copy "
        "FROM fills) AS f WHERE copy > 1 ORDER BY line"
    )
    for line, patient in engine.rows(query):
        yield declaration.tables["fills"].file, line, patient
