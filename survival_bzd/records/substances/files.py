"""Files of names and doses: what each name is, and what each dose is under each table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.engine import Engine
from survival_bzd.records.formats import read_table
from survival_bzd.records.loading import load_text
from survival_bzd.records.substances.dictionary import dictionary
from survival_bzd.records.substances.matching import Match, match
from survival_bzd.records.text_table import TextTable, named

if TYPE_CHECKING:
    import pandas as pd

NUMBER = r"^[+]?([0-9]+\.?[0-9]*|\.[0-9]+)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesMatched:
    """The distinct names of a column, what each was taken for, and how often it stands there.

    Attributes
    ----------
    matches : the matched ones first, each part in the order of the names.
    rows, lines : name -> rows that hold it, and the first of their lines.
    """

    matches: tuple[Match, ...]
    rows: Mapping[str, int]
    lines: Mapping[str, int]

    @property
    def unmatched(self) -> tuple[Match, ...]:
        """The names without a class."""
        return tuple(one for one in self.matches if not one.is_matched)


def match_file(path: Path, column: str, *, delimiter: str = ",") -> NamesMatched:
    """Match the names in a column of a file; empty cells are passed over.

    Raises
    ------
    BadInput
        If the file cannot be read as a table, or has no such column.
    """
    engine, _ = _loaded(path, {"name": column}, delimiter)
    held = engine.rows(
        "SELECT name, COUNT(*), MIN(line) FROM given WHERE TRIM(name) <> '' "
        "GROUP BY name ORDER BY name"
    )
    found = match(name for name, _, _ in held)
    return NamesMatched(
        matches=tuple(sorted(found, key=lambda one: not one.is_matched)),
        rows={name: rows for name, rows, _ in held},
        lines={name: line for name, _, line in held},
    )


def dose_covariates(
    path: Path,
    *,
    column: str,
    mg: str,
    patient: str | None = None,
    cut: float = 10.0,
    delimiter: str = ",",
) -> pd.DataFrame:
    """Convert doses under every table of equivalents, and show for whom a cut depends on it.

    Parameters
    ----------
    path : a file with one row per drug and patient.
    column, mg : its columns of the substance and of the daily dose in mg.
    patient : its column of the patient, whose doses are then added up; by default each row is its
        own, named by its line.
    cut : mg of diazepam a day; a covariate says whether the dose is over it.

    Returns
    -------
    DataFrame
        A row per patient: `patient` (or `line`), `substances` (what was converted), for each table
        `diazepam_mg_<table>`, `lower_<table>` and `upper_<table>` (at the ends of printed ranges)
        and `over_<table>` (1, 0), all empty where the table does not print one of the patient's
        drugs; `flips` (1 where the tables disagree on the cut) and `in_range_of` (the tables whose
        printed range has the cut within).

    Raises
    ------
    BadInput
        With every name that is not one drug of the dictionary, and every dose that is no number.
    """
    columns = {"name": column, "mg": mg, **({"patient": patient} if patient else {})}
    engine, name = _loaded(path, columns, delimiter)
    found = match(text for (text,) in engine.rows("SELECT DISTINCT name FROM given ORDER BY name"))
    faults = [*_name_faults(engine, found, name, column), *_dose_faults(engine, name, mg)]
    if faults:
        raise BadInput(faults)
    _put_factors(engine, found)
    who = "patient" if patient else "line"
    return engine.frame(_doses_sql(who, cut))


def _loaded(path: Path, columns: Mapping[str, str], delimiter: str) -> tuple[Engine, str]:
    """Put columns of a file into the table `given`; return the engine and the file's name."""
    text = read_table(path, name=path.name, delimiter=delimiter)
    faults = list(_missing(text, columns.values()))
    if faults:
        raise BadInput(faults)
    engine = Engine.start()
    load_text(engine, "given", text, columns)
    if text.faults:
        raise BadInput(text.faults)
    return engine, path.name


def _missing(text: TextTable, columns: Iterable[str]) -> Iterator[Fault]:
    for column in columns:
        if column not in text.header:
            yield Fault(
                rule="the file must have this column",
                remedy=f"It has {named(text.header)}.",
                file=text.name,
                line=1,
                value=column,
            )


