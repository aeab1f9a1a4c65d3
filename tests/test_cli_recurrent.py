"""The command `recurrent`: what it prints, and what it refuses."""

import json

import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from survival_bzd.cli import main

STATES = """id,from,until,state,next,arm,dose,w
a,,5,free,using,x,20,1
a,5,12,using,free,x,20,1
a,12,20,free,dead,x,20,1
b,,9,free,using,x,5,2
b,9,25,using,,x,5,2
c,6,30,free,,y,9,1
d,,28,free,using,y,14,1
d,28,30,using,,y,14,1
"""
EVENTS = "id,from,until,event\na,,5,1\na,5,20,2\nb,,9,1\nb,9,25,0\n"
COLUMNS = ["--id", "id", "--start", "from", "--stop", "until"]
BY_STATE = [*COLUMNS, "--state", "state", "--to", "next"]


def run(*arguments, text=""):
    return CliRunner().invoke(main, ["recurrent", *arguments], input=text)


def document(*arguments, text=""):
    result = run(*arguments, "--format", "json", text=text)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_states():
    found = document("-", *BY_STATE, "--at", "8,15,40", "--tau", "20", text=STATES)
    (curve,) = found["curves"]
    assert (curve["group"], curve["n"], curve["events"], curve["terminal_events"]) == (
        None,
        4,
        3,
        1,
    )
    assert_allclose(curve["at"][0]["mean_count"], 1 / 3)
    assert curve["at"][2]["mean_count"] is None
    assert curve["at"][2]["reasons"]["mean_count"] == "not estimable: follow-up ends at 30 days"
    states = {state["state"]: state for state in curve["states"]}
    assert set(states) == {"free", "using", "dead"}
    for row in range(2):
        assert_allclose(sum(state["at"][row]["probability"] for state in states.values()), 1)
    assert_allclose(sum(state["mean_time"]["estimate"] for state in states.values()), 20)
    assert states["dead"]["at"][0]["reasons"] == {
        "lower": "no limits: the probability is 0 or 1",
        "upper": "no limits: the probability is 0 or 1",
    }
    assert found["conventions"]["unit"] == "days"
    assert found["left_out"] == 0


def test_without_to_the_next_row_says_what_was_entered():
    short = STATES.replace(",dead,", ",,")
    one = document("-", *BY_STATE, "--at", "15", text=short)
    two = document("-", *COLUMNS, "--state", "state", "--at", "15", text=short)
    assert one["curves"][0]["at"] == two["curves"][0]["at"]
    assert one["curves"][0]["states"][0]["at"] == two["curves"][0]["states"][0]["at"]


def test_events_give_the_count_only():
    (curve,) = document("-", *COLUMNS, "--event", "event", "--at", "9", text=EVENTS)["curves"]
    assert curve["states"] == []
    assert (curve["events"], curve["terminal_events"], curve["at"][0]["mean_count"]) == (2, 1, 1)
    text = EVENTS.replace(",1\n", ",again\n").replace(",2\n", ",dead\n")
    coded = ["--event", "event", "--event-is", "again", "--terminal", "dead"]
    (other,) = document("-", *COLUMNS, *coded, "--at", "9", text=text)["curves"]
    assert other == curve


def test_groups_weights_and_models():
    options = ["--by", "arm", "--weight", "w", "--formula", "dose"]
    found = document("-", *BY_STATE, *options, text=STATES)
    assert [curve["group"] for curve in found["curves"]] == ["x", "y"]
    assert found["curves"][0]["events"] == 3
    assert found["model"]["model"] == "andersen-gill"
    assert found["model"]["terms"][0]["robust_std_error"] > 0
    # Whoever is using is not at risk of relapse.
    assert found["model"]["n"] == 5
    for model in ("pwp-total", "pwp-gap"):
        other = document("-", *BY_STATE, "--formula", "dose", "--model", model, text=STATES)
        assert other["model"]["model"] == model


def test_tables_and_csv():
    result = run("-", *BY_STATE, "--at", "8,15", "--tau", "20", "--unit", "months", text=STATES)
    assert "Mean count (95% CI)" in result.output
    assert "Expected time in each state up to 20 months" in result.output
    csv = run("-", *BY_STATE, "--at", "8,15", "--format", "csv", text=STATES).output
    assert "group,time,state,probability,std_error,lower,upper" in csv


