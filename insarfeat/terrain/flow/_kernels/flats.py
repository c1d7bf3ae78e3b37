"""Flats: how far each of their cells is from lower and from higher ground.

Cells are named by their place in the framed block, counted along its rows. Two flat cells side by side are equally
high, or the higher one would have a lower neighbour: so distances spread from cell to cell without a look at heights.
"""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.ground import lowest_around, steps_of

FAR = np.int32(1 << 29)
"""The distance of cells that nothing has reached."""

NO_WAY = np.int32(1)
"""Rank of flat cells from which there is no way out; 0 is that of cells that drain."""

FLOOR = np.int32(1 << 30)
"""What is added to the other ranks, so that they are above both."""


@numba.njit(nogil=True, cache=True)
def find_flats(ground):
    """Flat cells: neither outlets nor with a lower neighbour."""
    height, width = ground.shape[0] - 2, ground.shape[1] - 2
    lowest = np.empty(width, ground.dtype)
    level = np.empty(width, np.bool_)
    room = max(1024, ground.size // 64)
    cells = np.empty(room, np.int64)
    count = 0
    for i in range(1, height + 1):
        mid = ground[i]
        lowest_around(ground[i - 1], mid, ground[i + 1], lowest)
        any_level = False
        for j in range(width):
            found = (lowest[j] >= mid[j + 1]) & (mid[j + 1] > -np.inf) & (mid[j + 1] < np.inf)
            level[j] = found
            any_level |= found
        if not any_level:
            continue
        if count + width > room:
            room = 2 * room + width
            longer = np.empty(room, np.int64)
            longer[:count] = cells[:count]
            cells = longer
        for j in range(width):
            if level[j]:
                cells[count] = i * (width + 2) + j + 1
                count += 1
    return cells[:count].copy()


@numba.njit(nogil=True, cache=True)
def number_cells(cells, numbers):
    """Write the number of each cell, from 1 on, to its place."""
    places = numbers.reshape(-1)
    for k in range(cells.size):
        places[cells[k]] = k + 1


@numba.njit(nogil=True, cache=True)
def first_distances(ground, cells, numbers, toward, away, beside):
    """Distances of the cells at the edge of flats: 1 beside ground that drains, 1 beside higher ground, else FAR.

    ``beside`` gets a bit for each neighbour that is flat too. Returns the links across the frame, whose other
    sides are not known here: numbers of cells, and the places in the frame that are as high.
    """
    height, stride = ground.shape
    steps = steps_of(stride)
    places = ground.reshape(-1)
    known = numbers.reshape(-1)
    linked = np.empty(6 * (height + stride), np.int32)
    across = np.empty(linked.size, np.int64)
    links = 0
    for k in range(cells.size):
        at = cells[k]
        z = places[at]
        toward[k] = FAR
        away[k] = FAR
        bits = 0
        for bit in range(8):
            near = at + steps[bit]
            other = places[near]
            if other == z:
                row, column = near // stride, near % stride
                if row == 0 or column == 0 or row == height - 1 or column == stride - 1:
                    linked[links] = k
                    across[links] = near
                    links += 1
                elif known[near] == 0:
                    toward[k] = 1
                else:
                    bits |= 1 << bit
            elif z < other < np.inf:
                away[k] = 1
        beside[k] = bits
    return linked[:links].copy(), across[:links].copy()


@numba.njit(nogil=True, cache=True)
def join_distances(distances, linked, across, around):
    """Shorten distances of linked cells to one more than across the frame; says which cells were."""
    places = around.reshape(-1)
    changed = np.empty(linked.size, np.int32)
    count = 0
    for k in range(linked.size):
        there = places[across[k]]
        if there < FAR and there + 1 < distances[linked[k]]:
            distances[linked[k]] = there + 1
            changed[count] = linked[k]
            count += 1
    return changed[:count]


@numba.njit(nogil=True, cache=True)
def spread_over_flats(cells, numbers, beside, toward, away, linked, is_open):
    """Let the distances of 1 spread, flat by flat: most are small enough to stay in the cache.

    ``is_open`` is 0 everywhere, and becomes 1 for the cells of flats that have a link across the frame.
    """
    for k in linked:
        is_open[k] = True
    steps = steps_of(numbers.shape[1])
    known = numbers.reshape(-1)
    seen = np.zeros(cells.size, np.bool_)
    flat = np.empty(cells.size, np.int32)
    queue = np.empty(cells.size, np.int32)
    for start in range(cells.size):
        if seen[start]:
            continue
        seen[start] = True
        flat[0] = start
        size = 1
        at = 0
        while at < size:
            bits = beside[flat[at]]
            for bit in range(8):
                if bits >> bit & 1:
                    near = known[cells[flat[at]] + steps[bit]] - 1
                    if not seen[near]:
                        seen[near] = True
                        flat[size] = near
                        size += 1
            at += 1
        crossing = False
        for k in range(size):
            crossing |= is_open[flat[k]]
        if crossing:
            for k in range(size):
                is_open[flat[k]] = True
        _spread_in_flat(cells, known, steps, beside, toward, flat[:size], queue)
        _spread_in_flat(cells, known, steps, beside, away, flat[:size], queue)


@inner()
def _spread_in_flat(cells, known, steps, beside, distances, flat, queue):
    last = 0
    for k in flat:
        if distances[k] == 1:
            queue[last] = k
            last += 1
    first = 0
    while first < last:
        at = queue[first]
        further = distances[at] + 1
        bits = beside[at]
        for bit in range(8):
            if bits >> bit & 1:
                near = known[cells[at] + steps[bit]] - 1
                if distances[near] == FAR:
                    distances[near] = further
                    queue[last] = near
                    last += 1
        first += 1


@numba.njit(nogil=True, cache=True)
def spread_distances(cells, numbers, distances, begun):
    """Let shorter distances spread from some cells over their flats."""
    if begun.size == 0:
        return
    steps = steps_of(numbers.shape[1])
    known = numbers.reshape(-1)
    # From near to far, so that hardly a cell is reached twice.
    order = begun[np.argsort(distances[begun])]
    waiting = np.zeros(cells.size, np.bool_)
    queue = np.empty(cells.size + 1, np.int32)  # a ring: a cell waits in it once at most
    head = tail = 0
    for k in order:
        if not waiting[k]:
            waiting[k] = True
            queue[tail] = k
            tail += 1
    while head != tail:
        k = queue[head]
        head = 0 if head + 1 == queue.size else head + 1
        waiting[k] = False
        further = distances[k] + 1
        for step in steps:
            near = known[cells[k] + step] - 1
            if near >= 0 and further < distances[near]:
                distances[near] = further
                if not waiting[near]:
                    waiting[near] = True
                    queue[tail] = near
                    tail = 0 if tail + 1 == queue.size else tail + 1


@numba.njit(nogil=True, cache=True)
def write_ranks(cells, toward, away, stride, ranks):
    """The rank of each flat cell, to its place without the frame; water flows to lower ranks."""
    for k in range(cells.size):
        row, column = cells[k] // stride - 1, cells[k] % stride - 1
        if toward[k] >= FAR:
            ranks[row, column] = NO_WAY
        else:
            ranks[row, column] = FLOOR + 2 * toward[k] - (0 if away[k] >= FAR else away[k])


@inner(forceinline=True)
def flat_drop(own, other):
    """How far water of a flat cell (by its rank) drops to a neighbour that is as high: 0 where it does not go."""
    if own <= NO_WAY or other == NO_WAY:
        return 0
    if other == 0:
        return 2
    return max(own - other, 0)
