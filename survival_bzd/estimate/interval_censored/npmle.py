"""Relapse-free survival where a relapse is only known to lie between two visits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.interval_censored.maximum import maximise
from survival_bzd.estimate.interval_censored.support import (
    ends,
    event_intervals,
    kinds,
    support,
)
from survival_bzd.estimate.quantities import Estimate, Floats, frozen, labels, sealed
from survival_bzd.estimate.risk_sets import sums
from survival_bzd.estimate.tally import NEAR
from survival_bzd.estimate.times_asked import snapped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalSurvivalAt:
    """Interval-censored survival at given times.

    Attributes
    ----------
    time : (m,) the times asked for, in the curve's unit.
    survival : (m,) P(T > time); where it is not resolved, with the mass of the support interval at
        its middle.
    resolved : (m,) whether the data determine it: whether the time is in no support interval.
    lowest, highest : (m,) survival at the end and at the beginning of that interval; both are
        `survival` where it is resolved.
    reasons : (m,) why there is no estimate, or why it is not resolved; ``""`` elsewhere.
    """

    time: Floats
    survival: Floats
    resolved: NDArray[np.bool_]
    lowest: Floats
    highest: Floats
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalCurve:
    """A relapse-free curve of interval-censored times: flat between its support intervals.

    Inside a support interval the curve falls by its mass, and the data do not say how. Arrays of
    shape (k,) have one element per support interval, ascending.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n : patients.
    n_events : sum of the weights of those with the event.
    support_lower, support_upper : (k,) the mass lies in (lower, upper], or at the time itself where
        they are equal. The lower bound of an event before the first visit is 0; the upper bound is
        infinite for what is beyond follow-up.
    mass : (k,) the fall of survival in each.
    survival : (k,) P(T > support_upper).
    candidates : how many maximal intersections there are; those without mass are left out above.
    log_likelihood : at the maximum.
    violation : by how much the Kuhn-Tucker conditions are missed at most: the derivative of the log
        likelihood by each mass, over the sum of weights, is 1 where there is mass and at most 1
        elsewhere.
    last_time : the last finite bound; nothing is estimated beyond it unless survival is 0.
    unit : unit of the times.
    label : what the event is.
    """

    group: str | None
    n: int
    n_events: float
    support_lower: Floats
    support_upper: Floats
    mass: Floats
    survival: Floats
    candidates: int
    log_likelihood: float
    violation: float
    last_time: float
    unit: str
    label: str

    @property
    def median(self) -> Estimate:
        """The time at which survival falls to one half, mass at the middle of its interval."""
        return self.quantile(0.5)

    def quantile(self, p: float) -> Estimate:
        """Return the time by which a fraction `p` has had the event; no limits.

        With the mass of each support interval at its middle, the first time at which survival is
        below 1 - p; where it runs level at exactly 1 - p (within rounding) the middle of that
        plateau. The data only say in which support interval it is.

        Parameters
        ----------
        p : strictly between 0 and 1.

        Raises
        ------
        BadInput
            If `p` is not strictly between 0 and 1.

        Notes
        -----
        Agrees with R ``quantile(survfit)`` (``tests/reference/interval_censored.json``).
        """
        if not 0 < p < 1:
            raise BadInput(
                [
                    Fault(
                        rule="a quantile must lie strictly between 0 and 1",
                        remedy="Write 0.5 for the median.",
                        value=f"{p:g}",
                    )
                ]
            )
        time = falls_to(
            p, self.support_lower, self.support_upper, 1 - self.survival, self.last_time
        )
        reason = f"not reached: survival stays above {1 - p:g}" if math.isnan(time) else ""
        return Estimate(estimate=time, reason=reason)

    def at(self, times: Sequence[float] | Floats) -> IntervalSurvivalAt:
        """Return survival at given times, in the curve's unit, in the order given.

        Inside a support interval the data leave survival open between `lowest` and `highest`.
        Beyond the last bound there is no estimate, unless survival has reached 0.

        Parameters
        ----------
        times : zero or more; times that differ from a bound by rounding mean that bound.
        """
        asked = self._snapped(times)
        begun = np.searchsorted(self.support_lower, asked, side="left")
        exact = self.support_lower == self.support_upper
        # An exact time has begun when it is over: at the time itself.
        begun = np.maximum(begun, np.searchsorted(self.support_upper, asked, side="right"))
        over = np.searchsorted(self.support_upper, asked, side="right")
        middle = np.where(exact, self.support_upper, (self.support_lower + self.support_upper) / 2)
        passed = np.searchsorted(middle, asked, side="right")
        curve = np.concatenate([[1.0], self.survival])
        survival, lowest, highest = curve[passed], curve[begun], curve[over]
        beyond = (asked > self.last_time) & (lowest + highest > 0)
        for column in (survival, lowest, highest):
            column[beyond] = math.nan
        resolved = begun == over
        end = f"not estimable: follow-up ends at {self.last_time:g} {self.unit}"
        return IntervalSurvivalAt(
            time=frozen(times),
            survival=sealed(survival),
            resolved=resolved,
            lowest=sealed(lowest),
            highest=sealed(highest),
            reasons=tuple(
                end if out else "" if known else self._open(low, high)
                for out, known, low, high in zip(beyond, resolved, lowest, highest, strict=True)
            ),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per support interval; column names are this class's field names."""
        import pandas as pd

        columns = ("support_lower", "support_upper", "mass", "survival")
        return pd.DataFrame({name: getattr(self, name) for name in columns})

    def __repr__(self) -> str:
        return (
            f"<IntervalCurve: {self.n} patients, {self.n_events:g} events, "
            f"{self.mass.size} support intervals>"
        )

    @staticmethod
    def _open(low: float, high: float) -> str:
        return f"not resolved: the data leave it open between {low:.4g} and {high:.4g}"

    def _snapped(self, times: Sequence[float] | Floats) -> Floats:
        """Move times that are a bound of the support but for rounding onto it."""
        bounds = np.unique(
            np.concatenate([self.support_lower, self.support_upper, [self.last_time]])
        )
        return snapped(times, bounds[np.isfinite(bounds)], "survival")


