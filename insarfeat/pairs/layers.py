"""Which rasters of a dataset are the phase, the coherence and the elevation, and how long their pixels are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.filters import phase_coherence
from insarfeat.georeference import same_grid
from insarfeat.metrics import Metrics, metrics_of, planar_metrics
from insarfeat.pairs.cells import Spacing

if TYPE_CHECKING:
    from insarfeat.metrics import Resolution

PHASES = ("interferogram", "wrapped_phase", "unwrapped_phase")
"""Layers that can be judged, the first that is there."""

_RADIANS = frozenset({"rad", "radian", "radians"})


@dataclass(frozen=True, slots=True)
class Layers:
    """Two-dimensional arrays of one size, NumPy or Dask.

    Attributes
    ----------
    phase
        Radians, or complex.
    coherence
        0 to 1.
    coherence_made
        Whether it comes from the phase alone.
    elevation
        Metres, or None.
    spacing
        Distances from pixel to pixel.
    north_up
        Steps (1 or -1) along rows and columns that bring north up and east right.
    """

    phase: Any
    coherence: Any
    coherence_made: bool
    elevation: Any
    spacing: Spacing
    north_up: tuple[int, int]


def layers_of(given: Any, elevation: Any, resolution: Resolution | None) -> Layers:
    """Find the layers to judge."""
    rasters = _rasters(given)
    phase = _flat(_phase(rasters), "the phase")
    if min(phase.shape) < 2:
        raise InvalidArgument(f"the phase is {phase.shape} pixels; at least 2 x 2 are needed to see fringes")
    coherence = rasters.get("coherence")
    made = coherence is None
    coherence = phase_coherence(phase) if made else _flat(coherence, "coherence")
    if elevation is None:
        elevation = rasters.get("elevation")
    if elevation is not None:
        elevation = _on_the_grid(_flat(elevation, "elevation"), phase)
    _check_same_grid(phase, coherence, elevation)
    return Layers(
        phase=_data(phase),
        coherence=_data(coherence),
        coherence_made=made,
        elevation=None if elevation is None else _data(elevation),
        spacing=_spacing(phase, resolution),
        north_up=_north_up(phase),
    )


def _rasters(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidType(
            "layers must be a Dataset, or a dict of rasters by name, with 'interferogram' or 'wrapped_phase'; got "
            f"{type(given).__name__}"
        )
    return {
        str(name): one
        for name, one in getattr(given, "data_vars", given).items()
        if getattr(one, "ndim", 0) >= 2
    }


def _phase(rasters: dict[str, Any]) -> Any:
    """The phase by its name; else the only complex layer, the only one in radians, or the only one."""
    for name in PHASES:
        if name in rasters:
            return rasters[name]
    others = {name: one for name, one in rasters.items() if name not in ("coherence", "elevation")}
    for fits in (
        [one for one in others.values() if one.dtype.kind == "c"],
        [
            one
            for one in others.values()
            if str(getattr(one, "attrs", {}).get("units", "")).lower() in _RADIANS
        ],
        list(others.values()),
    ):
        if len(fits) == 1 and fits[0].dtype.kind in "cf":
            return fits[0]
    raise InvalidArgument(
        "layers hold no 'interferogram' or 'wrapped_phase', and no other layer is clearly a phase; rename the one "
        f"that is. There are: {', '.join(rasters) or 'none'}"
    )


def _flat(raster: Any, name: str) -> Any:
    """A raster without leading dimensions, which must be of length 1."""
    if isinstance(raster, np.ma.MaskedArray) or not hasattr(raster, "dtype"):
        raise InvalidType(
            f"{name} must be a NumPy array, a Dask array or a DataArray, with NaN for nodata; got "
            f"{type(raster).__name__}"
        )
    if raster.ndim < 2 or any(size != 1 for size in raster.shape[:-2]):
        raise InvalidArgument(
            f"{name} has shape {tuple(raster.shape)}; one pair is judged at a time: pick one, e.g. with isel"
        )
    return raster[(0,) * (raster.ndim - 2)]


def _on_the_grid(elevation: Any, phase: Any) -> Any:
    """The elevation on the grid of the phase, resampled where it lies on another one."""
    if not hasattr(elevation, "coords") or not hasattr(phase, "coords"):
        return elevation
    try:
        same_grid([phase, elevation])
    except GridMismatch:
        if not all(dim in one.coords for one in (phase, elevation) for dim in one.dims):
            raise
        from insarfeat.geometry import regrid

        return regrid(elevation.rename("elevation"), phase)
    return elevation


def _check_same_grid(phase: Any, coherence: Any, elevation: Any) -> None:
    for name, raster in (("coherence", coherence), ("elevation", elevation)):
        if raster is not None and raster.shape != phase.shape:
            raise GridMismatch(
                f"{name} is {' x '.join(map(str, raster.shape))} pixels, the phase "
                f"{' x '.join(map(str, phase.shape))}; bring them to one grid first"
            )
    labelled = [one for one in (phase, coherence, elevation) if hasattr(one, "coords")]
    if labelled:
        same_grid(labelled)


def _data(raster: Any) -> Any:
    return raster.data if hasattr(raster, "coords") else raster


def _spacing(phase: Any, resolution: Resolution | None) -> Spacing:
    """Metres from pixel to pixel in the middle of the raster, or 1 where nobody knows."""
    metrics: Metrics
    if hasattr(phase, "coords") and any(dim in phase.coords for dim in phase.dims):
        metrics = metrics_of(phase, resolution)
    elif resolution is not None:
        metrics = planar_metrics(resolution)
    else:
        return Spacing(1.0, 1.0, "pixels")
    middle = phase.shape[0] // 2
    down, across = (abs(float(size[0])) for size in metrics.rows(middle, middle + 1))
    return Spacing(down, across, "m")


def _north_up(phase: Any) -> tuple[int, int]:
    steps = []
    for dim, wanted in zip(getattr(phase, "dims", ()), (-1, 1), strict=False):
        rising = dim in phase.coords and bool(phase.coords[dim][-1] > phase.coords[dim][0])
        known = dim in phase.coords
        steps.append(-1 if known and rising == (wanted < 0) else 1)
    return (steps[0], steps[1]) if len(steps) == 2 else (1, 1)
