"""Describe a characteristic of the patients: a mean and quartiles, or counts per level."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristic:
    """One characteristic of the patients, summarised.

    Attributes
    ----------
    name : what it is.
    group : the group summarised; None for everybody.
    n : patients with a value. missing : patients without one.
    mean, sd, median, lower_quartile, upper_quartile, minimum, maximum : of a number; NaN of a text
        and of nobody. The SD has n - 1 in its denominator; quartiles are R's type 7.
    levels : (level, patients) of a text, in sorted order; empty for a number.
    """

    name: str
    group: str | None = None
    n: int
    missing: int = 0
    mean: float = float("nan")
    sd: float = float("nan")
    median: float = float("nan")
    lower_quartile: float = float("nan")
    upper_quartile: float = float("nan")
    minimum: float = float("nan")
    maximum: float = float("nan")
    levels: tuple[tuple[str, int], ...] = ()


def describe(name: str, values: ArrayLike, *, group: str | None = None) -> Characteristic:
    """Summarise numbers by mean, SD and quartiles, text by counts.

    Parameters
    ----------
    name, group : what is described, and of whom.
    values : (n,) numbers, NaN where missing; or text, None where missing.

    Examples
    --------
    >>> one = describe("dose", [10.0, 20.0, 15.0, float("nan")])
    >>> one.n, one.missing, one.mean, one.sd, one.lower_quartile
    (3, 1, 15.0, 5.0, 12.5)
    >>> describe("sex", ["F", "M", None, "F"]).levels
    (('F', 2), ('M', 1))
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        present = [str(value) for value in array.tolist() if value is not None]
        levels = tuple(sorted(Counter(present).items()))
        missing = array.size - len(present)
        return Characteristic(
            name=name, group=group, n=len(present), missing=missing, levels=levels
        )
    numbers = array[np.isfinite(array)].astype(np.float64)
    missing = array.size - numbers.size
    if numbers.size == 0:
        return Characteristic(name=name, group=group, n=0, missing=missing)
    lower, median, upper = np.quantile(numbers, [0.25, 0.5, 0.75])
    return Characteristic(
        name=name,
        group=group,
        n=numbers.size,
        missing=missing,
        mean=float(numbers.mean()),
        sd=float(numbers.std(ddof=1)) if numbers.size > 1 else float("nan"),
        median=float(median),
        lower_quartile=float(lower),
        upper_quartile=float(upper),
        minimum=float(numbers.min()),
        maximum=float(numbers.max()),
    )
