"""Refresh the size and checksum of every file that the data packages name: `python describe.py`.

The rest of a `datapackage.json` (licence, sources, schema) is written by hand. A table whose header
differs from its schema is refused.
"""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def refreshed(package: Path) -> str:
    """Return a `datapackage.json` with the sizes and checksums of the files beside it."""
    descriptor = json.loads(package.read_text(encoding="utf-8"))
    for resource in descriptor["resources"]:
        file = package.parent / resource["path"]
        content = file.read_bytes()
        resource["bytes"] = len(content)
        resource["hash"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
        _check_header(file, resource)
    return json.dumps(descriptor, indent=2, ensure_ascii=False) + "\n"


def _check_header(file: Path, resource: dict[str, Any]) -> None:
    """Refuse a table whose columns are not those of its schema."""
    if "schema" not in resource:
        return
    with file.open(encoding="utf-8", newline="") as table:
        header = next(csv.reader(table))
    declared = [field["name"] for field in resource["schema"]["fields"]]
    if header != declared:
        raise SystemExit(f"{file}: the header is {header}, the schema says {declared}")


if __name__ == "__main__":
    for package in sorted(HERE.glob("*/datapackage.json")):
        package.write_text(refreshed(package), encoding="utf-8")
