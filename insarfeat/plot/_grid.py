"""Where a raster lies: its extent, its unit and its scale, read from the coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

Unit = Literal["m", "degree", "unknown", "px"]

_METRES_PER_DEGREE = 111_320.0
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

        >>> grid = MapGrid.of(xr.DataArray([[1, 2]], {"lat": [0.0], "lon": [5.0, 5.5]}, ("lat", "lon")))
        >>> grid.unit, grid.x.low, grid.x.high, grid.ground_x
        ('degree', 4.75, 5.75, 111320.0)
        """
        x, y = _axis(layer, -1), _axis(layer, -2)
        if x is None or y is None:
            rows, columns = layer.shape[-2:]
            return cls(Axis(0.0, columns, 1.0), Axis(0.0, rows, -1.0), "px", None, None, _crs_name(layer))
        middle_x, middle_y = (x.low + x.high) / 2.0, (y.low + y.high) / 2.0
        crs = _crs(layer)
        match _unit(layer, crs):
            case "m":
                scale = 1.0 if crs is None else _point_scale(crs, middle_x, middle_y)
                return cls(x, y, "m", 1.0 / scale, 1.0 / scale, _crs_name(layer))
            case "degree":
                along_parallel = _METRES_PER_DEGREE * float(np.cos(np.radians(middle_y)))
                return cls(x, y, "degree", along_parallel, _METRES_PER_DEGREE, _crs_name(layer))
            case _:
                return cls(x, y, "unknown", None, None, _crs_name(layer))

    @property
    def unit_ratio(self) -> float:
        """Length on the ground of one unit in y against one in x."""
        return (self.ground_y or 1.0) / (self.ground_x or 1.0)

    @property
    def side_ratio(self) -> float:
        """Height of the raster on the ground against its width."""
        return self.unit_ratio * (self.y.high - self.y.low) / (self.x.high - self.x.low)


def _axis(layer: xr.DataArray, position: int) -> Axis | None:
    """Axis from the coordinate of one dim; None where it has no numeric one."""
    name = layer.dims[position]
    if name not in layer.coords or layer.coords[name].dtype.kind not in "fiu":
        return None
    centres = layer.coords[name].values.astype(np.float64)
    step = float(centres[-1] - centres[0]) / (centres.size - 1) if centres.size > 1 else 1.0
    if not np.isfinite(step) or step == 0.0:
        return None
    half = abs(step) / 2.0
    return Axis(float(min(centres[0], centres[-1])) - half, float(max(centres[0], centres[-1])) + half, step)


def _unit(layer: xr.DataArray, crs: Any) -> Unit:
    name = layer.dims[-1]
    declared = str(layer.coords[name].attrs.get("units", "")).lower()
    if declared in _METRES:
        return "m"
    if declared.startswith("degree") or name in ("lon", "longitude"):
        return "degree"
    if crs is not None and crs.is_geographic:
        return "degree"
    if crs is not None and crs.is_projected and crs.axis_info[0].unit_name in _METRES:
        return "m"
    return "unknown"


def _well_known_text(layer: xr.DataArray) -> str:
    mapping = layer.encoding.get("grid_mapping", layer.attrs.get("grid_mapping", "spatial_ref"))
    if mapping not in layer.coords:
        return ""
    attributes = layer.coords[mapping].attrs
    return str(attributes.get("crs_wkt", attributes.get("spatial_ref", "")))


def _crs(layer: xr.DataArray) -> Any:
    """The layer's pyproj CRS, or None where it has none that can be read."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    text = _well_known_text(layer)
    try:
        return CRS.from_wkt(text) if text else None
    except CRSError:
        return None


def _crs_name(layer: xr.DataArray) -> str:
    crs = _crs(layer)
    if crs is None:
        return "unreadable" if _well_known_text(layer) else ""
    code = crs.to_epsg()
    return f"{crs.name} (EPSG:{code})" if code else str(crs.name)


def _point_scale(crs: Any, x: float, y: float) -> float:
    """Map length per length on the ground: 1.44 for web Mercator at 46 degrees north, near 1 for UTM."""
    from pyproj import Proj, Transformer

    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    scale = float(np.sqrt(Proj(crs).get_factors(*to_degrees.transform(x, y)).areal_scale))
    return scale if np.isfinite(scale) and scale > 0.0 else 1.0