def npmle(tte: TimeToEvent, *, by: ArrayLike | None = None) -> tuple[IntervalCurve, ...]:
    r"""Estimate relapse-free survival of interval-censored times by maximum likelihood.

    Each event lies in (lower, upper], at the time itself where both are equal, after the lower
    bound where the upper is infinite. The curve that makes the data most likely,
    :math:`\max \sum_i w_i \log [S(l_i) - S(u_i)]`, falls only inside Turnbull's maximal
    intersections, and how it falls inside these the data do not say.

    Parameters
    ----------
    tte : TimeToEvent
        `lower`, `upper` and weights of n patients. A lower bound of minus infinity is an event
        before the first visit. Competing events censor at their lower bound.
    by : (n,) labels, optional
        One curve for each label.

    Returns
    -------
    tuple of IntervalCurve
        One per group, in the order of the labels; a single one without `by`.

    Raises
    ------
    BadInput
        If there is nobody, a label is missing, bounds are missing or out of order, or somebody
        enters late.
    NotEstimable
        If the Kuhn-Tucker conditions cannot be met to 1e-9, which no data are known to bring about.

    Notes
    -----
    The maximum is found by Newton's method on an active set of support intervals ([2]_, [3]_) and
    ended by the Kuhn-Tucker conditions, whose miss is `violation`. The masses are unique: for each
    support interval there is a patient whose interval ends with it, so that no other masses give
    every patient's interval the same probability [4]_.

    Agrees with R ``survfit(Surv(lower, upper, type = "interval2") ~ 1)`` to within 1e-3, with a
    likelihood at least as large (``tests/reference/interval_censored.json``): R stops early.

    References
    ----------
    .. [1] Turnbull BW (1976). J R Stat Soc B 38:290-295.
           doi:10.1111/j.2517-6161.1976.tb01597.x
    .. [2] Wang Y (2007). J R Stat Soc B 69:185-198. doi:10.1111/j.1467-9868.2007.00583.x
    .. [3] Groeneboom P, Jongbloed G, Wellner JA (2008). Scand J Stat 35:385-399.
           doi:10.1111/j.1467-9469.2007.00588.x
    .. [4] Gentleman R, Geyer CJ (1994). Biometrika 81:618-623. doi:10.1093/biomet/81.3.618

    Examples
    --------
    Found positive at the visit on day 30, last known free at that on day 14, and so on.

    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> lower, upper = [14, 30, 14, 60, 30], [30, 60, 60, float("inf"), float("inf")]
    >>> tte = TimeToEvent(lower, [1, 1, 1, 0, 0], lower=lower, upper=upper)
    >>> (curve,) = npmle(tte)
    >>> curve.to_frame().round(4)
       support_lower  support_upper    mass  survival
    0           14.0           30.0  0.2764    0.7236
    1           30.0           60.0  0.4472    0.2764
    2           60.0            inf  0.2764    0.0000
    >>> curve.at([14, 20, 30]).resolved
    array([ True, False,  True])
    """
    lower, upper = event_intervals(tte)
    weight = np.ones(tte.n) if tte.weight is None else tte.weight
    return tuple(
        _curve(name, lower[rows], upper[rows], weight[rows], tte) for name, rows in groups(tte, by)
    )


