"""Studies broken in every way that a clinic, a spreadsheet or a text editor breaks them.

Each gets a clear report and exit status 1 or 3, or a result; never a traceback or a warning of
Python's. Where the damage is none (line ends, a byte order mark, needless quotes), the result is
that of the study as it was; where it cannot be overlooked, the study is refused.

`SURVIVAL_BZD_CORRUPTED` says how many studies; the seeds are 0, 1, 2, ...
"""

import codecs
import gzip
import json
import os
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from click.testing import CliRunner, Result

from survival_bzd.cli import main
from survival_bzd.records.engine import Engine, quoted

STUDIES = int(os.environ.get("SURVIVAL_BZD_CORRUPTED", "100"))
BLOCKS = 10
"""The studies are tested in so many parts, so that both cores of a machine have work."""

CARD = """[study]
name = "small"
title = "A small study"
synthetic = true
control_group = false

[substances]
benzodiazepine = ["diazepam", "lorazepam"]
z_drug = ["zolpidem"]
not_counted = ["opiates"]
"""
TABLES = {
    "patients": "patient_id,enrolled,age,sex,quit\n001,2020-01-01,61,f,2020-01-05\n"
    "002,2020-01-03,47,m,2020-01-09\n003,2020-02-01,,f,\n004,2020-02-03,70.5,m,2020-02-20\n"
    "005,2020-02-04,55,f,2020-02-21\n",
    "urine": "patient_id,date,analyte,result,assay\n001,2020-01-06,diazepam,positive,cup\n"
    "001,2020-01-20,diazepam,negative,cup\n001,2020-02-03,diazepam,negative,cup\n"
    "001,2020-04-03,zolpidem,positive,\n002,2020-01-20,diazepam,positive,cup\n"
    "002,2020-02-02,opiates,positive,cup\n002,2020-02-11,diazepam,negative,\n"
    "003,2020-02-11,diazepam,invalid,\n004,2020-02-25,lorazepam,negative,cup\n"
    "005,2020-02-21,diazepam,positive,cup\n005,2020-03-21,diazepam,negative,cup\n",
    "visits": "patient_id,date,status,use,recall_days\n001,2020-01-08,attended,yes,\n"
    "001,2020-02-08,attended,no,14\n002,2020-02-11,attended,no,7\n003,2020-02-11,missed,,\n"
    "004,2020-03-01,attended,no,28\n004,2020-04-01,not_required,,\n005,2020-04-01,attended,no,\n",
    "use_days": "patient_id,date,substance,amount\n001,2020-01-04,diazepam,5\n"
    "002,2020-01-05,zolpidem,\n005,2020-02-10,diazepam,0\n005,2020-02-12,lorazepam,1.5\n",
    "use_windows": "patient_id,from,to\n001,2020-01-01,2020-01-28\n005,2020-02-04,2020-02-20\n",
    "treatments": "patient_id,date,treatment\n001,2020-01-02,ketamine\n002,2020-01-04,ketamine\n"
    "004,2020-02-04,\n005,2020-02-06,ketamine\n",
    "fills": "patient_id,date,substance,strength_mg,quantity,days_supply\n"
    "001,2020-01-01,diazepam,5,28,28\n004,2020-02-07,zolpidem,10,14,14\n",
    "stays": "patient_id,from,to\n001,2020-01-10,2020-01-14\n005,2020-02-21,2020-02-21\n",
    "scales": "patient_id,date,scale,score\n001,2020-01-02,craving,40\n002,2020-01-05,craving,22\n",
    "outcomes": "patient_id,date,outcome\n004,2020-06-01,death\n005,2020-05-01,loss\n"
    "001,2020-07-01,study_end\n",
}
SOURCES = ("urine", "visits", "use_days")
ENDPOINTS = (
    'origin = { at = "enrolment" }',
    'origin = { at = "confirmed_abstinence", negatives = 2, after = "use" }\ndated = "midpoint"',
    'origin = { at = "first_negative", negatives = 1, after = "enrolment" }\nwashout_days = 7\n'
    'population = "intention"',
    'origin = { at = "column", column = "quit" }\nmissing = { rule = "censor", gap_days = 30 }\n'
    'conflict = "first"\nend = "2020-05-31"',
    'origin = { at = "enrolment" }\npattern = { rule = "k_of_n", k = 2, n = 3 }\n'
    'missing = { rule = "relapse", gap_days = 60 }\ndated = "onset"',
    'origin = { at = "enrolment" }\npattern = { rule = "use_days", days = 2, within_days = 28 }\n'
    'entry = { column = "quit" }\nhorizons_months = [1, 3]',
    'origin = { at = "enrolment" }\npattern = { rule = "weeks", weeks = 2, or_days = 3 }\n'
    'washout_days = { diazepam = 21, other = 5 }\nwashout_positives = "carry_over"',
    'origin = { at = "enrolment" }\npattern = { rule = "refill", grace_days = 30 }\n'
    'end = "2020-12-31"',
    'origin = { at = "enrolment" }\nend = "2020-12-31"\n'
    'pattern = { rule = "dose_share", share = 0.5, baseline = "age", equivalents = "ashton" }',
)
OF_FILLS = ("refill", "dose_share")
"""The patterns that ask for fills."""

