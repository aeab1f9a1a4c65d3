"""Repeats the studies, and counts the answers."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.coverage import intervals, sizes
from benchmarks.coverage.intervals import Answers

SEED = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the studies answered in one cell of a table.

    Attributes
    ----------
    yes : studies whose limits held the truth, or whose test rejected.
    answered : studies that had limits, or a test.
    studies : all of them.
    """

    yes: int
    answered: int
    studies: int

    @property
    def share(self) -> float:
        """Part of the studies that answered which said yes."""
        return self.yes / self.answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Studies that are asked the same.

    Attributes
    ----------
    title : what they are asked about.
    study : draws one study and returns its answers.
    studies : how many are drawn for the page; fewer where they take long.
    nominal : the share of yes that the methods promise.
    """

    title: str
    study: Callable[[np.random.Generator], Answers]
    studies: int
    nominal: float = 0.95

    @property
    def name(self) -> str:
        """Name of the function that draws the studies."""
        return self.study.__name__


EXPERIMENTS = (
    Experiment(
        title="Kaplan-Meier limits, few censored",
        study=intervals.survival_few_censored,
        studies=2000,
    ),
    Experiment(
        title="Kaplan-Meier limits, many censored",
        study=intervals.survival_many_censored,
        studies=2000,
    ),
    Experiment(
        title="Kaplan-Meier limits, robust, log-log", study=intervals.survival_robust, studies=2000
    ),
    Experiment(title="Time until a part has relapsed", study=intervals.quantiles, studies=1000),
    Experiment(title="Bands of the whole curve", study=intervals.bands, studies=500),
    Experiment(
        title="Survival of those free for 30 days", study=intervals.conditional, studies=2000
    ),
    Experiment(title="Hazard", study=intervals.cumulative_hazard, studies=2000),
    Experiment(title="Rate in a window", study=intervals.rates, studies=2000),
    Experiment(title="Share of patients", study=intervals.shares, studies=2000),
    Experiment(
        title="Restricted mean up to day 84", study=intervals.restricted_means, studies=2000
    ),
    Experiment(
        title="Difference of survival at day 60, 11 and 11",
        study=intervals.differences,
        studies=2000,
    ),
    Experiment(title="Hazard ratios of Cox's model", study=intervals.hazard_ratios, studies=400),
    Experiment(
        title="Hazard ratios with clusters", study=intervals.clustered_hazard_ratios, studies=1000
    ),
    Experiment(
        title="Curve and concordance of Cox's model", study=intervals.cox_predictions, studies=1000
    ),
    Experiment(title="Tests of two arms", study=sizes.two_arms, studies=1500, nominal=0.05),
    Experiment(title="Max-combo", study=sizes.largest_of_four, studies=400, nominal=0.05),
    Experiment(title="Tests of three groups", study=sizes.three_groups, studies=1500, nominal=0.05),
    Experiment(title="Tests at a fixed time", study=sizes.at_a_time, studies=2000, nominal=0.05),
    Experiment(title="Tests of Cox's model", study=sizes.cox_model, studies=600, nominal=0.05),
    Experiment(
        title="Tests of Cox's model with clusters",
        study=sizes.cox_robust,
        studies=2000,
        nominal=0.05,
    ),
    Experiment(
        title="Tests of proportional hazards",
        study=sizes.proportional_hazards,
        studies=1200,
        nominal=0.05,
    ),
)


def simulate(experiment: Experiment, studies: int) -> dict[tuple[str, str], Found]:
    """Return the counts by row and column; the same number of studies gives the same ones."""
    random = np.random.default_rng([SEED, zlib.crc32(experiment.name.encode())])
    counts: dict[tuple[str, str], list[int]] = {}
    for _ in range(studies):
        for cell, answer in experiment.study(random).items():
            count = counts.setdefault(cell, [0, 0])
            count[0] += answer is True
            count[1] += answer is not None
    return {
        cell: Found(yes=yes, answered=answered, studies=studies)
        for cell, (yes, answered) in counts.items()
    }
