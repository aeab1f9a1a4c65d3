"""`substances` as its users meet it: the list, one drug, a file of names, a file of doses."""

import json

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main
from survival_bzd.records.substances import dictionary


def run(*arguments, status=0):
    result = CliRunner().invoke(main, ["substances", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def document(*arguments, status=0):
    return json.loads(run(*arguments, "--format", "json", status=status).stdout)


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("id;drug\n1;Xanax 1mg\n2;zolpiden\n3;\n4;Zantac\n5;Xanax 1mg\n")
    return path


@pytest.fixture
def doses(tmp_path):
    path = tmp_path / "doses.csv"
    path.write_text(
        "id,drug,dose\n1,Ativan,1.5\n1,Zopiclone,7.5\n2,lorazepam,1.5\n3,clonazepam,1\n"
        "4,flurazepam,20\n5,zolpidem,10\n6,diazepam,10\n7,lorazepam,0.5\n7,diazepam,8\n"
    )
    return path


def test_the_list_has_every_substance():
    found = document()
    assert [row["substance"] for row in found["substances"]] == list(dictionary().substances)
    assert "not for prescribing" in found["warning"]
    assert "not for prescribing" in run().stdout


def test_one_drug_is_explained_with_the_source_of_every_number():
    found = document("ATIVAN 1 mg")
    facts = {row["fact"]: (row["value"], row["source"]) for row in found["substances"][0]["facts"]}
    assert facts["equivalent, Ashton 2002/2007"] == ("1 mg = 10 mg of diazepam", "ashton")
    assert facts["equivalent, VA/DoD 2021"] == ("2 mg = 10 mg of diazepam", "va_dod_2021")
    assert facts["half-life, hours"] == ("10-20", "ashton")
    cited = {row["source"] for row in found["sources"]}
    assert {key for _, source in facts.values() for key in source.split()} == cited


def test_a_name_that_is_not_known_makes_the_status_1():
    found = document("zopiclon", "Zantac", status=1)
    assert [one["inn"] for one in found["substances"]] == ["zopiclone", ""]
    assert "ranitidine" in found["substances"][1]["how"]


def test_a_file_of_names_is_matched_and_what_is_not_comes_last(names):
    found = document("--match", names, "--column", "drug", "--delimiter", ";", status=1)
    assert [(r["name"], r["substance"], r["rows"], r["first_line"]) for r in found["names"]] == [
        ("Xanax 1mg", "alprazolam", 2, 2), ("zolpiden", "zolpidem", 1, 3), ("Zantac", "", 1, 5),
    ]  # fmt: skip
    assert (found["matched"], found["guessed"], found["not_matched"]) == (2, 0, 1)


def test_a_file_of_known_names_makes_the_status_0(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("drug\nvalium\n")
    assert "1 of 1 names matched" in run("--match", path, "--column", "drug").stdout


def test_doses_stand_under_each_table_and_a_cut_that_flips_is_shown(doses):
    asked = ("--doses", doses, "--column", "drug", "--mg", "dose", "--patient", "id")
    found = document(*asked)
    by = {row["patient"]: row for row in found["doses"]}
    assert found["tables"] == {key: one.title for key, one in dictionary().tables.items()}
    assert (by["2"]["diazepam_mg_ashton"], by["2"]["diazepam_mg_va_dod"]) == (15, 7.5)
    assert (by["2"]["over_ashton"], by["2"]["over_va_dod"], by["2"]["flips"]) == (1, 0, 1)
    # Zopiclone is not in VA/DoD's table: no dose under it, and no part of one.
    assert by["1"]["diazepam_mg_va_dod"] is None
    assert by["1"]["diazepam_mg_ashton"] == 20
    assert (by["4"]["lower_ashton"], by["4"]["upper_ashton"]) == pytest.approx((20 / 3, 40 / 3))
    assert (by["4"]["in_range_of"], by["4"]["flips"]) == ("ashton", 1)
    # 10 mg is not over 10 mg, under any table.
    assert (by["6"]["over_ashton"], by["6"]["over_va_dod"], by["6"]["flips"]) == (0, 0, 0)
    assert by["7"]["substances"] == "lorazepam 0.5 mg + diazepam 8 mg"
    assert (by["7"]["diazepam_mg_ashton"], by["7"]["diazepam_mg_va_dod"]) == (13, 10.5)
    assert found["flips"] == 3
    shown = run(*asked).stdout
    assert "va_dod = VA/DoD 2021" in shown
    assert "For 3 of 7 it depends on the table" in " ".join(shown.split())


def test_another_cut_and_rows_without_a_patient(doses):
    found = document("--doses", doses, "--column", "drug", "--mg", "dose", "--cut", "6")
    assert [row["line"] for row in found["doses"]] == list(range(2, 11))
    assert found["doses"][1]["over_ashton"] == 0


def test_doses_of_what_is_not_one_drug_are_refused_all_at_once(tmp_path):
    path = tmp_path / "doses.csv"
    path.write_text('drug,dose\nZantac,1\nbenzos,2\n"Xanax, Valium",1\nvalium,-1\nvalium,1e3\n,2\n')
    refused = run("--doses", path, "--column", "drug", "--mg", "dose", status=3)
    for place in ("'Zantac'", "'benzos'", "'Xanax, Valium'", "'-1'", "'1e3'", "it is empty"):
        assert place in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("xanax", "--match", "FILE", "--column", "drug"), ("--match", "FILE"),
        ("--doses", "FILE", "--column", "drug"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_wrong_usage(arguments, names):
    run(*(names if one == "FILE" else one for one in arguments), status=2)


def test_a_column_that_is_not_there_is_bad_input(names):
    assert "drug" in run("--match", names, "--column", "d", "--delimiter", ";", status=3).stderr
