"""How well relapse is predicted: predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from survival_bzd.cli import options
from survival_bzd.cli.group import main
from survival_bzd.cli.printing import print_result, say
from survival_bzd.cli.reading import left_out_rows, load


@main.command()
@options.data
@options.rows
@click.option("--formula", required=True, metavar="F", help='As in R: "age + C(arm)".')
@click.option(
    "--at", type=options.Numbers(), default=(),
    help="Times of the AUC, as 91,182; by default the study's horizons, or quartiles of the "
    "relapse times.",
)  # fmt: skip
@click.option(
    "--tau", type=options.Number(0, min_open=True),
    help="Until when concordance and Brier score look; by default the last follow-up.",
)  # fmt: skip
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True,
              help="Parts that are predicted in turn from the others.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(min=1), default=10, show_default=True,
              help="How often the patients are divided anew.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
              help="Of the divisions and the forest.")  # fmt: skip
@click.option("--forest/--no-forest", default=True, show_default=True,
              help="A random survival forest beside Cox's model.")  # fmt: skip
@click.option("--trees", type=click.IntRange(min=1), default=200, show_default=True,
              help="Trees of the forest.")  # fmt: skip
@click.option("--min-leaf", type=click.IntRange(min=1), default=15, show_default=True,
              help="Least patients in a leaf.")  # fmt: skip
@click.option(
    "--penalty",
    type=click.Choice(["auto", "none", "firth"]),
    default="auto",
    show_default=True,
    help="Firth's penalised likelihood for Cox's model; auto where events are few or a term "
    "separates.",
)
@options.level
@options.output
def predict(
    data: str, formula: str, at: tuple[float, ...], tau: float | None, folds: int, repeats: int,
    seed: int, forest: bool, trees: int, min_leaf: int, penalty: str, level: float, form: str,
    output: Path | None, **given: Any,
) -> None:  # fmt: skip
    """How well covariates predict relapse, cross-validated: Cox's model beside a random forest."""
    from survival_bzd.estimate import cross_validate
    from survival_bzd.report.prediction import prediction_document, prediction_tables

    loaded = load(data, given, [], formula)
    found = cross_validate(
        loaded.tte, formula, times=at or loaded.horizons or None, tau=tau, folds=folds,
        repeats=repeats, seed=seed, forest=forest, trees=trees, min_leaf=min_leaf,
        penalty=penalty, confidence=level,
    )  # fmt: skip
    # Under a table on the same screen they stand already.
    for warning in found.warnings if output or form in ("csv", "json") else ():
        say(f"Warning: {warning}")
    if found.left_out:
        say(f"{left_out_rows(found.left_out)} a covariate.")
    document = prediction_document(found, left_out=len(loaded.left_out) + found.left_out)
    print_result(document, prediction_tables(found), form, output, loaded.study)
