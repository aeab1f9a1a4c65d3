"""Estimates with their limits, as they are printed in tables, figures and text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from survival_bzd.report.rounding import (
    NOT_ESTIMABLE,
    NOT_REACHED,
    count,
    displayed_unit,
    interval,
    level,
    percent,
    ratio,
    shown_time,
)

if TYPE_CHECKING:
    from survival_bzd.estimate import Estimate, Proportion


def with_limits(estimate: str, lower: str, upper: str) -> str:
    """Write ``63.6 (40.7 to 82.8)``; where nothing is defined, once."""
    if estimate == lower == upper:
        return estimate
    limits = lower if lower == upper == NOT_ESTIMABLE else interval(lower, upper)
    return f"{estimate} ({limits})"


def percent_with_limits(estimate: float, lower: float, upper: float) -> str:
    """Write a fraction with its limits in percent, without the sign."""
    return with_limits(percent(estimate), percent(lower), percent(upper))


def ratio_with_limits(estimate: float, lower: float, upper: float) -> str:
    """Write a ratio with its limits."""
    return with_limits(ratio(estimate), ratio(lower), ratio(upper))


def quantile_with_limits(quantile: Estimate, unit: str) -> str:
    """Write a quantile of time; what the curve does not come down to is not reached."""
    texts = [
        shown_time(time, unit, undefined=NOT_REACHED)
        for time in (quantile.estimate, quantile.lower, quantile.upper)
    ]
    return with_limits(texts[0], texts[1], texts[2])


def proportion_phrase(proportion: Proportion) -> str:
    """Write ``63.6% (14/22; 95% CI 40.7 to 82.8)``."""
    limits = interval(percent(proportion.lower), percent(proportion.upper))
    of = f"{count(proportion.successes)}/{count(proportion.n)}"
    if math.isnan(proportion.estimate):
        return f"{NOT_ESTIMABLE} ({of})"
    return f"{percent(proportion.estimate)}% ({of}; {level(proportion.confidence)} CI {limits})"


def with_level(texts: tuple[str, str, str], confidence: float, unit: str = "") -> str:
    """Write ``78.2% (95% CI 52.3 to 91.1)`` from the three texts; `unit` follows the first."""
    estimate, lower, upper = texts
    if estimate in (NOT_ESTIMABLE, NOT_REACHED):
        words = _IN_WORDS[estimate]
        if {lower, upper} <= {NOT_ESTIMABLE, NOT_REACHED}:
            return words
        limits = (_limit_words(limit, unit) for limit in (lower, upper))
        return f"{words} ({level(confidence)} CI {interval(*limits)})"
    if lower == upper == NOT_ESTIMABLE:
        return f"{estimate}{unit} ({level(confidence)} CI not estimable)"
    return f"{estimate}{unit} ({level(confidence)} CI {interval(lower, upper)})"


def _limit_words(limit: str, unit: str) -> str:
    """Write a limit with its unit, or in words where there is none."""
    return _IN_WORDS.get(limit) or f"{limit}{unit}"


_IN_WORDS = {NOT_ESTIMABLE: "not estimable", NOT_REACHED: "not reached"}


def time_phrase(texts: tuple[str, str, str], confidence: float, unit: str) -> str:
    """Write a time with its unit and limits."""
    return with_level(texts, confidence, f" {displayed_unit(unit)}")


def three(
    values: tuple[float, float, float], write: Callable[[float], str]
) -> tuple[str, str, str]:
    """Write an estimate and its limits."""
    return write(values[0]), write(values[1]), write(values[2])
