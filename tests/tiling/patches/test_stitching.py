"""Patches back onto the raster: against slow sums over the whole raster, for any blend, grid, chunk and tile."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from contract import CRS_WKT, labelled
from hypothesis import given, settings
from hypothesis import strategies as st
from stitched import BLENDS, Array, Counting, Twice, covered, grids, ramp, slowly

import insarfeat
from insarfeat import terrain
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.tiling.patches.grid import EDGES, PatchGrid
from insarfeat.tiling.patches.stitching import stitch
from insarfeat.windows import Window

# -- what comes back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blend", BLENDS)
@settings(max_examples=60)
@given(grid=grids(), seed=st.integers(0, 99), chunk=st.integers(1, 50), holes=st.booleans())
def test_stitched_is_the_weighted_mean_of_what_covers_each_pixel(
    blend: str, grid: PatchGrid, seed: int, chunk: int, holes: bool
) -> None:
    rng = np.random.default_rng(seed)
    patches = rng.normal(size=(len(grid), grid.size.height, grid.size.width))
    if holes:
        patches[rng.random(patches.shape) < 0.3] = np.nan
        patches[rng.random(len(patches)) < 0.2] = np.nan
    shape = grid.shape.height, grid.shape.width
    found = stitch(patches, grid, blend=blend, chunk=chunk)
    assert found.dtype == np.float64
    expected = slowly(patches, list(grid), shape, blend)
    np.testing.assert_allclose(found.compute(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("blend", BLENDS)
@settings(max_examples=60)
@given(grid=grids(), chunk=st.integers(1, 50))
def test_constant_and_linear_fields_come_back(blend: str, grid: PatchGrid, chunk: int) -> None:
    windows, shape = list(grid), (grid.shape.height, grid.shape.width)
    plane = ramp(Window(0, 0, *shape))
    for field in (ramp, lambda window: np.full((window.height, window.width), -7.3)):
        patches = np.empty((len(grid), grid.size.height, grid.size.width), "f4")
        for patch, window in zip(patches, windows, strict=True):
            patch[...] = field(window)
        found = stitch(patches, grid, blend=blend, chunk=chunk).compute()
        assert found.dtype == np.float32
        expected = np.where(covered(windows, shape), field(Window(0, 0, *shape)), np.nan)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(plane).max())


@pytest.mark.parametrize("blend", BLENDS)
def test_a_plane_comes_back_from_a_thousand_layers_of_patches(blend: str) -> None:
    grid = PatchGrid((90, 80), 32, 1)
    found = stitch(np.stack([ramp(window) for window in grid]).astype("f4"), grid, blend=blend).compute()
    np.testing.assert_allclose(found, ramp(Window(0, 0, 90, 80)), rtol=1e-6, atol=4e-5)


def test_cropped_patches_give_their_cores() -> None:
    size, stride = 16, 10
    grid = PatchGrid((46, 36), size, stride)
    numbers = np.arange(len(grid), dtype="i4")[:, None, None] + np.zeros((size, size), "i4")
    cut = (size - stride) // 2
    expected = np.full((46, 36), -1)
    for number, window in enumerate(grid):
        top = window.top + (cut if window.top else 0)
        left = window.left + (cut if window.left else 0)
        bottom = window.bottom - (cut if window.bottom < 46 else 0)
        right = window.right - (cut if window.right < 36 else 0)
        assert (expected[top:bottom, left:right] == -1).all()
        expected[top:bottom, left:right] = number
    np.testing.assert_array_equal(stitch(numbers, grid, blend="crop").compute(), expected)


def test_a_cropped_patch_gives_all_it_has_beside_a_missing_one() -> None:
    grid = PatchGrid((16, 56), 16, 10)[[0, 2, 3]]
    numbers = np.arange(3, dtype="u1")[:, None, None] + np.zeros((16, 16), "u1")
    found = stitch(numbers, grid, blend="crop").compute()[8]
    np.testing.assert_array_equal(found, [0] * 16 + [255] * 4 + [1] * 13 + [2] * 13 + [255] * 10)


@pytest.mark.parametrize("pair", [True, False])
def test_own_weights_count_as_they_are(pair: bool) -> None:
    rng = np.random.default_rng(1)
    grid = PatchGrid((30, 25), (8, 6), (5, 4))
    along = rng.random(8), rng.random(6)
    table = np.outer(*along)
    patches = rng.normal(size=(len(grid), 8, 6))
    found = stitch(patches, grid, blend=along if pair else table).compute()
    np.testing.assert_allclose(found, slowly(patches, list(grid), (30, 25), table), rtol=1e-12)


def test_where_own_weights_are_all_zero_there_is_no_value() -> None:
    grid = PatchGrid((4, 8), 4)
    weights = np.ones((4, 4))
    weights[1, 2] = 0
    found = stitch(np.ones((2, 4, 4), "f4"), grid, blend=weights).compute()
    assert list(zip(*np.nonzero(np.isnan(found)), strict=True)) == [(1, 2), (1, 6)]


# -- chunks, tiles, files -------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(grid=grids(), seed=st.integers(0, 9), chunk=st.integers(1, 50), tile=st.integers(1, 50))
def test_any_chunk_and_any_tile_give_the_same_bits(grid: PatchGrid, seed: int, chunk: int, tile: int) -> None:
    rng = np.random.default_rng(seed)
    patches = rng.normal(size=(len(grid), 2, grid.size.height, grid.size.width)).astype("f4")
    patches[rng.random(patches.shape) < 0.1] = np.nan
    whole = stitch(patches, grid).compute()
    np.testing.assert_array_equal(stitch(patches, grid, chunk=chunk).compute(), whole)
    layer = xr.DataArray(stitch(patches, grid), dims=("channel", "y", "x"), name="scores")
    with tempfile.TemporaryDirectory() as folder:
        out = insarfeat.plan(layer, tile=tile).run(Path(folder) / "a.zarr", scheduler=2)
        np.testing.assert_array_equal(insarfeat.open_stack(out)["scores"].values, whole)


@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".tif"])
@pytest.mark.parametrize("classes", [True, False])
def test_what_is_written_has_coordinates_and_crs(tmp_path: Path, suffix: str, classes: bool) -> None:
    raster = labelled(np.zeros((70, 50), "f4"), "elevation")
    grid = PatchGrid(raster, 16, 8)[10:]
    patches = np.random.default_rng(0).random((len(grid), 16, 16)).astype("f4")
    found = stitch((patches * 5).astype("u1"), grid, blend="crop") if classes else stitch(patches, grid)
    assert found.dims == ("y", "x")
    xr.testing.assert_allclose(found.coords["x"].variable, raster.coords["x"].variable)
    out = insarfeat.write(found, tmp_path / f"found{suffix}")
    back = insarfeat.open_stack(out)["prediction"]
    np.testing.assert_array_equal(back.values, found.values)
    assert back.dtype == ("u1" if classes else "f4")
    assert (back.values[0, 0] == 255) if classes else np.isnan(back.values[0, 0])
    from insarfeat.georeference import crs_of

    assert crs_of(back) == crs_of(raster)
    np.testing.assert_allclose(back["y"].values, raster["y"].values)


def test_the_coordinates_of_the_raster_are_kept_as_they_are() -> None:
    raster = labelled(np.ones((40, 30), "f4"), "elevation").chunk(y=13, x=9)
    found = stitch(lambda values: values.mean(1), PatchGrid(raster, 16, 8), of=raster)
    xr.testing.assert_identical(found.coords.to_dataset(), raster.coords.to_dataset())
    assert found.name == "prediction"
    assert found.attrs["processing"] == "tiling.stitch(hann, 12 patches of 16 x 16)"
    bare = stitch(lambda values: values.mean(1), PatchGrid((40, 30), 16, 8), of=raster.drop_vars(["x", "y"]))
    assert bare.dims == ("y", "x")


def test_named_channels_travel_with_the_layer(tmp_path: Path) -> None:
    raster = labelled(np.random.default_rng(0).random((40, 30)).astype("f4"), "elevation")
    found = stitch(Twice(), PatchGrid(raster, 16, 8), of=raster, channels=["as it is", "its double"])
    assert found.dims == ("channel", "y", "x")
    out = insarfeat.write(found, tmp_path / "a.nc")
    back = insarfeat.open_stack(out)["prediction"]
    np.testing.assert_allclose(back.values, np.stack([raster.values, 2 * raster.values]), rtol=1e-6)
    assert list(xr.open_dataset(out)["channel"].values) == ["as it is", "its double"]


# -- functions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [0, 1, 3])
@pytest.mark.parametrize("lazily", [True, False])
def test_a_function_is_called_once_per_patch_and_tile(tmp_path: Path, channels: int, lazily: bool) -> None:
    grid, count = PatchGrid((100, 90), 24, 10), Counting(channels)
    found = stitch(count, grid, chunk=64)
    assert count.seen == [grid[0]]
    count.seen.clear()
    if lazily:
        values = found.compute()
    else:
        dims = ("channel", "y", "x") if channels else ("y", "x")
        layer = xr.DataArray(found, dims=dims, name="layer")
        out = insarfeat.plan(layer, tile=64).run(tmp_path / "a.nc")
        values = insarfeat.open_stack(out)["layer"].values
    plane = ramp(Window(0, 0, 100, 90))
    expected = np.stack([plane * (k + 1) for k in range(channels)]) if channels else plane
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
    tiles = [Window(0, 0, 64, 64), Window(0, 64, 64, 26), Window(64, 0, 36, 64), Window(64, 64, 36, 26)]
    wanted = [grid[int(number)] for tile in tiles for number in grid.under(tile)]
    key = lambda window: (window.top, window.left)  # noqa: E731
    assert sorted(count.seen, key=key) == sorted(wanted, key=key)


def test_a_function_is_not_called_before_where_its_channels_are_told() -> None:
    count = Counting(2)
    found = stitch(count, PatchGrid((50, 40), 16), channels=2)
    assert not count.seen
    assert found.shape == (2, 50, 40)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.compute()[1], 2 * ramp(Window(0, 0, 50, 40)), rtol=1e-6, atol=1e-5)
    assert stitch(Counting(), PatchGrid((50, 40), 16), channels=0).shape == (50, 40)


def test_nothing_is_read_before_it_is_computed() -> None:
    def never(window: Window) -> Array:
        raise AssertionError(window)

    from insarfeat.dispatch import GeneratedSource
    from insarfeat.dispatch.lazy import lazy_source
    from insarfeat.windows import Shape

    raster = lazy_source(GeneratedSource(never, Shape(60, 50), "f4"), ((60,), (50,)))
    found = stitch(Twice(), PatchGrid((60, 50), 16), of=terrain.slope(raster, resolution=10.0))
    assert found.shape == (2, 60, 50)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("batch", [1, 5, 100])
def test_a_function_of_pixels_gets_the_patches_of_all_bands(edge: Any, batch: int) -> None:
    rng = np.random.default_rng(0)
    stack = xr.Dataset(
        {
            "elevation": labelled(rng.random((45, 38)).astype("f4"), "elevation"),
            "looks": labelled(rng.random((2, 45, 38)), "looks", lead=("look",)),
            "landslide": labelled(rng.integers(0, 2, (45, 38)).astype("u1"), "landslide"),
        }
    )
    stack["landslide"][3:9, 5:20] = 255
    stack["elevation"][20:40, 10:30] = np.nan
    bands = np.stack([stack["elevation"].values, *stack["looks"].values, stack["landslide"].values]).astype(
        "f4"
    )
    bands[3][bands[3] == 255] = np.nan
    grid = PatchGrid((45, 38), (12, 10), (7, 6), edge)
    seen: list[Array] = []

    def function(values: Array) -> Array:
        assert values.shape[1:] == (4, 12, 10)
        assert 1 <= len(values) <= batch
        seen.append(values.copy())
        return np.nansum(values, axis=1)

    found = stitch(function, grid, of=stack, batch=batch).compute()
    margin = 12
    wide = np.pad(bands, ((0, 0), (margin, margin), (margin, margin)), constant_values=np.nan)
    expected = np.stack(
        [wide[:, w.top + margin : w.bottom + margin, w.left + margin : w.right + margin] for w in grid]
    )
    np.testing.assert_array_equal(np.concatenate(seen[1:]), expected)
    np.testing.assert_array_equal(seen[0], np.zeros((1, 4, 12, 10)))
    mean = slowly(np.nansum(expected, axis=1), list(grid), (45, 38), "hann")
    np.testing.assert_allclose(found.values, mean, rtol=1e-6)


def test_patches_without_any_pixel_are_not_passed_on_and_have_no_value() -> None:
    image = np.full((32, 64), np.nan, "f4")
    image[:, 40:] = 1
    passed = []

    def function(values: Array) -> Array:
        passed.append(len(values))
        return np.ones(values[:, 0].shape, "f4")

    found = stitch(function, PatchGrid((32, 64), 16), of=image, channels=0).compute()
    assert sum(passed) == 4
    np.testing.assert_array_equal(np.isnan(found), np.arange(64)[None, :] + np.zeros((32, 1)) < 32)


def rasters_of_all_kinds(image: Array) -> Iterator[tuple[str, Any]]:
    yield "numpy", image
    yield "dask", da.from_array(image, chunks=(7, 11))
    yield "three dimensions", da.from_array(image[None], chunks=(1, 9, 40))
    yield "xarray", labelled(image, "elevation")
    yield "lazy xarray", labelled(image, "elevation").chunk(y=10, x=45)
    yield "dataset", labelled(image, "elevation").to_dataset()


def test_the_raster_may_be_of_any_kind_and_chunks(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((60, 50)).astype("f4")
    grid = PatchGrid((60, 50), 16, 8)
    for kind, raster in rasters_of_all_kinds(image):
        found = stitch(lambda values: values.mean(1), grid, of=raster)
        assert isinstance(found, xr.DataArray) == ("xarray" in kind or kind == "dataset")
        np.testing.assert_allclose(np.asarray(found.compute()), image, rtol=1e-6)
        layer = (
            found
            if isinstance(found, xr.DataArray)
            else xr.DataArray(found, dims=("y", "x"), name="prediction")
        )
        out = insarfeat.plan(layer, tile=32).run(tmp_path / f"{kind}.zarr")
        np.testing.assert_array_equal(
            insarfeat.open_stack(out)["prediction"].values, np.asarray(found.compute())
        )


def test_the_raster_may_be_made_of_layers_and_of_steps_over_whole_rasters(tmp_path: Path) -> None:
    dem = labelled(np.random.default_rng(3).random((80, 70)).astype("f4").cumsum(0), "elevation")
    lazy = dem.chunk(y=30, x=30)

    def layers(of: xr.DataArray) -> xr.Dataset:
        return xr.Dataset({"slope": terrain.slope(of), "filled": terrain.fill_depressions(of)})

    grid = PatchGrid(dem, 16, 8)
    found = stitch(Twice(), grid, of=layers(lazy))
    out = insarfeat.plan(found, tile=32).run(tmp_path / "a.zarr")
    expected = stitch(Twice(), grid, of=layers(dem)).values
    np.testing.assert_array_equal(insarfeat.open_stack(out)["prediction"].values, expected)
    np.testing.assert_allclose(expected[0], layers(dem)["slope"].values, rtol=1e-6, equal_nan=True)
    np.testing.assert_array_equal(found.compute().values, expected)


# -- tables of patches ----------------------------------------------------------------------------------------


class Dataset:
    """As much of a dataset of patches as stitching needs."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table


