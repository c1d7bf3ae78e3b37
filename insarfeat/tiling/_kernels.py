"""Which pixels have a value, and what is wrong with the others."""

import numba
import numpy as np

from insarfeat._kernels import inner

# Bits of ``invalid_causes`` in insarfeat.layers, which kernels cannot import.
MISSING = np.uint8(1)
OUTSIDE = np.uint8(2)
WATER = np.uint8(4)
LOW_COHERENCE = np.uint8(32)

_FAR = np.uint8(255)
_NONE = np.uint8(0)
_KNOWN_BITS = np.uint8(127)


@numba.njit(nogil=True, cache=True)
def valid_real(layer, found):
    """1 where there is a number."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = np.uint8(layer[i, j] - layer[i, j] == 0)


@numba.njit(nogil=True, cache=True)
def valid_complex(layer, found):
    """1 where there is a number other than 0."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            real, imaginary = layer[i, j].real, layer[i, j].imag
            finite = (real - real == 0) & (imaginary - imaginary == 0)
            found[i, j] = np.uint8(finite & ((real != 0) | (imaginary != 0)))


@numba.njit(nogil=True, cache=True)
def valid_mask(layer, found):
    """1 where there is a value other than 255."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = np.uint8(layer[i, j] != 255)


@numba.njit(nogil=True, cache=True)
def clear(flag, found):
    """1 where the flag is 0."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = np.uint8(flag[i, j] == 0)


@numba.njit(nogil=True, cache=True)
def both(one, other, found):
    """1 where both are."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = one[i, j] & other[i, j]


@numba.njit(nogil=True, cache=True)
def unset(causes, found, bits):
    """1 where none of the bits is set."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = np.uint8((causes[i, j] & bits) == 0)


@numba.njit(nogil=True, cache=True)
def causes_of_real(layer, causes, found, meanings, below, coded):
    """Add what numbers say: of codes their meanings, of others whether they are too low."""
    for i in range(found.shape[0]):
        _start(causes, found, i)
        for j in range(found.shape[1]):
            value = layer[i, j]
            bits = _NONE
            if value - value != 0:
                bits = meanings[255]
            elif coded:
                bits = meanings[np.uint8(value)] if 0 <= value <= 255 else _NONE
            elif value < below:
                bits = LOW_COHERENCE
            _add(found, i, j, bits)


@numba.njit(nogil=True, cache=True)
def causes_of_complex(layer, causes, found, meanings, below, coded):
    """Add what is missing."""
    for i in range(found.shape[0]):
        _start(causes, found, i)
        for j in range(found.shape[1]):
            real, imaginary = layer[i, j].real, layer[i, j].imag
            finite = (real - real == 0) & (imaginary - imaginary == 0)
            there = finite & ((real != 0) | (imaginary != 0))
            _add(found, i, j, _NONE if there else meanings[255])


@numba.njit(nogil=True, cache=True)
def causes_of_mask(layer, causes, found, meanings, below, coded):
    """Add the meanings of codes."""
    for i in range(found.shape[0]):
        _start(causes, found, i)
        for j in range(found.shape[1]):
            _add(found, i, j, meanings[layer[i, j]])


@inner()
def _start(causes, found, i):
    """A row as it is so far; one number stands for all pixels."""
    if causes.size == 1:
        found[i] = causes[0, 0]
    else:
        found[i] = causes[i]


@inner(forceinline=True)
def _add(found, i, j, bits):
    """Nothing is missing where nothing was imaged."""
    if bits == MISSING and found[i, j] & OUTSIDE:
        bits = _NONE
    found[i, j] = found[i, j] | bits


@numba.njit(nogil=True, cache=True)
def flat_water(dem, coherence, causes, found, top, left, relief, below):
    """Add water where the ground about a pixel is flat and the coherence low."""
    height, width = dem.shape
    for i in range(found.shape[0]):
        row = i + top
        for j in range(found.shape[1]):
            column = j + left
            bits = causes[row, column]
            centre = dem[row, column]
            if coherence[row, column] < below and centre - centre == 0:
                low = high = centre
                for k in range(max(row - 1, 0), min(row + 2, height)):
                    for m in range(max(column - 1, 0), min(column + 2, width)):
                        value = dem[k, m]
                        if value - value == 0:
                            low = min(low, value)
                            high = max(high, value)
                if high - low <= relief:
                    bits |= WATER
            found[i, j] = bits


@numba.njit(nogil=True, cache=True)
def grown(causes, found, top, left, bits, chords):
    """Spread bits over discs: row k of ``chords`` is how far that of bit k reaches sideways, by rows off its centre.

    A row of causes is spread up and down to all rows that it reaches, so that rows without a bit cost nothing.
    """
    height, width = found.shape
    for i in range(height):
        found[i] = causes[i + top, left : left + width]
    near = np.empty(causes.shape[1], np.uint8)
    for row in range(causes.shape[0]):
        met = _NONE
        for j in range(causes.shape[1]):
            met |= causes[row, j]
        met &= _KNOWN_BITS
        for k in range(bits.size):
            if not met & bits[k]:
                continue
            _distances(causes[row], bits[k], near)
            reach = chords[k, 0]
            for i in range(max(row - top - reach, 0), min(row - top + reach + 1, height)):
                _spread(near[left : left + width], chords[k, abs(i + top - row)], bits[k], found[i])


@inner()
def _distances(row, bit, near):
    """Columns to the nearest pixel of a row that has the bit."""
    distance = _FAR
    for j in range(row.size):
        distance = _NONE if row[j] & bit else np.uint8(distance + (distance < _FAR))
        near[j] = distance
    for j in range(row.size - 2, -1, -1):
        distance = np.uint8(near[j + 1] + (near[j + 1] < _FAR))
        near[j] = min(near[j], distance)


@inner()
def _spread(near, reach, bit, found):
    """Set the bit of all pixels of a row that are near enough."""
    most = np.uint8(reach)
    for j in range(found.size):
        found[j] = found[j] | (bit if near[j] <= most else _NONE)


@numba.njit(nogil=True, cache=True)
def tally(causes, counts):
    """Count the pixels of each value."""
    for value in causes:
        counts[value] += 1
