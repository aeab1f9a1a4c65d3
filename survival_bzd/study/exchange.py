"""Give time-to-event data to others, and take theirs: CDISC ADTTE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from survival_bzd.endpoint import AdtteChoice, adtte_of, read_adtte, write_adtte
from survival_bzd.estimate import formula_variables
from survival_bzd.records.declaration import StudyDeclaration
from survival_bzd.records.schema import TABLES
from survival_bzd.study.loading import Loaded
from survival_bzd.study.opening import Study, time_to_event


def export_adtte(study: Study, path: Path) -> tuple[Path, Path]:
    """Write the time-to-event data of a study as ADTTE.

    Parameters
    ----------
    path : ends in .csv, .xpt or .json, which says the format.

    Returns
    -------
    tuple of Path
        The data set, and its metadata beside it.
    """
    declaration = study.declaration
    adtte = adtte_of(
        time_to_event(study),
        study=declaration.study.name,
        dates=declaration.study.dates == "iso",
        synthetic=declaration.study.synthetic,
        sources=_sources(declaration),
    )
    return path, write_adtte(adtte, path)


def _sources(declaration: StudyDeclaration) -> dict[str, tuple[str, str]]:
    """Return file -> the table it is, and the column whose day the record is known on."""
    sources = {}
    for name, table in declaration.tables.items():
        days = [column.name for column in TABLES[name] if column.kind == "day"]
        sources[table.called] = (name, table.columns.get(days[-1], days[-1]) if days else "")
    return sources


def load_adtte(
    source: Path | bytes,
    choice: AdtteChoice,
    *,
    name: str,
    labels: Sequence[str] = (),
    formula: str | None = None,
) -> Loaded:
    """Read an ADTTE file, or the bytes of one as CSV, for a fit."""
    variables = () if formula is None else formula_variables(formula)
    rows = read_adtte(source, choice, name=name, labels=labels, variables=variables)
    return Loaded(tte=rows.tte, labels=rows.labels, left_out=rows.left_out)
