"""Basins of pits and the ways between them: how high water must rise to leave.

Each cell belongs to the pit that its steepest way down leads to; label 0 is the outside. Water in a basin rises to
the lowest of all ways out, and where a way leads is known from one walk over the cells between basins.
"""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.ground import lowest_around, steps_of

_PIT, _OUTLET, _VOID = 0, 9, 10
_CACHED = 1 << 14


@numba.njit(nogil=True, cache=True)
def label_basins(framed, labels):
    """Label each cell with its basin, from 1 on, 0 where water finds its way out, -1 in voids; returns their number.

    ``labels`` has the frame too.
    """
    height, width = framed.shape[0] - 2, framed.shape[1] - 2
    stride = width + 2
    codes = np.empty((height + 2, stride), np.uint8)
    labels[0] = -1
    labels[height + 1] = -1
    scratch = np.empty(width, framed.dtype)
    for i in range(1, height + 1):
        _ways_down(framed[i - 1], framed[i], framed[i + 1], scratch, codes[i, 1 : width + 1])
        labels[i, 0] = -1
        labels[i, width + 1] = -1
        own = labels[i, 1 : width + 1]
        code = codes[i, 1 : width + 1]
        for j in range(width):
            own[j] = np.int32(-1) if code[j] == _VOID else np.int32(-2)
    steps = steps_of(stride)
    flat_codes = codes.reshape(-1)
    flat_labels = labels.reshape(-1)
    count = 0
    for i in range(1, height + 1):
        for start in range(i * stride + 1, i * stride + 1 + width):
            if flat_labels[start] != -2:
                continue
            at = start
            while flat_labels[at] == -2 and 1 <= flat_codes[at] <= 8:
                at += steps[flat_codes[at] - 1]
            found = flat_labels[at]
            if found == -2:
                if flat_codes[at] == _OUTLET:
                    found = np.int32(0)
                else:
                    count += 1
                    found = np.int32(count)
                flat_labels[at] = found
            at = start
            while flat_labels[at] == -2:
                flat_labels[at] = found
                at += steps[flat_codes[at] - 1]
    return count


@inner()
def _ways_down(up, mid, down, lowest, code):
    """Direction of the lowest neighbour; of equals without a lower one the earlier, so that no circle closes."""
    n = code.size
    lowest_around(up, mid, down, lowest)
    for j in range(n):
        z = mid[j + 1]
        low = lowest[j]
        way = np.uint8(8) if up[j] == low else np.uint8(0)
        way = np.uint8(7) if mid[j] == low else way
        way = np.uint8(2) if up[j + 2] == low else way
        way = np.uint8(1) if up[j + 1] == low else way
        later = np.uint8(6) if down[j] == low else np.uint8(4)
        later = np.uint8(5) if down[j + 1] == low else later
        later = np.uint8(3) if mid[j + 2] == low else later
        later = later if low < z else np.uint8(_PIT)
        way = later if way == 0 else way
        way = way if low <= z else np.uint8(_PIT)
        way = np.uint8(_OUTLET) if low == -np.inf else way
        code[j] = np.uint8(_VOID) if abs(z) == np.inf else way


