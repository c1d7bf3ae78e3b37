"""How good one interferogram is, in numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.pairs.cells import Cells, gather
from insarfeat.pairs.layers import Layers, layers_of
from insarfeat.pairs.trend import Trend, fit_trend

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.metrics import Resolution

Array = NDArray[Any]
Phasors = NDArray[np.complex128]

TURBULENCE_METRES = (1000.0, 5000.0)
"""Wavelengths between which what is left of the phase counts as turbulence: as wide as slopes that may slide."""

TURBULENCE_PIXELS = (64.0, 320.0)
"""The same where nobody knows how long pixels are."""

_SIGMA_PER_WAVE = 1 / 5.3  # as in insarfeat.filters.gaussian: half the amplitude passes
_NOISE_PIXELS = 16
_FEWEST_PRODUCTS = 32
_TOO_NOISY = 0.3  # likeness of two halves of the cells below which no turbulence can be told from noise
_RELIEF = (5.0, 95.0)
_MOST_COHERENT = 1.001


@dataclass(frozen=True, slots=True)
class Quality:
    """Numbers that describe one interferogram; NaN where one cannot be told.

    Attributes
    ----------
    coverage
        Share of the pixels that have a phase, 0 to 1.
    decorrelated
        Share of the pixels with phase and coherence whose coherence is below 0.3.
    mean_coherence
        Mean coherence of these pixels.
    coherence_from
        "layer"; or "phase" where there is no coherence and that of the phase alone took its place, over 5 x 5 pixels:
        fringes within the window lower it, and filtering before raises it.
    fringes_down, fringes_across
        Turns of the best-fitting phase plane from the first to the last row, and column. Positive where the phase
        grows that way. NaN, with all that is measured beside the plane, where noise alone has one as strong.
    ramp
        Turns of the plane over the scene's diagonal: the length of (fringes_down, fringes_across).
    stratified
        Phase in radians that follows the elevation, over the relief of the scene (5 to 95 % of the elevations); NaN
        without elevation.
    stratified_slope
        The same in radians per 100 m, positive where the phase grows uphill.
    turbulence
        Circular standard deviation in radians of the phase without plane and stratified part, between wavelengths
        of 1 and 5 km (or of 64 and 320 pixels, by ``unit``). Motion of that size counts as well. NaN where noise
        drowns it.
    noise
        Standard deviation in radians of what differs from pixel to pixel, 0 to 1.81 (nothing but noise). Noise that
        neighbours share, as after filtering or oversampling, does not show.
    unit
        "m"; or "pixels" where the layers do not tell how long their pixels are, as in radar geometry.
    """

    coverage: float
    decorrelated: float
    mean_coherence: float
    coherence_from: Literal["layer", "phase"]
    fringes_down: float
    fringes_across: float
    ramp: float
    stratified: float
    stratified_slope: float
    turbulence: float
    noise: float
    unit: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers, the cells that they came from, and the steps along rows and columns that bring north up."""

    quality: Quality
    cells: Cells
    north_up: tuple[int, int]


