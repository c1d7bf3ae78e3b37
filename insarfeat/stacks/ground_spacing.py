"""How far apart the pixels of a radar image lie on the ground, and what it covers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument
from insarfeat.geometry.maps import map_named
from insarfeat.geometry.tie_points import MapPixels
from insarfeat.georeference import Axis, Grid, parse_crs

if TYPE_CHECKING:
    from insarfeat.geometry import Swath

_HALF_LIGHT = 299_792_458.0 / 2
_CELLS = 64


def spacing_of(latitude: Any, longitude: Any, swath: Swath | None) -> tuple[float, float]:
    """Metres from line to line and from sample to sample, in the middle of the image.

    From the places of its pixels, or from the timing of the swath: the ground range is the slant range over the
    sine of the incidence.
    """
    if latitude is not None and longitude is not None:
        return _between_places(latitude, longitude)
    if swath is None:
        raise InvalidArgument(
            "how large the pixels of the radar image are on the ground is not known: give latitude= and "
            "longitude=, or annotation="
        )
    first = swath.bursts[0]
    middle = swath.tie_points.incidence[:, swath.tie_points.incidence.shape[1] // 2]
    across = _HALF_LIGHT / first.slant_range.sampling_rate / math.sin(math.radians(float(middle.mean())))
    ground_speed = 0.9 * swath.orbit.speed(first.azimuth.first_time)  # the satellite flies a larger circle
    return first.azimuth.interval * ground_speed, across


def extent_of(swath: Swath) -> Grid:
    """A coarse map in degrees that covers a swath."""
    outline = swath.footprint()
    west, east = float(outline.longitude.min()), float(outline.longitude.max())
    south, north = float(outline.latitude.min()), float(outline.latitude.max())
    dy, dx = (north - south) / _CELLS, (east - west) / _CELLS
    return Grid(
        Axis(north - dy / 2, -dy, _CELLS), Axis(west + dx / 2, dx, _CELLS), parse_crs("EPSG:4326").to_wkt()
    )


def middle_of(raster: Any) -> tuple[float, float]:
    """Latitude and longitude of the middle of a raster on a map."""
    pixels = MapPixels(map_named(raster).grid)
    latitude, longitude = pixels.geographic(
        np.array([pixels.shape.height // 2]), np.array([pixels.shape.width // 2])
    )
    return float(latitude[0, 0]), float(longitude[0, 0])


def off_middle(swath: Swath, latitude: float, longitude: float) -> float:
    """How far off the middle of a swath a place lies: up to 1 inside, more beyond."""
    grid = swath.grid
    place = grid.locate(latitude, longitude, 0.0)
    sides = zip((place.line, place.sample), grid.shape, strict=True)
    off = max(abs(2 * float(at) / size - 1) for at, size in sides)
    return off if math.isfinite(off) else math.inf


def _between_places(latitude: Any, longitude: Any) -> tuple[float, float]:
    """Mean distances of neighbours among some pixels about the middle; nodata is passed over."""
    from pyproj import Geod

    rows, columns = latitude.shape[-2:]
    top, left = max(rows // 2 - 8, 0), max(columns // 2 - 8, 0)
    y, x = (np.asarray(part[top : top + 16, left : left + 16], np.float64) for part in (latitude, longitude))
    geod = Geod(ellps="WGS84")
    down = geod.inv(x[:-1], y[:-1], x[1:], y[1:])[2]
    across = geod.inv(x[:, :-1], y[:, :-1], x[:, 1:], y[:, 1:])[2]
    with np.errstate(invalid="ignore"):
        found = tuple(
            float(np.nanmean(part)) if np.isfinite(part).any() else math.nan for part in (down, across)
        )
    if not all(math.isfinite(part) and part > 0 for part in found):
        raise InvalidArgument(
            "latitude and longitude have no valid pixels about the middle of the image, so its pixel size is "
            "not known"
        )
    return found[0], found[1]
