"""Hazard ratios where a relapse is only known to lie between two visits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.design import Design, design
from survival_bzd.estimate.cox_model.fit import FEW_EVENTS, few_events
from survival_bzd.estimate.cox_model.maximise import (
    Maximum,
    independent_columns,
    inverse,
    maximise,
    solve,
)
from survival_bzd.estimate.cox_model.problem import codes, missing
from survival_bzd.estimate.cox_model.profile import profile_limit, profile_test, tolerance_of
from survival_bzd.estimate.interval_censored.hazards import (
    POLISHED,
    Places,
    ProfileLikelihood,
    places,
)
from survival_bzd.estimate.interval_censored.npmle import IntervalCurve
from survival_bzd.estimate.interval_censored.support import event_intervals
from survival_bzd.estimate.quantities import (
    Floats,
    Test,
    chi_square_tail,
    choice,
    frozen,
    normal_quantile,
    sealed,
    two_sided_p,
)
from survival_bzd.estimate.risk_sets import Indices, sums

if TYPE_CHECKING:
    import pandas as pd

VARIANCES = ("information", "scores")

_ROUGHLY = 1e-5
"""Gain in log likelihood below which it is looked whether the coefficients run to infinity: far
enough out for that, and not so far that hazards underflow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalProblem:
    """What was fitted, for curves to be made of.

    Attributes
    ----------
    design : names and terms of all coefficients.
    columns : those that the data tell of.
    centre : (q,) what was subtracted from their covariates.
    places : where the baseline can jump.
    hazard : (m,) the jumps of a patient at `centre`.
    strata : labels of the strata; empty without.
    n, n_events : (s,) patients and events of each stratum, or of all.
    unit, label : unit of the times, and what the event is.
    """

    design: Design
    columns: Indices
    centre: Floats
    places: Places
    hazard: Floats
    strata: tuple[str, ...]
    n: Floats
    n_events: Floats
    unit: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalCoxFit:
    """A fitted proportional hazards model. Arrays have shape (p,), one element per coefficient.

    Attributes
    ----------
    formula : as given.
    n, n_events, left_out : patients used; how many of them had the event; patients left out because
        a covariate, stratum or cluster is missing.
    n_exact, n_interval, n_before, n_censored : patients used whose event is known exactly, lies
        between two bounds, lies before the first, or is not known to have come.
    terms : names of the coefficients, in the formula's order.
    coef : log hazard ratios. Infinite where the likelihood rises for ever; NaN where the data do
        not tell it from those before it.
    std_error, robust_std_error : standard errors; the robust ones are NaN unless there are clusters
        or weights that are not whole.
    hazard_ratio, lower, upper, p_value : by the robust error where there is one. With profile
        limits the p-values are those of the likelihood-ratio test, so that both agree.
    covariance : (p, p) of the coefficients; the robust one where there is one.
    loglik_null, loglik_fitted : log likelihood at 0 and at the fit, each with the best baseline.
    likelihood_ratio, wald, score : tests of all coefficients.
    slope : the largest derivative of the log likelihood by a coefficient, times the coefficient's
        standard error: 0 at the maximum.
    violation : by how much the Kuhn-Tucker conditions of the baseline are missed, at most.
    variance, limits, confidence : conventions.
    robust : whether limits and p-values are by the robust error.
    events_per_parameter : events per coefficient.
    separated : coefficients that the data drive to infinity.
    reasons : why a coefficient is not a finite number; ``""`` if it is.
    warnings : what a reader must know, in sentences.
    problem : what was fitted; curves are made of it.
    """

    formula: str
    n: int
    n_events: int
    left_out: int
    n_exact: int
    n_interval: int
    n_before: int
    n_censored: int
    terms: tuple[str, ...]
    coef: Floats
    std_error: Floats
    robust_std_error: Floats
    hazard_ratio: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    covariance: Floats
    loglik_null: float
    loglik_fitted: float
    likelihood_ratio: Test
    wald: Test
    score: Test
    slope: float
    violation: float
    variance: str
    limits: str
    confidence: float
    robust: bool
    events_per_parameter: float
    separated: tuple[str, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    problem: IntervalProblem

    def to_frame(self) -> pd.DataFrame:
        """Return the hazard table: one row per coefficient."""
        import pandas as pd

        columns = (
            "coef", "std_error", "robust_std_error", "hazard_ratio", "lower", "upper", "p_value",
        )  # fmt: skip
        numbers = {name: getattr(self, name) for name in columns}
        return pd.DataFrame({"term": list(self.terms), **numbers})

    def __repr__(self) -> str:
        return f"<IntervalCoxFit: {self.formula}; {self.n} patients, {self.n_events} events>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    """The patients who are used: bounds, weights, labels and the design."""

    design: Design
    lower: Floats
    upper: Floats
    weight: Floats
    strata: tuple[str, ...]
    stratum: Indices | None
    cluster: Indices | None

    @property
    def event(self) -> NDArray[np.bool_]:
        """(n,) whether the event is known to have come."""
        return np.isfinite(self.upper)

    @property
    def robust(self) -> bool:
        """Whether errors must be robust."""
        return self.cluster is not None or bool((self.weight % 1 != 0).any())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solution:
    """The maximum in the columns that the data tell of, and what follows from it.

    Attributes
    ----------
    likelihood : what was maximised.
    columns : (q,) these columns.
    null, best : the likelihood at 0; the maximum.
    score_test : of all coefficients, from the slope at 0.
    direction : (q,) where the coefficients run to infinity; 0 where they are finite.
    variance, robust : (q, q) variance, and the robust one if any.
    """

    likelihood: ProfileLikelihood
    columns: Indices
    loglik_null: float
    best: Maximum
    score_test: Test
    direction: Floats
    variance: Floats
    robust: Floats | None

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which coefficients the data do not drive to infinity."""
        finite: NDArray[np.bool_] = self.direction == 0
        return finite

    @property
    def covariance(self) -> Floats:
        """(q, q) the variance that limits are by."""
        return self.variance if self.robust is None else self.robust

    def std_error(self, covariance: Floats) -> Floats:
        """Return the standard errors; NaN where a coefficient is infinite."""
        return np.where(self.finite, np.sqrt(np.diag(covariance)), np.nan)


def interval_cox(
    tte: TimeToEvent,
    formula: str,
    *,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    variance: str = "information",
    limits: str = "wald",
    confidence: float = 0.95,
) -> IntervalCoxFit:
    r"""Fit proportional hazards to interval-censored times, without a model of the baseline.

    With :math:`r_i = e^{x_i \beta}` and a baseline :math:`\Lambda` that jumps wherever the data can
    make use of it, the likelihood is the product of

    .. math:: e^{-r_i \Lambda(l_i)} - e^{-r_i \Lambda(u_i)}

    over the events in :math:`(l_i, u_i]`, of :math:`e^{-r_i \Lambda(l_i)}` over the patients
    censored at :math:`l_i`, and of :math:`r_i \Delta\Lambda(t_i) e^{-r_i \Lambda(t_i)}` over the
    events known to come at :math:`t_i`, as in Breslow's likelihood.

    Parameters
    ----------
    tte : TimeToEvent
        `lower`, `upper`, covariates and weights of n patients, as for `npmle`.
    formula : str
        As for `cox`. Patients without a covariate are left out and counted.
    strata : (n,) labels, optional
        A baseline hazard for each.
    cluster : (n,) labels, optional
        Rows that belong together; standard errors are then robust, as with weights that are not
        whole.
    variance : {"information", "scores"}
        Of the coefficients: from the curvature of the profile likelihood at its maximum, or from
        the sum of squares of the patients' efficient scores, as Zeng, Mao and Lin.
    limits : {"wald", "profile"}
        Of the hazard ratios.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    IntervalCoxFit

    Raises
    ------
    NotEstimable
        If there is no event, the intervals have a stretch in common, or no covariate tells.
    BadInput
        If the formula, an option or a bound cannot be used, or somebody enters late.

    Notes
    -----
    The baseline is maximised for given coefficients by Newton's method on an active set of jumps,
    ended by the Kuhn-Tucker conditions, and the coefficients by Newton's method on the profile
    likelihood, whose score and curvature are exact. No R package at hand has the model. Where all
    patients share their visits and miss none it is R's
    ``glm(family = binomial("cloglog"))`` with an effect of each period, and agrees with it to 1e-6
    (``tests/reference/interval_cox.json``); where all times are exact it is `cox` with Breslow's
    ties; else it is checked against direct maximisation (``tests/estimate/test_interval_cox.py``).

    The coefficients are too far from 0 in small samples, by about a fifteenth with 100 patients.

    References
    ----------
    .. [1] Finkelstein DM (1986). Biometrics 42:845-854. doi:10.2307/2530698
    .. [2] Zeng D, Mao L, Lin DY (2016). Biometrika 103:253-271. doi:10.1093/biomet/asw013
    .. [3] Murphy SA, van der Vaart AW (2000). J Am Stat Assoc 95:449-465.
           doi:10.1080/01621459.2000.10474219

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> lower = [0, 14, 14, 30, 30, 60, 30, 60]
    >>> upper = [14, 30, 60, 60, 60, 90, float("inf"), float("inf")]
    >>> covariates = pd.DataFrame({"dose": [20.0, 30, 5, 10, 25, 15, 8, 12]})
    >>> tte = TimeToEvent(lower, [1] * 6 + [0, 0], lower=lower, upper=upper, covariates=covariates)
    >>> fit = interval_cox(tte, "dose")
    >>> fit.hazard_ratio.round(3), fit.p_value.round(3)
    (array([1.092]), array([0.204]))
    """
    choice("variance", variance, VARIANCES)
    choice("limits", limits, ("wald", "profile"))
    z = normal_quantile(confidence)
    data = _data(tte, formula, strata, cluster)
    if limits == "profile" and data.robust:
        raise BadInput(
            [
                Fault(
                    rule="profile limits cannot account for clusters or weights that are not whole",
                    remedy="Use Wald's limits.",
                )
            ]
        )
    centre = (data.weight @ data.design.matrix) / data.weight.sum()
    likelihood = ProfileLikelihood(data.design.matrix - centre, data.weight, _places(data))
    solution = _solve(likelihood, data, formula, variance)
    low, high, p_value = _profile(solution, z) if limits == "profile" else _wald(solution, z)
    beta = np.where(solution.finite, solution.best.beta, np.copysign(np.inf, solution.direction))
    std_error = solution.std_error(solution.variance)
    robust = np.full_like(beta, np.nan)
    if solution.robust is not None:
        robust = solution.std_error(solution.robust)
    names, columns = data.design.names, solution.columns
    baseline = solution.likelihood.baseline(solution.best.beta)
    if solution.finite.all() and not baseline.violation <= POLISHED:
        raise NotEstimable(
            "the baseline hazard did not converge: the Kuhn-Tucker conditions are missed by "
            f"{baseline.violation:.1e}"
        )
    events = int(data.event.sum())
    exact = int(solution.likelihood.places.exact.sum())
    before = int((data.event & np.isneginf(data.lower)).sum())
    placed = np.full((7, len(names)), np.nan)
    with np.errstate(over="ignore"):
        ratios = np.exp((beta, low, high))
    placed[:, columns] = (beta, std_error, robust, *ratios, p_value)
    covariance = np.full((len(names), len(names)), np.nan)
    covariance[np.ix_(columns, columns)] = np.where(
        np.outer(solution.finite, solution.finite), solution.covariance, np.nan
    )
    return IntervalCoxFit(
        formula=formula,
        n=int(data.lower.size),
        n_events=events,
        left_out=tte.n - int(data.lower.size),
        n_exact=exact,
        n_interval=events - exact - before,
        n_before=before,
        n_censored=int(data.lower.size) - events,
        terms=names,
        coef=frozen(placed[0]),
        std_error=frozen(placed[1]),
        robust_std_error=frozen(placed[2]),
        hazard_ratio=frozen(placed[3]),
        lower=frozen(placed[4]),
        upper=frozen(placed[5]),
        p_value=frozen(placed[6]),
        covariance=frozen(covariance),
        loglik_null=solution.loglik_null,
        loglik_fitted=solution.best.slopes.loglik,
        likelihood_ratio=Test.chi_square(
            2 * (solution.best.slopes.loglik - solution.loglik_null), beta.size
        ),
        wald=_wald_test(solution),
        score=solution.score_test,
        slope=float(np.max(np.abs(solution.best.slopes.score) * np.nan_to_num(std_error))),
        violation=baseline.violation,
        variance=variance,
        limits=limits,
        confidence=confidence,
        robust=solution.robust is not None,
        events_per_parameter=events / beta.size,
        separated=tuple(names[column] for column in columns[~solution.finite]),
        reasons=_reasons(names, solution),
        warnings=_warnings(names, solution, events),
        problem=_problem(tte, data, solution, centre[columns], baseline.hazard),
    )


def _data(
    tte: TimeToEvent, formula: str, strata: ArrayLike | None, cluster: ArrayLike | None
) -> _Data:
    """Leave out who misses something."""
    lower, upper = event_intervals(tte)
    usable = np.ones(tte.n, dtype=np.bool_)
    for name, column in (("strata", strata), ("cluster", cluster)):
        if column is not None:
            usable &= ~missing(column, tte.n, name)
    model = design(formula, tte.covariates, usable)
    kept = model.kept
    names, stratum = codes(strata, kept, "strata")
    if not np.isfinite(upper[kept]).any():
        raise NotEstimable(
            f"None of the {int(kept.sum())} patients had the event ({tte.label}), so there is no "
            "hazard to compare."
        )
    return _Data(
        design=model,
        lower=lower[kept],
        upper=upper[kept],
        weight=np.ones(int(kept.sum())) if tte.weight is None else tte.weight[kept],
        strata=names,
        stratum=stratum,
        cluster=codes(cluster, kept, "cluster")[1],
    )


def _places(data: _Data) -> Places:
    found = places(data.lower, data.upper, data.stratum)
    if not found.m:
        raise NotEstimable(
            "All intervals have a stretch in common, so that everybody can have had the event at "
            "the same time, whatever the covariates."
        )
    return found


def _solve(likelihood: ProfileLikelihood, data: _Data, formula: str, variance: str) -> _Solution:
    """Maximise the likelihood, and find out whether it is monotone."""
    columns = _informative(likelihood, formula)
    likelihood = likelihood.only(columns)
    zero = np.zeros(columns.size)
    start = likelihood.slopes(zero)
    statistic = float(start.score @ solve(likelihood.information(zero)[0], start.score))
    free = np.arange(columns.size)
    best = maximise(likelihood, zero, free, at=start, tolerance=_ROUGHLY)
    direction = _monotone_direction(likelihood, best)
    if direction is None:
        best = maximise(likelihood, best.beta, free)
    left = inverse(likelihood.information(best.beta)[0])
    scores = likelihood.patient_scores(best.beta)
    spread = left
    if variance == "scores":
        spread = inverse((scores * data.weight[:, None]).T @ scores)
    robust = None
    if data.robust:
        influence = (data.weight[:, None] * scores) @ left
        if data.cluster is not None:
            influence = sums(data.cluster, influence, int(data.cluster.max()) + 1)
        robust = influence.T @ influence
    return _Solution(
        likelihood=likelihood,
        columns=columns,
        loglik_null=start.loglik,
        best=best,
        score_test=Test.chi_square(statistic, columns.size),
        direction=zero if direction is None else direction,
        variance=spread,
        robust=robust,
    )


def _informative(likelihood: ProfileLikelihood, formula: str) -> Indices:
    """Return the columns about which the intervals say anything new."""
    left, own = likelihood.information(np.zeros(likelihood.p))
    # A column that is constant, or constant in every stratum, leaves rounding only.
    constant = np.ptp(likelihood.x, axis=0) == 0
    varies = (np.diag(left) > 1e-10 * np.diag(own)) & ~constant
    columns = independent_columns(np.where(np.outer(varies, varies), left, 0.0))
    if not columns.size:
        raise NotEstimable(
            f"No covariate of {formula} varies among patients whom the intervals tell apart, so "
            "there is nothing to estimate."
        )
    return columns


def _monotone_direction(likelihood: ProfileLikelihood, best: Maximum) -> Floats | None:
    """Return the last step, cleaned, if the likelihood rises along it for ever; else None."""
    weight = likelihood.weight
    spread = np.sqrt(weight @ likelihood.x**2 / weight.sum())
    reach = np.abs(best.step) * spread
    if not reach.max() > 0.01:
        return None
    direction: Floats = np.where(reach > 1e-3 * reach.max(), best.step, 0.0) / reach.max()
    further = [likelihood.slopes(best.beta + far * direction) for far in (1, 4)]
    slack = 1e-9 * (1 + abs(best.slopes.loglik))
    rises = all(at.loglik >= best.slopes.loglik - slack for at in further)
    return direction if rises else None


def _wald(solution: _Solution, z: float) -> tuple[Floats, Floats, Floats]:
    """Return limits symmetric about the coefficient, and p."""
    error, beta = solution.std_error(solution.covariance), solution.best.beta
    return beta - z * error, beta + z * error, two_sided_p(beta / error)


def _profile(solution: _Solution, z: float) -> tuple[Floats, Floats, Floats]:
    """Return limits where the profile likelihood has fallen by z**2 / 2, and p."""
    tolerance, best, q = tolerance_of("none"), solution.best, solution.columns.size
    error = np.sqrt(np.diag(solution.variance))
    lower, upper, p_value = np.empty((3, q))
    for column in range(q):
        towards = solution.direction[column]
        # Without a finite coefficient the distance is guessed from where the search had got to.
        reach = z * error[column] if towards == 0 else abs(best.beta[column]) / 2
        for sign, side in ((-1, lower), (1, upper)):
            if sign * towards > 0:
                side[column] = sign * np.inf
            else:
                side[column] = profile_limit(
                    solution.likelihood, best, column, sign * reach, z, tolerance
                )
        fall = profile_test(solution.likelihood, best, column, tolerance)
        p_value[column] = chi_square_tail(fall, 1)
    return lower, upper, p_value


def _wald_test(solution: _Solution) -> Test:
    """Test all coefficients by their distance from 0."""
    beta = solution.best.beta
    if not solution.finite.all():
        return Test.none(beta.size, "not estimable: a coefficient is infinite")
    return Test.chi_square(float(beta @ solve(solution.covariance, beta)), beta.size)


def _reasons(names: tuple[str, ...], solution: _Solution) -> tuple[str, ...]:
    """Say of each coefficient why it is not a finite number."""
    reasons = ["not estimable: the intervals do not tell it from the covariates before"] * len(
        names
    )
    for column, finite in zip(solution.columns, solution.finite, strict=True):
        reasons[column] = "" if finite else "infinite: separation, the likelihood rises for ever"
    return tuple(reasons)


def _warnings(names: tuple[str, ...], solution: _Solution, events: int) -> tuple[str, ...]:
    """Collect what a reader must know."""
    found = []
    separated = [names[column] for column in solution.columns[~solution.finite]]
    if separated:
        found.append(
            f"Separation: the data drive the coefficient of {', '.join(separated)} to infinity. "
            "Profile limits give the end that is finite."
        )
    elif not solution.best.converged:
        found.append("The likelihood did not converge; the coefficients are not to be relied on.")
    redundant = [name for column, name in enumerate(names) if column not in solution.columns]
    if redundant:
        found.append(f"Not told from the covariates before: {', '.join(redundant)}.")
    ratio = events / solution.columns.size
    if ratio < FEW_EVENTS:
        found.append(few_events(ratio))
    return tuple(found)


def _problem(
    tte: TimeToEvent, data: _Data, solution: _Solution, centre: Floats, hazard: Floats
) -> IntervalProblem:
    stratum = np.zeros(data.lower.size, np.intp) if data.stratum is None else data.stratum
    count = max(len(data.strata), 1)
    return IntervalProblem(
        design=data.design,
        columns=solution.columns,
        centre=frozen(centre),
        places=solution.likelihood.places,
        hazard=frozen(hazard),
        strata=data.strata,
        n=sums(stratum, None, count),
        n_events=sums(stratum, data.weight * data.event, count),
        unit=tte.unit,
        label=tte.label,
    )


def interval_cox_curves(
    fit: IntervalCoxFit,
    covariates: pd.DataFrame | None = None,
    *,
    strata: ArrayLike | None = None,
) -> tuple[IntervalCurve, ...]:
    r"""Predict the relapse-free curves of patients with given covariates.

    :math:`S(t) = \exp(-e^{x\beta} \Lambda(t))` falls where the baseline jumps, and inside these
    stretches the data do not say how. Limits are not given: the curve converges more slowly than
    the coefficients, and has no normal distribution.

    Parameters
    ----------
    fit : IntervalCoxFit
        A model whose coefficients are all finite.
    covariates : DataFrame of m rows, optional
        The covariates of the formula. By default one patient whose covariates are all 0 and whose
        factors have their reference level: the baseline.
    strata : (m,) labels, optional
        The stratum of each patient; by default a curve in every stratum.

    Returns
    -------
    tuple of IntervalCurve
        By patient, and for each by stratum. `group` is the stratum, and the patient's position
        before it if there are several.

    Raises
    ------
    NotEstimable
        If a coefficient is infinite.
    BadInput
        If a covariate, level or stratum cannot be used.

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> lower = [0, 14, 14, 30, 30, 60, 30, 60]
    >>> upper = [14, 30, 60, 60, 60, 90, float("inf"), float("inf")]
    >>> covariates = pd.DataFrame({"dose": [20.0, 30, 5, 10, 25, 15, 8, 12]})
    >>> tte = TimeToEvent(lower, [1] * 6 + [0, 0], lower=lower, upper=upper, covariates=covariates)
    >>> fit = interval_cox(tte, "dose")
    >>> (curve,) = interval_cox_curves(fit, pd.DataFrame({"dose": [10.0]}))
    >>> at = curve.at([30, 45])
    >>> at.survival.round(3), at.resolved
    (array([0.849, 0.463]), array([ True, False]))
    """
    problem = fit.problem
    if fit.separated:
        raise NotEstimable(
            f"The coefficient of {', '.join(fit.separated)} is infinite, so no curve can be drawn."
        )
    rows = -problem.centre[None, :]
    if covariates is not None:
        rows = problem.design.rows_for(covariates)[:, problem.columns] - problem.centre
    ratios = np.exp(rows @ fit.coef[problem.columns])
    wanted = _wanted(problem, strata, ratios.size)
    return tuple(
        _curve(fit, float(ratio), stratum, None if ratios.size == 1 else profile)
        for profile, ratio in enumerate(ratios)
        for stratum in wanted[profile]
    )


def _wanted(problem: IntervalProblem, strata: ArrayLike | None, patients: int) -> list[list[int]]:
    """Return the positions of the strata in which each patient's curve is wanted."""
    if strata is None:
        return [list(range(max(len(problem.strata), 1)))] * patients
    asked = [str(label) for label in np.asarray(strata, dtype=object)]
    unknown = [label for label in asked if label not in problem.strata]
    if unknown or len(asked) != patients:
        raise BadInput(
            Fault(
                rule=f"each of the {patients} patients must have a stratum that was fitted",
                remedy=f"The strata are: {', '.join(problem.strata) or 'none'}.",
                column="strata",
                value=value,
            )
            for value in unknown or [f"{len(asked)} strata"]
        )
    return [[problem.strata.index(label)] for label in asked]


def _curve(fit: IntervalCoxFit, ratio: float, stratum: int, profile: int | None) -> IntervalCurve:
    problem, where = fit.problem, fit.problem.places
    own = slice(where.starts[stratum], where.starts[stratum + 1])
    hazard = problem.hazard[own]
    jumps = hazard > 0
    survival = np.append(np.exp(-ratio * np.cumsum(hazard[jumps])), 0.0)
    before = np.append(1.0, survival[:-1])
    # What is left falls after the last jump: where follow-up does not reach, or all at once.
    fall = before * np.append(-np.expm1(-ratio * hazard[jumps]), 1.0)
    names = [] if profile is None else [str(profile)]
    names += [problem.strata[stratum]] if problem.strata else []
    return IntervalCurve(
        group=", ".join(names) or None,
        n=int(problem.n[stratum]),
        n_events=float(problem.n_events[stratum]),
        support_lower=sealed(np.append(where.lower[own][jumps], where.tail[stratum, 0])),
        support_upper=sealed(np.append(where.upper[own][jumps], where.tail[stratum, 1])),
        mass=sealed(fall),
        survival=sealed(survival),
        candidates=int(hazard.size + 1),
        log_likelihood=fit.loglik_fitted,
        violation=fit.violation,
        last_time=float(where.last_time[stratum]),
        unit=problem.unit,
        label=problem.label,
    )
