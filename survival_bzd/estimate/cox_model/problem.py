"""What a Cox model is fitted to: the usable rows, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.changing import Change, Pieces, extended, split_at_events
from survival_bzd.estimate.cox_model.design import Design, design
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample, Slopes
from survival_bzd.estimate.cox_model.maximise import independent_columns
from survival_bzd.estimate.cox_model.pieces import check_pieces, repeated_events
from survival_bzd.estimate.quantities import Floats, is_missing, labels
from survival_bzd.estimate.risk_sets import Cells, Indices, cells, merge_near_equal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """The data of a fit.

    Attributes
    ----------
    design : names and terms of all coefficients.
    columns : those that are not determined by the ones before; the sample has only these.
    sample : covariates, events, weights and risk sets of the m patients who are used.
    efron : the likelihood with Efron's ties of the same patients, in the order that is fastest.
    null : slopes at 0 of the likelihood with Efron's ties.
    time, entry : (m,) their follow-up, near-equal times merged.
    stratum : (m,) stratum of each, in the order of `strata`; None without strata.
    strata : labels of the strata; empty without.
    centre : (q,) what was subtracted from the covariates of the sample.
    cluster : (m,) which rows belong together; None where each stands alone.
    robust : whether standard errors must be robust.
    unit, label : unit of the times, and what the event is.
    rows : (m,) row of the time-to-event data; one row may be split into several.
    n : rows used, before they were split.
    """

    design: Design
    columns: Indices
    sample: Sample
    efron: PartialLikelihood
    null: Slopes
    time: Floats
    entry: Floats | None
    stratum: Indices | None
    strata: tuple[str, ...]
    centre: Floats
    cluster: Indices | None
    robust: bool
    unit: str
    label: str
    rows: Indices
    n: int

    @property
    def events(self) -> int:
        """Events, unweighted."""
        return int(self.sample.event.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
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
            usable &= ~_missing(column, tte.n, name)
    if patient is not None:
        check_pieces(tte.select(usable), np.asarray(patient)[usable])
    model = design(formula, tte.covariates, usable)
    names, stratum = _codes(strata, model.kept, "strata")
    data = _followed(tte, model.kept, stratum, _codes(cluster, model.kept, "cluster")[1])
    robust = data.cluster is not None or bool((data.weight % 1 != 0).any())
    if patient is not None and data.cluster is None:
        whose = _codes(patient, model.kept, "patient")[1]
        robust = robust or repeated_events(data.event, whose)
        data = replace(data, cluster=whose if robust else None)
    place = data.place()
    if changing:
        pieces = split_at_events(place, data.time, data.entry, place.totals(None, data.event))
        model = extended(model, pieces, changing, float(data.time[data.event].min()))
        data = _split(data, pieces, robust=robust)
        place = data.place()
    centre = (data.weight @ model.matrix) / data.weight.sum()
    x = np.asfortranarray(model.matrix - centre)
    sample = Sample(x=x, event=data.event, weight=data.weight, place=place)
    efron = PartialLikelihood(sample.in_order_of_time(), "efron")
    null = efron.slopes(np.zeros(x.shape[1]))
    columns = _informative(sample, null.information, formula)
    return Problem(
        design=model,
        columns=columns,
        sample=sample.only(columns),
        efron=efron.only(columns),
        null=null.only(columns),
        time=data.time,
        entry=data.entry,
        stratum=data.stratum,
        strata=names,
        centre=centre[columns],
        cluster=data.cluster,
        robust=robust,
        unit=tte.unit,
        label=tte.label,
        rows=data.row,
        n=int(np.count_nonzero(model.kept)),
    )


def _followed(
    tte: TimeToEvent, kept: NDArray[np.bool_], stratum: Indices | None, cluster: Indices | None
) -> _Rows:
    """Take the follow-up of those who are kept, near-equal times merged."""
    time, entry = merge_near_equal(tte.time[kept], _kept(tte.entry, kept))
    event = tte.relapsed[kept]
    if not event.any():
        raise NotEstimable(
            f"None of the {event.size} patients had the event ({tte.label}), so there is no "
            "hazard to compare."
        )
    return _Rows(
        row=np.flatnonzero(kept),
        time=time,
        entry=None if entry is None or bool(np.isnan(entry).all()) else entry,
        event=event,
        weight=np.ones(event.size) if tte.weight is None else tte.weight[kept],
        stratum=stratum,
        cluster=cluster,
    )


def _split(data: _Rows, pieces: Pieces, *, robust: bool) -> _Rows:
    """Take the pieces of the rows; where errors are robust, the pieces of a row are a cluster."""
    row = pieces.row
    cluster = np.arange(data.time.size) if robust and data.cluster is None else data.cluster
    return _Rows(
        row=data.row[row],
        time=pieces.time,
        entry=None if bool(np.isnan(pieces.entry).all()) else pieces.entry,
        event=data.event[row] & pieces.final,
        weight=data.weight[row],
        stratum=None if data.stratum is None else data.stratum[row],
        cluster=None if cluster is None else cluster[row],
    )


def _informative(sample: Sample, information: Floats, formula: str) -> Indices:
    """Return the columns about which the data say anything new."""
    # A column that is constant in every risk set leaves rounding only.
    most = sample.weight[sample.event].sum() * sample.spread**2
    varies = np.diag(information) > 1e-10 * most
    columns = independent_columns(np.where(np.outer(varies, varies), information, 0.0))
    if not columns.size:
        raise NotEstimable(
            f"No covariate of {formula} varies among the patients at risk at an event, so there "
            "is nothing to estimate."
        )
    return columns


def _missing(column: ArrayLike, n: int, name: str) -> NDArray[np.bool_]:
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


def _codes(
    column: ArrayLike | None, kept: NDArray[np.bool_], name: str
) -> tuple[tuple[str, ...], Indices | None]:
    if column is None:
        return (), None
    return labels(np.asarray(column)[kept], int(kept.sum()), name)
