"""Files become columns of text with their lines; nothing is interpreted here.

CSV is read by the standard library, whose reader says on which line of the file a row ends:
DuckDB's own reader guesses dates and loses lines. A row that cannot be read is a fault, and as much
of it as can be told is kept, so that it does not make the rows of other tables look wrong.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from survival_bzd.errors import BadInput, Fault

if TYPE_CHECKING:
    import duckdb

LINE = "\0line"
"""A key for line numbers that no column name can have."""

CHUNK = 100_000
"""Rows that are held as Python text at a time."""

UNFIT_DELIMITERS = ('"', "\r", "\n")
LINE_ENDS = re.compile(rb"(?<=\n)|(?<=\r)(?!\n)")
WIDE = 30
"""Columns of a file, and characters of a name, that a message lists."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file: the line each begins on, and its cells by column."""

    lines: list[int]
    cells: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class TextTable:
    """A file of text cells, read in chunks.

    Attributes
    ----------
    name : of the file, as messages call it.
    header : its column names, as written.
    chunks : its rows. Lines count from 1, the header included; the rows of a Parquet file from 1.
    faults : what is wrong with the file as a table; complete once `chunks` is used up.
    set_aside : cells of the rows that are faults and not in the chunks, as far as they can be told.
    """

    name: str
    header: tuple[str, ...]
    chunks: Iterator[Chunk]
    faults: list[Fault] = field(default_factory=list)
    set_aside: list[list[str]] = field(default_factory=list)


def read_text(
    source: Path | IO[bytes], *, name: str, delimiter: str = ",", date_format: str = "%Y-%m-%d"
) -> TextTable:
    """Open a CSV or Parquet file (or a stream of CSV) as text; blank lines are passed over.

    Parameters
    ----------
    source, name : the file, and what messages call it.
    delimiter : of CSV.
    date_format : how the dates of a Parquet file are written as text.

    Raises
    ------
    BadInput
        If the file cannot be read, or has no header.
    """
    if not isinstance(source, Path):
        return _read_csv(source.read(), name, delimiter)
    with readable(source, name):
        if source.suffix.lower() == ".parquet":
            with source.open("rb"):
                return _read_parquet(source, name, date_format)
        return _read_csv(source.read_bytes(), name, delimiter)


@contextmanager
def readable(source: Path, name: str) -> Iterator[None]:
    """Say of a file that cannot be opened why, and what to do."""
    try:
        yield
        return
    except FileNotFoundError:
        rule, remedy = (
            "the file must exist; it does not",
            f"Put it into {source.parent}, or correct its name.",
        )
    except OSError as error:
        rule, remedy = (
            f"the file must be readable: {error.strerror}",
            "Give a file that you may read.",
        )
    raise BadInput([Fault(rule=rule, file=name, remedy=remedy)])


def _read_csv(content: bytes, name: str, delimiter: str) -> TextTable:
    if delimiter in UNFIT_DELIMITERS:
        rule = "a quote or the end of a line cannot divide fields"
        remedy = 'Declare the mark in use, as in delimiter = ";".'
        raise BadInput([Fault(rule=rule, file=name, value=delimiter, remedy=remedy)])
    faults: list[Fault] = []
    text = io.StringIO(_decoded(content, name, faults), newline="")
    set_aside: list[list[str]] = []
    rows = _rows(text, delimiter, name, faults, set_aside)
    line, header = next(rows, (1, []))
    if set_aside:
        raise BadInput(faults)
    if not header:
        remedy = "Export it again, with a header."
        rule = "the first line must name the columns; the file is empty"
        raise BadInput([*faults, Fault(rule=rule, file=name, remedy=remedy)])
    _refuse_other_delimiters(header, line, name, delimiter)
    faults += _header_faults(header, line, name)
    chunks = _chunks(rows, header, name, faults, set_aside)
    return TextTable(name, tuple(header), chunks, faults, set_aside)


def _decoded(content: bytes, name: str, faults: list[Fault]) -> str:
    """Decode UTF-8; lines that are not are reported, and guessed at only to check the rest."""
    _refuse_what_is_no_text(content, name)
    if b"\0" not in content:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    kept = []
    for number, line in enumerate(LINE_ENDS.split(content), 1):
        try:
            decoded = line.decode("utf-8-sig" if number == 1 else "utf-8")
            rule = "the file must not hold NUL characters" if "\0" in decoded else None
            remedy = "The file is damaged, or no text: export it again."
        except UnicodeDecodeError:
            decoded = line.decode("latin-1")
            rule = "the file must be in UTF-8"
            remedy = "Save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        kept.append(decoded.replace("\0", ""))
        if rule is not None:
            value = decoded.strip("\r\n")
            faults.append(Fault(rule=rule, file=name, line=number, value=value, remedy=remedy))
    return "".join(kept)


def _refuse_what_is_no_text(content: bytes, name: str) -> None:
    """Say once what would else be wrong with every line."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        rule = "the file must be in UTF-8; it is in UTF-16"
        remedy = "Save it as UTF-8 (in a spreadsheet: CSV UTF-8, not Unicode text)."
    elif b"\0" in LINE_ENDS.split(content, maxsplit=1)[0]:
        rule = "the file must be text; it is not"
        remedy = "Export it as CSV, or name it .parquet if it is Parquet."
    else:
        return
    raise BadInput([Fault(rule=rule, file=name, remedy=remedy)])


def _rows(
    text: io.StringIO, delimiter: str, name: str, faults: list[Fault], set_aside: list[list[str]]
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the line it begins on.

    Where quotes are wrong the reader may have run on for many lines in search of the end: only the
    line that the row begins on is set aside, and reading goes on with the next.
    """
    before = 0
    while True:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        begins, place = before + 1, text.tell()
        try:
            for row in reader:
                if row:
                    yield begins, row
                begins, place = before + reader.line_num + 1, text.tell()
            return
        except csv.Error as error:
            text.seek(place)
            broken = text.readline().strip("\r\n")
            set_aside.append([cell.strip('"') for cell in broken.split(delimiter)])
            faults.append(_quote_fault(name, begins, broken, str(error)))
            before = begins


