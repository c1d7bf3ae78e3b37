"""The plane and the share of the elevation in a wrapped phase, found together and without unwrapping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize

Array = NDArray[Any]
Phasors = NDArray[np.complex128]

_STEEPEST = 0.1  # radians per metre of elevation
_BINS = 4096
_LAGS = (1, 2, 4)
_CHANCE = 4.0  # times the resultant that directions at random have on average: once in a million by chance
_STRUCTURE = 5 / 3  # exponent of turbulence's differences over distances, squared (Kolmogorov)


@dataclass(frozen=True, slots=True)
class Trend:
    """A phase model: offset + down * row + across * column + rise * elevation.

    Attributes
    ----------
    down, across
        Radians per row and per column of the raster it was fitted to.
    rise
        Radians per metre of elevation; NaN where none was given, or noise drowns it.
    strength
        Length of the weighted mean of exp(i (phase - model)), 0 to 1.
    """

    down: float
    across: float
    rise: float
    strength: float

    def removed(self, phasors: Phasors, elevation: Array | None) -> Phasors:
        """Phasors without the model (but for its offset); 0 where the elevation that it takes is not known."""
        rows, columns = phasors.shape
        rest = phasors * np.exp(-1j * self.down * np.arange(rows))[:, np.newaxis]
        rest = np.asarray(rest * np.exp(-1j * self.across * np.arange(columns)))
        if elevation is None or math.isnan(self.rise):
            return rest
        known = np.isfinite(elevation)
        turned = np.exp(-1j * self.rise * np.where(known, elevation, 0.0))
        return np.asarray(np.where(known, rest * turned, 0.0))


def fit_trend(phasors: Phasors, elevation: Array | None = None) -> Trend:
    r"""Find the plane, and the share of the elevation, that explain most of a phase.

    The rise k per metre of elevation comes first, from products of phasors :math:`z_j \overline{z_i}` one, two or
    four steps apart (whichever promises the smallest error) along rows, and likewise along columns: it maximises
    :math:`|\sum z_j \overline{z_i}\, e^{-i k (h_j - h_i)}|`. A plane only turns all of these products by one angle,
    so that nothing need be known of it, however much it and the elevation resemble each other; and turbulence, whose
    waves are long, hardly shows in them. The plane then maximises
    :math:`|\sum z\, e^{-i (p\, row + q\, column + k h)}|`, from the peak of the spectrum on. Fitting all three at
    once to that sum gives turbulence to the elevation where by chance they look alike: eight times the error in k.
    Errors of the elevation itself make k too small where ground is so gentle that they count among its differences.

    Parameters
    ----------
    phasors
        Two-dimensional; 0 where nothing is known, shorter where less is known.
    elevation
        Metres, NaN where unknown; pixels without it take no part.

    Examples
    --------
    >>> rows, columns = np.mgrid[:40, :60]
    >>> metres = 900 * np.cos(rows / 9) * np.sin(columns / 7)
    >>> found = fit_trend(np.exp(1j * (0.3 * rows - 0.2 * columns + 0.01 * metres)), metres)
    >>> round(found.down, 4), round(found.across, 4), round(found.rise, 4)
    (0.3, -0.2, 0.01)
    """
    if elevation is not None:
        known = np.isfinite(elevation)
        phasors = np.where(known, phasors, 0.0)
        elevation = np.where(known, elevation, 0.0)
    total = float(np.abs(phasors).sum())
    if total == 0:
        return Trend(math.nan, math.nan, math.nan, 0.0)
    rise = math.nan
    if elevation is not None:
        rise = _rise_of_differences(phasors, elevation)
        middle = float((np.abs(phasors) * elevation).sum()) / total
        if not math.isnan(rise):
            phasors = phasors * np.exp(-1j * rise * (elevation - middle))
    down, across, strength = _refined(phasors, _spectral_peak(phasors), total)
    return Trend(down, across, rise, strength)


def _rise_of_differences(phasors: Phasors, elevation: Array) -> float:
    """Radians per metre by which the phase follows the elevation from place to place, by the best lag."""
    found: list[_Estimate] = []
    about, reach = 0.0, _STEEPEST
    for lag in _LAGS:
        if min(phasors.shape) <= 2 * lag:
            break
        pairs = [
            (phasors[lag:] * phasors[:-lag].conj(), elevation[lag:] - elevation[:-lag]),
            (phasors[:, lag:] * phasors[:, :-lag].conj(), elevation[:, lag:] - elevation[:, :-lag]),
        ]
        spread = _spread(pairs)
        if not spread > 0:
            break
        about, *facts = _strongest(pairs, about, reach, spread)
        found.append(_Estimate(lag, about, spread, *facts))
        reach = min(1.0 / spread, _STEEPEST)
    return _best(found)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A rise from differences over one lag.

    Attributes
    ----------
    lag
        Steps between the two of a pair.
    rise
        Radians per metre.
    spread
        Standard deviation of the differences in elevation.
    resultant
        Length of the mean product with the rise taken off, 0 to 1.
    count
        Number of products, as many as there would be if all were equally long.
    """

    lag: int
    rise: float
    spread: float
    resultant: float
    count: float

    @property
    def variance(self) -> float:
        """Of the differences in phase."""
        return -2.0 * math.log(min(max(self.resultant, 1e-9), 1.0))


