"""Slope, aspect and shading from the gradient, row by row."""

import math

import numpy as np

from insarfeat._kernels import angle_single, arctan_single, inner

_DEGREES = np.float32(180 / math.pi)
_CIRCLE = np.float32(360)
_ZERO = np.float32(0)


@inner(error_model="numpy", fastmath={"contract"})
def slope(out, p, q):
    """Slope in degrees."""
    if out.itemsize == 4:
        for i in range(out.size):
            out[i] = _DEGREES * arctan_single(np.sqrt(p[i] * p[i] + q[i] * q[i]))
    else:
        for i in range(out.size):
            out[i] = math.degrees(math.atan(math.sqrt(p[i] * p[i] + q[i] * q[i])))


@inner(error_model="numpy", fastmath={"contract"})
def aspect(out, p, q):
    """Azimuth of the downslope direction in [0, 360), clockwise from north; NaN where it is flat."""
    if out.itemsize == 4:
        for i in range(out.size):
            angle = _DEGREES * angle_single(-q[i], -p[i])
            angle = _CIRCLE + angle if angle < _ZERO else angle
            out[i] = _ZERO if angle >= _CIRCLE else angle
    else:
        for i in range(out.size):
            angle = math.degrees(math.atan2(-p[i], -q[i])) % 360
            out[i] = angle if abs(p[i]) + abs(q[i]) > 0 else np.nan


@inner(error_model="numpy")
def hillshade(out, p, q, sun):
    """Cosine of the angle between the sun and the surface's normal, 0 where it faces away."""
    zero, one = out.dtype.type(0), out.dtype.type(1)
    east, north, up = out.dtype.type(sun[0]), out.dtype.type(sun[1]), out.dtype.type(sun[2])
    for i in range(out.size):
        light = (up - east * p[i] - north * q[i]) / np.sqrt(one + (p[i] * p[i] + q[i] * q[i]))
        out[i] = zero if light < zero else light
