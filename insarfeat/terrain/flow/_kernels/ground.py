"""The ground with its frame: what all kernels of flow work on.

A framed block has one cell more on each side than the tile. Voids are -inf where water leaves through them and +inf
where they wall it in; what lies beyond the raster is -inf. So a cell is an outlet where its lowest neighbour is -inf,
and no kernel meets a NaN.
"""

import numba
import numpy as np

from insarfeat._kernels import inner

# Neighbours in the order of the codes 1 to 8: N, NE, E, SE, S, SW, W, NW.
DOWN = (-1, -1, 0, 1, 1, 1, 0, -1)
RIGHT = (0, 1, 1, 1, 0, -1, -1, -1)


@inner()
def steps_of(stride):
    """How far the neighbours are along the rows of a block, in the order of the codes."""
    return np.array((-stride, 1 - stride, 1, stride + 1, stride, stride - 1, -1, -stride - 1))


@numba.njit(nogil=True, cache=True)
def frame(dem, top, left, void, framed):
    """Copy a block into its frame; the block's first cell comes to (top, left), what it does not cover is beyond."""
    beyond = -np.inf
    height, width = dem.shape
    framed[:top] = beyond
    framed[top + height :] = beyond
    for i in range(height):
        row = framed[top + i]
        row[:left] = beyond
        row[left + width :] = beyond
        inside = row[left : left + width]
        given = dem[i]
        for j in range(width):
            # inf - inf and NaN - NaN are NaN: one comparison finds both.
            inside[j] = given[j] if given[j] - given[j] == 0 else void


@numba.njit(nogil=True, cache=True)
def wall_in(framed):
    """Make the neighbours' ground in the frame impassable, and leave what is void or beyond the raster."""
    last_row, last = framed.shape[0] - 1, framed.shape[1] - 1
    for j in range(last + 1):
        if framed[0, j] > -np.inf:
            framed[0, j] = np.inf
        if framed[last_row, j] > -np.inf:
            framed[last_row, j] = np.inf
    for i in range(last_row + 1):
        if framed[i, 0] > -np.inf:
            framed[i, 0] = np.inf
        if framed[i, last] > -np.inf:
            framed[i, last] = np.inf


@inner()
def lowest_around(up, mid, down, lowest):
    """The lowest of the eight neighbours, for a row inside its frame; ``lowest`` is as long as the row without it."""
    n = lowest.size
    for j in range(n):
        above = min(min(up[j], up[j + 1]), up[j + 2])
        below = min(min(down[j], down[j + 1]), down[j + 2])
        lowest[j] = min(min(above, below), min(mid[j], mid[j + 2]))
