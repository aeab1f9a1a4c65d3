"""A raw REDCap export becomes a study folder, by a mapping file.

The export is a block matrix: a row for each record, event, repeating instrument and instance, with
the fields of every instrument side by side; cells of other instruments are empty. All of it is
done in SQL on columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.imports.dictionary import Dictionary, RedcapField, read_dictionary
from survival_bzd.records.imports.exports import open_export, refuse, source_of
from survival_bzd.records.imports.folder import (
    SOURCE_LINE,
    Check,
    Imported,
    faults_of_records,
    write_study,
)
from survival_bzd.records.imports.maps import MapFile, alike, read_map
from survival_bzd.records.imports.redcap_map import (
    COPIED,
    Block,
    Cell,
    RedcapMap,
    check_map,
)
from survival_bzd.records.loading import load_text
from survival_bzd.records.reading import NUMBER
from survival_bzd.records.schema import TABLES, Column, Covariate
from survival_bzd.records.text_table import TextTable, named

KEYS: Mapping[str, str] = {
    "redcap_event_name": "event",
    "redcap_repeat_instrument": "instrument",
    "redcap_repeat_instance": "instance",
}
"""Columns that REDCap adds, and what they are called here."""
SYSTEM = (*KEYS, "redcap_data_access_group", "redcap_survey_identifier")

ANSWERS: Mapping[str, tuple[str, ...]] = {
    "treatments": ("date",),
    "visits": ("date", "status", "use"),
    "urine": ("result",),
    "use_days": ("substance",),
    "use_windows": ("from", "to"),
    "fills": ("substance",),
    "scales": ("score",),
    "outcomes": ("outcome",),
}
"""Table -> the columns without any of which a filled instrument says nothing to this table."""

RAW_EXPORT = (
    "Export it again: Data Exports, CSV / Microsoft Excel (raw data). A label export has no codes."
)


@dataclass(frozen=True, slots=True)
class Share:
    """What a section of the map made of the export.

    Attributes
    ----------
    table, form : the section.
    rows : rows written.
    elsewhere : rows that `where` leaves out.
    blank : rows in which nothing was entered for this table.
    not_answered : rows whose answer is a code for missing data, and that became no row.
    not_patients : rows of records that are no patients.
    """

    table: str
    form: str
    rows: int
    elsewhere: int = 0
    blank: int = 0
    not_answered: int = 0
    not_patients: int = 0


def import_redcap(
    export: Path,
    dictionary: Path,
    mapping: Path,
    into: Path,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    check: Check = faults_of_records,
) -> tuple[Share, ...]:
    """Turn a raw REDCap export into a study folder.

    No row is guessed at: whatever is not in the dictionary, or is ambiguous, is refused. Every
    table has a column `source_line`, the line of the export that its row comes from.

    Parameters
    ----------
    export : CSV of raw data.
    dictionary : the data dictionary of the project.
    mapping : says which field feeds which column; `scaffold_map` writes one to fill in.
    into : the study folder to make. Its files appear all at once, or not at all.
    delimiter : of the export; found out by default.
    decimal : mark of its numbers, ``.`` or ``,``; found out by default.
    check : what must find nothing wrong with the folder.

    Returns
    -------
    tuple of Share
        What each section of the map made of the export.

    Raises
    ------
    BadInput
        With every problem of a kind.
    """
    checked = check_map(read_map(mapping))
    known = read_dictionary(dictionary)
    text = open_export(export, delimiter)
    project = _Project(checked, known, known.columns(checked.missing), text.name, text.header)
    refuse(list(_header_faults(project, text)))
    refuse(list(_map_faults(project)))
    engine = Engine.start()
    _load(engine, project, text)
    refuse([*text.faults, *_row_faults(engine, project)])
    project.decimal = decimal or _decimal(engine, project)
    refuse([*_choice_faults(engine, project), *_event_faults(engine, project)])
    _make_patients(engine, project)
    blocks = [
        _make_block(engine, project, number, table, place, block)
        for number, (table, place, block) in enumerate(checked.blocks)
    ]
    refuse(project.faults)
    tables = {"patients": Imported(
        query="SELECT patient_id, * EXCLUDE (record, patient_id, source_line), source_line "
        "FROM made_patients ORDER BY source_line",
        file=text.name, columns=project.named["patients"],
    )}  # fmt: skip
    tables |= {
        name: _imported(project, name, numbers)
        for name in TABLES
        if (numbers := [n for n, (table, _, _) in enumerate(checked.blocks) if table == name])
    }
    sources = [
        source_of(export, "redcap", "export"),
        source_of(dictionary, "redcap", "data dictionary"),
        source_of(mapping, "redcap", "map"),
    ]
    sections = _sections(project, tables, sources)
    write_study(engine, tables, sections, into, checked.file, check=check)
    patients = engine.rows("SELECT COUNT(*) FROM made_patients")[0][0]
    others = engine.rows("SELECT COUNT(DISTINCT record) FROM export")[0][0] - patients
    return (Share("patients", "", patients, elsewhere=others), *blocks)


@dataclass(slots=True)
class _Project:
    """The map beside what it speaks of, and what was found on the way."""

    map: RedcapMap
    dictionary: Dictionary
    columns: Mapping[str, RedcapField]
    export: str
    header: tuple[str, ...]
    decimal: str = "."
    faults: list[Fault] = field(default_factory=list)
    named: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def record_id(self) -> str:
        return self.map.project.record_id or self.dictionary.record_id

    @property
    def file(self) -> MapFile:
        return self.map.file

    def fields(self) -> dict[str, RedcapField]:
        """Return every field that the map uses and the export has, boxes one by one."""
        used: dict[str, RedcapField] = {}
        for _, _, name in self.mentioned():
            known = self.dictionary.fields.get(name)
            names = [known.box(code) for code in (*known.choices, *self.map.missing)] if (
                known and known.is_checkbox) else [name]  # fmt: skip
            used |= {n: self.column(n) for n in names if n in self.header}
        return used

    def column(self, name: str) -> RedcapField:
        """Return what a column of the export is."""
        return self.columns.get(name) or RedcapField(name=name, form="", kind="text", choices={})

    def mentioned(self) -> Iterator[tuple[tuple[str, ...], int | None, str]]:
        """Yield (key of the map, place of its section, field) for every field it names."""
        if self.map.project.patient_id is not None:
            yield ("redcap", "patient_id"), None, self.map.project.patient_id
        for name, cell in self.patient_cells().items():
            at = ("patients",) if name == "enrolled" else ("patients", "covariates")
            if cell.field is not None:
                yield (*at, name), None, cell.field
        for name in self.map.patients.where:
            yield ("patients", "where"), None, name
        for table, place, block in self.map.blocks:
            for column, cell in block.cells().items():
                if cell.field is not None:
                    yield (table, column), place, cell.field
            for name in block.where:
                yield (table, "where"), place, name

    def patient_cells(self) -> dict[str, Cell]:
        enrolled = self.map.patients.enrolled
        own = {"enrolled": enrolled} if enrolled is not None else {}
        return {**own, **self.map.patients.covariates}

    def kind_of(self, cell: Cell) -> str:
        """Return what a covariate holds: as the map says, or as the dictionary has it."""
        if cell.kind is not None or cell.field is None:
            return cell.kind or "text"
        known = self.column(cell.field)
        if known.validation.startswith(("date_", "datetime_")):
            return "date"
        numeric = known.kind in ("calc", "slider") or known.validation.startswith(
            ("number", "integer")
        )
        return "number" if numeric else "text"


def _header_faults(project: _Project, text: TextTable) -> Iterator[Fault]:
    """Refuse an export of labels, of another project, and columns that nobody knows."""
    labels = {known.label for known in project.dictionary.fields.values()} | set(_LABEL_HEADERS)
    if project.record_id not in text.header:
        if labels.intersection(text.header):
            yield _label_fault(text.name, 1, text.header[0])
            return
        yield Fault(
            rule=f"the export must have the field that identifies a record, {project.record_id}",
            file=text.name, line=1, value=named(text.header),
            remedy="Give the dictionary of the same project, or name the field in the map: "
                   "[redcap] record_id.",
        )  # fmt: skip
        return
    forms = project.dictionary.forms
    known = {*project.columns, *SYSTEM, *(f"{form}_timestamp" for form in forms)}
    for name in text.header:
        if name not in known:
            yield Fault(
                rule="a column of the export must be a field of the dictionary",
                file=text.name, line=1, value=name,
                remedy=f"Download both anew, so that they are of one state of the project"
                       f"{alike(name, known)}; a column for a code of missing data is known when "
                       "the map lists the code: [redcap] missing.",
            )  # fmt: skip


_LABEL_HEADERS = ("Event Name", "Repeat Instrument", "Repeat Instance", "Complete?", "Record ID")


def _label_fault(file: str, line: int, value: str, column: str | None = None) -> Fault:
    return Fault(rule="the export must be of raw data; this one has labels", file=file, line=line,
                 column=column, value=value, remedy=RAW_EXPORT)  # fmt: skip


def _map_faults(project: _Project) -> Iterator[Fault]:
    """Name fields, forms, codes and events of the map that the project does not have."""
    allowed = {*project.map.project.identifiers}
    identifying = {name for name, known in project.dictionary.fields.items() if known.identifier}
    everything = {**project.dictionary.fields, **project.columns}
    own = [(("redcap", "record_id"), None, project.record_id)]
    own = [] if project.map.project.patient_id is not None else own
    for path, place, name in (*own, *project.mentioned()):
        known = everything.get(name)
        if known is None and name not in project.header:
            remedy = f"Correct it{alike(name, everything)}."
            rule = "the field must be in the dictionary or the export"
            yield project.file.fault(rule, remedy, path, name, section=place)
        elif not _is_exported(project, name):
            rule = "the field must be in the export; it is in the dictionary only"
            remedy = "Export it too, or take it out of the map."
            yield project.file.fault(rule, remedy, path, name, section=place)
        elif name.split("___")[0] in identifying and name.split("___")[0] not in allowed:
            rule = "the dictionary marks this field as one that identifies the patient"
            remedy = (
                f'Take it out, or allow it to be copied: [redcap] identifiers = ["{name}"].'
                " For another identifier: [redcap] patient_id."
            )
            yield project.file.fault(rule, remedy, path, name, section=place)
    for table, place, block in project.map.blocks:
        yield from _block_faults(project, table, place, block)
    for name, cell in project.patient_cells().items():
        at = ("patients",) if name == "enrolled" else ("patients", "covariates")
        yield from _choice_map_faults(project, (*at, name), None, cell)


def _is_exported(project: _Project, name: str) -> bool:
    known = project.dictionary.fields.get(name)
    if known is not None and known.is_checkbox:
        return all(known.box(code) in project.header for code in known.choices)
    return name in project.header


def _block_faults(project: _Project, table: str, place: int, block: Block) -> Iterator[Fault]:
    """Name what a section says that cannot be done with its instrument."""
    forms = project.dictionary.forms
    if block.form not in forms:
        remedy = f"Correct it{alike(block.form, forms)}."
        rule = f"the form must be one of {', '.join(forms)}"
        yield project.file.fault(rule, remedy, (table, "form"), block.form, section=place)
        return
    if not _own(project, block):
        rule = f"a section must take at least one field of its form {block.form}"
        remedy = "Correct the form, or name the field that says whether it was filled in."
        yield project.file.fault(rule, remedy, (table, "form"), block.form, section=place)
    if block.events and "redcap_event_name" not in project.header:
        rule = "the export has no events (redcap_event_name)"
        remedy = "Take events out, or export the longitudinal project whole."
        yield project.file.fault(rule, remedy, (table, "events"), section=place)
    boxed = _boxed(project, block)
    if any(cell.ticked or cell.unticked for cell in block.cells().values()) and boxed is None:
        rule = "ticked and unticked need a column of names that is a checkbox"
        remedy = 'Name the checkbox, as in analyte = "found".'
        yield project.file.fault(rule, remedy, (table, "form"), section=place)
    for name, cell in block.cells().items():
        yield from _choice_map_faults(project, (table, name), place, cell)
        known = project.columns.get(cell.field or "")
        if known is not None and known.kind == "box" and not block.where and any(
            "0" in codes for codes in cell.codes.values()
        ):  # fmt: skip
            rule = "an unticked box is exported as 0 whether or not anybody answered"
            remedy = 'Name the field that proves the answer: where = { collected = ["1"] }, or ' \
                     'write empty = ["0"].'  # fmt: skip
            yield project.file.fault(rule, remedy, (table, name), cell.field, section=place)


def _choice_map_faults(
    project: _Project, path: tuple[str, ...], place: int | None, cell: Cell
) -> Iterator[Fault]:
    """Name codes of the map that are not among the choices of the field."""
    known = {**project.dictionary.fields, **project.columns}.get(cell.field or "")
    if known is None or not known.choices:
        return
    theirs = [*(code for codes in cell.codes.values() for code in codes), *(cell.names or {})]
    for code in (*theirs, *cell.empty):
        if code not in known.choices and code not in project.map.missing:
            choices = " | ".join(f"{code}, {label}" for code, label in known.choices.items())
            rule = f"the code must be a choice of {known.name}: {choices}"
            yield project.file.fault(rule, "Correct it.", path, code, section=place)


def _boxed(project: _Project, block: Block) -> tuple[str, RedcapField] | None:
    """Return the column of names that a checkbox feeds, whose boxes become rows."""
    for name, cell in block.cells().items():
        known = project.dictionary.fields.get(cell.field or "")
        if known is not None and known.is_checkbox:
            return name, known
    return None


def _own(project: _Project, block: Block) -> list[str]:
    """Return the columns of the export that say whether the instrument was filled in."""
    names = [cell.field for cell in block.cells().values() if cell.field and not cell.event]
    names += [name for name in block.where if project.column(name).kind != "complete"]
    fields = project.dictionary.fields
    found: list[str] = []
    for name in names:
        known = fields.get(name)
        if known is not None and known.is_checkbox:
            found += [known.box(c) for c in known.choices] if known.form == block.form else []
        elif project.column(name).form == block.form:
            found.append(name)
    return list(dict.fromkeys(found))


def _load(engine: Engine, project: _Project, text: TextTable) -> None:
    """Make the table `export`: keys, and the fields in use with blanks around them taken off."""
    keys = {ours: theirs for theirs, ours in KEYS.items() if theirs in text.header}
    fields = {_stored(name): name for name in project.fields()}
    load_text(engine, "raw_export", text, {"record": project.record_id, **keys, **fields})
    cells = [f"TRIM({key}) AS {key}" if key in keys else f"'' AS {key}" for key in KEYS.values()]
    cells += [f"TRIM({quoted(name)}) AS {quoted(name)}" for name in fields]
    engine.execute(f"CREATE TABLE export AS SELECT line, record, {', '.join(cells)} "
                   "FROM raw_export ORDER BY line")  # fmt: skip
    engine.execute("DROP TABLE raw_export")


def _stored(name: str) -> str:
    """Return the column of `export` that holds a field; no key has such a name."""
    return f"f_{name}"


def _row_faults(engine: Engine, project: _Project) -> Iterator[Fault]:
    """Name rows that stand twice, and instruments and events that cannot be."""
    for line, value in engine.rows(
        "SELECT line, event FROM export WHERE NOT regexp_matches(event, '^[a-z0-9_]*$') "
        "ORDER BY line LIMIT 1"
    ):
        yield _label_fault(project.export, line, value, "redcap_event_name")
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


def _decimal(engine: Engine, project: _Project) -> str:
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
            f"SELECT 1 FROM export WHERE regexp_matches({quoted(_stored(name))}, "
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


def _choice_faults(engine: Engine, project: _Project) -> Iterator[Fault]:
    """Name cells of choice fields that the dictionary does not list."""
    faults = []
    for name, known in project.fields().items():
        if not known.choices:
            continue
        also = ("3",) if known.kind == "complete" else ()  # Old projects have it.
        codes = ", ".join(map(literal, ("", *known.choices, *project.map.missing, *also)))
        cell = quoted(_stored(name))
        for line, record, value in engine.rows(
            f"SELECT line, record, {cell} FROM export WHERE {cell} NOT IN ({codes}) ORDER BY line"
        ):
            if value in known.choices.values():
                yield _label_fault(project.export, line, value, name)
                return
            faults.append(Fault(
                rule="a choice must be in the dictionary, or a code for missing data that the map "
                     "lists",
                file=project.export, line=line, column=name, patient=record, value=value,
                remedy="Download the dictionary anew, or list the code: [redcap] missing.",
            ))  # fmt: skip
    yield from faults


def _event_faults(engine: Engine, project: _Project) -> Iterator[Fault]:
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


def _make_patients(engine: Engine, project: _Project) -> None:
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
                    Column(name, "code"))  # fmt: skip
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


def _only_value(engine: Engine, project: _Project, name: str, cell: Cell, column: Column) -> None:
    """Add `v_<name>` to `made_patients`: the one value of the record; two are a fault."""
    if cell.field is None:
        raw, made, rule, remedy = "''", literal(cell.value), "", ""
        among = "export AS b"
    else:
        raw = f"b.{quoted(_stored(cell.field))}"
        made, rule, remedy = _made(project, column, cell, raw)
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


def _made(project: _Project, column: Column, cell: Cell, raw: str) -> tuple[str, str, str]:
    """Return SQL of what a cell becomes, '' for nothing and NULL if it cannot; rule and remedy."""
    known = {**project.dictionary.fields, **project.columns}.get(cell.field or "")
    choices = known.choices if known is not None else {}
    silent = {*cell.empty, *project.map.missing}
    if column.kind == "code" or choices:
        meanings = _meanings(column, cell, choices)
        nothing = [code for code in silent if code not in meanings]
        rows = "".join(f" WHEN {literal(t)} THEN {literal(o)}" for t, o in meanings.items())
        rows += "".join(f" WHEN {literal(code)} THEN ''" for code in ("", *sorted(nothing)))
        listed = " | ".join(f"{code}, {label}" for code, label in choices.items()) or "free text"
        return (
            f"CASE {raw}{rows} {'ELSE ' + raw if _as_it_is(column, choices) else ''} END",
            f"every code in use must be mapped; the field has {listed}",
            f"Say in {project.file.name} what it means: codes = {{ ours = [theirs] }}, or empty.",
        )
    silences = ", ".join(map(literal, ("", *sorted(silent))))
    value, rule, remedy = _plain(project, column, cell, raw, known)
    return f"CASE WHEN {raw} IN ({silences}) THEN '' ELSE {value} END", rule, remedy


def _as_it_is(column: Column, choices: Mapping[str, str]) -> bool:
    """Whether a cell that has no meaning of its own is kept: a name in free text."""
    return column.kind == "name" and not choices


def _meanings(column: Column, cell: Cell, choices: Mapping[str, str]) -> dict[str, str]:
    """Return theirs -> ours."""
    mapped = {theirs: ours for ours, codes in cell.codes.items() for theirs in codes}
    if column.kind == "code" and cell.names is None:
        return mapped or {code: code for code in column.codes}
    if column.kind in ("number", "whole") or cell.names == {}:
        return {code: code for code in choices}
    return {**choices, **(cell.names or {})}


def _plain(
    project: _Project, column: Column, cell: Cell, raw: str, known: RedcapField | None
) -> tuple[str, str, str]:
    """Return SQL of a cell that holds a date, a number or text; rule and remedy."""
    if column.kind == "day":
        day = _day(raw, known.validation if known else "", project.map.project.dates)
        return (
            f"strftime({day} + ({cell.plus_days}), '%Y-%m-%d')",
            "a date must be written as 2021-12-31",
            f'Export it again as raw data, or say in {project.file.name}: [redcap] dates = '
            '"as_validated", if a spreadsheet wrote dates in the order of the field\'s validation; '
            "a code for missing data belongs into [redcap] missing.",
        )  # fmt: skip
    if column.kind in ("number", "whole"):
        number = f"REPLACE({raw}, ',', '.')" if project.decimal == "," else raw
        return (
            f"CASE WHEN regexp_matches({number}, {literal(NUMBER)}) THEN {number} END",
            f"it must be a number with the decimal mark {project.decimal}",
            "Correct it, or give --decimal-mark; a code for missing data belongs into [redcap] "
            "missing.",
        )
    if cell.names is not None:
        names = "".join(f" WHEN {literal(t)} THEN {literal(o)}" for t, o in cell.names.items())
        return f"CASE {raw}{names} ELSE {raw} END" if names else raw, "", ""
    return raw, "", ""


def _day(raw: str, validation: str, dates: str) -> str:
    """Return SQL of a date; the time of day of a datetime field is taken off."""
    text = raw
    if validation.startswith("datetime_"):
        text = f"regexp_replace({raw}, '[ T][0-9]{{1,2}}:[0-9]{{2}}(:[0-9]{{2}})?$', '')"
    iso = (
        f"CASE WHEN regexp_matches({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$') "
        f"THEN CAST(try_strptime({text}, '%Y-%m-%d') AS DATE)"
    )
    form = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}.get(validation[-3:])
    if dates == "as_validated" and form:
        slashed = f"regexp_replace({text}, '[-.]', '/', 'g')"
        iso += (
            f" WHEN regexp_matches({slashed}, '^[0-9]{{1,2}}/[0-9]{{1,2}}/[0-9]{{4}}$') "
            f"THEN CAST(try_strptime({slashed}, '{form}') AS DATE)"
        )
    return f"{iso} END"


@dataclass(frozen=True, slots=True)
class _Variant:
    """One of the rows that a row of the export becomes: for a checkbox one a box, else one."""

    box: str | None = None
    name: str = ""


def _make_block(
    engine: Engine, project: _Project, number: int, table: str, place: int, block: Block
) -> Share:
    """Make the table `block_<number>`: every filled row of the instrument, and why it is none."""
    boxed = _boxed(project, block)
    variants = [_Variant()]
    if boxed is not None:
        names = {**boxed[1].choices, **(block.cells()[boxed[0]].names or {})}
        variants = [_Variant(boxed[1].box(code), names[code]) for code in boxed[1].choices]
    parts = [
        _select(project, table, block, boxed, variant, order)
        for order, variant in enumerate(variants)
    ]
    engine.execute(
        f"CREATE TABLE block_{number} AS SELECT r.*, p.patient_id FROM ({' UNION ALL '.join(parts)}"
        ") AS r LEFT JOIN made_patients AS p ON p.record = r.record"
    )
    engine.execute(f"UPDATE block_{number} SET fate = 'not_patients' WHERE patient_id IS NULL")
    _block_cell_faults(engine, project, number, table, block)
    named_columns = project.named.setdefault(table, {"patient_id": project.record_id})
    for name, cell in block.cells().items():
        shown = cell.field or (boxed[1].name if boxed and cell.ticked else name)
        if shown not in named_columns.setdefault(name, shown).split(", "):
            named_columns[name] += f", {shown}"
    fates = dict(engine.rows(f"SELECT fate, COUNT(*) FROM block_{number} GROUP BY fate"))
    return Share(
        table, block.form, fates.get("row", 0), fates.get("elsewhere", 0), fates.get("blank", 0),
        fates.get("not_answered", 0), fates.get("not_patients", 0),
    )  # fmt: skip


def _select(
    project: _Project,
    table: str,
    block: Block,
    boxed: tuple[str, RedcapField] | None,
    variant: _Variant,
    order: int,
) -> str:
    """Return SQL of the rows of one box of a checkbox, or of all where there is none."""
    joins: dict[str, str] = {}
    cells = block.cells()
    raws = {name: _raw(project, block, cell, joins) for name, cell in cells.items()}
    made: dict[str, str] = {}
    for column in TABLES[table]:
        if column.name not in cells:
            continue
        cell = cells[column.name]
        if boxed is not None and column.name == boxed[0]:
            made[column.name], raws[column.name] = literal(variant.name), literal(variant.name)
        elif cell.ticked or cell.unticked:
            raws[column.name] = f"b.{quoted(_stored(str(variant.box)))}"
            made[column.name] = (
                f"CASE {raws[column.name]} WHEN '1' THEN {literal(cell.ticked or '')} "
                f"WHEN '0' THEN {literal(cell.unticked or '')} ELSE '' END"
            )
        elif cell.value is not None:
            made[column.name] = literal(cell.value)
        else:
            made[column.name] = _made(project, column, cell, raws[column.name])[0]
    gates = [_gate(project, block, name, codes, joins) for name, codes in block.where.items()]
    fate, made = _fate(project, table, block, raws, made, " AND ".join(gates), boxed)
    chosen = [f"b.instrument IN ('', {literal(block.form)})", f"({_filled(project, block)})"]
    if block.events:
        chosen.append(f"b.event IN ({', '.join(map(literal, block.events))})")
    if boxed is not None and not any(cell.unticked for cell in cells.values()):
        ticked = f"b.{quoted(_stored(str(variant.box)))} = '1'"
        chosen.append(f"({ticked} OR {_box_missing(project, boxed[1])})")
    values = [f"{sql} AS {quoted(name)}" for name, sql in made.items()]
    values += [f"{raws[name]} AS {quoted('raw_' + name)}" for name in made]
    return (
        f"SELECT b.line AS source_line, {order} AS place, b.record, {', '.join(values)}, "
        f"{fate} AS fate FROM export AS b {' '.join(joins.values())} WHERE {' AND '.join(chosen)}"
    )


def _fate(
    project: _Project,
    table: str,
    block: Block,
    raws: Mapping[str, str],
    made: dict[str, str],
    gates: str,
    boxed: tuple[str, RedcapField] | None,
) -> tuple[str, dict[str, str]]:
    """Return SQL of what becomes of a row; of a screen not answered, that nothing is assessed."""
    answers = [name for name in ANSWERS[table] if name in made]
    cells = block.cells()
    asked = [n for n in answers if cells[n].value is None]
    blank = " AND ".join(f"{raws[name]} = ''" for name in asked) or "FALSE"
    silent = " AND ".join(f"{made[name]} = ''" for name in asked) or "FALSE"
    if boxed is not None:
        silent = f"({silent}) OR {_box_missing(project, boxed[1])}"
    if table == "urine":
        result = made["result"]
        made["result"] = f"CASE WHEN {silent} THEN 'invalid' ELSE {result} END"
        silent = "FALSE"
    if table in ("treatments", "use_days", "use_windows", "fills", "visits"):
        silent = "FALSE" if boxed is None else _box_missing(project, boxed[1])
    return (
        f"CASE WHEN NOT ({gates or 'TRUE'}) THEN 'elsewhere' WHEN {blank} THEN 'blank' "
        f"WHEN {silent} THEN 'not_answered' ELSE 'row' END",
        made,
    )


def _box_missing(project: _Project, known: RedcapField) -> str:
    """Return SQL of whether a code for missing data stands instead of the boxes."""
    boxes = [known.box(code) for code in project.map.missing if known.box(code) in project.header]
    ticked = [f"b.{quoted(_stored(name))} = '1'" for name in boxes]
    return f"({' OR '.join(ticked) or 'FALSE'})"


def _filled(project: _Project, block: Block) -> str:
    """Return SQL of whether anything was entered; an untouched box is 0."""
    names = _own(project, block)
    return " OR ".join(
        f"b.{quoted(_stored(name))} NOT IN ('', '0')"
        if project.column(name).kind == "box"
        else f"b.{quoted(_stored(name))} <> ''"
        for name in names
    )


def _raw(project: _Project, block: Block, cell: Cell, joins: dict[str, str]) -> str:
    """Return SQL of a cell as exported: of this row, of the event's own row, of another event."""
    if cell.field is None:
        return "''"
    known = project.dictionary.fields.get(cell.field)
    if known is not None and known.is_checkbox:
        return "''"
    return _found(project, block, cell.field, cell.event, joins)


