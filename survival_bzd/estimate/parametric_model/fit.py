"""Parametric curves: Weibull, log-normal, log-logistic, piecewise exponential, spline, cure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.interval_censored.support import event_intervals
from survival_bzd.estimate.parametric_model.distributions import (
    Cure,
    Model,
    Piecewise,
    Spline,
    Weibull,
)
from survival_bzd.estimate.parametric_model.likelihood import Maximum, Times, maximise, scores
from survival_bzd.estimate.parametric_model.result import (
    PARAMETRIC_MODELS,
    ParametricFit,
    exp_or_infinity,
    model_of,
)
from survival_bzd.estimate.parametric_model.starting import by_lifelines, plain
from survival_bzd.estimate.quantities import Floats, choice, frozen, labels, normal_quantile
from survival_bzd.estimate.risk_sets import Group, split

FLAT = 1e3
"""Standard error on the logarithm from which on the likelihood is flat."""


def parametric(
    tte: TimeToEvent,
    *,
    models: Sequence[str] = PARAMETRIC_MODELS,
    by: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    breaks: Sequence[float] | None = None,
    knots: int = 1,
    intervals: bool = True,
    zero: float | None = None,
    confidence: float = 0.95,
) -> tuple[ParametricFit, ...]:
    """Fit parametric models to exact and censored times, each group on its own.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with their intervals, weights and late entries. Events of other
        codes than 1 censor.
    models : sequence of str
        Which of `PARAMETRIC_MODELS`.
    by : (n,) labels, optional
        Fits for each label.
    cluster : (n,) labels, optional
        Patients who belong together; standard errors are then robust.
    breaks : sequence of float, optional
        Where the hazard of ``"piecewise"`` changes, in the unit of time. By default where a third
        and two thirds of the group's relapses have happened; the result says where.
    knots : int, default 1
        Inner knots of ``"spline"``, at equally spaced quantiles of the relapse times; the outer two
        are the first and the last. Of intervals their midpoints count.
    intervals : bool, default True
        Whether a relapse is known to lie in (lower, upper] only; else its time counts as exact.
    zero : float, optional
        An event on time 0 is taken to lie in (0, zero]: no density is defined at 0.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    tuple of ParametricFit
        Groups in order, and in each the models in the order asked for. A model without a maximum
        (too few events, a cured fraction of 0, a window without events) says why in ``reason``.

    Raises
    ------
    BadInput
        If an event is on time 0 and `zero` is not given, or an argument breaks its rule.

    Notes
    -----
    lifelines finds the maximum, on times divided by their mean; Newton's method on our own formulas
    then goes on until the derivative vanishes, which lifelines' does not, and gives every number.
    Agrees with R ``survreg`` (``tests/reference/parametric.json``) to 1e-6 relative: exact,
    right-censored and ``interval2`` times, weights, clusters; the piecewise exponential with
    ``glm(family = poisson)``, late entry too.

    References
    ----------
    .. [1] Royston P, Parmar MKB (2002). Stat Med 21:2175-2197. doi:10.1002/sim.1203
    .. [2] Boag JW (1949). J R Stat Soc B 11:15-53. doi:10.1111/j.2517-6161.1949.tb00020.x

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> (fit,) = parametric(TimeToEvent([10, 20, 30], [1, 1, 0]), models=["exponential"])
    >>> round(float(fit.estimate[0]), 6), round(fit.median.estimate, 4)
    (0.033333, 20.7944)
    """
    for name in models:
        choice("a model", name, PARAMETRIC_MODELS)
    _check(breaks, knots, zero)
    normal_quantile(confidence)
    cluster_of = None if cluster is None else labels(cluster, tte.n, "cluster")[1]
    fits = []
    for group in split(tte, by):
        times, whose = _times(tte, group, intervals, zero)
        robust = cluster_of is not None or bool((times.weight != np.floor(times.weight)).any())
        clusters = np.arange(group.n) if cluster_of is None else cluster_of[group.rows]
        for name in models:
            model, reason = _chosen(name, times, breaks, knots)
            fits.append(
                _fit(model, name, times, reason, clusters if robust else None, whose, confidence)
            )
    return tuple(fits)


def _check(breaks: Sequence[float] | None, knots: int, zero: float | None) -> None:
    faults = []
    edges = np.array([0.0, *(() if breaks is None else breaks)])
    if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
        faults.append(Fault(rule="breaks must ascend and lie above 0", value=str(breaks),
                            remedy="Write 30,90."))  # fmt: skip
    if not 0 <= knots <= 10:
        faults.append(Fault(rule="the inner knots must be 0 to 10", value=str(knots),
                            remedy="One or two are usual."))  # fmt: skip
    if zero is not None and not 0 < zero < math.inf:
        faults.append(Fault(rule="zero must be a time above 0", value=f"{zero:g}",
                            remedy="Write 1 where times are whole days."))  # fmt: skip
    if faults:
        raise BadInput(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    """What a group's fits share."""

    group: str | None
    unit: str
    label: str


