"""What the command line says of bad input that Python does not."""

import pytest
from click.testing import CliRunner

from survival_bzd import TimeToEvent
from survival_bzd.cli import main
from survival_bzd.errors import BadInput


def test_nothing_was_written_is_said_where_something_would_have_been(tmp_path):
    with pytest.raises(BadInput) as refused:
        TimeToEvent([-1], [1])
    assert str(refused.value).startswith("1 problem in the input.\n")
    file = tmp_path / "rows.csv"
    file.write_text("t,e\n-1,1\n")
    told = CliRunner().invoke(main, ["km", str(file), "--time", "t", "--event", "e"])
    assert told.stderr.startswith("Error: 1 problem in the input; nothing was written.\n")
