"""Results -> the tables of the paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from survival_bzd.report.phrases import (
    percent_with_limits,
    quantile_with_limits,
    ratio_with_limits,
    with_limits,
)
from survival_bzd.report.rounding import (
    NOT_ESTIMABLE,
    NOT_REACHED,
    RATE_PER,
    count,
    counted,
    decimal,
    displayed_unit,
    level,
    listed,
    p_value,
    percent,
    person_unit,
    rate,
    shown_time,
    with_p,
)
from survival_bzd.report.table import Table, Value
from survival_bzd.report.wording import (
    AT_RISK_NOTE,
    SYNTHETIC,
    VERDICTS,
    fitted_by,
    leaf_words,
    sentence,
    spaced,
    term_words,
    time_zero,
    window_words,
)

if TYPE_CHECKING:
    from survival_bzd.estimate import CoxFit
    from survival_bzd.report.paper_results import Characteristic, PaperResults

Cells = tuple[str, ...]


def paper_tables(results: PaperResults) -> tuple[Table, ...]:
    """Make every table that the results have the numbers for.

    Parameters
    ----------
    results : what the paper reports.

    Returns
    -------
    tuple of Table
        In the order of the text. Synthetic records are named as such in each title, and each CSV
        form has a column ``synthetic``.
    """
    made = (make(results) for make in _MAKERS)
    return tuple(_marked(table, results.synthetic) for table in made if table is not None)


def _marked(table: Table, synthetic: bool) -> Table:
    """Say what the abbreviations mean, and whether the data are made up."""
    cells = " ".join(" ".join(row) for row in table.rows).replace("(", " ").replace(")", " ")
    used = [
        words
        for code, words in ((NOT_REACHED, "not reached"), (NOT_ESTIMABLE, "not estimable"))
        if code in cells.split()
    ]
    codes = {"not reached": NOT_REACHED, "not estimable": NOT_ESTIMABLE}
    notes = table.notes
    if used:
        notes = (*notes, "; ".join(f"{codes[words]}, {words}" for words in used) + ".")
    rows = len(table.columns[0][1]) if table.columns else 0
    return Table(
        key=table.key,
        title=f"{table.title} ({SYNTHETIC.lower()})" if synthetic else table.title,
        header=table.header,
        rows=table.rows,
        align=table.align,
        columns=(*table.columns, ("synthetic", (synthetic,) * rows)),
        notes=notes,
    )


def _floats(values: Sequence[float]) -> tuple[Value, ...]:
    return tuple(float(value) for value in values)


def _group_words(results: PaperResults, group: str | None) -> str:
    return "All" if group is None else f"{spaced(results.by or 'group')}: {group}"


def _with_group(
    results: PaperResults, header: Cells, rows: list[Cells]
) -> tuple[Cells, list[Cells]]:
    """Drop the group column where the curves are not split."""
    if results.by is None:
        return header[1:], [row[1:] for row in rows]
    return header, rows


# --- who the patients are ------------------------------------------------------------------------


def _characteristics(results: PaperResults) -> Table | None:
    described = results.characteristics
    if not described:
        return None
    groups = list(dict.fromkeys(one.group for one in described))
    cells = {(one.name, one.group): one for one in described}
    rows: list[Cells] = []
    for name in dict.fromkeys(one.name for one in described):
        rows += _characteristic_rows(name, [cells.get((name, group)) for group in groups])
    columns: dict[str, list[Value]] = {key: [] for key in ("name", "group", "level", *_SUMMARIES)}
    for one in described:
        for level_name, patients in one.levels or (("", one.n),):
            values = (getattr(one, key) for key in _SUMMARIES[1:])
            line = (one.name, one.group, level_name, patients, *values)
            for column, value in zip(columns.values(), line, strict=True):
                column.append(value)
    sizes = [
        max(one.n + one.missing for one in described if one.group == group) for group in groups
    ]
    heads = [
        f"{_group_words(results, group)} (n = {size})"
        for group, size in zip(groups, sizes, strict=True)
    ]
    return Table(
        key="characteristics",
        title="Characteristics of the patients",
        header=("Characteristic", *heads),
        rows=tuple(rows),
        align="l" + "r" * len(groups),
        columns=tuple((key, tuple(column)) for key, column in columns.items()),
        notes=(
            "Numbers: mean (standard deviation); median [quartiles]; range. "
            "Categories: patients (percent of those with a value).",
        ),
    )


_SUMMARIES = (
    "patients",
    "missing",
    "mean",
    "sd",
    "median",
    "lower_quartile",
    "upper_quartile",
    "minimum",
    "maximum",
)


def _characteristic_rows(name: str, ones: list[Characteristic | None]) -> list[Cells]:
    """Give a number one row per summary, a text one row per level, and missing values a row."""
    present = [one for one in ones if one is not None]
    words = sentence(spaced(name))
    if not present[0].levels:
        rows = [
            (words, *(_number_cell(one) for one in ones)),
            ("\N{EM SPACE}median [quartiles]", *(_median_cell(one) for one in ones)),
            ("\N{EM SPACE}range", *(_range_cell(one) for one in ones)),
        ]
    else:
        levels = dict.fromkeys(level_name for one in present for level_name, _ in one.levels)
        rows = [(words, *("" for _ in ones))]
        rows += [
            (f"\N{EM SPACE}{level_name}", *(_level_cell(one, level_name) for one in ones))
            for level_name in levels
        ]
    if any(one.missing for one in present):
        rows.append(
            ("\N{EM SPACE}missing", *("" if one is None else count(one.missing) for one in ones))
        )
    return rows


def _number_cell(one: Characteristic | None) -> str:
    return "" if one is None else f"{decimal(one.mean, 1)} ({decimal(one.sd, 1)})"


def _median_cell(one: Characteristic | None) -> str:
    if one is None:
        return ""
    quartiles = f"{decimal(one.lower_quartile, 1)} to {decimal(one.upper_quartile, 1)}"
    return f"{decimal(one.median, 1)} [{quartiles}]"


def _range_cell(one: Characteristic | None) -> str:
    return "" if one is None else f"{decimal(one.minimum, 1)} to {decimal(one.maximum, 1)}"


def _level_cell(one: Characteristic | None, level_name: str) -> str:
    if one is None:
        return ""
    patients = dict(one.levels).get(level_name, 0)
    return f"{patients} ({percent(patients / one.n if one.n else math.nan)}%)"


def _flow(results: PaperResults) -> Table | None:
    flow = results.flow
    if flow is None:
        return None
    origin = sentence(time_zero(results.endpoint) or "origin")
    rows: list[Cells] = [("Enrolled", count(flow.enrolled))]
    for reached, words in ((False, f"{origin}: not reached"), (True, f"{origin}: reached")):
        leaves = [leaf for leaf in flow.leaves if leaf.reached is reached]
        rows.append((words, count(sum(leaf.patients for leaf in leaves))))
        rows += [(f"\N{EM SPACE}{leaf_words(leaf)}", count(leaf.patients)) for leaf in leaves]
    leaves = flow.leaves
    return Table(
        key="flow",
        title="What became of everybody enrolled",
        header=("", "Patients"),
        rows=tuple(rows),
        align="lr",
        columns=(
            ("reached_origin", tuple(leaf.reached for leaf in leaves)),
            ("outcome", tuple(leaf.outcome for leaf in leaves)),
            ("reason", tuple(leaf.reason for leaf in leaves)),
            ("patients", tuple(leaf.patients for leaf in leaves)),
        ),
        notes=("Every patient is counted once.",),
    )


def _proportions(results: PaperResults) -> Table | None:
    if not results.proportions:
        return None
    ones = [counted_one.proportion for counted_one in results.proportions]
    labels = tuple(counted_one.label for counted_one in results.proportions)
    confidence = level(ones[0].confidence)
    return Table(
        key="proportions",
        title="Proportions of patients with exact limits",
        header=("", "Patients", f"% ({confidence} CI)"),
        rows=tuple(
            (
                label,
                f"{count(one.successes)}/{count(one.n)}",
                percent_with_limits(one.estimate, one.lower, one.upper),
            )
            for label, one in zip(labels, ones, strict=True)
        ),
        align="lrr",
        columns=(
            ("proportion", tuple(counted_one.key for counted_one in results.proportions)),
            ("successes", tuple(int(one.successes) for one in ones)),
            ("n", tuple(int(one.n) for one in ones)),
            ("estimate", _floats([one.estimate for one in ones])),
            ("lower", _floats([one.lower for one in ones])),
            ("upper", _floats([one.upper for one in ones])),
        ),
        notes=(
            f"Limits: {listed(sorted({one.method for one in ones}))}. A proportion at the last "
            "contact counts short and long follow-up alike; it is not a probability at a set "
            "time.",
        ),
    )


# --- how long they stay free ---------------------------------------------------------------------


def _relapse_free(results: PaperResults) -> Table | None:
    if not results.horizons:
        return None
    rows: list[Cells] = []
    columns: dict[str, list[Value]] = {
        key: []
        for key in (
            "group",
            "time",
            "at_risk",
            "events",
            "survival",
            "std_error",
            "lower",
            "upper",
            "reason",
        )
    }
    times = [horizon.time for horizon in results.horizons]
    for curve in results.curves:
        at, table = curve.at(times), curve.risk_table(times)
        for place, horizon in enumerate(results.horizons):
            events = float(table.events[place])
            values = tuple(float(getattr(at, name)[place]) for name in _LIMITED)
            rows.append(
                (
                    _group_words(results, curve.group),
                    horizon.label,
                    count(float(at.at_risk[place])),
                    count(events),
                    percent_with_limits(*values),
                )
            )
            line = (
                curve.group,
                horizon.time,
                float(at.at_risk[place]),
                events,
                values[0],
                float(at.std_error[place]),
                *values[1:],
                at.reasons[place] or None,
            )
            for column, value in zip(columns.values(), line, strict=True):
                column.append(value)
    curve = results.curves[0]
    header = (
        "Group",
        "Time",
        "At risk",
        "Relapsed",
        f"Relapse-free, % ({level(curve.confidence)} CI)",
    )
    header, rows = _with_group(results, header, rows)
    return Table(
        key="relapse_free",
        title=f"Patients free of relapse at set times since {_origin(results)}",
        header=header,
        rows=tuple(rows),
        align="l" * (len(header) - 3) + "rrr",
        columns=tuple((key, tuple(column)) for key, column in columns.items()),
        notes=(
            f"Kaplan-Meier estimates; limits on the {curve.limits} scale. {AT_RISK_NOTE}. "
            "Relapsed: up to and including t. Nothing is estimated past the last follow-up.",
        ),
    )


_LIMITED = ("survival", "lower", "upper")


def _origin(results: PaperResults) -> str:
    return time_zero(results.endpoint) or "the start of follow-up"


def _summary(results: PaperResults) -> Table | None:
    unit = displayed_unit(results.tte.unit)
    follow_up = {curve.group: curve for curve in results.follow_up}
    means = {mean.group: mean for mean in results.restricted_means}
    rows: list[Cells] = []
    columns: dict[str, list[Value]] = {
        key: []
        for key in (
            "group",
            "n",
            "events",
            "median",
            "median_lower",
            "median_upper",
            "restricted_mean",
            "restricted_mean_lower",
            "restricted_mean_upper",
            "tau",
            "follow_up",
            "follow_up_lower",
            "follow_up_upper",
        )
    }
    nothing = (math.nan, math.nan, math.nan)
    for curve in results.curves:
        mean, followed = means.get(curve.group), follow_up.get(curve.group)
        triple = nothing if mean is None else (mean.estimate, mean.lower, mean.upper)
        medians = curve.median, None if followed is None else followed.median
        rows.append(
            (
                _group_words(results, curve.group),
                count(curve.n),
                count(curve.n_events),
                quantile_with_limits(curve.median, curve.unit),
                with_limits(*(shown_time(value, curve.unit) for value in triple)),
                "" if followed is None else quantile_with_limits(followed.median, curve.unit),
            )
        )
        limits = [
            nothing if one is None else (one.estimate, one.lower, one.upper) for one in medians
        ]
        tau = math.nan if mean is None else mean.tau
        line = (curve.group, curve.n, curve.n_events, *limits[0], *triple, tau, *limits[1])
        for column, value in zip(columns.values(), line, strict=True):
            column.append(value)
    confidence = level(results.curves[0].confidence)
    header = (
        "Group",
        "At risk",
        "Relapsed",
        f"Median time to relapse ({confidence} CI)",
        f"Restricted mean ({confidence} CI)",
        f"Median follow-up ({confidence} CI)",
    )
    header, rows = _with_group(results, header, rows)
    taus = sorted({mean.tau for mean in means.values()})
    shown = listed([shown_time(tau, results.tte.unit) for tau in taus])
    restricted = f"Restricted mean time free of relapse up to {shown} {unit}. " if taus else ""
    return Table(
        key="time_to_relapse",
        title="Time to relapse and follow-up",
        header=header,
        rows=tuple(rows),
        align="l" * (len(header) - 5) + "rrrrr",
        columns=tuple((key, tuple(column)) for key, column in columns.items()),
        notes=(f"Times in {unit}. {restricted}Follow-up by the reverse Kaplan-Meier method.",),
    )


def _hazard(results: PaperResults) -> Table | None:
    if not results.hazards:
        return None
    rows: list[Cells] = []
    columns: dict[str, list[Value]] = {
        key: []
        for key in (
            "group",
            "lower_edge",
            "upper_edge",
            "events",
            "person_time",
            "rate",
            "lower",
            "upper",
        )
    }
    for table in results.hazards:
        edges = zip(table.lower_edge, table.upper_edge, strict=True)
        for place, (start, end) in enumerate(edges):
            values = tuple(float(getattr(table, name)[place]) for name in _RATES)
            rows.append(
                (
                    _group_words(results, table.group),
                    window_words(float(start), float(end), table.unit)[1],
                    count(values[0]),
                    shown_time(values[1], table.unit),
                    with_limits(*(rate(value, table.unit) for value in values[2:])),
                )
            )
            line = (table.group, float(start), float(end), *values)
            for column, value in zip(columns.values(), line, strict=True):
                column.append(value)
    first = results.hazards[0]
    header = (
        "Group",
        "Window",
        "Relapses",
        sentence(person_unit(first.unit)),
        f"Rate per {RATE_PER} {person_unit(first.unit)} ({level(first.confidence)} CI)",
    )
    header, rows = _with_group(results, header, rows)
    return Table(
        key="hazard",
        title=f"Relapse rate by time since {_origin(results)}",
        header=header,
        rows=tuple(rows),
        align="l" * (len(header) - 3) + "rrr",
        columns=tuple((key, tuple(column)) for key, column in columns.items()),
        notes=(
            "Windows are open on the left and closed on the right; the first is closed at 0. "
            f"Limits: exact Poisson. The CSV form is in {first.unit}.",
        ),
    )


_RATES = ("events", "person_time", "rate", "lower", "upper")


# --- hazard ratios and tests ---------------------------------------------------------------------


def _cox(results: PaperResults) -> Table | None:
    if not results.cox:
        return None
    kinds = list(dict.fromkeys(fitted_by(fit) for fit in results.cox))
    rows: list[Cells] = []
    notes: list[str] = []
    for formula, fits in groupby(results.cox, key=lambda fit: fit.formula):
        by_kind = {fitted_by(fit): fit for fit in fits}
        first = next(iter(by_kind.values()))
        for place, term in enumerate(first.terms):
            cells = [cell for kind in kinds for cell in _ratio_cells(by_kind.get(kind), place)]
            rows.append(
                (formula if place == 0 else "", term_words(term, results.tte.covariates), *cells)
            )
        notes.append(_cox_note(first, results))
    confidence = level(results.cox[0].confidence)
    heads = [
        head for kind in kinds for head in (f"{_KINDS.get(kind, kind)}: HR ({confidence} CI)", "p")
    ]
    limits = sorted(
        {
            f"{_KINDS.get(fitted_by(fit), fitted_by(fit))}: {_LIMITS.get(fit.limits, fit.limits)}"
            for fit in results.cox
        }
    )
    return Table(
        key="cox",
        title="Hazard ratios of relapse from Cox models",
        header=("Model", "Term", *heads),
        rows=tuple(rows),
        align="ll" + "rr" * len(kinds),
        columns=_cox_columns(results.cox),
        notes=(f"HR, hazard ratio. Limits: {'; '.join(limits)}.", *notes, *_association(results)),
    )


_KINDS = {"efron": "Efron", "breslow": "Breslow", "exact": "Exact", "firth": "Firth"}
_LIMITS = {"wald": "Wald", "profile": "profile likelihood"}


def _association(results: PaperResults) -> tuple[str, ...]:
    if results.control_group:
        return ()
    return (
        "Without a control group these are associations among the patients at risk, not effects.",
    )


def _ratio_cells(fit: CoxFit | None, place: int) -> tuple[str, str]:
    if fit is None:
        return "", ""
    values = (float(fit.hazard_ratio[place]), float(fit.lower[place]), float(fit.upper[place]))
    if fit.terms[place] in fit.separated and fit.penalty == "none":
        return NOT_ESTIMABLE, NOT_ESTIMABLE
    return ratio_with_limits(*values), p_value(float(fit.p_value[place]))


def _cox_note(fit: CoxFit, results: PaperResults) -> str:
    """Say how much data a model rests on, and what its proportional-hazards test found."""
    parts = [
        f"{counted(fit.n, 'patient')}, {counted(fit.n_events, 'relapse')}, "
        f"{decimal(fit.events_per_parameter, 1)} events per parameter"
    ]
    if fit.left_out:
        parts.append(f"{counted(fit.left_out, 'patient')} left out for a missing value")
    if fit.separated:
        names = listed([term_words(term, results.tte.covariates) for term in fit.separated])
        parts.append(f"separation in {names}")
    overall = [test for test in fit.proportional_hazards if test.term == "GLOBAL"]
    parts += [
        f"proportional hazards (Grambsch-Therneau, global): {with_p(test.p_value)}"
        for test in overall
    ]
    return f"{fit.formula}: {'; '.join(parts)}."


def _cox_columns(fits: tuple[CoxFit, ...]) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    lines = [(fit, place) for fit in fits for place in range(len(fit.terms))]

    def each(value: Callable[[CoxFit, int], Value]) -> tuple[Value, ...]:
        return tuple(value(fit, place) for fit, place in lines)

    names = ("coef", "std_error", "robust_std_error", "hazard_ratio", "lower", "upper", "p_value")
    return (
        ("formula", each(lambda fit, place: fit.formula)),
        ("fit", each(lambda fit, place: fitted_by(fit))),
        ("limits", each(lambda fit, place: fit.limits)),
        ("n", each(lambda fit, place: int(fit.n))),
        ("events", each(lambda fit, place: float(fit.n_events))),
        ("term", each(lambda fit, place: fit.terms[place])),
        *(
            (name, tuple(float(getattr(fit, name)[place]) for fit, place in lines))
            for name in names
        ),
        ("separated", each(lambda fit, place: fit.terms[place] in fit.separated)),
    )


def _proportional_hazards(results: PaperResults) -> Table | None:
    tests = [
        (fit.formula, fitted_by(fit), test)
        for fit in results.cox
        for test in fit.proportional_hazards
        if fit.penalty == "none"
    ]
    if not tests:
        return None
    return Table(
        key="proportional_hazards",
        title="Test of proportional hazards",
        header=("Model", "Term", "\N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO}", "df", "p"),
        rows=tuple(
            (
                formula,
                "All terms" if test.term == "GLOBAL" else spaced(test.term),
                decimal(test.statistic, 2),
                count(test.df),
                p_value(test.p_value),
            )
            for formula, _, test in tests
        ),
        align="llrrr",
        columns=(
            ("formula", tuple(formula for formula, _, _ in tests)),
            ("fit", tuple(kind for _, kind, _ in tests)),
            ("term", tuple(test.term for _, _, test in tests)),
            ("statistic", _floats([test.statistic for _, _, test in tests])),
            ("df", tuple(int(test.df) for _, _, test in tests)),
            ("p_value", _floats([test.p_value for _, _, test in tests])),
        ),
        notes=("Grambsch-Therneau score test, Kaplan-Meier transform of time.",),
    )


def _logrank(results: PaperResults) -> Table | None:
    test = results.logrank
    if test is None:
        return None
    return Table(
        key="logrank",
        title="Relapses observed and expected by group",
        header=("Group", "At risk", "Observed", "Expected"),
        rows=tuple(
            (
                _group_words(results, group),
                count(float(test.n[place])),
                count(float(test.observed[place])),
                decimal(float(test.expected[place]), 1),
            )
            for place, group in enumerate(test.groups)
        ),
        align="lrrr",
        columns=(
            ("group", tuple(test.groups)),
            ("n", _floats(test.n.tolist())),
            ("observed", _floats(test.observed.tolist())),
            ("expected", _floats(test.expected.tolist())),
        ),
        notes=(
            f"Log-rank test: \N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO} = "
            f"{decimal(test.statistic, 2)}, {count(test.df)} df, {with_p(test.p_value)}.",
        ),
    )


# --- the records behind them ---------------------------------------------------------------------


def _patients(results: PaperResults) -> Table | None:
    """List everybody at risk, with the record that decided."""
    tte = results.tte
    if tte.why is None:
        return None
    names = ["censored", *tte.causes]
    outcomes = [spaced(names[code]) for code in tte.event.tolist()]
    decided = [
        f"{file}:{line}" if file is not None and line is not None and line >= 0 else ""
        for file, line in zip(_or_none(tte.file, tte.n), _or_none(tte.line, tte.n), strict=True)
    ]
    return Table(
        key="patients",
        title=f"Each patient at risk: {tte.unit} since {_origin(results)}, outcome, and the record that decided",
        header=("Patient", sentence(tte.unit), "Outcome", "Why", "Record"),
        rows=tuple(
            (
                str(patient),
                decimal(time, 0 if time.is_integer() else 1),
                sentence(outcome),
                sentence(str(why)),
                record,
            )
            for patient, time, outcome, why, record in zip(
                tte.patient_id, tte.time.tolist(), outcomes, tte.why, decided, strict=True
            )
        ),
        align="lrlwl",
        columns=(
            ("patient_id", tuple(str(patient) for patient in tte.patient_id)),
            ("time", _floats(tte.time.tolist())),
            ("event", tuple(tte.event.tolist())),
            ("outcome", tuple(outcomes)),
            ("lower", _floats(tte.lower.tolist())),
            ("upper", _floats(tte.upper.tolist())),
            (
                "reason",
                tuple(None if one is None else str(one) for one in _or_none(tte.reason, tte.n)),
            ),
            ("why", tuple(str(one) for one in tte.why)),
            ("record", tuple(decided)),
        ),
        notes=(),
    )


def _or_none(values: object, n: int) -> list[object]:
    return [None] * n if values is None else list(values)  # type: ignore[call-overload]


def _evidence(results: PaperResults) -> Table | None:
    records = results.records
    if records is None or not records.statements:
        return None
    verdicts = [
        verdict
        for verdict in VERDICTS
        if any(found == verdict for _, found, _ in records.statements)
    ]
    counts = {(source, verdict): number for source, verdict, number in records.statements}
    sources = list(dict.fromkeys(source for source, _, _ in records.statements))
    notes = [
        f"{counted(records.conflicts, 'day')} on which statements of one patient disagree; "
        f"{counted(records.washed_out, 'positive sample')} inside the washout."
    ]
    notes += [
        f"{table}: {counted(rows, 'row')} without a date left out."
        for table, rows in records.undated
    ]
    return Table(
        key="evidence",
        title="Statements about use in the records, by source",
        header=("Source", *(sentence(VERDICTS[verdict]) for verdict in verdicts)),
        rows=tuple(
            (
                sentence(spaced(source)),
                *(count(counts.get((source, verdict), 0)) for verdict in verdicts),
            )
            for source in sources
        ),
        align="l" + "r" * len(verdicts),
        columns=(
            ("source", tuple(source for source, _, _ in records.statements)),
            ("verdict", tuple(verdict for _, verdict, _ in records.statements)),
            ("statements", tuple(number for _, _, number in records.statements)),
        ),
        notes=tuple(notes),
    )


_MAKERS: tuple[Callable[[PaperResults], Table | None], ...] = (
    _characteristics,
    _flow,
    _proportions,
    _relapse_free,
    _summary,
    _hazard,
    _cox,
    _proportional_hazards,
    _logrank,
    _evidence,
    _patients,
)
