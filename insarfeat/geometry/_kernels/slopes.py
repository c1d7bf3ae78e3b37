"""How a slope stands to the line of sight: what a unit of downslope motion adds to the range, and the angles between.

In each pixel's own axes (away from the radar, along the flight, up) the satellite is at (-sin t, 0, cos t) and
downhill lies at (cos b away, cos b along, -sin b), where ``away`` and ``along`` are the cosines of the aspect with
these axes.
"""

import math

import numba
import numpy as np

from insarfeat._kernels import angle_single, inner, sine_degrees_single
from insarfeat.geometry._kernels.rows import phasors, row_of, turn_double, turn_single, turns_from_heading

SLOPE_TO_LOS, LOCAL_INCIDENCE, R_INDEX = range(3)

_DEGREES = np.float32(180 / math.pi)


@numba.njit(nogil=True, cache=True)
def against_sight(slope, aspect, incidence, heading, out, what, side):
    """One of the three, row by row; numbers may stand for rasters.

    ``side`` is 1 for a radar that looks to the right and -1 for one that looks to the left.
    """
    rows, columns = out.shape
    # Rows a multiple of 4096 bytes apart would meet in the cache.
    scratch = np.empty((10, columns + 16), out.dtype)
    given = scratch[:4]
    sight = scratch[4, :columns], scratch[5, :columns]
    ground = scratch[6, :columns], scratch[7, :columns]
    along, away = scratch[8, :columns], scratch[9, :columns]
    for y in range(rows):
        steep = row_of(incidence, y, given[0, :columns])
        tilt = row_of(slope, y, given[1, :columns])
        ahead = row_of(heading, y, given[2, :columns])
        downhill = row_of(aspect, y, given[3, :columns])
        if what == SLOPE_TO_LOS:
            _slope_to_los(out[y], tilt, downhill, steep, ahead, side)
            continue
        if y == 0 or incidence.size > 1:
            phasors(sight[0], sight[1], steep)
        phasors(ground[0], ground[1], tilt)
        turns_from_heading(along, away, tilt, downhill, ahead, side)
        if what == LOCAL_INCIDENCE:
            _local_incidence(out[y], ground, sight, along, away)
        else:
            _r_index(out[y], ground, sight, away)


@inner(error_model="numpy", fastmath={"contract"})
def _slope_to_los(out, slope, aspect, incidence, heading, side):
    """By products of sines as sums: (1 + away) sin(b + t) / 2 + (1 - away) sin(b - t) / 2."""
    half, one, sign = out.dtype.type(0.5), out.dtype.type(1), out.dtype.type(side)
    if out.itemsize == 4:
        for i in range(out.size):
            b, t = slope[i], incidence[i]
            away = sign * sine_degrees_single(turn_single(b, aspect[i], heading[i]))
            out[i] = half * (
                (one + away) * sine_degrees_single(b + t) + (one - away) * sine_degrees_single(b - t)
            )
    else:
        for i in range(out.size):
            b, t = math.radians(slope[i]), math.radians(incidence[i])
            away = sign * math.sin(math.radians(turn_double(b, aspect[i], heading[i])))
            out[i] = half * ((one + away) * math.sin(b + t) + (one - away) * math.sin(b - t))


@inner(error_model="numpy", fastmath={"contract"})
def _local_incidence(out, ground, sight, along, away):
    """Angle from sine and cosine: the latter alone loses half of the digits where the ground faces the radar."""
    cos_b, sin_b = ground
    cos_t, sin_t = sight
    for i in range(out.size):
        cosine = cos_b[i] * cos_t[i] - sin_b[i] * sin_t[i] * away[i]
        across = cos_t[i] * sin_b[i] * away[i] + sin_t[i] * cos_b[i]
        sideways = sin_b[i] * along[i]
        sine = np.sqrt(across * across + sideways * sideways)
        if out.itemsize == 4:
            out[i] = _DEGREES * angle_single(cosine, sine)
        else:
            out[i] = math.degrees(math.atan2(sine, cosine))


@inner(error_model="numpy", fastmath={"contract"})
def _r_index(out, ground, sight, away):
    cos_b, sin_b = ground
    cos_t, sin_t = sight
    for i in range(out.size):
        tilt = sin_b[i] * away[i]
        out[i] = (sin_t[i] * cos_b[i] + cos_t[i] * tilt) / np.sqrt(cos_b[i] * cos_b[i] + tilt * tilt)
