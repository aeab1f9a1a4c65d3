"""The same work as a user of each package would ask for it.

A call is prepared from the columns of a cohort: what is converted there (a data frame, R's integer
codes) is not timed, because users have it in the form their package likes. What is returned is run
and timed. It ends in one number, by which the packages can be seen to answer the same question.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Once = Callable[[], float]


class Columns:
    """The columns of a cohort, read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read_bytes = 0
        self._read: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._read:
            self._read[name] = np.load(self.folder / f"{name}.npy")
            self.read_bytes += self._read[name].nbytes
        return self._read[name]

    @property
    def n(self) -> int:
        """Patients."""
        return int(np.load(self.folder / "event.npy", mmap_mode="r").size)


def _survival_bzd_km(columns: Columns, kind: str) -> Once:
    from survival_bzd import TimeToEvent, kaplan_meier

    time, event = columns[kind], columns["event"]

    def once() -> float:
        (curve,) = kaplan_meier(TimeToEvent(time, event))
        assert curve.lower.size == curve.upper.size == curve.time.size
        return _at(300, curve.time, curve.survival)

    return once


def _survival_bzd_logrank(columns: Columns, kind: str) -> Once:
    from survival_bzd import TimeToEvent, logrank

    time, event, group = columns[kind], columns["event"], columns["group"]
    return lambda: logrank(TimeToEvent(time, event), group).statistic


def _survival_bzd_concordance(columns: Columns, kind: str) -> Once:
    from survival_bzd import TimeToEvent
    from survival_bzd.estimate.concordance import concordance
    from survival_bzd.estimate.risk_sets import cells, merge_near_equal

    time, event, risk = columns[kind], columns["event"], columns["risk"]

    def once() -> float:
        tte = TimeToEvent(time, event)
        place = cells(*merge_near_equal(tte.time, tte.entry))
        return concordance(risk, tte.relapsed, place).estimate

    return once


def _survival_bzd_cox(columns: Columns, kind: str, x: str) -> Once:
    import pandas as pd

    from survival_bzd import TimeToEvent, cox

    time, event, frame = columns[kind], columns["event"], _frame(columns[x])
    formula = " + ".join(frame.columns)
    assert isinstance(frame, pd.DataFrame)
    return lambda: float(cox(TimeToEvent(time, event, covariates=frame), formula).coef[0])


def _survival_bzd_bootstrap(columns: Columns) -> Once:
    from survival_bzd import TimeToEvent
    from survival_bzd.estimate.bootstrap import bootstrap_survival

    time, event = columns["days"], columns["event"]
    return lambda: float(bootstrap_survival(TimeToEvent(time, event), [300.0])[0].lower[0])


def _survival_bzd_cif(columns: Columns, kind: str) -> Once:
    from survival_bzd import TimeToEvent, aalen_johansen

    time, cause = columns[kind], columns["cause"]

    def once() -> float:
        first, _ = aalen_johansen(TimeToEvent(time, cause))
        return _at(300, first.time, first.incidence)

    return once


def _lifelines_cif(columns: Columns, kind: str) -> Once:
    from lifelines import AalenJohansenFitter

    time, cause = columns[kind], columns["cause"]

    def once() -> float:
        with warnings.catch_warnings():
            # It moves tied times by chance, and warns that it does.
            warnings.simplefilter("ignore")
            first, _ = (AalenJohansenFitter(seed=1).fit(time, cause, one) for one in (1, 2))
        curve = first.cumulative_density_
        return _at(300, curve.index.to_numpy(), curve.iloc[:, 0].to_numpy())

    return once


def _sksurv_cif(columns: Columns, kind: str) -> Once:
    from sksurv.nonparametric import cumulative_incidence_competing_risks

    time, cause = columns[kind], columns["cause"]

    def once() -> float:
        at, curves, _ = cumulative_incidence_competing_risks(
            cause, time, conf_type="log-log", var_type="Dinse_Approx"
        )
        return _at(300, at, curves[1])

    return once


