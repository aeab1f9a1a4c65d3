"""Planning: power."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import load

if TYPE_CHECKING:
    from survival_bzd.endpoint import TimeToEvent
    from survival_bzd.estimate import BaselineHazard
    from survival_bzd.study import Loaded

_PART = options.Number(0, 1, min_open=True, max_open=True)
_DEFAULTED = ("unit", "delimiter")
_ABOVE_ZERO = options.Number(0, min_open=True)


@main.command()
@click.argument("data", metavar="[DATA]", required=False)
@options.rows
@options.bounds
@click.option("--hazard-ratio", type=_ABOVE_ZERO, required=True, metavar="HR",
              help="Of the treated to the reference group.")  # fmt: skip
@click.option("--power", "wanted", type=_PART, help="Power wanted; 0.8 unless --n or --events.")
@click.option("--n", "patients", type=click.IntRange(2), help="Patients of both groups.")
@click.option("--events", type=_ABOVE_ZERO, help="Relapses of both groups.")
@click.option("--alpha", type=_PART, default=0.05, show_default=True, help="Two-sided level.")
@click.option("--allocation", type=_ABOVE_ZERO, default=1.0, show_default=True,
              help="Treated patients per patient of the reference group.")  # fmt: skip
@click.option("--relapse-hazard", type=_ABOVE_ZERO, metavar="RATE",
              help="Relapses per patient and month in the reference group; "
              "by default from DATA.")  # fmt: skip
@click.option("--by", metavar="C", help="Column of the groups of DATA; with --reference.")
@click.option("--reference", metavar="GROUP",
              help="Group of DATA whose hazard is taken; by default everybody.")  # fmt: skip
@click.option("--follow-up", type=_ABOVE_ZERO, metavar="M",
              help="Months that the last patient is followed; by default to the last "
              "visit.")  # fmt: skip
@click.option("--accrual", type=options.Number(0), default=0.0, metavar="M",
              help="Months over which patients come.")  # fmt: skip
@click.option("--dropout", type=options.Number(0), default=0.0, metavar="RATE",
              help="Patients who leave, per patient and month.")  # fmt: skip
@click.option("--visits", type=options.Numbers(),
              help="Months of the visits, as 1,2,3,6,12; by default those of the "
              "study.")  # fmt: skip
@click.option("--missed", type=options.Number(0, 1, max_open=True),
              help="Part of the visits that is missed; by default that of the study, "
              "or 0.")  # fmt: skip
@click.option("--zero", type=_ABOVE_ZERO, metavar="T",
              help="Take a relapse of DATA on time 0 to have happened by T, in its "
              "unit.")  # fmt: skip
@click.option("--simulations", type=click.IntRange(0), default=2000, show_default=True,
              help="Studies to simulate; 0 for the formula alone.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@options.output
def power(
    data: str | None, hazard_ratio: float, wanted: float | None, patients: int | None,
    events: float | None, alpha: float, allocation: float, relapse_hazard: float | None,
    by: str | None, reference: str | None, follow_up: float | None, accrual: float,
    dropout: float, visits: tuple[float, ...] | None, missed: float | None,
    zero: float | None, simulations: int, seed: int, form: str, output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Relapses and patients for a log-rank test, and what the visit schedule costs.

    Times are in months; DATA, a study like the one planned, gives the hazard of relapse and, if
    it has records, the visits. Times of DATA in days become months; in another --unit all are in
    that unit.
    """
    from survival_bzd.estimate import plan_trial, simulate_power
    from survival_bzd.report.planning import power_document, power_tables

    if sum(one is not None for one in (wanted, patients, events)) > 1:
        raise click.UsageError("Give one of --power, --n and --events.")
    if data is None and any(value for name, value in given.items() if name not in _DEFAULTED):
        raise click.UsageError("Columns and endpoints are those of DATA, which is missing.")
    if (by is None) != (reference is None) or (by is not None and data is None):
        raise click.UsageError("--by and --reference go together, and with DATA.")
    loaded = None if data is None else load(data, given, [by])
    tte = None if loaded is None else _reference_group(loaded, by, reference)
    base, planned = _baseline(tte, given["unit"], relapse_hazard, zero), visits or ()
    if loaded is not None and visits is None:
        planned, missed = _schedule(loaded, missed)
    if follow_up is None and planned:
        follow_up = planned[-1]
    if patients is not None and (base is None or follow_up is None):
        raise click.UsageError("--n needs a hazard (--relapse-hazard or DATA) and a follow-up "
                               "(--follow-up or --visits).")  # fmt: skip
    study = plan_trial(
        hazard_ratio, power=wanted, n=patients, events=events, alpha=alpha, allocation=allocation,
        baseline=base, follow_up=follow_up, accrual=accrual, dropout=dropout,
        longest=planned[-1] if planned else math.inf,
    )  # fmt: skip
    simulated = None
    if study.n is not None and simulations:
        simulated = simulate_power(
            study, visits=planned, missed=missed or 0.0, simulations=simulations, seed=seed
        )
    own = loaded.study if loaded is not None else None
    document = power_document(study, simulated)
    print_result(document, power_tables(study, simulated), form, output, own)


def _reference_group(loaded: Loaded, by: str | None, reference: str | None) -> TimeToEvent:
    """Return the patients of the reference group, or everybody."""
    if by is None:
        return loaded.tte
    labels = [str(label) for label in loaded.labels[by]]
    if reference not in labels:
        known = ", ".join(sorted(set(labels)))
        raise click.UsageError(f"--reference: {by} has no group {reference}; it has {known}.")
    return loaded.tte.select([label == reference for label in labels])


def _baseline(
    tte: TimeToEvent | None, unit: str, relapse_hazard: float | None, zero: float | None
) -> BaselineHazard | None:
    """Return the hazard that was given, or that of the data, per month where they are in days."""
    from survival_bzd.estimate import BaselineHazard, baseline_hazard
    from survival_bzd.report.rounding import displayed, displayed_unit

    if relapse_hazard is not None:
        own = unit if tte is None else tte.unit
        return BaselineHazard(rates=(relapse_hazard,), unit=displayed_unit(own))
    if tte is None:
        return None
    found = baseline_hazard(tte, zero=zero)
    one = displayed(1.0, found.unit)
    return BaselineHazard(
        rates=tuple(rate / one for rate in found.rates),
        breaks=tuple(edge * one for edge in found.breaks),
        unit=displayed_unit(found.unit), source=found.source,
    )  # fmt: skip


def _schedule(loaded: Loaded, missed: float | None) -> tuple[tuple[float, ...], float | None]:
    """Return the visits of the study in months, and the part of them that was missed."""
    from survival_bzd.report.rounding import displayed
    from survival_bzd.study import visit_schedule

    found = None if loaded.study is None else visit_schedule(loaded.study)
    if found is None:
        say("DATA has no records of visits: relapses are taken to be seen when they happen, "
            "unless --visits says when patients are seen.")  # fmt: skip
        return (), missed
    months = tuple(displayed(day, "days") for day in found.days)
    return months, found.missed if missed is None else missed
