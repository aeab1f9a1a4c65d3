"""The dictionary of substances as rows: a line per substance, and all that is known of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from survival_bzd.records.substances import (
    Match,
    Substance,
    detection_window,
    dictionary,
    equivalents,
    visibility,
)
from survival_bzd.records.substances.dictionary import Range, Sourced

Row = dict[str, Any]


def substance_rows() -> list[Row]:
    """Return a row per substance: its codes, its class, and its dose under each table."""
    book = dictionary()
    return [
        {
            "substance": one.inn,
            "class": one.class_,
            "atc": " ".join(one.atc),
            "half_life_h": _hours(one.half_life_h),
            "metabolite_h": _hours(one.active_metabolite_h),
            **{f"{key}_mg": _dose(one, key) for key in book.tables},
            "immunoassay": visibility(one.inn, "immunoassay").verdict,
        }
        for one in book.substances.values()
    ]


def explained(found: Match) -> list[Row]:
    """Return what the dictionary knows of a match: a row per fact, with its source."""
    book = dictionary()
    if not found.inn:
        return [{"fact": "how it was matched", "value": found.why, "source": ""}]
    one = book.substances[found.inn]
    facts = [*_names(one), *_times(one), *_doses(one), *_assays(one)]
    return [{"fact": fact, "value": value, "source": source} for fact, value, source in facts]


def source_rows(keys: Iterable[str]) -> list[Row]:
    """Return the citations of sources, in the order of the dictionary."""
    named = {key for group in keys for key in group.split()}
    sources = dictionary().sources
    return [{"source": key, "citation": sources[key]} for key in sources if key in named]


Fact = tuple[str, str, str]


def _names(one: Substance) -> Iterator[Fact]:
    yield "INN", one.inn, "atc" if one.atc else ""
    yield "class", one.class_, ""
    shared = " (other products share the code)" if one.atc_shared else ""
    yield "ATC", (" ".join(one.atc) or "none") + shared, "atc" if one.atc else ""
    if one.contains:
        yield "contains", one.contains, "atc"
    for country, names in one.brands.items():
        yield f"brands, {country}", ", ".join(names), " ".join(dictionary().brand_sources[country])
    for title, words in (
        ("other names", one.names),
        ("metabolites", one.metabolites),
        ("misspelt", one.misspellings),
    ):
        if words:
            yield title, ", ".join(words), ""
    if one.note:
        yield "note", one.note, ""


def _times(one: Substance) -> Iterator[Fact]:
    for title, half_life in (
        ("half-life, hours", one.half_life_h),
        ("half-life of the active metabolite, hours", one.active_metabolite_h),
    ):
        if half_life is not None:
            note = f" ({half_life.note})" if half_life.note else ""
            yield title, _shown(half_life.range) + note, half_life.source


def _doses(one: Substance) -> Iterator[Fact]:
    """Yield what each table prints; a table that prints nothing is said to."""
    printed = {equivalent.table: equivalent for equivalent in equivalents(1, one.inn)}
    for key, table in dictionary().tables.items():
        value = printed[key].printed if key in printed else "not printed"
        yield f"equivalent, {table.title}", value, table.source


def _assays(one: Substance) -> Iterator[Fact]:
    for key in dictionary().assays:
        assay = key.replace("_", " ")
        seen = visibility(one.inn, key)
        yield f"urine, {assay}", seen.verdict.replace("_", " "), seen.source
        window = detection_window(one.inn, key)
        if window is None:
            continue
        whose = "" if window.basis == "drug" else f" (of the {window.basis})"
        note = f" ({window.note})" if window.note else ""
        days = f"{_shown((window.lower, window.upper))}{whose}{note}"
        yield f"days after a dose, {assay}", days, window.source
        if window.chronic_upper is not None:
            long = f"up to {window.chronic_upper:g}"
            yield f"days after long use, {assay}", long, window.chronic_source


def _hours(half_life: Sourced | None) -> str:
    return _shown(half_life.range) if half_life else ""


def _dose(one: Substance, table: str) -> str:
    return _shown(one.equivalents[table]) if table in one.equivalents else ""


def _shown(written: Range) -> str:
    low, high = written
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
