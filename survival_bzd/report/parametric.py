"""Parametric fits for programs and terminals: one table of the models, the curves at times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from survival_bzd.report.listings import listing, worded
from survival_bzd.report.phrases import percent_with_limits, with_limits
from survival_bzd.report.rounding import counted, decimal, digits, level
from survival_bzd.report.table import Table, Value, columns_of

if TYPE_CHECKING:
    from survival_bzd.estimate import Estimate, ParametricFit

Document = dict[str, Any]

EXTRAPOLATED = "beyond the last follow-up time: the model's word alone"
NO_LIMITS = "survival is 1 or 0, so there are no limits"
_CRITERIA = ("log_likelihood", "aic", "aicc", "bic")


def parametric_document(
    fits: Sequence[ParametricFit], *, at: Sequence[float] = (), left_out: int = 0
) -> Document:
    """Write parametric fits as a JSON document.

    Returns
    -------
    dict
        ``fits``: per group and model ``group``, ``model``, ``n``, ``events``, how the times are
        known, ``parameters``, ``log_likelihood``, ``aic``, ``aicc``, ``bic``, ``delta_aic`` from
        the group's smallest, ``median``, ``at``; ``best``: per group the model of the smallest
        AIC; ``conventions``; ``left_out``.
    """
    best = _best(fits)
    return {
        "fits": [_fit(fit, at, best.get(fit.group)) for fit in fits],
        "best": [{"group": group, "model": fit.model} for group, fit in best.items()],
        "conventions": _conventions(fits[0]) if fits else {},
        "left_out": left_out,
    }


def _best(fits: Sequence[ParametricFit]) -> dict[str | None, ParametricFit]:
    """Return each group's fit of the smallest AIC."""
    best: dict[str | None, ParametricFit] = {}
    for fit in fits:
        if not fit.reason and (fit.group not in best or fit.aic < best[fit.group].aic):
            best[fit.group] = fit
    return best


def _fit(fit: ParametricFit, at: Sequence[float], best: ParametricFit | None) -> Document:
    delta = math.nan if best is None else fit.aic - best.aic
    document: Document = {
        "group": fit.group,
        "model": fit.model,
        "n": fit.n,
        "events": _number(fit.n_events),
        "times": {name: getattr(fit, name) for name in ("exact", "interval", "left", "right")},
        "parameters": [
            _object(
                {
                    "parameter": name,
                    **{key: float(getattr(fit, key)[place])
                       for key in ("estimate", "std_error", "lower", "upper")},
                },
                fit.reason or "too large for a number",
            )
            for place, name in enumerate(fit.parameters)
        ] if not fit.reason else [],
        **_object(
            {**{name: float(getattr(fit, name)) for name in _CRITERIA}, "delta_aic": delta},
            fit.reason or "as many parameters as patients",
        ),
        "median": _median(fit.median),
        "at": _at(fit, at),
    }  # fmt: skip
    if fit.breaks:
        document["breaks"] = [_number(edge) for edge in fit.breaks]
    if fit.knots:
        document["knots"] = [_number(knot) for knot in fit.knots]
    return document


def _median(median: Estimate) -> Document:
    values = {name: float(getattr(median, name)) for name in ("estimate", "lower", "upper")}
    return _object(values, median.reason or "not estimable from these data")


def _at(fit: ParametricFit, times: Sequence[float]) -> list[Document]:
    if not times:
        return []
    at = fit.at(times)
    return [
        {
            **_object(
                {name: float(getattr(at, name)[place])
                 for name in ("time", "survival", "std_error", "lower", "upper")},
                fit.reason or NO_LIMITS,
            ),
            "extrapolated": bool(at.extrapolated[place]),
        }
        for place in range(len(at.time))
    ]  # fmt: skip


def _object(values: dict[str, Any], reason: str) -> Document:
    """Write undefined numbers as null, with the reason beside them."""
    written = {key: _number(value) for key, value in values.items()}
    why = {key: reason for key, value in written.items() if value is None}
    return {**written, "reasons": why} if why else written


