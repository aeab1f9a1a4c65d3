"""Uno's concordance, Brier score and time-dependent area under the ROC curve, by scikit-survival.

scikit-survival reads times only by their order here. They are given as whole-number codes in
which the events of a time come before its censorings, as everywhere in this package: who is
censored at t is known to be free at t, and every weight is by the probability of being followed
until just before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.errors import MissingDependency
from survival_bzd.estimate.quantities import Floats

Indices = NDArray[np.intp]

_FIRST = 1
"""Code before every follow-up time."""


def check_installed() -> None:
    """Refuse where scikit-survival has no release for this Python."""
    from importlib.util import find_spec

    if find_spec("sksurv") is None:
        raise MissingDependency(
            "Prediction needs scikit-survival, which has no release for this Python. "
            "Use Python 3.11 or 3.12."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judge:
    """Scores predictions for some of n patients; the censoring is that of all of them.

    Attributes
    ----------
    levels : (k,) distinct follow-up times, ascending.
    code : (n,) each patient's time: 2 j + 2 for an event at the j-th, 2 j + 3 for a censoring.
    event : (n,) whether the follow-up ended with the event.
    everybody : the n patients as scikit-survival reads them, for the censoring.
    """

    levels: Floats
    code: Floats
    event: NDArray[np.bool_]
    everybody: Any

    @property
    def _end(self) -> int:
        """Code beyond every follow-up time."""
        return 2 * self.levels.size + 2

    def until(self, time: float) -> int:
        """Return the last code that lies at or before a time, before the censorings at it."""
        place = int(np.searchsorted(self.levels, time, side="right")) - 1
        if place < 0:
            return _FIRST
        return 2 * place + (2 if self.levels[place] == time else 3)

    def after(self, places: Indices) -> Floats:
        """Return the codes that lie between the j-th times and the next."""
        codes: Floats = np.multiply(places, 2.0) + 3
        return codes

    def concordance(self, rows: Indices, risk: Floats, until: int) -> float:
        """Return Uno's concordance of those with an event up to a code and those free beyond it."""
        from sksurv.metrics import concordance_index_ipcw

        code, event = self.code[rows], self.event[rows]
        happened = code[event & (code <= until)]
        if not happened.size or happened.min() >= code.max():
            return math.nan
        found = concordance_index_ipcw(
            self.everybody, _survival(event, code), risk, tau=until + 0.5
        )
        return float(found[0])

    def auc(self, rows: Indices, risk: Floats, at: int) -> float:
        """Return the area under the ROC curve of who has the event by a code."""
        from sksurv.metrics import cumulative_dynamic_auc

        code, event = self.code[rows], self.event[rows]
        if not (event & (code <= at)).any() or not (code > at).any():
            return math.nan
        found, _ = cumulative_dynamic_auc(self.everybody, _survival(event, code), risk, at)
        return float(found[0])

    def brier(self, rows: Indices, survival: Floats, codes: Floats) -> Floats:
        """Return the (q,) Brier scores of (m, q) probabilities of being free at ascending codes."""
        from sksurv.metrics import brier_score

        # scikit-survival refuses times outside the follow-up of those who are scored. Two more,
        # who are predicted perfectly, widen it and add nothing.
        m, q = survival.shape
        code = np.concatenate([self.code[rows], [_FIRST, self._end]])
        event = np.concatenate([self.event[rows], [True, False]])
        known = np.concatenate([survival, np.zeros((1, q)), np.ones((1, q))])
        _, scores = brier_score(self.everybody, _survival(event, code), known, codes)
        widened: Floats = scores * (m + 2) / m
        return widened

    def followed(self, at: int) -> float:
        """Return the probability of being followed until a code."""
        from sksurv.nonparametric import CensoringDistributionEstimator

        estimator = CensoringDistributionEstimator().fit(self.everybody)
        return float(estimator.predict_proba(np.array([float(at)]))[0])


def judge(time: Floats, event: NDArray[np.bool_]) -> Judge:
    """Prepare the scoring of (n,) follow-up times, near-equal ones merged already."""
    levels, place = np.unique(time, return_inverse=True)
    code: Floats = np.multiply(place, 2.0) + np.where(event, 2.0, 3.0)
    # How those end who were followed longest changes no weight; but for scikit-survival the
    # probability of being followed must end at 0, and beyond the times that are asked for.
    last = place == levels.size - 1
    everybody = _survival(event & ~last, np.where(last, 2.0 * levels.size + 2, code))
    return Judge(levels=levels, code=code, event=event, everybody=everybody)


def _survival(event: NDArray[np.bool_], code: Floats) -> Any:
    """Return follow-up as scikit-survival reads it."""
    from sksurv.util import Surv

    return Surv.from_arrays(event, code)
