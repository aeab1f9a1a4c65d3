"""The noun between records and estimates refuses what no estimate can use."""

from dataclasses import FrozenInstanceError
from math import inf, nan

import numpy as np
import pandas as pd
import pytest

from survival_bzd.endpoint import Flow, FlowLeaf, TimeToEvent
from survival_bzd.errors import BadInput


def refused(*columns, **keywords):
    with pytest.raises(BadInput) as found:
        TimeToEvent(*columns, **keywords)
    return [(fault.column, fault.patient, fault.value) for fault in found.value.faults]


def test_an_event_is_known_exactly_and_a_censored_one_later_than_its_time():
    tte = TimeToEvent([5, 12, 0], [1, 0, 2])
    assert tte.lower.tolist() == [5, 12, 0]
    assert tte.upper.tolist() == [5, inf, 0]
    assert tte.relapsed.tolist() == [True, False, False]
    assert tte.n == 3
    assert repr(tte) == "<TimeToEvent: 3 patients, 1 relapses, 0 to 12 days>"


@pytest.mark.parametrize("events", [[True, False], [1.0, 0.0], np.array([1, 0], dtype=np.uint8)])
def test_events_may_be_booleans_or_whole_numbers(events):
    tte = TimeToEvent([5, 12], events)
    assert tte.event.dtype == np.int8
    assert tte.event.tolist() == [1, 0]


@pytest.mark.parametrize("time", [-1, nan, inf])
def test_a_time_is_a_number_zero_or_more(time):
    assert refused([5, time], [1, 1]) == [("time", "2", f"{time:g}")]


def test_times_entries_and_weights_stay_within_what_sums_and_squares_can_hold():
    assert refused([5, 1e15], [1, 1]) == [("time", "2", "1e+15")]
    assert refused([5, 6], [1, 1], entry=[nan, -1e15]) == [("entry", "2", "-1e+15")]
    assert refused([5, 6], [1, 1], weight=[1e15, 1]) == [("weight", "1", "1e+15")]


@pytest.mark.parametrize("event", [0.5, nan])
def test_an_event_is_a_whole_number(event):
    assert refused([5, 6], [1, event]) == [("event", "2", f"{event:g}")]


def test_an_event_is_not_negative():
    assert refused([5, 6], [1, -1]) == [("event", "2", "-1")]


@pytest.mark.parametrize("entry", [5, 6, inf, -inf])
def test_a_late_entry_comes_before_the_end(entry):
    assert refused([5, 6], [1, 1], entry=[entry, nan]) == [("entry", "1", f"{entry:g}")]


def test_no_late_entry_is_empty_so_that_events_at_0_count():
    tte = TimeToEvent([0, 6], [1, 1], entry=[nan, 0])
    assert np.isnan(tte.entry[0])


@pytest.mark.parametrize("weight", [0, -1, nan, inf])
def test_a_weight_is_more_than_zero(weight):
    assert refused([5], [1], weight=[weight]) == [("weight", "1", f"{weight:g}")]


def test_every_fault_of_every_row_is_named_with_its_place():
    with pytest.raises(BadInput) as found:
        TimeToEvent(
            [-1, 6, nan],
            [1, -3, 1],
            weight=[1, 0, 1],
            patient_id=["x", "y", "z"],
            file=["rows.csv"] * 3,
            line=[2, 3, 4],
        )
    places = [(f.column, f.file, f.line, f.patient, f.value) for f in found.value.faults]
    assert places == [
        ("time", "rows.csv", 2, "x", "-1"),
        ("time", "rows.csv", 4, "z", "nan"),
        ("event", "rows.csv", 3, "y", "-3"),
        ("weight", "rows.csv", 3, "y", "0"),
    ]
    assert found.value.exit_code == 3


def test_columns_are_of_one_length():
    with pytest.raises(ValueError, match=r"event has shape \(1,\), time has \(2,\)"):
        TimeToEvent([5, 6], [1])
    with pytest.raises(ValueError, match=r"entry has shape \(1,\)"):
        TimeToEvent([5, 6], [1, 1], entry=[nan])
    with pytest.raises(ValueError, match="covariates has 1 rows for 2 times"):
        TimeToEvent([5, 6], [1, 1], covariates=pd.DataFrame({"age": [40]}))


def test_it_does_not_change_after_it_was_checked():
    times = np.array([5.0, 6.0])
    tte = TimeToEvent(times, [1, 1])
    times[0] = -1
    assert tte.time[0] == 5
    with pytest.raises(ValueError, match="read-only"):
        tte.time[0] = -1
    with pytest.raises(FrozenInstanceError):
        tte.unit = "months"


def test_patients_are_selected_with_all_that_is_known_of_them():
    tte = TimeToEvent(
        [5, 6, 7],
        [1, 0, 2],
        "months",
        entry=[nan, 1, 2],
        causes=("relapse", "death"),
        patient_id=["x", "y", "z"],
        covariates=pd.DataFrame({"age": [40, 50, 60]}, index=[7, 8, 9]),
        flow=Flow(3, (FlowLeaf(True, "relapse", "pattern", 3),)),
        label="return to use",
    )
    for chosen in ([2, 0], np.array([2, 0])):
        picked = tte.select(chosen)
        assert picked.time.tolist() == [7, 5]
        assert picked.patient_id.tolist() == ["z", "x"]
        assert picked.covariates["age"].tolist() == [60, 40]
        assert (picked.unit, picked.label, picked.causes) == (tte.unit, tte.label, tte.causes)
        assert picked.flow is None
    masked = tte.select(np.array([True, False, True]))
    assert masked.event.tolist() == [1, 2]
    assert masked.upper.tolist() == [5, 7]
    assert tte.select([False] * 3).n == 0


def test_a_frame_has_a_row_for_each_patient():
    tte = TimeToEvent(
        [5, 6],
        [1, 0],
        patient_id=["x", "y"],
        covariates=pd.DataFrame({"age": [40, 50]}, index=[3, 4]),
    )
    frame = tte.to_frame()
    assert list(frame.columns) == ["patient_id", "time", "event", "lower", "upper", "age"]
    assert frame["age"].tolist() == [40, 50]
    assert list(TimeToEvent([5], [1]).to_frame().columns) == ["time", "event", "lower", "upper"]


def test_nobody_is_a_value_too():
    tte = TimeToEvent([], [])
    assert tte.n == 0
    assert repr(tte) == "<TimeToEvent: 0 patients, 0 relapses, nobody>"


def test_the_leaves_of_a_flow_add_up():
    leaves = (
        FlowLeaf(True, "relapse", "pattern", 2),
        FlowLeaf(True, "relapse", "gap", 1),
        FlowLeaf(False, "relapse", "no_use", 4),
        FlowLeaf(True, "censored", "loss", 3),
    )
    flow = Flow(10, leaves)
    assert flow.reached == 6
    assert flow.count("relapse") == 7
    assert flow.count("relapse", reached=True) == 3
    assert flow.count("relapse", reached=False) == 4
    assert flow.count("death") == 0
    with pytest.raises(ValueError, match="counts 10 patients, but 11 enrolled"):
        Flow(11, leaves)
