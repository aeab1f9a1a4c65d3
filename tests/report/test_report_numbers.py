import json
import math
import re

import pytest

from survival_bzd.report import Artefact
from survival_bzd.report.numbers import Numbers, numbers_json, numbers_tex, typst_numbers
from survival_bzd.report.paper_results import PaperResults

Files = dict[str, Artefact]


def test_numbers_json_has_the_keys_of_its_contract(files: Files, results: PaperResults):
    written = json.loads(files["numbers.json"].content)
    assert list(written) == ["schema", "study", "synthetic", "unit", "conventions", "numbers"]
    assert (written["study"], written["synthetic"], written["unit"]) == ("small", True, "days")
    for key, number in written["numbers"].items():
        assert set(number) - {"reason"} == {"value", "text"}, key
        assert (number["value"] is None) == ("reason" in number), key
        assert number["text"], key


def test_stable_keys(files: Files):
    numbers = json.loads(files["numbers.json"].content)["numbers"]
    assert numbers["enrolled.n"]["value"] == 10
    assert numbers["at_risk.n"]["value"] == 8
    assert numbers["relapses.n"]["value"] == 4
    assert numbers["competing.death.n"]["value"] == 1
    assert numbers["reached_origin.n"]["value"] == 8
    assert numbers["reached_origin.phrase"]["text"] == "80.0% (8/10; 95% CI 44.4 to 97.5)"
    assert numbers["relapse_free.month_3.estimate"]["text"] == "75.0%"
    assert "relapse_free.arm_taper.month_12.estimate" in numbers
    assert "cox.dose_arm.firth.arm_taper_cbt.hazard_ratio" in numbers


def test_what_lies_past_the_follow_up_is_null_and_says_why(files: Files):
    numbers = json.loads(files["numbers.json"].content)["numbers"]
    beyond = numbers["relapse_free.month_36.estimate"]
    assert beyond["value"] is None
    assert beyond["text"] == "NE"
    assert "follow-up ends" in beyond["reason"]


def test_values_have_twelve_significant_digits():
    numbers = Numbers()
    numbers.add("third", 1 / 3, "0.33")
    written = numbers_json(numbers, study="s", synthetic=False, unit="days", conventions={})
    assert '"value": 0.333333333333,' in written


def test_one_key_cannot_stand_for_two_numbers():
    numbers = Numbers()
    numbers.add("n", 1, "1")
    numbers.add("n", 1, "1")
    with pytest.raises(ValueError, match="two different numbers"):
        numbers.add("n", 2, "2")


def test_nan_is_null_with_a_reason():
    numbers = Numbers()
    numbers.add("x", math.nan, "NE")
    assert numbers["x"].value is None
    assert numbers["x"].reason


def test_macros_have_letters_only_and_escaped_text(files: Files):
    written = files["numbers.tex"].content.decode()
    names = re.findall(r"\\newcommand\{\\(.*?)\}", written)
    assert names
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("bzd[A-Za-z]+", name) for name in names)
    assert r"\newcommand{\bzdReachedOriginPercent}{80.0\%}" in written


def test_keys_that_would_make_one_macro_are_refused():
    numbers = Numbers()
    numbers.add("a.b", 1, "1")
    numbers.add("a_b", 2, "2")
    with pytest.raises(ValueError, match="one macro"):
        numbers_tex(numbers, synthetic=False)


def test_typst_reads_the_same_texts(files: Files, tmp_path):
    import typst

    path = tmp_path / "numbers.typ"
    path.write_bytes(files["numbers.typ"].content)
    (tmp_path / "main.typ").write_text(
        '#import "numbers.typ": *\n#metadata(number("at_risk.n")) <a>\n#metadata(title) <b>'
    )
    found = json.loads(typst.query(tmp_path / "main.typ", "metadata", field="value"))
    assert found == ["8", "A small study: 100% <made up> & \\checked"]
    assert typst_numbers(Numbers()).startswith("#let numbers = (\n  :")
