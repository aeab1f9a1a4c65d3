"""The noun between records and estimates: who was followed for how long, and what ended it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.errors import BadInput, Fault

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FlowLeaf:
    """Where some of the enrolled patients ended; every patient is in exactly one leaf.

    Attributes
    ----------
    reached : whether they reached the origin.
    outcome : ``"relapse"``, a competing event's name, ``"censored"``, or ``"not at risk"``.
    reason : why, as coded; for relapse how (``"pattern"`` or ``"gap"``).
    patients : how many.
    """

    reached: bool
    outcome: str
    reason: str
    patients: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What became of everybody who was enrolled.

    Attributes
    ----------
    enrolled : patients in the study.
    leaves : the end points of the flow; their counts add up to `enrolled`.
    """

    enrolled: int
    leaves: tuple[FlowLeaf, ...]

    def __post_init__(self) -> None:
        counted = sum(leaf.patients for leaf in self.leaves)
        if counted != self.enrolled:
            raise ValueError(f"the flow counts {counted} patients, but {self.enrolled} enrolled")

    @property
    def reached(self) -> int:
        """Patients who reached the origin."""
        return sum(leaf.patients for leaf in self.leaves if leaf.reached)

    def count(self, outcome: str, *, reached: bool | None = None) -> int:
        """Return how many patients ended with `outcome` (of those who reached the origin, or not)."""
        return sum(
            leaf.patients
            for leaf in self.leaves
            if leaf.outcome == outcome and reached in (None, leaf.reached)
        )


