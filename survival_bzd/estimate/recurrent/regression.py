"""Hazard ratios of relapses that may come again: Cox's model, with the rows laid out for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.cox_model.fit import cox
from survival_bzd.estimate.cox_model.pieces import check_pieces
from survival_bzd.estimate.cox_model.result import CoxFit
from survival_bzd.estimate.quantities import Floats, choice, labels
from survival_bzd.estimate.risk_sets import Indices


def andersen_gill(
    tte: TimeToEvent,
    formula: str,
    patient: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    **options: Any,
) -> CoxFit:
    """Fit the model of Andersen and Gill: every relapse counts, with one baseline hazard.

    A patient is at risk in each of their (entry, time] rows, time counting from the origin; it does
    not matter how often they relapsed before, unless a covariate says so.

    Parameters
    ----------
    tte : TimeToEvent
        Rows (entry, time], any number of them for a patient; code 1 is a relapse.
    formula : str
        As for `cox`.
    patient : (n,) labels
        Whose row it is. Rows of one patient must not overlap.
    cluster : (n,) labels, optional
        Rows that belong together; by default those of a patient. Errors are always robust.
    **options
        As for `cox`: ties, strata, limits, confidence, ...

    Returns
    -------
    CoxFit

    Notes
    -----
    Agrees with R ``coxph(Surv(entry, time, event) ~ x, cluster = patient)``
    (``tests/reference/recurrent_cox.json``, 1e-6 relative).

    References
    ----------
    .. [1] Andersen PK, Gill RD (1982). Ann Stat 10:1100-1120. doi:10.1214/aos/1176345976
    .. [2] Lin DY, Wei LJ (1989). J Am Stat Assoc 84:1074-1078.
           doi:10.1080/01621459.1989.10478874

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> nan = float("nan")
    >>> rows = TimeToEvent([5, 12, 9, 20], [1, 1, 1, 0], entry=[nan, 5, nan, 9],
    ...                    covariates=pd.DataFrame({"dose": [20.0, 20, 5, 5]}))
    >>> andersen_gill(rows, "dose", ["a", "a", "b", "b"]).hazard_ratio.round(3)
    array([1.047])
    """
    check_pieces(tte, patient)
    return cox(tte, formula, cluster=patient if cluster is None else cluster, **options)


def prentice_williams_peterson(
    tte: TimeToEvent,
    formula: str,
    patient: ArrayLike,
    *,
    time: str = "total",
    last_episode: int | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    **options: Any,
) -> CoxFit:
    """Fit the model of Prentice, Williams and Peterson: a baseline hazard for each relapse.

    At risk of the second relapse are only those who had the first, and so on: the number of the
    episode is a stratum.

    Parameters
    ----------
    tte, formula, patient, cluster
        As for `andersen_gill`.
    time : {"total", "gap"}
        Whether time counts from the origin, or from the beginning of the first row of each episode.
    last_episode : int, optional
        This episode and all later ones share a stratum, since few patients relapse often.
    strata : (n,) labels, optional
        Strata within the episodes.
    **options
        As for `cox`.

    Returns
    -------
    CoxFit

    Notes
    -----
    Agrees with R ``coxph(Surv(entry, time, event) ~ x + strata(episode), cluster = patient)`` and,
    for gap times, ``coxph(Surv(time - entry, event) ~ ...)``
    (``tests/reference/recurrent_cox.json``, 1e-6 relative).

    References
    ----------
    .. [1] Prentice RL, Williams BJ, Peterson AV (1981). Biometrika 68:373-379.
           doi:10.1093/biomet/68.2.373

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> nan = float("nan")
    >>> rows = TimeToEvent([5, 12, 9, 20], [1, 1, 1, 0], entry=[nan, 5, nan, 9],
    ...                    covariates=pd.DataFrame({"dose": [20.0, 12, 5, 14]}))
    >>> fit = prentice_williams_peterson(rows, "dose", ["a", "a", "b", "b"], time="gap")
    >>> fit.n_events
    3
    """
    choice("time", time, ("total", "gap"))
    check_pieces(tte, patient)
    person = labels(patient, tte.n, "patient")[1]
    begin = np.full(tte.n, -np.inf)
    if tte.entry is not None:
        begin = np.where(np.isnan(tte.entry), -np.inf, tte.entry)
    episode, first = _episodes(tte.relapsed, person, begin)
    if time == "gap":
        tte = _from_the_episode(tte, begin, begin[first])
    if last_episode is not None:
        episode = np.minimum(episode, last_episode)
    layer: NDArray[np.object_] = episode.astype(str).astype(object)
    if strata is not None:
        layer = layer + " " + np.asarray(strata).astype(str).astype(object)
    return cox(
        tte, formula, strata=layer, cluster=patient if cluster is None else cluster, **options
    )


def _episodes(
    relapsed: NDArray[np.bool_], person: Indices, begin: Floats
) -> tuple[Indices, Indices]:
    """Return the number of each row's episode, from 1, and the first row of that episode."""
    order = np.lexsort((begin, person))
    new = np.concatenate([[True], np.diff(person[order]) != 0])
    before: Indices = np.cumsum(relapsed[order]) - relapsed[order]
    start = np.maximum.accumulate(np.where(new, np.arange(order.size), 0))
    number = before - before[start] + 1
    fresh = new | np.concatenate([[True], np.diff(number) != 0])
    opening = np.maximum.accumulate(np.where(fresh, np.arange(order.size), 0))
    episode, first = np.empty_like(order), np.empty_like(order)
    episode[order], first[order] = number, order[opening]
    return episode, first


def _from_the_episode(tte: TimeToEvent, begin: Floats, start: Floats) -> TimeToEvent:
    """Count the times from the start of the episode; its first row has no entry then."""
    origin = np.where(np.isfinite(start), start, 0.0)
    entry = np.where(begin > start, begin - origin, np.nan)
    return TimeToEvent(
        tte.time - origin,
        tte.event,
        tte.unit,
        entry=entry,
        weight=tte.weight,
        covariates=tte.covariates,
        patient_id=tte.patient_id,
        file=tte.file,
        line=tte.line,
        label=tte.label,
        causes=tte.causes,
    )
