"""Study folders from what other systems export: import."""

from __future__ import annotations

from survival_bzd.cli.group import main


@main.group("import")
def imports() -> None:
    """Make a study folder of an export: REDCap, SDTM, timeline-followback calendars."""
