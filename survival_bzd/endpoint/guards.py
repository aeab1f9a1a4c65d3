"""Plain warnings about what a derivation may hide, each with its numbers, patients and lines.

A guard compares counts of the records with a rule that it states; it tests no hypothesis, and
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.declaration import Discontinuation, Endpoint
from survival_bzd.endpoint.derive import run_steps
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.records import Evidence
from survival_bzd.records.engine import literal, quoted

if TYPE_CHECKING:
    import pandas as pd

DAYS_PER_MONTH = 30.4375
COARSE = 0.25
"""Relapses are known too coarsely where their median interval is a larger part of the first horizon
than this."""
RECENT_DAYS = 30
"""A positive this soon before the last statement is near to a loss."""
BROKEN_OFF = ("loss", "withdrawal", "gap")
"""Reasons of censoring that the study did not plan."""
FEW_LOST = 5
"""Of fewer losses no difference between groups is spoken of."""
APART = 0.2
"""Shares of lost patients that differ by this much between groups are said to differ."""

Groups = tuple[str, NDArray[np.object_]]
"""The name of a covariate, and the group of each patient at risk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A warning.

    Attributes
    ----------
    key : ``"immortal_time"``, ``"denominator"``, ``"washout"``, ``"assay"``, ``"coarse_visits"``,
        ``"informative_loss"`` or ``"loss_by_group"``.
    sentence : the warning in words.
    numbers : what it counts.
    patients : whom it concerns, where it concerns some of them.
    lines : the records it rests on, as (file, line).
    """

    key: str
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    patients: tuple[str, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Derived:
    """What the guards look at."""

    evidence: Evidence
    endpoint: Endpoint
    tte: TimeToEvent
    groups: Groups | None

    def frame(self, query: str) -> pd.DataFrame:
        """Return a query of the derivation's tables."""
        return self.evidence.records.engine.frame(query)


def guards(
    evidence: Evidence, endpoint: Endpoint, tte: TimeToEvent, *, groups: Groups | None = None
) -> tuple[Guard, ...]:
    """Look for what a derivation may hide.

    Parameters
    ----------
    evidence, endpoint : what was derived from, and by which rules.
    tte : what came of it.
    groups : the groups that will be compared, if any.
    """
    run_steps(evidence, endpoint)
    derived = _Derived(evidence=evidence, endpoint=endpoint, tte=tte, groups=groups)
    return tuple(guard for look in _GUARDS for guard in look(derived))


def _immortal_time(derived: _Derived) -> Iterator[Guard]:
    """Find a time zero that lies before it is known to be one."""
    endpoint = derived.endpoint
    if not endpoint.knows_the_future:
        return
    if isinstance(endpoint.origin, Discontinuation):
        days = [float(endpoint.origin.grace_days or 0)] * derived.tte.n
        what = "the last day covered, which is known to be it only when the grace has passed"
    else:
        negatives = getattr(endpoint.origin, "negatives", 1)
        confirmed = derived.frame(
            "SELECT day - origin_day AS days FROM (SELECT assessed_day.day, origin.origin_day, "
            "ROW_NUMBER() OVER (PARTITION BY origin.patient_id ORDER BY assessed_day.day) AS place "
            "FROM assessed_day JOIN origin ON origin.patient_id = assessed_day.patient_id "
            f"AND assessed_day.day > origin.origin_day) AS run WHERE place = {negatives - 1}"
        )
        days = confirmed["days"].to_numpy(dtype=np.float64).tolist()
        what = f"the first of {negatives} negatives in a row, known to be it only with the last"
    if not days:
        return
    yield Guard(
        key="immortal_time",
        sentence=(
            f"Time zero knows the future: it is {what}. {_patients(len(days))} could not relapse "
            f"for {_range(days)} days after it (immortal time)."
        ),
        numbers={"patients": len(days), "days": sum(days), "median_days": float(np.median(days))},
    )


def _denominator(derived: _Derived) -> Iterator[Guard]:
    """Count the enrolled who are in no estimate."""
    flow = derived.tte.flow
    if flow is None or flow.enrolled == derived.tte.n:
        return
    never = flow.enrolled - flow.reached if derived.endpoint.population == "responders" else 0
    late = flow.enrolled - derived.tte.n - never
    why = [f"{never} never reached time zero"] * (never > 0)
    why += [f"{late} entered after their follow-up had ended"] * (late > 0)
    known = set(derived.tte.patient_id.tolist()) if derived.tte.patient_id is not None else set()
    enrolled = derived.frame("SELECT patient_id FROM patients ORDER BY line")["patient_id"]
    yield Guard(
        key="denominator",
        sentence=(
            f"The estimates are of {derived.tte.n} of the {flow.enrolled} enrolled: "
            f"{' and '.join(why)}. They say how long those at risk stayed free, not how many of "
            "the enrolled did."
        ),
        numbers={
            "at_risk": derived.tte.n, "enrolled": flow.enrolled, "never_reached": never,
            "entered_too_late": late,
        },
        patients=tuple(one for one in enrolled if one not in known),
    )  # fmt: skip


