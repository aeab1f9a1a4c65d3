"""Measure every package on the same patients, and write what was found."""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.calls import CALLS, FLOORS
from benchmarks.cohorts import write_cohort
from benchmarks.peers import HERE, Peer, environment, find_peers
from benchmarks.shell import shell_seconds
from benchmarks.sorting import fastest, sort_seconds
from benchmarks.table import write_table

SIZES = (22, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
QUICK = (22, 1_000, 10_000, 100_000)
ORDER = tuple(work for peer, work in CALLS if peer == "survival_bzd")
R_WORK = tuple(sorted({*ORDER} - {"bootstrap", "npmle_limits"}))
BETWEEN = {"npmle": (3_000,), "npmle_limits": (200,)}
"""Further numbers of patients for some work."""


def main() -> None:
    """Measure and write `results.json` and `README.md`."""
    options = _options()
    peers = find_peers(install=not options.no_peers)
    if options.no_peers:
        peers = tuple(peer for peer in peers if peer.name in ("floor", "survival_bzd"))
    into = Path(options.into)
    into.mkdir(parents=True, exist_ok=True)
    before: dict[str, Any] = {"work": {}, "shell": {}, "sizes": []}
    if options.only and (into / "results.json").exists():
        before = json.loads((into / "results.json").read_text())
    work = measure(peers, options.sizes, options.only, options.limit, into / ".cohorts")
    everything = {**before["work"], **work}
    found: dict[str, Any] = {
        "limit": options.limit,
        "sort": {"seconds": sort_seconds(), "chosen": fastest()},
        "sizes": sorted({*options.sizes, *before["sizes"], *_between(options.sizes, work)}),
        "peers": {peer.name: peer.version for peer in peers if peer.version},
        "work": {name: everything[name] for name in [*FLOORS, *ORDER] if name in everything},
        "shell": before["shell"],
    }
    if not options.only or "shell" in options.only:
        found["shell"] = shell_seconds()
    (into / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (into / "README.md").write_text(write_table(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no cohort above 100,000 patients")
    parser.add_argument("--sizes", type=int, nargs="+", default=None, help="patients")
    parser.add_argument(
        "--only", nargs="+", default=None, help="such as km_days, cox_x5_days or shell"
    )
    parser.add_argument("--limit", type=float, default=40.0, help="seconds for one call of a peer")
    parser.add_argument("--no-peers", action="store_true", help="measure this package alone")
    parser.add_argument("--into", default=str(HERE), help="folder that is written to")
    options = parser.parse_args()
    options.sizes = sorted(options.sizes or (QUICK if options.quick else SIZES))
    return options


def measure(
    peers: tuple[Peer, ...], sizes: list[int], only: list[str] | None, limit: float, folder: Path
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the lines of each package's clock, by work and package."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for work in [*FLOORS, *ORDER]:
        if only and work not in only and work not in FLOORS:
            continue
        further = _between(sizes, {work})
        fitting = sorted(n for n in {*sizes, *further} if n <= most_patients(work))
        cohorts = [write_cohort(folder, n) for n in fitting]
        found[work] = {}
        for peer in peers:
            if peer.command and _does(peer.name, work):
                found[work][peer.name] = clock(peer, work, cohorts, limit)
                print(f"{work} {peer.name}: {_said(found[work][peer.name])}", flush=True)
    return found


def _between(sizes: list[int], work: Iterable[str]) -> set[int]:
    """Return the further numbers of patients, inside those asked for."""
    further = {n for name in work for n in BETWEEN.get(name, ())}
    return {n for n in further if sizes[0] <= n <= sizes[-1]}


def most_patients(work: str) -> int:
    """Return how many patients there are at most for a piece of work."""
    if work == "npmle_limits":
        return 1_000
    most = {
        "bootstrap": 10_000,
        "npmle": 10_000,
        "cif": 1_000_000,
        "concordance": 1_000_000,
        "cox": 1_000_000,
    }
    return most.get(work.partition("_")[0], SIZES[-1])


def _does(peer: str, work: str) -> bool:
    """Whether the package offers the work."""
    if work in FLOORS:
        return peer == "floor"
    if peer == "R kernel":
        return work.startswith("cox")
    return (peer, work) in CALLS or (peer == "R" and work in R_WORK)


def clock(peer: Peer, work: str, cohorts: list[Path], limit: float) -> list[dict[str, Any]]:
    """Run a package's clock until it ends or time is up, and return what it had printed."""
    command = [*peer.command, peer.name, work, str(limit), *map(str, cohorts)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=HERE.parent,
    )
    try:
        said, complaint = process.communicate(timeout=10 * limit)
    except subprocess.TimeoutExpired:
        process.kill()
        said, complaint = process.communicate()
    lines = [json.loads(line) for line in said.splitlines() if line.endswith("}")]
    if process.returncode > 0:
        lines.append({"failed": (complaint.strip().splitlines() or ["no message"])[-1]})
    return lines


def _said(lines: list[dict[str, Any]]) -> str:
    return ", ".join(
        line.get("failed") or f"{line['n']:,} in {line['seconds']:.3g} s" for line in lines
    )


if __name__ == "__main__":
    main()
