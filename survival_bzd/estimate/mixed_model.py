"""The mean course of repeated scores: a linear mixed model by restricted maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.errors import NotEstimable
from survival_bzd.estimate.quantities import normal_quantile

Course = Literal["linear", "quadratic"]
Floats = NDArray[np.float64]

SINGULAR = 1e-4
"""A standard deviation of random effects below this part of the residual one is none: lme4's."""

NO_SPREAD = 1e-20
"""Squared scores that are left over below this part of all are rounding."""

POLISHING = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanCourse:
    """A mean at some times, with limits.

    Attributes
    ----------
    time : (k,) as asked for.
    mean, std_error, lower, upper : (k,) in points of the score.
    """

    time: Floats
    mean: Floats
    std_error: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedModel:
    """A linear mixed model of scores over time.

    Attributes
    ----------
    n, n_scores : patients and scores in it.
    terms : names of the fixed effects, ``"1"``, ``"time"``, ``"time^2"``.
    coef : (p,) their estimates; `covariance` (p, p) of them.
    random : the random effects, ``("1",)`` or ``("1", "time")``.
    random_covariance : (q, q) their covariance.
    residual_variance : of a score about its patient's course.
    loglik : restricted log-likelihood, as R's nlme and lme4 count it.
    gradient : largest derivative of the log-likelihood where the search ended.
    df : of the t distribution of the limits, the patients less one.
    confidence : coverage of the limits.
    warnings : what was tried and given up, in sentences.
    """

    n: int
    n_scores: int
    terms: tuple[str, ...]
    coef: Floats
    covariance: Floats
    random: tuple[str, ...]
    random_covariance: Floats
    residual_variance: float
    loglik: float
    gradient: float
    df: int
    confidence: float
    warnings: tuple[str, ...]

    def mean_at(self, time: ArrayLike) -> MeanCourse:
        """Return the mean score at each time."""
        times = np.asarray(time, dtype=np.float64)
        return self._course(times, _powers(times, len(self.terms)))

    def change_at(self, time: ArrayLike) -> MeanCourse:
        """Return the mean change since time 0 at each time; at 0 it is 0, without error."""
        times = np.asarray(time, dtype=np.float64)
        powers = _powers(times, len(self.terms))
        powers[:, 0] = 0
        return self._course(times, powers)

    def _course(self, times: Floats, powers: Floats) -> MeanCourse:
        from scipy.special import stdtrit

        mean = powers @ self.coef
        variance = np.einsum("ij,jk,ik->i", powers, self.covariance, powers)
        error = np.sqrt(np.maximum(variance, 0.0))
        width = float(stdtrit(self.df, (1 + self.confidence) / 2)) * error
        return MeanCourse(
            time=times, mean=mean, std_error=error, lower=mean - width, upper=mean + width
        )


def mixed_model(
    score: ArrayLike,
    time: ArrayLike,
    patient: ArrayLike,
    *,
    course: Course = "quadratic",
    slopes: bool = True,
    confidence: float = 0.95,
) -> MixedModel:
    """Fit the mean course of scores over time, with a random intercept and slope per patient.

    Where the random slope cannot be told from none (its variance is estimated as 0, or the two
    random effects as one), the model is fitted again with a random intercept alone and says so.

    Parameters
    ----------
    score, time : (m,) the scores and when they were given, from 0 at the baseline.
    patient : (m,) whose they are.
    course : how the mean depends on time. A power of time that the times cannot tell is left out,
        and said.
    slopes : whether to try a random slope.
    confidence : float, default 0.95
        Of the limits, which are those of a t distribution with the patients less one as degrees of
        freedom.

    Raises
    ------
    NotEstimable
        If there are fewer than two patients, nobody has two scores, or the scores do not vary
        within patients.

    Notes
    -----
    The restricted likelihood is maximised over the Cholesky factor of the random effects'
    covariance, relative to the residual variance, by its derivative. Agrees with R nlme ``lme`` to
    1e-9 relative (``tests/reference/mixed_model.json``), and with the likelihood of statsmodels
    ``MixedLM``, whose own search ends away from the maximum on data such as these.

    References
    ----------
    .. [1] Laird NM, Ware JH (1982). Biometrics 38:963-974. doi:10.2307/2529876
    .. [2] Bates D, Maechler M, Bolker B, Walker S (2015). J Stat Softw 67(1).
       doi:10.18637/jss.v067.i01

    Examples
    --------
    >>> fit = mixed_model([20, 16, 11, 24, 21, 20, 15, 14, 8], [0, 2, 4] * 3,
    ...                   ["a"] * 3 + ["b"] * 3 + ["c"] * 3, course="linear", slopes=False)
    >>> fit.coef.round(3).tolist(), round(fit.residual_variance, 3)
    ([19.889, -1.667], 2.267)
    """
    normal_quantile(confidence)
    scores = np.asarray(score, dtype=np.float64)
    times = np.asarray(time, dtype=np.float64)
    _, whose = np.unique(np.asarray(patient, dtype=object).astype(str), return_inverse=True)
    powers, warnings = _estimable(times, course)
    data = _Sums.of(scores, times, whose, powers)
    _require_variation(scores, times, whose, powers)
    if slopes:
        fit, why = _with_slope(data, confidence)
        if fit is not None:
            return replace(fit, warnings=(*warnings, *fit.warnings))
        warnings = (*warnings, why)
    fit = _fitted(data.without_slope(), confidence)
    if fit.random_covariance[0, 0] == 0:
        warnings = (
            *warnings,
            "The random intercept has an estimated variance of 0: the limits of the mean take the "
            "scores of a patient as independent of each other.",
        )
    return replace(fit, warnings=warnings)


