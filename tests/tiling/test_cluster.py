"""The same plan on dask.distributed: by client, by address, and with a worker that dies midway."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiling_scenes import heights, layers

import insarfeat

distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")

pytestmark = pytest.mark.filterwarnings(
    # Closing a cluster whose worker was killed leaves sockets and loops to Python's collector.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:Port .* is already in use:UserWarning",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
        ) as running:
            yield running


def expected() -> dict[str, np.ndarray]:
    return {name: variable.values for name, variable in layers().compute().data_vars.items()}


def assert_same(out: Path) -> None:
    stack = insarfeat.open_stack(out)
    for name, values in expected().items():
        np.testing.assert_array_equal(stack[name].values, values)


def test_by_address(cluster: Any, tmp_path: Path) -> None:
    out = insarfeat.plan(layers(), tile=64).run(tmp_path / "a.zarr", scheduler=cluster.scheduler_address)
    assert_same(out)


def test_by_client_with_somebody_elses_dask_arrays(cluster: Any, tmp_path: Path) -> None:
    stack = layers().chunk({"y": 50, "x": 33})
    slope = insarfeat.terrain.slope(stack["elevation"]).rename("again")
    with distributed.Client(cluster, set_as_default=False) as client:
        plan = insarfeat.plan(slope, tile=64)
        assert plan.describe(client).workers == 2
        out = plan.run(tmp_path / "a.nc", scheduler=client)
    np.testing.assert_array_equal(insarfeat.open_stack(out)["again"].values, expected()["slope"])


def test_a_worker_that_dies_midway_changes_nothing(cluster: Any, tmp_path: Path) -> None:
    victims = [worker.pid for worker in cluster.workers.values()][:1]

    def kill_one(progress: insarfeat.tiling.Progress) -> None:
        if progress.done == 5 and victims:
            os.kill(victims.pop(), signal.SIGKILL)

    plan = insarfeat.plan(layers(slow=0.03), tile=64)
    out = plan.run(tmp_path / "a.zarr", scheduler=cluster.scheduler_address, progress=kill_one)
    assert not victims
    assert_same(out)


def test_the_scene_is_the_same_in_any_window() -> None:
    whole = heights(0.0)(insarfeat.tiling.Window(0, 0, 60, 50))
    part = heights(0.0)(insarfeat.tiling.Window(7, 9, 20, 30))
    np.testing.assert_array_equal(whole[7:27, 9:39], part)
