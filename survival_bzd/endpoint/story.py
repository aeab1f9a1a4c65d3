"""A patient's story: every record in time order, what the rules made of it, what decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from survival_bzd.endpoint.declaration import (
    AnyUse,
    Consecutive,
    Endpoint,
    KOfN,
    MissingAs,
    UseDays,
)
from survival_bzd.endpoint.derive import trace
from survival_bzd.endpoint.variants import (
    Ending,
    Variant,
    alone,
    ending,
    plain_rows,
    variants,
    whole,
)
from survival_bzd.endpoint.washout import washouts
from survival_bzd.records import Evidence

if TYPE_CHECKING:
    import pandas as pd

DECIDED_BY_RULE = ""
"""The source of an entry that is no record: where a rule starts or stops the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a story.

    Attributes
    ----------
    day, from_day : the last and the first day it speaks of, from `Story.zero_day`.
    known_on : the day it became known; the lines stand in this order.
    source : the table; empty where a rule speaks and no record.
    verdict : of a statement about use; empty otherwise.
    said : what the record says.
    did : what the endpoint made of it.
    role : the same as coded, as in `trace`; empty where the record is no statement about use.
    file, lines : where it stands; several lines where they say the same of the same days.
    """

    day: int
    from_day: int
    known_on: int
    source: str
    verdict: str
    said: str
    did: str
    role: str
    file: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of days that a rule looks at, for the drawing: after `first`, up to `last`.

    Attributes
    ----------
    key : ``"search"``, ``"washout"``, ``"at_risk"``, ``"interval"`` or ``"gap"``.
    """

    key: str
    first: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the records say of one patient, and how the endpoint came to its time and event.

    Attributes
    ----------
    patient, label : whose, and the endpoint's label.
    zero_day : day number of day 0.
    zero : what day 0 is: ``"origin"``, ``"search"``, ``"enrolment"`` or ``"first statement"``.
    entries : the lines, in the order of time.
    ending : time, event and interval.
    started, ended : why the clock started and stopped there, with the deciding record.
    bounds : what is known of the time of the event.
    spans : what the rules looked at.
    variants : what would have come of other rules, or without a record.
    """

    patient: str
    label: str
    zero_day: int
    zero: str
    entries: tuple[Entry, ...]
    ending: Ending
    started: str
    ended: str
    bounds: str
    spans: tuple[Span, ...]
    variants: tuple[Variant, ...]


def story(evidence: Evidence, endpoint: Endpoint, patient: str) -> Story | None:
    """Tell the story of one patient; None if there is no such patient.

    The rules run over the records of this patient only, which give the same as those of everybody.

    Parameters
    ----------
    evidence : statements about use.
    endpoint : the rules.
    patient : whose.
    """
    own = alone(evidence, patient)
    if not own.records.engine.rows("SELECT 1 FROM patients"):
        return None
    found = ending(own, endpoint)
    facts = _facts(own, endpoint, found)
    return Story(
        patient=patient,
        label=endpoint.label,
        zero_day=facts.zero_day,
        zero=facts.zero,
        entries=tuple(_entries(own, facts)),
        ending=found,
        started=_started(facts),
        ended=_ended(facts),
        bounds=_bounds(facts),
        spans=tuple(_spans(facts)),
        variants=variants(evidence, endpoint, patient, found, tuple(_records_to_miss(own, facts))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What was derived of one patient, in few values."""

    endpoint: Endpoint
    ending: Ending
    decided: Mapping[str, Any]
    origin: Mapping[str, Any]
    zero_day: int
    zero: str
    trace: pd.DataFrame
    days: Mapping[int, Mapping[str, Any]]
    """Relative day -> the verdict of the day, and the statement that won it."""
    run: Mapping[int, int]
    """Relative day -> the how-manieth negative in a row, in the search for the origin."""
    progress: Mapping[int, int]
    """Relative day -> positives of the pattern so far."""
    washed_until: int
    """The last day of the longest washout."""
    positive_specimens: frozenset[int]
    """Relative days of urine that is positive for a substance that counts."""

    @property
    def searched_from(self) -> int | None:
        """Where the search for the origin began, from day 0."""
        day = whole(self.decided["search_day"])
        return None if day is None else day - self.zero_day


