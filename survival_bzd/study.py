"""The story of a study on one page: records -> evidence -> endpoint -> estimates -> paper.

Read this file first: every command of the command line is one of its functions, or a step of one.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import Field

from survival_bzd.endpoint import (
    Endpoint,
    TimeToEvent,
    conflicts,
    counts,
    declare,
    derive,
    enrolled_covariates,
    observed_follow_up,
    read_rows,
    sql,
    trace,
)
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate import (
    CoxFit,
    cox,
    describe,
    follow_up,
    formula_variables,
    hazard_table,
    kaplan_meier,
    logrank,
    proportion,
    restricted_mean,
)
from survival_bzd.records import Evidence, Records, evidence, examine
from survival_bzd.records.declaration import (
    DECLARATION,
    Declared,
    RowsDeclaration,
    StudyDeclaration,
    line_of,
    load_declaration,
    validate,
)
from survival_bzd.report import Artefact, artefacts, compile_manuscript, default_manuscript
from survival_bzd.report.listings import frame_rows
from survival_bzd.report.paper_results import (
    CountedProportion,
    EndpointFacts,
    Horizon,
    PaperResults,
    RecordCounts,
)

if TYPE_CHECKING:
    from survival_bzd.estimate import Characteristic

MANIFEST = "manifest.json"
MANUSCRIPT = "manuscript.typ"
AUTHORED = ("*.typ", "*.bib", "*.yml", "*.yaml", "*.csl")
"""What authors keep beside the generated files, and the manuscript may read."""

SWIMMERS = 60
"""Above so many patients a swimmer plot cannot be read."""

FEW_EVENTS = 5.0
"""Events per parameter below which a penalised fit stands beside the ordinary one."""

SOFTWARE = ("numpy", "scipy", "pandas", "duckdb", "formulaic", "matplotlib", "seaborn",
            "python-docx", "jinja2", "typst")  # fmt: skip
"""Packages whose version can move a byte of the paper."""

PATIENT_COLUMNS = (
    "patient_id", "time", "event", "lower", "upper", "entry", "last_free", "reason", "why", "file",
    "line",
)  # fmt: skip
"""What `derive` lists of a patient."""

Progress = Callable[[str], None]


class PaperDeclaration(Declared):
    """What the paper of a study holds: the table `[paper]` of `study.toml`.

    Attributes
    ----------
    endpoint : which endpoint; by default the only one.
    by : a covariate that splits the curves.
    cox : formulas of the hazard table, the main one first.
    hazard_windows_months : edges of the windows of the hazard table.
    characteristics : the covariates to describe; by default all.
    size : journal size preset of the figures.
    """

    endpoint: str | None = None
    by: str | None = None
    cox: list[str] = Field(default_factory=list)
    hazard_windows_months: list[float] = Field(default_factory=lambda: [0.0, 3.0, 6.0, 12.0, 24.0])
    characteristics: list[str] | None = None
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
    """

    folder: Path
    declaration: StudyDeclaration
    records: Records | None
    endpoint: Endpoint | None
    paper: PaperDeclaration


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
    declared: Endpoint | None = None
    if records is not None:
        for name in declaration.endpoint:
            faults += declare(declaration, name)[1]
        name, problems = _endpoint_name(declaration, paper, endpoint)
        faults += problems
        if name is not None:
            declared, _ = declare(declaration, name)
    elif endpoint is not None:
        faults.append(_rows_have_no_endpoint(endpoint))
    if paper is not None:
        faults += _paper_faults(declaration, paper)
    if faults or paper is None:
        raise BadInput(faults)
    study = Study(folder, declaration, records, declared, paper)
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
    return derive(_evidence(study), _endpoint(study))


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
    columns: RowsDeclaration,
    *,
    name: str,
    labels: Sequence[str] = (),
    formula: str | None = None,
) -> Loaded:
    """Read a file (or stream) of time-to-event rows for a fit."""
    variables = () if formula is None else formula_variables(formula)
    rows = read_rows(source, columns, name=name, labels=labels, variables=variables)
    return Loaded(tte=rows.tte, labels=rows.labels, left_out=rows.left_out)


