"""The SQL agrees with the rules as a plain loop over patients follows them, on random studies.

The loop is written from the description of endpoints in docs/endpoints.md, not from the SQL.
"""

import re
from dataclasses import dataclass, replace
from math import ceil, inf, isnan, nan

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from survival_bzd.endpoint import spells

CLASS = {"": "benzodiazepine", "zolpidem": "z_drug", "opiates": "not_counted"}
OUTCOMES = ("death", "withdrawal", "loss", "study_end")
TABLES = ("visits", "urine", "use_days", "use_windows")
MANY = {"urine": 6, "visits": 4, "use_days": 2, "use_windows": 2, "treatments": 2, "outcomes": 2}


# --- what a patient's records say --------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A statement: of day `day` it says use (True), no use (False), or nothing (None)."""

    table: str
    line: int
    day: int
    known: int
    use: bool | None
    substance: str | None = None
    since: int | None = None  # the first day it speaks of, if not `day`

    @property
    def source(self) -> str:
        return "use_days" if self.table == "use_windows" else self.table

    @property
    def order(self) -> tuple[int, int]:
        return TABLES.index(self.table), self.line

    @property
    def record(self) -> str:
        return f"{self.table}.csv:{self.line}"


def parsed(tables):
    """Table -> patient -> [(line, day, rest)] of the rows of a study."""
    found = {}
    for name in MANY:
        found[name], line = {}, 1
        for patient, words in tables.get(name, {}).items():
            found[name][patient] = []
            for said in words.split():
                line += 1
                day, rest = re.fullmatch(r"(-?\d+)(.*)", said).groups()
                found[name][patient].append((line, int(day), rest))
    return found


def said_of(tables, patient):
    for line, day, rest in tables["visits"][patient]:
        said, _, recall = rest.partition("/")
        since = day - int(recall or 1) + 1
        yield Said("visits", line, day, day, {"yes": True, "no": False}.get(said), since=since)
    for line, day, rest in tables["urine"][patient]:
        use = {"+": True, "-": False}.get(rest[0])
        yield Said("urine", line, day, day, use, CLASS[rest[1:]])
    for line, day, rest in tables["use_days"][patient]:
        amount, name = re.fullmatch(r"(=\d+)?(\w*)", rest).groups()
        yield Said("use_days", line, day, day, amount != "=0", CLASS[name])
    for line, day, rest in tables["use_windows"][patient]:
        yield Said("use_windows", line, day, int(rest[2:]), False)


def counted(tables, patient, rules, end):
    """The statements that count; a window becomes its stretches without use, up to the end."""
    found = [
        said
        for said in said_of(tables, patient)
        if said.source in rules["sources"]
        and (said.substance is None or said.substance in rules["substances"])
    ]
    known = [said for said in found if said.known <= end]
    known += [
        replace(said, known=end)
        for said in found
        if said.table == "use_windows" and said.day <= end < said.known
    ]
    used = {said.day for said in known if said.table == "use_days" and said.use}
    for window in [said for said in known if said.table == "use_windows"]:
        known.remove(window)
        free = [day for day in range(window.day, window.known + 1) if day not in used]
        since = None
        for day in free:
            since = day if since is None else since
            if day + 1 not in free:
                stretch = Said("use_windows", window.line, day, window.known, False, since=since)
                known.append(stretch)
                since = None
    beyond = any(said.known > end for said in found if said.use is not None)
    return known, beyond


def verdicts(statements, rules):
    """day -> (used, known exactly, deciding record, first day spoken of), in order."""
    days = {}
    for day in sorted({said.day for said in statements if said.use is not None}):
        there = [said for said in statements if said.day == day and said.use is not None]
        by_source = {
            source: any(said.use for said in there if said.source == source)
            for source in rules["sources"]
            if any(said.source == source for said in there)
        }
        used = any(by_source.values())
        if rules["conflict"] == "first":
            used = next(iter(by_source.values()))
        source = next(source for source, said_use in by_source.items() if said_use == used)
        same = [said for said in there if said.source == source and said.use == used]
        first = min(same, key=lambda said: said.order)
        since = min(day if said.since is None else said.since for said in same)
        exact = used and any(said.use and said.table == "use_days" for said in there)
        days[day] = (used, exact, first.record, since)
    return days


