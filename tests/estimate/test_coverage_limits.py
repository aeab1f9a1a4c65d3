"""Limits hold the truth as often as they say or are known to, in simulated studies of 22 patients.

The share that is found in m studies may be outside its band by 3.3 Monte Carlo errors,
sqrt(p (1 - p) / m) with p the end of the band: one cell in a thousand would be by chance. Seeds are
constant. `benchmarks.coverage` draws the studies; an eighth of them is drawn again here, and the
counts of all are read.
"""

from math import comb

import numpy as np
import pytest

from benchmarks.coverage.experiments import EXPERIMENTS, simulate
from benchmarks.coverage.intervals import HEIGHTS, LIMITS, VISITS, holds
from benchmarks.coverage.studies import FEW_CENSORED, MANY_CENSORED, PATIENTS
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import kaplan_meier, proportion

NOMINAL = (0.93, 0.97)

# What is known to hold more or less than it says; (row, None) is the row's other columns.
KNOWN = {
    # Log and plain limits are symmetric where the estimate is skewed; beta limits hold at least
    # what they say. The bootstrap has no limits but 1 where nobody relapses: 0.9^22 = 0.0985.
    "survival_few_censored": {
        ("log", None): (0.90, 0.95),
        ("plain", None): (0.91, 0.95),
        ("arcsin", None): (0.92, 0.96),
        ("log-log", None): (0.94, 0.97),
        ("beta", None): (0.95, 0.985),
        ("bootstrap percentiles", "S = 0.9"): (0.87, 0.9015),
        ("bootstrap percentiles", None): (0.90, 0.95),
    },
    "survival_many_censored": {
        ("log", None): (0.88, 0.92),
        ("plain", None): (0.88, 0.92),
        ("arcsin", None): (0.91, 0.95),
        ("log-log", None): (0.94, 0.97),
        ("beta", None): (0.96, 1.0),
        ("bootstrap percentiles", "S = 0.9"): (0.87, 0.91),
        ("bootstrap percentiles", None): (0.88, 0.94),
    },
    # A pair that resembles each other is less than two patients.
    "survival_robust": {
        ("pairs, taken as independent", None): (0.87, 0.93),
    },
    "quantiles": {
        ("log", "median"): (0.90, 0.94),
        ("arcsin", "quarter"): (0.90, 0.94),
        ("log-log", None): (0.95, 0.98),
        ("beta", None): (0.96, 0.99),
    },
    # The error at the first relapse, one in 22, and at the last says little there.
    "bands": {
        ("equal-precision, log-log", "few censored"): (0.88, 0.92),
        ("equal-precision, plain", "few censored"): (0.81, 0.86),
        ("equal-precision, plain", "many censored"): (0.88, 0.92),
        ("hall-wellner, arcsin", None): (0.96, 1.0),
        ("pointwise limits, log-log", "few censored"): (0.50, 0.60),
        ("pointwise limits, log-log", "many censored"): (0.72, 0.80),
        (None, "many censored"): (0.95, 0.99),
    },
    "conditional": {("beta", None): (0.96, 0.99)},
    "cumulative_hazard": {("Nelson-Aalen", "S = 0.9"): (0.96, 0.99)},
    # Exact limits hold at least what they say.
    "rates": {(None, None): (0.95, 0.99)},
    "shares": {(None, None): (0.95, 0.99)},
    "restricted_means": {(None, None): (0.91, 0.95)},
    "differences": {("plain", None): (0.92, 0.96)},
    # Two coefficients from nine events are far from normal.
    "hazard_ratios": {
        ("profile", "arm, many censored"): (0.89, 0.94),
        ("profile", "score, many censored"): (0.90, 0.95),
        ("Firth, profile", None): (0.91, 0.96),
        ("profile", None): (0.92, 0.96),
    },
    # The robust error is too small with eleven clusters, and more so of a coefficient between them.
    "clustered_hazard_ratios": {
        ("robust, pairs as clusters", "between pairs"): (0.88, 0.92),
        ("robust, pairs as clusters", "within pairs"): (0.91, 0.95),
        ("taken as independent", "between pairs"): (0.81, 0.86),
        ("taken as independent", "within pairs"): (0.98, 1.0),
    },
    # Concordance is of the hazards that were fitted to the same patients.
    "cox_predictions": {("concordance", None): (0.89, 0.94)},
}

EXPERIMENTS_OF_LIMITS = [one for one in EXPERIMENTS if one.nominal > 0.5]


@pytest.mark.parametrize("experiment", EXPERIMENTS_OF_LIMITS, ids=lambda one: one.name)
def test_limits_hold_the_truth_as_expected(experiment, simulated, outside):
    known = KNOWN.get(experiment.name, {})
    for found in (simulate(experiment, experiment.studies // 8), simulated[experiment.name]):
        for cell, count in found.items():
            if (experiment.name, cell) not in EXACT:
                assert not outside(count, cell, known, NOMINAL), (cell, count)


def test_every_exception_is_of_a_cell(simulated):
    for name, known in KNOWN.items():
        rows, columns = (set(place) for place in zip(*simulated[name], strict=True))
        for row, column in known:
            assert row in rows | {None}
            assert column in columns | {None}


def without_censoring(limits: str, survival: float) -> float:
    """Return the coverage at a time before which nobody is censored, of studies with limits."""
    held = tested = 0.0
    for relapses in range(PATIENTS + 1):
        time = np.where(np.arange(PATIENTS) < relapses, 1, 2)
        (curve,) = kaplan_meier(TimeToEvent(time, time == 1), limits=limits)
        at = curve.at([1])
        answer = holds(at.lower[0], at.upper[0], survival)
        if answer is not None:
            share = comb(PATIENTS, relapses) * (1 - survival) ** relapses
            share *= survival ** (PATIENTS - relapses)
            held += share * answer
            tested += share
    return held / tested


EXACT = {
    **{
        ("survival_few_censored", (limits, f"S = {height:g}")): (limits, height)
        for limits in LIMITS
        for height in HEIGHTS
        if FEW_CENSORED.reached(height) < FEW_CENSORED.first
    },
    **{
        ("survival_many_censored", (limits, f"S = {MANY_CENSORED.survival(VISITS[0]):.2g}")): (
            limits,
            float(MANY_CENSORED.survival(VISITS[0])),
        )
        for limits in LIMITS
    },
}


@pytest.mark.parametrize("place", EXACT, ids=lambda place: ", ".join((place[0], *place[1])))
def test_limits_hold_the_truth_as_often_as_the_binomial_distribution_says(
    place, simulated, outside
):
    name, cell = place
    exact = without_censoring(*EXACT[place])
    assert not outside(simulated[name][cell], cell, {cell: (exact, exact)}, NOMINAL)


def test_shares_hold_the_truth_as_often_as_the_binomial_distribution_says(simulated, outside):
    for cell, count in simulated["shares"].items():
        truth = float(cell[1].removeprefix("share = "))
        exact = 0.0
        for successes in range(PATIENTS + 1):
            found = proportion(successes, PATIENTS)
            share = comb(PATIENTS, successes) * truth**successes
            exact += share * (1 - truth) ** (PATIENTS - successes) * (
                found.lower <= truth <= found.upper
            )  # fmt: skip
        assert exact >= 0.95
        assert not outside(count, cell, {cell: (exact, exact)}, NOMINAL)
