"""The dictionary in a study: names get their class, what it cannot class is listed."""

import shutil

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main
from survival_bzd.errors import BadInput
from survival_bzd.records import evidence, examine, read_study
from survival_bzd.records.supplied import locate
from survival_bzd.study import open_study, time_to_event

STUDY = """
[study]
name = "clinic"
title = "A clinic's own words"
synthetic = true
control_group = false

[substances]
dictionary = true
{declared}

[tables.patients]
file = "patients.csv"
[tables.urine]
file = "urine.csv"
[tables.fills]
file = "fills.csv"

[endpoint.relapse]
origin = {{ at = "first_negative", negatives = 1, after = "enrolment" }}
sources = ["urine"]
{endpoint}
"""
PATIENTS = "patient_id,enrolled\na,2020-01-01\nb,2020-01-01\n"
URINE = (
    "patient_id,date,analyte,result\na,2020-01-02,Benzodiazépines,negative\n"
    "a,2020-02-02,zolpidm,positive\na,2020-03-02,LORAZEPAM 1mg,positive\n"
    "b,2020-01-02,BZD screen,negative\nb,2020-02-02,Ativan,negative\n"
)
FILLS = "patient_id,date,substance\nb,2020-01-02,Rivotril 2 mg cp\n"


@pytest.fixture
def clinic(tmp_path):
    def write(declared="", endpoint="", urine=URINE, fills=FILLS):
        for name, text in {"patients": PATIENTS, "urine": urine, "fills": fills}.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        text = STUDY.format(declared=declared, endpoint=endpoint)
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def named(records):
    return {one.name: (one.class_, one.inn, one.how, one.rows) for one in records.substances}


def test_names_are_classed_by_the_dictionary(clinic):
    records = read_study(clinic())
    assert named(records) == {
        "Ativan": ("benzodiazepine", "lorazepam", "name", 1),
        "BZD screen": ("benzodiazepine", "", "class word", 1),
        "Benzodiazépines": ("benzodiazepine", "", "class word", 1),
        "LORAZEPAM 1mg": ("benzodiazepine", "lorazepam", "name", 1),
        "Rivotril 2 mg cp": ("benzodiazepine", "clonazepam", "name", 1),
        "zolpidm": ("z_drug", "zolpidem", "misspelling of zolpidem", 1),
    }
    frame = evidence(records).to_frame()
    assert dict(zip(frame["subject"], frame["substance"], strict=True))["zolpidm"] == "z_drug"
    drugs = records.engine.rows("SELECT name, class, inn FROM substance ORDER BY name")
    assert ("BZD screen", "benzodiazepine", None) in drugs
    assert ("Ativan", "benzodiazepine", "lorazepam") in drugs


def test_a_z_drug_counts_only_where_the_endpoint_says_so(clinic):
    without = time_to_event(open_study(clinic())).to_frame().set_index("patient_id")
    assert without.loc["a", "time"] == 60
    both = 'substances = ["benzodiazepine", "z_drug"]'
    counted = time_to_event(open_study(clinic(endpoint=both))).to_frame().set_index("patient_id")
    assert counted.loc["a", "time"] == 31


def test_a_declared_name_wins(clinic):
    declared = 'not_counted = ["LORAZEPAM 1mg"]\nz_drug = ["Ativan"]'
    found = named(read_study(clinic(declared=declared)))
    assert found["LORAZEPAM 1mg"] == ("not_counted", "lorazepam", "declared", 1)
    assert found["Ativan"] == ("z_drug", "lorazepam", "declared", 1)
    assert found["zolpidm"][0] == "z_drug"


def test_every_name_that_is_not_matched_is_an_error_with_its_lines_and_why(clinic):
    urine = URINE + "".join(f"b,2020-03-0{day},Zantac,positive\n" for day in range(1, 6))
    fills = FILLS + "a,2020-01-03,sleeping pill\na,2020-01-04,Clonidine\na,2020-01-05,clorazepam\n"
    _, faults = examine(clinic(urine=urine, fills=fills))
    assert [(fault.file, fault.line, fault.value) for fault in faults] == [
        ("urine.csv", 7, "Zantac in lines 7, 8, 9 and 2 more"),
        ("fills.csv", 3, "sleeping pill in line 3"),
        ("fills.csv", 4, "Clonidine in line 4"),
        ("fills.csv", 5, "clorazepam in line 5"),
    ]
    assert "ranitidine: neither a benzodiazepine nor a Z-drug" in faults[0].rule
    assert "class not known" in faults[1].rule
    assert "ambiguous: clonazepam" in faults[3].rule
    assert all("not_counted" in fault.remedy for fault in faults)
    declared = (
        'not_counted = ["Zantac", "sleeping pill", "Clonidine"]\nbenzodiazepine = ["clorazepam"]'
    )
    assert examine(clinic(declared=declared, urine=urine, fills=fills))[1] == []


def test_without_the_key_every_name_must_be_declared_as_before(clinic):
    folder = clinic(declared='benzodiazepine = ["Ativan"]')
    text = (folder / "study.toml").read_text().replace("dictionary = true", "")
    (folder / "study.toml").write_text(text)
    with pytest.raises(BadInput, match="capitals matter") as refused:
        read_study(folder)
    assert len(refused.value.faults) == 5


@pytest.mark.parametrize("written", ['"yes"', "1", '["Ativan"]'])
def test_the_key_is_true_or_false(clinic, written):
    folder = clinic()
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text.replace("dictionary = true", f"dictionary = {written}"))
    _, faults = examine(folder)
    assert ("substances.dictionary", "it must be true or false") in [
        (fault.column, fault.rule) for fault in faults
    ]


def test_check_lists_what_each_name_was_taken_for(clinic):
    shown = CliRunner().invoke(main, ["check", str(clinic())])
    assert shown.exit_code == 0, shown.output
    assert "Rivotril 2 mg cp  clonazepam" in shown.stdout
    assert "misspelling of zolpidem" in shown.stdout


def test_the_supplied_cohort_gives_the_same_result_with_the_dictionary(tmp_path):
    shutil.copytree(locate("ketamine-taper"), tmp_path / "study")
    path = tmp_path / "study" / "study.toml"
    text = path.read_text()
    start, end = text.index("[substances]"), text.index("[tables.patients]")
    mine = '[substances]\ndictionary = true\nnot_counted = ["cannabis"]\n\n'
    path.write_text(text[:start] + mine + text[end:])
    own = time_to_event(open_study(locate("ketamine-taper"))).to_frame()
    assert time_to_event(open_study(tmp_path / "study")).to_frame().equals(own)
