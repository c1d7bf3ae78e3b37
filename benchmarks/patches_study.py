"""Patches, for docs/patches.md: processor time beside xbatcher and plain windows, one run; the index; kills; size.

``python -m benchmarks.patches_study speed --json patches.json --docs docs/patches.md`` (about ten minutes on a quiet
machine, 8 GB of disk), then ``index``, ``chunks`` and ``kill``. Processor time of all threads is counted; medians of
three interleaved rounds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import insarfeat
from benchmarks.pages import renew, table
from insarfeat import tiling
from insarfeat.dispatch.lazy import BlockReader
from insarfeat.tiling.patches.cutting.reading import Blocks, Reader, forget_units
from insarfeat.windows import Shape, Window

os.environ.setdefault(
    "GDAL_CACHEMAX", "64"
)  # MB: with its own, it would hold most of this raster from way to way

SIDE, SIZE, STRIDE = 10_000, 256, 128
ROUNDS = 3
SOME = 308  # patches that slow peers cut: four rows of 77
BANDS = ("wrapped_phase", "sensitivity", "terrain_pc1")


def scene(side: int) -> xr.Dataset:
    """Three noisy layers, as hard to pack as interferograms are."""
    from scipy.ndimage import zoom

    random_ = np.random.default_rng(0)
    ground = zoom(random_.normal(size=(side // 16 + 1,) * 2), 16, order=1)[:side, :side].astype("f4")

    def noisy(values: Any, scale: float) -> Any:
        return (values + random_.normal(scale=scale, size=values.shape)).astype("f4")

    layers = {
        "wrapped_phase": np.angle(np.exp(1j * noisy(6 * ground, 0.5))).astype("f4"),
        "sensitivity": np.clip(noisy(0.3 * np.abs(ground), 0.05), 0, 1),
        "terrain_pc1": noisy(ground, 0.1),
    }
    coords = {
        "y": 5e6 - 15.0 * np.arange(side),
        "x": 6e5 + 15.0 * np.arange(side),
        "spatial_ref": xr.DataArray(np.int32(0), attrs={"crs_wkt": "EPSG:32632"}),
    }
    return xr.Dataset({name: (("y", "x"), layer) for name, layer in layers.items()}, coords)


def files(work: Path, side: int) -> dict[str, Path]:
    """The scene in the formats that are compared; made once."""
    import rasterio

    found = {
        "Zarr, ours": work / "ours.zarr",
        "Zarr, xarray's": work / "xarray.zarr",
        "NetCDF": work / "ours.nc",
        "COG": work / "cog.tif",
    }
    if all(path.exists() for path in found.values()):
        return found
    data = scene(side)
    insarfeat.write(data, found["Zarr, ours"], overwrite=True)
    insarfeat.write(data, found["NetCDF"], overwrite=True)
    chunked = {name: {"chunks": (512, 512)} for name in BANDS}
    data.drop_vars("spatial_ref").to_zarr(
        found["Zarr, xarray's"], mode="w", encoding=chunked, zarr_format=3, consolidated=False
    )
    with tempfile.TemporaryDirectory(dir=work) as folder:
        insarfeat.write(data, Path(folder, "plain.tif"))
        from rasterio.shutil import copy

        with rasterio.open(Path(folder, "plain.tif")) as plain:
            copy(plain, found["COG"], driver="COG", COMPRESS="DEFLATE", PREDICTOR=3, LEVEL=1, BLOCKSIZE=512)
    return found


# -- ways to get patches --------------------------------------------------------------------------------------


def in_a_loop(path: Path) -> int:
    """Ours, without a dataset."""
    return sum(one.values.shape[1] == SIZE for one in tiling.plan_patches(path, size=SIZE, stride=STRIDE))


def just_cut(path: Path) -> int:
    """Ours without what is measured of each patch: blocks are read, patches are views of them."""
    plan = tiling.plan_patches(path, size=SIZE, stride=STRIDE)
    ((program, _),) = plan._readers
    tops, lefts = tiling.PatchGrid((SIDE, SIDE), SIZE, STRIDE).corners()
    blocks = Blocks(Shape(SIDE, SIDE), plan._side, Shape(SIZE, SIZE))
    reader = Reader(program, (), len(BANDS), blocks)
    count = 0
    for block in np.unique(blocks.numbers(tops, lefts)):
        mine = blocks.numbers(tops, lefts) == block
        top, left = int(tops[mine].min()), int(lefts[mine].min())
        window = Window(top, left, int(tops[mine].max()) + SIZE - top, int(lefts[mine].max()) + SIZE - left)
        region = reader.read(window, BlockReader(program, window, [()], ()))
        for row, column in zip((tops[mine] - top).tolist(), (lefts[mine] - left).tolist(), strict=True):
            count += region.values[:, row : row + SIZE, column : column + SIZE].shape[1] == SIZE
    forget_units()
    return count


def extracted(path: Path, out: Path, format: str = "zarr") -> int:
    """Ours, written as a dataset."""
    shutil.rmtree(out, ignore_errors=True)
    return len(tiling.extract_patches(path, out, size=SIZE, stride=STRIDE, format=format, scheduler=1))


def by_xbatcher(path: Path) -> int:
    """Xbatcher over Dask and xarray, as its documentation has it."""
    import xbatcher

    engine: Any = "zarr" if path.suffix == ".zarr" else "netcdf4"
    more: dict[str, Any] = {"consolidated": False} if path.suffix == ".zarr" else {}
    data = xr.open_dataset(path, engine=engine, chunks={}, **more)[
        list(BANDS)
    ].to_dataarray()  # chunks as they are stored
    step = {"y": SIZE - STRIDE, "x": SIZE - STRIDE}
    batches = xbatcher.BatchGenerator(data, {"y": SIZE, "x": SIZE}, input_overlap=step)
    count = 0
    for batch in batches:
        np.asarray(batch)
        count += 1
        if count == SOME:
            break
    return count


def by_windows(path: Path) -> int:
    """Plain windows, one patch after the other, with the format's own library."""
    read = {".zarr": _zarr_windows, ".nc": _netcdf_windows, ".tif": _rasterio_windows}[path.suffix]
    count = 0
    for pixels in read(path):
        assert pixels.shape == (3, SIZE, SIZE)
        count += 1
        if count == SOME:
            break
    return count


