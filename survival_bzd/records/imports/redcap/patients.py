"""Who the patients are: the one value that a record has of each field."""

from __future__ import annotations

from survival_bzd.errors import Fault
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.imports.redcap.cells import made_of
from survival_bzd.records.imports.redcap.export import stored
from survival_bzd.records.imports.redcap.mapping import Cell
from survival_bzd.records.imports.redcap.project import RedcapProject
from survival_bzd.records.schema import Column, Covariate


def make_patients(engine: Engine, project: RedcapProject) -> None:
    """Make the table `made_patients`: one row a record, each value from wherever it stands."""
    cells: dict[str, tuple[Cell, Column]] = {}
    for name, cell in project.patient_cells().items():
        kind = "date" if name == "enrolled" else project.kind_of(cell)
        stored = {"date": "day", "text": "name", "number": "number"}[kind]
        cells[name] = (cell, Covariate(name, stored, may_be_empty=True))  # type: ignore[arg-type]
    engine.execute(
        "CREATE TABLE made_patients AS SELECT record, record AS patient_id, "
        "MIN(line) AS source_line FROM export GROUP BY record"
    )
    if project.map.project.patient_id is not None:
        _only_value(engine, project, "patient_id", Cell(field=project.map.project.patient_id),
                    Column("patient_id", "name"))  # fmt: skip
        engine.execute("UPDATE made_patients SET patient_id = v_patient_id")
        engine.execute("ALTER TABLE made_patients DROP v_patient_id")
    for number, (name, codes) in enumerate(project.map.patients.where.items()):
        _only_value(engine, project, f"where_{number}", Cell(field=name, names={}),
                    Column(name, "name"))  # fmt: skip
        listed = ", ".join(map(literal, codes))
        engine.execute(f"DELETE FROM made_patients WHERE COALESCE(v_where_{number}, '') "
                       f"NOT IN ({listed})")  # fmt: skip
        engine.execute(f"ALTER TABLE made_patients DROP v_where_{number}")
    for name, (cell, column) in cells.items():
        _only_value(engine, project, name, cell, column)
        engine.execute(f"ALTER TABLE made_patients RENAME {quoted('v_' + name)} TO {quoted(name)}")
    project.named["patients"] = {"patient_id": project.record_id} | {
        name: cell.field or name for name, (cell, _) in cells.items()
    }


def _only_value(
    engine: Engine, project: RedcapProject, name: str, cell: Cell, column: Column
) -> None:
    """Add `v_<name>` to `made_patients`: the one value of the record; two are a fault."""
    if cell.field is None:
        raw, made, rule, remedy = "''", literal(cell.value), "", ""
        among = "export AS b"
    else:
        raw = f"b.{quoted(stored(cell.field))}"
        made, rule, remedy = made_of(project, column, cell, raw)
        among = "export AS b" + (f" WHERE b.event = {literal(cell.event)}" if cell.event else "")
    engine.execute(
        f"CREATE OR REPLACE TABLE candidate AS SELECT b.line, b.record, {raw} AS raw, "
        f"{made} AS made FROM {among}"
    )
    shown = cell.field or name
    project.faults += [
        Fault(rule=rule, file=project.export, line=line, column=shown, patient=record, value=value,
              remedy=remedy)
        for line, record, value in engine.rows(
            "SELECT line, record, raw FROM candidate WHERE raw <> '' AND made IS NULL ORDER BY line"
        )
    ]  # fmt: skip
    several = (
        "SELECT MAX(line), record, STRING_AGG(made || ' in line ' || line, ', ' ORDER BY line) "
        "FROM (SELECT record, made, MIN(line) AS line FROM candidate WHERE made <> '' "
        "GROUP BY record, made) AS c GROUP BY record HAVING COUNT(*) > 1 ORDER BY 1"
    )
    project.faults += [
        Fault(
            rule="a patient has one value of this field; here are several candidates",
            file=project.export, line=line, column=shown, patient=record, value=value,
            remedy=f'Say in {project.file.name} whose event it is: {{ field = "{shown}", '
                   'event = "..." }, or correct the others.',
        )
        for line, record, value in engine.rows(several)
    ]  # fmt: skip
    engine.execute(
        f"CREATE OR REPLACE TABLE made_patients AS SELECT p.*, c.made AS {quoted('v_' + name)} "
        "FROM made_patients AS p LEFT JOIN (SELECT record, MIN(made) AS made FROM candidate "
        "WHERE made <> '' GROUP BY record) AS c ON c.record = p.record"
    )