COMMANDS = (
    ["derive", "--flow"], ["derive"], ["derive"], ["derive", "--conflicts"],
    ["derive", "--trace", "001"], ["check"], ["km"], ["km", "--by", "sex"],
    ["recurrent", "--spells"], ["trace", "001"],
)  # fmt: skip


@dataclass
class Small:
    """A study in memory: its files, and what is to become of it."""

    files: dict[str, bytes]
    command: list[str]
    harmless: bool = True
    refused: bool = False
    """Whether the damage cannot be overlooked."""
    done: list[str] = field(default_factory=list)
    odd: Callable[[Path], None] | None = None
    """What to do to the folder, where a file is no file."""

    def tables(self) -> list[str]:
        return [name for name in self.files if name.endswith(".csv")]

    def everything(self) -> list[str]:
        return list(self.files)


def sound(rng: random.Random) -> Small:
    """A small study without faults: patients and some other tables, and an endpoint."""
    sources, rules = rng.sample(SOURCES, rng.randint(1, 2)), rng.choice(ENDPOINTS)
    if any(pattern in rules for pattern in OF_FILLS):
        sources = ["fills"]
    others = rng.sample([name for name in TABLES if name not in (*SOURCES, "patients")], 2)
    others = others[: 1 + ("fills" in sources)]
    named = [name for name in TABLES if name in ("patients", *sources, *others)]
    declared = CARD
    for name in named:
        declared += f'\n[tables.{name}]\nfile = "{name}.csv"\n'
        if name == "patients":
            declared += (
                'covariates = { age = "number", sex = "text", quit = "date" }\n'
                if rng.random() < 0.7
                else '[tables.patients.covariates]\nage = "number"\nsex = "text"\nquit = "date"\n'
            )
    listed = ", ".join(f'"{name}"' for name in sources)
    declared += f"\n[endpoint.relapse]\nsources = [{listed}]\n{rules}\n"
    if rng.random() < 0.3:
        declared += '\n[paper]\nendpoint = "relapse"\nby = "sex"\n'
    files = {"study.toml": declared.encode()}
    files |= {f"{name}.csv": TABLES[name].encode() for name in named}
    return Small(files, rng.choice(COMMANDS))


# --- what happens to a file's bytes -----------------------------------------------------------

Damage = Callable[[random.Random, bytes], bytes]


def flipped(rng: random.Random, data: bytes) -> bytes:
    content = bytearray(data or b" ")
    for _ in range(rng.randint(1, 6)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def truncated(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) or 1)]


def inserted(rng: random.Random, data: bytes) -> bytes:
    odd = (b"\0", b'"', b"'", b"\x1a", b"\xff", b"\xc3", b"\r", b"\x0b", b"\xe2\x80\xae", b"{",
           b"[", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"=", b"#", b"9" * 5000, b",,",
           b"\\")  # fmt: skip
    place = rng.randrange(len(data) or 1)
    return data[:place] + rng.choice(odd) + data[place:]


