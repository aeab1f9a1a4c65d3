"""Checked records become evidence: one dated statement per row that speaks about use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from survival_bzd.records.reading import PACKAGE, Records
from survival_bzd.records.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the records say about use, each statement with the days it speaks of.

    The statements are the table `statement` of the engine. A screen speaks of its day, a visit of
    the days it looks back on, a calendar window of its days but for those of use it names; a fill
    is possession and no proof of use; what was missed, invalid or not asked is not assessed.

    Attributes
    ----------
    records : the records they come from.
    """

    records: Records

    def to_frame(self) -> pd.DataFrame:
        """Return one row per statement.

        Columns: patient_id, source (the table), verdict (use, no_use, possession, not_assessed),
        from_day and to_day (the days it speaks of), known_on (the day it became known), substance
        (its class; empty where the source asks about all), subject (its name), detail, file,
        line.
        """
        return self.records.engine.frame(
            "SELECT patient_id, source, verdict, from_day, to_day, known_on, substance, subject, "
            "detail, file, line FROM statement ORDER BY statement_id"
        )


def evidence(records: Records) -> Evidence:
    """Turn every row of the records that speaks about use into a statement."""
    tables = records.declaration.tables
    files = {name: tables[name].called if name in tables else "" for name in TABLES}
    records.engine.run(PACKAGE, "statement", files=files, text="VARCHAR")
    return Evidence(records)
