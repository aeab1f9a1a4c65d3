"""What silence counts as, and where observation ends."""

from math import inf

import pytest

RELAPSE = {"rule": "relapse", "gap_days": 60}
CENSOR = {"rule": "censor", "gap_days": 60}
TWICE = {"rule": "consecutive", "k": 2}


def test_ignored_silence_leaves_the_next_statement_to_decide(derive):
    assert derive(urine={"a": "10- 200+"})["a"] == (200, 1, 10, 200, "pattern", "urine.csv:3")


def test_the_next_statement_on_the_last_day_of_the_gap_closes_it(derive):
    found = derive(urine={"a": "10- 70-", "b": "10- 70+"}, missing=RELAPSE)
    assert found["a"] == (70, 0, 70, inf, "last_statement", "urine.csv:3")
    assert found["b"] == (70, 1, 10, 70, "pattern", "urine.csv:5")


@pytest.mark.parametrize(
    ("dated", "time"),
    [("detected", 70), ("onset", 70), ("midpoint", 40), ("last_negative", 10)],
)
def test_a_longer_silence_is_a_relapse_inside_it(derive, dated, time):
    found = derive(urine={"a": "10- 71-"}, missing=RELAPSE, dated=dated)
    assert found["a"] == (time, 1, 10, 70, "gap", "urine.csv:2")
    assert found.flow == {(True, "relapse", "gap"): 1}
    assert found.why("a") == (
        "relapse assumed on day 70: nothing known for more than 60 days; "
        "last known free on day 10 (urine.csv, line 2)"
    )


def test_what_comes_after_a_gap_is_not_looked_at(derive):
    found = derive(urine={"a": "10- 200+", "b": "10- 200- 230+"}, missing=RELAPSE)
    assert found["a"] == (70, 1, 10, 70, "gap", "urine.csv:2")
    assert found["b"] == (70, 1, 10, 70, "gap", "urine.csv:4")
    assert found.roles("b") == [(10, "known free"), (200, "after"), (230, "after")]


def test_a_longer_silence_censors_at_the_last_day_known_free(derive):
    found = derive(urine={"a": "10- 71+"}, missing=CENSOR)
    assert found["a"] == (10, 0, 10, inf, "gap", "urine.csv:2")
    assert found.flow == {(True, "censored", "gap"): 1}
    assert found.why("a") == (
        "censored: nothing known for more than 60 days; "
        "last known free on day 10 (urine.csv, line 2)"
    )


def test_silence_from_the_origin(derive):
    found = derive(urine={"a": "61-", "b": "60-"}, missing=RELAPSE)
    assert found["a"] == (60, 1, 0, 60, "gap", "patients.csv:2")
    assert found["b"] == (60, 0, 60, inf, "last_statement", "urine.csv:3")


def test_what_is_not_assessed_does_not_break_silence(derive):
    found = derive(urine={"a": "10- 40? 71-"}, visits={"a": "50missed 60silent"}, missing=RELAPSE)
    assert found["a"] == (70, 1, 10, 70, "gap", "urine.csv:2")


def test_after_the_last_statement_silence_lasts_to_the_end(derive):
    urine = {"a": "10-"}
    assert derive(urine=urine, missing=RELAPSE)["a"][4] == "last_statement"
    assert derive(urine=urine, missing=RELAPSE, end=70)["a"][4] == "last_statement"
    assert derive(urine=urine, missing=RELAPSE, end=71)["a"] == (
        70, 1, 10, 70, "gap", "urine.csv:2",
    )  # fmt: skip


def test_after_the_last_statement_silence_lasts_to_the_recorded_outcome(derive):
    found = derive(
        urine={"a": "10-", "b": "10-"},
        outcomes={"a": "70loss", "b": "71loss"},
        missing=RELAPSE,
        end="outcome",
    )
    assert found["a"] == (10, 0, 10, inf, "loss", "urine.csv:2")
    assert found["b"] == (70, 1, 10, 70, "gap", "urine.csv:3")


def test_silence_before_a_competing_event_is_silence_too(derive):
    given = {
        "urine": {"a": "10-"},
        "outcomes": {"a": "300death"},
        "missing": RELAPSE,
        "competing": ["death"],
    }
    assert derive(**given, end="outcome")["a"] == (70, 1, 10, 70, "gap", "urine.csv:2")
    assert derive(**given)["a"] == (300, 2, 300, 300, "death", "outcomes.csv:2")


def test_nobody_relapses_by_silence_after_death_or_the_end_of_the_study(derive):
    found = derive(
        urine={"a": "10-", "b": "10-", "c": "10-", "d": "10-"},
        outcomes={"a": "70death", "b": "70study_end", "c": "70withdrawal", "d": "71death"},
        missing=RELAPSE,
        end=1000,
    )
    assert found["a"] == (10, 0, 10, inf, "death", "urine.csv:2")
    assert found["b"] == (10, 0, 10, inf, "study_end", "urine.csv:3")
    assert found["c"] == (70, 1, 10, 70, "gap", "urine.csv:4")
    assert found["d"] == (70, 1, 10, 70, "gap", "urine.csv:5")


