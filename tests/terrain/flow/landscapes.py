"""DEMs for the tests of flow, in ``float32`` and of any size: some with a known answer, some hard to cut into tiles.

Rows go south and columns east. Where a docstring gives an answer, water leaves at voids as at the raster's edge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Dem = NDArray[np.float32]
Shape = tuple[int, int]


class Serpentine(NamedTuple):
    """A DEM and the cells (row, column) of its channel, from the source to the outlet."""

    dem: Dem
    channel: NDArray[np.int64]


# ---- With a known answer.


def plane(height: int, width: int, south: float = 1.0, east: float = 0.0) -> Dem:
    """Ground that falls ``south`` metres per row and ``east`` metres per column.

    D8 and Dinf accumulation, with dy = dx: row + 1 for (1, 0), column + 1 for (0, 1), and, off the last row and
    column, min(row, column) + 1 for (1, 1). MFD accumulation adds up to width * (row + 1) over a row, for (1, 0).
    Dinf angle, off the raster's edge: atan2(east / dx, -south / dy), for any fall, dy and dx.
    """
    rows, columns = np.mgrid[:height, :width]
    fall = south * rows + east * columns
    return np.asarray(fall.max() - fall, np.float32)


def valley(height: int, width: int, across: float = 4.0, along: float = 1.0) -> Dem:
    """Two slopes down to a straight river in the middle column, which runs south; ``width`` is odd.

    D8 accumulation, with dy = dx and along < 0.4 across: width // 2 + 1 - k at k columns from the river, for all
    water runs straight to it; width * (row + 1) in the river. One basin.
    """
    rows, columns = np.mgrid[:height, :width]
    return np.asarray(across * abs(columns - width // 2) + along * (height - 1 - rows), np.float32)


def cone(size: int, dx: float = 1.0) -> Dem:
    """A peak in the middle of ``size`` x ``size`` cells, ``size`` odd, as steep as 1 everywhere.

    Dinf angle, off the raster's edge: the azimuth from the peak, to 29 degrees / distance in cells, for the slope
    between two neighbours is that of the ground half a cell farther along the ring.
    """
    rows, columns = np.mgrid[:size, :size] - size // 2
    return np.asarray(dx * (size - np.hypot(rows, columns)), np.float32)


def flat(height: int, width: int, outlet: tuple[int, int], rim: float = 1.0) -> Dem:
    """A flat at 1 m within a rim of one cell, which is ``rim`` metres higher, with a way out at 0 m.

    ``outlet`` is a cell of the rim. All water leaves there. ``toward`` of a flat cell is its distance to the outlet
    in king's moves, less 1. With a rim of 0 every cell of the raster's edge is a way out.
    """
    dem = _rimmed(np.ones((height, width)), 1 + rim)
    dem[outlet] = 0
    return dem


def bowl(height: int, width: int, outlet: tuple[int, int] = (0, 1), depth: float = 100.0) -> Dem:
    """One depression over all of the raster; its rim is 1 m high, and water gets out at 0 m.

    ``outlet`` is a cell of the rim. Filled, all that was below 0 is at 0. One basin.
    """
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    dem = _rimmed(-1 - depth * (1 - rows**2) * (1 - columns**2), 1)
    dem[outlet] = 0
    return dem


def serpentine(height: int, width: int, fall: float = 1.0) -> Serpentine:
    """One channel, a cell wide, winding through all of the raster between walls a cell wide, out at an edge.

    It starts at (1, 1), runs along the odd rows and falls by ``fall`` metres per cell to the outlet at 0 m, so water
    crosses a tile's edges many times. Corners are cut: no cell of it touches another than those before and after.
    D8 leads from each of its cells to the next. The walls drain into it, but for some cells of the raster's edge,
    where water leaves at once.

    With a fall of 0 the channel is one long flat: ``toward`` is the number of cells to the outlet. With a fall below
    0 it is one long depression, which fills to the level of its outlet at 0 m. Heights are exact up to 2**24 cells.
    """
    if height < 3 or width < 5:
        raise ValueError(f"{height} x {width} cells leave no room for a turn; take at least 3 x 5")
    cells = [(1, 1)]
    eastward = True
    for row in range(1, height - 1, 2):
        last = row + 2 >= height - 1
        run = range(2, width if last else width - 2) if eastward else range(width - 3, -1 if last else 1, -1)
        cells += [(row, column) for column in run]
        if not last:
            cells.append((row + 1, width - 2 if eastward else 1))
        eastward = not eastward
    channel = np.array(cells)
    levels = fall * np.arange(len(channel))[::-1]
    dem = np.full((height, width), max(levels.max(), 0) + 100, np.float32)
    dem[tuple(channel.T)] = levels
    return Serpentine(dem, channel)


# ---- Hard.


def nested(height: int, width: int, tile: int) -> Dem:
    """Pits at the corners of tiles; each four of them spill into one another, then each 4 x 4, each 8 x 8 and so on.

    The n-th ridge between pits is 10 m high, and 10 m more for each factor 2 of n, like the marks of a ruler.
    A ``tile`` is at least 2 cells.
    """

    def ruler(cells: int) -> NDArray[np.float64]:
        tiles, inside = np.divmod(np.arange(cells), tile)
        factors = np.log2((tiles + 1) & -(tiles + 1))
        return np.asarray((1 + factors) * (1 - abs(2 * inside / tile - 1)))

    return np.asarray(10 * np.maximum(ruler(height)[:, None], ruler(width)), np.float32)


def void_corners(dem: Dem, tile: int) -> Dem:
    """A copy with a void over the four cells at every corner between tiles."""
    dem = dem.copy()
    for row in range(tile, dem.shape[0], tile):
        for column in range(tile, dem.shape[1], tile):
            dem[row - 1 : row + 1, column - 1 : column + 1] = np.nan
    return dem


def ties(rng: np.random.Generator, shape: Shape, levels: int = 6) -> Dem:
    """Whole metres from 0 to below ``levels``: flats, pits and equal slopes everywhere."""
    return rng.integers(0, levels, shape).astype(np.float32)


def rough(rng: np.random.Generator, shape: Shape) -> Dem:
    """Hills of some ten cells, with noise that makes many pits."""
    hills = 300 * gaussian_filter(rng.normal(size=shape), 6, mode="reflect")
    return np.asarray(500 + hills + rng.normal(size=shape), np.float32)


def _rimmed(dem: NDArray[Any], level: float) -> Dem:
    rimmed = np.full(dem.shape, level, np.float32)
    rimmed[1:-1, 1:-1] = dem[1:-1, 1:-1]
    return rimmed


# ---- Drawn by hypothesis.


@st.composite
def small_dems(draw: st.DrawFn, dtype: Any = np.float32, longest: int = 14) -> NDArray[Any]:
    """From one cell on: whole metres from 0 to 5 or rough ground, with no, few or many voids."""
    shape = draw(st.tuples(st.integers(1, longest), st.integers(1, longest)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dem = draw(st.sampled_from([ties, rough]))(rng, shape).astype(dtype)
    dem[rng.random(shape) < draw(st.sampled_from([0.0, 0.05, 0.3]))] = np.nan
    return dem


def tilings() -> st.SearchStrategy[Shape]:
    """Rows and columns of a tile."""
    return st.tuples(st.integers(1, 9), st.integers(1, 9))
