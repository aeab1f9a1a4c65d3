"""The errors a user can meet, each with the exit status of the command line.

::

    SurvivalBzdError         1   anything this package says no to
    ├── BadInput             3   records, rows or declarations break a rule; holds every `Fault`
    ├── NotEstimable         1   the data do not determine the number asked for
    └── MissingDependency    1   a library that this Python lacks is needed; says which

Wrong options are click's usage errors, exit status 2.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

SHOWN = 5
"""How many places of one fault a message lists before it says how many more there are."""

_ROWS = re.compile(r"\.(parquet|xlsx|xpt|sas7bdat|dta|json|ndjson)(, sheet .*)?$", re.IGNORECASE)
"""Files whose rows are no lines."""

LONG = 80
"""Characters of an offending value that a message shows."""


class SurvivalBzdError(Exception):
    """Root of this package's errors."""

    exit_code: ClassVar[int] = 1


class NotEstimable(SurvivalBzdError, ValueError):
    """The data do not determine what was asked for; the message says why."""


class MissingDependency(SurvivalBzdError, ImportError):
    """A library that is needed here has no release for this Python; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One broken rule at one place.

    Attributes
    ----------
    rule : what must hold, as a sentence that starts with the thing it is said of.
    remedy : what the user can do.
    file, line, column, patient : where, as far as known; in `study.toml` the column is a key. Lines
        count from 1, header included; in a file that is no CSV they are rows.
    value : the offending text, as written.
    """

    rule: str
    remedy: str
    file: str | None = None
    line: int | None = None
    column: str | None = None
    patient: str | None = None
    value: str | None = None


class BadInput(SurvivalBzdError, ValueError):
    """Input breaks rules; the message has every fault: where, what was found, rule, remedy."""

    exit_code = 3

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(_message(self.faults))

    def told(self, consequence: str) -> str:
        """Return the message with what follows from it in its first line."""
        return _message(self.faults, f"; {consequence}")


def _message(faults: tuple[Fault, ...], consequence: str = "") -> str:
    """Group the faults that break one rule in one column of one file; list their places."""
    groups: dict[tuple[str | None, str | None, str, str], list[Fault]] = {}
    for fault in faults:
        key = (fault.file, fault.column, fault.rule, fault.remedy)
        groups.setdefault(key, []).append(fault)
    count = len(faults)
    lines = [f"{count} problem{'s' if count > 1 else ''} in the input{consequence}."]
    for (file, column, rule, remedy), members in groups.items():
        kind = "key" if (file or "").endswith(".toml") else "column"
        where = ": ".join(part for part in (file, column and f"{kind} `{column}`") if part)
        lines.append(f"\n{where}: {rule}" if where else f"\n{rule}")
        places = [place for place in map(_place, members) if place]
        if places:
            hidden = len(places) - SHOWN
            more = f"; and {hidden} more" if hidden > 0 else ""
            found = "Found at" if members[0].line is not None else "Found:"
            lines.append(f"  {found} {'; '.join(places[:SHOWN])}{more}.")
        lines.append(f"  {remedy}")
    return "\n".join(lines)


def _place(fault: Fault) -> str:
    """Say one place of a fault in words: its line, patient and value."""
    where = []
    if fault.line is not None:
        unit = "row" if _ROWS.search(fault.file or "") else "line"
        where.append(f"{unit} {fault.line}")
    if fault.patient is not None:
        plain = fault.patient.isprintable() and fault.patient == fault.patient.strip()
        where.append(f"patient {fault.patient if plain else repr(fault.patient)}")
    text = ", ".join(where)
    if fault.value is None:
        return text
    shown = fault.value if len(fault.value) <= LONG else fault.value[:LONG] + "..."
    return f"{text}: {shown!r}" if text else f"{shown!r}"
