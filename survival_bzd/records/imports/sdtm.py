"""CDISC SDTM domains become a study folder.

A row becomes what its domain can say of use, treatment, contact or outcome, and nothing more; what
becomes nothing is counted by domain and test code. Dates are never guessed at: those that are
known in part need a rule, and carry a flag.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.formats import read_table
from survival_bzd.records.imports.dtc import (
    PIECES,
    ZONE,
    Partial,
    day_of,
    imputed,
    is_day,
    is_partial,
    matches,
)
from survival_bzd.records.imports.exports import refuse, source_of
from survival_bzd.records.imports.folder import (
    SOURCE_LINE,
    Check,
    Imported,
    faults_of_records,
    write_study,
)
from survival_bzd.records.imports.sdtm_domains import COVARIATES, DOMAINS, Target
from survival_bzd.records.loading import load_text
from survival_bzd.records.schema import OWN_PATIENT_COLUMNS, TABLES
from survival_bzd.records.substances import Match, match

PACKAGE = "survival_bzd.records"
LISTING = "import.csv"
"""What became of every row, by domain and test code; it stays in the study folder."""

ENDINGS = (".csv", ".xpt", ".json", ".ndjson", ".sas7bdat", ".parquet")
CLASSES = ("benzodiazepine", "z_drug", "not_counted")

ENDPOINT: Mapping[str, Any] = {
    "label": "Return to any benzodiazepine or Z-drug use",
    "origin": {"at": "confirmed_abstinence", "negatives": 2, "after": "use"},
    "pattern": {"rule": "any_use"},
    "sources": ["visits", "urine", "use_days"],
    "competing": ["death"],
}
"""A beginning, for the study to change."""


@dataclass(frozen=True, slots=True)
class Share:
    """What became of some rows.

    Attributes
    ----------
    domain, code : of the rows: LB, and the test code.
    became : the study table, or why they were not used.
    rows : how many.
    """

    domain: str
    code: str
    became: str
    rows: int


@dataclass(frozen=True, slots=True)
class SdtmImport:
    """What an import made of SDTM domains.

    Attributes
    ----------
    shares : every row of every domain, counted by what became of it.
    notes : what was decided on the way, in sentences with counts.
    """

    shares: tuple[Share, ...]
    notes: tuple[str, ...]


def import_sdtm(
    source: Path,
    into: Path | None,
    *,
    partial: Partial | None = None,
    classes: Mapping[str, str] | None = None,
    synthetic: bool = False,
    control_group: bool = False,
    check: Check = faults_of_records,
) -> SdtmImport:
    """Turn a folder of SDTM domains into a study folder.

    Parameters
    ----------
    source : folder with DM and any of SV, SU, LB, CM, EX, QS, DS, DD and their SUPP--, each as xpt,
        CSV or Dataset-JSON; what other files hold is listed.
    into : the study folder to make. Its files appear all at once, or not at all; with None
        everything is looked at and nothing written.
    partial : what becomes of dates known in part: completed to the ``"first"``, ``"middle"`` or
        ``"last"`` day, with a flag, or ``"leave_out"``: the row stays without a date. Without a
        rule they are refused.
    classes : names of substances, as in the records, and the class of each.
    synthetic, control_group : what `study.toml` says of the study.
    check : what must find nothing wrong with the folder.

    Raises
    ------
    BadInput
        With every problem of a kind, by file, row and variable.
    """
    engine = Engine.start()
    found = _load(engine, source)
    notes: list[str] = []
    _classify(engine, found, classes or {}, notes)
    for domain in DOMAINS:
        engine.run(PACKAGE, f"sdtm_{domain.name.lower()}")
    refuse([*_strangers(engine, found), *_two_values(engine),
            *_date_faults(engine, found, partial)])  # fmt: skip
    covariates = _covariates(engine)
    tables = {
        target.table: _imported(engine, found, target, covariates, partial)
        for target in _targets(engine)
    }
    shares = tuple(_shares(engine, found))
    notes += _date_notes(engine, found, partial)
    sections = _sections(engine, found, tables, covariates, synthetic, control_group)

    def listed_and_checked(folder: Path) -> Iterable[Fault]:
        _write_listing(folder / LISTING, shares)
        return check(folder)

    write_study(engine, tables, sections, into, check=listed_and_checked)
    return SdtmImport(shares, tuple(notes))


@dataclass(slots=True)
class _Files:
    """The files of a folder: which domain each holds."""

    paths: list[Path]
    domains: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def named(self, *domains: str) -> list[str]:
        return [file for domain in domains for file in self.domains.get(domain, ())]


def _load(engine: Engine, source: Path) -> _Files:
    """Put every domain into a table of its name, with all the variables that are asked for."""
    found = _Files(sorted(path for path in source.iterdir() if path.suffix.lower() in ENDINGS))
    faults = list(_twice(found.paths))
    parts: dict[str, list[str]] = {}
    headers: dict[str, set[str]] = {}
    for place, path in enumerate(found.paths):
        try:
            text = read_table(path, name=path.name)
        except BadInput as error:
            faults += error.faults
            continue
        table = f"file_{place}"
        columns = {name.upper(): name for name in text.header}
        rows = load_text(engine, table, text, columns)
        faults += text.faults
        domain = _domain_of(engine, table, path, columns)
        found.domains.setdefault(domain, []).append(path.name)
        found.rows[domain] = found.rows.get(domain, 0) + rows
        headers[domain] = headers.get(domain, set()) | columns.keys()
        names = [domain.name for domain in DOMAINS]
        wanted = dict.fromkeys(_variables(domain, names))
        cells = ", ".join(
            f"TRIM({quoted(name)}) AS {quoted(name)}" if name in columns
            else f"'' AS {quoted(name)}"
            for name in wanted
        )  # fmt: skip
        if wanted:
            parts.setdefault(domain, []).append(
                f"SELECT line, {literal(path.name)} AS file, {cells} FROM {table}"
            )
    faults += _missing_variables(found, headers, source)
    refuse(faults)
    for known in (*(domain.name for domain in DOMAINS), "SUPPDM", "SUPPCM"):
        empty = ", ".join(f"'' AS {quoted(v)}" for v in _variables(known, [known]))
        selects = parts.get(known, [f"SELECT 0 AS line, '' AS file, {empty} WHERE FALSE"])
        engine.execute(f"CREATE TABLE {known} AS {' UNION ALL '.join(selects)}")
    return found


SUPP = ("USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")


def _variables(domain: str, known: list[str]) -> tuple[str, ...]:
    """Return the variables of a domain that are looked at."""
    if domain in ("SUPPDM", "SUPPCM"):
        return SUPP
    if domain not in known:
        return ()
    return next(one.variables for one in DOMAINS if one.name == domain)


def _domain_of(engine: Engine, table: str, path: Path, columns: Mapping[str, str]) -> str:
    """Return the domain that a file holds: as its rows say, or as it is called."""
    for variable, before in (("RDOMAIN", "SUPP"), ("DOMAIN", "")):
        if variable in columns:
            held = engine.rows(f"SELECT DISTINCT UPPER(TRIM({variable})) FROM {table} LIMIT 2")
            if len(held) == 1 and held[0][0]:
                return before + str(held[0][0])
    return path.stem.upper()


def _twice(paths: list[Path]) -> Iterator[Fault]:
    """Refuse a domain that is there in two formats: which of them is right is not known."""
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(path.stem.upper(), path)
        if other != path:
            yield Fault(
                rule="a domain must be there once",
                file=path.name, value=f"{path.name}, and {other.name}",
                remedy="Take one of them out of the folder.",
            )  # fmt: skip


def _missing_variables(
    found: _Files, headers: Mapping[str, set[str]], source: Path
) -> Iterator[Fault]:
    if "DM" in found.domains and not found.rows["DM"]:
        yield Fault(
            rule="the domain DM must have a row for every subject; it has none",
            remedy="Export it again.",
            file=found.domains["DM"][0],
        )
    if "DM" not in found.domains:
        yield Fault(
            rule="the folder must have the domain DM, which says who was enrolled",
            value=", ".join(found.domains) or str(source),
            remedy="Export it too, as dm.xpt, dm.csv or dm.json.",
        )
    for domain in DOMAINS:
        for variable in domain.required:
            if domain.name in headers and variable not in headers[domain.name]:
                yield Fault(
                    rule=f"the domain {domain.name} must have this variable",
                    file=found.domains[domain.name][0],
                    value=variable,
                    remedy="Export the domain whole; variables have the names of the SDTM.",
                )


def _classify(engine: Engine, found: _Files, classes: Mapping[str, str], notes: list[str]) -> None:
    """Say of every substance named which class it is; a name in two minds is not guessed at."""
    query = " UNION ".join(
        f"SELECT {domain.substance} AS name FROM {domain.name}"
        for domain in DOMAINS
        if domain.substance
    )
    names = [name for (name,) in engine.rows(f"SELECT DISTINCT name FROM ({query}) ORDER BY 1")
             if name]  # fmt: skip
    said = {name.casefold(): group for name, group in classes.items()}
    asked = [name for name in names if name.casefold() not in said]
    matched = dict(zip(asked, match(asked), strict=True))
    refuse([_undecided(name, one) for name, one in matched.items() if one.how in _IN_TWO_MINDS])
    near = [f"{name} as {one.inn}" for name, one in matched.items() if one.how == "near a name"]
    if near:
        notes.append(f"Names taken for one that they are near to, look at them: {', '.join(near)}.")
    groups = [
        said.get(name.casefold()) or (matched[name].class_ or "not_counted") for name in names
    ]
    engine.execute("CREATE TABLE substance_named (name VARCHAR, class VARCHAR)")
    engine.append("substance_named", {"name": names, "class": groups})
    engine.execute("CREATE TABLE declared_name (name VARCHAR)")
    engine.append("declared_name", {"name": [name for name in names if name.casefold() in said]})


_IN_TWO_MINDS = ("ambiguous", "class not known", "negated")


def _undecided(name: str, found: Match) -> Fault:
    return Fault(
        rule=f"a substance must be of one class; here it is not certain: {found.why}",
        value=name,
        remedy=f'Say which, as in --benzodiazepine "{name}"; --z-drug and --not-counted likewise.',
    )


def _strangers(engine: Engine, found: _Files) -> Iterator[Fault]:
    """Name rows of subjects who are not in DM."""
    for domain in DOMAINS[1:]:
        for file, line, subject in engine.rows(
            f"SELECT d.file, d.line, d.USUBJID FROM {domain.name} AS d "
            "LEFT JOIN DM ON DM.USUBJID = d.USUBJID WHERE DM.USUBJID IS NULL ORDER BY d.line"
        ):
            yield Fault(
                rule="a subject must stand in DM",
                remedy="Export DM with everybody, or correct the identifier.",
                file=file, line=line, column="USUBJID", value=subject,
            )  # fmt: skip


def _two_values(engine: Engine) -> Iterator[Fault]:
    """Name qualifiers of a subject that say two things, or have no name."""
    for file, line in engine.rows("SELECT file, line FROM SUPPDM WHERE QNAM = '' ORDER BY line"):
        yield Fault(rule="a qualifier must have a name", remedy="Fill it in, or take the row out.",
                    file=file, line=line, column="QNAM")  # fmt: skip
    query = (
        "SELECT USUBJID, QNAM, MIN(file), MAX(line), STRING_AGG(DISTINCT QVAL, ', ' ORDER BY QVAL) "
        "FROM SUPPDM WHERE QVAL <> '' GROUP BY USUBJID, QNAM HAVING COUNT(DISTINCT QVAL) > 1 "
        "ORDER BY 4"
    )
    for subject, name, file, line, values in engine.rows(query):
        yield Fault(
            rule="a qualifier of a subject must have one value",
            remedy="Take the wrong one out, or give the two different names (QNAM).",
            file=file, line=line, column=name, patient=subject, value=values,
        )  # fmt: skip


def _date_faults(engine: Engine, found: _Files, partial: Partial | None) -> Iterator[Fault]:
    """Name the dates in use that are none, and without a rule those known in part."""
    for domain in DOMAINS:
        for variable in domain.dates:
            cell = quoted(variable)
            open_ends = f"({is_partial(cell)} OR {matches(cell, PIECES)})"
            wrong = f"{cell} <> '' AND NOT {is_day(cell)}"
            if partial == "leave_out":
                wrong += f" AND NOT {open_ends}"
            elif partial is not None:
                wrong += f" AND NOT {is_partial(cell)}"
            for file, line, subject, value, incomplete in engine.rows(
                f"SELECT file, line, USUBJID, {cell}, {open_ends} FROM sdtm_{domain.name.lower()} "
                f"WHERE is_used AND {wrong} ORDER BY line"
            ):
                rule, remedy = _PARTIAL if incomplete else _NO_DATE
                if incomplete and partial is not None:
                    rule, remedy = _IN_PIECES
                yield Fault(rule=rule, remedy=remedy, file=file, line=line, column=variable,
                            patient=subject, value=value)  # fmt: skip


_PARTIAL = (
    "a date that is known in part needs a rule",
    "Complete it, or declare one: --partial first, middle or last completes such dates and flags "
    "them, --partial leave_out keeps their rows without a date.",
)
_IN_PIECES = (
    "a date must have its year, and its month where it has a day",
    "Complete it, or declare --partial leave_out, which keeps such rows without a date.",
)
_NO_DATE = (
    "a date must be a day of the calendar in ISO 8601, as 2021-12-31 or 2021-12-31T08:30",
    "Correct it; a period (2021-12-01/2021-12-31) is not one day.",
)


def _targets(engine: Engine) -> list[Target]:
    """Return the tables that something became; patients always."""
    targets: dict[str, list[str]] = {}
    for domain in DOMAINS:
        for (table,) in engine.rows(
            f"SELECT DISTINCT fate FROM sdtm_{domain.name.lower()} WHERE is_used ORDER BY 1"
        ):
            targets.setdefault(table, []).append(domain.name)
        if domain.name == "DM" and engine.rows("SELECT 1 FROM sdtm_dm WHERE died LIMIT 1"):
            targets.setdefault("outcomes", []).append("DM")
    return [Target(name, tuple(targets[name])) for name in TABLES if name in targets]


def _imported(
    engine: Engine,
    found: _Files,
    target: Target,
    covariates: Mapping[str, str],
    partial: Partial | None,
) -> Imported:
    """Make the rows of a study table from the domains that speak of it."""
    table = f"made_{target.table}"
    engine.run(
        PACKAGE,
        f"sdtm_to_{target.table}",
        table=table,
        covariates=list(covariates),
        day=lambda text: day_of(text, partial),
        flag=lambda text: imputed(text, partial),
    )
    files = found.named(*target.domains)
    line = "source_row" if len(files) == 1 else "NULL"
    columns = [row[0] for row in engine.rows(f"DESCRIBE {table}")]
    shown = ", ".join(quoted(name) for name in columns if name != "source_row")
    return Imported(
        query=f"SELECT {shown}, {line} AS {SOURCE_LINE} FROM {table} "
        "ORDER BY LEFT(source, 2), source_row",
        file=", ".join(files),
        columns={"patient_id": "USUBJID"},
    )


def _covariates(engine: Engine) -> dict[str, str]:
    """Make the table `covariate` of what DM and SUPPDM say of a subject; return name -> kind."""
    own = " UNION ALL ".join(
        f"SELECT USUBJID, {literal(name.lower())} AS name, {quoted(name)} AS value FROM DM"
        for name in COVARIATES
    )
    names = (*OWN_PATIENT_COLUMNS, "enrolled_imputed", "source", SOURCE_LINE, "source_row",
             *(name.lower() for name in COVARIATES))  # fmt: skip
    taken = ", ".join(map(literal, names))
    engine.execute(
        f"CREATE TABLE covariate AS SELECT USUBJID, name, MIN(value) AS value FROM ({own} "
        f"UNION ALL SELECT USUBJID, CASE WHEN LOWER(QNAM) IN ({taken}) THEN 'dm_' ELSE '' END "
        "|| LOWER(QNAM), QVAL FROM SUPPDM) AS c "
        "WHERE value <> '' GROUP BY ALL"
    )
    numeric = "BOOL_AND(regexp_matches(value, '^[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+)?$'))"
    kinds = engine.rows(f"SELECT name, {numeric} FROM covariate GROUP BY name ORDER BY name")
    return {name: "number" if is_number else "text" for name, is_number in kinds}


def _shares(engine: Engine, found: _Files) -> Iterator[Share]:
    """Count what became of every row of every domain."""
    known = {domain.name for domain in DOMAINS}
    for name in sorted(found.domains):
        if name in known:
            for code, fate, rows in engine.rows(
                f"SELECT code, fate, COUNT(*) FROM sdtm_{name.lower()} GROUP BY 1, 2 ORDER BY 1, 2"
            ):
                yield Share(name, code, fate, rows)
        elif name in ("SUPPDM", "SUPPCM"):
            became = "patients" if name == "SUPPDM" else "fills, as far as quantity or days' supply"
            for code, rows in engine.rows(
                f"SELECT QNAM, COUNT(*) FROM {name} GROUP BY 1 ORDER BY 1"
            ):
                yield Share(name, code, became, rows)
        else:
            yield Share(name, "", "not used: no domain that is read here", found.rows[name])


def _date_notes(engine: Engine, found: _Files, partial: Partial | None) -> Iterator[str]:
    """Say how many dates were completed, and how many had a time of day or a zone."""
    counted = {"partial": 0, "time": 0, "zone": 0}
    for domain in DOMAINS:
        for variable in domain.dates:
            cell = quoted(variable)
            partials, times, zones = engine.rows(
                f"SELECT COUNT(CASE WHEN {is_partial(cell)} THEN 1 END), "
                f"COUNT(CASE WHEN {cell} LIKE '%T%' THEN 1 END), "
                f"COUNT(CASE WHEN {matches(cell, ZONE)} THEN 1 END) "
                f"FROM sdtm_{domain.name.lower()} WHERE is_used"
            )[0]
            counted["partial"] += partials
            counted["time"] += times
            counted["zone"] += zones
    if counted["partial"] and partial == "leave_out":
        yield f"Dates known in part: {counted['partial']}; their rows stay without a date."
    elif counted["partial"]:
        yield (
            f"Dates known in part: {counted['partial']}, completed to the {partial} day; "
            "the columns that end in _imputed flag them, D for the day, M for month and day."
        )
    if counted["time"]:
        yield f"Times of day, not kept: {counted['time']}."
    if counted["zone"]:
        yield f"Times with a zone: {counted['zone']}; the day is the one written, not moved to UTC."
    answers = engine.rows(
        "SELECT COUNT(*), COUNT(DISTINCT substance) FROM sdtm_su "
        "WHERE fate IN ('visits', 'use_windows')"
    )[0]
    if answers[1] > 1:
        yield (
            f"Answers about use over a period: {answers[0]}, about {answers[1]} names of "
            "substances; each speaks for all that count, as a negative screen of one analyte does."
        )
    planned = engine.rows(
        "SELECT COUNT(*) FROM sdtm_sv WHERE is_used AND SVSTDTC = '' AND VISITDY <> ''"
    )[0][0]
    if planned:
        yield f"Visits that did not occur, dated by their planned day (VISITDY): {planned}."


def _sections(
    engine: Engine,
    found: _Files,
    tables: Mapping[str, Imported],
    covariates: Mapping[str, str],
    synthetic: bool,
    control_group: bool,
) -> dict[str, Any]:
    """Return the sections of `study.toml`."""
    studies = [name for (name,) in engine.rows("SELECT DISTINCT STUDYID FROM DM ORDER BY 1")]
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in studies[0])
    declared: dict[str, dict[str, Any]] = {}
    for table in tables:
        days = [c.name for c in TABLES[table] if c.kind == "day"]
        undated = " OR ".join(f"{quoted(day)} IS NULL" for day in days)
        none = bool(engine.rows(f"SELECT 1 FROM made_{table} WHERE {undated} LIMIT 1"))
        declared[table] = {"undated": "leave_out"} if none else {}
    if covariates:
        declared["patients"]["covariates"] = dict(covariates)
    classes: dict[str, list[str]] = {group: [] for group in CLASSES}
    for table, column in (("urine", "analyte"), ("use_days", "substance"), ("fills", "substance")):
        if table in tables:
            for group, substance in engine.rows(
                f"SELECT DISTINCT s.class, s.name FROM made_{table} AS m JOIN substance_named AS s "
                f"ON s.name = m.{column} ORDER BY 2"
            ):
                if substance not in classes[group]:
                    classes[group].append(substance)
    sources = [source for source in ENDPOINT["sources"] if source in tables]
    if "use_windows" in tables and "use_days" not in sources:
        sources.append("use_days")
    endpoint = {**ENDPOINT, "sources": sources or ENDPOINT["sources"]}
    return {
        "study": {
            "name": name.strip("-._") or "study",
            "title": f"{', '.join(studies) or 'Study'}, imported from SDTM",
            "synthetic": synthetic,
            "control_group": control_group,
        },
        "substances": classes,
        "tables": declared,
        "endpoint": {"relapse": endpoint},
        "provenance": [source_of(path, "sdtm", "domain") for path in found.paths],
    }


def _write_listing(path: Path, shares: Iterable[Share]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["domain", "code", "became", "rows"])
        writer.writerows([one.domain, one.code, one.became, one.rows] for one in shares)
