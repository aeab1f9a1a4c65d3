"""Cox's model with ridge and lasso penalties, and how strong they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample, Slopes
from survival_bzd.estimate.cox_model.maximise import maximise
from survival_bzd.estimate.cox_model.problem import Problem, prepare
from survival_bzd.estimate.quantities import Floats, choice, frozen
from survival_bzd.estimate.risk_sets import Indices, cells

if TYPE_CHECKING:
    import pandas as pd

MAX_STEPS = 100
MAX_SWEEPS = 1000
EXACT = 1e-11
"""How far a slope may be from what the penalty asks for, relative to the largest slope."""

LEAST_L1 = 1e-3
"""Share of the lasso below which the path starts as if it were this: a ridge never reaches 0."""

SHORTEST = 1e-3
"""The last penalty of a path, relative to the first."""

_NOT_FOUND = (
    "Coefficients without a penalty did not converge: the data drive them to infinity, or their "
    "covariates determine each other. Take stronger penalties, or penalise every term."
)
VANISHED = 1e-7
"""Information about coefficients, relative to that at 0, below which they are not determined."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxPath:
    """Coefficients of Cox's model for k penalties, the strongest first.

    Attributes
    ----------
    formula, ties, l1_ratio : conventions.
    n, n_events, left_out : rows used; how many had the event; rows that miss something.
    terms : names of the p coefficients.
    scale : (p,) standard deviations by which covariates were divided for the penalty.
    penalty : (k,) the penalties, descending.
    coef : (k, p) log hazard ratios per unit of the covariate as given; NaN where it is constant.
    loglik : (k,) log partial likelihood, without the penalty.
    violation : (k,) largest distance of a slope from the condition that it meets at the optimum.
    cross_validated : (k,) cross-validated log partial likelihood; NaN without folds.
    cross_validated_error : (k,) its standard error, from its parts by fold.
    best : position of the penalty with the largest of these; -1 without folds.
    folds, seed : how patients were divided.
    """

    formula: str
    ties: str
    l1_ratio: float
    n: int
    n_events: int
    left_out: int
    terms: tuple[str, ...]
    scale: Floats
    penalty: Floats
    coef: Floats
    loglik: Floats
    violation: Floats
    cross_validated: Floats
    cross_validated_error: Floats
    best: int
    folds: int
    seed: int

    @property
    def selected(self) -> tuple[str, ...]:
        """Names of the coefficients that are not 0 at the best penalty."""
        if self.best < 0:
            return ()
        chosen = np.flatnonzero(np.nan_to_num(self.coef[self.best]))
        return tuple(self.terms[column] for column in chosen)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per penalty: its likelihoods, and the coefficients by name."""
        import pandas as pd

        columns = ("penalty", "loglik", "cross_validated", "cross_validated_error")
        numbers = {name: getattr(self, name) for name in columns}
        return pd.DataFrame({**numbers, **dict(zip(self.terms, self.coef.T, strict=True))})

    def __repr__(self) -> str:
        return f"<CoxPath: {self.formula}; {self.penalty.size} penalties, {self.n_events} events>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Penalty:
    """What is taken off the log likelihood: sum of l1 abs(b) + l2 b**2 / 2."""

    l1: Floats
    l2: Floats

    def of(self, b: Floats) -> float:
        """Return the penalty at a point."""
        return float(self.l1 @ np.abs(b) + self.l2 @ b**2 / 2)

    def violation(self, score: Floats, b: Floats) -> float:
        """Return how far the slopes are from those of an optimum (Karush, Kuhn and Tucker)."""
        slope = score - self.l2 * b
        off = np.where(
            b != 0, np.abs(slope - self.l1 * np.sign(b)), np.maximum(np.abs(slope) - self.l1, 0.0)
        )
        return float(off.max())


def cox_path(
    tte: TimeToEvent,
    formula: str,
    *,
    l1_ratio: float = 1.0,
    penalty: Sequence[float] | None = None,
    free: Sequence[str] = (),
    ties: str = "efron",
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    folds: int = 10,
    seed: int = 0,
) -> CoxPath:
    r"""Fit Cox's model with a ridge, lasso or elastic net penalty, from strong to weak.

    Maximises :math:`\ell(\beta) - \lambda \sum_j [\alpha s_j |\beta_j| + (1 - \alpha) s_j^2
    \beta_j^2 / 2]` for each penalty :math:`\lambda`, with :math:`\ell` the log partial likelihood
    of all rows (glmnet divides it by n, so its lambda is this one divided by n), :math:`s_j` the
    standard deviation of a column (divisor n - 1, not weighted) and :math:`\alpha` the `l1_ratio`.

    Parameters
    ----------
    tte, formula, strata
        As for `cox`. Each column of a factor is penalised by itself.
    l1_ratio : float, default 1
        1 is the lasso, which sets coefficients to 0; 0 the ridge, which shrinks them.
    penalty : descending numbers of 0 or more, optional
        By default 50, from the smallest at which the lasso sets all coefficients to 0 down to a
        thousandth of it, equally far apart in logarithm.
    free : names of terms, optional
        Terms that are not penalised.
    ties : {"efron", "breslow"}
    cluster : (n,) labels, optional
        Rows that stay together when patients are divided into folds.
    folds : int, default 10
        Parts for the cross-validation; 0 for none. Those with and those without an event are
        divided separately, at random.
    seed : int, default 0
        Of the random numbers that divide them.

    Returns
    -------
    CoxPath
        The best penalty has the largest cross-validated log partial likelihood
        :math:`\sum_k [\ell(\beta_{-k}) - \ell_{-k}(\beta_{-k})]`, where fold k is left out of what
        has the index -k.

    Raises
    ------
    NotEstimable
        If there is no event, or a coefficient that is not penalised is infinite.
    BadInput
        If the formula or an option cannot be used.

    Notes
    -----
    The ridge agrees with R ``coxph(Surv(time, event) ~ ridge(x, z, theta = penalty))`` to 1e-6
    relative (``tests/reference/cox_ridge.json``). The lasso meets the conditions of an optimum to
    1e-10 of the largest slope (`violation`); R survival does not have it. Standard errors and
    p-values of penalised coefficients have no agreed meaning, and none are given.

    References
    ----------
    .. [1] Verweij PJM, van Houwelingen HC (1993). Stat Med 12:2305-2314.
           doi:10.1002/sim.4780122407
    .. [2] Verweij PJM, van Houwelingen HC (1994). Stat Med 13:2427-2436.
           doi:10.1002/sim.4780132307
    .. [3] Simon N, Friedman J, Hastie T, Tibshirani R (2011). J Stat Softw 39(5):1-13.
           doi:10.18637/jss.v039.i05

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> covariates = pd.DataFrame({"dose": [10.0, 20, 5, 30, 15, 8], "n": [1, 0, 2, 1, 3, 2]})
    >>> tte = TimeToEvent([30, 12, 90, 12, 60, 45], [1, 1, 0, 1, 0, 1], covariates=covariates)
    >>> path = cox_path(tte, "dose + n", penalty=[3, 1], folds=0)
    >>> path.coef.round(3)
    array([[ 0.   , -0.158],
           [ 0.058, -1.045]])
    """
    choice("ties", ties, ("efron", "breslow"))
    problem = prepare(tte, formula, strata=strata, cluster=cluster)
    _check(problem, l1_ratio, penalty, free, folds)
    sample, scale = _standardised(problem)
    varying = scale > 0
    held = _penalised(problem, free)[varying]
    likelihood = PartialLikelihood(sample.only(np.flatnonzero(varying)), ties)
    largest, start = _largest(likelihood, held, max(l1_ratio, LEAST_L1))
    if penalty is None:
        path = largest * np.geomspace(1.0, SHORTEST, 50)
    else:
        path = np.array(penalty, dtype=np.float64)
    penalties = [_Penalty(l1=l1_ratio * each * held, l2=(1 - l1_ratio) * each * held)
                 for each in path]  # fmt: skip
    fitted = _follow(likelihood, penalties, start)
    slopes = [likelihood.slopes(b) for b in fitted]
    coef = np.full((path.size, scale.size), np.nan)
    coef[:, varying] = fitted / scale[varying]
    parts = _cross_validate(problem, likelihood, penalties, folds, seed)
    total = parts.sum(axis=0) if folds else np.full(path.size, np.nan)
    error = parts.std(axis=0, ddof=1) * np.sqrt(folds) if folds else np.full(path.size, np.nan)
    return CoxPath(
        formula=formula,
        ties=ties,
        l1_ratio=l1_ratio,
        n=problem.n,
        n_events=problem.events,
        left_out=tte.n - problem.n,
        terms=problem.design.names,
        scale=frozen(scale),
        penalty=frozen(path),
        coef=frozen(coef),
        loglik=frozen([at.loglik for at in slopes]),
        violation=frozen(
            [p.violation(at.score, b) for p, at, b in zip(penalties, slopes, fitted, strict=True)]
        ),
        cross_validated=frozen(total),
        cross_validated_error=frozen(error),
        best=int(np.argmax(total)) if folds else -1,
        folds=folds,
        seed=seed,
    )


def _check(
    problem: Problem,
    l1_ratio: float,
    penalty: Sequence[float] | None,
    free: Sequence[str],
    folds: int,
) -> None:
    """Refuse options that make no sense."""
    path = np.array([1.0] if penalty is None else penalty, dtype=np.float64)
    downward = path.size > 0 and np.isfinite(path).all() and (np.diff(path) < 0).all()
    terms = [name for name, _ in problem.design.terms]
    unknown = [name for name in free if name not in terms]
    event = problem.sample.event
    units = event.sum() if problem.cluster is None else np.unique(problem.cluster[event]).size
    rules = [
        (not 0 <= l1_ratio <= 1, "the share of the lasso must lie between 0 and 1",
         "Write 1 for the lasso, 0 for the ridge.", f"{l1_ratio:g}"),
        (not (downward and path[-1] >= 0), "penalties must be numbers of 0 or more, descending",
         "Give the strongest first.", str(penalty)),
        (bool(unknown), "a term that is not penalised must be a term of the formula",
         f"The terms are: {', '.join(terms)}.", ", ".join(unknown)),
        (len(set(free)) == len(terms), "some term must be penalised",
         "Fit the model without a penalty.", ", ".join(free)),
        (folds != 0 and not 2 <= folds <= units,
         f"folds must be 0, or 2 to {units}, the patients with an event",
         "Take fewer folds.", str(folds)),
    ]  # fmt: skip
    faults = [
        Fault(rule=rule, remedy=remedy, value=value) for broken, rule, remedy, value in rules
        if broken
    ]  # fmt: skip
    if faults:
        raise BadInput(faults)


def _standardised(problem: Problem) -> tuple[Sample, Floats]:
    """Return the sample with every column of the formula, each divided by its deviation."""
    x = problem.design.matrix
    centred = x - x.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0) / (x.shape[0] - 1))
    # What is constant but for rounding is constant.
    scale = np.where(scale > 1e-12 * np.abs(x).max(axis=0), scale, 0.0)
    x = np.asfortranarray(centred / np.where(scale > 0, scale, 1.0))
    part = problem.sample
    return Sample(x=x, event=part.event, weight=part.weight, place=part.place), scale


def _penalised(problem: Problem, free: Sequence[str]) -> Floats:
    """Return 1 for each column that is penalised, 0 for one that is not."""
    held = np.ones(len(problem.design.names))
    for name, columns in problem.design.terms:
        if name in free:
            held[list(columns)] = 0.0
    return held


def _largest(likelihood: PartialLikelihood, held: Floats, share: float) -> tuple[float, Floats]:
    """Return the smallest penalty that holds all coefficients at 0, and the others' fit there."""
    start, others = np.zeros(held.size), np.flatnonzero(held == 0)
    if others.size:
        fit = maximise(likelihood, start, others, tolerance=EXACT**2)
        if not fit.converged:
            raise NotEstimable(_NOT_FOUND)
        start = fit.beta
    score = likelihood.slopes(start).score
    return float(np.abs(score[held > 0]).max() / share), start


