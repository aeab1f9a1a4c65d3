"""The guards of a study: what its derivation may hide."""

from __future__ import annotations

from survival_bzd.endpoint import TimeToEvent
from survival_bzd.endpoint.guards import Guard, guards
from survival_bzd.study.opening import (
    Study,
    endpoint_of,
    evidence_of,
    group_labels,
    time_to_event,
)


def guards_of(study: Study, tte: TimeToEvent | None = None) -> tuple[Guard, ...]:
    """Look for what the derivation of a study may hide; rows that came ready made have none.

    Parameters
    ----------
    study : which.
    tte : its time-to-event data, where they were derived already.
    """
    if study.records is None:
        return ()
    found = time_to_event(study) if tte is None else tte
    by = study.paper.by
    groups = None if by is None or not found.n else (by, group_labels(found, by))
    return guards(evidence_of(study), endpoint_of(study), found, groups=groups)
