"""Firth's penalised likelihood: finite coefficients also under separation."""

from __future__ import annotations

import numpy as np

from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample, Slopes
from survival_bzd.estimate.cox_model.maximise import inverse
from survival_bzd.estimate.quantities import Floats


class FirthLikelihood:
    r"""The partial likelihood with Jeffreys' prior: log L + log det(I) / 2.

    Its gradient adds to the score, for each coefficient, half the trace of
    :math:`I^{-1} \partial I / \partial\beta`, a third moment of the covariates over each risk set.

    References
    ----------
    .. [1] Firth D (1993). Biometrika 80:27-38. doi:10.1093/biomet/80.1.27
    .. [2] Heinze G, Schemper M (2001). Biometrics 57:114-119.
           doi:10.1111/j.0006-341X.2001.00114.x
    """

    def __init__(self, sample: Sample, ties: str) -> None:
        self.partial = PartialLikelihood(sample, ties)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return self.partial.p

    def slopes(self, beta: Floats) -> Slopes:
        """Return the penalised log likelihood and its gradient, with the information."""
        plain = self.partial.slopes(beta)
        if not np.isfinite(plain.loglik):
            return plain
        sign, log_det = np.linalg.slogdet(plain.information)
        if sign <= 0:
            return Slopes(loglik=-np.inf, score=plain.score, information=plain.information)
        return Slopes(
            loglik=plain.loglik + log_det / 2,
            score=plain.score + self._trace(beta, inverse(plain.information)) / 2,
            information=plain.information,
        )

    def _trace(self, beta: Floats, variance: Floats) -> Floats:
        """Return the trace of variance times the derivative of the information, by coefficient.

        Over one term of the likelihood, with mean E and covariance C of x and q = x' V x, it is
        cov(q, x) - 2 C V E.
        """
        partial, sample = self.partial, self.partial.sample
        n, p = sample.x.shape
        risk = partial.hazards(beta).risk
        form = np.einsum("ia,ab,ib->i", sample.x, variance, sample.x)
        products = (sample.x[:, :, None] * sample.x[:, None, :]).reshape(n, p * p)
        moments = np.hstack([np.ones((n, 1)), sample.x, form[:, None], form[:, None] * sample.x])
        moments = risk[:, None] * np.hstack([moments, products])
        deaths = partial.deaths
        present = sample.place.at_risk(moments)[deaths.cell]
        dying = sample.place.totals(moments, sample.event)[deaths.cell]
        left = present - deaths.fraction[:, None] * dying
        mean = left / left[:, :1]
        x, q, qx = mean[:, 1 : p + 1], mean[:, p + 1], mean[:, p + 2 : 2 * p + 2]
        xx = mean[:, 2 * p + 2 :].reshape(-1, p, p)
        along = x @ variance
        spread = np.einsum("mab,mb->ma", xx, along) - x * np.sum(x * along, axis=1)[:, None]
        third = qx - q[:, None] * x - 2 * spread
        trace: Floats = deaths.mass @ third
        return trace