# --- the rules ----------------------------------------------------------------------------------


def origin_of(tables, patient, card, rules, days, end):
    """(day, record, None) of the origin, or (None, None, why not)."""
    at, after = rules["origin"]["at"], rules["origin"].get("after")
    treated = [(day, line) for line, day, _ in tables["treatments"][patient] if day <= end]
    if at in ("enrolment", "column"):
        day = card["enrolled" if at == "enrolment" else "start"]
        return (None, None, "no_date") if day is None else (day, None, None)
    if at == "last_treatment":
        if not treated:
            return None, None, "no_treatment"
        day = max(treated)[0]
        return day, f"treatments.csv:{min(line for d, line in treated if d == day)}", None
    if after == "use":
        begin = min((day for day, (used, *_) in days.items() if used), default=None)
    elif after == "last_treatment":
        begin = max(treated)[0] if treated else None
    else:
        begin = card["enrolled"]
    if begin is None:
        return None, None, {"use": "no_use", "last_treatment": "no_treatment"}.get(after, "no_date")
    run = []
    for day, (used, _, record, _) in days.items():
        if day > begin:
            run = [] if used else [*run, (day, record)]
            if len(run) == rules["origin"]["negatives"]:
                return (*run[0 if at == "first_negative" else -1], None)
    return None, None, "never_confirmed"


def weeks_of(days, origin, rule, until):
    """(completed on, its record, lower, upper) of a run of weeks, or of days, or None."""
    found, run, week, ends = [], [], 0, max([until, *days])
    while origin + 7 * week < ends and len(run) < rule["weeks"]:
        last = origin + 7 * week + 7
        there = [day for day in days if last - 7 < day <= last]
        used = [day for day in there if days[day][0]]
        if used:
            run.append(used[0])
        elif there or (rule["missing_week"] == "breaks"):
            run = []
        elif rule["missing_week"] == "use" and last <= until:
            run.append(last)
        week += 1
    if len(run) == rule["weeks"]:
        found.append((run[-1], 1, run[0]))
    for day in days if rule["or_days"] else ():
        row = range(day - rule["or_days"] + 1, day + 1)
        if all(one in days and days[one][1] for one in row):
            found.append((day, 0, row[0]))
    if not found:
        return None
    completed, _, first = min(found)
    uses = [day for day in days if first <= day <= completed and days[day][0]]
    free = max((day for day in days if day < first and not days[day][0]), default=origin)
    exact = first in days and days[first][1]
    return completed, days[uses[-1]][2] if uses else None, first if exact else free, first


def pattern_of(days, origin, rules, end, over):
    """(completed on, its record, lower, upper), or None."""
    rule = rules["pattern"]
    if rule["rule"] == "weeks":
        until = min(end, over) if end < inf else max(days, default=origin)
        return weeks_of(days, origin, rule, until)
    k = {"any_use": 1, "use_days": rule.get("days")}.get(rule["rule"], rule.get("k"))
    assessed = list(days)
    positive = [place for place, day in enumerate(assessed) if days[day][0]]
    for last in range(k - 1, len(positive)):
        place, begin = positive[last], positive[last - k + 1]
        day, first = assessed[place], assessed[begin]
        fits = {
            "any_use": True,
            "consecutive": place - begin == k - 1,
            "k_of_n": place - begin < rule.get("n", 0),
            "use_days": day - first < rule.get("within_days", 0),
        }[rule["rule"]]
        if fits:
            free = [d for d in assessed[:begin] if not days[d][0]]
            exact = days[first][1]
            return day, days[day][2], first if exact else max(free, default=origin), first
    return None


def gap_of(tables, patient, days, origin, rules, end, over):
    """(last day known free, last day of the gap), or None."""
    if rules["missing"]["rule"] == "ignore":
        return None
    longest = rules["missing"]["gap_days"]
    bridges = {
        day
        for _, day, rest in tables["visits"][patient]
        if rest == "not_required" and origin < day <= end
    }
    free = origin
    points = sorted({origin, *days, *bridges})
    for place, day in enumerate(points):
        if day in days and not days[day][0]:
            free = day
        following = points[place + 1 :]
        ends = following[:1] or ([min(end, over)] if end < inf else [])
        if rules["missing"].get("look_back"):
            ends += [days[later][3] for later in following if later in days]
        if ends and min(ends) - day > longest:
            return free, day + longest
    return None


