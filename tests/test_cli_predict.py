"""`predict` as its users meet it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("sksurv")

from survival_bzd.cli import main


def rows(n=60):
    generator = np.random.default_rng(3)
    age = generator.integers(30, 70, size=n)
    time = np.ceil(generator.exponential(300 / age))
    lines = [
        f"{t:g},{int(t <= 12)},{a},{a % 2}" for t, a in zip(np.minimum(time, 12), age, strict=True)
    ]
    return "\n".join(["t,e,age,arm", *lines, "5,1,,1", ""])


def run(*arguments, stdin=None, status=0, formula="age"):
    command = ["predict", "-", "--time", "t", "--event", "e", "--formula", formula,
               "--folds", "3", "--repeats", "2", *arguments]  # fmt: skip
    result = CliRunner().invoke(main, command, input=rows() if stdin is None else stdin)
    assert result.exit_code == status, result.output
    return result


def test_the_keys_of_the_document():
    found = run("--at", "4,99", "--trees", "5", "--format", "json")
    document = json.loads(found.stdout)
    assert list(document) == [
        "n", "events", "scores", "differences", "splits", "conventions", "warnings", "left_out",
    ]  # fmt: skip
    assert (document["n"], document["left_out"], len(document["splits"])) == (60, 1, 6)
    scores = {(s["model"], s["measure"], s["time"]): s for s in document["scores"]}
    assert len(scores) == 12
    assert scores["cox", "auc", 4]["lower"] <= scores["cox", "auc", 4]["estimate"]
    late = scores["forest", "auc", 99]
    assert late["estimate"] is None
    assert late["reasons"]["estimate"].startswith("not estimable: after tau")
    assert late["by_split"] == [None] * 6
    assert scores["kaplan-meier", "concordance", 12]["reasons"]["lower"].startswith("one half")
    assert {d["against"] for d in document["differences"]} == {"cox", "kaplan-meier"}
    assert document["conventions"]["seed"] == 1
    assert "Left out 1 row that misses a covariate." in found.stderr


def test_a_single_division_has_no_spread():
    document = json.loads(run("--repeats", "1", "--no-forest", "--format", "json").stdout)
    (score,) = (
        s for s in document["scores"] if (s["model"], s["measure"]) == ("cox", "concordance")
    )
    assert score["repeat_sd"] is None
    assert score["reasons"] == {"repeat_sd": "the patients were divided only once"}


def test_tables():
    printed = run("--no-forest").stdout
    assert "Cross-validated (95% CI)" in printed
    assert "divided 2 times into 3 folds of 20 patients and" in printed
    assert "forest" not in printed.lower()
    header = run("--no-forest", "--format", "csv").stdout.splitlines()[0]
    assert header.startswith("model,against,measure,time,estimate,std_error,lower,upper,apparent")


def test_few_events_are_refused_with_a_remedy():
    few = "t,e,age\n" + "".join(f"{i + 1},{int(i < 6)},{40 + i % 7}\n" for i in range(20))
    assert "6 events in 20 patients cannot carry" in run(stdin=few, status=1).stderr


def test_weights_and_late_entries_are_refused():
    weighted = "t,e,age,w,s\n" + "".join(f"{i + 1},1,{40 + i % 7},2,0\n" for i in range(20))
    said = run("--weight", "w", "--entry", "s", stdin=weighted, status=3).stderr
    assert "case weights" in said
    assert "late entries" in said
    assert "scikit-survival" in said


def test_wrong_columns_and_options():
    assert "it has t, e, age, arm" in run(formula="dose", status=3).stderr
    run("--folds", "1", status=2)
    assert "followed only until 12 days" in run("--tau", "50", status=1).stderr
