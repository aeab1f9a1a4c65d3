"""What `study.toml` says of the study and its tables, checked."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.schema import TABLES

DECLARATION = "study.toml"
"""File name of a study's declaration."""

CovariateKind = Literal["number", "text", "date"]


class Declared(BaseModel):
    """A table of `study.toml`: unknown keys are errors, values keep their TOML type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StudyCard(Declared):
    """What the study is.

    Attributes
    ----------
    name, title : what it is called, in a file name and on a page.
    synthetic : whether the data are made up; said on every output.
    control_group : whether there is a comparison group; without one no causal wording is used.
    dates : ``"iso"`` for dates, ``"days"`` for whole study days.
    date_format : how dates are written, as in `datetime.strptime`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    title: str = Field(min_length=1)
    synthetic: bool
    control_group: bool
    dates: Literal["iso", "days"] = "iso"
    date_format: str = "%Y-%m-%d"

    @model_validator(mode="after")
    def _whole_dates(self) -> Self:
        if re.search(r"%[zZ]", self.date_format):
            raise ValueError("dates with a time zone are refused: write local calendar dates")
        if not {"%Y", "%m", "%d"} <= set(re.findall(r"%\w", self.date_format)):
            raise ValueError("date_format must name the year %Y, the month %m and the day %d")
        return self


class TableDeclaration(Declared):
    """Where a table is, and how its columns and codes map onto the package's.

    Attributes
    ----------
    file : file name in the study folder, CSV or Parquet.
    delimiter : of a CSV file.
    columns : ours = theirs.
    codes : column = {ours = [theirs, ...]}.
    covariates : other columns of `patients`, and what they hold.
    undated : ``"leave_out"`` counts and lists rows without a date instead of refusing them.
    """

    file: str = Field(pattern=r"(?i)\.(csv|parquet)$")
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    columns: dict[str, str] = {}
    codes: dict[str, dict[str, list[str]]] = {}
    covariates: dict[str, CovariateKind] = {}
    undated: Literal["error", "leave_out"] = "error"


class RowsDeclaration(Declared):
    """A study of time-to-event rows: one file that already has a time and an event.

    Attributes
    ----------
    file, delimiter : as for a table.
    time, event, entry, weight, patient_id : column names.
    event_is : the code of the event, where the column has several.
    unit : of the times.
    label : what the event is.
    horizons : times at which the curve is reported, in `unit`.
    covariates : the other columns in use, and what they hold.
    """

    file: str = Field(pattern=r"(?i)\.(csv|parquet)$")
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    time: str
    event: str
    entry: str | None = None
    weight: str | None = None
    patient_id: str | None = None
    event_is: str | None = None
    unit: str = "days"
    label: str = "relapse"
    horizons: list[float] = []
    covariates: dict[str, Literal["number", "text"]] = {}


class StudyDeclaration(Declared):
    """The whole of `study.toml`, and its text.

    `endpoint` and `paper` are kept as written; the layers that use them check them.
    """

    study: StudyCard
    substances: dict[str, list[str]] = {}
    tables: dict[str, TableDeclaration] = {}
    time_to_event: RowsDeclaration | None = None
    endpoint: dict[str, dict[str, Any]] = {}
    paper: dict[str, Any] = {}
    text: str = ""


class _Sections(Declared):
    """The sections of `study.toml` before they are looked into."""

    study: dict[str, Any]
    substances: dict[str, list[str]] = {}
    tables: dict[str, dict[str, Any]] = {}
    time_to_event: dict[str, Any] | None = None
    endpoint: dict[str, dict[str, Any]] = {}
    paper: dict[str, Any] = {}


def load_declaration(folder: Path) -> tuple[StudyDeclaration, list[Fault]]:
    """Read and check `study.toml`; return what of it can be used, and its faults.

    A key that breaks a rule is reported and taken as not written, so that the tables can be looked
    at in the same run and every problem comes in one report.

    Raises
    ------
    BadInput
        If there is no file, or nothing in it can be used.
    """
    text = _text_of(folder)
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            [
                Fault(
                    rule="the file must be TOML",
                    file=DECLARATION,
                    value=str(error),
                    remedy="Mend the place named; strings stand in double quotes.",
                )
            ]
        ) from None
    sections, faults = validate(_Sections, written, text=text)
    if sections is None:
        raise BadInput(faults)
    card, problems = validate(StudyCard, sections.study, text=text, at=("study",))
    faults += problems
    tables: dict[str, TableDeclaration] = {}
    for name, section in sections.tables.items():
        if name not in TABLES:
            faults.append(_unknown(("tables", name), text, "a table", TABLES))
            continue
        table, problems = validate(TableDeclaration, section, text=text, at=("tables", name))
        faults += problems
        if table is not None:
            faults += _unknown_columns(name, table, text)
            tables[name] = table
    rows = None
    if sections.time_to_event is not None:
        rows, problems = validate(
            RowsDeclaration, sections.time_to_event, text=text, at=("time_to_event",)
        )
        faults += problems
    faults += _substance_faults(sections.substances, text)
    faults += _kind_faults(sections)
    if card is None:
        raise BadInput(faults)
    return StudyDeclaration.model_construct(
        study=card,
        substances=sections.substances,
        tables=tables,
        time_to_event=rows,
        endpoint=sections.endpoint,
        paper=sections.paper,
        text=text,
    ), faults


Model = TypeVar("Model", bound=BaseModel)


