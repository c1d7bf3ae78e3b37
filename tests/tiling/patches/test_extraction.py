"""Patches are the stack's own pixels; what is not there is counted; a kill loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import insarfeat
from insarfeat import tiling
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, UnreadableInput
from insarfeat.tiling import Sampling, SmallCopies
from insarfeat.windows import Window

FORMATS = ("zarr", "webdataset", "netcdf-shards", "netcdf", "geotiff")


def stack(height: int = 150, width: int = 210, *, seed: int = 0, holes: bool = True) -> xr.Dataset:
    """Two bands and labels on a map; a corner and a speckle of nodata."""
    random = np.random.default_rng(seed)
    bands = random.normal(size=(2, height, width)).astype("f4")
    if holes:
        bands[0, :50, :70] = np.nan
        bands[1][random.random((height, width)) < 0.02] = np.nan
    labels = np.zeros((height, width), "u1")
    labels[90:104, 120:131] = 1
    labels[20:60, 150:200] = 1
    layers = {"wrapped_phase": bands[0], "coherence": bands[1], "landslide": labels}
    coords = {
        "y": 5e6 - 15.0 * np.arange(height),
        "x": 6e5 + 15.0 * np.arange(width),
        "spatial_ref": xr.DataArray(np.int32(0), attrs={"crs_wkt": "EPSG:32632"}),
    }
    return xr.Dataset({name: (("y", "x"), layer) for name, layer in layers.items()}, coords)


def pixels_at(data: xr.Dataset, row: Any, bands: tuple[str, ...]) -> Any:
    """The stack under a row of the table, cut by hand, NaN beyond the raster."""
    whole = np.stack([data[name].values for name in bands])
    padded = np.pad(whole, ((0, 0), (0, 300), (0, 300)), constant_values=np.nan)
    return padded[:, row["row"] : row["row"] + row["height"], row["column"] : row["column"] + row["width"]]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_back_the_pixels_and_labels_of_the_stack(tmp_path: Path, format: str) -> None:
    data = stack()
    patches = tiling.extract_patches(data, tmp_path / "p", size=64, stride=32, min_valid=0.3, format=format)
    assert len(patches) > 10
    for number, row in patches.table.iterrows():
        patch = patches[int(str(number))]
        assert np.array_equal(patch.values, pixels_at(data, row, patches.bands), equal_nan=True)
        window = Window(row["row"], row["column"], 64, 64)
        assert np.array_equal(patch.masks[0], data["landslide"].values[window.slices])


@given(
    size=st.integers(5, 40),
    stride=st.integers(3, 50),
    edge=st.sampled_from(["shift", "pad", "drop"]),
    shape=st.tuples(st.integers(20, 90), st.integers(20, 90)),
    chunk=st.integers(7, 60),
    min_valid=st.sampled_from([0.0, 0.4, 0.9]),
)
def test_any_size_stride_edge_and_chunks_give_what_a_plain_loop_gives(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    stride: int,
    edge: Any,
    shape: Any,
    chunk: int,
    min_valid: float,
) -> None:
    data = stack(*shape)
    out = tmp_path_factory.mktemp("patches") / "p"
    patches = tiling.extract_patches(
        data.chunk({"y": chunk, "x": chunk}), out, size=size, stride=stride, min_valid=min_valid,
        sampling=Sampling(edge=edge), scheduler=2,
    )  # fmt: skip
    if edge == "shift" and min(shape) < size:
        assert len(patches) == 0
        assert patches.report.left_out == {"scene smaller than a patch": 1}
        return
    expected = {}
    for window in tiling.PatchGrid(shape, size, stride, edge):
        row = {"row": window.top, "column": window.left, "height": size, "width": size}
        pixels = pixels_at(data, row, ("wrapped_phase", "coherence"))
        share = np.isfinite(pixels).all(axis=0).mean()
        if share >= min_valid - 1e-12:
            expected[window.top, window.left] = pixels, share
    found = {(row["row"], row["column"]): row for _, row in patches.table.iterrows()}
    assert set(found) == set(expected)
    arrays = patches.read(np.arange(len(patches))).values
    for (place, row), values in zip(found.items(), arrays, strict=True):
        assert np.array_equal(values, expected[place][0], equal_nan=True)
        assert row["valid_fraction"] == pytest.approx(expected[place][1], abs=1e-6)


def test_the_tables_numbers_are_those_of_the_pixels(tmp_path: Path) -> None:
    data = stack()
    patches = tiling.extract_patches(data, tmp_path / "p", size=64, stride=32, min_valid=0.2)
    for number in range(len(patches)):
        patch = patches[number]
        for band, values in zip(patches.bands, patch.values, strict=True):
            known = values[np.isfinite(values)].astype("f8")
            told = [patch.facts[f"{what}_{band}"] for what in ("count", "mean", "std", "min", "max")]
            expected = [known.size, known.mean(), known.std(), known.min(), known.max()]
            assert told == pytest.approx(expected, rel=1e-5, abs=1e-6)
            from insarfeat.tiling.patches.parts.digests import digest

            assert patch.facts[f"digest_{band}"] == digest(values)
        assert patch.facts["label_pixels"] == (patch.masks[0] == 1).sum()


def test_a_patch_knows_where_it_lies(tmp_path: Path) -> None:
    data = stack()
    patches = tiling.extract_patches(data, tmp_path / "p", size=64, stride=50, min_valid=0)
    for _, row in patches.table.iterrows():
        assert list(row["transform"]) == [
            15,
            0,
            6e5 - 7.5 + 15 * row["column"],
            0,
            -15,
            5e6 + 7.5 - 15 * row["row"],
        ]
        assert row["west"] == row["transform"][2]
        assert row["north"] == row["transform"][5]
        assert row["east"] - row["west"] == row["north"] - row["south"] == 64 * 15
        assert "32632" in row["crs"] or "UTM zone 32N" in row["crs"]


def test_the_table_is_geoparquet_that_others_read(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas", reason="reads GeoParquet with other eyes")
    patches = tiling.extract_patches(stack(), tmp_path / "p", size=64, min_valid=0)
    frame = geopandas.read_parquet(patches.path / "table.parquet")
    assert frame.crs == "OGC:CRS84"
    back = frame.to_crs("EPSG:32632").bounds
    for ours, theirs in (("west", "minx"), ("south", "miny"), ("east", "maxx"), ("north", "maxy")):
        assert np.allclose(frame[ours], back[theirs], atol=0.01)


def test_nothing_is_left_out_in_silence(tmp_path: Path) -> None:
    data = stack()
    for number, sampling in enumerate((Sampling(), Sampling(edge="drop"), Sampling(negatives=1.0))):
        patches = tiling.extract_patches(
            data, tmp_path / f"p{number}", size=64, stride=32, min_valid=0.5, sampling=sampling
        )
        report = patches.report
        assert report.considered == report.kept + sum(report.left_out.values())
        assert report.kept == len(patches)
        assert report.considered == len(tiling.PatchGrid((150, 210), 64, 32))
        assert "too few valid pixels" in str(report)


def test_overlap_is_stored_once(tmp_path: Path) -> None:
    data = stack(holes=False)
    apart = tiling.extract_patches(data, tmp_path / "a", size=64, min_valid=0)
    overlapping = tiling.extract_patches(
        data.isel(y=slice(0, 128), x=slice(0, 192)), tmp_path / "b", size=64, stride=32, min_valid=0
    )

    def stored(patches: Any) -> int:
        return sum(
            one.stat().st_size for one in (patches.path / "data.zarr" / "bands").rglob("*") if one.is_file()
        )

    per_pixel = stored(apart) / (len(apart) * 64 * 64)
    assert len(overlapping) == 15
    assert stored(overlapping) / (128 * 192) < 1.2 * per_pixel


def test_the_zarr_is_one_that_everyone_reads(tmp_path: Path) -> None:
    data = stack()
    patches = tiling.extract_patches(data, tmp_path / "p", size=64, stride=32, min_valid=0)
    with xr.open_zarr(patches.path / "data.zarr", chunks=None) as opened:
        assert opened["bands"].dims == ("patch", "band", "y", "x")
        assert opened["band"].values.tolist() == list(patches.bands)
        ours = patches.read(np.arange(len(patches)))
        assert np.array_equal(opened["bands"].values, ours.values, equal_nan=True)
        assert np.array_equal(opened["masks"].values, ours.masks)
        for name in ("row", "column", "label_pixels", "label_landslide"):
            assert opened[name].values.tolist() == patches.table[name].tolist()
        assert {opened["crs"].attrs["texts"][k] for k in opened["crs"].values} == {"EPSG:32632"}
        assert np.array_equal(opened["transform"].values, np.stack(patches.table["transform"]))


class Counting:
    """A source that counts how often each chunk of it is read."""

    def __init__(self, values: Any, chunk: int) -> None:
        self.values, self.chunk, self.reads = values, chunk, {}  # type: ignore[var-annotated]
        self.shape, self.dtype, self.token = values.shape, values.dtype, "counting"
        self.stored_chunk = (chunk, chunk)

    def fingerprint(self) -> str:
        return self.token

    def describe(self) -> str:
        return self.token

    def read(self, lead: tuple[int, ...], window: Window) -> Any:
        for row in range(window.top // self.chunk, -(-window.bottom // self.chunk)):
            for column in range(window.left // self.chunk, -(-window.right // self.chunk)):
                self.reads[row, column] = self.reads.get((row, column), 0) + 1
        return self.values[(*lead, *window.slices)]


@pytest.mark.parametrize("workers", [1, 3])
def test_each_chunk_is_read_once_however_much_patches_overlap(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insarfeat.tiling.patches.planning._MOST_SIDE", 1024)
    source = Counting(np.random.default_rng(0).normal(size=(2400, 3000)).astype("f4"), 300)
    layer = lazy_source(source, ((300,) * 8, (300,) * 10))
    data = xr.Dataset({"coherence": (("y", "x"), layer)})
    patches = tiling.extract_patches(data, tmp_path / "p", size=256, stride=100, scheduler=workers)
    assert len(patches) > 600
    assert len(source.reads) == 80
    assert set(source.reads.values()) == {1}


def test_several_pairs_share_what_they_have_in_common(tmp_path: Path) -> None:
    data = stack(holes=False)
    source = Counting(data["coherence"].values, 300)
    phases = np.stack([data["wrapped_phase"].values, data["wrapped_phase"].values + 1])
    both = xr.Dataset(
        {
            "wrapped_phase": (("pair", "y", "x"), phases),
            "slope": (("y", "x"), lazy_source(source, ((150,), (210,)))),
            "landslide": data["landslide"],
        },
        {"pair": ["20230101_20230113", "20230113_20230125"]},
    )
    patches = tiling.extract_patches(both, tmp_path / "p", size=64, scheduler=1)
    assert set(source.reads.values()) == {1}
    assert patches.table["pair"].unique().tolist() == ["20230101_20230113", "20230113_20230125"]
    assert patches.table.groupby("pair").size().tolist() == [12, 12]
    one, other = (patches[patches.table["pair"].to_numpy() == name] for name in both["pair"].values)  # type: ignore[index]
    ours, theirs = one.read(np.arange(12)).values, other.read(np.arange(12)).values
    assert np.allclose(ours[:, 0] + 1, theirs[:, 0], atol=1e-6)
    assert np.array_equal(ours[:, 1], theirs[:, 1])
    assert (
        set(one.table["slides"].explode().dropna()) == set(other.table["slides"].explode().dropna()) != set()
    )


def test_small_slides_get_a_second_copy_cropped_and_filled_up(tmp_path: Path) -> None:
    data = stack(holes=False)
    sampling = Sampling(copies=SmallCopies(below=200, crop=32))
    patches = tiling.extract_patches(data, tmp_path / "p", size=64, sampling=sampling)
    copies = patches.table[patches.table["copy"]]
    small = patches.table[(patches.table["label_pixels"].between(1, 199)) & ~patches.table["copy"]]
    assert len(copies) == len(small) == patches.report.copies > 0
    for number, row in copies.iterrows():
        patch = patches[int(str(number))]
        assert (row["height"], row["width"]) == (32, 32)
        expected = np.zeros((2, 64, 64), "f4")
        expected[:, 16:48, 16:48] = pixels_at(data, row, patches.bands)
        assert np.array_equal(patch.values, expected)
        assert row["label_pixels"] == (patch.masks[0] == 1).sum() > 0
        assert row["transform"][2] == 6e5 - 7.5 + 15 * (row["column"] - 16)
        box = patch.boxes.iloc[0]
        inside = patch.masks[0][int(box["row0"]) : int(box["row1"]), int(box["col0"]) : int(box["col1"])]
        assert (inside == 1).all()
        original = patches.table.iloc[int(str(number))]
        owner = small[(small["row"] <= original["row"]) & (small["row"] + 64 >= original["row"] + 32)]
        assert len(owner) >= 1


def test_statistics_are_those_of_all_pixels_of_the_patches(tmp_path: Path) -> None:
    patches = tiling.extract_patches(stack(), tmp_path / "p", size=64, stride=32, min_valid=0.2)
    pixels = patches.read(np.arange(len(patches))).values
    found = patches.statistics()
    for band, values in zip(patches.bands, np.moveaxis(pixels, 1, 0), strict=True):
        known = values[np.isfinite(values)].astype("f8")
        row = found.loc[band]
        assert row["count"] == known.size
        assert [row["mean"], row["std"]] == pytest.approx([known.mean(), known.std()], abs=1e-5)
        assert [row["min"], row["max"]] == [known.min(), known.max()]
        for share in (2, 25, 75, 98):
            assert row[f"p{share:02d}"] == pytest.approx(np.percentile(known, share), rel=0.005, abs=0.005)
    some = patches[5:9]
    assert some.statistics().loc["coherence", "p50"] == pytest.approx(
        np.nanmedian(some.read(np.arange(4)).values[:, 1]), abs=0.01
    )
    assert patches.label_pixels["landslide"] == patches.table["label_pixels"].sum()


@pytest.mark.parametrize("chunk", [None, 50])
def test_a_plan_gives_its_patches_in_a_loop_as_a_dataset_would(tmp_path: Path, chunk: int | None) -> None:
    data = stack() if chunk is None else stack().chunk(chunk)
    plan = tiling.plan_patches(data, size=64, stride=32, min_valid=0.2)
    stored = plan.run(tmp_path / "p")
    found = list(plan)
    assert [one.name for one in found] == stored.table["name"].tolist()
    arrays = stored.read(np.arange(len(stored)))
    assert np.array_equal(np.stack([one.values for one in found]), arrays.values, equal_nan=True)
    assert np.array_equal(np.stack([one.masks for one in found]), arrays.masks)


def test_a_dataset_is_there_when_it_is_whole_and_is_not_replaced_unasked(tmp_path: Path) -> None:
    data = stack()
    tiling.extract_patches(data, tmp_path / "p", size=64)
    assert not (tmp_path / "p.partial").exists()
    with pytest.raises(OutputExists):
        tiling.extract_patches(data, tmp_path / "p", size=32)
    again = tiling.extract_patches(data, tmp_path / "p", size=32, overwrite=True)
    assert again.size.height == 32


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    data = stack()
    for options, told in (
        ({"format": "zar"}, "format must be one of zarr.*did you mean 'zarr'"),
        ({"min_valid": 2}, "min_valid must be a share"),
        ({"colour": 1}, "colour is no option"),
        ({"sampling": Sampling(copies=SmallCopies(crop=128)), "size": 64}, "copies.crop is 128"),
        ({"bands": ["landslide"]}, "no continuous layer"),
        ({"bands": ["coherense"]}, "coherense"),
    ):
        with pytest.raises(InvalidArgument, match=told):
            tiling.extract_patches(data, tmp_path / "p", **{"size": 64, **options})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="needs labels"):
        tiling.extract_patches(data.drop_vars("landslide"), tmp_path / "p", sampling="centred")
    with pytest.raises(MissingInput, match="no dataset of patches"):
        tiling.open_patches(tmp_path)
    assert not (tmp_path / "p.partial").exists()


def test_a_damaged_shard_is_told(tmp_path: Path) -> None:
    patches = tiling.extract_patches(stack(), tmp_path / "p", size=64, min_valid=0)
    shard = next(one for one in (patches.path / "data.zarr" / "bands" / "c").rglob("*") if one.is_file())
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(UnreadableInput, match="damaged or incomplete"):
        patches[0]


_RUNNER = """
import sys
sys.path.insert(0, sys.argv[1])
from test_extraction import big_stack
from insarfeat import tiling
import insarfeat.tiling.patches.planning as planning
planning._MOST_SIDE = 320
tiling.extract_patches(big_stack(), sys.argv[2], size=64, stride=32, min_valid=0.3, labels="landslide",
                       sampling=tiling.Sampling(copies=tiling.SmallCopies(200, 32)), format=sys.argv[3], scheduler=2)
