"""Masks over whole stacks: windows that lie on the map, no seams, nodata and edges, any size and any workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

import small_models

import insarfeat
import zoo
from insarfeat.errors import InvalidArgument, OutputExists
from zoo.description import SYNTHETIC
from zoo.masks import anchored_windows, exceeding

STACK = small_models.stack(210, 230)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    small_models.written(small_models.MASKS, folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> zoo.MaskModel:
    return zoo.load(folder / "small-masks.safetensors", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def whole(model: zoo.MaskModel) -> xr.Dataset:
    return model.predict(STACK).compute()


def probability(found: xr.Dataset) -> np.ndarray:
    return found["landslide_probability"].values


def test_prediction_is_lazy_on_the_grid_of_the_stack(model: zoo.MaskModel) -> None:
    found = model.predict(STACK)
    assert found.chunks
    for name in ("y", "x", "spatial_ref"):
        xr.testing.assert_identical(found[name], STACK[name])
    assert found["landslide_probability"].attrs["units"] == "1"


def test_it_is_what_the_network_gives_for_a_window_where_windows_do_not_overlap(model: zoo.MaskModel) -> None:
    """By hand: all windows that see a pixel, weighted by Hann's window."""
    found = probability(model.predict(STACK).compute())
    size, at = 64, (97, 120)
    grid = anchored_windows(*_grid_and_raster(), size)
    weight = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    total, weights = 0.0, 0.0
    seen = 0
    for window in grid:
        row, column = at[0] - window.top, at[1] - window.left
        if not (0 <= row < size and 0 <= column < size):
            continue
        seen += 1
        raw = np.stack([STACK[name].values[window.slices] for name in small_models.MASKS.band_names])
        with torch.inference_mode():
            logits = model.network(torch.from_numpy(raw[np.newaxis]))[0, 0]
        share = weight[row] * weight[column]
        total += share * float(torch.sigmoid(logits[row, column]))
        weights += share
    assert seen == 4
    # Heights are scaled by the map's own scale, which is 0.9996 here.
    assert found[at] == pytest.approx(total / weights, abs=1e-5)


def _grid_and_raster() -> tuple[Any, Any]:
    from insarfeat.georeference import grid_of

    return grid_of(STACK["coherence"]), STACK


@pytest.mark.parametrize(("top", "left"), [(0, 0), (13, 29), (32, 64), (41, 7)])
def test_any_crop_gives_the_map_of_the_whole_beyond_one_window_of_its_edge(
    model: zoo.MaskModel, whole: xr.Dataset, top: int, left: int
) -> None:
    crop = model.predict(STACK.isel(y=slice(top, 200), x=slice(left, 225))).compute()
    there = probability(whole)[top:200, left:225]
    inner = slice(64, -64)
    np.testing.assert_allclose(probability(crop)[inner, inner], there[inner, inner], atol=1e-6)


def test_crops_differ_near_their_edges_so_that_the_test_above_can_fail(
    model: zoo.MaskModel, whole: xr.Dataset
) -> None:
    crop = model.predict(STACK.isel(y=slice(41, 200))).compute()
    assert np.abs(probability(crop)[:20] - probability(whole)[41:61]).max() > 1e-4


def test_windows_of_neighbouring_stacks_lie_on_the_same_places_of_the_map() -> None:
    grid, raster = _grid_and_raster()
    starts = {(window.top % 32, window.left % 32) for window in anchored_windows(grid, raster, 64)}
    part = STACK.isel(y=slice(5, None), x=slice(9, None))
    from insarfeat.georeference import grid_of

    shifted = {
        ((window.top + 5) % 32, (window.left + 9) % 32)
        for window in anchored_windows(grid_of(part["coherence"]), part, 64)
    }
    assert starts == shifted
    assert len(starts) == 1


@pytest.mark.parametrize("tile", [64, 100, 512])
def test_tiles_show_no_seam(model: zoo.MaskModel, whole: xr.Dataset, tile: int, tmp_path: Path) -> None:
    lazy = STACK.chunk(y=70, x=50)
    insarfeat.plan(model.predict(lazy), tile=tile).run(tmp_path / "found.zarr")
    found = insarfeat.open_stack(tmp_path / "found.zarr")
    np.testing.assert_allclose(probability(found), probability(whole), atol=1e-6)


