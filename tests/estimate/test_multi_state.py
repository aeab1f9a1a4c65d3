import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import kaplan_meier, multi_state, restricted_mean, time_in_state

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "multi_state.json").read_text(encoding="utf-8")
)
STATES = ("free", "using", "dead")
NAN = float("nan")


def rows_of(data, to, column):
    tte = TimeToEvent(
        column(data["time"]),
        [("none", *STATES).index(name) for name in to],
        entry=column(data["entry"]),
        weight=column(data["weight"]),
        causes=STATES,
    )
    return tte, column(data["id"]), np.array(data["state"], dtype=object)


@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r_survfit(case, column):
    # Regenerate with tests/reference/multi_state.R.
    r = REFERENCE[case]
    rows = rows_of(r["data"], r["to"], column)
    (curve,) = multi_state(*rows, cluster=column(r["cluster"]), limits=r["limits"])
    order = [curve.states.index(name) for name in STATES]
    assert_allclose(curve.time, column(r["time"]))
    for name, key in (
        ("at_risk", "at_risk"),
        ("probability", "p"),
        ("std_error", "std_error"),
        ("lower", "lower"),
        ("upper", "upper"),
    ):
        if r[key] is None:
            continue
        found, expected = getattr(curve, name)[:, order], np.array(r[key], dtype=np.float64)
        certain = np.isin(np.array(r["p"]), [0, 1]) & (name in ("lower", "upper"))
        assert np.isnan(found[certain]).all()
        assert_allclose(found[~certain], expected[~certain], rtol=1e-9, atol=1e-12)
    means = time_in_state(*rows, tau=r["tau"], cluster=column(r["cluster"]))
    assert_allclose([means[i].estimate for i in order], r["mean"], rtol=1e-9, atol=1e-12)
    assert_allclose([means[i].std_error for i in order], r["mean_error"], rtol=1e-9, atol=1e-12)


def rows():
    # a uses from 5 and is free again from 12, b uses from 9, c is free until 20.
    tte = TimeToEvent(
        [5, 12, 20, 9, 20, 20], [2, 1, 0, 2, 0, 0], entry=[NAN, 5, 12, NAN, 9, NAN], causes=STATES
    )
    return tte, list("aaabbc"), ["free", "using", "free", "free", "using", "free"]


