"""What visits months apart do to the curve, where the truth is known.

``python -m benchmarks.visits`` simulates and writes the tables into the documentation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate import kaplan_meier, npmle, npmle_limits
from survival_bzd.estimate.quantities import Floats

VISITS = np.array([1, 2, 3, 6, 9, 12, 18, 24.0])
MISSED = 0.2
LATENESS = 0.25
"""Standard deviation in months of how early or late a patient comes: about a week."""

HAZARD = 0.15
PATIENTS = 200
HORIZONS = (3.0, 6.0, 9.0, 12.0)
SEED = 20_260_922
STUDIES = 1000
COVERED = 300
RESAMPLES = 400

PAGE = Path(__file__).parents[1] / "docs" / "estimators" / "interval-censored.md"
BEGIN = "<!-- Written by python -m benchmarks.visits from here -->"
END = "<!-- to here -->"

ROWS = {
    "detected": "Kaplan-Meier, relapse at the visit that found it",
    "midpoint": "Kaplan-Meier, relapse at the middle of its interval",
    "npmle": "interval-censored curve",
}


def visited(
    random: np.random.Generator, n: int = PATIENTS, lateness: float = LATENESS
) -> TimeToEvent:
    """Draw a study in months: everybody has the same appointments and misses some at random."""
    relapse = random.exponential(1 / HAZARD, n)[:, None]
    seen = random.random((n, VISITS.size)) >= MISSED
    day = VISITS + lateness * random.standard_normal((n, VISITS.size))
    free, found = seen & (relapse > day), seen & (relapse <= day)
    lower = np.where(free, day, 0.0).max(axis=1)
    upper = np.where(found, day, np.inf).min(axis=1)
    known = np.isfinite(upper)
    return TimeToEvent(np.where(known, upper, lower), known, "months", lower=lower, upper=upper)


def truth() -> Floats:
    """Return survival at the horizons."""
    return np.exp(-HAZARD * np.array(HORIZONS))


def estimates(tte: TimeToEvent) -> dict[str, Floats]:
    """Return survival at the horizons by each of the rows."""
    middle = np.where(tte.relapsed, (tte.lower + tte.upper) / 2, tte.lower)
    halved = TimeToEvent(middle, tte.relapsed, tte.unit)
    return {
        "detected": kaplan_meier(tte)[0].at(HORIZONS).survival,
        "midpoint": kaplan_meier(halved)[0].at(HORIZONS).survival,
        "npmle": npmle(tte)[0].at(HORIZONS).survival,
    }


def biases(
    studies: int = STUDIES, seed: int = SEED, lateness: float = LATENESS
) -> dict[str, tuple[Floats, Floats]]:
    """Return mean error of survival at the horizons by each way, and its Monte Carlo error."""
    random = np.random.default_rng(seed)
    found = [estimates(visited(random, PATIENTS, lateness)) for _ in range(studies)]
    errors = {name: np.array([one[name] for one in found]) - truth() for name in ROWS}
    return {
        name: (error.mean(axis=0), error.std(axis=0, ddof=1) / math.sqrt(studies))
        for name, error in errors.items()
    }


def coverage(
    n: int = PATIENTS, studies: int = COVERED, resamples: int = RESAMPLES, seed: int = SEED
) -> Floats:
    """Return in what part of the studies the 95% bootstrap limits hold the truth."""
    random = np.random.default_rng(seed)
    held = np.zeros(len(HORIZONS))
    for _ in range(studies):
        (limits,) = npmle_limits(visited(random, n), HORIZONS, resamples, seed)
        held += (limits.lower <= truth()) & (truth() <= limits.upper)
    return held / studies


Biases = Mapping[str, tuple[Floats, Floats]]


def filled(page: str, late: Biases, punctual: Biases, covered: Mapping[int, Floats]) -> str:
    """Return the page with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    head = "| | " + " | ".join(f"{horizon:g} months" for horizon in HORIZONS) + " |"
    rule = "|---|" + "---|" * len(HORIZONS)
    largest = max(float(error.max()) for one in (late, punctual) for _, error in one.values())
    lines = [
        "",
        head,
        rule,
        "| true survival | " + " | ".join(f"{value:.3f}" for value in truth()) + " |",
        *_rows(late, "about a week early or late"),
        *_rows(punctual, "on the day"),
        "",
        f"Mean error over {STUDIES:,} studies of {PATIENTS} patients; Monte Carlo error at most "
        f"{largest:.4f}.",
        "",
        head.replace("| |", "| limits held the truth, % |", 1),
        rule,
        *(
            f"| {n} patients | " + " | ".join(f"{100 * value:.0f}" for value in held) + " |"
            for n, held in covered.items()
        ),
        "",
        f"{COVERED} studies, visits about a week early or late, {RESAMPLES} resamples each, "
        "nominal 95; Monte Carlo error 1 to 2.",
        "",
    ]
    return "\n".join([before + BEGIN, *lines, END + after])


def _rows(bias: Biases, when: str) -> list[str]:
    return [
        f"| {ROWS[name]}; visits {when} | " + " | ".join(f"{value:+.3f}" for value in mean) + " |"
        for name, (mean, _) in bias.items()
    ]


def main() -> None:
    """Simulate, and write the tables."""
    covered = {n: coverage(n) for n in (22, PATIENTS)}
    page = PAGE.read_text(encoding="utf-8")
    page = filled(page, biases(), biases(lateness=0.0), covered)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
