"""Several ways to end: cif."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import left_out_rows, load
from survival_bzd.errors import BadInput, Fault, NotEstimable

if TYPE_CHECKING:
    from survival_bzd.endpoint import TimeToEvent
    from survival_bzd.estimate import CoxFit, FineGrayFit, GrayTest
    from survival_bzd.study import Loaded


@main.command()
@options.data
@click.option("--time", "time_column", metavar="C", help="Column of the follow-up time.")
@click.option(
    "--event",
    "event_column",
    metavar="C",
    help="Column of what ended it: 0 censored, 1, 2, ... the causes.",
)
@click.option("--entry", metavar="C", help="Column of a late entry; empty means none.")
@click.option("--weight", metavar="C", help="Column of case weights.")
@click.option("--unit", default="days", show_default=True, help="Unit of the times.")
@click.option("--delimiter", default=",", help="Between the fields of a CSV file.")
@options.adtte
@options.endpoint
@options.by
@click.option(
    "--strata",
    metavar="C",
    help="Column of the strata of Gray's test, and of a cause-specific or finegray model.",
)
@options.cluster
@click.option(
    "--limits",
    type=click.Choice(["log-log", "log", "plain", "arcsin", "logit"]),
    default="log-log",
    show_default=True,
    help="Scale of the limits.",
)
@click.option(
    "--variance",
    type=click.Choice(["jackknife", "greenwood"]),
    default="jackknife",
    show_default=True,
    help="Of the incidence: as R's survfit, or as R's etm.",
)
@click.option(
    "--rho",
    type=options.Number(-100, 100),
    default=0.0,
    show_default=True,
    help="Gray's test weights events by (1 - incidence)^rho.",
)
@options.level
@click.option(
    "--at", type=options.Numbers(), default=(), help="Times at which to report, as 90,180."
)
@click.option("--formula", metavar="F", help='Fit a model too, as in R: "age + C(arm)".')
@click.option(
    "--cause", metavar="K", default="1", show_default=True, help="Code or name of its cause."
)
@click.option(
    "--method",
    type=click.Choice(["crr", "finegray", "cause-specific"]),
    default="crr",
    show_default=True,
    help="Fine and Gray as R's crr, or as R's finegray; or Cox, the other causes censored.",
)
@click.option(
    "--penalty",
    type=click.Choice(["none", "firth", "auto"]),
    default="none",
    show_default=True,
    help="Of a cause-specific model: Firth's penalised likelihood; auto where events are few or a "
    "term separates.",
)
@options.output
def cif(
    data: str, by: str | None, strata: str | None, cluster: str | None, limits: str,
    variance: str, rho: float, level: float, at: tuple[float, ...], formula: str | None,
    cause: str, method: str, penalty: str, form: str, output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Cumulative incidence where several events compete, Gray's test, and a model of one cause.

    DATA is a study folder whose endpoint names competing events, or a file of rows; of an ADTTE
    file --paramcd names the parameters that compete.
    """
    from survival_bzd.estimate import aalen_johansen, gray_test
    from survival_bzd.report.incidence import incidence_document, incidence_tables

    if penalty != "none" and (method != "cause-specific" or formula is None):
        raise click.UsageError("--penalty is for --formula with --method cause-specific.")
    loaded = load(
        data, {**given, "event_is": None, "competing": True}, [by, strata, cluster], formula
    )
    tte = loaded.tte
    groups = loaded.labels[by] if by else None
    curves = aalen_johansen(
        tte, by=groups, variance=variance, limits=limits, confidence=level,
        cluster=loaded.labels[cluster] if cluster else None,
    )  # fmt: skip
    warnings = [] if loaded.study else list(_coded(tte))
    tests: tuple[GrayTest, ...] = ()
    if groups is not None:
        try:
            tests = gray_test(
                tte, groups, strata=loaded.labels[strata] if strata else None, rho=rho
            )
        except NotEstimable as error:
            # The curves do not need the test.
            warnings.append(str(error))
    # Under a table on the same screen they stand already.
    shown = form not in ("csv", "json") and not output
    for warning in () if shown else warnings:
        say(f"Warning: {warning}")
    times = at or loaded.horizons
    document = incidence_document(
        curves, tests, at=times, warnings=warnings, left_out=len(loaded.left_out)
    )
    tables = incidence_tables(curves, tests, at=times, warnings=warnings)
    if formula is not None:
        how = (strata, cluster, level, penalty)
        fit = _fit(loaded, formula, _code(tte, cause), method, how)
        for warning in () if shown else fit.warnings:
            say(f"Warning: {warning}")
        if fit.left_out:
            say(f"{left_out_rows(fit.left_out)} a covariate.")
        document["model"], further = _model(fit)
        tables = (*tables, *further)
    print_result(document, tables, form, output, loaded.study)


def _coded(tte: TimeToEvent) -> tuple[str, ...]:
    """Warn of rows that look as R codes a single event: 1 censored, 2 event."""
    if set(tte.event.tolist()) != {1, 2}:
        return ()
    return (
        "No row is censored (0) and the codes are 1 and 2: they were taken as two causes. If 1 "
        "stands for censored and 2 for the event, recode the column.",
    )


def _code(tte: TimeToEvent, cause: str) -> int:
    """Return the code of a cause that is given by code or by name."""
    if cause in tte.causes:
        return tte.causes.index(cause) + 1
    if cause.isascii() and cause.isdigit():
        return int(cause)
    raise BadInput([Fault(
        rule="a cause must be a code"
             + (f", or one of {', '.join(tte.causes)}" if tte.causes else ""),
        remedy="Name one of them.", value=cause,
    )])  # fmt: skip


def _fit(
    loaded: Loaded, formula: str, cause: int, method: str,
    how: tuple[str | None, str | None, float, str],
) -> FineGrayFit | CoxFit:  # fmt: skip
    """Fit the model that was asked for."""
    from survival_bzd.estimate import cause_specific_cox, fine_gray

    strata, cluster, level, penalty = how
    given: dict[str, Any] = {
        "cause": cause,
        "confidence": level,
        "strata": loaded.labels[strata] if strata else None,
        "cluster": loaded.labels[cluster] if cluster else None,
    }
    if method == "cause-specific":
        return cause_specific_cox(loaded.tte, formula, penalty=penalty, **given)
    return fine_gray(loaded.tte, formula, method=method, **given)


def _model(fit: FineGrayFit | CoxFit) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Write the model for programs, and as tables."""
    from survival_bzd.estimate import CoxFit
    from survival_bzd.report.documents import cox_document, cox_tables
    from survival_bzd.report.incidence import fine_gray_document, fine_gray_tables

    if isinstance(fit, CoxFit):
        document = cox_document(fit, left_out=fit.left_out)
        return {"method": "cause-specific", **document}, cox_tables(fit)
    return fine_gray_document(fit), fine_gray_tables(fit)
