"""Write a mapping file to fill in, from the data dictionary and the export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from survival_bzd.records.engine import Engine, literal
from survival_bzd.records.imports.exports import open_export, refuse
from survival_bzd.records.imports.folder import toml_text
from survival_bzd.records.imports.maps import MapFile
from survival_bzd.records.imports.redcap.dictionary import (
    Dictionary,
    RedcapField,
    read_dictionary,
)
from survival_bzd.records.imports.redcap.export import load_export
from survival_bzd.records.imports.redcap.mapping import BLOCKS, Patients, Project, RedcapMap
from survival_bzd.records.imports.redcap.project import RedcapProject, header_faults
from survival_bzd.records.schema import TABLES, Column


def scaffold_map(export: Path, dictionary: Path, *, delimiter: str | None = None) -> str:
    """Return a commented mapping file: what the project has, and what a study can take from it.

    Parameters
    ----------
    export : CSV of raw data; its events and repeating instruments are listed.
    dictionary : the data dictionary of the project.
    delimiter : of the export; found out by default.

    Returns
    -------
    str
        TOML that is valid as it stands; the sections to fill in are comments.

    Raises
    ------
    BadInput
        If one of the files cannot be read, or the export is of labels.
    """
    known = read_dictionary(dictionary)
    text = open_export(export, delimiter)
    empty = RedcapMap(MapFile("", "", {}), Project(), Patients(), ())
    project = RedcapProject(empty, known, known.columns(), text.name, text.header)
    if project.record_id not in text.header:
        refuse(list(header_faults(project, text)))
    engine = Engine.start()
    load_export(engine, project, text)
    refuse(text.faults)
    where = {form: _where(engine, form) for form in known.forms}
    return "\n".join([*_head(known, export), *_fields(known, where), *_blocks()]) + "\n"


def _head(known: Dictionary, export: Path) -> Iterator[str]:
    yield "# Which field of the REDCap project feeds which column of the study. Left of a `=`"
    yield "# stands the package's name, right of it what stands in REDCap. Fill in the sections"
    yield "# that you need, take the # off their lines, and then:"
    yield f"# survival-bzd import redcap {export.name} --dictionary {known.file} --map THIS.toml"
    yield ""
    study = {"name": "NAME", "title": "Title of the study", "synthetic": False}
    yield toml_text({"study": {**study, "control_group": False}})
    yield "# Every substance that the records name, by class; not_counted is never use."
    substances = {"benzodiazepine": ["benzodiazepines"], "z_drug": [], "not_counted": []}
    yield toml_text({"substances": substances})
    yield "[redcap]"
    yield "# The codes for missing data: Project Setup, Additional customizations."
    yield 'missing = []                      # such as ["NI", "UNK", "NASK", "-99"]'
    identifying = [field.name for field in known.fields.values() if field.identifier]
    if identifying:
        yield f"# Identifying fields, never copied: {', '.join(identifying)}."
        yield '# identifiers = ["FIELD"]         # copied all the same'
    yield '# patient_id = "FIELD"            # if the record is not known by ' + known.record_id
    yield '# dates = "as_validated"          # if a spreadsheet wrote them as 31/12/2021'
    yield '# undated = ["urine"]             # tables whose rows without a date are left out'
    yield ""
    yield "# One row a record. A value is taken from whichever row of the record has it."
    yield "[patients]"
    yield '# enrolled = { field = "FIELD", event = "EVENT" }'
    yield '# where = { FIELD = ["1"] }         # only these records'
    yield ""
    yield "[patients.covariates]"
    yield '# age = "FIELD"'
    yield ""


def _fields(known: Dictionary, where: Mapping[str, str]) -> Iterator[str]:
    """List what the project has, instrument by instrument."""
    yield "# What the project has:"
    for form in known.forms:
        yield "#"
        yield f"# form {form}{where[form]}"
        yield from (_told(field) for field in known.fields.values() if field.form == form)
    yield ""


def _told(field: RedcapField) -> str:
    kind = " ".join(part for part in (field.kind, field.validation) if part)
    choices = " | ".join(f"{code}, {label}" for code, label in field.choices.items())
    label = " ".join(field.label.split())
    told = f"#   {field.name} ({kind}) {label}{': ' + choices if choices else ''}"
    return told if told.isprintable() else told.encode("unicode_escape").decode("ascii")


def _where(engine: Engine, form: str) -> str:
    """Say in which events the instrument repeats."""
    query = (
        "SELECT STRING_AGG(DISTINCT event, ', ' ORDER BY event) FROM export "
        f"WHERE instrument = {literal(form)}"
    )
    ((events,),) = engine.rows(query)
    if events is None:
        return ""
    return f", repeating{' in ' + events if events else ''}"


def _blocks() -> Iterator[str]:
    """Write a section for every table, as comments."""
    yield "# Each filled instrument, repeated or not, becomes a row of a table. A section may stand"
    yield '# several times. Any column may be the same in all rows: { value = "..." }. A choice'
    yield '# becomes its label, or what names says: names = { 1 = "diazepam" }. A checkbox gives a'
    yield "# row for each ticked box."
    for table in BLOCKS:
        yield ""
        yield f"# [[{table}]]"
        yield '# form = "FORM"'
        yield '# events = ["EVENT"]             # by default all'
        yield '# where = { FORM_complete = ["2"] }'
        for column in TABLES[table]:
            if column.name != "patient_id":
                optional = "" if column.required else "     # if you have it"
                yield f"# {column.name} = {_example(column)}{optional}"
    yield ""
    yield "# What a relapse is, as in study.toml: docs/endpoints.md."
    yield "[endpoint.relapse]"
    yield 'label = "Return to any benzodiazepine or Z-drug use"'
    yield 'origin = { at = "confirmed_abstinence", negatives = 2, after = "use" }'
    yield 'pattern = { rule = "any_use" }'
    yield 'sources = ["visits", "urine", "use_days"]'


def _example(column: Column) -> str:
    if column.kind != "code":
        return '"FIELD"'
    codes = ", ".join(f'{code} = ["{n}"]' for n, code in enumerate(column.codes, 1))
    return f'{{ field = "FIELD", codes = {{ {codes} }} }}'
