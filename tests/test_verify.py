"""A reviewer reruns a paper and is told what moved."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from survival_bzd.cli import main
from survival_bzd.errors import BadInput
from survival_bzd.records.supplied import copy
from survival_bzd.study import run
from survival_bzd.verify import verify

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A study of one's own beside its paper."""
    folder = tmp_path_factory.mktemp("work")
    copy("ketamine-taper", folder / "study")
    run(folder / "study", folder / "paper")
    return folder


@pytest.fixture
def work(written, tmp_path):
    """A copy that a test may change: paper and study move together."""
    return shutil.copytree(written, tmp_path / "work")


def flip_one_urine_result(study: Path) -> None:
    """Make the last specimen of 003, who is free at the last contact, positive."""
    path = study / "urine.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = max(
        number for number, line in enumerate(lines)
        if line.startswith("003,") and ",benzodiazepines,negative," in line
    )  # fmt: skip
    lines[place] = lines[place].replace("negative", "positive")
    path.write_text("".join(lines), encoding="utf-8")


def test_the_committed_paper_is_what_a_fresh_run_writes():
    found = verify(REPOSITORY / "paper")
    assert [str(difference) for difference in found.differences if difference.moved] == []
    assert found.compared_numbers > 1000


def test_nothing_moved(work):
    result = CliRunner().invoke(main, ["verify", str(work / "paper")])
    assert result.exit_code == 0, result.output
    assert "nothing moved" in result.stdout


def test_a_second_run_changes_no_byte(work):
    paper = work / "paper"
    before = {path: path.read_bytes() for path in paper.rglob("*") if path.is_file()}
    run(work / "study", paper)
    assert {path: path.read_bytes() for path in paper.rglob("*") if path.is_file()} == before


def test_a_flipped_result_names_the_number_that_moved(work):
    flip_one_urine_result(work / "study")
    result = CliRunner().invoke(main, ["verify", str(work / "paper")])
    assert result.exit_code == 1
    assert "urine.csv: has changed since the paper was written" in result.stdout
    assert "numbers.json: relapses.n: 6 -> 7 (+1)" in result.stdout


def test_an_edited_number_of_the_paper_is_named(work):
    path = work / "paper" / "numbers.json"
    numbers = json.loads(path.read_text(encoding="utf-8"))
    numbers["numbers"]["enrolled.n"]["value"] = 23
    path.write_text(json.dumps(numbers), encoding="utf-8")
    moved = [str(difference) for difference in verify(work / "paper").differences]
    assert moved == ["numbers.json: enrolled.n: 23 -> 22 (-1)"]


def test_an_edited_figure_and_a_missing_file_are_named(work):
    figure = work / "paper" / "figures" / "relapse_free.svg"
    figure.write_bytes(figure.read_bytes() + b"<!-- -->")
    (work / "paper" / "methods.md").unlink()
    moved = [str(difference) for difference in verify(work / "paper").differences]
    assert moved == [
        "figures/relapse_free.svg: comes out with other bytes",
        "methods.md: is missing from the paper",
    ]


def test_a_file_that_no_run_wrote_is_a_note(work):
    (work / "paper" / "figures" / "by_hand.png").write_bytes(b"")
    (work / "paper" / ".DS_Store").write_bytes(b"")
    result = CliRunner().invoke(main, ["verify", str(work / "paper")])
    assert result.exit_code == 0, result.output
    said = "note     figures/by_hand.png: is not written by the run, and was not compared\n"
    assert result.stdout.startswith(f"{said}nothing moved")


def test_what_moved_can_be_had_as_json(work):
    (work / "paper" / "methods.md").unlink()
    found = CliRunner().invoke(main, ["verify", str(work / "paper"), "--format", "json"])
    assert found.exit_code == 1
    document = json.loads(found.stdout)
    assert (document["moved"], document["differences"][0]["file"]) == (1, "methods.md")


def test_a_paper_without_its_study_says_so(work):
    path = work / "paper" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["study"] = "of-my-own"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    (work / "study").rename(work / "elsewhere")
    with pytest.raises(BadInput, match="--study"):
        verify(work / "paper")
    assert verify(work / "paper", work / "elsewhere").bytes_compared


def test_an_option_that_would_do_nothing_is_refused(work):
    for arguments in (
        [str(work / "paper"), "--endpoint", "relapse"],
        ["--second-opinion", "ketamine-taper", "--study", str(work / "study")],
    ):
        assert CliRunner().invoke(main, ["verify", *arguments]).exit_code == 2


def test_other_software_is_noted_and_bytes_are_not_compared(work):
    path = work / "paper" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["versions"]["matplotlib"] = "0.1"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    figure = work / "paper" / "figures" / "relapse_free.svg"
    figure.write_bytes(figure.read_bytes() + b"<!-- -->")
    found = verify(work / "paper")
    assert not found.moved
    assert not found.bytes_compared


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"manifest\.json"):
        verify(tmp_path)


def test_the_paper_of_another_study_is_not_overwritten(work):
    copy("pharmaco-smoking", work / "other")
    with pytest.raises(BadInput, match="paper of another study"):
        run(work / "other", work / "paper")


def test_no_file_of_a_paper_holds_a_time_of_day_or_a_path(work):
    for path in (work / "paper").rglob("*"):
        if path.suffix in (".json", ".csv", ".md", ".tex", ".typ", ".html", ".svg"):
            text = path.read_text(encoding="utf-8")
            assert str(work) not in text, path
            assert str(REPOSITORY) not in text, path


def test_a_failed_run_leaves_nothing(work, tmp_path):
    (work / "paper" / "manuscript.typ").write_text("#nothing-of-that-name", encoding="utf-8")
    before = sorted(path.name for path in work.iterdir())
    with pytest.raises(BadInput, match="manuscript"):
        run(work / "study", work / "paper")
    assert sorted(path.name for path in work.iterdir()) == before