@dataclass(frozen=True)
class Observed:
    """Until when a patient was observed, and the outcomes, those of one day in order of weight."""

    outcomes: list[tuple[int, str, int]]
    end: float
    competing: tuple[int, str, int] | None

    @classmethod
    def of(cls, tables, patient, rules):
        outcomes = [(day, outcome, line) for line, day, outcome in tables["outcomes"][patient]]
        end = {"last_statement": inf, "outcome": min((o[0] for o in outcomes), default=inf)}.get(
            rules["end"], rules["end"]
        )
        ranked = [*rules["competing"], *(o for o in OUTCOMES if o not in rules["competing"])]
        outcomes.sort(key=lambda o: (o[0], ranked.index(o[1]), o[2]))
        competing = next((o for o in outcomes if o[1] in rules["competing"]), None)
        if competing and competing[0] > end:
            competing = None
        return cls(outcomes, end, competing)


def not_reached(observed, origin, why_not, mine, rules):
    """The leaf and the row of who never reached the origin; None of who did."""
    competing, record, cause = observed.competing, mine, "relapse"
    if competing and (origin is None or competing[0] < origin):
        why_not, record = f"{competing[1]}_before_origin", f"outcomes.csv:{competing[2]}"
        cause = competing[1]
    elif origin is not None and origin > observed.end:
        why_not = "observation_ended_before_origin"
    if not why_not:
        return None
    if rules["population"] == "responders":
        return (False, "not at risk", why_not), None
    event = 1 if cause == "relapse" else 2 + rules["competing"].index(cause)
    return (False, cause, why_not), (0, event, 0, 0, why_not, record, nan, 0, nan)


def with_entry(days, card, line, origin, end, rules):
    """The days, and that of a late entry, on which the patient was found free."""
    found = card["found"] if "entry" in rules else None
    if found is None or not origin < found <= end or found in days:
        return days
    return dict(sorted({**days, found: (False, False, f"patients.csv:{line}", found)}.items()))


NAME = {"benzodiazepine": "benzo", "z_drug": "zolpidem"}


def is_washed_out(said, statements, origin, rules):
    """Whether a positive specimen is inside the washout."""
    days = rules["washout_days"]
    if not isinstance(days, int):
        days = days.get(NAME[said.substance], days.get("other", 0))
    if not origin < said.day <= origin + days:
        return False
    if rules.get("washout_positives", "all") == "all":
        return True
    results = {}
    for other in statements:
        if other.table == "urine" and other.substance == said.substance and other.use is not None:
            results[other.day] = results.get(other.day, False) or other.use
    before = max((day for day, used in results.items() if used and day <= origin), default=None)
    return before is not None and all(
        used for day, used in results.items() if before < day <= said.day
    )


def not_washed_out(statements, origin, rules):
    """The statements after the origin, without the specimens that the washout sets aside."""
    later = [said for said in statements if said.day > origin]
    positive = [said for said in later if said.table == "urine" and said.use]
    washed = [said for said in positive if is_washed_out(said, statements, origin, rules)]
    days = {said.day for said in washed}
    return [
        said
        for said in later
        if said not in washed
        and not (said.table == "urine" and said.use is False and said.day in days)
    ]


def why_censored(observed, spoken, beyond, origin, rules):
    silent = origin if spoken is None else spoken
    closing = [o for o in observed.outcomes if silent <= o[0] <= observed.end]
    if closing:
        return closing[0][1]
    if isinstance(rules["end"], int) and beyond:
        return "cut_off"
    return "nothing_recorded" if spoken is None else "last_statement"


