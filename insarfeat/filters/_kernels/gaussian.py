"""Gaussian low-pass of a complex interferogram, whose nodata pixels carry no weight."""

import math

import numba
import numpy as np

from insarfeat._kernels import angle_double, angle_single, inner
from insarfeat.filters._kernels.phasors import phasors_of_phase

_REACH = 4.0  # standard deviations; less than 1e-4 of the weight lies beyond


@numba.njit(nogil=True, cache=True)
def reach(sigma):
    """Pixels to each side that count, for a standard deviation in pixels. An ulp more or less changes nothing."""
    return math.ceil(_REACH * sigma - 1e-6)


@numba.njit(nogil=True, cache=True)
def filter_complex(ifg, out, top, left, northward, eastward, sigma):
    """Filter a complex interferogram; sigma in metres."""
    real = out[:0].real.dtype
    _filter(ifg.view(real), out.view(real), 2, top, left, northward, eastward, sigma)


@numba.njit(nogil=True, cache=True)
def filter_phase(phase, out, top, left, northward, eastward, sigma):
    """Filter a wrapped phase; sigma in metres."""
    _filter(phase, out, 1, top, left, northward, eastward, sigma)


@inner()
def _filter(source, out, parts, top, left, northward, eastward, sigma):
    rows = len(out)
    columns = out.shape[1] // parts
    tallest = reach(sigma / np.min(np.abs(northward)))
    widest = reach(sigma / np.min(np.abs(eastward)))
    span = 2 * tallest + 1
    padded = np.zeros((3, columns + 2 * widest), out.dtype)  # real, imaginary, 1 where valid
    ring = np.zeros((span, 3, columns), out.dtype)
    total = np.empty((3, columns), out.dtype)
    # Rows beyond the reach of the first output row would never be used.
    for y in range(top - tallest, top + rows + tallest):
        slot = y % span
        if 0 <= y < len(source):
            _gather(padded, source[y], parts, left - widest)
            _along_row(ring[slot], padded, _taps(sigma / abs(eastward[y]), out.dtype), widest)
        else:
            ring[slot] = 0
        i = y - tallest - top
        if i < 0:
            continue
        taps = _taps(sigma / abs(northward[i + top]), out.dtype)
        total[:] = 0
        for k in range(-len(taps) + 1, len(taps)):
            _add(total.ravel(), ring[(i + top + k) % span].ravel(), taps[abs(k)])
        _finish(out[i], source[i + top, left * parts : (left + columns) * parts], total)


@inner()
def _taps(sigma, dtype):
    """Half of a Gaussian, from the middle outward."""
    taps = np.empty(reach(sigma) + 1, dtype)
    for k in range(taps.size):
        taps[k] = math.exp(-0.5 * (k / sigma) ** 2)
    return taps


@inner()
def _gather(padded, numbers, parts, start):
    """Valid pixels of one row as real and imaginary parts, 0 where there is none; what lies beyond stays 0."""
    width = numbers.size // parts
    begin = max(start, 0)
    end = min(start + padded.shape[1], width)
    inside = slice(begin - start, end - start)
    real, imaginary, valid = padded[0, inside], padded[1, inside], padded[2, inside]
    if parts == 2:
        _valid_parts(real, imaginary, valid, numbers[2 * begin : 2 * end])
    else:
        phasors_of_phase(real, imaginary, valid, numbers[begin:end])


@inner()
def _valid_parts(real, imaginary, valid, numbers):
    zero = real.dtype.type(0)
    one = real.dtype.type(1)
    for i in range(real.size):
        a = numbers[2 * i]
        b = numbers[2 * i + 1]
        good = abs(a) + abs(b) > zero  # false for NaN too
        real[i] = a if good else zero
        imaginary[i] = b if good else zero
        valid[i] = one if good else zero


@inner()
def _along_row(out, padded, taps, widest):
    columns = out.shape[1]
    for part in range(3):
        target = out[part]
        target[:] = 0
        for k in range(-len(taps) + 1, len(taps)):
            _add(target, padded[part, widest + k : widest + k + columns], taps[abs(k)])


@inner(fastmath={"contract"})
def _add(total, values, weight):
    for i in range(total.size):
        total[i] += weight * values[i]


@inner(error_model="numpy")
def _finish(out, own, total):
    """Weighted means, or their angles, where the pixel itself is valid."""
    real, imaginary, weight = total[0], total[1], total[2]
    nodata = out.dtype.type(np.nan)
    if out.size == 2 * real.size:
        for i in range(real.size):
            good = abs(own[2 * i]) + abs(own[2 * i + 1]) > 0
            out[2 * i] = real[i] / weight[i] if good else nodata
            out[2 * i + 1] = imaginary[i] / weight[i] if good else nodata
    elif out.itemsize == 4:
        for i in range(real.size):
            value = angle_single(np.float32(real[i]), np.float32(imaginary[i]))
            out[i] = value if own[i] == own[i] else nodata
    else:
        for i in range(real.size):
            out[i] = angle_double(real[i], imaginary[i]) if own[i] == own[i] else nodata
