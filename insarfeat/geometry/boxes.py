"""The latitudes and longitudes in blocks of a radar image, by which the part that is needed is found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Reduction
from insarfeat.geometry.tie_points import Bounds
from insarfeat.windows import Shape, Window

Array = NDArray[Any]
Floats = NDArray[np.float64]


class Boxes:
    """The latitudes and longitudes in each block of rasters of them, by which windows are found."""

    SIDE = 64

    def __init__(self, boxes: Floats, shape: Shape) -> None:
        self.boxes = boxes  # south, -north, west, -east: all four are the least of their block
        self.shape = shape

    @classmethod
    def reduction(cls, shape: Shape) -> Reduction:
        """How they are gathered from latitudes and longitudes in one pass."""
        return Reduction(
            gather=_boxes_of_block,
            merge=lambda a, b: a + b,
            finish=lambda states: _merged(states, shape),
            placed=True,
        )

    @property
    def widest(self) -> float:
        """Most degrees of latitude in a block and those beside it."""
        known = np.isfinite(self.boxes[0])
        return float((-self.boxes[1][known] - self.boxes[0][known]).max(initial=0.0))

    def window(self, bounds: Bounds) -> Window | None:
        """All blocks that may have to do with what lies in some bounds."""
        south, north, west, east = self.boxes[0], -self.boxes[1], self.boxes[2], -self.boxes[3]
        within = (south <= bounds.north) & (north >= bounds.south)
        beside = np.zeros_like(within)
        for turn in (-360.0, 0.0, 360.0):
            beside |= (west <= bounds.east + turn) & (east >= bounds.west + turn)
        rows, columns = np.nonzero(within & beside)
        if not rows.size:
            return None
        top, left = int(rows.min()) * self.SIDE, int(columns.min()) * self.SIDE
        bottom = min((int(rows.max()) + 1) * self.SIDE, self.shape.height)
        right = min((int(columns.max()) + 1) * self.SIDE, self.shape.width)
        return Window(top, left, bottom - top, right - left)

    def bounds(self, core: Window) -> Bounds | None:
        """What lies in the blocks of a window."""
        rows = slice(core.top // self.SIDE, -(-core.bottom // self.SIDE))
        columns = slice(core.left // self.SIDE, -(-core.right // self.SIDE))
        part = self.boxes[:, rows, columns]
        if not np.isfinite(part).any():
            return None
        south, north, west, east = part.min(axis=(1, 2)) * [1, -1, 1, -1]
        return Bounds(float(south), float(north), float(west), float(east))


def _boxes_of_block(window: Window, latitude: Array, longitude: Array) -> list[tuple[int, int, Floats]]:
    side = Boxes.SIDE
    first_row, first_column = window.top // side, window.left // side
    rows = np.maximum(np.arange(first_row * side, window.bottom, side) - window.top, 0)
    columns = np.maximum(np.arange(first_column * side, window.right, side) - window.left, 0)
    if not (rows.size and columns.size):
        return []
    known = np.isfinite(latitude) & np.isfinite(longitude)
    found = []
    for values in (latitude, -latitude, longitude, -longitude):
        least = np.minimum.reduceat(np.where(known, values, np.inf), rows, axis=0)
        found.append(np.minimum.reduceat(least, columns, axis=1))
    return [(first_row, first_column, np.array(found, np.float64))]


def _merged(states: list[tuple[int, int, Floats]], shape: Shape) -> Boxes:
    from scipy.ndimage import minimum_filter

    size = (-(-shape.height // Boxes.SIDE), -(-shape.width // Boxes.SIDE))
    boxes = np.full((4, *size), np.inf)
    for row, column, part in states:
        place = boxes[:, row : row + part.shape[1], column : column + part.shape[2]]
        np.minimum(place, part, out=place)
    # Ground between two blocks belongs to both.
    return Boxes(minimum_filter(boxes, size=(1, 3, 3), mode="nearest"), shape)
