"""Maps as grids: made of bounds, named by rasters that lie on them, and given to rasters as coordinates."""

from __future__ import annotations

import math
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


def map_over(raster: Any, *, crs: str | None = None, resolution: float | None = None) -> Grid:
    """A map of square pixels that covers a raster, on a lattice whose lines are whole multiples of the pixel.

    Maps that are made so of neighbouring scenes have their pixels in the same places, so that they fit together.

    Parameters
    ----------
    raster
        A DataArray or Dataset on a map.
    crs
        What PROJ reads, e.g. "EPSG:32632"; "utm" for the UTM zone of the raster's middle. None: that of the raster.
    resolution
        Side of the pixels in the units of the CRS. None: about the size of the raster's pixels.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> degrees = {"y": 46.1 - 0.001 * np.arange(50), "x": 10.0 + 0.001 * np.arange(80)}
    >>> raster = xr.DataArray(np.zeros((50, 80)), degrees, ("y", "x"))
    >>> raster = raster.assign_coords(spatial_ref=xr.DataArray(0, attrs={"crs_wkt": parse_crs("EPSG:4326").to_wkt()}))
    >>> grid = map_over(raster, crs="utm", resolution=15)
    >>> parse_crs(grid.crs_wkt).name, grid.x.first % 15, grid.x.size, grid.y.size
    ('WGS 84 / UTM zone 32N', 7.5, 418, 377)
    """
    from pyproj import Transformer

    own = map_named(raster).grid
    if own.crs_wkt is None:
        raise InvalidArgument(
            "raster has no CRS, so where it lies on the Earth is unknown; give it one first"
        )
    west, south, east, north = _edges(own)
    named = _utm_about(own) if crs == "utm" else own.crs_wkt if crs is None else parse_crs(crs).to_wkt()
    turn = Transformer.from_crs(parse_crs(own.crs_wkt), parse_crs(named), always_xy=True)
    west, south, east, north = turn.transform_bounds(west, south, east, north, densify_pts=101)
    if not np.isfinite([west, south, east, north]).all():
        raise InvalidArgument(f"crs {crs!r} has no place for this raster; choose one that covers it")
    if resolution is None:
        pixels = max(abs(own.x.size), 1) * max(abs(own.y.size), 1)
        resolution = float(np.sqrt((east - west) * (north - south) / pixels))
    size = float(resolution)
    if not (np.isfinite(size) and size > 0):
        raise InvalidArgument(f"resolution must be above 0; got {resolution!r}")
    left, top = math.floor(west / size + 1e-6), math.ceil(north / size - 1e-6)
    right, bottom = math.ceil(east / size - 1e-6), math.floor(south / size + 1e-6)
    return Grid(
        Axis((top - 0.5) * size, -size, top - bottom), Axis((left + 0.5) * size, size, right - left), named
    )


def map_widened(grid: Any, raster: Any) -> Grid:
    """A map with whole pixels added on all sides, so that it covers a raster that lies elsewhere too.

    Parameters
    ----------
    grid
        The map: a DataArray or Dataset that lies on it, or a :class:`Grid`.
    raster
        A DataArray or Dataset on a map, in any CRS.

    Examples
    --------
    >>> inner = map_grid((600000, 5150000, 600090, 5150060), "EPSG:32632", resolution=15)
    >>> outer = map_grid((599990, 5149990, 600100, 5150070), "EPSG:32632", resolution=10)
    >>> map_widened(inner, outer).x, map_widened(inner, outer).y
    (Axis(first=599992.5, step=15.0, size=8), Axis(first=5150067.5, step=-15.0, size=6))
    """
    own = map_named(grid).grid
    west, south, east, north = _bounds_on(own, raster)
    return Grid(_stretched(own.y, south, north), _stretched(own.x, west, east), own.crs_wkt)


def share_covered(grid: Grid, raster: Any) -> float:
    """Share of a map's area that lies within the bounds of a raster, in any CRS.

    >>> inner = map_grid((600000, 5150000, 600090, 5150060), "EPSG:32632", resolution=15)
    >>> outer = map_grid((600030, 5149990, 600200, 5150070), "EPSG:32632", resolution=10)
    >>> round(share_covered(inner, outer), 3)
    0.667
    """
    mine, theirs = _edges(grid), _bounds_on(grid, raster)
    across = max(0.0, min(mine[2], theirs[2]) - max(mine[0], theirs[0]))
    down = max(0.0, min(mine[3], theirs[3]) - max(mine[1], theirs[1]))
    return across * down / ((mine[2] - mine[0]) * (mine[3] - mine[1]))


def _bounds_on(grid: Grid, raster: Any) -> tuple[float, float, float, float]:
    """West, south, east and north of a raster's outer edges in the CRS of a map."""
    from pyproj import Transformer

    other = map_named(raster).grid
    bounds = _edges(other)
    if grid.crs_wkt is not None and other.crs_wkt is not None and grid.crs_wkt != other.crs_wkt:
        turn = Transformer.from_crs(parse_crs(other.crs_wkt), parse_crs(grid.crs_wkt), always_xy=True)
        west, south, east, north = turn.transform_bounds(*bounds, densify_pts=101)
        return west, south, east, north
    return bounds


def _stretched(axis: Axis, low: float, high: float) -> Axis:
    """An axis with whole pixels added at both ends until it reaches from low to high."""
    step = abs(axis.step)
    lowest = min(axis.first, axis.first + axis.step * (axis.size - 1)) - step / 2
    highest = lowest + step * axis.size
    below = max(int(np.ceil((lowest - low) / step - 1e-6)), 0)
    above = max(int(np.ceil((high - highest) / step - 1e-6)), 0)
    before = below if axis.step > 0 else above
    return Axis(axis.first - axis.step * before, axis.step, axis.size + below + above)


def _edges(grid: Grid) -> tuple[float, float, float, float]:
    """West, south, east and north of the outer edges."""
    a, _, c, _, e, f = grid.affine
    x, y = sorted((c, c + a * grid.x.size)), sorted((f, f + e * grid.y.size))
    return x[0], y[0], x[1], y[1]


def _utm_about(grid: Grid) -> str:
    """The UTM zone of a map's middle; beyond 84 N and 80 S the polar stereographic map that stands in for them."""
    from pyproj import Transformer

    assert grid.crs_wkt is not None
    west, south, east, north = _edges(grid)
    turn = Transformer.from_crs(parse_crs(grid.crs_wkt), "EPSG:4326", always_xy=True)
    longitude, latitude = turn.transform((west + east) / 2, (south + north) / 2)
    if latitude >= 84 or latitude < -80:
        return parse_crs("EPSG:3413" if latitude > 0 else "EPSG:3031").to_wkt()
    zone = int((longitude + 180) // 6) % 60 + 1
    return parse_crs(f"EPSG:{32600 + zone if latitude >= 0 else 32700 + zone}").to_wkt()


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
    if hasattr(given, "affine") and hasattr(given, "crs"):
        return map_named(_of_geobox(given))
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


def _of_geobox(box: Any) -> Grid:
    """The grid of what odc-geo calls a GeoBox."""
    a, b, c, d, e, f = tuple(box.affine)[:6]
    if b or d:
        raise InvalidArgument("grid is a rotated GeoBox; only maps whose rows run east to west are supported")
    rows, columns = box.shape
    wkt = None if box.crs is None else parse_crs(str(box.crs)).to_wkt()
    return Grid(Axis(f + e / 2, e, int(rows)), Axis(c + a / 2, a, int(columns)), wkt)


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
