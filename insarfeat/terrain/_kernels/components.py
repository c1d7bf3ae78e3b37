"""Moments of several layers, and their projection on components."""

import numba
import numpy as np

from insarfeat._kernels import inner


@numba.njit(nogil=True, cache=True)
def moments(layers, mask, shift, sums, products):
    """Add up deviations from ``shift`` and their products where all layers are finite and the mask is set.

    ``shift`` is set to the first such pixel, so that nothing is lost of layers far from 0; ``mask`` may be 1 x 1, for
    all pixels. Gives the number of pixels.
    """
    rows, columns = layers[0].shape
    count = len(layers)
    deviations = np.empty((count, columns), np.float64)
    used = np.empty(columns, np.bool_)
    found = 0
    for i in range(rows):
        inside = mask[i] if mask.size > 1 else np.full(columns, mask[0, 0])
        for j in range(columns):
            used[j] = inside[j] != 0
        for k in range(count):
            row = layers[k][i]
            for j in range(columns):
                used[j] &= np.isfinite(row[j])
        here = np.count_nonzero(used)
        if not here:
            continue
        if not found:
            first = np.argmax(used)
            for k in range(count):
                shift[k] = layers[k][i, first]
        found += here
        for k in range(count):
            _deviate(deviations[k], layers[k][i], used, shift[k])
            sums[k] += deviations[k].sum()
        for k in range(count):
            for other in range(k + 1):
                products[k, other] += _dot(deviations[k], deviations[other])
    return found


@inner()
def _deviate(out, row, used, shift):
    for j in range(out.size):
        out[j] = row[j] - shift if used[j] else 0.0


@inner(fastmath={"reassoc", "contract"})
def _dot(one, other):
    total = 0.0
    for j in range(one.size):
        total += one[j] * other[j]
    return total


@numba.njit(nogil=True, cache=True)
def project(layers, outputs, means, weights):
    """Weighted sums of deviations from means; NaN where any layer is."""
    number = outputs.dtype.type
    for i in range(outputs.shape[1]):
        for c in range(len(outputs)):
            out = outputs[c, i]
            out[:] = 0
            for k in range(len(layers)):
                _add(out, layers[k][i], number(means[k]), number(weights[c, k]))


@inner()
def _add(out, row, mean, weight):
    for j in range(out.size):
        out[j] += weight * (row[j] - mean)
