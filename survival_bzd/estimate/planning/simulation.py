"""Power by simulation: relapses seen when they happen, and seen at visits only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.planning.baseline import BaselineHazard
from survival_bzd.estimate.planning.schoenfeld import TrialPlan
from survival_bzd.estimate.quantities import Estimate, Floats, frozen

AT_ONCE = 1 << 20
"""Patients simulated at once, so that memory does not grow with the number of simulations."""

MOST_PATIENTS = 10_000_000
"""Patients of one study that memory has room for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectionBias:
    """How far Kaplan-Meier at the dates of detection is from the truth, in the reference group.

    Attributes
    ----------
    time : (m,) planned visits.
    truth : (m,) relapse-free probability then.
    before : (m,) mean of the curve less the truth just before the visit: the curve has not moved
        since the visit before.
    kaplan_meier : (m,) mean over the simulations of the curve at the visit.
    bias, monte_carlo_error : (m,) that less the truth, and the standard error of it: what is left
        after the visit is from relapses that missed visits leave to be found.
    """

    time: Floats
    truth: Floats
    before: Floats
    kaplan_meier: Floats
    bias: Floats
    monte_carlo_error: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedPower:
    """Part of the simulated studies in which the log-rank test found the difference.

    Attributes
    ----------
    plan : what was simulated.
    visits : planned visits; empty where relapses are seen when they happen.
    missed : probability that a visit is missed.
    simulations, seed : how many studies, and from where the random numbers start.
    continuous : power where relapses are seen when they happen, with its Monte Carlo error.
    at_visits : power at the dates of detection; None without visits.
    cost : continuous less at visits, in the same simulated studies; None without visits.
    events, events_seen : mean number of relapses seen when they happen, and at visits.
    bias : of the relapse-free proportion; None without visits.
    """

    plan: TrialPlan
    visits: tuple[float, ...]
    missed: float
    simulations: int
    seed: int
    continuous: Estimate
    at_visits: Estimate | None
    cost: Estimate | None
    events: float
    events_seen: float
    bias: DetectionBias | None


