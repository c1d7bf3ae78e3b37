"""Polygons of any origin brought to the map of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat import georeference
from insarfeat.errors import GridMismatch, InvalidArgument

if TYPE_CHECKING:
    from pyproj import CRS, Transformer

Ring = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedOutline:
    """One feature on the map of a layer.

    Attributes
    ----------
    rings
        Corners of all its rings as rows of (x, y), the first one repeated at the end.
    number
        Of the feature among those given, from 0.
    """

    rings: tuple[Ring, ...]
    number: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north)."""
        corners = np.concatenate(self.rings)
        (west, south), (east, north) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return west, south, east, north


def placed_outlines(outlines: Any, layer: xr.DataArray | xr.Dataset) -> tuple[PlacedOutline, ...]:
    """Outlines in the CRS of a layer, those without a polygon left out; unlike an inventory there may be none.

    Where either of them tells no CRS, coordinates are taken as those of the layer.

    >>> triangle = {"type": "Polygon", "coordinates": [[[0, 0], [0, 2], [2, 2], [0, 0]]]}
    >>> (placed,) = placed_outlines([triangle], xr.DataArray(np.zeros((2, 2)), dims=("y", "x")))
    >>> placed.bounds
    (0.0, 0.0, 2.0, 2.0)
    """
    from insarfeat.inventory.polygons import _as_geojson, _crs_of_polygons, _features_in, _things_in

    mapped = georeference.crs_of(layer)
    placed: list[PlacedOutline] = []
    number = 0
    for thing in _things_in(outlines):
        turn = _turn(_crs_of_polygons(thing), mapped)
        for feature in _features_in(_as_geojson(thing)):
            rings = tuple(ring for polygon in feature.polygons for ring in polygon.rings)
            if rings:
                placed.append(PlacedOutline(tuple(_turned(ring, turn) for ring in rings), number))
            number += 1
    return tuple(placed)


def _turn(own: CRS | None, mapped: CRS | None) -> Transformer | None:
    if own is None:
        return None
    if mapped is None:
        raise GridMismatch(
            f"outlines are in {own.name!r}, and the layer tells no CRS, so they cannot be laid on it; assign the "
            "layer its CRS, or give outlines in pixels (column, row) without one"
        )
    if own.equals(mapped, ignore_axis_order=True):
        return None
    from pyproj import Transformer

    return Transformer.from_crs(own, mapped, always_xy=True)


def _turned(ring: Ring, turn: Transformer | None) -> Ring:
    if turn is None:
        return ring
    found = np.stack(turn.transform(ring[:, 0], ring[:, 1]), axis=1)
    if not np.isfinite(found).all():
        raise InvalidArgument(
            "outlines reach to where the CRS of the layer is not defined; cut them to the region of the layer first"
        )
    return found
