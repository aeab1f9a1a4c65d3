"""The study tables: which columns each has, and what may stand in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "day", "code", "name", "whole", "number"]
"""What a column holds: an identifier, a date, one of a list of codes, free text, a number."""


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
    """

    name: str
    kind: Kind
    codes: tuple[str, ...] = ()
    required: bool = True
    may_be_empty: bool = False


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
        Column("recall_days", "whole", required=False, may_be_empty=True),
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
        Column("amount", "number", required=False, may_be_empty=True),
    ),
    "use_windows": (_PATIENT, Column("from", "day"), Column("to", "day")),
    "fills": (
        _PATIENT,
        _DATE,
        Column("substance", "name"),
        Column("strength_mg", "number", required=False, may_be_empty=True),
        Column("quantity", "number", required=False, may_be_empty=True),
        Column("days_supply", "number", required=False, may_be_empty=True),
    ),
    "scales": (_PATIENT, _DATE, Column("scale", "name"), Column("score", "number")),
    "outcomes": (
        _PATIENT,
        _DATE,
        Column("outcome", "code", ("death", "withdrawal", "loss", "study_end")),
    ),
}
"""Columns of every table, by the package's names (see `Column`)."""

SUBSTANCE_COLUMNS: Mapping[str, str] = {
    "urine": "analyte",
    "use_days": "substance",
    "fills": "substance",
}
"""Tables that name a substance, and the column they name it in."""