"""


def big_stack() -> xr.Dataset:
    data = stack(900, 1100)
    data["landslide"][400:410, 500:509] = 1
    return data


@pytest.mark.parametrize("format", ["zarr", "webdataset", "netcdf-shards", "geotiff"])
def test_killed_at_any_moment_it_ends_in_the_same_values_attributes_and_tables(
    tmp_path: Path, format: str
) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}

    def begin(out: Path) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-c", _RUNNER, str(Path(__file__).parent), str(out), format]
        return subprocess.Popen(arguments, env=environment)

    start = time.monotonic()
    assert begin(tmp_path / "whole").wait() == 0
    took = time.monotonic() - start
    random = np.random.default_rng(1)
    kills = 0
    while not (tmp_path / "killed").exists() and kills < 12:
        run = begin(tmp_path / "killed")
        try:
            # The first one early: on a busy machine a run may be twice as fast as the one before.
            run.wait(timeout=took * (random.uniform(0.3, 1.05) if kills else 0.25))
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            kills += 1
    if not (tmp_path / "killed").exists():
        assert begin(tmp_path / "killed").wait() == 0
    assert kills > 0
    one, other = tiling.open_patches(tmp_path / "whole"), tiling.open_patches(tmp_path / "killed")
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.boxes, other.boxes)
    assert one.report == other.report
    told = [(patches.path / "dataset.json").read_text() for patches in (one, other)]
    assert told[0] == told[1]
    ours, theirs = (patches.read(np.arange(len(patches))) for patches in (one, other))
    assert np.array_equal(ours.values, theirs.values, equal_nan=True)
    assert np.array_equal(ours.masks, theirs.masks)
    names = [
        sorted(str(file.relative_to(patches.path)) for file in patches.path.rglob("*"))
        for patches in (one, other)
    ]
    assert names[0] == names[1]
    assert not (tmp_path / "killed.partial").exists()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("place", ["write_tables", "Gathered.save", "Store.settle"])
def test_stopped_while_it_is_put_together_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, place: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setattr("insarfeat.tiling.patches.planning._MOST_SIDE", 128)
    finishing = "insarfeat.tiling.patches.cutting.finishing"
    whole = tiling.extract_patches(stack(), tmp_path / "whole", size=64, stride=32, format=format)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if place == "Store.settle":  # after all is in its place, before anybody knows
            store = tiling.patches.stores.STORES[format]
            settle = type(store).settle

            def settle_and_stop(self: Any, *arguments: Any) -> None:
                settle(self, *arguments)
                raise KeyboardInterrupt

            patched.setattr(type(store), "settle", settle_and_stop)
        else:
            patched.setattr(f"{finishing}.{place}", stop)
        with pytest.raises(KeyboardInterrupt):
            tiling.extract_patches(stack(), tmp_path / "p", size=64, stride=32, format=format)
    assert not (tmp_path / "p").exists()
    found = tiling.extract_patches(stack(), tmp_path / "p", size=64, stride=32, format=format)
    pd.testing.assert_frame_equal(found.table, whole.table)
    count = np.arange(len(whole))
    assert np.array_equal(found.read(count).values, whole.read(count).values, equal_nan=True)


def test_a_cluster_gives_the_same(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    path = insarfeat.write(stack(), tmp_path / "stack.zarr")
    alone = tiling.extract_patches(path, tmp_path / "a", size=64, stride=32)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        there = tiling.extract_patches(
            path, tmp_path / "b", size=64, stride=32, scheduler=cluster.scheduler_address
        )
    pd.testing.assert_frame_equal(alone.table, there.table)
    count = np.arange(len(alone))
    assert np.array_equal(alone.read(count).values, there.read(count).values, equal_nan=True)