def simulate_power(
    plan: TrialPlan,
    *,
    visits: Sequence[float] = (),
    missed: float = 0.0,
    simulations: int = 2000,
    seed: int = 1,
    confidence: float = 0.95,
) -> SimulatedPower:
    """Simulate a planned study many times, with relapses seen at once and seen at visits only.

    A relapse is found at the first visit after it that the patient attends; who is not found to
    have relapsed is censored at the last visit attended. Both analyses are log-rank tests of the
    same patients, so that what the visits cost is known better than either power.

    Parameters
    ----------
    plan : TrialPlan
        With a baseline and patients.
    visits : sequence of float, optional
        Planned visits, in the unit of the baseline. Without them relapses are seen at once.
    missed : float, default 0
        Probability that a patient misses a visit, each on its own.
    simulations : int, default 2000
        Studies.
    seed : int, default 1
        The same seed gives the same numbers.
    confidence : float, default 0.95
        Coverage of the limits, which hold the Monte Carlo error only.

    Returns
    -------
    SimulatedPower

    Raises
    ------
    BadInput
        If the plan has no patients, or an argument breaks its rule.

    Examples
    --------
    >>> from survival_bzd.estimate import BaselineHazard, plan_trial
    >>> two = plan_trial(0.5, n=120, baseline=BaselineHazard(rates=(0.1,)), follow_up=12)
    >>> found = simulate_power(two, visits=[6, 12], simulations=500)
    >>> found.continuous.estimate > found.at_visits.estimate > 0.6
    True
    """
    times = _checked(plan, visits, missed, simulations)
    base = plan.baseline
    assert base is not None
    assert plan.n_reference is not None
    assert plan.n_treated is not None
    n = plan.n_reference + plan.n_treated
    treated = np.arange(n) >= plan.n_reference
    ratio = np.where(treated, plan.hazard_ratio, 1.0)
    draw = np.random.default_rng(seed)
    seen_at_once, seen_at_visits, curves = [], [], []
    counts = np.zeros(2)
    left = simulations
    while left:
        size = min(left, max(1, AT_ONCE // n))
        left -= size
        relapse = base.when(draw.exponential(size=(size, n)) / ratio)
        end = np.full((size, n), float(plan.follow_up))
        if plan.accrual:
            end += plan.accrual * draw.random((size, n))
        end = np.minimum(end, plan.longest)
        if plan.dropout:
            end = np.minimum(end, draw.exponential(size=(size, n)) / plan.dropout)
        happened = relapse <= end
        counts[0] += happened.sum()
        seen_at_once.append(_log_rank(np.minimum(relapse, end), happened, treated))
        if times.size:
            found, last = _found(relapse, end, times, missed, draw)
            counts[1] += (found < times.size).sum()
            tables = _tables(found, last, treated, times.size)
            seen_at_visits.append(_log_rank_of_tables(*tables))
            curves.append(_curves(tables[0][:, 0], tables[1][:, 0]))
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    critical = NormalDist().inv_cdf(1 - plan.alpha / 2) ** 2
    at_once = np.concatenate(seen_at_once) > critical
    at_visits = np.concatenate(seen_at_visits) > critical if times.size else None
    return SimulatedPower(
        plan=plan, visits=tuple(float(time) for time in times), missed=missed,
        simulations=simulations, seed=seed, continuous=_proportion(at_once, z),
        at_visits=None if at_visits is None else _proportion(at_visits, z),
        cost=None if at_visits is None else _mean(at_once.astype(float) - at_visits, z),
        events=counts[0] / simulations, events_seen=counts[1] / simulations,
        bias=_bias(base, times, np.concatenate(curves)) if times.size else None,
    )  # fmt: skip


def _checked(plan: TrialPlan, visits: Sequence[float], missed: float, simulations: int) -> Floats:
    times = np.asarray(visits, dtype=np.float64)
    rules = [
        (plan.baseline is None or plan.n is None,
         "a plan must have a baseline and a follow-up to be simulated", "Give both."),
        (times.size and not (np.isfinite(times).all() and times[0] > 0
                             and (np.diff(times) > 0).all()),
         "visits must ascend and lie above 0", "Write 1,2,3,6."),
        (not 0 <= missed < 1, "the part of missed visits must be 0 or more, below 1", "Write .2."),
        (simulations < 2, "there must be at least 2 simulations", "Some thousands are usual."),
        (plan.n is not None and plan.n > MOST_PATIENTS,
         f"a study of more than {MOST_PATIENTS:,} patients cannot be simulated",
         "Leave the simulation out, with --simulations 0; or check the hazard and its unit."),
        (plan.n is not None and min(plan.n_reference or 0, plan.n_treated or 0) < 1,
         "both groups must have patients", "Plan more patients, or another allocation."),
    ]  # fmt: skip
    faults = [Fault(rule=rule, remedy=remedy) for broken, rule, remedy in rules if broken]
    if faults:
        raise BadInput(faults)
    return times


def _proportion(found: NDArray[np.bool_], z: float) -> Estimate:
    """Return the part of the studies that found the difference, with Wilson's limits.

    Symmetric limits leave 0 to 1 where studies are few, and shrink to nothing at either end.
    """
    part = _mean(found.astype(np.float64), z)
    n, p = found.size, part.estimate
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # At either end one limit is the end, but for rounding.
    lower = 0.0 if p == 0 else middle - half
    upper = 1.0 if p == 1 else middle + half
    return replace(part, lower=lower, upper=upper)


def _mean(values: Floats, z: float) -> Estimate:
    mean, error = float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))
    return Estimate(estimate=mean, std_error=error, lower=mean - z * error, upper=mean + z * error)


