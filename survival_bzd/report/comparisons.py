"""Further comparisons of groups as rows: pairs, fixed times, ratios, the largest of four."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from survival_bzd.report.table import Value

if TYPE_CHECKING:
    from survival_bzd.estimate import (
        MaxCombo,
        PairwiseLogRank,
        RestrictedMeanRatio,
        SurvivalDifference,
    )

Rows = list[dict[str, Value]]


def pairwise_rows(tests: Sequence[PairwiseLogRank]) -> Rows:
    """Return one row per pair of groups, p as it is and adjusted after Holm."""
    return [
        {
            "group": one.pair[0],
            "with": one.pair[1],
            "statistic": _defined(one.test.statistic),
            "df": one.test.df,
            "p_value": _defined(one.test.p_value),
            "p_adjusted": _defined(one.p_adjusted),
        }
        for one in tests
    ]


def difference_rows(differences: Sequence[SurvivalDifference]) -> Rows:
    """Return one row per group and time: its relapse-free proportion less that of the first."""
    return [
        {
            "time": one.time,
            "group": one.group,
            "reference": one.reference,
            "estimate": _defined(one.estimate),
            "std_error": _defined(one.std_error),
            "lower": _defined(one.lower),
            "upper": _defined(one.upper),
            "p_value": _defined(one.p_value),
            "reason": one.reason,
        }
        for one in differences
    ]


def ratio_rows(ratios: Sequence[RestrictedMeanRatio]) -> Rows:
    """Return one row per group: its restricted mean time over that of the first."""
    return [
        {
            "group": one.group,
            "reference": one.reference,
            "tau": one.tau,
            "estimate": one.estimate,
            "log_std_error": _defined(one.log_std_error),
            "lower": _defined(one.lower),
            "upper": _defined(one.upper),
            "p_value": _defined(one.p_value),
        }
        for one in ratios
    ]


def max_combo_rows(test: MaxCombo) -> Rows:
    """Return the four tests and, last, the largest of them with its joint p."""
    four = [
        {
            "test": f"Fleming-Harrington ({rho:g}, {gamma:g})",
            "z": _defined(float(z)),
            "p_value": _defined(float(p)),
        }
        for rho, gamma, z, p in zip(test.rho, test.gamma, test.z, test.p_values, strict=True)
    ]
    largest = {
        "test": "largest of the four",
        "z": _defined(test.statistic),
        "p_value": _defined(test.p_value),
    }
    return [*four, largest]


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
