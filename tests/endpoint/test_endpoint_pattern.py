"""What makes a relapse, and which day it is dated to."""

from math import inf

import pytest

DATED = ("detected", "onset", "midpoint", "last_negative")


def test_any_use_is_a_relapse(derive):
    assert derive(urine={"a": "1+"})["a"] == (1, 1, 0, 1, "pattern", "urine.csv:2")


def test_use_is_looked_for_by_day_not_by_row(derive):
    assert derive(urine={"a": "30- 20+ 9- 12+"})["a"] == (12, 1, 9, 12, "pattern", "urine.csv:5")


@pytest.mark.parametrize(
    ("dated", "time"), list(zip(DATED, (20, 12, 10.5, 9), strict=True)), ids=DATED
)
def test_two_positives_in_a_row(derive, dated, time):
    found = derive(
        urine={"a": "5+ 9- 12+ 20+ 25-"}, pattern={"rule": "consecutive", "k": 2}, dated=dated
    )
    assert found["a"] == (time, 1, 9, 12, "pattern", "urine.csv:5")
    assert found.tte.last_free[0] == 9
    assert found.why("a") == (
        "relapse found on day 20: urine benzo positive (urine.csv, line 5), which completes the "
        "pattern begun on day 12; last known free on day 9"
    )


def test_what_is_not_assessed_does_not_stand_between_positives(derive):
    found = derive(
        urine={"a": "5+ 7? 9+"}, visits={"a": "6missed"}, pattern={"rule": "consecutive", "k": 2}
    )
    assert found["a"] == (9, 1, 0, 5, "pattern", "urine.csv:4")


def test_positives_of_one_day_are_one(derive):
    found = derive(
        urine={"a": "5+ 5+zolpidem 5+"}, visits={"a": "5yes"},
        pattern={"rule": "consecutive", "k": 2},
    )  # fmt: skip
    assert found["a"] == (0, 0, 0, inf, "last_statement", "patients.csv:2")
    assert found.why("a") == (
        "censored: not known free after the origin (patients.csv, line 2); "
        "the use recorded after it does not complete the pattern"
    )


def test_a_negative_of_another_source_stands_between_positives(derive):
    found = derive(
        urine={"a": "5+ 9+"}, visits={"a": "7no"}, pattern={"rule": "consecutive", "k": 2}
    )
    assert found["a"] == (7, 0, 7, inf, "last_statement", "visits.csv:2")


def test_k_of_n_looks_back_over_n_assessed_days(derive):
    rule = {"rule": "k_of_n", "k": 2, "n": 3}
    found = derive(
        urine={"a": "5+ 8- 12+", "b": "5+ 8- 10- 12+ 15- 20+", "c": "5+ 6? 8- 12+"}, pattern=rule
    )
    assert found["a"] == (12, 1, 0, 5, "pattern", "urine.csv:4")
    assert found["b"] == (20, 1, 10, 12, "pattern", "urine.csv:10")
    assert found["c"] == (12, 1, 0, 5, "pattern", "urine.csv:14")


def test_use_days_counts_calendar_days(derive):
    rule = {"rule": "use_days", "days": 2, "within_days": 7}
    found = derive(urine={"a": "5+ 8- 11+", "b": "5+ 8- 12+ 18+"}, pattern=rule)
    assert found["a"] == (11, 1, 0, 5, "pattern", "urine.csv:4")
    assert found["b"] == (18, 1, 8, 12, "pattern", "urine.csv:8")


def test_an_unfinished_pattern_is_censored_at_the_last_day_known_free(derive):
    rule = {"rule": "use_days", "days": 2, "within_days": 7}
    found = derive(urine={"a": "3- 5+ 12+"}, pattern=rule)
    assert found["a"] == (3, 0, 3, inf, "last_statement", "urine.csv:2")
    assert found.roles("a") == [(3, "known free"), (5, "use"), (12, "use")]


@pytest.mark.parametrize("dated", DATED)
def test_a_day_that_a_calendar_names_is_known_exactly(derive, dated):
    found = derive(use_days={"a": "15"}, use_windows={"a": "1..30"}, dated=dated)
    assert found["a"] == (15, 1, 15, 15, "pattern", "use_days.csv:2")
    assert found.tte.last_free[0] == 14
    assert found.why("a") == (
        "relapse found on day 15: diazepam in the calendar of use, used (use_days.csv, line 2); "
        "last known free on day 14"
    )


