"""What a radar makes of the ground: land cover, coherence, brightness, delays, and looks of speckle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from insarfeat.synth.fields import Array, Draws, Spectrum, Taps
from insarfeat.synth.style import WAVELENGTH, Conditions
from insarfeat.windows import Window

PHASE_PER_METRE = 4.0 * math.pi / WAVELENGTH
"""Radian that a metre of range makes, there and back."""

_MOSAIC = Spectrum(exponent=3.0, finest=20.0, coarsest=640.0)
_TEXTURE = Spectrum(exponent=2.6, finest=15.0, coarsest=240.0)
_WIDE = Spectrum(exponent=2.6, finest=20.0, coarsest=960.0)
_RAMP = Spectrum(exponent=2.0, finest=20_000.0, coarsest=20_000.0)
_RESIDUAL_HEIGHT = Spectrum(exponent=2.5, finest=20.0, coarsest=320.0)
_SLANT_RANGE = 850_000.0  # metres
_SHORE = 0.06  # of the mosaic, over which one cover goes over into the next
_FLAT = 0.12  # tangent of the slope
_LEAST_ROOT = 0.05  # cube root of power: what lies below is 40 dB under the mean
_CRITICAL_BASELINE = 5000.0  # metres


@dataclass(frozen=True, slots=True)
class Cover:
    """One kind of land cover.

    Attributes
    ----------
    share
        Part of the ground, 0 to 1.
    days
        Time in which coherence falls by a factor e.
    fresh, lasting
        Coherence at no time between the images, and after years.
    backscatter
        Brightness against the mean, dB.
    """

    share: float
    days: float
    fresh: float
    lasting: float
    backscatter: float


COVERS = (
    Cover(share=0.05, days=0.5, fresh=0.05, lasting=0.05, backscatter=-9.0),  # water
    Cover(share=0.22, days=6.0, fresh=0.78, lasting=0.22, backscatter=1.5),  # forest
    Cover(share=0.23, days=12.0, fresh=0.85, lasting=0.21, backscatter=0.0),  # shrub and crops
    Cover(share=0.28, days=35.0, fresh=0.92, lasting=0.27, backscatter=-1.5),  # meadow
    Cover(share=0.22, days=90.0, fresh=0.96, lasting=0.47, backscatter=2.5),  # rock, scree and villages
)
"""Land covers; neighbours in this table are neighbours on the ground, and the last lie on the steepest ground."""

NOISE_FLOOR = 0.063
"""Noise of the receiver against the brightness of level, average ground: -12 dB."""

HIDDEN = 0.03
"""Coherence in layover and shadow."""


def mosaic(draws: Draws, steepness: Array) -> Array:
    """Field that land cover follows: from about -2, water, which lies on flats alone, to 2, rock."""
    xp = draws.backend
    covers = 0.85 * draws.field("cover", _MOSAIC) + 0.5 * xp.clip((steepness - 0.35) / 0.35, -1.2, 1.5)
    return xp.where(steepness > _FLAT, xp.clip(covers, cover_bounds()[0] + _SHORE, math.inf), covers)


def texture(draws: Draws) -> Array:
    """Fine field of mean 0 and variance 1."""
    return draws.field("texture", _TEXTURE)


def _decay(times: Any) -> Any:
    return math.exp(-times) if isinstance(times, float) else (-times).exp()


def unevenness(draws: Draws) -> Array:
    """Wide field of mean 0 and variance 1 that brightness and coherence follow within a cover, too."""
    return draws.field("unevenness", _WIDE)


def thermal_coherence(brightness: Array) -> Array:
    """Coherence that the receiver's noise leaves: 1 / (1 + noise / signal), low where the ground is dark."""
    return 1.0 / (1.0 + NOISE_FLOOR / brightness)


def cover_bounds() -> list[float]:
    """Values of the mosaic at which one land cover ends and the next begins."""
    from statistics import NormalDist

    shares = np.cumsum([cover.share for cover in COVERS])[:-1]
    return [NormalDist(0.0, math.hypot(0.85, 0.5 * 0.55)).inv_cdf(float(share)) for share in shares]


