"""Who the patients are, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from survival_bzd.report.phrases import percent_with_limits
from survival_bzd.report.rounding import count, decimal, level, listed, percent
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import (
    covariate_words,
    group_words,
    leaf_words,
    sentence,
    time_zero,
)

if TYPE_CHECKING:
    from survival_bzd.estimate import Characteristic
    from survival_bzd.report.paper_results import PaperResults

_ByGroup = Sequence["Characteristic | None"]
"""A characteristic in each group; None where a group is not described by it."""

INDENT = "\N{EM SPACE}"

_SUMMARIES = ("mean", "sd", "median", "lower_quartile", "upper_quartile", "minimum", "maximum")


def characteristics(results: PaperResults) -> Table | None:
    """Describe the patients, without p values."""
    described = results.characteristics
    if not described:
        return None
    groups = list(dict.fromkeys(one.group for one in described))
    found = {(one.name, one.group): one for one in described}
    names = dict.fromkeys(one.name for one in described)
    by_name = [[found.get((name, group)) for group in groups] for name in names]
    heads = []
    for group in groups:
        size = max(one.n + one.missing for one in described if one.group == group)
        heads.append(f"{group_words(results.by_words, group)} (n = {size})")
    return Table(
        key="characteristics",
        title="Characteristics of the patients",
        header=("Characteristic", *heads),
        rows=tuple(row for ones in by_name for row in _characteristic_rows(ones, results.labels)),
        align="l" + "r" * len(groups),
        columns=columns_of([line for one in described for line in _characteristic_lines(one)]),
        notes=(
            "Numbers: mean (standard deviation). Categories: patients (percent of those with a "
            "value).",
        ),
    )


def _characteristic_lines(one: Characteristic) -> list[dict[str, Value]]:
    """Write one CSV line per level, or one for a number."""
    summaries: dict[str, Value] = {name: getattr(one, name) for name in _SUMMARIES}
    return [
        {
            "name": one.name,
            "group": one.group,
            "level": level_name,
            "patients": patients,
            "missing": one.missing,
            **summaries,
        }
        for level_name, patients in one.levels or ((None, one.n),)
    ]


def _characteristic_rows(ones: _ByGroup, labels: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Give a number one row per summary, a text one row per level, and missing values a row."""
    present = [one for one in ones if one is not None]
    words = sentence(covariate_words(present[0].name, labels))
    levels = dict.fromkeys(level_name for one in present for level_name, _ in one.levels)
    rows = _level_rows(words, ones, levels) if levels else _number_rows(words, ones)
    if any(one.missing for one in present):
        rows.append(_row(f"{INDENT}missing", ones, lambda one: count(one.missing)))
    return rows


def _row(label: str, ones: _ByGroup, write: Callable[[Characteristic], str]) -> tuple[str, ...]:
    """Write a cell per group, empty where the group is not described by this."""
    return (label, *("" if one is None else write(one) for one in ones))


def _number_rows(words: str, ones: _ByGroup) -> list[tuple[str, ...]]:
    def mean(one: Characteristic) -> str:
        return f"{decimal(one.mean, 1)} ({decimal(one.sd, 1)})"

    def median(one: Characteristic) -> str:
        return f"{decimal(one.median, 1)} ({_range(one.lower_quartile, one.upper_quartile)})"

    return [
        _row(words, ones, mean),
        _row(f"{INDENT}median (quartiles)", ones, median),
        _row(f"{INDENT}range", ones, lambda one: _range(one.minimum, one.maximum)),
    ]


def _level_rows(words: str, ones: _ByGroup, levels: Iterable[str]) -> list[tuple[str, ...]]:
    return [
        (words, *("" for _ in ones)),
        *(_row(f"{INDENT}{name}", ones, partial(_share, level_name=name)) for name in levels),
    ]


def _range(lower: float, upper: float) -> str:
    return f"{decimal(lower, 1)} to {decimal(upper, 1)}"


def _share(one: Characteristic, level_name: str) -> str:
    patients = dict(one.levels).get(level_name, 0)
    return f"{patients} ({percent(patients / one.n if one.n else math.nan)}%)"


def flow(results: PaperResults) -> Table | None:
    """Count what became of everybody enrolled."""
    if results.flow is None:
        return None
    leaves = results.flow.leaves
    origin = sentence(time_zero(results.endpoint) or "origin")
    rows = [("Enrolled", count(results.flow.enrolled))]
    for reached, words in ((False, "not reached"), (True, "reached")):
        chosen = [leaf for leaf in leaves if leaf.reached is reached]
        rows.append((f"{origin} {words}", count(sum(leaf.patients for leaf in chosen))))
        rows += [(f"{INDENT}{leaf_words(leaf)}", count(leaf.patients)) for leaf in chosen]
    return Table(
        key="flow",
        title="What became of everybody enrolled",
        header=("", "Patients"),
        rows=tuple(rows),
        align="lr",
        columns=columns_of(
            [
                {
                    "reached_origin": leaf.reached,
                    "outcome": leaf.outcome,
                    "reason": leaf.reason,
                    "patients": leaf.patients,
                }
                for leaf in leaves
            ]
        ),
        notes=("Every patient is counted once.",),
    )


def proportions(results: PaperResults) -> Table | None:
    """List the counted proportions with exact limits."""
    counted = results.proportions
    if not counted:
        return None
    methods = listed(sorted({one.proportion.method for one in counted}))
    lines: list[dict[str, Value]] = []
    rows = []
    for one in counted:
        found = one.proportion
        lines.append(
            {
                "proportion": one.key,
                "successes": found.successes,
                "n": found.n,
                "estimate": found.estimate,
                "lower": found.lower,
                "upper": found.upper,
            }
        )
        rows.append(
            (
                one.label,
                f"{found.successes}/{found.n}",
                percent_with_limits(found.estimate, found.lower, found.upper),
            )
        )
    return Table(
        key="proportions",
        title="Proportions of patients",
        header=("", "Patients", f"% ({level(counted[0].proportion.confidence)} CI)"),
        rows=tuple(rows),
        align="lrr",
        columns=columns_of(lines),
        notes=(
            f"Limits: exact, {methods}. A proportion at the last contact counts short and long "
            "follow-up alike; it is not the probability at a set time.",
        ),
    )