def not_text(rng: random.Random, data: bytes) -> bytes:
    text = data.decode("latin-1")
    return rng.choice(
        (
            codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
            codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
            text.encode("utf-16-le"), text.encode("utf-32"), gzip.compress(data, mtime=0),
            b"PK\x03\x04" + data, b"\x89PNG\r\n\x1a\n" + data, b"\0" * 300, rng.randbytes(300),
        )
    )  # fmt: skip


def eight_bits(rng: random.Random, data: bytes) -> bytes:
    """Names with an accent or a curly quote, saved as Windows and Macs do."""
    accented = data.decode("latin-1").replace(rng.choice("aeo"), rng.choice("éäñ"), 3)
    return accented.encode(rng.choice(["latin-1", "cp1252", "mac-roman", "utf-7"]))


def emptied(rng: random.Random, data: bytes) -> bytes:
    return rng.choice([b"", b"\n", b"   \n", b"\r\n\r\n", codecs.BOM_UTF8, b"\t", b",", b",,,\n"])


BYTES: tuple[Damage, ...] = (flipped, truncated, inserted, not_text, eight_bits, emptied)


# --- what happens to a table ------------------------------------------------------------------

DATES = (
    "2020-02-30", "0001-01-01", "9999-12-31", "10000-01-01", "01/02/2020", "2020-1-1", "43831",
    "2020-01-01T00:00", "2020-01-01 12:00", "NA", ".", "UNK", "2020-01", "2020", "20200101", "-5",
    "1899-12-31", "2101-01-01", "2020-13-01", "2020-00-10",
    "\u0662\u0660\u0662\u0660-\u0660\u0661-\u0660\u0661",
    "\uff12\uff10\uff12\uff10-\uff10\uff11-\uff10\uff11",
    "2020-01-0l", "epoch", "infinity", "now", "today", "1e3", "2020\u201301\u201301", "Jan 2, 2020",
)  # fmt: skip
NUMBERS = (
    "-1", "1e308", "1e309", "-1e400", "nan", "NaN", "inf", "-inf", "7,5", "0x10", "1_000",
    "9" * 400, "--3", "\u0663", "1e-400", "1.2.3", "5 mg", "½", "1e", "+", ".", "-0", "1e1000000",
    "3.0", "0",
)  # fmt: skip
WORDS = (
    "", " ", "NA", "null", "None", "POSITIVE", "pos", "Yes", "no ", "attended,", "1", "0", "TRUE",
    "é", "naïve", "a" * 70_000, "'); DROP TABLE patients; --", "{{ 7 * 7 }}", "{cell}", "%s",
    "$1", "?",
    "\u200b001", "001\u00a0", "\u202e001", "00\uff11", "001\t", "1", "1.0", "0e1", "\ufeff001",
    "x\x07y", "diazepam;zolpidem", "Diazepam", "study_end", "death", "missed",
    "negative", "positive",
)  # fmt: skip


def split(data: bytes) -> list[list[str]]:
    return [line.split(",") for line in data.decode().splitlines()]


def joined(rows: list[list[str]]) -> bytes:
    return ("\n".join(",".join(row) for row in rows) + "\n").encode()


def odd_cell(rng: random.Random, data: bytes) -> bytes:
    rows = split(data)
    for _ in range(rng.randint(1, 3)):
        row = rng.choice(rows[1:])
        row[rng.randrange(len(row))] = rng.choice(rng.choice((DATES, NUMBERS, WORDS)))
    return joined(rows)


def cell_for_cell(rng: random.Random, data: bytes) -> bytes:
    """Cells of two rows, or of one, exchanged: dates out of order, swapped columns of a row."""
    rows = split(data)
    one, other = rng.choice(rows[1:]), rng.choice(rows[1:])
    here, there = rng.randrange(len(one)), rng.randrange(len(other))
    one[here], other[there] = other[there], one[here]
    return joined(rows)


