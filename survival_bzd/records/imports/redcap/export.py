"""The rows of a raw export in the engine, and what cannot be right about them."""

from __future__ import annotations

from collections.abc import Iterator

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.imports.maps import alike
from survival_bzd.records.imports.redcap.mapping import Cell
from survival_bzd.records.imports.redcap.project import (
    KEYS,
    RAW_EXPORT,
    RedcapProject,
    label_fault,
)
from survival_bzd.records.loading import load_text
from survival_bzd.records.schema import TABLES
from survival_bzd.records.text_table import TextTable


def load_export(engine: Engine, project: RedcapProject, text: TextTable) -> None:
    """Make the table `export`: keys, and the fields in use with blanks around them taken off."""
    keys = {ours: theirs for theirs, ours in KEYS.items() if theirs in text.header}
    fields = {stored(name): name for name in project.fields()}
    load_text(engine, "raw_export", text, {"record": project.record_id, **keys, **fields})
    cells = [f"TRIM({key}) AS {key}" if key in keys else f"'' AS {key}" for key in KEYS.values()]
    cells += [f"TRIM({quoted(name)}) AS {quoted(name)}" for name in fields]
    engine.execute(f"CREATE TABLE export AS SELECT line, record, {', '.join(cells)} "
                   "FROM raw_export ORDER BY line")  # fmt: skip
    engine.execute("DROP TABLE raw_export")


def stored(name: str) -> str:
    """Return the column of `export` that holds a field; no key has such a name."""
    return f"f_{name}"


def row_faults(engine: Engine, project: RedcapProject) -> Iterator[Fault]:
    """Name rows that stand twice, and instruments and events that cannot be."""
    for line, value in engine.rows(
        "SELECT line, event FROM export WHERE NOT regexp_matches(event, '^[a-z0-9_]*$') "
        "ORDER BY line LIMIT 1"
    ):
        yield label_fault(project.export, line, value, "redcap_event_name")
        return
    rule = "a record must have an identifier"
    for (line,) in engine.rows("SELECT line FROM export WHERE TRIM(record) = '' ORDER BY line"):
        yield Fault(rule=rule, file=project.export, line=line, column=project.record_id, value="",
                    remedy="Export it again.")  # fmt: skip
    twice = (
        "SELECT line, record, first_line FROM (SELECT line, record, MIN(line) OVER (PARTITION BY "
        "record, event, instrument, instance) AS first_line FROM export) AS e "
        "WHERE line > first_line ORDER BY line"
    )
    for line, record, first in engine.rows(twice):
        yield Fault(
            rule="a record has one row for each event, repeating instrument and instance",
            file=project.export, line=line, patient=record, value=f"the same as in line {first}",
            remedy="Export it again, whole; files put together may hold rows twice.",
        )  # fmt: skip
    forms = ", ".join(map(literal, project.dictionary.forms))
    unknown = (
        f"SELECT line, record, instrument FROM export WHERE instrument NOT IN ('', {forms}) "
        "ORDER BY line"
    )
    for line, record, instrument in engine.rows(unknown):
        yield Fault(
            rule="a repeating instrument must be a form of the dictionary",
            file=project.export, line=line, patient=record, value=instrument,
            column="redcap_repeat_instrument",
            remedy=f"{RAW_EXPORT} Or give the dictionary of the same project.",
        )  # fmt: skip
    odd = (
        "SELECT line, record, instance FROM export WHERE (instrument <> '' AND instance = '') OR "
        "(instance <> '' AND NOT regexp_matches(instance, '^[1-9][0-9]*$')) ORDER BY line"
    )
    for line, record, instance in engine.rows(odd):
        yield Fault(
            rule="an instance must be a number from 1, and every repeat has one",
            file=project.export, line=line, patient=record, value=instance,
            column="redcap_repeat_instance", remedy="Export it again.",
        )  # fmt: skip


