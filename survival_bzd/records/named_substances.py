"""The substances that records name: each name gets its class, declared or from the dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from survival_bzd.errors import Fault
from survival_bzd.records.declaration import DECLARATION, StudyDeclaration
from survival_bzd.records.engine import Engine
from survival_bzd.records.schema import SUBSTANCE_COLUMNS
from survival_bzd.records.substances import Match, match

LINES_SHOWN = 3
"""So many lines of a name that is not known are told; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSubstance:
    """A name of a substance in the records.

    Attributes
    ----------
    name : as written.
    class_ : the class that it is in; "" where nobody knows.
    inn : the drug of the dictionary that it names; "" where it names none, or several.
    how : ``"declared"``, or how the dictionary matched it, or why it did not.
    rows : rows of the records that hold it.
    """

    name: str
    class_: str
    inn: str
    how: str
    rows: int


def class_substances(
    engine: Engine, declaration: StudyDeclaration, columns: Mapping[str, Mapping[str, str]]
) -> tuple[NamedSubstance, ...]:
    """Make the table `substance` (name, class, inn); return the names that the records hold.

    A declared name keeps its class. With ``dictionary = true`` the dictionary classes the others;
    what it cannot class stays out of the table, and `unknown_substances` reports it. The drug is
    looked up for every name, declared or not.
    """
    declared = {name: group for group, names in declaration.substances.items() for name in names}
    rows = _held(engine, columns)
    unsure = [name for name in rows if name not in declared] if declaration.dictionary else []
    asked = list(dict.fromkeys((*declared, *rows)))
    found = {one.text: one for one in match(asked, near=False)}
    found.update({one.text: one for one in match(unsure)})
    known = {
        name: declared.get(name, found[name].class_)
        for name in asked
        if name in declared or (declaration.dictionary and found[name].is_matched)
    }
    engine.execute("CREATE TABLE substance (name VARCHAR, class VARCHAR, inn VARCHAR)")
    engine.append(
        "substance",
        {
            "name": list(known),
            "class": list(known.values()),
            "inn": [found[name].inn or None for name in known],
        },
    )
    return tuple(
        _named(found[name], declared.get(name), known.get(name, ""), count)
        for name, count in rows.items()
    )


def unknown_substances(
    engine: Engine,
    table: str,
    column: str,
    declaration: StudyDeclaration,
    columns: Mapping[str, str],
    named: tuple[NamedSubstance, ...],
) -> Iterator[Fault]:
    """Name each substance without a class once: the same is wrong with all its rows."""
    query = (
        f"SELECT t.{column}, t.line, t.place, t.held FROM (SELECT {column}, line, "
        f"ROW_NUMBER() OVER (PARTITION BY {column} ORDER BY line) AS place, "
        f"COUNT(*) OVER (PARTITION BY {column}) AS held FROM {table} "
        f"WHERE {column} IS NOT NULL) AS t LEFT JOIN substance AS s ON s.name = t.{column} "
        f"WHERE s.name IS NULL AND t.place <= {LINES_SHOWN} ORDER BY t.line"
    )
    lines: dict[str, list[int]] = {}
    held: dict[str, int] = {}
    for name, line, _, count in engine.rows(query):
        lines.setdefault(name, []).append(line)
        held[name] = count
    why = {one.name: one.how for one in named}
    for name, places in lines.items():
        rule = "a substance must be declared, also one that does not count (its first row is named)"
        remedy = (
            f"Add it to a class in [substances] of {DECLARATION}, such as not_counted, or "
            "correct its spelling: capitals matter."
        )
        value = name
        if declaration.dictionary:
            rule = f"the dictionary cannot class the substance {name!r}: {why.get(name, '')}"
            remedy = (
                f"Declare it in [substances] of {DECLARATION}: in its class, or in not_counted if "
                "it never counts."
            )
            more = held[name] - len(places)
            said = ", ".join(map(str, places)) + (f" and {more} more" if more else "")
            value = f"{name} in line{'s' if held[name] > 1 else ''} {said}"
        yield Fault(
            rule=rule,
            remedy=remedy,
            file=declaration.tables[table].called,
            line=places[0],
            column=columns[column],
            value=value,
        )


def _held(engine: Engine, columns: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Count the rows of each name, over all tables."""
    tables = [
        f"SELECT {column} AS name FROM {table} WHERE {column} IS NOT NULL"
        for table, column in SUBSTANCE_COLUMNS.items()
        if column in columns.get(table, ())
    ]
    if not tables:
        return {}
    query = (
        f"SELECT name, COUNT(*) FROM ({' UNION ALL '.join(tables)}) AS held "
        "GROUP BY name ORDER BY name"
    )
    return dict((name, count) for name, count in engine.rows(query))


def _named(one: Match, declared: str | None, class_: str, rows: int) -> NamedSubstance:
    how = one.why if declared is None else "declared"
    return NamedSubstance(name=one.text, class_=class_, inn=one.inn, how=how, rows=rows)
