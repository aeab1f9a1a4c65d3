"""Every table of the paper, in the order of the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from survival_bzd.report.guards import notes_for
from survival_bzd.report.rounding import NOT_ESTIMABLE, NOT_REACHED
from survival_bzd.report.table import Table
from survival_bzd.report.tables.acute_phase import course, deprescribed, missing, worsening
from survival_bzd.report.tables.incidence import cumulative_incidence
from survival_bzd.report.tables.intervals import interval_censored
from survival_bzd.report.tables.models import cox, proportional_hazards
from survival_bzd.report.tables.patients import characteristics, flow, proportions
from survival_bzd.report.tables.records import evidence, patients
from survival_bzd.report.tables.times import hazard, logrank, relapse_free, time_to_relapse
from survival_bzd.report.wording import SYNTHETIC

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import PaperResults

_MAKERS: tuple[Callable[[PaperResults], Table | None], ...] = (
    characteristics,
    flow,
    proportions,
    relapse_free,
    interval_censored,
    cumulative_incidence,
    time_to_relapse,
    hazard,
    cox,
    proportional_hazards,
    logrank,
    deprescribed,
    worsening,
    missing,
    course,
    evidence,
    patients,
)

_CODES = {NOT_REACHED: "not reached", NOT_ESTIMABLE: "not estimable"}


def paper_tables(results: PaperResults) -> tuple[Table, ...]:
    """Make every table that the results have the numbers for.

    Parameters
    ----------
    results : what the paper reports.

    Returns
    -------
    tuple of Table
        In the order of the text. Synthetic records are named as such in each title, and each CSV
        form has a column ``synthetic``.
    """
    made = (make(results) for make in _MAKERS)
    return tuple(_marked(table, results) for table in made if table is not None)


def _marked(table: Table, results: PaperResults) -> Table:
    """Say what the abbreviations mean, what to beware of, and whether the data are made up."""
    synthetic = results.synthetic
    rows = len(table.columns[0][1])
    return replace(
        table,
        title=f"{table.title} ({SYNTHETIC.lower()})" if synthetic else table.title,
        columns=(*table.columns, ("synthetic", (synthetic,) * rows)),
        notes=(*table.notes, *_abbreviations(table), *notes_for(table.key, results.guards)),
    )


def _abbreviations(table: Table) -> tuple[str, ...]:
    """Explain the codes that stand in the cells."""
    cells = " ".join(cell for row in table.rows for cell in row)
    words = cells.replace("(", " ").replace(")", " ").split()
    used = [f"{code}, {meaning}" for code, meaning in _CODES.items() if code in words]
    return (f"{'; '.join(used)}.",) if used else ()
