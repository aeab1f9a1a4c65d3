"""What must change a result, changes it exactly as it should; what must not, does not."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import (
    cox,
    hazard_table,
    kaplan_meier,
    logrank,
    nelson_aalen,
    restricted_mean,
)

few_examples = settings(derandomize=True, max_examples=15, deadline=None)
FORMULA = "x + z"


@st.composite
def cohorts(draw):
    """Tied whole-day times, some late entries, weights, two groups that both have events."""
    n = draw(st.integers(12, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    time = rng.integers(0, draw(st.sampled_from([6, 30, 400])), n).astype(float)
    event = rng.random(n) < 0.6
    event[:2] = True
    time[:2] = np.maximum(time[:2], 1)
    entry = np.where((rng.random(n) < 0.3) & (time > 0), np.floor(time * rng.random(n)), np.nan)
    covariates = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.integers(0, 2, n).astype(float),
            "group": np.where(np.arange(n) % 2, "b", "a"),
        }
    )
    return TimeToEvent(
        time, event, entry=entry, weight=rng.integers(1, 4, n).astype(float), covariates=covariates
    )


def changed(tte, **columns):
    given = {
        "time": tte.time, "event": tte.event, "entry": tte.entry, "weight": tte.weight,
        "covariates": tte.covariates,
    }  # fmt: skip
    return TimeToEvent(**{**given, **columns})


def curve_of(tte):
    (curve,) = kaplan_meier(tte)
    return np.stack([curve.survival, curve.std_error, curve.lower, curve.upper])


def close(a, b, rtol=1e-7):
    # A coefficient near 0 is only as exact as its standard error is small.
    assert_allclose(a, b, rtol=rtol, atol=1e-7)


@few_examples
@given(cohorts(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(tte, random):
    rows = list(range(tte.n))
    random.shuffle(rows)
    shuffled = tte.select(rows)
    close(curve_of(tte), curve_of(shuffled), 1e-12)
    groups = tte.covariates["group"]
    one, other = logrank(tte, groups), logrank(shuffled, groups.to_numpy()[rows])
    close(one.statistic, other.statistic, 1e-9)
    a, b = cox(tte, FORMULA), cox(shuffled, FORMULA)
    assert a.separated == b.separated
    close(a.coef, b.coef)
    close(a.concordance.std_error, b.concordance.std_error)


@few_examples
@given(cohorts())
def test_follow_up_may_be_split_into_pieces(tte):
    cut = 3.0
    late = np.where(np.isnan(tte.entry), -np.inf, tte.entry)
    longer = (tte.time > cut) & (late < cut)
    first = tte.select(~longer | (late < cut))
    before = changed(
        first,
        time=np.where(longer, cut, first.time),
        event=np.where(longer, 0, first.event),
    )
    after = tte.select(longer)
    after = changed(after, entry=np.full(after.n, cut))
    pieces = TimeToEvent(
        np.concatenate([before.time, after.time]),
        np.concatenate([before.event, after.event]),
        entry=np.concatenate([before.entry, after.entry]),
        weight=np.concatenate([before.weight, after.weight]),
        covariates=pd.concat([before.covariates, after.covariates], ignore_index=True),
    )
    whole, split = kaplan_meier(tte)[0], kaplan_meier(pieces)[0]
    asked = whole.time[whole.events > 0]
    for name in ("survival", "std_error", "lower", "upper", "at_risk"):
        close(getattr(whole.at(asked), name), getattr(split.at(asked), name), 1e-10)
    a, b = cox(tte, FORMULA), cox(pieces, FORMULA)
    assert a.separated == b.separated
    close(a.coef, b.coef)
    close(a.std_error, b.std_error)
    close(a.loglik_fitted, b.loglik_fitted, 1e-9)
    close(
        hazard_table(tte, [0, 2, 500])[0].person_time,
        hazard_table(pieces, [0, 2, 500])[0].person_time,
        1e-12,
    )


@few_examples
@given(cohorts(), st.sampled_from([2.0, 5.0]))
def test_whole_weights_are_copies(tte, factor):
    plain = changed(tte, weight=None)
    weighted = changed(tte, weight=np.full(tte.n, factor))
    copies = plain.select(np.repeat(np.arange(tte.n), int(factor)))
    close(curve_of(weighted), curve_of(copies), 1e-10)
    assert_allclose(curve_of(weighted)[0], curve_of(plain)[0], rtol=1e-12)
    close(curve_of(weighted)[1] * np.sqrt(factor), curve_of(plain)[1], 1e-10)
    groups = tte.covariates["group"].to_numpy()
    close(
        logrank(weighted, groups).statistic,
        logrank(copies, np.repeat(groups, int(factor))).statistic,
        1e-9,
    )
    one, many = cox(plain, FORMULA, ties="breslow"), cox(weighted, FORMULA, ties="breslow")
    assert one.separated == many.separated
    close(one.coef, many.coef)
    close(one.std_error, many.std_error * np.sqrt(factor))


@few_examples
@given(cohorts())
def test_swapping_the_labels_swaps_the_groups(tte):
    groups = tte.covariates["group"].to_numpy()
    swapped = np.where(groups == "a", "b", "a")
    one, other = logrank(tte, groups), logrank(tte, swapped)
    close(one.statistic, other.statistic, 1e-9)
    close(one.observed, other.observed[::-1], 1e-12)
    close(one.expected, other.expected[::-1], 1e-12)
    renamed = changed(tte, covariates=tte.covariates.assign(other=swapped))
    a, b = cox(renamed, "group + x"), cox(renamed, "other + x")
    close(a.coef[0], -b.coef[0])
    close(a.coef[1], b.coef[1])
    close(a.concordance.estimate, b.concordance.estimate)


@few_examples
@given(cohorts(), st.sampled_from([0.25, 7.0, 365.25]))
def test_the_unit_of_time_only_scales(tte, factor):
    other = changed(tte, time=tte.time * factor, entry=tte.entry * factor)
    close(curve_of(tte), curve_of(other), 1e-10)
    close(kaplan_meier(tte)[0].median.estimate * factor, kaplan_meier(other)[0].median.estimate)
    close(restricted_mean(tte)[0].std_error * factor, restricted_mean(other)[0].std_error, 1e-9)
    close(cox(tte, FORMULA).coef, cox(other, FORMULA).coef)


@few_examples
@given(cohorts(), st.sampled_from([1.0, 90.0]))
def test_shifting_everybody_changes_no_risk_set(tte, shift):
    later = changed(tte, time=tte.time + shift, entry=tte.entry + shift)
    close(curve_of(tte), curve_of(later), 1e-12)
    close(kaplan_meier(tte)[0].median.estimate + shift, kaplan_meier(later)[0].median.estimate)
    close(nelson_aalen(tte)[0].hazard, nelson_aalen(later)[0].hazard, 1e-12)
    close(cox(tte, FORMULA).coef, cox(later, FORMULA).coef)


@few_examples
@given(cohorts(), st.sampled_from([-40.0, 0.01, 1000.0]))
def test_shifting_and_scaling_a_covariate(tte, number):
    frame = tte.covariates.assign(x=tte.covariates["x"] * number + 7 * number)
    a, b = cox(tte, FORMULA), cox(changed(tte, covariates=frame), FORMULA)
    assert a.separated == b.separated
    assert_allclose(a.coef[0], b.coef[0] * number, rtol=1e-6, atol=1e-8)
    close(a.coef[1], b.coef[1])
    close(a.loglik_fitted, b.loglik_fitted, 1e-9)


@few_examples
@given(cohorts())
def test_the_score_test_of_the_discrete_model_is_the_log_rank_test(tte):
    plain = changed(tte, weight=None)
    test = logrank(plain, plain.covariates["group"])
    model = cox(plain, "group", ties="exact")
    close(test.statistic, model.score.statistic, 1e-9)


@few_examples
@given(cohorts())
def test_limits_hold_the_estimate_and_stay_between_zero_and_one(tte):
    for scale in ("log-log", "log", "plain", "arcsin", "logit"):
        (curve,) = kaplan_meier(tte, limits=scale)
        inside = (curve.survival > 0) & (curve.survival < 1)
        assert (curve.lower[inside] >= 0).all()
        assert (curve.upper[inside] <= 1).all()
        assert (curve.lower[inside] <= curve.survival[inside]).all()
        assert (curve.survival[inside] <= curve.upper[inside]).all()
        assert (np.diff(curve.survival) <= 0).all()
