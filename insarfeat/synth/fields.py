"""Gaussian random fields as sums of octaves: any window of an endless field, on the CPU or a GPU.

1. An octave is white noise on a square lattice, smoothed by a Gaussian that is 0.7 lattice steps wide.
2. Octaves whose scales double and whose variances follow a power of the scale add up to a power law.
3. Lattices are endless and every node's value follows from the seed, so windows agree where they overlap.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from insarfeat.windows import Window

Array: TypeAlias = Any
"""NumPy array or torch tensor of shape (samples, rows, columns)."""
Field: TypeAlias = npt.NDArray[np.float32]

_WIDTH = 0.7  # of the Gaussian in lattice steps: wide enough that the lattice does not show
_REACH = 3  # nodes on either side that are felt: beyond, the Gaussian is below 1e-4
_BLOCK = 256  # pixels: endless fields are computed in fixed blocks, so that every window gets the same bits
_NODES = 64  # nodes a side that one random stream fills


@dataclass(frozen=True, slots=True)
class Octave:
    """Part of a field: its standard deviation, and its scale in metres (of the smoothing Gaussian)."""

    scale: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Power law between two scales: power spectral density proportional to ``wavenumber ** -exponent``.

    Attributes
    ----------
    exponent
        Slope of the two-dimensional spectrum; 8/3 for well-mixed turbulence.
    finest, coarsest
        Scales of the first and last octave, metres. A bump of scale s is about 5 s across.
    """

    exponent: float
    finest: float
    coarsest: float

    @property
    def octaves(self) -> tuple[Octave, ...]:
        """Octaves whose variances add up to 1.

        >>> octaves = Spectrum(exponent=3.0, finest=10.0, coarsest=80.0).octaves
        >>> [octave.scale for octave in octaves], round(sum(octave.deviation**2 for octave in octaves), 6)
        ([10.0, 20.0, 40.0, 80.0], 1.0)
        """
        count = 1 + max(0, round(math.log2(self.coarsest / self.finest)))
        scales = [self.finest * 2.0**index for index in range(count)]
        # An octave's spectrum is variance * scale^2 * exp(-(wavenumber * scale)^2): summed, a power law.
        variances = [(scale / self.coarsest) ** (self.exponent - 2.0) for scale in scales]
        return tuple(
            Octave(scale, math.sqrt(variance / sum(variances)))
            for scale, variance in zip(scales, variances, strict=True)
        )

    def structure(self, distance: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Structure function: mean squared difference of two points ``distance`` metres apart.

        >>> Spectrum(exponent=8 / 3, finest=10.0, coarsest=1e4).structure([0.0, 1e6]).round(3).tolist()
        [0.0, 2.0]
        """
        apart = np.asarray(distance, dtype=np.float64)
        total = np.zeros_like(apart)
        for octave in self.octaves:
            total += 2.0 * octave.deviation**2 * -np.expm1(-((apart / (2.0 * octave.scale)) ** 2))
        return total


class Draws(Protocol):
    """Where random fields of one window come from."""

    @property
    def backend(self) -> Any:
        """The module of the arrays: ``numpy`` or ``torch``."""

    def field(self, name: str, spectrum: Any) -> Array:
        """Field of mean 0 and variance 1 on the pixels of the window; of batches, also of one spectrum a sample."""

    def white(self, name: str, lattice: Window) -> Array:
        """Independent standard normal numbers at the nodes of a lattice."""

    def array(self, values: npt.NDArray[Any]) -> Array:
        """Array of the backend with these values."""

    def spread(self, nodes: Array, down: Taps, across: Taps) -> Array:
        """Nodes, (samples, rows, columns), spread over pixels."""


@dataclass(frozen=True, slots=True)
class EndlessDraws:
    """Fields of an endless world: every window sees its part of the same ones.

    Attributes
    ----------
    seed
        What the world follows from.
    pixel
        Pixel size in metres.
    window
        Which pixels are wanted; any part of the plane, negative rows and columns too.

    >>> spectrum = Spectrum(exponent=3.0, finest=20.0, coarsest=400.0)
    >>> whole = EndlessDraws(seed=1, pixel=15.0, window=Window(0, 0, 300, 300)).field("air", spectrum)
    >>> part = EndlessDraws(seed=1, pixel=15.0, window=Window(200, 50, 100, 40)).field("air", spectrum)
    >>> bool((part == whole[:, 200:, 50:90]).all())
    True
    """

    seed: int
    pixel: float
    window: Window

    @property
    def backend(self) -> Any:
        """NumPy."""
        return np

    def array(self, values: npt.NDArray[Any]) -> Array:
        """The values as they are."""
        return values

    def spread(self, nodes: Array, down: Taps, across: Taps) -> Array:
        """Nodes spread over pixels."""
        return np.stack([_spread(sample, down, across) for sample in nodes])

    def field(self, name: str, spectrum: Spectrum) -> Array:
        """Field of mean 0 and variance 1 over the world, on the pixels of the window."""
        field = np.empty((1, self.window.height, self.window.width), np.float32)
        for block in _blocks_under(self.window, _BLOCK):
            values = _endless_block(self.seed, name, spectrum, self.pixel, block.top, block.left)
            both = block.intersection(self.window)
            field[0][both.seen_from(self.window).slices] = values[both.seen_from(block).slices]
        return field

    def white(self, name: str, lattice: Window) -> Array:
        """Independent standard normal numbers at the nodes of an endless lattice."""
        return _endless_nodes(self.seed, name, lattice)[np.newaxis]


@dataclass(frozen=True, slots=True)
class TileDraws:
    """Fields of one tile that belongs to no larger world: cheaper, and as random.

    >>> draws = TileDraws(np.random.default_rng(1), height=32, width=48, pixel=15.0)
    >>> draws.field("air", Spectrum(exponent=3.0, finest=20.0, coarsest=400.0)).shape
    (1, 32, 48)
    """

    rng: np.random.Generator
    height: int
    width: int
    pixel: float

    @property
    def backend(self) -> Any:
        """NumPy."""
        return np

    def array(self, values: npt.NDArray[Any]) -> Array:
        """The values as they are."""
        return values

    def spread(self, nodes: Array, down: Taps, across: Taps) -> Array:
        """Nodes spread over pixels."""
        return np.stack([_spread(sample, down, across) for sample in nodes])

    def field(self, name: str, spectrum: Spectrum) -> Array:
        """Field of mean 0 and variance 1; ``name`` is for worlds that repeat."""
        return field_of_tile(self, spectrum, self.height, self.width, self.pixel)

    def white(self, name: str, lattice: Window) -> Array:
        """Independent standard normal numbers."""
        return self.rng.standard_normal((1, lattice.height, lattice.width), dtype=np.float32)


def field_of_tile(
    draws: Draws, spectrum: Spectrum | Sequence[Spectrum], height: int, width: int, pixel: float
) -> Array:
    """Sum of octaves over a tile, from the white noise of ``draws``; spectra of samples share their scales."""
    spectra = [spectrum] if isinstance(spectrum, Spectrum) else list(spectrum)
    total: Any = 0.0
    for octaves in zip(*(_visible(each, pixel) for each in spectra), strict=True):
        down = _taps(0, height, pixel, octaves[0].scale)
        across = _taps(0, width, pixel, octaves[0].scale)
        nodes = draws.white("", Window(0, 0, down.count, across.count))
        deviations = np.array([octave.deviation for octave in octaves], np.float32)
        total = total + draws.array(deviations[:, np.newaxis, np.newaxis]) * draws.spread(nodes, down, across)
    return total


@functools.lru_cache(maxsize=400)
def _endless_block(
    seed: int, name: str, spectrum: Spectrum, pixel: float, top: int, left: int
) -> npt.NDArray[np.float32]:
    """One fixed block of an endless field."""
    total = np.zeros((_BLOCK, _BLOCK), np.float32)
    for octave in _visible(spectrum, pixel):
        down = _taps(top, _BLOCK, pixel, octave.scale)
        across = _taps(left, _BLOCK, pixel, octave.scale)
        row, column = (_first_node(start, pixel, octave.scale) for start in (top, left))
        lattice = Window(row, column, down.count, across.count)
        nodes = _endless_nodes(seed, f"{name} {octave.scale:g}", lattice)
        total += np.float32(octave.deviation) * _spread(nodes, down, across)
    total.flags.writeable = False
    return total


def _spread(nodes: Field, down: Taps, across: Taps) -> Field:
    from insarfeat.synth import _kernels

    made: Field = _kernels.spread(nodes, down.first, down.weights, across.first, across.weights)
    return made


def _visible(spectrum: Spectrum, pixel: float) -> list[Octave]:
    """Octaves that a grid of this pixel size can hold; finer ones would alias."""
    return [octave for octave in spectrum.octaves if octave.scale >= 0.6 * pixel]


def _first_node(start: int, pixel: float, scale: float) -> int:
    return math.floor((start + 0.5) * pixel / (scale / _WIDTH)) - _REACH


@dataclass(frozen=True, slots=True)
class Taps:
    """What each pixel of a row takes of the nodes about it.

    Attributes
    ----------
    first
        Number of its first node, counted from the first node of the row.
    weights
        Of that node and those after it, (pixels, taps); squares add up to 1, so that the variance is even.
    count
        Nodes of the row.
    """

    first: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    count: int

    def matrix(self) -> npt.NDArray[np.float32]:
        """The same as weights of every node, (pixels, nodes)."""
        pixels, taps = self.weights.shape
        matrix = np.zeros((pixels, self.count), np.float32)
        columns = self.first[:, np.newaxis] + np.arange(taps)
        matrix[np.arange(pixels)[:, np.newaxis], columns] = self.weights
        return matrix


@functools.lru_cache(maxsize=4000)
def _taps(start: int, count: int, pixel: float, scale: float) -> Taps:
    """Nodes and weights for a row of pixels."""
    position = (start + np.arange(count) + 0.5) * pixel / (scale / _WIDTH)
    nearest = np.floor(position).astype(np.int64)
    first = nearest - _REACH
    away = position[:, np.newaxis] - (first[:, np.newaxis] + np.arange(2 * _REACH + 2))
    weights = np.where(np.abs(away) <= _REACH + 0.5, np.exp(-0.5 * (away / _WIDTH) ** 2), 0.0)
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    offset = _first_node(start, pixel, scale)
    return Taps(first - offset, weights.astype(np.float32), int(nearest[-1]) + _REACH + 2 - offset)


def _endless_nodes(seed: int, name: str, lattice: Window) -> npt.NDArray[np.float32]:
    """Numbers at the nodes of an endless lattice, each square of nodes out of its own random stream."""
    nodes = np.empty((lattice.height, lattice.width), np.float32)
    stream = zlib.crc32(name.encode())
    for square in _blocks_under(lattice, _NODES):
        key = (seed, stream, *(_unsigned(start // _NODES) for start in (square.top, square.left)))
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))
        values = rng.standard_normal((_NODES, _NODES), dtype=np.float32)
        both = square.intersection(lattice)
        nodes[both.seen_from(lattice).slices] = values[both.seen_from(square).slices]
    return nodes


def _unsigned(number: int) -> int:
    """Whole number without a sign, as seeds must be: 0, -1, 1, -2 ... become 0, 1, 2, 3 ..."""
    return 2 * number if number >= 0 else -2 * number - 1


def _blocks_under(window: Window, side: int) -> Iterator[Window]:
    """Squares of a fixed grid that a window touches."""
    for top in range(window.top // side * side, window.bottom, side):
        for left in range(window.left // side * side, window.right, side):
            yield Window(top, left, side, side)
