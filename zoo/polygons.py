"""From masks to polygons: one for each group of connected pixels, whatever its size and wherever tiles meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import grid_of
from insarfeat.tiling.groups import groups_in
from insarfeat.tiling.patches.scenes.naming import PAIR
from insarfeat.tiling.stages import OnProgress, Progress
from zoo.detections import Detections

if TYPE_CHECKING:
    import xarray as xr


def as_polygons(
    prediction: xr.Dataset, *, least_area: float = 0.0, progress: OnProgress = lambda _: None
) -> Detections:
    """Polygons of a predicted mask, with area and mean probability.

    Pixels of the mask that touch, at a corner too, are one landslide. The mask is read tile by tile; beside the table
    memory holds one landslide at a time.

    Parameters
    ----------
    prediction
        What a model for masks gives: ``landslide`` and ``landslide_probability``, of one pair or several.
    least_area
        In square metres; smaller ones are left out.
    progress
        Called with the number of landslides that are done, pair by pair.

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
        told: dict[str, Any] = {"pair": pair_of(prediction), "orbit": orbit, "about": about}
        return Detections.of_outlines(**_of_pair(mask, probability, least_area, progress), **told)
    parts = []
    for number, pair in enumerate(map(str, prediction[PAIR].values)):
        found = _of_pair(mask[number], probability[number], least_area, _titled(pair, progress))
        parts.append(Detections.of_outlines(**found, pair=pair, orbit=orbit, about=about))
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


def _titled(pair: str, progress: OnProgress) -> OnProgress:
    """Progress in one of several pairs."""
    return lambda told: progress(Progress(f"{pair}: {told.stage}", told.done, told.total))


def _of_pair(
    mask: xr.DataArray, probability: xr.DataArray, least_area: float, progress: OnProgress
) -> dict[str, Any]:
    """What is found in one pair: the first arguments of its detections."""
    shapes, scores, areas = [], [], []
    for group in groups_in(mask, least_area=least_area, progress=progress):
        chances = probability[group.window.slices].values[group.pixels]
        scores.append(float(np.mean(chances, dtype=np.float64)))
        shapes.append(group.outline)
        areas.append(group.area)
    columns: dict[str, Any] = {"class": ["landslide"] * len(shapes), "score": scores, "area_m2": areas}
    return {"outlines": shapes, "columns": columns, "crs": grid_of(mask).crs_wkt}
