"""Rows of patients who may relapse again, checked one after the other, become `Recurrences`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.recurrences import Recurrences
from survival_bzd.endpoint.rows import (
    EVENTS,
    MISSING,
    covariates_of,
    frame_of,
    numbers_of,
    read_cells,
)
from survival_bzd.endpoint.time_to_event import BOUND
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import RecurrentRowsDeclaration
from survival_bzd.records.text_table import LINE

Cells = Mapping[str, NDArray[np.object_]]

ROUNDING = float(np.sqrt(np.finfo(np.float64).eps))
"""Times nearer than this, absolute or relative, are one, as the estimators take them."""


@dataclass(frozen=True, eq=False)
class RecurrentRows:
    """A file of recurrent rows, read.

    Attributes
    ----------
    recurrences : the rows of the patients who miss none of the labels.
    labels : column -> (n,) text as written, for groups, strata and clusters.
    left_out : lines of the rows of patients who miss a label.
    """

    recurrences: Recurrences
    labels: Mapping[str, NDArray[np.object_]]
    left_out: tuple[int, ...]


def read_recurrent_rows(
    source: Path | IO[bytes],
    columns: RecurrentRowsDeclaration,
    *,
    name: str,
    labels: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> RecurrentRows:
    """Read a CSV or Parquet file (or a stream of CSV) of (start, stop] rows.

    Parameters
    ----------
    source, name : the file, and what messages call it.
    columns : which columns are the patient, the times, the event or the states.
    labels, variables : as for `read_rows`. Who misses a label in any row is left out as a whole.

    Raises
    ------
    BadInput
        With every fault: rows that end before they begin, rows of a patient that overlap, leave a
        gap or contradict each other, codes that are not known, values that are missing.
    """
    named = (
        columns.patient_id, columns.start, columns.stop, columns.event, columns.state, columns.to,
        columns.weight,
    )  # fmt: skip
    text, torn = read_cells(source, columns, name, (named, (*labels, *variables)))
    lines = np.array(text.pop(LINE), dtype=np.int64)
    cells = {column: np.array(values, dtype=object) for column, values in text.items()}
    numeric = (columns.start, columns.stop, columns.weight)
    numbers, faults = numbers_of(cells, numeric, lines, name)
    covariates, problems = covariates_of(cells, columns, variables, lines, name)
    rows = _Rows(cells, numbers, columns, lines, name)
    faults = [*torn, *faults, *problems, *rows.faults()]
    faults += rows.event_faults() if columns.state is None else rows.state_faults()
    if faults:
        raise BadInput(faults)
    kept = np.ones(lines.size, dtype=np.bool_)
    for column in labels:
        lacking = np.unique(cells[columns.patient_id][np.equal(cells[column], "")])
        kept &= ~np.isin(cells[columns.patient_id], lacking)
    return RecurrentRows(
        rows.recurrences(kept, frame_of(covariates, kept)),
        {column: cells[column][kept] for column in labels},
        tuple(int(line) for line in lines[~kept]),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows as they stand in the file."""

    cells: Cells
    numbers: Mapping[str, NDArray[np.float64]]
    columns: RecurrentRowsDeclaration
    lines: NDArray[np.int64]
    name: str

    @property
    def patient(self) -> NDArray[np.object_]:
        return self.cells[self.columns.patient_id]

    @property
    def start(self) -> NDArray[np.float64]:
        return self.numbers[self.columns.start]

    @property
    def stop(self) -> NDArray[np.float64]:
        return self.numbers[self.columns.stop]

    def _fault(
        self, row: int | np.integer[Any], column: str | None, rule: str, remedy: str, value: str
    ) -> Fault:
        return Fault(
            rule=rule,
            remedy=remedy,
            file=self.name,
            line=int(self.lines[row]),
            column=column,
            patient=str(self.patient[row]) or None,
            value=value,
        )

    def faults(self) -> Iterator[Fault]:
        """Name rows without a patient or an end, rows that end too early, and what lies between."""
        columns = self.columns
        needed = [(columns.patient_id, np.equal(self.patient, "")),
                  (columns.stop, np.isin(self.cells[columns.stop], MISSING))]  # fmt: skip
        if columns.weight is not None:
            needed.append((columns.weight, np.isin(self.cells[columns.weight], MISSING)))
        for column, missing in needed:
            for row in np.flatnonzero(missing):
                yield self._fault(row, column, "every row needs a value here: without it the "
                                  "patient's history has a hole", "Fill it in.", "")  # fmt: skip
        yield from self._odd_numbers()
        yield from self._between()

    def _odd_numbers(self) -> Iterator[Fault]:
        """Name times and weights that break their rule."""
        columns, start, stop = self.columns, self.start, self.stop
        begin = np.where(np.isnan(start), 0.0, start)
        said = self._said
        for row in np.flatnonzero((stop < 0) | (begin < 0)):
            yield self._fault(row, columns.start, "a time must be zero or more",
                              "Count times from the origin.", said(row))  # fmt: skip
        for row in np.flatnonzero((stop >= BOUND) | (begin >= BOUND)):
            yield self._fault(row, columns.stop, "a time must be below 1e15",
                              "Correct it if it stands for a missing value.",
                              said(row))  # fmt: skip
        for row in np.flatnonzero((stop >= 0) & (begin >= 0) & (stop <= begin)):
            yield self._fault(row, columns.stop, "a row must end after it begins",
                              "Correct its start or stop; leave out rows without length.",
                              said(row))  # fmt: skip
        if columns.weight is not None:
            weight = self.numbers[columns.weight]
            for row in np.flatnonzero((weight <= 0) | (weight >= BOUND)):
                yield self._fault(row, columns.weight,
                                  "a weight must be more than zero and below 1e15",
                                  "Leave out the patients that should not count.",
                                  f"{weight[row]:g}")  # fmt: skip

    def _said(self, row: int | np.integer[Any]) -> str:
        start = self.start[row]
        return f"({'origin' if np.isnan(start) else f'{start:g}'}, {self.stop[row]:g}]"

    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return each row that is followed by one of the same patient, and that one."""
        person = np.unique(self.patient.astype(str), return_inverse=True)[1]
        begin = np.where(np.isnan(self.start), -np.inf, self.start)
        order = np.lexsort((self.stop, begin, person))
        one, other = order[:-1], order[1:]
        same = person[one] == person[other]
        return one[same], other[same]

    def apart(self, before: NDArray[np.intp], after: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the time between two rows: 0 where they touch, less where they overlap."""
        begin = np.where(np.isnan(self.start), -np.inf, self.start)[after]
        end = self.stop[before]
        touch = np.isclose(begin, end, rtol=ROUNDING, atol=ROUNDING)
        return np.where(touch, 0.0, begin - end)

    def _between(self) -> Iterator[Fault]:
        """Name rows of one patient that overlap, and gaps if there must be none."""
        before, after = self.pairs()
        between = self.apart(before, after)
        overlap, gap = between < 0, between > 0
        rules = [
            (overlap, "the rows of one patient must not overlap in time",
             "Let each row begin where the one before it ends."),
            (gap & (not self.columns.gaps),
             "a row must begin where the patient's row before it ends",
             "Add the row that is missing; or say with --gaps that the patient was out of sight."),
        ]  # fmt: skip
        for broken, rule, remedy in rules:
            for one, other in zip(before[broken], after[broken], strict=True):
                value = f"line {self.lines[one]} {self._said(one)}, then {self._said(other)}"
                yield self._fault(other, self.columns.start, rule, remedy, value)

    def event_faults(self) -> Iterator[Fault]:
        """Name codes that are no event."""
        column = self.columns.event
        assert column is not None
        codes = self._codes()
        known = ("the code of a relapse must stand in the column; it holds "
                 + ", ".join(sorted(map(str, dict.fromkeys(self.cells[column])))))  # fmt: skip
        for code in filter(None, (self.columns.event_is, self.columns.terminal_is)):
            if code not in codes:
                yield Fault(rule=known.replace("a relapse", "an event"), file=self.name,
                            remedy="Name one of them.", column=column, value=code)  # fmt: skip
        for row in np.flatnonzero([codes[cell] is None for cell in self.cells[column]]):
            yield self._fault(row, column, "an event must be 0 (nothing), 1 (a relapse), or 2 and "
                              "above (the end for good, such as death)",
                              "Name the code of a relapse with --event-is, and that of the end for "
                              "good with --terminal.", str(self.cells[column][row]))  # fmt: skip
        before, after = self.pairs()
        ended = np.array([codes[cell] == 2 for cell in self.cells[column]], dtype=np.bool_)[before]
        for one, other in zip(before[ended], after[ended], strict=True):
            yield self._fault(other, column, "nothing may follow what ends the follow-up for good",
                              "Leave the row out, or correct the code of the one before.",
                              f"line {self.lines[one]} ends it")  # fmt: skip

    def _codes(self) -> dict[str, int | None]:
        """Return what each code in the column means: 0, 1, 2, or None where it means nothing."""
        columns = self.columns
        assert columns.event is not None
        written = dict.fromkeys(self.cells[columns.event])
        if columns.event_is is not None:
            return {code: None if code in MISSING else 1 if code == columns.event_is
                    else 2 if code == columns.terminal_is else 0 for code in written}  # fmt: skip
        found: dict[str, int | None] = {}
        for code in written:
            found[code] = EVENTS.get(code)
            if code == columns.terminal_is or (
                found[code] is None and code.isascii() and code.isdigit() and int(code) > 1
            ):
                found[code] = 2
        return found

    def _states(self) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """Return the state during each row and the one entered at its end, ``""`` if none."""
        columns = self.columns
        assert columns.state is not None
        state = self.cells[columns.state]
        if columns.to is not None:
            to = self.cells[columns.to].copy()
            to[np.isin(to, MISSING)] = ""
            return state, to
        to = np.full(state.size, "", dtype=object)
        before, after = self.pairs()
        moves = (state[before] != state[after]) & (self.apart(before, after) == 0)
        to[before[moves]] = state[after[moves]]
        return state, to

    def state_faults(self) -> Iterator[Fault]:
        """Name rows without a state, and rows whose states contradict each other."""
        columns = self.columns
        state, to = self._states()
        for row in np.flatnonzero(np.equal(state, "")):
            yield self._fault(row, columns.state, "every row needs the state in which the patient "
                              "is", "Fill it in.", "")  # fmt: skip
        for row in np.flatnonzero(np.equal(state, to) & np.not_equal(to, "")):
            yield self._fault(row, columns.to, "a row that ends with a change must end in another "
                              "state", "Leave it empty where nothing changes.",
                              str(to[row]))  # fmt: skip
        before, after = self.pairs()
        left = np.where(np.equal(to, ""), state, to)
        torn = left[before] != state[after]
        for one, other in zip(before[torn], after[torn], strict=True):
            yield self._fault(
                other, columns.state,
                "a row must begin in the state in which the patient's row before it ended",
                "Correct one of them.",
                f"{state[other]} after {left[one]} on line {self.lines[one]}",
            )  # fmt: skip
        names = dict.fromkeys((*state, *filter(None, to)))
        if columns.relapse not in names:
            yield Fault(
                rule="the state that is a relapse must be one of those in the file: "
                + ", ".join(map(str, filter(None, names))),
                remedy="Name it with --relapse.", file=self.name, column=columns.state,
                value=columns.relapse,
            )  # fmt: skip

    def recurrences(self, kept: NDArray[np.bool_], covariates: Any) -> Recurrences:
        """Return the rows kept as the estimators take them."""
        columns = self.columns
        common: dict[str, Any] = {
            "start": self.start[kept],
            "stop": self.stop[kept],
            "patient_id": self.patient[kept],
            "weight": None if columns.weight is None else self.numbers[columns.weight][kept],
            "covariates": covariates,
            "file": np.full(int(kept.sum()), self.name, dtype=object),
            "line": self.lines[kept],
            "unit": columns.unit,
            "label": columns.label,
        }
        if columns.event is not None:
            meaning = self._codes()
            codes = np.array([meaning[code] for code in self.cells[columns.event]])[kept]
            return Recurrences.of_events(relapsed=codes == 1, terminal=codes == 2, **common)
        state, to = self._states()
        occupied = dict.fromkeys((*state, columns.relapse))
        return Recurrences.of_rows(
            state=state[kept],
            to=to[kept],
            relapsed=np.equal(to[kept], columns.relapse),
            terminal=np.array([name != "" and name not in occupied for name in to])[kept],
            names=tuple(sorted(dict.fromkeys((*state, *filter(None, to))))),
            relapse=columns.relapse,
            **common,
        )
