"""Every figure of the paper, in the order of the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survival_bzd.report.figures.flow import flow_figure
from survival_bzd.report.figures.forest import forest_figure
from survival_bzd.report.figures.incidence import incidence_figure
from survival_bzd.report.figures.interval_censored import interval_figure
from survival_bzd.report.figures.relapse_free import curve_figures
from survival_bzd.report.figures.sheet import Figure
from survival_bzd.report.figures.swimmer import MOST_PATIENTS, swimmer_figure, swimmers
from survival_bzd.report.figures.trajectories import trajectories_figure

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import PaperResults


def paper_figures(results: PaperResults) -> tuple[Figure, ...]:
    """Draw every figure that the results have the numbers for.

    Parameters
    ----------
    results : what the paper reports; `results.size` names the journal size.

    Returns
    -------
    tuple of Figure
        In the order of the text. `omitted_figures` says which are missing, and why.
    """
    drawn = (
        flow_figure(results),
        *curve_figures(results),
        interval_figure(results),
        incidence_figure(results),
        forest_figure(results),
        swimmer_figure(results),
        _symptoms(results),
    )
    return tuple(figure for figure in drawn if figure is not None)


def _symptoms(results: PaperResults) -> Figure | None:
    acute = results.acute
    if acute is None:
        return None
    return trajectories_figure(acute, size=results.size, synthetic=results.synthetic)


def omitted_figures(results: PaperResults) -> tuple[str, ...]:
    """Say of each figure that is not drawn why not."""
    patients = len(swimmers(results))
    reasons = {
        "no flow diagram: the times came without records": results.flow is None,
        "no interval-censored curve: no relapse is in an interval of more than a month, or "
        "patients enter late": not results.interval_curves,
        "no cumulative incidence: no competing event happened": not results.incidence,
        "no forest plot: no Cox model was asked for": not results.cox,
        f"no swimmer plot: {patients} patients are more than the {MOST_PATIENTS} that can be told "
        "apart": patients > MOST_PATIENTS,
        "no swimmer plot: the times came without records": results.trace is None
        and patients <= MOST_PATIENTS,
    }
    return tuple(words for words, omitted in reasons.items() if omitted)
