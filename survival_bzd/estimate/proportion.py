"""A share of patients with exact limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import normal_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A share: `successes` of `n`, with limits.

    Attributes
    ----------
    successes, n : the counts.
    estimate, lower, upper : the share and its limits, in [0, 1]; NaN where n is 0.
    confidence : coverage of the limits, at least.
    method : how the limits were made.
    """

    successes: int
    n: int
    estimate: float
    lower: float
    upper: float
    confidence: float
    method: str = "Clopper-Pearson"


def proportion(successes: int, n: int, *, confidence: float = 0.95) -> Proportion:
    """Return a share with exact (Clopper-Pearson) limits.

    Parameters
    ----------
    successes : from 0 to n.
    n : patients.
    confidence : float, default 0.95
        Coverage, which the limits have or exceed.

    Raises
    ------
    BadInput
        If the counts contradict each other.

    Notes
    -----
    Agrees with R ``binom.test`` to 1e-12 relative (``tests/reference/exact_limits.json``).

    References
    ----------
    .. [1] Clopper CJ, Pearson ES (1934). Biometrika 26:404-413. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> free = proportion(20, 22)
    >>> round(free.lower, 3), round(free.upper, 3)
    (0.708, 0.989)
    """
    if not 0 <= successes <= n:
        raise BadInput(
            [
                Fault(
                    rule="the successes of a proportion must lie between 0 and the number counted",
                    remedy="Check the counts.",
                    value=f"{successes} of {n}",
                )
            ]
        )
    normal_quantile(confidence)
    if not n:
        return Proportion(
            successes=0, n=0, estimate=math.nan, lower=math.nan, upper=math.nan,
            confidence=confidence,
        )  # fmt: skip
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    failures = n - successes
    lower = betaincinv(successes, failures + 1, tail) if successes else 0.0
    upper = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return Proportion(
        successes=successes,
        n=n,
        estimate=successes / n,
        lower=float(lower),
        upper=float(upper),
        confidence=confidence,
    )
