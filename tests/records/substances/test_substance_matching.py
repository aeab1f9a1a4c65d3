"""Names as clinics write them, and what they are taken for."""

import csv
from pathlib import Path

import pytest

from survival_bzd.records.substances import dictionary, match

FILE = Path(__file__).parent / "spellings.csv"
SPELLINGS = list(csv.DictReader(FILE.read_text(encoding="utf-8").splitlines()))


def said(found):
    if not found.is_matched:
        return "unknown"
    return found.inn or f"class {found.class_}"


def test_two_hundred_spellings_are_what_a_pharmacist_takes_them_for():
    found = match(row["written"] for row in SPELLINGS)
    wrong = [
        (one.text, row["expected"], said(one), one.why)
        for row, one in zip(SPELLINGS, found, strict=True)
        if said(one) != row["expected"]
    ]
    assert wrong == []
    assert len(SPELLINGS) >= 200


def test_what_is_not_known_is_listed_with_its_reason():
    unknown = [row["written"] for row in SPELLINGS if row["expected"] == "unknown"]
    found = match(unknown)
    assert [one.text for one in found] == unknown
    assert all(one.why and not one.class_ and not one.inn for one in found)
    why = {one.text: one.how for one in found}
    assert why["Zantac"] == why["loratidine"] == why["Clonidine 0.1mg"] == "another drug"
    assert why["sleeping pills"] == "class not known"
    assert why["clorazepam"] == why["Ativan and Ambien"] == why["N06CA01"] == "ambiguous"
    assert why["no benzos"] == "negated"
    assert why["asdf"] == why["???"] == "not known"


@pytest.mark.parametrize(
    ("written", "how"),
    [
        ("Lorazepam 1mg tab", "name"), ("Ativan", "name"), ("ATIVAN (lorazepam)", "within a text"),
        ("lorazapam", "misspelling"), ("clonazepram", "near a name"), ("N05BA06", "code"),
        ("7-aminoclonazepam", "metabolite"), ("benzos", "class word"),
        ("Xanax, Klonopin", "several drugs"),
    ],
)  # fmt: skip
def test_a_match_says_how_it_was_made(written, how):
    (found,) = match([written])
    assert (found.is_matched, found.how) == (True, how)


def test_a_near_spelling_is_called_a_guess_and_can_be_left_out():
    assert match(["clonazepram"])[0].why == "near clonazepam: a guess, look at it"
    assert match(["clonazepram"], near=False)[0].how == "not known"


def test_every_name_in_the_dictionary_is_matched_to_its_own_drug():
    for inn, one in dictionary().substances.items():
        brands = [brand for names in one.brands.values() for brand in names]
        names = (inn, *one.names, *brands, *one.metabolites, *one.misspellings)
        assert {name: found.inn for name, found in zip(names, match(names), strict=True)} == (
            dict.fromkeys(names, inn)
        )
        if not one.atc_shared:
            assert [found.inn for found in match(one.atc)] == [inn] * len(one.atc)


def test_no_look_alike_is_matched_nor_any_spelling_one_letter_from_it():
    names = [name for names in dictionary().others.values() for name in names]
    assert [one.text for one in match(names) if one.is_matched] == []
    # BZP is one letter from BZO; both are what they are.
    long = [name for name in names if len(name) > 3]
    near = [name[:at] + letter + name[at + 1 :] for name in long for at in range(len(name))
            for letter in ("", "a", "o")]  # fmt: skip
    assert [one.text for one in match(near) if one.is_matched] == []


def test_the_order_and_the_copies_of_names_change_nothing():
    names = [row["written"] for row in SPELLINGS]
    backwards = match([*reversed(names), *names])
    assert backwards[len(names) :] == match(names) == tuple(reversed(backwards[: len(names)]))
