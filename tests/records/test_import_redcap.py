"""A REDCap export becomes the study it was made from, or is refused with every reason."""

import csv
import io
import re
from pathlib import Path

import pytest

from survival_bzd.endpoint import declare, derive
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import evidence, read_study
from survival_bzd.records.imports.redcap import import_redcap, scaffold_map
from survival_bzd.records.supplied import locate
from tests.records.redcap_project import COHORT, EXAMPLE, Export, columns, dictionary, export

MAP = (EXAMPLE / "map.toml").read_text(encoding="utf-8")
TABLES = ("patients", "treatments", "visits", "urine", "use_days", "use_windows", "fills", "scales",
          "outcomes")  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> Export:
    return export()


class Given:
    """Files of a project in a folder, to change and import."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.into = folder / "study"
        self.write("dictionary.csv", dictionary())
        self.write("map.toml", MAP)

    def write(self, name: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        (self.folder / name).write_bytes(data)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def run(self, **options: str):
        files = [self.folder / name for name in ("export.csv", "dictionary.csv", "map.toml")]
        return import_redcap(*files, self.into, **options)

    def faults(self, **options: str) -> list[Fault]:
        before = {path.name for path in self.folder.iterdir()}
        with pytest.raises(BadInput) as refused:
            self.run(**options)
        assert {path.name for path in self.folder.iterdir()} == before
        assert all(fault.remedy for fault in refused.value.faults)
        return list(refused.value.faults)


@pytest.fixture
def given(tmp_path: Path, whole: Export) -> Given:
    made = Given(tmp_path)
    made.write("export.csv", whole.text())
    return made


def small(given: Given, *rows: dict[str, str], header: list[str] | None = None) -> None:
    """Write an export of these rows."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header or columns(), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    given.write("export.csv", out.getvalue())


def row(record: str = "001", event: str = "baseline_arm_1", **cells: str) -> dict[str, str]:
    return {"record_id": record, "redcap_event_name": event, **cells}


def urine(instance: str = "1", **cells: str) -> dict[str, str]:
    keys = {"redcap_repeat_instrument": "urine", "redcap_repeat_instance": instance}
    boxes = {"urine_found___1": "0", "urine_found___2": "0", "urine_found___3": "0",
             "urine_found____4": "0"}  # fmt: skip
    taken = {"urine_date": "2020-01-02", "urine_taken": "1"}
    return row(event="follow_up_arm_1", **{**keys, **boxes, **taken, **cells})


def endpoint_of(folder: Path):
    records = read_study(folder)
    declared, faults = declare(records.declaration, "relapse")
    assert declared is not None
    assert faults == []
    return derive(evidence(records), declared)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def same_endpoint(folder: Path) -> None:
    found = endpoint_of(folder).to_frame()
    expected = endpoint_of(locate("ketamine-taper")).to_frame()
    assert found.equals(expected[found.columns])
    assert len(found.columns) == len(expected.columns)


def test_an_export_becomes_the_endpoint_of_the_tables_it_was_made_from(given):
    shares = given.run()
    same_endpoint(given.into)
    assert endpoint_of(given.into).flow == endpoint_of(locate("ketamine-taper")).flow
    assert {share.table: share.not_answered for share in shares if share.not_answered} == {
        "scales": 2
    }


def test_every_table_comes_back_whole(given):
    given.run()
    for name in TABLES:
        expected = rows_of(COHORT / f"{name}.csv")
        found = rows_of(given.into / f"{name}.csv")
        keys = list(expected[0])
        assert sorted(tuple(row[key] for key in keys) for row in found) == sorted(
            tuple(row[key] for key in keys) for row in expected
        )


