"""The noun between records and estimates where a patient may relapse, stop and relapse again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent

if TYPE_CHECKING:
    import pandas as pd

FREE, USING = "free", "using"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recurrences:
    """Rows (start, stop] of patients who may relapse more than once.

    Attributes
    ----------
    counted : the rows; event 1 is a relapse at their end.
    terminal : (n,) whether the row ends with what ends the follow-up for good, such as death.
    at_risk : (n,) whether a relapse may come in the row: the patient is not using already.
    moves : the rows that have a length, the event being the state that is entered at their end;
        None where no states are known.
    state : (m,) the state during each of these rows; None where no states are known.
    lasting : (n,) which of the rows these are.
    """

    counted: TimeToEvent
    terminal: NDArray[np.bool_]
    at_risk: NDArray[np.bool_]
    moves: TimeToEvent | None = None
    state: NDArray[np.object_] | None = None
    lasting: NDArray[np.bool_] | None = None

    @classmethod
    def of_events(
        cls,
        *,
        start: NDArray[np.float64],
        stop: NDArray[np.float64],
        relapsed: NDArray[np.bool_],
        terminal: NDArray[np.bool_],
        unit: str = "days",
        label: str = "relapse",
        **columns: Any,
    ) -> Recurrences:
        """Make rows of which only the relapses at their ends are known; `columns` as `of_rows`."""
        return cls(
            counted=TimeToEvent(
                stop, relapsed, unit, entry=start, label=label, causes=(label,), **columns
            ),
            terminal=terminal,
            at_risk=np.ones(stop.size, dtype=np.bool_),
        )

    @classmethod
    def of_rows(
        cls,
        *,
        start: NDArray[np.float64],
        stop: NDArray[np.float64],
        patient_id: NDArray[np.object_],
        state: NDArray[np.object_],
        to: NDArray[np.object_],
        relapsed: NDArray[np.bool_],
        terminal: NDArray[np.bool_],
        names: tuple[str, ...],
        weight: NDArray[np.float64] | None = None,
        covariates: pd.DataFrame | None = None,
        file: NDArray[np.object_] | None = None,
        line: NDArray[np.int64] | None = None,
        unit: str = "days",
        label: str = "relapse",
        relapse: str = USING,
    ) -> Recurrences:
        """Make both kinds of rows of stretches in which a patient stays in one state.

        Parameters
        ----------
        start, stop : (n,) the row is (start, stop]; NaN is no late entry.
        state, to : (n,) the state during the row, and the one entered at its end, ``""`` if none.
        relapsed, terminal : (n,) whether the row ends with a relapse, and for good.
        names : the states that may be entered.
        relapse : the state in which no relapse can come.
        """
        common: dict[str, Any] = {
            "weight": weight,
            "patient_id": patient_id,
            "file": file,
            "line": line,
            "covariates": covariates,
            "unit": unit,
            "label": label,
        }
        made = cls.of_events(start=start, stop=stop, relapsed=relapsed, terminal=terminal, **common)
        lasting = stop > np.nan_to_num(start)
        codes = {"": 0, **{name: code for code, name in enumerate(names, 1)}}
        entered = np.array([codes[name] for name in to.tolist()], dtype=np.int64)
        moves = TimeToEvent(stop, entered, entry=start, causes=names, **common)
        return cls(
            counted=made.counted,
            terminal=terminal,
            at_risk=np.not_equal(state, relapse),
            moves=moves.select(lasting),
            state=state[lasting],
            lasting=lasting,
        )
