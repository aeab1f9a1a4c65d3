"""Each supplied study comes with a Frictionless data package that fits its files."""

import configparser
import csv
import datetime
import json
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATASETS = ROOT / "datasets"
FOLDERS = sorted(path.parent for path in DATASETS.glob("*/study.toml"))
PARSERS = {
    "string": str,
    "integer": int,
    "number": float,
    "date": datetime.date.fromisoformat,
}

in_each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def descriptor(folder: Path) -> dict:
    return json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))


@in_each
def test_sizes_and_checksums_are_those_of_the_files(folder):
    refreshed = runpy.run_path(str(DATASETS / "describe.py"))["refreshed"]
    package = folder / "datapackage.json"
    assert package.read_text(encoding="utf-8") == refreshed(package)


@in_each
def test_every_table_is_described(folder):
    named = {resource["path"] for resource in descriptor(folder)["resources"]}
    assert named == {path.name for path in folder.iterdir() if path.suffix in {".csv", ".toml"}}


@in_each
def test_name_title_and_licence_are_the_same_everywhere(folder):
    study = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))["study"]
    package = descriptor(folder)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert study["name"] == package["name"] == folder.name
    assert study["title"] == package["title"]
    assert readme.startswith(f"# {folder.name}:")
    assert f"- Licence: {package['licenses'][0]['name']}" in readme


def values(folder: Path) -> list[tuple[str, dict, list[str]]]:
    columns = []
    for resource in descriptor(folder)["resources"]:
        if "schema" not in resource:
            continue
        with (folder / resource["path"]).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for field in resource["schema"]["fields"]:
            cells = [row[field["name"]] for row in rows]
            columns.append((resource["path"], field, cells))
    return columns


@in_each
def test_every_value_fits_its_schema(folder):
    for path, field, cells in values(folder):
        rules = field.get("constraints", {})
        where = f"{path}: {field['name']}"
        given = [PARSERS[field["type"]](cell) for cell in cells if cell]
        assert not (rules.get("required") and "" in cells), where
        assert not rules.get("unique") or len(set(cells)) == len(cells), where
        assert all(value in rules.get("enum", given) for value in given), where
        assert all(value >= rules.get("minimum", value) for value in given), where
        assert all(value <= rules.get("maximum", value) for value in given), where


def test_the_wheel_gets_every_package_and_the_supplied_studies():
    layout = configparser.ConfigParser()
    layout.read(ROOT / "setup.cfg")
    listed = set(layout["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "survival_bzd").rglob("__init__.py")
    }
    assert listed == found | {"survival_bzd.datasets"}