def _quote_fault(name: str, line: int, broken: str, said: str) -> Fault:
    """Say what the reader of CSV could not make out."""
    if "field limit" in said or "unexpected end of data" in said:
        rule = "a field that begins with a quote must end with one; this one does not end"
    else:
        rule = "a field with a quote in it must be quoted whole, and the quote written twice"
    remedy = 'Mend the quotes, as in "so-called ""clean"" urine", or export the file again.'
    return Fault(rule=rule, file=name, line=line, value=broken, remedy=remedy)


def _chunks(
    rows: Iterator[tuple[int, list[str]]],
    header: list[str],
    name: str,
    faults: list[Fault],
    set_aside: list[list[str]],
) -> Iterator[Chunk]:
    """Gather rows; their cells go into one flat list, as so many small lists cost more than CSV."""
    width = len(header)
    lines: list[int] = []
    cells: list[str] = []
    for line, row in rows:
        if len(row) == width:
            lines.append(line)
            cells += row
            if len(lines) == CHUNK:
                yield _chunk(lines, cells, header)
                lines, cells = [], []
        else:
            set_aside.append(row)
            faults.append(
                Fault(
                    rule=f"every row must have as many fields as the header, {width}",
                    file=name,
                    line=line,
                    value=f"{len(row)} field{'s' if len(row) > 1 else ''}",
                    remedy="Complete the row; quote a field that holds the delimiter.",
                )
            )
    if lines:
        yield _chunk(lines, cells, header)


def _chunk(lines: list[int], cells: list[str], header: list[str]) -> Chunk:
    width = len(header)
    return Chunk(lines, {name: cells[place::width] for place, name in enumerate(header)})


def _header_faults(header: list[str], line: int, name: str) -> Iterator[Fault]:
    for column in sorted({column for column in header if header.count(column) > 1}):
        yield Fault(
            rule="column names must differ",
            file=name,
            line=line,
            value=column,
            remedy="Rename one of them." if column else "Name the columns, or take them out.",
        )


def _refuse_other_delimiters(header: list[str], line: int, name: str, delimiter: str) -> None:
    marks = [mark for mark in ",;\t|" if mark != delimiter and mark in header[0]]
    if len(header) == 1 and marks:
        rule = f"fields must be divided by {json.dumps(delimiter)}"
        remedy = f"Declare the mark in use, as in delimiter = {json.dumps(marks[0])}."
        raise BadInput([Fault(rule=rule, file=name, line=line, value=header[0], remedy=remedy)])


def named(columns: Iterable[str]) -> str:
    """List the columns of a file for a message; of a wide file only the first."""
    names = [name if name.isprintable() and name else repr(name) for name in columns]
    more = f" and {len(names) - WIDE} more" if len(names) > WIDE else ""
    return ", ".join(name[:WIDE] for name in names[:WIDE]) + more


def _read_parquet(path: Path, name: str, date_format: str) -> TextTable:
    """Cast every column of a Parquet file to text; a missing value becomes an empty cell."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )
    # A folder called `a[1]` would be a pattern, and one called `site=3` a column.
    pattern = [re.sub(r"([*?\[])", r"[\1]", str(path))]
    rows = "read_parquet(?, hive_partitioning = false)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {rows}", pattern).fetchall()
        types = {str(row[0]): str(row[1]) for row in described}
        texts = ", ".join(_as_text(column, kind, date_format) for column, kind in types.items())
        connection.execute(f"SELECT {texts} FROM {rows}", pattern)
    except duckdb.Error as error:
        connection.close()
        raise BadInput([_parquet_fault(name)]) from error
    faults: list[Fault] = []
    return TextTable(name, tuple(types), _parquet_chunks(connection, types, name, faults), faults)


def _parquet_chunks(
    connection: duckdb.DuckDBPyConnection, header: Iterable[str], name: str, faults: list[Fault]
) -> Iterator[Chunk]:
    import duckdb

    begin = 1
    try:
        while rows := connection.fetchmany(CHUNK):
            columns = (
                ["" if cell is None else cell for cell in column]
                for column in zip(*rows, strict=True)
            )
            lines = list(range(begin, begin + len(rows)))
            yield Chunk(lines, dict(zip(header, columns, strict=True)))
            begin += len(rows)
    except duckdb.Error:
        faults.append(_parquet_fault(name))
    finally:
        connection.close()


def _parquet_fault(name: str) -> Fault:
    return Fault(
        rule="the file must be Parquet; it is not, or it is damaged",
        file=name,
        remedy="Write it again, or give it as CSV.",
    )


def _as_text(column: str, kind: str, date_format: str) -> str:
    """Write a column as the text a CSV would have: midnight is a date, not-a-number is missing."""
    name = '"' + column.replace('"', '""') + '"'
    form = "'" + date_format.replace("'", "''") + "'"
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isnan({name}) THEN NULL ELSE CAST({name} AS VARCHAR) END"
    if kind == "DATE":
        return f"strftime({name}, {form})"
    if kind.startswith("TIMESTAMP") and "ZONE" not in kind:
        is_day = f"{name} = CAST(CAST({name} AS DATE) AS TIMESTAMP)"
        return f"CASE WHEN {is_day} THEN strftime({name}, {form}) ELSE CAST({name} AS VARCHAR) END"
    return f"CAST({name} AS VARCHAR)"
