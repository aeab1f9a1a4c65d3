"""Study tables become checked records, and records dated evidence of use."""

from survival_bzd.records.evidence import Evidence, evidence
from survival_bzd.records.reading import LeftOut, Records, examine, read_study

__all__ = ["Evidence", "LeftOut", "Records", "evidence", "examine", "read_study"]
