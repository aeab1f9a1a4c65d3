"""What must hold of the repository's files: the lock, the metadata, and what no file may name."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

# In parts, so that this file does not name them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("deb", "debian", "org"),
    )
]
MACHINE_PATH = re.compile(rb"(?<![\w.:/~-])/(?:root|work|home/\w+|Users/\w+)/\w")


def locked(python: str) -> dict[str, Version]:
    """Read the versions that the lock holds for one version of Python on Linux."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_python_implementation": "CPython",
    }
    versions: dict[str, Version] = {}
    for line in LOCK:
        requirement = Requirement(line.split("--hash")[0])
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in versions, f"{name} is locked twice for Python {python}"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            versions[name] = Version(pin.version)
    return versions


def wanted(python: str) -> list[Requirement]:
    """Read what pyproject.toml asks for on one version of Python."""
    asked = map(
        Requirement, PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    )
    return [
        requirement
        for requirement in asked
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python})
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_every_dependency_in_a_version_that_fits(python: str) -> None:
    versions = locked(python)
    for requirement in wanted(python):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_every_locked_package_has_a_hash_and_no_address() -> None:
    for line in LOCK:
        assert re.search(r" --hash=sha256:[0-9a-f]{64}\b", line), line
        assert "://" not in line


def test_scikit_survival_is_locked_where_it_needs_no_compiler() -> None:
    assert {python: "scikit-survival" in locked(python) for python in PYTHONS} == {
        "3.11": True,
        "3.12": True,
        "3.13": False,
        "3.14": False,
    }


def test_the_version_is_the_same_in_every_file() -> None:
    version = PROJECT["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_wheel_holds_every_file_of_the_package_and_of_the_supplied_studies(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    derived = shutil.ignore_patterns("__pycache__")
    for folder in ("survival_bzd", "datasets"):
        shutil.copytree(ROOT / folder, source / folder, ignore=derived)
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, tmp_path], cwd=source, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    built = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("survival_bzd", "survival_bzd"), ("datasets", "survival_bzd/datasets")):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        expected = {
            f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
            for path in files
            if path.parent.name != "__pycache__"
        }
        assert expected - built == set()


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    paths = (ROOT / name for name in listing.split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_no_file_names_a_package_registry(tracked: list[Path]) -> None:
    assert tracked
    for path in tracked:
        content = path.read_bytes()
        assert not [host for host in REGISTRIES if host.encode() in content], path


def test_no_file_names_a_path_of_one_machine(tracked: list[Path]) -> None:
    for path in tracked:
        assert not MACHINE_PATH.findall(path.read_bytes()), path
