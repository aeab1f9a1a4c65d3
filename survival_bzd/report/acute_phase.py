"""All that is reported of the acute phase, in one value, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from survival_bzd.report.rounding import counted, digits
from survival_bzd.report.wording import sentence, slugs, spaced

if TYPE_CHECKING:
    from survival_bzd.endpoint.acute_phase import AcutePhase, ScaleRule, Scores, WorseningRules
    from survival_bzd.estimate import (
        MeanCourse,
        MixedModel,
        SignificantChange,
        Worsening,
        WorseningOnAny,
    )
    from survival_bzd.report.paper_results import CountedProportion

POPULATIONS = {
    "enrolled": "All enrolled",
    "stopped": "Off the drugs at the end",
}
"""Whose worsening is counted: key -> words."""

TIMES = {"any_time": "At any time", "at_end": "At the end"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByChange:
    """Who got worse on a scale by one significant change.

    Attributes
    ----------
    change : how many points are clinically significant.
    found : population (`POPULATIONS`) -> who got worse.
    """

    change: SignificantChange
    found: Mapping[str, Worsening]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaleResults:
    """What is reported of one scale.

    Attributes
    ----------
    name, label : as in the records, and as a reader meets it.
    rule : its declaration.
    scores : the scores that there are.
    by_change : one for each significant change; that which counts for several scales first.
    model : the mean course; None where it cannot be estimated, for the reason `no_model`.
    mean, mean_change : of the model, on every day from the start to the last score.
    warnings : what a reader must know, in sentences.
    """

    name: str
    label: str
    rule: ScaleRule
    scores: Scores
    by_change: tuple[ByChange, ...]
    model: MixedModel | None
    no_model: str
    mean: MeanCourse | None
    mean_change: MeanCourse | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AcuteResults:
    """What is reported of the acute phase.

    Attributes
    ----------
    phase : the patients.
    rules : the declaration.
    scales : in the order of the declaration.
    on_any : population -> who got worse on at least one scale; empty for a single scale.
    deprescribed : who was off the drugs at the end of the taper, of those enrolled.
    endpoint : the label of the endpoint whose origin says so.
    warnings : of the whole, in sentences.
    confidence : coverage of all limits.
    """

    phase: AcutePhase
    rules: WorseningRules
    scales: tuple[ScaleResults, ...]
    on_any: Mapping[str, WorseningOnAny]
    deprescribed: tuple[CountedProportion, ...]
    endpoint: str
    confidence: float
    warnings: tuple[str, ...] = field(default=())

    @property
    def keys(self) -> dict[str, str]:
        """Scale -> how numbers.json calls it."""
        return slugs(scale.name for scale in self.scales)


def change_words(change: SignificantChange) -> str:
    """Say how many points are significant, such as ``6 points or more``."""
    points = f"{change.points:.4g}"
    if change.kind == "threshold":
        return f"{points} {'point' if points == '1' else 'points'} or more"
    return f"more than {points} points (reliable change)"


def worse_by(scale: ScaleResults, change: SignificantChange) -> str:
    """Say in which direction and by how much is worse, such as ``a rise of 6 points or more``."""
    direction = {"higher": "rise", "lower": "fall"}[scale.rule.worse]
    return f"a {direction} of {change_words(change)}"


def worse_words(scale: ScaleResults) -> str:
    """Name a scale with the direction of worse."""
    return f"{scale.label} ({scale.rule.worse} is worse)"


def start_words(rules: WorseningRules) -> str:
    """Say where the acute phase starts."""
    start = {"enrolment": "enrolment", "first_treatment": "the first treatment"}[rules.start.at]
    return _days_from(rules.start.day, start)


def phase_words(rules: WorseningRules) -> str:
    """Say from when to when the acute phase lasts."""
    begins = start_words(rules)
    if rules.to.weeks is not None:
        return f"from {begins} to {counted_weeks(rules.to.weeks)} later"
    return f"from {begins} to {_days_from(rules.to.day, 'the last treatment')}"


def counted_weeks(weeks: float) -> str:
    """Write ``4 weeks``."""
    return f"{digits(weeks)} {'week' if weeks == 1 else 'weeks'}"


def _days_from(days: int, words: str) -> str:
    if not days:
        return words
    return f"{counted(abs(days), 'day')} {'after' if days > 0 else 'before'} {words}"


def baseline_words(rules: WorseningRules) -> str:
    """Say which score is the baseline."""
    within = rules.baseline_within_days
    near = "" if within is None else f", at most {counted(within, 'day')} before it"
    return f"the last score on or before the start{near}"


def scale_label(name: str, label: str | None) -> str:
    """Return what a reader meets: the label, or the name in the records."""
    return label or sentence(spaced(name))
