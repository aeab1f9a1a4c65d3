"""What a Cox model is fitted to: the usable rows, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.design import Design, design
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample, Slopes
from survival_bzd.estimate.cox_model.maximise import independent_columns
from survival_bzd.estimate.quantities import Floats, is_missing, labels
from survival_bzd.estimate.risk_sets import Indices, cells, merge_near_equal


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

    @property
    def n(self) -> int:
        """Patients used."""
        return int(self.time.size)

    @property
    def events(self) -> int:
        """Events, unweighted."""
        return int(self.sample.event.sum())


def prepare(
    tte: TimeToEvent, formula: str, strata: ArrayLike | None, cluster: ArrayLike | None
) -> Problem:
    """Leave out who misses something, and lay the others out for fitting."""
    usable = np.ones(tte.n, dtype=np.bool_)
    for name, column in (("strata", strata), ("cluster", cluster)):
        if column is not None:
            usable &= ~_missing(column, tte.n, name)
    model = design(formula, tte.covariates, usable)
    kept = model.kept
    time, entry = merge_near_equal(tte.time[kept], _kept(tte.entry, kept))
    if entry is not None and bool(np.isnan(entry).all()):
        entry = None
    event = tte.relapsed[kept]
    if not event.any():
        raise NotEstimable(
            f"None of the {event.size} patients had the event ({tte.label}), so there is no "
            "hazard to compare."
        )
    strata_names, stratum = _codes(strata, kept, "strata")
    weight = np.ones(event.size) if tte.weight is None else tte.weight[kept]
    centre = (weight @ model.matrix) / weight.sum()
    x = np.asfortranarray(model.matrix - centre)
    sample = Sample(
        x=x,
        event=event,
        weight=weight,
        place=cells(time, entry, stratum),
    )
    efron = PartialLikelihood(sample.in_order_of_time(), "efron")
    null = efron.slopes(np.zeros(x.shape[1]))
    columns = _informative(sample, null.information, formula)
    return Problem(
        design=model,
        columns=columns,
        sample=sample.only(columns),
        efron=efron.only(columns),
        null=null.only(columns),
        time=time,
        entry=entry,
        stratum=stratum,
        strata=strata_names,
        centre=centre[columns],
        cluster=_codes(cluster, kept, "cluster")[1],
        robust=cluster is not None or bool((weight % 1 != 0).any()),
        unit=tte.unit,
        label=tte.label,
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