def _facts(own: Evidence, endpoint: Endpoint, found: Ending) -> _Facts:
    traced = trace(own, endpoint)
    engine = own.records.engine
    (decided,) = plain_rows(engine.frame("SELECT * FROM decided"))
    (origin,) = plain_rows(engine.frame("SELECT * FROM origin"))
    first = engine.rows("SELECT MIN(to_day) FROM statement")[0][0]
    named = {
        "origin": found.origin_day,
        "search": whole(decided["search_day"]),
        "enrolment": whole(decided["enrolled"]),
        "first statement": whole(first),
    }
    zero, zero_day = next(
        ((name, day) for name, day in named.items() if day is not None), ("enrolment", 0)
    )
    reached = found.origin_day is not None
    before = engine.frame(
        "SELECT assessed_day.day, used, source, file, line FROM assessed_day "
        "JOIN statement USING (statement_id) ORDER BY assessed_day.day"
    )
    later = engine.frame(
        "SELECT later_day.day, used, source, file, line FROM later_day "
        "LEFT JOIN statement USING (statement_id) ORDER BY later_day.day"
    )
    if reached:
        before = before[before["day"] <= found.origin_day]
    days = {
        int(row["day"]) - zero_day: row for frame in (before, later) for row in plain_rows(frame)
    }
    positive = (traced["source"] == "urine") & (traced["verdict"] == "use")
    positive &= ~traced["role"].isin(["not counted", "washed out", "carry-over"])
    start = whole(decided["search_day"])
    searched = before if start is None else before[before["day"] > start]
    return _Facts(
        endpoint=endpoint, ending=found, decided=decided, origin=origin, zero_day=zero_day,
        zero=zero, trace=traced, days=days,
        run=_runs(searched, 0, zero_day),
        progress=_progress(endpoint, later, zero_day),
        washed_until=_washed_until(own, endpoint),
        positive_specimens=frozenset(int(day) for day in traced["day"][positive]),
    )  # fmt: skip


def _washed_until(own: Evidence, endpoint: Endpoint) -> int:
    """Return the last day of the longest washout, 0 where there is none."""
    days = [one.days for one in washouts(own, endpoint)]
    days += [endpoint.washout_days] if isinstance(endpoint.washout_days, int) else []
    return max(days, default=0)


def _runs(days: pd.DataFrame, verdict: int, zero_day: int) -> dict[int, int]:
    """Count the days in a row with one verdict, up to each day that has it."""
    hit = (days["used"] == verdict).to_numpy()
    place = np.arange(1, hit.size + 1)
    broken = np.maximum.accumulate(np.where(hit, 0, place)) if hit.size else place
    return {
        int(day) - zero_day: int(count)
        for day, count, counts in zip(days["day"], place - broken, hit, strict=True)
        if counts
    }


def _progress(endpoint: Endpoint, later: pd.DataFrame, zero_day: int) -> dict[int, int]:
    """Count the positives of the pattern up to each day of use, within its reach."""
    pattern = endpoint.pattern
    if isinstance(pattern, Consecutive):
        return _runs(later, 1, zero_day)
    used = (later["used"] == 1).to_numpy()
    day = later["day"].to_numpy(dtype=np.int64)
    if isinstance(pattern, KOfN):
        first = np.maximum(np.arange(day.size) - pattern.n + 1, 0)
    elif isinstance(pattern, UseDays):
        first = np.searchsorted(day, day - pattern.within_days + 1)
    else:
        return {}
    so_far = np.concatenate([[0], np.cumsum(used)])
    counts = so_far[1:] - so_far[first]
    return {int(d) - zero_day: int(n) for d, n, hit in zip(day, counts, used, strict=True) if hit}


# --- the lines -----------------------------------------------------------------------------------


