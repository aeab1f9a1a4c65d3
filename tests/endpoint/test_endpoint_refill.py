"""Possession from fills: when it stops, and that a fill is a relapse where the endpoint says so."""

import random
from math import ceil, inf

import numpy as np
import pytest

from survival_bzd import endpoint as endpoints

STOPPED = {"at": "discontinuation"}
REFILL = {"rule": "refill", "grace_days": 30}
CLAIMS = {"origin": STOPPED, "pattern": REFILL, "sources": ["fills"], "end": 400}


def origin(derived, patient="a"):
    return int(derived.tte.origin_day[derived.row(patient)])


def test_possession_stops_with_one_day_more_than_the_grace_without_supply(derive):
    found = derive(fills={"a": "1 100", "b": "1 42", "c": "1 41"}, **CLAIMS)
    # Ten days from day 1: covered to day 10, without supply on days 11 to 41, the 31st.
    assert origin(found) == 41
    assert found["a"] == (59, 1, 59, 59, "pattern", "fills.csv:3")
    assert found.why("a") == (
        "relapse found on day 59: fill of diazepam (fills.csv, line 3); "
        "no other fill since the origin"
    )
    assert found.roles("a") == [(-40, "origin"), (59, "relapse")]
    assert found["b"] == (1, 1, 1, 1, "pattern", "fills.csv:5")
    assert origin(found, "c") == 81  # a fill on day 41 comes in time: covered to day 50


def test_the_clock_may_start_on_the_last_covered_day_which_knows_the_future(derive):
    found = derive(
        fills={"a": "1 100"}, **{**CLAIMS, "origin": {**STOPPED, "clock": "last_covered"}}
    )
    assert origin(found) == 10
    assert found["a"][:4] == (90, 1, 90, 90)
    assert found.endpoint.knows_the_future


def test_early_refills_carry_over(derive):
    fills = {"a": "1x30 11x30", "b": "1x30 11x30zolpidem"}
    found = derive(fills=fills, **CLAIMS)
    assert (origin(found), origin(found, "b")) == (60 + 31, 40 + 31)
    found = derive(fills=fills, supply={"stockpile": False}, **CLAIMS)
    assert (origin(found), origin(found, "b")) == (40 + 31, 40 + 31)


def test_the_same_fill_twice_counts_once_and_two_on_one_day_both(derive):
    found = derive(fills={"a": "1x30 1x30", "b": "1x30 1x15"}, **CLAIMS)
    assert (origin(found), origin(found, "b")) == (30 + 31, 45 + 31)


def test_days_in_hospital_use_up_no_supply_and_count_towards_no_gap(derive):
    given = {"fills": {p: "1x10" for p in "abcde"}, "stays": {"b": "3..7", "c": "20..29 28..33"}}
    given["stays"] |= {"d": "-9..1", "e": "41..45"}
    found = derive(**given, **CLAIMS)
    assert [origin(found, p) for p in "abcde"] == [41, 46, 41 + 14, 42, 46]


def test_a_fill_in_hospital_lasts_from_the_day_after_it(derive):
    found = derive(fills={"a": "1x10 5x10"}, stays={"a": "4..8"}, **CLAIMS)
    assert origin(found) == 25 + 31


def test_a_fill_without_days_of_supply_counts_for_its_day_or_as_declared(derive):
    fills = {"a": "1x", "b": "1x2.5"}
    found = derive(fills=fills, **CLAIMS)
    assert (origin(found), origin(found, "b")) == (1 + 31, 3 + 31)
    assert origin(derive(fills=fills, supply={"days_if_empty": 28}, **CLAIMS)) == 28 + 31


def test_that_nothing_was_filled_is_known_until_observation_ends(derive):
    found = derive(
        fills={p: "1" for p in "abcd"},
        outcomes={"b": "90loss", "c": "40loss", "d": "41death"},
        **CLAIMS,
    )
    assert found["a"] == (359, 0, 359, inf, "end_of_observation", "fills.csv:2")
    assert found.why("a").endswith("; no fill until observation ended")
    assert found["b"] == (49, 0, 49, inf, "loss", "outcomes.csv:2")
    assert found["d"] == (0, 0, 0, inf, "death", "fills.csv:5")
    assert found.flow[False, "not at risk", "never_confirmed"] == 1
    short = derive(fills={"a": "1 45"}, **{**CLAIMS, "end": 42})
    assert short["a"] == (1, 0, 1, inf, "cut_off", "fills.csv:2")
    assert derive(fills={"a": "1"}, **{**CLAIMS, "end": 40}).tte.n == 0


