"""The interval-censored curve beside Kaplan-Meier: when it is shown, and what is said of it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import kaplan_meier, npmle, npmle_limits
from survival_bzd.estimate.interval_censored.apart import farthest_apart, seen_months_apart
from survival_bzd.report.conventions import conventions
from survival_bzd.report.curves import support_csv
from survival_bzd.report.figures.interval_censored import interval_figure
from survival_bzd.report.methods import methods
from survival_bzd.report.numbers import numbers_json
from survival_bzd.report.paper_numbers import paper_numbers
from survival_bzd.report.paper_results import EndpointFacts, Horizon, PaperResults
from survival_bzd.report.tables.intervals import interval_censored

INF = math.inf
LOWER, UPPER = [0, 91, 91, 182, 365, 91], [91, 182, 182, 365, INF, INF]
ARM = list("aababb")


def rows(lower=LOWER, upper=UPPER, unit="days"):
    upper = np.array(upper, dtype=float)
    known = np.isfinite(upper)
    return TimeToEvent(np.where(known, upper, lower), known, unit, lower=lower, upper=upper)


@pytest.fixture
def results():
    tte, times = rows(), [91.0, 200.0]
    return PaperResults(
        study="visits",
        title="Visits",
        endpoint=EndpointFacts(label="relapse"),
        tte=tte,
        curves=kaplan_meier(tte) + kaplan_meier(tte, by=ARM),
        interval_curves=npmle(tte) + npmle(tte, by=ARM),
        interval_limits=npmle_limits(tte, times, 20) + npmle_limits(tte, times, 20, by=ARM),
        horizons=tuple(Horizon.of_time(time, "days") for time in times),
        by="arm",
    )


def test_curves_are_shown_from_a_month_between_visits_on():
    assert seen_months_apart(rows())
    assert not seen_months_apart(rows([0, 10], [30, 40]))
    assert not seen_months_apart(rows([0, 10], [INF, INF]))
    assert seen_months_apart(rows([0, 1], [0.5, 2.5], "months"))
    assert not seen_months_apart(rows([0, 1], [1, 200], "visits"))


def test_the_largest_difference_is_that_of_a_fine_grid():
    tte = rows()
    (usual,), (between,) = kaplan_meier(tte), npmle(tte)
    grid = np.arange(0, 365.25, 0.25)
    found = between.at(grid)
    apart = np.where(found.resolved, usual.at(grid).survival - found.survival, 0)
    most = farthest_apart(usual, between)
    assert most.difference == pytest.approx(apart[np.abs(apart).argmax()])
    assert most.difference == pytest.approx(
        usual.at([most.time]).survival[0] - between.at([most.time]).survival[0]
    )


def test_a_table_with_every_time_resolved_has_no_column_for_the_others(results):
    resolved = replace(results, horizons=(Horizon.of_time(0.0, "days"),))
    limits = npmle_limits(resolved.tte, [0.0], 20) + npmle_limits(resolved.tte, [0.0], 20, by=ARM)
    table = interval_censored(replace(resolved, interval_limits=limits))
    assert table.header[-1] == "Difference"
    assert {len(row) for row in table.rows} == {len(table.header)} == {len(table.align)}
    assert not any("Not resolved" in note for note in table.notes)


def test_table_numbers_and_prose(results):
    table = interval_censored(results)
    assert len(table.rows) == 6
    assert any("farthest apart" in note for note in table.notes)
    assert table.rows[1][-1] != ""
    numbers = paper_numbers(results)
    written = json.loads(
        numbers_json(numbers, study="s", synthetic=False, unit="days", conventions={})
    )["numbers"]
    (curve, *_), (usual, *_) = results.interval_curves, results.curves
    key = "interval_censored.day_91"
    expected = curve.at([91]).survival[0]
    assert written[f"{key}.estimate"]["value"] == pytest.approx(expected)
    apart = 100 * (usual.at([91]).survival[0] - expected)
    assert written[f"{key}.kaplan_meier_above"]["value"] == pytest.approx(apart)
    assert "interval_censored.arm_a.farthest.phrase" in written
    prose = dict(methods(results))["Estimates"]
    assert "interval-censored times" in prose
    assert "20 resamples" in prose
    assert "interval_censored" in conventions(results)


def test_the_curve_as_csv(results):
    lines = support_csv(results.interval_curves, synthetic=False).splitlines()
    assert lines[0].startswith("group,support_lower,support_upper,mass,survival")
    assert len(lines) == 1 + sum(curve.mass.size for curve in results.interval_curves)


def test_the_figure(results):
    figure = interval_figure(results)
    assert figure.png.startswith(b"\x89PNG")
    assert "Farthest apart" in figure.alt


def test_without_curves_nothing_is_shown(results):
    bare = replace(results, interval_curves=(), interval_limits=())
    assert interval_censored(bare) is None
    assert interval_figure(bare) is None
    assert "interval_censored" not in conventions(bare)
