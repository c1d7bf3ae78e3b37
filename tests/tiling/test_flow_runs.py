"""Layers of flow in plans: the same as NumPy's on threads and clusters, alone by Dask, and after any interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
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
from insarfeat.errors import RunFailed
from insarfeat.tiling import Progress, engine
from insarfeat.tiling.workspace import partial_folder
from insarfeat.windows import Window

RUNNER = Path(flow.__file__)
TESTS = RUNNER.parents[1]
ROUNDS = ("flats-1", "left-1")


def assert_through(out: Path) -> None:
    """The output is there, the same as NumPy's, and alone."""
    assert [entry.name for entry in out.parent.iterdir()] == [out.name]
    flow.assert_like_numpy(insarfeat.open_stack(out))


class Passes:
    """Reports of a run, pass by pass."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.reports: list[list[tuple[int, int]]] = []

    def __call__(self, progress: Progress) -> None:
        # The first report of a pass tells where it begins; no pass of this plan comes twice in a row.
        if not self.titles or self.titles[-1] != progress.stage:
            self.titles.append(progress.stage)
            self.reports.append([])
        self.reports[-1].append((progress.done, progress.total))

    @property
    def tiles_run(self) -> int:
        return sum(reports[-1][0] - reports[0][0] for reports in self.reports)


def journal_of(out: Path) -> Counter[str]:
    """How many tiles of each pass are noted as finished, in the order of the passes."""
    text = (partial_folder(out) / "journal").read_text()
    lines = text[: text.rfind("\n") + 1].splitlines()
    assert len(set(lines)) == len(lines), "a tile was noted twice"
    return Counter(line.partition("/")[2].rpartition(" ")[0] or line.split()[0] for line in lines)


# -- threads --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheduler", "suffix"), [(None, ".zarr"), (1, ".nc"), (3, ".zarr")])
def test_small_tiles_on_threads_give_what_numpy_gives(
    tmp_path: Path, scheduler: int | None, suffix: str
) -> None:
    plan = insarfeat.plan(flow.layers(flow.lazy_dem()), tile=flow.TILE)
    assert plan.describe().tiles == flow.TILES
    assert_through(plan.run(tmp_path / f"a{suffix}", scheduler=scheduler))


def test_the_scene_is_hard_enough(tmp_path: Path) -> None:
    ground, (filled, *_) = flow.ground(), flow.layers(labelled(flow.ground(), "elevation")).values()
    raised = filled.values > ground
    assert 0.05 < raised.mean() < 0.9
    for row in range(flow.TILE, flow.ROWS, flow.TILE):  # depressions and flats lie across every seam
        assert (raised[row - 1] & raised[row]).any()
    for column in range(flow.TILE, flow.COLUMNS, flow.TILE):
        assert (raised[:, column - 1] & raised[:, column]).any()
    passes = Passes()
    insarfeat.plan(flow.layers(flow.lazy_dem()), tile=flow.TILE).run(tmp_path / "a.zarr", progress=passes)
    for title in ("flats-3", "left-3"):  # and the rounds need several turns
        assert title in passes.titles


def test_progress_tells_each_pass_tile_by_tile(tmp_path: Path) -> None:
    passes = Passes()
    insarfeat.plan(flow.layers(flow.lazy_dem()), tile=flow.TILE).run(tmp_path / "a.nc", progress=passes)
    assert passes.titles[:3] == ["basins", "fill", "flats"]
    assert passes.titles[-2:] == ["layers", "writing"]
    for title, reports in zip(passes.titles[:-1], passes.reports[:-1], strict=True):
        totals = {total for _, total in reports}
        assert len(totals) == 1
        (total,) = totals
        assert [done for done, _ in reports] == list(range(total + 1))
        assert 0 < total <= flow.TILES
        assert total == flow.TILES or title.rpartition("-")[2].isdigit()  # only rounds leave tiles out


def test_layers_of_one_dem_share_its_filling_and_ranks(tmp_path: Path) -> None:
    dem = flow.lazy_dem()
    layers = xr.Dataset(
        {
            "twi": terrain.twi(dem),
            "sca": terrain.specific_catchment_area(dem),
            "cells": terrain.flow_accumulation(dem),
            "fed": terrain.flow_contamination(dem),
            "slope": terrain.slope(dem),
        }
    )
    plan = insarfeat.plan(layers, tile=flow.TILE)
    told = plan.describe()
    # The area that twi and sca stand on, the cells, and the water from the border.
    assert told.stages == ("fill_depressions", "rank_flats", "spread", "spread", "spread", "layers")
    passes = Passes()
    stack = insarfeat.open_stack(plan.run(tmp_path / "a.zarr", progress=passes))
    run = Counter(passes.titles)
    assert [run[title] for title in ("basins", "fill", "flats", "ranks", "water", "joined", "layers")] == [
        1, 1, 1, 1, 3, 3, 1,
    ]  # fmt: skip
    eager = labelled(flow.ground(), "elevation")
    np.testing.assert_array_equal(stack["fed"], terrain.flow_contamination(eager))
    np.testing.assert_array_equal(stack["slope"], terrain.slope(eager))
    np.testing.assert_allclose(stack["cells"], terrain.flow_accumulation(eager), rtol=1e-9)
    np.testing.assert_allclose(stack["twi"], terrain.twi(eager), rtol=2e-7, atol=2e-7)
    np.testing.assert_allclose(stack["sca"], terrain.specific_catchment_area(eager), rtol=2e-7)


def test_whole_weights_are_added_up_bit_for_bit_by_d8_and_nearly_so_by_the_others(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).integers(0, 1000, flow.ground().shape)
    dem, eager = flow.lazy_dem(), labelled(flow.ground(), "elevation")
    found = {}
    for method in ("d8", "mfd", "dinf"):
        rain = eager.copy(data=weights)
        layer = terrain.flow_accumulation(dem, method=method, weights=rain.chunk({"y": 90, "x": 50}))
        out = insarfeat.plan(layer, tile=flow.TILE).run(tmp_path / f"{method}.zarr")
        found[method] = insarfeat.open_stack(out)["flow_accumulation"].values
        expected = terrain.flow_accumulation(eager, method=method, weights=rain).values
        np.testing.assert_allclose(found[method], expected, rtol=1e-9 if method != "d8" else 0)


def test_what_tiles_keep_is_gone_when_their_step_is_through(tmp_path: Path) -> None:
    out = tmp_path / "a.zarr"
    most, left = [0], []

    def look(progress: Progress) -> None:
        if progress.done not in (0, progress.total):
            return
        files = [path for path in (partial_folder(out) / "aside").rglob("*") if path.is_file()]
        most[0] = max(most[0], len(files))
        if progress.stage == "layers":
            left.extend(files)

    dem = flow.lazy_dem()
    layers = {
        **flow.layers(dem).data_vars,
        "falling": terrain.fill_depressions(dem, epsilon=True),
        "cut": terrain.fill_depressions(dem, breach=True),
        "ends": terrain.basins(dem),
        "wet": terrain.wetness_index(dem),
    }
    insarfeat.plan(xr.Dataset(layers), tile=flow.TILE).run(out, progress=look)
    assert most[0] > flow.TILES
    assert left == []


def test_chunks_of_somebody_elses_dask_array_are_made_once_in_each_pass_that_reads_them(
    tmp_path: Path,
) -> None:
    made: list[int] = []
    lock = threading.Lock()

    def count(block: np.ndarray) -> np.ndarray:
        with lock:
            made.append(block.size)
        return block

    rows = da.from_array(flow.ground(), chunks=(flow.TILE, flow.TILE))
    dem = labelled(rows.map_blocks(count, dtype="f4", meta=np.empty((0, 0), "f4")), "elevation")
    passes = Passes()
    plan = insarfeat.plan(terrain.flow_contamination(dem), tile=flow.TILE)
    plan.run(tmp_path / "a.zarr", progress=passes)
    # Basins and fill; the water that comes from the DEM's border. Rounds live on what tiles have kept.
    readers = [title for title in passes.titles if title in ("basins", "fill", "water")]
    assert len(made) <= len(readers) * flow.TILES


# -- interruptions --------------------------------------------------------------------------------------------


def test_a_source_that_fails_halfway_is_one_clear_error_and_the_run_resumes_later(tmp_path: Path) -> None:
    broken = [True]

    def read(window: Window) -> np.ndarray:
        if broken[0] and window.top > 150:
            raise OSError("the disk under this tile is gone")
        return flow.ground()[window.slices]

    def plan() -> insarfeat.tiling.Plan:
        return insarfeat.plan(flow.layers(flow.lazy_dem(read, "ground-that-fails")), tile=flow.TILE)

    out = tmp_path / "a.zarr"
    with pytest.raises(RunFailed) as failed:
        plan().run(out, scheduler=1)
    assert str(failed.value) == (
        "a tile failed: OSError: the disk under this tile is gone. Finished tiles are kept; run again to resume"
    )
    assert isinstance(failed.value.__cause__, OSError)
    assert not out.exists()
    done = journal_of(out)
    assert list(done) == ["basins"]
    assert 5 <= done["basins"] <= 15
    broken[0] = False
    passes = Passes()
    plan().run(out, progress=passes)
    assert passes.titles[0] == "basins"
    assert passes.reports[0][0] == (done["basins"], flow.TILES)
    assert_through(out)


def test_a_source_that_fails_at_last_loses_no_stage(tmp_path: Path) -> None:
    at = [""]

    def read(window: Window) -> np.ndarray:
        if at[0] == "layers" and window.top > 150:
            raise OSError("the network is down")
        return flow.ground()[window.slices]

    def plan() -> insarfeat.tiling.Plan:
        return insarfeat.plan(flow.layers(flow.lazy_dem(read, "ground-that-fails-late")), tile=flow.TILE)

    def tell(progress: Progress) -> None:
        at[0] = progress.stage

    out = tmp_path / "a.zarr"
    with pytest.raises(RunFailed, match="the network is down"):
        plan().run(out, scheduler=1, progress=tell)
    at[0] = ""
    passes = Passes()
    plan().run(out, progress=passes)
    for title, reports in zip(passes.titles, passes.reports, strict=True):
        done, total = reports[0]
        assert (done == total) == (title != "layers")
    assert_through(out)


def test_stopped_by_the_user_after_every_few_reports_it_ends_the_same(tmp_path: Path) -> None:
    (tmp_path / "straight").mkdir()
    (tmp_path / "stopped").mkdir()
    out = tmp_path / "stopped" / "a.zarr"
    plan = insarfeat.plan(flow.layers(flow.lazy_dem()), tile=flow.TILE)
    straight = Passes()
    plan.run(tmp_path / "straight" / "a.zarr", progress=straight)
    few = straight.tiles_run // 12
    stops = run = 0
    while not out.exists():
        passes = Passes()

        def stop(progress: Progress, passes: Passes = passes) -> None:
            passes(progress)
            if passes.tiles_run == few:
                raise KeyboardInterrupt

        try:
            plan.run(out, progress=stop)
        except KeyboardInterrupt:
            stops += 1
            assert sum(journal_of(out).values()) == run + few
        run += passes.tiles_run
    assert stops >= 12
    assert run == straight.tiles_run  # no tile was noted twice, and none was left out
    assert_through(out)


def start(out: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(RUNNER.parent)))}
    return subprocess.Popen(
        [sys.executable, str(RUNNER), str(out)], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_killed_early_in_the_rounds_and_late_it_goes_on_from_there(tmp_path: Path) -> None:
    out = tmp_path / "a.zarr"
    before: Counter[str] = Counter()
    for title, tiles in (
        ("basins", 4),
        ("flats-2", 3),
        ("ways", 20),
        ("left-2", 1),
        ("joined", 24),
        ("layers", 8),
    ):
        passes = Passes()
        with start(out) as process:
            assert process.stdout is not None
            for line in process.stdout:
                name, done, total = line.split()
                passes(Progress(name, int(done), int(total)))
                if name == title and int(done) >= tiles:
                    process.send_signal(signal.SIGKILL)
                    break
            assert process.wait(60) == -signal.SIGKILL, f"the run was through before {title}"
        assert_goes_on_from(before, passes)
        before = journal_of(out)
        assert before[title] >= tiles
        assert not out.exists()
    passes = Passes()
    with start(out) as process:
        assert process.stdout is not None
        for line in process.stdout:
            name, done, total = line.split()
            passes(Progress(name, int(done), int(total)))
        assert process.wait(120) == 0
    assert_goes_on_from(before, passes)
    assert_through(out)


def assert_goes_on_from(before: Counter[str], passes: Passes) -> None:
    """Each pass begins with the tiles that the run before had finished."""
    for title, reports in zip(passes.titles, passes.reports, strict=True):
        assert reports[0][0] == before[title], f"{title} began at {reports[0]} after {before}"


# -- a cluster ------------------------------------------------------------------------------------------------

of_clusters = pytest.mark.filterwarnings(
    # Closing a cluster whose worker was killed leaves sockets and loops to Python's collector.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:Port .* is already in use:UserWarning",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
        ) as running:
            yield running


@of_clusters
def test_processes_of_a_cluster_by_address_give_the_same(cluster: Any, tmp_path: Path) -> None:
    plan = insarfeat.plan(flow.layers(flow.lazy_dem()), tile=flow.TILE)
    assert_through(plan.run(tmp_path / "a.zarr", scheduler=cluster.scheduler_address))


@of_clusters
def test_somebody_elses_dask_arrays_on_a_cluster_by_client_give_the_same(
    cluster: Any, tmp_path: Path
) -> None:
    from distributed import Client

    dem = labelled(da.from_array(flow.ground(), chunks=(77, 130)), "elevation")
    with Client(cluster, set_as_default=False) as client:
        out = insarfeat.plan(flow.layers(dem), tile=flow.TILE).run(tmp_path / "a.zarr", scheduler=client)
    assert_through(out)


@of_clusters
@pytest.mark.parametrize("title", ["basins", *ROUNDS])
def test_a_worker_that_is_killed_in_a_pass_changes_nothing(cluster: Any, tmp_path: Path, title: str) -> None:
    victims = [worker.pid for worker in cluster.workers.values()][:1]

    def kill_one(progress: Progress) -> None:
        if progress.stage == title and progress.done == 3 and victims:
            os.kill(victims.pop(), signal.SIGKILL)

    plan = insarfeat.plan(flow.layers(flow.lazy_dem(flow.heights(0.01))), tile=flow.TILE)
    out = plan.run(tmp_path / "a.zarr", scheduler=cluster.scheduler_address, progress=kill_one)
    assert not victims
    assert_through(out)


@of_clusters
def test_a_source_that_fails_on_a_cluster_is_one_clear_error(cluster: Any, tmp_path: Path) -> None:
    plan = insarfeat.plan(terrain.twi(flow.lazy_dem(flow.fails)), tile=flow.TILE)
    with pytest.raises(RunFailed, match=r"^a tile failed: OSError: the disk under this tile is gone\. Fin"):
        plan.run(tmp_path / "a.zarr", scheduler=cluster.scheduler_address)


@of_clusters
def test_dask_alone_on_a_cluster_gives_the_same(cluster: Any) -> None:
    from distributed import Client

    lazy = flow.layers(labelled(da.from_array(flow.ground(), chunks=(77, 130)), "elevation"))
    with Client(cluster, set_as_default=False) as client:
        found = client.compute(lazy, sync=True)
    flow.assert_like_numpy(found)


def test_all_tiles_are_noted_though_other_work_of_dask_ends_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        end.wait(30)

    other = threading.Thread(target=dask.get, args=({"other": (wait,)}, "other"))
    other.start()
    assert begun.wait(30)
    get = engine.get_on_threads

    def get_when_the_other_has_ended(*arguments: Any, **options: Any) -> Any:
        end.set()
        other.join(30)
        return get(*arguments, **options)

    monkeypatch.setattr(engine, "get_on_threads", get_when_the_other_has_ended)
    passes = Passes()
    plan = insarfeat.plan(terrain.fill_depressions(flow.lazy_dem()), tile=flow.TILE)
    plan.run(tmp_path / "a.zarr", progress=passes)
    assert [reports[-1] for reports in passes.reports] == [(flow.TILES, flow.TILES)] * 3
