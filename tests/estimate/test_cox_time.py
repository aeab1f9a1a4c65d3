"""Covariates that change during follow-up, and coefficients that change with time."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from survival_bzd.cli import main
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import check_pieces, cox, cox_curves, cox_residuals

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "cox_time.json").read_text(encoding="utf-8")
)
PIECES, DATA = REFERENCE["pieces"], REFERENCE["data"]
CHANGES = {"log": "log", "identity": "identity", "steps": [20, 84]}
ROWS = {
    "plain": {},
    "id": {"patient": "id"},
    "again": {"patient": "id"},
    "again_strata": {"patient": "id", "strata": "stratum"},
    "ipw": {"patient": "id"},
    "cluster": {"patient": "id", "cluster": "stratum"},
}
WEIGHTS = {"again_strata": "whole", "ipw": "ipw", "whole": "whole"}


def assert_as_r(model, r):
    assert_allclose(model.coef, r["coef"], rtol=1e-6)
    assert_allclose(model.std_error, r["std_error"], rtol=1e-6)
    assert_allclose([model.loglik_null, model.loglik_fitted], r["loglik"], rtol=1e-9)
    if r["robust_std_error"] is None:
        assert np.isnan(model.robust_std_error).all()
    else:
        assert_allclose(model.robust_std_error, r["robust_std_error"], rtol=1e-6)


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_rows_of_patients_agree_with_r_coxph_id(ties, kind, patients):
    # Regenerate with tests/reference/cox_time.R.
    r = REFERENCE["rows"][ties][kind]
    data = {**PIECES, "event": PIECES["again"]} if kind.startswith("again") else PIECES
    tte = patients(data, weight=WEIGHTS.get(kind), covariates=True)
    options = {name: PIECES[column] for name, column in ROWS[kind].items()}
    model = cox(tte, "age + dose", ties=ties, transform="identity", **options)
    assert_as_r(model, r)
    concordance = model.concordance
    assert_allclose([concordance.estimate, concordance.std_error], r["concordance"], rtol=1e-6)
    zph = [[t.statistic, t.df, t.p_value] for t in model.proportional_hazards]
    assert_allclose(zph, r["zph"], rtol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "whole", "strata", "late"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_coefficients_that_change_agree_with_r_tt(ties, change, kind, patients):
    data = DATA if kind == "late" else {**DATA, "entry": None}
    tte = patients(data, weight=WEIGHTS.get(kind), covariates=True)
    strata = DATA["stratum"] if kind == "strata" else None
    model = cox(tte, "age + sex", ties=ties, strata=strata, changing={"age": CHANGES[change]})
    assert_as_r(model, REFERENCE["tt"][ties][change][kind])
    assert (model.n, model.left_out, model.n_events) == (tte.n, 0, int(tte.relapsed.sum()))


def test_where_errors_are_robust_the_pieces_of_a_row_are_one(patients):
    tte = patients({**DATA, "entry": None}, weight="ipw", covariates=True)
    model = cox(tte, "age + sex", changing={"age": "log"})
    assert_as_r(model, REFERENCE["robust"])
    by_row = cox(tte, "age + sex", changing={"age": "log"}, cluster=np.arange(tte.n))
    assert_allclose(by_row.robust_std_error, model.robust_std_error, rtol=1e-12)


def test_names_and_terms_of_what_changes(patients):
    tte = patients({**DATA, "entry": None}, covariates=True)
    model = cox(tte, "group + age", changing={"group": "identity", "age": [20.0, 84.5]})
    assert model.terms == (
        "group[T.b]", "group[T.c]", "age", "group[T.b]:t", "group[T.c]:t",
        "age:(t > 20)", "age:(t > 84.5)",
    )  # fmt: skip
    assert [test.term for test in model.proportional_hazards] == [
        "group", "age", "group:t", "age:(t > 20)", "age:(t > 84.5)", "GLOBAL"
    ]  # fmt: skip


def test_a_step_in_the_coefficient_is_two_fits_by_hand():
    # A coefficient that changes after day 3 is one of the days until 3 and one of those after.
    rng = np.random.default_rng(12)
    time, x = rng.integers(1, 8, 60).astype(float), rng.normal(size=60)
    event = rng.random(60) < 0.7
    frame = pd.DataFrame({"x": x})
    model = cox(TimeToEvent(time, event, covariates=frame), "x", changing={"x": [3]})
    early = cox(TimeToEvent(np.minimum(time, 3), event & (time <= 3), covariates=frame), "x")
    later = time > 3
    late = cox(
        TimeToEvent(
            time[later], event[later], entry=np.full(later.sum(), 3.0),
            covariates=frame[later].reset_index(drop=True),
        ),
        "x",
    )  # fmt: skip
    assert_allclose(model.coef, [early.coef[0], late.coef[0] - early.coef[0]], rtol=1e-8)
    assert_allclose(model.loglik_fitted, early.loglik_fitted + late.loglik_fitted, rtol=1e-12)


def test_the_test_of_proportional_hazards_is_the_score_test_of_what_changes(patients):
    # At the coefficients of the plain fit the slope of the added one is 0 but for the change.
    tte = patients({**DATA, "entry": None}, covariates=True)
    plain = cox(tte, "age + sex", transform="log")
    changing = cox(tte, "age + sex", changing={"age": "log"})
    test = {test.term: test for test in plain.proportional_hazards}["age"]
    ratio = 2 * (changing.loglik_fitted - plain.loglik_fitted)
    assert abs(ratio - test.statistic) < 0.2 * max(ratio, 0.5)


def test_a_step_that_nobody_reaches_is_not_estimable_and_named():
    rng = np.random.default_rng(13)
    frame = pd.DataFrame({"x": rng.normal(size=30)})
    tte = TimeToEvent(rng.integers(1, 9, 30), rng.random(30) < 0.7, covariates=frame)
    model = cox(tte, "x", changing={"x": [100]})
    assert math.isnan(model.coef[1])
    assert model.reasons[1].startswith("not estimable")
    assert_allclose(model.coef[0], cox(tte, "x").coef[0], rtol=1e-9)


def test_residuals_of_the_pieces_are_put_together_and_there_is_no_curve(patients):
    tte = patients({**DATA, "entry": None}, covariates=True)
    model = cox(tte, "age + sex", changing={"age": "identity"})
    found = cox_residuals(model, "martingale")
    assert found.rows.tolist() == list(range(tte.n))
    assert_allclose(found.values.sum(), 0, atol=1e-8)
    assert cox_residuals(model, "schoenfeld").rows.size == model.n_events
    with pytest.raises(NotEstimable, match="changes with time"):
        cox_curves(model)


@pytest.mark.parametrize(
    ("changing", "message"),
    [
        ({"dose": "log"}, "The terms are: age, sex"),
        ({"age": "sqrt"}, "log or identity of time"),
        ({"age": []}, "log or identity of time"),
        ({"age": [90, 30]}, "ascending"),
        ({"age": [0, 30]}, "more than 0"),
    ],
)
def test_what_cannot_change(changing, message, patients):
    tte = patients({**DATA, "entry": None}, covariates=True)
    with pytest.raises(BadInput, match=message):
        cox(tte, "age + sex", changing=changing)


def test_an_event_on_day_zero_has_no_logarithm():
    frame = pd.DataFrame({"x": [0.0, 1, 2, 1]})
    tte = TimeToEvent([0, 1, 2, 3], [1, 1, 1, 0], covariates=frame)
    with pytest.raises(NotEstimable, match="time 0"):
        cox(tte, "x", changing={"x": "log"})
    censored = TimeToEvent([0, 1, 2, 3], [0, 1, 1, 0], covariates=frame)
    assert np.isfinite(cox(censored, "x", changing={"x": [1]}).loglik_fitted)


def test_rows_that_overlap_are_named():
    frame = pd.DataFrame({"x": [0.0, 1, 2, 1, 5]})
    tte = TimeToEvent(
        [5, 12, 9, 8, 3], [0, 1, 1, 1, 0], entry=[np.nan, 4, np.nan, np.nan, 2], covariates=frame
    )
    with pytest.raises(BadInput) as refused:
        cox(tte, "x", patient=["a", "a", "b", "c", "d"])
    (fault,) = refused.value.faults
    assert (fault.patient, fault.value) == ("a", "row 1 (origin, 5] and row 2 (4, 12]")
    lines = TimeToEvent(
        [5, 12, 9], [0, 1, 1], entry=[np.nan, np.nan, 1], file=["f.csv"] * 3, line=[2, 3, 4]
    )
    with pytest.raises(BadInput) as refused:
        check_pieces(lines, [7, 7, 7])
    assert {fault.line for fault in refused.value.faults} == {3, 4}
    assert "line 2 (origin, 5]" in str(refused.value)


def test_rows_that_touch_or_leave_a_gap_are_in_order_and_the_unlabelled_are_left_out():
    frame = pd.DataFrame({"x": [0.0, 1, 2, 1, 5]})
    tte = TimeToEvent(
        [5, 12, 9, 8, 3], [0, 1, 1, 1, 0], entry=[np.nan, 5, 7, np.nan, 2], covariates=frame
    )
    check_pieces(tte, [1, 1, 2, 2.5, 2])
    model = cox(tte, "x", patient=["a", "a", "b", None, "b"])
    assert (model.n, model.left_out) == (4, 1)
    # Touching but for rounding is touching.
    near = TimeToEvent([0.3, 0.9], [0, 1], entry=[np.nan, 0.1 + 0.2])
    check_pieces(near, ["a", "a"])


def test_splitting_at_the_events_changes_no_fit(patients):
    # A function of time that is 0 until the end adds a column of zeros, and nothing else.
    tte = patients(DATA, weight="ipw", covariates=True)
    plain = cox(tte, "age + sex", strata=DATA["stratum"])
    split = cox(tte, "age + sex", strata=DATA["stratum"], changing={"age": [1e6]})
    assert_allclose(split.coef[:2], plain.coef, rtol=1e-8)
    assert_allclose(split.robust_std_error[:2], plain.robust_std_error, rtol=1e-8)
    assert_allclose(split.concordance.estimate, plain.concordance.estimate, rtol=1e-12)
    assert_allclose(split.concordance.std_error, plain.concordance.std_error, rtol=1e-9)
    for one, other in zip(split.proportional_hazards[:2], plain.proportional_hazards, strict=False):
        assert_allclose(one.statistic, other.statistic, rtol=1e-6)


def test_the_command_line_checks_the_rows_of_a_patient(tmp_path):
    columns = ("id", "entry", "time", "event", "again", "age", "dose")
    frame = pd.DataFrame({name: PIECES[name] for name in columns})
    path = tmp_path / "rows.csv"

    def asked(event):
        frame.to_csv(path, index=False)
        return CliRunner().invoke(
            main,
            ["cox", str(path), "--time", "time", "--event", event, "--entry", "entry",
             "--id", "id", "--formula", "age + dose", "--format", "json"],
        )  # fmt: skip

    for event, kind in (("event", "id"), ("again", "again")):
        r = REFERENCE["rows"]["efron"][kind]
        terms = json.loads(asked(event).stdout)["terms"]
        assert_allclose([term["coef"] for term in terms], r["coef"], rtol=1e-6)
        expected = r["robust_std_error"] or [None, None]
        for term, robust in zip(terms, expected, strict=True):
            assert term["robust_std_error"] == (robust and pytest.approx(robust, rel=1e-6))
    busiest = frame["id"].mode()[0]
    frame.loc[frame["id"] == busiest, "entry"] = np.nan
    refused = asked("event")
    assert refused.exit_code == 3
    assert "must not overlap" in refused.output
    assert f"patient {busiest}" in refused.output
