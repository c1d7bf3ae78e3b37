"""Interferograms of which everything is known: plane, stratified part, turbulence, coherence and looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from insarfeat.synth.fields import Spectrum, TileDraws
from insarfeat.synth.terrain import EndlessMountains
from insarfeat.windows import Window

Array = NDArray[Any]

PIXEL = 15.0


def speckled(rng: np.random.Generator, shape: tuple[int, int], coherence: Any, looks: int) -> Array:
    """Multilooked interferogram of Gaussian speckle with the true phase 0."""
    total = np.zeros(shape, complex)
    for _ in range(looks):
        first, fresh = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape) for _ in range(2))
        total += first * np.conj(coherence * first + np.sqrt(1 - np.square(coherence)) * fresh)
    return total


def plane(shape: tuple[int, int], down: float, across: float) -> Array:
    """Phase of so many fringes from the first to the last row, and column."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return 2 * np.pi * (down * y / shape[0] + across * x / shape[1])


def mountains(seed: int, size: int, pixel: float = PIXEL) -> Array:
    return np.asarray(EndlessMountains(seed, pixel).elevation(Window(0, 0, size, size)), float)


def turbulence(seed: int, size: int, deviation: float) -> Array:
    """Kolmogorov's turbulence: the power falls with wavenumber to the 11/3, up to the size of the scene."""
    side = size * PIXEL
    wind = _field(seed, size, Spectrum(exponent=11 / 3, finest=side / 1280, coarsest=side / 5))
    return np.asarray(deviation * (wind - wind.mean()) / wind.std())


def patches(seed: int, size: int) -> Array:
    """Half of the pixels, in patches."""
    field = _field(seed, size, Spectrum(exponent=3.0, finest=10.0, coarsest=160.0))
    return np.asarray(field > np.median(field))


def _field(seed: int, size: int, spectrum: Spectrum) -> Array:
    return np.asarray(TileDraws(np.random.default_rng(seed), size, size, PIXEL).field("", spectrum)[0], float)


def between(phase: Array, pixel: float, shortest: float = 1000.0, longest: float = 5000.0) -> Array:
    """What of an unwrapped phase lies between two wavelengths: the difference of two Gaussians."""
    near, far = (
        ndimage.gaussian_filter(phase, wave / 5.3 / pixel, mode="nearest") for wave in (shortest, longest)
    )
    return near - far


def on_map(pixel: float = PIXEL, *, north_first: bool = True, **layers: Array) -> xr.Dataset:
    """Layers on a UTM grid."""
    height, width = next(iter(layers.values())).shape
    y = 4_905_000.0 - pixel * np.arange(height)
    coords = {"y": y if north_first else y[::-1], "x": 620_000.0 + pixel * np.arange(width)}
    mapping = xr.DataArray(np.int32(0), attrs={"crs_wkt": "EPSG:32632"})
    return xr.Dataset({name: (("y", "x"), one) for name, one in layers.items()}, coords).assign_coords(
        spatial_ref=mapping
    )
