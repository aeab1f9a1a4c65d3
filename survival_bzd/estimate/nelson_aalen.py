"""The cumulative hazard of relapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.influence import jackknife_variance, takes_robust_error
from survival_bzd.estimate.quantities import Floats, choice, frozen, labels, normal_quantile
from survival_bzd.estimate.risk_sets import Group, Indices, RiskSets, risk_sets, split, sums

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NelsonAalen:
    """A cumulative hazard: a step function that rises at each relapse time.

    Arrays of shape (k,) have one element per distinct follow-up time, censorings too, ascending.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n : patients.
    time : (k,) follow-up times, in `unit`.
    at_risk, events : (k,) sums of weights; at risk just before the time.
    hazard : (k,) cumulative hazard.
    std_error : (k,) its standard error.
    lower, upper : (k,) pointwise limits, symmetric on the log scale; NaN where the hazard is 0.
    ties : ``"aalen"`` or ``"fleming-harrington"``.
    confidence : pointwise coverage of the limits.
    unit, label : unit of `time`; what the event is.
    robust : whether the standard error is robust (clusters or weights that are not whole).
    """

    group: str | None
    n: int
    time: Floats
    at_risk: Floats
    events: Floats
    hazard: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    ties: str
    confidence: float
    unit: str
    label: str
    robust: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per follow-up time; column names are this class's field names."""
        import pandas as pd

        columns = ("time", "at_risk", "events", "hazard", "std_error", "lower", "upper")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def nelson_aalen(
    tte: TimeToEvent,
    *,
    by: ArrayLike | None = None,
    ties: str = "aalen",
    confidence: float = 0.95,
    cluster: ArrayLike | None = None,
) -> tuple[NelsonAalen, ...]:
    r"""Estimate the cumulative hazard, :math:`H(t) = \sum d / n`.

    With ``ties="fleming-harrington"`` tied events are taken one after the other, as
    :math:`1/n + 1/(n - 1) + ...`: what an underlying continuous time would give.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries.
    by : (n,) labels, optional
        A curve for each label.
    ties : {"aalen", "fleming-harrington"}
        How tied events share their time.
    confidence : float, default 0.95
        Pointwise coverage of the limits.
    cluster : (n,) labels, optional
        Rows that belong together. The standard error is then robust (infinitesimal jackknife over
        clusters); so it is, each row a cluster, where a weight is not a whole number.

    Returns
    -------
    tuple of NelsonAalen
        One curve per group; a single one without `by`.

    Notes
    -----
    Agrees with R ``survfit(ctype=1)`` and ``survfit(ctype=2)``, `cumhaz` and `std.chaz`, to 1e-9
    relative (``tests/reference/nelson_aalen.json``). R has no limits of a cumulative hazard.

    References
    ----------
    .. [1] Aalen O (1978). Ann Stat 6:701-726. doi:10.1214/aos/1176344247
    .. [2] Fleming TR, Harrington DP (1984). Commun Stat Theory Methods 13:2469-2486.
           doi:10.1080/03610928408828837

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> (curve,) = nelson_aalen(TimeToEvent([2, 2, 5, 9], [1, 1, 0, 1]))
    >>> curve.hazard
    array([0.5, 0.5, 1.5])
    """
    choice("ties", ties, ("aalen", "fleming-harrington"))
    z = normal_quantile(confidence)
    member = None if cluster is None else labels(cluster, tte.n, "cluster")[1]
    return tuple(
        _curve(group, None if member is None else member[group.rows], ties, confidence, z, tte)
        for group in split(tte, by)
    )


def _curve(
    group: Group,
    cluster: Indices | None,
    ties: str,
    confidence: float,
    z: float,
    tte: TimeToEvent,
) -> NelsonAalen:
    """Estimate the cumulative hazard of one group."""
    counts = group.counts()
    if ties == "aalen":
        steps = counts.events / counts.at_risk
        variances, gone = counts.events / counts.at_risk**2, 1 / counts.at_risk
    else:
        steps, variances, gone = _one_after_the_other(group, counts)
    hazard = np.cumsum(steps)
    robust = takes_robust_error(group, cluster)
    if robust:
        std_error = np.sqrt(jackknife_variance(group, group.code == 1, variances, gone, cluster))
    else:
        std_error = np.sqrt(np.cumsum(variances))
    positive = np.where(hazard > 0, hazard, np.nan)
    factor = np.exp(z * std_error / positive)
    return NelsonAalen(
        group=group.label,
        n=group.n,
        time=frozen(counts.time),
        at_risk=frozen(counts.at_risk),
        events=frozen(counts.events),
        hazard=frozen(hazard),
        std_error=frozen(std_error),
        lower=frozen(positive / factor),
        upper=frozen(positive * factor),
        ties=ties,
        confidence=confidence,
        unit=tte.unit,
        label=tte.label,
        robust=robust,
    )


def _one_after_the_other(group: Group, counts: RiskSets) -> tuple[Floats, Floats, Floats]:
    """Return the steps of H and of its variance with tied events taken singly.

    The third is how much, by their weight, a patient with the event adds to the derivative of H
    over one without: by the mean weight of the events, whose share of it they have.
    """
    people = risk_sets(group.time, group.code == 1, entry=group.entry).events.astype(np.intp)
    k = people.size
    row = np.repeat(np.arange(k), people)
    place = np.arange(row.size) - np.repeat(np.cumsum(people) - people, people)
    mean_weight = counts.events[row] / people[row]
    left = counts.at_risk[row] - place * mean_weight
    own = (1 + place * mean_weight / left) / (people[row] * left)
    return sums(row, mean_weight / left, k), sums(row, mean_weight / left**2, k), sums(row, own, k)