def _greenwood_cif(columns: Columns, kind: str) -> Once:
    import pandas as pd
    from greenwood import AalenJohansen, Surv

    time, names = columns[kind], ["censored", "relapse", "death"]
    cause = pd.Categorical.from_codes(columns["cause"].tolist(), pd.Index(names))

    def once() -> float:
        curve = AalenJohansen(conf_type="log-log").fit(Surv(time, event=cause)).to_frame()
        curve = curve[curve["cause"] == "relapse"]
        return _at(300, curve["time"].to_numpy(), curve["estimate"].to_numpy())

    return once


def _rust_cif(columns: Columns, kind: str) -> Once:
    from survival._survival import survfitaj

    time, cause = columns[kind], columns["cause"].astype(np.int32)

    def once() -> float:
        fit = survfitaj(time, cause, ["censored", "relapse", "death"], conf_type="log-log")
        return _at(300, np.asarray(fit.time), np.asarray(fit.pstate)[:, 1])

    return once


def _intervals(columns: Columns) -> Any:
    from survival_bzd import TimeToEvent

    lower, upper, event = columns["lower"], columns["upper"], columns["event"]
    return TimeToEvent(np.where(event, upper, lower), event, lower=lower, upper=upper)


def _survival_bzd_npmle(columns: Columns) -> Once:
    from survival_bzd import npmle

    return lambda: float(npmle(_intervals(columns))[0].at([300.0]).highest[0])


def _survival_bzd_npmle_limits(columns: Columns) -> Once:
    from survival_bzd import npmle_limits

    return lambda: float(npmle_limits(_intervals(columns), [300.0])[0].lower[0])


def _lifelines_npmle(columns: Columns) -> Once:
    from lifelines import KaplanMeierFitter

    # Its intervals hold their lower bound.
    lower, upper = columns["lower"] + 1e-6, columns["upper"]

    def once() -> float:
        curve = KaplanMeierFitter().fit_interval_censoring(lower, upper).survival_function_
        return _at(300, curve.index.to_numpy(), curve["NPMLE_estimate_lower"].to_numpy())

    return once


def _greenwood_npmle(columns: Columns) -> Once:
    from greenwood import Surv, Turnbull

    lower, upper = columns["lower"], columns["upper"]

    def once() -> float:
        fit = Turnbull().fit(Surv(time=lower, time2=upper, type="interval2"))
        return float(np.atleast_1d(fit.predict([300.0]))[0])

    return once


def _rust_npmle(columns: Columns) -> Once:
    from survival._survival import turnbull

    lower, upper, event = columns["lower"], columns["upper"], columns["event"]
    second = np.where(event, upper, lower)
    status = np.where(event, 3, 0).astype(np.int32)

    def once() -> float:
        (curve,) = turnbull(lower, second, status).curves
        return _at(300, np.asarray(curve.time), np.asarray(curve.surv))

    return once


def _lifelines_bootstrap(columns: Columns) -> Once:
    from lifelines import KaplanMeierFitter

    time, event = columns["days"], columns["event"]
    return _loop(
        time.size, lambda rows: float(KaplanMeierFitter().fit(time[rows], event[rows]).predict(300))
    )


def _statsmodels_bootstrap(columns: Columns) -> Once:
    from statsmodels.duration.survfunc import SurvfuncRight

    time, event = columns["days"], columns["event"].astype(np.int64)

    def one(rows: NDArray[np.int64]) -> float:
        curve = SurvfuncRight(time[rows], event[rows])
        return _at(300, curve.surv_times, curve.surv_prob)

    return _loop(time.size, one)


def _rust_bootstrap(columns: Columns) -> Once:
    from survival._survival import survfitkm

    time, event = columns["days"], columns["event"].astype(np.int32)

    def one(rows: NDArray[np.int64]) -> float:
        curve = survfitkm(time[rows], event[rows])
        return _at(300, np.asarray(curve.time), np.asarray(curve.surv))

    return _loop(time.size, one)


def _loop(n: int, one: Callable[[NDArray[np.int64]], float]) -> Once:
    """Draw the patients again 1,000 times and estimate each time, as one does without support."""

    def once() -> float:
        rng = np.random.default_rng(1)
        drawn = [one(rng.integers(0, n, n)) for _ in range(1000)]
        return float(np.nanquantile(drawn, 0.025))

    return once