@dataclass(frozen=True, eq=False)
class TimeToEvent:
    """Follow-up of n patients: how long, and what ended it.

    Parameters
    ----------
    time : (n,) follow-up from the origin, zero or more, in `unit`.
    event : (n,) 0 or False censored, 1 or True relapse, 2, 3, ... competing events.
    unit : unit of the times, such as ``"days"``.
    entry : (n,) late entry, less than `time`; NaN where the patient is followed from the origin.
        NaN is not 0: a patient with an entry at 0 is not at risk at time 0.
    weight : (n,) case weights, more than zero; None where every patient counts once.
    lower, upper : (n,) the event lies in (lower, upper]; upper is infinite where censored.
        By default the event is known exactly.
    causes : names of the event codes 1, 2, ...
    patient_id : (n,) text. By default the row number from 1.
    reason : (n,) why the follow-up ended, as coded.
    why : (n,) the same in words, with the deciding record.
    file, line : (n,) the deciding record.
    origin_day : (n,) day number of the origin (days since 1970-01-01, or study days); NaN if none.
    covariates : n rows, in the order of the patients.
    label : what the event is.
    flow : what became of everybody enrolled; None for rows that came without records.

    Raises
    ------
    BadInput
        If a time, event, entry or weight breaks its rule; every offending row is named.

    Examples
    --------
    >>> tte = TimeToEvent([5, 12, 20, 31], [True, False, True, True], unit="days")
    >>> tte
    <TimeToEvent: 4 patients, 3 relapses, 0 to 31 days>
    """

    time: NDArray[np.float64]
    event: NDArray[np.int64]
    unit: str = "days"
    entry: NDArray[np.float64] | None = field(default=None, kw_only=True)
    weight: NDArray[np.float64] | None = field(default=None, kw_only=True)
    lower: NDArray[np.float64] = field(default=None, kw_only=True)  # type: ignore[assignment]
    upper: NDArray[np.float64] = field(default=None, kw_only=True)  # type: ignore[assignment]
    causes: tuple[str, ...] = field(default=("relapse",), kw_only=True)
    patient_id: NDArray[np.object_] = field(default=None, kw_only=True)  # type: ignore[assignment]
    reason: NDArray[np.object_] | None = field(default=None, kw_only=True)
    why: NDArray[np.object_] | None = field(default=None, kw_only=True)
    file: NDArray[np.object_] | None = field(default=None, kw_only=True)
    line: NDArray[np.int64] | None = field(default=None, kw_only=True)
    origin_day: NDArray[np.float64] | None = field(default=None, kw_only=True)
    covariates: pd.DataFrame | None = field(default=None, kw_only=True)
    label: str = field(default="relapse", kw_only=True)
    flow: Flow | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        time = _column(self.time, np.float64)
        n = time.size
        columns: dict[str, object] = {
            "time": time,
            "event": _event_codes(self.event),
            "entry": None if self.entry is None else _column(self.entry, np.float64),
            "weight": None if self.weight is None else _column(self.weight, np.float64),
        }
        if self.patient_id is None:
            columns["patient_id"] = np.array([str(row) for row in range(1, n + 1)], dtype=object)
        for name in ("patient_id", "reason", "why", "file"):
            if getattr(self, name) is not None:
                columns[name] = _column(getattr(self, name), np.object_)
        for name in ("lower", "upper", "origin_day"):
            if getattr(self, name) is not None:
                columns[name] = _column(getattr(self, name), np.float64)
        if self.line is not None:
            columns["line"] = _column(self.line, np.int64)
        for name, column in columns.items():
            if isinstance(column, np.ndarray) and column.shape != (n,):
                raise ValueError(f"{name} has shape {column.shape}, but there are {n} times")
            object.__setattr__(self, name, column)
        if self.covariates is not None and len(self.covariates) != n:
            raise ValueError(f"covariates has {len(self.covariates)} rows for {n} times")
        self._check_values()
        self._fill_interval()

    def _check_values(self) -> None:
        """Raise `BadInput` with every row whose time, event, entry or weight breaks its rule."""
        entry = np.full(self.n, np.nan) if self.entry is None else self.entry
        weight = np.ones(self.n) if self.weight is None else self.weight
        rules = [
            ("time", ~(np.isfinite(self.time) & (self.time >= 0)), self.time,
             "a time must be a number, zero or more", "Check that the origin precedes the last contact."),
            ("event", self.event < 0, self.event,
             "an event must be 0 (censored), 1 (the event) or the code of another event",
             "Recode it, or name the event among several codes."),
            ("entry", np.isinf(entry) | (entry >= self.time), entry,
             "a late entry must come before the end of follow-up",
             "Leave it empty where the patient is followed from the origin; "
             "leave out who was never under observation."),
            ("weight", ~(np.isfinite(weight) & (weight > 0)), weight,
             "a weight must be more than zero", "Leave out the rows that should not count."),
        ]
        faults = [
            Fault(rule=rule, remedy=remedy, column=name, value=f"{values[row]:g}",
                  file=None if self.file is None else str(self.file[row]),
                  line=None if self.line is None else int(self.line[row]),
                  patient=str(self.patient_id[row]))
            for name, broken, values, rule, remedy in rules
            for row in np.flatnonzero(broken)
        ]
        if faults:
            raise BadInput(faults)

    def _fill_interval(self) -> None:
        """Without an interval, an event is known exactly and a censored one lies beyond."""
        if self.lower is None:
            object.__setattr__(self, "lower", _column(self.time, np.float64))
        if self.upper is None:
            upper = np.where(self.event > 0, self.time, np.inf)
            object.__setattr__(self, "upper", _column(upper, np.float64))

    @property
    def n(self) -> int:
        """Number of patients."""
        return int(self.time.size)

    @property
    def relapsed(self) -> NDArray[np.bool_]:
        """(n,) whether the follow-up ended with the event of interest, code 1."""
        return self.event == 1

    def select(self, rows: ArrayLike) -> TimeToEvent:
        """Return the patients of a boolean mask or of row positions, in that order; without a flow."""
        chosen = np.asarray(rows)
        picked = {
            name: getattr(self, name)[chosen]
            for name in (*_COLUMNS, "time", "event")
            if getattr(self, name) is not None
        }
        if self.covariates is not None:
            positions = np.arange(self.n)[chosen]
            picked["covariates"] = self.covariates.iloc[positions].reset_index(drop=True)
        return replace(self, flow=None, **picked)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per patient: who, time, event, interval, entry, reason, record, covariates."""
        import pandas as pd

        names = ("patient_id", "time", "event", *(c for c in _COLUMNS if c != "patient_id"))
        frame = pd.DataFrame(
            {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        )
        if self.covariates is None:
            return frame
        return pd.concat([frame, self.covariates.reset_index(drop=True)], axis=1)

    def __repr__(self) -> str:
        span = f"{self.time.min():g} to {self.time.max():g} {self.unit}" if self.n else "nobody"
        return f"<TimeToEvent: {self.n} patients, {int(self.relapsed.sum())} relapses, {span}>"


_COLUMNS = (
    "patient_id", "lower", "upper", "entry", "weight", "reason", "why", "file", "line", "origin_day",
)


def _column(values: ArrayLike, dtype: type) -> NDArray[Any]:
    """Copy a column into a read-only array, so that the noun cannot change after it was checked."""
    array = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _event_codes(values: ArrayLike) -> NDArray[np.int64]:
    """Return whole-number event codes; refuse fractions and missing values instead of rounding."""
    array = np.asarray(values)
    codes = array.astype(np.int64) if array.dtype.kind in "bui" else _whole(array)
    return _column(codes, np.int64)


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    numbers = values.astype(np.float64)
    broken = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.floor(numbers)))
    if broken.size:
        raise BadInput(
            Fault(rule="an event must be a whole-number code", column="event",
                  remedy="Write 1 for the event, 0 for censored.", value=f"{numbers[row]:g}",
                  patient=str(row + 1))
            for row in broken
        )
    return numbers.astype(np.int64)
