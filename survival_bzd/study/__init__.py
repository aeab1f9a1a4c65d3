"""The story of a study: records -> evidence -> endpoint -> estimates -> paper.

Read this file first, then the modules it calls, in this order:

- `opening` reads and checks a study folder (`records`), and derives its time-to-event data
  (`endpoint`);
- `results` estimates everything that its paper reports (`estimate`);
- `report` makes curves, tables, figures, numbers and prose of them;
- `publishing` puts the files in place and says in a manifest what they were made from.

`loading` and `listing` are the same first steps for the other commands; `exchange` is ADTTE, out
and in.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from survival_bzd.report import Artefact, artefacts, compile_manuscript, default_manuscript
from survival_bzd.study.acute_phase import acute_results
from survival_bzd.study.exchange import export_adtte, load_adtte
from survival_bzd.study.guarding import guards_of
from survival_bzd.study.listing import derivation_sql, derived, summary
from survival_bzd.study.loading import Loaded, load, load_rows
from survival_bzd.study.opening import Study, open_study, time_to_event
from survival_bzd.study.publishing import (
    MANIFEST,
    manifest_of,
    publish,
    read_manifest,
    refuse_overwriting,
    take_authored,
    to_json,
    write,
)
from survival_bzd.study.recurrent import (
    LoadedRecurrences,
    load_recurrences,
    load_recurrent_rows,
)
from survival_bzd.study.results import Progress, results
from survival_bzd.study.schedule import VisitSchedule, visit_schedule
from survival_bzd.study.storytelling import counts_in_dates, story_of

__all__ = [
    "MANIFEST",
    "Loaded",
    "LoadedRecurrences",
    "Study",
    "VisitSchedule",
    "acute_results",
    "counts_in_dates",
    "derivation_sql",
    "derived",
    "export_adtte",
    "guards_of",
    "load",
    "load_adtte",
    "load_recurrences",
    "load_recurrent_rows",
    "load_rows",
    "open_study",
    "read_manifest",
    "results",
    "run",
    "story_of",
    "summary",
    "time_to_event",
    "visit_schedule",
]

MANUSCRIPT = "manuscript.typ"


def run(
    folder: Path, into: Path, *, endpoint: str | None = None, progress: Progress = lambda step: None
) -> dict[str, Any]:
    """Write the paper of a study: curves, tables, figures, numbers, methods, manuscript, manifest.

    Parameters
    ----------
    folder : the study folder.
    into : where the paper goes. Its own `manuscript.typ` is compiled if there is one; otherwise
        one is begun that fits any study, for the authors to write on.
    endpoint : which endpoint; by default that of `[paper]`.
    progress : called with each step.

    Returns
    -------
    dict
        The manifest, as written.

    Raises
    ------
    BadInput
        Before anything is written: problems of the study, or files in the way.
    """
    progress("reading the records")
    study = open_study(folder, endpoint)
    refuse_overwriting(into, study.declaration.study.name)
    found = results(study, progress)
    progress("drawing and writing tables")
    files = list(artefacts(found))
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}-") as folder_name:
        stage = Path(folder_name)
        write(stage, files)
        authored = take_authored(into, stage)
        begun = []
        if MANUSCRIPT not in authored:
            begun.append(Artefact(MANUSCRIPT, default_manuscript(found)))
            write(stage, begun)
            authored = sorted([*authored, MANUSCRIPT])
        progress("setting the manuscript")
        pdf = compile_manuscript(stage / MANUSCRIPT, stage)
        files.append(Artefact("manuscript.pdf", pdf))
        manifest = manifest_of(study, into, endpoint, files, authored, stage, found.guards)
        files.append(Artefact(MANIFEST, to_json(manifest)))
        write(stage, files)
        publish(stage, into, [file.path for file in (*files, *begun)])
    return manifest
