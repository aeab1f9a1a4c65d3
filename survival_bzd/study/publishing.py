"""Put finished files in place, and say in a manifest what they were made from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from survival_bzd.endpoint.guards import Guard
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import DECLARATION
from survival_bzd.report import Artefact
from survival_bzd.study.opening import Study
from survival_bzd.study.results import versions

MANIFEST = "manifest.json"
AUTHORED = ("*.typ", "*.bib", "*.yml", "*.yaml", "*.csl")
"""What authors keep beside the generated files, and the manuscript may read."""


def manifest_of(
    study: Study,
    into: Path,
    endpoint: str | None,
    files: Iterable[Artefact],
    authored: Sequence[str],
    stage: Path,
    guards: Sequence[Guard],
) -> dict[str, Any]:
    """Say what was written, from what, by which software, and what to beware of."""
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
        "guards": [{"key": guard.key, "sentence": guard.sentence} for guard in guards],
        "versions": versions(),
    }


def _inputs(study: Study) -> Mapping[str, str]:
    if study.records is not None:
        return study.records.sha256
    rows = study.declaration.time_to_event
    names = [DECLARATION] + ([rows.file] if rows else [])
    return {name: _digest((study.folder / name).read_bytes())["sha256"] for name in names}


def _digest(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _relative(folder: Path, into: Path) -> str:
    """Return where the study is, seen from the paper, so that both can move together."""
    return Path(os.path.relpath(folder.resolve(), into.resolve())).as_posix()


def to_json(value: object) -> bytes:
    """Write a value as indented JSON in UTF-8."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def write(folder: Path, files: Iterable[Artefact]) -> None:
    """Write files below a folder."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def take_authored(into: Path, stage: Path) -> list[str]:
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


def refuse_overwriting(into: Path, name: str) -> None:
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


def publish(stage: Path, into: Path, paths: Sequence[str]) -> None:
    """Move finished files into place, each by a rename; take away what an earlier run left."""
    before = {file["path"] for file in (read_manifest(into) or {}).get("files", ())}
    for path in paths:
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (stage / path).replace(target)
    for path in sorted(before - set(paths)):
        (into / path).unlink(missing_ok=True)
