"""A study in a few words: tables as text per patient, in study days, and an endpoint's rules."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from survival_bzd import endpoint as endpoints
from survival_bzd.endpoint import Endpoint, TimeToEvent
from survival_bzd.errors import Fault
from survival_bzd.records import Evidence, evidence, read_study
from survival_bzd.records.declaration import load_declaration

HEADERS = {
    "patients": "patient_id,enrolled",
    "treatments": "patient_id,date",
    "visits": "patient_id,date,status,use,recall_days",
    "urine": "patient_id,date,analyte,result,assay",
    "use_days": "patient_id,date,substance,amount",
    "use_windows": "patient_id,from,to",
    "fills": "patient_id,date,substance,days_supply",
    "stays": "patient_id,from,to",
    "outcomes": "patient_id,date,outcome",
}
SUBSTANCES = """
[substances]
benzodiazepine = ["benzo", "diazepam"]
z_drug = ["zolpidem"]
not_counted = ["opiates"]
"""
RESULT = {"-": "negative", "+": "positive", "?": "invalid"}


def cells(table: str, word: str) -> str:
    """Write one word as the rest of a row of its table.

    ::

        treatments   3              visits    7no 7yes 7no/14 7missed 7not_required 7silent
        urine        7- 7+ 7?       urine     7+zolpidem 7+benzo@lab (else benzo, no assay)
        use_days     7 7=0          use_days  7=5zolpidem (else diazepam)
        use_windows  1..30          fills     7 7x30 7x 7x30zolpidem (else diazepam for ten days)
        outcomes     90death        stays     3..9
    """
    found = re.fullmatch(r"(-?\d+)(.*)", word)
    assert found is not None, word
    day, rest = found.groups()
    if table == "urine":
        analyte, _, assay = rest[1:].partition("@")
        return f"{day},{analyte or 'benzo'},{RESULT[rest[0]]},{assay}"
    if table == "visits":
        said, _, recall = rest.partition("/")
        if said in ("missed", "not_required"):
            return f"{day},{said},,"
        return f"{day},attended,{'' if said == 'silent' else said},{recall}"
    if table == "use_days":
        amount = re.fullmatch(r"(?:=(\d+))?(\w*)", rest)
        assert amount is not None, word
        return f"{day},{amount[2] or 'diazepam'},{amount[1] or ''}"
    if table in ("use_windows", "stays"):
        return f"{day},{rest.removeprefix('..')}"
    if table == "fills":
        supply = re.fullmatch(r"(?:x([\d.]*))?(\w*)", rest)
        assert supply is not None, word
        return f"{day},{supply[2] or 'diazepam'},{'10' if supply[1] is None else supply[1]}"
    return f"{day},{rest}" if rest else day


def toml(value: object) -> str:
    if isinstance(value, Mapping):
        said = [f"{key} = {toml(item)}" for key, item in value.items() if item is not None]
        return "{ " + ", ".join(said) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@dataclass
class Derived:
    """What an endpoint made of a study."""

    evidence: Evidence
    endpoint: Endpoint
    tte: TimeToEvent = field(init=False)

    def __post_init__(self) -> None:
        self.tte = endpoints.derive(self.evidence, self.endpoint)

    def row(self, patient: str) -> int:
        (place,) = np.flatnonzero(self.tte.patient_id == patient)
        return int(place)

    def __getitem__(self, patient: str) -> tuple[Any, ...]:
        """(time, event, lower, upper, reason, deciding file:line) of a patient."""
        tte, at = self.tte, self.row(patient)
        return (
            tte.time[at], tte.event[at], tte.lower[at], tte.upper[at], tte.reason[at],
            f"{tte.file[at]}:{tte.line[at]}",
        )  # fmt: skip

    def why(self, patient: str) -> str:
        return str(self.tte.why[self.row(patient)])

    @property
    def flow(self) -> dict[tuple[bool, str, str], int]:
        """(reached, outcome, reason) -> patients."""
        return {(f.reached, f.outcome, f.reason): f.patients for f in self.tte.flow.leaves}

    def roles(self, patient: str) -> list[tuple[int, str]]:
        """(day, role) of each statement of a patient."""
        frame = endpoints.trace(self.evidence, self.endpoint)
        mine = frame[frame["patient_id"] == patient]
        return [(int(d), r) for d, r in zip(mine["day"], mine["role"], strict=True)]

    @property
    def conflicts(self) -> pd.DataFrame:
        return endpoints.conflicts(self.evidence, self.endpoint)

    @property
    def counts(self) -> dict[str, int]:
        return endpoints.counts(self.evidence, self.endpoint)


@dataclass
class Studies:
    """Writes studies; closes what it opened."""

    folder: Path
    substances: str = SUBSTANCES
    opened: list[Evidence] = field(default_factory=list, repr=False)
    place: Iterator[int] = field(default_factory=count)

    def write(self, given: Mapping[str, Any]) -> Path:
        """Write a study folder: tables by name, the other keys are the endpoint's."""
        tables = {key: value for key, value in given.items() if key in HEADERS}
        rules = {key: value for key, value in given.items() if key not in HEADERS}
        folder = self.folder / f"study{next(self.place)}"
        folder.mkdir()
        declared = dict(tables)
        declared.setdefault("patients", {})
        for name, table in tables.items():
            for patient in table if name != "patients" else ():
                declared["patients"].setdefault(patient, {"enrolled": 0})
        columns = dict.fromkeys(key for row in declared["patients"].values() for key in row)
        dates = [key for key in columns if key != "enrolled"]
        text = (
            '[study]\nname = "s"\ntitle = "S"\nsynthetic = true\ncontrol_group = false\n'
            f'dates = "days"\n{self.substances}'
        )
        for name, rows in declared.items():
            text += f'[tables.{name}]\nfile = "{name}.csv"\n'
            if name == "patients":
                kinds = toml(dict.fromkeys(dates, "date"))
                text += f'covariates = {kinds}\nundated = "leave_out"\n'
                lines = [f"patient_id,enrolled{''.join(',' + key for key in dates)}"]
                for patient, row in rows.items():
                    values = [row.get("enrolled"), *(row.get(key) for key in dates)]
                    lines.append(
                        ",".join([patient, *("" if v is None else str(v) for v in values)])
                    )
            else:
                lines = [HEADERS[name]]
                for patient, words in rows.items():
                    lines += [f"{patient},{cells(name, word)}" for word in words.split()]
            (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        keys = {
            "origin": {"at": "enrolment"},
            "sources": [name for name in ("visits", "urine", "use_days") if name in tables],
            **rules,
        }
        text += "[endpoint.relapse]\n" + "".join(f"{k} = {toml(v)}\n" for k, v in keys.items())
        (folder / "study.toml").write_text(text)
        return folder

    def read(self, folder: Path) -> Evidence:
        self.opened.append(evidence(read_study(folder)))
        return self.opened[-1]

    def again(self, derived: "Derived", rules: Mapping[str, Any]) -> "Derived":
        """Derive another endpoint from the same evidence."""
        study = derived.evidence.records.declaration.model_copy(
            update={"endpoint": {"relapse": dict(rules)}}
        )
        endpoint, faults = endpoints.declare(study, "relapse")
        assert not faults
        assert endpoint is not None
        return Derived(derived.evidence, endpoint)

    def close(self) -> None:
        for each in self.opened:
            each.records.engine.connection.close()
        self.opened.clear()


@pytest.fixture
def studies(tmp_path: Path) -> Iterator[Studies]:
    made = Studies(tmp_path)
    yield made
    made.close()


@pytest.fixture
def derive(studies: Studies) -> Callable[..., Derived]:
    """Derive a study: tables by name, as text per patient; other keywords are the endpoint's."""

    def made(folder: Path | None = None, **given: Any) -> Derived:
        found = studies.read(studies.write(given) if folder is None else folder)
        endpoint, faults = endpoints.declare(found.records.declaration, "relapse")
        assert not faults
        assert endpoint is not None
        return Derived(found, endpoint)

    return made


@pytest.fixture
def faults(studies: Studies) -> Callable[..., list[Fault]]:
    """Declare an endpoint on a study; return the faults of the declaration."""

    def made(**given: Any) -> list[Fault]:
        study, problems = load_declaration(studies.write(given))
        assert not problems
        return endpoints.declare(study, "relapse")[1]

    return made
