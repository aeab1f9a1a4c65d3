"""One patient's follow-up under other rules: what would have changed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from survival_bzd.endpoint.declaration import (
    AnyUse,
    ConfirmedAbstinence,
    Endpoint,
    FirstNegative,
    IgnoreMissing,
    MissingAs,
    Refill,
)
from survival_bzd.endpoint.derive import derive
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.records import Evidence, evidence
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

GAPS = (60, 120)
"""Silences in days that are tried where the endpoint declares none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a rule makes of one patient.

    Attributes
    ----------
    at_risk : whether the patient is in the time-to-event data.
    outcome : ``"relapse"``, a competing event, ``"censored"`` or ``"not at risk"``.
    reason, why : why, as coded and in words with the deciding record.
    time, lower, upper : as in `TimeToEvent`; None where not at risk, or not bounded.
    origin_day : day number of the origin; None where it was never reached.
    first_positive, decided_on : the first positive of the pattern, and the day that decided.
    file, line : the deciding record.
    """

    at_risk: bool
    outcome: str
    reason: str
    why: str
    time: float | None
    lower: float | None
    upper: float | None
    origin_day: int | None
    first_positive: int | None
    decided_on: int | None
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One patient's follow-up under one other rule, or without one record.

    Attributes
    ----------
    key : which, as coded.
    words : which, in words.
    ending : what came of it.
    changed : whether the outcome, the time or the origin is another.
    """

    key: str
    words: str
    ending: Ending
    changed: bool


def alone(
    evidence_of_all: Evidence, patient: str, without: tuple[str, int] | None = None
) -> Evidence:
    """Return the evidence of one patient, in tables beside those of the study.

    Parameters
    ----------
    evidence_of_all : the evidence of the study, which stays as it is.
    patient : whose.
    without : a table and the line of a row to leave out.
    """
    engine = evidence_of_all.records.engine
    # Temporary tables belong to a cursor, and hide the study's own of the same name.
    own = Engine(engine.connection.cursor())
    (database,) = own.rows("SELECT current_database()")[0]
    for name in TABLES:
        row = f" AND line <> {without[1]}" if without and without[0] == name else ""
        own.execute(
            f"CREATE TEMP TABLE {quoted(name)} AS SELECT * FROM {quoted(database)}.main."
            f"{quoted(name)} WHERE patient_id = {literal(patient)}{row} ORDER BY line"
        )
    return evidence(replace(evidence_of_all.records, engine=own))


def ending(own: Evidence, endpoint: Endpoint) -> Ending:
    """Return what an endpoint makes of the only patient in the evidence."""
    tte = derive(own, endpoint)
    (row,) = plain_rows(own.records.engine.frame("SELECT * FROM why"))
    leaf = next(leaf for leaf in tte.flow.leaves if leaf.patients) if tte.flow else None
    at_risk = tte.n == 1
    return Ending(
        at_risk=at_risk,
        outcome=leaf.outcome if leaf else "",
        reason=leaf.reason if leaf else "",
        why=str(row["why"]),
        time=float(tte.time[0]) if at_risk else None,
        lower=float(tte.lower[0]) if at_risk else None,
        upper=_finite(tte),
        origin_day=whole(row["origin_day"]),
        first_positive=whole(row["first_positive"]),
        decided_on=whole(row["decided_on"]),
        file=row["file"] if isinstance(row["file"], str) else None,
        line=whole(row["line"]),
    )


