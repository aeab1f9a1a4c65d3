"""Rows that already have a time and an event become time-to-event data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import BOUND, TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import (
    IntervalRowsDeclaration,
    RecurrentRowsDeclaration,
    RowsDeclaration,
)
from survival_bzd.records.formats import read_table
from survival_bzd.records.text_table import LINE

if TYPE_CHECKING:
    import pandas as pd

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
    named = (columns.time, columns.event, columns.entry, columns.weight, columns.patient_id)
    text, torn = read_cells(source, columns, name, (named, (*labels, *variables)))
    lines = np.array(text.pop(LINE), dtype=np.int64)
    cells = {column: np.array(values, dtype=object) for column, values in text.items()}
    numeric = (columns.time, columns.entry, columns.weight)
    numbers, faults = numbers_of(cells, numeric, lines, name)
    events, event_faults = _events(cells[columns.event], columns, lines, name)
    faults = [*torn, *faults, *event_faults]
    covariates, problems = covariates_of(cells, columns, variables, lines, name)
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


def read_interval_rows(
    source: Path | IO[bytes],
    columns: IntervalRowsDeclaration,
    *,
    name: str,
    labels: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> Rows:
    """Read a CSV or Parquet file (or a stream of CSV) of rows whose event lies in (lower, upper].

    Equal bounds are an exact time; an empty upper bound is censoring, an empty lower bound an event
    before the upper one. The time of a row is its upper bound, where it became known, or the lower
    one if it is censored.

    Parameters
    ----------
    source, name : the file, and what messages call it.
    columns : which columns are the bounds and so on; the declared covariates.
    labels, variables : as for `read_rows`.

    Raises
    ------
    BadInput
        With every fault: a column that is not there, a ragged row, a value that breaks its rule.
    """
    named = (columns.lower, columns.upper, columns.weight, columns.patient_id)
    text, torn = read_cells(source, columns, name, (named, (*labels, *variables)))
    lines = np.array(text.pop(LINE), dtype=np.int64)
    cells = {column: np.array(values, dtype=object) for column, values in text.items()}
    for column, endless in ((columns.lower, _BEFORE), (columns.upper, _AFTER)):
        cells[column] = np.where(np.isin(cells[column], endless), "", cells[column])
    numbers, faults = numbers_of(cells, (columns.lower, columns.upper, columns.weight), lines, name)
    faults = [*torn, *faults, *_bound_faults(cells, numbers, columns, lines, name)]
    covariates, problems = covariates_of(cells, columns, variables, lines, name)
    faults += problems
    kept = np.ones(lines.size, dtype=np.bool_)
    if columns.weight is not None:
        kept &= np.isfinite(numbers[columns.weight])
    for column in labels:
        kept &= cells[column] != ""
    if faults:
        raise BadInput(faults)
    lower, upper = numbers[columns.lower][kept], numbers[columns.upper][kept]
    censored = np.isnan(upper)
    patient = columns.patient_id
    try:
        tte = TimeToEvent(
            np.where(censored, lower, upper),
            ~censored,
            columns.unit,
            weight=None if columns.weight is None else numbers[columns.weight][kept],
            lower=np.where(np.isnan(lower), -np.inf, lower),
            upper=np.where(censored, np.inf, upper),
            patient_id=None if patient is None else cells[patient][kept],
            file=np.full(int(kept.sum()), name, dtype=object),
            line=lines[kept],
            label=columns.label,
            causes=(columns.label,),
            covariates=frame_of(covariates, kept),
        )
    except BadInput as error:
        raise BadInput(_own_names(error.faults, columns)) from None
    return Rows(
        tte,
        {column: cells[column][kept] for column in labels},
        tuple(int(line) for line in lines[~kept]),
    )


_BEFORE = ("-inf", "-Inf", "-INF", "-Infinity")
_AFTER = ("inf", "Inf", "INF", "Infinity")
"""How Python, R and others write a bound that is not there."""


def _bound_faults(
    cells: Mapping[str, NDArray[np.object_]],
    numbers: Mapping[str, NDArray[np.float64]],
    columns: IntervalRowsDeclaration,
    lines: NDArray[np.int64],
    name: str,
) -> Iterator[Fault]:
    """Name the bounds that are missing both, below zero, too large, or in the wrong order."""
    lower, upper = numbers[columns.lower], numbers[columns.upper]
    unbounded = np.isin(cells[columns.lower], MISSING) & np.isin(cells[columns.upper], MISSING)
    both = f"{columns.lower}, {columns.upper}"
    rules = [
        (unbounded, both, "a row must have a lower or an upper bound",
         "Leave the row out if nothing is known of when the event was."),
        (lower < 0, columns.lower, "a bound must be zero or more",
         "Count times from the origin; leave the lower bound empty for an event before the upper."),
        (upper < 0, columns.upper, "a bound must be zero or more",
         "Count times from the origin."),
        (lower > upper, both, "the lower bound must not be above the upper bound",
         "Check which column is which; equal bounds mean an exact time."),
        (np.fmax(lower, upper) >= BOUND, both, "a bound must be below 1e15",
         "Leave it empty if it stands for a missing bound; else give the times in a longer unit."),
    ]  # fmt: skip
    for broken, column, rule, remedy in rules:
        for row in np.flatnonzero(broken):
            yield Fault(
                rule=rule,
                remedy=remedy,
                file=name,
                line=int(lines[row]),
                column=column,
                value=", ".join(str(cells[one][row]) for one in column.split(", ")),
            )


def read_cells(
    source: Path | IO[bytes],
    columns: RowsDeclaration | IntervalRowsDeclaration | RecurrentRowsDeclaration,
    name: str,
    wanted: tuple[Sequence[str | None], Sequence[str]],
) -> tuple[dict[str, list[Any]], list[Fault]]:
    """Read the columns in use as text, with their lines; name the rows that are no rows."""
    table = read_table(source, name=name, delimiter=columns.delimiter)
    named, further = wanted
    used = dict.fromkeys((*filter(None, named), *columns.covariates, *further))
    missing = [
        Fault(
            rule=f"the file must have this column; it has {', '.join(table.header)}",
            remedy="Correct the name.",
            file=name,
            line=1,
            value=column,
        )
        for column in used
        if column not in table.header
    ]
    if missing:
        raise BadInput([*table.faults, *missing])
    text: dict[str, list[Any]] = {LINE: [], **{column: [] for column in used}}
    for chunk in table.chunks:
        text[LINE] += chunk.lines
        for column in used:
            text[column] += chunk.cells[column]
    if not text[LINE]:
        empty = Fault(
            rule="the file must have at least one row below its header",
            remedy="Export it again.",
            file=name,
        )
        raise BadInput([*table.faults, empty])
    return text, table.faults


def numbers_of(
    cells: Mapping[str, NDArray[np.object_]],
    columns: Sequence[str | None],
    lines: NDArray[np.int64],
    name: str,
) -> tuple[dict[str, NDArray[np.float64]], list[Fault]]:
    """Return the numbers of the columns that there are, NaN where missing."""
    numbers, faults = {}, []
    for column in filter(None, columns):
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
    """Return 1 for the event, or the code of a cause, 0 for censored, NaN where missing."""
    written = dict.fromkeys(cells)
    if columns.event.upper() == "CNSR" and columns.event_is not in ("0", "0.0"):
        return np.zeros(cells.size), list(filter(None, [_wrong_column((), (), columns, name)]))
    if columns.competing:
        return _causes(cells, columns.event, lines, name)
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
    unknown = [code for code in written if code not in EVENTS and code not in MISSING]
    values = np.array([codes[cell] for cell in cells], dtype=np.float64)
    if (fault := _wrong_column(written, unknown, columns, name)) is not None:
        first = int(np.flatnonzero(np.isin(cells, unknown))[0])
        return values, [replace(fault, line=int(lines[first]), value=str(cells[first]))]
    faults = [
        Fault(
            rule="an event must be 1 (the event) or 0 (censored), or true or false",
            remedy="Correct it, or name the event's code with --event-is (event_is in study.toml).",
            file=name,
            line=int(lines[row]),
            column=columns.event,
            value=str(cells[row]),
        )
        for row in np.flatnonzero(np.isin(cells, unknown))
    ]
    return values, faults


def _wrong_column(
    written: Iterable[str], unknown: Sequence[str], columns: RowsDeclaration, name: str
) -> Fault | None:
    """Say once what is wrong with a whole column: it is CNSR, holds times, or is coded 1 and 2."""
    numbers = {code.removesuffix(".0") for code in written if code not in MISSING}
    if columns.event.upper() == "CNSR":
        rule = "CNSR is no event: it is 0 for the event, and 1, 2, ... for the ways of censoring"
        remedy = (
            "Leave --time and --event out, which reads an ADTTE file as one (with --paramcd), or "
            "give --event-is 0."
        )
    elif unknown and numbers <= {"1", "2"}:
        rule = "an event must be 1 or 0; which of 1 and 2 is the event is not guessed at"
        remedy = "Name the event's code: --event-is 2 (event_is in study.toml) where 1 is censored."
    elif unknown and len(numbers) > MOST_CODES and all(map(_is_number, numbers)):
        rule = f"an event must be 1 or 0; this column holds {len(numbers)} numbers, as times would"
        remedy = "Name the column of the event; that of the time is another."
    else:
        return None
    return Fault(rule=rule, remedy=remedy, file=name, column=columns.event)


MOST_CODES = 9
"""With more numbers than this a column is not one of codes."""


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


MOST_CAUSES = 100
"""With more codes than this a column is not one of causes."""


def _causes(
    cells: NDArray[np.object_], column: str, lines: NDArray[np.int64], name: str
) -> tuple[NDArray[np.float64], list[Fault]]:
    """Return the codes of causes, 0 for censored, NaN where missing."""
    codes = {cell: _cause(cell) for cell in dict.fromkeys(cells)}
    wrong = {cell for cell, code in codes.items() if code is None}
    faults = [
        Fault(
            rule="an event must be 0 (censored) or the whole number of a cause: 1, 2, ...",
            remedy="Number the causes from 1 on, and write 0 where the follow-up was censored.",
            file=name,
            line=int(lines[row]),
            column=column,
            value=str(cells[row]),
        )
        for row in np.flatnonzero(np.isin(cells, list(wrong)))
    ]
    causes = {code for code in codes.values() if code is not None and code > 0}
    if len(causes) > MOST_CAUSES and not faults:
        faults = [
            Fault(
                rule=f"there may be at most {MOST_CAUSES} causes; here are {len(causes)}",
                remedy="Name the column of the event, not that of the time.",
                file=name,
                column=column,
                value=f"{min(causes):g} to {max(causes):g}",
            )
        ]
    events = [codes[cell] for cell in cells]
    return np.array([np.nan if code is None else code for code in events]), faults


def _cause(cell: str) -> float | None:
    """Return a code, NaN where it is missing, None where it is none."""
    if cell in MISSING:
        return np.nan
    whole = cell.removesuffix(".0")
    few = whole.isascii() and whole.isdigit() and len(whole) < 10
    return float(whole) if few else None


def covariates_of(
    cells: Mapping[str, NDArray[np.object_]],
    columns: RowsDeclaration | IntervalRowsDeclaration | RecurrentRowsDeclaration,
    variables: Sequence[str],
    lines: NDArray[np.int64],
    name: str,
) -> tuple[dict[str, NDArray[Any]], list[Fault]]:
    """Return the declared covariates and the further variables."""
    kinds = {**{variable: "either" for variable in variables}, **columns.covariates}
    found, faults = {}, []
    for column, kind in kinds.items():
        found[column], problems = _covariate(cells[column], kind, column, lines, name)
        faults += problems
    return found, faults


def frame_of(
    covariates: Mapping[str, NDArray[Any]], kept: NDArray[np.bool_]
) -> pd.DataFrame | None:
    """Return the covariates of the rows kept."""
    import pandas as pd

    if not covariates:
        return None
    return pd.DataFrame({key: values[kept] for key, values in covariates.items()})


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


def _own_names(
    faults: Sequence[Fault], columns: RowsDeclaration | IntervalRowsDeclaration
) -> Iterator[Fault]:
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
        causes=() if columns.competing else (columns.label,),
        covariates=frame_of(covariates, kept),
    )