def test_a_visit_that_was_not_required_bridges_silence(derive):
    urine = {"a": "10- 120-", "b": "10- 121-", "c": "10- 71-"}
    found = derive(
        urine=urine,
        visits={"a": "60not_required", "b": "60not_required", "c": "10not_required"},
        missing=RELAPSE,
    )
    assert found["a"] == (120, 0, 120, inf, "last_statement", "urine.csv:3")
    assert found["b"] == (120, 1, 10, 120, "gap", "urine.csv:4")
    assert found["c"] == (70, 1, 10, 70, "gap", "urine.csv:6")


def test_a_visit_that_was_not_required_on_the_day_of_a_statement_changes_nothing(derive):
    given = {"urine": {"a": "10- 70- 131-"}, "missing": RELAPSE}
    without = derive(**given)["a"]
    assert without == (130, 1, 70, 130, "gap", "urine.csv:3")
    assert derive(**given, visits={"a": "10not_required 70not_required"})["a"] == without


def test_silence_after_a_positive_that_completes_no_pattern_is_silence_too(derive):
    urine = {"a": "10- 20+ 200+", "b": "10- 20+ 80- 141-", "c": "10- 20+"}
    found = derive(urine=urine, missing=RELAPSE, pattern=TWICE, end=300)
    assert found["a"] == (80, 1, 10, 80, "gap", "urine.csv:2")
    assert found["b"] == (140, 1, 80, 140, "gap", "urine.csv:7")
    assert found["c"] == (80, 1, 10, 80, "gap", "urine.csv:9")
    assert derive(urine=urine, missing=CENSOR, pattern=TWICE)["a"] == (
        10, 0, 10, inf, "gap", "urine.csv:2",
    )  # fmt: skip


def test_a_look_back_ends_a_silence_only_where_it_is_declared(derive):
    given = {
        "visits": {"a": "10no 200no/140", "b": "10no 200no/129"},
        "use_windows": {"c": "1..30 31..150"},
        "use_days": {"c": "120"},
        "pattern": TWICE,
    }
    assert derive(**given, missing=RELAPSE)["a"] == (70, 1, 10, 70, "gap", "visits.csv:2")
    found = derive(**given, missing={**RELAPSE, "look_back": True})
    assert found["a"] == (200, 0, 200, inf, "last_statement", "visits.csv:3")
    assert found["b"] == (70, 1, 10, 70, "gap", "visits.csv:4")
    assert found["c"] == (150, 0, 150, inf, "last_statement", "use_windows.csv:3")


def test_on_one_day_a_gap_precedes_a_competing_event(derive):
    found = derive(
        urine={"a": "10- 100-", "b": "10- 100-"},
        outcomes={"a": "70withdrawal", "b": "69withdrawal"},
        missing=RELAPSE,
        competing=["withdrawal"],
    )
    assert found["a"] == (70, 1, 10, 70, "gap", "urine.csv:2")
    assert found["b"] == (69, 2, 69, 69, "withdrawal", "outcomes.csv:3")


def test_the_end_is_a_day_that_still_counts(derive):
    urine = {"a": "10- 20+"}
    assert derive(urine=urine, end=20)["a"] == (20, 1, 10, 20, "pattern", "urine.csv:3")
    found = derive(urine=urine, end=19)
    assert found["a"] == (10, 0, 10, inf, "cut_off", "urine.csv:2")
    assert found.why("a") == (
        "censored: last known free on day 10 (urine.csv, line 2); "
        "later records lie beyond the cut-off"
    )
    assert found.roles("a") == [(10, "known free"), (20, "not counted")]


def test_a_cut_off_is_one_only_where_counted_records_lie_beyond_it(derive):
    found = derive(
        urine={"a": "10- 20+opiates 20?"}, visits={"a": "20yes"}, sources=["urine"], end=19
    )
    assert found["a"] == (10, 0, 10, inf, "last_statement", "urine.csv:2")


def test_a_calendar_that_reaches_past_the_end_is_cut_there(derive):
    found = derive(
        use_windows={"a": "1..10 11..30", "b": "1..30", "c": "1..10 21..30"},
        use_days={"b": "15 25"},
        pattern=TWICE,
        end=20,
    )
    assert found["a"] == (20, 0, 20, inf, "cut_off", "use_windows.csv:3")
    assert found["b"] == (20, 0, 20, inf, "cut_off", "use_windows.csv:4")
    assert found["c"] == (10, 0, 10, inf, "cut_off", "use_windows.csv:5")
    assert found.roles("b") == [
        (14, "known free"), (15, "use"), (20, "known free"), (25, "not counted"),
    ]  # fmt: skip


