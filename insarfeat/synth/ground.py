"""What lies still under a scene: the surface, and how the radar looks at it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from insarfeat import geometry, terrain
from insarfeat.synth.fields import Field
from insarfeat.synth.style import Conditions
from insarfeat.synth.terrain import Relief
from insarfeat.windows import Window

_MOTION_SCALE = 60.0  # metres: ground moves as a body, it does not follow every bump
_WIDE = 600.0  # metres: what counts as high ground is above the mean of this
_SHADOW_REACH = 2400.0  # metres from which other ground can hide or overlay a place
_ACROSS_SWATH = 16.0 / 250_000.0  # degrees of incidence a metre of ground range: 30 to 46 over the swath
_EVEN_SLOPE = math.tan(math.radians(15.0))


@dataclass(frozen=True, slots=True)
class Surface:
    """How the ground falls, on a grid of about 60 m: all that placing a slide needs.

    Attributes
    ----------
    window, step
        Which of its pixels, and how many pixels of the world make one of them.
    steepness
        Tangent of the slope.
    down_east, down_south
        Unit vector downhill; 0 where level.
    height
        Above the mean of the surroundings, metres.
    """

    window: Window
    step: int
    steepness: Field
    down_east: Field
    down_south: Field
    height: Field

    def at(
        self, rows: npt.ArrayLike, columns: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Index of places given in pixels of the world; the edge stands for what lies beyond."""
        inner = (
            np.floor_divide(rows, self.step).astype(np.int64) - self.window.top,
            np.floor_divide(columns, self.step).astype(np.int64) - self.window.left,
        )
        return np.clip(inner[0], 0, self.window.height - 1), np.clip(inner[1], 0, self.window.width - 1)

    def downhill(self, row: float, column: float) -> tuple[float, float]:
        """South and east component of the unit vector downhill at one place, as ``at`` finds it."""
        at = (
            min(max(int(row // self.step) - self.window.top, 0), self.window.height - 1),
            min(max(int(column // self.step) - self.window.left, 0), self.window.width - 1),
        )
        return float(self.down_south[at]), float(self.down_east[at])


@dataclass(frozen=True, slots=True)
class Ground:
    """Layers of a window, or (samples, rows, columns) of a batch, that stay the same from pair to pair: float32.

    Attributes
    ----------
    elevation
        Metres.
    incidence, local_incidence
        Degrees.
    slope_to_los
        Of the surface itself, as the layer of that name.
    motion_to_los
        Of the smoothed surface: what displacement is projected with.
    steepness, down_east, down_south
        Of the smoothed surface.
    hidden
        As the layer ``shadow_layover``.
    """

    elevation: Field
    incidence: Field
    local_incidence: Field
    slope_to_los: Field
    motion_to_los: Field
    steepness: Field
    down_east: Field
    down_south: Field
    hidden: Field

    def batch(self) -> Ground:
        """The same layers as (1, rows, columns)."""
        return Ground(*(getattr(self, part.name)[np.newaxis] for part in fields(self)))

    def cut(self, window: Window) -> Ground:
        """The same layers of a part of the window."""
        return Ground(*(getattr(self, part.name)[..., *window.slices] for part in fields(self)))


@dataclass(frozen=True, slots=True)
class Land:
    """A world's ground under the view of one scene; windows of it agree where they overlap."""

    relief: Relief
    pixel: float
    conditions: Conditions

    def elevation(self, window: Window, step: int = 1) -> Field:
        """Metres, on a grid ``step`` times as coarse."""
        if self.conditions.has("terrain"):
            return self.relief.elevation(window) if step == 1 else self.relief.overview(window, step)
        column = np.arange(window.left, window.right, dtype=np.float32)
        return np.tile(1500.0 - np.float32(self.pixel * step * _EVEN_SLOPE) * column, (window.height, 1))

    def surface(self, window: Window) -> Surface:
        """How the ground falls at large, on a coarse grid that covers a window."""
        from scipy.ndimage import gaussian_filter

        step = max(1, round(_MOTION_SCALE / self.pixel))
        coarse = self.pixel * step
        reach = math.ceil(3.0 * _WIDE / coarse)
        top, left = window.top // step, window.left // step
        inside = Window(top, left, -(-window.bottom // step) - top, -(-window.right // step) - left)
        elevation = self.elevation(inside.grown(reach), step)
        inner = (slice(reach, -reach),) * 2
        steepness, down_east, down_south = _fall(elevation, coarse)
        height = elevation - gaussian_filter(elevation, _WIDE / coarse, truncate=3.0)
        return Surface(inside, step, steepness[inner], down_east[inner], down_south[inner], height[inner])

    def ground(self, window: Window) -> Ground:
        """Every layer that stays the same from pair to pair."""
        reach = math.ceil(_SHADOW_REACH / self.pixel)
        outer = window.grown(reach)
        inner = (slice(reach, -reach),) * 2
        elevation, heading = self.elevation(outer), self.conditions.heading
        incidence = self.incidence(outer)
        shape = terrain.attributes(elevation, ["slope", "aspect"], resolution=self.pixel)
        steepness, down_east, down_south = _fall(elevation, self.pixel)
        motion_slope = np.degrees(np.arctan(steepness))
        motion_aspect = np.degrees(np.arctan2(down_east, -down_south)) % 360.0
        hidden = np.zeros(elevation.shape, np.uint8)
        if self.conditions.has("geometry"):
            hidden = geometry.shadow_layover(elevation, incidence, heading, resolution=self.pixel)
        layers = (
            elevation,
            incidence,
            geometry.local_incidence(shape["slope"], shape["aspect"], incidence, heading),
            geometry.slope_to_los(shape["slope"], shape["aspect"], incidence, heading),
            geometry.slope_to_los(motion_slope, motion_aspect, incidence, heading),
            steepness,
            down_east,
            down_south,
        )
        return Ground(*(np.ascontiguousarray(layer[inner], np.float32) for layer in (*layers, hidden)))

    def incidence(self, window: Window) -> Field:
        """Degrees from the vertical: it grows with the distance from the radar."""
        azimuth = np.radians(self.conditions.heading + 90.0)
        east, north = np.sin(azimuth), np.cos(azimuth)
        columns, rows = np.arange(window.left, window.right), np.arange(window.top, window.bottom)
        away = np.add.outer(-rows * north, columns * east) * self.pixel
        degrees = np.clip(self.conditions.incidence + _ACROSS_SWATH * away, 20.0, 55.0)
        return np.asarray(degrees, dtype=np.float32)


def _fall(elevation: Field, pixel: float) -> tuple[Field, Field, Field]:
    """Tangent of the slope, and the unit vector downhill (east, south), of the smoothed surface."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(elevation, _MOTION_SCALE / pixel, truncate=3.0)
    rise_south, rise_east = np.gradient(smooth, np.float32(pixel))
    steepness = np.hypot(rise_south, rise_east)
    steep = np.maximum(steepness, 1e-9)
    return steepness, -rise_east / steep, -rise_south / steep
