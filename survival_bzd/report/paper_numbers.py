"""Results -> every number that the text of the paper may cite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from survival_bzd.estimate.interval_censored.apart import farthest_apart
from survival_bzd.report.numbers import Numbers
from survival_bzd.report.phrases import (
    three,
    time_phrase,
    with_level,
)
from survival_bzd.report.rounding import (
    NOT_REACHED,
    RATE_PER,
    count,
    decimal,
    displayed_unit,
    p_value,
    percent,
    person_unit,
    rate,
    ratio,
    shown_time,
    with_p,
)
from survival_bzd.report.wording import chi_square, fitted_by, slug, slugs, window_words
from survival_bzd.report.worsening_paper import add_worsening

if TYPE_CHECKING:
    from survival_bzd.estimate import (
        Characteristic,
        CoxFit,
        CumulativeIncidence,
        HazardTable,
        KaplanMeier,
        RestrictedMean,
    )
    from survival_bzd.report.paper_results import PaperResults


def paper_numbers(results: PaperResults) -> Numbers:
    """Collect the numbers of a paper.

    Parameters
    ----------
    results : what the paper reports.

    Returns
    -------
    Numbers
        Times in `results.tte.unit`, fractions between 0 and 1 except under ``.percent``, whose
        ``.lower`` and ``.upper`` beside it are percentages too. Texts are in the units a reader
        sees. Those of a group carry the covariate and the group in the key.
    """
    numbers = Numbers()
    _proportions(numbers, results)
    _patients(numbers, results)
    for curve in results.curves:
        _curve(numbers, results, curve)
    _interval_curves(numbers, results)
    for incidence in results.incidence:
        _incidence(numbers, results, incidence)
    for curve in results.follow_up:
        _median(numbers, f"{_named('follow_up', results, curve.group)}.median", curve)
    _described(numbers, results)
    for mean in results.restricted_means:
        _restricted_mean(numbers, results, mean)
    for table in results.hazards:
        _hazard(numbers, results, table)
    formulas = slugs(fit.formula for fit in results.cox)
    for fit in results.cox:
        _cox(numbers, fit, formulas[fit.formula])
    _logrank(numbers, results)
    if results.acute is not None:
        add_worsening(numbers, results.acute)
    _records(numbers, results)
    _guards(numbers, results)
    return numbers


def _named(root: str, results: PaperResults, group: str | None) -> str:
    """Put the group into a key; everybody's has none."""
    if group is None:
        return root
    names = slugs(curve.group for curve in results.curves if curve.group is not None)
    return f"{root}.{slug(results.by or 'group')}_{names.get(group) or slug(group)}"


def _count(numbers: Numbers, key: str, value: float) -> None:
    whole = float(value).is_integer()
    numbers.add(f"{key}.n", int(value) if whole else value, count(value))


def _proportions(numbers: Numbers, results: PaperResults) -> None:
    for counted in results.proportions:
        numbers.share(counted.key, counted.proportion)


def _patients(numbers: Numbers, results: PaperResults) -> None:
    tte = results.tte
    _count(numbers, "at_risk", tte.n)
    _count(numbers, "relapses", int(tte.relapsed.sum()))
    _count(numbers, "not_relapsed", tte.n - int(tte.relapsed.sum()))
    for code, cause in enumerate(tte.causes[1:], start=2):
        _count(numbers, f"competing.{slug(cause)}", int((tte.event == code).sum()))
    _count(numbers, "censored", int((tte.event == 0).sum()))
    if results.flow is None:
        return
    _count(numbers, "enrolled", results.flow.enrolled)
    _count(numbers, "reached_origin", results.flow.reached)
    _count(numbers, "not_reached", results.flow.enrolled - results.flow.reached)
    for leaf in results.flow.leaves:
        stem = "reached" if leaf.reached else "not_reached"
        key = f"flow.{stem}.{slug(leaf.outcome)}.{slug(leaf.reason)}"
        _count(numbers, key, leaf.patients)


def _curve(numbers: Numbers, results: PaperResults, curve: KaplanMeier) -> None:
    root = _named("relapse_free", results, curve.group)
    if curve.group is not None:
        _count(numbers, _named("at_risk", results, curve.group), curve.n)
        _count(numbers, _named("relapses", results, curve.group), curve.n_events)
    if results.horizons:
        at = curve.at([horizon.time for horizon in results.horizons])
        for place, horizon in enumerate(results.horizons):
            values = (float(at.survival[place]), float(at.lower[place]), float(at.upper[place]))
            reason = at.reasons[place]
            key = f"{root}.{horizon.key}"
            for name, value in zip(("estimate", "lower", "upper"), values, strict=True):
                sign = "%" if name == "estimate" and not math.isnan(value) else ""
                numbers.add(f"{key}.{name}", value, f"{percent(value)}{sign}", reason)
            _count(numbers, f"{key}.at_risk", float(at.at_risk[place]))
            phrase = with_level(three(values, percent), curve.confidence, "%")
            numbers.phrase(f"{key}.phrase", phrase)
    _median(numbers, f"{_named('time_to_relapse', results, curve.group)}.median", curve)


