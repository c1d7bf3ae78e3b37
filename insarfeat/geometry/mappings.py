"""Where radar pixels lie on a map and map pixels on a radar image: mappings that find rows and columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.bursts.burst import SPEED_OF_LIGHT
from insarfeat.geometry._kernels import doppler, inversion, positions
from insarfeat.geometry.boxes import Boxes
from insarfeat.geometry.ellipsoid import axes, to_earth_fixed
from insarfeat.geometry.geoid import Geoid
from insarfeat.geometry.radar_grid import RadarGrid
from insarfeat.geometry.tie_points import Bounds, MapPixels, MapTable
from insarfeat.windows import Halo, Shape, Window

Array = NDArray[Any]
Floats = NDArray[np.float64]

_LONGEST = 6000.0  # metres between neighbours, over which there is a gap and no ground
_FEWEST_PIXELS = 8
_BOUND_BY = 2000.0  # metres between points that bound a window
_BEYOND = 5.0  # seconds, in which a satellite passes more ground than lies between any two ties
_SLACK = 4  # pixels, for what bends between the points by which a window is bounded


@dataclass(frozen=True, slots=True)
class ElevationRange:
    """Lowest and highest ground in metres, which bound where it may lie on a radar image."""

    lowest: float
    highest: float


class _Positions:
    """A mapping whose two results are rows and columns."""

    __slots__ = ()

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """Positions are double."""
        return np.dtype(np.float64), np.dtype(np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class OnRadar(_Positions):
    """Lines and samples of map pixels, by range and Doppler: the mapping of (elevation,)."""

    pixels: MapPixels
    radar: RadarGrid
    geoid: Geoid
    elevations: ElevationRange

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return (
            f"range-Doppler of {self.pixels.grid} on {self.radar} above {self.geoid.label}, {self.elevations}"
        )

    @property
    def shape(self) -> Shape:
        """Height and width of the map."""
        return self.pixels.shape

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The elevations of the window."""
        return (core,)

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """Lines and samples."""
        (elevation,) = arrays
        assert elevation is not None
        return self.located(elevation, core)

    def located(self, elevation: Array, core: Window) -> tuple[Floats, Floats]:
        """Lines and samples of a window of the map."""
        rows = self.pixels.ties(core.top, core.bottom)
        columns = self.pixels.ties(core.left, core.right)
        latitude, longitude = self.pixels.geographic(rows, columns)
        above = self.geoid.above(latitude, longitude)
        ground = to_earth_fixed(latitude, longitude, above)
        times, _ = self._seen(*ground)
        upward = np.moveaxis(axes(latitude, longitude).up, -1, 0)
        ties = np.stack([*ground, *upward, times])
        lines, samples = np.empty((2, core.height, core.width))
        scales = self._scales
        given = np.ascontiguousarray(elevation, np.float64 if elevation.dtype.itemsize == 8 else np.float32)
        orbit = self.radar.arc.table
        positions.on_radar(given, lines, samples, core.top, core.left, rows, columns, ties, orbit, scales)
        return lines, samples

    def reach(self, core: Window) -> Window | None:
        """Pixels of the image on which the window may fall, from the lowest ground to the highest."""
        apart = max(1.0, _BOUND_BY / self.pixels.metres)
        rows, columns = _few(core.top, core.bottom, apart), _few(core.left, core.right, apart)
        latitude, longitude = self.pixels.geographic(rows, columns)
        above = self.geoid.above(latitude, longitude)
        heights = above + np.array([self.elevations.lowest, self.elevations.highest])[:, None, None]
        times, ranges = self._seen(*to_earth_fixed(latitude, longitude, heights))
        first, per_second, nearest, per_metre, late = self._scales
        lines = (times - late * ranges - first) * per_second
        return _around(lines, (ranges - nearest) * per_metre, Shape(*self.radar.shape))

    @property
    def _scales(self) -> tuple[float, float, float, float, float]:
        """Time of the first line, lines per second, range of the first sample, samples per metre of range.

        The last is by how much later than its line a place is seen, per metre of range.
        """
        slant_range, half_light = self.radar.slant_range, SPEED_OF_LIGHT / 2
        reference = self.radar.bistatic_reference
        return (
            self.radar.first_line_seconds - (reference or 0.0) / 2,
            1 / self.radar.azimuth.interval,
            half_light * slant_range.first_time,
            slant_range.sampling_rate / half_light,
            0.0 if reference is None else 1 / SPEED_OF_LIGHT,
        )

    def _seen(self, x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Zero-Doppler times and ranges of points between which others lie, NaN where the radar does not see.

        Also a little before and after the orbit's vectors, or pixels next to their ends would be lost.
        """
        arc = self.radar.arc
        times, ranges = np.empty((2, *x.shape))
        x, y, z = (np.ascontiguousarray(part).ravel() for part in np.broadcast_arrays(x, y, z))
        limits = (arc.first - _BEYOND, arc.last + _BEYOND)
        doppler.solve(x, y, z, arc.table, limits, self.radar.side, times.reshape(-1), ranges.reshape(-1))
        return times, ranges


@dataclass(frozen=True, eq=False, slots=True)
class RadarOnMap(_Positions):
    """Rows and columns of the map at radar pixels, by range and Doppler: the mapping of (elevation,)."""

    forward: OnRadar

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return f"inverse of {self.forward.label}"

    @property
    def shape(self) -> Shape:
        """Height and width of the image."""
        return Shape(*self.forward.radar.shape)

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The elevations of all ground that may be seen in the window."""
        found = self.reach(core)
        return (None if found is None else found.expanded(Halo.square(1), within=self.forward.shape),)

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """Rows and columns."""
        (elevation,), (window,) = arrays, windows
        if elevation is None or window is None:
            return _nowhere(core)
        radar = self.forward.radar
        lines, samples = self.forward.located(elevation, window)
        # Longest neighbours in pixels of the image, along whichever side counts more of them.
        spacing = min(
            SPEED_OF_LIGHT / 2 / radar.slant_range.sampling_rate,
            radar.azimuth.interval * radar.orbit.speed(radar.azimuth.first_time),
        )
        return _turned(lines, samples, core, window, _LONGEST / spacing)

    def reach(self, core: Window) -> Window | None:
        """Pixels of the map that may be seen in the window."""
        radar, pixels = self.forward.radar, self.forward.pixels
        lines, samples = _few(core.top, core.bottom, 128), _few(core.left, core.right, 128)
        # Not quite to the ends, beyond which there may be no orbit.
        sides = np.meshgrid(np.clip(lines, 0.01, radar.shape[0] - 1.01), samples, indexing="ij")
        found: list[tuple[Floats, Floats]] = []
        for elevation in (self.forward.elevations.lowest, self.forward.elevations.highest):
            height = np.full(sides[0].shape, elevation)
            for _ in range(2):  # the geoid's height where the place comes to lie
                latitude, longitude = radar.position(*sides, height)
                height = elevation + self.forward.geoid.above(latitude, longitude)
            found.append(pixels.pixels(latitude, longitude))
        rows, columns = (np.stack(part) for part in zip(*found, strict=True))
        return _around(rows, columns, pixels.shape)


@dataclass(frozen=True, eq=False, slots=True)
class PlacesOnMap(_Positions):
    """Rows and columns of a map at the pixels of a radar image: the mapping of (latitude, longitude)."""

    boxes: Boxes
    pixels: MapPixels

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return f"places on {self.pixels.grid}"

    @property
    def shape(self) -> Shape:
        """Height and width of the image."""
        return self.boxes.shape

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The places of the window."""
        return core, core

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """Rows and columns."""
        latitude, longitude = (np.ascontiguousarray(array, np.float64) for array in arrays)
        bounds = Bounds.of(latitude, longitude)
        return (
            _nowhere(core)
            if bounds is None
            else MapTable.over(self.pixels, bounds).places(latitude, longitude)
        )

    def reach(self, core: Window) -> Window | None:
        """Pixels of the map on which the window may fall."""
        bounds = self.boxes.bounds(core)
        if bounds is None:
            return None
        north, east = np.meshgrid(
            np.linspace(bounds.south, bounds.north, 17),
            np.linspace(bounds.west, bounds.east, 17),
            indexing="ij",
        )
        return _around(*self.pixels.pixels(north, east), self.pixels.shape)


@dataclass(frozen=True, eq=False, slots=True)
class MapOnRadar(_Positions):
    """Lines and samples of a radar image at the pixels of a map: the mapping of (latitude, longitude)."""

    boxes: Boxes
    pixels: MapPixels

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return f"inverse of places on {self.pixels.grid}"

    @property
    def shape(self) -> Shape:
        """Height and width of the map."""
        return self.pixels.shape

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The places of all radar pixels about the window."""
        found = self.reach(core)
        return found, found

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """Lines and samples."""
        window = windows[0]
        bounds = self.pixels.bounds(core, self._longest)
        if window is None or bounds is None:
            return _nowhere(core)
        latitude, longitude = (np.ascontiguousarray(array, np.float64) for array in arrays)
        rows, columns = MapTable.over(self.pixels, bounds).places(latitude, longitude)
        return _turned(rows, columns, core, window, self._longest)

    def reach(self, core: Window) -> Window | None:
        """Pixels of the image that may fall on the window."""
        bounds = self.pixels.bounds(core, 2)
        return None if bounds is None else self.boxes.window(bounds)

    @property
    def _longest(self) -> float:
        return max(_LONGEST / self.pixels.metres, _FEWEST_PIXELS)


def _turned(
    rows: Floats, columns: Floats, core: Window, window: Window, longest: float
) -> tuple[Floats, Floats]:
    """Places in a window of a raster, at the pixels of a window of the grid on which the raster's pixels lie."""
    found_rows, found_columns = np.empty((2, core.height, core.width))
    place, origin = (float(core.top), float(core.left)), (float(window.top), float(window.left))
    inversion.invert(rows, columns, found_rows, found_columns, place, origin, longest)
    return found_rows, found_columns


def _nowhere(core: Window) -> tuple[Floats, Floats]:
    found_rows, found_columns = np.full((2, core.height, core.width), np.nan)
    return found_rows, found_columns


def _few(start: int, stop: int, apart: float) -> Floats:
    """Some pixels by which those from start to stop are bounded: the ends, and enough between."""
    return np.linspace(start, stop - 1, max(9, math.ceil((stop - start) / apart) + 1))


def _around(rows: Floats, columns: Floats, within: Shape) -> Window | None:
    """The window of a raster about all these places in it, with some slack; None where there are none."""
    good = np.isfinite(rows) & np.isfinite(columns)
    if not good.any():
        return None
    first = (math.floor(rows[good].min()) - _SLACK, math.floor(columns[good].min()) - _SLACK)
    last = (math.ceil(rows[good].max()) + _SLACK, math.ceil(columns[good].max()) + _SLACK)
    top, left = max(first[0], 0), max(first[1], 0)
    bottom, right = min(last[0] + 1, within.height), min(last[1] + 1, within.width)
    return Window(top, left, bottom - top, right - left) if bottom > top and right > left else None
