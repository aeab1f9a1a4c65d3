"""ADTTE files become time-to-event data; what is usually got wrong about them stops the reading."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.rows import MISSING, Rows, covariates_of, frame_of, numbers_of
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import RowsDeclaration
from survival_bzd.records.formats import read_table
from survival_bzd.records.text_table import LINE

REQUIRED = ("USUBJID", "PARAMCD", "AVAL", "CNSR")
OPTIONAL = ("PARAM", "AVALU", "STARTDT", "ADT", "CNSDTDSC", "AVALLO", "AVALHI", "ENTRYDY")

UNITS: Mapping[str, tuple[str, float]] = {
    "DAY": ("days", 1.0), "DAYS": ("days", 1.0), "WEEK": ("weeks", 7.0), "WEEKS": ("weeks", 7.0),
    "MONTH": ("months", 30.4375), "MONTHS": ("months", 30.4375), "YEAR": ("years", 365.25),
    "YEARS": ("years", 365.25),
}  # fmt: skip
"""AVALU -> the unit here, and its days."""

SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AdtteChoice:
    """What of an ADTTE file is taken, and how.

    Attributes
    ----------
    paramcd : the parameters: one, or several that compete; none where the file has only one.
    unit : of AVAL, where the user says it.
    first_day : AVAL of the day of origin: 0, or 1 where AVAL is ADT - STARTDT + 1.
    delimiter : of a CSV file.
    """

    paramcd: tuple[str, ...] = ()
    unit: str | None = None
    first_day: int = 0
    delimiter: str = ","


def is_adtte(source: Path | bytes, name: str, delimiter: str = ",") -> bool:
    """Say whether a file has the columns of ADTTE."""
    try:
        table = read_table(_opened(source), name=name, delimiter=delimiter)
    except BadInput:
        return False  # Reading it says what is wrong.
    return {"PARAMCD", "AVAL", "CNSR"} <= {column.upper() for column in table.header}


def _opened(source: Path | bytes) -> Path | IO[bytes]:
    return source if isinstance(source, Path) else io.BytesIO(source)


def read_adtte(
    source: Path | bytes,
    choice: AdtteChoice,
    *,
    name: str,
    labels: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> Rows:
    """Read the records of one parameter, or of several that compete, of an ADTTE file.

    Parameters
    ----------
    source, name : the file, or the bytes of CSV, and what messages call it.
    choice : which parameters, and how AVAL counts.
    labels : further columns to keep as text.
    variables : covariates, a number if every value is one and text otherwise.

    Raises
    ------
    BadInput
        With every fault: a record that is there twice, CNSR that is none, AVAL that disagrees with
        its unit or its dates.
    """
    cells, lines, torn = _read(source, choice, name, (*labels, *variables))
    codes = _chosen(cells, choice.paramcd, name)
    parts = [_Part(cells, lines, code, name) for code in codes]
    faults = list(torn)
    for part in parts:
        faults += part.faults(choice)
    if faults:
        raise BadInput(faults)
    part = parts[0]
    event = part.event if len(parts) == 1 else _competing(parts, name)
    found, problems = covariates_of(
        part.cells,
        RowsDeclaration.model_construct(file=name, time="AVAL", event="CNSR", covariates={}),
        variables,
        part.lines,
        name,
    )
    time = part.numbers["AVAL"] - choice.first_day
    kept = np.isfinite(time)
    for column in labels:
        kept &= part.cells[column] != ""
    happened = event == 1
    shift = choice.first_day
    lower, upper = part.numbers["AVALLO"] - shift, part.numbers["AVALHI"] - shift
    late = part.numbers["ENTRYDY"]
    words = [one.words for one in parts]
    if problems:
        raise BadInput(problems)
    tte = TimeToEvent(
        time[kept],
        event[kept],
        _unit(part, choice)[0],
        entry=late[kept] if np.isfinite(late[kept]).any() else None,
        lower=np.where(np.isfinite(lower), lower, time)[kept],
        upper=np.where(happened, np.where(np.isfinite(upper), upper, time),
                       np.where(event > 0, time, np.inf))[kept],
        patient_id=part.cells["USUBJID"][kept],
        file=np.full(int(kept.sum()), name, dtype=object),
        line=part.lines[kept],
        label=words[0],
        causes=tuple(words),
        covariates=frame_of(found, kept),
    )  # fmt: skip
    return Rows(
        tte,
        {column: part.cells[column][kept] for column in labels},
        tuple(int(line) for line in part.lines[~kept]),
    )


def _read(
    source: Path | bytes, choice: AdtteChoice, name: str, further: Sequence[str]
) -> tuple[dict[str, NDArray[np.object_]], NDArray[np.int64], list[Fault]]:
    """Read the variables of ADTTE, under their own names, and further columns as the file has."""
    table = read_table(_opened(source), name=name, delimiter=choice.delimiter)
    theirs = {column.upper(): column for column in table.header}
    faults = [
        Fault(rule=f"the file must have this column; it has {', '.join(table.header)}",
              remedy="Correct the name.", file=name, line=1, value=column)
        for column in (*(c for c in REQUIRED if c not in theirs),
                       *(c for c in further if c not in table.header))
    ]  # fmt: skip
    if faults:
        raise BadInput([*table.faults, *faults])
    wanted = {c: theirs[c] for c in (*REQUIRED, *OPTIONAL) if c in theirs}
    wanted |= {column: column for column in further}
    text: dict[str, list[Any]] = {LINE: [], **{column: [] for column in wanted}}
    for chunk in table.chunks:
        text[LINE] += chunk.lines
        for ours, column in wanted.items():
            text[ours] += chunk.cells[column]
    lines = np.array(text.pop(LINE), dtype=np.int64)
    if not lines.size:
        empty = Fault(rule="the file must have at least one row below its header",
                      remedy="Export it again.", file=name)  # fmt: skip
        raise BadInput([*table.faults, empty])
    cells = {column: np.array(values, dtype=object) for column, values in text.items()}
    for column in OPTIONAL:
        cells.setdefault(column, np.full(lines.size, "", dtype=object))
    return cells, lines, table.faults


def _chosen(
    cells: Mapping[str, NDArray[np.object_]], asked: Sequence[str], name: str
) -> tuple[str, ...]:
    """Return the parameters to read; where there are several, one has to be named."""
    rows = dict(zip(cells["PARAMCD"].tolist(), cells["PARAM"].tolist(), strict=True))
    if not asked and len(rows) == 1:
        return tuple(rows)
    unknown = [code for code in asked if code not in rows]
    if asked and not unknown:
        return tuple(asked)
    known = [f"{code} ({words})" if words else code for code, words in rows.items()]
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    raise BadInput(
        Fault(
            rule=f"a parameter must be named: the file has {', '.join(known[:SHOWN])}{more}",
            remedy=f"As in --paramcd {next(iter(rows))}.",
            file=name,
            column="PARAMCD",
            value=value,
        )
        for value in (unknown or (None,))
    )


class _Part:
    """The records of one parameter."""

    def __init__(
        self,
        cells: Mapping[str, NDArray[np.object_]],
        lines: NDArray[np.int64],
        code: str,
        name: str,
    ) -> None:
        chosen = cells["PARAMCD"] == code
        self.code, self.name = code, name
        self.cells = {column: values[chosen] for column, values in cells.items()}
        self.lines = lines[chosen]
        columns = ("AVAL", "CNSR", "AVALLO", "AVALHI", "ENTRYDY")
        self.numbers, wrong = numbers_of(self.cells, columns, self.lines, name)
        # What is no number in CNSR is said of CNSR.
        self.wrong = [fault for fault in wrong if fault.column != "CNSR"]
        self.event: NDArray[np.int64] = (self.numbers["CNSR"] == 0).astype(np.int64)

    @property
    def words(self) -> str:
        """What the event is, as PARAM says."""
        said = str(self.cells["PARAM"][0])
        words = said.removeprefix("Time to ").removeprefix("time to ")
        return words or self.code

    def faults(self, choice: AdtteChoice) -> list[Fault]:
        """Name what is wrong; what is wrong with all records alike is said once."""
        faults = [*self.wrong, *self._cnsr_faults(), *self._repeated()]
        faults += self._unit_faults(choice)
        if not faults:
            faults += self._date_faults(choice)
        return faults

    def _fault(self, row: Any, column: str, rule: str, remedy: str) -> Fault:
        return Fault(
            rule=rule, remedy=remedy, file=self.name, line=int(self.lines[row]), column=column,
            patient=str(self.cells["USUBJID"][row]), value=str(self.cells[column][row]),
        )  # fmt: skip

    def _once(self, column: str, rule: str, remedy: str, value: str | None = None) -> Fault:
        return Fault(rule=rule, remedy=remedy, file=self.name, column=column, value=value)

    def _cnsr_faults(self) -> Iterator[Fault]:
        """CNSR must be there, and a code; where it says event, no censoring must be described."""
        numbers = self.numbers["CNSR"]
        missing = np.isin(self.cells["CNSR"], MISSING)
        broken = ~missing & ~((numbers >= 0) & (numbers == np.floor(numbers)))
        for row in np.flatnonzero(missing):
            yield self._fault(
                row,
                "CNSR",
                "CNSR must not be missing",
                "Say whether the event was seen (0) or why not (1, 2, ...).",
            )
        for row in np.flatnonzero(broken):
            yield self._fault(
                row,
                "CNSR",
                "CNSR must be 0 (the event) or a whole positive code of censoring",
                "Correct it; if the column holds times, it is not CNSR.",
            )
        described = self.cells["CNSDTDSC"] != ""
        if described.any() and not missing.any() and (described == (numbers == 0)).all():
            yield self._once(
                "CNSR",
                "CNSR must be 0 for the event; here a censoring (CNSDTDSC) is described where it "
                "is 0, and nowhere else, so that it looks like an event column",
                "Recode it: 0 the event, 1, 2, ... the censorings.",
            )

    def _repeated(self) -> Iterator[Fault]:
        """Name the subjects with several records of a parameter."""
        first: dict[str, int] = {}
        for row, subject in enumerate(self.cells["USUBJID"].tolist()):
            other = first.setdefault(subject, row)
            if other != row:
                yield self._fault(
                    row, "USUBJID",
                    "a subject must have one record of a parameter; the first is named",
                    f"It stands in {self.code} on {self.lines[other]} too: keep the one to analyse "
                    "(ANL01FL).",
                )  # fmt: skip

    def _unit_faults(self, choice: AdtteChoice) -> Iterator[Fault]:
        said = sorted({str(unit).upper() for unit in self.cells["AVALU"]} - {""})
        if len(said) > 1:
            yield self._once("AVALU", "the records of a parameter must have one unit",
                             "Bring them to one.", ", ".join(said))  # fmt: skip
        elif said and choice.unit is not None and _unit_of(said[0])[0] != choice.unit:
            yield self._once(
                "AVALU", f"AVAL must be in the unit asked for, {choice.unit}; AVALU says otherwise",
                "Leave --unit out, and the times are in the unit of AVALU.", said[0],
            )  # fmt: skip
        elif not said and choice.unit is None:
            yield self._once("AVALU", "the unit of AVAL must be known; AVALU says none",
                             "Say it, as in --unit days.")  # fmt: skip

    def _date_faults(self, choice: AdtteChoice) -> Iterator[Fault]:
        """AVAL must be what its dates are apart, in the unit said, from the first day said."""
        apart = _days(self.cells["ADT"]) - _days(self.cells["STARTDT"])
        known = np.isfinite(apart) & np.isfinite(self.numbers["AVAL"])
        if not known.any():
            return
        unit, length = _unit(self, choice)
        time = self.numbers["AVAL"] - choice.first_day
        other = _other_unit(time[known], apart[known], length)
        off = apart - time * length
        if other is not None:
            yield self._once(
                "AVAL", f"AVAL must be in {unit}, as is said; by STARTDT and ADT it is in {other}",
                f"Correct AVALU, or say --unit {other} if AVALU is empty.",
            )  # fmt: skip
        elif length > 1:
            return
        elif choice.first_day == 0 and (off[known] == -1).all():
            yield self._once(
                "AVAL", "AVAL must be ADT - STARTDT; here it is ADT - STARTDT + 1, so that the day "
                "of origin is day 1", "Say so: --first-day 1, and one day is taken off.",
            )  # fmt: skip
        else:
            for row in np.flatnonzero(known & ~(np.abs(off) < 1)):
                yield self._fault(
                    row, "AVAL",
                    "AVAL must be ADT - STARTDT" + (" + 1" if choice.first_day else ""),
                    f"It is {apart[row] + choice.first_day:g} days by its dates.",
                )  # fmt: skip


def _unit_of(said: str) -> tuple[str, float]:
    return UNITS.get(said.upper(), (said.lower(), np.nan))


def _unit(part: _Part, choice: AdtteChoice) -> tuple[str, float]:
    """Return the unit of the times, and its length in days."""
    said = next((str(unit) for unit in part.cells["AVALU"] if unit != ""), choice.unit or "")
    return _unit_of(said)


def _other_unit(time: NDArray[np.float64], apart: NDArray[np.float64], length: float) -> str | None:
    """Return the unit that the dates speak for, where it is clearly another than said."""
    long = (time > 0) & (apart > 14)
    if not long.any() or not np.isfinite(length):
        return None
    ratio = float(np.median(apart[long] / time[long]))
    if abs(ratio / length - 1) <= 0.25:
        return None
    fits = [unit for unit, days in UNITS.values() if abs(ratio / days - 1) <= 0.1]
    return fits[0] if fits else None


def _days(cells: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return day numbers of dates in ISO, as SAS shows them (13MAY2010) or as it counts them."""
    written: dict[str, float] = {}
    for cell in dict.fromkeys(cells.tolist()):
        written[cell] = _day(str(cell))
    return np.array([written[cell] for cell in cells.tolist()], dtype=np.float64)