def _washout(derived: _Derived) -> Iterator[Guard]:
    """Count the positives inside the washout, which are no relapse."""
    found = derived.frame(
        "SELECT later.patient_id, later.carry_over, statement.file, statement.line "
        "FROM later JOIN statement ON statement.statement_id = later.statement_id "
        "WHERE later.washed_out = 1 ORDER BY statement.line"
    )
    if not len(found):
        return
    patients = tuple(dict.fromkeys(found["patient_id"]))
    carried = int(found["carry_over"].sum())
    said = f", {carried} of them in a run of positives from before time zero" if carried else ""
    positives = "1 positive result" if len(found) == 1 else f"{len(found)} positive results"
    yield Guard(
        key="washout",
        sentence=(
            f"{positives} of {_patients(len(patients))} inside the washout "
            f"{'is' if len(found) == 1 else 'are'} not counted as use{said}. Without the washout "
            "a relapse could begin there."
        ),
        numbers={"positives": len(found), "patients": len(patients), "carry_over": carried},
        patients=patients,
        lines=_lines(found),
    )


def _assay(derived: _Derived) -> Iterator[Guard]:
    """Find negatives by an assay that misses the drug: they show nobody free."""
    screens = derived.frame(
        "SELECT later.patient_id, urine.analyte, urine.assay, statement.file, urine.line "
        "FROM later JOIN statement ON statement.statement_id = later.statement_id "
        "JOIN urine ON urine.line = statement.line "
        "WHERE later.source = 'urine' AND later.verdict = 'no_use' ORDER BY urine.line"
    )
    drugs = derived.frame(_drugs_taken(derived))
    if not len(screens) or not len(drugs):
        return
    pairs = screens.drop_duplicates(["patient_id", "analyte", "assay"]).merge(
        drugs, on="patient_id"
    )
    if not len(pairs):
        return
    pairs["blind"] = _blind(pairs)
    # What one assay of a patient sees, no other needs to.
    blind = pairs.groupby(["patient_id", "drug"])["blind"].all()
    missed = blind[blind].reset_index()
    if not len(missed):
        return
    patients = tuple(
        one for one in dict.fromkeys(pairs["patient_id"]) if one in set(missed["patient_id"])
    )
    theirs = screens[screens["patient_id"].isin(patients)]
    assays = sorted(set(theirs["assay"].dropna()))
    yield Guard(
        key="assay",
        sentence=(
            f"{_patients(len(patients))} took {_or(sorted(set(missed['drug'])))}, which "
            f"{_or(assays)} misses or may miss: {len(theirs)} negative urine results after time "
            "zero do not show them free."
        ),
        numbers={"patients": len(patients), "negatives": len(theirs)},
        patients=patients,
        lines=_lines(theirs),
    )


def _drugs_taken(derived: _Derived) -> str:
    """Return a query of what each patient takes: by fills, calendars, and the column declared."""
    column = derived.endpoint.washout_by
    classes = ", ".join(map(literal, derived.endpoint.substances)) or "''"
    declared = (
        f" UNION SELECT patient_id, {quoted(column)} FROM patients WHERE {quoted(column)} "
        "IS NOT NULL"
        if column
        else ""
    )
    return (
        "SELECT DISTINCT taken.patient_id, taken.drug FROM (SELECT patient_id, subject AS drug "
        "FROM statement WHERE source IN ('fills', 'use_days') AND verdict <> 'no_use' "
        f"AND substance IN ({classes}){declared}) AS taken "
        "ORDER BY 1, 2"
    )


def _blind(pairs: pd.DataFrame) -> list[bool]:
    """Say of each drug and test whether the assay misses it; what is not known is not said."""
    from survival_bzd.records.substances import assay_kind, match, visibility

    inns = _inns([*pairs["drug"], *pairs["analyte"]], match)
    kinds = {one: assay_kind(one) for one in set(pairs["assay"].dropna())}
    seen: dict[tuple[str, str], bool] = {}
    found = []
    for drug, analyte, assay in zip(pairs["drug"], pairs["analyte"], pairs["assay"], strict=True):
        inn, kind = inns[drug], kinds.get(assay)
        if not inn or kind is None or inns[analyte] == inn:
            found.append(False)
            continue
        if (inn, kind) not in seen:
            seen[inn, kind] = visibility(inn, kind).verdict in ("not_seen", "variably")
        found.append(seen[inn, kind])
    return found


def _inns(names: Sequence[str], match: Callable[..., Any]) -> dict[str, str]:
    """Return the substance that each name surely stands for, empty where it is none."""
    written = list(dict.fromkeys(names))
    found = match(written, near=False)
    return {
        name: one.inn if one.is_matched else "" for name, one in zip(written, found, strict=True)
    }


