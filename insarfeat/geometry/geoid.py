"""The geoid: how high above the ellipsoid the zero of elevations is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.georeference import grid_of, parse_crs, spatial_dims

Floats = NDArray[np.float64]

_REACHES = 120.0  # metres, more than anywhere on Earth


@dataclass(frozen=True, eq=False, slots=True)
class Geoid:
    """Height of the geoid above the ellipsoid: one number, or a table over latitude and longitude, linear between."""

    latitudes: Floats
    longitudes: Floats
    heights: Floats

    @classmethod
    def level(cls, height: float) -> Geoid:
        """The same everywhere."""
        return cls(np.zeros(1), np.zeros(1), np.full((1, 1), height))

    @classmethod
    def over(cls, latitudes: Floats, longitudes: Floats, heights: Floats) -> Geoid:
        """A table; one that goes round the Earth is closed, so that there is no gap at its ends."""
        step = longitudes[1] - longitudes[0]
        if abs(longitudes[-1] + step - longitudes[0] - 360) < 0.01 * step:
            longitudes = np.append(longitudes, longitudes[0] + 360)
            heights = np.hstack([heights, heights[:, :1]])
        return cls(latitudes, longitudes, heights)

    @property
    def label(self) -> str:
        """What it is, in numbers."""
        numbers = b"".join(part.tobytes() for part in (self.latitudes, self.longitudes, self.heights))
        return f"geoid {hashlib.blake2b(numbers, digest_size=8).hexdigest()}"

    def above(self, latitude: Floats, longitude: Floats) -> Floats:
        """Metres above the ellipsoid; NaN beyond the table."""
        if self.heights.size == 1:
            return np.full(latitude.shape, self.heights[0, 0])
        from scipy.interpolate import RegularGridInterpolator

        table = RegularGridInterpolator(
            (self.latitudes, self.longitudes), self.heights, bounds_error=False, fill_value=np.nan
        )
        west = self.longitudes[0]
        east = west + np.remainder(longitude - west, 360.0)
        return np.asarray(table(np.stack([latitude, east], axis=-1)), np.float64)


def geoid_of(given: Any) -> Geoid:
    """A number, or a raster over latitude and longitude."""
    if hasattr(given, "coords"):
        grid = grid_of(given)
        if grid.crs_wkt is None or not parse_crs(grid.crs_wkt).is_geographic:
            raise InvalidArgument(
                "geoid must be a DataArray over latitude and longitude (of a geographic CRS)"
            )
        y, x = spatial_dims(given)
        table = given.sortby([y, x])
        latitudes, longitudes, heights = (
            part.values.astype(np.float64) for part in (table[y], table[x], table)
        )
        highest = np.nanmax(np.abs(heights), initial=0)
        if highest > _REACHES:
            raise InvalidArgument(
                f"geoid must be metres above the ellipsoid, from -107 to 86 on Earth; it holds {highest:.0f}. Is it "
                "a DEM?"
            )
        return Geoid.over(latitudes, longitudes, heights)
    try:
        height = float(given)
    except (TypeError, ValueError):
        height = np.nan
    if not abs(height) <= _REACHES:
        raise InvalidArgument(
            "geoid must be metres above the ellipsoid, from -107 to 86 on Earth (0 where elevations are "
            f"ellipsoidal), or a DataArray of them; got {given!r}"
        )
    return Geoid.level(height)
