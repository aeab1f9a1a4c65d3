"""Evidence becomes time-to-event data, by the rules of an endpoint.

The rules run as SQL, one file a step, in the order of `STEPS`; what is left to Python is to date
the relapse inside its interval and to count the flow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.declaration import (
    OTHER,
    Consecutive,
    Discontinuation,
    DoseShare,
    Endpoint,
    KOfN,
    MissingAs,
    Outcome,
    Refill,
    UseDays,
    Weeks,
)
from survival_bzd.endpoint.dose import diazepam_factors
from survival_bzd.endpoint.time_to_event import Flow, FlowLeaf, TimeToEvent
from survival_bzd.endpoint.washout import washouts
from survival_bzd.records import Evidence
from survival_bzd.records.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "survival_bzd.endpoint"
NEVER = 1_000_000_000
"""A day after every day."""
STEPS = (
    "recorded_outcome",
    "observation",
    "relevant",
    "counted",
    "possession",
    "dose",
    "assessed_day",
    "origin",
    "later",
    "later_day",
    "pattern",
    "gap",
    "decided",
    "why",
)
ENTERED_TOO_LATE = "entered_after_end"


def derive(evidence: Evidence, endpoint: Endpoint) -> TimeToEvent:
    """Derive who was at risk for how long, and what ended it.

    Parameters
    ----------
    evidence : statements about use.
    endpoint : the rules; see the project's design of endpoints.

    Returns
    -------
    TimeToEvent
        One row per patient at risk, in the order of the patients table, in days, each with its
        interval, reason, deciding record and the same in words; `flow` has everybody else.
    """
    run_steps(evidence, endpoint)
    engine = evidence.records.engine
    decided = engine.frame("SELECT * FROM why ORDER BY patient_line")
    at_risk, flow = _population(decided, endpoint)
    rows = decided[at_risk].reset_index(drop=True)
    never_reached = (rows["decision"] == "not_reached").to_numpy()
    lower = np.where(never_reached, 0.0, floats(rows["lower_day"]))
    event = np.where(never_reached, _event_before_origin(rows, endpoint), rows["event"])
    upper = np.where(event == 0, np.inf, np.where(never_reached, 0.0, floats(rows["upper_day"])))
    entry = _entry(rows, endpoint)
    return TimeToEvent(
        dated(endpoint, lower, upper, floats(rows["detected"]), event == 1, never_reached),
        event.astype(np.int64),
        unit="days",
        entry=entry,
        lower=lower,
        upper=upper,
        causes=("relapse", *endpoint.competing),
        label=endpoint.label,
        patient_id=rows["patient_id"].to_numpy(),
        reason=rows["reason"].to_numpy(),
        why=rows["why"].to_numpy(),
        file=rows["file"].to_numpy(),
        line=rows["line"].to_numpy(),
        origin_day=floats(rows["origin_day"]),
        last_free=np.where(never_reached, 0.0, floats(rows["last_free"])),
        covariates=_covariates(evidence, rows["patient_id"]),
        flow=flow,
    )


def trace(evidence: Evidence, endpoint: Endpoint) -> pd.DataFrame:
    """Return every statement of every patient and what the endpoint made of it.

    Columns: patient_id, day and from_day (from the origin, or from where its search began), source,
    verdict, subject, detail, role, file, line.
    """
    run_steps(evidence, endpoint)
    evidence.records.engine.run(PACKAGE, "trace")
    return evidence.records.engine.frame("SELECT * FROM trace")


def conflicts(evidence: Evidence, endpoint: Endpoint) -> pd.DataFrame:
    """Return the counted statements that contradict each other, and which verdict won.

    Columns: patient_id, day (day number), source, subject, verdict, decided, file, line, kind.
    """
    run_steps(evidence, endpoint)
    evidence.records.engine.run(PACKAGE, "conflict")
    return evidence.records.engine.frame(
        "SELECT * FROM conflict ORDER BY patient_id, day, source, line"
    )


def counts(evidence: Evidence, endpoint: Endpoint) -> dict[str, int]:
    """Count what the rules set aside: conflicting days, positives inside the washout, carry-over.

    Carry-over are those of the positives inside the washout that continue a run from before.
    """
    run_steps(evidence, endpoint)
    engine = evidence.records.engine
    engine.run(PACKAGE, "conflict")
    days = (
        "SELECT COUNT(*) FROM (SELECT DISTINCT patient_id, day FROM conflict WHERE kind = ?) AS d"
    )
    washed = "SELECT COUNT(*), COUNT(CASE WHEN carry_over = 1 THEN 1 END) FROM later"
    ((washed_out, carry_over),) = engine.rows(f"{washed} WHERE washed_out = 1")
    return {
        "conflicts_between_sources": engine.rows(days, ["between sources"])[0][0],
        "conflicts_within_a_source": engine.rows(days, ["within one source"])[0][0],
        "washed_out": washed_out,
        "carry_over": carry_over,
    }


def sql(evidence: Evidence, endpoint: Endpoint) -> str:
    """Return the text of every step that ran, for an auditor."""
    run_steps(evidence, endpoint)
    text = evidence.records.engine.steps
    return "\n\n".join(
        f"-- {name}\nCREATE TABLE {name} AS\n{text[name]};"
        for name in ("statement", *_steps(endpoint))
    )


def _steps(endpoint: Endpoint) -> list[str]:
    """Return the steps of an endpoint; gaps and possession are looked for where they count."""
    needed = {
        "gap": isinstance(endpoint.missing, MissingAs),
        "possession": endpoint.grace_days is not None,
        "dose": isinstance(endpoint.pattern, DoseShare),
    }
    return [step for step in STEPS if needed.get(step, True)]


def _template(endpoint: Endpoint, step: str) -> str:
    """Return the file of a step; a run of weeks is looked for in another way."""
    weekly = step == "pattern" and isinstance(endpoint.pattern, Weeks)
    return "pattern_weeks" if weekly else step


def run_steps(evidence: Evidence, endpoint: Endpoint) -> None:
    """Run the steps; the last tables stay in the engine until another endpoint runs.

    Of two endpoints that differ late, such as in what silence counts as, the steps before that are
    the same and run once.
    """
    engine = evidence.records.engine
    if engine.derived_for == endpoint:
        return
    engine.derived_for = None
    steps = texts(evidence, endpoint)
    same = 0
    while same < min(len(steps), len(engine.held)) and steps[same] == engine.held[same]:
        same += 1
    del engine.held[same:]
    for step, text in steps[same:]:
        engine.make(step, text)
        engine.held.append((step, text))
    engine.derived_for = endpoint


def texts(evidence: Evidence, endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return the steps of an endpoint in order, each with its SQL."""
    context = context_of(evidence, endpoint)
    rendered = evidence.records.engine.rendered
    return [
        (step, rendered(PACKAGE, _template(endpoint, step), **context)) for step in _steps(endpoint)
    ]


