"""How well relapse is predicted in patients who were not fitted: repeated cross-validation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.cox_model.design import design
from survival_bzd.estimate.prediction.measures import Indices, Judge, check_installed, judge
from survival_bzd.estimate.prediction.models import (
    COX,
    FOREST,
    PENALISED,
    REFERENCE,
    STUCK,
    UNKNOWN,
    Predicted,
    Settings,
    predictions,
)
from survival_bzd.estimate.prediction.result import (
    CrossValidation,
    PredictionScore,
    PredictionSplit,
)
from survival_bzd.estimate.quantities import Floats, choice, frozen, normal_quantile
from survival_bzd.estimate.risk_sets import merge_near_equal
from survival_bzd.estimate.times_asked import snapped

FEWEST_EVENTS = 10
"""Events below which nothing is cross-validated."""

FEWEST_IN_FOLD = 2
"""Events that every fold must have."""

FEW_IN_FOLD = 5
FEW_PER_COLUMN = 10
RARELY_FOLLOWED = 0.1
"""Below these the result carries a warning."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What is asked of every prediction.

    Attributes
    ----------
    judge : who scores.
    tau : until when concordance and Brier score look.
    grid, widths : follow-up times before tau, and the spans from each to the next, or to tau.
    places : of the grid among all follow-up times.
    times : (a,) of the areas under the ROC curve, ascending.
    """

    judge: Judge
    tau: float
    grid: Floats
    widths: Floats
    places: Indices
    times: Floats

    @property
    def measures(self) -> tuple[tuple[str, float], ...]:
        """Names and times of the measures."""
        return (
            ("concordance", self.tau),
            ("integrated_brier", self.tau),
            *(("auc", float(time)) for time in self.times),
        )

    @property
    def wanted(self) -> Floats:
        """When the probability of being free is needed."""
        return np.concatenate([self.grid, self.times])

    def scores(self, rows: Indices, predicted: Predicted) -> Floats:
        """Return the measures of predictions for some patients."""
        curves = predicted.survival[:, : self.grid.size]
        brier = self.judge.brier(rows, curves, self.judge.after(self.places))
        areas = [
            math.nan if time > self.tau
            else self.judge.auc(rows, 1 - survival, self.judge.until(float(time)))
            for time, survival in zip(
                self.times, predicted.survival[:, self.grid.size :].T, strict=True
            )
        ]  # fmt: skip
        concordance = self.judge.concordance(rows, predicted.risk, self.judge.until(self.tau))
        return np.array([concordance, float(brier @ self.widths) / self.tau, *areas])


def cross_validate(
    tte: TimeToEvent,
    formula: str,
    *,
    times: Sequence[float] | Floats | None = None,
    tau: float | None = None,
    folds: int = 5,
    repeats: int = 10,
    seed: int = 1,
    penalty: str = "auto",
    forest: bool = True,
    trees: int = 200,
    min_leaf: int = 15,
    confidence: float = 0.95,
) -> CrossValidation:
    r"""Judge predictions of relapse on patients who were not fitted.

    Cox's model, its baseline hazard after Efron, stands between no covariates (Kaplan-Meier of the
    training set) and a random survival forest. The patients are divided into folds that hold the
    same share of events and as many patients, as often as `repeats` says; each fold is predicted
    from the others. Weights for censoring are those of all patients, who is censored at t counts as
    known to be free at t, and so every weight is one over G(t-), the probability of being followed
    until just before.

    Parameters
    ----------
    tte : TimeToEvent
        Follow-up of n patients, with covariates; without weights and late entries. Events other
        than code 1 count as censored.
    formula : str
        As for `cox`. It is coded once, on everybody; no outcome enters the coding. Patients without
        a covariate are left out and counted.
    times : (a,), optional
        Of the areas under the ROC curve. By default the quartiles of the event times before tau.
    tau : float, optional
        Until when concordance and Brier score look. By default, and at most, the shortest of the
        training sets' longest follow-ups.
    folds, repeats, seed : int
        The division; the seed also grows the forests.
    penalty : {"auto", "none", "firth"}
        Of Cox's model, as for `cox`; ``"auto"`` decides anew in every training set.
    forest : bool
        Whether to grow one.
    trees, min_leaf : int
        Trees of the forest, and least patients in a leaf.
    confidence : float, default 0.95
        Coverage of the limits.

    Returns
    -------
    CrossValidation

    Raises
    ------
    NotEstimable
        If there are fewer than 10 events, or fewer than 2 for each fold; if tau is later than some
        training set was followed; if Cox's model cannot be fitted, or predicts nothing.
    BadInput
        If there are weights or late entries, or an option or the formula cannot be used.
    MissingDependency
        If scikit-survival has no release for this Python.

    Notes
    -----
    The standard error is that of Nadeau and Bengio, :math:`\sqrt{(1/s + n_2/n_1) v}`, with v the
    variance over the s splits, and n1 patients fitted and n2 predicted in each: splits share
    patients, so v/s alone is far too small. It is of a mean over training sets of that size, and
    is a rule of thumb; limits are by the t distribution with s - 1 degrees of freedom, cut at the
    measure's range.

    Concordance equals R ``concordance(timewt = "n/G2", ymax = )`` to 1e-9
    (``tests/reference/prediction.json``). The integral of the Brier score is exact for steps;
    scikit-survival joins its points by straight lines.

    References
    ----------
    .. [1] Uno H et al. (2011). Stat Med 30:1105-1117. doi:10.1002/sim.4154
    .. [2] Graf E et al. (1999). Stat Med 18:2529-2545.
           doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5
    .. [3] Uno H et al. (2007). J Am Stat Assoc 102:527-537. doi:10.1198/016214507000000149
    .. [4] Ishwaran H et al. (2008). Ann Appl Stat 2:841-860. doi:10.1214/08-AOAS169
    .. [5] Nadeau C, Bengio Y (2003). Mach Learn 52:239-281. doi:10.1023/A:1024068626366
    """
    how = Settings(penalty=penalty, forest=forest, trees=trees, min_leaf=min_leaf)
    _check(how, folds=folds, repeats=repeats, seed=seed)
    normal_quantile(confidence)
    _check_plain(tte)
    check_installed()
    made = design(formula, tte.covariates, np.ones(tte.n, dtype=np.bool_))
    coded = _coded(tte, made.matrix, made.kept)
    _check_events(coded, folds)
    divisions = list(_divisions(coded.relapsed, folds, repeats, seed))
    plan = _plan(coded, divisions, times, tau)
    remarks: Counter[str] = Counter()
    seeds = np.random.default_rng([seed, folds]).integers(2**31, size=len(divisions) + 1)
    by_split: dict[str, list[Floats]] = {model: [] for model in how.models}
    for (train, test), one in zip(divisions, seeds[1:], strict=True):
        found = predictions(coded, train, test, plan.wanted, how, int(one))
        remarks.update(found[COX].remarks)
        for model, predicted in found.items():
            by_split[model].append(plan.scores(test, predicted))
    everybody = np.arange(coded.n)
    whole = predictions(coded, everybody, everybody, plan.wanted, how, int(seeds[0]))
    apparent = {model: plan.scores(everybody, predicted) for model, predicted in whole.items()}
    share = float(np.mean([test.size / train.size for train, test in divisions]))
    summary = _Summary(plan=plan, repeats=repeats, share=share, confidence=confidence)
    values = {model: np.array(rows) for model, rows in by_split.items()}
    splits = tuple(_splits(coded.relapsed, divisions, folds))
    followed = plan.judge.followed(plan.judge.until(plan.tau))
    return CrossValidation(
        formula=formula,
        terms=made.names,
        n=coded.n,
        n_events=int(coded.relapsed.sum()),
        left_out=tte.n - coded.n,
        models=how.models,
        scores=tuple(summary.scores(values, apparent)),
        differences=tuple(summary.differences(values, apparent)),
        splits=splits,
        folds=folds,
        repeats=repeats,
        seed=seed,
        tau=plan.tau,
        followed_at_tau=followed,
        penalty=penalty,
        trees=trees if forest else 0,
        min_leaf=min_leaf,
        confidence=confidence,
        unit=tte.unit,
        label=tte.label,
        warnings=(
            *_warnings(coded, splits, how, followed),
            *_remarked(remarks, whole[COX].remarks, len(splits)),
        ),
    )


def _check(how: Settings, **counts: int) -> None:
    """Refuse options out of their range."""
    choice("penalty", how.penalty, ("auto", "none", "firth"))
    least = {"folds": 2, "repeats": 1, "seed": 0, "trees": 1, "min_leaf": 1}
    given = {**counts, "trees": how.trees, "min_leaf": how.min_leaf}
    faults = [
        Fault(
            rule=f"{name} must be a whole number, at least {least[name]}",
            remedy="Choose a larger one.",
            value=str(value),
        )
        for name, value in given.items()
        if value < least[name]
    ]
    if faults:
        raise BadInput(faults)


def _check_plain(tte: TimeToEvent) -> None:
    """Refuse what scikit-survival cannot weigh or enter late."""
    rules = [
        (tte.weight is not None and bool((tte.weight != 1).any()),
         "predictions cannot be judged with case weights: scikit-survival knows none",
         "Leave the weights out; the concordance of `cox` takes them.", "weight"),
        (tte.entry is not None and not bool(np.isnan(tte.entry).all()),
         "predictions cannot be judged with late entries: scikit-survival knows none",
         "Leave out who entered late; the concordance of `cox` takes late entries.", "entry"),
    ]  # fmt: skip
    faults = [
        Fault(rule=rule, remedy=remedy, column=column)
        for broken, rule, remedy, column in rules
        if broken
    ]
    if faults:
        raise BadInput(faults)


def _coded(tte: TimeToEvent, matrix: Floats, kept: NDArray[np.bool_]) -> TimeToEvent:
    """Return those who have every covariate, with the columns of the design as covariates."""
    import pandas as pd

    time, _ = merge_near_equal(tte.time[kept], None)
    names = [f"x{column + 1}" for column in range(matrix.shape[1])]
    covariates = pd.DataFrame(matrix, columns=names)
    return TimeToEvent(time, tte.event[kept], tte.unit, covariates=covariates)


def _check_events(tte: TimeToEvent, folds: int) -> None:
    """Refuse to divide so few events that no fold could say anything."""
    events, remedy = int(tte.relapsed.sum()), ""
    if events < FEWEST_EVENTS:
        remedy = (
            f"At least {FEWEST_EVENTS} are needed, and far more for a precise answer. "
            "Describe the cohort (km), and give hazard ratios with their limits (cox --penalty "
            "firth)."
        )
    elif events < FEWEST_IN_FOLD * folds:
        remedy = f"At least {FEWEST_IN_FOLD} in each fold are needed: take fewer folds."
    if remedy:
        raise NotEstimable(
            f"{events} event{'' if events == 1 else 's'} in {tte.n} patient"
            f"{'' if tte.n == 1 else 's'} cannot carry a cross-validated prediction: in {folds} "
            f"folds a fold would be judged on {_range(events, folds)}, and a model fitted to about "
            f"{events - events // folds}. {remedy}"
        )
    if tte.relapsed.sum() == (tte.relapsed & (tte.time == tte.time.max())).sum():
        raise NotEstimable(
            "Every event is at the last follow-up time, so nothing can be predicted before it."
        )


def _range(events: int, folds: int) -> str:
    low, rest = divmod(events, folds)
    return f"{low} or {low + 1} of them" if rest else f"{low} of them"


def _divisions(
    event: NDArray[np.bool_], folds: int, repeats: int, seed: int
) -> Iterator[tuple[Indices, Indices]]:
    """Deal the patients into folds, those with events first, as often as asked."""
    generator = np.random.default_rng(seed)
    fold = np.arange(event.size) % folds
    for _ in range(repeats):
        order = generator.permutation(event.size)
        order = order[np.argsort(~event[order], kind="stable")]
        for number in range(folds):
            yield np.sort(order[fold != number]), np.sort(order[fold == number])


def _plan(
    tte: TimeToEvent,
    divisions: Sequence[tuple[Indices, Indices]],
    times: Sequence[float] | Floats | None,
    tau: float | None,
) -> _Plan:
    """Decide until when, and when, predictions are judged."""
    judging = judge(tte.time, tte.relapsed)
    most = float(min(tte.time[train].max() for train, _ in divisions))
    until = most if tau is None else float(snapped([tau], judging.levels, "tau")[0])
    if until > most:
        raise NotEstimable(
            f"tau is {until:g}, but a training set is followed only until {most:g} {tte.unit}. "
            f"Take at most that."
        )
    if not until > 0 or not (tte.relapsed & (tte.time <= until)).any():
        raise NotEstimable(f"Nobody has the event between 0 and tau, {until:g} {tte.unit}.")
    if times is None:
        happened = tte.time[tte.relapsed & (tte.time < until)]
        quartiles = np.quantile(happened, [0.25, 0.5, 0.75], method="inverted_cdf")
        times = quartiles if happened.size else []
    places = np.flatnonzero(judging.levels < until)
    grid = judging.levels[places]
    return _Plan(
        judge=judging,
        tau=until,
        grid=grid,
        widths=np.diff(np.append(grid, until)),
        places=places,
        times=np.unique(snapped(times, judging.levels, "prediction")),
    )


def _splits(
    event: NDArray[np.bool_], divisions: Sequence[tuple[Indices, Indices]], folds: int
) -> Iterator[PredictionSplit]:
    for number, (train, test) in enumerate(divisions):
        yield PredictionSplit(
            repeat=number // folds + 1,
            fold=number % folds + 1,
            n_train=train.size,
            events_train=int(event[train].sum()),
            n_test=test.size,
            events_test=int(event[test].sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Summary:
    """Turns (s, m) measures by split into means with their error.

    Attributes
    ----------
    plan : what was measured.
    repeats : how often everybody was divided.
    share : patients predicted per patient fitted.
    confidence : of the limits.
    """

    plan: _Plan
    repeats: int
    share: float
    confidence: float

    def scores(
        self, values: Mapping[str, Floats], apparent: Mapping[str, Floats]
    ) -> Iterator[PredictionScore]:
        """Sum up every measure of every model."""
        for column, (measure, _) in enumerate(self.plan.measures):
            for model, found in values.items():
                constant = model == REFERENCE and measure != "integrated_brier"
                yield self._one(
                    column, model, None, found[:, column], float(apparent[model][column]),
                    (0.0, 1.0), constant,
                )  # fmt: skip

    def differences(
        self, values: Mapping[str, Floats], apparent: Mapping[str, Floats]
    ) -> Iterator[PredictionScore]:
        """Sum up the differences of the models on the same splits."""
        pairs = [(COX, REFERENCE), (FOREST, REFERENCE), (FOREST, COX)]
        for column, (measure, _) in enumerate(self.plan.measures):
            for model, against in pairs:
                if model not in values or (against == REFERENCE and measure != "integrated_brier"):
                    continue
                yield self._one(
                    column,
                    model,
                    against,
                    values[model][:, column] - values[against][:, column],
                    float(apparent[model][column] - apparent[against][column]),
                    (-1.0, 1.0),
                    False,
                )

    def _one(
        self, column: int, model: str, against: str | None, values: Floats, apparent: float,
        bounds: tuple[float, float], constant: bool,
    ) -> PredictionScore:  # fmt: skip
        measure, time = self.plan.measures[column]
        defined = values[~np.isnan(values)]
        estimate = float(defined.mean()) if defined.size else math.nan
        error, reach, reason = math.nan, math.nan, ""
        if not defined.size:
            reason = self._why(time)
        elif constant:
            reason = "one half for any model without covariates"
        elif defined.size > 1:
            error = math.sqrt((1 / defined.size + self.share) * float(defined.var(ddof=1)))
            reach = error * _t_quantile(self.confidence, defined.size - 1)
        else:
            reason = "no standard error: a single split has this measure"
        low, high = bounds
        limits = (math.nan, math.nan)
        if not math.isnan(reach):
            limits = max(estimate - reach, low), min(estimate + reach, high)
        return PredictionScore(
            model=model,
            against=against,
            measure=measure,
            time=time,
            estimate=estimate,
            std_error=error,
            lower=limits[0],
            upper=limits[1],
            apparent=apparent,
            repeat_sd=math.nan if constant else self._spread(values),
            splits=int(defined.size),
            by_split=frozen(values),
            reason=reason,
        )

    def _spread(self, values: Floats) -> float:
        """Return the standard deviation of the repeats' means."""
        rows = [row[~np.isnan(row)] for row in values.reshape(self.repeats, -1)]
        means = [row.mean() for row in rows if row.size]
        return float(np.std(means, ddof=1)) if len(means) > 1 else math.nan

    def _why(self, time: float) -> str:
        if time > self.plan.tau:
            return f"not estimable: after tau, {self.plan.tau:g}"
        return "not estimable: no fold has both a relapse by then and somebody known to be free"


