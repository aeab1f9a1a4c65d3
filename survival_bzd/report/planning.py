"""Plans of studies for programs and terminals: relapses, patients, power, what visits cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from survival_bzd.report.rounding import count, decimal, digits, level, percent
from survival_bzd.report.table import Table, Value, columns_of

if TYPE_CHECKING:
    from survival_bzd.estimate import Estimate, SimulatedPower, TrialPlan

Document = dict[str, Any]

NO_BASELINE = "patients cannot be counted without a hazard of relapse and a follow-up"
NOT_SIMULATED = "nothing was simulated"
NO_VISITS = "no visits were given: relapses are seen when they happen"


def power_document(plan: TrialPlan, simulated: SimulatedPower | None = None) -> Document:
    """Write a plan as a JSON document.

    Returns
    -------
    dict
        ``plan``: ``hazard_ratio``, ``alpha``, ``allocation``, ``power``, ``events``, ``n``,
        ``n_reference``, ``n_treated``, ``event_probability``, ``follow_up``, ``accrual``,
        ``dropout``, ``longest``; ``baseline``: ``rates``, ``breaks``, ``source``; ``simulation``:
        ``continuous``, ``at_visits`` and ``cost`` (``power``, ``std_error``, ``lower``,
        ``upper``), ``visits``, ``missed``, ``events``, ``events_seen``, ``bias`` per visit,
        ``simulations``, ``seed``; ``conventions``. What is not known is null, with ``reasons``.
    """
    sizes = {"n": plan.n, "n_reference": plan.n_reference, "n_treated": plan.n_treated}
    seen = dict(zip(("reference", "treated"), plan.event_probability, strict=True))
    base = plan.baseline
    document: Document = {
        "plan": {
            "hazard_ratio": plan.hazard_ratio,
            "alpha": plan.alpha,
            "allocation": plan.allocation,
            "power": plan.power,
            "events": plan.events,
            **sizes,
            "event_probability": {key: _defined(value) for key, value in seen.items()},
            "follow_up": _defined(plan.follow_up),
            "accrual": plan.accrual,
            "dropout": plan.dropout,
            "longest": _defined(plan.longest),
        },
        "baseline": None if base is None else {
            "rates": list(base.rates), "breaks": list(base.breaks), "unit": base.unit,
            "source": base.source,
        },
        "simulation": None if simulated is None else _simulation(simulated),
        "conventions": {
            "test": f"log-rank, two-sided at {digits(plan.alpha)}",
            "formula": "Schoenfeld",
            "given": plan.asked,
            "detection": "at the first visit attended after the relapse; else censored at the last",
            "limits": "of the Monte Carlo error only",
        },
    }  # fmt: skip
    why: dict[str, str] = {}
    if plan.n is None:
        why = dict.fromkeys((*sizes, "event_probability"), NO_BASELINE)
    if math.isnan(plan.follow_up):
        why["follow_up"] = "not given"
    if math.isinf(plan.longest):
        why["longest"] = "no visits were given"
    if why:
        document["plan"]["reasons"] = why
    if simulated is None:
        document["reasons"] = {"simulation": NOT_SIMULATED}
    return document


def _simulation(simulated: SimulatedPower) -> Document:
    document: Document = {
        "continuous": _power(simulated.continuous),
        "at_visits": None if simulated.at_visits is None else _power(simulated.at_visits),
        "cost": None if simulated.cost is None else _power(simulated.cost),
        "visits": list(simulated.visits),
        "missed": simulated.missed,
        "events": simulated.events,
        "events_seen": simulated.events_seen if simulated.visits else None,
        "bias": _bias_rows(simulated),
        "simulations": simulated.simulations,
        "seed": simulated.seed,
    }
    if not simulated.visits:
        document["reasons"] = dict.fromkeys(("at_visits", "cost", "events_seen"), NO_VISITS)
    return document


def _power(one: Estimate) -> Document:
    return {"power": one.estimate, "std_error": one.std_error, "lower": one.lower,
            "upper": one.upper}  # fmt: skip


def _bias_rows(simulated: SimulatedPower) -> list[dict[str, Value]]:
    bias = simulated.bias
    if bias is None:
        return []
    names = ("time", "truth", "before", "kaplan_meier", "bias", "monte_carlo_error")
    return [
        {name: _defined(float(getattr(bias, name)[place])) for name in names}
        for place in range(len(bias.time))
    ]


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


def power_tables(plan: TrialPlan, simulated: SimulatedPower | None = None) -> tuple[Table, ...]:
    """Write a plan as tables: the formula, the simulated power, the bias at each visit."""
    tables = [_formula(plan)]
    if simulated is not None:
        tables.append(_simulated(simulated))
        if simulated.bias is not None:
            tables.append(_bias(simulated))
    return tuple(tables)


def _formula(plan: TrialPlan) -> Table:
    line: dict[str, Value] = {
        "hazard_ratio": plan.hazard_ratio, "alpha": plan.alpha, "allocation": plan.allocation,
        "power": plan.power, "events": plan.events, "n_reference": plan.n_reference,
        "n_treated": plan.n_treated, "event_probability_reference": plan.event_probability[0],
        "event_probability_treated": plan.event_probability[1],
    }  # fmt: skip
    cells = [
        ("Hazard ratio", digits(plan.hazard_ratio, significant=4)),
        ("Power", percent(plan.power) + "%"),
        ("Relapses", decimal(plan.events, 1)),
    ]
    notes = [f"Log-rank test, two-sided at {digits(plan.alpha)}; Schoenfeld's formula."]
    if plan.n_reference is None or plan.n_treated is None or plan.baseline is None:
        notes.append(f"{NO_BASELINE[0].upper()}{NO_BASELINE[1:]}.")
    else:
        base = plan.baseline
        cells += [("Patients", f"{plan.n_reference} + {plan.n_treated}")]
        cells += [
            (f"Relapse seen, {arm}", percent(part) + "%")
            for arm, part in zip(("reference", "treated"), plan.event_probability, strict=True)
        ]
        rates = ", ".join(digits(rate, significant=4) for rate in base.rates)
        changing = ", ".join(digits(edge, significant=4) for edge in base.breaks)
        said = f"Hazard of the reference group, per {base.unit.removesuffix('s')}: {rates}"
        said += f", changing at {changing}" if base.breaks else ""
        notes.append(f"{said} ({base.source}).")
        notes.append(_followed(plan, base.unit))
    return Table(
        key="plan",
        title="What a log-rank test of two groups needs"
        if plan.asked == "power" else "The power of a log-rank test of two groups",
        header=tuple(name for name, _ in cells),
        rows=(tuple(text for _, text in cells),),
        align="r" * len(cells),
        columns=columns_of([line]),
        notes=tuple(notes),
    )  # fmt: skip


def _followed(plan: TrialPlan, unit: str) -> str:
    """Say for how long patients are followed."""
    said = f"Follow-up {digits(plan.follow_up, significant=4)} {unit}"
    if plan.accrual:
        said += f" after the last patient, who come evenly over {digits(plan.accrual)} {unit}"
        if plan.longest < plan.follow_up + plan.accrual:
            said += f", nobody beyond {digits(plan.longest, significant=4)}"
    if plan.dropout:
        said += f"; {digits(plan.dropout)} leave per patient and {unit.removesuffix('s')}"
    return f"{said}."


def _simulated(simulated: SimulatedPower) -> Table:
    found = [("seen when they happen", simulated.continuous, simulated.events)]
    if simulated.at_visits is not None and simulated.cost is not None:
        found.append(("found at visits", simulated.at_visits, simulated.events_seen))
        lost = simulated.events - simulated.events_seen
        found.append(("what the visits cost", simulated.cost, lost))
    lines: list[dict[str, Value]] = [
        {"relapses": name, "power": one.estimate, "std_error": one.std_error, "lower": one.lower,
         "upper": one.upper, "events": events}
        for name, one, events in found
    ]  # fmt: skip
    rows = [
        (
            name,
            f"{percent(one.estimate)} ({percent(one.lower)} to {percent(one.upper)})",
            decimal(events, 1),
        )
        for name, one, events in found
    ]
    notes = [
        f"{count(simulated.simulations)} simulated studies, seed {simulated.seed}; the interval "
        f"({level(0.95)}) is of the Monte Carlo error only."
    ]
    if simulated.visits:
        visits = ", ".join(digits(time, significant=4) for time in simulated.visits)
        notes.append(f"Visits at {visits}; {percent(simulated.missed)}% missed.")
    return Table(
        key="power",
        title="Power by simulation",
        header=("Relapses", "Power, %", "Relapses seen, mean"),
        rows=tuple(rows),
        align="lrr",
        columns=columns_of(lines),
        notes=tuple(notes),
    )


def _bias(simulated: SimulatedPower) -> Table:
    lines = _bias_rows(simulated)
    unit = "months" if simulated.plan.baseline is None else simulated.plan.baseline.unit

    def points(value: Value) -> str:
        return decimal(100 * float(value), 1) if isinstance(value, float | int) else "NE"

    return Table(
        key="bias",
        title="Kaplan-Meier at the dates of detection, reference group",
        header=(f"Visit ({unit})", "Relapse-free, %", "Curve, %", "Too high by, points",
                "Just before the visit"),
        rows=tuple(
            (
                digits(float(str(line["time"])), significant=4),
                *(points(line[name]) for name in ("truth", "kaplan_meier", "bias", "before")),
            )
            for line in lines
        ),
        align="rrrrr",
        columns=columns_of(lines),
        notes=("The curve moves at visits only; an interval-censored curve does not wait for "
               "them.",),
    )  # fmt: skip
