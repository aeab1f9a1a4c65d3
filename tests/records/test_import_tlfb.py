"""Calendars become the days of use and the periods they were made from, long or wide."""

import csv
import datetime as dt
import shutil
from pathlib import Path

import pytest

from survival_bzd.endpoint import declare, derive
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import evidence, read_study
from survival_bzd.records.imports.tlfb import import_tlfb, scaffold_calendar_map
from survival_bzd.records.supplied import locate

COHORT = locate("ketamine-taper")
CARD = """
[study]
name = "calendar"
title = "A calendar"
synthetic = true
control_group = false

[substances]
benzodiazepine = ["diazepam", "lorazepam"]
z_drug = ["zopiclone"]
"""
LONG = """
[calendar]
layout = "long"
patient_id = "id"
date = "day"
substance = "drug"
amount = "n"
from = "since"
to = "until"
codes = { lorazepam = ["L"], clonazepam = ["C"] }
"""
WIDE = """
[calendar]
layout = "wide"
patient_id = "id"
days = "d{}"
first = "since"
codes = { lorazepam = ["L"], clonazepam = ["C"] }
no_use = ["0"]
"""
SMALL = """
[calendar]
layout = "wide"
patient_id = "id"
days = "d{}"
first = "first"
"""


def table(name: str) -> list[dict[str, str]]:
    with (COHORT / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows_of(path: Path) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def without_calendar(folder: Path) -> Path:
    """Copy the cohort without its calendars."""
    shutil.copytree(COHORT, folder)
    text = (folder / "study.toml").read_text(encoding="utf-8")
    for name in ("use_days", "use_windows"):
        (folder / f"{name}.csv").unlink()
        text = text.replace(f'[tables.{name}]\nfile = "{name}.csv"\n\n', "")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder


def used(window: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return day -> (code of the substance, amount) of one period."""
    return {
        day["date"]: (day["substance"][0].upper(), day["amount"])
        for day in table("use_days")
        if day["patient_id"] == window["patient_id"]
        and window["from"] <= day["date"] <= window["to"]
    }


def long_calendar() -> str:
    lines = ["id;day;drug;n;since;until"]
    for w in table("use_windows"):
        days = used(w) or {"": ("", "")}
        lines += [
            ";".join((w["patient_id"], day, *what, w["from"], w["to"]))
            for day, what in days.items()
        ]
    return "\n".join(lines) + "\n"


def wide_calendar() -> str:
    lines = ["id,since," + ",".join(f"d{n}" for n in range(1, 29))]
    for w in table("use_windows"):
        first = dt.date.fromisoformat(w["from"])
        days = [str(first + dt.timedelta(n)) for n in range(28)]
        cells = [used(w).get(day, ("0", ""))[0] for day in days]
        lines.append(",".join((w["patient_id"], w["from"], *cells)))
    return "\n".join(lines) + "\n"


class Given:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.into = folder / "study"

    def run(self, calendar: str, mapping: str, **options: object):
        (self.folder / "calendar.csv").write_text(calendar, encoding="utf-8")
        (self.folder / "map.toml").write_text(mapping, encoding="utf-8")
        into = None if "add_to" in options else self.into
        return import_tlfb(self.folder / "calendar.csv", self.folder / "map.toml", into, **options)

    def faults(self, calendar: str, mapping: str, **options: object) -> list[Fault]:
        with pytest.raises(BadInput) as refused:
            self.run(calendar, mapping, **options)
        assert not self.into.exists()
        assert not list(self.folder.glob(".*"))
        return list(refused.value.faults)

    def tables(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        return rows_of(self.into / "use_days.csv"), rows_of(self.into / "use_windows.csv")


@pytest.fixture
def given(tmp_path: Path) -> Given:
    return Given(tmp_path)


def frame_of(folder: Path):
    records = read_study(folder)
    declared, _ = declare(records.declaration, "relapse")
    assert declared is not None
    return derive(evidence(records), declared).to_frame()


@pytest.mark.parametrize(
    ("calendar", "mapping", "words"),
    # Codes in the cells leave no place for amounts, which the words name.
    [(long_calendar, LONG, []), (wide_calendar, WIDE, ["why"])],
    ids=["long", "wide"],
)
def test_a_calendar_becomes_the_endpoint_of_the_tables_it_was_made_from(
    given, calendar, mapping, words
):
    folder = without_calendar(given.folder / "cohort")
    days, windows = given.run(calendar(), mapping, add_to=folder)
    assert (days.rows, windows.rows) == (11, 15)
    found, expected = frame_of(folder), frame_of(COHORT)
    assert [name for name in expected if not found[name].equals(expected[name])] == words
    card = (folder / "study.toml").read_text(encoding="utf-8")
    assert card.count("[[provenance]]") == 2
    lines = (given.folder / "calendar.csv").read_text(encoding="utf-8").splitlines()
    for patient, *_, line in rows_of(folder / "use_days.csv"):
        assert lines[int(line) - 1].startswith(patient)


def test_a_study_that_has_a_calendar_keeps_it(given):
    folder = given.folder / "cohort"
    shutil.copytree(COHORT, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    faults = given.faults(long_calendar(), LONG, add_to=folder)
    assert {fault.value for fault in faults} == {"use_days", "use_windows"}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_the_study_does_not_know_changes_nothing(given):
    folder = without_calendar(given.folder / "cohort")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    calendar = long_calendar().replace("\n006;", "\n600;")
    faults = given.faults(calendar, LONG, add_to=folder)
    assert {(fault.file, fault.value) for fault in faults} == {("calendar.csv", "600")}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_wide_cells_say_only_what_was_answered(given):
    given.run("id,first,d1,d2,d3,d4,d5\n001,2020-01-01,0,2.5,,0,-\n002,2020-02-01,,,,,\n",
              CARD + SMALL + 'always = "diazepam"\nnot_assessed = ["-"]\n')  # fmt: skip
    assert given.tables() == (
        [("001", "2020-01-02", "diazepam", "2.5", "2")],
        [("001", "2020-01-01", "2020-01-02", "2"), ("001", "2020-01-04", "2020-01-04", "2")],
    )
    assert rows_of(given.into / "patients.csv") == [("001", "2"), ("002", "3")]


def test_cells_hold_several_substances(given):
    mapping = SMALL + (
        'codes = { diazepam = ["D"], zopiclone = ["Z"] }\nseparator = "+"\nno_use = ["0"]\n'
    )
    given.run("id,first,d1,d2\n001,2020-01-01,D + Z,0\n", CARD + mapping)
    days, windows = given.tables()
    assert [row[1:3] for row in days] == [("2020-01-01", "diazepam"), ("2020-01-01", "zopiclone")]
    assert windows == [("001", "2020-01-01", "2020-01-02", "2")]


def test_columns_may_be_dates_or_days_before_an_interview(given):
    base = CARD + '[calendar]\nlayout = "wide"\npatient_id = "id"\nalways = "diazepam"\n'
    given.run("id,x_1/2/2020,x_2/2/2020\n1,0,3\n",
              base + 'days = "x_{}"\ndate_format = "%d/%m/%Y"\n')  # fmt: skip
    assert given.tables() == (
        [("1", "02/02/2020", "diazepam", "3", "2")], [("1", "01/02/2020", "02/02/2020", "2")],
    )  # fmt: skip
    shutil.rmtree(given.into)
    given.run("id,int,b1,b2\n1,2020-03-01,0,3\n", base + 'days = "b{}"\ninterview = "int"\n')
    assert given.tables() == (
        [("1", "2020-02-28", "diazepam", "3", "2")], [("1", "2020-02-28", "2020-02-29", "2")],
    )  # fmt: skip


def test_a_window_before_the_interview(given):
    mapping = CARD + (
        '[calendar]\nlayout = "long"\npatient_id = "id"\ndate = "day"\nalways = "diazepam"\n'
        'interview = "int"\ndate_format = "days"\n'
    )
    calendar = "id,day,int\n1,25,30\n1,,60\n"
    (fault,) = given.faults(calendar, mapping)
    assert "asked about must be known" in fault.rule
    given.run(calendar, mapping, window_days=7)
    assert given.tables() == (
        [("1", "25", "diazepam", "", "2")], [("1", "23", "29", "2"), ("1", "53", "59", "3")],
    )  # fmt: skip
    shutil.rmtree(given.into)
    calendar = "id,day,int\n1,30,30\n"
    (fault,) = given.faults(calendar, mapping, window_days=7)
    assert "in a period asked about" in fault.rule
    given.run(calendar, mapping + "includes_interview = true\n", window_days=7)
    assert given.tables()[1] == [("1", "24", "30", "2")]


def test_days_not_assessed_break_a_period(given):
    calendar = (
        "id,day,drug,since,until\n1,2020-01-03,?,2020-01-01,2020-01-05\n"
        "1,2020-01-04,diazepam,2020-01-01,2020-01-05\n"
    )
    mapping = CARD + (
        '[calendar]\nlayout = "long"\npatient_id = "id"\ndate = "day"\nsubstance = "drug"\n'
        'from = "since"\nto = "until"\nnot_assessed = ["?"]\n'
    )
    given.run(calendar, mapping)
    assert given.tables() == (
        [("1", "2020-01-04", "diazepam", "", "3")],
        [("1", "2020-01-01", "2020-01-02", "2"), ("1", "2020-01-04", "2020-01-05", "2")],
    )


def test_blank_cells_are_days_free_only_inside_a_period_that_was_asked_about(given):
    mapping = CARD + SMALL + 'always = "diazepam"\nblank = "no_use"\n'
    (fault,) = given.faults("id,first,d1,d2,d3\n1,2020-01-01,,1,\n", mapping)
    assert "asked about must be known" in fault.rule
    mapping += 'from = "first"\nto = "last"\n'
    given.run("id,first,last,d1,d2,d3\n1,2020-01-01,2020-01-02,,1,\n", mapping)
    assert given.tables() == (
        [("1", "2020-01-02", "diazepam", "1", "2")], [("1", "2020-01-01", "2020-01-02", "2")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("calendar", "mapping", "file", "line", "said"),
    [
        ("id,day,drug,n,since,until\n1,2020-01-03,X,,2020-01-01,2020-01-05\n", LONG,
         "calendar.csv", 2, "cell must be known"),
        ("id,day,drug,n,since,until\n1,2020-01-03,,,2020-01-01,2020-01-05\n", LONG,
         "calendar.csv", 2, "cell must be known"),
        ("id,day,drug,n,since,until\n1,03/01/2020,L,,2020-01-01,2020-01-05\n", LONG,
         "calendar.csv", 2, "must be a date"),
        ("id,day,drug,n,since,until\n1,2020-01-03,L,,,2020-01-05\n", LONG,
         "calendar.csv", 2, "must be a date"),
        ("id,day,drug,n,since,until\n1,2020-01-03,L,2,5,2020-01-01,2020-01-05\n", LONG,
         "calendar.csv", 2, "as many fields"),
        ("id,day,drug,n,since,until\n1,2020-01-03,L,some,2020-01-01,2020-01-05\n", LONG,
         "calendar.csv", 2, "decimal point"),
        ("id,day,drug,n,since,until\n1,2020-01-09,L,,2020-01-01,2020-01-05\n", LONG,
         "calendar.csv", 2, "in a period asked about"),
        ("id,day,drug,n,since,until\n1,,,,2020-01-07,2020-01-05\n", LONG,
         "calendar.csv", 2, "end before it begins"),
        ("id,day,drug,n,since\n1,2020-01-03,L,,2020-01-01\n", LONG, "map.toml", 9, "column must"),
        ("id,day,drug,n,since,until\n1,,,,2020-01-01,2020-01-05\n", LONG + "window_days = 7\n",
         "map.toml", 11, "window_days counts back"),
        ('id,"first\n1,2020-01-01,0\n', SMALL, "calendar.csv", 1, "quote"),
        ("id,first,x1\n1,2020-01-01,0\n", SMALL, "map.toml", 5, "there must be columns"),
        ("id,first,d1,dx\n1,2020-01-01,0,0\n", SMALL, "calendar.csv", 1, "column of a day"),
        ("id,first,d1\n1,2020-01-01,-2\n", SMALL + 'always = "diazepam"\n', "calendar.csv", 2,
         "cell must be known"),
        ("id\n1\n", '[calendar]\nlayout = "long"\npatient_id = "id"\n', "map.toml", 2,
         "needs date"),
        ("id\n1\n", '[calendar]\nlayout = "tall"\npatient_id = "id"\n', "map.toml", 2, "must be"),
        ("id,first,d1\n1,2020-01-01,0\n", SMALL + 'no_use = ["0"]\nnot_assessed = ["0"]\n',
         "map.toml", None, "one meaning"),
        ("id,first,d1\n1,2020-01-01,0\n", SMALL + 'date_format = "%y"\n', "map.toml", 7,
         "two digits"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_file_line_and_remedy(
    given, calendar, mapping, file, line, said
):
    faults = given.faults(calendar, mapping)
    fault = next((f for f in faults if said in f.rule), None)
    assert fault is not None, faults
    assert fault.file == file
    assert fault.remedy
    assert line is None or fault.line == line


@pytest.mark.parametrize("section", ["study", "calendar", "endpoint"])
@pytest.mark.parametrize("value", ["3", "[]", "'x'", "[[1]]"])
def test_a_section_that_is_none_is_told(given, section, value):
    rest = "".join(part for part in (CARD, SMALL) if f"[{section}]" not in part)
    faults = given.faults("id,first,d1\n1,2020-01-01,0\n", f"{section} = {value}\n{rest}")
    assert ("map.toml", section) in {(fault.file, fault.column) for fault in faults}


def test_a_map_to_fill_in_lists_the_columns(given):
    (given.folder / "calendar.csv").write_text("who;when;what\n", encoding="utf-8")
    text = scaffold_calendar_map(given.folder / "calendar.csv")
    assert "whose columns are: who, when, what" in text.replace("\n# ", " ")
    (fault, *_) = given.faults("who;when;what\n", text)
    assert fault.value == "COLUMN"
