"""What is left of a drug's name without capitals, accents, strength, form and directions."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from survival_bzd.records.substances.entries import entries

UNIT = r"(?:mgs?|milligrams?|mcg|microg|micrograms?|ug|g|gm|mls?|cc|iu|%)"
STRENGTH = re.compile(
    rf"(?<![0-9.,/])[0-9]++(?:[.,/][0-9]++)*+\s*{UNIT}?(?:\s*/\s*(?:[0-9.,]*\s*)?{UNIT})?(?![a-z])"
)
WORD = re.compile(r"[^\W_]+")

LETTERS = str.maketrans(
    {"\N{GREEK SMALL LETTER ALPHA}": "alpha ", "ß": "ss", "ø": "o", "æ": "ae", "œ": "oe"}
)
"""Letters that do not come apart into a plain one and an accent."""


@cache
def _forms() -> frozenset[str]:
    """Return words that say how a drug is made, sold or taken, and not which it is."""
    return frozenset(entries()["text"]["forms"])


def words(text: str) -> tuple[str, ...]:
    """Return the words of a drug's name that can tell which it is.

    Examples
    --------
    >>> words("ATIVAN (lorazepam) 0.5")
    ('ativan', 'lorazepam')
    >>> words("Diazépam 10mg cp, 2x daily"), words("7-aminoclonazepam")
    (('diazepam',), ('aminoclonazepam',))
    """
    split = unicodedata.normalize("NFKD", text.casefold().translate(LETTERS))
    plain = "".join(mark for mark in split if not unicodedata.combining(mark))
    without = STRENGTH.sub(" ", plain)
    letters = re.sub(r"[0-9]+", " ", without)
    return tuple(word for word in WORD.findall(letters) if word not in _forms())


def normalised(text: str) -> str:
    """Return the words of a drug's name with one blank between them."""
    return " ".join(words(text))
