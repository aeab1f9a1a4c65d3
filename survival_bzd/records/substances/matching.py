"""Names as clinics write them become substances; what is not certain is said to be so.

An exact name comes first, then a listed misspelling, then a spelling that is near to the INN of one
drug only. Near spellings of trade names are not looked for: they are short, and Sabril (vigabatrin)
is one letter from Sobril (oxazepam). DuckDB, which reads the records anyway, counts the
letters that differ (Damerau and Levenshtein), so that no other library is needed; `difflib` of the
standard library gives a likeness, which has no count of letters to put a limit on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from survival_bzd.records.engine import Engine
from survival_bzd.records.substances.dictionary import dictionary, spellings
from survival_bzd.records.substances.spelling import words

How = Literal[
    "name", "code", "metabolite", "within a text", "misspelling", "near a name", "class word",
    "several drugs", "ambiguous", "class not known", "another drug", "negated", "not known",
]  # fmt: skip

CERTAIN: frozenset[How] = frozenset(
    {
        "name", "code", "metabolite", "within a text", "misspelling", "near a name", "class word",
        "several drugs",
    }
)  # fmt: skip
"""The ways in which a name is matched; the others leave it unmatched."""

LONG_ENOUGH = 6
"""Letters that a word needs before a near spelling of it is looked for."""
TWO_MAY_DIFFER = 10
"""Letters that a name needs for two of them to differ; in a shorter one, one may."""
MARGIN = 2
"""How many letters further the second-nearest drug must be, one of the dictionary or not."""
ALONE = 6
"""A word of a class with fewer letters, such as BZO, counts only where it stands alone."""
MOST_WORDS = 4
"""Words of the longest names that are looked for in a text."""

CODE = re.compile(r"\s*[A-Za-z][0-9]{2}[A-Za-z]{2}[0-9]{2}\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a name in the records was taken for.

    Attributes
    ----------
    text : the name as written.
    inn : the substance; "" where the name is that of a class, names several drugs of one class, or
        is not matched.
    class_ : ``"benzodiazepine"``, ``"z_drug"``, or "" where the name is not matched.
    how : how it was matched, or why not.
    matched_name : the name of the dictionary that decided.
    candidates : the several drugs, or what it might be where it is not matched: INNs or names of
        other drugs.
    """

    text: str
    inn: str
    class_: str
    how: How
    matched_name: str
    candidates: tuple[str, ...] = ()

    @property
    def is_matched(self) -> bool:
        """Whether the class is known."""
        return self.how in CERTAIN

    @property
    def why(self) -> str:
        """The way in words."""
        if self.how == "near a name":
            return f"near {self.matched_name}: a guess, look at it"
        if self.how == "another drug":
            return f"{', '.join(self.candidates)}: neither a benzodiazepine nor a Z-drug"
        if self.how in ("ambiguous", "several drugs"):
            return f"{self.how}: {', '.join(self.candidates)}"
        if self.how in ("misspelling", "metabolite"):
            return f"{self.how} of {self.inn}"
        return f"{self.matched_name} within a text" if self.how == "within a text" else self.how


@dataclass(frozen=True, slots=True)
class _Name:
    """A name in the dictionary and what it stands for; `drug` is "" for a word of a class."""

    drug: str
    class_: str
    kind: Literal["name", "brand", "metabolite", "misspelling", "class", "other"]


def match(names: Iterable[str], *, near: bool = True) -> tuple[Match, ...]:
    """Match names to the dictionary, one result per name in their order.

    Nothing is dropped: a name that is not matched has `how` "ambiguous" (it names two drugs, or is
    near to two), "class not known" (a sleeping pill), "another drug" (a look-alike, such as
    clonidine), "negated" or "not known".

    Parameters
    ----------
    names : as written; each distinct one is looked at once.
    near : whether to look for near spellings too.

    Examples
    --------
    >>> for found in match(["ATIVAN (lorazepam) 0.5", "zopiclon", "benzos", "Clonidine", "Zantac"]):
    ...     print(found.text, "->", found.inn or found.class_ or found.why)
    ATIVAN (lorazepam) 0.5 -> lorazepam
    zopiclon -> zopiclone
    benzos -> benzodiazepine
    Clonidine -> clonidine: neither a benzodiazepine nor a Z-drug
    Zantac -> ranitidine: neither a benzodiazepine nor a Z-drug
    """
    asked = tuple(names)
    found = {text: _exact(text) for text in dict.fromkeys(asked)}
    unsure = [text for text, one in found.items() if one.how == "not known"] if near else []
    if unsure:
        distances = _distances({word for text in unsure for word in _candidates(text)})
        found.update({text: _near(text, distances) for text in unsure})
    return tuple(found[text] for text in asked)


