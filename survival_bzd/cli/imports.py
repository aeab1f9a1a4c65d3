"""Study folders from what other systems export: import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import deliver, print_result, say

if TYPE_CHECKING:
    from survival_bzd.errors import Fault
    from survival_bzd.records.imports.dtc import Partial

FILE = click.Path(dir_okay=False, path_type=Path)


@main.group("import")
def imports() -> None:
    """Make a study folder of an export: REDCap, SDTM, timeline-followback calendars."""


@imports.command()
@click.argument("export", metavar="EXPORT.csv", type=FILE)
@click.option(
    "--dictionary",
    required=True,
    metavar="DICT.csv",
    type=FILE,
    help="The data dictionary of the project.",
)
@click.option(
    "--map",
    "mapping",
    metavar="MAP.toml",
    type=FILE,
    help="Which field feeds which column of the study.",
)
@click.option(
    "--scaffold",
    metavar="MAP.toml",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write a map to fill in, from the dictionary; - prints it.",
)
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The study to make; without, nothing is written.",
)
@click.option("--delimiter", metavar="MARK", help="Between fields; by default found out.")
@click.option("--decimal-mark", type=click.Choice([".", ","]), help="By default found out.")
@options.output
def redcap(
    export: Path, dictionary: Path, mapping: Path | None, scaffold: Path | None, into: Path | None,
    delimiter: str | None, decimal_mark: str | None, form: str, output: Path | None,
) -> None:  # fmt: skip
    """Make a study folder of a raw REDCap EXPORT.csv, by a map that says which field is what.

    Longitudinal projects, repeating instruments and events, checkboxes and codes for missing data
    are understood. Every table gets a column source_line, the line of the export it comes from.
    """
    from survival_bzd.records.imports.redcap import import_redcap, scaffold_map

    if (mapping is None) == (scaffold is None):
        raise click.UsageError("Give a --map, or have one written with --scaffold.")
    if scaffold is not None:
        _write_map(scaffold_map(export, dictionary, delimiter=delimiter), scaffold)
        return
    assert mapping is not None
    shares = import_redcap(export, dictionary, mapping, into, delimiter=delimiter,
                           decimal=decimal_mark, check=_faults_of)  # fmt: skip
    _report([asdict(share) for share in shares], into, form, output)


@imports.command()
@click.argument("calendar", metavar="CALENDAR.csv", type=FILE)
@click.option("--map", "mapping", metavar="MAP.toml", type=FILE, help="How the calendar is read.")
@click.option(
    "--scaffold",
    metavar="MAP.toml",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write a map to fill in; - prints it.",
)
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The study to make; without, nothing is written.",
)
@click.option(
    "--add-to",
    metavar="STUDY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Add the calendar to this study instead.",
)
@click.option(
    "--window",
    "window_days",
    metavar="DAYS",
    type=click.IntRange(1, 36525),
    help="So many days before each interview were asked about.",
)
@click.option("--delimiter", metavar="MARK", help="Between fields; by default found out.")
@options.output
def tlfb(
    calendar: Path, mapping: Path | None, scaffold: Path | None, into: Path | None,
    add_to: Path | None, window_days: int | None, delimiter: str | None, form: str,
    output: Path | None,
) -> None:  # fmt: skip
    """Make a study folder of a timeline-followback CALENDAR.csv, or add the calendar to a study.

    Long calendars have a row for each day of use, wide ones a column for each day. Which days were
    asked about has to be known: a day that is not there is no day without use.
    """
    from survival_bzd.records.imports.tlfb import import_tlfb, scaffold_calendar_map

    if (mapping is None) == (scaffold is None):
        raise click.UsageError("Give a --map, or have one written with --scaffold.")
    if into is not None and add_to is not None:
        raise click.UsageError("Take one of --into and --add-to.")
    if scaffold is not None:
        _write_map(scaffold_calendar_map(calendar, delimiter=delimiter), scaffold)
        return
    assert mapping is not None
    shares = import_tlfb(calendar, mapping, into, add_to=add_to, window_days=window_days,
                         delimiter=delimiter, check=_faults_of)  # fmt: skip
    _report([asdict(share) for share in shares], into or add_to, form, output)


@imports.command()
@click.argument("source", metavar="FOLDER",
                type=click.Path(exists=True, file_okay=False, path_type=Path))  # fmt: skip
@click.option(
    "--into",
    metavar="STUDY",
    type=click.Path(path_type=Path),
    help="The study to make; without, nothing is written.",
)
@click.option(
    "--partial",
    type=click.Choice(["first", "middle", "last", "leave_out"]),
    help="What becomes of dates known in part: completed to that day, with a flag, or no date. "
    "By default they are refused.",
)
@click.option("--benzodiazepine", metavar="NAME", multiple=True,
              help="A substance of the records that is one.")  # fmt: skip
@click.option("--z-drug", metavar="NAME", multiple=True,
              help="A substance of the records that is one.")  # fmt: skip
@click.option("--not-counted", metavar="NAME", multiple=True,
              help="A substance of the records that is neither.")  # fmt: skip
@click.option("--synthetic", is_flag=True, help="The data are made up; every output says so.")
@click.option("--control-group", is_flag=True, help="The study has a comparison group.")
@options.output
def sdtm(
    source: Path, into: Path | None, partial: Partial | None, benzodiazepine: tuple[str, ...],
    z_drug: tuple[str, ...], not_counted: tuple[str, ...], synthetic: bool, control_group: bool,
    form: str, output: Path | None,
) -> None:  # fmt: skip
    """Make a study folder of a FOLDER of SDTM domains, as xpt, CSV or Dataset-JSON.

    DM, and what there is of SV, SU, LB, CM, EX, QS and DS. What is not used is listed, by domain
    and test code, here and in import.csv of the study.
    """
    from survival_bzd.records.imports.sdtm import import_sdtm

    named = {"benzodiazepine": benzodiazepine, "z_drug": z_drug, "not_counted": not_counted}
    done = import_sdtm(
        source, into, partial=partial, synthetic=synthetic, control_group=control_group,
        classes={name: group for group, names in named.items() for name in names}, check=_faults_of,
    )  # fmt: skip
    for note in done.notes:
        say(note)
    _report([asdict(share) for share in done.shares], into, form, output)


def _write_map(text: str, path: Path) -> None:
    """Write a map to fill in, or print it; one that exists may be filled in already."""
    if str(path) == "-":
        deliver(text, None)
        return
    if path.exists():
        raise click.UsageError(f"{path} exists: name another file.")
    deliver(text, path)
    say(f"Fill in {path}, then: --map {path}")


def _faults_of(folder: Path) -> Iterable[Fault]:
    """Say what `check` would find wrong with a study folder."""
    from survival_bzd.errors import BadInput
    from survival_bzd.study import open_study

    try:
        open_study(folder)
    except BadInput as refused:
        return refused.faults
    return ()


def _report(rows: list[dict[str, Any]], into: Path | None, form: str, output: Path | None) -> None:
    """Print what became of the rows of an export."""
    from survival_bzd.report.listings import listing

    title = f"Imported into {into}" if into else "Would be imported; nothing was written"
    print_result({"tables": rows}, [listing("import", title, rows)], form, output)
    if into:
        say(f"Next: survival-bzd check {into}")
