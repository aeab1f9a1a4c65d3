"""The records behind the numbers: what they said, and which one decided for each patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.report.rounding import count, counted, decimal
from survival_bzd.report.table import Table, Value, columns_of, csv
from survival_bzd.report.wording import (
    VERDICTS,
    origin_words,
    outcome_words,
    patient_names,
    sentence,
    spaced,
)

if TYPE_CHECKING:
    import pandas as pd

    from survival_bzd.endpoint.time_to_event import TimeToEvent
    from survival_bzd.report.paper_results import PaperResults, RecordCounts


def evidence(results: PaperResults) -> Table | None:
    """Count the statements about use by source and verdict."""
    records = results.records
    if records is None or not records.statements:
        return None
    found = {verdict for _, verdict, _ in records.statements}
    verdicts = [verdict for verdict in VERDICTS if verdict in found]
    counts = {(source, verdict): number for source, verdict, number in records.statements}
    sources = dict.fromkeys(source for source, _, _ in records.statements)
    return Table(
        key="evidence",
        title="Statements about use in the records, by source",
        header=("Source", *(sentence(VERDICTS[verdict]) for verdict in verdicts)),
        rows=tuple(
            (
                sentence(spaced(source)),
                *(count(counts.get((source, verdict), 0)) for verdict in verdicts),
            )
            for source in sources
        ),
        align="l" + "r" * len(verdicts),
        columns=columns_of(
            [
                {"source": source, "verdict": verdict, "statements": number}
                for source, verdict, number in records.statements
            ]
        ),
        notes=_set_aside(records),
    )


def _set_aside(records: RecordCounts) -> tuple[str, ...]:
    """Say what the rules overruled, washed out or left out."""
    return (
        f"Days on which statements of one patient disagree: {records.conflicts}. Positive samples "
        f"inside the washout: {records.washed_out}.",
        *(
            f"{sentence(table)}: {counted(rows, 'row')} without a date left out."
            for table, rows in records.undated
        ),
    )


def patients(results: PaperResults) -> Table | None:
    """List everybody at risk: time, outcome, why, and the record that decided."""
    tte = results.tte
    if tte.why is None:
        return None
    names, whys = patient_names(tte), [str(why) for why in tte.why]
    rows, lines = [], []
    for place, record in enumerate(_records(tte)):
        time, outcome = float(tte.time[place]), outcome_words(tte, int(tte.event[place]))
        patient, why = names[place], whys[place]
        shown = decimal(time, 0 if time.is_integer() else 1)
        rows.append((patient, shown, sentence(outcome), sentence(why), record))
        line: dict[str, Value] = {
            "patient_id": patient,
            "time": time,
            "event": int(tte.event[place]),
            "outcome": outcome,
            "lower": float(tte.lower[place]),
            "upper": float(tte.upper[place]),
            "reason": _text(tte.reason, place),
            "why": why,
            "record": record,
        }
        lines.append(line)
    return Table(
        key="patients",
        title="Each patient at risk: follow-up, outcome, and the record that decided",
        header=("Patient", sentence(tte.unit), "Outcome", "Why", "Record"),
        rows=tuple(rows),
        align="lrlwl",
        columns=columns_of(lines),
        notes=(f"{sentence(tte.unit)} since {origin_words(results.endpoint)}.",),
    )


def statements_csv(trace: pd.DataFrame, *, synthetic: bool) -> str:
    """Write every statement of every patient, and what the endpoint made of it, as CSV."""
    columns = tuple((str(name), tuple(_plain(trace[name]))) for name in trace.columns)
    return csv((*columns, ("synthetic", (synthetic,) * len(trace))))


def _plain(column: pd.Series[Any]) -> list[Value]:
    """Return a column as plain values, None where there is none."""
    return [
        None if missing else value for value, missing in zip(column, column.isna(), strict=True)
    ]


def _records(tte: TimeToEvent) -> list[str]:
    """Name each patient's deciding record as ``file:line``."""
    if tte.file is None or tte.line is None:
        return [""] * tte.n
    return [f"{file}:{line}" for file, line in zip(tte.file, tte.line.tolist(), strict=True)]


def _text(column: NDArray[np.object_] | None, place: int) -> str | None:
    value: Any = None if column is None else column[place]
    return None if value is None else str(value)
