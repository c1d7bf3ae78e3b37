"""Which pair covers which place: footprints as polygons or as masks of valid pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidType
from zoo.shapes import Outline, rectangle

_HALF = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Of each pair with a footprint, which places it covers."""

    known: Mapping[str, NDArray[np.bool_]]

    def covers(self, pair: str, place: int) -> bool:
        """Whether it covers the place; pairs without a footprint cover all."""
        return pair not in self.known or bool(self.known[pair][place])


def covered(outlines: Sequence[Outline], footprints: Mapping[str, Any], crs: str | None) -> Coverage:
    """Which footprints cover at least half of the boxes about outlines."""
    boxes = [Outline.of(rectangle(*outline.bounds)) for outline in outlines]
    known = {}
    for name, footprint in footprints.items():
        if hasattr(footprint, "dims"):
            shares = _shares_of_mask(name, footprint, boxes, crs)
        elif isinstance(footprint, Mapping):
            whole = Outline.of(footprint)
            shares = np.array([whole.shared_with(box) / box.area for box in boxes])
        else:
            raise InvalidType(
                f"the footprint of {name} is a {type(footprint).__name__}; it must be a GeoJSON polygon or a "
                "mask as a DataArray"
            )
        known[str(name)] = shares >= _HALF
    return Coverage(known)


def _shares_of_mask(name: str, mask: Any, boxes: Sequence[Outline], crs: str | None) -> NDArray[np.float64]:
    """Share of each box that is valid; what of it lies off the raster is not."""
    import dask.base

    from insarfeat.georeference import grid_of, parse_crs

    grid = grid_of(mask)
    if None not in (crs, grid.crs_wkt) and not parse_crs(str(crs)).equals(
        parse_crs(str(grid.crs_wkt)), ignore_axis_order=True
    ):
        raise GridMismatch(
            f"the footprint of {name} is in {parse_crs(str(grid.crs_wkt)).name!r} and the detections in "
            f"{parse_crs(str(crs)).name!r}; bring it there first with insarfeat.geometry.regrid"
        )
    valid, pixels = [], []
    for box in boxes:
        west, south, east, north = box.bounds
        top, bottom = _span(grid.y.first, grid.y.step, south, north)
        left, right = _span(grid.x.first, grid.x.step, west, east)
        pixels.append((bottom - top) * (right - left))
        rows, columns = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
        valid.append((mask[..., rows, columns].data == 1).sum())
    # Together: chunks that several boxes lie in are read once.
    compute: Any = dask.base.compute
    return np.array(compute(*valid), np.float64) / np.array(pixels, np.float64)


def _span(first: float, step: float, low: float, high: float) -> tuple[int, int]:
    """Pixels whose centres lie between two coordinates, one at least, as (first, one after the last)."""
    one, other = sorted(((low - first) / step, (high - first) / step))
    begin, end = int(np.ceil(one)), int(np.floor(other)) + 1
    if end <= begin:
        begin = round((one + other) / 2)
        end = begin + 1
    return begin, end
