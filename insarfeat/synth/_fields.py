"""Random fields made with the Fourier transform."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.float64]


def power_law_field(rng: np.random.Generator, size: int, *, exponent: float, outer_scale: float) -> Field:
    """Return a square Gaussian field whose power falls with wavenumber, mean 0 and standard deviation 1.

    Parameters
    ----------
    rng
        Source of the randomness.
    size
        Rows and columns, pixels.
    exponent
        Power spectral density is proportional to ``wavenumber ** -exponent`` in two dimensions.
    outer_scale
        Wavelength in pixels beyond which the power grows no more.

    >>> field = power_law_field(np.random.default_rng(1), 32, exponent=4.0, outer_scale=16.0)
    >>> field.shape, bool(abs(field.mean()) < 1e-9), round(float(field.std()), 6)
    ((32, 32), True, 1.0)
    """
    # The transform makes fields periodic: cut from a larger one, opposite edges are strangers again.
    side = size + max(size // 4, 8)
    wavenumber = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side)[np.newaxis, :])
    amplitude = np.hypot(wavenumber, 1.0 / outer_scale) ** (-exponent / 2.0)
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) * amplitude
    field = np.fft.irfft2(spectrum, s=(side, side))[:size, :size]
    return np.asarray((field - field.mean()) / field.std())


def smooth(field: Field, sigma: float) -> Field:
    """Return the field under a Gaussian window of ``sigma`` pixels, the edges mirrored.

    >>> smooth(np.full((4, 4), 7.0), 1.5).round(6).tolist()[0]
    [7.0, 7.0, 7.0, 7.0]
    """
    margin = int(np.ceil(3.0 * sigma))
    padded = np.pad(field, margin, mode="symmetric")
    rows, columns = padded.shape
    gain_y = np.exp(-2.0 * (np.pi * sigma * np.fft.fftfreq(rows)) ** 2)
    gain_x = np.exp(-2.0 * (np.pi * sigma * np.fft.rfftfreq(columns)) ** 2)
    smoothed = np.fft.irfft2(np.fft.rfft2(padded) * np.outer(gain_y, gain_x), s=padded.shape)
    return np.asarray(smoothed[margin : rows - margin, margin : columns - margin])
