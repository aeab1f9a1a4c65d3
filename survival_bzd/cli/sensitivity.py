"""What the rules decide: every defensible variant of an endpoint."""

from __future__ import annotations

import os
from pathlib import Path

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import Progress, deliver_figure, drawable, print_result
from survival_bzd.cli.reading import study_folder

MOST_JOBS = 4
"""More jobs than this are only taken when asked for."""


@main.command()
@click.argument("data", metavar="STUDY")
@options.endpoint
@click.option(
    "--at", type=options.Numbers(), default=(), metavar="DAYS",
    help="Days at which to report the curves, the main one last, as 28,84,168; by default those "
    "of [sensitivity], or the endpoint's horizons.",
)  # fmt: skip
@click.option("--formula", metavar="F", help="Cox model whose first term is the hazard ratio of "
              "interest; by default that of [sensitivity], or the first of the paper.")  # fmt: skip
@options.level
@click.option("--jobs", type=click.IntRange(1), default=None, metavar="N",
              help="How many variants at once; by default as many as there are processors, "
              f"{MOST_JOBS} at most.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Of the imputations of what became of the lost.")  # fmt: skip
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Draw the specification curve too: a .pdf, .svg or .png file.")  # fmt: skip
@options.output
def sensitivity(
    data: str, endpoint: str | None, at: tuple[float, ...], formula: str | None, level: float,
    jobs: int | None, seed: int, figure: Path | None, form: str, output: Path | None,
) -> None:  # fmt: skip
    """Say what the rules of an endpoint of a STUDY decide: every variant, side by side.

    The variants are declared in [sensitivity] of its study.toml; without it they are the usual
    ones. Each is derived from the same records, and estimated by Kaplan-Meier and as
    interval-censored. A second table says what the lost decide: bounds, how much faster they would
    have to relapse, and weights.
    """
    from survival_bzd.report.sensitivity import sensitivity_document, sensitivity_tables
    from survival_bzd.study import open_study
    from survival_bzd.study.sensitivity import asked_of
    from survival_bzd.study.sensitivity import sensitivity as estimated

    drawable(figure)
    progress = Progress()
    progress("reading the records")
    study = open_study(study_folder(data), endpoint)
    results = estimated(
        study, asked_of(study, endpoint), at_days=at, formula=formula, confidence=level,
        jobs=jobs or min(MOST_JOBS, os.cpu_count() or 1), seed=seed, progress=progress,
    )  # fmt: skip
    if figure is not None:
        from survival_bzd.report.figures.specification_curve import specification_curve

        drawn = specification_curve(
            results, size=study.paper.size, synthetic=study.declaration.study.synthetic
        )
        deliver_figure(drawn, figure, "the specification curve")
    document, tables = sensitivity_document(results), sensitivity_tables(results)
    # Tables of different columns make no CSV file together.
    print_result(document, tables[:1] if form == "csv" else tables, form, output, study)
