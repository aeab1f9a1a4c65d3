"""The noun between records and estimates: who was followed for how long, and what ended it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.errors import BadInput, Fault

if TYPE_CHECKING:
    import pandas as pd

BOUND = 1e15
"""Times and weights are less: squares of their sums stay finite, and whole days stay whole."""


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
        """Return how many patients ended with `outcome`, of those who reached the origin or not."""
        return sum(
            leaf.patients
            for leaf in self.leaves
            if leaf.outcome == outcome and reached in (None, leaf.reached)
        )


@dataclass(frozen=True, eq=False, init=False, repr=False)
class TimeToEvent:
    """Follow-up of n patients: how long, and what ended it.

    Parameters
    ----------
    time : (n,) follow-up from the origin, zero or more and below 1e15, in `unit`.
    event : (n,) 0 or False censored, 1 or True relapse, 2, 3, ... competing events.
    unit : unit of the times, such as ``"days"``.
    entry : (n,) late entry, less than `time`; NaN where the patient is followed from the origin.
        NaN is not 0: a patient with an entry at 0 is not at risk at time 0.
    weight : (n,) case weights, more than zero and below 1e15; None where every patient counts once.
    lower, upper : (n,) the event lies in (lower, upper]; upper is infinite where censored.
        By default the event is known exactly.
    causes : names of the event codes 1, 2, ...
    patient_id : (n,) text.
    reason : (n,) why the follow-up ended, as coded.
    why : (n,) the same in words, with the deciding record.
    file, line : (n,) the deciding record.
    last_free : (n,) last time known free of use.
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
    <TimeToEvent: 4 patients, 3 relapses, 5 to 31 days>
    """

    time: NDArray[np.float64]
    event: NDArray[np.signedinteger[Any]]
    unit: str
    entry: NDArray[np.float64] | None
    weight: NDArray[np.float64] | None
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    causes: tuple[str, ...]
    patient_id: NDArray[np.object_] | None
    reason: NDArray[np.object_] | None
    why: NDArray[np.object_] | None
    file: NDArray[np.object_] | None
    line: NDArray[np.int64] | None
    origin_day: NDArray[np.float64] | None
    last_free: NDArray[np.float64] | None
    covariates: pd.DataFrame | None
    label: str
    flow: Flow | None

    def __init__(
        self,
        time: ArrayLike,
        event: ArrayLike,
        unit: str = "days",
        *,
        entry: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        lower: ArrayLike | None = None,
        upper: ArrayLike | None = None,
        causes: tuple[str, ...] = ("relapse",),
        patient_id: ArrayLike | None = None,
        reason: ArrayLike | None = None,
        why: ArrayLike | None = None,
        file: ArrayLike | None = None,
        line: ArrayLike | None = None,
        origin_day: ArrayLike | None = None,
        last_free: ArrayLike | None = None,
        covariates: pd.DataFrame | None = None,
        label: str = "relapse",
        flow: Flow | None = None,
    ) -> None:
        times = _column(time, np.float64)
        events = _event_codes(event)
        columns = {
            "time": times,
            "event": events,
            "entry": _optional(entry, np.float64),
            "weight": _optional(weight, np.float64),
            "lower": times if lower is None else _column(lower, np.float64),
            "upper": _optional(upper, np.float64),
            "patient_id": _optional(patient_id, np.object_),
            "reason": _optional(reason, np.object_),
            "why": _optional(why, np.object_),
            "file": _optional(file, np.object_),
            "line": _optional(line, np.int64),
            "origin_day": _optional(origin_day, np.float64),
            "last_free": _optional(last_free, np.float64),
        }
        for name, column in columns.items():
            if column is not None and column.shape != times.shape:
                raise ValueError(f"{name} has shape {column.shape}, time has {times.shape}")
        if covariates is not None and len(covariates) != times.size:
            raise ValueError(f"covariates has {len(covariates)} rows for {times.size} times")
        constants = {
            "unit": unit,
            "causes": causes,
            "covariates": covariates,
            "label": label,
            "flow": flow,
        }
        if upper is None:
            del columns["upper"]
        for name, value in {**columns, **constants}.items():
            object.__setattr__(self, name, value)
        if not self._is_in_order():
            self._name_faults()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Work out the upper bounds that were not given when they are first asked for."""
            if name != "upper" or "event" not in self.__dict__:
                raise AttributeError(f"TimeToEvent has no {name}")
            upper = np.where(self.event > 0, self.time, np.inf)
            upper.flags.writeable = False
            object.__setattr__(self, "upper", upper)
            return upper

    def _is_in_order(self) -> bool:
        """Whether no value breaks its rule, by looking at extremes; a NaN is not in order."""
        if not self.n:
            return True
        entry, weight = self.entry, self.weight
        return (
            _are_follow_up(self.time)
            and bool(self.event.min() >= 0)
            and (entry is None or not ((entry <= -BOUND) | (entry >= self.time)).any())
            and (weight is None or bool(weight.min() > 0 and weight.max() < BOUND))
        )

    def _name_faults(self) -> None:
        """Raise `BadInput` with every row whose time, event, entry or weight breaks its rule."""
        entry = np.full(self.n, np.nan) if self.entry is None else self.entry
        weight = np.ones(self.n) if self.weight is None else self.weight
        rules = [
            (
                "time",
                ~(np.isfinite(self.time) & (self.time >= 0)),
                self.time,
                "a time must be a number, zero or more",
                "Check that the origin precedes the last contact.",
            ),
            (
                "time",
                np.isfinite(self.time) & (self.time >= BOUND),
                self.time,
                "a time must be below 1e15",
                "Correct it if it stands for a missing value; else give the times in a longer "
                "unit, such as days instead of seconds.",
            ),
            (
                "event",
                self.event < 0,
                self.event,
                "an event must be 0 (censored), 1 (the event) or the code of another event",
                "Recode it, or name the event among several codes.",
            ),
            (
                "entry",
                (entry <= -BOUND) | (entry >= self.time),
                entry,
                "a late entry must come before the end of follow-up, and be above -1e15",
                "Leave it empty where the patient is followed from the origin; "
                "leave out who was never under observation.",
            ),
            (
                "weight",
                ~((weight > 0) & (weight < BOUND)),
                weight,
                "a weight must be more than zero and below 1e15",
                "Leave out the rows that should not count; divide weights that are too large.",
            ),
        ]
        faults = [
            Fault(
                rule=rule,
                remedy=remedy,
                column=name,
                value=f"{values[row]:g}",
                file=None if self.file is None else str(self.file[row]),
                line=None if self.line is None else int(self.line[row]),
                patient=str(row + 1) if self.patient_id is None else str(self.patient_id[row]),
            )
            for name, broken, values, rule, remedy in rules
            for row in np.flatnonzero(broken)
        ]
        raise BadInput(faults)

    @property
    def n(self) -> int:
        """Number of patients."""
        return int(self.time.size)

    @property
    def relapsed(self) -> NDArray[np.bool_]:
        """(n,) whether the follow-up ended with the event of interest, code 1."""
        relapsed: NDArray[np.bool_] = np.equal(self.event, 1)
        return relapsed

    def select(self, rows: ArrayLike) -> TimeToEvent:
        """Return the patients of a mask or of row positions, in that order; without a flow."""
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
        """Return one row per patient: who, time, event, interval, reason, record, covariates."""
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
    "patient_id",
    "lower",
    "upper",
    "entry",
    "weight",
    "reason",
    "why",
    "file",
    "line",
    "origin_day",
    "last_free",
)


