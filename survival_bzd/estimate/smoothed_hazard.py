"""When relapses happen: the hazard itself, smoothed over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.nelson_aalen import NelsonAalen, nelson_aalen
from survival_bzd.estimate.quantities import Floats, frozen, normal_quantile
from survival_bzd.estimate.risk_sets import Group, split, sums

if TYPE_CHECKING:
    import pandas as pd

FEW = 10
"""By default the hazard is estimated until fewer than this are at risk."""

SHOWN = 101
"""Times of the estimate where none are given."""

CANDIDATES = 40
"""Bandwidths that are compared, from 1/50 to 1/2 of the time span in equal ratios."""

CELLS = 500
"""Most distinct event times in the comparison of bandwidths; more are gathered in as many cells."""

_ELEMENTS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothedHazard:
    """The hazard of relapse over time, smoothed.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    n, n_events : patients; the sum of the weights of those with the event until `end`.
    time : (m,) times, in `unit`.
    hazard, std_error : (m,) events per `unit` at the time, and its standard error.
    lower, upper : (m,) pointwise limits, symmetric on the log scale; NaN where the hazard is 0.
        They are of the smoothed hazard: its bias where the hazard bends is not in them.
    reasons : (m,) why there is no estimate; ``""`` where there is one.
    bandwidth : relapses less than this before or after a time make its estimate, in `unit`.
    chosen_by : ``"given"`` or ``"cross-validation"``: where the bandwidth comes from.
    end : events until this time were used.
    kernel : the weights of relapses by their distance.
    confidence : pointwise coverage of the limits.
    unit, label : unit of time; what the event is.
    """

    group: str | None
    n: int
    n_events: float
    time: Floats
    hazard: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    reasons: tuple[str, ...]
    bandwidth: float
    chosen_by: str
    end: float
    kernel: str
    confidence: float
    unit: str
    label: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time; column names are this class's field names."""
        import pandas as pd

        columns = ("time", "hazard", "std_error", "lower", "upper")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def smoothed_hazard(
    tte: TimeToEvent,
    *,
    times: Sequence[float] | Floats | None = None,
    bandwidth: float | None = None,
    end: float | None = None,
    by: ArrayLike | None = None,
    confidence: float = 0.95,
) -> tuple[SmoothedHazard, ...]:
    r"""Estimate the hazard by smoothing the steps of the cumulative one.

    .. math:: \hat h(t) = \frac1b \sum_u K\Bigl(\frac{t - u}{b}\Bigr) \frac{d_u}{Y_u}, \qquad
       \widehat{\mathrm{Var}} = \frac1{b^2} \sum_u K^2\Bigl(\frac{t - u}{b}\Bigr) \frac{d_u}{Y_u^2}

    K is Epanechnikov's kernel; nearer than b to time zero or to `end` the boundary kernel of Müller
    and Wang takes its place, which does not reach beyond and has no first-order bias there.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their weights and late entries.
    times : zero or more, optional
        Where to estimate the hazard. By default 101 times from 0 to `end`.
    bandwidth : b, optional
        At most half of `end`. By default the one, of 40 from 1/50 to 1/2 of `end`, that minimises
        :math:`\int \hat h^2 - 2 \sum_i \hat h_{-i}(u_i) / Y_{u_i}`, the cross-validated integrated
        squared error; :math:`\hat h_{-i}` leaves event i out. Where more than half of the events
        share their time, as on the days of visits, none is tried that is less than the distance of
        these times, for the visits would come out as peaks.
    end : until when to use events, optional
        By default the last follow-up time with ten at risk, in smaller groups the last of all.
    by : (n,) labels, optional
        A hazard for each label, each with its own bandwidth and end where these are not given.
    confidence : float, default 0.95
        Pointwise coverage of the limits.

    Returns
    -------
    tuple of SmoothedHazard
        One per group; a single one without `by`.

    Raises
    ------
    BadInput
        If a time is below zero, or a bandwidth or an end is not above it.

    Notes
    -----
    R ``muhaz::muhaz(bw.method = "global", b.cor = "both", kern = "epanechnikov")`` has the same
    kernels. It chooses the bandwidth by another criterion, and has no limits.

    References
    ----------
    .. [1] Ramlau-Hansen H (1983). Ann Stat 11:453-466. doi:10.1214/aos/1176346152
    .. [2] Müller HG, Wang JL (1994). Biometrics 50:61-76. doi:10.2307/2533197
    .. [3] Grégoire G (1993). Scand J Stat 20:343-360 (least squares cross-validation).

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([10, 20, 30, 40, 60], [1, 1, 0, 1, 0], unit="days")
    >>> (smooth,) = smoothed_hazard(tte, times=[15, 30, 45], bandwidth=20)
    >>> smooth.hazard.round(4)
    array([0.0161, 0.0211, 0.0172])
    """
    z = normal_quantile(confidence)
    asked = None if times is None else np.array(times, dtype=np.float64)
    _refuse(asked, bandwidth, end)
    return tuple(
        _smoothed(group, curve, asked, bandwidth, end, z)
        for group, curve in zip(
            split(tte, by), nelson_aalen(tte, by=by, confidence=confidence), strict=True
        )
    )


