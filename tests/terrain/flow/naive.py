"""What filling, flow and all that follows the flow are, in plain Python: short, slow, cell by cell.

North is the first row. ``dy`` and ``dx`` are the metres of a cell: one number each, or one per row. A cell that is
not finite is a void. ``voids`` says whether water leaves at a void ("outlets") as at the raster's edge, or not
("walls"). ``surface`` is a DEM that :func:`filled` or :func:`epsilon_filled` has filled. One with pits is taken too:
they keep their water. Fit for 100 x 100 cells, in about a second.

On ``float32`` the slopes of D8 are of ``float32``; all else is reckoned in ``float64``.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Heights = NDArray[Any]
Voids = Literal["outlets", "walls"]
Method = Literal["d8", "dinf", "mfd"]
Cell = tuple[int, int]
Flow = dict[Cell, list[tuple[int, int, float]]]

# Rows down and columns right of the neighbours with codes 1 to 8, clockwise from north.
STEPS = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
# Direct and diagonal neighbour, as places in STEPS: N-NE, NE-E, E-SE, SE-S, S-SW, SW-W, W-NW, NW-N.
FACETS = [(0, 1), (2, 1), (2, 3), (4, 3), (4, 5), (6, 5), (6, 7), (0, 7)]
MFD_POWER = 1.1


class Facet(NamedTuple):
    """A steepest way down between two neighbours; ``angle`` turns from the direct one, of ``widest`` radians."""

    direct: int
    diagonal: int
    angle: float
    widest: float


# ---- Filling: these two take any DEM.


def filled(dem: ArrayLike, voids: Voids = "outlets") -> Heights:
    """The lowest level at which water from each cell gets out; unchanged where there is no way out."""
    return _flooded(dem, voids, lambda level: level)


def epsilon_filled(dem: ArrayLike, voids: Voids = "outlets") -> Heights:
    """The same, but each cell ends above its lowest neighbour, by no more than the next number of its type."""
    return _flooded(dem, voids, lambda level: np.nextafter(level, np.full_like(level, np.inf)))


def _flooded(dem: ArrayLike, voids: Voids, above: Callable[[Any], Any]) -> Heights:
    ground = _ground(dem)
    surface = ground.copy()
    waiting = [(ground[cell], cell) for cell in _cells(ground) if _is_outlet(ground, cell, voids)]
    heapq.heapify(waiting)
    done = set()
    while waiting:
        level, cell = heapq.heappop(waiting)
        if cell in done:
            continue
        done.add(cell)
        surface[cell] = level
        for _, there in _neighbours(ground, cell):
            heapq.heappush(waiting, (max(ground[there], above(level)), there))
    return surface


# ---- Flats.


def flat_ranks(surface: ArrayLike, voids: Voids = "outlets") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For flat cells the steps toward where their flat drains, and away from higher ground.

    ``toward`` is -1 where there is no way out, ``away`` is 0 where there is no higher ground. Both are -1 where the
    cell is not flat.
    """
    z = _ground(surface)
    drains = _draining(z, voids)
    flat = {cell for cell in _cells(z) if not drains[cell]}

    def level(cell: Cell) -> list[Cell]:
        return [there for _, there in _neighbours(z, cell) if z[there] == z[cell]]

    def steps(start: set[Cell]) -> NDArray[np.int64]:
        taken = np.full(z.shape, -1)
        front, step = start, 1
        while front:
            for cell in front:
                taken[cell] = step
            front = {there for cell in front for there in level(cell) if there in flat and taken[there] < 0}
            step += 1
        return taken

    toward = steps({cell for cell in flat if any(there not in flat for there in level(cell))})
    away = steps({cell for cell in flat if any(z[there] > z[cell] for _, there in _neighbours(z, cell))})
    for cell in flat:
        away[cell] = max(away[cell], 0)
    return toward, away


# ---- Where the water goes.


def receivers(
    surface: ArrayLike, dy: ArrayLike, dx: ArrayLike, method: Method = "d8", voids: Voids = "outlets"
) -> Flow:
    """For every valid cell (row, column, share) of each neighbour that gets its water; the shares add up to 1."""
    z = _ground(surface)
    flow: Flow = {}
    if method == "mfd":
        z = z.astype(np.float64)
        for cell, drops in _all_drops(z, voids):
            flow[cell] = _shared(z, cell, drops, _distances(z, dy, dx, cell))
        return flow
    for cell, drops in _all_drops(z, voids):
        facet = _facet(z, cell, dy, dx) if method == "dinf" else None
        if facet:
            of_diagonal = facet.angle / facet.widest
            shares = {facet.direct: 1 - of_diagonal, facet.diagonal: of_diagonal}
        else:
            shares = {code - 1: 1.0 for code in [_steepest(z, cell, drops, dy, dx)] if code}
        flow[cell] = [(*_stepped(cell, step), share) for step, share in shares.items() if share > 0]
    return flow


