"""Kernels that look at each pixel alone: intensity, rounding, blanking."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def intensity(image, out):
    """Squared magnitude; NaN where there is none."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            value = image[i, j]
            power = value.real * value.real + value.imag * value.imag
            out[i, j] = power if power > 0 else np.nan


@numba.njit(nogil=True, cache=True)
def rounded(layer, out, step):
    """The nearest multiple of a power of two, which leaves the last bits 0."""
    unit = out.dtype.type(step)
    each = out.dtype.type(1.0 / step)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.rint(layer[i, j] * each) * unit


@numba.njit(nogil=True, cache=True)
def masked_real(layer, keep, out):
    """The values where the mask is 1."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = layer[i, j] if keep[i, j] == 1 else np.nan


@numba.njit(nogil=True, cache=True)
def masked_complex(layer, keep, out):
    """The values where the mask is 1."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = layer[i, j] if keep[i, j] == 1 else complex(np.nan, np.nan)


@numba.njit(nogil=True, cache=True)
def masked_classes(layer, keep, out):
    """The classes where the mask is 1."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = layer[i, j] if keep[i, j] == 1 else 255
