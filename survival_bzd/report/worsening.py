"""Who got worse in the acute phase, for programs, terminals and the paper."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from survival_bzd.report.acute_phase import (
    POPULATIONS,
    TIMES,
    AcuteResults,
    ByChange,
    ScaleResults,
    baseline_words,
    phase_words,
    worse_by,
    worse_words,
)
from survival_bzd.report.documents import json_number, json_object
from survival_bzd.report.phrases import percent_with_limits, with_limits
from survival_bzd.report.rounding import count, counted, decimal, digits, level
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import sentence

if TYPE_CHECKING:
    from survival_bzd.estimate import MeanCourse, Proportion, Worsening

Document = dict[str, Any]

NOBODY = "nobody has a baseline and a later score"
_SHARE = ("successes", "n", "estimate", "lower", "upper")
_MEAN = ("mean", "std_error", "lower", "upper")
INDENT = "\N{EM SPACE}"


# --- for programs --------------------------------------------------------------------------------


def worsening_document(results: AcuteResults) -> Document:
    """Write what is reported of the acute phase as a JSON document.

    Returns
    -------
    dict
        ``acute_phase``, ``deprescribed`` (one share each), ``scales`` (each with its changes, whom
        they find in each population, who is missing, and the mean course), ``on_any``,
        ``conventions``, ``warnings``.
    """
    rules = results.rules
    return {
        "acute_phase": phase_words(rules),
        "enrolled": results.phase.n,
        "deprescribed": [
            {"key": one.key, "label": one.label, **_share(one.proportion)}
            for one in results.deprescribed
        ],
        "scales": [_scale(scale, results) for scale in results.scales],
        "on_any": [
            {
                "population": population,
                "scales": found.scales,
                "not_on_every_scale": {
                    "any_time": found.incomplete,
                    "at_end": found.incomplete_at_end,
                },
                **{time: _share(getattr(found, time)) for time in TIMES},
            }
            for population, found in results.on_any.items()
        ],
        "conventions": worsening_conventions(results),
        "warnings": [*results.warnings, *scale_warnings(results)],
    }


def _share(share: Proportion) -> Document:
    return json_object(
        {name: getattr(share, name) for name in _SHARE},
        dict.fromkeys(("estimate", "lower", "upper"), NOBODY),
    )


def _scale(scale: ScaleResults, results: AcuteResults) -> Document:
    return {
        "scale": scale.name,
        "label": scale.label,
        "worse": scale.rule.worse,
        "source": scale.rule.source,
        "changes": [
            {
                "kind": one.change.kind,
                **json_object(
                    {
                        "points": one.change.points,
                        "sd": one.change.sd,
                        "reliability": one.change.reliability,
                    },
                    dict.fromkeys(("sd", "reliability"), "a threshold is declared"),
                ),
                "populations": [
                    {
                        "population": population,
                        "patients": found.n,
                        **{time: _share(getattr(found, time)) for time in TIMES},
                        "no_baseline": int(found.no_baseline.sum()),
                        "no_later_score": int(found.no_later.sum()),
                        "no_score_at_the_end": int(found.no_end.sum()),
                    }
                    for population, found in one.found.items()
                ],
            }
            for one in scale.by_change
        ],
        "missing": missing_patients(scale, results),
        "model": _model(scale),
    }


def _model(scale: ScaleResults) -> Document | None:
    fit = scale.model
    if fit is None or scale.mean is None or scale.mean_change is None:
        return {"reason": scale.no_model}
    places = _whole_weeks(scale.mean)
    return {
        "patients": fit.n,
        "scores": fit.n_scores,
        "fixed": dict(zip(fit.terms, fit.coef.tolist(), strict=True)),
        "random": list(fit.random),
        "random_covariance": fit.random_covariance.tolist(),
        "residual_variance": fit.residual_variance,
        "loglik": fit.loglik,
        "gradient": fit.gradient,
        "df": fit.df,
        "mean": [_mean(scale.mean, place) for place in places],
        "change": [_mean(scale.mean_change, place) for place in places],
    }


def _mean(course: MeanCourse, place: int) -> Document:
    return {
        "week": float(course.time[place]),
        **json_object({name: float(getattr(course, name)[place]) for name in _MEAN}),
    }


def _whole_weeks(course: MeanCourse) -> list[int]:
    """Return the places of the weeks, and of the last day."""
    last = course.time.size - 1
    return sorted({*range(0, last + 1, 7), last})


def missing_patients(scale: ScaleResults, results: AcuteResults) -> dict[str, list[str]]:
    """Name who is not assessed on a scale, by what is missing."""
    phase, scores = results.phase, scale.scores
    no_phase = np.isnan(phase.days)
    no_baseline = np.isnan(scores.baseline(phase.n)) & ~no_phase
    no_later = np.isnan(scores.worst(phase.n, scale.rule.worse)) & ~no_phase & ~no_baseline
    no_end = np.isnan(scores.end(phase.n)) & ~no_phase & ~no_baseline & ~no_later
    kinds = {
        "no_acute_phase": no_phase,
        "no_baseline": no_baseline,
        "no_later_score": no_later,
        "no_score_at_the_end": no_end,
    }
    return {kind: phase.patient_id[members].tolist() for kind, members in kinds.items()}


def worsening_conventions(results: AcuteResults) -> dict[str, str]:
    """Return the rules in force, by name."""
    rules = results.rules
    within = f"the last score, not earlier than {counted(rules.end_within_days, 'day')} before it"
    return {
        "acute_phase": phase_words(rules),
        "baseline": baseline_words(rules),
        "any_time": "after the start, up to the end; the largest change towards worse",
        "at_end": within,
        "shares": "of those with a baseline and a later score (at_end: one at the end)",
        "limits": f"Clopper-Pearson, {level(results.confidence)}; not adjusted for several scales",
        "several_scores_a_day": "their mean",
        "reliable_change": "change / (sd sqrt(2) sqrt(1 - reliability)) above 1.96; Jacobson and "
        "Truax 1991",
        "off_the_drugs": f"reached the origin of the endpoint by the end: {results.endpoint}",
        "confirmed_by_urine": "a counted negative specimen, and none positive on its day, at most "
        f"{counted(rules.urine_within_days, 'day')} before the origin or on it",
        "mean_course": f"linear mixed model by restricted maximum likelihood, {rules.course} in "
        "weeks, the baseline at week 0; random intercept and slope per patient, or the intercept "
        "alone where the warnings say so; limits from the t distribution with the patients less "
        "one as degrees of freedom",
    }


def scale_warnings(results: AcuteResults) -> list[str]:
    """Collect what the scales warn of, those that say the same together."""
    said: dict[str, list[str]] = {}
    for scale in results.scales:
        for warning in (*scale.warnings, *_no_model(scale)):
            said.setdefault(warning, []).append(scale.label)
    return [f"{', '.join(labels)}: {warning}" for warning, labels in said.items()]


def _no_model(scale: ScaleResults) -> Iterator[str]:
    if scale.no_model:
        yield f"No mean course: {scale.no_model}."


# --- tables --------------------------------------------------------------------------------------


def worsening_tables(results: AcuteResults) -> tuple[Table, ...]:
    """Write what is reported of the acute phase as tables: who stopped, who got worse, how many."""
    return tuple(
        table
        for table in (
            worsening_table(results),
            missing_table(results),
            course_table(results),
            deprescribed_table(results),
        )
        if table is not None
    )


def worsening_table(results: AcuteResults) -> Table:
    """Tabulate who got worse on each scale, at any time and at the end."""
    rows: list[tuple[str, ...]] = []
    lines: list[dict[str, Value]] = []
    for scale in results.scales:
        for one in scale.by_change:
            rows.append((f"{scale.label}: {worse_by(scale, one.change)}", "", ""))
            for time, words in TIMES.items():
                shares = {key: getattr(found, time) for key, found in one.found.items()}
                rows.append((f"{INDENT}{words}", *map(share_words, shares.values())))
                lines += _lines(scale, one, time, shares)
    for time, words in TIMES.items():
        shares = {key: getattr(found, time) for key, found in results.on_any.items()}
        if shares:
            number = next(iter(results.on_any.values())).scales
            heading = f"At least one of the {number} scales"
            if time == "any_time":
                rows.append((heading, "", ""))
            rows.append((f"{INDENT}{words}", *map(share_words, shares.values())))
            lines += _lines(None, None, time, shares)
    return Table(
        key="worsening",
        title="Clinically significant worsening of symptoms in the acute phase",
        header=(
            "Scale",
            *(f"{words}, % ({level(results.confidence)} CI)" for words in POPULATIONS.values()),
        ),
        rows=tuple(rows),
        align="lrr",
        columns=columns_of(lines),
        notes=tuple(_notes(results)),
    )


def share_words(share: Proportion) -> str:
    """Write ``4/20, 20.0 (5.7 to 43.7)``."""
    of = f"{count(share.successes)}/{count(share.n)}"
    if math.isnan(share.estimate):
        return f"{of}, NE"
    return f"{of}, {percent_with_limits(share.estimate, share.lower, share.upper)}"


def _lines(
    scale: ScaleResults | None,
    one: ByChange | None,
    time: str,
    shares: Mapping[str, Proportion],
) -> Iterator[dict[str, Value]]:
    for population, share in shares.items():
        yield {
            "scale": "any" if scale is None else scale.name,
            "change": None if one is None else one.change.kind,
            "points": None if one is None else one.change.points,
            "when": time,
            "population": population,
            "worse": share.successes,
            "assessed": share.n,
            "estimate": share.estimate,
            "lower": share.lower,
            "upper": share.upper,
        }


def _notes(results: AcuteResults) -> Iterator[str]:
    rules = results.rules
    yield (
        f"The acute phase lasts {phase_words(rules)}. Baseline: {baseline_words(rules)}. At the "
        f"end: the last score, at most {counted(rules.end_within_days, 'day')} before it."
    )
    yield from source_words(results)
    yield (
        "Patients who got worse of those assessed. Limits: exact (Clopper-Pearson)"
        + (", not adjusted for the number of scales" if len(results.scales) > 1 else "")
        + ". Without a comparison group a change may be regression to the mean."
    )
    everybody = results.on_any.get("enrolled")
    if everybody is not None and everybody.incomplete + everybody.incomplete_at_end:
        yield (
            "Of those counted on the scales together, "
            f"{counted(everybody.incomplete, 'patient')} at any time and "
            f"{everybody.incomplete_at_end} at the end have no change on one scale or more."
        )
    yield from results.warnings


def source_words(results: AcuteResults) -> Iterator[str]:
    """Say where the significant changes are from, those of one source together."""
    said: dict[str, list[str]] = {}
    for scale in results.scales:
        said.setdefault(scale.rule.source, []).append(scale.label)
    for source, labels in said.items():
        where = ", ".join(labels) if len(said) > 1 else "Clinically significant changes"
        yield f"{where}: {source}."


def missing_table(results: AcuteResults) -> Table:
    """Tabulate who cannot be assessed, and why; the patients are named."""
    heads = {
        "no_acute_phase": "No acute phase",
        "no_baseline": "No baseline",
        "no_later_score": "No later score",
        "no_score_at_the_end": "None at the end",
    }
    rows: list[tuple[str, ...]] = []
    lines: list[dict[str, Value]] = []
    for scale in results.scales:
        missing = missing_patients(scale, results)
        rows.append(
            (
                scale.label,
                count(results.phase.n),
                *(_named(missing[kind]) for kind in heads),
            )
        )
        lines += [
            {"scale": scale.name, "missing": kind, "patients": len(names), "who": "; ".join(names)}
            for kind, names in missing.items()
        ]
    return Table(
        key="worsening_missing",
        title="Patients without the scores that a change needs",
        header=("Scale", "Enrolled", *heads.values()),
        rows=tuple(rows),
        align="lr" + "r" * len(heads),
        columns=columns_of(lines),
        notes=(
            "Each patient in the first column that fits; in parentheses who. Who has no score at "
            "the end counts at any time.",
        ),
    )


def _named(names: list[str], most: int = 6) -> str:
    if not names:
        return "0"
    hidden = len(names) - most
    shown = ", ".join(names[:most]) + (f", {hidden} more" if hidden > 0 else "")
    return f"{len(names)} ({shown})"


def course_table(results: AcuteResults) -> Table | None:
    """Tabulate the mean course of each scale: the start, the last day, whole weeks between."""
    rows: list[tuple[str, ...]] = []
    lines: list[dict[str, Value]] = []
    for scale in results.scales:
        if scale.mean is None or scale.mean_change is None or scale.model is None:
            continue
        fit = scale.model
        who = f"{worse_words(scale)}: {counted(fit.n, 'patient')}, {counted(fit.n_scores, 'score')}"
        rows.append((who, "", ""))
        for place in _whole_weeks(scale.mean):
            rows.append(
                (
                    f"{INDENT}Week {_week(float(scale.mean.time[place]))}",
                    _points(scale.mean, place),
                    _points(scale.mean_change, place) if place else "",
                )
            )
            lines.append(course_line(scale, scale.mean, scale.mean_change, place))
    if not rows:
        return None
    between = level(results.confidence)
    return Table(
        key="symptom_course",
        title="Mean course of the symptom scores, by a mixed model",
        header=("Scale", f"Mean ({between} CI)", f"Change since the baseline ({between} CI)"),
        rows=tuple(rows),
        align="lrr",
        columns=columns_of(lines),
        notes=(
            f"Restricted maximum likelihood, {results.rules.course} in weeks since the start, the "
            "baseline at week 0. Limits: t distribution, the patients less one as degrees of "
            "freedom.",
            *scale_warnings(results),
        ),
    )


def _week(week: float) -> str:
    return digits(week, significant=3)


def _points(course: MeanCourse, place: int) -> str:
    values = (course.mean[place], course.lower[place], course.upper[place])
    texts = [decimal(float(value), 1) for value in values]
    return with_limits(texts[0], texts[1], texts[2])


def course_line(
    scale: ScaleResults, mean: MeanCourse, change: MeanCourse, place: int
) -> dict[str, Value]:
    """Write one time of a mean course for a CSV file."""
    return {
        "scale": scale.name,
        "week": float(mean.time[place]),
        **{name: float(getattr(mean, name)[place]) for name in _MEAN},
        **{
            f"change_{name}".replace("change_mean", "change"): float(getattr(change, name)[place])
            for name in _MEAN
        },
    }


def deprescribed_table(results: AcuteResults) -> Table:
    """Tabulate who was off the drugs at the end of the taper, of everybody enrolled."""
    lines: list[dict[str, Value]] = []
    rows = []
    for one in results.deprescribed:
        share = one.proportion
        part = INDENT if one.key in ("deprescribed.urine", "deprescribed.report") else ""
        label = one.label.split(", ")[-1] if part else one.label
        rows.append((f"{part}{sentence(label)}", share_words(share)))
        lines.append({"key": one.key, **{name: getattr(share, name) for name in _SHARE}})
    rules = results.rules
    return Table(
        key="deprescribed",
        title="Off the drugs at the end of the taper, of those enrolled",
        header=("", f"Patients, % ({level(results.confidence)} CI)"),
        rows=tuple(rows),
        align="lr",
        columns=columns_of(lines),
        notes=(
            f"Off the drugs: the origin of the endpoint \N{LEFT DOUBLE QUOTATION MARK}"
            f"{results.endpoint}\N{RIGHT DOUBLE QUOTATION MARK} reached by the end of the acute "
            f"phase, {phase_words(rules)}. Confirmed by urine: a negative specimen at most "
            f"{counted(rules.urine_within_days, 'day')} before the origin or on its day. Limits: "
            "exact (Clopper-Pearson).",
        ),
    )


# --- one row for each patient, and each day ------------------------------------------------------


def patient_documents(results: AcuteResults) -> list[Document]:
    """Write every patient's change on every scale for programs; what there is not is null."""
    return [
        {name: json_number(value) for name, value in line.items()} for line in _changes(results)
    ]


