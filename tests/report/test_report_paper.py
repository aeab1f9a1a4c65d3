import ast
import csv
import dataclasses
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from survival_bzd.errors import BadInput
from survival_bzd.report import Artefact, artefacts, compile_manuscript, default_manuscript
from survival_bzd.report.methods import methods, methods_markdown
from survival_bzd.report.paper_results import EndpointFacts, PaperResults
from survival_bzd.report.rendering import TEXT_FORMS
from survival_bzd.report.tables import paper_tables

Files = dict[str, Artefact]

ROOT = Path(__file__).parents[2]
MANUSCRIPT = ROOT / "paper" / "manuscript.typ"
TABLES = [
    "characteristics", "flow", "proportions", "relapse_free", "time_to_relapse", "hazard", "cox",
    "proportional_hazards", "logrank", "evidence", "patients",
]  # fmt: skip
SHA = """
import hashlib, json, runpy, sys
from survival_bzd.report import artefacts
files = artefacts(runpy.run_path(sys.argv[1])["small_results"]())
print(json.dumps({file.path: hashlib.sha256(file.content).hexdigest() for file in files}))
"""
OWN_SETTINGS = """
font.size: 23
font.style: italic
font.family: serif
text.color: blue
text.hinting: none
axes.facecolor: red
axes.xmargin: 0.4
axes.prop_cycle: cycler("color", ["r", "g"])
figure.facecolor: yellow
savefig.facecolor: green
savefig.dpi: 40
savefig.bbox: tight
lines.linewidth: 7
patch.linewidth: 5
path.simplify: False
pdf.compression: 0
pdf.use14corefonts: True
svg.fonttype: none
xtick.major.pad: 30
"""


def write(files: Files, folder: Path) -> None:
    for file in files.values():
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def test_a_paper_has_every_kind_of_file(files: Files):
    wanted = {"numbers.json", "numbers.tex", "numbers.typ", "methods.md", "tables/statements.csv"}
    curves = ("relapse_free", "relapse_free_at_risk", "follow_up")
    wanted |= {f"curves/{name}.csv" for name in curves}
    for key in TABLES:
        wanted |= {f"tables/{key}.{ending}" for ending in (*TEXT_FORMS, "docx")}
    for key in ("flow", "relapse_free", "relapse_free_by_arm", "forest", "swimmer"):
        wanted |= {f"figures/{key}.{ending}" for ending in ("pdf", "svg", "png")}
    assert set(files) == wanted


def test_a_second_run_writes_the_same_bytes(results: PaperResults, files: Files):
    # One figure and every table; the whole paper is compared between processes below.
    again = dataclasses.replace(
        results, trace=None, flow=None, cox=(), curves=results.curves[:1], by=None
    )
    same = [file.path for file in artefacts(again) if files[file.path].content == file.content]
    assert {f"figures/relapse_free.{ending}" for ending in ("pdf", "svg", "png")} <= set(same)
    assert "tables/proportions.docx" in same


def test_bytes_do_not_depend_on_process_hash_seed_time_zone_locale_or_own_settings_of_matplotlib(
    files: Files, tmp_path: Path
):
    own = tmp_path / "matplotlibrc"
    own.write_text(OWN_SETTINGS)
    settings = {"PYTHONHASHSEED": "4242", "TZ": "Asia/Tokyo", "LC_ALL": "C", "MPLBACKEND": "pdf"}
    settings["MATPLOTLIBRC"] = str(own)
    command = [sys.executable, "-c", SHA, str(Path(__file__).with_name("conftest.py"))]
    done = subprocess.run(
        command, env={**os.environ, **settings}, check=True, capture_output=True, text=True
    )
    here = {path: hashlib.sha256(file.content).hexdigest() for path, file in files.items()}
    assert json.loads(done.stdout) == here


