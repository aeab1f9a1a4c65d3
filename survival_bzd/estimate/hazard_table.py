"""Relapses per person-time in windows of follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import Floats, frozen, normal_quantile
from survival_bzd.estimate.risk_sets import Group, split, sums

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HazardTable:
    """Events, person-time and rate in each window of follow-up.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    lower_edge, upper_edge : (m,) windows (lower, upper], in `unit`; the first is closed at 0.
    events : (m,) weights of the events in the window.
    person_time : (m,) time under observation in the window, in `unit`.
    rate : (m,) events per `unit`; NaN where nobody was under observation.
    lower, upper : (m,) exact Poisson limits of the rate; NaN too where weights are not whole.
    confidence : coverage of the limits, at least.
    unit, label : unit of time; what the event is.
    """

    group: str | None
    lower_edge: Floats
    upper_edge: Floats
    events: Floats
    person_time: Floats
    rate: Floats
    lower: Floats
    upper: Floats
    confidence: float
    unit: str
    label: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per window; column names are this class's field names."""
        import pandas as pd

        columns = (
            "lower_edge", "upper_edge", "events", "person_time", "rate", "lower", "upper",
        )  # fmt: skip
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def hazard_table(
    tte: TimeToEvent,
    edges: Sequence[float] | Floats,
    *,
    by: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[HazardTable, ...]:
    """Return events, person-time and rate in each window of follow-up, with exact limits.

    A window is (a, b]; one that begins at 0 includes the events on day 0. Time before a late
    entry, and after the last edge, is not counted.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients.
    edges : (m + 1,) ascending, zero or more, in the unit of the follow-up.
    by : (n,) labels, optional
        A table for each label.
    confidence : float, default 0.95
        Coverage, which the limits have or exceed.

    Returns
    -------
    tuple of HazardTable
        One table per group; a single one without `by`.

    Raises
    ------
    BadInput
        If the edges do not ascend from zero or more.

    Notes
    -----
    The limits agree with R ``poisson.test`` to 1e-12 relative
    (``tests/reference/exact_limits.json``).

    References
    ----------
    .. [1] Garwood F (1936). Biometrika 28:437-442. doi:10.1093/biomet/28.3-4.437

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> (table,) = hazard_table(TimeToEvent([0, 30, 60, 200], [1, 1, 0, 0]), [0, 30, 90])
    >>> table.events, table.person_time
    (array([2., 0.]), array([90., 90.]))
    """
    bounds = frozen(edges)
    if bounds.size < 2 or not (np.isfinite(bounds).all() and bounds[0] >= 0):
        raise _bad_edges(edges)
    if not (np.diff(bounds) > 0).all():
        raise _bad_edges(edges)
    normal_quantile(confidence)
    return tuple(_table(group, bounds, confidence, tte) for group in split(tte, by))


def _bad_edges(edges: Sequence[float] | Floats) -> BadInput:
    shown = ", ".join(f"{edge:g}" for edge in edges)
    return BadInput(
        [
            Fault(
                rule="the edges of the windows must be two or more ascending times from zero",
                remedy="Write them like 0, 91, 182, 365.",
                value=shown,
            )
        ]
    )


def _table(group: Group, bounds: Floats, confidence: float, tte: TimeToEvent) -> HazardTable:
    """Count one group."""
    weight = np.ones(group.time.size) if group.weight is None else group.weight
    start = np.zeros(group.time.size) if group.entry is None else np.nan_to_num(group.entry)
    event = group.code == 1
    # Window i is (bounds[i], bounds[i + 1]]: the position of the first edge at or after the time.
    window = np.searchsorted(bounds, group.time) - 1
    if bounds[0] == 0:
        window = np.maximum(window, 0)
    inside = event & (window >= 0) & (window < bounds.size - 1)
    events = sums(window[inside], weight[inside], bounds.size - 1)
    reached = [
        float(weight @ (np.minimum(group.time, edge) - np.minimum(start, edge))) for edge in bounds
    ]
    person_time = np.diff(reached)
    observed = np.where(person_time > 0, person_time, np.nan)
    lower, upper = _poisson_limits(events, confidence)
    exact = np.where((weight % 1 == 0).all(), 1.0, np.nan)
    return HazardTable(
        group=group.label,
        lower_edge=frozen(bounds[:-1]),
        upper_edge=frozen(bounds[1:]),
        events=frozen(events),
        person_time=frozen(person_time),
        rate=frozen(events / observed),
        lower=frozen(exact * lower / observed),
        upper=frozen(exact * upper / observed),
        confidence=confidence,
        unit=tte.unit,
        label=tte.label,
    )


def _poisson_limits(events: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the exact limits of a Poisson mean."""
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    some = np.where(events > 0, events, 1.0)
    lower = np.where(events > 0, gammaincinv(some, tail), 0.0)
    upper: Floats = gammaincinv(events + 1, 1 - tail)
    return lower, upper
