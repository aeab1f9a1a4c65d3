"""How sure an interval-censored curve is: percentile limits from resampled patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.bootstrap import check_draws
from survival_bzd.estimate.interval_censored.maximum import maximise
from survival_bzd.estimate.interval_censored.npmle import (
    falls_to,
    groups,
    npmle,
)
from survival_bzd.estimate.interval_censored.support import (
    Ends,
    ends,
    event_intervals,
    kinds,
    support,
)
from survival_bzd.estimate.quantities import Estimate, Floats, frozen, normal_quantile
from survival_bzd.estimate.risk_sets import Indices, sums
from survival_bzd.estimate.tally import NEAR

if TYPE_CHECKING:
    import pandas as pd

_TOLERANCE = 1e-7
"""Kuhn-Tucker conditions of a resample: sampling moves its curve by far more."""

Asked = tuple[Indices, Indices]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalLimits:
    """Interval-censored survival at given times, with limits from resampled patients.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n, replicates, seed : patients; how often they were resampled; the seed of the draws.
    time, survival, resolved : (m,) as `IntervalCurve.at` has them, from all patients.
    lower, upper : (m,) percentile limits; NaN where survival is 0 or 1.
    defined : (m,) how many resamples have an estimate; limits are from these.
    median : the median with its percentile limits.
    reasons : (m,) why there is no estimate, or why it is not resolved; ``""`` elsewhere.
    confidence : coverage of the limits.
    unit, label : unit of time; what the event is.
    """

    group: str | None
    n: int
    replicates: int
    seed: int
    time: Floats
    survival: Floats
    resolved: NDArray[np.bool_]
    lower: Floats
    upper: Floats
    defined: Floats
    median: Estimate
    reasons: tuple[str, ...]
    confidence: float
    unit: str
    label: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time; column names are this class's field names."""
        import pandas as pd

        columns = ("time", "survival", "resolved", "lower", "upper", "defined")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def npmle_limits(
    tte: TimeToEvent,
    times: Sequence[float] | Floats,
    replicates: int = 1000,
    seed: int = 0,
    *,
    by: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[IntervalLimits, ...]:
    """Estimate interval-censored survival at given times with limits from resampled patients.

    As many patients as there are, of each group, are drawn with replacement, each with their
    interval and weight, and the curve is estimated anew. Where a resample leaves survival at a time
    open, the lower limit takes its least and the upper limit its greatest value, so that the limits
    hold what no convention decided. A resample whose last bound is before the time says nothing of
    it, unless its survival has reached 0.

    Parameters
    ----------
    tte : TimeToEvent
        As for `npmle`.
    times : zero or more, in the unit of the follow-up.
    replicates : int, default 1000
        How often to resample, twice at least.
    seed : int, default 0
        The same seed gives the same limits with the same version of NumPy.
    by : (n,) labels, optional
        An estimate for each label; patients are drawn within it.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    tuple of IntervalLimits
        One per group; a single one without `by`.

    Raises
    ------
    BadInput
        As `npmle`; if a time is below zero, there are fewer than 2 replicates, or the seed is below
        zero.

    Notes
    -----
    Percentile limits are justified where the patients share their visits: the curve is then that of
    a few proportions. Where every patient has bounds of their own, the estimate converges more
    slowly, and no resampling of patients is known to cover at its level [1]_.

    References
    ----------
    .. [1] Sen B, Xu G (2015). Comput Stat Data Anal 81:121-129.

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> lower, upper = [14, 30, 14, 60, 30] * 8, [30, 60, 60, float("inf"), float("inf")] * 8
    >>> tte = TimeToEvent(lower, [1, 1, 1, 0, 0] * 8, lower=lower, upper=upper)
    >>> (drawn,) = npmle_limits(tte, [30, 60], 1000, 1)
    >>> drawn.survival.round(4), drawn.defined
    (array([0.7236, 0.2764]), array([1000., 1000.]))
    """
    normal_quantile(confidence)
    check_draws(replicates, seed)
    random = np.random.default_rng(seed)
    lower, upper = event_intervals(tte)
    weight = np.ones(tte.n) if tte.weight is None else tte.weight
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    found = []
    for curve, (name, rows) in zip(npmle(tte, by=by), groups(tte, by), strict=True):
        at = curve.at(times)
        placed = ends(lower[rows], upper[rows])
        asked = _asked(placed, at.time)
        table = np.empty((2, int(replicates), at.time.size))
        medians = np.empty(int(replicates))
        for draw in range(int(replicates)):
            counts = np.bincount(random.integers(0, rows.size, rows.size), minlength=rows.size)
            table[:, draw], medians[draw] = _resample(placed, counts, weight[rows], asked)
        # Where everybody is free, or nobody, resamples cannot say how sure that is.
        table[:, :, ~((at.survival > 0) & (at.survival < 1))] = np.nan
        low, high, defined = _limits(table, tails)
        found.append(
            IntervalLimits(
                group=name,
                n=curve.n,
                replicates=int(replicates),
                seed=int(seed),
                time=at.time,
                survival=at.survival,
                resolved=at.resolved,
                lower=frozen(low),
                upper=frozen(high),
                defined=frozen(defined),
                median=_median(curve.median, medians, tails),
                reasons=at.reasons,
                confidence=confidence,
                unit=tte.unit,
                label=tte.label,
            )
        )
    return tuple(found)


def _asked(placed: Ends, times: Floats) -> Asked:
    """Return the last ends that have begun and that are over at each time."""
    level, near = placed.level, NEAR * np.maximum(1.0, times)
    below = np.searchsorted(level, times + near, side="right") - 1
    before = np.searchsorted(level, times - near, side="left") - 1
    over = 3 * below + 1
    # Between two bounds, what is open at the lower of them has begun too; at time 0 nothing has.
    begun = np.where((below > before) | (times <= near), over, over + 1)
    return begun, over


def _resample(
    placed: Ends, counts: NDArray[np.int64], weight: Floats, asked: Asked
) -> tuple[Floats, float]:
    """Return the least and greatest survival at the times asked for, and the median."""
    drawn = np.flatnonzero(counts)
    left, right = placed.left[drawn], placed.right[drawn]
    begin, end = support(left, right)
    covered = kinds(left, right, begin, end)
    total = sums(covered.of_patient, counts[drawn] * weight[drawn], covered.first.size)
    mass = maximise(covered, total, begin.size, tolerance=_TOLERANCE).mass
    after = np.append(np.cumsum(mass[::-1])[::-1], 0.0)
    values = np.stack([after[np.searchsorted(end_of, ask, side="right")]
                       for end_of, ask in zip((begin, end), asked, strict=True)])  # fmt: skip
    bounds = np.concatenate([left, right])
    last = bounds[bounds < 3 * placed.level.size].max(initial=-1)
    values[:, (asked[0] > last // 3 * 3 + 1) & (values.sum(axis=0) > 0)] = np.nan
    held = mass > 0
    lower, upper = np.maximum(placed.times(begin[held]), 0.0), placed.times(end[held])
    fallen = 1 - after[1:][held]
    return values, falls_to(0.5, lower, upper, fallen, float(placed.times(last[None])[0]))


def _limits(table: Floats, tails: tuple[float, float]) -> tuple[Floats, Floats, Floats]:
    """Return the limits at each time and from how many resamples they are."""
    low, high = np.full((2, table.shape[2]), np.nan)
    defined = np.count_nonzero(~np.isnan(table[0]), axis=0)
    for place in np.flatnonzero(defined > 1):
        known = table[:, ~np.isnan(table[0, :, place]), place]
        low[place] = np.quantile(known[0], tails[0])
        high[place] = np.quantile(known[1], tails[1])
    return low, high, defined.astype(np.float64)


def _median(whole: Estimate, medians: Floats, tails: tuple[float, float]) -> Estimate:
    """Give the median its limits; one that a resample does not reach is later than all others."""
    ordered = np.sort(np.where(np.isnan(medians), np.inf, medians))
    places = [math.ceil(tail * ordered.size) - 1 for tail in tails]
    lower, upper = (float(ordered[max(place, 0)]) for place in places)
    reason = "not reached in too many of the resamples"
    return Estimate(
        estimate=whole.estimate,
        lower=lower if lower < np.inf else math.nan,
        upper=upper if upper < np.inf else math.nan,
        reason=whole.reason,
        lower_reason="" if lower < np.inf else reason,
        upper_reason="" if upper < np.inf else reason,
    )
