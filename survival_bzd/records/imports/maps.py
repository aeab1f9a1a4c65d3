"""The mapping files of imports: TOML that a user writes, checked with file and line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.declaration import line_of, parsed, validate

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class MapFile:
    """A mapping file as it was written.

    Attributes
    ----------
    name : of the file, as messages call it.
    text : what it holds.
    written : the same, read as TOML.
    """

    name: str
    text: str
    written: dict[str, Any]

    def section(
        self, model: type[Model], key: str, default: Mapping[str, Any] | None = None
    ) -> tuple[Model | None, list[Fault]]:
        """Check the section of a key against its model."""
        written = self.written.get(key, default or {})
        if not isinstance(written, Mapping):
            return None, [self._no_section((key,))]
        return self._checked(model, written, self.text, (key,), 0)

    def sections(self, model: type[Model], key: str) -> tuple[list[Model], list[Fault]]:
        """Check every `[[key]]` against its model; one that cannot be used is left out."""
        found = self.written.get(key, [])
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            rule = "the section may stand more than once, and is written in two brackets"
            return [], [self.fault(rule, f"Write [[{key}]].", (key,))]
        kept, faults = [], []
        for place, written in enumerate(found):
            skipped = self.line_of_section(key, place) - 1
            text = "".join(self.text.splitlines(keepends=True)[skipped:])
            section, problems = self._checked(model, written, text, (key,), skipped)
            kept += [section] if section is not None else []
            faults += problems
        return kept, faults

    def _no_section(self, path: Sequence[str]) -> Fault:
        return self.fault("it must be a section of keys", f"Write [{path[0]}].", path)

    def _checked(
        self, model: type[Model], written: Any, text: str, at: tuple[str, ...], skipped: int
    ) -> tuple[Model | None, list[Fault]]:
        section, faults = validate(model, written, text=text, at=at)
        return section, [
            replace(fault, file=self.name, line=fault.line and fault.line + skipped)
            for fault in faults
        ]

    def line_of_section(self, key: str, place: int) -> int:
        """Find the line of the header of the section `[[key]]` at this place among its equals."""
        opens = re.compile(rf"\s*\[\[\s*{re.escape(key)}\s*\]\]")
        lines = [n for n, line in enumerate(self.text.splitlines(), 1) if opens.match(line)]
        return lines[place] if place < len(lines) else 1

    def fault(
        self, rule: str, remedy: str, path: Sequence[str], value: str | None = None,
        section: int | None = None,
    ) -> Fault:  # fmt: skip
        """Name a fault of a key; `section` is its place among the sections of one name."""
        skipped = 0 if section is None else self.line_of_section(path[0], section) - 1
        text = "".join(self.text.splitlines(keepends=True)[skipped:])
        line = line_of(text, path)
        return Fault(
            rule=rule, remedy=remedy, file=self.name, line=line and line + skipped,
            column=".".join(path), value=value,
        )  # fmt: skip

    def unknown_sections(self, known: Sequence[str], copied: Sequence[str] = ()) -> list[Fault]:
        """Name the sections that the map must not have, and those to be copied that are none."""
        rule = f"the sections of a map are {', '.join(known)}"
        plain = [
            self._no_section((key,))
            for key, value in self.written.items()
            if key in copied and not isinstance(value, Mapping)
        ]
        return plain + [
            self.fault(rule, f"Correct its name{alike(key, known)}, or take it out.", (key,), key)
            for key in self.written
            if key not in set(known)
        ]


def read_map(path: Path) -> MapFile:
    """Read a mapping file.

    Raises
    ------
    BadInput
        If it cannot be read, or is not TOML.
    """
    rule, remedy = "the file must exist; it does not", "Correct its name, or write one: --scaffold."
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return MapFile(path.name, text, parsed(text, path.name))
    except UnicodeDecodeError:
        rule, remedy = "the file must be in UTF-8", "Save it as UTF-8."
    except FileNotFoundError:
        pass
    except OSError as error:
        rule, remedy = f"the file must be readable: {error.strerror}", "Give one that you may read."
    raise BadInput([Fault(rule=rule, file=path.name, remedy=remedy)])


def alike(name: str, known: Iterable[str]) -> str:
    """Suggest the names that look like one, for a remedy."""
    near = [
        one if one.isprintable() else repr(one)
        for one in difflib.get_close_matches(name, list(known), n=3)
    ]
    return f" (do you mean {' or '.join(near)}?)" if near else ""
