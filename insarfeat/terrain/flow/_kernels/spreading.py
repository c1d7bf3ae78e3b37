"""Water that parts: each cell hands on what it has as soon as all that flows into it is there."""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.directions import facet_of
from insarfeat.terrain.flow._kernels.flats import NO_WAY, flat_drop
from insarfeat.terrain.flow._kernels.ground import DOWN, RIGHT, steps_of
from insarfeat.terrain.flow._kernels.shares import (
    BATCH,
    per_metre_of,
    share_by_facets,
    share_by_slopes,
)

SLOPES, ANGLES, FACETS = 0, 1, 2
"""Methods: to all lower neighbours by slope (MFD), by the angle of the slope (SAGA's), or in one direction (Dinf)."""

DONE = np.uint8(255)
"""What is in place of the number of donors where a cell has handed on its water, and in voids."""


@numba.njit(nogil=True, cache=True)
def count_donors(ground, ranks, frame, waiting):
    """How many neighbours a cell gets water from (MFD); those in the frame count too, but are not waiting."""
    height, stride = ground.shape
    waiting[:frame] = DONE
    waiting[height - frame :] = DONE
    for y in range(frame, height - frame):
        row = waiting[y]
        row[:frame] = DONE
        row[stride - frame :] = DONE
        wide = slice(frame - 1, stride - frame + 1)
        own = row[frame : stride - frame]
        _count_higher(ground[y - 1, wide], ground[y, wide], ground[y + 1, wide], own)
    for y in range(1, height - 1):
        row = ranks[y]
        for x in range(1, stride - 1):
            if row[x] <= NO_WAY:
                continue
            for k in range(8):
                i, j = y + DOWN[k], x + RIGHT[k]
                if ground[y, x] == ground[i, j] and waiting[i, j] != DONE:
                    waiting[i, j] += np.uint8(flat_drop(row[x], ranks[i, j]) > 0)


@numba.njit(nogil=True, cache=True)
def count_donors_by_facets(ground, ranks, frame, sizes, waiting):
    """The same for Dinf."""
    height, stride = ground.shape
    donors = waiting.reshape(-1)
    for y in range(height):
        for x in range(stride):
            beside = y < frame or x < frame or y >= height - frame or x >= stride - frame
            waiting[y, x] = DONE if beside or abs(ground[y, x]) == np.inf else np.uint8(0)
    steps = steps_of(stride)
    for y in range(1, height - 1):
        for x in range(1, stride - 1):
            if abs(ground[y, x]) == np.inf:
                continue
            direct, diagonal, _, _ = facet_of(ground, ranks, y, x, sizes[y, 0], sizes[y, 1])
            for neighbour in (direct, diagonal):
                if neighbour >= 0:
                    near = y * stride + x + steps[neighbour]
                    if donors[near] != DONE:
                        donors[near] += np.uint8(1)


@inner()
def _count_higher(up, mid, down, waiting):
    for j in range(waiting.size):
        z = mid[j + 1]
        count = _is_higher(up[j], z) + _is_higher(up[j + 1], z) + _is_higher(up[j + 2], z)
        count += _is_higher(mid[j], z) + _is_higher(mid[j + 2], z)
        count += _is_higher(down[j], z) + _is_higher(down[j + 1], z) + _is_higher(down[j + 2], z)
        waiting[j] = np.uint8(count) if abs(z) < np.inf else DONE


