"""Which pixels are found, and which boxes are the same thing seen twice."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def exceeding(values, found, threshold):
    """1 where a value is at least the threshold, 0 where it is less, 255 where there is none."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            value = values[i, j]
            if value != value:
                found[i, j] = 255
            else:
                found[i, j] = np.uint8(value >= threshold)


@numba.njit(nogil=True, cache=True)
def suppressed(boxes, cells, columns, windows, overlap, between):
    """Which boxes, the best first, overlap a better one that is kept by more than ``overlap``.

    With one that another window has found, ``between`` is enough.

    ``cells`` is the cell of each box's centre on a lattice with so many columns (and one empty ring about it), whose
    sides are at least as long as any box: who overlaps a box has its centre in the nine cells about it.
    """
    count = boxes.shape[0]
    firsts = np.full(cells.max() + 2 * columns + 2 if count else 1, -1, np.int64)
    nexts = np.full(count, -1, np.int64)
    out = np.zeros(count, np.bool_)
    for one in range(count):
        area = (boxes[one, 2] - boxes[one, 0]) * (boxes[one, 3] - boxes[one, 1])
        for row in range(-1, 2):
            for column in range(-1, 2):
                other = firsts[cells[one] + row * columns + column]
                while other >= 0 and not out[one]:
                    height = min(boxes[one, 2], boxes[other, 2]) - max(boxes[one, 0], boxes[other, 0])
                    width = min(boxes[one, 3], boxes[other, 3]) - max(boxes[one, 1], boxes[other, 1])
                    if height > 0 and width > 0:
                        second = (boxes[other, 2] - boxes[other, 0]) * (boxes[other, 3] - boxes[other, 1])
                        common = height * width
                        least = overlap if windows[one] == windows[other] else between
                        out[one] = common > least * (area + second - common)
                    other = nexts[other]
        if not out[one]:
            nexts[one] = firsts[cells[one]]
            firsts[cells[one]] = one
    return out
