"""What a Cox model is fitted to: the usable rows, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.changing import Change, Pieces, extended, split_at_events
from survival_bzd.estimate.cox_model.design import Design, design
from survival_bzd.estimate.cox_model.likelihood import FEW_CELLS, PartialLikelihood, Sample, Slopes
from survival_bzd.estimate.cox_model.maximise import independent_columns
from survival_bzd.estimate.cox_model.pieces import check_pieces, repeated_events
from survival_bzd.estimate.quantities import Floats, is_missing, labels
from survival_bzd.estimate.risk_sets import Cells, Indices, cells, merge_near_equal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed:
    """Follow-up that is fitted; each array has one element per row, or is None."""

    row: Indices
    time: Floats
    entry: Floats | None
    event: NDArray[np.bool_]
    weight: Floats
    stratum: Indices | None
    cluster: Indices | None

    def place(self) -> Cells:
        """Place the rows on the scale of their times."""
        return cells(self.time, self.entry, self.stratum)


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """The data of a fit.

    Attributes
    ----------
    design : names and terms of all coefficients.
    columns : those that are not determined by the ones before; the samples have only these.
    followed : the rows that are used.
    place : where they stand on the time scale of their stratum.
    efron : the likelihood with Efron's ties of these rows, in the order that is fastest.
    null : slopes at 0 of the likelihood with Efron's ties.
    strata : labels of the strata; empty without.
    centre : (q,) what was subtracted from the covariates of the sample.
    robust : whether standard errors must be robust.
    unit, label : unit of the times, and what the event is.
    n : rows used, before they were split.
    """

    design: Design
    columns: Indices
    followed: Followed
    place: Cells
    efron: PartialLikelihood
    null: Slopes
    strata: tuple[str, ...]
    centre: Floats
    robust: bool
    unit: str
    label: str
    n: int

    @cached_property
    def sample(self) -> Sample:
        """Covariates, events, weights and risk sets of the m rows, in their own order."""
        if self.efron.sample.place is self.place:
            return self.efron.sample
        x = self.design.matrix
        if self.columns.size < x.shape[1]:
            x = x[:, self.columns]
        return _sample(self.followed, self.place, x, self.centre, None)

    @property
    def event(self) -> NDArray[np.bool_]:
        """(m,) whether the follow-up ended with the event."""
        return self.followed.event

    @property
    def weight(self) -> Floats:
        """(m,) case weights."""
        return self.followed.weight

    @property
    def time(self) -> Floats:
        """(m,) follow-up, near-equal times merged."""
        return self.followed.time

    @property
    def entry(self) -> Floats | None:
        """(m,) late entries."""
        return self.followed.entry

    @property
    def stratum(self) -> Indices | None:
        """(m,) stratum of each, in the order of `strata`; None without strata."""
        return self.followed.stratum

    @property
    def cluster(self) -> Indices | None:
        """(m,) which rows belong together; None where each stands alone."""
        return self.followed.cluster

    @property
    def rows(self) -> Indices:
        """(m,) row of the time-to-event data; one row may be split into several."""
        return self.followed.row

    @property
    def events(self) -> int:
        """Events, unweighted."""
        return int(np.count_nonzero(self.event))


def prepare(
    tte: TimeToEvent,
    formula: str,
    *,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    patient: ArrayLike | None = None,
    changing: Mapping[str, Change] | None = None,
) -> Problem:
    """Leave out who misses something, and lay the others out for fitting."""
    usable = np.ones(tte.n, dtype=np.bool_)
    for name, column in (("strata", strata), ("cluster", cluster), ("patient", patient)):
        if column is not None:
            usable &= ~missing(column, tte.n, name)
    if patient is not None:
        check_pieces(tte.select(usable), np.asarray(patient)[usable])
    model = design(formula, tte.covariates, usable)
    names, stratum = codes(strata, model.kept, "strata")
    data = _followed(tte, model.kept, stratum, codes(cluster, model.kept, "cluster")[1])
    robust = data.cluster is not None or bool((data.weight % 1 != 0).any())
    if patient is not None and data.cluster is None:
        whose = codes(patient, model.kept, "patient")[1]
        robust = robust or repeated_events(data.event, whose)
        data = replace(data, cluster=whose if robust else None)
    place = data.place()
    if changing:
        pieces = split_at_events(place, data.time, data.entry, place.totals(None, data.event))
        model = extended(model, pieces, changing, float(data.time[data.event].min()))
        data = _split(data, pieces, robust=robust)
        place = data.place()
    centre = (data.weight @ model.matrix) / data.weight.sum()
    order = _by_time(place, data.event)
    fast = _sample(data, place, model.matrix, centre, order)
    efron = PartialLikelihood(fast, "efron")
    null = efron.slopes(np.zeros(centre.size))
    columns = _informative(fast, null.information, formula)
    return Problem(
        design=model,
        columns=columns,
        followed=data,
        place=place,
        efron=efron.only(columns),
        null=null.only(columns),
        strata=names,
        centre=centre[columns],
        robust=robust,
        unit=tte.unit,
        label=tte.label,
        n=int(np.count_nonzero(model.kept)),
    )


def _followed(
    tte: TimeToEvent, kept: NDArray[np.bool_], stratum: Indices | None, cluster: Indices | None
) -> Followed:
    """Take the follow-up of those who are kept, near-equal times merged."""
    everybody = bool(kept.all())
    time, entry = tte.time, tte.entry
    if not everybody:
        time, entry = time[kept], _kept(entry, kept)
    time, entry = merge_near_equal(time, entry)
    event = tte.relapsed if everybody else tte.relapsed[kept]
    if not event.any():
        raise NotEstimable(
            f"None of the {event.size} patients had the event ({tte.label}), so there is no "
            "hazard to compare."
        )
    return Followed(
        row=np.flatnonzero(kept),
        time=time,
        entry=None if entry is None or bool(np.isnan(entry).all()) else entry,
        event=event,
        weight=np.ones(event.size) if tte.weight is None else tte.weight[kept],
        stratum=stratum,
        cluster=cluster,
    )


def _split(data: Followed, pieces: Pieces, *, robust: bool) -> Followed:
    """Take the pieces of the rows; where errors are robust, the pieces of a row are a cluster."""
    row = pieces.row
    cluster = np.arange(data.time.size) if robust and data.cluster is None else data.cluster
    return Followed(
        row=data.row[row],
        time=pieces.time,
        entry=None if bool(np.isnan(pieces.entry).all()) else pieces.entry,
        event=data.event[row] & pieces.final,
        weight=data.weight[row],
        stratum=None if data.stratum is None else data.stratum[row],
        cluster=None if cluster is None else cluster[row],
    )


def _by_time(place: Cells, event: NDArray[np.bool_]) -> Indices | None:
    """Return the order in which neighbours in time are neighbours in memory, events last.

    Where there are few cells, their sums stay in the cache whatever the order.
    """
    if place.k <= FEW_CELLS:
        return None
    # The row goes below the cell: whole numbers are sorted at a third of the cost of their order.
    bits = (event.size - 1).bit_length()
    key = 2 * place.last + event
    key <<= bits
    key |= np.arange(event.size)
    key.sort()
    key &= (1 << bits) - 1
    return key


def _sample(
    data: Followed, place: Cells, matrix: Floats, centre: Floats, order: Indices | None
) -> Sample:
    """Centre the covariates, a column after the other in memory; put the rows in an order."""
    event, weight = data.event, data.weight
    if order is None:
        x = np.asfortranarray(matrix - centre)
        return Sample(x=x, event=event, weight=weight, place=place)
    x = np.empty(matrix.shape, order="F")
    for column, middle in enumerate(centre):
        # Nothing is out of bounds; only to clip is done without a copy.
        np.take(matrix[:, column], order, out=x[:, column], mode="clip")
        x[:, column] -= middle
    first = None if place.first is None else place.first[order]
    place = replace(place, last=place.last[order], first=first)
    return Sample(x=x, event=event[order], weight=weight[order], place=place)


def _informative(sample: Sample, information: Floats, formula: str) -> Indices:
    """Return the columns about which the data say anything new."""
    # A column that is constant in every risk set leaves rounding only.
    most = sample.weight[sample.event].sum() * sample.spread**2
    varies = information.diagonal() > 1e-10 * most
    columns = independent_columns(np.where(varies[:, None] & varies, information, 0.0))
    if not columns.size:
        raise NotEstimable(
            f"No covariate of {formula} varies among the patients at risk at an event, so there "
            "is nothing to estimate."
        )
    return columns


def missing(column: ArrayLike, n: int, name: str) -> NDArray[np.bool_]:
    """Return which rows have no label; refuse a column of another length."""
    values = np.asarray(column)
    if values.shape != (n,):
        raise BadInput(
            [
                Fault(
                    rule=f"{name} must have one value for each of the {n} rows",
                    remedy="Give a column of the same table.",
                    value=str(values.shape),
                )
            ]
        )
    return is_missing(values)


def _kept(column: Floats | None, kept: NDArray[np.bool_]) -> Floats | None:
    return None if column is None else column[kept]


def codes(
    column: ArrayLike | None, kept: NDArray[np.bool_], name: str
) -> tuple[tuple[str, ...], Indices | None]:
    """Return the labels of the rows that are kept, in order, and which of them each has."""
    if column is None:
        return (), None
    return labels(np.asarray(column)[kept], int(kept.sum()), name)
