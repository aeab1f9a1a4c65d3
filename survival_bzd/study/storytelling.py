"""Tell the story of one patient of a study."""

from __future__ import annotations

from survival_bzd.endpoint.story import Story, story
from survival_bzd.errors import BadInput, Fault
from survival_bzd.study.opening import Study, endpoint_of, evidence_of


def story_of(study: Study, patient: str) -> Story:
    """Tell what the records say of a patient and what the endpoint made of it.

    Raises
    ------
    BadInput
        If the patient is not in the study, or the study has no records.
    """
    told = story(evidence_of(study), endpoint_of(study), patient)
    if told is None:
        rule = "a story is of a patient in the study"
        remedy = "Check the identifier; it is text, as 001."
        raise BadInput([Fault(rule=rule, remedy=remedy, value=patient)])
    return told


def counts_in_dates(study: Study) -> bool:
    """Whether the study's days are dates."""
    return study.declaration.study.dates == "iso"