def test_no_text_file_has_a_carriage_return_or_a_time_of_day(files: Files):
    for path, file in files.items():
        if path.endswith((".csv", ".tex", ".md", ".html", ".typ", ".json", ".svg")):
            assert b"\r" not in file.content, path
            assert not re.search(rb"\d\d:\d\d:\d\d", file.content), path
            assert file.content.endswith(b"\n"), path


def test_synthetic_data_says_so_in_every_table_and_document(files: Files):
    for path, file in files.items():
        if path.startswith("tables/") and not path.endswith("docx"):
            assert b"ynthetic" in file.content, path
    for path in ("numbers.json", "numbers.tex", "numbers.typ", "methods.md"):
        assert b"ynthetic" in files[path].content
    for path in ("curves/relapse_free.csv", "tables/patients.csv"):
        lines = list(csv.DictReader(io.StringIO(files[path].content.decode())))
        assert {line["synthetic"] for line in lines} == {"true"}


def test_a_table_shows_no_p_value_for_characteristics(results: PaperResults):
    table = next(one for one in paper_tables(results) if one.key == "characteristics")
    assert not any(head.startswith("p") for head in table.header)
    assert ("\N{EM SPACE}missing", "1", "0") in table.rows
    # The arm itself is not described within an arm.
    assert ("\N{EM SPACE}taper", "4 (50.0%)", "") in table.rows
    assert ("\N{EM SPACE}M", "1 (33.3%)", "0 (0.0%)") in table.rows


def test_undefined_cells_are_explained_below_the_table(results: PaperResults):
    table = next(one for one in paper_tables(results) if one.key == "relapse_free")
    assert any("NE" in cell.split() for row in table.rows for cell in row)
    assert "NE, not estimable." in table.notes


def test_the_patients_table_names_the_deciding_record(results: PaperResults):
    table = next(one for one in paper_tables(results) if one.key == "patients")
    assert table.rows[0] == ("a1", "30", "Relapse", "Day 30 decided", "urine.csv:2")


def test_methods_say_what_was_done_and_only_that(results: PaperResults):
    text = methods_markdown(results)
    said = ["the last of 2 consecutive negatives", "days 1 to 14", "Death counted as", "log-rank"]
    for words in (*said, "Firth", "Clopper-Pearson", "no control group", "synthetic"):
        assert words in text
    rows = PaperResults(study="s", title="T", endpoint=EndpointFacts(label="relapse"),
                        tte=results.tte, curves=results.curves[:1], control_group=True)  # fmt: skip
    plain = " ".join(paragraph for _, paragraph in methods(rows))
    for words in ("log-rank", "Firth", "Cox", "Clopper", "washout", "synthetic", "control group"):
        assert words not in plain


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"origin": {"at": "first_negative", "negatives": 2, "after": "enrolment"}}, "immortal"),
        ({"origin": {"at": "column", "column": "quit_day"}}, "the column quit_day"),
        ({"pattern": {"rule": "k_of_n", "k": 3, "n": 4}}, "3 positives among 4 assessed days"),
        (
            {"pattern": {"rule": "use_days", "days": 5, "within_days": 28}},
            "5 days of use within 28",
        ),
        ({"missing": {"rule": "relapse", "gap_days": 60}}, "more than 60 days"),
        ({"dating": "midpoint"}, "the middle between"),
        ({"population": "intention"}, "failure on day 0"),
        ({"end": "2021-12-31"}, "Observation ended on 2021-12-31"),
        ({"entry": "found_free"}, "the column found_free"),
    ],
)
def test_methods_word_each_rule(results: PaperResults, rules: dict[str, object], words: str):
    given = {"label": "Use", "origin": {"at": "enrolment"}, "pattern": {"rule": "any_use"}, **rules}
    changed = PaperResults(study="s", title="T", endpoint=EndpointFacts(**given), tte=results.tte,  # type: ignore[arg-type]
                           curves=results.curves[:1])  # fmt: skip
    assert words in dict(methods(changed))["Endpoint"]


