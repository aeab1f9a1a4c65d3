"""The numbers a text may cite, each under one stable key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survival_bzd.report.phrases import proportion_phrase
from survival_bzd.report.rendering import escape_latex, escape_typst
from survival_bzd.report.rounding import count, digits, percent
from survival_bzd.report.wording import SYNTHETIC

if TYPE_CHECKING:
    from survival_bzd.estimate import Proportion

SCHEMA = "survival_bzd numbers 1"
"""Names the format of numbers.json; it changes when a reader would have to."""

_DIGIT_WORDS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclass(frozen=True, slots=True)
class Number:
    """A number with the words that a text prints for it.

    Attributes
    ----------
    value : in full precision; None for a phrase, and where undefined.
    text : as printed.
    reason : why a number is undefined; empty otherwise.
    """

    value: float | int | None
    text: str
    reason: str = ""


class Numbers(Mapping[str, Number]):
    """Numbers by key, in the order of the text; a key is written once.

    Examples
    --------
    >>> numbers = Numbers()
    >>> numbers.add("enrolled.n", 22, "22")
    >>> numbers["enrolled.n"].text
    '22'
    """

    def __init__(self) -> None:
        self._entries: dict[str, Number] = {}

    def add(self, key: str, value: float | int | None, text: str, reason: str = "") -> None:
        """Add a number; NaN becomes undefined, with a reason.

        Raises
        ------
        ValueError
            If `key` already stands for another number.
        """
        if value is not None and not math.isfinite(value):
            value, reason = None, reason or "not estimable from these data"
        number = Number(value, text, reason)
        if self._entries.setdefault(key, number) != number:
            raise ValueError(f"two different numbers want the key {key}")

    def phrase(self, key: str, text: str) -> None:
        """Add a whole phrase that a text can cite."""
        self.add(key, None, text, "a phrase; its numbers have keys of their own")

    def share(self, key: str, share: Proportion) -> None:
        """Add a share: its counts, its percentage with limits, and the whole as a phrase."""
        self.add(f"{key}.n", share.successes, count(share.successes))
        self.add(f"{key}.of", share.n, count(share.n))
        self.add(f"{key}.percent", 100 * share.estimate, f"{percent(share.estimate)}%")
        self.add(f"{key}.lower", 100 * share.lower, percent(share.lower))
        self.add(f"{key}.upper", 100 * share.upper, percent(share.upper))
        self.phrase(f"{key}.phrase", proportion_phrase(share))

    def __getitem__(self, key: str) -> Number:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def numbers_json(
    numbers: Numbers, *, study: str, synthetic: bool, unit: str, conventions: Mapping[str, str]
) -> str:
    """Write numbers.json: 12 significant digits, in the order of the text.

    Returns
    -------
    str
        An object with ``schema``, ``study``, ``synthetic``, ``unit``, ``conventions`` and
        ``numbers``: ``{key: {"value", "text", "reason"}}``, the reason only where undefined.
    """
    entries: dict[str, dict[str, object]] = {}
    for key, number in numbers.items():
        entries[key] = {"value": _rounded(number.value), "text": number.text}
        if number.reason:
            entries[key]["reason"] = number.reason
    content = {
        "schema": SCHEMA,
        "study": study,
        "synthetic": synthetic,
        "unit": unit,
        "conventions": dict(conventions),
        "numbers": entries,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def numbers_tex(numbers: Numbers, *, synthetic: bool) -> str:
    r"""Write a LaTeX macro per number, such as ``\bzdEnrolledN``.

    A macro's name has letters only, so digits are spelt out: ``month_12`` is ``MonthOneTwo``.
    """
    lines = [f"% {SYNTHETIC}." if synthetic else "% Every number the text may cite."]
    owners: dict[str, str] = {}
    for key, number in numbers.items():
        name = macro(key)
        if owners.setdefault(name, key) != key:
            raise ValueError(f"the keys {owners[name]} and {key} make one macro, {name}")
        lines.append(f"\\newcommand{{\\{name}}}{{{escape_latex(number.text)}}}")
    return "\n".join(lines) + "\n"


def macro(key: str) -> str:
    """Return the macro name of a key.

    Examples
    --------
    >>> macro("relapse_free.month_12.estimate")
    'bzdRelapseFreeMonthOneTwoEstimate'
    """
    words = key.replace(".", "_").split("_")
    spelt = ("".join(_spelt(letter) for letter in word[:1].upper() + word[1:]) for word in words)
    return "bzd" + "".join(spelt)


def _spelt(letter: str) -> str:
    """Spell a digit out; drop what is neither a letter of LaTeX nor a digit."""
    if letter in "0123456789":
        return _DIGIT_WORDS[int(letter)]
    return letter if letter.isascii() and letter.isalpha() else ""


def typst_numbers(numbers: Numbers) -> str:
    """Write the texts as a Typst dictionary and the function that looks one up."""
    lines = [f"  {escape_typst(key)}: {escape_typst(one.text)}," for key, one in numbers.items()]
    body = "\n".join(lines) if lines else "  :"
    return f"#let numbers = (\n{body}\n)\n#let number(key) = numbers.at(key)\n"


def _rounded(value: float | int | None) -> float | int | None:
    if value is None or isinstance(value, int):
        return value
    return float(digits(value))
