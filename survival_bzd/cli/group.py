"""The command that the others belong to, and how errors become messages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from survival_bzd.errors import BadInput, SurvivalBzdError


class _Cli(click.Group):
    """Turns this package's errors into a message and the error's own exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a user's error is a message, never a traceback."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except SurvivalBzdError as error:
            told = str(error)
            if isinstance(error, BadInput):
                told = error.told("nothing was written")
            click.echo(f"Error: {told}", err=True)
            ctx.exit(error.exit_code)
        except OSError as error:
            click.echo(f"Error: {_place(error)}{error.strerror or error}", err=True)
            ctx.exit(3)


def _place(error: OSError) -> str:
    """Say where reading or writing failed; a temporary name means nothing to a user."""
    if not isinstance(error.filename, str):
        return ""
    path = Path(error.filename)
    return f"{path.parent if path.name.startswith('.') else path}: "


@click.group(cls=_Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="survival_bzd", prog_name="survival-bzd")
@click.option("-q", "--quiet", is_flag=True, help="Results only, no messages.")
def main(quiet: bool) -> None:
    """Show how long patients stay benzo-free.

    From follow-up records to time-to-relapse data, relapse-free curves, hazards and the paper.

    DATA is a study folder, the name of a supplied study, a file of time-to-event rows (CSV,
    Parquet, Excel, SAS, Stata, Dataset-JSON) with --time and --event, or an ADTTE file with
    --paramcd; - reads CSV from standard input.

    Exit status: 0 done, 1 a check said no, 2 wrong usage, 3 bad input.
    """
