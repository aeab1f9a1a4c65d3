"""Simulated studies of 22 patients, of which the truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.quantities import Floats

PATIENTS = 22
ARM = np.repeat([0, 1], PATIENTS // 2)
THIRDS = np.arange(PATIENTS) % 3
PAIR = np.repeat(np.arange(PATIENTS // 2), 2)
PAIRED_ARM = np.repeat(np.arange(PATIENTS // 2) % 2, 2)
"""Both of a pair are in the same arm: the pairs were allotted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Under what circumstances patients are followed.

    Attributes
    ----------
    mean : mean time until relapse in days, exponential.
    first, last : ends of follow-up are uniform between these days.
    visits : days between visits, which are the only days on which relapse or end are seen; 0
        where they are seen at any time.
    """

    mean: float
    first: float
    last: float
    visits: int = 0

    def survival(self, time: ArrayLike) -> Floats:
        """Return the true survival; with visits it is asked for on days of visits."""
        return np.exp(-np.asarray(time, dtype=np.float64) / self.mean)

    def reached(self, survival: float) -> float:
        """Return when survival is at a height."""
        return -self.mean * math.log(survival)

    def draw(
        self,
        random: np.random.Generator,
        *,
        log_hazard: ArrayLike = 0.0,
        uniform: Floats | None = None,
        followed: ArrayLike = 1.0,
        covariates: pd.DataFrame | None = None,
        weight: Floats | None = None,
    ) -> TimeToEvent:
        """Draw a study.

        Parameters
        ----------
        random : where the draws come from.
        log_hazard : (22,) log hazard ratios.
        uniform : (22,) uniform numbers that become the times; drawn if not given.
        followed : (22,) by what part follow-up is shorter.
        covariates, weight : of the patients.
        """
        if uniform is None:
            uniform = random.random(PATIENTS)
        relapse = -self.mean * np.log(uniform) * np.exp(-np.asarray(log_hazard, dtype=np.float64))
        end = random.uniform(self.first, self.last, PATIENTS) * np.asarray(followed)
        if self.visits:
            relapse = np.ceil(relapse / self.visits) * self.visits
            end = np.floor(end / self.visits) * self.visits
        return TimeToEvent(
            np.minimum(relapse, end), relapse <= end, covariates=covariates, weight=weight
        )


FEW_CENSORED = Setting(mean=100, first=60, last=300)
MANY_CENSORED = Setting(mean=400, first=56, last=364, visits=14)
SETTINGS = {"few censored": FEW_CENSORED, "many censored": MANY_CENSORED}


def uniform_in_pairs(random: np.random.Generator) -> Floats:
    """Draw uniform numbers whose normal scores have a correlation of 0.8 within each pair."""
    from scipy.special import ndtr

    common = np.repeat(random.standard_normal(PATIENTS // 2), 2)
    own = random.standard_normal(PATIENTS)
    uniform: Floats = ndtr(math.sqrt(0.8) * common + math.sqrt(0.2) * own)
    return uniform
