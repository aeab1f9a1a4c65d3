"""Spells of freedom and of use, one after the other, by the rules of an endpoint.

The first spell is the follow-up that `derive` makes. After a relapse the records are searched for
the next confirmed abstinence, which takes the place of the origin, and the steps of the endpoint
run again for all who reached it: a round for the k-th spells, whoever's they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.declaration import Endpoint
from survival_bzd.endpoint.derive import PACKAGE, context_of, dated, derive, floats, run_again
from survival_bzd.endpoint.recurrences import FREE, USING, Recurrences
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.records import Evidence

if TYPE_CHECKING:
    import pandas as pd

RELAPSE, ABSTINENCE, END = "relapse", "abstinence", "end"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spells:
    """Spells of n patients from their origin to the end of observation.

    The spells of a patient follow on each other: freedom, use, freedom, and so on. A spell may have
    no length, such as one of use that is seen on the last day only.

    Attributes
    ----------
    patient_id : (m,) text, in the order of the patients table.
    spell : (m,) number of the spell of this patient, from 1.
    start, stop : (m,) days from the origin. The first spell starts at 0, or at the late entry.
    state : (m,) ``"free"`` or ``"using"``.
    ended_by : (m,) ``"relapse"``, ``"abstinence"``, the name of a competing event, or ``"end"``.
    reason : (m,) as coded: of a relapse ``"pattern"`` or ``"gap"``, of an end why.
    file, line : (m,) the deciding record.
    followed : the n patients, with their covariates, as `derive` returns them; who never reached
        the origin has no spells.
    competing : names of the competing events.
    """

    patient_id: NDArray[np.object_]
    spell: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    state: NDArray[np.object_]
    ended_by: NDArray[np.object_]
    reason: NDArray[np.object_]
    file: NDArray[np.object_]
    line: NDArray[np.int64]
    followed: TimeToEvent
    competing: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per spell; column names are this class's field names."""
        import pandas as pd

        return pd.DataFrame({name: getattr(self, name) for name in _COLUMNS})

    def recurrences(self) -> Recurrences:
        """Return the rows that the estimators of recurrent relapse take.

        A spell without length changes no state, but the relapse that ends it counts.
        """
        import pandas as pd

        ids = self.followed.patient_id
        assert ids is not None
        person = pd.Index(ids).get_indexer(pd.Index(self.patient_id))
        relapsed = np.equal(self.ended_by, RELAPSE)
        competes = np.isin(self.ended_by, self.competing)
        first, last = _ends(person)
        at_once = self.stop == self.start
        # Who relapsed or died on day 0 was at risk on that day alone.
        rows = np.flatnonzero(~at_once | ((self.stop == 0) & first))
        opening, final = _ends(person[rows])
        fate = np.full(ids.size, "", dtype=object)
        fate[person[last]] = np.where(competes, self.ended_by, self.state)[last]
        to = np.where(final, fate[person[rows]], np.roll(self.state[rows], -1))
        moments = pd.MultiIndex.from_arrays([person, self.stop])
        entry = np.where(self.start[rows] > 0, self.start[rows], np.nan)
        # Who is at risk on day 0 by such a row enters the next one after it.
        began = ~opening & np.roll(at_once[rows], 1)
        return Recurrences.of_rows(
            start=np.where(began, self.start[rows], entry),
            stop=self.stop[rows],
            patient_id=self.patient_id[rows],
            state=self.state[rows],
            to=np.where(to == self.state[rows], "", to),
            relapsed=moments[rows].isin(moments[relapsed]),
            terminal=final & np.isin(fate[person[rows]], self.competing),
            names=(FREE, USING, *self.competing),
            covariates=_of_rows(self.followed.covariates, person[rows]),
            file=self.file[rows],
            line=self.line[rows],
            unit=self.followed.unit,
            label=self.followed.label,
        )

    def __repr__(self) -> str:
        relapses = int(np.equal(self.ended_by, RELAPSE).sum())
        return (
            f"<Spells: {self.patient_id.size} of {np.unique(self.patient_id).size} patients, "
            f"{relapses} relapses>"
        )


_COLUMNS = (
    "patient_id", "spell", "start", "stop", "state", "ended_by", "reason", "file", "line",
)  # fmt: skip