def _times(
    tte: TimeToEvent, group: Group, intervals: bool, zero: float | None
) -> tuple[Times, _Whose]:
    rows = group.rows
    if intervals:
        given = event_intervals(replace(tte, entry=None))
        # An event before the first visit has its lower bound at minus infinity.
        lower, upper = np.maximum(given[0][rows], 0.0), given[1][rows].copy()
    else:
        lower, upper = group.time.copy(), np.where(group.code == 1, group.time, np.inf)
    at_zero = upper <= 0
    if at_zero.any():
        if zero is None:
            raise BadInput(_at_zero(tte, rows[at_zero]))
        upper[at_zero] = zero
    entry = np.zeros(group.n) if group.entry is None else np.nan_to_num(np.maximum(group.entry, 0))
    # Who is found free at the entry has not relapsed before it.
    lower = np.where(entry < upper, np.maximum(lower, entry), lower)
    weight = np.ones(group.n) if group.weight is None else group.weight
    return (
        Times(lower=lower, upper=upper, entry=entry, weight=weight),
        _Whose(group=group.label, unit=tte.unit, label=tte.label),
    )


def _at_zero(tte: TimeToEvent, rows: NDArray[np.intp]) -> list[Fault]:
    return [
        Fault(
            rule="an event on time 0 has no likelihood under a parametric model",
            remedy="Say by when it had happened: --zero 1 (zero=1) takes it to lie in (0, 1].",
            file=None if tte.file is None else str(tte.file[row]),
            line=None if tte.line is None else int(tte.line[row]),
            patient=str(row + 1) if tte.patient_id is None else str(tte.patient_id[row]),
        )
        for row in rows
    ]


def _chosen(
    name: str, times: Times, breaks: Sequence[float] | None, knots: int
) -> tuple[Model, str]:
    """Return the model with its breaks or knots, and why it cannot be fitted, if it cannot."""
    happened = ~times.right
    middle = np.where(times.exact, times.upper, (times.lower + times.upper) / 2)[happened]
    weight = times.weight[happened]
    if not middle.size:
        return model_of(name, (), (1.0, 2.0)), "nobody had the event"
    if name == "piecewise":
        edges = _thirds(middle, weight) if breaks is None else tuple(float(edge) for edge in breaks)
        return Piecewise(edges), _empty_window(
            edges, times
        ) if edges else "the events are all at one time"
    if name == "spline":
        places = _quantiles(middle, weight, np.linspace(0, 1, knots + 2))
        if np.unique(places).size < places.size:
            said = f"{places.size} knots need as many distinct relapse times; choose fewer knots"
            return Spline((1.0, 2.0)), said
        return Spline(tuple(float(place) for place in places)), ""
    model = model_of(name, (), ())
    if name != "exponential" and np.unique(middle).size == 1 and times.exact[happened].all():
        return model, _one_time(times, float(middle[0]))
    return model, ""


def _one_time(times: Times, when: float) -> str:
    """Say why events that all fall on one time may have no maximum: the density has a spike."""
    later = bool((times.right & (times.lower > when)).any())
    return "" if later else "all events are at one time, the last: the likelihood has no maximum"


def _thirds(middle: Floats, weight: Floats) -> tuple[float, ...]:
    """Return the times by which a third and two thirds of the events have happened."""
    edges = np.unique(_quantiles(middle, weight, np.array([1 / 3, 2 / 3])))
    return tuple(float(edge) for edge in edges[edges < middle.max()])


def _quantiles(values: Floats, weight: Floats, parts: Floats) -> Floats:
    """Return the first values by which parts of the weight have come."""
    order = np.argsort(values, kind="stable")
    come = np.cumsum(weight[order])
    places = np.searchsorted(come, parts * come[-1] * (1 - 1e-12))
    found: Floats = values[order][np.minimum(places, values.size - 1)]
    return found


def _empty_window(edges: tuple[float, ...], times: Times) -> str:
    bounds = [0.0, *edges, math.inf]
    for a, b in pairwise(bounds):
        touched = (times.lower < b) & (times.upper > a) & ~times.right & ~times.exact
        inside = times.exact & (times.upper > a) & (times.upper <= b)
        if not (touched | inside).any():
            window = f"from {a:g} to {b:g}" if math.isfinite(b) else f"from {a:g}"
            return f"no event {window}: the rate there has no limits; choose other breaks"
    return ""


