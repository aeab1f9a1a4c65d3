"""Results -> every file of the paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from survival_bzd.report.conventions import conventions
from survival_bzd.report.curves import incidence_csv, risk_csv, steps_csv, support_csv
from survival_bzd.report.figures import Figure, paper_figures
from survival_bzd.report.methods import methods, methods_markdown
from survival_bzd.report.numbers import Numbers, numbers_json, numbers_tex, typst_numbers
from survival_bzd.report.paper_numbers import paper_numbers
from survival_bzd.report.rendering import TEXT_FORMS, escape_typst, render
from survival_bzd.report.table import Table
from survival_bzd.report.tables import paper_tables
from survival_bzd.report.tables.records import statements_csv
from survival_bzd.report.time_axis import axis_ticks
from survival_bzd.report.word import word
from survival_bzd.report.wording import SYNTHETIC
from survival_bzd.report.worsening_paper import course_csv, patients_csv, scores_csv

if TYPE_CHECKING:
    from survival_bzd.report.paper_results import PaperResults


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file of the paper.

    Attributes
    ----------
    path : where it goes, relative to the paper's folder, with ``/``.
    content : its bytes. Equal results give equal bytes.
    """

    path: str
    content: bytes


def artefacts(results: PaperResults) -> tuple[Artefact, ...]:
    """Make every file that a paper consists of.

    Nothing is written here, and the manifest is the caller's: it knows inputs and command.

    Parameters
    ----------
    results : what the paper reports.

    Returns
    -------
    tuple of Artefact
        ``curves/*.csv``, ``tables/*``, ``figures/*``, ``numbers.*`` and ``methods.md``.
    """
    tables = paper_tables(results)
    figures = paper_figures(results)
    numbers = paper_numbers(results)
    return (
        *_curves(results),
        *(file for table in tables for file in _table(table)),
        *(file for figure in figures for file in _figure(figure)),
        *_numbers(results, numbers),
        _text("numbers.typ", _bindings(results, numbers, figures, tables)),
        _text("methods.md", methods_markdown(results)),
    )


def _text(path: str, text: str) -> Artefact:
    return Artefact(path, text.encode("utf-8"))


def _curves(results: PaperResults) -> Iterator[Artefact]:
    synthetic = results.synthetic
    ticks = axis_ticks(results.curves)
    yield _text("curves/relapse_free.csv", steps_csv(results.curves, synthetic=synthetic))
    risk = risk_csv(results.curves, ticks, synthetic=synthetic)
    yield _text("curves/relapse_free_at_risk.csv", risk)
    if results.interval_curves:
        between = support_csv(results.interval_curves, synthetic=synthetic)
        yield _text("curves/interval_censored.csv", between)
    if results.incidence:
        incidence = incidence_csv(results.incidence, synthetic=synthetic)
        yield _text("curves/cumulative_incidence.csv", incidence)
    if results.acute is not None:
        means = course_csv(results.acute, synthetic=synthetic)
        yield _text("curves/symptom_means.csv", means)
        scores = scores_csv(results.acute, synthetic=synthetic)
        yield _text("curves/symptom_scores.csv", scores)
        changes = patients_csv(results.acute, synthetic=synthetic)
        yield _text("tables/worsening_patients.csv", changes)
    if results.trace is not None:
        trace = statements_csv(results.trace, synthetic=synthetic)
        yield _text("tables/statements.csv", trace)
    if results.follow_up:
        yield _text("curves/follow_up.csv", steps_csv(results.follow_up, synthetic=synthetic))


def _table(table: Table) -> Iterator[Artefact]:
    for ending, form in TEXT_FORMS.items():
        yield _text(f"tables/{table.key}.{ending}", render(table, form))
    yield Artefact(f"tables/{table.key}.docx", word(table))


def _figure(figure: Figure) -> Iterator[Artefact]:
    for ending in ("pdf", "svg", "png"):
        yield Artefact(f"figures/{figure.key}.{ending}", getattr(figure, ending))


def _bindings(
    results: PaperResults,
    numbers: Numbers,
    figures: Sequence[Figure],
    tables: Sequence[Table],
) -> str:
    """Write what a Typst manuscript may use: the numbers, and what there is to show."""
    parts = [
        ("methods", [{"heading": heading, "text": text} for heading, text in methods(results)]),
        ("figures", [{"key": one.key, "caption": one.title, "alt": one.alt} for one in figures]),
        ("tables", [{"key": table.key, "title": table.title} for table in tables]),
    ]
    heads = {"study": results.study, "title": results.title}
    return "".join(
        [
            f"// {SYNTHETIC}.\n" if results.synthetic else "",
            *(f"#let {name} = {escape_typst(words)}\n" for name, words in heads.items()),
            f"#let synthetic = {'true' if results.synthetic else 'false'}\n",
            typst_numbers(numbers),
            *(f"#let {name} = {_typst_array(entries)}\n" for name, entries in parts),
        ]
    )


def _typst_array(entries: Sequence[Mapping[str, str]]) -> str:
    lines = [
        "  (" + ", ".join(f"{key}: {escape_typst(words)}" for key, words in entry.items()) + "),"
        for entry in entries
    ]
    return "\n".join(["(", *lines, ")"])


def _numbers(results: PaperResults, numbers: Numbers) -> Iterator[Artefact]:
    written = numbers_json(
        numbers,
        study=results.study,
        synthetic=results.synthetic,
        unit=results.tte.unit,
        conventions=conventions(results),
    )
    yield _text("numbers.json", written)
    yield _text("numbers.tex", numbers_tex(numbers, synthetic=results.synthetic))
