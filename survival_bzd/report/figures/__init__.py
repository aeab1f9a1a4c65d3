"""Results become the figures of the paper."""

from survival_bzd.report.figures.all import omitted_figures, paper_figures
from survival_bzd.report.figures.sheet import Figure
from survival_bzd.report.figures.sizes import SIZES, Size

__all__ = ["SIZES", "Figure", "Size", "omitted_figures", "paper_figures"]
