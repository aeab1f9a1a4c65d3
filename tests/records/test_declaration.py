"""`study.toml` is checked to the last key, and every fault of it comes in one report."""

import re

import pytest

from survival_bzd.errors import BadInput
from survival_bzd.records.declaration import date_pattern, line_of, load_declaration

CARD = '[study]\nname = "s"\ntitle = "S"\nsynthetic = true\ncontrol_group = false\n'
PATIENTS = '[tables.patients]\nfile = "patients.csv"\n'


@pytest.fixture
def faults(tmp_path):
    """Return (line, key, value, rule) of every fault of a `study.toml`."""

    def load(text):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "study.toml").write_bytes(content)
        try:
            found = load_declaration(tmp_path)[1]
        except BadInput as refused:
            found = refused.faults
        assert all(fault.file == "study.toml" and fault.remedy for fault in found)
        return [(fault.line, fault.column, fault.value, fault.rule) for fault in found]

    return load


def test_a_sound_study_has_no_faults_also_with_a_byte_order_mark(faults):
    assert faults(CARD + PATIENTS) == []
    assert faults(b"\xef\xbb\xbf" + (CARD + PATIENTS).encode()) == []


def test_no_declaration_is_no_study(tmp_path):
    for folder in (tmp_path, tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").write_text("")
        with pytest.raises(BadInput, match="survival-bzd new"):
            load_declaration(folder)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[study]\nname = small\n", 2),
        ('a = 1\na = "2"\n', 2),
        ("d = 2021-02-30\n", 1),
        ("a = " + "9" * 5000, None),
        ("a = " + "[" * 5000, None),
    ],
)
def test_what_is_not_toml_is_said_with_its_line(faults, text, line):
    ((found, _, _, rule),) = faults(text)
    assert found == line
    assert rule.startswith("the file must be TOML")


def test_latin_1_is_named_by_its_line(faults):
    ((line, _, _, rule),) = faults('[study]\nname = "é"\n'.encode("latin-1"))
    assert (line, rule) == (2, "the file must be in UTF-8")


def test_an_empty_file_lacks_every_required_key(faults):
    found = faults("")
    keys = ["study.name", "study.title", "study.synthetic", "study.control_group", None]
    assert [key for _, key, _, _ in found] == keys
    assert "[tables.patients] is required" in found[-1][3]


def test_wrong_types_at_every_level_come_in_one_report(faults):
    found = faults(
        """foo = 1
substances = { bzd = "diazepam", z = [1, "zopiclone"] }
endpoint = 3
[study]
name = "a b"
title = 5
synthetic = "yes"
control_group = 0
dates = "ISO"
date_form = "%d"
[tables]
visits = "visits.csv"
[tables.patients]
file = "patients.xls"
covariates = { age = "numeric", sex = 1 }
[tables.urine]
file = 7
delimiter = ",,"
undated = true
columns = { result = 5 }
codes = { result = ["neg"] }
[tables.vists]
file = "v.csv"
[[paper]]
by = "x"
"""
    )
    assert [(line, key) for line, key, _, _ in found] == [
        (1, "foo"),
        (2, "substances.bzd"),
        (2, "substances.z"),
        (3, "endpoint"),
        (5, "study.name"),
        (6, "study.title"),
        (7, "study.synthetic"),
        (8, "study.control_group"),
        (9, "study.dates"),
        (10, "study.date_form"),
        (12, "tables.visits"),
        (14, "tables.patients.file"),
        (15, "tables.patients.covariates.age"),
        (15, "tables.patients.covariates.sex"),
        (17, "tables.urine.file"),
        (18, "tables.urine.delimiter"),
        (19, "tables.urine.undated"),
        (20, "tables.urine.columns.result"),
        (21, "tables.urine.codes.result"),
        (22, "tables"),
        (24, "paper"),
    ]
    rules = {key: rule for _, key, _, rule in found}
    assert rules["study.synthetic"] == "it must be true or false"
    assert rules["study.dates"] == 'it must be "iso" or "days"'
    assert rules["substances.bzd"] == "it must be a list"
    assert rules["tables.urine.columns.result"] == "it must be text"
    values = {key: value for _, key, value, _ in found}
    assert values["tables.urine.undated"] == "true"
    assert not any(re.search("valid|Input|str ", rule) for rule in rules.values())


def test_sections_that_are_no_tables_are_named_once(faults):
    found = faults('study = 5\nsubstances = "x"\ntables = [1]\nendpoint = 3\npaper = [2]\n')
    assert [key for _, key, _, _ in found] == ["study", "substances", "tables", "endpoint", "paper"]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("%d/%m/%y", "two digits"),
        ("%Y-%m-%dT%H:%M", "time of day"),
        ("%Y-%m-%d%z", "time zone"),
        ("%Y-%j", "each once"),
        ("%Y-%m-%d%", "each once"),
        ("%Y-%m-%d %d", "each once"),
        ("%Y-%m", "each once"),
        ("dd.mm.yyyy", "each once"),
        ("%Y-%m-%Q", "each once"),
    ],
)
def test_a_form_of_dates_that_is_not_a_day_is_refused(faults, form, says):
    ((_, key, value, rule),) = faults(f'{CARD}date_format = "{form}"\n{PATIENTS}')
    assert (key, value) == ("study.date_format", form)
    assert says in rule