@inner(forceinline=True)
def _is_higher(other, z):
    return np.int32((other > z) & (other < np.inf))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def spread(ground, ranks, method, sizes, amounts, waiting):
    """Hand on the water of all cells whose donors have handed on theirs.

    All blocks have the same frame; ``sizes`` has a row for each of their rows. Afterwards the cells that could
    not hand on theirs are those still waiting.
    """
    stride = ground.shape[1]
    steps = steps_of(stride)
    heights = ground.reshape(-1)
    levels = ranks.reshape(-1)
    totals = amounts.reshape(-1)
    donors = waiting.reshape(-1)
    room = 1024 + 16 * BATCH
    stack = np.empty(room, np.int64)
    per_metre = per_metre_of(sizes)
    begins = np.empty(BATCH + 1, np.int64)
    neighbours = np.empty(8 * BATCH + 1, np.uint8)
    shares = np.empty(8 * BATCH + 1)
    bits = np.empty(shares.size, np.int64)
    cells = np.empty(BATCH, np.int64)
    top = start = 0
    while True:
        # Sources are looked up as they are needed, so that water is followed while it is in the cache.
        while top < BATCH and start < donors.size:
            if donors[start] == 0:
                donors[start] = DONE
                stack[top] = start
                top += 1
            start += 1
        if top == 0:
            return
        n = min(top, BATCH)
        top -= n
        cells[:n] = stack[top : top + n]
        if method == FACETS:
            share_by_facets(ground, ranks, cells[:n], sizes, begins, neighbours, shares)
        else:
            share_by_slopes(
                heights,
                levels,
                stride,
                cells[:n],
                per_metre,
                method == ANGLES,
                begins,
                neighbours,
                shares,
                bits,
            )
        if top + 8 * n > room:
            room *= 2
            longer = np.empty(room, np.int64)
            longer[:top] = stack[:top]
            stack = longer
        for b in range(n):
            at = cells[b]
            total = 0.0
            for k in range(begins[b], begins[b + 1]):
                total += shares[k]
            amount = totals[at]
            total = 1 / total
            for k in range(begins[b], begins[b + 1]):
                near = at + steps[neighbours[k]]
                left = donors[near]
                if left == DONE:
                    continue
                totals[near] += shares[k] * total * amount
                if left == 1:
                    donors[near] = DONE
                    stack[top] = near
                    top += 1
                else:
                    donors[near] = left - np.uint8(1)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def unfinished(ground, ranks, method, sizes, waiting, numbers):
    """What is left of a tile in a frame of two cells: cells that wait, and those beside the tile that they wait for.

    Returns the cells, how many of them wait in the tile (the first ones), and for each where its part of the next
    two begins: numbers of receivers among the cells, and shares that add up to 1 with those that are not here.
    ``numbers`` is scratch, int32, as large as the ground and 0 everywhere.
    """
    height, stride = ground.shape
    donors = waiting.reshape(-1)
    heights = ground.reshape(-1)
    levels = ranks.reshape(-1)
    count = 0
    for at in range(donors.size):
        count += donors[at] != DONE
    cells = np.empty(count + 2 * (height + stride), np.int64)
    inside = 0
    for at in range(donors.size):
        if donors[at] != DONE:
            cells[inside] = at
            inside += 1
            numbers[at] = inside
    count = inside
    for y in range(1, height - 1):
        rim_row = y == 1 or y == height - 2
        for x in range(1, stride - 1, 1 if rim_row else stride - 3):
            if abs(ground[y, x]) < np.inf:
                cells[count] = y * stride + x
                count += 1
    cells = cells[:count]
    steps = steps_of(stride)
    first = np.zeros(count + 1, np.int64)
    targets = np.empty(8 * count, np.int32)
    parts = np.empty(8 * count)
    per_metre = per_metre_of(sizes)
    begins = np.empty(BATCH + 1, np.int64)
    neighbours = np.empty(8 * BATCH + 1, np.uint8)
    shares = np.empty(8 * BATCH + 1)
    bits = np.empty(shares.size, np.int64)
    end = 0
    for start in range(0, count, BATCH):
        some = cells[start : start + BATCH]
        if method == FACETS:
            share_by_facets(ground, ranks, some, sizes, begins, neighbours, shares)
        else:
            share_by_slopes(
                heights, levels, stride, some, per_metre, method == ANGLES, begins, neighbours, shares, bits
            )
        for b in range(some.size):
            total = 0.0
            for k in range(begins[b], begins[b + 1]):
                total += shares[k]
            total = 1 / total if total > 0 else 0.0
            for k in range(begins[b], begins[b + 1]):
                number = numbers[some[b] + steps[neighbours[k]]]
                if number > 0:
                    targets[end] = number - 1
                    parts[end] = shares[k] * total
                    end += 1
            first[start + b + 1] = end
    return cells, inside, first, targets[:end].copy(), parts[:end].copy()


@numba.njit(nogil=True, cache=True)
def carry_on(first, targets, parts, first_copy, copies, amounts, waiting, begun):
    """Hand on the water of some cells that have all of theirs now, and of those that have by that.

    Cells are numbers of those left of some tiles; from ``first[k]`` on lie the receivers of cell k and their parts,
    from ``first_copy[k]`` on the numbers under which other tiles know the same cell. ``waiting`` is the number of
    donors, DONE where they are through.
    """
    stack = np.empty(waiting.size, np.int32)
    top = 0
    for k in begun:
        waiting[k] = DONE
        stack[top] = k
        top += 1
    while top > 0:
        top -= 1
        at = stack[top]
        for k in range(first_copy[at], first_copy[at + 1]):
            amounts[copies[k]] = amounts[at]
            waiting[copies[k]] = DONE
            stack[top] = copies[k]
            top += 1
        for k in range(first[at], first[at + 1]):
            near = targets[k]
            amounts[near] += parts[k] * amounts[at]
            waiting[near] -= np.uint8(1)
            if waiting[near] == 0:
                waiting[near] = DONE
                stack[top] = near
                top += 1


@numba.njit(nogil=True, cache=True, error_model="numpy")
def all_shares(ground, ranks, sizes, found):
    """MFD: the share of each of the eight neighbours, 0 where they get none, NaN in voids; without the frame."""
    heights = ground.reshape(-1)
    levels = ranks.reshape(-1)
    stride = ground.shape[1]
    per_metre = per_metre_of(sizes)
    begins = np.empty(2, np.int64)
    neighbours = np.empty(9, np.uint8)
    shares = np.empty(9)
    bits = np.empty(9, np.int64)
    cell = np.empty(1, np.int64)
    for i in range(found.shape[1]):
        for j in range(found.shape[2]):
            cell[0] = (i + 1) * stride + j + 1
            void = abs(heights[cell[0]]) == np.inf
            for k in range(8):
                found[k, i, j] = np.nan if void else 0
            if void:
                continue
            share_by_slopes(heights, levels, stride, cell, per_metre, False, begins, neighbours, shares, bits)
            total = 0.0
            for k in range(begins[1]):
                total += shares[k]
            for k in range(begins[1]):
                found[neighbours[k], i, j] = shares[k] / total