def _found(
    project: _Project, block: Block, name: str, event: str | None, joins: dict[str, str]
) -> str:
    column = quoted(_stored(name))
    form = project.column(name).form
    if event is None and form in (block.form, ""):
        return f"b.{column}"
    alias = quoted(f"at_{event or ''}")
    if event is None:
        joins[alias] = (
            f"LEFT JOIN export AS {alias} ON {alias}.record = b.record "
            f"AND {alias}.event = b.event AND {alias}.instrument = '' "
            f"AND {alias}.instance = CASE WHEN b.instrument = '' THEN b.instance ELSE '' END"
        )
    else:
        joins[alias] = (
            f"LEFT JOIN export AS {alias} ON {alias}.record = b.record "
            f"AND {alias}.event = {literal(event)} AND {alias}.instrument = ''"
        )
    return f"COALESCE({alias}.{column}, '')"


def _gate(
    project: _Project, block: Block, name: str, codes: Iterable[str], joins: dict[str, str]
) -> str:
    cell = _found(project, block, name, None, joins)
    return f"{cell} IN ({', '.join(map(literal, codes))})"


def _block_cell_faults(
    engine: Engine, project: _Project, number: int, table: str, block: Block
) -> None:
    """Name every cell that cannot become what its column holds."""
    columns = {column.name: column for column in TABLES[table]}
    for name, cell in block.cells().items():
        if cell.field is None:
            continue
        _, rule, remedy = _made(project, columns[name], cell, "''")
        project.faults += [
            Fault(rule=rule, file=project.export, line=line, column=cell.field, patient=record,
                  value=value, remedy=remedy)
            for line, record, value in engine.rows(
                f"SELECT source_line, record, {quoted('raw_' + name)} FROM block_{number} "
                f"WHERE fate = 'row' AND {quoted(name)} IS NULL ORDER BY source_line"
            )
        ]  # fmt: skip


