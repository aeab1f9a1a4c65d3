"""The manuscript around the results: a template for any study, and setting it without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from survival_bzd.errors import BadInput, Fault

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import PaperResults


def default_manuscript(results: PaperResults) -> bytes:
    """Return a manuscript that fits any study, for its authors to write on.

    It names no number and no study: it reads ``numbers.json`` and ``numbers.typ`` beside it, so one
    text serves all `results`.
    """
    del results
    template = files("survival_bzd.report").joinpath("templates", "manuscript.typ")
    return template.read_bytes()


def compile_manuscript(source: Path, root: Path) -> bytes:
    """Set a Typst manuscript as PDF, with the fonts that Typst brings and without a network.

    Parameters
    ----------
    source : the manuscript.
    root : folder that the manuscript may read from; it holds `source`.

    Returns
    -------
    bytes
        The PDF. The same sources give the same bytes if the manuscript sets no date.

    Raises
    ------
    BadInput
        If Typst refuses the manuscript, for example because it cites a number that is not there;
        the message is Typst's, with the place.
    """
    import typst

    try:
        return bytes(typst.compile(source, root=root, format="pdf", ignore_system_fonts=True))
    except typst.TypstError as error:
        raise BadInput(
            [
                Fault(
                    rule="the manuscript must compile; Typst says",
                    remedy="If a number is missing, look its key up in numbers.json.",
                    file=source.name,
                    value=_said(error),
                )
            ]
        ) from None


def _said(error: Exception) -> str:
    """Return Typst's message and hints on one line."""
    hints = getattr(error, "hints", None) or []
    message = getattr(error, "message", None) or str(error)
    return "; ".join([str(message), *map(str, hints)])