def assess(
    layers: xr.Dataset | Mapping[str, Any], *, elevation: Any = None, resolution: Resolution | None = None
) -> Quality:
    r"""Measure one interferogram: coverage, coherence, ramp, stratified atmosphere, turbulence and noise.

    The phase is taken as it is, wrapped: nothing is unwrapped. Its pixels are read once, chunk by chunk if they are
    lazy, and summed as phasors over cells of about 125 m (8 x 8 pixels where lengths are unknown), at most two
    million of them. They are read twice if the phase turns by more than a radian per cell: that plane is taken off
    before summing then. Pixels beyond the last whole cell are left out. Any chunking gives the same numbers.

    - The stratified part and the plane are those of :func:`insarfeat.pairs.trend.fit_trend`.
    - Turbulence: phasors without both, smoothed by Gaussians with a gain of 0.5 at 1 km and at 5 km; the phase
      between the two, weighted by the phasors' lengths, as the circular standard deviation :math:`\sqrt{-2 \ln R}`.
      The 1 km are smoothed twice, from the white and from the black cells of a chessboard: what the two do not share
      is noise, and is taken off.
    - Noise: products of each phasor with its conjugate neighbour, summed over blocks of at least 16 pixels a side.
      A constant fringe rate only turns the sum, whose length is the square of the mean resultant length c of the
      noise. (Taken as wrapped normal, it has the variance :math:`\pi^2 / 3 + 4 \sum_k (-1)^k c^{k^2} / k^2`.
      Against the exact distribution of speckle that is 0 to 10 % too small with one look, 0 to 5 % with four.)
      Nothing need be filtered for it, so no filter's own errors count as noise.

    Parameters
    ----------
    layers
        Dataset (or dict of rasters by name) with ``interferogram`` or ``wrapped_phase`` (``unwrapped_phase`` does as
        well, by its phasors), and if there are, ``coherence`` and ``elevation``. NaN is nodata, and 0+0j.
    elevation
        Elevation in metres instead of a layer of that name; one with coordinates is brought to the grid of the phase.
    resolution
        Metres per pixel, a number or (dy, dx), where the layers have no coordinates. Without either, lengths count in
        pixels.

    Examples
    --------
    >>> import insarfeat
    >>> scene = insarfeat.synth.scene(seed=1, size=256, style="images")
    >>> ifg = insarfeat.filters.interferogram(scene["primary"], scene["secondary"])
    >>> found = assess({"interferogram": ifg, "coherence": scene["coherence_true"]}, elevation=scene["elevation"])
    >>> round(found.coverage, 2), round(found.decorrelated, 2), found.unit
    (1.0, 0.12, 'm')
    """
    return measure(layers, elevation, resolution).quality


def measure(
    layers: xr.Dataset | Mapping[str, Any], elevation: Any = None, resolution: Resolution | None = None
) -> Measured:
    """The numbers of one interferogram, with the cells that pictures are made of."""
    found = layers_of(layers, elevation, resolution)
    cells = gather(found.phase, found.coherence, found.elevation, found.spacing)
    return Measured(_quality(cells, found), cells, found.north_up)


def _quality(cells: Cells, found: Layers) -> Quality:
    count = float(cells.valid.sum(dtype=np.float64))
    coherent = float(cells.coherent.sum(dtype=np.float64))
    steady = float(cells.coherence.sum(dtype=np.float64)) / coherent if coherent else math.nan
    if steady > _MOST_COHERENT:
        raise InvalidArgument(
            f"coherence must be from 0 to 1, and its mean is {steady:.4g}; scale it first (bytes by 255)"
        )
    raised = found.elevation is not None
    if raised and count and not (np.isfinite(cells.elevation) & (cells.valid > 0)).any():
        raise GridMismatch(
            "elevation has no value where the interferogram has one; give an elevation model of the same area"
        )
    elevation = cells.elevation if raised else None
    trend = fit_trend(cells.phasors, elevation)
    if trend.strength < _chance(cells.phasors):
        trend = Trend(math.nan, math.nan, math.nan, trend.strength)
    down, across = _fringes(cells, trend)
    relief = math.nan
    if elevation is not None and count:
        there = elevation[np.isfinite(elevation) & (cells.valid > 0)]
        relief = float(np.ptp(np.percentile(there, _RELIEF)))
    return Quality(
        coverage=count / cells.pixels,
        decorrelated=float(cells.low.sum(dtype=np.float64)) / coherent if coherent else math.nan,
        mean_coherence=steady,
        coherence_from="phase" if found.coherence_made else "layer",
        fringes_down=down,
        fringes_across=across,
        ramp=math.hypot(down, across),
        stratified=abs(trend.rise) * relief,
        stratified_slope=100.0 * trend.rise,
        turbulence=math.nan
        if math.isnan(trend.down)
        else _turbulence(trend.removed(cells.phasors, elevation), cells),
        noise=_noise(cells),
        unit=cells.spacing.unit,
    )


def _chance(phasors: Phasors) -> float:
    """Strength of the strongest of all planes that nothing but noise may well reach."""
    count = max(int((phasors != 0).sum()), 2)
    return 1.5 * math.sqrt(math.log(count) / count)


