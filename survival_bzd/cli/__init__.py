"""The command line: parse, call, print. Everything numeric is imported inside the commands."""

from survival_bzd.cli import curves, regression, studies, supplied
from survival_bzd.cli.group import main

__all__ = ["curves", "main", "regression", "studies", "supplied"]