def test_who_misses_a_group_is_left_out_as_a_whole():
    text = STATES.replace("b,9,25,using,,x", "b,9,25,using,,")
    result = run("-", *BY_STATE, "--by", "arm", "--format", "json", text=text)
    assert json.loads(result.stdout)["left_out"] == 2
    assert "Left out 2 rows that miss a group" in result.stderr


def test_a_tau_beyond_the_follow_up_leaves_the_curves():
    result = run("-", *BY_STATE, "--tau", "99", "--format", "json", text=STATES)
    assert result.exit_code == 0
    assert "follow-up ends at 30 days" in result.stderr
    mean = json.loads(result.stdout)["curves"][0]["states"][0]["mean_time"]
    assert mean["estimate"] is None
    assert "follow-up ends" in mean["reasons"]["estimate"]


def test_a_study_and_its_spells():
    found = document("ketamine-taper", "--at", "182", "--by", "sex")
    assert found["synthetic"] is True
    assert sum(curve["n"] for curve in found["curves"]) == 20
    spells = document("ketamine-taper", "--spells")["spells"]
    assert spells[3] == {
        "patient_id": "004", "spell": 1, "start": 0, "stop": 186, "state": "free",
        "ended_by": "relapse", "reason": "pattern", "file": "visits.csv", "line": 52,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_study_in_which_nobody_reaches_the_origin_has_no_spells(tmp_path, form):
    (tmp_path / "patients.csv").write_text("patient_id,enrolled\n001,0\n")
    (tmp_path / "urine.csv").write_text("patient_id,date,analyte,result\n001,5,d,positive\n")
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "s"\ntitle = "S"\nsynthetic = true\ncontrol_group = false\n'
        'dates = "days"\n[substances]\nbenzodiazepine = ["d"]\n'
        '[tables.patients]\nfile = "patients.csv"\n[tables.urine]\nfile = "urine.csv"\n'
        '[endpoint.relapse]\nsources = ["urine"]\n'
        'origin = { at = "confirmed_abstinence", negatives = 2, after = "enrolment" }\n'
    )
    result = run(str(tmp_path), "--spells", "--format", form)
    assert result.exit_code == 0, result.output
    never = "The estimates are of 0 of the 1 enrolled: 1 never reached time zero."
    assert never in " ".join(result.stderr.split())
    assert form == "json" or "001" not in result.stdout
    assert form != "json" or json.loads(result.stdout)["spells"] == []


def test_every_fault_at_once():
    text = (
        "id,from,until,event\n"
        "a,0,5,1\n"
        "a,4,9,0\n"  # line 3 overlaps
        "b,0,3,0\n"
        "b,7,9,7x\n"  # line 5 leaves a gap and has an unknown code
        "c,6,6,0\n"  # line 6 has no length
        ",0,4,1\n"  # line 7 has no patient
        "d,0,,1\n"  # line 8 has no end
        "e,-3,4,1\n"  # line 9 begins before the origin
        "f,zero,4,1\n"
    )
    result = run("-", *COLUMNS, "--event", "event", text=text)
    assert result.exit_code == 3
    assert result.stdout == ""
    for said in (
        "must not overlap",
        "line 3, patient a: 'line 2 (0, 5], then (4, 9]'",
        "must begin where the patient's row before it ends",
        "line 5, patient b",
        "an event must be 0 (nothing), 1 (a relapse)",
        "'7x'",
        "a row must end after it begins",
        "every row needs a value here",
        "a time must be zero or more",
        "finite number",
    ):
        assert said in result.stderr, said
    assert run("-", *COLUMNS, "--event", "event", "--gaps", text="id,from,until,event\n"
               "b,0,3,1\nb,7,9,0\n").exit_code == 0  # fmt: skip


def test_times_that_differ_by_rounding_are_one():
    text = "id,from,until,state\na,,0.3,free\na,0.30000000000000004,1,using\nb,,0.3,free\n"
    found = document("-", *COLUMNS, "--state", "state", "--at", "0.3", text=text)
    assert found["curves"][0]["at"][0]["mean_count"] == 0.5
    assert found["curves"][0]["events"] == 1


