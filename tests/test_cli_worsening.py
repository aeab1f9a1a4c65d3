"""Symptom scores from a study's tables to the command's output, on studies that fit on a page."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

STUDY = """
[study]
name = "small"
title = "Small"
synthetic = true
control_group = false
dates = "days"

[substances]
benzodiazepine = ["benzo"]

[tables.patients]
file = "patients.csv"

[tables.treatments]
file = "treatments.csv"

[tables.visits]
file = "visits.csv"

[tables.urine]
file = "urine.csv"

[tables.scales]
file = "scales.csv"

[endpoint.relapse]
label = "Return to use"
substances = ["benzodiazepine"]
origin = { at = "confirmed_abstinence", negatives = 2, after = "enrolment" }
pattern = { rule = "any_use" }
sources = ["visits", "urine"]
conflict = "use"
dated = "detected"
missing = { rule = "ignore" }
end = "last_statement"
washout_days = 0
population = "responders"
horizons_months = [3]
"""
RULES = """
[worsening]
from = { at = "first_treatment" }
to = { weeks = 4 }
end_within_days = 3

[worsening.scales.mood]
worse = "higher"
threshold = 5
range = [0, 30]
source = "a citation"
"""

# Treatments begin on day 10: the acute phase is days 10 to 38.
#   a  baseline 20, up to 25, 18 at the end; two negatives by day 38, urine on the last
#   b  20, then 24 and 25 on one day (24.5): not worse; two negatives, the last by report
#   c  no baseline (first score on day 11); never negative
#   d  a baseline and nothing later; reaches the origin after the end
#   e  no treatment: no acute phase
TABLES = {
    "patients": "patient_id,enrolled\n" + "".join(f"{one},0\n" for one in "abcde"),
    "treatments": "patient_id,date\n" + "".join(f"{one},10\n{one},31\n" for one in "abcd"),
    "visits": "patient_id,date,status,use\na,5,attended,yes\nb,31,attended,no\nb,38,attended,no\n"
    "c,5,attended,yes\nd,5,attended,yes\ne,5,attended,no\ne,6,attended,no\n",
    "urine": "patient_id,date,analyte,result\na,31,benzo,negative\na,36,benzo,negative\n"
    "b,20,benzo,negative\nb,21,benzo,positive\nd,39,benzo,negative\nd,40,benzo,negative\n",
    "scales": "patient_id,date,scale,score\n"
    "a,2,mood,3\na,9,mood,20\na,20,mood,25\na,36,mood,18\na,60,mood,30\n"
    "b,10,mood,20\nb,24,mood,24\nb,24,mood,25\nb,38,mood,19\n"
    "c,11,mood,10\nc,38,mood,30\nd,8,mood,15\ne,3,mood,8\na,9,other,1\n",
}


@pytest.fixture
def study(tmp_path):
    """Return a function that writes the study, with other rules or tables."""

    def write(rules=RULES, **tables) -> Path:
        (tmp_path / "study.toml").write_text(STUDY + rules, encoding="utf-8")
        for name, text in {**TABLES, **tables}.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def run(folder, *options):
    result = CliRunner().invoke(main, ["-q", "worsening", str(folder), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def found(folder, *options):
    return json.loads(run(folder, "--format", "json", *options))


def refused(folder):
    result = CliRunner().invoke(main, ["worsening", str(folder)])
    assert result.exit_code == 3, result.output
    return result.stderr


def test_by_hand(study):
    document = found(study())
    (scale,) = document["scales"]
    (change,) = scale["changes"]
    everybody, stopped = change["populations"]
    assert [everybody[time]["successes"] for time in ("any_time", "at_end")] == [1, 0]
    assert [everybody[time]["n"] for time in ("any_time", "at_end")] == [2, 2]
    assert (stopped["patients"], stopped["any_time"]["successes"]) == (2, 1)
    assert scale["missing"] == {
        "no_acute_phase": ["e"],
        "no_baseline": ["c"],
        "no_later_score": ["d"],
        "no_score_at_the_end": [],
    }
    assert document["on_any"] == []
    shares = {one["key"]: (one["successes"], one["n"]) for one in document["deprescribed"]}
    assert shares == {
        "deprescribed": (2, 5),
        "deprescribed.urine": (1, 5),
        "deprescribed.report": (1, 5),
        "deprescribed.later": (1, 5),
        "deprescribed.no_window": (1, 5),
        "deprescribed.never": (1, 5),
    }
    said = " ".join(document["warnings"])
    assert "1 of 5 patients" in said
    assert "no rule speaks of: other" in said
    assert "1 day a patient has more than one score" in said
    assert document["synthetic"] is True


def test_every_patient_is_listed(study):
    rows = {row["patient_id"]: row for row in found(study(), "--patients")["patients"]}
    assert sorted(rows) == list("abcde")
    assert (rows["a"]["baseline"], rows["a"]["worst"], rows["a"]["at_end"]) == (20, 25, 18)
    assert (rows["b"]["change"], rows["b"]["worse"]) == (4.5, False)
    assert (rows["c"]["baseline"], rows["c"]["worse"]) == (None, None)
    assert rows["e"]["worst"] is None


def test_urine_confirms_within_its_days(study):
    # The negative specimen of b on day 31 is seven days before the origin.
    urine = TABLES["urine"] + "b,31,benzo,negative\n"
    shares = {one["key"]: one["successes"] for one in found(study(urine=urine))["deprescribed"]}
    assert (shares["deprescribed.urine"], shares["deprescribed.report"]) == (2, 0)
    rules = RULES.replace("end_within_days = 3", "end_within_days = 3\nurine_within_days = 6")
    shares = {
        one["key"]: one["successes"] for one in found(study(rules, urine=urine))["deprescribed"]
    }
    assert (shares["deprescribed.urine"], shares["deprescribed.report"]) == (1, 1)


def test_the_window_may_begin_with_enrolment_and_end_with_the_last_treatment(study):
    rules = RULES.replace('"first_treatment" }', '"enrolment", day = 2 }').replace(
        "weeks = 4", 'at = "last_treatment", day = 5'
    )
    (row,) = [one for one in found(study(rules), "--patients")["patients"]
              if one["patient_id"] == "a"]  # fmt: skip
    assert (row["baseline"], row["worst"], row["at_end"]) == (3, 25, 18)
    rules = rules.replace("end_within", "baseline_within_days = 1\nend_within")
    assert found(study(rules))["scales"][0]["missing"]["no_baseline"] == ["b", "c", "d"]


def test_reliable_change_from_the_study_or_declared(study):
    declared = RULES.replace("threshold = 5", "reliability = 0.9\nsd = 6")
    (change,) = found(study(declared))["scales"][0]["changes"]
    assert change["points"] == pytest.approx(1.96 * 6 * 2**0.5 * 0.1**0.5)
    own = RULES.replace("threshold = 5", "threshold = 5\nreliability = 0.9")
    both = found(study(own))["scales"][0]["changes"]
    assert [one["kind"] for one in both] == ["threshold", "reliable change"]
    assert both[1]["sd"] == pytest.approx(2.88675134594813)  # of 20, 20, 15


def test_baselines_that_do_not_vary_have_no_reliable_change(study):
    rules = RULES.replace("threshold = 5", "reliability = 0.9")
    rows = "patient_id,date,scale,score\na,9,mood,20\na,20,mood,20\nb,9,mood,20\nb,20,mood,20\n"
    document = found(study(rules, scales=rows))
    assert document["scales"][0]["changes"] == []
    said = " ".join(document["warnings"])
    assert "No reliable change" in said
    assert "No mean course: the scores do not vary within patients" in said
    assert "Clinically significant worsening" in run(study(rules, scales=rows))


@pytest.mark.parametrize("rows", ["", "a,9,mood,20\n", "a,20,mood,20\n"])
def test_hardly_any_scores(study, tmp_path, rows):
    folder = study(scales="patient_id,date,scale,score\n" + rows + "a,90,mood,1\n")
    document = found(folder, "--figure", str(tmp_path / "drawn.png"))
    share = document["scales"][0]["changes"][0]["populations"][0]["any_time"]
    assert (share["n"], share["estimate"]) == (0, None)
    assert "reason" in document["scales"][0]["model"]
    assert (tmp_path / "drawn.png").stat().st_size > 1000


def test_one_patient(study):
    tables = {
        name: "\n".join(line for line in text.splitlines() if line[0] in "pa") + "\n"
        for name, text in TABLES.items()
    }
    share = found(study(**tables))["scales"][0]["changes"][0]["populations"][0]["any_time"]
    assert (share["successes"], share["n"], share["upper"]) == (1, 1, 1)


def test_where_lower_is_worse(study, tmp_path):
    rules = RULES.replace('"higher"', '"lower"')
    document = found(study(rules), "--figure", str(tmp_path / "drawn.svg"))
    everybody = document["scales"][0]["changes"][0]["populations"][0]
    assert everybody["any_time"]["successes"] == 0
    assert (tmp_path / "drawn.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_scores_outside_the_range_stop_the_study(study):
    rows = TABLES["scales"] + "a,21,mood,31\nb,22,mood,-1\n"
    said = refused(study(scales=rows))
    assert "a score of mood must lie between 0 and 30" in said
    assert "line 16, patient a: '31'" in said
    assert "line 17, patient b: '-1'" in said


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("scales.mood", "scales.Mood", "it has mood, other"),
        ('source = "a citation"', "", "the key is required"),
        ("threshold = 5", "", "threshold or a reliability"),
        ("threshold = 5", "threshold = -5", "more than 0"),
        ("threshold = 5", "reliability = 1.2", "below 1"),
        ("threshold = 5", "threshold = 5\nsd = 3", "used with a reliability only"),
        ("[0, 30]", "[30, 0]", "the lowest and the highest score"),
        ("weeks = 4", 'weeks = 4, at = "last_treatment"', "{ weeks = ... }"),
        ("weeks = 4", "weeks = 4, day = 2", "day goes with at"),
        ("worse =", "worst =", "not known here"),
        ("first_treatment", "first_visit", '"enrolment" or "first_treatment"'),
    ],
)
def test_rules_that_cannot_be(study, wrong, right, words):
    assert words in refused(study(RULES.replace(wrong, right)))


def test_a_study_without_rules_or_treatments(study, tmp_path):
    assert "[worsening]" in refused(study(""))
    folder = study()
    text = (folder / "study.toml").read_text(encoding="utf-8")
    text = text.replace('[tables.treatments]\nfile = "treatments.csv"\n', "")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    assert "it needs the table treatments" in refused(folder)


def test_the_supplied_cohort_is_as_its_readme_says():
    document = found("datasets/ketamine-taper")
    stopped = {one["population"]: one for one in document["on_any"]}["stopped"]
    assert (stopped["any_time"]["successes"], stopped["any_time"]["n"]) == (4, 20)
    shares = {one["key"]: one["successes"] for one in document["deprescribed"]}
    assert (shares["deprescribed"], shares["deprescribed.urine"]) == (20, 20)


def test_csv_is_one_table_and_figures_are_drawable(study, tmp_path):
    lines = run(study(), "--format", "csv").splitlines()
    assert lines[0].startswith("scale,change,points,when,population,worse,assessed")
    assert len({line.count(",") for line in lines}) == 1
    result = CliRunner().invoke(main, ["worsening", str(study()), "--figure", "drawn.gif"])
    assert result.exit_code == 2


def test_a_paper_of_scales_with_awkward_names(study, tmp_path):
    rules = RULES.replace("scales.mood]", 'scales."PHQ-9 <&>_%"]\nreliability = 0.8')
    rules += '[worsening.scales.other]\nworse = "lower"\nthreshold = 0.5\nsource = "$x_1$ & co"\n'
    scales = TABLES["scales"].replace("mood", "PHQ-9 <&>_%") + "a,20,other,0.25\na,36,other,0.75\n"
    result = CliRunner().invoke(
        main, ["-q", "paper", str(study(rules, scales=scales)), "--into", str(tmp_path / "paper")]
    )
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "paper" / "numbers.json").read_text(encoding="utf-8"))
    found = {key: one["value"] for key, one in numbers["numbers"].items()}
    assert (found["worsening.phq_9.any_time.n"], found["worsening.phq_9.any_time.of"]) == (1, 2)
    # The baselines 20, 20 and 15 spread by 2.89: more than 3.58 points is reliable, 5 and 4.5 are.
    assert found["worsening.phq_9.reliable_change.any_time.n"] == 2
    assert (found["worsening.other.any_time.n"], found["worsening.other.at_end.n"]) == (1, 0)
    assert (found["worsening_on_any.any_time.n"], found["deprescribed.urine.n"]) == (1, 1)
    assert numbers["conventions"]["worsening_at_end"].startswith("the last score")
    methods = (tmp_path / "paper" / "methods.md").read_text(encoding="utf-8")
    assert "a fall of 0.5 points or more (Other)" in methods
    drawn = (tmp_path / "paper" / "curves" / "symptom_scores.csv").read_text(encoding="utf-8")
    assert "other,a,3.71428571429,0.75,-0.25,end,true" in drawn
