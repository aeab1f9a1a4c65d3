"""A warning reaches whoever looks, and once."""

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main

FEW = "events per coefficient"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("time,event,x\n5,1,1\n9,0,2\n12,1,4\n15,0,3\n20,1,5\n")
    return path


def cox(file, *options):
    columns = ["--time", "time", "--event", "event", "--formula", "x"]
    return CliRunner().invoke(main, ["cox", str(file), *columns, *options])


@pytest.mark.parametrize("form", ["table", "latex", "markdown"])
def test_a_warning_that_stands_under_the_table_is_not_said_again(file, form):
    told = cox(file, "--format", form)
    assert FEW in told.stdout
    assert told.stderr == ""


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_warning_that_no_reader_of_the_result_sees_is_said(file, form):
    assert cox(file, "--format", form).stderr.count(FEW) == 1


def test_a_warning_of_a_result_in_a_file_is_said(file, tmp_path):
    told = cox(file, "--output", str(tmp_path / "table.txt"))
    assert told.stderr.count(FEW) == 1
    assert FEW not in told.stdout