def far_dates(rng: random.Random, data: bytes) -> bytes:
    """Dates that are dates, in an order that no life has."""
    text, year = data.decode(), str(rng.choice([1900, 1969, 2019, 2021, 2050, 2100]))
    return re.sub("2020(?=-)", lambda found: rng.choice([found[0], year]), text).encode()


def ragged(rng: random.Random, data: bytes) -> bytes:
    rows = split(data)
    row = rng.choice(rows[1:])
    if rng.random() < 0.5:
        row.insert(rng.randrange(len(row) + 1), rng.choice(["", "x", "1"]))
    else:
        row.pop()
    return joined(rows)


def other_header(rng: random.Random, data: bytes) -> bytes:
    header, *rows = split(data)
    place = rng.randrange(len(header))
    header[place] = rng.choice(
        [rng.choice(header), "", " ", header[place].upper(), f" {header[place]}", "line", "Line",
         "theirs", "select", 'a"b', "é", "\0", "x" * 10_000, "date\u200b", "patient id"]
    )  # fmt: skip
    return joined([header, *rows])


def other_columns(rng: random.Random, data: bytes) -> bytes:
    """Columns under each other's names, or one taken out."""
    rows = split(data)
    width = len(rows[0])
    one, other = rng.randrange(width), rng.randrange(width)
    for row in rows if rng.random() < 0.5 else rows[1:]:
        if one == other:
            row.pop(one)
        else:
            row[one], row[other] = row[other], row[one]
    return joined(rows)


def other_quotes(rng: random.Random, data: bytes) -> bytes:
    rows = split(data)
    row = rng.choice(rows)
    place = rng.randrange(len(row))
    row[place] = rng.choice(['"{}', '{}"', '"{}" x', 'x"{}"', '"{}""', "'{}'", '"{}\n']).format(
        row[place]
    )
    return joined(rows)


def other_rows(rng: random.Random, data: bytes) -> bytes:
    rows = split(data)
    place = rng.randrange(len(rows))
    return joined(
        rng.choice(
            [rows[:1], rows[1:], rows[:1] + rows, rows[:place] + rows[place + 1 :], rows + rows[1:],
             [*rows[:place], ["Total", *[""] * (len(rows[0]) - 1)], *rows[place:]],
             [["Export of 2021-01-01"], *rows], [*rows, ["(5 rows)"]], rows * 40]
        )
    )  # fmt: skip


def other_delimiter(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b",", rng.choice([b";", b"\t", b"|", b", ", b" "]))


IN_TABLES: tuple[Damage, ...] = (
    odd_cell, odd_cell, odd_cell, cell_for_cell, far_dates, ragged, other_header, other_columns,
    other_quotes, other_rows, other_delimiter,
)  # fmt: skip


def quoted_all(rng: random.Random, data: bytes) -> bytes:
    return joined([[f'"{cell}"' for cell in row] for row in split(data)])


def other_line_ends(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b"\n", rng.choice([b"\r\n", b"\r"]))


def with_mark(rng: random.Random, data: bytes) -> bytes:
    return codecs.BOM_UTF8 + data


def blank_lines(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b"\n", b"\n\n", rng.randint(1, 4)) + b"\n"


def no_last_line_end(rng: random.Random, data: bytes) -> bytes:
    return data.rstrip(b"\n")


def columns_in_another_order(rng: random.Random, data: bytes) -> bytes:
    rows = split(data)
    order = rng.sample(range(len(rows[0])), len(rows[0]))
    return joined([[row[place] for place in order] for row in rows])


def another_column(rng: random.Random, data: bytes) -> bytes:
    header, *rows = split(data)
    return joined([[*header, "remark"], *([*row, '"naïve, he said\nno"'] for row in rows)])


HARMLESS: tuple[Damage, ...] = (
    quoted_all, other_line_ends, with_mark, blank_lines, no_last_line_end,
    columns_in_another_order, another_column,
)  # fmt: skip


# --- what happens to the declaration ----------------------------------------------------------

