"""The options that commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

FORMATS = ("table", "csv", "json", "latex", "markdown")

Command = TypeVar("Command", bound=Callable[..., Any])


def stacked(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Stack options so that --help lists them in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


data = click.argument("data", metavar="DATA")
endpoint = click.option("--endpoint", metavar="NAME", help="Endpoint of the study; by default "
                         "that of its paper, or the only one.")  # fmt: skip
output = stacked(
    click.option("--format", "form", type=click.Choice(FORMATS), default="table",
                 show_default=True),
    click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                 help="Write the result here instead of to standard output."),
)  # fmt: skip
adtte = stacked(
    click.option("--paramcd", metavar="CODE", help="Parameter of an ADTTE file, which needs no "
                 "--time and --event; several that compete as A,B."),
    click.option("--first-day", type=click.IntRange(0, 1), default=0, show_default=True,
                 help="AVAL of the day of origin in an ADTTE file: 1 where AVAL is "
                 "ADT - STARTDT + 1."),
)  # fmt: skip
rows = stacked(
    click.option("--time", "time_column", metavar="C", help="Column of the follow-up time."),
    click.option("--event", "event_column", metavar="C", help="Column of the event: 1 or 0."),
    click.option("--event-is", metavar="CODE", help="Code of the event, if there are several."),
    click.option("--entry", metavar="C", help="Column of a late entry; empty means none."),
    click.option("--weight", metavar="C", help="Column of case weights."),
    click.option("--unit", default="days", show_default=True, help="Unit of the times."),
    click.option("--delimiter", default=",", help="Between the fields of a CSV file."),
    adtte,
    endpoint,
)
bounds = stacked(
    click.option("--lower", "lower_column", metavar="C",
                 help="Column of the time last known free; empty for an event before the upper."),
    click.option("--upper", "upper_column", metavar="C",
                 help="Column of the time found not free; empty where censored."),
)  # fmt: skip
interval_rows = stacked(
    bounds,
    click.option("--weight", metavar="C", help="Column of case weights."),
    click.option("--unit", default="days", show_default=True, help="Unit of the times."),
    click.option("--delimiter", default=",", help="Between the fields of a CSV file."),
    adtte,
    endpoint,
)
by = click.option("--by", metavar="C", help="Column of the groups.")


class Number(click.FloatRange):
    """A number in a range; nan and inf are none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


level = click.option("--level", type=Number(0, 1, min_open=True, max_open=True),
                      default=0.95, show_default=True, help="Coverage of the limits.")  # fmt: skip
strata = click.option("--strata", metavar="C", help="Column of the strata.")
cluster = click.option("--cluster", metavar="C", help="Column of the clusters.")
tau = click.option("--tau", type=Number(0, min_open=True), help="Horizon of the restricted mean; "
                    "by default the smallest group's last time.")  # fmt: skip


class Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers from 0 up, divided by commas."""

    name = "NUMBERS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Read numbers such as 90,180."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 90,180", param, ctx)
        if not all(0 <= number < math.inf for number in numbers):
            self.fail(f"{value!r} has a number that is not a time, zero or more", param, ctx)
        return numbers
