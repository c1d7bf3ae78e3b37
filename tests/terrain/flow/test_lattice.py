"""Rims of tiles: what each tells is what its neighbours see, and nobody else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from landscapes import tilings

from insarfeat.terrain.flow.lattice import Lattice, Rim, rim_cells, rim_from
from insarfeat.windows import TileGrid

grids = st.builds(TileGrid, st.tuples(st.integers(1, 17), st.integers(1, 17)), tilings())
ODD = [
    ((1, 1), (1, 1)),
    ((5, 7), (1, 1)),
    ((9, 9), (4, 4)),
    ((9, 1), (4, 1)),
    ((1, 9), (3, 4)),
    ((6, 7), (2, 9)),
]


def numbered(grid: TileGrid) -> Any:
    """A raster on which no two cells are alike."""
    return np.arange(grid.shape.height * grid.shape.width).reshape(grid.shape.height, grid.shape.width)


def full_lattice(grid: TileGrid) -> Lattice:
    lattice = Lattice(grid, np.int64, -1)
    raster = numbered(grid)
    for tile in grid:
        lattice.put(tile, Rim.of(raster[tile.core.slices]))
    return lattice


def neighbours_of(grid: TileGrid, number: int) -> set[int]:
    row, column = divmod(number, grid.columns)
    return {
        i * grid.columns + j
        for i in range(max(row - 1, 0), min(row + 2, grid.rows))
        for j in range(max(column - 1, 0), min(column + 2, grid.columns))
    } - {number}


@given(grids)
def test_a_tile_sees_around_it_what_lies_there_on_the_raster(grid: TileGrid) -> None:
    beyond = np.pad(numbered(grid), 1, constant_values=-1)
    lattice = full_lattice(grid)
    for tile in grid:
        core = tile.core
        framed = np.full((core.height + 2, core.width + 2), -7)
        lattice.around(tile).onto(framed)
        expected = beyond[core.top : core.bottom + 2, core.left : core.right + 2].copy()
        expected[1:-1, 1:-1] = -7
        np.testing.assert_array_equal(framed, expected)


@given(grids)
def test_who_is_first_to_tell_something_is_heard_by_all_neighbours(grid: TileGrid) -> None:
    lattice = Lattice(grid, np.int64, -1)
    raster = numbered(grid)
    for tile in grid:
        assert lattice.put(tile, Rim.of(raster[tile.core.slices])) == neighbours_of(grid, tile.number)


@given(grids)
def test_what_is_told_twice_is_no_news(grid: TileGrid) -> None:
    lattice = full_lattice(grid)
    raster = numbered(grid)
    assert not any(lattice.put(tile, Rim.of(raster[tile.core.slices])) for tile in grid)


@given(grids, st.data())
def test_news_of_a_cell_wakes_the_tiles_that_see_the_cell_and_no_others(
    grid: TileGrid, data: st.DataObject
) -> None:
    lattice = full_lattice(grid)
    raster = numbered(grid)
    tile = grid[data.draw(st.integers(0, len(grid) - 1))]
    core = tile.core
    row = data.draw(st.integers(core.top, core.bottom - 1))
    column = data.draw(st.integers(core.left, core.right - 1))
    raster[row, column] = -9
    seeing = {
        other.number
        for other in TileGrid(grid.shape, (grid.tile.height, grid.tile.width), 1)
        if other.outer.top <= row < other.outer.bottom and other.outer.left <= column < other.outer.right
    } - {tile.number}
    assert lattice.put(tile, Rim.of(raster[core.slices])) == seeing


def test_nothing_known_is_no_news_and_something_known_is() -> None:
    grid = TileGrid((2, 6), (2, 3))
    lattice = Lattice(grid, np.float64, np.nan)
    nothing = np.full((2, 3), np.nan)
    assert lattice.put(grid[0], Rim.of(nothing)) == set()
    known = nothing.copy()
    known[1, 2] = 5
    assert lattice.put(grid[0], Rim.of(known)) == {1}
    assert lattice.put(grid[0], Rim.of(known)) == set()


@given(grids)
def test_every_cell_at_a_rim_is_found_by_its_place(grid: TileGrid) -> None:
    lattice = full_lattice(grid)
    raster = numbered(grid)
    for tile in grid:
        core = tile.core
        rows, columns = np.divmod(rim_cells(core.height, core.width), core.width)
        rows, columns = rows + core.top, columns + core.left
        np.testing.assert_array_equal(lattice.at(rows, columns), raster[rows, columns])


@given(st.integers(1, 9), st.integers(1, 9))
def test_the_cells_of_a_rim_are_the_outermost_ones_each_once(height: int, width: int) -> None:
    outermost = np.ones((height, width), bool)
    outermost[1:-1, 1:-1] = False
    cells = rim_cells(height, width)
    assert sorted(cells.tolist()) == np.flatnonzero(outermost).tolist()


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_rim_from_its_cells_is_the_rim_of_the_block(height: int, width: int) -> None:
    block = np.arange(height * width).reshape(height, width)
    rim = rim_from(block.ravel()[rim_cells(height, width)], height, width)
    for side, expected in zip(rim.sides, Rim.of(block).sides, strict=True):
        np.testing.assert_array_equal(side, expected)


@pytest.mark.parametrize(("shape", "tile"), ODD)
def test_crossings_are_all_neighbours_in_different_tiles(
    shape: tuple[int, int], tile: tuple[int, int]
) -> None:
    grid = TileGrid(shape, tile)
    crossed = set()
    for ones, others in full_lattice(grid).crossings():
        assert ones.shape == others.shape
        crossed |= {frozenset(pair) for pair in zip(ones.tolist(), others.tolist(), strict=True)}
    expected = set()
    for row, column in np.ndindex(shape):
        for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
            near, beside = row + down, column + right
            if near < shape[0] and 0 <= beside < shape[1]:
                same = row // tile[0] == near // tile[0] and column // tile[1] == beside // tile[1]
                if not same:
                    expected.add(frozenset((row * shape[1] + column, near * shape[1] + beside)))
    assert expected <= crossed
    for pair in crossed:  # also those along a seam at a corner, which lie in one tile
        rows, columns = np.divmod(sorted(pair), shape[1])
        assert max(abs(np.diff(rows)), abs(np.diff(columns))) == 1
