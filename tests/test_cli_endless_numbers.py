"""Numbers that no study has are refused in words by every command, not turned into warnings."""

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

ROWS = "time,event,arm,weight\n5,1,a,1\n1e300,0,b,1\n12,1,b,2\n2e300,1,a,1\n"
LARGE = "time,event,x,y\n5,1,1e300,a\n9,0,2,b\n12,1,-4e200,a\n15,0,3,b\n"
COMMANDS = (
    ("km",),
    ("rmst",),
    ("hazard", "--windows", "0,10,20"),
    ("compare", "--by", "arm"),
    ("cox", "--formula", "arm"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_endless_times_are_one_fault_with_the_bound(tmp_path, command):
    file = tmp_path / "rows.csv"
    file.write_text(ROWS)
    name, *options = command
    told = CliRunner().invoke(
        main, [name, str(file), "--time", "time", "--event", "event", *options]
    )
    assert told.exit_code == 3
    assert "a time must be below 1e15" in told.output
    assert "line 3" in told.output
    assert "line 5" in told.output
    assert "longer unit" in told.output


@pytest.mark.parametrize("formula", ["x", "x + y"])
def test_endless_covariates_are_named_and_not_said_to_be_constant(tmp_path, formula):
    file = tmp_path / "rows.csv"
    file.write_text(LARGE)
    columns = ["--time", "time", "--event", "event", "--formula", formula]
    told = CliRunner().invoke(main, ["cox", str(file), *columns])
    assert told.exit_code == 3
    assert "must be below 1e50" in told.output
    assert "'row 1'; 'row 3'" in told.output