def _lifelines_km(columns: Columns, kind: str) -> Once:
    from lifelines import KaplanMeierFitter

    time, event = columns[kind], columns["event"]

    def once() -> float:
        curve = KaplanMeierFitter().fit(time, event).survival_function_
        return _at(300, curve.index.to_numpy(), curve.iloc[:, 0].to_numpy())

    return once


def _lifelines_logrank(columns: Columns, kind: str) -> Once:
    from lifelines.statistics import logrank_test

    time, event, second = columns[kind], columns["event"], columns["group"] == 1

    def once() -> float:
        test = logrank_test(time[~second], time[second], event[~second], event[second])
        return float(test.test_statistic)

    return once


def _lifelines_concordance(columns: Columns, kind: str) -> Once:
    from lifelines.utils import concordance_index

    time, event, risk = columns[kind], columns["event"], columns["risk"]
    return lambda: float(concordance_index(time, -risk, event))


def _lifelines_cox(columns: Columns, kind: str, x: str) -> Once:
    from lifelines import CoxPHFitter

    frame = _frame(columns[x])
    frame["time"], frame["event"] = columns[kind], columns["event"]

    def once() -> float:
        fit = CoxPHFitter().fit(frame, "time", "event")
        return float(fit.params_.iloc[0])

    return once


def _sksurv_km(columns: Columns, kind: str) -> Once:
    from sksurv.nonparametric import kaplan_meier_estimator

    time, event = columns[kind], columns["event"]

    def once() -> float:
        at, survival, _ = kaplan_meier_estimator(event, time, conf_type="log-log")
        return _at(300, at, survival)

    return once


def _sksurv_logrank(columns: Columns, kind: str) -> Once:
    from sksurv.compare import compare_survival
    from sksurv.util import Surv

    outcome, group = Surv.from_arrays(columns["event"], columns[kind]), columns["group"]
    return lambda: float(compare_survival(outcome, group)[0])


def _sksurv_concordance(columns: Columns, kind: str) -> Once:
    from sksurv.metrics import concordance_index_censored

    time, event, risk = columns[kind], columns["event"], columns["risk"]
    return lambda: float(concordance_index_censored(event, time, risk)[0])


def _sksurv_cox(columns: Columns, kind: str, x: str) -> Once:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    outcome, covariates = Surv.from_arrays(columns["event"], columns[kind]), columns[x]

    def once() -> float:
        return float(CoxPHSurvivalAnalysis(ties="efron").fit(covariates, outcome).coef_[0])

    return once


def _statsmodels_km(columns: Columns, kind: str) -> Once:
    from statsmodels.duration.survfunc import SurvfuncRight

    time, event = columns[kind], columns["event"].astype(np.int64)

    def once() -> float:
        curve = SurvfuncRight(time, event)
        return _at(300, curve.surv_times, curve.surv_prob)

    return once


def _statsmodels_logrank(columns: Columns, kind: str) -> Once:
    from statsmodels.duration.survfunc import survdiff

    time, event, group = columns[kind], columns["event"].astype(np.int64), columns["group"]
    return lambda: float(survdiff(time, event, group)[0])


def _statsmodels_cox(columns: Columns, kind: str, x: str) -> Once:
    from statsmodels.duration.hazard_regression import PHReg

    time, event, covariates = columns[kind], columns["event"].astype(np.int64), columns[x]

    def once() -> float:
        return float(PHReg(time, covariates, status=event, ties="efron").fit().params[0])

    return once


def _greenwood_km(columns: Columns, kind: str) -> Once:
    from greenwood import KaplanMeier, Surv

    time, event = columns[kind], columns["event"]

    def once() -> float:
        curve = KaplanMeier(conf_type="log-log").fit(Surv(time, event=event))
        return float(np.atleast_1d(curve.predict([300.0]))[0])

    return once


def _greenwood_logrank(columns: Columns, kind: str) -> Once:
    from greenwood import Surv, logrank_test

    time, event, group = columns[kind], columns["event"], columns["group"]
    return lambda: float(logrank_test(Surv(time, event=event), group).statistic)


def _greenwood_concordance(columns: Columns, kind: str) -> Once:
    from greenwood import Surv, concordance_index

    time, event, risk = columns[kind], columns["event"], columns["risk"]
    return lambda: float(concordance_index(Surv(time, event=event), risk))


