"""Recurrent relapse for programs and terminals: counts, state probabilities, times in state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from survival_bzd.report.documents import json_number, json_object
from survival_bzd.report.phrases import percent_with_limits, with_limits
from survival_bzd.report.rounding import (
    count,
    counted,
    decimal,
    digits,
    displayed_unit,
    level,
    shown_time,
)
from survival_bzd.report.table import Table, Value, columns_of
from survival_bzd.report.wording import LIMITS

if TYPE_CHECKING:
    from survival_bzd.estimate import MeanCount, StateOccupancy, TimeInState

Document = dict[str, Any]

_COUNT_AT = ("time", "at_risk", "mean_count", "std_error", "lower", "upper")
_COUNT_STEPS = (
    "time", "at_risk", "events", "terminal", "mean_count", "std_error", "lower", "upper",
)  # fmt: skip
_STATE = ("probability", "std_error", "lower", "upper")
_MEAN = ("tau", "estimate", "std_error", "lower", "upper")

NO_EVENT_YET = "no limits: nobody has had the event by then"
ALL_ALIKE = "no limits: everybody has had as many, so the error is not estimable"
CERTAIN = "no limits: the probability is 0 or 1"
NO_STATES = "the rows name no states: give --state instead of --event"


def recurrent_document(
    counts: Sequence[MeanCount],
    states: Sequence[StateOccupancy] = (),
    means: Sequence[TimeInState] = (),
    *,
    at: Sequence[float] = (),
    no_mean: str = "",
    left_out: int = 0,
) -> Document:
    """Write recurrent relapse as a JSON document.

    Parameters
    ----------
    counts, states, means : of the same groups; no states where the rows name none.
    at : times at which curves are given, in their unit.
    no_mean : why there are no mean times in state although there are states.
    left_out : rows of patients who miss a value.

    Returns
    -------
    dict
        ``curves``: per group ``group``, ``n``, ``events``, ``terminal_events``, ``at``, ``steps``
        of the mean count, and ``states``: per state ``state``, ``at``, ``mean_time``, ``steps``;
        ``conventions``; ``left_out``.
    """
    by_group = {curve.group: curve for curve in states}
    spent = {(mean.group, mean.state): mean for mean in means}
    return {
        "curves": [
            {
                "group": curve.group,
                "n": curve.n,
                "events": json_number(float(curve.n_events)),
                "terminal_events": json_number(float(curve.n_terminal)),
                "at": _count_at(curve, at),
                "states": _states(by_group[curve.group], at, spent, no_mean)
                if curve.group in by_group
                else [],
                "steps": [
                    _count({name: float(getattr(curve, name)[place]) for name in _COUNT_STEPS})
                    for place in range(curve.time.size)
                ],
            }
            for curve in counts
        ],
        "conventions": _conventions(counts, states),
        "left_out": left_out,
    }


def _conventions(counts: Sequence[MeanCount], states: Sequence[StateOccupancy]) -> Document:
    found: Document = {
        "mean_count": "events per patient, who may have died; Nelson, Lawless and Nadeau",
        "mean_count_limits": counts[0].limits,
        "confidence": counts[0].confidence,
        "std_error": "robust, over patients",
        "at_risk": "rows with start < time <= stop",
        "unit": counts[0].unit,
    }
    if states:
        found["states"] = "Aalen-Johansen; those at the start are of who is there at the first move"
        found["state_limits"] = states[0].limits
    else:
        found["states"] = NO_STATES
    return found


def _count_at(curve: MeanCount, times: Sequence[float]) -> list[Document]:
    if not times:
        return []
    at = curve.at(times)
    return [
        _count({name: float(getattr(at, name)[place]) for name in _COUNT_AT}, at.reasons[place])
        for place in range(at.time.size)
    ]


def _count(values: dict[str, float], reason: str = "") -> Document:
    none = NO_EVENT_YET if values["mean_count"] == 0 else ALL_ALIKE
    return json_object(values, dict.fromkeys(values, reason or none))


def _states(
    curve: StateOccupancy,
    times: Sequence[float],
    spent: dict[tuple[str | None, str], TimeInState],
    no_mean: str,
) -> list[Document]:
    at = curve.at(times) if times else None
    found = []
    for place, state in enumerate(curve.states):
        document: Document = {"state": state, "at": []}
        if at is not None:
            document["at"] = [
                _state(
                    {"time": float(at.time[row])}
                    | {name: float(getattr(at, name)[row, place]) for name in _STATE},
                    at.reasons[row],
                )
                for row in range(at.time.size)
            ]
        mean = spent.get((curve.group, state))
        if mean is not None:
            document["mean_time"] = json_object(
                {name: float(getattr(mean, name)) for name in _MEAN}
            )
        elif no_mean:
            document["mean_time"] = {
                **dict.fromkeys(_MEAN),
                "reasons": dict.fromkeys(_MEAN, no_mean),
            }
        document["steps"] = [
            _state(
                {"time": float(curve.time[row]), "at_risk": float(curve.at_risk[row, place])}
                | {name: float(getattr(curve, name)[row, place]) for name in _STATE}
            )
            for row in range(curve.time.size)
        ]
        found.append(document)
    return found


def _state(values: dict[str, float], reason: str = "") -> Document:
    return json_object(values, dict.fromkeys(values, reason or CERTAIN))


def recurrent_tables(
    counts: Sequence[MeanCount],
    states: Sequence[StateOccupancy] = (),
    means: Sequence[TimeInState] = (),
    *,
    at: Sequence[float] = (),
) -> tuple[Table, ...]:
    """Write recurrent relapse as tables: the mean count, the states, the time spent in each."""
    tables = [_count_table(counts, at)]
    if states:
        tables.append(_state_table(states, at))
    if means:
        tables.append(_mean_table(means))
    return tuple(tables)


def _count_table(curves: Sequence[MeanCount], at: Sequence[float]) -> Table:
    lines: list[dict[str, Value]] = []
    rows = []
    grouped = any(curve.group is not None for curve in curves)
    for curve in curves:
        source = curve.at(at) if at else curve
        for place in range(source.time.size):
            v = {
                name: float(getattr(source, name)[place])
                for name in (_COUNT_AT if at else _COUNT_STEPS)
            }
            lines.append({"group": curve.group, **v})
            texts = [decimal(v[name], 2) for name in ("mean_count", "lower", "upper")]
            rows.append(
                (
                    *((str(curve.group),) if grouped else ()),
                    digits(v["time"], significant=6),
                    count(v["at_risk"]),
                    with_limits(texts[0], texts[1], texts[2]),
                )
            )
    notes = [
        ("" if curve.group is None else f"{curve.group}: ")
        + f"{counted(curve.n, 'patient')}, {counted(curve.n_events, 'event')}"
        + (
            f", {count(curve.n_terminal)} ended for good (such as deaths)"
            if curve.n_terminal
            else ""
        )
        + "."
        for curve in curves
    ]
    return Table(
        key="mean_count",
        title=f"Events per patient: {curves[0].label}",
        header=(
            *(("Group",) if grouped else ()),
            f"Time ({curves[0].unit})",
            "At risk",
            f"Mean count ({level(curves[0].confidence)} CI)",
        ),
        rows=tuple(rows),
        align="l" * grouped + "rrr",
        columns=columns_of(lines),
        notes=(*notes, "Errors are robust over patients; limits: log."),
    )


def _state_table(curves: Sequence[StateOccupancy], at: Sequence[float]) -> Table:
    lines: list[dict[str, Value]] = []
    rows = []
    grouped = any(curve.group is not None for curve in curves)
    for curve in curves:
        source = curve.at(at) if at else curve
        for row in range(source.time.size):
            texts = []
            for place, state in enumerate(curve.states):
                v = {name: float(getattr(source, name)[row, place]) for name in _STATE}
                time = float(source.time[row])
                lines.append({"group": curve.group, "time": time, "state": state, **v})
                texts.append(percent_with_limits(v["probability"], v["lower"], v["upper"]))
            rows.append(
                (
                    *((str(curve.group),) if grouped else ()),
                    digits(float(source.time[row]), significant=6),
                    *texts,
                )
            )
    limits = curves[0].limits
    return Table(
        key="states",
        title=f"Patients in each state, % ({level(curves[0].confidence)} CI)",
        header=(
            *(("Group",) if grouped else ()),
            f"Time ({curves[0].unit})",
            *(state.replace("_", " ").capitalize() for state in curves[0].states),
        ),
        rows=tuple(rows),
        align="l" * grouped + "r" * (1 + len(curves[0].states)),
        columns=columns_of(lines),
        notes=(f"Aalen-Johansen; limits: {LIMITS.get(limits, limits)}.",),
    )


def _mean_table(means: Sequence[TimeInState]) -> Table:
    grouped = any(mean.group is not None for mean in means)
    lines: list[dict[str, Value]] = [
        {
            "group": mean.group,
            "state": mean.state,
            **{name: float(getattr(mean, name)) for name in _MEAN},
        }
        for mean in means
    ]
    unit = means[0].unit
    rows = []
    for mean in means:
        texts = [shown_time(time, unit) for time in (mean.estimate, mean.lower, mean.upper)]
        rows.append(
            (
                *((str(mean.group),) if grouped else ()),
                mean.state.replace("_", " ").capitalize(),
                with_limits(texts[0], texts[1], texts[2]),
            )
        )
    tau = f"{digits(means[0].tau, significant=6)} {unit}"
    return Table(
        key="time_in_state",
        title=f"Expected time in each state up to {tau}",
        header=(
            *(("Group",) if grouped else ()),
            "State",
            f"Mean, {displayed_unit(unit)} ({level(means[0].confidence)} CI)",
        ),
        rows=tuple(rows),
        align="l" * grouped + "lr",
        columns=columns_of(lines),
        notes=(f"In the CSV and JSON forms in {unit}.",) if displayed_unit(unit) != unit else (),
    )
