"""The command line: parse, call, print. Everything numeric is imported inside the commands."""

from survival_bzd.cli import (
    competing,
    curves,
    endpoints,
    imports,
    intervals,
    parametric,
    power,
    predict,
    recurrent,
    regression,
    sensitivity,
    studies,
    substances,
    supplied,
    trace,
    worsening,
)
from survival_bzd.cli.group import main

__all__ = [
    "competing",
    "curves",
    "endpoints",
    "imports",
    "intervals",
    "main",
    "parametric",
    "power",
    "predict",
    "recurrent",
    "regression",
    "sensitivity",
    "studies",
    "substances",
    "supplied",
    "trace",
    "worsening",
]
