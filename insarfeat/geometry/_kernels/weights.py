"""How far a pixel's phase can be trusted, and how well it shows downslope motion."""

import math

import numba
import numpy as np

from insarfeat._kernels import exponential_rows, inner
from insarfeat.geometry._kernels.rows import row_of

_LARGEST_POWER = np.float32(120)  # W is 0 or 1 long before


@numba.njit(nogil=True, cache=True)
def coherence_weight(coherence, out, midpoint, steepness):
    """Logistic function of the coherence."""
    rows, columns = out.shape
    scratch = np.empty(columns, np.int32)
    for y in range(rows):
        logistic(out[y], coherence[y], midpoint, steepness, scratch)


@numba.njit(nogil=True, cache=True)
def sensitivity(coherence, slope_to_los, visibility, outputs, midpoint, steepness, signed):
    """Slope to line of sight, times coherence, times its weight; 0 in shadow and layover."""
    out = outputs[0]
    rows, columns = out.shape
    scratch = np.empty(columns, np.int32)
    given = np.empty((2, columns), out.dtype)
    for y in range(rows):
        trust = row_of(coherence, y, given[0])
        logistic(out[y], trust, midpoint, steepness, scratch)
        times(out[y], trust, row_of(slope_to_los, y, given[1]), signed)
        if visibility.size > 1 or visibility[0, 0] != 0:
            seen(out[y], visibility[y if visibility.size > 1 else 0])


@inner(error_model="numpy", fastmath={"contract"})
def logistic(out, coherence, midpoint, steepness, scratch):
    """1 / (1 + exp(-steepness (coherence - midpoint)))."""
    one = out.dtype.type(1)
    if out.itemsize == 4:
        slope = np.float32(-steepness / math.log(2))
        offset = np.float32(midpoint * steepness / math.log(2))
        for i in range(out.size):
            power = slope * coherence[i] + offset
            power = _LARGEST_POWER if power > _LARGEST_POWER else power
            out[i] = -_LARGEST_POWER if power < -_LARGEST_POWER else power
        exponential_rows(out.view(np.float32), scratch)
        for i in range(out.size):
            out[i] = one / (one + out[i])
    else:
        for i in range(out.size):
            out[i] = one / (one + math.exp(min(-steepness * (coherence[i] - midpoint), 700.0)))


@inner(error_model="numpy")
def times(out, coherence, slope_to_los, signed):
    for i in range(out.size):
        facing = slope_to_los[i] if signed else abs(slope_to_los[i])
        out[i] = facing * coherence[i] * out[i]


@inner()
def seen(out, visibility):
    zero = out.dtype.type(0)
    for i in range(out.size):
        value = visibility[i if visibility.size > 1 else 0]
        hidden = zero if out[i] == out[i] else out[i]
        out[i] = (out.dtype.type(np.nan) if value == 255 else hidden) if value != 0 else out[i]
