import json

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

ROWS = """id,t,e,g,age,w,late
1,5,1,a,30,1,
2,12,2,a,41,2,3
3,12,1,b,50,1,
4,20,0,b,22,1.5,
5,31,2,a,37,1,
6,40,0,b,60,1,1
7,0,1,b,33,1,
8,17,1,a,45,1,
"""


@pytest.fixture
def run(tmp_path):
    def with_rows(*options, rows=ROWS):
        file = tmp_path / "rows.csv"
        file.write_text(rows)
        return CliRunner().invoke(main, ["cif", str(file), "--time", "t", "--event", "e", *options])

    return with_rows


def test_document_of_curves_and_gray(run):
    result = run("--by", "g", "--at", "10,50", "--format", "json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [(c["group"], c["cause"]) for c in document["curves"]] == [
        (group, cause) for group in "ab" for cause in (1, 2)
    ]
    first, last = document["curves"][0]["at"][0], document["curves"][3]["at"][1]
    assert set(first) == {"time", "incidence", "std_error", "lower", "upper"}
    assert first["incidence"] == 0.25
    assert last["incidence"] is None
    assert "follow-up ends at 40" in last["reasons"]["incidence"]
    assert [set(test) for test in document["gray"]] == [
        {"cause", "name", "statistic", "df", "p_value"}
    ] * 2
    assert document["conventions"]["limits"] == "log-log"
    assert document["left_out"] == 0


def test_without_times_every_time_with_an_event(run):
    document = json.loads(run("--format", "json").stdout)
    assert [row["time"] for row in document["curves"][0]["at"]] == [0, 5, 12, 17, 31]
    assert document["gray"] == []


def test_weights_late_entries_and_clusters(run):
    options = ["--entry", "late", "--weight", "w", "--cluster", "g", "--by", "g", "--at", "20"]
    document = json.loads(run(*options, "--format", "json").stdout)
    assert document["gray"][0]["statistic"] is None
    assert "no form" in document["gray"][0]["reasons"]["statistic"]


@pytest.mark.parametrize("method", ["crr", "finegray", "cause-specific"])
def test_model_of_a_cause(run, method):
    result = run("--formula", "age", "--cause", "2", "--method", method, "--format", "json")
    assert result.exit_code == 0, result.output
    model = json.loads(result.stdout)["model"]
    assert model["method"] == method
    assert model["events"] == 2
    assert model["terms"][0]["term"] == "age"
    table = run("--formula", "age", "--cause", "2", "--method", method)
    assert "age" in table.stdout
    assert "Cumulative incidence" in table.stdout


def test_codes_that_are_no_causes_are_named_with_their_lines(run):
    result = run(rows=ROWS.replace("12,2,a", "12,-2,a").replace("31,2", "31,1.5"))
    assert result.exit_code == 3
    assert "line 3: '-2'; line 6: '1.5'" in result.output
    many = "t,e\n" + "".join(f"{n},{n}\n" for n in range(1, 150))
    assert "at most 100 causes; here are 149" in run(rows=many).output


def test_missing_events_are_left_out_and_counted(run):
    result = run("--format", "json", rows=ROWS.replace("20,0,b", "20,NA,b"))
    assert json.loads(result.stdout)["left_out"] == 1
    assert "line 5" in result.stderr


def test_codes_one_and_two_alone_are_warned_about(run):
    rows = "t,e\n3,1\n4,2\n5,2\n"
    result = run("--format", "json", rows=rows)
    assert "recode" in result.stderr
    assert "recode" in json.loads(result.stdout)["warnings"][0]
    assert "recode" in run(rows=rows).stdout
    assert "recode" not in run(rows=rows + "6,0\n").output


def test_one_group_has_no_test(run):
    result = run("--by", "g", "--format", "json", rows="t,e,g\n3,1,a\n4,2,a\n5,0,a\n")
    assert json.loads(result.stdout)["gray"] == []
    assert "only one group" in result.stderr


def test_a_study_names_its_causes():
    result = CliRunner().invoke(main, ["cif", "ketamine-taper", "--format", "json"])
    document = json.loads(result.stdout)
    assert [(c["cause"], c["name"]) for c in document["curves"]] == [(1, "relapse"), (2, "death")]
    assert [row["time"] for row in document["curves"][0]["at"]] == [91, 182, 365, 730]
    by_name = ["cif", "ketamine-taper", "--formula", "dose10", "--cause", "relapse"]
    assert "Incidence of cause relapse: dose10" in CliRunner().invoke(main, by_name).stdout
    wrong = CliRunner().invoke(main, [*by_name[:-1], "stroke"])
    assert wrong.exit_code == 3
    assert "relapse, death" in wrong.output


def test_nobody_with_an_event(run):
    result = run("--at", "4", "--format", "json", rows="t,e\n3,0\n5,0\n")
    assert result.exit_code == 0, result.output
    (curve,) = json.loads(result.stdout)["curves"]
    assert (curve["cause"], curve["events"]) == (1, 0)
    assert (curve["at"][0]["incidence"], curve["at"][0]["lower"]) == (0, None)
    assert "no event of this cause" in curve["at"][0]["reasons"]["lower"]


FEW = "t,e,x\n3,1,1\n4,0,2\n5,0,3\n6,2,1\n7,1,5\n"


def test_what_is_advised_can_be_done(run):
    options = ["--at", "4", "--formula", "x", "--method"]
    advised = "Firth's penalised likelihood"
    assert advised in run(*options, "cause-specific", rows=FEW).stdout
    firth = run(*options, "cause-specific", "--penalty", "firth", rows=FEW)
    assert firth.exit_code == 0, firth.output
    assert "Firth" in firth.stdout
    finegray = run(*options, "finegray", rows=FEW)
    assert "Only 2 events per coefficient: estimates are biased away from 0.\n" in finegray.stdout
    assert advised not in finegray.stdout
    assert run(*options, "crr", "--penalty", "firth", rows=FEW).exit_code == 2


def test_one_event_is_not_events(run):
    options = ["--at", "4", "--formula", "x", "--cause", "2"]
    assert "Only 1 event per coefficient" in run(*options, rows=FEW).stdout


def test_a_range_in_the_help_has_numbers():
    assert "None" not in CliRunner().invoke(main, ["cif", "--help"]).stdout


@pytest.mark.filterwarnings("error")
def test_an_end_of_follow_up_without_anybody_left_warns_of_nothing(run):
    rows = "t,e,x,late\n2,2,1,\n3,1,4,1\n4,0,2,\n5,1,3,2\n5,0,2,\n6,1,1,5\n7,1,2,5\n"
    result = run("--formula", "x", "--method", "finegray", "--entry", "late", rows=rows)
    assert result.exit_code == 0, result.output


def test_latex_has_no_letter_that_pdflatex_lacks(run):
    told = run("--by", "g", "--at", "10", "--format", "latex").stdout
    assert r"$\chi$\textsuperscript{2} = " in told
    assert told.isascii()
