"""A scheduler and workers as programs of their own, by address, as on a cluster that is there already."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tiling_scenes import layers

import insarfeat
from insarfeat.errors import RunFailed

pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")

TESTS = Path(__file__).parents[1]


@dataclass
class Programs:
    """A scheduler that stands alone, and workers when they are asked for."""

    folder: Path
    address: str = ""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(TESTS)}  # for the scene that the workers make
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "dask", *words]
            self.running.append(subprocess.Popen(command, stderr=log, stdout=log, env=environment))
        return self.running[-1]

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny")


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    found, told = Programs(tmp_path), tmp_path / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(told))
    found.start("scheduler", *words)
    until = time.monotonic() + 60
    while not told.exists() or not told.read_text():
        assert time.monotonic() < until, (tmp_path / "log").read_text()
        time.sleep(0.1)
    found.address = json.loads(told.read_text())["address"]
    yield found
    for process in found.running:
        process.kill()
        process.wait()


def assert_same(out: Path) -> None:
    stack = insarfeat.open_stack(out)
    for name, values in layers().compute().data_vars.items():
        np.testing.assert_array_equal(stack[name].values, values)


def test_the_command_line_runs_on_workers_that_come_late(
    programs: Programs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    threading.Timer(1.0, programs.worker).start()
    with caplog.at_level(logging.WARNING):
        out = insarfeat.plan(layers(), tile=128).run(tmp_path / "late.zarr", scheduler=programs.address)
    assert "the scheduler has no workers yet" in caplog.text
    assert_same(out)
    elevation = insarfeat.write(layers().compute()[["elevation"]], tmp_path / "dem.tif")
    command = [
        sys.executable,
        "-c",
        "import insarfeat.cli; insarfeat.cli.main()",
        "terrain",
        str(elevation),
        str(tmp_path / "slope.nc"),
    ]
    command += ["--layers", "slope", "--scheduler", programs.address]
    subprocess.run(command, check=True, capture_output=True)
    slope = insarfeat.open_stack(tmp_path / "slope.nc")["slope"].values
    np.testing.assert_array_equal(slope, layers()["slope"].values)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_whose_scheduler_dies_goes_on_with_another(programs: Programs, tmp_path: Path) -> None:
    programs.worker()
    seen: list[int] = []

    def end_it(progress: insarfeat.tiling.Progress) -> None:
        seen.append(progress.done)
        if progress.done == 4:
            programs.running[0].send_signal(signal.SIGKILL)

    out = tmp_path / "stack.zarr"
    with pytest.raises(RunFailed, match="Finished tiles are kept; run again to resume"):
        insarfeat.plan(layers(slow=0.05), tile=64).run(out, scheduler=programs.address, progress=end_it)
    assert not out.exists()
    again: list[int] = []
    insarfeat.plan(layers(slow=0.05), tile=64).run(
        out, scheduler=1, progress=lambda progress: again.append(progress.done)
    )
    assert min(again) >= max(seen)  # what was done is not done again
    assert_same(out)
