"""The ways to assign patients to groups, each as likely as any other: what exact tests look at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.log_rank import takes_robust_variance
from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Indices

LIMIT = 3_000_000
"""At most so many assignments are enumerated; 12 patients against 12 have 2,704,156."""

DRAWS = 99_999
"""Random assignments where there are more: the Monte Carlo error of a p of 0.05 is 0.0007."""

SEED = 20_101_231
"""Of the random assignments, so that the same data have the same p."""

ROUNDING = 1e-9
"""A statistic less than the observed one by this part is taken as equal to it."""

MOST = 2_000
"""At most so many patients: 99,999 assignments of them take half a minute, of more the square."""

AT_ONCE = 2_000_000
"""Patients times assignments that are held in memory at a time."""

Assignments = NDArray[np.integer]


def check_exact(tte: TimeToEvent, limit: int, draws: int) -> None:
    """Refuse weights that cannot count patients, too many of these, and numbers out of range."""
    faults = []
    people = tte.n if tte.weight is None else int(tte.weight.sum())
    if people > MOST:
        faults.append(
            Fault(
                rule=f"an exact test is for at most {MOST:,} patients: it would take too long",
                remedy="Leave exact out: with so many patients the chi-square p of the log-rank "
                "test is as good, unless there are very few events.",
                value=f"{people:,} patients",
            )
        )
    if takes_robust_variance(tte):
        faults.append(
            Fault(
                rule="an exact test needs weights that are whole numbers: it counts patients",
                remedy="Leave the weights out, or take the test that is not exact.",
                column="weight",
            )
        )
    if limit < 0 or draws < 1:
        faults.append(
            Fault(
                rule="limit must be 0 or more and draws 1 or more",
                remedy="Give how many assignments are enumerated at most, and how many are drawn.",
                value=f"limit {limit}, draws {draws}",
            )
        )
    if faults:
        raise BadInput(faults)


def exact_p(at_least: int, drawn: int, *, enumerated: bool) -> tuple[float, float]:
    """Return p and its Monte Carlo error."""
    if enumerated:
        return at_least / drawn, 0.0
    p = (at_least + 1) / (drawn + 1)
    return p, math.sqrt(p * (1 - p) / drawn)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The people of one stratum, and how many of them are in each group."""

    people: Indices
    sizes: list[int]


def blocks_of(stratum: Indices, member: Indices, g: int) -> list[Block]:
    """Return the blocks of the strata, of people in `g` groups."""
    found = []
    for one in range(int(stratum.max()) + 1):
        people = np.flatnonzero(stratum == one)
        sizes = np.bincount(member[people], minlength=g).tolist()
        found.append(Block(people=people, sizes=sizes))
    return found


def number_of_assignments(blocks: list[Block]) -> int:
    """Return in how many ways the people can be assigned to groups of the same sizes."""
    return math.prod(
        math.comb(sum(block.sizes[: place + 1]), size)
        for block in blocks
        for place, size in enumerate(block.sizes)
    )


def every_assignment(blocks: list[Block], assignments: int, chunk: int) -> Iterator[Assignments]:
    """Yield every assignment once, a column each: a stratum's is a digit of its number."""
    n = sum(block.people.size for block in blocks)
    columns = [_every(block.sizes) for block in blocks]
    code = columns[0].dtype
    for start in range(0, assignments, chunk):
        number = np.arange(start, min(start + chunk, assignments))
        assigned = np.empty((n, number.size), dtype=code)
        for block, own in zip(blocks, columns, strict=True):
            number, digit = np.divmod(number, own.shape[1])
            assigned[block.people] = own[:, digit]
        yield assigned


def _every(sizes: list[int]) -> Assignments:
    """Return every way to put people into groups of these sizes, a column each.

    Grown person by person, the ways sorted by how many are in each group so far.
    """
    code = np.min_scalar_type(len(sizes))
    found: dict[tuple[int, ...], Assignments]
    found = {(0,) * len(sizes): np.empty((0, 1), dtype=code)}
    for _ in range(sum(sizes)):
        longer: dict[tuple[int, ...], list[Assignments]] = {}
        for filled, ways in found.items():
            for group, size in enumerate(sizes):
                if filled[group] < size:
                    key = (*filled[:group], filled[group] + 1, *filled[group + 1 :])
                    last = np.full((1, ways.shape[1]), group, dtype=code)
                    longer.setdefault(key, []).append(np.concatenate([ways, last]))
        found = {key: np.concatenate(parts, axis=1) for key, parts in longer.items()}
    (every,) = found.values()
    return every


def random_assignments(
    blocks: list[Block], member: Indices, draws: int, seed: int, chunk: int
) -> Iterator[Assignments]:
    """Yield random assignments, a column each; labels are shuffled within strata."""
    generator = np.random.default_rng(seed)
    member = member.astype(np.min_scalar_type(int(member.max())))
    for start in range(0, draws, chunk):
        columns = min(chunk, draws - start)
        assigned = np.empty((member.size, columns), dtype=member.dtype)
        for block in blocks:
            own = np.repeat(member[block.people][None], columns, axis=0)
            assigned[block.people] = generator.permuted(own, axis=1).T
        yield assigned


def quadratic_forms(score: Floats, variance: Floats, negligible: float) -> Floats:
    """Return score' inverse(variance) score of each; what has no variance adds nothing."""
    diagonal = np.diagonal(variance, axis1=1, axis2=2)
    varies = diagonal > negligible
    scale = np.sqrt(np.where(varies, diagonal, 1.0))
    z = np.where(varies, score / scale, 0.0)
    if z.shape[1] == 1:
        return z[:, 0] ** 2
    correlation = variance / (scale[:, :, None] * scale[:, None, :])
    correlation = np.where(varies[:, :, None] & varies[:, None, :], correlation, 0.0)
    inverse = np.linalg.pinv(correlation, rcond=1e-10, hermitian=True)
    form: Floats = np.einsum("bi,bij,bj->b", z, inverse, z)
    return form
