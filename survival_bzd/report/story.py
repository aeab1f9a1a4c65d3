"""A patient's story in plain sentences, as rows, and as JSON."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from survival_bzd.report.listings import listing
from survival_bzd.report.rendering import PLAIN_WIDTH
from survival_bzd.report.rounding import counted, digits
from survival_bzd.report.wording import SYNTHETIC, quoted, sentence, spaced

if TYPE_CHECKING:
    from survival_bzd.endpoint.story import Entry, Story
    from survival_bzd.endpoint.variants import Ending, Variant
    from survival_bzd.report.table import Table, Value

EPOCH = dt.date(1970, 1, 1)

ZEROS = {
    "origin": "time zero",
    "search": "where the search for time zero began; it was never reached",
    "enrolment": "enrolment; time zero was never reached",
    "first statement": "the first statement; time zero was never reached",
}


def dated(story: Story, day: int, *, in_dates: bool) -> str:
    """Write a day of the story as the study writes its days."""
    number = story.zero_day + day
    return (EPOCH + dt.timedelta(days=number)).isoformat() if in_dates else str(number)


def story_text(story: Story, *, study: str, synthetic: bool, in_dates: bool) -> str:
    """Tell a story in plain sentences.

    Parameters
    ----------
    story : whose.
    study : its name.
    synthetic : whether its records are made up.
    in_dates : whether its days are dates; otherwise study days.
    """
    said = f" ({SYNTHETIC.lower()})" if synthetic else ""
    head = f"Patient {story.patient} of {study}{said}: {quoted(story.label)}"
    zero = f"Day 0 is {dated(story, 0, in_dates=in_dates)}, {ZEROS[story.zero]}."
    lines = list(_entry_lines(story, in_dates=in_dates))
    why = [one for one in (story.started, story.ended, story.bounds) if one]
    parts = [
        "\n".join([head, zero]),
        "\n".join(["What the records say, and what became of it", "", *lines]),
        "\n".join(["Why the clock started and stopped", "", *(_wrapped(one, "") for one in why)]),
        "\n".join(["What would have changed it", "", *_variant_lines(story)]),
    ]
    return "\n\n".join(parts) + "\n"


def _entry_lines(story: Story, *, in_dates: bool) -> Iterator[str]:
    shown = [(dated(story, one.known_on, in_dates=in_dates), one) for one in story.entries]
    width = max((len(date) for date, _ in shown), default=0)
    days = max((len(str(one.known_on)) for _, one in shown), default=0)
    for date, one in shown:
        when = f"{date:>{width}}  day {one.known_on:>{days}}  "
        yield _wrapped(entry_sentence(one), when)


def entry_sentence(one: Entry) -> str:
    """Say a line of a story in one sentence, with its record."""
    if not one.said:
        return f"{sentence(one.did)}."
    record = f" ({one.file}, {_lines(one.lines)})" if one.lines else ""
    did = f": {one.did}" if one.did else ""
    return f"{sentence(one.said)}{record}{did}."


def _lines(lines: tuple[int, ...]) -> str:
    """Write line numbers, those that follow each other as a stretch."""
    numbers = sorted(lines)
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"lines {numbers[0]} to {numbers[-1]}"
    return "lines " + ", ".join(map(str, numbers))


def _wrapped(words: str, head: str) -> str:
    return textwrap.fill(
        words, PLAIN_WIDTH, initial_indent=head, subsequent_indent=" " * len(head),
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def _variant_lines(story: Story) -> Iterator[str]:
    """List what would have changed the result, and in one sentence what would not."""
    for one in story.variants:
        if one.changed:
            yield _wrapped(f"{one.words}: {variant_sentence(story, one)}.", "- ")
    same = [f"{one.words[:1].lower()}{one.words[1:]}" for one in story.variants if not one.changed]
    if same:
        yield _wrapped(f"The same would have come of it: {'; '.join(same)}.", "- ")


def variant_sentence(story: Story, one: Variant) -> str:
    """Say what would have come of another rule, and how far the clock's start would have moved."""
    before, after = story.ending.origin_day, one.ending.origin_day
    moved = ""
    if before is not None and after is not None and after != before:
        days = counted(abs(after - before), "day")
        moved = f"; the clock starts {days} {'earlier' if after < before else 'later'}"
    if before is None and after is not None:
        moved = f"; the clock starts {counted(abs(after - story.zero_day), 'day')} after day 0"
    return f"{ending_words(one.ending)} instead of {ending_words(story.ending)}{moved}"


def ending_words(one: Ending) -> str:
    """Say how a follow-up ended, and when."""
    outcome = spaced(one.outcome)
    return outcome if one.time is None else f"{outcome} on day {digits(one.time)}"


def story_document(story: Story, *, in_dates: bool) -> dict[str, Any]:
    """Return a story as JSON: keys as in `Story`."""
    document: dict[str, Any] = asdict(story)
    for written, one in zip(document["entries"], story.entries, strict=True):
        written["date"] = dated(story, one.known_on, in_dates=in_dates)
    document["zero_date"] = dated(story, 0, in_dates=in_dates)
    return document


def story_tables(story: Story, *, in_dates: bool) -> list[Table]:
    """Return a story as two tables: its lines, and what would have changed it."""
    entries: list[dict[str, Value]] = [
        {
            "date": dated(story, one.known_on, in_dates=in_dates),
            "day": one.known_on,
            "from_day": one.from_day,
            "to_day": one.day,
            "source": one.source or "rule",
            "verdict": one.verdict,
            "said": one.said,
            "did": one.did,
            "role": one.role,
            "file": one.file,
            "lines": " ".join(map(str, one.lines)),
        }
        for one in story.entries
    ]
    others: list[dict[str, Value]] = [
        {
            "variant": one.key,
            "words": one.words,
            "changed": "yes" if one.changed else "no",
            "outcome": one.ending.outcome,
            "time": one.ending.time,
            "lower": one.ending.lower,
            "upper": one.ending.upper,
            "why": one.ending.why,
        }
        for one in story.variants
    ]
    notes = [one for one in (story.started, story.ended, story.bounds) if one]
    title = f"Patient {story.patient}: {story.label}"
    return [
        listing("story", title, entries, notes),
        listing("variants", "What would have changed it", others),
    ]
