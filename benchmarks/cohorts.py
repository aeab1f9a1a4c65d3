"""Made-up patients, the same for every package: written once as .npy files, which R reads too."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SEED = 20261122
MOST_CELLS = 50_000_000
"""Covariate tables with more numbers than this are not made: they would not fit beside a copy."""


def write_cohort(folder: Path, n: int) -> Path:
    """Write the columns of n patients, unless they are there already.

    Hazards depend on the covariates; a third of the patients is censored. Whole days are the
    continuous times rounded up, so that the same patients serve both kinds of rows.

    Parameters
    ----------
    folder : where cohorts are kept.
    n : patients.

    Returns
    -------
    Path
        The folder of this cohort.
    """
    cohort = folder / f"n{n}-seed{SEED}"
    if (cohort / "complete").exists():
        _write_further(cohort, n)
        return cohort
    cohort.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([SEED, n])
    x = np.asfortranarray(rng.standard_normal((min(20, MOST_CELLS // n), n)).T)
    x[:, 1] = x[:, 1] > 0
    risk = x[:, :5] @ np.array([0.4, -0.3, 0.2, 0.1, 0.0])
    relapse = rng.standard_exponential(n) * 300 * np.exp(-risk)
    censored = rng.uniform(0, 1000, n)
    time = np.minimum(relapse, censored)
    columns = {
        "continuous": time,
        "days": np.ceil(time),
        "event": relapse <= censored,
        "group": x[:, 1].astype(np.int64),
        "risk": risk + rng.standard_normal(n) / 2,
        "x5": x[:, :5],
    }
    if x.shape[1] == 20:
        columns["x20"] = x
    for name, column in columns.items():
        np.save(cohort / f"{name}.npy", column)
    (cohort / "complete").touch()
    _write_further(cohort, n)
    return cohort


def _write_further(cohort: Path, n: int) -> None:
    """Write between which visits each relapse lies (everybody has their own), and its cause."""
    if (cohort / "cause.npy").exists():
        return
    rng = np.random.default_rng([SEED, n, 1])
    time, event = np.load(cohort / "continuous.npy"), np.load(cohort / "event.npy")
    apart = rng.uniform(30, 120, n)
    first = rng.uniform(0, 1, n) * apart
    visits = np.floor((time - first) / apart)
    np.save(cohort / "cause.npy", np.where(event, 1 + (rng.uniform(0, 1, n) < 0.3), 0))
    np.save(cohort / "lower.npy", np.maximum(first + visits * apart, 0.0))
    np.save(cohort / "upper.npy", np.where(event, first + (visits + 1) * apart, np.inf))