def _t_quantile(confidence: float, df: int) -> float:
    """Return the t of a two-sided interval."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + confidence / 2))


def _warnings(
    tte: TimeToEvent, splits: Sequence[PredictionSplit], how: Settings, followed: float
) -> Iterator[str]:
    """Say what a reader must know of the data."""
    columns = len(tte.covariates.columns) if tte.covariates is not None else 0
    others = int((tte.event > 1).sum())
    if others:
        yield (
            f"{others} competing events count as censored: what is predicted is relapse had they "
            "not come before it."
        )
    fewest = min(split.events_test for split in splits)
    if fewest < FEW_IN_FOLD:
        yield f"A fold has as few as {fewest} events: its measures are coarse, the limits rough."
    ratio = min(split.events_train for split in splits) / columns
    if ratio < FEW_PER_COLUMN:
        yield f"Only {ratio:.3g} events per coefficient in a training set: expect optimism."
    if how.forest and min(split.n_train for split in splits) < 2 * how.min_leaf:
        yield (
            f"A training set has fewer than {2 * how.min_leaf} patients, so no tree of the forest "
            "is ever divided: take a smaller least leaf."
        )
    if followed < RARELY_FOLLOWED:
        yield (
            f"Only {followed:.2g} would be followed until tau, so single patients carry weights of "
            f"up to {1 / followed:.3g}: take an earlier tau."
        )


def _remarked(remarks: Mapping[str, int], whole: Sequence[str], splits: int) -> Iterator[str]:
    """Say in how many training sets something was amiss with Cox's model."""
    if remarks.get(PENALISED):
        yield (
            f"Cox's model has Firth's penalised likelihood in {remarks[PENALISED]} of {splits} "
            "training sets."
        )
    if remarks.get(UNKNOWN) and UNKNOWN not in whole:
        yield (
            f"In {remarks[UNKNOWN]} of {splits} training sets a covariate or level does not vary; "
            "Cox's model predicts there as if its coefficient were 0."
        )
    if remarks.get(STUCK):
        yield f"Cox's model did not converge in {remarks[STUCK]} of {splits} training sets."
