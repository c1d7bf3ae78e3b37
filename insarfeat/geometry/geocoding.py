"""From radar geometry to the map and back."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from insarfeat.dispatch import Value
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry.lookups import Found, Lookup, values_of
from insarfeat.geometry.maps import Map, map_named
from insarfeat.geometry.sampling import Method, Resample, Sampling, stored_as
from insarfeat.georeference import GRID_MAPPING, spatial_dims
from insarfeat.windows import Shape

if TYPE_CHECKING:
    import xarray as xr


def geocode(
    layer: Any,
    lookup: Lookup,
    grid: Any = None,
    *,
    method: Method | None = None,
    period: float | None = None,
) -> Any:
    """Bring a layer from radar geometry to a map.

    Each pixel of the map is looked up on the radar image, and the layer is sampled there. Complex layers are sampled
    as complex numbers, wrapped phases and directions as phasors, classes and masks by the nearest pixel. A pixel is
    valid where the nearest pixel of the layer is; beside nodata the mean is of the valid ones.

    A single SLC of a TOPS swath must be deramped first (:func:`insarfeat.bursts.deramp`), or its phase is lost
    between the pixels; interferograms need nothing. What is much finer than the map should be multilooked to about
    its pixels first: it is sampled, not averaged.

    Parameters
    ----------
    layer
        In radar geometry, the last two dimensions those of the lookup: array, DataArray or Dataset.
    lookup
        :class:`CoordinateLookup` or :class:`DopplerLookup`.
    grid
        The map: a DataArray or Dataset that lies on it, or what :func:`map_grid` gives. None: the map of the lookup's
        DEM.
    method
        "nearest", "linear" or "cubic". None: linear, and nearest for integers.
    period
        What is a whole turn of a layer of angles: 2 pi for wrapped phase in radians. None: known from the name where
        that is canonical (``wrapped_phase``, ``aspect``, ``heading``); a bare array of phases needs it.

    Returns
    -------
    Of the same kind, lazy if the layer or the lookup is: then each piece of the map reads the pixels of the image
    that may fall on it. DataArrays get the map's dimensions, coordinates and CRS. NaN (255 for masks) where the image
    does not see.

    Examples
    --------
    >>> import numpy as np
    >>> from insarfeat.geometry import CoordinateLookup, map_grid
    >>> line, sample = np.mgrid[:40, :50]
    >>> lookup = CoordinateLookup(46.0 - 1e-4 * line, 10.0 + 1e-4 * sample)
    >>> grid = map_grid((10.0011, 45.9971, 10.0031, 45.9991), "EPSG:4326", resolution=4e-4)
    >>> geocode(sample.astype("f8"), lookup, grid)[0].round(6)
    array([13., 17., 21., 25., 29.])
    """
    chosen = None if grid is None else map_named(grid)
    return _each(layer, period, lambda raster: _geocoded(raster, lookup, chosen, method, period))


def radarcode(
    layer: Any,
    lookup: Lookup,
    shape: tuple[int, int] | None = None,
    *,
    method: Method | None = None,
    period: float | None = None,
) -> Any:
    """Bring a layer from a map to radar geometry: :func:`geocode` the other way round.

    Parameters
    ----------
    layer
        A DataArray or Dataset on a map. With a :class:`DopplerLookup` it is the map of its DEM.
    lookup
        :class:`CoordinateLookup` or :class:`DopplerLookup`. With the latter, where several places fall on one radar
        pixel (layover), the first in reading order counts.
    shape
        Lines and samples of the image, to make sure: other than the lookup's are refused.
    method, period
        As for :func:`geocode`.

    Returns
    -------
    A DataArray or Dataset with dimensions ``line`` and ``sample``, lazy if the layer or the lookup is.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from insarfeat.geometry import CoordinateLookup
    >>> line, sample = np.mgrid[:3, :4]
    >>> lookup = CoordinateLookup(46.0 - 1e-4 * line, 10.0 + 1e-4 * sample)
    >>> degrees = {"lat": 46.001 - 0.0005 * np.arange(5), "lon": 9.999 + 0.0005 * np.arange(6)}
    >>> east = xr.DataArray(np.ones((5, 1)) * degrees["lon"], degrees, ("lat", "lon"), "east")
    >>> radarcode(east, lookup).values[0].round(6)
    array([10.    , 10.0001, 10.0002, 10.0003])
    """
    if shape is not None and Shape(*shape) != lookup.shape:
        raise GridMismatch(
            f"shape is {tuple(shape)}, and the lookup's image has {lookup.shape.height} lines and "
            f"{lookup.shape.width} samples"
        )
    return _each(layer, period, lambda raster: _radarcoded(raster, lookup, method, period))


def _each(layer: Any, period: float | None, bring: Callable[[Any], Any]) -> Any:
    """Bring a raster, or each one of a Dataset; its single numbers stay."""
    if not hasattr(layer, "data_vars"):
        return bring(layer)
    if period is not None:
        raise InvalidArgument(
            "period is of one layer, and a Dataset has several: layers of canonical names (wrapped_phase, aspect, "
            "heading) need none; bring others one by one, e.g. dataset['phase']"
        )
    found = {
        name: bring(raster) if raster.ndim >= 2 else raster
        for name, raster in layer.data_vars.items()
        if raster.ndim != 1
    }
    return type(layer)(found, attrs=layer.attrs)


def _geocoded(
    layer: Any, lookup: Lookup, named: Map | None, method: Method | None, period: float | None
) -> Any:
    chosen = lookup.map_meant(named)
    positions = positions_of(*lookup.on_map(chosen.grid))
    brought = positions.sample(layer, lookup.shape, "the lookup's image", method, period)
    if not hasattr(layer, "coords"):
        return brought
    return labelled(brought, layer, chosen.dims, chosen.coords, "geometry.geocode()")


def _radarcoded(layer: Any, lookup: Lookup, method: Method | None, period: float | None) -> Any:
    if not hasattr(layer, "coords"):
        raise InvalidType(
            f"layer must be a DataArray with coordinates, which say where it lies; got {type(layer).__name__}"
        )
    grid = lookup.map_meant(map_named(layer)).grid
    positions = positions_of(*lookup.on_radar(grid))
    brought = positions.sample(layer, Shape(grid.y.size, grid.x.size), "its map", method, period)
    return labelled(brought, layer, ("line", "sample"), {}, "geometry.radarcode()")


@dataclass(frozen=True)
class _Positions:
    """Where to sample: the mapping that finds rows and columns, and these."""

    mapping: Any
    rows: Value
    columns: Value
    foreign: tuple[Any, ...]

    def sample(
        self, layer: Any, raster: Shape, named: str, method: Method | None, period: float | None
    ) -> Any:
        """The layer at the positions; it must be of the size of what they are positions on."""
        from insarfeat.dispatch.lazy import remapped

        data = layer.data if hasattr(layer, "coords") else layer
        if not hasattr(data, "dtype") or data.ndim < 2:
            raise InvalidType(f"layer must be a raster, (y, x) or (..., y, x); got {type(layer).__name__}")
        own = Shape(*data.shape[-2:])
        if own != raster:
            raise GridMismatch(
                f"layer is {own.height} x {own.width} pixels, {named} {raster.height} x {raster.width}; was it "
                "cropped or multilooked without the lookup?"
            )
        name = getattr(layer, "name", None)
        kept = stored_as(name, data.dtype)
        sampling = Sampling.of(name, kept, method, period)
        resample = Resample(self.mapping, sampling, raster, kept)
        places = [(self.rows, self.foreign), (self.columns, self.foreign)]
        return remapped(resample, [*values_of(data), *places])


def positions_of(mapping: Any, inputs: Found) -> _Positions:
    """What a mapping finds as rows and columns, ready to sample layers there."""
    from insarfeat.dispatch.expression import Remap

    found = Remap(mapping, [value for value, _ in inputs])
    foreign = {array.name: array for _, behind in inputs for array in behind}
    return _Positions(mapping, Value(found, 0), Value(found, 1), tuple(foreign.values()))


def labelled(
    data: Any,
    layer: xr.DataArray,
    dims: tuple[Hashable, Hashable],
    coords: dict[Hashable, Any],
    step: str,
) -> xr.DataArray:
    """The result with the coordinates of where it is now, and its history."""
    import xarray as xr

    from insarfeat.dispatch.kinds import PROCESSING

    gone = {*spatial_dims(layer)}
    mapped = {GRID_MAPPING, "crs", layer.attrs.get("grid_mapping"), layer.encoding.get("grid_mapping")}
    kept = {
        name: coordinate
        for name, coordinate in layer.coords.items()
        if not gone & set(coordinate.dims) and name not in mapped
    }
    history = [str(layer.attrs[PROCESSING])] if layer.attrs.get(PROCESSING) else []
    attributes = {name: value for name, value in layer.attrs.items() if name != "grid_mapping"}
    attributes[PROCESSING] = " | ".join([*history, step])
    return xr.DataArray(data, kept | coords, (*layer.dims[:-2], *dims), layer.name, attributes)
