import json
import math

import numpy as np
import pandas as pd
import pytest

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import (
    cox,
    hazard_table,
    kaplan_meier,
    logrank,
    restricted_mean,
    restricted_mean_difference,
)
from survival_bzd.report.documents import (
    compare_document,
    compare_tables,
    cox_document,
    cox_tables,
    hazard_document,
    hazard_tables,
    km_document,
    km_tables,
    rmst_document,
    rmst_tables,
)
from survival_bzd.report.rendering import render

ARM = np.array(["a", "b", "a", "b", "a", "b"], dtype=object)


@pytest.fixture
def rows() -> TimeToEvent:
    covariates = pd.DataFrame({"age": [40.0, 35.0, 61.0, 52.0, 47.0, 30.0], "arm": ARM})
    return TimeToEvent([5, 12, 20, 31, 31, 40], [1, 0, 1, 1, 0, 0], covariates=covariates)


def plain(document: object) -> str:
    """Write a document as the command line does: NaN would be an error."""
    return json.dumps(document, allow_nan=False)


def test_km_has_the_keys_of_its_contract(rows: TimeToEvent):
    means = restricted_mean(rows, tau=30)
    document = km_document(kaplan_meier(rows), at=(20, 100), restricted_means=means)
    assert set(document) == {"curves", "conventions", "left_out"}
    curve = document["curves"][0]
    assert list(curve) == ["group", "n", "events", "median", "at", "rmst", "steps"]
    assert (curve["group"], curve["n"], curve["events"]) == (None, 6, 3)
    assert {"tau", "estimate", "std_error"} <= set(curve["rmst"])
    keys = ["time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper"]
    assert all(list(step)[:8] == keys for step in curve["steps"])
    assert [step["time"] for step in curve["steps"]] == [5, 12, 20, 31, 40]
    assert [step["at_risk"] for step in curve["steps"]] == [6, 5, 4, 3, 1]
    plain(document)


def test_what_is_undefined_is_null_and_explained_beside_it(rows: TimeToEvent):
    document = km_document(kaplan_meier(rows), at=(2, 100))
    curve = document["curves"][0]
    before, beyond = curve["at"]
    assert (before["survival"], before["lower"]) == (1, None)
    assert "nobody has relapsed" in before["reasons"]["lower"]
    assert beyond["survival"] is None
    assert "follow-up ends" in beyond["reasons"]["survival"]
    assert curve["median"]["upper"] is None
    assert curve["median"]["reasons"]["upper"]


def test_nothing_in_a_document_is_rounded(rows: TimeToEvent):
    curve = kaplan_meier(rows)[0]
    document = json.loads(plain(km_document([curve])))
    steps = document["curves"][0]["steps"]
    assert [step["survival"] for step in steps] == curve.survival.tolist()


def test_groups_are_as_written(rows: TimeToEvent):
    document = km_document(kaplan_meier(rows, by=ARM))
    assert [curve["group"] for curve in document["curves"]] == ["a", "b"]


def test_compare_has_the_keys_of_its_contract(rows: TimeToEvent):
    document = compare_document(logrank(rows, ARM))
    assert {"statistic", "df", "p_value", "groups"} <= set(document)
    assert set(document["groups"][0]) == {"group", "n", "observed", "expected"}
    plain(document)


def test_cox_has_the_keys_of_its_contract(rows: TimeToEvent):
    document = cox_document(cox(rows, "age"), left_out=2)
    assert {"n", "events", "terms", "loglik", "tests", "concordance",
            "proportional_hazards", "left_out"} <= set(document)  # fmt: skip
    assert document["left_out"] == 2
    term = document["terms"][0]
    assert set(term) - {"reasons"} == {"term", "coef", "std_error", "robust_std_error",
                                       "hazard_ratio", "lower", "upper", "p_value"}  # fmt: skip
    assert term["robust_std_error"] is None
    assert "clusters" in term["reasons"]["robust_std_error"]
    assert set(document["loglik"]) == {"null", "fitted"}
    assert set(document["tests"]) == {"likelihood_ratio", "wald", "score"}
    assert set(document["tests"]["wald"]) == {"statistic", "df", "p_value"}
    assert {"estimate", "std_error"} <= set(document["concordance"])
    assert document["proportional_hazards"][-1]["term"] == "GLOBAL"
    plain(document)


def test_an_infinite_coefficient_is_null_and_says_why():
    covariates = pd.DataFrame({"x": [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]})
    rows = TimeToEvent([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0], covariates=covariates)
    document = cox_document(cox(rows, "x"))
    term = document["terms"][0]
    assert term["coef"] is None
    assert term["reasons"]["coef"]
    assert document["warnings"]
    plain(document)


def test_rmst_and_hazard_follow_the_same_manner(rows: TimeToEvent):
    means = restricted_mean(rows, by=ARM, tau=30)
    differences = restricted_mean_difference(rows, ARM, tau=30)
    document = rmst_document(means, differences)
    assert [one["group"] for one in document["restricted_means"]] == ["a", "b"]
    assert document["differences"][0]["reference"] == "a"
    hazards = hazard_document(hazard_table(rows, [0, 20, 40, 60]))
    window = hazards["hazards"][0]["windows"][-1]
    assert window["rate"] is None
    assert "nobody was at risk" in window["reasons"]["rate"]
    plain([document, hazards])


def test_each_result_is_a_table_in_every_form(rows: TimeToEvent):
    means = restricted_mean(rows, by=ARM, tau=30)
    tables = [
        *km_tables(kaplan_meier(rows, by=ARM), at=(10, 20), restricted_means=means),
        *km_tables(kaplan_meier(rows)),
        *compare_tables(logrank(rows, ARM)),
        *rmst_tables(means, restricted_mean_difference(rows, ARM, tau=30)),
        *hazard_tables(hazard_table(rows, [0, 20, 40])),
        *cox_tables(cox(rows, "age + C(arm)")),
    ]
    for table in tables:
        for form in ("table", "csv", "latex", "markdown"):
            assert render(table, form).strip(), (table, form)


def test_without_times_the_table_has_every_step(rows: TimeToEvent):
    table = km_tables(kaplan_meier(rows))[0]
    assert [row[0] for row in table.rows] == ["5", "12", "20", "31", "40"]
    columns = dict(table.columns)
    assert math.isclose(float(columns["survival"][0]), 5 / 6)  # type: ignore[arg-type]


def test_km_says_in_words_that_its_limits_are_beta_products(rows: TimeToEvent):
    curves = kaplan_meier(rows, limits="beta")
    (table,) = km_tables(curves, at=(4, 20))
    assert table.notes[-1] == "Limits: beta product (method of moments)."
    document = km_document(curves, at=(4, 20))
    before, after = document["curves"][0]["at"]
    assert (before["survival"], before["upper"]) == (1, 1)
    assert 0 < before["lower"] < 1
    assert "reasons" not in before
    assert "reasons" not in after
    assert document["conventions"]["limits"] == "beta"
