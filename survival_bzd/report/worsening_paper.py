"""The acute phase in the paper: its numbers, its CSV files, its methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from survival_bzd.report.acute_phase import (
    TIMES,
    AcuteResults,
    ScaleResults,
    baseline_words,
    phase_words,
    worse_by,
)
from survival_bzd.report.phrases import three, with_level
from survival_bzd.report.rounding import counted, decimal, listed
from survival_bzd.report.table import Value, columns_of, csv
from survival_bzd.report.wording import slug
from survival_bzd.report.worsening import changes_table, course_line, source_words

if TYPE_CHECKING:
    from survival_bzd.report.numbers import Numbers


def add_worsening(numbers: Numbers, results: AcuteResults) -> None:
    """Add the numbers of the acute phase.

    Shares under ``worsening.<scale>`` are of all enrolled who are assessed, those under
    ``.stopped`` beside them of who was off the drugs at the end.
    """
    for counted_share in results.deprescribed:
        numbers.share(counted_share.key, counted_share.proportion)
    for scale in results.scales:
        root = results.keys[scale.name]
        for place, one in enumerate(scale.by_change):
            key = f"worsening.{root}" + (f".{slug(one.change.kind)}" if place else "")
            points = one.change.points
            numbers.add(f"{key}.points", points, decimal(points, 0 if points % 1 == 0 else 1))
            for population, found in one.found.items():
                for time in TIMES:
                    numbers.share(_key(key, time, population), getattr(found, time))
        _add_course(numbers, scale, f"symptoms.{root}")
    for population, together in results.on_any.items():
        for time in TIMES:
            numbers.share(_key("worsening_on_any", time, population), getattr(together, time))


def _key(root: str, time: str, population: str) -> str:
    return f"{root}.{time}" + ("" if population == "enrolled" else f".{population}")


def _add_course(numbers: Numbers, scale: ScaleResults, root: str) -> None:
    """Add the mean change from the baseline to the last day with a score."""
    course = scale.mean_change
    if scale.model is None or course is None:
        return
    numbers.add(f"{root}.n", scale.model.n, str(scale.model.n))
    numbers.add(f"{root}.scores", scale.model.n_scores, str(scale.model.n_scores))
    week = float(course.time[-1])
    numbers.add(f"{root}.change.week", week, decimal(week, 0 if week % 1 == 0 else 1))
    values = (float(course.mean[-1]), float(course.lower[-1]), float(course.upper[-1]))
    texts = three(values, lambda points: decimal(points, 1))
    for name, value, text in zip(("estimate", "lower", "upper"), values, texts, strict=True):
        numbers.add(f"{root}.change.{name}", value, text)
    numbers.phrase(f"{root}.change.phrase", with_level(texts, scale.model.confidence, " points"))


def scores_csv(results: AcuteResults, *, synthetic: bool) -> str:
    """Write the scores that the figure draws: of every patient, with the change since baseline."""
    lines: list[dict[str, Value]] = []
    phase = results.phase
    for scale in results.scales:
        scores = scale.scores
        baseline = scores.baseline(phase.n)
        for row in np.flatnonzero(scores.counted()).tolist():
            who = int(scores.patient[row])
            lines.append(
                {
                    "scale": scale.name,
                    "patient_id": str(phase.patient_id[who]),
                    "week": max(float(scores.day[row]), 0.0) / 7,
                    "score": float(scores.score[row]),
                    "change": float(scores.score[row] - baseline[who]),
                    "role": str(scores.role[row]),
                    "synthetic": synthetic,
                }
            )
    return csv(columns_of(lines))


def course_csv(results: AcuteResults, *, synthetic: bool) -> str:
    """Write the mean courses that the figure draws, one row for each day."""
    lines = [
        {**course_line(scale, scale.mean, scale.mean_change, place), "synthetic": synthetic}
        for scale in results.scales
        if scale.mean is not None and scale.mean_change is not None
        for place in range(scale.mean.time.size)
    ]
    return csv(columns_of(lines))


def patients_csv(results: AcuteResults, *, synthetic: bool) -> str:
    """Write every patient's change on every scale, those without one too."""
    columns = changes_table(results).columns
    rows = len(columns[0][1]) if columns else 0
    return csv((*columns, ("synthetic", (synthetic,) * rows)))


def worsening_methods(results: AcuteResults) -> Iterator[str]:
    """Say in sentences how worsening was counted."""
    rules = results.rules
    yield f"The acute phase lasted {phase_words(rules)}."
    yield (
        f"Symptoms were compared with the baseline, {baseline_words(rules)}. Clinically "
        f"significant was {listed(_significant(results))}."
    )
    yield from source_words(results)
    yield (
        "Shares are of those with a baseline and a later score, with exact (Clopper-Pearson) "
        "limits; patients without them are counted apart. The limits are not adjusted for the "
        "number of scales, and no scale was tested."
    )
    yield from _course_methods(results)
    yield (
        "A patient who reached time zero by the end of the acute phase was off the drugs at the "
        "end of the taper, which was confirmed by urine where a specimen was negative at most "
        f"{counted(rules.urine_within_days, 'day')} before that day or on it."
    )


def _significant(results: AcuteResults) -> list[str]:
    """Name the significant changes, scales with the same one together."""
    said: dict[str, list[str]] = {}
    for scale in results.scales:
        for one in scale.by_change:
            said.setdefault(worse_by(scale, one.change), []).append(scale.label)
    return [f"{words} ({', '.join(labels)})" for words, labels in said.items()]


def _course_methods(results: AcuteResults) -> Iterator[str]:
    """Say which models were fitted in the end."""
    models = [scale.model for scale in results.scales if scale.model is not None]
    if not models:
        return
    slopes = sum(len(model.random) > 1 for model in models)
    if not slopes:
        random = "a random intercept for each patient; a random slope could not be estimated"
    elif slopes == len(models):
        random = "a random intercept and slope for each patient"
    else:
        random = (
            "a random intercept for each patient and, where it could be estimated "
            f"({slopes} of {len(models)} scales), a random slope"
        )
    yield (
        f"Mean courses are from linear mixed models, {results.rules.course} in weeks, by "
        f"restricted maximum likelihood, with {random}."
    )