def _follow(likelihood: PartialLikelihood, path: Sequence[_Penalty], start: Floats) -> Floats:
    """Return the (k, p) maxima for each penalty, each search begun where the one before ended."""
    found, null = [], likelihood.slopes(np.zeros(likelihood.p))
    for penalty in path:
        start = _maximum(likelihood, penalty, start, null)
        found.append(start)
    return np.array(found)


def _maximum(likelihood: PartialLikelihood, penalty: _Penalty, b: Floats, null: Slopes) -> Floats:
    """Maximise by Newton steps: the penalised quadratic that touches at b is solved exactly."""
    at = likelihood.slopes(b)
    tolerance = EXACT * max(1.0, float(np.abs(null.score).max()))
    for _ in range(MAX_STEPS):
        if penalty.violation(at.score, b) <= tolerance:
            break
        curvature = at.information + np.diag(penalty.l2)
        linear = at.score - penalty.l2 * b + curvature @ b
        step = _quadratic_maximum(curvature, linear, penalty.l1, b) - b
        reached = _climb(likelihood, penalty, b, step, at)
        if reached is None:
            break
        b, at = reached
    done = penalty.violation(at.score, b) <= 10 * tolerance
    if not done or _undetermined(at, null, (penalty.l1 == 0) & (penalty.l2 == 0)):
        raise NotEstimable(_NOT_FOUND)
    return b


