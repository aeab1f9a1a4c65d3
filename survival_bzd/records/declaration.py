"""What `study.toml` says of the study and its tables, checked."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.schema import OWN_PATIENT_COLUMNS, TABLES, Column

DECLARATION = "study.toml"
"""File name of a study's declaration."""

DICTIONARY_CLASSES = ("benzodiazepine", "z_drug")
"""The classes that the dictionary of substances puts names in."""

CovariateKind = Literal["number", "text", "date"]

DATE_PARTS: Mapping[str, str] = {
    "%Y": "[0-9]{4}",
    "%m": "[0-9]{1,2}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]+",
    "%d": "[0-9]{1,2}",
}
"""What a date is written of: year, month (a number, `Jan` or `January`) and day."""

NUMBERS = ("%Y", "%m", "%d")
"""The parts of a date that are written in digits."""


FORMATS = ("csv", "parquet", "xlsx", "xpt", "sas7bdat", "dta", "json", "ndjson")
"""The endings that a table's file may have."""


def _file_in_folder(file: str) -> str:
    """Require a table inside the study folder, so that the folder is the whole study."""
    if not re.search(rf"(?i)[^/\\]\.({'|'.join(FORMATS)})$", file) or not file.isprintable():
        *most, last = (f".{ending}" for ending in FORMATS)
        raise ValueError(f"it must be the name of a {', '.join(most)} or {last} file")
    parts = {*PurePosixPath(file).parts, *PureWindowsPath(file).parts}
    if ".." in parts or PurePosixPath(file).is_absolute() or PureWindowsPath(file).anchor:
        raise ValueError("the file must be in the study folder, so that the folder is complete")
    return file


