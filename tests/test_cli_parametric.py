"""`parametric` as its users meet it."""

import json

import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from survival_bzd.cli import main

ROWS = "t,e,g\n10,1,a\n20,1,a\n30,0,a\n5,1,b\n9,1,b\n14,0,b\n"


def run(*arguments, stdin=ROWS, status=0):
    command = ["parametric", "-", "--time", "t", "--event", "e", *arguments]
    result = CliRunner().invoke(main, command, input=stdin)
    assert result.exit_code == status, result.output
    return result


def document(*arguments, **how):
    return json.loads(run(*arguments, "--format", "json", **how).stdout)


def test_the_keys_of_the_document():
    found = document("--by", "g", "--models", "exponential,weibull", "--at", "0,10,50")
    assert list(found) == ["fits", "best", "conventions", "left_out"]
    first = found["fits"][0]
    assert (first["group"], first["model"], first["n"], first["events"]) == (
        "a",
        "exponential",
        3,
        2,
    )
    assert first["times"] == {"exact": 2, "interval": 0, "left": 0, "right": 1}
    assert_allclose(first["parameters"][0]["estimate"], 2 / 60)
    assert first["at"][0]["survival"] == 1
    assert first["at"][0]["lower"] is None
    assert first["at"][0]["reasons"]["lower"].startswith("survival is 1")
    assert [at["extrapolated"] for at in first["at"]] == [False, False, True]
    assert {one["group"] for one in found["best"]} == {"a", "b"}
    assert min(fit["delta_aic"] for fit in found["fits"] if fit["group"] == "a") == 0


def test_a_model_without_a_maximum_is_null_and_explained():
    found = document("--models", "exponential,weibull", stdin="t,e\n7,1\n7,1\n")
    exponential, weibull = found["fits"]
    assert_allclose(exponential["parameters"][0]["estimate"], 1 / 7)
    assert weibull["aic"] is None
    assert weibull["parameters"] == []
    assert "all events are at one time" in weibull["reasons"]["aic"]
    assert weibull["median"]["reasons"]["estimate"] == weibull["reasons"]["aic"]
    assert found["best"] == [{"group": None, "model": "exponential"}]


def test_tables():
    printed = run("--models", "exponential,cure", "--at", "10,99").stdout
    assert "Parametric models by AIC" in printed
    assert "99*" in printed
    header = run("--models", "exponential", "--format", "csv").stdout.splitlines()[0]
    assert header.startswith("group,model,n,events,n_parameters,log_likelihood,aic")


def test_faults_name_the_line_and_the_remedy():
    result = run(stdin="t,e\n0,1\n5,1\n", status=3)
    assert "--zero 1" in result.stderr
    assert "line 2" in result.stderr
    assert "nobody had the event" in run(stdin="t,e\n4,0\n5,0\n").stdout


@pytest.mark.parametrize(
    "wrong", [["--models", "gamma"], ["--breaks", "5,5", "--models", "piecewise"]]
)
def test_wrong_arguments(wrong):
    assert "problem in the input" in run(*wrong, status=3).stderr


def test_bounds_of_intervals():
    rows = "l,u\n0,30\n,30\n30,\n30,\n30,\n12,12\n"
    command = ["parametric", "-", "--lower", "l", "--upper", "u", "--models", "exponential"]
    result = CliRunner().invoke(main, [*command, "--format", "json"], input=rows)
    (fit,) = json.loads(result.stdout)["fits"]
    assert fit["times"] == {"exact": 1, "interval": 0, "left": 2, "right": 3}
    refused = CliRunner().invoke(main, [*command, "--entry", "l"], input=rows)
    assert refused.exit_code == 2
    assert "--entry" in refused.stderr


@pytest.mark.parametrize("rows", ["5,9\n", "1,3\n1,3\n1,3\n", "1,3\n2,4\n2,\n"])
def test_a_likelihood_that_only_rises_has_no_numbers(tmp_path, rows):
    file = tmp_path / "rows.csv"
    file.write_text("l,u\n" + rows)
    options = ["--lower", "l", "--upper", "u", "--format", "json"]
    result = CliRunner().invoke(main, ["parametric", str(file), *options])
    assert result.exit_code == 0, result.output
    for fit in json.loads(result.stdout)["fits"]:
        for one in fit["parameters"]:
            assert one["estimate"] is None or one["std_error"] < 100, fit["model"]


def test_a_rate_of_0_has_no_limits(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("l,u\n1,2\n1,2\n5,6\n5,6\n")
    options = ["--lower", "l", "--upper", "u", "--models", "piecewise"]
    told = CliRunner().invoke(main, ["parametric", str(file), *options]).stdout
    assert "the rate of a window goes to 0" in told
    assert "inf" not in told
