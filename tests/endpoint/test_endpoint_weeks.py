"""Relapse as a run of weeks with use, or of days, as in the trial X:BOT."""

from math import inf

import pytest

from survival_bzd import endpoint as endpoints


def weeks(number, **more):
    return {"pattern": {"rule": "weeks", "weeks": number, **more}}


def test_weeks_count_from_the_origin(derive):
    found = derive(urine={"a": "7+ 8+", "b": "1+ 7+ 14-", "c": "1- 7+ 14+ 20+"}, **weeks(2))
    assert found["a"] == (8, 1, 0, 7, "pattern", "urine.csv:3")
    assert found["b"] == (14, 0, 14, inf, "last_statement", "urine.csv:6")
    assert found["c"] == (14, 1, 1, 7, "pattern", "urine.csv:9")
    assert found.why("c") == (
        "relapse found on day 14: urine benzo positive (urine.csv, line 9), "
        "which completes the pattern begun on day 7; last known free on day 1"
    )


@pytest.mark.parametrize(
    ("missing", "ends"),
    [
        ("breaks", [None, None, None, 37]),
        ("skipped", [16, None, None, 37]),
        ("use", [14, 14, 14, 14]),
    ],
)
def test_a_week_without_any_assessment(derive, missing, ends):
    found = derive(
        urine={"gap": "2+ 16+", "one": "2+", "none": "", "late": "30+ 37+"},
        end=60,
        **weeks(2, missing_week=missing),
    )
    time = [found[p][0] if found[p][1] else None for p in ("gap", "one", "none", "late")]
    assert time == ends


def test_a_run_of_missing_weeks_has_an_interval_and_a_record(derive):
    found = derive(
        urine={"a": "3- 60-", "b": "3- 15+ 60-"}, end=100, **weeks(2, missing_week="use")
    )
    assert found["a"] == (21, 1, 3, 14, "pattern", "urine.csv:2")
    assert found.why("a").startswith("relapse found on day 21: weeks without a record count as use")
    assert found["b"] == (15, 1, 3, 14, "pattern", "urine.csv:5")


def test_missing_weeks_count_until_observation_ends(derive):
    given = {"urine": {"a": "3+"}, **weeks(2, missing_week="use")}
    assert derive(**given)["a"][1] == 0
    assert derive(**given, end=13)["a"][1] == 0
    assert derive(**given, end=14)["a"] == (14, 1, 0, 3, "pattern", "urine.csv:2")
    found = derive(**given, end=60, outcomes={"a": "13death"})
    assert found["a"][:2] == (0, 0)


def test_days_in_a_row_that_a_calendar_names(derive):
    found = derive(
        use_days={"a": "4 5 6 7 8 9 10", "b": "4 5 6 8 9 10 11", "c": "1 2 3 4 5 6"},
        urine={"c": "7+"},
        **weeks(4, or_days=7),
    )
    assert found["a"] == (10, 1, 4, 4, "pattern", "use_days.csv:8")
    assert (found["b"][1], found["c"][1]) == (0, 0)


def test_the_emitted_sql_has_the_weeks(derive):
    found = derive(urine={"a": "3+"}, **weeks(4))
    assert (
        "week" in endpoints.sql(found.evidence, found.endpoint).split("CREATE TABLE pattern AS")[1]
    )
