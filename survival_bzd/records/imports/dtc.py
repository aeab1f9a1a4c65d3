"""Dates of SDTM (--DTC): ISO 8601, whole or in part, with or without a time of day."""

from __future__ import annotations

from typing import Literal

from survival_bzd.records.engine import literal

Partial = Literal["first", "middle", "last", "leave_out"]
"""What becomes of a date whose day, or month and day, is not known."""

_TIME = r"(T[0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
DAY = f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_TIME}$"
MONTH = "^[0-9]{4}-[0-9]{2}$"
YEAR = "^[0-9]{4}$"
ZONE = r"T.*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
PIECES = "^[0-9-]{4}([0-9-]*)(T.*)?$"
"""A date of which pieces are left open, such as 2003---15: no rule can complete it."""


def matches(text: str, pattern: str) -> str:
    """Return SQL of whether a text is of a pattern."""
    return f"regexp_matches({text}, {literal(pattern)})"


def is_day(text: str) -> str:
    """Return SQL of whether a text is a whole date, and one of the calendar."""
    return f"({matches(text, DAY)} AND TRY_CAST(SUBSTR({text}, 1, 10) AS DATE) IS NOT NULL)"


def is_partial(text: str) -> str:
    """Return SQL of whether a text is a year, or a year and month."""
    month = f"TRY_CAST({text} || '-01' AS DATE) IS NOT NULL"
    return f"(({matches(text, MONTH)} AND {month}) OR {matches(text, YEAR)})"


def day_of(text: str, partial: Partial | None) -> str:
    """Return SQL of the date, NULL where there is none; a partial one is completed by the rule."""
    whole = f"WHEN {is_day(text)} THEN SUBSTR({text}, 1, 10)"
    if partial in (None, "leave_out"):
        return f"(CASE {whole} END)"
    month = {
        "first": f"{text} || '-01'",
        "middle": f"{text} || '-15'",
        "last": f"strftime(last_day(TRY_CAST({text} || '-01' AS DATE)), '%Y-%m-%d')",
    }[str(partial)]
    year = {"first": "-01-01", "middle": "-06-30", "last": "-12-31"}[str(partial)]
    return (
        f"(CASE {whole} WHEN {matches(text, MONTH)} THEN {month} "
        f"WHEN {matches(text, YEAR)} THEN {text} || '{year}' END)"
    )


def imputed(text: str, partial: Partial | None) -> str:
    """Return SQL of what was completed, as ADaM flags it: D the day, M month and day."""
    if partial in (None, "leave_out"):
        return "NULL"
    return f"CASE WHEN {matches(text, MONTH)} THEN 'D' WHEN {matches(text, YEAR)} THEN 'M' END"
