"""Groups of connected pixels in a mask: their outlines, and which of them are touched by other outlines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.errors import InsarfeatError
from insarfeat.georeference import Grid, crs_of, grid_of
from insarfeat.plot._outlines import PlacedOutline
from insarfeat.tiling.groups import groups_in, pixels_of, window_of
from insarfeat.tiling.patches.scenes.objects import Objects, objects_in
from insarfeat.windows import Shape, Window

Mask = NDArray[np.bool_]

_KEPT_WHOLE = 1 << 26  # pixels up to which a layer is read at once instead of group by group


@dataclass(frozen=True, slots=True)
class Hits:
    """How outlines and the slides of a truth meet.

    Attributes
    ----------
    slides
        Groups of connected pixels of the truth.
    touched
        How many of them an outline touches.
    outlines
        Outlines that were laid on the truth.
    astray
        How many of them touch no slide.
    """

    slides: int
    touched: int
    outlines: int
    astray: int


def outlined_groups(mask: xr.DataArray, probability: xr.DataArray | None) -> dict[str, Any]:
    """Outlines of a mask (y, x) or (pair, y, x) as GeoJSON in the mask's CRS, in pixels where it has no map."""
    leading = mask.dims[:-2]
    layers = [mask] if not leading else [mask[number] for number in range(mask.shape[0])]
    features = []
    for number, layer in enumerate(layers):
        chances = probability if probability is None or not leading else probability[number]
        pair = str(layer.coords[leading[0]].values) if leading and leading[0] in layer.coords else ""
        features += _features_of(layer, chances, pair)
    crs = crs_of(mask)
    found: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs is not None:
        found["crs"] = {"type": "name", "properties": {"name": crs.to_wkt()}}
    return found


def hits_of(truth: xr.DataArray, outlines: tuple[PlacedOutline, ...]) -> Hits:
    """How outlines in the CRS of a truth (y, x) meet its slides, whose pixels touch, at a corner too.

    An outline touches a slide if the centre of one of its pixels is inside.

    >>> truth = xr.DataArray(np.array([[1, 0, 0, 0], [0, 1, 0, 1]], "u1"), dims=("y", "x"))
    >>> box = np.array([[0.0, 0], [2, 0], [2, 1], [0, 1], [0, 0]])
    >>> hits_of(truth, (PlacedOutline((box,), 0),))
    Hits(slides=2, touched=1, outlines=1, astray=0)
    """
    truth = _ones(truth)
    slides = objects_in(truth)
    shape = Shape(*truth.shape)
    touched: set[int] = set()
    astray = 0
    for outline in outlines:
        hit = _touched_by(outline, truth, slides, shape)
        touched |= hit
        astray += not hit
    return Hits(len(slides), len(touched), len(outlines), astray)


def _touched_by(outline: PlacedOutline, truth: xr.DataArray, slides: Objects, shape: Shape) -> set[int]:
    """Numbers of the slides that an outline touches."""
    rings = [_in_pixels(ring, truth) for ring in outline.rings]
    corners = np.concatenate(rings)
    low = np.clip(np.floor(corners.min(axis=0)), 0, (shape.width, shape.height)).astype(int).tolist()
    high = np.clip(np.ceil(corners.max(axis=0)), 0, (shape.width, shape.height)).astype(int).tolist()
    window = Window(low[1], low[0], high[1] - low[1], high[0] - low[0])
    if window.height <= 0 or window.width <= 0:
        return set()
    near = slides.under(window)
    if not len(near):
        return set()
    rows, columns = np.nonzero(_inside(rings, window) & (truth[window.slices].values == 1))
    rows, columns = rows + window.top, columns + window.left
    found: set[int] = set()
    for number in near.tolist():
        own = window_of(slides, number)
        boxed = (rows >= own.top) & (rows < own.bottom) & (columns >= own.left) & (columns < own.right)
        if not boxed.any():
            continue
        # Another slide may reach into the box of this one.
        pixels = pixels_of(truth[own.slices].values == 1, int(slides.area_pixels[number]))
        if pixels[rows[boxed] - own.top, columns[boxed] - own.left].any():
            found.add(number)
    return found


def _in_pixels(ring: NDArray[np.float64], layer: xr.DataArray) -> NDArray[np.float64]:
    """Corners as (column, row) from the outer corner of the first pixel."""
    grid = _grid_or_none(layer)
    if grid is None:
        return ring
    first, step = np.array([grid.x.first, grid.y.first]), np.array([grid.x.step, grid.y.step])
    placed: NDArray[np.float64] = (ring - first) / step + 0.5
    return placed


def _inside(rings: list[NDArray[np.float64]], window: Window) -> Mask:
    """Pixels of a window whose centres are inside."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    shape = {"type": "Polygon", "coordinates": [ring.tolist() for ring in rings]}
    place = Affine.translation(window.left, window.top)
    found = rasterize([(shape, 1)], (window.height, window.width), transform=place, dtype="uint8")
    return np.asarray(found, bool)


def _features_of(mask: xr.DataArray, probability: xr.DataArray | None, pair: str) -> list[dict[str, Any]]:
    probability = None if probability is None else _at_hand(probability)
    features = []
    for group in groups_in(_ones(mask)):
        attributes: dict[str, Any] = {"class": "landslide", "pair": pair}
        if probability is not None:
            chances = probability[group.window.slices].values[group.pixels]
            attributes["score"] = float(np.mean(chances, dtype=np.float64))
        if np.isfinite(group.area):
            attributes["area_m2"] = group.area
        features.append({"type": "Feature", "properties": attributes, "geometry": group.outline})
    return features


def _ones(mask: xr.DataArray) -> xr.DataArray:
    """1 in landslides and 0 elsewhere, nodata as well."""
    return _at_hand((mask == 1).astype(np.uint8))


def _at_hand(layer: xr.DataArray) -> xr.DataArray:
    """The layer in memory where it is small: one read instead of one per group."""
    return layer.compute() if layer.size <= _KEPT_WHOLE else layer


def _grid_or_none(layer: xr.DataArray) -> Grid | None:
    try:
        return grid_of(layer)
    except InsarfeatError:
        return None
