"""Fingerprints of pixels that add up: a block's is the sum of its pieces', each moved to its place.

Sums and products are modulo 2^64.
"""

import numba
import numpy as np

from insarfeat._kernels import inner

# Odd, so that no product loses bits; the first two are the low halves of well-mixing 128-bit multipliers.
DOWN = np.uint64(0xDA942042E4DD58B5)
ACROSS = np.uint64(0x5851F42D4C957F2D)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_NAN_BITS = np.uint32(0x7FC00000)


@inner(forceinline=True)
def _mixed(bits):
    """All 64 bits depend on all of the 32; zero, too, becomes something."""
    z = np.uint64(bits) + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@numba.njit(nogil=True, cache=True)
def power(base, exponent):
    """A number to a whole power that is not negative."""
    result = _ONE
    factor = np.uint64(base)
    left = exponent
    while left > 0:
        if left & 1:
            result *= factor
        factor *= factor
        left >>= 1
    return result


@numba.njit(nogil=True, cache=True)
def powers(n, base):
    """The first n powers of a number, from 1 on."""
    result = np.empty(n, np.uint64)
    one = _ONE
    for i in range(n):
        result[i] = one
        one *= np.uint64(base)
    return result


@numba.njit(nogil=True, cache=True)
def cell_digest(values):
    """Fingerprint of a 2-D block whose first pixel is at row 0, column 0; all NaN are one, and both zeros."""
    height, width = values.shape
    across = powers(width, ACROSS)
    single = np.empty(width, np.float32)
    bits = single.view(np.uint32)
    total = np.uint64(0)
    factor = _ONE
    for i in range(height):
        for j in range(width):
            single[j] = np.float32(values[i, j]) + np.float32(0)
        row = np.uint64(0)
        for j in range(width):
            row += _mixed(_NAN_BITS if single[j] != single[j] else bits[j]) * across[j]
        total += row * factor
        factor *= DOWN
    return total


@numba.njit(nogil=True, cache=True)
def moved(digest, rows, columns):
    """Fingerprint of the same pixels, so many rows and columns further on."""
    return digest * power(DOWN, rows) * power(ACROSS, columns)


@numba.njit(nogil=True, cache=True)
def distinct(values, most):
    """How many different values there are, NaN left out; counting ends at ``most``."""
    found = np.empty(most, np.float32)
    count = 0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            one = np.float32(values[i, j])
            if one != one:
                continue
            new = True
            for k in range(count):
                if found[k] == one:
                    new = False
                    break
            if new:
                found[count] = one
                count += 1
                if count == most:
                    return count
    return count
