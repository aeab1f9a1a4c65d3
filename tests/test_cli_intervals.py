"""`npmle` on files and studies: the contract of its JSON, and what it says of faults."""

import json

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

ROWS = (
    "id,arm,l,u,w\n1,a,0,3,1\n2,a,3,6,2\n3,a,6,,1\n4,b,6,12,1\n5,b,,3,2\n6,b,12,Inf,1\n7,a,6,6,1\n"
)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    return str(path)


def run(*arguments):
    return CliRunner().invoke(main, ["npmle", *arguments])


def document(*arguments):
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_contract(rows):
    found = document(rows, "--lower", "l", "--upper", "u", "--at", "3,8", "--resamples", "50")
    (curve,) = found["curves"]
    assert curve["group"] is None
    assert [set(one) - {"reasons"} for one in curve["support"]] == [{"lower", "upper", "mass"}] * 4
    assert curve["support"][-1]["upper"] is None
    assert sum(one["mass"] for one in curve["support"]) == pytest.approx(1)
    for point in curve["at"]:
        assert {"time", "survival", "lower", "upper", "resolved"} <= set(point)
    assert [point["resolved"] for point in curve["at"]] == [True, False]
    assert "resolved" in curve["at"][1]["reasons"]
    assert curve["kuhn_tucker"] <= 1e-9
    assert found["left_out"] == 0
    assert "test" not in found


def test_groups_are_tested(rows):
    found = document(rows, "--lower", "l", "--upper", "u", "--by", "arm", "--exact")
    assert [curve["group"] for curve in found["curves"]] == ["a", "b"]
    assert found["test"]["df"] == 1
    assert found["test"]["assignments"] == 35
    assert 0 < found["test"]["p_value"] <= 1


def test_without_resamples_limits_say_so(rows):
    found = document(rows, "--lower", "l", "--upper", "u", "--at", "3", "--resamples", "0")
    (point,) = found["curves"][0]["at"]
    assert point["lower"] is None
    assert point["reasons"]["lower"] == "no limits were asked for"


def test_weights_that_are_not_whole_leave_the_test_open(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("g,l,u,w\na,1,2,.5\nb,2,3,1\nb,2,3,\n", encoding="utf-8")
    found = document(
        str(path), "--lower", "l", "--upper", "u", "--weight", "w", "--by", "g", "--resamples", "0"
    )
    assert found["left_out"] == 1
    assert "whole" in found["test"]["reasons"]["p_value"]


@pytest.mark.parametrize("form", ["table", "csv", "latex", "markdown"])
@pytest.mark.parametrize("at", [[], ["--at", "3,8,99"]])
def test_every_format(rows, form, at):
    result = run(
        rows, "--lower", "l", "--upper", "u", "--by", "arm", "--resamples", "20",
        "--format", form, *at,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout


def test_a_study_folder():
    found = document("ketamine-taper", "--resamples", "20")
    assert found["synthetic"] is True
    assert len(found["curves"][0]["at"]) == 4


def test_every_fault_comes_at_once(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("l,u\n5,2\n-1,3\n,\nx,3\n1,-2\n1,1e16\n1,2\n", encoding="utf-8")
    result = run(str(path), "--lower", "l", "--upper", "u")
    assert result.exit_code == 3
    for words in (
        "must not be above the upper",
        "line 2: '5, 2'",
        "line 3: '-1'",
        "a row must have a lower or an upper bound",
        "finite number",
        "line 6: '-2'",
        "below 1e15",
    ):
        assert words in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lower", "l"], "needs --lower and --upper"),
        (["--lower", "l", "--upper", "u", "--exact"], "give --by"),
        (["--lower", "l", "--upper", "u", "--resamples", "1"], "at least 2"),
    ],
)
def test_wrong_usage(rows, arguments, words):
    result = run(rows, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_without_times_the_limits_of_the_median_are_explained(rows):
    told = run(rows, "--lower", "l", "--upper", "u", "--resamples", "20").stdout
    assert "Limits of the median (95%): percentiles of 20 curves of resampled patients" in told
