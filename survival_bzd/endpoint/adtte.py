"""Time-to-event data as CDISC ADTTE: a row for each patient and cause, with what defines it.

CNSR is 0 for the event and a positive code for each way of being censored; it is not the complement
of an event. AVAL is ADT - STARTDT, without CDISC's + 1: day 0 is the day of origin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.formats import number_text

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".xpt", ".json")

CENSORED: Mapping[str, tuple[int, str]] = {
    "last_statement": (1, "nothing recorded after it"),
    "study_end": (2, "end of study"),
    "cut_off": (3, "later records lie beyond the cut-off"),
    "withdrawal": (4, "withdrawal"),
    "loss": (5, "lost to follow-up"),
    "nothing_recorded": (6, "nothing recorded after the origin"),
    "gap": (7, "nothing known for too long"),
    "death": (8, "death"),
    "end_of_observation": (9, "observation ended"),
}
"""Reason of a censoring -> its CNSR and words. Another reason has a code from `OTHER_REASON` on."""
OTHER_CAUSE = 10
"""CNSR of a patient whose follow-up another event ended: this and the code of that event."""
OTHER_REASON = 50

PARAMETERS: Mapping[str, str] = {
    "relapse": "TTRELAPS", "death": "TTDEATH", "withdrawal": "TTWITHDR", "loss": "TTLOSS",
    "study_end": "TTSTUDY",
}  # fmt: skip
"""Cause -> PARAMCD."""

LABEL = "Time-to-Event Analysis"
"""Of the data set; SAS transport has room for 40 letters."""

LONGEST = 200
"""Bytes of a text in SAS transport."""
MADE_AT = "1970-01-01T00:00:00"
"""The moment that Dataset-JSON and SAS transport ask for: none, so that the same data are the same
bytes."""

Kind = Literal["text", "integer", "float", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What a column of ADTTE is.

    Attributes
    ----------
    name, label : of at most 8 and 40 characters.
    kind : of its values.
    origin : ``"Assigned"``, ``"Derived"`` or ``"Predecessor"``, as in Define-XML.
    method : how it is derived, or where it is from.
    codelist : value -> what it stands for.
    """

    name: str
    label: str
    kind: Kind
    origin: str
    method: str = ""
    codelist: Mapping[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Adtte:
    """An ADTTE data set.

    Attributes
    ----------
    frame : a row for each patient and cause; numbers as float64, dates as day numbers (days since
        1970-01-01, NaN where there is none), text as object.
    variables : what its columns are, in their order.
    label : of the data set; of made-up data it says so.
    """

    frame: pd.DataFrame
    variables: tuple[Variable, ...]
    label: str


def adtte_of(
    tte: TimeToEvent,
    *,
    study: str,
    dates: bool = True,
    synthetic: bool = False,
    sources: Mapping[str, tuple[str, str]] | None = None,
) -> Adtte:
    """Lay out time-to-event data as ADTTE.

    Parameters
    ----------
    tte : the data, with patient identifiers.
    study : STUDYID.
    dates : whether day numbers are dates; if not, STARTDT and ADT stay empty.
    synthetic : whether the data are made up.
    sources : file -> the table it is, and its column of dates, for SRCDOM and SRCVAR.

    Returns
    -------
    Adtte
        n rows for each cause; covariates under names of at most eight letters, with their own name
        as label.
    """
    import pandas as pd

    reasons = _reason_codes(tte)
    parts = [_rows_of(tte, code, study, dates, reasons, sources or {})
             for code in range(1, len(tte.causes) + 1)]  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    variables = list(_variables(tte, reasons))
    for name, short in short_names(tte, [one.name for one in variables]).items():
        assert tte.covariates is not None
        values = tte.covariates[name]
        is_number = values.dtype.kind in "iuf"
        column = values.to_numpy(dtype=np.float64 if is_number else object)
        if not is_number:
            column = np.array(["" if v is None else v for v in column], dtype=object)
        frame[short] = np.tile(column, len(tte.causes))
        variables.append(Variable(
            name=short, label=name, kind="float" if is_number else "text", origin="Predecessor",
            method=f"patients, {name}",
        ))  # fmt: skip
    return Adtte(frame, tuple(variables), f"{LABEL}, synthetic" if synthetic else LABEL)


def short_names(tte: TimeToEvent, taken: Sequence[str]) -> dict[str, str]:
    """Return covariate -> a name of at most eight letters and digits that no other column has."""
    names: dict[str, str] = {}
    used = set(taken)
    for name in () if tte.covariates is None else tte.covariates.columns:
        plain = re.sub("[^A-Z0-9_]", "", str(name).upper())
        plain = plain if plain[:1].isalpha() else f"C{plain}"
        short, place = plain[:8], 1
        while short in used:
            place += 1
            short = plain[: 8 - len(str(place))] + str(place)
        used.add(short)
        names[str(name)] = short
    return names


def parameter_codes(causes: Sequence[str]) -> tuple[str, ...]:
    """Return the PARAMCD of each cause.

    Examples
    --------
    >>> parameter_codes(("relapse", "death", "moved away"))
    ('TTRELAPS', 'TTDEATH', 'TTMOVEDA')
    """
    return tuple(
        PARAMETERS.get(cause) or "TT" + re.sub("[^A-Z0-9]", "", cause.upper())[:6]
        for cause in causes
    )


def _reason_codes(tte: TimeToEvent) -> dict[str, tuple[int, str]]:
    """Return the CNSR and the words of every reason; those not known by name come last."""
    reasons = set() if tte.reason is None else set(tte.reason[tte.event == 0].tolist())
    others = sorted(str(reason) for reason in reasons - CENSORED.keys())
    further = {
        reason: (OTHER_REASON + place, reason.replace("_", " "))
        for place, reason in enumerate(others)
    }
    return {**CENSORED, **further}


def _rows_of(
    tte: TimeToEvent,
    code: int,
    study: str,
    dates: bool,
    reasons: Mapping[str, tuple[int, str]],
    sources: Mapping[str, tuple[str, str]],
) -> pd.DataFrame:
    """Return the rows of one cause."""
    import pandas as pd

    n, event = tte.n, tte.event.astype(np.int64)
    happened, other = event == code, (event > 0) & (event != code)
    reason = np.full(n, "last_statement") if tte.reason is None else tte.reason.astype(str)
    censoring = {name: number for name, (number, _) in reasons.items()}
    cnsr = np.array([censoring.get(one, 1) for one in reason.tolist()], dtype=np.float64)
    cnsr = np.where(happened, 0, np.where(other, OTHER_CAUSE + event, cnsr))
    words = [_event_words(tte, cause) for cause in range(1, len(tte.causes) + 1)]
    said = [
        words[e - 1] if e == code else f"{words[e - 1]} came first" if e
        else f"Censored: {reasons.get(r, (1, r))[1]}"
        for e, r in zip(event.tolist(), reason.tolist(), strict=True)
    ]  # fmt: skip
    at = [
        "" if e == code else f"Day of {words[e - 1].lower()}" if e else "Last day known free of use"
        for e in event.tolist()
    ]
    origin = np.full(n, np.nan) if tte.origin_day is None or not dates else tte.origin_day
    # The interval is that of relapse; what competes is known to the day.
    lower = tte.lower if code == 1 else tte.time
    upper = np.where(happened, tte.upper if code == 1 else tte.time, np.nan)
    files = np.full(n, "") if tte.file is None else tte.file.astype(str)
    tables = [sources.get(file, ("", "")) for file in files.tolist()]
    known = np.array([table != "" for table, _ in tables], dtype=np.bool_)
    lines = np.full(n, np.nan) if tte.line is None else tte.line.astype(np.float64)
    paramcd = parameter_codes(tte.causes)[code - 1]
    return pd.DataFrame({
        "STUDYID": study,
        "USUBJID": _text(tte.patient_id, n),
        "PARAMCD": paramcd,
        "PARAM": f"Time to {_lower_first(words[code - 1])}",
        "STARTDT": origin,
        "ADT": origin + np.floor(tte.time),
        "AVAL": tte.time,
        "AVALU": tte.unit.upper(),
        "CNSR": cnsr,
        "EVNTDESC": said,
        "CNSDTDSC": at,
        "SRCDOM": [table.upper()[:8] for table, _ in tables],
        "SRCVAR": [column for _, column in tables],
        "SRCSEQ": np.where(known, lines, np.nan),
        "AVALLO": lower,
        "AVALHI": upper,
        "ENTRYDY": np.full(n, np.nan) if tte.entry is None else tte.entry,
    })  # fmt: skip


def _text(values: NDArray[np.object_] | None, n: int) -> list[str]:
    return [str(row + 1) for row in range(n)] if values is None else [str(v) for v in values]


def _event_words(tte: TimeToEvent, code: int) -> str:
    """Name a cause: the first as the endpoint is labelled."""
    return tte.label if code == 1 else tte.causes[code - 1].replace("_", " ").capitalize()


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]