def run_again(evidence: Evidence, endpoint: Endpoint, step: str) -> None:
    """Take another origin, which `step` makes, and run the steps that follow from it.

    After that the tables are no longer those of the endpoint.
    """
    engine, context = evidence.records.engine, context_of(evidence, endpoint)
    engine.derived_for = None
    engine.held.clear()
    engine.run(PACKAGE, step, table="origin", **context)
    steps = _steps(endpoint)
    for later in steps[steps.index("origin") + 1 : steps.index("decided") + 1]:
        engine.run(PACKAGE, _template(endpoint, later), table=later, **context)


def context_of(evidence: Evidence, endpoint: Endpoint) -> dict[str, Any]:
    """Return what the templates ask of a study and an endpoint."""
    tables = evidence.records.declaration.tables
    positives, within_assessed, within_days = _pattern(endpoint)
    end_day: int | None = None
    if isinstance(endpoint.end, dt.date):
        end_day = (endpoint.end - dt.date(1970, 1, 1)).days
    elif isinstance(endpoint.end, int):
        end_day = endpoint.end
    missing = endpoint.missing
    after = getattr(endpoint.origin, "after", endpoint.origin.at)
    return {
        "files": {name: tables[name].called if name in tables else "" for name in TABLES},
        "text": "VARCHAR",
        "never": NEVER,
        "entry_column": endpoint.entry.column if endpoint.entry else None,
        "end_day": end_day,
        "end_is_outcome": endpoint.end == "outcome",
        "end_is_day": "1 = 1" if end_day is not None else "1 = 0",
        "competing": endpoint.competing,
        "outcomes": list(dict.fromkeys((*endpoint.competing, *get_args(Outcome)))),
        "sources": endpoint.sources,
        "substances": endpoint.substances,
        "conflict": endpoint.conflict,
        "origin": endpoint.origin,
        "no_search_day": _NO_SEARCH_DAY.get(after, "no_date"),
        "never_confirmed": _never_confirmed(endpoint),
        "washes": endpoint.washes_out,
        "washout_days": _other_washout(endpoint),
        "washout_windows": washouts(evidence, endpoint),
        "washout_by": endpoint.washout_by,
        "washout_positives": endpoint.washout_positives,
        "positives": positives,
        "within_assessed": within_assessed,
        "within_days": within_days,
        "missing": missing.rule if isinstance(missing, MissingAs) else "",
        "gap_days": missing.gap_days if isinstance(missing, MissingAs) else 0,
        "weeks": getattr(endpoint.pattern, "weeks", None),
        "or_days": getattr(endpoint.pattern, "or_days", None),
        "missing_week": getattr(endpoint.pattern, "missing_week", None),
        "fills_count": isinstance(endpoint.pattern, Refill),
        "dose": endpoint.pattern if isinstance(endpoint.pattern, DoseShare) else None,
        "equivalents": diazepam_factors(evidence, endpoint),
        "fills_only": endpoint.only_fills,
        "grace_days": endpoint.grace_days,
        "stops_by_fills": endpoint.grace_days is not None,
        "stockpile": endpoint.supply.stockpile,
        "days_if_empty": endpoint.supply.days_if_empty,
        "look_back": isinstance(missing, MissingAs) and missing.look_back,
    }


