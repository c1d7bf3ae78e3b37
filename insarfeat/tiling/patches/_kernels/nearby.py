"""Which footprints have others near them, by a hash of cells that are as large as the reach: nothing is n x n.

Places are footprints of a world (see footprints.py). ``cell`` is never smaller than two radii and the reach, so that
what is near lies in the same cell or in one beside it.
"""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.tiling.patches._kernels.footprints import closer

_X = np.uint64(0x9E3779B97F4A7C15)
_Y = np.uint64(0xC2B2AE3D27D4EB4F)
_Z = np.uint64(0x165667B19E3779F9)


@inner()
def _bucket(x, y, z, mask):
    key = np.uint64(x) * _X ^ np.uint64(y) * _Y ^ np.uint64(z) * _Z
    key ^= key >> np.uint64(29)
    key *= _X
    return np.int64((key >> np.uint64(20)) & mask)


@inner()
def _cells_of(places, middles, cell):
    cells = np.empty((places.size, 3), np.int64)
    for k in range(places.size):
        for axis in range(3):
            cells[k, axis] = np.int64(np.floor(middles[places[k], axis] / cell))
    return cells


@inner()
def _steps(cells):
    """Which of the 27 cells about one to look into: on a flat map only those beside it."""
    for k in range(1, cells.shape[0]):
        if cells[k, 2] != cells[0, 2]:
            return 0, 27
    return 9, 18


@inner()
def _hashed(cells):
    """Chains of what lies in a bucket: where each begins, and what comes after each; -1 ends it."""
    size = 16
    while size < 2 * cells.shape[0]:
        size *= 2
    mask = np.uint64(size - 1)
    head = np.full(size, -1, np.int64)
    after = np.empty(cells.shape[0], np.int64)
    for k in range(cells.shape[0] - 1, -1, -1):
        bucket = _bucket(cells[k, 0], cells[k, 1], cells[k, 2], mask)
        after[k] = head[bucket]
        head[bucket] = k
    return head, after, mask


@numba.njit(nogil=True, cache=True)
def near_any(seekers, hosts, reach, cell, world):
    """Per seeker 2 where a host overlaps it, 1 where one is closer than the reach, else 0.

    ``seekers`` and ``hosts`` are numbers of places; one that is both overlaps itself.
    """
    middles = world[3]
    cells = _cells_of(hosts, middles, cell)
    head, after, mask = _hashed(cells)
    wanted = _cells_of(seekers, middles, cell)
    first, last = _steps(_cells_of(np.arange(middles.shape[0]), middles, cell))
    found = np.zeros(seekers.size, np.uint8)
    for k in range(seekers.size):
        x, y, z = wanted[k, 0], wanted[k, 1], wanted[k, 2]
        best = 0
        for step in range(first, last):
            cx, cy, cz = x + step % 3 - 1, y + step // 3 % 3 - 1, z + step // 9 - 1
            at = head[_bucket(cx, cy, cz, mask)]
            while at >= 0 and best < 2:
                if cells[at, 0] == cx and cells[at, 1] == cy and cells[at, 2] == cz:
                    best = max(best, closer(seekers[k], hosts[at], reach, world))
                at = after[at]
            if best == 2:
                break
        found[k] = best
    return found


@numba.njit(nogil=True, cache=True)
def mixed(parts, reach, cell, world):
    """Places with more than one part on them or near them; ``parts`` has a bit per part of what lies on each."""
    middles = world[3]
    places = np.arange(parts.size)
    cells = _cells_of(places, middles, cell)
    first, last = _steps(cells)
    head, after, mask = _hashed(cells)
    found = np.zeros(parts.size, np.bool_)
    for k in range(parts.size):
        if found[k] or parts[k] == 0:
            continue
        if parts[k] & (parts[k] - 1):
            found[k] = True
            continue
        for step in range(first, last):
            cx, cy, cz = (
                cells[k, 0] + step % 3 - 1,
                cells[k, 1] + step // 3 % 3 - 1,
                cells[k, 2] + step // 9 - 1,
            )
            at = head[_bucket(cx, cy, cz, mask)]
            while at >= 0:
                same = cells[at, 0] == cx and cells[at, 1] == cy and cells[at, 2] == cz
                if same and (parts[at] & ~parts[k]) != 0 and closer(k, at, reach, world):
                    found[k] = True
                    break
                at = after[at]
            if found[k]:
                break
    return found


@numba.njit(nogil=True, cache=True)
def partners(place, part, raster, content, reach, cell, world):
    """Per item the first one of another part that is near it, in three ways; -1 where there is none.

    It overlaps in the same raster, or overlaps in another raster, or does not overlap but is closer than the reach.
    Items with the same content (from 0 on) are no partners: they are one item under two names.
    """
    middles = world[3]
    cells = _cells_of(place, middles, cell)
    first, last = _steps(cells)
    head, after, mask = _hashed(cells)
    found = np.full((3, place.size), -1, np.int64)
    several = False
    for k in range(1, raster.size):
        several = several or raster[k] != raster[0]
    for k in range(place.size):
        wanted = 1 + int(several) + int(reach > 0)
        for step in range(first, last):
            cx, cy, cz = (
                cells[k, 0] + step % 3 - 1,
                cells[k, 1] + step // 3 % 3 - 1,
                cells[k, 2] + step // 9 - 1,
            )
            at = head[_bucket(cx, cy, cz, mask)]
            while at >= 0 and wanted > 0:
                same = cells[at, 0] == cx and cells[at, 1] == cy and cells[at, 2] == cz
                twin = content[at] >= 0 and content[at] == content[k]
                own = 0 if raster[at] == raster[k] else 1
                open_still = found[own, k] < 0 or (reach > 0 and found[2, k] < 0)
                if same and open_still and part[at] != part[k] and not twin:
                    kind = closer(place[k], place[at], reach, world)
                    slot = 2 if kind == 1 else own
                    if kind > 0 and found[slot, k] < 0:
                        found[slot, k] = at
                        wanted -= 1
                at = after[at]
    return found


@numba.njit(nogil=True, cache=True)
def clusters(cell, world):
    """Number of the first of all places that overlap each other, directly or through others."""
    middles = world[3]
    count = middles.shape[0]
    cells = _cells_of(np.arange(count), middles, cell)
    first, last = _steps(cells)
    head, after, mask = _hashed(cells)
    above = np.arange(count)
    for k in range(count):
        for step in range(first, last):
            cx, cy, cz = (
                cells[k, 0] + step % 3 - 1,
                cells[k, 1] + step // 3 % 3 - 1,
                cells[k, 2] + step // 9 - 1,
            )
            at = head[_bucket(cx, cy, cz, mask)]
            while at >= 0:
                same = cells[at, 0] == cx and cells[at, 1] == cy and cells[at, 2] == cz
                if same and at < k and closer(k, at, 0.0, world) == 2:
                    _join(above, k, at)
                at = after[at]
    for k in range(count):
        above[k] = _top(above, k)
    return above


@numba.njit(nogil=True, cache=True)
def joined(count, first, second):
    """Number of the first of all items that are linked, directly or through others, by pairs of items."""
    above = np.arange(count)
    for k in range(first.size):
        _join(above, first[k], second[k])
    for k in range(count):
        above[k] = _top(above, k)
    return above


@inner()
def _top(above, k):
    while above[k] != k:
        above[k] = above[above[k]]
        k = above[k]
    return k


@inner()
def _join(above, k, other):
    one, two = _top(above, k), _top(above, other)
    if one < two:
        above[two] = one
    else:
        above[one] = two
