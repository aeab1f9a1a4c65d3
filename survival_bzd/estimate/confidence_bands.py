"""Bands that hold a whole relapse-free curve, not one point of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.brownian_bridge import equal_precision_value, hall_wellner_value
from survival_bzd.estimate.kaplan_meier import KaplanMeier, kaplan_meier
from survival_bzd.estimate.limits import limits_of
from survival_bzd.estimate.quantities import Floats, choice, frozen, normal_quantile

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("equal-precision", "hall-wellner")
SCALES = ("log-log", "log", "plain", "arcsin")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfidenceBand:
    """Limits that hold a curve at all times from `start` to `end` at once.

    Arrays of shape (k,) have one element at `start` and one per follow-up time until `end`; each
    holds until the next. They are empty where there is no band, and `reason` says why.

    Attributes
    ----------
    group : label of the group; None where the patients are not grouped.
    kind : ``"equal-precision"`` or ``"hall-wellner"``.
    limits : scale on which the band is symmetric.
    start, end : between which times the band holds, in `unit`.
    time, survival, lower, upper : (k,) the curve and its band.
    critical_value : c (equal precision) or k (Hall-Wellner) of the band; NaN where there is none.
    confidence : coverage of the whole curve between `start` and `end`.
    unit, label : unit of `time`; what the event is.
    reason : why there is no band; ``""`` where there is one.
    """

    group: str | None
    kind: str
    limits: str
    start: float
    end: float
    time: Floats
    survival: Floats
    lower: Floats
    upper: Floats
    critical_value: float
    confidence: float
    unit: str
    label: str
    reason: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row per time; column names are this class's field names."""
        import pandas as pd

        columns = ("time", "survival", "lower", "upper")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def confidence_bands(
    tte: TimeToEvent,
    *,
    kind: str = "equal-precision",
    between: Sequence[float] | None = None,
    by: ArrayLike | None = None,
    limits: str = "log-log",
    confidence: float = 0.95,
) -> tuple[ConfidenceBand, ...]:
    r"""Return bands that hold the whole relapse-free curve between two times.

    With :math:`\sigma^2(t) = \sum d / (Y (Y - d))`, Greenwood's sum, the band is made like
    pointwise limits with another multiple of another standard error of log S:

    - equal precision (Nair): :math:`c\,\sigma(t)`, everywhere the same multiple of the error;
    - Hall-Wellner: :math:`k\,(1 + n \sigma^2(t)) / \sqrt n`, narrower late and wider early.

    c and k are such that a Brownian bridge stays within its bounds for x from
    :math:`n \sigma^2 / (1 + n \sigma^2)` at the start to that at the end; c bounds
    :math:`|W^0(x)| / \sqrt{x (1 - x)}`, k bounds :math:`|W^0(x)|`. Both are computed.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their late entries. Weights must be whole: they are counts.
    kind : {"equal-precision", "hall-wellner"}
        Which band.
    between : (start, end), optional
        Times between which the band shall hold, survival there being neither 1 nor 0. By default
        the first event and the last that leaves somebody at risk, of each group.
    by : (n,) labels, optional
        A band for each label.
    limits : {"log-log", "log", "plain", "arcsin"}
        Scale on which the band is symmetric.
    confidence : float, default 0.95
        Coverage of the whole curve.

    Returns
    -------
    tuple of ConfidenceBand
        One band per group; a single one without `by`.

    Raises
    ------
    BadInput
        If a weight is not whole, the times do not ascend, or an option is unknown.

    Notes
    -----
    R ``km.ci::km.ci(method="epband" | "logep" | "hall-wellner" | "loghall")``, whose log is our
    log-log and which looks its critical values up in tables: bands agree with it to 1e-9 once its
    critical values are used (``tests/reference/confidence_bands.json``). Its Hall-Wellner tables
    agree with ours to 0.0001. Its equal-precision ones solve an approximation, and are off by less
    than 0.01 but where the range is short (0.03).

    References
    ----------
    .. [1] Nair VN (1984). Technometrics 26:265-275. doi:10.2307/1267553
    .. [2] Hall WJ, Wellner JA (1980). Biometrika 67:133-143. doi:10.1093/biomet/67.1.133
    .. [3] Borgan O, Liestol K (1990). Scand J Stat 17:35-41.
    .. [4] Klein JP, Moeschberger ML (2003). Survival Analysis, 2nd ed., section 4.4. Springer.
           doi:10.1007/b97377

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> (band,) = confidence_bands(TimeToEvent([5, 12, 20, 31], [1, 0, 1, 1]))
    >>> band.start, band.end, round(band.critical_value, 3)
    (5.0, 20.0, 2.8)
    >>> band.lower.round(3), band.upper.round(3)
    (array([0.008, 0.008, 0.   ]), array([0.983, 0.983, 0.895]))
    """
    choice("kind", kind, KINDS)
    choice("limits", limits, SCALES)
    normal_quantile(confidence)
    if tte.weight is not None and bool((tte.weight % 1 != 0).any()):
        raise BadInput(
            [
                Fault(
                    rule="the weights of a confidence band must be whole numbers, as counts are",
                    remedy="Use pointwise limits: their standard error is robust.",
                    column="weight",
                )
            ]
        )
    asked = None if between is None else _ascending(between)
    return tuple(
        _band(curve, asked, kind, limits)
        for curve in kaplan_meier(tte, by=by, confidence=confidence)
    )


