"""The supplied studies: find, list and copy them; import the one that comes without its data."""

from __future__ import annotations

import json
import shutil
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from survival_bzd.errors import BadInput, Fault
from survival_bzd.records.new_folder import new_folder

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Supplied:
    """A study that comes with the package.

    Attributes
    ----------
    name, title : as `study.toml` says.
    licence : of the data, as an SPDX identifier.
    folder : where it is.
    synthetic : whether the data are made up.
    has_data : whether its tables are here; if not, they have to be imported.
    """

    name: str
    title: str
    licence: str
    folder: Path
    synthetic: bool
    has_data: bool


def supplied() -> tuple[Supplied, ...]:
    """Return the supplied studies, in the order of their names.

    Returns
    -------
    tuple of Supplied
        The same from a checkout and from an installed wheel.

    Examples
    --------
    >>> [study.name for study in supplied()]
    ['ctn0094', 'ketamine-taper', 'pharmaco-smoking']
    """
    return tuple(_described(path.parent) for path in sorted(_root().glob("*/study.toml")))


def locate(name: str) -> Path:
    """Return the folder of a supplied study.

    Parameters
    ----------
    name : as `supplied` lists it.

    Returns
    -------
    Path
        The folder, to be read; use `copy` for one to work in.

    Raises
    ------
    BadInput
        If no supplied study has this name.
    """
    return _named(name).folder


def copy(name: str, into: Path) -> None:
    """Copy a supplied study, so that it can be changed.

    Parameters
    ----------
    name : as `supplied` lists it.
    into : the folder to make. Its files appear all at once, or not at all.

    Raises
    ------
    BadInput
        If no supplied study has this name, its data are not supplied, or `into` is in use.
    """
    study = _named(name)
    if not study.has_data:
        raise BadInput([Fault(
            rule="a study can be copied only where its data are supplied", value=name,
            remedy=f"Import it: survival-bzd datasets import {name} --from FOLDER. "
                   f"{study.folder / 'README.md'} says how to obtain the data.",
        )])  # fmt: skip
    with new_folder(into) as folder:
        _copy_files(study.folder, folder)


def import_ctn0094(source: Path, into: Path) -> None:
    """Turn the exported tables of R package public.ctn0094data into a study folder.

    No row is left out and no day is made up: rows without a day stay without one. What each table
    becomes is said in the README of the supplied study ``ctn0094``, which is copied along.

    Parameters
    ----------
    source : folder of the tables as CSV, gzipped or not, each under its name in the R package
        (``uds.csv``), with or without a ``ctn0094_`` before it.
    into : the study folder to make. Its files appear all at once, or not at all.

    Raises
    ------
    BadInput
        If a table or a column of it is missing, a table cannot be read, or `into` is in use.

    References
    ----------
    .. [1] Balise R, Odom G, Calderon A (2023). public.ctn0094data: De-Identified Data from
           CTN-0094. R package version 1.0.6. doi:10.32614/CRAN.package.public.ctn0094data
    """
    exported = _exported(source)
    tables = {
        "patients": _ctn0094_patients(exported),
        "visits": _ctn0094_visits(exported["visit"]),
        "urine": _ctn0094_urine(exported["uds_temp"], exported["uds"]),
        "use_days": exported["tlfb"].rename(columns=_OUR_NAMES | {"what": "substance"}),
        "outcomes": _ctn0094_outcomes(exported["visit"]),
    }
    with new_folder(into) as folder:
        _copy_files(locate("ctn0094"), folder)
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False, na_rep="", lineterminator="\n")


