"""How often the limits of cross-validated prediction hold the truth, in simulated studies.

`python -m benchmarks.prediction` prints, for each measure, its mean over the studies, which is the
truth about models fitted to as many patients, the standard deviation of the estimates, the mean of
their standard errors, and the share of 95% limits that hold the truth. A few minutes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from survival_bzd.endpoint import TimeToEvent
from survival_bzd.estimate import PredictionScore, cross_validate

STUDIES, PATIENTS, TREES, REPEATS, SEED = 150, 125, 50, 3, 5


def study(generator: np.random.Generator) -> TimeToEvent:
    """Simulate patients with two covariates that matter and one that does not."""
    covariates = generator.normal(size=(PATIENTS, 3))
    hazard = np.exp(0.5 * covariates[:, 0] + 0.2 * covariates[:, 1])
    relapse = np.ceil(generator.exponential(60 / hazard))
    end = np.minimum(182, np.ceil(generator.uniform(30, 500, size=PATIENTS)))
    frame = pd.DataFrame(covariates, columns=["a", "b", "c"])
    return TimeToEvent(np.minimum(relapse, end), relapse <= end, covariates=frame)


def main() -> None:
    """Simulate, and print how the estimates and their limits did."""
    generator = np.random.default_rng(SEED)
    found: dict[tuple[str, str, str], list[PredictionScore]] = {}
    for seed in range(STUDIES):
        tte = study(generator)
        judged = cross_validate(
            tte, "a + b + c", times=[84], tau=168, repeats=REPEATS, trees=TREES, seed=seed
        )
        for one in (*judged.scores, *judged.differences):
            if one.std_error > 0:
                key = (one.measure, one.model, one.against or "")
                found.setdefault(key, []).append(one)
    for key, scores in found.items():
        estimates = np.array([one.estimate for one in scores])
        truth = estimates.mean()
        held = np.mean([one.lower <= truth <= one.upper for one in scores])
        errors = np.mean([one.std_error for one in scores])
        print(
            f"{' '.join(key):45} mean {truth:7.4f}  sd {estimates.std(ddof=1):.4f}  "
            f"error {errors:.4f}  held {held:.3f}"
        )


if __name__ == "__main__":
    main()
