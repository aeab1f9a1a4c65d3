"""Tables are typed and checked; what breaks a rule is named, never dropped, clamped or guessed."""

import datetime as dt
from pathlib import Path

import duckdb
import pytest

from survival_bzd.errors import BadInput
from survival_bzd.records import examine, read_study

URINE = "patient_id,date,analyte,result\n"
DAYS = (
    '\n[study]\nname = "d"\ntitle = "D"\nsynthetic = true\ncontrol_group = false\ndates = "days"\n'
)
PEOPLE = "patient_id,enrolled\n001,0\n002,-3\n"


def places(faults, column=None):
    return [(fault.line, fault.value) for fault in faults if column in (None, fault.column)]


def rules(faults):
    return {fault.rule for fault in faults}


def typed(folder: Path, table: str, columns: str) -> list[tuple[object, ...]]:
    return read_study(folder).engine.rows(f"SELECT {columns} FROM {table} ORDER BY line")


def test_dates_become_day_numbers_and_text_stays_text(study):
    folder = study(
        patients="patient_id,enrolled,site,born,age\n001,1970-01-02,NA,1900-01-01,1e1\n"
        "2.0,2100-12-31, N A ,,\n",
        urine=URINE,
        keys={"patients": 'covariates = { site = "text", born = "date", age = "number" }'},
    )
    days = [(dt.date(1900, 1, 1) - dt.date(1970, 1, 1)).days, None]
    assert typed(folder, "patients", "patient_id, enrolled, site, born, age, line") == [
        ("001", 1, "NA", days[0], 10.0, 2),
        ("2.0", (dt.date(2100, 12, 31) - dt.date(1970, 1, 1)).days, "N A", days[1], None, 3),
    ]


@pytest.mark.parametrize(
    "date",
    ["01/02/2020", "20-01-02", "2020-02-30", "2020-01-02 10:00", "2020-01-02T00:00:00Z", "infinity",
     "epoch", "1899-12-31", "2101-01-01", "today", "43831", "2020-01-02\u200b"],
)  # fmt: skip
def test_a_date_in_another_form_is_refused_not_read(study, faults_of, date):
    (fault,) = faults_of(study(urine=f"{URINE}001,{date},diazepam,positive\n"))
    assert (fault.line, fault.column, fault.value, fault.patient) == (2, "date", date, "001")
    assert "2021-12-31 (%Y-%m-%d)" in fault.rule


def test_a_declared_form_of_dates_is_the_only_one(study, faults_of):
    card = '[study]\nname = "d"\ntitle = "D"\nsynthetic = true\ncontrol_group = false\n'
    folder = study(
        card=f'{card}date_format = "%d/%m/%Y"\n',
        patients="patient_id,enrolled\n001,2/1/1970\n002,1970-01-03\n003,01/13/1970\n",
        urine=URINE,
    )
    assert places(faults_of(folder)) == [(3, "1970-01-03"), (4, "01/13/1970")]
    folder = study(
        card=f'{card}date_format = "%d%b%Y"\n',
        patients="patient_id,enrolled\n001,02JAN1970\n",
        urine=URINE,
    )
    assert typed(folder, "patients", "enrolled") == [(1,)]


def test_with_a_wrong_form_of_dates_no_date_is_called_wrong(study, faults_of):
    card = '[study]\nname = "d"\ntitle = "D"\nsynthetic = true\ncontrol_group = false\n'
    faults = faults_of(study(card=f'{card}date_format = "%d.%m.%y"\n', urine=f"{URINE}009,,x,y\n"))
    assert [fault.column for fault in faults] == [
        "study.date_format", "date", "result", "patient_id", "analyte",
    ]  # fmt: skip


@pytest.mark.parametrize("day", ["2.5", "99999999999", "2147483647", "-100001", "1e3", "2020-01-02",
                                 "٢", "1_000", "+-1", "NaN", "0x10"])  # fmt: skip