def _root() -> Path:
    """Return the folder of the supplied studies: in the installed package, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "datasets"
    return installed if installed.is_dir() else package.parent / "datasets"


def _described(folder: Path) -> Supplied:
    """Read what a folder says of itself."""
    declared = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    sections = [*declared.get("tables", {}).values(), declared.get("time_to_event", {})]
    files = [section["file"] for section in sections if section]
    return Supplied(
        name=declared["study"]["name"],
        title=declared["study"]["title"],
        licence=package["licenses"][0]["name"],
        folder=folder,
        synthetic=declared["study"]["synthetic"],
        has_data=all((folder / file).is_file() for file in files),
    )


def _named(name: str) -> Supplied:
    """Return the supplied study of a name."""
    studies = {study.name: study for study in supplied()}
    if name not in studies:
        raise BadInput([Fault(
            rule="a supplied study must be named as it is listed", value=name,
            remedy=f"Choose one of {', '.join(studies)}.",
        )])  # fmt: skip
    return studies[name]


def _copy_files(source: Path, folder: Path) -> None:
    """Copy the files of a supplied study; not what Python may have compiled beside them."""
    for file in source.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)


_PATIENT, _DAY = "who", "when"
_OUR_NAMES = {_PATIENT: "patient_id", _DAY: "date"}
_DEMOGRAPHICS = (
    "age", "is_male", "is_hispanic", "race", "job", "is_living_stable", "education", "marital",
)  # fmt: skip
_CTN0094 = {
    "everybody": (_PATIENT, "project"),
    "randomization": (_PATIENT, "treatment", "which"),
    "demographics": (_PATIENT, *_DEMOGRAPHICS),
    "visit": (_PATIENT, "what", "is_dead", _DAY),
    "uds_temp": (_PATIENT, _DAY),
    "uds": (_PATIENT, "what", _DAY),
    "tlfb": (_PATIENT, "what", _DAY),
}
_ALSO_CALLED = {"uds_temp": "uds_samples", "uds": "uds_all", "tlfb": "tlfb_all"}
_OBTAIN = (
    'Obtain them from the R package public.ctn0094data 1.0.6 (MIT; cite Balise et al.). In R: '
    'remotes::install_version("public.ctn0094data", "1.0.6"); library(public.ctn0094data); '
    f"for (t in c({', '.join(json.dumps(name) for name in _CTN0094)})) "
    'write.csv(get(t), paste0(t, ".csv"), row.names = FALSE, na = "")'
)  # fmt: skip
_SCREENED = "Benzodiazepine"


def _exported(source: Path) -> dict[str, pd.DataFrame]:
    """Read the exported tables as text, the columns in use; every fault in one report."""
    files = {name: _export_of(source, name) for name in _CTN0094}
    missing = [name for name, file in files.items() if file is None]
    if missing:
        raise BadInput([Fault(
            rule=f"the folder must hold the tables {', '.join(_CTN0094)} as .csv or .csv.gz",
            file=str(source), value=f"missing: {', '.join(missing)}", remedy=_OBTAIN,
        )])  # fmt: skip
    faults: list[Fault] = []
    tables = {
        name: _read_export(file, _CTN0094[name], faults)
        for name, file in files.items()
        if file is not None
    }
    if faults:
        raise BadInput(faults)
    return tables


def _export_of(source: Path, name: str) -> Path | None:
    """Return the file of an exported table, under any of the names it may have."""
    candidates = (
        source / f"{prefix}{called}.csv{packed}"
        for called in (name, _ALSO_CALLED.get(name, name))
        for prefix in ("", "ctn0094_")
        for packed in ("", ".gz")
    )
    return next((file for file in candidates if file.is_file()), None)


def _read_export(file: Path, columns: tuple[str, ...], faults: list[Fault]) -> pd.DataFrame:
    """Read one exported table; R writes a missing value as NA or as nothing."""
    import pandas as pd

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=["", "NA"])
    except (OSError, EOFError, ValueError, zlib.error) as error:
        faults.append(Fault(rule="the file must be a CSV table", file=str(file), value=str(error),
                            remedy=_OBTAIN))  # fmt: skip
        return pd.DataFrame()
    absent = [column for column in columns if column not in table]
    if absent:
        faults.append(Fault(
            rule="the table must have the columns of the R package", file=str(file),
            value=f"missing: {', '.join(absent)}", remedy=_OBTAIN,
        ))  # fmt: skip
        return pd.DataFrame()
    return table[list(columns)]


def _ctn0094_patients(exported: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Give one row per person: consent is day 0, the arm is that of the first randomisation."""
    first = exported["randomization"].query("which == '1'")
    people = exported["everybody"].merge(
        first[[_PATIENT, "treatment"]], how="left", on=_PATIENT, validate="one_to_one"
    )
    people = people.merge(
        exported["demographics"], how="left", on=_PATIENT, validate="one_to_one"
    ).rename(columns=_OUR_NAMES | {"treatment": "arm"})
    people.insert(1, "enrolled", "0")
    return people


def _ctn0094_visits(visit: pd.DataFrame) -> pd.DataFrame:
    """Give each visit a status; use is not asked, and the reasons do not tell who came."""
    missed = visit["what"].isin(["MISSING", "no visit"])
    status = missed.map({True: "missed", False: "attended"})
    table = visit[[_PATIENT, _DAY]].rename(columns=_OUR_NAMES)
    return table.assign(status=status, use=None, recall_days=None)


def _ctn0094_urine(samples: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """Give each sample a benzodiazepine result, and each other finding a row of its own."""
    import pandas as pd

    found_on = findings[[_PATIENT, _DAY]].dropna().drop_duplicates()
    unlisted = found_on.merge(samples.drop_duplicates(), how="left", indicator=True)
    unlisted = unlisted.loc[unlisted["_merge"] == "left_only", [_PATIENT, _DAY]]
    attended = pd.concat([samples, unlisted], ignore_index=True)
    positive = findings.loc[findings["what"] == _SCREENED, [_PATIENT, _DAY]].drop_duplicates()
    screened = attended.merge(positive, how="left", indicator="found")
    screened["result"] = (screened["found"] == "both").map({True: "positive", False: "negative"})
    screened.loc[screened[_DAY].isna(), "result"] = "invalid"
    others = findings[findings["what"] != _SCREENED].assign(result="positive")
    rows = pd.concat([screened.assign(what=_SCREENED), others], ignore_index=True)
    rows = rows.rename(columns=_OUR_NAMES | {"what": "analyte"})
    return rows[["patient_id", "date", "analyte", "result"]]


def _ctn0094_outcomes(visit: pd.DataFrame) -> pd.DataFrame:
    """Give the deaths, of which no day is recorded; nothing else that ends is recorded soundly."""
    dead = visit.loc[visit["is_dead"] == "1", [_PATIENT, _DAY]]
    return dead.rename(columns=_OUR_NAMES).assign(outcome="death")