@cache
def _names() -> Mapping[str, tuple[_Name, ...]]:
    """Return every normalised name and what it stands for."""
    book = dictionary()
    known: dict[str, dict[_Name, None]] = defaultdict(dict)
    for one in book.substances.values():
        for name, kind in spellings(one):
            known[name][_Name(one.inn, one.class_, kind)] = None
    for class_, class_words in book.class_words.items():
        for name in class_words:
            known[name][_Name("", class_, "class")] = None
    for drug, other_names in book.others.items():
        for name in other_names:
            known[name][_Name(drug, "", "other")] = None
    return {name: tuple(meanings) for name, meanings in known.items()}


@cache
def _codes() -> Mapping[str, tuple[str, str, bool]]:
    """Return ATC code -> INN, class, whether other products share the code."""
    return {
        code: (one.inn, one.class_, one.atc_shared)
        for one in dictionary().substances.values()
        for code in one.atc
    }


def _exact(text: str) -> Match:
    """Match a name that stands in the dictionary, alone or within a text."""
    if CODE.fullmatch(text):
        return _by_code(text)
    said = words(text)
    whole = " ".join(said)
    names = _names()
    if whole in names:
        return _decided(text, {whole: names[whole]}, alone=True)
    return _decided(
        text, _found_within(said), alone=False, negated=bool(dictionary().negations & set(said))
    )


def _by_code(text: str) -> Match:
    inn, class_, shared = _codes().get(text.strip().upper(), ("", "", False))
    if shared:
        return _unmatched(text, "ambiguous", (inn, "another product with this code"))
    if not inn:
        return _unmatched(text, "not known")
    return Match(text=text, inn=inn, class_=class_, how="code", matched_name=text.strip().upper())


def _found_within(said: tuple[str, ...]) -> dict[str, tuple[_Name, ...]]:
    """Find the names within a text, the longest first; no word is used twice."""
    names, found, at = _names(), {}, 0
    while at < len(said):
        for length in range(min(MOST_WORDS, len(said) - at), 0, -1):
            name = " ".join(said[at : at + length])
            if name in names and not _needs_to_be_alone(name, names[name]):
                found[name] = names[name]
                break
        at += length
    return found


def _needs_to_be_alone(name: str, ones: tuple[_Name, ...]) -> bool:
    return len(name) < ALONE and all(one.kind == "class" for one in ones)


def _decided(
    text: str, found: Mapping[str, tuple[_Name, ...]], *, alone: bool, negated: bool = False
) -> Match:
    """Decide what the names in a text say together; a drug says more than the word of a class."""
    meanings = [(name, one) for name, ones in found.items() for one in ones]
    if not meanings:
        return _unmatched(text, "not known")
    drugs = {one.drug: (name, one) for name, one in meanings if one.drug}
    if negated:
        return _unmatched(text, "negated", tuple(drugs))
    if len(drugs) > 1:
        return _several(text, drugs)
    for drug, (name, one) in drugs.items():
        return _one(text, drug, name, one, alone=alone)
    classes = {one.class_ for _, one in meanings}
    if classes in ({"benzodiazepine"}, {"z_drug"}):
        (class_,) = classes
        return Match(
            text=text, inn="", class_=class_, how="class word", matched_name=meanings[0][0]
        )
    return _unmatched(text, "class not known")


