"""Symptom scores in the acute phase: who got clinically worse."""

from __future__ import annotations

from pathlib import Path

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import deliver_figure, drawable, print_result, say
from survival_bzd.cli.reading import study_folder


@main.command()
@click.argument("data", metavar="STUDY")
@options.endpoint
@options.level
@click.option("--patients", is_flag=True, help="Every patient's scores and changes instead.")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Draw the courses too: a .pdf, .svg or .png file.")  # fmt: skip
@options.output
def worsening(
    data: str, endpoint: str | None, level: float, patients: bool, figure: Path | None, form: str,
    output: Path | None,
) -> None:  # fmt: skip
    """Say who of a STUDY got clinically significantly worse in the acute phase.

    Its study.toml declares in [worsening] the acute phase and, for each scale of the table scales,
    how many points are clinically significant, with the source of that.
    """
    from survival_bzd.report.worsening import (
        changes_table,
        patient_documents,
        worsening_document,
        worsening_tables,
    )
    from survival_bzd.study import acute_results, open_study

    drawable(figure)
    study = open_study(study_folder(data), endpoint)
    results = acute_results(study, confidence=level)
    document = worsening_document(results)
    tables = (changes_table(results),) if patients else worsening_tables(results)
    if patients:
        document["patients"] = patient_documents(results)
    if figure is not None:
        from survival_bzd.report.figures.trajectories import trajectories_figure

        card = study.declaration.study
        drawn = trajectories_figure(results, size=study.paper.size, synthetic=card.synthetic)
        deliver_figure(drawn, figure, "the courses as a figure")
    if form in ("csv", "json"):
        for warning in document["warnings"]:
            say(f"Warning: {warning}")
    # Tables of different columns make no CSV file together.
    print_result(document, tables[:1] if form == "csv" else tables, form, output, study)
