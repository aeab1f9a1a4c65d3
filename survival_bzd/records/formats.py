"""Spreadsheets, SAS, Stata and Dataset-JSON files become the text that a CSV of them would hold.

Everything after this is the same for every format: one path checks it. A value becomes the text
that stands for it: whole numbers without a decimal point, days by the study's date format,
labelled codes as codes. What is no value of its own is refused: a formula, an error of a
spreadsheet, a number so close to zero that it is a zero misread.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.text_table import CHUNK, Chunk, TextTable, read_text, readable

LEAST = 1e-70
"""A number closer to zero is no measurement: the zero of SAS transport, misread, is 5e-79."""

SAS_EPOCH = dt.date(1960, 1, 1)
"""Day 0 of SAS and of Stata."""

FURTHEST = 1_000_000
"""Days from there within which a number can be a date."""

SAS_DAYS = re.compile(
    r"^(DATE|DDMMYY[BCDNPS]?|MMDDYY[BCDNPS]?|YYMMDD[BCDNPS]?|[BE]8601DA|IS8601DA|\$N8601DA"
    r"|WEEKDATE|WEEKDATX|WORDDATE|WORDDATX|JULDAY|JULIAN|MINGUO|NENGO|EURDFDD|NLDATE)[0-9.]*$"
)
SAS_MOMENTS = re.compile(
    r"^(DATETIME|DATEAMPM|MDYAMPM|[BE]8601D[TNZ]|IS8601D[TNZ]|DTDATE|NLDATM)[0-9.]*$"
)
"""SAS formats whose numbers are days, and seconds, since 1960."""

Clean = Callable[[Any], str]


def read_table(
    source: Path | IO[bytes],
    *,
    name: str,
    delimiter: str = ",",
    date_format: str = "%Y-%m-%d",
    sheet: str | None = None,
    encoding: str | None = None,
    labelled: bool = False,
) -> TextTable:
    """Open a file of any known format as text: by its name, .csv where it has no other.

    Parameters
    ----------
    source, name : the file (or a stream of CSV), and what messages call it.
    delimiter : of CSV.
    date_format : how days are written as text, where the file holds them as days.
    sheet : of a workbook; by default the first.
    encoding : of SAS and Stata files that do not say theirs, as iconv calls it.
    labelled : whether labelled codes of a Stata file become their labels.

    Raises
    ------
    BadInput
        If the file cannot be read, or has no header.

    Notes
    -----
    Lines are those of a CSV file; rows of a sheet as the spreadsheet counts them, its header being
    row 1; rows of any other file from 1.
    """
    suffix = source.suffix.lower() if isinstance(source, Path) else ""
    if not isinstance(source, Path) or suffix not in READERS:
        return read_text(source, name=name, delimiter=delimiter, date_format=date_format)
    with readable(source, name), source.open("rb"):
        if suffix == ".xlsx":
            return _read_sheet(source, name, sheet, date_format)
        if suffix in (".json", ".ndjson"):
            return _read_dataset_json(source, name, date_format)
        return _read_statistical(source, name, date_format, encoding, labelled)


READERS = (".xlsx", ".xpt", ".sas7bdat", ".dta", ".json", ".ndjson")
"""The endings of files that are read here."""


def _text_table(
    name: str,
    header: Sequence[str],
    columns: Mapping[str, list[str]],
    faults: list[Fault],
    lines: Sequence[int] | None = None,
) -> TextTable:
    """Hand over columns of text, so many rows at a time."""
    rows = len(next(iter(columns.values()), []))
    numbers = range(1, rows + 1) if lines is None else lines

    def chunks() -> Iterator[Chunk]:
        for begin in range(0, rows, CHUNK):
            part = slice(begin, begin + CHUNK)
            yield Chunk(list(numbers[part]), {key: cells[part] for key, cells in columns.items()})

    return TextTable(name, tuple(header), chunks(), faults)


def _refuse(name: str, rule: str, remedy: str, value: str | None = None) -> BadInput:
    return BadInput([Fault(rule=rule, remedy=remedy, file=name, value=value)])


def number_text(number: float) -> str:
    """Write a number as short as it can be read back from, a whole one without a point.

    Examples
    --------
    >>> [number_text(number) for number in (7.0, 0.1, -2.5, 1e22)]
    ['7', '0.1', '-2.5', '1e+22']
    """
    whole = number.is_integer() and abs(number) < 2**53
    return str(int(number)) if whole else repr(number)


def moment_text(moment: dt.datetime, date_format: str) -> str:
    """Write midnight as a day, any other moment with its time: it is no day by chance."""
    if moment.time() == dt.time():
        return moment.strftime(date_format)
    return moment.isoformat(" ")


# Spreadsheets


def _read_sheet(path: Path, name: str, sheet: str | None, date_format: str) -> TextTable:
    """Read one sheet of a workbook; formulas, errors and merged cells are faults."""
    import openpyxl

    try:
        with warnings.catch_warnings():
            # It warns of decoration that it does not read, such as rules of validation.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=not _has_merged_cells(path))
            names = [page.title for page in book.worksheets]
            page = book[sheet] if sheet in names else book.worksheets[0]
            rows = [
                [(cell.value, cell.data_type, cell.number_format) for cell in row]
                for row in page.iter_rows()
            ]
            merged = [str(area) for area in getattr(page, "merged_cells", ())]
            book.close()
    except Exception as error:  # The reader raises whatever a damaged part of the archive leads to.
        raise _refuse(
            name,
            "the file must be an Excel workbook (.xlsx); it is not, or it is damaged or locked",
            "Open it in a spreadsheet and save it as .xlsx without a password, or give it as CSV.",
        ) from error
    if sheet is not None and sheet not in names:
        raise _refuse(
            name, f"the workbook must have this sheet; it has {', '.join(names)}",
            "Correct `sheet` in study.toml.", sheet,
        )  # fmt: skip
    return _sheet_text(rows, merged, name, date_format)


def _has_merged_cells(path: Path) -> bool:
    """Say whether any sheet has merged cells; only then is the workbook read whole."""
    with zipfile.ZipFile(path) as archive:
        for part in archive.namelist():
            if part.startswith("xl/worksheets/") and part.endswith(".xml"):
                before = b""
                with archive.open(part) as file:
                    while block := file.read(1 << 20):
                        if b"<mergeCell " in before + block:
                            return True
                        before = block[-16:]
    return False


def _sheet_text(
    rows: list[list[tuple[Any, str, str]]], merged: list[str], name: str, date_format: str
) -> TextTable:
    """Turn the cells of a sheet into text; rows that are all empty are passed over."""
    filled = [(line, row) for line, row in enumerate(rows, 1) if any(c[0] is not None for c in row)]
    if not filled:
        raise _refuse(
            name, "the first row must name the columns; the sheet is empty",
            "Export it again, with a header, or name another sheet.",
        )  # fmt: skip
    width = max(
        place for _, row in filled for place, cell in enumerate(row, 1) if cell[0] is not None
    )
    faults = [
        Fault(
            rule="a table must have no merged cells: what all but the first hold is unknown",
            remedy="Split them, and write into each cell what it holds.",
            file=name,
            value=area,
        )
        for area in merged
    ]
    first, cells = filled[0]
    header = [_sheet_cell(cell, name, first, "", date_format, faults) for cell in cells[:width]]
    header += [""] * (width - len(header))
    faults += _header_faults(header, first, name)
    columns: dict[str, list[str]] = {column: [] for column in header}
    for place, column in enumerate(header):
        columns[column] = [
            _sheet_cell(row[place], name, line, column, date_format, faults)
            if place < len(row)
            else ""
            for line, row in filled[1:]
        ]
    return _text_table(name, header, columns, faults, [line for line, _ in filled[1:]])


def _header_faults(header: list[str], line: int | None, name: str) -> Iterator[Fault]:
    for column in sorted({column for column in header if header.count(column) > 1 or not column}):
        yield Fault(
            rule="every column must have a name of its own",
            remedy="Rename one of them." if column else "Name the columns, or take them out.",
            file=name,
            line=line,
            value=column,
        )


def _sheet_cell(
    cell: tuple[Any, str, str],
    name: str,
    line: int,
    column: str,
    date_format: str,
    faults: list[Fault],
) -> str:
    """Write a cell as the spreadsheet shows it, but for rounding."""
    value, kind, shape = cell
    if kind in ("f", "e"):
        rule = (
            "a cell must hold a value, and no formula: what it gives depends on who opens it"
            if kind == "f"
            else "a cell must hold a value, and no error of the spreadsheet"
        )
        faults.append(
            Fault(
                rule=rule,
                remedy="Copy the column and paste it as values.",
                file=name,
                line=line,
                column=column or None,
                value=str(getattr(value, "text", value)),
            )
        )
        return ""
    return _value_text(value, shape, date_format)


def _value_text(value: Any, shape: str, date_format: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dt.datetime):
        return moment_text(value, date_format)
    if isinstance(value, dt.date):
        return value.strftime(date_format)
    if isinstance(value, (int, float)):
        # An identifier that is shown as 001 is the number 1 with the format 000.
        text = number_text(float(value)) if isinstance(value, float) else str(value)
        return text.zfill(len(shape)) if re.fullmatch("0+", shape) and text.isdigit() else text
    return str(value)


# SAS and Stata


def _read_statistical(
    path: Path, name: str, date_format: str, encoding: str | None, labelled: bool
) -> TextTable:
    """Read a SAS or Stata file; every number that is a day by its format becomes one."""
    import pyreadstat

    suffix = path.suffix.lower()
    readers: dict[str, Any] = {
        ".xpt": pyreadstat.read_xport,
        ".sas7bdat": pyreadstat.read_sas7bdat,
        ".dta": pyreadstat.read_dta,
    }
    try:
        cells, told = readers[suffix](
            path, output_format="dict", disable_datetime_conversion=True, encoding=encoding
        )
    except Exception as error:  # ReadstatError, UnicodeError, LookupError of an encoding, ...
        raise _unreadable(name, suffix, str(error)) from error
    header = list(told.column_names)
    if not header:
        raise _refuse(name, "the file must have columns; it has none", "Export it again.")
    faults: list[Fault] = []
    labels = told.variable_value_labels if labelled else {}
    columns = {
        column: _statistical_column(
            cells[column],
            column,
            name,
            _numbers_as(told.original_variable_types.get(column) or "", date_format),
            labels.get(column, {}),
            told.readstat_variable_types.get(column) == "float",
            faults,
        )
        for column in header
    }
    return _text_table(name, header, columns, faults)


def _unreadable(name: str, suffix: str, said: str) -> BadInput:
    if re.search("encod|byte sequence|charset|utf-8|codec|convert", said, re.IGNORECASE):
        return _refuse(
            name,
            "the text of the file must be in the encoding that it, or study.toml, says",
            'Say which it is, as in encoding = "WINDOWS-1252".',
        )
    kind = {".xpt": "a SAS transport file", ".sas7bdat": "a SAS data set", ".dta": "a Stata file"}
    return _refuse(
        name,
        f"the file must be {kind[suffix]}; it is not, or it is damaged: {said}",
        "Write it again, or give it as CSV.",
    )


def _numbers_as(shape: str, date_format: str) -> Clean:
    """Return what writes the numbers of a column: as days, as moments or as they are."""
    shape = shape.upper()
    if shape.startswith(("%TD", "%D", "%-TD")) or SAS_DAYS.match(shape):
        return lambda number: _day_text(number, 1.0, date_format)
    if shape.startswith(("%TC", "%-TC")):
        return lambda number: _day_text(number, 86_400_000.0, date_format)
    if SAS_MOMENTS.match(shape):
        return lambda number: _day_text(number, 86_400.0, date_format)
    return number_text


def _day_text(number: float, per_day: float, date_format: str) -> str:
    """Write a count since 1960 as a day; one that is no date stays the number that it is."""
    if abs(number) / per_day > FURTHEST:
        return number_text(number)
    day = dt.datetime.combine(SAS_EPOCH, dt.time())
    try:
        return moment_text(day + dt.timedelta(days=number / per_day), date_format)
    except (OverflowError, ValueError):
        return number_text(number)


def _statistical_column(
    cells: Sequence[Any],
    column: str,
    name: str,
    shown: Clean,
    labels: Mapping[Any, str],
    single: bool,
    faults: list[Fault],
) -> list[str]:
    """Write a column as text; every different value once, as a column has few of them."""
    import numpy as np

    def text(value: Any) -> str:
        if value is None or value != value:
            return ""
        if value in labels:
            return str(labels[value])
        if not isinstance(value, (int, float)):
            return str(value)
        if 0 < abs(value) < LEAST:
            tiny.add(value)
        # 0.1 in four bytes is 0.10000000149 in eight.
        return str(np.float32(value)) if single and value % 1 else shown(float(value))

    tiny: set[float] = set()
    written = {value: text(value) for value in set(cells)}
    if tiny:
        faults += [
            Fault(
                rule="a number must not be that close to zero: it is a zero misread",
                remedy="Write the file again from its source; pandas reads 0 in SAS transport "
                "files as 5e-79.",
                file=name,
                line=row,
                column=column,
                value=repr(value),
            )
            for row, value in enumerate(cells, 1)
            if value in tiny
        ]
    return [written[value] for value in cells]


# Dataset-JSON


def _read_dataset_json(path: Path, name: str, date_format: str) -> TextTable:
    """Read CDISC Dataset-JSON 1.1, as one document or a line for each row (.ndjson)."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refuse(name, "the file must be in UTF-8", "Export it again.") from error
    # Numbers stay the text that they are written as.
    keep: dict[str, Any] = {"parse_float": str, "parse_int": str, "parse_constant": str}
    try:
        if path.suffix.lower() == ".ndjson":
            first, *rest = [json.loads(line, **keep) for line in text.splitlines() if line.strip()]
            document = {**first, "rows": rest}
        else:
            document = json.loads(text, **keep)
    except (ValueError, TypeError, RecursionError) as error:
        raise _refuse(
            name, f"the file must be JSON: {error}", "Export it again, as Dataset-JSON 1.1."
        ) from error
    header, kinds = _declared_columns(document, name)
    rows = document["rows"]
    faults = list(_header_faults(header, None, name))
    faults += _row_faults(rows, len(header), str(document.get("records", len(rows))), name)
    sound = [
        (line, row)
        for line, row in enumerate(rows, 1)
        if isinstance(row, list) and len(row) == len(header)
    ]
    columns: dict[str, list[str]] = {column: [] for column in header}
    for place, (column, kind) in enumerate(zip(header, kinds, strict=True)):
        columns[column] = [_json_text(row[place], kind, date_format) for _, row in sound]
    return _text_table(name, header, columns, faults, [line for line, _ in sound])