def _finite(tte: TimeToEvent) -> float | None:
    return float(tte.upper[0]) if tte.n and int(tte.event[0]) else None


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame by the names of its columns."""
    return [
        {str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")
    ]


def whole(value: Any) -> int | None:
    """Return a whole number of a frame, None where there is none."""
    missing = value is None or value != value or str(value) == "<NA>"
    return None if missing else int(value)


def variants(
    evidence_of_all: Evidence,
    endpoint: Endpoint,
    patient: str,
    found: Ending,
    records: tuple[tuple[str, str, tuple[str, int]], ...],
) -> tuple[Variant, ...]:
    """Derive one patient again without each of `records`, and by each other rule.

    Parameters
    ----------
    evidence_of_all, endpoint, patient, found : whose, and what the endpoint makes of it.
    records : (key, words, (table, line)) of the records to try without.
    """
    tried = [
        (key, words, ending(alone(evidence_of_all, patient, row), endpoint))
        for key, words, row in records
    ]
    own = alone(evidence_of_all, patient)
    tried += [
        (key, words, ending(own, other))
        for key, words, other in other_rules(endpoint)
        # Only a relapse is dated.
        if found.outcome == "relapse" or other.dated == endpoint.dated
    ]
    return tuple(
        Variant(key=key, words=words, ending=one, changed=_essence(one) != _essence(found))
        for key, words, one in tried
    )


def _essence(one: Ending) -> tuple[str, float | None, int | None]:
    return one.outcome, one.time, one.origin_day


def other_rules(endpoint: Endpoint) -> Iterator[tuple[str, str, Endpoint]]:
    """Yield (key, words, endpoint) of every endpoint that differs in one rule."""
    for key, words, update in (
        *_origins(endpoint),
        *_conflicts(endpoint),
        *_datings(endpoint),
        *_silences(endpoint),
        *_patterns(endpoint),
    ):
        yield key, words, endpoint.model_copy(update=update)


_Changes = Iterator[tuple[str, str, dict[str, Any]]]


def _origins(endpoint: Endpoint) -> _Changes:
    origin = endpoint.origin
    negatives = getattr(origin, "negatives", 1)
    if negatives == 1:
        return
    if isinstance(origin, ConfirmedAbstinence):
        other: Any = FirstNegative(at="first_negative", negatives=negatives, after=origin.after)
        words = f"If the clock started on the first of the {negatives} negatives"
        yield "origin_first_negative", words, {"origin": other}
    elif isinstance(origin, FirstNegative):
        other = ConfirmedAbstinence(
            at="confirmed_abstinence", negatives=negatives, after=origin.after
        )
        words = f"If the clock started on the last of the {negatives} negatives"
        yield "origin_confirmed_abstinence", words, {"origin": other}


def _conflicts(endpoint: Endpoint) -> _Changes:
    if len(endpoint.sources) == 1:
        return
    if endpoint.conflict == "use":
        words = f"If {endpoint.sources[0].replace('_', ' ')}, listed first, won every conflict"
        yield "conflict_first", words, {"conflict": "first"}
    else:
        yield "conflict_use", "If any use won every conflict", {"conflict": "use"}


_DATINGS = {
    "detected": "If a relapse were dated to the day it became known",
    "onset": "If a relapse were dated to the first day of use that a record names",
    "midpoint": "If a relapse were dated to the middle of its interval",
    "last_negative": "If a relapse were dated to the last day known free",
}


def _datings(endpoint: Endpoint) -> _Changes:
    for dating, words in _DATINGS.items():
        if dating != endpoint.dated:
            yield f"dated_{dating}", words, {"dated": dating}


def _silences(endpoint: Endpoint) -> _Changes:
    own = endpoint.missing
    gaps: tuple[int, ...] = GAPS
    if isinstance(own, MissingAs):
        ignored = IgnoreMissing(rule="ignore")
        yield "missing_ignore", "If silence did not count", {"missing": ignored}
        gaps = tuple(dict.fromkeys((own.gap_days, *GAPS)))
    for rule, words in (
        ("relapse", "counted as relapse"),
        ("censor", "ended the follow-up as censored"),
    ):
        for gap in gaps:
            like = own if isinstance(own, MissingAs) else MissingAs(rule="censor", gap_days=gap)
            other = like.model_copy(update={"rule": rule, "gap_days": gap})
            if other != own:
                said = f"If a silence of more than {gap} days {words}"
                yield f"missing_{rule}_{gap}", said, {"missing": other}


def _patterns(endpoint: Endpoint) -> _Changes:
    if endpoint.washes_out:
        days = endpoint.washout_days
        words = f" of {days} days" if isinstance(days, int) else ""
        yield "washout_0", f"Without the washout{words}", {"washout_days": 0}
    if not isinstance(endpoint.pattern, AnyUse | Refill):
        words = "If any use were a relapse"
        yield "pattern_any_use", words, {"pattern": AnyUse(rule="any_use")}