def decide(observed, days, relapse, gap, beyond, origin, rules, spoken):
    """(event, outcome, reason, detected, lower, upper, record or None) of what came first."""
    competing = observed.competing
    ends = [(observed.end, 3)]
    ends += [(relapse[0], 0)] if relapse else []
    ends += [(gap[1], 1)] if gap else []
    ends += [(competing[0], 2)] if competing else []
    first = min(ends)[1]
    if first == 0:
        detected, record, lower, upper = relapse
        return 1, "relapse", "pattern", detected, lower, upper, record
    if first == 1 and rules["missing"]["rule"] == "relapse":
        return 1, "relapse", "gap", gap[1], *gap, None
    if first == 1:
        return 0, "censored", "gap", None, gap[0], inf, None
    if first == 2:
        day, cause, line = competing
        event = 2 + rules["competing"].index(cause)
        return event, cause, cause, None, day, day, f"outcomes.csv:{line}"
    reason = why_censored(observed, spoken, beyond, origin, rules)
    free = [day for day, (used, *_) in days.items() if not used]
    return 0, "censored", reason, None, max(free, default=origin), inf, None


def follow(tables, patient, card, line, rules):
    """What became of a patient, in the words of the flow, and the row of data if at risk."""
    mine = f"patients.csv:{line}"
    observed = Observed.of(tables, patient, rules)
    statements, beyond = counted(tables, patient, rules, observed.end)
    days = verdicts(statements, rules)
    origin, origin_record, why_not = origin_of(tables, patient, card, rules, days, observed.end)
    unreached = not_reached(observed, origin, why_not, mine, rules)
    if unreached:
        return unreached

    days = verdicts(not_washed_out(statements, origin, rules), rules)
    spoken = max(days, default=None)
    days = with_entry(days, card, line, origin, observed.end, rules)
    over = min((o[0] for o in observed.outcomes if o[1] in ("death", "study_end")), default=inf)
    event, outcome, reason, detected, lower, upper, record = decide(
        observed,
        days,
        pattern_of(days, origin, rules, observed.end, over),
        gap_of(tables, patient, days, origin, rules, observed.end, over),
        beyond,
        origin,
        rules,
        spoken,
    )
    # An exactly known day of use is no day known free: the last one comes before it.
    free = {day: days[day][2] for day in days if not days[day][0] and day <= lower}
    last = max(free, default=origin)
    time = lower
    if event == 1:
        middle = (lower + upper) / 2
        dated = {"detected": detected, "onset": upper, "midpoint": middle}
        time = dated.get(rules["dated"], lower)
    entry = nan
    if "entry" in rules and card["found"] is not None and card["found"] > origin:
        entry = card["found"] - origin
        if card["found"] >= time:
            return (True, "not at risk", "entered_after_end"), None
    record = record or free.get(last, origin_record or mine)
    interval = (lower - origin, upper - origin)
    row = (time - origin, event, *interval, reason, record, origin, last - origin, entry)
    return (True, outcome, reason), row


def return_of(days, detected, rules):
    """(day, record) of the next confirmed abstinence after a relapse, or None."""
    needed, run = rules["origin"].get("negatives", 1), []
    for day, (used, _, record, _) in days.items():
        if day > detected:
            run = [] if used else [*run, (day, record)]
            if len(run) == needed:
                return run[0 if rules["origin"]["at"] == "first_negative" else -1]
    return None


