"""The symptoms in the acute phase, where the study declares what is worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survival_bzd.report.worsening import (
    course_table,
    deprescribed_table,
    missing_table,
    worsening_table,
)

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import PaperResults
    from survival_bzd.report.table import Table


def worsening(results: PaperResults) -> Table | None:
    """Tabulate who got worse."""
    return None if results.acute is None else worsening_table(results.acute)


def missing(results: PaperResults) -> Table | None:
    """Tabulate who cannot be assessed."""
    return None if results.acute is None else missing_table(results.acute)


def course(results: PaperResults) -> Table | None:
    """Tabulate the mean courses."""
    return None if results.acute is None else course_table(results.acute)


def deprescribed(results: PaperResults) -> Table | None:
    """Tabulate who was off the drugs at the end of the taper."""
    return None if results.acute is None else deprescribed_table(results.acute)
