"""Diazepam equivalents under one published table at a time; the tables are never averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass

from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.records.substances.dictionary import EquivalentTable, dictionary, substance


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A dose in mg of oral diazepam, under one table.

    Attributes
    ----------
    inn, mg : the dose that was converted.
    value : mg of diazepam; where the table prints a range, at its midpoint.
    lower, upper : at the ends of the range; both `value` where the table prints one number.
    table, title : which table.
    printed : what the table prints.
    source : key of `Dictionary.sources`.
    """

    inn: str
    mg: float
    value: float
    lower: float
    upper: float
    table: str
    title: str
    printed: str
    source: str


def equivalent_table(key: str) -> EquivalentTable:
    """Return a table of equivalents.

    Raises
    ------
    BadInput
        If there is no such table.
    """
    tables = dictionary().tables
    if key not in tables:
        rule = f"a table of equivalents is one of {', '.join(tables)}; they are never averaged"
        raise BadInput([Fault(rule=rule, value=key, remedy="Name one of them.")])
    return tables[key]


def diazepam_equivalent(mg: float, inn: str, table: str) -> Equivalent:
    """Convert a dose to mg of oral diazepam under one table.

    Parameters
    ----------
    mg : the dose, zero or more.
    inn : the substance.
    table : key of the table, such as ``"ashton"``.

    Raises
    ------
    BadInput
        If the dose is negative or no number, or the substance or the table is not known.
    NotEstimable
        If the table prints nothing for the substance.

    Examples
    --------
    The tables differ two-fold for lorazepam.

    >>> [diazepam_equivalent(2, "lorazepam", table).value for table in ("ashton", "va_dod")]
    [20.0, 10.0]

    A range stays a range.

    >>> found = diazepam_equivalent(1, "loprazolam", "ashton")
    >>> (found.lower, round(found.value, 2), found.upper), found.printed
    ((5.0, 6.67, 10.0), '1-2 mg = 10 mg of diazepam')
    """
    if not (math.isfinite(mg) and mg >= 0):
        rule = "a dose must be a number of mg, zero or more"
        raise BadInput([Fault(rule=rule, value=str(mg), remedy="Correct it.")])
    one, printed_in = substance(inn), equivalent_table(table)
    if table not in one.equivalents:
        raise NotEstimable(f"{printed_in.title} prints no equivalent of {inn}.")
    low, high = one.equivalents[table]
    per = printed_in.diazepam_mg
    shown = f"{low:g}" if low == high else f"{low:g}-{high:g}"
    return Equivalent(
        inn=inn,
        mg=mg,
        value=mg * per / ((low + high) / 2),
        lower=mg * per / high,
        upper=mg * per / low,
        table=table,
        title=printed_in.title,
        printed=f"{shown} mg = {per:g} mg of diazepam",
        source=printed_in.source,
    )


def equivalents(mg: float, inn: str) -> tuple[Equivalent, ...]:
    """Convert a dose under each table that prints the substance, in the order of the tables."""
    return tuple(diazepam_equivalent(mg, inn, table) for table in _printing(inn))


def _printing(inn: str) -> tuple[str, ...]:
    known = substance(inn).equivalents
    return tuple(table for table in dictionary().tables if table in known)