def _entries(own: Evidence, facts: _Facts) -> Iterator[Entry]:
    """Return every line: in order of time, and on one day records before what a rule does."""
    lines = [*_statements(own, facts), *_other_records(own, facts), *_turning_points(facts)]
    yield from sorted(lines, key=_order)


_ORDER = {"patients": 0, "treatments": 1, "stays": 1, "outcomes": 8, DECIDED_BY_RULE: 9}


def _order(entry: Entry) -> tuple[int, int]:
    return entry.known_on, _ORDER.get(entry.source, 5)


def _statements(own: Evidence, facts: _Facts) -> Iterator[Entry]:
    known = own.records.engine.frame("SELECT file, line, substance, known_on FROM statement")
    rows = plain_rows(facts.trace.merge(known, on=["file", "line"], how="left"))
    lines = (
        Entry(
            day=int(row["day"]),
            from_day=int(row["from_day"]),
            known_on=_known_on(row, facts),
            source=str(row["source"]),
            verdict=str(row["verdict"]),
            said=str(row["subject"]),
            did=_did(row, facts),
            role=str(row["role"]),
            file=str(row["file"]),
            lines=(int(row["line"]),),
        )
        for row in rows
    )
    for (key, detail), same in groupby(
        zip(lines, (str(row["detail"]) for row in rows), strict=True),
        key=lambda pair: (_alike(pair[0]), pair[1]),
    ):
        del key
        ones = [one for one, _ in same]
        subjects = list(dict.fromkeys(one.said for one in ones if one.said))
        yield replace(
            ones[0],
            said=_said(ones[0], subjects, detail),
            lines=tuple(line for one in ones for line in one.lines),
        )


def _known_on(row: Mapping[str, Any], facts: _Facts) -> int:
    """Return the day a statement became known; a stretch of a calendar stands at its own end."""
    if row["source"] == "use_windows":
        return int(row["day"])
    return int(row["known_on"]) - facts.zero_day


def _alike(one: Entry) -> tuple[Any, ...]:
    return one.day, one.from_day, one.source, one.verdict, one.did, one.role, one.file


def _said(one: Entry, subjects: Sequence[str], detail: str) -> str:
    """Say what a statement says."""
    names = _listed(subjects)
    days = one.day - one.from_day + 1
    back = f", of the {days} days up to it" if days > 1 else ""
    if one.source == "visits":
        asked = {
            "missed": "a visit is missed",
            "not_required": "a visit is not required by design",
            "not_asked": "is seen at a visit and not asked about use",
        }
        said = {"use": "reports use at a visit", "no_use": "reports no use at a visit"}
        return asked.get(detail) or said[one.verdict] + back
    if one.source == "urine":
        result, _, assay = detail.partition(" by ")
        return f"urine {result} for {names}" + (f" by {assay}" if assay else "")
    if one.source == "use_days":
        return f"the calendar of use names {names}, {detail}"
    if one.source == "use_windows":
        of = f"{days} days up to here" if days > 1 else "this day"
        return f"the calendar of use covers {of} and names no use in them"
    supply = f", a supply of {days} days" if days > 1 else ""
    return f"a prescription of {names} is filled{supply}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _did(row: Mapping[str, Any], facts: _Facts) -> str:
    """Say what the rules made of a statement."""
    role = str(row["role"])
    told = _ROLES.get(role)
    if told is not None:
        return told(row, facts)
    return role


def _not_counted(row: Mapping[str, Any], facts: _Facts) -> str:
    source, substance = str(row["source"]), row["substance"]
    sources = [*facts.endpoint.sources, "use_windows"]
    if source == "fills" and source not in sources:
        return "not counted: a drug in hand is no proof of use"
    if source not in sources or (
        source == "use_windows" and "use_days" not in facts.endpoint.sources
    ):
        return f"not counted: {source.replace('_', ' ')} are no source of this endpoint"
    if isinstance(substance, str) and substance not in facts.endpoint.substances:
        return "not counted: this substance is none that the endpoint counts"
    return "not counted: observation had ended"