def test_no_step_shows_where_windows_begin() -> None:
    """A network that answers 0 on the left of its window and 1 on the right gives no step of 1 between windows."""
    import importlib

    masks = importlib.import_module("zoo.masks")
    grid, raster = _grid_and_raster()
    windows = anchored_windows(grid, raster, 64)

    def edgy(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.arange(64) / 64, (len(values), 64, 64)).astype("f4")

    found = masks.stitch(edgy, windows, of=raster, channels=0).values[64:-64, 64:-64]
    steps = np.abs(np.diff(found, axis=1)).max(axis=0)
    assert steps.max() < 0.03


def test_small_stacks_are_seen_through_one_window(model: zoo.MaskModel) -> None:
    found = probability(model.predict(STACK.isel(y=slice(0, 20), x=slice(0, 33))).compute())
    assert found.shape == (20, 33)
    assert np.isfinite(found).all()


def test_nodata_of_a_required_band_has_no_value_and_costs_no_neighbour(model: zoo.MaskModel) -> None:
    holes = STACK.copy(deep=True)
    holes["coherence"][50:90, 60:61] = np.nan
    holes["wrapped_phase"][150, 150] = np.nan
    found = model.predict(holes).compute()
    missing = np.isnan(holes["coherence"].values) | np.isnan(holes["wrapped_phase"].values)
    np.testing.assert_array_equal(np.isnan(probability(found)), missing)
    np.testing.assert_array_equal(found["landslide"].values == 255, missing)


def test_nodata_of_other_bands_costs_nothing(model: zoo.MaskModel) -> None:
    holes = STACK.copy(deep=True)
    holes["elevation"][50:90, 60:100] = np.nan
    assert np.isfinite(probability(model.predict(holes).compute())).all()


def test_a_missing_band_is_as_one_without_values(model: zoo.MaskModel) -> None:
    without = model.predict(STACK.drop_vars("elevation"))
    empty = model.predict(STACK.assign(elevation=STACK["elevation"] * np.nan))
    assert without.attrs["missing_bands"] == "elevation"
    np.testing.assert_allclose(probability(without.compute()), probability(empty.compute()), atol=1e-6)


def test_a_stack_without_any_value_has_no_prediction(model: zoo.MaskModel) -> None:
    found = model.predict(STACK.where(False)).compute()
    assert np.isnan(probability(found)).all()
    assert (found["landslide"].values == 255).all()


def test_the_mask_is_the_probability_at_the_threshold(model: zoo.MaskModel, whole: xr.Dataset) -> None:
    threshold = float(np.median(probability(whole)))
    found = model.predict(STACK, threshold=threshold).compute()
    np.testing.assert_array_equal(found["landslide"].values == 1, probability(found) >= np.float32(threshold))
    assert found.attrs["threshold"] == threshold


def test_exceeding_keeps_the_kind() -> None:
    array = np.array([[0.25, np.nan, 0.75]], "f4")
    assert exceeding(array, 0.75).tolist() == [[0, 255, 1]]
    lazy = exceeding(xr.DataArray(array, dims=("y", "x")).chunk(x=1), 0.25)
    assert lazy.chunks
    assert lazy.dtype == np.uint8
    assert lazy.values.tolist() == [[1, 255, 1]]


def pairs() -> xr.Dataset:
    names = xr.DataArray(["20230101_20230113", "20230113_20230125"], dims="pair")
    other = small_models.stack(210, 230, seed=7)
    layers = {
        name: xr.concat([STACK[name], other[name]], "pair").assign_coords(pair=names)
        for name in ("wrapped_phase", "coherence")
    }
    return STACK.assign(layers)


def test_all_pairs_or_one(model: zoo.MaskModel, whole: xr.Dataset) -> None:
    every = model.predict(pairs())
    assert every["landslide"].dims == ("pair", "y", "x")
    assert list(every["pair"].values) == ["20230101_20230113", "20230113_20230125"]
    values = probability(every.compute())
    np.testing.assert_allclose(values[0], probability(whole), atol=1e-6)
    one = model.predict(pairs(), pair="20230113_20230125").compute()
    np.testing.assert_allclose(probability(one), values[1], atol=1e-6)
    assert np.abs(values[0] - values[1]).max() > 1e-4


def test_every_result_says_what_the_model_was_trained_on(model: zoo.MaskModel, tmp_path: Path) -> None:
    for suffix in (".nc", ".zarr", ".tif"):
        read = model.predict(STACK, tmp_path / f"found{suffix}")
        assert read.attrs["model"] == "small-masks"
        assert int(read.attrs["version"]) == 1
        assert read.attrs["training_data"] == "synthetic"
        assert read.attrs["statement"] == SYNTHETIC