def spells_of(tables, patient, card, line, rules):
    """(start, stop, state, ended by, reason, record) of each spell of who reached the origin."""
    row = follow(tables, patient, card, line, rules)[1]
    if row is None or isnan(row[6]):
        return []
    observed = Observed.of(tables, patient, rules)
    statements, beyond = counted(tables, patient, rules, observed.end)
    ever = verdicts(statements, rules)
    over = min((o[0] for o in observed.outcomes if o[1] in ("death", "study_end")), default=inf)
    origin = clock = row[6]
    found_origin = origin_of(tables, patient, card, rules, ever, observed.end)
    clock_record = found_origin[1] or f"patients.csv:{line}"
    begin = origin + (0 if isnan(row[8]) else row[8])
    found = []
    while True:
        days = verdicts(not_washed_out(statements, clock, rules), rules)
        spoken = max(days, default=None)
        days = with_entry(days, card, line, clock, observed.end, rules)
        gap = gap_of(tables, patient, days, clock, rules, observed.end, over)
        event, outcome, reason, detected, lower, upper, record = decide(
            observed,
            days,
            pattern_of(days, clock, rules, observed.end, over),
            gap,
            beyond,
            clock,
            rules,
            spoken,
        )
        free = {day: days[day][2] for day in days if not days[day][0] and day <= lower}
        record = record or (free[max(free)] if free else clock_record)
        stop = lower
        if event == 1:
            dates = {"detected": detected, "onset": upper, "midpoint": (lower + upper) / 2}
            stop = dates.get(rules["dated"], lower)
        ended = {0: "end", 1: "relapse"}.get(event, outcome)
        found.append((begin - origin, stop - origin, "free", ended, reason, record))
        if event != 1:
            return found
        begin, back, competing = stop, return_of(ever, detected, rules), observed.competing
        if back and not (competing and competing[0] <= back[0]):
            stop, ended, reason, record = back[0], "abstinence", "confirmed", back[1]
        elif competing:
            stop, ended, record = competing[0], competing[1], f"outcomes.csv:{competing[2]}"
            reason = ended
        else:
            used = [day for day in ever if day >= detected and ever[day][0]]
            stop, ended = max(used, default=detected), "end"
            reason = why_censored(observed, spoken, beyond, clock, rules)
            record = ever[stop][2] if used else record
        found.append((begin - origin, stop - origin, "using", ended, reason, record))
        if ended != "abstinence":
            return found
        begin, clock, clock_record = stop, *back


# --- random studies -----------------------------------------------------------------------------


def word(rng, name):
    day = rng.randint(-2, 12)
    if name == "urine":
        return f"{day}{rng.choice('---++?')}{rng.choice(['', '', '', 'zolpidem', 'opiates'])}"
    if name == "visits":
        kinds = ["yes", "no", "no", "no/5", "missed", "not_required", "not_required", "silent"]
        return f"{day}{rng.choice(kinds)}"
    if name == "use_days":
        return f"{day}{rng.choice(['', '', '=0', '=2zolpidem', 'opiates'])}"
    if name == "use_windows":
        return f"{day}..{day + rng.randint(0, 8)}"
    return f"{day}{rng.choice(OUTCOMES)}" if name == "outcomes" else str(day)


def alive(card, tables):
    """Drop what no checked study has: a second death, and records of the dead."""
    deaths = [int(said.removesuffix("death")) for said in tables["outcomes"] if "death" in said]
    tables["outcomes"] = [said for said in tables["outcomes"] if "death" not in said]
    day = inf
    if deaths and deaths[0] >= (card["enrolled"] or 0):
        day = deaths[0]
        tables["outcomes"].append(f"{day}death")
    for name in ("urine", "visits", "use_days", "use_windows", "treatments"):
        last = [int(re.match(r"(?:-?\d+\.\.)?(-?\d+)", said)[1]) for said in tables[name]]
        tables[name] = [said for said, at in zip(tables[name], last, strict=True) if at <= day]
    return tables


def study(rng, patients):
    """The tables of a random study: a few days, so that much falls on the same of them."""
    tables = {"patients": {}, **{name: {} for name in MANY}}
    for patient in (f"p{n}" for n in range(patients)):
        card = {
            "enrolled": rng.choice([0, 0, 0, -2, 4, None]),
            "start": rng.choice([0, 2, 5, None]),
            "found": rng.choice([None, 0, 3, 8]),
        }
        said = {
            name: [word(rng, name) for _ in range(rng.randint(0, most))]
            for name, most in MANY.items()
        }
        tables["patients"][patient] = card
        for name, words in alive(card, said).items():
            tables[name][patient] = " ".join(words)
    return tables


