"""Rerun a paper on its data, and say number by number what moved."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.supplied import supplied
from survival_bzd.study import MANIFEST, read_manifest, run

TOLERANCE = 1e-9
"""Relative difference beyond which a number has moved."""

Kind = Literal["number", "text", "file", "input", "software"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the paper has it.

    Attributes
    ----------
    kind : a number or text inside a file, a file as a whole, an input, or the software.
    file : of the paper, or of the study for an input.
    place : the key or cell; empty for a whole file.
    before, after : as the paper has it, and as it comes out now.
    moved : whether the paper is no longer what its data give. Changed inputs and software explain
        a difference and are none by themselves.
    """

    kind: Kind
    file: str
    place: str
    before: str
    after: str
    moved: bool = True

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        if self.kind in ("number", "text"):
            return f"{where}: {self.before} -> {self.after}{self._change()}"
        return f"{where}: {self.after}"

    def _change(self) -> str:
        """Say by how much a number moved."""
        try:
            before, after = float(self.before), float(self.after)
        except ValueError:
            return ""
        return f" ({after - before:+.6g})"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a rerun found.

    Attributes
    ----------
    compared_numbers, compared_files : how many were compared.
    bytes_compared : whether the software is the same, so that bytes could be compared.
    differences : what is not as the paper has it; empty where nothing moved.
    """

    compared_numbers: int
    compared_files: int
    bytes_compared: bool
    differences: tuple[Difference, ...]

    @property
    def moved(self) -> bool:
        """Whether any number or file of the paper is not what its data give."""
        return any(difference.moved for difference in self.differences)


def verify(
    paper: Path, study: Path | None = None, *, progress: Callable[[str], None] = lambda step: None
) -> Verification:
    """Run the study of a paper again and compare every number and file.

    Parameters
    ----------
    paper : folder that ``survival-bzd paper`` wrote.
    study : the study's folder; by default where the manifest says, or the supplied study.
    progress : called with each step.

    Returns
    -------
    Verification
        Numbers have moved beyond a relative difference of 1e-9. Bytes are compared under the same
        minor version of Python and the same packages, numbers otherwise.

    Raises
    ------
    BadInput
        If there is no manifest, its study is not found, or the study has problems.
    """
    manifest = read_manifest(paper)
    if manifest is None:
        raise BadInput(
            [
                Fault(
                    rule=f"a paper's folder holds a {MANIFEST}; there is none in {paper}",
                    remedy="Name the folder that `survival-bzd paper` wrote.",
                )
            ]
        )
    folder = study or _study_of(paper, manifest)
    with tempfile.TemporaryDirectory(prefix="survival-bzd-") as name:
        again = Path(name) / "paper"
        again.mkdir()
        for authored in manifest["authored"]:
            _copy_authored(paper, again, authored["path"])
        now = run(folder, again, endpoint=manifest["endpoint"], progress=progress)
        progress("comparing")
        return _compare(paper, again, manifest, now)


def _study_of(paper: Path, manifest: Mapping[str, Any]) -> Path:
    """Find the study where the manifest says, seen from the paper, or among the supplied ones."""
    beside = paper / str(manifest["folder"])
    if beside.is_dir():
        return beside.resolve()
    for one in supplied():
        if one.name == manifest["study"]:
            return one.folder
    raise BadInput([Fault(
        rule="the paper's study must be where the manifest says, seen from the paper; it is not",
        remedy="Name its folder with --study.",
        file=str(paper / MANIFEST), value=str(manifest["folder"]),
    )])  # fmt: skip


def _copy_authored(paper: Path, again: Path, name: str) -> None:
    source = paper / name
    if source.is_file():
        (again / name).write_bytes(source.read_bytes())


def _compare(
    paper: Path, again: Path, manifest: Mapping[str, Any], now: Mapping[str, Any]
) -> Verification:
    same_software = manifest["versions"] == now["versions"]
    differences = [*_inputs(manifest, now), *_software(manifest, now)]
    numbers = files = 0
    before = {file["path"] for file in manifest["files"]}
    after = {file["path"] for file in now["files"]}
    # What the text cites comes first.
    for path in sorted(before | after, key=lambda path: (path != "numbers.json", path)):
        if path not in after or path not in before:
            said = "is no longer written" if path not in after else "is new"
            differences.append(Difference("file", path, "", "", said))
            continue
        if not (paper / path).is_file():
            differences.append(Difference("file", path, "", "", "is missing from the paper"))
            continue
        files += 1
        found, count = _compare_file(path, paper / path, again / path, same_software)
        numbers += count
        differences += found
    differences += _others(paper, before | {MANIFEST}, manifest)
    return Verification(numbers, files, same_software, tuple(differences))


def _others(paper: Path, written: set[str], manifest: Mapping[str, Any]) -> Iterator[Difference]:
    """Name what stands in the paper's folder and is neither written by a run nor read by one."""
    known = written | {file["path"] for file in manifest["authored"]}
    for path in sorted(paper.rglob("*")):
        name = path.relative_to(paper).as_posix()
        if path.is_file() and name not in known and not name.startswith("."):
            said = "is not written by the run, and was not compared"
            yield Difference("file", name, "", "", said, moved=False)


