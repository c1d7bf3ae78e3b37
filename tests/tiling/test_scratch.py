"""Layers behind steps over whole rasters, computed by Dask alone: one plan, once, in a temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import runner_of_a_flow_plan as flow
import xarray as xr
from contract import labelled

import insarfeat
from insarfeat import terrain
from insarfeat.dispatch import GeneratedSource
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import RunFailed
from insarfeat.windows import Shape, Window

RUNNER = Path(flow.__file__)
TESTS = RUNNER.parents[1]
ROUNDS = ("flats-1", "left-1")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders come to lie, and nothing else."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def alone(chunks: Any = (77, 130)) -> xr.Dataset:
    return flow.layers(labelled(da.from_array(flow.ground(), chunks=chunks), "elevation"))


@pytest.mark.parametrize("scheduler", ["threads", "synchronous", "processes"])
def test_dask_alone_gives_the_same_with_any_scheduler(scheduler: str) -> None:
    with dask.config.set(scheduler=scheduler):
        flow.assert_like_numpy(alone().compute())


@pytest.mark.parametrize("chunks", [(300, 280), (64, 64), ((1, 298, 1), (3, 270, 7)), (300, 1)])
def test_dask_alone_gives_the_same_on_any_chunks(chunks: Any) -> None:
    lazy = alone(chunks)
    if chunks == (300, 280):
        lazy = flow.layers(flow.lazy_dem())
    flow.assert_like_numpy(lazy.compute())


def counted(name: str) -> tuple[list[Window], xr.DataArray]:
    windows: list[Window] = []

    def read(window: Window) -> np.ndarray:
        windows.append(window)
        return flow.ground()[window.slices]

    return windows, flow.lazy_dem(read, name)


def test_dask_alone_runs_the_plan_once_however_often_it_is_asked(folders: Path) -> None:
    windows, dem = counted("ground-that-is-counted")
    lazy = terrain.flow_accumulation(dem, method="d8")
    assert windows == []
    expected = terrain.flow_accumulation(labelled(flow.ground(), "elevation"), method="d8")
    np.testing.assert_array_equal(lazy.compute(), expected)
    reads, made = len(windows), len(list(folders.iterdir()))
    assert reads > 0
    assert made == 1
    np.testing.assert_array_equal(lazy.compute(), expected)
    np.testing.assert_array_equal(lazy[40:90, 7:8].compute(), expected[40:90, 7:8])
    again = terrain.flow_accumulation(dem, method="d8")
    np.testing.assert_array_equal(again.compute(scheduler="synchronous"), expected)
    assert len(windows) == reads
    assert len(list(folders.iterdir())) == made


def test_threads_that_ask_at_once_wait_for_one_plan(folders: Path) -> None:
    windows, dem = counted("ground-of-many-threads")
    lazy = terrain.fill_depressions(dem)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(lazy.values)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 4
    assert len(windows) == 1  # one tile
    for found in results:
        np.testing.assert_array_equal(found, results[0])


def test_a_task_of_the_callers_own_may_compute_layers() -> None:
    @dask.delayed
    def mean(seed: int) -> float:
        dem = np.random.default_rng(seed).normal(size=(60, 50)).astype("f4")
        return float(terrain.flow_accumulation(da.from_array(dem, chunks=20), method="d8").mean().compute())

    found = dask.compute([mean(seed) for seed in range(6)])[0]
    for seed, value in enumerate(found):
        dem = np.random.default_rng(seed).normal(size=(60, 50)).astype("f4")
        assert value == pytest.approx(terrain.flow_accumulation(dem, method="d8").mean())


def small(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(40, 30)).cumsum(0).astype("f4")


def test_layers_of_what_dask_made_of_layers_give_the_same(tmp_path: Path) -> None:
    code = (
        "import numpy as np, dask.array as da; from insarfeat import terrain;"
        "dem = da.from_array(np.random.default_rng(5).normal(size=(40, 30)).cumsum(0).astype('f4'), chunks=(13, 30));"
        "doubled = terrain.fill_depressions(dem) * 2 + dem;"
        f"np.save({str(tmp_path / 'found.npy')!r}, terrain.flow_accumulation(doubled, method='d8').compute())"
    )
    # In a process of its own, which can be ended should the two plans wait for each other.
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)
    expected = terrain.flow_accumulation(terrain.fill_depressions(small(5)) * 2 + small(5), method="d8")
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)


def test_layers_of_what_dask_made_of_layers_give_the_same_in_a_plan(tmp_path: Path) -> None:
    def chain(dem: Any) -> Any:
        return terrain.flow_accumulation(terrain.fill_depressions(dem) * 2 + dem, method="d8")

    lazy = xr.DataArray(chain(da.from_array(small(6), chunks=(13, 30))), dims=("y", "x"), name="layer")
    stack = insarfeat.open_stack(insarfeat.plan(lazy, tile=16).run(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(stack["layer"], chain(small(6)))


def test_one_layer_in_two_chunkings_can_be_computed_at_once() -> None:
    dem = small(7)
    source = GeneratedSource(
        lambda window: dem[window.slices], Shape(40, 30), "f4", name="dem-in-two-chunkings"
    )
    one, other = (
        terrain.fill_depressions(lazy_source(source, chunks)) for chunks in (((40,), (30,)), ((9, 31), (30,)))
    )
    expected = terrain.fill_depressions(dem)
    for found in dask.compute(one, other):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal((one + other).compute(), expected * 2)


def test_a_failure_under_dask_alone_leaves_no_folder_and_the_next_try_works(folders: Path) -> None:
    broken = [True]

    def read(window: Window) -> np.ndarray:
        if broken[0]:
            raise OSError("the disk under this tile is gone")
        return flow.ground()[window.slices]

    lazy = terrain.twi(flow.lazy_dem(read, "ground-that-fails-alone"))
    with pytest.raises(RunFailed, match="the disk under this tile is gone"):
        lazy.compute()
    assert list(folders.iterdir()) == []
    broken[0] = False
    np.testing.assert_allclose(
        lazy.compute(), terrain.twi(labelled(flow.ground(), "elevation")), rtol=2e-7, atol=2e-7
    )


def test_temporary_folders_go_when_python_ends(tmp_path: Path) -> None:
    code = (
        "import numpy as np, dask.array as da; from insarfeat import terrain;"
        "print(terrain.fill_depressions(da.ones((9, 9), chunks=4)).sum().compute());"
        f"import os; print(len(os.listdir({str(tmp_path)!r})))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["81.0", "1"]
    assert list(tmp_path.iterdir()) == []