def test_every_row_can_be_traced_to_its_line_of_the_export(given):
    given.run()
    lines = (given.folder / "export.csv").read_text(encoding="utf-8").splitlines()
    for name in TABLES:
        for found in rows_of(given.into / f"{name}.csv"):
            line = lines[int(found["source_line"]) - 1]
            assert line.startswith(f"{found['patient_id']},")
            assert found.get("date", "") in line
    card = (given.into / "study.toml").read_text(encoding="utf-8")
    assert card.count("[[provenance]]") == 3
    assert re.search(r'file = "export.csv"\nsha256 = "[0-9a-f]{64}"', card)


def test_the_example_of_the_documentation_is_what_the_script_makes(whole):
    assert (EXAMPLE / "export.csv").read_text(encoding="utf-8") == whole.text()
    assert (EXAMPLE / "dictionary.csv").read_text(encoding="utf-8") == dictionary()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^"])
def test_delimiter_and_byte_order_mark_are_found_out(given, whole, delimiter):
    given.write("export.csv", b"\xef\xbb\xbf" + whole.text(delimiter).encode())
    given.run()
    same_endpoint(given.into)


def test_a_decimal_comma_is_found_out_and_two_marks_are_refused(given, whole):
    rows = list(csv.reader(io.StringIO(whole.text())))
    numbers = [rows[0].index(name) for name in ("dose_mg", "dose_dzp", "fill_strength")]
    for line in rows[1:]:
        for place in numbers:
            line[place] = line[place].replace(".", ",")
    text = "\n".join(";".join(line) for line in rows) + "\n"
    given.write("export.csv", text)
    (fault,) = given.faults()
    assert "one decimal mark" in fault.rule
    dose10 = rows[0].index("dose10")
    for line in rows[1:]:
        line[dose10] = line[dose10].replace(".", ",")
    given.write("export.csv", "\n".join(";".join(line) for line in rows) + "\n")
    given.run()
    same_endpoint(given.into)


def test_dates_in_the_order_of_their_validation_are_read_only_when_declared(given):
    start = row(consent_date="3/4/2020", age="30")
    small(given, start, row(event="end_arm_1", end_date="13.04.2020", end_reason="4"))
    assert {fault.column for fault in given.faults()} == {"consent_date", "end_date"}
    given.edit("map.toml", "[redcap]\n", '[redcap]\ndates = "as_validated"\n')
    given.run()
    assert rows_of(given.into / "patients.csv")[0]["enrolled"] == "2020-04-03"
    assert rows_of(given.into / "outcomes.csv")[0]["date"] == "2020-04-13"


@pytest.mark.parametrize(
    "date", ["2020-13-01", "2020-02", "20200102", "yesterday", "2020-01-02 10"]
)
def test_what_is_no_date_is_refused_with_its_line(given, date):
    small(given, row(consent_date="2020-01-01"), urine(urine_date=date))
    (fault, *_) = given.faults()
    assert (fault.file, fault.line, fault.column, fault.value) == (
        "export.csv", 3, "urine_date", date,
    )  # fmt: skip
    assert fault.patient == "001"


def test_codes_for_missing_data_are_not_assessed_or_empty(given):
    visit = {"redcap_repeat_instance": "1", "visit_date": "2020-01-05", "visit_status": "1"}
    small(
        given,
        row(consent_date="2020-01-01", age="-99", sex="NASK", dose_mg="-99"),
        urine(urine_found___nask="1"),
        urine("2", urine_found____4="1"),
        row(event="week_arm_1", visit_use="NASK", visit_recall="-99", **visit),
    )
    given.run()
    (patient,) = rows_of(given.into / "patients.csv")
    assert (patient["age"], patient["sex"], patient["dose_mg"]) == ("", "", "")
    results = [found["result"] for found in rows_of(given.into / "urine.csv")]
    assert results == ["invalid"] * 4 + ["negative"] * 3 + ["positive"]
    (found,) = rows_of(given.into / "visits.csv")
    assert (found["status"], found["use"], found["recall_days"]) == ("attended", "", "")