def _declared_columns(document: Any, name: str) -> tuple[list[str], list[str]]:
    """Return the columns that the file declares, and the kind of each."""
    parts: dict[str, Any] = document if isinstance(document, dict) else {}
    declared = parts.get("columns")
    columns: list[Any] = declared if isinstance(declared, list) else []
    sound = (
        columns
        and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in columns)
        and isinstance(parts.get("rows"), list)
        and str(parts.get("datasetJSONVersion", "")).startswith("1.1")
    )
    if not sound:
        raise _refuse(
            name,
            "the file must be Dataset-JSON of version 1.1, with datasetJSONVersion, columns and "
            "rows",
            "Export it as Dataset-JSON 1.1; files of version 1.0 are laid out otherwise.",
        )
    return [one["name"] for one in columns], [str(one.get("dataType", "")) for one in columns]


def _row_faults(rows: list[Any], width: int, records: str, name: str) -> Iterable[Fault]:
    if records != str(len(rows)):
        yield Fault(
            rule=f"the file must have as many rows as it says, {records}; it has {len(rows)}",
            remedy="It is cut off, or was changed: export it again.",
            file=name,
        )
    for line, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != width:
            yield Fault(
                rule=f"every row must have as many values as there are columns, {width}",
                remedy="Export it again.",
                file=name,
                line=line,
                value=f"{len(row)} values" if isinstance(row, list) else str(row),
            )


def _json_text(value: Any, kind: str, date_format: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return json.dumps(value)
    text = str(value)
    if kind == "date" and date_format != "%Y-%m-%d" and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return dt.date.fromisoformat(text).strftime(date_format)
        except ValueError:
            return text
    return text