def cover_layers(xp: Any, mosaic: Array, texture: Array, days: Any) -> tuple[Array, Array]:
    """Coherence that time leaves, and backscatter (dB), of the covers of a mosaic.

    The ground varies within a cover; narrow edges lie between covers.
    """
    kept = [(cover.fresh - cover.lasting) * _decay(days / cover.days) + cover.lasting for cover in COVERS]
    coherence, brightness = kept[0] + 0.0 * mosaic, COVERS[0].backscatter + 0.0 * mosaic
    for number, bound in enumerate(cover_bounds(), start=1):
        beyond = xp.clip((mosaic - bound) / _SHORE + 0.5, 0.0, 1.0)
        coherence = coherence + (kept[number] - kept[number - 1]) * beyond
        brightness = brightness + (COVERS[number].backscatter - COVERS[number - 1].backscatter) * beyond
    spread = 1.0 + 0.12 * texture
    return xp.clip(coherence * spread, 0.02, 0.98), brightness + 1.4 * texture


def facing(xp: Any, local_incidence: Array, incidence: Array) -> Array:
    """Brightness of a slope against level ground: what it scatters, times the ground that one range step covers."""

    def seen(degrees: Array) -> Array:
        angle = degrees * (math.pi / 180.0)
        shadow_is_dark_not_empty = 0.03
        return xp.clip(xp.cos(angle), shadow_is_dark_not_empty, 1.0) ** 2 / xp.clip(xp.sin(angle), 0.2, 1.0)

    return seen(local_incidence) / seen(incidence)


def stretched_looks(xp: Any, local_incidence: Array, incidence: Array, looks: Any) -> Array:
    """Looks where slopes that face the radar put less range samples into a pixel."""
    degree = math.pi / 180.0
    return looks * xp.clip(xp.sin(local_incidence * degree) / xp.sin(incidence * degree), 0.3, 2.0)


def delay(draws: Draws, conditions: Conditions, elevation: Array) -> Array:
    """Difference of the two epochs' delay along the line of sight, metres: turbulence, height, ramp."""
    # The gradient of an octave is deviation / (sqrt(2) scale) along each axis.
    ramp = conditions.ramp / 1000.0 / 2400.0 * math.sqrt(2.0) * _RAMP.coarsest
    return (
        conditions.air_deviation * draws.field("air", conditions.air)
        + conditions.stratified * (elevation - 900.0)
        + ramp * draws.field("ramp", _RAMP)
    )


def residual_topography(draws: Draws, conditions: Conditions, steepness: Array, incidence: Array) -> Array:
    """Phase of the DEM's errors, radian: 4 pi / wavelength x baseline / (range x sin incidence) x error."""
    error = conditions.dem_error * draws.field("dem error", _RESIDUAL_HEIGHT)
    uneven = draws.backend.clip(0.3 + 2.0 * steepness, 0.0, 2.0)
    sine = draws.backend.sin(incidence * (math.pi / 180.0))
    return PHASE_PER_METRE * conditions.perpendicular / (_SLANT_RANGE * sine) * error * uneven


def baseline_coherence(perpendicular: Any) -> Any:
    """Coherence that the perpendicular baseline leaves."""
    return 1.0 - abs(perpendicular) / _CRITICAL_BASELINE


def fringe_rate_coherence(xp: Any, phase: Array, pixel: float, grain: Any) -> Array:
    """Coherence that a phase gradient leaves within one resolution cell: none from a cycle a cell on."""
    across = phase[:, :, 1:] - phase[:, :, :-1]
    down = phase[:, 1:, :] - phase[:, :-1, :]
    # A pixel's gradient is the larger of its two neighbours': fast edges decorrelate on both sides.
    across = xp.maximum(xp.abs(_padded(xp, across, 2, 1, 0)), xp.abs(_padded(xp, across, 2, 0, 1)))
    down = xp.maximum(xp.abs(_padded(xp, down, 1, 1, 0)), xp.abs(_padded(xp, down, 1, 0, 1)))
    cycles = xp.sqrt(across**2 + down**2) * (grain / pixel) / (2.0 * math.pi)
    return xp.clip(1.0 - cycles, 0.0, 1.0)