def _inputs(manifest: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Say which inputs are not those the paper was made from."""
    was = {file["path"]: file["sha256"] for file in (*manifest["inputs"], *manifest["authored"])}
    has = {file["path"]: file["sha256"] for file in (*now["inputs"], *now["authored"])}
    for path in sorted(was.keys() | has.keys()):
        if was.get(path) == has.get(path):
            continue
        said = "has changed since the paper was written"
        if path not in has:
            said = "is no longer there"
        elif path not in was:
            said = "was not there when the paper was written"
        yield Difference("input", path, "", "", said, moved=False)


def _software(manifest: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Say which software is not that of the paper."""
    was, has = manifest["versions"], now["versions"]
    for name in sorted(was.keys() | has.keys()):
        if was.get(name) != has.get(name):
            said = f"{has.get(name, 'none')} here, {was.get(name, 'none')} in the paper"
            yield Difference("software", name, "", "", said, moved=False)


def _compare_file(
    path: str, before: Path, after: Path, same_software: bool
) -> tuple[list[Difference], int]:
    """Compare one file: JSON and CSV number by number, the others as bytes."""
    numbers = 0
    if path.endswith((".json", ".csv")):
        cells = _json_cells if path.endswith(".json") else _csv_cells
        try:
            was, has = dict(cells(before)), dict(cells(after))
        except ValueError as error:
            return [Difference("file", path, "", "", f"cannot be read: {error}")], 0
        found = list(_compare_cells(path, was, has))
        numbers = len(was)
        if found:
            return found, numbers
    if same_software and before.read_bytes() != after.read_bytes():
        return [Difference("file", path, "", "", "comes out with other bytes")], numbers
    return [], numbers


def _compare_cells(
    path: str, was: Mapping[str, str], has: Mapping[str, str]
) -> Iterator[Difference]:
    for place in (*was, *(place for place in has if place not in was)):
        before, after = was.get(place, "nothing"), has.get(place, "nothing")
        if before == after:
            continue
        numeric = _is_number(before) and _is_number(after)
        if numeric and math.isclose(float(before), float(after), rel_tol=TOLERANCE, abs_tol=1e-12):
            continue
        kind: Kind = "number" if numeric else "text"
        yield Difference(kind, path, place, before, after)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _json_cells(path: Path) -> Iterator[tuple[str, str]]:
    """Yield every leaf of a JSON file under its dotted path."""
    yield from _leaves(json.loads(path.read_text(encoding="utf-8")), "")


def _leaves(value: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{index}]")
    else:
        yield place.removeprefix("numbers.").removesuffix(".value"), str(value)


def _csv_cells(path: Path) -> Iterator[tuple[str, str]]:
    """Yield every cell of a CSV file under its line and column."""
    with io.StringIO(path.read_text(encoding="utf-8"), newline="") as text:
        rows = list(csv.reader(text))
    header = rows[0] if rows else []
    for number, row in enumerate(rows, 1):
        for place, cell in enumerate(row):
            column = header[place] if place < len(header) and number > 1 else str(place + 1)
            yield f"line {number}, {column}", cell
