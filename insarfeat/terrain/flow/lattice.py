"""The rims of all tiles, where tiles tell each other what they know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.windows import Tile, TileGrid, Window

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rim:
    """The outermost cells of a tile, or those around it: then top and bottom have the corners, one cell more each."""

    top: Array
    bottom: Array
    left: Array
    right: Array

    @classmethod
    def of(cls, array: Array) -> Rim:
        """The rim of a tile's pixels."""
        return cls(array[0].copy(), array[-1].copy(), array[:, 0].copy(), array[:, -1].copy())

    @classmethod
    def filled(cls, core: Window, value: Any) -> Rim:
        """The same value all along the rim of a tile."""
        return cls(*(np.full(length, value) for length in (core.width, core.width, core.height, core.height)))

    def write(self, rows: Array, columns: Array, values: Array) -> None:
        """Write values of cells, given by row and column in the tile, where they are at the rim."""
        last_row, last_column = len(self.left) - 1, len(self.top) - 1
        for side, here, along in (
            (self.top, rows == 0, columns),
            (self.bottom, rows == last_row, columns),
            (self.left, columns == 0, rows),
            (self.right, columns == last_column, rows),
        ):
            side[along[here]] = values[here]

    def onto(self, framed: Array) -> None:
        """Write what lies around a tile into its frame."""
        framed[0], framed[-1] = self.top, self.bottom
        framed[1:-1, 0], framed[1:-1, -1] = self.left, self.right

    @property
    def sides(self) -> tuple[Array, Array, Array, Array]:
        """All four."""
        return self.top, self.bottom, self.left, self.right


class Lattice:
    """A quantity on the rims of all tiles: first and last row of every row of tiles, the same for columns.

    >>> grid = TileGrid((4, 6), tile=3)
    >>> lattice = Lattice(grid, "i4", fill=-1)
    >>> for tile in grid:
    ...     _ = lattice.put(tile, Rim.of(np.full((tile.core.height, tile.core.width), tile.number)))
    >>> lattice.around(grid[3]).top.tolist(), lattice.around(grid[3]).left.tolist()
    ([0, 1, 1, 1, -1], [2])
    """

    def __init__(self, tiles: TileGrid, dtype: Any, fill: Any) -> None:
        self.tiles = tiles
        self._fill = fill
        self._rows = np.full((2 * tiles.rows, tiles.shape.width), fill, dtype)
        self._columns = np.full((2 * tiles.columns, tiles.shape.height), fill, dtype)

    def put(self, tile: Tile, rim: Rim) -> set[int]:
        """Write a tile's rim; gives the numbers of the tiles that see something new."""
        row, column = divmod(tile.number, self.tiles.columns)
        across, along = slice(tile.core.left, tile.core.right), slice(tile.core.top, tile.core.bottom)
        places = (
            (self._rows[2 * row, across], -1, 0),
            (self._rows[2 * row + 1, across], 1, 0),
            (self._columns[2 * column, along], 0, -1),
            (self._columns[2 * column + 1, along], 0, 1),
        )
        news: set[int] = set()
        for (place, down, right), side in zip(places, rim.sides, strict=True):
            changed = np.flatnonzero((place != side) & ((place == place) | (side == side)))
            place[:] = side
            if not len(changed):
                continue
            ends = (
                {0} | ({-1} if changed[0] == 0 else set()) | ({1} if changed[-1] == len(side) - 1 else set())
            )
            for end in ends:
                near_row, near_column = row + (down or end), column + (right or end)
                if 0 <= near_row < self.tiles.rows and 0 <= near_column < self.tiles.columns:
                    news.add(near_row * self.tiles.columns + near_column)
        return news

    def around(self, tile: Tile) -> Rim:
        """What the neighbours have written beside a tile."""
        row, column = divmod(tile.number, self.tiles.columns)
        core = tile.core
        return Rim(
            self._line(self._rows, 2 * row - 1, core.left - 1, core.right + 1),
            self._line(self._rows, 2 * row + 2, core.left - 1, core.right + 1),
            self._line(self._columns, 2 * column - 1, core.top, core.bottom),
            self._line(self._columns, 2 * column + 2, core.top, core.bottom),
        )

    def _line(self, lines: Array, number: int, start: int, stop: int) -> Array:
        found = np.full(stop - start, self._fill, lines.dtype)
        if 0 <= number < len(lines):
            first, last = max(start, 0), min(stop, lines.shape[1])
            found[first - start : last - start] = lines[number, first:last]
        return found

    def at(self, rows: Array, columns: Array) -> Array:
        """The values at places on rims, given by row and column of the raster."""
        tile = self.tiles.tile
        down, across = rows // tile.height, columns // tile.width
        first = rows % tile.height == 0
        last = rows == np.minimum((down + 1) * tile.height, self.tiles.shape.height) - 1
        left = columns % tile.width == 0
        found: Array = np.where(
            first | last,
            self._rows[2 * down + np.where(first, 0, 1), columns],
            self._columns[2 * across + np.where(left, 0, 1), rows],
        )
        return found

    def seams(self) -> Iterator[tuple[Array, Array]]:
        """The two lines along each seam between tiles."""
        for lines in (self._rows, self._columns):
            for number in range(1, len(lines) - 1, 2):
                yield lines[number], lines[number + 1]

    def crossings(self) -> Iterator[tuple[Array, Array]]:
        """Neighbours on both sides of a seam, straight and diagonal."""
        for one, other in self.seams():
            yield one, other
            yield one[:-1], other[1:]
            yield one[1:], other[:-1]


def rim_cells(height: int, width: int) -> Array:
    """Places of the outermost cells in a block, each once, counted along its rows.

    >>> rim_cells(3, 4).tolist()
    [0, 1, 2, 3, 8, 9, 10, 11, 4, 7]
    """
    first = np.arange(width, dtype=np.int64)
    last = first[: width if height > 1 else 0] + (height - 1) * width
    left = np.arange(1, height - 1, dtype=np.int64) * width
    right = left[: len(left) if width > 1 else 0] + width - 1
    return np.concatenate([first, last, left, right])


def rim_from(values: Array, height: int, width: int) -> Rim:
    """The rim whose cells have these values, in the order of :func:`rim_cells`."""
    top = values[:width]
    bottom = values[width : 2 * width] if height > 1 else top
    middle = max(height - 2, 0)
    start = len(top) + (len(bottom) if height > 1 else 0)
    left = values[start : start + middle]
    right = values[start + middle :] if width > 1 else left

    def whole(side: Array, end: int) -> Array:
        ends = (top[end : end + 1 or None], bottom[end : end + 1 or None])
        return np.concatenate([ends[0], side, ends[1]] if height > 1 else [ends[0]])

    return Rim(top, bottom, whole(left, 0), whole(right, -1))
