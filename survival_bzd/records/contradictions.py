"""What the rows of a study cannot say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from survival_bzd.errors import Fault
from survival_bzd.records.declaration import StudyDeclaration
from survival_bzd.records.engine import Engine, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contradiction:
    """Cells of one row that exclude each other.

    `columns` are the cells to show, the first of them the one that the fault is said of; `broken`
    is SQL of the typed table.
    """

    table: str
    columns: tuple[str, str]
    broken: str
    rule: str
    remedy: str


WITHIN_A_ROW = (
    _Contradiction(
        table="visits",
        columns=("use", "status"),
        broken="t.status IN ('missed', 'not_required') AND t.use IS NOT NULL",
        rule="a visit that was missed or not required cannot report on use",
        remedy="Correct its status, or empty its answer.",
    ),
    _Contradiction(
        table="use_windows",
        columns=("from", "to"),
        broken="t.from_day > t.to_day",
        rule="a window must not end before it begins",
        remedy="Exchange the days, or correct one of them.",
    ),
    _Contradiction(
        table="stays",
        columns=("from", "to"),
        broken="t.from_day > t.to_day",
        rule="a stay in hospital must not end before it begins",
        remedy="Exchange the days, or correct one of them.",
    ),
)

OF_THE_LIVING: Mapping[str, tuple[str, str]] = {
    "patients": ("enrolled", "t.enrolled"),
    "treatments": ("date", "t.day"),
    "visits": ("date", "CASE WHEN t.status = 'attended' THEN t.day END"),
    "urine": ("date", "t.day"),
    "use_days": ("date", "t.day"),
    "use_windows": ("to", "t.to_day"),
    "stays": ("to", "t.to_day"),
    "scales": ("date", "t.day"),
}
"""Table -> its date column, and SQL of the day the patient was alive. Fills may be billed late."""


def contradictions(
    engine: Engine, declaration: StudyDeclaration, columns: Mapping[str, Mapping[str, str]]
) -> Iterator[Fault]:
    """Name rows that contradict themselves, and records of a patient after death.

    Parameters
    ----------
    engine : holds the tables as text (`raw_<name>`) and typed (`<name>`).
    declaration : names the files.
    columns : table -> ours -> theirs, for the columns that its file has.
    """
    for rule in WITHIN_A_ROW:
        theirs = columns.get(rule.table, {})
        if all(column in theirs for column in rule.columns):
            shown = ", ".join(f"raw.{quoted(column)}" for column in rule.columns)
            query = (
                f"SELECT t.line, t.patient_id, {shown} FROM {rule.table} AS t "
                f"JOIN raw_{rule.table} AS raw ON raw.line = t.line WHERE {rule.broken} "
                "ORDER BY t.line"
            )
            for line, patient, *cells in engine.rows(query):
                yield Fault(
                    rule=rule.rule,
                    remedy=rule.remedy,
                    file=declaration.tables[rule.table].called,
                    line=line,
                    column=theirs[rule.columns[0]],
                    patient=patient,
                    value=", ".join(
                        f"{theirs[column]} {cell}"
                        for column, cell in zip(rule.columns, cells, strict=True)
                    ),
                )
    if {"date", "outcome", "patient_id"} <= columns.get("outcomes", {}).keys():
        yield from _second_deaths(engine, declaration, columns["outcomes"])
        engine.execute(
            "CREATE TABLE death AS SELECT patient_id, day, line FROM "
            "(SELECT patient_id, day, line, ROW_NUMBER() OVER "
            "(PARTITION BY patient_id ORDER BY day DESC, line) AS place FROM outcomes "
            "WHERE outcome = 'death' AND day IS NOT NULL) AS d WHERE place = 1"
        )
        for name, (column, alive) in OF_THE_LIVING.items():
            if {column, "patient_id"} <= columns.get(name, {}).keys():
                yield from _after_death(engine, declaration, name, columns[name][column], alive)


def _second_deaths(
    engine: Engine, declaration: StudyDeclaration, columns: Mapping[str, str]
) -> Iterator[Fault]:
    query = (
        "SELECT d.line, d.patient_id, d.first_line, raw.date FROM (SELECT line, patient_id, day, "
        "FIRST_VALUE(line) OVER first_death AS first_line, "
        "FIRST_VALUE(day) OVER first_death AS first_day FROM outcomes WHERE outcome = 'death' "
        "WINDOW first_death AS (PARTITION BY patient_id ORDER BY line)) AS d "
        "JOIN raw_outcomes AS raw ON raw.line = d.line "
        "WHERE d.day <> d.first_day ORDER BY d.line"
    )
    for line, patient, first, date in engine.rows(query):
        yield Fault(
            rule="a patient dies once",
            file=declaration.tables["outcomes"].called,
            line=line,
            column=columns["date"],
            patient=patient,
            value=f"{date}, and another date in line {first}",
            remedy="Take the wrong date out.",
        )


def _after_death(
    engine: Engine, declaration: StudyDeclaration, name: str, column: str, alive: str
) -> Iterator[Fault]:
    """Nobody is enrolled, attends, gives urine or is treated after death."""
    query = (
        f"SELECT t.line, t.patient_id, {alive} - d.day, d.line FROM {name} AS t "
        f"JOIN death AS d ON d.patient_id = t.patient_id WHERE {alive} > d.day ORDER BY t.line"
    )
    file = declaration.tables["outcomes"].called
    for line, patient, days, death in engine.rows(query):
        yield Fault(
            rule="nothing of a patient can be recorded after death",
            remedy=f"Compare with {file}: one of the dates is wrong.",
            file=declaration.tables[name].called,
            line=line,
            column=column,
            patient=patient,
            value=f"{days} day{'s' if days > 1 else ''} after the death in {file} line {death}",
        )
