"""Make the tables of the synthetic cohort: `python make.py [FOLDER]`, by default beside this file.

What decides a published figure is placed by hand below; only the clinic's untidiness is drawn. Of
Python's random numbers only `Random.random()` is used: it alone is promised to stay the same in
later versions, so that the files are reproduced byte for byte.
"""

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

SEED = 20230802

# id, first infusion (a Monday), last contact (days after the end of week 4), age, sex, site, drug,
# mg a day, mg a day of diazepam that this equals, years of use. The end of week 4 is the first
# infusion + 28 days.
PEOPLE = """
001 2010-05-17 730 58 F NA zopiclone  11.25  7.5  9
002 2010-07-26 661 44 M CE clonazepam  0.25  5    3
003 2010-11-08 548 37 F WE lorazepam   2    20    6
004 2010-11-22 542 51 F NA diazepam   20    20   12
005 2010-11-29 541 29 F CE alprazolam  0.25  5    2
006 2011-01-31 459 63 M CE lorazepam   3    30   14
007 2011-02-14 456 47 F WE clonazepam  1    20    8
008 2011-02-21 455 35 F NA zolpidem   10     5    4
009 2011-05-16 371 55 M CE clonazepam  0.5  10    5
010 2011-05-23 368 41 F WE clonazepam  2    40   11
011 2011-05-30 365 66 F CE lorazepam   1    10   17
012 2011-06-06 361 49 M NA diazepam   25    25   10
013 2011-06-20 301 72 M WE oxazepam   30    15   20
014 2011-06-27 332 52 F WE lorazepam   1    10    6
015 2011-07-25 302 45 M NA diazepam   15    15    7
016 2011-08-22 277 33 F CE clonazepam  0.5  10    3
017 2011-09-26  92 27 M CE temazepam  30    15    2
018 2011-10-17 214 60 F NA lorazepam   1.5  15   13
019 2011-10-24 213 39 F CE alprazolam  0.5  10    4
020 2011-11-21 186 48 M WE zopiclone  15    10    5
021 2011-12-05 164 31 F NA clonazepam  1.5  30    8
022 2012-02-20  94 54 F CE clonazepam  0.75 15    9
"""

INFUSIONS = (0, 3, 7, 10, 17, 24)  # days after the first
WEEK_4 = 28
# Scheduled contacts after week 4, in days after its end, and how early or late people come.
FOLLOW_UP = {
    14: (0, 2), 30: (-2, 3), 61: (-3, 4), 91: (-2, 8), 183: (-5, 8), 274: (-6, 8), 365: (-6, 8),
    456: (-6, 8), 548: (-6, 8), 639: (-6, 8),
}  # fmt: skip
PHONE = 14  # the only contact by telephone: no specimen
LOOK_BACK = {PHONE: 14}
LOOK_BACK_IN_CLINIC = 28
CALENDAR = 91  # the contact at which the last four weeks are gone through day by day

NEVER_STOPPED = {"012", "021"}
# The contact at which each relapse is found: (its scheduled day, the day it took place).
RELAPSES = {
    "004": (183, 186),  # zopiclone, not the diazepam of before: seen because the assay sees it
    "005": (456, 427),  # after two missed visits
    "006": (61, 61),
    "007": (274, 273),  # the specimen was given days before, and the look-back denies it
    "010": (91, 95),  # told, no specimen; the calendar names the days
    "016": (277, 277),  # denied, with a positive specimen on the same day: the one conflict
}
MISSED = {
    ("001", 274), ("001", 548), ("002", 274), ("003", 91), ("005", 274), ("005", 365), ("008", 183),
    ("010", 183), ("011", 61), ("012", 183), ("014", 183), ("019", 30),
}  # fmt: skip
NOT_REQUIRED = {("001", 456), ("002", 456)}
NOT_ANSWERED = {("011", 183), ("003", 456)}
NO_SPECIMEN = {("003", 365), ("008", 365), ("018", 214), ("010", 91), ("006", 274)}
EARLY_SPECIMEN = {("001", 365): 2, ("009", 91): 3, ("018", 91): 2, ("007", 274): 4}
INVALID = {("009", 183)}
CARRY_OVER = ("015", 9)  # days after week 4 of the one positive specimen inside the washout
ABSTINENT_AGAIN = {("004", 456)}
NO_CALENDAR = {"001", "013", "017"} | NEVER_STOPPED
CANNABIS = {"005", "019", "021"}