VALUES = (
    "-1", "0", "1", "1.5", "true", "false", '""', '"x"', "[]", "{}", "[[1]]", "{ a = 1 }", "1e400",
    "nan", "-inf", "1" + "0" * 30, "9223372036854775808", "2020-01-01", "2020-01-01T00:00:00Z",
    "07:32:00", '"2020-02-30"', '"9999-12-31"', '"0000-00-00"', '"é"', '"\\u0000"', '"\\n"',
    '"../patients.csv"', '"/etc/passwd"', '"con.csv"', '"patients.csv"', '"urine.parquet"',
    '"study.toml"', '["diazepam", "diazepam"]', '["urine", "urine"]', '["fills"]', "[1, 2]",
    '{ at = "enrolment" }', '{ at = "column", column = "line" }', '{ at = "last_treatment" }',
    '{ at = "confirmed_abstinence", negatives = 1000000000, after = "use" }',
    '{ at = "confirmed_abstinence", negatives = 9223372036854775807, after = "use" }',
    '{ rule = "censor", gap_days = 9223372036854775807 }', '{ rule = "relapse", gap_days = 1 }',
    '{ rule = "consecutive", k = 99999999999 }', '{ rule = "use_days", days = 1, within_days = 1 }',
    '{ rule = "k_of_n", k = 3, n = 2 }', '{ rule = "refill", grace_days = 30 }', '"last_statement"',
    '"outcome"', '["death", "death"]', '["death"]', "[0.001]", "[1e300]", "[-1]", "[inf]",
    '{ age = "text" }', '{ line = "number" }', '{ "" = "text" }', '{ patient_id = "text" }',
    '{ patient_id = "enrolled" }', '{ result = { negative = ["positive"] } }', '{ date = "date" }',
)  # fmt: skip
"""Values that a key may be given by mistake."""


def other_value(rng: random.Random, data: bytes) -> bytes:
    lines = data.decode().split("\n")
    places = [place for place, line in enumerate(lines) if " = " in line]
    place = rng.choice(places)
    lines[place] = f"{lines[place].split(' = ')[0]} = {rng.choice(VALUES)}"
    return "\n".join(lines).encode()


def other_key(rng: random.Random, data: bytes) -> bytes:
    lines = data.decode().split("\n")
    place = rng.randrange(len(lines))
    key = rng.choice(
        ["washout_days", "dated", "conflict", "end", "competing", "entry", "population", "label",
         "horizons_months", "undated", "delimiter", "columns", "codes", "file", "dates",
         "date_format", "substances", "missing", "pattern", "by", "cox", "size", "characteristics",
         "labels",
         "unit", "hazard_windows_months", "remark", '"a.b"', "a.b.c", '""', "study.name", "enpoint"]
    )  # fmt: skip
    value = rng.choice(
        [rng.choice(VALUES), '"%d/%m/%Y"', '"%y"', '"%Y%m%d"', '"%"', '"days"', '"leave_out"',
         '";"', '"\\t"', '"age + sex"', '["age", "sex"]', '["age + "]', '"single"', '"midpoint"',
         "[0, 6, 3]", '"intention"', '{ column = "quit" }', '{ column = "sex" }', '{ sex = "Sex" }',
         '"relapse"']
    )  # fmt: skip
    lines.insert(place, f"{key} = {value}")
    return "\n".join(lines).encode()


def other_section(rng: random.Random, data: bytes) -> bytes:
    name = rng.choice(
        ["endpoint.relapse", "endpoint.other", 'endpoint."a b"', "tables.urine", "tables.infusions",
         "study", "paper", "time_to_event", "substances", "tables", "", "[provenance]", "endpoint",
         "tables.patients.codes", "tables.urine.codes.result", "x" * 3000]
    )  # fmt: skip
    section = f"\n[{name}]\n{rng.choice(['', 'file = 1', 'origin = 3', 'x = 1', 'event = 2'])}\n"
    return data + section.encode()


def other_lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.decode().split("\n")
    place = rng.randrange(len(lines))
    again = rng.choice([lines[:place] + lines[place + 1 :], lines[: place + 1] + lines[place:]])
    return "\n".join(rng.choice([again, rng.sample(lines, len(lines))])).encode()


