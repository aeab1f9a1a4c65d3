"""Results become figures, tables, numbers and prose. No statistics; the only place that rounds."""

from survival_bzd.report.manuscript import compile_manuscript, default_manuscript
from survival_bzd.report.paper import Artefact, artefacts

__all__ = ["Artefact", "artefacts", "compile_manuscript", "default_manuscript"]