def _best(found: list[_Estimate]) -> float:
    """The rise of the lag that promises the smallest error.

    The variance of differences is that of noise, the same at all lags, and that of turbulence, which grows with the
    lag to the 5/3. Noise is new in each product; turbulence is shared by all within a lag, whose number is its
    square. So noise asks for long lags, where differences in elevation are large, and turbulence for the shortest.
    Lags at which nothing but chance may be at work are left out; NaN where there is no other.
    """
    told = [one for one in found if one.resultant > _CHANCE / math.sqrt(one.count)]
    if len(told) < 2:
        return told[0].rise if told else math.nan
    shortest, longest = told[0], told[-1]
    certain = _CHANCE / (longest.resultant * math.sqrt(longest.count))
    growth = longest.lag**_STRUCTURE - shortest.lag**_STRUCTURE
    turbulent = max(longest.variance - shortest.variance - certain, 0.0) / growth
    noise = max(shortest.variance - turbulent * shortest.lag**_STRUCTURE, 0.0)
    errors = [(noise + turbulent * one.lag ** (_STRUCTURE + 2.0)) / one.spread**2 for one in told]
    return told[int(np.argmin(errors))].rise


def _spread(pairs: list[tuple[Phasors, Array]]) -> float:
    """Standard deviation of the differences in elevation, as far as they count."""
    weight = sum(float(np.abs(product).sum()) for product, _ in pairs)
    square = sum(float((np.abs(product) * step**2).sum()) for product, step in pairs)
    return math.sqrt(square / weight) if weight > 0 else 0.0


def _strongest(
    pairs: list[tuple[Phasors, Array]], about: float, reach: float, spread: float
) -> tuple[float, float, float]:
    """The rise at which the products, with it taken off, add up to most; their resultant and number."""
    most = 8.0 * spread
    edges = np.linspace(-most, most, _BINS + 1)
    steps = 0.5 * (edges[1:] + edges[:-1])
    sums = []
    for product, step in pairs:
        # Products by difference in elevation: then every rise costs a few thousand operations only.
        place = np.clip(((step + most) / (2 * most) * _BINS).astype(np.int64), 0, _BINS - 1).ravel()
        weights = np.where(np.abs(step) < most, product, 0.0).ravel()
        real = np.bincount(place, weights.real, _BINS)
        sums.append(real + 1j * np.bincount(place, weights.imag, _BINS))

    def strength(rise: float) -> float:
        turned = np.exp(-1j * rise * steps)
        return float(sum(abs((one * turned).sum()) for one in sums))

    tried = min(int(2 * reach * spread / 0.2) + 3, 2001)
    rises = np.linspace(about - reach, about + reach, tried)
    found = int(np.argmax([strength(rise) for rise in rises]))
    width = 2 * reach / (tried - 1)
    peak = optimize.minimize_scalar(
        lambda rise: -strength(rise),
        bounds=(rises[found] - width, rises[found] + width),
        method="bounded",
        options={"xatol": 1e-3 * width},
    )
    weights = np.concatenate([np.abs(product).ravel() for product, _ in pairs])
    total = float(weights.sum())
    count = total**2 / float((weights**2).sum())
    return float(peak.x), strength(float(peak.x)) / total, count


def _spectral_peak(phasors: Phasors) -> tuple[float, float]:
    """Radians per row and per column of the strongest plane wave, to half a bin of a spectrum twice as fine."""
    shape = [fft.next_fast_len(2 * size) for size in phasors.shape]
    strength = np.abs(fft.fft2(phasors.astype(np.complex64), shape))
    row, column = np.unravel_index(int(np.argmax(strength)), strength.shape)
    down, across = fft.fftfreq(shape[0])[row], fft.fftfreq(shape[1])[column]
    return 2 * math.pi * float(down), 2 * math.pi * float(across)


def _refined(phasors: Phasors, start: tuple[float, float], total: float) -> tuple[float, float, float]:
    """The nearest maximum of the mean phasor's length: radians per row and per column, and that length."""
    rows, columns = phasors.shape
    y = np.linspace(-0.5, 0.5, rows) if rows > 1 else np.zeros(1)
    x = np.linspace(-0.5, 0.5, columns) if columns > 1 else np.zeros(1)
    scale = np.array([max(rows - 1, 1), max(columns - 1, 1)])

    def loss(turns: Array) -> tuple[float, Array]:
        rest = phasors * np.exp(-1j * turns[0] * y)[:, np.newaxis] * np.exp(-1j * turns[1] * x)
        whole = rest.sum()
        size = abs(whole)
        if size == 0:
            return 0.0, np.zeros(2)
        # The length's slope along a turn is the sum of the place times the part across the whole.
        lean = (rest * (whole.conjugate() / size)).imag
        slopes = np.array([lean.sum(axis=1) @ y, lean.sum(axis=0) @ x])
        return -size / total, -slopes / total

    found = optimize.minimize(loss, np.array(start) * scale, jac=True, method="BFGS", options={"gtol": 1e-7})
    down, across = found.x / scale
    return float(down), float(across), float(-found.fun)
