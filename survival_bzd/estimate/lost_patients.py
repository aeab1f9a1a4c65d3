"""What the lost decide: bounds, a delta-adjusted tipping point, and weights for being lost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.curves import CoxCurve, cox_curves
from survival_bzd.estimate.cox_model.fit import cox
from survival_bzd.estimate.kaplan_meier import KaplanMeier, kaplan_meier
from survival_bzd.estimate.quantities import Estimate, Floats, normal_quantile

Flags = NDArray[np.bool_]

FEW_LOST = 10
"""Below so many lost a model of being lost says little."""
MOST_DELTA = 1000.0
"""A tipping point beyond this is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossBounds:
    """Survival at a time under the extremes of what became of the lost.

    Attributes
    ----------
    time : where, in the unit of the follow-up.
    lost : how many were lost before it.
    as_is : as if the lost were like the others (Kaplan-Meier).
    all_relapse : had all relapsed when they were lost.
    none_relapses : had none relapsed until the end of the follow-up.
    """

    time: float
    lost: int
    as_is: Estimate
    all_relapse: Estimate
    none_relapses: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaAdjusted:
    """Survival at a time where the lost relapse `delta` times as fast as the others.

    Attributes
    ----------
    time, delta : where, and how many times the hazard.
    expected : by formula, without chance.
    pooled : over imputations by Rubin's rules, with limits; limits are NaN where an imputation has
        a survival of 0 or 1.
    imputations, seed : how many, and of which draws.
    """

    time: float
    delta: float
    expected: float
    pooled: Estimate
    imputations: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TippingPoint:
    """From which delta on survival at a time is no longer above a value.

    Attributes
    ----------
    time, above : the conclusion: survival at the time is above the value.
    delta : where the estimate falls to it; NaN where it never does, and then why in `reason`.
    limit_delta : where the lower limit falls to it, with `limit_reason`.
    """

    time: float
    above: float
    delta: float
    limit_delta: float
    reason: str = ""
    limit_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CensoringWeighted:
    """A Kaplan-Meier curve weighted for being lost.

    Attributes
    ----------
    formula : the Cox model of being lost.
    curve : weighted, its limits by a robust error over patients; its numbers are weights.
    n, lost, left_out : patients; the lost among them; those without a covariate.
    least, greatest : of the weights.
    warnings : what a reader must know.
    """

    formula: str
    curve: KaplanMeier
    n: int
    lost: int
    left_out: int
    least: float
    greatest: float
    warnings: tuple[str, ...]


def loss_bounds(
    tte: TimeToEvent, lost: Flags, time: float, *, confidence: float = 0.95
) -> LossBounds:
    """Bound survival at a time by the extremes of what became of the lost.

    Parameters
    ----------
    tte : TimeToEvent
    lost : (n,) who was lost; they must be censored.
    time : where, in the unit of the follow-up.
    confidence : coverage of the limits of each.

    Examples
    --------
    >>> import numpy as np
    >>> tte = TimeToEvent([10, 20, 30, 40], [1, 0, 1, 0])
    >>> found = loss_bounds(tte, np.array([False, True, False, True]), 35)
    >>> found.lost, found.all_relapse.estimate, found.none_relapses.estimate
    (1, 0.25, 0.5)
    """
    _check(tte, lost)
    last = float(tte.time.max())
    return LossBounds(
        time=time,
        lost=int((lost & (tte.time < time)).sum()),
        as_is=_at(tte, time, confidence),
        all_relapse=_at(_with(tte, tte.time, np.where(lost, 1, tte.event)), time, confidence),
        none_relapses=_at(
            _with(tte, np.where(lost, max(last, time), tte.time), tte.event), time, confidence
        ),
    )


