"""A study from its first file to its paper: new, check, derive, paper, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import Progress, deliver, print_result, say
from survival_bzd.cli.reading import study_folder

if TYPE_CHECKING:
    from survival_bzd.study.listing import Part

DEFAULT_STUDY = "ketamine-taper"


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--days", is_flag=True, help="The records count study days instead of dates.")
def new(folder: Path, days: bool) -> None:
    """Make a study FOLDER: a commented study.toml and a table for each kind of record."""
    from survival_bzd.records.scaffold import scaffold

    for path in scaffold(folder, days=days):
        click.echo(path)
    say(f"Fill in the tables, take out those you do not have, then: survival-bzd check {folder}")


@main.command()
@click.argument("data", metavar="STUDY")
@options.endpoint
@options.output
def check(data: str, endpoint: str | None, form: str, output: Path | None) -> None:
    """Check a STUDY: every problem of every table, or what was read and what became of it."""
    from survival_bzd.report.listings import listing
    from survival_bzd.study import open_study, summary

    study = open_study(study_folder(data), endpoint)
    parts = summary(study)
    tables = [listing("check", title, rows) for title, rows in parts.items() if rows]
    print_result(dict(parts), tables, form, output, study, guards_below=True)


@main.command()
@click.argument("data", metavar="STUDY")
@options.endpoint
@click.option("--trace", "patient", metavar="PATIENT", help="Every statement of one patient, and "
              "what the rules made of it.")  # fmt: skip
@click.option("--conflicts", is_flag=True, help="The statements that contradict each other.")
@click.option("--flow", is_flag=True, help="What became of everybody enrolled.")
@click.option("--emit-sql", is_flag=True, help="The SQL that ran, for an auditor.")
@click.option(
    "--adtte",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write CDISC ADTTE, by the ending as .csv, .xpt or .json (Dataset-JSON).",
)
@options.output
def derive(
    data: str, endpoint: str | None, patient: str | None, conflicts: bool, flow: bool,
    emit_sql: bool, adtte: Path | None, form: str, output: Path | None,
) -> None:  # fmt: skip
    """Derive the time-to-event data of a STUDY, each patient with the record that decided."""
    from survival_bzd.report.listings import listing
    from survival_bzd.study import derivation_sql, derived, export_adtte, open_study

    if sum((patient is not None, conflicts, flow)) > 1:
        raise click.UsageError("Take one of --trace, --conflicts and --flow.")
    study = open_study(study_folder(data), endpoint)
    if emit_sql:
        deliver(derivation_sql(study), output)
        return
    if adtte is not None:
        for path in export_adtte(study, adtte):
            click.echo(path)
        return
    part: Part = (
        "trace" if patient else "conflicts" if conflicts else "flow" if flow else "patients"
    )
    rows, title = derived(study, part, patient)
    table = listing(part, title, rows)
    print_result({part: rows}, [table], form, output, study, guards_below=True)


@main.command()
@click.argument("data", metavar="[STUDY]", default=DEFAULT_STUDY)
@click.option("--into", type=click.Path(path_type=Path), default=Path("paper"), show_default=True,
              metavar="FOLDER", help="Where the paper goes.")  # fmt: skip
@options.endpoint
def paper(data: str, into: Path, endpoint: str | None) -> None:
    """Write the paper of a STUDY: curves, tables, figures, numbers, manuscript.

    Without a STUDY it is the supplied ketamine-taper.
    """
    from survival_bzd.study import run

    manifest = run(study_folder(data), into, endpoint=endpoint, progress=Progress())
    count = len(manifest["files"]) + 1
    click.echo(f"{into}: {count} files, the manuscript in {into / 'manuscript.pdf'}")


@main.command()
@click.argument(
    "paper", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--study",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The study's folder; by default where the manifest says.",
)
@click.option(
    "--second-opinion",
    "asked",
    metavar="STUDY",
    help="Compute the numbers of a study again with lifelines, scikit-survival, statsmodels and R.",
)
@options.endpoint
@options.output
def verify(
    paper: Path | None, study: Path | None, asked: str | None, endpoint: str | None, form: str,
    output: Path | None,
) -> None:  # fmt: skip
    """Run the study of a PAPER again and name every number and file that differs.

    With --second-opinion, compute a study's numbers with other software instead.
    """
    if (paper is None) == (asked is None):
        raise click.UsageError("Name the folder of a paper, or a study with --second-opinion.")
    if paper and endpoint:
        raise click.UsageError("--endpoint is for --second-opinion; a paper has its own.")
    if study and not paper:
        raise click.UsageError("--study is for a paper; --second-opinion names its study itself.")
    same = _rerun(paper, study, form, output) if paper else _ask(str(asked), endpoint, form, output)
    click.get_current_context().exit(0 if same else 1)


def _rerun(paper: Path, study: Path | None, form: str, output: Path | None) -> bool:
    """Print what moved in a paper; return whether nothing did."""
    from dataclasses import asdict

    from survival_bzd.report.listings import listing
    from survival_bzd.verify import verify as rerun

    found = rerun(paper, study, progress=Progress())
    rows = [asdict(difference) for difference in found.differences]
    lines = [("moved    " if one.moved else "note     ") + str(one) for one in found.differences]
    compared = f"{found.compared_numbers} cells in {found.compared_files} files"
    if not found.bytes_compared:
        compared += "; bytes were not compared, the software differs"
    moved = sum(difference.moved for difference in found.differences)
    summary = f"{moved or 'nothing'} moved ({compared})"
    if form == "table":
        deliver("\n".join([*lines, summary]), output)
        return not found.moved
    document = {
        "moved": moved,
        "cells": found.compared_numbers,
        "files": found.compared_files,
        "bytes_compared": found.bytes_compared,
        "differences": rows,
    }
    print_result(
        document, [listing("verify", f"What moved in {paper}", rows, [summary])], form, output
    )
    return not found.moved


def _ask(data: str, endpoint: str | None, form: str, output: Path | None) -> bool:
    """Print second opinions on a study; return whether every difference is explained."""
    from survival_bzd.report.listings import listing
    from survival_bzd.study import open_study
    from survival_bzd.verify import missing_packages, opinion_rows, second_opinions

    study = open_study(study_folder(data), endpoint)
    opinions = second_opinions(study)
    rows = list(opinion_rows(opinions))
    agree = sum(opinion.agrees for opinion in opinions)
    missing = missing_packages()
    notes = [f"{agree} of {len(opinions)} agree."]
    notes += [f"Not asked, not installed: {', '.join(missing)}."] if missing else []
    table = listing("second_opinion", f"Second opinions on {study.folder.name}", rows, notes)
    print_result({"opinions": rows, "not_asked": list(missing)}, [table], form, output, study)
    return all(opinion.agrees or opinion.explained for opinion in opinions)
