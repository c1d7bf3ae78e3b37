"""Kernel of the phase's standard deviation."""

import math

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def from_table(coherence, out, table):
    """Values of a table over the root of one minus the coherence, from 0 to 1, linear in between."""
    last = table.size - 1
    for i in range(len(out)):
        for j in range(out.shape[1]):
            value = coherence[i, j]
            if value == value:
                value = min(max(value, 0.0), 1.0)
                place = math.sqrt(1 - value) * last
                k = min(int(place), last - 1)
                out[i, j] = table[k] + (place - k) * (table[k + 1] - table[k])
            else:
                out[i, j] = np.nan
