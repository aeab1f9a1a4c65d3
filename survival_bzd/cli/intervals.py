"""Curves of relapses that lie between two visits: npmle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import load
from survival_bzd.errors import NotEstimable

if TYPE_CHECKING:
    from survival_bzd.estimate import IntervalLogRank
    from survival_bzd.study import Loaded

MANY = 3_000_000
"""Patients times resamples from which on the limits take long enough to say so."""


@main.command()
@options.data
@options.interval_rows
@options.by
@options.strata
@click.option(
    "--at", type=options.Numbers(), default=(), help="Times at which to report, as 90,180."
)
@options.level
@click.option("--resamples", type=click.IntRange(0), default=1000, show_default=True,
              help="For the limits; 0 for none.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Of the resamples.")  # fmt: skip
@click.option("--scores", type=click.Choice(["sun", "finkelstein"]), default="sun",
              show_default=True, help="Of the test between the groups.")  # fmt: skip
@click.option(
    "--exact",
    is_flag=True,
    help="p of the test from the assignments of the patients to the groups: "
    "all up to 3,000,000 of them, else 99,999 random ones.",
)
@options.output
def npmle(
    data: str, by: str | None, strata: str | None, at: tuple[float, ...], level: float,
    resamples: int, seed: int, scores: str, exact: bool, form: str, output: Path | None,
    **given: Any,
) -> None:  # fmt: skip
    """Relapse-free curves where a relapse is only known to lie between two visits.

    Maximum likelihood without a model; which stretches the data leave open; a log-rank test.
    """
    from survival_bzd.estimate import npmle as fit
    from survival_bzd.estimate import npmle_limits
    from survival_bzd.report.interval_curves import npmle_document, npmle_tables

    if resamples == 1:
        raise click.UsageError("--resamples is 0 for no limits, or at least 2.")
    if by is None and (exact or strata):
        raise click.UsageError("--exact and --strata are for a test between groups: give --by.")
    loaded = load(data, given, [by, strata])
    groups = loaded.labels[by] if by else None
    times = at or loaded.horizons
    curves = fit(loaded.tte, by=groups)
    if resamples * loaded.tte.n >= MANY:
        say(f"... the limits take {resamples:,} curves; --resamples 0 leaves them out")
    limits = (
        npmle_limits(loaded.tte, times, resamples, seed, by=groups, confidence=level)
        if resamples
        else ()
    )
    test, no_test = None, ""
    if by is not None:
        try:
            test = _test(loaded, by, strata, scores, exact)
        except NotEstimable as error:
            # The curves do not need the test: it is left open, and said why.
            no_test = str(error)
            say(f"Warning: {error}")
    document = npmle_document(
        curves, limits, at=times, test=test, no_test=no_test, left_out=len(loaded.left_out)
    )
    tables = npmle_tables(curves, limits, at=times, test=test)
    print_result(document, tables, form, output, loaded.study)


def _test(loaded: Loaded, by: str, strata: str | None, scores: str, exact: bool) -> IntervalLogRank:
    """Test the groups; weights that are not whole cannot count patients, and leave it open."""
    from survival_bzd.estimate import interval_logrank

    weight = loaded.tte.weight
    if weight is not None and (weight % 1 != 0).any() and not exact:
        raise NotEstimable("the test needs weights that are whole numbers: it counts patients")
    return interval_logrank(
        loaded.tte, loaded.labels[by], strata=loaded.labels[strata] if strata else None,
        scores=scores, exact=exact,
    )  # fmt: skip
