"""The dictionary of benzodiazepines and Z-drugs: list, explain, match names, convert doses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result

if TYPE_CHECKING:
    from survival_bzd.report.table import Table

WARNING = "For research on records; not for prescribing, tapering or judging a test."
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--match", "to_match", type=FILE, metavar="FILE", help="Match the names in a column "
              "of FILE; the unmatched come last, and make the exit status 1.")  # fmt: skip
@click.option("--doses", type=FILE, metavar="FILE", help="Convert the daily doses in FILE to mg of "
              "diazepam under every table, and show for whom a cut depends on it.")  # fmt: skip
@click.option("--column", metavar="C", help="Column of the names.")
@click.option("--mg", metavar="C", help="Column of the daily dose in mg, for --doses.")
@click.option("--patient", metavar="C", help="Column of the patient, whose doses are added up.")
@click.option("--cut", type=options.Number(0), default=10.0, show_default=True,
              help="mg of diazepam a day that a dose is over or not, for --doses.")  # fmt: skip
@click.option("--delimiter", default=",", help="Between the fields of a CSV file.")
@options.output
def substances(
    names: tuple[str, ...], to_match: Path | None, doses: Path | None, column: str | None,
    mg: str | None, patient: str | None, cut: float, delimiter: str, form: str,
    output: Path | None,
) -> None:  # fmt: skip
    """List benzodiazepines and Z-drugs, explain each NAME, or match a file's names.

    Every number has its source. For research on records; not for prescribing.
    """
    if sum((bool(names), to_match is not None, doses is not None)) > 1:
        raise click.UsageError("Take one of NAME, --match and --doses.")
    if (to_match or doses) and column is None:
        raise click.UsageError("Name the column of the names: --column C.")
    if doses is not None:
        if mg is None:
            raise click.UsageError("Name the column of the doses: --mg C.")
        _doses(doses, {"column": str(column), "mg": mg, "patient": patient, "cut": cut,
                       "delimiter": delimiter}, form, output)  # fmt: skip
    elif to_match is not None:
        _match(to_match, str(column), delimiter, form, output)
    elif names:
        _explain(names, form, output)
    else:
        _list(form, output)


def _list(form: str, output: Path | None) -> None:
    """Print a line per substance."""
    from survival_bzd.report.substances import substance_rows

    rows = substance_rows()
    _print({"substances": rows}, [_table("substances", "Benzodiazepines and Z-drugs", rows)],
           form, output)  # fmt: skip


def _explain(names: tuple[str, ...], form: str, output: Path | None) -> None:
    """Print all that is known of each name, and its sources; exit 1 if one is not known."""
    from survival_bzd.records.substances import match
    from survival_bzd.report.substances import explained, source_rows

    found = match(names)
    tables: list[Table] = []
    document: list[dict[str, Any]] = []
    for one in found:
        rows = explained(one)
        document.append({"name": one.text, "inn": one.inn, "class": one.class_, "how": one.why,
                         "facts": rows})  # fmt: skip
        title = f"{one.text}: {one.inn or one.class_ or 'not matched'} ({one.why})"
        tables.append(_table("substance", title, rows))
    sources = source_rows(row["source"] for each in document for row in each["facts"])
    if sources:
        tables.append(_table("sources", "Sources", sources, [WARNING]))
    _print({"substances": document, "sources": sources}, tables, form, output)
    if not all(one.is_matched for one in found):
        click.get_current_context().exit(1)


def _match(path: Path, column: str, delimiter: str, form: str, output: Path | None) -> None:
    """Print what each name of a file was taken for; exit 1 if one was not matched."""
    from survival_bzd.records.substances.files import match_file

    found = match_file(path, column, delimiter=delimiter)
    rows: list[dict[str, Any]] = [
        {
            "name": one.text,
            "substance": one.inn,
            "class": one.class_,
            "matched": "yes" if one.is_matched else "no",
            "how": one.why,
            "rows": found.rows[one.text],
            "first_line": found.lines[one.text],
        }
        for one in found.matches
    ]
    without = len(found.unmatched)
    guessed = sum(one.how == "near a name" for one in found.matches)
    notes = [f"{len(rows) - without} of {len(rows)} names matched, {guessed} of them guessed from "
             f"a near spelling; {without} not matched."]  # fmt: skip
    _print({"names": rows, "matched": len(rows) - without, "guessed": guessed,
            "not_matched": without},
           [_table("names", f"Names in {path.name}, column {column}", rows, notes)],
           form, output)  # fmt: skip
    if without:
        click.get_current_context().exit(1)


def _doses(path: Path, asked: dict[str, Any], form: str, output: Path | None) -> None:
    """Print the doses under each table."""
    from survival_bzd.records.substances import dictionary
    from survival_bzd.records.substances.files import dose_covariates
    from survival_bzd.report.listings import frame_rows

    frame = dose_covariates(path, **asked)
    rows, flips = frame_rows(frame), int(frame["flips"].sum())
    tables = dictionary().tables
    notes = [
        "Tables, never averaged: " + "; ".join(
            f"{key} = {table.title} (source {table.source})" for key, table in tables.items()
        ) + ". Where one prints a range its midpoint is used, lower and upper are at its ends.",
        f"over: 1 if more than {asked['cut']:g} mg of diazepam a day. For {flips} of {len(rows)} "
        "it depends on the table (flips). Empty: the table does not print one of the drugs.",
        WARNING,
    ]  # fmt: skip
    document = {"cut": asked["cut"], "doses": rows, "flips": flips,
                "tables": {key: table.title for key, table in tables.items()}}  # fmt: skip
    title = f"Daily doses in {path.name} in mg of diazepam"
    _print(document, [_table("doses", title, rows, notes)], form, output)


def _table(
    key: str, title: str, rows: list[dict[str, Any]], notes: list[str] | None = None
) -> Table:
    from survival_bzd.report.listings import listing

    return listing(key, title, rows, [WARNING] if notes is None else notes)


def _print(document: dict[str, Any], tables: list[Table], form: str, output: Path | None) -> None:
    print_result({"warning": WARNING, **document}, tables, form, output)
