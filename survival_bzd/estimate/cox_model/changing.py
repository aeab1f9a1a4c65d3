"""Coefficients that change with time: covariates times a function of time, at each event time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.design import Design
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Indices

Change = str | Sequence[float]
"""How a coefficient changes: ``"log"``, ``"identity"``, or the times after which it is another."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """Follow-up split at the event times of the stratum.

    Attributes
    ----------
    row : (m,) row that each piece is of.
    time, entry : (m,) when it ends and begins; entry is NaN where the row has none.
    final : (m,) whether it is the row's last.
    """

    row: Indices
    time: Floats
    entry: Floats
    final: NDArray[np.bool_]


def split_at_events(place: Cells, time: Floats, entry: Floats | None, happened: Floats) -> Pieces:
    """Split n rows at those event times of their stratum that lie inside them.

    `happened` has the number of events of each cell.
    """
    cells = np.flatnonzero(happened)
    stratum_start = place.starts[np.searchsorted(place.starts, place.last, side="right") - 1]
    first = stratum_start if place.first is None else place.first
    begin = np.searchsorted(cells, first)
    end = np.searchsorted(cells, place.last, side="right")
    # After the last event time inside it, a row may go on for a while.
    on_event = (end > begin) & (np.append(cells, -1)[end - 1] == place.last)
    count = end - begin + ~on_event
    row = np.repeat(np.arange(time.size), count)
    start = np.cumsum(count) - count
    within = np.arange(row.size) - start[row]
    final = within == count[row] - 1
    at = np.minimum(begin[row] + within, cells.size - 1)
    ends = np.where(final, time[row], place.time[cells[at]])
    own = np.full(time.size, np.nan) if entry is None else entry
    begins = np.where(within == 0, own[row], np.concatenate([[np.nan], ends[:-1]]))
    return Pieces(row=row, time=ends, entry=begins, final=final)


def extended(
    design: Design, pieces: Pieces, changing: Mapping[str, Change], earliest: float
) -> Design:
    """Return the design of the pieces, with a column for each covariate times each function.

    Parameters
    ----------
    design : the design of the rows.
    pieces : how they were split.
    changing : which terms change, and how.
    earliest : the first event time.

    Raises
    ------
    BadInput
        If a term is not in the formula, or a function of time is unknown.
    NotEstimable
        If the logarithm of time 0 is needed.
    """
    columns = dict(design.terms)
    _check(columns, changing)
    names, terms = list(design.names), list(design.terms)
    blocks = [design.matrix[pieces.row]]
    for term, change in changing.items():
        for label, values in _functions(change, pieces.time, earliest):
            own = columns[term]
            terms.append((f"{term}:{label}", tuple(range(len(names), len(names) + len(own)))))
            names += [f"{design.names[column]}:{label}" for column in own]
            blocks.append(blocks[0][:, list(own)] * values[:, None])
    return replace(
        design, matrix=np.hstack(blocks), names=tuple(names), terms=tuple(terms), coding=None
    )


def _check(columns: Mapping[str, object], changing: Mapping[str, Change]) -> None:
    """Refuse terms that are not there, and functions of time that are not known."""
    faults = [
        Fault(
            rule="a coefficient that changes with time must be of a term of the formula",
            remedy=f"The terms are: {', '.join(columns)}.",
            value=term,
        )
        for term in changing
        if term not in columns
    ]
    faults += [
        Fault(
            rule="a coefficient changes with log or identity of time, or after given times",
            remedy="Write log, identity, or the times, ascending and more than 0.",
            value=f"{term}: {change}",
        )
        for term, change in changing.items()
        if not _known(change)
    ]
    if faults:
        raise BadInput(faults)


def _known(change: Change) -> bool:
    if isinstance(change, str):
        return change in ("log", "identity")
    cuts = np.array(change, dtype=np.float64)
    return bool(cuts.size and cuts[0] > 0 and (np.diff(cuts) > 0).all() and np.isfinite(cuts).all())


def _functions(change: Change, time: Floats, earliest: float) -> list[tuple[str, Floats]]:
    """Return the functions of time, each with its name and its value at the end of each piece."""
    if not isinstance(change, str):
        return [(f"(t > {cut:g})", (time > cut).astype(np.float64)) for cut in change]
    if change == "identity":
        return [("t", time)]
    if earliest <= 0:
        raise NotEstimable(
            "There is an event at time 0, whose logarithm is infinite. Let the coefficient change "
            "with identity, or after given times."
        )
    # Pieces that end before the first event time are never at risk at one; any number will do.
    return [("log(t)", np.log(np.maximum(time, earliest)))]
