"""Rows of angles: numbers in the place of rasters, cosines and sines."""

import math

from insarfeat._kernels import inner, phasor_degrees_single, sine_degrees_single


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


@inner(error_model="numpy", fastmath={"contract"})
def turns_from_heading(along, away, slope, aspect, heading, side):
    """Cosines and sines of aspect minus heading, in degrees; ``away`` is to the side of the look.

    Level ground has no aspect, and its NaN must not spread: any will do.
    """
    zero, sign = slope.dtype.type(0), slope.dtype.type(side)
    if slope.itemsize == 4:
        half_turn = slope.dtype.type(180)
        for i in range(slope.size):
            # Half a turn off the aspect costs no bit, and then the difference is small and rounded the less.
            angle = heading[i] - (aspect[i] - half_turn)
            angle = heading[i] - heading[i] if slope[i] == zero else angle
            x, y = phasor_degrees_single(angle)
            along[i], away[i] = -x, sign * y
    else:
        for i in range(slope.size):
            angle = heading[i] - heading[i] if slope[i] == zero else aspect[i] - heading[i]
            along[i], away[i] = math.cos(math.radians(angle)), sign * math.sin(math.radians(angle))


@inner(error_model="numpy", fastmath={"contract"})
def sines_from_heading(away, slope, aspect, heading, side):
    """The latter alone."""
    zero, sign = slope.dtype.type(0), slope.dtype.type(side)
    if slope.itemsize == 4:
        half_turn = slope.dtype.type(180)
        for i in range(slope.size):
            angle = heading[i] - (aspect[i] - half_turn)
            angle = heading[i] - heading[i] if slope[i] == zero else angle
            away[i] = sign * sine_degrees_single(angle)
    else:
        for i in range(slope.size):
            angle = heading[i] - heading[i] if slope[i] == zero else aspect[i] - heading[i]
            away[i] = sign * math.sin(math.radians(angle))
