"""The supplied studies are found, copied and imported whole."""

import gzip
import os
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from survival_bzd.errors import BadInput
from survival_bzd.records.supplied import copy, import_ctn0094, locate, supplied

EXPORT = {
    "everybody": "who,project\n1,27\n2,30\n3,51\n",
    "randomization": "who,treatment,which,when\n1,Methadone,1,3\n2,A,1,1\n2,B,2,9\n",
    "demographics": (
        "who,age,is_hispanic,race,job,is_living_stable,education,marital,is_male\n"
        "1,43,No,White,,,,,Yes\n2,NA,No,Black,NA,,,,No\n3,,,,,,,,\n"
    ),
    "visit": (
        '"who","visit","what","is_no_show","is_dead","when"\n'
        "1,BASELINE,,,,0\n1,WK1,visit,1,,7\n1,WK2,MISSING,,,\n2,WK9,no visit,,1,\n"
    ),
    "uds_temp": "who,was_temp_ok,when\n1,1,0\n1,1,0\n1,99,7\n2,1,-3\n2,99,\n",
    "uds": "who,what,when\n1,Benzodiazepine,0\n1,Thc,0\n1,Thc,7\n2,Opioid,5\n3,Benzodiazepine,4\n",
    "tlfb": "who,what,when\n1,Heroin,-2\n3,Benzodiazepine,\n",
}


def write_export(folder: Path, prefix: str = "") -> Path:
    folder.mkdir()
    for name, text in EXPORT.items():
        (folder / f"{prefix}{name}.csv").write_text(text)
    return folder


def rows(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def test_the_list_says_what_each_study_is():
    studies = {study.name: study for study in supplied()}
    assert list(studies) == ["ctn0094", "ketamine-taper", "pharmaco-smoking"]
    assert [s.synthetic for s in studies.values()] == [False, True, False]
    assert [s.has_data for s in studies.values()] == [False, True, True]
    assert [s.licence for s in studies.values()] == ["MIT", "CC0-1.0", "CC0-1.0"]
    assert studies["ketamine-taper"].title.startswith("Synthetic cohort")
    assert all(study.folder == locate(name) for name, study in studies.items())


def test_a_name_that_is_not_listed_is_refused_with_the_list():
    with pytest.raises(BadInput, match="'ketamine'") as refused:
        locate("ketamine")
    assert "ctn0094, ketamine-taper, pharmaco-smoking" in str(refused.value)


def test_a_copy_holds_the_same_files(tmp_path):
    copy("ketamine-taper", tmp_path / "deep" / "mine")
    source = {p.name: p.read_bytes() for p in locate("ketamine-taper").iterdir() if p.is_file()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "deep" / "mine").iterdir()} == source
    assert {p.name for p in (tmp_path / "deep").iterdir()} == {"mine"}


