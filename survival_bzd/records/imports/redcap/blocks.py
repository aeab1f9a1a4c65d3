"""The filled rows of an instrument become rows of a study table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from survival_bzd.errors import Fault
from survival_bzd.records.engine import Engine, literal, quoted
from survival_bzd.records.imports.folder import SOURCE_LINE, Imported
from survival_bzd.records.imports.redcap.cells import made_of
from survival_bzd.records.imports.redcap.dictionary import RedcapField
from survival_bzd.records.imports.redcap.export import stored
from survival_bzd.records.imports.redcap.mapping import Block, Cell
from survival_bzd.records.imports.redcap.project import RedcapProject, boxed_column, own_columns
from survival_bzd.records.schema import TABLES

ANSWERS: Mapping[str, tuple[str, ...]] = {
    "visits": ("date", "status", "use"),
    "urine": ("result",),
    "use_days": ("substance",),
    "fills": ("substance",),
    "scales": ("score",),
    "outcomes": ("outcome",),
}
"""Table -> the columns without any of which a filled instrument says nothing to it; else dates."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a section of the map made of the export.

    Attributes
    ----------
    table, form : the section.
    rows : rows written.
    elsewhere : rows that `where` leaves out.
    blank : rows in which nothing was entered for this table.
    not_answered : rows whose answer is a code for missing data, and that became no row.
    not_patients : rows of records that are no patients.
    """

    table: str
    form: str
    rows: int
    elsewhere: int = 0
    blank: int = 0
    not_answered: int = 0
    not_patients: int = 0


@dataclass(frozen=True, slots=True)
class _Variant:
    """One of the rows that a row of the export becomes: for a checkbox one a box, else one."""

    box: str | None = None
    name: str = ""


def make_block(
    engine: Engine, project: RedcapProject, number: int, table: str, place: int, block: Block
) -> Share:
    """Make the table `block_<number>`: every filled row of the instrument, and why it is none."""
    boxed = boxed_column(project, block)
    variants = [_Variant()]
    if boxed is not None:
        names = {**boxed[1].choices, **(block.cells()[boxed[0]].names or {})}
        variants = [_Variant(boxed[1].box(code), names[code]) for code in boxed[1].choices]
    parts = [
        _select(project, table, block, boxed, variant, order)
        for order, variant in enumerate(variants)
    ]
    engine.execute(
        f"CREATE TABLE block_{number} AS SELECT r.*, p.patient_id FROM ({' UNION ALL '.join(parts)}"
        ") AS r LEFT JOIN made_patients AS p ON p.record = r.record"
    )
    engine.execute(f"UPDATE block_{number} SET fate = 'not_patients' WHERE patient_id IS NULL")
    _block_cell_faults(engine, project, number, table, block)
    named_columns = project.named.setdefault(table, {"patient_id": project.record_id})
    for name, cell in block.cells().items():
        shown = cell.field or (boxed[1].name if boxed and cell.ticked else name)
        if shown not in named_columns.setdefault(name, shown).split(", "):
            named_columns[name] += f", {shown}"
    fates = dict(engine.rows(f"SELECT fate, COUNT(*) FROM block_{number} GROUP BY fate"))
    return Share(
        table, block.form, fates.get("row", 0), fates.get("elsewhere", 0), fates.get("blank", 0),
        fates.get("not_answered", 0), fates.get("not_patients", 0),
    )  # fmt: skip


def _select(
    project: RedcapProject,
    table: str,
    block: Block,
    boxed: tuple[str, RedcapField] | None,
    variant: _Variant,
    order: int,
) -> str:
    """Return SQL of the rows of one box of a checkbox, or of all where there is none."""
    joins: dict[str, str] = {}
    cells = block.cells()
    raws = {name: _raw(project, block, cell, joins) for name, cell in cells.items()}
    made: dict[str, str] = {}
    for column in TABLES[table]:
        if column.name not in cells:
            continue
        cell = cells[column.name]
        if boxed is not None and column.name == boxed[0]:
            made[column.name], raws[column.name] = literal(variant.name), literal(variant.name)
        elif cell.ticked or cell.unticked:
            raws[column.name] = f"b.{quoted(stored(str(variant.box)))}"
            made[column.name] = (
                f"CASE {raws[column.name]} WHEN '1' THEN {literal(cell.ticked or '')} "
                f"WHEN '0' THEN {literal(cell.unticked or '')} ELSE '' END"
            )
        elif cell.value is not None:
            made[column.name] = literal(cell.value)
        else:
            made[column.name] = made_of(project, column, cell, raws[column.name])[0]
    gates = [_gate(project, block, name, codes, joins) for name, codes in block.where.items()]
    fate, made = _fate(project, table, block, raws, made, " AND ".join(gates), boxed)
    chosen = [f"b.instrument IN ('', {literal(block.form)})", f"({_filled(project, block)})"]
    if block.events:
        chosen.append(f"b.event IN ({', '.join(map(literal, block.events))})")
    if boxed is not None and not any(cell.unticked for cell in cells.values()):
        ticked = f"b.{quoted(stored(str(variant.box)))} = '1'"
        chosen.append(f"({ticked} OR {_box_missing(project, boxed[1])})")
    values = [f"{sql} AS {quoted(name)}" for name, sql in made.items()]
    values += [f"{raws[name]} AS {quoted('raw_' + name)}" for name in made]
    return (
        f"SELECT b.line AS source_line, {order} AS place, b.record, {', '.join(values)}, "
        f"{fate} AS fate FROM export AS b {' '.join(joins.values())} WHERE {' AND '.join(chosen)}"
    )


def _fate(
    project: RedcapProject,
    table: str,
    block: Block,
    raws: Mapping[str, str],
    made: dict[str, str],
    gates: str,
    boxed: tuple[str, RedcapField] | None,
) -> tuple[str, dict[str, str]]:
    """Return SQL of what becomes of a row; of a screen not answered, that nothing is assessed."""
    days = tuple(column.name for column in TABLES[table] if column.kind == "day")
    answers = [name for name in ANSWERS.get(table, days) if name in made]
    cells = block.cells()
    asked = [n for n in answers if cells[n].value is None]
    blank = " AND ".join(f"{raws[name]} = ''" for name in asked) or "FALSE"
    silent = " AND ".join(f"{made[name]} = ''" for name in asked) or "FALSE"
    if boxed is not None:
        silent = f"({silent}) OR {_box_missing(project, boxed[1])}"
    if table == "urine":
        result = made["result"]
        made["result"] = f"CASE WHEN {silent} THEN 'invalid' ELSE {result} END"
        silent = "FALSE"
    if table not in ("urine", "scales", "outcomes"):
        silent = "FALSE" if boxed is None else _box_missing(project, boxed[1])
    return (
        f"CASE WHEN NOT ({gates or 'TRUE'}) THEN 'elsewhere' WHEN {blank} THEN 'blank' "
        f"WHEN {silent} THEN 'not_answered' ELSE 'row' END",
        made,
    )


def _box_missing(project: RedcapProject, known: RedcapField) -> str:
    """Return SQL of whether a code for missing data stands instead of the boxes."""
    boxes = [known.box(code) for code in project.map.missing if known.box(code) in project.header]
    ticked = [f"b.{quoted(stored(name))} = '1'" for name in boxes]
    return f"({' OR '.join(ticked) or 'FALSE'})"


def _filled(project: RedcapProject, block: Block) -> str:
    """Return SQL of whether anything was entered; an untouched box is 0."""
    names = own_columns(project, block)
    return " OR ".join(
        f"b.{quoted(stored(name))} NOT IN ('', '0')"
        if project.column(name).kind == "box"
        else f"b.{quoted(stored(name))} <> ''"
        for name in names
    )


def _raw(project: RedcapProject, block: Block, cell: Cell, joins: dict[str, str]) -> str:
    """Return SQL of a cell as exported: of this row, of the event's own row, of another event."""
    if cell.field is None:
        return "''"
    known = project.dictionary.fields.get(cell.field)
    if known is not None and known.is_checkbox:
        return "''"
    return _found(project, block, cell.field, cell.event, joins)


