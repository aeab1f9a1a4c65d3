"""The acute phase: which symptom scores count, and who was off the drugs when it ended.

The rules are the table `[worsening]` of `study.toml`; they run as SQL, like those of an endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from survival_bzd.endpoint.declaration import Endpoint
from survival_bzd.endpoint.derive import PACKAGE, floats, run_steps
from survival_bzd.errors import Fault
from survival_bzd.records import Evidence, Records
from survival_bzd.records.declaration import (
    DECLARATION,
    Declared,
    StudyDeclaration,
    line_of,
    validate,
)
from survival_bzd.records.schema import CENTURY

if TYPE_CHECKING:
    import pandas as pd

Worse = Literal["higher", "lower"]
Floats = NDArray[np.float64]

DEPRESCRIBED: Mapping[str, str] = {
    "urine": "Off the drugs at the end of the taper, confirmed by urine",
    "report": "Off the drugs at the end of the taper, not confirmed by urine",
    "later": "Reached the origin after the end of the taper",
    "no_window": "Reached the origin, with no taper recorded",
    "never": "Never reached the origin",
}
"""What became of everybody enrolled by the end of the acute phase: code -> words."""


class Start(Declared):
    """Where the acute phase starts.

    Attributes
    ----------
    at : what is counted from.
    day : days after it (before it, if negative).
    """

    at: Literal["enrolment", "first_treatment"]
    day: int = Field(default=0, ge=-CENTURY, le=CENTURY)


class End(Declared):
    """Where the acute phase ends: some weeks after its start, or with the last treatment.

    Attributes
    ----------
    weeks : after the start.
    at, day : the last treatment, and days after it.
    """

    weeks: float | None = Field(default=None, gt=0, le=CENTURY / 7)
    at: Literal["last_treatment"] | None = None
    day: int = Field(default=0, ge=-CENTURY, le=CENTURY)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.weeks is None) == (self.at is None):
            raise ValueError('it must be { weeks = ... } or { at = "last_treatment" }')
        if self.weeks is not None and self.day:
            raise ValueError("it must not add days to weeks: day goes with at")
        return self


class ScaleRule(Declared):
    """When a scale's score is clinically significantly worse.

    Attributes
    ----------
    worse : whether higher or lower scores are worse.
    threshold : points of change, in the direction of worse, from which on it is.
    reliability : of the scale, for the reliable change index.
    sd : of its scores at baseline; by default that of this study.
    source : where threshold or reliability are from.
    range : the lowest and the highest score that there can be.
    label : what tables and figures call the scale.
    """

    worse: Worse
    threshold: float | None = Field(default=None, gt=0)
    reliability: float | None = Field(default=None, gt=0)
    sd: float | None = Field(default=None, gt=0)
    source: str = Field(min_length=1)
    range: list[float] | None = None
    label: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.threshold is None and self.reliability is None:
            raise ValueError("it must have a threshold or a reliability, or nobody can be worse")
        if self.reliability is not None and self.reliability >= 1:
            raise ValueError("its reliability must be below 1")
        if self.sd is not None and self.reliability is None:
            raise ValueError("its sd is used with a reliability only")
        if self.range is not None and (len(self.range) != 2 or self.range[0] >= self.range[1]):
            raise ValueError("its range must be the lowest and the highest score, as [0, 27]")
        return self


class WorseningRules(Declared):
    """The table `[worsening]` of `study.toml`.

    Attributes
    ----------
    start, to : the acute phase; `start` is written ``from``. The start is the last day on which a
        score can be a baseline; scores after it and up to the end are later ones.
    baseline_within_days : how long before the start a baseline may be; by default any time.
    end_within_days : a score so many days before the end still is one at the end.
    urine_within_days : so many days before the origin a negative specimen still confirms it.
    course : how the mixed model lets the mean depend on time.
    scales : name as in the records -> its rule.
    """

    start: Start = Field(alias="from")
    to: End
    baseline_within_days: int | None = Field(default=None, ge=0, le=CENTURY)
    end_within_days: int = Field(default=7, ge=0, le=CENTURY)
    urine_within_days: int = Field(default=7, ge=0, le=CENTURY)
    course: Literal["linear", "quadratic"] = "quadratic"
    scales: dict[str, ScaleRule] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """The scores of one scale around the acute phase.

    Attributes
    ----------
    patient : (m,) positions of the patients.
    day : (m,) days from the start; not above 0 for a baseline.
    score : (m,) of several on one day their mean.
    role : (m,) ``"baseline"``, ``"during"``, ``"end"`` (the last during, near enough to the end),
        ``"before"`` an older one than the baseline, ``"after"`` the acute phase.
    several : patients' days with more than one score.
    """

    patient: NDArray[np.intp]
    day: Floats
    score: Floats
    role: NDArray[np.object_]
    several: int

    def baseline(self, patients: int) -> Floats:
        """(patients,) baseline scores; NaN where there is none."""
        return self._placed(patients, np.equal(self.role, "baseline"))

    def end(self, patients: int) -> Floats:
        """(patients,) scores at the end."""
        return self._placed(patients, np.equal(self.role, "end"))

    def worst(self, patients: int, worse: Worse) -> Floats:
        """(patients,) the worst score after the start, up to the end."""
        rows = np.isin(self.role, ("during", "end"))
        found = np.full(patients, np.nan)
        keep = np.fmax if worse == "higher" else np.fmin
        keep.at(found, self.patient[rows], self.score[rows])
        return found

    def counted(self) -> NDArray[np.bool_]:
        """(m,) whether a score is a baseline or lies in the acute phase."""
        return np.isin(self.role, ("baseline", "during", "end"))

    def _placed(self, patients: int, rows: NDArray[np.bool_]) -> Floats:
        found = np.full(patients, np.nan)
        found[self.patient[rows]] = self.score[rows]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AcutePhase:
    """Everybody enrolled around the acute phase.

    Attributes
    ----------
    patient_id : (n,) in the order of the patients table.
    days : (n,) length of the acute phase; NaN where it has no start or no end.
    deprescribed : (n,) codes of `DEPRESCRIBED`.
    scales : name -> its scores.
    not_declared : scales of the records that no rule speaks of.
    """

    patient_id: NDArray[np.object_]
    days: Floats
    deprescribed: NDArray[np.object_]
    scales: Mapping[str, Scores]
    not_declared: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of patients enrolled."""
        return int(self.patient_id.size)

    @property
    def stopped(self) -> NDArray[np.bool_]:
        """(n,) whether the patient was off the drugs at the end of the taper."""
        return np.isin(self.deprescribed, ("urine", "report"))


