"""Who got clinically significantly worse: by hand, by invariants, with missing scores."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import (
    proportion,
    reliable_change,
    threshold_change,
    worsening,
    worsening_on_any,
)

NONE = math.nan


def test_by_hand():
    # up by 6, by 5, down; no later score; no baseline; none at the end
    found = worsening(
        [20, 20, 20, 20, NONE, 10],
        [26, 25, 12, NONE, 30, 16],
        [21, 25, 12, NONE, 30, NONE],
        threshold_change(6),
    )
    assert found.worse.tolist() == [True, False, False, False, False, True]
    assert found.worse_at_end.tolist() == [False] * 6
    assert found.any_time == proportion(2, 4)
    assert found.at_end == proportion(0, 3)
    assert found.no_baseline.tolist() == [False] * 4 + [True, False]
    assert found.no_later.tolist() == [False] * 3 + [True, False, False]
    assert found.no_end.tolist() == [False] * 3 + [True, False, True]
    np.testing.assert_array_equal(found.change, [6, 5, -8, NONE, NONE, 6])


def test_where_lower_is_worse_the_sign_turns():
    found = worsening([20, 20], [14, 15], [20, 26], threshold_change(6), worse="lower")
    assert found.worse.tolist() == [True, False]
    assert found.change.tolist() == [6, 5]
    assert found.change_at_end.tolist() == [0, -6]


def test_reliable_change_of_jacobson_and_truax():
    # Their example: sd 7.5, reliability .80, from 47.5 to 32.5: an index of 3.16.
    cut = reliable_change(7.5, 0.8)
    assert (47.5 - 32.5) / (cut.points / 1.96) == pytest.approx(3.16, abs=0.005)
    assert cut.points == pytest.approx(1.96 * 7.5 * math.sqrt(2) * math.sqrt(0.2))
    assert (cut.sd, cut.reliability) == (7.5, 0.8)


def test_a_threshold_is_reached_and_a_reliable_change_exceeded():
    points = reliable_change(10, 0.5).points
    exceeded = reliable_change(10, 0.5).passed(np.array([points, points + 1e-6, NONE]))
    assert exceeded.tolist() == [False, True, False]
    assert threshold_change(0.3).passed(np.array([0.1 + 0.2, 0.4 - 0.1, 0.29])).tolist() == [
        True,
        True,
        False,
    ]


def test_on_any_scale():
    cut = threshold_change(5)
    first = worsening([10, 10, 10, NONE], [15, 10, NONE, NONE], [10, 10, NONE, NONE], cut)
    second = worsening([10, 10, 10, NONE], [15, 10, 16, NONE], [16, 10, NONE, NONE], cut)
    found = worsening_on_any([first, second])
    assert found.worse_on.tolist() == [2, 0, 1, 0]
    assert found.any_time == proportion(2, 3)
    assert found.at_end == proportion(1, 2)
    assert (found.incomplete, found.incomplete_at_end) == (1, 0)


def test_nobody():
    found = worsening([], [], [], threshold_change(1))
    assert found.any_time.n == 0
    assert math.isnan(found.any_time.estimate)
    assert worsening([3], [NONE], [NONE], threshold_change(1)).no_later.tolist() == [True]


@pytest.mark.parametrize("points", [0, -3, NONE])
def test_a_threshold_has_no_sign(points):
    with pytest.raises(BadInput, match="above 0"):
        threshold_change(points)


def test_what_no_reliable_change_follows_from():
    with pytest.raises(NotEstimable, match="do not vary"):
        reliable_change(0, 0.8)
    with pytest.raises(BadInput, match="between 0 and 1"):
        reliable_change(5, 1)


scores = st.one_of(st.none(), st.integers(0, 40))


@given(
    st.lists(st.tuples(scores, scores, scores), max_size=30),
    st.integers(1, 15),
    st.integers(-20, 20),
)
def test_invariants(rows, points, shift):
    columns = np.array([[NONE if one is None else one for one in row] for row in rows]).reshape(
        -1, 3
    )
    baseline, later, end = columns.T
    worst = np.fmax(later, end)  # the end is a later score
    found = worsening(baseline, worst, end, threshold_change(points))
    assert (found.worse_at_end <= found.worse).all()
    assert found.any_time.n + found.no_baseline.sum() + found.no_later.sum() == found.n
    assert found.at_end.n + found.no_baseline.sum() + found.no_end.sum() == found.n
    stricter = worsening(baseline, worst, end, threshold_change(points + 1))
    assert (stricter.worse <= found.worse).all()
    mirrored = worsening(
        shift - baseline, shift - worst, shift - end, threshold_change(points), worse="lower"
    )
    assert mirrored.worse.tolist() == found.worse.tolist()
    assert mirrored.at_end == found.at_end or found.at_end.n == 0
