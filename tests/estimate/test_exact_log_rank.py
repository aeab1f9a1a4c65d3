import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.estimate import exact_log_rank, exact_logrank, logrank

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "exact_log_rank.json").read_text("utf-8")
)


def by_counting(tte, member, stratum=None, **options):
    """Test every relabelling one after the other, each by `logrank`."""
    stratum = [0] * tte.n if stratum is None else list(stratum)
    kept = sorted((s, g) for s, g in zip(stratum, member, strict=True))
    ways = {
        way
        for way in itertools.permutations(member)
        if sorted(zip(stratum, way, strict=True)) == kept
    }
    strata = {"strata": stratum} if len(set(stratum)) > 1 else {}
    observed = logrank(tte, member, **strata, **options).statistic
    found = [logrank(tte, way, **strata, **options).statistic for way in ways]
    return sum(value >= observed * (1 - 1e-9) for value in found), len(ways)


@pytest.mark.parametrize("case", ["plain", "rho", "strata"])
def test_agrees_with_r_survdiff_over_every_assignment(case, patients):
    # Regenerate with tests/reference/exact_log_rank.R.
    data, r = REFERENCE["data"], REFERENCE[case]
    strata = data["stratum"] if case == "strata" else None
    exact = exact_logrank(
        patients(data), data["group"], strata=strata, rho=1 if case == "rho" else 0
    )
    assert_allclose(exact.test.statistic, r["statistic"], rtol=1e-9)
    assert (exact.assignments, exact.at_least) == (r["assignments"], r["at_least"])
    assert_allclose(exact.p_value, r["p_value"], rtol=1e-12)
    assert (exact.method, exact.drawn, exact.std_error) == ("enumeration", r["assignments"], 0)


def test_groups_apart_agree_with_r():
    r = REFERENCE["apart"]
    exact = exact_logrank(TimeToEvent(r["data"]["time"], r["data"]["event"]), r["data"]["group"])
    assert (exact.at_least, exact.assignments) == (1, 330)


def test_by_hand():
    # Of the 6 ways to choose 2 of 4 only the observed one and its mirror image are as far apart.
    exact = exact_logrank(TimeToEvent([1, 2, 3, 4], [1, 1, 1, 1]), ["a", "a", "b", "b"])
    assert (exact.at_least, exact.assignments, exact.p_value) == (2, 6, 1 / 3)
    assert exact.seed is None


@pytest.mark.parametrize("weights", ["logrank", "gehan", "tarone-ware", "peto"])
def test_three_groups_with_late_entry_by_counting(weights):
    tte = TimeToEvent(
        [2, 3, 3, 5, 6, 7, 7], [1, 1, 0, 1, 1, 1, 0],
        entry=[np.nan, np.nan, 1, 2, np.nan, 4, np.nan],
    )  # fmt: skip
    group = ["a", "b", "c", "a", "c", "b", "c"]
    exact = exact_logrank(tte, group, weights=weights)
    assert (exact.at_least, exact.assignments) == by_counting(tte, group, weights=weights)


def test_strata_by_counting():
    tte = TimeToEvent([2, 3, 3, 5, 6, 7, 7, 8], [1, 1, 0, 1, 1, 1, 1, 0])
    group, stratum = ["a", "b", "a", "b", "b", "b", "a", "b"], [1, 1, 1, 2, 2, 2, 2, 1]
    exact = exact_logrank(tte, group, strata=stratum, gamma=1)
    assert (exact.at_least, exact.assignments) == by_counting(tte, group, stratum, gamma=1)
    assert exact.assignments == math.comb(4, 2) * math.comb(4, 1)


def test_whole_weights_count_patients():
    tte = TimeToEvent([2, 3, 5, 6], [1, 1, 1, 0], weight=[2, 1, 1, 3])
    repeated = TimeToEvent([2, 2, 3, 5, 6, 6, 6], [1, 1, 1, 1, 0, 0, 0])
    weighted = exact_logrank(tte, ["a", "b", "a", "b"])
    plain = exact_logrank(repeated, ["a", "a", "b", "a", "b", "b", "b"])
    assert (weighted.at_least, weighted.assignments) == (plain.at_least, plain.assignments)
    assert_allclose(weighted.test.statistic, plain.test.statistic)


