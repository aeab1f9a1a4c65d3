"""Workbooks, SAS, Stata and Dataset-JSON files: the same text as a CSV of them."""

import datetime as dt
import json
from pathlib import Path
from shutil import copytree

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest

from survival_bzd.endpoint import read_rows
from survival_bzd.errors import BadInput
from survival_bzd.records import read_study
from survival_bzd.records.declaration import RowsDeclaration
from survival_bzd.records.formats import read_table
from survival_bzd.study import open_study, time_to_event

SUPPLIED = Path(__file__).parents[2] / "datasets" / "ketamine-taper"
DAYS = {"enrolled", "date", "from", "to"}


def rows_of(path, **options):
    table = read_table(path, name=path.name, **options)
    rows = [
        (line, *cells)
        for chunk in table.chunks
        for line, *cells in zip(chunk.lines, *chunk.cells.values(), strict=True)
    ]
    assert not table.faults, table.faults
    return rows


def faults_of(path, **options):
    try:
        table = read_table(path, name=path.name, **options)
        list(table.chunks)
        return table.faults
    except BadInput as error:
        return error.faults


def workbook(path, *rows, sheet="Sheet1", formats=()):
    book = openpyxl.load_workbook(path) if path.exists() else openpyxl.Workbook()
    page = book.create_sheet(sheet) if path.exists() else book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    for place, shape in formats:
        page[place].number_format = shape
    book.save(path)
    return path


def test_a_sheet_is_read_as_it_is_shown(tmp_path):
    moment = dt.datetime(2021, 5, 1, 10, 30)
    path = workbook(
        tmp_path / "t.xlsx",
        ["id", "date", "number", "text", "flag"],
        ["001", dt.date(2021, 5, 1), 7, "NA", True],
        [2, moment, 0.1, "=no formula", None],
        [None] * 5,
        [123456789012345, dt.datetime(2021, 5, 2), 7.0, " blank ", False],
        formats=[("A3", "000")],
    )
    book = openpyxl.load_workbook(path)
    book.active["D3"].data_type = "s"
    book.save(path)
    assert rows_of(path, date_format="%d/%m/%Y") == [
        (2, "001", "01/05/2021", "7", "NA", "TRUE"),
        (3, "002", "2021-05-01 10:30:00", "0.1", "=no formula", ""),
        (5, "123456789012345", "02/05/2021", "7", " blank ", "FALSE"),
    ]


def test_formulas_errors_and_merged_cells_are_refused(tmp_path):
    path = workbook(
        tmp_path / "t.xlsx", ["id", "dose"], ["1", "=1+1"], ["2", "#N/A"], ["3", 0], ["4", None]
    )
    book = openpyxl.load_workbook(path)
    book.active["B3"].data_type = "e"
    book.active.merge_cells("B4:B5")
    book.save(path)
    faults = faults_of(path)
    assert [(f.line, f.column, f.value) for f in faults] == [
        (None, None, "B4:B5"), (2, "dose", "=1+1"), (3, "dose", "#N/A"),
    ]  # fmt: skip


def test_a_sheet_is_named_or_the_first(tmp_path):
    path = workbook(tmp_path / "t.xlsx", ["a"], ["1"], sheet="one")
    workbook(path, ["b"], ["2"], sheet="two")
    assert rows_of(path) == [(2, "1")]
    assert rows_of(path, sheet="two") == [(2, "2")]
    (fault,) = faults_of(path, sheet="three")
    assert "one, two" in fault.rule
    assert fault.value == "three"


@pytest.mark.parametrize("header", [["a", "a"], ["a", None, "b"]])
def test_columns_of_a_sheet_have_names_of_their_own(tmp_path, header):
    (fault,) = faults_of(workbook(tmp_path / "t.xlsx", header, ["1", "2", "3"][: len(header)]))
    assert "name of its own" in fault.rule


def test_an_empty_sheet_has_no_header(tmp_path):
    (fault,) = faults_of(workbook(tmp_path / "t.xlsx"))
    assert "empty" in fault.rule


@pytest.mark.parametrize("ending", ["xlsx", "xpt", "sas7bdat", "dta", "json", "ndjson"])
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04junk", b"{}", b"[1]", b"\xff"])
def test_what_is_not_of_its_format_is_a_fault(tmp_path, ending, content):
    path = tmp_path / f"t.{ending}"
    path.write_bytes(content)
    (fault,) = faults_of(path)
    assert fault.file == path.name


@pytest.mark.parametrize("ending", ["xlsx", "xpt", "json"])
def test_a_file_that_is_not_there_is_a_fault(tmp_path, ending):
    (fault,) = faults_of(tmp_path / f"t.{ending}")
    assert "must exist" in fault.rule


