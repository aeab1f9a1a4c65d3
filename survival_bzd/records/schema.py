"""The study tables: which columns each has, and what may stand in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "day", "code", "name", "whole", "number"]
"""What a column holds: an identifier, a date, one of a list of codes, free text, a number."""

CENTURY = 36525
"""Days in a hundred years: a longer stretch is a slip of the pen, and would overflow in sums."""

FURTHEST_DAY = 100_000
"""Study days on either side of day 0; wide enough for the day counts of spreadsheets and SAS."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a study table.

    Attributes
    ----------
    name : the package's name of it; `study.toml` maps the user's own name onto it.
    kind : what it holds.
    codes : the values a ``"code"`` column may have.
    required : whether the file must have the column.
    may_be_empty : whether a cell may be empty.
    least, most : bounds of a number, inclusive.
    above : a bound that a number must exceed.
    """

    name: str
    kind: Kind
    codes: tuple[str, ...] = ()
    required: bool = True
    may_be_empty: bool = False
    least: float | None = None
    most: float | None = None
    above: float | None = None

    @property
    def stored(self) -> str:
        """The name it has in the typed tables: words that SQL reserves are avoided."""
        return {"date": "day", "from": "from_day", "to": "to_day"}.get(self.name, self.name)


@dataclass(frozen=True, slots=True)
class Covariate(Column):
    """A column of patients that the study adds; it keeps its own name everywhere."""

    @property
    def stored(self) -> str:
        """The name it has in the typed table."""
        return self.name


_PATIENT = Column("patient_id", "id")
_DATE = Column("date", "day")

TABLES: Mapping[str, tuple[Column, ...]] = {
    "patients": (_PATIENT, Column("enrolled", "day", required=False)),
    "treatments": (_PATIENT, _DATE, Column("treatment", "name", required=False, may_be_empty=True)),
    "visits": (
        _PATIENT,
        _DATE,
        Column("status", "code", ("attended", "missed", "not_required")),
        Column("use", "code", ("yes", "no"), required=False, may_be_empty=True),
        Column("recall_days", "whole", required=False, may_be_empty=True, least=1, most=CENTURY),
    ),
    "urine": (
        _PATIENT,
        _DATE,
        Column("analyte", "name"),
        Column("result", "code", ("negative", "positive", "invalid")),
        Column("assay", "name", required=False, may_be_empty=True),
    ),
    "use_days": (
        _PATIENT,
        _DATE,
        Column("substance", "name"),
        Column("amount", "number", required=False, may_be_empty=True, least=0),
    ),
    "use_windows": (_PATIENT, Column("from", "day"), Column("to", "day")),
    "fills": (
        _PATIENT,
        _DATE,
        Column("substance", "name"),
        Column("strength_mg", "number", required=False, may_be_empty=True, least=0),
        Column("quantity", "number", required=False, may_be_empty=True, least=0),
        Column("days_supply", "number", required=False, may_be_empty=True, above=0, most=CENTURY),
    ),
    "stays": (_PATIENT, Column("from", "day"), Column("to", "day")),
    "scales": (_PATIENT, _DATE, Column("scale", "name"), Column("score", "number")),
    "outcomes": (
        _PATIENT,
        _DATE,
        Column("outcome", "code", ("death", "withdrawal", "loss", "study_end")),
    ),
}
"""Columns of every table, by the package's names (see `Column`)."""

OWN_PATIENT_COLUMNS = ("patient_id", "enrolled", "line")
"""Names in the typed patients table that a covariate cannot have; SQL tells no case apart."""

SUBSTANCE_COLUMNS: Mapping[str, str] = {
    "urine": "analyte",
    "use_days": "substance",
    "fills": "substance",
}
"""Tables that name a substance, and the column they name it in."""