def delta_adjusted(
    tte: TimeToEvent,
    lost: Flags,
    time: float,
    delta: float,
    *,
    imputations: int = 20,
    seed: int = 0,
    confidence: float = 0.95,
) -> DeltaAdjusted:
    r"""Estimate survival at a time where the lost relapse `delta` times as fast as the others.

    With S the Kaplan-Meier curve, who was lost at c is free at t with probability
    :math:`(S(t)/S(c))^\delta`, and who was censored otherwise with :math:`S(t)/S(c)`. `expected` is
    the mean over the patients: the Kaplan-Meier estimate itself where delta is 1, and the bound
    without relapses of the lost where it is 0 (if nobody else was censored before). For the limits
    the times of the lost are drawn, each time from the curve of resampled patients, and the
    imputations are pooled on the scale of log(-log S).

    Parameters
    ----------
    tte, lost, time : as for `loss_bounds`. Late entries and case weights are not taken.
    delta : zero or more.
    imputations, seed : of the draws. Different deltas of one seed share their random numbers.
    confidence : coverage of the limits.

    References
    ----------
    .. [1] Jackson D, et al. (2014). Stat Med 33:4681-4694. doi:10.1002/sim.6274
    .. [2] Rubin DB (1987). Multiple Imputation for Nonresponse in Surveys. Wiley.
           doi:10.1002/9780470316696
    """
    _check(tte, lost, simple=True)
    pooled = _pooled(_imputed(tte, lost, time, delta, imputations, seed, confidence), confidence)
    return DeltaAdjusted(
        time=time,
        delta=delta,
        expected=_expected(tte, lost, time, delta),
        pooled=pooled,
        imputations=imputations,
        seed=seed,
    )


def tipping_point(
    tte: TimeToEvent,
    lost: Flags,
    time: float,
    above: float,
    *,
    imputations: int = 20,
    seed: int = 0,
    confidence: float = 0.95,
) -> TippingPoint:
    """Find how many times likelier the lost must be to relapse before a conclusion turns.

    The conclusion is that survival at `time` is above the value `above`; the arguments are those
    of `delta_adjusted`. Deltas up to 1000 are looked at.
    """
    _check(tte, lost, simple=True)

    def estimate(delta: float) -> float:
        return _expected(tte, lost, time, delta)

    def limit(delta: float) -> float:
        found = _imputed(tte, lost, time, delta, imputations, seed, confidence)
        return _pooled(found, confidence).lower

    delta, reason = _falls_to(estimate, above, "the estimate")
    limit_delta, limit_reason = _falls_to(limit, above, "the lower limit")
    return TippingPoint(
        time=time,
        above=above,
        delta=delta,
        limit_delta=limit_delta,
        reason=reason,
        limit_reason=limit_reason,
    )


