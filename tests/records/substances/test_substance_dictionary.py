"""Every entry of the dictionary: complete, sourced, and as the published tables print it."""

import re

import pytest

from survival_bzd.errors import BadInput, NotEstimable
from survival_bzd.records.substances import (
    assay_kind,
    detection_window,
    diazepam_equivalent,
    dictionary,
    equivalents,
    substance,
    unseen,
    visibility,
)
from survival_bzd.records.substances.entries import entries

# Table 7 of the joint guideline of 2025: mg equal to 10 mg of oral diazepam.
PRINTED = {
    "alprazolam": (1, 0.5), "chlordiazepoxide": (25, 25), "clonazepam": (1, 0.5),
    "clorazepate": (15, 15), "diazepam": (10, 10), "estazolam": (1, (1, 2)),
    "flurazepam": (15, (15, 30)), "lorazepam": (2, 1), "oxazepam": (30, 20), "quazepam": (10, 20),
    "temazepam": (15, 20), "triazolam": (0.25, 0.5),
}  # fmt: skip

SCOTLAND = {
    "diazepam": 5, "chlordiazepoxide": 12.5, "clobazam": 10, "clonazepam": 0.25,
    "loprazolam": (0.5, 1), "lorazepam": 0.5, "lormetazepam": (0.5, 1), "oxazepam": 10,
    "nitrazepam": 5, "temazepam": 10, "zolpidem": 10, "zopiclone": 7.5,
}  # fmt: skip


def as_range(printed):
    return printed if isinstance(printed, tuple) else (printed, printed)


def test_the_equivalents_are_those_of_the_printed_tables():
    book = dictionary().substances
    found = {
        table: {i: s.equivalents[table] for i, s in book.items() if table in s.equivalents}
        for table in dictionary().tables
    }
    assert found["va_dod"] == {inn: as_range(row[0]) for inn, row in PRINTED.items()}
    assert {inn: found["ashton"][inn] for inn in PRINTED} == {
        inn: as_range(row[1]) for inn, row in PRINTED.items()
    }
    assert found["nhs_scotland"] == {inn: as_range(dose) for inn, dose in SCOTLAND.items()}


def test_scotland_adapted_ashton_so_the_two_agree_wherever_both_print_a_drug():
    for inn in SCOTLAND:
        ashton = diazepam_equivalent(1, inn, "ashton")
        scotland = diazepam_equivalent(1, inn, "nhs_scotland")
        assert (scotland.lower, scotland.value, scotland.upper) == pytest.approx(
            (ashton.lower, ashton.value, ashton.upper)
        )


def test_a_dose_is_converted_under_one_table_at_a_time():
    found = {one.table: one for one in equivalents(1, "clonazepam")}
    assert {table: one.value for table, one in found.items()} == {
        "ashton": 20, "va_dod": 10, "nhs_scotland": 20,
    }  # fmt: skip
    assert found["va_dod"].title == "VA/DoD 2021"
    assert found["nhs_scotland"].printed == "0.25 mg = 5 mg of diazepam"


def test_a_range_stays_a_range_and_its_midpoint_is_used():
    found = diazepam_equivalent(30, "flurazepam", "ashton")
    assert (found.lower, found.upper) == (10, 20)
    assert found.value == pytest.approx(30 * 10 / 22.5)


def test_a_table_that_does_not_print_a_drug_says_so():
    with pytest.raises(NotEstimable, match="VA/DoD 2021 prints no equivalent of zopiclone"):
        diazepam_equivalent(7.5, "zopiclone", "va_dod")
    with pytest.raises(BadInput, match="never averaged"):
        diazepam_equivalent(1, "lorazepam", "mean")
    with pytest.raises(BadInput, match="zero or more"):
        diazepam_equivalent(-1, "lorazepam", "ashton")
    with pytest.raises(BadInput, match="by its INN"):
        diazepam_equivalent(1, "Ativan", "ashton")


def test_every_number_has_a_source_that_is_listed_and_every_source_is_used():
    book, written = dictionary(), entries()
    used = {"atc", "asam_2025"} | {table.source for table in book.tables.values()}
    for keys in book.brand_sources.values():
        used |= set(keys)
    for assay in book.assays.values():
        used |= {key for key in (assay.window_source, assay.chronic_source) if key}
        assert (assay.window_days is None) == (assay.window_source == "")
    for one in book.substances.values():
        ranges = [one.half_life_h, one.active_metabolite_h, *one.windows.values()]
        used |= {each.source for each in ranges if each is not None}
        used |= {source for _, source in one.verdicts.values()}
        used |= {one.becomes[1]} if one.becomes else set()
        for each in (*ranges, *(one.equivalents[t] for t in one.equivalents)):
            low, high = getattr(each, "range", each) or (0, 0)
            assert 0 <= low <= high
        assert one.equivalents.keys() <= book.tables.keys()
        assert one.windows.keys() <= book.assays.keys()
        assert one.brands.keys() <= book.brand_sources.keys()
    mentioned = {key for key in book.sources if key in str(written["substance"])}
    assert used <= book.sources.keys()
    assert book.sources.keys() - used - mentioned == set()