Z_DRUGS = ("zopiclone", "zolpidem")
ANALYTES = ("benzodiazepines", "zopiclone", "zolpidem", "cannabis")
ASSAY = "LC-MS/MS"

SCALES = {"depression": (18, 30), "anxiety": (14, 26), "sleep": (16, 28), "suicidality": (4, 12)}
SCORED_LATER = (91, 183, 365)
# Worsening in the acute phase, placed by hand: (patient, scale, week) -> points above the baseline.
WORSE = {
    ("003", "sleep", 2): 8, ("003", "sleep", 3): 6, ("011", "anxiety", 2): 9,
    ("012", "anxiety", 3): 10, ("015", "anxiety", 2): 7, ("015", "sleep", 3): 7,
    ("020", "depression", 3): 8,
}  # fmt: skip

# What ended the follow-up, and how many days after week 4, where the study's end did not.
OUTCOMES = {"013": (338, "death"), "017": (219, "loss"), "021": (164, "withdrawal")}

Row = tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """One row of `PEOPLE`, with the contacts at which use was or was not found."""

    id: str
    first_infusion: date
    last_contact: int
    age: str
    sex: str
    site: str
    drug: str
    mg: str
    diazepam_mg: str
    years: str

    def on(self, day: int) -> date:
        """Return the date of a day counted from the end of week 4."""
        return self.first_infusion + timedelta(days=WEEK_4 + day)


@dataclass(frozen=True)
class Contact:
    """A contact that took place or did not; days count from the end of week 4."""

    person: Person
    slot: int
    day: int
    status: str = "attended"
    recall: int = LOOK_BACK_IN_CLINIC
    uses: bool = False
    says: str = "no"


def people() -> list[Person]:
    """Return the 22 patients of the table above."""
    rows = [line.split() for line in PEOPLE.strip().splitlines()]
    return [Person(row[0], date.fromisoformat(row[1]), int(row[2]), *row[3:]) for row in rows]


def between(draw: Random, low: int, high: int) -> int:
    """Draw a whole number from low to high, both included."""
    return low + int(draw.random() * (high - low + 1))


def weekday(day: int) -> int:
    """Move Saturday to Friday and Sunday to Monday; every first infusion is on a Monday."""
    return day + {5: -1, 6: 1}.get(day % 7, 0)


def acute(person: Person, draw: Random) -> list[Contact]:
    """Return the contacts up to the end of week 4: at enrolment and in weeks 2, 3 and 4."""
    enrolled = -WEEK_4 - between(draw, 4, 7)
    uses = person.id in NEVER_STOPPED
    says = "yes" if uses else "no"
    week_2, week_3 = -14 + between(draw, 0, 1), -7 + between(draw, 0, 1)
    week_4 = 0 if draw.random() < 0.7 else -3
    contacts = [
        Contact(person, -WEEK_4, enrolled, uses=True, says="yes"),
        Contact(person, -14, week_2, recall=7, uses=True, says="yes"),
        Contact(person, -7, week_3, recall=3, uses=uses, says=says),
        Contact(person, 0, week_4, recall=3, uses=uses, says=says),
    ]
    if person.id == "008":  # missed week 3; gave a specimen at the last infusion instead
        contacts[2] = Contact(person, -7, -7, status="missed")
    return contacts


def follow_up(person: Person, draw: Random) -> Iterator[Contact]:
    """Yield the contacts after week 4, the last of them on the day the table above gives."""
    found_slot, found_day = RELAPSES.get(person.id, (10_000, 10_000))
    previous = 0
    for slot, (early, late) in FOLLOW_UP.items():
        if slot >= person.last_contact - 25:
            break
        drawn = weekday(slot + between(draw, early, late))
        day = found_day if slot == found_slot else drawn
        status = _status(person, slot)
        if status != "attended":
            yield Contact(person, slot, weekday(slot), status=status)
            continue
        yield _answered(person, slot, day, previous)
        previous = day
    yield _answered(person, person.last_contact, person.last_contact, previous)
    if person.id == "017":  # lost: did not come any more
        yield Contact(person, 183, 183, status="missed")


def _status(person: Person, slot: int) -> str:
    """Return whether a scheduled contact took place."""
    if (person.id, slot) in NOT_REQUIRED:
        return "not_required"
    return "missed" if (person.id, slot) in MISSED else "attended"


