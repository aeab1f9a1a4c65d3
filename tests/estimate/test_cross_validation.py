"""Measures of prediction counted by hand and by R, and their cross-validation."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sksurv")

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import cox, cox_curves, cross_validate, kaplan_meier
from survival_bzd.estimate.prediction.measures import judge
from survival_bzd.estimate.prediction.models import Settings, predictions

REFERENCE = json.loads(Path(__file__).parents[1].joinpath("reference/prediction.json").read_text())

TIME = np.array([0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7, 8, 8, 9, 9], dtype=float)
EVENT = np.array([1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1], dtype=bool)
RISK = np.array([4, 5, 3, 4, 4, 2, 1, 3, 2, 2, 1, 0, 2, 1, 0.5])


def followed_before(time, event, t):
    """Multiply out G(t-), events before censorings."""
    g = 1.0
    for u in sorted(set(time[~event])):
        if u < t:
            ended = int(((time == u) & ~event).sum())
            at_risk = int((time >= u).sum() - ((time == u) & event).sum())
            g *= 1 - ended / at_risk
    return g


def uno_by_pairs(time, event, risk, until, rows):
    above = below = 0.0
    for i in rows:
        if not event[i] or time[i] > until:
            continue
        weight = followed_before(time, event, time[i]) ** -2
        for j in rows:
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                below += weight
                above += weight * (1 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j]))
    return above / below if below else math.nan


def free(time, event, t):
    return (time > t) | ((time == t) & ~event)


def auc_by_pairs(time, event, risk, t, rows):
    above = below = 0.0
    for i in rows:
        if not event[i] or time[i] > t:
            continue
        weight = 1 / followed_before(time, event, time[i])
        for j in rows:
            if free(time, event, t)[j]:
                below += weight
                above += weight * (1 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j]))
    return above / below if below else math.nan


def brier_by_patient(time, event, survival, t, rows):
    """Score probabilities of being free at t."""
    total = 0.0
    for i in rows:
        if event[i] and time[i] <= t:
            total += survival[i] ** 2 / followed_before(time, event, time[i])
        elif free(time, event, t)[i]:
            total += (1 - survival[i]) ** 2 / followed_before(time, event, t)
    return total / len(rows)


ROWS = [np.arange(15), np.array([1, 3, 4, 6, 8, 13]), np.array([0, 5, 9]), np.array([10, 12])]


@pytest.mark.parametrize("rows", ROWS, ids=len)
@pytest.mark.parametrize("t", [0, 2, 2.5, 5, 8, 9])
def test_measures_equal_those_counted_by_hand(rows, t):
    judging, survival = judge(TIME, EVENT), 1 - RISK / 6
    at = judging.until(t)
    assert_allclose(judging.followed(at), followed_before(TIME, EVENT, t), rtol=1e-12)
    assert_allclose(
        judging.concordance(rows, RISK[rows], at), uno_by_pairs(TIME, EVENT, RISK, t, rows)
    )
    assert_allclose(judging.auc(rows, RISK[rows], at), auc_by_pairs(TIME, EVENT, RISK, t, rows))
    (score,) = judging.brier(rows, survival[rows, None], np.array([float(at)]))
    assert_allclose(score, brier_by_patient(TIME, EVENT, survival, t, rows))


def test_between_two_times_the_censored_of_the_first_are_unknown():
    judging = judge(TIME, EVENT)
    rows, survival = np.arange(15), 1 - RISK / 6
    codes = judging.after(np.arange(judging.levels.size - 1))
    scores = judging.brier(rows, np.repeat(survival[:, None], codes.size, axis=1), codes)
    middle = (judging.levels[1:] + judging.levels[:-1]) / 2
    by_hand = [brier_by_patient(TIME, EVENT, survival, t, rows) for t in middle]
    assert_allclose(scores, by_hand)


@pytest.mark.parametrize("case", REFERENCE)
def test_concordance_equals_that_of_r(case):
    found = REFERENCE[case]
    time, event, risk = (np.array(found["data"][name], float) for name in ("time", "event", "risk"))
    judging = judge(time, event == 1)
    rows = np.arange(time.size)
    ours = [judging.concordance(rows, risk, judging.until(t)) for t in found["until"]]
    assert_allclose(ours, found["concordance"], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=4,
                max_size=12))  # fmt: skip
def test_measures_of_any_data_equal_those_counted_by_hand(patients):
    time, event, risk = (np.array(column, float) for column in zip(*patients, strict=True))
    event = event == 1
    if not (event & (time < time.max())).any():
        return
    judging, rows = judge(time, event), np.arange(time.size)
    for t in (float(np.median(time)), float(time.max())):
        at = judging.until(t)
        assert_allclose(
            judging.concordance(rows, risk, at), uno_by_pairs(time, event, risk, t, rows)
        )
        assert_allclose(judging.auc(rows, risk, at), auc_by_pairs(time, event, risk, t, rows))
        (score,) = judging.brier(rows, 1 - risk[:, None] / 4, np.array([float(at)]))
        assert_allclose(score, brier_by_patient(time, event, 1 - risk / 4, t, rows))


def trial(n=80, seed=7, **others):
    generator = np.random.default_rng(seed)
    dose, arm = generator.normal(size=n), generator.choice(["a", "b", "c"], size=n)
    time = np.ceil(generator.exponential(8 * np.exp(-0.8 * dose), size=n))
    ends = np.ceil(generator.uniform(2, 24, size=n))
    return TimeToEvent(
        np.minimum(time, ends), time <= ends, covariates=pd.DataFrame({"dose": dose, "arm": arm}),
        **others,
    )  # fmt: skip


def quick(tte=None, formula="dose + arm", **how):
    given = {"folds": 4, "repeats": 2, "forest": False, **how}
    return cross_validate(trial() if tte is None else tte, formula, **given)


def test_models_predict_what_their_curves_say():
    tte, times = trial(), np.array([1.0, 4.0, 9.0])
    frame = pd.get_dummies(tte.covariates["arm"], drop_first=True, dtype=float)
    columns = pd.DataFrame({"x1": tte.covariates["dose"], "x2": frame["b"], "x3": frame["c"]})
    coded = TimeToEvent(tte.time, tte.event, covariates=columns)
    train, test = np.arange(60), np.arange(60, 80)
    how = Settings(penalty="none", forest=True, trees=5, min_leaf=5)
    found = predictions(coded, train, test, times, how, 1)
    fitted = tte.select(train)
    (curve,) = kaplan_meier(fitted)
    for survival in found["kaplan-meier"].survival:
        assert_allclose(survival, curve.at(times).survival)
    curves = cox_curves(cox(fitted, "dose + arm"), tte.covariates.iloc[60:])
    by_hand = [[one.estimate for one in curve.at(times)] for curve in curves]
    assert_allclose(found["cox"].survival, by_hand, rtol=1e-9)
    assert_array_equal(np.argsort(found["cox"].risk), np.argsort(-found["cox"].survival[:, 1]))
    assert (np.diff(found["forest"].survival, axis=1) <= 0).all()


def test_folds_hold_everybody_once_and_events_alike():
    found = quick(repeats=3)
    events = int(trial().relapsed.sum())
    assert len(found.splits) == 12
    for repeat in (1, 2, 3):
        splits = [split for split in found.splits if split.repeat == repeat]
        assert sum(split.n_test for split in splits) == 80
        assert sum(split.events_test for split in splits) == events
        assert {split.events_test - events // 4 for split in splits} <= {0, 1}
        assert all(split.n_test == 20 for split in splits)
        assert all(split.events_train == events - split.events_test for split in splits)


def test_the_error_is_that_of_nadeau_and_bengio():
    found = quick(times=[5])
    score = found.score("cox", "auc", 5)
    values = score.by_split
    assert_allclose(score.estimate, values.mean())
    assert_allclose(score.std_error, math.sqrt((1 / 8 + 1 / 3) * values.var(ddof=1)))
    assert_allclose(score.upper - score.estimate, 2.364624 * score.std_error, rtol=1e-6)
    assert_allclose(score.repeat_sd, np.std(values.reshape(2, 4).mean(axis=1), ddof=1))
    assert_allclose(score.optimism, score.apparent - score.estimate)
    brier = [found.score(model, "integrated_brier").by_split for model in found.models]
    difference = found.score("cox", "integrated_brier", against="kaplan-meier")
    assert_allclose(difference.by_split, brier[1] - brier[0])
    assert difference.upper < 0


def test_apparent_brier_without_covariates_is_by_hand():
    tte = trial()
    found = quick(tte, tau=9)
    (curve,) = kaplan_meier(tte)
    levels = np.append(np.unique(tte.time[tte.time < 9]), 9.0)
    middle = (levels[1:] + levels[:-1]) / 2
    rows, event = np.arange(tte.n), tte.relapsed
    scores = [
        brier_by_patient(tte.time, event, np.full(tte.n, curve.at([t]).survival[0]), t, rows)
        for t in middle
    ]
    by_hand = float(np.array(scores) @ np.diff(levels)) / 9
    assert_allclose(found.score("kaplan-meier", "integrated_brier").apparent, by_hand)
    assert found.score("kaplan-meier", "concordance").apparent == 0.5
    assert found.score("kaplan-meier", "concordance").reason.startswith("one half")


def test_the_same_seed_gives_the_same_and_another_does_not():
    how = {"forest": True, "trees": 5, "repeats": 1}
    one, same, other = quick(**how), quick(**how), quick(**how, seed=2)
    pd.testing.assert_frame_equal(one.to_frame(), same.to_frame())
    assert one.score("forest", "concordance").estimate != other.score(
        "forest", "concordance").estimate  # fmt: skip
    assert one.score("forest", "concordance", against="cox").splits == 4


def test_a_missing_covariate_is_left_out_and_counted():
    tte = trial()
    covariates = tte.covariates.copy()
    covariates.loc[[3, 5], "dose"] = np.nan
    found = quick(TimeToEvent(tte.time, tte.event, covariates=covariates))
    assert (found.n, found.left_out) == (78, 2)


def test_times_without_an_answer_have_a_reason():
    found = quick(times=[0, 5, 900])
    none, some, late = (found.score("cox", "auc", t) for t in (0, 5, 900))
    assert "no fold has both" in none.reason
    assert some.splits == 8
    assert late.reason == f"not estimable: after tau, {found.tau:g}"
    assert math.isnan(late.estimate)


@pytest.mark.parametrize(
    ("column", "values"), [("weight", np.full(80, 2.0)), ("entry", np.full(80, 0.5))]
)
def test_weights_and_late_entries_are_refused(column, values):
    with pytest.raises(BadInput, match="scikit-survival knows none"):
        quick(trial(**{column: values}))
    assert quick(trial(weight=np.ones(80), entry=np.full(80, np.nan))).n == 80


def test_few_events_are_refused_with_the_reason():
    tte = trial()
    chosen = np.flatnonzero(tte.relapsed)
    few = tte.select(np.concatenate([chosen[:6], np.flatnonzero(~tte.relapsed)]))
    with pytest.raises(NotEstimable, match=r"6 events in .* cannot carry"):
        quick(few)
    with pytest.raises(NotEstimable, match="take fewer folds"):
        quick(folds=30)
    last = TimeToEvent(np.full(20, 5.0), np.arange(20) < 12, covariates=tte.covariates[:20])
    with pytest.raises(NotEstimable, match="last follow-up time"):
        quick(last)


def test_tau_beyond_a_training_set_is_refused():
    with pytest.raises(NotEstimable, match="followed only until"):
        quick(tau=500)
    with pytest.raises(NotEstimable, match="between 0 and tau"):
        quick(tau=0.5)


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"trees": 0}, {"seed": -1}, {"penalty": "ridge"}])
def test_wrong_options(wrong):
    with pytest.raises(BadInput):
        quick(**wrong)


def separated():
    tte = trial()
    rare = np.where(~tte.relapsed & (np.arange(80) % 3 == 0), 1.0, 0.0)
    return TimeToEvent(
        tte.time, tte.event, covariates=pd.DataFrame({"rare": rare, "dose": tte.covariates["dose"]})
    )


def test_separation_takes_firth_or_says_so():
    found = quick(separated(), "rare + dose")
    assert any("Firth" in warning for warning in found.warnings)
    with pytest.raises(NotEstimable, match="separation"):
        quick(separated(), "rare + dose", penalty="none")


def test_a_level_that_a_training_set_lacks_is_counted():
    tte = trial()
    covariates = tte.covariates.assign(arm=["odd", *(["usual"] * 79)])
    found = quick(TimeToEvent(tte.time, tte.event, covariates=covariates))
    assert any("In 2 of 8 training sets a covariate or level" in text for text in found.warnings)


def test_competing_events_and_small_forests_carry_warnings():
    tte = trial()
    event = np.where(tte.relapsed & (np.arange(80) % 4 == 0), 2, tte.event)
    found = quick(TimeToEvent(tte.time, event, covariates=tte.covariates), forest=True, trees=2,
                  min_leaf=50, repeats=1)  # fmt: skip
    assert any("competing events count as censored" in text for text in found.warnings)
    assert any("no tree of the forest" in text for text in found.warnings)
    assert_allclose(found.score("forest", "concordance").estimate, 0.5)
