"""Sums over cells of pixels: all that is ever read of an interferogram to judge it."""

import math

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.filters._kernels.phasors import phasors_of_phase

PLANES = 14
"""Sums per cell: of phasors (2) and their number; of products with the right neighbour (2) and their number; the same
with the neighbour below; of the coherence, its number, and how often it is low; of the elevation and its number."""


@numba.njit(nogil=True, cache=True)
def sums_of_phase(
    phase, coherence, elevation, out, top, left, row, column, height, width, rows, columns, down, across, low
):
    """Sums over cells of a phase, less a plane of so many radians per row and column."""
    size = phase.shape[1]
    current = np.zeros((3, size), phase.dtype)
    below = np.zeros((3, size), phase.dtype)
    phasors_of_phase(below[0], below[1], below[2], phase[top])
    for y in range(top, top + out.shape[1] * rows):
        current, below = below, current
        below[:] = 0
        if y + 1 < len(phase):
            phasors_of_phase(below[0], below[1], below[2], phase[y + 1])
        _enter(out, current, below, y, top, left, row, column, rows, columns, down, across)
        _enter_rest(out, current, coherence, elevation, size, y, top, left, rows, columns, low)


@numba.njit(nogil=True, cache=True)
def sums_of_complex(
    ifg, coherence, elevation, out, top, left, row, column, height, width, rows, columns, down, across, low
):
    """The same of a complex interferogram, of which only the phase counts."""
    parts = ifg.view(ifg[:0].real.dtype)
    size = ifg.shape[1]
    current = np.zeros((3, size), parts.dtype)
    below = np.zeros((3, size), parts.dtype)
    _phasors_of_complex(below, parts[top])
    for y in range(top, top + out.shape[1] * rows):
        current, below = below, current
        below[:] = 0
        if y + 1 < len(ifg):
            _phasors_of_complex(below, parts[y + 1])
        _enter(out, current, below, y, top, left, row, column, rows, columns, down, across)
        _enter_rest(out, current, coherence, elevation, size, y, top, left, rows, columns, low)


@inner()
def _phasors_of_complex(phasors, parts):
    for x in range(phasors.shape[1]):
        real = float(parts[2 * x])
        imaginary = float(parts[2 * x + 1])
        size = math.hypot(real, imaginary)
        if 0 < size < np.inf:
            phasors[0, x] = real / size
            phasors[1, x] = imaginary / size
            phasors[2, x] = 1


@inner()
def _enter(out, current, below, y, top, left, row, column, rows, columns, down, across):
    """Add a row of phasors, and its products with neighbours, to the cells that it crosses."""
    i = (y - top) // rows
    first = (y - top) % rows == 0
    level = down == 0 and across == 0
    sums = np.zeros(9)
    end = current.shape[1]
    cosine = 1.0
    sine = 0.0
    for j in range(out.shape[2]):
        sums[:] = 0
        for x in range(left + j * columns, left + (j + 1) * columns):
            if current[2, x] == 0:
                continue
            a = float(current[0, x])
            b = float(current[1, x])
            if not level:
                # The plane is taken at the place on the raster, so that tiles make no difference.
                turn = down * (row + y) + across * (column + x)
                cosine = math.cos(turn)
                sine = math.sin(turn)
            sums[0] += a * cosine + b * sine
            sums[1] += b * cosine - a * sine
            sums[2] += 1
            if x + 1 < end and current[2, x + 1] != 0:
                sums[3] += current[0, x + 1] * a + current[1, x + 1] * b
                sums[4] += current[1, x + 1] * a - current[0, x + 1] * b
                sums[5] += 1
            if below[2, x] != 0:
                sums[6] += below[0, x] * a + below[1, x] * b
                sums[7] += below[1, x] * a - below[0, x] * b
                sums[8] += 1
        for number in range(9):
            out[number, i, j] = sums[number] + (0.0 if first else out[number, i, j])


@inner()
def _enter_rest(out, current, coherence, elevation, size, y, top, left, rows, columns, low):
    """Add coherence and elevation where there is a phase; a layer that is not there is a single number."""
    i = (y - top) // rows
    steady = coherence.shape[1] == size
    raised = elevation.shape[1] == size
    for j in range(out.shape[2]):
        total = count = few = metres = known = 0.0
        for x in range(left + j * columns, left + (j + 1) * columns):
            if current[2, x] == 0:
                continue
            if steady and coherence[y, x] == coherence[y, x]:
                total += coherence[y, x]
                count += 1
                few += 1.0 if coherence[y, x] < low else 0.0
            if raised and math.isfinite(elevation[y, x]):
                metres += elevation[y, x]
                known += 1
        if (y - top) % rows == 0:
            out[9:, i, j] = 0
        out[9, i, j] += total
        out[10, i, j] += count
        out[11, i, j] += few
        out[12, i, j] += metres
        out[13, i, j] += known
