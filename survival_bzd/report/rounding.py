"""Numbers as a reader meets them. This is the only place in the package that rounds."""

from __future__ import annotations

import math

DAYS_PER_MONTH = 30.4375
"""Months are for display only; the estimates work in the unit of the follow-up."""

RATE_PER = 100
"""Rates are printed per so many units of person-time."""

NOT_ESTIMABLE = "NE"
NOT_REACHED = "NR"

MINUS = "\N{MINUS SIGN}"


def digits(value: float, *, significant: int = 12) -> str:
    """Write a number for a file: 12 significant digits, empty where undefined.

    Examples
    --------
    >>> digits(1 / 3), digits(20.0), digits(float("nan"))
    ('0.333333333333', '20', '')
    """
    if math.isnan(value):
        return ""
    return format(value + 0.0, f".{significant}g")


def count(value: float) -> str:
    """Write a count; one with case weights keeps a decimal if it needs one."""
    if math.isnan(value):
        return NOT_ESTIMABLE
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def decimal(value: float, places: int, *, undefined: str = NOT_ESTIMABLE) -> str:
    """Write a number with so many decimals, a true minus sign and never a negative zero.

    Examples
    --------
    >>> decimal(2.345, 1), decimal(-0.001, 2), decimal(float("nan"), 2)
    ('2.3', '0.00', 'NE')
    """
    if math.isnan(value):
        return undefined
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else f"{MINUS}\N{INFINITY}"
    text = f"{value:.{places}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def percent(fraction: float, *, undefined: str = NOT_ESTIMABLE) -> str:
    """Write a fraction as a percentage with one decimal, without the sign."""
    return decimal(100 * fraction, 1, undefined=undefined)


def ratio(value: float) -> str:
    """Write a ratio with two decimals; by its magnitude where those would say nothing.

    Examples
    --------
    >>> ratio(1.836), ratio(0.0004), ratio(123456.0)
    ('1.84', '<0.01', '>1000')
    """
    if math.isnan(value):
        return NOT_ESTIMABLE
    if value < 0.005:
        return "<0.01"
    return decimal(value, 2) if value <= 1000 else ">1000"


def p_value(value: float) -> str:
    """Write a p value with the digits a journal prints: never 0.000, never 1.000 for less.

    Examples
    --------
    >>> [p_value(p) for p in (0.2346, 0.0346, 0.00461, 0.0002, 0.9996)]
    ['0.23', '0.035', '0.005', '<0.001', '>0.99']
    """
    if math.isnan(value):
        return NOT_ESTIMABLE
    if value < 0.001:
        return "<0.001"
    if value > 0.99:
        return ">0.99"
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def with_p(value: float) -> str:
    """Write ``p = 0.035`` or ``p < 0.001``."""
    text = p_value(value)
    return f"p {text[0]} {text[1:]}" if text[0] in "<>" else f"p = {text}"


def interval(lower: str, upper: str) -> str:
    """Join two limits; a limit that is not there is said, not left out."""
    return f"{lower} to {upper}"


def level(confidence: float) -> str:
    """Write a confidence level such as ``95%``."""
    return f"{digits(100 * confidence)}%"


def displayed(time: float, unit: str) -> float:
    """Convert a time to the unit a reader sees it in: days become months."""
    return time / DAYS_PER_MONTH if unit == "days" else time


def displayed_unit(unit: str) -> str:
    """Name the unit of `displayed`."""
    return "months" if unit == "days" else unit


def shown_time(time: float, unit: str, *, undefined: str = NOT_ESTIMABLE) -> str:
    """Write a time in the unit that a reader sees, without the unit."""
    return decimal(displayed(time, unit), 1, undefined=undefined)


def person_unit(unit: str) -> str:
    """Name the unit of follow-up summed over patients, such as ``person-months``."""
    return f"person-{displayed_unit(unit)}"


def rate(per_unit: float, unit: str) -> str:
    """Write a rate as events per `RATE_PER` person-months (or whatever the unit is)."""
    per_displayed = per_unit * DAYS_PER_MONTH if unit == "days" else per_unit
    return decimal(RATE_PER * per_displayed, 1)


def listed(words: tuple[str, ...] | list[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["visits", "urine", "fills"])
    'visits, urine and fills'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def counted(number: float, singular: str, plural: str | None = None) -> str:
    """Write a count with its noun: ``1 death``, ``2 deaths``."""
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{count(number)} {noun}"
