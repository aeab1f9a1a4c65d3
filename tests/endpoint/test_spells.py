"""Spells of freedom and use; that they follow the rules is in test_endpoint_oracle.py."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd import endpoint as endpoints
from survival_bzd.errors import BadInput
from survival_bzd.estimate import mean_count, multi_state, time_in_state
from survival_bzd.records import evidence, read_study
from survival_bzd.records.supplied import import_ctn0094

TWICE = {"at": "confirmed_abstinence", "negatives": 2, "after": "enrolment"}


def listed(derived):
    frame = endpoints.spells(derived.evidence, derived.endpoint).to_frame()
    return [
        (row.patient_id, row.start, row.stop, row.state, row.ended_by, row.reason,
         f"{row.file}:{row.line}")
        for row in frame.itertuples()
    ]  # fmt: skip


def test_relapse_return_and_relapse(derive):
    derived = derive(urine={"p": "2- 5- 9+ 12- 20+ 24- 30- 41+"}, origin=TWICE)
    # Free from day 5; the negative of day 12 alone is no return.
    assert listed(derived) == [
        ("p", 0, 4, "free", "relapse", "pattern", "urine.csv:4"),
        ("p", 4, 25, "using", "abstinence", "confirmed", "urine.csv:8"),
        ("p", 25, 36, "free", "relapse", "pattern", "urine.csv:9"),
        ("p", 36, 36, "using", "end", "last_statement", "urine.csv:9"),
    ]


def test_first_negative_dates_the_return_to_the_first(derive):
    origin = {**TWICE, "at": "first_negative"}
    rows = listed(derive(urine={"p": "2- 5- 9+ 24- 30-"}, origin=origin))
    assert [row[1:3] for row in rows] == [(0, 7), (7, 22), (22, 28)]


def test_without_negatives_in_the_origin_one_is_a_return(derive):
    rows = listed(derive(urine={"p": "9+ 12- 15+ 18-"}))
    assert [row[1:4] for row in rows] == [
        (0, 9, "free"), (9, 12, "using"), (12, 15, "free"), (15, 18, "using"), (18, 18, "free"),
    ]  # fmt: skip


def test_a_competing_event_ends_a_spell_of_use(derive):
    derived = derive(
        urine={"p": "9+ 12+", "q": "9+ 30-", "r": "9-"},
        outcomes={"p": "40death", "q": "30death", "r": "40death"},
        competing=["death"],
    )
    rows = listed(derived)
    assert rows[1] == ("p", 9, 40, "using", "death", "death", "outcomes.csv:2")
    # On the day of return it comes first: nobody is free on the day of death alone.
    assert rows[3][1:5] == (9, 30, "using", "death")
    made = endpoints.spells(derived.evidence, derived.endpoint).recurrences()
    assert list(made.terminal) == [False, True, False, True, True]
    assert made.moves.causes == ("free", "using", "death")
    assert list(made.moves.event) == [2, 3, 2, 3, 3]


def test_a_silence_taken_for_relapse_is_followed_by_return(derive):
    rows = listed(derive(urine={"p": "10- 100- 110-"}, missing={"rule": "relapse", "gap_days": 30}))
    assert [row[1:6] for row in rows] == [
        (0, 40, "free", "relapse", "gap"),
        (40, 100, "using", "abstinence", "confirmed"),
        (100, 110, "free", "end", "last_statement"),
    ]


def test_spells_without_length_count_and_change_nothing(derive):
    derived = derive(urine={"p": "5+ 9- 12+ 20+", "q": "30-"}, dated="last_negative")
    found = endpoints.spells(derived.evidence, derived.endpoint)
    assert [row[1:5] for row in listed(derived)[:4]] == [
        (0, 0, "free", "relapse"),
        (0, 9, "using", "abstinence"),
        (9, 9, "free", "relapse"),
        (9, 20, "using", "end"),
    ]
    made = found.recurrences()
    # At risk on day 0 with everybody; the second relapse ends the row of use.
    assert list(made.counted.time) == [0, 9, 20, 30]
    assert list(made.counted.event) == [1, 1, 0, 0]
    (curve,) = mean_count(made.counted, made.counted.patient_id, terminal=made.terminal)
    assert_allclose(curve.mean_count, [0.5, 1, 1, 1])
    assert list(made.moves.event) == [0, 0, 0]
    (states,) = multi_state(made.moves, made.moves.patient_id, made.state)
    assert_allclose(states.at([15]).probability[0, states.states.index("using")], 0.5)


def test_late_entry(derive):
    derived = derive(
        patients={"p": {"enrolled": 0, "found": 6}},
        urine={"p": "10+ 20-"},
        entry={"column": "found"},
    )
    assert [row[1:3] for row in listed(derived)] == [(6, 10), (10, 20), (20, 20)]
    made = endpoints.spells(derived.evidence, derived.endpoint).recurrences()
    assert list(made.counted.entry) == [6, 10]


def test_nobody_relapses_and_the_tables_are_those_of_the_endpoint_again(derive):
    derived = derive(urine={"p": "5- 9-", "q": "5- 8+ 9- 12- 20+"})
    found = endpoints.spells(derived.evidence, derived.endpoint)
    assert repr(found) == "<Spells: 5 of 2 patients, 2 relapses>"
    assert list(endpoints.derive(derived.evidence, derived.endpoint).time) == [9, 8]
    trace = endpoints.trace(derived.evidence, derived.endpoint)
    assert list(trace[trace["patient_id"] == "q"]["role"])[:3] == ["known free", "relapse", "after"]


def test_nobody_reaches_the_origin(derive):
    derived = derive(urine={"p": "5+ 9-"}, origin=TWICE, population="intention")
    found = endpoints.spells(derived.evidence, derived.endpoint)
    assert found.patient_id.size == 0
    made = found.recurrences()
    assert (made.counted.n, made.moves.n) == (0, 0)
    with pytest.raises(BadInput, match="at least one patient"):
        mean_count(made.counted, made.counted.patient_id)
    with pytest.raises(BadInput, match="at least one patient"):
        multi_state(made.moves, made.moves.patient_id, made.state)


SOURCE = os.environ.get("SURVIVAL_BZD_CTN0094")


@pytest.mark.skipif(not SOURCE, reason="SURVIVAL_BZD_CTN0094 names no folder")
def test_real_records(tmp_path):
    import_ctn0094(Path(SOURCE), tmp_path / "study")
    said = evidence(read_study(tmp_path / "study"))
    try:
        endpoint, _ = endpoints.declare(said.records.declaration, "relapse")
        tte = endpoints.derive(said, endpoint)
        found = endpoints.spells(said, endpoint)
    finally:
        said.records.engine.connection.close()
    first = found.spell == 1
    assert list(found.stop[first]) == list(tte.time)
    assert list(found.ended_by[first] == "relapse") == list(tte.relapsed)
    follows = found.patient_id[1:] == found.patient_id[:-1]
    assert (found.start[1:][follows] == found.stop[:-1][follows]).all()
    assert (found.state[1:][follows] != found.state[:-1][follows]).all()
    assert (found.start[first] == 0).all()
    assert int((found.ended_by == "relapse").sum()) == 667
    made = found.recurrences()
    means = time_in_state(made.moves, made.moves.patient_id, made.state, tau=168)
    assert_allclose(sum(mean.estimate for mean in means), 168)
    assert np.isfinite([mean.std_error for mean in means]).all()
