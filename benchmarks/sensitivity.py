"""Time the variants of an endpoint over real records.

``python -m benchmarks.sensitivity --records FOLDER`` prints the seconds that 100 variants take with
one job and with two. FOLDER holds the exported tables that datasets/ctn0094/README.md says how to
obtain.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

TARGET = 30.0
"""Seconds that 100 variants may take on two processors."""

GRID: dict[str, Any] = {
    "at_days": [28, 84, 168],
    "sources": [["urine"], ["urine", "use_days"]],
    "origin": ["first_negative", "confirmed_abstinence"],
    "missing": ["ignore", "relapse", "censor"],
    "gap_days": [28, 60],
    "washout_days": [0, 14],
    "dated": ["detected", "midpoint", "last_negative"],
}
"""Two sources, origins and washouts, five treatments of silence, three datings: 120 variants."""

VARIANTS = 100


def timed(folder: Path, jobs: int) -> tuple[int, float]:
    """Return how many variants there are, and the seconds that reading and all of them took."""
    from survival_bzd.study import open_study
    from survival_bzd.study.sensitivity import sensitivity

    began = time.perf_counter()
    study = open_study(folder)
    declaration = study.declaration.model_copy(update={"sensitivity": GRID})
    found = sensitivity(replace(study, declaration=declaration), "relapse", jobs=jobs)
    return len(found.variants), time.perf_counter() - began


def main() -> None:
    """Print the seconds with one job and with two."""
    from survival_bzd.records.supplied import import_ctn0094

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, required=True, help="the exported tables")
    source = parser.parse_args().records
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "ctn0094"
        import_ctn0094(source, study)
        for jobs in (1, 2):
            variants, seconds = timed(study, jobs)
            each = seconds * VARIANTS / variants
            said = "within" if each < TARGET else "beyond"
            print(
                f"{jobs} job{'s' if jobs > 1 else ''}: {variants} variants in {seconds:.1f} s, "
                f"{VARIANTS} in {each:.1f} s, {said} the {TARGET:.0f} s"
            )


if __name__ == "__main__":
    main()