def test_a_copy_goes_into_an_empty_folder_and_not_over_files(tmp_path):
    copy("pharmaco-smoking", tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadInput, match="new or empty"):
        copy("pharmaco-smoking", tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_study_without_data_is_not_copied_but_says_how_to_import_it(tmp_path):
    with pytest.raises(BadInput, match="datasets import ctn0094 --from FOLDER"):
        copy("ctn0094", tmp_path / "mine")
    assert not list(tmp_path.iterdir())


def test_an_export_becomes_a_study_folder(tmp_path):
    study = tmp_path / "study"
    import_ctn0094(write_export(tmp_path / "export"), study)
    assert rows(study / "patients.csv") == [
        "patient_id,enrolled,project,arm,age,is_male,is_hispanic,race,job,is_living_stable,"
        "education,marital",
        "1,0,27,Methadone,43,Yes,No,White,,,,",
        "2,0,30,A,,No,No,Black,,,,",
        "3,0,51,,,,,,,,,",
    ]
    assert rows(study / "visits.csv") == [
        "patient_id,date,status,use,recall_days",
        "1,0,attended,,",
        "1,7,attended,,",
        "1,,missed,,",
        "2,,missed,,",
    ]
    assert rows(study / "urine.csv") == [
        "patient_id,date,analyte,result",
        "1,0,Benzodiazepine,positive",
        "1,0,Benzodiazepine,positive",
        "1,7,Benzodiazepine,negative",
        "2,-3,Benzodiazepine,negative",
        "2,,Benzodiazepine,invalid",
        "2,5,Benzodiazepine,negative",
        "3,4,Benzodiazepine,positive",
        "1,0,Thc,positive",
        "1,7,Thc,positive",
        "2,5,Opioid,positive",
    ]
    assert rows(study / "use_days.csv") == [
        "patient_id,substance,date",
        "1,Heroin,-2",
        "3,Benzodiazepine,",
    ]
    assert rows(study / "outcomes.csv") == ["patient_id,date,outcome", "2,,death"]
    assert (study / "study.toml").read_bytes() == (locate("ctn0094") / "study.toml").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["export", "study"]


def test_an_export_may_be_zipped_and_named_as_the_other_way_round(tmp_path):
    plain, packed = write_export(tmp_path / "plain"), tmp_path / "packed"
    packed.mkdir()
    called = {"uds_temp": "uds_samples", "uds": "uds_all", "tlfb": "tlfb_all"}
    for name, text in EXPORT.items():
        file = packed / f"ctn0094_{called.get(name, name)}.csv.gz"
        file.write_bytes(gzip.compress(text.encode()))
    import_ctn0094(plain, tmp_path / "one")
    import_ctn0094(packed, tmp_path / "two")
    made = [{p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two")]
    assert made[0] == made[1]


def test_missing_tables_are_named_at_once_with_how_to_obtain_them(tmp_path):
    export = write_export(tmp_path / "export")
    (export / "uds.csv").unlink()
    (export / "tlfb.csv").unlink()
    with pytest.raises(BadInput, match="missing: uds, tlfb") as refused:
        import_ctn0094(export, tmp_path / "study")
    assert "public.ctn0094data 1.0.6" in str(refused.value)
    assert "Balise" in str(refused.value)
    assert not (tmp_path / "study").exists()


def test_every_table_that_cannot_be_used_is_in_one_report(tmp_path):
    export = write_export(tmp_path / "export")
    (export / "visit.csv").write_text("who,when\n1,0\n")
    (export / "tlfb.csv").write_text("")
    (export / "uds.csv").rename(export / "uds.csv.gz")
    with pytest.raises(BadInput) as refused:
        import_ctn0094(export, tmp_path / "study")
    assert len(refused.value.faults) == 3
    assert "missing: what, is_dead" in str(refused.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["export"]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The written tables of the real records, days as numbers."""
    source = os.environ.get("SURVIVAL_BZD_CTN0094")
    if not source:
        pytest.skip("SURVIVAL_BZD_CTN0094 does not name a folder with the exported tables")
    study = tmp_path_factory.mktemp("ctn0094") / "study"
    import_ctn0094(Path(source), study)
    return study


def benzodiazepine_days(study: Path) -> pd.DataFrame:
    """One row for each day with a sample: whether a benzodiazepine was found."""
    urine = pd.read_csv(study / "urine.csv").query("analyte == 'Benzodiazepine' and date.notna()")
    urine["found"] = urine.result == "positive"
    return urine.groupby(["patient_id", "date"]).found.any().reset_index()


def test_real_records_have_36649_sample_days_and_6261_positive(real):
    days = benzodiazepine_days(real)
    assert (len(days), days.found.sum()) == (36_649, 6_261)
    assert (days[days.found].patient_id.nunique(), days.patient_id.nunique()) == (1_257, 3_277)


def test_real_records_keep_every_row(real):
    counts = {name: len(pd.read_csv(real / f"{name}.csv", dtype=str))
              for name in ("patients", "visits", "use_days", "outcomes")}  # fmt: skip
    assert counts == {"patients": 3_560, "visits": 53_899, "use_days": 237_778, "outcomes": 2}
    urine = pd.read_csv(real / "urine.csv", dtype=str)
    assert (urine.result == "invalid").sum() == 6
    assert urine.date.isna().sum() == 6
    assert (urine.analyte != "Benzodiazepine").sum() == 42_906 - 6_261


def test_real_records_give_840_at_risk_447_relapses_and_a_median_of_81_days(real):
    days = benzodiazepine_days(real)
    people = days.groupby("patient_id")
    seen = people.found.cumsum() > 0
    confirmed = ~days.found & ~people.found.shift(fill_value=True).astype(bool)
    confirmed &= seen
    origin = days[confirmed].groupby("patient_id").date.min().rename("origin")
    after = days.merge(origin, on="patient_id").query("date >= origin")
    after["day"] = after.date - after.origin
    relapse = after[after.found].groupby("patient_id").day.min()
    relapse = relapse.reindex(origin.index)
    last = after[~after.found].groupby("patient_id").day.max()
    time = relapse.fillna(last)
    event = relapse.notna()
    assert (len(time), event.sum()) == (840, 447)
    at_risk = pd.Series({t: (time >= t).sum() for t in sorted(time.unique())})
    relapses = event.groupby(time).sum()
    survival = (1 - relapses / at_risk).cumprod()
    assert survival[survival < 0.5].index[0] == 81
    reached = [round(survival[survival.index <= t].iloc[-1], 3) for t in (28, 84, 168)]
    assert reached == [0.701, 0.494, 0.366]


def test_real_records_name_no_substance_that_is_not_declared(real):
    declared = tomllib.loads((real / "study.toml").read_text())["substances"]
    names = {name for group in declared.values() for name in group}
    found = set(pd.read_csv(real / "urine.csv").analyte)
    found |= set(pd.read_csv(real / "use_days.csv").substance)
    assert found == names
