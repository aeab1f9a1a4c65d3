import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import aalen_johansen, kaplan_meier

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "competing_risks.json").read_text(encoding="utf-8")
)["cases"]
SCALES = ["log-log", "log", "plain", "arcsin", "logit"]


@pytest.fixture
def fit(patients):
    def of_case(data, **options):
        return aalen_johansen(patients(data), cluster=data.get("cluster"), **options)

    return of_case


@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r_survfit(case, fit, column):
    # Regenerate with tests/reference/competing_risks.R; 17 digits stored.
    r, data = REFERENCE[case]["curve"], REFERENCE[case]["data"]
    # With weights R counts rows here, where its Kaplan-Meier and we add weights.
    counted = data["weight"] is None
    for curve in fit(data):
        theirs = r["causes"][str(curve.cause)]
        for name in ("time", "event_free", *(("at_risk", "censored") if counted else ())):
            assert_allclose(
                getattr(curve, name), column(r[name]), rtol=1e-9, atol=1e-12, err_msg=name
            )
        for name in ("incidence", "std_error", *(("events",) if counted else ())):
            assert_allclose(
                getattr(curve, name), column(theirs[name]), rtol=1e-9, atol=1e-12, err_msg=name
            )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", REFERENCE)
def test_limits_agree_with_r_but_where_incidence_is_one(case, scale, fit, column):
    for curve in fit(REFERENCE[case]["data"], limits=scale):
        theirs = REFERENCE[case]["curve"]["causes"][str(curve.cause)]["limits"][scale]
        inside = (curve.incidence > 0) & (curve.incidence < 1)
        for name in ("lower", "upper"):
            ours = getattr(curve, name)
            assert_allclose(ours[inside], column(theirs[name])[inside], rtol=1e-9, atol=1e-12)
            assert np.isnan(ours[~inside]).all()


@pytest.mark.parametrize("case", [name for name in REFERENCE if REFERENCE[name]["greenwood"]])
def test_greenwood_variance_agrees_with_r_etm(case, fit, column):
    r = REFERENCE[case]["greenwood"]
    for curve in fit(REFERENCE[case]["data"], variance="greenwood"):
        at = curve.at(column(r["time"]))
        assert_allclose(at.std_error, column(r["std_error"][str(curve.cause)]), rtol=1e-9)


def test_jackknife_is_greenwood_where_nobody_is_weighted_or_late(patients):
    data = REFERENCE["visits"]["data"]
    rows = range(len(data["time"]))
    by_row = aalen_johansen(patients(data), cluster=rows)
    for ours, every in zip(aalen_johansen(patients(data)), by_row, strict=True):
        assert_allclose(ours.std_error, every.std_error, rtol=1e-9)


def test_four_patients_by_hand():
    # S: 3/4 after day 5, 1/4 after day 12, at risk 4, 3, 1.
    curves = aalen_johansen(TimeToEvent([5, 12, 12, 20], [1, 2, 1, 0], causes=("relapse", "death")))
    relapse, death = curves
    assert_allclose(relapse.incidence, [1 / 4, 1 / 2, 1 / 2])
    assert_allclose(death.incidence, [0, 1 / 4, 1 / 4])
    # Nobody is censored before the last: a proportion of four.
    assert_allclose(relapse.std_error, np.sqrt([3 / 64, 1 / 16, 1 / 16]))
    assert_array_equal(death.other_events, [1, 1, 0])
    assert (relapse.name, death.name) == ("relapse", "death")


def test_one_cause_is_one_minus_kaplan_meier(patients):
    data = REFERENCE["late"]["data"]
    data = {**data, "event": [min(code, 1) for code in data["event"]]}
    tte = patients(data)
    (curve,), (survival,) = aalen_johansen(tte), kaplan_meier(tte)
    assert_allclose(1 - curve.incidence, survival.survival, atol=1e-14)
    (greenwood,) = aalen_johansen(tte, variance="greenwood")
    known = survival.survival > 0
    assert_allclose(greenwood.std_error[known], survival.std_error[known], rtol=1e-9)


rows = st.lists(
    st.tuples(
        st.integers(0, 8), st.integers(0, 3), st.sampled_from([None, 0, 2, 5]), st.floats(0.1, 5)
    ).filter(lambda row: row[2] is None or row[2] < row[0]),
    min_size=1,
    max_size=25,
)


