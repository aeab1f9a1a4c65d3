"""Residuals of a fitted Cox model: whom it does not fit, and whose row moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.likelihood import PartialLikelihood
from survival_bzd.estimate.cox_model.maximise import inverse
from survival_bzd.estimate.cox_model.residuals import score_residuals
from survival_bzd.estimate.cox_model.result import CoxFit
from survival_bzd.estimate.quantities import Floats, choice, frozen, labels

if TYPE_CHECKING:
    import pandas as pd

OF_PATIENTS = ("martingale", "deviance")
OF_COEFFICIENTS = ("score", "dfbeta", "dfbetas")
OF_EVENTS = ("schoenfeld", "scaled_schoenfeld")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxResiduals:
    """Residuals of one kind.

    Attributes
    ----------
    kind : ``"martingale"``, ...
    values : (m,) for martingale and deviance residuals, else (m, p), a column per coefficient; NaN
        for coefficients that are determined by others.
    terms : names of the p coefficients.
    rows : (m,) row of the time-to-event data that each belongs to; empty where rows were added up.
    groups : (m,) labels over which rows were added up; empty where they were not.
    time : (m,) times of the events, for Schoenfeld residuals; otherwise empty.
    """

    kind: str
    values: Floats
    terms: tuple[str, ...]
    rows: NDArray[np.intp]
    groups: tuple[str, ...]
    time: Floats

    def to_frame(self) -> pd.DataFrame:
        """Return one row per residual: its row or group, its time if it has one, and its values."""
        import pandas as pd

        columns: dict[str, object] = {"group": self.groups} if self.groups else {"row": self.rows}
        if self.time.size:
            columns["time"] = self.time
        if self.values.ndim == 1:
            return pd.DataFrame({**columns, self.kind: self.values})
        return pd.DataFrame({**columns, **dict(zip(self.terms, self.values.T, strict=True))})


def cox_residuals(fit: CoxFit, kind: str, *, by: ArrayLike | None = None) -> CoxResiduals:
    r"""Compute the residuals of a fitted Cox model, by the tie rule of the fit.

    - ``"martingale"``: events seen less events expected, :math:`M = \delta - e^{x\beta} H(t)`; with
      Efron's ties a patient's own event counts only a part of its last step.
    - ``"deviance"``: :math:`\mathrm{sign}(M) \sqrt{-2 (M + d \log((d - M) / d))}` with d events.
    - ``"score"``: what each row adds to the score, :math:`\int (x - \bar x) dM`, not weighted.
    - ``"dfbeta"``: by how much each coefficient falls, to first order, when the row is left out:
      the score residual times weight times the variance; ``"dfbetas"`` in standard errors.
    - ``"schoenfeld"``: per event, :math:`x - \bar x(t)`, with the mean over those at risk (with
      Efron's ties the mean of the means that its events were compared with), not weighted; their
      weighted sum is the score. ``"scaled_schoenfeld"``: :math:`\beta + d_{\cdot} V (x - \bar x)`
      with all events counted, whose trend shows how a coefficient changes with time.

    Variances are those of the information, also where the fit's errors are robust.

    Parameters
    ----------
    fit : CoxFit
        A model whose coefficients are finite.
    kind : {"martingale", "deviance", "score", "dfbeta", "dfbetas", "schoenfeld",
           "scaled_schoenfeld"}
    by : (n,) labels, optional
        Rows to add up, such as the pieces of one patient; not for Schoenfeld residuals.

    Returns
    -------
    CoxResiduals

    Raises
    ------
    NotEstimable
        If a coefficient is infinite, or the ties are exact and the residuals are not martingale or
        deviance residuals (these take Breslow's hazard then, as in R).
    BadInput
        If the kind is unknown, or labels are missing or do not fit it.

    Notes
    -----
    Agrees with R ``residuals(coxph(...), type)`` to 1e-6 relative
    (``tests/reference/cox_residuals.json``), but for two defects of R: weighted Schoenfeld
    residuals before survival 3.8-10, and deviance residuals with ``collapse`` where a patient has
    more than one event, which lack the division by d.

    References
    ----------
    .. [1] Therneau TM, Grambsch PM, Fleming TR (1990). Biometrika 77:147-160.
           doi:10.1093/biomet/77.1.147
    .. [2] Schoenfeld D (1982). Biometrika 69:239-241. doi:10.1093/biomet/69.1.239
    .. [3] Grambsch PM, Therneau TM (1994). Biometrika 81:515-526. doi:10.1093/biomet/81.3.515

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> from survival_bzd.estimate.cox_model.fit import cox
    >>> covariates = pd.DataFrame({"dose": [10.0, 20, 5, 30, 15, 8]})
    >>> tte = TimeToEvent([30, 12, 90, 12, 60, 45], [1, 1, 0, 1, 0, 1], covariates=covariates)
    >>> cox_residuals(cox(tte, "dose"), "martingale").values.round(2)
    array([ 0.61,  0.67, -0.39, -0.07, -1.27,  0.45])
    """
    choice("kind", kind, (*OF_PATIENTS, *OF_COEFFICIENTS, *OF_EVENTS))
    problem = fit.problem
    _check(fit, kind, by)
    rows = problem.rows
    beta = fit.coef[problem.columns]
    likelihood = PartialLikelihood(problem.sample, "efron" if fit.ties == "efron" else "breslow")
    if kind in OF_EVENTS:
        order, values = _schoenfeld(likelihood, beta, scaled=kind == "scaled_schoenfeld")
        return CoxResiduals(
            kind=kind,
            values=_placed(fit, values),
            terms=fit.terms,
            rows=rows[order],
            groups=(),
            time=frozen(problem.time[order]),
        )
    groups: tuple[str, ...] = ()
    member = None
    if by is not None:
        column = np.asarray(by)
        if column.shape != problem.design.kept.shape:
            raise ValueError(f"by has shape {column.shape}, the data {problem.design.kept.shape}")
        groups, member = labels(column[rows], rows.size, "by")
        rows = rows[:0]
    elif fit.problem.design.coding is None:
        # The follow-up was split because a coefficient changes with time: rows are put together.
        rows, member = np.unique(rows, return_inverse=True)
    values = _of_rows(likelihood, beta, kind, member)
    return CoxResiduals(
        kind=kind,
        values=frozen(values) if kind in OF_PATIENTS else _placed(fit, values),
        terms=fit.terms,
        rows=rows,
        groups=groups,
        time=frozen([]),
    )


def _check(fit: CoxFit, kind: str, by: ArrayLike | None) -> None:
    """Refuse what has no such residuals."""
    if fit.separated:
        raise NotEstimable(
            f"The coefficient of {', '.join(fit.separated)} is infinite, so there are no residuals."
        )
    if fit.ties == "exact" and kind not in OF_PATIENTS:
        raise NotEstimable(f"There are no {kind} residuals for exact ties. Use Efron's ties.")
    if by is not None and kind in OF_EVENTS:
        raise BadInput(
            [
                Fault(
                    rule="Schoenfeld residuals belong to events and are not added up",
                    remedy="Leave the labels out.",
                    value=kind,
                )
            ]
        )


def _of_rows(
    likelihood: PartialLikelihood, beta: Floats, kind: str, member: NDArray[np.intp] | None
) -> Floats:
    """Return residuals of rows, added up within members."""
    sample = likelihood.sample
    if kind in OF_PATIENTS:
        h = likelihood.hazards(beta)
        events = sample.event.astype(np.float64)
        seen = _added(events, member)
        found = _added(events - h.risk / sample.weight * likelihood.exposure(h), member)
        return found if kind == "martingale" else _deviance(found, seen)
    found = score_residuals(likelihood, beta)
    if kind != "score":
        variance = inverse(likelihood.slopes(beta).information)
        found = (sample.weight[:, None] * found) @ variance
        if kind == "dfbetas":
            found = found / np.sqrt(np.diag(variance))
    return _added(found, member)


def _added(values: Floats, member: NDArray[np.intp] | None) -> Floats:
    """Add up the rows of each member."""
    if member is None:
        return values
    if values.ndim == 1:
        return np.bincount(member, values).astype(np.float64)
    return np.stack([np.bincount(member, column) for column in values.T], axis=1)


def _deviance(martingale: Floats, events: Floats) -> Floats:
    """Return the signed root of the deviance of a Poisson count whose mean is events - residual."""
    expected = np.where(events > 0, events - martingale, 1.0)
    once = np.where(events > 0, events, 1.0)
    fall = martingale + events * np.log(expected / once)
    # Where the residual is 0 but for rounding, so is the deviance.
    return np.sign(martingale) * np.sqrt(np.maximum(-2 * fall, 0.0))


def _schoenfeld(
    likelihood: PartialLikelihood, beta: Floats, *, scaled: bool
) -> tuple[NDArray[np.intp], Floats]:
    """Return the rows with events, by stratum and time, and their residuals."""
    sample, place = likelihood.sample, likelihood.sample.place
    events = np.flatnonzero(sample.event)
    order = events[np.argsort(place.last[events], kind="stable")]
    h = likelihood.hazards(beta)
    mass = np.maximum(place.totals(sample.weight, sample.event), np.finfo(np.float64).tiny)
    mean = (h.a[:, None] * h.s1 - h.b[:, None] * h.d1) / mass[:, None]
    residuals: Floats = sample.x[order] - mean[place.last[order]]
    if scaled:
        residuals = beta + order.size * residuals @ inverse(likelihood.slopes(beta).information)
    return order, residuals


def _placed(fit: CoxFit, values: Floats) -> Floats:
    """Place a column per estimated coefficient among those of all."""
    placed = np.full((values.shape[0], len(fit.terms)), np.nan)
    placed[:, fit.problem.columns] = values
    return frozen(placed)
