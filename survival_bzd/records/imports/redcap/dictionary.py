"""The data dictionary of a REDCap project: what its fields are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.imports.exports import open_export, refuse

COLUMNS: Mapping[str, str] = {
    "Variable / Field Name": "field_name",
    "Form Name": "form_name",
    "Section Header": "section_header",
    "Field Type": "field_type",
    "Field Label": "field_label",
    "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
    "Field Note": "field_note",
    "Text Validation Type OR Show Slider Number": "text_validation_type_or_show_slider_number",
    "Text Validation Min": "text_validation_min",
    "Text Validation Max": "text_validation_max",
    "Identifier?": "identifier",
    "Branching Logic (Show field only if...)": "branching_logic",
    "Required Field?": "required_field",
    "Custom Alignment": "custom_alignment",
    "Question Number (surveys only)": "question_number",
    "Matrix Group Name": "matrix_group_name",
    "Matrix Ranking?": "matrix_ranking",
    "Field Annotation": "field_annotation",
}
"""The 18 columns, as the website calls them and as its interface for programs does."""

_NEEDED = ("field_name", "form_name", "field_type", "select_choices_or_calculations")
YES_NO = {"1": "Yes", "0": "No"}
TRUE_FALSE = {"1": "True", "0": "False"}
COMPLETE = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
TICKED = {"0": "Unchecked", "1": "Checked"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedcapField:
    """A field of a project.

    Attributes
    ----------
    name, form, kind, label : as the dictionary says.
    choices : code -> label, of a field with choices.
    validation : of a text field, such as ``date_dmy``.
    identifier : whether it is marked as one that names the patient.
    line : of the dictionary.
    """

    name: str
    form: str
    kind: str
    label: str = ""
    choices: Mapping[str, str]
    validation: str = ""
    identifier: bool = False
    line: int | None = None

    @property
    def is_checkbox(self) -> bool:
        """Whether the export has a column for each of its choices."""
        return self.kind == "checkbox"

    def box(self, code: str) -> str:
        """Return the column of the export that says whether this choice is ticked.

        >>> RedcapField(name="race", form="f", kind="checkbox", choices={}).box("-99")
        'race____99'
        """
        return f"{self.name}___{code.lower().replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A data dictionary; `fields` are in its order, the first is the record's identifier."""

    file: str
    fields: Mapping[str, RedcapField]

    @property
    def record_id(self) -> str:
        """The field that identifies a record."""
        return next(iter(self.fields))

    @property
    def forms(self) -> tuple[str, ...]:
        """The instruments, in their order."""
        return tuple(dict.fromkeys(field.form for field in self.fields.values()))

    def columns(self, missing: tuple[str, ...] = ()) -> dict[str, RedcapField]:
        """Return what the columns of a raw export are; of a checkbox each choice is one.

        `missing` are the project's codes for missing data: a checkbox has a column for each too.
        """
        found: dict[str, RedcapField] = {}
        for field in self.fields.values():
            if not field.is_checkbox:
                found[field.name] = field
                continue
            for code in (*field.choices, *missing):
                name = field.box(code)
                found[name] = RedcapField(
                    name=name, form=field.form, kind="box", choices=TICKED,
                    label=field.choices.get(code, code), identifier=field.identifier,
                    line=field.line,
                )  # fmt: skip
        for form in self.forms:
            name = f"{form}_complete"
            found[name] = RedcapField(name=name, form=form, kind="complete", choices=COMPLETE)
        return found


def read_dictionary(path: Path) -> Dictionary:
    """Read a data dictionary, as downloaded from the website or through its interface.

    Raises
    ------
    BadInput
        With every problem of it.
    """
    text = open_export(path)
    ours = {theirs: COLUMNS.get(theirs.strip(), theirs.strip()) for theirs in text.header}
    lacking = [name for name in _NEEDED if name not in ours.values()]
    if lacking:
        written = [theirs for theirs, name in COLUMNS.items() if name in lacking]
        raise BadInput([Fault(
            rule="a data dictionary must have the columns that REDCap gives it; "
                 f"it lacks {', '.join(written)}",
            file=text.name, line=1,
            remedy="Download it from the project: Project Setup, Data Dictionary, Download.",
        )])  # fmt: skip
    fields: dict[str, RedcapField] = {}
    faults: list[Fault] = []
    for chunk in text.chunks:
        cells = {ours[theirs]: chunk.cells[theirs] for theirs in text.header}
        for place, line in enumerate(chunk.lines):
            field = _field({name: column[place] for name, column in cells.items()}, line)
            if field.name in fields:
                faults.append(_twice(text.name, field, fields[field.name]))
            fields[field.name] = field
    if not fields:
        faults.append(Fault(rule="a data dictionary must have fields; it has none", file=text.name,
                            remedy="Download it again."))  # fmt: skip
    refuse([*text.faults, *faults])
    return Dictionary(text.name, fields)


def _twice(file: str, field: RedcapField, first: RedcapField) -> Fault:
    return Fault(
        rule="a field must stand once in the dictionary", file=file, line=field.line,
        value=f"{field.name}, also in line {first.line}", remedy="Download it again.",
    )  # fmt: skip


def _field(row: Mapping[str, str], line: int) -> RedcapField:
    kind = row["field_type"].strip()
    choices = {"yesno": YES_NO, "truefalse": TRUE_FALSE}.get(kind)
    if choices is None:
        listed = row["select_choices_or_calculations"] if kind in _WITH_CHOICES else ""
        choices = dict(_choices(listed))
    return RedcapField(
        name=row["field_name"].strip(), form=row["form_name"].strip(), kind=kind,
        label=row.get("field_label", "").strip(), choices=choices,
        validation=row.get("text_validation_type_or_show_slider_number", "").strip(),
        identifier=row.get("identifier", "").strip().lower() == "y", line=line,
    )  # fmt: skip


_WITH_CHOICES = ("radio", "dropdown", "checkbox")


def _choices(listed: str) -> Iterator[tuple[str, str]]:
    """Split `1, Yes | 0, No`; a label may hold commas."""
    for choice in re.split(r"\s*\|\s*", listed.strip()):
        code, _, label = choice.partition(",")
        if code.strip():
            yield code.strip(), label.strip()
