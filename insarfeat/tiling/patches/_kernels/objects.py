"""Connected pixels of a piece of a label raster, and boxes that lie on each other."""

import numba
import numpy as np

from insarfeat._kernels import inner

_FIRST_ROOM = 256


@inner()
def _root(parents, member):
    """The first member of a set; the way to it is shortened."""
    while parents[member] != member:
        parents[member] = parents[parents[member]]
        member = parents[member]
    return member


@inner()
def _join(parents, one, other):
    """Make one set of two. The smaller number stays its root, so that the order of joining does not show."""
    one = _root(parents, one)
    other = _root(parents, other)
    if one < other:
        parents[other] = one
    elif other < one:
        parents[one] = other


@numba.njit(nogil=True, cache=True)
def components(pixels, nodata):
    """Connected pixels of one value, where all 8 neighbours count; 0 and nodata are in none.

    Gives a row for each set, in the order of their first pixels: value, number of pixels, first row, row after the
    last, first column, column after the last, row and column of the first pixel. Then the sets of the outermost
    pixels: of the first and the last row, and of the first and the last column; -1 where there is none.
    """
    height, width = pixels.shape
    above = np.full(width, -1, np.int64)
    here = np.full(width, -1, np.int64)
    rows = np.full((2, width), -1, np.int64)
    columns = np.full((2, height), -1, np.int64)
    parents = np.empty(_FIRST_ROOM, np.int64)
    table = np.empty((_FIRST_ROOM, 8), np.int64)
    count = 0
    for y in range(height):
        for x in range(width):
            value = pixels[y, x]
            if value == 0 or value == nodata:
                here[x] = -1
                continue
            # Whatever touches the pixel above touches it, too; so one look is enough where that is of the set.
            if y > 0 and pixels[y - 1, x] == value:
                found = above[x]
            else:
                found = -1
                if x > 0 and pixels[y, x - 1] == value:
                    found = here[x - 1]
                elif y > 0 and x > 0 and pixels[y - 1, x - 1] == value:
                    found = above[x - 1]
                if y > 0 and x + 1 < width and pixels[y - 1, x + 1] == value:
                    if found < 0:
                        found = above[x + 1]
                    else:
                        _join(parents, found, above[x + 1])
            if found < 0:
                if count == parents.size:
                    longer = np.empty(2 * count, np.int64)
                    longer[:count] = parents
                    parents = longer
                    taller = np.empty((2 * count, 8), np.int64)
                    taller[:count] = table
                    table = taller
                found = count
                parents[found] = found
                table[found, 0] = value
                table[found, 1] = 0
                table[found, 2] = y
                table[found, 3] = y + 1
                table[found, 4] = x
                table[found, 5] = x + 1
                table[found, 6] = y
                table[found, 7] = x
                count += 1
            table[found, 1] += 1
            table[found, 3] = y + 1
            table[found, 4] = min(table[found, 4], x)
            table[found, 5] = max(table[found, 5], x + 1)
            here[x] = found
        columns[0, y] = here[0]
        columns[1, y] = here[width - 1]
        if y == 0:
            rows[0] = here
        if y == height - 1:
            rows[1] = here
        above, here = here, above
    numbers = np.empty(count, np.int64)
    kept = 0
    for member in range(count):
        root = _root(parents, member)
        if root == member:
            numbers[member] = kept
            table[kept] = table[member]
            kept += 1
        else:
            number = numbers[root]
            numbers[member] = number
            table[number, 1] += table[member, 1]
            table[number, 3] = max(table[number, 3], table[member, 3])
            table[number, 4] = min(table[number, 4], table[member, 4])
            table[number, 5] = max(table[number, 5], table[member, 5])
    for line in (rows, columns):
        for side in range(2):
            for place in range(line.shape[1]):
                if line[side, place] >= 0:
                    line[side, place] = numbers[line[side, place]]
    return table[:kept].copy(), rows, columns


@inner()
def _first_not_below(keys, begin, end, wanted):
    """Where sorted keys reach a number."""
    while begin < end:
        middle = (begin + end) // 2
        if keys[middle] < wanted:
            begin = middle + 1
        else:
            end = middle
    return begin


@numba.njit(nogil=True, cache=True)
def joined(boxes, starts, sides, widths, keys, share):
    """Number of one of the boxes that each one lies on, by way of any others.

    Boxes are rows of (west, south, east, north), from 0 on. They come in levels, ``boxes[starts[l]:starts[l + 1]]``,
    with squares of ``sides[l]``, longer than any box of the level; each box is in the square of its south-western
    corner, row * widths[l] + column, and the boxes of a level are sorted by these ``keys``. So a box meets those of
    its own level and of higher ones in nine squares of each. Two lie on each other if they have so much of the
    smaller one's area in common; those without area, a point.
    """
    parents = np.arange(len(boxes))
    levels = len(sides)
    for level in range(levels):
        for box in range(starts[level], starts[level + 1]):
            west, south, east, north = boxes[box, 0], boxes[box, 1], boxes[box, 2], boxes[box, 3]
            area = (east - west) * (north - south)
            for other in range(level, levels):
                column = np.int64(west / sides[other]) + 1
                row = np.int64(south / sides[other]) + 1
                for near in range(row - 1, row + 2):
                    lowest = near * widths[other] + column - 1
                    first = _first_not_below(keys, starts[other], starts[other + 1], lowest)
                    # What stands before it at its own level has met it already.
                    for candidate in range(max(first, box + 1), starts[other + 1]):
                        if keys[candidate] > lowest + 2:
                            break
                        across = min(east, boxes[candidate, 2]) - max(west, boxes[candidate, 0])
                        along = min(north, boxes[candidate, 3]) - max(south, boxes[candidate, 1])
                        if across < 0 or along < 0:
                            continue
                        its_area = (boxes[candidate, 2] - boxes[candidate, 0]) * (
                            boxes[candidate, 3] - boxes[candidate, 1]
                        )
                        if across * along >= share * min(area, its_area):
                            _join(parents, box, candidate)
    for box in range(len(boxes)):
        parents[box] = _root(parents, box)
    return parents