def test_every_substance_has_a_class_and_a_code_of_the_right_form_once():
    codes = [code for one in dictionary().substances.values() for code in one.atc]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}", code) for code in codes)
    outside = sorted(code for code in codes if not code.startswith("N05"))
    assert outside == ["A03CA02", "M03BX07", "N03AE01", "N06CA01"]
    z_drugs = [one.inn for one in dictionary().substances.values() if one.class_ == "z_drug"]
    assert z_drugs == ["eszopiclone", "zaleplon", "zolpidem", "zopiclone"]
    assert {one.class_ for one in dictionary().substances.values()} == {"benzodiazepine", "z_drug"}


def test_no_immunoassay_of_benzodiazepines_sees_a_z_drug():
    for assay in ("immunoassay", "immunoassay_glucuronidase"):
        for drug in ("eszopiclone", "zaleplon", "zolpidem", "zopiclone"):
            assert visibility(drug, assay).verdict == "not_seen"
            assert detection_window(drug, assay) is None
    missed = {one.inn: one.verdict for one in unseen("immunoassay")}
    assert {"lorazepam", "clonazepam", "alprazolam"} <= missed.keys()
    assert not {"diazepam", "oxazepam", "nordazepam"} & missed.keys()
    assert [one.inn for one in unseen("immunoassay", ["diazepam", "zolpidem"])] == ["zolpidem"]


def test_a_test_with_glucuronidase_sees_no_less_than_one_without():
    rank = {"not_seen": 0, "unknown": 1, "variably": 2, "seen": 3}
    for inn in dictionary().substances:
        plain = visibility(inn, "immunoassay")
        better = visibility(inn, "immunoassay_glucuronidase")
        assert rank[better.verdict] >= rank[plain.verdict]
    assert visibility("lorazepam", "immunoassay_glucuronidase").verdict == "seen"
    assert visibility("zaleplon", "mass_spectrometry").verdict == "unknown"


@pytest.mark.parametrize(
    ("drug", "assay", "days", "basis"),
    [
        ("alprazolam", "immunoassay", (1, 12.5), "drug"),
        ("alprazolam", "mass_spectrometry", (1.1, 2.5), "drug"),
        ("triazolam", "immunoassay", (0, 1), "drug"),
        ("chlordiazepoxide", "immunoassay", (6, 24), "metabolite"),
        ("chlordiazepoxide and clidinium", "immunoassay", (6, 24), "metabolite"),
        ("bromazepam", "immunoassay", (3, 7), "class"),
        ("clonazepam", "mass_spectrometry", (14, 28), "drug"),
    ],
)
def test_a_detection_window_says_whose_it_is(drug, assay, days, basis):
    window = detection_window(drug, assay)
    assert ((window.lower, window.upper), window.basis) == (days, basis)
    assert window.source in dictionary().sources


def test_a_window_that_no_source_gives_is_not_made_up():
    assert detection_window("zolpidem", "mass_spectrometry") is None
    assert detection_window("bromazepam", "mass_spectrometry") is None
    assert detection_window("diazepam", "mass_spectrometry").chronic_upper is None


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("immunoassay", "immunoassay"), ("EIA", "immunoassay"), ("POC cup", "immunoassay"),
        ("LC-MS/MS", "mass_spectrometry"), ("GC/MS confirmation", "mass_spectrometry"),
        ("screen, confirmed by LC-MS", "mass_spectrometry"),
        ("immunoassay with glucuronidase", "immunoassay_glucuronidase"), ("", None),
        ("blood", None),
    ],
)  # fmt: skip
def test_the_words_of_an_assay_tell_its_kind(written, kind):
    assert assay_kind(written) == kind


def test_an_assay_or_drug_that_is_not_known_is_refused_with_the_list():
    with pytest.raises(BadInput, match="immunoassay_glucuronidase, mass_spectrometry"):
        unseen("hair")
    with pytest.raises(BadInput, match="by its INN"):
        substance("aspirin")