def _fringes(cells: Cells, trend: Trend) -> tuple[float, float]:
    """Turns of the plane over all rows and all columns, what was taken off before included."""
    (rows, columns), (down, across) = cells.looks, cells.plane
    high, wide = cells.shape
    return (
        (trend.down + down * rows) * high / (2 * math.pi),
        (trend.across + across * columns) * wide / (2 * math.pi),
    )


def _turbulence(rest: Phasors, cells: Cells) -> float:
    """Circular standard deviation of the phase between two wavelengths, without its noise."""
    shortest, longest = TURBULENCE_METRES if cells.spacing.unit == "m" else TURBULENCE_PIXELS
    white = np.indices(rest.shape).sum(axis=0) % 2 == 0
    halves = [_smoothed(np.where(part, rest, 0.0), shortest, cells) for part in (white, ~white)]
    broad = _smoothed(rest, longest, cells)
    weight = np.abs(halves[0] * halves[1]) * (cells.valid > 0)
    total = float(weight.sum())
    if not total > 0:
        return math.nan
    first, second, base = (np.exp(1j * np.angle(one)) for one in (*halves, broad))
    alike = float(abs((weight * first * second.conj()).sum())) / total
    if alike < _TOO_NOISY:
        return math.nan
    held = [float(abs((weight * one * base.conj()).sum())) / total for one in (first, second)]
    resultant = min(math.sqrt(held[0] * held[1] / alike), 1.0)
    return math.sqrt(abs(-2.0 * math.log(resultant))) if resultant > 0 else math.nan


def _smoothed(phasors: Phasors, wave: float, cells: Cells) -> Phasors:
    """Under a Gaussian that passes half of the amplitude at a wavelength; only the angle means anything."""
    sigma = [wave * _SIGMA_PER_WAVE / step for step in (cells.spacing.down, cells.spacing.across)]
    parts = [ndimage.gaussian_filter(part, sigma, mode="constant") for part in (phasors.real, phasors.imag)]
    return np.asarray(parts[0] + 1j * parts[1])


def _noise(cells: Cells) -> float:
    """Standard deviation of what differs from pixel to pixel, by blocks: the mean of their variances."""
    blocks = [math.ceil(_NOISE_PIXELS / looks) for looks in cells.looks]
    square = weight = 0.0
    pixels = _in_blocks(cells.valid, blocks)
    powers = np.zeros(pixels.shape)
    counts = np.zeros(pixels.shape)
    for product, number in cells.neighbours:
        total, count = _in_blocks(product, blocks), _in_blocks(number, blocks)
        enough = count >= _FEWEST_PRODUCTS
        # Of n products with mean m the sum has, on average, the squared length n + n (n - 1) |m|^2.
        powers += np.where(enough, np.abs(total) ** 2 - count, 0.0) / np.maximum(count - 1, 1)
        counts += np.where(enough, count, 0.0)
    there = counts > 0
    if not there.any():
        return math.nan
    resultant = np.clip(powers[there] / counts[there], 0.0, 1.0) ** 0.25
    weight = float(pixels[there].sum())
    square = float((pixels[there] * wrapped_variance(resultant)).sum())
    return math.sqrt(square / weight)


def _in_blocks(sums: Array, blocks: list[int]) -> Array:
    """Sums over blocks of cells; the last ones may be smaller."""
    starts = [np.arange(0, size, block) for size, block in zip(sums.shape, blocks, strict=True)]
    wide = np.add.reduceat(sums.astype(np.result_type(sums.dtype, np.float64)), starts[0], axis=0)
    return np.asarray(np.add.reduceat(wide, starts[1], axis=1))


def wrapped_variance(resultant: Array) -> Array:
    """Variance, radians squared, of a wrapped normal phase whose mean phasor is so long.

    >>> wrapped_variance(np.array([0.0, np.exp(-0.5 * 0.2**2), 1.0])).round(4)
    array([3.2899, 0.04  , 0.    ])
    """
    narrow = -2.0 * np.log(np.maximum(resultant, 1e-300))
    series = np.full(np.shape(resultant), math.pi**2 / 3)
    for k in range(1, 30):
        series += 4.0 * (-1) ** k * resultant ** (k**2) / k**2
    # Near 1 the series has hardly begun to converge, and nothing is wrapped.
    return np.abs(np.where(resultant > 0.9, narrow, series))
