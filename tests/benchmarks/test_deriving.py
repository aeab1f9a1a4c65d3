"""The loops that the benchmark times find what the rules find; the page has its figures."""

import shutil

import pytest

from benchmarks.derive import (
    CALLS,
    pandas_filter,
    pandas_groups,
    survival_bzd,
    table,
    write_copies,
)
from survival_bzd.records.supplied import locate

URINE = {
    "relapses": "1- 3+ 5- 8- 20+",
    "free": "3+ 5- 8- 20-",
    "never confirmed": "3+ 5- 8+ 20-",
    "no use": "3- 5- 8-",
    "positive on the day of a negative": "3+ 5- 8- 8+ 9- 12- 13+",
    "last on the day at risk": "3+ 5- 8-",
}


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copyfile(locate("ctn0094") / "study.toml", folder / "study.toml")
    results = {"-": "negative", "+": "positive"}
    tables = {
        "patients": [
            "patient_id,enrolled,project,arm,age,is_male,is_hispanic,race,job,is_living_stable,"
            "education,marital", *(f"{who},0,,,,,,,,,," for who in URINE)
        ],
        "urine": ["patient_id,date,analyte,result", *(
            f"{who},{said[:-1]},Benzodiazepine,{results[said[-1]]}"
            for who, words in URINE.items() for said in words.split()
        )],
        "visits": ["patient_id,date,status,use,recall_days"],
        "use_days": ["patient_id,date,substance"],
        "outcomes": ["patient_id,date,outcome"],
    }  # fmt: skip
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_every_way_finds_as_many(study, tmp_path):
    rows = write_copies(study, tmp_path / "three", 3)
    assert rows == 3 * (len(URINE) + sum(len(words.split()) for words in URINE.values()))
    for call in (survival_bzd, pandas_groups, pandas_filter):
        assert call(tmp_path / "three") == 6, call.__name__
    given = (tmp_path / "three" / "abstcal_visits.csv").read_text().splitlines()
    assert given[1:3] == ["0-free,1,9", "0-free,2,20"]


def test_the_page_has_a_dash_where_a_call_took_too_long():
    line = {"cpu": 2.0, "wall": 1.5, "relapses": 447}
    found = {"abstcal": "0.9", "copies": (1, 2), "rows": [10, 20]}
    page = table({**found, "calls": {name: [line] * (2 - (name == "abstcal")) for name in CALLS}})
    assert "| abstcal | 1 | - |" in page
    assert "| CPU microseconds per row | 2e+05 | 1e+05 |" in page