def test_a_code_for_missing_data_that_is_not_declared_is_refused(given):
    given.edit("map.toml", 'missing = ["NASK", "-99"]', 'missing = ["NASK"]')
    faults = given.faults()
    assert {fault.value for fault in faults} == {"urine_found____99"}
    header = [name for name in columns() if name != "urine_found____99"]
    small(given, row(consent_date="2020-01-01", age="-99", drug="-99"), header=header)
    (fault,) = given.faults()
    assert (fault.column, fault.value) == ("drug", "-99")


def test_an_untouched_checkbox_is_no_negative(given):
    small(given, row(consent_date="2020-01-01"), urine(urine_taken="0"),
          urine("2", urine_taken="", urine_date=""))  # fmt: skip
    shares = {share.table: share for share in given.run()}
    assert (shares["urine"].rows, shares["urine"].elsewhere) == (0, 4)
    given.edit("map.toml", 'where = { urine_taken = ["1"] }\n', "")
    (fault,) = [f for f in given.faults() if f.file == "map.toml"]
    assert fault.column == "urine.result"
    assert "unticked box" in fault.rule


def test_only_complete_instruments_where_the_map_says_so(given):
    small(given, row(consent_date="2020-01-01"), urine(urine_complete="0"),
          urine("2", urine_complete="2"))  # fmt: skip
    given.edit("map.toml", 'urine_taken = ["1"] }', 'urine_taken = ["1"], urine_complete = ["2"] }')
    shares = {share.table: share for share in given.run()}
    assert (shares["urine"].rows, shares["urine"].elsewhere) == (4, 4)


def test_identifiers_are_copied_only_when_asked(given):
    given.edit("map.toml", 'age = "age"', 'age = "age"\nname = "full_name"')
    (fault,) = given.faults()
    assert (fault.file, fault.value) == ("map.toml", "full_name")
    assert fault.line == MAP.splitlines().index('age = "age"') + 2
    given.edit("map.toml", "[redcap]\n", '[redcap]\nidentifiers = ["full_name"]\n')
    given.run()
    assert rows_of(given.into / "patients.csv")[0]["name"] == "Patient 001"


def test_a_record_may_be_known_by_another_field(given):
    given.edit("map.toml", "[redcap]\n",
               '[redcap]\npatient_id = "full_name"\nidentifiers = ["full_name"]\n')  # fmt: skip
    given.run()
    assert rows_of(given.into / "visits.csv")[0]["patient_id"] == "Patient 001"


def test_one_box_of_a_checkbox_is_a_field(given):
    given.edit("map.toml", 'age = "age"', 'cannabis = { field = "urine_found____4" }')
    small(given, row(consent_date="2020-01-01"), urine(urine_found____4="1"))
    given.run()
    assert rows_of(given.into / "patients.csv")[0]["cannabis"] == "Checked"


def test_a_data_access_group_is_a_covariate(given):
    given.edit("map.toml", 'age = "age"', 'group = "redcap_data_access_group"')
    small(given, row(consent_date="2020-01-01", redcap_data_access_group="north"))
    given.run()
    assert rows_of(given.into / "patients.csv")[0]["group"] == "north"


def test_only_some_records_are_patients(given):
    small(given, row(consent_date="2020-01-01", sex="1"), urine(),
          row("002", consent_date="2020-01-01", sex="2"),
          urine() | {"record_id": "002"})  # fmt: skip
    given.edit("map.toml", "[patients]\n", '[patients]\nwhere = { sex = ["1"] }\n')
    shares = {share.table: share for share in given.run()}
    assert (shares["patients"].rows, shares["patients"].elsewhere) == (1, 1)
    assert (shares["urine"].rows, shares["urine"].not_patients) == (4, 4)


def test_a_field_of_another_event_feeds_every_row(given):
    small(given, row(consent_date="2020-01-01", age="7"), urine())
    given.edit("map.toml", 'assay = { value = "LC-MS/MS" }',
               'assay = { field = "age", event = "baseline_arm_1" }')  # fmt: skip
    given.run()
    assert {found["assay"] for found in rows_of(given.into / "urine.csv")} == {"7"}


