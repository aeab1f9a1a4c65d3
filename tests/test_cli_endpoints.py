"""The command endpoints."""

import json

from click.testing import CliRunner

from survival_bzd.cli import main


def run(*words, status=0):
    done = CliRunner().invoke(main, ["endpoints", *words])
    assert done.exit_code == status, done.output
    return done.output


def test_the_definitions_are_listed():
    assert "claims_gap_31" in run()
    names = [one["name"] for one in json.loads(run("--format", "json"))["definitions"]]
    assert {"claims_gap_10", "xbot_weeks", "russell_standard"} <= set(names)


def test_a_definition_is_explained_with_toml_to_paste():
    told = run("claims_gap_31")
    assert "31 consecutive days" in told
    assert "https://doi.org/10.1001/jamanetworkopen.2023.48557" in told
    assert 'definition = "claims_gap_31"' in told
    assert 'pattern = { rule = "refill", grace_days = 30 }' in told
    assert "What differs here:" in told


def test_an_unknown_name_is_wrong_usage():
    assert "claims_gap_31" in run("claims_gap_32", status=2)
