"""A formula and a table of covariates become a matrix."""

from __future__ import annotations

import keyword
import warnings
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survival_bzd.errors import BadInput, Fault
from survival_bzd.estimate.cox_model.grammar import ALLOWED, NotAllowed, check_text, names_read
from survival_bzd.estimate.quantities import Floats

if TYPE_CHECKING:
    import pandas as pd

BOUND = 1e50
"""Covariates are less, so that sums of their cubes stay finite."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """The covariates of those patients who have them all.

    Attributes
    ----------
    matrix : (m, p) one column per coefficient; no intercept.
    names : (p,) names of the coefficients, in the formula's order.
    terms : names of the formula's terms and the columns of each.
    kept : (n,) which patients have every covariate.
    coding : how covariates become columns (levels, knots, means), and which columns are used; None
        where columns are not of covariates alone.
    variables : the covariates that the formula reads.
    """

    matrix: Floats
    names: tuple[str, ...]
    terms: tuple[tuple[str, tuple[int, ...]], ...]
    kept: NDArray[np.bool_]
    coding: tuple[Any, list[int]] | None
    variables: tuple[str, ...]

    def rows_for(self, covariates: pd.DataFrame) -> Floats:
        """Make the (m, p) rows of other patients, coded as those who were fitted.

        Raises
        ------
        BadInput
            If a covariate is missing, or a level or value has not been seen.
        """
        if self.coding is None:
            raise ValueError("columns that change with time cannot be made of covariates")
        spec, order = self.coding
        formula = " + ".join(name for name, _ in self.terms)
        absent = [name for name in self.variables if name not in covariates.columns]
        if absent or covariates[list(self.variables)].isna().to_numpy().any():
            raise _bad_formula(
                formula,
                "each covariate of the formula must have a value in every row",
                f"The covariates are: {', '.join(self.variables)}.",
            )
        frame = _evaluated(spec, covariates, formula)
        columns: Floats = frame.to_numpy(dtype=np.float64)[:, order]
        _check_finite(columns, formula, np.arange(len(covariates)))
        return columns


def design(formula: str, covariates: pd.DataFrame | None, usable: NDArray[np.bool_]) -> Design:
    """Make the design matrix of an R-like formula.

    The intercept decides how text is coded (the first level in order is the reference) and is then
    dropped: the baseline hazard stands for it. Rows that are not `usable`, or miss a covariate,
    are left out before levels are looked at.

    Raises
    ------
    BadInput
        If the formula cannot be read or names a column that is not there, if nobody is left, or
        if a covariate is not finite, or 1e50 or more; those rows are named.
    """
    plain = _plain(formula, covariates)
    if plain is not None and covariates is not None:
        return _of_columns(plain, covariates, usable, formula)
    parsed, needed = _parse(formula)
    available = [] if covariates is None else [str(name) for name in covariates.columns]
    unknown = sorted(needed - set(available))
    if unknown or covariates is None:
        raise _bad_formula(
            formula,
            f"the formula names what is not a covariate: {', '.join(unknown)}",
            f"The covariates are: {', '.join(available) or 'none'}.",
        )
    kept = usable & covariates[sorted(needed)].notna().all(axis=1).to_numpy()
    _check_somebody(kept, formula)
    frame = _evaluated(parsed, covariates[kept], formula)
    matrix = frame.to_numpy(dtype=np.float64)
    spec = frame.model_spec.term_slices.items()
    spans = [(str(term), range(part.start, part.stop)) for term, part in spec if str(term) != "1"]
    order = [column for _, part in spans for column in part]
    ends = np.cumsum([0, *(len(part) for _, part in spans)]).tolist()
    columns = matrix[:, order]
    _check_finite(columns, formula, np.flatnonzero(kept))
    return Design(
        matrix=columns,
        names=tuple(str(frame.columns[column]) for column in order),
        terms=tuple(
            (name, tuple(range(a, b)))
            for (name, _), (a, b) in zip(spans, pairwise(ends), strict=True)
            if b > a
        ),
        kept=kept,
        coding=(frame.model_spec, order),
        variables=tuple(sorted(needed)),
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Numbers that stand for themselves, as in ``age + dose``: no formula needs working out."""

    names: tuple[str, ...]

    def get_model_matrix(self, covariates: pd.DataFrame, **_: object) -> pd.DataFrame:
        """Return the columns, as a formula's specification does."""
        alone = tuple(covariates.columns) == self.names
        return covariates if alone else covariates[list(self.names)]


def _plain(formula: str, covariates: pd.DataFrame | None) -> _Columns | None:
    """Return the columns that the formula adds up if it does nothing else, and all are numbers."""
    names = _names_added(formula)
    if names is None or covariates is None:
        return None
    columns = covariates.columns
    if columns.nlevels > 1 or not columns.is_unique:
        return None
    for name in names:
        kind = covariates[name].dtype if name in columns else None
        if not (isinstance(kind, np.dtype) and kind.kind in "fiu"):
            return None
    return _Columns(names)


