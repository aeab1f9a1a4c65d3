"""The methods paragraphs, from the conventions really used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from survival_bzd.report.rounding import counted, displayed_unit, level, listed, shown_time
from survival_bzd.report.wording import (
    FEW_AT_RISK,
    LIMITS,
    SOURCES,
    SYNTHETIC,
    fitted_by,
    quoted,
    sentence,
    spaced,
    substance_words,
    time_zero,
)
from survival_bzd.report.worsening_paper import worsening_methods

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import EndpointFacts, PaperResults


def methods(results: PaperResults) -> tuple[tuple[str, str], ...]:
    """Write the methods of a paper.

    Parameters
    ----------
    results : what the paper reports.

    Returns
    -------
    tuple of (heading, paragraph)
        Only what was done is described: no test that was not made, no rule that was not used.
    """
    parts = (
        ("Data", _data(results)),
        ("Endpoint", _endpoint(results.endpoint)),
        ("Estimates", _estimates(results)),
        ("Symptoms", () if results.acute is None else worsening_methods(results.acute)),
        ("Cautions", (guard.sentence for guard in results.guards)),
        ("Software", _software(results)),
    )
    written = ((heading, " ".join(sentences)) for heading, sentences in parts)
    return tuple((heading, text) for heading, text in written if text)


def methods_markdown(results: PaperResults) -> str:
    """Write the methods as a Markdown file."""
    title = f"# Methods of {results.study}"
    notice = [f"**{SYNTHETIC}: no real patient is described.**"] if results.synthetic else []
    sections = [f"## {heading}\n\n{text}" for heading, text in methods(results)]
    return "\n\n".join([title, *notice, *sections]) + "\n"


def _data(results: PaperResults) -> Iterator[str]:
    if results.synthetic:
        yield "The records are synthetic: a program made them, and no real patient is described."
    if not results.control_group:
        yield (
            "The study has no control group, so the results describe the course of these "
            "patients and estimate no effect of a treatment."
        )
    records = results.records
    if records is None:
        return
    if records.statements:
        total = sum(statements for _, _, statements in records.statements)
        yield f"The records hold {counted(total, 'dated statement')} about use."
    for table, rows in records.undated:
        yield f"{counted(rows, 'row')} of {table} without a date {_were(rows)} left out."


def _were(number: float) -> str:
    return "was" if number == 1 else "were"


# --- the endpoint --------------------------------------------------------------------------------


def _endpoint(endpoint: EndpointFacts) -> Iterator[str]:
    if not endpoint.origin:
        yield f"The event was {quoted(endpoint.label)}."
        yield "Times and events were supplied, one row per patient."
        return
    yield f"The endpoint was {quoted(endpoint.label)}."
    yield _origin(endpoint)
    yield _pattern(endpoint)
    sources = listed([SOURCES.get(source, spaced(source)) for source in endpoint.sources])
    substances = listed([substance_words(name) for name in endpoint.substances])
    counting = f"; use of these classes counted: {substances}" if substances else ""
    yield f"The evidence was {sources}{counting}."
    yield _CONFLICTS.get(endpoint.conflict, "")
    yield _DATING.get(endpoint.dating, "")
    yield _missing(endpoint)
    yield from _exceptions(endpoint)
    yield _POPULATIONS.get(endpoint.population, "")
    yield _ENDS.get(endpoint.end, f"Observation ended on {endpoint.end}.")
    if endpoint.sources == ("fills",):
        yield "Who neither relapsed nor had a competing event was censored there."
    else:
        yield (
            "Who neither relapsed nor had a competing event was censored at the last day known "
            "free."
        )


_AFTER = {
    "use": "after the patient's first statement of use",
    "enrolment": "after enrolment",
    "last_treatment": "after the last treatment",
}


def _origin(endpoint: EndpointFacts) -> str:
    rule = endpoint.origin
    code, after = rule.get("at"), _AFTER.get(str(rule.get("after")), "")
    negatives = rule.get("negatives", 1)
    run = f"{negatives} consecutive negatives" if negatives != 1 else "one negative"
    if code == "confirmed_abstinence":
        day = f"the last of {run}" if negatives != 1 else "the first negative"
        return f"Time zero was the day of {day} {after}."
    if code == "first_negative":
        if negatives == 1:
            return f"Time zero was the day of the first negative {after}."
        return (
            f"Time zero was the day of the first of {run} {after}; this uses knowledge from "
            "after time zero, so the patients could not relapse until the last of them "
            "(immortal time)."
        )
    if code == "discontinuation":
        return _discontinuation(rule)
    if code == "column":
        return f"Time zero was the date in the column {rule.get('column')}."
    return f"Time zero was the day of {time_zero(endpoint)}."


_MISSING_WEEKS = {
    "breaks": "a week without any assessment broke the run",
    "skipped": "a week without any assessment was passed over",
    "use": "a week without any assessment counted as use",
}


def _weeks(rule: Mapping[str, object]) -> str:
    """Say what run of weeks or days is a relapse."""
    days = rule.get("or_days")
    either = f" or {days} consecutive days of use" if days else ""
    missing = _MISSING_WEEKS.get(str(rule.get("missing_week")), "")
    return f"{rule.get('weeks')} consecutive weeks with use ({missing}){either}"


def _dose_share(rule: Mapping[str, object]) -> str:
    """Say what dose is a relapse."""
    table = rule.get("equivalents")
    under = f", in mg of diazepam under the table {table}" if table else ""
    return f"a daily dose of at least {rule.get('share')} of the baseline dose{under},"


def _discontinuation(rule: Mapping[str, object]) -> str:
    """Say when possession stopped, by the fills."""
    stopped = f"{rule.get('grace_days')} consecutive days without supply from any fill"
    if rule.get("clock") == "last_covered":
        return (
            f"Time zero was the last day covered before more than {stopped}; this uses knowledge "
            "from after time zero, so the patients could not relapse until then (immortal time)."
        )
    return f"Time zero was the day on which more than {stopped} had passed."


def _pattern(endpoint: EndpointFacts) -> str:
    rule = endpoint.pattern
    words = {
        "any_use": "any evidence of use",
        "consecutive": f"{rule.get('k')} positives in a row without a negative between",
        "k_of_n": f"{rule.get('k')} positives among {rule.get('n')} assessed days in a row",
        "use_days": f"{rule.get('days')} days of use within {rule.get('within_days')} days",
        "weeks": _weeks(rule),
        "dose_share": _dose_share(rule),
        "refill": "a prescription fill"
        + ("" if endpoint.sources == ("fills",) else ", or evidence of use by another source,"),
    }
    code = str(rule.get("rule"))
    return f"Relapse was {words.get(code, spaced(code))} after time zero."


_CONFLICTS = {
    "use": "Where statements about one day disagreed, use prevailed.",
    "first": "Where sources disagreed about one day, the one named first prevailed.",
}

_DATING = {
    "detected": "A relapse was dated to the day on which it became known.",
    "onset": "A relapse was dated to the first day of use that a record names, else to the day on "
    "which it became known.",
    "midpoint": "A relapse was dated to the middle between the last day known free and the day on "
    "which it became known.",
    "last_negative": "A relapse was dated to the last day known free before it.",
}

_POPULATIONS = {
    "responders": "The population at risk was those who reached time zero.",
    "intention": "The population was everybody enrolled; who never reached time zero counted as a "
    "failure on day 0.",
}

_ENDS = {
    "last_statement": "Observation ended with the last statement about use.",
    "outcome": "Observation ended with the recorded outcome.",
}


def _missing(endpoint: EndpointFacts) -> str:
    rule = endpoint.missing
    gap = f"A silence of more than {rule.get('gap_days')} days after the last day known free"
    return {
        "relapse": f"{gap} counted as relapse.",
        "censor": f"{gap} ended the follow-up there, as censored.",
    }.get(str(rule.get("rule")), "Missed visits were ignored: the next statement decided.")


def _exceptions(endpoint: EndpointFacts) -> Iterator[str]:
    if endpoint.washout_days:
        yield _washout(endpoint)
    if endpoint.competing:
        events = [spaced(name) for name in endpoint.competing]
        yield (
            f"{sentence(listed(events))} counted as a competing event on its own day; the "
            "Kaplan-Meier curve takes it as censoring."
        )
    if endpoint.entry:
        yield (
            "Patients found free later than at time zero entered the risk set on the date in "
            f"the column {endpoint.entry}."
        )


_PUBLISHED = {
    "single_dose": "within the published detection window of a single dose of the drug",
    "long_use": "within the published detection window after long use of the drug",
}


def _washout(endpoint: EndpointFacts) -> str:
    """Say which positive urine samples were not assessed."""
    days = endpoint.washout_days
    within = _PUBLISHED.get(str(days), f"on days 1 to {days}")
    if isinstance(days, Mapping):
        numbers = [f"{_said(until)} ({spaced(name)})" for name, until in days.items()]
        within = f"on days 1 to {listed(numbers)}"
    only = ""
    if endpoint.washout_positives == "carry_over":
        only = " that continued a run of positives from before time zero"
    return (
        f"Positive urine samples {within}{only} were taken as washout of earlier doses and not "
        "assessed; reported use always counted."
    )


def _said(days: object) -> str:
    """Write the washout of a drug, by assay if it says so."""
    if not isinstance(days, Mapping):
        return str(days)
    return " or ".join(f"{until} by {spaced(assay)}" for assay, until in days.items())


# --- the estimates -------------------------------------------------------------------------------


def _estimates(results: PaperResults) -> Iterator[str]:
    curve = results.curves[0]
    open_limits = "" if curve.limits == "beta" else "; limits are left open where it is 0 or 1"
    yield (
        f"The proportion free of relapse was estimated by Kaplan-Meier with pointwise "
        f"{level(curve.confidence)} limits on the {curve.limits} scale{open_limits}. Patients with "
        "a time of at least t were at risk at t, and nothing was estimated past the last follow-up."
    )
    yield from _between_visits(results)
    yield from _incidence(results)
    yield (f"Figures draw a curve lighter where fewer than {FEW_AT_RISK} patients are at risk.")
    yield from _times(results)
    if results.proportions:
        method = listed(sorted({one.proportion.method for one in results.proportions}))
        yield f"Proportions have exact ({method}) limits."
    yield from _models(results)


def _between_visits(results: PaperResults) -> Iterator[str]:
    if not results.interval_curves:
        return
    drawn = results.interval_limits[0]
    yield (
        "Because some relapses are known to lie in an interval of more than a month only, from the "
        "last evidence of being free to the evidence of relapse, the curve was also estimated by "
        "nonparametric maximum likelihood for interval-censored times, with "
        f"{level(drawn.confidence)} percentile limits from {drawn.replicates:,} resamples of the "
        f"patients (seed {drawn.seed})."
    )


def _incidence(results: PaperResults) -> Iterator[str]:
    if not results.incidence:
        return
    curve = results.incidence[0]
    names = listed([spaced(one.name) for one in results.incidence if one.group is None])
    yield (
        f"The cumulative incidence of {names} was estimated by Aalen-Johansen, each event ending "
        f"the risk of the others, with {level(curve.confidence)} limits on the {curve.limits} "
        "scale from the infinitesimal jackknife."
    )
    if results.gray:
        yield "It was compared between the groups by Gray's test."


def _times(results: PaperResults) -> Iterator[str]:
    unit = results.tte.unit
    if unit == "days":
        yield "A month is 30.4375 days, and m months is day floor(30.4375 m)."
    if results.restricted_means:
        taus = sorted({mean.tau for mean in results.restricted_means})
        shown = listed([shown_time(tau, unit) for tau in taus])
        yield f"Restricted mean times go up to {shown} {displayed_unit(unit)}."
    if results.follow_up:
        yield "The length of follow-up was estimated by the reverse Kaplan-Meier method."
    if results.hazards:
        yield (
            "Relapse rates per window of time are events over time at risk, with exact Poisson "
            "limits."
        )


def _models(results: PaperResults) -> Iterator[str]:
    if results.logrank is not None:
        yield f"Groups ({results.by_words}) were compared by the log-rank test."
    if not results.cox:
        return
    kinds = {fitted_by(fit): fit for fit in results.cox}
    ties = listed(sorted({sentence(fit.ties) for fit in results.cox}))
    yield f"Hazard ratios are from Cox models with ties after {ties}."
    if "firth" in kinds:
        yield (
            "Because of separation or fewer than 5 events per parameter, fits by Firth's "
            f"penalised likelihood with {LIMITS[kinds['firth'].limits]} limits stand beside "
            "them."
        )
    if any(fit.proportional_hazards for fit in results.cox):
        yield "Proportional hazards were tested after Grambsch and Therneau."


def _software(results: PaperResults) -> Iterator[str]:
    if results.versions:
        used = [f"{name} {version}" for name, version in results.versions.items()]
        yield f"Computed with {listed(used)}."
