"""Looks of the reasons why a slide would not have been found: the same wherever they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from insarfeat.plot._style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Look:
    """How one class of a map of blind spots is drawn, and what its legend says."""

    colour: str
    words: str


# Blue for ground that was seen, warm and dark for the reasons why other ground was not: apart for all common kinds of
# colour blindness (Okabe and Ito, and a brown). The layers that QGIS gets for a review have them, too.
LOOKS = {
    "visible": Look("#56b4e9", "would have been found"),
    "layover_or_shadow": Look("#000000", "layover or shadow"),
    "line_of_sight": Look("#cc79a7", "moves across the line of sight"),
    "low_coherence": Look("#e69f00", "too little coherence"),
    "too_small_or_slow": Look("#8c5a1e", "too small or too slow"),
}

_SPARE = ("#009e73", "#0072b2", "#f0e442")  # for reasons that are not known here
HOLE, HATCH, _STRIPES = "#ffffff", "/////", "#8a8a8a"
"""Paper and stripes of ground without data, which must not pass for any colour."""


def looks_of(style: Style) -> dict[int, Look] | None:
    """Looks of the classes of a layer by their values; None where they are not those of a map of blind spots.

    >>> flags = ((0, "visible"), (3, "low_coherence"))
    >>> looks_of(Style("classes", None, flags, "", ""))[3].words
    'too little coherence'
    >>> looks_of(Style("classes", None, ((0, "clear"), (3, "low_coherence")), "", "")) is None
    True
    """
    if "visible" not in (meaning for _, meaning in style.flags):
        return None
    spare = cycle(_SPARE)
    return {
        value: LOOKS.get(meaning) or Look(next(spare), meaning.replace("_", " "))
        for value, meaning in style.flags
    }


def hatch(axes: Axes) -> None:
    """Stripes wherever what is drawn on the axes lets see through."""
    axes.patch.set(facecolor=HOLE, edgecolor=_STRIPES, hatch=HATCH, linewidth=0.0)