def table_of(windows: list[Window], **more: Any) -> pd.DataFrame:
    rows = [
        {"row": w.top, "column": w.left, "height": w.height, "width": w.width, "scene": "a", "pair": "p"}
        for w in windows
    ]
    table = pd.DataFrame(rows).astype(dict.fromkeys(("row", "column", "height", "width"), "i4"))
    table["transform"] = [[10.0, 0.0, 500.0 + 10 * w.left, 0.0, -10.0, 900.0 - 10 * w.top] for w in windows]
    return table.assign(crs=CRS_WKT, copy=False, **more)


@pytest.mark.parametrize("blend", BLENDS)
def test_patches_may_lie_anywhere_in_any_order(blend: str) -> None:
    rng = np.random.default_rng(0)
    windows = [Window(*map(int, rng.integers(-4, 60, 2)), 12, 9) for _ in range(40)]
    patches = rng.normal(size=(40, 12, 9)).astype("f4")
    raster = labelled(np.zeros((64, 60), "f4"), "elevation")
    table = table_of(windows).drop(columns="transform")
    expected = slowly(patches, windows, (64, 60), blend)
    whole = stitch(patches, Dataset(table), blend=blend, of=raster)
    np.testing.assert_allclose(whole.values, expected, rtol=1e-6, atol=1e-6)
    for chunk in (5, 17, 50):
        again = stitch(patches, table, blend=blend, of=raster, chunk=chunk)
        np.testing.assert_array_equal(again.values, whole.values)
    order = rng.permutation(40)
    mixed = stitch(patches[order], table.iloc[order], blend=blend, of=raster)
    np.testing.assert_allclose(mixed.values, expected, rtol=1e-6, atol=1e-6)


