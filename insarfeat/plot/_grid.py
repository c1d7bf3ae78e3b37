"""Where a raster lies on the page: its extent, its unit and its scale on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import xarray as xr
from pyproj import CRS

from insarfeat import georeference
from insarfeat.errors import InsarfeatError
from insarfeat.metrics import metrics_of

Unit = Literal["m", "degree", "unknown", "px"]

_METRES = ("m", "metre", "metres", "meter", "meters")


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis.

    Attributes
    ----------
    low, high
        Outer edges of the outermost pixels, ``low < high``.
    step
        Signed distance from one pixel to the next in array order.
    """

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, axis: georeference.Axis) -> Axis:
        """The edges of an axis that is known by its pixel centres."""
        ends = (axis.first - axis.step / 2, axis.first + axis.step * (axis.size - 0.5))
        return cls(min(ends), max(ends), axis.step)


@dataclass(frozen=True, slots=True)
class MapGrid:
    """Place of a raster on the map.

    Attributes
    ----------
    x, y
        Axes in ``unit``.
    unit
        ``m`` where the coordinates are projected, ``degree`` where geographic, ``unknown`` where they do not
        say, ``px`` where there are none: then rows count downward and north is taken to be up.
    ground_x, ground_y
        Metres on the ground per unit at the centre of the raster; None where unknown.
    crs
        Name of the coordinate reference system, empty where there is none.
    """

    x: Axis
    y: Axis
    unit: Unit
    ground_x: float | None
    ground_y: float | None
    crs: str

    @classmethod
    def of(cls, layer: xr.DataArray) -> MapGrid:
        """Return the grid of a layer whose last two dims are (y, x); only coordinates are read.

        >>> grid = MapGrid.of(xr.DataArray([[1, 2], [3, 4]], {"lat": [0.5, 0.0], "lon": [5.0, 5.5]}))
        >>> grid.unit, grid.x.low, grid.x.high, round(grid.ground_x)
        ('degree', 4.75, 5.75, 111319)
        """
        try:
            crs = georeference.crs_of(layer)
        except InsarfeatError:  # a picture is still a picture where the CRS cannot be read
            layer, crs, name = layer.drop_vars(georeference.GRID_MAPPING, errors="ignore"), None, "unreadable"
        else:
            name = _name(crs)
        try:
            grid = georeference.grid_of(layer)
            north, east = metrics_of(layer, None).rows(grid.y.size // 2, grid.y.size // 2 + 1)
        except InsarfeatError:
            rows, columns = layer.shape[-2:]
            return cls(Axis(0.0, columns, 1.0), Axis(0.0, rows, -1.0), "px", None, None, name)
        x, y, unit = Axis.around(grid.x), Axis.around(grid.y), _unit(layer, crs)
        if unit == "unknown":
            return cls(x, y, unit, None, None, name)
        return cls(x, y, unit, float(east[0]) / grid.x.step, float(north[0]) / grid.y.step, name)

    @property
    def unit_ratio(self) -> float:
        """Length on the ground of one unit in y against one in x."""
        return (self.ground_y or 1.0) / (self.ground_x or 1.0)

    @property
    def side_ratio(self) -> float:
        """Height of the raster on the ground against its width."""
        return self.unit_ratio * (self.y.high - self.y.low) / (self.x.high - self.x.low)


def _unit(layer: xr.DataArray, crs: CRS | None) -> Unit:
    if crs is not None and crs.is_geographic:
        return "degree"
    declared = str(layer.coords[layer.dims[-1]].attrs.get("units", "")).lower()
    named = crs.axis_info[0].unit_name if crs is not None and crs.axis_info else declared
    return "m" if named in _METRES else "unknown"


def _name(crs: CRS | None) -> str:
    if crs is None:
        return ""
    code = crs.to_epsg()
    return f"{crs.name} (EPSG:{code})" if code else str(crs.name)
