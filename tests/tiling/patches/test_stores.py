"""Every format gives back what was put in, GDAL and others read it, and what was interrupted is done again."""

from __future__ import annotations

import importlib.util
import json
import pickle
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from patches_in_memory import BANDS, UTM, cut_patches, layout
from pyproj import CRS

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput
from insarfeat.io.sources import netcdf_lock
from insarfeat.tiling.patches.stores import STORES, PatchArrays
from insarfeat.tiling.patches.stores.webdataset import key_of

OURS = ("netcdf", "netcdf-shards", "geotiff", "webdataset")
SHARDED = {"netcdf-shards": ".nc", "webdataset": ".tar"}
COUNTS = [(0, 3), (1, 0), (2, 1), (3, 4)]


def written(folder: Path, name: str, like: Any = None, **more: Any) -> tuple[list[Any], pd.DataFrame]:
    """A dataset of some blocks, one of them empty; gives its patches and their rows of the table."""
    like = like or layout()
    patches = cut_patches(sum(count for _, count in COUNTS), like, **more)
    store, begin = STORES[name], 0
    for block, count in COUNTS:
        store.write(folder, block, iter(patches[begin : begin + count]), like)
        begin += count
    store.settle(folder, COUNTS, like)
    return patches, rows_of(patches)


def rows_of(patches: list[Any]) -> pd.DataFrame:
    shards, places = STORES["webdataset"].places(COUNTS, layout())
    return pd.DataFrame({"name": [one.name for one in patches], "shard": shards, "place": places})


def assert_same(found: Any, patches: list[Any]) -> None:
    assert found.values.dtype == np.float32
    assert found.masks.dtype == np.uint8
    assert len(found) == len(patches)
    for number, one in enumerate(patches):
        np.testing.assert_array_equal(found.values[number], one.values)
        np.testing.assert_array_equal(found.masks[number], one.masks)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_in_forks(name: str, folder: Path, rows: pd.DataFrame) -> list[PatchArrays]:
    """Patches as forked processes read them, while there are threads in their parent that have read, too.

    Threads that are just ending may hold locks of PROJ, which a fork would never get: they end after it.
    """
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: STORES[name].read(folder, rows, layout()), range(4)))
        with get_context("fork").Pool(2) as processes:
            return processes.starmap(STORES[name].read, [(folder, rows, layout())] * 4)


