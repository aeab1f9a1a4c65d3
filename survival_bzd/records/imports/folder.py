"""The study folder that an import writes: tables with their source lines, and `study.toml`."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import DECLARATION, line_of, load_declaration
from survival_bzd.records.engine import Engine, literal
from survival_bzd.records.imports.maps import MapFile
from survival_bzd.records.new_folder import new_folder
from survival_bzd.records.reading import examine
from survival_bzd.records.text_table import read_text

SOURCE_LINE = "source_line"
"""The column that every imported table has: the line of the export that a row comes from."""

Check = Callable[[Path], Iterable[Fault]]
"""Says what is wrong with a study folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A table to write.

    Attributes
    ----------
    query : SQL of its rows, their column `source_line` among them.
    file : the export it comes from, as messages call it.
    columns : ours = theirs, to name in messages.
    """

    query: str
    file: str
    columns: Mapping[str, str] = field(default_factory=dict)


def faults_of_records(folder: Path) -> Iterable[Fault]:
    """Say what is wrong with the tables of a study folder."""
    return examine(folder)[1]


def write_study(
    engine: Engine,
    tables: Mapping[str, Imported],
    sections: Mapping[str, Any],
    into: Path | None,
    mapping: MapFile | None = None,
    *,
    check: Check = faults_of_records,
) -> None:
    """Write a study folder; it takes its name once it has passed the check, or never.

    Parameters
    ----------
    engine : holds what the queries of the tables ask for.
    tables : by the names of study tables.
    sections : of `study.toml`; `[tables]` is made here of the tables, unless a table has more.
    into : must not exist, or be empty; None writes nothing that stays.
    mapping : where `sections` were written, so that their faults can be told there.
    check : what must find nothing wrong.

    Raises
    ------
    BadInput
        With the faults as they are in the export and in the map.
    """
    files = {name: {"file": f"{name}.csv"} for name in tables}
    declared = {name: {**files[name], **sections.get("tables", {}).get(name, {})} for name in files}
    with _place(into) as folder:
        write_tables(engine, tables, folder)
        text = toml_text({**sections, "tables": declared})
        (folder / DECLARATION).write_text(text, encoding="utf-8")
        refuse_as_exported(folder, tables, check(folder), mapping)


def add_to_study(
    engine: Engine,
    tables: Mapping[str, Imported],
    sources: list[dict[str, str]],
    folder: Path,
    *,
    check: Check = faults_of_records,
) -> None:
    """Add tables to a study folder; it changes only once the whole has passed the check.

    Parameters
    ----------
    tables : none of which the study has.
    sources : entries of `[[provenance]]`.
    folder : of the study.

    Raises
    ------
    BadInput
        If the study has one of the tables, or the whole does not pass.
    """
    declaration, faults = load_declaration(folder)
    for name in tables:
        if name in declaration.tables or (folder / f"{name}.csv").exists():
            faults.append(Fault(
                rule=f"the study has a table {name} already", file=DECLARATION, value=name,
                line=line_of(declaration.text, ("tables", name)),
                remedy="Take it out first, or make a study of its own with --into.",
            ))  # fmt: skip
    if faults:
        raise BadInput(faults)
    sections = {
        "tables": {name: {"file": f"{name}.csv"} for name in tables},
        "provenance": sources,
    }
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
        stage = Path(place) / folder.name
        shutil.copytree(folder, stage)
        write_tables(engine, tables, stage)
        text = declaration.text.rstrip("\n") + "\n\n" + toml_text(sections)
        (stage / DECLARATION).write_text(text, encoding="utf-8")
        refuse_as_exported(stage, tables, check(stage))
        for name in (*(f"{table}.csv" for table in tables), DECLARATION):
            (stage / name).replace(folder / name)


@contextmanager
def _place(into: Path | None) -> Iterator[Path]:
    if into is not None:
        with new_folder(into) as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="survival-bzd-") as stage:
        yield Path(stage)


def write_tables(engine: Engine, tables: Mapping[str, Imported], folder: Path) -> None:
    """Write the tables as CSV."""
    for name, table in tables.items():
        path = literal(folder / f"{name}.csv")
        engine.execute(f"COPY ({table.query}) TO {path} (FORMAT csv, HEADER true, NULL '')")


def refuse_as_exported(
    folder: Path,
    tables: Mapping[str, Imported],
    faults: Iterable[Fault],
    mapping: MapFile | None = None,
) -> None:
    """Stop where a study folder has faults, and name each where the user can mend it.

    Raises
    ------
    BadInput
        With the faults; lines and columns are those of the export, keys those of the map.
    """
    lines: dict[str, list[int]] = {}
    told = []
    for fault in faults:
        name = (fault.file or "").removesuffix(".csv")
        if name in tables:
            if name not in lines:
                lines[name] = _source_lines(folder / f"{name}.csv")
            told.append(_as_exported(fault, tables[name], lines[name], mapping))
        elif mapping is not None and fault.file == DECLARATION:
            line = line_of(mapping.text, (fault.column or "").split("."))
            told.append(replace(fault, file=mapping.name, line=line))
        else:
            told.append(fault)
    if told:
        raise BadInput(told)


def _as_exported(fault: Fault, table: Imported, lines: list[int], mapping: MapFile | None) -> Fault:
    """Say a fault of a table of the line and the column of the export."""
    line = lines[fault.line - 1] if fault.line and fault.line <= len(lines) else None
    remedy = fault.remedy.replace(DECLARATION, mapping.name) if mapping else fault.remedy
    return replace(
        fault,
        file=table.file,
        line=line or None,
        column=table.columns.get(fault.column or "", fault.column),
        remedy=remedy,
    )


def _source_lines(path: Path) -> list[int]:
    """Return, for each line of a table as written, the line of the export; 0 for none."""
    found: list[int] = []
    for chunk in read_text(path, name=path.name).chunks:
        for line, source in zip(chunk.lines, chunk.cells[SOURCE_LINE], strict=True):
            found += [0] * (line - len(found))
            found[line - 1] = int(source or 0)
    return found


def toml_text(sections: Mapping[str, Any]) -> str:
    """Write sections as TOML.

    Examples
    --------
    >>> print(toml_text({"study": {"name": "a", "days": 3}, "tables": {"urine": {"file": "u"}}}))
    [study]
    name = "a"
    days = 3
    <BLANKLINE>
    [tables.urine]
    file = "u"
    <BLANKLINE>
    """
    return "\n".join(_blocks(sections, ()))


def _blocks(section: Mapping[str, Any], at: tuple[str, ...]) -> Iterable[str]:
    """Yield the blocks of a section: its own keys, then the sections two levels deep in it."""
    inside = {k: v for k, v in section.items() if len(at) < 2 and isinstance(v, Mapping)}
    lists = {k: v for k, v in section.items() if not at and _is_list_of_tables(v)}
    own = [
        f"{_key(k)} = {_value(v)}" for k, v in section.items() if k not in inside and k not in lists
    ]
    header = ".".join(map(_key, at))
    if own or (at and not inside):
        yield "\n".join([*([f"[{header}]"] if at else []), *own]) + "\n"
    for key, value in inside.items():
        yield from _blocks(value, (*at, key))
    for key, entries in lists.items():
        for entry in entries:
            lines = [f"{_key(k)} = {_value(v)}" for k, v in entry.items()]
            yield "\n".join([f"[[{_key(key)}]]", *lines]) + "\n"


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
