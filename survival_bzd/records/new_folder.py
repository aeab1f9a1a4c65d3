"""A folder that is written takes its name when it is complete, or never."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from survival_bzd.errors import BadInput, Fault


@contextmanager
def new_folder(into: Path) -> Iterator[Path]:
    """Give a folder to fill that takes its name only when it is complete."""
    if into.exists() and not (into.is_dir() and not any(into.iterdir())):
        raise BadInput([Fault(
            rule="the folder to make must be new or empty", value=str(into),
            remedy="Name another folder, or move this one away.",
        )])  # fmt: skip
    unfinished = into.with_name(f".{into.name}.unfinished-{os.getpid()}")
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        unfinished.replace(into)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
