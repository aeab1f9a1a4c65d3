"""When a study sees its patients: planned visits after the origin, and how many are missed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survival_bzd.endpoint import trace
from survival_bzd.study.opening import Study, endpoint_of, evidence_of

ENOUGH = 0.25
"""A visit counts as planned where at least this part of the patients came so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitSchedule:
    """The visits of a study.

    Attributes
    ----------
    days : (k,) median day of the first, second, ... visit after the origin, ascending.
    missed : part of the visits that were missed; those not required by design do not count.
    """

    days: tuple[float, ...]
    missed: float


def visit_schedule(study: Study) -> VisitSchedule | None:
    """Read the schedule off a study's records; None where it has no visits."""
    if study.records is None:
        return None
    rows = trace(evidence_of(study), endpoint_of(study))
    rows = rows[(rows["source"] == "visits") & (rows["day"] > 0)]
    rows = rows[rows["detail"] != "not_required"].sort_values(["patient_id", "day"])
    if not len(rows):
        return None
    number = rows.groupby("patient_id").cumcount().to_numpy()
    day = rows["day"].to_numpy(dtype=np.float64)
    patients = rows["patient_id"].nunique()
    medians = [
        float(np.median(day[number == place]))
        for place in range(int(number.max()) + 1)
        if (number == place).sum() >= ENOUGH * patients
    ]
    # Who had more visits had them closer together: a later median need not be later.
    days = tuple(dict.fromkeys(np.maximum.accumulate(medians).tolist()))
    return VisitSchedule(days=days, missed=float((rows["detail"] == "missed").mean()))
