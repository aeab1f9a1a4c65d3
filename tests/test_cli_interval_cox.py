"""`cox` on intervals: the contract of its JSON, options that do not apply, faults."""

import json

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

ROWS = (
    "id,arm,dose,l,u,w\n1,a,10,0,3,1\n2,a,20,3,6,2\n3,a,5,6,,1\n4,b,12,6,12,1\n5,b,30,,3,2\n"
    "6,b,8,12,Inf,1\n7,a,14,6,6,1\n8,b,9,3,12,1\n9,a,,3,12,1\n"
)
BOUNDS = ("--lower", "l", "--upper", "u")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    return str(path)


def run(*arguments):
    return CliRunner().invoke(main, ["cox", *arguments])


def test_the_contract(rows):
    result = run(rows, *BOUNDS, "--formula", "dose + arm", "--weight", "w", "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["n"], found["events"], found["left_out"]) == (8, 6, 1)
    assert [one["term"] for one in found["terms"]] == ["dose", "arm[T.b]"]
    for term in found["terms"]:
        assert term["lower"] < term["hazard_ratio"] < term["upper"]
        assert term["robust_std_error"] is None
        assert "robust_std_error" in term["reasons"]
    assert found["loglik"]["null"] < found["loglik"]["fitted"]
    assert set(found["tests"]) == {"likelihood_ratio", "wald", "score"}
    assert found["concordance"] is None
    assert found["proportional_hazards"] is None
    assert set(found["reasons"]) == {"concordance", "proportional_hazards"}
    counts = {key: found["intervals"][key] for key in ("exact", "between", "before", "censored")}
    assert counts == {"exact": 1, "between": 4, "before": 1, "censored": 2}
    assert found["intervals"]["kuhn_tucker"] < 1e-9
    assert found["conventions"]["variance"] == "information"
    assert "3 events per coefficient" in result.stderr
    assert "Left out 1 row" in result.stderr


def test_a_table_of_a_study():
    result = run("ketamine-taper", "--intervals", "--formula", "age", "--limits", "profile")
    assert result.exit_code == 0, result.output
    assert "interval-censored times: age (synthetic data)" in result.stdout
    assert "6 events: 1 exact, 5 between two visits, 0 before the first" in result.stdout
    assert "limits: profile likelihood." in result.stdout


def test_strata_clusters_and_scores(rows):
    robust = run(rows, *BOUNDS, "--formula", "dose", "--cluster", "id", "--format", "json")
    assert json.loads(robust.stdout)["conventions"]["robust"] is True
    strata = run(rows, *BOUNDS, "--formula", "dose", "--strata", "arm", "--format", "json")
    assert strata.exit_code == 0, strata.output
    scores = run(rows, *BOUNDS, "--formula", "dose", "--variance", "scores")
    assert "the squares of the patients' scores" in " ".join(scores.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*BOUNDS, "--ties", "breslow"), "--ties is for exact times"),
        ((*BOUNDS, "--id", "id", "--penalty", "firth"), "--id, --penalty are for exact times"),
        (("--time", "u", "--event", "w", "--variance", "scores"), "--variance is for --intervals"),
        (("--intervals",), "--intervals is for a study"),
        (("--lower", "l"), "needs --time and --event, or --lower and --upper"),
        ((*BOUNDS, "--entry", "w"), "--entry and --event-is are for --time and --event"),
    ],
)
def test_options_that_do_not_apply(rows, arguments, said):
    result = run(rows, *arguments, "--formula", "dose")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_faults_name_the_line(rows):
    result = run(rows, "--lower", "u", "--upper", "l", "--formula", "dose")
    assert result.exit_code == 3
    assert "line 2" in result.stderr
