"""Tests reject as often as they say or are known to where there is no difference, with 22 patients.

As in `test_coverage_limits.py` the share that is found in m studies may be outside its band by
3.3 Monte Carlo errors, sqrt(p (1 - p) / m).
"""

import pytest

from benchmarks.coverage.experiments import EXPERIMENTS, simulate

NOMINAL = (0.035, 0.065)

# What is known to reject more or less often; (row, None) is the row's other columns.
KNOWN = {
    # Late weights are of the few who are left.
    "two_arms": {
        ("Fleming-Harrington gamma = 1", "few censored"): (0.065, 0.09),
    },
    "largest_of_four": {(None, None): (0.04, 0.08)},
    # The chi-square distribution is too narrow for groups of seven.
    "three_groups": {
        ("log-rank, 2 df", "few censored"): (0.065, 0.095),
        ("any of 3 pairs, Holm", "few censored"): (0.055, 0.085),
        ("trend", None): (0.045, 0.075),
    },
    # Normal limits of a mean of eleven are too narrow.
    "at_a_time": {("difference of means", None): (0.065, 0.095)},
    # Wald's test loses size where coefficients are large with few events.
    "cox_model": {
        (None, "many censored"): (0.045, 0.075),
        ("Wald, arm", "many censored"): (0.015, 0.04),
        ("Wald, arm + score", "many censored"): (0.015, 0.04),
        ("likelihood ratio, arm + score", None): (0.05, 0.08),
        ("score, arm + score", None): (0.05, 0.08),
    },
    # The robust error is too small with eleven clusters.
    "cox_robust": {
        ("robust Wald, pairs as clusters", "between pairs"): (0.065, 0.095),
        ("robust Wald, pairs as clusters", "within pairs"): (0.05, 0.08),
        ("Wald", "between pairs"): (0.11, 0.15),
        ("Wald", "within pairs"): (0.0, 0.01),
    },
    "proportional_hazards": {
        (None, "arm"): (0.05, 0.085),
        (None, "GLOBAL"): (0.05, 0.085),
    },
}

EXPERIMENTS_OF_TESTS = [one for one in EXPERIMENTS if one.nominal < 0.5]


@pytest.mark.parametrize("experiment", EXPERIMENTS_OF_TESTS, ids=lambda one: one.name)
def test_tests_reject_as_expected(experiment, simulated, outside):
    known = KNOWN.get(experiment.name, {})
    for found in (simulate(experiment, experiment.studies // 8), simulated[experiment.name]):
        for cell, count in found.items():
            assert not outside(count, cell, known, NOMINAL), (cell, count)


def test_every_exception_is_of_a_cell(simulated):
    for name, known in KNOWN.items():
        rows, columns = (set(place) for place in zip(*simulated[name], strict=True))
        for row, column in known:
            assert row in rows | {None}
            assert column in columns | {None}
