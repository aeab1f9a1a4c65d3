"""The command sensitivity: formats, the figure, faults of the grid."""

import json
import shutil

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main
from survival_bzd.records.supplied import locate

GRID = """
[sensitivity]
at_days = [182, 365]
dated = ["detected", "midpoint"]
sources = [["urine"], ["visits", "urine", "use_days"]]
conclusion = { at_days = 365, above = 0.5 }
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "study"
    shutil.copytree(locate("ketamine-taper"), folder)
    path = folder / "study.toml"
    text = path.read_text(encoding="utf-8").partition("[sensitivity]")[0]
    path.write_text(text + GRID, encoding="utf-8")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["sensitivity", *map(str, arguments)])


def test_the_same_variants_in_every_format_and_with_any_number_of_jobs(study):
    whole = json.loads(run(study, "--format", "json", "--jobs", "1").stdout)
    assert len(whole["variants"]) == 4
    assert [one["declared"] for one in whole["variants"]].count(True) == 1
    assert whole["lost"]["tipping_point"]["above"] == 0.5
    assert whole["synthetic"] is True
    again = json.loads(run(study, "--format", "json", "--jobs", "2").stdout)
    assert again == whole
    rows = run(study, "--format", "csv").stdout.splitlines()
    assert len(rows) == 5
    assert rows[0].startswith("declared,sources,dated,enrolled,patients,relapses,median,")
    table = run(study).stdout
    assert "what became of the lost (synthetic data)" in table
    assert "the estimate turns where" in table or "stays above" in table


def test_times_are_taken_from_the_command_line_first(study):
    found = json.loads(run(study, "--at", "100", "--format", "json", "--formula", "age").stdout)
    assert found["at_days"] == [100]
    assert found["term"] == "age"


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_specification_curve_is_drawn_the_same_each_time(study, tmp_path, form):
    for name in ("one", "two"):
        assert run(study, "--figure", tmp_path / f"{name}.{form}").exit_code == 0
    one, two = (tmp_path / f"{name}.{form}" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_no_other_form_of_figure(study, tmp_path):
    assert run(study, "--figure", tmp_path / "curve.gif").exit_code == 2


def test_faults_of_the_grid_are_named_with_their_line(study, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(study, folder)
    path = folder / "study.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('dated = ["detected", "midpoint"]', 'dated = ["sometime"]\nwhen = 3'),
        encoding="utf-8",
    )
    result = run(folder)
    assert result.exit_code == 3
    assert "sensitivity" in result.stderr
    assert "when" in result.stderr
    checked = CliRunner().invoke(main, ["check", str(folder)])
    assert "sometime" in checked.output or "sensitivity" in checked.output


def test_a_model_of_an_unknown_covariate_is_a_fault(study):
    assert run(study, "--formula", "height").exit_code == 3


def test_rows_have_no_rules_to_vary():
    result = run("pharmaco-smoking")
    assert result.exit_code == 3
    assert "no records to derive from" in result.stderr
