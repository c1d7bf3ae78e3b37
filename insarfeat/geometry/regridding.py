"""Layers from their own maps onto the one that they shall share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.geometry.geocoding import labelled, positions_of
from insarfeat.geometry.map_mappings import OnOtherMap, Shifted
from insarfeat.geometry.maps import Map, map_named
from insarfeat.geometry.sampling import Method, stored_as
from insarfeat.georeference import Grid, grid_of, parse_crs
from insarfeat.metrics import metrics_of_grid
from insarfeat.windows import Shape

if TYPE_CHECKING:
    import xarray as xr

_SMOOTH = frozenset({"elevation", "filled"})
"""Layers whose slopes and curvatures will be looked at: they are sampled by cubic convolution."""

_NEARLY = 0.05
"""So much less than a whole number of pixels is one: degrees and metres are never in a whole ratio."""

_COMPASS = frozenset({"flow_direction", "flow_azimuth"})
"""Layers that count from the grid's north, which is another one on another map."""


def regrid(layers: Any, grid: Any, *, method: Method | None = None) -> Any:
    """Bring layers from one map to another, lazily and tile by tile.

    Each layer is sampled as what it is: wrapped phase and angles as phasors, complex layers as complex numbers,
    classes and masks by the nearest pixel, elevations by cubic convolution, the others linearly. Where two or more
    pixels of the layer fit into one of the map, they are averaged in whole cells first, against aliasing. Where both
    maps share their lattice, pixels are copied. A pixel is valid where the layer's nearest one is.

    Parameters
    ----------
    layers
        DataArray or Dataset on a map with a CRS.
    grid
        The map: a DataArray or Dataset that lies on it, :func:`map_grid`, :func:`map_over` or a GeoBox of odc-geo.
    method
        "nearest", "linear" or "cubic", for continuous layers; classes take only the nearest. None: as above.

    Returns
    -------
    Of the same kind, lazy if the layers are, on the map; nodata where they do not reach.

    Raises
    ------
    InvalidArgument
        A layer or the map has no CRS and the other has; the method would give values that mean nothing.

    Examples
    --------
    >>> import numpy as np, insarfeat
    >>> from insarfeat.geometry import map_grid
    >>> scene = insarfeat.synth.scene(seed=1, size=64)
    >>> west, north = (float(scene[axis][0]) for axis in "xy")
    >>> half = map_grid((west, north - 600, west + 600, north), "EPSG:32632", resolution=30)
    >>> regrid(scene["elevation"], half).shape
    (20, 20)
    """
    there = map_named(grid)
    if not hasattr(layers, "data_vars"):
        return _brought(layers, there, method)
    brought = {
        name: _brought(raster, there, method) if raster.ndim >= 2 else raster
        for name, raster in layers.data_vars.items()
        if raster.ndim != 1
    }
    return type(layers)(brought, attrs=layers.attrs)


def _brought(layer: Any, there: Map, method: Method | None) -> xr.DataArray:
    if not hasattr(layer, "coords"):
        raise InvalidType(
            f"layers must be a DataArray or Dataset with coordinates, which say where they lie; got "
            f"{type(layer).__name__}"
        )
    own = grid_of(layer)
    _check_known(layer, own, there.grid)
    same_lattice = _one_crs(own, there.grid)
    if same_lattice and (copy := _copied(layer, own, there)) is not None:
        return copy
    if layer.name in _COMPASS and not same_lattice:
        raise InvalidArgument(
            f"{layer.name} counts from its grid's north, which is another one in the map's CRS; bring the elevations "
            "there and compute it anew"
        )
    fine = _averaged(layer, there, method)
    if method is None and fine.name in _SMOOTH:
        method = "cubic"
    here = grid_of(fine)
    positions = positions_of(OnOtherMap(there.grid, _in_words_of(here, there.grid)), [])
    brought = positions.sample(fine, Shape(here.y.size, here.x.size), "its map", method, None)
    return labelled(brought, fine, there.dims, there.coords, "geometry.regrid()")


def _copied(layer: xr.DataArray, own: Grid, there: Map) -> xr.DataArray | None:
    """The layer cut or widened to a map on the same lattice."""
    from insarfeat.dispatch.lazy import remapped, value_of

    shifted = Shifted.between(there.grid, own, stored_as(layer.name, layer.dtype))
    if shifted is None:
        return None
    brought = remapped(shifted, [value_of(layer.data)])
    return labelled(brought, layer, there.dims, there.coords, "geometry.regrid()")


def _averaged(layer: xr.DataArray, there: Map, method: Method | None) -> xr.DataArray:
    """Means over cells of a layer much finer than the map."""
    from insarfeat.filters import multilook

    kind = stored_as(layer.name, layer.dtype)
    if method == "nearest" or (kind.kind in "iu" and kind != np.uint8):
        return layer
    looks = looks_between(grid_of(layer), there.grid)
    if looks == (1, 1):
        return layer
    cells: xr.DataArray = multilook(layer, looks=looks).rename(layer.name)
    return cells


def looks_between(fine: Grid, coarse: Grid) -> tuple[int, int]:
    """How many pixels of one map, down and across, fit into one of another; at least one."""
    ratios = (larger / smaller for larger, smaller in zip(_pixel(coarse), _pixel(fine), strict=True))
    down, across = (max(int(ratio + _NEARLY), 1) for ratio in ratios)
    return down, across


def _pixel(grid: Grid) -> tuple[float, float]:
    """Metres from pixel to pixel in the middle of a map, down and across."""
    middle = grid.y.size // 2
    down, across = metrics_of_grid(grid).rows(middle, middle + 1)
    return abs(float(down[0])), abs(float(across[0]))


def _check_known(layer: xr.DataArray, own: Grid, there: Grid) -> None:
    if (own.crs_wkt is None) != (there.crs_wkt is None):
        which = layer.name or "the layer"
        raise InvalidArgument(
            f"{which if own.crs_wkt is None else 'the map'} has no CRS, and the other has one, so where they lie to "
            "each other is unknown; give it its CRS first"
        )


def _one_crs(one: Grid, other: Grid) -> bool:
    if one.crs_wkt is None or other.crs_wkt is None or one.crs_wkt == other.crs_wkt:
        return True
    return bool(parse_crs(one.crs_wkt) == parse_crs(other.crs_wkt))


def _in_words_of(own: Grid, there: Grid) -> Grid:
    """The grid, its CRS written as the other's where it is the same."""
    return Grid(own.y, own.x, there.crs_wkt) if _one_crs(own, there) else own