def _log_rank(time: Floats, happened: NDArray[np.bool_], treated: NDArray[np.bool_]) -> Floats:
    """Return the (s,) log-rank statistics of (s, n) follow-ups whose events are never tied."""
    order = np.argsort(time, axis=1)
    event = np.take_along_axis(happened, order, axis=1)
    arm = treated[order]
    at_risk = np.arange(time.shape[1], 0, -1)
    share = np.cumsum(arm[:, ::-1], axis=1)[:, ::-1] / at_risk
    surplus = ((arm - share) * event).sum(axis=1)
    variance = (share * (1 - share) * event).sum(axis=1)
    return _statistic(surplus, variance)


def _statistic(surplus: Floats, variance: Floats) -> Floats:
    """Return the statistic; 0, nothing found, where the data do not determine it."""
    determined = variance > 0
    statistic: Floats = np.where(determined, surplus**2 / np.where(determined, variance, 1), 0.0)
    return statistic


def _found(
    relapse: Floats, end: Floats, visits: Floats, missed: float, draw: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the (s, n) visit that finds the relapse, and the last attended if none does.

    Visits count from 0; found is their number where none finds it, last -1 where none is attended.
    """
    k = visits.size
    found = np.full(relapse.shape, k, dtype=np.intp)
    last = np.full(relapse.shape, -1, dtype=np.intp)
    for place, visit in enumerate(visits):
        attended = end >= visit
        if missed:
            attended &= draw.random(relapse.shape) >= missed
        attended &= found == k
        found[attended & (relapse <= visit)] = place
        last[attended] = place
    return found, last


def _tables(
    found: NDArray[np.intp], last: NDArray[np.intp], treated: NDArray[np.bool_], k: int
) -> tuple[Floats, Floats]:
    """Return (s, 2, k) relapses found and patients at risk, by study, group and visit."""
    studies = found.shape[0]
    cell = (np.arange(studies)[:, None] * 2 + treated) * k
    seen = found < k
    size = studies * 2 * k
    events = np.bincount((cell + found)[seen], minlength=size).reshape(studies, 2, k)
    stayed = last >= 0
    ended = np.bincount((cell + last)[stayed], minlength=size).reshape(studies, 2, k)
    at_risk = np.cumsum(ended[..., ::-1], axis=-1)[..., ::-1]
    return events.astype(np.float64), at_risk.astype(np.float64)


def _log_rank_of_tables(events: Floats, at_risk: Floats) -> Floats:
    """Return the (s,) log-rank statistics with ties, from counts per visit."""
    found, risk = events.sum(axis=1), at_risk.sum(axis=1)
    share = at_risk[:, 1] / np.maximum(risk, 1)
    surplus = (events[:, 1] - found * share).sum(axis=1)
    rest = (risk - found) / np.maximum(risk - 1, 1)
    return _statistic(surplus, (found * share * (1 - share) * rest).sum(axis=1))


def _curves(events: Floats, at_risk: Floats) -> Floats:
    """Return (s, k) Kaplan-Meier curves at the visits."""
    curve = np.cumprod(1 - events / np.maximum(at_risk, 1), axis=1)
    # Where nobody is at risk any more the curve is not known, unless it has reached 0.
    known: Floats = np.where((at_risk > 0) | (curve == 0), curve, np.nan)
    return known


def _bias(base: BaselineHazard, visits: Floats, curves: Floats) -> DetectionBias:
    truth = base.survival(visits)
    known = ~np.isnan(curves)
    number = np.maximum(known.sum(axis=0), 1)
    difference = np.where(known, curves - truth, 0.0)
    bias: Floats = difference.sum(axis=0) / number
    spread: Floats = np.where(known, difference - bias, 0.0)
    error = np.sqrt((spread**2).sum(axis=0) / np.maximum(number - 1, 1) / number)
    nowhere = ~known.any(axis=0)
    bias[nowhere] = error[nowhere] = np.nan
    mean = truth + bias
    before = np.append(1.0, mean[:-1]) - truth
    return DetectionBias(
        time=frozen(visits), truth=frozen(truth), before=frozen(before), kaplan_meier=frozen(mean),
        bias=frozen(bias), monte_carlo_error=frozen(error),
    )  # fmt: skip
