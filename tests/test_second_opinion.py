"""The numbers of a study, computed by other software in the same run."""

import json
import shutil
from collections import Counter

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main
from survival_bzd.records.supplied import locate
from survival_bzd.study import open_study
from survival_bzd.verify import missing_packages, second_opinions

# Nobody has died by day 182: scikit-survival then gives limits of 0 to 0, and we none.
WRONG_ELSEWHERE = {
    ("lifelines", "restricted mean standard error"),
    *(("scikit-survival", f"F2({day}) {side}") for day in (91, 182) for side in ("lower", "upper")),
}


@pytest.mark.parametrize("name", ["ketamine-taper", "pharmaco-smoking"])
def test_every_number_agrees_but_for_the_known_defects(name):
    opinions = second_opinions(open_study(locate(name)))
    differ = {(one.package, one.quantity) for one in opinions if not one.agrees}
    assert differ <= WRONG_ELSEWHERE
    assert all(one.explained for one in opinions if not one.agrees)
    asked = Counter(one.package for one in opinions)
    if "lifelines" not in missing_packages():
        assert asked["lifelines"] > 10
    if shutil.which("Rscript"):
        assert asked["R survival"] > 15
        deaths = {one.quantity for one in opinions if one.quantity.startswith("F2")}
        assert bool(deaths) == (name == "ketamine-taper")


def test_the_command_names_the_package_and_the_reason():
    result = CliRunner().invoke(
        main, ["verify", "--second-opinion", "ketamine-taper", "--format", "json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["synthetic"] is True
    verdicts = {row["verdict"] for row in found["opinions"] if row["package"] == "lifelines"}
    assert "agrees" in verdicts
    assert any("variance" in verdict for verdict in verdicts)


def test_a_paper_or_a_study_has_to_be_named():
    assert CliRunner().invoke(main, ["verify"]).exit_code == 2