@pytest.mark.parametrize("ending", ["xpt", "dta"])
def test_zero_stays_zero_and_days_are_days(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    frame = pd.DataFrame(
        {
            "ID": ["001", "2", ""],
            "X": [0.0, 0.1, np.nan],
            "N": [7.0, -1.5, 1e10],
            "D": [dt.date(2010, 5, 13), None, dt.date(1959, 12, 31)],
            "M": [dt.datetime(2010, 5, 13), dt.datetime(2010, 5, 13, 8, 30), None],
        }
    )
    write = {"xpt": pyreadstat.write_xport, "dta": pyreadstat.write_dta}[ending]
    write(frame, path)
    assert rows_of(path, date_format="%d.%m.%Y") == [
        (1, "001", "0", "7", "13.05.2010", "13.05.2010"),
        (2, "2", "0.1", "-1.5", "", "2010-05-13 08:30:00"),
        (3, "", "", "10000000000", "31.12.1959", ""),
    ]


def test_a_zero_misread_is_refused(tmp_path):
    path = tmp_path / "t.dta"
    pyreadstat.write_dta(pd.DataFrame({"X": [0.0, 5.397605e-79]}), path)
    (fault,) = faults_of(path)
    assert (fault.line, fault.column) == (2, "X")
    assert "pandas" in fault.remedy


def test_four_byte_numbers_and_labels_of_stata(tmp_path):
    path = tmp_path / "t.dta"
    frame = pd.DataFrame({"x": [0.1, 2.5], "r": [0, 1]})
    pyreadstat.write_dta(frame, path, variable_value_labels={"r": {0: "negative", 1: "positive"}})
    assert rows_of(path) == [(1, "0.1", "0"), (2, "2.5", "1")]
    assert rows_of(path, labelled=True) == [(1, "0.1", "negative"), (2, "2.5", "positive")]
    frame.astype({"x": "float32"}).to_stata(path, write_index=False)
    assert rows_of(path) == [(1, "0.1", "0"), (2, "2.5", "1")]


def test_the_encoding_of_a_transport_file_is_declared(tmp_path):
    path = tmp_path / "t.xpt"
    pyreadstat.write_xport(pd.DataFrame({"ID": ["Zoë", "b"]}), path, file_format_version=5)
    latin = path.read_bytes().replace("ë".encode(), b"\xeb ")
    path.write_bytes(latin)
    (fault,) = faults_of(path)
    assert "encoding" in fault.rule
    assert [row[1] for row in rows_of(path, encoding="WINDOWS-1252")] == ["Zoë", "b"]


def dataset_json(path, columns, rows, **changed):
    document = {
        "datasetJSONCreationDateTime": "2024-01-01T00:00:00",
        "datasetJSONVersion": "1.1.0",
        "itemGroupOID": "IG.T",
        "records": len(rows),
        "name": "T",
        "label": "A table",
        "columns": [
            {"itemOID": f"IT.{name}", "name": name, "label": name, "dataType": kind}
            for name, kind in columns.items()
        ],
        "rows": rows,
    } | changed
    if path.suffix == ".ndjson":
        head = {key: value for key, value in document.items() if key != "rows"}
        path.write_text("\n".join(map(json.dumps, [head, *rows])) + "\n", encoding="utf-8")
    else:
        path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["json", "ndjson"])
def test_dataset_json_keeps_numbers_as_written(tmp_path, ending):
    path = dataset_json(
        tmp_path / f"t.{ending}",
        {"ID": "string", "X": "double", "D": "date", "B": "boolean"},
        [["001", 1.5, "2010-05-13", True], ["2", None, "2010-05", False], ["3", 0, None, None]],
    )
    assert rows_of(path, date_format="%d/%m/%Y") == [
        (1, "001", "1.5", "13/05/2010", "true"),
        (2, "2", "", "2010-05", "false"),
        (3, "3", "0", "", ""),
    ]


def test_dataset_json_that_is_cut_off_or_ragged_is_refused(tmp_path):
    path = dataset_json(tmp_path / "t.json", {"A": "string"}, [["1"], ["2", "3"]], records=3)
    faults = faults_of(path)
    assert [fault.line for fault in faults] == [None, 2]
    (fault,) = faults_of(dataset_json(path, {"A": "string"}, [], datasetJSONVersion="1.0.0"))
    assert "1.1" in fault.rule


# A study in every format

SHORT = {
    "patient_id": "PATIENT", "strength_mg": "STRENGTH", "days_supply": "SUPPLY",
    "recall_days": "RECALL", "years_of_use": "YEARS", "substance": "SUBSTANC",
    "treatment": "TREAT",
}  # fmt: skip
"""Names of at most eight letters, as SAS transport has them."""


