"""Map pixels on the ellipsoid, at tie points with linear interpolation between: a projection is smooth, and slow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.geometry._kernels.positions import on_map
from insarfeat.georeference import Axis, Grid, parse_crs
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    from pyproj import Transformer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_APART = 500.0  # metres: linear interpolation over them misses the curved Earth by 5 mm
_METRES_PER_DEGREE = 111_320.0
_FEWEST_PIXELS = 16  # between ties: where pixels are large, millimetres matter less than time
PER_DEGREE = 200  # crossings of tables over latitude and longitude, 550 m apart


@lru_cache(maxsize=64)
def to_geographic(crs_wkt: str) -> Transformer:
    """From a CRS to WGS 84 longitude and latitude."""
    from pyproj import Transformer

    return Transformer.from_crs(parse_crs(crs_wkt), "EPSG:4326", always_xy=True)


@lru_cache(maxsize=64)
def from_geographic(crs_wkt: str) -> Transformer:
    """From WGS 84 longitude and latitude to a CRS."""
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4326", parse_crs(crs_wkt), always_xy=True)


@dataclass(frozen=True, slots=True)
class MapPixels:
    """The pixels of a map: their latitudes and longitudes, and back.

    Ties lie at multiples of a number of pixels from the first, whatever window is asked for, so that every tile sees
    the same numbers.
    """

    grid: Grid

    def __post_init__(self) -> None:
        if self.grid.crs_wkt is None:
            raise InvalidArgument(
                "the grid has no CRS, so where its pixels lie on the Earth is unknown; give it one, e.g. "
                'dem.rio.write_crs("EPSG:32632") or dem.odc.assign_crs("EPSG:32632")'
            )

    @property
    def shape(self) -> Shape:
        """Height and width."""
        return Shape(self.grid.y.size, self.grid.x.size)

    @property
    def crs_wkt(self) -> str:
        """The CRS."""
        assert self.grid.crs_wkt is not None
        return self.grid.crs_wkt

    @property
    def metres(self) -> float:
        """Size of a pixel in metres, roughly, the smaller of its sides."""
        crs = parse_crs(self.crs_wkt)
        smaller = min(abs(self.grid.y.step), abs(self.grid.x.step))
        if crs.is_geographic:
            return smaller * _METRES_PER_DEGREE
        return smaller * float(crs.axis_info[0].unit_conversion_factor)

    def ties(self, start: int, stop: int) -> Integers:
        """Rows or columns at which to tie the pixels from start to stop: one at or before each, and one after."""
        apart = max(_FEWEST_PIXELS, int(_APART / self.metres))
        return np.arange(start // apart, (stop - 1) // apart + 2) * apart

    def geographic(self, rows: NDArray[np.generic], columns: NDArray[np.generic]) -> tuple[Floats, Floats]:
        """Latitude and longitude of all crossings of some rows and columns; NaN where the CRS has no answer."""
        x, y = np.meshgrid(_at(self.grid.x, columns), _at(self.grid.y, rows))
        longitude, latitude = to_geographic(self.crs_wkt).transform(x, y)
        good = np.isfinite(longitude) & np.isfinite(latitude)
        return np.where(good, latitude, np.nan), np.where(good, longitude, np.nan)

    def pixels(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Rows and columns, fractional, of places; NaN where the CRS has no answer."""
        x, y = from_geographic(self.crs_wkt).transform(longitude, latitude)
        if parse_crs(self.crs_wkt).is_geographic:  # the same meridian may have two names
            middle = self.grid.x.first + 0.5 * self.grid.x.step * (self.grid.x.size - 1)
            x = x - 360.0 * np.round((x - middle) / 360.0)
        rows = (np.asarray(y) - self.grid.y.first) / self.grid.y.step
        columns = (np.asarray(x) - self.grid.x.first) / self.grid.x.step
        good = np.isfinite(rows) & np.isfinite(columns)
        return np.where(good, rows, np.nan), np.where(good, columns, np.nan)

    def bounds(self, core: Window, margin: float) -> Bounds | None:
        """The latitudes and longitudes of a window, with a margin in pixels; None where the CRS has no answer."""
        reach = math.ceil(margin)
        rows = self.ties(core.top - reach, core.bottom + reach)
        columns = self.ties(core.left - reach, core.right + reach)
        return Bounds.of(*self.geographic(rows, columns))


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range of latitudes and longitudes in degrees; it may go on beyond 180 degrees east."""

    south: float
    north: float
    west: float
    east: float

    @classmethod
    def of(cls, latitude: Floats, longitude: Floats) -> Bounds | None:
        """Around places; NaN is passed over. None if there is nothing else."""
        good = np.isfinite(latitude) & np.isfinite(longitude)
        if not good.any():
            return None
        latitude, longitude = latitude[good], longitude[good]
        first = longitude[0]
        beside = longitude - 360.0 * np.round((longitude - first) / 360.0)
        return cls(float(latitude.min()), float(latitude.max()), float(beside.min()), float(beside.max()))


def _at(axis: Axis, pixels: NDArray[np.generic]) -> Floats:
    return np.asarray(axis.first + axis.step * pixels.astype(np.float64), np.float64)


@dataclass(frozen=True, slots=True)
class MapTable:
    """Rows and columns of a map over latitude and longitude, at the crossings of a lattice that all tiles share.

    ``corner`` counts the crossings from 0 N and 0 E to the first one, northward and eastward.
    """

    corner: tuple[float, float]
    values: Floats

    @classmethod
    def over(cls, pixels: MapPixels, bounds: Bounds) -> MapTable:
        """The crossings about some bounds."""
        north = _crossings(bounds.south, bounds.north)
        east = _crossings(bounds.west, bounds.east)
        longitude, latitude = np.meshgrid(east / PER_DEGREE, np.clip(north / PER_DEGREE, -90, 90))
        return cls((float(north[0]), float(east[0])), np.stack(pixels.pixels(latitude, longitude)))

    def places(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Rows and columns of places; NaN beyond the table."""
        rows, columns = np.empty(latitude.shape), np.empty(latitude.shape)
        on_map(latitude, longitude, rows, columns, self.corner, float(PER_DEGREE), self.values)
        return rows, columns


def _crossings(first: float, last: float) -> Floats:
    begin = math.floor(first * PER_DEGREE)
    return np.arange(begin, max(math.ceil(last * PER_DEGREE), begin + 1) + 1, dtype=np.float64)
