"""Numbers with their uncertainty, and the tail probabilities behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.errors import BadInput, Fault

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its limits; NaN where there is none, and then why.

    Attributes
    ----------
    estimate, lower, upper : the number and its confidence limits.
    std_error : its standard error; NaN where the limits do not come from one.
    reason : why there is no estimate, ``""`` where there is one.
    lower_reason, upper_reason : the same of the limits.
    """

    estimate: float
    lower: float = math.nan
    upper: float = math.nan
    std_error: float = math.nan
    reason: str = ""
    lower_reason: str = ""
    upper_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A chi-square test: `statistic` on `df` degrees of freedom, and its upper tail `p_value`.

    All are NaN (df 0) where the data do not determine the test; `reason` says why.
    """

    # pytest must not take the class for a group of tests.
    __test__ = False

    statistic: float
    df: int
    p_value: float
    reason: str = ""

    @classmethod
    def chi_square(cls, statistic: float, df: int) -> Self:
        """Make the test from its statistic."""
        return cls(statistic=statistic, df=df, p_value=chi_square_tail(statistic, df))

    @classmethod
    def none(cls, df: int, reason: str) -> Self:
        """Make the test that the data do not determine."""
        return cls(statistic=math.nan, df=df, p_value=math.nan, reason=reason)


def chi_square_tail(statistic: float, df: int) -> float:
    """Return P(chi-square on `df` degrees of freedom > statistic)."""
    if math.isnan(statistic) or df < 1:
        return math.nan
    if df == 1:
        return math.erfc(math.sqrt(max(statistic, 0.0) / 2))
    from scipy.special import chdtrc

    return float(chdtrc(df, statistic))


def two_sided_p(z: Floats) -> Floats:
    """Return P(abs(standard normal) > abs(z)) of each element."""
    tails = [math.erfc(abs(value) / math.sqrt(2)) for value in np.ravel(z)]
    return np.array(tails, dtype=np.float64).reshape(np.shape(z))


def normal_quantile(confidence: float) -> float:
    """Return the z of a two-sided interval that covers `confidence`."""
    if not 0 < confidence < 1:
        raise BadInput(
            [
                Fault(
                    rule="a confidence level must lie strictly between 0 and 1",
                    remedy="Write .95 for 95 percent.",
                    value=f"{confidence:g}",
                )
            ]
        )
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is allowed; say which are if it is not."""
    if value not in allowed:
        raise BadInput(
            [
                Fault(
                    rule=f"{name} must be one of {', '.join(allowed)}",
                    remedy="Choose one of these.",
                    value=value,
                )
            ]
        )
    return value


def frozen(values: ArrayLike) -> Floats:
    """Return the values as a read-only array of floats."""
    array: Floats = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def sealed(values: Floats) -> Floats:
    """Make an array that nobody else holds read-only; `frozen` copies, for arrays of others."""
    values.flags.writeable = False
    return values


def labels(values: ArrayLike, n: int, name: str) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return the distinct labels as text, in order, and which of them each of `n` rows has.

    Numbers are ordered as numbers, also where they are written as text.

    Raises
    ------
    BadInput
        If a label is missing; every such row is named.
    """
    texts, codes = label_codes(values, n, name)
    return texts, codes.astype(np.intp, copy=False)


def label_codes(
    values: ArrayLike, n: int, name: str
) -> tuple[tuple[str, ...], NDArray[np.integer]]:
    """Do what `labels` does; the codes take as few bytes as the labels allow."""
    column = np.asarray(values)
    if column.shape != (n,):
        raise ValueError(f"{name} has shape {column.shape}, but there are {n} rows")
    missing = np.flatnonzero(is_missing(column))
    if missing.size:
        raise BadInput(
            Fault(
                rule=f"{name} must have a value in every row",
                remedy="Leave the rows without one out.",
                column=name,
                value=f"row {row + 1}",
            )
            for row in missing
        )
    index: NDArray[np.integer]
    if column.dtype.kind == "O":
        column = np.array([_as_written(value) for value in column], dtype=object)
        distinct, index = np.unique(column.astype(str), return_inverse=True)
    else:
        distinct, index = _distinct(column)
    texts = [_as_written(value) for value in distinct.tolist()]
    order = _reading_order(texts)
    in_order = tuple(texts[i] for i in order)
    if order == list(range(len(order))):
        return in_order, index
    rank = np.empty(len(texts), dtype=index.dtype)
    rank[order] = np.arange(len(texts))
    return in_order, rank[index]


def _distinct(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.integer]]:
    """Return the distinct values, ascending, and the place of each; few codes need no sort."""
    if column.dtype.kind not in "bui" or not column.size:
        return np.unique(column, return_inverse=True)
    codes = column.view(np.uint8) if column.dtype.kind == "b" else column
    least, most = int(codes.min()), int(codes.max())
    span = most - least
    if span >= max(1000, codes.size):
        return np.unique(column, return_inverse=True)
    shifted: NDArray[np.integer] = np.empty(codes.shape, dtype=np.min_scalar_type(span))
    start = codes.dtype.type(least)
    np.subtract(codes, start, out=shifted, casting="unsafe")
    # Two neighbouring codes are both there: they are the least and the most.
    seen = np.ones(span + 1, dtype=np.bool_) if span < 2 else _seen(shifted, span + 1)
    distinct = (np.flatnonzero(seen).astype(codes.dtype) + start).astype(column.dtype)
    return distinct, shifted if seen.all() else (np.cumsum(seen) - 1).astype(shifted.dtype)[shifted]


def _seen(codes: NDArray[np.integer], size: int) -> NDArray[np.bool_]:
    """Return which codes below `size` occur."""
    seen = np.zeros(size, dtype=np.bool_)
    step = max(1 << 16, size)
    for start in range(0, codes.size, step):
        seen |= np.bincount(codes[start : start + step], minlength=size) > 0
    return seen


def is_missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which elements are empty: None, NaN or NaT."""
    if column.dtype.kind in "fcmM":
        missing: NDArray[np.bool_] = np.isnan(column)
        return missing
    if column.dtype.kind != "O":
        return np.zeros(column.shape, dtype=np.bool_)
    # pandas has a third kind of empty, NA, whose comparison is neither true nor false.
    return np.array([v is None or type(v).__name__ == "NAType" or v != v for v in column], bool)


def _as_written(value: object) -> str:
    """Write a label as a person would: whole numbers without a decimal point."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _reading_order(texts: list[str]) -> list[int]:
    """Return the positions of the labels in order: as numbers if all are, else as text."""
    try:
        return sorted(range(len(texts)), key=lambda i: (float(texts[i]), texts[i]))
    except ValueError:
        return sorted(range(len(texts)), key=lambda i: texts[i])