def _other_washout(endpoint: Endpoint) -> int:
    """Return the washout of what has none of its own."""
    said = endpoint.washout_days
    days = said.get(OTHER, 0) if isinstance(said, dict) else said
    return days if isinstance(days, int) else 0


_NO_SEARCH_DAY = {"use": "no_use", "last_treatment": "no_treatment", "first_fill": "no_fill"}


def _never_confirmed(endpoint: Endpoint) -> str:
    """Say what a patient never had who did not reach an origin that is searched for."""
    if isinstance(endpoint.origin, Discontinuation):
        return f"never more than {endpoint.grace_days} days in a row without supply"
    negatives = getattr(endpoint.origin, "negatives", 0)
    return f"never {negatives} negatives in a row" if negatives > 1 else "never a negative"


def _pattern(endpoint: Endpoint) -> tuple[int, int | None, int | None]:
    """Return how many positives make a relapse, within how many assessed or calendar days."""
    pattern = endpoint.pattern
    if isinstance(pattern, Consecutive):
        return pattern.k, pattern.k, None
    if isinstance(pattern, KOfN):
        return pattern.k, pattern.n, None
    if isinstance(pattern, UseDays):
        return pattern.days, None, pattern.within_days
    return 1, None, None


def floats(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where there is none."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def dated(
    endpoint: Endpoint,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    detected: NDArray[np.float64],
    relapsed: NDArray[np.bool_],
    never_reached: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Date each relapse inside its interval; everybody else ends on the lower day."""
    known = np.where(never_reached, upper, detected)
    dated = {
        "detected": known,
        "onset": upper,
        "midpoint": (lower + np.where(relapsed, upper, lower)) / 2,
        "last_negative": lower,
    }[endpoint.dated]
    return np.where(relapsed, dated, lower)


def _event_before_origin(rows: pd.DataFrame, endpoint: Endpoint) -> NDArray[np.int64]:
    """Who never reached the origin fails at day 0, or has the competing event that came first."""
    codes = {f"{cause}_before_origin": code for code, cause in enumerate(endpoint.competing, 2)}
    return rows["reason"].map(lambda reason: codes.get(reason, 1)).to_numpy(dtype=np.int64)


def _entry(rows: pd.DataFrame, endpoint: Endpoint) -> NDArray[np.float64] | None:
    """Return late entries; whoever was found free on or before the origin has none."""
    if endpoint.entry is None:
        return None
    entry = floats(rows["entry"])
    return np.where(entry > 0, entry, np.nan)


def _population(decided: pd.DataFrame, endpoint: Endpoint) -> tuple[NDArray[np.bool_], Flow]:
    """Say who is at risk, and put every patient into one leaf of the flow."""
    reached = (decided["decision"] != "not_reached").to_numpy()
    at_risk = reached.copy()
    outcome = (
        decided["decision"]
        .map({"relapse": "relapse", "gap": "relapse", "end": "censored"})
        .where(decided["decision"] != "competing", decided["reason"])
        .to_numpy(dtype=object)
    )
    outcome[(decided["event"] == 0).to_numpy() & reached] = "censored"
    reason = decided["reason"].to_numpy(dtype=object)
    too_late = _too_late(decided, endpoint) & reached
    at_risk &= ~too_late
    reason[too_late] = ENTERED_TOO_LATE
    if endpoint.population == "intention":
        at_risk |= ~reached
        codes = _event_before_origin(decided, endpoint)
        causes = np.array(["", "relapse", *endpoint.competing], dtype=object)
        outcome[~reached] = causes[codes[~reached]]
    outcome[~at_risk] = "not at risk"
    leaves: Mapping[tuple[bool, str, str], int] = _tally(reached, outcome, reason)
    flow = Flow(len(decided), tuple(FlowLeaf(*leaf, count) for leaf, count in leaves.items()))
    return at_risk, flow


def _too_late(decided: pd.DataFrame, endpoint: Endpoint) -> NDArray[np.bool_]:
    """Say who entered the risk set on or after the day that the follow-up ended."""
    if endpoint.entry is None:
        return np.zeros(len(decided), dtype=bool)
    lower, event = floats(decided["lower_day"]), decided["event"].to_numpy()
    never = (decided["decision"] == "not_reached").to_numpy()
    upper = np.where(event == 0, np.inf, floats(decided["upper_day"]))
    time = dated(endpoint, lower, upper, floats(decided["detected"]), event == 1, never)
    entry = floats(decided["entry"])
    return (entry > 0) & (entry >= time)


def _tally(
    reached: NDArray[np.bool_], outcome: NDArray[np.object_], reason: NDArray[np.object_]
) -> dict[tuple[bool, str, str], int]:
    """Count the leaves: those who reached the origin first, relapse before the others."""
    keys = list(zip(reached.tolist(), outcome.tolist(), reason.tolist(), strict=True))
    rank = {"relapse": 0, "censored": 2, "not at risk": 3}
    ordered = sorted(set(keys), key=lambda key: (not key[0], rank.get(key[1], 1), key[1], key[2]))
    return {key: keys.count(key) for key in ordered}


def _covariates(evidence: Evidence, patients: pd.Series[Any]) -> pd.DataFrame:
    """Return the covariates of these patients: numbers, day numbers, text (None where empty)."""
    import pandas as pd

    kinds = evidence.records.declaration.tables["patients"].covariates
    frame = evidence.records.engine.frame("SELECT * FROM patients ORDER BY line")
    rows = frame.set_index("patient_id").loc[patients]
    return pd.DataFrame(
        {
            name: _words(rows[name]) if kind == "text" else floats(rows[name])
            for name, kind in kinds.items()
        },
        index=range(len(rows)),
    )


def _words(column: pd.Series[Any]) -> NDArray[np.object_]:
    """Return a column of text, None where there is none."""
    words: NDArray[np.object_] = column.to_numpy(dtype=object, copy=True)
    words[column.isna().to_numpy()] = None
    return words


def observed_follow_up(evidence: Evidence, endpoint: Endpoint) -> NDArray[np.float64]:
    """Return how many days everybody enrolled was seen, NaN where never seen after the start.

    From the origin, or where it was never reached from the last treatment (or the day the search
    for it began), to the last attended visit or specimen.

    Returns
    -------
    (patients enrolled,) days, in the order of the patients table.
    """
    run_steps(evidence, endpoint)
    evidence.records.engine.run(PACKAGE, "contact")
    frame = evidence.records.engine.frame(
        "SELECT last_contact - from_day AS seen FROM contact ORDER BY patient_line"
    )
    seen = floats(frame["seen"])
    return np.where(seen >= 0, seen, np.nan)


def enrolled_covariates(evidence: Evidence) -> pd.DataFrame:
    """Return the covariates of everybody enrolled, in the order of the patients table."""
    frame = evidence.records.engine.frame("SELECT patient_id FROM patients ORDER BY line")
    return _covariates(evidence, frame["patient_id"])
