"""Cross-validated predictions for programs and terminals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from survival_bzd.report.documents import Document, json_object
from survival_bzd.report.phrases import with_limits
from survival_bzd.report.rounding import counted, decimal, digits, level, listed
from survival_bzd.report.table import Table, Value, columns_of

if TYPE_CHECKING:
    from survival_bzd.estimate import CrossValidation, PredictionScore

MODELS = {"kaplan-meier": "no covariates", "cox": "Cox", "forest": "forest"}
MEASURES = {
    "concordance": "Concordance (Uno)",
    "integrated_brier": "Integrated Brier score",
    "auc": "AUC",
}
_VALUES = ("estimate", "std_error", "lower", "upper", "apparent", "optimism", "repeat_sd")
_SPLIT = ("repeat", "fold", "n_train", "events_train", "n_test", "events_test")


def prediction_document(found: CrossValidation, *, left_out: int = 0) -> Document:
    """Write cross-validated predictions as a JSON document.

    Returns
    -------
    dict
        ``n``, ``events``; ``scores`` per measure and model: ``model``, ``measure``, ``time``,
        ``estimate`` (cross-validated), ``std_error``, ``lower``, ``upper``, ``apparent``,
        ``optimism``, ``repeat_sd``, ``splits``, ``by_split``; ``differences``: the same with
        ``against``; ``splits``: patients and events of each; ``conventions``, ``warnings``,
        ``left_out``.
    """
    return {
        "n": found.n,
        "events": found.n_events,
        "scores": [_score(one, found.repeats) for one in found.scores],
        "differences": [_score(one, found.repeats) for one in found.differences],
        "splits": [{name: getattr(split, name) for name in _SPLIT} for split in found.splits],
        "conventions": {
            "formula": found.formula,
            "estimate": "cross-validated: mean over the splits, each judged on patients who were "
            "not fitted",
            "folds": found.folds,
            "repeats": found.repeats,
            "seed": found.seed,
            **json_object({"tau": found.tau, "followed_at_tau": found.followed_at_tau}),
            "censoring": "weights 1 / G(t-), G by Kaplan-Meier of all patients",
            "std_error": "Nadeau and Bengio: variance over the splits times "
            "(1 / splits + predicted / fitted)",
            "limits": f"t, {found.folds * found.repeats - 1} degrees of freedom",
            "confidence": found.confidence,
            "penalty": found.penalty,
            **({"trees": found.trees, "min_leaf": found.min_leaf} if found.trees else {}),
            "unit": found.unit,
        },
        "warnings": list(found.warnings),
        "left_out": left_out,
    }


def _score(one: PredictionScore, repeats: int) -> Document:
    values = {name: float(getattr(one, name)) for name in _VALUES}
    reasons = {name: one.reason for name in _VALUES}
    if repeats == 1 and not one.reason:
        reasons["repeat_sd"] = "the patients were divided only once"
    against = {} if one.against is None else {"against": one.against}
    by_split = [None if value != value else float(value) for value in one.by_split]
    return {
        "model": one.model,
        **against,
        "measure": one.measure,
        **json_object({"time": one.time}),
        **json_object(values, reasons),
        "splits": one.splits,
        "by_split": by_split,
    }


def prediction_tables(found: CrossValidation) -> tuple[Table, ...]:
    """Write cross-validated predictions as tables: the models, and their differences."""
    return (
        _table(
            found,
            found.scores,
            key="predict",
            title=f"Cross-validated prediction: {found.label} by {found.formula}",
            notes=(*_division(found), *_readings(found), *found.warnings),
        ),
        _table(
            found,
            found.differences,
            key="predict_differences",
            title="Cross-validated differences",
            notes=("On the same splits. A better model has a higher concordance and AUC, and a "
                   "lower Brier score.",),
        ),
    )  # fmt: skip


def _table(
    found: CrossValidation,
    ones: Sequence[PredictionScore],
    *,
    key: str,
    title: str,
    notes: tuple[str, ...],
) -> Table:
    lines: list[dict[str, Value]] = [
        {
            "model": one.model,
            "against": one.against,
            "measure": one.measure,
            "time": one.time,
            **{name: float(getattr(one, name)) for name in _VALUES},
            "splits": one.splits,
            "reason": one.reason,
        }
        for one in ones
    ]
    # A model without covariates has a concordance of one half, whatever the data.
    shown = [one for one in ones if one.model != "kaplan-meier" or one.measure not in _HALF]
    reasons = dict.fromkeys(
        f"{_measure(one, found.unit)}: {one.reason}." for one in shown if one.reason
    )
    return Table(
        key=key,
        title=title,
        header=(
            "Measure", "Model", f"Cross-validated ({level(found.confidence)} CI)", "Apparent",
            "Optimism",
        ),
        rows=tuple(
            (
                _measure(one, found.unit),
                MODELS[one.model]
                if one.against is None
                else f"{MODELS[one.model]} minus {MODELS[one.against]}",
                with_limits(*(decimal(x, 3) for x in (one.estimate, one.lower, one.upper))),
                decimal(one.apparent, 3),
                decimal(one.optimism, 3),
            )
            for one in shown
        ),
        align="llrrr",
        columns=columns_of(lines),
        notes=(*notes, *reasons),
    )  # fmt: skip


_HALF = ("concordance", "auc")


def _measure(one: PredictionScore, unit: str) -> str:
    at = "at" if one.measure == "auc" else "until"
    return f"{MEASURES[one.measure]} {at} {digits(one.time, significant=6)} {unit}"


def _division(found: CrossValidation) -> tuple[str, ...]:
    """Say who was fitted and who was predicted."""
    patients = _span([split.n_test for split in found.splits])
    events = _span([split.events_test for split in found.splits])
    often = "once" if found.repeats == 1 else f"{found.repeats} times"
    return (
        f"{counted(found.n, 'patient')}, {counted(found.n_events, 'event')}, divided {often} into "
        f"{found.folds} folds of {patients} patients and {events} events (seed {found.seed}); each "
        "fold is predicted from the others. Apparent: fitted to everybody and judged on everybody.",
    )


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _readings(found: CrossValidation) -> tuple[str, ...]:
    """Say what the numbers are."""
    forest = (
        f" Forest: {found.trees} trees, leaves of at least {found.min_leaf} patients."
        if found.trees
        else ""
    )
    half = listed(tuple(MEASURES[name].split()[0] for name in _HALF))
    return (
        f"{half}: 0.5 without covariates, 1 at best. Brier score: 0 at best; that without "
        "covariates is Kaplan-Meier's.",
        "Weights 1 / G(t-) for censoring, G by Kaplan-Meier of all patients; just before "
        f"{digits(found.tau, significant=6)} {found.unit} it is "
        f"{digits(found.followed_at_tau, significant=3)}.{forest}",
        "Limits: corrected variance over the splits (Nadeau and Bengio), t.",
    )