def _answered(person: Person, slot: int, day: int, previous: int) -> Contact:
    """Return a contact that took place, with what the patient says and what is so."""
    key = (person.id, slot)
    found_slot, _ = RELAPSES.get(person.id, (10_000, 0))
    uses = (slot >= found_slot or person.id in NEVER_STOPPED) and key not in ABSTINENT_AGAIN
    says = "yes" if uses and key not in {("007", 274), ("016", 277)} else "no"
    recall = min(LOOK_BACK.get(slot, LOOK_BACK_IN_CLINIC), day - previous)
    return Contact(person, slot, day, recall=recall, uses=uses,
                   says="" if key in NOT_ANSWERED else says)  # fmt: skip


def visits(contacts: Iterable[Contact]) -> Iterator[Row]:
    """Yield one row for each scheduled contact."""
    for c in contacts:
        day = c.person.on(c.day).isoformat()
        if c.status != "attended":
            yield c.person.id, day, c.status, "", ""
        else:
            yield c.person.id, day, c.status, c.says, str(c.recall) if c.says else ""


def specimen(person: Person, day: int, found: Iterable[str], *, valid: bool = True) -> list[Row]:
    """Return the rows of one specimen, one for each analyte."""
    positive = set(found)
    return [
        (person.id, person.on(day).isoformat(), analyte,
         "invalid" if not valid else "positive" if analyte in positive else "negative", ASSAY)
        for analyte in ANALYTES
    ]  # fmt: skip


def analyte_of(drug: str) -> str:
    """Return the analyte that shows a drug: Z-drugs by name, benzodiazepines as a group."""
    return drug if drug in Z_DRUGS else "benzodiazepines"


def urine(contacts: Iterable[Contact], draw: Random) -> Iterator[Row]:
    """Yield the specimens of the contacts in the clinic, and the two that were given between."""
    for c in contacts:
        key = (c.person.id, c.slot)
        if c.status != "attended" or c.slot == PHONE or key in NO_SPECIMEN:
            continue
        drug = "zopiclone" if c.person.id == "004" and c.slot > 0 else c.person.drug
        found = [analyte_of(drug)] if c.uses else []
        if c.person.id in CANNABIS and draw.random() < 0.6:
            found.append("cannabis")
        day = c.day - EARLY_SPECIMEN.get(key, 0)
        yield from specimen(c.person, day, found, valid=key not in INVALID)
        if key == ("008", 0):
            yield from specimen(c.person, -4, [])
        if key == (CARRY_OVER[0], 0):
            yield from specimen(c.person, CARRY_OVER[1], ["benzodiazepines"])


def calendars(contacts: Iterable[Contact]) -> tuple[list[Row], list[Row]]:
    """Return the windows of the calendars, the 28 days before a visit, and the days of use."""
    windows: list[Row] = []
    days: list[Row] = []
    used = {"006": range(3, 29, 4), "010": (5, 12, 13, 17)}  # days before the visit
    for c in contacts:
        if c.slot != CALENDAR or c.status != "attended" or c.person.id in NO_CALENDAR:
            continue
        person = c.person
        windows.append(
            (person.id, person.on(c.day - 28).isoformat(), person.on(c.day - 1).isoformat())
        )
        days += [
            (person.id, person.on(c.day - before).isoformat(), person.drug, person.mg)
            for before in sorted(used.get(person.id, ()), reverse=True)
        ]
    return windows, days


STRENGTHS = {
    "alprazolam": "0.25", "clonazepam": "0.25", "diazepam": "5", "lorazepam": "0.5",
    "oxazepam": "15", "temazepam": "15", "zolpidem": "5", "zopiclone": "3.75",
}  # fmt: skip


def fill(person: Person, day: int, drug: str, mg: float, days: int) -> Row:
    """Return a dispensed prescription that supplies `mg` a day."""
    tablets = round(mg / float(STRENGTHS[drug]) * days)
    return person.id, person.on(day).isoformat(), drug, STRENGTHS[drug], str(tablets), str(days)


