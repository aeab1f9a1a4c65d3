"""How long the commands take from the shell, start of Python included."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peers import environment

COMMANDS = {
    "survival-bzd --help": ("--help",),
    "survival-bzd km FILE": ("km", "{file}", "--time", "time", "--event", "event"),
    "survival-bzd cox FILE": (
        "cox", "{file}", "--time", "time", "--event", "event", "--formula", "dose",
    ),
}  # fmt: skip


def shell_seconds() -> dict[str, float]:
    """Return the least CPU seconds of each command on a file of 22 patients."""
    rng = np.random.default_rng(22)
    rows = zip(
        np.ceil(rng.exponential(200, 22)), rng.integers(0, 2, 22), rng.normal(size=22), strict=True
    )
    text = "time,event,dose\n" + "".join(f"{t:.0f},{e},{x:.2f}\n" for t, e, x in rows)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "relapse.csv"
        file.write_text(text)
        return {
            name: min(_seconds([part.format(file=file) for part in parts]) for _ in range(5))
            for name, parts in COMMANDS.items()
        }


def _seconds(arguments: list[str]) -> float:
    """Return the CPU seconds of a command and its children."""
    begin = _spent()
    command = [sys.executable, "-m", "survival_bzd", *arguments]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    return _spent() - begin


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
