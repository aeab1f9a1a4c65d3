"""The trial of relapse to smoking is the published data set, whole."""

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parents[2] / "datasets" / "pharmaco-smoking"


def test_125_people_89_relapses_12_of_them_on_day_0():
    rows = pd.read_csv(FOLDER / "pharmaco_smoking.csv")
    assert rows.shape == (125, 14)
    assert rows.relapse.sum() == 89
    assert rows[rows.ttr == 0].relapse.tolist() == [1] * 12
    assert set(rows[rows.relapse == 0].ttr) == {182}
    assert rows.grp.value_counts().to_dict() == {"patchOnly": 64, "combination": 61}