def _interval_curves(numbers: Numbers, results: PaperResults) -> None:
    """Add the curves of relapses between two visits, and how far Kaplan-Meier is from them."""
    usual = {curve.group: curve for curve in results.curves}
    times = [horizon.time for horizon in results.horizons]
    unit = results.tte.unit
    for curve, drawn in zip(results.interval_curves, results.interval_limits, strict=True):
        root = _named("interval_censored", results, curve.group)
        km, at = usual[curve.group].at(times), curve.at(times)
        for place, horizon in enumerate(results.horizons):
            key = f"{root}.{horizon.key}"
            values = tuple(float(one[place]) for one in (at.survival, drawn.lower, drawn.upper))
            reason = at.reasons[place] if math.isnan(values[0]) else ""
            for name, value in zip(("estimate", "lower", "upper"), values, strict=True):
                sign = "%" if name == "estimate" and not math.isnan(value) else ""
                numbers.add(f"{key}.{name}", value, f"{percent(value)}{sign}", reason)
            texts = three((values[0], values[1], values[2]), percent)
            numbers.phrase(f"{key}.phrase", with_level(texts, drawn.confidence, "%"))
            apart = 100 * (float(km.survival[place]) - values[0])
            numbers.add(f"{key}.kaplan_meier_above", apart, decimal(apart, 1), reason)
        most = farthest_apart(usual[curve.group], curve)
        points = 100 * most.difference
        numbers.add(f"{root}.farthest.difference", points, decimal(points, 1))
        numbers.add(f"{root}.farthest.time", most.time, _in_unit(shown_time(most.time, unit), unit))
        words = f"{decimal(points, 1)} percentage points at {shown_time(most.time, unit)}"
        numbers.phrase(f"{root}.farthest.phrase", f"{words} {displayed_unit(unit)}")


def _incidence(numbers: Numbers, results: PaperResults, curve: CumulativeIncidence) -> None:
    """Add the incidence of one cause at the horizons."""
    root = _named(f"cumulative_incidence.{slug(curve.name)}", results, curve.group)
    at = curve.at([horizon.time for horizon in results.horizons])
    for place, horizon in enumerate(results.horizons):
        key = f"{root}.{horizon.key}"
        values = tuple(float(one[place]) for one in (at.incidence, at.lower, at.upper))
        reason = at.reasons[place] or ("no event until then" if values[0] == 0 else "")
        for name, value in zip(("estimate", "lower", "upper"), values, strict=True):
            sign = "%" if name == "estimate" and not math.isnan(value) else ""
            numbers.add(f"{key}.{name}", value, f"{percent(value)}{sign}", reason)
        texts = three((values[0], values[1], values[2]), percent)
        numbers.phrase(f"{key}.phrase", with_level(texts, curve.confidence, "%"))
    for test in results.gray:
        if curve.group is None and test.cause == curve.cause:
            numbers.add(f"{root}.gray.p_value", test.p_value, p_value(test.p_value), test.reason)


def _median(numbers: Numbers, key: str, curve: KaplanMeier) -> None:
    median, unit = curve.median, curve.unit
    values = (median.estimate, median.lower, median.upper)
    texts = three(values, lambda time: shown_time(time, unit, undefined=NOT_REACHED))
    reason = median.reason or "not reached"
    for name, value, text in zip(("estimate", "lower", "upper"), values, texts, strict=True):
        words = _in_unit(text, unit) if name == "estimate" else text
        numbers.add(f"{key}.{name}", value, words, reason if math.isnan(value) else "")
    numbers.phrase(f"{key}.phrase", time_phrase(texts, curve.confidence, unit))


def _in_unit(text: str, unit: str) -> str:
    """Put the unit after a time, unless the text is that there is none."""
    return f"{text} {displayed_unit(unit)}" if text[:1].isdigit() else text


def _described(numbers: Numbers, results: PaperResults) -> None:
    """Describe the patients, and how long everybody enrolled was followed."""
    unit = results.tte.unit
    one = results.follow_up_described
    if one is not None:
        _count(numbers, "follow_up.observed", one.n)
        for name in _SUMMARIES:
            value = getattr(one, name)
            text = _in_unit(shown_time(value, unit), unit)
            numbers.add(f"follow_up.observed.{name}", value, text)
    names = slugs(one.name for one in results.characteristics)
    for one in results.characteristics:
        root = f"characteristics.{names[one.name]}"
        _characteristic(numbers, _named(root, results, one.group), one)


_SUMMARIES = ("mean", "sd", "median", "lower_quartile", "upper_quartile", "minimum", "maximum")


def _characteristic(numbers: Numbers, key: str, one: Characteristic) -> None:
    _count(numbers, key, one.n)
    _count(numbers, f"{key}.missing", one.missing)
    if not one.levels:
        for name in _SUMMARIES:
            value = getattr(one, name)
            numbers.add(f"{key}.{name}", value, decimal(value, 1))
    levels = slugs(name for name, _ in one.levels)
    for name, patients in one.levels:
        _count(numbers, f"{key}.{levels[name]}", patients)
        share = patients / one.n if one.n else math.nan
        numbers.add(f"{key}.{levels[name]}.percent", 100 * share, f"{percent(share)}%")


