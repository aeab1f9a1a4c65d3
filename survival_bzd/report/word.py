"""A table as a Word document: three rules, a black caption, the same bytes on every run."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

from survival_bzd.report.table import Table

if TYPE_CHECKING:
    from docx.document import Document

EPOCH = datetime(1980, 1, 1)
"""The earliest date that a zip file can hold; documents carry it instead of the time of day."""

FONT_POINTS = 10
NOTE_POINTS = 8
RULES = {"outer": 8, "inner": 4}
"""Widths of the horizontal rules in eighths of a point."""


def word(table: Table) -> bytes:
    """Write a table as a ``.docx`` file.

    Parameters
    ----------
    table : what to write.

    Returns
    -------
    bytes
        The file. Every date inside is `EPOCH`, so equal tables give equal bytes.
    """
    import docx
    from docx.shared import Pt

    document = docx.Document()
    document.styles["Normal"].font.size = Pt(FONT_POINTS)
    _stamp(document, table.title)
    _caption(document, table.title)
    _grid(document, table)
    for note in table.notes:
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_after = Pt(0)
        paragraph.add_run(note).font.size = Pt(NOTE_POINTS)
    buffer = io.BytesIO()
    document.save(buffer)
    return _undated(buffer.getvalue())


def _stamp(document: Document, title: str) -> None:
    """Set the properties that python-docx otherwise takes from its template."""
    properties = document.core_properties
    properties.title = title
    properties.author = ""
    properties.comments = ""
    properties.created = properties.modified = EPOCH


def _caption(document: Document, title: str) -> None:
    """Put the caption above the table; the template's caption style is small and blue."""
    from docx.shared import Pt, RGBColor

    style = document.styles["Caption"]
    style.font.color.rgb = RGBColor(0, 0, 0)
    style.font.size = Pt(FONT_POINTS)
    paragraph = document.add_paragraph(title, style="Caption")
    paragraph.paragraph_format.keep_with_next = True


def _grid(document: Document, table: Table) -> None:
    """Add the cells, with a rule above, below the header and below the last row."""
    from docx.oxml import OxmlElement

    grid = document.add_table(rows=1 + len(table.rows), cols=len(table.header))
    lines = (table.header, *table.rows)
    for row, line in zip(grid.rows, lines, strict=True):
        for cell, text, side in zip(row.cells, line, table.align, strict=True):
            _fill(cell, text, side, bold=line is table.header)
    grid.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    _rule(grid.rows[0], top=RULES["outer"], bottom=RULES["inner"])
    _rule(grid.rows[-1], bottom=RULES["outer"], **({} if table.rows else {"top": RULES["outer"]}))


def _fill(cell: Any, text: str, side: str, *, bold: bool) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = cell.paragraphs[0]
    paragraph.paragraph_format.space_after = Pt(0)
    if side == "r":
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    paragraph.add_run(text).bold = bold


def _rule(row: Any, **widths: int) -> None:
    """Draw horizontal rules on the cells of a row."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for cell in row.cells:
        borders = OxmlElement("w:tcBorders")
        for side, width in widths.items():
            border = OxmlElement(f"w:{side}")
            border.set(qn("w:val"), "single")
            border.set(qn("w:sz"), str(width))
            border.set(qn("w:color"), "000000")
            borders.append(border)
        cell._tc.get_or_add_tcPr().append(borders)


def _undated(document: bytes) -> bytes:
    """Pack the document's files again with one fixed date."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(document)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            entry = zipfile.ZipInfo(name, date_time=EPOCH.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            new.writestr(entry, old.read(name))
    return buffer.getvalue()
