"""Maps as grids: made of bounds, named by rasters that lie on them, and given to rasters as coordinates."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import GRID_MAPPING, Axis, Grid, grid_of, parse_crs, same_grid, spatial_dims

_SAME = 0.02  # pixels: coordinates that were written and read again are rounded


def map_grid(bounds: tuple[float, float, float, float], crs: str, *, resolution: float) -> Grid:
    """A map: square pixels from the north-west corner on.

    Parameters
    ----------
    bounds
        (west, south, east, north) in the units of the CRS. Pixels are whole: the map may reach a little further east
        and south.
    crs
        What PROJ reads, e.g. "EPSG:32632".
    resolution
        Side of the pixels in the units of the CRS.

    Examples
    --------
    >>> grid = map_grid((600000, 5150000, 600100, 5150050), "EPSG:32632", resolution=15)
    >>> grid.x, grid.y
    (Axis(first=600007.5, step=15.0, size=7), Axis(first=5150042.5, step=-15.0, size=4))
    """
    west, south, east, north = (float(side) for side in bounds)
    size = float(resolution)
    if not (east > west and north > south and size > 0):
        raise InvalidArgument(
            f"bounds must be (west, south, east, north) and resolution above 0; got {bounds} and {resolution!r}"
        )
    columns, rows = (int(np.ceil((far - near) / size - 1e-9)) for near, far in ((west, east), (south, north)))
    return Grid(
        Axis(north - size / 2, -size, rows), Axis(west + size / 2, size, columns), parse_crs(crs).to_wkt()
    )


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A map that a caller has named: its grid, and what its two dimensions and coordinates are called."""

    grid: Grid
    dims: tuple[Hashable, Hashable]
    coords: dict[Hashable, Any]


def map_named(given: Any) -> Map:
    """The map that a raster lies on, or that :func:`map_grid` has made."""
    if isinstance(given, Grid):
        return Map(given, ("y", "x"), _coordinates_of(given))
    if hasattr(given, "data_vars"):
        rasters = [raster for raster in given.data_vars.values() if raster.ndim >= 2]
        if not rasters:
            raise InvalidArgument("grid is a Dataset without any raster, so the map is unknown")
        same_grid(rasters)
        return map_named(rasters[0])
    if hasattr(given, "coords"):
        grid, dims = grid_of(given), spatial_dims(given)
        coords: dict[Hashable, Any] = {dim: given.coords[dim].variable for dim in dims}
        return Map(grid, dims, coords | _reference_of(grid))
    raise InvalidType(
        "grid must be a DataArray or Dataset on the map that is wanted, or insarfeat.geometry.map_grid(...); got "
        f"{type(given).__name__}"
    )


def same_map(one: Grid, other: Grid) -> bool:
    """Whether two maps have the same pixels, to a fiftieth of one, and the same CRS, however it is written."""
    for mine, theirs in ((one.y, other.y), (one.x, other.x)):
        last = mine.size - 1
        apart = (
            abs(mine.first - theirs.first),
            abs(mine.first - theirs.first + last * (mine.step - theirs.step)),
        )
        if mine.size != theirs.size or not max(apart) <= _SAME * abs(mine.step):
            return False
    if one.crs_wkt is None or other.crs_wkt is None:
        return one.crs_wkt == other.crs_wkt
    return bool(parse_crs(one.crs_wkt) == parse_crs(other.crs_wkt))


def _coordinates_of(grid: Grid) -> dict[Hashable, Any]:
    """The coordinates of a map, with its CRS."""
    described: dict[str, Any] = {}
    if grid.crs_wkt is not None:
        described = {axis["axis"]: axis for axis in parse_crs(grid.crs_wkt).cs_to_cf()}
    coords: dict[Hashable, Any] = {
        name: (name, axis.first + axis.step * np.arange(axis.size), described.get(name.upper(), {}))
        for name, axis in (("y", grid.y), ("x", grid.x))
    }
    return coords | _reference_of(grid)


def _reference_of(grid: Grid) -> dict[Hashable, Any]:
    """The CRS as a coordinate."""
    import xarray as xr

    return {} if grid.crs_wkt is None else {GRID_MAPPING: xr.Variable((), 0, {"crs_wkt": grid.crs_wkt})}
