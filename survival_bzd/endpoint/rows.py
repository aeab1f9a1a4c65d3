"""Rows that already have a time and an event become time-to-event data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import RowsDeclaration
from survival_bzd.records.text_table import LINE, read_text

MISSING = ("", "NA", "NaN", "nan", ".")
"""What stands for a missing number or event: nothing, as R writes it, as Python, as SAS."""

EVENTS: Mapping[str, int] = {
    **dict.fromkeys(("1", "1.0", "true", "True", "TRUE", "T"), 1),
    **dict.fromkeys(("0", "0.0", "false", "False", "FALSE", "F"), 0),
}
"""Codings of an event that need no declaration; 1/2 is not guessed at."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A file of time-to-event rows, read.

    Attributes
    ----------
    tte : the rows without a missing value in any column in use.
    labels : column -> (n,) text as written, for groups, strata and clusters.
    left_out : lines of the rows that miss a value.
    """

    tte: TimeToEvent
    labels: Mapping[str, NDArray[np.object_]]
    left_out: tuple[int, ...]


def read_rows(
    source: Path | IO[bytes],
    columns: RowsDeclaration,
    *,
    name: str,
    labels: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> Rows:
    """Read a CSV or Parquet file (or a stream of CSV) of time-to-event rows.

    Parameters
    ----------
    source, name : the file, and what messages call it.
    columns : which column is the time, the event and so on; the declared covariates.
    labels : further columns to keep as text.
    variables : further covariates, a number if every value is one and text otherwise.

    Raises
    ------
    BadInput
        With every fault: a column that is not there, a ragged row, a value that breaks its rule.
    """
    text, torn = _read(source, columns, name, (*labels, *variables))
    lines = np.array(text.pop(LINE), dtype=np.int64)
    cells = {column: np.array(values, dtype=object) for column, values in text.items()}
    numbers, faults = _numbers(cells, columns, lines, name)
    events, event_faults = _events(cells[columns.event], columns, lines, name)
    faults = [*torn, *faults, *event_faults]
    kinds = {**{variable: "either" for variable in variables}, **columns.covariates}
    covariates = {}
    for column, kind in kinds.items():
        covariates[column], problems = _covariate(cells[column], kind, column, lines, name)
        faults += problems
    kept = np.isfinite(numbers[columns.time]) & np.isfinite(events)
    if columns.weight is not None:
        kept &= np.isfinite(numbers[columns.weight])
    for column in labels:
        kept &= cells[column] != ""
    try:
        tte = _time_to_event(columns, cells, numbers, events, covariates, lines, kept, name)
    except BadInput as error:
        raise BadInput([*faults, *_own_names(error.faults, columns)]) from None
    if faults:
        raise BadInput(faults)
    return Rows(
        tte,
        {column: cells[column][kept] for column in labels},
        tuple(int(line) for line in lines[~kept]),
    )


def _read(
    source: Path | IO[bytes], columns: RowsDeclaration, name: str, further: Sequence[str]
) -> tuple[dict[str, list[Any]], list[Fault]]:
    """Read the columns in use as text, with their lines; name the rows that are no rows."""
    table = read_text(source, name=name, delimiter=columns.delimiter)
    named = (columns.time, columns.event, columns.entry, columns.weight, columns.patient_id)
    wanted = dict.fromkeys((*filter(None, named), *columns.covariates, *further))
    missing = [
        Fault(
            rule=f"the file must have this column; it has {', '.join(table.header)}",
            remedy="Correct the name.",
            file=name,
            line=1,
            value=column,
        )
        for column in wanted
        if column not in table.header
    ]
    if missing:
        raise BadInput([*table.faults, *missing])
    text: dict[str, list[Any]] = {LINE: [], **{column: [] for column in wanted}}
    for chunk in table.chunks:
        text[LINE] += chunk.lines
        for column in wanted:
            text[column] += chunk.cells[column]
    if not text[LINE]:
        empty = Fault(
            rule="the file must have at least one row below its header",
            remedy="Export it again.",
            file=name,
        )
        raise BadInput([*table.faults, empty])
    return text, table.faults


def _numbers(
    cells: Mapping[str, NDArray[np.object_]],
    columns: RowsDeclaration,
    lines: NDArray[np.int64],
    name: str,
) -> tuple[dict[str, NDArray[np.float64]], list[Fault]]:
    numbers, faults = {}, []
    for column in filter(None, (columns.time, columns.entry, columns.weight)):
        numbers[column], wrong = _as_numbers(cells[column])
        faults += list(_not_numbers(wrong, cells[column], column, lines, name))
    return numbers, faults


def _as_numbers(
    cells: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers (NaN where missing), and which cells are neither number nor missing."""
    import pandas as pd

    missing = np.isin(cells, MISSING)
    numbers = pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(dtype=np.float64)
    numbers[missing] = np.nan
    return numbers, ~missing & ~np.isfinite(numbers)


