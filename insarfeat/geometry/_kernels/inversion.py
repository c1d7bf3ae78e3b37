"""Positions turned round: from where pixels of a raster lie on a grid to what lies at each pixel of the grid.

Between four neighbours the raster is two triangles. A pixel of the grid whose centre is in a triangle gets the
place in the raster by its weights; where triangles lie on each other (layover), that of the first in reading order.
"""

import math

import numba
import numpy as np

from insarfeat._kernels import inner

_EDGE = -1e-9  # a centre on the edge between two triangles must not be lost to both


@numba.njit(nogil=True, cache=True)
def invert(rows, columns, found_rows, found_columns, place, origin, longest):
    """Fill found_rows and found_columns, NaN where nothing lies.

    ``place`` is the grid's row and column of the first pixel of the result, ``origin`` the raster's of the first
    position given. Triangles longer than ``longest`` pixels span a gap, not ground, and are left out.
    """
    found_rows[:] = np.nan
    found_columns[:] = np.nan
    height, width = rows.shape
    for y in range(height - 1):
        for x in range(width - 1):
            _fill(rows, columns, y, x, y, x + 1, y + 1, x, found_rows, found_columns, place, origin, longest)
            _fill(
                rows,
                columns,
                y + 1,
                x + 1,
                y + 1,
                x,
                y,
                x + 1,
                found_rows,
                found_columns,
                place,
                origin,
                longest,
            )


@inner(error_model="numpy")
def _fill(rows, columns, y0, x0, y1, x1, y2, x2, found_rows, found_columns, place, origin, longest):
    """Pixels in one triangle, given by its right angle in the raster and the two ends.

    All is counted on the whole grid and the whole raster, so that no bit depends on which windows they come in.
    """
    top, left = int(place[0]), int(place[1])
    bottom, right = top + found_rows.shape[0] - 1, left + found_rows.shape[1] - 1
    r0, r1, r2 = rows[y0, x0], rows[y1, x1], rows[y2, x2]
    lowest, highest = min(r0, r1, r2), max(r0, r1, r2)
    # All that is not true of NaN.
    if not (lowest <= bottom and highest >= top and highest - lowest <= longest):
        return
    first, last = max(math.ceil(lowest), top), min(math.floor(highest), bottom)
    if first > last:
        return
    c0, c1, c2 = columns[y0, x0], columns[y1, x1], columns[y2, x2]
    leftmost, rightmost = min(c0, c1, c2), max(c0, c1, c2)
    if not (leftmost <= right and rightmost >= left and rightmost - leftmost <= longest):
        return
    begin, end = max(math.ceil(leftmost), left), min(math.floor(rightmost), right)
    area = (r1 - r0) * (c2 - c0) - (r2 - r0) * (c1 - c0)
    if area == 0:
        return
    for r in range(first, last + 1):
        for c in range(begin, end + 1):
            along = ((r - r0) * (c2 - c0) - (r2 - r0) * (c - c0)) / area
            down = ((r1 - r0) * (c - c0) - (r - r0) * (c1 - c0)) / area
            inside = along >= _EDGE and down >= _EDGE and along + down <= 1 - _EDGE
            y, x = r - top, c - left
            if inside and found_rows[y, x] != found_rows[y, x]:
                found_rows[y, x] = origin[0] + y0 + along * (y1 - y0) + down * (y2 - y0)
                found_columns[y, x] = origin[1] + x0 + along * (x1 - x0) + down * (x2 - x0)
