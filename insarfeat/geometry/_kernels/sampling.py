"""Values of a raster at fractional positions.

A pixel is valid where the nearest one of the raster is; its value is a mean over those about it that are valid, so
that nothing is lost beside nodata. Positions count on the whole raster, of which a block is at hand.
"""

import math

import numba
import numpy as np

from insarfeat._kernels import angle_double, angle_single, inner, phasor_single


@numba.njit(nogil=True, cache=True)
def nearest(block, rows, columns, out, top, left, nodata):
    """The nearest pixel."""
    for y in range(out.shape[0]):
        for i in range(out.shape[1]):
            # Rounded before the block's corner is taken off: halves must not depend on where blocks begin. What is
            # NaN must not become a whole number: on some processors that is 0.
            r, c = np.floor(rows[y, i] + 0.5) - top, np.floor(columns[y, i] + 0.5) - left
            inside = r >= 0 and r < block.shape[0] and c >= 0 and c < block.shape[1]
            out[y, i] = block[int(r), int(c)] if inside else nodata


@numba.njit(nogil=True, cache=True)
def smooth(block, rows, columns, out, top, left, cubic):
    """Linear between pixels, or cubic where all 16 about the place are valid; real or complex."""
    zero = block.dtype.type(0)
    complex_given = block.itemsize != block.real.itemsize
    for y in range(out.shape[0]):
        for i in range(out.shape[1]):
            r, c = rows[y, i], columns[y, i]
            out[y, i] = np.nan
            near_r, near_c = np.floor(r + 0.5) - top, np.floor(c + 0.5) - left
            if not (near_r >= 0 and near_r < block.shape[0] and near_c >= 0 and near_c < block.shape[1]):
                continue
            if not _valid(block[int(near_r), int(near_c)], complex_given, zero):
                continue
            k, j = math.floor(r) - top, math.floor(c) - left
            a, b = r - (k + top), c - (j + left)
            whole = False
            if cubic and k >= 1 and k + 2 < block.shape[0] and j >= 1 and j + 2 < block.shape[1]:
                value, whole = _cubic(block, k, j, a, b, complex_given, zero)
            out[y, i] = value if whole else _linear(block, k, j, a, b, complex_given, zero)


@inner(forceinline=True)
def _valid(value, complex_given, zero):
    return value == value and not (complex_given and value == zero)


@inner()
def _linear(block, k, j, a, b, complex_given, zero):
    """Mean of the valid ones of four, by distance."""
    total = 0.0
    mean = zero * 0.0
    for dy in range(2):
        for dx in range(2):
            y, x = k + dy, j + dx
            weight = (a if dy else 1 - a) * (b if dx else 1 - b)
            if y >= 0 and y < block.shape[0] and x >= 0 and x < block.shape[1] and weight > 0:
                value = block[y, x]
                if _valid(value, complex_given, zero):
                    mean += weight * value
                    total += weight
    return mean / total


@inner()
def _cubic(block, k, j, a, b, complex_given, zero):
    """Cubic convolution of Keys over 16 pixels, and whether all of them are valid."""
    along = _weights(b)
    down = _weights(a)
    mean = zero * 0.0
    for dy in range(4):
        for dx in range(4):
            value = block[k + dy - 1, j + dx - 1]
            if not _valid(value, complex_given, zero):
                return mean, False
            mean += down[dy] * along[dx] * value
    return mean, True


@inner()
def _weights(t):
    """Of four pixels in a row, the place being t beyond the second."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


@numba.njit(nogil=True, cache=True)
def phasors(angles, out, scale):
    """Unit phasors of angles, which are ``scale`` radians to the unit."""
    for y in range(out.shape[0]):
        for i in range(out.shape[1]):
            if angles.itemsize == 4:
                x, z = phasor_single(angles[y, i] * angles.dtype.type(scale))
                out[y, i] = complex(x, z)
            else:
                angle = angles[y, i] * scale
                out[y, i] = complex(math.cos(angle), math.sin(angle))


@numba.njit(nogil=True, cache=True)
def angles(given, out, scale, lowest):
    """Angles of phasors, ``scale`` radians to the unit.

    From ``lowest`` on where that is 0; where it is half a turn under 0, without it and up to half a turn above.
    """
    turn = out.dtype.type(2 * math.pi / scale)
    for y in range(out.shape[0]):
        for i in range(out.shape[1]):
            value = given[y, i]
            if out.itemsize == 4:
                angle = angle_single(value.real, value.imag) / out.dtype.type(scale)
            else:
                angle = angle_double(value.real, value.imag) / scale
            if angle < lowest or (lowest < 0 and angle == lowest):
                angle += turn
            out[y, i] = angle
            if lowest == 0 and out[y, i] >= turn:  # what was rounded up to a whole turn
                out[y, i] -= turn
