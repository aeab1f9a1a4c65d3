"""A study with faults in every part of it gets one report that names them all."""

from pathlib import Path

import pytest

from survival_bzd.errors import BadInput, Fault
from survival_bzd.study import open_study, run

DECLARATION = """[study]
name = "twenty faults"
title = "A study in need of care"
synthetic = "yes"
control_group = false

[substances]
benzodiazepine = ["diazepam"]
z_drug = ["zopiclone", "diazepam"]

[tables.patients]
file = "patients.csv"
covariates = { age = "number", sex = "txt" }

[tables.visits]
file = "visits.csv"
codes = { status = { attended = ["1"], missed = ["1"] } }

[tables.urine]
file = "urine.csv"

[tables.use_windows]
file = "use_windows.csv"

[tables.fills]
file = "fills.csv"

[tables.scales]
file = "no_scales.csv"

[tables.outcomes]
file = "outcomes.csv"

[tables.infusions]
file = "infusions.csv"

[endpoint.relapse]
origin = { at = "confirmed_abstinence", negatives = 0, after = "use" }
sources = ["visits", "urine", "use_days"]
dated = "detection"

[paper]
endpoint = "relapse"
by = "arm"
"""
TABLES = {
    "patients": "patient_id,enrolled,age\n001,2020-01-01,sixty\n001,2020-01-02,61\n"
    "002,01/02/2020,62\n",
    "visits": "patient_id,date,status,use\n001,2020-01-09,missed,yes\n",
    "urine": "patient_id,date,analyte,result\n003,2020-01-09,diazepam,negative\n"
    "001,2020-01-10,kratom,negative\n001,2020-01-11,diazepam,pos\n001,2020-05-01,diazepam\n",
    "use_windows": "patient_id,from,to\n001,2020-02-01,2020-01-01\n",
    "fills": "patient_id,date,substance,days_supply\n001,2020-01-09,zopiclone,-28\n",
    "outcomes": "patient_id,date,outcome\n002,,death\n",
}
EXPECTED = {
    # (file, line, what it is said of, value): a part of the rule
    ("study.toml", 2, "study.name", "twenty faults"): "letters, digits",
    ("study.toml", 4, "study.synthetic", "yes"): "true or false",
    ("study.toml", 9, "substances.z_drug", "diazepam"): "one class",
    ("study.toml", 13, "tables.patients.covariates.sex", "txt"): '"number", "text" or "date"',
    ("study.toml", 17, "tables.visits.codes.status.missed", "1"): "one meaning",
    ("study.toml", 34, "tables", "infusions"): "a table is one of",
    ("patients.csv", 2, "age", "sixty"): "a number",
    ("patients.csv", 3, "patient_id", "001, also in line 2"): "one row of patients",
    ("patients.csv", 4, "enrolled", "01/02/2020"): "2021-12-31",
    ("visits.csv", 2, "use", "use yes, status missed"): "cannot report on use",
    ("urine.csv", 2, "patient_id", "003"): "the table patients",
    ("urine.csv", 3, "analyte", "kratom"): "must be declared",
    ("urine.csv", 4, "result", "pos"): "negative, positive, invalid",
    ("urine.csv", 5, None, "3 fields"): "as many fields as the header",
    ("use_windows.csv", 2, "from", "from 2020-02-01, to 2020-01-01"): "end before it begins",
    ("fills.csv", 2, "days_supply", "-28"): "more than 0",
    ("no_scales.csv", None, None, None): "must exist",
    ("outcomes.csv", 2, "date", ""): "must not be empty",
    ("study.toml", 38, "endpoint.relapse.origin.negatives", "0"): "1 or more",
    ("study.toml", 39, "endpoint.relapse.sources", "use_days"): "a table of the study",
    ("study.toml", 40, "endpoint.relapse.dated", "detection"): '"midpoint"',
    ("study.toml", 44, "paper.by", "arm"): "a covariate",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    study = tmp_path / "study"
    study.mkdir()
    (study / "study.toml").write_text(DECLARATION, encoding="utf-8")
    for name, text in TABLES.items():
        (study / f"{name}.csv").write_text(text, encoding="utf-8")
    return study


def test_twenty_faults_come_in_one_report(folder):
    with pytest.raises(BadInput) as refused:
        open_study(folder)
    found = {
        (fault.file, fault.line, fault.column, fault.value): fault.rule
        for fault in refused.value.faults
    }
    assert len(EXPECTED) >= 20
    assert found.keys() == EXPECTED.keys()
    assert len(refused.value.faults) == len(EXPECTED)
    for place, part in EXPECTED.items():
        assert part in found[place], place
    assert refused.value.exit_code == 3


def test_the_report_can_be_read(folder):
    with pytest.raises(BadInput) as refused:
        open_study(folder)
    report = str(refused.value)
    assert report.startswith(f"{len(EXPECTED)} problems in the input.")
    for fault in refused.value.faults:
        assert fault.rule in report
        assert fault.remedy in report
        assert fault.value is None or repr(fault.value) in report
    assert (
        "\nfills.csv: column `days_supply`: it must be more than 0\n"
        "  Found at line 2, patient 001: '-28'.\n"
        "  Correct it, or leave it empty."
    ) in report


def test_nothing_is_written_of_a_study_with_faults(folder):
    before = sorted(path.name for path in folder.parent.rglob("*"))
    with pytest.raises(BadInput):
        run(folder, folder.parent / "paper")
    assert sorted(path.name for path in folder.parent.rglob("*")) == before


def test_each_fault_alone_is_one_fault():
    fault = Fault(rule="it must be so", remedy="Make it so.", file="t.parquet", line=3, value="x")
    assert str(BadInput([fault])) == (
        "1 problem in the input.\n\nt.parquet: it must be so\n  Found at row 3: 'x'.\n  Make it so."
    )
