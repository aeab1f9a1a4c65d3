"""`compare --exact` as its users meet it."""

import json
import math

import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from survival_bzd.cli import main

APART = "t,e,g,s,w\n1,1,a,x,1\n2,1,a,x,2\n3,1,a,y,1\n4,1,b,x,1\n5,1,b,y,1\n6,0,b,y,1.5\n"
ROWS = ["compare", "-", "--time", "t", "--event", "e", "--by", "g"]


def run(*arguments, stdin=APART, status=0):
    result = CliRunner().invoke(main, [*ROWS, *arguments], input=stdin)
    assert result.exit_code == status, result.output
    return result


def document(*arguments, stdin=APART):
    return json.loads(run(*arguments, "--format", "json", stdin=stdin).stdout)


def test_the_keys_of_the_contract_hold_the_exact_p():
    plain, exact = document(), document("--exact")
    assert list(exact)[:3] == ["statistic", "df", "p_value"]
    for key in ("statistic", "df", "groups"):
        assert exact[key] == plain[key]
    assert exact["p_value"] == 0.1
    assert exact["exact"] == {
        "method": "enumeration", "assignments": 20, "drawn": 20, "at_least": 2, "std_error": 0,
        "seed": None, "asymptotic_p_value": plain["p_value"],
    }  # fmt: skip
    assert (plain["conventions"]["p_value"], exact["conventions"]["p_value"]) == (
        "chi-square", "exact",
    )  # fmt: skip
    assert "exact" not in plain


def test_strata_keep_their_sizes():
    assert document("--exact", "--strata", "s")["exact"]["assignments"] == math.comb(3, 1) ** 2


def test_more_patients_are_drawn_at_random_and_the_error_is_said():
    rows = "".join(f"{day},{day % 3 > 0:d},{'ab'[day % 2]},x,1\n" for day in range(1, 31))
    found = document("--exact", stdin=f"t,e,g,s,w\n{rows}")
    exact = found["exact"]
    assert (exact["method"], exact["assignments"]) == ("permutation", math.comb(30, 15))
    assert found["p_value"] == (exact["at_least"] + 1) / (exact["drawn"] + 1)
    assert_allclose(found["p_value"], exact["asymptotic_p_value"], atol=0.03)
    assert "Monte Carlo error" in run("--exact", stdin=f"t,e,g,s,w\n{rows}").stdout


def test_undefined_numbers_are_null_and_explained():
    found = document("--exact", stdin="t,e,g\n1,0,a\n2,0,b\n3,0,b\n")
    assert found["p_value"] is None
    assert found["reasons"]["p_value"].startswith("not estimable")
    assert found["exact"]["drawn"] == 0
    assert found["exact"]["reasons"]["asymptotic_p_value"].startswith("not estimable")


@pytest.mark.parametrize("form", ["table", "markdown", "latex"])
def test_tables_name_both_p(form):
    said = " ".join(run("--exact", "--format", form).stdout.split())
    assert "p = 0.025" in said.replace("$", "")
    assert "from all 20 assignments" in said


def test_csv_has_both_p():
    header, first, _ = run("--exact", "--format", "csv").stdout.split("\n", 2)
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert row["p_value"] == "0.1"
    assert row["asymptotic_p_value"].startswith("0.024")


def test_weights_that_are_not_whole_are_bad_input():
    assert "whole numbers" in run("--exact", "--weight", "w", status=3).stderr


def test_the_test_is_named():
    assert "Log-rank test:" in run().stdout
    assert "Fleming-Harrington test, rho 1:" in run("--rho", "1").stdout


def test_help_says_how_many_assignments_there_may_be():
    from survival_bzd.estimate.exact_log_rank import DRAWS, LIMIT

    said = " ".join(CliRunner().invoke(main, ["compare", "--help"]).stdout.split())
    assert f"all up to {LIMIT:,} of them, else {DRAWS:,} random ones" in said