@numba.njit(nogil=True, cache=True)
def find_spills(framed, labels):
    """Ways between neighbouring basins: (one, other, height of the way), most pairs once with their lowest way.

    A way leads over the higher of two neighbours, so each cell looks at those below it.
    """
    height, width = framed.shape[0] - 2, framed.shape[1] - 2
    stride = width + 2
    steps = np.array([-stride, -stride - 1, 1 - stride, -1, 1, stride - 1, stride, stride + 1])
    ground = framed.reshape(-1)
    owners = labels.reshape(-1)
    room = max(1024, framed.size // 64)
    ones = np.empty(room, np.int32)
    others = np.empty(room, np.int32)
    heights = np.empty(room, framed.dtype)
    recent = np.zeros(_CACHED, np.int64)
    count = 0
    differs = np.empty(width, np.uint8)
    for i in range(1, height + 1):
        _borders(labels[i - 1], labels[i], labels[i + 1], differs)
        for j in range(width):
            if not differs[j]:
                continue
            at = i * stride + j + 1
            own = owners[at]
            if own < 0:
                continue
            z = ground[at]
            last = own
            for k in range(8):
                near = at + steps[k]
                other = owners[near]
                if other < 0 or other in (own, last):
                    continue
                if ground[near] > z or (ground[near] == z and k > 3):
                    continue
                last = other
                one, two = (own, other) if own < other else (other, own)
                slot = (one * 73856093 ^ two * 19349663) & (_CACHED - 1)
                known = recent[slot]
                if known < count and ones[known] == one and others[known] == two:
                    heights[known] = min(heights[known], z)
                    continue
                if count == room:
                    room *= 2
                    ones = _grown(ones, room)
                    others = _grown(others, room)
                    heights = _grown(heights, room)
                ones[count] = one
                others[count] = two
                heights[count] = z
                recent[slot] = count
                count += 1
    return ones[:count], others[:count], heights[:count]


@inner()
def _borders(up, mid, down, differs):
    for j in range(differs.size):
        own = mid[j + 1]
        other = (up[j] ^ own) | (up[j + 1] ^ own) | (up[j + 2] ^ own) | (mid[j] ^ own)
        other |= (mid[j + 2] ^ own) | (down[j] ^ own) | (down[j + 1] ^ own) | (down[j + 2] ^ own)
        differs[j] = other != 0


@inner()
def _grown(array, size):
    longer = np.empty(size, array.dtype)
    longer[: array.size] = array
    return longer


@numba.njit(nogil=True, cache=True)
def flood_levels(ones, others, heights, order, count):
    """How high water stands in each basin when it leaves: ways are opened from the lowest on.

    Basins that come together stand at one level when one of them reaches the outside (0). Those that never do have
    the level -inf: no water rises where it would have nowhere to go.
    """
    levels = np.full(count + 1, -np.inf, heights.dtype)
    parents = np.arange(count + 1).astype(np.int32)
    following = np.arange(count + 1).astype(np.int32)  # the members of a group, in a ring
    sizes = np.ones(count + 1, np.int32)
    for way in order:
        one, two = _root(parents, ones[way]), _root(parents, others[way])
        if one == two:
            continue
        outside = _root(parents, 0)
        if one == outside or two == outside:
            joined = two if one == outside else one
            level = heights[way]
            member = joined
            while True:
                levels[member] = level
                member = following[member]
                if member == joined:
                    break
            parents[joined] = outside
            continue
        if sizes[one] < sizes[two]:
            one, two = two, one
        parents[two] = one
        sizes[one] += sizes[two]
        following[one], following[two] = following[two], following[one]
    return levels


@inner()
def _root(parents, at):
    while parents[at] != at:
        parents[at] = parents[parents[at]]
        at = parents[at]
    return at


@numba.njit(nogil=True, cache=True)
def raise_ground(framed, labels, levels, filled):
    """The ground, or the level of the water where that stands above it; NaN in voids."""
    height, width = filled.shape
    for i in range(height):
        ground = framed[i + 1, 1 : width + 1]
        owner = labels[i + 1, 1 : width + 1]
        out = filled[i]
        for j in range(width):
            if owner[j] < 0:
                out[j] = np.nan
            else:
                out[j] = max(ground[j], levels[owner[j]])


@numba.njit(nogil=True, cache=True)
def skeleton(ones, others, heights, order, kept):
    """The same ways told with few: between the basins that are kept, water stands as with all of them.

    A tree of ways among the kept ones: two groups that both have one, when they come together, are joined by a way
    between those two; the other basins need not be known any more. Returns (one, other, height of the way).
    """
    count = kept.size - 1
    parents = np.arange(count + 1).astype(np.int32)
    sizes = np.ones(count + 1, np.int32)
    speakers = np.where(kept, np.arange(count + 1), -1).astype(np.int32)
    room = int(np.sum(kept))
    tree_ones = np.empty(room, np.int32)
    tree_others = np.empty(room, np.int32)
    tree_heights = np.empty(room, heights.dtype)
    found = 0
    for way in order:
        one, two = _root(parents, ones[way]), _root(parents, others[way])
        if one == two:
            continue
        if sizes[one] < sizes[two]:
            one, two = two, one
        if speakers[one] >= 0 and speakers[two] >= 0:
            tree_ones[found] = speakers[one]
            tree_others[found] = speakers[two]
            tree_heights[found] = heights[way]
            found += 1
        parents[two] = one
        sizes[one] += sizes[two]
        speakers[one] = max(speakers[one], speakers[two])
    return tree_ones[:found], tree_others[:found], tree_heights[:found]
