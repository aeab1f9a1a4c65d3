"""The command line: parse, call, print. Everything numeric is imported inside the commands."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from survival_bzd.errors import BadInput, Fault, NotEstimable, SurvivalBzdError

if TYPE_CHECKING:
    from survival_bzd.report.table import Table
    from survival_bzd.study import Loaded, Study
    from survival_bzd.study.listing import Part

DEFAULT_STUDY = "ketamine-taper"
FORMATS = ("table", "csv", "json", "latex", "markdown")
MESSAGE_AFTER = 1.0
"""Seconds that a command may be silent before it says what it is doing."""

Command = TypeVar("Command", bound=Callable[..., Any])


class _Cli(click.Group):
    """Turns this package's errors into a message and the error's own exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a user's error is a message, never a traceback."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except SurvivalBzdError as error:
            click.echo(f"Error: {error}", err=True)
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


class _Progress:
    """Says on standard error what a command is doing, once it has taken more than a second."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, step: str) -> None:
        if time.monotonic() - self.began > MESSAGE_AFTER:
            _say(f"... {step}")


def _say(message: str) -> None:
    """Write a message to standard error, unless --quiet."""
    context = click.get_current_context()
    if not context.find_root().params.get("quiet"):
        click.echo(message, err=True)


def _deliver(text: str, output: Path | None) -> None:
    """Write a result to standard output, or to a file by way of a temporary name."""
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.partial")
    temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    temporary.replace(output)


@click.group(cls=_Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="survival_bzd", prog_name="survival-bzd")
@click.option("-q", "--quiet", is_flag=True, help="Results only, no messages.")
def main(quiet: bool) -> None:
    """Show how long patients stay benzo-free.

    From follow-up records to time-to-relapse data, relapse-free curves, hazards and the paper.

    DATA is a study folder, the name of a supplied study, or a CSV or Parquet file of time-to-event
    rows with --time and --event; - reads CSV from standard input.

    Exit status: 0 done, 1 a check said no, 2 wrong usage, 3 bad input.
    """


def _options(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Stack options so that --help lists them in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_data = click.argument("data", metavar="DATA")
_endpoint = click.option("--endpoint", metavar="NAME", help="Endpoint of the study; by default "
                         "that of its paper, or the only one.")  # fmt: skip
_output = _options(
    click.option("--format", "form", type=click.Choice(FORMATS), default="table",
                 show_default=True),
    click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                 help="Write the result here instead of to standard output."),
)  # fmt: skip
_rows = _options(
    click.option("--time", "time_column", metavar="C", help="Column of the follow-up time."),
    click.option("--event", "event_column", metavar="C", help="Column of the event: 1 or 0."),
    click.option("--event-is", metavar="CODE", help="Code of the event, if there are several."),
    click.option("--entry", metavar="C", help="Column of a late entry; empty means none."),
    click.option("--weight", metavar="C", help="Column of case weights."),
    click.option("--unit", default="days", show_default=True, help="Unit of the times."),
    click.option("--delimiter", default=",", help="Between the fields of a CSV file."),
    _endpoint,
)
_by = click.option("--by", metavar="C", help="Column of the groups.")


class _Number(click.FloatRange):
    """A number in a range; nan and inf are none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


_level = click.option("--level", type=_Number(0, 1, min_open=True, max_open=True),
                      default=0.95, show_default=True, help="Coverage of the limits.")  # fmt: skip
_strata = click.option("--strata", metavar="C", help="Column of the strata.")
_cluster = click.option("--cluster", metavar="C", help="Column of the clusters.")
_tau = click.option("--tau", type=_Number(0, min_open=True), help="Horizon of the restricted mean; "
                    "by default the smallest group's last time.")  # fmt: skip


