"""Published definitions of relapse, by name: `definition = "claims_gap_31"` in an endpoint."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A published definition.

    Attributes
    ----------
    name : what `study.toml` calls it.
    title : in one line.
    citation, doi : where it was published.
    says : what the paper says, in plain words.
    differs : what the keys cannot say, or had to choose.
    endpoint : the keys of an endpoint.
    """

    name: str
    title: str
    citation: str
    doi: str
    says: str
    differs: tuple[str, ...]
    endpoint: Mapping[str, Any]

    def toml(self, endpoint: str = "relapse") -> str:
        """Return the endpoint as it stands in `study.toml`, ready to paste.

        Examples
        --------
        >>> print(definitions()["three_positives"].toml())
        # Schottenfeld RS, Chawarski MC, Mazlan M. Lancet 2008;371(9631):2192-2200
        # doi:10.1016/S0140-6736(08)60954-X
        [endpoint.relapse]
        label = "Three positive urine tests in a row"
        origin = { at = "enrolment" }
        pattern = { rule = "consecutive", k = 3 }
        sources = ["urine"]
        missing = { rule = "relapse", gap_days = 7 }
        end = "outcome"
        horizons_months = [3, 6]
        """
        keys = [f"{key} = {_written(value)}" for key, value in self.endpoint.items()]
        head = [f"# {self.citation}", f"# doi:{self.doi}", f"[endpoint.{endpoint}]"]
        return "\n".join([*head, *keys])

    def explained(self) -> str:
        """Return everything about it as text, with the TOML."""
        differs = [f"  - {one}" for one in self.differs]
        short = f'[endpoint.relapse]\ndefinition = "{self.name}"'
        parts = [
            f"{self.name}: {self.title}",
            f"{self.citation}\nhttps://doi.org/{self.doi}",
            f"What it says: {self.says}",
            "\n".join(["What differs here:", *differs]),
            f"In study.toml, with other keys to change what it says:\n\n{short}",
            f"or in full:\n\n{self.toml()}",
        ]
        return "\n\n".join(parts) + "\n"


@cache
def definitions() -> Mapping[str, Definition]:
    """Return the published definitions, by name."""
    text = (resources.files("survival_bzd.endpoint") / "library.toml").read_text(encoding="utf-8")
    return {
        name: Definition(name=name, **{**found, "differs": tuple(found["differs"])})
        for name, found in tomllib.loads(text).items()
    }


def _written(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_written(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