def spells(evidence: Evidence, endpoint: Endpoint) -> Spells:
    """Derive when each patient was free and when using, until the end of observation.

    Parameters
    ----------
    evidence : statements about use.
    endpoint : the rules. Return to abstinence after a relapse is confirmed as the origin is: by as
        many consecutive negatives, dated to the last or the first of them; by one where the origin
        asks for none. It is an origin again: the pattern, gaps and the washout count from it.

    Returns
    -------
    Spells
        In days from the first origin. The first spell of each patient is the one of `derive`.
    """
    followed = derive(evidence, endpoint)
    parts = list(_rounds(evidence, endpoint, followed))
    names = ("person", "spell", "start", "stop", "state", "ended_by", "reason", "file", "line")
    columns = {name: np.concatenate([part[name] for part in parts]) for name in names}
    order = np.lexsort((columns["spell"], columns["person"]))
    person = columns.pop("person")[order]
    ids = followed.patient_id
    assert ids is not None
    return Spells(
        patient_id=_sealed(ids[person]),
        followed=followed,
        competing=tuple(endpoint.competing),
        **{name: _sealed(column[order]) for name, column in columns.items()},
    )


def _rounds(
    evidence: Evidence, endpoint: Endpoint, followed: TimeToEvent
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the spells of freedom and of use of each round, until nobody returns."""
    engine = evidence.records.engine
    assert followed.origin_day is not None
    origin = followed.origin_day
    began = np.zeros(followed.n) if followed.entry is None else np.nan_to_num(followed.entry)
    number = 1
    while True:
        free = _placed(engine.frame("SELECT * FROM decided ORDER BY patient_line"), followed)
        person = free["person"].to_numpy()
        stop = floats(free["origin_day"]) + _ended(free, endpoint) - origin[person]
        event = free["event"].to_numpy()
        causes = np.array([END, RELAPSE, *endpoint.competing], dtype=object)
        yield _spells(free, number, began[person], stop, FREE, causes[event])
        engine.run(PACKAGE, "returned", **context_of(evidence, endpoint))
        using = _placed(engine.frame("SELECT * FROM returned ORDER BY patient_line"), followed)
        began[person] = stop
        person = using["person"].to_numpy()
        stop = floats(using["stop_day"]) - origin[person]
        decision = using["decision"].to_numpy(dtype=object)
        ended_by = np.where(decision == "returned", ABSTINENCE, END).astype(object)
        competes = decision == "competing"
        ended_by[competes] = using["reason"].to_numpy(dtype=object)[competes]
        yield _spells(using, number + 1, began[person], stop, USING, ended_by)
        began[person] = stop
        if not np.equal(decision, "returned").any():
            # The tables are those of the last round.
            engine.derived_for = None
            return
        run_again(evidence, endpoint, "again")
        number += 2


def _placed(frame: pd.DataFrame, followed: TimeToEvent) -> pd.DataFrame:
    """Return the rows of those who reached the origin and are followed, with their place."""
    import pandas as pd

    assert followed.patient_id is not None
    assert followed.origin_day is not None
    person = pd.Index(followed.patient_id).get_indexer(pd.Index(frame["patient_id"]))
    frame = frame.assign(person=person)[person >= 0]
    return frame[np.isfinite(followed.origin_day[frame["person"]])]


def _ended(free: pd.DataFrame, endpoint: Endpoint) -> NDArray[np.float64]:
    """Return when spells of freedom ended, in days from their own origin."""
    event = free["event"].to_numpy()
    upper = np.where(event == 0, np.inf, floats(free["upper_day"]))
    reached = np.zeros(event.size, dtype=np.bool_)
    return dated(
        endpoint, floats(free["lower_day"]), upper, floats(free["detected"]), event == 1, reached
    )


def _spells(
    frame: pd.DataFrame,
    number: int,
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    state: str,
    ended_by: NDArray[np.object_],
) -> dict[str, NDArray[Any]]:
    m = len(frame)
    return {
        "person": frame["person"].to_numpy(dtype=np.intp),
        "spell": np.full(m, number, dtype=np.int64),
        "start": start,
        "stop": stop,
        "state": np.full(m, state, dtype=object),
        "ended_by": ended_by,
        "reason": frame["reason"].to_numpy(dtype=object),
        "file": frame["file"].to_numpy(dtype=object),
        "line": frame["line"].to_numpy(dtype=np.int64),
    }


def _ends(person: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows are the first and the last of their person; theirs lie together."""
    first = np.ones(person.size, dtype=np.bool_)
    first[1:] = person[1:] != person[:-1]
    last = np.ones(person.size, dtype=np.bool_)
    last[:-1] = first[1:]
    return first, last


def _of_rows(covariates: pd.DataFrame | None, person: NDArray[np.intp]) -> pd.DataFrame | None:
    return None if covariates is None else covariates.iloc[person].reset_index(drop=True)


def _sealed(column: NDArray[Any]) -> NDArray[Any]:
    """Make an array that nobody else holds read-only."""
    column.flags.writeable = False
    return column
