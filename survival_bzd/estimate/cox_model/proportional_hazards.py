"""Whether hazard ratios change with time: the score test of Grambsch and Therneau."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.cox_model.exact import ExactLikelihood
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood
from survival_bzd.estimate.cox_model.maximise import inverse
from survival_bzd.estimate.quantities import Floats, chi_square_tail
from survival_bzd.estimate.risk_sets import Indices, risk_sets

TRANSFORMS = ("km", "rank", "identity", "log")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhTest:
    """A test that a term's hazard ratio does not change with time.

    Attributes
    ----------
    term : a term of the formula, a factor whole; ``"GLOBAL"`` for all of them.
    statistic, df, p_value : the chi-square test; NaN where the data do not determine it.
    """

    term: str
    statistic: float
    df: int
    p_value: float


def time_scale(
    transform: str, time: Floats, event: NDArray[np.bool_], entry: Floats | None
) -> Floats:
    """Return each patient's g(time), as R's ``cox.zph`` has it.

    ``km`` is 1 - S(t-) of everybody, weights and strata left aside; ``rank`` ranks all follow-up
    times; ``log`` of 0 is minus infinity, so that an event on day 0 leaves the test undefined.
    """
    if transform == "identity":
        return time
    if transform == "log":
        with np.errstate(divide="ignore"):
            return np.log(time)
    if transform == "rank":
        _, index, count = np.unique(time, return_inverse=True, return_counts=True)
        last = np.cumsum(count)
        return ((2 * last - count + 1) / 2)[index]
    counts = risk_sets(time, event, entry=entry)
    survival = np.cumprod(np.where(counts.emptied, 0.0, 1 - counts.events / counts.at_risk))
    before = np.concatenate([[1.0], survival[:-1]])
    return 1 - before[np.searchsorted(counts.time, time)]


def proportional_hazards_tests(
    likelihood: PartialLikelihood | ExactLikelihood,
    beta: Floats,
    g: Floats,
    terms: tuple[tuple[str, tuple[int, ...]], ...],
) -> tuple[PhTest, ...]:
    """Test each term, and all together, for a coefficient that changes with g(time).

    The model is extended by each covariate times g(time); the test is the exact score test of
    the extension, at the fitted coefficients. A term without columns has no test.
    """
    sample = likelihood.sample
    at_events = g[sample.event]
    if not np.isfinite(at_events).all():
        return tuple(
            PhTest(term=name, statistic=math.nan, df=len(columns), p_value=math.nan)
            for name, columns in terms
        )
    # Cells without an event do not count; there the scale may be infinite.
    per_cell = np.zeros(sample.place.k)
    per_cell[sample.place.last[sample.event]] = at_events - at_events.mean()
    extension = likelihood.extension(beta, per_cell)
    remaining = extension.twice - extension.once @ inverse(extension.plain) @ extension.once
    # Where one event holds all there is to know of a coefficient, nothing but rounding remains.
    nothing = np.diag(remaining) <= 1e-12 * np.diag(extension.twice)
    remaining[nothing, nothing] = 0.0
    return tuple(
        _test(name, extension.score, remaining, np.array(columns, dtype=np.intp))
        for name, columns in terms
    )


def _test(term: str, score: Floats, information: Floats, columns: Indices) -> PhTest:
    """Test some of the added coefficients."""
    statistic = math.nan
    if columns.size:
        u = score[columns]
        statistic = float(u @ inverse(information[np.ix_(columns, columns)]) @ u)
    df = int(columns.size)
    return PhTest(term=term, statistic=statistic, df=df, p_value=chi_square_tail(statistic, df))
