"""What pixels are on the ground: their size in metres, and where true north is.

A projected grid is not the ground. Its lengths are stretched (EPSG:3857 by 1.44 at 46 degrees north), its y axis
leans away from north (3 degrees in UTM, 17 in EPSG:3035), and an equal-area grid does both differently along its
two axes. So the map from pixels to the ground is kept as a matrix, at tie points with linear interpolation between.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import Axis, Grid, grid_of, parse_crs, spatial_dims

if TYPE_CHECKING:
    import xarray as xr
    from pyproj import CRS

Resolution = float | tuple[float, float]

North = Literal["true", "grid"]

Array = NDArray[np.float64]

# The matrix bends with the square of the distance between ties over the Earth's radius, or over the distance to
# the pole where the grid is polar: 1e-7 of itself in UTM, 2e-6 in Greenland. The largest rasters are limited in the
# number of ties: 1e-5 on a continent.
_TIE_METRES = 5e3
_TIE_RADIANS = math.radians(0.05)
_MOST_TIES = 257
_PROBE_METRES = 500.0  # long enough for the projection's rounding, short enough to be a derivative


@dataclass(frozen=True, slots=True)
class Ground:
    """What a caller says of the pixels on the ground: their size where there are no coordinates, and which north."""

    resolution: Resolution | None = None
    north: North = "true"


class Metrics:
    """What a step of one column or one row is on the ground, in metres east and north, anywhere on a raster.

    Kept at tie points and interpolated, so that a raster of any size costs little to describe and every tile sees
    the same numbers.
    """

    __slots__ = ("_columns", "_last", "_last_gradients", "_rows", "_steps", "token")

    def __init__(self, rows: Array, columns: Array, steps: Array) -> None:
        self._rows = rows
        self._columns = columns
        self._steps = steps  # row, column, (step of a column, step of a row), (east, north)
        self._last: tuple[tuple[int, int], tuple[Array, Array]] | None = None
        self._last_gradients: tuple[tuple[int, int], tuple[NDArray[np.int64], Array]] | None = None
        numbers = b"".join(array.tobytes() for array in (rows, columns, steps))
        self.token = hashlib.blake2b(numbers, digest_size=8).hexdigest()

    @classmethod
    def planar(cls, northward: float, eastward: float) -> Metrics:
        """The same everywhere, columns running along east and rows along north."""
        steps = np.array([[eastward, 0.0], [0.0, northward]])
        return cls(np.zeros(1), np.zeros(1), steps.reshape(1, 1, 2, 2))

    def rows(self, start: int, stop: int) -> tuple[Array, Array]:
        """Metres northward per row and eastward per column, for the rows from start to stop; not to be written to.

        They are those of the middle column; negative where rows run south or columns west.
        """
        last = self._last
        if last is not None and last[0] == (start, stop):
            return last[1]
        sizes = (
            self._along_rows(self._sizes[:, 1], start, stop),
            self._along_rows(self._sizes[:, 0], start, stop),
        )
        self._last = (start, stop), sizes
        return sizes

    def gradients(self, start: int, stop: int, left: int, right: int) -> tuple[NDArray[np.int64], Array]:
        """How rises per pixel become a gradient on the ground, in a window; not to be written to.

        Gives the columns of the ties about the window, counted from ``left``, and for each row and tie four weights:
        of the rise per column and per row in the gradient eastward, and of both in the gradient northward.
        """
        last = self._last_gradients
        if last is not None and last[0] == (start, stop):
            return last[1]
        first, end = 0, len(self._columns)
        if end > 1:
            first = min(max(int(np.searchsorted(self._columns, left, side="right")) - 1, 0), end - 2)
            end = max(int(np.searchsorted(self._columns, right - 1)) + 1, first + 2)
        ties = self._columns[first:end].astype(np.int64) - left
        found = ties, self._weights(start, stop, slice(first, end))
        if len(self._columns) == 1:  # the same for all columns, and small
            self._last_gradients = (start, stop), found
        return found

    @property
    def weights_at_ties(self) -> Array:
        """The weights of :meth:`gradients` at all ties (rows, columns, 4); between them they are linear.

        The four are also the columns per metre east, the rows per metre east, and both per metre north.
        """
        return self._inverted(slice(None))

    def _inverted(self, columns: slice) -> Array:
        ((ce, cn), (re, rn)) = np.moveaxis(self._steps[:, columns], (2, 3), (0, 1))
        inverted: Array = np.stack([rn, -cn, -re, ce], axis=-1) / (ce * rn - cn * re)[..., np.newaxis]
        return inverted

    def _weights(self, start: int, stop: int, columns: slice) -> Array:
        weights = self._inverted(columns)
        if len(self._rows) == 1:
            return np.repeat(weights, stop - start, axis=0)
        along = np.arange(start, stop, dtype=np.float64)
        below = np.clip(np.searchsorted(self._rows, along, side="right"), 1, len(self._rows) - 1)
        first = self._rows[below - 1]
        share = ((along - first) / (self._rows[below] - first))[:, np.newaxis, np.newaxis]
        return np.asarray(weights[below - 1] + (weights[below] - weights[below - 1]) * share)

    @property
    def smallest(self) -> tuple[float, float]:
        """Smallest size of a pixel along y and along x, in metres, whatever the direction."""
        along_x, along_y = np.abs(self._sizes).min(axis=0)
        return float(along_y), float(along_x)

    @property
    def _sizes(self) -> Array:
        """Signed lengths of the steps of a column and of a row, at the ties of the middle column."""
        steps = self._steps[:, len(self._columns) // 2]
        signs = np.copysign(1.0, steps[:, [0, 1], [0, 1]])
        return signs * np.hypot(steps[..., 0], steps[..., 1])

    def _along_rows(self, values: Array, start: int, stop: int) -> Array:
        if len(values) == 1:
            return np.full(stop - start, values[0])
        return np.interp(np.arange(start, stop, dtype=np.float64), self._rows, values)

    def __repr__(self) -> str:
        return f"Metrics({self.token})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Metrics, (self._rows, self._columns, self._steps)


@lru_cache(maxsize=256)
def planar_metrics(resolution: Resolution) -> Metrics:
    """Metrics of a bare array: rows run south, columns east, ``resolution`` in metres (number or (dy, dx)).

    >>> planar_metrics(15.0).rows(0, 2)
    (array([-15., -15.]), array([15., 15.]))
    """
    pair = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    if len(pair) != 2 or not all(isinstance(size, int | float | np.number) for size in pair):
        raise InvalidType(f"resolution must be a number or (dy, dx) in metres; got {resolution!r}")
    dy, dx = (float(size) for size in pair)
    if not (math.isfinite(dy) and math.isfinite(dx) and dy > 0 and dx > 0):
        raise InvalidArgument(f"resolution must be positive and finite, in metres; got {resolution!r}")
    return Metrics.planar(-dy, dx)


def metrics_of(array: xr.DataArray, resolution: Resolution | None, north: North = "true") -> Metrics:
    """What a DataArray's pixels are on the ground.

    With coordinates it comes from them: by the CRS where that is known, else they are metres. ``north="grid"``
    takes the axes of a projected CRS for east and north and its lengths for lengths on the ground. Without
    coordinates ``resolution`` is required; with them it is refused, because two answers cannot both be right.
    """
    y, x = spatial_dims(array)
    if y not in array.coords and x not in array.coords:
        if resolution is None:
            raise InvalidArgument(
                f"{array.name or 'the DataArray'} has no coordinates along {y!r} and {x!r}; "
                "pass resolution= in metres"
            )
        return planar_metrics(resolution)
    if resolution is not None:
        raise InvalidArgument(
            f"resolution={resolution!r} was given, but {array.name or 'the DataArray'} has coordinates, and the "
            "pixel size comes from them; leave resolution out, or drop the coordinates"
        )
    return metrics_of_grid(grid_of(array), north)


@lru_cache(maxsize=256)
def metrics_of_grid(grid: Grid, north: North = "true") -> Metrics:
    """What the pixels of a grid are on the ground; without a CRS its coordinates are metres."""
    crs = None if grid.crs_wkt is None else parse_crs(grid.crs_wkt)
    if crs is None or crs.ellipsoid is None:
        return Metrics.planar(grid.y.step, grid.x.step)
    unit = crs.axis_info[0].unit_conversion_factor  # metres, or radians where the CRS is geographic
    if crs.is_geographic:
        latitudes = _ties(grid.y, unit, _TIE_RADIANS)
        phi = (grid.y.first + grid.y.step * latitudes) * unit
        _check_inside(np.isfinite(phi) & (np.abs(phi) <= math.pi / 2), grid, crs)
        steps = np.zeros((len(latitudes), 1, 2, 2))
        eastward, northward = _metres_per_radian(crs, phi)
        steps[:, 0, 0, 0] = eastward * grid.x.step * unit
        steps[:, 0, 1, 1] = northward * grid.y.step * unit
        return Metrics(latitudes, np.zeros(1), steps)
    if north == "grid":
        return Metrics.planar(grid.y.step * unit, grid.x.step * unit)
    rows, columns = (_ties(axis, unit, _TIE_METRES) for axis in (grid.y, grid.x))
    x, y = np.meshgrid(grid.x.first + grid.x.step * columns, grid.y.first + grid.y.step * rows)
    probe = _PROBE_METRES / unit
    steps = np.empty((len(rows), len(columns), 2, 2))
    steps[:, :, 0] = _ground_per_unit(grid, crs, x, y, (probe, 0.0)) * grid.x.step
    steps[:, :, 1] = _ground_per_unit(grid, crs, x, y, (0.0, probe)) * grid.y.step
    return Metrics(rows, columns, steps)


def _ties(axis: Axis, unit: float, apart: float) -> Array:
    """Pixels along an axis to take as ties; an odd number where there are enough, so that one is in the middle."""
    wanted = math.ceil(abs(axis.step) * unit * (axis.size - 1) / apart) + 1
    count = min(max(wanted | 1, 3), _MOST_TIES, axis.size)
    return np.unique(np.linspace(0, axis.size - 1, count).round())


def _ground_per_unit(grid: Grid, crs: CRS, x: Array, y: Array, probe: tuple[float, float]) -> Array:
    """Metres east and north per unit of the CRS along one of its axes."""
    from pyproj import Transformer

    geodetic = crs.geodetic_crs
    assert geodetic is not None  # a CRS with an ellipsoid has one
    to_angles = Transformer.from_crs(crs, geodetic, always_xy=True)
    unit = geodetic.axis_info[0].unit_conversion_factor
    dx, dy = (0.5 * part for part in probe)
    before = np.multiply(to_angles.transform(x - dx, y - dy), unit)
    after = np.multiply(to_angles.transform(x + dx, y + dy), unit)
    _check_inside(np.isfinite(before) & np.isfinite(after), grid, crs)
    longitude, latitude = after - before
    longitude = np.remainder(longitude + math.pi, 2 * math.pi) - math.pi  # across the date line
    eastward, northward = _metres_per_radian(crs, 0.5 * (before[1] + after[1]))
    return np.stack([longitude * eastward, latitude * northward], axis=-1) / math.hypot(*probe)


def _metres_per_radian(crs: CRS, latitude: Array) -> tuple[Array, Array]:
    """Metres east per radian of longitude and north per radian of latitude, on the ellipsoid."""
    ellipsoid = crs.ellipsoid
    assert ellipsoid is not None
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    squared = 1 - (b / a) ** 2
    shortening = 1 - squared * np.sin(latitude) ** 2
    return a * np.cos(latitude) / np.sqrt(shortening), a * (1 - squared) / shortening**1.5


def _check_inside(found: NDArray[np.bool_], grid: Grid, crs: CRS) -> None:
    if not found.all():
        last = grid.y.first + grid.y.step * (grid.y.size - 1)
        raise InvalidArgument(
            f"the coordinates (x from {grid.x.first:.6g}, y from {grid.y.first:.6g} to {last:.6g}) lie outside the "
            f"area of the CRS {crs.name!r}; is it another raster's CRS, or are the axes swapped?"
        )
