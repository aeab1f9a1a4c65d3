"""Estimate what is reported of the acute phase: who got worse, the mean course, who stopped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint import DEPRESCRIBED, AcutePhase, ScaleRule, Scores, acute_phase
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate import (
    MixedModel,
    SignificantChange,
    Worsening,
    WorseningOnAny,
    mixed_model,
    proportion,
    reliable_change,
    threshold_change,
    worsening,
    worsening_on_any,
)
from survival_bzd.records.declaration import DECLARATION
from survival_bzd.report.acute_phase import (
    POPULATIONS,
    AcuteResults,
    ByChange,
    ScaleResults,
    scale_label,
)
from survival_bzd.report.paper_results import CountedProportion
from survival_bzd.study.opening import Study, endpoint_of, evidence_of


def acute_results(study: Study, *, confidence: float = 0.95) -> AcuteResults:
    """Estimate what is reported of the acute phase.

    Raises
    ------
    BadInput
        If the study declares none.
    """
    rules = study.worsening
    if rules is None:
        raise BadInput(
            [
                Fault(
                    rule="a study says in [worsening] which scores it compares, and from when on "
                    "a change is clinically significant; this one does not",
                    remedy="Declare it, with a source for each threshold: docs/worsening.md shows "
                    "how.",
                    file=DECLARATION,
                )
            ]
        )
    endpoint = endpoint_of(study)
    phase = acute_phase(evidence_of(study), endpoint, rules)
    scales = tuple(
        _scale(name, rule, phase, rules.course, confidence) for name, rule in rules.scales.items()
    )
    return AcuteResults(
        phase=phase,
        rules=rules,
        scales=scales,
        on_any=_on_any(scales, confidence),
        deprescribed=tuple(_deprescribed(phase, confidence)),
        endpoint=endpoint.label,
        confidence=confidence,
        warnings=tuple(_warnings(phase)),
    )


def _scale(
    name: str, rule: ScaleRule, phase: AcutePhase, course: str, confidence: float
) -> ScaleResults:
    scores = phase.scales[name]
    changes, warnings = _changes(rule, scores.baseline(phase.n))
    model, why = _model(scores, course, confidence)
    mean = mean_change = None
    if model is not None:
        warnings += model.warnings
        last = float(scores.day[scores.counted()].max())
        weeks = np.arange(0.0, max(last, 0.0) + 1) / 7
        mean, mean_change = model.mean_at(weeks), model.change_at(weeks)
    if scores.several:
        warnings += (
            f"On {scores.several} day{'' if scores.several == 1 else 's'} a patient has more than "
            "one score; their mean was taken.",
        )
    return ScaleResults(
        name=name,
        label=scale_label(name, rule.label),
        rule=rule,
        scores=scores,
        by_change=tuple(_by_change(change, rule, scores, phase, confidence) for change in changes),
        model=model,
        no_model=why,
        mean=mean,
        mean_change=mean_change,
        warnings=warnings,
    )


def _changes(
    rule: ScaleRule, baseline: NDArray[np.float64]
) -> tuple[list[SignificantChange], tuple[str, ...]]:
    """Return the significant changes that a scale declares, and which cannot be worked out."""
    changes = [] if rule.threshold is None else [threshold_change(rule.threshold)]
    if rule.reliability is None:
        return changes, ()
    known = baseline[~np.isnan(baseline)]
    spread = float(np.std(known, ddof=1)) if known.size > 1 else 0.0
    try:
        changes.append(reliable_change(rule.sd or spread, rule.reliability))
    except NotEstimable as error:
        return changes, (f"No reliable change: {error}.",)
    return changes, ()


def _by_change(
    change: SignificantChange, rule: ScaleRule, scores: Scores, phase: AcutePhase, confidence: float
) -> ByChange:
    columns = (
        scores.baseline(phase.n),
        scores.worst(phase.n, rule.worse),
        scores.end(phase.n),
    )
    everybody = np.ones(phase.n, dtype=np.bool_)
    found: dict[str, Worsening] = {}
    for population, members in zip(POPULATIONS, (everybody, phase.stopped), strict=True):
        baseline, worst, end = (column[members] for column in columns)
        found[population] = worsening(
            baseline, worst, end, change, worse=rule.worse, confidence=confidence
        )
    return ByChange(change=change, found=found)


def _model(scores: Scores, course: str, confidence: float) -> tuple[MixedModel | None, str]:
    """Fit the mean course; the baseline stands at the start, whenever it was taken."""
    rows = scores.counted()
    try:
        fit = mixed_model(
            scores.score[rows],
            np.maximum(scores.day[rows], 0.0) / 7,
            scores.patient[rows],
            course="linear" if course == "linear" else "quadratic",
            confidence=confidence,
        )
    except NotEstimable as error:
        return None, str(error)
    return fit, ""


def _on_any(scales: tuple[ScaleResults, ...], confidence: float) -> dict[str, WorseningOnAny]:
    """Count over the scales, each by the first significant change that it declares."""
    parts = [scale.by_change[0].found for scale in scales if scale.by_change]
    if len(parts) < 2:
        return {}
    return {
        population: worsening_on_any([part[population] for part in parts], confidence=confidence)
        for population in POPULATIONS
    }


def _deprescribed(phase: AcutePhase, confidence: float) -> Iterator[CountedProportion]:
    """Count what became of everybody enrolled by the end of the taper; codes nobody has but two."""
    codes = phase.deprescribed
    yield CountedProportion(
        key="deprescribed",
        label="Off the drugs at the end of the taper",
        proportion=proportion(int(phase.stopped.sum()), phase.n, confidence=confidence),
    )
    for code, label in DEPRESCRIBED.items():
        number = int(np.equal(codes, code).sum())
        if number or code in ("urine", "report"):
            yield CountedProportion(
                key=f"deprescribed.{code}",
                label=label,
                proportion=proportion(number, phase.n, confidence=confidence),
            )


def _warnings(phase: AcutePhase) -> Iterator[str]:
    without = phase.patient_id[np.isnan(phase.days)].tolist()
    if without:
        yield (
            f"No acute phase can be counted for {len(without)} of {phase.n} patients, for want of "
            f"a date to count from or to: {listed_patients(without)}."
        )
    if phase.not_declared:
        yield f"Scales in the records that no rule speaks of: {', '.join(phase.not_declared)}."


SHOWN = 12
"""So many patients a sentence names."""


def listed_patients(names: list[str]) -> str:
    """Name patients, not all of very many."""
    hidden = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {hidden} more" if hidden > 0 else "")
