r"""How far a Brownian bridge strays from zero: the critical values of simultaneous bands.

Both distributions are computed, not tabulated. A Brownian bridge :math:`W^0` on [a, b] inside
[0, 1] stays below k in absolute value with a probability that is one integral over its place at a
of a sum over mirror images. Divided by its standard deviation, :math:`W^0(x) / \sqrt{x (1 - x)}` is
an Ornstein-Uhlenbeck process over :math:`T = \frac12 \log\frac{b (1 - a)}{a (1 - b)}`, and stays
below c with a probability that is a sum over the modes of a harmonic oscillator in a box.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from survival_bzd.estimate.quantities import Floats, frozen, normal_quantile
from survival_bzd.estimate.risk_sets import Indices

_PANEL = 24
"""Gauss-Legendre points between two breakpoints of the integral over the place at a."""

_MODES = (40, 120)
"""Fewest and most modes of the oscillator that are computed together."""


def hall_wellner_value(low: float, high: float, confidence: float) -> float:
    r"""Return k with :math:`P(\sup_{low \le x \le high} |W^0(x)| \le k)` equal to `confidence`."""
    widest = min(max(0.5, low), high)
    least = normal_quantile(confidence) * math.sqrt(widest * (1 - widest))
    # P(sup over all of [0, 1] > k) is below 2 exp(-2 k^2).
    most = math.sqrt(math.log(2 / (1 - confidence)) / 2)
    return _solve(partial(stays_within, low, high), least, most, confidence)


def equal_precision_value(duration: float, confidence: float) -> float:
    r"""Return c with :math:`P(\sup |W^0(x)| / \sqrt{x (1 - x)} \le c)` equal to `confidence`.

    `duration` is T above, for x from a to b.
    """
    least = normal_quantile(confidence)
    most = least + 1
    while scaled_stays_within(duration, most) < confidence:
        most += 1
    return _solve(partial(scaled_stays_within, duration), least, most, confidence)


def _solve(share: Callable[[float], float], least: float, most: float, confidence: float) -> float:
    """Return where `share` rises to `confidence`; `least` where it is there already."""
    from scipy.optimize import brentq

    if share(least) >= confidence:
        return least
    return float(brentq(lambda x: share(x) - confidence, least, most, xtol=1e-10))


def stays_within(low: float, high: float, k: float) -> float:
    """Return the probability that a Brownian bridge stays within -k .. k from `low` to `high`."""
    spread = math.sqrt(low * (1 - low))
    if high <= low:
        return math.erf(k / spread / math.sqrt(2))
    if low == 0:
        return float(_onward(np.zeros(1), low, high, k)[0])
    # Panels shrink towards the boundary, and towards 0 where the place at `low` is concentrated.
    layer = math.sqrt(high - low) * 2.0 ** np.arange(-6, 12)
    near = spread * np.arange(1, 9)
    edges = np.concatenate([[0.0, k], k - layer, near])
    edges = np.unique(edges[(edges >= 0) & (edges <= k)])
    point, weight = _gauss(_PANEL)
    half = np.diff(edges)[:, None] / 2
    place = (edges[:-1, None] + half * (1 + point)).ravel()
    density = np.exp(-((place / spread) ** 2) / 2) / (spread * math.sqrt(2 * math.pi))
    return float(2 * ((half * weight).ravel() @ (density * _onward(place, low, high, k))))


@cache
def _gauss(points: int) -> tuple[Floats, Floats]:
    """Return points and weights of Gauss-Legendre quadrature on -1 .. 1."""
    point, weight = np.polynomial.legendre.leggauss(points)
    return frozen(point), frozen(weight)


def _onward(place: Floats, low: float, high: float, k: float) -> Floats:
    """Return the probability to stay within until `high` for bridges at `place` at `low`."""
    from scipy.special import ndtr

    left, rest, passed = 1 - low, 1 - high, high - low
    spread = math.sqrt(passed * rest / left)
    images = np.arange(-_images(left, k), _images(left, k) + 1) * 4 * k
    total = np.zeros_like(place)
    for sign, first in ((1, place), (-1, 2 * k - place)):
        source = first[:, None] + images
        middle = source * rest / left
        inside = ndtr((k - middle) / spread) - ndtr((-k - middle) / spread)
        total += sign * (np.exp((place[:, None] ** 2 - source**2) / (2 * left)) * inside).sum(1)
    return total


def _images(left: float, k: float) -> int:
    """Return how many mirror images, 4 k apart, still matter at double precision."""
    return 2 + math.ceil(math.sqrt(80 * left) / (4 * k))


def scaled_stays_within(duration: float, c: float) -> float:
    """Return the probability that the scaled bridge stays within -c .. c for `duration`."""
    at_once = math.erf(c / math.sqrt(2))
    if duration <= 0:
        return at_once
    # A mode m decays as exp(-(m pi / c)^2 T); beyond 6 c / (pi sqrt(T)) nothing is left of it.
    needed = math.ceil(6 * c / (math.pi * math.sqrt(duration)))
    modes = min(max(needed, _MODES[0]), _MODES[1])
    energy, overlap = _oscillator(c, modes)
    kept = float(overlap**2 @ np.exp(-energy * duration))
    if needed > modes:
        # The box decides on the fast modes alone: their overlap is that of the jump at its walls.
        rate = ((np.arange(modes, min(needed, 10**6)) + 0.5) * math.pi / c) ** 2
        wall = math.exp(-(c**2) / 2) / math.sqrt(2 * math.pi)
        kept += float((4 * wall / (c * rate) * np.exp(-rate * duration)).sum())
    return min(kept, at_once)


def _oscillator(c: float, modes: int) -> tuple[Floats, Floats]:
    """Return energies of the even modes in the box, and their overlaps with the start.

    The generator u'' - x u' of the process, made symmetric by the square root of the normal
    density, is minus a harmonic oscillator, -psi'' + (x^2 / 4 - 1 / 2) psi, zero at -c and c.
    """
    wave, square, place, projection = _box(modes)
    hamiltonian = np.diag((wave / c) ** 2 - 0.5) + c**2 * square / 4
    energy, mode = np.linalg.eigh(hamiltonian)
    start = np.exp(-((c * place) ** 2) / 4) / (2 * math.pi) ** 0.25
    return energy, math.sqrt(c) * (projection @ start) @ mode


@cache
def _box(modes: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return what does not depend on the width: the modes of the empty box from -1 to 1.

    They are cos(wave x). Then the matrix of x^2 between them; and places in 0 .. 1 with the matrix
    that takes an even function there to its integral with each mode.
    """
    row = np.arange(modes)
    wave = (row + 0.5) * math.pi
    square = (_mean_square(row[:, None] - row) + _mean_square(row[:, None] + row + 1)) / 2
    point, weight = _gauss(modes + 40)
    place = (point + 1) / 2
    projection: Floats = np.cos(np.outer(wave, place)) * weight
    return wave.astype(np.float64), square, place, projection


def _mean_square(p: Indices) -> Floats:
    """Return the integral of x^2 cos(p pi x) over -1 .. 1."""
    whole = np.where(p == 0, 1, p)
    cosine = np.where(p % 2 == 0, 4.0, -4.0) / (whole * math.pi) ** 2
    return np.where(p == 0, 2 / 3, cosine)
