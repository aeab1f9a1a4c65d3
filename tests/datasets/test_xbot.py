"""X:BOT from its raw records, beside what was published; the records are not supplied."""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest

from survival_bzd.estimate import cox
from survival_bzd.study import open_study, time_to_event

SOURCE = os.environ.get("SURVIVAL_BZD_CTN0094")
SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "xbot.py"


@pytest.mark.skipif(not SOURCE, reason="SURVIVAL_BZD_CTN0094 names no folder")
def test_the_published_hazard_ratio_is_found(tmp_path):
    runpy.run_path(str(SCRIPT))["main"](Path(SOURCE), tmp_path / "xbot")
    tte = time_to_event(open_study(tmp_path / "xbot"))
    arm = tte.covariates["arm"].to_numpy()
    counts = {
        name: (int((arm == name).sum()), int(tte.relapsed[arm == name].sum()))
        for name in np.unique(arm)
    }
    # Published: 57 percent of 287 and 65 percent of 283, and 1.36 (1.10 to 1.68).
    assert counts == {"BUP-NX": (287, 176), "XR-NTX": (283, 192)}
    fit = cox(tte, "arm")
    ratio = [float(fit.hazard_ratio[0]), float(fit.lower[0]), float(fit.upper[0])]
    assert [round(value, 2) for value in ratio] == [1.33, 1.09, 1.64]
