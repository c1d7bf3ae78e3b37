"""What every file that the package writes says about itself: CF attributes, georeferencing, provenance.

Georeferencing is made here, at the last moment, from the coordinates. Whatever transform or grid mapping the data
carried before is not looked at: it may be another raster's.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

import insarfeat
from insarfeat.dispatch.sources import Source
from insarfeat.errors import InsarfeatError, InvalidArgument, InvalidType
from insarfeat.georeference import GRID_MAPPING, Grid, crs_of, grid_of, spatial_dims
from insarfeat.layers import LAYERS

if TYPE_CHECKING:
    from pyproj import CRS

CONVENTIONS = "CF-1.11"
ORDER = "insarfeat_layers"
"""Attribute that lists the layers in their order, which not every format keeps."""

_STALE = frozenset(
    {
        "grid_mapping",
        "transform",
        "res",
        "crs",
        "_FillValue",
        "missing_value",
        "scale_factor",
        "add_offset",
        "coordinates",
    }
)


@dataclass(frozen=True)
class Layered:
    """One raster of a product: its pixels, dimensions and attributes."""

    source: Source
    dims: tuple[Hashable, ...]
    attributes: Mapping[str, Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.source.dtype

    @property
    def lead(self) -> tuple[int, ...]:
        """Leading dimensions."""
        return self.source.shape[:-2]


@dataclass(frozen=True)
class Product:
    """What is written: rasters on one grid, and a frame of coordinates, small variables and attributes."""

    rasters: Mapping[str, Layered]
    frame: xr.Dataset
    dims: tuple[Hashable, Hashable]
    grid: Grid | None

    @property
    def height(self) -> int:
        """Rows of all rasters."""
        return next(iter(self.rasters.values())).source.shape[-2]

    @property
    def width(self) -> int:
        """Columns of all rasters."""
        return next(iter(self.rasters.values())).source.shape[-1]


def raster_names(dataset: xr.Dataset) -> list[str]:
    """Names of the variables that are rasters; all must have the same last two dimensions."""
    names = [
        str(name) for name, one in dataset.data_vars.items() if one.ndim >= 2 and one.dtype.kind in "fciub"
    ]
    if not names:
        raise InvalidArgument(
            f"the dataset holds no raster of numbers (y, x); its variables are {list(dataset.data_vars)}"
        )
    dims = {spatial_dims(dataset[name]) for name in names}
    if len(dims) > 1:
        raise InvalidArgument(
            f"all rasters of one file must have the same last two dimensions; got {sorted(map(str, dims))}"
        )
    return names


def as_dataset(data: Any) -> xr.Dataset:
    """A Dataset of what was given to be written or planned."""
    if isinstance(data, xr.Dataset):
        return data
    if isinstance(data, xr.DataArray):
        if data.name is None:
            raise InvalidArgument("a DataArray to be written needs a name; use .rename('coherence'), say")
        return data.to_dataset()
    raise InvalidType(f"data must be an xarray Dataset or DataArray; got {type(data).__name__}")


def product_of(dataset: xr.Dataset, sources: Mapping[str, Source], provenance: Mapping[str, Any]) -> Product:
    """A product with the dataset's coordinates, CF attributes throughout, and its provenance."""
    first = dataset[next(iter(sources))]
    dims = spatial_dims(first)
    crs = crs_of(first)
    grid = _grid(first, crs)
    frame = dataset.drop_vars(list(sources)).drop_vars([GRID_MAPPING, "crs"], errors="ignore")
    frame = frame.assign_coords(
        {dim: frame[dim] if dim in frame.coords else first[dim] for dim in dims if dim in first.coords}
    )
    if grid is not None and crs is not None:
        frame = frame.assign_coords({GRID_MAPPING: _grid_mapping(grid, crs)})
        _describe_axes(frame, dims, crs)
    for name in frame.variables:
        frame[name].encoding = {}
    frame.attrs = _global_attributes(dataset.attrs, provenance)
    mapped = grid is not None and crs is not None
    frame.attrs[ORDER] = json.dumps(list(sources))
    rasters = {
        name: Layered(source, dataset[name].dims, _raster_attributes(name, dataset[name].attrs, mapped))
        for name, source in sources.items()
    }
    return Product(rasters, frame, dims, grid)


def storable(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as files can hold them: text, numbers, arrays of numbers; the rest as JSON."""
    kept: dict[str, Any] = {}
    for key, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, bool | np.bool_):
            kept[str(key)] = int(value)
        elif isinstance(value, str | int | float | np.number | np.ndarray):
            kept[str(key)] = value
        elif (
            isinstance(value, list | tuple) and all(isinstance(item, int | float) for item in value) and value
        ):
            kept[str(key)] = np.asarray(value)
        else:
            kept[str(key)] = json.dumps(value, default=str)
    return kept


def _grid(raster: xr.DataArray, crs: CRS | None) -> Grid | None:
    """The regular grid, or None for rasters without one (radar geometry); with a CRS there must be one."""
    if not all(dim in raster.coords for dim in raster.dims[-2:]):
        return None
    try:
        return grid_of(raster)
    except InsarfeatError:
        if crs is None:
            return None
        raise


def _grid_mapping(grid: Grid, crs: CRS) -> xr.DataArray:
    a, b, c, d, e, f = grid.affine
    attributes = {
        **{key: value for key, value in crs.to_cf().items() if value is not None},
        "spatial_ref": crs.to_wkt(),
        # The order that GDAL writes and reads here: corner and steps of x, then of y.
        "GeoTransform": " ".join(repr(float(number)) for number in (c, a, b, f, d, e)),
    }
    return xr.DataArray(np.int32(0), attrs=attributes)


def _describe_axes(frame: xr.Dataset, dims: tuple[Hashable, Hashable], crs: CRS) -> None:
    if crs.is_geographic:
        names, units = ("latitude", "longitude"), ("degrees_north", "degrees_east")
    else:
        unit = (
            "m"
            if crs.axis_info and crs.axis_info[0].unit_conversion_factor == 1
            else crs.axis_info[0].unit_name
        )
        names, units = ("projection_y_coordinate", "projection_x_coordinate"), (unit, unit)
    for dim, name, unit, axis in zip(dims, names, units, "YX", strict=True):
        frame[dim].attrs.update(standard_name=name, units=unit, axis=axis)


def _raster_attributes(name: str, attributes: Mapping[Any, Any], mapped: bool) -> dict[str, Any]:
    known = LAYERS.get(name)
    given = {key: value for key, value in attributes.items() if key not in _STALE}
    merged = {**(known.attributes if known else {}), **given}
    return storable({**merged, "grid_mapping": GRID_MAPPING} if mapped else merged)


def _global_attributes(attributes: Mapping[Any, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    created = provenance["created"]
    line = f"{created} written by insarfeat {insarfeat.__version__}"
    before = str(attributes.get("history", "")).strip()
    return storable(
        {
            **attributes,
            "Conventions": CONVENTIONS,
            "history": f"{line}\n{before}" if before else line,
            "date_created": created,
            "insarfeat_version": insarfeat.__version__,
            "insarfeat_inputs": json.dumps(provenance["inputs"]),
        }
    )
