"""Who is at risk, competing events, late entry, and the flow of everybody."""

from math import inf, isnan

import numpy as np
import pytest

CONFIRMED = {"at": "confirmed_abstinence", "negatives": 2, "after": "enrolment"}


def test_responders_are_those_who_reached_the_origin(derive):
    found = derive(urine={"a": "1- 2- 9+", "b": "1-"}, origin=CONFIRMED)
    assert list(found.tte.patient_id) == ["a"]
    assert found.flow == {
        (True, "relapse", "pattern"): 1,
        (False, "not at risk", "never_confirmed"): 1,
    }
    assert (found.tte.flow.enrolled, found.tte.flow.reached) == (2, 1)


@pytest.mark.parametrize("dated", ["detected", "onset", "midpoint", "last_negative"])
def test_by_intention_who_never_reached_the_origin_fails_at_day_0(derive, dated):
    found = derive(
        urine={"a": "1- 2- 9+", "b": "1- 3+ 8-"},
        origin=CONFIRMED,
        population="intention",
        dated=dated,
    )
    assert found["b"] == (0, 1, 0, 0, "never_confirmed", "patients.csv:3")
    assert isnan(found.tte.origin_day[found.row("b")])
    assert found.flow == {
        (True, "relapse", "pattern"): 1,
        (False, "relapse", "never_confirmed"): 1,
    }


def test_a_competing_event_before_the_origin_is_that_event_at_day_0(derive):
    given = {
        "urine": {"a": "1-", "b": "1- 9- 20+"},
        "outcomes": {"a": "30death", "b": "8withdrawal"},
        "origin": CONFIRMED,
        "competing": ["death", "withdrawal"],
    }
    found = derive(**given, population="intention")
    assert found["a"] == (0, 2, 0, 0, "death_before_origin", "outcomes.csv:2")
    assert found["b"] == (0, 3, 0, 0, "withdrawal_before_origin", "outcomes.csv:3")
    assert found.why("a") == ("never reached the origin: death came first (outcomes.csv, line 2)")
    assert found.flow == {
        (False, "death", "death_before_origin"): 1,
        (False, "withdrawal", "withdrawal_before_origin"): 1,
    }
    assert derive(**given).flow == {
        (False, "not at risk", "death_before_origin"): 1,
        (False, "not at risk", "withdrawal_before_origin"): 1,
    }


def test_an_outcome_before_the_origin_that_does_not_compete_is_no_event(derive):
    found = derive(
        urine={"a": "1-", "b": "1- 9- 20+"},
        outcomes={"a": "30death", "b": "8withdrawal"},
        origin=CONFIRMED,
        population="intention",
    )
    assert found["a"] == (0, 1, 0, 0, "never_confirmed", "patients.csv:2")
    assert found["b"] == (11, 1, 0, 11, "pattern", "urine.csv:5")


def test_a_competing_event_on_the_day_of_the_origin_comes_after_it(derive):
    found = derive(
        urine={"a": "1- 9-"}, outcomes={"a": "9death"}, origin=CONFIRMED, competing=["death"]
    )
    assert found["a"] == (0, 2, 0, 0, "death", "outcomes.csv:2")
    assert found.flow == {(True, "death", "death"): 1}


def test_a_competing_event_counts_on_its_own_day(derive):
    found = derive(urine={"a": "10-"}, outcomes={"a": "40death"}, competing=["loss", "death"])
    assert found["a"] == (40, 3, 40, 40, "death", "outcomes.csv:2")
    assert found.tte.last_free[0] == 10
    assert found.tte.causes == ("relapse", "loss", "death")
    assert found.why("a") == (
        "death on day 40 (outcomes.csv, line 2), 30 days after the last day known free"
    )


def test_a_competing_event_soon_after_a_day_known_free(derive):
    found = derive(
        urine={"a": "39-", "b": "40-"}, outcomes={"a": "40study_end", "b": "40study_end"},
        competing=["study_end"],
    )  # fmt: skip
    assert found.why("a").endswith("line 2), 1 day after the last day known free")
    assert found.why("b") == "study end on day 40 (outcomes.csv, line 3), a day known free"


def test_on_one_day_a_relapse_precedes_a_competing_event(derive):
    found = derive(
        urine={"a": "10- 40+", "b": "10- 41+"},
        outcomes={"a": "40withdrawal", "b": "40withdrawal"},
        competing=["withdrawal"],
    )
    assert found["a"] == (40, 1, 10, 40, "pattern", "urine.csv:3")
    assert found["b"] == (40, 2, 40, 40, "withdrawal", "outcomes.csv:3")


def test_a_pattern_completed_after_a_competing_event_comes_too_late(derive):
    found = derive(
        urine={"a": "10- 30+ 50+"}, outcomes={"a": "40withdrawal"}, competing=["withdrawal"],
        pattern={"rule": "consecutive", "k": 2}, dated="onset",
    )  # fmt: skip
    assert found["a"] == (40, 2, 40, 40, "withdrawal", "outcomes.csv:2")


