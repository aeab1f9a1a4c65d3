"""What part of the patients had each of the events that compete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survival_bzd.report.phrases import percent_with_limits
from survival_bzd.report.rounding import count, level, with_p
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import chi_square, group_words, origin_words, sentence, spaced

if TYPE_CHECKING:
    from survival_bzd.estimate import GrayTest
    from survival_bzd.report.paper_results import PaperResults


def cumulative_incidence(results: PaperResults) -> Table | None:
    """Give the incidence of each cause at each horizon."""
    if not results.incidence or not results.horizons:
        return None
    times = [horizon.time for horizon in results.horizons]
    lines: list[dict[str, Value]] = []
    rows = []
    for curve in results.incidence:
        at = curve.at(times)
        for place, horizon in enumerate(results.horizons):
            values = {
                name: float(getattr(at, name)[place])
                for name in ("incidence", "std_error", "lower", "upper")
            }
            at_risk = float(at.at_risk[place])
            lines.append(
                {
                    "group": curve.group,
                    "cause": curve.name,
                    "time": horizon.time,
                    "at_risk": at_risk,
                    **values,
                    "reason": at.reasons[place] or None,
                }
            )
            rows.append(
                (
                    *((group_words(results.by_words, curve.group),) if results.by else ()),
                    sentence(spaced(curve.name)),
                    horizon.label,
                    count(at_risk),
                    percent_with_limits(values["incidence"], values["lower"], values["upper"]),
                )
            )
    first = results.incidence[0]
    return Table(
        key="cumulative_incidence",
        title=f"Patients with each event, the others competing, since "
        f"{origin_words(results.endpoint)}",
        header=(
            *(("Group",) if results.by else ()),
            "Event",
            "Time",
            "At risk",
            f"Cumulative incidence, % ({level(first.confidence)} CI)",
        ),
        rows=tuple(rows),
        align="l" * (3 if results.by else 2) + "rr",
        columns=columns_of(lines),
        notes=(
            f"Aalen-Johansen; limits on the {first.limits} scale, left open where the incidence is "
            "0 or 1.",
            *(f"Gray's test of {spaced(test.name)}: {_found(test)}." for test in results.gray),
        ),
    )


def _found(test: GrayTest) -> str:
    return test.reason or f"{chi_square(test.statistic, test.df)}, {with_p(test.p_value)}"
