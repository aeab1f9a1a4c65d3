"""Files become columns of text with their lines; nothing is interpreted here.

CSV is read by the standard library, whose reader says on which line of the file a row ends:
DuckDB's own reader guesses dates and loses lines.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from survival_bzd.errors import BadInput, Fault

LINE = "\0line"
"""A key for line numbers that no column name can have."""

CHUNK = 100_000
"""Rows that are held as Python text at a time."""


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
    faults : what is wrong with the file as a table; complete once `chunks` is used up. Ragged,
        wrongly quoted and undecodable rows are in here and not in the chunks.
    """

    name: str
    header: tuple[str, ...]
    chunks: Iterator[Chunk]
    faults: list[Fault] = field(default_factory=list)


def read_text(source: Path | IO[bytes], *, name: str, delimiter: str = ",") -> TextTable:
    """Open a CSV or Parquet file (or a stream of CSV) as text; blank lines are passed over.

    Raises
    ------
    BadInput
        If there is no such file, or it has no header.
    """
    if isinstance(source, Path):
        if not source.is_file():
            raise BadInput(
                [
                    Fault(
                        rule="the file must exist; it does not",
                        file=name,
                        remedy=f"Put it into {source.parent}, or correct its name.",
                    )
                ]
            )
        if source.suffix.lower() == ".parquet":
            return _read_parquet(source, name)
    return _read_csv(source, name, delimiter)


def _read_csv(source: Path | IO[bytes], name: str, delimiter: str) -> TextTable:
    faults: list[Fault] = []
    binary = io.BytesIO(source.read_bytes()) if isinstance(source, Path) else source
    content = binary.read()
    text = io.StringIO(_decoded(content, name, faults), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    rows = _rows(reader, name, faults)
    header = tuple(next(rows, (0, []))[1])
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
    faults += _header_faults(header, name, delimiter)
    return TextTable(name, header, _chunks(rows, header, name, faults), faults)


def _decoded(content: bytes, name: str, faults: list[Fault]) -> str:
    """Decode UTF-8; lines that are not are reported, and blanked so that the others are read."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        kept = []
        for number, line in enumerate(content.split(b"\n"), 1):
            try:
                kept.append(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                kept.append("")
                faults.append(
                    Fault(
                        rule="the file must be in UTF-8",
                        file=name,
                        line=number,
                        value=line[max(0, error.start - 10) : error.end + 10].decode("latin-1"),
                        remedy="Save it as UTF-8 (in a spreadsheet: CSV UTF-8).",
                    )
                )
        return "\n".join(kept)


def _rows(
    reader: Iterator[list[str]], name: str, faults: list[Fault]
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the line it begins on."""
    while True:
        begins = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.append(
                Fault(
                    rule="a field with a quote must be quoted whole, its quotes doubled",
                    file=name,
                    line=begins,
                    value=str(error),
                    remedy="Mend the quotes, or export the file again.",
                )
            )
            continue
        if row:
            yield begins, row


def _chunks(
    rows: Iterator[tuple[int, list[str]]], header: tuple[str, ...], name: str, faults: list[Fault]
) -> Iterator[Chunk]:
    width = len(header)
    while True:
        lines: list[int] = []
        kept: list[list[str]] = []
        for line, row in rows:
            if len(row) == width:
                lines.append(line)
                kept.append(row)
            else:
                faults.append(
                    Fault(
                        rule=f"every row must have {width} fields, as the header",
                        file=name,
                        line=line,
                        value=f"{len(row)} fields",
                        remedy="Quote fields that hold the delimiter; complete the row.",
                    )
                )
            if len(lines) == CHUNK:
                break
        if not lines:
            return
        columns = zip(*kept, strict=True)
        yield Chunk(lines, {key: list(column) for key, column in zip(header, columns, strict=True)})


def _header_faults(header: tuple[str, ...], name: str, delimiter: str) -> Iterator[Fault]:
    for column in sorted({column for column in header if header.count(column) > 1}):
        yield Fault(
            rule="column names must differ",
            file=name,
            line=1,
            value=column,
            remedy="Rename one of them.",
        )
    if len(header) == 1 and any(mark in header[0] for mark in ",;\t|" if mark != delimiter):
        yield Fault(
            rule=f"fields must be divided by {delimiter!r}",
            file=name,
            line=1,
            value=header[0],
            remedy='Declare the mark in use, as in delimiter = ";".',
        )


def _read_parquet(path: Path, name: str) -> TextTable:
    """Cast every column of a Parquet file to text; a missing value becomes an empty cell."""
    import duckdb

    connection = duckdb.connect(":memory:")
    try:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)])
        types = {str(row[0]): str(row[1]) for row in described.fetchall()}
        texts = ", ".join(_as_text(column, kind) for column, kind in types.items())
        cursor = connection.execute(f"SELECT {texts} FROM read_parquet(?)", [str(path)])
    except duckdb.Error as error:
        raise BadInput(
            [
                Fault(
                    rule="the file must be Parquet",
                    file=name,
                    value=str(error).splitlines()[0],
                    remedy="Write it again, or give it as CSV.",
                )
            ]
        ) from None
    header = tuple(types)

    def chunks() -> Iterator[Chunk]:
        begin = 1
        while rows := cursor.fetchmany(CHUNK):
            columns = (
                ["" if cell is None else cell for cell in column]
                for column in zip(*rows, strict=True)
            )
            lines = list(range(begin, begin + len(rows)))
            yield Chunk(lines, dict(zip(header, columns, strict=True)))
            begin += len(rows)

    return TextTable(name, header, chunks())


def _as_text(column: str, kind: str) -> str:
    """Write a column as the text a CSV would have: midnight is a date, not-a-number is missing."""
    name = '"' + column.replace('"', '""') + '"'
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isnan({name}) THEN NULL ELSE CAST({name} AS VARCHAR) END"
    if kind.startswith("TIMESTAMP") and "ZONE" not in kind:
        day = f"CAST(CAST({name} AS DATE) AS VARCHAR)"
        is_day = f"{name} = CAST(CAST({name} AS DATE) AS TIMESTAMP)"
        return f"CASE WHEN {is_day} THEN {day} ELSE CAST({name} AS VARCHAR) END"
    return f"CAST({name} AS VARCHAR)"
