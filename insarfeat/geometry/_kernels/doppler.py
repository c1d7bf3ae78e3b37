"""Kernels of the range-Doppler equations: when, and from how far, a satellite sees points on the ground abeam.

A point P is seen at zero Doppler when its line of sight stands square on the satellite's Earth-fixed velocity,
(P - S(t)) . V(t) = 0. The orbit is given as an array of 3 rows (x, y, z) of 8 coefficients: S(t) in metres is the sum
of orbit[:, k] * t^k, with t in seconds from a reference time (``OrbitArc.table``). V and the acceleration A are its
derivatives.
"""

import numba
import numpy as np

from insarfeat._kernels import inner

_CONVERGED = 1e-7  # seconds: what a further Newton step may still ask for


@inner()
def derivatives(orbit, axis):
    """Coefficients of one component: 8 of its position, 7 of its velocity, 6 of its acceleration."""
    position = (
        orbit[axis, 0], orbit[axis, 1], orbit[axis, 2], orbit[axis, 3],
        orbit[axis, 4], orbit[axis, 5], orbit[axis, 6], orbit[axis, 7],
    )  # fmt: skip
    velocity = (
        position[1], 2.0 * position[2], 3.0 * position[3], 4.0 * position[4],
        5.0 * position[5], 6.0 * position[6], 7.0 * position[7],
    )  # fmt: skip
    acceleration = (
        velocity[1], 2.0 * velocity[2], 3.0 * velocity[3],
        4.0 * velocity[4], 5.0 * velocity[5], 6.0 * velocity[6],
    )  # fmt: skip
    return position, velocity, acceleration


@inner(forceinline=True, fastmath={"contract"})
def _polynomial(coefficients, t):
    """Sum of coefficients[k] t^k; their number is known to the compiler, which leaves no loop."""
    value = coefficients[-1]
    for k in range(len(coefficients) - 2, -1, -1):
        value = value * t + coefficients[k]
    return value


@inner(forceinline=True, fastmath={"contract"}, error_model="numpy")
def _newton(x, y, z, t, along_x, along_y, along_z):
    """How far the next time lies beyond ``t``, in seconds, and the square of the range at that next time.

    With d = P - S, f = d . V and g = V . V - d . A = -df/dt, the step is f / g, and the square of the range there
    d . d - f^2 / g: both to the second order, so that the satellite need not be placed anew for the range.
    """
    sx, vx, ax = along_x
    sy, vy, ay = along_y
    sz, vz, az = along_z
    dx = x - _polynomial(sx, t)
    dy = y - _polynomial(sy, t)
    dz = z - _polynomial(sz, t)
    speed_x = _polynomial(vx, t)
    speed_y = _polynomial(vy, t)
    speed_z = _polynomial(vz, t)
    f = dx * speed_x + dy * speed_y + dz * speed_z
    g = (speed_x * speed_x - dx * _polynomial(ax, t)) + (speed_y * speed_y - dy * _polynomial(ay, t))
    g += speed_z * speed_z - dz * _polynomial(az, t)
    step = f / g
    return step, (dx * dx + dy * dy + dz * dz) - step * f


@inner(fastmath={"contract"}, error_model="numpy")
def solve_row(x, y, z, guess, orbit, times, ranges):
    """Zero-Doppler times and slant ranges of a row of points, from a guess of the times: two Newton steps each.

    Parameters
    ----------
    x, y, z
        Earth-fixed coordinates in metres, float64 rows of one length. NaN gives NaN.
    guess
        Times in seconds from the orbit's reference. A step from a guess that is off by e seconds leaves about
        1e-5 e^2: after two, guesses off by 5 s are right to 1e-12 s in time and 1e-9 m in range. Call it twice where
        they may be further off. May be ``times`` itself.
    orbit
        Coefficients of the orbit, (3, 8), as above.
    times, ranges
        Rows to fill: seconds from the reference, and one-way metres.

    Nothing is checked here: points beyond the orbit's vectors, on the side where the radar does not look, or below
    its horizon get the numbers that solve the equations. The loop has no branches and runs on whole vectors; a
    point's result does not depend on its place in the row.
    """
    along_x = derivatives(orbit, 0)
    along_y = derivatives(orbit, 1)
    along_z = derivatives(orbit, 2)
    for i in range(x.size):
        t = guess[i]
        step, _ = _newton(x[i], y[i], z[i], t, along_x, along_y, along_z)
        t += step
        step, square = _newton(x[i], y[i], z[i], t, along_x, along_y, along_z)
        times[i] = t + step
        ranges[i] = np.sqrt(square)


@inner(fastmath={"contract"}, error_model="numpy")
def refine_row(x, y, z, guess, orbit, times, ranges):
    """As :func:`solve_row` with one Newton step only, for guesses off by less than 5 ms, as between near tie points.

    What remains is below 1e-9 s in time and 1e-9 m in range.
    """
    along_x = derivatives(orbit, 0)
    along_y = derivatives(orbit, 1)
    along_z = derivatives(orbit, 2)
    for i in range(x.size):
        step, square = _newton(x[i], y[i], z[i], guess[i], along_x, along_y, along_z)
        times[i] = guess[i] + step
        ranges[i] = np.sqrt(square)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def solve(x, y, z, orbit, limits, side, times, ranges):
    """Zero-Doppler times and slant ranges of points anywhere; NaN where the radar does not see them.

    ``limits`` are the first and last time that the orbit's vectors vouch for, ``side`` is 1 for a radar that looks
    to the right and -1 for the left. Points below the radar's horizon, on the other side, beyond the limits and those
    that Newton does not find are NaN.
    """
    times[:] = 0.5 * (limits[0] + limits[1])
    solve_row(x, y, z, times, orbit, times, ranges)
    solve_row(x, y, z, times, orbit, times, ranges)
    along_x = derivatives(orbit, 0)
    along_y = derivatives(orbit, 1)
    along_z = derivatives(orbit, 2)
    for i in range(x.size):
        t = times[i]
        step, _ = _newton(x[i], y[i], z[i], t, along_x, along_y, along_z)
        sx, sy, sz = _polynomial(along_x[0], t), _polynomial(along_y[0], t), _polynomial(along_z[0], t)
        vx, vy, vz = _polynomial(along_x[1], t), _polynomial(along_y[1], t), _polynomial(along_z[1], t)
        dx, dy, dz = x[i] - sx, y[i] - sy, z[i] - sz
        # To the right is velocity x upward.
        right = dx * (vy * sz - vz * sy) + dy * (vz * sx - vx * sz) + dz * (vx * sy - vy * sx)
        rising = -(dx * x[i] + dy * y[i] + dz * z[i])
        seen = right * side > 0 and rising > 0 and limits[0] <= t <= limits[1]
        if not (seen and abs(step) < _CONVERGED):
            times[i] = np.nan
            ranges[i] = np.nan