def rules_of(rng):
    """A random endpoint."""
    searched = {
        "at": rng.choice(["confirmed_abstinence", "first_negative"]),
        "negatives": rng.randint(1, 3),
        "after": rng.choice(["use", "enrolment", "last_treatment"]),
    }
    fixed = [{"at": "enrolment"}, {"at": "last_treatment"}, {"at": "column", "column": "start"}]
    patterns = [
        {"rule": "any_use"},
        {"rule": "consecutive", "k": rng.randint(1, 3)},
        {"rule": "k_of_n", "k": 2, "n": rng.randint(2, 4)},
        {"rule": "use_days", "days": 2, "within_days": rng.randint(2, 5)},
        {
            "rule": "weeks",
            "weeks": rng.randint(1, 2),
            "or_days": rng.choice([None, 1, 2]),
            "missing_week": rng.choice(["breaks", "skipped", "use"]),
        },
    ]
    silence = {
        "rule": rng.choice(["relapse", "censor"]),
        "gap_days": rng.randint(2, 5),
        "look_back": rng.choice([False, False, True]),
    }
    competing = [[], ["death"], ["loss", "death"], ["withdrawal", "study_end"]]
    rules = {
        "origin": rng.choice([searched, rng.choice(fixed)]),
        "pattern": rng.choice(patterns),
        "missing": rng.choice([{"rule": "ignore"}, silence]),
        "sources": rng.sample(["visits", "urine", "use_days"], rng.randint(1, 3)),
        "substances": rng.choice([["benzodiazepine", "z_drug"], ["z_drug"]]),
        "conflict": rng.choice(["use", "first"]),
        "dated": rng.choice(["detected", "onset", "midpoint", "last_negative"]),
        "end": rng.choice(["last_statement", "outcome", rng.randint(2, 12)]),
        "washout_days": rng.choice([0, 3, {"benzo": 4, "other": 1}, {"zolpidem": 5}]),
        "washout_positives": rng.choice(["all", "carry_over"]),
        "competing": rng.choice(competing),
        "population": rng.choice(["responders", "intention"]),
    }
    return {**rules, "entry": {"column": "found"}} if rng.random() < 0.25 else rules


RANDOM = st.randoms(use_true_random=True)


def bounded(examples):
    def decorate(test):
        return settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # to shrink would take minutes
            suppress_health_check=list(HealthCheck),
        )(test)

    return decorate


def results(derived):
    """patient -> everything of its row that can be compared."""
    tte = derived.tte
    entry = [nan] * tte.n if tte.entry is None else tte.entry
    return {
        patient: (*derived[patient], tte.origin_day[at], tte.last_free[at], entry[at])
        for at, patient in enumerate(tte.patient_id)
    }


def same(left, right):
    return left == right or (
        len(left) == len(right)
        and all(a == b or (a != a and b != b) for a, b in zip(left, right, strict=True))
    )


@given(rng=RANDOM)
@bounded(16)
def test_the_sql_does_what_the_rules_say(studies, derive, rng):
    studies.close()
    tables, declared = study(rng, 25), [rules_of(rng) for _ in range(4)]
    first, read = derive(**tables, **declared[0]), parsed(tables)
    for rules in declared:
        derived = first if rules is declared[0] else studies.again(first, rules)
        flow, expected = {}, {}
        for line, (patient, card) in enumerate(tables["patients"].items(), 2):
            leaf, row = follow(read, patient, card, line, rules)
            flow[leaf] = flow.get(leaf, 0) + 1
            if row is not None:
                expected[patient] = row
        found = results(derived)
        assert found.keys() == expected.keys()
        for patient, row in expected.items():
            assert same(found[patient], row), (patient, found[patient], row)
        assert derived.flow == flow


@given(rng=RANDOM)
@bounded(4)
def test_the_spells_are_what_the_rules_say(studies, derive, rng):
    studies.close()
    tables, declared = study(rng, 25), [rules_of(rng) for _ in range(3)]
    first, read = derive(**tables, **declared[0]), parsed(tables)
    for rules in declared:
        derived = first if rules is declared[0] else studies.again(first, rules)
        found = {}
        frame = spells(derived.evidence, derived.endpoint).to_frame()
        for patient, number, start, stop, *rest, file, line in frame.itertuples(index=False):
            found.setdefault(patient, []).append((start, stop, *rest, f"{file}:{line}"))
            assert number == len(found[patient])
        expected = {
            patient: spells_of(read, patient, card, line, rules)
            for line, (patient, card) in enumerate(tables["patients"].items(), 2)
        }
        assert found == {patient: rows for patient, rows in expected.items() if rows}
        # The endpoint can be derived again, and the first spells are its follow-up.
        again = studies.again(derived, rules).tte
        reached = np.isfinite(again.origin_day)
        ends = frame[frame["spell"] == 1]
        assert list(ends["stop"]) == list(again.time[reached])
        assert list(ends["ended_by"] == "relapse") == list(again.relapsed[reached])


