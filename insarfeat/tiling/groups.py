"""Groups of connected pixels in a mask of any size, one after the other: their pixels, their area, their outline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InsarfeatError, InvalidArgument
from insarfeat.georeference import Grid, grid_of
from insarfeat.metrics import metrics_of
from insarfeat.tiling.patches.scenes.objects import Objects, objects_in
from insarfeat.tiling.stages import OnProgress, Progress
from insarfeat.windows import Window

if TYPE_CHECKING:
    import xarray as xr

Mask = NDArray[np.bool_]

_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Pixels that touch, at a corner too.

    Attributes
    ----------
    window
        Of the raster: the box about them.
    pixels
        Which pixels of the window.
    area
        On the ground, square metres; NaN where the raster tells no map.
    outline
        GeoJSON geometry in the CRS of the raster, or in pixels (column, row). Pixels that touch at a corner alone are
        parts of their own.
    """

    window: Window
    pixels: Mask
    area: float
    outline: dict[str, Any]


def groups_in(
    mask: xr.DataArray, *, least_area: float = 0.0, progress: OnProgress = lambda _: None
) -> Iterator[Group]:
    """Groups of a mask, in reading order; the mask is read tile by tile, then group by group.

    Parameters
    ----------
    mask
        uint8 (y, x): 1 where there is something.
    least_area
        Square metres; smaller groups are left out.
    progress
        Called with the number of groups that are done.

    Examples
    --------
    >>> import xarray as xr
    >>> mask = xr.DataArray(np.array([[1, 0, 0], [0, 1, 0]], "u1"), {"y": [15.0, 0], "x": [0.0, 15, 30]}, ("y", "x"))
    >>> [(group.window.width, group.area, group.outline["type"]) for group in groups_in(mask)]
    [(2, 450.0, 'MultiPolygon')]
    """
    grid = _grid_or_none(mask)
    objects = objects_in(mask, grid)
    areas = objects.area_pixels * _pixel_areas(mask, objects)
    for number in range(len(objects)):
        progress(Progress("outlining", number, len(objects)))
        if areas[number] < least_area:
            continue
        window = window_of(objects, number)
        pixels = pixels_of(mask[window.slices].values == 1, int(objects.area_pixels[number]))
        yield Group(window, pixels, float(areas[number]), _outline(pixels, window, grid))
    progress(Progress("outlining", len(objects), len(objects)))


def window_of(objects: Objects, number: int) -> Window:
    """The box about one of the objects of a raster."""
    row0, col0 = int(objects.row0[number]), int(objects.col0[number])
    return Window(row0, col0, int(objects.row1[number]) - row0, int(objects.col1[number]) - col0)


def pixels_of(there: Mask, count: int) -> Mask:
    """Of the groups in a window the one that the window is about, which has ``count`` pixels.

    It reaches all four sides. No other can: its way from left to right would cross this one's from top to bottom.
    """
    from scipy.ndimage import label

    labels, groups = label(there, _EIGHT)
    for group in range(1, groups + 1):
        pixels: Mask = labels == group
        sides = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
        if all(side.any() for side in sides) and int(pixels.sum()) == count:
            return pixels
    raise InvalidArgument("the mask has changed while it was read; store it before its outlines are made")


def _grid_or_none(mask: xr.DataArray) -> Grid | None:
    try:
        return grid_of(mask)
    except InsarfeatError:
        return None


def _pixel_areas(mask: xr.DataArray, objects: Objects) -> NDArray[np.float64]:
    """Square metres of a pixel in the middle of each object; NaN where the raster tells no map."""
    try:
        down, across = metrics_of(mask, None).rows(0, mask.shape[0])
    except InsarfeatError:
        return np.full(len(objects), np.nan)
    middles = ((objects.row0 + objects.row1) // 2).astype(np.int64)
    found: NDArray[np.float64] = np.abs(down * across)[middles]
    return found


def _outline(pixels: Mask, window: Window, grid: Grid | None) -> dict[str, Any]:
    from rasterio.features import shapes
    from rasterio.transform import Affine

    a, b, c, d, e, f = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0) if grid is None else grid.affine
    corner = Affine(a, b, c + a * window.left, d, e, f + e * window.top)
    found = shapes(pixels.astype(np.uint8), mask=pixels, connectivity=4, transform=corner)
    parts = [shape["coordinates"] for shape, _ in found]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}