def test_a_study_day_is_a_whole_number_that_sums_can_hold(study, faults_of, day):
    folder = study(card=DAYS, patients=PEOPLE, urine=f"{URINE}001,{day},diazepam,positive\n")
    assert places(faults_of(folder)) == [(2, day)]


def test_days_before_day_0_are_days(study):
    folder = study(
        card=DAYS,
        patients=PEOPLE,
        urine=f"{URINE}001,-5,diazepam,positive\n001,7.0,diazepam,positive\n",
    )
    assert typed(folder, "urine", "day") == [(-5,), (7,)]
    assert typed(folder, "patients", "enrolled") == [(0,), (-3,)]


def test_identifiers_with_what_cannot_be_seen_are_refused(study, faults_of):
    odd = [" 001", "001 ", "001\t", "\u00a0001", "001\u200b", "\ufeff001", "0\x0701"]
    people = "".join(f"{name},2020-01-01\n" for name in odd)
    faults = faults_of(
        study(patients=f"patient_id,enrolled\n{people}A 1,2020-01-01\n", urine=URINE)
    )
    assert places(faults, "patient_id") == [(n + 2, name) for n, name in enumerate(odd)]
    assert len(faults) == len(odd)
    with pytest.raises(BadInput, match=r"patient ' 001': ' 001'; .* patient '001\\t'"):
        raise BadInput(faults)


def test_people_stand_in_patients_once_and_records_have_a_person(study, faults_of):
    faults = faults_of(
        study(
            patients="patient_id,enrolled\n001,2020-01-01\n1,2020-01-01\n001,2020-01-02\n,2020-01-01\n",
            urine=f"{URINE}002,2020-01-02,diazepam,positive\n,2020-01-02,diazepam,positive\n",
        )
    )
    assert [(fault.file, fault.line, fault.value) for fault in faults] == [
        ("patients.csv", 5, ""),
        ("urine.csv", 3, ""),
        ("patients.csv", 4, "001, also in line 2"),
        ("urine.csv", 2, "002"),
    ]


@pytest.mark.parametrize("row", ["001\n", "001,2020-01-01,x\n", '001,2020"01"\n', "001,\xe9\n"])
def test_a_broken_row_of_patients_does_not_make_its_records_look_wrong(study, faults_of, row):
    header = "patient_id,enrolled\n"
    faults = faults_of(study(patients=f"{header}{row}002,2020-01-01\n".encode("latin-1")))
    assert {fault.file for fault in faults} == {"patients.csv"}
    assert {fault.line for fault in faults} == {2}


def test_a_patients_table_without_its_key_or_rows_is_one_fault(study, faults_of):
    (fault,) = faults_of(study(patients="id,enrolled\n001,2020-01-01\n"))
    assert (fault.line, fault.value) == (1, "patient_id")
    assert "It has id, enrolled." in fault.remedy
    (fault,) = faults_of(study(patients="patient_id,enrolled\n"))
    assert "it has none" in fault.rule
    (fault,) = faults_of(study(patients=""))
    assert "the file is empty" in fault.rule


def test_empty_tables_besides_patients_are_sound(study):
    tables = {
        "treatments": "patient_id,date\n",
        "visits": "patient_id,date,status\n",
        "use_days": "patient_id,date,substance\n",
        "use_windows": "patient_id,from,to\n",
        "fills": "patient_id,date,substance\n",
        "scales": "patient_id,date,scale,score\n",
        "outcomes": "patient_id,date,outcome\n",
    }
    records = read_study(study(urine=URINE, **tables))
    assert records.rows == {"patients": 2, "urine": 0, **dict.fromkeys(tables, 0)}


def test_substances_must_be_declared_as_they_are_written(study, faults_of):
    faults = faults_of(
        study(
            urine=f"{URINE}001,2020-01-02,Diazepam,positive\n001,2020-01-03,Diazepam,positive\n"
            "001,2020-01-03,kratom,positive\n001,2020-01-03, diazepam ,positive\n"
        )
    )
    assert places(faults) == [(2, "Diazepam"), (4, "kratom")]