def declare_worsening(
    declaration: StudyDeclaration, records: Records | None
) -> tuple[WorseningRules | None, list[Fault]]:
    """Check `[worsening]`, and the scores against it; there may be none.

    Returns
    -------
    The rules, or None; and the faults of the declaration and of the scores.
    """
    written, text = declaration.worsening, declaration.text
    if written is None:
        return None, []
    rules, faults = validate(WorseningRules, written, text=text, at=("worsening",))
    if records is None:
        faults.append(
            _fault(
                declaration,
                (),
                "symptom scores need a study with tables",
                "Take [worsening] out, or give the tables patients and scales.",
            )
        )
    elif rules is not None:
        faults += _table_faults(declaration, rules)
        faults += _score_faults(records, rules)
    return (None if faults else rules), faults


def _fault(declaration: StudyDeclaration, path: tuple[str, ...], rule: str, remedy: str) -> Fault:
    at = ("worsening", *path)
    return Fault(
        rule=rule,
        remedy=remedy,
        file=DECLARATION,
        column=".".join(at),
        line=line_of(declaration.text, at),
    )


def _table_faults(declaration: StudyDeclaration, rules: WorseningRules) -> Iterator[Fault]:
    """Name the tables that the rules need and the study does not have."""
    asked = {"scales": ("scales",)}
    if rules.start.at == "first_treatment":
        asked["from"] = ("treatments",)
    if rules.to.at is not None:
        asked["to"] = ("treatments",)
    for key, tables in asked.items():
        for table in tables:
            if table not in declaration.tables:
                yield _fault(
                    declaration,
                    (key,),
                    f"it needs the table {table}, which the study does not have",
                    f"Declare [tables.{table}], or name what the study has.",
                )


def _score_faults(records: Records, rules: WorseningRules) -> Iterator[Fault]:
    """Name scales that the records do not have, and scores that cannot be."""
    if "scales" not in records.declaration.tables:
        return
    engine, file = records.engine, records.declaration.tables["scales"].called
    known = [
        name
        for (name,) in engine.rows(
            "SELECT DISTINCT scale FROM scales WHERE scale IS NOT NULL ORDER BY scale"
        )
    ]
    column = records.declaration.tables["scales"].columns.get("score", "score")
    for name, rule in rules.scales.items():
        if name not in known:
            yield _fault(
                records.declaration,
                ("scales", name),
                f"a scale must stand in {file}; it has {', '.join(known) or 'none'}",
                "Correct the name, capitals too, or take it out.",
            )
        if rule.range is None:
            continue
        low, high = rule.range
        for line, patient, score in engine.rows(
            "SELECT line, patient_id, score FROM scales WHERE scale = ? AND "
            "(score < ? OR score > ?) ORDER BY line",
            [name, low, high],
        ):
            yield Fault(
                rule=f"a score of {name} must lie between {low:g} and {high:g}",
                remedy=f"Correct it, or the range in [worsening.scales.{name}].",
                file=file,
                column=column,
                line=line,
                patient=patient,
                value=f"{score:g}",
            )


def acute_phase(evidence: Evidence, endpoint: Endpoint, rules: WorseningRules) -> AcutePhase:
    """Find the scores of the acute phase, and who was off the drugs at its end.

    Parameters
    ----------
    evidence : the records, and what they say about use.
    endpoint : whose origin says that a patient is off the drugs.
    rules : `[worsening]`.
    """
    run_steps(evidence, endpoint)
    engine = evidence.records.engine
    for step in ("acute_window", "acute_score", "deprescribed"):
        engine.run(PACKAGE, step, rules=rules, scales=list(rules.scales))
    people = engine.frame("SELECT * FROM deprescribed ORDER BY patient_line")
    scores = engine.frame("SELECT * FROM acute_score ORDER BY patient_line, day")
    place = {patient: at for at, patient in enumerate(people["patient_id"])}
    others = engine.rows("SELECT DISTINCT scale FROM scales WHERE scale IS NOT NULL ORDER BY scale")
    return AcutePhase(
        patient_id=people["patient_id"].to_numpy(dtype=object),
        days=floats(people["days"]),
        deprescribed=people["code"].to_numpy(dtype=object),
        scales={name: _scores(scores[scores["scale"] == name], place) for name in rules.scales},
        not_declared=tuple(name for (name,) in others if name not in rules.scales),
    )


def _scores(rows: pd.DataFrame, place: Mapping[str, int]) -> Scores:
    return Scores(
        patient=np.asarray(rows["patient_id"].map(place), dtype=np.intp),
        day=floats(rows["day"]),
        score=floats(rows["score"]),
        role=rows["role"].to_numpy(dtype=object),
        several=int((rows["scores"] > 1).sum()),
    )
