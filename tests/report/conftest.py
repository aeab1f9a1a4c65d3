"""A small study, with everything in it that a report shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from survival_bzd.endpoint.time_to_event import Flow, FlowLeaf, TimeToEvent
from survival_bzd.estimate import (
    cox,
    describe,
    follow_up,
    hazard_table,
    kaplan_meier,
    logrank,
    proportion,
    restricted_mean,
)
from survival_bzd.report import Artefact, artefacts
from survival_bzd.report.paper_results import (
    CountedProportion,
    EndpointFacts,
    Horizon,
    PaperResults,
    RecordCounts,
)

PATIENTS = ["a1", "a_2", "a#3", "b<4>", "b&5", "b%6", "b$7", "b|8"]
TIMES = [30.0, 64.0, 92.0, 150.0, 186.0, 272.0, 365.0, 730.0]
EVENTS = [1, 1, 0, 2, 1, 1, 0, 0]


def small_tte() -> TimeToEvent:
    """Return eight patients at risk: four relapse, one dies. Two more never were at risk."""
    why = [f"day {time:g} decided" for time in TIMES]
    leaves = (
        FlowLeaf(True, "relapse", "pattern", 4),
        FlowLeaf(True, "death", "death", 1),
        FlowLeaf(True, "censored", "study_end", 3),
        FlowLeaf(False, "not at risk", "never_confirmed", 2),
    )
    return TimeToEvent(
        TIMES,
        EVENTS,
        causes=("relapse", "death"),
        patient_id=PATIENTS,
        reason=["pattern"] * 8,
        why=why,
        file=["urine.csv"] * 8,
        line=list(range(2, 10)),
        covariates=pd.DataFrame(
            {
                "dose": [15.0, 20.0, 5.0, 10.0, 30.0, 12.0, 7.0, 9.0],
                "arm": np.array(["taper", "taper + CBT"] * 4, dtype=object),
            }
        ),
        label="Return to use",
        flow=Flow(10, leaves),
    )


def small_trace() -> pd.DataFrame:
    """Return statements of every patient, of each kind that the swimmer plot draws."""
    rows: list[tuple[str, int, int, str, str, str]] = []
    for patient, time, event in zip([*PATIENTS, "c9", "c10"], [*TIMES, 0, 0], [*EVENTS, 0, 0],
                                    strict=True):  # fmt: skip
        last = int(time)
        rows += [
            (patient, -20, -20, "urine", "use", "before origin"),
            (patient, 0, 0, "urine", "no_use", "origin"),
            (patient, 5, 5, "urine", "use", "washed out"),
            (patient, 20, -7, "visits", "not_assessed", "not assessed"),
            (patient, 25, 21, "use_windows", "no_use", "known free"),
            (patient, 28, 28, "fills", "possession", "not counted"),
            (patient, last, last, "urine", "use" if event == 1 else "no_use", "relapse"),
            (patient, last, last, "visits", "no_use", "overruled"),
        ]
    columns = ["patient_id", "day", "from_day", "source", "verdict", "role"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(file="records.csv", line=range(2, len(frame) + 2))


def small_results() -> PaperResults:
    """Return all that a paper can show, of synthetic data in two arms, without a control group."""
    tte = small_tte()
    assert tte.covariates is not None
    arm = tte.covariates["arm"].to_numpy()
    edges = [0, 91, 182, 365, 730]
    return PaperResults(
        study="small",
        title="A small study: 100% <made up> & \\checked",
        synthetic=True,
        endpoint=EndpointFacts(
            label="Return to use",
            origin={"at": "confirmed_abstinence", "negatives": 2, "after": "use"},
            pattern={"rule": "any_use"},
            missing={"rule": "ignore"},
            sources=("visits", "urine"),
            substances=("benzodiazepine",),
            washout_days=14,
            competing=("death",),
        ),
        tte=tte,
        flow=tte.flow,
        horizons=tuple(Horizon.of_months(months) for months in (3, 12, 36)),
        curves=kaplan_meier(tte) + kaplan_meier(tte, by=arm),
        follow_up=follow_up(tte) + follow_up(tte, by=arm),
        restricted_means=restricted_mean(tte) + restricted_mean(tte, by=arm),
        hazards=hazard_table(tte, edges) + hazard_table(tte, edges, by=arm),
        proportions=(
            CountedProportion(
                key="reached_origin", label="Reached the origin", proportion=proportion(8, 10)
            ),
        ),
        cox=(
            cox(tte, "dose + arm"),
            cox(tte, "dose + arm", penalty="firth", limits="profile"),
        ),
        logrank=logrank(tte, arm),
        by="arm",
        characteristics=(
            describe("dose", [15.0, 20.0, 5.0, float("nan")]),
            describe("sex", np.array(["F", "M", None, "F"], dtype=object)),
            describe("arm", arm),
            describe("dose", [15.0, 5.0], group="taper"),
            describe("sex", np.array(["F", "F"], dtype=object), group="taper"),
        ),
        follow_up_described=describe("follow-up", TIMES),
        trace=small_trace(),
        records=RecordCounts(
            statements=(("urine", "use", 12), ("urine", "no_use", 30), ("visits", "no_use", 9)),
            conflicts=1,
            washed_out=2,
            undated=(("urine", 3),),
        ),
        versions={"survival_bzd": "0.1.0"},
    )


@pytest.fixture(scope="session")
def results() -> PaperResults:
    """Everything that the small study's paper shows."""
    return small_results()


@pytest.fixture(scope="session")
def files(results: PaperResults) -> dict[str, Artefact]:
    """Every file of the small study's paper, by path."""
    return {file.path: file for file in artefacts(results)}