def _variables(tte: TimeToEvent, reasons: Mapping[str, tuple[int, str]]) -> tuple[Variable, ...]:
    """Say what the columns are."""
    codes = parameter_codes(tte.causes)
    words = [_event_words(tte, code) for code in range(1, len(codes) + 1)]
    censoring = {"0": "Event"} | {str(number): said for number, said in reasons.values()}
    censoring |= {
        str(OTHER_CAUSE + place): f"{said} came first" for place, said in enumerate(words, 1)
    }
    start = "Day 0: the day of origin that the endpoint declares"
    rows: tuple[tuple[Any, ...], ...] = (
        ("STUDYID", "Study Identifier", "text", "Assigned", "name of the study"),
        ("USUBJID", "Unique Subject Identifier", "text", "Predecessor", "patients, patient_id"),
        ("PARAMCD", "Parameter Code", "text", "Assigned", "one for each cause",
         dict(zip(codes, words, strict=True))),
        ("PARAM", "Parameter", "text", "Assigned", ""),
        ("STARTDT", "Time-to-Event Origin Date", "date", "Derived",
         f"{start}; empty in a study that counts days"),
        ("ADT", "Analysis Date", "date", "Derived",
         "STARTDT + AVAL; half a day of a midpoint is passed over"),
        ("AVAL", "Analysis Value", "float", "Derived",
         "ADT - STARTDT, without + 1: the day of origin is 0"),
        ("AVALU", "Analysis Value Unit", "text", "Assigned", ""),
        ("CNSR", "Censor", "integer", "Derived", "0 is the event of this parameter, every other "
         "code a way of being censored; 1 - CNSR is no event", censoring),
        ("EVNTDESC", "Event or Censoring Description", "text", "Derived", ""),
        ("CNSDTDSC", "Censor Date Description", "text", "Derived", ""),
        ("SRCDOM", "Source Data", "text", "Derived", "table of the record that decided"),
        ("SRCVAR", "Source Variable", "text", "Derived", "its column of dates"),
        ("SRCSEQ", "Source Sequence Number", "integer", "Derived", "its line in the file"),
        ("AVALLO", "Analysis Value, Lower Bound", "float", "Derived",
         "last day known free: the event lies in (AVALLO, AVALHI], or at both where equal"),
        ("AVALHI", "Analysis Value, Upper Bound", "float", "Derived",
         "day the event became known; empty where censored"),
        ("ENTRYDY", "Day of Late Entry", "float", "Derived",
         "at risk from after this day; empty where followed from the origin"),
    )  # fmt: skip
    return tuple(
        Variable(name=row[0], label=row[1], kind=row[2], origin=row[3], method=row[4],
                 codelist=row[5] if len(row) > 5 else None)
        for row in rows
    )  # fmt: skip


