"""The data file of the dictionary, parsed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


@cache
def entries() -> Mapping[str, Any]:
    """Return what `dictionary.toml` holds."""
    text = (resources.files(__package__) / "dictionary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