def _name_faults(
    engine: Engine, found: tuple[Match, ...], file: str, column: str
) -> Iterator[Fault]:
    """Name each substance that is not one drug of the dictionary, with its first line."""
    first = dict(
        (name, line)
        for name, line in engine.rows("SELECT name, MIN(line) FROM given GROUP BY name")
    )
    for one in found:
        if not one.inn:
            yield Fault(
                rule="a dose is converted for one drug of the dictionary; this name is none: "
                f"{one.why if one.text.strip() else 'it is empty'}",
                remedy="Write the drug, or take the row out.",
                file=file,
                line=first[one.text],
                column=column,
                value=one.text,
            )


def _dose_faults(engine: Engine, file: str, column: str) -> Iterator[Fault]:
    query = (
        f"SELECT line, mg FROM given WHERE NOT regexp_matches(TRIM(mg), '{NUMBER}') ORDER BY line"
    )
    for line, value in engine.rows(query):
        yield Fault(
            rule="a dose must be a number of mg a day, zero or more, with a decimal point",
            remedy="Correct it, or take the row out.",
            file=file,
            line=line,
            column=column,
            value=value,
        )


def _put_factors(engine: Engine, found: tuple[Match, ...]) -> None:
    """Make the table `factor`: what 1 mg of each name is worth, under each table that prints it."""
    book = dictionary()
    engine.execute(
        "CREATE TABLE factor (name VARCHAR, inn VARCHAR, tab VARCHAR, low DOUBLE, used DOUBLE, "
        "high DOUBLE)"
    )
    rows = [
        (one.text, one.inn, key, per / high, per / ((low + high) / 2), per / low)
        for one in found
        for key, table in book.tables.items()
        for per in (table.diazepam_mg,)
        for low, high in (book.substances[one.inn].equivalents.get(key, (None, None)),)
        if low is not None and high is not None
    ]
    keys = ("name", "inn", "tab", "low", "used", "high")
    engine.append("factor", {key: [row[at] for row in rows] for at, key in enumerate(keys)})
    engine.execute("CREATE TABLE drug (name VARCHAR, inn VARCHAR)")
    engine.append("drug", {"name": [one.text for one in found], "inn": [one.inn for one in found]})


def _doses_sql(who: str, cut: float) -> str:
    """Return the SQL of a row per patient, or per line; a table counts if it prints every drug."""
    tables = list(dictionary().tables)
    sums = ", ".join(
        f"CASE WHEN COUNT(f_{t}.{part}) = COUNT(*) THEN SUM(CAST(TRIM(g.mg) AS DOUBLE) * "
        f"f_{t}.{part}) END AS {name}_{t}"
        for t in tables
        for part, name in (("used", "diazepam_mg"), ("low", "lower"), ("high", "upper"))
    )
    joins = " ".join(
        f"LEFT JOIN factor AS f_{t} ON f_{t}.name = g.name AND f_{t}.tab = '{t}'" for t in tables
    )
    over = ", ".join(
        f"CASE WHEN diazepam_mg_{t} > {cut!r} THEN 1 WHEN diazepam_mg_{t} IS NOT NULL THEN 0 END "
        f"AS over_{t}"
        for t in tables
    )
    highest = ", ".join(f"over_{t}" for t in tables)
    within = " || ".join(
        f"CASE WHEN lower_{t} <= {cut!r} AND upper_{t} > {cut!r} THEN '{t} ' ELSE '' END"
        for t in tables
    )
    shown = ", ".join(
        f"{name}_{t}" for t in tables for name in ("diazepam_mg", "lower", "upper", "over")
    )
    return (
        f"SELECT {who}, substances, {shown}, "
        f"CASE WHEN GREATEST({highest}) > LEAST({highest}) THEN 1 ELSE 0 END AS flips, "
        f"TRIM({within}) AS in_range_of FROM (SELECT *, {over} FROM ("
        f"SELECT g.{who} AS {who}, MIN(g.line) AS first_line, "
        "STRING_AGG(d.inn || ' ' || TRIM(g.mg) || ' mg', ' + ' ORDER BY g.line) AS substances, "
        f"{sums} FROM given AS g JOIN drug AS d ON d.name = g.name {joins} GROUP BY g.{who}"
        ") AS added) AS cut ORDER BY first_line"
    )
