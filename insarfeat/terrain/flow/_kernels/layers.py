"""What is made of water, cell by cell."""

import math

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.directions import distance_to
from insarfeat.terrain.flow._kernels.flats import flat_drop
from insarfeat.terrain.flow._kernels.ground import DOWN, RIGHT


@numba.njit(nogil=True, cache=True)
def spread_area(water, ground, ranks, found, top, left, northward, eastward):
    """Water per metre of width, where it goes to all lower neighbours: each takes half a side of the cell.

    A direct neighbour takes half the side between them, a diagonal one half of the cell's height over the diagonal.
    """
    for i in range(found.shape[0]):
        y = i + top
        dy, dx = abs(northward[y]), abs(eastward[y])
        diagonal = 0.5 * dx * dy / math.sqrt(dx * dx + dy * dy)
        for j in range(found.shape[1]):
            x = j + left
            if ground[y, x] != ground[y, x]:
                found[i, j] = np.nan
                continue
            width = 0.0
            for k in range(8):
                if _gets_water(ground, ranks, y, x, y + DOWN[k], x + RIGHT[k]):
                    width += diagonal if k & 1 else 0.5 * (dx if k & 3 == 0 else dy)
            found[i, j] = water[y, x] / (width if width > 0 else math.sqrt(dx * dy))


@inner()
def _gets_water(ground, ranks, y, x, near, beside):
    if not (0 <= near < ground.shape[0] and 0 <= beside < ground.shape[1]):
        return False
    if ground[near, beside] == ground[y, x]:
        return flat_drop(ranks[y, x], ranks[near, beside]) > 0
    return ground[near, beside] < ground[y, x]


@numba.njit(nogil=True, cache=True)
def single_area(water, codes, found, northward, eastward):
    """Water per metre of width, where it goes to one neighbour: SAGA's width is the distance to it."""
    for i in range(found.shape[0]):
        dy, dx = abs(northward[i]), abs(eastward[i])
        for j in range(found.shape[1]):
            code = np.int64(codes[i, j])
            width = distance_to(code - 1, dx, dy) if 1 <= code <= 8 else math.sqrt(dx * dy)
            found[i, j] = water[i, j] / width


@numba.njit(nogil=True, cache=True)
def slanting_area(water, angles, found, northward, eastward):
    """Water per metre of width, where it goes in any direction: the cell's width across it."""
    for i in range(found.shape[0]):
        dy, dx = abs(northward[i]), abs(eastward[i])
        for j in range(found.shape[1]):
            angle = math.radians(angles[i, j])  # NaN where water leaves
            width = dx * abs(math.cos(angle)) + dy * abs(math.sin(angle))
            found[i, j] = water[i, j] / (width if width == width else math.sqrt(dx * dy))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def wetness(area, slope, found, least):
    """ln(A / max(tan b, c))."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            tangent = math.tan(math.radians(slope[i, j]))
            found[i, j] = math.log(area[i, j] / max(tangent, least)) if tangent == tangent else np.nan


@numba.njit(nogil=True, cache=True)
def border(dem, found, top, left, row, column, height, width):
    """1 where water may come in from what is not known: at the edge and beside voids; else 0, NaN in voids."""
    for i in range(found.shape[0]):
        y = i + top
        for j in range(found.shape[1]):
            x = j + left
            if dem[y, x] - dem[y, x] != 0:
                found[i, j] = np.nan
                continue
            beside = y + row == 0 or x + column == 0 or y + row == height - 1 or x + column == width - 1
            found[i, j] = 1 if beside else 0
            if beside:
                continue
            for k in range(8):
                other = dem[y + DOWN[k], x + RIGHT[k]]
                if other - other != 0:
                    found[i, j] = 1


@numba.njit(nogil=True, cache=True)
def arrives(water, found):
    """1 where there is any water, 0 where not, 255 in voids."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            amount = water[i, j]
            found[i, j] = np.uint8(255) if amount != amount else np.uint8(amount > 0)


@numba.njit(nogil=True, cache=True)
def reaches(water, found, least):
    """1 where there is at least so much water, 0 where not, 255 in voids."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            amount = water[i, j]
            found[i, j] = np.uint8(255) if amount != amount else np.uint8(amount >= least)
