"""A REDCap project that holds the records of ketamine-taper, exported as REDCap exports.

The format is the published one: a block matrix of events, repeating instruments and instances; a
column for each box of a checkbox, 0 where nobody ticked it, also in rows where nobody could; codes
for missing data; a data dictionary of 18 columns. Run as a script it writes the example of the
documentation.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "redcap"
COHORT = ROOT / "datasets" / "ketamine-taper"
NOT_ASKED, UNKNOWN = "NASK", "-99"
MISSING = ("nask", "_99")

SITES = {"1": "NA", "2": "CE", "3": "WE"}
SEXES = {"1": "F", "2": "M"}
DRUGS = {
    "1": "alprazolam", "2": "clonazepam", "3": "diazepam", "4": "lorazepam", "5": "oxazepam",
    "6": "temazepam", "7": "zolpidem", "8": "zopiclone",
}  # fmt: skip
FOUND = {
    "1": "Benzodiazepines",
    "2": "Zopiclone",
    "3": "Zolpidem, not in all kits",
    "-4": "Cannabis",
}
ANALYTES = dict(zip(FOUND, ("benzodiazepines", "zopiclone", "zolpidem", "cannabis"), strict=True))
STATUS = {"attended": "1", "missed": "2", "not_required": "3"}
ENDS = {"death": "1", "withdrawal": "2", "loss": "3", "study_end": "4"}
SCALES = ("depression", "anxiety", "sleep", "suicidality")

HEADER = (
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
    "Choices, Calculations, OR Slider Labels", "Field Note",
    "Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max",
    "Identifier?", "Branching Logic (Show field only if...)", "Required Field?",
    "Custom Alignment", "Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?",
    "Field Annotation",
)  # fmt: skip


def choices(labels: dict[str, str]) -> str:
    return " | ".join(f"{code}, {label}" for code, label in labels.items())


# name, form, type, label, choices, validation, identifier
FIELDS = (
    ("record_id", "enrolment", "text", "Record ID", "", "", ""),
    ("full_name", "enrolment", "text", "Full name", "", "", "y"),
    ("consent_date", "enrolment", "text", "Date of consent", "", "date_dmy", ""),
    ("site", "enrolment", "radio", "Site", choices(SITES), "", ""),
    ("age", "enrolment", "text", "Age, years", "", "integer", ""),
    ("sex", "enrolment", "radio", "Sex", choices(SEXES), "", ""),
    ("drug", "enrolment", "dropdown", "Drug", choices(DRUGS), "", ""),
    ("dose_mg", "enrolment", "text", "Dose, mg/day", "", "number", ""),
    ("dose_dzp", "enrolment", "text", "Dose, mg/day diazepam", "", "number", ""),
    ("dose10", "enrolment", "calc", "Dose, per 10 mg", "[dose_dzp] / 10", "", ""),
    ("years_of_use", "enrolment", "text", "Years of use", "", "integer", ""),
    ("inf_time", "infusion", "text", "Begin of infusion", "", "datetime_dmy", ""),
    ("visit_date", "visit", "text", "Date of visit", "", "date_dmy", ""),
    ("visit_status", "visit", "radio", "Visit", "1, attended | 2, missed | 3, waived", "", ""),
    ("visit_use", "visit", "yesno", "Any use since the last visit?", "", "", ""),
    ("visit_recall", "visit", "text", "Days since then", "", "integer", ""),
    ("urine_date", "urine", "text", "Date of specimen", "", "date_dmy", ""),
    ("urine_taken", "urine", "yesno", "Specimen given?", "", "", ""),
    ("urine_found", "urine", "checkbox", "Found (tick)", choices(FOUND), "", ""),
    ("cal_date", "calendar", "text", "Calendar until", "", "date_mdy", ""),
    ("use_date", "day_of_use", "text", "Day", "", "date_ymd", ""),
    ("use_drug", "day_of_use", "dropdown", "Drug", choices(DRUGS), "", ""),
    ("use_amount", "day_of_use", "text", "Tablets", "", "number_1dp", ""),
    ("fill_date", "fill", "text", "Dispensed on", "", "date_dmy", ""),
    ("fill_drug", "fill", "dropdown", "Drug", choices(DRUGS), "", ""),
    ("fill_strength", "fill", "text", "Strength, mg", "", "number", ""),
    ("fill_quantity", "fill", "text", "Tablets", "", "number", ""),
    ("fill_days", "fill", "text", "Days", "", "integer", ""),
    ("scale_date", "scales", "text", "Date", "", "date_dmy", ""),
    *((name, "scales", "text", name.title(), "", "number", "") for name in SCALES),
    ("end_date", "end", "text", "End of observation", "", "date_dmy", ""),
    ("end_reason", "end", "radio", "Reason", "1, Death | 2, Withdrew | 3, Lost | 4, End", "", ""),
    ("end_note", "end", "descriptive", "Thank you", "", "", ""),
)  # fmt: skip
FORMS = tuple(dict.fromkeys(field[1] for field in FIELDS))
Row = dict[str, str]


def boxes() -> list[str]:
    return [f"urine_found___{code.replace('-', '_')}" for code in FOUND]


def columns() -> list[str]:
    """Return the header of a raw export."""
    names = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"]
    names.append("redcap_data_access_group")
    for form in FORMS:
        for name, of, kind, *_ in FIELDS:
            if of != form or name == "record_id" or kind == "descriptive":
                continue
            missing = [f"{name}___{code}" for code in MISSING]
            names += [*boxes(), *missing] if kind == "checkbox" else [name]
        names.append(f"{form}_complete")
    return names


def table(name: str, folder: Path = COHORT) -> list[Row]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def code_of(labels: dict[str, str], label: str) -> str:
    return next(code for code, known in labels.items() if known == label)


class Export:
    """Rows of a block matrix, one after the other."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.instances: dict[tuple[str, str, str], int] = {}

    def add(self, record: str, event: str, form: str, cells: Row, *, repeats: str = "") -> None:
        """Add a row; `repeats` is "instrument", "event" or nothing."""
        row = dict.fromkeys(columns(), "")
        instrument = form if repeats == "instrument" else ""
        row |= {"record_id": record, "redcap_event_name": event, "site": ""}
        row["redcap_repeat_instrument"] = instrument
        if repeats:
            key = (record, event, instrument)
            self.instances[key] = self.instances.get(key, 0) + 1
            row["redcap_repeat_instance"] = str(self.instances[key])
        else:
            # An instrument of the event that nobody opened: boxes and status are 0 all the same.
            row |= dict.fromkeys((*boxes(), "urine_complete"), "0")
        row |= {f"{form}_complete": "2", **cells}
        self.rows.append(row)

    def text(self, delimiter: str = ",") -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, columns(), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(self.rows, key=lambda row: row["record_id"]))
        return out.getvalue()