def test_states_that_contradict_each_other():
    text = STATES.replace("a,5,12,using", "a,5,12,free").replace(
        "c,6,30,free,,", "c,6,30,free,free,"
    )
    result = run("-", *BY_STATE, text=text)
    assert result.exit_code == 3
    assert "must begin in the state in which the patient's row before it ended" in result.stderr
    assert "free after using on line 2" in result.stderr
    assert "must end in another state" in result.stderr
    result = run("-", *BY_STATE, "--relapse", "smoking", text=STATES)
    assert "free, using, dead" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-", "--id", "id"], "needs --id, --start and --stop"),
        (["-", *COLUMNS], "either --event or --state"),
        (["-", *COLUMNS, "--event", "event", "--to", "next"], "--to goes with --state"),
        (["-", *BY_STATE, "--event-is", "1"], "go with --event"),
        (["-", *BY_STATE, "--endpoint", "relapse"], "--endpoint is for a study folder"),
        (["-", *BY_STATE, "--delimiter", ";;"], "single character"),
        (["-", *BY_STATE, "--spells"], "--spells is for a study folder"),
        (["ketamine-taper", "--id", "x"], "--id is for a file of rows"),
    ],
)
def test_wrong_usage(arguments, said):
    result = run(*arguments, text=STATES)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_study_of_rows_has_no_spells_and_a_wrong_column_is_named():
    result = run("pharmaco-smoking")
    assert result.exit_code == 3
    result = run("-", *COLUMNS, "--event", "evnt", text=EVENTS)
    assert result.exit_code == 3
    assert "evnt" in result.stderr
    assert "it has id, from, until, event" in result.stderr


def test_the_model_counts_patients_and_is_called_by_its_name():
    rows = "id,from,until,event,dose\na,,5,1,2\na,5,20,1,2\nb,,9,1,5\nb,9,25,0,5\nc,,30,0,1\n"
    options = ["-", *COLUMNS, "--event", "event", "--at", "9", "--formula", "dose"]
    for model, name in (
        ("andersen-gill", "Andersen and Gill's model: dose"),
        ("pwp-gap", "Prentice, Williams and Peterson's model in gap time: dose"),
    ):
        told = run(*options, "--model", model, text=rows).stdout
        assert f"\n{name}\n" in told
        assert "3 patients in 5 rows, 3 events;" in told
    found = document(*options, text=rows)["model"]
    assert (found["patients"], found["n"]) == (3, 5)
    firth = run(*options, "--penalty", "firth", text=rows)
    assert "Firth" in firth.stdout


def test_nothing_follows_death():
    rows = "id,from,until,event\na,,5,2\na,5,9,1\nb,,7,0\n"
    result = run("-", *COLUMNS, "--event", "event", "--at", "5", text=rows)
    assert result.exit_code == 3
    assert "nothing may follow what ends the follow-up for good" in result.output
    assert "line 3, patient a: 'line 2 ends it'" in result.output


def test_where_everybody_has_had_as_many_there_are_no_limits():
    rows = "id,from,until,event\na,,5,1\nb,,4,1\nb,4,9,0\n"
    (curve,) = document("-", *COLUMNS, "--event", "event", "--at", "4,5", text=rows)["curves"]
    assert curve["at"][0]["lower"] is not None
    assert (curve["at"][1]["mean_count"], curve["at"][1]["lower"]) == (1, None)
    assert "everybody has had as many" in curve["at"][1]["reasons"]["upper"]
    assert "1.00 (NE)" in run("-", *COLUMNS, "--event", "event", "--at", "5", text=rows).stdout


def test_cox_counts_the_patients_of_its_rows():
    rows = "id,t,e,late,x\na,5,1,,1\na,9,0,5,2\nb,7,1,,4\nc,8,0,,3\nd,9,1,,2\n"
    command = ["cox", "-", "--time", "t", "--event", "e", "--entry", "late", "--id", "id"]
    told = CliRunner().invoke(main, [*command, "--formula", "x"], input=rows)
    assert "4 patients in 5 rows, 3 events;" in told.stdout
