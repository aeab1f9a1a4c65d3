"""The command trace, as a user meets it."""

import json
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main


def run(*args):
    return CliRunner().invoke(main, [str(one) for one in args])


def test_the_story_is_plain_sentences():
    done = run("trace", "ketamine-taper", "016")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert done.output.startswith("Patient 016 of ketamine-taper (synthetic data): ")
    assert "Day 0 is 2011-09-16, time zero." in text
    assert "the last of 2 negatives in a row: the clock starts" in text
    assert "conflict, overruled by urine.csv, line 634: any use wins." in text
    assert "If visits, listed first, won every conflict: censored on day 280 instead of" in text
    assert max(map(len, done.output.splitlines())) <= 100


def test_the_other_forms_hold_the_same():
    done = json.loads(run("trace", "ketamine-taper", "015", "--format", "json").stdout)
    story = done["story"]
    assert (done["synthetic"], story["patient"], story["zero_date"]) == (True, "015", "2011-08-19")
    assert story["ending"]["time"] == 305
    washed = [one for one in story["entries"] if one["role"] == "washed out"]
    assert [(one["date"], one["lines"]) for one in washed] == [("2011-08-31", [574])]
    (other,) = [one for one in story["variants"] if one["key"] == "washout_0"]
    assert (other["changed"], other["ending"]["outcome"]) == (True, "relapse")
    rows = run("trace", "ketamine-taper", "015", "--format", "csv").stdout.splitlines()
    assert rows[0].startswith("date,day,from_day,to_day,source,verdict,said,did,role,file,lines")
    assert len(rows) == len(story["entries"]) + 1
    assert "**What would have changed it" in run(
        "trace", "ketamine-taper", "015", "--format", "markdown"
    ).output.replace("\\", "")


@pytest.mark.parametrize("patient", ["005", "012"])
def test_the_story_as_a_figure(tmp_path, patient):
    file = tmp_path / "new" / f"{patient}.svg"
    done = run("trace", "ketamine-taper", patient, "--figure", file, "--output", tmp_path / "t.txt")
    assert done.exit_code == 0, done.output
    first = file.read_bytes()
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    run("-q", "trace", "ketamine-taper", patient, "--figure", file, "--output", tmp_path / "t.txt")
    assert file.read_bytes() == first


def test_what_cannot_be_told_is_refused(tmp_path):
    done = run("trace", "ketamine-taper", "1")
    assert (done.exit_code, "a story is of a patient in the study" in done.output) == (3, True)
    assert run("trace", "pharmaco-smoking", "1").exit_code == 3
    file = tmp_path / "a.gif"
    assert run("trace", "ketamine-taper", "016", "--figure", file).exit_code == 2
    assert not file.exists()
