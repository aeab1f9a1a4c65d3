"""The embedded SQL engine: renders a step's template, runs it, keeps the text for an auditor."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import jinja2
    import pandas as pd


@dataclass(slots=True, eq=False, weakref_slot=True)
class Engine:
    """DuckDB in memory, and the SQL that ran in it.

    The steps are Jinja templates in the subset of SQL that DuckDB, Spark and PostgreSQL share; a
    step is a query, and what it returns becomes the table that it is named for.
    """

    connection: duckdb.DuckDBPyConnection
    steps: dict[str, str] = field(default_factory=dict)
    """Table -> the text of the step that made it."""
    derived_for: object = None
    """Whose steps made the tables that are held now, so that nobody runs the same twice."""
    held: list[tuple[str, str]] = field(default_factory=list)
    """The steps that made them, in order, each with its text."""

    @classmethod
    def start(cls) -> Engine:
        """Open an empty database in memory that touches no network.

        What does not fit into memory goes to a folder of its own among the system's temporary ones,
        which nobody else can read and which is removed with the engine; by default DuckDB would
        put it into the current folder.
        """
        import duckdb

        connection = duckdb.connect(":memory:")
        engine = cls(connection)
        spill = tempfile.mkdtemp(prefix="survival-bzd-")
        weakref.finalize(engine, shutil.rmtree, spill, ignore_errors=True)
        connection.execute(f"SET temp_directory = {literal(spill)}")
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET preserve_insertion_order = true")
        return engine

    def run(self, package: str, step: str, table: str = "", **context: Any) -> None:
        """Render `sql/<step>.sql` of a package and keep its result as `table`, named as the step.

        Another name stands for a table that the step takes the place of.
        """
        self.make(table or step, self.rendered(package, step, **context))

    @staticmethod
    def rendered(package: str, step: str, **context: Any) -> str:
        """Return the SQL of a step."""
        return _template(package, step).render(**context).strip()

    def make(self, name: str, sql: str) -> None:
        """Keep the result of a query as a table."""
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        self.steps[name] = re.sub(r"\n\s*\n+", "\n", sql)

    def execute(self, sql: str, parameters: list[Any] | None = None) -> None:
        """Run a statement that returns nothing."""
        self.connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a small query."""
        return list(self.connection.execute(sql, parameters).fetchall())

    def frame(self, sql: str) -> pd.DataFrame:
        """Return a query as a DataFrame."""
        return self.connection.execute(sql).df()

    def append(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Append columns, of equal length, to a table."""
        import numpy as np

        arriving = {name: np.array(values, dtype=object) for name, values in columns.items()}
        if not any(values.size for values in arriving.values()):
            return
        names = ", ".join(quoted(name) for name in arriving)
        self.connection.register("arriving", arriving)
        self.connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM arriving")
        self.connection.unregister("arriving")


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Write a text value for SQL."""
    return "'" + str(value).replace("'", "''") + "'"


@cache
def _template(package: str, step: str) -> jinja2.Template:
    """Load a step; an undefined name in it is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: (resources.files(package) / "sql" / name).read_text(encoding="utf-8")
        ),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(name=quoted, literal=literal)
    return environment.get_template(f"{step}.sql")
