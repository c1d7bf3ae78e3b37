"""Kernel of deramping and reramping. A pixel is nodata if it is NaN or 0+0j."""

import math

import numba
import numpy as np

from insarfeat._kernels import inner

# Taylor series of sin(2 pi r) / r and cos(2 pi r) in r^2: for |r| <= 1/4 the first term left out is below 3e-16.
_SINE = tuple((-1) ** k * math.tau ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(10))
_COSINE = tuple((-1) ** k * math.tau ** (2 * k) / math.factorial(2 * k) for k in range(11))

# Adding and subtracting 1.5 * 2^52 rounds a double to the nearest whole number, in any processor's vector unit.
_ROUNDER = 1.5 * 2.0**52


@numba.njit(nogil=True, cache=True, error_model="numpy")
def rotate(
    slc, out, row, column, height, width, sense, azimuth, slant_range, steering_rate, fm_rate, centroid
):
    """Turn each pixel by the TOPS ramp at its place in the burst, forward (sense 1) or back (sense -1).

    ``azimuth`` is (centre line, line interval), ``slant_range`` is (first time, sampling rate, centre time), and the
    polynomials are their reference time followed by their coefficients. The raster's size does not matter.
    """
    centre_line, interval = azimuth
    first_time, sampling_rate, centre_time = slant_range
    count = out.shape[1]
    quadratic = np.empty(count)
    linear = np.empty(count)
    reference = np.empty(count)
    at_centre = _crossing(centre_time, fm_rate, centroid)
    for j in range(count):
        time = first_time + (column + j) / sampling_rate
        ka = _polynomial(fm_rate, time)
        quadratic[j] = sense * 0.5 * (ka * steering_rate / (ka - steering_rate))
        linear[j] = sense * _polynomial(centroid, time)
        reference[j] = _crossing(time, fm_rate, centroid) - at_centre
    real = out[:0].real.dtype
    given = slc.view(real)
    turned = out.view(real)
    for i in range(out.shape[0]):
        _rotate_line(turned[i], given[i], (row + i - centre_line) * interval, quadratic, linear, reference)


@inner()
def _polynomial(polynomial, time):
    """Value at a slant-range time; the first number is the reference time, then come the coefficients."""
    x = time - polynomial[0]
    value = 0.0
    for k in range(polynomial.size - 1, 0, -1):
        value = value * x + polynomial[k]
    return value


@inner(error_model="numpy")
def _crossing(time, fm_rate, centroid):
    """Beam centre crossing time."""
    return -_polynomial(centroid, time) / _polynomial(fm_rate, time)


@inner()
def _rotate_line(out, parts, eta, quadratic, linear, reference):
    """One line of interleaved real and imaginary parts.

    All in double: a burst's phase runs over thousands of turns. The library's sine is left alone, because it does
    not vectorise everywhere, and where it does the last pixels of a line may get another last digit than the same
    pixels in another tile.
    """
    for j in range(quadratic.size):
        u = eta - reference[j]
        turns = (quadratic[j] * u + linear[j]) * u
        # What is left beyond the nearest half turn, and the sign that this half turn brings.
        half_turns = (2.0 * turns + _ROUNDER) - _ROUNDER
        r = turns - 0.5 * half_turns
        odd = 0.5 * half_turns - ((0.5 * half_turns + _ROUNDER) - _ROUNDER)  # 0, or one half either way
        sign = 1.0 - 8.0 * odd * odd
        z = r * r
        s = _SINE[9]
        s = s * z + _SINE[8]
        s = s * z + _SINE[7]
        s = s * z + _SINE[6]
        s = s * z + _SINE[5]
        s = s * z + _SINE[4]
        s = s * z + _SINE[3]
        s = s * z + _SINE[2]
        s = s * z + _SINE[1]
        s = s * z + _SINE[0]
        c = _COSINE[10]
        c = c * z + _COSINE[9]
        c = c * z + _COSINE[8]
        c = c * z + _COSINE[7]
        c = c * z + _COSINE[6]
        c = c * z + _COSINE[5]
        c = c * z + _COSINE[4]
        c = c * z + _COSINE[3]
        c = c * z + _COSINE[2]
        c = c * z + _COSINE[1]
        c = c * z + _COSINE[0]
        s = s * r * sign
        c = c * sign
        real = parts[2 * j]
        imaginary = parts[2 * j + 1]
        valid = abs(real) + abs(imaginary) > 0  # false for NaN too
        out[2 * j] = real * c - imaginary * s if valid else np.nan
        out[2 * j + 1] = real * s + imaginary * c if valid else np.nan
