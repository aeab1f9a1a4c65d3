"""What must hold of any records and any endpoint: everybody is counted once, nothing else matters.

The random studies are those that test_endpoint_oracle.py derives by hand, with fills and scores
beside them; here the files themselves are shuffled, doubled, split and redated.
"""

import datetime as dt
import os
from collections import Counter
from math import ceil, inf, isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from survival_bzd import endpoint as endpoints
from survival_bzd.errors import BadInput
from survival_bzd.records import evidence, read_study
from survival_bzd.records.supplied import import_ctn0094, supplied
from survival_bzd.study import open_study
from survival_bzd.study.listing import summary
from tests.endpoint.test_endpoint_oracle import RANDOM, bounded, deaths, rules_of, same, study

DAYS = {
    "patients": ("enrolled", "start", "found"), "use_windows": ("from", "to"),
    "stays": ("from", "to"),
}  # fmt: skip
"""Table -> its columns of days; `date` in the others."""


def random_study(rng, patients=12):
    """The tables of a random study, fills among them, and an endpoint."""
    tables = study(rng, patients)
    over = deaths(tables)
    for patient in tables["patients"]:
        last = int(min(12, over.get(patient, 12)))
        words = [str(rng.randint(-2, max(last, -2))) for _ in range(rng.randint(0, 3))]
        tables.setdefault("fills", {})[patient] = " ".join(dict.fromkeys(words))
    return tables, rules_of(rng)


def with_scores(folder, rng, tables):
    """Add a table of scores, which no endpoint looks at."""
    over = deaths(tables)
    lines = ["patient_id,date,scale,score"]
    for patient in tables["patients"]:
        day = min(rng.randint(-2, 12), over.get(patient, 12))
        lines.append(f"{patient},{day},craving,{rng.randint(0, 100)}")
    (folder / "scales.csv").write_text("\n".join(lines) + "\n")
    with (folder / "study.toml").open("a") as declaration:
        declaration.write('[tables.scales]\nfile = "scales.csv"\n')
    return folder


def filled(row, header):
    """The row with as many cells as its header: further columns are empty."""
    return row + "," * (header.count(",") - row.count(","))


def rewritten(folder, change):
    """Rewrite the files of a study: `change(table, header, rows)` returns rows of text."""
    for path in sorted(folder.glob("*.csv")):
        header, *rows = path.read_text().splitlines()
        rows = change(path.stem, header, rows)
        path.write_text("\n".join([header, *rows]) + "\n")
    return folder


def results(derived):
    """patient -> everything of its row that can be compared, the deciding record left out."""
    tte = derived.tte
    entry = [np.nan] * tte.n if tte.entry is None else tte.entry
    columns = (tte.time, tte.event, tte.lower, tte.upper, tte.reason, tte.origin_day, tte.last_free)
    rows = zip(tte.patient_id, *columns, entry, strict=True)
    return {patient: row for patient, *row in rows}


def assert_same(found, expected):
    assert found.tte.flow == expected.tte.flow
    one, other = results(found), results(expected)
    assert one.keys() == other.keys()
    for patient, row in other.items():
        assert same(one[patient], row), (patient, one[patient], row)


def leaf_of(tte, at):
    """The cell of the flow that a patient at risk is in."""
    outcome = "censored" if tte.event[at] == 0 else tte.causes[int(tte.event[at]) - 1]
    reached = not isnan(tte.origin_day[at])
    return reached, outcome, tte.reason[at]


def assert_everybody_is_in_one_cell(tte, patients, population):
    leaves = {(leaf.reached, leaf.outcome, leaf.reason): leaf.patients for leaf in tte.flow.leaves}
    assert len(leaves) == len(tte.flow.leaves)
    assert tte.flow.enrolled == patients == sum(leaves.values())
    assert min(leaves.values()) > 0
    assert len(set(tte.patient_id)) == tte.n
    at_risk = {leaf: n for leaf, n in leaves.items() if leaf[1] != "not at risk"}
    assert Counter(leaf_of(tte, at) for at in range(tte.n)) == at_risk
    left_out = {reason for _, outcome, reason in leaves if outcome == "not at risk"}
    if population == "intention":
        assert left_out <= {"entered_after_end"}


