"""What DATA means: a study folder, a supplied study, a file of rows, standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from survival_bzd.cli.printing import say
from survival_bzd.errors import BadInput, Fault

if TYPE_CHECKING:
    from survival_bzd.records.declaration import IntervalRowsDeclaration, RowsDeclaration
    from survival_bzd.study import Loaded


def study_folder(data: str) -> Path:
    """Return the study folder that DATA names: a path, or a supplied study."""
    from survival_bzd.records.supplied import supplied

    path = Path(data)
    if path.exists():
        return path
    known = {study.name: study for study in supplied()}
    if data not in known:
        raise BadInput([Fault(
            rule="there is no folder, file or supplied study of this name", value=data,
            remedy=f"Correct it; the supplied studies are {', '.join(known)}.",
        )])  # fmt: skip
    if not known[data].has_data:
        raise BadInput([Fault(
            rule="the records of this study are not supplied", value=data,
            remedy=f"Import them: survival-bzd datasets import {data} --from FOLDER --into {data}. "
                   f"How to obtain them says: survival-bzd datasets describe {data}.",
        )])  # fmt: skip
    return known[data].folder


def load(
    data: str, given: dict[str, Any], labels: Sequence[str | None], formula: str | None = None
) -> Loaded:
    """Read DATA for a fit: a study folder, a supplied study, a file or standard input."""
    from survival_bzd.study import load

    named = tuple(dict.fromkeys(label for label in labels if label))
    path = Path(data)
    if data != "-" and not path.is_file():
        own = [f"--{key.removesuffix('_column').replace('_', '-')}" for key in _ROW_OPTIONS
               if given.get(key) is not None]  # fmt: skip
        folder = study_folder(data)
        if own and folder.is_dir():
            verb = "is" if len(own) == 1 else "are"
            raise click.UsageError(f"{', '.join(own)} {verb} for a file of rows; {data} is none.")
        loaded = load(folder, endpoint=given["endpoint"], labels=named)
    else:
        loaded = _load_file(data, given, named, formula)
    if loaded.left_out:
        lines = ", ".join(map(str, loaded.left_out[:10]))
        more = ", ..." if len(loaded.left_out) > 10 else ""
        said = "lines" if len(loaded.left_out) > 1 else "line"
        say(f"{left_out_rows(len(loaded.left_out))} a value: {said} {lines}{more}.")
    return loaded


def left_out_rows(rows: int) -> str:
    """Begin the sentence that says how many rows were left out."""
    return f"Left out {rows} rows that miss" if rows > 1 else "Left out 1 row that misses"


_ROW_OPTIONS = (
    "time_column", "event_column", "event_is", "entry", "weight", "lower_column", "upper_column",
    "paramcd",
)  # fmt: skip


def _load_file(
    data: str, given: dict[str, Any], labels: tuple[str, ...], formula: str | None
) -> Loaded:
    from survival_bzd.study import load_rows

    if len(given["delimiter"]) != 1:
        raise click.UsageError("--delimiter is a single character.")
    if given["endpoint"] is not None:
        raise click.UsageError("--endpoint is for a study folder.")
    name = "standard input" if data == "-" else data
    whole: Path | bytes = Path(data)
    if not any(given.get(key) for key in _COLUMNS):
        whole = sys.stdin.buffer.read() if data == "-" else whole
        if (loaded := _load_adtte(whole, given, name, labels, formula)) is not None:
            return loaded
    elif given.get("paramcd") is not None:
        raise click.UsageError("--paramcd is for an ADTTE file, without --time and --event.")
    columns = _columns(data, given)
    source: Path | IO[bytes] = sys.stdin.buffer if data == "-" else Path(data)
    return load_rows(source, columns, name=name, labels=labels, formula=formula)


_COLUMNS = ("time_column", "event_column", "lower_column", "upper_column")


def _load_adtte(
    source: Path | bytes, given: dict[str, Any], name: str, labels: tuple[str, ...],
    formula: str | None,
) -> Loaded | None:  # fmt: skip
    """Read an ADTTE file; None where the file is none and none was asked for."""
    from survival_bzd.endpoint import AdtteChoice, is_adtte
    from survival_bzd.study import load_adtte

    asked = given.get("paramcd")
    if "paramcd" not in given or not (asked or is_adtte(source, name, given["delimiter"])):
        return None
    wrong = [f"--{key.replace('_', '-')}" for key in ("event_is", "entry", "weight")
             if given.get(key) is not None]  # fmt: skip
    if wrong:
        raise click.UsageError(f"{', '.join(wrong)}: not for an ADTTE file, which says it itself.")
    codes = tuple(code.strip() for code in (asked or "").split(",") if code.strip())
    if len(codes) > 1 and not given.get("competing"):
        raise click.UsageError("One --paramcd; several that compete are for cif.")
    context = click.get_current_context()
    said = context.get_parameter_source("unit") is click.core.ParameterSource.COMMANDLINE
    choice = AdtteChoice(
        paramcd=codes, unit=given["unit"] if said else None, first_day=given["first_day"],
        delimiter=given["delimiter"],
    )  # fmt: skip
    return load_adtte(source, choice, name=name, labels=labels, formula=formula)


def _columns(data: str, given: dict[str, Any]) -> RowsDeclaration | IntervalRowsDeclaration:
    """Return which columns are the times: exact ones, or the bounds of intervals."""
    from survival_bzd.records.declaration import IntervalRowsDeclaration, RowsDeclaration

    takes_times, takes_bounds = "time_column" in given, "lower_column" in given
    times: list[Any] = [given.get(f"{name}_column") for name in ("time", "event")]
    bounds: list[Any] = [given.get(f"{name}_column") for name in ("lower", "upper")]
    shared = {"file": data, **{name: given[name] for name in ("delimiter", "weight", "unit")}}
    if all(bounds) and not any(times):
        if given.get("entry") or given.get("event_is"):
            raise click.UsageError("--entry and --event-is are for --time and --event.")
        return IntervalRowsDeclaration.model_construct(lower=bounds[0], upper=bounds[1], **shared)
    if all(times) and not any(bounds):
        return RowsDeclaration.model_construct(
            time=times[0], event=times[1], event_is=given["event_is"], entry=given["entry"],
            competing=given.get("competing", False), **shared,
        )  # fmt: skip
    ways = ["--time and --event"] * takes_times + ["--lower and --upper"] * takes_bounds
    raise click.UsageError(f"A file of rows needs {', or '.join(ways)}.")