def test_observation_of_fills_until_the_recorded_outcome(derive):
    found = derive(
        fills={"a": "1", "b": "1 80"}, outcomes={"a": "90study_end"}, **{**CLAIMS, "end": "outcome"}
    )
    assert found["a"] == (49, 0, 49, inf, "study_end", "outcomes.csv:2")
    assert found["b"] == (39, 1, 39, 39, "pattern", "fills.csv:4")


def test_the_search_begins_after_enrolment_or_with_the_first_fill(derive):
    given = {
        "patients": {"a": {"enrolled": 60}, "b": {}, "c": {"enrolled": 0}},
        "fills": {"a": "1 100", "b": "1"},
    }
    found = derive(**given, **CLAIMS)
    assert origin(found) == 140
    assert found.flow[False, "not at risk", "no_date"] == 1
    found = derive(**given, **{**CLAIMS, "origin": {**STOPPED, "after": "first_fill"}})
    assert (origin(found), origin(found, "b")) == (41, 41)
    assert found.flow[False, "not at risk", "no_fill"] == 1


def test_beside_other_sources_fills_add_relapses_and_no_freedom(derive):
    found = derive(
        visits={"a": "50no 80no", "b": "50no 80yes", "c": "50no"},
        fills={"a": "60", "c": "-5"},
        sources=["visits", "fills"],
        pattern=REFILL,
    )
    assert found["a"] == (60, 1, 60, 60, "pattern", "fills.csv:2")
    assert found["b"] == (80, 1, 50, 80, "pattern", "visits.csv:5")
    assert found["c"] == (50, 0, 50, inf, "last_statement", "visits.csv:6")


def test_with_another_pattern_a_fill_is_possession_and_no_use(derive):
    found = derive(
        urine={"a": "90- 120+"},
        fills={"a": "1 60 100"},
        origin={**STOPPED, "grace_days": 30},
        sources=["urine", "fills"],
        end=400,
    )
    assert found["a"] == (79, 1, 49, 79, "pattern", "urine.csv:3")
    assert found.roles("a") == [
        (-40, "origin"), (19, "possession"), (49, "known free"), (59, "possession"),
        (79, "relapse"),
    ]  # fmt: skip


def test_a_fill_after_death_is_a_late_bill(derive):
    found = derive(fills={"a": "1 60"}, outcomes={"a": "55death"}, competing=["death"], **CLAIMS)
    assert found["a"] == (14, 2, 14, 14, "death", "outcomes.csv:2")
    assert found.roles("a")[1] == (28, "not counted")  # the last day that it supplies


def test_after_a_relapse_possession_stops_again(derive):
    found = derive(fills={"a": "1 100 200"}, **CLAIMS)
    spells = endpoints.spells(found.evidence, found.endpoint).to_frame()
    assert [tuple(row) for row in spells[["start", "stop", "state", "ended_by"]].to_numpy()] == [
        (0, 59, "free", "relapse"),
        (59, 99, "using", "abstinence"),
        (99, 159, "free", "relapse"),
        (159, 199, "using", "abstinence"),
        (199, 359, "free", "end"),
    ]


@pytest.mark.parametrize(
    ("rules", "key", "value"),
    [
        ({"sources": ["fills"]}, "sources", "fills"),
        ({"pattern": REFILL, "sources": ["urine"]}, "pattern", "fills"),
        ({"origin": STOPPED, "sources": ["urine", "fills"], "end": 9}, "origin", "discontinuation"),
        (
            {**CLAIMS, "origin": {**STOPPED, "grace_days": 10}},
            "origin",
            "grace_days = 10, and 30 in the pattern",
        ),
        ({**CLAIMS, "end": "last_statement"}, "end", "last_statement"),
        ({**CLAIMS, "missing": {"rule": "censor", "gap_days": 9}}, "missing", "censor"),
        ({"sources": ["urine"], "pattern": {"rule": "refill"}}, "pattern.grace_days", None),
        ({**CLAIMS, "supply": {"days_if_empty": 0}}, "supply.days_if_empty", "0"),
    ],
)  # fmt: skip
def test_what_an_endpoint_cannot_say_of_fills(faults, rules, key, value):
    found = faults(urine={"a": "9+"}, fills={"a": "1"}, **rules)
    assert [(fault.column, fault.value) for fault in found] == [(f"endpoint.relapse.{key}", value)]


