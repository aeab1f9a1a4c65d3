"""A raw REDCap export becomes a study folder, by a mapping file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from survival_bzd.records.engine import Engine
from survival_bzd.records.imports.exports import open_export, refuse, source_of
from survival_bzd.records.imports.folder import (
    Check,
    Imported,
    faults_of_records,
    write_study,
)
from survival_bzd.records.imports.maps import read_map
from survival_bzd.records.imports.redcap.blocks import Share, make_block, put_together
from survival_bzd.records.imports.redcap.dictionary import read_dictionary
from survival_bzd.records.imports.redcap.export import (
    choice_faults,
    decimal_mark,
    event_faults,
    load_export,
    row_faults,
)
from survival_bzd.records.imports.redcap.mapping import COPIED, check_map
from survival_bzd.records.imports.redcap.patients import make_patients
from survival_bzd.records.imports.redcap.project import RedcapProject, header_faults, map_faults
from survival_bzd.records.schema import TABLES


def import_redcap(
    export: Path,
    dictionary: Path,
    mapping: Path,
    into: Path | None,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    check: Check = faults_of_records,
) -> tuple[Share, ...]:
    """Turn a raw REDCap export into a study folder.

    No row is guessed at: whatever is not in the dictionary, or is ambiguous, is refused. Every
    table has a column `source_line`, the line of the export that its row comes from.

    Parameters
    ----------
    export : CSV of raw data.
    dictionary : the data dictionary of the project.
    mapping : says which field feeds which column; `scaffold_map` writes one to fill in.
    into : the study folder to make. Its files appear all at once, or not at all. None makes it in
        a temporary place, to see what would become of the export.
    delimiter : of the export; found out by default.
    decimal : mark of its numbers, ``.`` or ``,``; found out by default.
    check : what must find nothing wrong with the folder.

    Returns
    -------
    tuple of Share
        What each section of the map made of the export.

    Raises
    ------
    BadInput
        With every problem of a kind.
    """
    checked = check_map(read_map(mapping))
    known = read_dictionary(dictionary)
    text = open_export(export, delimiter)
    project = RedcapProject(checked, known, known.columns(checked.missing), text.name, text.header)
    refuse(list(header_faults(project, text)))
    refuse(list(map_faults(project)))
    engine = Engine.start()
    load_export(engine, project, text)
    refuse([*text.faults, *row_faults(engine, project)])
    project.decimal = decimal or decimal_mark(engine, project)
    refuse([*choice_faults(engine, project), *event_faults(engine, project)])
    make_patients(engine, project)
    blocks = [
        make_block(engine, project, number, table, place, block)
        for number, (table, place, block) in enumerate(checked.blocks)
    ]
    refuse(project.faults)
    tables = {"patients": Imported(
        query="SELECT patient_id, * EXCLUDE (record, patient_id, source_line), source_line "
        "FROM made_patients ORDER BY source_line",
        file=text.name, columns=project.named["patients"],
    )}  # fmt: skip
    tables |= {
        name: put_together(project, name, numbers)
        for name in TABLES
        if (numbers := [n for n, (table, _, _) in enumerate(checked.blocks) if table == name])
    }
    sources = [
        source_of(export, "redcap", "export"),
        source_of(dictionary, "redcap", "data dictionary"),
        source_of(mapping, "redcap", "map"),
    ]
    sections = _sections(project, tables, sources)
    write_study(engine, tables, sections, into, checked.file, check=check)
    patients = engine.rows("SELECT COUNT(*) FROM made_patients")[0][0]
    others = engine.rows("SELECT COUNT(DISTINCT record) FROM export")[0][0] - patients
    return (Share("patients", "", patients, elsewhere=others), *blocks)


def _sections(
    project: RedcapProject, tables: Mapping[str, Imported], sources: list[dict[str, str]]
) -> dict[str, Any]:
    """Return the sections of `study.toml`."""
    sections = {key: project.file.written[key] for key in COPIED if key in project.file.written}
    covariates = {
        name: project.kind_of(cell) for name, cell in project.map.patients.covariates.items()
    }
    declared: dict[str, dict[str, Any]] = {name: {} for name in tables}
    if covariates:
        declared["patients"]["covariates"] = covariates
    for name in project.map.project.undated:
        declared.setdefault(name, {})["undated"] = "leave_out"
    return {**sections, "tables": declared, "provenance": sources}
