"""The supplied studies: datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import deliver, print_result


@main.group()
def datasets() -> None:
    """List, describe, copy and import the supplied studies."""


@datasets.command("list")
@options.output
def datasets_list(form: str, output: Path | None) -> None:
    """List the supplied studies."""
    from survival_bzd.records.supplied import supplied
    from survival_bzd.report.listings import listing

    rows: list[dict[str, Any]] = [
        {
            "name": study.name,
            "title": study.title,
            "data": "synthetic" if study.synthetic else "real" if study.has_data else "to import",
            "licence": study.licence,
        }
        for study in supplied()
    ]
    print_result({"datasets": rows}, [listing("datasets", "Supplied studies", rows)], form, output)


@datasets.command("describe")
@click.argument("name")
def datasets_describe(name: str) -> None:
    """Print the README of a supplied study: source, licence, dictionary."""
    from survival_bzd.records.supplied import locate

    deliver((locate(name) / "README.md").read_text(encoding="utf-8"), None)


@datasets.command("copy")
@click.argument("name")
@click.argument("into", type=click.Path(path_type=Path))
def datasets_copy(name: str, into: Path) -> None:
    """Copy the supplied study NAME to the folder INTO, so that it can be changed."""
    from survival_bzd.records.supplied import copy

    copy(name, into)
    click.echo(into)


@datasets.command("import")
@click.argument("name", type=click.Choice(["ctn0094"]))
@click.option(
    "--from",
    "source",
    required=True,
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The exported tables of the R package public.ctn0094data.",
)
@click.option("--into", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where the study goes; by default a folder of its name.")  # fmt: skip
def datasets_import(name: str, source: Path, into: Path | None) -> None:
    """Make a study of records that cannot be supplied, from their exported tables."""
    from survival_bzd.records.supplied import import_ctn0094

    into = into or Path(name)
    import_ctn0094(source, into)
    click.echo(into)