def derived(
    study: Study, part: Literal["patients", "trace", "conflicts", "flow"], patient: str | None
) -> tuple[list[dict[str, Any]], str]:
    """Return rows of the derivation, and their title.

    The time-to-event data, the trace of one `patient`, the conflicts, or the flow.

    Raises
    ------
    BadInput
        If the patient is not in the study.
    """
    label = study.declaration.study.name
    tte = time_to_event(study)
    if part == "flow":
        leaves = tte.flow.leaves if tte.flow else ()
        return [
            {
                "reached_origin": "yes" if leaf.reached else "no",
                "outcome": leaf.outcome,
                "reason": leaf.reason,
                "patients": leaf.patients,
            }
            for leaf in leaves
        ], f"{label}: what became of everybody enrolled"
    if part == "conflicts":
        frame = conflicts(_evidence(study), _endpoint(study))
        return frame_rows(frame), f"{label}: statements that contradict each other"
    if part == "trace":
        frame = trace(_evidence(study), _endpoint(study))
        frame = frame[frame["patient_id"] == patient]
        if frame.empty:
            rule = "a trace is of a patient with statements in the records"
            remedy = "Check the identifier; it is text, as 001."
            raise BadInput([Fault(rule=rule, remedy=remedy, value=patient)])
        return frame_rows(frame), f"{label}: statements of patient {patient}"
    frame = tte.to_frame()[[name for name in PATIENT_COLUMNS if getattr(tte, name) is not None]]
    return frame_rows(frame), f"{label}: {tte.label}, times in {tte.unit}"


def derivation_sql(study: Study) -> str:
    """Return the SQL that derives the endpoint, for an auditor."""
    return sql(_evidence(study), _endpoint(study))


def summary(study: Study) -> dict[str, list[dict[str, Any]]]:
    """Return what was read and what became of it: title -> rows."""
    tte = time_to_event(study)
    relapsed = int(tte.relapsed.sum())
    at_risk = [{"at risk": tte.n, "relapses": relapsed, "unit": tte.unit}]
    if study.records is None:
        return {"Time-to-event rows": at_risk}
    tables = study.declaration.tables
    left_out = [row.table for row in study.records.left_out]
    read = [
        {
            "table": name,
            "file": tables[name].file,
            "rows": count,
            "left out, no date": left_out.count(name),
        }
        for name, count in study.records.rows.items()
    ]
    counted = _record_counts(study)
    statements = [] if counted is None else counted.statements
    repeated = [
        {"file": file, "line": line, "patient": patient}
        for file, line, patient in study.records.repeated_fills
    ]
    return {
        "Tables": read,
        "Statements about use": [
            {"source": source, "verdict": verdict, "statements": count}
            for source, verdict, count in statements
        ],
        "Fills that stand there twice": repeated,
        "Conflicts and washout": [
            {"days with a conflict": counted.conflicts, "positives washed out": counted.washed_out}
        ]
        if counted
        else [],
        "What became of everybody enrolled": derived(study, "flow", None)[0],
        "Time-to-event data": at_risk,
    }


def results(study: Study, progress: Progress = lambda step: None) -> PaperResults:
    """Estimate everything that the paper of a study reports."""
    progress("deriving the time-to-event data")
    tte = time_to_event(study)
    card, paper = study.declaration.study, study.paper
    by = None if paper.by is None else group_labels(tte, paper.by)
    progress("estimating")
    curves = kaplan_meier(tte) + (() if by is None else kaplan_meier(tte, by=by))
    return PaperResults(
        study=card.name,
        title=card.title,
        synthetic=card.synthetic,
        control_group=card.control_group,
        endpoint=_facts(study),
        tte=tte,
        flow=tte.flow,
        horizons=horizons(study),
        curves=curves,
        follow_up=follow_up(tte) + (() if by is None else follow_up(tte, by=by)),
        restricted_means=restricted_mean(tte) + (() if by is None else restricted_mean(tte, by=by)),
        hazards=hazard_table(tte, hazard_edges(study))
        + (() if by is None else hazard_table(tte, hazard_edges(study), by=by)),
        proportions=tuple(_proportions(tte)),
        cox=tuple(fit for formula in paper.cox for fit in _cox(tte, formula)),
        logrank=None if by is None else logrank(tte, by),
        by=paper.by,
        characteristics=tuple(_characteristics(study, tte, by)),
        follow_up_described=_observed(study, tte),
        trace=_trace(study, tte),
        records=_record_counts(study),
        versions=versions(),
        size=paper.size,
    )


