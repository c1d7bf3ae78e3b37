"""Which pixels have a value."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def valid_real(layer, found):
    """1 where there is a number."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = np.uint8(layer[i, j] - layer[i, j] == 0)


@numba.njit(nogil=True, cache=True)
def valid_complex(layer, found):
    """1 where there is a number other than 0."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            real, imaginary = layer[i, j].real, layer[i, j].imag
            finite = (real - real == 0) & (imaginary - imaginary == 0)
            found[i, j] = np.uint8(finite & ((real != 0) | (imaginary != 0)))


@numba.njit(nogil=True, cache=True)
def valid_mask(layer, found):
    """1 where there is a value other than 255."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = np.uint8(layer[i, j] != 255)


@numba.njit(nogil=True, cache=True)
def clear(flag, found):
    """1 where the flag is 0."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = np.uint8(flag[i, j] == 0)


@numba.njit(nogil=True, cache=True)
def both(one, other, found):
    """1 where both are."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = one[i, j] & other[i, j]
