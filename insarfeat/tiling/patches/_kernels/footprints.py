"""How far apart two footprints lie.

A ``world`` is a tuple: boxes (west, south, east, north in their own map), the number of each one's map, the kind of
each map, middles in metres in space, radii about them, and corners in space (none where all maps are flat).
"""

import math

import numpy as np

from insarfeat._kernels import inner

FLAT = 0  # lengths on the map are metres on the ground
BENT = 1  # they are not: distances are taken in space
DEGREES = 2  # the same, and the map closes upon itself

OVERLAPPING = -1.0
_SLIVER = 2e-5  # of the shorter side: less is rounding, not a pixel
_MICRON = 1e-6


@inner()
def gap(i, j, world):
    """Metres between two footprints; OVERLAPPING where they share ground."""
    boxes, maps, kinds, middles, _, corners = world
    if maps[i] == maps[j]:
        kind = kinds[maps[i]]
        turn = 0.0
        if kind == DEGREES:
            apart = 0.5 * (boxes[i, 0] + boxes[i, 2] - boxes[j, 0] - boxes[j, 2])
            turn = 360.0 * np.round(apart / 360.0)
        x = max(boxes[i, 0], boxes[j, 0] + turn) - min(boxes[i, 2], boxes[j, 2] + turn)
        y = max(boxes[i, 1], boxes[j, 1]) - min(boxes[i, 3], boxes[j, 3])
        wide = min(boxes[i, 2] - boxes[i, 0], boxes[j, 2] - boxes[j, 0])
        high = min(boxes[i, 3] - boxes[i, 1], boxes[j, 3] - boxes[j, 1])
        if x < -_SLIVER * wide and y < -_SLIVER * high:
            return OVERLAPPING
        if kind == FLAT:
            return math.hypot(max(x, 0.0), max(y, 0.0))
        if x <= 0 and y <= 0:
            return 0.0
        return max(_in_space(i, j, middles, corners), 0.0)
    return _in_space(i, j, middles, corners)


@inner()
def closer(i, j, reach, world):
    """0 where footprints are that far apart or more, 1 where they are closer, 2 where they overlap."""
    middles, radii = world[3], world[4]
    x = middles[i, 0] - middles[j, 0]
    y = middles[i, 1] - middles[j, 1]
    z = middles[i, 2] - middles[j, 2]
    most = radii[i] + radii[j] + reach
    if x * x + y * y + z * z > most * most:
        return 0
    apart = gap(i, j, world)
    if apart == OVERLAPPING:
        return 2
    return 1 if apart < reach - _MICRON else 0


@inner()
def _in_space(i, j, middles, corners):
    """Distance of two footprints in the plane that touches the Earth between them."""
    points = np.empty((2, 4, 2))
    up = np.empty(3)
    for k in range(3):
        up[k] = 0.5 * (middles[i, k] + middles[j, k])
    length = math.sqrt(up[0] ** 2 + up[1] ** 2 + up[2] ** 2)
    # Any two directions across do; the one along the equator fails at the poles only.
    flat = math.hypot(up[0], up[1])
    ex, ey = (-up[1] / flat, up[0] / flat) if flat > 1e-6 * length else (1.0, 0.0)
    ux, uy, uz = up[0] / length, up[1] / length, up[2] / length
    nx, ny, nz = -uz * ey, uz * ex, ux * ey - uy * ex
    for k in range(4):
        for side in range(2):
            at = i if side == 0 else j
            x, y, z = corners[at, k, 0] - up[0], corners[at, k, 1] - up[1], corners[at, k, 2] - up[2]
            points[side, k, 0] = x * ex + y * ey
            points[side, k, 1] = x * nx + y * ny + z * nz
    if _overlap(points):
        return OVERLAPPING
    nearest = np.inf
    for k in range(4):
        for edge in range(4):
            nearest = min(nearest, _from_edge(points[0, k], points[1, edge], points[1, (edge + 1) % 4]))
            nearest = min(nearest, _from_edge(points[1, k], points[0, edge], points[0, (edge + 1) % 4]))
    return nearest


@inner()
def _overlap(points):
    """Whether two convex quadrilaterals share more than a sliver: no edge has them on either side."""
    for side in range(2):
        for k in range(4):
            dx = points[side, (k + 1) % 4, 0] - points[side, k, 0]
            dy = points[side, (k + 1) % 4, 1] - points[side, k, 1]
            low = np.array([np.inf, np.inf])
            high = np.array([-np.inf, -np.inf])
            for other in range(2):
                for corner in range(4):
                    along = dy * points[other, corner, 0] - dx * points[other, corner, 1]
                    low[other] = min(low[other], along)
                    high[other] = max(high[other], along)
            shorter = min(high[0] - low[0], high[1] - low[1])
            if min(high[0], high[1]) - max(low[0], low[1]) <= _SLIVER * shorter:
                return False
    return True


@inner()
def _from_edge(point, start, end):
    """Distance of a point from a segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = point[0] - start[0], point[1] - start[1]
    square = dx * dx + dy * dy
    along = 0.0 if square == 0 else min(max((x * dx + y * dy) / square, 0.0), 1.0)
    return math.hypot(x - along * dx, y - along * dy)
