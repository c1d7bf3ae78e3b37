"""Kernels over cells of pixels: means, most frequent values, coherence."""

import math

import numba
import numpy as np

NODATA_BYTE = 255


@numba.njit(nogil=True, cache=True)
def mean_of_complex(image, out, top, left, row_looks, column_looks):
    """Mean of the valid pixels of each cell of a complex image."""
    parts = image.view(out[:0].real.dtype)
    for i in range(len(out)):
        for j in range(out.shape[1]):
            real = 0.0
            imaginary = 0.0
            count = 0
            for y in range(top + i * row_looks, top + (i + 1) * row_looks):
                for x in range(left + j * column_looks, left + (j + 1) * column_looks):
                    a = parts[y, 2 * x]
                    b = parts[y, 2 * x + 1]
                    if abs(a) + abs(b) > 0:
                        real += a
                        imaginary += b
                        count += 1
            out[i, j] = complex(real / count, imaginary / count) if count else complex(np.nan, np.nan)


@numba.njit(nogil=True, cache=True)
def mean_of_real(image, out, top, left, row_looks, column_looks):
    """Mean of the valid pixels of each cell of a real image."""
    for i in range(len(out)):
        for j in range(out.shape[1]):
            total = 0.0
            count = 0
            for y in range(top + i * row_looks, top + (i + 1) * row_looks):
                for x in range(left + j * column_looks, left + (j + 1) * column_looks):
                    value = image[y, x]
                    if value == value:
                        total += value
                        count += 1
            out[i, j] = total / count if count else np.nan


@numba.njit(nogil=True, cache=True)
def mean_of_angles(image, out, top, left, row_looks, column_looks, scale, lowest):
    """Direction of the mean phasor of each cell of angles, which are ``scale`` radians to the unit."""
    turn = 2.0 * math.pi / scale
    for i in range(len(out)):
        for j in range(out.shape[1]):
            real = 0.0
            imaginary = 0.0
            count = 0
            for y in range(top + i * row_looks, top + (i + 1) * row_looks):
                for x in range(left + j * column_looks, left + (j + 1) * column_looks):
                    value = image[y, x]
                    if value == value:
                        real += math.cos(value * scale)
                        imaginary += math.sin(value * scale)
                        count += 1
            angle = math.atan2(imaginary, real) / scale
            if angle < lowest or (lowest < 0 and angle == lowest):
                angle += turn
            out[i, j] = angle if count else np.nan
            if lowest == 0 and out[i, j] >= turn:  # what was rounded up to a whole turn
                out[i, j] = 0.0


@numba.njit(nogil=True, cache=True)
def mode_of_mask(mask, out, top, left, row_looks, column_looks):
    """Most frequent value of each cell of a mask; of two that are as frequent, the larger."""
    counts = np.zeros(256, np.int64)
    for i in range(len(out)):
        for j in range(out.shape[1]):
            counts[:] = 0
            for y in range(top + i * row_looks, top + (i + 1) * row_looks):
                for x in range(left + j * column_looks, left + (j + 1) * column_looks):
                    counts[mask[y, x]] += 1
            best = NODATA_BYTE
            most = 0
            for value in range(NODATA_BYTE):
                if counts[value] >= most and counts[value] > 0:
                    best = value
                    most = counts[value]
            out[i, j] = best


@numba.njit(nogil=True, cache=True)
def coherence(primary, secondary, out, top, left, row_looks, column_looks, unbiased):
    """Coherence over the valid pixels of each cell."""
    a = primary.view(out.dtype)
    b = secondary.view(out.dtype)
    for i in range(len(out)):
        for j in range(out.shape[1]):
            re = im = power_a = power_b = 0.0
            count = 0
            for y in range(top + i * row_looks, top + (i + 1) * row_looks):
                for x in range(left + j * column_looks, left + (j + 1) * column_looks):
                    ar = float(a[y, 2 * x])
                    ai = float(a[y, 2 * x + 1])
                    br = float(b[y, 2 * x])
                    bi = float(b[y, 2 * x + 1])
                    if abs(ar) + abs(ai) > 0 and abs(br) + abs(bi) > 0:
                        re += ar * br + ai * bi
                        im += ai * br - ar * bi
                        power_a += ar * ar + ai * ai
                        power_b += br * br + bi * bi
                        count += 1
            if count:
                square = min((re / power_a) * (re / power_b) + (im / power_a) * (im / power_b), 1.0)
                if unbiased:
                    looks = count - 2.0
                    root = math.sqrt(max(looks * looks + 4.0 * (count * square - 1.0), 0.0))
                    square = min(max(0.5 * (root - looks), 0.0), 1.0) if count * square > 1 else 0.0
                out[i, j] = math.sqrt(square)
            else:
                out[i, j] = np.nan
