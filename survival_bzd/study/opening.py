"""Open a study: `study.toml`, every table, the endpoint and the paper, all problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from survival_bzd.endpoint import (
    Endpoint,
    TimeToEvent,
    WorseningRules,
    declare,
    declare_worsening,
    derive,
    read_rows,
)
from survival_bzd.endpoint.grid import grid_faults
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import Evidence, Records, evidence, examine
from survival_bzd.records.declaration import (
    DECLARATION,
    Declared,
    StudyDeclaration,
    line_of,
    load_declaration,
    validate,
)


class PaperDeclaration(Declared):
    """What the paper of a study holds: the table `[paper]` of `study.toml`.

    Attributes
    ----------
    endpoint : which endpoint; by default the only one.
    by : a covariate that splits the curves.
    cox : formulas of the hazard table, the main one first.
    hazard_windows_months : edges of the windows of the hazard table.
    characteristics : the covariates to describe; by default all.
    labels : words for covariates, for tables and figures.
    size : journal size preset of the figures.
    """

    endpoint: str | None = None
    by: str | None = None
    cox: list[str] = Field(default_factory=list)
    hazard_windows_months: list[float] = Field(default_factory=lambda: [0.0, 3.0, 6.0, 12.0, 24.0])
    characteristics: list[str] | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    size: str = "single"


@dataclass(frozen=True, eq=False)
class Study:
    """A study folder, read and checked.

    Attributes
    ----------
    folder, declaration : where it is and what `study.toml` says.
    records : its tables; None for a study of time-to-event rows.
    endpoint : the endpoint in use; None for rows.
    paper : what its paper holds.
    worsening : the rules of the acute phase; None where there are none.
    """

    folder: Path
    declaration: StudyDeclaration
    records: Records | None
    endpoint: Endpoint | None
    paper: PaperDeclaration
    worsening: WorseningRules | None = None


def open_study(folder: Path, endpoint: str | None = None) -> Study:
    """Read and check a study folder: `study.toml`, every table, the endpoint, the paper.

    Parameters
    ----------
    folder : the study folder.
    endpoint : which of its endpoints; by default that of `[paper]`, or the only one.

    Raises
    ------
    BadInput
        With every problem of all of them.
    """
    declaration, faults = load_declaration(folder)
    records: Records | None = None
    if declaration.time_to_event is None:
        records, faults = examine(folder)
    paper, problems = validate(
        PaperDeclaration, declaration.paper, text=declaration.text, at=("paper",)
    )
    faults += problems
    worsening, problems = declare_worsening(declaration, records)
    faults += problems
    declared: Endpoint | None = None
    if records is not None:
        for known in declaration.endpoint:
            faults += declare(declaration, known)[1]
        name, problems = _endpoint_name(declaration, paper, endpoint)
        faults += problems
        if name is not None:
            declared, wrong = declare(declaration, name)
            faults += [] if wrong else grid_faults(declaration, name)
    elif endpoint is not None:
        faults.append(_rows_have_noendpoint_of(endpoint))
    if paper is not None:
        faults += _paper_faults(declaration, paper)
    if faults or paper is None:
        raise BadInput(faults)
    study = Study(folder, declaration, records, declared, paper, worsening)
    if records is None:
        time_to_event(study)
    return study


def time_to_event(study: Study, labels: Sequence[str] = ()) -> TimeToEvent:
    """Derive the time-to-event data of a study, or read its rows.

    `labels` are the columns that must not be empty: rows that miss one are left out.
    """
    rows = study.declaration.time_to_event
    if rows is not None:
        path = study.folder / rows.file
        return read_rows(path, rows, name=rows.file, labels=labels).tte
    return derive(evidence_of(study), endpoint_of(study))


def group_labels(tte: TimeToEvent, column: str) -> Any:
    """Return a covariate as text labels of groups.

    Raises
    ------
    BadInput
        If there is no such covariate, or a patient has none.
    """
    known = [] if tte.covariates is None else list(tte.covariates.columns)
    if tte.covariates is None or column not in known:
        raise BadInput(
            [
                Fault(
                    rule="it must be a covariate of the study; it has "
                    + (", ".join(known) or "none"),
                    remedy=f"Name one of them, or declare it in {DECLARATION}.",
                    value=column,
                )
            ]
        )
    values = tte.covariates[column].tolist()
    missing = [row for row, value in enumerate(values) if value is None or value != value]
    if missing:
        raise BadInput(
            Fault(
                rule="every patient at risk needs a group",
                remedy="Fill it in, or take another column.",
                column=column,
                patient=str(row + 1) if tte.patient_id is None else str(tte.patient_id[row]),
            )
            for row in missing
        )
    return text_labels(values)


def text_labels(values: Iterable[Any]) -> Any:
    """Write values as the names of groups: 2.0 as 2, and different values differently."""
    import numpy as np

    whole = (
        int(value) if isinstance(value, float) and value.is_integer() else value for value in values
    )
    return np.array([str(value) for value in whole], dtype=object)


def evidence_of(study: Study) -> Evidence:
    """Return the statements about use; of rows there are none."""
    if study.records is None:
        raise BadInput(
            [
                Fault(
                    rule="a study of time-to-event rows has no records to derive from",
                    remedy="Ask for its curves (km), or take a study with tables.",
                )
            ]
        )
    if "statement" in study.records.engine.steps:
        return Evidence(study.records)
    return evidence(study.records)


def endpoint_of(study: Study) -> Endpoint:
    """Return the endpoint in use; rows have none."""
    if study.endpoint is None:
        raise BadInput([_rows_have_noendpoint_of("")])
    return study.endpoint


def _endpoint_name(
    declaration: StudyDeclaration, paper: PaperDeclaration | None, asked: str | None
) -> tuple[str | None, list[Fault]]:
    """Return the endpoint asked for, that of the paper, or the only one."""
    name = asked or (paper.endpoint if paper else None)
    known = list(declaration.endpoint)
    if name is None and len(known) == 1:
        return known[0], []
    if name in known:
        return name, []
    said = ", ".join(known) or "none"
    fault = Fault(
        rule=f"a study needs an endpoint; {DECLARATION} declares {said}",
        remedy=f"Name one of them, or declare [endpoint.{name or 'relapse'}].",
        file=DECLARATION,
        value=name,
    )
    return None, [fault]


def _rows_have_noendpoint_of(name: str) -> Fault:
    return Fault(
        rule="a study of time-to-event rows has its event already, and no endpoints",
        remedy="Leave the endpoint out.",
        value=name,
    )


def _paper_faults(declaration: StudyDeclaration, paper: PaperDeclaration) -> Iterator[Fault]:
    """Name what `[paper]` asks for that the study or this package does not have."""
    from survival_bzd.report.figures.sizes import SIZES

    rows = declaration.time_to_event
    known = list(rows.covariates) if rows else []
    if "patients" in declaration.tables:
        known = list(declaration.tables["patients"].covariates)
    asked = [("by", paper.by)] if paper.by else []
    asked += [("characteristics", name) for name in paper.characteristics or ()]
    asked += [("labels", name) for name in paper.labels]
    for key, name in asked:
        if name not in known:
            yield _paper_fault(
                declaration, key, str(name), f"it must be a covariate: {', '.join(known)}"
            )
    if paper.size not in SIZES:
        yield _paper_fault(declaration, "size", paper.size, f"a size is one of {', '.join(SIZES)}")
    edges = paper.hazard_windows_months
    if len(edges) < 2 or edges != sorted(set(edges)) or edges[0] < 0:
        yield _paper_fault(
            declaration, "hazard_windows_months", str(edges), "the edges must increase from 0"
        )


def _paper_fault(declaration: StudyDeclaration, key: str, value: str, rule: str) -> Fault:
    return Fault(
        rule=rule,
        remedy="Correct it.",
        file=DECLARATION,
        column=f"paper.{key}",
        value=value,
        line=line_of(declaration.text, ("paper", key)),
    )
