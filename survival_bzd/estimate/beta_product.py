r"""Limits of a Kaplan-Meier curve for small samples: the beta product confidence procedure.

Were times continuous and everybody followed until relapse, survival at the j-th of n relapses
would be distributed as :math:`B(n, 1) B(n - 1, 1) \cdots B(n - j + 1, 1)`, B being independent beta
variables: the j-th largest of n uniform numbers. With censoring the numbers at risk take the place
of n, n - 1, ...; d relapses at one time with Y at risk give :math:`B(Y - d + 1, d)`. Between two
relapses survival lies between what it is just after the one and just before the next, so the
upper limit is taken from the product until t, and the lower one from the product times
:math:`B(Y(t+), 1)`, with :math:`Y(t+)` the patients still at risk just after t.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Group, RiskSets


def beta_limits(
    group: Group, counts: RiskSets, cluster: NDArray[np.intp] | None, confidence: float
) -> tuple[Floats, Floats]:
    """Return the beta product limits of S at each distinct time, and until the next.

    The product of betas is taken to be the beta variable with its first two moments, which is
    exact without censoring; then the limits are those of Clopper and Pearson at every time. With
    it the lower limit is up to 0.02 nearer the estimate where fewer than five are left. After
    heavy censoring limits from moments may rise a little at a relapse (by 0.0005 in trials); they
    are kept from it by their running minimum.

    Raises
    ------
    BadInput
        If there are weights other than 1, late entries or clusters.
    """
    _refuse_what_has_no_theory(group, cluster)
    left = counts.at_risk - counts.events
    after = left - counts.censored
    events = counts.events
    # Logarithms of ratios of moments, so that nothing cancels where survival is almost 1:
    # of E(B), of E(B^2) / E(B), and of E(B^2) / E(B)^2.
    mean = np.cumsum(np.log1p(-events / (counts.at_risk + 1)))
    ratio = np.cumsum(np.log1p(-events / (counts.at_risk + 2)))
    spread = np.cumsum(np.log1p(events / ((left + 1) * (counts.at_risk + 2))))
    tail = (1 - confidence) / 2
    upper = _quantile(mean, ratio, spread, 1 - tail)
    lower = np.zeros(left.size)
    some = after > 0
    next_one = after[some]
    lower[some] = _quantile(
        mean[some] - np.log1p(1 / next_one),
        ratio[some] - np.log1p(1 / (next_one + 1)),
        spread[some] + np.log1p(1 / (next_one * (next_one + 2))),
        tail,
    )
    return np.minimum.accumulate(lower), np.minimum.accumulate(upper)


def limits_before(n: int, confidence: float) -> tuple[float, float]:
    """Return the limits of S from time zero to the first follow-up time: of B(n, 1), and 1."""
    return float(((1 - confidence) / 2) ** (1 / n)), 1.0


def _quantile(mean: Floats, ratio: Floats, spread: Floats, p: float) -> Floats:
    """Return the quantile of the beta variable that has these moments; 1 where it is certain."""
    from scipy.special import betaincinv

    certain = spread == 0
    size = -np.expm1(ratio) / np.where(certain, 1.0, np.expm1(spread))
    found = betaincinv(
        np.where(certain, 1.0, size), np.where(certain, 1.0, size * np.expm1(-mean)), p
    )
    quantile: Floats = np.where(certain, 1.0, found)
    return quantile


def _refuse_what_has_no_theory(group: Group, cluster: NDArray[np.intp] | None) -> None:
    reasons = {
        "weights other than 1": group.weight is not None and bool((group.weight != 1).any()),
        "late entries": group.entry is not None and not bool(np.isnan(group.entry).all()),
        "clusters": cluster is not None,
    }
    faults = [
        Fault(
            rule="beta limits are for patients who count once each, followed from the origin: the "
            "distribution they rest on is not known otherwise",
            remedy="Choose limits log-log, log, plain, arcsin or logit.",
            value=what,
        )
        for what, found in reasons.items()
        if found
    ]
    if faults:
        raise BadInput(faults)