@pytest.mark.parametrize(
    ("form", "fits", "misses"),
    [
        ("%Y-%m-%d", ["2020-01-05", "2020-1-5"], ["20-01-05", "infinity", "2020-01-05 "]),
        ("%d.%m.%Y", ["5.1.2020"], ["5x1x2020", "005.1.2020"]),
        ("%Y%m%d", ["20200105"], ["2020105"]),
        ("%d%m/%Y", ["0501/2020"], ["501/2020"]),
        ("%d%b%Y", ["5JAN2020", "05jan2020"], ["05012020", "05January2020"]),
        ("%d %B %Y", ["5 January 2020"], ["5 1 2020"]),
    ],
)
def test_a_date_must_look_as_declared(form, fits, misses):
    pattern = date_pattern(form)
    assert all(re.search(pattern, text) for text in fits)
    assert not any(re.search(pattern, text) for text in misses)


@pytest.mark.parametrize(
    "file",
    ["/etc/x.csv", "../x.csv", "a/../../x.csv", "..\\\\x.csv", "C:\\\\x.csv", "x.xls", ".csv", "",
     "x.csv\\n", "a\\u0000.csv"],
)  # fmt: skip
def test_a_table_is_a_file_of_a_known_format_inside_the_folder(faults, file):
    ((line, key, _, _),) = faults(f'{CARD}[tables.patients]\nfile = "{file}"\n')
    assert (line, key) == (7, "tables.patients.file")


def test_a_file_is_one_table(faults):
    ((_, key, value, rule),) = faults(
        f'{CARD}{PATIENTS}[tables.urine]\nfile = "u.csv"\n[tables.fills]\nfile = "./u.csv"\n'
    )
    assert (key, value, rule) == ("tables.fills.file", "./u.csv", "a file is one table")


def test_codes_with_two_meanings_no_meaning_or_no_column_are_faults(faults):
    found = faults(
        f'{CARD}{PATIENTS}[tables.urine]\nfile = "u.csv"\n[tables.urine.codes]\n'
        'result = { negative = ["neg", "0"], positive = ["0", " "], nagative = ["x"] }\n'
        'date = { a = ["b"] }\n'
    )
    assert [(line, key, value) for line, key, value, _ in found] == [
        (11, "tables.urine.codes.result.positive", "0"),
        (11, "tables.urine.codes.result.positive", " "),
        (11, "tables.urine.codes.result", "nagative"),
        (12, "tables.urine.codes", "date"),
    ]
    assert "it is negative already" in found[0][3]
    assert "missing value" in found[1][3]


def test_columns_that_are_not_known_or_mapped_twice_are_faults(faults):
    found = faults(
        f'{CARD}{PATIENTS}[tables.urine]\nfile = "u.csv"\n'
        'columns = { dat = "date", analyte = "x", assay = "x" }\n'
    )
    assert [value for _, _, value, _ in found] == ["dat", "x is both analyte and assay"]


def test_covariates_have_names_of_their_own(faults):
    found = faults(
        f'{CARD}{PATIENTS}[tables.patients.covariates]\nAge = "number"\nage = "text"\n'
        'line = "number"\nenrolled = "date"\nPATIENT_ID = "text"\n"" = "text"\n'
        'date = "number"\n"a\\"b" = "number"\nfrom = "text"\n'
    )
    assert [(line, value) for line, _, value, _ in found] == [
        (10, "age"), (11, "line"), (12, "enrolled"), (13, "PATIENT_ID"), (14, ""),
    ]  # fmt: skip


def test_covariates_belong_to_patients(faults):
    ((line, key, _, _),) = faults(
        f'{CARD}{PATIENTS}[tables.urine]\nfile = "u.csv"\ncovariates = {{ a = "text" }}\n'
    )
    assert (line, key) == (10, "tables.urine.covariates")


def test_a_substance_belongs_to_one_class(faults):
    ((line, key, value, _),) = faults(
        f'{CARD}{PATIENTS}[substances]\nbzd = ["diazepam"]\nz = ["zolpidem", "diazepam"]\n'
    )
    assert (line, key, value) == (10, "substances.z", "diazepam")


def test_rows_and_tables_exclude_each_other(faults):
    rows = '[time_to_event]\nfile = "x.csv"\ntime = "t"\nevent = "e"\n'
    assert faults(CARD + rows) == []
    assert len(faults(CARD + rows + PATIENTS)) == 1


def test_competing_events_have_no_single_code(faults):
    rows = '[time_to_event]\nfile = "x.csv"\ntime = "t"\nevent = "e"\nevent_is = "1"\n'
    assert faults(CARD + rows) == []
    ((line, key, value, _),) = faults(f"{CARD}{rows}competing = true\n")
    assert (key, value) == ("time_to_event.event_is", "1")
    assert line is not None


def test_the_line_of_a_key_is_found_in_every_style_of_toml():
    text = (
        'top = 1\n[a]\nlist = [\n  "x",\n  ["y"],\n]\nb.c = 2\n["a"."quoted"]\n"k k" = 3\n'
        "[ a . spaced ]\nk = { inline = 4 }\n[[many]]\nk = 5\n"
    )
    assert line_of(text, ["top"]) == 1
    assert line_of(text, ["a", "list"]) == 3
    assert line_of(text, ["a", "b", "c"]) == 7
    assert line_of(text, ["a", "quoted", "k k"]) == 9
    assert line_of(text, ["a", "spaced", "k", "inline"]) == 11
    assert line_of(text, ["many", "k"]) == 13
    assert line_of(text, ["none"]) is None


def test_keys_nested_without_end_are_a_fault(faults):
    deep = f"{CARD}{PATIENTS}[paper]\n{'a.' * 3000}b = 1\n[tables.patients.codes]\nx = 3\n"
    assert [key for _, key, _, _ in faults(deep)] == ["tables.patients.codes.x"]
    found = faults(f"{CARD}{'a.' * 3000}b = 1\n{PATIENTS}")
    assert ("study.a", "the key is not known here") in [(key, rule) for _, key, _, rule in found]