def assert_times_hold(tte, endpoint):
    """Each time lies in its interval, and nobody is known free after it."""
    assert (tte.lower <= tte.time).all()
    # The day on which a pattern of several positives is complete may come after its interval.
    if endpoint.dated != "detected" or endpoint.pattern.rule == "any_use":
        assert (tte.time <= tte.upper).all()
    censored = tte.event == 0
    assert (tte.upper[censored] == inf).all()
    assert (tte.time[censored] == tte.lower[censored]).all()
    assert np.isfinite(tte.upper[~censored]).all()
    assert (tte.lower >= 0).all()
    assert (tte.last_free <= tte.lower).all()
    if tte.entry is not None:
        late = ~np.isnan(tte.entry)
        assert (tte.entry[late] < tte.time[late]).all()


def assert_records_are_of_the_patient(derived, folder):
    """The record that decided stands in the files, in a row of the patient."""
    lines = {path.name: path.read_text().splitlines() for path in folder.glob("*.csv")}
    tte = derived.tte
    for patient, file, line in zip(tte.patient_id, tte.file, tte.line, strict=True):
        assert lines[file][line - 1].split(",")[0] == patient


@given(rng=RANDOM)
@bounded(5)
def test_everybody_is_in_one_cell_and_every_time_in_its_interval(studies, derive, rng):
    studies.close()
    tables, rules = random_study(rng, 25)
    folder = with_scores(studies.write({**tables, **rules}), rng, tables)
    first = derive(folder)
    for more in (rules, rules_of(rng), rules_of(rng)):
        derived = first if more is rules else studies.again(first, more)
        assert_everybody_is_in_one_cell(derived.tte, 25, more["population"])
        assert_times_hold(derived.tte, derived.endpoint)
        assert_records_are_of_the_patient(derived, folder)


def twice_derived(studies, derive, rng, change):
    """Derive a random study as it is, and with its files changed."""
    studies.close()
    tables, rules = random_study(rng)
    one, other = (studies.write({**tables, **rules}) for _ in range(2))
    return derive(rewritten(other, change)), derive(one)


@given(rng=RANDOM)
@bounded(4)
def test_the_order_of_the_rows_of_the_files_changes_nothing(studies, derive, rng):
    def shuffled(table, header, rows):
        return rng.sample(rows, len(rows))

    assert_same(*twice_derived(studies, derive, rng, shuffled))


