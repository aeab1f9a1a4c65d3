"""Second opinions: a paper rerun on its data, and a study's numbers computed by other software."""

from survival_bzd.verify.rerun import Difference, Verification, verify
from survival_bzd.verify.second_opinion import (
    Opinion,
    missing_packages,
    opinion_rows,
    second_opinions,
)

__all__ = [
    "Difference",
    "Opinion",
    "Verification",
    "missing_packages",
    "opinion_rows",
    "second_opinions",
    "verify",
]
