"""Hazard ratios: cox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import left_out_rows, load


@main.command()
@options.data
@options.rows
@click.option("--formula", required=True, metavar="F", help='As in R: "age + C(arm)".')
@click.option(
    "--ties",
    type=click.Choice(["efron", "breslow", "exact"]),
    default="efron",
    show_default=True,
    help="How tied relapses share a risk set.",
)
@options.strata
@options.cluster
@click.option(
    "--id",
    "patient",
    metavar="C",
    help="Column of the patient, where one has several (entry, time] rows, which must not overlap; "
    "errors are robust over patients if one has several events or weights are not whole.",
)
@options.level
@click.option(
    "--limits",
    type=click.Choice(["wald", "profile"]),
    help="Of the hazard ratios; by default wald, profile with Firth's likelihood.",
)
@click.option(
    "--penalty",
    type=click.Choice(["none", "firth", "auto"]),
    default="none",
    show_default=True,
    help="Firth's penalised likelihood; auto where events are few or a term separates.",
)
@options.output
def cox(
    data: str, formula: str, ties: str, strata: str | None, cluster: str | None,
    patient: str | None, level: float, limits: str | None, penalty: str, form: str,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Hazard ratios by Cox's model, with a test of proportional hazards."""
    from survival_bzd.estimate import cox as fit_cox
    from survival_bzd.report.documents import cox_document, cox_tables

    loaded = load(data, given, [strata, cluster, patient], formula)
    fit = fit_cox(
        loaded.tte, formula, ties=ties, penalty=penalty, limits=limits, confidence=level,
        strata=loaded.labels[strata] if strata else None,
        cluster=loaded.labels[cluster] if cluster else None,
        patient=loaded.labels[patient] if patient else None,
    )  # fmt: skip
    # Under a table on the same screen they stand already.
    for warning in fit.warnings if output or form in ("csv", "json") else ():
        say(f"Warning: {warning}")
    if fit.left_out:
        say(f"{left_out_rows(fit.left_out)} a covariate.")
    left_out = len(loaded.left_out) + fit.left_out
    document = cox_document(fit, left_out=left_out)
    print_result(document, cox_tables(fit), form, output, loaded.study)