def groups(tte: TimeToEvent, by: ArrayLike | None) -> list[tuple[str | None, NDArray[np.intp]]]:
    """Return the label and the rows of each group; everybody without labels."""
    if not tte.n:
        raise BadInput(
            [
                Fault(
                    rule="there must be at least one patient at risk",
                    remedy="Check the flow of the endpoint, or the rows that were left out.",
                )
            ]
        )
    if by is None:
        return [(None, np.arange(tte.n))]
    names, member = labels(by, tte.n, "by")
    return [(name, np.flatnonzero(member == place)) for place, name in enumerate(names)]


def falls_to(p: float, lower: Floats, upper: Floats, fallen: Floats, last_time: float) -> float:
    """Return when a curve has fallen by `p`, mass at the middles of the support intervals."""
    finite = np.isfinite(upper)
    middle = (lower[finite] + upper[finite]) / 2
    reached = np.flatnonzero(fallen[finite] >= p - NEAR)
    if not reached.size:
        return math.nan
    first = int(reached[0])
    if fallen[first] > p + NEAR:
        return float(middle[first])
    # A plateau: its middle, and one that never ends runs to the last time.
    end = middle[first + 1] if first + 1 < middle.size else last_time
    return float((middle[first] + end) / 2)


def _curve(
    group: str | None, lower: Floats, upper: Floats, weight: Floats, tte: TimeToEvent
) -> IntervalCurve:
    placed = ends(lower, upper)
    begin, end = support(placed.left, placed.right)
    covered = kinds(placed.left, placed.right, begin, end)
    found = maximise(covered, sums(covered.of_patient, weight, covered.first.size), begin.size)
    held = found.mass > 0
    mass = found.mass[held]
    # From the end, so that the last value is 0 and small ones keep their digits.
    survival = np.append(np.cumsum(mass[:0:-1])[::-1], 0.0)
    return IntervalCurve(
        group=group,
        n=int(lower.size),
        n_events=float(weight[np.isfinite(upper)].sum()),
        support_lower=sealed(np.maximum(placed.times(begin[held]), 0.0)),
        support_upper=sealed(placed.times(end[held])),
        mass=sealed(mass),
        survival=sealed(survival),
        candidates=int(begin.size),
        log_likelihood=found.log_likelihood,
        violation=found.violation,
        last_time=float(placed.level[-1]) if placed.level.size else 0.0,
        unit=tte.unit,
        label=tte.label,
    )