def _greenwood_cox(columns: Columns, kind: str, x: str) -> Once:
    from greenwood import CoxPH, Surv

    time, event, covariates = columns[kind], columns["event"], columns[x]

    def once() -> float:
        return float(np.ravel(CoxPH().fit(Surv(time, event=event), covariates).coef_)[0])

    return once


def _rust_km(columns: Columns, kind: str) -> Once:
    from survival._survival import survfitkm

    time, event = columns[kind], columns["event"].astype(np.int32)

    def once() -> float:
        curve = survfitkm(time, event, conf_type="log-log")
        return _at(300, np.asarray(curve.time), np.asarray(curve.surv))

    return once


def _rust_logrank(columns: Columns, kind: str) -> Once:
    from survival._survival import logrank_test

    time, event = columns[kind], columns["event"].astype(np.int32)
    group = columns["group"].astype(np.int32)
    return lambda: float(logrank_test(time, event, group).statistic)


def _rust_concordance(columns: Columns, kind: str) -> Once:
    from survival import Surv, concordance

    time, event, risk = columns[kind], columns["event"].astype(np.int32), columns["risk"]
    return lambda: float(concordance(Surv(time, event), scores=risk, reverse=True).concordance)


def _rust_cox(columns: Columns, kind: str, x: str) -> Once:
    from survival._survival import coxph_fit

    time, event = columns[kind], columns["event"].astype(np.int32)
    covariates = np.ascontiguousarray(columns[x])
    return lambda: float(coxph_fit(time, event, covariates).coefficients[0])


def _rust_kernel_cox(columns: Columns, kind: str, x: str) -> Once:
    from survival._survival import coxph_fit_raw

    time, event = columns[kind], columns["event"].astype(np.int32)
    covariates = np.ascontiguousarray(columns[x])
    return lambda: float(coxph_fit_raw(time, event, covariates, resid=False).coefficients[0])


def _frame(x: NDArray[Any]) -> Any:
    import pandas as pd

    return pd.DataFrame(x, columns=[f"x{column}" for column in range(x.shape[1])])


def _at(when: float, time: NDArray[Any], curve: NDArray[Any]) -> float:
    """Return a step function's value at a time."""
    return float(curve[np.searchsorted(time, when, side="right") - 1])


def _of(prepare: Callable[..., Once], *fixed: str) -> Callable[[Columns], Once]:
    return lambda columns: prepare(columns, *fixed)


def _calls() -> dict[tuple[str, str], Callable[[Columns], Once]]:
    """List which package does which work: functions named _PACKAGE_WORK, for each kind of time."""
    found = {}
    for peer in ("survival_bzd", "lifelines", "sksurv", "statsmodels", "greenwood", "rust"):
        for kind in ("days", "continuous"):
            for work in ("km", "logrank", "concordance", "cif"):
                if f"_{peer}_{work}" in globals():
                    found[peer, f"{work}_{kind}"] = _of(globals()[f"_{peer}_{work}"], kind)
            for x in ("x5", "x20"):
                found[peer, f"cox_{x}_{kind}"] = _of(globals()[f"_{peer}_cox"], kind, x)
    for peer in ("survival_bzd", "lifelines", "statsmodels", "rust"):
        found[peer, "bootstrap"] = globals()[f"_{peer}_bootstrap"]
    for peer in ("survival_bzd", "lifelines", "greenwood", "rust"):
        found[peer, "npmle"] = globals()[f"_{peer}_npmle"]
    found["survival_bzd", "npmle_limits"] = _survival_bzd_npmle_limits
    for kind in ("days", "continuous"):
        for x in ("x5", "x20"):
            found["rust kernel", f"cox_{x}_{kind}"] = _of(_rust_kernel_cox, kind, x)
    return found


def _pass(columns: Columns) -> Once:
    time, event = columns["days"], columns["event"]
    return lambda: float(time.sum()) + float(event.sum())


def _sort(columns: Columns) -> Once:
    time = columns["continuous"]
    return lambda: float(np.sort(time)[0])


CALLS = _calls()
FLOORS: dict[str, Callable[[Columns], Once]] = {"pass": _pass, "sort": _sort}
