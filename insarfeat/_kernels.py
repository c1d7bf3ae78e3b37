"""Elementary functions that vectorise, for the kernels of all packages.

The library's own arctangent, sine or power are called once per pixel; these are polynomials that the compiler runs
on whole vectors. Coefficients are Chebyshev interpolants, found with ``numpy.polynomial``.
"""

import math

import numba
import numpy as np

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
_HALF_PI = np.float32(0.5 * math.pi)
_PI = np.float32(math.pi)
_PER_TURN = np.float32(0.5 / math.pi)
# One turn as a sum, so that turns can be taken off large phases without losing digits.
_TURN_HIGH = np.float32(6.28125)
_TURN_LOW = np.float32(2 * math.pi - 6.28125)
_CIRCLE = np.float32(360)
_HALF_CIRCLE = np.float32(180)
_PER_CIRCLE = np.float32(1 / 360)
_DEGREE = np.float32(math.pi / 180)
_HALF_DEGREE = np.float32(math.pi / 360)

_ATAN = tuple(
    np.float32(c)
    for c in (
        0.999999982,
        -0.333330367,
        0.19991872,
        -0.141977978,
        0.106183706,
        -0.0745685481,
        0.0421376235,
        -0.015731249,
        0.00276628348,
    )
)
_SINE = tuple(
    np.float32(c) for c in (0.999999996, -0.166666579, 8.33305017e-3, -1.98090174e-4, 2.60510763e-6)
)
_COSINE = tuple(
    np.float32(c) for c in (1.0, -0.499999994, 4.16666362e-2, -1.38883603e-3, 2.47601097e-5, -2.60506573e-7)
)
_WIDE_SINE = tuple(
    np.float32(c) for c in (1, -0.166666666, 0.00833333097, -0.000198408612, 2.75252698e-06, -2.38892176e-08)
)
_LOG2 = tuple(
    np.float32(c)
    for c in (
        1.44269652,
        -0.72136018,
        0.48061313,
        -0.35952446,
        0.29611956,
        -0.26796387,
        0.16818659,
    )
)
_EXP2 = tuple(np.float32(c) for c in (1.00000008, 0.69314719, 0.24022107, 0.05550357, 0.00967603, 0.00133909))