@pytest.mark.parametrize("name", OURS)
class TestAnyFormat:
    def test_gives_back_values_and_masks_bit_by_bit(self, name: str, tmp_path: Path) -> None:
        patches, rows = written(tmp_path, name)
        assert_same(STORES[name].read(tmp_path, rows, layout()), patches)

    def test_reads_any_patches_in_any_order_and_twice(self, name: str, tmp_path: Path) -> None:
        patches, rows = written(tmp_path, name)
        order = [7, 0, 3, 3, 5, 1]
        found = STORES[name].read(tmp_path, rows.iloc[order], layout())
        assert_same(found, [patches[number] for number in order])
        assert len(STORES[name].read(tmp_path, rows.iloc[:0], layout())) == 0

    def test_works_without_masks(self, name: str, tmp_path: Path) -> None:
        bare = layout(masks=())
        patches, rows = written(tmp_path, name, bare)
        found = STORES[name].read(tmp_path, rows, bare)
        assert_same(found, patches)
        assert found.masks.shape == (8, 0, 16, 24)
        assert not (tmp_path / "masks").exists()

    def test_works_without_crs_and_transform(self, name: str, tmp_path: Path) -> None:
        like = layout()
        patches = [
            replace(one, facts={**one.facts, "crs": "", "transform": [np.nan] * 6})
            for one in cut_patches(8, like)
        ]
        STORES[name].write(tmp_path, 0, patches, like)
        STORES[name].settle(tmp_path, [(0, 8)], like)
        rows = rows_of(patches).assign(shard=0, place=range(8))
        assert_same(STORES[name].read(tmp_path, rows, like), patches)

    def test_leaves_only_files_with_their_last_names(self, name: str, tmp_path: Path) -> None:
        _, rows = written(tmp_path, name)
        if name in SHARDED:
            expected = {f"shards/{number:06d}{SHARDED[name]}" for number in range(3)}
        else:
            suffix = {"netcdf": ".nc", "geotiff": ".tif"}[name]
            folders = ("images", "masks") if name == "geotiff" else ("images",)
            expected = {f"{folder}/{one}{suffix}" for folder in folders for one in rows["name"]}
        assert set(files_in(tmp_path)) == expected

    def test_the_same_patches_make_the_same_bytes(self, name: str, tmp_path: Path) -> None:
        written(tmp_path / "one", name)
        written(tmp_path / "other", name)
        assert files_in(tmp_path / "one") == files_in(tmp_path / "other")

    def test_a_block_that_was_interrupted_is_written_anew(self, name: str, tmp_path: Path) -> None:
        like = layout()
        patches = cut_patches(8, like)

        def interrupted() -> Iterator[Any]:
            yield from cut_patches(8, like, seed=0)[3:5]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            STORES[name].write(tmp_path, 3, interrupted(), like)
        begin = 0
        for path in ("shards/block-000003.tar.new", "shards/block-000003.nc.new", "images/x.nc.new"):
            if (tmp_path / path).parent.exists():  # what a kill leaves
                (tmp_path / path).write_bytes(b"half")
        for block, count in COUNTS:
            STORES[name].write(tmp_path, block, patches[begin : begin + count], like)
            begin += count
        STORES[name].settle(tmp_path, COUNTS, like)
        assert_same(STORES[name].read(tmp_path, rows_of(patches), like), patches)
        assert not [path for path in files_in(tmp_path) if path.endswith(".new") or "block" in path]

    def test_each_block_with_patches_is_a_shard(self, name: str, tmp_path: Path) -> None:
        shards, places = STORES[name].places(COUNTS, layout())
        assert shards.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
        assert places.tolist() == [0, 1, 2, 0, 0, 1, 2, 3]

    def test_settling_again_changes_nothing(self, name: str, tmp_path: Path) -> None:
        written(tmp_path, name)
        before = files_in(tmp_path)
        STORES[name].settle(tmp_path, COUNTS, layout())
        assert files_in(tmp_path) == before

    def test_a_damaged_file_is_one_clear_error(self, name: str, tmp_path: Path) -> None:
        _, rows = written(tmp_path, name)
        for path in tmp_path.rglob("*.*"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
        with pytest.raises(UnreadableInput, match="damaged or cut short"):
            STORES[name].read(tmp_path, rows, layout())

    def test_a_missing_file_is_one_clear_error(self, name: str, tmp_path: Path) -> None:
        _, rows = written(tmp_path, name)
        for path in [one for one in tmp_path.rglob("*.*") if one.is_file()]:
            path.unlink()
        with pytest.raises(MissingInput, match="not there"):
            STORES[name].read(tmp_path, rows, layout())

    def test_a_patch_of_another_size_is_refused(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match=r"shape \(3, 16, 24\); got \(3, 8, 24\)"):
            STORES[name].write(tmp_path, 0, cut_patches(1, layout(height=8)), layout())
        assert not files_in(tmp_path)

    def test_is_read_by_many_threads_and_forked_processes_at_once(self, name: str, tmp_path: Path) -> None:
        patches, rows = written(tmp_path, name)
        store = pickle.loads(pickle.dumps(STORES[name]))
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: store.read(tmp_path, rows, layout()), range(8)):
                assert_same(found, patches)
        # From a process of its own: this one has threads of other tests, whose locks a fork would not free.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clean:
            for found in clean.submit(read_in_forks, name, tmp_path, rows).result():
                assert_same(found, patches)

    def test_blocks_are_written_by_many_threads_at_once(self, name: str, tmp_path: Path) -> None:
        like = layout()
        patches = cut_patches(8, like)
        with ThreadPoolExecutor(4) as pool:
            jobs = [
                pool.submit(STORES[name].write, tmp_path, k, patches[2 * k : 2 * k + 2], like)
                for k in range(4)
            ]
        for job in jobs:
            job.result()
        STORES[name].settle(tmp_path, [(k, 2) for k in range(4)], like)
        rows = rows_of(patches).assign(shard=np.arange(8) // 2, place=np.arange(8) % 2)
        assert_same(STORES[name].read(tmp_path, rows, like), patches)


@pytest.mark.parametrize("name", SHARDED)
def test_settling_goes_on_where_it_was_killed(name: str, tmp_path: Path) -> None:
    patches, rows = written(tmp_path, name)
    # Killed after the first of three: the others still have the names of their blocks.
    suffix = SHARDED[name]
    for shard, block in ((1, 2), (2, 3)):
        (tmp_path / f"shards/{shard:06d}{suffix}").rename(tmp_path / f"shards/block-{block:06d}{suffix}")
    STORES[name].settle(tmp_path, COUNTS, layout())
    assert_same(STORES[name].read(tmp_path, rows, layout()), patches)


@pytest.mark.parametrize("name", SHARDED)
def test_a_block_that_is_gone_is_not_passed_over(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="block 0 has patches"):
        STORES[name].settle(tmp_path, COUNTS, layout())


@pytest.mark.parametrize("name", SHARDED)
def test_a_shard_that_was_written_anew_is_read_anew(name: str, tmp_path: Path) -> None:
    _, rows = written(tmp_path, name)
    STORES[name].read(tmp_path, rows, layout())
    like = layout()
    others = [
        replace(one, facts={**one.facts, "event": "another event"}, values=one.values + 1)
        for one in cut_patches(8, like)
    ]
    begin = 0
    for block, count in COUNTS:
        STORES[name].write(tmp_path, block, others[begin : begin + count], like)
        begin += count
    STORES[name].settle(tmp_path, COUNTS, like)
    assert_same(STORES[name].read(tmp_path, rows, like), others)


@pytest.mark.parametrize("name", ["netcdf", "netcdf-shards"])
def test_patches_are_cut_without_the_lock_of_netcdf(name: str, tmp_path: Path) -> None:
    like = layout()
    free = []

    def try_lock() -> None:
        if netcdf_lock().acquire(timeout=5):
            free.append(True)
            netcdf_lock().release()

    def cut() -> Iterator[Any]:
        for one in cut_patches(2, like):
            other = threading.Thread(target=try_lock)
            other.start()
            other.join()
            yield one

    STORES[name].write(tmp_path, 0, cut(), like)
    assert free == [True, True]


class TestPlacesForGDAL:
    @pytest.mark.parametrize("south_up", [False, True])
    def test_a_geotiff_lies_where_its_patch_was(self, tmp_path: Path, south_up: bool) -> None:
        patches, _ = written(tmp_path, "geotiff", south_up=south_up)
        for one in patches:
            for kind, pixels, nodata in (("images", one.values, np.nan), ("masks", one.masks, 255)):
                with rasterio.open(tmp_path / kind / f"{one.name}.tif") as file:
                    assert CRS(file.crs.to_wkt()) == CRS.from_epsg(32632)
                    assert list(file.transform)[:6] == one.facts["transform"]
                    np.testing.assert_equal(file.nodata, nodata)
                    np.testing.assert_array_equal(file.read(), pixels)
                    assert file.profile["compress"] == "deflate"

    def test_a_geotiff_tells_its_layers_and_facts(self, tmp_path: Path) -> None:
        patches, _ = written(tmp_path, "geotiff")
        with rasterio.open(tmp_path / "images" / f"{patches[1].name}.tif") as file:
            assert file.descriptions == BANDS
            assert file.units == ("radian", "1", "degree")
            tags = file.tags()
        assert tags["scene"] == "scene_0"
        assert (int(tags["row"]), int(tags["column"])) == (8, 12)
        assert float(tags["valid_fraction"]) == patches[1].facts["valid_fraction"]
        assert json.loads(tags["slides"]) == [0]
        assert json.loads(tags["boxes"]) == patches[1].boxes
        with rasterio.open(tmp_path / "masks" / f"{patches[1].name}.tif") as file:
            assert file.descriptions == ("landslide", "valid_mask")
            assert json.loads(file.tags(1)["insarfeat_attributes"])["flag_meanings"] == "none CF CS"

    @pytest.mark.parametrize("south_up", [False, True])
    def test_a_netcdf_lies_where_its_patch_was(self, tmp_path: Path, south_up: bool) -> None:
        patches, _ = written(tmp_path, "netcdf", south_up=south_up)
        for one in patches[:3]:
            path = tmp_path / "images" / f"{one.name}.nc"
            for name, pixels, nodata in (("slope", one.values[2], np.nan), ("landslide", one.masks[0], 255)):
                with rasterio.open(f"NETCDF:{path}:{name}") as file:
                    assert CRS(file.crs.to_wkt()) == CRS.from_epsg(32632)
                    a, b, c, d, e, f = one.facts["transform"]
                    # GDAL turns rasters that run from south to north.
                    expected = (a, b, c, d, -e, f + 16 * e) if south_up else (a, b, c, d, e, f)
                    np.testing.assert_allclose(list(file.transform)[:6], expected, rtol=0, atol=1e-6)
                    np.testing.assert_equal(file.nodata, nodata)
                    np.testing.assert_array_equal(file.read(1), pixels[::-1] if south_up else pixels)

    def test_a_netcdf_has_cf_attributes_and_facts(self, tmp_path: Path) -> None:
        patches, _ = written(tmp_path, "netcdf")
        with xr.open_dataset(tmp_path / "images" / f"{patches[4].name}.nc", decode_coords="all") as stored:
            assert list(stored.data_vars) == [
                "wrapped_phase",
                "coherence",
                "slope",
                "landslide",
                "valid_mask",
            ]
            assert stored["slope"].attrs["units"] == "degree"
            assert stored["landslide"].attrs["flag_meanings"] == "none CF CS"
            assert stored["x"].attrs["standard_name"] == "projection_x_coordinate"
            assert stored.attrs["Conventions"].startswith("CF-1.")
            assert stored.attrs["row"] == 32
            assert stored.attrs["pair"] == "20200106_20200118"
            assert stored.attrs["valid_fraction"] == patches[4].facts["valid_fraction"]
            assert stored.attrs["digest_slope"] == patches[4].facts["digest_slope"]
            np.testing.assert_array_equal(stored.attrs["slides"], [0, 1, 2, 3])
            assert json.loads(stored.attrs["boxes"]) == patches[4].boxes

    def test_the_package_itself_opens_a_netcdf_patch(self, tmp_path: Path) -> None:
        import insarfeat
        from insarfeat.georeference import grid_of

        patches, _ = written(tmp_path, "netcdf")
        with insarfeat.open_stack(tmp_path / "images" / f"{patches[2].name}.nc") as stack:
            np.testing.assert_array_equal(stack["coherence"].values, patches[2].values[1])
            grid = grid_of(stack["coherence"])
        assert list(grid.affine) == patches[2].facts["transform"]
        assert CRS(grid.crs_wkt) == CRS.from_wkt(UTM)


def test_a_netcdf_shard_is_one_dataset_along_patches(tmp_path: Path) -> None:
    patches, _ = written(tmp_path, "netcdf-shards")
    with xr.open_dataset(tmp_path / "shards/000002.nc") as shard:
        assert shard["slope"].dims == ("patch", "y", "x")
        assert shard["slope"].attrs["units"] == "degree"
        np.testing.assert_array_equal(shard["slope"].values, [one.values[2] for one in patches[4:]])
        assert shard["name"].values.tolist() == [one.name for one in patches[4:]]
        assert shard["crs"].values.tolist() == [UTM] * 4
        assert shard["row"].values.tolist() == [32, 40, 48, 56]
        assert shard["digest_slope"].values.tolist() == [one.facts["digest_slope"] for one in patches[4:]]
        np.testing.assert_array_equal(shard["transform"], [one.facts["transform"] for one in patches[4:]])
        np.testing.assert_array_equal(
            shard["valid_fraction"], [one.facts["valid_fraction"] for one in patches[4:]]
        )
        assert [json.loads(text) for text in shard["boxes"].values] == [one.boxes for one in patches[4:]]


def test_a_tar_has_no_owner_and_no_time(tmp_path: Path) -> None:
    written(tmp_path, "webdataset")
    with tarfile.open(tmp_path / "shards/000000.tar") as tar:
        entries = tar.getmembers()
    assert len(entries) == 9
    assert {(one.mtime, one.uid, one.gid, one.uname) for one in entries} == {(0, 0, 0, "")}


def test_names_with_dots_are_kept_apart_in_a_tar(tmp_path: Path) -> None:
    like = layout()
    names = ["v1.2__r0", "v1", "v1%2E2__r0"]
    patches = [
        replace(one, facts={**one.facts, "name": name})
        for one, name in zip(cut_patches(3, like), names, strict=True)
    ]
    store = STORES["webdataset"]
    store.write(tmp_path, 0, patches, like)
    store.settle(tmp_path, [(0, 3)], like)
    rows = pd.DataFrame({"name": names, "shard": 0, "place": range(3)})
    assert_same(store.read(tmp_path, rows, like), patches)
    assert not any("." in key_of(name) for name in names)


READ_BY_WEBDATASET = """
import pickle, sys, webdataset
tars = sys.argv[2:]
samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode())
with open(sys.argv[1], "wb") as file:
    pickle.dump(samples, file)
"""


def test_webdataset_itself_reads_the_tars(tmp_path: Path) -> None:
    if importlib.util.find_spec("webdataset") is None:
        pytest.skip("the webdataset library is not installed")
    patches, _ = written(tmp_path, "webdataset")
    tars = [str(tmp_path / f"shards/{number:06d}.tar") for number in range(3)]
    # In a process of its own: it leaves files open.
    found = tmp_path / "found"
    subprocess.run([sys.executable, "-c", READ_BY_WEBDATASET, str(found), *tars], check=True)
    samples = pickle.loads(found.read_bytes())
    assert [one["__key__"] for one in samples] == [one.name for one in patches]
    for sample, one in zip(samples, patches, strict=True):
        np.testing.assert_array_equal(sample["npy"], one.values)
        np.testing.assert_array_equal(sample["masks.npy"], one.masks)
        told = sample["json"]
        assert told["transform"] == one.facts["transform"]
        assert told["valid_fraction"] == one.facts["valid_fraction"]
        assert told["boxes"] == one.boxes
        assert told["bands"] == list(BANDS)


@pytest.fixture(scope="module")
def stack() -> Any:
    from insarfeat import synth

    return synth.scene(seed=1, size=128)[["elevation", "coherence_true", "landslide"]].chunk(y=64, x=64)


@pytest.mark.parametrize("name", STORES)
def test_extracted_patches_are_windows_of_the_stack(name: str, stack: Any, tmp_path: Path) -> None:
    from insarfeat.georeference import grid_of
    from insarfeat.tiling import extract_patches, open_patches

    extract_patches(stack, tmp_path / "patches", size=48, stride=24, format=name)
    patches = open_patches(tmp_path / "patches")
    assert patches.format == name
    assert len(patches) == 25
    layers = [stack[band].values for band in patches.bands]
    labels = stack["landslide"].values
    found = patches.read(np.arange(25))
    for row, values, masks in zip(patches.table.itertuples(), found.values, found.masks, strict=True):
        place = slice(row.row, row.row + 48), slice(row.column, row.column + 48)
        np.testing.assert_array_equal(values, [layer[place] for layer in layers])
        np.testing.assert_array_equal(masks[0], labels[place])
        kind = {"geotiff": "images/{}.tif", "netcdf": "NETCDF:images/{}.nc:elevation"}.get(name)
        if kind is not None:
            target = kind.replace("images", f"{patches.path}/images").format(row.name)
            with rasterio.open(target) as file:
                a, b, c, d, e, f = grid_of(stack["elevation"]).affine
                expected = (a, b, c + a * row.column, d, e, f + e * row.row)
                np.testing.assert_allclose(list(file.transform)[:6], expected, rtol=0, atol=1e-6)
                assert CRS(file.crs.to_wkt()) == CRS(grid_of(stack["elevation"]).crs_wkt)
                np.testing.assert_array_equal(file.read(1), values[0])