def write_adtte(adtte: Adtte, path: Path) -> Path:
    """Write ADTTE as CSV, SAS transport (version 5) or Dataset-JSON 1.1, and what defines it.

    Returns
    -------
    Path
        Of the metadata: `adtte.define.json` beside `adtte.csv`.

    Raises
    ------
    BadInput
        If the name has another ending, or a text is too long for SAS transport.
    """
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        raise BadInput([Fault(rule=f"an ADTTE file ends in {', '.join(ENDINGS)}", value=path.name,
                              remedy="Name it so.")])  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{suffix}")
    try:
        {".csv": _write_csv, ".xpt": _write_xpt, ".json": _write_json}[suffix](adtte, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    beside = path.with_name(f"{path.stem}.define.json")
    beside.write_text(json.dumps(define(adtte), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return beside


def define(adtte: Adtte) -> dict[str, Any]:
    """Return the metadata of ADTTE: data set, variables, codelists."""
    return {
        "dataset": "ADTTE",
        "label": adtte.label,
        "class": "BASIC DATA STRUCTURE",
        "structure": "one record per subject per parameter",
        "keys": ["STUDYID", "USUBJID", "PARAMCD"],
        "records": len(adtte.frame),
        "conventions": [
            "AVAL = ADT - STARTDT; CDISC's + 1 is not added.",
            "CNSR 0 is the event; positive integers are coded censorings.",
            "The event lies in (AVALLO, AVALHI].",
        ],
        "variables": [
            {
                "name": one.name,
                "label": one.label,
                "type": one.kind,
                "length": _length(adtte.frame[one.name], one.kind),
                "origin": one.origin,
                **({"method": one.method} if one.method else {}),
                **({"codelist": dict(one.codelist)} if one.codelist else {}),
            }
            for one in adtte.variables
        ],
    }


def _length(column: pd.Series[Any], kind: Kind) -> int:
    if kind != "text":
        return 8
    return max([1, *(len(str(cell).encode()) for cell in column)])


def _cells(adtte: Adtte) -> dict[str, list[str | float | None]]:
    """Return every column for writing: dates in ISO, whole numbers as such, None where missing."""
    return {
        one.name: [_cell(value, one.kind) for value in adtte.frame[one.name].tolist()]
        for one in adtte.variables
    }


def _cell(value: Any, kind: Kind) -> str | float | None:
    if kind == "text":
        return str(value) or None
    if value != value:
        return None
    if kind == "date":
        return str(np.datetime64(int(value), "D"))
    number = float(value)
    return int(number) if number.is_integer() else number


def _write_csv(adtte: Adtte, path: Path) -> None:
    import csv

    columns = _cells(adtte)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(
                "" if cell is None else cell if isinstance(cell, str) else number_text(float(cell))
                for cell in row
            )


def _write_json(adtte: Adtte, path: Path) -> None:
    columns = _cells(adtte)
    kinds = {"text": "string", "integer": "integer", "float": "double", "date": "date"}
    document = {
        "datasetJSONCreationDateTime": MADE_AT,
        "datasetJSONVersion": "1.1.0",
        "itemGroupOID": "IG.ADTTE",
        "records": len(adtte.frame),
        "name": "ADTTE",
        "label": adtte.label,
        "columns": [
            {"itemOID": f"IT.ADTTE.{one.name}", "name": one.name, "label": one.label,
             "dataType": kinds[one.kind], "length": _length(adtte.frame[one.name], one.kind)}
            for one in adtte.variables
        ],
        "rows": [list(row) for row in zip(*columns.values(), strict=True)],
    }  # fmt: skip
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def _write_xpt(adtte: Adtte, path: Path) -> None:
    import datetime as dt

    import pandas as pd
    import pyreadstat

    faults = [
        Fault(
            rule=f"a text in SAS transport has at most {LONGEST} bytes",
            remedy="Write CSV or Dataset-JSON, or shorten it.",
            column=one.name, patient=str(patient), value=str(cell),
        )
        for one in adtte.variables if one.kind == "text"
        for patient, cell in zip(adtte.frame["USUBJID"], adtte.frame[one.name], strict=True)
        if len(str(cell).encode()) > LONGEST
    ]  # fmt: skip
    if faults:
        raise BadInput(faults)
    frame, shapes = pd.DataFrame(), {}
    for one in adtte.variables:
        values = adtte.frame[one.name]
        if one.kind == "date" and values.notna().any():
            epoch = dt.date(1970, 1, 1)
            days = [None if v != v else epoch + dt.timedelta(days=int(v)) for v in values]
            frame[one.name] = pd.Series(days, dtype=object)
            shapes[one.name] = "DATE9"
        else:
            frame[one.name] = values
    pyreadstat.write_xport(
        frame, path, file_label=adtte.label, table_name="ADTTE",
        column_labels=[one.label[:40] for one in adtte.variables], file_format_version=5,
        variable_format=shapes,
    )  # fmt: skip
    content = path.read_bytes()
    head = re.sub(rb"[0-9]{2}[A-Z]{3}[0-9]{2}(:[0-9]{2}){3}", b"01JAN70:00:00:00", content[:800])
    path.write_bytes(head + content[800:])
