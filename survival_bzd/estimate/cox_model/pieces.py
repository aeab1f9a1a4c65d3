"""Several (entry, time] rows of one patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import labels
from survival_bzd.estimate.risk_sets import Indices, merge_near_equal


def check_pieces(tte: TimeToEvent, patient: ArrayLike) -> None:
    """Check that the rows of each patient, (entry, time] pieces of follow-up, do not overlap.

    A row without an entry begins at the origin. Gaps are allowed: the patient is not at risk there.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n rows.
    patient : (n,) labels
        Whose row it is.

    Raises
    ------
    BadInput
        If rows of one patient overlap, each of which is named, or a label is missing.

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([5, 12, 9], [0, 1, 1], entry=[float("nan"), 5, float("nan")])
    >>> check_pieces(tte, ["a", "a", "b"])
    """
    names, member = labels(patient, tte.n, "patient")
    time, entry = merge_near_equal(tte.time, tte.entry)
    begin = np.full(tte.n, -np.inf)
    if entry is not None:
        begin = np.where(np.isnan(entry), -np.inf, entry)
    # Whoever is in order by the end of their rows overlaps if a row begins before another ended.
    order = np.lexsort((begin, time, member))
    same = member[order[1:]] == member[order[:-1]]
    overlaps = np.flatnonzero(same & (begin[order[1:]] < time[order[:-1]]))
    if overlaps.size:
        pairs = zip(order[overlaps], order[overlaps + 1], strict=True)
        raise BadInput(
            Fault(
                rule="the rows of one patient must not overlap in time",
                remedy="Let each row begin where the one before it ends, and give only the first "
                "of a patient no entry.",
                file=None if tte.file is None else str(tte.file[row]),
                line=None if tte.line is None else int(tte.line[row]),
                patient=names[member[row]],
                value=f"{_said(tte, other)} and {_said(tte, row)}",
            )
            for other, row in pairs
        )


def _said(tte: TimeToEvent, row: int) -> str:
    """Say a row: which one, and from when to when."""
    began = "" if tte.entry is None or np.isnan(tte.entry[row]) else f"{tte.entry[row]:g}"
    where = f"row {row + 1}" if tte.line is None else f"line {int(tte.line[row])}"
    return f"{where} ({began or 'origin'}, {tte.time[row]:g}]"


def repeated_events(event: NDArray[np.bool_], patient: Indices | None) -> bool:
    """Whether a patient has more than one event."""
    return patient is not None and bool((np.bincount(patient[event]) > 1).any())
