"""Windows, halos and tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.errors import InvalidArgument
from insarfeat.windows import Halo, Shape, Step, TileGrid, Window


@given(st.integers(0, 70), st.integers(0, 70), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_tiles_cover_every_pixel_once(rows: int, columns: int, height: int, width: int, halo: int) -> None:
    grid = TileGrid((rows, columns), (height, width), halo)
    seen = np.zeros((rows, columns), int)
    for number, tile in enumerate(grid):
        assert tile.number == number
        seen[tile.core.slices] += 1
        assert grid[number] == tile
        outer = np.zeros((tile.outer.height, tile.outer.width))
        assert outer[tile.inside].shape == (tile.core.height, tile.core.width)
        assert tile.outer.top >= 0
        assert tile.outer.bottom <= rows
    assert (seen == 1).all()


def test_tiles_index_like_a_sequence() -> None:
    grid = TileGrid((10, 10), 4)
    assert grid[-1] == grid[8]
    with pytest.raises(IndexError):
        grid[9]


def test_a_continent_of_tiles_takes_no_memory() -> None:
    grid = TileGrid((1_000_000, 400_000), 256)
    assert len(grid) == 3907 * 1563
    assert grid[len(grid) - 1].core.bottom == 1_000_000


@pytest.mark.parametrize("tile", [0, -3, (4, 0)])
def test_tiles_without_pixels_are_refused(tile: object) -> None:
    with pytest.raises(InvalidArgument, match="at least 1 pixel"):
        TileGrid((10, 10), tile)


def test_negative_halos_and_empty_steps_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="must not be negative"):
        Halo(left=-1)
    with pytest.raises(InvalidArgument, match="at least 1"):
        Step(0, 1)


def test_windows_grow_shrink_and_move() -> None:
    window = Window(2, 3, 4, 5)
    assert window.expanded(Halo(1, 2, 3, 4), within=Shape(7, 100)) == Window(1, 0, 6, 12)
    assert window.scaled(Step(2, 3)) == Window(4, 9, 8, 15)
    assert window.union(Window(0, 0, 1, 1)) == Window(0, 0, 6, 8)
    assert window.pixels == 20