class _Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers from 0 up, divided by commas."""

    name = "NUMBERS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Read numbers such as 90,180."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 90,180", param, ctx)
        if not all(0 <= number < math.inf for number in numbers):
            self.fail(f"{value!r} has a number that is not a time, zero or more", param, ctx)
        return numbers


def _study_folder(data: str) -> Path:
    """Return the study folder that DATA names: a path, or a supplied study."""
    from survival_bzd.records.supplied import supplied

    path = Path(data)
    if path.exists():
        return path
    known = {study.name: study for study in supplied()}
    if data not in known:
        raise BadInput([Fault(
            rule="there is no folder, file or supplied study of this name", value=data,
            remedy=f"Correct it; the supplied studies are {', '.join(known)}.",
        )])  # fmt: skip
    if not known[data].has_data:
        raise BadInput([Fault(
            rule="the records of this study are not supplied", value=data,
            remedy=f"Import them: survival-bzd datasets import {data} --from FOLDER --into {data}. "
                   f"How to obtain them says: survival-bzd datasets describe {data}.",
        )])  # fmt: skip
    return known[data].folder


def _load(
    data: str, given: dict[str, Any], labels: Sequence[str | None], formula: str | None = None
) -> Loaded:
    """Read DATA for a fit: a study folder, a supplied study, a file or standard input."""
    from survival_bzd.study import load

    named = tuple(dict.fromkeys(label for label in labels if label))
    path = Path(data)
    if data != "-" and not path.is_file():
        own = [f"--{key.removesuffix('_column').replace('_', '-')}" for key in _ROW_OPTIONS
               if given[key] is not None]  # fmt: skip
        folder = _study_folder(data)
        if own and folder.is_dir():
            verb = "is" if len(own) == 1 else "are"
            raise click.UsageError(f"{', '.join(own)} {verb} for a file of rows; {data} is none.")
        loaded = load(folder, endpoint=given["endpoint"], labels=named)
    else:
        loaded = _load_file(data, given, named, formula)
    if loaded.left_out:
        lines = ", ".join(map(str, loaded.left_out[:10]))
        more = ", ..." if len(loaded.left_out) > 10 else ""
        said = "lines" if len(loaded.left_out) > 1 else "line"
        _say(f"{_left_out(len(loaded.left_out))} a value: {said} {lines}{more}.")
    return loaded


def _left_out(rows: int) -> str:
    return f"Left out {rows} rows that miss" if rows > 1 else "Left out 1 row that misses"


_ROW_OPTIONS = ("time_column", "event_column", "event_is", "entry", "weight")


def _load_file(
    data: str, given: dict[str, Any], labels: tuple[str, ...], formula: str | None
) -> Loaded:
    from survival_bzd.records.declaration import RowsDeclaration
    from survival_bzd.study import load_rows

    if given["time_column"] is None or given["event_column"] is None:
        raise click.UsageError("A file of rows needs --time and --event.")
    if len(given["delimiter"]) != 1:
        raise click.UsageError("--delimiter is a single character.")
    if given["endpoint"] is not None:
        raise click.UsageError("--endpoint is for a study folder.")
    columns = RowsDeclaration.model_construct(
        file=data,
        delimiter=given["delimiter"], time=given["time_column"], event=given["event_column"],
        event_is=given["event_is"], entry=given["entry"], weight=given["weight"],
        unit=given["unit"],
    )  # fmt: skip
    source: Path | IO[bytes] = sys.stdin.buffer if data == "-" else Path(data)
    name = "standard input" if data == "-" else data
    return load_rows(source, columns, name=name, labels=labels, formula=formula)


def _print(
    document: dict[str, Any],
    tables: Sequence[Table],
    form: str,
    output: Path | None,
    study: Study | None = None,
) -> None:
    """Print a result as JSON or as tables; of a synthetic study it says that it is."""
    import json

    from survival_bzd.report.rendering import render
    from survival_bzd.report.table import called_synthetic

    if study is not None:
        synthetic = study.declaration.study.synthetic
        document = {"study": study.declaration.study.name, "synthetic": synthetic, **document}
        tables = [called_synthetic(table) for table in tables] if synthetic else tables
    if form == "json":
        _deliver(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False), output)
        return
    _deliver("\n".join(render(table, form) for table in tables), output)


@main.command()
@_data
@_rows
@_by
@_cluster
@click.option("--limits",
              type=click.Choice(["log-log", "log", "plain", "arcsin", "logit", "beta"]),
              default="log-log", show_default=True,
              help="Scale of the limits; beta: beta product, for small samples.")  # fmt: skip
@_level
@click.option("--at", type=_Numbers(), default=(), help="Times at which to report, as 90,180.")
@_tau
@_output
def km(
    data: str, by: str | None, cluster: str | None, limits: str, level: float,
    at: tuple[float, ...], tau: float | None, form: str, output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Relapse-free curves by Kaplan-Meier, with median, restricted mean and survival at times."""
    from survival_bzd.estimate import kaplan_meier, restricted_mean
    from survival_bzd.report.documents import km_document, km_tables

    loaded = _load(data, given, [by, cluster])
    groups = loaded.labels[by] if by else None
    curves = kaplan_meier(
        loaded.tte, by=groups, limits=limits, confidence=level,
        cluster=loaded.labels[cluster] if cluster else None,
    )  # fmt: skip
    no_mean: dict[str | None, str] = {}
    try:
        means = restricted_mean(loaded.tte, by=groups, tau=tau, confidence=level)
    except NotEstimable as error:
        # The curves do not need the mean: it is left open, and said why.
        means, no_mean = (), {curve.group: str(error) for curve in curves}
        _say(f"Warning: {error}")
    times = at or loaded.horizons
    document = km_document(
        curves,
        at=times,
        restricted_means=means,
        no_mean=no_mean,
        left_out=len(loaded.left_out),
    )
    tables = km_tables(curves, at=times, restricted_means=means)
    _print(document, tables, form, output, loaded.study)


