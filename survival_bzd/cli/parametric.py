"""Parametric models: parametric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result
from survival_bzd.cli.reading import load


@main.command()
@options.data
@options.rows
@options.bounds
@options.by
@options.cluster
@click.option(
    "--models",
    metavar="NAMES",
    help="Which, divided by commas; by default exponential,weibull,log-normal,log-logistic,"
    "piecewise,spline,cure.",
)
@click.option(
    "--breaks",
    type=options.Numbers(),
    help="Where the piecewise hazard changes, as 28,84; by default where a third and two thirds "
    "of the relapses have happened.",
)
@click.option(
    "--knots", type=click.IntRange(0, 10), default=1, show_default=True,
    help="Inner knots of the spline.",
)  # fmt: skip
@click.option("--as-dated", is_flag=True,
              help="Take a relapse at its date, not as between two visits.")  # fmt: skip
@click.option(
    "--zero", type=options.Number(0, min_open=True), metavar="T",
    help="Take a relapse on time 0 to have happened by T.",
)  # fmt: skip
@click.option(
    "--at", type=options.Numbers(), default=(), help="Times at which to report, as 90,180."
)
@options.level
@options.output
def parametric(
    data: str, by: str | None, cluster: str | None, models: str | None,
    breaks: tuple[float, ...] | None, knots: int, as_dated: bool, zero: float | None,
    at: tuple[float, ...], level: float, form: str, output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Weibull to mixture cure: curves, medians and a table of the models by AIC."""
    from survival_bzd.estimate import PARAMETRIC_MODELS
    from survival_bzd.estimate import parametric as fit_parametric
    from survival_bzd.report.parametric import parametric_document, parametric_tables

    loaded = load(data, given, [by, cluster])
    chosen = PARAMETRIC_MODELS if models is None else [one.strip() for one in models.split(",")]
    fits = fit_parametric(
        loaded.tte, models=chosen, by=loaded.labels[by] if by else None,
        cluster=loaded.labels[cluster] if cluster else None, breaks=breaks, knots=knots,
        intervals=not as_dated, zero=zero, confidence=level,
    )  # fmt: skip
    times = at or loaded.horizons
    document = parametric_document(fits, at=times, left_out=len(loaded.left_out))
    print_result(document, parametric_tables(fits, at=times), form, output, loaded.study)
