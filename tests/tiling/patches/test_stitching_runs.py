"""Stitching what is not in memory, on clusters, and again after a run was cut off."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from contract import labelled
from stitched import Array, Twice, ramp

import insarfeat
from insarfeat.dispatch.expression import fingerprint
from insarfeat.dispatch.lazy import value_of
from insarfeat.errors import RunFailed
from insarfeat.tiling.patches.grid import PatchGrid
from insarfeat.tiling.patches.stitching import stitch
from insarfeat.tiling.workspace import partial_folder
from insarfeat.windows import Window

# -- arrays that are not in memory ----------------------------------------------------------------------------


class Shelf:
    """Patches that are made when they are sliced; counts what is alive."""

    dtype = np.dtype("f4")

    def __init__(self, grid: PatchGrid) -> None:
        self.grid = grid
        self.shape = (len(grid), grid.size.height, grid.size.width)
        self.alive = self.most = self.taken = 0
        self.lock = threading.Lock()

    def __getitem__(self, which: slice) -> Array:
        import weakref

        numbers = range(*which.indices(self.shape[0]))
        patches = np.stack([ramp(self.grid[number]) for number in numbers]).astype("f4")
        with self.lock:
            self.taken += len(patches)
            self.alive += len(patches)
            self.most = max(self.most, self.alive)
        weakref.finalize(patches, self._gone, len(patches))
        return patches

    def _gone(self, count: int) -> None:
        with self.lock:
            self.alive -= count


def test_a_large_raster_holds_a_few_patches_at_a_time(tmp_path: Path) -> None:
    import tracemalloc

    grid = PatchGrid((8192, 8192), 256, 128)
    shelf = Shelf(grid)
    layer = xr.DataArray(stitch(shelf, grid), dims=("y", "x"), name="layer")
    tracemalloc.start()
    out = insarfeat.plan(layer, tile=512).run(tmp_path / "a.zarr", scheduler=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shelf.most <= 2 * 2 * 8  # two workers, each with a batch and the one before
    assert peak < 100e6  # the raster is 268 MB, the patches are 1007 MB
    tiles = insarfeat.tiling.TileGrid((8192, 8192), 512)
    assert shelf.taken == sum(len(grid.under(tile.core)) for tile in tiles)
    stored = insarfeat.open_stack(out)["layer"]
    for window in (Window(0, 0, 300, 300), Window(4000, 5000, 200, 300), Window(7900, 7900, 292, 292)):
        found = stored[window.slices].values
        np.testing.assert_allclose(found, ramp(window), rtol=1e-6, atol=4e-3)


def kept(kind: str, patches: Array, folder: Path) -> Any:
    if kind == "memmap":
        mapped = np.memmap(folder / "a.dat", patches.dtype, "w+", 64, patches.shape)
        mapped[...] = patches
        mapped.flush()
        return np.memmap(folder / "a.dat", patches.dtype, "r", 64, patches.shape)
    if kind == "zarr":
        import zarr

        array = zarr.create_array(
            folder / "a.zarr", shape=patches.shape, chunks=(3, *patches.shape[1:]), dtype=patches.dtype
        )
        array[...] = patches
        return zarr.open_array(folder / "a.zarr", mode="r")
    if kind == "h5":
        import h5py

        with h5py.File(folder / "a.h5", "w") as file:
            file["patches"] = patches
        return h5py.File(folder / "a.h5", "r")["patches"]
    if kind == "dask":
        return da.from_array(patches, chunks=(4, *patches.shape[1:]))
    if kind == "xarray":
        return xr.DataArray(patches, dims=("patch", "y", "x"))
    return patches


KINDS = ("memmap", "zarr", "h5", "dask", "xarray", "numpy")


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_may_lie_anywhere(tmp_path: Path, kind: str) -> None:
    grid = PatchGrid((60, 50), 16, 8)
    patches = np.random.default_rng(0).random((len(grid), 16, 16)).astype("f4")
    array = kept(kind, patches, tmp_path)
    layer = xr.DataArray(stitch(array, grid), dims=("y", "x"), name="layer")
    out = insarfeat.plan(layer, tile=16).run(tmp_path / "out.zarr")
    expected = stitch(patches, grid).compute()
    np.testing.assert_array_equal(insarfeat.open_stack(out)["layer"].values, expected)


def test_a_memory_map_travels_as_its_name(tmp_path: Path) -> None:
    patches = np.random.default_rng(0).random((64, 64, 64)).astype("f4")
    grid = PatchGrid((512, 512), 64)
    found = stitch(kept("memmap", patches, tmp_path), grid)
    value, _ = value_of(found)
    sent = pickle.dumps(value)
    assert len(sent) < 100_000  # the weights, and no patches
    again = pickle.loads(sent)
    assert fingerprint([again]) == fingerprint([value])
    assert len(pickle.dumps(value_of(stitch(kept("memmap", patches, tmp_path)[:], grid))[0])) > 1_000_000


# -- resuming and clusters ------------------------------------------------------------------------------------


class Scaled:
    """A model with a state."""

    def __init__(self, factor: float) -> None:
        self.factor = np.full(3, factor)

    def __call__(self, window: Window) -> Array:
        return ramp(window) * self.factor[0]


def identity(patches: Any, grid: PatchGrid, **options: Any) -> str:
    return fingerprint([value_of(stitch(patches, grid, **options))[0]])


def test_the_same_function_is_known_again_in_another_process() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:];"  # as pytest has it
        "from test_stitching_runs import Scaled, identity, ramp; from insarfeat.tiling.patches.grid import PatchGrid;"
        "print(identity(Scaled(2), PatchGrid((40, 40), 16)), identity(ramp, PatchGrid((40, 40), 16)))"
    )
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True)
    there = done.stdout.split()
    here = [identity(Scaled(2), PatchGrid((40, 40), 16)), identity(ramp, PatchGrid((40, 40), 16))]
    assert there == here


def test_a_torch_model_in_a_script_is_known_again_by_its_weights(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    (tmp_path / "script.py").write_text(
        """
