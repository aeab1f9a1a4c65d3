"""Make an empty study folder: a commented `study.toml` and a table for each kind of record."""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from pathlib import Path

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import DECLARATION
from survival_bzd.records.schema import TABLES


def scaffold(folder: Path, *, days: bool = False) -> tuple[Path, ...]:
    """Write a new study folder.

    Parameters
    ----------
    folder : must not exist, or be empty.
    days : whether the records count study days instead of dates.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    BadInput
        If there is something in the folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(
            [
                Fault(
                    rule=f"a new study needs a folder of its own; there is something in {folder}",
                    remedy="Name another folder.",
                )
            ]
        )
    template = resources.files("survival_bzd.records") / "templates" / DECLARATION
    text = template.read_text(encoding="utf-8")
    text = text.replace('name = "NAME"', f'name = "{_name(folder)}"')
    if days:
        text = text.replace('dates = "iso" ', 'dates = "days"')
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as stage:
        (Path(stage) / DECLARATION).write_text(text, encoding="utf-8")
        for name, columns in TABLES.items():
            header = ",".join(column.name for column in columns)
            (Path(stage) / f"{name}.csv").write_text(header + "\n", encoding="utf-8")
        folder.mkdir(exist_ok=True)
        written = []
        for path in sorted(Path(stage).iterdir()):
            shutil.move(path, folder / path.name)
            written.append(folder / path.name)
    return tuple(written)


def _name(folder: Path) -> str:
    """Return the folder's name with what a study's name cannot have replaced by hyphens."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in folder.name)
    return kept.strip("-._") or "study"
