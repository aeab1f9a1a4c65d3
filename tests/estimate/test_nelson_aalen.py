import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import nelson_aalen

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "nelson_aalen.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("ties", ["aalen", "fleming-harrington"])
@pytest.mark.parametrize("case", REFERENCE)
def test_agrees_with_r_survfit(case, ties, patients, column):
    # Regenerate with tests/reference/nelson_aalen.R.
    r = REFERENCE[case]
    (curve,) = nelson_aalen(patients(r["data"]), ties=ties, cluster=r.get("cluster"))
    assert curve.robust == ("cluster" in r)
    assert_allclose(curve.hazard, column(r["ties"][ties]["hazard"]), rtol=1e-9)
    assert_allclose(curve.std_error, column(r["ties"][ties]["std_error"]), rtol=1e-9)


def test_tied_events_are_taken_together_or_one_after_the_other():
    tte = TimeToEvent([2, 2, 2, 5], [1, 1, 0, 1])
    assert_allclose(nelson_aalen(tte)[0].hazard, [2 / 4, 2 / 4 + 1])
    singly = nelson_aalen(tte, ties="fleming-harrington")[0]
    assert_allclose(singly.hazard, [1 / 4 + 1 / 3, 1 / 4 + 1 / 3 + 1])


def test_limits_are_symmetric_on_the_log_scale_and_empty_at_zero():
    (curve,) = nelson_aalen(TimeToEvent([1, 2, 3, 4], [0, 1, 1, 0]), by=["a"] * 4)
    assert np.isnan(curve.lower[0])
    assert np.isnan(curve.upper[0])
    assert_allclose(curve.lower[1:] * curve.upper[1:], curve.hazard[1:] ** 2)
    assert list(curve.to_frame()["hazard"]) == list(curve.hazard)


def test_unknown_tie_rule_is_bad_input():
    with pytest.raises(BadInput, match="ties must be one of"):
        nelson_aalen(TimeToEvent([1], [1]), ties="efron")