def _number(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _conventions(fit: ParametricFit) -> Document:
    return {
        "confidence": fit.confidence,
        "unit": fit.unit,
        "limits": "survival: log-log; parameters and median: on the logarithm, fractions on the "
        "logit; by the delta method",
        "std_error": "robust" if fit.robust else "from the observed information",
        "log_likelihood": f"densities per {fit.unit} for exact times, probabilities for intervals",
        "extrapolated": EXTRAPOLATED,
    }


def parametric_tables(
    fits: Sequence[ParametricFit], *, at: Sequence[float] = ()
) -> tuple[Table, ...]:
    """Write parametric fits as tables: the models by AIC, their parameters, survival at times."""
    tables = [_comparison(fits)]
    if all(fit.reason for fit in fits):
        return tuple(tables)
    tables.append(_parameters(fits))
    if at:
        tables.append(_survival(fits, at))
    return tuple(tables)


def _named(fit: ParametricFit) -> dict[str, Value]:
    return {"group": fit.group, "model": fit.model}


def _comparison(fits: Sequence[ParametricFit]) -> Table:
    best = _best(fits)
    order = {group: place for place, group in enumerate(dict.fromkeys(fit.group for fit in fits))}
    ordered = sorted(fits, key=lambda fit: (order[fit.group], bool(fit.reason), fit.aic))
    lines: list[dict[str, Value]] = [
        {
            **_named(fit),
            "n": fit.n,
            "events": fit.n_events,
            "n_parameters": len(fit.parameters),
            **{name: float(getattr(fit, name)) for name in _CRITERIA},
            "delta_aic": fit.aic - best[fit.group].aic if fit.group in best else math.nan,
            "median": fit.median.estimate,
            "median_lower": fit.median.lower,
            "median_upper": fit.median.upper,
            "reason": fit.reason or fit.median.reason,
        }
        for fit in ordered
    ]
    grouped = any(fit.group is not None for fit in fits)
    rows = [
        (
            *((str(fit.group),) if grouped else ()),
            fit.model,
            str(len(fit.parameters)),
            *(decimal(value, 2) for value in (fit.log_likelihood, fit.aic)),
            decimal(float(str(line["delta_aic"])), 2),
            decimal(fit.bic, 2),
            _median_words(fit),
        )
        for fit, line in zip(ordered, lines, strict=True)
    ]
    return Table(
        key="parametric",
        title=f"Parametric models by AIC: {fits[0].label}",
        header=(
            *(("Group",) if grouped else ()), "Model", "Parameters", "Log-likelihood", "AIC",
            "Above the best", "BIC", f"Median, {fits[0].unit} ({level(fits[0].confidence)} CI)",
        ),
        rows=tuple(rows),
        align="l" * (1 + grouped) + "rrrrrr",
        columns=columns_of(lines),
        notes=tuple(_notes(fits)),
    )  # fmt: skip


def _median_words(fit: ParametricFit) -> str:
    undefined = "NE" if fit.reason else "NR"
    texts = [
        undefined if math.isnan(value) else digits(value, significant=4)
        for value in (fit.median.estimate, fit.median.lower, fit.median.upper)
    ]
    return with_limits(texts[0], texts[1], texts[2])


def _notes(fits: Sequence[ParametricFit]) -> list[str]:
    """Say whom the fits are of, and why some have no numbers."""
    notes = []
    for fit in {fit.group: fit for fit in fits}.values():
        name = "" if fit.group is None else f"{fit.group}: "
        known = ", ".join(
            f"{getattr(fit, kind)} {'exact' if kind == 'exact' else f'{kind}-censored'}"
            for kind in ("exact", "interval", "left", "right")
            if getattr(fit, kind)
        )
        said = counted(fit.n_events, "event")
        notes.append(f"{name}{counted(fit.n, 'patient')}, {said}; times: {known}.")
    for fit in fits:
        reason = fit.reason or fit.median.reason
        if reason:
            name = fit.model if fit.group is None else f"{fit.group}, {fit.model}"
            notes.append(f"{name}: {reason}.")
    if any(fit.robust for fit in fits):
        notes.append("Standard errors are robust.")
    return notes


def _parameters(fits: Sequence[ParametricFit]) -> Table:
    lines: list[dict[str, Value]] = [
        {
            **_named(fit),
            "parameter": name,
            **{key: float(getattr(fit, key)[place])
               for key in ("estimate", "std_error", "lower", "upper")},
        }
        for fit in fits if not fit.reason
        for place, name in enumerate(fit.parameters)
    ]  # fmt: skip
    notes = [
        f"{fit.model if fit.group is None else f'{fit.group}, {fit.model}'}: "
        f"{'hazard changes at' if fit.breaks else 'knots'} "
        f"{', '.join(digits(value, significant=6) for value in fit.breaks or fit.knots)}."
        for fit in fits if fit.breaks or fit.knots
    ]  # fmt: skip
    return worded(listing("parameters", "Parameters", lines, notes))


def _survival(fits: Sequence[ParametricFit], at: Sequence[float]) -> Table:
    lines: list[dict[str, Value]] = []
    for fit in fits:
        if fit.reason:
            continue
        curve = fit.at(at)
        for place in range(len(curve.time)):
            lines.append(
                {
                    **_named(fit),
                    **{key: float(getattr(curve, key)[place])
                       for key in ("time", "survival", "std_error", "lower", "upper")},
                    "extrapolated": bool(curve.extrapolated[place]),
                }
            )  # fmt: skip
    grouped = any(fit.group is not None for fit in fits)
    rows = [
        (
            *((str(line["group"]),) if grouped else ()),
            str(line["model"]),
            digits(float(str(line["time"])), significant=6) + "*" * bool(line["extrapolated"]),
            percent_with_limits(*(float(str(line[key])) for key in ("survival", "lower", "upper"))),
        )
        for line in lines
    ]
    beyond = any(line["extrapolated"] for line in lines)
    return Table(
        key="parametric_at",
        title="Relapse-free after each model",
        header=(
            *(("Group",) if grouped else ()), "Model", f"Time ({fits[0].unit})",
            f"Relapse-free, % ({level(fits[0].confidence)} CI)",
        ),
        rows=tuple(rows),
        align="l" * (1 + grouped) + "rr",
        columns=columns_of(lines),
        notes=("* Beyond the last follow-up time: the model's word alone.",) if beyond else (),
    )  # fmt: skip
