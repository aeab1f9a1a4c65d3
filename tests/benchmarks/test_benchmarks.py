"""The benchmark measures, compares and writes; how fast anything is, no test asserts."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_is_written_without_peers(tmp_path: Path) -> None:
    arguments = ["--no-peers", "--sizes", "22", "30", "--only", "km_days", "--into", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, check=True)
    found = json.loads((tmp_path / "results.json").read_text())
    lines = found["work"]["km_days"]["survival_bzd"]
    assert [line["n"] for line in lines] == [22, 30]
    assert all(line["seconds"] > 0 for line in lines)
    text = (tmp_path / "README.md").read_text()
    assert "## Kaplan-Meier with limits, whole days" in text
    assert "| 22 |" in text
