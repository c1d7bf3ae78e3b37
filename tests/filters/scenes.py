"""Interferograms with known truth, for the tests of filters."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray


def speckle(*shape: int, seed: int = 0) -> NDArray[np.complex64]:
    """Fully developed speckle of unit power per component."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype("c8")


def pair(
    *shape: int, coherence: float, phase: Any = 0.0, seed: int = 0
) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """Two images of known coherence and interferometric phase."""
    common, other = speckle(*shape, seed=seed), speckle(*shape, seed=seed + 10_000)
    secondary = (coherence * common + np.sqrt(1 - coherence**2) * other) * np.exp(-1j * np.asarray(phase))
    return common, secondary.astype("c8")


def noisy_fringes(rows: int, columns: int, seed: int = 0, looks: int = 8) -> tuple[Any, Any]:
    """Interferogram of several looks over a bowl and a ramp, and its clean phase."""
    y, x = np.mgrid[:rows, :columns]
    bowl = 14 * np.exp(-((y - rows / 2) ** 2 + (x - columns / 2) ** 2) / (2 * (min(rows, columns) / 5) ** 2))
    phase = 0.15 * x + 0.07 * y + bowl
    total = np.zeros((rows, columns), "c16")
    for look in range(looks):
        primary, secondary = pair(rows, columns, coherence=0.6, phase=phase, seed=100 * seed + look)
        total += primary * secondary.conj()
    return (total / looks).astype("c8"), phase


def phase_error(filtered: Any, phase: Any) -> NDArray[np.float64]:
    """Phase error of a complex or real result, wrapped."""
    phasor = filtered if np.iscomplexobj(filtered) else np.exp(1j * filtered)
    error: NDArray[np.float64] = np.angle(phasor * np.exp(-1j * phase))
    return error


def distance(one: Any, other: Any) -> NDArray[np.float64]:
    """How far phases are apart, as |e^ia - e^ib|, whatever their magnitudes; NaN where either is."""
    phasors = [
        np.exp(1j * (np.angle(image) if np.iscomplexobj(image) else image).astype("f8"))
        for image in (one, other)
    ]
    valid = ~(np.isnan(one) | np.isnan(other))
    found: NDArray[np.float64] = np.where(valid, np.abs(phasors[0] - phasors[1]), np.nan)
    return found


def read_band(path: Path) -> Any:
    """First band of a sample; radar images have no geotransform, and rasterio would warn of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            return file.read(1)
