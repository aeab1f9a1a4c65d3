"""Where the clock starts."""

from math import inf

import pytest

CONFIRMED = {"at": "confirmed_abstinence", "negatives": 2, "after": "enrolment"}
FIRST = {"at": "first_negative", "negatives": 1, "after": "enrolment"}


def origin(derived, patient="a"):
    return derived.tte.origin_day[derived.row(patient)]


def test_enrolment_is_day_0_and_day_0_counts_as_known_free(derive):
    found = derive(patients={"a": {"enrolled": 3}}, urine={"a": "2- 3+ 8+"})
    assert origin(found) == 3
    assert found["a"] == (5, 1, 0, 5, "pattern", "urine.csv:4")
    assert found.why("a") == (
        "relapse found on day 5: urine benzo positive (urine.csv, line 4); "
        "not known free after the origin"
    )


def test_the_last_treatment_starts_the_clock(derive):
    found = derive(
        treatments={"a": "0 7 3 7", "b": "5"},
        urine={"a": "7+ 8- 10+"},
        origin={"at": "last_treatment"},
    )
    assert origin(found) == 7
    assert found["a"] == (3, 1, 1, 3, "pattern", "urine.csv:4")
    assert found["b"] == (0, 0, 0, inf, "nothing_recorded", "treatments.csv:6")


def test_a_column_starts_the_clock(derive):
    found = derive(
        patients={"a": {"enrolled": 0, "quit": 5}, "b": {"enrolled": 0}},
        urine={"a": "4+ 9+", "b": "9+"},
        origin={"at": "column", "column": "quit"},
        population="intention",
    )
    assert found["a"] == (4, 1, 0, 4, "pattern", "urine.csv:3")
    assert found["b"] == (0, 1, 0, 0, "no_date", "patients.csv:3")
    assert found.why("b") == (
        "never reached the origin: the date to count from is empty (patients.csv, line 3)"
    )
    assert found.flow == {(True, "relapse", "pattern"): 1, (False, "relapse", "no_date"): 1}


def test_the_first_negative_after_enrolment_is_on_a_later_day(derive):
    found = derive(urine={"a": "0- 2+ 4- 6- 9+"}, origin=FIRST)
    assert origin(found) == 4
    assert found["a"] == (5, 1, 2, 5, "pattern", "urine.csv:6")


def test_the_first_of_two_negatives_in_a_row(derive):
    found = derive(urine={"a": "1- 2+ 4- 6- 9+"}, origin={**FIRST, "negatives": 2})
    assert origin(found) == 4
    assert found["a"] == (5, 1, 2, 5, "pattern", "urine.csv:6")
    assert found.endpoint.knows_the_future


def test_the_last_of_two_negatives_in_a_row(derive):
    found = derive(urine={"a": "1- 2+ 4- 6- 9+"}, origin=CONFIRMED)
    assert origin(found) == 6
    assert found["a"] == (3, 1, 0, 3, "pattern", "urine.csv:6")
    assert not found.endpoint.knows_the_future


@pytest.mark.parametrize(
    ("negatives", "day"), [(1, 1), (2, 3), (3, 10)], ids=["one", "two", "three"]
)
def test_as_many_negatives_as_declared(derive, negatives, day):
    found = derive(urine={"a": "1- 3- 5+ 6- 8- 10-"}, origin={**CONFIRMED, "negatives": negatives})
    assert origin(found) == day


def test_what_is_not_assessed_neither_counts_nor_breaks_the_run(derive):
    found = derive(
        urine={"a": "1- 2? 4-"}, visits={"a": "3missed 3silent 3not_required"}, origin=CONFIRMED
    )
    assert origin(found) == 4


def test_two_negatives_of_one_day_are_one(derive):
    found = derive(
        urine={"a": "1- 1-zolpidem 1- 3+"}, visits={"a": "1no"}, origin=CONFIRMED,
        population="intention",
    )  # fmt: skip
    assert found["a"] == (0, 1, 0, 0, "never_confirmed", "patients.csv:2")
    assert found.why("a") == (
        "never reached the origin: never 2 negatives in a row (patients.csv, line 2)"
    )


