"""What a cell of an export becomes in a study table, as SQL."""

from __future__ import annotations

from collections.abc import Mapping

from survival_bzd.records.engine import literal
from survival_bzd.records.imports.redcap.dictionary import RedcapField
from survival_bzd.records.imports.redcap.mapping import Cell
from survival_bzd.records.imports.redcap.project import RedcapProject
from survival_bzd.records.reading import NUMBER
from survival_bzd.records.schema import Column


def made_of(project: RedcapProject, column: Column, cell: Cell, raw: str) -> tuple[str, str, str]:
    """Return SQL of what a cell becomes, '' for nothing and NULL if it cannot; rule and remedy."""
    known = {**project.dictionary.fields, **project.columns}.get(cell.field or "")
    choices = known.choices if known is not None else {}
    silent = {*cell.empty, *project.map.missing}
    if column.kind == "code" or choices:
        meanings = _meanings(column, cell, choices)
        nothing = [code for code in silent if code not in meanings]
        rows = "".join(f" WHEN {literal(t)} THEN {literal(o)}" for t, o in meanings.items())
        rows += "".join(f" WHEN {literal(code)} THEN ''" for code in ("", *sorted(nothing)))
        listed = " | ".join(f"{code}, {label}" for code, label in choices.items()) or "free text"
        return (
            f"CASE {raw}{rows} {'ELSE ' + raw if _as_it_is(column, choices) else ''} END",
            f"every code in use must be mapped; the field has {listed}",
            f"Say in {project.file.name} what it means: codes = {{ ours = [theirs] }}, or empty.",
        )
    silences = ", ".join(map(literal, ("", *sorted(silent))))
    value, rule, remedy = _plain(project, column, cell, raw, known)
    return f"CASE WHEN {raw} IN ({silences}) THEN '' ELSE {value} END", rule, remedy


def _as_it_is(column: Column, choices: Mapping[str, str]) -> bool:
    """Whether a cell that has no meaning of its own is kept: a name in free text."""
    return column.kind == "name" and not choices


def _meanings(column: Column, cell: Cell, choices: Mapping[str, str]) -> dict[str, str]:
    """Return theirs -> ours."""
    mapped = {theirs: ours for ours, codes in cell.codes.items() for theirs in codes}
    if column.kind == "code" and cell.names is None:
        return mapped or {code: code for code in column.codes}
    if column.kind in ("number", "whole") or cell.names == {}:
        return {code: code for code in choices}
    return {**choices, **(cell.names or {})}


def _plain(
    project: RedcapProject, column: Column, cell: Cell, raw: str, known: RedcapField | None
) -> tuple[str, str, str]:
    """Return SQL of a cell that holds a date, a number or text; rule and remedy."""
    if column.kind == "day":
        day = _day(raw, known.validation if known else "", project.map.project.dates)
        return (
            f"strftime({day} + ({cell.plus_days}), '%Y-%m-%d')",
            "a date must be written as 2021-12-31",
            f'Export it again as raw data, or say in {project.file.name}: [redcap] dates = '
            '"as_validated", if a spreadsheet wrote dates in the order of the field\'s validation; '
            "a code for missing data belongs into [redcap] missing.",
        )  # fmt: skip
    if column.kind in ("number", "whole"):
        number = f"REPLACE({raw}, ',', '.')" if project.decimal == "," else raw
        return (
            f"CASE WHEN regexp_matches({number}, {literal(NUMBER)}) THEN {number} END",
            f"it must be a number with the decimal mark {project.decimal}",
            "Correct it, or give --decimal-mark; a code for missing data belongs into [redcap] "
            "missing.",
        )
    if cell.names is not None:
        names = "".join(f" WHEN {literal(t)} THEN {literal(o)}" for t, o in cell.names.items())
        return f"CASE {raw}{names} ELSE {raw} END" if names else raw, "", ""
    return raw, "", ""


def _day(raw: str, validation: str, dates: str) -> str:
    """Return SQL of a date; the time of day of a datetime field is taken off."""
    text = raw
    if validation.startswith("datetime_"):
        text = f"regexp_replace({raw}, '[ T][0-9]{{1,2}}:[0-9]{{2}}(:[0-9]{{2}})?$', '')"
    iso = (
        f"CASE WHEN regexp_matches({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$') "
        f"THEN CAST(try_strptime({text}, '%Y-%m-%d') AS DATE)"
    )
    form = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}.get(validation[-3:])
    if dates == "as_validated" and form:
        slashed = f"regexp_replace({text}, '[-.]', '/', 'g')"
        iso += (
            f" WHEN regexp_matches({slashed}, '^[0-9]{{1,2}}/[0-9]{{1,2}}/[0-9]{{4}}$') "
            f"THEN CAST(try_strptime({slashed}, '{form}') AS DATE)"
        )
    return f"{iso} END"
