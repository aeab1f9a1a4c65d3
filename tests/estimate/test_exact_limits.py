import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import hazard_table, proportion

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "exact_limits.json").read_text(encoding="utf-8")
)


def test_proportion_agrees_with_r_binom_test():
    # Regenerate with tests/reference/exact_limits.R.
    for pair in REFERENCE["proportion"]:
        for r in pair:
            share = proportion(r["successes"], r["n"], confidence=r["level"])
            assert_allclose([share.lower, share.upper], r["limits"], rtol=1e-12)


def test_published_proportions():
    off, free = proportion(20, 22), proportion(14, 22)
    assert [round(100 * x, 1) for x in (off.lower, off.upper)] == [70.8, 98.9]
    assert [round(100 * x, 1) for x in (free.lower, free.upper)] == [40.7, 82.8]


def test_nobody_has_no_proportion():
    assert math.isnan(proportion(0, 0).estimate)
    with pytest.raises(BadInput, match="3 of 2"):
        proportion(3, 2)


def test_rate_agrees_with_r_poisson_test():
    for r in REFERENCE["poisson"]:
        count = r["events"]
        time = np.full(max(count, 1), r["person_time"] / max(count, 1))
        (table,) = hazard_table(TimeToEvent(time, [count > 0] * time.size), [0, 2000])
        assert_allclose([table.lower[0], table.upper[0]], r["limits"], rtol=1e-12)


def test_windows_are_open_below_and_closed_above_but_the_first_holds_day_zero():
    tte = TimeToEvent([0, 30, 31, 60, 90, 200], [1, 1, 1, 1, 0, 1])
    (table,) = hazard_table(tte, [0, 30, 60, 90])
    assert table.events.tolist() == [2, 2, 0]
    assert table.person_time.tolist() == [150, 1 + 30 + 30 + 30, 60]
    assert_allclose(table.rate, [2 / 150, 2 / 91, 0])
    (later,) = hazard_table(tte, [30, 60])
    assert later.events.tolist() == [2]


def test_time_before_a_late_entry_is_not_counted():
    (table,) = hazard_table(TimeToEvent([50, 80], [1, 0], entry=[40, np.nan]), [0, 45, 100])
    assert table.person_time.tolist() == [5 + 45, 5 + 35]


def test_window_nobody_reached_has_no_rate():
    (table,) = hazard_table(TimeToEvent([5, 9], [1, 0]), [0, 10, 20])
    assert table.person_time[1] == 0
    assert np.isnan([table.rate[1], table.lower[1], table.upper[1]]).all()


def test_weights_that_are_not_whole_have_no_exact_limits():
    tte = TimeToEvent([5, 9], [1, 1], weight=[1.5, 1])
    (table,) = hazard_table(tte, [0, 10])
    assert table.events.tolist() == [2.5]
    assert table.person_time.tolist() == [16.5]
    assert np.isnan(table.lower).all()


def test_one_table_per_group():
    tables = hazard_table(TimeToEvent([5, 9], [1, 0]), [0, 10], by=["x", "y"])
    assert [t.group for t in tables] == ["x", "y"]
    assert list(tables[0].to_frame()["events"]) == [1]


@pytest.mark.parametrize("edges", [[0], [0, 0], [10, 5], [-1, 5], [0, float("nan")]])
def test_edges_must_ascend_from_zero(edges):
    with pytest.raises(BadInput, match="ascending"):
        hazard_table(TimeToEvent([1], [1]), edges)
