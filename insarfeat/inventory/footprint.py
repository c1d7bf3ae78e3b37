"""Which pixels of a grid polygons cover, as runs along rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insarfeat.georeference import Grid
from insarfeat.inventory.polygons import Polygon, Ring
from insarfeat.windows import Shape, Window

_MOST_PIXELS = 1 << 24
"""Pixels that are rasterised at once; polygons may span a continent."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """Pixels of a raster, as runs of neighbours in a row.

    Polygons are rasterised once, over the whole raster: were it done block by block, an edge that runs through pixel
    centres could fall to either side, as rounding has it, and the answer would depend on the chunks.

    Attributes
    ----------
    shape
        Of the raster.
    starts, stops
        First pixel of each run and the one after its last, counted in reading order. Runs do not overlap, end with
        their row, and are sorted.
    """

    shape: Shape
    starts: Numbers
    stops: Numbers

    @classmethod
    def of(cls, polygons: Iterable[Polygon], grid: Grid) -> Footprint:
        """Pixels whose centres lie inside any of the polygons."""
        shape = Shape(grid.y.size, grid.x.size)
        pieces = [run for polygon in polygons for run in _runs_of(polygon, grid, shape)]
        none = np.empty(0, np.int64)
        starts, stops = (np.concatenate(ends) for ends in zip((none, none), *pieces, strict=True))
        if not len(starts):
            return cls(shape, none, none)
        order = np.argsort(starts, kind="stable")
        starts, reached = starts[order], np.maximum.accumulate(stops[order])
        first = np.ones(len(starts), bool)
        # Runs that only touch stay apart, lest one goes on into the next row.
        first[1:] = starts[1:] >= reached[:-1]
        last = np.append(np.flatnonzero(first)[1:] - 1, len(starts) - 1)
        return cls(shape, starts[first], reached[last])

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return int((self.stops - self.starts).sum())

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Which pixels of a window belong to the footprint.

        >>> footprint = Footprint(Shape(2, 4), np.array([1, 4]), np.array([3, 5]))
        >>> footprint.mask(Window(0, 1, 2, 3)).astype(int)
        array([[1, 1, 0],
               [0, 0, 0]])
        """
        width = self.shape.width
        begin, end = np.searchsorted(self.starts, (window.top * width, window.bottom * width))
        row = self.starts[begin:end] // width
        left = np.clip(self.starts[begin:end] - row * width - window.left, 0, window.width)
        right = np.clip(self.stops[begin:end] - row * width - window.left, 0, window.width)
        seen = right > left
        row, left, right = row[seen] - window.top, left[seen], right[seen]
        # One up where a run starts, one down where it stops; each of the two happens once per place.
        edges = np.zeros((window.height, window.width + 1), np.int8)
        edges[row, left] += 1
        edges[row, right] -= 1
        return np.cumsum(edges[:, :-1], axis=1, dtype=np.int8).astype(bool)


def _runs_of(polygon: Polygon, grid: Grid, shape: Shape) -> Iterator[tuple[Numbers, Numbers]]:
    """Runs of one polygon, strip by strip."""
    from rasterio import Affine
    from rasterio.features import rasterize

    box = _box(polygon.outer, grid, shape)
    if box.pixels == 0:
        return
    a, b, c, d, e, f = grid.affine
    rows = max(_MOST_PIXELS // box.width, 1)
    for top in range(box.top, box.bottom, rows):
        strip = Window(top, box.left, min(rows, box.bottom - top), box.width)
        burnt = rasterize(
            [(polygon.geojson, 1)],
            out_shape=(strip.height, strip.width),
            transform=Affine(a, b, c + a * strip.left, d, e, f + e * strip.top),
            dtype="uint8",
        )
        steps = np.diff(burnt.astype(np.int8), axis=1, prepend=0, append=0)
        yield _places(steps == 1, strip, shape), _places(steps == -1, strip, shape)


def _places(marked: NDArray[np.bool_], strip: Window, shape: Shape) -> Numbers:
    rows, columns = np.nonzero(marked)
    return (rows + strip.top) * shape.width + columns + strip.left


def _box(ring: Ring, grid: Grid, shape: Shape) -> Window:
    """The pixels about a ring, with one to spare on every side, cut at the raster's edges."""
    left, right = _reach(ring[:, 0], grid.x.first, grid.x.step, shape.width)
    top, bottom = _reach(ring[:, 1], grid.y.first, grid.y.step, shape.height)
    return Window(top, left, max(bottom - top, 0), max(right - left, 0))


def _reach(coordinates: NDArray[np.float64], first: float, step: float, size: int) -> tuple[int, int]:
    places = (coordinates - first) / step
    low, high = (min(max(float(end), -1.0), float(size)) for end in (places.min(), places.max()))
    return max(math.floor(low) - 1, 0) if low < size else size, min(
        math.ceil(high) + 2, size
    ) if high > -1 else 0
