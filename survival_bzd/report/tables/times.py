"""How long patients stay free of relapse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from survival_bzd.report.phrases import (
    percent_with_limits,
    quantile_with_limits,
    with_limits,
)
from survival_bzd.report.rounding import (
    RATE_PER,
    count,
    decimal,
    displayed_unit,
    level,
    listed,
    person_unit,
    rate,
    shown_time,
    with_p,
)
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import (
    at_risk_note,
    chi_square,
    group_words,
    origin_words,
    sentence,
    window_words,
)

if TYPE_CHECKING:
    from survival_bzd.estimate import Estimate, RestrictedMean
    from survival_bzd.report.paper_results import PaperResults

Row = tuple[str, ...]


def _grouped(by: str | None, rows: list[Row]) -> tuple[Row, ...]:
    """Drop the first column, the group's, where the curves are not split."""
    return tuple(rows) if by is not None else tuple(row[1:] for row in rows)


def relapse_free(results: PaperResults) -> Table | None:
    """Give the proportion free of relapse at each horizon."""
    if not results.horizons:
        return None
    header: Row = (
        "Group",
        "Time",
        "At risk",
        "Relapsed",
        f"Relapse-free, % ({_level(results)} CI)",
    )
    rows: list[Row] = [header]
    lines: list[dict[str, Value]] = []
    times = [horizon.time for horizon in results.horizons]
    for curve in results.curves:
        at, counts = curve.at(times), curve.risk_table(times)
        for place, horizon in enumerate(results.horizons):
            line: dict[str, Value] = {"group": curve.group, "time": horizon.time}
            line["events"] = float(counts.events[place])
            for name in ("at_risk", "survival", "std_error", "lower", "upper"):
                line[name] = float(getattr(at, name)[place])
            line["reason"] = at.reasons[place] or None
            lines.append(line)
            limited = (float(getattr(at, name)[place]) for name in ("survival", "lower", "upper"))
            rows.append(
                (
                    group_words(results.by_words, curve.group),
                    horizon.label,
                    count(float(at.at_risk[place])),
                    count(float(counts.events[place])),
                    percent_with_limits(*limited),
                )
            )
    header, *body = _grouped(results.by, rows)
    return Table(
        key="relapse_free",
        title=f"Patients free of relapse at set times since {origin_words(results.endpoint)}",
        header=header,
        rows=tuple(body),
        align="l" * (len(header) - 3) + "rrr",
        columns=columns_of(lines),
        notes=(
            f"Kaplan-Meier estimates; limits on the {results.curves[0].limits} scale. "
            f"{at_risk_note(results.tte)}. Relapsed: up to and including t. "
            "Nothing is estimated past the last follow-up.",
        ),
    )


def _level(results: PaperResults) -> str:
    return level(results.curves[0].confidence)


def time_to_relapse(results: PaperResults) -> Table:
    """Give the median time to relapse, the restricted mean and the median follow-up."""
    interval = f"({_level(results)} CI)"
    header: Row = (
        "Group",
        "At risk",
        "Relapsed",
        f"Median time to relapse {interval}",
        f"Restricted mean {interval}",
        f"Median follow-up {interval}",
    )
    rows: list[Row] = [header]
    lines: list[dict[str, Value]] = []
    follow_up = {curve.group: curve for curve in results.follow_up}
    means = {mean.group: mean for mean in results.restricted_means}
    for curve in results.curves:
        followed, mean = follow_up.get(curve.group), means.get(curve.group)
        median = None if followed is None else followed.median
        rows.append(
            (
                group_words(results.by_words, curve.group),
                count(curve.n),
                count(curve.n_events),
                quantile_with_limits(curve.median, curve.unit),
                _mean_words(mean),
                "" if median is None else quantile_with_limits(median, curve.unit),
            )
        )
        lines.append(
            {
                "group": curve.group,
                "n": curve.n,
                "events": float(curve.n_events),
                **_limited("median", curve.median),
                **_limited("restricted_mean", mean),
                "tau": math.nan if mean is None else mean.tau,
                **_limited("follow_up", median),
            }
        )
    header, *body = _grouped(results.by, rows)
    return Table(
        key="time_to_relapse",
        title="Time to relapse and follow-up",
        header=header,
        rows=tuple(body),
        align="l" * (len(header) - 5) + "rrrrr",
        columns=columns_of(lines),
        notes=(_time_note(results),),
    )


