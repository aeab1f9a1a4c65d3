"""The dictionary of benzodiazepines and Z-drugs, read from its data file and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.substances.entries import entries
from survival_bzd.records.substances.spelling import normalised

Class = Literal["benzodiazepine", "z_drug"]
Verdict = Literal["seen", "variably", "not_seen"]
Kind = Literal["name", "brand", "metabolite", "misspelling"]
Range = tuple[float, float]

ASSAY_KEYS: Mapping[str, str] = {
    "immunoassay": "immunoassay",
    "immunoassay_glucuronidase": "glucuronidase",
    "mass_spectrometry": "mass_spectrometry",
}
"""Assay -> key of a substance that says what the assay makes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EquivalentTable:
    """A published table of doses equal to `diazepam_mg` of oral diazepam."""

    key: str
    title: str
    diazepam_mg: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assay:
    """A kind of urine test.

    Attributes
    ----------
    key, title : its name here, and on a page.
    names : words of `urine.assay` that mean it, in small letters.
    window_days : days after a dose, of a drug of the class that has no window of its own; None
        where there is no such number.
    chronic_days : the longest reported after long use.
    window_source, chronic_source : keys of `Dictionary.sources`, "" where there is no number.
    note : what it cannot see.
    """

    key: str
    title: str
    names: tuple[str, ...]
    window_days: Range | None
    window_source: str
    chronic_days: float | None
    chronic_source: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """A range, its source and what qualifies it."""

    range: Range
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Substance:
    """A benzodiazepine or Z-drug. An attribute that is None or empty is not established here.

    Attributes
    ----------
    inn : its international nonproprietary name; of a combination, its drugs.
    class_ : ``"benzodiazepine"`` or ``"z_drug"``.
    atc : its ATC codes; `atc_shared` where they also stand for products without the drug.
    half_life_h, active_metabolite_h : hours.
    equivalents : table -> the dose in mg that it prints, as a range.
    verdicts : assay -> (verdict, source).
    windows : assay -> days after a dose.
    becomes : the drug that it turns into and is found as, and the source.
    contains : of a combination, the benzodiazepine in it.
    brands : country (ISO 3166, or "other") -> trade names.
    names, metabolites, misspellings : other words for it.
    note : what to look out for.
    """

    inn: str
    class_: Class
    atc: tuple[str, ...]
    atc_shared: bool
    half_life_h: Sourced | None
    active_metabolite_h: Sourced | None
    equivalents: Mapping[str, Range]
    verdicts: Mapping[str, tuple[Verdict, str]]
    windows: Mapping[str, Sourced]
    becomes: tuple[str, str] | None
    contains: str
    brands: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]
    metabolites: tuple[str, ...]
    misspellings: tuple[str, ...]
    note: str

    def __repr__(self) -> str:
        return f"<Substance {self.inn}: {self.class_}, {', '.join(self.atc) or 'no ATC code'}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """Everything in the data file.

    Attributes
    ----------
    substances : INN -> substance, in the order of the file.
    tables, assays : key -> table of equivalents, kind of urine test.
    sources : key -> citation.
    brand_sources : country -> keys of the sources of its trade names.
    class_words : class, or ``"unknown"`` -> words for it, normalised.
    others : a drug that is neither -> its names, normalised, its own among them.
    negations : words by which a text that names a drug does not say that it was taken.
    """

    substances: Mapping[str, Substance]
    tables: Mapping[str, EquivalentTable]
    assays: Mapping[str, Assay]
    sources: Mapping[str, str]
    brand_sources: Mapping[str, tuple[str, ...]]
    class_words: Mapping[str, tuple[str, ...]]
    others: Mapping[str, tuple[str, ...]]
    negations: frozenset[str]

    def __repr__(self) -> str:
        return f"<Dictionary of {len(self.substances)} substances>"


@cache
def dictionary() -> Dictionary:
    """Read the dictionary; the same object every time.

    Examples
    --------
    >>> dictionary().substances["clonazepam"]
    <Substance clonazepam: benzodiazepine, N03AE01>
    """
    written = entries()
    return Dictionary(
        substances={inn: _substance(inn, entry) for inn, entry in written["substance"].items()},
        tables={key: EquivalentTable(key=key, **entry) for key, entry in written["table"].items()},
        assays={key: _assay(key, entry) for key, entry in written["assay"].items()},
        sources=written["source"],
        brand_sources={key: tuple(names) for key, names in written["brand_source"].items()},
        class_words={
            key: tuple(normalised(word) for word in words)
            for key, words in written["class_words"].items()
        },
        others={
            name: tuple(normalised(word) for word in (name, *words))
            for name, words in written["other"].items()
        },
        negations=frozenset(written["text"]["negations"]),
    )


def substance(inn: str) -> Substance:
    """Return a substance by its INN.

    Raises
    ------
    BadInput
        If the dictionary has no such INN; `match` finds one from a name as records have it.
    """
    known = dictionary().substances
    if inn not in known:
        rule = "the substance must be one of the dictionary, by its INN"
        remedy = "List them: survival-bzd substances. Of another spelling: --match."
        raise BadInput([Fault(rule=rule, value=inn, remedy=remedy)])
    return known[inn]


def spellings(one: Substance) -> Iterator[tuple[str, Kind]]:
    """Yield (normalised name, kind) for every name of a substance."""
    for name in (one.inn, *one.names):
        yield normalised(name), "name"
    for name in dict.fromkeys(brand for names in one.brands.values() for brand in names):
        yield normalised(name), "brand"
    for name in one.metabolites:
        yield normalised(name), "metabolite"
    for name in one.misspellings:
        yield normalised(name), "misspelling"


def as_range(written: float | list[float]) -> Range:
    """Return a number, or a list of two, as a range."""
    low, high = written if isinstance(written, list) else (written, written)
    return float(low), float(high)


def _substance(inn: str, entry: Mapping[str, Any]) -> Substance:
    life = entry.get("half_life", {})
    becomes = entry.get("becomes")
    return Substance(
        inn=inn,
        class_=entry["class"],
        atc=tuple(entry.get("atc", ())),
        atc_shared=entry.get("atc_shared", False),
        half_life_h=_sourced(life, "hours"),
        active_metabolite_h=_sourced(life, "active_metabolite_hours"),
        equivalents={key: as_range(dose) for key, dose in entry.get("equivalents", {}).items()},
        verdicts={
            assay: (entry[key]["verdict"], entry[key]["source"])
            for assay, key in ASSAY_KEYS.items()
            if key in entry
        },
        windows={
            assay: Sourced(
                range=as_range(window["days"]),
                source=window["source"],
                note=window.get("note", ""),
            )
            for assay, window in entry.get("windows", {}).items()
        },
        becomes=(becomes["inn"], becomes["source"]) if becomes else None,
        contains=entry.get("contains", ""),
        brands={country: tuple(names) for country, names in entry.get("brands", {}).items()},
        names=tuple(entry.get("names", ())),
        metabolites=tuple(entry.get("metabolites", ())),
        misspellings=tuple(entry.get("misspellings", ())),
        note=entry.get("note", ""),
    )


def _sourced(written: Mapping[str, Any], key: str) -> Sourced | None:
    if key not in written:
        return None
    return Sourced(
        range=as_range(written[key]), source=written["source"], note=written.get("note", "")
    )


def _assay(key: str, entry: Mapping[str, Any]) -> Assay:
    window = entry.get("window_days")
    return Assay(
        key=key,
        title=entry["title"],
        names=tuple(entry["names"]),
        window_days=as_range(window) if window else None,
        window_source=entry.get("window_source", ""),
        chronic_days=entry.get("chronic_days"),
        chronic_source=entry.get("chronic_source", ""),
        note=entry["note"],
    )