def _searched(row: Mapping[str, Any], facts: _Facts) -> str:
    """Say what a statement was in the search for the origin."""
    day, start = int(row["day"]), facts.searched_from
    if row["verdict"] == "possession":
        return "says nothing of use"
    if start is None:
        return "there is no day to search from"
    if not hasattr(facts.endpoint.origin, "negatives"):
        return "before the clock starts"
    if day < start:
        return "before the search for time zero begins"
    if day == start:
        return "on the day from which time zero is searched"
    return _overruled(row, facts) or _in_the_run(day, facts)


def _in_the_run(day: int, facts: _Facts) -> str:
    asked = getattr(facts.endpoint.origin, "negatives", 1)
    if day in facts.run:
        so_far = min(facts.run[day], asked)
        return f"negative {so_far} of {asked} in a row" if asked > 1 else "the negative asked for"
    return "use, so the search for time zero begins anew" if asked > 1 else "use"


def _overruled(row: Mapping[str, Any], facts: _Facts) -> str:
    """Say by which record a statement lost its day; empty where it did not."""
    day = facts.days.get(int(row["day"]))
    if day is None or row["verdict"] not in ("use", "no_use"):
        return ""
    if int(day["used"]) == (row["verdict"] == "use"):
        return ""
    if row["source"] == "urine" and int(row["day"]) in facts.positive_specimens:
        return "outweighed: the day's urine is positive for another substance"
    if not isinstance(day["file"], str):
        return "overruled: found free on that day"
    winner = f"{day['file']}, line {int(day['line'])}"
    if day["source"] == row["source"]:
        return f"overruled by {winner}: within one source use wins"
    first = f"{day['source'].replace('_', ' ')} are listed first"
    rule = "any use wins" if facts.endpoint.conflict == "use" else first
    return f"conflict, overruled by {winner}: {rule}"


def _origin_words(row: Mapping[str, Any], facts: _Facts) -> str:
    asked = getattr(facts.endpoint.origin, "negatives", 1)
    which = "first" if facts.endpoint.origin.at == "first_negative" else "last"
    run = f"the {which} of {asked} negatives in a row" if asked > 1 else "the negative asked for"
    return f"{run}: the clock starts"


def _of_day_zero(row: Mapping[str, Any], facts: _Facts) -> str:
    return _overruled(row, facts) or "of the day on which the clock starts"


def _used(row: Mapping[str, Any], facts: _Facts) -> str:
    """Say how far a day of use brings the pattern."""
    pattern, day = facts.endpoint.pattern, int(row["day"])
    asked = {KOfN: "k", Consecutive: "k", UseDays: "days"}.get(type(pattern))
    if asked is None or day not in facts.progress:
        return "use, as the pattern asks for" if isinstance(pattern, AnyUse) else "use"
    return f"use, {facts.progress[day]} of the {getattr(pattern, asked)} that make a relapse"


def _relapse(row: Mapping[str, Any], facts: _Facts) -> str:
    used = _used(row, facts)
    whose = "" if isinstance(facts.endpoint.pattern, AnyUse) else f"{used}: "
    return f"{whose}the pattern is complete, relapse"


def _possession(row: Mapping[str, Any], facts: _Facts) -> str:
    del row
    kept = facts.endpoint.grace_days
    return "drug in hand" if kept is None else f"drug in hand; {kept} days without are its end"


def _not_assessed(row: Mapping[str, Any], facts: _Facts) -> str:
    del facts
    if row["verdict"] == "not_assessed":
        return "says nothing of use"
    return "not assessed: the day's urine is washed out"