def _not_numbers(
    wrong: NDArray[np.bool_],
    cells: NDArray[np.object_],
    column: str,
    lines: NDArray[np.int64],
    name: str,
) -> Iterator[Fault]:
    for row in np.flatnonzero(wrong):
        yield Fault(
            rule="it must be a finite number with a decimal point",
            remedy="Write 7.5, not 7,5; leave it empty where it is missing.",
            file=name,
            line=int(lines[row]),
            column=column,
            value=str(cells[row]),
        )


def _events(
    cells: NDArray[np.object_], columns: RowsDeclaration, lines: NDArray[np.int64], name: str
) -> tuple[NDArray[np.float64], list[Fault]]:
    """Return 1 for the event, 0 for censored, NaN where missing."""
    written = dict.fromkeys(cells)
    if columns.event_is is not None:
        codes = {
            code: np.nan if code in MISSING else float(code == columns.event_is) for code in written
        }
        if columns.event_is not in written:
            known = ", ".join(sorted(code for code in written if code not in MISSING))
            return np.zeros(cells.size), [
                Fault(
                    rule=f"the event's code must stand in the column; it holds {known}",
                    remedy="Name one of them.",
                    file=name,
                    column=columns.event,
                    value=columns.event_is,
                )
            ]
        return np.array([codes[cell] for cell in cells], dtype=np.float64), []
    codes = {code: EVENTS.get(code, np.nan) for code in written}
    unknown = {code for code in written if code not in EVENTS and code not in MISSING}
    faults = [
        Fault(
            rule="an event must be 1 (the event) or 0 (censored), or true or false",
            remedy="R's 1/2 coding and CDISC's CNSR are not guessed at: "
            "name the event's code with --event-is (event_is in study.toml).",
            file=name,
            line=int(lines[row]),
            column=columns.event,
            value=str(cells[row]),
        )
        for row in np.flatnonzero(np.isin(cells, list(unknown)))
    ]
    return np.array([codes[cell] for cell in cells], dtype=np.float64), faults


def _covariate(
    cells: NDArray[np.object_], kind: str, column: str, lines: NDArray[np.int64], name: str
) -> tuple[NDArray[Any], list[Fault]]:
    """Return a covariate as numbers or as text (None where empty)."""
    if kind != "text":
        numbers, wrong = _as_numbers(cells)
        if kind == "number" or not wrong.any():
            whole = np.all(np.isfinite(numbers) & (numbers == np.floor(numbers)))
            small = whole and np.all(np.abs(numbers) < 2**53)
            values = numbers.astype(np.int64) if small else numbers
            return values, list(_not_numbers(wrong, cells, column, lines, name))
    words: NDArray[np.object_] = cells.copy()
    words[np.equal(cells, "")] = None
    return words, []


def _own_names(faults: Sequence[Fault], columns: RowsDeclaration) -> Iterator[Fault]:
    """Name the columns as the file does."""
    for fault in faults:
        yield replace(fault, column=getattr(columns, str(fault.column), fault.column))


def _time_to_event(
    columns: RowsDeclaration,
    cells: Mapping[str, NDArray[np.object_]],
    numbers: Mapping[str, NDArray[np.float64]],
    events: NDArray[np.float64],
    covariates: Mapping[str, NDArray[Any]],
    lines: NDArray[np.int64],
    kept: NDArray[np.bool_],
    name: str,
) -> TimeToEvent:
    import pandas as pd

    patient = columns.patient_id
    return TimeToEvent(
        numbers[columns.time][kept],
        events[kept].astype(np.int64),
        columns.unit,
        entry=None if columns.entry is None else numbers[columns.entry][kept],
        weight=None if columns.weight is None else numbers[columns.weight][kept],
        patient_id=None if patient is None else cells[patient][kept],
        file=np.full(int(kept.sum()), name, dtype=object),
        line=lines[kept],
        label=columns.label,
        causes=(columns.label,),
        covariates=pd.DataFrame({key: values[kept] for key, values in covariates.items()})
        if covariates
        else None,
    )
