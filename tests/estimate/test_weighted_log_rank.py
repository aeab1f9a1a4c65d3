import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import logrank, logrank_trend

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "weighted_log_rank.json").read_text("utf-8")
)
KINDS = {
    "gehan": {"weights": "gehan"},
    "tarone": {"weights": "tarone-ware"},
    "peto": {"weights": "peto"},
    "late": {"weights": "fleming-harrington", "gamma": 1},
    "both": {"weights": "fleming-harrington", "rho": 0.5, "gamma": 2},
}
DOSE = {"a": 0, "b": 10, "c": 25}


def counted(time, event, member, weight_of, stratum=None):
    """Sum observed, expected and variance risk set by risk set, people one by one."""
    stratum = np.zeros(len(time)) if stratum is None else np.asarray(stratum)
    g = max(member) + 1
    observed, expected, variance = np.zeros(g), np.zeros(g), np.zeros((g, g))
    for s in sorted(set(stratum)):
        before = own = 1.0
        for t in sorted({t for t, k in zip(time, stratum, strict=True) if k == s}):
            at_risk = [i for i in range(len(time)) if stratum[i] == s and time[i] >= t]
            dying = [i for i in at_risk if time[i] == t and event[i]]
            n, d = len(at_risk), len(dying)
            own *= 1 - d / (n + 1)
            w = weight_of(n, before, own)
            before *= 1 - d / n
            share = np.bincount([member[i] for i in at_risk], minlength=g) / n
            observed += w * np.bincount([member[i] for i in dying], minlength=g)
            expected += w * d * share
            if n > 1:
                scale = w**2 * d * (n - d) / (n - 1)
                variance += scale * (np.diag(share) - np.outer(share, share))
    return observed, expected, variance