_ROLES: Mapping[str, Callable[[Mapping[str, Any], _Facts], str]] = {
    "not counted": _not_counted,
    "not assessed": _not_assessed,
    "origin": _origin_words,
    "day of origin": _of_day_zero,
    "before origin": _searched,
    "never at risk": _searched,
    "washed out": lambda row, facts: "washed out: too soon after day 0 to be new use, not assessed",
    "carry-over": lambda row, facts: (
        "carry-over: it was positive before, with no negative since, "
        "so inside the washout it is not assessed"
    ),
    "possession": _possession,
    "relapse": _relapse,
    "use": _used,
    "known free": lambda row, facts: "known free",
    "overruled": lambda row, facts: _overruled(row, facts) or "overruled",
    "after": lambda row, facts: "not looked at: the follow-up had ended",
}


def _other_records(own: Evidence, facts: _Facts) -> Iterator[Entry]:
    """Return what the records hold beside statements about use."""
    engine, tables = own.records.engine, own.records.declaration.tables
    asked = {
        "patients": "SELECT enrolled, enrolled, 'is enrolled', line FROM patients",
        "treatments": "SELECT day, day, 'is treated' || COALESCE(': ' || treatment, ''), line "
        "FROM treatments",
        "stays": "SELECT from_day, to_day, 'is in hospital', line FROM stays",
        "outcomes": "SELECT day, day, 'recorded: ' || REPLACE(outcome, '_', ' '), line "
        "FROM outcomes",
    }
    for source, query in asked.items():
        for first, last, said, line in engine.rows(query):
            if first is None or last is None or source not in tables:
                continue
            yield Entry(
                day=last - facts.zero_day, from_day=first - facts.zero_day,
                known_on=first - facts.zero_day, source=source,
                verdict="", said=said, did=_effect(source, last - facts.zero_day, line, facts),
                role="", file=tables[source].called, lines=(line,),
            )  # fmt: skip


def _effect(source: str, day: int, line: int, facts: _Facts) -> str:
    """Say what a record that is no statement did."""
    found, origin = facts.ending, facts.endpoint.origin
    after = getattr(origin, "after", origin.at)
    if source == "outcomes":
        decides = facts.decided["decision"] == "competing" and found.line == line
        return "a competing event: the clock stops" if decides else ""
    begins = {"enrolment": "patients", "last_treatment": "treatments"}.get(after)
    if source != begins or facts.searched_from != day:
        return ""
    return "the clock starts" if origin.at == after else "the search for time zero begins after it"


def _turning_points(facts: _Facts) -> Iterator[Entry]:
    """Return the lines where a rule speaks and no record: the starts and stops of the clock."""
    found = facts.ending
    at = []
    if found.origin_day is not None:
        at.append((0, "THE CLOCK STARTS"))
    silence = facts.endpoint.missing
    if facts.decided["decision"] == "gap" and isinstance(silence, MissingAs):
        ends = "relapse is assumed" if silence.rule == "relapse" else "the follow-up is censored"
        day = whole(facts.decided["detected"]) or 0
        at.append((day, f"nothing known for more than {silence.gap_days} days: {ends}"))
    if found.at_risk and found.origin_day is not None and found.time is not None:
        at.append((int(np.ceil(found.time)), f"THE CLOCK STOPS: {_outcome(found)}"))
    for day, did in at:
        yield Entry(
            day=day, from_day=day, known_on=day, source=DECIDED_BY_RULE, verdict="", said="",
            did=did, role="", file="", lines=(),
        )  # fmt: skip


def _outcome(found: Ending) -> str:
    return found.outcome.replace("_", " ")


# --- why -----------------------------------------------------------------------------------------


_AFTER = {
    "use": "after the first statement of use",
    "enrolment": "after enrolment",
    "last_treatment": "after the last treatment",
    "first_fill": "after the first fill",
}


