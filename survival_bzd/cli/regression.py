"""Hazard ratios: cox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import left_out_rows, load

if TYPE_CHECKING:
    from survival_bzd.estimate import CoxFit, IntervalCoxFit
    from survival_bzd.study import Loaded


@main.command()
@options.data
@options.rows
@options.bounds
@click.option("--intervals", is_flag=True, help="Of a study: take each relapse to lie between two "
              "visits. A file has --lower and --upper for this.")  # fmt: skip
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
@click.option(
    "--variance",
    type=click.Choice(["information", "scores"]),
    default="information",
    show_default=True,
    help="Between two visits: errors from the curvature of the profile likelihood, or from the "
    "squares of the patients' scores.",
)
@options.output
def cox(
    data: str, intervals: bool, formula: str, strata: str | None, cluster: str | None,
    patient: str | None, form: str, output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Hazard ratios by Cox's model, with a test of proportional hazards.

    With --lower and --upper, or --intervals, relapses are only known to lie between two visits.
    """
    between = _between_visits(data, intervals, given)
    loaded = load(data, given, [strata, cluster, patient], formula)
    labels = {"strata": loaded.labels[strata] if strata else None,
              "cluster": loaded.labels[cluster] if cluster else None}  # fmt: skip
    fit: CoxFit | IntervalCoxFit
    if between:
        fit, document, tables = _fit_intervals(loaded, formula, labels, given)
    else:
        labels["patient"] = loaded.labels[patient] if patient else None
        fit, document, tables = _fit(loaded, formula, labels, given)
    # Under a table on the same screen they stand already.
    for warning in fit.warnings if output or form in ("csv", "json") else ():
        say(f"Warning: {warning}")
    if fit.left_out:
        say(f"{left_out_rows(fit.left_out)} a covariate.")
    print_result(document, tables, form, output, loaded.study)


def _between_visits(data: str, intervals: bool, given: dict[str, Any]) -> bool:
    """Whether relapses lie between two visits; refuse the options that do not apply then."""
    bounds = bool(given["lower_column"] or given["upper_column"])
    if intervals and not bounds and (data == "-" or Path(data).is_file()):
        raise click.UsageError("--intervals is for a study; a file has --lower and --upper.")
    between = intervals or bounds
    source = click.get_current_context().get_parameter_source
    wrong = ("ties", "patient", "penalty") if between else ("variance",)
    names = {"patient": "id"}
    found = [f"--{names.get(name, name)}" for name in wrong
             if source(name) == click.core.ParameterSource.COMMANDLINE]  # fmt: skip
    if found:
        when = "exact times" if between else "--intervals, or --lower and --upper"
        raise click.UsageError(f"{', '.join(found)} {'are' if found[1:] else 'is'} for {when}.")
    return between


def _fit(
    loaded: Loaded, formula: str, labels: dict[str, Any], given: dict[str, Any]
) -> tuple[CoxFit, dict[str, Any], Any]:
    """Fit exact times."""
    from survival_bzd.estimate import cox
    from survival_bzd.report.documents import cox_document, cox_tables

    fit = cox(
        loaded.tte, formula, ties=given["ties"], penalty=given["penalty"], limits=given["limits"],
        confidence=given["level"], **labels,
    )  # fmt: skip
    left_out = len(loaded.left_out) + fit.left_out
    document, patients = cox_document(fit, left_out=left_out), None
    if labels["patient"] is not None:
        patients = len(set(labels["patient"][fit.problem.design.kept]))
        document = {"patients": patients, **document}
    return fit, document, cox_tables(fit, patients=patients)


def _fit_intervals(
    loaded: Loaded, formula: str, labels: dict[str, Any], given: dict[str, Any]
) -> tuple[IntervalCoxFit, dict[str, Any], Any]:
    """Fit times that lie between two visits."""
    from survival_bzd.estimate import interval_cox
    from survival_bzd.report.interval_models import interval_cox_document, interval_cox_tables

    fit = interval_cox(
        loaded.tte, formula, variance=given["variance"], limits=given["limits"] or "wald",
        confidence=given["level"], **labels,
    )  # fmt: skip
    left_out = len(loaded.left_out) + fit.left_out
    return fit, interval_cox_document(fit, left_out=left_out), interval_cox_tables(fit)
