"""Filling with a fall: from each cell there is a way out that never stops falling."""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.ground import steps_of


@numba.njit(nogil=True, cache=True)
def fill_with_fall(ground, around, filled):
    """The lowest surface that is nowhere below the ground, with a lower neighbour for all cells but outlets.

    ``around`` has the surface beside the block in its frame, inf where it is not known, and ``filled`` is framed too;
    inside it gets the surface, inf where no water gets out. Cells are fixed from the lowest on: those that only their
    ground holds up come from a heap, those that are raised are in order as they are found.
    """
    kind = ground.dtype.type
    infinite = kind(np.inf)
    height, stride = ground.shape
    steps = steps_of(stride)
    heights = ground.reshape(-1)
    surface = filled.reshape(-1)
    beside = around.reshape(-1)
    done = np.ones(surface.size, np.bool_)
    levels = np.empty(1024, ground.dtype)  # the heap: from 1 on, none higher than its two children
    cells = np.empty(1024, np.int64)
    raised = np.empty(surface.size, np.int32)
    size = first = last = 0
    filled[:] = infinite
    for y in range(1, height - 1):
        for x in range(1, stride - 1):
            at = y * stride + x
            if abs(heights[at]) == np.inf:
                continue
            done[at] = False
            lowest = infinite
            for step in steps:
                near = at + step
                lowest = min(lowest, heights[near] if heights[near] == -np.inf else beside[near])
            if lowest < np.inf:
                if lowest > -np.inf:
                    surface[at] = max(heights[at], np.nextafter(lowest, infinite))
                else:
                    surface[at] = heights[at]
                levels, cells, size = _push(levels, cells, size, surface[at], at)
    while size > 0 or first < last:
        if first < last and (size == 0 or surface[raised[first]] <= levels[1]):
            at = np.int64(raised[first])
            first += 1
        else:
            at = cells[1]
            size = _pop(levels, cells, size)
        if done[at]:
            continue
        done[at] = True
        above = np.nextafter(surface[at], infinite)
        for step in steps:
            near = at + step
            if done[near]:
                continue
            level = max(heights[near], above)
            if level < surface[near]:
                found = surface[near] == np.inf
                surface[near] = level
                if found and level == above:
                    raised[last] = near
                    last += 1
                else:  # what waits further back in the heap is passed over later
                    levels, cells, size = _push(levels, cells, size, level, near)


@inner()
def _push(levels, cells, size, level, cell):
    size += 1
    if size == levels.size:
        longer_levels = np.empty(2 * size, levels.dtype)
        longer_levels[:size] = levels
        longer_cells = np.empty(2 * size, cells.dtype)
        longer_cells[:size] = cells
        levels, cells = longer_levels, longer_cells
    at = size
    while at > 1 and levels[at >> 1] > level:
        levels[at] = levels[at >> 1]
        cells[at] = cells[at >> 1]
        at >>= 1
    levels[at] = level
    cells[at] = cell
    return levels, cells, size


@inner()
def _pop(levels, cells, size):
    level = levels[size]
    cell = cells[size]
    size -= 1
    at = 1
    while 2 * at <= size:
        child = 2 * at
        if child < size and levels[child + 1] < levels[child]:
            child += 1
        if levels[child] >= level:
            break
        levels[at] = levels[child]
        cells[at] = cells[child]
        at = child
    levels[at] = level
    cells[at] = cell
    return size
