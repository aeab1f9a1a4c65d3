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
    set_aside : rows that are faults and not in the chunks: the cells of one with too few or too
        many of them, nothing of one whose quotes are wrong. Complete once `chunks` is used up.
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
    try:
        if source.suffix.lower() == ".parquet":
            with source.open("rb"):
                return _read_parquet(source, name, date_format)
        return _read_csv(source.read_bytes(), name, delimiter)
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
    _refuse_utf16(content, name)
    faults: list[Fault] = []
    text = io.StringIO(_decoded(content, name, faults), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    set_aside: list[list[str]] = []
    rows = _rows(reader, name, faults, set_aside)
    begins, header = next(rows, (1, []))
    if not header:
        raise BadInput(
            [
                *faults,
                Fault(
                    rule="the first line must name the columns; the file is empty",
                    file=name,
                    remedy="Export it again, with a header.",
                ),
            ]
        )
    if set_aside:
        raise BadInput(faults)
    faults += _header_faults(header, begins, name, delimiter)
    chunks = _chunks(rows, header, name, faults, set_aside)
    return TextTable(name, tuple(header), chunks, faults, set_aside)


def _refuse_utf16(content: bytes, name: str) -> None:
    """Say once what would else be wrong with every line."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadInput(
            [
                Fault(
                    rule="the file must be in UTF-8; it is in UTF-16",
                    file=name,
                    remedy="Save it as UTF-8 (in a spreadsheet: CSV UTF-8, not Unicode text).",
                )
            ]
        )


def _decoded(content: bytes, name: str, faults: list[Fault]) -> str:
    """Decode UTF-8; lines that are not are reported, and guessed at only to check the rest."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        kept = []
        for number, line in enumerate(re.split(rb"(?<=\n)|(?<=\r)(?!\n)", content), 1):
            try:
                kept.append(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                kept.append(line.decode("latin-1"))
                faults.append(
                    Fault(
                        rule="the file must be in UTF-8",
                        file=name,
                        line=number,
                        value=line[max(0, error.start - 10) : error.end + 10].decode("latin-1"),
                        remedy="Save it as UTF-8 (in a spreadsheet: CSV UTF-8).",
                    )
                )
        return "".join(kept)


def _rows(
    reader: Iterator[list[str]], name: str, faults: list[Fault], set_aside: list[list[str]]
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the line it begins on."""
    while True:
        begins = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            for row in reader:
                if row:
                    yield begins, row
                begins = reader.line_num + 1  # type: ignore[attr-defined]
            return
        except csv.Error as error:
            set_aside.append([])
            ends = reader.line_num  # type: ignore[attr-defined]
            faults.append(_quote_fault(name, begins, ends, str(error)))


def _quote_fault(name: str, begins: int, ends: int, said: str) -> Fault:
    """Say what the reader of CSV could not make out."""
    if "field limit" in said:
        rule = f"a field must have at most {csv.field_size_limit()} characters"
        remedy = "Look for a quote that opens on this line and does not close."
    elif "unexpected end of data" in said:
        rule = "a quoted field must end with a quote; this one runs to the end of the file"
        remedy = 'Close the quote; a quote inside a field is written twice: "so-called ""clean""".'
    else:
        rule = "a field with a quote in it must be quoted whole, and the quote written twice"
        remedy = 'Mend the quotes, as in "so-called ""clean""", or export the file again.'
    value = None if ends <= begins else f"read up to line {ends}"
    return Fault(rule=rule, file=name, line=begins, value=value, remedy=remedy)


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


def _header_faults(header: list[str], line: int, name: str, delimiter: str) -> Iterator[Fault]:
    for column in sorted({column for column in header if header.count(column) > 1}):
        yield Fault(
            rule="column names must differ",
            file=name,
            line=line,
            value=column,
            remedy="Rename one of them." if column else "Name the columns, or take them out.",
        )
    marks = [mark for mark in ",;\t|" if mark != delimiter and mark in header[0]]
    if len(header) == 1 and marks:
        yield Fault(
            rule=f"fields must be divided by {delimiter!r}",
            file=name,
            line=line,
            value=header[0],
            remedy=f"Declare the mark in use, as in delimiter = {json.dumps(marks[0])}.",
        )


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
        raise BadInput([_parquet_fault(name, error)]) from None
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
    except duckdb.Error as error:
        faults.append(_parquet_fault(name, error))
    finally:
        connection.close()


def _parquet_fault(name: str, error: Exception) -> Fault:
    return Fault(
        rule="the file must be Parquet",
        file=name,
        value=str(error).splitlines()[0],
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
