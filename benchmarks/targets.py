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
    Target("npmle", 1_000, 10),
    Target("npmle", 3_000, 50),
    Target("npmle", 10_000, 100),
    Target("npmle_limits", 22, seconds=5.0),
    Target("npmle_limits", 200, seconds=5.0),
    Target("km_days", 22, seconds=0.001),
    Target("cox_x5_days", 22, seconds=0.001),
)

MISSED = {
    "km_days": "A third of the call is `TimeToEvent`: the copy of the times, so that nobody "
    "changes them after they were checked, and one pass to check them. The rest converts the times "
    "to whole numbers, compares them back and counts them with the events; the count alone, which "
    "waits for its counters, costs two passes over the data.",
    "km_continuous": "The sort is a fifth of the call. The result has a row per patient of eight "
    "columns, seven times the input, and fresh memory of that size costs about as much as the "
    "sort; the running product and the running sum wait for each addition, 3 nanoseconds a row "
    "each; and the limits take a logarithm and three exponentials a row, more than the sort.",
    "logrank_days": "The copy and the check of the times, three passes over the labels (which have "
    "eight bytes each), and the count of both together: about ten passes over the data, each at "
    "the speed of memory or of the counters.",
    "logrank_continuous": "As for Kaplan-Meier the sort comes first; the rest passes over the "
    "sorted times twice and over the counts of each group once, in pieces that stay in the cache.",
    "concordance_days": "Pairs are counted from tables of sums over pieces of both ranks and, "
    "inside a piece, by comparing all of about 100 patients with each other: several sorts and 400 "
    "comparisons a patient for the estimate and its standard error. A compiled tree, as in Rust "
    "and R, needs about 20 steps a patient, but each waits for memory.",
    "concordance_continuous": "As for whole days; every patient has a time of their own.",
    "cox_x5_days": "The call reads the formula's columns, checks and centres them, and takes five "
    "to seven Newton steps; each is one pass with a count per column, the products of the columns, "
    "and the terms of Efron's ties, one per event. For 22 patients it is the number of calls to "
    "NumPy, about 40 for each of seven evaluations, that costs.",
    "cox_x20_days": "Each of the five evaluations counts 20 columns by day and multiplies them "
    "with each other; both passes run at the speed of memory.",
    "cox_x20_continuous": "Each event has a risk set of its own, so that 20 running sums and two "
    "products of 20 columns are made for every patient and evaluation, in pieces that stay in the "
    "cache; the patients are put into the order of time first, which moves every covariate once.",
    "bootstrap": "The peers' loops are not all slow: a call of the Rust package on 22 patients "
    "takes a hundredth of a millisecond. At 10,000 patients all draw random numbers for each.",
}