@lru_cache(maxsize=256)
def _names_added(formula: str) -> tuple[str, ...] | None:
    """Return the names that a formula adds up, each once; None if it does anything else."""
    names = tuple(part.strip() for part in formula.split("+"))
    plain = all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    return names if plain and len(set(names)) == len(names) else None


def _of_columns(
    columns: _Columns, covariates: pd.DataFrame, usable: NDArray[np.bool_], formula: str
) -> Design:
    """Make the design of columns that stand for themselves."""
    names = columns.names
    matrix = columns.get_model_matrix(covariates).to_numpy(dtype=np.float64)
    complete = not matrix.size or bool(matrix.min() > -BOUND and matrix.max() < BOUND)
    kept = usable if complete else usable & ~np.isnan(matrix).any(axis=1)
    _check_somebody(kept, formula)
    if not kept.all():
        matrix = matrix[kept]
    if not complete:
        _check_finite(matrix, formula, np.flatnonzero(kept))
    return Design(
        matrix=matrix,
        names=names,
        terms=tuple((name, (column,)) for column, name in enumerate(names)),
        kept=kept,
        coding=(columns, list(range(len(names)))),
        variables=tuple(sorted(names)),
    )


def _check_somebody(kept: NDArray[np.bool_], formula: str) -> None:
    """Refuse a formula whose covariates nobody has all of."""
    if not kept.any():
        raise _bad_formula(
            formula,
            "somebody must have a value in every covariate of the formula",
            "Leave a covariate out of the formula, or fill it in.",
        )


def _evaluated(source: Any, covariates: pd.DataFrame, formula: str) -> Any:
    """Make a model matrix of covariates; a level that was not there before is a fault."""
    from formulaic.errors import DataMismatchWarning, FormulaicError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            return source.get_model_matrix(
                covariates, context={"np": np}, na_action="ignore", output="pandas"
            )
    except DataMismatchWarning as error:
        unseen = str(error).partition("{")[2].partition("}")[0]
        rule = f"a level must be one of those that were fitted; it is not: {unseen}"
        raise _bad_formula(formula, rule, "Ask for a level that the data hold.") from None
    except (FormulaicError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise _bad_formula(
            formula, f"the formula cannot be worked out: {error}", "Check each term."
        ) from None


def formula_variables(formula: str) -> tuple[str, ...]:
    """Name the covariates that a formula uses.

    Raises
    ------
    BadInput
        If the formula cannot be read.

    Examples
    --------
    >>> formula_variables("age + C(arm):dose")
    ('age', 'arm', 'dose')
    """
    return tuple(sorted(_parse(formula)[1]))


def _parse(formula: str) -> tuple[Any, set[str]]:
    """Read the formula, in its own order of terms and with an intercept; name its variables."""
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    try:
        check_text(formula)
        given = Formula(formula, _ordering="none")
        variables = _variables(given) if isinstance(given, SimpleFormula) else set()
    except NotAllowed as error:
        raise _bad_formula(formula, f"a formula may not hold {error}", ALLOWED) from None
    except (FormulaicError, SyntaxError, TypeError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise _bad_formula(
            formula, f"the formula cannot be read: {first}", "Write it like: age + C(arm)."
        ) from None
    if not variables:
        raise _bad_formula(
            formula,
            "the formula must name covariates, and no response",
            "Write it like: age + C(arm).",
        )
    intercept = Formula("1", _ordering="none")
    others = [term for term in given if str(term) != "1"]
    return SimpleFormula([*intercept, *others], _ordering="none"), variables


def _variables(parsed: Any) -> set[str]:
    """Name the columns that a formula reads; refuse it before anything of it is evaluated."""
    found: set[str] = set()
    for factor in {factor for term in parsed for factor in term.factors}:
        method = factor.eval_method.value
        if method == "lookup":
            found.add(factor.expr)
        elif method == "python":
            found |= names_read(factor.expr)
    return found


def _check_finite(matrix: Floats, formula: str, rows: NDArray[np.intp]) -> None:
    """Refuse covariates that a transformation made infinite or undefined, or endlessly large."""
    rules = [
        (
            ~np.isfinite(matrix).all(axis=1),
            f"every term of the formula must be a finite number: {formula}",
            "A logarithm of 0 or less has no value; transform the covariate otherwise.",
        ),
        (
            (np.isfinite(matrix) & (np.abs(matrix) >= BOUND)).any(axis=1),
            f"every term of the formula must be below 1e50, with or without its sign: {formula}",
            "Correct it if it stands for a missing value; else divide the covariate.",
        ),
    ]
    faults = [
        Fault(rule=rule, remedy=remedy, value=f"row {row + 1}")
        for broken, rule, remedy in rules
        for row in rows[broken]
    ]
    if faults:
        raise BadInput(faults)


def _bad_formula(formula: str, rule: str, remedy: str) -> BadInput:
    return BadInput([Fault(rule=rule, remedy=remedy, value=formula)])
