"""Where a raster lies: spatial axes, CRS and ground size of pixels, always worked out from the coordinates.

A transform or a resolution that travels as an attribute goes stale with the first crop or stride, so none is
read and none is kept: coordinates are the only truth.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType

if TYPE_CHECKING:
    import xarray as xr
    from pyproj import CRS

Resolution = float | tuple[float, float]

GRID_MAPPING = "spatial_ref"
"""Name of the coordinate that carries the CRS in everything that the package writes."""

_TIES = 513
_LATITUDE = frozenset({"lat", "latitude"})
_LONGITUDE = frozenset({"lon", "long", "longitude"})
_DEGREE_UNITS = frozenset(
    {
        "degree_north",
        "degrees_north",
        "degree_east",
        "degrees_east",
        "degreeN",
        "degreesN",
        "degreeE",
        "degreesE",
    }
)


@dataclass(frozen=True, slots=True)
class Axis:
    """Regular pixel centres along one axis.

    >>> Axis.of(np.array([40.0, 30.0, 20.0]), "y")
    Axis(first=40.0, step=-10.0, size=3)
    """

    first: float
    step: float
    size: int

    @classmethod
    def of(cls, centres: NDArray[Any], name: Hashable) -> Axis:
        """Read an axis off its pixel centres, which must be evenly spaced to a hundredth of a pixel."""
        if centres.dtype.kind not in "fiu":
            raise InvalidType(
                f"coordinate {name!r} must hold numbers to measure pixels by; got {centres.dtype}"
            )
        size = len(centres)
        if size < 2:
            raise InvalidArgument(
                f"coordinate {name!r} has {size} value(s): the pixel size cannot be told from it; "
                "take at least two rows and two columns, or pass a bare array with resolution="
            )
        centres = centres.astype(np.float64, copy=False)
        first = float(centres[0])
        step = (float(centres[-1]) - first) / (size - 1)
        # The expected centres at their own places, not steps between neighbours: float32 degrees carry
        # rounding of a hundredth of a pixel that must not add up to a refusal.
        astray = np.abs(centres - (first + step * np.arange(size))).max()
        if step == 0 or not astray <= 0.02 * abs(step) + 2e-7 * abs(first):
            raise GridMismatch(
                f"coordinate {name!r} is not evenly spaced (up to {astray:.6g} off a regular step of {step:.6g}); "
                "bring the raster to a regular grid first"
            )
        return cls(first, step, size)


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular raster grid: its two axes and, where known, its CRS as WKT."""

    y: Axis
    x: Axis
    crs_wkt: str | None

    @property
    def affine(self) -> tuple[float, float, float, float, float, float]:
        """The six numbers of the affine transform (a, b, c, d, e, f), from pixel corners to coordinates."""
        return (
            self.x.step, 0.0, self.x.first - self.x.step / 2,
            0.0, self.y.step, self.y.first - self.y.step / 2,
        )  # fmt: skip


