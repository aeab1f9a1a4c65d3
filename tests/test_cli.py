"""The command line as its users meet it: results, messages and exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from numpy.testing import assert_allclose

from survival_bzd.cli import main
from survival_bzd.records.supplied import locate

SMOKING = str(locate("pharmaco-smoking") / "pharmaco_smoking.csv")
ROWS = [SMOKING, "--time", "ttr", "--event", "relapse"]


def run(*arguments: str, status: int = 0, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, list(arguments), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


def document(*arguments: str) -> dict:
    return json.loads(run(*arguments, "--format", "json").stdout)


def test_help_loads_no_numeric_library():
    probe = (
        "import sys, click.testing; from survival_bzd.cli import main;"
        "assert click.testing.CliRunner().invoke(main, ['--help']).exit_code == 0;"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout
    numeric = ("numpy", "pandas", "scipy", "matplotlib", "duckdb", "pydantic", "jinja2")
    assert [name for name in numeric if f"'{name}'" in loaded] == []


def test_module_runs_as_the_script_does():
    said = subprocess.run(
        [sys.executable, "-m", "survival_bzd", "--version"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.startswith("survival-bzd, version ")


@pytest.mark.parametrize(
    "command", ["new", "check", "derive", "km", "compare", "rmst", "hazard", "cox", "paper",
                "verify", "datasets"],
)  # fmt: skip
def test_every_command_explains_itself(command):
    assert "Usage:" in run(command, "--help").stdout


class TestKaplanMeier:
    def test_json_has_the_keys_of_the_contract(self):
        found = document("km", *ROWS, "--by", "grp", "--at", "28,84", "--tau", "180")
        combination, patch = found["curves"]
        assert [combination["group"], patch["group"]] == ["combination", "patchOnly"]
        assert (combination["n"], combination["events"]) == (61, 37)
        assert set(combination["median"]) >= {"estimate", "lower", "upper"}
        assert set(combination["at"][0]) >= {
            "time", "at_risk", "survival", "std_error", "lower", "upper",
        }  # fmt: skip
        assert combination["rmst"]["tau"] == 180
        assert set(combination["steps"][0]) >= {
            "time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper",
        }  # fmt: skip
        assert found["conventions"]

    def test_events_on_day_0_are_kept(self):
        (curve,) = document("km", *ROWS)["curves"]
        assert curve["group"] is None
        first = curve["steps"][0]
        assert (first["time"], first["at_risk"], first["events"]) == (0, 125, 12)

    def test_steps_have_a_row_per_distinct_time_censorings_too(self):
        (curve,) = document("km", *ROWS)["curves"]
        assert curve["steps"][-1]["censored"] == 36
        assert sum(step["events"] for step in curve["steps"]) == 89

    def test_undefined_numbers_are_null_and_explained(self):
        stdin = "t,e\n5,0\n7,0\n"
        found = json.loads(
            run("km", "-", "--time", "t", "--event", "e", "--format", "json", stdin=stdin).stdout
        )
        median = found["curves"][0]["median"]
        assert median["estimate"] is None
        assert median["reasons"]["estimate"]

    def test_rows_with_a_missing_value_are_left_out_and_said(self):
        stdin = "t,e\n5,1\nNA,1\n7,0\n,0\n"
        result = run("km", "-", "--time", "t", "--event", "e", "--format", "json", stdin=stdin)
        assert json.loads(result.stdout)["left_out"] == 2
        assert "Left out 2 rows" in result.stderr
        assert "lines 3, 5" in result.stderr

    def test_one_row_left_out_is_one_row(self):
        stdin = "t,e\n5,1\n,1\n7,0\n"
        said = run("km", "-", "--time", "t", "--event", "e", stdin=stdin).stderr
        assert said == "Left out 1 row that misses a value: line 3.\n"

    def test_a_mean_beyond_the_follow_up_is_left_open_and_said_why(self):
        stdin = "t,e\n5,1\n7,0\n"
        result = run(
            "km", "-", "--time", "t", "--event", "e", "--tau", "9", "--format", "json", stdin=stdin
        )
        mean = json.loads(result.stdout)["curves"][0]["rmst"]
        assert mean["estimate"] is None
        assert "follow-up ends at 7" in mean["reasons"]["estimate"]
        assert "Warning" in result.stderr

    @pytest.mark.parametrize("form", ["table", "csv", "latex", "markdown"])
    def test_every_format(self, form):
        assert run("km", *ROWS, "--by", "grp", "--format", form).stdout.strip()

    def test_output_goes_to_a_file(self, tmp_path):
        target = tmp_path / "deep" / "km.json"
        result = run("km", *ROWS, "--format", "json", "--output", str(target))
        assert result.stdout == ""
        assert json.loads(target.read_text())["curves"]
        assert [path.name for path in target.parent.iterdir()] == ["km.json"]

    def test_a_study_reports_its_own_horizons(self):
        (curve,) = document("km", "ketamine-taper")["curves"]
        assert [row["time"] for row in curve["at"]] == [91, 182, 365, 730]

    def test_beta_limits_need_no_relapse_and_no_weights(self, tmp_path):
        rows = tmp_path / "rows.csv"
        rows.write_text("days,relapsed,weight\n3,0,1\n7,0,2\n9,1,1\n", encoding="utf-8")
        told = [str(rows), "--time", "days", "--event", "relapsed", "--limits", "beta"]
        found = document("km", *told, "--at", "3")["curves"][0]["at"][0]
        assert found["lower"] == pytest.approx(0.025 ** (1 / 2))
        assert found["upper"] == 1
        refused = run("km", *told, "--weight", "weight", status=3)
        assert "weights other than 1" in refused.stderr


def test_compare_pharmaco_smoking():
    found = document("compare", *ROWS, "--by", "grp")
    assert_allclose(found["statistic"], 8.03, atol=0.005)
    assert found["df"] == 1
    assert [group["n"] for group in found["groups"]] == [61, 64]


def test_compare_adds_what_is_asked_for():
    found = document(
        "compare", *ROWS, "--by", "employment", "--pairwise", "--at", "28,84", "--test", "peto"
    )
    assert [(row["group"], row["with"]) for row in found["pairwise"]] == [
        ("ft", "other"), ("ft", "pt"), ("other", "pt"),
    ]  # fmt: skip
    assert [row["time"] for row in found["differences"]] == [28, 28, 84, 84]
    combo = document("compare", *ROWS, "--by", "grp", "--max-combo")["max_combo"]
    assert len(combo) == 5
    assert combo[0]["p_value"] < combo[-1]["p_value"]


def test_cox_pharmaco_smoking():
    found = document("cox", *ROWS, "--formula", "grp + age + employment")
    assert (found["n"], found["events"]) == (125, 89)
    coefficients = [term["coef"] for term in found["terms"]]
    assert_allclose(coefficients, [0.60788, -0.03529, 0.70348, 0.65369], atol=5e-6)
    assert [row["term"] for row in found["proportional_hazards"]] == [
        "grp", "age", "employment", "GLOBAL",
    ]  # fmt: skip
    assert set(found["tests"]) == {"likelihood_ratio", "wald", "score"}


def test_a_test_that_cannot_be_done_is_said_not_to_be():
    stdin = "t,e,x\n0,1,1\n0,1,2\n0,1,3\n"
    found = run("cox", "-", "--time", "t", "--event", "e", "--formula", "x", stdin=stdin)
    assert "Proportional hazards, all terms: not estimable." in found.stdout


def test_cox_of_a_supplied_study_is_that_of_its_file():
    by_name = document("cox", "pharmaco-smoking", "--formula", "age")
    by_file = document("cox", *ROWS, "--formula", "age")
    assert by_name["terms"] == by_file["terms"]


def test_rmst_gives_the_difference_of_two_groups():
    found = document("rmst", *ROWS, "--by", "grp")
    first, second = (mean["estimate"] for mean in found["restricted_means"])
    assert_allclose(found["differences"][0]["estimate"], second - first, rtol=1e-12)
    assert_allclose(found["ratios"][0]["estimate"], second / first, rtol=1e-12)


def test_hazard_counts_every_relapse_once():
    found = document("hazard", *ROWS, "--windows", "0,28,84,182")
    assert sum(row["events"] for row in found["hazards"][0]["windows"]) == 89


class TestUsage:
    def test_a_file_needs_time_and_event(self):
        assert "--time and --event" in run("km", SMOKING, status=2).stderr

    def test_row_options_are_refused_for_a_study(self):
        assert "--time" in run("km", "ketamine-taper", "--time", "t", status=2).stderr

    def test_hazard_of_a_file_needs_windows(self):
        assert "--windows" in run("hazard", *ROWS, status=2).stderr

    @pytest.mark.parametrize(
        "option", ["--at=-5", "--at=5,nan", "--tau=0", "--tau=-3", "--tau=nan", "--tau=inf",
                   "--level=95", "--level=nan"],
    )  # fmt: skip
    def test_a_number_that_cannot_be_is_usage(self, option):
        assert option.partition("=")[0] in run("km", *ROWS, option, status=2).stderr

    @pytest.mark.parametrize("windows", ["0,inf", "-1,5", "x"])
    def test_windows_that_cannot_be_are_usage(self, windows):
        assert "--windows" in run("hazard", *ROWS, "--windows", windows, status=2).stderr

    def test_a_weight_that_is_no_number_is_usage(self):
        assert "--rho" in run("compare", *ROWS, "--by", "grp", "--rho", "nan", status=2).stderr

    def test_an_unknown_command_is_usage(self):
        run("kn", status=2)


class TestBadInput:
    def test_event_coding_1_2_is_not_guessed_at(self):
        stdin = "t,e\n5,1\n7,2\n"
        result = run("km", "-", "--time", "t", "--event", "e", status=3, stdin=stdin)
        assert "line 3: '2'" in result.stderr
        assert "--event-is" in result.stderr

    def test_event_is_names_the_event(self):
        stdin = "t,e\n5,1\n7,2\n"
        result = run(
            "km", "-", "--time", "t", "--event", "e", "--event-is", "2", "--format", "json",
            stdin=stdin,
        )  # fmt: skip
        assert json.loads(result.stdout)["curves"][0]["events"] == 1

    def test_all_faults_of_a_file_at_once(self):
        stdin = "t,e\n-5,1\nx,1\n7,3\n"
        result = run("km", "-", "--time", "t", "--event", "e", status=3, stdin=stdin)
        assert all(f"line {line}" in result.stderr for line in (2, 3, 4))

    def test_an_unknown_column_lists_those_there_are(self):
        result = run("km", SMOKING, "--time", "tt", "--event", "relapse", status=3)
        assert "ttr" in result.stderr

    def test_an_unknown_study_lists_the_supplied_ones(self):
        assert "ketamine-taper" in run("km", "ketamine", status=3).stderr

    @pytest.mark.parametrize("name", ["none.csv", "none/none.csv"])
    def test_a_file_that_is_not_there_is_said_not_to_be(self, name):
        for given in ((), ("--time", "t", "--event", "e")):
            assert "there is no folder, file" in run("km", name, *given, status=3).stderr

    def test_a_study_without_its_records_says_how_to_import_them(self):
        assert "datasets import ctn0094" in run("km", "ctn0094", status=3).stderr

    def test_a_place_that_cannot_be_written_is_named_without_a_temporary_name(self):
        said = run("km", *ROWS, "--output", "/proc/none/km.txt", status=3).stderr
        assert said.startswith("Error: /proc")
        assert "partial" not in said

    def test_an_unknown_group_column(self):
        assert "grp" in run("km", "pharmaco-smoking", "--by", "group", status=3).stderr

    def test_a_formula_that_cannot_be_read(self):
        run("cox", *ROWS, "--formula", "age +", status=3)

    def test_nothing_is_written(self, tmp_path):
        target = tmp_path / "km.json"
        run("km", SMOKING, "--time", "tt", "--event", "relapse", "--output", str(target), status=3)
        assert list(tmp_path.iterdir()) == []


class TestStudies:
    def test_check_says_what_was_read_and_what_became_of_it(self):
        said = run("check", "ketamine-taper").stdout
        assert "urine.csv" in said
        assert "never_confirmed" in said

    def test_derive_names_the_deciding_record(self):
        rows = document("derive", "ketamine-taper")["patients"]
        assert len(rows) == 20
        assert all(row["file"] and row["line"] and row["why"] for row in rows)

    def test_derive_names_how_each_follow_up_ended(self):
        rows = document("derive", "ketamine-taper")["patients"]
        named = {row["event"]: row["outcome"] for row in rows}
        assert named == {0: "censored", 1: "relapse", 2: "death"}

    def test_derive_traces_a_patient(self):
        rows = document("derive", "ketamine-taper", "--trace", "016")["trace"]
        assert [row["line"] for row in rows if row["role"] == "relapse"] == [634]

    def test_an_unknown_patient_is_refused(self):
        run("derive", "ketamine-taper", "--trace", "16", status=3)

    def test_derive_shows_the_sql_that_ran(self):
        assert "CREATE TABLE decided AS" in run("derive", "ketamine-taper", "--emit-sql").stdout

    def test_flow_counts_everybody(self):
        rows = document("derive", "ketamine-taper", "--flow")["flow"]
        assert sum(row["patients"] for row in rows) == 22

    @pytest.mark.parametrize("days", [(), ("--days",)])
    def test_a_new_study_is_complete_but_for_its_patients(self, tmp_path, days):
        folder = tmp_path / "my study"
        run("new", str(folder), *days)
        result = run("check", str(folder), status=3)
        assert "1 problem" in result.stderr
        assert "patients" in result.stderr

    def test_new_refuses_a_folder_with_something_in_it(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        run("new", str(tmp_path), status=3)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_datasets(self, tmp_path):
        assert "ketamine-taper" in run("datasets", "list").stdout
        assert "Synthetic" in run("datasets", "describe", "ketamine-taper").stdout
        run("datasets", "copy", "ketamine-taper", str(tmp_path / "mine"))
        run("check", str(tmp_path / "mine"))

    @pytest.mark.parametrize("command", ["km", "derive", "check"])
    def test_synthetic_data_is_called_synthetic(self, command):
        assert "ynthetic" in run(command, "ketamine-taper").stdout
        assert document(command, "ketamine-taper")["synthetic"] is True


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("--help").stdout


def test_quiet_says_nothing_on_standard_error():
    stdin = "t,e\n5,1\nNA,1\n"
    assert run("--quiet", "km", "-", "--time", "t", "--event", "e", stdin=stdin).stderr == ""


def test_real_records_of_ctn0094(tmp_path):
    source = os.environ.get("SURVIVAL_BZD_CTN0094")
    if not source:
        pytest.skip("SURVIVAL_BZD_CTN0094 names no folder of exported tables")
    folder = tmp_path / "ctn0094"
    run("datasets", "import", "ctn0094", "--from", str(Path(source)), "--into", str(folder))
    (curve,) = document("km", str(folder), "--at", "28,84,168")["curves"]
    assert (curve["n"], curve["events"], curve["median"]["estimate"]) == (840, 447, 81)
    assert_allclose([row["survival"] for row in curve["at"]], [0.701, 0.494, 0.366], atol=5e-4)