@pytest.mark.parametrize(
    ("dated", "time"), list(zip(DATED, (20, 15, 15, 15), strict=True)), ids=DATED
)
def test_a_calendar_names_the_first_day_and_urine_completes_the_pattern(derive, dated, time):
    found = derive(
        urine={"a": "10- 20+"}, use_days={"a": "15"}, dated=dated,
        pattern={"rule": "consecutive", "k": 2},
    )  # fmt: skip
    assert found["a"] == (time, 1, 15, 15, "pattern", "urine.csv:3")


def test_a_day_named_by_a_calendar_and_found_in_urine_is_exact(derive):
    found = derive(
        urine={"a": "10- 20+"}, use_days={"a": "20"}, sources=["urine", "use_days"],
    )  # fmt: skip
    assert found["a"] == (20, 1, 20, 20, "pattern", "urine.csv:3")


@pytest.mark.parametrize(
    ("dated", "time"), list(zip(DATED, (30, 30, 20, 10), strict=True)), ids=DATED
)
def test_a_report_that_looks_back_is_known_on_its_day(derive, dated, time):
    found = derive(urine={"a": "10-"}, visits={"a": "30yes/14"}, dated=dated)
    assert found["a"] == (time, 1, 10, 30, "pattern", "visits.csv:2")


def test_a_calendar_window_is_cut_around_the_days_of_use(derive):
    found = derive(
        use_days={"a": "5 6 10"}, use_windows={"a": "1..10"},
        pattern={"rule": "consecutive", "k": 3},
    )  # fmt: skip
    assert found["a"] == (9, 0, 9, inf, "last_statement", "use_windows.csv:2")
    assert found.roles("a") == [
        (4, "known free"), (5, "use"), (6, "use"), (9, "known free"), (10, "use"),
    ]  # fmt: skip


def test_adjacent_days_of_use_in_a_calendar_are_in_a_row(derive):
    found = derive(
        use_days={"a": "5 6 8"}, use_windows={"a": "1..10"},
        pattern={"rule": "consecutive", "k": 2},
    )  # fmt: skip
    assert found["a"] == (6, 1, 5, 5, "pattern", "use_days.csv:3")


def test_no_amount_is_no_use(derive):
    found = derive(use_days={"a": "5=0 9=2"})
    assert found["a"] == (9, 1, 9, 9, "pattern", "use_days.csv:3")
    assert found.tte.last_free[0] == 5


def test_a_calendar_day_of_a_substance_that_does_not_count_cuts_nothing(derive):
    found = derive(use_days={"a": "5opiates"}, use_windows={"a": "1..10"})
    assert found["a"] == (10, 0, 10, inf, "last_statement", "use_windows.csv:2")


def test_a_prescription_filled_is_no_use(derive):
    found = derive(urine={"a": "9-"}, fills={"a": "3"})
    assert found["a"] == (9, 0, 9, inf, "last_statement", "urine.csv:2")
    assert (12, "not counted") in found.roles("a")


def test_only_the_classes_of_the_endpoint_count(derive):
    urine = {"a": "3+opiates 7+benzo 9+zolpidem"}
    assert derive(urine=urine)["a"] == (7, 1, 0, 7, "pattern", "urine.csv:3")
    z_drugs = derive(urine=urine, substances=["z_drug"])
    assert z_drugs["a"] == (9, 1, 0, 9, "pattern", "urine.csv:4")


def test_only_the_sources_of_the_endpoint_count(derive):
    found = derive(urine={"a": "9-"}, visits={"a": "5yes"}, sources=["urine"])
    assert found["a"] == (9, 0, 9, inf, "last_statement", "urine.csv:2")


def test_a_study_of_reports_alone_needs_no_substances(derive, studies):
    studies.substances = ""
    found = derive(visits={"a": "5no 9yes"})
    assert found["a"] == (9, 1, 5, 9, "pattern", "visits.csv:3")