def fills(cohort: Iterable[Person], draw: Random) -> Iterator[Row]:
    """Yield the prescriptions: before enrolment, for the taper, at a relapse, one never taken."""
    for person in cohort:
        mg, enrolled = float(person.mg), -WEEK_4 - 8
        yield fill(person, enrolled - between(draw, 14, 26), person.drug, mg, 30)
        yield fill(person, enrolled + between(draw, 0, 2), person.drug, mg / 2, 28)
        if person.id in NEVER_STOPPED:
            for day in range(0, person.last_contact - 30, 30):
                yield fill(person, day + between(draw, 0, 2), person.drug, mg, 30)
        if person.id == "014":
            yield fill(person, 121, "zopiclone", 7.5, 10)
        if person.id in RELAPSES and person.id != "016":
            day = RELAPSES[person.id][1] - between(draw, 6, 14)
            drug = "zopiclone" if person.id == "004" else person.drug
            yield fill(person, day, drug, 7.5 if person.id == "004" else mg / 2, 30)


def scales(contacts: Iterable[Contact], draw: Random) -> Iterator[Row]:
    """Yield the symptom scores, 0 to 40, higher is worse; most fall in the acute phase."""
    scored = [
        c for c in contacts
        if c.status == "attended" and (c.slot <= 0 or c.slot in SCORED_LATER)
    ]  # fmt: skip
    baseline: dict[tuple[str, str], int] = {}
    for c in scored:
        for scale, (low, high) in SCALES.items():
            key = (c.person.id, scale)
            if c.slot == -WEEK_4:
                baseline[key] = between(draw, low, high)
            score = _score(c, scale, baseline[key], draw)
            if score is not None:
                yield c.person.id, c.person.on(c.day).isoformat(), scale, str(score)


def _score(contact: Contact, scale: str, baseline: int, draw: Random) -> int | None:
    """Return a score, or None where the sheet was left empty."""
    week = 4 + contact.slot // 7
    if contact.slot == -WEEK_4:
        return baseline
    eased = baseline * min(week, 4) // 12
    drawn = max(0, baseline - eased + between(draw, -3, 2))
    left_empty = draw.random() < 0.04
    if (contact.person.id, scale, week) in WORSE:
        return baseline + WORSE[contact.person.id, scale, week]
    return None if left_empty else drawn


def outcomes(cohort: Iterable[Person]) -> Iterator[Row]:
    """Yield what ended each patient's follow-up."""
    for person in cohort:
        day, outcome = OUTCOMES.get(person.id, (person.last_contact, "study_end"))
        yield person.id, person.on(day).isoformat(), outcome


def treatments(cohort: Iterable[Person]) -> Iterator[Row]:
    """Yield the six infusions of each patient."""
    for person in cohort:
        for day in INFUSIONS:
            yield person.id, person.on(day - WEEK_4).isoformat(), "ketamine infusion"


def patients(contacts: Iterable[Contact]) -> Iterator[Row]:
    """Yield the patients, enrolled on the day of their first contact."""
    for c in contacts:
        if c.slot == -WEEK_4:
            p = c.person
            dose10 = f"{float(p.diazepam_mg) / 10:g}"
            yield (p.id, p.on(c.day).isoformat(), p.site, p.age, p.sex, p.drug, p.mg,
                   p.diazepam_mg, dose10, p.years)  # fmt: skip


HEADERS = {
    "patients": "patient_id enrolled site age sex drug dose_mg dose_dzp dose10 years_of_use",
    "treatments": "patient_id date treatment",
    "visits": "patient_id date status use recall_days",
    "urine": "patient_id date analyte result assay",
    "use_windows": "patient_id from to",
    "use_days": "patient_id date substance amount",
    "fills": "patient_id date substance strength_mg quantity days_supply",
    "scales": "patient_id date scale score",
    "outcomes": "patient_id date outcome",
}


def make(folder: Path) -> None:
    """Write the tables into a folder."""
    draw = Random(SEED)
    cohort = people()
    contacts = [c for person in cohort for c in (*acute(person, draw), *follow_up(person, draw))]
    windows, days = calendars(contacts)
    tables: dict[str, Iterable[Row]] = {
        "patients": patients(contacts),
        "treatments": treatments(cohort),
        "visits": visits(contacts),
        "urine": urine(contacts, draw),
        "use_windows": windows,
        "use_days": days,
        "fills": fills(cohort, draw),
        "scales": scales(contacts, draw),
        "outcomes": outcomes(cohort),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        in_order = sorted(rows, key=lambda row: row[:2])  # stable: one specimen stays together
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADERS[name].split())
            writer.writerows(in_order)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
