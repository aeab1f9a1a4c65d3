"""Time one piece of work of one package, in a process of its own: sizes ascending, a line each."""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from benchmarks.calls import CALLS, FLOORS, Columns

ENOUGH = 0.5
"""CPU seconds of repeats after which the least is taken."""

LONG = 5.0
"""CPU seconds from which a call is neither warmed up nor repeated, nor its memory measured."""


def main() -> None:
    """Print for each size how long the call took, what it answered and what memory it needed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("work")
    parser.add_argument("limit", type=float)
    parser.add_argument("cohorts", nargs="+", type=Path)
    options = parser.parse_args()
    call = FLOORS[options.work] if options.peer == "floor" else CALLS[options.peer, options.work]
    for cohort in options.cohorts:
        columns = Columns(cohort)
        once = call(columns)
        begin = time.process_time()
        answer = once()
        first = time.process_time() - begin
        seconds = first if first > LONG else best_of(once)
        line = {
            "n": columns.n,
            "seconds": seconds,
            "answer": float(answer),
            "memory": peak(once) / columns.read_bytes if seconds < LONG else None,
        }
        print(json.dumps(line), flush=True)
        # The next cohort is about ten times this one.
        if 10 * seconds > options.limit:
            sys.exit()


def best_of(once: Callable[[], float]) -> float:
    """Return the least CPU seconds of a call, over repeats; short calls are timed in bundles."""
    bundle, least, spent, repeats = 1, float("inf"), 0.0, 0
    while (repeats < 3 or (spent < ENOUGH and repeats < 15)) and spent < LONG:
        begin = time.process_time()
        for _ in range(bundle):
            once()
        took = time.process_time() - begin
        if took < 0.01:
            bundle *= 4
            continue
        least, spent, repeats = min(least, took / bundle), spent + took, repeats + 1
    return least


def peak(once: Callable[[], float]) -> float:
    """Return the most bytes that Python and NumPy had allocated during a call."""
    tracemalloc.start()
    once()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


if __name__ == "__main__":
    main()
