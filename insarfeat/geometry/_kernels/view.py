"""The ground as the radar sees it, from the DEM in one pass: no angle is needed between gradient and line of sight.

With the gradient (p, q) eastward and northward and g its length, downhill is (-p, -q, -g^2) / (g sqrt(1 + g^2))
and the surface's normal (-p, -q, 1) / sqrt(1 + g^2).
"""

import math

import numba
import numpy as np

from insarfeat._kernels import angle_single, inner
from insarfeat.geometry._kernels import weights as trust
from insarfeat.terrain._kernels.gradients import first
from insarfeat.terrain._kernels.rows import fetch

SLOPE_TO_LOS, LOCAL_INCIDENCE, R_INDEX, SENSITIVITY, SIGNED = range(5)

_BLOCK = 4096
_APART = 80
_DEGREES = np.float32(180 / math.pi)


@numba.njit(nogil=True, cache=True)
def view(
    dem,
    east,
    north,
    up,
    coherence,
    visibility,
    outputs,
    top,
    left,
    ties,
    gradients,
    codes,
    midpoint,
    steepness,
):
    """Compute the layers ``codes``; all inputs but the DEM may be numbers."""
    count, rows, columns = outputs.shape
    block = min(columns, _BLOCK)
    lines = np.empty((3, block + 2), dem.dtype)
    whole = np.zeros(3, np.bool_)
    scratch = np.empty((7, block + _APART), dem.dtype)
    bits = np.empty(block, np.int32)
    for start in range(0, columns, block):
        n = min(block, columns - start)
        p, q, facing = scratch[0, :n], scratch[1, :n], scratch[2, :n]
        for entering in range(top - 1, top + rows + 1):
            whole[entering % 3] = fetch(lines[entering % 3, : n + 2], dem, entering, left + start - 1)
            y = entering - 1
            if y < top:
                continue
            above, mid, below = (
                lines[(y - 1) % 3, : n + 2],
                lines[y % 3, : n + 2],
                lines[(y + 1) % 3, : n + 2],
            )
            first(p, q, above, mid, below, whole.all(), 0.0, ties, gradients[y], left + start)
            e = _part(east, y, left + start, scratch[3, :n])
            m = _part(north, y, left + start, scratch[4, :n])
            u = _part(up, y, left + start, scratch[5, :n])
            _slope_to_los(facing, p, q, e, m, u)
            for k in range(count):
                out = outputs[k, y - top, start : start + n]
                code = codes[k]
                if code == SLOPE_TO_LOS:
                    out[:] = facing
                elif code == LOCAL_INCIDENCE:
                    _local_incidence(out, p, q, e, m, u)
                elif code == R_INDEX:
                    _r_index(out, p, q, e, m, u)
                else:
                    row = _part(coherence, y, left + start, scratch[6, :n])
                    trust.logistic(out, row, midpoint, steepness, bits)
                    trust.times(out, row, facing, code == SIGNED)
                    if visibility.size > 1:
                        trust.seen(out, visibility[y, left + start : left + start + n])
                    elif visibility[0, 0] != 0:
                        trust.seen(out, visibility[0])


@inner()
def _part(raster, y, start, scratch):
    """Part of a row of a raster, or as many times the number that stands for it."""
    if raster.size > 1:
        return raster[y, start : start + scratch.size]
    scratch[:] = raster[0, 0]
    return scratch


@inner(error_model="numpy", fastmath={"contract"})
def _slope_to_los(out, p, q, east, north, up):
    zero, one = out.dtype.type(0), out.dtype.type(1)
    for i in range(out.size):
        squared = p[i] * p[i] + q[i] * q[i]
        fall = p[i] * east[i] + q[i] * north[i] + squared * up[i]
        found = fall / np.sqrt(squared * (one + squared))
        out[i] = zero * fall if squared == zero else found


@inner(error_model="numpy", fastmath={"contract"})
def _local_incidence(out, p, q, east, north, up):
    for i in range(out.size):
        cosine = up[i] - p[i] * east[i] - q[i] * north[i]
        x = north[i] + up[i] * q[i]
        y = up[i] * p[i] + east[i]
        z = north[i] * p[i] - east[i] * q[i]
        sine = np.sqrt(x * x + y * y + z * z)
        if out.itemsize == 4:
            out[i] = _DEGREES * angle_single(cosine, sine)
        else:
            out[i] = math.degrees(math.atan2(sine, cosine))


@inner(error_model="numpy", fastmath={"contract"})
def _r_index(out, p, q, east, north, up):
    one = out.dtype.type(1)
    for i in range(out.size):
        level = np.sqrt(east[i] * east[i] + north[i] * north[i])
        tilt = (p[i] * east[i] + q[i] * north[i]) / level
        out[i] = (level + up[i] * tilt) / np.sqrt(one + tilt * tilt)
