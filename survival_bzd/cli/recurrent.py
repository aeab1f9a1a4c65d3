"""Relapse, return and relapse again: recurrent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import left_out_rows, study_folder
from survival_bzd.errors import NotEstimable

if TYPE_CHECKING:
    from survival_bzd.estimate import CoxFit
    from survival_bzd.study import LoadedRecurrences

_ROW_OPTIONS = {
    "patient": "--id", "start": "--start", "stop": "--stop", "event": "--event",
    "event_is": "--event-is", "terminal_is": "--terminal", "state": "--state", "to": "--to",
    "weight": "--weight",
}  # fmt: skip

_MODELS = {
    "andersen-gill": "Andersen and Gill's model",
    "pwp-total": "Prentice, Williams and Peterson's model in total time",
    "pwp-gap": "Prentice, Williams and Peterson's model in gap time",
}


@main.command()
@options.data
@click.option("--id", "patient", metavar="C", help="Column of the patient.")
@click.option("--start", metavar="C", help="Column of when a row begins; empty is the origin.")
@click.option("--stop", metavar="C", help="Column of when a row ends.")
@click.option(
    "--event",
    metavar="C",
    help="Column of what happens at the end: 0 nothing, 1 a relapse, 2 the end for good (death).",
)
@click.option("--event-is", metavar="CODE", help="Code of a relapse, if it is another.")
@click.option("--terminal", "terminal_is", metavar="CODE", help="Code of the end for good.")
@click.option("--state", metavar="C", help="Instead: column of the state during the row.")
@click.option(
    "--to",
    metavar="C",
    help="Column of the state entered at the end, empty if none; by default that of the next row.",
)
@click.option("--relapse", default="using", show_default=True, help="The state that is a relapse.")
@click.option("--gaps", is_flag=True, help="Patients may be out of sight between their rows.")
@click.option("--weight", metavar="C", help="Column of case weights.")
@click.option("--unit", default="days", show_default=True, help="Unit of the times.")
@click.option("--delimiter", default=",", help="Between the fields of a CSV file.")
@options.endpoint
@options.by
@click.option(
    "--at", type=options.Numbers(), default=(), help="Times at which to report, as 90,180."
)
@click.option("--tau", type=options.Number(0, min_open=True), help="Horizon of the expected time "
              "in each state; by default the smallest group's last time.")  # fmt: skip
@click.option("--formula", metavar="F", help='Fit a model too, as in R: "age + C(arm)".')
@click.option(
    "--model",
    type=click.Choice(["andersen-gill", "pwp-total", "pwp-gap"]),
    default="andersen-gill",
    show_default=True,
    help="Andersen-Gill, or Prentice-Williams-Peterson in total or in gap time.",
)
@click.option(
    "--penalty",
    type=click.Choice(["none", "firth", "auto"]),
    default="none",
    show_default=True,
    help="Of the model: Firth's penalised likelihood; auto where events are few or a term "
    "separates.",
)
@click.option("--spells", is_flag=True, help="List the spells of a study with their records.")
@options.level
@options.output
def recurrent(
    data: str, by: str | None, at: tuple[float, ...], tau: float | None, formula: str | None,
    model: str, penalty: str, spells: bool, level: float, form: str, output: Path | None,
    **given: Any,
) -> None:  # fmt: skip
    """Relapse that may come again: how often, who is free at a time, how long on average.

    DATA is a study folder, whose spells of freedom and use are derived by its endpoint, or a file
    of (start, stop] rows, any number of them for a patient.
    """
    from survival_bzd.estimate import mean_count, multi_state, time_in_state
    from survival_bzd.report.documents import cox_document, cox_tables
    from survival_bzd.report.recurrent import recurrent_document, recurrent_tables

    loaded = _load(data, given, by, formula)
    if spells:
        _print_spells(loaded, form, output)
        return
    rows = loaded.recurrences
    groups = loaded.labels[by] if by else None
    patient: Any = rows.counted.patient_id
    counts = mean_count(rows.counted, patient, terminal=rows.terminal, by=groups, confidence=level)
    curves: Any = ()
    means: Any = ()
    no_mean = ""
    if rows.moves is not None:
        moving: Any = (rows.moves, rows.moves.patient_id, rows.state)
        within = groups[rows.lasting] if groups is not None else None
        curves = multi_state(*moving, by=within, confidence=level)
        try:
            means = time_in_state(*moving, by=within, tau=tau, confidence=level)
        except NotEstimable as error:
            # The curves do not need the means: they are left open, and said why.
            no_mean = str(error)
            say(f"Warning: {error}")
    elif tau is not None:
        say("Warning: the rows name no states, so there is no expected time in them: give --state.")
    times = at or loaded.horizons
    document = recurrent_document(
        counts, curves, means, at=times, no_mean=no_mean, left_out=len(loaded.left_out)
    )
    tables = list(recurrent_tables(counts, curves, means, at=times))
    if formula is not None:
        fit, patients = _fit(loaded, formula, model, penalty, level)
        for warning in fit.warnings if output or form in ("csv", "json") else ():
            say(f"Warning: {warning}")
        document["model"] = {
            "model": model, "patients": patients, **cox_document(fit, left_out=fit.left_out),
        }  # fmt: skip
        tables += cox_tables(fit, name=_MODELS[model], patients=patients)
    print_result(document, tables, form, output, loaded.study)


def _fit(
    loaded: LoadedRecurrences, formula: str, model: str, penalty: str, level: float
) -> tuple[CoxFit, int]:
    """Fit the model to the rows in which a relapse may come; say how many patients they are of."""
    from survival_bzd.estimate import andersen_gill, prentice_williams_peterson

    rows = loaded.recurrences.counted.select(loaded.recurrences.at_risk)
    patient: Any = rows.patient_id
    how: dict[str, Any] = {"penalty": penalty, "confidence": level}
    if model == "andersen-gill":
        fit = andersen_gill(rows, formula, patient, **how)
    else:
        time = model.removeprefix("pwp-")
        fit = prentice_williams_peterson(rows, formula, patient, time=time, **how)
    return fit, len(set(patient[fit.problem.design.kept]))


def _print_spells(loaded: LoadedRecurrences, form: str, output: Path | None) -> None:
    from survival_bzd.report.listings import frame_rows, listing, worded

    if loaded.spells is None:
        raise click.UsageError("--spells is for a study folder.")
    rows = frame_rows(loaded.spells.to_frame())
    table = listing("spells", "Spells of freedom and use, in days from the origin", rows)
    print_result({"spells": rows}, [worded(table)], form, output, loaded.study)


def _load(
    data: str, given: dict[str, Any], by: str | None, formula: str | None
) -> LoadedRecurrences:
    """Read DATA: a study folder, a supplied study, a file or standard input."""
    from survival_bzd.study import load_recurrences

    labels = (by,) if by else ()
    if data != "-" and not Path(data).is_file():
        folder = study_folder(data)
        own = [option for key, option in _ROW_OPTIONS.items() if given[key] is not None]
        if own and folder.is_dir():
            verb = "is" if len(own) == 1 else "are"
            raise click.UsageError(f"{', '.join(own)} {verb} for a file of rows; {data} is none.")
        return load_recurrences(folder, endpoint=given["endpoint"], labels=labels)
    loaded = _load_file(data, given, labels, formula)
    if loaded.left_out:
        say(f"{left_out_rows(len(loaded.left_out))} a group, or whose patient does in another row.")
    return loaded


def _load_file(
    data: str, given: dict[str, Any], labels: tuple[str, ...], formula: str | None
) -> LoadedRecurrences:
    from survival_bzd.records.declaration import RecurrentRowsDeclaration
    from survival_bzd.study import load_recurrent_rows

    if not (given["patient"] and given["start"] and given["stop"]):
        raise click.UsageError("A file of rows needs --id, --start and --stop.")
    if (given["event"] is None) == (given["state"] is None):
        raise click.UsageError("A file of rows needs either --event or --state.")
    if given["state"] is None and given["to"] is not None:
        raise click.UsageError("--to goes with --state.")
    if given["event"] is None and (given["event_is"] or given["terminal_is"]):
        raise click.UsageError("--event-is and --terminal go with --event.")
    if len(given["delimiter"]) != 1:
        raise click.UsageError("--delimiter is a single character.")
    if given["endpoint"] is not None:
        raise click.UsageError("--endpoint is for a study folder.")
    columns = RecurrentRowsDeclaration.model_construct(
        file=data, patient_id=given["patient"],
        **{key: given[key] for key in (
            "start", "stop", "event", "event_is", "terminal_is", "state", "to", "relapse", "gaps",
            "weight", "unit", "delimiter",
        )},
    )  # fmt: skip
    source: Path | IO[bytes] = sys.stdin.buffer if data == "-" else Path(data)
    name = "standard input" if data == "-" else data
    return load_recurrent_rows(source, columns, name=name, labels=labels, formula=formula)
