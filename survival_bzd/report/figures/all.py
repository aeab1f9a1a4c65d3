"""Every figure of the paper, in the order of the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survival_bzd.report.figures.relapse_free import curve_figures
from survival_bzd.report.figures.sheet import Figure

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import PaperResults


def paper_figures(results: PaperResults) -> tuple[Figure, ...]:
    return curve_figures(results)


def omitted_figures(results):
    return ()
