"""One slow landslide on a synthetic surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from insarfeat.synth._fields import Field, smooth
from insarfeat.synth.radar import WAVELENGTH, View
from insarfeat.synth.terrain import Surface

_MOTION_SMOOTHING = 90.0  # metres: ground moves as a body, it does not follow every bump
_STIFF_CORE = 0.35  # part of the radius that moves as one block


@dataclass(frozen=True, slots=True)
class Slide:
    """A landslide, elliptic in plan and elongated down the slope.

    Attributes
    ----------
    row, column
        Centre, pixels.
    half_length, half_width
        Along and across the slope, metres.
    azimuth
        Compass direction of the long axis, degrees.
    motion
        Downslope motion of its core between the two images, metres.
    """

    row: int
    column: int
    half_length: float
    half_width: float
    azimuth: float
    motion: float

    def radius(self, size: int, pixel: float) -> Field:
        """Distance from the centre in units of the rim's: 0 in the middle, 1 on the rim.

        >>> slide = Slide(row=2, column=2, half_length=20.0, half_width=10.0, azimuth=180.0, motion=0.03)
        >>> slide.radius(5, 10.0)[2:, 2].tolist()
        [0.0, 0.5, 1.0]
        """
        north, east = -(np.arange(size) - self.row) * pixel, (np.arange(size) - self.column) * pixel
        down_north, down_east = np.cos(np.radians(self.azimuth)), np.sin(np.radians(self.azimuth))
        along = np.add.outer(north * down_north, east * down_east)
        across = np.subtract.outer(north * down_east, east * down_north)
        return np.asarray(np.hypot(along / self.half_length, across / self.half_width))


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the ground moves (1 in the slide, 0 outside), and how far toward the satellite, metres."""

    mask: npt.NDArray[np.uint8]
    toward_satellite: Field


def place_slide(
    rng: np.random.Generator, elevation: Field, coherence: Field, view: View, *, pixel: float
) -> Slide:
    """Choose a slide that an interferogram can show.

    It lies on coherent ground, on a slope of 8 to 30 degrees whose fall line is close to the line of sight,
    and moves by one fringe or more along the line of sight.

    >>> east_facing = np.tile(-np.arange(64) * 15.0 * np.tan(np.radians(20.0)), (64, 1))
    >>> view = View(incidence=39.0, heading=-12.0)
    >>> slide = place_slide(np.random.default_rng(1), east_facing, np.ones((64, 64)), view, pixel=15.0)
    >>> round(slide.azimuth), bool(slide.motion * 0.844 > WAVELENGTH / 2)
    (90, True)
    """
    size = elevation.shape[0]
    area, elongation = np.exp(rng.uniform(np.log(2.0e5), np.log(6.0e5))), rng.uniform(1.5, 2.6)
    half_length = min(np.sqrt(area * elongation / np.pi), 0.2 * size * pixel)

    # Smoothed over the slide's own size, ridges and stream beds lose their slope and drop out.
    surface = Surface.of(smooth(elevation, half_length / 2.0 / pixel), pixel)
    increase = view.range_increase(surface)
    unsuited = np.maximum(np.maximum(10.0 - surface.slope, surface.slope - 26.0), 0.0) / 4.0
    decorrelated = np.maximum(0.5 - smooth(coherence, half_length / 3.0 / pixel), 0.0)
    merit = np.abs(increase) - unsuited - 2.0 * decorrelated

    margin = int(np.ceil(1.1 * half_length / pixel))
    inner = merit[margin : size - margin, margin : size - margin]
    row, column = rng.choice(np.argwhere(inner >= np.quantile(inner, 0.98))) + margin

    one_fringe = WAVELENGTH / 2.0 / abs(float(increase[row, column]))
    return Slide(
        row=int(row),
        column=int(column),
        half_length=float(half_length),
        half_width=float(half_length / elongation),
        azimuth=float(surface.aspect[row, column]),
        motion=float(np.exp(rng.uniform(np.log(1.05 * one_fringe), np.log(max(0.06, 1.3 * one_fringe))))),
    )


def slide_motion(slide: Slide, elevation: Field, view: View, *, pixel: float) -> Motion:
    """Move the slide down the slope, its core as one block and less and less toward the rim.

    >>> east_facing = np.tile(-np.arange(64) * 15.0 * np.tan(np.radians(20.0)), (64, 1))
    >>> slide = Slide(row=32, column=32, half_length=150.0, half_width=90.0, azimuth=90.0, motion=0.05)
    >>> moved = slide_motion(slide, east_facing, View(incidence=39.0, heading=-12.0), pixel=15.0)
    >>> round(float(moved.toward_satellite[32, 32]), 4), int(moved.mask[0, 0])
    (-0.0422, 0)
    """
    radius = slide.radius(elevation.shape[0], pixel)
    taper = np.clip((radius - _STIFF_CORE) / (1.0 - _STIFF_CORE), 0.0, 1.0)
    downslope = slide.motion * 0.5 * (1.0 + np.cos(np.pi * taper))
    surface = Surface.of(smooth(elevation, _MOTION_SMOOTHING / pixel), pixel)
    # Range that grows is displacement away from the satellite.
    return Motion(
        mask=(radius < 1.0).astype(np.uint8),
        toward_satellite=0.0 - view.range_increase(surface) * downslope,
    )
