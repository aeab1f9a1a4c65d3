"""What each patient adds to the score: the source of robust standard errors."""

from __future__ import annotations

import numpy as np

from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Indices


def score_residuals(likelihood: PartialLikelihood, beta: Floats) -> Floats:
    """Return (n, p) the score of each patient, not weighted; by Efron's rule where the fit is.

    A patient's own event counts against the mean covariate of those who might have had it; against
    it stands the hazard they lived through, times how far from the mean they were.
    """
    sample = likelihood.sample
    place, last = sample.place, sample.place.last
    h = likelihood.hazards(beta)
    events = place.totals(sample.weight, sample.event)
    mean = (h.a[:, None] * h.s1 - h.b[:, None] * h.d1) / np.where(events > 0, events, 1.0)[:, None]
    own = np.where(sample.event[:, None], sample.x - mean[last], 0.0)
    steps = h.alpha[:, None] * h.s1 - h.beta[:, None] * h.d1
    spared = h.beta[:, None] * h.s1 - h.gamma[:, None] * h.d1
    path = place.over_follow_up(steps) - np.where(sample.event[:, None], spared[last], 0.0)
    relative = (h.risk / sample.weight)[:, None]
    exposure = likelihood.exposure(h)[:, None]
    residuals: Floats = own - relative * (sample.x * exposure - path)
    return residuals


def robust_variance(
    likelihood: PartialLikelihood, beta: Floats, variance: Floats, cluster: Indices | None
) -> Floats:
    """Return the sandwich variance: squares of the influences, summed within clusters first."""
    weighted = likelihood.sample.weight[:, None] * score_residuals(likelihood, beta)
    influence = weighted @ variance
    if cluster is not None:
        columns = [np.bincount(cluster, column) for column in influence.T]
        influence = np.stack(columns, axis=1)
    squares: Floats = influence.T @ influence
    return squares
