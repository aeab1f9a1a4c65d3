"""A finished table: text for readers, full-precision columns for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from survival_bzd.report.rounding import digits

Value = float | int | str | bool | None
"""A cell of the CSV form. None and NaN are empty; booleans are ``true`` and ``false``."""

Columns = tuple[tuple[str, tuple[Value, ...]], ...]
"""(name, values) of the CSV form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table in its final words, before any file format.

    Attributes
    ----------
    key : file name without its ending, letters, digits, ``_`` and ``-``.
    title : caption.
    header : column heads.
    rows : cells, already rounded and worded, one tuple per row, as long as the header.
    notes : sentences below the table.
    align : ``"l"`` or ``"r"`` per column.
    columns : (name, values) of the CSV form, in full precision. It may have other columns than
        the table that is read: an interval is one cell there and two numbers here.

    Examples
    --------
    >>> Table(key="t", title="T", header=("Arm", "n"), rows=(("A", "7"),), align="lr",
    ...       columns=(("arm", ("A",)), ("n", (7,))))
    <Table t: 1 row of 2>
    """

    key: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    columns: Columns
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        width = len(self.header)
        if len(self.align) != width or any(len(row) != width for row in self.rows):
            raise ValueError(f"table {self.key}: header, rows and align differ in width")
        if len({len(values) for _, values in self.columns}) > 1:
            raise ValueError(f"table {self.key}: the CSV columns differ in length")

    def __repr__(self) -> str:
        rows = f"{len(self.rows)} row{'' if len(self.rows) == 1 else 's'}"
        return f"<Table {self.key}: {rows} of {len(self.header)}>"


def called_synthetic(table: Table) -> Table:
    """Return the table with the word in its title, and in a column of its CSV form."""
    rows = len(table.columns[0][1]) if table.columns else 0
    return replace(
        table,
        title=f"{table.title} (synthetic data)",
        columns=(*table.columns, ("synthetic", (True,) * rows)),
    )


def csv(columns: Columns) -> str:
    r"""Write columns as CSV: 12 significant digits, ``\n`` line ends, undefined cells empty.

    Examples
    --------
    >>> csv((("arm", ("A, B",)), ("rate", (1 / 3,))))
    'arm,rate\n"A, B",0.333333333333\n'
    """
    lines = [",".join(_quoted(name) for name, _ in columns)]
    values = [column for _, column in columns]
    lines += [",".join(_quoted(_cell(value)) for value in row) for row in zip(*values, strict=True)]
    return "\n".join(lines) + "\n"


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return digits(float(value)) if isinstance(value, float) else str(int(value))


def _quoted(text: str) -> str:
    """Quote as RFC 4180 where a reader would otherwise split or lose something."""
    if any(mark in text for mark in ',"\n\r') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def columns_of(lines: Sequence[Mapping[str, Value]]) -> Columns:
    """Turn lines with the same names into the columns of a CSV form.

    Examples
    --------
    >>> columns_of([{"arm": "A", "n": 7}, {"arm": "B", "n": 5}])
    (('arm', ('A', 'B')), ('n', (7, 5)))
    """
    names = list(lines[0]) if lines else []
    return tuple((name, tuple(line[name] for line in lines)) for name in names)
