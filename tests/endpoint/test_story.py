"""A patient's story: every record in time order, what became of it, what would have changed it."""

import numpy as np
import pytest

from survival_bzd import endpoint as endpoints

CONFIRMED = {"at": "confirmed_abstinence", "negatives": 2, "after": "enrolment"}
STUDY = {
    "urine": {"a": "3+ 5- 10- 12+ 20- 50+ 60+", "b": "4+", "c": "2- 4- 40-"},
    "visits": {"a": "10no 25no 50no/7 70missed 80yes", "c": "9no 100no"},
    "fills": {"a": "26"},
    "outcomes": {"a": "90study_end", "b": "9death", "c": "120death"},
    "sources": ["urine", "visits"],
    "origin": CONFIRMED,
}


def told(found, patient):
    story = endpoints.story(found.evidence, found.endpoint, patient)
    assert story is not None
    return story


def did(story, source, day):
    return [one.did for one in story.entries if (one.source, one.day) == (source, day)]


def variant(story, key):
    (one,) = [one for one in story.variants if one.key == key]
    return one


def test_every_statement_is_told_once_with_what_became_of_it(derive):
    found = derive(**STUDY, washout_days=5)
    story = told(found, "a")
    lines = [(one.file, line) for one in story.entries for line in one.lines]
    assert len(lines) == len(set(lines)) == 15
    assert did(story, "urine", -7) == ["use, so the search for time zero begins anew"]
    assert did(story, "urine", -5) == ["negative 1 of 2 in a row"]
    assert "the last of 2 negatives in a row: the clock starts" in (
        did(story, "urine", 0) + did(story, "visits", 0)
    )
    assert did(story, "urine", 2) == [
        "washed out: too soon after day 0 to be new use, not assessed"
    ]
    assert did(story, "urine", 10) == did(story, "visits", 15) == ["known free"]
    assert did(story, "urine", 40) == ["the pattern is complete, relapse"]
    assert did(story, "visits", 40) == ["conflict, overruled by urine.csv, line 7: any use wins"]
    assert did(story, "urine", 50) == ["not looked at: the follow-up had ended"]
    assert [one.known_on for one in story.entries if one.source == "fills"] == [16]
    assert [one.known_on for one in story.entries] == sorted(one.known_on for one in story.entries)


def test_the_story_ends_as_the_derivation_of_everybody_does(derive):
    found = derive(**STUDY, competing=["death"])
    for patient in ("a", "c"):
        story, row = told(found, patient), found.row(patient)
        assert story.ending.time == found.tte.time[row]
        assert story.ending.why == found.why(patient)
        assert f"{story.ending.file}:{story.ending.line}" == found[patient][5]
    never = told(found, "b")
    assert (never.ending.at_risk, never.ending.outcome) == (False, "not at risk")
    assert never.started.startswith("The clock never started: never reached the origin: death")
    # Telling it leaves the tables of the study as they were.
    again = endpoints.derive(found.evidence, found.endpoint)
    assert np.array_equal(again.time, found.tte.time)


def test_what_would_have_changed_it(derive):
    story = told(derive(**STUDY, washout_days=5), "a")
    endings = {one.key: (one.ending.outcome, one.ending.time) for one in story.variants}
    assert endings["without_deciding"] == ("relapse", 50)
    assert endings["washout_0"] == ("relapse", 2)
    assert endings["dated_midpoint"] == ("relapse", 27.5)
    assert endings["dated_last_negative"] == ("relapse", 15)
    assert endings["missing_censor_60"] == ("relapse", 40)
    assert endings["origin_first_negative"] == ("relapse", 7)
    assert variant(story, "origin_first_negative").ending.origin_day == 5
    assert not variant(story, "missing_relapse_60").changed
    assert variant(story, "without_deciding").words.endswith("(urine.csv, line 7)")


def test_the_source_listed_first_may_win_a_conflict(derive):
    listed = {**STUDY, "sources": ["visits", "urine"]}
    story = told(derive(**listed), "a")
    other = variant(story, "conflict_first")
    assert other.words == "If visits, listed first, won every conflict"
    assert (other.ending.outcome, other.ending.time) == ("relapse", 2)
    first = told(derive(**listed, conflict="first"), "a")
    assert "conflict_use" in {one.key for one in first.variants}


def test_a_pattern_says_how_far_it_has_come(derive):
    rules = {"rule": "k_of_n", "k": 2, "n": 3}
    story = told(derive(urine={"a": "3- 10+ 20- 30+"}, pattern=rules), "a")
    assert did(story, "urine", 10) == ["use, 1 of the 2 that make a relapse"]
    assert did(story, "urine", 30) == [
        "use, 2 of the 2 that make a relapse: the pattern is complete, relapse"
    ]
    assert variant(story, "pattern_any_use").ending.time == 10
    rows = {"rule": "consecutive", "k": 2}
    story = told(derive(urine={"a": "3- 10+ 20- 30+"}, pattern=rows), "a")
    assert did(story, "urine", 30) == ["use, 1 of the 2 that make a relapse"]
    days = {"rule": "use_days", "days": 3, "within_days": 25}
    story = told(derive(urine={"a": "3- 10+ 20+ 36+"}, pattern=days), "a")
    assert did(story, "urine", 36) == ["use, 2 of the 3 that make a relapse"]


def test_a_silence_is_told(derive):
    gap = {"rule": "relapse", "gap_days": 30}
    story = told(derive(urine={"a": "3- 90-"}, missing=gap), "a")
    assert "nothing known for more than 30 days: relapse is assumed" in did(story, "", 33)
    assert {one.key for one in story.spans} == {"at_risk", "gap"}
    keys = {one.key for one in story.variants}
    assert {"missing_ignore", "missing_censor_30", "missing_relapse_60"} <= keys
    assert "missing_relapse_30" not in keys


def test_the_first_of_several_negatives_is_said_to_know_the_future(derive):
    origin = {"at": "first_negative", "negatives": 2, "after": "enrolment"}
    story = told(derive(urine={"a": "3- 10- 20+"}, origin=origin), "a")
    assert "immortal time" in story.started


@pytest.mark.parametrize("population", ["responders", "intention"])
def test_who_never_reached_time_zero_has_a_story(derive, population):
    story = told(derive(urine={"a": "3+"}, origin=CONFIRMED, population=population), "a")
    assert story.ending.at_risk == (population == "intention")
    assert story.zero == "search"


def test_who_is_not_in_the_study_has_none(derive):
    found = derive(urine={"a": "3+"})
    assert endpoints.story(found.evidence, found.endpoint, "z'") is None
