"""Return to a share of the baseline dose, by calendar or by fills."""

import random
from math import inf

import pytest

from survival_bzd import endpoint as endpoints
from survival_bzd.errors import BadInput

HALF = {"rule": "dose_share", "share": 0.5, "baseline": "mg"}
SUBSTANCES = """
[substances]
benzodiazepine = ["diazepam", "lorazepam", "unheard"]
z_drug = ["zolpidem"]
"""


@pytest.fixture
def dosed(studies, derive):
    """Derive a study whose patients have (baseline in mg, drug)."""
    studies.substances = SUBSTANCES

    def made(patients, pattern=HALF, **given):
        cards = {patient: {"enrolled": 0} for patient in patients}
        folder = studies.write({"patients": cards, "pattern": pattern, **given})
        rows = [f"{p},0,{'' if mg is None else mg},{drug}" for p, (mg, drug) in patients.items()]
        (folder / "patients.csv").write_text(
            "\n".join(["patient_id,enrolled,mg,drug", *rows]) + "\n"
        )
        if "fills" in given:
            text = (
                (folder / "fills.csv")
                .read_text()
                .replace("days_supply", "days_supply,strength_mg,quantity")
            )
            lines = text.splitlines()
            (folder / "fills.csv").write_text(
                "\n".join([lines[0], *(f"{x},5,30" for x in lines[1:])]) + "\n"
            )
        text = (folder / "study.toml").read_text()
        kinds = 'covariates = { mg = "number", drug = "text" }'
        (folder / "study.toml").write_text(text.replace("covariates = {  }", kinds))
        return derive(folder)

    return made


def test_a_day_at_the_share_is_a_relapse_and_one_below_is_free_of_it(dosed):
    found = dosed(
        {"a": (20, ""), "b": (20, ""), "c": (20, "")},
        use_days={"a": "5=9 9=10", "b": "5=9", "c": "5 6=0"},
        urine={"b": "3+diazepam"},
    )
    assert found["a"] == (9, 1, 9, 9, "pattern", "use_days.csv:3")
    assert found.tte.last_free[0] == 5
    assert found.why("a").startswith(
        "relapse found on day 9: diazepam in the calendar of use, amount 10"
    )
    assert found["b"] == (5, 0, 5, inf, "last_statement", "use_days.csv:4")
    assert found.roles("b") == [(3, "not assessed"), (5, "below the share")]
    assert found["c"] == (6, 0, 6, inf, "last_statement", "use_days.csv:6")
    assert found.roles("c") == [(5, "not assessed"), (6, "known free")]


def test_a_share_of_the_drug_that_the_baseline_is_of(dosed):
    found = dosed(
        {"a": (4, "lorazepam"), "b": (4, "lorazepam"), "c": (4, "lorazepam")},
        pattern={**HALF, "drug": "drug"},
        use_days={
            "a": "3=2diazepam 5=2lorazepam",
            "b": "3=9diazepam 4=1lorazepam",
            "c": "3=1lorazepam 3=9diazepam",
        },
    )
    assert found["a"] == (5, 1, 5, 5, "pattern", "use_days.csv:3")
    assert found["b"] == (4, 0, 4, inf, "last_statement", "use_days.csv:5")
    assert found.roles("b")[0] == (3, "not assessed")
    assert found.roles("c") == [(3, "not assessed"), (3, "not assessed")]


def test_a_share_in_diazepam_under_one_table(dosed):
    given = {"use_days": {"a": "3=1lorazepam"}}
    ashton = dosed({"a": (20, "")}, pattern={**HALF, "equivalents": "ashton"}, **given)
    assert ashton["a"][1] == 1  # 1 mg is 10 mg of diazepam there, and 5 mg in the other table
    assert dosed({"a": (20, "")}, pattern={**HALF, "equivalents": "va_dod"}, **given)["a"][1] == 0


def test_substances_of_one_day_add_up_and_the_same_twice_does_not(dosed):
    pattern = {**HALF, "equivalents": "ashton"}
    found = dosed(
        {"a": (40, ""), "b": (40, "")}, pattern=pattern,
        use_days={"a": "3=10 3=1lorazepam", "b": "3=10 3=10 3=5"},
    )  # fmt: skip
    assert (found["a"][1], found["b"][1]) == (1, 0)


