"""Each guard speaks where it should, and is silent where it should."""

import numpy as np
import pytest

from survival_bzd.endpoint.guards import guards

CONFIRMED = {"at": "confirmed_abstinence", "negatives": 2, "after": "enrolment"}


def found(derived, groups=None):
    tte = derived.tte
    return {one.key: one for one in guards(derived.evidence, derived.endpoint, tte, groups=groups)}


def test_time_zero_that_knows_the_future(derive):
    urine = {"a": "3- 10- 20+", "b": "1- 31- 60-", "c": "4+"}
    told = found(derive(urine=urine, origin={**CONFIRMED, "at": "first_negative"}))
    assert told["immortal_time"].numbers == {"patients": 2, "days": 37, "median_days": 18.5}
    assert "2 patients could not relapse for 7 to 30 days" in told["immortal_time"].sentence
    assert "immortal_time" not in found(derive(urine=urine, origin=CONFIRMED))
    one = {"at": "first_negative", "negatives": 1, "after": "enrolment"}
    assert "immortal_time" not in found(derive(urine=urine, origin=one))


def test_who_is_not_in_the_estimates(derive):
    urine = {"a": "3- 10- 20+", "c": "4+"}
    told = found(derive(urine=urine, origin=CONFIRMED))["denominator"]
    assert told.sentence.startswith("The estimates are of 1 of the 2 enrolled: 1 never reached")
    assert told.patients == ("c",)
    everybody = derive(urine=urine, origin=CONFIRMED, population="intention")
    assert "denominator" not in found(everybody)
    assert "denominator" not in found(derive(urine={"a": "3- 10- 20+"}, origin=CONFIRMED))


def test_who_entered_too_late_is_not_in_the_estimates(derive):
    late = derive(
        patients={"a": {"enrolled": 0, "found": 50}, "b": {"enrolled": 0, "found": 5}},
        urine={"a": "10+", "b": "10- 30+"}, entry={"column": "found"},
    )  # fmt: skip
    assert found(late)["denominator"].numbers["entered_too_late"] == 1


def test_positives_inside_the_washout(derive):
    urine = {"a": "0- 3+ 9+ 40-", "b": "0- 20+"}
    told = found(derive(urine=urine, washout_days=10))["washout"]
    assert (told.numbers["positives"], told.patients) == (2, ("a",))
    assert told.lines == (("urine.csv", 3), ("urine.csv", 4))
    assert "washout" not in found(derive(urine=urine))
    assert "washout" not in found(derive(urine={"a": "0- 30+"}, washout_days=10))


SCREENS = "patient_id,date,analyte,result,assay\n"


def screened(derive, studies, assay, taken, analyte="benzo"):
    """Derive one patient with a fill of a drug and two negatives by an assay."""
    folder = studies.write({"urine": {"a": "3-"}, "use_days": {}, "fills": {"a": "1"}})
    declared = (folder / "study.toml").read_text()
    declared = declared.replace('"diazepam"]', '"diazepam", "lorazepam"]')
    (folder / "study.toml").write_text(declared)
    rows = f"a,3,{analyte},negative,{assay}\na,10,{analyte},negative,{assay}\n"
    (folder / "urine.csv").write_text(SCREENS + rows)
    (folder / "fills.csv").write_text(f"patient_id,date,substance,days_supply\na,1,{taken},10\n")
    return found(derive(folder))


@pytest.mark.parametrize("taken", ["lorazepam", "zolpidem"])
def test_an_assay_that_misses_the_drug(derive, studies, taken):
    told = screened(derive, studies, "immunoassay", taken)["assay"]
    assert told.numbers == {"patients": 1, "negatives": 2}
    assert told.sentence.startswith(f"1 patient took {taken}, which immunoassay misses or may miss")
    assert told.lines == (("urine.csv", 2), ("urine.csv", 3))


@pytest.mark.parametrize(
    ("assay", "taken", "analyte"),
    [
        ("LC-MS/MS", "lorazepam", "benzo"),
        ("immunoassay", "diazepam", "benzo"),
        ("immunoassay", "zolpidem", "zolpidem"),
        ("laboratory 7", "lorazepam", "benzo"),
        ("", "lorazepam", "benzo"),
    ],
)
def test_an_assay_that_sees_the_drug_or_is_not_known(derive, studies, assay, taken, analyte):
    assert "assay" not in screened(derive, studies, assay, taken, analyte)


def test_visits_too_far_apart(derive):
    coarse = derive(urine={"a": "10- 101+", "b": "20- 80+", "c": "7- 14+"}, horizons_months=[3, 6])
    told = found(coarse)["coarse_visits"]
    assert told.numbers == {
        "relapses": 3, "median_width": 60, "maximum_width": 91, "horizon": 91,
        "widest_allowed": 22.75,
    }  # fmt: skip
    weekly = derive(urine={"a": "7- 14+", "b": "7- 14- 21+", "c": "7- 90+"}, horizons_months=[3])
    assert "coarse_visits" not in found(weekly)
    assert "coarse_visits" not in found(derive(urine={"a": "10- 200-"}))


PATTERN = {"rule": "consecutive", "k": 2}


def test_loss_after_a_positive(derive):
    study = {"outcomes": {"a": "90loss", "b": "90study_end", "c": "80withdrawal"}, "end": "outcome"}
    urine = {"a": "5- 20- 40+", "b": "5- 40+", "c": "5- 50-"}
    told = found(derive(urine=urine, pattern=PATTERN, **study))["informative_loss"]
    assert (told.patients, told.numbers["lost"]) == (("a",), 2)
    assert told.lines == (("urine.csv", 4),)
    calm = {"a": "5+ 20- 40-", "b": "5- 40+", "c": "5- 50-"}
    assert "informative_loss" not in found(derive(urine=calm, pattern=PATTERN, **study))


@pytest.mark.parametrize(("lost", "warned"), [("abcde", True), ("abcdg", False), ("abcd", False)])
def test_groups_that_lose_different_shares(derive, lost, warned):
    everybody = "abcdefghij"
    derived = derive(
        urine=dict.fromkeys(everybody, "5-"),
        outcomes={one: "90loss" if one in lost else "90study_end" for one in everybody},
        end="outcome",
    )
    labels = np.array(list("AAAABBBBBB") if lost == "abcdg" else list("AAAAABBBBB"), dtype=object)
    if lost == "abcdg":
        # Lost among the six of B too, so that the shares are 0.5 and 0.5.
        labels = np.array(list("ABABABABAB"), dtype=object)
    told = found(derived, ("arm", labels))
    assert ("loss_by_group" in told) == warned
    assert "loss_by_group" not in found(derived)
