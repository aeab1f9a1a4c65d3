"""The synthetic cohort agrees with the published figures: counted with pandas, not the package."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "datasets" / "ketamine-taper"
COUNTED = ("benzodiazepines", "zopiclone", "zolpidem")
MONTH = 30.4375


def table(name: str) -> pd.DataFrame:
    frame = pd.read_csv(FOLDER / f"{name}.csv", dtype=str, keep_default_na=False)
    for column in {"date", "enrolled", "from", "to"} & set(frame.columns):
        frame[column] = pd.to_datetime(frame[column], format="%Y-%m-%d")
    return frame


def end_of_week_4() -> pd.Series:
    return table("treatments").groupby("patient_id").date.min() + pd.Timedelta(days=28)


def attended() -> pd.DataFrame:
    visits = table("visits")
    return visits[visits.status == "attended"]


def last_contact() -> pd.Series:
    dates = pd.concat([attended()[["patient_id", "date"]], table("urine")[["patient_id", "date"]]])
    return dates.groupby("patient_id").date.max()


def specimens() -> pd.DataFrame:
    """One row for each specimen that could be assayed: whether a drug that counts was found."""
    urine = table("urine")
    urine = urine[urine.analyte.isin(COUNTED) & (urine.result != "invalid")]
    found = urine.assign(use=urine.result == "positive").groupby(["patient_id", "date"]).use.any()
    return found.reset_index().assign(source="urine")


def reports() -> pd.DataFrame:
    said = attended()
    said = said[said.use != ""]
    return said.assign(use=said.use == "yes", source="visits")[
        ["patient_id", "date", "use", "source"]
    ]


def after_the_origin() -> pd.DataFrame:
    """Statements after the second of two consecutive negatives, one row a day, any use wins."""
    calendar = table("use_days")[["patient_id", "date"]].assign(use=True, source="use_days")
    days = pd.concat([specimens(), reports(), calendar]).groupby(["patient_id", "date"]).use.any()
    days = days.reset_index().merge(table("patients")[["patient_id", "enrolled"]])
    days = days[days.date > days.enrolled]
    confirmed = ~days.use & ~days.groupby("patient_id").use.shift(fill_value=True)
    origin = days[confirmed].groupby("patient_id").date.min().rename("origin")
    days = days.merge(origin, on="patient_id")
    return days.assign(day=(days.date - days.origin).dt.days).query("day > 0")


def relapses() -> pd.Series:
    """Day of the first use after the origin and the washout of 14 days."""
    days = after_the_origin()
    return days[days.use & (days.day > 14)].groupby("patient_id").day.min()


def test_is_reproduced_byte_for_byte_by_its_script(tmp_path):
    subprocess.run([sys.executable, FOLDER / "make.py", tmp_path], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in FOLDER.glob("*.csv")}


def test_says_that_it_is_synthetic():
    study = tomllib.loads((FOLDER / "study.toml").read_text())["study"]
    assert study["synthetic"] is True
    assert study["control_group"] is False
    assert study["title"].startswith("Synthetic cohort")
    assert "**Synthetic data.**" in (FOLDER / "README.md").read_text()


def test_every_name_in_the_records_is_declared():
    declared = tomllib.loads((FOLDER / "study.toml").read_text())["substances"]
    names = {name for group in declared.values() for name in group}
    assert set(table("urine").analyte) | set(table("use_days").substance) <= names
    assert set(table("fills").substance) <= names


def test_22_enrolled_on_a_mean_of_15_6_mg():
    patients = table("patients")
    assert patients.patient_id.tolist() == [f"{number:03}" for number in range(1, 23)]
    assert round(patients.dose_dzp.astype(float).mean(), 1) == 15.6
    ratio = patients.dose_dzp.astype(float) / patients.dose10.astype(float)
    assert ratio.round(9).eq(10).all()
    assert "NA" in set(patients.site)


def test_doses_are_converted_by_the_equivalents_of_the_readme():
    equivalent = {
        "alprazolam": 0.5, "clonazepam": 0.5, "diazepam": 10, "lorazepam": 1,
        "oxazepam": 20, "temazepam": 20, "zolpidem": 20, "zopiclone": 15,
    }  # fmt: skip
    patients = table("patients")
    expected = patients.dose_mg.astype(float) * 10 / patients.drug.map(equivalent)
    assert patients.dose_dzp.astype(float).tolist() == expected.tolist()


def test_6_infusions_over_4_weeks():
    treatments = table("treatments").groupby("patient_id").date
    assert (treatments.size() == 6).all()
    assert len(treatments.size()) == 22
    assert ((treatments.max() - treatments.min()).dt.days < 28).all()


def test_20_of_22_are_negative_in_urine_by_the_end_of_week_4():
    early = specimens().merge(end_of_week_4().rename("week_4").reset_index())
    last = early[early.date <= early.week_4].sort_values("date").groupby("patient_id").tail(1)
    assert len(last) == 22
    assert set(last[last.use].patient_id) == {"012", "021"}


def test_the_20_reach_the_origin_at_the_end_of_week_4_and_the_other_2_never():
    origins = after_the_origin().groupby("patient_id").origin.first()
    late = (origins - end_of_week_4()[origins.index]).dt.days
    assert len(origins) == 20
    assert late.between(-3, 0).all()


def test_fewer_than_a_quarter_of_the_20_became_clinically_worse():
    scales = table("scales").merge(end_of_week_4().rename("week_4").reset_index())
    scales["score"] = scales.score.astype(int)
    baseline = scales.sort_values("date").groupby(["patient_id", "scale"]).score.first()
    scales = scales.merge(baseline.rename("baseline").reset_index())
    acute = scales[scales.date <= scales.week_4]
    threshold = acute.scale.map({"depression": 6, "anxiety": 6, "sleep": 6, "suicidality": 4})
    worse = set(acute[acute.score - acute.baseline >= threshold].patient_id) - {"012", "021"}
    assert worse == {"003", "011", "015", "020"}
    assert len(worse) < 20 / 4


def test_follow_up_has_mean_12_and_range_3_to_24_months():
    months = (last_contact() - end_of_week_4()).dt.days / MONTH
    assert len(months) == 22
    assert round(months.mean(), 1) == 12.0
    assert (round(months.min(), 1), round(months.max(), 1)) == (3.0, 24.0)


def test_6_of_the_20_relapse_spread_over_2_to_14_months():
    assert relapses().to_dict() == {"004": 186, "005": 427, "006": 64, "007": 272, "010": 81,
                                    "016": 280}  # fmt: skip


def test_14_of_22_never_relapse_and_are_free_at_their_last_contact():
    days = after_the_origin().sort_values("date")
    last = days.groupby("patient_id").tail(1).set_index("patient_id")
    assert (last.date == last_contact()[last.index]).all()
    free = set(last[~last.use].index)
    assert len(free) == 14
    assert free == set(last.index) - set(relapses().index)


def test_one_death_and_one_loss_are_among_the_14():
    outcomes = table("outcomes").set_index("patient_id")
    assert outcomes.index.is_unique
    assert len(outcomes) == 22
    by_kind = outcomes.groupby("outcome").groups
    assert [list(by_kind[kind]) for kind in ("death", "loss", "withdrawal")] == [
        ["013"], ["017"], ["021"],
    ]  # fmt: skip
    assert not {"013", "017"} & set(relapses().index)
    assert (outcomes.date >= last_contact()).all()


def test_report_and_urine_conflict_once_and_it_decides_a_patient():
    days = pd.concat([specimens(), reports()]).groupby(["patient_id", "date"]).use.nunique()
    conflicts = days[days > 1].index.to_list()
    assert conflicts == [("016", pd.Timestamp("2012-06-22"))]
    days = after_the_origin().query("patient_id == '016'")
    assert days[days.use].date.to_list() == [pd.Timestamp("2012-06-22")]


def test_one_positive_lies_inside_the_washout_and_nothing_is_reported_with_it():
    days = after_the_origin()
    washed = days[days.use & (days.day <= 14)]
    assert washed[["patient_id", "day"]].values.tolist() == [["015", 12]]
    said = reports().query("patient_id == '015'").set_index("date").use
    assert washed.date.iloc[0] not in said.index
    assert not said[said.index > washed.origin.iloc[0]].any()


def test_one_specimen_could_not_be_assayed():
    invalid = table("urine").query("result == 'invalid'")
    assert invalid.groupby(["patient_id", "date"]).size().tolist() == [4]


@pytest.mark.parametrize("status", ["attended", "missed", "not_required"])
def test_visits_are_as_untidy_as_in_a_clinic(status):
    visits = table("visits")
    assert (visits.status == status).any()
    assert (visits[visits.status != "attended"].use == "").all()
    assert (attended().use == "").sum() == 2


def test_a_calendar_day_lies_in_its_window_and_no_specimen_precedes_enrolment():
    days = table("use_days").merge(table("use_windows"), on="patient_id")
    assert days.date.between(days["from"], days["to"]).all()
    assert not {"012", "021"} & set(table("use_windows").patient_id)
    urine = table("urine").merge(table("patients")[["patient_id", "enrolled"]])
    assert (urine.date >= urine.enrolled).all()