def test_the_end_as_the_recorded_outcome(derive):
    found = derive(
        urine={"a": "10- 20- 21+", "b": "10- 20+", "c": "10- 20+"},
        outcomes={"a": "20withdrawal", "b": "20withdrawal"},
        end="outcome",
    )
    assert found["a"] == (20, 0, 20, inf, "withdrawal", "urine.csv:3")
    assert found["b"] == (20, 1, 10, 20, "pattern", "urine.csv:6")
    assert found["c"] == (20, 1, 10, 20, "pattern", "urine.csv:8")
    assert found.why("a") == (
        "censored: last known free on day 20 (urine.csv, line 3); withdrawal on day 20"
    )


def test_an_outcome_does_not_end_observation_where_the_last_statement_does(derive):
    found = derive(urine={"a": "10- 30+"}, outcomes={"a": "20withdrawal"})
    assert found["a"] == (30, 1, 10, 30, "pattern", "urine.csv:3")


@pytest.mark.parametrize("outcome", ["death", "withdrawal", "loss", "study_end"])
def test_an_outcome_that_does_not_compete_is_the_reason_of_censoring(derive, outcome):
    found = derive(urine={"a": "10-"}, outcomes={"a": f"40{outcome}"})
    assert found["a"] == (10, 0, 10, inf, outcome, "urine.csv:2")
    assert found.why("a").endswith(f"{outcome.replace('_', ' ')} on day 40")


def test_the_reason_is_the_outcome_that_followed_the_last_statement(derive):
    found = derive(
        urine={"a": "10- 30-", "b": "10- 30-", "c": "10-", "d": ""},
        outcomes={
            "a": "20withdrawal",
            "b": "20withdrawal 40study_end",
            "c": "10loss",
            "d": "-5loss",
        },
    )
    assert found["a"] == (30, 0, 30, inf, "last_statement", "urine.csv:3")
    assert found["b"] == (30, 0, 30, inf, "study_end", "urine.csv:5")
    assert found["c"] == (10, 0, 10, inf, "loss", "urine.csv:6")
    assert found["d"] == (0, 0, 0, inf, "nothing_recorded", "patients.csv:5")


def test_an_outcome_after_the_cut_off_is_no_reason(derive):
    found = derive(urine={"a": "10-"}, outcomes={"a": "40loss"}, end=39)
    assert found["a"] == (10, 0, 10, inf, "last_statement", "urine.csv:2")
    assert derive(urine={"a": "10-"}, outcomes={"a": "40loss"}, end=40)["a"][4] == "loss"


def test_two_outcomes_of_one_day_are_told_apart_whatever_their_order(derive):
    urine = {"a": "10-", "b": "10-"}
    outcomes = {"a": "40loss 40death", "b": "40death 40loss"}
    found = derive(urine=urine, outcomes=outcomes)
    assert (found["a"][4], found["b"][4]) == ("death", "death")
    found = derive(urine=urine, outcomes=outcomes, competing=["loss", "death"])
    assert found["a"][:5] == found["b"][:5] == (40, 2, 40, 40, "loss")


def test_nothing_recorded_after_the_origin_is_censored_at_day_0(derive):
    found = derive(
        patients={"a": {"enrolled": 0}, "b": {"enrolled": 0}, "c": {"enrolled": 0}},
        urine={"b": "-5- 0-", "c": "5?"},
        visits={"c": "6missed"},
    )
    for patient, line in (("a", 2), ("b", 3), ("c", 4)):
        assert found[patient] == (0, 0, 0, inf, "nothing_recorded", f"patients.csv:{line}")
    assert found.flow == {(True, "censored", "nothing_recorded"): 3}
    assert found.why("a") == (
        "censored: not known free after the origin (patients.csv, line 2); "
        "nothing recorded after the origin"
    )


def test_dates_of_the_calendar(studies, derive, tmp_path):
    """1970-01-01 is day 0 for the engine; a leap day lies between."""
    folder = tmp_path / "dated"
    folder.mkdir()
    (folder / "patients.csv").write_text("patient_id,enrolled\n001,2020-02-20\n")
    (folder / "urine.csv").write_text(
        "patient_id,date,analyte,result\n001,2020-03-01,benzo,negative\n"
        "001,2020-03-11,benzo,positive\n"
    )
    declaration = (
        '[study]\nname = "s"\ntitle = "S"\nsynthetic = true\ncontrol_group = false\n'
        '[substances]\nbenzodiazepine = ["benzo"]\n'
        '[tables.patients]\nfile = "patients.csv"\n[tables.urine]\nfile = "urine.csv"\n'
        '[endpoint.relapse]\norigin = { at = "enrolment" }\nsources = ["urine"]\n'
    )
    (folder / "study.toml").write_text(declaration)
    assert derive(folder=folder)["001"] == (20, 1, 10, 20, "pattern", "urine.csv:3")
    (folder / "study.toml").write_text(declaration + 'end = "2020-03-10"\n')
    assert derive(folder=folder)["001"] == (10, 0, 10, inf, "cut_off", "urine.csv:2")
    (folder / "study.toml").write_text(declaration + "end = 2020-03-11\n")
    assert derive(folder=folder)["001"] == (20, 1, 10, 20, "pattern", "urine.csv:3")