def _undetermined(at: Slopes, null: Slopes, free: NDArray[np.bool_]) -> bool:
    """Whether the slopes vanish only because the information about free coefficients does."""
    columns = np.flatnonzero(free & (np.diag(null.information) > 0))
    if not columns.size:
        return False
    unit = np.sqrt(np.diag(null.information)[columns])
    left = at.information[np.ix_(columns, columns)] / np.outer(unit, unit)
    return bool(np.linalg.eigvalsh(left)[0] < VANISHED)


def _climb(
    likelihood: PartialLikelihood, penalty: _Penalty, b: Floats, step: Floats, at: Slopes
) -> tuple[Floats, Slopes] | None:
    """Take the step, halved until what is maximised does not fall by more than rounding."""
    height = at.loglik - penalty.of(b)
    slack = 1e-12 * (1 + abs(height))
    for _ in range(40):
        reached = likelihood.slopes(b + step)
        if reached.loglik - penalty.of(b + step) >= height - slack:
            return b + step, reached
        step = step / 2
    return None


def _quadratic_maximum(h: Floats, c: Floats, l1: Floats, z: Floats) -> Floats:
    """Maximise c'z - z'Hz/2 - l1'abs(z): coordinate by coordinate until it is known which are 0.

    Then the others solve a linear system, and if they keep their signs that is the maximum.
    """
    z = z.copy()
    for _ in range(MAX_SWEEPS):
        solved = _with_signs_of(z, h, c, l1)
        if solved is not None:
            return solved
        before = z.copy()
        slope = c - h @ z
        for j in range(z.size):
            if h[j, j] <= 0:
                continue
            pull = slope[j] + h[j, j] * z[j]
            new = np.sign(pull) * max(abs(pull) - l1[j], 0.0) / h[j, j]
            if new != z[j]:
                slope -= h[:, j] * (new - z[j])
                z[j] = new
        if np.array_equal(before, z):
            break
    return z


