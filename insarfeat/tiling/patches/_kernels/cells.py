"""What is known of the cells that patches are put together from: counts, moments and sketches of their values."""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.tiling.patches._kernels.digests import cell_digest

_NONE = np.float32(np.inf)
_ZERO = np.float32(0)
_ONE = np.float32(1)


@numba.njit(nogil=True, cache=True)
def moments(region, tops, lefts, height, width, found):
    """For each band and cell: number of finite values, mean, sum of squares about it, least and greatest."""
    least, most = np.empty(width, np.float32), np.empty(width, np.float32)
    for b in range(region.shape[0]):
        for c in range(tops.size):
            cell = region[b, tops[c] : tops[c] + height, lefts[c] : lefts[c] + width]
            _sums_of_cell(cell, found[b, c])
            _ends_of_cell(cell, least, most, found[b, c])


@inner()
def _sums_of_cell(cell, found):
    # About one of the values: rows then sum up to little, and single precision is enough for each.
    centre = _first_finite(cell)
    count = 0.0
    total = 0.0
    squares = 0.0
    for i in range(cell.shape[0]):
        known, part, square = _sums_of_row(cell[i], centre)
        count += known
        total += part
        squares += square
    found[0] = count
    found[1] = centre + total / count if count else np.nan
    found[2] = max(squares - total * total / count, 0.0) if count else np.nan


@inner(fastmath={"reassoc", "contract"})
def _sums_of_row(row, centre):
    known, total, squares = _ZERO, _ZERO, _ZERO
    for j in range(row.size):
        value = row[j]
        finite = value - value == _ZERO
        off = value - centre if finite else _ZERO
        known += _ONE if finite else _ZERO
        total += off
        squares += off * off
    return known, total, squares


@inner()
def _ends_of_cell(cell, least, most, found):
    """Column by column, so that the compiler compares many at once."""
    least[:] = _NONE
    most[:] = -_NONE
    for i in range(cell.shape[0]):
        row = cell[i]
        for j in range(row.size):
            # What is no number is neither less nor more than anything.
            least[j] = row[j] if row[j] < least[j] and row[j] > -_NONE else least[j]
            most[j] = row[j] if row[j] > most[j] and row[j] < _NONE else most[j]
    low, high = _NONE, -_NONE
    for j in range(least.size):
        low, high = min(low, least[j]), max(high, most[j])
    found[3] = low if found[0] else np.nan
    found[4] = high if found[0] else np.nan


@inner()
def _first_finite(cell):
    for i in range(cell.shape[0]):
        for j in range(cell.shape[1]):
            if cell[i, j] - cell[i, j] == 0:
                return cell[i, j]
    return np.float32(0)


@numba.njit(nogil=True, cache=True)
def sketch(bits, tops, lefts, height, width, times, found):
    """Add each cell so many times to the counts of its values by the upper 16 bits of them, band by band."""
    for b in range(bits.shape[0]):
        counts = found[b]
        for c in range(tops.size):
            for i in range(tops[c], tops[c] + height):
                for j in range(lefts[c], lefts[c] + width):
                    counts[bits[b, i, j] >> np.uint32(16)] += times[c]


@numba.njit(nogil=True, cache=True)
def valid_pixels(region, usable, tops, lefts, height, width, found):
    """For each cell: pixels that may be used and have a value in every band."""
    bands = region.shape[0]
    row = np.empty(width, np.uint8)
    for c in range(tops.size):
        total = 0
        for i in range(tops[c], tops[c] + height):
            row[:] = usable[i, lefts[c] : lefts[c] + width]
            for b in range(bands):
                values = region[b, i, lefts[c] : lefts[c] + width]
                for j in range(width):
                    row[j] &= values[j] == values[j]
            for j in range(width):
                total += row[j]
        found[c] = total


@numba.njit(nogil=True, cache=True)
def label_pixels(labels, tops, lefts, height, width, found):
    """For each cell: how many pixels have each of the labels 0 to 255."""
    for c in range(tops.size):
        for i in range(tops[c], tops[c] + height):
            for j in range(lefts[c], lefts[c] + width):
                found[c, labels[i, j]] += 1


@numba.njit(nogil=True, cache=True)
def digests_of_cells(region, tops, lefts, height, width, found):
    """For each band and cell: the fingerprint of its pixels."""
    for b in range(region.shape[0]):
        for c in range(tops.size):
            found[b, c] = cell_digest(region[b, tops[c] : tops[c] + height, lefts[c] : lefts[c] + width])


@numba.njit(nogil=True, cache=True)
def window_sums(sums, tops, lefts, bottoms, rights, found):
    """Sums over windows from running sums, which have a row and a column of zeros before the first."""
    for w in range(tops.size):
        found[w] = (
            sums[bottoms[w], rights[w]]
            - sums[tops[w], rights[w]]
            - sums[bottoms[w], lefts[w]]
            + sums[tops[w], lefts[w]]
        )


@numba.njit(nogil=True, cache=True)
def running_sums(values, sums):
    """Sums of all values above and to the left; not numbers count as nothing."""
    sums[0, :] = 0
    for i in range(values.shape[0]):
        total = 0.0
        sums[i + 1, 0] = 0
        for j in range(values.shape[1]):
            value = values[i, j]
            total += value if value == value else 0
            sums[i + 1, j + 1] = sums[i, j + 1] + total
