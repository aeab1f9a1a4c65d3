"""Open what another system exported: the mark between its fields is found out, not assumed."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.text_table import TextTable, read_text

DELIMITERS = ",;\t|^"
"""What exports divide their fields by."""


def open_export(path: Path, delimiter: str | None = None) -> TextTable:
    """Open a CSV export as text; a byte order mark is passed over.

    Parameters
    ----------
    delimiter : between its fields; by default the mark that divides the header into most.

    Raises
    ------
    BadInput
        If the file cannot be read, or has no header.
    """
    mark = _delimiter(path) if delimiter is None else delimiter
    return read_text(path, name=path.name, delimiter=mark)


def source_of(path: Path, importer: str, holds: str) -> dict[str, str]:
    """Say where a study comes from: an entry of `[[provenance]]` in `study.toml`."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"importer": importer, "holds": holds, "file": path.name, "sha256": digest}


def _delimiter(path: Path) -> str:
    try:
        with path.open("rb") as file:
            header = file.readline().decode("utf-8-sig", errors="replace")
    except OSError:
        return ","  # Reading says what is wrong with the file.
    return max(DELIMITERS, key=lambda mark: len(_fields(header, mark)))


def _fields(header: str, mark: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(header, newline=""), delimiter=mark), [])
    except csv.Error:
        return []  # Reading says where the quotes are wrong.


def refuse(faults: list[Fault]) -> None:
    """Stop where there are faults.

    Raises
    ------
    BadInput
        With all of them.
    """
    if faults:
        raise BadInput(faults)
