"""Codes of why there was no relapse."""

from survival_bzd.endpoint import CENSOR_CODES, TimeToEvent, censor_codes

GIVEN = {
    "urine": {
        "relapse": "9+", "gap": "10- 90-", "death": "9-", "loss": "9-", "withdrawal": "9-",
        "study_end": "9-", "last_statement": "40-", "cut_off": "40- 101-", "nothing_recorded": "",
    },
    "outcomes": {
        "death": "30death", "loss": "30loss", "withdrawal": "30withdrawal",
        "study_end": "30study_end",
    },
    "end": 100,
}  # fmt: skip


def test_each_reason_has_its_own_code(derive):
    found = derive(**GIVEN)
    codes = dict(zip(found.tte.patient_id, censor_codes(found.tte).tolist(), strict=True))
    expected = {reason: CENSOR_CODES[reason] for reason in GIVEN["urine"]}
    assert codes == expected | {"relapse": 0, "gap": CENSOR_CODES["last_statement"]}
    found = derive(urine={"a": "10- 90-"}, missing={"rule": "censor", "gap_days": 70})
    assert censor_codes(found.tte).tolist() == [CENSOR_CODES["gap"]]
    assert len(set(CENSOR_CODES.values())) == len(CENSOR_CODES)
    assert min(CENSOR_CODES.values()) > 0


def test_a_competing_event_has_the_code_of_its_outcome(derive):
    found = derive(**GIVEN, competing=["death", "loss"])
    codes = dict(zip(found.tte.patient_id, censor_codes(found.tte).tolist(), strict=True))
    assert (codes["death"], codes["loss"], codes["relapse"]) == (4, 3, 0)
    deaths = dict(zip(found.tte.patient_id, censor_codes(found.tte, cause=2).tolist(), strict=True))
    assert (deaths["death"], deaths["loss"], deaths["relapse"]) == (0, 3, 10)


def test_by_intention_a_death_before_the_origin_is_a_death(derive):
    found = derive(
        urine={"a": "1-", "b": "1-"}, outcomes={"a": "3death"}, competing=["death"],
        population="intention",
        origin={"at": "confirmed_abstinence", "negatives": 2, "after": "enrolment"},
    )  # fmt: skip
    assert censor_codes(found.tte).tolist() == [4, 0]


def test_rows_without_a_reason_do_not_say_why():
    assert censor_codes(TimeToEvent([1, 2], [1, 0])).tolist() == [0, 99]
