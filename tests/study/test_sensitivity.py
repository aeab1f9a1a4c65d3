"""Every variant of an endpoint: which there are; derived together they are as derived alone."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survival_bzd.endpoint import declare, derive
from survival_bzd.endpoint.grid import derive_each, grid
from survival_bzd.errors import BadInput
from survival_bzd.records import evidence, read_study
from survival_bzd.records.supplied import import_ctn0094, supplied
from survival_bzd.report.figures.specification_curve import specification_curve
from survival_bzd.report.sensitivity import sensitivity_document, sensitivity_tables
from survival_bzd.study import open_study
from survival_bzd.study.sensitivity import sensitivity

KETAMINE = next(study.folder for study in supplied() if study.name == "ketamine-taper")
CTN0094 = os.environ.get("SURVIVAL_BZD_CTN0094")


@pytest.fixture(scope="module")
def records():
    found = evidence(read_study(KETAMINE))
    yield found
    found.records.engine.connection.close()


def declared_with(records, **asked):
    return records.records.declaration.model_copy(update={"sensitivity": asked})


def test_the_grid_is_every_combination_and_the_declared_endpoint_is_one_of_them(records):
    study = declared_with(
        records, dated=["detected", "midpoint"], missing=["ignore", "censor"], gap_days=[90, 200]
    )
    _, found = grid(study, "relapse")
    assert len(found) == 2 * 3
    assert [one.declared for one in found].count(True) == 1
    assert found[0].choices == {"missing": "ignored", "dated": "detected"}
    assert {one.choices["missing"] for one in found} == {
        "ignored", "censored, over 90 days", "censored, over 200 days",
    }  # fmt: skip


def test_variants_that_are_the_same_rules_stand_once(records):
    study = declared_with(
        records, sources=[["urine"], ["urine", "visits"]], conflict=["use", "first"]
    )
    _, found = grid(study, "relapse")
    # One source has no conflict to win; the declared endpoint has three sources.
    assert len(found) == 1 + 2 + 1
    assert found[0].declared


def test_single_variants_stand_beside_the_grid(records):
    study = declared_with(
        records, variants=[{"washout_days": 0}, {"pattern": {"rule": "consecutive", "k": 2}}]
    )
    _, found = grid(study, "relapse")
    assert [one.choices for one in found] == [
        {"pattern": "any use", "washout_days": "14 days"},
        {"pattern": "any use", "washout_days": "none"},
        {"pattern": "consecutive: k 2", "washout_days": "14 days"},
    ]


def test_a_value_that_no_endpoint_takes_is_named_once(records):
    study = declared_with(records, dated=["detected", "tomorrow"], missing=["ignore", "censor"])
    with pytest.raises(BadInput) as caught:
        grid(study, "relapse")
    (fault,) = caught.value.faults
    assert (fault.column, fault.value) == ("sensitivity.dated", "tomorrow")


@pytest.mark.parametrize("jobs", [1, 3])
def test_variants_derived_together_are_those_derived_alone(records, jobs):
    study = declared_with(
        records, origin=["first_negative", "confirmed_abstinence"], dated=["detected", "onset"],
        missing=["ignore", "relapse"], gap_days=[100], sources=[["urine"], ["urine", "visits"]],
        population=["responders", "intention"],
    )  # fmt: skip
    endpoints = [one.endpoint for one in grid(study, "relapse")[1]]
    told: list[int] = []
    together = derive_each(records, endpoints, lambda _, tte: tte, jobs=jobs, progress=told.append)
    assert told == list(range(1, len(endpoints) + 1))
    for endpoint, found in list(zip(endpoints, together, strict=True))[:: 5 if jobs == 1 else 1]:
        fresh = evidence(read_study(KETAMINE)) if jobs == 1 else records
        alone = derive(fresh, endpoint)
        for column in ("time", "event", "lower", "upper"):
            assert np.array_equal(getattr(alone, column), getattr(found, column))
        assert list(alone.patient_id) == list(found.patient_id)
        assert alone.flow == found.flow


def test_what_fails_in_a_job_fails_here(records):
    def fails(place, tte):
        raise ValueError(str(place))

    endpoint, _ = declare(records.records.declaration, "relapse")
    with pytest.raises(ValueError, match="0"):
        derive_each(records, [endpoint], fails, jobs=2)


def test_the_table_has_a_row_for_each_variant():
    study = open_study(KETAMINE)
    found = sensitivity(study, "relapse", at_days=(182, 365), jobs=2)
    assert len(found.variants) == 72
    table, lost = sensitivity_tables(found)
    assert len(table.rows) == 72
    # Two times with three bounds each, and the usual deltas at the last.
    assert len(lost.rows) == 2 * 3 + 4
    assert table.header[-1] == "HR dose10"
    (declared,) = (one for one in found.variants if one.specification.declared)
    assert (declared.patients, declared.relapses) == (20, 6)
    document = sensitivity_document(found)
    assert document["lowest"] <= declared.survival[-1].survival.estimate <= document["highest"]
    # The interval-censored curve does not depend on the date within the interval.
    same = {}
    for one in found.variants:
        rules = tuple(value for key, value in one.specification.choices.items() if key != "dated")
        same.setdefault(rules, set()).add(str(one.survival[0].between))
    assert all(len(values) == 1 for values in same.values())


def test_a_declared_conclusion_has_a_tipping_point_and_weights_are_told_apart():
    study = open_study(KETAMINE)
    asked = {
        "dated": ["detected"], "at_days": [182, 365], "deltas": [2],
        "conclusion": {"at_days": 365, "above": 0.6}, "lost_by": "age",
    }  # fmt: skip
    declaration = study.declaration.model_copy(update={"sensitivity": asked})
    found = sensitivity(replace(study, declaration=declaration), "relapse")
    assert len(found.variants) == 1
    assert found.lost.tipping.time == 365
    assert [one.delta for one in found.lost.adjusted] == [2]
    assert (found.lost.weighted is None) == bool(found.lost.not_weighted)
    document = sensitivity_document(found)
    assert document["lost"]["bounds"][1]["time"] == 365
    json.dumps(document, allow_nan=False)


@pytest.mark.skipif(not CTN0094, reason="SURVIVAL_BZD_CTN0094 names no folder")
def test_the_real_records_have_their_known_row(tmp_path):
    import_ctn0094(Path(CTN0094), tmp_path / "study")
    found = sensitivity(open_study(tmp_path / "study"), "relapse", jobs=2)
    assert len(found.variants) == 36
    (known,) = (one for one in found.variants if one.specification.declared)
    assert known.specification.choices == {
        "sources": "urine", "origin": "last of 2 negatives", "missing": "ignored",
        "dated": "detected",
    }  # fmt: skip
    assert (known.patients, known.relapses, known.median.estimate) == (840, 447, 81)
    assert [here.time for here in known.survival] == [28, 84, 168]
    assert [round(here.survival.estimate, 3) for here in known.survival] == [0.701, 0.494, 0.366]
    assert [round(here.between, 3) for here in known.survival] == [0.672, 0.474, 0.363]


def test_a_variant_in_which_nobody_is_at_risk_has_a_row_without_numbers():
    study = open_study(KETAMINE)
    never = {"at": "confirmed_abstinence", "negatives": 500, "after": "enrolment"}
    asked = {"variants": [{"origin": never}]}
    declaration = study.declaration.model_copy(update={"sensitivity": asked})
    found = sensitivity(replace(study, declaration=declaration), "relapse")
    assert [one.patients for one in found.variants] == [20, 0]
    assert found.variants[1].ratio.reason == "nobody reached the origin"
    specification_curve(found, size="single", synthetic=True)
    assert len(sensitivity_tables(found)[0].rows) == 2
