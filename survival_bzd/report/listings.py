"""Rows of records and data as tables: what `check`, `derive` and `datasets` print."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from survival_bzd.report.rounding import p_value
from survival_bzd.report.table import Table, Value, columns_of

if TYPE_CHECKING:
    import pandas as pd


def frame_rows(frame: pd.DataFrame) -> list[dict[str, Value]]:
    """Return the rows of a DataFrame; undefined and infinite values are None."""
    return [
        {str(name): _value(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def listing(
    key: str, title: str, rows: Sequence[Mapping[str, Value]], notes: Sequence[str] = ()
) -> Table:
    """Make a table of rows that have the same keys, in their order.

    Examples
    --------
    >>> listing("read", "Tables", [{"table": "urine", "rows": 12}])
    <Table read: 1 row of 2>
    """
    header = tuple(rows[0]) if rows else ("none",)
    numeric = [
        all(isinstance(row[name], int | float | None) for row in rows) if rows else False
        for name in header
    ]
    return Table(
        key=key,
        title=title,
        header=header,
        rows=tuple(tuple(_text(row[name]) for name in header) for row in rows),
        align="".join("r" if is_number else "l" for is_number in numeric),
        columns=columns_of(rows),
        notes=tuple(notes),
    )


def _value(value: Any) -> Value:
    """Return a cell as a plain Python value."""
    import pandas as pd

    if value is None or value is pd.NA:
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() else value
    return value if isinstance(value, int | str) else str(value)


def worded(table: Table) -> Table:
    """Return a listing as readers want it: heads in words, numbers short, p as usual."""
    if not table.rows:
        return table
    places = [place for place, name in enumerate(table.header) if name.startswith("p_")]
    by_name = dict(table.columns)
    kept = [
        place
        for place, name in enumerate(table.header)
        if any(value not in ("", None) for value in by_name[name])
    ]
    rows = tuple(
        tuple(_short(by_name[table.header[place]][number], is_p=place in places) for place in kept)
        for number in range(len(table.rows))
    )
    heads = (table.header[place].replace("_", " ") for place in kept)
    return replace(
        table,
        header=tuple(head[:1].upper() + head[1:] for head in heads),
        rows=rows,
        align="".join(table.align[place] for place in kept),
    )


def _short(value: Value, *, is_p: bool) -> str:
    if isinstance(value, float):
        return p_value(value) if is_p else f"{value:.4g}"
    return _text(value)


def _text(value: Value) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