def _found(
    project: RedcapProject, block: Block, name: str, event: str | None, joins: dict[str, str]
) -> str:
    column = quoted(stored(name))
    form = project.column(name).form
    if event is None and form in (block.form, ""):
        return f"b.{column}"
    alias = quoted(f"at_{event or ''}")
    if event is None:
        joins[alias] = (
            f"LEFT JOIN export AS {alias} ON {alias}.record = b.record "
            f"AND {alias}.event = b.event AND {alias}.instrument = '' "
            f"AND {alias}.instance = CASE WHEN b.instrument = '' THEN b.instance ELSE '' END"
        )
    else:
        joins[alias] = (
            f"LEFT JOIN export AS {alias} ON {alias}.record = b.record "
            f"AND {alias}.event = {literal(event)} AND {alias}.instrument = ''"
        )
    return f"COALESCE({alias}.{column}, '')"


def _gate(
    project: RedcapProject, block: Block, name: str, codes: Iterable[str], joins: dict[str, str]
) -> str:
    cell = _found(project, block, name, None, joins)
    return f"{cell} IN ({', '.join(map(literal, codes))})"


def _block_cell_faults(
    engine: Engine, project: RedcapProject, number: int, table: str, block: Block
) -> None:
    """Name every cell that cannot become what its column holds."""
    columns = {column.name: column for column in TABLES[table]}
    for name, cell in block.cells().items():
        if cell.field is None:
            continue
        _, rule, remedy = made_of(project, columns[name], cell, "''")
        project.faults += [
            Fault(rule=rule, file=project.export, line=line, column=cell.field, patient=record,
                  value=value, remedy=remedy)
            for line, record, value in engine.rows(
                f"SELECT source_line, record, {quoted('raw_' + name)} FROM block_{number} "
                f"WHERE fate = 'row' AND {quoted(name)} IS NULL ORDER BY source_line"
            )
        ]  # fmt: skip


def put_together(project: RedcapProject, table: str, numbers: list[int]) -> Imported:
    """Put the sections of one table together, in the order of the export's lines."""
    mapped = [project.map.blocks[number][2].cells() for number in numbers]
    columns = [c.name for c in TABLES[table] if any(c.name in cells for cells in mapped)]
    parts = []
    for order, number in enumerate(numbers):
        cells = project.map.blocks[number][2].cells()
        values = [
            (f"{quoted(name)}" if name in cells else "''") + f" AS {quoted(name)}"
            for name in columns
        ]
        parts.append(
            f"SELECT patient_id, {', '.join(values)}, source_line, {order} AS section, place "
            f"FROM block_{number} WHERE fate = 'row'"
        )
    shown = ", ".join(f"NULLIF({quoted(name)}, '') AS {quoted(name)}" for name in columns)
    query = (
        f"SELECT patient_id, {shown}, {SOURCE_LINE} FROM ({' UNION ALL '.join(parts)}) AS a "
        "ORDER BY source_line, section, place"
    )
    return Imported(query=query, file=project.export, columns=project.named[table])