TableFile = Annotated[str, AfterValidator(_file_in_folder)]


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

    name: str
    title: str = Field(min_length=1)
    synthetic: bool
    control_group: bool
    dates: Literal["iso", "days"] = "iso"
    date_format: str = "%Y-%m-%d"

    @field_validator("name")
    @classmethod
    def _name_of_a_file(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            raise ValueError("it must be of letters, digits, `-`, `_` and `.`, as a file name is")
        return name

    @field_validator("date_format")
    @classmethod
    def _names_a_day(cls, form: str) -> str:
        parts = re.findall(r"%.?", form)
        if {"%z", "%Z"} & set(parts):
            raise ValueError("dates have no time zone here: export local calendar dates")
        if {"%H", "%I", "%M", "%S", "%f", "%p"} & set(parts):
            raise ValueError("dates have no time of day here: export calendar dates")
        if "%y" in parts:
            raise ValueError("a year of two digits can be of two centuries: export four, as %Y")
        months = [part for part in parts if part in ("%m", "%b", "%B")]
        known = len(parts) == 3 and set(parts) <= DATE_PARTS.keys()
        if not (known and len(months) == 1 and {"%Y", "%d"} <= set(parts) and form.isprintable()):
            raise ValueError(
                "it must have the year %Y, the month %m (or its name: %b for Jan, %B for January) "
                "and the day %d, each once, and nothing else after a %"
            )
        return form


def date_pattern(form: str) -> str:
    r"""Return what a date in this form looks like, as a regular expression.

    Numbers that stand side by side must have all their digits, or nobody could tell where one ends.

    Examples
    --------
    >>> date_pattern("%d/%m/%Y")
    '^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}$'
    >>> date_pattern("%Y%m%d")
    '^[0-9]{4}[0-9]{2}[0-9]{2}$'
    """
    pieces = ["", "", *re.split(r"(%.)", form), "", ""]
    pattern = ""
    for place in range(2, len(pieces) - 2):
        piece, before, after = pieces[place], pieces[place - 2 : place], pieces[place + 1 :][:2]
        if piece not in DATE_PARTS:
            pattern += re.escape(piece)
        elif ("", True) in ((before[1], before[0] in NUMBERS), (after[0], after[1] in NUMBERS)):
            pattern += DATE_PARTS[piece].replace("{1,2}", "{2}")
        else:
            pattern += DATE_PARTS[piece]
    return f"^{pattern}$"


class TableDeclaration(Declared):
    """Where a table is, and how its columns and codes map onto the package's.

    Attributes
    ----------
    file : file name in the study folder; its ending says the format.
    delimiter : of a CSV file.
    sheet : of a workbook; by default the first.
    encoding : of the text in a SAS or Stata file that does not say it.
    labelled : whether the codes of a Stata file become their labels.
    columns : ours = theirs.
    codes : column = {ours = [theirs, ...]}.
    covariates : other columns of `patients`, and what they hold.
    undated : ``"leave_out"`` counts and lists rows without a date instead of refusing them. Nobody
        in `patients` is left out: the day of enrolment stays empty, and the patient enrolled.
    """

    file: TableFile
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    sheet: str | None = None
    encoding: str | None = None
    labelled: bool = False
    columns: dict[str, str] = {}
    codes: dict[str, dict[str, list[str]]] = {}
    covariates: dict[str, CovariateKind] = {}
    undated: Literal["error", "leave_out"] = "error"

    @property
    def called(self) -> str:
        """What messages call it: its file, with the sheet where one is named."""
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file


class RowsDeclaration(Declared):
    """A study of time-to-event rows: one file that already has a time and an event.

    Attributes
    ----------
    file, delimiter : as for a table.
    time, event, entry, weight, patient_id : column names.
    event_is : the code of the event, where the column has several.
    competing : whether the events are codes of causes: 0 censored, 1, 2, ...
    unit : of the times.
    label : what the event is.
    horizons : times at which the curve is reported, in `unit`.
    covariates : the other columns in use, and what they hold.
    """

    file: TableFile
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    time: str
    event: str
    entry: str | None = None
    weight: str | None = None
    patient_id: str | None = None
    event_is: str | None = None
    competing: bool = False
    unit: str = "days"
    label: str = "relapse"
    horizons: list[float] = []
    covariates: dict[str, Literal["number", "text"]] = {}


class RecurrentRowsDeclaration(Declared):
    """A file of (start, stop] rows, any number of them for a patient, who may relapse again.

    Attributes
    ----------
    file, delimiter : as for a table.
    patient_id, start, stop : column names; an empty start is the origin.
    event : column of what happens at the end of the row: 0 nothing, 1 a relapse, 2 and above what
        ends the follow-up for good.
    event_is, terminal_is : the codes of a relapse and of what ends it for good, if others.
    state, to : columns, instead of the event, of the state during the row and of the one entered at
        its end; without `to` it is that of the row that follows.
    relapse : the state that is a relapse.
    gaps : whether a patient may be out of sight between rows.
    weight, unit, label, covariates : as for a study of time-to-event rows.
    """

    file: TableFile
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    patient_id: str
    start: str
    stop: str
    event: str | None = None
    event_is: str | None = None
    terminal_is: str | None = None
    state: str | None = None
    to: str | None = None
    relapse: str = "using"
    gaps: bool = False
    weight: str | None = None
    unit: str = "days"
    label: str = "relapse"
    covariates: dict[str, Literal["number", "text"]] = {}


class IntervalRowsDeclaration(Declared):
    """A file of rows whose event lies between two times.

    Attributes
    ----------
    file, delimiter : as for a table.
    lower, upper : column names; the event lies in (lower, upper], at the time itself where both are
        equal, before the upper bound where the lower one is empty, after the lower bound where the
        upper one is.
    weight, patient_id, unit, label, covariates : as for a study of time-to-event rows.
    """

    file: TableFile
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    lower: str
    upper: str
    weight: str | None = None
    patient_id: str | None = None
    unit: str = "days"
    label: str = "relapse"
    covariates: dict[str, Literal["number", "text"]] = {}


class SubstancesDeclaration(Declared):
    """The names of substances by class.

    Attributes
    ----------
    dictionary : whether the package's dictionary classes the names that are not declared.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, list[str]]

    dictionary: bool = False

    def classes(self) -> dict[str, list[str]]:
        """Return class -> names, with the classes that the dictionary knows if it is in use."""
        declared = dict(self.__pydantic_extra__)
        return declared | {c: declared.get(c, []) for c in DICTIONARY_CLASSES if self.dictionary}


class StudyDeclaration(Declared):
    """The whole of `study.toml`, and its text.

    `endpoint`, `worsening`, `sensitivity` and `paper` are kept as written; the layers that use them
    check them.
    `dates_known` is false where the form of dates is declared wrongly: no date can be checked then.
    """

    study: StudyCard
    substances: dict[str, list[str]] = {}
    dictionary: bool = False
    tables: dict[str, TableDeclaration] = {}
    time_to_event: RowsDeclaration | None = None
    endpoint: dict[str, dict[str, Any]] = {}
    paper: dict[str, Any] = {}
    worsening: dict[str, Any] | None = None
    sensitivity: dict[str, Any] = {}
    text: str = ""
    dates_known: bool = True


class _Sections(Declared):
    """The sections of `study.toml` before they are looked into."""

    study: dict[str, Any] = {}
    substances: dict[str, Any] = {}
    tables: dict[str, dict[str, Any]] = {}
    time_to_event: dict[str, Any] | None = None
    endpoint: dict[str, dict[str, Any]] = {}
    paper: dict[str, Any] = {}
    worsening: dict[str, Any] | None = None
    sensitivity: dict[str, Any] = {}
    provenance: list[dict[str, Any]] = []


STAND_IN: Mapping[str, Any] = {
    "name": "study",
    "title": "study",
    "synthetic": False,
    "control_group": False,
}
"""What a study card lacks, so that the tables of a study without a proper one are checked too."""


def load_declaration(folder: Path) -> tuple[StudyDeclaration, list[Fault]]:
    """Read and check `study.toml`; return what of it can be used, and its faults.

    A key that breaks a rule is reported and taken as not written, so that the tables can be looked
    at in the same run and every problem comes in one report.

    Raises
    ------
    BadInput
        If there is no file, or it is not TOML.
    """
    text = _text_of(folder)
    written = parsed(text)
    sections, faults = validate(_Sections, written, text=text)
    if sections is None:
        raise BadInput(faults)
    card, problems = validate(
        StudyCard, sections.study, text=text, at=("study",), otherwise=STAND_IN
    )
    if isinstance(written.get("study", {}), Mapping):
        faults += problems
    tables: dict[str, TableDeclaration] = {}
    for name, section in sections.tables.items():
        if name in TABLES:
            tables[name], problems = _table(name, section, text)
        else:
            remedy = "Correct the name."
            problems = [_unknown(("tables", name), text, "a table is one of", TABLES, remedy)]
        faults += problems
    faults += _shared_files(tables, text)
    rows = None
    if sections.time_to_event is not None:
        rows, problems = validate(
            RowsDeclaration, sections.time_to_event, text=text, at=("time_to_event",)
        )
        faults += problems
        if rows is not None and rows.competing and rows.event_is is not None:
            place = ("time_to_event", "event_is")
            faults.append(Fault(
                rule="competing events are codes from 1 on, so no single one is the event",
                remedy="Leave out event_is, or competing = true.", file=DECLARATION,
                line=line_of(text, place), column=".".join(place), value=rows.event_is,
            ))  # fmt: skip
    substances, problems = validate(
        SubstancesDeclaration, sections.substances, text=text, at=("substances",)
    )
    faults += problems
    substances = substances or SubstancesDeclaration()
    faults += _substance_faults(substances.classes(), text)
    faults += _kind_faults(written)
    return StudyDeclaration.model_construct(
        study=card or StudyCard.model_validate(STAND_IN),
        substances=substances.classes(),
        dictionary=substances.dictionary,
        tables=tables,
        time_to_event=rows,
        endpoint=sections.endpoint,
        paper=sections.paper,
        worsening=sections.worsening,
        sensitivity=sections.sensitivity,
        text=text,
        dates_known=not any(fault.column in DATE_KEYS for fault in faults),
    ), sorted(faults, key=lambda fault: fault.line or 0)


def _table(
    name: str, section: Mapping[str, Any], text: str
) -> tuple[TableDeclaration, list[Fault]]:
    """Check a table's section; where its file is not declared properly, `file` is empty."""
    at = ("tables", name)
    table, faults = validate(
        TableDeclaration, section, text=text, at=at, otherwise={"file": "none.csv"}
    )
    if table is None:
        table = TableDeclaration(file="none.csv")
    if any(fault.column == f"tables.{name}.file" for fault in faults):
        table = table.model_copy(update={"file": ""})
    kept, problems = _covariates(name, table, text)
    faults += [*_mapping_faults(name, table, text), *problems]
    return table.model_copy(update={"covariates": kept}), faults


DATE_KEYS = ("study.dates", "study.date_format")
Model = TypeVar("Model", bound=BaseModel)
Place = tuple[int | str, ...]


def validate(
    model: type[Model],
    written: Mapping[str, Any],
    *,
    text: str,
    at: tuple[str, ...] = (),
    otherwise: Mapping[str, Any] | None = None,
) -> tuple[Model | None, list[Fault]]:
    """Check a section against its model; what breaks a rule is reported, then left out.

    `otherwise` has values to go on with where a key is broken or missing.

    Returns
    -------
    The section, or None where it cannot do without what is broken; and the faults.
    """
    try:
        return model.model_validate(written), []
    except ValidationError as error:
        paths = [_written_path(c["loc"], written, c["type"]) for c in error.errors()]
        faults = _declaration_faults(error, paths, text, at)
    broken = {path for path in paths if path}
    for left_out in (broken, {path[:1] for path in broken}):
        try:
            kept = {**(otherwise or {}), **_without(written, left_out)}
            return model.model_validate(kept), faults
        except ValidationError:
            continue
    return None, faults


def _without(written: Any, broken: Iterable[Place]) -> Any:
    """Copy what was written but for the values at these paths."""
    inside: dict[int | str, set[Place]] = {}
    for path in broken:
        inside.setdefault(path[0], set()).add(path[1:])
    if not inside or not isinstance(written, (Mapping, list)):
        return written
    keys: Iterable[Any] = written if isinstance(written, Mapping) else range(len(written))
    kept = [
        (key, _without(written[key], inside.get(key, ())))
        for key in keys
        if () not in inside.get(key, ())
    ]
    return dict(kept) if isinstance(written, Mapping) else [value for _, value in kept]


def _text_of(folder: Path) -> str:
    path = folder / DECLARATION
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        fault = Fault(
            rule=f"a study is a folder with a {DECLARATION}; there is none in {folder}",
            remedy="Make one with `survival-bzd new FOLDER`, or name a supplied study "
            "(`survival-bzd datasets list`).",
        )
    except OSError as error:
        fault = Fault(
            rule=f"the file must be readable: {error.strerror}",
            file=DECLARATION,
            remedy="Give a file that you may read.",
        )
    except UnicodeDecodeError as error:
        fault = Fault(
            rule="the file must be in UTF-8",
            file=DECLARATION,
            line=error.object[: error.start].count(b"\n") + 1,
            remedy="Save it as UTF-8.",
        )
    raise BadInput([fault])


def parsed(text: str, file: str = DECLARATION) -> dict[str, Any]:
    """Read TOML.

    Raises
    ------
    BadInput
        If it is none; the line is named.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        said = str(error)
        line = re.search(r"\(at line (\d+), column \d+\)", said)
    raise BadInput(
        [
            Fault(
                rule=f"the file must be TOML; it cannot be read: {said}",
                file=file,
                line=int(line[1]) if line else None,
                value=text.splitlines()[int(line[1]) - 1].strip() if line else None,
                remedy='Mend the place named. Text stands in double quotes, as in title = "...".',
            )
        ]
    )


def _kind_faults(written: Mapping[str, Any]) -> Iterable[Fault]:
    """Require records, of which `patients` is one, or rows; not both, not neither."""
    if "time_to_event" in written:
        if "tables" in written or "endpoint" in written:
            yield Fault(
                rule="[time_to_event] rows leave no use for [tables] and [endpoint]",
                remedy="Take one of them out.",
                file=DECLARATION,
            )
    elif isinstance(tables := written.get("tables", {}), Mapping) and "patients" not in tables:
        yield Fault(
            rule="[tables.patients] is required: every study says who was enrolled",
            remedy="Add it, or [time_to_event] for a file of time-to-event rows.",
            file=DECLARATION,
        )


def _declaration_faults(
    error: ValidationError, paths: Sequence[Place], text: str, at: tuple[str, ...]
) -> list[Fault]:
    """Turn a model's complaints into faults with their line; of one value there is one fault."""
    faults: dict[Place, Fault] = {}
    for complaint, path in zip(error.errors(), paths, strict=True):
        names = (*at, *(part for part in path if isinstance(part, str)))
        rule, remedy = _rule(complaint["type"], complaint["msg"], complaint.get("ctx", {}))
        if path in faults:
            rule = f"{faults[path].rule}, or {rule.removeprefix('it must be ')}"
        faults[path] = Fault(
            rule=rule,
            remedy=remedy,
            file=DECLARATION,
            line=line_of(text, names),
            column=".".join(names) or None,
            value=_as_written(complaint["input"]),
        )
    return list(faults.values())


def _written_path(loc: Place, written: Any, kind: str) -> Place:
    """Follow a complaint's path through what was written, past the names of union branches."""
    path: list[int | str] = []
    for place, part in enumerate(loc):
        inside = (isinstance(written, Mapping) and part in written) or (
            isinstance(written, list) and isinstance(part, int)
        )
        if inside:
            written = written[part]
        if inside or (kind == "missing" and place == len(loc) - 1):
            path.append(part)
    return tuple(path)


def _as_written(value: object) -> str | None:
    """Show a value as TOML writes it; a table is too long to show."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float, list)):
        return json.dumps(value, default=str)
    return None if isinstance(value, Mapping) else str(value)


def line_of(text: str, path: Iterable[str]) -> int | None:
    """Find the line of a key, or of the nearest table around it."""
    parts = list(path)
    lines = text.splitlines()
    for depth in range(len(parts), -1, -1):
        header = r"\s*\.\s*".join(rf"[\"']?{re.escape(part)}[\"']?" for part in parts[:depth])
        opens = re.compile(rf"^\s*\[+\s*{header}\s*\]")
        start = next((i for i, line in enumerate(lines) if opens.match(line)), None)
        if depth == 0:
            start = -1
        if start is None:
            continue
        if depth < len(parts):
            key = re.compile(rf"^\s*[\"']?{re.escape(parts[depth])}[\"']?\s*[=.]")
            for offset, line in enumerate(lines[start + 1 :], start + 1):
                if re.match(r"\s*\[+[^\[\],]+\]+\s*(#.*)?$", line):
                    break
                if key.match(line):
                    return offset + 1
        if depth:
            return start + 1
    return None


RULES: Mapping[str, tuple[str, str]] = {
    "extra_forbidden": ("the key is not known here", "Check its spelling, or take it out."),
    "missing": ("the key is required", "Add it."),
    "string_type": ("it must be text", 'Write it in double quotes, as in "text".'),
    "string_too_long": ("it must be one character", 'As in delimiter = ";".'),
    "string_too_short": ("it must not be empty", "Fill it in."),
    "bool_type": ("it must be true or false", "Write true or false, without quotes."),
    "int_type": ("it must be a whole number", "Write it without quotes."),
    "float_type": ("it must be a number", "Write it without quotes."),
    "date_type": ("it must be a date", 'Write it as "2021-12-31".'),
    "list_type": ("it must be a list", 'Write it in brackets, as in ["one", "two"].'),
    "too_short": ("the list must not be empty", "Name at least one."),
    "dict_type": ("it must be a table of keys", "Give it a [section], or write { key = ... }."),
    "greater_than_equal": ("it must be {ge} or more", "Correct it."),
    "greater_than": ("it must be more than {gt}", "Correct it."),
    "union_tag_invalid": ("`{discriminator}` must be one of {expected_tags}", "Name one of them."),
    "union_tag_not_found": ("it needs a key {discriminator}", "Add it."),
}
"""Kind of a complaint -> rule and remedy, in the words of `study.toml`."""
_SAME = {
    "model_type": "dict_type",
    "model_attributes_type": "dict_type",
    "mapping_type": "dict_type",
    "date_from_datetime_inexact": "date_type",
    "date_from_datetime_parsing": "date_type",
    "int_from_float": "int_type",
    "int_parsing": "int_type",
    "float_parsing": "float_type",
    "finite_number": "float_type",
}


def _rule(kind: str, message: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Word a complaint as a rule and a remedy."""
    if kind == "literal_error":
        expected = str(context["expected"]).replace("'", '"')
        alternatives = expected.count(" or ") or expected.count(",")
        return f"it must be {expected}", "Name one of them." if alternatives else "Write it so."
    if (kind := _SAME.get(kind, kind)) in RULES:
        rule, remedy = RULES[kind]
        return rule.format(**context), remedy
    wording = message.removeprefix("Value error, ")
    return wording[:1].lower() + wording[1:], "Correct it."


def _mapping_faults(name: str, table: TableDeclaration, text: str) -> Iterable[Fault]:
    """Name the columns and codes that the package does not know, or that are mapped twice."""
    at = ("tables", name)
    columns: dict[str, Column] = {column.name: column for column in TABLES[name]}
    for ours in table.columns:
        known = {**columns, **table.covariates}
        if ours not in known:
            yield _unknown(
                (*at, "columns", ours),
                text,
                f"left of the `=` stands a column of the table {name}:",
                known,
                "Exchange the names if they are the wrong way round: ours = theirs.",
            )
    for ours, theirs in table.columns.items():
        twice = [other for other, same in table.columns.items() if same == theirs]
        if ours != twice[0]:
            yield Fault(
                rule="a column of the file can be only one column of the table",
                file=DECLARATION,
                line=line_of(text, (*at, "columns", ours)),
                column=".".join((*at, "columns")),
                value=f"{theirs} is both {twice[0]} and {ours}",
                remedy="Correct one of them, or take it out.",
            )
    coded = {key: column for key, column in columns.items() if column.codes}
    for ours, mapping in table.codes.items():
        if ours not in coded:
            yield _unknown(
                (*at, "codes", ours),
                text,
                f"codes belong to a column of the table {name} that has codes:",
                coded,
                "Correct the name, or take it out.",
            )
            continue
        yield from _code_faults((*at, "codes", ours), coded[ours], mapping, text)
    if table.covariates and name != "patients":
        yield Fault(
            rule="covariates belong to the patients table",
            file=DECLARATION,
            line=line_of(text, (*at, "covariates")),
            column=".".join((*at, "covariates")),
            remedy="Move them to [tables.patients].",
        )


def _code_faults(
    at: tuple[str, ...], column: Column, mapping: Mapping[str, list[str]], text: str
) -> Iterable[Fault]:
    """Name codes that are not known, empty, or mean two things."""
    meaning: dict[str, str] = {}
    for code, written in mapping.items():
        if code not in column.codes:
            yield _unknown(
                (*at, code),
                text,
                f"left of the `=` stands a code of {column.name}:",
                dict.fromkeys(column.codes),
                "Exchange them if they are the wrong way round: ours = [theirs].",
            )
        for theirs in written:
            rule = None
            if not theirs.strip():
                rule = "an empty cell is a missing value, and no code"
            elif meaning.setdefault(theirs.strip(), code) != code:
                rule = (
                    f"a code of the file has one meaning; it is {meaning[theirs.strip()]} already"
                )
            if rule is not None:
                yield Fault(
                    rule=rule,
                    file=DECLARATION,
                    line=line_of(text, (*at, code)),
                    column=".".join((*at, code)),
                    value=theirs,
                    remedy="Take it out of one of the lists." if theirs.strip() else "Take it out.",
                )


def _covariates(
    name: str, table: TableDeclaration, text: str
) -> tuple[dict[str, CovariateKind], list[Fault]]:
    """Return the covariates whose name can be told from every other, and faults of the others."""
    kept: dict[str, CovariateKind] = {}
    faults = []
    taken = {own: own for own in OWN_PATIENT_COLUMNS}
    for covariate, kind in table.covariates.items():
        rule = None
        if not covariate.strip() or not covariate.isprintable():
            rule = "a covariate needs a name of characters that can be seen"
        elif (other := taken.setdefault(covariate.lower(), covariate)) != covariate or (
            covariate in OWN_PATIENT_COLUMNS
        ):
            rule = f"the name `{other}` is taken, whatever its capitals"
        if rule is None:
            kept[covariate] = kind
            continue
        faults.append(
            Fault(
                rule=rule,
                file=DECLARATION,
                line=line_of(text, ("tables", name, "covariates", covariate)),
                column=f"tables.{name}.covariates",
                value=covariate,
                remedy="Take it out, or give it another name and say in columns which column of "
                "the file it is.",
            )
        )
    return kept, faults


def _shared_files(tables: Mapping[str, TableDeclaration], text: str) -> Iterable[Fault]:
    """Refuse a file that is two tables: each row of it would speak twice; sheets are told apart."""
    seen: dict[tuple[PurePosixPath, str | None], str] = {}
    for name, table in tables.items():
        if not table.file:
            continue
        path = PurePosixPath(table.file)
        known = {sheet: other for (file, sheet), other in seen.items() if file == path}
        # Without a name the sheet is the first, which may be any of those that are named.
        other = known.get(table.sheet, known.get(None))
        if table.sheet is None and known:
            other = next(iter(known.values()))
        seen[path, table.sheet] = name
        if other is not None:
            book = path.suffix.lower() == ".xlsx"
            yield Fault(
                rule="a sheet is one table" if book else "a file is one table",
                file=DECLARATION,
                line=line_of(text, ("tables", name, "file")),
                column=f"tables.{name}.file",
                value=table.called,
                remedy=f"It is the table {other} too: name the "
                + ('sheet of each, as in sheet = "visits".' if book else "file of each."),
            )


def _unknown(
    path: tuple[str, ...], text: str, rule: str, known: Iterable[str], remedy: str
) -> Fault:
    return Fault(
        rule=f"{rule} {', '.join(known) or 'none'}",
        remedy=remedy,
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
