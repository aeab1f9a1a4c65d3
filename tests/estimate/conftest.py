"""Makes data of what the R scripts of tests/reference wrote, and judges what was simulated."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from survival_bzd.endpoint.time_to_event import TimeToEvent


def _column(values):
    """Make an array: R's vectors of length one stand bare, NA is null."""
    return np.atleast_1d(np.array(values, dtype=np.float64))


@pytest.fixture(scope="session")
def column():
    return _column


@pytest.fixture(scope="session")
def patients():
    def of_data(data, *, weight="weight", covariates=False):
        entry = _column(data.get("entry"))
        entry = None if np.isnan(entry).all() else entry
        chosen = data.get(weight) if isinstance(weight, str) else None
        return TimeToEvent(
            _column(data["time"]),
            _column(data["event"]),
            entry=entry,
            weight=None if chosen is None else _column(chosen),
            covariates=pd.DataFrame(data) if covariates else None,
        )

    return of_data


@pytest.fixture(scope="session")
def simulated():
    """Read what `python -m benchmarks.coverage` counted, by experiment, row and column."""
    from benchmarks.coverage.page import RESULTS, unpacked

    return unpacked(json.loads(RESULTS.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def outside():
    """Say whether a count is outside its band by more than chance makes."""

    def of_its_band(count, cell, known, nominal):
        row, column = cell
        places = [cell, (row, None), (None, column), (None, None)]
        low, high = next((known[place] for place in places if place in known), nominal)
        below, above = (
            3.3 * math.sqrt(end * (1 - end) / count.answered) + 1e-12 for end in (low, high)
        )
        return not low - below <= count.share <= high + above

    return of_its_band
