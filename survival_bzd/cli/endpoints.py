"""Published definitions of relapse: endpoints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import deliver, print_result


@main.command()
@click.argument("name", required=False)
@options.output
def endpoints(name: str | None, form: str, output: Path | None) -> None:
    """List published definitions of relapse, or explain the one of NAME, with TOML to paste."""
    from survival_bzd.endpoint.library import definitions
    from survival_bzd.report.listings import listing

    known = definitions()
    if name is not None and name not in known:
        raise click.BadParameter(f"{name} is none of {', '.join(known)}.", param_hint="NAME")
    if name is not None and form == "table":
        deliver(known[name].explained(), output)
        return
    asked = [known[name]] if name else list(known.values())
    document = [{**asdict(one), "toml": one.toml()} for one in asked]
    rows = [
        {"name": one.name, "title": one.title, "citation": one.citation, "doi": one.doi}
        for one in asked
    ]
    table = listing("endpoints", "Published definitions of relapse", rows)
    print_result({"definitions": document}, [table], form, output)
