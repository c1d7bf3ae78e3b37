"""What is made of water, cell by cell."""

import math

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.directions import distance_to
from insarfeat.terrain.flow._kernels.flats import flat_drop
from insarfeat.terrain.flow._kernels.ground import DOWN, RIGHT


@numba.njit(nogil=True, cache=True, error_model="numpy")
def spread_area(water, ground, ranks, found, top, left, northward, eastward):
    """Water per metre of width, where it goes to all lower neighbours: each takes half a side of the cell.

    A direct neighbour takes half the side between them, a diagonal one half of the cell's area over the diagonal.
    """
    rows, columns = ground.shape
    n = found.shape[1]
    for i in range(found.shape[0]):
        y = i + top
        dy, dx = abs(northward[y]), abs(eastward[y])
        width = found[i]  # first the width, then what flows through it
        first, last = max(1 - left, 0), min(columns - 1 - left, n)
        if 0 < y < rows - 1 and first < last:
            _widths(
                ground[y - 1, left + first - 1 : left + last + 1],
                ground[y, left + first - 1 : left + last + 1],
                ground[y + 1, left + first - 1 : left + last + 1],
                0.5 * dy,
                0.5 * dx,
                0.5 * dx * dy / math.sqrt(dx * dx + dy * dy),
                width[first:last],
            )
        else:
            first = last = n
        for j in range(n):
            x = j + left
            if j < first or j >= last or ranks[y, x] != 0:
                width[j] = _width(ground, ranks, y, x, dy, dx)
        own, z = water[y, left : left + n], ground[y, left : left + n]
        one = math.sqrt(dx * dy)
        for j in range(n):
            area = own[j] / (width[j] if width[j] > 0 else one)
            width[j] = area if z[j] == z[j] else np.nan


@inner()
def _widths(up, mid, down, side_y, side_x, diagonal, width):
    for j in range(width.size):
        z = mid[j + 1]
        total = _part(up[j + 1] < z, side_x) + _part(down[j + 1] < z, side_x)
        total += _part(mid[j] < z, side_y) + _part(mid[j + 2] < z, side_y)
        total += _part(up[j] < z, diagonal) + _part(up[j + 2] < z, diagonal)
        width[j] = total + _part(down[j] < z, diagonal) + _part(down[j + 2] < z, diagonal)


@inner(forceinline=True)
def _part(lower, side):
    return side if lower else 0.0


@inner()
def _width(ground, ranks, y, x, dy, dx):
    """The width of one cell, at the edge or in a flat."""
    width = 0.0
    for k in range(8):
        near, beside = y + DOWN[k], x + RIGHT[k]
        if not (0 <= near < ground.shape[0] and 0 <= beside < ground.shape[1]):
            continue
        if ground[near, beside] == ground[y, x]:
            lower = flat_drop(ranks[y, x], ranks[near, beside]) > 0
        else:
            lower = ground[near, beside] < ground[y, x]
        if lower:
            diagonal = 0.5 * dx * dy / math.sqrt(dx * dx + dy * dy)
            width += diagonal if k & 1 else 0.5 * (dx if k & 3 == 0 else dy)
    return width


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
