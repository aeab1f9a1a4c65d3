"""Every row that speaks about use becomes one statement: who, when, what, by which line."""

import pytest

from survival_bzd.records import evidence, read_study

DAYS = """[study]
name = "d"
title = "D"
synthetic = true
control_group = false
dates = "days"

[substances]
benzodiazepine = ["diazepam", "lorazepam", "diazepam"]
z_drug = ["zolpidem"]
not_counted = ["opiates"]
"""
PEOPLE = "patient_id\n001\n"


@pytest.fixture
def statements(study):
    """Return the statements of one table as tuples of the columns named."""

    def collect(columns, **tables):
        tables = {"urine": "patient_id,date,analyte,result\n", **tables}
        folder = study(card=DAYS, substances="", patients=PEOPLE, **tables)
        frame = evidence(read_study(folder)).to_frame()
        return [tuple(row) for row in frame[columns.split()].itertuples(index=False)]

    return collect


def test_a_screen_speaks_of_its_day_and_its_analyte(statements):
    found = statements(
        "patient_id source verdict from_day to_day known_on substance subject detail file line",
        urine="patient_id,date,analyte,result,assay\n001,5,diazepam,positive,LC-MS\n"
        "001,-6,zolpidem,negative,\n001,7,opiates,invalid,\n",
    )
    assert found == [
        ("001", "urine", "use", 5, 5, 5, "benzodiazepine", "diazepam", "positive by LC-MS",
         "urine.csv", 2),
        ("001", "urine", "no_use", -6, -6, -6, "z_drug", "zolpidem", "negative", "urine.csv", 3),
        ("001", "urine", "not_assessed", 7, 7, 7, "not_counted", "opiates", "invalid",
         "urine.csv", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "verdict", "from_day", "detail"),
    [
        ("attended,yes,", "use", 30, "attended"),
        ("attended,no,", "no_use", 30, "attended"),
        ("attended,no,1", "no_use", 30, "attended"),
        ("attended,yes,7", "use", 24, "attended"),
        ("attended,no,28", "no_use", 3, "attended"),
        ("attended,,28", "not_assessed", 3, "not_asked"),
        ("missed,,", "not_assessed", 30, "missed"),
        ("not_required,,", "not_assessed", 30, "not_required"),
    ],
)
def test_a_visit_speaks_of_the_days_it_looks_back_on(statements, row, verdict, from_day, detail):
    found = statements(
        "source verdict from_day to_day known_on substance detail",
        visits=f"patient_id,date,status,use,recall_days\n001,30,{row}\n",
    )
    assert found == [("visits", verdict, from_day, 30, 30, None, detail)]


def test_a_visit_that_does_not_ask_about_use_assesses_nothing(statements):
    visits = "patient_id,date,status\n001,30,attended\n"
    assert statements("verdict detail", visits=visits) == [("not_assessed", "not_asked")]


def test_a_day_of_a_calendar_is_use_unless_its_amount_is_zero(statements):
    found = statements(
        "verdict from_day to_day substance detail",
        use_days="patient_id,date,substance,amount\n001,1,diazepam,2.5\n001,2,diazepam,\n"
        "001,3,zolpidem,0\n001,4,zolpidem,0.0\n",
    )
    assert found == [
        ("use", 1, 1, "benzodiazepine", "amount 2.5"),
        ("use", 2, 2, "benzodiazepine", "used"),
        ("no_use", 3, 3, "z_drug", "amount 0"),
        ("no_use", 4, 4, "z_drug", "amount 0"),
    ]


def test_a_window_is_free_of_use_and_known_at_its_end(statements):
    found = statements(
        "source verdict from_day to_day known_on substance",
        use_windows="patient_id,from,to\n001,1,28\n001,30,30\n",
    )
    assert found == [
        ("use_windows", "no_use", 1, 28, 28, None),
        ("use_windows", "no_use", 30, 30, 30, None),
    ]


def test_a_fill_is_possession_for_as_long_as_it_lasts(statements):
    found = statements(
        "verdict from_day to_day known_on substance",
        fills="patient_id,date,substance,days_supply\n001,1,diazepam,28\n001,40,zolpidem,\n"
        "001,50,diazepam,0.5\n001,60,diazepam,2.5\n",
    )
    assert found == [
        ("possession", 1, 28, 1, "benzodiazepine"),
        ("possession", 40, 40, 40, "z_drug"),
        ("possession", 50, 50, 50, "benzodiazepine"),
        ("possession", 60, 62, 60, "benzodiazepine"),
    ]


def test_a_substance_listed_twice_in_its_class_speaks_once(statements):
    urine = "patient_id,date,analyte,result\n001,5,diazepam,positive\n"
    assert len(statements("verdict", urine=urine)) == 1


def test_rows_without_a_date_say_nothing(study):
    folder = study(
        card=DAYS,
        substances="",
        patients=PEOPLE,
        urine="patient_id,date,analyte,result\n001,,diazepam,positive\n001,1,diazepam,positive\n",
        use_windows="patient_id,from,to\n001,,9\n",
        keys=dict.fromkeys(("urine", "use_windows"), 'undated = "leave_out"'),
    )
    records = read_study(folder)
    assert evidence(records).to_frame()["line"].tolist() == [3]
    assert [(row.table, row.line) for row in records.left_out] == [("urine", 2), ("use_windows", 2)]


def test_tables_that_do_not_speak_about_use_make_no_statement(statements):
    found = statements(
        "source",
        treatments="patient_id,date,treatment\n001,1,infusion\n",
        scales="patient_id,date,scale,score\n001,1,hads,3\n",
        outcomes="patient_id,date,outcome\n001,90,study_end\n",
    )
    assert found == []


def test_every_row_of_the_supplied_cohort_that_speaks_is_one_statement():
    from survival_bzd.records.supplied import locate

    records = read_study(locate("ketamine-taper"))
    said = evidence(records).to_frame()["source"].value_counts().to_dict()
    assert said == {
        name: records.rows[name] for name in ("visits", "urine", "use_days", "use_windows", "fills")
    }
