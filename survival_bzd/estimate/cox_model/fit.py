"""Cox's model from the formula to the hazard table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.concordance import concordance
from survival_bzd.estimate.cox_model.changing import Change
from survival_bzd.estimate.cox_model.exact import ExactLikelihood
from survival_bzd.estimate.cox_model.firth import FirthLikelihood
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood, Sample, Slopes
from survival_bzd.estimate.cox_model.maximise import (
    Maximum,
    inverse,
    maximise,
    monotone_direction,
    near_maximum,
    solve,
)
from survival_bzd.estimate.cox_model.problem import Problem, prepare
from survival_bzd.estimate.cox_model.profile import profile_limit, profile_test, tolerance_of
from survival_bzd.estimate.cox_model.proportional_hazards import (
    TRANSFORMS,
    PhTest,
    proportional_hazards_tests,
    time_scale,
)
from survival_bzd.estimate.cox_model.residuals import robust_variance
from survival_bzd.estimate.cox_model.result import CoxFit
from survival_bzd.estimate.quantities import (
    Estimate,
    Floats,
    Test,
    chi_square_tail,
    choice,
    normal_quantile,
    sealed,
    two_sided_p,
)

FEW_EVENTS = 5
"""Events per parameter below which Firth's penalised likelihood is advised."""

MANY = 1000
"""Patients from which working out the information costs more than the likelihood itself."""