import sys

import torch
from test_stitching_runs import identity
from insarfeat.tiling.patches.grid import PatchGrid

class Model:
    def __init__(self, seed):
        torch.manual_seed(seed)
        self.net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.ReLU()).to(torch.bfloat16)

    def __call__(self, values):
        return self.net(torch.from_numpy(values))

grid = PatchGrid((40, 40), 16)
print(identity(Model(0), grid, channels=2), identity(Model(1), grid, channels=2))
"""
    )
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders)}
    found = [
        subprocess.run(
            [sys.executable, str(tmp_path / "script.py")],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout.split()
        for _ in "ab"
    ]
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_what_differs_is_another_run(tmp_path: Path) -> None:
    grid = PatchGrid((40, 40), 16)
    patches = np.zeros((9, 16, 16), "f4")
    found = [
        identity(Scaled(2), grid),
        identity(Scaled(3), grid),
        identity(Scaled(2), grid, blend="gaussian"),
        identity(Scaled(2), grid[:5]),
        identity(Scaled(2), grid[[0, 1, 2, 3, 5]]),
        identity(Scaled(2), PatchGrid((40, 40), 16, edge="pad")),
        identity(Scaled(2), grid, blend=np.ones((16, 16))),
        identity(Scaled(2), grid, blend=np.full((16, 16), 2.0)),
        identity(patches, grid),
        identity(patches + 1, grid),
        identity(LockedUp(), grid),
        identity(LockedUp(), grid),
    ]
    assert len(set(found)) == len(found)
    assert identity(patches.copy(), grid) == identity(patches, grid)
    assert identity(Scaled(2), grid) == found[0]


@pytest.mark.parametrize("kind", ["memmap", "zarr", "h5"])
def test_files_are_known_by_what_they_are(tmp_path: Path, kind: str) -> None:
    grid = PatchGrid((40, 40), 16)
    array = kept(kind, np.ones((9, 16, 16), "f4"), tmp_path)
    before = identity(array, grid)
    assert identity(array, grid) == before
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "zarr.json"]
    os.utime(files[0], ns=(1, 1))
    assert identity(array, grid) != before


class LockedUp:
    """A function that cannot be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, window: Window) -> Array:
        return ramp(window)


