"""Where the pixels of one map lie on another: mappings that find rows and columns, or copy where no pixel moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.geometry._kernels.positions import between_ties
from insarfeat.geometry.tie_points import MapPixels
from insarfeat.georeference import Axis, Grid, parse_crs
from insarfeat.layers import fill_value
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    from pyproj import Transformer

Array = NDArray[Any]
Floats = NDArray[np.float64]

_WHOLE = 1e-3
"""Pixels: an offset this near to a whole number is one. Coordinates that were written and read again are rounded."""

_SLACK = 2  # pixels, for what bends between tie points


@lru_cache(maxsize=64)
def _between(one: str, other: str) -> Transformer:
    from pyproj import Transformer

    return Transformer.from_crs(parse_crs(one), parse_crs(other), always_xy=True)


@dataclass(frozen=True, slots=True)
class OnOtherMap:
    """Rows and columns on another map of the pixels of a map: a mapping without inputs.

    Between tie points half a kilometre apart they are interpolated; where both maps have one CRS they are exact.
    """

    pixels: Grid
    other: Grid

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return f"pixels of {self.pixels} on {self.other}"

    @property
    def shape(self) -> Shape:
        """Height and width of the map."""
        return Shape(self.pixels.y.size, self.pixels.x.size)

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """Positions are double."""
        return np.dtype(np.float64), np.dtype(np.float64)

    def windows(self, core: Window) -> Sequence[Window | None]:
        """There are no inputs."""
        return ()

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """Rows and columns."""
        rows, columns, ties = self._ties(core)
        found_rows, found_columns = np.empty((2, core.height, core.width))
        between_ties(found_rows, found_columns, core.top, core.left, rows, columns, ties)
        return found_rows, found_columns

    def reach(self, core: Window) -> Window | None:
        """Pixels of the other map among which all those of a window lie."""
        _, _, (rows, columns) = self._ties(core)
        good = np.isfinite(rows) & np.isfinite(columns)
        if not good.any():
            return None
        top, left = (max(math.floor(part[good].min()) - _SLACK, 0) for part in (rows, columns))
        bottom = min(math.ceil(rows[good].max()) + _SLACK + 1, self.other.y.size)
        right = min(math.ceil(columns[good].max()) + _SLACK + 1, self.other.x.size)
        return Window(top, left, bottom - top, right - left) if bottom > top and right > left else None

    def _ties(self, core: Window) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Rows and columns of tie points about a window, and where they lie on the other map."""
        if self.pixels.crs_wkt is None or self.pixels.crs_wkt == self.other.crs_wkt:
            rows = np.array([core.top, core.bottom])  # linear from end to end
            columns = np.array([core.left, core.right])
            x, y = np.meshgrid(_at(self.pixels.x, columns), _at(self.pixels.y, rows))
        else:
            assert self.other.crs_wkt is not None
            tied = MapPixels(self.pixels)
            rows, columns = tied.ties(core.top, core.bottom), tied.ties(core.left, core.right)
            x, y = np.meshgrid(_at(self.pixels.x, columns), _at(self.pixels.y, rows))
            x, y = _between(self.pixels.crs_wkt, self.other.crs_wkt).transform(x, y)
            if parse_crs(self.other.crs_wkt).is_geographic:  # the same meridian may have two names
                middle = self.other.x.first + 0.5 * self.other.x.step * (self.other.x.size - 1)
                x = x - 360.0 * np.round((x - middle) / 360.0)
        places = np.stack(
            [
                (y - self.other.y.first) / self.other.y.step,
                (x - self.other.x.first) / self.other.x.step,
            ]
        )
        return rows, columns, np.where(np.isfinite(places).all(axis=0), places, np.nan)


@dataclass(frozen=True, slots=True)
class Shifted:
    """A raster seen through another window of the same lattice: pixels are copied, those beyond it are nodata."""

    top: int
    left: int
    shape: Shape
    raster: Shape
    dtype: np.dtype[Any]

    @classmethod
    def between(cls, pixels: Grid, other: Grid, dtype: np.dtype[Any]) -> Shifted | None:
        """The copy that brings the other map to these pixels; None where pixels would move."""
        offsets = []
        for mine, theirs in ((pixels.y, other.y), (pixels.x, other.x)):
            offset = (mine.first - theirs.first) / theirs.step
            drift = (mine.step / theirs.step - 1) * max(mine.size, theirs.size)
            if abs(offset - round(offset)) > _WHOLE or abs(drift) > _WHOLE:
                return None
            offsets.append(round(offset))
        top, left = offsets
        here, there = (Shape(grid.y.size, grid.x.size) for grid in (pixels, other))
        return cls(top, left, here, there, dtype)

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return f"window {self.shape} at {self.top}, {self.left} of {self.raster}"

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """That of the raster."""
        return (self.dtype,)

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The same pixels of the raster, as far as it reaches."""
        return (self._inside(core),)

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """Copies of the pixels."""
        (block,), window = arrays, self._inside(core)
        if block is not None and block.shape == (core.height, core.width):
            return (block.astype(self.dtype, copy=False),)
        found = np.full((core.height, core.width), fill_value(self.dtype), self.dtype)
        if block is not None and window is not None:
            top, left = window.top - core.top - self.top, window.left - core.left - self.left
            found[top : top + window.height, left : left + window.width] = block
        return (found,)

    def _inside(self, core: Window) -> Window | None:
        top, left = max(core.top + self.top, 0), max(core.left + self.left, 0)
        bottom = min(core.bottom + self.top, self.raster.height)
        right = min(core.right + self.left, self.raster.width)
        return Window(top, left, bottom - top, right - left) if bottom > top and right > left else None


def _at(axis: Axis, pixels: NDArray[np.int64]) -> Floats:
    return np.asarray(axis.first + axis.step * pixels, np.float64)
