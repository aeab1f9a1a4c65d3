"""`./run` with a stub for Python: what is installed, when, and what is said where it cannot be."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("cat", "chmod", "cp", "dirname", "mkdir", "rm", "sed", "sh", "sleep")

# Answers questions with the real interpreter, after `pretence`; notes what it is asked to install.
STUB = """#!/bin/sh
case "$1 $2" in
"-m venv")
    echo "$*" >>'{calls}'
    for folder; do :; done
    mkdir -p "$folder/bin"
    cp "$0" "$folder/bin/python"
    case $* in *--without-pip*) ;; *) cp "$0" "$folder/bin/pip" ;; esac
    ;;
"-m pip")
    echo "$*" >>'{calls}'
    sleep 0.05
    if [ -e '{calls}.broken' ]; then echo "nothing matches the hash"; exit 1; fi
    ;;
*)
    while [ "$1" != -c ]; do shift; done
    shift
    exec '{real}' -c '{pretence}
import sys
exec(sys.argv.pop(1))' "$@"
    ;;
esac
"""

WITHOUT_ENSUREPIP = 'import sys; sys.modules["ensurepip"] = None'
WITHOUT_VENV = 'import sys; sys.modules["venv"] = None'
WITHOUT_PIP = WITHOUT_ENSUREPIP + '; sys.modules["pip"] = None'
LENDING_PIP = WITHOUT_ENSUREPIP + '; sys.modules["pip"] = type("pip", (), {"__version__": "22.3"})'
OLD_PIP = WITHOUT_ENSUREPIP + '; sys.modules["pip"] = type("pip", (), {"__version__": "22.2.2"})'
PYTHON_3_9 = 'import sys; sys.version_info = (3, 9, 2, "final", 0)'
ANOTHER_BUILD = 'import sys; sys.version = "another build"'


@dataclass(frozen=True)
class Checkout:
    """A checkout that holds only what `run` reads, on a machine that has only stubs of Python."""

    root: Path
    machine: Path

    def python(self, pretence: str = "", name: str = "python3") -> Path:
        path = self.machine / name
        path.write_text(
            STUB.format(calls=self.machine / "calls", real=sys.executable, pretence=pretence)
        )
        path.chmod(0o755)
        return path

    def start(
        self, command: Sequence[str], *, cwd: Path | None = None, **variables: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "run", *command],
            cwd=cwd or self.root,
            env={"PATH": str(self.machine), "HOME": str(self.machine), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *command: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        with self.start(command, cwd=cwd, **variables) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def calls(self) -> list[str]:
        """What was asked of the stubs since the last look."""
        path = self.machine / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def break_pip(self) -> None:
        (self.machine / "calls.broken").touch()

    def mend_pip(self) -> None:
        (self.machine / "calls.broken").unlink()

    def tool(self, name: str, body: str) -> None:
        """Put a script into the environment."""
        path = self.root / ".venv/bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, machine = tmp_path / "a checkout", tmp_path / "machine"
    root.mkdir()
    machine.mkdir()
    for name in ("run", "requirements.lock", "pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, root)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (machine / tool).symlink_to(found)
    return Checkout(root, machine)


# What a whole set-up makes and installs, in this order.
WHOLE = ["environment", ".venv/setuptools.lock", "requirements.lock", "package"]


def steps(calls: Sequence[str]) -> list[str]:
    """Shorten each call to what it made or installed."""
    shortened = []
    for call in calls:
        words = call.split()
        if "venv" in words:
            shortened.append("environment")
        elif "--editable" in words:
            shortened.append("package")
        else:
            shortened.append(words[words.index("--requirement") + 1])
    return shortened


@pytest.mark.parametrize(("shell", "script"), [("sh", "run"), ("bash", ".ci/run")])
def test_scripts_are_executable_and_parse(shell: str, script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run([shell, "-n", ROOT / script], check=True)


def test_without_a_command_it_says_how_it_is_used(checkout: Checkout) -> None:
    done = checkout.run()
    assert (done.returncode, done.stdout) == (2, "")
    assert "./run paper" in done.stderr
    asked = checkout.run("--help")
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, done.stderr, "")


def test_first_run_installs_only_what_the_lock_holds(checkout: Checkout) -> None:
    checkout.python()
    done = checkout.run("sh", "-c", "echo $VIRTUAL_ENV; command -v python")
    environment = checkout.root / ".venv"
    assert done.stdout.splitlines() == [str(environment), str(environment / "bin/python")]
    assert len(done.stderr.splitlines()) == 1
    calls = checkout.calls()
    assert steps(calls) == WHOLE
    assert "--clear" in calls[0]
    assert all("--require-hashes" in call for call in calls[1:3])
    assert "--no-deps" in calls[3]
    assert all("--no-build-isolation" in call for call in calls[1:])


def test_setuptools_comes_first_with_its_hashes(checkout: Checkout) -> None:
    checkout.python()
    checkout.run("sh", "-c", "exit 0")
    lines = (checkout.root / ".venv/setuptools.lock").read_text().splitlines()
    assert lines[0].startswith("setuptools==")
    assert len(lines) > 1
    assert all(line.lstrip().startswith("--hash=sha256:") for line in lines[1:])


def test_second_run_installs_nothing_and_starts_at_once(checkout: Checkout) -> None:
    checkout.python()
    checkout.run("sh", "-c", "exit 0")
    checkout.calls()
    began = time.perf_counter()
    done = checkout.run("sh", "-c", "exit 7")
    assert time.perf_counter() - began < 2
    assert (done.returncode, done.stderr) == (7, "")
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [("requirements.lock", WHOLE), ("pyproject.toml", ["package"]), ("setup.cfg", ["package"])],
)
def test_a_change_installs_again_what_depends_on_it(
    checkout: Checkout, changed: str, expected: list[str]
) -> None:
    checkout.python()
    checkout.run("sh", "-c", "exit 0")
    checkout.calls()
    with (checkout.root / changed).open("a") as file:
        file.write("# changed\n")
    checkout.run("sh", "-c", "exit 0")
    assert steps(checkout.calls()) == expected


def test_a_moved_checkout_is_set_up_again(checkout: Checkout) -> None:
    checkout.python()
    checkout.run("sh", "-c", "exit 0")
    checkout.calls()
    moved = Checkout(checkout.root.rename(checkout.root.with_name("moved")), checkout.machine)
    moved.run("sh", "-c", "exit 0")
    assert steps(moved.calls()) == WHOLE


def test_another_interpreter_is_set_up_again_and_then_kept(checkout: Checkout) -> None:
    checkout.python()
    other = checkout.python(ANOTHER_BUILD, "other")
    checkout.run("sh", "-c", "exit 0")
    checkout.calls()
    checkout.run("sh", "-c", "exit 0", PYTHON=str(other))
    assert steps(checkout.calls()) == WHOLE
    checkout.run("sh", "-c", "exit 0")
    assert checkout.calls() == []


def test_a_set_up_that_fails_says_what_pip_said_and_starts_afresh(checkout: Checkout) -> None:
    checkout.python()
    checkout.break_pip()
    done = checkout.run("sh", "-c", "echo ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert "nothing matches the hash" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr
    assert steps(checkout.calls()) == WHOLE[:2]
    checkout.mend_pip()
    assert checkout.run("sh", "-c", "echo ran").stdout == "ran\n"
    assert steps(checkout.calls()) == WHOLE


def test_an_interrupted_set_up_starts_afresh(checkout: Checkout) -> None:
    checkout.python()
    with checkout.start(["sh", "-c", "exit 0"]) as process:
        while not (checkout.machine / "calls").exists():
            time.sleep(0.01)
        process.kill()
    checkout.run("sh", "-c", "exit 0")
    assert steps(checkout.calls())[-4:] == WHOLE


def test_two_runs_at_once_make_one_environment(checkout: Checkout) -> None:
    checkout.python()
    both = [checkout.start(["sh", "-c", "echo ran"]) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in both] == ["ran\n", "ran\n"]
    assert steps(checkout.calls()) == WHOLE


def test_where_ensurepip_is_missing_the_pip_of_the_machine_is_lent(checkout: Checkout) -> None:
    checkout.python(LENDING_PIP)
    assert checkout.run("sh", "-c", "exit 0").returncode == 0
    calls = checkout.calls()
    assert steps(calls) == WHOLE
    assert "--without-pip" in calls[0]
    assert all(call.startswith("-m pip --python .venv/bin/python") for call in calls[1:])


@pytest.mark.parametrize("pretence", [WITHOUT_PIP, OLD_PIP, WITHOUT_VENV])
def test_where_no_environment_can_be_made_it_says_what_to_install(
    checkout: Checkout, pretence: str
) -> None:
    checkout.python(pretence)
    done = checkout.run("sh", "-c", "exit 0")
    major, minor = sys.version_info[:2]
    assert done.returncode == 125
    assert "venv or ensurepip is missing" in done.stderr
    assert f"    sudo apt-get install python{major}.{minor}-venv\n" in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_an_interpreter_that_can_is_preferred_to_one_that_cannot(checkout: Checkout) -> None:
    checkout.python(WITHOUT_PIP, "python3.11")
    (checkout.machine / "python3.12").write_text("#!/bin/sh\necho no such version >&2; exit 127\n")
    (checkout.machine / "python3.12").chmod(0o755)
    checkout.python(PYTHON_3_9, "python3")
    checkout.python("", "python3.13")
    done = checkout.run("sh", "-c", "exit 0")
    assert done.returncode == 0
    assert "no such version" not in done.stderr
    assert steps(checkout.calls()) == WHOLE


def test_an_old_python_is_named(checkout: Checkout) -> None:
    old = checkout.python(PYTHON_3_9)
    done = checkout.run("sh", "-c", "exit 0")
    assert done.returncode == 125
    assert f"Python 3.11 or newer was not found ({old} is Python 3.9.2)." in done.stderr
    assert "sudo apt-get install python3 python3-venv" in done.stderr


def test_no_python_at_all(checkout: Checkout) -> None:
    done = checkout.run("sh", "-c", "exit 0")
    assert done.returncode == 125
    assert done.stderr.startswith("run: Python 3.11 or newer was not found.\n")


def test_python_names_the_interpreter(checkout: Checkout) -> None:
    checkout.python(PYTHON_3_9)
    checkout.python("", "mine")
    assert checkout.run("sh", "-c", "exit 0", PYTHON="mine").returncode == 0
    here = checkout.machine
    assert checkout.run("sh", "-c", "exit 0", cwd=here, PYTHON="./mine").returncode == 0
    assert steps(checkout.calls()) == WHOLE


@pytest.mark.parametrize("name", ["no-such-python", "/no/such/python", "./python"])
def test_a_named_interpreter_that_does_not_run(checkout: Checkout, name: str) -> None:
    checkout.python()
    done = checkout.run("sh", "-c", "exit 0", PYTHON=name)
    assert done.returncode == 125
    assert "does not run." in done.stderr


def test_a_command_runs_where_it_was_called_without_foreign_paths(checkout: Checkout) -> None:
    checkout.python()
    done = checkout.run(
        "sh", "-c", "pwd; echo ${PYTHONPATH-none}", cwd=checkout.machine, PYTHONPATH="elsewhere"
    )
    assert done.stdout.splitlines() == [str(checkout.machine), "none"]


def test_paper_is_the_command_line_tool(checkout: Checkout) -> None:
    checkout.python()
    checkout.run("sh", "-c", "exit 0")
    checkout.tool("survival-bzd", 'echo "$@"; exit 3')
    done = checkout.run("paper", "my study", "--force")
    assert (done.returncode, done.stdout) == (3, "paper my study --force\n")


def test_every_check_runs_and_the_failed_ones_are_named(checkout: Checkout) -> None:
    checkout.python()
    checkout.run("sh", "-c", "exit 0")
    for name in ("ruff", "lint-imports", "pytest"):
        checkout.tool(name, "exit 0")
    checkout.tool("mypy", "exit 1")
    done = checkout.run("test", "-k", "cox", cwd=checkout.machine)
    said = done.stderr.splitlines()
    assert done.returncode == 1
    assert [line.split()[1] for line in said[:-1]] == [
        *("ruff", "ruff", "mypy", "lint-imports", "pytest")
    ]
    assert said[-2].endswith("-k cox")
    assert said[-1] == "run: failed: mypy"
    checkout.tool("mypy", "exit 0")
    assert checkout.run("test").returncode == 0
