"""The page on small samples shows what the simulations give."""

import pytest

from benchmarks.coverage.experiments import EXPERIMENTS, simulate
from benchmarks.coverage.page import PAGE, filled

QUICK = ("cumulative_hazard", "rates", "shares")


def test_the_page_shows_the_counts(simulated):
    assert set(simulated) == {experiment.name for experiment in EXPERIMENTS}
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, simulated) == page


@pytest.mark.parametrize("name", QUICK)
def test_the_same_studies_give_the_same_counts(name, simulated):
    (experiment,) = (one for one in EXPERIMENTS if one.name == name)
    assert simulate(experiment, experiment.studies) == simulated[name]