def _changes(results: AcuteResults) -> list[dict[str, Value]]:
    return [
        line
        for scale in results.scales
        for one in scale.by_change
        for line in _patient_lines(scale, one.found["enrolled"], one, results)
    ]


def changes_table(results: AcuteResults) -> Table:
    """List every patient's change on every scale, those without one too."""
    lines = _changes(results)
    rows = tuple(
        tuple(_cell(line[name]) for name in ("patient_id", "scale", *_CHANGES)) for line in lines
    )
    return Table(
        key="worsening_patients",
        title="Symptom scores of every patient in the acute phase",
        header=(
            "Patient",
            "Scale",
            "Baseline",
            "Worst",
            "At the end",
            "Change",
            "Change at the end",
            "Worse",
            "Worse at the end",
        ),
        rows=rows,
        align="llrrrrrll",
        columns=columns_of(lines),
        notes=("Changes are positive for worse.",),
    )


_CHANGES = (
    "baseline", "worst", "at_end", "change", "change_at_end", "worse", "worse_at_end",
)  # fmt: skip


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else digits(value, significant=6)
    return "" if value is None else str(value)


def _patient_lines(
    scale: ScaleResults, found: Worsening, one: ByChange, results: AcuteResults
) -> Iterator[dict[str, Value]]:
    phase, scores = results.phase, scale.scores
    columns = (scores.baseline(phase.n), scores.worst(phase.n, scale.rule.worse),
               scores.end(phase.n), found.change, found.change_at_end)  # fmt: skip
    for place, patient in enumerate(phase.patient_id.tolist()):
        values = [float(column[place]) for column in columns]
        known, known_at_end = not math.isnan(values[3]), not math.isnan(values[4])
        yield {
            "patient_id": patient,
            "scale": scale.name,
            "by": one.change.kind,
            "points": one.change.points,
            **dict(zip(_CHANGES[:5], values, strict=True)),
            "worse": bool(found.worse[place]) if known else None,
            "worse_at_end": bool(found.worse_at_end[place]) if known_at_end else None,
            "off_the_drugs": bool(phase.stopped[place]),
        }
