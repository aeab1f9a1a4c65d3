"""A table in each format, every cell escaped for it."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from survival_bzd.report.table import Table, csv

if TYPE_CHECKING:
    import jinja2

PLAIN_WIDTH = 100
"""Notes of a plain table are broken at this many characters."""


def escape_latex(text: str) -> str:
    r"""Write text so that LaTeX prints it, with or without a Unicode engine.

    Examples
    --------
    >>> print(escape_latex("R&D_1: 5 %"))
    R\&D\_1: 5 \%
    """
    return "".join(_LATEX.get(letter, letter) for letter in text)


def escape_markdown(text: str) -> str:
    """Write text so that Markdown prints it and a pipe does not end the cell."""
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~$])", r"\\\1", text)
    return escaped.replace("\n", " ")


def escape_typst(text: str) -> str:
    """Write text as a Typst string, in which nothing is markup."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def render(table: Table, form: str) -> str:
    r"""Write a table in one of the text formats.

    Parameters
    ----------
    table : what to write.
    form : ``"table"`` (plain text), ``"csv"``, ``"latex"``, ``"markdown"``, ``"html"`` or
        ``"typst"``.

    Returns
    -------
    str
        The whole file, ending with a line end. CSV has the full-precision columns.

    Examples
    --------
    >>> table = Table(key="t", title="T", header=("Arm", "n"), rows=(("A|B", "7"),), align="lr",
    ...               columns=(("arm", ("A|B",)), ("n", (7,))))
    >>> print(render(table, "markdown"))
    **T**
    <BLANKLINE>
    | Arm | n |
    |:--|--:|
    | A\|B | 7 |
    <BLANKLINE>
    """
    if form == "csv":
        return csv(table.columns)
    if form == "table":
        return _plain(table)
    return _template(form).render(table=table)


TEXT_FORMS = {"csv": "csv", "tex": "latex", "md": "markdown", "html": "html", "typ": "typst"}
"""File ending and form of the text formats that a paper's tables are written in."""

_ESCAPES: dict[str, Callable[[str], str]] = {
    "latex": escape_latex,
    "markdown": escape_markdown,
    "html": html.escape,
    "typst": escape_typst,
}

# The glyphs that a formatted number or a name may hold and pdflatex has no letter for.
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # After a row's end these would be read as its options.
    "[": "{[}",
    "*": "{*}",
    "\n": " ",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{MINUS SIGN}": r"$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{INFINITY}": r"$\infty$",
    "\N{GREEK SMALL LETTER CHI}": r"$\chi$",
    "\N{SUPERSCRIPT TWO}": r"\textsuperscript{2}",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{MIDDLE DOT}": r"\textperiodcentered{}",
}


@cache
def _template(form: str) -> jinja2.Template:
    """Load a format's template, in which every printed value goes through the format's escape."""
    import jinja2

    escape = _ESCAPES[form]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("survival_bzd.report", "templates"),
        finalize=lambda value: escape(str(value)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # LaTeX's own braces and comments would otherwise be taken for Jinja's.
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    return environment.get_template(f"table.{form}")


def _plain(table: Table) -> str:
    """Lay a table out for a terminal."""
    lines = [table.header, *table.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.header))]
    laid = ["  ".join(_padded(line, widths, table.align)).rstrip() for line in lines]
    notes = [part for note in table.notes for part in textwrap.wrap(note, PLAIN_WIDTH)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    parts = [*textwrap.wrap(table.title, PLAIN_WIDTH), "", laid[0], rule, *laid[1:]]
    return "\n".join([*parts, *(["", *notes] if notes else [])]) + "\n"


def _padded(line: tuple[str, ...], widths: list[int], align: str) -> list[str]:
    return [
        cell.ljust(width) if side == "l" else cell.rjust(width)
        for cell, width, side in zip(line, widths, align, strict=True)
    ]