@given(rng=RANDOM)
@bounded(4)
def test_rows_that_stand_twice_change_nothing(studies, derive, rng):
    def doubled(table, header, rows):
        again = [] if table in ("patients", "fills") else rng.sample(rows, len(rows) // 2)
        return [*rows, *again]

    assert_same(*twice_derived(studies, derive, rng, doubled))


@given(rng=RANDOM)
@bounded(2)
def test_fills_that_stand_twice_are_reported(studies, derive, rng):
    again = []

    def doubled(table, header, rows):
        if table != "fills" or not rows:
            return rows
        again.extend(rng.choices(rows, k=3))
        return [*rows, *again]

    found, expected = twice_derived(studies, derive, rng, doubled)
    records = found.evidence.records
    lines = (records.folder / "fills.csv").read_text().splitlines()
    first = len(lines) - len(again) + 1
    assert records.repeated_fills == tuple(
        ("fills.csv", line, row.split(",")[0]) for line, row in enumerate(again, first)
    )
    if found.endpoint.pattern.rule != "refill":  # a supply that was handed out twice lasts longer
        assert_same(found, expected)
    listed = summary(open_study(records.folder))["Fills that stand there twice"]
    assert [row["line"] for row in listed] == [row[1] for row in records.repeated_fills]


@given(rng=RANDOM)
@bounded(2)
def test_a_patient_that_stands_twice_is_an_error(studies, rng):
    tables, rules = random_study(rng)
    patient = rng.choice(sorted(tables["patients"]))

    def doubled(table, header, rows):
        twin = [filled(f"{patient},0", header) if rng.random() < 0.5 else row for row in rows
                if row.split(",")[0] == patient]  # fmt: skip
        return [*rows, *twin] if table == "patients" else rows

    with pytest.raises(BadInput) as refused:
        read_study(rewritten(studies.write({**tables, **rules}), doubled))
    told = [(fault.file, fault.line) for fault in refused.value.faults]
    assert ("patients.csv", 14) in told
    assert "one row of patients" in str(refused.value)


@given(rng=RANDOM)
@bounded(2)
def test_nobodys_records_touch_another_patient(studies, derive, rng):
    """A part of the patients, read alone, has the rows that it has among all."""
    studies.close()
    tables, rules = random_study(rng)
    some = set(rng.sample(sorted(tables["patients"]), 5))

    def part(table, header, rows):
        return [row for row in rows if row.split(",")[0] in some]

    one, other = (studies.write({**tables, **rules}) for _ in range(2))
    found, expected = results(derive(rewritten(other, part))), results(derive(one))
    assert found.keys() == some & expected.keys()
    for patient, row in found.items():
        assert same(row, expected[patient]), (patient, row, expected[patient])


@given(rng=RANDOM)
@bounded(2)
def test_dates_say_what_days_say(studies, derive, rng):
    """The same records with dates instead of study days, and other columns first."""
    studies.close()
    tables, rules = random_study(rng)
    day_0 = dt.date(1970, 1, 1) + dt.timedelta(rng.randint(-20_000, 40_000))

    def date_of(day):
        return (day_0 + dt.timedelta(int(day))).isoformat() if day else day

    def redated(table, header, rows):
        days = [name in DAYS.get(table, ("date",)) for name in header.split(",")]
        return [
            ",".join(
                date_of(cell) if is_day else cell
                for cell, is_day in zip(row.split(","), days, strict=True)
            )
            for row in rows
        ]

    dated = {**rules, "end": date_of(rules["end"])} if isinstance(rules["end"], int) else rules
    folder = rewritten(studies.write({**tables, **dated}), redated)
    card = folder / "study.toml"
    card.write_text(card.read_text().replace('dates = "days"', 'dates = "iso"'))
    found, expected = results(derive(folder)), results(derive(**tables, **rules))
    assert found.keys() == expected.keys()
    for patient, row in expected.items():
        row[5] += (day_0 - dt.date(1970, 1, 1)).days
        assert same(found[patient], row), (patient, found[patient], row)


@given(rng=RANDOM)
@bounded(4)
def test_a_positive_of_any_source_before_a_patients_time_never_lengthens_it(studies, derive, rng):
    studies.close()
    tables, rules = random_study(rng)
    rules.pop("entry", None)
    if rules["origin"]["at"] == "first_negative":  # a use between its negatives makes them none
        rules["origin"]["negatives"] = 1
    if rules["missing"]["rule"] != "ignore":  # a positive that completes no pattern ends a silence
        rules["pattern"] = {"rule": "any_use"}
    one, other = (studies.write({**tables, **rules}) for _ in range(2))
    expected = results(derive(one))
    said = {"visits": "attended,yes", "urine": "zolpidem,positive", "use_days": "zolpidem"}
    source = rng.choice(sorted(said.keys() & {*rules["sources"]}))
    added = [
        f"{patient},{int(row[5]) + rng.randint(1, ceil(row[0]) - 1)},{said[source]}"
        for patient, row in expected.items()
        if not isnan(row[5]) and row[0] > 1
    ]
    over = deaths(tables)
    added = [row for row in added if int(row.split(",")[1]) <= over.get(row.split(",")[0], inf)]

    def more(table, header, rows):
        if table != source:
            return rows
        return [*rows, *(filled(row, header) for row in added)]

    found = results(derive(rewritten(other, more)))
    assert found.keys() == expected.keys()
    for patient, row in expected.items():
        assert found[patient][0] <= row[0], (patient, found[patient], row)


SOURCE = os.environ.get("SURVIVAL_BZD_CTN0094")
SUPPLIED = [each for each in supplied() if each.has_data and each.name != "pharmaco-smoking"]


def assert_study_is_counted(folder):
    opened = read_study(folder)
    found = evidence(opened)
    for name in opened.declaration.endpoint:
        endpoint, faults = endpoints.declare(opened.declaration, name)
        assert not faults
        tte = endpoints.derive(found, endpoint)
        assert_everybody_is_in_one_cell(tte, opened.rows["patients"], endpoint.population)
        assert_times_hold(tte, endpoint)
    opened.engine.connection.close()


@pytest.mark.parametrize("each", SUPPLIED, ids=lambda each: each.name)
def test_every_patient_of_a_supplied_study_is_in_one_cell(each):
    assert_study_is_counted(each.folder)


@pytest.mark.skipif(not SOURCE, reason="SURVIVAL_BZD_CTN0094 names no folder")
def test_every_patient_of_the_real_records_is_in_one_cell(tmp_path):
    import_ctn0094(Path(SOURCE), tmp_path / "study")
    assert_study_is_counted(tmp_path / "study")