def _refuse(times: Floats | None, bandwidth: float | None, end: float | None) -> None:
    """Raise `BadInput` with every time, bandwidth or end that cannot be one."""
    faults = [
        Fault(
            rule=f"the {name} of a smoothed hazard must be more than zero",
            remedy="Give it in the unit of the follow-up.",
            value=f"{value:g}",
        )
        for name, value in (("bandwidth", bandwidth), ("end", end))
        if value is not None and not 0 < value < math.inf
    ]
    faults += [
        Fault(
            rule="a time at which the hazard is asked for must be zero or more",
            remedy="Count times from the origin, in the unit of the follow-up.",
            value=f"{time:g}",
        )
        for time in ([] if times is None else times.tolist())
        if not 0 <= time < math.inf
    ]
    if faults:
        raise BadInput(faults)


def _smoothed(
    group: Group,
    curve: NelsonAalen,
    asked: Floats | None,
    bandwidth: float | None,
    end: float | None,
    z: float,
) -> SmoothedHazard:
    """Smooth the hazard of one group."""
    last = _default_end(curve) if end is None else float(end)
    used = (curve.events > 0) & (curve.time <= last)
    at, events, at_risk = curve.time[used], curve.events[used], curve.at_risk[used]
    step, variance_step = events / at_risk, events / at_risk**2
    if bandwidth is None:
        shared = _spacing(group.time[(group.code == 1) & (group.time <= last)])
        width = _cross_validated(at, step, variance_step, last, shared)
    else:
        width = float(bandwidth)
    time = np.linspace(0.0, last, SHOWN) if asked is None else asked
    reasons = _reasons(group, curve, time, width, last)
    known = np.array([not reason for reason in reasons], dtype=np.bool_)
    hazard, variance = np.full(time.size, np.nan), np.full(time.size, np.nan)
    for part, weight in _kernels(time[known], at, width, last):
        rows = np.flatnonzero(known)[part]
        hazard[rows] = weight @ step
        variance[rows] = weight**2 @ variance_step
    for place in np.flatnonzero(hazard < 0):
        hazard[place] = variance[place] = math.nan
        reasons[place] = "not estimable: the boundary kernel takes the hazard below zero"
    std_error = np.sqrt(variance)
    positive = np.where(hazard > 0, hazard, np.nan)
    factor = np.exp(z * std_error / positive)
    return SmoothedHazard(
        group=curve.group,
        n=curve.n,
        n_events=float(events.sum()),
        time=frozen(time),
        hazard=frozen(hazard),
        std_error=frozen(std_error),
        lower=frozen(positive / factor),
        upper=frozen(positive * factor),
        reasons=tuple(reasons),
        bandwidth=width,
        chosen_by="cross-validation" if bandwidth is None else "given",
        end=last,
        kernel="Epanechnikov, with the boundary kernels of Müller and Wang",
        confidence=curve.confidence,
        unit=curve.unit,
        label=curve.label,
    )


def _default_end(curve: NelsonAalen) -> float:
    """Return the last follow-up time with enough at risk, or the last of all."""
    enough = curve.time[(curve.at_risk >= FEW) & (curve.time > 0)]
    return float(enough[-1] if enough.size else curve.time[-1])


