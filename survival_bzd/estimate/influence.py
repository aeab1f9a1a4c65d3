"""How much each patient moves the curve: the infinitesimal jackknife."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from survival_bzd.estimate.quantities import Floats
from survival_bzd.estimate.risk_sets import Cells, Group, Indices, RiskSets, cells


def takes_robust_error(group: Group, cluster: Indices | None) -> bool:
    """Whether errors are robust, as in R: there are clusters, or weights that are not whole."""
    weight = group.weight
    return cluster is not None or (weight is not None and bool((weight % 1 != 0).any()))


def robust_std_error(
    group: Group,
    event: NDArray[np.bool_],
    counts: RiskSets,
    survival: Floats,
    cluster: Indices | None,
) -> Floats:
    r"""Return the robust standard error of S at each distinct time.

    While at risk a patient adds :math:`\sum d / (n (n - d))` to the derivative of -log S by their
    weight, and takes 1 / (n - d) off it at their event.
    """
    # Where everybody has the event there is no derivative; what follows is NaN in the end.
    survivors = np.where(counts.emptied, np.inf, counts.at_risk - counts.events)
    step = counts.events / (counts.at_risk * survivors)
    variance = jackknife_variance(group, event, step, 1 / survivors, cluster)
    return np.where(survival > 0, survival * np.sqrt(variance), np.nan)


def jackknife_variance(
    group: Group, event: NDArray[np.bool_], step: Floats, gone: Floats, cluster: Indices | None
) -> Floats:
    """Return the variance over clusters of an estimate, at each distinct time.

    While at risk at a time a patient adds `step` to its derivative by their weight, and takes
    `gone` off it at their event; both are (k,). After that it stays.
    """
    place = cells(group.time, group.entry)
    taken = np.where(event, gone[place.last], 0.0)
    variance: Floats = jackknife_covariances(group, place, [(step, taken)], cluster)[0, 0]
    return np.maximum(variance, 0.0)


def jackknife_covariances(
    group: Group, place: Cells, parts: Sequence[tuple[Floats, Floats]], cluster: Indices | None
) -> Floats:
    r"""Return the covariances over clusters of the parts of an estimate, (p, p, k).

    A part is (k,) steps that a patient adds while at risk, and the (n,) that they take off at the
    end of their row. With :math:`A(t)` the sum of the steps a cluster's influence is
    :math:`W A(t) + C`, with W the weight still at risk and C a constant; products of two move only
    when a member enters or leaves, and all is one sort and cumulative sums. Without `cluster` every
    row is one.
    """
    k = place.time.size
    weight = np.ones(group.time.size) if group.weight is None else group.weight
    member = np.arange(group.time.size) if cluster is None else cluster
    # A patient enters before position `first` and has left by the end of position `last`.
    first = np.zeros(place.last.size, dtype=np.intp) if place.first is None else place.first
    moment = np.concatenate([first, place.last])
    leaving = np.repeat([0, 1], weight.size)
    who = np.concatenate([member, member])
    # Entering at position j happens before leaving at j; both are in force at the end of j.
    order = np.lexsort((leaving, moment, who))
    new = np.concatenate([[True], np.diff(who[order]) != 0])
    at = moment[order]

    def total(value: Floats) -> Floats:
        """Sum over the clusters what the value is after each time."""
        summed: Floats = np.cumsum(np.bincount(at, _changes(value, new), minlength=k))
        return summed

    w = _running(np.concatenate([weight, -weight])[order], new)
    paths, constants = [], []
    for step, taken in parts:
        path = np.cumsum(step)
        before = np.concatenate([[0.0], path])
        constant = np.concatenate([-weight * before[first], weight * (path[place.last] - taken)])
        paths.append(path)
        constants.append(_running(constant[order], new))
    at_risk = total(w * w)
    linear = [total(w * c) for c in constants]
    covariances = np.empty((len(parts), len(parts), k))
    for i, (a, c) in enumerate(zip(paths, constants, strict=True)):
        for j in range(i + 1):
            products = total(c * constants[j])
            covariances[i, j] = at_risk * a * paths[j] + linear[i] * paths[j] + linear[j] * a
            covariances[i, j] += products
            covariances[j, i] = covariances[i, j]
    return covariances


def _running(values: Floats, new: NDArray[np.bool_]) -> Floats:
    """Return the cumulative sum within each run that begins where `new`."""
    total = np.cumsum(values)
    start = np.maximum.accumulate(np.where(new, np.arange(values.size), 0))
    running: Floats = total - (total - values)[start]
    return running


def _changes(values: Floats, new: NDArray[np.bool_]) -> Floats:
    """Return by how much each element differs from the one before it in its run."""
    return np.diff(values, prepend=0.0) + np.where(new, np.concatenate([[0.0], values[:-1]]), 0.0)