def test_a_table_tells_the_map_and_cropped_copies_are_left_out() -> None:
    grid = PatchGrid((40, 48), 16, 8)
    table = table_of(list(grid))
    copy = table.iloc[[3]].assign(copy=True, height=8, width=8)
    table = pd.concat([table.iloc[:5], copy, table.iloc[5:]], ignore_index=True)
    patches = np.stack([*(ramp(window) for window in grid)])
    patches = np.insert(patches, 5, 1e6, axis=0)
    found = stitch(patches, table)
    np.testing.assert_allclose(found.values, ramp(Window(0, 0, 40, 48)), rtol=1e-12)
    np.testing.assert_allclose(found["x"].values, 505 + 10 * np.arange(48))
    np.testing.assert_allclose(found["y"].values, 895 - 10 * np.arange(40))
    assert found.coords["spatial_ref"].attrs["crs_wkt"] == CRS_WKT


def test_a_table_without_a_map_gives_a_bare_raster() -> None:
    grid = PatchGrid((40, 48), 16, 8)
    table = table_of(list(grid)).assign(crs="")
    table["transform"] = [[1.0, 0.0, float(w.left), 0.0, 1.0, float(w.top)] for w in grid]
    found = stitch(np.stack([ramp(window) for window in grid]), table)
    assert isinstance(found, da.Array)
    np.testing.assert_allclose(found.compute(), ramp(Window(0, 0, 40, 48)), rtol=1e-12, atol=1e-12)