def _mean_words(mean: RestrictedMean | None) -> str:
    if mean is None:
        return ""
    return with_limits(
        *(shown_time(one, mean.unit) for one in (mean.estimate, mean.lower, mean.upper))
    )


def _limited(name: str, one: Estimate | RestrictedMean | None) -> dict[str, Value]:
    """Name an estimate and its limits as CSV columns."""
    names = (name, f"{name}_lower", f"{name}_upper")
    if one is None:
        return dict.fromkeys(names)
    return dict(zip(names, (one.estimate, one.lower, one.upper), strict=True))


def _time_note(results: PaperResults) -> str:
    unit = results.tte.unit
    note = f"Times in {displayed_unit(unit)}. "
    if results.restricted_means:
        taus = listed(
            [shown_time(tau, unit) for tau in sorted({one.tau for one in results.restricted_means})]
        )
        note += f"Restricted mean time free of relapse up to {taus} {displayed_unit(unit)}. "
    return f"{note}Follow-up by the reverse Kaplan-Meier method."


def hazard(results: PaperResults) -> Table | None:
    """Give the relapse rate per window of time."""
    if not results.hazards:
        return None
    unit = results.tte.unit
    per = f"Rate per {RATE_PER} {person_unit(unit)} ({_level(results)} CI)"
    rows: list[Row] = [("Group", "Window", "Relapses", sentence(person_unit(unit)), per)]
    lines: list[dict[str, Value]] = []
    for table in results.hazards:
        for place in range(len(table.rate)):
            line = {name: float(getattr(table, name)[place]) for name in _WINDOW}
            lines.append({"group": table.group, **line})
            rows.append(
                (
                    group_words(results.by_words, table.group),
                    window_words(line["lower_edge"], line["upper_edge"], unit)[1],
                    count(line["events"]),
                    shown_time(line["person_time"], unit),
                    with_limits(*(rate(line[name], unit) for name in ("rate", "lower", "upper"))),
                )
            )
    header, *body = _grouped(results.by, rows)
    return Table(
        key="hazard",
        title=f"Relapse rate by time since {origin_words(results.endpoint)}",
        header=header,
        rows=tuple(body),
        align="l" * (len(header) - 3) + "rrr",
        columns=columns_of(lines),
        notes=(
            "Windows are open on the left and closed on the right; the first is closed at 0. "
            "Limits: exact Poisson.",
        ),
    )


_WINDOW = ("lower_edge", "upper_edge", "events", "person_time", "rate", "lower", "upper")


def logrank(results: PaperResults) -> Table | None:
    """Give the relapses observed and expected in each group, and the test."""
    test = results.logrank
    if test is None:
        return None
    lines: list[dict[str, Value]] = []
    rows = []
    for place, group in enumerate(test.groups):
        n, observed, expected = (
            float(column[place]) for column in (test.n, test.observed, test.expected)
        )
        lines.append({"group": group, "n": n, "observed": observed, "expected": expected})
        rows.append(
            (group_words(results.by_words, group), count(n), count(observed), decimal(expected, 1))
        )
    return Table(
        key="logrank",
        title="Relapses observed and expected by group",
        header=("Group", "At risk", "Observed", "Expected"),
        rows=tuple(rows),
        align="lrrr",
        columns=columns_of(lines),
        notes=(f"Log-rank test: {chi_square(test.statistic, test.df)}, {with_p(test.p_value)}.",),
    )
