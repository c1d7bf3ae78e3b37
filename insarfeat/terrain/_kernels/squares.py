"""Local relief and topographic position: extremes and means over squares, reduced along rows, then down columns.

Every sum is made in an order that depends on nothing but the cell, so that the answer is the same in any tile.
"""

import numpy as np

from insarfeat._kernels import inner


@inner()
def enter_extremes(extremes, row, n):
    """Highest cell of each run of a row, and the highest of their negatives."""
    spare = np.empty((2, row.size), row.dtype)
    _highest(extremes[0, :n], spare[0], spare[1], row, row.dtype.type(1))
    _highest(extremes[1, :n], spare[0], spare[1], row, row.dtype.type(-1))


@inner()
def enter_sums(sums, row, n):
    """Sum of the valid cells of each run of a row, and how many there are."""
    spare = np.empty((2, row.size), np.float64)
    for i in range(row.size):
        spare[0, i] = row[i] if row[i] == row[i] else 0
    _total(sums[0, :n], spare[0], spare[1])
    for i in range(row.size):
        spare[0, i] = 1 if row[i] == row[i] else 0
    _total(sums[1, :n], spare[0], spare[1])


@inner()
def _highest(out, given, made, row, sign):
    lowest = row.dtype.type(-np.inf)
    for i in range(row.size):
        z = row[i] * sign
        given[i] = z if z == z else lowest
    out[:] = lowest
    length = row.size - out.size + 1
    # Runs of 1, 2, 4, ... cells; those that the length is made of, end to end.
    size = 1
    offset = 0
    while size <= length:
        if length & size:
            _higher(out, given[offset : offset + out.size])
            offset += size
        rest = max(row.size - 2 * size + 1, 0)
        _higher_of(made[:rest], given[:rest], given[size : size + rest])
        given, made = made, given
        size *= 2


@inner()
def _total(out, given, made):
    out[:] = 0
    length = given.size - out.size + 1
    size = 1
    offset = 0
    while size <= length:
        if length & size:
            _add(out, given[offset : offset + out.size])
            offset += size
        rest = max(given.size - 2 * size + 1, 0)
        _sum_of(made[:rest], given[:rest], given[size : size + rest])
        given, made = made, given
        size *= 2


@inner()
def _higher(out, other):
    for i in range(out.size):
        out[i] = max(out[i], other[i])


@inner()
def _higher_of(out, one, other):
    for i in range(out.size):
        out[i] = max(one[i], other[i])


@inner()
def _add(out, other):
    for i in range(out.size):
        out[i] += other[i]


@inner()
def _sum_of(out, one, other):
    for i in range(out.size):
        out[i] = one[i] + other[i]


@inner()
def relief(out, extremes, centre, y, radius):
    """Highest minus lowest cell of the square; NaN where the cell itself is nodata."""
    n = out.size
    depth = extremes.shape[1]
    lowest = np.full(n, -np.inf, out.dtype)
    out[:] = -np.inf
    for dy in range(-radius, radius + 1):
        _higher(out, extremes[0, (y + dy) % depth, :n])
        _higher(lowest, extremes[1, (y + dy) % depth, :n])
    for i in range(n):
        out[i] = (out[i] + lowest[i]) + (centre[i] - centre[i])


@inner(error_model="numpy")
def position(out, sums, centre, y, radius):
    """The cell minus the mean of the other valid ones, 0 where it is alone; NaN where it is nodata."""
    n = out.size
    depth = sums.shape[1]
    total, cells = np.zeros(n), np.zeros(n)
    for dy in range(-radius, radius + 1):
        _add(total, sums[0, (y + dy) % depth, :n])
        _add(cells, sums[1, (y + dy) % depth, :n])
    for i in range(n):
        z = np.float64(centre[i])
        others = cells[i] - 1
        mean = (total[i] - z) / others
        out[i] = z - (mean if others > 0 else z)
