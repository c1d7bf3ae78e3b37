"""Kernels of the terrain layers."""

import math

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def slope_zevenbergen_thorne(dem, out, top, left, northward, eastward):
    """Slope in degrees from the four direct neighbours; missing ones are mirrored through the centre."""
    rows, columns = out.shape
    height, width = dem.shape
    for i in range(rows):
        y = i + top
        per_row = 0.5 / northward[y]
        per_column = 0.5 / eastward[y]
        for j in range(columns):
            x = j + left
            centre = dem[y, x]
            north = dem[y - 1, x] if y > 0 else np.nan
            south = dem[y + 1, x] if y + 1 < height else np.nan
            west = dem[y, x - 1] if x > 0 else np.nan
            east = dem[y, x + 1] if x + 1 < width else np.nan
            p = _difference(east, west, centre) * per_column
            q = _difference(south, north, centre) * per_row
            out[i, j] = math.degrees(math.atan(math.sqrt(p * p + q * q))) if centre == centre else np.nan


@numba.njit(nogil=True, cache=True)
def _difference(ahead, behind, centre):
    """Rise over two pixels; a missing neighbour is the other one mirrored, two missing ones make it flat."""
    if ahead != ahead:
        if behind != behind:
            return 0.0 * centre
        return 2 * (centre - behind)
    if behind != behind:
        return 2 * (ahead - centre)
    return ahead - behind
