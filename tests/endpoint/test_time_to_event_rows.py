"""Rows that already have a time and an event are read as they stand, or refused with reasons."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from survival_bzd.endpoint import read_rows
from survival_bzd.errors import BadInput
from survival_bzd.records.declaration import RowsDeclaration


def read(text, *, labels=(), variables=(), **columns):
    declared = RowsDeclaration(file="r.csv", **{"time": "t", "event": "e", **columns})
    stream = BytesIO(text.encode())
    return read_rows(stream, declared, name="r.csv", labels=labels, variables=variables)


def refused(text, **columns):
    with pytest.raises(BadInput) as found:
        read(text, **columns)
    return [(fault.line, fault.column, fault.value) for fault in found.value.faults]


def test_times_and_events_with_their_lines():
    found = read("t,e\n5,1\n\n12.5,0\n", unit="months", label="return to smoking")
    tte = found.tte
    assert tte.time.tolist() == [5, 12.5]
    assert tte.event.tolist() == [1, 0]
    assert tte.file.tolist() == ["r.csv", "r.csv"]
    assert tte.line.tolist() == [2, 4]
    assert (tte.unit, tte.label, tte.causes) == (
        "months", "return to smoking", ("return to smoking",),
    )  # fmt: skip
    assert (tte.entry, tte.weight, tte.patient_id, tte.covariates) == (None, None, None, None)
    assert found.left_out == ()


@pytest.mark.parametrize(
    ("yes", "no"),
    [("1", "0"), ("1.0", "0.0"), ("true", "false"), ("True", "False"), ("TRUE", "FALSE"),
     ("T", "F")],
)  # fmt: skip
def test_codings_of_an_event_that_say_what_they_mean(yes, no):
    assert read(f"t,e\n5,{yes}\n6,{no}\n").tte.event.tolist() == [1, 0]


def test_one_and_two_are_not_guessed_at():
    assert refused("t,e\n5,1\n6,2\n7,1\n8,2\n") == [(3, "e", "2")]
    with pytest.raises(BadInput, match="not guessed at") as found:
        read("t,e\n5,2\n")
    assert "--event-is" in str(found.value)


def test_a_named_code_is_the_event_and_the_others_are_not():
    found = read("t,e\n5,2\n6,1\n7,dead\n8,NA\n", event_is="2")
    assert found.tte.event.tolist() == [1, 0, 0]
    assert found.left_out == (5,)
    assert read("t,e\n5,0\n6,1\n7,3\n", event_is="0").tte.event.tolist() == [1, 0, 0]


def test_a_named_code_must_stand_in_the_column():
    assert refused("t,e\n5,0\n6,1\n7,\n", event_is="3") == [(None, "e", "3")]
    with pytest.raises(BadInput, match="it holds 0, 1"):
        read("t,e\n5,0\n6,1\n7,\n", event_is="3")


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "nan", "."])
def test_missing_values_are_left_out_and_counted(missing):
    found = read(
        f"t,e,w,g,x\n{missing},1,1,a,1\n5,{missing},1,a,1\n6,1,{missing},a,1\n7,1,1,,1\n"
        f"8,1,2,NA,{missing}\n",
        weight="w",
        labels=["g"],
        variables=["x"],
    )
    assert found.left_out == (2, 3, 4, 5)
    assert found.tte.time.tolist() == [8]
    assert found.tte.weight.tolist() == [2]
    assert found.labels["g"].tolist() == ["NA"]
    assert np.isnan(found.tte.covariates["x"][0])


def test_a_late_entry_may_be_empty():
    tte = read("t,e,n\n5,1,\n6,1,2\n", entry="n").tte
    np.testing.assert_array_equal(tte.entry, [np.nan, 2])


def test_identifiers_are_text():
    assert read("t,e,id\n5,1,001\n6,1,NA\n", patient_id="id").tte.patient_id.tolist() == [
        "001", "NA",
    ]  # fmt: skip


def test_every_fault_comes_at_once():
    text = (
        "t,e,n,w,x\n-5,1,,1,1\nsoon,1,,1,1\n6,2,,1,1\n7,1,7,1,1\n8,1,,0,1\n9,1,,1,old\n9,1\n"
        "inf,1,,1,1\n"
    )
    found = refused(text, entry="n", weight="w", covariates={"x": "number"})
    assert sorted(found, key=str) == sorted(
        [
            (2, "t", "-5"),
            (3, "t", "soon"),
            (4, "e", "2"),
            (5, "n", "7"),
            (6, "w", "0"),
            (7, "x", "old"),
            (8, None, "2 fields"),
            (9, "t", "inf"),
        ],
        key=str,
    )


def test_a_comma_is_no_decimal_point():
    assert refused('t,e\n"5,5",1\n') == [(2, "t", "5,5")]
    assert read("t;e\n5.5;1\n", delimiter=";").tte.time.tolist() == [5.5]


def test_columns_that_are_not_there_are_named():
    with pytest.raises(BadInput, match="it has t, e") as found:
        read("t,e\n5,1\n", weight="w", covariates={"age": "number"}, labels=["arm"])
    assert [fault.value for fault in found.value.faults] == ["w", "age", "arm"]


def test_a_file_without_rows():
    with pytest.raises(BadInput, match="at least one row"):
        read("t,e\n")


def test_covariates_are_what_they_are_declared_to_be():
    text = "t,e,age,site,dose\n5,1,40.5,1,2\n6,1,,NA,3\n7,0,50,,4\n"
    frame = read(
        text, covariates={"age": "number", "site": "text", "dose": "number"}
    ).tte.covariates
    np.testing.assert_array_equal(frame["age"], [40.5, np.nan, 50])
    assert frame["site"].tolist() == ["1", "NA", None]
    assert frame["dose"].tolist() == [2, 3, 4]


def test_a_variable_is_a_number_if_every_value_is_one():
    text = "t,e,a,b,c\n5,1,1,1,x\n6,1,2.5,x,\n7,0,NA,,y\n"
    frame = read(text, variables=["a", "b", "c"]).tte.covariates
    np.testing.assert_array_equal(frame["a"], [1, 2.5, np.nan])
    assert frame["b"].tolist() == ["1", "x", None]
    assert frame["c"].tolist() == ["x", None, "y"]


def test_a_declared_kind_counts_before_a_guess():
    tte = read("t,e,grp\n5,1,1\n6,1,2\n", variables=["grp"], covariates={"grp": "text"}).tte
    assert tte.covariates["grp"].tolist() == ["1", "2"]


def test_a_file_of_csv_or_parquet(tmp_path):
    frame = pd.DataFrame(
        {"t": [5.0, 12.5, np.nan], "e": [True, False, True], "g": ["a", None, "c"]}
    )
    declared = RowsDeclaration(file="r.csv", time="t", event="e", covariates={"g": "text"})
    frame.to_csv(tmp_path / "r.csv", index=False)
    (tmp_path / "r.parquet").write_bytes(b"")
    write_parquet(frame, tmp_path / "r.parquet")
    for name, lines in (("r.csv", [2, 3]), ("r.parquet", [1, 2])):
        found = read_rows(tmp_path / name, declared, name=name)
        assert found.tte.time.tolist() == [5, 12.5]
        assert found.tte.event.tolist() == [1, 0]
        assert found.tte.covariates["g"].tolist() == ["a", None]
        assert found.tte.line.tolist() == lines
        assert found.left_out == (lines[-1] + 1,)


def write_parquet(frame, path):
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY frame TO '{path}' (FORMAT parquet)")


def test_a_file_that_is_not_there(tmp_path):
    declared = RowsDeclaration(file="r.csv", time="t", event="e")
    with pytest.raises(BadInput, match="must exist"):
        read_rows(tmp_path / "r.csv", declared, name="r.csv")
