"""The interval-censored curve beside Kaplan-Meier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survival_bzd.estimate.interval_censored.apart import farthest_apart
from survival_bzd.report.phrases import percent_with_limits
from survival_bzd.report.rounding import decimal, displayed_unit, level, percent, shown_time
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import group_words, origin_words

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import PaperResults


DATED = {
    "detected": "at the visit that found it",
    "onset": "on its first recorded day",
    "midpoint": "in the middle of its interval",
    "last_negative": "on the last day known free",
}
"""When a relapse is for Kaplan-Meier, as the endpoint dates it."""


def interval_censored(results: PaperResults) -> Table | None:
    """Give both curves at each horizon, and where they differ most."""
    if not results.interval_curves or not results.horizons:
        return None
    times = [horizon.time for horizon in results.horizons]
    usual = {curve.group: curve for curve in results.curves}
    lines: list[dict[str, Value]] = []
    rows, notes = [], []
    for curve, drawn in zip(results.interval_curves, results.interval_limits, strict=True):
        words = group_words(results.by_words, curve.group)
        km, at = usual[curve.group].at(times), curve.at(times)
        for place, horizon in enumerate(results.horizons):
            between = [float(one[place]) for one in (at.survival, drawn.lower, drawn.upper)]
            found = [float(one[place]) for one in (km.survival, km.lower, km.upper)]
            apart = found[0] - between[0]
            lines.append(
                {
                    "group": curve.group,
                    "time": horizon.time,
                    **dict(zip(("kaplan_meier", "kaplan_meier_lower", "kaplan_meier_upper"),
                               found, strict=True)),
                    **dict(zip(("survival", "lower", "upper"), between, strict=True)),
                    "resolved": bool(at.resolved[place]),
                    "lowest": float(at.lowest[place]),
                    "highest": float(at.highest[place]),
                    "difference": apart,
                    "reason": at.reasons[place] or None,
                }
            )  # fmt: skip
            open_here = at.highest[place] > at.lowest[place]
            rows.append(
                (
                    *((words,) if results.by is not None else ()),
                    horizon.label,
                    percent_with_limits(*found),
                    percent_with_limits(*between),
                    decimal(100 * apart, 1),
                    f"{percent(at.lowest[place])} to {percent(at.highest[place])}"
                    if open_here
                    else "",
                )
            )
        notes.append(_largest(results, curve.group))
    first = results.interval_limits[0]
    interval = f"({level(first.confidence)} CI)"
    # A column without a word in it would only be asked about.
    left_open = any(row[-1] for row in rows)
    rows = rows if left_open else [row[:-1] for row in rows]
    return Table(
        key="interval_censored",
        title=f"Patients free of relapse with a relapse {DATED[results.endpoint.dating]}, and with "
        f"a relapse between two visits, since {origin_words(results.endpoint)}",
        header=(
            *(("Group",) if results.by is not None else ()),
            "Time",
            f"Kaplan-Meier, % {interval}",
            f"Interval-censored, % {interval}",
            "Difference",
            *(("Not resolved",) if left_open else ()),
        ),
        rows=tuple(rows),
        align="l" * (2 if results.by is not None else 1) + "rrr" + "r" * left_open,
        columns=columns_of(lines),
        notes=(
            "Interval-censored: maximum likelihood without a model; limits are percentiles of "
            f"{first.replicates:,} curves of resampled patients. Difference in percentage points."
            + (" Not resolved: what the visits leave open at this time." if left_open else ""),
            *notes,
        ),
    )


def _largest(results: PaperResults, group: str | None) -> str:
    """Say where the curves of a group differ most."""
    usual = next(curve for curve in results.curves if curve.group == group)
    between = next(curve for curve in results.interval_curves if curve.group == group)
    apart, unit = farthest_apart(usual, between), results.tte.unit
    who = "" if group is None else f" of {group_words(results.by_words, group)}"
    return (
        f"The curves{who} are farthest apart at {shown_time(apart.time, unit)} "
        f"{displayed_unit(unit)}, by {decimal(100 * apart.difference, 1)} percentage points."
    )