def d8_codes(surface: ArrayLike, dy: ArrayLike, dx: ArrayLike, voids: Voids = "outlets") -> NDArray[np.uint8]:
    """1 for N, 2 for NE, ... 8 for NW; 0 where water stays or leaves the raster, 255 in voids."""
    z = _ground(surface)
    codes = np.full(z.shape, 255, np.uint8)
    for cell, drops in _all_drops(z, voids):
        codes[cell] = _steepest(z, cell, drops, dy, dx)
    return codes


def dinf_angles(
    surface: ArrayLike, dy: ArrayLike, dx: ArrayLike, voids: Voids = "outlets"
) -> NDArray[np.float64]:
    """Compass degrees of the flow, from 0 to below 360; NaN where there is none."""
    z = _ground(surface)
    degrees = np.full(z.shape, np.nan)
    codes = d8_codes(z, dy, dx, voids)
    for cell in _cells(z):
        down, right = (_of_row(size, z, cell) for size in (dy, dx))
        facet = _facet(z, cell, dy, dx)
        if facet:
            ahead, corner = STEPS[facet.direct], STEPS[facet.diagonal]
            aside = (corner[0] - ahead[0], corner[1] - ahead[1])
            forward, sideways = math.cos(facet.angle), math.sin(facet.angle)
            north = -(forward * ahead[0] + sideways * aside[0])
            east = forward * ahead[1] + sideways * aside[1]
        elif codes[cell]:
            step = STEPS[codes[cell] - 1]
            north, east = -step[0] * down, step[1] * right
        else:
            continue
        degrees[cell] = math.degrees(math.atan2(east, north)) % 360 % 360  # twice: -1e-17 % 360 is 360
    return degrees


def _all_drops(z: Heights, voids: Voids) -> Iterator[tuple[Cell, dict[int, Any]]]:
    """Every valid cell with its drops, in the type of ``z``, to the neighbours that may get its water."""
    toward, away = flat_ranks(z, voids)
    rank = 2 * toward - away
    drains = _draining(z, voids)
    for cell in _cells(z):
        drops = {}
        for step, there in _neighbours(z, cell):
            if drains[cell]:
                drop = z[cell] - z[there]
            elif z[there] != z[cell] or toward[cell] < 0:
                continue
            elif drains[there]:
                drop = z.dtype.type(2)
            else:
                drop = z.dtype.type(rank[cell] - rank[there])
            if drop > 0:
                drops[step] = drop
        yield cell, drops


def _steepest(z: Heights, cell: Cell, drops: dict[int, Any], dy: ArrayLike, dx: ArrayLike) -> int:
    """The D8 code. A slope may round to 0 where the drop does not, so slopes are never compared with 0."""
    distances = _distances(z, dy, dx, cell)
    code, best = 0, z.dtype.type(-1)
    for step, drop in drops.items():
        slope = drop * z.dtype.type(1 / distances[step])
        if slope > best:
            code, best = step + 1, slope
    return code


def _shared(
    z: Heights, cell: Cell, drops: dict[int, Any], distances: list[float]
) -> list[tuple[int, int, float]]:
    largest = max(drops.values(), default=1)  # so that powers of the least numbers do not vanish
    powers = {step: float((drop / largest / distances[step]) ** MFD_POWER) for step, drop in drops.items()}
    return [
        (*_stepped(cell, step), power / sum(powers.values())) for step, power in powers.items() if power > 0
    ]


def _facet(z: Heights, cell: Cell, dy: ArrayLike, dx: ArrayLike) -> Facet | None:
    """Tarboton's steepest facet, in ``float64``; None where none falls, as on flats, and D8 has to decide."""
    down, right = (_of_row(size, z, cell) for size in (dy, dx))
    heights = {step: float(z[there]) for step, there in _neighbours(z, cell)}
    best, steepest = None, 0.0
    for direct, diagonal in FACETS:
        ahead, aside = (down, right) if direct in (0, 4) else (right, down)
        widest = math.atan2(aside, ahead)
        straight = math.sqrt(right * right + down * down)
        z0, e1, e2 = float(z[cell]), heights.get(direct), heights.get(diagonal)
        if e1 is not None and e2 is not None:
            s1, s2 = (z0 - e1) / ahead, (e1 - e2) / aside
            angle, slope = math.atan2(s2, s1), math.sqrt(s1 * s1 + s2 * s2)
            if angle < 0:
                angle, slope = 0.0, s1
            elif angle > widest:
                angle, slope = widest, (z0 - e2) / straight
        elif e1 is not None:
            angle, slope = 0.0, (z0 - e1) / ahead
        elif e2 is not None:
            angle, slope = widest, (z0 - e2) / straight
        else:
            continue
        if slope > steepest:
            best, steepest = Facet(direct, diagonal, angle, widest), slope
    return best


# ---- What follows the water.