def _imported(project: _Project, table: str, numbers: list[int]) -> Imported:
    """Put the sections of one table together, in the order of the export's lines."""
    mapped = [project.map.blocks[number][2].cells() for number in numbers]
    columns = [c.name for c in TABLES[table] if any(c.name in cells for cells in mapped)]
    parts = []
    for order, number in enumerate(numbers):
        cells = project.map.blocks[number][2].cells()
        values = [
            (f"{quoted(name)}" if name in cells else "''") + f" AS {quoted(name)}"
            for name in columns
        ]
        parts.append(
            f"SELECT patient_id, {', '.join(values)}, source_line, {order} AS section, place "
            f"FROM block_{number} WHERE fate = 'row'"
        )
    shown = ", ".join(f"NULLIF({quoted(name)}, '') AS {quoted(name)}" for name in columns)
    query = (
        f"SELECT patient_id, {shown}, {SOURCE_LINE} FROM ({' UNION ALL '.join(parts)}) AS a "
        "ORDER BY source_line, section, place"
    )
    return Imported(query=query, file=project.export, columns=project.named[table])


def _sections(
    project: _Project, tables: Mapping[str, Imported], sources: list[dict[str, str]]
) -> dict[str, Any]:
    """Return the sections of `study.toml`."""
    sections = {key: project.file.written[key] for key in COPIED if key in project.file.written}
    covariates = {
        name: project.kind_of(cell) for name, cell in project.map.patients.covariates.items()
    }
    declared: dict[str, dict[str, Any]] = {name: {} for name in tables}
    if covariates:
        declared["patients"]["covariates"] = covariates
    for name in project.map.project.undated:
        declared.setdefault(name, {})["undated"] = "leave_out"
    return {**sections, "tables": declared, "provenance": sources}
