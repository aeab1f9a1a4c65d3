"""What an endpoint may say, and how its faults are told."""

import datetime as dt

import pytest
from pydantic import ValidationError

from survival_bzd import endpoint as endpoints
from survival_bzd.endpoint import Endpoint
from survival_bzd.records.declaration import load_declaration

URINE = {"urine": {"a": "9+"}}


def said(found):
    return [(fault.column, fault.value, fault.rule) for fault in found]


def test_what_need_not_be_said(studies):
    rules, _ = endpoints.declare(load_declaration(studies.write(URINE))[0], "relapse")
    assert rules.label == "Relapse"
    assert rules.substances == ["benzodiazepine", "z_drug"]
    assert (rules.pattern.rule, rules.missing.rule) == ("any_use", "ignore")
    assert (rules.conflict, rules.dated, rules.end) == ("use", "detected", "last_statement")
    assert (rules.washout_days, rules.competing, rules.population) == (0, [], "responders")
    assert rules.horizons_months == [3, 6, 12, 24]
    assert rules.entry is None
    assert not rules.knows_the_future


def test_an_endpoint_that_is_not_declared(studies):
    study, _ = load_declaration(studies.write(URINE))
    endpoint, faults = endpoints.declare(study, "remission")
    assert endpoint is None
    assert "declared: relapse" in faults[0].rule
    assert faults[0].value == "remission"


@pytest.mark.parametrize(
    ("rules", "column", "value"),
    [
        ({"origin": {"at": "birth"}}, "origin", None),
        ({"origin": {"at": "confirmed_abstinence"}}, "origin.after", None),
        (
            {"origin": {"at": "first_negative", "negatives": 0, "after": "use"}},
            "origin.negatives",
            "0",
        ),
        ({"pattern": {"rule": "twice"}}, "pattern", None),
        ({"pattern": {"rule": "consecutive"}}, "pattern.k", None),
        ({"pattern": {"rule": "any_use", "k": 2}}, "pattern.k", "2"),
        ({"pattern": {"rule": "k_of_n", "k": 3, "n": 2}}, "pattern", "k = 3, n = 2"),
        (
            {"pattern": {"rule": "use_days", "days": 8, "within_days": 7}},
            "pattern",
            "8 in 7 days",
        ),
        ({"missing": {"rule": "censor"}}, "missing.gap_days", None),
        ({"missing": {"rule": "relapse", "gap_days": 0}}, "missing.gap_days", "0"),
        ({"sources": []}, "sources", "[]"),
        ({"sources": ["hair"]}, "sources", "hair"),
        ({"sources": ["urine", "urine"]}, "sources", "urine, urine"),
        ({"sources": ["visits"]}, "sources", "visits"),
        ({"substances": ["opioid"]}, "substances", "opioid"),
        ({"substances": ["not_counted"]}, "substances", "not_counted"),
        ({"conflict": "last"}, "conflict", "last"),
        ({"dated": "guessed"}, "dated", "guessed"),
        ({"end": "never"}, "end", "never"),
        ({"end": True}, "end", "true"),
        ({"end": "2021-02-30"}, "end", "2021-02-30"),
        ({"end": "2021-12-31"}, "end", "2021-12-31"),
        ({"end": "outcome"}, "end", "outcomes"),
        ({"washout_days": -1}, "washout_days", "-1"),
        ({"competing": ["birth"]}, "competing", "birth"),
        ({"competing": ["death"]}, "competing", "outcomes"),
        ({"population": "some"}, "population", "some"),
        ({"horizons_months": [0]}, "horizons_months", "0"),
        ({"label": ""}, "label", ""),
        ({"entry": {"column": "found"}}, "entry", "found"),
        ({"origin": {"at": "column", "column": "quit"}}, "origin", "quit"),
        ({"origin": {"at": "last_treatment"}}, "origin", "treatments"),
        (
            {"origin": {"at": "first_negative", "after": "last_treatment"}},
            "origin",
            "treatments",
        ),
        ({"originn": "enrolment"}, "originn", "enrolment"),
    ],
    ids=str,
)
def test_a_fault_names_its_key_and_value(faults, rules, column, value):
    found = faults(**URINE, **rules)
    assert [(fault.column, fault.value) for fault in found] == [
        (f"endpoint.relapse.{column}", value)
    ]
    assert found[0].file == "study.toml"
    assert found[0].rule
    assert found[0].remedy


def test_a_fault_names_its_line(faults):
    (fault,) = faults(**URINE, dated="guessed")
    assert fault.line == 21


def test_every_fault_comes_at_once(faults):
    found = faults(**URINE, dated="guessed", substances=["opioid"], end="never", washout_days=-1)
    assert len(found) == 4


def test_a_competing_event_is_listed_once(faults):
    found = faults(**URINE, outcomes={"a": "30death"}, competing=["death", "death"])
    assert said(found) == [("endpoint.relapse.competing", "death, death", "each is listed once")]


def test_a_day_of_the_calendar_in_a_study_in_dates(studies):
    study, _ = load_declaration(studies.write(URINE))
    in_dates = study.model_copy(update={"study": study.study.model_copy(update={"dates": "iso"})})
    rules = {"origin": {"at": "enrolment"}, "sources": ["urine"]}
    for end, faulty in (("2021-12-31", False), (dt.date(2021, 12, 31), False), (90, True)):
        declared = in_dates.model_copy(update={"endpoint": {"relapse": {**rules, "end": end}}})
        endpoint, faults = endpoints.declare(declared, "relapse")
        assert bool(faults) is faulty
        assert endpoint.end == (90 if faulty else dt.date(2021, 12, 31))


def test_an_endpoint_does_not_change():
    endpoint = Endpoint(origin={"at": "enrolment"}, sources=["urine"])
    with pytest.raises(ValidationError, match="frozen"):
        endpoint.dated = "onset"


@pytest.mark.parametrize(
    ("at", "negatives", "knows"),
    [
        ("first_negative", 1, False),
        ("first_negative", 2, True),
        ("confirmed_abstinence", 2, False),
    ],
)
def test_time_zero_that_depends_on_the_future_is_flagged(at, negatives, knows):
    rules = {"origin": {"at": at, "negatives": negatives, "after": "use"}, "sources": ["urine"]}
    assert Endpoint.model_validate(rules).knows_the_future is knows