def _column(values: ArrayLike, dtype: type) -> NDArray[Any]:
    """Copy a column into a read-only array, so that the noun cannot change after it was checked."""
    array: NDArray[Any] = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _are_follow_up(time: NDArray[np.float64]) -> bool:
    """Whether the times are zero or more and below the bound, as a rule by one look at their bits.

    Above the bits of the bound are those of larger numbers, of none, and of all with a minus sign.
    """
    if time.view(np.uint64).max() < np.float64(BOUND).view(np.uint64):
        return True
    return bool(time.min() >= 0 and time.max() < BOUND)


def _optional(values: ArrayLike | None, dtype: type) -> NDArray[Any] | None:
    return None if values is None else _column(values, dtype)


def _event_codes(values: ArrayLike) -> NDArray[np.signedinteger[Any]]:
    """Return whole-number event codes; refuse fractions and missing values instead of rounding.

    One byte holds the codes, so that millions of patients are passed over quickly.
    """
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return _column(array, np.int8)
    codes = array if array.dtype.kind in "ui" else _whole(array)
    few = not codes.size or (codes.min() >= -128 and codes.max() < 128)
    return _column(codes, np.int8 if few else np.int64)


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    numbers = values.astype(np.float64)
    broken = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.floor(numbers)))
    if broken.size:
        raise BadInput(
            Fault(
                rule="an event must be a whole-number code",
                column="event",
                remedy="Write 1 for the event, 0 for censored.",
                value=f"{numbers[row]:g}",
                patient=str(row + 1),
            )
            for row in broken
        )
    return numbers.astype(np.int64)