def export() -> Export:
    """Return the records of ketamine-taper as rows of a REDCap export."""
    made = Export()
    for p in table("patients"):
        cells = {k: p[k] for k in ("age", "dose_mg", "dose_dzp", "dose10", "years_of_use")}
        cells |= {"full_name": f"Patient {p['patient_id']}", "consent_date": p["enrolled"]}
        cells |= {"site": code_of(SITES, p["site"]), "sex": code_of(SEXES, p["sex"])}
        cells |= {"drug": code_of(DRUGS, p["drug"])}
        made.add(p["patient_id"], "baseline_arm_1", "enrolment", cells)
    for t in table("treatments"):
        made.add(t["patient_id"], "taper_arm_1", "infusion", {"inf_time": f"{t['date']} 09:30"},
                 repeats="instrument")  # fmt: skip
    _add_visits(made)
    _add_urine(made)
    _add_calendars(made)
    for f in table("fills"):
        cells = {"fill_date": f["date"], "fill_drug": code_of(DRUGS, f["substance"])}
        cells |= {"fill_strength": f["strength_mg"], "fill_quantity": f["quantity"]}
        cells["fill_days"] = f["days_supply"]
        made.add(f["patient_id"], "follow_up_arm_1", "fill", cells, repeats="instrument")
    by_day: dict[tuple[str, str], Row] = {}
    for s in table("scales"):
        by_day.setdefault((s["patient_id"], s["date"]), {})[s["scale"]] = s["score"]
    for (patient, date), scores in by_day.items():
        scores = {**dict.fromkeys(SCALES, NOT_ASKED), **scores}
        made.add(patient, "follow_up_arm_1", "scales", {"scale_date": date, **scores},
                 repeats="instrument")  # fmt: skip
    for o in table("outcomes"):
        cells = {"end_date": o["date"], "end_reason": ENDS[o["outcome"]]}
        made.add(o["patient_id"], "end_arm_1", "end", cells)
    return made


def _add_visits(made: Export) -> None:
    """The first four visits of a patient are a repeating event, the others an instrument."""
    seen: dict[str, int] = {}
    for v in table("visits"):
        patient = v["patient_id"]
        seen[patient] = seen.get(patient, 0) + 1
        attended = v["status"] == "attended"
        use = {"yes": "1", "no": "0", "": NOT_ASKED if attended else ""}[v["use"]]
        cells = {"visit_date": v["date"], "visit_status": STATUS[v["status"]], "visit_use": use}
        cells["visit_recall"] = v["recall_days"] or (UNKNOWN if attended else "")
        if seen[patient] <= 4:
            made.add(patient, "week_arm_1", "visit", cells, repeats="event")
        else:
            made.add(patient, "follow_up_arm_1", "visit", cells, repeats="instrument")


def _add_urine(made: Export) -> None:
    """A specimen is one row with a box for each analyte; what is not ticked was not found."""
    specimens: dict[tuple[str, str], Row] = {}
    for u in table("urine"):
        specimens.setdefault((u["patient_id"], u["date"]), {})[u["analyte"]] = u["result"]
    names = dict(zip(boxes(), ANALYTES.values(), strict=True))
    for (patient, date), results in specimens.items():
        cells = {"urine_date": date, "urine_taken": "1"}
        cells |= {b: str(int(results.get(a) == "positive")) for b, a in names.items()}
        cells |= {f"urine_found___{code}": "0" for code in MISSING}
        if "invalid" in results.values():
            cells["urine_found___nask"] = "1"
        made.add(patient, "follow_up_arm_1", "urine", cells, repeats="instrument")


def _add_calendars(made: Export) -> None:
    for w in table("use_windows"):
        made.add(w["patient_id"], "follow_up_arm_1", "calendar", {"cal_date": w["to"]},
                 repeats="instrument")  # fmt: skip
    for d in table("use_days"):
        cells = {"use_date": d["date"], "use_drug": code_of(DRUGS, d["substance"])}
        cells["use_amount"] = d["amount"]
        made.add(d["patient_id"], "follow_up_arm_1", "day_of_use", cells, repeats="instrument")


def dictionary() -> str:
    """Return the data dictionary."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for name, form, kind, label, listed, validation, identifier in FIELDS:
        writer.writerow(
            [name, form, "", kind, label, listed, "", validation, "", "", identifier, *[""] * 7]
        )
    return out.getvalue()


if __name__ == "__main__":
    EXAMPLE.mkdir(parents=True, exist_ok=True)
    (EXAMPLE / "export.csv").write_text(export().text(), encoding="utf-8")
    (EXAMPLE / "dictionary.csv").write_text(dictionary(), encoding="utf-8")
