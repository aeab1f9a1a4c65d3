"""What a mapping file says of a REDCap project: which field feeds which column of a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model, model_validator

from survival_bzd.errors import Fault
from survival_bzd.records.declaration import CovariateKind, Declared
from survival_bzd.records.imports.exports import refuse
from survival_bzd.records.imports.maps import MapFile
from survival_bzd.records.schema import TABLES, Column

COPIED = ("study", "substances", "endpoint", "paper")
"""Sections of `study.toml` that a map may have; they are copied."""


class Cell(Declared):
    """Where the cells of a column come from.

    Attributes
    ----------
    field : the field, or a column of the export such as ``drugs___2``.
    value : instead of a field, what stands in every row.
    event : take the field from this event, whatever the event of the row.
    codes : ours = [theirs, ...], for a column of codes.
    names : theirs = ours, for a column of names; by default the labels of the dictionary.
    empty : codes that say nothing.
    plus_days : added to a date.
    kind : of a covariate; by default as the dictionary has it.
    ticked, unticked : what a row for a box of a checkbox says.
    """

    field: str | None = None
    value: str | None = None
    event: str | None = None
    codes: dict[str, list[str]] = Field(default_factory=dict)
    names: dict[str, str] | None = None
    empty: list[str] = Field(default_factory=list)
    plus_days: int = 0
    kind: CovariateKind | None = None
    ticked: str | None = None
    unticked: str | None = None

    @model_validator(mode="after")
    def _from_somewhere(self) -> Cell:
        sources = (self.field, self.value, self.ticked or self.unticked)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("it must have one of field, value, and ticked (with unticked)")
        return self


def _cell(written: Any) -> Any:
    """Take a bare text as the name of a field."""
    return {"field": written} if isinstance(written, str) else written


Source = Annotated[Cell, BeforeValidator(_cell)]


class Project(Declared):
    """What holds for the whole project.

    Attributes
    ----------
    record_id : the field that identifies a record; by default the dictionary's first.
    patient_id : the field that identifies a patient, if that is another.
    missing : the project's codes for missing data.
    dates : ``"iso"``, or ``"as_validated"`` where another program wrote them in the order of the
        field's validation (dmy, mdy).
    identifiers : identifying fields that may be copied all the same.
    undated : tables whose rows without a date are left out and listed instead of refused.
    """

    record_id: str | None = None
    patient_id: str | None = None
    missing: list[str] = Field(default_factory=list)
    dates: Literal["iso", "as_validated"] = "iso"
    identifiers: list[str] = Field(default_factory=list)
    undated: list[str] = Field(default_factory=list)


class Patients(Declared):
    """Who the patients are: one row a record, from whichever of its rows holds the value."""

    where: dict[str, list[str]] = Field(default_factory=dict)
    enrolled: Source | None = None
    covariates: dict[str, Source] = Field(default_factory=dict)


class Block(Declared):
    """The filled rows of an instrument become rows of a table.

    Attributes
    ----------
    form : the instrument, repeating or not.
    events : of a longitudinal project; by default all.
    where : field = [codes]: only these rows, as in ``{ visit_complete = ["2"] }``.
    """

    form: str
    events: list[str] = Field(default_factory=list)
    where: dict[str, list[str]] = Field(default_factory=dict)

    def cells(self) -> dict[str, Cell]:
        """Return the columns that are mapped."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: cell for name, cell in found.items() if isinstance(cell, Cell)}


def _block_of(table: str) -> type[Block]:
    columns: dict[str, Any] = {
        column.name: (Source, ...) if column.required else (Source | None, None)
        for column in TABLES[table]
        if column.name != "patient_id"
    }
    return create_model(f"{table.title()}Block", __base__=Block, **columns)


BLOCKS: Mapping[str, type[Block]] = {name: _block_of(name) for name in TABLES if name != "patients"}
"""Table -> the model of its blocks: the keys of `Block`, and the columns of the table."""


