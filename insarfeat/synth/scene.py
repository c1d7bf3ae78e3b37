"""A labelled synthetic scene: image pair, terrain, one moving slope, and the truth behind them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.layers import LAYERS
from insarfeat.synth._fields import Field, power_law_field
from insarfeat.synth.radar import WAVELENGTH, View, cover_ground, image_pair
from insarfeat.synth.slide import place_slide, slide_motion
from insarfeat.synth.terrain import Surface, mountain_terrain

_EPSG = 32632
_CENTRE_EASTING, _CENTRE_NORTHING = 620_000.0, 4_905_000.0  # Northern Apennines, 44.3 N 10.5 E
_ATMOSPHERE = 0.5  # radian, standard deviation
_DAYS_PER_YEAR = 365.25


def scene(
    seed: int,
    *,
    size: int = 512,
    pixel: float = 15.0,
    incidence: float = 39.0,
    heading: float = -12.0,
    baseline_days: float = 12,
) -> xr.Dataset:
    """Return a synthetic radar scene of a mountain landscape with one moving slope, and its truth.

    The same arguments always give the same scene. Nothing in it is real ground: what works here is not
    thereby shown to work on real data. It has no layover, shadow, DEM error or stratified troposphere.

    Parameters
    ----------
    seed
        0 or more.
    size
        Rows and columns, 32 or more.
    pixel
        Pixel size in metres, 1 to 100.
    incidence
        Angle from the vertical at the ground, degrees, 15 to 60.
    heading
        Flight direction of the right-looking radar, degrees clockwise from north: about -12 when ascending,
        -168 when descending.
    baseline_days
        Days between the two images. Coherence falls with it.

    Returns
    -------
    xr.Dataset
        On a north-up UTM grid (EPSG:32632, ``y`` descending, pixel centres), without nodata:

        - ``primary``, ``secondary``: complex64 single-look images with speckle, coregistered on the map grid
        - ``elevation`` in metres
        - ``landslide``: 1 inside the outline of the slide, else 0
        - ``displacement_true``: metres along the line of sight, positive toward the satellite
        - ``atmosphere_true``: unwrapped phase of the atmosphere, radian
        - ``phase_true``: wrapped phase of ``primary * conj(secondary)`` without noise, radian in (-pi, pi].
          It grows with the range: ``-4 pi / wavelength * displacement_true + atmosphere_true``, wrapped
        - ``coherence_true``: 0 to 1

    Examples
    --------
    >>> made = scene(1, size=64)
    >>> dict(made.sizes), made.attrs["source"]
    ({'y': 64, 'x': 64}, 'synthetic scene, insarfeat.synth')
    >>> bool(made.landslide.any()), bool(abs(made.phase_true).max() <= np.pi)
    (True, True)
    """
    _check_whole("seed", seed, least=0)
    _check_whole("size", size, least=32)
    _check_range("pixel", pixel, 1.0, 100.0, "metres")
    _check_range("incidence", incidence, 15.0, 60.0, "degrees")
    _check_range("heading", heading, -360.0, 360.0, "degrees")
    _check_range("baseline_days", baseline_days, 1.0, 3660.0, "days")

    # One stream of random numbers per part: a change of one part leaves the others as they were.
    for_terrain, for_ground, for_slide, for_air, for_images = np.random.default_rng(seed).spawn(5)
    view = View(incidence=incidence, heading=heading)
    elevation = mountain_terrain(for_terrain, size, pixel)
    ground = cover_ground(
        for_ground, Surface.of(elevation, pixel), view, pixel=pixel, baseline_days=baseline_days
    )
    slide = place_slide(for_slide, elevation, ground.coherence, view, pixel=pixel)
    motion = slide_motion(slide, elevation, view, pixel=pixel)

    air = _ATMOSPHERE * power_law_field(for_air, size, exponent=3.3, outer_scale=8000.0 / pixel)
    phase = -4.0 * np.pi / WAVELENGTH * motion.toward_satellite + air
    pair = image_pair(for_images, ground, phase)

    layers = {
        "primary": _layer(
            pair.primary, "intensity", long_name="primary single-look complex image", units="1"
        ),
        "secondary": _layer(
            pair.secondary, "intensity", long_name="secondary single-look complex image", units="1"
        ),
        "elevation": _layer(elevation, "elevation"),
        "landslide": _layer(
            motion.mask,
            "landslide",
            downslope_motion=slide.motion,
            downslope_motion_units="m",
            speed=slide.motion * 100.0 * _DAYS_PER_YEAR / baseline_days,
            speed_units="cm/a",
        ),
        "displacement_true": _layer(
            motion.toward_satellite,
            "displacement",
            long_name="true line-of-sight displacement, positive toward the satellite",
        ),
        "atmosphere_true": _layer(air, "unwrapped_phase", long_name="true phase of the atmosphere"),
        "phase_true": _layer(
            _wrap(phase), "wrapped_phase", long_name="true wrapped phase of primary x conj(secondary)"
        ),
        "coherence_true": _layer(ground.coherence, "coherence", long_name="true interferometric coherence"),
    }
    attributes = {
        "title": f"Synthetic scene {seed}",
        "source": "synthetic scene, insarfeat.synth",
        "comment": "Drawn from random numbers. No real ground, no real measurement.",
        "seed": int(seed),
        "wavelength": WAVELENGTH,
        "incidence": float(incidence),
        "heading": float(heading),
        "look": "right",
        "baseline_days": float(baseline_days),
    }
    return xr.Dataset(layers, coords=_map_grid(size, pixel), attrs=attributes)


def _layer(values: npt.NDArray[Any], canonical: str, **own_attributes: Any) -> xr.Variable:
    """Variable with a canonical layer's attributes under its own; pictures borrow that layer's colours."""
    attributes = {**LAYERS[canonical].attributes, **own_attributes, "drawn_as": canonical}
    stored = values.astype(np.float32) if values.dtype == np.float64 else values
    return xr.Variable(("y", "x"), stored, attributes, encoding={"grid_mapping": "spatial_ref"})


def _map_grid(size: int, pixel: float) -> dict[str, xr.Variable]:
    """Coordinates of a square north-up UTM grid whose pixel edges lie on multiples of the pixel size."""
    from pyproj import CRS

    west = pixel * round(_CENTRE_EASTING / pixel - size / 2)
    north = pixel * round(_CENTRE_NORTHING / pixel + size / 2)
    steps = (np.arange(size) + 0.5) * pixel
    return {
        "y": xr.Variable(
            "y", north - steps, {"standard_name": "projection_y_coordinate", "units": "m", "axis": "Y"}
        ),
        "x": xr.Variable(
            "x", west + steps, {"standard_name": "projection_x_coordinate", "units": "m", "axis": "X"}
        ),
        "spatial_ref": xr.Variable((), 0, {"crs_wkt": CRS.from_epsg(_EPSG).to_wkt()}),
    }


def _wrap(phase: Field) -> npt.NDArray[np.float32]:
    """Phase in (-pi, pi]."""
    wrapped = np.angle(np.exp(1j * phase)).astype(np.float32)
    half_circle = np.float32(np.pi)
    # What lies just above -pi in float64 may round onto -pi, which is the same angle as pi.
    return np.where(wrapped <= -half_circle, half_circle, wrapped)


def _check_whole(name: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidType(
            f"{name} is {value!r}; it must be a whole number: pass for example {name}={max(least, 1)}"
        )
    if value < least:
        raise InvalidArgument(
            f"{name} is {value}; it must be {least} or more: pass for example {name}={max(least, 1)}"
        )


def _check_range(name: str, value: object, least: float, most: float, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InvalidType(f"{name} is {value!r}; it must be a number of {unit} from {least:g} to {most:g}")
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidArgument(
            f"{name} is {value}; it must lie from {least:g} to {most:g} {unit}: check the unit"
        )