def test_a_path_goes_in_and_a_file_comes_out(model: zoo.MaskModel, whole: xr.Dataset, tmp_path: Path) -> None:
    stack = insarfeat.write(STACK, tmp_path / "stack.nc")
    found = model.predict(stack, tmp_path / "found.nc")
    np.testing.assert_allclose(probability(found), probability(whole), atol=1e-6)
    with pytest.raises(OutputExists):
        model.predict(stack, tmp_path / "found.nc")
    model.predict(stack, tmp_path / "found.nc", overwrite=True)
    with pytest.raises(InvalidArgument, match=r"out must end in"):
        model.predict(stack, tmp_path / "found.jpg")


def test_an_interrupted_run_goes_on(model: zoo.MaskModel, whole: xr.Dataset, tmp_path: Path) -> None:
    plan = insarfeat.plan(model.predict(STACK), tile=64)
    out = tmp_path / "found.zarr"
    seen: list[int] = []

    def stop(progress: insarfeat.tiling.Progress) -> None:
        seen.append(progress.done)
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan.run(out, scheduler=1, progress=stop)
    again: list[int] = []
    insarfeat.plan(model.predict(STACK), tile=64).run(
        out, progress=lambda progress: again.append(progress.done)
    )
    assert again[0] == 5
    np.testing.assert_allclose(probability(insarfeat.open_stack(out)), probability(whole), atol=1e-6)


def test_other_weights_do_not_go_on_with_it(model: zoo.MaskModel, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    second = zoo.load(small_models.written(small_models.MASKS, other, seed=5), precision="float32")
    out = tmp_path / "found.zarr"
    prints = [insarfeat.plan(one.predict(STACK)).fingerprint(out) for one in (model, model, second)]
    assert prints[0] == prints[1] != prints[2]


def test_workers_in_other_processes_give_the_same(
    model: zoo.MaskModel, whole: xr.Dataset, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    stack = insarfeat.write(STACK, tmp_path / "stack.zarr")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = model.predict(stack, tmp_path / "found.zarr", scheduler=client.scheduler.address)
    np.testing.assert_allclose(probability(found), probability(whole), atol=1e-5)


def test_bfloat16_gives_nearly_the_same(folder: Path, whole: xr.Dataset) -> None:
    coarse = zoo.load(folder / "small-masks.safetensors", device="cpu", precision="bfloat16")
    assert np.abs(probability(coarse.predict(STACK).compute()) - probability(whole)).max() < 0.02


def test_what_cannot_be_had_is_refused(folder: Path) -> None:
    path = folder / "small-masks.safetensors"
    with pytest.raises(InvalidArgument, match="precision"):
        zoo.load(path, precision="float8")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="device 'nowhere'"):
        zoo.load(path, device="nowhere").predict(STACK)
    with pytest.raises(InvalidArgument, match="threshold"):
        zoo.load(path).predict(STACK, threshold=1.5)


def test_resampling_on_request_answers_at_the_size_of_the_model(model: zoo.MaskModel) -> None:
    coarse = STACK.isel(y=slice(0, 60), x=slice(0, 60)).assign_coords(
        y=5_000_000 - 30.0 * np.arange(60), x=600_000 + 30.0 * np.arange(60)
    )
    found = model.predict(coarse, resample=True)
    assert float(found["x"][1] - found["x"][0]) == 15.0
    assert np.isfinite(probability(found.compute())).mean() > 0.9


def test_windows_are_looked_at_once_for_probability_and_mask(
    model: zoo.MaskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.runner import Runner

    seen: list[int] = []
    run = Runner.run
    monkeypatch.setattr(Runner, "run", lambda self, raw, use: seen.append(len(raw)) or run(self, raw, use))
    model.predict(STACK).compute()
    assert sum(seen) == len(anchored_windows(*_grid_and_raster(), 64))


def test_two_thresholds_do_not_get_into_each_others_way(model: zoo.MaskModel, whole: xr.Dataset) -> None:
    low, high = np.quantile(probability(whole), [0.2, 0.8]).tolist()
    both = xr.Dataset(
        {str(one): model.predict(STACK, threshold=one)["landslide"] for one in (low, high)}
    ).compute()
    for one in (low, high):
        assert np.mean((both[str(one)].values == 1) != (probability(whole) >= one)) < 1e-3  # by rounding
