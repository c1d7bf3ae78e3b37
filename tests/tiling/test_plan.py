"""Plans: the same answers as the lazy operators and as NumPy, one task per tile, said beforehand."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import operators
import pytest
import steps
import xarray as xr
from contract import labelled
from hypothesis import given, settings
from hypothesis import strategies as st

import insarfeat
from insarfeat import filters, terrain
from insarfeat.dispatch import GeneratedSource
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import InvalidArgument, RunFailed
from insarfeat.tiling import Halo, Progress
from insarfeat.tiling.workspace import partial_folder
from insarfeat.windows import Shape, Window


def scene(rows: int = 150, columns: int = 130, chunk: int = 40) -> xr.Dataset:
    """Lazy inputs with voids."""
    rng = np.random.default_rng(0)
    heights = rng.normal(size=(rows, columns)).cumsum(0).astype("f4")
    heights[rng.random(heights.shape) < 0.02] = np.nan
    pair = [(rng.normal(size=heights.shape) + 1j * rng.normal(size=heights.shape)).astype("c8") for _ in "ab"]
    arrays = {"elevation": heights, "primary": pair[0], "secondary": pair[1]}
    return xr.Dataset({name: labelled(array, name) for name, array in arrays.items()}).chunk(
        {"y": chunk, "x": chunk}
    )


def layers_of(inputs: xr.Dataset) -> xr.Dataset:
    ifg = filters.interferogram(inputs["primary"], inputs["secondary"])
    return xr.Dataset(
        {
            "slope": terrain.slope(inputs["elevation"]),
            "coherence": filters.coherence(inputs["primary"], inputs["secondary"], window=(7, 3)),
            "interferogram": ifg,
            "wrapped_phase": filters.wrapped_phase(ifg),
        }
    )


@pytest.mark.parametrize("tile", [16, 64, 100, 512])
@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_a_run_equals_the_lazy_operators_and_numpy(tmp_path: Path, tile: int, suffix: str) -> None:
    inputs = scene()
    lazy, eager = layers_of(inputs), layers_of(inputs.load().copy())
    stack = insarfeat.open_stack(insarfeat.plan(lazy, tile=tile).run(tmp_path / f"stack{suffix}"))
    for name in eager:
        assert eager[name].chunks is None
        np.testing.assert_array_equal(stack[name].values, eager[name].values)
        np.testing.assert_array_equal(lazy[name].values, eager[name].values)
        for key, value in eager[name].attrs.items():
            assert stack[name].attrs[key] == value


@settings(max_examples=8)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 33), st.integers(1, 40))
def test_any_tile_size_gives_the_same_answer(rows: int, columns: int, tile: int, chunk: int) -> None:
    import tempfile

    image = np.random.default_rng(rows).normal(size=(rows, columns)).astype("f4")
    box = operators.BOX(da.from_array(image, chunks=chunk), parameters=operators.Reach(2))
    lazy = operators.ANCHORED(operators.LOPSIDED(box), parameters=operators.Cell(5))
    with tempfile.TemporaryDirectory() as folder:
        layer = xr.DataArray(lazy, dims=("row", "column"), name="layer")
        out = insarfeat.plan(layer, tile=tile).run(Path(folder) / "layer.zarr")
        np.testing.assert_array_equal(insarfeat.open_stack(out)["layer"].values, lazy.compute())


def test_files_are_read_tile_by_tile_with_their_halo_and_nothing_else(tmp_path: Path) -> None:
    windows = []

    def record(window: Window) -> np.ndarray:
        windows.append(window)
        return np.ones((window.height, window.width), "f4")

    source = lazy_source(GeneratedSource(record, Shape(100, 100), "f4"), ((100,), (100,)))
    dem = labelled(source, "elevation")
    plan = insarfeat.plan(xr.Dataset({"slope": terrain.slope(dem), "elevation": dem}), tile=64)
    plan.run(tmp_path / "a.zarr", scheduler=1)
    assert sorted(windows, key=lambda window: (window.top, window.left)) == [
        Window(0, 0, 65, 65),
        Window(0, 63, 65, 37),
        Window(63, 0, 37, 65),
        Window(63, 63, 37, 37),
    ]


def test_describe_tells_tiles_halo_tasks_memory_and_disk() -> None:
    told = insarfeat.plan(layers_of(scene(600, 600)), tile=256).describe(scheduler=3)
    assert told.tiles == told.tasks == 9
    assert told.halo == Halo(top=3, bottom=3, left=1, right=1)
    assert told.workers == 3
    # Beside outputs of 4 + 4 + 8 + 4 bytes the inputs' halos count: DEM 4 bytes, images 8 each.
    read = 4 * 258**2 + 2 * 8 * 262 * 258
    assert told.peak_memory == 3 * (read + 20 * 256**2 + 12 * 262 * 258)
    assert told.disk == 600 * 600 * 20
    text = str(told)
    for word in ("slope, coherence", "9 of 256 x 256", "peak memory", "Dask array"):
        assert word in text


def test_a_continent_is_planned_at_once(tmp_path: Path) -> None:
    source = GeneratedSource(_flat, Shape(1_000_000, 400_000), "f4")
    dem = lazy_source(source, ((1_000_000,), (400_000,)))
    told = insarfeat.plan(
        xr.DataArray(terrain.slope(dem, resolution=15.0), dims=("y", "x"), name="slope")
    ).describe()
    assert told.tiles == told.tasks == 489 * 196


def _flat(window: Window) -> np.ndarray:
    return np.zeros((window.height, window.width), "f4")


def test_progress_counts_every_tile(tmp_path: Path) -> None:
    seen: list[Progress] = []
    insarfeat.plan(layers_of(scene()), tile=64).run(tmp_path / "a.nc", progress=seen.append)
    layers = [progress.done for progress in seen if progress.stage == "layers"]
    assert layers == list(range(10))
    assert seen[-1].stage == "writing"
    assert seen[-1].done == seen[-1].total


def test_leading_dimensions_share_what_does_not_change(tmp_path: Path) -> None:
    calls = []

    def heights(window: Window) -> np.ndarray:
        calls.append(window)
        return np.add.outer(np.arange(window.height), np.arange(window.width)).astype("f4")

    dem = labelled(lazy_source(GeneratedSource(heights, Shape(90, 80), "f4"), ((90,), (80,))), "elevation")
    rng = np.random.default_rng(0)
    pairs = labelled(rng.normal(size=(4, 90, 80)).astype("c8"), "primary", lead=("pair",)).chunk(pair=1, y=30)
    static = filters.interferogram(pairs[0], pairs[1])
    moving = filters.interferogram(pairs, static)
    stack = xr.Dataset({"slope": terrain.slope(dem), "interferogram": moving})
    again = insarfeat.open_stack(insarfeat.plan(stack, tile=64).run(tmp_path / "a.zarr"))
    assert again["interferogram"].dims == ("pair", "y", "x")
    np.testing.assert_array_equal(again["interferogram"].values, moving.values)
    np.testing.assert_array_equal(again["slope"].values, stack["slope"].values)
    assert len(calls) == 4 + 1  # once per tile, not once per pair; and once for the line above


def test_a_whole_raster_step_is_a_stage_of_the_plan(tmp_path: Path) -> None:
    inputs = scene()
    slope = terrain.slope(inputs["elevation"])
    scores = slope.copy(data=steps.standardised(slope.data)).rename("scores")
    smooth = operators.BOX(scores, parameters=operators.Reach(1)).rename("smooth")
    plan = insarfeat.plan(xr.Dataset({"scores": scores, "smooth": smooth}), tile=64)
    told = plan.describe()
    assert told.stages == ("standardised", "layers")
    assert told.tasks == 2 * told.tiles
    out = insarfeat.open_stack(plan.run(tmp_path / "scores.nc"))
    values = slope.values.astype(float)
    expected = (values - np.nanmean(values)) / np.nanstd(values)
    np.testing.assert_allclose(out["scores"].values, expected, atol=1e-5)
    again = operators.BOX(out["scores"].values, parameters=operators.Reach(1))
    np.testing.assert_array_equal(out["smooth"].values, again)


def test_a_whole_raster_step_is_the_same_for_any_tiling(tmp_path: Path) -> None:
    layer = scene()["elevation"].rename("scores")
    results = []
    for tile in (16, 50, 300):
        lazy = layer.copy(data=steps.standardised(layer.data))
        out = insarfeat.plan(lazy, tile=tile).run(tmp_path / f"{tile}.zarr")
        results.append(insarfeat.open_stack(out)["scores"].values)
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-6, atol=1e-6)


def test_a_whole_raster_step_runs_through_a_plan_when_dask_alone_is_asked() -> None:
    values = np.arange(16.0, dtype="f4").reshape(4, 4)
    expected = ((values - values.mean()) / values.std()).astype("f4")
    found = steps.standardised(da.from_array(values, chunks=2))
    np.testing.assert_allclose(found.compute(), expected, rtol=1e-6)
    slope = terrain.slope(found, resolution=1.0)
    np.testing.assert_array_equal(slope.compute(), terrain.slope(found.compute(), resolution=1.0))


def test_a_tile_that_fails_stops_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    broken = [True]

    def sometimes(window: Window) -> np.ndarray:
        if broken[0] and window.top > 100:
            raise OSError("the disk under this tile is gone")
        return np.ones((window.height, window.width), "f4")

    def plan() -> insarfeat.tiling.Plan:
        source = GeneratedSource(sometimes, Shape(200, 64), "f4", name="sometimes")
        return insarfeat.plan(labelled(lazy_source(source, ((200,), (64,))), "elevation"), tile=64)

    out = tmp_path / "a.zarr"
    with pytest.raises(RunFailed, match="the disk under this tile is gone"):
        plan().run(out, scheduler=1)
    assert not out.exists()
    done = (partial_folder(out) / "journal").read_text().count("\n")
    broken[0] = False
    seen: list[Progress] = []
    plan().run(out, progress=seen.append)
    assert seen[0].done == done
    assert insarfeat.open_stack(out)["elevation"].sum() == 200 * 64


@pytest.mark.parametrize("scheduler", [0, -2, True, 1.5, object()])
def test_what_is_no_scheduler_is_refused(tmp_path: Path, scheduler: object) -> None:
    with pytest.raises(InvalidArgument, match="scheduler must be"):
        insarfeat.plan(layers_of(scene())).run(tmp_path / "a.zarr", scheduler=scheduler)
    assert list(tmp_path.iterdir()) == []


def test_an_address_where_nobody_answers_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no Dask scheduler answers at"):
        insarfeat.plan(layers_of(scene())).run(tmp_path / "a.zarr", scheduler="tcp://127.0.0.1:1")


@pytest.mark.parametrize("tile", [0, -1, 2.5, True, 700, 1000])
def test_impossible_tiles_are_refused(tile: object) -> None:
    with pytest.raises(InvalidArgument, match="tile must be"):
        insarfeat.plan(layers_of(scene()), tile=tile)
