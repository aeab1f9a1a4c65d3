"""The chance of staying relapse-free for those who have been so for some time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.kaplan_meier import KaplanMeier, SurvivalAt, kaplan_meier
from survival_bzd.estimate.quantities import Floats, frozen, labels
from survival_bzd.estimate.risk_sets import Group, Indices, split
from survival_bzd.estimate.tally import NEAR

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConditionalSurvival:
    """Survival of those who were still relapse-free at `given`.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    given : the time they have reached without relapse, in `unit`.
    n : patients under observation some time after `given`: the estimate rests on them.
    time : (m,) the times asked for, in `unit`, counted from the origin.
    at_risk : (m,) weights of them under observation just before the time.
    survival, std_error, lower, upper : (m,) P(T > time | T > given), its standard error and limits.
    reasons : (m,) why there is no estimate; ``""`` where there is one.
    limits, confidence : scale of the limits and their coverage.
    unit, label : unit of time; what the event is.
    """

    group: str | None
    given: float
    n: int
    time: Floats
    at_risk: Floats
    survival: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    reasons: tuple[str, ...]
    limits: str
    confidence: float
    unit: str
    label: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time; column names are this class's field names."""
        import pandas as pd

        columns = ("time", "at_risk", "survival", "std_error", "lower", "upper")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def conditional_survival(
    tte: TimeToEvent,
    given: float,
    times: Sequence[float] | Floats,
    *,
    by: ArrayLike | None = None,
    limits: str = "log-log",
    confidence: float = 0.95,
    cluster: ArrayLike | None = None,
) -> tuple[ConditionalSurvival, ...]:
    r"""Estimate :math:`S(t \mid s) = P(T > t \mid T > s) = S(t) / S(s)` at given times.

    It is the curve of the patients still followed after s, so its error is Greenwood's sum over the
    relapses after s only: :math:`S(t \mid s) \sqrt{\sum_{s < u \le t} d / (Y (Y - d))}`.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries.
    given : the time s reached without relapse, in the unit of the follow-up.
    times : times t, none before `given`, counted from the origin and not from `given`.
    by : (n,) labels, optional
        An estimate for each label.
    limits, confidence, cluster
        As for `kaplan_meier`; beta limits are those of the patients who are left.

    Returns
    -------
    tuple of ConditionalSurvival
        One per group; a single one without `by`.

    Raises
    ------
    BadInput
        If a time lies before `given` or below zero, or an option is unknown.

    Notes
    -----
    Agrees with R ``survfit(Surv(time, event) ~ 1, start.time = s + eps, conf.type = "log-log")``
    to 1e-9 relative (``tests/reference/conditional_survival.json``). R's own ``start.time = s``
    gives P(T > t | T >= s), so that relapses at s itself still count; hence a little later than s.

    References
    ----------
    .. [1] Skuladottir H, Olsen JH (2003). J Clin Oncol 21:3035-3040. PMID 12915592
    .. [2] Davis FG, McCarthy BJ, Freels S, Kupelian V, Bondy ML (1999). Cancer 85:485-491.

    Examples
    --------
    Of four patients the first relapses on day 5: half of the three left stay free beyond day 20.

    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([5, 12, 20, 31], [True, False, True, True], unit="days")
    >>> (later,) = conditional_survival(tte, 5, [5, 12, 20])
    >>> later.survival
    array([1. , 1. , 0.5])
    """
    asked = np.array(times, dtype=np.float64)
    near = NEAR * max(1.0, given)
    early = asked[~(asked >= given - near)]
    if early.size:
        raise BadInput(
            Fault(
                rule="a time at which conditional survival is asked for must not come before the "
                "time already reached",
                remedy="Count both from the origin.",
                value=f"{time:g} given {given:g}",
            )
            for time in early.tolist()
        )
    member = None if cluster is None else labels(cluster, tte.n, "cluster")[1]
    whole = kaplan_meier(tte, by=by, limits=limits, confidence=confidence, cluster=cluster)
    found = []
    for curve, group in zip(whole, split(tte, by), strict=True):
        after = np.flatnonzero(group.time > given + near)
        reason = _unreached(curve, given, int(after.size))
        if not reason:
            # Weights that are not whole ask for the robust error, whoever has them.
            rows = np.arange(after.size) if curve.robust else None
            (curve,) = kaplan_meier(
                _followed(group, after, tte),
                limits=limits,
                confidence=confidence,
                cluster=rows if member is None else member[group.rows[after]],
            )
        at = _none(asked, reason) if reason else curve.at(asked)
        found.append(
            ConditionalSurvival(
                group=group.label,
                given=float(given),
                n=int(after.size),
                limits=limits,
                confidence=confidence,
                unit=tte.unit,
                label=tte.label,
                **{name: getattr(at, name) for name in SurvivalAt.__dataclass_fields__},
            )
        )
    return tuple(found)


def _unreached(curve: KaplanMeier, given: float, n: int) -> str:
    """Say why nothing is known of survival after `given`; ``""`` where something is."""
    if curve.at([given]).survival[0] == 0:
        return f"not estimable: survival has reached 0 by {given:g} {curve.unit}"
    if not n:
        return f"not estimable: nobody was followed beyond {given:g} {curve.unit}"
    return ""


def _followed(group: Group, rows: Indices, tte: TimeToEvent) -> TimeToEvent:
    """Return the patients of a group who are followed on; their near-equal times stay merged."""
    return TimeToEvent(
        group.time[rows],
        group.code[rows],
        unit=tte.unit,
        entry=None if group.entry is None else group.entry[rows],
        weight=None if group.weight is None else group.weight[rows],
        label=tte.label,
    )


def _none(times: Floats, reason: str) -> SurvivalAt:
    """Return no estimate at each of the times."""
    nothing = frozen(np.full(times.size, np.nan))
    return SurvivalAt(
        time=frozen(times),
        at_risk=frozen(np.zeros(times.size)),
        survival=nothing,
        std_error=nothing,
        lower=nothing,
        upper=nothing,
        reasons=(reason,) * times.size,
    )