def cohort(patients):
    return TimeToEvent(
        [row[0] for row in patients],
        [row[1] for row in patients],
        entry=[math.nan if row[2] is None else row[2] for row in patients],
        weight=[row[3] for row in patients],
        causes=("a", "b", "c"),
    )


@settings(deadline=None)
@given(rows)
def test_incidences_and_event_free_make_one(patients):
    curves = aalen_johansen(cohort(patients))
    assert_allclose(sum(c.incidence for c in curves) + curves[0].event_free, 1, atol=1e-12)
    for curve in curves:
        assert (np.diff(curve.incidence) >= -1e-15).all()
        inside = ~np.isnan(curve.lower)
        assert (curve.lower[inside] <= curve.incidence[inside] + 1e-12).all()
        assert (curve.upper[inside] >= curve.incidence[inside] - 1e-12).all()


@settings(deadline=None)
@given(rows, st.randoms())
def test_order_of_rows_scale_of_weights_and_names_of_causes_do_not_matter(patients, random):
    plain = aalen_johansen(cohort(patients))
    shuffled = random.sample(patients, len(patients))
    turned = [(time, {0: 0, 1: 3, 2: 2, 3: 1}[code], entry, 4 * weight)
              for time, code, entry, weight in shuffled]  # fmt: skip
    for one, other in zip(plain, aalen_johansen(cohort(turned))[::-1], strict=True):
        assert_allclose(one.incidence, other.incidence, atol=1e-12)
        assert_allclose(one.std_error, other.std_error, rtol=1e-6, atol=1e-7)


def test_a_group_is_what_its_patients_are_alone(patients):
    tte = patients(REFERENCE["late_ipw_clusters"]["data"])
    group = np.arange(tte.n) % 2
    grouped = aalen_johansen(tte, by=group)
    assert [(c.group, c.cause) for c in grouped] == [
        (label, cause) for label in "01" for cause in (1, 2, 3)
    ]
    alone = aalen_johansen(tte.select(group == 1))
    for one, other in zip(grouped[3:], alone, strict=True):
        assert_allclose(one.std_error, other.std_error)
        assert_allclose(one.at([28, 90]).incidence, other.at([28, 90]).incidence)


def test_at_given_times():
    tte = TimeToEvent([0, 5, 9, 12], [1, 2, 1, 0])
    relapse, death = aalen_johansen(tte)
    at = death.at([0, 4.9, 5 + 1e-10, 12, 13])
    assert_allclose(at.incidence, [0, 0, 1 / 4, 1 / 4, np.nan])
    assert_allclose(at.at_risk, [4, 3, 3, 1, 0])
    assert at.reasons == ("", "", "", "", "not estimable: follow-up ends at 12 days")
    assert np.isnan(at.lower[:2]).all()
    assert_allclose(relapse.at([0]).incidence, [1 / 4])
    with pytest.raises(BadInput, match="incidence is asked for must be zero or more"):
        death.at([-1])


def test_after_everybody_had_an_event_incidence_stays():
    relapse, _ = aalen_johansen(TimeToEvent([1, 2], [1, 2]))
    assert_allclose(relapse.at([50]).incidence, [0.5])


def test_a_cause_that_never_happened_stays_at_zero():
    tte = TimeToEvent([3, 4], [1, 0], causes=("relapse", "death"))
    _, death = aalen_johansen(tte)
    assert (death.incidence == 0).all()
    assert (death.std_error == 0).all()


def test_causes_may_have_any_code():
    tte = TimeToEvent([1, 2, 3, 4], [7, 0, 200, 7], causes=())
    seven, other = aalen_johansen(tte)
    assert (seven.cause, seven.name, other.cause, other.name) == (7, "7", 200, "200")
    assert_allclose(seven.incidence[-1] + other.incidence[-1], 1)


def test_what_greenwood_cannot_answer_is_refused():
    tte = TimeToEvent([1, 2], [1, 2], weight=[1, 0.5])
    with pytest.raises(BadInput, match="whole"):
        aalen_johansen(tte, variance="greenwood")
    with pytest.raises(BadInput, match="clusters"):
        aalen_johansen(TimeToEvent([1, 2], [1, 2]), variance="greenwood", cluster=[1, 1])


def test_nobody_with_an_event_has_an_incidence_of_none():
    (curve,) = aalen_johansen(TimeToEvent([1, 2], [0, 0], causes=()))
    assert (curve.cause, curve.name, curve.n_events) == (1, "1", 0)
    at = curve.at([1, 3])
    assert_allclose(at.incidence, [0, np.nan])
    assert np.isnan(at.lower).all()