def _day(cell: str) -> float:
    for form in ("%Y-%m-%d", "%d%b%Y"):
        try:
            return float(dt.datetime.strptime(cell[:10], form).toordinal())
        except ValueError:
            continue
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _competing(parts: Sequence[_Part], name: str) -> NDArray[np.int64]:
    """Return the code of the parameter whose event a subject had; all must tell the same times."""
    first = parts[0]
    place = {subject: row for row, subject in enumerate(first.cells["USUBJID"].tolist())}
    event = first.event.copy()
    faults: list[Fault] = []
    for code, part in enumerate(parts[1:], 2):
        subjects = part.cells["USUBJID"].tolist()
        rows = [place.get(subject, -1) for subject in subjects]
        for row, at in enumerate(rows):
            if at < 0 or part.numbers["AVAL"][row] != first.numbers["AVAL"][at]:
                faults.append(part._fault(
                    row, "AVAL",
                    f"competing parameters must end on one time for a subject; {first.code} says "
                    + ("nothing" if at < 0 else f"{first.numbers['AVAL'][at]:g}"),
                    "Take parameters whose follow-up ends with whichever event comes first.",
                ))  # fmt: skip
            elif part.event[row] and event[at]:
                faults.append(part._fault(row, "CNSR", "a subject must have one event first",
                                          "Censor the others at its time."))  # fmt: skip
            elif part.event[row]:
                event[at] = code
        faults += _absent(first, part, set(subjects), name)
    if faults:
        raise BadInput(faults)
    return event


def _absent(first: _Part, part: _Part, present: set[str], name: str) -> Iterable[Fault]:
    for row, subject in enumerate(first.cells["USUBJID"].tolist()):
        if subject not in present:
            yield Fault(
                rule=f"every subject must have a record of {part.code} too",
                remedy="Take parameters of the same subjects.", file=name,
                line=int(first.lines[row]), column="USUBJID", value=str(subject),
            )  # fmt: skip
