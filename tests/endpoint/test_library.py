"""The library of published definitions."""

import re
import tomllib

import pytest

from survival_bzd import endpoint as endpoints
from survival_bzd.endpoint.library import definitions
from survival_bzd.records.declaration import load_declaration

TABLES = {
    "patients": {
        "a": {"enrolled": 0, "quit": 1, "day_20": 20, "grace_ends": 14},
    },
    "treatments": {"a": "1"},
    "visits": {"a": "5no 30no 60no"},
    "urine": {"a": "5- 9- 80+ 88+ 95+ 102+ 109+"},
    "use_days": {"a": "80"},
    "fills": {"a": "1 200"},
    "outcomes": {"a": "300study_end"},
}


@pytest.mark.parametrize("name", definitions())
def test_each_definition_derives_a_study_that_has_what_it_needs(derive, name):
    found = derive(**TABLES, **definitions()[name].endpoint)
    assert sum(found.flow.values()) == 1
    assert sum(leaf.patients for leaf in found.tte.flow.leaves if leaf.reached) == 1


@pytest.mark.parametrize("name", definitions())
def test_the_toml_to_paste_is_the_definition(name):
    one = definitions()[name]
    assert tomllib.loads(one.toml("other"))["endpoint"]["other"] == dict(one.endpoint)
    assert re.fullmatch(r"10\.\d{4,}/\S+", one.doi)
    assert one.says
    assert one.differs
    assert one.name in one.explained()


def test_an_endpoint_takes_a_definition_and_changes_keys_of_it(derive):
    found = derive(
        fills={"a": "1 100"}, outcomes={"a": "300loss"}, definition="claims_gap_31",
        label="A new fill", sources=["fills"],
        origin={"at": "discontinuation", "clock": "last_covered"},
    )  # fmt: skip
    assert found["a"][:2] == (90, 1)
    assert found.endpoint.label == "A new fill"
    assert found.endpoint.definition == "claims_gap_31"
    assert found.endpoint.grace_days == 30


def test_a_definition_that_nobody_published(faults):
    (fault,) = faults(urine={"a": "9+"}, definition="claims_gap_32")
    assert (fault.column, fault.value) == ("endpoint.relapse.definition", "claims_gap_32")
    assert "claims_gap_31" in fault.rule


def test_what_a_study_lacks_for_a_definition_is_named(studies):
    folder = studies.write({"urine": {"a": "9+"}})
    text = (folder / "study.toml").read_text()
    rules = '[endpoint.relapse]\ndefinition = "xbot_weeks"\n'
    (folder / "study.toml").write_text(text[: text.index("[endpoint.")] + rules)
    found = endpoints.declare(load_declaration(folder)[0], "relapse")[1]
    assert {(fault.column, fault.value) for fault in found} == {
        ("endpoint.relapse.sources", "visits"), ("endpoint.relapse.sources", "use_days"),
        ("endpoint.relapse.origin", "day_20"), ("endpoint.relapse.end", "outcomes"),
    }  # fmt: skip
    assert all(fault.line for fault in found)