@main.command()
@_data
@_rows
@click.option("--by", metavar="C", required=True, help="Column of the groups.")
@_strata
@click.option(
    "--test",
    "weights",
    default="fleming-harrington",
    type=click.Choice(["logrank", "gehan", "tarone-ware", "peto", "fleming-harrington"]),
    help="How events are weighted; by default after Fleming and Harrington, which is the "
    "log-rank test while --rho and --gamma are 0.",
)
@click.option(
    "--rho",
    type=_Number(),
    default=0.0,
    show_default=True,
    help="Fleming-Harrington weight S(t-)^rho: 1 Peto-Peto.",
)
@click.option(
    "--gamma",
    type=_Number(),
    default=0.0,
    show_default=True,
    help="Fleming-Harrington weight (1 - S(t-))^gamma, for late differences.",
)
@click.option(
    "--exact",
    is_flag=True,
    help="p from the assignments of the patients to the groups: "
    "all up to 3,000,000 of them, else 99,999 random ones.",
)
@click.option("--pairwise", is_flag=True, help="Every two groups too, p adjusted after Holm.")
@click.option(
    "--max-combo",
    "combo",
    is_flag=True,
    help="The largest of four tests too, for hazards that may cross.",
)
@click.option(
    "--at", type=_Numbers(), default=(), help="Differences at these times too, as 90,180."
)
@_level
@_output
def compare(
    data: str, by: str, strata: str | None, weights: str, rho: float, gamma: float, exact: bool,
    pairwise: bool, combo: bool, at: tuple[float, ...], level: float, form: str,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Test whether groups differ: log-rank, stratified, weighted, exact, pairwise."""
    from survival_bzd.estimate import (
        exact_logrank,
        logrank,
        max_combo,
        pairwise_logrank,
        survival_difference,
    )
    from survival_bzd.report.comparisons import difference_rows, max_combo_rows, pairwise_rows
    from survival_bzd.report.documents import compare_document, compare_tables
    from survival_bzd.report.listings import listing, worded

    loaded = _load(data, given, [by, strata])
    tte, groups = loaded.tte, loaded.labels[by]
    how: dict[str, Any] = {
        "strata": loaded.labels[strata] if strata else None,
        "weights": weights, "rho": rho, "gamma": gamma,
    }  # fmt: skip
    every = exact_logrank(tte, groups, **how) if exact else None
    test = every.test if every else logrank(tte, groups, **how)
    document = compare_document(test, exact=every, left_out=len(loaded.left_out))
    tables = list(compare_tables(test, exact=every))
    further: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    if pairwise:
        pairs = pairwise_rows(pairwise_logrank(tte, groups, **how))
        further["pairwise"] = ("Every two groups, p adjusted after Holm", pairs)
    if combo:
        four = max_combo_rows(max_combo(tte, groups, strata=how["strata"]))
        further["max_combo"] = ("The largest of four weighted tests", four)
    if at:
        found = [one for time in at
                 for one in survival_difference(tte, groups, time, confidence=level)]  # fmt: skip
        further["differences"] = (
            "Difference of the relapse-free proportions",
            difference_rows(found),
        )
    for key, (title, rows) in further.items():
        document[key] = rows
        tables.append(worded(listing(key, title, rows)))
    _print(document, tables, form, output, loaded.study)


@main.command()
@_data
@_rows
@_by
@_tau
@_level
@_output
def rmst(
    data: str, by: str | None, tau: float | None, level: float, form: str, output: Path | None,
    **given: Any,
) -> None:  # fmt: skip
    """Restricted mean times free of relapse, and how those of the groups differ."""
    from survival_bzd.estimate import (
        restricted_mean,
        restricted_mean_difference,
        restricted_mean_ratio,
    )
    from survival_bzd.report.comparisons import ratio_rows
    from survival_bzd.report.documents import rmst_document, rmst_tables
    from survival_bzd.report.listings import listing, worded

    loaded = _load(data, given, [by])
    groups = loaded.labels[by] if by else None
    means = restricted_mean(loaded.tte, by=groups, tau=tau, confidence=level)
    differences = (
        restricted_mean_difference(loaded.tte, groups, tau=tau, confidence=level)
        if groups is not None and len(means) > 1
        else ()
    )
    document = rmst_document(means, differences, left_out=len(loaded.left_out))
    tables = list(rmst_tables(means, differences))
    if differences and groups is not None and all(mean.estimate > 0 for mean in means):
        ratios = restricted_mean_ratio(loaded.tte, groups, tau=tau, confidence=level)
        document["ratios"] = ratio_rows(ratios)
        tables.append(
            worded(listing("ratios", "Ratios of the restricted means", document["ratios"]))
        )
    _print(document, tables, form, output, loaded.study)


@main.command()
@_data
@_rows
@_by
@click.option("--windows", type=_Numbers(), help="Edges of the windows, as 0,91,182; by default "
              "those of the study.")  # fmt: skip
@_level
@_output
def hazard(
    data: str, by: str | None, windows: tuple[float, ...] | None, level: float, form: str,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Relapses, person-time and rate per window of time, with exact limits."""
    from survival_bzd.estimate import hazard_table
    from survival_bzd.report.documents import hazard_document, hazard_tables

    loaded = _load(data, given, [by])
    edges = windows or loaded.hazard_edges
    if not edges:
        raise click.UsageError("A file of rows needs --windows, as in --windows 0,91,182.")
    groups = loaded.labels[by] if by else None
    tables = hazard_table(loaded.tte, edges, by=groups, confidence=level)
    document = hazard_document(tables, left_out=len(loaded.left_out))
    _print(document, hazard_tables(tables), form, output, loaded.study)


@main.command()
@_data
@_rows
@click.option("--formula", required=True, metavar="F", help='As in R: "age + C(arm)".')
@click.option(
    "--ties",
    type=click.Choice(["efron", "breslow", "exact"]),
    default="efron",
    show_default=True,
    help="How tied relapses share a risk set.",
)
@_strata
@_cluster
@click.option(
    "--id",
    "patient",
    metavar="C",
    help="Column of the patient, where one has several (entry, time] rows, which must not overlap; "
    "errors are robust over patients if one has several events or weights are not whole.",
)
@_level
@click.option(
    "--limits",
    type=click.Choice(["wald", "profile"]),
    help="Of the hazard ratios; by default wald, profile with Firth's likelihood.",
)
@click.option(
    "--penalty",
    type=click.Choice(["none", "firth", "auto"]),
    default="none",
    show_default=True,
    help="Firth's penalised likelihood; auto where events are few or a term separates.",
)
@_output
def cox(
    data: str, formula: str, ties: str, strata: str | None, cluster: str | None,
    patient: str | None, level: float, limits: str | None, penalty: str, form: str,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Hazard ratios by Cox's model, with a test of proportional hazards."""
    from survival_bzd.estimate import cox as fit_cox
    from survival_bzd.report.documents import cox_document, cox_tables

    loaded = _load(data, given, [strata, cluster, patient], formula)
    fit = fit_cox(
        loaded.tte, formula, ties=ties, penalty=penalty, limits=limits, confidence=level,
        strata=loaded.labels[strata] if strata else None,
        cluster=loaded.labels[cluster] if cluster else None,
        patient=loaded.labels[patient] if patient else None,
    )  # fmt: skip
    for warning in fit.warnings:
        _say(f"Warning: {warning}")
    if fit.left_out:
        _say(f"{_left_out(fit.left_out)} a covariate.")
    left_out = len(loaded.left_out) + fit.left_out
    document = cox_document(fit, left_out=left_out)
    _print(document, cox_tables(fit), form, output, loaded.study)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--days", is_flag=True, help="The records count study days instead of dates.")
def new(folder: Path, days: bool) -> None:
    """Make a study FOLDER: a commented study.toml and a table for each kind of record."""
    from survival_bzd.records.scaffold import scaffold

    for path in scaffold(folder, days=days):
        click.echo(path)
    _say(f"Fill in the tables, take out those you do not have, then: survival-bzd check {folder}")


@main.command()
@click.argument("data", metavar="STUDY")
@_endpoint
@_output
def check(data: str, endpoint: str | None, form: str, output: Path | None) -> None:
    """Check a STUDY: every problem of every table, or what was read and what became of it."""
    from survival_bzd.report.listings import listing
    from survival_bzd.study import open_study, summary

    study = open_study(_study_folder(data), endpoint)
    parts = summary(study)
    tables = [listing("check", title, rows) for title, rows in parts.items() if rows]
    _print(dict(parts), tables, form, output, study)


@main.command()
@click.argument("data", metavar="STUDY")
@_endpoint
@click.option("--trace", "patient", metavar="PATIENT", help="Every statement of one patient, and "
              "what the rules made of it.")  # fmt: skip
@click.option("--conflicts", is_flag=True, help="The statements that contradict each other.")
@click.option("--flow", is_flag=True, help="What became of everybody enrolled.")
@click.option("--emit-sql", is_flag=True, help="The SQL that ran, for an auditor.")
@_output
def derive(
    data: str, endpoint: str | None, patient: str | None, conflicts: bool, flow: bool,
    emit_sql: bool, form: str, output: Path | None,
) -> None:  # fmt: skip
    """Derive the time-to-event data of a STUDY, each patient with the record that decided."""
    from survival_bzd.report.listings import listing
    from survival_bzd.study import derivation_sql, derived, open_study

    if sum((patient is not None, conflicts, flow)) > 1:
        raise click.UsageError("Take one of --trace, --conflicts and --flow.")
    study = open_study(_study_folder(data), endpoint)
    if emit_sql:
        _deliver(derivation_sql(study), output)
        return
    part: Part = (
        "trace" if patient else "conflicts" if conflicts else "flow" if flow else "patients"
    )
    rows, title = derived(study, part, patient)
    _print({part: rows}, [listing(part, title, rows)], form, output, study)


@main.command()
@click.argument("data", metavar="[STUDY]", default=DEFAULT_STUDY)
@click.option("--into", type=click.Path(path_type=Path), default=Path("paper"), show_default=True,
              metavar="FOLDER", help="Where the paper goes.")  # fmt: skip
@_endpoint
def paper(data: str, into: Path, endpoint: str | None) -> None:
    """Write the paper of a STUDY: curves, tables, figures, numbers, manuscript.

    Without a STUDY it is the supplied ketamine-taper.
    """
    from survival_bzd.study import run

    manifest = run(_study_folder(data), into, endpoint=endpoint, progress=_Progress())
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
@_endpoint
@_output
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

    found = rerun(paper, study, progress=_Progress())
    rows = [asdict(difference) for difference in found.differences]
    lines = [("moved    " if one.moved else "note     ") + str(one) for one in found.differences]
    compared = f"{found.compared_numbers} cells in {found.compared_files} files"
    if not found.bytes_compared:
        compared += "; bytes were not compared, the software differs"
    moved = sum(difference.moved for difference in found.differences)
    summary = f"{moved or 'nothing'} moved ({compared})"
    if form == "table":
        _deliver("\n".join([*lines, summary]), output)
        return not found.moved
    document = {
        "moved": moved,
        "cells": found.compared_numbers,
        "files": found.compared_files,
        "bytes_compared": found.bytes_compared,
        "differences": rows,
    }
    _print(document, [listing("verify", f"What moved in {paper}", rows, [summary])], form, output)
    return not found.moved


def _ask(data: str, endpoint: str | None, form: str, output: Path | None) -> bool:
    """Print second opinions on a study; return whether every difference is explained."""
    from survival_bzd.report.listings import listing
    from survival_bzd.study import open_study
    from survival_bzd.verify import missing_packages, opinion_rows, second_opinions

    study = open_study(_study_folder(data), endpoint)
    opinions = second_opinions(study)
    rows = list(opinion_rows(opinions))
    agree = sum(opinion.agrees for opinion in opinions)
    missing = missing_packages()
    notes = [f"{agree} of {len(opinions)} agree."]
    notes += [f"Not asked, not installed: {', '.join(missing)}."] if missing else []
    table = listing("second_opinion", f"Second opinions on {study.folder.name}", rows, notes)
    _print({"opinions": rows, "not_asked": list(missing)}, [table], form, output, study)
    return all(opinion.agrees or opinion.explained for opinion in opinions)


@main.group()
def datasets() -> None:
    """List, describe, copy and import the supplied studies."""


@datasets.command("list")
@_output
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
    _print({"datasets": rows}, [listing("datasets", "Supplied studies", rows)], form, output)


@datasets.command("describe")
@click.argument("name")
def datasets_describe(name: str) -> None:
    """Print the README of a supplied study: source, licence, dictionary."""
    from survival_bzd.records.supplied import locate

    _deliver((locate(name) / "README.md").read_text(encoding="utf-8"), None)


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