def inner(**options):
    """Compile a function that only kernels call.

    Without the entries for Python and C that nobody uses, kernels of many parts compile a tenth sooner.
    """
    return numba.njit(nogil=True, cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


@inner(fastmath={"contract"}, forceinline=True)
def _arctan_to_one(ratio):
    """Arctangent of a number from 0 to 1, within 2e-7."""
    t = ratio * ratio
    value = _ATAN[8]
    value = value * t + _ATAN[7]
    value = value * t + _ATAN[6]
    value = value * t + _ATAN[5]
    value = value * t + _ATAN[4]
    value = value * t + _ATAN[3]
    value = value * t + _ATAN[2]
    value = value * t + _ATAN[1]
    value = value * t + _ATAN[0]
    return value * ratio


@inner(error_model="numpy", forceinline=True)
def arctan_single(x):
    """Arctangent of a number from 0 on, within 2e-7."""
    steep = x > _ONE
    angle = _arctan_to_one(_ONE / x if steep else x)
    return _HALF_PI - angle if steep else angle


@inner(error_model="numpy", forceinline=True)
def angle_single(x, y):
    """Angle of (x, y) in (-pi, pi], within 5e-7 rad; NaN at the origin."""
    across = abs(x)
    up = abs(y)
    steep = up > across
    angle = _arctan_to_one((across if steep else up) / (up if steep else across))
    angle = _HALF_PI - angle if steep else angle
    angle = _PI - angle if x < _ZERO else angle
    # A zero of either sign is not below zero: the negative real axis is at +pi.
    return -angle if y < _ZERO else angle


@inner()
def angle_double(x, y):
    """Angle of (x, y) in (-pi, pi]; NaN at the origin."""
    if not abs(x) + abs(y) > 0:
        return np.nan
    return math.pi if y == 0 and x < 0 else math.atan2(y, x)


@inner(error_model="numpy", forceinline=True)
def phasor_single(phase):
    """Cosine and sine of a phase, within 3e-7 for phases of a few turns."""
    turns = np.floor(phase * _PER_TURN + _HALF)
    return _phasor_of_twice(_HALF * ((phase - turns * _TURN_HIGH) - turns * _TURN_LOW))


@inner(error_model="numpy", forceinline=True)
def phasor_degrees_single(angle):
    """Cosine and sine of an angle in degrees, within 5e-7: turns are taken off without rounding."""
    turns = np.floor(angle * _PER_CIRCLE + _HALF)
    return _phasor_of_twice(_HALF_DEGREE * (angle - turns * _CIRCLE))


@inner(error_model="numpy", forceinline=True)
def sine_degrees_single(angle):
    """Sine of an angle in degrees, within 3e-7."""
    rest = angle - np.floor(angle * _PER_CIRCLE + _HALF) * _CIRCLE
    # Folded about the quarter turns.
    folded = min(rest, _HALF_CIRCLE - rest)
    folded = max(folded, -_HALF_CIRCLE - rest)
    x = _DEGREE * folded
    t = x * x
    sine = _WIDE_SINE[5]
    sine = sine * t + _WIDE_SINE[4]
    sine = sine * t + _WIDE_SINE[3]
    sine = sine * t + _WIDE_SINE[2]
    sine = sine * t + _WIDE_SINE[1]
    return x * (sine * t + _WIDE_SINE[0])


@inner(error_model="numpy", forceinline=True)
def _phasor_of_twice(half):
    """Cosine and sine of twice an angle from -pi / 2 to pi / 2: of half the angle, which needs no cases."""
    t = half * half
    sine = _SINE[4]
    sine = sine * t + _SINE[3]
    sine = sine * t + _SINE[2]
    sine = sine * t + _SINE[1]
    sine = half * (sine * t + _SINE[0])
    cosine = _COSINE[5]
    cosine = cosine * t + _COSINE[4]
    cosine = cosine * t + _COSINE[3]
    cosine = cosine * t + _COSINE[2]
    cosine = cosine * t + _COSINE[1]
    cosine = cosine * t + _COSINE[0]
    return cosine * cosine - sine * sine, (sine + sine) * cosine


@inner()
def power_rows(base, exponent, scratch):
    """Raise a row of numbers >= 0 to a row of powers, in place; ``scratch`` is two rows of int32."""
    if base.itemsize == 4:
        _power_single(base.view(np.float32), exponent, scratch)
    else:
        for i in range(base.size):
            base[i] = base[i] ** exponent[i]


# What lies between the bit patterns of 1/sqrt(2) and of its doubles.
_ROOT_BITS = 0x3F3504F3
_TINY = np.float32(1.1754944e-38)
_LARGEST_POWER = np.float32(126)


@inner(error_model="numpy", fastmath={"contract"})
def _power_single(base, exponent, scratch):
    """2 to the power of exponent times log2(base), within 1e-5 of it; 0 counts as the smallest number."""
    n = base.size
    bits = scratch[0, :n]
    scale = scratch[1, :n]
    numbers = bits.view(np.float32)
    given = base.view(np.int32)
    for i in range(n):
        base[i] = max(base[i], _TINY)
    for i in range(n):
        exponent_bits = (given[i] - _ROOT_BITS) >> 23
        scale[i] = exponent_bits
        bits[i] = given[i] - (exponent_bits << 23)
    for i in range(n):
        u = numbers[i] - np.float32(1)
        value = _LOG2[6]
        value = value * u + _LOG2[5]
        value = value * u + _LOG2[4]
        value = value * u + _LOG2[3]
        value = value * u + _LOG2[2]
        value = value * u + _LOG2[1]
        value = value * u + _LOG2[0]
        wanted = exponent[i] * (value * u + np.float32(scale[i]))
        base[i] = min(max(wanted, -_LARGEST_POWER), _LARGEST_POWER)
    exponential_rows(base, scale)


@inner(error_model="numpy", fastmath={"contract"})
def exponential_rows(exponent, scratch):
    """2 to the power of a row of single numbers from -126 to 127, in place, within 4e-7 of each.

    ``scratch`` is a row of int32. NaN stays NaN.
    """
    n = exponent.size
    whole_parts = scratch[:n]
    given = exponent.view(np.int32)
    for i in range(n):
        whole = np.floor(exponent[i] + _HALF)
        u = exponent[i] - whole
        value = _EXP2[5]
        value = value * u + _EXP2[4]
        value = value * u + _EXP2[3]
        value = value * u + _EXP2[2]
        value = value * u + _EXP2[1]
        exponent[i] = value * u + _EXP2[0]
        whole_parts[i] = np.int32(whole)
    for i in range(n):
        given[i] = given[i] + (whole_parts[i] << 23)
