"""Stacks as files: of one pair, of many, added to, cut off and gone on with."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from stack_scenes import ANGLES, given, product, same, scene

import insarfeat
from insarfeat import stacks
from insarfeat.errors import InvalidArgument, OutputExists
from insarfeat.stacks import Recipe

GROUND = {"dem": None, **ANGLES}


def ground() -> dict[str, Any]:
    return {"dem": scene()["elevation"], **ANGLES}


@pytest.mark.parametrize("suffix", [".nc", ".zarr", ".tif"])
def test_a_stack_opens_in_gdal_and_xarray_with_every_band_named(tmp_path: Path, suffix: str) -> None:
    path = insarfeat.build_stack("detection", tmp_path / f"stack{suffix}", **given())
    opened = insarfeat.open_stack(path)
    assert list(opened.data_vars) == ["wrapped_phase", "sensitivity", "terrain_pc1"]
    assert {str(layer.dtype) for layer in opened.data_vars.values()} == {"float32"}
    if suffix == ".zarr":
        return
    for number, name in enumerate(opened.data_vars, 1):
        target = str(path) if suffix == ".tif" else f"NETCDF:{path}:{name}"
        with rasterio.open(target) as file:
            band = number if suffix == ".tif" else 1
            assert file.crs.to_epsg() == 32632
            assert file.transform.a == 15
            assert file.scales[band - 1] == 1
            assert np.isnan(file.nodatavals[band - 1])
            if suffix == ".tif":
                assert file.descriptions[band - 1] == name
                assert file.units[band - 1] == opened[name].attrs["units"]
            np.testing.assert_array_equal(file.read(band), opened[name].values)


def test_a_plan_tells_before_it_runs() -> None:
    plan = stacks.plan_stack("detection", **given())
    assert plan.names == ("wrapped_phase", "sensitivity", "terrain_pc1")
    assert plan.describe().tiles == 1


def test_many_pairs_share_what_the_ground_is_like(tmp_path: Path) -> None:
    pairs = [product(1, day=1), product(2, day=2), product(3, day=3)]
    path = insarfeat.build_stack("detection", tmp_path / "many.zarr", interferogram=pairs, **ground())
    many = insarfeat.open_stack(path)
    assert many["wrapped_phase"].dims == ("pair", "y", "x")
    assert many["terrain_pc1"].dims == ("y", "x")
    assert list(many.data_vars) == ["wrapped_phase", "sensitivity", "terrain_pc1"]
    assert many["pair"].values.tolist() == [f"202301{day:02d}_202301{day + 12}" for day in (1, 2, 3)]
    assert many["primary_date"].values.tolist() == ["2023-01-01", "2023-01-02", "2023-01-03"]
    for number, pair in enumerate(pairs):
        one = insarfeat.build_stack(
            "detection", tmp_path / "one.nc", overwrite=True, interferogram=pair, **ground()
        )
        alone = insarfeat.open_stack(one)
        for name in ("wrapped_phase", "sensitivity"):
            assert same(many[name][number], alone[name]), (name, number)
        assert same(many["terrain_pc1"], alone["terrain_pc1"])
    assert set(json.loads(many.attrs["inputs_of_pairs"])) == set(many["pair"].values.tolist())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.zarr", "one.nc"]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_pairs_are_added_later_as_if_they_had_been_there(tmp_path: Path, suffix: str) -> None:
    pairs = [product(1, day=1), product(2, day=2), product(3, day=3)]
    at_once = insarfeat.build_stack("detection", tmp_path / f"a{suffix}", interferogram=pairs, **ground())
    grown = insarfeat.build_stack("detection", tmp_path / f"b{suffix}", interferogram=pairs[:2], **ground())
    assert (
        stacks.append_pairs(grown, interferogram=pairs, **ground()) == grown
    )  # the first two are there already
    one, other = insarfeat.open_stack(at_once), insarfeat.open_stack(grown)
    assert one["pair"].values.tolist() == other["pair"].values.tolist()
    assert one["secondary_date"].values.tolist() == other["secondary_date"].values.tolist()
    for name in one.data_vars:
        assert same(one[name], other[name]), name
    again = other["wrapped_phase"].values
    stacks.append_pairs(grown, interferogram=pairs[0], **ground())
    np.testing.assert_array_equal(insarfeat.open_stack(grown)["wrapped_phase"].values, again)


def test_a_run_over_many_pairs_that_was_cut_off_keeps_what_was_finished(tmp_path: Path) -> None:
    pairs = [product(1, day=1), product(2, day=2)]
    told: list[str] = []

    def stop(progress: Any) -> None:
        told.append(progress.stage)
        if progress.stage.startswith("20230102") and progress.done:
            raise KeyboardInterrupt

    out = tmp_path / "many.zarr"
    with pytest.raises(KeyboardInterrupt):
        insarfeat.build_stack("detection", out, interferogram=pairs, progress=stop, **ground())
    assert {stage.split(":")[0].split(",")[0] for stage in told} == {"the ground", *(
        "20230101_20230113", "20230102_20230114",
    )}  # fmt: skip
    assert not out.exists()
    again: list[str] = []
    insarfeat.build_stack(
        "detection", out, interferogram=pairs, progress=lambda one: again.append(one.stage), **ground()
    )
    assert {stage.split(":")[0].split(",")[0] for stage in again} == {"20230102_20230114", "all pairs"}
    whole = insarfeat.build_stack("detection", tmp_path / "whole.zarr", interferogram=pairs, **ground())
    for name, layer in insarfeat.open_stack(whole).data_vars.items():
        assert same(layer, insarfeat.open_stack(out)[name])


def test_adding_pairs_takes_the_ground_from_the_stack(tmp_path: Path) -> None:
    pairs = [product(1, day=1), product(2, day=2), product(3, day=3)]
    out = insarfeat.build_stack("detection", tmp_path / "many.zarr", interferogram=pairs[:2], **ground())
    told: list[str] = []
    stacks.append_pairs(out, interferogram=pairs[2], progress=lambda one: told.append(one.stage), **ground())
    assert not any("fill" in stage or "flats" in stage for stage in told)


def test_a_folder_gets_a_file_for_each_pair_and_only_new_ones_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "stacks"
    pairs = [product(1, day=1), product(2, day=2)]
    insarfeat.build_stack("detection", folder, interferogram=pairs[:1], **ground())
    (first,) = folder.iterdir()
    before = first.stat().st_mtime_ns
    insarfeat.build_stack("detection", folder, interferogram=pairs, **ground())
    assert sorted(path.name for path in folder.iterdir()) == ["20230101_20230113.nc", "20230102_20230114.nc"]
    assert first.stat().st_mtime_ns == before
    assert list(insarfeat.open_stack(first).data_vars) == ["wrapped_phase", "sensitivity", "terrain_pc1"]


def test_a_stack_of_the_ground_alone_needs_no_pair(tmp_path: Path) -> None:
    recipe = Recipe.named("detection").changed(layers=("slope", "twi"))
    path = insarfeat.build_stack(recipe, tmp_path / "ground.nc", dem=scene()["elevation"])
    assert list(insarfeat.open_stack(path).data_vars) == ["slope", "twi"]


def test_the_event_stack_from_two_images(tmp_path: Path) -> None:
    from stack_scenes import square

    polygon = square(scene()["elevation"], 40, 80)
    path = insarfeat.build_stack("event", tmp_path / "event.nc", landslides=polygon, **given())
    event = insarfeat.open_stack(path)
    assert tuple(event.data_vars) == Recipe.named("event").layers
    phase, unwrapped = event["wrapped_phase"].values, event["unwrapped_phase"].values
    valid = event["valid_mask"].values == 1
    assert valid.mean() > 0.5
    # Resampled apart from each other, they still agree but for whole turns.
    apart = np.angle(np.exp(1j * (unwrapped - phase)))[valid]
    assert np.median(np.abs(apart)) < 0.1
    assert event["landslide"].values.sum() == 400
    bands = [
        layer.values for name, layer in event.data_vars.items() if name not in ("landslide", "valid_mask")
    ]
    assert all(np.isfinite(band[valid]).all() for band in bands)


def test_nodata_all_over_is_told_before_any_work(tmp_path: Path) -> None:
    empty = product()
    empty["interferogram"] = xr.full_like(empty["interferogram"], np.nan)
    with pytest.raises(InvalidArgument, match="nodata in every pixel"):
        insarfeat.build_stack("detection", tmp_path / "stack.nc", interferogram=empty, **ground())
    lazy = empty.chunk(y=30, x=30)
    with pytest.raises(InvalidArgument, match="nodata in every pixel"):
        insarfeat.build_stack("detection", tmp_path / "stack.nc", interferogram=lazy, **ground())
    assert not list(tmp_path.iterdir())


def test_outputs_that_are_there_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "stack.nc"
    out.write_text("something else")
    for pairs in (product(), [product(1, 1), product(2, 2)]):
        with pytest.raises(OutputExists):
            insarfeat.build_stack("detection", out, interferogram=pairs, **ground())
    assert out.read_text() == "something else"


def test_only_stacks_of_several_pairs_can_be_added_to(tmp_path: Path) -> None:
    out = insarfeat.build_stack("detection", tmp_path / "stack.nc", **given())
    with pytest.raises(InvalidArgument, match="no dimension 'pair'"):
        stacks.append_pairs(out, interferogram=product(), **ground())


def test_pairs_of_two_sides_do_not_share_a_stack(tmp_path: Path) -> None:
    pairs = [
        product(1, 1).assign_attrs(orbit_direction="ascending"),
        product(2, 2).assign_attrs(orbit_direction="descending"),
    ]
    with pytest.raises(InvalidArgument, match="ascending and descending"):
        insarfeat.build_stack("detection", tmp_path / "many.zarr", interferogram=pairs, **ground())


def test_a_folder_takes_pairs_of_both_sides_each_with_its_own_heading(tmp_path: Path) -> None:
    pairs = {
        name: product(seed, seed).assign_attrs(orbit_direction=name)
        for seed, name in enumerate(("ascending", "descending"), 1)
    }
    folder = insarfeat.build_stack(
        "detection", tmp_path / "both", interferogram=list(pairs.values()), **ground()
    )
    for day, (name, heading) in enumerate((("ascending", -12.0), ("descending", -168.0)), 1):
        made = insarfeat.open_stack(folder / f"2023010{day}_202301{day + 12}.nc")
        assert made.attrs["heading"] == heading
        told = ground() | {"heading": heading}
        alone = stacks.lazy_stack("detection", interferogram=pairs[name], **told)
        assert same(made["sensitivity"], alone["sensitivity"].compute())


@pytest.mark.parametrize("out", ["stack.nc", "folder"])
def test_a_heading_against_the_products_own_direction_is_refused(tmp_path: Path, out: str) -> None:
    pair = product().assign_attrs(orbit_direction="descending")
    with pytest.raises(
        InvalidArgument, match="heading=-12 is ascending, and 20230101_20230113 is descending"
    ):
        insarfeat.build_stack("detection", tmp_path / out, interferogram=pair, **ground())


def test_pairs_that_do_not_say_their_side_are_not_mixed_with_others(tmp_path: Path) -> None:
    pairs = [product(1, day) for day in (1, 2, 3)]
    told = [
        pair.assign_attrs(orbit_direction=way)
        for pair, way in zip(pairs, ("ascending", "descending"), strict=False)
    ]
    pairs = [*told, pairs[2]]
    with pytest.raises(InvalidArgument, match="20230103_20230115 says neither"):
        insarfeat.build_stack("detection", tmp_path / "folder", interferogram=pairs, **ground())


def test_a_lazy_stack_is_what_is_written(tmp_path: Path) -> None:
    lazy = stacks.lazy_stack("detection", **given())
    stored = insarfeat.open_stack(insarfeat.build_stack("detection", tmp_path / "stack.nc", **given()))
    for name, layer in lazy.data_vars.items():
        assert same(layer, stored[name]), name


def test_a_plan_is_of_one_pair() -> None:
    with pytest.raises(InvalidArgument, match="2 were given"):
        stacks.plan_stack("detection", interferogram=[product(1, 1), product(2, 2)], **ground())


def _build(folder: Path) -> None:
    inputs = insarfeat.open_stack(folder / "inputs.zarr")
    insarfeat.build_stack(
        "detection",
        folder / "stack.zarr",
        tile=256,
        scheduler=1,
        primary=inputs["primary"],
        secondary=inputs["secondary"],
        dem=inputs["elevation"],
        **ANGLES,
    )


def test_a_killed_run_goes_on_to_the_same_pixels(tmp_path: Path) -> None:
    insarfeat.write(scene(1, 600)[["primary", "secondary", "elevation"]], tmp_path / "inputs.zarr")
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_build, args=(tmp_path,))
    process.start()
    journal = tmp_path / "stack.zarr.partial" / "journal"
    deadline = time.monotonic() + 120
    while (
        not (journal.exists() and len(journal.read_text().splitlines()) > 12) and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not (tmp_path / "stack.zarr").exists()
    done = len(journal.read_text().splitlines())
    assert done > 12
    _build(tmp_path)
    inputs = scene(1, 600)
    whole = insarfeat.build_stack(
        "detection",
        tmp_path / "whole.zarr",
        primary=inputs["primary"],
        secondary=inputs["secondary"],
        dem=inputs["elevation"],
        **ANGLES,
    )
    one, other = insarfeat.open_stack(tmp_path / "stack.zarr"), insarfeat.open_stack(whole)
    for name in ("wrapped_phase", "sensitivity"):
        assert same(one[name], other[name])
    np.testing.assert_allclose(one["terrain_pc1"], other["terrain_pc1"], rtol=1e-6, atol=1e-5)


def test_a_cluster_by_address_gives_the_same(tmp_path: Path) -> None:
    import dask
    from distributed import LocalCluster

    insarfeat.write(scene(1, 300)[["primary", "secondary", "elevation"]], tmp_path / "inputs.zarr")
    inputs = insarfeat.open_stack(tmp_path / "inputs.zarr")
    sources = {
        "primary": inputs["primary"],
        "secondary": inputs["secondary"],
        "dem": inputs["elevation"],
        **ANGLES,
    }
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=False) as cluster,
    ):
        far = insarfeat.build_stack(
            "detection", tmp_path / "far.zarr", tile=256, scheduler=cluster.scheduler_address, **sources
        )
    near = insarfeat.build_stack("detection", tmp_path / "near.zarr", tile=256, **sources)
    one, other = insarfeat.open_stack(far), insarfeat.open_stack(near)
    for name in one.data_vars:
        assert same(one[name], other[name]), name