def _reasons(
    group: Group, curve: NelsonAalen, time: Floats, bandwidth: float, end: float
) -> list[str]:
    """Say of each time why the hazard is not estimable there; ``""`` where it is."""
    unit = curve.unit
    if not 0 < end <= curve.time[-1]:
        return [f"not estimable: follow-up ends at {curve.time[-1]:g} {unit}"] * time.size
    if bandwidth > end / 2:
        text = f"not estimable: a bandwidth of {bandwidth:g} {unit} is more than half of {end:g}"
        return [text] * time.size
    reasons = ["" if one <= end else f"not estimable beyond {end:g} {unit}" for one in time]
    for begun, over in _unobserved(group):
        inside = (np.minimum(time + bandwidth, end) > begun) & (time - bandwidth < over)
        for place in np.flatnonzero(inside):
            text = f"nobody was under observation from {begun:g} to {over:g} {unit}"
            reasons[place] = reasons[place] or f"not estimable: {text}"
    return reasons


def _unobserved(group: Group) -> list[tuple[float, float]]:
    """Return the stretches of time, before the end of follow-up, that nobody is followed in."""
    if group.entry is None:
        return []
    entry = np.nan_to_num(group.entry)
    order = np.argsort(entry)
    reached = np.maximum.accumulate(np.concatenate([[0.0], group.time[order][:-1]]))
    gap = entry[order] > reached
    return list(zip(reached[gap].tolist(), entry[order][gap].tolist(), strict=True))


def _kernels(
    time: Floats, at: Floats, bandwidth: float, end: float
) -> Iterator[tuple[slice, Floats]]:
    """Yield the weights of the events at the times, some of the times after the other."""
    size = max(1, _ELEMENTS // max(1, at.size))
    for start in range(0, time.size, size):
        part = slice(start, start + size)
        yield part, _kernel(time[part, None], at, bandwidth, end)


def _kernel(time: Floats, at: Floats, bandwidth: float, end: float) -> Floats:
    """Return K((time - at) / b) / b, which at q = 1 is Epanechnikov's 3/4 (1 - x^2)."""
    to_start, to_end = time / bandwidth, (end - time) / bandwidth
    q = np.minimum(1.0, np.minimum(to_start, to_end))
    # Towards the end the kernel is the mirror image of that towards the start.
    x = np.where(to_end < to_start, at - time, time - at) / bandwidth
    shape = x * (1 - 2 * q) + (3 * q**2 - 2 * q + 1) / 2
    height = 12 * (1 + x) * shape / (1 + q) ** 4
    weight: Floats = np.where((x >= -1) & (x <= q), height, 0.0) / bandwidth
    return weight


def _cross_validated(at: Floats, step: Floats, own: Floats, end: float, least: float) -> float:
    """Return the bandwidth with the least cross-validated integrated squared error."""
    if not end:
        return math.nan
    if at.size > CELLS:
        at, step, own = _gathered(at, step, own, end)
    grid = np.linspace(0.0, end, 2 * SHOWN)
    candidates = np.geomspace(end / 2, min(max(end / 50, least), end / 2), CANDIDATES)
    return float(
        candidates[np.argmin([_criterion(at, step, own, grid, b, end) for b in candidates])]
    )


def _spacing(event_time: Floats) -> float:
    """Return how far apart the event times lie if most are shared, as the days of visits are.

    At half of all moments the nearest event times, before and after, lie at most so far apart.
    """
    distinct, patients = np.unique(event_time, return_counts=True)
    if 2 * patients[patients > 1].sum() <= event_time.size or distinct.size < 2:
        return 0.0
    gap = np.sort(np.diff(distinct))
    return float(gap[np.searchsorted(np.cumsum(gap), gap.sum() / 2)])


def _gathered(at: Floats, step: Floats, own: Floats, end: float) -> tuple[Floats, Floats, Floats]:
    """Gather the steps, and what leaves them out, in cells of equal width, each in its middle."""
    cell: NDArray[np.intp] = np.minimum((at / end * CELLS).astype(np.intp), CELLS - 1)
    middle = (np.arange(CELLS) + 0.5) * end / CELLS
    return middle, sums(cell, step, CELLS), sums(cell, own, CELLS)


def _criterion(
    at: Floats, step: Floats, own: Floats, grid: Floats, bandwidth: float, end: float
) -> float:
    """Return the integral of the squared hazard less twice the hazard without i at each event i."""
    squared = (_kernel(grid[:, None], at, bandwidth, end) @ step) ** 2
    weight = _kernel(at[:, None], at, bandwidth, end)
    others = step @ weight @ step - own @ np.diag(weight)
    return float(np.trapezoid(squared, grid) - 2 * others)
