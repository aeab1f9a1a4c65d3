"""The conventions behind the numbers, in a few words each, for numbers.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from survival_bzd.report.figures import omitted_figures
from survival_bzd.report.rounding import RATE_PER, digits, listed, person_unit
from survival_bzd.report.wording import at_risk_note
from survival_bzd.report.worsening import worsening_conventions

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import EndpointFacts, PaperResults


def conventions(results: PaperResults) -> dict[str, str]:
    """Return every convention that the results used, by name."""
    return {
        **_rules(results.endpoint),
        **_estimators(results),
        **results.conventions,
    }


def _estimators(results: PaperResults) -> dict[str, str]:
    curve = results.curves[0]
    used = {
        "limits": curve.limits,
        "confidence": digits(curve.confidence),
        "at_risk": at_risk_note(results.tte),
        "fractions": "between 0 and 1; .percent, and .lower and .upper beside it, in percent",
    }
    if results.tte.unit == "days":
        used["months"] = "30.4375 days on display; m months are day floor(30.4375 m)"
    if results.interval_curves:
        used["interval_censored"] = (
            "shown where a relapse is known no nearer than to a month; (lower, upper]; inside a "
            "support interval the curve falls at its middle; percentile limits from "
            f"{results.interval_limits[0].replicates} resamples, seed "
            f"{results.interval_limits[0].seed}; kaplan_meier_above and farthest.difference in "
            "percentage points, Kaplan-Meier less the interval-censored curve"
        )
    if results.incidence:
        used["cumulative_incidence"] = (
            "Aalen-Johansen; standard error by the infinitesimal jackknife; limits on the "
            f"{results.incidence[0].limits} scale"
        )
    if results.hazards:
        used["rates"] = (
            f"values per unit of follow-up, texts per {RATE_PER} "
            f"{person_unit(results.tte.unit)}; exact Poisson limits; windows (a, b], "
            "the first closed at 0"
        )
    if results.proportions:
        used["proportions"] = listed(sorted({one.proportion.method for one in results.proportions}))
    if results.acute is not None:
        rules = worsening_conventions(results.acute)
        used |= {f"worsening_{name}": words for name, words in rules.items()}
    if results.cox:
        used["ties"] = listed(sorted({fit.ties for fit in results.cox}))
    left_out = omitted_figures(results)
    if left_out:
        used["figures_left_out"] = "; ".join(left_out)
    return used


def _rules(endpoint: EndpointFacts) -> dict[str, str]:
    """Return the rules of the endpoint."""
    if not endpoint.origin:
        return {"endpoint": endpoint.label, "times": "as supplied, one row per patient"}
    late = {} if endpoint.entry is None else {"entry": endpoint.entry}
    return {
        "endpoint": endpoint.label,
        "origin": _rule(endpoint.origin, "at"),
        "pattern": _rule(endpoint.pattern, "rule"),
        "sources": ", ".join(endpoint.sources),
        "substances": ", ".join(endpoint.substances),
        "conflict": endpoint.conflict,
        "dated": endpoint.dating,
        "missing": _rule(endpoint.missing, "rule"),
        "washout_days": str(endpoint.washout_days),
        "competing": ", ".join(endpoint.competing) or "none",
        "population": endpoint.population,
        "end": endpoint.end,
        **late,
    }


def _rule(rule: Mapping[str, object], name: str) -> str:
    """Write a rule table on one line: its name, then its settings."""
    settings = [f"{key} = {value}" for key, value in rule.items() if key != name]
    return "; ".join([str(rule.get(name, "")), *settings])