WEIGHT_OF = {
    "gehan": lambda n, before, own: n,
    "tarone": lambda n, before, own: math.sqrt(n),
    "peto": lambda n, before, own: own,
    "late": lambda n, before, own: 1 - before,
    "both": lambda n, before, own: math.sqrt(before) * (1 - before) ** 2,
}


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_the_score_test_of_r_coxph(kind, patients):
    # Regenerate with tests/reference/weighted_log_rank.R.
    data, late = REFERENCE["data"], REFERENCE["late"]
    plain = logrank(patients(data), data["group"], **KINDS[kind])
    assert_allclose(plain.statistic, REFERENCE["plain"][kind], rtol=1e-9)
    stratified = logrank(patients(data), data["group"], strata=data["stratum"], **KINDS[kind])
    assert_allclose(stratified.statistic, REFERENCE["strata"][kind], rtol=1e-9)
    entering = logrank(patients(late), late["group"], **KINDS[kind])
    assert_allclose(entering.statistic, REFERENCE["late_entry"][kind], rtol=1e-9)
    weighted = logrank(patients(data, weight="ipw"), data["group"], **KINDS[kind])
    assert weighted.robust
    assert_allclose(weighted.statistic, REFERENCE["ipw"][kind], rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_counting_people(kind):
    data = REFERENCE["data"]
    member = ["abc".index(group) for group in data["group"]]
    observed, expected, variance = counted(
        data["time"], data["event"], member, WEIGHT_OF[kind], data["stratum"]
    )
    test = logrank(
        TimeToEvent(data["time"], data["event"]), data["group"], strata=data["stratum"],
        **KINDS[kind],
    )  # fmt: skip
    assert_allclose(test.observed, observed, rtol=1e-12)
    assert_allclose(test.expected, expected, rtol=1e-12)
    assert_allclose(test.variance, variance, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_weights_count_patients_more_than_once(kind):
    data = REFERENCE["data"]
    often = np.array(data["whole"], dtype=int)
    time, event, group = (np.repeat(data[name], often) for name in ("time", "event", "group"))
    weighted = logrank(
        TimeToEvent(data["time"], data["event"], weight=often), data["group"], **KINDS[kind]
    )
    repeated = logrank(TimeToEvent(time, event), group, **KINDS[kind])
    assert_allclose(weighted.statistic, repeated.statistic, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_labels_and_scale_of_weights_do_not_matter(kind):
    data = REFERENCE["data"]
    order = np.random.default_rng(3).permutation(len(data["time"]))
    tte = TimeToEvent(data["time"], data["event"], weight=data["ipw"])
    scaled = TimeToEvent(data["time"], data["event"], weight=np.multiply(data["ipw"], 7.5))
    test = logrank(tte, data["group"], **KINDS[kind])
    shuffled = logrank(tte.select(order), np.array(data["group"])[order], **KINDS[kind])
    renamed = logrank(tte, [{"a": "z"}.get(group, group) for group in data["group"]], **KINDS[kind])
    assert_allclose(shuffled.statistic, test.statistic, rtol=1e-10)
    assert_allclose(renamed.statistic, test.statistic, rtol=1e-10)
    assert renamed.groups == ("b", "c", "z")
    if kind != "peto":
        # Peto's n + 1 knows how many patients there are.
        assert_allclose(
            logrank(scaled, data["group"], **KINDS[kind]).statistic, test.statistic, rtol=1e-10
        )


def test_by_hand():
    # Weights n: 4, 3, 2. a alone has the first event, b the others.
    tte, group = TimeToEvent([1, 2, 3, 4], [1, 1, 1, 0]), ["a", "b", "b", "a"]
    gehan = logrank(tte, group, weights="gehan")
    assert_allclose(gehan.observed, [4, 3 + 2])
    assert_allclose(gehan.expected, [4 / 2 + 3 / 3 + 2 / 2, 4 / 2 + 3 * 2 / 3 + 2 / 2])
    assert_allclose(gehan.variance[0, 0], 16 / 4 + 9 * 2 / 9 + 4 / 4)
    # S(t-) is 1, 3/4, 1/2; Peto's own estimate 4/5, 4/5 3/4, 4/5 3/4 2/3.
    late = logrank(tte, group, gamma=1)
    assert_allclose(late.observed, [0, 1 / 4 + 1 / 2])
    peto = logrank(tte, group, weights="peto")
    assert_allclose(peto.observed, [0.8, 0.6 + 0.4])


def test_the_family_names_its_members():
    tte, group = TimeToEvent([1, 2, 3, 4], [1, 1, 1, 0]), ["a", "b", "b", "a"]
    assert logrank(tte, group).weights == "logrank"
    assert logrank(tte, group, weights="logrank").weights == "logrank"
    early = logrank(tte, group, rho=1)
    assert (early.weights, early.rho, early.gamma) == ("fleming-harrington", 1, 0)


@pytest.mark.parametrize("kind", ["logrank", "gehan", "tarone-ware", "peto"])
def test_powers_belong_to_fleming_and_harrington(kind):
    with pytest.raises(BadInput, match="rho and gamma are"):
        logrank(TimeToEvent([1, 2], [1, 1]), ["a", "b"], weights=kind, gamma=1)


def test_unknown_weights_are_refused():
    with pytest.raises(BadInput, match="weights must be one of"):
        logrank(TimeToEvent([1, 2], [1, 1]), ["a", "b"], weights="wilcoxon")


def test_an_infinite_weight_is_not_estimable():
    with pytest.raises(NotEstimable, match="no finite"):
        logrank(TimeToEvent([1, 2], [1, 1]), ["a", "b"], gamma=-1)
    with pytest.raises(BadInput, match="numbers"):
        logrank(TimeToEvent([1, 2], [1, 1]), ["a", "b"], rho=math.nan)


def test_a_negative_rho_is_that_of_r():
    # survdiff(Surv(c(1,2,3,4), c(1,1,1,0)) ~ c("a","b","b","a"), rho = -1): S(t-) 1, 3/4, 1/2.
    test = logrank(TimeToEvent([1, 2, 3, 4], [1, 1, 1, 0]), ["a", "b", "b", "a"], rho=-1)
    assert_allclose(test.observed, [1, 4 / 3 + 2])


class TestTrend:
    @pytest.mark.parametrize("case", ["plain", "strata", "late_entry", "ipw", "gehan"])
    def test_agrees_with_the_score_test_of_r_coxph(self, case, patients):
        # Regenerate with tests/reference/weighted_log_rank.R.
        data = REFERENCE["late" if case == "late_entry" else "data"]
        trend = logrank_trend(
            patients(data, weight="ipw" if case == "ipw" else None),
            data["group"],
            DOSE,
            strata=data["stratum"] if case == "strata" else None,
            weights="gehan" if case == "gehan" else "logrank",
        )
        assert_allclose(trend.statistic, REFERENCE["trend"][case], rtol=1e-9)
        assert trend.df == 1
        assert_allclose(trend.p_value, math.erfc(abs(trend.z) / math.sqrt(2)))

    def test_agrees_with_r_survdiff(self, patients):
        data = REFERENCE["data"]
        trend = logrank_trend(patients(data), data["group"], DOSE)
        assert_allclose(trend.statistic, REFERENCE["trend"]["survdiff"], rtol=1e-9)

    def test_by_hand(self):
        # Day 1: c of one each; day 2: b of a and b. Scores 0, 1, 3.
        tte = TimeToEvent([1, 2, 3], [1, 1, 0])
        trend = logrank_trend(tte, ["c", "b", "a"], {"a": 0, "b": 1, "c": 3})
        first, second = np.array([0, 1, 3]), np.array([0, 1])
        difference = (3 - first.mean()) + (1 - second.mean())
        variance = first.var() + second.var()
        assert_allclose(trend.z, difference / math.sqrt(variance))
        assert trend.scores.tolist() == [0, 1, 3]

    def test_two_groups_have_the_test_between_them(self, patients):
        data = REFERENCE["data"]
        rows = np.flatnonzero(np.array(data["group"]) != "c")
        group = np.array(data["group"])[rows]
        trend = logrank_trend(patients(data).select(rows), group, {"a": -1, "b": 4})
        assert_allclose(trend.statistic, trend.overall.statistic, rtol=1e-12)

    def test_only_the_spacing_of_the_scores_matters(self, patients):
        data = REFERENCE["data"]
        trend = logrank_trend(patients(data), data["group"], DOSE)
        moved = {group: 1e6 - 3 * dose for group, dose in DOSE.items()}
        other = logrank_trend(patients(data), data["group"], moved)
        assert_allclose(other.z, -trend.z, rtol=1e-9)

    def test_the_trend_is_at_most_the_difference_of_the_groups(self, patients):
        data = REFERENCE["data"]
        trend = logrank_trend(patients(data), data["group"], DOSE)
        assert trend.statistic <= trend.overall.statistic

    def test_every_group_needs_a_score_of_its_own(self):
        tte = TimeToEvent([1, 2, 3], [1, 1, 0])
        with pytest.raises(BadInput, match="needs a score") as caught:
            logrank_trend(tte, ["c", "b", "a"], {"a": 0, "b": math.nan})
        assert [fault.value for fault in caught.value.faults] == ["b", "c"]
        with pytest.raises(BadInput, match="must not all be the same"):
            logrank_trend(tte, ["c", "b", "a"], {"a": 2, "b": 2, "c": 2})

    def test_without_two_scores_at_risk_there_is_no_test(self):
        # a and b, of the same dose, are at risk together; c enters when they have left.
        tte = TimeToEvent([1, 2, 9], [1, 1, 1], entry=[np.nan, np.nan, 5])
        trend = logrank_trend(tte, ["a", "b", "c"], {"a": 1, "b": 1, "c": 2})
        assert math.isnan(trend.p_value)
        assert trend.reason.startswith("not estimable")


@pytest.mark.parametrize("kind", ["logrank", *KINDS])
def test_size_at_22_patients(kind):
    # 1500 studies without a difference: the part rejected at 5 % has an error of 0.6 %.
    draw = np.random.default_rng(20)
    group = np.repeat(["a", "b"], 11)
    rejected = 0
    for _ in range(1500):
        time, end = draw.exponential(100, 22), draw.uniform(60, 300, 22)
        tte = TimeToEvent(np.ceil(np.minimum(time, end)), time <= end)
        rejected += logrank(tte, group, **KINDS.get(kind, {})).p_value < 0.05
    assert 0.03 < rejected / 1500 < 0.075