def run(
    folder: Path, into: Path, *, endpoint: str | None = None, progress: Progress = lambda step: None
) -> dict[str, Any]:
    """Write the paper of a study: curves, tables, figures, numbers, methods, manuscript, manifest.

    Parameters
    ----------
    folder : the study folder.
    into : where the paper goes. Its own `manuscript.typ` is compiled if there is one; otherwise
        one is written that fits any study.
    endpoint : which endpoint; by default that of `[paper]`.
    progress : called with each step.

    Returns
    -------
    dict
        The manifest, as written.

    Raises
    ------
    BadInput
        Before anything is written: problems of the study, or files in the way.
    """
    progress("reading the records")
    study = open_study(folder, endpoint)
    _refuse_overwriting(into, study.declaration.study.name)
    found = results(study, progress)
    progress("drawing and writing tables")
    files = list(artefacts(found))
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}-") as folder_name:
        stage = Path(folder_name)
        _write(stage, files)
        authored = _take_authored(into, stage)
        if MANUSCRIPT not in authored:
            files.append(Artefact(MANUSCRIPT, default_manuscript(found)))
            _write(stage, files[-1:])
        progress("setting the manuscript")
        pdf = compile_manuscript(stage / MANUSCRIPT, stage)
        files.append(Artefact("manuscript.pdf", pdf))
        manifest = _manifest(study, into, endpoint, files, authored, stage)
        files.append(Artefact(MANIFEST, _json(manifest)))
        _write(stage, files)
        _publish(stage, into, [file.path for file in files])
    return manifest


def group_labels(tte: TimeToEvent, column: str) -> Any:
    """Return a covariate as text labels of groups.

    Raises
    ------
    BadInput
        If there is no such covariate, or a patient has none.
    """
    import numpy as np

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
    return np.array(
        [f"{value:g}" if isinstance(value, float) else str(value) for value in values], dtype=object
    )


def horizons(study: Study) -> tuple[Horizon, ...]:
    """Return the times at which the curve is reported."""
    rows = study.declaration.time_to_event
    if rows is not None:
        return tuple(Horizon.of_time(time, rows.unit) for time in sorted(rows.horizons))
    months = sorted(_endpoint(study).horizons_months)
    return tuple(Horizon.of_months(month) for month in months)


def hazard_edges(study: Study) -> list[float]:
    """Return the edges of the hazard windows in the unit of the times."""
    rows = study.declaration.time_to_event
    if rows is not None and rows.unit != "days":
        return [0.0, *sorted(rows.horizons)]
    if rows is not None and "hazard_windows_months" not in study.paper.model_fields_set:
        return [0.0, *sorted(rows.horizons)]
    return [Horizon.of_months(month).time for month in study.paper.hazard_windows_months]


def versions() -> dict[str, str]:
    """Return the software in use; of Python what decides which packages the lock installs."""
    here = sys.version_info
    return {
        "survival_bzd": version("survival_bzd"),
        "Python": f"{here.major}.{here.minor}",
        **{name: version(name) for name in SOFTWARE},
    }


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


def _rows_have_no_endpoint(name: str) -> Fault:
    return Fault(
        rule="a study of time-to-event rows has its event already, and no endpoints",
        remedy="Leave the endpoint out.",
        value=name,
    )