def _several(text: str, drugs: Mapping[str, tuple[str, _Name]]) -> Match:
    """Several drugs of one class leave the class certain, and the drug open."""
    classes = {one.class_ for _, one in drugs.values()}
    if len(classes) > 1 or "" in classes:
        return _unmatched(text, "ambiguous", tuple(drugs))
    (class_,) = classes
    return Match(
        text=text, inn="", class_=class_, how="several drugs", matched_name="",
        candidates=tuple(drugs),
    )  # fmt: skip


def _one(text: str, drug: str, name: str, one: _Name, *, alone: bool) -> Match:
    """Match the one drug that a text names."""
    if one.kind == "other":
        return _unmatched(text, "another drug", (drug,))
    how: How = "name" if alone else "within a text"
    if one.kind == "metabolite":
        how = "metabolite"
    elif one.kind == "misspelling":
        how = "misspelling"
    return Match(text=text, inn=drug, class_=one.class_, how=how, matched_name=name)


def _unmatched(text: str, how: How, candidates: tuple[str, ...] = ()) -> Match:
    return Match(text=text, inn="", class_="", how=how, matched_name="", candidates=candidates)


def _candidates(text: str) -> tuple[str, ...]:
    """Return the words of a text that are long enough to be a misspelt name."""
    return tuple(word for word in words(text) if len(word) >= LONG_ENOUGH)


Distances = Mapping[str, Mapping[tuple[str, str], tuple[int, str]]]
"""Word -> (drug, class) -> how many letters differ from its nearest name, and that name."""


def _distances(unknown: set[str]) -> Distances:
    """Count how many letters of each word differ from the names of each drug and class, if few."""
    names = [
        (name, one)
        for name, ones in _names().items()
        for one in ones
        if one.kind in ("name", "metabolite", "other")
        or (one.kind == "class" and len(name) >= TWO_MAY_DIFFER)
    ]
    engine = Engine.start()
    engine.execute("CREATE TABLE word (word VARCHAR)")
    engine.execute("CREATE TABLE name (name VARCHAR, drug VARCHAR, class VARCHAR)")
    engine.append("word", {"word": sorted(unknown)})
    engine.append(
        "name",
        {
            "name": [name for name, _ in names],
            "drug": [one.drug for _, one in names],
            "class": [one.class_ for _, one in names],
        },
    )
    found: dict[str, dict[tuple[str, str], tuple[int, str]]] = defaultdict(dict)
    for word, drug, class_, distance, name in engine.rows(
        "SELECT word, drug, class, distance, name FROM (SELECT word, drug, class, name, "
        "damerau_levenshtein(word, name) AS distance FROM word JOIN name "
        f"ON ABS(LENGTH(word) - LENGTH(name)) <= {2 + MARGIN}) AS compared "
        f"WHERE distance <= {2 + MARGIN} ORDER BY word, distance, name"
    ):
        found[word].setdefault((drug, class_), (distance, name))
    return found


def _near(text: str, distances: Distances) -> Match:
    """Match a text by the one of its words that is near to the name of one drug only."""
    if dictionary().negations & set(words(text)):
        return _unmatched(text, "negated")
    near: dict[tuple[str, str], str] = {}
    rivals: set[str] = set()
    for word in _candidates(text):
        ranked = sorted(distances.get(word, {}).items(), key=lambda item: item[1])
        if not ranked:
            continue
        least, name = ranked[0][1]
        if least > (2 if min(len(name), len(word)) >= TWO_MAY_DIFFER else 1):
            continue
        close = [drug for drug, (distance, _) in ranked if distance < least + MARGIN]
        if len(close) > 1:
            rivals |= {drug or class_ for drug, class_ in close}
        else:
            near[close[0]] = name
    if rivals or len(near) > 1:
        return _unmatched(
            text, "ambiguous", tuple(sorted(rivals | {drug or class_ for drug, class_ in near}))
        )
    for (drug, class_), name in near.items():
        if class_ in ("benzodiazepine", "z_drug"):
            return Match(text=text, inn=drug, class_=class_, how="near a name", matched_name=name)
        return _unmatched(text, "another drug", (drug,)) if drug else _unmatched(
            text, "class not known"
        )  # fmt: skip
    return _unmatched(text, "not known")