def broken_toml(rng: random.Random, data: bytes) -> bytes:
    text = data.decode()
    return rng.choice(
        [text.replace('"', "“"), text.replace("]", "", 1), text.replace('"', "", 1), text + "x = ",
         text.replace("=", ":"), text.replace("true", "True"), text + "\nx = " + "[" * 3000,
         text + "\nx = " + "{a=" * 2000, text + '\nx = """', "{" + text + "}", json.dumps(text),
         text.replace("\n", "\r"), text + "\n" + "a." * 3000 + "b = 1\n",
         text.replace("[", "[[", 1)]
    ).encode()  # fmt: skip


IN_DECLARATION: tuple[Damage, ...] = (
    other_value, other_value, other_key, other_key, other_section, other_lines, broken_toml,
)  # fmt: skip


# --- a table in another format ----------------------------------------------------------------

FORMATS = ("xlsx", "parquet", "json", "dta", "xpt")


@cache
def in_format(table: str, ending: str) -> bytes:
    """The file of a table, all its cells text."""
    header, *rows = split(TABLES[table].encode())
    columns = [{"itemOID": name, "name": name, "label": name, "dataType": "string"}
               for name in header]  # fmt: skip
    if ending == "json":
        group = {"itemGroupOID": "IG", "name": "T", "label": "T", "records": len(rows)}
        whole = {"datasetJSONVersion": "1.1.0", **group, "columns": columns, "rows": rows}
        return json.dumps(whole).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t.{ending}"
        frame = pd.DataFrame(rows, columns=header)
        if ending == "xlsx":
            book = openpyxl.Workbook()
            for row in (header, *rows):
                book.active.append(row)
            book.save(path)
        elif ending == "parquet":
            duckdb.sql(f"COPY (FROM frame) TO '{path}'")
        else:
            {"dta": pyreadstat.write_dta, "xpt": pyreadstat.write_xport}[ending](frame, path)
        return path.read_bytes()


def reformatted(rng: random.Random, small: Small, name: str) -> None:
    """A table of another format, as it is or with damage to its bytes."""
    table, ending = name.removesuffix(".csv"), rng.choice(FORMATS)
    del small.files[name]
    content = in_format(table, ending)
    if rng.random() < 0.6:
        small.harmless = False
        content = rng.choice((flipped, flipped, truncated, inserted, emptied))(rng, content)
    card = small.files["study.toml"].decode()
    small.files["study.toml"] = card.replace(f'"{name}"', f'"{table}.{ending}"').encode()
    small.files[f"{table}.{ending}"] = content


# --- what happens to the folder ---------------------------------------------------------------


def no_file(rng: random.Random, small: Small, name: str) -> None:
    del small.files[name]
    small.harmless, small.refused = False, True


def a_folder_of_its_name(rng: random.Random, small: Small, name: str) -> None:
    no_file(rng, small, name)
    small.odd = lambda folder: (folder / name).mkdir()


def a_link_to_itself(rng: random.Random, small: Small, name: str) -> None:
    no_file(rng, small, name)
    small.odd = lambda folder: (folder / name).symlink_to(folder / name)


IN_FOLDER = (no_file, a_folder_of_its_name, a_link_to_itself)


KINDS = {
    "harmless": (3, Small.tables, HARMLESS),
    "format": (4, Small.tables, (reformatted,)),
    "folder": (1, Small.everything, IN_FOLDER),
    "bytes": (4, Small.everything, BYTES),
    "toml": (6, lambda small: ["study.toml"], IN_DECLARATION),
    "table": (8, Small.tables, IN_TABLES),
}
"""How often a kind of damage is done, to which files, and the ways of it."""


def corrupted(seed: int) -> Small:
    """The study of a seed: one to three things wrong with it, or one that is not wrong."""
    rng = random.Random(f"corrupted {seed}")
    small = sound(rng)
    kind = rng.choices(list(KINDS), [how_often for how_often, *_ in KINDS.values()])[0]
    _, files, ways = KINDS[kind]
    name, way = rng.choice(files(small)), rng.choice(ways)
    if kind in ("folder", "format"):
        way(rng, small, name)
        small.done.append(f"{way.__name__} {name}")
        return small
    small.harmless = kind == "harmless"
    for _ in range(1 if small.harmless else rng.choice([1, 1, 2, 3])):
        try:
            small.files[name] = way(rng, small.files[name])
        except (UnicodeDecodeError, IndexError, ValueError):  # it is past the next damage
            break
        small.done.append(f"{way.__name__} {name}")
        name, way = rng.choice(files(small)), rng.choice(ways)
    return small