def test_a_field_of_the_events_own_row_feeds_its_repeats(given):
    given.edit("map.toml", 'form = "urine"\n', 'form = "urine"\nevents = ["follow_up_arm_1"]\n')
    given.edit("map.toml", 'date = "urine_date"', 'date = "visit_date"')
    small(given, row(consent_date="2020-01-01"),
          row(event="follow_up_arm_1", visit_date="2020-01-09", visit_status="1"),
          urine(urine_date=""))  # fmt: skip
    given.run()
    assert {found["date"] for found in rows_of(given.into / "urine.csv")} == {"2020-01-09"}


def test_rows_without_a_date_are_refused_unless_they_may_be_left_out(given):
    small(given, row(consent_date="2020-01-01"), urine(urine_date="NASK"))
    faults = given.faults()
    assert {(fault.file, fault.line, fault.column) for fault in faults} == {
        ("export.csv", 3, "urine_date")
    }
    given.edit("map.toml", "[redcap]\n", '[redcap]\nundated = ["urine"]\n')
    given.run()
    assert len(read_study(given.into).left_out) == 4


def test_what_contradicts_itself_is_told_of_the_export(given):
    small(given, row(consent_date="2020-01-01"),
          row(event="end_arm_1", end_date="2020-01-05", end_reason="1"),
          urine(urine_date="2020-01-09"))  # fmt: skip
    faults = given.faults()
    assert {(f.file, f.line, f.column) for f in faults} == {("export.csv", 4, "urine_date")}
    assert "after death" in faults[0].rule


def test_an_endpoint_that_cannot_be_is_told_of_the_map(given):
    from survival_bzd.cli.imports import _faults_of

    given.edit("map.toml", 'rule = "any_use"', 'rule = "some_use"')
    (fault,) = given.faults(check=_faults_of)
    assert (fault.file, fault.column) == ("map.toml", "endpoint.relapse.pattern")
    assert fault.line == MAP.splitlines().index('pattern = { rule = "any_use" }') + 1


def test_a_substance_that_is_in_no_class_is_told_of_both(given):
    given.edit("map.toml", '"alprazolam", ', "")
    faults = given.faults()
    assert {fault.value for fault in faults} == {"alprazolam"}
    assert all("map.toml" in fault.remedy and fault.file == "export.csv" for fault in faults)


# What is refused: a change of one file, and the fault to find.
def labels_in_header(given):
    given.edit("export.csv", ",".join(columns()[:2]), "Record ID,Event Name")


def labels_in_cells(given):
    small(given, row(consent_date="2020-01-01", sex="F"))


def labels_of_events(given):
    small(given, row(event="Baseline (Arm 1: All)", consent_date="2020-01-01"))


def labels_of_instruments(given):
    small(given, urine() | {"redcap_repeat_instrument": "Urine screen"})


def another_project(given):
    given.edit("export.csv", "record_id,", "study_no,")


def a_column_nobody_knows(given):
    given.edit("export.csv", "consent_date", "consent_dat")


def a_choice_outside_the_dictionary(given):
    small(given, row(consent_date="2020-01-01", drug="17"))


def an_instance_twice(given):
    small(given, row(consent_date="2020-01-01"), urine(), urine())


def an_instance_without_a_number(given):
    small(given, row(consent_date="2020-01-01"), urine(""))


def two_values_of_one_patient(given):
    small(given, row(age="30", consent_date="2020-01-01"), row(event="end_arm_1", age="31"))


def a_ragged_line(given):
    given.edit("export.csv", "001,baseline_arm_1,", "001,baseline_arm_1")


def an_unknown_field(given):
    given.edit("map.toml", 'date = "visit_date"', 'date = "visit_dat"')


def an_unknown_form(given):
    given.edit("map.toml", 'form = "visit"', 'form = "visits"')


def an_unknown_event(given):
    given.edit("map.toml", 'form = "visit"', 'form = "visit"\nevents = ["month_1_arm_1"]')