def _restricted_mean(numbers: Numbers, results: PaperResults, mean: RestrictedMean) -> None:
    key = _named("restricted_mean", results, mean.group)
    values = (mean.estimate, mean.lower, mean.upper)
    texts = three(values, lambda time: shown_time(time, mean.unit))
    for name, value, text in zip(("estimate", "lower", "upper"), values, texts, strict=True):
        numbers.add(f"{key}.{name}", value, _in_unit(text, mean.unit))
    numbers.add(f"{key}.std_error", mean.std_error, shown_time(mean.std_error, mean.unit))
    numbers.add(f"{key}.tau", mean.tau, _in_unit(shown_time(mean.tau, mean.unit), mean.unit))
    numbers.phrase(f"{key}.phrase", time_phrase(texts, mean.confidence, mean.unit))


def _hazard(numbers: Numbers, results: PaperResults, table: HazardTable) -> None:
    root = _named("hazard", results, table.group)
    for place, (start, end) in enumerate(zip(table.lower_edge, table.upper_edge, strict=True)):
        key = f"{root}.{window_words(float(start), float(end), table.unit)[0]}"
        _count(numbers, f"{key}.events", float(table.events[place]))
        person_time = float(table.person_time[place])
        shown = f"{shown_time(person_time, table.unit)} {person_unit(table.unit)}"
        numbers.add(f"{key}.person_time", person_time, shown)
        reason = "nobody was at risk" if person_time == 0 else ""
        values = tuple(float(getattr(table, name)[place]) for name in _RATES)
        for name, value in zip(_RATES, values, strict=True):
            numbers.add(f"{key}.{name}", value, rate(value, table.unit), reason)
        texts = three((values[0], values[1], values[2]), lambda one: rate(one, table.unit))
        per = f" per {RATE_PER} {person_unit(table.unit)}"
        numbers.phrase(f"{key}.phrase", with_level(texts, table.confidence, per))


_RATES = ("rate", "lower", "upper")


def _cox(numbers: Numbers, fit: CoxFit, formula: str) -> None:
    root = f"cox.{formula}.{fitted_by(fit)}"
    _count(numbers, root, fit.n)
    _count(numbers, f"{root}.events", fit.n_events)
    _count(numbers, f"{root}.left_out", fit.left_out)
    per = fit.events_per_parameter
    numbers.add(f"{root}.events_per_parameter", per, decimal(per, 1))
    names = slugs(fit.terms)
    for place, term in enumerate(fit.terms):
        key = f"{root}.{names[term]}"
        values = tuple(float(getattr(fit, name)[place]) for name in _RATIOS)
        reason = fit.reasons[place]
        for name, value in zip(_RATIOS, values, strict=True):
            numbers.add(f"{key}.{name}", value, ratio(value), reason)
        p = float(fit.p_value[place])
        numbers.add(f"{key}.p_value", p, p_value(p), reason)
        texts = three((values[0], values[1], values[2]), ratio)
        numbers.phrase(f"{key}.phrase", f"{with_level(texts, fit.confidence)}; {with_p(p)}")
    tests = slugs(test.term for test in fit.proportional_hazards)
    for test in fit.proportional_hazards:
        key = f"{root}.proportional_hazards.{tests[test.term]}"
        numbers.add(f"{key}.p_value", test.p_value, p_value(test.p_value))


_RATIOS = ("hazard_ratio", "lower", "upper")


def _logrank(numbers: Numbers, results: PaperResults) -> None:
    test = results.logrank
    if test is None:
        return
    numbers.add("logrank.statistic", test.statistic, decimal(test.statistic, 2))
    _count(numbers, "logrank.df", test.df)
    numbers.add("logrank.p_value", test.p_value, p_value(test.p_value))
    words = f"log-rank {chi_square(test.statistic, test.df)}, {with_p(test.p_value)}"
    numbers.phrase("logrank.phrase", words)


def _records(numbers: Numbers, results: PaperResults) -> None:
    records = results.records
    if records is None:
        return
    for source, verdict, statements in records.statements:
        _count(numbers, f"records.{source}.{verdict}", statements)
    _count(numbers, "records.conflicts", records.conflicts)
    _count(numbers, "records.washed_out", records.washed_out)
    for table, rows in records.undated:
        _count(numbers, f"records.undated.{table}", rows)


def _guards(numbers: Numbers, results: PaperResults) -> None:
    """Add what the guards count, and their sentences."""
    for guard in results.guards:
        for name, value in guard.numbers.items():
            numbers.add(
                f"guards.{guard.key}.{name}", value, decimal(value, 0 if value % 1 == 0 else 2)
            )
        numbers.phrase(f"guards.{guard.key}.phrase", guard.sentence)