def _started(facts: _Facts) -> str:
    """Say why the clock started where it did."""
    origin = facts.endpoint.origin
    if facts.ending.origin_day is None:
        return f"The clock never started: {facts.ending.why}."
    record = f"{facts.origin['origin_file']}, line {whole(facts.origin['origin_line'])}"
    negatives = getattr(origin, "negatives", 0)
    if not negatives:
        what = {
            "enrolment": "the day of enrolment",
            "last_treatment": "the last treatment",
            "discontinuation": "the day on which possession was known to have stopped",
        }.get(origin.at, f"the date in the column {getattr(origin, 'column', '')}")
        if facts.endpoint.knows_the_future:
            what = "the last day covered, which became known only later (immortal time)"
        return f"The clock started on {what} ({record})."
    after = _AFTER[getattr(origin, "after", "enrolment")]
    if negatives == 1:
        return f"The clock started on the first negative {after} ({record})."
    which = "first" if origin.at == "first_negative" else "last"
    known = (
        "; that it is one became known only with the last of them (immortal time)"
        if facts.endpoint.knows_the_future
        else ""
    )
    run = f"the {which} of {negatives} negatives in a row {after}"
    return f"The clock started on {run} ({record}){known}."


def _ended(facts: _Facts) -> str:
    """Say why the clock stopped where it did."""
    found = facts.ending
    if found.origin_day is None:
        if found.at_risk:
            return (
                f"Counted as {_outcome(found)} on day 0: everybody enrolled is in the population."
            )
        return "The patient is not in the time-to-event data."
    if not found.at_risk:
        return "The patient entered after the follow-up had ended, and is not in the data."
    return f"The clock stopped: {found.why}."


def _bounds(facts: _Facts) -> str:
    """Say what is known of the time of the event."""
    found = facts.ending
    if not found.at_risk or found.lower is None or found.time is None:
        return ""
    if found.upper is None:
        return f"No event up to day {found.lower:g}; the interval is ({found.lower:g}, infinity)."
    dating = {
        "detected": "the day it became known",
        "onset": "the first day of use that a record names, else the day it became known",
        "midpoint": "the middle",
        "last_negative": "the last day known free",
    }[facts.endpoint.dated]
    if found.outcome != "relapse":
        return f"The event happened on day {found.time:g}."
    if found.lower == found.upper:
        return f"The relapse happened on day {found.upper:g}; it is dated to day {found.time:g}."
    return (
        f"The relapse lies in the interval ({found.lower:g}, {found.upper:g}], after the last day "
        f"known free and up to the day the first positive became known; it is dated to day "
        f"{found.time:g}, {dating}."
    )


def _spans(facts: _Facts) -> Iterator[Span]:
    """Return the stretches of days that the rules looked at."""
    found, start = facts.ending, facts.searched_from
    if start is not None and (start < 0 or facts.ending.origin_day is None):
        last = 0 if facts.ending.origin_day is not None else max([start, *facts.days])
        yield Span(key="search", first=start, last=last)
    if found.origin_day is None or not found.at_risk or found.time is None:
        return
    if facts.washed_until:
        yield Span(key="washout", first=0, last=facts.washed_until)
    entry = whole(facts.decided["entry"])
    yield Span(key="at_risk", first=max(entry or 0, 0), last=found.time)
    if found.upper is not None and found.lower is not None and found.outcome == "relapse":
        key = "gap" if found.reason == "gap" else "interval"
        yield Span(key=key, first=found.lower, last=found.upper)


def _records_to_miss(own: Evidence, facts: _Facts) -> Iterator[tuple[str, str, tuple[str, int]]]:
    """Yield the deciding record and that which started the clock, as (key, words, row)."""
    engine, tables = own.records.engine, own.records.declaration.tables
    found = facts.ending
    asked = [
        ("without_deciding", "Without the deciding record", found.file, found.line),
        (
            "without_origin",
            "Without the record that started the clock",
            facts.origin["origin_file"],
            whole(facts.origin["origin_line"]),
        ),
    ]
    seen = set()
    for key, words, file, line in asked:
        if file is None or line is None or (file, line) in seen:
            continue
        if key == "without_origin" and found.origin_day is None:
            continue
        seen.add((file, line))
        named = [name for name in tables if tables[name].called == file and name != "patients"]
        for table in named:
            if engine.rows(f'SELECT 1 FROM "{table}" WHERE line = {line}'):
                yield key, f"{words} ({file}, line {line})", (table, line)
                break
