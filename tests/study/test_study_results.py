"""What a paper says of the patients of a study of records."""

from pathlib import Path

import numpy as np
import pytest

from survival_bzd.study import open_study, summary
from survival_bzd.study.opening import text_labels
from survival_bzd.study.results import results

DECLARATION = """
[study]
name = "small"
title = "Small"
synthetic = true
control_group = false
dates = "days"

[substances]
benzodiazepine = ["bzd"]

[tables.patients]
file = "patients.csv"
covariates = { arm = "text", age = "number", found = "date" }

[tables.urine]
file = "urine.csv"

[endpoint.relapse]
origin = { at = "first_negative", negatives = 1, after = "enrolment" }
pattern = { rule = "any_use" }
sources = ["urine"]
entry = { column = "found" }

[paper]
by = "arm"
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(DECLARATION, encoding="utf-8")
    (tmp_path / "patients.csv").write_text(
        "patient_id,enrolled,arm,age,found\n"
        "1,0,A,30,\n2,0,A,40,5\n3,0,A,50,\n4,0,B,60,\n5,0,B,70,\n6,0,,80,\n",
        encoding="utf-8",
    )
    rows = [(1, 2, "negative"), (1, 30, "positive"), (2, 1, "negative"), (2, 40, "negative"),
            (3, 9, "positive"), (4, 3, "negative"), (4, 20, "positive"),
            (5, 2, "negative"), (5, 60, "negative")]  # fmt: skip
    (tmp_path / "urine.csv").write_text(
        "patient_id,date,analyte,result\n"
        + "".join(f"{who},{day},bzd,{found}\n" for who, day, found in rows),
        encoding="utf-8",
    )
    return tmp_path


def test_groups_are_described_as_everybody_is_whether_at_risk_or_not(study: Path):
    found = results(open_study(study))
    counts = {(one.name, one.group): one.n + one.missing for one in found.characteristics}
    assert found.tte.n == 4
    assert counts == {
        ("arm", None): 6, ("age", None): 6, ("age", "A"): 3, ("age", "B"): 2,
    }  # fmt: skip


def test_a_date_is_no_characteristic(study: Path):
    assert "found" not in {one.name for one in results(open_study(study)).characteristics}


def test_different_numbers_are_different_groups():
    assert text_labels(np.array([2.0, 1000001.0, 1000002.0, 0.1234567])).tolist() == [
        "2", "1000001", "1000002", "0.1234567",
    ]  # fmt: skip


def test_rows_without_a_date_are_listed(study: Path):
    declared = (study / "study.toml").read_text(encoding="utf-8")
    (study / "study.toml").write_text(
        declared.replace('file = "urine.csv"', 'file = "urine.csv"\nundated = "leave_out"'),
        encoding="utf-8",
    )
    with (study / "urine.csv").open("a", encoding="utf-8") as urine:
        urine.write("4,,bzd,positive\n")
    listed = summary(open_study(study))["Rows without a date"]
    assert listed == [{"file": "urine.csv", "line": 11, "patient": "4"}]
