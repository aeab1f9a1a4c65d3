"""Keeps what was found as JSON, and shows it as tables in the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.coverage.experiments import EXPERIMENTS, Experiment, Found

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs" / "estimators" / "small-samples.md"
BEGIN = "<!-- Written by python -m benchmarks.coverage from here -->"
END = "<!-- to here -->"

Cells = Mapping[tuple[str, str], Found]


def packed(found: Mapping[str, Cells]) -> dict[str, Any]:
    """Return the counts as JSON has them, in the order of the experiments."""
    return {
        experiment.name: [
            {
                "row": row,
                "column": column,
                "yes": cell.yes,
                "answered": cell.answered,
                "studies": cell.studies,
            }
            for (row, column), cell in found[experiment.name].items()
        ]
        for experiment in EXPERIMENTS
        if experiment.name in found
    }


def unpacked(read: Mapping[str, Any]) -> dict[str, dict[tuple[str, str], Found]]:
    """Return the counts from what JSON had."""
    return {
        name: {
            (cell["row"], cell["column"]): Found(
                yes=cell["yes"], answered=cell["answered"], studies=cell["studies"]
            )
            for cell in cells
        }
        for name, cells in read.items()
    }


def filled(page: str, found: Mapping[str, Cells]) -> str:
    """Return the page with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = [
        _table(experiment, found[experiment.name])
        for experiment in EXPERIMENTS
        if experiment.name in found
    ]
    return "\n".join([before + BEGIN, "", *tables, END + after])


def _table(experiment: Experiment, cells: Cells) -> str:
    """Return the table of an experiment, in percent."""
    rows, columns = (list(dict.fromkeys(place)) for place in zip(*cells, strict=True))
    first = next(iter(cells.values()))
    lines = [
        f"### {experiment.title}",
        "",
        f"{'Held the truth' if experiment.nominal > 0.5 else 'Rejected'}, in percent of "
        f"{first.studies:,} studies; nominal {100 * experiment.nominal:g}.",
        "",
        "| | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for row in rows:
        shown = [_shown(cells[row, column]) if (row, column) in cells else "" for column in columns]
        lines.append(f"| {row} | " + " | ".join(shown) + " |")
    return "\n".join([*lines, ""])


def _shown(cell: Found) -> str:
    """Return the share in percent, and of how many studies there is none."""
    missing = 100 * (1 - cell.answered / cell.studies)
    return f"{100 * cell.share:.1f}" + (f" ({missing:.1f} none)" if missing >= 0.05 else "")