@pytest.mark.parametrize(("end", "reason"), [(40, "death"), (39, "last_statement")])
def test_a_competing_event_counts_until_the_end(derive, end, reason):
    found = derive(urine={"a": "10-"}, outcomes={"a": "40death"}, competing=["death"], end=end)
    assert found["a"][4] == reason


def test_a_competing_event_after_the_end_is_not_before_the_origin_either(derive):
    found = derive(
        urine={"a": "1-"}, outcomes={"a": "40death"}, origin=CONFIRMED, competing=["death"], end=39
    )
    assert found.flow == {(False, "not at risk", "never_confirmed"): 1}


def entered(day):
    return {"enrolled": 0} if day is None else {"enrolled": 0, "found": day}


def test_who_is_found_free_later_enters_then(derive):
    found = derive(
        patients={"x": entered(5), "o": entered(0), "b": entered(-3), "n": entered(None)},
        urine={p: "3- 9+" for p in "xobn"},
        entry={"column": "found"},
    )
    np.testing.assert_array_equal(found.tte.entry, [5, np.nan, np.nan, np.nan])
    assert set(found.tte.time) == {9}


@pytest.mark.parametrize("day", [9, 10])
def test_who_is_found_free_on_or_after_the_end_of_follow_up_is_not_at_risk(derive, day):
    found = derive(
        patients={"a": entered(8), "b": entered(day)},
        urine={"a": "3- 9+", "b": "3- 9+"},
        entry={"column": "found"},
    )
    assert list(found.tte.patient_id) == ["a"]
    assert found.flow == {
        (True, "relapse", "pattern"): 1,
        (True, "not at risk", "entered_after_end"): 1,
    }


def test_late_entry_is_compared_with_the_time_as_dated(derive):
    given = {
        "patients": {"a": entered(5)}, "urine": {"a": "4- 9+"}, "entry": {"column": "found"},
    }  # fmt: skip
    assert derive(**given, dated="midpoint")["a"][0] == 7
    assert derive(**given, dated="last_negative").tte.n == 0


def test_on_the_day_of_late_entry_the_patient_is_known_free(derive):
    found = derive(
        patients={
            "a": entered(5), "b": entered(5), "c": entered(5), "d": entered(50), "e": entered(0),
        },
        urine={"a": "4- 9+", "b": "7- 9+", "c": "4+ 9+ 12+", "d": "80-", "e": "9+"},
        entry={"column": "found"},
        pattern={"rule": "consecutive", "k": 2},
        missing={"rule": "relapse", "gap_days": 60},
        end=100,
    )  # fmt: skip
    assert found["a"] == (69, 1, 5, 69, "gap", "patients.csv:2")  # silent since the positive
    assert found["c"] == (12, 1, 5, 9, "pattern", "urine.csv:8")  # the positive before is another
    assert found["d"] == (80, 0, 80, inf, "last_statement", "urine.csv:9")
    assert found["e"][:4] == (69, 1, 0, 69)
    twice = derive(patients={"a": entered(5)}, urine={"a": "5+"}, entry={"column": "found"})
    assert twice.flow == {(True, "not at risk", "entered_after_end"): 1}


def test_without_late_entry_there_is_none(derive):
    assert derive(urine={"a": "9+"}).tte.entry is None


def test_by_intention_a_late_entry_does_not_hide_who_never_reached_the_origin(derive):
    found = derive(
        patients={"a": entered(5)}, urine={"a": "1-"}, origin=CONFIRMED, population="intention",
        entry={"column": "found"},
    )  # fmt: skip
    assert found["a"] == (0, 1, 0, 0, "never_confirmed", "patients.csv:2")
    assert isnan(found.tte.entry[0])


def test_every_patient_is_in_one_leaf_of_the_flow(derive):
    found = derive(
        patients={"relapse": {"enrolled": 0}, "never": {"enrolled": 0}, "nobody": {}},
        urine={
            "relapse": "1- 2- 9+", "gap": "1- 2- 90+", "death": "1- 2-", "loss": "1- 2- 9-",
            "silent": "1- 2-", "last": "1- 2- 9-", "cut": "1- 2- 50- 101-", "never": "1- 2+",
            "dead": "1-",
        },
        outcomes={"death": "30death", "loss": "30loss", "dead": "3death"},
        origin=CONFIRMED,
        missing={"rule": "relapse", "gap_days": 60},
        competing=["death"],
        end=100,
        population="responders",
    )  # fmt: skip
    assert list(found.flow.items()) == [
        ((True, "relapse", "gap"), 4),  # gap, loss, silent, last: 60 days after day 2 or 9
        ((True, "relapse", "pattern"), 1),
        ((True, "death", "death"), 1),
        ((True, "censored", "cut_off"), 1),
        ((False, "not at risk", "death_before_origin"), 1),
        ((False, "not at risk", "never_confirmed"), 1),
        ((False, "not at risk", "no_date"), 1),
    ]
    flow = found.tte.flow
    assert (flow.enrolled, flow.reached, found.tte.n) == (10, 7, 7)
    assert flow.count("relapse") == 5
    assert flow.count("not at risk", reached=False) == 3
