"""One answer from fits to several imputations of what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.result import CoxFit
from survival_bzd.estimate.quantities import Floats, frozen, normal_quantile

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledCox:
    """Coefficients pooled over m imputations. Arrays have shape (p,).

    Attributes
    ----------
    formula, terms : as of the fits.
    imputations : m.
    coef : mean of the log hazard ratios.
    within : mean of their variances, the robust ones where there are any.
    between : variance of the log hazard ratios over the imputations.
    std_error : root of within + (1 + 1/m) between.
    df : degrees of freedom of the t distribution.
    relative_increase : by how much of `within` not knowing the missing values raises the variance.
    fraction_missing : share of the information about the coefficient that is missing.
    hazard_ratio, lower, upper, p_value : by that t distribution.
    confidence : coverage of the limits.
    """

    formula: str
    terms: tuple[str, ...]
    imputations: int
    coef: Floats
    within: Floats
    between: Floats
    std_error: Floats
    df: Floats
    relative_increase: Floats
    fraction_missing: Floats
    hazard_ratio: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient."""
        import pandas as pd

        columns = (
            "coef", "std_error", "df", "hazard_ratio", "lower", "upper", "p_value",
            "fraction_missing",
        )  # fmt: skip
        numbers = {name: getattr(self, name) for name in columns}
        return pd.DataFrame({"term": list(self.terms), **numbers})

    def __repr__(self) -> str:
        return f"<PooledCox: {self.formula}; {self.imputations} imputations>"


def pool(
    fits: Sequence[CoxFit], *, complete_df: float | None = None, confidence: float = 0.95
) -> PooledCox:
    r"""Pool Cox models that were fitted to multiply imputed data, by Rubin's rules.

    With U the mean of the m squared errors and B the variance of the m coefficients, the variance
    is :math:`T = U + (1 + 1/m) B`. With :math:`\lambda = (1 + 1/m) B / T`, the degrees of freedom
    are those of Barnard and Rubin, :math:`1 / (1/\nu_m + 1/\nu_o)`, where
    :math:`\nu_m = (m - 1) / \lambda^2` and
    :math:`\nu_o = (1 - \lambda) \nu_c (\nu_c + 1) / (\nu_c + 3)`; :math:`\nu_c` are those without
    missing values. The fraction of missing information is
    :math:`(r + 2 / (\nu + 3)) / (r + 1)` with :math:`r = (1 + 1/m) B / U`.

    Parameters
    ----------
    fits : sequence of CoxFit
        At least two fits of one formula.
    complete_df : float, optional
        Degrees of freedom had nothing been missing; by default events less coefficients.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    PooledCox

    Raises
    ------
    BadInput
        If there are fewer than two fits, or they have different terms or ties.
    NotEstimable
        If a coefficient is not finite in some fit, or no degrees of freedom are left.

    Notes
    -----
    The numbers are those of R ``mice::pool`` with ``dfcom`` as here.

    References
    ----------
    .. [1] Rubin DB (1987). Multiple Imputation for Nonresponse in Surveys. Wiley.
           doi:10.1002/9780470316696
    .. [2] Barnard J, Rubin DB (1999). Biometrika 86:948-955. doi:10.1093/biomet/86.4.948

    Examples
    --------
    >>> import pandas as pd
    >>> from survival_bzd.endpoint.time_to_event import TimeToEvent
    >>> from survival_bzd.estimate.cox_model.fit import cox
    >>> def imputed(value):
    ...     covariates = pd.DataFrame({"dose": [10.0, 20, value, 30, 15, 8]})
    ...     tte = TimeToEvent([30, 12, 90, 12, 60, 45], [1, 1, 0, 1, 0, 1], covariates=covariates)
    ...     return cox(tte, "dose")
    >>> pooled = pool([imputed(5), imputed(9), imputed(14)])
    >>> pooled.hazard_ratio.round(2), pooled.fraction_missing.round(2)
    (array([1.12]), array([0.42]))
    """
    _check(fits)
    first = fits[0]
    coefs = np.array([fit.coef for fit in fits])
    errors = np.array([fit.robust_std_error if fit.robust else fit.std_error for fit in fits])
    for name, found in zip(first.terms, np.isfinite(coefs + errors).all(axis=0), strict=True):
        if not found:
            raise NotEstimable(f"The coefficient of {name} is not finite in every imputation.")
    m = len(fits)
    if complete_df is None:
        complete_df = min(fit.n_events for fit in fits) - len(first.terms)
    if not complete_df > 0:
        raise NotEstimable(
            f"There are {complete_df:g} degrees of freedom: events less coefficients must be more "
            "than 0."
        )
    coef, within = coefs.mean(axis=0), (errors**2).mean(axis=0)
    between = coefs.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    variance, relative = within + added, added / within
    share = added / variance
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    # Written so that imputations that agree have the degrees of freedom of complete data.
    df = observed / (1 + observed * share**2 / (m - 1))
    std_error = np.sqrt(variance)
    p_value, margin = _by_t(coef / std_error, df, confidence)
    return PooledCox(
        formula=first.formula,
        terms=first.terms,
        imputations=m,
        coef=frozen(coef),
        within=frozen(within),
        between=frozen(between),
        std_error=frozen(std_error),
        df=frozen(df),
        relative_increase=frozen(relative),
        fraction_missing=frozen((relative + 2 / (df + 3)) / (relative + 1)),
        hazard_ratio=frozen(np.exp(coef)),
        lower=frozen(np.exp(coef - margin * std_error)),
        upper=frozen(np.exp(coef + margin * std_error)),
        p_value=frozen(p_value),
        confidence=confidence,
    )


def _by_t(statistic: Floats, df: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return two-sided p-values by the t distribution, and its quantile of the limits."""
    from scipy.special import stdtr, stdtrit

    normal_quantile(confidence)  # Refuses a level that is none.
    return 2 * stdtr(df, -np.abs(statistic)), stdtrit(df, 0.5 + confidence / 2)


def _check(fits: Sequence[CoxFit]) -> None:
    """Refuse fits that are not imputations of one another."""
    alike = {(fit.terms, fit.ties, fit.penalty, fit.robust) for fit in fits}
    if len(fits) < 2 or len(alike) != 1:
        raise BadInput(
            [
                Fault(
                    rule="there must be two fits or more, with the same terms and conventions",
                    remedy="Fit one formula to each imputation; declare the levels of factors, as "
                    "in C(arm, levels=['a', 'b']), where an imputation may lack one.",
                    value=f"{len(fits)} fits of {len(alike)} kinds",
                )
            ]
        )