def censoring_weighted(
    tte: TimeToEvent, lost: Flags, formula: str, *, confidence: float = 0.95
) -> CensoringWeighted:
    r"""Estimate a Kaplan-Meier curve that makes up for who was lost, by their covariates.

    With G(t | x) the probability of not being lost by t, of a Cox model of being lost, a patient
    counts for :math:`G(t-)/G(t- | x)` at t; G(t) is that of a patient with the mean log risk. The
    error is robust, over patients.

    Parameters
    ----------
    tte, lost : as for `loss_bounds`; late entries and case weights are not taken.
    formula : covariates of being lost.
    confidence : coverage of the limits.

    Raises
    ------
    NotEstimable
        If nobody was lost, or the model of being lost has no finite coefficients.

    References
    ----------
    .. [1] Robins JM, Finkelstein DM (2000). Biometrics 56:779-788.
           doi:10.1111/j.0006-341X.2000.00779.x
    """
    _check(tte, lost, simple=True)
    if not lost.any():
        raise NotEstimable("nobody was lost: there is nothing to weight for")
    kept = np.flatnonzero(_complete(tte, formula))
    own, gone = tte.select(kept), lost[kept]
    fit = cox(_with(own, own.time, gone.astype(np.int64)), formula)
    if fit.separated:
        raise NotEstimable(f"the model of being lost separates {', '.join(fit.separated)}")
    curves: tuple[CoxCurve, ...] = cox_curves(fit, own.covariates)
    hazard = np.array([curve.hazard for curve in curves])
    steps = np.concatenate([[0.0], curves[0].time])
    cumulative = np.concatenate([np.zeros((own.n, 1)), hazard], axis=1)
    log_risk = np.log(np.maximum(cumulative[:, -1], np.finfo(float).tiny))
    middle = np.exp(log_risk - log_risk.mean())
    rows, entry, stop, event, weight = [], [], [], [], []
    cuts = np.unique(own.time[gone])
    before = np.searchsorted(steps, cuts, side="right") - 1
    for patient in range(own.n):
        inside = cuts < own.time[patient]
        starts = np.concatenate([[np.nan], cuts[inside]])
        ends = np.concatenate([cuts[inside], [own.time[patient]]])
        gained = np.concatenate([[0.0], cumulative[patient, before[inside]]])
        rows.append(np.full(starts.size, patient))
        entry.append(starts)
        stop.append(ends)
        event.append(np.concatenate([np.zeros(starts.size - 1), [own.event[patient]]]))
        weight.append(np.exp(gained - gained / middle[patient]))
    weights = np.concatenate(weight)
    whose = np.concatenate(rows)
    long = TimeToEvent(
        np.concatenate(stop),
        np.concatenate(event).astype(np.int64),
        own.unit,
        entry=np.concatenate(entry),
        weight=weights,
        causes=own.causes,
        label=own.label,
    )
    (curve,) = kaplan_meier(long, cluster=whose, confidence=confidence)
    few = int(gone.sum()) < FEW_LOST
    warnings = (
        f"Only {int(gone.sum())} were lost: a model of who was lost says little with so few.",
    )
    return CensoringWeighted(
        formula=formula,
        curve=curve,
        n=own.n,
        lost=int(gone.sum()),
        left_out=tte.n - own.n,
        least=float(weights.min()),
        greatest=float(weights.max()),
        warnings=warnings if few else (),
    )


def _complete(tte: TimeToEvent, formula: str) -> Flags:
    """Say who has every covariate of a formula."""
    from survival_bzd.estimate.cox_model.design import formula_variables

    complete = np.ones(tte.n, dtype=np.bool_)
    if tte.covariates is not None:
        for name in formula_variables(formula):
            if name in tte.covariates:
                complete &= tte.covariates[name].notna().to_numpy()
    return complete


def _check(tte: TimeToEvent, lost: Flags, *, simple: bool = False) -> None:
    """Refuse who was lost and is not censored, and what an estimate does not take."""
    if np.shape(lost) != (tte.n,) or bool((np.asarray(lost) & (tte.event != 0)).any()):
        raise BadInput(
            [
                Fault(
                    rule="who was lost must be censored, and said of every patient",
                    remedy="Flag only patients without an event.",
                )
            ]
        )
    late = tte.entry is not None and not bool(np.isnan(tte.entry).all())
    if simple and (late or tte.weight is not None):
        raise NotEstimable("not estimable with late entries or case weights")


def _with(tte: TimeToEvent, time: Floats, event: NDArray[np.integer]) -> TimeToEvent:
    """Return the same patients with other times and events, known exactly."""
    return TimeToEvent(
        time,
        event,
        tte.unit,
        entry=tte.entry,
        weight=tte.weight,
        causes=tte.causes,
        label=tte.label,
        covariates=tte.covariates,
    )


def _at(tte: TimeToEvent, time: float, confidence: float) -> Estimate:
    here = kaplan_meier(tte, confidence=confidence)[0].at([time])
    return Estimate(
        estimate=float(here.survival[0]),
        lower=float(here.lower[0]),
        upper=float(here.upper[0]),
        std_error=float(here.std_error[0]),
        reason=here.reasons[0],
    )


def _height(curve: KaplanMeier, times: Floats) -> Floats:
    """Return the curve at times, level beyond its end."""
    place = np.searchsorted(curve.time, times, side="right")
    height: Floats = np.concatenate([[1.0], curve.survival])[place]
    return height