def decimal_mark(engine: Engine, project: RedcapProject) -> str:
    """Find out the decimal mark from the cells that are to be numbers."""
    cells: list[tuple[Cell, str]] = [
        (cell, column.kind)
        for table, _, block in project.map.blocks
        for name, cell in block.cells().items()
        for column in TABLES[table]
        if column.name == name
    ]
    cells += [(cell, project.kind_of(cell)) for cell in project.map.patients.covariates.values()]
    fields = {
        cell.field
        for cell, kind in cells
        if kind == "number" and cell.field and not project.column(cell.field).choices
    }
    pattern = r"^[+-]?[0-9]*\{mark}[0-9]+$"
    found = [
        mark
        for mark in ".,"
        for name in sorted(fields)
        if engine.rows(
            f"SELECT 1 FROM export WHERE regexp_matches({quoted(stored(name))}, "
            f"{literal(pattern.format(mark=mark))}) LIMIT 1"
        )
    ]
    if len(set(found)) > 1:
        raise BadInput([Fault(
            rule="numbers must be written with one decimal mark; these have both . and ,",
            file=project.export, value=", ".join(sorted(fields)),
            remedy="Say which it is, --decimal-mark, and the others are named one by one.",
        )])  # fmt: skip
    return found[0] if found else "."


def choice_faults(engine: Engine, project: RedcapProject) -> Iterator[Fault]:
    """Name cells of choice fields that the dictionary does not list."""
    faults = []
    for name, known in project.fields().items():
        if not known.choices:
            continue
        also = ("3",) if known.kind == "complete" else ()  # Old projects have it.
        codes = ", ".join(map(literal, ("", *known.choices, *project.map.missing, *also)))
        cell = quoted(stored(name))
        for line, record, value in engine.rows(
            f"SELECT line, record, {cell} FROM export WHERE {cell} NOT IN ({codes}) ORDER BY line"
        ):
            if value in known.choices.values():
                yield label_fault(project.export, line, value, name)
                return
            faults.append(Fault(
                rule="a choice must be in the dictionary, or a code for missing data that the map "
                     "lists",
                file=project.export, line=line, column=name, patient=record, value=value,
                remedy="Download the dictionary anew, or list the code: [redcap] missing.",
            ))  # fmt: skip
    yield from faults


def event_faults(engine: Engine, project: RedcapProject) -> Iterator[Fault]:
    """Name events of the map that the export does not have, or that cannot give one value."""
    found = [event for (event,) in engine.rows("SELECT DISTINCT event FROM export ORDER BY event")]
    repeating = {
        event
        for (event,) in engine.rows(
            "SELECT DISTINCT event FROM export WHERE instrument = '' AND instance <> ''"
        )
    }
    named_events: list[tuple[tuple[str, ...], int | None, str, bool]] = [
        ((table, "events"), place, event, False)
        for table, place, block in project.map.blocks
        for event in block.events
    ]
    named_events += [
        ((table, name), place, cell.event, True)
        for table, place, block in project.map.blocks
        for name, cell in block.cells().items()
        if cell.event is not None
    ]
    named_events += [
        (("patients", name), None, cell.event, False)
        for name, cell in project.patient_cells().items()
        if cell.event is not None
    ]
    for path, place, event, one in named_events:
        if event not in found:
            rule = (
                f"the event must be one of the export: {', '.join(filter(None, found)) or 'none'}"
            )
            remedy = f"Correct it{alike(event, found)}; one that nobody has reached is left out."
            yield project.file.fault(rule, remedy, path, event, section=place)
        elif one and event in repeating:
            rule = "the event repeats, so that there are several candidates for one value"
            remedy = "Take the field from an event that does not repeat."
            yield project.file.fault(rule, remedy, path, event, section=place)
    yield from _repeat_faults(engine, project)


def _repeat_faults(engine: Engine, project: RedcapProject) -> Iterator[Fault]:
    """Name fields of another instrument that repeats: nobody could say which repeat is meant."""
    repeated = set(
        engine.rows("SELECT DISTINCT instrument, event FROM export WHERE instrument <> ''")
    )
    for table, place, block in project.map.blocks:
        for name, cell in block.cells().items():
            form = project.column(cell.field or "").form
            events = [cell.event] if cell.event else block.events
            if form in ("", block.form) and not cell.event:
                continue
            if any(f == form and (not events or event in events) for f, event in repeated):
                yield project.file.fault(
                    f"the form {form} repeats, so that there are several candidates for one value",
                    "Take a field of the same form, or of one that does not repeat.",
                    (table, name), cell.field, section=place,
                )  # fmt: skip