def _powers(times: Floats, count: int) -> Floats:
    return np.power.outer(times, np.arange(count))


def _estimable(times: Floats, course: Course) -> tuple[int, tuple[str, ...]]:
    """Return how many powers of time the times can tell, and what was left out."""
    wanted = {"linear": 2, "quadratic": 3}[course]
    powers = min(wanted, int(np.unique(times).size))
    if powers == wanted:
        return powers, ()
    kept = {0: "no mean", 1: "one mean for all times", 2: "a straight line"}[powers]
    said = f"Scores at {powers} different time{'' if powers == 1 else 's'} allow {kept} only."
    return powers, (said,)


def _require_variation(scores: Floats, times: Floats, whose: NDArray[np.intp], powers: int) -> None:
    """Require something that a residual variance can be estimated from, within patients."""
    patients = int(whose.max()) + 1 if whose.size else 0
    if patients < 2:
        raise NotEstimable("a mixed model needs the scores of two patients or more")
    columns = np.column_stack([scores, _powers(times, powers)[:, 1:]])
    size = np.bincount(whose)
    means = [np.bincount(whose, weights=column) / size for column in columns.T]
    within = columns - np.column_stack(means)[whose]
    if scores.size - patients - (powers - 1) < 1:
        raise NotEstimable("too few patients have more than one score for a mixed model")
    fitted = np.linalg.lstsq(within[:, 1:], within[:, 0], rcond=None)[0]
    left = within[:, 0] - within[:, 1:] @ fitted
    if float(left @ left) <= NO_SPREAD * max(float(scores @ scores), np.finfo(float).tiny):
        raise NotEstimable("the scores do not vary within patients about the mean course")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """All that the likelihood needs of the data: sums of products, of each patient and of all.

    Times are in units of the longest one, so that intercept and slope are of one size.
    """

    unit: float
    n: int
    m: int
    zz: Floats
    zx: Floats
    zy: Floats
    xx: Floats
    xy: Floats
    yy: float

    @classmethod
    def of(cls, scores: Floats, times: Floats, whose: NDArray[np.intp], powers: int) -> _Sums:
        unit = float(np.abs(times).max(initial=0.0)) or 1.0
        x = _powers(times / unit, powers)
        z = _powers(times / unit, 2)
        patients = int(whose.max()) + 1 if whose.size else 0

        def summed(left: Floats, right: Floats) -> Floats:
            products = np.einsum("ij,ik->ijk", left, right)
            total = np.zeros((patients, *products.shape[1:]))
            np.add.at(total, whose, products)
            return total

        y = scores[:, None]
        return cls(
            unit=unit, n=patients, m=scores.size, zz=summed(z, z), zx=summed(z, x),
            zy=summed(z, y)[:, :, 0], xx=x.T @ x, xy=x.T @ scores, yy=float(scores @ scores),
        )  # fmt: skip

    def without_slope(self) -> _Sums:
        return replace(self, zz=self.zz[:, :1, :1], zx=self.zx[:, :1], zy=self.zy[:, :1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _At:
    """The restricted likelihood at a covariance of the random effects, and what goes with it."""

    loglik: float
    slope: Floats
    coef: Floats
    inverse: Floats
    variance: float


def _factor(theta: Floats) -> Floats:
    """Return the lower triangle that the parameters fill row by row."""
    size = 1 if theta.size == 1 else 2
    factor = np.zeros((size, size))
    factor[np.tril_indices(size)] = theta
    return factor


def _at(theta: Floats, data: _Sums) -> _At:
    """Work out the restricted log-likelihood and its derivative by the parameters."""
    factor = _factor(theta)
    size = factor.shape[0]
    inner = np.eye(size) + factor.T @ data.zz @ factor
    kernel = factor @ np.linalg.solve(inner, np.broadcast_to(factor.T, inner.shape))
    # A patient's X'V^-1 X is X'X - X'Z K Z'X, and so on: V^-1 itself is never made.
    weighted = kernel @ data.zx
    xvx = data.xx - np.einsum("nij,nik->jk", data.zx, weighted)
    xvy = data.xy - np.einsum("nij,ni->j", weighted, data.zy)
    yvy = data.yy - float(np.einsum("ni,nij,nj->", data.zy, kernel, data.zy))
    inverse = np.linalg.inv(xvx)
    coef = inverse @ xvy
    free = data.m - coef.size
    variance = (yvy - float(coef @ xvy)) / free
    loglik = -0.5 * (
        free * (math.log(2 * math.pi * variance) + 1)
        + float(np.linalg.slogdet(xvx)[1])
        + float(np.linalg.slogdet(inner)[1].sum())
    )
    shrunk = np.eye(size) - data.zz @ kernel
    zvx = shrunk @ data.zx
    zvr = np.einsum("nij,nj->ni", shrunk, data.zy - data.zx @ coef)
    gradient = -0.5 * (
        (shrunk @ data.zz).sum(axis=0)
        - np.einsum("ni,nj->ij", zvr, zvr) / variance
        - np.einsum("nij,jk,nlk->il", zvx, inverse, zvx)
    )
    slope = (2 * gradient @ factor)[np.tril_indices(size)]
    return _At(loglik=loglik, slope=slope, coef=coef, inverse=inverse, variance=variance)


def _with_slope(data: _Sums, confidence: float) -> tuple[MixedModel | None, str]:
    """Fit a random intercept and slope; or say why there is none."""
    if data.zx.shape[2] < 2 or data.m <= 2 * data.n:
        return None, "A random slope needs more than two scores a patient; it was left out."
    fit = _fitted(data, confidence)
    scaled = np.array([1.0, data.unit])
    covariance = fit.random_covariance * np.outer(scaled, scaled) / fit.residual_variance
    if float(np.linalg.eigvalsh(covariance)[0]) < SINGULAR**2:
        return None, (
            "With a random slope the covariance of the random effects was singular; the model has "
            "a random intercept alone."
        )
    if not fit.gradient < 1e-4:
        return None, (
            "With a random slope the search did not converge; the model has a random intercept "
            "alone."
        )
    return fit, ""


def _fitted(data: _Sums, confidence: float) -> MixedModel:
    theta, found = _maximum(data)
    size = 1 if theta.size == 1 else 2
    factor = _factor(theta)
    scale = data.unit ** -np.arange(found.coef.size, dtype=np.float64)
    random_scale = data.unit ** -np.arange(size, dtype=np.float64)
    powers = ("1", "time", "time^2")
    # The constant of time's unit, so that the likelihood is that of the times as given.
    loglik = found.loglik + float(np.log(scale).sum())
    return MixedModel(
        n=data.n,
        n_scores=data.m,
        terms=powers[: found.coef.size],
        coef=found.coef * scale,
        covariance=found.variance * found.inverse * np.outer(scale, scale),
        random=powers[:size],
        random_covariance=found.variance
        * (factor @ factor.T)
        * np.outer(random_scale, random_scale),
        residual_variance=found.variance,
        loglik=loglik,
        gradient=float(np.abs(found.slope).max()),
        df=data.n - 1,
        confidence=confidence,
        warnings=(),
    )


def _maximum(data: _Sums) -> tuple[Floats, _At]:
    """Search from three spreads of the random effects; the best is polished by Newton's steps."""
    from scipy.optimize import minimize

    corner = np.array([1.0]) if data.zz.shape[1] == 1 else np.array([1.0, 0.0, 1.0])
    bounds: list[tuple[float | None, None]] = [(0, None) if one else (None, None) for one in corner]

    def downhill(theta: Floats) -> tuple[float, Floats]:
        here = _at(theta, data)
        return -here.loglik, -here.slope

    best: Any = None
    for spread in (0.3, 1.0, 3.0):
        found = minimize(
            downhill, corner * spread, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500},
        )  # fmt: skip
        if best is None or found.fun < best.fun:
            best = found
    theta = np.where((corner > 0) & (best.x < SINGULAR), 0.0, best.x)
    if (theta[corner > 0] == 0).any():
        return theta, _at(theta, data)
    return _polished(theta, data)


def _polished(theta: Floats, data: _Sums) -> tuple[Floats, _At]:
    """Take Newton's steps while they make the derivative smaller and not the likelihood."""
    here = _at(theta, data)
    for _ in range(POLISHING):
        steps = 1e-5 * np.maximum(np.abs(theta), 1e-2)
        ahead = [_at(theta + step, data).slope for step in np.diag(steps)]
        behind = [_at(theta - step, data).slope for step in np.diag(steps)]
        curvature = (np.array(ahead) - np.array(behind)) / (2 * steps[:, None])
        try:
            moved = theta - np.linalg.solve(curvature, here.slope)
        except np.linalg.LinAlgError:
            break
        there = _at(moved, data)
        smaller = np.abs(there.slope).max() < np.abs(here.slope).max()
        if not (smaller and there.loglik > here.loglik - 1e-7):
            break
        theta, here = moved, there
    return theta, here
