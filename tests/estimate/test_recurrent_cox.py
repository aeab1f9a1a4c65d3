import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import andersen_gill, cox, prentice_williams_peterson

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "recurrent_cox.json").read_text(encoding="utf-8")
)
NAN = float("nan")


@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r_coxph(case, patients, column):
    # Regenerate with tests/reference/recurrent_cox.R.
    r = REFERENCE[case]
    tte = patients(r["data"], covariates=True)
    options = {"cluster": column(r["cluster"]), "ties": r["ties"]}
    if "strata" in case:
        options["strata"] = r["group"]
    patient = column(r["data"]["id"])
    if case.startswith("pwp"):
        fit = prentice_williams_peterson(
            tte,
            "age + dose",
            patient,
            time=case.split("_")[1],
            last_episode=3 if case.endswith("3") else None,
            **options,
        )
    else:
        fit = andersen_gill(tte, "age + dose", patient, **options)
    assert_allclose(fit.coef, r["coef"], rtol=1e-6)
    assert_allclose(fit.std_error, r["std_error"], rtol=1e-6)
    assert_allclose(fit.robust_std_error, r["robust"], rtol=1e-6)
    assert_allclose([fit.loglik_null, fit.loglik_fitted], r["loglik"], rtol=1e-9)


def rows():
    covariates = pd.DataFrame({"dose": [20.0, 12, 5, 14, 9]})
    return TimeToEvent(
        [5, 12, 9, 20, 8], [1, 1, 1, 0, 0], entry=[NAN, 5, NAN, 9, 2], covariates=covariates
    ), list("aabbc")


def test_with_one_row_each_it_is_the_robust_cox_model():
    tte, _ = rows()
    fit, other = andersen_gill(tte, "dose", range(5)), cox(tte, "dose", cluster=range(5))
    assert_allclose(fit.coef, other.coef)
    assert_allclose(fit.robust_std_error, other.robust_std_error)
    first = prentice_williams_peterson(tte, "dose", range(5))
    assert_allclose(first.coef, other.coef)


def test_order_of_rows_and_split_rows_change_nothing():
    tte, patient = rows()
    order = [3, 1, 4, 0, 2]
    moved = TimeToEvent(
        tte.time[order],
        tte.event[order],
        entry=tte.entry[order],
        covariates=tte.covariates.iloc[order].reset_index(drop=True),
    )
    split = TimeToEvent(
        [5, 8, 12, 9, 20, 8],
        [1, 0, 1, 1, 0, 0],
        entry=[NAN, 5, 8, NAN, 9, 2],
        covariates=tte.covariates.iloc[[0, 1, 1, 2, 3, 4]].reset_index(drop=True),
    )
    for time in ("total", "gap"):
        one = prentice_williams_peterson(tte, "dose", patient, time=time)
        two = prentice_williams_peterson(moved, "dose", np.array(patient)[order], time=time)
        three = prentice_williams_peterson(split, "dose", list("aaabbc"), time=time)
        assert_allclose(two.coef, one.coef, rtol=1e-9)
        assert_allclose(three.coef, one.coef, rtol=1e-9)
        assert_allclose(three.robust_std_error, one.robust_std_error, rtol=1e-8)


def test_bad_input():
    tte, patient = rows()
    with pytest.raises(BadInput, match="time must be one of total, gap"):
        prentice_williams_peterson(tte, "dose", patient, time="both")
    with pytest.raises(BadInput, match="must not overlap"):
        andersen_gill(tte, "dose", ["a"] * 5)
