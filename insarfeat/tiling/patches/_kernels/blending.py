"""Patches laid over each other: weighted means of what they say of a pixel, or the word of the nearest one."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def add_weighted(patch, weights, sums, total, top, left):
    """Add a patch, channel by channel, to weighted sums of which it may cover a part; NaN adds nothing.

    ``top`` and ``left`` are where its first pixel lies among the sums; they may be negative.
    """
    first, last = max(-top, 0), min(patch.shape[1], sums.shape[1] - top)
    begin, end = max(-left, 0), min(patch.shape[2], sums.shape[2] - left)
    for c in range(patch.shape[0]):
        for i in range(first, last):
            for j in range(begin, end):
                value = patch[c, i, j]
                weight = weights[i, j]
                if value == value and weight > 0.0:
                    sums[c, top + i, left + j] += weight * value
                    total[c, top + i, left + j] += weight


@numba.njit(nogil=True, cache=True, error_model="numpy")
def divide(sums, total, out):
    """Weighted means; NaN where nothing was added."""
    for c in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                weight = total[c, i, j]
                out[c, i, j] = sums[c, i, j] / weight if weight > 0.0 else np.nan


@numba.njit(nogil=True, cache=True)
def keep_nearest(patch, distances, values, nearest, top, left, nodata):
    """Keep the patch's values where it has one and none was kept from a patch that is as near or nearer."""
    first, last = max(-top, 0), min(patch.shape[1], values.shape[1] - top)
    begin, end = max(-left, 0), min(patch.shape[2], values.shape[2] - left)
    for c in range(patch.shape[0]):
        for i in range(first, last):
            for j in range(begin, end):
                value = patch[c, i, j]
                known = value == value and value != nodata
                if known and distances[i, j] < nearest[c, top + i, left + j]:
                    nearest[c, top + i, left + j] = distances[i, j]
                    values[c, top + i, left + j] = value
