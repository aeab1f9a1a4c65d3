"""Curves, tests, restricted means, rates: km, compare, rmst, hazard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import load
from survival_bzd.errors import NotEstimable


@main.command()
@options.data
@options.rows
@options.by
@options.cluster
@click.option("--limits",
              type=click.Choice(["log-log", "log", "plain", "arcsin", "logit", "beta"]),
              default="log-log", show_default=True,
              help="Scale of the limits; beta: beta product, for small samples.")  # fmt: skip
@options.level
@click.option(
    "--at", type=options.Numbers(), default=(), help="Times at which to report, as 90,180."
)
@options.tau
@options.output
def km(
    data: str, by: str | None, cluster: str | None, limits: str, level: float,
    at: tuple[float, ...], tau: float | None, form: str, output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Relapse-free curves by Kaplan-Meier, with median, restricted mean and survival at times."""
    from survival_bzd.estimate import kaplan_meier, restricted_mean
    from survival_bzd.report.documents import km_document, km_tables

    loaded = load(data, given, [by, cluster])
    groups = loaded.labels[by] if by else None
    curves = kaplan_meier(
        loaded.tte, by=groups, limits=limits, confidence=level,
        cluster=loaded.labels[cluster] if cluster else None,
    )  # fmt: skip
    no_mean: dict[str | None, str] = {}
    try:
        means = restricted_mean(loaded.tte, by=groups, tau=tau, confidence=level)
    except NotEstimable as error:
        # The curves do not need the mean: it is left open, and said why.
        means, no_mean = (), {curve.group: str(error) for curve in curves}
        say(f"Warning: {error}")
    times = at or loaded.horizons
    document = km_document(
        curves,
        at=times,
        restricted_means=means,
        no_mean=no_mean,
        left_out=len(loaded.left_out),
    )
    tables = km_tables(curves, at=times, restricted_means=means)
    print_result(document, tables, form, output, loaded.study)


@main.command()
@options.data
@options.rows
@click.option("--by", metavar="C", required=True, help="Column of the groups.")
@options.strata
@click.option(
    "--test",
    "weights",
    default="fleming-harrington",
    type=click.Choice(["logrank", "gehan", "tarone-ware", "peto", "fleming-harrington"]),
    help="How events are weighted; by default after Fleming and Harrington, which is the "
    "log-rank test while --rho and --gamma are 0.",
)
@click.option(
    "--rho",
    type=options.Number(),
    default=0.0,
    show_default=True,
    help="Fleming-Harrington weight S(t-)^rho: 1 Peto-Peto.",
)
@click.option(
    "--gamma",
    type=options.Number(),
    default=0.0,
    show_default=True,
    help="Fleming-Harrington weight (1 - S(t-))^gamma, for late differences.",
)
@click.option(
    "--exact",
    is_flag=True,
    help="p from the assignments of the patients to the groups: "
    "all up to 3,000,000 of them, else 99,999 random ones; for at most 2,000 patients.",
)
@click.option("--pairwise", is_flag=True, help="Every two groups too, p adjusted after Holm.")
@click.option(
    "--max-combo",
    "combo",
    is_flag=True,
    help="The largest of four tests too, for hazards that may cross.",
)
@click.option(
    "--at", type=options.Numbers(), default=(), help="Differences at these times too, as 90,180."
)
@options.level
@options.output
def compare(
    data: str, by: str, strata: str | None, weights: str, rho: float, gamma: float, exact: bool,
    pairwise: bool, combo: bool, at: tuple[float, ...], level: float, form: str,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Test whether groups differ: log-rank, stratified, weighted, exact, pairwise."""
    from survival_bzd.estimate import (
        exact_logrank,
        logrank,
        max_combo,
        pairwise_logrank,
        survival_difference,
    )
    from survival_bzd.report.comparisons import difference_rows, max_combo_rows, pairwise_rows
    from survival_bzd.report.documents import compare_document, compare_tables
    from survival_bzd.report.listings import listing, worded

    loaded = load(data, given, [by, strata])
    tte, groups = loaded.tte, loaded.labels[by]
    how: dict[str, Any] = {
        "strata": loaded.labels[strata] if strata else None,
        "weights": weights, "rho": rho, "gamma": gamma,
    }  # fmt: skip
    every = exact_logrank(tte, groups, **how) if exact else None
    test = every.test if every else logrank(tte, groups, **how)
    document = compare_document(test, exact=every, left_out=len(loaded.left_out))
    tables = list(compare_tables(test, exact=every))
    further: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    if pairwise:
        pairs = pairwise_rows(pairwise_logrank(tte, groups, **how))
        further["pairwise"] = ("Every two groups, p adjusted after Holm", pairs)
    if combo:
        four = max_combo_rows(max_combo(tte, groups, strata=how["strata"]))
        further["max_combo"] = ("The largest of four weighted tests", four)
    if at:
        found = [one for time in at
                 for one in survival_difference(tte, groups, time, confidence=level)]  # fmt: skip
        further["differences"] = (
            "Difference of the relapse-free proportions",
            difference_rows(found),
        )
    for key, (title, rows) in further.items():
        document[key] = rows
        tables.append(worded(listing(key, title, rows)))
    print_result(document, tables, form, output, loaded.study)


@main.command()
@options.data
@options.rows
@options.by
@options.tau
@options.level
@options.output
def rmst(
    data: str, by: str | None, tau: float | None, level: float, form: str, output: Path | None,
    **given: Any,
) -> None:  # fmt: skip
    """Restricted mean times free of relapse, and how those of the groups differ."""
    from survival_bzd.estimate import (
        restricted_mean,
        restricted_mean_difference,
        restricted_mean_ratio,
    )
    from survival_bzd.report.comparisons import ratio_rows
    from survival_bzd.report.documents import rmst_document, rmst_tables
    from survival_bzd.report.listings import listing, worded

    loaded = load(data, given, [by])
    groups = loaded.labels[by] if by else None
    means = restricted_mean(loaded.tte, by=groups, tau=tau, confidence=level)
    differences = (
        restricted_mean_difference(loaded.tte, groups, tau=tau, confidence=level)
        if groups is not None and len(means) > 1
        else ()
    )
    document = rmst_document(means, differences, left_out=len(loaded.left_out))
    tables = list(rmst_tables(means, differences))
    if differences and groups is not None and all(mean.estimate > 0 for mean in means):
        ratios = restricted_mean_ratio(loaded.tte, groups, tau=tau, confidence=level)
        document["ratios"] = ratio_rows(ratios)
        tables.append(
            worded(listing("ratios", "Ratios of the restricted means", document["ratios"]))
        )
    print_result(document, tables, form, output, loaded.study)


@main.command()
@options.data
@options.rows
@options.by
@click.option(
    "--windows",
    type=options.Numbers(),
    help="Edges of the windows, as 0,91,182; by default those of the study.",
)
@options.level
@options.output
def hazard(
    data: str, by: str | None, windows: tuple[float, ...] | None, level: float, form: str,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Relapses, person-time and rate per window of time, with exact limits."""
    from survival_bzd.estimate import hazard_table
    from survival_bzd.report.documents import hazard_document, hazard_tables

    loaded = load(data, given, [by])
    edges = windows or loaded.hazard_edges
    if not edges:
        raise click.UsageError("A file of rows needs --windows, as in --windows 0,91,182.")
    groups = loaded.labels[by] if by else None
    tables = hazard_table(loaded.tte, edges, by=groups, confidence=level)
    document = hazard_document(tables, left_out=len(loaded.left_out))
    print_result(document, hazard_tables(tables), form, output, loaded.study)
