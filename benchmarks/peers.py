"""The packages to compare with, and how each is started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sorting import fastest, with_setting

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".peers"
ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "RAYON_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
    )
}


@dataclass(frozen=True)
class Peer:
    """A package in the comparison.

    Attributes
    ----------
    name : as it stands in the table.
    version : its version; why it is missing, where it is.
    command : what starts its clock; empty where it is missing.
    """

    name: str
    version: str
    command: tuple[str, ...]


def find_peers(*, install: bool) -> tuple[Peer, ...]:
    """Return the packages of this environment, of the peers' own environment, and R.

    Parameters
    ----------
    install : whether to install what the peers' environment lacks.
    """
    here = ("floor", "survival_bzd", "lifelines", "sksurv")
    distributions = {"sksurv": "scikit-survival", "rust": "survival"}
    clock = ("-m", "benchmarks.clock")
    found = [Peer("floor", "", (sys.executable, *clock))]
    for name in here[1:]:
        version = _version(sys.executable, distributions.get(name, name))
        found.append(_peer(name, version, (sys.executable, *clock), "not installed"))
    for name in ("statsmodels", "greenwood", "rust"):
        python, why = _own_python(distributions.get(name, name), install=install)
        version = _version(python, distributions.get(name, name)) if python else ""
        found.append(_peer(name, version, (python, *clock), why))
    rust = found[-1]
    found.append(Peer("rust kernel", rust.version, rust.command))
    script = str(HERE / "calls.R")
    version = _r_version()
    found.append(_peer("R", version, ("Rscript", script), "Rscript or its survival is missing"))
    found.append(Peer("R kernel", found[-1].version, found[-1].command))
    return tuple(found)


def find_python(distribution: str) -> tuple[str, str]:
    """Return the interpreter that has a package, which it installs, and the version; else empty."""
    python, _ = _own_python(distribution, install=True)
    version = _version(python, distribution)
    return (python, version) if version else ("", "")


def _peer(name: str, version: str, command: tuple[str, ...], why: str) -> Peer:
    return Peer(name, version, command) if version else Peer(name, why, ())


def _own_python(distribution: str, *, install: bool) -> tuple[str, str]:
    """Return the interpreter of the peers' environment, and why a package is not in it."""
    python = ENVIRONMENT / "bin" / "python"
    if not install and not python.exists():
        return "", "not installed"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    if install and not _version(str(python), distribution):
        command = [str(python), "-m", "pip", "install", "--quiet", "--no-input", distribution]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        if said.returncode:
            return str(python), f"could not be installed: {_last_line(said.stderr)}"
    return str(python), "not installed"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["pip said nothing"])[-1]


def _version(python: str, distribution: str) -> str:
    question = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    said = subprocess.run(
        [python, "-c", question, distribution], capture_output=True, text=True, check=False
    )
    return said.stdout.strip()


def _r_version() -> str:
    if shutil.which("Rscript") is None:
        return ""
    question = "cat(R.version$major, R.version$minor, sep='.');"
    question += "cat(', survival', as.character(packageVersion('survival')))"
    said = subprocess.run(["Rscript", "-e", question], capture_output=True, text=True, check=False)
    return said.stdout.strip() if said.returncode == 0 else ""


def environment() -> dict[str, str]:
    """Return the environment of a clock: one thread everywhere, and NumPy's fastest sort."""
    return {**with_setting(fastest()), **ONE_THREAD}
