"""Who got clinically significantly worse on a scale, at any time and at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.proportion import Proportion, proportion

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RELIABLE = 1.96
"""A change of more standard errors of a difference than this is reliable."""

ROUNDING = 1e-9
"""Points by which sums of decimal scores may miss a cut, per point of the cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignificantChange:
    """How many points worse is clinically significantly worse.

    Attributes
    ----------
    kind : ``"threshold"``, reached at so many points; or ``"reliable change"``, exceeding them.
    points : of change.
    sd, reliability : what a reliable change follows from; NaN for a threshold.
    """

    kind: Literal["threshold", "reliable change"]
    points: float
    sd: float = math.nan
    reliability: float = math.nan

    def passed(self, change: Floats) -> Flags:
        """Whether each change, positive for worse, passes the cut; a missing one does not."""
        slack = ROUNDING * self.points
        edge = self.points - slack if self.kind == "threshold" else self.points + slack
        with np.errstate(invalid="ignore"):
            passed: Flags = change >= edge if self.kind == "threshold" else change > edge
        return passed


def threshold_change(points: float) -> SignificantChange:
    """Return the cut at so many points, the points themselves included.

    Raises
    ------
    BadInput
        If it is not above 0.
    """
    if not points > 0:
        raise BadInput(
            [
                Fault(
                    rule="a threshold is a number of points above 0",
                    remedy="Give it without a sign: which direction is worse is said apart.",
                    value=f"{points:g}",
                )
            ]
        )
    return SignificantChange(kind="threshold", points=float(points))


def reliable_change(sd: float, reliability: float) -> SignificantChange:
    """Return the change that a scale's own error does not explain.

    The reliable change index is change / (sd sqrt(2) sqrt(1 - reliability)); a change is reliable
    where it exceeds 1.96.

    Parameters
    ----------
    sd : standard deviation of the scores at baseline.
    reliability : of the scale, in (0, 1).

    Raises
    ------
    NotEstimable
        If the scores do not vary, or are too few to have a standard deviation.

    References
    ----------
    .. [1] Jacobson NS, Truax P (1991). J Consult Clin Psychol 59:12-19.
       doi:10.1037/0022-006X.59.1.12

    Examples
    --------
    >>> round(reliable_change(7.5, 0.8).points, 2)
    9.3
    """
    if not 0 < reliability < 1:
        raise BadInput(
            [
                Fault(
                    rule="a reliability lies between 0 and 1",
                    remedy="Give the one that the scale's authors report, as 0.89.",
                    value=f"{reliability:g}",
                )
            ]
        )
    if not sd > 0:
        raise NotEstimable("the baseline scores do not vary, so no change can be called reliable")
    error = sd * math.sqrt(2) * math.sqrt(1 - reliability)
    return SignificantChange(
        kind="reliable change", points=RELIABLE * error, sd=float(sd), reliability=reliability
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worsening:
    """Who got worse on one scale by one cut.

    Attributes
    ----------
    cut : how many points are worse.
    n : patients, those without scores included.
    no_baseline, no_later, no_end : (n,) who has no baseline; who has one and no later score; who
        has one and no score at the end.
    change, change_at_end : (n,) the largest change towards worse, and that at the end, positive for
        worse; NaN where there is none.
    worse, worse_at_end : (n,) who passes the cut; nobody without a change does.
    any_time : share of those with a baseline and a later score.
    at_end : share of those with a baseline and a score at the end.
    """

    cut: SignificantChange
    n: int
    no_baseline: Flags
    no_later: Flags
    no_end: Flags
    change: Floats
    change_at_end: Floats
    worse: Flags
    worse_at_end: Flags
    any_time: Proportion
    at_end: Proportion


def worsening(
    baseline: ArrayLike,
    worst: ArrayLike,
    end: ArrayLike,
    cut: SignificantChange,
    *,
    worse: Literal["higher", "lower"] = "higher",
    confidence: float = 0.95,
) -> Worsening:
    """Say who got worse by a cut, at any time and at the end, with exact limits.

    Parameters
    ----------
    baseline, worst, end : (n,) scores of the same patients; NaN where there is none.
    cut : from `threshold_change` or `reliable_change`.
    worse : whether higher or lower scores are worse.
    confidence : float, default 0.95
        Of the Clopper-Pearson limits.

    Examples
    --------
    >>> found = worsening([20, 18, 25, np.nan], [26, 20, np.nan, 30], [21, 19, np.nan, 30],
    ...                   threshold_change(6))
    >>> found.any_time.successes, found.any_time.n, found.at_end.successes
    (1, 2, 0)
    >>> int(found.no_baseline.sum()), int(found.no_later.sum())
    (1, 1)
    """
    start, worst_score, last = (
        np.asarray(column, dtype=np.float64) for column in (baseline, worst, end)
    )
    sign = 1.0 if worse == "higher" else -1.0
    change, change_at_end = sign * (worst_score - start), sign * (last - start)
    passed, passed_at_end = cut.passed(change), cut.passed(change_at_end)
    known, known_at_end = ~np.isnan(change), ~np.isnan(change_at_end)
    has_baseline = ~np.isnan(start)
    return Worsening(
        cut=cut,
        n=start.size,
        no_baseline=~has_baseline,
        no_later=has_baseline & ~known,
        no_end=has_baseline & ~known_at_end,
        change=change,
        change_at_end=change_at_end,
        worse=passed,
        worse_at_end=passed_at_end,
        any_time=proportion(int(passed.sum()), int(known.sum()), confidence=confidence),
        at_end=proportion(int(passed_at_end.sum()), int(known_at_end.sum()), confidence=confidence),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorseningOnAny:
    """Who got worse on at least one of several scales.

    Attributes
    ----------
    scales : how many there are.
    worse_on, worse_on_at_end : (n,) on how many of them each patient got worse.
    incomplete, incomplete_at_end : patients who are counted although not every scale has a change
        of theirs.
    any_time, at_end : shares of those with a change on at least one scale.
    """

    scales: int
    worse_on: NDArray[np.int64]
    worse_on_at_end: NDArray[np.int64]
    incomplete: int
    incomplete_at_end: int
    any_time: Proportion
    at_end: Proportion


def worsening_on_any(parts: Sequence[Worsening], *, confidence: float = 0.95) -> WorseningOnAny:
    """Count who got worse on at least one scale.

    The more scales, the more patients get worse on one of them by chance.

    Parameters
    ----------
    parts : one for each scale, of the same patients.
    """
    known = np.sum([~np.isnan(part.change) for part in parts], axis=0)
    known_at_end = np.sum([~np.isnan(part.change_at_end) for part in parts], axis=0)
    worse_on = np.sum([part.worse for part in parts], axis=0)
    worse_on_at_end = np.sum([part.worse_at_end for part in parts], axis=0)
    return WorseningOnAny(
        scales=len(parts),
        worse_on=worse_on,
        worse_on_at_end=worse_on_at_end,
        incomplete=int(((known > 0) & (known < len(parts))).sum()),
        incomplete_at_end=int(((known_at_end > 0) & (known_at_end < len(parts))).sum()),
        any_time=proportion(
            int((worse_on > 0).sum()), int((known > 0).sum()), confidence=confidence
        ),
        at_end=proportion(
            int((worse_on_at_end > 0).sum()), int((known_at_end > 0).sum()), confidence=confidence
        ),
    )
