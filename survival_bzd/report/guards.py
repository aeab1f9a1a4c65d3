"""Guards as notes under tables and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from survival_bzd.endpoint.guards import Guard

MOST_NAMED = 6
"""So many patients are named in a note; JSON names all."""

TOUCHED = {
    "immortal_time": ("relapse_free", "time_to_relapse", "interval_censored", "hazard", "cox"),
    "denominator": ("flow", "relapse_free", "time_to_relapse", "interval_censored", "cox"),
    "washout": ("evidence", "patients"),
    "assay": ("evidence", "relapse_free", "patients"),
    "coarse_visits": ("relapse_free", "time_to_relapse", "hazard", "cox"),
    "informative_loss": ("flow", "relapse_free", "cox"),
    "loss_by_group": ("relapse_free", "cox", "logrank"),
}
"""The tables of the paper that each guard is about."""


def guard_note(guard: Guard) -> str:
    """Write a guard as a note, with the patients it concerns."""
    named = guard.patients[:MOST_NAMED]
    more = ", ..." if len(guard.patients) > len(named) else ""
    who = f" ({'patient' if len(guard.patients) == 1 else 'patients'} {', '.join(named)}{more})"
    return f"Warning: {guard.sentence}{who if named else ''}"


def notes_for(table: str, guards: Sequence[Guard]) -> tuple[str, ...]:
    """Return the notes of the guards that a table of the paper touches."""
    return tuple(guard.sentence for guard in guards if table in TOUCHED.get(guard.key, ()))


def guard_document(guard: Guard) -> dict[str, Any]:
    """Return a guard as plain values."""
    return {
        "key": guard.key,
        "sentence": guard.sentence,
        "numbers": dict(guard.numbers),
        "patients": list(guard.patients),
        "lines": [{"file": file, "line": line} for file, line in guard.lines],
    }
