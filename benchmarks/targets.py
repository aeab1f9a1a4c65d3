"""What was to be reached, and why what was not reached was not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """How fast a piece of work should be.

    Attributes
    ----------
    work, n : the work and the patients.
    times : faster than the best peer, or with `kernel` than the best bare fitting loop.
    seconds : CPU seconds at most, where that is the target instead.
    """

    work: str
    n: int
    times: float = 0.0
    kernel: bool = False
    seconds: float = 0.0


TARGETS = (
    Target("km_days", 10_000_000, 10),
    Target("km_continuous", 10_000_000, 4),
    Target("logrank_days", 10_000_000, 20),
    Target("logrank_continuous", 10_000_000, 4),
    Target("concordance_days", 1_000_000, 2),
    Target("concordance_continuous", 1_000_000, 2),
    Target("cox_x5_days", 1_000_000, 6),
    Target("cox_x5_days", 1_000_000, 1, kernel=True),
    Target("cox_x20_days", 1_000_000, 6),
    Target("cox_x20_days", 1_000_000, 1, kernel=True),
    Target("cox_x20_continuous", 1_000_000, 3, kernel=True),
    Target("bootstrap", 22, 100),
    Target("bootstrap", 10_000, 100),
    Target("km_days", 22, seconds=0.001),
    Target("cox_x5_days", 22, seconds=0.001),
)

MISSED: dict[str, str] = {}
