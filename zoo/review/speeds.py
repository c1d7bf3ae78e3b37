"""How fast a slide moves down its slope, from the layers of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument
from insarfeat.geometry import SENTINEL1_WAVELENGTH
from insarfeat.georeference import grid_of
from zoo.detections import days_of
from zoo.polygons import pair_of

if TYPE_CHECKING:
    import xarray as xr

SPEEDS = ("speed_low", "speed_high", "speed_from")
"""Columns: cm a year down the slope, and what they were taken from."""

_FLOOR = 0.2  # of the slope-to-LOS factor, below which dividing by it says nothing
_RING = 8  # pixels about an outline that are taken for still ground
_LEAST = 4  # pixels
_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Speed:
    """Median and 90th percentile of the speed inside an outline, cm a year; NaN where nothing is known.

    ``source`` is "unwrapped", or "wrapped": then half a fringe is the most that can be told, and faster motion folds
    back.
    """

    low: float = float("nan")
    high: float = float("nan")
    source: str = ""


def speeds_of(layers: xr.Dataset, outlines: Sequence[Mapping[str, Any]]) -> list[Speed]:
    """Speeds inside outlines, against the still ground about each.

    Displacement along the line of sight is divided by the share of it that motion down the slope makes.

    Parameters
    ----------
    layers
        ``displacement`` or ``wrapped_phase``, and ``slope_to_los``; the days come from the name of the pair or from
        the attribute ``baseline_days``.
    outlines
        GeoJSON, in the CRS of the layers.
    """
    if "slope_to_los" not in layers:
        raise InvalidArgument("layers have no slope_to_los, by which motion is turned down the slope; add it")
    name = next((name for name in ("displacement", "wrapped_phase") if name in layers), None)
    if name is None:
        raise InvalidArgument("layers have neither displacement nor wrapped_phase; add one")
    days = layers.attrs.get("baseline_days") or days_of(pair_of(layers)).between
    if not days:
        raise InvalidArgument(
            "layers do not tell the days between their images; set the attribute baseline_days"
        )
    wavelength = float(layers.attrs.get("wavelength", SENTINEL1_WAVELENGTH))
    return [_speed(layers, name, outline, float(days), wavelength) for outline in outlines]


def _speed(
    layers: xr.Dataset, name: str, outline: Mapping[str, Any], days: float, wavelength: float
) -> Speed:
    from rasterio.features import geometry_mask
    from rasterio.transform import Affine
    from scipy.ndimage import binary_dilation

    rows, cols = _window(layers, outline)
    part = layers[[name, "slope_to_los"]].isel(y=rows, x=cols)
    if min(part.sizes["y"], part.sizes["x"]) < 2:
        return Speed()
    values, facing = part[name].values, part["slope_to_los"].values
    transform = Affine(*grid_of(part[name]).affine)
    inside = geometry_mask([dict(outline)], values.shape, transform, invert=True)
    around = binary_dilation(inside, iterations=_RING) & ~binary_dilation(inside, iterations=1)
    known = np.isfinite(values)
    if (around & known).sum() < _LEAST:
        return Speed()
    moved = _against(values, around & known, wavelength if name == "wrapped_phase" else None)
    usable = inside & known & (np.abs(facing) > _FLOOR)
    if usable.sum() < _LEAST:
        return Speed()
    # Displacement is positive towards the satellite, and slope_to_los where motion down the slope leads away from it.
    speeds = np.abs(moved[usable] / facing[usable]) * 100.0 * _DAYS_PER_YEAR / days
    low, high = np.percentile(speeds, [50.0, 90.0])
    return Speed(float(low), float(high), "wrapped" if name == "wrapped_phase" else "unwrapped")


def _against(
    values: npt.NDArray[Any], still: npt.NDArray[np.bool_], wavelength: float | None
) -> npt.NDArray[np.float64]:
    """Metres towards the satellite against still ground; of a phase what half a fringe either way can say."""
    if wavelength is None:
        return np.asarray(values - np.median(values[still]), np.float64)
    phasor = np.exp(1j * values.astype(np.float64))
    rest = phasor[still].mean()
    return np.asarray(-np.angle(phasor * np.conj(rest)) * wavelength / (4.0 * np.pi), np.float64)


def _window(layers: xr.Dataset, outline: Mapping[str, Any]) -> tuple[slice, slice]:
    """Pixels about an outline."""
    from zoo.shapes import bounds_of

    west, south, east, north = bounds_of(outline)
    found = []
    for name, (low, high) in (("y", (south, north)), ("x", (west, east))):
        places = layers[name].values
        near = np.flatnonzero((places >= low) & (places <= high))
        if not near.size:
            near = np.array([int(np.abs(places - (low + high) / 2.0).argmin())])
        found.append(slice(max(int(near[0]) - _RING - 2, 0), int(near[-1]) + _RING + 3))
    return found[0], found[1]
