"""A small study to break: one patient with a day of use and a negative screen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import examine

CARD = """
[study]
name = "small"
title = "A small study"
synthetic = true
control_group = false
"""
SUBSTANCES = """
[substances]
benzodiazepine = ["diazepam"]
not_counted = ["opiates"]
"""
TABLES = {
    "patients": "patient_id,enrolled\n001,2020-01-01\n002,2020-01-05\n",
    "urine": "patient_id,date,analyte,result\n001,2020-01-02,diazepam,positive\n"
    "001,2020-01-09,diazepam,negative\n",
}

WriteStudy = Callable[..., Path]


@pytest.fixture
def study(tmp_path: Path) -> WriteStudy:
    """Write a study folder.

    Tables are given as text or bytes by their name; `keys` are lines of their declarations.
    """

    def write(
        *,
        card: str = CARD,
        substances: str = SUBSTANCES,
        keys: dict[str, str] | None = None,
        toml: str = "",
        **tables: str | bytes,
    ) -> Path:
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        declared = card + substances
        for name, content in {**TABLES, **tables}.items():
            data = content.encode() if isinstance(content, str) else content
            (folder / f"{name}.csv").write_bytes(data)
            file = "" if "file =" in (keys or {}).get(name, "") else f'file = "{name}.csv"\n'
            declared += f"\n[tables.{name}]\n{file}{(keys or {}).get(name, '')}\n"
        (folder / "study.toml").write_text(declared + toml, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def faults_of() -> Callable[[Path], list[Fault]]:
    """Return every fault of a study folder, however early the reading stops."""

    def collect(folder: Path) -> list[Fault]:
        try:
            return examine(folder)[1]
        except BadInput as refused:
            return list(refused.faults)

    return collect