def _paper_faults(declaration: StudyDeclaration, paper: PaperDeclaration) -> Iterator[Fault]:
    """Name what `[paper]` asks for that the study or this package does not have."""
    from survival_bzd.report.figures.sizes import SIZES

    rows = declaration.time_to_event
    known = rows.covariates if rows else {}
    if "patients" in declaration.tables:
        known = declaration.tables["patients"].covariates
    asked = [("by", paper.by)] if paper.by else []
    asked += [("characteristics", name) for name in paper.characteristics or ()]
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


def _evidence(study: Study) -> Evidence:
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


def _endpoint(study: Study) -> Endpoint:
    if study.endpoint is None:
        raise BadInput([_rows_have_no_endpoint("")])
    return study.endpoint


def _facts(study: Study) -> EndpointFacts:
    rows = study.declaration.time_to_event
    if rows is not None:
        return EndpointFacts(label=rows.label)
    return EndpointFacts.of(_endpoint(study))


def _cox(tte: TimeToEvent, formula: str) -> Iterator[CoxFit]:
    """Fit a formula; where events are few or a term separates, a Firth fit stands beside it."""
    if not tte.relapsed.any():
        raise NotEstimable(
            f"a Cox model needs relapses and there are none: take `{formula}` out of [paper] cox"
        )
    fit = cox(tte, formula)
    yield fit
    if fit.separated or fit.events_per_parameter < FEW_EVENTS:
        yield cox(tte, formula, penalty="firth", limits="profile")


def _proportions(tte: TimeToEvent) -> Iterator[CountedProportion]:
    """Count who reached the origin and who was free at the last contact, of those enrolled."""
    flow = tte.flow
    if flow is None:
        free = tte.n - int(tte.relapsed.sum())
        yield CountedProportion(
            key="free_at_last_contact",
            label="Event-free at the last contact",
            proportion=proportion(free, tte.n),
        )
        return
    relapsed = flow.count("relapse", reached=True)
    free = flow.reached - relapsed
    yield CountedProportion(
        key="reached_origin",
        label="Reached the origin, of those enrolled",
        proportion=proportion(flow.reached, flow.enrolled),
    )
    yield CountedProportion(
        key="free_at_last_contact",
        label="Free at the last contact, of those enrolled",
        proportion=proportion(free, flow.enrolled),
    )
    if flow.reached:
        yield CountedProportion(
            key="free_of_those_who_reached",
            label="Free at the last contact, of those who reached the origin",
            proportion=proportion(free, flow.reached),
        )


def _characteristics(study: Study, tte: TimeToEvent, by: Any) -> Iterator[Characteristic]:
    """Describe everybody enrolled (of rows: everybody in them), and the groups where there are."""
    frame = tte.covariates if study.records is None else enrolled_covariates(_evidence(study))
    if frame is None:
        return
    names = study.paper.characteristics
    for name in frame.columns if names is None else names:
        yield describe(name, frame[name].to_numpy())
    if by is None or tte.covariates is None:
        return
    for group in sorted(set(by)):
        for name in tte.covariates.columns if names is None else names:
            if name != study.paper.by:
                yield describe(name, tte.covariates[name].to_numpy()[by == group], group=group)


def _observed(study: Study, tte: TimeToEvent) -> Characteristic:
    if study.records is None:
        return describe("follow-up", tte.time)
    return describe("follow-up", observed_follow_up(_evidence(study), _endpoint(study)))


def _trace(study: Study, tte: TimeToEvent) -> Any:
    """Return the trace for the swimmer plot, where one can be drawn."""
    enrolled = tte.n if tte.flow is None else tte.flow.enrolled
    if study.records is None or enrolled > SWIMMERS:
        return None
    return trace(_evidence(study), _endpoint(study))


