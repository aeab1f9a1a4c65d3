"""How long do patients stay benzo-free? From follow-up records to curves, hazards and the paper.

The story of a study is in `survival_bzd.study`. The names below are the public interface; they are
loaded when first used, so that importing the package is instant.

Examples
--------
>>> from survival_bzd import TimeToEvent, kaplan_meier
>>> (curve,) = kaplan_meier(TimeToEvent([5, 12, 20, 31], [1, 0, 1, 1], unit="days"))
>>> curve.survival
array([0.75 , 0.75 , 0.375, 0.   ])
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from survival_bzd.endpoint import Endpoint as Endpoint
    from survival_bzd.endpoint import TimeToEvent as TimeToEvent
    from survival_bzd.endpoint import derive as derive
    from survival_bzd.endpoint import trace as trace
    from survival_bzd.errors import BadInput as BadInput
    from survival_bzd.errors import NotEstimable as NotEstimable
    from survival_bzd.errors import SurvivalBzdError as SurvivalBzdError

    # All that the layer exports.
    from survival_bzd.estimate import *  # noqa: F403
    from survival_bzd.records import evidence as evidence
    from survival_bzd.records import read_study as read_study

_HOMES = {
    "endpoint": ("Endpoint", "TimeToEvent", "derive", "trace"),
    "errors": ("BadInput", "NotEstimable", "SurvivalBzdError"),
    "records": ("evidence", "read_study"),
}
"""Where the names come from that are not of `survival_bzd.estimate`; of that all are offered."""


def __getattr__(name: str) -> object:
    if name == "__all__":
        own = [name for names in _HOMES.values() for name in names]
        return sorted([*own, *import_module("survival_bzd.estimate").__all__])
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"survival_bzd.{home}"), name)
    # A layer that is imported by its name must not load the estimators before.
    if not name.startswith("_") and find_spec(f"survival_bzd.{name}") is None:
        estimate = import_module("survival_bzd.estimate")
        if name in estimate.__all__:
            return getattr(estimate, name)
    raise AttributeError(f"module 'survival_bzd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(import_module("survival_bzd").__all__)
