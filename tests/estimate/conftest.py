"""Makes time-to-event data of what the R scripts of tests/reference wrote."""

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
