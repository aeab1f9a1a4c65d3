"""Read what `recurrent` fits: the spells of a study folder, or a file of (start, stop] rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from survival_bzd.endpoint import Recurrences, Spells, read_recurrent_rows, spells
from survival_bzd.estimate import formula_variables
from survival_bzd.records.declaration import RecurrentRowsDeclaration
from survival_bzd.study.opening import Study, endpoint_of, evidence_of, group_labels, open_study
from survival_bzd.study.results import horizons


@dataclass(frozen=True, eq=False)
class LoadedRecurrences:
    """What `recurrent` fits.

    Attributes
    ----------
    recurrences : the rows.
    labels : column -> (n,) text, for groups, strata and clusters.
    left_out : lines of the rows of patients who miss a label; none in a study.
    horizons : where the study reports its curve; none for a file.
    spells : of a study; None for a file.
    study : the study; None for a file.
    """

    recurrences: Recurrences
    labels: Mapping[str, Any]
    left_out: tuple[int, ...] = ()
    horizons: tuple[float, ...] = ()
    spells: Spells | None = None
    study: Study | None = None


def load_recurrences(
    folder: Path, *, endpoint: str | None = None, labels: Sequence[str] = ()
) -> LoadedRecurrences:
    """Derive the spells of a study folder; `labels` are the covariates that group."""
    study = open_study(folder, endpoint)
    found = spells(evidence_of(study), endpoint_of(study))
    rows = found.recurrences()
    return LoadedRecurrences(
        recurrences=rows,
        labels={name: group_labels(rows.counted, name) for name in labels},
        horizons=tuple(horizon.time for horizon in horizons(study)),
        spells=found,
        study=study,
    )


def load_recurrent_rows(
    source: Path | IO[bytes],
    columns: RecurrentRowsDeclaration,
    *,
    name: str,
    labels: Sequence[str] = (),
    formula: str | None = None,
) -> LoadedRecurrences:
    """Read a file (or stream) of (start, stop] rows."""
    variables = () if formula is None else formula_variables(formula)
    rows = read_recurrent_rows(source, columns, name=name, labels=labels, variables=variables)
    return LoadedRecurrences(
        recurrences=rows.recurrences, labels=rows.labels, left_out=rows.left_out
    )
