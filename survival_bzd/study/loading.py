"""Read what a command fits: a study folder, or a file of time-to-event rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from survival_bzd.endpoint import TimeToEvent, read_interval_rows, read_rows
from survival_bzd.estimate import formula_variables
from survival_bzd.records.declaration import IntervalRowsDeclaration, RowsDeclaration
from survival_bzd.study.opening import Study, group_labels, open_study, time_to_event
from survival_bzd.study.results import hazard_edges, horizons


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a command fits: the data, the columns that group them, what was left out.

    Attributes
    ----------
    tte : the time-to-event data.
    labels : column -> (n,) text, for groups, strata and clusters.
    left_out : lines of the rows that miss a value; none in a study.
    horizons : where the study reports its curve; none for a file.
    hazard_edges : edges of its hazard windows; none for a file.
    study : the study; None for a file.
    """

    tte: TimeToEvent
    labels: Mapping[str, Any]
    left_out: tuple[int, ...] = ()
    horizons: tuple[float, ...] = ()
    hazard_edges: tuple[float, ...] = ()
    study: Study | None = None


def load(folder: Path, *, endpoint: str | None = None, labels: Sequence[str] = ()) -> Loaded:
    """Read a study folder for a fit; `labels` are the covariates that group, stratify, cluster."""
    study = open_study(folder, endpoint)
    tte = time_to_event(study, labels)
    return Loaded(
        tte=tte,
        labels={name: group_labels(tte, name) for name in labels},
        horizons=tuple(horizon.time for horizon in horizons(study)),
        hazard_edges=tuple(hazard_edges(study)),
        study=study,
    )


def load_rows(
    source: Path | IO[bytes],
    columns: RowsDeclaration | IntervalRowsDeclaration,
    *,
    name: str,
    labels: Sequence[str] = (),
    formula: str | None = None,
) -> Loaded:
    """Read a file (or stream) of time-to-event rows for a fit."""
    variables = () if formula is None else formula_variables(formula)
    if isinstance(columns, IntervalRowsDeclaration):
        rows = read_interval_rows(source, columns, name=name, labels=labels, variables=variables)
    else:
        rows = read_rows(source, columns, name=name, labels=labels, variables=variables)
    return Loaded(tte=rows.tte, labels=rows.labels, left_out=rows.left_out)
