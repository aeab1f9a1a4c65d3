"""The command line: parse, call, print. Everything numeric is imported inside the commands."""

from survival_bzd.cli import (
    competing,
    curves,
    intervals,
    parametric,
    power,
    predict,
    recurrent,
    regression,
    studies,
    supplied,
)
from survival_bzd.cli.group import main

__all__ = [
    "competing",
    "curves",
    "intervals",
    "main",
    "parametric",
    "power",
    "predict",
    "recurrent",
    "regression",
    "studies",
    "supplied",
]
