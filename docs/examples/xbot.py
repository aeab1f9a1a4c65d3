"""Make a study folder of one of the three trials, X:BOT (CTN-0051), with opioids instead.

``python docs/examples/xbot.py FOLDER INTO``: FOLDER holds the exported tables that
datasets/ctn0094/README.md says how to obtain. docs/xbot.md says what is found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

PROJECT = 51
OPIOIDS = ("Opioid", "Heroin", "Methadone", "Buprenorphine")
WEEKS = 24
"""Weeks of treatment, at whose end the follow-up for relapse ends."""
FIRST_WEEK = 20
"""The last day after randomisation on which use does not count yet."""

STUDY = """\
[study]
name = "xbot"
title = "X:BOT (CTN-0051) from its urine samples and calendars"
synthetic = false
control_group = true
dates = "days"

[substances]
opioid = ["opioid"]

[tables.patients]
file = "patients.csv"
covariates = { arm = "text", day_20 = "date", randomised = "date" }

[tables.urine]
file = "urine.csv"

[tables.use_days]
file = "use_days.csv"

[tables.outcomes]
file = "outcomes.csv"

[endpoint.relapse]
label = "Relapse to opioids"
origin = { at = "column", column = "day_20" }
pattern = { rule = "weeks", weeks = 4, or_days = 7, missing_week = "use" }
sources = ["urine", "use_days"]
dated = "detected"
end = "outcome"
horizons_months = [3, 4.8]

[paper]
endpoint = "relapse"
by = "arm"
cox = ["arm"]

[sensitivity]
at_days = [84, 148]
dated = ["onset", "detected"]
pattern = [
    { rule = "weeks", weeks = 4, or_days = 7, missing_week = "use" },
    { rule = "weeks", weeks = 4, or_days = 7, missing_week = "breaks" },
    { rule = "weeks", weeks = 4, or_days = 7, missing_week = "skipped" },
]
"""


def main(source: Path, into: Path) -> None:
    """Write the folder."""
    everybody, randomised = _read(source, "everybody"), _read(source, "randomization")
    ours = everybody[everybody["project"] == PROJECT]["who"]
    first = randomised[(randomised["which"] == 1) & randomised["who"].isin(ours)]
    first = first.dropna(subset=["when"]).sort_values("who")
    when = first.set_index("who")["when"].astype(int)
    arms = first.set_index("who")["treatment"].map(
        {"Inpatient BUP": "BUP-NX", "Inpatient NR-NTX": "XR-NTX"}
    )
    into.mkdir(parents=True)
    patients = pd.DataFrame({"patient_id": when.index, "enrolled": 0, "arm": arms.to_numpy()})
    patients["randomised"] = when.to_numpy()
    patients["day_20"] = when.to_numpy() + FIRST_WEEK
    patients.to_csv(into / "patients.csv", index=False)
    # Buprenorphine is the study drug of one arm.
    study_drug = {who for who, arm in arms.items() if arm == "BUP-NX"}
    found = _opioids(_read(source, "uds"), study_drug, when)
    samples = _read(source, "uds_temp")[["who", "when"]].dropna().drop_duplicates()
    findings = _read(source, "uds")[["who", "when"]].dropna().drop_duplicates()
    attended = pd.concat([samples, findings]).drop_duplicates()
    attended = attended[attended["who"].isin(when.index)]
    positive = found[["who", "when"]].drop_duplicates().assign(result="positive")
    urine = attended.merge(positive, on=["who", "when"], how="left")
    urine["result"] = urine["result"].fillna("negative")
    urine = urine.assign(analyte="opioid").rename(columns={"who": "patient_id", "when": "date"})
    _write(urine, into / "urine.csv", ["patient_id", "date", "analyte", "result"])
    days = _opioids(_read(source, "tlfb"), study_drug, when)[["who", "when"]].drop_duplicates()
    days = days.assign(substance="opioid").rename(columns={"who": "patient_id", "when": "date"})
    _write(days, into / "use_days.csv", ["patient_id", "date", "substance"])
    ends = pd.DataFrame({"patient_id": when.index, "date": when.to_numpy() + 7 * WEEKS})
    _write(ends.assign(outcome="study_end"), into / "outcomes.csv", [*ends.columns, "outcome"])
    (into / "study.toml").write_text(STUDY, encoding="utf-8")


def _read(source: Path, name: str) -> pd.DataFrame:
    """Read a table under its name in the R package, or in another export of it."""
    names = {"uds": ("uds", "uds_all"), "tlfb": ("tlfb", "tlfb_all")}
    names["uds_temp"] = ("uds_temp", "uds_samples")
    for known in names.get(name, (name,)):
        for path in sorted(source.glob(f"*{known}.csv*")):
            if path.name.split(".")[0] in (known, f"ctn0094_{known}"):
                return pd.read_csv(path)
    raise SystemExit(f"{source} has no table {name}")


def _opioids(table: pd.DataFrame, study_drug: set[int], when: pd.Series) -> pd.DataFrame:
    """Keep what is an opioid that the arm was not given."""
    own = table.dropna(subset=["when"])
    own = own[own["who"].isin(when.index) & own["what"].isin(OPIOIDS)]
    given = own["who"].isin(study_drug) & (own["what"] == "Buprenorphine")
    return own[~given]


def _write(table: pd.DataFrame, path: Path, columns: list[str]) -> None:
    table = table.astype({"date": int}).sort_values(columns[:2])
    table[columns].to_csv(path, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
