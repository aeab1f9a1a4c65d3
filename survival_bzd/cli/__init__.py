"""The command line: parse, call, print. Everything numeric is imported inside the commands."""

from survival_bzd.cli import curves, parametric, regression, studies, supplied
from survival_bzd.cli.group import main

__all__ = ["curves", "main", "parametric", "regression", "studies", "supplied"]
