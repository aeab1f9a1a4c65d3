"""ADTTE out and in: the same estimates to the digit; what is usually got wrong stops."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from click.testing import CliRunner

from survival_bzd.cli import main
from survival_bzd.endpoint import (
    AdtteChoice,
    TimeToEvent,
    adtte_of,
    is_adtte,
    read_adtte,
    write_adtte,
)
from survival_bzd.errors import BadInput
from survival_bzd.estimate import aalen_johansen, cox, kaplan_meier, npmle
from survival_bzd.study import export_adtte, open_study, time_to_event

SUPPLIED = Path(__file__).parents[2] / "datasets" / "ketamine-taper"
ANY = AdtteChoice()
RELAPSE = AdtteChoice(paramcd=("TTRELAPS",))
ENDINGS = ["csv", "xpt", "json"]


@pytest.fixture(scope="module")
def study():
    return open_study(SUPPLIED)


@pytest.fixture(scope="module")
def tte(study):
    return time_to_event(study)


def run(*given, status=0, **options):
    done = CliRunner().invoke(main, [str(part) for part in given], **options)
    assert done.exit_code == status, done.stderr
    return done


@pytest.mark.parametrize("ending", ENDINGS)
def test_there_and_back_the_estimates_are_the_same(study, tte, tmp_path, ending):
    path, beside = export_adtte(study, tmp_path / f"adtte.{ending}")
    assert beside == tmp_path / "adtte.define.json"
    back = read_adtte(path, RELAPSE, name=path.name, variables=("DOSE10",), labels=("SEX",)).tte
    for name in ("time", "lower", "patient_id"):
        np.testing.assert_array_equal(getattr(back, name), getattr(tte, name), err_msg=name)
    np.testing.assert_array_equal(back.event == 1, tte.event == 1)
    (ours,), (theirs,) = kaplan_meier(tte), kaplan_meier(back)
    pd.testing.assert_frame_equal(ours.to_frame(), theirs.to_frame(), check_exact=True)
    fits = cox(tte, "dose10"), cox(back, "DOSE10")
    for name in ("coef", "std_error", "lower", "upper", "p_value", "loglik_fitted"):
        np.testing.assert_array_equal(getattr(fits[0], name), getattr(fits[1], name))
    (ours,), (theirs,) = npmle(tte), npmle(back)
    pd.testing.assert_frame_equal(ours.to_frame(), theirs.to_frame(), check_exact=True)
    both = AdtteChoice(paramcd=("TTRELAPS", "TTDEATH"))
    several = read_adtte(path, both, name=path.name).tte
    np.testing.assert_array_equal(several.event, tte.event)
    for ours, theirs in zip(aalen_johansen(tte), aalen_johansen(several), strict=True):
        np.testing.assert_array_equal(ours.incidence, theirs.incidence)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_data_are_the_same_bytes(study, tmp_path, ending):
    paths = [export_adtte(study, tmp_path / place / f"adtte.{ending}")[0] for place in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_columns_are_those_of_adam(study, tte, tmp_path):
    path, beside = export_adtte(study, tmp_path / "adtte.xpt")
    frame, told = pyreadstat.read_xport(path)
    assert " ".join(frame.columns[:17]) == (
        "STUDYID USUBJID PARAMCD PARAM STARTDT ADT AVAL AVALU CNSR EVNTDESC CNSDTDSC SRCDOM SRCVAR "
        "SRCSEQ AVALLO AVALHI ENTRYDY"
    )
    assert told.table_name == "ADTTE"
    assert told.file_label.endswith("synthetic")
    assert all(len(label) <= 40 for label in told.column_labels)
    assert len(frame) == 2 * tte.n
    relapse = frame[frame["PARAMCD"] == "TTRELAPS"].reset_index(drop=True)
    np.testing.assert_array_equal(relapse["CNSR"] == 0, tte.event == 1)
    apart = [(a - s).days for a, s in zip(relapse["ADT"], relapse["STARTDT"], strict=True)]
    np.testing.assert_array_equal(apart, tte.time)
    np.testing.assert_array_equal(relapse["SRCSEQ"], tte.line)
    assert set(relapse["SRCDOM"]) <= {"VISITS", "URINE", "USE_DAYS", "USE_WIND", "OUTCOMES"}
    defined = json.loads(beside.read_text())
    assert [one["name"] for one in defined["variables"]] == list(frame.columns)
    cnsr = next(one for one in defined["variables"] if one["name"] == "CNSR")
    assert {str(int(code)) for code in frame["CNSR"]} <= cnsr["codelist"].keys()
    aval = next(one for one in defined["variables"] if one["name"] == "AVAL")
    assert "without + 1" in aval["method"]


def small(**given):
    return TimeToEvent(
        [3, 5.5, 9, 0], [1, 0, 2, 0], causes=("relapse", "moved away"), label="Relapse",
        patient_id=["a", "b", "c", "d"], **given,
    )  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_study_in_days_has_no_dates(tmp_path, ending):
    path = tmp_path / f"adtte.{ending}"
    tte = small(
        origin_day=[0, 1, 2, 3], reason=["pattern", "odd one", "moved away", "loss"],
        entry=[np.nan, 2, 0, np.nan],
        covariates=pd.DataFrame({"a rather long name": ["x", None, "", "y"], "a_rather_long": 1.5}),
    )  # fmt: skip
    write_adtte(adtte_of(tte, study="s", dates=False), path)
    back = read_adtte(path, RELAPSE, name="t", variables=("ARATHERL", "A_RATHER")).tte
    np.testing.assert_array_equal(back.time, tte.time)
    np.testing.assert_array_equal(back.entry, tte.entry)
    assert list(back.covariates["A_RATHER"]) == [1.5] * 4
    cnsr = pd.DataFrame(adtte_of(tte, study="s").frame).groupby("PARAMCD")["CNSR"].agg(list)
    assert cnsr["TTRELAPS"] == [0, 50, 12, 5]
    assert cnsr["TTMOVEDA"] == [11, 50, 0, 5]


def test_a_text_too_long_for_transport_is_refused(tmp_path):
    path = tmp_path / "adtte.xpt"
    tte = small(covariates=pd.DataFrame({"note": ["x" * 201, "", "", ""]}))
    with pytest.raises(BadInput, match="at most 200 bytes"):
        write_adtte(adtte_of(tte, study="s"), path)
    assert not any(tmp_path.iterdir())
    with pytest.raises(BadInput, match="ends in"):
        write_adtte(adtte_of(tte, study="s"), tmp_path / "adtte.sas7bdat")


# On the command line


def test_fits_take_an_adtte_file(study, tmp_path):
    path, _ = export_adtte(study, tmp_path / "adtte.xpt")
    for command in (["km"], ["npmle", "--resamples", "0"], ["cox", "--formula", "DOSE10"]):
        given = command[1:]
        done = run(command[0], path, "--paramcd", "TTRELAPS", *given, "--format", "json")
        assert json.loads(done.stdout)
    done = run("cif", path, "--paramcd", "TTRELAPS,TTDEATH", "--format", "json")
    assert json.loads(done.stdout)
    text = (export_adtte(study, tmp_path / "adtte.csv")[0]).read_bytes()
    assert "TTDEATH" in run("km", "-", input=text, status=3).stderr
    assert run("km", "-", "--paramcd", "TTDEATH", input=text)


def test_usage_of_paramcd(study, tmp_path):
    path, _ = export_adtte(study, tmp_path / "adtte.csv")
    given = ["km", path, "--paramcd", "TTRELAPS"]
    run(*given, "--time", "AVAL", "--event", "CNSR", status=2)
    run(*given, "--entry", "ENTRYDY", status=2)
    run("km", path, "--paramcd", "TTRELAPS,TTDEATH", status=2)
    run("km", SUPPLIED, "--paramcd", "TTRELAPS", status=2)
    assert "no such" not in run("km", path, "--paramcd", "TT", status=3).stderr
    assert "AVALU says" in run(*given, "--unit", "months", status=3).stderr
    run(*given, "--unit", "days")


def test_derive_writes_adtte(tmp_path):
    target = tmp_path / "out" / "adtte.json"
    done = run("derive", SUPPLIED, "--adtte", target)
    assert done.stdout.split() == [str(target), str(target.with_name("adtte.define.json"))]
    run("derive", SUPPLIED, "--adtte", tmp_path / "adtte.txt", status=3)


# What is usually got wrong


def adtte_file(tmp_path, *rows, **constant):
    """Write rows of (subject, AVAL, CNSR, more) as a CSV of ADTTE."""
    path = tmp_path / "adtte.csv"
    start = dt.date(2020, 1, 1)
    made = []
    for subject, aval, cnsr, more in rows:
        row = {"USUBJID": subject, "PARAMCD": "TTR", "PARAM": "Time to relapse", "AVALU": "DAYS",
               "AVAL": aval, "CNSR": cnsr}  # fmt: skip
        made.append(row | constant | more)
        if "days" in more:
            made[-1] |= {"STARTDT": start, "ADT": start + dt.timedelta(days=made[-1].pop("days"))}
    pd.DataFrame(made).to_csv(path, index=False)
    return path


def refused(path, choice=ANY):
    with pytest.raises(BadInput) as caught:
        read_adtte(path, choice, name=path.name)
    return caught.value.faults


def test_months_taken_for_days(tmp_path):
    rows = [("1", 2, 0, {"days": 61}), ("2", 6, 1, {"days": 183}), ("3", 12, 1, {"days": 365})]
    (fault,) = refused(adtte_file(tmp_path, *rows))
    assert "by STARTDT and ADT it is in months" in fault.rule
    path = adtte_file(tmp_path, *rows, AVALU="MONTHS")
    assert read_adtte(path, AdtteChoice(), name="t").tte.unit == "months"
    (fault,) = refused(path, AdtteChoice(unit="days"))
    assert fault.value == "MONTHS"
    days = [("1", 61, 0, {"days": 61}), ("2", 183, 1, {"days": 183})]
    (fault,) = refused(adtte_file(tmp_path, *days, AVALU="MONTHS"))
    assert "it is in days" in fault.rule


def test_a_unit_that_nobody_says(tmp_path):
    path = adtte_file(tmp_path, ("1", 2, 0, {}), AVALU="")
    (fault,) = refused(path)
    assert "--unit days" in fault.remedy
    assert read_adtte(path, AdtteChoice(unit="weeks"), name="t").tte.unit == "weeks"
    path = adtte_file(tmp_path, ("1", 2, 0, {}), ("2", 2, 0, {"AVALU": "MONTHS"}))
    assert refused(path)[0].value == "DAYS, MONTHS"


def test_the_first_day_is_0_or_said_to_be_1(tmp_path):
    rows = [("1", 62, 0, {"days": 61}), ("2", 184, 1, {"days": 183}), ("3", 1, 2, {"days": 0})]
    path = adtte_file(tmp_path, *rows)
    (fault,) = refused(path)
    assert "ADT - STARTDT + 1" in fault.rule
    assert "--first-day 1" in fault.remedy
    tte = read_adtte(path, AdtteChoice(first_day=1), name="t").tte
    assert list(tte.time) == [61, 183, 0]
    path = adtte_file(tmp_path, ("1", 61, 0, {"days": 61}), ("2", 184, 1, {"days": 183}))
    assert [fault.line for fault in refused(path)] == [3]


@pytest.mark.parametrize("cnsr", ["", "NA", "-1", "0.5", "maybe"])
def test_cnsr_must_be_there_and_a_code(tmp_path, cnsr):
    (fault,) = refused(adtte_file(tmp_path, ("1", 2, cnsr, {}), ("2", 3, 0, {})))
    assert (fault.line, fault.column, fault.patient) == (2, "CNSR", "1")


def test_an_event_column_called_cnsr(tmp_path):
    rows = [("1", 2, 0, {"CNSDTDSC": "Last visit"}), ("2", 3, 1, {"CNSDTDSC": ""})]
    (fault,) = refused(adtte_file(tmp_path, *rows))
    assert "looks like an event column" in fault.rule


def test_a_subject_has_one_record_of_a_parameter(tmp_path):
    rows = [("1", 2, 0, {}), ("2", 3, 0, {}), ("1", 4, 1, {}), ("1", 2, 0, {"PARAMCD": "OTHER"})]
    (fault,) = refused(adtte_file(tmp_path, *rows), AdtteChoice(paramcd=("TTR",)))
    assert (fault.line, fault.value) == (4, "1")


def test_times_below_zero_and_missing(tmp_path):
    (fault,) = refused(adtte_file(tmp_path, ("1", -2, 0, {}), ("2", 3, 0, {})))
    assert "zero or more" in fault.rule
    rows = read_adtte(
        adtte_file(tmp_path, ("1", "", 0, {}), ("2", 3, 0, {})), AdtteChoice(), name="t"
    )
    assert rows.left_out == (2,)


def test_competing_parameters_tell_one_time(tmp_path):
    both = AdtteChoice(paramcd=("TTR", "TTD"))
    death = {"PARAMCD": "TTD", "PARAM": "Time to death"}
    rows = [("1", 2, 0, {}), ("2", 3, 1, {}), ("1", 2, 1, death), ("2", 3, 0, death)]
    tte = read_adtte(adtte_file(tmp_path, *rows), both, name="t").tte
    assert (list(tte.event), tte.causes) == ([1, 2], ("relapse", "death"))
    rows[2:] = [("1", 2, 0, death), ("2", 9, 0, death), ("3", 9, 0, death)]
    assert [fault.line for fault in refused(adtte_file(tmp_path, *rows), both)] == [4, 5, 6]
    faults = refused(adtte_file(tmp_path, *rows[:3]), both)
    assert ["one event first" in fault.rule for fault in faults] == [True, False]


def test_a_file_lacks_what_adtte_has(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("PARAMCD,AVAL,CNSR\nA,1,0\n")
    assert is_adtte(path, "t")
    assert refused(path)[0].value == "USUBJID"
    path.write_text("PARAMCD,AVAL\nA,1\n")
    assert not is_adtte(path, "t")


@pytest.mark.parametrize(
    ("event", "more", "said"),
    [
        ("CNSR", [], "CNSR is no event"),
        ("CNSR", ["--event-is", "1"], "CNSR is no event"),
        ("DUR", [], "as times would"),
        ("TWO", [], "which of 1 and 2"),
    ],
)
def test_a_wrong_event_column_is_said_once(tmp_path, event, more, said):
    path = tmp_path / "rows.csv"
    lines = [f"{n},{n % 3},{n * 7},{n % 2 + 1},{n % 2}" for n in range(1, 21)]
    path.write_text("\n".join(["AVAL,CNSR,DUR,TWO,EV", *lines]) + "\n")
    done = run("km", path, "--time", "AVAL", "--event", event, *more, status=3)
    assert said in done.stderr
    assert done.stderr.startswith("Error: 1 problem")
    run("km", path, "--time", "AVAL", "--event", "CNSR", "--event-is", "0")