def test_codes_are_mapped_and_no_other_is_known(study, faults_of):
    keys = {"urine": 'codes = { result = { negative = ["neg", "0"], positive = ["1"] } }'}
    urine = URINE + "".join(
        f"001,2020-01-0{day},diazepam,{code}\n"
        for day, code in enumerate(["neg", " 0", "1", "invalid", "Positive", ""], 1)
    )
    faults = faults_of(study(urine=urine, keys=keys))
    assert places(faults) == [(7, ""), (6, "Positive")]
    assert "negative, positive, invalid, neg, 0, 1" in faults[1].rule


def test_a_word_of_ours_that_means_another_is_not_guessed_at(study, faults_of):
    urine = f"{URINE}001,2020-01-01,diazepam,negative\n001,2020-01-02,diazepam,positive\n"
    faults = faults_of(
        study(urine=urine, keys={"urine": 'codes = { result = { negative = ["positive"] } }'})
    )
    assert places(faults) == [(2, "negative")]
    both = 'codes = { result = { negative = ["positive"], positive = ["negative"] } }'
    folder = study(urine=urine, keys={"urine": both})
    assert typed(folder, "urine", "result") == [("positive",), ("negative",)]


def test_columns_are_mapped_and_named_as_in_the_file(study, faults_of):
    keys = {"urine": 'columns = { patient_id = "id", date = "use", result = "date" }'}
    folder = study(urine="id,use,analyte,date\n003,2020-01-02,diazepam,9\n", keys=keys)
    assert [(fault.column, fault.value) for fault in faults_of(folder)] == [
        ("date", "9"),
        ("id", "003"),
    ]


def test_a_column_that_is_read_as_another_is_not_read_twice(study, faults_of):
    visits = "patient_id,date,use\n001,2020-01-02,attended\n"
    folder = study(visits=visits, keys={"visits": 'columns = { status = "use" }'})
    assert typed(folder, "visits", "status, use") == [("attended", None)]
    taken = study(
        patients="patient_id,enrolled\n", keys={"patients": 'columns = { enrolled = "patient_id" }'}
    )
    assert "patient_id" in [fault.value for fault in faults_of(taken)]


def test_covariates_may_be_called_as_sql_and_our_other_columns_are(study):
    folder = study(
        patients='patient_id,enrolled,date,from,"a""b",select,Line of\n001,2020-01-01,5,x,1,2,z\n',
        urine=URINE,
        keys={
            "patients": "[tables.patients.covariates]\n"
            'date = "number"\nfrom = "text"\n"a\\"b" = "number"\nselect = "number"\nof = "text"\n'
            '[tables.patients.columns]\nof = "Line of"\n'
        },
    )
    assert typed(folder, "patients", 'date, "from", "a""b", "select", "of"') == [
        (5.0, "x", 1.0, 2.0, "z")
    ]


@pytest.mark.parametrize(
    ("table", "column", "good", "bad"),
    [
        ("visits", "recall_days", ["1", "28", "7.0", ""],
         ["0", "-1", "2.5", "2147483647", "9" * 30]),
        ("use_days", "amount", ["0", "2.5", "1e2", ".5", "5.", ""],
         ["-1", "2,5", "nan", "inf", "1e400", "1 000", "two", "0x1", "1_0"]),
        ("fills", "days_supply", ["28", "0.5", ""], ["0", "-7", "1e300", "36526"]),
        ("fills", "quantity", ["0", ""], ["-1"]),
        ("scales", "score", ["-3", "0"], ["", "7,5", "NA"]),
    ],
)  # fmt: skip
def test_numbers_have_their_bounds(study, faults_of, table, column, good, bad):
    fixed = {"visits": ("status", "attended"), "scales": ("scale", "hads")}
    name, value = fixed.get(table, ("substance", "diazepam"))
    rows = "".join(f'001,2020-01-02,{value},"{cell}"\n' for cell in (*good, *bad))
    folder = study(**{table: f"patient_id,date,{name},{column}\n{rows}"})
    found = sorted(places(faults_of(folder), column))
    assert found == [(len(good) + 2 + n, cell) for n, cell in enumerate(bad)]