def test_patches_that_were_cut_come_back_where_they_were(tmp_path: Path) -> None:
    stack = insarfeat.synth.scene(seed=1, size=150)[["elevation", "coherence_true", "landslide"]]
    patches = insarfeat.tiling.extract_patches(stack, tmp_path / "patches", size=32, stride=24, min_valid=0.0)
    found = stitch(patches.read(np.arange(len(patches))).values, patches, channels=list(patches.bands))
    for name in patches.bands:
        np.testing.assert_allclose(found.sel(channel=name).values, stack[name].values, rtol=1e-6)
    for axis in ("x", "y"):
        np.testing.assert_allclose(found[axis].values, stack[axis].values)
    some = np.arange(3, 9)
    part = stitch(patches.read(some).values, patches[some], of=stack)
    assert part.shape == (2, 150, 150)
    np.testing.assert_array_equal(
        np.isnan(part.values[0]),
        ~covered(
            [
                Window(*row)
                for row in patches.table.iloc[some][["row", "column", "height", "width"]].to_numpy().tolist()
            ],
            (150, 150),
        ),
    )


def test_functions_take_tables_too() -> None:
    image = ramp(Window(0, 0, 40, 48)).astype("f4")
    table = table_of(list(PatchGrid((40, 48), 16, 8))[::-1])
    np.testing.assert_allclose(stitch(ramp, table).values, image, rtol=1e-6, atol=1e-5)
    raster = xr.DataArray(image, dims=("y", "x"))
    found = stitch(lambda values: values[:, 0], table, of=raster)
    np.testing.assert_allclose(found.values, image, rtol=1e-6, atol=1e-5)


