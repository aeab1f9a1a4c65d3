"""Which of NumPy's vector instructions sort fastest on this processor: measured, not guessed."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

SWITCH = "NPY_DISABLE_CPU_FEATURES"
SETTINGS = ("", "X86_V4 AVX512_ICL")
"""What NumPy is told not to use: nothing, or AVX-512, whose sort is slow on some processors."""

PATIENTS = 1_000_000
QUESTION = f"""\
import time
import numpy as np
values, least = np.random.default_rng(1).standard_exponential({PATIENTS}), 1e9
for _ in range(7):
    begin = time.process_time()
    np.sort(values)
    least = min(least, time.process_time() - begin)
print(least)
"""


@cache
def sort_seconds() -> dict[str, float]:
    """Return the CPU seconds of one sort of a million numbers under each setting that works."""
    found = {}
    for setting in SETTINGS:
        said = subprocess.run(
            [sys.executable, "-W", "error", "-c", QUESTION],
            capture_output=True,
            text=True,
            check=False,
            env=with_setting(setting),
        )
        if not said.returncode:
            found[setting] = float(said.stdout)
    return found


def fastest() -> str:
    """Return the setting under which the sort is fastest; for a tenth less it is left alone."""
    found = sort_seconds()
    least = min(found, key=lambda setting: found[setting])
    return least if found[least] < 0.9 * found[""] else ""


def with_setting(setting: str) -> dict[str, str]:
    """Return this process's environment with what NumPy is told not to use."""
    others = {name: value for name, value in os.environ.items() if name != SWITCH}
    return {**others, SWITCH: setting} if setting else others


def in_words(seconds: dict[str, float], chosen: str) -> str:
    """Say what was found, in a sentence for the README."""
    if len(seconds) < 2:
        return "NumPy's vector instructions are used as it chooses them."
    first, second = (f"{seconds[setting] * 1e3:.1f} ms" for setting in SETTINGS)
    how = f"`{SWITCH}` is set to `{chosen}`" if chosen else "NumPy's choice of them is left alone"
    return (
        f"One `np.sort` of {PATIENTS:,} numbers takes {first} with all of NumPy's vector "
        f"instructions and {second} without AVX-512; for every package alike {how}."
    )
