"""Results become the tables of the paper."""

from survival_bzd.report.tables.all import paper_tables

__all__ = ["paper_tables"]