def test_the_default_manuscript_fits_any_study(results: PaperResults, files: Files, tmp_path: Path):
    write(files, tmp_path)
    (tmp_path / "manuscript.typ").write_bytes(default_manuscript(results))
    first = compile_manuscript(tmp_path / "manuscript.typ", tmp_path)
    assert first.startswith(b"%PDF")
    assert compile_manuscript(tmp_path / "manuscript.typ", tmp_path) == first


def test_the_default_manuscript_cites_every_figure_and_table_and_no_time_past_the_follow_up(
    results: PaperResults, files: Files, tmp_path: Path
):
    import typst

    write(files, tmp_path)
    source = tmp_path / "manuscript.typ"
    source.write_bytes(default_manuscript(results))
    options = {"root": tmp_path, "ignore_system_fonts": True}
    cited = {one["target"].strip("<>") for one in json.loads(typst.query(source, "ref", **options))}
    shown = {f"tab:{key}" for key in TABLES}
    shown |= {f"fig:{path[8:-4]}" for path in files if re.fullmatch(r"figures/\w+\.pdf", path)}
    assert cited == shown
    page = typst.compile(source, format="html", **options).decode()
    prose = re.sub(r"<[^>]*>", "", page[page.index("Results</h2>") : page.index("<figure")])
    assert "At 12 months, " in prose
    assert "36 months" not in prose
    assert "not estimable" not in prose


def test_methods_name_the_endpoint_and_the_classes_as_people_write_them(results: PaperResults):
    endpoint = dataclasses.replace(results.endpoint, substances=("benzodiazepine", "z_drug"))
    words = dict(methods(dataclasses.replace(results, endpoint=endpoint)))["Endpoint"]
    assert words.startswith("The endpoint was \N{LEFT DOUBLE QUOTATION MARK}Return to use")
    assert "benzodiazepine and Z-drug." in words


def test_a_number_that_is_not_there_stops_the_manuscript(files: Files, tmp_path: Path):
    write({"numbers.json": files["numbers.json"]}, tmp_path)
    source = tmp_path / "manuscript.typ"
    source.write_text('#json("numbers.json").numbers.at("relapsed.n").text')
    with pytest.raises(BadInput, match=r"relapsed\.n"):
        compile_manuscript(source, tmp_path)


def test_no_number_is_typed_into_a_manuscript_by_hand():
    template = default_manuscript(None).decode()  # type: ignore[arg-type]
    source = MANUSCRIPT.read_text(encoding="utf-8")
    prose = source[source.index("= Abstract") : source.index("#bibliography")]
    for text in (prose, template[template.index("= Methods") :]):
        # Keys of numbers, citations and labels may have digits.
        bare = re.sub(r"@[\w:]+", "", re.sub(r'"[^"]*"', "", text))
        assert not re.search(r"\d", bare), re.findall(r".*\d.*", bare)


def test_no_semicolon_of_the_manuscript_ends_a_number_instead_of_a_clause():
    # Typst takes an unescaped one after a call as the end of the call, and does not print it.
    assert not re.search(r"#n\([^)]*\);", MANUSCRIPT.read_text(encoding="utf-8"))


def test_the_manuscript_cites_what_the_default_study_has():
    from survival_bzd.report.paper_numbers import paper_numbers
    from survival_bzd.study import open_study
    from survival_bzd.study import results as study_results

    source = MANUSCRIPT.read_text(encoding="utf-8")
    found = study_results(open_study(ROOT / "datasets" / "ketamine-taper"))
    cited = set(re.findall(r'#n\("([^"]+)"\)', source))
    assert cited
    assert cited <= set(paper_numbers(found))
    shown = set(re.findall(r"@tab:(\w+)", source))
    assert shown <= {table.key for table in paper_tables(found)}


def test_report_imports_no_statistics():
    """Rounding, wording and drawing only: no special functions, no random numbers."""
    banned = {"scipy", "statistics", "random", "lifelines", "sksurv"}
    for path in (ROOT / "survival_bzd" / "report").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not banned & {name.partition(".")[0] for name in names}, path