@dataclass(frozen=True, slots=True)
class RedcapMap:
    """A checked mapping file; `blocks` has (table, place among its equals, block)."""

    file: MapFile
    project: Project
    patients: Patients
    blocks: tuple[tuple[str, int, Block], ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The project's codes for missing data."""
        return tuple(self.project.missing)


def check_map(file: MapFile) -> RedcapMap:
    """Check a mapping file by itself, without the project.

    Raises
    ------
    BadInput
        With every problem of it.
    """
    faults = file.unknown_sections((*COPIED, "redcap", "patients", *BLOCKS), COPIED)
    project, problems = file.section(Project, "redcap")
    faults += problems
    patients, problems = file.section(Patients, "patients")
    faults += problems
    blocks: list[tuple[str, int, Block]] = []
    for table, model in BLOCKS.items():
        found, problems = file.sections(model, table)
        blocks += [(table, place, block) for place, block in enumerate(found)]
        faults += problems
    faults += _card_faults(file)
    refuse(faults)
    checked = RedcapMap(file, project or Project(), patients or Patients(), tuple(blocks))
    refuse(list(_meaning_faults(checked)))
    return checked


def _card_faults(file: MapFile) -> Iterator[Fault]:
    card = file.written.get("study", {})
    for key in ("dates", "date_format"):
        if isinstance(card, Mapping) and key in card:
            rule = "the dates of an export become dates such as 2021-12-31"
            remedy = "Take it out; [redcap] dates says how the export writes them."
            yield file.fault(rule, remedy, ("study", key), str(card[key]))


def _meaning_faults(checked: RedcapMap) -> Iterator[Fault]:
    """Name codes that the package does not know, or that mean two things."""
    for table, place, block in checked.blocks:
        columns = {column.name: column for column in TABLES[table]}
        for name, cell in block.cells().items():
            for rule, remedy, value in _cell_faults(columns[name], cell):
                yield checked.file.fault(rule, remedy, (table, name), value, section=place)
        boxes = [name for name, cell in block.cells().items() if cell.unticked is not None]
        if boxes and not block.where:
            yield checked.file.fault(
                "an unticked box is exported as 0 whether or not anybody answered: it can say "
                "something only in rows that another field proves to be answered",
                'Name that field: where = { collected = ["1"] }.',
                (table, boxes[0]), section=place,
            )  # fmt: skip
    yield from _patient_faults(checked)
    for name in checked.project.undated:
        if name not in TABLES:
            rule = f"a table is one of {', '.join(TABLES)}"
            yield checked.file.fault(rule, "Correct the name.", ("redcap", "undated"), name)


def _patient_faults(checked: RedcapMap) -> Iterator[Fault]:
    """Name covariates that cannot be told from other columns, and cells that say too much."""
    file, patients = checked.file, checked.patients
    taken = {name: name for name in TAKEN}
    for name, cell in patients.covariates.items():
        at = ("patients", "covariates", name)
        if taken.setdefault(name.lower(), name) != name or name in TAKEN:
            rule = f"the name `{taken[name.lower()]}` is taken, whatever its capitals"
            yield file.fault(rule, "Give it another name.", at, name)
        for rule, remedy, value in _cell_faults(Column(name, "name"), cell, covariate=True):
            yield file.fault(rule, remedy, at, value)
    if patients.enrolled is not None:
        for rule, remedy, value in _cell_faults(Column("enrolled", "day"), patients.enrolled):
            yield file.fault(rule, remedy, ("patients", "enrolled"), value)


TAKEN = ("patient_id", "enrolled", "record", "line", "source_line")
"""Names that a covariate cannot have."""


def _cell_faults(
    column: Column, cell: Cell, *, covariate: bool = False
) -> Iterator[tuple[str, str, str | None]]:
    """Yield (rule, remedy, value) of what a cell cannot say of its column."""
    of_patients = covariate or column.name == "enrolled"
    for holds, key, where in (
        (cell.plus_days and column.kind != "day", "plus_days", "a column of dates"),
        (cell.kind is not None and not covariate, "kind", "a covariate"),
        (of_patients and (cell.ticked or cell.unticked), "ticked", "a section of a table"),
    ):
        if holds:
            yield f"{key} is for {where}", "Take it out.", None
    if column.kind != "code":
        if cell.codes:
            rule = f"{column.name} has no codes"
            yield rule, "Take codes out; names = { theirs = ours } is for names.", None
        return
    known = ", ".join(column.codes)
    written = [cell.value, cell.ticked, cell.unticked, *cell.codes]
    for code in written:
        if code is not None and code not in column.codes:
            yield f"it must be one of {known}", "Correct it; codes are ours = [theirs].", code
    theirs = [code for codes in (*cell.codes.values(), cell.empty) for code in codes]
    for code in sorted({code for code in theirs if theirs.count(code) > 1}):
        yield "a code has one meaning", "Take it out of one of the lists.", code
