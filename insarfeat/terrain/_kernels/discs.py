"""Convexity: the share of convex cells in a disc, with counts that follow the disc down the rows.

From one row to the next a disc loses the cells of its upper rim and wins those of its lower one: two cells per column
of it, whatever its area. Flags are bytes, so that one instruction adds 64 of them, and counts are whole numbers, so
that the way they came about leaves no trace. A disc is given as spans: first column, number of columns (1, 2 or 4)
that are as high as each other, and half their height.
"""

import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain._kernels.rows import piece

_SET = np.int8(1)
_CLEAR = np.int8(0)


@inner()
def enter(flags, lines, whole, y, begin, end, diagonal):
    """Flag the convex and the valid cells of row ``y``, whose lower neighbours have just come.

    The flags from ``begin`` to ``end`` lie on the raster.
    """
    depth = len(lines)
    flags[:, y % depth] = _CLEAR
    # Lines and flags each reach as far beyond the block on its left as on its right.
    first = (lines.shape[1] - flags.shape[2]) // 2 + begin - 1
    n = end - begin
    up = lines[(y - 1) % depth, first : first + n + 2]
    mid = lines[y % depth, first : first + n + 2]
    down = lines[(y + 1) % depth, first : first + n + 2]
    flag = flags[0, y % depth, begin:end]
    if diagonal == 0:
        complete = whole[(y - 1) % depth] and whole[y % depth] and whole[(y + 1) % depth]
        for part in range(3):
            a, b, sure = piece(part, n, complete)
            if a < b:
                _convex_of_four(flag[a:b], up[a : b + 2], mid[a : b + 2], down[a : b + 2], sure)
    else:
        _convex_of_eight(flag, up, mid, down, diagonal)
    if whole[y % depth]:
        flags[1, y % depth, begin:end] = _SET
    else:
        _valid(flags[1, y % depth, begin:end], mid[1 : n + 1])


@inner()
def _convex_of_four(flag, up, mid, down, whole):
    """Flag cells above the mean of their direct neighbours, of which missing ones count as level."""
    n = flag.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    zero = mid.dtype.type(0)
    for i in range(n):
        z = centre[i]
        across = _level(west[i], z, whole) + _level(east[i], z, whole)
        along = _level(north[i], z, whole) + _level(south[i], z, whole)
        flag[i] = _SET if across + along < zero else _CLEAR


@inner()
def _convex_of_eight(flag, up, mid, down, diagonal):
    """The same of all eight, the diagonal ones with a weight."""
    n = flag.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    zero, weight = mid.dtype.type(0), mid.dtype.type(diagonal)
    for i in range(n):
        z = centre[i]
        # Sides and corners apart: on a plane both are exactly 0, whatever the weight.
        sides = _level(west[i], z, False) + _level(east[i], z, False)
        sides += _level(north[i], z, False) + _level(south[i], z, False)
        corners = _level(up[i], z, False) + _level(up[i + 2], z, False)
        corners += _level(down[i], z, False) + _level(down[i + 2], z, False)
        flag[i] = _SET if sides + weight * corners < zero else _CLEAR


@inner(forceinline=True)
def _level(neighbour, centre, whole):
    found = neighbour - centre
    if whole:
        return found
    return found if found == found else centre - centre


@inner()
def _valid(valid, cells):
    for i in range(valid.size):
        valid[i] = _SET if cells[i] == cells[i] else _CLEAR


@inner()
def count(counts, flags, y, n, spans, afresh, whole):
    """Count the convex and the valid cells of the disc about each column of row ``y``, from those of row y - 1."""
    change = np.empty(n, np.int8)
    if afresh:
        _count(counts[0, :n], flags[0], y, spans)
        _count(counts[1, :n], flags[1], y, spans)
        return
    _move(counts[0, :n], change, flags[0], y, spans)
    if not whole:  # else as many valid cells are won as are lost
        _move(counts[1, :n], change, flags[1], y, spans)


@inner()
def _count(count, cells, y, spans):
    count[:] = 0
    for k in range(len(spans)):
        first, width, reach = spans[k]
        for x in range(first, first + width):
            for dy in range(-reach, reach + 1):
                row = cells[(y + dy) % len(cells), x : x + count.size]
                for i in range(count.size):
                    count[i] += row[i]


@inner()
def _move(count, change, cells, y, spans):
    n = count.size
    change[:] = 0
    held = 0
    for k in range(len(spans)):
        x, width, reach = spans[k]
        won = cells[(y + reach) % len(cells), x : x + n + width - 1]
        lost = cells[(y - 1 - reach) % len(cells), x : x + n + width - 1]
        if width == 1:
            _exchange_one(change, won, lost)
        elif width == 2:
            _exchange_two(change, won, lost)
        else:
            _exchange_four(change, won, lost)
        held += width
        if held > 120 or k == len(spans) - 1:  # a byte holds the changes of 127 columns
            for i in range(n):
                count[i] += change[i]
            change[:] = 0
            held = 0


@inner()
def _exchange_one(change, won, lost):
    for i in range(change.size):
        change[i] = np.int8(change[i] + np.int8(won[i] - lost[i]))


@inner()
def _exchange_two(change, won, lost):
    for i in range(change.size):
        gain = np.int8(won[i] + won[i + 1])
        change[i] = np.int8(change[i] + np.int8(gain - np.int8(lost[i] + lost[i + 1])))


@inner()
def _exchange_four(change, won, lost):
    for i in range(change.size):
        gain = np.int8(np.int8(won[i] + won[i + 1]) + np.int8(won[i + 2] + won[i + 3]))
        loss = np.int8(np.int8(lost[i] + lost[i + 1]) + np.int8(lost[i + 2] + lost[i + 3]))
        change[i] = np.int8(change[i] + np.int8(gain - loss))


@inner(error_model="numpy")
def percent(out, counts, own):
    """Share of convex cells in percent; NaN where the cell itself is nodata."""
    convex, valid = counts[0, : out.size], counts[1, : out.size]
    hundred, nodata = out.dtype.type(100), out.dtype.type(np.nan)
    for i in range(out.size):
        share = hundred * out.dtype.type(convex[i]) / out.dtype.type(valid[i])
        out[i] = share if own[i] != _CLEAR else nodata
