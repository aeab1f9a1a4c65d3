"""How much each event counts in a test between groups: the weighted log-rank family."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from survival_bzd.errors import BadInput, Fault, NotEstimable
from survival_bzd.estimate.quantities import Floats, choice
from survival_bzd.estimate.risk_sets import Scale

FAMILY = ("logrank", "fleming-harrington", "tarone-ware", "gehan", "peto")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWeights:
    """A member of the weighted log-rank family.

    Attributes
    ----------
    name : one of `FAMILY`; Fleming-Harrington with both powers 0 is called ``"logrank"``.
    rho, gamma : powers of S(t-) and of 1 - S(t-); 0 but for Fleming-Harrington.
    """

    name: str
    rho: float
    gamma: float

    @property
    def local(self) -> bool:
        """Whether the weight at a time depends on the patients at risk then, and on no other."""
        return self.name in ("logrank", "gehan", "tarone-ware")

    def at(self, place: Scale, at_risk: Floats, events: Floats) -> Floats:
        """Return the (k,) weight of an event in each cell; S is that of everybody in the stratum.

        Raises
        ------
        NotEstimable
            If a weight is not finite: a negative power of 0.
        """
        if self.name == "logrank":
            return np.ones(place.k)
        if self.name == "gehan":
            return at_risk
        if self.name == "tarone-ware":
            return np.sqrt(at_risk)
        if self.name == "peto":
            return _products(place, 1 - events / (at_risk + 1))
        before = _before(place, _products(place, np.maximum(1 - events / at_risk, 0.0)))
        with np.errstate(divide="ignore"):
            weight: Floats = before**self.rho * (1 - before) ** self.gamma
        if not np.isfinite(weight[events > 0]).all():
            raise NotEstimable(
                f"Events have no finite Fleming-Harrington weight with rho {self.rho:g} and gamma "
                f"{self.gamma:g}. Choose powers of zero or more."
            )
        return np.where(events > 0, weight, 0.0)


def event_weights(name: str, rho: float = 0.0, gamma: float = 0.0) -> EventWeights:
    """Return the named member of the family.

    Raises
    ------
    BadInput
        If the name is unknown, a power is not a number, or one is given to another member than
        Fleming-Harrington.
    """
    choice("weights", name, FAMILY)
    powers = (float(rho), float(gamma))
    if not np.isfinite(powers).all() or (name != "fleming-harrington" and any(powers)):
        raise BadInput(
            [
                Fault(
                    rule="rho and gamma are the numbers that Fleming-Harrington weights take",
                    remedy="Leave them out, or choose the weights fleming-harrington.",
                    value=f"{name}, rho {rho:g}, gamma {gamma:g}",
                )
            ]
        )
    return EventWeights(
        name=name if any(powers) or name != "fleming-harrington" else "logrank",
        rho=powers[0],
        gamma=powers[1],
    )


def _products(place: Scale, factors: Floats) -> Floats:
    """Return the product of the factors from the start of each stratum to each cell."""
    return np.concatenate([np.cumprod(factors[a:b]) for a, b in pairwise(place.starts.tolist())])


def _before(place: Scale, survival: Floats) -> Floats:
    """Return S just before each cell: that of the cell before it, 1 in a stratum's first."""
    before = np.concatenate([[1.0], survival[:-1]])
    before[place.starts[:-1]] = 1.0
    return before
