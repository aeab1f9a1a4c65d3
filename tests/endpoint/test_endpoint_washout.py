"""Positives that may be left over from before: by drug and assay, and carry-over."""

from math import inf

import pytest

from survival_bzd.endpoint.washout import washouts
from survival_bzd.errors import BadInput

MANY = {"diazepam": 30, "other": 2}


def test_each_analyte_has_its_own_washout(derive):
    found = derive(
        urine={"a": "20+diazepam 31+diazepam", "b": "2+benzo 3+benzo", "c": "5+zolpidem"},
        washout_days={"diazepam": 30, "zolpidem": 5, "other": 2},
    )
    assert found["a"] == (31, 1, 0, 31, "pattern", "urine.csv:3")
    assert found["b"] == (3, 1, 0, 3, "pattern", "urine.csv:5")
    assert found["c"] == (0, 0, 0, inf, "nothing_recorded", "patients.csv:4")
    assert found.roles("a") == [(20, "washed out"), (31, "relapse")]
    assert found.counts["washed_out"] == 3


def test_an_analyte_that_is_not_named_has_none(derive):
    assert derive(urine={"a": "1+benzo"}, washout_days={"diazepam": 30})["a"][1] == 1


def test_each_assay_of_an_analyte_may_have_its_own(derive):
    days = {"diazepam": {"immunoassay": 10, "other": 30}, "benzo": {"lab": 5}}
    found = derive(
        urine={
            "a": "11+diazepam@immunoassay", "b": "11+diazepam@LC-MS", "c": "11+diazepam",
            "d": "5+benzo@lab", "e": "5+benzo",
        },
        washout_days=days,
    )  # fmt: skip
    assert [found[patient][1] for patient in "abcde"] == [1, 0, 0, 0, 1]


def test_the_washout_may_be_that_of_the_drug_the_patient_came_from(studies, derive):
    folder = studies.write(
        {"patients": {"a": {}, "b": {}, "c": {}}, "urine": {p: "9+" for p in "abc"}}
        | {"washout_days": MANY, "washout_by": "drug"}
    )
    (folder / "patients.csv").write_text("patient_id,enrolled,drug\na,0,diazepam\nb,0,\nc,0,x\n")
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(
        text.replace("covariates = {  }", 'covariates = { drug = "text" }')
    )
    found = derive(folder)
    assert [found[patient][1] for patient in "abc"] == [0, 1, 1]


def test_one_positive_of_a_day_may_be_washed_out_and_another_not(derive):
    found = derive(urine={"a": "9+diazepam 9+benzo 9-zolpidem"}, washout_days=MANY)
    assert found["a"] == (9, 1, 0, 9, "pattern", "urine.csv:3")
    found = derive(urine={"a": "9+diazepam 9-benzo"}, washout_days=MANY)
    assert found["a"] == (0, 0, 0, inf, "nothing_recorded", "patients.csv:2")


def test_carry_over_continues_a_run_from_before_the_origin(derive):
    given = {
        "urine": {
            "run": "-3+ 2+ 5+ 8+", "negative": "-3+ 2+ 5- 8+", "before": "-3+ -1- 2+",
            "new": "2+", "other": "-3+diazepam 2+benzo", "origin": "0+ 2+",
        },
        "washout_days": 7,
    }  # fmt: skip
    found = derive(**given)
    assert {p: found.roles(p)[-1][1] for p in given["urine"]} == {
        "run": "relapse", "negative": "relapse", "before": "washed out", "new": "washed out",
        "other": "washed out", "origin": "carry-over",
    }  # fmt: skip
    assert found.roles("run")[1:3] == [(2, "carry-over"), (5, "carry-over")]
    assert (found.counts["washed_out"], found.counts["carry_over"]) == (7, 4)
    strict = derive(**given, washout_positives="carry_over")
    assert [strict[p][0] for p in given["urine"]] == [8, 8, 2, 2, 2, 0]
    assert (strict.counts["washed_out"], strict.counts["carry_over"]) == (4, 4)


def test_published_windows_by_drug_and_assay(derive):
    given = {"urine": {"a": "20+diazepam@immunoassay", "b": "26+diazepam@immunoassay"}}
    found = derive(**given, washout_days="single_dose")
    assert [
        (one.name, one.assay, one.days) for one in washouts(found.evidence, found.endpoint)
    ] == [("diazepam", "immunoassay", 24)]
    assert washouts(found.evidence, found.endpoint)[0].source
    assert (found["a"][1], found["b"][1]) == (0, 1)
    assert derive(**given, washout_days="long_use")["b"][1] == 0


def test_what_is_not_published_is_named_and_never_guessed(derive):
    with pytest.raises(BadInput) as refused:
        derive(
            urine={"a": "2+diazepam 3+benzo@immunoassay 4-zolpidem@immunoassay"},
            washout_days="single_dose",
        )
    assert [fault.value for fault in refused.value.faults] == [
        "benzo, immunoassay", "diazepam, no assay",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "key", "value"),
    [
        ({"washout_days": {"valium": 3}}, "washout_days", "valium"),
        ({"washout_days": {"other": {"lab": 3}}}, "washout_days", "other"),
        ({"washout_days": {"diazepam": -3}}, "washout_days", None),
        ({"washout_days": {"diazepam": {"lab": "long"}}}, "washout_days", None),
        ({"washout_days": 2.5}, "washout_days", "2.5"),
        ({"washout_days": "a while"}, "washout_days", "a while"),
        ({"washout_by": "drug"}, "washout_by", "drug"),
        ({"washout_positives": "some"}, "washout_positives", "some"),
    ],
)
def test_what_a_washout_cannot_say(faults, rules, key, value):
    found = faults(urine={"a": "9+"}, **rules)
    assert [(fault.column, fault.value) for fault in found] == [(f"endpoint.relapse.{key}", value)]
