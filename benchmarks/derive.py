"""Time reading and deriving real records, beside a package and loops that do less of it.

``python -m benchmarks.derive --records FOLDER`` writes `deriving.md` and `deriving.json`. FOLDER
holds the exported tables that datasets/ctn0094/README.md says how to obtain.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers import HERE, environment, find_python

if TYPE_CHECKING:
    import pandas as pd

COPIES = (1, 2, 4, 8)
"""How often the records are repeated, each time with patients of their own."""

RELAPSES = 447
"""What is found in the records, by whoever derives it."""

SCREENED = "Benzodiazepine"
LONG = 10.0
"""Seconds from which a call is not repeated."""


def survival_bzd(folder: Path) -> int:
    """Read every table, check it, and derive the endpoint."""
    from survival_bzd.endpoint import declare, derive
    from survival_bzd.records import evidence, read_study

    records = read_study(folder)
    endpoint, _ = declare(records.declaration, "relapse")
    assert endpoint is not None
    return int(derive(evidence(records), endpoint).relapsed.sum())


def pandas_groups(folder: Path) -> int:
    """Loop over the patients of a grouped data frame."""
    return _loop(_screens(folder).groupby("patient_id"))


def pandas_filter(folder: Path) -> int:
    """Loop over the patients, and look for the rows of each in the whole data frame."""
    screens = _screens(folder)
    patients = screens["patient_id"].unique()
    return _loop((patient, screens[screens["patient_id"] == patient]) for patient in patients)


def abstcal(folder: Path) -> int:
    """Look for the first lapse between two days that are given for each patient."""
    import pandas as pd
    from abstcal import AbstinenceCalculator, TLFBData, VisitData

    days = TLFBData(pd.read_csv(folder / "abstcal_days.csv"), use_raw_date=False)
    visits = VisitData(pd.read_csv(folder / "abstcal_visits.csv"), use_raw_date=False)
    _, lapses = AbstinenceCalculator(days, visits).abstinence_cont(1, 2, including_end=True)
    return len(lapses)


CALLS: dict[str, tuple[str, Callable[[Path], int]]] = {
    "survival_bzd": ("survival_bzd: reads and checks every table, all rules", survival_bzd),
    "pandas_groups": ("pandas, a loop over `groupby`: one table, one rule", pandas_groups),
    "pandas_filter": ("pandas, a loop that filters for each patient: the same", pandas_filter),
    "abstcal": ("abstcal {version}: given who is at risk, from when and until when", abstcal),
}


def _screens(folder: Path) -> pd.DataFrame:
    """Read the dated screens for benzodiazepines; on one day the positive counts."""
    import pandas as pd

    urine = pd.read_csv(folder / "urine.csv")
    urine = urine[(urine["analyte"] == SCREENED) & urine["date"].notna()]
    urine = urine[urine["result"] != "invalid"]
    urine["positive"] = urine["result"] == "positive"
    days = urine.groupby(["patient_id", "date"])["positive"].max()
    return days.reset_index()


def _loop(groups: Any) -> int:
    """Count the patients with a positive after two negatives in a row after the first positive."""
    return sum(found is not None and found[1] is not None for _, found in _followed(groups))


def _followed(groups: Any) -> Iterator[tuple[Any, tuple[int, int | None] | None]]:
    """Yield each patient with the day at risk and the day of relapse, None where there is none."""
    for patient, mine in groups:
        used, negatives, origin, relapse = False, 0, None, None
        for _, row in mine.sort_values("date").iterrows():
            if origin is not None and row["positive"]:
                relapse = int(row["date"])
                break
            used |= row["positive"]
            negatives = 0 if row["positive"] else negatives + used
            if origin is None and negatives == 2:
                origin = int(row["date"])
        yield patient, None if origin is None else (origin, relapse)


def write_copies(study: Path, into: Path, copies: int) -> int:
    """Write the study with its records repeated for other patients; return its rows."""
    into.mkdir()
    rows = 0
    for path in sorted(study.iterdir()):
        if path.suffix != ".csv":
            (into / path.name).write_bytes(path.read_bytes())
            continue
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        with (into / path.name).open("w", encoding="utf-8") as file:
            file.write(f"{header}\n")
            for copy in range(copies):
                file.writelines(f"{copy}-{line}\n" for line in lines)
        rows += copies * len(lines)
    _write_for_abstcal(into)
    return rows


def _write_for_abstcal(folder: Path) -> None:
    """Write what abstcal cannot find itself: from the day after the origin to the last screen."""
    import pandas as pd

    screens = _screens(folder)
    last = screens.groupby("patient_id")["date"].max()
    at_risk = [
        (patient, visit, day)
        for patient, found in _followed(screens.groupby("patient_id"))
        if found is not None
        for visit, day in ((1, found[0] + 1), (2, int(last[patient])))
        if last[patient] > found[0]
    ]
    visits = pd.DataFrame(at_risk, columns=["id", "visit", "date"])
    visits.to_csv(folder / "abstcal_visits.csv", index=False)
    days = screens.assign(date=screens["date"].astype(int), amount=screens["positive"].astype(int))
    days = days.rename(columns={"patient_id": "id"})[["id", "date", "amount"]]
    days[days["id"].isin(visits["id"])].to_csv(folder / "abstcal_days.csv", index=False)


def clock(name: str, folder: Path) -> dict[str, float]:
    """Time a call from the files to the number of relapses, the best of three after a warm-up."""
    _, call = CALLS[name]
    found: list[tuple[float, float]] = []
    relapses = 0
    for _ in range(4):
        cpu, wall = time.process_time(), time.perf_counter()
        relapses = call(folder)
        found.append((time.process_time() - cpu, time.perf_counter() - wall))
        if found[-1][1] > LONG:
            break
    cpu, wall = (min(times) for times in zip(*(found[1:] or found), strict=True))
    return {"cpu": cpu, "wall": wall, "relapses": relapses}


def measure(study: Path, copies: tuple[int, ...], limit: float, folder: Path) -> dict[str, Any]:
    """Return the rows of each size and what each call took, by its name."""
    python, version = find_python("abstcal")
    found: dict[str, Any] = {"abstcal": version, "copies": copies, "rows": [], "calls": {}}
    for times in copies:
        found["rows"].append(write_copies(study, folder / str(times), times))
    for name in CALLS:
        times_found: list[dict[str, float]] = []
        runs = python if name == "abstcal" else sys.executable
        for times in copies if runs else ():
            line = _timed(runs, name, folder / str(times), limit)
            if line is None:
                break
            assert line["relapses"] == RELAPSES * times, (name, line)
            times_found.append(line)
            print(f"{name} x {times}: {line['cpu']:.3g} s", flush=True)
        found["calls"][name] = times_found
    return found


def _timed(python: str, name: str, folder: Path, limit: float) -> dict[str, float] | None:
    """Run the clock in a process of its own; None where it takes too long."""
    command = [python, "-m", "benchmarks.derive", "--clock", name, str(folder)]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=limit,
            env=environment(), cwd=HERE.parent,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{name}: {error.stderr}") from error
    line: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return line


def table(found: dict[str, Any]) -> str:
    """Return the page of what was found."""
    copies, rows, calls = found["copies"], found["rows"], found["calls"]
    head = "| | " + " | ".join(f"x {times}" for times in copies) + " |"
    rule = "|---|" + "--:|" * len(copies)
    ours = calls["survival_bzd"]
    lines = [
        "# How fast records become times",
        "",
        "Written by `python -m benchmarks.derive --records FOLDER`; the figures are in",
        "`deriving.json`. Do not edit.",
        "",
        "The records of datasets/ctn0094, 3,560 people in three trials, are read from CSV and made",
        "into days to a benzodiazepine-positive urine after two negative ones. Of these there are",
        f"{RELAPSES}; every way found as many. Then the same records again for two, four and eight",
        "times as many people. CPU seconds from the files to the result, in a process of its own,",
        "the best of three after a warm-up; a dash is a call that took too long to wait for.",
        "",
        head.replace("| |", "| CPU seconds |", 1),
        rule,
        "| rows | " + " | ".join(f"{count:,}" for count in rows) + " |",
    ]
    for name, (said, _) in CALLS.items():
        if calls[name]:
            label = said.format(version=found["abstcal"])
            lines.append(_row(label, [f"{line['cpu']:.3g}" for line in calls[name]], len(copies)))
    lines += ["", head.replace("| |", "| times our CPU seconds |", 1), rule]
    for name in list(CALLS)[1:]:
        ratios = [f"{line['cpu'] / our['cpu']:.2g}" for line, our in zip(calls[name], ours)]  # noqa: B905
        if ratios:
            lines.append(_row(name.replace("_", " "), ratios, len(copies)))
    lines += ["", head.replace("| |", "| ours |", 1), rule]
    per_row = [1e6 * line["cpu"] / count for line, count in zip(ours, rows, strict=True)]
    lines.append(_row("CPU microseconds per row", [f"{each:.3g}" for each in per_row], len(copies)))
    lines += [
        "",
        "What differs in scope: this package reads all five tables, checks every cell of them,",
        "knows the file and line of each statement, and applies any declared rule; the loops read",
        "one table and know this one rule. abstcal cannot find the day at risk: it is given that",
        "day, the last screen, and only the patients at risk; from version 2 on pandas cannot read",
        "files as it asks for, so it is given data frames.",
        "",
    ]
    return "\n".join(lines)


def _row(label: str, cells: list[str], columns: int) -> str:
    return f"| {label} | " + " | ".join([*cells, *["-"] * (columns - len(cells))]) + " |"


def main() -> None:
    """Measure and write, or time one call."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.derive", description=__doc__)
    parser.add_argument("--records", type=Path, help="folder of the exported tables")
    parser.add_argument("--copies", type=int, nargs="+", default=list(COPIES))
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one clock")
    parser.add_argument("--into", type=Path, default=HERE, help="folder that is written to")
    parser.add_argument("--clock", nargs=2, metavar=("CALL", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.clock:
        print(json.dumps(clock(options.clock[0], Path(options.clock[1]))))
        return
    if options.records is None:
        parser.error("--records is needed: the folder of the exported tables")
    from survival_bzd.records.supplied import import_ctn0094

    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        import_ctn0094(options.records, study)
        found = measure(study, tuple(options.copies), options.limit, Path(folder))
    (options.into / "deriving.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.into / "deriving.md").write_text(table(found))


if __name__ == "__main__":
    main()
