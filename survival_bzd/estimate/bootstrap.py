"""Relapse-free curves of resampled patients, all in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.kaplan_meier import kaplan_meier
from survival_bzd.estimate.quantities import Floats, frozen, normal_quantile
from survival_bzd.estimate.risk_sets import Group, Indices, cells, split
from survival_bzd.estimate.tally import NEAR

if TYPE_CHECKING:
    import pandas as pd

Counts = NDArray[np.int64]

_IN_CACHE = 1 << 14
"""Counts that are worked on at a time."""

_FEW_KINDS = 16
"""Kinds are drawn, not patients, where there are so many times more patients than kinds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BootstrapSurvival:
    """Survival at given times, with limits from resampled patients.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n, replicates, seed : patients; how often they were resampled; the seed of the draws.
    time, survival : (m,) the times asked for, in `unit`, and the estimate from all patients.
    std_error : (m,) standard deviation of the resampled estimates.
    lower, upper : (m,) percentile limits.
    defined : (m,) how many resamples have an estimate; limits and error are from these.
    curves : (replicates, m) the resampled estimates; NaN where follow-up ended before the time.
    reasons : (m,) why there is no estimate; ``""`` where there is one.
    confidence : coverage of the limits.
    unit, label : unit of time; what the event is.
    """

    group: str | None
    n: int
    replicates: int
    seed: int
    time: Floats
    survival: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    defined: Floats
    curves: Floats
    reasons: tuple[str, ...]
    confidence: float
    unit: str
    label: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time; column names are this class's field names."""
        import pandas as pd

        columns = ("time", "survival", "std_error", "lower", "upper", "defined")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def bootstrap_survival(
    tte: TimeToEvent,
    times: Sequence[float] | Floats,
    replicates: int = 1000,
    seed: int = 0,
    *,
    by: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[BootstrapSurvival, ...]:
    """Estimate survival at given times with percentile limits from resampled patients.

    As many patients as there are, of each group, are drawn with replacement, each with their time,
    event, entry and weight. How often a patient is drawn is all that matters, so that a resample is
    a row of counts and all curves are made in one pass over a table of them. In a resample, as in
    the data, nothing is estimated past the last follow-up unless survival has reached 0.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries.
    times : zero or more, in the unit of the follow-up.
    replicates : int, default 1000
        How often to resample, twice at least.
    seed : int, default 0
        The same seed gives the same curves with the same version of NumPy.
    by : (n,) labels, optional
        An estimate for each label; patients are drawn within it.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    tuple of BootstrapSurvival
        One per group; a single one without `by`.

    Raises
    ------
    BadInput
        If a time is below zero, there are fewer than 2 replicates, or the seed is below zero.

    Notes
    -----
    R: ``quantile(replicate(1000, { i <- sample(n, replace = TRUE); summary(survfit(y[i] ~ 1),
    times = t)$surv }), c(.025, .975))``; draws differ. The curve of given counts is R's
    ``survfit(y ~ 1, weights = counts)`` (``tests/reference/bootstrap.json``).

    References
    ----------
    .. [1] Efron B (1981). J Am Stat Assoc 76:312-319. doi:10.2307/2287832

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([5, 12, 20, 31, 40, 40], [1, 0, 1, 1, 0, 0])
    >>> (drawn,) = bootstrap_survival(tte, [10, 30], 1000, 1)
    >>> drawn.survival, drawn.curves.shape
    (array([0.83333333, 0.625     ]), (1000, 2))
    """
    normal_quantile(confidence)
    check_draws(replicates, seed)
    random = np.random.default_rng(seed)
    found = []
    for curve, group in zip(
        kaplan_meier(tte, by=by, confidence=confidence), split(tte, by), strict=True
    ):
        at = curve.at(times)
        kinds = _kinds(group)
        drawn = np.concatenate(
            [_survival(kinds, counts, at.time) for counts in _drawn(random, kinds, int(replicates))]
        )
        drawn[:, np.isnan(at.survival)] = np.nan
        std_error, lower, upper, defined = _summary(drawn, confidence)
        found.append(
            BootstrapSurvival(
                group=curve.group,
                n=curve.n,
                replicates=int(replicates),
                seed=int(seed),
                time=at.time,
                survival=at.survival,
                std_error=frozen(std_error),
                lower=frozen(lower),
                upper=frozen(upper),
                defined=frozen(defined),
                curves=frozen(drawn),
                reasons=at.reasons,
                confidence=confidence,
                unit=tte.unit,
                label=tte.label,
            )
        )
    return tuple(found)


def check_draws(replicates: int, seed: int) -> None:
    """Refuse fewer than two replicates and a seed below zero."""
    faults = [
        Fault(
            rule=f"the {name} of a bootstrap must be a whole number of at least {least}",
            remedy="A thousand replicates and any seed will do.",
            value=str(value),
        )
        for name, value, least in (("replicates", replicates, 2), ("seed", seed, 0))
        if value != int(value) or value < least
    ]
    if faults:
        raise BadInput(faults)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kinds:
    """Patients who are alike in time, event, entry and weight, in the order of time.

    Attributes
    ----------
    of_patient : (n,) kind of each patient.
    patients : (kinds,) how many.
    weight : (kinds,) the weight of each; None where all count once.
    time : (k,) distinct times; starts : (k + 1,) first kind of each time, and their number.
    event_cell : (e,) times, as positions, with events; event_kind : kinds with events, and
        event_start : (e,) where those of each such time start among them.
    entering : (kinds,) order of kinds by entry and entered : (e,) how many of these have entered
        before each time with events; None without late entry.
    """

    of_patient: Indices
    patients: Indices
    weight: Floats | None
    time: Floats
    starts: Indices
    event_cell: Indices
    event_kind: Indices
    event_start: Indices
    entering: Indices | None
    entered: Indices | None


def _kinds(group: Group) -> _Kinds:
    """Sort the patients of a group into kinds."""
    place = cells(group.time, group.entry)
    event = np.equal(group.code, 1)
    traits = [place.last, event]
    if place.first is not None:
        traits.append(place.first)
    if group.weight is not None:
        traits.append(group.weight)
    order = np.lexsort(traits[::-1])
    ordered = [trait[order] for trait in traits]
    new = np.concatenate([[True], np.any([np.diff(one) != 0 for one in ordered], axis=0)])
    first_of = np.flatnonzero(new)
    last, happened = (one[first_of] for one in ordered[:2])
    event_kind = np.flatnonzero(happened)
    event_cell, event_start = np.unique(last[event_kind], return_index=True)
    entering = entered = None
    if place.first is not None:
        entry = ordered[2][first_of]
        entering = np.argsort(entry, kind="stable")
        entered = np.searchsorted(entry[entering], event_cell, side="right")
    of_patient = np.empty(order.size, dtype=np.intp)
    of_patient[order] = np.cumsum(new) - 1
    return _Kinds(
        of_patient=of_patient,
        patients=np.diff(np.append(first_of, order.size)),
        weight=None if group.weight is None else ordered[-1][first_of].astype(np.float64),
        time=place.time,
        starts=np.searchsorted(last, np.arange(place.k + 1)),
        event_cell=event_cell,
        event_kind=event_kind,
        event_start=event_start,
        entering=entering,
        entered=entered,
    )


def _drawn(random: np.random.Generator, kinds: _Kinds, replicates: int) -> Iterator[Counts]:
    """Yield how often each kind is drawn in some of the replicates, until all are done."""
    n, size = kinds.of_patient.size, kinds.patients.size
    rows = max(1, _IN_CACHE // size)
    for start in range(0, replicates, rows):
        some = min(rows, replicates - start)
        if size * _FEW_KINDS < n:
            yield random.multinomial(n, kinds.patients / n, size=some)
            continue
        kind = random.integers(0, n, size=(some, n), dtype=np.int32 if n < 2**31 else np.int64)
        drawn = kind if size == n else kinds.of_patient[kind]
        cell = drawn + np.arange(0, some * size, size)[:, None]
        yield np.bincount(cell.ravel(), minlength=some * size).reshape(some, size)


def _survival(kinds: _Kinds, counts: Counts, times: Floats) -> Floats:
    """Return the (r, m) survival at the times, of r rows of counts of the kinds."""
    followed = _running(counts)
    people, happened = _at_events(kinds, counts, followed)
    if kinds.weight is None:
        left = happened / np.maximum(people, 1)
        np.subtract(1.0, left, out=left)
    else:
        weighted = counts * kinds.weight
        at_risk, events = _at_events(kinds, weighted, _running(weighted))
        left = 1.0 - np.where(people > 0, events, 0.0) / np.where(people > 0, at_risk, 1.0)
        # Decided on people, because sums of weights need not cancel exactly.
        left[(happened == people) & (people > 0)] = 0.0
    curve = np.ones((counts.shape[0], kinds.event_cell.size + 1))
    np.cumprod(left, axis=1, out=curve[:, 1:])
    # Times that differ from a follow-up time by rounding only are that time.
    near = NEAR * np.maximum(1.0, times)
    survival: Floats = curve[:, np.searchsorted(kinds.time[kinds.event_cell], times + near)]
    before = kinds.starts[np.searchsorted(kinds.time, times - near)]
    survival[(followed[:, before] == followed[:, -1:]) & (survival > 0)] = np.nan
    return survival


def _running(table: NDArray[Any]) -> NDArray[Any]:
    """Return the sums of each row before each column, and of the whole row."""
    running = np.zeros((table.shape[0], table.shape[1] + 1), dtype=table.dtype)
    np.cumsum(table, axis=1, out=running[:, 1:])
    return running


def _at_events(
    kinds: _Kinds, table: NDArray[Any], running: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return at risk and events at each time with events: who has entered less who has ended."""
    ended = np.take(running, kinds.starts[kinds.event_cell], axis=1)
    if kinds.entering is None:
        begun = running[:, -1:]
    else:
        begun = _running(table[:, kinds.entering])[:, kinds.entered]
    events = np.take(table, kinds.event_kind, axis=1)
    if kinds.event_start.size < kinds.event_kind.size:
        events = np.add.reduceat(events, kinds.event_start, axis=1)
    return np.subtract(begun, ended, out=ended), events


def _summary(curves: Floats, confidence: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return standard error, limits, and from how many replicates, of each time."""
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    summary = np.full((4, curves.shape[1]), np.nan)
    for place, column in enumerate(curves.T):
        known = column[~np.isnan(column)]
        summary[3, place] = known.size
        if known.size > 1:
            summary[0, place] = known.std(ddof=1)
            summary[1:3, place] = np.quantile(known, tails)
    return summary[0], summary[1], summary[2], summary[3]
