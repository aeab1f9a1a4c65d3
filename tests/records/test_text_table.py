"""CSV and Parquet become text with the line each row begins on; what is no table is said."""

import os
from pathlib import Path

import duckdb
import pytest

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import text_table
from survival_bzd.records.text_table import TextTable, named, read_text


def read(
    path: Path, content: str | bytes, **options: str
) -> tuple[list[tuple[str, ...]], TextTable]:
    """Return (line, cell, ...) of each row as text, and the table."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_text(path, name=path.name, **options)
    return rows_of(table), table


def rows_of(table: TextTable) -> list[tuple[str, ...]]:
    return [
        (str(line), *(chunk.cells[column][place] for column in dict.fromkeys(table.header)))
        for chunk in table.chunks
        for place, line in enumerate(chunk.lines)
    ]


def refusal(path: Path, content: str | bytes, **options: str) -> Fault:
    with pytest.raises(BadInput) as refused:
        read(path, content, **options)
    (fault,) = refused.value.faults
    return fault


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


def test_text_stays_text(csv_file):
    rows, table = read(csv_file, "id,site\n001,NA\n1e5, x \n")
    assert rows == [("2", "001", "NA"), ("3", "1e5", " x ")]
    assert table.header == ("id", "site")
    assert table.faults == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_count_alike(csv_file, end):
    rows, table = read(csv_file, end.join(["a,b", "1,2", "", "3,4"]))
    assert rows == [("2", "1", "2"), ("4", "3", "4")]
    assert table.faults == []


def test_a_row_begins_on_the_line_where_its_first_field_does(csv_file):
    rows, _ = read(csv_file, 'a,b\n1,"two\nlines, quoted"\n3,4\n')
    assert rows == [("2", "1", "two\nlines, quoted"), ("4", "3", "4")]


def test_a_byte_order_mark_is_no_part_of_the_first_name(csv_file):
    _, table = read(csv_file, b"\xef\xbb\xbfid,b\n1,2\n")
    assert table.header == ("id", "b")


def test_a_stream_reads_as_a_file_does(csv_file):
    csv_file.write_text("a\n1\n")
    with csv_file.open("rb") as stream:
        assert rows_of(read_text(stream, name="standard input")) == [("2", "1")]


def test_rows_in_many_chunks_keep_their_lines(csv_file, monkeypatch):
    monkeypatch.setattr(text_table, "CHUNK", 3)
    rows, _ = read(csv_file, "a\n" + "".join(f"{n}\n" for n in range(8)))
    assert rows == [(str(n + 2), str(n)) for n in range(8)]


def test_ragged_rows_are_named_and_set_aside(csv_file):
    rows, table = read(csv_file, "a,b\n1\n1,2\n1,2,3\n")
    assert rows == [("3", "1", "2")]
    assert [(fault.line, fault.value) for fault in table.faults] == [
        (2, "1 field"),
        (4, "3 fields"),
    ]
    assert table.set_aside == [["1"], ["1", "2", "3"]]


@pytest.mark.parametrize(
    ("broken", "rule"), [('1,"open', "does not end"), ('1,"so"called', "quoted whole")]
)
def test_broken_quotes_cost_one_line_and_no_more(csv_file, broken, rule):
    rows, table = read(csv_file, f"a,b\n{broken}\n3,4\n5\n")
    assert rows == [("3", "3", "4")]
    assert [fault.line for fault in table.faults] == [2, 4]
    assert rule in table.faults[0].rule
    assert table.faults[0].value == broken
    assert table.set_aside[0][0] == "1"


def test_an_open_quote_in_a_long_file_is_found_where_it_opens(csv_file):
    rows, table = read(csv_file, 'a,b\n1,"x\n' + "1,2\n" * 60_000)
    assert len(rows) == 60_000
    assert [fault.line for fault in table.faults] == [2]


def test_each_line_that_is_not_utf8_is_named_and_the_others_are_read(csv_file):
    rows, table = read(csv_file, "a,b\nJosé,1\nAnn,2\n".encode("latin-1"))
    assert ("3", "Ann", "2") in rows
    (fault,) = table.faults
    assert (fault.line, fault.value) == (2, "José,1")
    assert "UTF-8" in fault.rule


def test_nul_characters_are_refused(csv_file):
    _, table = read(csv_file, b"a,b\n1,x\0y\n")
    (fault,) = table.faults
    assert (fault.line, fault.value) == (2, "1,x\0y")


def test_utf16_is_said_once(csv_file):
    assert "UTF-16" in refusal(csv_file, "a,b\n1,2\n3,4\n".encode("utf-16")).rule


def test_a_binary_file_is_said_once(csv_file):
    assert "must be text" in refusal(csv_file, bytes(range(256)) * 9).rule


@pytest.mark.parametrize("content", ["", "\n\n", "\r\n"])
def test_an_empty_file_has_no_header(csv_file, content):
    assert "the file is empty" in refusal(csv_file, content).rule


def test_a_header_alone_is_a_table_without_rows(csv_file):
    rows, table = read(csv_file, "a,b\n")
    assert (rows, table.faults) == ([], [])


def test_the_same_name_twice_is_a_fault(csv_file):
    _, table = read(csv_file, "a,b,a,,\n1,2,3,4,5\n")
    assert [fault.value for fault in table.faults] == ["", "a"]
    assert {fault.line for fault in table.faults} == {1}


def test_another_delimiter_is_named_not_guessed(csv_file):
    fault = refusal(csv_file, "a;b\n1;2\n")
    assert 'delimiter = ";"' in fault.remedy
    rows, _ = read(csv_file, "a;b\n1;2\n", delimiter=";")
    assert rows == [("2", "1", "2")]


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r"])
def test_a_quote_cannot_divide_fields(csv_file, delimiter):
    assert "cannot divide fields" in refusal(csv_file, "a,b\n", delimiter=delimiter).rule


def test_a_file_that_is_not_there_or_is_a_folder_is_said(tmp_path):
    for path, rule in ((tmp_path / "no.csv", "must exist"), (tmp_path, "must be readable")):
        with pytest.raises(BadInput, match=rule):
            read_text(path, name="x")


def test_names_are_listed_so_that_they_can_be_seen():
    assert named(["a", "", "b\n"]) == "a, '', 'b\\n'"
    assert named(str(n) for n in range(100)).endswith("29 and 70 more")


def parquet(path: Path, query: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(":memory:") as connection:
        connection.sql(query).write_parquet(str(path))
    return path


def test_parquet_becomes_the_text_that_a_csv_would_have(tmp_path):
    path = parquet(
        tmp_path / "t.parquet",
        "SELECT '001' AS id, DATE '2020-02-01' AS d, TIMESTAMP '2020-02-01 00:00:00' AS midnight, "
        "TIMESTAMP '2020-02-01 10:30:00' AS noon, 'nan'::DOUBLE AS nothing, 7 AS n, "
        "7.5::DOUBLE AS x, true AS yes, [1, 2] AS list, NULL::VARCHAR AS empty, "
        "TIMESTAMPTZ '2020-02-01 00:00:00+00' AS zoned",
    )
    table = read_text(path, name="t.parquet", date_format="%d/%m/%Y")
    ((line, *cells),) = rows_of(table)
    assert line == "1"
    assert cells[:-1] == [
        "001", "01/02/2020", "01/02/2020", "2020-02-01 10:30:00", "", "7", "7.5", "true", "[1, 2]",
        "",
    ]  # fmt: skip
    assert "+" in cells[-1]


def test_a_folder_name_is_neither_a_pattern_nor_a_column(tmp_path):
    path = parquet(tmp_path / "a[1]*" / "site=3" / "t.parquet", "SELECT 1 AS id")
    table = read_text(path, name="t.parquet")
    assert table.header == ("id",)
    assert rows_of(table) == [("1", "1")]


@pytest.mark.parametrize("content", [b"", b"id,date\n1,2\n", b"PAR1" * 100])
def test_what_is_called_parquet_and_is_not_is_refused(tmp_path, content):
    assert "must be Parquet" in refusal(tmp_path / "t.parquet", content).rule


def test_parquet_damaged_inside_is_a_fault_or_a_refusal(tmp_path):
    path = parquet(
        tmp_path / "t.parquet",
        "SELECT range::VARCHAR || repeat('x', range % 50) AS id FROM range(20_000)",
    )
    content = bytearray(path.read_bytes())
    content[1000:3000] = b"\xff" * 2000
    path.write_bytes(content)
    with pytest.raises(BadInput, match="it is damaged"):  # noqa: PT012 (either step may find it)
        table = read_text(path, name="t.parquet")
        rows_of(table)
        raise BadInput(table.faults)


def test_no_file_stays_open(tmp_path, csv_file):
    path = parquet(tmp_path / "t.parquet", "SELECT range AS id FROM range(10)")
    csv_file.write_text("a\n1\n")
    before = len(os.listdir("/proc/self/fd"))
    for source in (path, csv_file) * 5:
        rows_of(read_text(source, name="t"))
    assert len(os.listdir("/proc/self/fd")) <= before
