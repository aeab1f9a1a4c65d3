"""The text of a file becomes a table of the engine, every row with its line."""

from __future__ import annotations

from collections.abc import Mapping

from survival_bzd.records.engine import Engine, quoted
from survival_bzd.records.text_table import TextTable


def load_text(engine: Engine, table: str, text: TextTable, columns: Mapping[str, str]) -> int:
    """Put the file's text into a new table.

    Parameters
    ----------
    columns : ours = theirs, the columns to keep.

    Returns
    -------
    int
        How many rows it has. The faults of the file as a table are complete after this.
    """
    texts = ", ".join(f"{quoted(ours)} VARCHAR" for ours in columns)
    engine.execute(f"CREATE TABLE {table} (line INTEGER{', ' if texts else ''}{texts})")
    rows = 0
    for chunk in text.chunks:
        cells = {ours: chunk.cells[theirs] for ours, theirs in columns.items()}
        engine.append(table, {"line": chunk.lines, **cells})
        rows += len(chunk.lines)
    return rows
