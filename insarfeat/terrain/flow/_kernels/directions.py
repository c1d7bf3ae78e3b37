"""Where water goes: the steepest of eight neighbours, or a direction between two."""

import math

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.flats import flat_drop
from insarfeat.terrain.flow._kernels.ground import DOWN, RIGHT

VOID = np.uint8(255)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def steepest(ground, ranks, northward, eastward, codes):
    """D8: code 1 to 8 of the neighbour with the largest drop per metre, 0 where water stays or leaves, 255 in voids.

    ``ground`` and ``ranks`` have a frame; ``codes`` has none.
    """
    kind = ground.dtype.type
    for i in range(codes.shape[0]):
        dy, dx = abs(northward[i]), abs(eastward[i])
        _steepest_row(
            ground[i],
            ground[i + 1],
            ground[i + 2],
            kind(1 / dy),
            kind(1 / dx),
            kind(1 / math.sqrt(dy * dy + dx * dx)),
            kind(-1),
            codes[i],
        )
        if _any_flat(ranks[i + 1]):
            for j in range(codes.shape[1]):
                if ranks[i + 1, j + 1] != 0:
                    codes[i, j] = _steepest_of_flat(ground, ranks, i + 1, j + 1, dy, dx)


@inner(error_model="numpy")
def _steepest_row(up, mid, down, along_y, along_x, across, none, codes):
    n = codes.size
    for j in range(n):
        z = mid[j + 1]
        drop = _drop(z, up[j + 1], along_y, none)
        code = np.uint8(1) if drop >= 0 else np.uint8(0)
        most = drop
        drop = _drop(z, up[j + 2], across, none)
        code = np.uint8(2) if drop > most else code
        most = drop if drop > most else most
        drop = _drop(z, mid[j + 2], along_x, none)
        code = np.uint8(3) if drop > most else code
        most = drop if drop > most else most
        drop = _drop(z, down[j + 2], across, none)
        code = np.uint8(4) if drop > most else code
        most = drop if drop > most else most
        drop = _drop(z, down[j + 1], along_y, none)
        code = np.uint8(5) if drop > most else code
        most = drop if drop > most else most
        drop = _drop(z, down[j], across, none)
        code = np.uint8(6) if drop > most else code
        most = drop if drop > most else most
        drop = _drop(z, mid[j], along_x, none)
        code = np.uint8(7) if drop > most else code
        most = drop if drop > most else most
        drop = _drop(z, up[j], across, none)
        code = np.uint8(8) if drop > most else code
        codes[j] = code if abs(z) < np.inf else VOID


@inner(forceinline=True)
def _drop(z, other, per_metre, none):
    """Drop per metre; below 0 where the neighbour is not lower, because drops of the least numbers round to 0."""
    lower = (other < z) & (other > -np.inf)
    return (z - other) * per_metre if lower else none


@inner()
def _any_flat(ranks):
    found = np.int32(0)
    for j in range(ranks.size):
        found |= ranks[j]
    return found != 0


@inner(error_model="numpy")
def _steepest_of_flat(ground, ranks, y, x, dy, dx):
    """D8 in a flat: the largest drop in rank per metre."""
    kind = ground.dtype.type
    own = ranks[y, x]
    z = ground[y, x]
    most = kind(0)
    code = 0
    for k in range(8):
        near, right = y + DOWN[k], x + RIGHT[k]
        if ground[near, right] == z:
            drop = flat_drop(own, ranks[near, right]) * kind(1 / distance_to(k, dy, dx))
            if drop > most:
                most = drop
                code = k + 1
    return code


@inner(forceinline=True)
def distance_to(k, dy, dx):
    """Metres to neighbour k."""
    return math.sqrt(dy * dy + dx * dx) if k & 1 else (dy if k & 3 == 0 else dx)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def azimuths(ground, ranks, northward, eastward, angles):
    """Dinf: direction of the flow in degrees clockwise from up the rows, NaN where there is none."""
    for i in range(angles.shape[0]):
        dy, dx = abs(northward[i]), abs(eastward[i])
        for j in range(angles.shape[1]):
            if abs(ground[i + 1, j + 1]) == np.inf:
                angles[i, j] = np.nan
                continue
            direct, diagonal, straight, sideways = facet_of(ground, ranks, i + 1, j + 1, dy, dx)
            if direct < 0 and diagonal < 0:
                angles[i, j] = np.nan
            elif direct < 0:
                way = math.atan2(RIGHT[diagonal] * dx, -DOWN[diagonal] * dy)
                angles[i, j] = math.degrees(way) % 360
            else:
                turn = math.degrees(math.atan2(sideways, straight)) if diagonal >= 0 else 0.0
                clockwise = (diagonal - direct) % 8 == 1
                angles[i, j] = (45 * direct + (turn if clockwise else -turn)) % 360


@inner(error_model="numpy")
def facet_of(ground, ranks, y, x, dy, dx):
    """Dinf: the direct and the diagonal neighbour that water goes to, -1 for none; slopes toward and along the first.

    Where there are two, the direction turns from the direct one by atan(sideways / straight). No angle is needed to
    find them.
    """
    if ranks[y, x] != 0:
        code = _steepest_of_flat(ground, ranks, y, x, dy, dx)
        return _alone(code)
    z = np.float64(ground[y, x])
    diagonally = math.sqrt(dy * dy + dx * dx)
    steepest_yet = 0.0
    direct = diagonal = -1
    straight = sideways = 0.0
    for facet in range(8):
        # N-NE, NE-E, E-SE, ...
        one = ((facet + 1) // 2 * 2) % 8
        two = facet | 1
        first, second = ground[y + DOWN[one], x + RIGHT[one]], ground[y + DOWN[two], x + RIGHT[two]]
        ahead, aside = (dy, dx) if one & 3 == 0 else (dx, dy)
        has_first, has_second = abs(first) < np.inf, abs(second) < np.inf
        toward = (z - np.float64(first)) / ahead if has_first else 0.0
        along = (np.float64(first) - np.float64(second)) / aside if has_first and has_second else 0.0
        if not has_first or along * ahead > toward * aside:
            found = (z - np.float64(second)) / diagonally if has_second else 0.0
        elif along <= 0:
            found = toward
        else:
            found = math.sqrt(toward * toward + along * along)
        if found > steepest_yet:
            steepest_yet, straight, sideways = found, toward, along
            # Shares of rounding would carry a flag to where no water goes.
            direct = one if has_first and along * ahead <= toward * aside * (1 - 1e-9) else -1
            diagonal = two if direct < 0 or along > 1e-9 * toward else -1
    if steepest_yet > 0:
        return direct, diagonal, straight, sideways
    return _alone(_steepest_at_all(ground, y, x, dy, dx))


@inner()
def _alone(code):
    """One neighbour, given by its code, as a direct or a diagonal one."""
    if code == 0:
        return -1, -1, 0.0, 0.0
    return (code - 1, -1, 0.0, 0.0) if code & 1 else (-1, code - 1, 0.0, 0.0)


@inner(error_model="numpy")
def _steepest_at_all(ground, y, x, dy, dx):
    """D8 where drops are so small that no facet is steep."""
    z = ground[y, x]
    most = -1.0
    code = 0
    for k in range(8):
        other = ground[y + DOWN[k], x + RIGHT[k]]
        if -np.inf < other < z:
            drop = (z - other) / distance_to(k, dy, dx)
            if drop > most:
                most = drop
                code = k + 1
    return code
