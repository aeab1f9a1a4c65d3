"""The real records of three trials; they are not shipped, so this runs where their folder is named.

`SURVIVAL_BZD_CTN0094` is the folder of the exported tables; datasets/ctn0094/README.md says how to
obtain them. The expected figures were counted from those tables without this package.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from survival_bzd import endpoint as endpoints
from survival_bzd.records import evidence, read_study
from survival_bzd.records.supplied import import_ctn0094

SOURCE = os.environ.get("SURVIVAL_BZD_CTN0094")
pytestmark = pytest.mark.skipif(not SOURCE, reason="SURVIVAL_BZD_CTN0094 names no folder")


def survival(time, event, at):
    """Kaplan-Meier by hand."""
    s = 1.0
    for t in np.unique(time[event == 1]):
        if t <= at:
            s *= 1 - np.sum((time == t) & (event == 1)) / np.sum(time >= t)
    return s


def test_relapse_to_a_benzodiazepine_positive_urine(tmp_path):
    import_ctn0094(Path(SOURCE), tmp_path / "study")
    found = evidence(read_study(tmp_path / "study"))
    try:
        endpoint, faults = endpoints.declare(found.records.declaration, "relapse")
        assert not faults
        tte = endpoints.derive(found, endpoint)
    finally:
        found.records.engine.connection.close()
    flow = {(leaf.outcome, leaf.reason): leaf.patients for leaf in tte.flow.leaves}
    assert (tte.n, int(tte.relapsed.sum())) == (840, 447)
    assert flow["censored", "nothing_recorded"] == 54
    assert sum(flow.values()) == tte.flow.enrolled
    assert [round(survival(tte.time, tte.event, at), 3) for at in (28, 84, 168)] == [
        0.701, 0.494, 0.366,
    ]  # fmt: skip
    assert survival(tte.time, tte.event, 80) >= 0.5 > survival(tte.time, tte.event, 81)