def an_unknown_code(given):
    given.edit("map.toml", 'missed = ["2"]', 'missed = ["8"]')


def a_code_that_is_not_mapped(given):
    given.edit("map.toml", ', missed = ["2"]', "")


def a_code_with_two_meanings(given):
    given.edit("map.toml", 'missed = ["2"]', 'missed = ["1"]')


def a_code_of_ours_that_is_none(given):
    given.edit("map.toml", 'missed = ["2"]', 'absent = ["2"]')


def a_column_that_is_none(given):
    given.edit("map.toml", 'recall_days = "visit_recall"', 'recall = "visit_recall"')


def a_column_that_is_missing(given):
    given.edit("map.toml", 'date = "visit_date"\n', "")


def a_section_that_is_none(given):
    given.edit("map.toml", "[[visits]]", "[[visit]]")


def a_section_of_one_bracket(given):
    given.edit("map.toml", "[[visits]]", "[visits]")


def dates_declared_twice(given):
    given.edit("map.toml", "synthetic = true", 'synthetic = true\ndates = "days"')


def no_source(given):
    given.edit("map.toml", '{ value = "ketamine infusion" }', "{ plus_days = 1 }")


def a_form_that_feeds_nothing(given):
    given.edit("map.toml", 'form = "visit"', 'form = "infusion"')


def an_event_that_repeats(given):
    given.edit("map.toml", 'assay = { value = "LC-MS/MS" }',
               'assay = { field = "visit_recall", event = "week_arm_1" }')  # fmt: skip


def a_repeat_of_another_form(given):
    given.edit("map.toml", 'recall_days = "visit_recall"', 'recall_days = "fill_days"')


def all_boxes_where_one_is_wanted(given):
    given.edit("map.toml", 'age = "age"', 'found = "urine_found"')


def a_name_that_is_taken(given):
    given.edit("map.toml", 'age = "age"', 'Site = "age"')


def days_added_to_a_number(given):
    given.edit("map.toml", 'age = "age"', 'age = { field = "age", plus_days = 2 }')


def boxes_of_a_patient(given):
    given.edit("map.toml", 'age = "age"', 'age = { ticked = "a" }')


def a_filter_by_a_choice_that_is_none(given):
    given.edit("map.toml", 'urine_taken = ["1"]', 'urine_taken = ["yes"]')


def a_dictionary_that_is_none(given):
    given.write("dictionary.csv", "a,b\n1,2\n")


def a_field_twice_in_the_dictionary(given):
    given.write("dictionary.csv", dictionary() + dictionary().splitlines()[2] + "\n")


def no_map(given):
    (given.folder / "map.toml").unlink()


def a_map_that_is_no_toml(given):
    given.edit("map.toml", "[study]", "[study")


