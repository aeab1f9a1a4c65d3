"""When patients of the reference group relapse: a hazard that is constant in windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.parametric_model.fit import parametric
from survival_bzd.estimate.quantities import Floats

NODES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineHazard:
    """A piecewise constant hazard of relapse; one rate is the exponential distribution.

    Attributes
    ----------
    rates : (m + 1,) relapses per unit of time, above 0; the last goes on for ever.
    breaks : (m,) where the hazard changes, ascending, above 0.
    unit : unit of time.
    source : where the hazard comes from.
    """

    rates: tuple[float, ...]
    breaks: tuple[float, ...] = ()
    unit: str = "months"
    source: str = "given"

    def __post_init__(self) -> None:
        edges = np.array([0.0, *self.breaks])
        rates = np.array(self.rates)
        if rates.size != edges.size or not ((rates > 0) & np.isfinite(rates)).all():
            raise BadInput([Fault(rule="a baseline needs one rate above 0 for each window",
                                  value=f"{self.rates}", remedy="Write .15 for 15 relapses per 100 "
                                  "patients and unit of time.")])  # fmt: skip
        if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
            raise BadInput([Fault(rule="breaks must ascend and lie above 0",
                                  value=f"{self.breaks}", remedy="Write (3, 6).")])  # fmt: skip

    def cumulative(self, time: Floats) -> Floats:
        """Return the cumulative hazard at times of any shape."""
        edges = np.array([0.0, *self.breaks])
        at_edge = np.concatenate([[0.0], np.cumsum(np.diff(edges) * self.rates[:-1])])
        window = np.searchsorted(edges, time, side="right") - 1
        reached: Floats = at_edge[window] + (time - edges[window]) * np.array(self.rates)[window]
        return reached

    def when(self, cumulative: Floats) -> Floats:
        """Return the times at which the cumulative hazard is reached."""
        edges = np.array([0.0, *self.breaks])
        at_edge = self.cumulative(edges)
        window = np.searchsorted(at_edge, cumulative, side="right") - 1
        reached: Floats = (
            edges[window] + (cumulative - at_edge[window]) / np.array(self.rates)[window]
        )
        return reached

    def survival(self, time: Floats, hazard_ratio: float = 1.0) -> Floats:
        """Return the relapse-free probability where the hazard is multiplied by a ratio."""
        free: Floats = np.exp(-hazard_ratio * self.cumulative(time))
        return free

    def event_probability(
        self,
        hazard_ratio: float,
        *,
        follow_up: float,
        accrual: float = 0.0,
        dropout: float = 0.0,
        longest: float = math.inf,
    ) -> float:
        """Return the probability that a patient's relapse is seen.

        Patients come evenly over `accrual` and the study ends `follow_up` after the last;
        `dropout` is the constant hazard of leaving it before; nobody is followed beyond `longest`.
        """
        end = min(follow_up + accrual, longest)
        cuts = {0.0, follow_up, end, *self.breaks}
        edges = np.array(sorted(edge for edge in cuts if edge <= end))
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        # Windows that are long beside 1 / rate are cut, so that the nodes see the fall.
        fall = float(np.diff(edges).max()) * (hazard_ratio * max(self.rates) + dropout)
        parts = np.arange(min(max(1, math.ceil(fall / 5)), 1000))
        inside = edges[:-1, None] + np.diff(edges)[:, None] * parts / parts.size
        edges = np.append(inside.ravel(), edges[-1])
        width = np.diff(edges)[:, None]
        time = edges[:-1, None] + width * (nodes + 1) / 2
        window = np.searchsorted(np.array(self.breaks), time)
        density = hazard_ratio * np.array(self.rates)[window] * self.survival(time, hazard_ratio)
        staying = np.exp(-dropout * time)
        if accrual > 0:
            staying = staying * np.clip((follow_up + accrual - time) / accrual, 0, 1)
        return float((density * staying * weights * width / 2).sum())


def baseline_hazard(
    tte: TimeToEvent,
    *,
    breaks: Sequence[float] | None = None,
    zero: float | None = None,
) -> BaselineHazard:
    """Fit the hazard of relapse of a study that has been, to plan the next one.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of the patients; a relapse is known to lie in (lower, upper].
    breaks : sequence of float, optional
        Where the hazard changes; by default where a third and two thirds of the relapses have
        happened. Where that cannot be fitted, the hazard is constant.
    zero : float, optional
        A relapse on time 0 is taken to lie in (0, zero].

    Returns
    -------
    BaselineHazard
        In the unit of the data. The last rate goes on beyond the follow-up.

    Raises
    ------
    NotEstimable
        If nobody relapsed.

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> baseline_hazard(TimeToEvent([10, 20, 30], [1, 1, 0]), breaks=[15]).breaks
    (15.0,)
    """
    fits = parametric(tte, models=("piecewise", "exponential"), breaks=breaks, zero=zero)
    for fit in fits:
        if not fit.reason:
            rates = tuple(float(rate) for rate in fit.estimate)
            source = f"{fit.model} hazard of {fit.n} patients with {fit.n_events:g} relapses"
            return BaselineHazard(rates=rates, breaks=fit.breaks, unit=tte.unit, source=source)
    raise NotEstimable(f"The hazard of relapse cannot be estimated: {fits[-1].reason}.")
