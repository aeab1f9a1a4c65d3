"""A REDCap project as a map speaks of it: what fits together is checked before any row is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from survival_bzd.errors import Fault
from survival_bzd.records.imports.maps import MapFile, alike
from survival_bzd.records.imports.redcap.dictionary import Dictionary, RedcapField
from survival_bzd.records.imports.redcap.mapping import Block, Cell, RedcapMap
from survival_bzd.records.schema import TABLES
from survival_bzd.records.text_table import TextTable, named

KEYS: Mapping[str, str] = {
    "redcap_event_name": "event",
    "redcap_repeat_instrument": "instrument",
    "redcap_repeat_instance": "instance",
}
"""Columns that REDCap adds, and what they are called here."""


SYSTEM = (*KEYS, "redcap_data_access_group", "redcap_survey_identifier")


RAW_EXPORT = (
    "Export it again: Data Exports, CSV / Microsoft Excel (raw data). A label export has no codes."
)


@dataclass(slots=True)
class RedcapProject:
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
        """The field that identifies a record."""
        return self.map.project.record_id or self.dictionary.record_id

    @property
    def file(self) -> MapFile:
        """The map as it was written."""
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
        """Return what the map says of each column of patients."""
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


def header_faults(project: RedcapProject, text: TextTable) -> Iterator[Fault]:
    """Refuse an export of labels, of another project, and columns that nobody knows."""
    labels = {known.label for known in project.dictionary.fields.values()} | set(_LABEL_HEADERS)
    if project.record_id not in text.header:
        if labels.intersection(text.header):
            yield label_fault(text.name, 1, text.header[0])
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


def label_fault(file: str, line: int, value: str, column: str | None = None) -> Fault:
    """Refuse an export of labels, and say how to get one of codes."""
    return Fault(rule="the export must be of raw data; this one has labels", file=file, line=line,
                 column=column, value=value, remedy=RAW_EXPORT)  # fmt: skip


def map_faults(project: RedcapProject) -> Iterator[Fault]:
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
    yield from _checkbox_faults(project)
    for table, place, block in project.map.blocks:
        yield from _block_faults(project, table, place, block)
        for name, codes in block.where.items():
            gate = Cell(field=name, empty=codes)
            yield from _choice_map_faults(project, (table, "where"), place, gate)
    for name, codes in project.map.patients.where.items():
        gate = Cell(field=name, empty=codes)
        yield from _choice_map_faults(project, ("patients", "where"), None, gate)
    for name, cell in project.patient_cells().items():
        at = ("patients",) if name == "enrolled" else ("patients", "covariates")
        yield from _choice_map_faults(project, (*at, name), None, cell)


def _checkbox_faults(project: RedcapProject) -> Iterator[Fault]:
    """Name places that take one value, and are given all the boxes of a checkbox."""
    rows = {
        ((table, column), place)
        for table, place, block in project.map.blocks
        if (found := boxed_column(project, block)) is not None
        for column in (found[0],)
        if found[1].form == block.form and block.cells()[column].event is None
    }
    for path, place, name in project.mentioned():
        known = project.dictionary.fields.get(name)
        if known is None or not known.is_checkbox:
            continue
        kinds = {c.name: c.kind for c in TABLES.get(path[0], ())}
        if (path, place) in rows and kinds[path[1]] == "name":
            continue
        if any(known.box(code) in project.header for code in known.choices):
            boxes = ", ".join(known.box(code) for code in known.choices)
            yield project.file.fault(
                "a checkbox has a value for each of its boxes; only a column of names of its own "
                "form can take them all, once in a section",
                f"Name one box: {boxes}.", path, name, section=place,
            )  # fmt: skip


def _is_exported(project: RedcapProject, name: str) -> bool:
    known = project.dictionary.fields.get(name)
    if known is not None and known.is_checkbox:
        return all(known.box(code) in project.header for code in known.choices)
    return name in project.header


def _block_faults(project: RedcapProject, table: str, place: int, block: Block) -> Iterator[Fault]:
    """Name what a section says that cannot be done with its instrument."""
    forms = project.dictionary.forms
    if block.form not in forms:
        remedy = f"Correct it{alike(block.form, forms)}."
        rule = f"the form must be one of {', '.join(forms)}"
        yield project.file.fault(rule, remedy, (table, "form"), block.form, section=place)
        return
    if not own_columns(project, block):
        rule = f"a section must take at least one field of its form {block.form}"
        remedy = "Correct the form, or name the field that says whether it was filled in."
        yield project.file.fault(rule, remedy, (table, "form"), block.form, section=place)
    if block.events and "redcap_event_name" not in project.header:
        rule = "the export has no events (redcap_event_name)"
        remedy = "Take events out, or export the longitudinal project whole."
        yield project.file.fault(rule, remedy, (table, "events"), section=place)
    boxed = boxed_column(project, block)
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
    project: RedcapProject, path: tuple[str, ...], place: int | None, cell: Cell
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


def boxed_column(project: RedcapProject, block: Block) -> tuple[str, RedcapField] | None:
    """Return the column of names that a checkbox feeds, whose boxes become rows."""
    for name, cell in block.cells().items():
        known = project.dictionary.fields.get(cell.field or "")
        if known is not None and known.is_checkbox:
            return name, known
    return None


def own_columns(project: RedcapProject, block: Block) -> list[str]:
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