def _windows() -> Iterator[tuple[slice, slice]]:
    return (window.slices for window in tiling.PatchGrid((SIDE, SIDE), SIZE, STRIDE, "drop"))


def _zarr_windows(path: Path) -> Iterator[Any]:
    import zarr

    arrays = [zarr.open_array(path / name, mode="r") for name in BANDS]
    return (np.stack([array[place] for array in arrays]) for place in _windows())


def _netcdf_windows(path: Path) -> Iterator[Any]:
    import netCDF4

    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        for place in _windows():
            yield np.stack([file[name][place] for name in BANDS])


def _rasterio_windows(path: Path) -> Iterator[Any]:
    import rasterio

    with rasterio.open(path) as file:
        for rows, columns in _windows():
            yield file.read(window=((rows.start, rows.stop), (columns.start, columns.stop)))


def timed(action: Callable[[], int]) -> float:
    """Milliseconds of processor time for each patch."""
    start = time.process_time()
    count = action()
    return 1e3 * (time.process_time() - start) / count


def speed(work: Path, side: int) -> dict[str, Any]:
    """All ways over all formats, interleaved."""
    paths = files(work, side)
    out = work / "dataset"
    small = scene(1024)
    for format in ("zarr", "webdataset", "netcdf-shards", "geotiff"):  # compiles
        shutil.rmtree(out, ignore_errors=True)
        tiling.extract_patches(small, out, size=SIZE, stride=STRIDE, format=format)
    ways: dict[str, dict[str, Callable[[], int]]] = {}
    for name, path in paths.items():
        of: dict[str, Callable[[], int]] = {
            "reading and cutting": partial(just_cut, path),
            "in a loop, measured": partial(in_a_loop, path),
            "as a dataset": partial(extracted, path, out),
            "plain windows": partial(by_windows, path),
        }
        if path.suffix != ".tif":  # which it does not read
            of["xbatcher"] = partial(by_xbatcher, path)
        ways[name] = of
    found: dict[str, dict[str, list[float]]] = {name: {way: [] for way in of} for name, of in ways.items()}
    for number in range(ROUNDS):
        for name, of in ways.items():
            for way, action in of.items():
                found[name][way].append(timed(action))
                print(number, name, way, f"{found[name][way][-1]:.2f} ms", flush=True)
    written: dict[str, list[float]] = {}
    for format in ("webdataset", "netcdf-shards", "geotiff"):
        written[format] = [timed(partial(extracted, paths["Zarr, ours"], out, format))]
        print(format, written[format], flush=True)
    extracted(paths["Zarr, ours"], out)
    return {
        "side": side,
        "ways": found,
        "written": written,
        "read back": read_back(out),
        "space": space(out, side),
    }


