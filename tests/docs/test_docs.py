"""What the documentation prints is what its examples give, and its links lead somewhere.

Blocks of ``python`` with prompts are doctests, those without are only run; blocks of ``console``
with ``$ survival-bzd`` and blocks of ``r`` with ``#>`` show their output.
"""

import contextlib
import doctest
import inspect
import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from survival_bzd import estimate
from survival_bzd.cli import main

ROOT = Path(__file__).parents[2]
ESTIMATORS = ROOT / "docs" / "estimators"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = {page: page.relative_to(ROOT).as_posix() for page in PAGES}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:benchmarks|datasets|docs|paper|survival_bzd|tests)/[\w./-]+\.\w+)`")
SEPARATOR = "@@@ next @@@"


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [body for found, body in FENCE.findall(text) if found == language]


def holding(language: str, sign: str = "") -> list[Path]:
    return [page for page in PAGES if any(sign in body for body in blocks(page, language))]


def skip_without_its_library(page: Path) -> None:
    """Skip the page whose library has no release for every Python."""
    if page.name == "prediction.md":
        pytest.importorskip("sksurv")


@pytest.mark.parametrize("page", holding("python"), ids=NAMES.get)
def test_python_examples_give_what_is_printed(page: Path) -> None:
    skip_without_its_library(page)
    names: dict[str, object] = {}
    examples = []
    for body in blocks(page, "python"):
        if ">>>" in body:
            examples.append(body)
        else:
            exec(compile(body, str(page), "exec"), {})
    test = doctest.DocTestParser().get_doctest("\n".join(examples), names, page.name, None, None)
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    with contextlib.redirect_stdout(io.StringIO()):
        failed = runner.run(test, out=said.write).failed
    assert not failed, said.getvalue()


def commands(page: Path) -> list[tuple[str, str]]:
    """Return the commands of a page and the output printed below each."""
    found = []
    for body in blocks(page, "console"):
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, output = part.replace("\\\n", "").partition("\n")
            found.append((command, output))
    return found


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("page", holding("console", "$ survival-bzd"), ids=NAMES.get)
def test_commands_print_what_is_printed(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_its_library(page)
    monkeypatch.chdir(ROOT)
    for command, output in commands(page):
        program, *arguments = shlex.split(command)
        assert program == "survival-bzd"
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), command
        # A page may leave out what a command says on standard error.
        shown = result.output if lines(result.output) == lines(output) else result.stdout
        assert lines(shown) == lines(output), command


def chunks(body: str) -> list[tuple[str, str]]:
    """Split an R block into pieces of code, each with the output printed below it."""
    found: list[tuple[str, str]] = []
    code: list[str] = []
    output: list[str] = []
    for line in body.splitlines():
        if line.startswith("#>"):
            output.append(line.removeprefix("#>"))
            continue
        if output:
            found.append(("\n".join(code), "\n".join(output)))
            code, output = [], []
        code.append(line)
    return [*found, ("\n".join(code), "\n".join(output))]


def r_packages() -> set[str]:
    """Return the R packages that the pages ask for and that are installed here."""
    if shutil.which("Rscript") is None:
        return set()
    asked = {name for page in PAGES for body in blocks(page, "r") for name in asked_for(body)}
    names = ", ".join(f'"{name}"' for name in sorted(asked))
    code = f"cat(Filter(function(p) nzchar(system.file(package = p)), c({names})))"
    said = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    return set(said.stdout.split())


def asked_for(body: str) -> list[str]:
    return re.findall(r"library\(([\w.]+)\)", body)


def test_r_gives_what_is_printed(tmp_path: Path) -> None:
    installed = r_packages()
    if "survival" not in installed:
        pytest.skip("R or its package survival is not installed")
    program, expected = [], []
    for page in holding("r"):
        # A page whose packages are not all here is left out as a whole: its blocks share names.
        if not set(asked_for("".join(blocks(page, "r")))) <= installed:
            continue
        program.append("rm(list = ls())")
        for code, output in (chunk for body in blocks(page, "r") for chunk in chunks(body)):
            program += [code, f'cat("{SEPARATOR}\\n")']
            expected.append((NAMES[page], output))
    script = tmp_path / "docs.R"
    script.write_text("\n".join(program), encoding="utf-8")
    said = subprocess.run(
        ["Rscript", "--vanilla", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert said.returncode == 0, said.stderr
    found = said.stdout.split(SEPARATOR)[:-1]
    for (page_name, output), got in zip(expected, found, strict=True):
        assert got.split() == output.split(), page_name


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as the forges make them of its headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_links_and_named_files_exist(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link
    for name in NAMED_FILE.findall(text):
        assert (ROOT / name).is_file(), name


def test_every_page_of_an_estimator_is_in_the_index() -> None:
    index = set(LINK.findall((ESTIMATORS / "README.md").read_text(encoding="utf-8")))
    assert {page.name for page in ESTIMATORS.glob("*.md")} - index == {"README.md"}


def test_every_function_of_the_estimate_layer_is_described() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in ESTIMATORS.glob("*.md"))
    functions = [name for name in estimate.__all__ if inspect.isfunction(getattr(estimate, name))]
    assert [name for name in functions if f"`{name}" not in text] == []


def test_every_address_of_a_source_is_a_doi_or_https() -> None:
    for page in ESTIMATORS.glob("*.md"):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            assert "://" not in link or link.startswith("https://"), link
