"""A raw REDCap export becomes a study folder, by a mapping file.

The export is a block matrix: a row for each record, event, repeating instrument and instance, with
the fields of every instrument side by side; cells of other instruments are empty. What is done to
it is done in SQL on columns.
"""

from survival_bzd.records.imports.redcap.blocks import Share
from survival_bzd.records.imports.redcap.importing import import_redcap
from survival_bzd.records.imports.redcap.scaffold import scaffold_map

__all__ = ["Share", "import_redcap", "scaffold_map"]