class Failing:
    """A model that fails on the lower half until the file is there that it waits for; writes down its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __call__(self, window: Window) -> Array:
        with (Path(self.folder) / "calls").open("a") as file:
            file.write(f"{window.top} {window.left}\n")
        if window.top >= 64 and not (Path(self.folder) / "mended").exists():
            raise OSError("the model has lost its weights")
        return ramp(window)


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    grid = PatchGrid((128, 64), 32)
    out = tmp_path / "a.zarr"

    def run() -> None:
        layer = xr.DataArray(stitch(Failing(tmp_path), grid, channels=0), dims=("y", "x"), name="layer")
        insarfeat.plan(layer, tile=64).run(out, scheduler=1)

    with pytest.raises(RunFailed, match="lost its weights"):
        run()
    assert partial_folder(out).exists()
    (tmp_path / "mended").touch()
    (tmp_path / "calls").unlink()
    run()
    calls = {tuple(map(int, line.split())) for line in (tmp_path / "calls").read_text().splitlines()}
    assert calls == {(64, 0), (64, 32), (96, 0), (96, 32)}
    found = insarfeat.open_stack(out)["layer"].values
    np.testing.assert_allclose(found, ramp(Window(0, 0, 128, 64)), rtol=1e-6, atol=1e-5)


def test_the_provenance_names_what_was_stitched(tmp_path: Path) -> None:
    raster = labelled(np.ones((40, 30), "f4"), "elevation")
    plan = insarfeat.plan(stitch(Twice(), PatchGrid(raster, 16), of=raster))
    assert plan.describe().sources == ("function Twice", "array in memory, 40 x 30 float32")
    mapped = kept("memmap", np.ones((6, 16, 16), "f4"), tmp_path)
    layer = stitch(mapped, PatchGrid(raster, 16))
    assert insarfeat.plan(layer).describe().sources == ("6 x 16 x 16 patches of a.dat",)


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:Port .* is already in use",
)
def test_on_a_cluster_by_address(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
    grid = PatchGrid(labelled(np.zeros((100, 90), "f4"), "elevation"), 24, 10)
    image = labelled(ramp(Window(0, 0, 100, 90)).astype("f4"), "elevation")
    patches = np.stack([ramp(window) for window in grid]).astype("f4")
    factor = 2.0
    whole = stitch(patches, grid).values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
        ) as cluster:
            found = {
                "stored": stitch(patches, grid),
                "mapped": stitch(kept("memmap", patches, tmp_path), grid),
                "zarr": stitch(kept("zarr", patches, tmp_path), grid),
                "dask": stitch(kept("dask", patches, tmp_path), grid),
                "window": stitch(Scaled(1.0), grid),
                "pixels": stitch(
                    lambda values: np.stack([values[:, 0], factor * values[:, 0]], 1), grid, of=image
                ),
                "chunks": stitch(Twice(), grid, of=image.chunk(y=33, x=41)),
            }
            for name, layer in found.items():
                out = tmp_path / f"{name}-out.zarr"
                insarfeat.plan(layer, tile=64).run(out, scheduler=cluster.scheduler_address)
                values = insarfeat.open_stack(out)["prediction"].values
                if values.ndim == 3:
                    np.testing.assert_array_equal(values[1], 2 * values[0])
                    values = values[0]
                np.testing.assert_allclose(values, whole, rtol=1e-6, atol=1e-5)


def test_inside_a_task_and_a_thread_pool() -> None:
    grid = PatchGrid((60, 50), 16, 8)
    patches = da.from_array(np.random.default_rng(0).random((len(grid), 16, 16)).astype("f4"), chunks=5)
    whole = stitch(patches, grid).compute()
    task = dask.delayed(lambda: stitch(patches, grid, chunk=20).compute())()
    np.testing.assert_array_equal(task.compute(scheduler="threads"), whole)
    np.testing.assert_array_equal(stitch(patches, grid, chunk=20).compute(scheduler="sync"), whole)
