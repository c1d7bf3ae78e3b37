"""Where a raster lies: spatial axes and CRS, always worked out from the coordinates.

A transform or a resolution that travels as an attribute goes stale with the first crop or stride, so none is
read and none is kept: coordinates are the only truth.
"""

from __future__ import annotations

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

GRID_MAPPING = "spatial_ref"
"""Name of the coordinate that carries the CRS in everything that the package writes."""

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
        return parse_crs("EPSG:4326")
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
            return parse_crs(str(attributes[key]))
    if "grid_mapping_name" in attributes:
        from pyproj import CRS

        return CRS.from_cf(attributes)
    return None


@lru_cache(maxsize=256)
def parse_crs(text: str) -> CRS:
    """The CRS that a text names: WKT, an authority's code, or what else PROJ reads."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise InvalidArgument(f"the CRS {text[:80]!r} cannot be read: {error}") from error


@lru_cache(maxsize=256)
def _wkt_of(crs: CRS) -> str:
    return crs.to_wkt()
