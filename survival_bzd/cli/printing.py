"""Results on standard output or in a file, messages and progress on standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from survival_bzd.report.figures import Figure
    from survival_bzd.report.table import Table
    from survival_bzd.study import Study

DRAWN = ("pdf", "svg", "png")
"""The forms of a figure."""

MESSAGE_AFTER = 1.0
"""Seconds that a command may be silent before it says what it is doing."""


class Progress:
    """Says on standard error what a command is doing, once it has taken more than a second."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, step: str) -> None:
        """Say which step begins."""
        if time.monotonic() - self.began > MESSAGE_AFTER:
            say(f"... {step}")


def say(message: str) -> None:
    """Write a message to standard error, unless --quiet."""
    context = click.get_current_context()
    if not context.find_root().params.get("quiet"):
        click.echo(message, err=True)


def deliver(text: str, output: Path | None) -> None:
    """Write a result to standard output, or to a file by way of a temporary name."""
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.partial")
    temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    temporary.replace(output)


def drawable(figure: Path | None) -> None:
    """Refuse a figure's file whose ending says no form that a figure has."""
    if figure is not None and figure.suffix.lower().lstrip(".") not in DRAWN:
        raise click.UsageError("--figure is the name of a .pdf, .svg or .png file.")


def deliver_figure(figure: Figure, path: Path, words: str) -> None:
    """Write a figure in the form that the file's ending says, by way of a temporary name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(getattr(figure, path.suffix.lower().lstrip(".")))
    temporary.replace(path)
    say(f"{path}: {words}")


def print_result(
    document: dict[str, Any],
    tables: Sequence[Table],
    form: str,
    output: Path | None,
    study: Study | None = None,
    *,
    guards_below: bool = False,
) -> None:
    """Print a result as JSON or as tables; of a study with its guards, and whether it is synthetic.

    The guards are said on standard error; with `guards_below` who reads the tables finds them under
    the first one instead.
    """
    import json
    from dataclasses import replace

    from survival_bzd.report.rendering import render
    from survival_bzd.report.table import called_synthetic

    if study is not None:
        from survival_bzd.report.guards import guard_document, guard_note
        from survival_bzd.study import guards_of

        synthetic = study.declaration.study.synthetic
        document = {"study": study.declaration.study.name, "synthetic": synthetic, **document}
        tables = [called_synthetic(table) for table in tables] if synthetic else list(tables)
        found = guards_of(study)
        notes = tuple(guard_note(guard) for guard in found)
        below = guards_below and form not in ("json", "csv") and bool(tables)
        if below:
            tables[0] = replace(tables[0], notes=(*tables[0].notes, *notes))
        if output is not None or not below:
            for note in notes:
                say(note)
        document["guards"] = [guard_document(guard) for guard in found]
    if form == "json":
        deliver(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False), output)
        return
    deliver("\n".join(render(table, form) for table in tables), output)
