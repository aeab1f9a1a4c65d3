"""Statements that contradict each other, and positives that the washout sets aside."""

from math import inf

import pytest

BOTH = {"urine": {"a": "9-"}, "visits": {"a": "9yes"}}


def test_within_one_source_use_wins(derive):
    found = derive(urine={"a": "9- 9+zolpidem"}, conflict="first")
    assert found["a"] == (9, 1, 0, 9, "pattern", "urine.csv:3")


@pytest.mark.parametrize("sources", [["urine", "visits"], ["visits", "urine"]])
def test_between_sources_any_use_wins(derive, sources):
    found = derive(**BOTH, sources=sources)
    assert found["a"] == (9, 1, 0, 9, "pattern", "visits.csv:2")


def test_between_sources_the_first_listed_wins_if_declared(derive):
    urine_first = derive(**BOTH, sources=["urine", "visits"], conflict="first")
    assert urine_first["a"] == (9, 0, 9, inf, "last_statement", "urine.csv:2")
    assert urine_first.roles("a") == [(9, "overruled"), (9, "known free")]
    visits_first = derive(**BOTH, sources=["visits", "urine"], conflict="first")
    assert visits_first["a"] == (9, 1, 0, 9, "pattern", "visits.csv:2")
    assert visits_first.roles("a") == [(9, "relapse"), (9, "overruled")]


def test_the_first_listed_source_that_assessed_the_day_wins(derive):
    found = derive(
        visits={"a": "9silent 20no"},
        urine={"a": "9- 20?"},
        use_days={"a": "9 20"},
        sources=["visits", "urine", "use_days"],
        conflict="first",
    )
    assert found["a"] == (20, 0, 20, inf, "last_statement", "visits.csv:3")


def test_where_all_agree_the_first_listed_source_decides(derive):
    given = {"visits": {"a": "9yes"}, "urine": {"a": "9+"}}
    assert derive(**given, sources=["urine", "visits"])["a"][5] == "urine.csv:2"
    assert derive(**given, sources=["visits", "urine"])["a"][5] == "visits.csv:2"


def test_a_later_look_back_does_not_overturn_a_positive(derive):
    found = derive(urine={"a": "9- 20+"}, visits={"a": "24no/14"})
    assert found["a"] == (20, 1, 9, 20, "pattern", "urine.csv:3")
    assert found.conflicts.empty


def test_conflicts_are_listed_and_counted(derive):
    found = derive(
        urine={"a": "3- 9+ 20- 20+", "b": "9-"}, visits={"a": "3no 9no 20yes", "b": "9no"}
    )
    listed = found.conflicts
    assert list(zip(listed["day"], listed["file"], listed["line"], strict=True)) == [
        (9, "urine.csv", 3), (9, "visits.csv", 3), (20, "urine.csv", 4), (20, "urine.csv", 5),
    ]  # fmt: skip
    assert list(listed["kind"]) == ["between sources"] * 2 + ["within one source"] * 2
    assert set(listed["decided"]) == {"use"}
    assert found.counts == {
        "conflicts_between_sources": 1,
        "conflicts_within_a_source": 1,
        "washed_out": 0,
        "carry_over": 0,
    }


def test_different_substances_of_one_specimen_do_not_contradict_each_other(derive):
    assert derive(urine={"a": "9+ 9-zolpidem"}).conflicts.empty


def test_a_conflict_before_the_origin_is_listed(derive):
    found = derive(urine={"a": "-3+"}, visits={"a": "-3no"})
    assert found.counts["conflicts_between_sources"] == 1


def test_urine_positives_inside_the_washout_are_not_assessed(derive):
    found = derive(urine={"a": "1+ 14+ 20-", "b": "15+"}, washout_days=14)
    assert found["a"] == (20, 0, 20, inf, "last_statement", "urine.csv:4")
    assert found["b"] == (15, 1, 0, 15, "pattern", "urine.csv:5")
    assert found.roles("a") == [(1, "washed out"), (14, "washed out"), (20, "known free")]
    assert found.counts["washed_out"] == 2


def test_the_washout_counts_from_the_origin(derive):
    found = derive(
        urine={"a": "1+ 5- 9+ 10+"}, washout_days=4,
        origin={"at": "confirmed_abstinence", "negatives": 1, "after": "enrolment"},
    )  # fmt: skip
    assert found["a"] == (5, 1, 0, 5, "pattern", "urine.csv:5")
    assert found.counts["washed_out"] == 1


def test_reported_use_is_never_washed_out(derive):
    found = derive(
        urine={"a": "9+"}, visits={"a": "9yes"}, use_days={"b": "5"},
        sources=["urine", "visits", "use_days"], washout_days=14,
    )  # fmt: skip
    assert found["a"] == (9, 1, 0, 9, "pattern", "visits.csv:2")
    assert found["b"] == (5, 1, 5, 5, "pattern", "use_days.csv:2")


def test_a_report_of_no_use_stands_beside_a_positive_that_was_washed_out(derive):
    found = derive(
        urine={"a": "9+"}, visits={"a": "9no"}, sources=["urine", "visits"], washout_days=14
    )
    assert found["a"] == (9, 0, 9, inf, "last_statement", "visits.csv:2")
    assert found.conflicts.empty


def test_a_specimen_with_a_positive_that_was_washed_out_does_not_show_the_patient_free(derive):
    found = derive(urine={"a": "5- 9+ 9-zolpidem"}, washout_days=14)
    assert found["a"] == (5, 0, 5, inf, "last_statement", "urine.csv:2")
    assert found.roles("a") == [(5, "known free"), (9, "washed out"), (9, "not assessed")]