def read_back(out: Path) -> dict[str, float]:
    """Milliseconds for a random patch of the dataset: ours, and the zarr library's."""
    import zarr

    patches = tiling.open_patches(out)
    numbers = np.random.default_rng(0).integers(0, len(patches), 200)
    array = zarr.open_array(out / "data.zarr" / "bands", mode="r")

    def ours() -> int:
        for number in numbers:
            patches.read([number])
        return len(numbers)

    def library() -> int:
        for number in numbers:
            array[int(number)]
        return len(numbers)

    ours(), library()
    return {"ours": timed(ours), "zarr": timed(library)}


def space(out: Path, side: int) -> dict[str, float]:
    """Bytes of the dataset's pixels, and of all patches as they are in memory."""
    stored = sum(one.stat().st_size for one in (out / "data.zarr").rglob("*") if one.is_file())
    return {
        "stored": stored,
        "pixels": len(tiling.open_patches(out)) * 12.0 * SIZE**2,
        "raster": 12.0 * side**2,
    }


# -- the index, and kills -------------------------------------------------------------------------------------


def index() -> dict[str, float]:
    """What 24 million patches take, and when the first is there; what xbatcher takes for each."""
    import tracemalloc

    import xbatcher

    start = time.perf_counter()
    grid = tiling.PatchGrid((128 * 6000, 128 * 4001), SIZE, STRIDE)
    assert grid[0].height == SIZE
    first = time.perf_counter() - start
    half = grid[np.arange(len(grid)) % 2 == 0]
    tracemalloc.start()
    data = xr.DataArray(np.broadcast_to(np.float32(0), (SIDE, SIDE)), dims=("y", "x"))
    before = tracemalloc.get_traced_memory()[0]
    step = {"y": SIZE - STRIDE, "x": SIZE - STRIDE}
    batches = xbatcher.BatchGenerator(data, {"y": SIZE, "x": SIZE}, input_overlap=step)
    taken = tracemalloc.get_traced_memory()[0] - before
    return {
        "patches": len(grid), "bytes": grid.nbytes / len(grid), "selected": half.nbytes / len(half),
        "first": first, "xbatcher": taken / len(batches),
    }  # fmt: skip


def chunks(work: Path) -> dict[str, float]:
    """Milliseconds of processor time for a chunk of 512 x 512: ours, the zarr library's, and unpacking alone."""
    import zarr

    from insarfeat.io.zarr_chunks import ChunkedArray, codec_of

    path = (
        insarfeat.write(scene(4096)[["wrapped_phase"]], work / "chunks.zarr", overwrite=True)
        / "wrapped_phase"
    )
    ours, library = ChunkedArray.of(path), zarr.open_array(path, mode="r")
    assert ours is not None
    assert ours.codec is not None
    windows = [Window(top, left, 512, 512) for top in range(0, 4096, 512) for left in range(0, 4096, 512)]
    packed, target = ours._packed((0, 0)), np.empty((512, 512), np.float32)
    codec = codec_of(ours.codec)
    ways: dict[str, Callable[[Window], Any]] = {
        "ours": lambda window: ours.read((), window),
        "zarr": lambda window: library[window.slices],
        "unpacking": lambda _: codec.decode(packed, out=target),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, read in ways.items():
            found[name].append(timed(partial(_all_of, read, windows)))
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def _all_of(read: Callable[[Window], Any], windows: list[Window]) -> int:
    for window in windows:
        read(window)
    return len(windows)


def _extract(path: Path, out: Path) -> None:
    tiling.extract_patches(path, out, size=SIZE, stride=STRIDE, scheduler=2)


def digest(out: Path) -> str:
    """Of all pixels, tables and what the dataset says of itself."""
    patches = tiling.open_patches(out)
    told = hashlib.blake2b(digest_size=12)
    for name in ("table.parquet", "boxes.parquet", "dataset.json", "statistics.npz"):
        told.update((out / name).read_bytes())
    for start in range(0, len(patches), 128):
        arrays = patches.read(np.arange(start, min(start + 128, len(patches))))
        told.update(arrays.values.tobytes() + arrays.masks.tobytes())
    return told.hexdigest()


def kill(work: Path, times: int) -> dict[str, Any]:
    """Killed at random moments until it is through; beside one that was left alone."""
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    path = work / "small.zarr"
    insarfeat.write(scene(5000), path, overwrite=True)
    context = multiprocessing.get_context("spawn")
    for name in ("alone", "killed"):
        shutil.rmtree(work / name, ignore_errors=True)
        shutil.rmtree(work / f"{name}.partial", ignore_errors=True)
    start = time.perf_counter()
    process = context.Process(target=_extract, args=(path, work / "alone"))
    process.start()
    process.join()
    took = time.perf_counter() - start
    chance = random.Random(3)
    moments: list[float] = []
    while not (work / "killed").exists():
        process = context.Process(target=_extract, args=(path, work / "killed"))
        process.start()
        if len(moments) < times:
            moment = chance.uniform(0.2, 1.0) * took
            process.join(moment)
            if process.exitcode is None and process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)
                moments.append(round(moment, 2))
        process.join()
    same = digest(work / "alone") == digest(work / "killed")
    return {"took": took, "moments": moments, "same": same}


