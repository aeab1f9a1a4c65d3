"""Simulate, and write what was found into the documentation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.coverage.experiments import EXPERIMENTS, Found, simulate
from benchmarks.coverage.page import PAGE, RESULTS, filled, packed, unpacked


def main() -> None:
    """Simulate every experiment, or those that are named, and write results and page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    names = [experiment.name for experiment in EXPERIMENTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="experiments")
    parser.add_argument("--into", type=Path, default=RESULTS, help="the file of the counts")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page of the tables")
    options = parser.parse_args()
    found: dict[str, dict[tuple[str, str], Found]] = {}
    if options.into.exists():
        found = unpacked(json.loads(options.into.read_text(encoding="utf-8")))
    for experiment in EXPERIMENTS:
        if experiment.name in options.only:
            found[experiment.name] = simulate(experiment, experiment.studies)
            print(f"{experiment.name}: {experiment.studies} studies", flush=True)
    text = json.dumps(packed(found), indent=1, ensure_ascii=False)
    options.into.write_text(text + "\n", encoding="utf-8")
    page = options.page.read_text(encoding="utf-8")
    options.page.write_text(filled(page, found), encoding="utf-8")


if __name__ == "__main__":
    main()