# --- what becomes of them -----------------------------------------------------------------------


def asked(folder: Path, small: Small) -> Result:
    """Run the study's command on its files, which are written for it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in small.files.items():
        (folder / name).write_bytes(content)
    if small.odd is not None:
        small.odd(folder)
    command, *options = small.command
    return CliRunner().invoke(main, [command, str(folder), *options, "--format", "json"])


def told(result: Result) -> object:
    """What a command found, without files and lines: formats and blank lines move them."""

    def placeless(value: object) -> object:
        if isinstance(value, dict):
            kept = value.keys() - {"file", "line", "lines"}
            return {key: placeless(value[key]) for key in kept}
        if isinstance(value, list):
            return [placeless(each) for each in value]
        if isinstance(value, str):
            return re.sub(r"\S+\.(csv|xlsx|parquet|json|dta|xpt)|,? (line|row) \d+", "", value)
        return value

    return placeless(json.loads(result.stdout or "null"))


REPORT = re.compile(
    r"Error: (\d+) problems? in the input; nothing was written\.\n"
    r"(\n\S[^\n]*\n(  Found[^\n]*\n)?(  [^\n]+\n))+"
)
"""Each fault a rule, perhaps where it was found, and a remedy."""


def faults_of_report(result: Result, small: Small) -> Iterator[str]:
    """What is wrong with what a study was told."""
    if not (result.exception is None or isinstance(result.exception, SystemExit)):
        yield f"it ended with {result.exception!r}"
    elif result.exit_code not in (0, 1, 3):
        yield f"it ended with status {result.exit_code}: {result.stderr}"
    elif result.exit_code == 3 and not REPORT.fullmatch(result.stderr):
        yield f"its report is not clear: {result.stderr}"
    elif result.exit_code == 1 and not re.fullmatch(r"Error: \S[^\n]+\n", result.stderr):
        yield f"it says badly what cannot be estimated: {result.stderr}"
    elif result.exit_code and result.stdout:
        yield f"it was refused and has a result: {result.stdout}"
    elif small.refused and result.exit_code != 3:
        yield f"it was not refused: {result.stdout}"
    said = result.stdout + result.stderr
    if re.search(r"Traceback|\b[A-Z]\w+Warning\b", said):
        yield f"it says what is no reader's business: {said}"
    if not said.replace("\n", "").isprintable():
        yield f"it has characters that cannot be seen: {said!r}"


@pytest.fixture
def one_engine(monkeypatch):
    """One DuckDB for all studies, emptied for each: to start it takes a while."""
    shared, started = Engine.start(), []
    shared.execute("SET threads = 1")

    def start():
        while started:  # what a connection made for itself goes with it
            started.pop().connection.close()
        for (name,) in shared.rows("SELECT table_name FROM duckdb_tables()"):
            shared.execute(f"DROP TABLE {quoted(name)}")
        started.append(Engine(shared.connection.cursor()))
        return started[-1]

    monkeypatch.setattr(Engine, "start", start)
    yield
    shared.connection.close()


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_corrupted_study_has_a_clear_report_or_a_correct_result(tmp_path, one_engine, block):
    found = []
    for seed in range(block, STUDIES, BLOCKS):
        small = corrupted(seed)
        result = asked(tmp_path / "study", small)
        found += [
            (seed, small.command, small.done, said) for said in faults_of_report(result, small)
        ]
        if small.harmless:
            rng = random.Random(f"corrupted {seed}")
            expected = asked(tmp_path / "study", sound(rng))
            if (result.exit_code, told(result)) != (expected.exit_code, told(expected)):
                found.append((seed, small.command, small.done, result.output, expected.output))
    assert not found, "\n".join(map(str, found))