def accumulation(
    surface: ArrayLike,
    dy: ArrayLike,
    dx: ArrayLike,
    method: Method = "mfd",
    weights: ArrayLike | None = None,
    voids: Voids = "outlets",
) -> NDArray[np.float64]:
    """The water of each cell (1, or its weight; none where that is void) and of all above it."""
    z = _ground(surface)
    flow = receivers(z, dy, dx, method, voids)
    water = np.ones(z.shape) if weights is None else np.array(weights, np.float64)
    water[~np.isfinite(water)] = 0
    water[np.isnan(z)] = np.nan
    for cell in _downstream(flow):
        for row, column, share in flow[cell]:
            water[row, column] += share * water[cell]
    return water


def contamination(
    surface: ArrayLike, dy: ArrayLike, dx: ArrayLike, method: Method = "mfd", voids: Voids = "outlets"
) -> NDArray[np.uint8]:
    """1 for what is at the raster's edge or beside a void, and for all that gets water from there; 255 in voids."""
    z = _ground(surface)
    flow = receivers(z, dy, dx, method, voids)
    touched = np.full(z.shape, 255, np.uint8)
    for cell in flow:
        touched[cell] = _is_outlet(z, cell, "outlets")
    for cell in _downstream(flow):
        for row, column, _ in flow[cell]:
            touched[row, column] |= touched[cell]
    return touched


def breached(dem: ArrayLike, dy: ArrayLike, dx: ArrayLike, voids: Voids = "outlets") -> Heights:
    """A DEM, not filled, cut down along the D8 ways of the filled one to the lowest ground upstream."""
    ground = _ground(dem)
    flow = receivers(filled(ground, voids), dy, dx, "d8", voids)
    for cell in _downstream(flow):
        for row, column, _ in flow[cell]:
            ground[row, column] = min(ground[row, column], ground[cell])
    return ground


def basins(surface: ArrayLike, dy: ArrayLike, dx: ArrayLike, voids: Voids = "outlets") -> NDArray[np.int64]:
    """1 + row-major index of the cell where the D8 way ends; 0 in voids."""
    z = _ground(surface)
    flow = receivers(z, dy, dx, "d8", voids)
    ends = np.zeros(z.shape, np.int64)
    for cell in reversed(_downstream(flow)):
        below = [(row, column) for row, column, _ in flow[cell]]
        ends[cell] = ends[below[0]] if below else 1 + cell[0] * z.shape[1] + cell[1]
    return ends


def _downstream(flow: Flow) -> list[Cell]:
    """All cells, each before those that get its water."""
    donors = dict.fromkeys(flow, 0)
    for below in flow.values():
        for row, column, _ in below:
            donors[row, column] += 1
    ready = deque(cell for cell, number in donors.items() if not number)
    order = []
    while ready:
        cell = ready.popleft()
        order.append(cell)
        for row, column, _ in flow[cell]:
            donors[row, column] -= 1
            if not donors[row, column]:
                ready.append((row, column))
    assert len(order) == len(flow), "the flow closes a circle"
    return order


# ---- Cells and their neighbours.


def _ground(dem: ArrayLike) -> Heights:
    ground = np.array(dem)
    ground[~np.isfinite(ground)] = np.nan
    return ground


def _cells(z: Heights) -> list[Cell]:
    return [(int(row), int(column)) for row, column in np.argwhere(~np.isnan(z))]


def _stepped(cell: Cell, step: int) -> Cell:
    return cell[0] + STEPS[step][0], cell[1] + STEPS[step][1]


def _neighbours(z: Heights, cell: Cell) -> Iterator[tuple[int, Cell]]:
    """The valid ones, each with its place in STEPS."""
    for step in range(8):
        row, column = _stepped(cell, step)
        if 0 <= row < z.shape[0] and 0 <= column < z.shape[1] and not np.isnan(z[row, column]):
            yield step, (row, column)


def _is_outlet(z: Heights, cell: Cell, voids: Voids) -> bool:
    at_edge = cell[0] in (0, z.shape[0] - 1) or cell[1] in (0, z.shape[1] - 1)
    return at_edge or (voids == "outlets" and len(list(_neighbours(z, cell))) < 8)


def _draining(z: Heights, voids: Voids) -> NDArray[np.bool_]:
    drains = np.zeros(z.shape, bool)
    for cell in _cells(z):
        lower = any(z[there] < z[cell] for _, there in _neighbours(z, cell))
        drains[cell] = lower or _is_outlet(z, cell, voids)
    return drains


def _of_row(size: ArrayLike, z: Heights, cell: Cell) -> float:
    return float(np.broadcast_to(np.asarray(size, np.float64), z.shape[:1])[cell[0]])


def _distances(z: Heights, dy: ArrayLike, dx: ArrayLike, cell: Cell) -> list[float]:
    down, right = (_of_row(size, z, cell) for size in (dy, dx))
    return [math.sqrt((rows * down) ** 2 + (columns * right) ** 2) for rows, columns in STEPS]