# -- classes --------------------------------------------------------------------------------------------------


def test_classes_keep_their_type_and_nodata_gives_way() -> None:
    grid = PatchGrid((16, 26), 16, 10)
    patches = np.stack([np.full((16, 16), 3, "u1"), np.full((16, 16), 7, "u1")])
    patches[0, 4, :] = 255
    patches[1, 6, :] = 255
    found = stitch(patches, grid, blend="crop").compute()
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0], [3] * 13 + [7] * 13)
    np.testing.assert_array_equal(found[4], [255] * 10 + [7] * 16)
    np.testing.assert_array_equal(found[6], [3] * 16 + [255] * 10)


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", ">i4", "i8"])
def test_classes_of_any_integers(dtype: str) -> None:
    grid = PatchGrid((20, 20), 8, 6)
    numbers = np.arange(len(grid))[:, None, None] % 2 + np.zeros((8, 8))
    found = stitch(numbers.astype(dtype), grid, blend="crop").compute()
    np.testing.assert_array_equal(found, slowly(numbers, list(grid), (20, 20), "crop"))


# -- what is refused ------------------------------------------------------------------------------------------


GRID = PatchGrid((40, 30), 16, 8)
N = len(GRID)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stitch(np.zeros((N - 1, 16, 16)), GRID), GridMismatch, f"11 x 16 x 16, and the grid {N} patches"),
        (lambda: stitch(np.zeros((N, 16, 8)), GRID), GridMismatch, "16 x 8 pixels, those of the grid 16 x 16"),
        (lambda: stitch(np.zeros((N, 16)), GRID), GridMismatch, r"\(patch, channel, y, x\)"),
        (lambda: stitch(np.zeros((N, 16, 16)), GRID, blend="han"), InvalidArgument, "did you mean 'hann'"),
        (lambda: stitch(np.zeros((N, 16, 16)), GRID, blend="x"), InvalidArgument, '"hann", "gaussian", "crop"'),
        (lambda: stitch(np.zeros((N, 16, 16)), GRID, blend=np.ones(16)), InvalidArgument, "array of 16 x 16"),
        (lambda: stitch(np.zeros((N, 16, 16)), GRID, blend=(1, 2, 3)), InvalidType, "tuple of 16 and 16"),
        (lambda: stitch(np.zeros((N, 16, 16)), GRID, blend=-np.ones((16, 16))), InvalidArgument, "at least 0"),
        (lambda: stitch(np.zeros((N, 16, 16), "u1"), GRID), InvalidArgument, 'classes.*blend="crop"'),
        (lambda: stitch(np.zeros((N, 16, 16), "c8"), GRID), InvalidType, "complex64; stitch the real"),
        (lambda: stitch([1, 2], GRID), InvalidType, "patches must be an array .* list"),
        (lambda: stitch(np.zeros((N, 16, 16)), (40, 30)), InvalidType, "grid must be a PatchGrid.* tuple"),
        (lambda: stitch(ramp, GRID, of=np.zeros((40, 31))), GridMismatch, "of is 40 x 31 pixels.* 40 x 30"),
        (lambda: stitch(ramp, GRID, of=np.zeros((40, 30), "c8")), InvalidType, "complex64"),
        (lambda: stitch(ramp, GRID, of=[1]), InvalidType, "of must be"),
        (lambda: stitch(ramp, GRID, batch=0), InvalidArgument, "batch must be"),
        (lambda: stitch(ramp, GRID, chunk=2.5), InvalidArgument, "chunk must be"),
        (lambda: stitch(ramp, GRID, channels=-1), InvalidArgument, "channels must be"),
        (lambda: stitch(ramp, GRID, channels=["a", "a"]), InvalidArgument, "different names"),
        (lambda: stitch(np.zeros((N, 16, 16)), GRID, channels=2), InvalidArgument, "channels are 2"),
        (lambda: stitch(lambda _: 1.0, GRID), InvalidArgument, "a single number for the first window"),
        (lambda: stitch(lambda v: v[:, 0, 0], GRID, of=np.zeros((40, 30))), InvalidArgument, "1 x 16 for 1 patches"),
        (lambda: stitch(ramp, GRID[:0]), InvalidArgument, "no patches to try"),
    ],
)  # fmt: skip
def test_what_cannot_be_stitched_is_refused(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_several_scenes_in_a_table_are_refused() -> None:
    table = table_of(list(GRID))
    table.loc[3:, "scene"] = "b"
    with pytest.raises(InvalidArgument, match=r"2 scenes or pairs \(a p; b p\)"):
        stitch(np.zeros((N, 16, 16)), Dataset(table))
    table = table_of(list(GRID))
    table.loc[2, "height"] = 8
    with pytest.raises(InvalidArgument, match="several sizes"):
        stitch(np.zeros((N, 16, 16)), table)


def test_another_map_is_refused() -> None:
    raster = labelled(np.zeros((40, 30), "f4"), "elevation")
    moved = raster.assign_coords(x=raster["x"] + 1000)
    with pytest.raises(GridMismatch, match="different maps"):
        stitch(Twice(), PatchGrid(raster, 16), of=moved)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda window: ramp(window)[1:], "gave 15 x 16 for a patch; expected 16 x 16"),
        (lambda window: ramp(window)[None], "gave 1 x 16 x 16 for a patch"),
        (lambda window: ramp(window).astype("i4"), "which are classes"),
    ],
)
def test_a_function_that_gives_something_else_is_told_so(function: Any, message: str) -> None:
    with pytest.raises((InvalidArgument, InvalidType), match=message):
        stitch(function, GRID, channels=0).compute()


def test_classes_of_changing_type_are_refused() -> None:
    def changing(window: Window) -> Array:
        return ramp(window).astype("u1" if window.top == 0 else "i8")

    with pytest.raises(InvalidType, match="int64 for a patch, and uint8 for the first"):
        stitch(changing, GRID, blend="crop").compute()