class Metrics:
    """Ground size of a raster's pixels in metres, row by row.

    ``rows`` gives, for a run of rows, the metres northward per row (negative where rows run south) and
    eastward per column. The sizes are linear between tie rows, so that a raster of any height costs little
    to describe and every tile sees the same numbers.
    """

    __slots__ = ("_eastward", "_last", "_northward", "_ties", "token")

    def __init__(self, ties: NDArray[Any], northward: NDArray[Any], eastward: NDArray[Any]) -> None:
        self._ties = ties
        self._northward = northward
        self._eastward = eastward
        self._last: tuple[tuple[int, int], tuple[NDArray[Any], NDArray[Any]]] | None = None
        numbers = b"".join(array.tobytes() for array in (ties, northward, eastward))
        self.token = hashlib.blake2b(numbers, digest_size=8).hexdigest()

    @classmethod
    def planar(cls, northward: float, eastward: float) -> Metrics:
        """The same size everywhere."""
        return cls(np.zeros(1), np.array([northward]), np.array([eastward]))

    def rows(self, start: int, stop: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Metres per row and per column for the rows from start to stop; not to be written to."""
        last = self._last
        if last is not None and last[0] == (start, stop):
            return last[1]
        if len(self._ties) == 1:
            sizes = np.full(stop - start, self._northward[0]), np.full(stop - start, self._eastward[0])
        else:
            rows = np.arange(start, stop, dtype=np.float64)
            sizes = (
                np.interp(rows, self._ties, self._northward),
                np.interp(rows, self._ties, self._eastward),
            )
        self._last = (start, stop), sizes
        return sizes

    @property
    def smallest(self) -> tuple[float, float]:
        """Smallest size of a pixel along y and along x, in metres, whatever the direction."""
        return float(np.abs(self._northward).min()), float(np.abs(self._eastward).min())

    def __reduce__(self) -> tuple[Any, ...]:
        return Metrics, (self._ties, self._northward, self._eastward)


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


def spatial_dims(array: xr.DataArray) -> tuple[Hashable, Hashable]:
    """The last two dimensions, which are (y, x) by convention."""
    if array.ndim < 2:
        raise InvalidType(
            f"a raster has at least two dimensions (y, x); {array.name or 'the DataArray'} has {array.dims}"
        )
    return array.dims[-2], array.dims[-1]


def crs_of(data: xr.DataArray | xr.Dataset) -> CRS | None:
    """The CRS that a DataArray or Dataset carries, by the CF rules, or None.

    Looks at the variable named by ``grid_mapping``, then at ``spatial_ref`` and ``crs``; coordinates in
    degrees without any of them are WGS 84 longitudes and latitudes, as CF has it.
    """
    named = data.attrs.get("grid_mapping") or data.encoding.get("grid_mapping")
    for name in (named, GRID_MAPPING, "crs"):
        if name is not None and name in data.coords:
            found = _crs_from_attributes(data.coords[name].attrs)
            if found is not None:
                return found
    if _in_degrees(data):
        return _parse_crs("EPSG:4326")
    return None


def grid_of(array: xr.DataArray) -> Grid:
    """The regular grid of a DataArray, from its coordinates."""
    y, x = spatial_dims(array)
    for dim in (y, x):
        if dim not in array.coords:
            raise InvalidArgument(
                f"{array.name or 'the DataArray'} has no coordinate along {dim!r}, so its pixel size is unknown; "
                "assign coordinates, or pass resolution= in metres"
            )
    crs = crs_of(array)
    return Grid(
        Axis.of(array.coords[y].values, y),
        Axis.of(array.coords[x].values, x),
        None if crs is None else _wkt_of(crs),
    )


def metrics_of(array: xr.DataArray, resolution: Resolution | None) -> Metrics:
    """Ground size of a DataArray's pixels.

    With coordinates the size comes from them: along the geodesic where the CRS is known, else as metres.
    Without coordinates ``resolution`` is required; with them it is refused, because two answers cannot both
    be right.
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
    return _metrics_of_grid(grid_of(array))


@lru_cache(maxsize=256)
def _metrics_of_grid(grid: Grid) -> Metrics:
    if grid.crs_wkt is None:
        return Metrics.planar(grid.y.step, grid.x.step)
    from pyproj import Transformer

    crs = _parse_crs(grid.crs_wkt)
    geod = crs.get_geod()
    if geod is None:
        return Metrics.planar(grid.y.step, grid.x.step)
    ties = np.unique(np.linspace(0, grid.y.size - 1, min(grid.y.size, _TIES)).round())
    y = grid.y.first + grid.y.step * ties
    x = np.full(len(ties), grid.x.first + grid.x.step * (grid.x.size - 1) / 2)
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    def ground_distance(dx: float, dy: float) -> NDArray[np.float64]:
        before = to_degrees.transform(x - dx / 2, y - dy / 2)
        after = to_degrees.transform(x + dx / 2, y + dy / 2)
        if not np.isfinite([*before, *after]).all():
            raise InvalidArgument(
                f"the coordinates (x about {x[0]:.6g}, y {y[0]:.6g} to {y[-1]:.6g}) lie outside the area of the CRS "
                f"{crs.name!r}; is it another raster's CRS, or are the axes swapped?"
            )
        return np.asarray(geod.inv(*before, *after)[2], dtype=np.float64)

    northward = math.copysign(1.0, grid.y.step) * ground_distance(0.0, grid.y.step)
    eastward = math.copysign(1.0, grid.x.step) * ground_distance(grid.x.step, 0.0)
    return Metrics(ties, northward, eastward)


def same_grid(arrays: list[xr.DataArray]) -> None:
    """Refuse DataArrays that do not lie pixel on pixel."""
    first = arrays[0]
    for other in arrays[1:]:
        for dim, size in zip(other.dims[-2:], other.shape[-2:], strict=True):
            if dim not in first.dims[-2:] or first.sizes[dim] != size:
                raise GridMismatch(
                    f"{other.name or 'an input'} has {dict(other.sizes)}, {first.name or 'the first'} has "
                    f"{dict(first.sizes)}; rasters must share one grid: bring them to it first"
                )
            if dim in first.coords and dim in other.coords:
                mine, theirs = first.coords[dim].values, other.coords[dim].values
                if mine is not theirs and not _nearly_equal(mine, theirs):
                    raise GridMismatch(
                        f"{other.name or 'an input'} and {first.name or 'the first input'} have different "
                        f"coordinates along {dim!r}; rasters must share one grid: bring them to it first"
                    )


def _nearly_equal(mine: NDArray[Any], theirs: NDArray[Any]) -> bool:
    if np.array_equal(mine, theirs):
        return True
    if mine.dtype.kind not in "fiu" or theirs.dtype.kind not in "fiu" or len(mine) < 2:
        return False
    pixel = abs(float(mine[-1]) - float(mine[0])) / (len(mine) - 1)
    return bool(np.abs(mine.astype(np.float64) - theirs).max() <= 0.02 * pixel)


def _in_degrees(data: xr.DataArray | xr.Dataset) -> bool:
    found = {"lat": False, "lon": False}
    for name, coordinate in data.coords.items():
        if coordinate.dims != (name,):
            continue
        lower = str(name).lower()
        standard = coordinate.attrs.get("standard_name")
        units = coordinate.attrs.get("units")
        if standard == "latitude" or lower in _LATITUDE:
            found["lat"] = units is None or units in _DEGREE_UNITS or "degree" in str(units)
        elif standard == "longitude" or lower in _LONGITUDE:
            found["lon"] = units is None or units in _DEGREE_UNITS or "degree" in str(units)
    return all(found.values())


def _crs_from_attributes(attributes: dict[str, Any]) -> CRS | None:
    for key in ("crs_wkt", "spatial_ref"):
        if attributes.get(key):
            return _parse_crs(str(attributes[key]))
    if "grid_mapping_name" in attributes:
        from pyproj import CRS

        return CRS.from_cf(attributes)
    return None


@lru_cache(maxsize=256)
def _parse_crs(text: str) -> CRS:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise InvalidArgument(f"the CRS {text[:80]!r} cannot be read: {error}") from error


@lru_cache(maxsize=256)
def _wkt_of(crs: CRS) -> str:
    return crs.to_wkt()