def _ascending(between: Sequence[float]) -> tuple[float, float]:
    """Return the start and the end of the band; refuse what is not two times."""
    times = [float(time) for time in between]
    if len(times) != 2 or not (0 <= times[0] <= times[1] < math.inf):
        raise BadInput(
            [
                Fault(
                    rule="a confidence band holds between two times of zero or more, the first "
                    "not after the second",
                    remedy="Write them like 30, 365, in the unit of the follow-up.",
                    value=", ".join(f"{time:g}" for time in times),
                )
            ]
        )
    return times[0], times[1]


def _band(
    curve: KaplanMeier, asked: tuple[float, float] | None, kind: str, limits: str
) -> ConfidenceBand:
    """Return the band of one curve."""
    inside = np.flatnonzero((curve.survival > 0) & (curve.survival < 1))
    fallen = np.flatnonzero(curve.survival == 0)
    if not inside.size:
        return _made(curve, asked, kind, limits, reason="not estimable: survival is only 1 or 0")
    first = float(curve.time[inside[0]])
    beyond = float(curve.time[fallen[0]]) if fallen.size else math.inf
    last = float(curve.time[inside[curve.events[inside] > 0][-1]])
    start, end = asked or (first, last)
    latest = min(beyond, curve.last_time)
    if start < first or end > latest or end == beyond:
        span = f"from {first:g} until {'before ' if latest == beyond else ''}{latest:g}"
        return _made(
            curve, asked, kind, limits, reason=f"not estimable: there is a band {span} {curve.unit}"
        )
    return _made(curve, (start, end), kind, limits)


def _made(
    curve: KaplanMeier,
    between: tuple[float, float] | None,
    kind: str,
    limits: str,
    reason: str = "",
) -> ConfidenceBand:
    """Make the band between two times, or the empty one that has a reason."""
    start, end = between or (math.nan, math.nan)
    chosen = (curve.time > start) & (curve.time <= end)
    times = np.empty(0) if reason else np.concatenate([[start], curve.time[chosen]])
    at = curve.at(times)
    value, error = math.nan, at.std_error
    if not reason:
        value, error = _scaled(curve, at.survival, at.std_error, kind)
    lower, upper = limits_of(at.survival, error, limits, value)
    return ConfidenceBand(
        group=curve.group,
        kind=kind,
        limits=limits,
        start=start,
        end=end,
        time=frozen(times),
        survival=at.survival,
        lower=frozen(lower),
        upper=frozen(upper),
        critical_value=value,
        confidence=curve.confidence,
        unit=curve.unit,
        label=curve.label,
        reason=reason,
    )


def _scaled(
    curve: KaplanMeier, survival: Floats, std_error: Floats, kind: str
) -> tuple[float, Floats]:
    """Return the critical value, and what it multiplies in place of the standard error."""
    variance = (std_error / survival) ** 2
    if kind == "equal-precision":
        duration = math.log(variance[-1] / variance[0]) / 2
        return equal_precision_value(duration, curve.confidence), std_error
    n = float((curve.events + curve.censored).sum())
    low, high = (n * one / (1 + n * one) for one in (float(variance[0]), float(variance[-1])))
    value = hall_wellner_value(low, high, curve.confidence)
    return value, survival * (1 + n * variance) / math.sqrt(n)