def _with_signs_of(z: Floats, h: Floats, c: Floats, l1: Floats) -> Floats | None:
    """Solve for those that are not 0 with these signs; None if that is no maximum."""
    informative = np.diag(h) > 0
    active = np.flatnonzero((z != 0) | ((l1 == 0) & informative))
    solved = np.zeros_like(z)
    sign = np.where(l1 > 0, np.sign(z), 0.0)[active]
    try:
        inner = h[np.ix_(active, active)]
        solved[active] = np.linalg.solve(inner, c[active] - l1[active] * sign)
    except np.linalg.LinAlgError:
        return None
    kept = bool((np.sign(solved[active]) == sign)[sign != 0].all())
    beyond = (np.abs(c - h @ solved) > l1 * (1 + 1e-13)) & informative
    beyond[active] = False
    return solved if kept and not beyond.any() else None


def _cross_validate(
    problem: Problem,
    likelihood: PartialLikelihood,
    path: Sequence[_Penalty],
    folds: int,
    seed: int,
) -> Floats:
    """Return (folds, k) what each fold adds to the cross-validated log likelihood."""
    if not folds:
        return np.empty((0, len(path)))
    fold = _divide(problem, folds, seed)
    sample = likelihood.sample
    parts = np.empty((folds, len(path)))
    for left_out in range(folds):
        rows = fold != left_out
        training = PartialLikelihood(_subset(problem, sample, rows), likelihood.ties)
        for column, b in enumerate(_follow(training, path, np.zeros(likelihood.p))):
            parts[left_out, column] = likelihood.slopes(b).loglik - training.slopes(b).loglik
    return parts


def _divide(problem: Problem, folds: int, seed: int) -> Indices:
    """Return the fold of each row: at random, events spread evenly, clusters kept together."""
    event = problem.sample.event
    unit = np.arange(event.size) if problem.cluster is None else problem.cluster
    happened = np.bincount(unit, event) > 0
    rng = np.random.default_rng(seed)
    shuffled = np.concatenate(
        [rng.permutation(np.flatnonzero(happened)), rng.permutation(np.flatnonzero(~happened))]
    )
    fold = np.empty(happened.size, dtype=np.intp)
    fold[shuffled] = np.arange(shuffled.size) % folds
    return fold[unit]


def _subset(problem: Problem, sample: Sample, rows: NDArray[np.bool_]) -> Sample:
    """Return some rows of the sample, with risk sets of their own."""
    entry = None if problem.entry is None else problem.entry[rows]
    stratum = None if problem.stratum is None else problem.stratum[rows]
    if stratum is not None:
        stratum = np.unique(stratum, return_inverse=True)[1]
    return Sample(
        x=np.asfortranarray(sample.x[rows]),
        event=sample.event[rows],
        weight=sample.weight[rows],
        place=cells(problem.time[rows], entry, stratum),
    )