def test_a_visit_that_did_not_take_place_answers_nothing(study, faults_of):
    rows = "001,2020-01-02,missed,yes\n001,2020-01-03,not_required,no\n001,2020-01-04,missed,\n"
    faults = faults_of(study(visits=f"patient_id,date,status,use\n{rows}"))
    assert places(faults) == [(2, "use yes, status missed"), (3, "use no, status not_required")]


def test_a_stay_in_hospital_is_a_period_of_the_living(study, faults_of):
    found = faults_of(
        study(
            outcomes="patient_id,date,outcome\n001,2020-03-01,death\n",
            stays="patient_id,from,to\n001,2020-02-01,2020-02-01\n001,2020-02-09,2020-02-08\n"
            "001,2020-02-20,2020-03-02\n",
        )
    )
    assert [(fault.file, fault.line, fault.column) for fault in found] == [
        ("stays.csv", 3, "from"), ("stays.csv", 4, "to"),
    ]  # fmt: skip


def test_a_window_does_not_end_before_it_begins(study, faults_of):
    rows = "001,2020-01-02,2020-01-02\n001,2020-01-03,2020-01-02\n"
    (fault,) = faults_of(study(use_windows=f"patient_id,from,to\n{rows}"))
    assert (fault.line, fault.value) == (3, "from 2020-01-03, to 2020-01-02")


def test_nothing_is_recorded_of_the_dead_but_late_bills(study, faults_of):
    day = "001,2020-01-03"
    faults = faults_of(
        study(
            patients="patient_id,enrolled\n001,2020-01-04\n",
            urine=f"{URINE}001,2020-01-02,diazepam,positive\n{day},diazepam,positive\n",
            visits=f"patient_id,date,status\n{day},missed\n{day},attended\n",
            treatments=f"patient_id,date\n{day}\n",
            use_days=f"patient_id,date,substance\n{day},diazepam\n",
            use_windows="patient_id,from,to\n001,2020-01-01,2020-01-03\n",
            scales=f"patient_id,date,scale,score\n{day},hads,3\n",
            fills=f"patient_id,date,substance\n{day},diazepam\n",
            outcomes="patient_id,date,outcome\n001,2020-01-02,death\n001,2020-01-09,study_end\n",
        )
    )
    assert sorted((fault.file, fault.line) for fault in faults) == [
        ("patients.csv", 2), ("scales.csv", 2), ("treatments.csv", 2), ("urine.csv", 3),
        ("use_days.csv", 2), ("use_windows.csv", 2), ("visits.csv", 3),
    ]  # fmt: skip
    assert {fault.patient for fault in faults} == {"001"}
    assert faults[0].value == "2 days after the death in outcomes.csv line 2"


def test_a_patient_dies_once(study, faults_of):
    rows = "001,2020-02-03,death\n001,2020-02-03,death\n001,2020-02-04,death\n"
    (fault,) = faults_of(study(outcomes=f"patient_id,date,outcome\n{rows}"))
    assert (fault.line, fault.value) == (4, "2020-02-04, and another date in line 2")


