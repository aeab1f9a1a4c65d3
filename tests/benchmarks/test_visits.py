"""What visits months apart do to the curve: the known bias, and that the curve has none of it."""

import numpy as np
import pytest

from benchmarks.visits import PAGE, biases, filled, visited


@pytest.fixture(scope="module")
def bias():
    return biases(200, 1)


def test_kaplan_meier_at_the_visit_that_found_it_is_too_high(bias):
    # Known beforehand: +.087, +.157, +.120, +.082.
    mean, error = bias["detected"]
    np.testing.assert_allclose(mean, [0.087, 0.157, 0.120, 0.082], atol=0.01)
    assert (mean >= 0.07).all()
    assert (error < 0.004).all()


def test_kaplan_meier_at_the_middle_is_too_high_by_less(bias):
    mean, _ = bias["midpoint"]
    np.testing.assert_allclose(mean, [0.026, 0.010, 0.009, 0.021], atol=0.01)


def test_the_interval_censored_curve_is_not(bias):
    mean, error = bias["npmle"]
    assert (np.abs(mean) <= 0.006 + 2 * error).all()


def test_the_same_seed_gives_the_same_study():
    one, other = (visited(np.random.default_rng(4), 30) for _ in range(2))
    np.testing.assert_array_equal(one.lower, other.lower)
    assert (one.lower < one.upper).all()


def test_the_page_has_its_tables():
    page = PAGE.read_text(encoding="utf-8")
    bias = {"npmle": (np.zeros(4), np.full(4, 0.001))}
    shown = filled(page, bias, bias, {22: np.ones(4)})
    assert "| interval-censored curve; visits on the day | +0.000 |" in shown
    assert shown.count("Written by python -m benchmarks.visits") == 1