def convert(folder, ending, declared):
    """Write every table of a study in another format, and declare it so."""
    for source in sorted(folder.glob("*.csv")):
        name = source.stem
        frame = pd.read_csv(source, dtype=str, keep_default_na=False)
        target = folder / ("study.xlsx" if ending == "xlsx" else f"{name}.{ending}")
        options = f'file = "{target.name}"'
        if ending == "xlsx":
            cells = [
                [dt.date.fromisoformat(v) if c in DAYS and v else v or None
                 for c, v in zip(frame.columns, row, strict=True)]
                for row in frame.values.tolist()
            ]  # fmt: skip
            workbook(target, list(frame.columns), *cells, sheet=name)
            options += f'\nsheet = "{name}"'
        elif ending == "json":
            kinds = {c: "date" if c in DAYS else "string" for c in frame.columns}
            rows = [[cell or None for cell in row] for row in frame.values.tolist()]
            dataset_json(target, kinds, rows)
        else:
            options += write_statistical(frame, target)
        declared = declared.replace(f'file = "{name}.csv"', options)
        source.unlink()
    (folder / "study.toml").write_text(declared)


def write_statistical(frame, target):
    """Write days as days and numbers as numbers; say what the columns are called."""
    typed = pd.DataFrame()
    for column in frame.columns:
        cells = frame[column]
        days = [dt.date.fromisoformat(cell) if cell else None for cell in cells] \
            if column in DAYS else None  # fmt: skip
        numeric = pd.to_numeric(cells.replace("", np.nan), errors="coerce")
        if days is not None:
            typed[column] = pd.Series(days, dtype=object)
        elif column != "patient_id" and (numeric.notna() | (cells == "")).all():
            typed[column] = numeric
        else:
            typed[column] = cells
    if target.suffix == ".dta":
        pyreadstat.write_dta(typed, target)
        return ""
    names = {c: SHORT.get(c, c).upper() for c in frame.columns}
    pyreadstat.write_xport(typed.rename(columns=names), target, file_format_version=5)
    pairs = ", ".join(f'{ours} = "{theirs}"' for ours, theirs in names.items())
    return f"\ncolumns = {{ {pairs} }}"


@pytest.fixture(scope="module")
def of_csv():
    return time_to_event(open_study(SUPPLIED))


@pytest.mark.parametrize("ending", ["xlsx", "xpt", "dta", "json"])
def test_the_same_tables_derive_the_same_endpoint(tmp_path, ending, of_csv):
    folder = tmp_path / "study"
    copytree(SUPPLIED, folder, ignore=lambda _, names: {n for n in names if n.endswith(".py")})
    convert(folder, ending, (folder / "study.toml").read_text())
    records = read_study(folder)
    tte = time_to_event(open_study(folder))
    apart = ["why", "file", "line"]
    pd.testing.assert_frame_equal(
        tte.to_frame().drop(columns=apart), of_csv.to_frame().drop(columns=apart), check_exact=True
    )
    # A sheet counts its header as CSV does; other files count rows.
    shift = 0 if ending == "xlsx" else 1
    np.testing.assert_array_equal(tte.line + shift, of_csv.line)
    assert tte.flow == of_csv.flow
    assert {name for name in records.sha256 if name != "study.toml"} == {
        table.file for table in records.declaration.tables.values()
    }


def test_a_fault_names_the_sheet_and_the_row(tmp_path):
    book = tmp_path / "study.xlsx"
    workbook(book, ["patient_id"], ["001"], sheet="people")
    workbook(book, ["patient_id", "date", "status"], ["001", "soon", "attended"], sheet="visits")
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "s"\ntitle = "s"\nsynthetic = true\ncontrol_group = false\n'
        '[tables.patients]\nfile = "study.xlsx"\nsheet = "people"\n'
        '[tables.visits]\nfile = "study.xlsx"\nsheet = "visits"\n'
    )
    with pytest.raises(BadInput) as caught:
        read_study(tmp_path)
    assert "study.xlsx, sheet visits: column `date`" in str(caught.value)
    assert "row 2, patient 001: 'soon'" in str(caught.value)


def test_two_tables_of_a_workbook_each_name_their_sheet(tmp_path):
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "s"\ntitle = "s"\nsynthetic = true\ncontrol_group = false\n'
        '[tables.patients]\nfile = "study.xlsx"\n'
        '[tables.visits]\nfile = "study.xlsx"\nsheet = "visits"\n'
    )
    workbook(tmp_path / "study.xlsx", ["patient_id"], ["001"])
    with pytest.raises(BadInput, match="a sheet is one table"):
        read_study(tmp_path)


@pytest.mark.parametrize("ending", ["xlsx", "dta", "xpt"])
def test_a_file_of_rows_may_be_of_any_format(tmp_path, ending):
    frame = pd.DataFrame({"T": [5.0, 7.5, 9.0], "E": [1.0, 0.0, 1.0]})
    path = tmp_path / f"rows.{ending}"
    if ending == "xlsx":
        workbook(path, list(frame.columns), *frame.values.tolist())
    else:
        {"dta": pyreadstat.write_dta, "xpt": pyreadstat.write_xport}[ending](frame, path)
    declared = RowsDeclaration(file="rows.csv", time="T", event="E")
    tte = read_rows(path, declared, name=path.name).tte
    assert (list(tte.time), list(tte.event)) == ([5, 7.5, 9], [1, 0, 1])
