"""Every variant of an endpoint that a study declares, derived over the same evidence in one go."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from survival_bzd.endpoint.declaration import (
    ConfirmedAbstinence,
    Endpoint,
    FirstNegative,
    MissingAs,
    declare,
)
from survival_bzd.endpoint.derive import derive, texts
from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.endpoint.variants import GAPS
from survival_bzd.errors import BadInput, Fault
from survival_bzd.records import Evidence, evidence
from survival_bzd.records.declaration import (
    DECLARATION,
    Declared,
    StudyDeclaration,
    line_of,
    validate,
)
from survival_bzd.records.engine import Engine

SECTION = "sensitivity"
MOST_VARIANTS = 5000
"""A grid of more is a mistake in it."""

Found = TypeVar("Found")
Written = dict[str, Any]
Alternatives = list[Any]


class Conclusion(Declared):
    """That survival at a day is above a value, which the tipping point turns."""

    at_days: float = Field(gt=0, allow_inf_nan=False)
    above: float = Field(gt=0, lt=1)


class Sensitivity(Declared):
    """The grid of variants: the table ``[sensitivity]`` of `study.toml`.

    Each list names what a key of the endpoint may be; every combination is a variant. The values
    are those of the endpoint, but that `origin`, `missing` and `pattern` may be the name of the
    rule alone: then the rest is that of the declared endpoint.

    Attributes
    ----------
    sources, conflict, origin, pattern, washout_days, missing, dated, population, end : values of
        these keys.
    gap_days : how long a silence must be, with each rule of `missing` that needs it.
    equivalents : tables of equivalents, for a pattern of doses.
    variants : single variants beside the grid, each a table of the keys that change.
    at_days : where the curves are reported, in days; by default the endpoint's horizons. The last
        is the main one.
    formula : the Cox model whose first term is the hazard ratio of interest; by default the first
        of the paper.
    conclusion : what the lost could turn.
    deltas : how many times as fast the lost relapse.
    lost_by : covariates by which patients were lost, as a formula, for weights.
    """

    sources: Annotated[Alternatives, Field(min_length=1)] | None = None
    conflict: Annotated[Alternatives, Field(min_length=1)] | None = None
    origin: Annotated[Alternatives, Field(min_length=1)] | None = None
    pattern: Annotated[Alternatives, Field(min_length=1)] | None = None
    washout_days: Annotated[Alternatives, Field(min_length=1)] | None = None
    missing: Annotated[list[str | dict[str, Any]], Field(min_length=1)] | None = None
    gap_days: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] | None = None
    dated: Annotated[Alternatives, Field(min_length=1)] | None = None
    population: Annotated[Alternatives, Field(min_length=1)] | None = None
    end: Annotated[Alternatives, Field(min_length=1)] | None = None
    equivalents: Annotated[Alternatives, Field(min_length=1)] | None = None
    variants: list[dict[str, Any]] = Field(default_factory=list)
    at_days: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=list)
    formula: str | None = None
    conclusion: Conclusion | None = None
    deltas: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=list)
    lost_by: str | None = None

    @property
    def varies(self) -> bool:
        """Whether it names any variant."""
        return bool(self.variants) or any(
            getattr(self, key) is not None for key in (*FACTORS, "gap_days")
        )


Factor = Literal[
    "sources",
    "conflict",
    "origin",
    "pattern",
    "equivalents",
    "washout_days",
    "missing",
    "dated",
    "population",
    "end",
]
FACTORS: tuple[Factor, ...] = (
    "sources",
    "conflict",
    "origin",
    "pattern",
    "equivalents",
    "washout_days",
    "missing",
    "dated",
    "population",
    "end",
)
"""What variants differ in, in the order of their columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One way to make time-to-event data of the records.

    Attributes
    ----------
    endpoint : the rules.
    choices : what each of the factors in which variants differ is here, in words.
    declared : whether it is the endpoint as the study declares it.
    """

    endpoint: Endpoint
    choices: Mapping[str, str]
    declared: bool


def grid(study: StudyDeclaration, name: str) -> tuple[Sensitivity, tuple[Specification, ...]]:
    """Return every variant of an endpoint, the declared one among them, each once.

    Parameters
    ----------
    study : what `study.toml` says; without ``[sensitivity]`` the grid is `usual`.
    name : which endpoint.

    Raises
    ------
    BadInput
        With every value of the grid that the endpoint cannot take.
    """
    asked, faults = validate(Sensitivity, study.sensitivity, text=study.text, at=(SECTION,))
    declared, problems = declare(study, name)
    faults += problems
    if asked is None or declared is None or faults:
        raise BadInput(faults)
    base = study.endpoint[name]
    made = asked if asked.varies else usual(declared)
    changes = list(_changes(made, declared, base))
    if len(changes) > MOST_VARIANTS:
        raise BadInput(
            [
                Fault(
                    rule=f"a grid has at most {MOST_VARIANTS} variants",
                    remedy="Take values out.",
                    file=DECLARATION,
                    column=SECTION,
                    value=str(len(changes)),
                )
            ]
        )
    found: dict[str, Endpoint] = {}
    wrong: dict[Fault, None] = {}
    for change in changes:
        endpoint, problems = _declared(study, name, {**base, **change})
        wrong.update(dict.fromkeys(_placed(fault, study, name, change) for fault in problems))
        if endpoint is not None and not problems:
            found.setdefault(_essence(endpoint), endpoint)
    if wrong:
        raise BadInput(list(wrong))
    if _essence(declared) not in found:
        found = {_essence(declared): declared, **found}
    endpoints = [
        declared if essence == _essence(declared) else endpoint
        for essence, endpoint in found.items()
    ]
    return asked, tuple(
        Specification(endpoint=endpoint, choices=choices, declared=endpoint is declared)
        for endpoint, choices in zip(endpoints, _choices(endpoints), strict=True)
    )


def grid_faults(study: StudyDeclaration, name: str) -> list[Fault]:
    """Return what is wrong with the declared grid; nothing where none is declared."""
    if not study.sensitivity:
        return []
    try:
        grid(study, name)
    except BadInput as error:
        return list(error.faults)
    return []


def _choices(endpoints: list[Endpoint]) -> list[dict[str, str]]:
    """Say of each endpoint what it chooses where the endpoints differ."""
    words = [{factor: choice(endpoint, factor) for factor in FACTORS} for endpoint in endpoints]
    told = [{**one} for one in words]
    for one in told:
        if one["conflict"] == _ONE_SOURCE:
            # Who wins is no choice where there is nobody to win against.
            one["conflict"] = next(
                (other["conflict"] for other in words if other["conflict"] != _ONE_SOURCE), ""
            )
    if len({getattr(endpoint.origin, "after", "") for endpoint in endpoints}) == 1:
        for one in words:
            one["origin"] = one["origin"].split(_AFTER)[0]
    differ = [factor for factor in FACTORS if len({one[factor] for one in told}) > 1]
    return [{factor: one[factor] for factor in differ} for one in words]


_ONE_SOURCE = "one source"
_AFTER = ", after "


def usual(endpoint: Endpoint) -> Sensitivity:
    """Return the grid of a study that declares none.

    Time zero at the first or the last of the negatives, the date within its interval, silence, the
    urine alone, and the washout with or without.
    """
    negatives = getattr(endpoint.origin, "negatives", 1) > 1
    searched = isinstance(endpoint.origin, ConfirmedAbstinence | FirstNegative)
    alone = "urine" in endpoint.sources and len(endpoint.sources) > 1
    silent = not endpoint.only_fills
    return Sensitivity(
        sources=[list(endpoint.sources), ["urine"]] if alone else None,
        origin=["confirmed_abstinence", "first_negative"] if negatives and searched else None,
        washout_days=[endpoint.washout_days, 0] if endpoint.washes_out else None,
        missing=["ignore", "relapse", "censor"] if silent else None,
        dated=["detected", "midpoint", "last_negative"],
    )


def _changes(asked: Sensitivity, declared: Endpoint, base: Written) -> Iterator[Written]:
    """Yield the keys that each variant changes, as they would be written."""
    axes: list[list[Written]] = []
    for factor in FACTORS:
        values = getattr(asked, factor)
        if factor == "missing":
            axes.append(list(_silences(asked, declared)))
        elif factor == "equivalents" or values is None:
            axes.append([{}])
        else:
            axes.append([{factor: _whole(factor, value, declared, base)} for value in values])
    for combination in itertools.product(*axes):
        change = {key: value for part in combination for key, value in part.items()}
        yield from _doses(change, asked, base)
    for single in asked.variants:
        yield {key: _whole(key, value, declared, base) for key, value in single.items()}


def _doses(change: Written, asked: Sensitivity, base: Written) -> Iterator[Written]:
    """Yield a variant under each table of equivalents, where its pattern is one of doses."""
    pattern: Written = change["pattern"] if "pattern" in change else base.get("pattern", {})
    if asked.equivalents is None or pattern.get("rule") != "dose_share":
        yield change
        return
    for table in asked.equivalents:
        yield {**change, "pattern": {**pattern, "equivalents": table}}


def _whole(key: str, value: Any, declared: Endpoint, base: Written) -> Any:
    """Complete a rule that is only named by what the declared endpoint says of it."""
    if not isinstance(value, str):
        return value
    if key == "origin":
        own = declared.origin
        searched = {
            "negatives": getattr(own, "negatives", 2),
            "after": getattr(own, "after", "use"),
        }
        return {"at": value, **(searched if value in ("first_negative", _CONFIRMED) else {})}
    if key == "pattern":
        own_pattern: Written = base.get("pattern", {})
        return own_pattern if own_pattern.get("rule") == value else {"rule": value}
    if key == "missing":
        return {
            "rule": value,
            **({"gap_days": _gaps(None, declared)[0]} if value != _IGNORE else {}),
        }
    return value


_CONFIRMED = "confirmed_abstinence"
_IGNORE = "ignore"


def _gaps(asked: list[int] | None, declared: Endpoint) -> list[int]:
    """Return how long a silence must be: as asked, as declared, or the shortest that is usual."""
    if asked is not None:
        return asked
    own = declared.missing
    return [own.gap_days if isinstance(own, MissingAs) else GAPS[0]]


def _silences(asked: Sensitivity, declared: Endpoint) -> Iterator[Written]:
    """Yield what silence counts as: each rule with each length."""
    own = declared.missing
    if asked.missing is None and asked.gap_days is None:
        yield {}
        return
    look_back = isinstance(own, MissingAs) and own.look_back
    if asked.missing is not None:
        rules: list[Any] = list(asked.missing)
    else:
        rules = [own.rule] if isinstance(own, MissingAs) else ["relapse", "censor"]
    for rule in rules:
        if not isinstance(rule, str) or rule == _IGNORE:
            yield {"missing": {"rule": rule} if isinstance(rule, str) else rule}
            continue
        for days in _gaps(asked.gap_days, declared):
            more = {"look_back": True} if look_back else {}
            yield {"missing": {"rule": rule, "gap_days": days, **more}}


def _declared(
    study: StudyDeclaration, name: str, written: Written
) -> tuple[Endpoint | None, list[Fault]]:
    """Check a variant as if it were the endpoint that the study declares."""
    return declare(study.model_copy(update={"endpoint": {name: written}}), name)


def _placed(fault: Fault, study: StudyDeclaration, name: str, change: Written) -> Fault:
    """Say of a fault that it is in the grid, not in the endpoint."""
    prefix = f"endpoint.{name}."
    key = (fault.column or "").removeprefix(prefix).split(".")[0]
    if key not in change:
        return replace(fault, column=SECTION, file=DECLARATION, line=None)
    at = (SECTION, key)
    return replace(fault, column=".".join(at), line=line_of(study.text, at))


def _essence(endpoint: Endpoint) -> str:
    """Write the rules of an endpoint so that equal rules are equal texts."""
    update: dict[str, Any] = {}
    if len(endpoint.sources) == 1:
        # A single source cannot conflict with another.
        update["conflict"] = "use"
    origin = endpoint.origin
    if isinstance(origin, FirstNegative) and origin.negatives == 1:
        update["origin"] = ConfirmedAbstinence(
            at="confirmed_abstinence", negatives=1, after=origin.after
        )
    return endpoint.model_copy(update=update).model_dump_json()


def choice(endpoint: Endpoint, factor: Factor) -> str:
    """Say in words what a factor is in an endpoint."""
    write = _WORDS.get(factor)
    value = getattr(endpoint, factor, None)
    return write(endpoint) if write else str(value).replace("_", " ")


def _sources(endpoint: Endpoint) -> str:
    return " + ".join(source.replace("_", " ") for source in endpoint.sources)


def _conflict(endpoint: Endpoint) -> str:
    if len(endpoint.sources) == 1:
        return _ONE_SOURCE
    if endpoint.conflict == "use":
        return "any use wins"
    return f"{endpoint.sources[0].replace('_', ' ')} wins"


def _origin(endpoint: Endpoint) -> str:
    origin = endpoint.origin
    negatives = getattr(origin, "negatives", 1)
    if isinstance(origin, ConfirmedAbstinence | FirstNegative):
        which = "last" if isinstance(origin, ConfirmedAbstinence) else "first"
        after = "" if origin.after == "use" else f"{_AFTER}{origin.after.replace('_', ' ')}"
        return ("a negative" if negatives == 1 else f"{which} of {negatives} negatives") + after
    clock = f", {origin.clock.replace('_', ' ')}" if origin.at == "discontinuation" else ""
    column = f" {origin.column}" if origin.at == "column" else ""
    return f"{origin.at.replace('_', ' ')}{column}{clock}"


def _pattern(endpoint: Endpoint) -> str:
    pattern = endpoint.pattern
    said = [
        f"{key.replace('_', ' ')} {value}"
        for key, value in pattern.model_dump().items()
        if key not in ("rule", "equivalents") and value is not None
    ]
    name = pattern.rule.replace("_", " ")
    return f"{name}: {', '.join(said)}" if said else name


def _equivalents(endpoint: Endpoint) -> str:
    return getattr(endpoint.pattern, "equivalents", None) or "none"


def _washout(endpoint: Endpoint) -> str:
    said = endpoint.washout_days
    if isinstance(said, int):
        return f"{said} days" if said else "none"
    return said.replace("_", " ") if isinstance(said, str) else "by drug"


def _missing(endpoint: Endpoint) -> str:
    missing = endpoint.missing
    if not isinstance(missing, MissingAs):
        return "ignored"
    counted = "relapse" if missing.rule == "relapse" else "censored"
    return f"{counted}, over {missing.gap_days} days"


_WORDS: dict[str, Callable[[Endpoint], str]] = {
    "sources": _sources,
    "conflict": _conflict,
    "origin": _origin,
    "pattern": _pattern,
    "equivalents": _equivalents,
    "washout_days": _washout,
    "missing": _missing,
}


def derive_each(
    evidence_of_all: Evidence,
    endpoints: Sequence[Endpoint],
    then: Callable[[int, TimeToEvent], Found],
    *,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Found]:
    """Derive several endpoints over the same evidence and make something of each.

    Steps that endpoints share run once; endpoints are taken in the order that shares most. Each
    job has a connection of its own to the records, which are not read again.

    Parameters
    ----------
    evidence_of_all, endpoints : what to derive.
    then : what to make of the place and the time-to-event data of each; it runs in the thread of
        its job.
    jobs : how many at once.
    progress : called with how many are done.

    Returns
    -------
    list
        In the order of `endpoints`, whatever the order and the number of jobs.
    """
    if not endpoints:
        return []
    steps = [texts(evidence_of_all, endpoint) for endpoint in endpoints]
    order = sorted(range(len(endpoints)), key=lambda place: steps[place])
    batches = _batches(order, steps, jobs)
    workers: SimpleQueue[Evidence] = SimpleQueue()
    finished: SimpleQueue[BaseException | None] = SimpleQueue()
    number = min(jobs, len(batches))
    for own in (evidence_of_all, *(_beside(evidence_of_all) for _ in range(number - 1))):
        workers.put(own)
    made: dict[int, Found] = {}

    def work(batch: list[int]) -> None:
        own = workers.get()
        try:
            for place in batch:
                made[place] = then(place, derive(own, endpoints[place]))
                finished.put(None)
        except BaseException as error:
            finished.put(error)
        finally:
            workers.put(own)

    with ThreadPoolExecutor(number) as pool:
        for batch in batches:
            pool.submit(work, batch)
        for done in range(1, len(endpoints) + 1):
            # Progress is told in the caller's thread: a command line has its context there.
            if (error := finished.get()) is not None:
                pool.shutdown(cancel_futures=True)
                raise error
            progress(done)
    return [made[place] for place in range(len(endpoints))]


def _batches(order: list[int], steps: list[list[tuple[str, str]]], jobs: int) -> list[list[int]]:
    """Cut the order where the origin changes, and further where jobs would be idle."""

    def until_origin(place: int) -> list[tuple[str, str]]:
        names = [name for name, _ in steps[place]]
        return steps[place][: names.index("origin") + 1]

    batches = [list(batch) for _, batch in itertools.groupby(order, key=until_origin)]
    while jobs > 1 and len(batches) < 2 * jobs and any(len(batch) > 1 for batch in batches):
        longest = max(range(len(batches)), key=lambda one: len(batches[one]))
        batch = batches.pop(longest)
        batches[longest:longest] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    return sorted(batches, key=len, reverse=True) if jobs > 1 else batches


def _beside(evidence_of_all: Evidence) -> Evidence:
    """Return the same evidence in a connection of its own to the same tables."""
    records = evidence_of_all.records
    engine = Engine(records.engine.connection.cursor())
    return evidence(replace(records, engine=engine))