def test_every_assignment_is_looked_at_once_however_many_at_a_time(monkeypatch):
    data = REFERENCE["data"]
    tte = TimeToEvent(data["time"], data["event"])
    whole = exact_logrank(tte, data["group"], strata=data["stratum"])
    monkeypatch.setattr(exact_log_rank, "AT_ONCE", 17 * tte.n)
    pieces = exact_logrank(tte, data["group"], strata=data["stratum"])
    assert (pieces.at_least, pieces.assignments) == (whole.at_least, whole.assignments)


def test_rows_and_labels_do_not_matter():
    data = REFERENCE["data"]
    tte, group = TimeToEvent(data["time"], data["event"]), np.array(data["group"])
    order = np.random.default_rng(1).permutation(tte.n)
    exact = exact_logrank(tte, group)
    shuffled = exact_logrank(tte.select(order), group[order])
    swapped = exact_logrank(tte, np.where(group == "a", "z", "b"))
    assert exact.at_least == shuffled.at_least == swapped.at_least


def test_random_assignments_come_near_the_enumerated_ones():
    draw = np.random.default_rng(4)
    tte = TimeToEvent(draw.integers(1, 90, 22), draw.random(22) < 0.7)
    group, stratum = np.arange(22) % 2, np.arange(22) // 11
    exact = exact_logrank(tte, group, strata=stratum)
    random = exact_logrank(tte, group, strata=stratum, limit=0, draws=20_000)
    assert exact.assignments == math.comb(11, 5) ** 2
    assert (random.method, random.drawn, random.seed) == ("permutation", 20_000, 20_101_231)
    assert random.p_value == (random.at_least + 1) / 20_001
    assert abs(random.p_value - exact.p_value) < 4 * random.std_error
    again = exact_logrank(tte, group, strata=stratum, limit=0, draws=20_000)
    other = exact_logrank(tte, group, strata=stratum, limit=0, draws=20_000, seed=5)
    assert again.at_least == random.at_least
    assert other.at_least != random.at_least


def test_more_assignments_than_the_limit_are_counted_all_the_same():
    draw = np.random.default_rng(6)
    tte = TimeToEvent(draw.integers(1, 90, 40), draw.random(40) < 0.7)
    exact = exact_logrank(tte, np.arange(40) % 2, draws=99)
    assert exact.assignments == math.comb(40, 20)
    assert exact.drawn == 99


def test_without_a_statistic_there_is_no_p():
    exact = exact_logrank(TimeToEvent([1, 2, 3], [0, 0, 0]), ["a", "b", "b"])
    assert math.isnan(exact.p_value)
    assert exact.test.reason.startswith("not estimable")
    assert (exact.assignments, exact.drawn) == (3, 0)


def test_what_is_refused():
    tte = TimeToEvent([1, 2, 3], [1, 1, 0], weight=[1, 0.5, 1])
    with pytest.raises(BadInput, match="whole numbers"):
        exact_logrank(tte, ["a", "b", "b"])
    with pytest.raises(BadInput, match="draws 1 or more"):
        exact_logrank(TimeToEvent([1, 2, 3], [1, 1, 0]), ["a", "b", "b"], draws=0)
    with pytest.raises(NotEstimable, match="only one group"):
        exact_logrank(TimeToEvent([1, 2, 3], [1, 1, 0]), ["a", "a", "a"])


def test_size_is_never_more_than_stated():
    # Without a difference, enumerated at 12 patients and random at 22; p is uniform or above.
    draw = np.random.default_rng(31)
    p = {12: [], 22: []}
    for n, found in p.items():
        for _ in range(400):
            time, end = draw.exponential(100, n), draw.uniform(60, 300, n)
            tte = TimeToEvent(np.ceil(np.minimum(time, end)), time <= end)
            exact = exact_logrank(tte, np.arange(n) % 2, limit=1000, draws=199)
            found.append(exact.p_value)
    for found in p.values():
        for level in (0.05, 0.2, 0.5):
            error = math.sqrt(level * (1 - level) / 400)
            assert np.mean(np.array(found) <= level) < level + 3 * error


def test_more_patients_than_can_be_permuted_are_refused_at_once_with_the_remedy():
    n = 1_000_000
    many = TimeToEvent(np.arange(n) % 700, np.ones(n))
    with pytest.raises(BadInput, match="at most 2,000 patients") as refused:
        exact_logrank(many, np.arange(n) % 2)
    assert "1,000,000 patients" in str(refused.value)
    assert "Leave exact out" in str(refused.value)
    copies = TimeToEvent([5, 6, 7], [1, 1, 1], weight=[1, 1, 2000])
    with pytest.raises(BadInput, match="2,002 patients"):
        exact_logrank(copies, ["a", "b", "b"])
