"""`power` as its users meet it."""

import json

import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from survival_bzd.cli import main
from survival_bzd.estimate import schoenfeld_events


def run(*arguments, status=0, stdin=None):
    result = CliRunner().invoke(main, ["power", *arguments], input=stdin)
    assert result.exit_code == status, result.output
    return result


def document(*arguments, **how):
    return json.loads(run(*arguments, "--format", "json", **how).stdout)


DESIGN = ["--hazard-ratio", "0.6", "--relapse-hazard", "0.15", "--simulations", "200"]
SCHEDULE = ["--visits", "1,2,3,6,9,12,18,24", "--missed", "0.2"]


def test_the_formula_alone():
    found = document("--hazard-ratio", "0.5")
    assert list(found) == ["plan", "baseline", "simulation", "conventions", "reasons"]
    assert_allclose(found["plan"]["events"], schoenfeld_events(0.5))
    assert found["plan"]["n"] is None
    assert "hazard" in found["plan"]["reasons"]["n"]
    assert_allclose(
        document("--hazard-ratio", "0.5", "--events", "65.3456593")["plan"]["power"], 0.8
    )


def test_what_visits_cost():
    found = document(*DESIGN, *SCHEDULE, "--n", "130")
    assert found["plan"]["n_reference"] == 65
    assert found["plan"]["follow_up"] == 24
    simulation = found["simulation"]
    assert_allclose(
        simulation["cost"]["power"],
        simulation["continuous"]["power"] - simulation["at_visits"]["power"], atol=1e-12,
    )  # fmt: skip
    assert [row["time"] for row in simulation["bias"]] == [1, 2, 3, 6, 9, 12, 18, 24]
    assert document(*DESIGN, *SCHEDULE, "--n", "130") == found


def test_without_visits_relapses_are_seen_at_once():
    found = document(*DESIGN, "--follow-up", "12")["simulation"]
    assert found["at_visits"] is None
    assert "no visits" in found["reasons"]["cost"]
    assert document(*DESIGN, "--follow-up", "12", "--simulations", "0")["simulation"] is None


def test_a_study_gives_its_hazard_and_its_visits():
    found = document("ketamine-taper", "--hazard-ratio", "0.5", "--simulations", "50")
    assert found["synthetic"] is True
    assert "20 patients with 6 relapses" in found["baseline"]["source"]
    assert found["baseline"]["unit"] == "months"
    visits = found["simulation"]["visits"]
    assert_allclose(visits[:2], [16 / 30.4375, 31 / 30.4375])
    assert 0 < found["simulation"]["missed"] < 0.2


def test_a_file_gives_its_hazard():
    rows = "t,e\n304.375,1\n304.375,1\n608.75,0\n"
    found = document("-", "--time", "t", "--event", "e", "--hazard-ratio", "2", "--follow-up", "6",
                     "--simulations", "20", stdin=rows)  # fmt: skip
    assert_allclose(found["baseline"]["rates"], [2 / 40])


@pytest.mark.parametrize("command", ["power", "parametric"])
def test_the_command_explains_itself(command):
    assert "Usage:" in CliRunner().invoke(main, [command, "--help"]).stdout


def test_the_hazard_of_one_group():
    rows = "t,e,g\n304.375,1,a\n304.375,1,a\n608.75,0,a\n10,1,b\n"
    file = ["-", "--time", "t", "--event", "e", "--hazard-ratio", "2", "--follow-up", "6",
            "--simulations", "0", "--by", "g"]  # fmt: skip
    found = document(*file, "--reference", "a", stdin=rows)
    assert_allclose(found["baseline"]["rates"], [2 / 40])
    assert "it has a, b" in run(*file, "--reference", "c", stdin=rows, status=2).stderr
    assert "go together" in run(*file, stdin=rows, status=2).stderr


def test_tables():
    printed = run(*DESIGN, *SCHEDULE).stdout
    for title in ("What a log-rank test", "what the visits cost", "Too high by, points"):
        assert title in printed
    assert "Patients cannot be counted" in run("--hazard-ratio", "2").stdout


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        (["--n", "20"], 2, "--relapse-hazard"),
        (["--n", "20", "--events", "5"], 2, "one of"),
        (["--time", "t"], 2, "DATA"),
        (["--visits", "3,2", "--relapse-hazard", "1"], 3, "ascend"),
        (["--power", "1"], 2, "--power"),
    ],
)
def test_wrong_arguments(wrong, status, said):
    assert said in run("--hazard-ratio", "0.5", *wrong, status=status).stderr


def test_no_difference_cannot_be_planned():
    assert "not 1" in run("--hazard-ratio", "1", status=3).stderr


def test_a_study_too_large_to_simulate_is_told():
    rare = ["--hazard-ratio", ".5", "--relapse-hazard", "1e-9", "--follow-up", "12"]
    result = run(*rare, status=3)
    assert "more than 10,000,000 patients cannot be simulated" in result.output
    assert "--simulations 0" in result.output


def test_limits_of_a_power_lie_between_0_and_1():
    given = ["--hazard-ratio", ".3", "--relapse-hazard", ".15", "--follow-up", "24"]
    power = document(*given, "--n", "400", "--simulations", "20")["simulation"]["continuous"]
    assert (power["power"], power["upper"]) == (1, 1)
    # Wilson: n / (n + z^2).
    assert abs(power["lower"] - 20 / (20 + 1.959963984540054**2)) < 1e-12
    assert "Plan more patients" in run(*given, "--power", ".01", status=3).output