@pytest.mark.parametrize(
    ("change", "file", "line", "said"),
    [
        (labels_in_header, "export.csv", 1, "has labels"),
        (labels_in_cells, "export.csv", 2, "has labels"),
        (labels_of_events, "export.csv", 2, "has labels"),
        (labels_of_instruments, "export.csv", 2, "must be a form"),
        (another_project, "export.csv", 1, "record_id"),
        (a_column_nobody_knows, "export.csv", 1, "field of the dictionary"),
        (a_choice_outside_the_dictionary, "export.csv", 2, "choice must be in the dictionary"),
        (an_instance_twice, "export.csv", 4, "one row for each event"),
        (an_instance_without_a_number, "export.csv", 3, "an instance must be a number"),
        (two_values_of_one_patient, "export.csv", 3, "several candidates"),
        (a_ragged_line, "export.csv", 2, "as many fields"),
        (an_unknown_field, "map.toml", "visit_dat\"", "must be in the dictionary"),
        (an_unknown_form, "map.toml", "form = \"visits\"", "the form must be one of"),
        (an_unknown_event, "map.toml", "month_1_arm_1", "the event must be one of"),
        (an_unknown_code, "map.toml", "status = {", "a choice of visit_status"),
        (a_code_that_is_not_mapped, "export.csv", None, "every code in use must be mapped"),
        (a_code_with_two_meanings, "map.toml", "status = {", "one meaning"),
        (a_code_of_ours_that_is_none, "map.toml", "status = {", "one of attended, missed"),
        (a_column_that_is_none, "map.toml", "recall = ", "not known here"),
        (a_column_that_is_missing, "map.toml", "[[visits]]", "required"),
        (a_section_that_is_none, "map.toml", "[[visit]]", "the sections of a map"),
        (a_section_of_one_bracket, "map.toml", "[visits]", "two brackets"),
        (dates_declared_twice, "map.toml", "dates = ", "dates of an export"),
        (no_source, "map.toml", "treatment = {", "one of field, value"),
        (a_form_that_feeds_nothing, "map.toml", "[[visits]]", "at least one field of its form"),
        (an_event_that_repeats, "map.toml", "assay = {", "several candidates"),
        (a_repeat_of_another_form, "map.toml", "recall_days = ", "the form fill repeats"),
        (all_boxes_where_one_is_wanted, "map.toml", "found = ", "each of its boxes"),
        (a_name_that_is_taken, "map.toml", "Site = ", "is taken"),
        (days_added_to_a_number, "map.toml", "age = ", "plus_days is for"),
        (boxes_of_a_patient, "map.toml", "age = ", "ticked is for"),
        (a_filter_by_a_choice_that_is_none, "map.toml", "where = ", "choice of urine_taken"),
        (a_dictionary_that_is_none, "dictionary.csv", 1, "data dictionary"),
        (a_field_twice_in_the_dictionary, "dictionary.csv", None, "once in the dictionary"),
        (no_map, "map.toml", None, "must exist"),
        (a_map_that_is_no_toml, "map.toml", 4, "must be TOML"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_file_line_and_remedy(given, change, file, line, said):
    change(given)
    faults = given.faults()
    fault = next((f for f in faults if said in f.rule), None)
    assert fault is not None, faults
    assert fault.file == file
    if isinstance(line, str):
        found = (given.folder / file).read_text(encoding="utf-8").splitlines()
        line = next(n for n, text in enumerate(found, 1) if line in text)
        if change is a_form_that_feeds_nothing:
            line += 1
    assert line is None or fault.line == line


def test_a_folder_in_use_is_not_overwritten(given):
    given.into.mkdir()
    (given.into / "mine.txt").write_text("x", encoding="utf-8")
    (fault,) = given.faults()
    assert "new or empty" in fault.rule


def test_a_map_to_fill_in_names_the_project_and_is_itself_a_map(given):
    text = scaffold_map(given.folder / "export.csv", given.folder / "dictionary.csv")
    assert "form visit, repeating in follow_up_arm_1" in text
    assert "urine_found (checkbox)" in text
    given.write("map.toml", text.replace("missing = []", 'missing = ["NASK", "-99"]'))
    (patients,) = given.run()
    assert patients.rows == 22
    assert all(f"[[{name}]]" in text for name in TABLES if name != "patients")


def test_a_project_without_events_or_repeats(given):
    names = [n for n in columns() if not n.startswith("redcap_")]
    small(given, {"record_id": "007", "consent_date": "2020-01-01", "urine_taken": "1",
                  "urine_date": "2020-02-01", "urine_found___1": "1", "urine_found___2": "0",
                  "urine_found___3": "0", "urine_found____4": "0"}, header=names)  # fmt: skip
    faults = given.faults()
    assert {fault.column for fault in faults} == {"patients.enrolled"}
    given.edit("map.toml", ', event = "baseline_arm_1"', "")
    given.run()
    assert [found["result"] for found in rows_of(given.into / "urine.csv")] == [
        "positive", "negative", "negative", "negative",
    ]  # fmt: skip
