import csv
import io
import json
import zipfile

import pytest

from survival_bzd.report.rendering import render
from survival_bzd.report.table import Table
from survival_bzd.report.word import EPOCH, word

HOSTILE = (
    '[5] *x* a|b_c & 5% <b> $1 #let ~ ^ \\ {} "q" @x `y` // '
    "\N{GREATER-THAN OR EQUAL TO} \N{MINUS SIGN}3"
)


@pytest.fixture
def table() -> Table:
    return Table(
        key="hostile_table",
        title=HOSTILE,
        header=("Name", HOSTILE, "Why"),
        rows=((HOSTILE, "7", HOSTILE), ("", "1", "b")),
        align="lrw",
        columns=(("name", (HOSTILE, "a,b\nc")), ("n", (1 / 3, None))),
        notes=(HOSTILE,),
    )


def test_csv_comes_back_as_it_was(table: Table):
    lines = list(csv.reader(io.StringIO(render(table, "csv"))))
    assert lines == [["name", "n"], [HOSTILE, "0.333333333333"], ["a,b\nc", ""]]
    assert "\r" not in render(table, "csv")


def test_html_shows_the_text_and_nothing_of_it_is_markup(table: Table):
    from html.parser import HTMLParser

    class Cells(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[str] = []
            self.found: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags.append(tag)

        def handle_data(self, data: str) -> None:
            self.found.append(data)

    parser = Cells()
    parser.feed(render(table, "html"))
    assert parser.found.count(HOSTILE) == 6
    assert "b" not in parser.tags


def test_typst_prints_the_text_and_nothing_of_it_is_code(table: Table, tmp_path):
    import typst

    (tmp_path / "table.typ").write_text(render(table, "typst"))
    (tmp_path / "main.typ").write_text('#include "table.typ"')
    found = json.loads(typst.query(tmp_path / "main.typ", "figure.where(kind: table)"))
    assert found[0]["caption"]["body"]["text"] == HOSTILE
    assert found[0]["label"] == "<tab:hostile_table>"
    assert typst.compile(tmp_path / "main.typ")


def test_latex_escapes_what_is_special(table: Table):
    written = render(table, "latex")
    row = next(line for line in written.splitlines() if line.strip().startswith("{[}5]"))
    for escaped in (r"{*}x{*}", r"\&", r"\%", r"\#", r"\$", r"\_", r"$<$b$>$", r"$\geq$", "$-$3"):
        assert escaped in row
    assert r"\label{tab:hostile-table}" in written
    assert r"\begin{tabular}{lrp{0.45\linewidth}}" in written


def test_latex_braces_are_balanced(table: Table):
    written = render(table, "latex").replace(r"\{", "").replace(r"\}", "")
    assert written.count("{") == written.count("}")


def test_markdown_keeps_its_columns(table: Table):
    import re

    row = next(
        line for line in render(table, "markdown").splitlines() if "5" in line and line[0] == "|"
    )
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


def test_plain_text_is_aligned(table: Table):
    small = Table(key="t", title="T", header=("Arm", "n"), rows=(("A", "12"), ("Long", "7")),
                  align="lr", columns=())  # fmt: skip
    assert render(small, "table") == "T\n\nArm    n\n--------\nA     12\nLong   7\n"


def test_word_holds_the_table_with_a_black_caption_and_no_date(table: Table):
    import docx

    content = word(table)
    document = docx.Document(io.BytesIO(content))
    cells = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    assert cells == [list(table.header), *map(list, table.rows)]
    assert document.paragraphs[0].text == HOSTILE
    assert str(document.styles["Caption"].font.color.rgb) == "000000"
    assert document.core_properties.created.replace(tzinfo=None) == EPOCH
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert word(table) == content


def test_a_ragged_table_is_refused():
    with pytest.raises(ValueError, match="differ in width"):
        Table(key="t", title="T", header=("a",), rows=(("1", "2"),), align="l", columns=())