def _record_counts(study: Study) -> RecordCounts | None:
    """Count what was read and what the rules set aside."""
    if study.records is None:
        return None
    said = _evidence(study)
    per_verdict = study.records.engine.rows(
        "SELECT source, verdict, COUNT(*) FROM statement GROUP BY source, verdict "
        "ORDER BY source, verdict"
    )
    set_aside = counts(said, _endpoint(study))
    undated: dict[str, int] = {}
    for row in study.records.left_out:
        undated[row.table] = undated.get(row.table, 0) + 1
    return RecordCounts(
        statements=tuple((source, verdict, int(count)) for source, verdict, count in per_verdict),
        conflicts=set_aside["conflicts_between_sources"] + set_aside["conflicts_within_a_source"],
        washed_out=set_aside["washed_out"],
        undated=tuple(undated.items()),
    )


def _manifest(
    study: Study,
    into: Path,
    endpoint: str | None,
    files: Iterable[Artefact],
    authored: Sequence[str],
    stage: Path,
) -> dict[str, Any]:
    """Say what was written, from what, by which software."""
    name = study.declaration.study.name
    asked = "" if endpoint is None else f" --endpoint {endpoint}"
    return {
        "schema": 1,
        "study": name,
        "synthetic": study.declaration.study.synthetic,
        "folder": _relative(study.folder, into),
        "command": f"survival-bzd paper {name}{asked}",
        "endpoint": endpoint,
        "inputs": [
            {"path": path, "sha256": digest} for path, digest in sorted(_inputs(study).items())
        ],
        "authored": [{"path": path, **_digest((stage / path).read_bytes())} for path in authored],
        "files": [
            {"path": file.path, **_digest(file.content)}
            for file in sorted(files, key=lambda file: file.path)
        ],
        "versions": versions(),
    }


def _inputs(study: Study) -> Mapping[str, str]:
    if study.records is not None:
        return study.records.sha256
    rows = study.declaration.time_to_event
    names = [DECLARATION] + ([rows.file] if rows else [])
    return {name: _digest((study.folder / name).read_bytes())["sha256"] for name in names}


def _digest(content: bytes) -> dict[str, Any]:
    import hashlib

    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _relative(folder: Path, into: Path) -> str:
    """Return where the study is, seen from the paper, so that both can move together."""
    import os

    return Path(os.path.relpath(folder.resolve(), into.resolve())).as_posix()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def _write(folder: Path, files: Iterable[Artefact]) -> None:
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def _take_authored(into: Path, stage: Path) -> list[str]:
    """Copy what the authors keep in the paper's folder, so that the manuscript finds it."""
    written = {file["path"] for file in (read_manifest(into) or {}).get("files", ())}
    kept = sorted({path.name for pattern in AUTHORED for path in into.glob(pattern)} - written)
    for name in kept:
        shutil.copyfile(into / name, stage / name)
    return kept


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a paper's folder; None if it has none."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(
            [
                Fault(
                    rule="the manifest must be JSON",
                    remedy="Write the paper again into an empty folder.",
                    file=str(path),
                    value=str(error),
                )
            ]
        ) from None
    return manifest


def _refuse_overwriting(into: Path, name: str) -> None:
    """Refuse a folder that holds the paper of another study, or a file where a folder must be."""
    if into.exists() and not into.is_dir():
        rule, remedy = "the paper goes into a folder; this is a file", "Name a folder with --into."
        raise BadInput([Fault(rule=rule, remedy=remedy, value=str(into))])
    manifest = read_manifest(into)
    if manifest is not None and manifest.get("study") != name:
        raise BadInput(
            [
                Fault(
                    rule=f"the folder {into} holds the paper of another study, "
                    f"{manifest.get('study')}",
                    remedy=f"Name another folder, such as --into paper-{name}.",
                )
            ]
        )


def _publish(stage: Path, into: Path, paths: Sequence[str]) -> None:
    """Move finished files into place, each by a rename; take away what an earlier run left."""
    before = {file["path"] for file in (read_manifest(into) or {}).get("files", ())}
    for path in paths:
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (stage / path).replace(target)
    for path in sorted(before - set(paths)):
        (into / path).unlink(missing_ok=True)