def test_by_hand():
    (curve,) = multi_state(*rows())
    at = curve.at([0, 5, 9, 12, 20, 21])
    assert_allclose(at.probability[:5, 0], [1, 2 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert np.isnan(at.probability[5]).all()
    assert at.reasons[5] == "not estimable: follow-up ends at 20 days"
    free, using, dead = time_in_state(*rows(), tau=15)
    assert_allclose(free.estimate, 5 + 4 * 2 / 3 + 3 / 3 + 3 * 2 / 3)
    assert_allclose(free.estimate + using.estimate, 15)
    assert (dead.estimate, dead.std_error) == (0, 0)


def test_one_change_is_kaplan_meier_and_its_restricted_mean():
    tte = TimeToEvent([2, 3, 3, 8, 9], [1, 1, 0, 1, 0], causes=("using",))
    (curve,) = multi_state(tte, range(5), ["free"] * 5)
    (km,) = kaplan_meier(tte, cluster=range(5))
    assert_allclose(curve.probability[:, 0], km.survival)
    assert_allclose(curve.std_error[:, 0], km.std_error)
    assert_allclose(curve.lower[:, 0], km.lower)
    assert_allclose(
        time_in_state(tte, range(5), ["free"] * 5, tau=9)[0].estimate,
        restricted_mean(tte, tau=9)[0].estimate,
    )


def test_beyond_follow_up_only_where_nobody_may_move():
    tte = TimeToEvent([2, 5], [1, 1], causes=("dead",))
    (curve,) = multi_state(tte, [1, 2], ["free", "free"])
    assert_allclose(curve.at([50]).probability, [[1, 0]] if curve.states[0] == "dead" else [[0, 1]])
    free = next(m for m in time_in_state(tte, [1, 2], ["free"] * 2, tau=100) if m.state == "free")
    assert_allclose(free.estimate, 3.5)
    with pytest.raises(NotEstimable, match="ends at 20 days"):
        time_in_state(*rows(), tau=21)
    with pytest.raises(BadInput, match="more than zero"):
        time_in_state(*rows(), tau=0)


def test_where_all_have_moved_it_is_exactly_so():
    # A third, a half of the rest, the rest: sums of shares that rounding would leave at 1 - 1e-16.
    weight = [0.1, 0.2, 0.3, 0.7, 0.1]
    tte = TimeToEvent([1, 2, 2, 3, 3], [1, 1, 2, 1, 2], weight=weight, causes=("using", "dead"))
    (curve,) = multi_state(tte, range(5), ["free"] * 5)
    last = dict(zip(curve.states, curve.probability[-1], strict=True))
    assert last["free"] == 0
    assert np.isnan(curve.lower[-1, curve.states.index("free")])
    assert_allclose(last["using"] + last["dead"], 1)


def test_standard_errors_are_derivatives_after_the_weights():
    r = REFERENCE["few"]
    tte, patient, state = rows_of(
        r["data"], r["to"], lambda v: np.atleast_1d(np.array(v, dtype=np.float64))
    )
    h, found, mean = 1e-5, 0, 0
    for who in np.unique(patient):
        sides = []
        for sign in (1, -1):
            weight = tte.weight * (1 + sign * h * (patient == who))
            moved = TimeToEvent(tte.time, tte.event, entry=tte.entry, weight=weight, causes=STATES)
            sides.append(
                (
                    multi_state(moved, patient, state)[0].probability,
                    np.array([m.estimate for m in time_in_state(moved, patient, state, tau=60)]),
                )
            )
        found = found + ((sides[0][0] - sides[1][0]) / (2 * h)) ** 2
        mean = mean + ((sides[0][1] - sides[1][1]) / (2 * h)) ** 2
    (curve,) = multi_state(tte, patient, state)
    assert_allclose(curve.std_error, np.sqrt(found), atol=1e-8)
    means = time_in_state(tte, patient, state, tau=60)
    assert_allclose([m.std_error for m in means], np.sqrt(mean), atol=1e-6)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_order_of_rows_scale_of_weights_and_names_change_nothing(seed):
    rng = np.random.default_rng(seed)
    r = REFERENCE["weighted"]
    tte, patient, state = rows_of(
        r["data"], r["to"], lambda v: np.atleast_1d(np.array(v, dtype=np.float64))
    )
    order = rng.permutation(tte.n)
    other = TimeToEvent(
        tte.time[order],
        np.array([0, 3, 1, 2])[tte.event[order]],
        entry=tte.entry[order],
        weight=tte.weight[order] * 7,
        causes=("using", "dead", "free"),
    )
    (one,) = multi_state(tte, patient, state)
    (two,) = multi_state(other, -patient[order], state[order])
    place = [two.states.index(name) for name in one.states]
    assert_allclose(two.probability[:, place], one.probability, rtol=1e-9, atol=1e-12)
    assert_allclose(two.std_error[:, place], one.std_error, rtol=1e-9, atol=1e-12)
    assert_allclose(one.probability.sum(axis=1), 1)


def test_groups_and_frames():
    tte, patient, state = rows()
    first, second = multi_state(tte, patient, state, by=list("xxxxxy"))
    assert (first.group, first.n, second.group, second.n) == ("x", 2, "y", 1)
    assert_allclose(second.probability[:, 0], 1)
    frame = first.to_frame()
    assert len(frame) == first.time.size * len(first.states)
    assert list(frame["state"][:3]) == list(first.states)
    assert repr(first) == "<StateOccupancy: x: 2 patients, free, using, dead>"
    assert {m.tau for m in time_in_state(tte, patient, state, by=list("xxxxxy"))} == {20}


def test_rows_that_contradict_each_other_are_bad_input():
    tte, patient, _ = rows()
    with pytest.raises(BadInput, match="state in which the one before it ended"):
        multi_state(tte, patient, ["free", "free", "free", "free", "using", "free"])
    with pytest.raises(BadInput, match="must end in another state"):
        multi_state(TimeToEvent([3], [1], causes=("free",)), ["a"], ["free"])
    with pytest.raises(BadInput, match="must not overlap"):
        multi_state(TimeToEvent([3, 9], [0, 0]), ["a", "a"], ["free", "free"])