def tables(known: dict[str, Any]) -> dict[str, str]:
    """What the page says."""
    found = {}
    if "speed" in known:
        ways = known["speed"]["ways"]
        heads = ("from", *next(iter(ways.values())))
        middle = {name: {way: statistics.median(one) for way, one in of.items()} for name, of in ways.items()}
        rows = [
            (name, *(f"{of[way]:.2f}" if way in of else "" for way in heads[1:]))
            for name, of in middle.items()
        ]
        found["speed"] = table(heads, rows)
        written = known["speed"]["written"] | {"zarr": [middle["Zarr, ours"]["as a dataset"]]}
        rows = [(name, f"{statistics.median(written[name]):.2f}") for name in sorted(written)]
        found["written"] = table(("format", "ms of processor time for a patch, all in all"), rows)
        back, taken = known["speed"]["read back"], known["speed"]["space"]
        heads = ("a random patch, ms", "by the zarr library, ms", "pixels of all patches, GB", "stored, GB")
        sizes = (f"{taken[what] / 1e9:.2f}" for what in ("pixels", "stored"))
        found["back"] = table(heads, [(f"{back['ours']:.2f}", f"{back['zarr']:.2f}", *sizes)])
    if "index" in known:
        one = known["index"]
        heads = (
            "patches",
            "bytes for each",
            "of a selection",
            "first patch after, ms",
            "xbatcher's bytes for each",
        )
        figures = (f"{one['bytes']:.0f}", f"{one['selected']:.0f}", f"{1e3 * one['first']:.2f}")
        found["index"] = table(heads, [(f"{one['patches']:,}", *figures, f"{one['xbatcher']:.0f}")])
    if "chunks" in known:
        one = known["chunks"]
        heads = ("ours, ms", "by the zarr library, ms", "unpacking alone, ms")
        found["chunks"] = table(heads, [tuple(f"{one[name]:.2f}" for name in ("ours", "zarr", "unpacking"))])
    if "kill" in known:
        one = known["kill"]
        same = "the same pixels, tables and description" if one["same"] else "SOMETHING ELSE"
        after = ", ".join(f"{moment:.1f}" for moment in one["moments"])
        found["kill"] = table(
            ("left alone, s", "killed after, s", "in the end"), [(f"{one['took']:.1f}", after, same)]
        )
    return found


def main() -> None:
    """Measure one thing, keep it, and write what is known where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "index", "chunks", "kill", "page"))
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--json", type=Path, default=Path("patches_study.json"))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--kills", type=int, default=10)
    arguments = parser.parse_args()
    known: dict[str, Any] = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    if arguments.what == "speed":
        known["speed"] = speed(arguments.work, arguments.side)
    elif arguments.what == "index":
        known["index"] = index()
    elif arguments.what == "chunks":
        known["chunks"] = chunks(arguments.work)
    elif arguments.what == "kill":
        known["kill"] = kill(arguments.work, arguments.kills)
    arguments.json.write_text(json.dumps(known, indent=1) + "\n")
    found = tables(known)
    for name, content in found.items():
        print(f"\n{name}\n{content}")
    if arguments.docs:
        arguments.docs.write_text(renew(arguments.docs.read_text(), found))


if __name__ == "__main__":
    main()
