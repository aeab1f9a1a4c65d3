"""Guards reach whoever looks at a study, and nobody who looks at ready-made rows."""

import json

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

COARSE = "known no nearer than to 87 days (at most 248)"


def run(*args):
    done = CliRunner().invoke(main, [str(one) for one in args])
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split()), " ".join(done.stderr.split())


@pytest.mark.parametrize("command", [("check",), ("derive",), ("derive", "--flow")])
def test_under_the_tables_of_a_derivation(command):
    table, said = run(*command[:1], "ketamine-taper", *command[1:])
    assert table.count(COARSE) == 1
    assert "2 never reached time zero." in table
    assert said == ""


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_beside_an_estimate(form):
    table, said = run("km", "ketamine-taper", "--format", form)
    assert said.count(COARSE) == 1
    if form == "json":
        keys = [one["key"] for one in json.loads(table)["guards"]]
        assert keys == ["denominator", "washout", "coarse_visits"]


def test_rows_that_came_ready_made_have_none():
    table, said = run("km", "pharmaco-smoking", "--format", "json")
    assert (json.loads(table)["guards"], said) == ([], "")


def test_quiet_keeps_them_in_the_document():
    done = CliRunner().invoke(main, ["-q", "km", "ketamine-taper", "--format", "json"])
    assert done.stderr == ""
    assert len(json.loads(done.stdout)["guards"]) == 3
