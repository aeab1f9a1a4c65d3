"""What can be asked of an endpoint beside its time-to-event data."""

import numpy as np
import pandas as pd
import pytest

from survival_bzd import endpoint as endpoints

CONFIRMED = {"at": "confirmed_abstinence", "negatives": 2, "after": "enrolment"}


def test_the_trace_says_what_became_of_every_statement(derive):
    found = derive(
        urine={"a": "3+ 5- 10- 12+ 20- 20?", "b": "4+"},
        visits={"a": "10no 25no 30yes 40yes"},
        fills={"a": "26"},
        sources=["urine", "visits"],
        origin=CONFIRMED,
        washout_days=5,
        conflict="first",
    )
    assert found["a"] == (20, 1, 15, 20, "pattern", "visits.csv:4")
    assert found.roles("a") == [
        (-7, "before origin"), (-5, "before origin"), (0, "day of origin"), (0, "origin"),
        (2, "washed out"), (10, "known free"), (10, "not assessed"), (15, "known free"),
        (20, "relapse"), (25, "not counted"), (30, "after"),
    ]  # fmt: skip
    assert found.roles("b") == [(4, "never at risk")]
    trace = endpoints.trace(found.evidence, found.endpoint)
    assert list(trace.columns) == [
        "patient_id", "day", "from_day", "source", "verdict", "subject", "detail", "role", "file",
        "line",
    ]  # fmt: skip


def test_a_look_back_in_the_trace_says_from_when(derive):
    found = derive(visits={"a": "30no/14"})
    trace = endpoints.trace(found.evidence, found.endpoint)
    assert (trace["from_day"][0], trace["day"][0]) == (17, 30)


def test_the_trace_of_a_calendar_has_a_row_for_each_stretch(derive):
    found = derive(
        use_days={"a": "5"}, use_windows={"a": "1..10"},
        origin={"at": "first_negative", "negatives": 1, "after": "enrolment"},
    )  # fmt: skip
    assert found.roles("a") == [(0, "origin"), (1, "relapse"), (6, "after")]


def test_the_trace_of_a_patient_without_a_date_counts_from_the_first_statement(derive):
    found = derive(patients={"a": {}}, urine={"a": "30- 33-"})
    assert found.roles("a") == [(0, "never at risk"), (3, "never at risk")]


def test_the_sql_that_ran_is_that_of_the_endpoint(derive):
    found = derive(urine={"a": "10- 90+"}, missing={"rule": "relapse", "gap_days": 60})
    text = endpoints.sql(found.evidence, found.endpoint)
    assert "CREATE TABLE gap AS" in text
    assert text.startswith("-- statement\nCREATE TABLE statement AS\nSELECT")
    simpler = found.endpoint.model_copy(update={"missing": {"rule": "ignore"}})
    assert "CREATE TABLE gap AS" not in endpoints.sql(found.evidence, simpler)


def test_the_sql_is_in_the_common_subset(derive):
    found = derive(
        urine={"a": "10-"}, visits={"a": "3no"}, use_days={"a": "5"}, use_windows={"a": "1..9"},
        treatments={"a": "0"}, outcomes={"a": "30death"},
        origin={**CONFIRMED, "after": "last_treatment"}, washout_days=3, competing=["death"],
        missing={"rule": "censor", "gap_days": 60}, pattern={"rule": "k_of_n", "k": 2, "n": 3},
    )  # fmt: skip
    text = endpoints.sql(found.evidence, found.endpoint).upper()
    for trap in ("QUALIFY", "//", "ARG_M", "MIN_BY", "MAX_BY", "GROUP BY ALL", " / ", "TRUE",
                 "FALSE", "ILIKE", "::", "EXCLUDE", "LIST(", "NULLS"):  # fmt: skip
        assert trap not in text, trap


def test_an_endpoint_may_follow_another_on_the_same_evidence(derive):
    found = derive(urine={"a": "10- 90+"}, missing={"rule": "relapse", "gap_days": 60})
    later = found.endpoint.model_copy(
        update={"missing": endpoints.declaration.IgnoreMissing(rule="ignore")}
    )
    for _ in range(2):
        assert endpoints.derive(found.evidence, found.endpoint).time[0] == 70
        assert endpoints.derive(found.evidence, later).time[0] == 90


def test_covariates_stand_in_the_order_of_the_patients(studies, derive, tmp_path):
    folder = studies.write(
        {"urine": {"b": "1- 2- 9-", "a": "1-", "c": "1- 2- 8-"}, "origin": CONFIRMED}
    )
    (folder / "patients.csv").write_text(
        "patient_id,enrolled,age,site,seen\nb,0,41.5,NA,7\na,0,,,\nc,0,,,\n"
    )
    declaration = (folder / "study.toml").read_text()
    kinds = 'covariates = { age = "number", site = "text", seen = "date" }'
    (folder / "study.toml").write_text(declaration.replace("covariates = {  }", kinds))
    found = derive(folder=folder)
    at_risk = pd.DataFrame({"age": [41.5, np.nan], "site": ["NA", None], "seen": [7.0, np.nan]})
    pd.testing.assert_frame_equal(found.tte.covariates, at_risk)
    assert list(endpoints.enrolled_covariates(found.evidence)["site"]) == ["NA", None, None]


def test_a_study_without_covariates_has_a_row_for_everybody_all_the_same(derive):
    found = derive(urine={"a": "9-", "b": "9-"})
    assert found.tte.covariates.shape == (2, 0)
    assert found.tte.select([1]).covariates.shape == (1, 0)


def test_observed_follow_up_lasts_to_the_last_attended_visit_or_specimen(derive):
    found = derive(
        patients={"e": {"enrolled": 4}},
        urine={"a": "1- 2- 9?", "b": "1- 3+"},
        visits={"a": "8no 30missed 31not_required", "b": "12silent", "e": "2no", "f": "9missed"},
        treatments={"b": "2"},
        use_days={"a": "50"},
        sources=["urine"],
        origin=CONFIRMED,
    )
    expected = {"e": np.nan, "a": 7, "b": 10, "f": np.nan}
    patients = found.evidence.records.engine.rows("SELECT patient_id FROM patients ORDER BY line")
    seen = endpoints.observed_follow_up(found.evidence, found.endpoint)
    np.testing.assert_array_equal(seen, [expected[patient] for (patient,) in patients])


@pytest.mark.parametrize("population", ["responders", "intention"])
def test_a_study_in_which_nobody_reached_the_origin(derive, population):
    found = derive(urine={"a": "1+"}, origin=CONFIRMED, population=population)
    assert found.tte.n == (1 if population == "intention" else 0)
    assert endpoints.trace(found.evidence, found.endpoint).shape[0] == 1
