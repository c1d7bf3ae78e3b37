"""Synthetic mountain terrain and the shape of its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insarfeat.synth._fields import Field, power_law_field, smooth

_FLOOR = 80.0  # half width of the main valley's floor, metres


@dataclass(frozen=True, slots=True)
class Surface:
    """Gradient of a terrain surface.

    Attributes
    ----------
    rise_east, rise_north
        Rise in metres per metre towards grid east and grid north.
    """

    rise_east: Field
    rise_north: Field

    @classmethod
    def of(cls, elevation: Field, pixel: float) -> Surface:
        """Return the surface of an elevation raster: metres, north up, square pixels of ``pixel`` metres.

        >>> plane = Surface.of(np.array([[9.0, 8.0], [9.0, 8.0]]), pixel=1.0)
        >>> plane.slope.tolist()[0], plane.aspect.tolist()[0]
        ([45.0, 45.0], [90.0, 90.0])
        """
        rise_south, rise_east = np.gradient(elevation, pixel)
        return cls(rise_east=np.asarray(rise_east), rise_north=np.negative(rise_south))

    @property
    def steepness(self) -> Field:
        """Tangent of the slope."""
        return np.asarray(np.hypot(self.rise_east, self.rise_north))

    @property
    def slope(self) -> Field:
        """Slope in degrees."""
        return np.asarray(np.degrees(np.arctan(self.steepness)))

    @property
    def aspect(self) -> Field:
        """Compass azimuth of the downslope direction in degrees, clockwise from north, in [0, 360)."""
        return np.asarray(np.degrees(np.arctan2(-self.rise_east, -self.rise_north)) % 360.0)


def mountain_terrain(rng: np.random.Generator, size: int, pixel: float) -> Field:
    """Return elevations in metres: ridges and side valleys above one winding main valley.

    The median slope is drawn between 15 and 20 degrees.

    >>> elevation = mountain_terrain(np.random.default_rng(1), size=64, pixel=15.0)
    >>> bool(14.9 < np.median(Surface.of(elevation, 15.0).slope) < 20.1)
    True
    """
    great, middle, small = (
        np.abs(power_law_field(rng, size, exponent=6.0, outer_scale=wavelength / pixel))
        for wavelength in (5000.0, 2500.0, 1200.0)
    )
    detail = power_law_field(rng, size, exponent=4.0, outer_scale=900.0 / pixel)
    # A folded field has a sharp crease where it was zero: a ridge one way up, a side valley the other.
    relief = smooth(0.45 * middle + 0.15 * small - great, 25.0 / pixel) + 0.02 * detail
    relief -= relief.min()

    distance, downstream = _main_valley(rng, size, pixel)
    above_river = 1.0 - np.exp(-((np.maximum(distance - _FLOOR, 0.0) / 1200.0) ** 1.2))
    shape = above_river * (relief + 1.0) - 2e-5 * downstream

    median_slope = np.radians(rng.uniform(15.0, 20.0))
    to_metres = np.tan(median_slope) / np.median(Surface.of(shape, pixel).steepness)
    return np.asarray((shape - shape.min()) * to_metres + rng.uniform(300.0, 900.0))


def _main_valley(rng: np.random.Generator, size: int, pixel: float) -> tuple[Field, Field]:
    """Distance from a winding river and distance along its valley, both in metres."""
    course = rng.uniform(0.0, 2.0 * np.pi)
    offset = rng.uniform(-0.2, 0.2) * size * pixel
    winding = 300.0 * power_law_field(rng, size, exponent=5.0, outer_scale=3000.0 / pixel)
    south, east = np.mgrid[:size, :size] * pixel - size * pixel / 2.0
    across = east * np.cos(course) + south * np.sin(course)
    downstream = east * np.sin(course) - south * np.cos(course)
    return np.abs(across + winding - offset), downstream
