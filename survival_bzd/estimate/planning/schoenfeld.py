"""Events and patients for a log-rank test of two groups, by Schoenfeld's formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.planning.baseline import BaselineHazard


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlan:
    """A study of two groups that the log-rank test compares.

    Attributes
    ----------
    hazard_ratio : of the treated to the reference group.
    power : probability that the test finds the difference.
    alpha : two-sided level of the test.
    allocation : treated patients per patient of the reference group.
    events : relapses in both groups; not rounded.
    n_reference, n_treated : patients, rounded up; None without a baseline.
    event_probability : of a patient of the reference group and of a treated one; NaN without a
        baseline.
    baseline : hazard of relapse of the reference group; None where it is not given.
    follow_up : of the last patient who comes; NaN without a baseline.
    accrual : over which patients come evenly.
    dropout : constant hazard of leaving the study.
    longest : nobody is followed beyond it, such as the last visit.
    asked : what was given: ``"power"``, ``"n"`` or ``"events"``.
    """

    hazard_ratio: float
    power: float
    alpha: float
    allocation: float
    events: float
    n_reference: int | None
    n_treated: int | None
    event_probability: tuple[float, float]
    baseline: BaselineHazard | None
    follow_up: float
    accrual: float
    dropout: float
    longest: float
    asked: str

    @property
    def n(self) -> int | None:
        """Patients in both groups."""
        if self.n_reference is None or self.n_treated is None:
            return None
        return self.n_reference + self.n_treated


def schoenfeld_events(
    hazard_ratio: float, *, power: float = 0.8, alpha: float = 0.05, allocation: float = 1.0
) -> float:
    r"""Return how many relapses a log-rank test needs.

    .. math:: D = \frac{(z_{1-\alpha/2} + z_{power})^2}{p (1 - p) (\log HR)^2}

    with `p` the part of the patients who are treated.

    Parameters
    ----------
    hazard_ratio : of the treated to the reference group; above 0, not 1.
    power, alpha : between 0 and 1; `alpha` is two-sided.
    allocation : treated patients per patient of the reference group.

    Returns
    -------
    float
        In both groups together, not rounded.

    References
    ----------
    .. [1] Schoenfeld DA (1983). Biometrics 39:499-503. doi:10.2307/2531021

    Examples
    --------
    >>> round(schoenfeld_events(0.5), 3)
    65.346
    """
    _check(hazard_ratio, alpha, allocation, power=power)
    normal = NormalDist()
    z = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
    if z <= 0:
        return 0.0
    return (z / math.log(hazard_ratio)) ** 2 / _spread(allocation)


def schoenfeld_power(
    hazard_ratio: float, events: float, *, alpha: float = 0.05, allocation: float = 1.0
) -> float:
    """Return the power of a log-rank test with so many relapses; `schoenfeld_events` solved for it.

    Examples
    --------
    >>> round(schoenfeld_power(0.5, 65.346), 4)
    0.8
    """
    _check(hazard_ratio, alpha, allocation, events=events)
    normal = NormalDist()
    drift = math.sqrt(events * _spread(allocation)) * abs(math.log(hazard_ratio))
    return normal.cdf(drift - normal.inv_cdf(1 - alpha / 2))


def plan_trial(
    hazard_ratio: float,
    *,
    power: float | None = None,
    n: int | None = None,
    events: float | None = None,
    alpha: float = 0.05,
    allocation: float = 1.0,
    baseline: BaselineHazard | None = None,
    follow_up: float | None = None,
    accrual: float = 0.0,
    dropout: float = 0.0,
    longest: float = math.inf,
) -> TrialPlan:
    """Plan a study of two groups: from power to patients, or from patients or relapses to power.

    Parameters
    ----------
    hazard_ratio : float
        Of the treated to the reference group.
    power, n, events : optional
        One of them: the power wanted (0.8 where none is given), the patients, or the relapses.
    alpha : float, default 0.05
        Two-sided level.
    allocation : float, default 1
        Treated patients per patient of the reference group.
    baseline : BaselineHazard, optional
        Hazard of the reference group; patients cannot be counted without it.
    follow_up : float, optional
        Of the last patient who comes, in the unit of the baseline.
    accrual, dropout : float, default 0
        Time over which patients come evenly; constant hazard of leaving the study.
    longest : float, optional
        Nobody is followed beyond it: the last visit, where visits are planned.

    Returns
    -------
    TrialPlan
        Of relapses that are seen when they happen; `simulate_power` says what visits cost.

    Raises
    ------
    BadInput
        If a number breaks its rule, or patients are asked for without baseline and follow-up.

    Examples
    --------
    >>> from survival_bzd.estimate import BaselineHazard
    >>> two = plan_trial(0.5, baseline=BaselineHazard(rates=(0.1,)), follow_up=12)
    >>> two.n, [round(part, 4) for part in two.event_probability]
    (114, [0.6988, 0.4512])
    """
    asked = [name for name, value in (("power", power), ("n", n), ("events", events))
             if value is not None]  # fmt: skip
    if len(asked) > 1:
        raise BadInput([Fault(rule="only one of power, n and events can be given",
                              value=", ".join(asked), remedy="Leave the others out.")])  # fmt: skip
    if n is not None and (baseline is None or follow_up is None):
        raise BadInput([Fault(rule="patients make relapses by a baseline hazard in a follow-up",
                              remedy="Give both, or the number of relapses.")])  # fmt: skip
    _check(
        hazard_ratio, alpha, allocation, power=power, n=n, events=events, follow_up=follow_up,
        accrual=accrual, dropout=dropout, longest=longest,
    )  # fmt: skip
    treated = allocation / (1 + allocation)
    seen = (math.nan, math.nan)
    if baseline is not None and follow_up is not None:
        how = {"follow_up": follow_up, "accrual": accrual, "dropout": dropout, "longest": longest}
        seen = (baseline.event_probability(1.0, **how),
                baseline.event_probability(hazard_ratio, **how))  # fmt: skip
    both = (1 - treated) * seen[0] + treated * seen[1]
    sizes: tuple[int | None, int | None] = (None, None)
    level = {"alpha": alpha, "allocation": allocation}
    if n is not None:
        sizes = (n - round(n * treated), round(n * treated))
        expected = sizes[0] * seen[0] + sizes[1] * seen[1]
        reached = schoenfeld_power(hazard_ratio, expected, **level)
    else:
        if events is None:
            reached = 0.8 if power is None else power
            expected = schoenfeld_events(hazard_ratio, power=reached, **level)
        else:
            expected, reached = events, schoenfeld_power(hazard_ratio, events, **level)
        if not math.isnan(both):
            total = expected / both
            # What rounding adds to a whole number must not add a patient.
            sizes = (math.ceil(total * (1 - treated) - 1e-9), math.ceil(total * treated - 1e-9))
    return TrialPlan(
        hazard_ratio=hazard_ratio, power=reached, alpha=alpha, allocation=allocation,
        events=expected, n_reference=sizes[0], n_treated=sizes[1], event_probability=seen,
        baseline=baseline, follow_up=math.nan if follow_up is None else follow_up,
        accrual=accrual, dropout=dropout, longest=longest, asked=asked[0] if asked else "power",
    )  # fmt: skip


def _spread(allocation: float) -> float:
    return allocation / (1 + allocation) ** 2


def _check(hazard_ratio: float, alpha: float, allocation: float, **others: float | None) -> None:
    """Name every number that breaks its rule."""
    rules: dict[str, tuple[Callable[[float], bool], str, str]] = {
        "power": (lambda x: 0 < x < 1, "must lie strictly between 0 and 1", "Write .8."),
        "events": (lambda x: 0 < x < math.inf, "must be above 0", "Give the relapses expected."),
        "n": (lambda x: x >= 2, "must be at least 2", "Give the patients of both groups."),
        "follow_up": (lambda x: 0 < x < math.inf, "must be a time above 0", "Give it in months."),
        "longest": (lambda x: x > 0, "must be a time above 0", "Give the last visit."),
        "accrual": (lambda x: 0 <= x < math.inf, "must be a time from 0 on", "Give it in months."),
        "dropout": (lambda x: 0 <= x < math.inf, "must be a rate from 0 on", "Write .01."),
    }
    faults = [
        Fault(rule=f"{name.replace('_', ' ')} {rules[name][1]}", value=f"{value:g}",
              remedy=rules[name][2])
        for name, value in others.items() if value is not None and not rules[name][0](value)
    ]  # fmt: skip
    if not (0 < hazard_ratio < math.inf) or hazard_ratio == 1:
        faults.append(Fault(rule="the hazard ratio must be above 0, and not 1",
                            value=f"{hazard_ratio:g}",
                            remedy="Write .6 for a hazard 40% lower."))  # fmt: skip
    if not 0 < alpha < 1:
        faults.append(Fault(rule="alpha must lie strictly between 0 and 1", value=f"{alpha:g}",
                            remedy="Write .05."))  # fmt: skip
    if not 0 < allocation < math.inf:
        faults.append(Fault(rule="the allocation must be above 0", value=f"{allocation:g}",
                            remedy="Write 2 for two treated per patient not treated."))  # fmt: skip
    if faults:
        raise BadInput(faults)
