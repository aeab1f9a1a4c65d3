"""Times that no follow-up has are refused in words by every command, not turned into warnings."""

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

ROWS = "time,event,arm,weight\n5,1,a,1\n1e300,0,b,1\n12,1,b,2\n2e300,1,a,1\n"
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