def _padded(xp: Any, values: Array, axis: int, before: int, after: int) -> Array:
    """Values with the first or last row or column twice."""
    parts = []
    if before:
        parts.append(values[:, :1] if axis == 1 else values[:, :, :1])
    parts.append(values)
    if after:
        parts.append(values[:, -1:] if axis == 1 else values[:, :, -1:])
    return xp.concatenate(parts, axis)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Nodes at multiples of ``grain`` metres about a window, at which speckle is independent.

    Attributes
    ----------
    nodes
        Numbers of the nodes.
    window, pixel, grain
        Pixels of the world, and metres.
    """

    nodes: Window
    window: Window
    pixel: float
    grain: float

    @classmethod
    def about(cls, window: Window, pixel: float, grain: float) -> Lattice:
        """Nodes that the pixels of a window are made of."""
        if grain <= pixel:
            return cls(window, window, pixel, pixel)
        tops, lefts = (
            (math.floor((first + 0.5) * pixel / grain) - 1, math.floor((last - 0.5) * pixel / grain) + 3)
            for first, last in ((window.top, window.bottom), (window.left, window.right))
        )
        return cls(Window(tops[0], lefts[0], tops[1] - tops[0], lefts[1] - lefts[0]), window, pixel, grain)

    def scattered(self, draws: Draws, noise: Array) -> Array:
        """Noise of the nodes at the pixels, by cubic convolution, and as strong between nodes as at them."""
        if self.grain <= self.pixel:
            return noise
        return draws.spread(noise, self._taps(1), self._taps(2))

    def _taps(self, axis: int) -> Taps:
        """The four nodes about each pixel along an axis, and their weights, whose squares add up to 1."""
        first, count, start, side = self._along(axis)
        position = (start + np.arange(side) + 0.5) * self.pixel / self.grain - first
        before = np.floor(position).astype(np.int64)
        weights = np.stack(_keys(position - before), axis=1)
        weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
        return Taps(before - 1, weights.astype(np.float32), count)

    def _along(self, axis: int) -> tuple[int, int, int, int]:
        """First node and number of nodes, first pixel and number of pixels."""
        if axis == 1:
            return self.nodes.top, self.nodes.height, self.window.top, self.window.height
        return self.nodes.left, self.nodes.width, self.window.left, self.window.width


def _keys(part: Any) -> tuple[Any, Any, Any, Any]:
    """Weights of the four nodes about a place, for cubic convolution with a = -1/2."""
    near, far = part, 1.0 - part
    return (
        -0.5 * near * far**2,
        1.0 - 2.5 * near**2 + 1.5 * near**3,
        1.0 - 2.5 * far**2 + 1.5 * far**3,
        -0.5 * far * near**2,
    )


@dataclass(frozen=True, slots=True)
class Looks:
    """Multilooked pair: real and imaginary part of the interferogram, and the two intensities."""

    real: Array
    imaginary: Array
    first: Array
    second: Array

    def __iter__(self) -> Iterator[Array]:
        """Real, imaginary, first, second."""
        return iter((self.real, self.imaginary, self.first, self.second))

    @property
    def interferogram(self) -> npt.NDArray[np.complex64]:
        """Complex interferogram, for NumPy arrays."""
        made = np.empty(self.real.shape, np.complex64)
        made.real, made.imag = self.real, self.imaginary
        return made

    @property
    def coherence(self) -> Array:
        """Magnitude of the interferogram by the root of the intensities, 0 to 1."""
        power = (self.first * self.second) ** 0.5
        return ((self.real**2 + self.imaginary**2) ** 0.5 / power.clip(1e-12)).clip(0.0, 1.0)

    def cut(self, window: Window) -> Looks:
        """The same of a part of the window."""
        return Looks(*(getattr(self, part.name)[..., *window.slices] for part in fields(self)))

    def lit(self, brightness: Array, change: Array) -> Looks:
        """The pair over ground of some brightness, which has changed by a factor in the second image."""
        both = brightness * change**0.5
        return Looks(
            self.real * both,
            self.imaginary * both,
            self.first * brightness,
            self.second * brightness * change,
        )


def expected_pair(xp: Any, coherence: Array, phase: Array) -> Looks:
    """What a pair of brightness 1 is without speckle."""
    even = 0.0 * coherence + 1.0
    return Looks(coherence * xp.cos(phase), coherence * xp.sin(phase), even, even)


def speckle(draws: Draws, lattice: Lattice, coherence: Array, phase: Array, looks: Array) -> Looks:
    r"""Sample covariance of two images with speckle, brightness 1: complex Wishart by Bartlett's decomposition.

    With independent images :math:`z_1, z_2` of the n looks, :math:`\sum |z_1|^2` is a gamma variable of shape n,
    :math:`\sum z_2 z_1^*` is its root times a circular normal one, and what of :math:`\sum |z_2|^2` is not along
    :math:`z_1` a gamma variable of shape n - 1. The second image is then
    :math:`e^{-i\phi} (\gamma z_1 + \sqrt{1 - \gamma^2} z_2)`. Looks need not be whole.

    The four normal variables come from a lattice and are correlated between pixels; at each pixel by itself the
    statistics are exact. Layers are (samples, rows, columns).

    References
    ----------
    Goodman, N. R. (1963). Statistical analysis based on a certain multivariate complex Gaussian distribution.
    Annals of Mathematical Statistics 34(1), 152-177.
    """
    xp = draws.backend

    def white(name: str) -> Array:
        return lattice.scattered(draws, draws.white(f"speckle {name}", lattice.nodes))

    first, rest = _gamma_pair(xp, white, looks)
    root = xp.sqrt(first * 0.5)
    across, beside = white("across") * root, white("beside") * root  # sum of z2 conj(z1)
    second = (across**2 + beside**2) / xp.clip(first, 1e-12, math.inf) + rest
    other = xp.sqrt(1.0 - coherence**2)
    along, turned = coherence * first + other * across, -other * beside
    cosine, sine = xp.cos(phase), xp.sin(phase)
    return Looks(
        real=(along * cosine - turned * sine) / looks,
        imaginary=(along * sine + turned * cosine) / looks,
        first=first / looks,
        second=(coherence**2 * first + other**2 * second + 2.0 * coherence * other * across) / looks,
    )


def _gamma_pair(xp: Any, white: Any, looks: Array) -> tuple[Array, Array]:
    """Gamma variables of shapes n and n - 1: exact for one look, else Wilson and Hilferty's cubes of normal ones."""
    if isinstance(looks, float):  # one look
        power = 0.5 * (white("first") ** 2 + white("rest") ** 2)
        return power, 0.0 * power

    def gamma(name: str, shape: Array) -> Array:
        root = 1.0 - 1.0 / (9.0 * shape) + white(name) / (3.0 * xp.sqrt(shape))
        # Power of exactly 0 would make the product nodata.
        return shape * xp.clip(root, _LEAST_ROOT, math.inf) ** 3

    return gamma("first", looks), gamma("rest", looks - 1.0)


def box_sum(xp: Any, values: Array, side: float) -> Array:
    """Sum over a square window about each pixel, whose rim may cover pixels in part; beyond the edge is nothing."""
    reach = math.ceil((side - 1.0) / 2.0)
    rim = (side - (2 * reach - 1)) / 2.0
    for axis in (1, 2):
        count = values.shape[axis]
        nothing = 0.0 * (values[:, :reach] if axis == 1 else values[:, :, :reach])
        padded = xp.concatenate([nothing, values, nothing], axis)
        total: Any = 0.0
        for start in range(2 * reach + 1):
            part = padded[:, start : start + count] if axis == 1 else padded[:, :, start : start + count]
            total = total + (part * rim if start in (0, 2 * reach) and reach else part)
        values = total
    return values


def boxcar(xp: Any, pair: Looks, window: float) -> Looks:
    """The pair summed over a window."""
    return Looks(
        *(box_sum(xp, part, window) for part in (pair.real, pair.imaginary, pair.first, pair.second))
    )
