"""SDTM made of the supplied cohort becomes the same endpoint; what is not used is listed."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from click.testing import CliRunner

from survival_bzd.cli import main
from survival_bzd.errors import BadInput
from survival_bzd.records import read_study
from survival_bzd.records.imports.sdtm import import_sdtm
from survival_bzd.study import open_study, time_to_event

SUPPLIED = Path(__file__).parents[2] / "datasets" / "ketamine-taper"
CLASSES = {"Benzodiazepines and Z-drugs": "benzodiazepine"}
TESTCD = {"benzodiazepines": "BNZDZPN", "zopiclone": "ZOPICLON", "zolpidem": "ZOLPIDEM",
          "cannabis": "CANNAB"}  # fmt: skip
DECODED = {
    "death": "DEATH", "loss": "LOST TO FOLLOW-UP", "withdrawal": "WITHDRAWAL BY SUBJECT",
    "study_end": "COMPLETED",
}  # fmt: skip


def table(name):
    return pd.read_csv(SUPPLIED / f"{name}.csv", dtype=str, keep_default_na=False)


def base(frame, domain, **columns):
    made = {"STUDYID": "KT", "DOMAIN": domain, "USUBJID": "KT-" + frame["patient_id"]}
    if domain != "DM":
        made[f"{domain}SEQ"] = [str(place) for place in range(1, len(frame) + 1)]
    return pd.DataFrame({**made, **columns}).fillna("")


def sdtm_of_the_cohort():
    """Write the cohort as a data manager would: one domain a table, nothing of ours in it."""
    patients, outcomes = table("patients"), table("outcomes")
    died = outcomes[outcomes["outcome"] == "death"].set_index("patient_id")["date"]
    dm = base(
        patients, "DM", RFSTDTC=patients["enrolled"], SITEID=patients["site"],
        AGE=patients["age"], SEX=patients["sex"], ARM="KETAMINE", ARMCD="KET",
        DTHDTC=patients["patient_id"].map(died).fillna(""),
    )  # fmt: skip
    dm["DTHFL"] = np.where(dm["DTHDTC"] != "", "Y", "")
    visits, days, windows = table("visits"), table("use_days"), table("use_windows")
    sv = base(
        visits, "SV", SVSTDTC=visits["date"], SVPRESP="Y",
        SVOCCUR=np.where(visits["status"] == "attended", "Y", "N"),
        SVREASOC=np.where(visits["status"] == "not_required", "NOT REQUIRED BY PROTOCOL", ""),
    )  # fmt: skip
    sv["VISITNUM"] = sv.groupby("USUBJID").cumcount().add(1).astype(str)
    asked = visits[visits["use"] != ""]
    answers = base(
        asked, "SU", SUTRT="benzodiazepines and Z-drugs", SUPRESP="Y",
        SUOCCUR=np.where(asked["use"] == "yes", "Y", "N"), SUDTC=asked["date"] + "T09:30",
        SUEVLINT=("-P" + asked["recall_days"] + "D").where(asked["recall_days"] != "", ""),
        SUCAT="VISIT",
    )  # fmt: skip
    with_use = windows.apply(
        lambda w: ((days["patient_id"] == w["patient_id"]) & (days["date"] >= w["from"])
                   & (days["date"] <= w["to"])).any(), axis=1,
    )  # fmt: skip
    calendars = base(
        windows, "SU", SUTRT="benzodiazepines", SUPRESP="Y", SUOCCUR=np.where(with_use, "Y", "N"),
        SUSTDTC=windows["from"], SUENDTC=windows["to"], SUCAT="TIMELINE FOLLOWBACK",
    )  # fmt: skip
    used = base(
        days, "SU", SUTRT=days["substance"].str.upper(), SUOCCUR="Y", SUDOSE=days["amount"],
        SUSTDTC=days["date"], SUENDTC=days["date"], SUCAT="TIMELINE FOLLOWBACK",
    )  # fmt: skip
    su = pd.concat([answers, calendars, used]).fillna("")
    su["SUSEQ"] = [str(place) for place in range(1, len(su) + 1)]
    urine, fills = table("urine"), table("fills")
    lb = base(
        urine, "LB", LBTESTCD=urine["analyte"].map(TESTCD), LBTEST=urine["analyte"],
        LBCAT="DRUG SCREEN", LBSPEC="URINE", LBMETHOD=urine["assay"], LBDTC=urine["date"],
        LBSTRESC=urine["result"].str.upper(),
    )  # fmt: skip
    cm = base(
        fills, "CM", CMTRT=fills["substance"], CMCAT="DISPENSED", CMSTDTC=fills["date"],
        CMDOSE=fills["strength_mg"], CMDOSU="mg", CMDUR="P" + fills["days_supply"] + "D",
    )  # fmt: skip
    treatments, scales = table("treatments"), table("scales")
    ex = base(treatments, "EX", EXTRT=treatments["treatment"], EXSTDTC=treatments["date"],
              EXENDTC=treatments["date"])  # fmt: skip
    qs = base(scales, "QS", QSTESTCD=scales["scale"].str.upper().str[:8],
              QSSTRESN=scales["score"], QSDTC=scales["date"])  # fmt: skip
    ds = base(outcomes, "DS", DSDECOD=outcomes["outcome"].map(DECODED),
              DSCAT="DISPOSITION EVENT", DSSTDTC=outcomes["date"])  # fmt: skip
    domains = {"DM": dm, "SV": sv, "SU": su, "LB": lb, "CM": cm, "EX": ex, "QS": qs, "DS": ds}
    rest = ["drug", "dose_mg", "dose_dzp", "dose10", "years_of_use"]
    domains["SUPPDM"] = pd.concat(
        pd.DataFrame({"STUDYID": "KT", "RDOMAIN": "DM", "USUBJID": dm["USUBJID"], "IDVAR": "",
                      "IDVARVAL": "", "QNAM": name.upper(), "QVAL": patients[name]})
        for name in rest
    )  # fmt: skip
    return domains


def write(domains, folder, ending):
    folder.mkdir(exist_ok=True)
    for name, frame in domains.items():
        path = folder / f"{name.lower()}.{ending}"
        if ending == "xpt":
            typed = frame.reset_index(drop=True)
            for column in ("AGE", "VISITNUM", "LBSEQ", "QSSTRESN", "SUDOSE", "CMDOSE"):
                if column in typed:
                    typed[column] = pd.to_numeric(typed[column].replace("", np.nan))
            pyreadstat.write_xport(typed, path, table_name=name, file_format_version=5)
        elif ending == "json":
            columns = [{"itemOID": c, "name": c, "label": c, "dataType": "string"} for c in frame]
            rows = [[cell or None for cell in row] for row in frame.values.tolist()]
            path.write_text(json.dumps({"datasetJSONVersion": "1.1.0", "records": len(rows),
                                        "columns": columns, "rows": rows}))  # fmt: skip
        else:
            frame.to_csv(path, index=False)
    return folder


@pytest.fixture(scope="module")
def domains():
    return sdtm_of_the_cohort()


def endpoint_of_the_cohort(folder):
    """Let an imported study have the endpoint of the supplied one."""
    text = (folder / "study.toml").read_text()
    ours = (SUPPLIED / "study.toml").read_text()
    begin = ours.index("[endpoint.relapse]")
    declared = ours[begin : ours.index("\n[", begin)] + "\n"
    theirs = text.index("[endpoint.relapse]")
    after = text.index("[[provenance]]", theirs)
    (folder / "study.toml").write_text(text[:theirs] + declared + text[after:])
    return time_to_event(open_study(folder))


@pytest.mark.parametrize("ending", ["csv", "xpt", "json"])
def test_sdtm_of_the_cohort_becomes_its_endpoint(tmp_path, domains, ending):
    into = tmp_path / "study"
    done = import_sdtm(write(domains, tmp_path / "sdtm", ending), into, classes=CLASSES,
                       synthetic=True)  # fmt: skip
    found = endpoint_of_the_cohort(into)
    expected = time_to_event(open_study(SUPPLIED))
    assert [f"KT-{patient}" for patient in expected.patient_id] == list(found.patient_id)
    for name in ("time", "event", "lower", "upper", "reason", "last_free", "origin_day"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.flow == expected.flow
    for name in ("age", "sex", "dose10", "years_of_use"):
        assert list(found.covariates[name]) == list(expected.covariates[name]), name
    counted = {one.domain: 0 for one in done.shares}
    for share in done.shares:
        counted[share.domain] += share.rows
    assert counted == {name: len(frame) for name, frame in domains.items()}
    with (into / "import.csv").open() as file:
        assert [row["rows"] for row in csv.DictReader(file)] == [str(s.rows) for s in done.shares]


# Small domains, one fault or feature each

DM = {"DM": [{"STUDYID": "S", "USUBJID": "1", "RFSTDTC": "2020-01-01", "AGE": "40"}]}


def imported(tmp_path, domains, **options):
    frames = {name: pd.DataFrame(rows).fillna("") for name, rows in (DM | domains).items()}
    into = tmp_path / "study"
    done = import_sdtm(write(frames, tmp_path / "sdtm", "csv"), into, **options)
    tables = {
        path.stem: pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
        for path in into.glob("*.csv")
    }
    return done, tables


def became(done, domain):
    return {(share.code, share.became): share.rows for share in done.shares
            if share.domain == domain}  # fmt: skip


def rows(table, *columns):
    return [tuple(row[column] for column in columns) for row in table]


SCREEN = {"USUBJID": "1", "LBTESTCD": "BNZDZPN", "LBTEST": "Benzodiazepine", "LBSPEC": "URINE"}


def test_what_a_screen_says(tmp_path):
    lb = [
        SCREEN | {"LBDTC": "2020-02-01", "LBSTRESC": "POSITIVE"},
        SCREEN | {"LBDTC": "2020-02-08T23:30:00Z", "LBORRES": "Neg"},
        SCREEN | {"LBDTC": "2020-02-15", "LBSTAT": "NOT DONE"},
        SCREEN | {"LBDTC": "2020-02-22", "LBSTRESC": "312"},
        SCREEN | {"LBDTC": "soon", "LBSTRESC": "POSITIVE", "LBSPEC": "BLOOD"},
        {"USUBJID": "1", "LBTESTCD": "GLUC", "LBTEST": "Glucose", "LBSPEC": "URINE",
         "LBDTC": "2020-02-01", "LBSTRESC": "NEGATIVE"},
    ]  # fmt: skip
    done, tables = imported(tmp_path, {"LB": lb})
    assert rows(tables["urine"], "date", "result", "recorded") == [
        ("2020-02-01", "positive", "POSITIVE"),
        ("2020-02-08", "negative", "NEG"),
        ("2020-02-15", "invalid", "NOT DONE"),
    ]
    assert became(done, "LB") == {
        ("BNZDZPN", "urine"): 3,
        ("BNZDZPN", "not used: a result that is neither positive nor negative"): 1,
        ("BNZDZPN", "not used: no urine"): 1,
        ("GLUC", "not used: no drug screen, by its category and its name"): 1,
    }
    assert any("with a zone: 1" in note for note in done.notes)


def test_what_was_asked_and_not_used_is_no_use(tmp_path):
    asked = {"USUBJID": "1", "SUTRT": "BENZODIAZEPINES", "SUPRESP": "Y"}
    su = [
        asked | {"SUOCCUR": "N", "SUDTC": "2020-02-01", "SUEVLINT": "-P28D"},
        asked | {"SUOCCUR": "Y", "SUDTC": "2020-03-31", "SUEVLINT": "-P1M"},
        asked | {"SUOCCUR": "", "SUDTC": "2020-04-01"},
        asked | {"SUSTAT": "NOT DONE", "SUDTC": "2020-04-01"},
        asked | {"SUOCCUR": "N", "SUDTC": "2020-05-01", "SUEVINTX": "LIFETIME"},
        asked | {"SUTRT": "ZOLPIDEM", "SUOCCUR": "N", "SUSTDTC": "2020-06-01",
                 "SUENDTC": "2020-06-03"},
        asked | {"SUTRT": "TOBACCO", "SUOCCUR": "N", "SUDTC": "2020-05-01"},
        {"USUBJID": "1", "SUTRT": "DIAZEPAM", "SUSTDTC": "2020-07-01", "SUENDTC": "2020-07-04",
         "SUDOSE": "5"},
        {"USUBJID": "1", "SUTRT": "DIAZEPAM", "SUSTDTC": "2020-08-01", "SUENDTC": "2020-08-03",
         "SUDOSFRQ": "QD"},
        {"USUBJID": "1", "SUTRT": "DIAZEPAM"},
    ]  # fmt: skip
    done, tables = imported(tmp_path, {"SU": su})
    assert rows(tables["visits"], "date", "use", "recall_days") == [
        ("2020-02-01", "no", "28"), ("2020-03-31", "yes", "31"),
    ]  # fmt: skip
    assert sorted(rows(tables["use_days"], "date", "substance", "amount")) == [
        ("2020-07-01", "DIAZEPAM", "5"), ("2020-07-04", "DIAZEPAM", "5"),
        ("2020-08-01", "DIAZEPAM", ""),
        ("2020-08-02", "DIAZEPAM", ""), ("2020-08-03", "DIAZEPAM", ""),
    ]  # fmt: skip
    assert rows(tables["use_windows"], "from", "to") == [("2020-06-01", "2020-06-03")]
    assert sum(done for (_, fate), done in became(done, "SU").items() if "not " in fate) == 5


def test_partial_dates_need_a_rule_and_are_flagged(tmp_path):
    lb = [SCREEN | {"LBDTC": "2020-02", "LBSTRESC": "POSITIVE"},
          SCREEN | {"LBDTC": "2021", "LBSTRESC": "NEGATIVE"}]  # fmt: skip
    with pytest.raises(BadInput) as caught:
        imported(tmp_path, {"LB": lb})
    assert [(f.file, f.line, f.column, f.value) for f in caught.value.faults] == [
        ("lb.csv", 2, "LBDTC", "2020-02"), ("lb.csv", 3, "LBDTC", "2021"),
    ]  # fmt: skip
    assert "--partial" in caught.value.faults[0].remedy
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("rule", "dates"),
    [
        ("first", [("2020-02-01", "D"), ("2021-01-01", "M")]),
        ("middle", [("2020-02-15", "D"), ("2021-06-30", "M")]),
        ("last", [("2020-02-29", "D"), ("2021-12-31", "M")]),
        ("leave_out", [("", ""), ("", "")]),
    ],
)
def test_rules_for_partial_dates(tmp_path, rule, dates):
    lb = [SCREEN | {"LBDTC": "2020-02", "LBSTRESC": "POSITIVE"},
          SCREEN | {"LBDTC": "2021", "LBSTRESC": "NEGATIVE"}]  # fmt: skip
    done, tables = imported(tmp_path, {"LB": lb}, partial=rule)
    assert rows(tables["urine"], "date", "date_imputed") == dates
    assert any(note.startswith("Dates known in part: 2") for note in done.notes)


@pytest.mark.parametrize("date", ["2020-02-30", "01/02/2020", "2020-02-01/2020-02-09", "2020---15"])
def test_what_is_no_date_is_refused(tmp_path, date):
    with pytest.raises(BadInput) as caught:
        imported(tmp_path, {"LB": [SCREEN | {"LBDTC": date, "LBSTRESC": "POSITIVE"}]},
                 partial="first")  # fmt: skip
    (fault,) = caught.value.faults
    assert fault.value == date


def test_outcomes_and_deaths(tmp_path):
    dm = [
        {"STUDYID": "S", "USUBJID": str(n), "RFSTDTC": "2020-01-01", "DTHFL": flag, "DTHDTC": died,
         "ARMCD": arm}
        for n, flag, died, arm in [
            (1, "Y", "2020-05-01", "A"), (2, "Y", "", "A"), (3, "", "", "A"),
            (4, "", "", "SCRNFAIL"),
        ]
    ]  # fmt: skip
    ds = [
        {"USUBJID": "1", "DSDECOD": "DEATH", "DSSTDTC": "2020-05-01"},
        {"USUBJID": "2", "DSDECOD": "DEATH", "DSSTDTC": "2020-06-01"},
        {"USUBJID": "3", "DSDECOD": "LOST TO FOLLOW-UP", "DSSTDTC": "2020-07-01"},
        {"USUBJID": "3", "DSDECOD": "RANDOMIZED", "DSSTDTC": "", "DSCAT": "PROTOCOL MILESTONE"},
        {"USUBJID": "3", "DSDECOD": "ADVERSE EVENT", "DSSTDTC": "", "DSSCAT": "STUDY TREATMENT"},
        {"USUBJID": "4", "DSDECOD": "SCREEN FAILURE", "DSSTDTC": "2020-01-01"},
    ]
    done, tables = imported(tmp_path, {"DM": dm, "DS": ds})
    assert sorted(rows(tables["outcomes"], "patient_id", "date", "outcome")) == [
        ("1", "2020-05-01", "death"), ("2", "2020-06-01", "death"), ("3", "2020-07-01", "loss"),
    ]  # fmt: skip
    assert [row["patient_id"] for row in tables["patients"]] == ["1", "2", "3"]
    assert became(done, "DM")["", "not used: a screen failure, who was never enrolled"] == 1
    ds[0]["DSSTDTC"] = "2020-05-02"
    with pytest.raises(BadInput, match="a patient dies once"):
        import_sdtm(write({"DM": pd.DataFrame(dm), "DS": pd.DataFrame(ds).fillna("")},
                          tmp_path / "other", "csv"), tmp_path / "else")  # fmt: skip


def test_visits_that_did_not_occur_have_their_planned_day(tmp_path):
    sv = [
        {"USUBJID": "1", "SVSTDTC": "2020-01-15", "VISITDY": "15"},
        {"USUBJID": "1", "SVSTDTC": "", "SVOCCUR": "N", "VISITDY": "29"},
        {"USUBJID": "1", "SVSTDTC": "", "SVOCCUR": "N", "VISITDY": "-3",
         "SVREASOC": "Not required"},
        {"USUBJID": "1", "SVSTDTC": "", "SVOCCUR": "N"},
    ]  # fmt: skip
    done, tables = imported(tmp_path, {"SV": sv})
    assert sorted(rows(tables["visits"], "date", "status")) == [
        ("2019-12-29", "not_required"), ("2020-01-15", "attended"), ("2020-01-29", "missed"),
    ]  # fmt: skip
    assert any("planned day" in note for note in done.notes)


def test_medication_is_a_fill_only_where_its_category_says_so(tmp_path):
    cm = [
        {"USUBJID": "1", "CMSEQ": "1", "CMTRT": "Valium", "CMDECOD": "DIAZEPAM",
         "CMCAT": "PHARMACY DISPENSING", "CMSTDTC": "2020-01-05", "CMDOSE": "5", "CMDOSU": "mg",
         "CMENDTC": "2020-02-03"},
        {"USUBJID": "1", "CMSEQ": "2", "CMTRT": "Valium", "CMCAT": "PRIOR MEDICATION",
         "CMSTDTC": "2019"},
    ]  # fmt: skip
    supp = [{"USUBJID": "1", "RDOMAIN": "CM", "IDVAR": "CMSEQ", "IDVARVAL": "1", "QNAM": "CMQTY",
             "QVAL": "60"}]  # fmt: skip
    done, tables = imported(tmp_path, {"CM": cm, "SUPPCM": supp})
    assert rows(tables["fills"], "substance", "strength_mg", "quantity", "days_supply") == [
        ("DIAZEPAM", "5", "60", "30")
    ]
    assert became(done, "CM")[
        "PRIOR MEDICATION", "not used: no dispensing, by its category (CMCAT)"
    ]


def test_other_domains_are_listed(tmp_path):
    done, _ = imported(tmp_path, {"AE": [{"USUBJID": "1", "AETERM": "Fall"}] * 3})
    assert became(done, "AE") == {("", "not used: no domain that is read here"): 3}


def test_a_split_domain_is_one(tmp_path):
    screen = SCREEN | {"DOMAIN": "LB", "LBSTRESC": "POSITIVE"}
    parts = {"LBA": [screen | {"LBDTC": "2020-02-01"}], "LBB": [screen | {"LBDTC": "2020-02-08"}]}
    done, tables = imported(tmp_path, parts)
    assert became(done, "LB") == {("BNZDZPN", "urine"): 2}
    assert rows(tables["urine"], "date", "source_line") == [("2020-02-01", ""), ("2020-02-08", "")]


def test_a_qualifier_becomes_a_covariate_and_has_one_value(tmp_path):
    supp = {"USUBJID": "1", "RDOMAIN": "DM", "QNAM": "ENROLLED", "QVAL": "yes"}
    _, tables = imported(tmp_path, {"SUPPDM": [supp, supp | {"QNAM": "DOSE", "QVAL": "7.5"}]})
    assert rows(tables["patients"], "dm_enrolled", "dose") == [("yes", "7.5")]
    frames = {"DM": pd.DataFrame(DM["DM"]), "SUPPDM": pd.DataFrame([supp, supp | {"QVAL": "no"}])}
    none = {**frames, "SUPPDM": pd.DataFrame([supp | {"QNAM": ""}])}
    with pytest.raises(BadInput, match="must have a name"):
        import_sdtm(write(none, tmp_path / "none", "csv"), tmp_path / "else")
    with pytest.raises(BadInput, match="must have one value"):
        import_sdtm(write(frames, tmp_path / "two", "csv"), tmp_path / "else")


def test_what_the_folder_lacks_is_named(tmp_path):
    with pytest.raises(BadInput, match="must have the domain DM"):
        import_sdtm(write({"EX": pd.DataFrame([{"USUBJID": "1"}])}, tmp_path / "a", "csv"),
                    tmp_path / "study")  # fmt: skip
    with pytest.raises(BadInput, match="a subject must stand in DM"):
        imported(tmp_path, {"LB": [SCREEN | {"USUBJID": "2", "LBDTC": "", "LBSTRESC": ""}]})
    none = write({"DM": pd.DataFrame(DM["DM"])[:0]}, tmp_path / "none", "csv")
    with pytest.raises(BadInput, match="a row for every subject"):
        import_sdtm(none, tmp_path / "study")
    folder = write({"DM": pd.DataFrame(DM["DM"])}, tmp_path / "b", "csv")
    write({"DM": pd.DataFrame(DM["DM"])}, folder, "json")
    with pytest.raises(BadInput, match="a domain must be there once"):
        import_sdtm(folder, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_substance_of_no_certain_class_is_asked_for(tmp_path):
    su = [{"USUBJID": "1", "SUTRT": "SLEEPING PILL", "SUSTDTC": "2020-02-01"}]
    with pytest.raises(BadInput, match="--z-drug"):
        imported(tmp_path, {"SU": su})
    _, tables = imported(tmp_path, {"SU": su}, classes={"sleeping pill": "z_drug"})
    assert len(tables["use_days"]) == 1
    declared = read_study(tmp_path / "study").declaration.substances
    assert declared["z_drug"] == ["SLEEPING PILL"]


def test_the_command_says_what_became_of_every_row(tmp_path, domains):
    folder = write(domains, tmp_path / "sdtm", "csv")
    given = ["import", "sdtm", str(folder), "--benzodiazepine", "Benzodiazepines and Z-drugs"]
    dry = CliRunner().invoke(main, [*given, "--format", "json"])
    assert dry.exit_code == 0, dry.stderr
    listed = json.loads(dry.stdout)["tables"]
    assert {"domain": "DM", "code": "", "became": "patients", "rows": 22} in listed
    assert "Times of day, not kept" in dry.stderr
    into = tmp_path / "study"
    assert not into.exists()
    done = CliRunner().invoke(main, [*given, "--into", str(into)])
    assert done.exit_code == 0, done.stderr
    assert CliRunner().invoke(main, ["check", str(into)]).exit_code == 0
    assert CliRunner().invoke(main, [*given[:3], "--into", str(tmp_path / "x")]).exit_code == 3
