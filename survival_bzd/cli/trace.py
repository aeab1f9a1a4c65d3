"""The story of one patient, as text and as a figure."""

from __future__ import annotations

from pathlib import Path

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import deliver, deliver_figure, drawable, print_result
from survival_bzd.cli.reading import study_folder


@main.command()
@click.argument("data", metavar="STUDY")
@click.argument("patient", metavar="PATIENT")
@options.endpoint
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Draw the story too: a .pdf, .svg or .png file.")  # fmt: skip
@options.output
def trace(
    data: str, patient: str, endpoint: str | None, figure: Path | None, form: str,
    output: Path | None,
) -> None:  # fmt: skip
    """Tell the story of one PATIENT of a STUDY.

    Every record in the order of time and what the rules made of it, why the clock started and
    stopped there, and what would have changed it.
    """
    from survival_bzd.report.story import story_document, story_tables, story_text
    from survival_bzd.study import counts_in_dates, open_study, story_of

    drawable(figure)
    study = open_study(study_folder(data), endpoint)
    told = story_of(study, patient)
    in_dates = counts_in_dates(study)
    if figure is not None:
        from survival_bzd.report.figures.story import story_figure

        synthetic = study.declaration.study.synthetic
        drawn = story_figure(told, size=study.paper.size, synthetic=synthetic, in_dates=in_dates)
        deliver_figure(drawn, figure, "the story as a figure")
    if form == "table":
        card = study.declaration.study
        text = story_text(told, study=card.name, synthetic=card.synthetic, in_dates=in_dates)
        deliver(text, output)
        return
    document = {"story": story_document(told, in_dates=in_dates)}
    tables = story_tables(told, in_dates=in_dates)
    print_result(document, tables[:1] if form == "csv" else tables, form, output, study)