def _expected(tte: TimeToEvent, lost: Flags, time: float, delta: float) -> float:
    curve = kaplan_meier(tte)[0]
    if time > curve.last_time and curve.survival[-1] > 0:
        return math.nan
    then = float(_height(curve, np.array([time]))[0])
    here = _height(curve, tte.time)
    ratio = np.divide(then, here, out=np.zeros_like(here), where=here > 0)
    still = np.where(lost, ratio**delta, ratio)
    # Known free beyond the time, or relapsed before it; a competing event is a censoring.
    still = np.where(tte.time > time, 1.0, np.where(tte.event == 1, 0.0, still))
    still[(tte.time == time) & (tte.event != 1)] = 1.0
    return float(still.mean())


def _imputed(
    tte: TimeToEvent,
    lost: Flags,
    time: float,
    delta: float,
    imputations: int,
    seed: int,
    confidence: float,
) -> list[Estimate]:
    """Draw the relapses of the lost from the curves of resampled patients; estimate each."""
    draws = np.random.default_rng(seed)
    found = []
    horizon = max(float(tte.time.max()), time)
    for _ in range(imputations):
        chosen = draws.integers(tte.n, size=tte.n)
        uniform = draws.random(tte.n)
        curve = kaplan_meier(tte.select(chosen))[0]
        here = _height(curve, tte.time)
        # Free until the curve has fallen from where they were lost to this share of it.
        share = uniform ** (1 / delta) if delta > 0 else np.zeros(tte.n)
        place = np.searchsorted(-curve.survival, -here * share)
        relapses = lost & (place < curve.time.size) & (here > 0) & (delta > 0)
        drawn = np.append(curve.time, horizon)[place]
        relapses &= drawn > tte.time
        until = np.where(relapses, drawn, np.where(lost, horizon, tte.time))
        found.append(_at(_with(tte, until, np.where(relapses, 1, tte.event)), time, confidence))
    return found


def _pooled(found: list[Estimate], confidence: float) -> Estimate:
    """Pool by Rubin's rules on the scale of log(-log S), without limits where that has none."""
    values = np.array([one.estimate for one in found])
    errors = np.array([one.std_error for one in found])
    mean = float(values.mean())
    if not np.all((values > 0) & (values < 1) & np.isfinite(errors)):
        reason = "an imputation has a survival of 0 or 1"
        return Estimate(estimate=mean, lower_reason=reason, upper_reason=reason)
    from scipy.special import stdtrit

    logs = -np.log(values)
    scale = np.log(logs)
    within = float(np.mean((errors / (values * logs)) ** 2))
    between = float(scale.var(ddof=1)) if len(found) > 1 else 0.0
    added = (1 + 1 / len(found)) * between
    total = within + added
    df = (len(found) - 1) * (total / added) ** 2 if added > 0 else math.inf
    quantile = float(stdtrit(df, 0.5 + confidence / 2)) if df < 1e9 else normal_quantile(confidence)
    middle, margin = float(scale.mean()), quantile * math.sqrt(total)
    low, high = (math.exp(-math.exp(middle + sign * margin)) for sign in (1, -1))
    estimate = math.exp(-math.exp(middle))
    return Estimate(
        estimate=estimate,
        lower=low,
        upper=high,
        std_error=math.sqrt(total) * estimate * -math.log(estimate),
    )


def _falls_to(height: Callable[[float], float], above: float, which: str) -> tuple[float, str]:
    """Find by halving where a falling function of delta comes down to a value."""
    start = height(1.0)
    if math.isnan(start):
        return math.nan, f"{which} cannot be told"
    if start <= above:
        return math.nan, f"{which} is not above the value even if the lost are like the others"
    low, high = 1.0, MOST_DELTA
    if not height(high) <= above:
        return math.nan, f"{which} stays above the value however much likelier the lost relapse"
    while high - low > 1e-3 * low:
        middle = math.sqrt(low * high)
        if height(middle) > above:
            low = middle
        else:
            high = middle
    return high, ""
