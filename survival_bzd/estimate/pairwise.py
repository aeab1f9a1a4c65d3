"""Which groups differ: every two of them compared, with p adjusted for how many pairs there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.log_rank import LogRank, compared, logrank
from survival_bzd.estimate.quantities import Floats, frozen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairwiseLogRank:
    """The test between two of several groups.

    Attributes
    ----------
    pair : labels of the two groups.
    test : the test between them; its `p_value` is not adjusted.
    p_adjusted : p adjusted by Holm's method for all pairs that have a test; NaN where `test` has
        none.
    """

    pair: tuple[str, str]
    test: LogRank
    p_adjusted: float


def pairwise_logrank(
    tte: TimeToEvent,
    by: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    weights: str = "fleming-harrington",
    rho: float = 0.0,
    gamma: float = 0.0,
) -> tuple[PairwiseLogRank, ...]:
    """Compare every two groups by a log-rank test, p adjusted by Holm's method.

    Each test is on the patients of its two groups alone.

    Parameters
    ----------
    tte, by, strata, weights, rho, gamma
        As for `logrank`.

    Returns
    -------
    tuple of PairwiseLogRank
        The first group with each later one, then the second, and so on.

    Raises
    ------
    NotEstimable
        If there are fewer than two groups.
    BadInput
        If a label is missing.

    Notes
    -----
    Agrees with R ``survdiff`` on the rows of two groups and ``p.adjust(method = "holm")`` to 1e-9
    relative (``tests/reference/pairwise_log_rank.json``).

    References
    ----------
    .. [1] Holm S (1979). Scand J Stat 6:65-70. https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 1, 1, 1, 1, 1, 1, 1])
    >>> for one in pairwise_logrank(tte, list("aaabbbccc")):
    ...     print(one.pair, round(one.test.p_value, 4), round(one.p_adjusted, 4))
    ('a', 'b') 0.0246 0.0738
    ('a', 'c') 0.0246 0.0738
    ('b', 'c') 0.0246 0.0738
    """
    groups, member = compared(tte, by)
    label = np.asarray(by)
    stratum = None if strata is None else np.asarray(strata)
    pairs = list(combinations(range(len(groups)), 2))
    tests = []
    for first, second in pairs:
        rows = np.flatnonzero((member == first) | (member == second))
        tests.append(
            logrank(
                tte.select(rows),
                label[rows],
                strata=None if stratum is None else stratum[rows],
                weights=weights,
                rho=rho,
                gamma=gamma,
            )
        )
    adjusted = holm([test.p_value for test in tests])
    return tuple(
        PairwiseLogRank(pair=(groups[a], groups[b]), test=test, p_adjusted=float(p))
        for (a, b), test, p in zip(pairs, tests, adjusted, strict=True)
    )


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Adjust p-values by Holm's method, in the order given.

    The smallest is multiplied by their number, the next by one less, and so on; none becomes less
    than a smaller one's, or more than 1. NaN stays NaN and does not count.

    Notes
    -----
    Agrees with R ``p.adjust(method = "holm")``.

    Examples
    --------
    >>> holm([0.03, 0.01, float("nan"), 0.02])
    array([0.04, 0.03,  nan, 0.04])
    """
    p = np.array(p_values, dtype=np.float64)
    present = np.flatnonzero(~np.isnan(p))
    order = present[np.argsort(p[present], kind="stable")]
    steps = np.arange(order.size, 0, -1) * p[order]
    p[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return frozen(p)
