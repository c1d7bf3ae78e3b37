"""Lines of sight as unit vectors, from angles and back."""

import math

import numba
import numpy as np

from insarfeat._kernels import angle_double, angle_single, inner
from insarfeat.geometry._kernels.rows import phasors, row_of

_DEGREES = np.float32(180 / math.pi)
_HALF_CIRCLE = np.float32(180)


@numba.njit(nogil=True, cache=True)
def from_angles(
    vertical, horizontal, east, north, up, zero, quarter, degrees, from_horizon, zeros_are_nodata
):
    """Unit vectors from two angles each, which may be numbers; ``degrees`` is what a unit of them holds.

    ``zero`` and ``quarter`` are the directions (east, north) in which the satellite stands where the horizontal angle
    is nothing and a quarter turn. No offset is ever added to an angle, which would round it.
    """
    rows, columns = east.shape
    number = east.dtype.type
    # Rows a multiple of 4096 bytes apart would meet in the cache.
    scratch = np.empty((8, columns + 16), east.dtype)
    tilt, turn = scratch[0, :columns], scratch[1, :columns]
    low, high = scratch[2, :columns], scratch[3, :columns]  # cosine and sine of the vertical angle
    level, rise = (low, high) if from_horizon else (high, low)
    cosine, sine = scratch[4, :columns], scratch[5, :columns]
    given_tilt, given_turn = scratch[6, :columns], scratch[7, :columns]
    for y in range(rows):
        if y == 0 or vertical.size > 1:
            _scaled(tilt, row_of(vertical, y, given_tilt), number(degrees))
            phasors(low, high, tilt)
        if y == 0 or horizontal.size > 1:
            _scaled(turn, row_of(horizontal, y, given_turn), number(degrees))
            phasors(cosine, sine, turn)
        _along(east[y], level, cosine, sine, number(zero[0]), number(quarter[0]))
        _along(north[y], level, cosine, sine, number(zero[1]), number(quarter[1]))
        up[y] = rise
        _clear(east[y], north[y], up[y], tilt, turn, zeros_are_nodata)


@inner()
def _scaled(out, angles, degrees):
    for i in range(out.size):
        out[i] = degrees * angles[i]


@inner(error_model="numpy", fastmath={"contract"})
def _along(out, level, cosine, sine, zero, quarter):
    """One horizontal component."""
    for i in range(out.size):
        out[i] = level[i] * (zero * cosine[i] + quarter * sine[i])


@inner(error_model="numpy")
def _clear(east, north, up, tilt, turn, zeros_are_nodata):
    """Nodata in all three where an angle is missing."""
    nothing = up.dtype.type(np.nan)
    zero = up.dtype.type(0)
    for i in range(up.size):
        missing = (tilt[i] != tilt[i]) | (turn[i] != turn[i])
        missing = missing | (zeros_are_nodata & (tilt[i] == zero) & (turn[i] == zero))
        east[i] = nothing if missing else east[i]
        north[i] = nothing if missing else north[i]
        up[i] = nothing if missing else up[i]


@numba.njit(nogil=True, cache=True)
def turned(given_east, given_north, given_up, east, north, up, sense):
    """The given vectors times 1 or -1; nodata where a component is missing or all are zero."""
    scratch = np.empty((3, east.shape[1]), east.dtype)
    for y in range(len(east)):
        e = row_of(given_east, y, scratch[0])
        n = row_of(given_north, y, scratch[1])
        u = row_of(given_up, y, scratch[2])
        _turned_row(east[y], north[y], up[y], e, n, u, east.dtype.type(sense))


@inner(error_model="numpy")
def _turned_row(east, north, up, e, n, u, sense):
    zero, nothing = up.dtype.type(0), up.dtype.type(np.nan)
    for i in range(up.size):
        valid = abs(e[i]) + abs(n[i]) + abs(u[i]) > zero  # false for NaN too
        east[i] = sense * e[i] if valid else nothing
        north[i] = sense * n[i] if valid else nothing
        up[i] = sense * u[i] if valid else nothing


@numba.njit(nogil=True, cache=True)
def completed(given_east, given_north, east, north, up):
    """Upward components of unit vectors; nodata where a component is missing, both are zero or they are too long."""
    scratch = np.empty((2, east.shape[1]), east.dtype)
    for y in range(len(east)):
        e = row_of(given_east, y, scratch[0])
        n = row_of(given_north, y, scratch[1])
        _completed_row(east[y], north[y], up[y], e, n)


@inner(error_model="numpy")
def _completed_row(east, north, up, e, n):
    zero, one, nothing = up.dtype.type(0), up.dtype.type(1), up.dtype.type(np.nan)
    for i in range(up.size):
        level = e[i] * e[i] + n[i] * n[i]
        valid = (level > zero) & (level <= one)  # false for NaN too
        up[i] = np.sqrt(one - level) if valid else nothing
        east[i] = e[i] if valid else nothing
        north[i] = n[i] if valid else nothing


@numba.njit(nogil=True, cache=True)
def to_angles(east, north, up, incidence, heading, side):
    """Incidence and heading; ``side`` is 1 for a radar that looks to the right and -1 to the left."""
    columns = incidence.shape[1]
    scratch = np.empty((3, columns), incidence.dtype)
    for y in range(len(incidence)):
        e = row_of(east, y, scratch[0])
        n = row_of(north, y, scratch[1])
        u = row_of(up, y, scratch[2])
        if incidence.itemsize == 4:
            _to_angles_single(incidence[y], heading[y], e, n, u, incidence.dtype.type(side))
        else:
            _to_angles_double(incidence[y], heading[y], e, n, u, side)


@inner(error_model="numpy")
def _to_angles_single(incidence, heading, e, n, u, side):
    for i in range(incidence.size):
        # Adding what is zero, or NaN where a component is, spreads nodata to both.
        missing = (e[i] - e[i]) + (n[i] - n[i]) + (u[i] - u[i])
        incidence[i] = _DEGREES * angle_single(u[i], np.sqrt(e[i] * e[i] + n[i] * n[i])) + missing
        # The satellite stands a quarter turn to the left of the flight direction of a radar that looks to the right.
        angle = _DEGREES * angle_single(-side * e[i], side * n[i])
        heading[i] = (
            _HALF_CIRCLE if abs(angle) > _HALF_CIRCLE or angle == -_HALF_CIRCLE else angle
        ) + missing


@inner(error_model="numpy")
def _to_angles_double(incidence, heading, e, n, u, side):
    for i in range(incidence.size):
        missing = (e[i] - e[i]) + (n[i] - n[i]) + (u[i] - u[i])
        incidence[i] = math.degrees(math.atan2(math.hypot(e[i], n[i]), u[i])) + missing
        angle = math.degrees(angle_double(-side * e[i], side * n[i]))
        heading[i] = (180.0 if angle == -180 else angle) + missing
