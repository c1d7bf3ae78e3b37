"""Motion along the line of sight: from phases and back, down the slope, and into east and up."""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.geometry._kernels.rows import row_of


@numba.njit(nogil=True, cache=True)
def scaled(given, out, factor):
    """A raster times a number."""
    number = out.dtype.type(factor)
    for y in range(len(out)):
        row, into = given[y], out[y]
        for i in range(into.size):
            into[i] = number * row[i]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def downslope(displacement, slope_to_los, out, floor):
    """Motion down the slope that a displacement along the line of sight stands for."""
    least = out.dtype.type(floor)
    nothing = out.dtype.type(np.nan)
    given = np.empty((2, out.shape[1]), out.dtype)
    for y in range(len(out)):
        seen = row_of(displacement, y, given[0])
        facing = row_of(slope_to_los, y, given[1])
        into = out[y]
        for i in range(into.size):
            into[i] = -seen[i] / facing[i] if abs(facing[i]) > least else nothing


@numba.njit(nogil=True, cache=True, error_model="numpy")
def velocities(slope_to_los, phase_deviation, slowest, fastest, floor, slow, noise, fast):
    """Slowest and fastest velocity down the slope, from those along the line of sight.

    ``noise`` is the velocity of a radian of deviation.
    """
    least = slowest.dtype.type(floor)
    nothing = slowest.dtype.type(np.nan)
    lower, radian = slowest.dtype.type(slow), slowest.dtype.type(noise)
    upper = slowest.dtype.type(fast)
    given = np.empty((2, slowest.shape[1]), slowest.dtype)
    for y in range(len(slowest)):
        facing, into, onto = row_of(slope_to_los, y, given[0]), slowest[y], fastest[y]
        deviation = row_of(phase_deviation, y, given[1])
        for i in range(into.size):
            share = abs(facing[i]) if abs(facing[i]) > least else nothing
            beyond = radian * deviation[i]
            into[i] = (lower if lower > beyond else beyond) / share
            onto[i] = upper / share + 0 * beyond


@numba.njit(nogil=True, cache=True)
def east_and_up(looks, east, up, east_deviation, up_deviation, covariance, least):
    """Weighted least squares of two unknowns, pixel by pixel, over the looks that are valid there.

    ``looks`` holds four rasters or numbers for each: displacement, east and up of its line of sight, deviation.
    ``least`` is the squared sine between two lines of sight, projected, from which on they tell east from up.
    """
    rows, columns = east.shape
    sums = np.empty((8, columns))
    for y in range(rows):
        sums[:] = 0
        for k in range(0, len(looks), 4):
            _add(sums, looks[k], looks[k + 1], looks[k + 2], looks[k + 3], y, least)
        _solve(sums, east[y], up[y], east_deviation[y], up_deviation[y], covariance[y])


@inner(error_model="numpy")
def _add(sums, displacement, east, up, deviation, y, least):
    """One look more in the sums; where the looks differ is asked apart from their weights, which may differ a lot."""
    ee, eu, uu, ed, ud = sums[0], sums[1], sums[2], sums[3], sums[4]
    first_e, first_u, differ = sums[5], sums[6], sums[7]
    rows = (
        displacement[y if displacement.shape[0] > 1 else 0],
        east[y if east.shape[0] > 1 else 0],
        up[y if up.shape[0] > 1 else 0],
        deviation[y if deviation.shape[0] > 1 else 0],
    )
    steps = (
        int(displacement.shape[1] > 1),
        int(east.shape[1] > 1),
        int(up.shape[1] > 1),
        int(deviation.shape[1] > 1),
    )
    for i in range(sums.shape[1]):
        d = np.float64(rows[0][i * steps[0]])
        e = np.float64(rows[1][i * steps[1]])
        u = np.float64(rows[2][i * steps[2]])
        s = np.float64(rows[3][i * steps[3]])
        weight = 1 / (s * s)
        if 0 * (d + e + u + weight) == 0:  # all are finite
            f, g = first_e[i], first_u[i]
            turn = f * u - g * e
            differ[i] += turn * turn > least * (e * e + u * u) * (f * f + g * g)
            if f == 0 and g == 0:
                first_e[i], first_u[i] = e, u
            ee[i] += weight * e * e
            eu[i] += weight * e * u
            uu[i] += weight * u * u
            ed[i] += weight * e * d
            ud[i] += weight * u * d


@inner(error_model="numpy")
def _solve(sums, east, up, east_deviation, up_deviation, covariance):
    ee, eu, uu, ed, ud = sums[0], sums[1], sums[2], sums[3], sums[4]
    differ = sums[7]
    for i in range(east.size):
        scale = 1 / (ee[i] * uu[i] - eu[i] * eu[i]) if differ[i] else np.nan
        east[i] = scale * (uu[i] * ed[i] - eu[i] * ud[i])
        up[i] = scale * (ee[i] * ud[i] - eu[i] * ed[i])
        east_deviation[i] = np.sqrt(scale * uu[i])
        up_deviation[i] = np.sqrt(scale * ee[i])
        covariance[i] = -scale * eu[i]
