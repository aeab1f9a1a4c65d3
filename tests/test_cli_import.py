"""`import` as its users meet it: a map to fill in, a study that passes the check, refusals."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from survival_bzd.cli import main

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
REDCAP = [
    "import", "redcap", str(EXAMPLES / "redcap" / "export.csv"),
    "--dictionary", str(EXAMPLES / "redcap" / "dictionary.csv"),
]  # fmt: skip
MAP = ["--map", str(EXAMPLES / "redcap" / "map.toml")]
CALENDAR = ["import", "tlfb", str(EXAMPLES / "calendar" / "calendar.csv")]


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


def test_a_redcap_export_becomes_a_study_that_passes_the_check(tmp_path):
    folder = str(tmp_path / "study")
    assert f"survival-bzd check {folder}" in run(*REDCAP, *MAP, "--into", folder).stderr
    run("check", folder)
    found = json.loads(run("derive", folder, "--format", "json").stdout)
    expected = json.loads(run("derive", "ketamine-taper", "--format", "json").stdout)
    assert found["patients"] == expected["patients"]
    again = run(*REDCAP, *MAP, "--into", folder, status=3)
    assert "new or empty" in again.stderr


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables = json.loads(run(*REDCAP, *MAP, "--format", "json").stdout)["tables"]
    assert [row["rows"] for row in tables if row["table"] == "urine"] == [820]
    assert list(tmp_path.iterdir()) == []


def test_a_map_is_written_once(tmp_path):
    path = tmp_path / "map.toml"
    run(*REDCAP, "--scaffold", str(path))
    assert path.read_text(encoding="utf-8") == run(*REDCAP, "--scaffold", "-").stdout
    assert "exists" in run(*REDCAP, "--scaffold", str(path), status=2).stderr
    assert "[calendar]" in run(*CALENDAR, "--scaffold", "-").stdout


@pytest.mark.parametrize("command", [REDCAP, CALENDAR])
def test_a_map_is_given_or_asked_for(command):
    run(*command, status=2)
    run(*command, "--map", "a", "--scaffold", "b", status=2)


def test_a_calendar_goes_into_one_study(tmp_path):
    mapping = ["--map", str(EXAMPLES / "calendar" / "map.toml")]
    folder = str(tmp_path / "study")
    run(*CALENDAR, *mapping, "--into", folder)
    run("check", folder)
    run(*CALENDAR, *mapping, "--into", "other", "--add-to", folder, status=2)


def test_what_is_wrong_is_told_at_once_and_nothing_is_written(tmp_path):
    export = tmp_path / "export.csv"
    text = (EXAMPLES / "redcap" / "export.csv").read_text(encoding="utf-8")
    export.write_text(text.replace("2010-05-13", "13/05/2010"), encoding="utf-8")
    said = run(*REDCAP[:2], str(export), *REDCAP[3:], *MAP, "--into", str(tmp_path / "s"), status=3)
    assert "nothing was written" in said.stderr
    assert "column `consent_date`" in said.stderr
    assert "column `urine_date`" in said.stderr
    assert not (tmp_path / "s").exists()
