"""Whether groups have the same cumulative incidence of a cause: Gray's test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.estimate.competing_risks.counting import cause_name, causes_of
from survival_bzd.estimate.log_rank import compared, difference_test, placed
from survival_bzd.estimate.quantities import Floats, Test, frozen
from survival_bzd.estimate.risk_sets import Cells, Indices, sums

UNDEFINED = "not estimable: Gray's test has no form for weights or late entries"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GrayTest:
    """Gray's test of one cause among g groups.

    Attributes
    ----------
    cause, name : code of the cause, and what it is called.
    statistic, df, p_value : the chi-square test; NaN where the data do not determine it.
    reason : why not, then.
    groups : labels of the groups, in order.
    n : (g,) patients.
    observed, expected : (g,) events, each multiplied by its weight in the test.
    variance : (g, g) variance of `observed - expected`.
    rho : power of the weight.
    """

    cause: int
    name: str
    statistic: float
    df: int
    p_value: float
    reason: str
    groups: tuple[str, ...]
    n: NDArray[np.int64]
    observed: Floats
    expected: Floats
    variance: Floats
    rho: float


def gray_test(
    tte: TimeToEvent, by: ArrayLike, *, strata: ArrayLike | None = None, rho: float = 0.0
) -> tuple[GrayTest, ...]:
    r"""Test for each cause whether groups have the same cumulative incidence.

    Sums :math:`w(t) (d_g - d R_g / \sum_h R_h)` over the times of the cause, for each group g. At
    risk of the subdistribution are :math:`R_g = Y_g (1 - F_g(t-)) / S_g(t-)`: patients without an
    event, and the part of those with an event of another cause that would still be followed.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients; event codes 1, 2, ... are the causes.
    by : (n,) labels
        The groups.
    strata : (n,) labels, optional
        Patients are compared within a stratum only.
    rho : float, default 0
        Power of the weight :math:`w(t) = (1 - F(t-))^\rho`, F the pooled incidence.

    Returns
    -------
    tuple of GrayTest
        One for each cause. With weights or late entries, for which the test has no form, each is
        NaN with that reason.

    Raises
    ------
    NotEstimable
        If there are fewer than two groups.
    BadInput
        If a label is missing.

    Notes
    -----
    Agrees with R ``cmprsk::cuminc(...)$Tests`` to 1e-9 relative, with ties, strata and rho
    (``tests/reference/competing_risks.json``); the variance is Gray's, corrected for ties as there.

    References
    ----------
    .. [1] Gray RJ (1988). Ann Stat 16:1141-1154. doi:10.1214/aos/1176350951

    Examples
    --------
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> tte = TimeToEvent([1, 2, 3, 4, 5, 6], [1, 1, 2, 1, 2, 1])
    >>> test, other = gray_test(tte, ["a", "a", "a", "b", "b", "b"])
    >>> round(test.statistic, 4), test.df, round(test.p_value, 4)
    (2.4381, 1, 0.1184)
    """
    groups, member = compared(tte, by)
    g = len(groups)
    late = tte.entry is not None and not bool(np.isnan(tte.entry).all())
    defined = not late and tte.weight is None
    strata_counts = _counted(tte, placed(tte, strata), member, g) if defined else []
    found = []
    for cause in causes_of(tte):
        observed, expected, variance = np.zeros(g), np.zeros(g), np.zeros((g, g))
        for counts in strata_counts:
            of_stratum = _scores(counts, counts.of_cause(cause), rho)
            for total, part in zip((observed, expected, variance), of_stratum, strict=True):
                total += part
        test = Test.none(g - 1, UNDEFINED)
        if defined:
            test = difference_test(observed, expected, variance)
        found.append(
            GrayTest(
                cause=cause,
                name=cause_name(tte, cause),
                statistic=test.statistic,
                df=test.df,
                p_value=test.p_value,
                reason=test.reason,
                groups=groups,
                n=np.bincount(member, minlength=g).astype(np.int64),
                observed=frozen(observed),
                expected=frozen(expected),
                variance=frozen(variance),
                rho=rho,
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stratum:
    """Counts of one stratum by time and group; (k, g) at its k event times.

    Attributes
    ----------
    at_risk, events : (k, g) at risk just before the time; events of all causes.
    before, after : (k, g) event-free survival of the group, left and right of the time.
    key, code : (m,) place in the flattened (k, g), and cause, of each event.
    """

    at_risk: Floats
    events: Floats
    before: Floats
    after: Floats
    key: Indices
    code: NDArray[np.integer]

    def of_cause(self, cause: int) -> Floats:
        """Count the events of a cause."""
        chosen = self.key[self.code == cause]
        return sums(chosen, None, self.events.size).reshape(self.events.shape)


def _counted(tte: TimeToEvent, place: Cells, member: Indices, g: int) -> list[_Stratum]:
    """Count each stratum at the times at which anything happened."""
    ended = sums(place.last * g + member, None, place.k * g).reshape(place.k, g)
    happened = tte.event > 0
    key, code = (place.last * g + member)[happened], tte.event[happened]
    events = sums(key, None, place.k * g).reshape(place.k, g)
    at_risk = place.onward(ended)
    strata = []
    for first, last in zip(place.starts[:-1].tolist(), place.starts[1:].tolist(), strict=True):
        inside = (key >= first * g) & (key < last * g)
        if not inside.any():
            continue
        risk, died = at_risk[first:last], events[first:last]
        left = _product(1.0 - died / np.maximum(risk, 1.0))
        strata.append(
            _Stratum(
                at_risk=risk,
                events=died,
                before=np.concatenate([np.ones((1, g)), left[:-1]]),
                after=left,
                key=key[inside] - first * g,
                code=code[inside],
            )
        )
    return strata


def _scores(counts: _Stratum, own: Floats, rho: float) -> tuple[Floats, Floats, Floats]:
    """Return events observed and expected in each group, and the variance of their difference."""
    some = counts.events.any(axis=1)
    own, at_risk = own[some], counts.at_risk[some]
    before, after = counts.before[some], counts.after[some]
    others = counts.events[some] - own
    present = at_risk > 0
    size = np.maximum(at_risk, 1.0)
    share = np.where(present, before / size, 0.0)
    incidence = np.cumsum(share * own, axis=0)
    incidence_before = incidence - share * own
    total = own.sum(axis=1)
    # The size that a group would have if nobody had left it but by censoring.
    full = np.where(present, at_risk / np.where(present, before, 1.0), 0.0)
    everybody = full.sum(axis=1)
    rise = total / everybody
    pooled = np.cumsum(rise)
    free = 1.0 - (pooled - rise)
    weight = free**rho if rho else np.ones_like(free)
    still = full * (1.0 - incidence_before)
    expected = (weight * total / still.sum(axis=1)) @ still
    observed = weight @ own
    # How the score moves with the incidence of a group: now (a), and summed up to now (c).
    portion = full / everybody[:, None]
    a = weight[:, None, None] * full[:, :, None] * (np.eye(full.shape[1]) - portion[:, None, :])
    c = np.cumsum(a * (rise / free)[:, None, None], axis=0)
    ahead = c[-1] - c
    lost = np.where(after > 0, (1.0 - pooled)[:, None] / np.where(after > 0, after, 1.0), 0.0)
    one = np.ones_like(size)
    tied = np.where(total > 1, total - 1, 0.0)[:, None] / np.where(
        (total > 1)[:, None] & present, everybody[:, None] * before - 1, one
    )
    by_cause = np.where(present & (total > 0)[:, None], (1.0 - tied) * share * rise[:, None], 0.0)
    moved = a + (1.0 - lost)[:, None, :] * ahead
    variance = np.einsum("jr,jir,jlr->il", by_cause, moved, moved, optimize=True)
    tied = np.where(others > 1, others - 1, 0.0) / np.where(others > 1, size - 1, one)
    by_others = np.where(after > 0, (1.0 - tied) * share**2 * others, 0.0)
    moved = lost[:, None, :] * ahead
    variance += np.einsum("jr,jir,jlr->il", by_others, moved, moved, optimize=True)
    return observed, expected, variance


def _product(steps: Floats) -> Floats:
    """Return the running product down each column."""
    product: Floats = np.cumprod(steps, axis=0, dtype=np.float64)
    return product
