import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import mean_count, nelson_aalen

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "mean_count.json").read_text(encoding="utf-8")
)
NAN = float("nan")


@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r_survfit(case, patients, column):
    # Regenerate with tests/reference/mean_count.R.
    r = REFERENCE[case]
    (curve,) = mean_count(
        patients(r["data"]), column(r["data"]["id"]), cluster=column(r["cluster"])
    )
    assert_allclose(curve.time, column(r["time"]))
    assert_allclose(curve.at_risk, column(r["at_risk"]), rtol=1e-9)
    assert_allclose(curve.mean_count, column(r["count"]), rtol=1e-9)
    assert_allclose(curve.std_error, column(r["std_error"]), rtol=1e-9, atol=1e-12)


def rows():
    # a relapses at 5 and 12 and dies at 20, b relapses at 5, c enters at 6 and is seen until 30.
    return TimeToEvent(
        [5, 12, 20, 5, 25, 30], [1, 1, 2, 1, 0, 0], entry=[NAN, 5, 12, NAN, 5, 6]
    ), list("aaabbc")


def test_by_hand():
    (curve,) = mean_count(*rows())
    # Two of two at 5, one of three at 12; of three one dies at 20.
    assert_allclose(curve.at([5]).mean_count, [1])
    assert_allclose(curve.at([19.9]).mean_count, [4 / 3])
    assert (curve.n, curve.n_events, curve.n_terminal) == (3, 3, 1)
    at = curve.at([0, 5, 5.5, 6, 6.1, 12, 30, 31])
    assert_allclose(at.at_risk, [2, 2, 2, 2, 3, 3, 1, 0])
    assert math.isnan(at.mean_count[-1])
    assert at.reasons[-1] == "not estimable: follow-up ends at 30 days"


def test_who_is_dead_relapses_no_more():
    # Half die at 1; the other half relapses at 2: half a relapse per patient, not one.
    tte = TimeToEvent([1, 1, 2, 2], [2, 2, 1, 1])
    (curve,) = mean_count(tte, [1, 2, 3, 4])
    assert_allclose(curve.mean_count, [0, 0.5])
    (blind,) = mean_count(tte, [1, 2, 3, 4], terminal=[False] * 4)
    assert_allclose(blind.mean_count, [0, 1])


def test_a_relapse_on_the_day_of_death_counts():
    (curve,) = mean_count(TimeToEvent([3, 3], [1, 0]), [1, 2], terminal=[True, True])
    assert_allclose(curve.mean_count, [0.5])
    assert curve.n_terminal == 2


def test_one_row_each_is_the_cumulative_hazard():
    tte = TimeToEvent([0, 3, 3, 7, 9], [1, 1, 0, 1, 0])
    (curve,) = mean_count(tte, range(5))
    (hazard,) = nelson_aalen(tte, cluster=range(5))
    assert_allclose(curve.mean_count, hazard.hazard)
    assert_allclose(curve.std_error, hazard.std_error)


def jackknifed(tte, patient, step=1e-5):
    """Standard error by the derivative after each patient's weight."""
    found = 0
    for who in np.unique(patient):
        mine = np.asarray(patient) == who
        up, down = (
            mean_count(
                TimeToEvent(tte.time, tte.event, entry=tte.entry, weight=1 + sign * step * mine),
                patient,
            )[0].mean_count
            for sign in (1, -1)
        )
        found = found + ((up - down) / (2 * step)) ** 2
    return np.sqrt(found)


def test_standard_error_with_death_is_the_derivative_after_the_weights():
    tte, patient = rows()
    (curve,) = mean_count(tte, patient)
    assert_allclose(curve.std_error, jackknifed(tte, patient), rtol=1e-7, atol=1e-9)


@given(seed=st.integers(0, 10**6))
@example(seed=145)
@settings(max_examples=20, deadline=None)
def test_order_of_rows_scale_of_weights_and_names_change_nothing(seed):
    rng = np.random.default_rng(seed)
    start = np.repeat(rng.integers(0, 5, 12), 3).reshape(12, 3).astype(float)
    stop = start[:, :1] + np.cumsum(rng.integers(1, 4, (12, 3)), axis=1)
    start[:, 1:] = stop[:, :-1]
    event = rng.integers(0, 2, (12, 3))
    event[:, 2] = rng.integers(0, 3, 12)
    patient = np.repeat(np.arange(12), 3)
    columns = [stop.ravel(), event.ravel(), start.ravel(), rng.uniform(0.5, 2, 36)]
    order, name = rng.permutation(36), rng.permutation(12)

    def curve(rows, who, factor):
        time, event, entry, weight = (column[rows] for column in columns)
        tte = TimeToEvent(time, event, entry=entry, weight=weight * factor)
        return mean_count(tte, who[rows])[0]

    one, other = curve(np.arange(36), patient, 1), curve(order, name[patient], 3)
    assert_allclose(one.mean_count, other.mean_count, rtol=1e-10)
    assert_allclose(one.std_error, other.std_error, rtol=1e-8, atol=1e-12)
    assert (np.diff(one.mean_count) >= 0).all()


def test_limits():
    tte, patient = rows()
    (log,), (plain,) = (mean_count(tte, patient, limits=scale) for scale in ("log", "plain"))
    # At first everybody has had one: there is no error, and there are no limits.
    assert (log.std_error[0], np.isnan(log.lower[0])) == (0, True)
    assert_allclose((log.lower * log.upper)[1:], log.mean_count[1:] ** 2)
    assert_allclose((plain.lower + plain.upper)[1:], 2 * plain.mean_count[1:])
    (none,) = mean_count(TimeToEvent([3, 4], [0, 0]), [1, 2])
    assert np.isnan(none.lower).all()
    assert (none.mean_count == 0).all()


def test_groups():
    tte, patient = rows()
    first, second = mean_count(tte, patient, by=list("xxxxxy"))
    assert (first.group, first.n, second.n_events) == ("x", 2, 0)
    assert list(first.to_frame()["mean_count"]) == list(first.mean_count)
    assert "1.5 per patient" in repr(first)


def test_overlapping_rows_are_bad_input():
    with pytest.raises(BadInput, match="must not overlap"):
        mean_count(TimeToEvent([5, 9], [1, 1], entry=[NAN, 4]), ["a", "a"])
