"""Files of results, sorted into layers that join a stack and outlines that are drawn on it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from insarfeat import georeference
from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.io import open_stack
from insarfeat.layers import LAYERS, fill_value
from insarfeat.plot._sample import is_raster
from insarfeat.report.blind import BlindSpots
from insarfeat.report.found import VECTORS, Found

_TRUTH = "landslide"
_RASTERS = (".nc", ".nc4", ".zarr", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """A stack with the results that belong to it: what :func:`insarfeat.report.write_report` takes.

    Attributes
    ----------
    dataset
        The stack with the layers of the results.
    detections
        What was found, and maps of where nothing could have been found, in the order of the files.
    """

    dataset: xr.Dataset
    detections: tuple[Found | BlindSpots, ...]


def gather(stack: xr.Dataset, results: Iterable[str | os.PathLike[str]]) -> Gathered:
    """Read results and put them beside the stack that they are of.

    Parameters
    ----------
    stack
        Layers on one grid; nothing of it is replaced.
    results
        Paths. ``.nc``, ``.zarr`` and ``.tif``: rasters on the grid of the stack, whose layers join it, under the name
        "NAME of FILE" where the stack has one of that name, and ``landslide`` always so: it is not the truth. What a
        model for masks gives is outlined, too. The map of ``insarfeat blindspots`` has a grid of its own and
        joins the page as it is. ``.gpkg`` and ``.geojson``: outlines in any CRS.

    Raises
    ------
    GridMismatch
        Where a raster lies on another grid, or a map of blind spots on other ground.

    Examples
    --------
    >>> gather(xr.Dataset(), []).detections
    ()
    """
    joined = stack
    found: list[Found | BlindSpots] = []
    for path in map(Path, results):
        suffix = path.suffix.lower()
        if suffix in VECTORS:
            found.append(Found.read(path))
            continue
        if suffix not in _RASTERS:
            raise InvalidArgument(
                f"{path.name} is no result that a report can show; its ending must be one of "
                f"{', '.join((*_RASTERS, *VECTORS))}"
            )
        result = open_stack(path)
        spots = BlindSpots.of(result, path.name)
        if spots is not None:
            for layer in _rasters(stack)[:1]:
                spots.check_place(layer)
            found.append(spots)
            continue
        joined = _joined(joined, result, path.name)
        outlined = Found.of_mask(result, path.name)
        if outlined is not None:
            found.append(outlined)
    return Gathered(joined, tuple(found))


def _joined(stack: xr.Dataset, result: xr.Dataset, origin: str) -> xr.Dataset:
    """The stack with the rasters of a result on its own coordinates."""
    own = _rasters(stack)
    layers = {}
    for name, layer in result.data_vars.items():
        if not is_raster(layer):
            continue
        if own:
            _check_grid(own[0], layer, origin)
        for dim in layer.dims[:-2]:
            if dim in stack.sizes and not _same_along(dim, stack, layer):
                raise GridMismatch(
                    f"{origin}: {name} runs along {dim!r} otherwise than the stack does; make the result from this "
                    "stack, or report it with the stack that it was made from"
                )
        if own:
            layer = layer.drop_vars([name for name in layer.coords if name in stack.coords])
        if name in stack or name == _TRUTH:  # what was found must not pass for the truth
            name, layer = f"{name} of {origin}", _drawn_as(layer, str(name))
        layers[name] = layer
    return stack.assign(layers)


def _rasters(stack: xr.Dataset) -> list[xr.DataArray]:
    return [layer for layer in stack.data_vars.values() if is_raster(layer)]


def _check_grid(own: xr.DataArray, layer: xr.DataArray, origin: str) -> None:
    try:
        georeference.same_grid([own, layer])
    except GridMismatch as error:
        raise GridMismatch(
            f"{origin} does not lie on the grid of the stack ({error}); bring it there first with "
            "insarfeat.geometry.regrid, or give outlines (.gpkg, .geojson), which are brought there by themselves"
        ) from error
    mine, theirs = georeference.crs_of(own), georeference.crs_of(layer)
    if mine is not None and theirs is not None and not mine.equals(theirs, ignore_axis_order=True):
        raise GridMismatch(
            f"{origin} is in {theirs.name!r} and the stack in {mine.name!r}; bring it to the grid of the stack first "
            "with insarfeat.geometry.regrid"
        )


def _same_along(dim: object, stack: xr.Dataset, layer: xr.DataArray) -> bool:
    if stack.sizes[dim] != layer.sizes[dim]:
        return False
    if dim not in stack.coords or dim not in layer.coords:
        return True
    return bool(np.array_equal(stack.coords[dim].values, layer.coords[dim].values))


def _drawn_as(layer: xr.DataArray, name: str) -> xr.DataArray:
    """The layer so described that another name takes nothing from it."""
    if name not in LAYERS:
        return layer
    told = {"drawn_as": name}
    if layer.dtype.kind in "iu":
        told["_FillValue"] = fill_value(layer.dtype)
    return layer.assign_attrs(told)
