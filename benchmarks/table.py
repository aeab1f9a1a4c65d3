"""What was measured becomes the README: a table of ratios, floors, targets and what they miss."""

from __future__ import annotations

from typing import Any

from benchmarks.sorting import in_words
from benchmarks.targets import MISSED, TARGETS

TITLES = {
    "km": "Kaplan-Meier with limits",
    "logrank": "Log-rank, 2 groups",
    "cif": "Cumulative incidence of two causes, with limits",
    "concordance": "Concordance with standard error",
    "cox_x5": "Cox, Efron's ties, 5 covariates",
    "cox_x20": "Cox, Efron's ties, 20 covariates",
    "bootstrap": "1,000 bootstrap curves",
    "npmle": "Interval-censored curve, all bounds different",
    "npmle_limits": "1,000 bootstrap curves of interval-censored times",
}
KINDS = {"days": "whole days", "continuous": "continuous times"}
COLUMNS = {
    "lifelines": "lifelines",
    "sksurv": "scikit-survival",
    "statsmodels": "statsmodels",
    "greenwood": "greenwood",
    "rust": "Rust survival",
    "R": "R survival",
    "rust kernel": "Rust, bare",
    "R kernel": "R, bare",
}
KERNELS = ("rust kernel", "R kernel")
TRACED = ("survival_bzd", "lifelines", "sksurv", "statsmodels", "greenwood")
"""Packages whose memory Python can see."""

Lines = dict[str, dict[str, list[dict[str, Any]]]]

HEAD = """\
# How fast

Written by `python -m benchmarks` (`--help` has its options); the figures are in `results.json`.
Do not edit.

Every figure is the CPU time of one call as a user would write it, from arrays (or the data frame
that the package asks for) to the finished result, the best of several after a warm-up, with one
thread, all packages in the same run on the same made-up patients. A package's figure is its time
divided by ours: **more than 1 means that we are faster**. A dash means that the package does not
offer the work; `> limit` that it was not asked for this many patients because it would have taken
more than {limit:.0f} seconds. Beside each row stand two floors in the same units: one pass over
times and events (two sums), and one `np.sort` of the times. {sort}

What differs in scope: statsmodels and greenwood give no standard error of a concordance, nor does
lifelines or scikit-survival; statsmodels' curve has no limits, and scikit-survival's Cox no
standard errors. Our Cox call includes the formula, the limits and all three tests; what is only
computed when looked at (concordance, the test of proportional hazards) is not in it. *Bare* is
the fitting loop alone, called as `coxph.fit` and `coxph_fit_raw`, without formula, result,
residuals or concordance.

| package | version |
|---|---|
"""


def write_table(found: dict[str, Any]) -> str:
    """Return the README."""
    lines: Lines = found["work"]
    parts = [HEAD.format(limit=found["limit"], sort=in_words(**found["sort"]))]
    parts += [f"| {COLUMNS.get(name, name)} | {said} |\n" for name, said in found["peers"].items()]
    floors = {name: _by_size(lines.get(name, {}).get("floor", [])) for name in ("pass", "sort")}
    for work, by_peer in lines.items():
        if work not in floors:
            parts.append(_section(work, by_peer, floors, found["sizes"]))
    parts += [_shell(found["shell"]), _targets(lines), _growth(lines), _memory(lines)]
    return "".join(parts).rstrip() + "\n"


def title(work: str) -> str:
    """Return what a piece of work is called in the table."""
    stem, _, kind = work.rpartition("_")
    return f"{TITLES[stem]}, {KINDS[kind]}" if kind in KINDS else TITLES[work]


def _section(
    work: str,
    by_peer: dict[str, list[dict[str, Any]]],
    floors: dict[str, dict[int, float]],
    sizes: list[int],
) -> str:
    shown = [name for name in COLUMNS if name in by_peer]
    ours = _by_size(by_peer.get("survival_bzd", []))
    rows = [
        f"\n## {title(work)}\n",
        "| patients | one pass | one sort | survival_bzd | "
        + "".join(f"{COLUMNS[name]} | " for name in shown),
        "|--:|--:|--:|--:|" + "--:|" * len(shown),
    ]
    for n in (size for size in sizes if size in ours):
        cells = [f"{n:,}", *(_seconds(floors[floor].get(n)) for floor in floors)]
        cells += [f"**{_seconds(ours[n])}**", *(_ratio(by_peer[name], n, ours) for name in shown)]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _by_size(lines: list[dict[str, Any]]) -> dict[int, float]:
    return {line["n"]: line["seconds"] for line in lines if "n" in line}


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"