def _fit(
    model: Model, name: str, times: Times, reason: str,
    clusters: NDArray[np.intp] | None, whose: _Whose, confidence: float,
) -> ParametricFit:  # fmt: skip
    size = len(model.parameters)
    best = None if reason else _best(model, times)
    if best is not None:
        reason = _doubt(model, best, times)
    if best is None or reason:
        best = Maximum(theta=np.full(size, np.nan), value=math.nan,
                       covariance=np.full((size, size), np.nan), found=False)  # fmt: skip
    theta, covariance = best.theta, best.covariance
    if clusters is not None and best.found:
        covariance = _robust(model, best, times, clusters)
    estimate, error, lower, upper = _reported(model, theta, covariance, confidence)
    count = float(times.weight.sum())
    room = count - size - 1
    aic = 2 * size - 2 * best.value
    return ParametricFit(
        group=whose.group, model=name, n=times.lower.size,
        n_events=float(times.weight[~times.right].sum()),
        exact=int(times.exact.sum()), right=int(times.right.sum()),
        left=int((~times.exact & ~times.right & (times.lower <= 0)).sum()),
        interval=int((~times.exact & ~times.right & (times.lower > 0)).sum()),
        parameters=model.parameters, estimate=frozen(estimate), std_error=frozen(error),
        lower=frozen(lower), upper=frozen(upper), log_likelihood=best.value, aic=aic,
        aicc=aic + 2 * size * (size + 1) / room if room > 0 else math.nan,
        bic=size * math.log(count) - 2 * best.value,
        breaks=model.breaks if isinstance(model, Piecewise) else (),
        knots=model.knots if isinstance(model, Spline) and best.found else (),
        last_time=float(np.where(times.right, times.lower, times.upper).max()),
        robust=clusters is not None, confidence=confidence, unit=whose.unit, label=whose.label,
        reason=reason, theta=frozen(theta), covariance=frozen(covariance),
    )  # fmt: skip


def _best(model: Model, times: Times) -> Maximum:
    """Go on from where lifelines ended, and from a plain start; return the higher maximum."""
    found = by_lifelines(model, times)
    reached = [maximise(model, start, times) for start in (found, plain(model, times))
               if start is not None]  # fmt: skip
    return max(reached, key=lambda one: (one.found, one.value))


def _doubt(model: Model, best: Maximum, times: Times) -> str:
    """Say why what was reached is no maximum, if it is none."""
    if isinstance(model, Cure):
        # A cured fraction of 0 is the Weibull model; there may be no maximum above it.
        without = maximise(Weibull(), plain(Weibull(), times), times)
        if not best.found or best.value <= without.value + 1e-9 * max(1.0, abs(without.value)):
            return "no cured fraction fits better than none: the Weibull model"
    if not best.found:
        return "the likelihood has no maximum, or is flat: too few events for this model"
    if not isinstance(model, Spline):
        # Every other parameter is on a logarithmic scale, or the mean of one: with an error as
        # large the likelihood goes on rising towards infinity, too slowly to be seen.
        flat = np.sqrt(np.diag(best.covariance)) > FLAT
        if flat.any() and isinstance(model, Piecewise):
            return "the rate of a window goes to 0 and has no limits; choose other breaks"
        if flat.any():
            return "the likelihood has no maximum, or is flat: too few events for this model"
    else:
        seen = np.concatenate([times.lower, times.upper])
        seen = seen[(seen > 0) & np.isfinite(seen)]
        span = np.geomspace(seen.min(), seen.max(), 200)
        with np.errstate(invalid="ignore"):
            if not np.isfinite(model.hazard(best.theta, span)[0]).all():
                return "the fitted cumulative hazard falls somewhere; choose fewer knots"
    return ""


def _robust(
    model: Model, best: Maximum, times: Times,
    clusters: NDArray[np.intp],
) -> Floats:  # fmt: skip
    """Return the sandwich: the sum over clusters of squared influences."""
    influence = (times.weight[:, None] * scores(model, best.theta, times)) @ best.covariance
    index = np.unique(clusters, return_inverse=True)[1]
    together = np.zeros((int(index.max()) + 1, best.theta.size))
    np.add.at(together, index, influence)
    sandwich: Floats = together.T @ together
    return sandwich


def _reported(
    model: Model, theta: Floats, covariance: Floats, confidence: float
) -> tuple[Floats, Floats, Floats, Floats]:
    if np.isnan(theta).any():
        return theta, theta, theta, theta
    error, z = np.sqrt(np.diag(covariance)), normal_quantile(confidence)
    estimate, slope = model.reported(theta)
    ends = [np.array([_back(kind, value) for kind, value in zip(model.kinds, side, strict=True)])
            for side in (theta - z * error, theta + z * error)]  # fmt: skip
    return estimate, error * slope, ends[0], ends[1]


def _back(kind: str, value: float) -> float:
    if kind == "fraction":
        return 1 / (1 + exp_or_infinity(-value))
    return exp_or_infinity(value) if kind == "positive" else value
