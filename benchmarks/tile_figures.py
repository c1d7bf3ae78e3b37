"""Figures of tiles of an interferogram: what a classifier may tell synthetic ones from real ones by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.stats import kurtosis, skew

from insarfeat.windows import Window

Raster: TypeAlias = npt.NDArray[np.float32]
Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tile:
    """What a tile shows, and where it is from. Tiles of one group may resemble each other, others do not."""

    phase: Raster  # radian, wrapped
    coherence: Raster  # 0 to 1, as estimated
    intensity: Raster  # linear, any unit
    group: str
    window: Window | None = None  # its place in the raster; synthetic tiles never overlap and have none


def ring_spectrum(values: npt.NDArray[Any], rings: int = 12) -> Numbers:
    """Log10 of the mean power in rings of equal width, from the longest waves to two pixels.

    The mean is taken off and the edges are faded out (Hann). Power is that of a pixel: white noise of variance 1
    gives 0 in every ring.

    >>> white = np.random.default_rng(0).standard_normal((256, 256))
    >>> bool(np.abs(ring_spectrum(white)[2:]).max() < 0.1)
    True
    """
    rows, columns = values.shape
    fade = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
    level = (values * fade).sum() / fade.sum()
    power = np.abs(np.fft.fft2((values - level) * fade)) ** 2 / (fade**2).sum()
    wave = np.hypot(*np.meshgrid(np.fft.fftfreq(rows), np.fft.fftfreq(columns), indexing="ij"))
    ring = np.minimum((wave / 0.5 * rings).astype(int), rings)  # the corners are left out
    return np.array([np.log10(power[ring == number].mean() + 1e-12) for number in range(rings)])


def gradient_histogram(phase: Raster, axis: int, bins: int = 12) -> Numbers:
    """Shares of wrapped differences of neighbours in equal steps from -pi to pi.

    >>> ramp = np.tile(np.float32(0.5) * np.arange(32, dtype=np.float32), (32, 1))
    >>> int(gradient_histogram(ramp, axis=1).argmax())
    6
    """
    steps = np.angle(np.exp(1j * np.diff(phase.astype(np.float64), axis=axis)))
    found, _ = np.histogram(steps, bins=bins, range=(-np.pi, np.pi))
    return np.asarray(found / found.sum())


def phase_noise(phase: Raster, side: int = 9) -> Numbers:
    """Angle between each pixel and the mean phasor of a square about it, radian."""
    phasor = np.exp(1j * phase.astype(np.float64))
    mean = uniform_filter(phasor.real, side) + 1j * uniform_filter(phasor.imag, side)
    return np.asarray(np.angle(phasor * mean.conj()))


def autocorrelation(values: npt.NDArray[Any], axis: int, lags: int = 4) -> Numbers:
    """Correlation with itself, 1 to ``lags`` pixels away.

    >>> autocorrelation(np.tile([1.0, -1.0], (8, 16)), axis=1, lags=2).round(6).tolist()
    [-1.0, 1.0]
    """
    along = np.moveaxis(values - values.mean(), axis, 0)
    power = (along**2).mean()
    return np.array([(along[lag:] * along[:-lag]).mean() / power for lag in range(1, lags + 1)])


def _named(name: str, values: Numbers | Sequence[float]) -> dict[str, float]:
    return {f"{name} {number + 1}": float(value) for number, value in enumerate(values)}


def decibel(intensity: Raster) -> Numbers:
    """Brightness in decibels."""
    return np.asarray(10.0 * np.log10(np.maximum(intensity.astype(np.float64), 1e-12)))


def _gradients(tile: Tile) -> dict[str, float]:
    across, down = (gradient_histogram(tile.phase, axis) for axis in (1, 0))
    return _named("step", (across + down) / 2.0)


def _noise_lags(tile: Tile) -> dict[str, float]:
    noise = phase_noise(tile.phase)
    return _named("lag", (autocorrelation(noise, 1) + autocorrelation(noise, 0)) / 2.0)


def _fine_level(tile: Tile) -> Numbers:
    """Intensity without what is broad, dB."""
    level = decibel(tile.intensity)
    return np.asarray(level - gaussian_filter(level, 3.0))


def noise_beats(fine: Numbers) -> tuple[float, float]:
    """Log10 of how far the strongest wave of noise power stands out: along one of the axes, and anywhere else.

    Interpolation from a lattice makes noise weaker between the nodes: its power beats with lattice and pixels.
    """
    power = np.clip(fine, -6.0, 6.0) ** 2  # decibel; bright points would drown it
    waves = np.abs(np.fft.fft2(power - power.mean())) ** 2
    rows, columns = (np.abs(np.fft.fftfreq(side)) for side in fine.shape)
    apart = np.hypot(rows[:, np.newaxis], columns)
    short = (apart > 0.1) & (apart < 0.45)
    axis = (rows[:, np.newaxis] == 0.0) | (columns == 0.0)
    strongest = [waves[short & where].max() / np.median(waves[short]) for where in (axis, ~axis)]
    return float(np.log10(strongest[0])), float(np.log10(strongest[1]))


def _coherence_levels(tile: Tile) -> dict[str, float]:
    found, _ = np.histogram(tile.coherence, bins=10, range=(0.0, 1.0))
    exact = tile.coherence.astype(np.float64)
    local = np.sqrt(np.maximum(uniform_filter(exact**2, 5) - uniform_filter(exact, 5) ** 2, 0.0))
    return _named("level", found / found.sum()) | {"local deviation": float(local.mean())}


def _brightness(tile: Tile) -> dict[str, float]:
    fine = _fine_level(tile)
    return {
        "deviation": float(decibel(tile.intensity).std()),
        "fine deviation": float(fine.std()),
        "fine skewness": float(skew(fine, axis=None)),
        "fine kurtosis": float(kurtosis(fine, axis=None)),
        **_named("fine lag", (autocorrelation(fine, 1, 2) + autocorrelation(fine, 0, 2)) / 2.0),
        **dict(zip(("beat on an axis", "beat elsewhere"), noise_beats(fine), strict=True)),
    }


def _relations(tile: Tile) -> dict[str, float]:
    noise = np.abs(phase_noise(tile.phase))
    layers = np.stack([tile.coherence, noise, decibel(tile.intensity)]).reshape(3, -1)
    of_noise, of_intensity = np.corrcoef(layers)[0, 1:]
    return {
        "phase noise, coherence": float(of_noise),
        "intensity, coherence": float(of_intensity),
        "phase noise": float(np.log10(noise.mean())),
    }


FAMILIES: dict[str, Callable[[Tile], dict[str, float]]] = {
    "spectrum of the phasor": lambda tile: _named("ring", ring_spectrum(np.exp(1j * tile.phase))),
    "spectrum of the intensity": lambda tile: _named("ring", ring_spectrum(decibel(tile.intensity))),
    "spectrum of the coherence": lambda tile: _named("ring", ring_spectrum(tile.coherence)),
    "phase gradients": _gradients,
    "lags of the phase noise": _noise_lags,
    "values of the coherence": _coherence_levels,
    "values of the intensity": _brightness,
    "relations": _relations,
}
"""Figures of a tile, by what they look at."""


def features_of(tile: Tile) -> dict[str, float]:
    """All figures of a tile, each by "family: name"."""
    return {
        f"{family}: {name}": value
        for family, measure in FAMILIES.items()
        for name, value in measure(tile).items()
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of many tiles: ``values`` is (tiles, figures)."""

    names: tuple[str, ...]
    values: Numbers
    groups: npt.NDArray[np.str_]
    windows: tuple[Window | None, ...]

    @classmethod
    def of(cls, tiles: Sequence[Tile]) -> Measured:
        """Measure tiles."""
        rows = [features_of(tile) for tile in tiles]
        values = np.array([list(row.values()) for row in rows])
        groups = np.array([tile.group for tile in tiles])
        return cls(tuple(rows[0]), values, groups, tuple(tile.window for tile in tiles))

    def of_family(self, family: str) -> Numbers:
        """The figures of one family, or of all."""
        chosen = [family in ("all", name.partition(": ")[0]) for name in self.names]
        return self.values[:, chosen]