# --- invariants ---------------------------------------------------------------------------------


def with_twins(tables, change):
    """The study with a twin of each patient, p0 and p0twin, whose words `change(...)` returns."""
    both = {name: dict(table) for name, table in tables.items()}
    for name, table in tables.items():
        for patient, said in table.items():
            if name != "patients":
                said = " ".join(change(name, patient, said.split()))
            both[name][f"{patient}twin"] = said
    return both


def pairs(derived):
    """(patient, row, row of the twin) of those at risk, without the deciding record."""
    found = {patient: (*row[:5], *row[6:]) for patient, row in results(derived).items()}
    one = {patient for patient in found if not patient.endswith("twin")}
    assert {f"{patient}twin" for patient in one} == found.keys() - one
    return [(patient, found[patient], found[f"{patient}twin"]) for patient in sorted(one)]


@given(rng=RANDOM)
@bounded(6)
def test_the_order_of_rows_changes_nothing(studies, derive, rng):
    studies.close()
    tables, rules = study(rng, 15), rules_of(rng)

    def change(name, patient, said):
        return rng.sample(said, len(said))

    for patient, row, twin in pairs(derive(**with_twins(tables, change), **rules)):
        assert same(row, twin), (patient, row, twin)


@given(rng=RANDOM)
@bounded(6)
def test_a_repeated_row_changes_nothing(studies, derive, rng):
    studies.close()
    tables, rules = study(rng, 15), rules_of(rng)

    def change(name, patient, said):
        return said * 2 if name in TABLES else said

    for patient, row, twin in pairs(derive(**with_twins(tables, change), **rules)):
        assert same(row, twin), (patient, row, twin)


def deaths(tables):
    """patient -> day of death."""
    found = parsed(tables)["outcomes"]
    return {who: day for who, said in found.items() for _, day, rest in said if rest == "death"}


@given(rng=RANDOM)
@bounded(6)
def test_a_row_after_the_relapse_changes_nothing(studies, derive, rng):
    studies.close()
    tables, rules = study(rng, 15), {**rules_of(rng), "dated": "detected"}
    rules["missing"].pop("look_back", None)  # with it, what is said later may end a silence
    relapsed = {
        patient: int(row[6] + row[0])
        for patient, row in results(derive(**tables, **rules)).items()
        if row[1] == 1 and not isnan(row[6]) and patient not in deaths(tables)
    }
    table, more = rng.choice(
        [("urine", "-"), ("urine", "+"), ("visits", "yes"), ("visits", "no/60"),
         ("visits", "not_required"), ("use_days", "")]
    )  # fmt: skip

    def change(name, patient, said):
        if name != table or patient not in relapsed:
            return said
        return [*said, f"{relapsed[patient] + rng.randint(1, 9)}{more}"]

    for patient, row, twin in pairs(derive(**with_twins(tables, change), **rules)):
        assert same(row, twin), (patient, row, twin)


@given(rng=RANDOM)
@bounded(6)
def test_a_positive_before_a_patients_time_never_lengthens_it(studies, derive, rng):
    studies.close()
    tables, rules = study(rng, 15), rules_of(rng)
    rules.pop("entry", None)
    if rules["missing"]["rule"] != "ignore":  # a positive that completes no pattern ends a silence
        rules["pattern"] = {"rule": "any_use"}
    earlier = {}
    for patient, row in results(derive(**tables, **rules)).items():
        if not isnan(row[6]) and row[0] > 1:
            day = int(row[6]) + rng.randint(1, ceil(row[0]) - 1)
            if day <= deaths(tables).get(patient, inf):
                earlier[patient] = day

    def change(name, patient, said):
        add = name == "visits" and patient in earlier
        return [*said, f"{earlier[patient]}yes"] if add else said

    for patient, row, twin in pairs(derive(**with_twins(tables, change), **rules)):
        assert twin[0] <= row[0], (patient, row, twin)