def _coarse_visits(derived: _Derived) -> Iterator[Guard]:
    """Measure how coarsely the relapses are known, for a curve at the dates of detection."""
    tte, months = derived.tte, derived.endpoint.horizons_months
    if tte.reason is None or not months:
        return
    rows = tte.relapsed & np.isfinite(tte.upper) & (tte.reason == "pattern")
    width = (tte.upper - tte.lower)[rows]
    horizon = float(np.floor(DAYS_PER_MONTH * min(months)))
    if not width.size or np.median(width) <= COARSE * horizon:
        return
    median, widest = float(np.median(width)), float(width.max())
    yield Guard(
        key="coarse_visits",
        sentence=(
            f"Relapses are found late: half of the {width.size} are known no nearer than to "
            f"{median:g} days (at most {widest:g}), more than a quarter of the first horizon of "
            f"{horizon:g} days. What takes the date of detection for that of the relapse, as "
            "Kaplan-Meier does here, is late by up to as much; an interval-censored curve is not."
        ),
        numbers={
            "relapses": width.size, "median_width": median, "maximum_width": widest,
            "horizon": horizon, "widest_allowed": COARSE * horizon,
        },
    )  # fmt: skip


def _informative_loss(derived: _Derived) -> Iterator[Guard]:
    """Count the lost who had signs of use just before."""
    found = derived.frame(
        "SELECT decided.patient_id, decided.reason, signs.file, signs.line FROM decided "
        "LEFT JOIN (SELECT counted.patient_id, statement.file, statement.line FROM counted "
        "JOIN statement ON statement.statement_id = counted.statement_id "
        "JOIN decided ON decided.patient_id = counted.patient_id "
        "JOIN (SELECT patient_id, MAX(to_day) AS day FROM counted "
        "WHERE verdict IN ('use', 'no_use') GROUP BY patient_id) AS last "
        "ON last.patient_id = counted.patient_id WHERE counted.verdict = 'use' "
        f"AND counted.to_day >= last.day - {RECENT_DAYS} "
        "AND counted.to_day > decided.origin_day) AS signs "
        "ON signs.patient_id = decided.patient_id "
        "WHERE decided.event = 0 AND decided.origin_day IS NOT NULL AND decided.reason IN "
        f"({', '.join(map(literal, (*BROKEN_OFF, 'last_statement')))}) "
        "ORDER BY decided.patient_line, signs.line"
    )
    signs = found[found["line"].notna()]
    if not len(signs):
        return
    lost = found["patient_id"].nunique()
    patients = tuple(dict.fromkeys(signs["patient_id"]))
    yield Guard(
        key="informative_loss",
        sentence=(
            f"Of {_patients(lost)} whose follow-up broke off or has no recorded end, "
            f"{len(patients)} had a positive in the {RECENT_DAYS} days before their last statement "
            "that made no relapse (unfinished pattern, washed out or overruled): such censoring "
            "may hide relapses."
        ),
        numbers={"patients": len(patients), "lost": lost, "days": RECENT_DAYS},
        patients=patients,
        lines=_lines(signs),
    )


def _loss_by_group(derived: _Derived) -> Iterator[Guard]:
    """Compare the shares of patients that the groups lost."""
    tte = derived.tte
    if derived.groups is None or tte.reason is None:
        return
    name, labels = derived.groups
    lost = (tte.event == 0) & np.isin(tte.reason.astype(str), BROKEN_OFF)
    sizes = {str(group): labels == group for group in sorted(set(labels.tolist()))}
    counts = {group: (int(lost[rows].sum()), int(rows.sum())) for group, rows in sizes.items()}
    shares = [few / all_of_them for few, all_of_them in counts.values()]
    if int(lost.sum()) < FEW_LOST or max(shares) - min(shares) < APART:
        return
    said = "; ".join(f"{group} {few} of {everybody}" for group, (few, everybody) in counts.items())
    yield Guard(
        key="loss_by_group",
        sentence=(
            f"Follow-up broke off (loss, withdrawal or silence) at different rates by {name}: "
            f"{said}. A comparison of these groups assumes that those lost would have fared as "
            "those who stayed."
        ),
        numbers={
            "lost": int(lost.sum()),
            "largest_share": max(shares),
            "smallest_share": min(shares),
        },
    )


_GUARDS = (
    _immortal_time,
    _denominator,
    _washout,
    _assay,
    _coarse_visits,
    _informative_loss,
    _loss_by_group,
)


def _patients(number: int) -> str:
    return "1 patient" if number == 1 else f"{number} patients"


def _range(days: Sequence[float]) -> str:
    low, high = min(days), max(days)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _or(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _lines(rows: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    return tuple(
        (str(file), int(line)) for file, line in zip(rows["file"], rows["line"], strict=True)
    )
