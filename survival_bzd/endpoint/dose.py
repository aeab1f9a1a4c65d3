"""Doses as a share of the patient's baseline: which amounts can be compared with it."""

from __future__ import annotations

from collections.abc import Iterator

from survival_bzd.endpoint.declaration import DoseShare, Endpoint
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.records import Evidence
from survival_bzd.records.declaration import DECLARATION
from survival_bzd.records.engine import literal, quoted


def diazepam_factors(evidence: Evidence, endpoint: Endpoint) -> tuple[tuple[str, float], ...]:
    """Return what a mg of each substance is in mg of diazepam, under the table that is named.

    Raises
    ------
    BadInput
        If an amount cannot be compared with the baseline: its substance has no equivalent in the
        table, or no table is named and there are several substances; or a patient who used, or was
        dispensed, has no baseline dose above 0.
    """
    pattern = endpoint.pattern
    if not isinstance(pattern, DoseShare):
        return ()
    faults = list(_without_baseline(evidence, endpoint, pattern))
    names = _dosed(evidence, endpoint)
    factors = []
    if pattern.equivalents is not None:
        for name in names:
            factor = _factor(name, pattern.equivalents)
            if isinstance(factor, str):
                faults.append(_incomparable(name, factor, "Take another table, or name a drug."))
            else:
                factors.append((name, factor))
    elif pattern.drug is None and len(names) > 1:
        rule = "mg of several substances cannot be compared without a table of equivalents"
        remedy = (
            'Name one in the pattern, as equivalents = "ashton", or the column of patients with '
            "the drug of the baseline, as drug."
        )
        faults.append(_incomparable(", ".join(names), rule, remedy))
    if faults:
        raise BadInput(faults)
    return tuple(factors)


def _incomparable(name: str, rule: str, remedy: str) -> Fault:
    return Fault(rule=rule, remedy=remedy, file=DECLARATION, column="pattern", value=name)


def _factor(name: str, table: str) -> float | str:
    """Return mg of diazepam for a mg, or what is lacking."""
    from survival_bzd.records.substances import diazepam_equivalent, match

    (drug,) = match([name])
    if not drug.inn:
        return "the dictionary knows no such substance, and so no equivalent"
    try:
        return diazepam_equivalent(1, drug.inn, table).value
    except NotEstimable as error:
        return str(error)


_AMOUNTS = (
    "SELECT patient_id, substance FROM use_days WHERE amount > 0 OR amount IS NULL "
    "UNION ALL SELECT patient_id, substance FROM fills"
)


def _dosed(evidence: Evidence, endpoint: Endpoint) -> list[str]:
    """Return the substances that count and were used or dispensed."""
    classes = ", ".join(map(literal, endpoint.substances))
    query = (
        f"SELECT DISTINCT substance.name FROM ({_AMOUNTS}) AS amount "
        "JOIN substance ON substance.name = amount.substance "
        f"WHERE substance.class IN ({classes}) ORDER BY 1"
    )
    return [name for (name,) in evidence.records.engine.rows(query)]


def _without_baseline(
    evidence: Evidence, endpoint: Endpoint, pattern: DoseShare
) -> Iterator[Fault]:
    """Name who used or was dispensed something, and has no baseline to compare it with."""
    classes = ", ".join(map(literal, endpoint.substances))
    baseline = f"patients.{quoted(pattern.baseline)}"
    query = (
        f"SELECT patients.line, patients.patient_id, {baseline} FROM patients "
        f"WHERE ({baseline} IS NULL OR {baseline} <= 0) AND patients.patient_id IN "
        f"(SELECT patient_id FROM ({_AMOUNTS}) AS amount "
        "JOIN substance ON substance.name = amount.substance "
        f"WHERE substance.class IN ({classes})) ORDER BY 1"
    )
    for line, patient, value in evidence.records.engine.rows(query):
        yield Fault(
            rule="a share of the baseline needs a baseline dose above 0",
            remedy="Fill it in, or take another pattern.",
            file=evidence.records.declaration.tables["patients"].file,
            line=line,
            column=pattern.baseline,
            patient=patient,
            value="" if value is None else f"{value:g}",
        )
