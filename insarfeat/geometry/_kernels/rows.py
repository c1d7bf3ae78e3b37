"""Rows of angles: numbers in the place of rasters, cosines and sines."""

import math

import numpy as np

from insarfeat._kernels import inner, phasor_degrees_single

_ZERO = np.float32(0)
_HALF_TURN = np.float32(180)


@inner()
def row_of(raster, y, scratch):
    """A row of a raster, or a row full of the number that stands for it."""
    if raster.size > 1:
        return raster[y]
    scratch[:] = raster[0, 0]
    return scratch


@inner(error_model="numpy", fastmath={"contract"})
def phasors(cosine, sine, degrees):
    """Cosines and sines of a row of angles in degrees."""
    if degrees.itemsize == 4:
        for i in range(degrees.size):
            cosine[i], sine[i] = phasor_degrees_single(degrees[i])
    else:
        for i in range(degrees.size):
            cosine[i], sine[i] = math.cos(math.radians(degrees[i])), math.sin(math.radians(degrees[i]))


@inner(forceinline=True)
def turn_single(slope, aspect, heading):
    """Half a turn less aspect minus heading, in degrees: the same sine, and the cosine of the other sign.

    Half a turn off the aspect costs no bit, and then the difference is small and rounded the less. Level ground
    has no aspect, and its NaN must not spread.
    """
    return heading - heading if slope == _ZERO else heading - (aspect - _HALF_TURN)


@inner(forceinline=True)
def turn_double(slope, aspect, heading):
    """Aspect minus heading, in double."""
    return heading - heading if slope == 0 else aspect - heading


@inner(error_model="numpy", fastmath={"contract"})
def turns_from_heading(along, away, slope, aspect, heading, side):
    """Cosines and sines of aspect minus heading, in degrees; ``away`` is to the side of the look."""
    sign = slope.dtype.type(side)
    if slope.itemsize == 4:
        for i in range(slope.size):
            x, y = phasor_degrees_single(turn_single(slope[i], aspect[i], heading[i]))
            along[i], away[i] = -x, sign * y
    else:
        for i in range(slope.size):
            angle = math.radians(turn_double(slope[i], aspect[i], heading[i]))
            along[i], away[i] = math.cos(angle), sign * math.sin(angle)
