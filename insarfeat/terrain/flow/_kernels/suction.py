"""Water that flat ground draws from its surroundings, as in SAGA's wetness index."""

import math

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.ground import steps_of


@numba.njit(nogil=True, cache=True)
def suction(slope, found):
    """Share of a neighbour's water that a cell draws: (1/t)^exp(t) with t = 10^slope; 1 on level ground."""
    for i in range(slope.shape[0]):
        for j in range(slope.shape[1]):
            t = 10.0 ** math.radians(slope[i, j])
            found[i, j] = (1 / t) ** math.exp(t)


@numba.njit(nogil=True, cache=True)
def draw(water, shares):
    """Raise each cell to its share of the largest neighbour, again and again until nothing changes, in place.

    Both are framed; what is in the frame of ``water`` is not changed. Voids have no water and no share above 0. Two
    sweeps do most of it, and what they leave spreads from cell to cell.
    """
    height, stride = water.shape
    steps = steps_of(stride)
    for y in range(1, height - 1):
        up, mid, part = water[y - 1], water[y], shares[y]
        for x in range(1, stride - 1):
            most = max(max(up[x - 1], up[x]), max(up[x + 1], mid[x - 1]))
            mid[x] = max(mid[x], part[x] * most)
    room = 1024
    queue = np.empty(room, np.int64)
    last = 0
    totals = water.reshape(-1)
    parts = shares.reshape(-1)
    for y in range(height - 2, 0, -1):
        down, mid, part = water[y + 1], water[y], shares[y]
        for x in range(stride - 2, 0, -1):
            most = max(max(down[x - 1], down[x]), max(down[x + 1], mid[x + 1]))
            own = max(mid[x], part[x] * most)
            mid[x] = own
            further = (shares[y + 1, x - 1] * own > down[x - 1]) | (shares[y + 1, x] * own > down[x])
            further |= (shares[y + 1, x + 1] * own > down[x + 1]) | (part[x + 1] * own > mid[x + 1])
            if further:
                if last == room:
                    queue = _longer(queue)
                    room = queue.size
                queue[last] = y * stride + x
                last += 1
    first = 0
    while first < last:
        at = queue[first]
        first += 1
        for step in steps:
            near = at + step
            drawn = parts[near] * totals[at]
            if drawn > totals[near]:
                totals[near] = drawn
                if last == room:
                    # What is done makes room, if it is much.
                    if first > room // 2:
                        queue[: last - first] = queue[first:last].copy()
                        last -= first
                        first = 0
                    else:
                        queue = _longer(queue)
                        room = queue.size
                queue[last] = near
                last += 1


@inner()
def _longer(queue):
    longer = np.empty(2 * queue.size, queue.dtype)
    longer[: queue.size] = queue
    return longer


@numba.njit(nogil=True, cache=True)
def wetness(water, area, steepness, index, top, left, northward, eastward):
    """ln(A / (L tan b)): water drawn, smoothed where any was; b is the mean slope of the catchment, in degrees.

    ``water`` and ``area`` in square metres; ``steepness`` is the sum over the catchment of slope times area.
    """
    height, width = index.shape
    rows, columns = water.shape
    for i in range(height):
        y = i + top
        length = math.sqrt(abs(northward[y] * eastward[y]))
        for j in range(width):
            x = j + left
            own = water[y, x]
            if own != own:
                index[i, j] = np.nan
                continue
            total = 0.0
            count = 0
            drawn = False
            for near in range(max(y - 1, 0), min(y + 2, rows)):
                for beside in range(max(x - 1, 0), min(x + 2, columns)):
                    found = water[near, beside]
                    if found == found:
                        total += found
                        count += 1
                        drawn |= found > area[near, beside]
            if drawn:
                own = total / count
            slope = math.radians(steepness[y, x] / area[y, x] + 0.1)
            index[i, j] = math.log(own / length / math.tan(slope))