Unpenalised = PartialLikelihood | ExactLikelihood


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solution:
    """A maximum and what follows from it, in the columns that can be estimated.

    Attributes
    ----------
    likelihood : what was maximised.
    start, loglik_null : the partial likelihood at 0; what was maximised there.
    best : the maximum.
    direction : (q,) where the coefficients run to infinity; 0 where they are finite.
    penalty : ``"none"`` or ``"firth"``.
    variance, robust : (q, q) variance by the information, and the robust one if any.
    """

    likelihood: Unpenalised | FirthLikelihood
    start: Slopes
    loglik_null: float
    best: Maximum
    direction: Floats
    penalty: str
    variance: Floats
    robust: Floats | None

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which coefficients the data do not drive to infinity."""
        finite: NDArray[np.bool_] = self.direction == 0
        return finite


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Interval:
    """Limits of coefficients and the p-values that go with them."""

    lower: Floats
    upper: Floats
    p_value: Floats


def cox(
    tte: TimeToEvent,
    formula: str,
    *,
    ties: str = "efron",
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    patient: ArrayLike | None = None,
    changing: Mapping[str, Change] | None = None,
    penalty: str = "none",
    limits: str | None = None,
    confidence: float = 0.95,
    transform: str = "km",
) -> CoxFit:
    """Fit Cox's model: hazard ratios of covariates.

    At risk at t are those with time >= t and, where there is a late entry, entry < t. Covariates
    that change during follow-up are given as several (entry, time] rows of one patient.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with covariates, weights and late entries.
    formula : str
        As in R, for example ``age + C(arm)``. Text is a factor; its first level in order is the
        reference. Patients without a covariate are left out and counted.
    ties : {"efron", "breslow", "exact"}
        How tied events share a risk set. ``"exact"`` is the discrete partial likelihood.
    strata : (n,) labels, optional
        A baseline hazard for each.
    cluster : (n,) labels, optional
        Rows that belong together; standard errors are then robust.
    patient : (n,) labels, optional
        Whose row it is. Rows of one patient must not overlap. As in R (`id`), errors are robust,
        over patients, only if one of them has several events or a weight is not whole; pieces of a
        patient with one event need no robust error.
    changing : mapping of terms of the formula to ``"log"``, ``"identity"`` or times, optional
        Coefficients that change with time, as R's ``tt(x)``: the model is extended by the term
        times log(t) or t, or by what its coefficient changes by after each of the times. For this
        the follow-up is split at the event times.
    penalty : {"none", "firth", "auto"}
        ``"auto"`` takes Firth's penalised likelihood where separation is found or events per
        parameter are fewer than 5.
    limits : {"wald", "profile"}, optional
        By default profile limits with Firth's likelihood (unless errors are robust), else Wald's.
    confidence : float, default 0.95
        Coverage of the limits.
    transform : {"km", "rank", "identity", "log"}
        Time scale of the tests of proportional hazards.

    Returns
    -------
    CoxFit

    Raises
    ------
    NotEstimable
        If there is no event, or no covariate varies among those at risk at one.
    BadInput
        If the formula or an option cannot be used.

    Notes
    -----
    Agrees with R ``coxph`` (eps = 1e-13) to 1e-6 relative, with its robust errors, concordance and
    ``cox.zph`` (``tests/reference/cox.json``). Where the likelihood is monotone R stops at some
    large coefficient; here the coefficient is infinite, and named. For exact ties the test of
    proportional hazards is of the discrete likelihood itself; R takes Breslow's there. Rows of
    patients and coefficients that change agree with R ``coxph(id =)`` and ``tt()``
    (``tests/reference/cox_time.json``).

    References
    ----------
    .. [1] Cox DR (1972). J R Stat Soc B 34:187-220. doi:10.1111/j.2517-6161.1972.tb00899.x
    .. [2] Efron B (1977). J Am Stat Assoc 72:557-565. doi:10.2307/2286217
    .. [3] Grambsch PM, Therneau TM (1994). Biometrika 81:515-526. doi:10.1093/biomet/81.3.515
    .. [4] Heinze G, Schemper M (2001). Biometrics 57:114-119.
           doi:10.1111/j.0006-341X.2001.00114.x

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> covariates = pd.DataFrame({"dose": [10.0, 20, 5, 30, 15, 8]})
    >>> tte = TimeToEvent([30, 12, 90, 12, 60, 45], [1, 1, 0, 1, 0, 1], covariates=covariates)
    >>> fit = cox(tte, "dose")
    >>> fit.terms, fit.hazard_ratio.round(3)
    (('dose',), array([1.126]))
    """
    choice("ties", ties, ("efron", "breslow", "exact"))
    choice("penalty", penalty, ("none", "firth", "auto"))
    choice("transform", transform, TRANSFORMS)
    z = normal_quantile(confidence)
    problem = prepare(
        tte, formula, strata=strata, cluster=cluster, patient=patient, changing=changing
    )
    _check_combination(problem, ties, penalty, limits)
    solution = _solve(problem, ties, penalty)
    if limits is None:
        limits = "profile" if solution.penalty == "firth" and not problem.robust else "wald"
    interval = _profile(solution, z) if limits == "profile" else _wald(solution, z)
    beta = np.where(solution.finite, solution.best.beta, np.copysign(np.inf, solution.direction))
    covariance = solution.variance if solution.robust is None else solution.robust
    std_error = _std_error(solution, solution.variance)
    robust = np.full_like(beta, np.nan)
    if solution.robust is not None:
        robust = _std_error(solution, solution.robust)
    everywhere = _Placement(problem)
    coef = everywhere.vector(beta)
    names = problem.design.names
    with np.errstate(over="ignore"):
        # A limit too large to write is infinite.
        ratio, lower, upper = (
            np.exp(each)
            for each in (
                coef,
                everywhere.vector(interval.lower),
                everywhere.vector(interval.upper),
            )
        )
    return CoxFit(
        formula=formula,
        n=problem.n,
        n_events=problem.events,
        left_out=tte.n - problem.n,
        terms=names,
        coef=coef,
        std_error=everywhere.vector(std_error),
        robust_std_error=everywhere.vector(robust),
        hazard_ratio=sealed(ratio),
        lower=sealed(lower),
        upper=sealed(upper),
        p_value=everywhere.vector(interval.p_value),
        covariance=everywhere.matrix(
            np.where(solution.finite[:, None] & solution.finite, covariance, np.nan)
        ),
        loglik_null=solution.loglik_null,
        loglik_fitted=solution.best.slopes.loglik,
        likelihood_ratio=Test.chi_square(
            2 * (solution.best.slopes.loglik - solution.loglik_null), beta.size
        ),
        wald=_wald_test(solution, covariance),
        score=_score_test(solution),
        concordance_of=partial(_concordance, problem, solution.best.beta, confidence),
        ties=ties,
        penalty=solution.penalty,
        limits=limits,
        confidence=confidence,
        robust=solution.robust is not None,
        events_per_parameter=problem.events / beta.size,
        separated=tuple(names[column] for column in problem.columns[~solution.finite]),
        reasons=_reasons(problem, solution),
        warnings=_warnings(problem, solution),
        proportional_hazards_of=partial(_proportional_hazards, problem, solution, ties, transform),
        transform=transform,
        problem=problem,
    )


class _Placement:
    """Puts what was estimated among all coefficients; the others are NaN."""

    def __init__(self, problem: Problem) -> None:
        self.columns = problem.columns
        self.p = len(problem.design.names)

    def vector(self, values: Floats) -> Floats:
        """Place (q,) values in (p,)."""
        placed = np.full(self.p, np.nan)
        placed[self.columns] = values
        return sealed(placed)

    def matrix(self, values: Floats) -> Floats:
        """Place (q, q) values in (p, p)."""
        placed = np.full((self.p, self.p), np.nan)
        placed[self.columns[:, None], self.columns] = values
        return sealed(placed)


def _check_combination(problem: Problem, ties: str, penalty: str, limits: str | None) -> None:
    """Refuse options that exclude each other."""
    weighted = bool((problem.weight != 1).any())
    rules = [
        (ties == "exact" and (weighted or problem.robust),
         "exact ties allow neither weights nor clusters", "Use Efron's ties."),
        (ties == "exact" and penalty == "firth",
         "exact ties and Firth's penalty cannot be combined", "Use Efron's ties."),
        (limits == "profile" and problem.robust,
         "profile limits cannot account for clusters or weights that are not whole",
         "Use Wald's limits."),
    ]  # fmt: skip
    faults = [Fault(rule=rule, remedy=remedy) for broken, rule, remedy in rules if broken]
    if faults:
        raise BadInput(faults)
    if limits is not None:
        choice("limits", limits, ("wald", "profile"))


def _solve(problem: Problem, ties: str, penalty: str) -> _Solution:
    """Maximise the likelihood, find out whether it is monotone, and choose the penalty."""
    q = problem.columns.size
    climbed: Unpenalised = problem.efron
    if ties != "efron":
        climbed = _unpenalised(problem.efron.sample, ties)
    start = problem.null if ties == "efron" else climbed.slopes(np.zeros(q))
    begin, at = np.zeros(q), start
    if isinstance(climbed, PartialLikelihood):
        begin, at = near_maximum(climbed, start)
    many = problem.event.size >= MANY
    plain = maximise(climbed, begin, np.arange(q), at=at, reuse=many)
    direction = monotone_direction(climbed.sample, plain.step)
    if penalty == "auto":
        few = direction is not None or problem.events / q < FEW_EVENTS
        penalty = "firth" if few and ties != "exact" else "none"
    likelihood: Unpenalised | FirthLikelihood = climbed
    best, loglik_null = plain, start.loglik
    if penalty == "firth":
        likelihood = FirthLikelihood(problem.sample, ties)
        null = likelihood.slopes(np.zeros(q))
        best = maximise(
            likelihood, np.zeros(q), np.arange(q), at=null, tolerance=tolerance_of(penalty)
        )
        loglik_null = null.loglik
        direction = None
    variance = inverse(best.slopes.information)
    robust = None
    if problem.robust:
        # Exact ties allow no clusters.
        partial_likelihood = PartialLikelihood(problem.sample, ties)
        robust = robust_variance(partial_likelihood, best.beta, variance, problem.cluster)
    return _Solution(
        likelihood=likelihood,
        start=start,
        loglik_null=loglik_null,
        best=best,
        direction=np.zeros(q) if direction is None else direction,
        penalty=penalty,
        variance=variance,
        robust=robust,
    )


def _unpenalised(sample: Sample, ties: str) -> Unpenalised:
    """Return the partial likelihood of a sample."""
    return ExactLikelihood(sample) if ties == "exact" else PartialLikelihood(sample, ties)


def _std_error(solution: _Solution, covariance: Floats) -> Floats:
    """Return the standard errors; NaN where a coefficient is infinite."""
    return np.where(solution.finite, np.sqrt(covariance.diagonal()), np.nan)


def _wald(solution: _Solution, z: float) -> _Interval:
    """Return limits symmetric about the coefficient."""
    covariance = solution.variance if solution.robust is None else solution.robust
    std_error = _std_error(solution, covariance)
    beta = solution.best.beta
    return _Interval(
        lower=beta - z * std_error,
        upper=beta + z * std_error,
        p_value=two_sided_p(beta / std_error),
    )


def _profile(solution: _Solution, z: float) -> _Interval:
    """Return limits where the profile likelihood has fallen by z**2 / 2."""
    tolerance = tolerance_of(solution.penalty)
    best, q = solution.best, solution.best.beta.size
    std_error = np.sqrt(np.diag(solution.variance))
    lower, upper, p_value = np.empty(q), np.empty(q), np.empty(q)
    for column in range(q):
        towards = solution.direction[column]
        # Without a finite coefficient the distance is guessed from where the search had got to.
        reach = z * std_error[column] if towards == 0 else abs(best.beta[column]) / 2
        for sign, side in ((-1, lower), (1, upper)):
            if sign * towards > 0:
                side[column] = sign * np.inf
            else:
                side[column] = profile_limit(
                    solution.likelihood, best, column, sign * reach, z, tolerance
                )
        fall = profile_test(solution.likelihood, best, column, tolerance)
        p_value[column] = chi_square_tail(fall, 1)
    return _Interval(lower=lower, upper=upper, p_value=p_value)


def _wald_test(solution: _Solution, covariance: Floats) -> Test:
    """Test all coefficients by their distance from 0."""
    beta = solution.best.beta
    if not solution.finite.all():
        return Test.none(beta.size, "not estimable: a coefficient is infinite")
    if solution.robust is None:
        # Of their own variance the coefficients' distance is by the information.
        return Test.chi_square(float(beta @ solution.best.slopes.information @ beta), beta.size)
    return Test.chi_square(float(beta @ solve(covariance, beta)), beta.size)


def _score_test(solution: _Solution) -> Test:
    """Test all coefficients by the slope of the likelihood at 0."""
    start = solution.start
    step = solve(start.information, start.score)
    return Test.chi_square(float(start.score @ step), start.score.size)


def _concordance(problem: Problem, beta: Floats, confidence: float) -> Estimate:
    """Return how often the higher hazard relapses first."""
    return concordance(
        problem.sample.x @ beta,
        problem.event,
        problem.place,
        weight=problem.weight,
        cluster=problem.cluster,
        confidence=confidence,
    )


def _proportional_hazards(
    problem: Problem, solution: _Solution, ties: str, transform: str
) -> tuple[PhTest, ...]:
    """Test each term of the formula, and all of them, for a hazard ratio that changes with time."""
    place = {int(column): position for position, column in enumerate(problem.columns)}
    terms = []
    for name, columns in problem.design.terms:
        inside = [place[column] for column in columns if column in place]
        terms.append((name, tuple(inside)))
    everything = tuple(range(problem.columns.size))
    tests = proportional_hazards_tests(
        _unpenalised(problem.sample, ties),
        solution.best.beta,
        time_scale(transform, problem.time, problem.event, problem.entry),
        (*terms, ("GLOBAL", everything)),
    )
    infinite = set(np.flatnonzero(~solution.finite).tolist())
    return tuple(
        replace(test, statistic=math.nan, p_value=math.nan) if infinite & set(columns) else test
        for test, (_, columns) in zip(tests, (*terms, ("GLOBAL", everything)), strict=True)
    )


def _reasons(problem: Problem, solution: _Solution) -> tuple[str, ...]:
    """Say of each coefficient why it is not a finite number."""
    reasons = ["not estimable: determined by the covariates before it"] * len(problem.design.names)
    for column, finite in zip(problem.columns, solution.finite, strict=True):
        reasons[column] = "" if finite else "infinite: separation, the likelihood rises for ever"
    return tuple(reasons)


def few_events(ratio: float) -> str:
    """Say that there are few events per coefficient."""
    events = "event" if ratio == 1 else "events"
    return f"Only {ratio:.3g} {events} per coefficient: estimates are biased away from 0."


def _warnings(problem: Problem, solution: _Solution) -> tuple[str, ...]:
    """Collect what a reader must know."""
    names = problem.design.names
    found = []
    separated = [names[column] for column in problem.columns[~solution.finite]]
    if separated:
        found.append(
            f"Separation: the data drive the coefficient of {', '.join(separated)} to infinity. "
            "Firth's penalised likelihood gives finite estimates."
        )
    elif not solution.best.converged:
        found.append("The likelihood did not converge; the coefficients are not to be relied on.")
    estimated = set(problem.columns.tolist())
    redundant = [name for column, name in enumerate(names) if column not in estimated]
    if redundant:
        found.append(f"Determined by the covariates before: {', '.join(redundant)}.")
    ratio = problem.events / problem.columns.size
    if ratio < FEW_EVENTS and solution.penalty == "none":
        found.append(f"{few_events(ratio)} Firth's penalised likelihood reduces that.")
    return tuple(found)