def test_rows_without_a_date_are_left_out_only_where_declared(study, faults_of):
    rows = ("001,", "002,2020-01-02", "001, ")
    urine = URINE + "".join(f"{row},diazepam,positive\n" for row in rows)
    faults = faults_of(study(urine=urine))
    assert places(faults) == [(2, ""), (4, " ")]
    assert 'undated = "leave_out"' in faults[0].remedy
    folder = study(urine=urine, keys={"urine": 'undated = "leave_out"'})
    records = read_study(folder)
    assert [(row.table, row.file, row.line, row.patient) for row in records.left_out] == [
        ("urine", "urine.csv", 2, "001"),
        ("urine", "urine.csv", 4, "001"),
    ]
    assert records.rows["urine"] == 3
    wrong = f"{URINE}001,x,diazepam,positive\n"
    assert places(faults_of(study(urine=wrong, keys={"urine": 'undated = "leave_out"'}))) == [
        (2, "x")
    ]


def test_a_patient_without_a_day_of_enrolment_stays_enrolled_where_declared(study, faults_of):
    patients = "patient_id,enrolled\n001,2020-01-01\n002,\n"
    (fault,) = faults_of(study(patients=patients))
    assert "stays enrolled then, without a day of enrolment" in fault.remedy
    records = read_study(study(patients=patients, keys={"patients": 'undated = "leave_out"'}))
    assert records.rows["patients"] == 2
    assert records.left_out == ()


def test_a_fill_that_stands_twice_is_reported_and_kept(study):
    fill = "001,2020-01-02,diazepam,5,28,28\n"
    header = "patient_id,date,substance,strength_mg,quantity,days_supply\n"
    records = read_study(study(fills=f"{header}{fill}001,2020-01-02,diazepam,5,28,14\n{fill}"))
    assert records.repeated_fills == (("fills.csv", 4, "001"),)
    assert records.rows["fills"] == 3


def test_parquet_is_checked_as_csv_is(study, faults_of):
    card = '[study]\nname = "d"\ntitle = "D"\nsynthetic = true\ncontrol_group = false\n'
    folder = study(
        card=f'{card}date_format = "%d/%m/%Y"\n',
        patients="",
        urine="",
        keys={"patients": 'file = "p.parquet"\ncovariates = { age = "number" }',
              "urine": 'file = "u.parquet"'},
    )  # fmt: skip
    people = (
        "SELECT * FROM (VALUES ('001', DATE '2020-01-01', 'nan'::DOUBLE), "
        "('002', DATE '2020-01-02', 7.5)) AS t (patient_id, enrolled, age)"
    )
    screens = (
        "SELECT * FROM (VALUES ('001', TIMESTAMP '2020-01-02 00:00:00', 'diazepam', 'positive'), "
        "('001', TIMESTAMP '2020-01-02 10:30:00', 'diazepam', 'positive'), "
        "('003', NULL, 'diazepam', NULL)) AS t (patient_id, date, analyte, result)"
    )
    with duckdb.connect(":memory:") as connection:
        connection.sql(people).write_parquet(str(folder / "p.parquet"))
        connection.sql(screens).write_parquet(str(folder / "u.parquet"))
    faults = faults_of(folder)
    assert sorted((fault.line, fault.column, fault.value) for fault in faults) == [
        (2, "date", "2020-01-02 10:30:00"),
        (3, "date", ""),
        (3, "patient_id", "003"),
        (3, "result", ""),
    ]
    with pytest.raises(BadInput, match="row 2, patient 001"):
        raise BadInput(faults)
    records, _ = examine(folder)
    assert records.engine.rows("SELECT age FROM patients ORDER BY line") == [(None,), (7.5,)]


def test_every_file_that_was_read_has_its_checksum(study):
    records = read_study(study())
    assert sorted(records.sha256) == ["patients.csv", "study.toml", "urine.csv"]
    assert all(len(digest) == 64 for digest in records.sha256.values())


def test_a_message_groups_places_and_shortens_values(study, faults_of):
    rows = "".join(f"001,{'x' * 500},diazepam,positive\n" for _ in range(8))
    with pytest.raises(BadInput) as refused:
        read_study(study(urine=URINE + rows))
    text = str(refused.value)
    assert text.startswith("8 problems in the input.")
    assert "and 3 more." in text
    assert "x" * 81 not in text
