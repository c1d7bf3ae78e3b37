"""Nodes of a lattice spread over pixels: one thread, no library of linear algebra whose own threads would fight."""

import numba as nb
import numpy as np


@nb.njit(nogil=True, cache=True, fastmath={"contract"})
def spread(nodes, first_down, down, first_across, across):
    """Sum of nodes about each pixel: weights along columns, then along rows, each a few taps from a first node."""
    height, taps = down.shape
    width = across.shape[0]
    count = nodes.shape[0]
    turned = np.ascontiguousarray(nodes.T)
    columns = np.empty((width, count), np.float32)
    for pixel in range(width):
        line = columns[pixel]
        line[:] = 0.0
        for tap in range(taps):
            weight = across[pixel, tap]
            source = turned[first_across[pixel] + tap]
            for node in range(count):
                line[node] += weight * source[node]
    rows = np.ascontiguousarray(columns.T)
    spread_out = np.empty((height, width), np.float32)
    for pixel in range(height):
        line = spread_out[pixel]
        line[:] = 0.0
        for tap in range(taps):
            weight = down[pixel, tap]
            source = rows[first_down[pixel] + tap]
            for column in range(width):
                line[column] += weight * source[column]
    return spread_out
