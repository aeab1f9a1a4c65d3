"""Cumulative incidence in the paper: shown where something competes, and what is said of it."""

import json

import pytest

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import aalen_johansen, gray_test, kaplan_meier
from survival_bzd.report.conventions import conventions
from survival_bzd.report.curves import incidence_csv
from survival_bzd.report.figures import omitted_figures
from survival_bzd.report.figures.incidence import incidence_figure
from survival_bzd.report.methods import methods
from survival_bzd.report.numbers import numbers_json
from survival_bzd.report.paper_numbers import paper_numbers
from survival_bzd.report.paper_results import EndpointFacts, Horizon, PaperResults
from survival_bzd.report.tables.incidence import cumulative_incidence

ARM = list("aababba")
TTE = TimeToEvent(
    [50, 91, 120, 182, 300, 365, 365], [1, 2, 1, 0, 2, 1, 0], causes=("relapse", "death")
)


@pytest.fixture
def results():
    return PaperResults(
        study="deaths",
        title="Deaths",
        endpoint=EndpointFacts(label="relapse"),
        tte=TTE,
        curves=kaplan_meier(TTE) + kaplan_meier(TTE, by=ARM),
        incidence=aalen_johansen(TTE) + aalen_johansen(TTE, by=ARM),
        gray=gray_test(TTE, ARM),
        horizons=tuple(Horizon.of_time(time, "days") for time in (60.0, 200.0, 400.0)),
        by="arm",
    )


def test_table_and_prose(results):
    table = cumulative_incidence(results)
    assert len(table.rows) == 3 * 2 * 3
    assert table.rows[4][1:3] == ("Death", "200 days")
    assert [note.partition(":")[0] for note in table.notes[1:]] == [
        "Gray's test of relapse", "Gray's test of death",
    ]  # fmt: skip
    prose = dict(methods(results))["Estimates"]
    assert "cumulative incidence of relapse and death" in prose
    assert "Gray's test" in prose
    assert "cumulative_incidence" in conventions(results)


def test_numbers(results):
    numbers = json.loads(
        numbers_json(
            paper_numbers(results), study="s", synthetic=False, unit="days", conventions={}
        )
    )["numbers"]
    relapse, death = results.incidence[:2]
    key = "cumulative_incidence.relapse.day_200.estimate"
    assert numbers[key]["value"] == pytest.approx(relapse.at([200]).incidence[0])
    assert numbers["cumulative_incidence.death.day_60.lower"]["reason"] == "no event until then"
    assert "follow-up" in numbers["cumulative_incidence.death.day_400.estimate"]["reason"]
    assert "cumulative_incidence.death.arm_a.day_200.phrase" in numbers
    gray = numbers["cumulative_incidence.death.gray.p_value"]
    assert gray["value"] == pytest.approx(results.gray[1].p_value)
    assert death.cause == 2


def test_curve_as_csv_and_figure(results):
    lines = incidence_csv(results.incidence, synthetic=False).splitlines()
    assert len(lines) == 1 + sum(curve.time.size for curve in results.incidence)
    assert lines[0].startswith("group,cause,time,at_risk,events,other_events")
    figure = incidence_figure(results)
    assert figure.png.startswith(b"\x89PNG")
    assert "Death (2 patients)" in figure.alt


def test_where_nothing_competes_nothing_is_shown():
    tte = TimeToEvent([5, 9], [1, 0])
    bare = PaperResults(
        study="s", title="S", endpoint=EndpointFacts(label="relapse"), tte=tte,
        curves=kaplan_meier(tte),
    )  # fmt: skip
    assert cumulative_incidence(bare) is None
    assert incidence_figure(bare) is None
    assert "no cumulative incidence: no competing event happened" in omitted_figures(bare)