def _ratio(lines: list[dict[str, Any]], n: int, ours: dict[int, float]) -> str:
    seconds = _by_size(lines).get(n)
    if seconds is None:
        return "failed" if any("failed" in line for line in lines) else "> limit"
    return f"{seconds / ours[n]:.2g}" if seconds < 10 * ours[n] else f"{seconds / ours[n]:,.0f}"


def best_peer(
    by_peer: dict[str, list[dict[str, Any]]], n: int, *, kernel: bool
) -> tuple[str, float]:
    """Return the fastest package for n patients; of the bare fitting loops if `kernel`."""
    timed = {
        name: _by_size(lines)[n]
        for name, lines in by_peer.items()
        if n in _by_size(lines) and name != "survival_bzd" and (name in KERNELS) == kernel
    }
    if not timed:
        return "", float("nan")
    name = min(timed, key=lambda peer: timed[peer])
    return name, timed[name]


def _targets(lines: Lines) -> str:
    """Say of each target whether it was reached."""
    rows = [
        "\n## What was to be reached\n",
        "| work | patients | ours | best peer | wanted | found |",
        "|---|--:|--:|---|--:|--:|",
    ]
    missed = []
    for target in TARGETS:
        by_peer = lines.get(target.work, {})
        ours = _by_size(by_peer.get("survival_bzd", [])).get(target.n)
        if ours is None:
            continue
        name, best = best_peer(by_peer, target.n, kernel=target.kernel)
        if target.seconds:
            wanted, got, reached = f"{target.seconds:g} s", _seconds(ours), ours <= target.seconds
        else:
            wanted, got = f"{target.times:g} x", f"{best / ours:.2g} x"
            reached = best / ours >= target.times
        if not name and not target.seconds:
            got, reached = "every peer was over the limit", True
        who = f"{COLUMNS[name]}, {_seconds(best)}" if name else "-"
        rows.append(
            f"| {title(target.work)} | {target.n:,} | {_seconds(ours)} | {who} | {wanted} "
            f"| {got if reached else f'**{got}, missed**'} |"
        )
        if not reached and target.work in MISSED and target.work not in missed:
            missed.append(target.work)
    why = [f"\n{title(work)}: {MISSED[work]}\n" for work in missed]
    return "\n".join(rows) + "\n" + "".join(why)


def _shell(shell: dict[str, float]) -> str:
    if not shell:
        return ""
    rows = ["\n## From the shell, 22 patients\n", "| command | CPU |", "|---|--:|"]
    rows += [f"| `{name}` | {_seconds(seconds)} |" for name, seconds in shell.items()]
    return "\n".join(rows) + "\n"


def _growth(lines: Lines) -> str:
    """Say how our cost grows: CPU nanoseconds per patient."""
    sizes = sorted({n for by_peer in lines.values() for n in _ours(by_peer)})
    rows = [
        "\n## How our cost grows: nanoseconds per patient\n",
        "| work | " + " | ".join(f"{n:,}" for n in sizes) + " |",
        "|---|" + "--:|" * len(sizes),
    ]
    for work, by_peer in lines.items():
        ours = _ours(by_peer)
        if ours:
            cells = [f"{ours[n] / n * 1e9:,.3g}" if n in ours else "-" for n in sizes]
            rows.append(f"| {title(work)} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _ours(by_peer: dict[str, list[dict[str, Any]]]) -> dict[int, float]:
    return _by_size(by_peer.get("survival_bzd", []))


def _memory(lines: Lines) -> str:
    """Say the most memory in use during a call, the inputs aside, as a multiple of them."""
    rows = [
        "\n## Peak memory, as a multiple of the input arrays\n",
        "At the largest cohort: what Python and NumPy allocated in the call, result included. A "
        "curve of continuous times is itself larger than what it is made of: its eight columns "
        "have a row per distinct time, seven times the bytes of a patient's time and event.\n",
        "| work | patients | " + " | ".join(COLUMNS.get(name, name) for name in TRACED) + " |",
        "|---|--:|" + "--:|" * len(TRACED),
    ]
    for work, by_peer in lines.items():
        measured = [line for line in by_peer.get("survival_bzd", []) if line.get("memory")]
        if not measured:
            continue
        n = measured[-1]["n"]
        cells = []
        for name in TRACED:
            at = [line["memory"] for line in by_peer.get(name, []) if line.get("n") == n]
            cells.append(f"{at[0]:.2g}" if at and at[0] is not None else "-")
        rows.append(f"| {title(work)} | {n:,} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"
