"""A sheet to draw on, measured in millimetres from its top left corner, and its three files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from survival_bzd.report.figures.sizes import Size
from survival_bzd.report.wording import SYNTHETIC

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MM_PER_INCH = 25.4
POINTS_PER_INCH = 72.0
LINE_SPACING = 1.3

Style = dict[str, Any]
"""Settings of an artist, as matplotlib names them."""

MARGIN = 2.0
"""Room at the edges of a sheet in mm."""

INK = "#000000"
GREY = "#595959"
PALE = "#bfbfbf"

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
"""Colours that stay apart for colour-blind readers; those with 3:1 contrast on white.

From Okabe and Ito (2008), https://jfly.uni-koeln.de/color/.
"""

DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (8, 2, 1.5, 2, 1.5, 2)))
"""A dash pattern for each colour, so that curves stay apart in grey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A finished figure.

    Attributes
    ----------
    key : file name without its ending.
    title : caption, without what the drawing says itself.
    alt : the drawing in words, for readers who do not see it.
    pdf, svg, png : the files. Equal results give equal bytes.
    """

    key: str
    title: str
    alt: str
    pdf: bytes
    svg: bytes
    png: bytes


class Sheet:
    """A sheet of a journal's width.

    Parameters
    ----------
    size : the preset.
    height : in mm.
    synthetic : whether the sheet says that its data are synthetic, in the top right corner.
    """

    def __init__(self, size: Size, height: float, *, synthetic: bool) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        self.size = size
        self.width = size.width
        self.height = height
        self.canvas: Canvas = Canvas(figsize=(size.width / MM_PER_INCH, height / MM_PER_INCH))
        FigureCanvasAgg(self.canvas)
        if synthetic:
            self.text(self.width - 1, 1, SYNTHETIC, va="top", ha="right", weight="bold", color=GREY)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Place axes by their top left corner, in mm."""
        box = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        return self.canvas.add_axes(box)

    def text(self, x: float, y: float, words: str, **style: Any) -> None:
        """Write words at a point, in mm; they are never read as mathematics."""
        settings = {"fontsize": self.size.points, "parse_math": False, **style}
        self.canvas.text(x / self.width, 1 - y / self.height, words, **settings)

    def lines(self, left: float, top: float, lines: Sequence[str], **style: Any) -> None:
        """Write lines of words below each other."""
        step = line_height(style.get("fontsize", self.size.points))
        for row, words in enumerate(lines):
            self.text(left, top + (row + 0.5) * step, words, va="center", **style)

    def notes(self, top: float, lines: Sequence[str]) -> None:
        """Write the notes at the foot, a point smaller."""
        self.lines(MARGIN, top, lines, fontsize=self.size.points - 1, color=GREY)

    def add(self, artist: Any) -> None:
        """Add an artist whose coordinates are mm from the top left corner."""
        from matplotlib.transforms import Affine2D

        to_sheet = Affine2D().scale(1 / self.width, -1 / self.height).translate(0, 1)
        artist.set_transform(to_sheet + self.canvas.transFigure)
        self.canvas.add_artist(artist)

    def line(self, x: list[float], y: list[float], **style: Any) -> None:
        """Draw a line through points in mm."""
        from matplotlib.lines import Line2D

        self.add(Line2D(x, y, **style))

    def finish(self, key: str, title: str, alt: str) -> Figure:
        """Write the files."""
        return Figure(
            key=key,
            title=title,
            alt=alt,
            pdf=_saved(self.canvas, "pdf", {"CreationDate": None, "Title": title}),
            svg=_saved(self.canvas, "svg", {"Date": None, "Title": title}),
            png=_saved(self.canvas, "png", {"Title": title}, dpi=self.size.dpi),
        )


def line_height(points: float) -> float:
    """Height of a line of text in mm."""
    return points * LINE_SPACING / POINTS_PER_INCH * MM_PER_INCH


@lru_cache(maxsize=4096)
def extent(words: str, points: float, weight: str = "normal") -> float:
    """Width of words in mm."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not words.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans", weight=weight)
    path = TextPath((0, 0), words, size=points, prop=font)
    return float(path.get_extents().x1) / POINTS_PER_INCH * MM_PER_INCH


def note_lines(words: str, size: Size) -> list[str]:
    """Break the notes at the foot of a sheet."""
    return wrapped(words, size.width - 2 * MARGIN, size.points - 1)


def note_height(lines: Sequence[str], size: Size) -> float:
    """Height of the notes in mm, with the margin below them."""
    return len(lines) * line_height(size.points - 1) + MARGIN


def top_margin(size: Size, *, synthetic: bool) -> float:
    """Room above the drawing in mm; the mark of synthetic data needs a line of it."""
    return MARGIN + (line_height(size.points) if synthetic else 0)


def wrapped(words: str, width: float, points: float) -> list[str]:
    """Break words at spaces into lines that fit into `width` mm; a longer word stands alone."""
    lines: list[str] = []
    for word in words.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and extent(longer, points) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@contextmanager
def styled(key: str, size: Size) -> Iterator[None]:
    """Draw in this package's style, whatever the user's settings of matplotlib are."""
    import matplotlib.style
    import seaborn

    ours = {
        **seaborn.axes_style("ticks"),
        "font.family": "DejaVu Sans",
        "font.size": size.points,
        "axes.labelsize": size.points,
        "xtick.labelsize": size.points,
        "ytick.labelsize": size.points,
        "axes.edgecolor": INK,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.2,
        "lines.solid_capstyle": "butt",
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "text.parse_math": False,
        # Fonts stay text in the PDF, as journals ask; the SVG looks the same without the font.
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        # Without it the ids in an SVG are random.
        "svg.hashsalt": key,
    }
    with matplotlib.style.context(["default", ours]):
        yield


def _saved(canvas: Canvas, form: str, metadata: dict[str, Any], **settings: Any) -> bytes:
    buffer = io.BytesIO()
    canvas.savefig(buffer, format=form, metadata=metadata, **settings)
    return buffer.getvalue()
