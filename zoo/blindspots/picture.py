"""The map of blind spots, and the limits behind it, as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.blindspots import BlindSpots


def draw(told: BlindSpots, path: Path) -> Path:
    """Draw where the slide of the question would have been found and why not elsewhere, and both limits."""
    from insarfeat import plot

    path.write_bytes(plot.png(plot.blind_spots(told.map)))
    return path