def test_the_dose_of_a_fill_is_what_it_supplies_a_day(dosed):
    found = dosed(
        {"a": (20, ""), "b": (20, ""), "c": (20, ""), "d": (20, "")},
        fills={"a": "3x30 40x15", "b": "3x16", "c": "3x30 3x29", "d": "3x"},
        sources=["fills"], end=90,
    )  # fmt: skip
    assert found["a"] == (40, 1, 40, 40, "pattern", "fills.csv:3")
    assert found["b"] == (90, 0, 90, inf, "end_of_observation", "patients.csv:3")
    assert found["c"][:2] == (3, 1)
    assert found.roles("d") == [(3, "possession")]


def test_what_cannot_be_compared_is_refused_with_a_remedy(dosed):
    with pytest.raises(BadInput) as refused:
        dosed(
            {"a": (20, ""), "b": (None, ""), "c": (None, "")},
            use_days={"a": "3=1lorazepam", "b": "3=1"},
        )
    assert [(f.patient, f.value) for f in refused.value.faults] == [
        ("b", ""), (None, "diazepam, lorazepam"),
    ]  # fmt: skip
    with pytest.raises(BadInput) as refused:
        dosed(
            {"a": (20, "")}, pattern={**HALF, "equivalents": "ashton"}, use_days={"a": "3=1unheard"}
        )
    assert [f.value for f in refused.value.faults] == ["unheard"]


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ({"pattern": HALF}, "mg"),
        ({"pattern": {**HALF, "baseline": "quit", "equivalents": "mine"}}, "quit"),
    ],
)
def test_what_a_share_needs(faults, rules, value):
    found = faults(use_days={"a": "9"}, patients={"a": {"enrolled": 0, "quit": 3}}, **rules)
    assert {f.column for f in found} == {"endpoint.relapse.pattern"}
    assert value in [f.value for f in found]
    (fault,) = faults(urine={"a": "9+"}, **rules)[:1]
    assert fault.value in ("dose_share", "mg", "quit")


@pytest.mark.parametrize("seed", range(6))
def test_the_sql_does_what_a_loop_over_days_does(dosed, seed):
    rng = random.Random(seed)
    patients = {
        f"p{n}": (rng.choice([4, 10, 20]), rng.choice(["diazepam", "lorazepam"])) for n in range(40)
    }
    days = {
        p: [
            (
                rng.randint(1, 20),
                rng.choice([None, 0, 1, 2, 5, 10]),
                rng.choice(["diazepam", "lorazepam"]),
            )
            for _ in range(rng.randint(0, 6))
        ]
        for p in patients
    }
    share = rng.choice([0.1, 0.5, 1.0])
    mode = rng.choice([{"drug": "drug"}, {"equivalents": "ashton"}])
    found = dosed(
        patients,
        pattern={**HALF, "share": share, **mode},
        use_days={
            p: " ".join(f"{d}{'' if mg is None else f'={mg}'}{name}" for d, mg, name in rows)
            for p, rows in days.items()
        },
    )
    expected = {}
    for patient, (baseline, drug) in patients.items():
        free, relapse = 0, None
        for day in sorted({d for d, *_ in days[patient]}):
            rows = [(mg, name) for d, mg, name in days[patient] if d == day]
            dose, unknown = 0.0, any(mg is None for mg, _ in rows)
            for name in {name for _, name in rows}:
                mg = max((mg for mg, n in rows if n == name and mg is not None), default=0)
                if "drug" in mode and name != drug:
                    unknown |= mg > 0
                else:
                    dose += mg * (10 if name == "lorazepam" and "drug" not in mode else 1)
            if dose >= share * baseline - 1e-6:
                relapse = relapse or day
            elif not unknown:
                free = day if relapse is None else free
        expected[patient] = (relapse, 1) if relapse else (free, 0)
    assert {p: found[p][:2] for p in patients} == expected


def test_spells_under_a_share(dosed):
    found = dosed({"a": (20, "")}, use_days={"a": "5=10 9=0 12=5 15=15"})
    rows = endpoints.spells(found.evidence, found.endpoint).to_frame()
    assert list(zip(rows["state"], rows["start"], rows["stop"], strict=True)) == [
        ("free", 0, 5), ("using", 5, 9), ("free", 9, 15), ("using", 15, 15),
    ]  # fmt: skip
