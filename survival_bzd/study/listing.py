"""List what became of a study: its tables, patients, statements, conflicts, flow, SQL."""

from __future__ import annotations

from typing import Any, Literal

from survival_bzd.endpoint import censor_codes, conflicts, sql, trace
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import Records
from survival_bzd.report.listings import frame_rows
from survival_bzd.report.wording import outcome_words
from survival_bzd.study.opening import Study, endpoint_of, evidence_of, time_to_event
from survival_bzd.study.results import record_counts

Part = Literal["patients", "trace", "conflicts", "flow"]

PATIENT_COLUMNS = (
    "patient_id", "time", "event", "outcome", "censor_code", "lower", "upper", "entry",
    "last_free", "reason", "why", "file", "line",
)  # fmt: skip
"""What `derive` lists of a patient; the outcome is the event's code in words, the censor_code says
why there was no relapse."""

MOST_LISTED = 100
"""So many of the rows without a date `check` lists; it counts all."""


def derived(study: Study, part: Part, patient: str | None) -> tuple[list[dict[str, Any]], str]:
    """Return rows of the derivation, and their title.

    The time-to-event data, the trace of one `patient`, the conflicts, or the flow.

    Raises
    ------
    BadInput
        If the patient is not in the study.
    """
    label = study.declaration.study.name
    tte = time_to_event(study)
    if part == "flow":
        leaves = tte.flow.leaves if tte.flow else ()
        return [
            {
                "reached_origin": "yes" if leaf.reached else "no",
                "outcome": leaf.outcome,
                "reason": leaf.reason,
                "patients": leaf.patients,
            }
            for leaf in leaves
        ], f"{label}: what became of everybody enrolled"
    if part == "conflicts":
        frame = conflicts(evidence_of(study), endpoint_of(study))
        return frame_rows(frame), f"{label}: statements that contradict each other"
    if part == "trace":
        frame = trace(evidence_of(study), endpoint_of(study))
        frame = frame[frame["patient_id"] == patient]
        if frame.empty:
            rule = "a trace is of a patient with statements in the records"
            remedy = "Check the identifier; it is text, as 001."
            raise BadInput([Fault(rule=rule, remedy=remedy, value=patient)])
        return frame_rows(frame), f"{label}: statements of patient {patient}"
    frame = tte.to_frame()
    frame["outcome"] = [outcome_words(tte, event) for event in tte.event.tolist()]
    frame["censor_code"] = censor_codes(tte)
    frame = frame[[name for name in PATIENT_COLUMNS if name in frame]]
    return frame_rows(frame), f"{label}: {tte.label}, times in {tte.unit}"


def derivation_sql(study: Study) -> str:
    """Return the SQL that derives the endpoint, for an auditor."""
    return sql(evidence_of(study), endpoint_of(study))


def _substances(records: Records) -> list[dict[str, Any]]:
    """Return what the dictionary took each name for, if the study uses it."""
    if not records.declaration.dictionary:
        return []
    return [
        {
            "name": one.name,
            "substance": one.inn,
            "class": one.class_,
            "how": one.how,
            "rows": one.rows,
        }
        for one in records.substances
    ]


def summary(study: Study) -> dict[str, list[dict[str, Any]]]:
    """Return what was read and what became of it: title -> rows."""
    tte = time_to_event(study)
    relapsed = int(tte.relapsed.sum())
    at_risk = [{"at risk": tte.n, "relapses": relapsed, "unit": tte.unit}]
    if study.records is None:
        return {"Time-to-event rows": at_risk}
    tables = study.declaration.tables
    left_out = [row.table for row in study.records.left_out]
    read = [
        {
            "table": name,
            "file": tables[name].called,
            "rows": count,
            "left out, no date": left_out.count(name),
        }
        for name, count in study.records.rows.items()
    ]
    undated = [
        {"file": row.file, "line": row.line, "patient": row.patient}
        for row in study.records.left_out[:MOST_LISTED]
    ]
    counted = record_counts(study)
    statements = [] if counted is None else counted.statements
    repeated = [
        {"file": file, "line": line, "patient": patient}
        for file, line, patient in study.records.repeated_fills
    ]
    return {
        "Tables": read,
        "Substances": _substances(study.records),
        "Rows without a date": undated,
        "Statements about use": [
            {"source": source, "verdict": verdict, "statements": count}
            for source, verdict, count in statements
        ],
        "Fills that stand there twice": repeated,
        "Conflicts and washout": [
            {"days with a conflict": counted.conflicts, "positives washed out": counted.washed_out}
        ]
        if counted
        else [],
        "What became of everybody enrolled": derived(study, "flow", None)[0],
        "Time-to-event data": at_risk,
    }
