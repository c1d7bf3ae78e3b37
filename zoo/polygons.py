"""From masks to polygons: one for each group of connected pixels, whatever its size and wherever tiles meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import Grid, grid_of
from insarfeat.metrics import metrics_of
from insarfeat.tiling.patches.scenes.naming import PAIR
from insarfeat.tiling.patches.scenes.objects import Objects, objects_in
from insarfeat.windows import Window
from zoo.detections import Detections

if TYPE_CHECKING:
    import xarray as xr

_EIGHT = np.ones((3, 3), bool)


def as_polygons(prediction: xr.Dataset, *, least_area: float = 0.0) -> Detections:
    """Polygons of a predicted mask, with area and mean probability.

    Pixels of the mask that touch, at a corner too, are one landslide. The mask is read tile by tile; beside the table
    memory holds one landslide at a time.

    Parameters
    ----------
    prediction
        What a model for masks gives: ``landslide`` and ``landslide_probability``, of one pair or several.
    least_area
        In square metres; smaller ones are left out.

    Returns
    -------
    Detections
        Class "landslide"; ``score`` is the mean probability of the pixels, ``area_m2`` their area on the ground. In
        reading order, pair by pair.

    Examples
    --------
    >>> import xarray as xr
    >>> numbers = np.array([[0.1, 0.9], [0.2, 0.7]], "f4")
    >>> probability = xr.DataArray(numbers, {"y": [15.0, 0], "x": [0.0, 15]}, ("y", "x"))
    >>> mask = (probability > 0.5).astype("uint8")
    >>> found = as_polygons(xr.Dataset({"landslide": mask, "landslide_probability": probability}))
    >>> found.table[["area_m2", "score"]].round(2).values.tolist(), found.outlines[0]["type"]
    ([[450.0, 0.8]], 'Polygon')
    """
    for name in ("landslide", "landslide_probability"):
        if name not in prediction:
            raise InvalidArgument(
                f"prediction has no {name}; it must be what a model for masks gives: {list(prediction.data_vars)}"
            )
    if not least_area >= 0:
        raise InvalidArgument(f"least_area must be square metres, at least 0; got {least_area!r}")
    mask, probability = prediction["landslide"], prediction["landslide_probability"]
    if mask.dtype != np.uint8:
        raise InvalidType(f"landslide must be uint8 (0, 1, 255); got {mask.dtype}")
    orbit, about = orbit_of(prediction), told_by(prediction.attrs)
    if mask.ndim == 2:
        told = {"pair": pair_of(prediction), "orbit": orbit, "about": about}
        return _of_pair(mask, probability, least_area, told)
    parts = [
        _of_pair(
            mask[number],
            probability[number],
            least_area,
            {"pair": str(prediction[PAIR].values[number]), "orbit": orbit, "about": about},
        )
        for number in range(mask.shape[0])
    ]
    return Detections.joined(parts)


def told_by(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What attributes of a prediction say of the model."""
    return {name: attributes[name] for name in ABOUT if name in attributes}


ABOUT = ("model", "version", "threshold", "training_data", "statement", "missing_bands")
"""What every result says of its model."""


def pair_of(stack: xr.Dataset) -> str:
    """Name of the pair of a stack that has one: as it was among several, or from its dates, if it tells them."""
    if PAIR in stack.coords and stack[PAIR].ndim == 0:
        return str(stack[PAIR].values)
    days = [
        str(stack.attrs.get(name, ""))[:10].replace("-", "") for name in ("primary_date", "secondary_date")
    ]
    if all(len(day) == 8 and day.isdigit() for day in days):
        return "_".join(days)
    return ""


def orbit_of(stack: xr.Dataset) -> str:
    """Return A for ascending, D for descending, nothing where the stack does not tell."""
    told = str(stack.attrs.get("orbit_direction", "")).lower()
    if told in ("ascending", "descending"):
        return told[0].upper()
    heading = stack.attrs.get("heading")
    if isinstance(heading, int | float | np.number) and np.isfinite(heading):
        return "A" if np.cos(np.deg2rad(float(heading))) > 0 else "D"
    return ""


def _of_pair(
    mask: xr.DataArray, probability: xr.DataArray, least_area: float, told: Mapping[str, Any]
) -> Detections:
    grid = grid_of(mask)
    objects = objects_in(mask, grid)
    areas = objects.area_pixels * _pixel_areas(mask, objects)
    chosen = np.flatnonzero(areas >= least_area)
    shapes, scores = [], []
    for number in chosen.tolist():
        window = Window(
            int(objects.row0[number]),
            int(objects.col0[number]),
            int(objects.row1[number] - objects.row0[number]),
            int(objects.col1[number] - objects.col0[number]),
        )
        pixels = _pixels_of(mask[window.slices].values == 1, int(objects.area_pixels[number]))
        scores.append(float(np.mean(probability[window.slices].values[pixels], dtype=np.float64)))
        shapes.append(_polygon(pixels, window, grid))
    columns: dict[str, Any] = {
        "class": ["landslide"] * len(chosen),
        "score": scores,
        "area_m2": areas[chosen],
    }
    return Detections.of_outlines(shapes, columns, crs=grid.crs_wkt, **told)


def _pixel_areas(mask: xr.DataArray, objects: Objects) -> NDArray[np.float64]:
    """Square metres of a pixel in the middle of each object."""
    down, across = metrics_of(mask, None).rows(0, mask.shape[0])
    middles = ((objects.row0 + objects.row1) // 2).astype(np.int64)
    found: NDArray[np.float64] = np.abs(down * across)[middles]
    return found


def _pixels_of(found: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Of the groups in a window the one that the window is of.

    It reaches all four sides. No other can: its way from left to right would cross this one's from top to bottom.
    """
    from scipy.ndimage import label

    labels, groups = label(found, _EIGHT)
    for group in range(1, groups + 1):
        pixels: NDArray[np.bool_] = labels == group
        sides = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
        if all(side.any() for side in sides) and int(pixels.sum()) == count:
            return pixels
    raise InvalidArgument("the mask has changed while it was read; store it before its polygons are made")


def _polygon(pixels: NDArray[np.bool_], window: Window, grid: Grid) -> dict[str, Any]:
    """Outline of pixels in the map's coordinates; pixels that touch at a corner are parts of their own."""
    from rasterio.features import shapes
    from rasterio.transform import Affine

    a, b, c, d, e, f = grid.affine
    corner = Affine(a, b, c + a * window.left, d, e, f + e * window.top)
    parts = [
        shape["coordinates"]
        for shape, value in shapes(pixels.astype(np.uint8), mask=pixels, connectivity=4, transform=corner)
        if value == 1
    ]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}
