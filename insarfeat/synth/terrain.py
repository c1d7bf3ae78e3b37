"""Elevation of synthetic scenes: procedural mountains without end, or pieces of real DEMs with added detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument
from insarfeat.synth.fields import EndlessDraws, Field, Spectrum
from insarfeat.windows import Window

_MAIN = Spectrum(exponent=5.5, finest=200.0, coarsest=3200.0)
_SIDE = Spectrum(exponent=5.5, finest=100.0, coarsest=1000.0)
_GULLY = Spectrum(exponent=5.0, finest=50.0, coarsest=400.0)
_RILL = Spectrum(exponent=5.0, finest=25.0, coarsest=150.0)
_REGION = Spectrum(exponent=6.0, finest=4000.0, coarsest=16_000.0)
_ROUGHNESS = Spectrum(exponent=4.2, finest=10.0, coarsest=400.0)


class Relief(Protocol):
    """Where elevations come from."""

    def elevation(self, window: Window) -> Field:
        """Metres on the pixels of a window of the world; rows run south, columns east."""

    def overview(self, window: Window, step: int) -> Field:
        """Metres on a grid whose pixels are ``step`` times larger, without what such a grid cannot show."""


@dataclass(frozen=True, slots=True)
class EndlessMountains:
    """Procedural mountains: ridges, and valleys that drain into larger ones.

    A field that is folded like a paper fan has creases: valleys where it is folded down, ridges where it is folded
    up. Each finer generation of them is flattened at the floors of the coarser one, so that gullies run down to
    side valleys, and these to main valleys.

    Attributes
    ----------
    seed
        What the world follows from.
    pixel
        Pixel size in metres.
    scale
        Vertical scale. At 1 the median slope is about 18 degrees.

    >>> mountains = EndlessMountains(seed=1, pixel=15.0)
    >>> whole = mountains.elevation(Window(0, 0, 64, 64))
    >>> bool((mountains.elevation(Window(32, 16, 8, 8)) == whole[32:40, 16:24]).all())
    True
    """

    seed: int
    pixel: float
    scale: float = 1.0

    def elevation(self, window: Window) -> Field:
        """Metres on the pixels of a window of the world."""
        return self.overview(window, 1)

    def overview(self, window: Window, step: int) -> Field:
        """Metres on a grid whose pixels are ``step`` times larger: fields leave out what is finer by themselves."""
        draws = EndlessDraws(self.seed, self.pixel * step, window)

        def field(name: str, spectrum: Spectrum) -> Field:
            values: Field = draws.field(name, spectrum)[0]
            return values

        above_floor = np.maximum(_folded(field("main valley", _MAIN)) - 0.05, 0.0)
        main = above_floor**2 / (above_floor + 0.05)
        side, gully = _folded(field("side valley", _SIDE)), _folded(field("gully", _GULLY))
        rill = _folded(field("rill", _RILL))
        root = np.sqrt(main)
        height = (
            560.0 * main
            + 330.0 * root * np.sqrt(root) * side * (0.35 + 0.65 * main)
            + 120.0 * root * gully * (0.25 + 0.75 * side)
            + 26.0 * root * rill * (0.3 + 0.7 * gully)
            + 9.0 * root * field("roughness", _ROUGHNESS)
            + 240.0 * field("region", _REGION)
        )
        return np.asarray(self.scale * height + 900.0, dtype=np.float32)


def _folded(field: Field) -> Field:
    """Field folded into [0, 1]: 0 where it was 0, 2, 4 ..., 1 where it was 1, 3 ...

    >>> _folded(np.array([0.0, 0.5, 1.0, 1.5, 2.0, -0.25])).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25]
    """
    return np.asarray(np.abs((field + 1.0) % 2.0 - 1.0), dtype=field.dtype)


@dataclass(frozen=True, slots=True)
class PieceOfGround:
    """Real elevations, with fractal detail below the resolution of the DEM that they come from.

    Attributes
    ----------
    seed
        What the detail follows from.
    pixel
        Pixel size in metres.
    heights
        Metres; rows run south, columns east.
    top, left
        Row and column of the world at the first pixel.
    resolution
        Metres that the DEM resolves; no detail is added at or below the pixel size.
    scale
        Vertical scale.
    """

    seed: int
    pixel: float
    heights: Field
    top: int = 0
    left: int = 0
    resolution: float = 0.0
    scale: float = 1.0

    def elevation(self, window: Window) -> Field:
        """Metres on the pixels of a window; beyond its edge the ground lies as if mirrored there."""
        heights = self.overview(window.grown(1), 1)
        return np.asarray(heights[1:-1, 1:-1] + self._detail(window, heights), dtype=np.float32)

    def overview(self, window: Window, step: int) -> Field:
        """Metres on a grid whose pixels are ``step`` times larger, without added detail."""
        rows, columns = (
            _mirrored(np.arange(first, first + count) * step + step // 2 - start, side)
            for first, count, start, side in (
                (window.top, window.height, self.top, self.heights.shape[0]),
                (window.left, window.width, self.left, self.heights.shape[1]),
            )
        )
        return np.asarray(self.scale * self.heights[np.ix_(rows, columns)], dtype=np.float32)

    def _detail(self, window: Window, heights: Field) -> Field | float:
        """What a DEM of this resolution cannot show, the rougher the steeper; heights reach 1 px beyond."""
        if self.resolution <= 1.3 * self.pixel:
            return 0.0
        coarsest = self.resolution / 2.0
        spectrum = Spectrum(exponent=4.2, finest=coarsest / 4.0, coarsest=coarsest)
        detail: Field = EndlessDraws(self.seed, self.pixel, window).field("detail", spectrum)[0]
        steepness = np.hypot(*np.gradient(heights, self.pixel))[1:-1, 1:-1]
        uneven: Field = (0.004 + 0.05 * steepness) * self.resolution * detail
        return uneven


def _mirrored(index: npt.NDArray[np.int64], side: int) -> npt.NDArray[np.int64]:
    """Indices beyond an edge, mirrored back.

    >>> _mirrored(np.arange(-2, 6), 4).tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    """
    if side < 2:
        raise InvalidArgument(f"the elevation raster is {side} px wide; it must be 2 or more")
    period = 2 * (side - 1)
    return np.asarray(side - 1 - np.abs(index % period - (side - 1)), dtype=np.int64)