# --- a plain walk through the days --------------------------------------------------------------


def stops(fills, stays, grace, stockpile, empty):
    """(last covered day, day it became known) of each end of possession, unbounded."""
    if not fills:
        return []
    found, held, bare, covered = [], {}, None, None
    for day in range(min(d for d, *_ in fills), 400):
        for _, supply, name in sorted({f for f in fills if f[0] == day}, key=str):
            more = empty if supply is None else ceil(supply)
            held[name] = held.get(name, 0) + more if stockpile else max(held.get(name, 0), more)
            bare = 0 if bare is None or more else bare
        if any(first <= day <= last for first, last in stays):
            continue
        if any(held.values()):
            held = {name: max(left - 1, 0) for name, left in held.items()}
            bare, covered = 0, day
        elif bare is not None:
            bare += 1
            if bare == grace + 1:
                found.append((covered, day))
                bare = None
    return found


def followed(fills, stays, outcomes, rules, enrolled=0):
    """(origin, time, event) of one patient, or None who never stopped."""
    end = rules["end"]
    if end == "outcome":
        end = min((day for day, _ in outcomes), default=inf)
    death = min((day for day, what in outcomes if what == "death"), default=inf)
    fills = [fill for fill in fills if fill[0] <= min(end, death)]
    supply = rules["supply"]
    grace = rules["pattern"]["grace_days"]
    for covered, known in stops(fills, stays, grace, supply["stockpile"], supply["days_if_empty"]):
        last = max(day for day, *_ in fills if day <= known)
        watched = min([end, *(day for day, _ in outcomes if day >= last)])
        later = [day for day, *_ in fills if day > last]
        if (not later and (watched == inf or known > watched)) or known <= enrolled:
            continue
        start = covered if rules["origin"]["clock"] == "last_covered" else known
        after = [day for day, *_ in fills if day > start]
        if after:
            return start, min(after) - start, 1
        until = min([end, *(day for day, _ in outcomes if day >= start)])
        return start, 0 if until == inf else until - start, 0
    return None


@pytest.mark.parametrize("seed", range(12))
def test_the_sql_does_what_a_walk_through_the_days_does(derive, seed):
    rng = random.Random(seed)
    rules = {
        "origin": {"at": "discontinuation", "clock": rng.choice(["confirmed", "last_covered"])},
        "pattern": {"rule": "refill", "grace_days": rng.choice([0, 3, 7])},
        "supply": {"stockpile": rng.random() < 0.7, "days_if_empty": rng.choice([1, 5])},
        "sources": ["fills"],
        "end": rng.choice(["outcome", 60, 90]),
    }
    fills, stays, outcomes = {}, {}, {}
    for patient in (f"p{n}" for n in range(60)):
        fills[patient] = [
            (
                rng.randint(-5, 70),
                rng.choice([None, 1, 2.5, 4, 10, 20]),
                rng.choice(["", "zolpidem"]),
            )
            for _ in range(rng.randint(0, 6))
        ]
        begins = [rng.randint(-5, 60) for _ in range(rng.randint(0, 3))]
        stays[patient] = [(day, day + rng.randint(0, 9)) for day in begins]
        kinds = rng.sample(["death", "loss", "study_end"], rng.randint(0, 2))
        outcomes[patient] = [(rng.randint(0, 80), kind) for kind in kinds]
        dead = min((day for day, what in outcomes[patient] if what == "death"), default=inf)
        stays[patient] = [stay for stay in stays[patient] if stay[1] <= dead]
    found = derive(
        fills={
            p: " ".join(f"{day}x{'' if n is None else n}{name}" for day, n, name in rows)
            for p, rows in fills.items()
        },
        stays={p: " ".join(f"{a}..{b}" for a, b in rows) for p, rows in stays.items()},
        outcomes={
            p: " ".join(f"{day}{what}" for day, what in rows) for p, rows in outcomes.items()
        },
        **rules,
    )
    expected = {p: followed(fills[p], stays[p], outcomes[p], rules) for p in fills}
    expected = {patient: row for patient, row in expected.items() if row is not None}
    tte = found.tte
    rows = zip(tte.patient_id, tte.origin_day, tte.time, tte.event, strict=True)
    assert {patient: (int(o), int(t), int(e)) for patient, o, t, e in rows} == expected
    assert np.array_equal(tte.lower, tte.time)
