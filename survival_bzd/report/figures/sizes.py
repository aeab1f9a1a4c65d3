"""Sizes of figures, as journals ask for them. A preset is a size, not a promise to be accepted."""

from __future__ import annotations

from dataclasses import dataclass

from survival_bzd.errors import BadInput, Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a journal's figures.

    Attributes
    ----------
    width : in mm.
    points : size of the text.
    dpi : dots per inch of the PNG.
    source : where the size is from.
    """

    width: float
    points: float = 7.0
    dpi: int = 600
    source: str


_NATURE = "https://research-figure-guide.nature.com (89 and 183 mm, text 5 to 7 pt), read 2026-11"
_LANCET = "The Lancet, Information for Authors, as quoted by others (75 and 154 mm), read 2026-11"

SIZES = {
    "single": Size(width=89.0, source=_NATURE),
    "double": Size(width=183.0, source=_NATURE),
    "lancet-single": Size(width=75.0, source=_LANCET),
    "lancet-double": Size(width=154.0, source=_LANCET),
}
"""The presets by name."""


def size_named(name: str) -> Size:
    """Return a preset.

    Raises
    ------
    BadInput
        If there is none of this name; the message lists those that there are.
    """
    if name not in SIZES:
        raise BadInput(
            [
                Fault(
                    rule=f"a figure size must be one of {', '.join(SIZES)}",
                    remedy="Write one of these under size in [paper].",
                    column="size",
                    value=name,
                )
            ]
        )
    return SIZES[name]
