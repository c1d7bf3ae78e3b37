"""Patches are counted, never listed; every pixel has its place in them."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, UnreadableInput
from insarfeat.tiling import PatchGrid, Window


@st.composite
def grids(draw: st.DrawFn, *, whole: bool = False) -> PatchGrid:
    """Any grid; with ``whole`` one that leaves nothing out."""
    size = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    edge = draw(st.sampled_from(["shift", "pad"] if whole else ["shift", "pad", "drop"]))
    least = size if edge == "shift" else (1, 1)
    shape = draw(st.integers(least[0], 30)), draw(st.integers(least[1], 30))
    stride = tuple(draw(st.integers(1, side if whole else 14)) for side in size)
    at = st.integers(-50, 50) if edge == "pad" else st.just(0)
    return PatchGrid(shape, size, (stride[0], stride[1]), edge, (draw(at), draw(at)))


def starts_by_hand(pixels: int, size: int, stride: int, edge: str, origin: int) -> list[int]:
    found = []
    start = next(one for one in range(1 - stride, 1) if (one - origin) % stride == 0)
    while start + size <= pixels:
        found.append(start)
        start += stride
    reached = found[-1] + size if found else start
    if reached < pixels and edge == "pad":
        found.append(start)
    if reached < pixels and edge == "shift":
        found.append(pixels - size)
    return found


@given(grids())
def test_patches_are_those_that_a_loop_gives(grid: PatchGrid) -> None:
    down, across = grid.origin
    rows = starts_by_hand(grid.shape.height, grid.size.height, grid.stride.height, grid.edge, down)
    columns = starts_by_hand(grid.shape.width, grid.size.width, grid.stride.width, grid.edge, across)
    expected = [Window(r, c, grid.size.height, grid.size.width) for r in rows for c in columns]
    assert list(grid) == expected
    assert len(grid) == len(expected) == grid.rows * grid.columns


@given(grids(whole=True))
def test_every_pixel_is_in_a_patch_where_strides_leave_no_gap(grid: PatchGrid) -> None:
    seen = np.zeros((grid.shape.height, grid.shape.width), bool)
    for window in grid:
        seen[window.cut_to(grid.shape).slices] = True
    assert seen.all()


@given(grids(), st.data())
def test_patches_under_a_window_are_those_that_share_pixels_with_it(
    grid: PatchGrid, data: st.DataObject
) -> None:
    top = data.draw(st.integers(0, grid.shape.height - 1))
    left = data.draw(st.integers(0, grid.shape.width - 1))
    window = Window(top, left, data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20)))
    picked = data.draw(st.lists(st.integers(0, max(len(grid) - 1, 0)), unique=True)) if len(grid) else []
    for some in (grid, grid[sorted(picked)], grid[picked], grid[::2], grid[1:], grid[::-1], grid[1:][::3]):
        expected = [
            number
            for number, patch in enumerate(some)
            if patch.top < window.bottom
            and patch.bottom > window.top
            and patch.left < window.right
            and patch.right > window.left
        ]
        assert some.under(window).tolist() == expected


@given(grids(), st.data())
def test_a_selection_is_that_of_a_list(grid: PatchGrid, data: st.DataObject) -> None:
    whole = list(grid)
    part = slice(
        *data.draw(st.tuples(*[st.none() | st.integers(-9, 9)] * 2)), data.draw(st.sampled_from([1, 2, 3]))
    )
    assert list(grid[part]) == whole[part]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(grid), max_size=len(grid))), bool)
    assert list(grid[mask]) == [one for one, wanted in zip(whole, mask, strict=True) if wanted]
    assert list(grid[part][::2]) == whole[part][::2]


@given(grids())
def test_corners_are_those_of_the_windows(grid: PatchGrid) -> None:
    tops, lefts = grid.corners()
    assert [(one.top, one.left) for one in grid] == list(zip(tops.tolist(), lefts.tolist(), strict=True))
    tops, _ = grid.corners(2, 3)
    assert tops.tolist() == [one.top for one in list(grid)[2:5]]


@given(grids())
def test_a_grid_comes_back_from_its_file_and_from_a_pickle(
    tmp_path_factory: pytest.TempPathFactory, grid: PatchGrid
) -> None:
    path = tmp_path_factory.mktemp("grid") / "grid.npz"
    for one in (grid, grid[::2], grid[np.arange(len(grid)) % 3 == 0]):
        one.save(path)
        assert PatchGrid.load(path) == one
        assert pickle.loads(pickle.dumps(one)) == one
        assert list(PatchGrid.load(path)) == list(one)


def test_24_million_patches_take_no_memory_and_the_first_comes_at_once() -> None:
    begin = time.perf_counter()
    grid = PatchGrid((128 * 6000, 128 * 4000), 256, 128, "pad")
    first = grid[0]
    took = time.perf_counter() - begin
    assert len(grid) >= 23_900_000
    assert grid.nbytes == 0
    assert first == Window(0, 0, 256, 256)
    assert took < 2
    odd = grid[np.arange(len(grid)) % 2 == 1]
    assert odd.nbytes / len(odd) <= 24


def test_the_map_of_a_raster_goes_with_it(tmp_path: Path) -> None:
    layer = xr.DataArray(
        np.zeros((20, 30)), {"y": 100.0 - 10 * np.arange(20), "x": 5.0 + 10 * np.arange(30)}, ("y", "x")
    )
    grid = PatchGrid(layer, 10)
    assert grid.map is not None
    assert grid.map.affine == (10, 0, 0, 0, -10, 105)
    assert PatchGrid.load(grid.save(tmp_path / "grid.npz")).map == grid.map
    assert PatchGrid(layer.to_dataset(name="a"), 10) == grid
    assert PatchGrid(layer.values, 10).map is None


def test_a_raster_smaller_than_a_patch_is_refused_where_it_would_be_shifted() -> None:
    with pytest.raises(InvalidArgument, match=r'holds no patch of 32 x 32.*or edge="pad"'):
        PatchGrid((20, 100), 32)
    assert len(PatchGrid((20, 100), 32, edge="drop")) == 0
    assert list(PatchGrid((20, 30), 32, edge="pad")) == [Window(0, 0, 32, 32)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"size": 0}, "size must be a whole number of pixels"),
        ({"stride": 1.5}, "stride must be a whole number of pixels"),
        ({"edge": "wrap"}, "edge must be one of 'shift', 'pad', 'drop'"),
        ({"shape": (3,)}, "shape must be a whole number"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        PatchGrid(**{"shape": (20, 20), "size": 5, **arguments})  # type: ignore[arg-type]


def test_picking_beyond_the_end_is_an_index_error() -> None:
    grid = PatchGrid((20, 20), 5)
    for beyond in (16, -17, [3, 16]):
        with pytest.raises(IndexError):
            grid[beyond]  # type: ignore[call-overload]
    with pytest.raises(InvalidArgument, match="a mask of 3"):
        grid[np.ones(3, bool)]
    with pytest.raises(InvalidType, match="picked by a number"):
        grid[np.array([0.5])]


def test_a_file_that_holds_no_grid_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        PatchGrid.load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK no")
    with pytest.raises(UnreadableInput, match=r"bad\.npz holds no patch grid"):
        PatchGrid.load(tmp_path / "bad.npz")


@given(st.integers(-90, 90), st.integers(-90, 90), st.integers(0, 20), st.integers(0, 20))
def test_parts_of_a_raster_are_cut_where_the_whole_is(row: int, column: int, top: int, left: int) -> None:
    whole = PatchGrid((40, 50), 16, 8, "pad", (row, column))
    part = PatchGrid((40 - top, 50 - left), 16, 8, "pad", (row - top, column - left))
    inside = {
        (w.top, w.left) for w in whole if w.top >= top and w.left >= left and w.bottom <= 40 and w.right <= 50
    }
    assert inside <= {(w.top + top, w.left + left) for w in part}


def test_an_origin_is_for_patches_that_may_reach_beyond_the_raster() -> None:
    with pytest.raises(InvalidArgument, match="origin"):
        PatchGrid((40, 50), 16, 8, "shift", (3, 0))
    with pytest.raises(InvalidArgument, match="origin"):
        PatchGrid((40, 50), 16, 8, "drop", (0, 3))