def validate(
    model: type[Model], written: Mapping[str, Any], *, text: str, at: tuple[str, ...] = ()
) -> tuple[Model | None, list[Fault]]:
    """Check a section against its model; keys that break a rule are reported, then left out.

    Returns
    -------
    The section, or None where it cannot do without the broken keys; and the faults.
    """
    try:
        return model.model_validate(written), []
    except ValidationError as error:
        faults = _declaration_faults(error, written, text, at)
        broken = {complaint["loc"][0] for complaint in error.errors() if complaint["loc"]}
    try:
        kept = {key: value for key, value in written.items() if key not in broken}
        return model.model_validate(kept), faults
    except ValidationError:
        return None, faults


def _text_of(folder: Path) -> str:
    path = folder / DECLARATION
    if not path.is_file():
        raise BadInput(
            [
                Fault(
                    rule=f"a study is a folder with a {DECLARATION}; there is none in {folder}",
                    remedy="Make one with `survival-bzd new FOLDER`, or name a supplied study "
                    "(`survival-bzd datasets list`).",
                )
            ]
        )
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            [
                Fault(
                    rule="the file must be in UTF-8",
                    file=DECLARATION,
                    value=str(error),
                    remedy="Save it as UTF-8.",
                )
            ]
        ) from None


def _kind_faults(sections: _Sections) -> Iterable[Fault]:
    """Require records, of which `patients` is one, or rows; not both, not neither."""
    if sections.time_to_event is not None:
        if sections.tables or sections.endpoint:
            yield Fault(
                rule="[time_to_event] rows leave no use for [tables] and [endpoint]",
                remedy="Take one of them out.",
                file=DECLARATION,
            )
    elif "patients" not in sections.tables:
        yield Fault(
            rule="[tables.patients] is required: every study says who was enrolled",
            remedy="Add it, or [time_to_event] for a file of time-to-event rows.",
            file=DECLARATION,
        )


def _declaration_faults(
    error: ValidationError, written: Mapping[str, Any], text: str, at: tuple[str, ...]
) -> list[Fault]:
    """Turn a model's complaints into faults with their line."""
    faults = []
    for complaint in error.errors():
        path = (*at, *_written_path(complaint["loc"], written))
        rule, remedy = _rule(complaint["type"], complaint["msg"])
        given = complaint["input"]
        faults.append(
            Fault(
                rule=rule,
                remedy=remedy,
                file=DECLARATION,
                line=line_of(text, path),
                column=".".join(path) or None,
                value=None if isinstance(given, dict) else str(given),
            )
        )
    return faults


def _written_path(loc: tuple[int | str, ...], written: object) -> Iterator[str]:
    """Follow a complaint's path through what was written, past the names of union branches."""
    for place, part in enumerate(loc):
        if isinstance(written, Mapping) and part not in written and place < len(loc) - 1:
            continue
        written = written.get(part) if isinstance(written, Mapping) else None
        yield str(part)


def line_of(text: str, path: Iterable[str]) -> int | None:
    """Find the line of a key, or of the nearest table around it."""
    parts = list(path)
    lines = text.splitlines()
    for depth in range(len(parts), 0, -1):
        header = re.compile(r"^\s*\[+\s*" + re.escape(".".join(parts[:depth])) + r"\s*\]")
        start = next((i for i, line in enumerate(lines) if header.match(line)), None)
        if start is None:
            continue
        if depth < len(parts):
            key = re.compile(rf"^\s*\"?{re.escape(parts[depth])}\"?\s*[=.]")
            for offset, line in enumerate(lines[start + 1 :], start + 1):
                if line.lstrip().startswith("["):
                    break
                if key.match(line):
                    return offset + 1
        return start + 1
    return None


def _rule(kind: str, message: str) -> tuple[str, str]:
    """Word a complaint as a rule and a remedy."""
    if kind == "extra_forbidden":
        return "the key is not known here", "Check its spelling, or take it out."
    if kind == "missing":
        return "the key is required", "Add it."
    wording = message.removeprefix("Value error, ")
    return wording[:1].lower() + wording[1:], "Mend the value."


def _unknown_columns(name: str, table: TableDeclaration, text: str) -> Iterable[Fault]:
    """Name the columns and codes of a table that the package does not know."""
    at = ("tables", name)
    columns = {column.name: column for column in TABLES[name]}
    for ours in (*table.columns, *table.codes):
        if ours not in columns:
            yield _unknown((*at, "columns", ours), text, f"a column of {name}", columns)
    for ours, mapping in table.codes.items():
        for code in mapping:
            if ours in columns and code not in columns[ours].codes:
                known = dict.fromkeys(columns[ours].codes)
                yield _unknown((*at, "codes", ours, code), text, f"a code of {ours}", known)
    if table.covariates and name != "patients":
        yield Fault(
            rule="covariates belong to the patients table",
            file=DECLARATION,
            line=line_of(text, (*at, "covariates")),
            column=f"tables.{name}.covariates",
            remedy="Move them to [tables.patients].",
        )


def _unknown(path: tuple[str, ...], text: str, what: str, known: Mapping[str, object]) -> Fault:
    return Fault(
        rule=f"it must be {what}: {', '.join(known) or 'none has codes'}",
        remedy="The package's name stands left of the `=`, the file's own right of it.",
        file=DECLARATION,
        line=line_of(text, path),
        column=".".join(path[:-1]),
        value=path[-1],
    )


def _substance_faults(substances: Mapping[str, list[str]], text: str) -> Iterable[Fault]:
    """Refuse a name that stands in two classes: it would count by chance."""
    seen: dict[str, str] = {}
    for group, names in substances.items():
        for name in names:
            if seen.setdefault(name, group) != group:
                yield Fault(
                    rule="a substance belongs to one class",
                    file=DECLARATION,
                    line=line_of(text, ("substances", group)),
                    column=f"substances.{group}",
                    value=name,
                    remedy=f"It stands in `{seen[name]}` too: take one of them out.",
                )