def test_use_by_another_source_breaks_the_run(derive):
    found = derive(urine={"a": "1- 5- 8-"}, visits={"a": "3yes"}, origin=CONFIRMED)
    assert origin(found) == 8


def test_use_that_does_not_count_breaks_nothing(derive):
    found = derive(
        urine={"a": "1- 3+opiates 5-"}, visits={"a": "3yes"}, sources=["urine"], origin=CONFIRMED
    )
    assert origin(found) == 5


def test_the_search_after_use_begins_with_the_first_use(derive):
    found = derive(
        urine={"a": "1- 2- 3+ 4- 6- 9+", "b": "1- 2- 3-", "c": "1+ 2-"},
        origin={**CONFIRMED, "after": "use"},
        population="intention",
    )
    assert origin(found) == 6
    assert found["a"] == (3, 1, 0, 3, "pattern", "urine.csv:7")
    assert found["b"] == (0, 1, 0, 0, "no_use", "patients.csv:3")
    assert found["c"] == (0, 1, 0, 0, "never_confirmed", "patients.csv:4")
    assert "no statement of use to search from" in found.why("b")


def test_the_search_after_the_last_treatment_begins_the_day_after_it(derive):
    found = derive(
        treatments={"a": "0 3"},
        urine={"a": "1- 2- 3- 4- 5- 8+", "b": "1- 2-"},
        origin={**CONFIRMED, "after": "last_treatment"},
    )
    assert origin(found) == 5
    assert found.flow == {
        (True, "relapse", "pattern"): 1,
        (False, "not at risk", "no_treatment"): 1,
    }


def test_a_search_after_enrolment_needs_its_date(derive):
    found = derive(patients={"a": {}}, urine={"a": "1- 2-"}, origin=CONFIRMED)
    assert found.flow == {(False, "not at risk", "no_date"): 1}
    assert found.tte.n == 0


def test_the_last_day_of_a_calendar_stretch_is_a_negative(derive):
    found = derive(
        use_days={"a": "6"}, use_windows={"a": "1..10"}, sources=["use_days"], origin=FIRST
    )
    assert origin(found) == 5
    assert found["a"] == (1, 1, 1, 1, "pattern", "use_days.csv:2")


def test_study_days_may_be_negative(derive):
    found = derive(
        patients={"a": {"enrolled": -20}}, urine={"a": "-15- -10- -3+"}, origin=CONFIRMED
    )
    assert origin(found) == -10
    assert found["a"] == (7, 1, 0, 7, "pattern", "urine.csv:4")


def test_observation_that_ended_before_the_origin(derive):
    rules = {"patients": {"a": {"enrolled": 10}}, "urine": {"a": "12+"}}
    assert derive(**rules, end=9).flow == {
        (False, "not at risk", "observation_ended_before_origin"): 1
    }
    assert derive(**rules, end=10)["a"] == (0, 0, 0, inf, "cut_off", "patients.csv:2")


def test_negatives_after_the_end_confirm_nothing(derive):
    found = derive(urine={"a": "1- 5-"}, origin=CONFIRMED, end=4)
    assert found.flow == {(False, "not at risk", "never_confirmed"): 1}
    assert derive(urine={"a": "1- 5-"}, origin=CONFIRMED, end=5).flow == {
        (True, "censored", "nothing_recorded"): 1
    }


def test_a_treatment_after_the_cut_off_is_not_looked_at(derive):
    given = {
        "treatments": {"a": "3 9"},
        "urine": {"a": "5- 7-"},
        "origin": {"at": "last_treatment"},
    }
    assert derive(**given, end=8)["a"] == (4, 0, 4, inf, "last_statement", "urine.csv:3")
    assert derive(**given, end=9)["a"] == (0, 0, 0, inf, "nothing_recorded", "treatments.csv:3")
